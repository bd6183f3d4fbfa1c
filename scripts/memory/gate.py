#!/usr/bin/env python3
"""Trains the weights of the memory's gate, chooses its threshold on families that the weights have not seen, and measures both.

    python scripts/memory/gate.py --datasets FOLDER [--cache FILE] [--facts 1000 10000]

A gate says whether a request means a stored question. Its score is linear in the features of `pair_features`, which Sources/Memory/Gate
computes in the same way from the encoder's word pieces. Weights: logistic regression over several families (families.py). Threshold:
each family is left out once, and a store's own threshold (`store_threshold`) is what its questions say; the least threshold is what the
families left out need where their own is not enough, and a margin. The test family has no part in either.

Writes Sources/Memory/Gate/GateWeights+Trained.swift and Tests/MemoryTests/Fixtures/gate.json, and prints the tables.

Pins: Python 3.11, torch 2.13.0, transformers 5.24.0, numpy 2.4.6. One thread; about 8 minutes without a cache of vectors.
"""

import argparse
import collections
import json
import pathlib
import pickle

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

import families

ROOT = pathlib.Path(__file__).parents[2]
CANDIDATES = 8
FEATURES = ["cosine", "nameless", "coveredFact", "coveredRequest", "softFact", "softRequest", "rarestMissingFact", "rarestMissingRequest", "worstFact",
            "worstRequest", "namesMissingFact", "namesMissingRequest", "numbersDiffer", "asksDiffer", "amountsDiffer", "countsDiffer", "negationDiffers", "leastFact", "meanFact",
            "leastRequest", "missingFact", "missingRequest", "substituted"]
NEGATION = {"not", "no", "never", "without", "cannot", "t"}
ASKING = {"who": 1, "whom": 1, "whose": 1, "when": 2, "where": 3, "why": 4, "how": 5}
# Words that carry no content of a question: function words, and words of asking.
PLAIN = set("""
a about all also am an and any are as at be because been being but by can could d did do does doing don down each for from had has have having he her
here hers him his how i if in into is it its just ll m many me might mine much must my now o of off on once only or other our ours out own re s same
shall she should so some such t than that the their theirs them then there these they this those to too until up ve very was we were what when where
which while who whom whose why will with would you your yours us
ask asking check curious find get give hello help hey hi know let like look looking need please question quick remind say show tell thank thanks want wonder wondering
""".split())
# Common words that tell one thing from another as a name does.
DISTINCT = set("""
january february march april june july august september october november december monday tuesday wednesday thursday friday saturday sunday
one two three four five six seven eight nine ten eleven twelve hundred thousand million first second third fourth fifth sixth seventh eighth ninth tenth last
north south east west northern southern eastern western left right upper lower red blue green yellow black white brown orange purple pink grey gray
""".split())
LEAST_CONTENT = 3.0
NAME = 7.0
LEAST_COSINE = 0.5
# Added to the threshold that the families left out need, since stores of other kinds are worse than these.
MARGIN = 0.75
MOST = 2.0


class Vocabulary:
    """What the spelling and the number of a word piece say. Numbers of whole words rise as words get rarer."""

    def __init__(self, tokenizer):
        pieces = tokenizer.convert_ids_to_tokens(range(tokenizer.vocab_size))
        self.continues = [p.startswith("##") for p in pieces]
        self.spelling = [p[2:] if c else p for p, c in zip(pieces, self.continues)]
        self.is_word = [any(ch.isalnum() for ch in s) for s in self.spelling]
        self.unknown = tokenizer.unk_token_id

    def rarity(self, piece):
        return min(9.0, max(LEAST_CONTENT, float(np.log2(max(piece - 1995, 1) / 64))))


