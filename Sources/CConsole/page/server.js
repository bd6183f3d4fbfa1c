// What the server does now, from `/metrics`: a chart for each figure, and requests by endpoint.

const mostSamples = 90;

/// Name, value from the figures now and before, and how it is written.
const charts = [
  { name: "Tokens written per second", value: (now, before) => now.rate("lmoe_engine_generated_tokens", before), format: whole },
  { name: "Prompt tokens per second", value: (now, before) => now.rate("lmoe_engine_prompt_tokens", before), format: whole },
  { name: "Sequences running", value: (now) => now.sum("lmoe_engine_active_sequences"), format: whole },
  { name: "Requests waiting", value: (now) => waiting(now), format: whole },
  { name: "Keys and values in use", value: (now) => keyValueShare(now), format: limit, most: 1 },
  { name: "Memory of adapters", value: (now) => now.sum("lmoe_adapter_resident_bytes"), format: bytes },
  { name: "Adapters in memory", value: (now) => now.sum("lmoe_adapters_resident"), format: whole },
  { name: "Milliseconds per step", value: (now, before) => (now.rate("lmoe_engine_steps", before) ? (now.rate("lmoe_engine_step_seconds", before) / now.rate("lmoe_engine_steps", before)) * 1000 : 0), format: (value) => value.toFixed(1) },
].map((chart) => ({ ...chart, samples: [] }));

const waiting = (figures) => {
  const queued = figures.sum("lmoe_engine_queued_requests");
  return queued === null ? null : queued + (figures.sum("lmoe_routing_queue") ?? 0);
};
const keyValueShare = (figures) => {
  const [all, used] = [figures.sum("lmoe_engine_kv_blocks"), figures.sum("lmoe_engine_kv_blocks_in_use")];
  return all ? used / all : null;
};

function noteFigures(now, before) {
  for (const chart of charts) {
    const value = chart.value(now, before);
    if (value === null) continue;
    chart.samples.push(value);
    if (chart.samples.length > mostSamples) chart.samples.shift();
  }
}

function showServer(figures) {
  $("charts").replaceChildren(...charts.map((chart) => {
    const last = chart.samples.at(-1);
    return h("figure", { class: "card" }, h("figcaption", null, chart.name, h("strong", null, last === undefined ? "–" : chart.format(last))), lineChart(chart.samples, { label: null, format: chart.format, most: chart.most, span: mostSamples, height: 56 }));
  }));
  const rows = figures.all("lmoe_requests_total").slice().sort((one, other) => other.value - one.value);
  $("requests-table").tBodies[0].replaceChildren(...rows.map(({ labels, value }) => {
    const mean = figures.mean("lmoe_request_seconds", { endpoint: labels.endpoint });
    return h("tr", null, h("th", { scope: "row" }, h("code", null, labels.endpoint)), h("td", null, labels.status), h("td", { class: "number" }, whole(value)), h("td", { class: "number" }, mean === null ? "–" : milliseconds(mean * 1000)));
  }));
}

/// A line over equal steps of time, from zero to the greatest value, which is written above it.
function lineChart(values, { label, format, most, span, height }) {
  const top = Math.max(most ?? 0, ...values) || 1;
  const steps = Math.max((span ?? values.length) - 1, 1);
  const start = span ? span - values.length : 0;
  const points = values.map((value, place) => `${(((start + place) / steps) * 300).toFixed(1)},${(height - 4 - (value / top) * (height - 10)).toFixed(1)}`);
  const words = values.length ? `${label ? `${label}: ` : ""}now ${format(values.at(-1))}, at most ${format(Math.max(...values))}` : "no figures yet";
  const picture = svg("svg", { class: "line", viewBox: `0 0 300 ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": words }, svg("line", { class: "tick", x1: 0, x2: 300, y1: height - 4, y2: height - 4 }));
  if (points.length > 1) {
    picture.append(svg("polygon", { class: "under", points: `${points[0].split(",")[0]},${height - 4} ${points.join(" ")} 300,${height - 4}` }), svg("polyline", { class: "value", points: points.join(" ") }));
  }
  return h("div", { class: "line-place" }, picture, h("span", { class: "soft" }, label ? words : values.length ? `at most ${format(Math.max(...values))}` : words));
}
