// Builds elements. Text from outside only ever becomes a text node or an attribute that is no script.

/** An element: `props` are attributes or, where the name begins with "on", listeners. */
export function h(tag, props, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  // One that submits a form says so.
  if (name === "button") element.type = "button";
  for (const [key, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Makes `parent` hold exactly these nodes, of which some may be none, and moves none that is in its place already. */
export const show = (parent, some) => keeping(parent, () => {
  const nodes = some.filter(Boolean);
  nodes.forEach((node, at) => {
    const there = parent.childNodes[at];
    if (there !== node) parent.insertBefore(node, there || null);
  });
  while (parent.childNodes.length > nodes.length) parent.lastChild.remove();
});

/** By which an element is the same when it was built anew. */
function nameOf(it) {
  const around = it.parentNode.closest("[id], [data-key]");
  return it.id || it.dataset.key || [around?.id, around?.dataset.key, it.tagName, it.getAttribute("aria-label") || it.textContent].join();
}

/** Changes what is in `parent`: what had the focus has it still, and what was scrolled or opened is so. */
export function keeping(parent, change) {
  const focused = parent.contains(document.activeElement) && document.activeElement;
  const name = focused && nameOf(focused);
  const kept = new Map([...parent.querySelectorAll("[tabindex='0'], details[open]")].map((it) => [nameOf(it), [it.scrollLeft, it.scrollTop]]));
  change();
  for (const it of kept.size ? parent.querySelectorAll("[tabindex='0'], details") : []) {
    const at = kept.get(nameOf(it));
    if (!at) continue;
    it.open = true;
    it.scrollTo(...at);
  }
  if (focused && !focused.isConnected) [...parent.querySelectorAll(focused.tagName)].find((it) => nameOf(it) === name)?.focus({ preventScroll: true });
}

/** Elements by key: one is built anew only when what it shows has changed, and then it flashes once. */
export class Keyed {
  #known = new Map();

  /** The element for `key`; `build` runs only if `shows` (any text) differs from the last time. */
  element(key, shows, build) {
    const known = this.#known.get(key);
    if (known && known.shows === shows) return known.element;
    const element = build();
    if (known) element.classList.add("changed");
    this.#known.set(key, { shows, element });
    return element;
  }

  /** Forgets what is not among `keys`. */
  keep(keys) {
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
  }
}

/** The heading of a view, for screen readers: the bar shows it to all others. */
export const heading = (text) => h("h1.sr", {}, text);

/** Texts with dots between; none turns the direction of another. */
export const apart = (texts) => texts.map((it, at) => [at > 0 && " · ", h("bdi", {}, it)]);

/** A table that scrolls sideways on a narrow screen; the first cell of a row is its head. */
export const table = (title, heads, rows) => h("div.scroll", { tabindex: "0", role: "region", "aria-label": title }, h("table", {},
  h("thead", {}, h("tr", {}, heads.map((it) => h("th", { scope: "col" }, it)))),
  h("tbody", {}, rows.map(([name, ...cells]) => h("tr", {}, h("th", { scope: "row" }, name), cells.map((it) => h("td", {}, it)))))));

const LINK = /https?:\/\/[^\s<>"'`]+/g;

/** Text in which http and https links can be followed; nothing else becomes a link. */
export function linked(text) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const url = match[0].replace(/[.,;:!?)\]}]+$/, "");
    parts.push(text.slice(from, match.index), outside(url, url));
    from = match.index + url.length;
  }
  parts.push(text.slice(from));
  return parts;
}

/** A link to another site, or plain text where the address is neither http nor https. */
export function outside(url, text) {
  return isWeb(url) ? h("a", { href: url, rel: "noopener noreferrer nofollow", target: "_blank" }, text) : text;
}

/** Whether the address is one that a browser opens as a page. */
export function isWeb(url) {
  try {
    return ["http:", "https:"].includes(new URL(url).protocol);
  } catch {
    return false;
  }
}

let toastTimer;

/** Says something for some seconds, to screen readers as well. */
export function toast(text) {
  const element = document.getElementById("toast");
  element.textContent = text;
  element.classList.add("on");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => element.classList.remove("on"), 6000);
}

/** Remembers a setting in this browser; a browser that keeps nothing is no error. */
export function remember(key, value) {
  try {
    localStorage.setItem(`bellwether.${key}`, value);
  } catch { /* private browsing */ }
}

export function remembered(key) {
  try {
    return localStorage.getItem(`bellwether.${key}`);
  } catch {
    return null;
  }
}
