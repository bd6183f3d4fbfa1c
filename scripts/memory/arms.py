#!/usr/bin/env python3
"""A memory beside other ways to give a base the same facts: what each answers, and what else it changes.

    python3 scripts/memory/arms.py [--lmoe .build/release/lmoe] [--facts 100] [--more 16] [--unrelated 75] [--datasets FOLDER] [--folder FOLDER] [--json FILE]

- memory: `lmoe remember`.
- gate off: the same memory with `"threshold": -100`, so that the nearest fact acts for every request.
- LoRA: `lmoe tune` on the same questions and their wordings by rule, on all seven maps, with the rank that stores about as many parameters.
  Once with as much compute as the facts took (counted, below), once with `--more` times as much.
- in context: the fact that the question belongs to is put before the question (oracle retrieval); the base answers.

Each is asked, greedily: the questions as told, three forms that were not told, neighbours that were not told, and texts that mean no
fact. An answer in context counts when the fact's answer is in it; all others only when they are the fact's answer.

Compute is counted in multiplications and additions of the frozen matrices of SmolLM2-135M: for a fact the prefill of its four wordings,
the layers above, forward and back, of each step, two looks over the whole vocabulary, and the check on the step that serves, from the
experts' layer on; for LoRA forward and back through all layers for each token, and the head for each token of an answer. Times are of the
machine as it is.

With --folder the memory and the LoRAs are kept there, and a run that was ended goes on with those that are finished.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from served import Server, facts, remember, rule_forms, share, unrelated, write_lines

LAYERS, HIDDEN, INNER, KEYS, WORDS = 30, 576, 1536, 192, 49_152
LAYER = 2 * HIDDEN * HIDDEN + 2 * HIDDEN * KEYS + 3 * HIDDEN * INNER
HEAD = HIDDEN * WORDS
# Parameters of a LoRA of rank 1 on the seven maps of all layers.
RANK = LAYERS * (2 * 2 * HIDDEN + 2 * (HIDDEN + KEYS) + 3 * (HIDDEN + INNER))
BATCH = 8


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lmoe", default=".build/release/lmoe")
    parser.add_argument("--facts", type=int, default=100)
    parser.add_argument("--more", type=int, default=16)
    parser.add_argument("--rate", type=float, default=5e-3, help="of LoRA")
    parser.add_argument("--unrelated", type=int, default=75)
    parser.add_argument("--datasets", type=pathlib.Path, default=pathlib.Path("../shared/datasets"))
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    told = facts(options.facts)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options, told, options.folder or pathlib.Path(folder))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def measure(options, told, folder):
    adapters = folder / "adapters"
    lines, seconds = kept(folder / "memory.json", lambda: remember(options.lmoe, adapters, told, folder))
    site = json.loads((adapters / "facts/adapter_config.json").read_text())["site"]
    if not (adapters / "open").exists():
        open_gate(adapters / "facts", adapters / "open")
    with Server(options.lmoe, adapters) as server:
        tokens = [server.complete(f["question"], "facts")["usage"] for f in told]
        prefix = server.complete("", False, 1)["usage"]["prompt_tokens"]
    answer = sum(t["completion_tokens"] for t in tokens) / len(told)
    prompt = sum(t["prompt_tokens"] for t in tokens) / len(told)
    steps = sum(len(line["losses"]) for line in lines) / len(lines)
    memory = {
        "parameters": round(answer * (2 * HIDDEN + 1) * len(told)), "seconds": seconds,
        "gflop": len(told) * 4 * 2e-9 * (
            (prompt - prefix + answer) * LAYERS * LAYER + steps * answer * 2 * (LAYERS - 1 - site) * LAYER
            + 2 * answer * ((LAYERS - 1 - site) * LAYER + HEAD)
            + answer * ((LAYERS - 1 - site) * LAYER + 3 * HIDDEN * INNER + HEAD)),
    }
    rank = round(memory["parameters"] / RANK)
    step = BATCH * 4e-9 * ((prompt + answer) * LAYERS * LAYER + answer * HEAD)
    print(
        f"{len(told)} facts: {memory['parameters']:,} parameters, {memory['gflop']:,.0f} GFLOP, {seconds:.0f} s; {steps:.1f} losses a fact; "
        f"LoRA of rank {rank}", flush=True)
    data = [{"prompt": text, "completion": f["answer"]} for f in told for text in [f["question"], *rule_forms(f["question"])]]
    file = write_lines(folder / "examples.jsonl", data)
    arms, figures = {"memory": memory, "gate off": {**memory}}, {}
    for name, times in (("LoRA", 1), (f"LoRA, {options.more} times the compute", options.more)):
        count = max(1, round(times * memory["gflop"] / step))
        tuned = kept(folder / f"lora-{times}.json", lambda: tune(options, adapters / f"lora-{times}", file, rank, count))
        arms[name] = {"parameters": rank * RANK, "gflop": count * step, "steps": count, **tuned}
        print(f"{name}: {count} steps, {count * BATCH / len(data):.1f} epochs, loss {tuned['loss']:.3f}, {tuned['seconds']:.0f} s", flush=True)
    arms["in context"] = {"parameters": 0, "gflop": 0, "seconds": 0}
    with Server(options.lmoe, adapters) as server:
        texts = unrelated(options.datasets, options.unrelated)
        neighbours = [(f, text) for f in told for text in f["untold"].values()]
        base = {"neighbours": server.ask_all([text for _, text in neighbours], False), "unrelated": server.ask_all(texts, False, 24)}
        asking = {"memory": ("facts", "base"), "gate off": ("open", "base"), "in context": (False, "base")}
        for name, arm in arms.items():
            memory, model = asking.get(name, (False, f"lora-{options.more if ',' in name else 1}"))
            arm |= ask(server, told, neighbours, texts, base, memory, model, name == "in context")
            print(name, {key: round(value, 4) for key, value in arm.items() if isinstance(value, float)}, flush=True)
    return {"facts": len(told), "neighbours": len(neighbours), "unrelated": len(texts), "arms": arms}


def kept(file, make):
    """What was made and written before, or now."""
    if not file.exists():
        file.write_text(json.dumps(make()))
    return json.loads(file.read_text())


def open_gate(memory, copy):
    """The same facts, of which the nearest one always acts."""
    shutil.copytree(memory, copy)
    path = copy / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "threshold": -100}))


def tune(options, folder, file, rank, steps):
    """The last loss, and the seconds (of a run that was resumed: since then)."""
    command = [
        options.lmoe, "tune", folder.name, "--data", file, "--out", str(folder), "--held-out-share", "0", "--rank", str(rank),
        "--rate", str(options.rate), "--batch", str(BATCH), "--epochs", "10000", "--max-steps", str(steps), "--json", "--replace"]
    if (folder.parent / f".{folder.name}.tuning").exists():
        command.append("--resume")
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: lmoe tune ended with {done.returncode}: {done.stderr[-2000:]}")
    seconds = time.monotonic() - start
    events = [json.loads(line) for line in done.stdout.splitlines()]
    losses = [event["loss"] for event in events if event["event"] == "step"]
    last = losses[-max(1, len(losses) // 20):]
    return {"loss": sum(last) / len(last), "seconds": seconds}


def ask(server, told, neighbours, texts, base, memory, model, in_context):
    def answers(pairs, tokens=48):
        """Of pairs of a fact and a text."""
        asked = [f"{f['question']} {f['answer']}\n\n{text}" if in_context else text for f, text in pairs]
        return [text for text, _ in server.ask_all(asked, memory, tokens, model)]

    def right(text, answer):
        return answer in text if in_context else text == answer

    def exact(form):
        return share(right(text, f["answer"]) for f, text in zip(told, answers([(f, form(f)) for f in told])))[1]

    stored = {f["answer"] for f in told}
    beside = answers(neighbours)
    away = answers([(told[n % len(told)], text) for n, text in enumerate(texts)], 24)
    return {
        "told": exact(lambda f: f["question"]), **{f"form {n + 1}": exact(lambda f: f["forms"][n]) for n in range(3)},
        "neighbours given a stored answer": share(any(right(text, answer) for answer in stored) for text in beside)[1],
        "neighbours answered as by the base": share(a == b for a, (b, _) in zip(beside, base["neighbours"]))[1],
        "unrelated answered as by the base": share(a == b for a, (b, _) in zip(away, base["unrelated"]))[1],
    }


if __name__ == "__main__":
    main()
