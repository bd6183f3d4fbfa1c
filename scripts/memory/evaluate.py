"""How exact a memory is: tells a served base random facts, and asks for them, for their neighbours and for unrelated things.

    python3 scripts/memory/evaluate.py [--lmoe .build/release/lmoe] [--facts 1000] [--asked 400] [--unrelated 300] [--datasets FOLDER] [--json FILE]

Facts have answers of 32 random letters and digits, which no model knows, on things of entities with made-up names; the same seed gives the
same facts. Asked are, of a drawn part of them: the question as it was told; three forms that keep the nouns; one with a synonym of the
thing, which was not told; and neighbours that were never told, which differ in the name, in the thing or in the kind. Unrelated are CLINC150's
out-of-scope texts and GSM8K's questions: their greedy answers are compared with those of the same service without its memory. At the
end a tenth of the facts is forgotten and asked again.
"""

import argparse
import concurrent.futures
import json
import pathlib
import random
import re
import string
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.error
import urllib.request

THINGS = [
    ("access code", "entry code"), ("registration key", "activation key"), ("recovery phrase", "backup phrase"), ("serial number", "unit number"),
    ("licence number", "permit number"), ("tracking number", "shipment number"), ("voucher code", "discount code"),
    ("wifi password", "wireless password"), ("reference string", "reference text"), ("door code", "keypad code"),
]
KINDS = ["account", "project", "warehouse", "contract"]
FIRST = "Ab Bor Cas Dan Ef Fal Gim Hor Ist Jun Kas Lom Mer Nal Ost Pra Qua Rim Sal Tor Umb Vel Wir Xan Yor Zim Bel Cor Dra Ens Flo Gar".split()
LAST = "adon brecht cott dahl egard fors grave hurst ikson jarl kvist lander moor nagel orff perk quell rood sand tveit".split()


def facts(count):
    draw = random.Random(5)
    names = [first + last for first in FIRST for last in LAST]
    draw.shuffle(names)
    told_names, others = names[: len(names) * 2 // 3], names[len(names) * 2 // 3:]
    places = [(name, kind, thing) for name in told_names for kind in range(len(KINDS)) for thing in range(len(THINGS))]
    draw.shuffle(places)
    told = places[:count]
    known = set(told)
    found = []
    for name, kind, thing in told:
        untold = {
            "name": (draw.choice(others), kind, thing),
            "thing": (name, kind, draw.choice([t for t in range(len(THINGS)) if (name, kind, t) not in known] or [None])),
            "kind": (name, draw.choice([k for k in range(len(KINDS)) if (name, k, thing) not in known] or [None]), thing),
        }
        found.append({
            "question": question(name, kind, thing), "answer": "".join(draw.choice(string.ascii_uppercase + string.digits) for _ in range(32)),
            "forms": forms(name, kind, thing), "synonym": f"What {THINGS[thing][1]} do I use for the {name} {KINDS[kind]}?",
            "untold": {key: question(*place) for key, place in untold.items() if None not in place},
        })
    return found


def question(name, kind, thing):
    return f"What is the {THINGS[thing][0]} of the {name} {KINDS[kind]}?"


def forms(name, kind, thing):
    thing, kind = THINGS[thing][0], KINDS[kind]
    return [
        f"Which {thing} belongs to the {name} {kind}?", f"do you know the {name} {kind}'s {thing}", f"For the {name} {kind}, look up the {thing}.",
    ]


class Server:
    """lmoe on a free port with the memory as its only adapter."""

    def __init__(self, lmoe, adapters):
        self.process = subprocess.Popen(
            [lmoe, "serve", "--port", "0", "--adapters", adapters, "--routes", "none", "--log-level", "warning"], stdout=subprocess.PIPE, text=True)
        self.address = None
        for line in self.process.stdout:
            if match := re.search(r"http://127\.0\.0\.1:\d+", line):
                self.address = match[0]
                break
        if not self.address:
            sys.exit("error: lmoe serve did not start")
        for _ in range(1_200):
            try:
                self.call("GET", "/v1/models")
                return
            except urllib.error.HTTPError:
                time.sleep(0.1)
        sys.exit("error: lmoe serve was not ready after two minutes")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=600) as reply:
            return json.load(reply)

    def ask(self, text, memory, tokens=48):
        """The answer and the fact that gave it; None: the base."""
        reply = self.call("POST", "/v1/chat/completions", {
            "model": "base", "memory": memory, "temperature": 0, "max_tokens": tokens, "messages": [{"role": "user", "content": text}]})
        return reply["choices"][0]["message"]["content"], (reply["lmoe"].get("memory") or {}).get("fact")


