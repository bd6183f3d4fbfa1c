#!/usr/bin/env python3
"""Times and memory of a service with a memory, against the same service without it.

    python3 scripts/memory/serving.py [--lmoe .build/release/lmoe] [--rounds 20] [--tokens 60] [--facts-stored N] [--filled FOLDER] [--json FILE]

- told: one fact over HTTP, from the request to its answer, when it is served; idle, and beside four streams. Median and worst.
- decode: tokens a second of one stream and of four, of answers that come from memory (the gate is open) and of the base's answers of as many
  tokens to the same questions, in turns. Without speculation, which would depend on the texts.
- first token: what a memory adds to the time to the first token, on texts that the service has not seen, in turns: gate open and gate closed.
- resident: VmRSS of the service with `--facts-stored N` facts of which 1,000 were asked, and with a memory of few facts. Most facts are
  filled in by `swift test --filter StoreFill`: their questions and keys are their own, their answers are copies. `--filled FOLDER` keeps the
  folder, or takes one that was filled before.

A quiet machine, and a release build, give figures that mean something. Needs Python's standard library alone.
"""

import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import random
import re
import shlex
import statistics
import string
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from served import FIRST, LAST, Service

THINGS = ["access code", "serial number", "door code", "voucher code", "wifi password", "licence number", "tracking number", "recovery phrase"]
PLACES = ["harbour", "library", "mill", "bridge", "orchard", "station", "tower", "market", "meadow", "lighthouse"]


class Facts:
    """Questions and answers that are drawn once each."""

    def __init__(self):
        self.draw = random.Random(7)
        self.names = [first + last for first in FIRST for last in LAST]
        self.draw.shuffle(self.names)

    def fact(self, length=12):
        name, thing = self.names.pop(), self.draw.choice(THINGS)
        answer = "".join(self.draw.choice(string.ascii_uppercase + string.digits) for _ in range(length))
        return {"question": f"What is the {thing} of the {name} warehouse?", "answer": answer, "other": f"Tell me the {thing} of the {name} warehouse."}

    def unrelated(self):
        return f"Write a line about the {self.draw.choice(PLACES)} of {self.names.pop()} and a {self.draw.choice(PLACES)}."


