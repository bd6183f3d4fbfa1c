"""`lmoe bench` as it is, and its tables."""

import json
import subprocess


def measure(setup, say):
    say("bench: lmoe bench")
    return json.loads(subprocess.run(
        [setup.lmoe, "bench", "--json", "--base", setup.base, "--threads", str(setup.threads)], check=True, capture_output=True).stdout)


def step_rows(entries, size):
    for entry in entries:
        yield [
            str(entry[size]), entry["adapter"], f"{entry['tokens_per_second']:,.0f}", f"{entry['seconds'] * 1000:,.2f}",
            f"{entry['bytes_per_token'] / 1e6:.2f}",
            f"{(entry['int8_operations_per_token'] + entry['f32_operations_per_token']) / 1e6:.0f}",
            f"{entry['bandwidth_share'] * 100:.0f} %", f"{entry['compute_share'] * 100:.0f} %",
            f"{entry['seconds'] / entry['predicted_seconds']:.2f}", str(entry["allocations"])]


def timing_rows(bench):
    def row(what, samples, scale=1000):
        return [what, *(f"{samples[key] * scale:.2f}" for key in ("median", "least", "greatest"))]

    latency, http, encoder = bench["latency"], bench["http"], bench["encoder"]
    for entry in latency["first_token"]:
        yield row(f"first token, {entry['what']}", entry["seconds"])
    yield row("a token of one stream, from the engine", latency["decode_token"])
    yield row(f"load of an adapter of {latency['adapter_bytes'] / 1e6:.1f} MB", latency["adapter_load"])
    yield row("one token through HTTP", http["through_http"])
    yield row("HTTP's part of it", http["overhead"])
    yield row("a token of one stream, through HTTP", http["streamed_token"])
    for entry in encoder["single"]:
        yield row(f"embed a text of {entry['tokens']} tokens", entry["seconds"])
    for scale in bench["routing_scale_us"]:
        yield [f"decide over {scale['adapters']:,} made adapters, vector given", f"{scale['search'] / 1000:.2f}", "", ""]
        yield [f"route over {scale['adapters']:,} made adapters", f"{scale['total'] / 1000:.2f}", "", ""]
        yield [f"index of {scale['adapters']:,} made adapters, vectors given", f"{scale['index'] / 1000:.0f}", "", ""]


def tables(bench, table):
    machine = bench["machine"]
    head = ["adapters", "tokens/s", "ms", "MB/token", "MOP/token", "memory", "compute", "measured/predicted", "allocations"]
    return [
        f"`lmoe bench`, {machine['kernels']} kernels; ceilings: memory {machine['bytes_per_second'] / 1e9:.1f} GB/s, int8 "
        f"{machine['int8_operations_per_second'] / 1e9:,.0f} GOP/s, f32 {machine['f32_operations_per_second'] / 1e9:,.0f} GFLOP/s", "",
        *table(["prompt", *head], step_rows(bench["prefill"], "tokens")), "",
        *table(["rows", *head], step_rows(bench["decode"], "rows")), "",
        *table(["ms", "median", "least", "greatest"], timing_rows(bench)), "",
        f"Embedding 64 texts of 32 tokens: {bench['encoder']['batch_tokens_per_second']:,.0f} tokens/s. Allocations per token that one "
        f"client gets from the engine: {bench['latency']['allocations_per_token']:.1f}."]
