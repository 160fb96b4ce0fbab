// The notifications of this node, newest first, and those that wait or fail.
import { apart, h, heading, linked, show } from "./dom.js";
import { counts, countsBar, more } from "./filter.js";
import { lookAtPending, state } from "./live.js";
import { equal, formatAll } from "./matchers.js";
import { lasting, moment, now, when } from "./time.js";
import { outcome, t } from "./words.js";

const BAD = new Set(["failed", "refused", "expired", "surrendered", "misrendered"]);
const QUIET = new Set(["muted", "waiting"]);
const KINDS = {
  all: () => true,
  sent: (it) => it.outcome === "sent",
  failed: (it) => BAD.has(it.outcome),
  quiet: (it) => QUIET.has(it.outcome),
};

const PENDING_MS = 10e3;
const SHOWN_FIRST = 50;

let parts;
let timer;
let waits;
let filter = "all";
let limit;

export function view(query) {
  filter = Object.hasOwn(KINDS, query.get("show")) ? query.get("show") : "all";
  parts = { counts: countsBar(), now: h("div"), list: h("ol.told"), more: h("div.more") };
  limit = SHOWN_FIRST;
  // What waits, and how often it was tried, is no change that the agent tells.
  timer = setInterval(() => waits && lookAtPending(), PENDING_MS);
  return [heading(t("Notifications")), parts.counts, parts.now, h("section.group.plain", {}, parts.list, parts.more)];
}

export function leave() {
  clearInterval(timer);
  parts = null;
}

export function draw() {
  if (!parts) return;
  show(parts.counts, counts(Object.entries(KINDS).map(([name, is]) => [name, t(name), state.history.filter(is).length, filter === name]), (name) => { location.hash = `#/notifications?show=${name}`; }));
  const waiting = [...state.pending.map(underWay), ...awaited().map(entry)];
  const now = [...failing().map(entry), ...waiting];
  waits = waiting.length;
  show(parts.now, [now.length && h(`section.group.${now.some((it) => it.classList.contains("failed")) ? "critical" : "info"}`, {}, h("h2", {}, t("Waiting and failing now")), h("ul.told", {}, now))]);
  const found = state.history.filter(KINDS[filter]);
  const rows = found.slice(0, limit).map(entry);
  const rest = found.length - rows.length;
  show(parts.more, [more(rest, () => { limit += SHOWN_FIRST; draw(); })]);
  show(parts.list, rows.length || !state.isRead ? rows : [h("li.empty", {}, t("No notifications yet."))]);
}

const integrationOf = (it) => `${it.receiver}/${it.integration}`;
const groupOf = (it) => `${it.receiver} ${it.groupKey}`;

/** The last failure of each integration of which nothing is under way. */
function failing() {
  const last = new Map();
  for (const it of state.history) if (it.integration && !last.has(integrationOf(it))) last.set(integrationOf(it), it);
  const open = new Set(state.pending.map(integrationOf));
  return [...last].filter(([key, it]) => BAD.has(it.outcome) && !open.has(key)).map(([, it]) => it);
}

/** Groups of which the last word is that they wait for their time, while that lasts. */
function awaited() {
  const last = new Map();
  for (const it of state.history) if (!last.has(groupOf(it))) last.set(groupOf(it), it);
  return [...last.values()].filter((it) => it.outcome === "waiting" && Date.parse(it.at) + it.leftMs > now());
}

const whyOf = (it) => state.history.find((past) => integrationOf(past) === integrationOf(it) && past.why)?.why;

function group(it) {
  const labels = Object.entries(it.groupLabels).map(([name, value]) => equal(name, value));
  const query = labels.length ? `?${new URLSearchParams({ filter: formatAll(labels) })}` : "";
  return h("a.subject", { href: `#/alerts${query}` }, labels.length ? apart(labels.map((it) => it.value)) : t("Ungrouped"));
}

const to = (it) => h("span.to", {}, "→ ", h("bdi", {}, it.receiver), it.integration && ` (${it.integration})`);
const notes = (...texts) => h("p.note", {}, apart(texts.filter(Boolean)));
const attempts = (count) => (count > 1 ? `${count} ${t("attempts")}` : null);

function underWay(it) {
  const why = it.attempts && it.waits === "to try again" ? whyOf(it) : null;
  return h(`li.entry.${why ? "failed" : "held"}`, {},
    h("span.state", {}, t("waits")), group(it), to(it),
    notes(t(it.waits), it.node, attempts(it.attempts), [`${t("since")} `, moment(it.since)]),
    why ? h("p.annotation", { dir: "auto" }, why) : null);
}

function entry(it) {
  const kind = BAD.has(it.outcome) ? "failed" : it.outcome === "sent" ? "sent" : "held";
  const counts = it.firing || it.resolved ? [it.firing && `${it.firing} ${t("firing")}`, it.resolved && `${it.resolved} ${t("resolved")}`] : [];
  const muted = it.outcome === "muted" ? [it.silenced && `${it.silenced} ${t("silenced")}`, it.inhibited && `${it.inhibited} ${t("inhibited")}`, it.intervals.length && `${t("muted")}: ${it.intervals.join(", ")}`] : [];
  return h(`li.entry.${kind}`, { "data-key": it.id },
    h("span.state", {}, outcome(it)), group(it), to(it),
    h("span.when", {}, moment(it.at)),
    notes(...counts, ...muted, it.to && `→ ${it.to}`, it.reason && t(it.reason), it.node && `${t("Node")}: ${it.node}`, attempts(it.attempts),
      it.afterMs > 1000 && `+${lasting(it.afterMs)}`, it.leftMs && `${t("until")} ${when(Date.parse(it.at) + it.leftMs)}`),
    it.why ? h("p.annotation.fault", { dir: "auto" }, it.why) : null,
    it.content ? h("details", {}, h("summary", {}, t("Message and answer")),
      h("p.annotation", { dir: "auto" }, linked(it.content.trim())),
      it.answer ? h("p.note", {}, `${t("Answer")}: ${it.answer}`) : null) : null);
}