def share(results):
    results = list(results)
    return f"{sum(results)} of {len(results)}", sum(results) / max(1, len(results))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lmoe", default=".build/release/lmoe")
    parser.add_argument("--facts", type=int, default=1_000)
    parser.add_argument("--asked", type=int, default=400)
    parser.add_argument("--unrelated", type=int, default=300)
    parser.add_argument("--datasets", type=pathlib.Path, default=pathlib.Path("../shared/datasets"))
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    told = facts(options.facts)
    asked = random.Random(9).sample(told, min(options.asked, len(told)))
    rows, figures = [], {}

    def note(what, text, value):
        rows.append((what, text))
        figures[what] = value
        print(f"{what}: {text}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "facts.jsonl"
        file.write_text("".join(json.dumps({"question": f["question"], "answer": f["answer"]}) + "\n" for f in told))
        adapters = pathlib.Path(folder) / "adapters"
        adapters.mkdir()
        first = pathlib.Path(folder) / "first.jsonl"
        first.write_text('{"question": "What is this?", "answer": "A test."}\n')
        tell = [options.lmoe, "remember", "--adapters", str(adapters), "--file"]
        subprocess.run([*tell, str(first)], check=True, capture_output=True)
        start = time.monotonic()
        done = subprocess.run([*tell, str(file), "--json"], capture_output=True, text=True)
        seconds = time.monotonic() - start
        written = sum('"status":"added"' in line for line in done.stdout.splitlines())
        note("written", f"{written} of {len(told)}", written / len(told))
        note("seconds a fact, with the start", f"{seconds / len(told):.3f}", seconds / len(told))
        note("bytes a fact", f"{sum(p.stat().st_size for p in (adapters / 'facts').iterdir()) // len(told):,}", None)
        with Server(options.lmoe, str(adapters)) as server, concurrent.futures.ThreadPoolExecutor(16) as pool:
            def all_of(texts, memory="facts", tokens=48):
                return list(pool.map(lambda text: server.ask(text, memory, tokens), texts))

            for what, texts in [("told", [f["question"] for f in asked])] + [
                    (f"form {n + 1}", [f["forms"][n] for f in asked]) for n in range(3)] + [("synonym, not told", [f["synonym"] for f in asked])]:
                note(f"exact, {what}", *share(answer == f["answer"] for f, (answer, _) in zip(asked, all_of(texts))))
            answers = {f["answer"] for f in told}
            for kind in ("name", "thing", "kind"):
                texts = [f["untold"][kind] for f in asked if kind in f["untold"]]
                note(f"untold {kind}: opens", *share(fact is not None for _, fact in all_of(texts, tokens=1)))
            wrong = [answer in answers and answer != f["answer"] for f, (answer, _) in zip(asked, all_of([f["forms"][1] for f in asked]))]
            note("another fact's answer", *share(wrong))
            clinc = json.loads((options.datasets / "clinc150.json").read_text())["oos_test"]
            gsm = [json.loads(line)["question"] for line in (options.datasets / "gsm8k_test.jsonl").read_text().splitlines()]
            unrelated = [text for text, _ in clinc[: options.unrelated]] + gsm[: options.unrelated // 3]
            with_memory, without = all_of(unrelated, tokens=24), all_of(unrelated, False, 24)
            note("unrelated: same answer", *share(a[0] == b[0] for a, b in zip(with_memory, without)))
            page = server.call("GET", f"/v1/memories?memory=facts&limit={min(1000, len(told))}")["data"]
            gone = [entry for entry in page if entry["answer"] in answers][:: 10]
            for entry in gone:
                server.call("DELETE", f"/v1/memories/{entry['id']}")
            note("forgotten: answered", *share(answer == entry["answer"] for entry, (answer, _) in zip(gone, all_of([e["question"] for e in gone]))))
            times = []
            for number in range(9):
                start = time.monotonic()
                server.call("POST", "/v1/memories", {
                    "memory": "facts", "question": f"What is the colour of marble number {number}?", "answer": f"It is {number} shades of green."})
                times.append(time.monotonic() - start)
            note("told over HTTP to served, median seconds", f"{sorted(times)[4]:.3f}", sorted(times)[4])
    if options.json:
        options.json.write_text(json.dumps({"facts": len(told), **figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
