"""Start, an adapter's first use, and memory."""

import json
import statistics
import time
import urllib.request

import clients
from clients_part import requests
from servers import Llama, Lmoe


def first_use(setup, peft, count=16):
    """Seconds to the first token of a 64-token prompt: an adapter that is not in memory, and the same adapter after."""
    cold, warm = [], []
    with Lmoe(setup, peft, name="lmoe-first-use") as server:
        for seed in range(3):
            clients.wave(server.port, requests(server, 1, "base", 64, seed))
        for adapter in range(count):
            first = [
                clients.wave(server.port, [server.request(prompt, adapter, 1)]).worst_first
                for prompt in clients.prompts(4, 64, 1000 + adapter)]
            cold.append(first[0])
            warm.append(statistics.median(first[1:]))
    return {"cold": cold, "warm": warm, "above": [c - w for c, w in zip(cold, warm)]}


def starts(setup, adapters, encoder):
    """Seconds to ready and bytes then; the first start, which fills the caches, is thrown away."""
    seconds, memory = [], 0
    for number in range(setup.rounds + 1):
        with Lmoe(setup, adapters, encoder=encoder, name="lmoe-start") as server:
            if number:
                seconds.append(server.ready_seconds)
                memory = server.memory()
    return {"seconds": seconds, "memory": memory}


def llama_starts(setup):
    seconds = []
    for _ in range(setup.rounds):
        with Llama(setup, "llama-start", setup.base, [], 1) as server:
            seconds.append(server.ready_seconds)
    return {"seconds": seconds}


def embed(server):
    body = json.dumps({"model": "encoder", "input": ["how many rivers run through texas"] * 8}).encode()
    url = f"http://127.0.0.1:{server.port}/v1/embeddings"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=20).read()


def memory(setup, peft, gguf):
    """Most bytes of each server after 8 clients with 8 adapters; lmoe has its encoder loaded and used."""
    bytes_at = {}
    with Lmoe(setup, peft, encoder="models/encoder", name="lmoe-memory") as server:
        bytes_at["lmoe at ready"] = server.memory()
        embed(server)
        bytes_at["lmoe after an embedding"] = server.memory()
        for seed in range(2):
            clients.wave(server.port, requests(server, 8, "different", 64, 50 + seed))
        embed(server)
        bytes_at["lmoe"] = server.memory()
        before = server.processor_seconds()
        time.sleep(3)
        bytes_at["lmoe, processor share while idle"] = (server.processor_seconds() - before) / 3
    with Llama(setup, "llama-memory", setup.base, gguf, 8) as server:
        for seed in range(2):
            clients.wave(server.port, requests(server, 8, "different", 64, 50 + seed))
        bytes_at["llama.cpp"] = server.memory()
    return bytes_at


def measure(setup, say):
    eight = setup.adapters("eight", count=8, rank=16)
    thirty_two = setup.adapters("adapters", count=32, rank=16) / "peft"
    thousand = setup.adapters("thousand", count=1000, rank=1, examples=10, no_gguf=True) / "peft"
    gguf = [eight / f"gguf/bench-{index}.gguf" for index in range(8)]
    say("life: the first use of adapters")
    results = {"first use": first_use(setup, thirty_two)}
    say("life: starts")
    results["start, 8 adapters"] = starts(setup, eight / "peft", "models/encoder")
    results["start, 1000 adapters"] = starts(setup, thousand, "models/encoder")
    results["start, llama.cpp without adapters"] = llama_starts(setup)
    say("life: memory")
    results["memory"] = memory(setup, eight / "peft", gguf)
    return results