class Text:
    """Pieces without the encoder's marks, `[pieces, 384]` unit vectors, and words."""

    def __init__(self, vocabulary, ids, vectors, sentence):
        keep = [i for i, t in enumerate(ids) if vocabulary.is_word[t]]
        self.ids = [ids[i] for i in keep]
        self.vectors = vectors[keep].astype(np.float32)
        self.sentence = sentence
        groups = []
        for place, i in enumerate(keep):
            if vocabulary.continues[ids[i]] and groups and keep[place - 1] == i - 1:
                groups[-1].append(place)
            else:
                groups.append([place])
        self.words = [Word(vocabulary, [self.ids[p] for p in g], g) for g in groups]
        for word, following in zip(self.words, self.words[1:]):
            # A month, unless "may I".
            if word.spelling == "may":
                word.rarity = 0.0 if following.rarity == 0 else NAME
                word.is_name = word.rarity >= NAME
        self.count = collections.Counter(w.key for w in self.words)
        self.negates = any(w.spelling in NEGATION for w in self.words)
        self.quantity = any(a.spelling == "how" and b.spelling in ("many", "much") for a, b in zip(self.words, self.words[1:]))
        self.rarity = np.array([w.rarity for w in self.words for _ in w.places], np.float32)
        self.asks = {ASKING[w.spelling] for w in self.words if w.spelling in ASKING}
        plain = [p for w in self.words if not w.is_name for p in w.places]
        mean = self.vectors[plain].sum(0) if plain else np.zeros(vectors.shape[1], np.float32)
        self.nameless = mean / max(float(np.linalg.norm(mean)), 1e-12)


class Word:
    def __init__(self, vocabulary, ids, places):
        self.places = places
        self.spelling = "".join(vocabulary.spelling[t] for t in ids)
        self.key = self.spelling[:-1] if len(self.spelling) > 3 and self.spelling.endswith("s") and not self.spelling.endswith("ss") else self.spelling
        self.is_number = any(ch.isdigit() for ch in self.spelling)
        if self.spelling in PLAIN:
            self.rarity = 0.0
        elif self.is_number or len(ids) > 1 or ids[0] == vocabulary.unknown:
            self.rarity = 9.5
        elif len(self.spelling) == 1 or self.spelling in DISTINCT:
            self.rarity = NAME
        else:
            self.rarity = vocabulary.rarity(ids[0])
        self.is_name = self.rarity >= NAME
        if ids == [vocabulary.unknown]:
            self.key = object()


def side(a, b, similarity):
    """How the words of `a` are found in `b`; `similarity` is `[pieces of a, pieces of b]`."""
    keys = {w.key for w in b.words}
    total = sum(w.rarity for w in a.words)
    best = similarity.max(1) if similarity.size else np.zeros(len(a.ids), np.float32)
    covered = soft = rarest = worst = 0.0
    names = missing = 0
    for w in a.words:
        found = w.key in keys
        match = 1.0 if found else 0.0 if w.is_name else max(0.0, float(best[w.places].min()))
        covered += w.rarity * found
        soft += w.rarity * match
        rarest = max(rarest, 0.0 if found else w.rarity)
        worst = max(worst, w.rarity * (1 - match))
        names += w.is_name and not found
        missing += w.rarity > 0 and not found
    return (covered / total if total else 1.0, soft / total if total else 1.0, rarest / 10, worst / 10, min(names, 2), min(missing, 4) / 4, best)


def least_content(a, best):
    content = a.rarity > 0
    if not content.any():
        content[:] = True
    return float(best[content].min()) if len(best) else 1.0


