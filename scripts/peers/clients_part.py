"""Clients through HTTP: prompts of 64 tokens, all different, 128 tokens each, temperature 0, no early end."""

import contextlib

import clients
from servers import Llama, Lmoe

TOKENS = 128


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
    rows, seed = {}, 0
    with contextlib.ExitStack() as stack:
        # As llama-server gets 1024 positions a client, lmoe gets memory for 32 of them.
        ours = stack.enter_context(Lmoe(setup, peft, more=("--kv-memory", "512", "--adapter-memory", "512")))
        peers = [
            stack.enter_context(Llama(setup, "llama.cpp", setup.base, gguf, 8)),
            stack.enter_context(Llama(setup, "llama.cpp Q4_0", setup.q4_0, gguf, 8))]
        cases = [(server, count, mix) for count in (1, 8) for mix in ("base", "one", "different")[:3 if count > 1 else 2]
                 for server in (ours, *peers)]
        cases += [(ours, count, mix) for count in (16, 32) for mix in ("base", "different")]
        for number in range(setup.rounds + 1):
            say(f"clients: round {number} of {setup.rounds}" if number else "clients: warming up")
            for server, count, mix in cases:
                if not number and count > 1 and server is not ours:
                    continue
                seed += 1
                wave = clients.wave(server.port, requests(server, count, mix, 64, seed))
                # A prompt of 512 tokens and one more: the time to the first token is the prompt's.
                prompt = clients.wave(server.port, requests(server, 1, mix, 512, seed, 1)) if count == 1 else None
                if not number:
                    continue
                note(rows, server, f"{count} {mix}", wave)
                if prompt:
                    rows[server.name][f"{count} {mix}"].setdefault("prompt 512", []).append(512 / prompt.worst_first)
    return rows
