"""Measures lmoe beside its peers, both sides in turn, and prints tables; called by scripts/bench-peers, which builds everything.

    python scripts/peers/run.py --lmoe .build/release/lmoe --q4-0 FILE --peers FOLDER --work FOLDER [--rounds 5] [--only PARTS]

steps    one step at a time without a server: lmoe bench, llama-bench, ik_llama.cpp
clients  through HTTP: 1 and 8 clients (16 and 32 of lmoe), base, one adapter, all different ones
vllm     the clients of lmoe and vLLM; only when asked for
bench    lmoe bench as it is
life     start with 1,000 adapters, an adapter's first use, memory

Results go to WORK/results.json, and parts that are not measured stay as an earlier run found them; `python scripts/peers/report.py
WORK/results.json` prints the tables again, and with --into FILE puts them between the marks of docs/performance.md.
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys

import bench_part
import clients_part
import life_part
import report
import steps_part


class Setup:
    def __init__(self, options):
        self.lmoe = str(options.lmoe)
        self.peers, self.work = options.peers, options.work
        self.base, self.q4_0 = str(options.base), options.q4_0
        self.python, self.ik_python = sys.executable, options.peers / "ik/bin/python"
        self.threads, self.rounds = options.threads, options.rounds
        self.work.mkdir(parents=True, exist_ok=True)

    def adapters(self, name, **flags):
        """A folder of adapters, made once."""
        folder = self.work / name
        if not (folder / "whole").exists():
            say(f"making the adapters of {name}")
            arguments = [f"--{key.replace('_', '-')}" + ("" if value is True else f"={value}") for key, value in flags.items()]
            script = pathlib.Path(__file__).with_name("make_adapters.py")
            subprocess.run([self.python, script, self.base, folder, *arguments], check=True)
            (folder / "whole").touch()
        return folder

    def machine(self):
        model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
        return {"processor": model, "cores": os.cpu_count(), "threads": self.threads, "system": platform.platform(),
                "base": self.base, "load_before": os.getloadavg()[0], "rounds": self.rounds}


def say(text):
    print(f"==> {text}", file=sys.stderr, flush=True)


PARTS = {
    "bench": bench_part.measure, "steps": steps_part.measure, "clients": clients_part.measure, "life": life_part.measure,
    "vllm": clients_part.measure_vllm}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lmoe", type=pathlib.Path, default=".build/release/lmoe")
    parser.add_argument("--base", type=pathlib.Path, default="models/base.gguf")
    parser.add_argument("--q4-0", type=pathlib.Path, required=True, help="the same weights as llama.cpp's Q4_0")
    parser.add_argument("--peers", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="bench,steps,clients,life")
    options = parser.parse_args()
    setup = Setup(options)
    path = setup.work / "results.json"
    # Parts that are not measured now keep what an earlier run found.
    results = json.loads(path.read_text()) if path.exists() else {}
    results["machine"] = setup.machine()
    for name in options.only.split(","):
        results[name] = PARTS[name](setup, say)
        path.write_text(json.dumps(results, indent=1))
    print(report.text(results))


if __name__ == "__main__":
    main()
