#!/usr/bin/env python3
"""Compares `lmoe tokenize` with Hugging Face `tokenizers` on every line of the data sets and on seeded random Unicode.

Pins: tokenizers==0.23.3, gguf==0.19.0, and for Gemma transformers==5.24.0. Run in a checkout with models/ and a built product:
    python scripts/parity/tokenizers.py [--lmoe .build/release/lmoe] [--datasets DIR] [--seed N] [--count 20000]
Ends with status 1 when a text differs, and shows the first ones.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

# This file's name is that of the package it needs: its folder is searched last.
HERE = pathlib.Path(__file__).resolve().parent
sys.path = [p for p in sys.path if pathlib.Path(p or ".").resolve() != HERE] + [str(HERE)]

from reference import encoder, gemma, smollm2  # noqa: E402
from texts import DATASETS, GEMMA_WORDS, ROOT, dataset_lines, random_texts  # noqa: E402


def product(lmoe, texts, *options):
    """The ids of each text, from the product: one JSON string a line in, one line of ids out."""
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    run = subprocess.run(
        [lmoe, "tokenize", "--json", *options], input=lines.encode(), stdout=subprocess.PIPE, cwd=ROOT, check=True)
    rows = run.stdout.decode().splitlines()
    if len(rows) != len(texts):
        sys.exit(f"{lmoe} tokenize {' '.join(options)}: {len(rows)} lines for {len(texts)} texts")
    return [[int(number) for number in re.findall(r"\d+", row)] for row in rows]


def compare(name, texts, wanted, found):
    different = [i for i, (w, f) in enumerate(zip(wanted, found)) if w != f]
    print(f"{name}: {len(texts)} texts, {sum(map(len, wanted))} tokens, {len(different)} differ")
    for i in different[:5]:
        print(f"  {texts[i]!r}\n    wanted {wanted[i]}\n    found  {found[i]}")
    return not different


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--lmoe", default=str(ROOT / ".build/release/lmoe"))
    options.add_argument("--datasets", default=DATASETS)
    options.add_argument("--seed", type=int, default=20261124)
    options.add_argument("--count", type=int, default=20_000)
    options.add_argument("--gemma", help="a Gemma 3 GGUF file: compares that alone")
    given = options.parse_args()
    texts = dataset_lines(given.datasets) + random_texts(given.seed, given.count)
    equal = True
    if given.gemma:
        texts = dataset_lines(given.datasets) + random_texts(given.seed, given.count, GEMMA_WORDS)
        decoder = gemma(given.gemma)
        wanted = [decoder.encode(text, add_special_tokens=False).ids for text in texts]
        sys.exit(0 if compare("Gemma 3", texts, wanted, product(given.lmoe, texts, "--base", given.gemma)) else 1)
    decoder = smollm2()
    wanted = [decoder.encode(text, add_special_tokens=False).ids for text in texts]
    equal &= compare("SmolLM2", texts, wanted, product(given.lmoe, texts))
    bert = encoder()
    wanted = [bert.encode(text).ids for text in texts]
    equal &= compare("MiniLM", texts, wanted, product(given.lmoe, texts, "--encoder"))
    sys.exit(0 if equal else 1)


main()
