"""Clients through HTTP: prompts of 64 tokens, all different, 128 tokens each, temperature 0, no early end."""

import contextlib

import clients
from servers import Llama, Lmoe, Vllm

TOKENS = 128
CASES = [(1, "base"), (1, "one"), (8, "base"), (8, "one"), (8, "different")]


def requests(server, count, mix, length, seed, tokens=TOKENS):
    adapters = {"base": [None] * count, "one": [0] * count, "different": list(range(count))}[mix]
    return [server.request(prompt, adapter, tokens) for prompt, adapter in zip(clients.prompts(count, length, seed), adapters)]


def note(rows, server, case, wave):
    row = rows.setdefault(server.name, {}).setdefault(case, {})
    figures = {"tokens/s": wave.tokens_per_second, "worst first": wave.worst_first, "median first": wave.median_first}
    if len(wave.replies) == 1:
        figures["decode"] = wave.decode_rate
    for key, value in figures.items():
        row.setdefault(key, []).append(value)


def measure(setup, say):
    """`{server: {"8 base": {"tokens/s": [...], "worst first": [...] ...}}}`; seconds."""
    peft = setup.adapters("adapters", count=32, rank=16) / "peft"
    gguf = [setup.work / f"adapters/gguf/bench-{index}.gguf" for index in range(8)]
    with contextlib.ExitStack() as stack:
        # As llama-server gets 1024 positions a client, lmoe gets memory for 32 of them.
        ours = stack.enter_context(Lmoe(setup, peft, more=("--kv-memory", "512", "--adapter-memory", "512")))
        peers = [
            stack.enter_context(Llama(setup, "llama.cpp", setup.base, gguf, 8)),
            stack.enter_context(Llama(setup, "llama.cpp Q4_0", setup.q4_0, gguf, 8))]
        more = [(ours, count, mix) for count in (16, 32) for mix in ("base", "different")]
        return in_turn(setup, say, "clients", [(server, *case) for case in CASES for server in (ours, *peers)] + more)


def measure_vllm(setup, say):
    """The same of lmoe and vLLM."""
    peft = setup.adapters("adapters", count=32, rank=16) / "peft"
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Lmoe(setup, peft)), stack.enter_context(Vllm(setup, peft, 8))]
        return in_turn(setup, say, "vllm", [(server, *case) for case in CASES for server in servers])


def in_turn(setup, say, name, cases):
    """All (server, count, mix) one after the other, round by round; the first round warms up."""
    rows, seed = {}, 0
    for number in range(setup.rounds + 1):
        say(f"{name}: round {number} of {setup.rounds}" if number else f"{name}: warming up")
        for server, count, mix in cases:
            seed += 1
            with contextlib.ExitStack() as others:
                for other in {case[0] for case in cases} - {server}:
                    others.enter_context(other.paused())
                wave = clients.wave(server.port, requests(server, count, mix, 64, seed, TOKENS if number else 8))
                # A prompt of 512 tokens and one more: the time to the first token is the prompt's.
                prompt = clients.wave(server.port, requests(server, 1, mix, 512, seed, 1)) if count == 1 else None
            if not number:
                continue
            note(rows, server, f"{count} {mix}", wave)
            if prompt:
                rows[server.name][f"{count} {mix}"].setdefault("prompt 512", []).append(512 / prompt.worst_first)
    return rows
