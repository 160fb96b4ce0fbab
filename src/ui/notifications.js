// What became of notifications on this node, newest first.
import { h, show } from "./dom.js";
import { state } from "./live.js";
import { equal, formatAll } from "./matchers.js";
import { exact, lasting, since, when } from "./time.js";
import { t } from "./words.js";

const BAD = new Set(["failed", "refused", "expired", "surrendered"]);
const SHOWN_MAX = 200;

let parts;
let filter = "all";

export function view() {
  parts = { counts: h("div.counts", { role: "group", "aria-label": t("Show") }), waiting: h("div"), list: h("ol.told") };
  return [h("h1.sr", {}, t("Notifications")), parts.counts, parts.waiting, parts.list];
}

export function draw() {
  if (!parts) return;
  const kinds = { all: () => true, sent: (it) => it.outcome === "sent", failed: (it) => BAD.has(it.outcome) };
  show(parts.counts, Object.entries(kinds).map(([name, is]) => h(`button.count.${name}`, {
    type: "button", "aria-pressed": String(filter === name), onclick: () => { filter = name; draw(); },
  }, h("b", {}, state.history.filter(is).length), " ", t(name))));
  const open = failing();
  show(parts.waiting, open.length ? [h("section.group.critical", {}, h("h2", {}, t("Failing now")), h("ul.told", {}, open.map(entry)))] : []);
  const rows = state.history.filter(kinds[filter]).slice(0, SHOWN_MAX).map(entry);
  show(parts.list, rows.length || !state.isRead ? rows : [h("li.empty", {}, t("No notifications yet."))]);
}

/** For each integration whose last word was a failure: that. */
function failing() {
  const last = new Map();
  for (const it of state.history) {
    const key = `${it.receiver}/${it.integration}`;
    if (!last.has(key)) last.set(key, it);
  }
  return [...last.values()].filter((it) => BAD.has(it.outcome));
}

function entry(it) {
  const labels = Object.entries(it.groupLabels).map(([name, value]) => equal(name, value));
  return h(`li.entry.${BAD.has(it.outcome) ? "failed" : it.outcome === "sent" ? "sent" : "held"}`, {},
    h("span.when", { title: exact(it.at) }, when(it.at), " (", since(h, it.at), ")"),
    h("span.state", {}, t(it.outcome)),
    h("span.to", {}, `→ ${it.receiver} (${it.integration})`),
    h("a", { href: `#/alerts?${new URLSearchParams(labels.length ? { filter: formatAll(labels) } : {})}` }, labels.length ? formatAll(labels) : t("Ungrouped")),
    it.reason ? h("span.note", {}, it.reason) : null,
    it.node ? h("span.note", {}, `${t("Node")}: ${it.node}`) : null,
    it.attempts > 1 ? h("span.note", {}, `${it.attempts} ${t("attempts")}`) : null,
    it.afterMs > 1000 ? h("span.note", {}, `+${lasting(it.afterMs)}`) : null,
    it.why ? h("p.annotation", { dir: "auto" }, it.why) : null);
}
