// The same message to two adapters at once.

let comparing = null;

async function compare() {
  comparing?.abort();
  const stop = (comparing = new AbortController());
  $("compare-stop").hidden = false;
  $("compare-status").textContent = "Both answers begin.";
  const messages = [{ role: "user", content: $("compare-text").value.trim() }];
  const answers = ["left", "right"].map((side) => {
    const answer = new Answer($(`${side}-name`).value.trim());
    const view = new AnswerView(answer);
    $(side).replaceChildren(view.element);
    return answer.ask(messages, chatOptions(), stop.signal, () => view.update()).then(() => answer);
  });
  const [left, right] = await Promise.all(answers);
  if (comparing !== stop) return;
  comparing = null;
  $("compare-stop").hidden = true;
  $("compare-status").textContent = `Left, ${left.adapter}: ${left.error ?? left.text}. Right, ${right.adapter}: ${right.error ?? right.text}`;
  shell.look();
}

function openCompare() {
  $("compare-form").addEventListener("submit", (event) => (event.preventDefault(), compare()));
  $("compare-stop").addEventListener("click", () => comparing?.abort());
}
