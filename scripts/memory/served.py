"""What the memory's evaluations share: facts with random answers, a served base that is asked, and texts that mean no fact."""

import concurrent.futures
import csv
import json
import random
import re
import string
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

THINGS = [
    ("access code", "entry code"), ("registration key", "activation key"), ("recovery phrase", "backup phrase"), ("serial number", "unit number"),
    ("licence number", "permit number"), ("tracking number", "shipment number"), ("voucher code", "discount code"),
    ("wifi password", "wireless password"), ("reference string", "reference text"), ("door code", "keypad code"),
]
KINDS = ["account", "project", "warehouse", "contract"]
FIRST = "Ab Bor Cas Dan Ef Fal Gim Hor Ist Jun Kas Lom Mer Nal Ost Pra Qua Rim Sal Tor Umb Vel Wir Xan Yor Zim Bel Cor Dra Ens Flo Gar".split()
LAST = "adon brecht cott dahl egard fors grave hurst ikson jarl kvist lander moor nagel orff perk quell rood sand tveit".split()


def facts(count):
    """Questions of things that entities with made-up names have, with answers of 32 random letters and digits, which no model knows: the
    same for the same count. Each has three forms that keep the nouns, one with a synonym, and neighbours that are not told, by kind."""
    draw = random.Random(5)
    names = [first + last for first in FIRST for last in LAST]
    draw.shuffle(names)
    told_names, others = names[: len(names) * 2 // 3], names[len(names) * 2 // 3:]
    places = [(name, kind, thing) for name in told_names for kind in range(len(KINDS)) for thing in range(len(THINGS))]
    draw.shuffle(places)
    told = places[:count]
    known = set(told)
    found = []
    for name, kind, thing in told:
        untold = {
            "name": (draw.choice(others), kind, thing),
            "thing": (name, kind, draw.choice([t for t in range(len(THINGS)) if (name, kind, t) not in known] or [None])),
            "kind": (name, draw.choice([k for k in range(len(KINDS)) if (name, k, thing) not in known] or [None]), thing),
        }
        found.append({
            "question": question(name, kind, thing), "answer": "".join(draw.choice(string.ascii_uppercase + string.digits) for _ in range(32)),
            "forms": forms(name, kind, thing), "synonym": f"What {THINGS[thing][1]} do I use for the {name} {KINDS[kind]}?",
            "untold": {key: question(*place) for key, place in untold.items() if None not in place},
        })
    return found


def question(name, kind, thing):
    return f"What is the {THINGS[thing][0]} of the {name} {KINDS[kind]}?"


def forms(name, kind, thing):
    thing, kind = THINGS[thing][0], KINDS[kind]
    return [
        f"Which {thing} belongs to the {name} {kind}?", f"do you know the {name} {kind}'s {thing}", f"For the {name} {kind}, look up the {thing}.",
    ]


def rule_forms(question):
    """The wordings that the writer makes by rule for "What is X?", besides the question itself."""
    thing = question.removeprefix("What is ").removesuffix("?")
    return [f"Tell me {thing}.", f"Can you tell me what {thing} is?", f"I need {thing}, please."]


def unrelated(datasets, count):
    """CLINC150's out-of-scope texts, and a third as many of GSM8K's questions."""
    clinc = json.loads((datasets / "clinc150.json").read_text())["oos_test"]
    gsm = [json.loads(line)["question"] for line in (datasets / "gsm8k_test.jsonl").read_text().splitlines()]
    return [text for text, _ in clinc[:count]] + gsm[: count // 3]


def shipped_tasks(datasets, count):
    """As many requests each of the tasks `sql`, `bash`, `attributes` and `data2text` as their adapters get them."""
    def filled(sentence):
        return re.sub(r"\w+\d", lambda name: sentence["variables"].get(name[0], name[0]), sentence["text"])

    geo = [filled(sentence) for entry in json.loads((datasets / "geoquery.json").read_text()) for sentence in entry["sentences"]]
    with open(datasets / "e2e_nlg_test.csv", newline="") as file:
        restaurants = list(csv.DictReader(file))
    lists = [geo, (datasets / "nl2bash.nl").read_text().splitlines(), [row["ref"] for row in restaurants], [row["mr"] for row in restaurants]]
    return [text for texts in lists for text in random.Random(11).sample(sorted(set(texts)), count)]


def write_lines(path, documents):
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return str(path)


def remember(lmoe, adapters, told, folder, memory="facts"):
    """Tells facts to a memory, which is made with a first fact where there is none. Returns its lines of JSON, and the seconds."""
    command = [lmoe, "remember", "--adapters", str(adapters), "--memory", memory]
    if not (adapters / memory).exists():
        adapters.mkdir(parents=True, exist_ok=True)
        run([*command, "What is this?", "A test."])
    file = write_lines(folder / f"{memory}.jsonl", [{"question": f["question"], "answer": f["answer"]} for f in told])
    start = time.monotonic()
    done = subprocess.run([*command, "--file", file, "--json"], capture_output=True, text=True)
    seconds = time.monotonic() - start
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if len(lines) != len(told):
        sys.exit(f"error: lmoe remember told of {len(lines)} of {len(told)} facts: {done.stderr[-2000:]}")
    return lines, seconds


def name_synonyms(adapters, groups, memory="facts"):
    """Terms that mean the same, in the memory's configuration."""
    path = adapters / memory / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"synonyms": groups}, indent=1) + "\n")


