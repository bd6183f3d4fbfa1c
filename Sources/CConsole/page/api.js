// Requests to the server that served this page, with the key that the person gave.

const keyPlace = "lmoe.key";
const storedKey = () => sessionStorage.getItem(keyPlace) ?? "";
function storeKey(key) {
  if (key) sessionStorage.setItem(keyPlace, key);
  else sessionStorage.removeItem(keyPlace);
}

class ServerError extends Error {
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/// Called with each answer that says that a key is missing or wrong.
let onKeyNeeded = () => {};

async function send(method, path, body, signal, more) {
  const headers = { ...more };
  const key = storedKey();
  if (key) headers["Authorization"] = `Bearer ${key}`;
  const isRaw = body instanceof FormData || body instanceof ArrayBuffer;
  if (body !== undefined && !isRaw) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined || isRaw ? body : JSON.stringify(body), signal, credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("The server does not answer.", 0, "unreachable");
  }
  if (answer.ok) return answer;
  const error = await failure(answer);
  if (error.status === 401) onKeyNeeded(error);
  throw error;
}

async function failure(answer) {
  try {
    const { error } = JSON.parse(await answer.text());
    const place = error.param && !error.message.includes(error.param) ? ` (${error.param})` : "";
    return new ServerError(error.message + place, answer.status, error.code);
  } catch {
    return new ServerError(`The server answered ${answer.status}.`, answer.status, "");
  }
}

const get = async (path, signal) => (await send("GET", path, undefined, signal)).json();
const post = async (path, body, signal) => (await send("POST", path, body, signal)).json();

/// The `data:` lines of an event stream, parsed; ends at `[DONE]`, throws the server's error event.
async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      if (line === "data: [DONE]") return;
      const event = JSON.parse(line.slice(6));
      if (event.error) throw new ServerError(event.error.message, 200, event.error.code);
      yield event;
    }
  }
  throw new ServerError("The answer broke off.", 0, "unreachable");
}
