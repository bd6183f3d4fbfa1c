"""Families of facts that the memory's gate is trained and tested on: stores of told questions, with requests that mean one of them
and requests that mean none.

A family is a `Family`: `told` questions, `same` pairs (request, number of the told question), `other` requests by kind that mean no told
question. Everything is seeded. The synthetic families share no name, kind, attribute or sentence with the test family (`entities`).

Data: CLINC150 (CC BY 3.0), GeoQuery, E2E (CC BY-SA 4.0) and GSM8K (MIT) of the folder that `--datasets` names. Nothing of it is written out.
"""

import csv
import dataclasses
import json
import random
import re


@dataclasses.dataclass
class Family:
    name: str
    told: list
    same: list
    other: dict
    # Requests that ask with a synonym of the attribute: reported, never trained on.
    synonyms: list = dataclasses.field(default_factory=list)
    # Further wordings that were told with a question: (text, number).
    keys: list = dataclasses.field(default_factory=list)


# Families whose other requests mean a told question now and then.
NOISY = {"geoquery", "clinc150", "e2e"}
# Families whose other requests differ in one small word, all of them: a store has few such.
HARD = {"contrasts"}


def article(word):
    return ("an " if word[0] in "aeiou" else "a ") + word


SYLLABLES = "ba ce di fo gu ka le mi no pu ra se ti vo wu xa ye zi bro cla dre fli gro pla sko tra vle".split()


def invented(r, count):
    names = set()
    while len(names) < count:
        names.add("".join(r.choice(SYLLABLES) for _ in range(r.randint(2, 3))) + r.choice(["", "n", "r", "x", "th", "s"]))
    return sorted(names)


FIRST = "Amelia Bruno Chidi Daria Elif Farid Greta Hugo Imani Joao Keiko Lucia Mehmet Nadia Oskar Priya Quentin Rosa Samir Tamara Umar Vera Wendy Xavier Yara Zoltan".split()
LAST = "Abbott Banerjee Castillo Dubois Eriksen Ferrari Gupta Hoffman Ivanova Jackson Kowalski Lopez Mbeki Nakamura Okafor Petrov Qureshi Romano Schmidt Tanaka Underhill Vargas Whitfield Yamada Zhang".split()
PRODUCTS = "kettle lamp bicycle tent drill camera stroller toaster backpack guitar printer mattress helmet blender".split()
CITIES = "Ashgabat Bogota Cardiff Denver Edmonton Fukuoka Geneva Hanoi Izmir Jakarta Kyoto Lagos Malmo Nairobi Ottawa Porto Quito Riga Seville Tampere Utrecht Valencia Warsaw Zagreb".split()
CLIENTS = "Blue Harbor,Iron Lantern,Green Falcon,Silver Meadow,Quiet River,Red Anchor,Golden Bridge,North Wind,Copper Fox,Bright Valley,White Pine,Black Orchid,Stone Gate,Wild Clover,Amber Light".split(",")

