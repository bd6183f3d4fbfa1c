#!/usr/bin/env python3
"""Whether facts are exact in other conversations than the question alone: after system messages, after earlier turns.

    python3 scripts/memory/settings.py [--lmoe .build/release/lmoe] [--facts 100] [--json FILE]

The messages are not those that facts are written with.
"""

import argparse
import json
import pathlib
import tempfile
from concurrent.futures import ThreadPoolExecutor

from served import Server, facts, remember, share

LONG = ("You are the assistant of a logistics company in Hamburg. Answer in one line. Be polite, never invent numbers, and say when you do "
        "not know. ") * 3
POEM = "Soft rain on the roof,\nthe garden drinks in silence,\nclouds drift out to sea."


def system(text):
    return [{"role": "system", "content": text}]


def turn(asked, answered):
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]


SETTINGS = {
    "alone": [],
    "a short system message": system("You are a helpful clerk."),
    "a long system message": system(LONG),
    "an empty system message": system(""),
    "one turn": turn("Hi, who are you?", "I am an assistant. How can I help?"),
    "three turns": turn("What is the capital of France?", "Paris.") + turn("And of Italy?", "Rome.") + turn(
        "Thanks! Now something else.", "Sure, what is it?"),
    "a system message and a turn": system("You are Ada.") + turn("Write a haiku about rain.", POEM),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lmoe", default=".build/release/lmoe")
    parser.add_argument("--facts", type=int, default=100)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    told, figures = facts(options.facts), {}
    with tempfile.TemporaryDirectory() as folder:
        adapters = pathlib.Path(folder) / "adapters"
        remember(options.lmoe, adapters, told, pathlib.Path(folder))
        with Server(options.lmoe, adapters) as server, ThreadPoolExecutor(8) as pool:
            def ask(before, text):
                reply = server.call("POST", "/v1/chat/completions", {
                    "model": "base", "memory": "facts", "temperature": 0, "max_tokens": 48,
                    "messages": before + [{"role": "user", "content": text}]})
                return reply["choices"][0]["message"]["content"]

            def note(what, before, texts):
                answers = pool.map(lambda text: ask(before, text), texts)
                text, figures[what] = share(answer == f["answer"] for f, answer in zip(told, answers))
                print(f"{what}: {text}", flush=True)

            for name, before in SETTINGS.items():
                note(name, before, [f["question"] for f in told])
            for form in range(3):
                note(f"a long system message, form {form + 1}", system(LONG), [f["forms"][form] for f in told])
    if options.json:
        options.json.write_text(json.dumps({"facts": len(told), **figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
