// The silences: by state, the dialog that sets one, and acknowledging in one tap.
import * as api from "./api.js";
import { h, heading, Keyed, linked, remember, remembered, show, toast } from "./dom.js";
import { counts, countsBar, filterBar, more, read, removable } from "./filter.js";
import { refresh, state } from "./live.js";
import { equal, format, formatAll, fromApi, parse, toApi } from "./matchers.js";
import { duration, hour, lasting, local, moment, now, tomorrow, when } from "./time.js";
import { t } from "./words.js";

const STATES = ["active", "pending", "expired"];
const SHOWN_FIRST = 50;
const HOUR = 3600e3;
const CHIPS = ["1h", "4h", "8h", "1d", "7d"];
const SHOWN_MAX = 50;
const TAP_MS = 1e3;

const rows = new Keyed();
const picked = new Set();
let parts;
let shownState = "active";
let filters = { matchers: [] };
let only = null;
let limit;
let toEdit = null;

/** The view for a link's query; `id` shows one silence alone, and `edits` opens it to be changed. */
export function view(query, navigate, id, edits) {
  only = id || null;
  toEdit = edits ? only : null;
  shownState = STATES.includes(query.get("state")) ? query.get("state") : "active";
  filters = read(query);
  limit = SHOWN_FIRST;
  picked.clear();
  rows.keep(new Set());
  const bar = only ? null : filterBar(filters, () => state.silences.flatMap((it) => it.matchers.map(fromApi)), (matchers) => navigate(link(shownState, matchers)));
  parts = { navigate, tabs: countsBar(), actions: h("div.actions"), list: h("ul.silences"), more: h("div.more") };
  return [heading(t("Silences")), bar, h("div.second", {}, parts.tabs, parts.actions), parts.list, parts.more];
}

function link(name, matchers) {
  const query = new URLSearchParams({ state: name });
  if (matchers.length) query.set("filter", formatAll(matchers));
  return `#/silences?${query}`;
}

/** Whether a silence has all matchers that are asked for; as in the API it has them if they are written alike. */
function isFound(silence) {
  const has = silence.matchers.map((it) => format(fromApi(it)));
  return filters.matchers.every((it) => has.includes(format(it)));
}

export function draw() {
  if (!parts) return;
  const by = Object.fromEntries(STATES.map((name) => [name, []]));
  for (const it of state.silences) if (!filters.matchers.length || isFound(it)) by[it.status.state].push(it);
  show(parts.tabs, counts(STATES.map((name) => [name, t(name), by[name].length, !only && shownState === name]), (name) => parts.navigate(link(name, filters.matchers))));
  const shown = only ? state.silences.filter((it) => it.id === only) : sorted(by[shownState]);
  for (const id of picked) if (!shown.some((it) => it.id === id && it.status.state !== "expired")) picked.delete(id);
  drawActions();
  const edited = toEdit && shown.find((it) => it.id === toEdit);
  if (edited) {
    toEdit = null;
    openSilence([], { silence: edited, again: edited.status.state === "expired" });
  }
  const mutes = muted();
  const keyOf = (it) => hour() + it.id;
  const first = shown.slice(0, limit).map((it) => {
    const number = mutes.get(it.id)?.size || 0;
    return rows.element(keyOf(it), JSON.stringify([it, number]), () => row(it, number));
  });
  rows.keep(new Set(shown.map(keyOf)));
  const rest = shown.length - first.length;
  show(parts.more, [more(rest, () => { limit += SHOWN_FIRST; draw(); })]);
  show(parts.list, first.length || !state.isRead ? first : [h("li.empty", {}, t("No silences."))]);
}

/** The alerts that each silence mutes, as the agent tells it of each alert. */
function muted() {
  const by = new Map();
  for (const group of state.groups) {
    for (const { status, fingerprint } of group.alerts) {
      for (const id of status.silencedBy) by.set(id, (by.get(id) || new Set()).add(fingerprint));
    }
  }
  return by;
}

const sorted = (silences) => [...silences].sort((a, b) => (shownState === "expired" ? b.endsAt.localeCompare(a.endsAt) : a.endsAt.localeCompare(b.endsAt)));

function drawActions() {
  show(parts.actions, [
    picked.size && h("button.danger.write", { onclick: () => expire([...picked]) }, `${t("Expire")} (${picked.size})`),
    h("button.primary.write", { onclick: () => openSilence([]) }, t("New silence")),
  ]);
}

