#!/usr/bin/env python3
"""Tells and asks a memory over HTTP from many clients at once, while the server is killed again and again.

    python3 scripts/memory/soak.py [--lmoe .build/release/lmoe] [--minutes 10] [--tellers 100] [--askers 100] [--between-kills 30] [--seed N] [--json FILE]

`lmoe serve` runs on a folder with one memory. Each teller has questions of its own: it tells them, alone and in lists, changes answers,
forgets facts and tells them again. Each asker asks for facts that were told, changed and forgotten. At random moments the server gets
`kill -9`, and is started again. What may be answered follows from what was acknowledged, and when:

- a change that was acknowledged before a question was asked is in its answer, and so is that a fact was forgotten;
- a call that the kill cut off, or that runs while the question is asked, may have either outcome.

The first answer, or the first stored fact, that this does not allow ends the script with status 1 and a message. At the end the server is
killed once more; then the list of facts must be what was acknowledged, and `lmoe memory verify` must find every fact exact.

Answers that come from a fact of another question are mistakes of the gate and not of the store: they are counted, and up to 0.3 % of the
questions may have one. So are requests that the server refuses because too many wait (429, 503), which are sent again after `Retry-After`.

Needs Python's standard library alone.
"""

import argparse
import contextlib
import http.client
import json
import pathlib
import random
import shlex
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import served
from served import FIRST, KINDS, LAST

MEMORY = "facts"
MOST_GATE_MISTAKES = 0.003

THINGS = [thing for thing, _ in served.THINGS]


class Violation(Exception):
    pass


class Question:
    """What one question may be answered with, and from when on. None: the base answers."""

    def __init__(self, text):
        self.text = text
        self.id = None
        self.lock = threading.Lock()
        self.history = [(0.0, frozenset([None]))]

    @property
    def possible(self):
        with self.lock:
            return self.history[-1][1]

    def become(self, values):
        with self.lock:
            self.history.append((time.monotonic(), frozenset(values)))

    def allowed(self, start, end):
        """All that held at some moment between the two."""
        with self.lock:
            before = [values for moment, values in self.history if moment <= start][-1]
            return before.union(*(values for moment, values in self.history if start < moment <= end))


class Counts:
    def __init__(self):
        self.lock = threading.Lock()
        self.numbers = {}
        self.worst = {}

    def add(self, name, number=1):
        with self.lock:
            self.numbers[name] = self.numbers.get(name, 0) + number

    def time(self, name, seconds):
        with self.lock:
            self.worst[name] = max(self.worst.get(name, 0), seconds)

    def __getitem__(self, name):
        with self.lock:
            return self.numbers.get(name, 0)


class Server:
    """The process that is killed and started again, always on the same port."""

    def __init__(self, lmoe, folder, adapters, more=()):
        self.arguments = [lmoe, "serve", "--adapters", adapters, "--routes", "none", "--memory", MEMORY, "--log-level", "warning", *more]
        self.log = open(folder / "server.log", "ab")
        self.path = folder / "server.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = None
        # Clients wait for it: hundreds that try to connect would slow the start down.
        self.ready = threading.Event()

    def start(self):
        self.process = subprocess.Popen([*self.arguments, "--port", str(self.port)], stdout=self.log, stderr=self.log)
        start = time.monotonic()
        while time.monotonic() - start < 180:
            self.check()
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/ready")
                if connection.getresponse().status == 200:
                    return self.ready.set()
            except OSError:
                pass
            finally:
                connection.close()
            time.sleep(0.05)
        raise Violation("the server was not ready after three minutes")

    def check(self):
        if self.process.poll() is not None:
            raise Violation(f"the server ended by itself with status {self.process.returncode}:\n{self.tail()}")

    def kill(self):
        self.ready.clear()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(120)

    def tail(self):
        return "".join(self.path.read_text(errors="replace").splitlines(True)[-20:])


