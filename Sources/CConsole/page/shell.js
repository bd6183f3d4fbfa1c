// The frame: which view is shown, what the server does now, the key.

const shell = {
  figures: null,
  view: "chat",
  timer: 0,
  ticks: 0,
  isReady: false,
  needsKey: false,
  /// The base and the adapters, and each name's place among them.
  names: [],
  places: new Map(),

  /// Each view's work when it is opened, and again while it is shown.
  opened: { adapters: readAdapters, memories: () => showFacts(), tuning: readJobs },
  again: { adapters: { every: 15, work: readAdapters }, tuning: { every: 4, work: () => tuning.jobs.some(unfinished) && readJobs() } },

  show(name) {
    const link = document.querySelector(`#views a[href="#${CSS.escape(name)}"]`);
    if (!link) return this.show("chat");
    this.view = name;
    for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== `view-${name}`;
    for (const other of document.querySelectorAll("#views a")) other.removeAttribute("aria-current");
    link.setAttribute("aria-current", "page");
    document.title = `${link.textContent} · lmoe`;
    if (this.isReady) this.opened[name]?.();
    if (name === "server" && this.figures) showServer(this.figures);
  },

  /// Reads the server's state and figures, and shows them.
  async look() {
    clearTimeout(this.timer);
    // Without its key every question would be refused.
    if (!document.hidden && !this.needsKey) {
      try {
        const ready = await this.readState();
        if (ready) await this.readLive();
      } catch (error) {
        this.setState(error.status === 401 ? "needs a key" : error.message, error.status === 401 ? "loading" : "down");
        if (error.status !== 401) this.isReady = false;
      }
      this.ticks += 1;
      const again = this.again[this.view];
      if (again && this.ticks % Math.ceil(again.every / 2) === 0 && !document.querySelector("dialog[open]")) again.work();
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), 2000);
  },

  async readState() {
    const answer = await fetch("/ready", { cache: "no-store", credentials: "omit" }).catch(() => null);
    if (!answer) throw new ServerError("does not answer", 0, "unreachable");
    const state = await answer.json();
    const wasReady = this.isReady;
    this.isReady = answer.ok;
    this.setState(state.reason ? `${state.status}: ${state.reason}` : state.warnings ? `${state.status}, with warnings: ${state.warnings.join("; ")}` : state.status, answer.ok ? (state.warnings ? "loading" : "ready") : state.status === "loading" ? "loading" : "down");
    if (answer.ok && !wasReady) await this.readNames(), this.opened[this.view]?.();
    return answer.ok;
  },

  async readLive() {
    const now = await readFigures();
    const before = this.figures;
    // Rates over less than a second say little.
    if (before && now.at - before.at < 1000) return;
    this.figures = now;
    noteFigures(now, before);
    const write = (id, value, format) => ($(id).textContent = value === null ? "–" : format(value));
    write("live-rate", before ? now.rate("lmoe_engine_generated_tokens", before) : null, whole);
    write("live-running", now.sum("lmoe_engine_active_sequences"), whole);
    write("live-waiting", waiting(now), whole);
    write("live-kv", keyValueShare(now), limit);
    if (this.view === "server") showServer(now);
  },

  /// Names of the base and the adapters, for the fields that take one.
  async readNames() {
    const { data } = await get("/v1/models");
    this.names = ["base", ...data.filter((model) => model.parent && model.id !== "auto").map((model) => model.id)];
    this.places = new Map(this.names.map((name, place) => [name, place]));
    $("base").textContent = data.find((model) => !model.parent)?.id ?? "";
    this.suggest("");
  },

  /// A browser's list of a thousand names is of no use: the first forty that fit.
  suggest(text) {
    const wanted = text.trim().toLowerCase();
    const fitting = this.names.filter((name) => name.toLowerCase().includes(wanted)).slice(0, 40);
    $("names").replaceChildren(...fitting.map((name) => h("option", { value: name })));
  },

  setState(text, kind) {
    if ($("state-text").textContent !== text) $("state-text").textContent = text;
    $("state").dataset.kind = kind;
  },

  openKey(message) {
    if ($("key-dialog").open) return;
    setNote($("notice"), message ?? "", true);
    $("notice").hidden = !message;
    $("key").value = storedKey();
    $("key-dialog").showModal();
  },

  useKey(key) {
    storeKey(key);
    this.needsKey = false;
    $("key-dialog").close();
    $("notice").hidden = true;
    this.isReady = false;
    this.look();
  },

  open() {
    onKeyNeeded = (error) => ((this.needsKey = true), this.openKey(error.message));
    $("key-button").addEventListener("click", () => this.openKey());
    $("key-form").addEventListener("submit", (event) => (event.preventDefault(), this.useKey($("key").value.trim())));
    $("key-forget").addEventListener("click", () => this.useKey(""));
    $("key-cancel").addEventListener("click", () => $("key-dialog").close());
    document.addEventListener("input", (event) => event.target.getAttribute?.("list") === "names" && this.suggest(event.target.value));
    document.addEventListener("focusin", (event) => event.target.getAttribute?.("list") === "names" && this.suggest(event.target.value));
    // An open panel of options closes like a menu.
    document.addEventListener("keydown", (event) => event.key === "Escape" && $("options").removeAttribute("open"));
    document.addEventListener("click", (event) => !$("options").contains(event.target) && $("options").removeAttribute("open"));
    addEventListener("hashchange", () => (this.show(location.hash.slice(1) || "chat"), document.querySelector(`#view-${this.view} h1`).focus()));
    document.addEventListener("visibilitychange", () => !document.hidden && this.look());
    for (const open of [openChat, openCompare, openAdapters, openRouting, openMemories, openTuning]) open();
    this.show(location.hash.slice(1) || "chat");
    // The page is painted before it asks for anything.
    requestAnimationFrame(() => setTimeout(() => this.look()));
  },
};

shell.open();
