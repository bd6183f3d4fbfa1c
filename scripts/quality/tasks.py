"""The tasks of the adapters that ship with lmoe: requests that none was tuned on, and how good an answer is, from 0 to 1.

sql         execution accuracy: the rows that the database gives are those of the reference query
math        the number after `####`, or the last one, is the reference's
data2text   the share of the attributes whose values the sentence names
attributes  F1 of the attributes with their values
bash        F1 of the command's words with those of the nearest reference, 1 when they are the same
explain     F1 of the sentence's words with those of the nearest reference
intent      the name is the reference's
pronounce   1 less the edit distance of the sounds by the number of the reference's

The data, and which rows are for tests, are those of scripts/adapters/data.py.
"""

import collections
import pathlib
import random
import re
import sqlite3
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "adapters"))
import data  # noqa: E402

NAMES = sorted(data.TASKS)


class Request:
    def __init__(self, task, prompt, references):
        self.task, self.prompt, self.references = task, prompt, references


def requests(datasets, names, count):
    """`count` of each task by a fixed draw, from its test rows."""
    chosen = []
    for name in names:
        answers = {}
        for prompt, answer, *_ in data.parts(name, datasets)[2]:
            answers.setdefault(prompt, []).append(answer)
        prompts = sorted(answers)
        random.Random(1).shuffle(prompts)
        chosen += [Request(name, prompt, answers[prompt]) for prompt in prompts[:count]]
    return chosen


def f1(found, expected):
    """Of two multisets."""
    found, expected = collections.Counter(found), collections.Counter(expected)
    common = sum((found & expected).values())
    return 2 * common / (sum(found.values()) + sum(expected.values())) if common else 0.0


class Judge:
    def __init__(self, datasets):
        self.database = sqlite3.connect(f"file:{datasets / 'geoquery.sqlite'}?mode=ro", uri=True, check_same_thread=False)
        # A query that joins everything with everything ends here.
        self.steps = 0
        self.database.set_progress_handler(self.tick, 10_000)

    def tick(self):
        self.steps += 1
        return self.steps > 2_000

    def quality(self, request, answer):
        """By the best of the references."""
        measure = getattr(self, request.task)
        if request.task == "data2text":
            return measure(answer, request.prompt)
        return max(measure(answer, reference) for reference in request.references)

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
    def slots(text):
        return [(slot.strip(), value.lower()) for slot, value in re.findall(r"([\w ]+)\[([^\]]*)\]", text)]

    def data2text(self, answer, prompt):
        # Echoed attributes are no sentence.
        if re.search(r"\w\[", answer):
            return 0.0
        text, slots = answer.lower(), self.slots(prompt)

        def names(slot, value):
            if slot == "familyFriendly":
                found = re.search(r"famil|child|kid", text)
                denied = re.search(r"\b(not|no|non|isn't|adult)\b[^.]{0,24}(famil|child|kid)|adult", text)
                return bool(denied) if value == "no" else bool(found) and not denied
            return value in text

        return sum(names(slot, value) for slot, value in slots) / len(slots)

    def attributes(self, answer, reference):
        return f1(self.slots(answer), self.slots(reference))

    @staticmethod
    def bash(answer, reference):
        return f1(answer.strip().strip("`").split("\n")[0].split(), reference.split())

    @staticmethod
    def explain(answer, reference):
        def words(text):
            return re.findall(r"\w+", text.lower())

        return f1(words(answer), words(reference))

    @staticmethod
    def intent(answer, reference):
        return float(answer.strip().lower() == reference)

    @staticmethod
    def pronounce(answer, reference):
        found, expected = answer.split(), reference.split()
        line = list(range(len(expected) + 1))
        for i, sound in enumerate(found, 1):
            corner, line[0] = line[0], i
            for j, other in enumerate(expected, 1):
                corner, line[j] = line[j], min(line[j] + 1, line[j - 1] + 1, corner + (sound != other))
        return max(0.0, 1 - line[-1] / len(expected))
