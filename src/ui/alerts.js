// The alerts, grouped as they are notified.
import * as api from "./api.js";
import { h, heading, isWeb, Keyed, linked, outside, show } from "./dom.js";
import { counts, countsBar, filterBar, read } from "./filter.js";
import { state } from "./live.js";
import { equal, format, formatAll, isPattern } from "./matchers.js";
import { exact, hour, moment, now, when } from "./time.js";
import { acknowledge, openSilence } from "./silences.js";
import { language, outcome, t } from "./words.js";

const SHOWN_FIRST = 10;
const SHOWN_MORE = 3;
const ALERTS_OF_GROUP = 6;
const FOLDED_OVER = 500;
const LINES_OF_ANNOTATION = 12;
const SEVERITIES = ["critical", "warning", "info", "quiet"];
const KINDS = ["active", "silenced", "inhibited", "muted"];

const groups = new Keyed();
const wide = new Set();
let filters = { matchers: [], receiver: "", kinds: new Set(KINDS) };
let found = {};
let limit = SHOWN_FIRST;
let parts;

/** The view for a link's query; `navigate` changes the link. */
export function view(query, navigate) {
  filters = { ...read(query), receiver: query.get("receiver") || "", kinds: new Set(KINDS.filter((kind) => query.get(kind) !== "false")) };
  limit = SHOWN_FIRST;
  parts = { navigate, bar: h("div"), to: h("div"), counts: countsBar(), list: h("div.groups"), more: h("div.more"), note: h("p.note", { role: "status" }) };
  parts.observer = new IntersectionObserver((seen) => seen.some((it) => it.isIntersecting) && grow(), { rootMargin: "800px" });
  drawBar();
  return [heading(t("Alerts")), parts.bar, h("div.second", {}, parts.counts, parts.to), parts.note, parts.list, parts.more];
}

function link(change) {
  const next = { ...filters, ...change };
  const query = new URLSearchParams();
  if (next.matchers.length) query.set("filter", formatAll(next.matchers));
  if (next.receiver) query.set("receiver", next.receiver);
  for (const kind of KINDS) if (!next.kinds.has(kind)) query.set(kind, "false");
  const text = query.toString();
  return `#/alerts${text ? `?${text}` : ""}`;
}

const isChosen = () => filters.kinds.size < KINDS.length;

const go = (change) => parts.navigate(link(change));

const addMatcher = (matcher) => {
  const rest = filters.matchers.filter((it) => format(it) !== format(matcher));
  go({ matchers: [...rest, matcher] });
};

function drawBar() {
  const receivers = receiversNow();
  if (filters.receiver && !receivers.includes(filters.receiver)) receivers.push(filters.receiver);
  const receiver = h("select", { "aria-label": t("Receiver"), onchange: (event) => go({ receiver: event.target.value }) },
    h("option", { value: "" }, t("All receivers")),
    receivers.map((name) => h("option", { value: name, selected: name === filters.receiver }, name)));
  show(parts.to, [(receivers.length > 1 || filters.receiver) && receiver]);
  show(parts.bar, [filterBar(filters, known, (matchers) => go({ matchers }), h("button.chip.write", { onclick: () => openSilence(filters.matchers) }, t("Silence")))]);
  parts.receivers = receivers.join("\n");
}

const receiversNow = () => [...new Set(state.groups.map((it) => it.receiver.name))].sort();

function* known() {
  for (const group of state.groups) for (const { labels } of group.alerts) for (const [name, value] of Object.entries(labels)) yield equal(name, value);
}

let counted;
let firing = 0;

export function firingNow() {
  if (counted !== state.groups) {
    counted = state.groups;
    const active = new Set();
    for (const group of counted) for (const it of group.alerts) if (kindOf(it) === "active") active.add(it.fingerprint);
    firing = active.size;
  }
  return firing;
}

/** Which kind of quiet, or "active". */
export function kindOf({ status }) {
  if (status.silencedBy.length) return "silenced";
  if (status.inhibitedBy.length) return "inhibited";
  return (status.mutedBy || []).length ? "muted" : "active";
}

export function draw() {
  if (!parts) return;
  const test = compare();
  const numberOf = Object.fromEntries(KINDS.map((kind) => [kind, new Set()]));
  const shown = [];
  const numbers = new Map();
  for (const group of state.groups) {
    if (filters.receiver && group.receiver.name !== filters.receiver) continue;
    const alerts = [];
    for (const alert of group.alerts) {
      if (!test(alert)) continue;
      const kind = kindOf(alert);
      numberOf[kind].add(alert.fingerprint);
      if (filters.kinds.has(kind)) alerts.push(alert);
    }
    if (!alerts.length) continue;
    // Groups of two routes can have the same receiver and labels.
    const name = keyOf(group);
    const number = (numbers.get(name) || 0) + 1;
    numbers.set(name, number);
    shown.push({ ...group, alerts, severity: severity(alerts), name, key: `${number} ${name}` });
  }
  // What needs a hand comes first; else the agent's order stays.
  shown.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
  show(parts.counts, counts(KINDS.map((kind) => [kind, t(kind), numberOf[kind].size, isChosen() && filters.kinds.has(kind)]), (kind) => {
    // The first that is tapped is shown alone, and all are again when none is left.
    const kinds = new Set(isChosen() ? filters.kinds : []);
    if (!kinds.delete(kind)) kinds.add(kind);
    go({ kinds: new Set(kinds.size ? kinds : KINDS) });
  }));
  if (parts.receivers !== receiversNow().join("\n") && document.activeElement?.id !== "filter") drawBar();
  parts.note.textContent = found.fault || "";
  parts.all = shown;
  drawGroups();
}