class Client:
    """One connection, opened again when the server was killed."""

    def __init__(self, soak):
        self.soak = soak
        self.connection = None

    def call(self, kind, method, path, body=None):
        """Status and document; a status of None: nobody knows what became of it."""
        while True:
            while not self.soak.server.ready.wait(0.5):
                if self.soak.over.is_set():
                    return None, None
            start = time.monotonic()
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.soak.server.port, timeout=600)
                    self.connection.connect()
            except OSError:
                self.close()
                if self.soak.pause(0.2):
                    return None, None
                continue
            try:
                data = None if body is None else json.dumps(body).encode()
                self.connection.request(method, path, data, {"Content-Type": "application/json"})
                reply = self.connection.getresponse()
                text = reply.read()
            except TimeoutError:
                raise Violation(f"{method} {path} had no answer after ten minutes")
            except (OSError, http.client.HTTPException):
                self.close()
                self.soak.counts.add("calls cut off by a kill")
                return None, None
            self.soak.counts.time(kind, time.monotonic() - start)
            if reply.status in (429, 503):
                wait = reply.getheader("retry-after")
                if wait is None:
                    raise Violation(f"{method} {path}: status {reply.status} without Retry-After")
                self.soak.counts.add(f"refused with {reply.status}, sent again")
                if self.soak.pause(min(float(wait), 5) * random.uniform(0.5, 1)):
                    return reply.status, json.loads(text)
                continue
            return reply.status, json.loads(text)

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


