"""Merging by lmoe beside mergekit, in turn; prints a table in Markdown. Called by scripts/bench-merging.

    python scripts/peers/merging.py [--lmoe FILE] [--rounds 3] [--work FOLDER]

The recipe of the project's base with four of its adapters: TIES over base+adapter for each, in f32, written as bf16. Sides run in turn, each
in a process of its own; time is that of the whole process, memory its peak (`ru_maxrss`, which counts pages of mapped files that are resident).
mergekit applies each adapter to a copy of the whole model first, here in f32 as lmoe does, and keeps the copies: `cached` is a run that finds them.
Both results are compared, tensor by tensor.
"""

import argparse
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time

import torch
import yaml
from safetensors.torch import load_file

ADAPTERS = ["bash", "sql", "intent", "pronounce"]
HERE = pathlib.Path(__file__).resolve().parent


def recipe(base, adapters):
    return {
        "merge_method": "ties", "base_model": str(base), "dtype": "float32", "out_dtype": "bfloat16",
        "models": [{"model": f"{base}+{adapters / name}", "parameters": {"weight": 1.0, "density": 0.5}} for name in ADAPTERS]}


def measure(command):
    """Seconds and peak MB of a process."""
    start = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    if status != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: {errors.decode(errors='replace')[-3000:]}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lmoe", default=".build/release/lmoe")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--base", type=pathlib.Path, required=True)
    parser.add_argument("--adapters", type=pathlib.Path, default=pathlib.Path("adapters"))
    options = parser.parse_args()
    work = options.work
    work.mkdir(parents=True, exist_ok=True)
    path = work / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe(options.base.resolve(), options.adapters.resolve()), sort_keys=False))
    cache, ours, theirs = work / "lora-cache", work / "lmoe", work / "mergekit"
    own = [options.lmoe, "merge", path, ours, "--replace"]
    peer = [pathlib.Path(sys.executable).with_name("mergekit-yaml"), path, theirs, "--lora-merge-cache", cache, "--lora-merge-dtype", "float32"]
    figures = {"lmoe": [], "mergekit": [], "mergekit, cached": []}
    for number in range(options.rounds):
        print(f"==> round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        figures["lmoe"].append(measure(own))
        shutil.rmtree(cache, ignore_errors=True)
        figures["mergekit"].append(measure(peer))
        figures["mergekit, cached"].append(measure(peer))
    load = os.getloadavg()[0]
    print(f"\n{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs, load {load:.1f}; {len(ADAPTERS)} adapters, medians of {options.rounds} rounds\n")
    print("| | seconds | peak MB |\n| --- | --- | --- |")
    median = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in figures.items()}
    for name, (seconds, peak) in median.items():
        print(f"| {name} | {seconds:.2f} | {peak:.0f} |")
    for name in ["mergekit", "mergekit, cached"]:
        print(f"\nlmoe / {name}: time {median['lmoe'][0] / median[name][0]:.3f} (bar 0.5), memory {median['lmoe'][1] / median[name][1]:.3f} (bar 0.25)")
    compare(ours, theirs)


def places(tensor):
    """Whole numbers in the order of bf16's values: neighbours are one apart."""
    bits = tensor.view(torch.int16).int()
    return torch.where(bits < 0, -(bits & 0x7FFF), bits)


def compare(ours, theirs):
    own, peer = load_file(ours / "model.safetensors"), load_file(theirs / "model.safetensors")
    if own.keys() != peer.keys():
        raise SystemExit(f"other tensors: {own.keys() ^ peer.keys()}")
    steps, differing, count = 0, 0, 0
    for name, tensor in own.items():
        distance = (places(tensor) - places(peer[name])).abs()
        count += tensor.numel()
        differing += int((distance > 0).sum())
        steps = max(steps, int(distance.max()))
    print(f"\nof {count:,} elements {differing:,} differ, by {steps} steps of bf16 at most")


main()
