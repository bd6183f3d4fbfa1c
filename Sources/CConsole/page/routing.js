// Who would answer a text, and why: the explanation, a picture of it, and the nearest examples.

async function explainRoute() {
  const result = $("routing-result");
  result.replaceChildren(h("p", { class: "soft", role: "status" }, "Asking the router …"));
  let decision;
  try {
    decision = await post("/v1/route", { input: $("routing-text").value.trim(), top: 8, map: true });
  } catch (error) {
    result.replaceChildren(h("p", { class: "error", role: "alert" }, error.message));
    return;
  }
  const report = { adapter: decision.adapter, route: decision.route, probability: decision.probability, explanation: decision };
  result.replaceChildren(
    h("section", { class: "card", "aria-label": "Decision" },
      h("p", { class: "who", role: "status" }, mark(decision.adapter), h("strong", null, nameOf(decision.adapter)), h("span", { class: "soft" }, standing(report))),
      h("p", null, sentence(decision.reason)), ...explanationNotes({ explanation: decision, timings_ms: { route: decision.timings_us.total / 1000 } })),
    decision.candidates.length ? h("figure", { class: "card" }, routePicture(decision), h("figcaption", { class: "hint" }, "Each row is a candidate: the bar is its probability, the line what it has to reach, and the dots are its nearest examples by their similarity to the text.")) : null,
    decision.map ? h("figure", { class: "card" }, mapPicture(decision), mapLegend(decision.map), h("figcaption", { class: "hint" }, "The cross is the text, and lines go to its nearest examples. The two directions are those that tell the best two adapters, and none of them, apart.")) : null,
    decision.candidates.length ? nearestExamples(decision) : null);
}

/// The adapters' examples as points, and the text among them.
function mapPicture({ map, candidates }) {
  const [width, height, margin] = [680, 380, 16];
  const points = [...map.groups.flatMap((group) => group.points), map.query];
  const scale = (axis, length) => {
    const values = points.map((point) => point[axis]);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    return (point) => margin + (most > least ? (point[axis] - least) / (most - least) : 0.5) * (length - 2 * margin);
  };
  const [across, up] = [scale("x", width), scale("y", height)];
  const place = (point) => [across(point).toFixed(1), (height - up(point)).toFixed(1)];
  const best = candidates[0].adapter;
  const picture = svg("svg", { class: "picture map", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Map of the examples of ${count(map.groups.filter((group) => group.adapter).length, "adapter")} around the text; ${best} is nearest.` });
  // The best candidates are drawn last.
  for (const group of [...map.groups].reverse()) {
    const marks = group.points.map((point) => {
      const [cx, cy] = place(point);
      return svg("circle", { class: "point", cx, cy, r: group.adapter === null ? 2.2 : 3.6 }, svg("title", null, `${group.adapter ?? "out of scope"}${point.text ? `: ${point.text}` : ""}`));
    });
    picture.append(tinted(svg("g", null, marks), group.adapter));
  }
  const [x, y] = place(map.query);
  for (const [group, point] of map.nearest) {
    const [x2, y2] = place(map.groups[group].points[point]);
    picture.append(svg("line", { class: "near", x1: x, y1: y, x2, y2 }));
  }
  picture.append(svg("circle", { class: "query", cx: x, cy: y, r: 8 }), svg("path", { class: "query", d: `M${x - 13} ${y}h26M${x} ${y - 13}v26` }));
  return picture;
}

function mapLegend(map) {
  return h("ul", { class: "legend" }, map.groups.map((group) => h("li", null, mark(group.adapter), group.adapter ?? "out of scope", h("span", { class: "soft" }, group.points.length < group.count ? `${group.points.length} of ${group.count}` : group.count))));
}

/// Rows of candidates over one axis from 0 to 1.
function routePicture(decision) {
  const rows = decision.candidates.map((candidate) => ({ ...candidate, name: candidate.adapter }));
  if (decision.none_probability !== null) rows.push({ adapter: null, name: "none of them", probability: decision.none_probability, threshold: null, nearest: [] });
  const [left, width, height] = [132, 456, 30];
  const x = (value) => left + Math.max(0, Math.min(1, value)) * width;
  const summary = rows.map((row) => `${row.name} ${percent(row.probability)}`).join(", ");
  const picture = svg("svg", { class: "picture", viewBox: `0 0 680 ${rows.length * height + 34}`, role: "img", "aria-label": `Probabilities: ${summary}` });
  for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
    picture.append(svg("line", { class: "tick", x1: x(tick), x2: x(tick), y1: 4, y2: rows.length * height + 8 }), svg("text", { class: "axis", x: x(tick), y: rows.length * height + 26, "text-anchor": "middle" }, `${tick * 100} %`));
  }
  rows.forEach((row, place) => {
    const y = 8 + place * height;
    const name = row.name.length > 17 ? `${row.name.slice(0, 16)}…` : row.name;
    const group = tinted(svg("g", null, svg("title", null, row.name)), row.adapter);
    group.append(svg("text", { class: row.adapter === decision.adapter ? "label chosen" : "label", x: left - 12, y: y + 15, "text-anchor": "end" }, name));
    group.append(svg("rect", { class: "value", x: left, y: y + 3, width: Math.max(1, x(row.probability) - left), height: 16, rx: 2 }));
    if (row.threshold !== null) group.append(svg("line", { class: "limit", x1: x(row.threshold), x2: x(row.threshold), y1: y, y2: y + 22 }));
    for (const near of row.nearest) group.append(svg("circle", { class: "example", cx: x(near.similarity), cy: y + 11, r: 3.5 }, svg("title", null, `${near.similarity.toFixed(2)}: ${near.text}`)));
    group.append(svg("text", { class: "axis", x: left + width + 10, y: y + 15 }, percent(row.probability)));
    picture.append(group);
  });
  return picture;
}

function nearestExamples(decision) {
  const all = decision.candidates.flatMap((candidate) => candidate.nearest.map((near) => ({ ...near, adapter: candidate.adapter })));
  all.sort((one, other) => other.similarity - one.similarity);
  return h("section", { class: "card", "aria-labelledby": "near-title" }, h("h2", { id: "near-title" }, "Nearest examples"),
    h("ol", { class: "examples" }, all.slice(0, 12).map((near) => h("li", null, mark(near.adapter), h("span", { class: "figure" }, near.similarity.toFixed(2)), h("span", { class: "soft" }, near.adapter), h("span", { class: "text" }, near.text)))));
}

function openRouting() {
  $("routing-form").addEventListener("submit", (event) => (event.preventDefault(), explainRoute()));
}
