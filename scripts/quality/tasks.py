"""The four tasks of the adapters that ship with lmoe: held-out requests, and how good an answer is, from 0 to 1.

sql        execution accuracy: the rows that the database gives are those of the reference query (GeoQuery, split `test`)
math       the number after `####`, or the last one, is the reference's (GSM8K, test set)
data2text  the share of the attributes whose values the sentence names (E2E NLG, test set)
bash       F1 of the command's words with those of the nearest reference, 1 when they are the same (NL2Bash)
"""

import collections
import csv
import json
import pathlib
import random
import re
import sqlite3


class Request:
    def __init__(self, task, prompt, reference):
        self.task, self.prompt, self.reference = task, prompt, reference


def examples(adapters, task):
    lines = (adapters / task / "examples.jsonl").read_text().splitlines()
    return {json.loads(line)["instruction"].strip().lower() for line in lines}


def sql(data):
    found = {}
    for entry in json.loads((data / "geoquery.json").read_text()):
        for sentence in entry["sentences"]:
            if sentence["question-split"] != "test":
                continue
            text, query = sentence["text"], entry["sql"][0]
            for name, value in sentence["variables"].items():
                text, query = text.replace(name, value), query.replace(name, value)
            found.setdefault(text, query)
    return list(found.items())


def math(data):
    rows = [json.loads(line) for line in (data / "gsm8k_test.jsonl").read_text().splitlines()]
    return [(row["question"], row["answer"]) for row in rows]


def data2text(data):
    with open(data / "e2e_nlg_test.csv", newline="") as file:
        meanings = sorted({row["mr"] for row in csv.DictReader(file)})
    return [(f"Describe this restaurant: {meaning}", meaning) for meaning in meanings]


def bash(data):
    texts = (data / "nl2bash.nl").read_text().splitlines()
    commands = (data / "nl2bash.cm").read_text().splitlines()
    found = {}
    for text, command in zip(texts, commands):
        found.setdefault(text, []).append(command)
    return list(found.items())


def requests(data, adapters, count):
    """`count` of each task by a fixed draw, none of them among the adapter's examples."""
    chosen = []
    for task in (bash, data2text, math, sql):
        name = task.__name__
        known = examples(adapters, name)
        rows = [(prompt, reference) for prompt, reference in task(data) if prompt.strip().lower() not in known]
        random.Random(1).shuffle(rows)
        chosen += [Request(name, prompt, reference) for prompt, reference in rows[:count]]
    return chosen


class Judge:
    def __init__(self, data):
        self.database = sqlite3.connect(f"file:{data / 'geoquery.sqlite'}?mode=ro", uri=True, check_same_thread=False)
        # A query that joins everything with everything ends here.
        self.steps = 0
        self.database.set_progress_handler(self.tick, 10_000)

    def tick(self):
        self.steps += 1
        return self.steps > 2_000

    def quality(self, request, answer):
        return getattr(self, request.task)(answer, request.reference)

    def rows(self, query):
        self.steps = 0
        try:
            return sorted(map(repr, self.database.execute(query.replace('"', "'")).fetchall()))
        except (sqlite3.Error, sqlite3.Warning):
            return None

    def sql(self, answer, reference):
        expected, found = self.rows(reference), self.rows(answer.strip().split("\n")[0])
        return float(found is not None and found == expected)

    @staticmethod
    def math(answer, reference):
        def number(text):
            is_marked = "####" in text
            numbers = re.findall(r"-?\d[\d,]*\.?\d*", text.split("####")[-1])
            return float(numbers[0 if is_marked else -1].replace(",", "").rstrip(".")) if numbers else None

        found = number(answer)
        return float(found is not None and abs(found - number(reference)) < 1e-6)

    @staticmethod
    def data2text(answer, reference):
        slots = re.findall(r"([\w ]+)\[([^\]]*)\]", reference)
        # Echoed attributes are no sentence.
        if not slots or re.search(r"\w\[", answer):
            return 0.0
        text = answer.lower()

        def names(slot, value):
            slot, value = slot.strip(), value.lower()
            if slot == "familyFriendly":
                found = re.search(r"famil|child|kid", text)
                denied = re.search(r"\b(not|no|non|isn't|adult)\b[^.]{0,24}(famil|child|kid)|adult", text)
                return bool(denied) if value == "no" else bool(found) and not denied
            return value in text

        return sum(names(slot, value) for slot, value in slots) / len(slots)

    @staticmethod
    def bash(answer, references):
        def words(command):
            return collections.Counter(command.strip().strip("`").split("\n")[0].split())

        def score(found, expected):
            common = sum((found & expected).values())
            return 2 * common / (sum(found.values()) + sum(expected.values())) if common else 0.0

        return max(score(words(answer), words(reference)) for reference in references)