def pair_features(request, fact):
    similarity = fact.vectors @ request.vectors.T
    cf, sf, rf, wf, nf, mf, best_f = side(fact, request, similarity)
    cr, sr, rr, wr, nr, mr, best_r = side(request, fact, similarity.T)
    numbers = {w.key for w in fact.words if w.is_number} != {w.key for w in request.words if w.is_number}
    counts = sum(w.rarity > 0 and fact.count[w.key] and fact.count[w.key] != request.count[w.key] for w in {w.key: w for w in request.words}.values())
    asks = bool(fact.asks and request.asks and fact.asks != request.asks)
    mean = float((best_f * fact.rarity).sum() / max(float(fact.rarity.sum()), 1e-6)) if len(best_f) else 1.0
    return [float(request.sentence @ fact.sentence), float(request.nameless @ fact.nameless), cf, cr, sf, sr, rf, rr, wf, wr, nf, nr, float(numbers), float(asks),
            float(fact.quantity != request.quantity), float(min(counts, 2)), float(fact.negates != request.negates), least_content(fact, best_f), mean, least_content(request, best_r), mf, mr, min(mf, mr)]


class Encoder:
    """MiniLM as transformers computes it in f32, with a cache of what it found."""

    def __init__(self, cache):
        folder = ROOT / "models/encoder"
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.vocabulary = Vocabulary(self.tokenizer)
        self.model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        self.path = cache
        self.found = pickle.load(open(cache, "rb")) if cache and cache.exists() else {}
        self.texts = {}

    @torch.no_grad()
    def encode(self, texts):
        todo = sorted(set(texts) - self.found.keys(), key=lambda t: (len(t), t))
        for start in range(0, len(todo), 64):
            group = todo[start:start + 64]
            batch = self.tokenizer(group, padding=True, truncation=True, max_length=128, return_tensors="pt")
            states = self.model(**batch).last_hidden_state
            for row, text in enumerate(group):
                n = int(batch["attention_mask"][row].sum())
                sentence = torch.nn.functional.normalize(states[row, :n].mean(0), dim=0).numpy()
                vectors = torch.nn.functional.normalize(states[row, 1:n - 1], dim=-1).half().numpy()
                self.found[text] = (batch["input_ids"][row, 1:n - 1].tolist(), vectors, sentence)
            if start % 6400 == 0:
                print("encoded", start, "of", len(todo), flush=True)
        if todo and self.path:
            pickle.dump(self.found, open(self.path, "wb"))

    def __getitem__(self, text):
        if text not in self.texts:
            self.texts[text] = Text(self.vocabulary, *self.found[text])
        return self.texts[text]


