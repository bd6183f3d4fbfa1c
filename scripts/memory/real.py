#!/usr/bin/env python3
"""How a memory answers real questions: tells it facts of GeoQuery's database, and asks what people asked.

    python3 scripts/memory/real.py [--lmoe .build/release/lmoe] [--asked 200] [--datasets FOLDER] [--adapters FOLDER] [--json FILE]

Told, by `lmoe remember --file geoquery.sqlite --query …`: capital, population, area, density, highest and lowest point and their elevations of
51 states, the lengths of rivers and the heights of mountains. Asked: some questions as they were told; GeoQuery's own questions whose SQL looks
up one told value and nothing else (none has the words of a told question by design); and all others of GeoQuery, which no fact
answers, so that none may open.

The gate's weights were fitted to several sets, of which GeoQuery's questions are one (not these facts, and not these wordings as keys): what is
measured here is not wholly unseen.
"""

import argparse
import json
import pathlib
import random
import re
import sqlite3
import subprocess
import sys
import tempfile

from served import Server, share

# table, column of the name, column of the value, the question, the condition
TOLD = [
    ("state", "state_name", "capital", "What is the capital of {}?"),
    ("state", "state_name", "population", "What is the population of {}?"),
    ("state", "state_name", "area", "What is the area of {}?"),
    ("state", "state_name", "density", "What is the population density of {}?"),
    ("highlow", "state_name", "highest_point", "What is the highest point of {}?"),
    ("highlow", "state_name", "lowest_point", "What is the lowest point of {}?"),
    ("highlow", "state_name", "highest_elevation", "What is the elevation of the highest point of {}?"),
    ("highlow", "state_name", "lowest_elevation", "What is the elevation of the lowest point of {}?"),
    ("river", "river_name", "length", "What is the length of the {} river?"),
    ("mountain", "mountain_name", "mountain_altitude", "What is the height of mount {}?"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lmoe", default=".build/release/lmoe")
    parser.add_argument("--asked", type=int, default=200, help="of the told questions")
    parser.add_argument("--datasets", type=pathlib.Path, default=pathlib.Path("../shared/datasets"))
    parser.add_argument("--adapters", type=pathlib.Path, help="keeps the memory in this folder, or asks the one that an earlier run left there")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    database = options.datasets / "geoquery.sqlite"
    stored, lookups, others = facts(database), *questions(options.datasets / "geoquery.json", database)
    figures = {}

    def note(what, results):
        text, value = share(results)
        figures[what] = value
        print(f"{what}: {text}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        adapters = options.adapters or pathlib.Path(folder) / "adapters"
        adapters.mkdir(parents=True, exist_ok=True)
        if not (adapters / "facts").exists():
            note("written", [status in ("added", "known") for status in tell(options.lmoe, adapters, database)])
        with Server(options.lmoe, adapters) as server:
            asked = random.Random(9).sample(stored, min(options.asked, len(stored)))
            answers = server.ask_all([question for question, _ in asked], "facts")
            note("told: exact", [text == answer for (_, answer), (text, _) in zip(asked, answers)])
            answers = server.ask_all([question for question, _ in lookups], "facts", 24)
            given = [fact is not None for _, fact in answers]
            note("GeoQuery's lookups: exact", [text == answer for (_, answer), (text, _) in zip(lookups, answers)])
            note("GeoQuery's lookups: no fact opens", [not is_given for is_given in given])
            note("GeoQuery's lookups: another fact's answer", [fact is not None and text != answer for (_, answer), (text, fact) in zip(lookups, answers)])
            base = server.ask_all([question for question, _ in lookups], False, 24)
            note("GeoQuery's lookups: the base's answer has the value", [answer in text.lower() for (_, answer), (text, _) in zip(lookups, base)])
            opened = server.ask_all(others, "facts", 1)
            note("GeoQuery's other questions: a fact opens", [fact is not None for _, fact in opened])
            figures["missed"] = [question for (question, _), is_given in zip(lookups, given) if not is_given][:12]
            figures["wrongly opened"] = [question for question, (_, fact) in zip(others, opened) if fact is not None][:12]
            figures["another answer"] = [
                f"{question}: {text}" for (question, answer), (text, fact) in zip(lookups, answers) if fact is not None and text != answer][:12]
    for what in ("missed", "another answer", "wrongly opened"):
        print(f"{what}: {'; '.join(figures[what])}")
    if options.json:
        options.json.write_text(json.dumps({"facts": len(stored), "lookups": len(lookups), "others": len(others), **figures}, indent=1) + "\n")


def select(table, name, value):
    """Names that have one value. A river has a row for each state."""
    return f"SELECT {name} AS name, MIN({value}) AS value FROM {table} WHERE {value} IS NOT NULL GROUP BY {name} HAVING COUNT(DISTINCT {value}) = 1"


def text(value):
    """As `lmoe remember` writes it."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def facts(database):
    """Questions with their answers, as they are told."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return [(question.format(name), text(value)) for table, key, column, question in TOLD
                for name, value in connection.execute(select(table, key, column))]


def tell(lmoe, adapters, database):
    """The status of each fact."""
    found = []
    for table, key, column, question in TOLD:
        command = [
            lmoe, "remember", "--adapters", str(adapters), "--memory", "facts", "--file", str(database), "--query", select(table, key, column),
            "--question", question.format("{name}"), "--answer", "{value}", "--on-conflict", "add", "--json"]
        done = subprocess.run(command, capture_output=True, text=True)
        lines = [json.loads(line)["status"] for line in done.stdout.splitlines() if line.startswith("{")]
        if not lines:
            sys.exit(f"error: {table}.{column}: {done.stderr[-2000:]}")
        found += lines
    return found


def questions(file, database):
    """GeoQuery's questions: those that look up a told value, with it; and the others."""
    told = {(table, key, column): question for table, key, column, question in TOLD}
    known = dict(facts(database))
    lookups, others = {}, {}
    for group in json.loads(file.read_text()):
        place = lookup(group["sql"][0])
        for sentence in group["sentences"]:
            asked = re.sub(r"\w+\d", lambda found: sentence["variables"].get(found[0], found[0]), sentence["text"])
            if place in told and len(sentence["variables"]) == 1:
                question = told[place].format(next(iter(sentence["variables"].values())))
                if question in known:
                    lookups[asked] = known[question]
                # A name that the database does not have, or with several values: asked for nothing.
                continue
            others[asked] = None
    return list(lookups.items()), [asked for asked in others if asked not in lookups]


def lookup(sql):
    """Table, column of the name and column of the value of a query that looks up one value by one name; otherwise None."""
    match = re.fullmatch(r'SELECT (?:DISTINCT )?(\w+?)alias0\.(\w+) FROM (\w+) AS \w+ WHERE \w+\.(\w+) = "\w+" ;', sql.strip())
    return (match[3].lower(), match[4].lower(), match[2].lower()) if match else None


if __name__ == "__main__":
    main()
