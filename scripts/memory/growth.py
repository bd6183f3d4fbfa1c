#!/usr/bin/env python3
"""Whether a memory keeps its first facts while it grows, and after it forgets.

    python3 scripts/memory/growth.py [--lmoe .build/release/lmoe] [--curve 100,300,1000] [--adapters FOLDER] [--json FILE]

One memory is told facts with random answers (those of `evaluate.py`) until it has as many as each point of the curve says. At each point the
first ones are asked again, as many as the first point has: as told, in three forms that were not told, and their neighbours, which are
never told. At the end every tenth of all facts is forgotten, and the first ones are asked once more.
"""

import argparse
import json
import pathlib
import tempfile

from served import Server, facts, remember, share


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lmoe", default=".build/release/lmoe")
    parser.add_argument("--curve", type=lambda text: [int(part) for part in text.split(",")], default=[100, 300, 1000])
    parser.add_argument("--adapters", type=pathlib.Path, help="a folder that keeps the memory, such as for evaluate.py; it has none yet")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    told = facts(options.curve[-1])
    first, ids, points = told[:options.curve[0]], [], []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        adapters = options.adapters or folder / "adapters"
        for count in options.curve:
            new = told[len(ids):count]
            lines, seconds = remember(options.lmoe, adapters, new, folder)
            ids += [line.get("id") for line in lines]
            with Server(options.lmoe, adapters) as server:
                point = {
                    "facts": count, "written": sum(line["status"] == "added" for line in lines) / len(new), "seconds a fact": seconds / len(new),
                    **ask(server, first)}
                points.append(point)
                print(point, flush=True)
                if count == options.curve[-1]:
                    gone = [(fact, id) for fact, id in zip(told[::10], ids[::10]) if id]
                    for _, id in gone:
                        server.call("DELETE", f"/v1/memories/{id}")
                    is_gone = {fact["question"] for fact, _ in gone}
                    after = {"facts": count - len(gone), **ask(server, [fact for fact in first if fact["question"] not in is_gone])}
                    answers = server.ask_all([fact["question"] for fact, _ in gone], "facts")
                    after["forgotten facts answered"] = share(text == fact["answer"] for (fact, _), (text, _) in zip(gone, answers))[1]
                    print("after a tenth was forgotten:", after, flush=True)
    if options.json:
        options.json.write_text(json.dumps({"first": len(first), "points": points, "after a tenth was forgotten": after}, indent=1) + "\n")


def ask(server, first):
    found = {}
    for what, texts in [("told", [f["question"] for f in first])] + [(f"form {n + 1}", [f["forms"][n] for f in first]) for n in range(3)]:
        found[what] = share(text == f["answer"] for f, (text, _) in zip(first, server.ask_all(texts, "facts")))[1]
    untold = [text for f in first for text in f["untold"].values()]
    found["neighbours that open"] = share(fact is not None for _, fact in server.ask_all(untold, "facts", 1))[1]
    return found


if __name__ == "__main__":
    main()
