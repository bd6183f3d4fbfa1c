// One answer: its stream from the server, and how it is shown, with who answered and why. Chat and side by side use it.

/// What is known of an answer while it comes.
class Answer {
  /// `wanted`: the name that was asked for; empty leaves it to the router.
  constructor(wanted) {
    this.wanted = wanted;
    this.text = "";
    this.reasoning = "";
    this.calls = [];
    this.report = null;
    // What the router says of the same messages, where the answer was asked for by name.
    this.routed = null;
    this.usage = null;
    this.finish = null;
    this.error = null;
    this.isOver = false;
    this.firstMilliseconds = null;
    this.milliseconds = null;
  }

  get adapter() {
    return this.report ? nameOf(this.report.adapter) : this.wanted || null;
  }

  /// Streams it. `changed` is called after each piece. Never throws: what went wrong is in `error`.
  async ask(messages, options, signal, changed) {
    const start = performance.now();
    const body = { model: this.wanted || "auto", messages, stream: true, stream_options: { include_usage: true }, route: { explain: true }, ...options };
    if (this.wanted) this.askRouter(messages, signal).then(changed);
    try {
      for await (const event of events(await send("POST", "/v1/chat/completions", body, signal))) {
        this.take(event, start);
        changed();
      }
    } catch (error) {
      if (error.name === "AbortError") this.finish = "stopped";
      else this.error = error.message;
    }
    this.milliseconds = performance.now() - start;
    this.isOver = true;
    changed();
  }

  /// An answer does without it.
  async askRouter(messages, signal) {
    this.routed = await post("/v1/route", { input: messages, top: 8 }, signal).catch(() => null);
  }

  take(event, start) {
    if (event.usage) this.usage = event.usage;
    const choice = event.choices[0];
    if (!choice) return;
    if (event.lmoe) this.report = { ...this.report, ...event.lmoe, memory: event.lmoe.memory ?? this.report?.memory };
    const delta = choice.delta ?? {};
    const reasoning = delta.reasoning_content ?? delta.reasoning ?? "";
    this.text += delta.content ?? "";
    this.reasoning += reasoning;
    for (const call of delta.tool_calls ?? []) {
      const known = (this.calls[call.index] ??= { name: "", arguments: "" });
      known.name += call.function?.name ?? "";
      known.arguments += call.function?.arguments ?? "";
    }
    if (this.firstMilliseconds === null && (delta.content || reasoning || delta.tool_calls)) this.firstMilliseconds = performance.now() - start;
    if (choice.finish_reason) this.finish = choice.finish_reason;
  }
}

/// Shows an answer in an element that it makes; `update` after each change.
class AnswerView {
  constructor(answer) {
    this.answer = answer;
    this.body = document.createTextNode("");
    this.thought = document.createTextNode("");
    this.head = h("p", { class: "who" });
    this.why = h("div", { class: "why-place" });
    this.thinking = h("details", { class: "thinking", hidden: true }, h("summary", null, "Thinking"), h("p", { class: "text" }, this.thought));
    this.calls = h("ul", { class: "calls", hidden: true });
    this.failure = h("p", { class: "error", hidden: true });
    this.foot = h("p", { class: "foot" });
    this.element = h("div", { class: "answer-body", "aria-busy": "true" }, this.head, this.thinking, h("p", { class: "text" }, this.body), this.calls, this.failure, this.foot, this.why);
    // The report and the router's word that are shown.
    this.shown = null;
    this.isWaiting = false;
    this.paint();
  }

  /// At most once a frame.
  update() {
    if (this.isWaiting) return;
    this.isWaiting = true;
    requestAnimationFrame(() => ((this.isWaiting = false), this.paint()));
    // A tab in the background has no frames.
    if (document.hidden) (this.isWaiting = false), this.paint();
  }

  paint() {
    const { answer } = this;
    if (!answer.report || this.shown?.report !== answer.report.adapter || this.shown.routed !== answer.routed) this.paintHead();
    if (this.body.data.length !== answer.text.length) this.body.appendData(answer.text.slice(this.body.data.length));
    if (this.thought.data.length !== answer.reasoning.length) this.thought.appendData(answer.reasoning.slice(this.thought.data.length));
    this.thinking.hidden = !answer.reasoning;
    this.calls.hidden = !answer.calls.length;
    if (answer.calls.length) this.calls.replaceChildren(...answer.calls.map((call) => h("li", null, h("code", null, `${call.name}(${call.arguments})`))));
    this.failure.hidden = answer.error === null;
    this.failure.textContent = answer.error ?? "";
    if (answer.isOver) this.paintEnd();
  }

  paintHead() {
    const { answer } = this;
    if (!answer.report) {
      this.head.replaceChildren(h("span", { class: "soft" }, answer.isOver ? "No answer" : answer.wanted ? `Asking ${answer.wanted} …` : "Choosing an adapter …"));
      return;
    }
    this.shown = { report: answer.report.adapter, routed: answer.routed };
    const parts = [mark(answer.report.adapter), h("strong", null, answer.adapter), h("span", { class: "soft" }, standing(answer.report, answer.routed))];
    if (answer.report.memory) parts.push(h("span", { class: "tag" }, `fact of ${answer.report.memory.memory}`));
    this.head.replaceChildren(...parts);
    const why = whyDetails(answer.report, answer.routed);
    if (why) this.why.replaceChildren(why);
    tinted(this.element, answer.report.adapter);
  }

