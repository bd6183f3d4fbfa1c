"""The items of the tasks beside it, drawn from CLINC150 (CC BY 3.0) and GSM8K (MIT) in the folder that LMOE_DATASETS names."""

import json
import os
import pathlib
import random

from datasets import Dataset

FOLDER = pathlib.Path(os.environ.get("LMOE_DATASETS", "../shared/datasets"))
INTENTS = 200
EXAMPLES = 2
CHOICES = 4
PROBLEMS = 40


def intents(**_):
    """What people say to an assistant, each with four intents of which one is right. The examples before them come from the training part."""
    rows = json.loads((FOLDER / "clinc150.json").read_text(encoding="utf-8"))
    names = sorted({name for _, name in rows["train"]})
    draw = random.Random(17)

    def item(text, right):
        choices = [right, *draw.sample([name for name in names if name != right], CHOICES - 1)]
        draw.shuffle(choices)
        return {"text": text, "choices": [name.replace("_", " ") for name in choices], "answer": choices.index(right)}

    return {"train": Dataset.from_list([item(*row) for row in draw.sample(rows["train"], EXAMPLES)]),
            "test": Dataset.from_list([item(*row) for row in draw.sample(rows["test"], INTENTS)])}


def problems(**_):
    """Word problems with their worked answers, as texts to score."""
    lines = (FOLDER / "gsm8k_test.jsonl").read_text(encoding="utf-8").splitlines()[:PROBLEMS]
    return {"test": Dataset.from_list([{"text": f"{row['question']}\n{row['answer']}"} for row in map(json.loads, lines)])}