function row(silence, mutes) {
  const matchers = silence.matchers.map(fromApi);
  const isOver = silence.status.state === "expired";
  const name = formatAll(matchers);
  const declared = silence.annotations?.declared;
  const untilResolved = silence.annotations?.ends?.startsWith("when resolved");
  return h(`li.silence.${silence.status.state}`, { id: `silence-${silence.id}` },
    isOver || declared ? null : h("input.write", {
      type: "checkbox", "aria-label": `${t("Select")} ${name}`, checked: picked.has(silence.id),
      onchange: (event) => { event.target.checked ? picked.add(silence.id) : picked.delete(silence.id); drawActions(); },
    }),
    h("div.what", {},
      h("div.chips", {}, matchers.map((it) => h("span.chip", {}, format(it)))),
      h("p.summary", { dir: "auto" }, linked(silence.comment)),
      h("p.annotation", { dir: "auto" }, h("bdi", {}, silence.createdBy), " · ", silence.status.state === "pending" ? `${t("Starts")} ${when(silence.startsAt)} ` : "",
        untilResolved && !isOver ? t("until it resolves") : [`${t(isOver ? "expired" : "until")} `, moment(silence.endsAt)])),
    h("div.side", {},
      isOver ? null : h("div.meta", {}, h("a", { href: `#/alerts?${new URLSearchParams({ filter: name })}` }, `${t("mutes")} ${mutes}`)),
      declared ? h("p.soft", {}, `${t("declared in the config as")} ${declared}`) : h("div.buttons", {},
        isOver ? null : h("button.write", { "aria-label": `${t("Extend")}: ${lasting(HOUR)}`, onclick: () => extend(silence, HOUR) }, `+ ${lasting(HOUR)}`),
        isOver ? null : h("button.write", { onclick: () => openSilence([], { silence }) }, t("Edit")),
      isOver ? h("button.write", { onclick: () => openSilence([], { silence, again: true }) }, t("Set again"))
        : h("button.danger.write", { onclick: () => expire([silence.id]) }, t("Expire")))));
}

const silencedUntil = (time) => `${t("silenced")} ${t("until")} ${when(time)}`;
const author = () => remembered("author") || "";

const underWay = new Set();

/** Writes to the silences, and says how it went. A second tap does not write the same (`what`) again. */
async function write(what, ask, text) {
  if (underWay.has(what)) return;
  underWay.add(what);
  try {
    await ask();
    toast(text);
  } catch (error) {
    toast(error.message);
  }
  await refresh("alerts", "silences");
  setTimeout(() => underWay.delete(what), TAP_MS);
}

/** Silences these matchers until all resolves; `same`: only the severities of now. */
export function acknowledge(matchers, same) {
  const createdBy = author() || askAuthor();
  if (createdBy) write(formatAll(matchers) + same, () => api.acknowledge({ matchers: matchers.map(toApi), createdBy, comment: t("Acknowledged") }, same), `${t("Acknowledged")}: ${t("until it resolves")}`);
}

function askAuthor() {
  const name = (prompt(t("Your name")) || "").trim();
  if (name) remember("author", name);
  return name;
}

const expire = (ids) => write(ids.join(), () => Promise.all(ids.map(api.expireSilence)), t("expired"));

function extend(silence, ms) {
  const endsAt = new Date(Date.parse(silence.endsAt) + ms);
  const { id, matchers, startsAt, createdBy, comment, annotations } = silence;
  write(id + endsAt, () => api.setSilence({ id, matchers, startsAt, createdBy, comment, annotations, endsAt: endsAt.toISOString() }), silencedUntil(endsAt));
}

/** Opens the dialog: for new matchers, or for a silence to edit (`again` makes a new one of it). */
export function openSilence(matchers, { silence, again } = {}) {
  const chosen = silence ? silence.matchers.map(fromApi) : [...matchers];
  const dialog = h("dialog", { "aria-labelledby": "silence-title", onclose: () => closed(dialog) });
  const draft = new Draft(dialog, chosen, again ? { ...silence, id: undefined } : silence);
  document.body.append(dialog);
  draft.draw();
  dialog.showModal();
  draft.preview();
}

/** A link that opens a dialog does so once. */
function closed(dialog) {
  dialog.remove();
  const [link] = location.hash.split(/\/(?:new|edit)\b/);
  if (link.startsWith("#/silences") && link !== location.hash) parts.navigate(link);
}

class Draft {
  constructor(dialog, matchers, silence) {
    const isOver = silence && !silence.id;
    this.dialog = dialog;
    this.matchers = matchers;
    this.id = silence?.id;
    this.annotations = this.id && silence.annotations;
    this.startsAt = silence && !isOver ? silence.startsAt : null;
    this.start = h("input", { type: "datetime-local", id: "silence-start", value: local(this.startsAt || now()), onchange: () => this.choose(this.chosen) });
    this.known = this.start.value;
    this.chips = h("div.chips");
    this.end = h("input", { type: "datetime-local", id: "silence-end", required: true, onchange: () => this.choose(null) });
    this.length = h("input", { id: "silence-length", size: 8, placeholder: "2h30m", autocomplete: "off", oninput: () => this.choose(this.length.value) });
    this.author = h("input", { id: "silence-author", required: true, autocomplete: "name", value: silence?.createdBy || author() });
    this.comment = h("textarea", { id: "silence-comment", required: true, rows: 2, onfocus: () => this.comment.value === t("Silenced") && this.comment.select() });
    this.comment.value = silence?.comment || t("Silenced");
    this.add = h("input", { "aria-label": t("Add a matcher"), placeholder: 'instance="gw1"', autocapitalize: "none", spellcheck: "false", onkeydown: (event) => event.key === "Enter" && (event.preventDefault(), this.addTyped()) });
    this.fault = h("p.fault", { role: "alert" });
    this.found = h("div.found", { "aria-live": "polite" });
    this.labels = h("div.chips");
    if (silence && !isOver) this.end.value = local(silence.endsAt);
    else this.choose("4h");
  }