class Scored:
    """A family with the features of each request's nearest told questions."""

    def __init__(self, encoder, family):
        self.family = family
        self.encoder = encoder
        requests = [t for t, _ in family.same] + [t for t, _ in family.synonyms] + [t for v in family.other.values() for t in v]
        keys = family.told + [t for t, _ in family.keys]
        owner = np.array(list(range(len(family.told))) + [i for _, i in family.keys])
        encoder.encode(keys + requests)
        vectors = np.stack([encoder.found[t][2] for t in keys])

        def near(texts):
            out = []
            for text in texts:
                cosines = vectors @ encoder.found[text][2]
                best = {}
                for i in np.argsort(-cosines, kind="stable")[:4 * CANDIDATES]:
                    if len(best) < CANDIDATES:
                        best.setdefault(owner[i], i)
                features = [pair_features(encoder[text], encoder[keys[i]]) for i in best.values()]
                out.append((np.array(list(best)), np.array(features, np.float32)))
            return out
        self.same = near([t for t, _ in family.same])
        self.synonyms = near([t for t, _ in family.synonyms])
        self.other = {kind: near(texts) for kind, texts in family.other.items() if texts}

    def rivals(self, weights, bias):
        """Per told question: the greatest score between it and a question that was told before it, whichever is the request."""
        told = np.stack([self.encoder.found[t][2] for t in self.family.told])
        text = [self.encoder[t] for t in self.family.told]
        out = np.full(len(told), -np.inf)
        for i in range(1, len(told)):
            for j in np.argsort(-(told[:i] @ told[i]), kind="stable")[:CANDIDATES]:
                if self.family.told[i] != self.family.told[j]:
                    both = [pair_features(text[i], text[j]), pair_features(text[j], text[i])]
                    out[i] = max(out[i], float(np.max(np.array(both) @ weights + bias)))
        return out

    def pairs(self):
        x, y = [], []
        for (ids, features), (_, gold) in zip(self.same, self.family.same):
            for i, row in zip(ids[:4], features):
                x.append(row), y.append(self.family.told[i] == self.family.told[gold])
        for rows in self.other.values():
            for _, features in rows:
                x += list(features[:2])
                y += [False] * min(2, len(features))
        y = np.array(y, np.float64)
        return np.array(x, np.float64), y, np.where(y > 0, 0.5 / y.sum(), 0.5 / (1 - y).sum())

    def table(self, weights, bias, thresholds, forms=1):
        def best(rows):
            scores = [np.where(features[:, 0] < LEAST_COSINE, -99, features @ weights + bias) for _, features in rows]
            return np.array([ids[s.argmax()] for (ids, _), s in zip(rows, scores)]), np.array([s.max() for s in scores])
        fact, score = best(self.same)
        told = np.array([i for _, i in self.family.same])
        right = np.array([self.family.told[a] == self.family.told[b] for a, b in zip(fact, told)])
        other = {k: best(v)[1] for k, v in self.other.items()}
        synonyms = best(self.synonyms) if self.synonyms else None
        gold = np.array([i for _, i in self.family.synonyms])
        rows = []
        for t in thresholds:
            row = {"threshold": t}
            for form in range(forms):
                row["told" if forms > 1 and form == 0 else f"form {form}" if forms > 1 else "same"] = float(np.mean((right & (score >= t))[form::forms]))
            row["wrong"] = float(np.mean(~right & (score >= t)))
            if synonyms:
                row["synonyms"] = float(np.mean((synonyms[0] == gold) & (synonyms[1] >= t)))
            row |= {f"open {k}": float(np.mean(v >= t)) for k, v in other.items()}
            rows.append(row)
        return rows


def fit(scored, l2=3e-4):
    x, y, w = map(np.concatenate, zip(*[s.pairs() for s in scored]))
    centre, spread = x.mean(0), x.std(0) + 1e-3
    x, y, w = torch.tensor((x - centre) / spread), torch.tensor(y), torch.tensor(w / w.sum() * len(w))
    p = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([p], max_iter=400, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ p[:-1] + p[-1], y, weight=w) + l2 * (p[:-1] ** 2).sum()
        loss.backward()
        return loss
    optimiser.step(closure)
    weights = p[:-1].detach().numpy() / spread
    return weights, float(p[-1].detach()) - float(weights @ centre)


def show(name, rows):
    print(f"\n{name}\n  " + "  ".join(f"{k:>14}" for k in rows[0]))
    for row in rows:
        print("  " + "  ".join(f"{v:14.4f}" for v in row.values()), flush=True)


def store_threshold(rivals):
    """At most 0.5 % of the store's questions score so much with another one. A step of 1/8, as in Swift."""
    return float(np.floor(np.quantile(rivals, 0.995, method="higher") * 8 + 1) / 8)


def choose(scored):
    """The least threshold of a store, by leaving each family out. A family counts where its own store would not choose a threshold that
    is enough; those with known false labels (two queries of an intent may well be one question) are only shown."""
    grid = np.arange(-1, 8.01, 0.25)
    needed = {}
    for i, held in enumerate(scored):
        weights, bias = fit(scored[:i] + scored[i + 1:])
        rows = held.table(weights, bias, grid)
        good = [r["threshold"] for r in rows if all(v <= 0.01 for k, v in r.items() if k.startswith("open"))]
        own = store_threshold(held.rivals(weights, bias))
        needed[held.family.name] = (good[0] if good else grid[-1], own)
        show(f"left out: {held.family.name}: 1 % of false opens needs {needed[held.family.name][0]}, its store would choose {own}",
             held.table(weights, bias, sorted({0, 1, 2, 3, float(good[0]) if good else 8, own})))
    clean = [least for name, (least, own) in needed.items() if own < least and name not in families.NOISY | families.HARD]
    return float(max(clean, default=grid[0])) + MARGIN