class Server(Service):
    """A service whose every request asks the memory, and is timed."""

    def __init__(self, lmoe, adapters, *flags):
        super().__init__(lmoe, adapters, "--memory", "facts", *flags)

    def open(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.connect()
        data = None if body is None else json.dumps(body).encode()
        start = time.perf_counter()
        connection.request(method, path, data, {"Content-Type": "application/json"})
        return start, connection.getresponse()

    def send(self, method, path, body=None):
        start, reply = self.open(method, path, body)
        text = reply.read()
        return reply.status, text, time.perf_counter() - start

    def call(self, method, path, body=None):
        status, text, seconds = self.send(method, path, body)
        if status != 200:
            sys.exit(f"error: {method} {path}: status {status}: {text[:500]}")
        return json.loads(text), seconds

    def tell(self, fact):
        body = {"memory": "facts", "question": fact["question"], "answer": fact["answer"]}
        status, text, seconds = self.send("POST", "/v1/memories", body)
        document = json.loads(text)
        if status != 200 or document["status"] != "added":
            sys.exit(f"error: {body} was not told: status {status}: {document}")
        return seconds

    @staticmethod
    def chat(text, memory, tokens, **more):
        return {"model": "base", "memory": memory, "temperature": 0, "max_tokens": tokens, "messages": [{"role": "user", "content": text}], **more}

    def ask(self, text, memory="facts", tokens=32):
        reply, _ = self.call("POST", "/v1/chat/completions", self.chat(text, memory, tokens))
        return reply["choices"][0]["message"]["content"], (reply["lmoe"].get("memory") or {}).get("fact")

    def stream(self, text, memory, tokens, keeps_on=False, stop=None):
        """Seconds to the first text, seconds from there to the last, tokens, text, and whether a fact answered."""
        body = self.chat(text, memory, tokens, stream=True, stream_options={"include_usage": True}, ignore_eos=keeps_on)
        start, reply = self.open("POST", "/v1/chat/completions", body)
        if reply.status != 200:
            sys.exit(f"error: status {reply.status}: {reply.read()[:500]}")
        first = last = None
        count, found, whole = 0, False, ""
        for line in reply:
            if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                continue
            event = json.loads(line[6:])
            found = found or bool((event.get("lmoe") or {}).get("memory"))
            if event.get("usage"):
                count = event["usage"]["completion_tokens"]
            content = event["choices"][0]["delta"].get("content") if event["choices"] else None
            if content:
                whole += content
                last = time.perf_counter()
                first = first or last
            if stop is not None and stop.is_set():
                break
        first, last = first or time.perf_counter(), last or time.perf_counter()
        return first - start, last - first, count, whole, found

    def resident(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) / 1024


class Report:
    def __init__(self):
        self.figures = {}

    def note(self, name, text, value):
        self.figures[name] = value
        print(f"{name}: {text}", flush=True)

    def times(self, name, values):
        middle, worst = statistics.median(values), max(values)
        self.note(name, f"median {middle:.3f} s, worst {worst:.3f} s of {len(values)}", {"median": middle, "worst": worst})


def told(server, facts, rounds, report):
    def measure(name):
        times = []
        for _ in range(rounds):
            fact = facts.fact()
            times.append(server.tell(fact))
            answer, _ = server.ask(fact["question"])
            if answer != fact["answer"]:
                sys.exit(f"error: {fact} was told, and the answer is {answer!r}")
        report.times(name, times)

    server.tell(facts.fact())
    measure("told, idle")
    stop, started = threading.Event(), threading.Barrier(5)

    def stream(number):
        server.stream(f"Tell a long story about the number {number}.", False, 4, True)
        started.wait()
        while not stop.is_set():
            server.stream(f"Tell a long story about the number {number}.", False, 1_000, True, stop)

    threads = [threading.Thread(target=stream, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    time.sleep(1)
    measure("told, beside 4 streams")
    stop.set()
    for thread in threads:
        thread.join()


def decode(server, facts, rounds, tokens, report):
    long = [facts.fact(tokens) for _ in range(4)]
    for fact in long:
        server.tell(fact)
    counts = []

    def measure(streams, memory):
        """Tokens a second of all streams together."""
        with concurrent.futures.ThreadPoolExecutor(streams) as pool:
            chosen = long[:streams]
            # The end is no token of the answer's text: the base writes as many.
            runs = list(pool.map(lambda fact: server.stream(fact["question"], memory, lengths.get(fact["question"], 200), not memory), chosen))
        for fact, (_, _, count, text, found) in zip(chosen, runs):
            if memory and (not found or text != fact["answer"]):
                sys.exit(f"error: the fact {fact} did not answer: {text!r}")
            if memory:
                lengths[fact["question"]] = count
                counts.append(count)
        return sum((count - 1) / seconds for _, seconds, count, _, _ in runs)

    for streams in (1, 4):
        lengths, rates = {}, {True: [], False: []}
        measure(streams, "facts")
        for _ in range(rounds):
            rates[True].append(measure(streams, "facts"))
            rates[False].append(measure(streams, False))
        on, off = statistics.median(rates[True]), statistics.median(rates[False])
        text = f"{on:.1f} tokens/s from memory, {off:.1f} of the base, {on / off:.3f} of it; {min(counts)} to {max(counts)} tokens, median of {rounds}"
        report.note(f"decode, {streams} stream{'s' * (streams > 1)}", text, {"memory": on, "base": off})


def first_token(server, facts, rounds, report):
    """Each text is asked once, so nothing but the template is cached."""
    told = [facts.fact() for _ in range(2 * rounds)]
    for fact in told:
        server.tell(fact)
    times = {key: [] for key in ("open", "off, same kind", "closed", "off, unrelated")}
    opened = 0
    for number in range(rounds):
        for key, text, memory in (
                ("open", told[2 * number]["other"], "facts"), ("off, same kind", told[2 * number + 1]["other"], False),
                ("closed", facts.unrelated(), "facts"), ("off, unrelated", facts.unrelated(), False)):
            seconds, _, _, _, found = server.stream(text, memory, 2, True)
            if found == (key == "open"):
                times[key].append(seconds)
            opened += found
    for gate, base in (("open", "off, same kind"), ("closed", "off, unrelated")):
        if not times[gate]:
            sys.exit(f"error: the gate was never {gate}")
        on, off = 1000 * statistics.median(times[gate]), 1000 * statistics.median(times[base])
        text = f"{on:.2f} ms against {off:.2f} ms, {on - off:+.2f} ms; medians of {len(times[gate])} and {len(times[base])} texts"
        report.note(f"first token, gate {gate}", text, {"memory": on, "off": off})


def resident(options, folder, few, report):
    filled = options.filled or folder / "filled"
    if not (filled / "facts").exists():
        filled.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", str(few / "facts"), str(filled / "facts")], check=True)
    print("filling: answers are copies of facts that were written, questions and keys are not", flush=True)
    subprocess.run(
        shlex.split(options.fill_with), check=True, stdout=subprocess.DEVNULL,
        env={**os.environ, "LMOE_FILL_MEMORY": str((filled / "facts").resolve()), "LMOE_FILL_FACTS": str(options.facts_stored)})
    sizes, chosen = {}, None
    # Both answer the same questions, whose keys and values stay in the prefix cache: with few facts, the base answers them.
    for name, place in ((f"{options.facts_stored:,} facts", filled), ("few facts", few)):
        with Server(options.lmoe, str(place)) as server:
            chosen = chosen or random.Random(3).sample(questions(server), options.asked)
            start = server.resident()
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                opened = sum(fact is not None for _, fact in pool.map(lambda text: server.ask(text, "facts", 8), chosen))
            sizes[name] = server.resident()
            text = f"{sizes[name]:.1f} MiB with {options.asked:,} questions asked, of which {opened} opened the gate; {start:.1f} MiB before"
            report.note(f"resident, {name}", text, {"mebibytes": sizes[name], "before": start, "opened": opened})
    second, first = sizes.values()
    report.note("resident, the difference", f"{second - first:.1f} MiB", second - first)


def questions(server):
    """Of all facts that are stored."""
    texts, after = [], ""
    while True:
        page, _ = server.call("GET", f"/v1/memories?memory=facts&limit=1000{after}")
        texts += [fact["question"] for fact in page["data"]]
        if not page["has_more"]:
            return texts
        after = "&after=" + urllib.parse.quote(page.get("next_after") or page["data"][-1]["id"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lmoe", default=".build/release/lmoe")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=60, help="letters and digits of an answer in `decode`; a little more than its tokens")
    parser.add_argument("--facts-stored", type=int, default=0)
    parser.add_argument("--asked", type=int, default=1_000, help="questions of `resident`")
    parser.add_argument("--filled", type=pathlib.Path)
    parser.add_argument("--fill-with", default="swift test --skip-build --filter MemoryTests.StoreFill")
    parser.add_argument("--only", choices=["told", "decode", "first", "resident"])
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    report, facts = Report(), Facts()

    def wants(part):
        return options.only in (None, part)

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        adapters = folder / "adapters"
        adapters.mkdir()
        first = folder / "first.jsonl"
        first.write_text("".join(json.dumps({key: fact[key] for key in ("question", "answer")}) + "\n" for fact in (facts.fact(6) for _ in range(8))))
        subprocess.run([options.lmoe, "remember", "--adapters", str(adapters), "--memory", "facts", "--file", str(first)], check=True, capture_output=True)
        if any(map(wants, ("told", "decode", "first"))):
            with Server(options.lmoe, str(adapters), "--speculation", "off") as server:
                if wants("told"):
                    told(server, facts, options.rounds, report)
                if wants("decode"):
                    decode(server, facts, options.rounds, options.tokens, report)
                if wants("first"):
                    first_token(server, facts, options.rounds, report)
        if options.facts_stored and wants("resident"):
            resident(options, folder, adapters, report)
    if options.json:
        options.json.write_text(json.dumps(report.figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
