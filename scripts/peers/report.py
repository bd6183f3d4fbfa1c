"""Tables of results.json in Markdown: the raw figures, and the bars that were set with what was measured."""

import argparse
import json
import pathlib
import re
import statistics

import bench_part


def cell(values, digits=0, scale=1):
    values = [value * scale for value in values]
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def table(headers, rows):
    lines = ["| " + " | ".join(headers) + " |", "|" + " --- |" * len(headers)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def steps(part):
    sides = list(part)
    works = [("prefill base", "prefill 512, base"), ("prefill one", "prefill 512, one rank-16 adapter"),
             ("decode base", "decode 128, base"), ("decode one", "decode 128, one rank-16 adapter")]
    rows = [[label, *(cell(part[side][key]) if key in part[side] else "" for side in sides)] for key, label in works]
    return ["tokens/s of single steps", "", *table(["work", *sides], rows)]


def many(part):
    rows = []
    for server, cases in part.items():
        for case, figures in cases.items():
            rows.append([
                case.replace(" ", " x ", 1), server, cell(figures["tokens/s"]), cell(figures["median first"], 0, 1000),
                cell(figures["worst first"], 0, 1000), cell(figures["decode"]) if "decode" in figures else "",
                cell(figures["prompt 512"]) if "prompt 512" in figures else ""])
    rows.sort(key=lambda row: (int(row[0].split()[0]), row[0]))
    return ["clients through HTTP, prompts of 64 tokens and 128 generated", "", *table(
        ["clients", "server", "tokens/s in all", "median first token, ms", "worst first token, ms", "decode tokens/s", "prompt 512 tokens/s"], rows)]


def life(part):
    use, rows = part["first use"], []
    rows.append(["first token on an adapter that is not in memory, ms", cell(use["cold"], 1, 1000)])
    rows.append(["the same adapter after, ms", cell(use["warm"], 1, 1000)])
    rows.append(["difference, ms", cell(use["above"], 1, 1000)])
    for name in ("start, 8 adapters", "start, 1000 adapters", "start, llama.cpp without adapters"):
        rows.append([f"{name}: seconds to ready", cell(part[name]["seconds"], 2)])
        if "memory" in part[name]:
            rows.append([f"{name}: MB then", f"{part[name]['memory'] / 1e6:.0f}"])
    for name, value in part["memory"].items():
        rows.append([name, f"{value * 100:.1f} %" if "share" in name else f"{value / 1e6:.0f} MB at most"])
    return table(["what", "figure"], rows)


class Bars:
    """What was measured, against the bar and the aim."""

    def __init__(self, results):
        self.results, self.rows = results, []

    def median(self, *path):
        value = self.results
        for key in path:
            value = value[key]
        return statistics.median(value)

    def add(self, work, measured, bar, aim, figure, least=True, unit=" x"):
        def met(limit):
            return measured >= limit if least else measured <= limit

        sign = "at least" if least else "at most"
        verdict = "aim" if met(aim) else "bar" if met(bar) else "MISSED"
        digits = 0 if max(bar, measured) >= 20 else 2 if measured >= 1 else 3
        self.rows.append([
            work, f"{sign} {bar:g}{unit}", f"{aim:g}{unit}", figure, f"{measured:.{digits}f}{unit}", verdict])

    def ratio(self, work, ours, theirs, bar, aim):
        a, b = self.median(*ours), self.median(*theirs)
        self.add(work, a / b, bar, aim, f"{a:,.0f} / {b:,.0f} tokens/s")

    def all(self):
        q41, q40 = "llama.cpp", "llama.cpp Q4_0"
        one, eight = "1 one", "8 different"
        if "steps" in self.results:
            step = lambda side, work: ("steps", side, work)
            self.ratio("decode, 1 stream, base / the same file", step("lmoe", "decode base"), step(q41, "decode base"), 1.6, 2.2)
            self.ratio("decode, 1 stream, base / Q4_0", step("lmoe", "decode base"), step(q40, "decode base"), 1.1, 1.4)
            self.ratio("decode, 1 stream, one adapter / our base", step("lmoe", "decode one"), step("lmoe", "decode base"), 0.88, 0.95)
            if "ik_llama.cpp" in self.results["steps"]:
                for work in ("decode", "prefill"):
                    base = f"{work} base"
                    self.ratio(f"{work}, base / ik_llama.cpp, the same file", step("lmoe", base), step("ik_llama.cpp", base), 1, 1)
            self.ratio("prefill 512, base / the same file", step("lmoe", "prefill base"), step(q41, "prefill base"), 4, 10)
            self.ratio("prefill 512, base / Q4_0", step("lmoe", "prefill base"), step(q40, "prefill base"), 1.4, 3.5)
        if "clients" in self.results:
            rate = lambda side, case, key="tokens/s": ("clients", side, case, key)
            self.ratio("decode, 1 stream, one adapter / the same file, HTTP", rate("lmoe", one, "decode"), rate(q41, one, "decode"), 2, 2)
            self.ratio("prefill 512, one adapter / the same file, HTTP", rate("lmoe", one, "prompt 512"), rate(q41, one, "prompt 512"), 4, 10)
            self.ratio("prefill 512, one adapter / Q4_0, HTTP", rate("lmoe", one, "prompt 512"), rate(q40, one, "prompt 512"), 1.4, 3.5)
            self.ratio("8 clients, base / the same file", rate("lmoe", "8 base"), rate(q41, "8 base"), 4, 8)
            self.ratio("8 clients, base / Q4_0", rate("lmoe", "8 base"), rate(q40, "8 base"), 2.2, 4.5)
            self.ratio("8 different adapters / the same file, base only", rate("lmoe", eight), rate(q41, "8 base"), 3.5, 7)
            self.ratio("8 different adapters / Q4_0, different", rate("lmoe", eight), rate(q40, eight), 6, 12)
            self.ratio("8 different adapters / our base", rate("lmoe", eight), rate("lmoe", "8 base"), 0.6, 0.8)
            worst = self.median(*rate("lmoe", eight, "worst first"))
            theirs = self.median(*rate(q41, eight, "worst first"))
            self.add("worst time to first token of those 8", worst, 0.7, 0.3, f"{theirs:.2f} s of llama.cpp", least=False, unit=" s")
        if "bench" in self.results:
            widest = [entry for entry in self.results["bench"]["decode"]
                      if (entry["rows"], entry["mix"], entry["rank"]) == (32, "different", 16) and "MixLoRA" not in entry["adapter"]]
            for entry in widest:
                self.add("32 rows, 32 different rank-16 adapters: a step / predicted", entry["seconds"] / entry["predicted_seconds"],
                         1.25, 1.1, f"{entry['seconds'] * 1000:.1f} / {entry['predicted_seconds'] * 1000:.1f} ms", least=False)
        if "life" in self.results:
            above = self.median("life", "first use", "above") * 1000
            self.add("adapter cold to first token, above the warm time", above, 15, 5, "median of 16", least=False, unit=" ms")
            start = self.results["life"]["start, 1000 adapters"]
            few = self.results["life"]["start, 8 adapters"]
            self.add("1,000 adapters: start to ready, warm caches", statistics.median(start["seconds"]), 2, 0.5,
                     f"{(start['memory'] - few['memory']) / 1e6:+.0f} MB against 8 adapters", least=False, unit=" s")
            memory = self.results["life"]["memory"]
            self.add("peak memory, 8 adapters, 8 clients, encoder", memory["lmoe"] / 1e6, 320, 240,
                     f"{memory['llama.cpp'] / 1e6:.0f} MB of llama.cpp", least=False, unit=" MB")
        return self.rows


def text(results):
    machine = results["machine"]
    lines = [f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads, {machine['base']}, {machine['rounds']} rounds; "
             f"load before {machine['load_before']:.2f}; median (least-greatest)", ""]
    lines += [*table(["work", "bar", "aim", "figures", "measured", "reached"], Bars(results).all()), ""]
    for name, render in (("steps", steps), ("clients", many), ("vllm", many), ("life", life)):
        if name in results:
            lines += [*render(results[name]), ""]
    if "bench" in results:
        lines += bench_part.tables(results["bench"], table)
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--into", type=pathlib.Path, help="replaces what stands between <!-- bench-peers --> and <!-- end -->")
    options = parser.parse_args()
    tables = text(json.loads(options.results.read_text()))
    if not options.into:
        return print(tables)
    document = options.into.read_text()
    marked = re.compile(r"(<!-- bench-peers -->\n).*(<!-- end -->)", re.DOTALL)
    if not marked.search(document):
        raise SystemExit(f"{options.into}: no <!-- bench-peers --> and <!-- end -->")
    options.into.write_text(marked.sub(lambda match: f"{match[1]}{tables}\n{match[2]}", document))


if __name__ == "__main__":
    main()
