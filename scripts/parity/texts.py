"""The texts that tokenizers are compared on: the data sets line by line, and seeded random Unicode."""

import glob
import json
import pathlib
import random

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATASETS = ROOT.parent / "shared/datasets"

WORDS = [
    "the", "don't", "we'll", "I'VE", "hello world", "<|im_start|>", "<|endoftext|>", "<|im_end|>", "<|eot_id|>", "[CLS]",
    "[MASK]", "[UNK]", "  \n\n ", "\r\n", " \t ", "1234567", "naïve", "Ａｂ", "e\u0301", "İ", "ΣΑΣ", "'ſ", "\u1100\u1161\u11a8",
]

GEMMA_WORDS = WORDS + [
    "<start_of_turn>user\n", "<end_of_turn>", "<eos>", "<table>", "</td>", "    ", " " * 31, "\n\n\n", "\t\t", "▁", "a▁▁b", "<0x0A>",
]


def dataset_lines(folder=DATASETS):
    """Every line of *.nl, every text of clinc150.json, every field of GSM8K."""
    folder = pathlib.Path(folder)
    found = []
    for name in sorted(glob.glob(str(folder / "*.nl"))):
        found += pathlib.Path(name).read_text(encoding="utf-8").split("\n")
    for part in json.loads((folder / "clinc150.json").read_text(encoding="utf-8")).values():
        found += [row[0] for row in part]
    for part in ("train", "test"):
        for line in (folder / f"gsm8k_{part}.jsonl").read_text(encoding="utf-8").splitlines():
            found += [str(value) for value in json.loads(line).values()]
    return found


def random_texts(seed, count, words=WORDS):
    """Strings that mix words, special tokens, and runs of characters out of one block or of all of Unicode."""
    rng = random.Random(seed)
    everything = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    pools = [
        range(32, 127), range(32, 127), [ord(c) for c in " \t\n\r\x0b\x0c\x85\xa0\u1680\u2003\u2028\u3000\u200b\ufeff"],
        [ord(c) for c in "'stremvld STREMVLDſ'"], range(0x30, 0x3A), range(0x250), range(0x300, 0x370),
        range(0x370, 0x600), range(0x900, 0xA00), range(0xE00, 0xE80), range(0x1100, 0x1200), range(0xAC00, 0xB800),
        range(0x3040, 0x3100), range(0x4E00, 0x5200), range(0x2000, 0x2070), range(0x2150, 0x2190),
        range(0x1F300, 0x1F700), range(0x1D100, 0x1D200), range(0xF900, 0xFB50), everything,
    ]
    made = []
    for _ in range(count):
        text = ""
        for _ in range(rng.randint(1, 6)):
            if rng.random() < 0.25:
                text += rng.choice(words)
            else:
                pool = rng.choice(pools)
                text += "".join(chr(rng.choice(pool)) for _ in range(rng.randint(1, 12)))
        made.append(text)
    return made