  /** A duration ("4h"), "tomorrow", or nothing where the end was typed. */
  choose(text) {
    this.chosen = text;
    if (text === "tomorrow") this.end.value = local(tomorrow());
    else if (text && duration(text)) this.end.value = local(Math.max(now(), this.from()) + duration(text));
    this.drawChips();
  }

  /** When it begins: the field shows no seconds. */
  from() {
    const { value } = this.start;
    return new Date((value !== this.known && value) || this.startsAt || now());
  }

  drawChips() {
    const chip = (text, shown) => h(`button.chip${this.chosen === text ? ".on" : ""}`, { "aria-pressed": String(this.chosen === text), onclick: () => this.choose(text) }, shown);
    show(this.chips, [...CHIPS.map((text) => chip(text, lasting(duration(text)))), chip("tomorrow", t("until tomorrow 8:00"))]);
  }

  drawLabels() {
    show(this.labels, this.matchers.map((matcher, at) => removable(matcher, () => { this.matchers.splice(at, 1); this.drawLabels(); this.preview(); })));
  }

  draw() {
    const field = (input, name, ...rest) => h("div.field", {}, h("label", { for: input.id }, name), input, rest);
    this.drawLabels();
    this.drawChips();
    show(this.dialog, [h("form", { method: "dialog", onsubmit: (event) => { event.preventDefault(); this.send(); } },
      h("h2", { id: "silence-title", tabindex: "-1", autofocus: true }, t(this.id ? "Edit" : "New silence")),
      h("fieldset", {}, h("legend", {}, t("Matchers")), this.labels,
        h("div.find", {}, this.add, h("button", { onclick: () => this.addTyped() }, t("Add")))),
      this.found,
      h("fieldset", {}, h("legend", {}, t("For how long")), this.chips,
        h("div.row", {}, field(this.start, t("Starts")), field(this.end, t("Until")), field(this.length, t("Duration")))),
      field(this.author, t("Your name")), field(this.comment, t("Comment")), this.fault,
      h("div.actions", {}, h("button", { onclick: () => this.dialog.close() }, t("Cancel")), h("button.primary.write", { type: "submit" }, this.id ? t("Save") : t("Silence"))))]);
  }

  /** Adds the matchers that were typed; answers whether they are some. */
  addTyped() {
    try {
      this.matchers.push(...parse(this.add.value));
      this.add.value = "";
      this.fault.textContent = "";
      this.drawLabels();
      this.preview();
      return true;
    } catch (error) {
      this.fault.textContent = error.message;
      return false;
    }
  }

  /** Counts and lists what it would mute now, as the agent sees it. */
  async preview() {
    const asked = formatAll(this.matchers);
    this.asked = asked;
    if (!this.matchers.length) {
      show(this.found, [h("p", {}, t("Add a matcher"))]);
      return;
    }
    let nodes;
    try {
      const alerts = await api.alertsOf(this.matchers.map(format));
      nodes = [h("details", {}, h("summary", {}, `${t("Mutes now")}: ${alerts.length}`),
        h("ul", {}, alerts.slice(0, SHOWN_MAX).map((it) => h("li", {}, formatAll(Object.entries(it.labels).map(([name, value]) => equal(name, value)))))),
        alerts.length > SHOWN_MAX ? `… ${alerts.length - SHOWN_MAX}` : null)];
    } catch (error) {
      nodes = [h("p.fault", {}, error.message)];
    }
    if (this.asked === asked) show(this.found, nodes);
  }

  async send() {
    const endsAt = new Date(this.end.value);
    if (this.isSent || (this.add.value && !this.addTyped())) return;
    if (!this.matchers.length) {
      this.fault.textContent = t("Add a matcher");
    } else if (!(endsAt > now())) {
      this.fault.textContent = t("It must end later than now.");
    } else {
      remember("author", this.author.value.trim());
      this.isSent = true;
      try {
        await api.setSilence({
          id: this.id, annotations: this.annotations, matchers: this.matchers.map(toApi), createdBy: this.author.value.trim(), comment: this.comment.value.trim(),
          startsAt: this.from().toISOString(), endsAt: endsAt.toISOString(),
        });
        toast(silencedUntil(endsAt));
        this.dialog.close();
        refresh("alerts", "silences");
      } catch (error) {
        this.isSent = false;
        this.fault.textContent = error.message;
      }
    }
  }
}