  paintEnd() {
    const { answer } = this;
    this.element.setAttribute("aria-busy", "false");
    const parts = [];
    const written = answer.usage?.completion_tokens;
    const decode = answer.report?.timings_ms?.decode;
    if (written !== undefined) parts.push(count(written, "token"));
    if (written > 1 && decode) parts.push(`${whole((written * 1000) / decode)} tokens/s`);
    if (answer.firstMilliseconds !== null) parts.push(`first text after ${milliseconds(answer.firstMilliseconds)}`);
    if (answer.usage) {
      const cached = answer.usage.prompt_tokens_details?.cached_tokens ?? 0;
      parts.push(`prompt ${whole(answer.usage.prompt_tokens)}${cached ? `, ${whole(cached)} from the cache` : ""}`);
    }
    const ends = { length: "cut at the most tokens", stopped: "stopped by you", tool_calls: "calls functions" };
    if (ends[answer.finish]) parts.push(ends[answer.finish]);
    this.foot.textContent = parts.join(" · ");
  }
}

/// The line beside the adapter's name: how sure the router was, and who came second.
function standing(report, routed = null) {
  const { route, probability, explanation } = report;
  if (route === "explicit") {
    if (!routed?.candidates.length) return "named by you";
    const given = report.adapter === null ? routed.none_probability : routed.candidates.find((candidate) => candidate.adapter === report.adapter)?.probability;
    const opinion = routed.adapter === report.adapter ? "agrees" : `would take ${nameOf(routed.adapter)}`;
    return `named by you · the router ${opinion}${given === null || given === undefined ? "" : `, and gives ${report.adapter === null ? "the base" : "it"} ${percent(given)}`}`;
  }
  const candidates = explanation?.candidates ?? [];
  const best = candidates[0];
  if (route === "matched") {
    const second = candidates.find((candidate) => candidate.adapter !== report.adapter);
    const none = explanation?.none_probability;
    const runnerUp = second && (none === null || none === undefined || second.probability >= none) ? `runner-up ${second.adapter} ${percent(second.probability)}` : none !== null && none !== undefined ? `runner-up: none of them ${percent(none)}` : null;
    return [probability === null || probability === undefined ? null : percent(probability), runnerUp].filter(Boolean).join(" · ");
  }
  if (!best) return "no adapter was compared";
  const threshold = explanation.threshold ?? best.threshold;
  return `no adapter was sure enough · best ${best.adapter} ${percent(best.probability)}${threshold === null || threshold === undefined ? "" : ` of ${limit(threshold)} needed`}`;
}

/// Why it was chosen; of an answer that was asked for by name, what the router says.
function whyDetails(report, routed) {
  const explanation = report.route === "explicit" ? routed : report.explanation;
  if (!explanation?.candidates.length && !report.memory) return null;
  const shown = explanation ?? report.explanation;
  return h("details", { class: "why" }, h("summary", null, report.route === "explicit" ? "What the router says" : "Why this adapter"), h("p", null, sentence(shown.reason)),
    ...explanationNotes({ ...report, explanation: shown }), shown.candidates.length ? candidateList(shown) : null);
}

/// A reason often begins with an adapter's name, which keeps its spelling.
const sentence = (text) => (text ? text + (/[.!?]$/.test(text) ? "" : ".") : "");

function explanationNotes({ memory, explanation, timings_ms: timings }) {
  const notes = [];
  if (memory?.fact !== undefined) notes.push(`Fact ${memory.memory}:${memory.fact} answers “${memory.question}” with a score of ${memory.score} (from ${memory.threshold} on).`);
  if (explanation.original) notes.push(`Read as “${explanation.text}” after correcting the spelling.`);
  if (explanation.conversation) notes.push(explanation.conversation.stays ? `The conversation stays on ${explanation.conversation.adapter}.` : `The conversation leaves ${explanation.conversation.adapter}.`);
  if (explanation.canary) notes.push(`Drawn between ${explanation.canary.of} and its canary ${explanation.canary.adapter}: ${explanation.canary.chosen ? "the canary" : explanation.canary.of} answers.`);
  if (explanation.language_model) notes.push(`The base model was asked: ${explanation.language_model.failure ?? explanation.language_model.choice ?? "none of them"}.`);
  if (explanation.unavailable) notes.push(`Could not answer: ${explanation.unavailable.join(", ")}.`);
  if (timings?.route) notes.push(`Decided in ${milliseconds(timings.route)} with ${explanation.encoder || "no encoder"}.`);
  return notes.map((note) => h("p", { class: "soft" }, note));
}

/// Candidates, best first, and “none of them”, each with its probability, what it had to reach, and its nearest example.
function candidateList(explanation) {
  const rows = explanation.candidates.map((candidate) => candidateRow(candidate.adapter, candidate.probability, candidate.threshold, candidate.nearest?.[0]));
  if (explanation.none_probability !== null && explanation.none_probability !== undefined) rows.push(candidateRow(null, explanation.none_probability, null, null));
  return h("ol", { class: "candidates" }, rows);
}

function candidateRow(name, probability, threshold, nearest) {
  return h("li", null,
    h("div", { class: "row" }, mark(name), h("span", { class: "grow" }, name ?? "none of them"), h("span", { class: "figure" }, percent(probability)), threshold === null || threshold === undefined ? null : h("span", { class: "soft" }, `needs ${limit(threshold)}`)),
    meter(probability, name, threshold),
    nearest ? h("p", { class: "soft near" }, `Nearest example (${nearest.similarity.toFixed(2)}): ${nearest.text}`) : null);
}
