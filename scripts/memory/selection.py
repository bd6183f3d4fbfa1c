"""Selection without a gate, beside the memory: 32 of a million experts by random draw and by product keys.

    python scripts/memory/selection.py [--facts 100] [--datasets FOLDER] [--json FILE]

After Li et al. 2024 (arXiv 2406.17642): a question selects 32 of 1,048,576 rank-1 experts beside the feed-forward of one layer, the selection is
frozen, and the values of the selected experts are trained until the answers are exact. Nothing decides whether a fact is meant. Selections:

- random draw: by the text of the request, so that other words draw others;
- product keys as they start: the encoder's vector, projected, against 2 x 1,024 random keys;
- product keys after one epoch on pairs of a question and another wording (`families.py`, and the facts' own with a wording by rule): InfoNCE on
  how much the two select the same keys, and a term that spreads the keys. Then they are frozen.

The keys of an expert are random and fixed, its values start at zero: an expert that no fact has trained changes nothing. Facts, forms and
neighbours are those of `arms.py`. Answers are exact when every token has the highest logit given those before it, which is what greedy
decoding gives. The base is the GGUF file, dequantised, in f32; one thread.

Needs torch 2.13, transformers 5.24, gguf 0.19, numpy.
"""

import argparse
import json
import pathlib
import random
import time

import torch
import torch.nn.functional as F
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

import families
from served import facts, rule_forms, unrelated

ROOT = pathlib.Path(__file__).resolve().parents[2]
SITE, SIDE, CHOSEN, WIDTH = 28, 1024, 32, 128
BEFORE = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\n"
AFTER = "<|im_end|>\n<|im_start|>assistant\n"
END = 2


