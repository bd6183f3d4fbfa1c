"""Steps of tuning with PEFT and torch on models/base.gguf: tokens per second and memory.

    python scripts/peers/tune_peft.py [--type f32|bf16] [--adapter f32|bf16] [--rows 8] [--tokens 128] [--rank 8] [--steps 8]

One step is forward, backward, clipping and AdamW of a LoRA on all seven linears, with every token a target: the loss is
transformers' own. The base is dequantised from the file and then has the type --type. PEFT keeps the adapter in f32 unless
--adapter bf16 asks for less. Two steps warm up; the rate is that of the median of --steps steps. Prints one line of JSON:

    {"tokens_per_second": 158.2, "step_seconds": [...], "peak_rss_mb": 4800, "type": "f32", "adapter": "f32", "rows": 8,
     "tokens": 128, "rank": 8, "torch": "2.13.0+cpu", "peft": "0.21.2", "transformers": "5.24.0", "threads": 2, "loss": 11.2}

`peak_rss_mb` (MB of 10^6 bytes) is the peak of the steps: what loading the file needs in Python does not count.

Pins: Python 3.11, torch 2.13.0, transformers 5.24.0, peft 0.21.2, tokenizers 0.23.3, gguf 0.19.0, numpy 2.4.
"""

import argparse
import gc
import json
import os
import pathlib
import statistics
import sys
import time

import peft
import torch
import transformers

sys.path.append(str(pathlib.Path(__file__).parents[1] / "fixtures"))
import base_model  # noqa: E402

TYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def forget_peak():
    """Linux then counts the peak of resident memory from here."""
    gc.collect()
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def peak_megabytes():
    line = next(line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return round(int(line.split()[1]) * 1024 / 1e6)


def load(arguments):
    model = base_model.load().to(TYPES[arguments.type])
    model.set_attn_implementation("sdpa")
    config = peft.LoraConfig(
        task_type="CAUSAL_LM", r=arguments.rank, lora_alpha=2 * arguments.rank, lora_dropout=0.0, target_modules=LINEARS)
    model = peft.get_peft_model(model, config, autocast_adapter_dtype=arguments.adapter == "f32")
    model.config.use_cache = False
    return model.train()


def measure(model, arguments, warm_up=2):
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert all(parameter.dtype == TYPES[arguments.adapter] for parameter in trained)
    optimizer = torch.optim.AdamW(trained, lr=2e-4, weight_decay=0.0)
    # The tokens of `lmoe bench --only tuning`.
    place = torch.arange(arguments.tokens)[None] * 7919 + torch.arange(arguments.rows)[:, None] * 104_729 + 13
    tokens = place % model.config.vocab_size
    seconds = []
    for step in range(warm_up + arguments.steps):
        start = time.perf_counter()
        loss = model(input_ids=tokens, labels=tokens).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step >= warm_up:
            seconds.append(time.perf_counter() - start)
    return seconds, loss.item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--type", choices=TYPES, default="f32")
    parser.add_argument("--adapter", choices=TYPES, default="f32")
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    if arguments.type == "f32" and arguments.adapter == "bf16":
        parser.error("--adapter bf16 goes with --type bf16")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = load(arguments)
    forget_peak()
    seconds, loss = measure(model, arguments)
    print(json.dumps({
        "tokens_per_second": round(arguments.rows * arguments.tokens / statistics.median(seconds), 1),
        "step_seconds": [round(value, 3) for value in seconds], "peak_rss_mb": peak_megabytes(), "type": arguments.type,
        "adapter": arguments.adapter, "rows": arguments.rows, "tokens": arguments.tokens, "rank": arguments.rank,
        "torch": torch.__version__, "peft": peft.__version__, "transformers": transformers.__version__,
        "threads": arguments.threads, "loss": round(loss, 4)}))
