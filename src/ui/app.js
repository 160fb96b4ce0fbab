// The page: which view a link names, the bar above it, and when it is drawn.
import * as alerts from "./alerts.js";
import * as notifications from "./notifications.js";
import * as node from "./node.js";
import * as silences from "./silences.js";
import { h, keeping, remember, remembered, show } from "./dom.js";
import { hasHeld, hold, start, state } from "./live.js";
import { parse } from "./matchers.js";
import { ago, exact, hour, tick, when } from "./time.js";
import { languages, language, speak, t } from "./words.js";

const VIEWS = { alerts, silences, notifications, status: node };
const NAMES = { alerts: "Alerts", silences: "Silences", notifications: "Notifications", status: "Node" };
const TOUCHED_MS = 4e3;

const main = document.getElementById("main");
const links = Object.fromEntries(Object.keys(NAMES).map((key) => [key, h("a", { href: `#/${key}` })]));
document.getElementById("nav").append(...Object.values(links));
let current = null;
let touchedAt = 0;
let drawnIn = hour();

/** The name of a view, whatever a link says. */
const nameOf = (name) => (Object.hasOwn(VIEWS, name) ? name : "alerts");

/** Shows what the link names: Alertmanager's links, and ours. */
const route = () => keeping(main, () => {
  const [path, text] = location.hash.replace(/^#\/?/, "").replaceAll("&quot;", "%22").split(/\?(.*)/s);
  const query = new URLSearchParams(text || "");
  const [name, id, verb] = path.split("/");
  const known = nameOf(name);
  const view = VIEWS[known];
  current?.leave?.();
  current = view;
  document.querySelectorAll("dialog").forEach((it) => it.close());
  if (name === "silences" && id === "new") {
    show(main, view.view(new URLSearchParams(), navigate));
    let matchers = [];
    try {
      matchers = query.getAll("filter").flatMap(parse);
    } catch { /* the dialog opens without */ }
    silences.openSilence(matchers);
  } else {
    show(main, view.view(query, navigate, name === "silences" ? id : undefined, verb === "edit"));
  }
  drawNav(known);
  view.draw();
  document.title = `${t(NAMES[known])} · Bellwether`;
});

function navigate(hash) {
  if (location.hash === hash) route();
  else location.hash = hash;
}

function drawNav(name) {
  const firing = alerts.firingNow();
  for (const [key, text] of Object.entries(NAMES)) {
    const count = key === "alerts" ? firing : key === "status" ? node.troubles().length : 0;
    links[key].replaceChildren(t(text), count ? h("b.badge", {}, count) : "");
    links[key].setAttribute("aria-current", key === name ? "page" : "false");
  }
  drawIcon(firing);
}

function drawIcon(firing) {
  const fill = firing ? "%23d1242f" : "%231a7f37";
  const text = firing ? `<text x='16' y='22' font-size='${firing > 99 ? 13 : 17}' font-family='sans-serif' text-anchor='middle' fill='white'>${firing > 999 ? "1k" : firing}</text>` : "";
  document.getElementById("icon").href = `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><circle cx='16' cy='16' r='16' fill='${fill}'/>${text}</svg>`;
}

function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
  document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
  remember("theme", document.documentElement.dataset.theme);
}

function drawBanner() {
  const banner = document.getElementById("banner");
  let text = "";
  if (state.fault) {
    text = `${t("The agent is out of reach.")} ${state.at ? `${t("As of")} ${when(state.at)} (${ago(state.at)})` : ""}`;
    // An agent, or a proxy before it, that answers says why it does not tell.
    if (state.fault.status) text += ` ${state.fault.message}`;
  } else if (hasHeld()) text = t("Something changed.");
  const shows = text + hasHeld();
  if (banner.dataset.shows === shows) return;
  banner.dataset.shows = shows;
  banner.className = state.fault ? "bad" : "new";
  banner.hidden = !text;
  show(banner, [text && h("span", {}, text), hasHeld() && !state.fault && h("button", { onclick: () => hold(false) }, t("Show"))]);
}

/** While somebody types, marks text, reads a dialog or scrolls, what is on the page stays. */
function isBusy() {
  const focused = document.activeElement;
  const types = focused && ["INPUT", "TEXTAREA"].includes(focused.tagName) && focused.type !== "checkbox" && focused.value;
  return Boolean(types || document.querySelector("dialog[open], details[open]") || String(getSelection()) || Date.now() - touchedAt < TOUCHED_MS);
}

function drawAll() {
  document.documentElement.lang = language();
  show(document.getElementById("tools"), [
    h("button.icon", { "aria-label": t("Dark or light"), title: t("Dark or light"), onclick: theme }, "◐"),
    h("select.icon", { "data-key": "language", "aria-label": t("Language"), onchange: (event) => { speak(event.target.value); drawAll(); } }, Object.entries(languages).map(([key, text]) => h("option", { value: key, selected: key === language() }, text))),
  ]);
  document.getElementById("skip").textContent = t("Skip to content");
  document.getElementById("read-only").textContent = t("Read-only");
  route();
  drawBanner();
}

/** Shows the node's name, and whether it can be changed. */
function nameNode() {
  if (!state.status) return;
  const { cluster, bellwether } = state.status;
  if (cluster.name) document.getElementById("node").textContent = cluster.name;
  document.documentElement.dataset.access = bellwether.readOnly ? "read" : "write";
}

function changed() {
  const name = location.hash.replace(/^#\/?/, "").split(/[/?]/)[0];
  nameNode();
  drawNav(nameOf(name));
  current?.draw();
  drawBanner();
  drawnIn = hour();
}

const saved = remembered("theme");
if (saved) document.documentElement.dataset.theme = saved;
for (const event of ["scroll", "touchstart", "wheel"]) addEventListener(event, () => { touchedAt = Date.now(); }, { passive: true });
addEventListener("hashchange", route);
document.getElementById("skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
setInterval(() => {
  hold(isBusy());
  drawBanner();
}, 500);
setInterval(() => {
  tick();
  if (drawnIn !== hour() && !isBusy()) changed();
}, 10e3);
drawAll();
start(changed);
// To make the formatters of times takes long: it is done while the agent answers.
setTimeout(() => [when, exact, ago].forEach((it) => it(Date.now())));