class Base:
    """The layers up to the site once, and those above as often as wanted."""

    def __init__(self, path):
        self.model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval().requires_grad_(False)
        self.tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
        self.layer, self.head = self.model.model.layers[SITE + 1], self.model.lm_head.weight
        assert SITE + 2 == len(self.model.model.layers), "one layer is above the site"

    def prompt(self, text):
        return self.tokenizer(BEFORE + text + AFTER, add_special_tokens=False).input_ids

    def answer(self, text):
        return self.tokenizer(text, add_special_tokens=False).input_ids + [END]

    @torch.no_grad()
    def greedy(self, texts, count=24):
        found = []
        for text in texts:
            ids = torch.tensor([self.prompt(text)])
            out = self.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, do_sample=False, pad_token_id=END)
            found.append(out[0, ids.shape[1]:].tolist())
        return found

    @torch.no_grad()
    def rows(self, pairs):
        """What the site reads and the layer gives at the places of the answers, and keys and values of the layer above before them."""
        kept, layer = {}, self.model.model.layers[SITE]
        hooks = [layer.mlp.register_forward_pre_hook(lambda _, x: kept.update(x=x[0])),
                 layer.register_forward_hook(lambda _, __, y: kept.update(h=y[0] if isinstance(y, tuple) else y))]
        count, places, before = len(pairs), max(len(a) for _, a in pairs), max(len(p) for p, _ in pairs) - 1
        c = self.model.config
        size, heads = c.hidden_size, c.num_key_value_heads
        r = dict(x=torch.zeros(count, places, size), h=torch.zeros(count, places, size), at=torch.zeros(count, places, dtype=torch.long),
                 y=torch.zeros(count, places, dtype=torch.long), w=torch.zeros(count, places, dtype=torch.bool),
                 k=torch.zeros(count, heads, before, size // c.num_attention_heads), v=torch.zeros(count, heads, before, size // c.num_attention_heads),
                 m=torch.zeros(count, before, dtype=torch.bool))
        for i, (prompt, answer) in enumerate(pairs):
            self.model.model(torch.tensor([prompt + answer[:-1]]))
            first, n = len(prompt) - 1, len(answer)
            r["x"][i, :n], r["h"][i, :n] = kept["x"][0, first:], kept["h"][0, first:]
            r["at"][i], r["w"][i, :n], r["m"][i, :first] = first + torch.arange(places), True, True
            r["y"][i, :n] = torch.tensor(answer)
            _, k, v = self.attended(kept["h"][:, :first], torch.arange(first)[None])
            r["k"][i, :, :first], r["v"][i, :, :first] = k[0], v[0]
        for hook in hooks:
            hook.remove()
        return r

    def attended(self, h, at):
        x, a = self.layer.input_layernorm(h), self.layer.self_attn
        q, k, v = (m(x).view(*x.shape[:2], -1, a.head_dim).transpose(1, 2) for m in (a.q_proj, a.k_proj, a.v_proj))
        cos, sin = (t[:, None] for t in self.model.model.rotary_emb(h, at))
        turn = lambda z: z * cos + torch.cat([-z[..., z.shape[-1] // 2:], z[..., :z.shape[-1] // 2]], -1) * sin
        return turn(q), turn(k), v

    def upper(self, r, i, h):
        """The final states of sequences `i`, whose layer at the site gave `h`."""
        q, k, v = self.attended(h, r["at"][i])
        places = h.shape[1]
        own = torch.tril(torch.ones(places, places, dtype=torch.bool)).expand(len(h), 1, -1, -1)
        mask = torch.cat([r["m"][i][:, None, None].expand(-1, 1, places, -1), own], -1)
        o = F.scaled_dot_product_attention(q, torch.cat([r["k"][i], k], 2), torch.cat([r["v"][i], v], 2), attn_mask=mask, enable_gqa=True)
        h = h + self.layer.self_attn.o_proj(o.transpose(1, 2).flatten(2))
        return self.model.model.norm(h + self.layer.mlp(self.layer.post_attention_layernorm(h)))


class Draw:
    def __call__(self, texts):
        found = [random.Random(text).sample(range(SIDE * SIDE), CHOSEN) for text in texts]
        return torch.tensor(found), torch.ones(len(texts), CHOSEN)


class ProductKeys:
    def __init__(self, encode, seed=3):
        g = torch.Generator().manual_seed(seed)
        self.encode = encode
        self.query = torch.linalg.qr(torch.randn(384, WIDTH, generator=g))[0].contiguous()
        self.keys = (torch.rand(2, SIDE, WIDTH // 2, generator=g) * 2 - 1) / (WIDTH // 2) ** 0.5

    def halves(self, vectors):
        return (vectors @ self.query).view(len(vectors), 2, WIDTH // 2).transpose(0, 1) @ self.keys.transpose(1, 2)

    def train(self, pairs, batch=16, rate=1e-3):
        """One epoch."""
        vectors = self.encode([text for pair in pairs for text in pair]).view(len(pairs), 2, -1)
        parameters = [self.query.requires_grad_(), self.keys.requires_grad_()]
        optimiser = torch.optim.Adam(parameters, lr=rate)
        order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(1))
        for part in order.split(batch):
            a, b = ((self.halves(vectors[part, side]) * 8).softmax(-1) for side in (0, 1))
            usage = torch.cat([a, b], 1).mean(1)
            spread = (usage * (usage * SIDE).clamp_min(1e-9).log()).sum(-1).mean()
            alike = (a.clamp_min(1e-12).sqrt() @ b.clamp_min(1e-12).sqrt().transpose(1, 2)).mean(0)
            loss = F.cross_entropy(alike / 0.05, torch.arange(len(part))) + 0.01 * spread
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        for parameter in parameters:
            parameter.requires_grad_(False)

    @torch.no_grad()
    def __call__(self, texts):
        scores, ids = self.halves(self.encode(texts)).topk(CHOSEN, -1)
        sums = (scores[0][:, :, None] + scores[1][:, None, :]).flatten(1)
        best, place = sums.topk(CHOSEN, -1)
        address = ids[0].gather(1, place // CHOSEN) * SIDE + ids[1].gather(1, place % CHOSEN)
        return address, CHOSEN * best.softmax(-1)


class Experts:
    """Values of the addresses that the told questions select; other addresses add nothing."""

    def __init__(self, chosen, size, mean, scale):
        self.known = torch.unique(chosen)
        g = torch.Generator().manual_seed(2)
        self.inner = torch.cat([torch.randn(len(self.known), size, generator=g) / size ** 0.5, torch.zeros(1, size)])
        self.outer = torch.zeros(len(self.known) + 1, size)
        self.mean, self.scale = mean, scale

    def places(self, chosen):
        place = torch.searchsorted(self.known, chosen).clamp_max(len(self.known) - 1)
        return torch.where(self.known[place] == chosen, place, len(self.known))

    def add(self, x, places, shares):
        low = (x - self.mean) @ self.inner[places].transpose(1, 2) * shares[:, None]
        return self.scale * low @ self.outer[places]


def train(base, r, experts, places, shares, steps=80, rate=0.03, stop=0.1, part=50):
    """Until every token's cross entropy over the whole vocabulary is below the stop. Returns the steps, and the mean loss before each."""
    with torch.no_grad():
        states = base.upper(r, slice(None), r["h"])[r["w"]]
        sample = states[torch.randperm(len(states), generator=torch.Generator().manual_seed(0))[:400]]
        words = torch.unique(torch.cat([(sample @ base.head.T).topk(48, -1).indices.flatten(), r["y"][r["w"]]]))
    experts.outer.requires_grad_()
    optimiser = torch.optim.Adam([experts.outer], lr=rate)
    losses = []
    for step in range(steps + 1):
        total = worst = 0.0
        check = step % 5 == 0
        new = []
        optimiser.zero_grad()
        for i in torch.arange(len(r["h"])).split(part):
            h = r["h"][i] + experts.add(r["x"][i], places[i], shares[i])
            states, y = base.upper(r, i, h)[r["w"][i]], r["y"][i][r["w"][i]]
            loss = F.cross_entropy(states @ base.head[words].T, torch.searchsorted(words, y), reduction="none")
            if check:
                with torch.no_grad():
                    logits = states @ base.head.T
                    worst = max(worst, float(F.cross_entropy(logits, y, reduction="none").max()))
                    new.append(logits.topk(4, -1).indices.flatten())
            else:
                worst = stop
            total += float(loss.detach().sum())
            loss.sum().backward()
        losses.append(total / int(r["w"].sum()))
        if worst < stop or step == steps:
            break
        experts.outer.grad[-1] = 0
        optimiser.step()
        if new:
            words = torch.unique(torch.cat([words, *new]))
    experts.outer.requires_grad_(False)
    return step, losses


@torch.no_grad()
def exact(base, r, experts, chosen, part=50):
    """Of each sequence whether every token has the highest logit."""
    found = []
    for i in torch.arange(len(r["h"])).split(part):
        h = r["h"][i] if experts is None else r["h"][i] + experts.add(r["x"][i], experts.places(chosen[0][i]), chosen[1][i])
        for states, y, w in zip(base.upper(r, i, h), r["y"][i], r["w"][i]):
            found.append(bool(((states[w] @ base.head.T).argmax(-1) == y[w]).all()))
    return found


def encoder(folder):
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    known = {}

    @torch.no_grad()
    def encode(texts):
        new = sorted(set(texts) - known.keys(), key=lambda text: (len(text), text))
        for start in range(0, len(new), 64):
            part = new[start:start + 64]
            batch = tokenizer(part, padding=True, truncation=True, max_length=128, return_tensors="pt")
            mask = batch["attention_mask"][..., None]
            states = (model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
            known.update(zip(part, F.normalize(states, dim=1)))
        return torch.stack([known[text] for text in texts])
    return encode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--facts", type=int, default=100)
    parser.add_argument("--unrelated", type=int, default=75)
    parser.add_argument("--datasets", type=pathlib.Path, default=pathlib.Path("../shared/datasets"))
    parser.add_argument("--base", type=pathlib.Path, default=ROOT / "models/base.gguf")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    told, base, encode = facts(options.facts), Base(options.base), encoder(ROOT / "models/encoder")
    away = unrelated(options.datasets, options.unrelated)
    # One neighbour of each fact, of the kinds in turn.
    near = [list(f["untold"].values())[n % len(f["untold"])] for n, f in enumerate(told)]
    wordings = [[f["question"], rule_forms(f["question"])[0]] for f in told]

    def rows(texts, answers):
        return base.rows([(base.prompt(text), answer) for text, answer in zip(texts, answers)])

    def of_facts(texts, per=1):
        return rows(texts, [base.answer(f["answer"]) for f in told for _ in range(per)])

    gsm = [json.loads(line) for line in (options.datasets / "gsm8k_train.jsonl").read_text().splitlines()[:24]]
    plain = rows([g["question"] for g in gsm], [base.answer(g["answer"])[:40] for g in gsm])
    mean, scale = plain["x"][plain["w"]].mean(0), plain["h"][plain["w"]].pow(2).mean().sqrt()
    texts = [text for pair in wordings for text in pair]
    training = of_facts(texts, 2)
    asked = {"told": ([f["question"] for f in told], None)} | {f"form {n + 1}": ([f["forms"][n] for f in told], None) for n in range(3)}
    asked = {name: (texts, of_facts(texts)) for name, (texts, _) in asked.items()}
    asked["neighbours given a stored answer"] = (near, of_facts(near))
    for name, others in (("neighbours answered as by the base", near), ("unrelated answered as by the base", away)):
        asked[name] = (others, rows(others, base.greedy(others)))
        print(f"{name}: {sum(exact(base, asked[name][1], None, None))} of {len(others)} without experts (a check: all)", flush=True)
    pairs = [(text, f.told[number]) for f in map(families.synthetic, families.SYNTHETIC) for text, number in f.same if text != f.told[number]]
    trained = ProductKeys(encode)
    start = time.monotonic()
    trained.train(pairs + [tuple(pair) for pair in wordings])
    print(f"product keys: one epoch of {len(pairs) + len(told)} pairs, {time.monotonic() - start:.0f} s", flush=True)
    arms = {}
    for name, select in (("random draw", Draw()), ("product keys, untrained", ProductKeys(encode)), ("product keys, one epoch", trained)):
        chosen = select(texts)
        experts = Experts(chosen[0], base.head.shape[1], mean, scale)
        start = time.monotonic()
        steps, losses = train(base, training, experts, experts.places(chosen[0]), chosen[1])
        arm = {"parameters": len(experts.known) * 2 * base.head.shape[1], "steps": steps, "seconds": time.monotonic() - start, "loss": losses[-1]}
        arm |= {what: sum(found) / len(found) for what, (others, r) in asked.items() for found in [exact(base, r, experts, select(others))]}
        sets = [set(row) for row in select([f["question"] for f in told])[0].tolist()]
        forms = [set(row) for row in select([f["forms"][0] for f in told])[0].tolist()]
        arm["addresses that a form shares with its question"] = sum(len(a & b) for a, b in zip(sets, forms)) / CHOSEN / len(told)
        arms[name] = arm
        print(name, {key: round(value, 4) for key, value in arm.items()}, flush=True)
    if options.json:
        options.json.write_text(json.dumps({"facts": len(told), "neighbours": len(near), "unrelated": len(away), "arms": arms}, indent=1) + "\n")


if __name__ == "__main__":
    main()
