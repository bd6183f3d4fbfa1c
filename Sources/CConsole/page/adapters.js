// The adapters: a table that shows fifty of any number, and one adapter in a dialog.

const pageSize = 50;
const adapters = { all: [], page: 0, sort: "name", isDescending: false, source: null };

/// What the table and the dialog show of a report, with figures of `/metrics` beside it.
function adapterRow(report, figures) {
  const labels = { adapter: report.name };
  return {
    report, name: report.name, state: report.state, family: report.family ?? "", examples: report.routing?.examples ?? 0, description: report.routing?.description ?? "",
    requests: report.requests_served ?? 0, running: report.running ?? 0, bytes: report.bytes ?? 0,
    tokens: figures?.sum("lmoe_completion_tokens_total", labels) ?? 0, first: figures?.mean("lmoe_first_text_seconds", labels) ?? null,
  };
}

async function readAdapters() {
  try {
    const [list, figures] = await Promise.all([get("/v1/adapters"), readFigures().catch(() => null)]);
    adapters.all = list.data.map((report) => adapterRow(report, figures));
    showAdapters();
  } catch (error) {
    setNote($("adapters-count"), error.message, true);
  }
}

function foundAdapters() {
  const text = $("adapters-text").value.trim().toLowerCase();
  const state = $("adapters-state").value;
  const fits = (row) => (!text || row.name.toLowerCase().includes(text) || row.description.toLowerCase().includes(text)) &&
    (!state || row.state === state || (state === "problem" && !["resident", "ready", "loading"].includes(row.state)));
  const found = adapters.all.filter(fits);
  const direction = adapters.isDescending ? -1 : 1;
  const key = adapters.sort;
  // Absent figures come last in both directions.
  found.sort((one, other) => {
    if (one[key] === null || other[key] === null) return (one[key] === null) - (other[key] === null);
    return (typeof one[key] === "string" ? one[key].localeCompare(other[key]) : one[key] - other[key]) * direction || one.name.localeCompare(other.name);
  });
  return found;
}

const stateWords = { resident: "in memory", notReady: "not ready" };

function showAdapters() {
  const found = foundAdapters();
  const pages = Math.max(1, Math.ceil(found.length / pageSize));
  adapters.page = Math.min(adapters.page, pages - 1);
  const shown = found.slice(adapters.page * pageSize, (adapters.page + 1) * pageSize);
  $("adapters-table").tBodies[0].replaceChildren(...shown.map(adapterLine));
  const isAll = found.length === adapters.all.length;
  setNote($("adapters-count"), isAll ? count(found.length, "adapter") : `${whole(found.length)} of ${count(adapters.all.length, "adapter")}`);
  $("adapters-pager").hidden = pages === 1;
  $("adapters-page").textContent = `Page ${adapters.page + 1} of ${pages}`;
  $("adapters-pager").querySelector("[data-page=previous]").disabled = adapters.page === 0;
  $("adapters-pager").querySelector("[data-page=next]").disabled = adapters.page === pages - 1;
}

function adapterLine(row) {
  const cell = (text, names = "") => h("td", { class: names || null }, text);
  const isServed = row.report.servable !== false;
  return h("tr", null,
    h("th", { scope: "row" }, h("span", { class: "named" }, mark(row.name), h("button", { type: "button", class: "link", onclick: () => openAdapter(row) }, row.name))),
    h("td", null, h("span", { class: `tag ${isServed ? row.state : "problem"}` }, stateWords[row.state] ?? row.state)),
    cell(row.family || "–", "wide-only"), cell(whole(row.examples), "number wide-only"), cell(whole(row.requests), "number"), cell(whole(row.running), "number"),
    cell(whole(row.tokens), "number wide-only"), cell(row.first === null ? "–" : milliseconds(row.first * 1000), "number"), cell(bytes(row.bytes), "number wide-only"));
}

function sortAdapters(key) {
  const isText = ["name", "state", "family"].includes(key);
  adapters.isDescending = adapters.sort === key ? !adapters.isDescending : !isText;
  adapters.sort = key;
  for (const button of $("adapters-table").tHead.querySelectorAll("button")) {
    const heading = button.parentElement;
    if (button.dataset.sort === key) heading.setAttribute("aria-sort", adapters.isDescending ? "descending" : "ascending");
    else heading.removeAttribute("aria-sort");
  }
  adapters.page = 0;
  showAdapters();
}

