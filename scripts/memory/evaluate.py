#!/usr/bin/env python3
"""How exact a memory is: tells a served base random facts, and asks for them, for their neighbours and for unrelated things.

    python3 scripts/memory/evaluate.py [--lmoe .build/release/lmoe] [--facts 1000] [--asked 400] [--unrelated 300] [--datasets FOLDER] [--json FILE]

The environment's LMOE_BASE names another base; one without a chat template is asked by /v1/completions.

Facts have answers of 32 random letters and digits, which no model knows, on things of entities with made-up names; the same seed gives the
same facts. Asked are, of a drawn part of them: the question as it was told; three forms that keep the nouns; another sentence with a
synonym of the thing, before the memory knows of synonyms and when its configuration names them (one line for each of the ten things, no
fact is told again); and neighbours that were never told, which differ in the name, in the thing or in the kind. Unrelated are CLINC150's
out-of-scope texts and GSM8K's questions, and requests of the shipped adapters' tasks: their greedy answers are compared with those of the
same service without its memory. At the end a tenth of the facts is forgotten and asked again.
"""

import argparse
import json
import pathlib
import random
import tempfile
import time

from served import THINGS, Server, facts, name_synonyms, remember, share, shipped_tasks, unrelated


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lmoe", default=".build/release/lmoe")
    parser.add_argument("--facts", type=int, default=1_000)
    parser.add_argument("--asked", type=int, default=400)
    parser.add_argument("--unrelated", type=int, default=300)
    parser.add_argument("--datasets", type=pathlib.Path, default=pathlib.Path("../shared/datasets"))
    parser.add_argument("--adapters", type=pathlib.Path, help="a folder that keeps the memory; facts that it has already are not written again")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    told = facts(options.facts)
    asked = random.Random(9).sample(told, min(options.asked, len(told)))
    figures = {}

    def note(what, text, value):
        figures[what] = value
        print(f"{what}: {text}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        adapters = options.adapters or pathlib.Path(folder) / "adapters"
        lines, seconds = remember(options.lmoe, adapters, told, pathlib.Path(folder))
        written = sum(line["status"] in ("added", "known") for line in lines)
        note("written", f"{written} of {len(told)}", written / len(told))
        note("seconds a fact, with the start", f"{seconds / len(told):.3f}", seconds / len(told))
        note("bytes a fact", f"{sum(p.stat().st_size for p in (adapters / 'facts').iterdir()) // len(told):,}", None)

        def all_of(texts, memory="facts", tokens=48):
            return server.ask_all(texts, memory, tokens)

        with Server(options.lmoe, adapters) as server:
            note("exact, synonym, not named", *share(answer == f["answer"] for f, (answer, _) in zip(asked, all_of([f["synonym"] for f in asked]))))
        # With the synonyms from here on: they must not open the gate for anything else.
        name_synonyms(adapters, [list(terms) for terms in THINGS])
        with Server(options.lmoe, adapters) as server:
            for what, texts in [("told", [f["question"] for f in asked])] + [
                    (f"form {n + 1}", [f["forms"][n] for f in asked]) for n in range(3)] + [("synonym, named", [f["synonym"] for f in asked])]:
                note(f"exact, {what}", *share(answer == f["answer"] for f, (answer, _) in zip(asked, all_of(texts))))
            first = told[:100]
            note("exact, the first hundred that were told", *share(
                answer == f["answer"] for f, (answer, _) in zip(first, all_of([f["question"] for f in first]))))
            answers = {f["answer"] for f in told}
            for kind in ("name", "thing", "kind"):
                texts = [f["untold"][kind] for f in asked if kind in f["untold"]]
                note(f"untold {kind}: opens", *share(fact is not None for _, fact in all_of(texts, tokens=1)))
            wrong = [answer in answers and answer != f["answer"] for f, (answer, _) in zip(asked, all_of([f["forms"][1] for f in asked]))]
            note("another fact's answer", *share(wrong))
            for what, texts in (
                    ("unrelated", unrelated(options.datasets, options.unrelated)), ("shipped tasks", shipped_tasks(options.datasets, options.unrelated // 4))):
                with_memory, without = all_of(texts, tokens=24), all_of(texts, False, 24)
                note(f"{what}: same answer", *share(a[0] == b[0] for a, b in zip(with_memory, without)))
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
