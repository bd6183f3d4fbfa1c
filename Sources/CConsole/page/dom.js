// Elements, formats and small pieces that all views share. Text from models and clients only ever becomes text nodes.

const $ = (id) => document.getElementById(id);

/// An element: attributes by name, `on…` for listeners, children as nodes or texts; null children are left out.
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes ?? {})) if (value !== null && value !== undefined) element.setAttribute(name, String(value));
  element.append(...children.flat());
  return element;
}

/// A hue that belongs to a name, so that an adapter looks the same everywhere: far from those of its neighbours in the list of names.
function hue(name) {
  const place = shell.places.get(name);
  if (place !== undefined) return Math.round((215 + place * 137.5) % 360);
  let sum = 7;
  for (let place = 0; place < name.length; place++) sum = (sum * 31 + name.charCodeAt(place)) >>> 0;
  return (sum * 137) % 360;
}

function tinted(element, name) {
  if (name === null || name === "base") element.classList.add("is-base");
  else element.style.setProperty("--hue", hue(name));
  return element;
}

const mark = (name) => tinted(h("span", { class: "mark", "aria-hidden": "true" }), name);
const nameOf = (adapter) => adapter ?? "base";

/// A probability: cut, not rounded, so that none becomes 100 %.
const percent = (value) => (value < 0.001 ? "under 0.1 %" : `${(Math.floor(value * 1000) / 10).toFixed(1)} %`);
const limit = (value) => `${Math.round(value * 1000) / 10} %`;
const whole = (value) => Math.round(value).toLocaleString("en");
const milliseconds = (value) => (value >= 10000 ? `${(value / 1000).toFixed(1)} s` : value >= 100 ? `${Math.round(value)} ms` : `${value.toFixed(1)} ms`);
function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) (value /= 1024), unit++;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
const count = (number, one, many = `${one}s`) => `${whole(number)} ${number === 1 ? one : many}`;
const time = (seconds) => new Date(seconds * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });

/// A share of one as a bar; the figure stands beside it.
function meter(value, name, threshold) {
  const bar = svg("svg", { class: "meter", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "ground", width: 100, height: 6, rx: 1 }), svg("rect", { class: "value", width: Math.max(0, Math.min(1, value)) * 100, height: 6, rx: 1 }));
  if (threshold !== null && threshold !== undefined) bar.append(svg("rect", { class: "limit", x: Math.min(99.7, threshold * 100), width: 0.3, height: 6 }));
  return tinted(bar, name);
}

/// Asks in a dialog; true for yes.
function confirmed(title, text, yes) {
  const dialog = $("confirm-dialog");
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  $("confirm-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

function setNote(element, text, isError = false) {
  element.textContent = text;
  element.classList.toggle("error", isError);
}

const later = (work, wait) => {
  let timer = 0;
  return () => (clearTimeout(timer), (timer = setTimeout(work, wait)));
};