class Soak:
    def __init__(self, options, server):
        self.options = options
        self.server = server
        self.counts = Counts()
        self.over = threading.Event()
        self.violation = None
        self.lock = threading.Lock()
        self.asked = []
        names = [first + last for first in FIRST for last in LAST]
        random.shuffle(names)
        self.shares = [[] for _ in range(options.tellers)]
        for place, name in enumerate(names):
            self.shares[place % options.tellers] += [f"What is the {thing} of the {name} {kind}?" for thing in THINGS for kind in KINDS]
        self.questions = []

    def pause(self, seconds):
        return self.over.wait(seconds)

    def guard(self, body, *arguments):
        try:
            body(*arguments)
        except Exception as error:
            with self.lock:
                if self.violation is None:
                    self.violation = error
            self.over.set()

    # Tellers

    def tell(self, seed, texts):
        draw, client = random.Random(seed), Client(self)
        draw.shuffle(texts)
        own = []
        while not self.over.is_set():
            unsure = [q for q in own if len(q.possible) > 1]
            if unsure:
                for question in unsure:
                    self.settle(client, question)
                continue
            told = [q for q in own if None not in q.possible]
            forgotten = [q for q in own if q.possible == {None}]
            choice = draw.random()
            if told and choice < 0.2:
                self.change(client, draw, draw.choice(told))
            elif told and choice < 0.35:
                self.forget(client, draw.choice(told))
            elif forgotten and choice < 0.45:
                self.tell_some(client, draw, [draw.choice(forgotten)])
            elif texts:
                fresh = [Question(texts.pop()) for _ in range(min(len(texts), 1 if choice < 0.9 else draw.randint(2, 5)))]
                own += fresh
                with self.lock:
                    self.questions += fresh
                self.tell_some(client, draw, fresh)
            self.pause(draw.uniform(0, 0.5))
        client.close()

    @staticmethod
    def answer(draw):
        return "".join(draw.choice(string.ascii_uppercase + string.digits) for _ in range(8))

    def tell_some(self, client, draw, questions):
        facts = [{"question": q.text, "answer": self.answer(draw)} for q in questions]
        for question, fact in zip(questions, facts):
            question.become(question.possible | {fact["answer"]})
        body = {"memory": MEMORY, **facts[0]} if len(facts) == 1 else {"memory": MEMORY, "facts": facts}
        status, document = client.call("to tell", "POST", "/v1/memories", body)
        if status is None:
            return
        results = [document] if len(facts) == 1 else document.get("data")
        if results is None:
            results = [document] * len(facts)
        for question, fact, result in zip(questions, facts, results):
            if result.get("status") in ("added", "replaced"):
                if result["question"] != question.text or result["answer"] != fact["answer"]:
                    raise Violation(f"told {fact}, acknowledged {result}")
                question.id = result["id"]
                question.become([fact["answer"]])
                self.counts.add("told")
            else:
                self.refused(status, result, question, question.possible - {fact["answer"]})

    def refused(self, status, document, question, values):
        code = (document.get("error") or {}).get("code")
        if status == 500 or code is None and status == 200:
            raise Violation(f"a call about \"{question.text}\" failed with status {status}: {document}\n{self.server.tail()}")
        question.become(values)
        self.counts.add(f"refused: {code or status}")

    def change(self, client, draw, question):
        old, new = question.possible, self.answer(draw)
        question.become(old | {new})
        if draw.random() < 0.5:
            status, document = client.call("to change", "PATCH", f"/v1/memories/{question.id}", {"answer": new})
        else:
            status, document = client.call(
                "to change", "POST", "/v1/memories", {"memory": MEMORY, "question": question.text, "answer": new, "on_conflict": "replace"})
        if status is None:
            return
        if status != 200:
            return self.refused(status, document, question, old)
        if document["question"] != question.text or document["answer"] != new:
            raise Violation(f"changed \"{question.text}\" to {new}, acknowledged {document}")
        if document["id"] != question.id:
            # The gate did not find the stored fact: both are there, and the questions are the same.
            raise Violation(f"a changed fact became another one: \"{question.text}\" was {question.id}, acknowledged {document}")
        question.become([new])
        self.counts.add("changed")

    def forget(self, client, question):
        old = question.possible
        question.become(old | {None})
        status, document = client.call("to forget", "DELETE", f"/v1/memories/{question.id}")
        if status is None:
            return
        if status != 200:
            if status == 404:
                raise Violation(f"an acknowledged fact is lost: \"{question.text}\", {question.id}: {document}")
            return self.refused(status, document, question, old)
        question.become([None])
        self.counts.add("forgotten")

    def settle(self, client, question):
        """What became of a call that was cut off."""
        path = f"/v1/memories?memory={MEMORY}&limit=1000&contains=" + urllib.parse.quote(question.text)
        status, document = client.call("to list", "GET", path)
        if status is None or self.over.is_set():
            return
        if status != 200:
            raise Violation(f"{path}: status {status}: {document}")
        found = [fact for fact in document["data"] if fact["question"] == question.text]
        if len(found) > 1:
            raise Violation(f"\"{question.text}\" is stored {len(found)} times: {found}")
        value = found[0]["answer"] if found else None
        if value not in question.possible:
            raise Violation(f"\"{question.text}\" is stored as {value}; possible was {set(question.possible)}")
        question.id = found[0]["id"] if found else None
        question.become([value])
        self.counts.add("looked up after a kill")

    # Askers

    def ask(self, seed):
        draw, client = random.Random(seed), Client(self)
        while not self.over.is_set():
            with self.lock:
                # Half of the questions are about what was told last.
                pool = self.questions[-200:] if draw.random() < 0.5 else self.questions
                question = draw.choice(pool) if pool else None
            if question is None:
                self.pause(0.2)
                continue
            start = time.monotonic()
            status, document = client.call("to answer", "POST", "/v1/chat/completions", {
                "model": "base", "temperature": 0, "max_tokens": 16, "messages": [{"role": "user", "content": question.text}]})
            end = time.monotonic()
            if status is None or status in (429, 503):
                continue
            if status != 200:
                raise Violation(f"\"{question.text}\" was answered with status {status}: {document}\n{self.server.tail()}")
            self.judge(question, document, question.allowed(start, end))
            self.counts.add("asked")
        client.close()

    def judge(self, question, document, allowed):
        text, memory = document["choices"][0]["message"]["content"], document["lmoe"].get("memory")
        if memory and memory["question"] != question.text:
            self.counts.add("answered with the fact of another question")
            return
        value = text if memory else None
        if value in allowed:
            self.counts.add("answered from memory" if memory else "answered by the base")
            return
        what = f"fact {memory['fact']}, score {memory['score']}: {text!r}" if memory else f"no fact: {text!r}"
        kind = "an acknowledged fact did not answer" if not memory else (
            "a forgotten fact answered" if allowed == {None} else "another answer came than the last acknowledged one")
        raise Violation(f"{kind}: \"{question.text}\"\nfound {what}\nallowed {allowed}\nhistory {question.history[-6:]}\nnow {self.look(question)}")

    def look(self, question):
        """What the store holds, for the message."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
            connection.request("GET", f"/v1/memories?memory={MEMORY}&contains=" + urllib.parse.quote(question.text))
            return json.loads(connection.getresponse().read())["data"]
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            return f"unknown: {error!r}"

    # The whole

    def run(self):
        threads = [threading.Thread(target=self.guard, args=(self.tell, f"{self.options.seed} t{n}", share)) for n, share in enumerate(self.shares)]
        threads += [threading.Thread(target=self.guard, args=(self.ask, f"{self.options.seed} a{n}")) for n in range(self.options.askers)]
        for thread in threads:
            thread.start()
        try:
            self.kill_again_and_again()
        except Exception as error:
            with self.lock:
                self.violation = self.violation or error
        self.over.set()
        for thread in threads:
            thread.join()
        if self.violation:
            raise self.violation

    def kill_again_and_again(self):
        draw, start = random.Random(self.options.seed), time.monotonic()
        end, said = start + 60 * self.options.minutes, start
        while not self.over.is_set():
            moment = min(time.monotonic() + draw.uniform(1, self.options.between_kills), end)
            while time.monotonic() < moment and not self.over.is_set():
                self.server.check()
                self.pause(0.1)
                if time.monotonic() - said > 30:
                    said = time.monotonic()
                    print(f"{said - start:.0f} s: {self.counts.numbers}", flush=True)
            if self.over.is_set():
                return
            self.server.kill()
            self.counts.add("kills")
            if time.monotonic() >= end:
                return
            self.pause(draw.uniform(0, 1))
            self.server.start()

    def check_store(self):
        """After the last kill: the list of facts is what was acknowledged."""
        self.over.clear()
        client, known, after = Client(self), {}, ""
        while True:
            status, page = client.call("to list", "GET", f"/v1/memories?memory={MEMORY}&limit=500{after}")
            if status != 200:
                raise Violation(f"the list of facts: status {status}: {page}")
            for fact in page["data"]:
                if fact["question"] in known:
                    raise Violation(f"\"{fact['question']}\" is stored twice: {known[fact['question']]} and {fact}")
                known[fact["question"]] = fact
            if not page["has_more"]:
                break
            after = "&after=" + page.get("next_after", page["data"][-1]["id"] if page["data"] else "")
        client.close()
        for question in self.questions:
            value = known.pop(question.text, {}).get("answer")
            if value not in question.possible:
                kind = "an acknowledged fact is lost" if value is None else "a forgotten fact is there" if question.possible == {None} else "an old answer is there"
                raise Violation(f"{kind}: \"{question.text}\" is {value}; acknowledged {set(question.possible)}\nhistory {question.history[-6:]}")
        if len(known) > 1:
            raise Violation(f"{len(known) - 1} facts are stored that nobody told: {list(known.values())[:3]}")
        return len(self.questions)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lmoe", default=".build/release/lmoe")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--tellers", type=int, default=100)
    parser.add_argument("--askers", type=int, default=100)
    parser.add_argument("--between-kills", type=float, default=30, metavar="SECONDS", help="the most; at least one (default 30)")
    parser.add_argument("--server-flags", default="", metavar="FLAGS", help="further ones for lmoe serve, such as \"--memory-share 0.5\"")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--keep", action="store_true", help="keep the folder of a run that failed")
    options = parser.parse_args()
    random.seed(options.seed)
    print(f"seed {options.seed}", flush=True)
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="lmoe-soak-"))
        if not options.keep:
            stack.callback(shutil.rmtree, folder)
        adapters = folder / "adapters"
        adapters.mkdir()
        subprocess.run(
            [options.lmoe, "remember", "--adapters", str(adapters), "--memory", MEMORY, "What is the soak?", "A test."], check=True, capture_output=True)
        server = Server(options.lmoe, folder, str(adapters), shlex.split(options.server_flags))
        soak = Soak(options, server)
        try:
            server.start()
            soak.run()
            server.start()
            questions = soak.check_store()
            server.end()
            if server.process.returncode != 0:
                raise Violation(f"the server ended with status {server.process.returncode} after SIGTERM:\n{server.tail()}")
            for command in ("stats", "verify"):
                done = subprocess.run([options.lmoe, "memory", command, "--adapters", str(adapters), "--memory", MEMORY], capture_output=True, text=True)
                print(f"lmoe memory {command}: {done.stdout.strip()}", flush=True)
                if done.returncode != 0:
                    raise Violation(f"lmoe memory {command} ended with status {done.returncode}: {done.stderr}")
            mistakes = soak.counts["answered with the fact of another question"]
            if mistakes > MOST_GATE_MISTAKES * soak.counts["asked"]:
                raise Violation(f"{mistakes} of {soak.counts['asked']} questions were answered with the fact of another question")
        except Violation as violation:
            print(f"after {soak.counts.numbers}", file=sys.stderr)
            sys.exit(f"error: {violation}" + (f"\nthe folder is {folder}" if options.keep else ""))
        finally:
            server.end()
    for name, number in sorted(soak.counts.numbers.items()):
        print(f"{name}: {number}")
    for name, seconds in sorted(soak.counts.worst.items()):
        print(f"longest time {name}: {seconds:.2f} s")
    print(f"no violation: {questions} questions, {options.tellers} tellers and {options.askers} askers for {options.minutes:g} minutes")
    if options.json:
        options.json.write_text(json.dumps({"minutes": options.minutes, **soak.counts.numbers, "longest": soak.counts.worst}, indent=1) + "\n")


if __name__ == "__main__":
    main()
