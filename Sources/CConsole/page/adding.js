// Adding an adapter: its folder is dropped or chosen, looked at, and uploaded in pieces; or the server copies it from its import folder.

/// At most what `--max-body` can be set to.
const pieceBytes = 1 << 20;
const pieceTries = 5;
const sendable = /^(LICENSE|NOTICE|\w[\w.-]*\.(safetensors|gguf|json|jsonl|ya?ml|jinja|md|txt))$/;
const adding = { files: [], stop: null };

/// The files of a dropped folder itself, at most a thousand, and the names of its subfolders.
async function contents(folder) {
  const [files, folders] = [[], []];
  const reader = folder.createReader();
  while (files.length + folders.length < 1000) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) break;
    for (const entry of entries) {
      if (entry.isFile) files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
      else folders.push(`${entry.name}/`);
    }
  }
  return [files, folders];
}

/// Says what will be sent of a folder, or what is missing in it.
function noteFolder(folder, files, folders) {
  const names = files.map((file) => file.name);
  const sent = files.filter((file) => sendable.test(file.name));
  const weights = names.filter((name) => sendable.test(name) && /\.(safetensors|gguf)$/.test(name));
  const pickle = names.find((name) => /\.(bin|pt|pth|pkl|pickle|ckpt)$/i.test(name));
  const left = [...names.filter((name) => !sendable.test(name) && !name.startsWith(".")), ...folders];
  const missing = [names.includes("adapter_config.json") || weights.some((name) => name.endsWith(".gguf")) ? null : "adapter_config.json", weights.length ? null : "weights (*.safetensors)"].filter(Boolean);
  const isFit = !missing.length;
  adding.files = isFit ? sent : [];
  $("upload-form").hidden = !isFit;
  setNote($("upload-result"), "");
  if (!weights.length && pickle) return setNote($("drop-result"), `${pickle} is a pickle, which can run code when it is loaded; expected adapter_model.safetensors: scripts/convert-pickle makes one of it.`, true);
  if (!isFit) return setNote($("drop-result"), `${folder} does not look like an adapter: no ${missing.join(" and no ")}.`, true);
  $("upload-name").value = folder.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[.-]+/, "").slice(0, 64);
  const routed = names.some((name) => /^route\.ya?ml$/.test(name));
  setNote($("drop-result"), `${folder}: ${count(sent.length, "file")}, ${bytes(total(sent))}, weights in ${weights.join(", ")}${routed ? ", with routing data" : ". It has no route.yaml, so it is served by name only"}.${left.length ? ` Not sent: ${left.slice(0, 8).join(", ")}${left.length > 8 ? " …" : ""}.` : ""}`);
}

const total = (files) => files.reduce((sum, file) => sum + file.size, 0);

async function dropped(event) {
  event.preventDefault();
  $("drop").classList.remove("is-over");
  if (adding.stop) return;
  const entry = event.dataTransfer.items[0]?.webkitGetAsEntry();
  if (!entry?.isDirectory) return setNote($("drop-result"), "Drop a folder, not a file.", true);
  try {
    noteFolder(entry.name, ...(await contents(entry)));
  } catch (error) {
    setNote($("drop-result"), `The folder cannot be read: ${error.message}`, true);
  }
}

function chosen(files) {
  if (!files.length || adding.stop) return;
  const parts = files.map((file) => file.webkitRelativePath.split("/"));
  const folders = new Set(parts.filter((part) => part.length > 2).map((part) => `${part[1]}/`));
  noteFolder(parts[0][0], files.filter((_, place) => parts[place].length === 2), [...folders]);
}

// MARK: Uploading

/// Sends one piece; again while the server is busy or does not answer, as a piece may come twice.
async function sendPiece(path, file, first, signal) {
  let piece;
  try {
    piece = await file.slice(first, first + pieceBytes).arrayBuffer();
  } catch (error) {
    throw new ServerError(`${file.name} cannot be read: ${error.message}`, 0, "unreadable");
  }
  const headers = { "Content-Type": "application/octet-stream" };
  if (file.size) headers["Content-Range"] = `bytes ${first}-${first + piece.byteLength - 1}/${file.size}`;
  for (let tries = 1; ; tries++) {
    try {
      await send("PUT", path, piece, signal, headers);
      return piece.byteLength;
    } catch (error) {
      if (![0, 429, 503].includes(error.status) || tries === pieceTries) throw error;
      await new Promise((resolve) => setTimeout(resolve, tries * 500));
      signal.throwIfAborted();
    }
  }
}

