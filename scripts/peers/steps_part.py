"""Prompt 512 and decode 128 of single steps, each program by its own clock, in turn."""

import json
import subprocess


def lmoe(setup):
    output = subprocess.run(
        [setup.lmoe, "bench", "--json", "--only", "prefill,decode", "--repeat", "1", "--tokens", "128", "--rows", "1",
         "--prompt", "512", "--ranks", "16", "--base", setup.base, "--threads", str(setup.threads)],
        check=True, capture_output=True).stdout
    bench = json.loads(output)
    row = {}
    for work in ("prefill", "decode"):
        for entry in bench[work]:
            if entry["mix"] in ("base", "one"):
                row[f"{work} {entry['mix']}"] = entry["tokens_per_second"]
    row["share of the memory ceiling"] = next(e["bandwidth_share"] for e in bench["decode"] if e["mix"] == "base")
    return row


def llama(setup, model):
    output = subprocess.run(
        [setup.peers / "build/bin/llama-bench", "-m", model, "-p", "512", "-n", "128", "-t", str(setup.threads), "-r", "1",
         "-o", "jsonl"], check=True, capture_output=True, text=True).stdout
    prefill, decode = (json.loads(line)["avg_ts"] for line in output.splitlines() if line.strip())
    return {"prefill base": prefill, "decode base": decode}


def ik(setup):
    output = subprocess.run(
        [setup.ik_python, __file__.replace("steps_part", "ik_llama"), setup.base, str(setup.threads)], check=True,
        capture_output=True, text=True).stdout
    prefill, decode = map(float, output.split()[-2:])
    return {"prefill base": prefill, "decode base": decode}


def measure(setup, say):
    sides = {"lmoe": lambda: lmoe(setup), "llama.cpp": lambda: llama(setup, setup.base),
             "llama.cpp Q4_0": lambda: llama(setup, setup.q4_0)}
    if setup.ik_python.exists():
        sides["ik_llama.cpp"] = lambda: ik(setup)
    rows = {}
    for number in range(setup.rounds):
        say(f"steps: round {number + 1} of {setup.rounds}")
        for side, run in sides.items():
            for work, rate in run().items():
                rows.setdefault(side, {}).setdefault(work, []).append(rate)
    return rows
