// Fine-tuning jobs: created from a file, with their progress and their losses.

const unfinished = (job) => !["succeeded", "failed", "cancelled"].includes(job.status);
const tuning = { jobs: [], views: new Map() };

async function readJobs() {
  try {
    const page = await get("/v1/fine_tuning/jobs?limit=50");
    tuning.jobs = page.data;
    setNote($("jobs-count"), page.data.length ? `${count(page.data.length, "job")}${page.has_more ? ", and there are more" : ""}, the newest first` : "No job yet.");
    for (const job of page.data) if (!tuning.views.has(job.id)) tuning.views.set(job.id, new JobView());
    const items = page.data.map((job) => (tuning.views.get(job.id).show(job), tuning.views.get(job.id).element));
    // A list that stays as it is keeps the focus.
    if (items.length !== $("jobs").children.length || items.some((item, place) => item !== $("jobs").children[place])) $("jobs").replaceChildren(...items);
    await Promise.all(page.data.slice(0, 8).map((job) => tuning.views.get(job.id).readLosses(job)));
  } catch (error) {
    $("jobs").replaceChildren();
    setNote($("jobs-count"), error.message, true);
  }
}

class JobView {
  constructor() {
    this.head = h("div", { class: "row" });
    this.progress = h("progress", { max: 1 });
    this.note = h("p", { class: "soft" });
    this.chart = h("div");
    this.events = h("ul", { class: "events" });
    this.buttons = h("div", { class: "bar" });
    this.element = h("li", { class: "card job" }, this.head, this.progress, this.note, this.chart, h("details", null, h("summary", null, "Events"), this.events), this.buttons);
    this.lastRead = "";
    this.lastButtons = "";
  }

  show(job) {
    const { step, total_steps: total, paused } = job.lmoe;
    const status = paused ? "paused" : job.status.replace("_", " ");
    this.head.replaceChildren(mark(job.lmoe.adapter), h("strong", { class: "grow" }, job.lmoe.adapter), h("span", { class: `tag ${job.status === "failed" ? "problem" : job.status === "succeeded" ? "resident" : ""}` }, status));
    this.progress.setAttribute("aria-label", `Progress of ${job.lmoe.adapter}`);
    this.progress.hidden = !unfinished(job);
    if (total) (this.progress.max = total), (this.progress.value = step);
    else this.progress.removeAttribute("value");
    const parts = [`from ${job.model}`, total ? `step ${step} of ${total}` : null, job.trained_tokens ? count(job.trained_tokens, "token") : null,
      unfinished(job) && job.estimated_finish ? `done about ${time(job.estimated_finish)}` : null, job.finished_at ? `ended ${time(job.finished_at)}` : `created ${time(job.created_at)}`];
    this.note.textContent = job.error ? `${job.error.message}${job.error.param ? ` (${job.error.param})` : ""}` : parts.filter(Boolean).join(" · ");
    this.note.classList.toggle("error", !!job.error);
    const kind = unfinished(job) ? (paused ? "paused" : "running") : "over";
    if (kind === this.lastButtons) return;
    this.lastButtons = kind;
    const button = (action, word) => h("button", { type: "button", onclick: () => changeJob(job, action) }, word);
    this.buttons.replaceChildren(...(kind === "over" ? [] : [kind === "paused" ? button("resume", "Go on") : button("pause", "Pause"), button("cancel", "Cancel")]));
  }

  /// Events, when the job has moved since the last look.
  async readLosses(job) {
    const mark = `${job.status} ${job.lmoe.step}`;
    if (mark === this.lastRead) return;
    this.lastRead = mark;
    const { data } = await get(`/v1/fine_tuning/jobs/${encodeURIComponent(job.id)}/events?limit=200`);
    const losses = data.filter((event) => event.type === "metrics" && event.data.train_loss !== undefined).map((event) => event.data.train_loss).reverse();
    this.chart.replaceChildren(...(losses.length > 1 ? [lineChart(losses, { label: "Training loss", format: (value) => value.toFixed(3), height: 60 })] : []));
    this.events.replaceChildren(...data.slice(0, 30).map((event) => h("li", { class: event.level === "error" ? "error" : null }, `${time(event.created_at)}: ${event.message}`)));
  }
}

async function changeJob(job, action) {
  if (action === "cancel" && !(await confirmed("Cancel this job?", `${job.lmoe.adapter} will not be made, and the job’s checkpoints are deleted.`, "Cancel the job"))) return;
  try {
    await post(`/v1/fine_tuning/jobs/${encodeURIComponent(job.id)}/${action}`);
    await readJobs();
  } catch (error) {
    setNote($("jobs-count"), error.message, true);
  }
}

async function createJob() {
  const [file] = $("job-file").files;
  const form = new FormData();
  form.append("purpose", "fine-tune");
  form.append("file", file, file.name);
  setNote($("job-result"), "Uploading …");
  try {
    const stored = await (await send("POST", "/v1/files", form)).json();
    const body = { model: "base", training_file: stored.id, suffix: $("job-name").value.trim() };
    const epochs = $("job-epochs").valueAsNumber;
    if (!Number.isNaN(epochs)) body.method = { type: "supervised", supervised: { hyperparameters: { n_epochs: epochs } } };
    const description = $("job-description").value.trim();
    if (description) body.lmoe = { description };
    const job = await post("/v1/fine_tuning/jobs", body);
    setNote($("job-result"), `${job.lmoe.adapter} is ${job.status.replace("_", " ")}.`);
    $("job-form").reset();
    await readJobs();
  } catch (error) {
    setNote($("job-result"), error.message, true);
  }
}

function openTuning() {
  $("job-form").addEventListener("submit", (event) => (event.preventDefault(), createJob()));
  $("jobs-refresh").addEventListener("click", readJobs);
}
