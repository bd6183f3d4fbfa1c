// What `/metrics` says: samples by name, each with its labels.

/// [{labels, value}] by the metric's name.
function parseMetrics(text) {
  const found = new Map();
  for (const line of text.split("\n")) {
    if (!line || line.startsWith("#")) continue;
    const parts = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!parts) continue;
    const labels = {};
    for (const [, name, value] of (parts[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = value.replace(/\\(.)/g, (_, letter) => (letter === "n" ? "\n" : letter));
    if (!found.has(parts[1])) found.set(parts[1], []);
    found.get(parts[1]).push({ labels, value: Number(parts[3]) });
  }
  return found;
}

class Figures {
  constructor(text) {
    this.at = performance.now();
    this.samples = parseMetrics(text);
  }
  all(name) {
    return this.samples.get(name) ?? [];
  }
  /// The sum over all labels that fit; null where there is no sample.
  sum(name, labels = {}) {
    const fitting = this.all(name).filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value));
    return fitting.length ? fitting.reduce((sum, sample) => sum + sample.value, 0) : null;
  }
  /// Per second since an earlier look.
  rate(name, before) {
    const [now, then] = [this.sum(name), before?.sum(name)];
    if (now === null || then === null || then === undefined) return null;
    return Math.max(0, now - then) / Math.max((this.at - before.at) / 1000, 0.001);
  }
  /// Mean of a histogram, in its unit.
  mean(name, labels = {}) {
    const number = this.sum(`${name}_count`, labels);
    return number ? this.sum(`${name}_sum`, labels) / number : null;
  }
}

async function readFigures(signal) {
  return new Figures(await (await send("GET", "/metrics", undefined, signal)).text());
}