/** A test for alerts. What patterns match the agent tells: it reads them as those of silences, and none takes it long. */
function compare() {
  const equals = filters.matchers.filter((it) => !isPattern(it));
  const patterns = filters.matchers.filter(isPattern).map(format);
  const asked = patterns.join();
  if (found.asked !== asked) found = { asked };
  if (asked && found.at !== state.at) {
    found.at = state.at;
    look(patterns, found);
  }
  return ({ fingerprint, labels }) => (!asked || found.all?.has(fingerprint)) && equals.every(({ name, op, value }) => ((labels[name] ?? "") === value) === (op === "="));
}

async function look(patterns, asked) {
  try {
    asked.all = new Set(await api.fingerprints(patterns));
    asked.fault = "";
  } catch (error) {
    asked.fault = error.message;
  }
  if (asked === found) draw();
}

/** Draws some more groups; a few at a time, so that no task is long. */
function grow() {
  if (limit >= parts.all.length) return;
  const from = limit;
  limit += SHOWN_MORE;
  parts.list.append(...parts.all.slice(from, limit).map(elementOf));
  drawMore();
}

function drawGroups() {
  const shown = parts.all.slice(0, limit);
  const elements = shown.map(elementOf);
  groups.keep(new Set(shown.map((it) => cardOf(it.key))));
  if (!elements.length && state.isRead && (found.all || !found.asked)) elements.push(h("p.empty", {}, filters.matchers.length ? t("No alert matches.") : t("No alerts. All is quiet.")));
  show(parts.list, elements);
  drawMore();
}

function drawMore() {
  parts.more.textContent = parts.all.length > limit ? `${t("More")}: ${parts.all.length - limit}` : "";
  // What stays in sight is told of again only if it is observed anew.
  parts.observer.disconnect();
  parts.observer.observe(parts.more);
}

/** By which the card of a group is known: what it says of times is of this hour. */
const cardOf = (key) => `${language()} ${hour()} ${key}`;

/** The card of a group, built anew only when what it shows has changed. */
function elementOf(group) {
  const { key } = group;
  const told = toldOf(group.name);
  const shows = JSON.stringify([group.alerts.map((it) => [it.fingerprint, it.status, it.annotations, it.startsAt]), wide.has(key), told.length, told[0]?.at]);
  return groups.element(cardOf(key), shows, () => card(group, key, told));
}

const nameOf = (receiver, labels) => JSON.stringify([receiver, Object.entries(labels).sort()]);
const keyOf = (group) => nameOf(group.receiver.name, group.labels);

let byGroup = new Map();
let indexed;

/** What the history tells of a group, newest first. */
function toldOf(key) {
  if (indexed !== state.history) {
    indexed = state.history;
    byGroup = new Map();
    for (const it of indexed) {
      const name = nameOf(it.receiver, it.groupLabels);
      if (byGroup.has(name)) byGroup.get(name).push(it);
      else byGroup.set(name, [it]);
    }
  }
  return byGroup.get(key) || [];
}

function card(group, key, told) {
  const first = group.alerts[0];
  const shared = Object.entries(first.labels).filter(([name, value]) => !(name in group.labels) && group.alerts.length > 1 && group.alerts.every((it) => it.labels[name] === value));
  const known = new Set([...Object.keys(group.labels), ...shared.map(([name]) => name)]);
  const isWide = wide.has(key);
  const alerts = isWide ? group.alerts : group.alerts.slice(0, ALERTS_OF_GROUP);
  const rest = group.alerts.length - alerts.length;
  const title = Object.entries(group.labels);
  // With no label in common nothing but all alerts would match all of them.
  const common = (title.length ? title : shared).map(([name, value]) => equal(name, value));
  return h(`section.group.${group.severity}`, { "data-key": key, "aria-label": title.map(([, value]) => value).join(" ") || t("Ungrouped") },
    h("header", {},
      h("div.chips", {}, title.length ? title.map(([name, value]) => label(name, value)) : h("span.chip", {}, t("Ungrouped"))),
      h("div.side", {},
        h("div.meta", {}, strip(told), h("span.to", { title: t("Receiver") }, "→ ", group.receiver.name)),
        // A group of one alert has these buttons beside the alert.
        group.alerts.length > 1 && common.length > 0 && h("div.buttons", {},
          h("button.write", { onclick: () => acknowledge(common) }, t("Acknowledge all")),
          h("button.write", { onclick: () => acknowledge(common, true) }, t("Acknowledge"), " (severity)"),
          h("button.write", { onclick: () => openSilence(common) }, t("Silence all"))))),
    h("ul.alerts", {}, alerts.map((alert) => row(alert, known))),
    rest > 0 && h("button.wide", { onclick: () => { wide.add(key); drawGroups(); } }, `${t("More")}: ${rest}`),
    shared.length ? h("footer", {}, h("div.chips", {}, shared.map(([name, value]) => label(name, value)))) : null);
}