async function sendFiles(path, files, signal) {
  let done = 0;
  const all = total(files);
  for (const file of files) {
    let first = 0;
    do {
      const sent = await sendPiece(`${path}/files/${encodeURIComponent(file.name)}`, file, first, signal);
      (first += sent), (done += sent);
      $("upload-progress").value = all ? done / all : 1;
      $("upload-place").textContent = `${file.name}: ${bytes(done)} of ${bytes(all)}`;
    } while (first < file.size);
  }
}

function showUploading(stop) {
  adding.stop = stop;
  for (const id of ["upload-name", "upload-replace", "upload-start", "drop-input"]) $(id).disabled = !!stop;
  $("upload-cancel").hidden = $("upload-state").hidden = !stop;
}

async function uploadAdapter() {
  const [name, replace, note] = [$("upload-name").value.trim(), $("upload-replace").checked, $("upload-result")];
  if (!replace && adapters.all.some((row) => row.name === name)) return setNote(note, `There is an adapter ${name}: tick “Replace”, or take another name.`, true);
  const path = `/v1/adapters/${encodeURIComponent(name)}`;
  const control = new AbortController();
  showUploading(() => control.abort());
  $("upload-progress").value = 0;
  $("upload-cancel").focus();
  setNote(note, `Uploading ${count(adding.files.length, "file")} …`);
  try {
    // What an earlier upload left there is not part of this one.
    await send("DELETE", `${path}/files`, undefined, control.signal);
    await sendFiles(path, adding.files, control.signal);
    $("upload-cancel").hidden = true;
    setNote(note, "Checking it …");
    await send("PUT", path, { uploaded: true, replace });
    setNote(note, `${name} is served. Loading it into memory …`);
    await readAdapters();
    await send("POST", "/v1/load_lora_adapter", { lora_name: name, lora_path: name, load_inplace: true });
    const report = await get(path);
    setNote(note, `${name} is served: ${[stateWords[report.state] ?? report.state, report.family, report.rank && `rank ${report.rank}`, bytes(report.bytes)].filter(Boolean).join(", ")}.`);
    shell.readNames();
  } catch (error) {
    if (error.name === "AbortError") {
      try {
        await send("DELETE", `${path}/files`);
        setNote(note, "The upload is cancelled; nothing of it is kept.");
      } catch (failure) {
        setNote(note, `The upload is cancelled. What came of it is kept for an hour: ${failure.message}`, true);
      }
    } else setNote(note, error.message, true);
  }
  showUploading(null);
  $("upload-start").focus();
  readAdapters();
}

// MARK: Copying from the import folder

async function importAdapter() {
  const [source, name] = [$("import-source").value.trim(), $("import-name").value.trim()];
  setNote($("import-result"), "Copying and checking it …");
  try {
    await send("PUT", `/v1/adapters/${encodeURIComponent(name)}`, { source });
    setNote($("import-result"), `${name} is served.`);
    await readAdapters();
    shell.readNames();
  } catch (error) {
    setNote($("import-result"), error.message, true);
  }
}

function openAdding() {
  const drop = $("drop");
  drop.addEventListener("dragover", (event) => (event.preventDefault(), drop.classList.add("is-over")));
  drop.addEventListener("dragleave", () => drop.classList.remove("is-over"));
  drop.addEventListener("drop", dropped);
  $("drop-input").addEventListener("change", (event) => {
    const files = [...event.target.files];
    // The same folder can be chosen again.
    event.target.value = "";
    if (files.length) chosen(files);
  });
  $("upload-form").addEventListener("submit", (event) => (event.preventDefault(), uploadAdapter()));
  $("upload-cancel").addEventListener("click", () => adding.stop?.());
  $("import-form").addEventListener("submit", (event) => (event.preventDefault(), importAdapter()));
}