# name, names(r), kinds or none, attributes with a synonym each, the told sentence, held-out sentences; {n} name, {k} kind, {a} attribute
SYNTHETIC = [
    ("people", lambda r: [f"{a} {b}" for a in FIRST for b in LAST], ["colleague", "neighbour", "doctor"],
     [("birthday", "date of birth"), ("blood type", "blood group"), ("shoe size", "foot size"), ("home address", "residence"), ("favourite meal", "preferred dish"),
      ("job title", "position"), ("salary", "pay"), ("mother tongue", "native language"), ("desk", "workplace"), ("phone extension", "internal line")],
     ["What is my {k} {n}'s {a}?", "Say what the {a} of my {k} {n} is."],
     ["my {k} {n} has which {a}", "Could you remind me of the {a} of my {k} {n}?", "{a} of my {k} {n}?", "Please give me my {k} {n}'s {a}"], "What's the {s} of my {k} {n}?"),
    ("devices", lambda r: [f"{a}-{b}" for a in ("RT", "QX", "ZD", "LM", "HV") for b in r.sample(range(100, 999), 60)], ["router", "switch", "sensor", "pump", "server"],
     [("IP address", "network address"), ("firmware version", "software release"), ("rack", "cabinet"), ("owner", "person in charge"), ("temperature limit", "heat threshold"), ("purchase year", "year of acquisition"),
      ("MAC address", "hardware address"), ("login name", "user id"), ("maintenance window", "service slot"), ("supply voltage", "power level")],
     ["Which {a} does {k} {n} have?", "{k} {n}: {a}?"],
     ["What's {k} {n}'s {a}?", "I want to know the {a} for {k} {n}", "Show me the {a} that {k} {n} has.", "tell us: {a}, {k} {n}"], "Which {s} is set on {k} {n}?"),
    ("places", lambda r: [x.capitalize() for x in invented(r, 300)], ["village", "island", "moon", "castle"],
     [("population", "number of inhabitants"), ("mayor", "head of council"), ("founding year", "year of foundation"), ("highest point", "top elevation"), ("area", "size"), ("currency", "money"),
      ("patron saint", "protector"), ("main export", "chief product"), ("climate", "weather"), ("postal abbreviation", "mail short form")],
     ["How would you give the {a} of {n} {k}?", "Name the {a} of {n}, the {k}."],
     ["{n} {k}, what {a} does it have?", "what about the {a} of {n}, that {k}", "Do we have the {a} for {n} {k}?", "The {k} {n} has what {a}?"], "What {s} does the {k} {n} have?"),
    ("products", lambda r: [f"{x.capitalize()} {k}" for x in invented(r, 40) for k in PRODUCTS], [None],
     [("price", "cost"), ("weight", "mass"), ("warranty", "guarantee"), ("supplier", "vendor"), ("colour", "shade"), ("shelf", "storage spot"), ("delivery time", "shipping duration"), ("item group", "category"),
      ("release date", "launch day"), ("battery life", "running time"), ("return policy", "refund rule")],
     ["What {a} has the {n}?", "The {n}'s {a}, please."],
     ["How about the {a} of the {n}?", "what would be the {n}'s {a}", "Give me the {a} for the {n}", "I'm asking about the {n}: its {a}?"], "What {s} has the {n}?"),
    ("clients", lambda r: [f"{c} {x}" for c in CLIENTS for x in ("Ltd", "Group", "Partners", "Foods", "Labs", "Media")] + [f"{c} office in {t}" for c in CLIENTS[:6] for t in CITIES], [None],
     [("invoice total", "bill amount"), ("contact person", "liaison"), ("renewal date", "extension day"), ("payment term", "settlement period"), ("tax rate", "levy"), ("discount level", "rebate"), ("opening hours", "business times"),
      ("customer since", "start of relationship"), ("billing city", "invoice town"), ("relationship manager", "sales lead")],
     ["For {n}, what is the {a}?", "Who or what is the {a} at {n}?"],
     ["{n}: what's the {a}?", "the {a} of {n} is what?", "Let me have the {a} of {n}.", "May I ask for {n}'s {a}?"], "For {n}, what is the {s}?"),
    ("events", lambda r: [f"{m} {d}" for m in ("January", "March", "May", "July", "September", "November") for d in range(1, 29)], ["meeting", "delivery", "flight", "exam"],
     [("room", "place"), ("start time", "beginning"), ("organiser", "host"), ("agenda", "programme"), ("dress style", "clothing rule"), ("number of guests", "attendance"), ("gate", "exit"), ("topic", "subject"), ("deadline", "due date")],
     ["Which {a} is planned for the {k} on {n}?", "{a} for the {n} {k}?"],
     ["What {a} does the {k} of {n} have?", "On {n} there is a {k}. What is its {a}?", "can you check the {a} of the {n} {k}", "the {k} on {n} has which {a}"], "Which {s} is planned for the {k} on {n}?"),
]


