// The silences, by state.
import { counts, h, linked, show } from "./dom.js";
import { state } from "./live.js";
import { format, formatAll, fromApi, compile } from "./matchers.js";
import { expire, extend, openSilence } from "./quiet.js";
import { exact, lasting, since, when } from "./time.js";
import { t } from "./words.js";

const STATES = ["active", "pending", "expired"];
const EXPIRED_SHOWN = 50;
const HOUR = 3600e3;

const picked = new Set();
let parts;
let shownState = "active";
let only = null;
let toEdit = null;

/** The view; `id` shows one silence alone, and `edits` opens it to be changed. */
export function view(query, navigate, id, edits) {
  only = id || null;
  toEdit = edits ? only : null;
  shownState = STATES.includes(query.get("state")) ? query.get("state") : "active";
  picked.clear();
  parts = { navigate, tabs: h("div.counts", { role: "group", "aria-label": t("Show") }), actions: h("div.actions"), list: h("ul.silences") };
  return [h("h1.sr", {}, t("Silences")), h("div.second", {}, parts.tabs, parts.actions), parts.list];
}

export function draw() {
  if (!parts) return;
  const by = Object.fromEntries(STATES.map((name) => [name, state.silences.filter((it) => it.status.state === name)]));
  show(parts.tabs, counts(STATES.map((name) => [name, t(name), by[name].length, !only && shownState === name]), (name) => parts.navigate(`#/silences?state=${name}`)));
  const shown = only ? state.silences.filter((it) => it.id === only) : sorted(by[shownState]);
  for (const id of picked) if (!shown.some((it) => it.id === id && it.status.state !== "expired")) picked.delete(id);
  drawActions();
  const edited = toEdit && shown.find((it) => it.id === toEdit);
  if (edited) {
    toEdit = null;
    openSilence([], { silence: edited, again: edited.status.state === "expired" });
  }
  const rows = shown.slice(0, shownState === "expired" && !only ? EXPIRED_SHOWN : undefined).map(row);
  show(parts.list, rows.length || !state.isRead ? rows : [h("li.empty", {}, only ? t("No such silence; it may have been removed.") : t("No silences."))]);
}

const sorted = (silences) => [...silences].sort((a, b) => (shownState === "expired" ? b.endsAt.localeCompare(a.endsAt) : a.endsAt.localeCompare(b.endsAt)));

function drawActions() {
  show(parts.actions, [
    picked.size ? h("button.danger.write", { type: "button", onclick: () => expire([...picked]) }, `${t("Expire selected")} (${picked.size})`) : null,
    h("button.primary.write", { type: "button", onclick: () => openSilence([]) }, t("New silence")),
  ].filter(Boolean));
}

function row(silence) {
  const matchers = silence.matchers.map(fromApi);
  const isOver = silence.status.state === "expired";
  const test = compile(matchers);
  const mutes = isOver ? 0 : new Set(state.groups.flatMap((it) => it.alerts).filter((it) => test(it.labels)).map((it) => it.fingerprint)).size;
  const name = formatAll(matchers);
  const declared = silence.annotations?.declared;
  const untilResolved = silence.annotations?.ends === "when resolved";
  return h(`li.silence.${silence.status.state}`, { id: `silence-${silence.id}` },
    isOver || declared ? null : h("input.write", {
      type: "checkbox", "aria-label": `${t("Select")} ${name}`, checked: picked.has(silence.id),
      onchange: (event) => { event.target.checked ? picked.add(silence.id) : picked.delete(silence.id); drawActions(); },
    }),
    h("div.what", {},
      h("div.chips", {}, matchers.map((it) => h("span.chip", {}, format(it)))),
      h("p.summary", { dir: "auto" }, linked(silence.comment)),
      h("p.annotation", { dir: "auto" }, silence.createdBy, " · ", silence.status.state === "pending" ? `${t("from")} ${when(silence.startsAt)} ` : "",
        untilResolved && !isOver ? t("until it resolves") : h("span", { title: exact(silence.endsAt) }, `${t(isOver ? "ended" : "until")} ${when(silence.endsAt)}`), " (", since(h, silence.endsAt), ")")),
    h("div.side", {},
      isOver ? null : h("div.meta", {}, h("a", { href: `#/alerts?${new URLSearchParams({ filter: name })}` }, `${t("mutes")} ${mutes}`)),
      declared ? h("p.soft", {}, `${t("declared in the config as")} ${declared}`) : h("div.buttons", {},
        isOver ? null : h("button.write", { type: "button", "aria-label": `${t("Extend")}: ${lasting(HOUR)}`, onclick: () => extend(silence, HOUR) }, `+ ${lasting(HOUR)}`),
        isOver ? null : h("button.write", { type: "button", onclick: () => openSilence([], { silence }) }, t("Edit")),
      isOver ? h("button.write", { type: "button", onclick: () => openSilence([], { silence, again: true }) }, t("Set again"))
        : h("button.danger.write", { type: "button", onclick: () => expire([silence.id]) }, t("Expire")))));
}
