#!/usr/bin/env python3
"""The pictures of docs/memory.md from figures that the evaluations wrote with --json.

    python3 scripts/memory/plots.py [--figures docs/memory] [--out docs/memory]

arms.json and selection.json become arms.svg and a table, which is printed; growth.json becomes growth.svg, losses.json losses.svg. Figures
that are not there are passed over.
Colours are those of Okabe and Ito 2008, which colour-blind people can tell apart; pictures are readable on light and dark grounds.
"""

import argparse
import html
import json
import math
import pathlib

COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"]
STYLE = """<style>
.ground { fill: #ffffff } .ink { fill: #1c1e21 } .soft { fill: #61666d } .grid { stroke: #e4e6ea }
.line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
.ground { fill: #16181b } .ink { fill: #eceef0 } .soft { fill: #a4a9b0 } .grid { stroke: #2c3035 }
}
</style>"""


def picture(title, width, height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" font-size="12">'
    return "\n".join([head, f"<title>{html.escape(title)}</title>", STYLE, '<rect class="ground" width="100%" height="100%"/>', *parts, "</svg>", ""])


def text(x, y, content, style="soft", anchor="start", size=12):
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{html.escape(content)}</text>'


def arms(figures, selection):
    """Bars by arm: what each answers, and what it leaves as it was."""
    shown = [
        ("told", lambda a: a["told"]), ("three other forms", lambda a: sum(a[f"form {n}"] for n in (1, 2, 3)) / 3),
        ("untold neighbours as by the base", lambda a: a["neighbours answered as by the base"]),
        ("unrelated texts as by the base", lambda a: a["unrelated answered as by the base"]),
    ]
    rows = list(figures["arms"].items()) + [(name if "engine" in name else f"{name} *", arm) for name, arm in (selection or {"arms": {}})["arms"].items()]
    left, width, bar, gap, top = 230, 500, 11, 16, 64
    height = top + len(rows) * (len(shown) * bar + gap) + 40
    parts = []
    for tick in range(0, 101, 25):
        x = left + width * tick / 100
        parts += [f'<path class="grid" d="M{x:.1f} {top - 8}V{height - 40}"/>', text(x, top - 14, f"{tick} %", anchor="middle")]
    x = 20.0
    for number, (name, _) in enumerate(shown):
        parts += [f'<rect x="{x:.1f}" y="14" width="10" height="10" fill="{COLOURS[number]}"/>', text(x + 16, 23, name, "ink")]
        x += 46 + 6.6 * len(name)
    for number, (name, arm) in enumerate(rows):
        y = top + number * (len(shown) * bar + gap)
        parts.append(text(left - 10, y + len(shown) * bar / 2 + 4, name, "ink", "end"))
        for place, (_, value) in enumerate(shown):
            share = value(arm)
            x = left + max(1.0, width * share)
            parts += [f'<rect x="{left}" y="{y + place * bar}" width="{x - left:.1f}" height="{bar - 2}" fill="{COLOURS[place]}"/>',
                      text(x + 5, y + place * bar + 9, f"{100 * share:.0f} %", size=10)]
    note = f"{figures['facts']} facts with random answers of 32 characters" + ("; * measured with torch, in f32" if selection else "")
    parts.append(text(20, height - 14, note, size=11))
    return picture("A memory beside other ways to give a base the same facts", 860, height, parts)


def table(figures):
    """The same as Markdown."""
    lines = ["| | parameters | GFLOP | as told | other forms | neighbours given a stored answer | neighbours answered as by the base "
             "| unrelated answered as by the base |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    percent = lambda share: f"{100 * share:.1f}".removesuffix(".0") + " %"
    for name, arm in figures["arms"].items():
        forms = ", ".join(percent(arm[f"form {n}"]).removesuffix(" %") for n in (1, 2, 3)) + " %"
        beside = f"{percent(arm['neighbours given a stored answer'])} | {percent(arm['neighbours answered as by the base'])}"
        compute = f"{arm['gflop']:,.0f}" if "gflop" in arm else "-"
        away = percent(arm["unrelated answered as by the base"])
        lines.append(f"| {name} | {arm['parameters']:,} | {compute} | {percent(arm['told'])} | {forms} | {beside} | {away} |")
    return "\n".join(lines)


def axes(left, top, width, height, ticks_x, ticks_y, label, x, y, format_y):
    parts = []
    for value in ticks_y:
        parts += [f'<path class="grid" d="M{left} {y(value):.1f}h{width}"/>', text(left - 8, y(value) + 4, format_y(value), anchor="end")]
    parts += [text(x(value), top + height + 18, f"{value:,}", anchor="middle") for value in ticks_x]
    return parts + [text(left + width / 2, top + height + 36, label, anchor="middle")]


def curve(points, colour, x, y, dots=True):
    path = "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in points)
    marks = [f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="3.5" fill="{colour}"><title>{a:,}: {b:.4g}</title></circle>' for a, b in points if dots]
    return [f'<path class="line" stroke="{colour}" d="M{path}"/>', *marks]


def growth(figures):
    """The first facts by the number of all."""
    points = figures["points"]
    left, top, width, height = 64, 56, 560, 240
    low, high = math.log(points[0]["facts"]), math.log(max(points[-1]["facts"], points[0]["facts"] * 2))
    x = lambda count: left + width * (math.log(count) - low) / (high - low)
    y = lambda share: top + height * (1 - share)
    parts = axes(left, top, width, height, [p["facts"] for p in points], [0, 0.25, 0.5, 0.75, 1], "facts in the memory", x, y, lambda v: f"{100 * v:.0f} %")
    series = [
        (f"the first {figures['first']}, as told", lambda p: p["told"]),
        ("in three other forms", lambda p: sum(p[f"form {n}"] for n in (1, 2, 3)) / 3),
        ("untold neighbours that open", lambda p: p["neighbours that open"]),
    ]
    for number, (name, value) in enumerate(series):
        parts += curve([(p["facts"], value(p)) for p in points], COLOURS[number], x, y)
        parts += [f'<path class="line" stroke="{COLOURS[number]}" d="M{left + number * 200} 22h14"/>', text(left + 20 + number * 200, 26, name, "ink")]
    return picture("The first facts of a memory that grows", 680, top + height + 56, parts)


def losses(figures):
    """True and random answers: the memory by step, a LoRA by epoch."""
    top, width, height = 64, 330, 240
    parts = []
    for number, (name, label) in enumerate((name, label) for name, label in (("memory", "steps"), ("LoRA", "epochs")) if figures[name]):
        left = 56 + number * 410
        found = figures[name]
        longest = max(len(found["true"]), len(found["random"])) - 1
        most = math.ceil(max(found["true"] + found["random"]))
        first = 0 if name == "memory" else 1
        x = lambda step, left=left: left + width * (step - first) / max(1, longest)
        y = lambda loss: top + height * (1 - min(loss, most) / most)
        unit = max(1, round(longest / 6))
        parts.append(text(left, 52, name if name == "LoRA" else "a memory", "ink", size=13))
        parts += axes(left, top, width, height, range(first, longest + 1 + first, unit), range(0, most + 1, max(1, most // 5)), label, x, y, str)
        for place, kind in enumerate(("true", "random")):
            parts += curve(list(enumerate(found[kind], first)), COLOURS[place], x, y, dots=name == "memory")
    for place, kind in enumerate(("true answers", "random answers of as many tokens")):
        parts += [f'<path class="line" stroke="{COLOURS[place]}" d="M{56 + place * 140} 22h14"/>', text(76 + place * 140, 26, kind, "ink")]
    return picture("Mean loss of true and of random answers", 820, top + height + 56, parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figures", type=pathlib.Path, default=pathlib.Path("docs/memory"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/memory"))
    options = parser.parse_args()
    found = {path.stem: json.loads(path.read_text()) for path in options.figures.glob("*.json")}
    if "arms" in found:
        (options.out / "arms.svg").write_text(arms(found["arms"], found.get("selection")))
        print(table(found["arms"]))
    if "selection" in found:
        print(table(found["selection"]))
    for name, draw in (("growth", growth), ("losses", losses)):
        if name in found:
            (options.out / f"{name}.svg").write_text(draw(found[name]))


if __name__ == "__main__":
    main()