def synthetic(spec, told_count=450, asked=170, seed=11):
    name, names_of, kinds, attributes, sentences, held, synonym = spec
    r = random.Random(f"{name}{seed}")
    names = names_of(r)
    r.shuffle(names)
    # A quarter of the names is never told.
    told_names, spare = names[len(names) // 4:], names[:len(names) // 4]
    every = [(n, k, a) for n in told_names for k in kinds for a in range(len(attributes))]
    # Names come with several of their attributes and kinds, so that a store has siblings.
    r.shuffle(told_names)
    pool = [x for x in every if x[0] in set(told_names[:max(40, told_count // 6)])]
    facts = r.sample(pool, min(told_count, len(pool) * 2 // 3))
    is_told = set(facts)
    fill = lambda s, n, k, a: s.format(n=n, k=k, a=attributes[a][0], s=attributes[a][1])
    forms = {x: r.choice(sentences) for x in facts}
    told = [fill(forms[x], *x) for x in facts]
    family = Family(name, told, [], {"told": [], "name": [], "attribute": [], "kind": []})
    for number, (n, k, a) in list(enumerate(facts))[:asked]:
        family.same.append((told[number], number))
        for s in r.sample(held, 3):
            family.same.append((fill(s, n, k, a), number))
        family.synonyms.append((fill(synonym, n, k, a), number))
        first = n[:2]
        near = [x for x in spare if x[:2] == first] or spare
        neighbours = {"name": (r.choice(near), k, a), "attribute": (n, k, r.randrange(len(attributes))), "kind": (n, r.choice(kinds), a)}
        for kind, x in neighbours.items():
            if x in is_told or x[2] == a and x[0] == n and x[1] == k:
                continue
            family.other[kind] += [fill(r.choice(held + [forms[facts[number]]]), *x) for _ in range(2)]
    family.other = {k: v for k, v in family.other.items() if v}
    return family


# Sentences, each with rewordings of it, then with sentences that differ in one thing; {n} and {m} are names, {t} is a thing, {d} a day.
CONTRASTS = [
    (["Which {t}s does {n} have?", "What are {n}'s {t}s?", "List the {t}s of {n}.", "{n} has which {t}s?"], ["How many {t}s does {n} have?", "Who sold the {t}s to {n}?", "Which {t}s does {n} not have?"]),
    (["How many {t}s does {n} have?", "how many {t}s has {n}", "Tell me how many {t}s {n} has."], ["Which {t}s does {n} have?", "How many {t}s does {n} need?", "Why does {n} have {t}s?"]),
    (["Is {n} open on {d}?", "Can you say whether {n} is open on {d}?", "is {n} open {d}s"], ["Is {n} not open on {d}?", "Is {n} closed on {d}?", "When is {n} open on {d}?", "Is {n} open after {d}?"]),
    (["Who founded {n}?", "Do you know who founded {n}?", "{n} was founded by whom?"], ["When was {n} founded?", "Where was {n} founded?", "Who owns {n}?", "Who left {n}?"]),
    (["When was {n} founded?", "In which year was {n} founded?", "when was {n} founded please"], ["Who founded {n}?", "Why was {n} founded?", "When was {n} sold?"]),
    (["What is the largest {t} of {n}?", "{n}'s largest {t}?", "Tell me the largest {t} of {n}."], ["What is the smallest {t} of {n}?", "What is the oldest {t} of {n}?", "What is the largest {t}?"]),
    (["What is the cheapest {t} at {n}?", "which {t} is the cheapest at {n}", "The cheapest {t} at {n} is which?"], ["What is the dearest {t} at {n}?", "What is the best {t} at {n}?", "How much is the cheapest {t} at {n}?"]),
    (["Does {n} accept a {t}?", "do you know if {n} accepts a {t}", "Is a {t} accepted by {n}?"], ["Does {n} never accept a {t}?", "Why doesn't {n} accept a {t}?", "Does {n} sell a {t}?"]),
    (["Where does {n} keep the {t}?", "where is the {t} of {n} kept", "Show me where {n} keeps the {t}."], ["Who keeps the {t} of {n}?", "When does {n} lock the {t}?", "Where does {n} buy the {t}?"]),
    (["What do I need before I visit {n}?", "before I visit {n}, what do I need"], ["What do I need after I visit {n}?", "Who do I need to visit {n}?"]),
    (["Which {t} did {n} borrow from {m}?", "what {t} has {n} borrowed from {m}", "{n} borrowed which {t} from {m}?"], ["Which {t} did {n} return to {m}?", "When did {n} borrow a {t} from {m}?", "How many {t}s did {n} borrow from {m}?"]),
]
THINGS = "ticket,boat,painting,ladder,garden,piano,tractor,window,stamp,violin,carpet,orchard".split(",")
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


def contrasts(seed=17, asked=40):
    """Questions that differ in one small word: negation, kind of question, comparison."""
    r = random.Random(seed)
    names = [x.capitalize() for x in invented(r, 160)]
    family = Family("contrasts", [], [], {"contrast": [], "thing": []})
    for forms, others in CONTRASTS:
        for _ in range(asked):
            n, m = r.sample(names, 2)
            t, d = r.choice(THINGS), r.choice(DAYS)
            fill = lambda s, t=t: s.format(n=n, m=m, t=t, d=d)
            told, *same = r.sample(forms, len(forms))
            family.told.append(fill(told))
            family.same += [(fill(s), len(family.told) - 1) for s in [told] + same]
            family.other["contrast"] += [fill(s) for s in others]
            if "{t}" in told:
                family.other["thing"].append(fill(r.choice(forms), r.choice([x for x in THINGS if x != t])))
    is_told = set(family.told)
    family.other = {k: [t for t in v if t not in is_told] for k, v in family.other.items()}
    return family


def geoquery(folder, seed=3):
    r = random.Random(seed)
    groups = json.load(open(folder / "geoquery.json"))

    def fill(text, variables):
        for key, value in variables.items():
            text = text.replace(key, value)
        return text
    told, same, names, owner = [], [], [], {}
    asked = set()
    for g in groups:
        by_values = {}
        for s in g["sentences"]:
            by_values.setdefault(tuple(sorted(s["variables"].items())), []).append(s["text"])
        forms = sorted({s["text"] for s in g["sentences"]})
        for values in r.sample(sorted(by_values), min(3, len(by_values))):
            texts = [fill(t, dict(values)) for t in forms if all(k in t for k, _ in values)]
            if not texts or texts[0] in owner:
                continue
            owner[texts[0]] = len(told)
            told.append(texts[0])
            same += [(t, len(told) - 1) for t in texts[:5]]
            asked.update(texts)
    for g in groups:
        values = {tuple(sorted(s["variables"].items())) for s in g["sentences"]}
        every = {k: sorted({s["variables"][k] for h in groups for s in h["sentences"] if k in s["variables"]}) for v in values for k, _ in v}
        for s in g["sentences"][:2]:
            for _ in range(2):
                changed = {k: r.choice(every[k]) for k in s["variables"]}
                text = fill(s["text"], changed)
                if changed and text not in asked:
                    names.append(text)
    return Family("geoquery", told, same, {"name": sorted(set(names))})


def clinc(folder, seed=5):
    """Told: some queries of each intent. Requests of the same intent ask for something else; so do all others."""
    r = random.Random(seed)
    rows = json.load(open(folder / "clinc150.json"))["train"]
    by = {}
    for text, intent in rows:
        by.setdefault(intent, []).append(text)
    told, siblings = [], []
    for intent in sorted(by):
        texts = r.sample(by[intent], 7)
        told += texts[:3]
        siblings += texts[3:]
    shapes = ["{}", "please, {}", "hey, {}", "{} please", "quick question: {}", "{} thanks", "ok so {}", "can you help: {}"]
    same = [(r.choice(shapes).format(t), i) for i, t in enumerate(told)]
    # Swapping the order of the words around a comma or dropping the article leaves the question the same.
    same += [(re.sub(r"\b(the|a|an) ", "", t), i) for i, t in enumerate(told) if re.search(r"\b(the|a|an) ", t)]
    return Family("clinc150", told, same, {"sibling": siblings})


def e2e(folder, seed=7):
    """Told: a description of a restaurant. The same in other words of the same meaning representation; another where one slot differs."""
    r = random.Random(seed)
    by = {}
    for row in csv.reader(open(folder / "e2e_nlg_train.csv", encoding="utf-8")):
        by.setdefault(row[0], []).append(row[1])
    slots = {mr: dict(re.findall(r"([\w ]+)\[([^\]]*)\]", mr)) for mr in by if mr != "mr"}
    content = lambda t: {w for w in re.findall(r"\w+", t.lower()) if len(w) > 3}
    meanings = sorted(slots)
    r.shuffle(meanings)
    chosen, told, same, other = meanings[:200], [], [], []
    is_told = set(chosen)
    for mr in chosen:
        told.append(by[mr][0])
        words = content(by[mr][0])
        for text in by[mr][1:]:
            if len(words & content(text)) / len(words | content(text)) > 0.75:
                same.append((text, len(told) - 1))
        same.append((by[mr][0], len(told) - 1))
        for near in meanings:
            if near not in is_told and slots[near].keys() == slots[mr].keys() and sum(slots[near][k] != slots[mr][k] for k in slots[mr]) == 1:
                other += by[near][:1]
                break
    return Family("e2e", told, same, {"slot": other})


def unrelated(folder, count=400, seed=9):
    """Requests that no store knows: of the training splits, so that none is in a test."""
    r = random.Random(seed)
    data = json.load(open(folder / "clinc150.json"))
    texts = r.sample([t for t, _ in data["oos_train"] + data["oos_val"]], 150) + r.sample([t for t, _ in data["val"]], count - 250)
    maths = [json.loads(line)["question"] for line in open(folder / "gsm8k_train.jsonl")]
    return texts + r.sample(maths, 100)


# The test family: the entity facts of the measured prototype, and CLINC150's out-of-scope test queries.

ATTRIBUTES = [("access code", "entry code"), ("registration key", "activation key"), ("recovery phrase", "backup phrase"), ("serial number", "unit number"),
              ("licence number", "permit number"), ("tracking number", "shipment number"), ("voucher code", "discount code"), ("wifi password", "wireless password"),
              ("reference string", "reference text"), ("door code", "keypad code")]
KINDS = ["account", "project", "warehouse", "contract"]
STEMS = ("Lar Han Jen Pet Ras Karl Eng Sven Mag Hol Ber Thor Nor Dal Lind Ek Gran Ost Vest Mar Hel Kol Ros Wal Bran Cal Dor Fen Gar Har Ing Jor Kel Lan Mor Nel "
         "Or Pel Quin Ren Sor Tor Ul Ver Wil Yor Zel Al Bel Cor Del Er Fal Gol Hed Is Jal Kar Lor Mel").split()
ENDS = ("sen son ssen sson berg borg gren quist lund holm dahl strom man mann ner ling ley ford ton wick well stad rud vik by haug mark nes stein feld bach meier "
        "kamp huis dijk ova ski").split()


def entity_question(name, kind, attribute):
    return f"What is the {ATTRIBUTES[attribute][0]} of the {name} {KINDS[kind]}?"


def entity_held(name, kind, attribute):
    a, k, synonym = ATTRIBUTES[attribute][0], KINDS[kind], ATTRIBUTES[attribute][1]
    return [f"Which {a} belongs to the {name} {k}?", f"do you know the {name} {k}'s {a}", f"For the {name} {k}, look up the {a}.", f"What {synonym} do I use for the {name} {k}?"]


def entities(folder, facts, asked=500, seed=0, synonyms=False):
    """`synonyms`: those asked are told with a wording that uses the synonym, in another sentence than the request's. The same draws as the prototype's `facts.py`, answers included, since they move the generator."""
    r = random.Random(seed)
    names = [s + e for s in STEMS for e in ENDS]
    r.shuffle(names)
    told_names, rest = names[:len(names) * 2 // 3], names[len(names) * 2 // 3:]
    every = [(n, k, a) for n in told_names for k in range(4) for a in range(10)]
    r.shuffle(every)
    chosen = every[:10000]
    told = set(chosen)
    by_stem = {}
    for x in rest:
        by_stem.setdefault(x[:3], []).append(x)
    family = Family(f"entities {facts}", [entity_question(*x) for x in chosen[:facts]], [], {"name": [], "attribute": [], "kind": []})
    for number, (n, k, a) in enumerate(chosen[:asked]):
        for _ in range(32):
            r.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        near = r.choice(by_stem.get(n[:3], rest))
        other_attribute = r.choice([j for j in range(10) if (n, k, j) not in told] or [a])
        other_kind = r.choice([j for j in range(4) if (n, j, a) not in told] or [k])
        held = entity_held(n, k, a)
        family.same += [(family.told[number], number)] + [(t, number) for t in held[:3]]
        family.synonyms.append((held[3], number))
        if synonyms:
            family.keys.append((f"What is the {ATTRIBUTES[a][1]} of the {n} {KINDS[k]}?", number))
        for kind, x in dict(name=(near, k, a), attribute=(n, k, other_attribute), kind=(n, other_kind, a)).items():
            if x not in told:
                family.other[kind] += ([entity_question(*x)] + entity_held(*x))[:4]
    data = json.load(open(folder / "clinc150.json"))
    family.other["unrelated"] = [t for t, _ in data["oos_test"]]
    return family
