// The conversation: turns of the person, and answers, of which a turn may have several by different adapters.

const chat = { turns: [], stop: null };

function chatOptions() {
  const options = {};
  const temperature = $("temperature").valueAsNumber;
  const most = $("max-tokens").valueAsNumber;
  if (!Number.isNaN(temperature)) options.temperature = temperature;
  if (!Number.isNaN(most)) options.max_tokens = most;
  const asked = $("asked").value.trim();
  if (asked === "none") options.memory = false;
  else if (asked) options.memory = asked.split(",").map((name) => name.trim()).filter(Boolean);
  return options;
}

/// The messages before a turn's answer, with the answers that are chosen.
function messagesBefore(turn) {
  const system = $("system").value.trim();
  const messages = system ? [{ role: "system", content: system }] : [];
  for (const other of chat.turns) {
    messages.push({ role: "user", content: other.text });
    if (other === turn) break;
    const answer = other.answers[other.chosen];
    if (answer?.text) messages.push({ role: "assistant", content: answer.text });
  }
  return messages;
}

async function askTurn(turn, wanted) {
  chat.stop?.abort();
  const stop = (chat.stop = new AbortController());
  const answer = new Answer(wanted);
  turn.answers.push(answer);
  turn.chosen = turn.answers.length - 1;
  showTurn(turn);
  $("stop").hidden = false;
  $("chat-status").textContent = "The answer begins.";
  await answer.ask(messagesBefore(turn), chatOptions(), stop.signal, () => {
    turn.view.update();
    if (turn === chat.turns.at(-1)) keepInView();
  });
  paintAround(turn);
  if (chat.stop !== stop) return;
  chat.stop = null;
  $("stop").hidden = true;
  $("chat-status").textContent = answer.error ? `No answer: ${answer.error}` : `Answered by ${answer.adapter}: ${answer.text}`;
  shell.look();
}

/// The chosen answer of a turn, between the choice of answers and the way to another one.
function showTurn(turn) {
  turn.view = new AnswerView(turn.answers[turn.chosen]);
  turn.versions = h("div");
  turn.force = h("div");
  turn.place.replaceChildren(turn.versions, turn.view.element, turn.force);
  paintAround(turn);
}

function paintAround(turn) {
  const answer = turn.answers[turn.chosen];
  const choose = (place) => ((turn.chosen = place), showTurn(turn), turn.place.querySelector(`[aria-pressed="true"]`).focus());
  turn.versions.replaceChildren(...(turn.answers.length < 2 ? [] : [
    h("div", { class: "versions", role: "group", "aria-label": "Answers to this message" },
      turn.answers.map((other, place) => h("button", { type: "button", "aria-pressed": String(place === turn.chosen), onclick: () => choose(place) }, mark(other.adapter), other.adapter ?? "…"))),
  ]));
  turn.force.replaceChildren(...(answer.isOver ? [forceForm(turn, answer)] : []));
}

/// A way to have the same message answered by another adapter: the next candidates at a click, any other by its name.
function forceForm(turn, answer) {
  const names = (answer.routed?.candidates ?? answer.report?.explanation?.candidates ?? []).map((candidate) => candidate.adapter).filter((name) => name !== answer.adapter).slice(0, 3);
  if (answer.adapter !== "base") names.push("base");
  const input = h("input", { list: "names", autocomplete: "off", spellcheck: "false", "aria-label": "Name of another adapter", placeholder: "another name" });
  return h("details", { class: "force" }, h("summary", null, "Answer with another adapter"),
    h("form", { class: "bar", onsubmit: (event) => (event.preventDefault(), input.value.trim() && askTurn(turn, input.value.trim())) },
      names.map((name) => h("button", { type: "button", onclick: () => askTurn(turn, name) }, mark(name), name)), input, h("button", { type: "submit" }, "Answer")));
}

function keepInView() {
  const page = document.scrollingElement;
  if (page.scrollHeight - page.scrollTop - page.clientHeight < 220) page.scrollTop = page.scrollHeight;
}

function sendMessage(text) {
  const turn = { text, answers: [], chosen: 0, place: h("div", { class: "answers" }), view: null };
  chat.turns.push(turn);
  $("chat-empty").hidden = true;
  $("turns").append(h("li", { class: "turn" }, h("div", { class: "said" }, h("span", { class: "sr" }, "You: "), h("p", { class: "text" }, text)), turn.place));
  document.scrollingElement.scrollTop = document.scrollingElement.scrollHeight;
  return askTurn(turn, $("answerer").value.trim());
}

function newConversation() {
  chat.stop?.abort();
  chat.turns = [];
  $("turns").replaceChildren();
  $("chat-empty").hidden = false;
  $("message").focus();
}

function openChat() {
  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = $("message").value.trim();
    if (!text) return;
    $("message").value = "";
    sendMessage(text);
  });
  $("message").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $("composer").requestSubmit();
  });
  $("stop").addEventListener("click", () => chat.stop?.abort());
  $("chat-new").addEventListener("click", newConversation);
}