def swift(weights, bias, threshold):
    rows = "\n".join(f"            {value:.4f},  // {name}" for name, value in zip(FEATURES, weights))
    return f"""extension GateWeights {{
    /// By scripts/memory/gate.py, in the order of `PairFeatures.values`.
    static let trained = GateWeights(
        values: [
{rows}
        ], bias: {bias:.4f})

    /// The least threshold of a store, also from there.
    static let threshold: Float = {threshold}
}}
"""


PAIRS = [
    ("What is the capital of Chile?", "What is the capital of Chile?"), ("Tell me Chile's capital, please.", "What is the capital of Chile?"),
    ("What is the capital of Peru?", "What is the capital of Chile?"), ("What are the capitals of Chile?", "What is the capital of Chile?"),
    ("when was the Wrestenby mill built", "Who built the Wrestenby mill?"), ("Who built the Oxelby mill?", "Who built the Wrestenby mill?"),
    ("How many rooms does house 12 have?", "Which rooms does house 12 have?"), ("How many rooms does house 13 have?", "How many rooms does house 12 have?"),
    ("What happens on May 7?", "What happens on March 7?"), ("May I know what happens on March 7?", "What happens on March 7?"),
    ("which states border states that border Ohio", "which states border Ohio"), ("x", "What is the size of plot B?"), ("What is the size of plot C?", "What is the size of plot B?"),
    ("Is the shop open on Sunday?", "Is the shop not open on Sunday?"), ("!?", "What is it?"), ("the cat's food brand", "Which brand of food does the cat eat?"),
]


def fixture(encoder, weights, bias):
    encoder.encode([t for pair in PAIRS for t in pair])
    rows = []
    for request, fact in PAIRS:
        features = pair_features(encoder[request], encoder[fact])
        rows.append({"request": request, "fact": fact, "features": [round(float(f), 5) for f in features], "score": round(float(features @ weights + bias), 4)})
    return {"made_by": "scripts/memory/gate.py", "names": FEATURES, "pairs": rows}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--datasets", type=pathlib.Path, required=True)
    options.add_argument("--cache", type=pathlib.Path)
    options.add_argument("--facts", type=int, nargs="*", default=[1000, 10000])
    options = options.parse_args()
    torch.set_num_threads(1)
    encoder = Encoder(options.cache)
    noise = families.unrelated(options.datasets)
    training = [families.synthetic(s) for s in families.SYNTHETIC] + [families.contrasts()] + [families.geoquery(options.datasets), families.clinc(options.datasets), families.e2e(options.datasets)]
    for family in training:
        family.other["unrelated"] = noise
    scored = [Scored(encoder, f) for f in training]
    threshold = choose(scored)
    weights, bias = fit(scored)
    (ROOT / "Sources/Memory/Gate/GateWeights+Trained.swift").write_text(swift(weights, bias, threshold))
    rows = json.dumps(fixture(encoder, np.round(weights, 4), round(bias, 4)), ensure_ascii=False, indent=1)
    (ROOT / "Tests/MemoryTests/Fixtures/gate.json").write_text(rows + "\n")
    print("threshold", threshold, flush=True)
    for count in options.facts:
        for told_synonyms in (False, True):
            test = Scored(encoder, families.entities(options.datasets, count, synonyms=told_synonyms))
            own = store_threshold(test.rivals(weights, bias))
            name = f"test: {count} entity facts{', synonyms of the asked ones told' if told_synonyms else ''}: the store chooses {own}"
            show(name, test.table(weights, bias, sorted({0, 1, 2, 3, threshold, min(max(threshold, own), threshold + MOST)}), forms=4))


if __name__ == "__main__":
    main()
