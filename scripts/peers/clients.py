"""Many clients of one completion server, in one thread: the same code asks lmoe and llama-server.

A client sends one request with its prompt as token ids and reads the stream to its end. Until its first text comes each event is
parsed; after that bytes are only collected, so that the clients take little of the machine that they measure.
"""

import dataclasses
import json
import random
import re
import selectors
import socket
import statistics
import time

TOKENS = re.compile(rb'"(?:completion_tokens|tokens_predicted)": ?(\d+)')


@dataclasses.dataclass
class Reply:
    """Seconds since the request was sent."""
    first_text: float
    end: float
    tokens: int


@dataclasses.dataclass
class Wave:
    """Requests that were sent at once. Seconds from the first send to the last reply."""
    seconds: float
    replies: list

    @property
    def tokens_per_second(self):
        return sum(reply.tokens for reply in self.replies) / self.seconds

    @property
    def worst_first(self):
        return max(reply.first_text for reply in self.replies)

    @property
    def median_first(self):
        return statistics.median(reply.first_text for reply in self.replies)

    @property
    def decode_rate(self):
        """Of one client: tokens after the first one over their time."""
        reply = self.replies[0]
        return (reply.tokens - 1) / (reply.end - reply.first_text)


def prompts(count, length, seed):
    """Token ids, all different from the first one on, so that no prefix is shared. Ids below 1000 may be special."""
    source = random.Random(seed)
    return [[source.randrange(1000, 40000) for _ in range(length)] for _ in range(count)]


class Client:
    def __init__(self, port, path, body):
        payload = json.dumps(body).encode()
        head = (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n")
        self.request = head.encode() + payload
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()
        self.parsed = 0
        self.first = self.sent = self.end = None

    def send(self):
        self.sent = time.perf_counter()
        self.socket.sendall(self.request)
        self.socket.setblocking(False)

    def receive(self):
        """False at the end of the reply."""
        data = self.socket.recv(1 << 16)
        now = time.perf_counter()
        self.received += data
        if self.first is None and self.has_text():
            self.first = now
        if data:
            return True
        self.end = now
        self.socket.close()
        return False

    def has_text(self):
        while (begin := self.received.find(b"data: {", self.parsed)) >= 0:
            if (end := self.received.find(b"\n", begin)) < 0:
                return False
            self.parsed = end
            event = json.loads(self.received[begin + 6:end])
            if event.get("content") or any(choice.get("text") for choice in event.get("choices", [])):
                return True
        return False

    def reply(self):
        counts = TOKENS.findall(bytes(self.received))
        if self.first is None or not counts:
            raise RuntimeError(f"no whole reply: {bytes(self.received[:600])!r}")
        return Reply(self.first - self.sent, self.end - self.sent, int(counts[-1]))


def wave(port, requests):
    """Sends all (path, body) at once; waits for all replies."""
    clients = [Client(port, path, body) for path, body in requests]
    selector = selectors.DefaultSelector()
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
    begin = time.perf_counter()
    for client in clients:
        client.send()
    left = len(clients)
    while left:
        for key, _ in selector.select(timeout=120):
            if not key.data.receive():
                selector.unregister(key.fileobj)
                left -= 1
    seconds = time.perf_counter() - begin
    return Wave(seconds, [client.reply() for client in clients])
