"""Tuning of lmoe beside PEFT with torch and qvac-fabric, in turn; prints tables in Markdown. Called by scripts/bench-tuning.

    python scripts/peers/tune_bench.py [--lmoe FILE] [--base FILE] [--qvac FILE] [--large-base FILE] [--rounds 3] [--steps 5]

A step is forward, backward, clipping and AdamW of a LoRA of rank 8 on all seven linears, 8 sequences of 128 tokens, every token a target.
Both sides of a ratio are medians of the rounds. qvac-fabric is timed from outside: two runs over texts of different lengths, whose
difference is free of loading; its command line is that of its documentation.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
LENGTH, RANK = 128, 8
MODULES = "attn_q,attn_k,attn_v,attn_o,ffn_gate,ffn_up,ffn_down"


def say(text):
    print(f"==> {text}", file=sys.stderr, flush=True)


def run(command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def lmoe(options, base):
    """Results of `lmoe bench --only tuning`, in its order: one adapter, four one after the other, four at once."""
    text = run([options.lmoe, "bench", "--base", base, "--only", "tuning", "--repeat", options.steps, "--json"])
    return json.loads(text)["tuning"]


def peft(options, kind):
    text = run([sys.executable, "-B", HERE / "tune_peft.py", "--type", kind, "--steps", options.steps, "--rank", RANK])
    return json.loads(text.splitlines()[-1])


def qvac(options):
    """Tokens per second and the peak of memory in MB. It cuts a text into windows that overlap by half, and says how many it trains on; what
    counts is tokens that go through the model. It validates on a twentieth, which counts as time alone."""
    seconds, tokens, peak = [], [], 0
    with tempfile.TemporaryDirectory() as folder:
        for words in (128, 512):
            text = pathlib.Path(folder) / "text.txt"
            text.write_text(" ".join(f"word number {index}" for index in range(words)))
            start = time.perf_counter()
            process = subprocess.Popen(
                [options.qvac, "-m", options.base, "-f", text, "-c", str(LENGTH), "-b", str(LENGTH), "-ub", str(LENGTH), "-ngl", "0", "-fa", "off",
                 "-t", str(os.cpu_count()), "--lora-rank", str(RANK), "--lora-alpha", str(2 * RANK), "--lora-modules", MODULES,
                 "--num-epochs", "1", "--output-adapter", pathlib.Path(folder) / "adapter.gguf"],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=folder)
            errors = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            if os.waitstatus_to_exitcode(status) != 0:
                raise SystemExit(f"{options.qvac}: {errors.strip()[-2000:]}")
            seconds.append(time.perf_counter() - start)
            windows = re.search(r"batches_per_epoch=(\d+)", errors)
            if not windows:
                raise SystemExit(f"{options.qvac} does not say on how many windows it trains: {errors.strip()[-2000:]}")
            tokens.append(int(windows[1]) * LENGTH)
            peak = max(peak, usage.ru_maxrss * 1024 / 1e6)
    return {"tokens_per_second": (tokens[1] - tokens[0]) / (seconds[1] - seconds[0]), "peak_rss_mb": peak}


def measure(options):
    """By side, a figure a round."""
    found = {}

    def note(side, rate, megabytes):
        found.setdefault(side, []).append((rate, megabytes))

    for number in range(options.rounds):
        say(f"round {number + 1} of {options.rounds}")
        for side, result in zip(("one", "apart", "together"), lmoe(options, options.base)):
            note(side, result["tokens_per_second"], result["resident_bytes"] / 1e6)
        for kind in ("bf16", "f32"):
            result = peft(options, kind)
            note(kind, result["tokens_per_second"], result["peak_rss_mb"])
        if options.qvac:
            result = qvac(options)
            note("qvac", result["tokens_per_second"], result["peak_rss_mb"])
    return found


NAMES = {
    "one": "lmoe, one adapter, 8 x 128", "apart": "lmoe, four adapters of 2 x 128, one after the other",
    "together": "lmoe, the four at once", "bf16": "PEFT and torch, bf16", "f32": "PEFT and torch, f32", "qvac": "qvac-fabric, the same GGUF",
}


def table(headers, rows):
    return ["| " + " | ".join(headers) + " |", "|" + " --- |" * len(headers), *("| " + " | ".join(row) + " |" for row in rows)]


def figures(found):
    rows = []
    for side, name in NAMES.items():
        if side not in found:
            rows.append([name, "not measured", ""])
            continue
        rates, memory = zip(*found[side])
        rows.append([name, f"{statistics.median(rates):,.0f} ({min(rates):,.0f}-{max(rates):,.0f})", f"{max(memory):,.0f} MB"])
    return table(["side", "tokens/s", "memory"], rows)


def bars(found, large):
    """What was set, what was measured, and whether it was reached."""
    rate = lambda side: statistics.median(entry[0] for entry in found[side])  # noqa: E731
    memory = lambda side: max(entry[1] for entry in found[side])  # noqa: E731
    rows = []

    def add(what, value, bar, aim, unit, least=True):
        if value is None:
            rows.append([what, f"{bar:g}{unit}", f"{aim:g}{unit}", "not measured", ""])
            return
        reached = lambda limit: value >= limit if least else value <= limit  # noqa: E731
        verdict = "aim" if reached(aim) else "bar" if reached(bar) else "MISSED"
        sign = "at least" if least else "at most"
        rows.append([what, f"{sign} {bar:g}{unit}", f"{aim:g}{unit}", f"{value:,.2f}{unit}" if value < 20 else f"{value:,.0f}{unit}", verdict])

    best = max(("bf16", "f32"), key=rate)
    add(f"speed against PEFT and torch at its best ({best})", rate("one") / rate(best), 2, 3.3, " x")
    add("speed against qvac-fabric", rate("one") / rate("qvac") if "qvac" in found else None, 25, 45, " x")
    add("memory of that step", memory("one"), 700, 400, " MB", least=False)
    add("four adapters at once against one after another", rate("together") / rate("apart"), 1.4, 1.8, " x")
    add("memory of the four against four processes", memory("together") / (4 * memory("one")), 1 / 3, 1 / 4, " x", least=False)
    add("memory of a step of 1,024 tokens on a base of a billion weights", large, 4000, 2000, " MB", least=False)
    return table(["what", "bar", "aim", "measured", "reached"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lmoe", type=pathlib.Path, default=".build/release/lmoe")
    parser.add_argument("--base", type=pathlib.Path, default="models/base.gguf")
    parser.add_argument("--qvac", default="", help="its llama-finetune-lora")
    parser.add_argument("--large-base", default="", help="a base of a billion weights")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    options = parser.parse_args()
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    load = os.getloadavg()[0]
    found = measure(options)
    large = lmoe(options, options.large_base)[0]["resident_bytes"] / 1e6 if options.large_base else None
    print(f"{processor}, {os.cpu_count()} cores, {platform.platform()}; load {load:.2f} before; {options.base}, rank {RANK} on all linears; "
          f"{options.rounds} rounds of {options.steps} steps in turn, medians")
    print("", *figures(found), "", *bars(found, large), sep="\n")
    print("\nNot measured here: gradients and loss curves (TuningTests), serving while tuning, held-out scores of the adapters.")


if __name__ == "__main__":
    main()
