// Facts: told, listed, forgotten.

const facts = { next: null, shown: 0 };

function factsQuery(after) {
  const query = new URLSearchParams({ limit: "20" });
  const [memory, text] = [$("facts-memory").value.trim(), $("facts-text").value.trim()];
  if (memory) query.set("memory", memory);
  if (text) query.set("contains", text);
  if (after) query.set("after", after);
  return `/v1/memories?${query}`;
}

/// The first page, or the one behind those that are shown.
async function showFacts(isMore = false) {
  try {
    const page = await get(factsQuery(isMore ? facts.next : null));
    if (!isMore) $("facts").replaceChildren(), (facts.shown = 0);
    $("facts").append(...page.data.map(factItem));
    facts.shown += page.data.length;
    facts.next = page.next_after;
    $("facts-more").hidden = !page.has_more;
    setNote($("facts-count"), facts.shown ? `${count(facts.shown, "fact")} shown${page.has_more ? ", and there are more" : ""}` : $("facts-text").value.trim() ? "No fact contains this." : "No fact has been told yet.");
  } catch (error) {
    if (!isMore) $("facts").replaceChildren();
    $("facts-more").hidden = true;
    setNote($("facts-count"), error.message, true);
  }
}

function factItem(fact) {
  return h("li", { class: "card fact" },
    h("div", { class: "row" }, h("span", { class: "grow" }, h("strong", { class: "text" }, fact.question)), h("code", null, fact.id), h("button", { type: "button", class: "quiet", "aria-label": `Forget: ${fact.question}`, onclick: () => forget(fact) }, "Forget")),
    h("p", { class: "text" }, fact.answer),
    fact.paraphrases.length ? h("p", { class: "soft" }, `Also: ${fact.paraphrases.join(" · ")}`) : null,
    h("p", { class: "soft" }, `Told ${time(fact.created_at)}${fact.source ? ` from ${fact.source}` : ""}`));
}

async function forget(fact) {
  if (!(await confirmed("Forget this fact?", `“${fact.question}” will be answered by the base again.`, "Forget"))) return;
  try {
    await send("DELETE", `/v1/memories/${encodeURIComponent(fact.id)}`);
    await showFacts();
    setNote($("tell-result"), `Forgotten: ${fact.question}`);
    $("facts-text").focus();
  } catch (error) {
    setNote($("facts-count"), error.message, true);
  }
}

async function tell() {
  const body = { question: $("tell-question").value.trim(), answer: $("tell-answer").value.trim(), on_conflict: $("tell-conflict").value, source: "console" };
  const wordings = $("tell-wordings").value.split("\n").map((line) => line.trim()).filter(Boolean);
  if (wordings.length) body.paraphrases = wordings;
  const memory = $("facts-memory").value.trim();
  if (memory) body.memory = memory;
  setNote($("tell-result"), "Writing and checking it …");
  try {
    const fact = await post("/v1/memories", body);
    setNote($("tell-result"), { added: "Told: it answers from now on.", replaced: "The answer was replaced.", known: "It was known already." }[fact.status] ?? fact.status);
    for (const name of ["question", "answer", "wordings"]) $(`tell-${name}`).value = "";
    await showFacts();
  } catch (error) {
    setNote($("tell-result"), error.message, true);
  }
}

function openMemories() {
  $("tell-form").addEventListener("submit", (event) => (event.preventDefault(), tell()));
  $("facts-filter").addEventListener("submit", (event) => (event.preventDefault(), showFacts()));
  $("facts-more").addEventListener("click", () => showFacts(true));
}