// MARK: One adapter

function openAdapter(row) {
  fillAdapter(row, "");
  $("adapter-dialog").showModal();
}

function fillAdapter(row, done) {
  const { report } = row;
  const dialog = $("adapter-dialog");
  const routing = report.routing ?? {};
  const lines = [
    ["State", (stateWords[row.state] ?? row.state) + (report.reason ? `: ${report.reason}` : "")],
    ["Routing", routing.routable ? `${count(routing.examples, "example")}${routing.threshold === null ? "" : `, threshold ${limit(routing.threshold)}`}` : routing.reason ?? "not routed"],
    routing.restricted ? ["Access", "restricted by rules"] : null,
    routing.canary ? ["Canary", `${routing.canary.adapter}, ${limit(routing.canary.weight)}`] : null,
    routing.taken_from ? ["Claims texts of", `${routing.taken_from.adapter}`] : null,
    ["Family", [report.family, report.rank ? `rank ${report.rank}` : null, report.alpha ? `alpha ${report.alpha}` : null].filter(Boolean).join(", ") || "unknown"],
    ["Targets", (report.targets ?? []).join(", ") || "–"],
    ["Size", `${bytes(row.bytes)}${report.parameters ? `, ${whole(report.parameters)} parameters` : ""}`],
    ["Traffic", `${count(row.requests, "request")}, ${whole(row.running)} running, ${count(row.tokens, "token")} written`],
    ["First text", row.first === null ? "no request yet" : `${milliseconds(row.first * 1000)} on average`],
    ["Version", report.version ?? "–"], ["Folder", report.folder],
    report.pending_replacement ? ["New files", report.pending_replacement] : null,
  ].filter(Boolean);
  const note = h("p", { role: "status" }, done);
  const change = (path, body, done) => async () => {
    setNote(note, "Working …");
    try {
      await send("POST", path, body);
      await readAdapters();
      const now = adapters.all.find((other) => other.name === row.name);
      if (now) fillAdapter(now, done);
    } catch (error) {
      setNote(note, error.message, true);
    }
  };
  const isServed = report.servable !== false;
  dialog.replaceChildren(
    h("h2", { id: "adapter-title" }, mark(row.name), row.name), row.description ? h("p", null, row.description) : "",
    h("dl", { class: "facts-of" }, lines.map(([term, value]) => h("div", null, h("dt", null, term), h("dd", { class: "text" }, value)))), note,
    h("div", { class: "bar" },
      isServed ? h("button", { type: "button", onclick: () => (dialog.close(), ($("answerer").value = row.name), (location.hash = "#chat")) }, "Chat with it") : null,
      row.state === "unloaded"
        ? h("button", { type: "button", onclick: change("/v1/load_lora_adapter", { lora_name: row.name, lora_path: row.name }, "It is served again.") }, "Serve it again")
        : isServed ? h("button", { type: "button", onclick: change("/v1/unload_lora_adapter", { lora_name: row.name }, "It is no longer served; its folder stays.") }, "Stop serving it") : null,
      h("span", { class: "grow" }), h("button", { type: "button", class: "main", onclick: () => dialog.close() }, "Close")));
}

function openAdapters() {
  const narrow = later(() => ((adapters.page = 0), showAdapters()), 80);
  $("adapters-text").addEventListener("input", narrow);
  $("adapters-state").addEventListener("change", narrow);
  $("adapters-filter").addEventListener("submit", (event) => event.preventDefault());
  $("adapters-refresh").addEventListener("click", readAdapters);
  $("adapters-table").tHead.addEventListener("click", (event) => event.target.dataset.sort && sortAdapters(event.target.dataset.sort));
  $("adapters-pager").addEventListener("click", (event) => {
    if (!event.target.dataset.page) return;
    adapters.page += event.target.dataset.page === "next" ? 1 : -1;
    showAdapters();
    $("adapters-table").scrollIntoView({ block: "nearest" });
  });
  openAdding();
}