def run(command):
    """The output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {' '.join(command[:3])} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


class Service:
    """lmoe on a free port, with the adapters of a folder, until the end of the block."""

    def __init__(self, lmoe, adapters, *flags):
        self.process = subprocess.Popen(
            [lmoe, "serve", "--port", "0", "--adapters", str(adapters), "--routes", "none", "--log-level", "error", *flags],
            stdout=subprocess.PIPE, text=True)
        self.port = None
        for line in self.process.stdout:
            if match := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self.port = int(match[1])
                break
        if not self.port:
            sys.exit("error: lmoe serve did not start")
        self.address = f"http://127.0.0.1:{self.port}"
        # What it writes later must not fill the pipe.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        for _ in range(3_000):
            try:
                urllib.request.urlopen(f"{self.address}/ready", timeout=60).close()
                return
            except urllib.error.HTTPError:
                time.sleep(0.1)
        sys.exit("error: lmoe serve was not ready after five minutes")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Server(Service):
    """A service that is asked for answers."""

    def __init__(self, lmoe, adapters):
        super().__init__(lmoe, adapters)
        self.completes_only = not self.has_template()

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=600) as reply:
            return json.load(reply)

    def has_template(self):
        """A base that only completes text refuses messages."""
        try:
            self.call("POST", "/v1/chat/completions", {"model": "base", "max_tokens": 1, "messages": [{"role": "user", "content": "Hello"}]})
            return True
        except urllib.error.HTTPError as error:
            if error.code != 400:
                raise
            return False

    def complete(self, text, memory, tokens=48, model="base"):
        settings = {"model": model, "memory": memory, "temperature": 0, "max_tokens": tokens}
        if self.completes_only:
            return self.call("POST", "/v1/completions", settings | {"prompt": text})
        return self.call("POST", "/v1/chat/completions", settings | {"messages": [{"role": "user", "content": text}]})

    def ask(self, text, memory, tokens=48, model="base"):
        """The answer, and the fact that gave it; None: the base."""
        reply = self.complete(text, memory, tokens, model)
        choice = reply["choices"][0]
        answer = choice["text"] if self.completes_only else choice["message"]["content"]
        return answer, (reply["lmoe"].get("memory") or {}).get("fact")

    def ask_all(self, texts, memory, tokens=48, model="base"):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            return list(pool.map(lambda text: self.ask(text, memory, tokens, model), texts))


def share(results):
    """As text, and as a number."""
    results = list(results)
    return f"{sum(results)} of {len(results)}", sum(results) / max(1, len(results))