function severity(alerts) {
  const active = alerts.filter((it) => kindOf(it) === "active");
  if (!active.length) return "quiet";
  const values = new Set(active.map((it) => (it.labels.severity || "").toLowerCase()));
  if (["critical", "page", "error", "emergency", "fatal"].some((it) => values.has(it))) return "critical";
  if (["info", "information", "none", "notice"].some((it) => values.has(it))) return "info";
  return "warning";
}

const label = (name, value) => h("button.chip", { title: t("Filter by label"), onclick: () => addMatcher(equal(name, value)) }, h("span.name", {}, name, "="), value);

function row(alert, known) {
  const kind = kindOf(alert);
  const own = Object.entries(alert.labels).filter(([name]) => !known.has(name));
  const { summary, ...others } = alert.annotations;
  return h(`li.alert.${kind}`, { id: `alert-${alert.fingerprint}`, tabindex: "-1" },
    h("div.what", {},
      summary ? h("p.summary", { dir: "auto" }, linked(summary)) : null,
      h("div.chips", {}, own.map(([name, value]) => label(name, value))),
      Object.entries(others).map(annotation)),
    h("div.side", {},
      h("div.meta", {}, h("span", {}, moment(alert.startsAt)), why(alert, kind), isWeb(alert.generatorURL) ? outside(alert.generatorURL, t("Source")) : null),
      h("div.buttons", {},
        h("button.write", { onclick: () => acknowledge(exactly(alert)) }, t("Acknowledge")),
        h("button.write", { onclick: () => openSilence(exactly(alert)) }, t("Silence")))));
}

/** An annotation; a long one is folded, and can be opened. */
function annotation([name, value]) {
  const whole = h("p.annotation", { dir: "auto" }, h("span.name", {}, name, ": "), linked(value));
  return value.length > FOLDED_OVER || value.split("\n").length > LINES_OF_ANNOTATION ? h("details", {}, h("summary", {}, `${name}: ${value.slice(0, 200)}…`), whole) : whole;
}

const exactly = (alert) => Object.entries(alert.labels).map(([name, value]) => equal(name, value));

/** Why an alert is quiet, each reason a link to what quiets it. */
function why({ status }, kind) {
  if (kind === "active") return h("span.state.active", {}, t(status.state === "unprocessed" ? "unprocessed" : "active"));
  const reasons = [
    ...status.silencedBy.map((id) => h("a", { href: `#/silences/${id}` }, t("silenced"))),
    ...status.inhibitedBy.map((it) => h("button.link", { onclick: () => find(it) }, t("inhibited"))),
    ...(status.mutedBy || []).map((name) => h("a", { href: `#/status?${new URLSearchParams({ interval: name })}` }, `${t("muted")}: ${name}`)),
  ];
  return h(`span.state.${kind}`, {}, reasons);
}

/** Goes to the alert of a fingerprint, whatever the filter. */
function find(fingerprint) {
  const alert = state.groups.flatMap((it) => it.alerts).find((it) => it.fingerprint === fingerprint);
  if (!alert) return;
  parts.navigate(link({ matchers: exactly(alert), receiver: "", kinds: new Set(KINDS) }));
  setTimeout(() => document.getElementById(`alert-${fingerprint}`)?.focus(), 50);
}

/** Twenty-four blocks, an hour each: whether the group was notified, or could not be. */
function strip(told) {
  const hours = Array.from({ length: 24 }, () => ({ sent: 0, failed: 0, held: 0 }));
  for (const it of told) {
    const hour = 23 - Math.floor((now() - Date.parse(it.at)) / 3600e3);
    if (hours[hour]) hours[hour][OUTCOMES[it.outcome] || "held"] += 1;
  }
  const blocks = hours.map(({ sent, failed, held }) => h(`i.${failed ? "failed" : sent ? "sent" : held ? "held" : "none"}`));
  const last = told[0];
  const text = last ? `${t("Last notification")}: ${outcome(last)}, ${when(last.at)}` : t("No recent notification");
  return h("div.strip", { role: "img", "aria-label": text, title: last ? `${text} (${exact(last.at)})` : text }, blocks);
}

const OUTCOMES = { sent: "sent", told: "sent", failed: "failed", refused: "failed", expired: "failed", surrendered: "failed" };
