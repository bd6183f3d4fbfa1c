#!/usr/bin/env python3
"""Whether true answers are learnt sooner than random ones: the figure of Li et al. 2024 (arXiv 2406.17642), for a memory and for a LoRA.

    python3 scripts/memory/losses.py [--lmoe .build/release/lmoe] [--facts 60] [--epochs 30] [--datasets FOLDER] [--json FILE]

The same questions on GeoQuery's states (capital, population, area) are told twice: with the true answers, and with random letters and
digits, of as many tokens each. The memory's losses are those that `lmoe remember --json` prints, the mean over the facts; a fact that is
done keeps its last one. The LoRA (rank 8) is tuned by `lmoe tune` on the questions alone, and its losses are means of an epoch.
"""

import argparse
import json
import pathlib
import random
import shutil
import string
import subprocess
import tempfile

from real import facts
from served import remember, run, write_lines

ABOUT = ("What is the capital of", "What is the population of", "What is the area of")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lmoe", default=".build/release/lmoe")
    parser.add_argument("--facts", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=30, help="of the LoRA; 0: none")
    parser.add_argument("--datasets", type=pathlib.Path, default=pathlib.Path("../shared/datasets"))
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    draw = random.Random(3)
    found = [(question, answer) for question, answer in facts(options.datasets / "geoquery.sqlite") if question.startswith(ABOUT)]
    true = [{"question": question, "answer": answer} for question, answer in draw.sample(found, options.facts)]
    counts = tokens(options.lmoe, [fact["answer"] for fact in true])
    strings = random_answers(options.lmoe, counts, draw)
    figures = {"facts": len(true), "tokens an answer": sum(counts) / len(counts), "memory": {}, "LoRA": {}}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        adapters = folder / "adapters"
        adapters.mkdir()
        run([options.lmoe, "remember", "--adapters", str(adapters), "--memory", "true", "What is this?", "A test."])
        shutil.copytree(adapters / "true", adapters / "random")
        for name, told in (("true", true), ("random", [{**fact, "answer": text} for fact, text in zip(true, strings)])):
            lines, seconds = remember(options.lmoe, adapters, told, folder, name)
            curves = [line["losses"] for line in lines if "losses" in line]
            length = max(map(len, curves))
            figures["memory"][name] = [round(sum(c[min(step, len(c) - 1)] for c in curves) / len(curves), 4) for step in range(length)]
            figures["memory"][f"{name}, written"] = f"{len(curves)} of {len(told)}"
            print(f"memory, {name}: {figures['memory'][name]}, {seconds / len(told):.2f} s a fact", flush=True)
            if not options.epochs:
                continue
            file = write_lines(folder / f"{name}-examples.jsonl", [{"prompt": f["question"], "completion": f["answer"]} for f in told])
            output = run([
                options.lmoe, "tune", name, "--data", file, "--out", str(folder / f"{name}-lora"), "--held-out-share", "0", "--rank", "8", "--batch", "8",
                "--rate", "5e-3", "--epochs", str(options.epochs), "--json"])
            steps = [event for event in map(json.loads, output.splitlines()) if event["event"] == "step"]
            figures["LoRA"][name] = by_epoch(steps)
            print(f"LoRA, {name}: {figures['LoRA'][name]}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def tokens(lmoe, texts):
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    done = subprocess.run([lmoe, "tokenize", "--json"], input=lines, capture_output=True, text=True, check=True)
    return [len(json.loads(line)) for line in done.stdout.splitlines()]


def random_answers(lmoe, counts, draw):
    """Of as many tokens each."""
    texts = ["".join(draw.choices(string.ascii_uppercase + string.digits, k=4 * count)) for count in counts]
    prefixes = [(n, text[:length]) for n, text in enumerate(texts) for length in range(1, len(text) + 1)]
    found = {}
    for (n, prefix), count in zip(prefixes, tokens(lmoe, [prefix for _, prefix in prefixes])):
        if count == counts[n]:
            found[n] = prefix
    return [found[n] for n in range(len(counts))]


def by_epoch(steps):
    epochs = {}
    for step in steps:
        epochs.setdefault(int(step["epoch"] - 1e-6), []).append(step["loss"])
    return [round(sum(losses) / len(losses), 4) for _, losses in sorted(epochs.items())]


if __name__ == "__main__":
    main()
