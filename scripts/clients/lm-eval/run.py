"""The tasks beside it through a server and in `transformers`, and the two scores side by side. Called by scripts/check-lm-eval."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from server import Server  # noqa: E402

# Task, metric, how it is shown, and how far the server may be from `transformers`: points of a share, per cent of a perplexity.
SCORES = [
    ("lmoe_intents", "acc,none", "likeliest of four intents", 0.5), ("lmoe_intents", "acc_norm,none", "the same by bytes", 0.5),
    ("lmoe_intents_written", "exact_match,none", "intents written", 0.5),
    ("lmoe_problems", "byte_perplexity,none", "perplexity of a byte", 0.5),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lmoe", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/datasets"))
    parser.add_argument("--base", type=pathlib.Path, default=pathlib.Path("models/base.gguf"))
    parser.add_argument("--precision", choices=["fast", "reference"], default="fast")
    parser.add_argument("--limit", type=int, help="items of each task")
    options = parser.parse_args()
    missing = [name for name in ("clinc150.json", "gsm8k_test.jsonl") if not (options.data / name).is_file()]
    if missing:
        sys.exit(f"error: {options.data} has no {', '.join(missing)}; --data names the folder of the data sets")
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        harness = Harness(options, folder)
        results["transformers"] = harness.run(
            "transformers", "hf", f"pretrained={options.base.parent},gguf_file={options.base.name},dtype=float32", "--batch_size", "8", "--device", "cpu")
        tokenizer = save_tokenizer(options.base, folder / "tokenizer")
        with Server(options.lmoe, None, "--base", options.base, "--precision", options.precision) as url:
            for name, is_tokenized in [("token ids", True), ("texts", False)]:
                results[name] = harness.run(
                    name, "local-completions",
                    f"model=base,base_url={url}/v1/completions,tokenizer={tokenizer},tokenizer_backend=huggingface,"
                    f"tokenized_requests={is_tokenized},num_concurrent=8")
    sys.exit(3 if report(results) else 0)


def save_tokenizer(base, folder):
    """That of the base's file, which the harness only reads from a folder."""
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained(base.parent, gguf_file=base.name).save_pretrained(folder)
    return folder


class Harness:
    def __init__(self, options, folder):
        (self.options, self.folder) = (options, folder)

    def run(self, name, model, arguments, *more):
        """Scores by task, and what each item got."""
        print(f"==> {name}", file=sys.stderr, flush=True)
        out = self.folder / name.replace(" ", "-")
        command = [sys.executable, "-m", "lm_eval", "run", "--model", model, "--model_args", arguments, "--include_path", HERE, "--tasks",
                   "lmoe_intents,lmoe_intents_written,lmoe_problems", "--output_path", out, "--log_samples", *more]
        if self.options.limit:
            command += ["--limit", str(self.options.limit)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {
            "LMOE_DATASETS": str(self.options.data), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false",
            "PYTHONDONTWRITEBYTECODE": "1"})
        if done.returncode != 0:
            sys.exit(f"error: {name}: the harness ended with {done.returncode}:\n{done.stderr[-2000:]}")
        [scores] = out.rglob("results_*.json")
        samples = {path.name.removeprefix("samples_").rsplit("_", 1)[0]: [json.loads(line) for line in path.open()]
                   for path in out.rglob("samples_*.jsonl")}
        return json.loads(scores.read_text())["results"], samples


def report(results):
    """Prints scores and items. The number of scores that are too far apart."""
    (reference, expected) = results.pop("transformers")
    far = 0
    print(f"| | transformers | {' | '.join(results)} |\n| --- |" + " --- |" * (1 + len(results)))
    for task, metric, shown, bound in SCORES:
        is_share = "perplexity" not in metric
        right = reference[task][metric]
        cells = []
        for scores, _ in results.values():
            found = scores[task][metric]
            distance = (found - right) * 100 if is_share else (found / right - 1) * 100
            far += abs(distance) > bound + 1e-9
            cells.append(f"{text(found, is_share)} ({distance:+.2f}{'' if is_share else ' %'})")
        print(f"| {shown} | {text(right, is_share)} | {' | '.join(cells)} |")
    for name, (_, samples) in results.items():
        pairs = list(zip(by_item(expected["lmoe_intents"]), by_item(samples["lmoe_intents"])))
        numbers = [(ours, theirs) for left, right in pairs for theirs, ours in zip(left, right)]
        chosen = sum(best(left) != best(right) for left, right in pairs)
        texts = sum(left != right for left, right in zip(by_item(expected["lmoe_intents_written"]), by_item(samples["lmoe_intents_written"])))
        print(f"{name}: {chosen} of {len(pairs)} items with another choice, {texts} other texts; log-likelihoods of choices differ by "
              f"{sum(abs(a - b) for a, b in numbers) / len(numbers):.4f} on average, {max(abs(a - b) for a, b in numbers):.4f} at most")
    return far


def text(value, is_share):
    return f"{value * 100:.1f}" if is_share else f"{value:.4f}"


def by_item(samples):
    """Answers in the order of the items: log-likelihoods of the choices, or the text."""
    ordered = sorted(samples, key=lambda sample: sample["doc_id"])
    return [[float(answer[0][0]) for answer in sample["resps"]] if len(sample["resps"]) > 1 else sample["resps"][0][0] for sample in ordered]


def best(numbers):
    return max(range(len(numbers)), key=numbers.__getitem__)


main()
