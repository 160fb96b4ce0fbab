// Quieting: the dialog for a silence, and acknowledging in one tap.
import * as api from "./api.js";
import { h, removable, remember, remembered, show, toast } from "./dom.js";
import { refresh } from "./live.js";
import { equal, format, formatAll, fromApi, parse, toApi } from "./matchers.js";
import { duration, lasting, local, now, tomorrow, when } from "./time.js";
import { t } from "./words.js";

const HOUR = 3600e3;
const CHIPS = ["1h", "4h", "8h", "1d", "7d"];
const SHOWN_MAX = 50;
const TAP_MS = 1e3;

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

export const expire = (ids) => write(ids.join(), () => Promise.all(ids.map(api.expireSilence)), t("Expired"));

/** Lets a silence last so many milliseconds longer. */
export function extend(silence, ms) {
  const endsAt = new Date(Date.parse(silence.endsAt) + ms);
  const { id, matchers, startsAt, createdBy, comment, annotations } = silence;
  write(id + endsAt, () => api.setSilence({ id, matchers, startsAt, createdBy, comment, annotations, endsAt: endsAt.toISOString() }), `${t("Silenced until")} ${when(endsAt)}`);
}

/** Opens the dialog: for new matchers, or for a silence to edit (`again` makes a new one of it). */
export function openSilence(matchers, { silence, again } = {}) {
  const chosen = silence ? silence.matchers.map(fromApi) : [...matchers];
  const dialog = h("dialog", { "aria-labelledby": "silence-title", onclose: () => dialog.remove() });
  const draft = new Draft(dialog, chosen, again ? { ...silence, id: undefined } : silence);
  document.body.append(dialog);
  draft.draw();
  dialog.showModal();
  draft.preview();
}

class Draft {
  constructor(dialog, matchers, silence) {
    const isOver = silence && !silence.id;
    this.dialog = dialog;
    this.matchers = matchers;
    this.id = silence?.id;
    this.annotations = this.id && silence.annotations;
    this.startsAt = silence && !isOver ? new Date(silence.startsAt) : null;
    this.chips = h("div.chips");
    this.end = h("input", { type: "datetime-local", id: "silence-end", required: true, onchange: () => this.choose(null) });
    this.length = h("input", { id: "silence-length", size: 8, placeholder: "2h30m", autocomplete: "off", oninput: () => this.choose(this.length.value) });
    this.author = h("input", { id: "silence-author", required: true, autocomplete: "name", value: silence?.createdBy || author() });
    this.comment = h("textarea", { id: "silence-comment", required: true, rows: 2 });
    this.comment.value = silence?.comment || "";
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
    else if (text && duration(text)) this.end.value = local(this.from() + duration(text));
    this.drawChips();
  }

  from() {
    return Math.max(now(), this.startsAt ? this.startsAt.getTime() : 0);
  }

  drawChips() {
    const chip = (text, shown) => h(`button.chip${this.chosen === text ? ".on" : ""}`, { type: "button", "aria-pressed": String(this.chosen === text), onclick: () => this.choose(text) }, shown);
    show(this.chips, [...CHIPS.map((text) => chip(text, lasting(duration(text)))), chip("tomorrow", t("until tomorrow 8:00"))]);
  }

  drawLabels() {
    show(this.labels, this.matchers.map((matcher, at) => removable(format(matcher), t("Remove"), () => { this.matchers.splice(at, 1); this.drawLabels(); this.preview(); })));
  }

  draw() {
    const field = (input, name, ...rest) => h("div.field", {}, h("label", { for: input.id }, name), input, rest);
    this.drawLabels();
    this.drawChips();
    show(this.dialog, [h("form", { method: "dialog", onsubmit: (event) => { event.preventDefault(); this.send(); } },
      h("h2", { id: "silence-title", tabindex: "-1", autofocus: true }, this.id ? t("Edit silence") : t("New silence")),
      h("fieldset", {}, h("legend", {}, t("Matchers")), this.labels,
        h("div.find", {}, this.add, h("button", { type: "button", onclick: () => this.addTyped() }, t("Add")))),
      this.found,
      h("fieldset", {}, h("legend", {}, t("For how long")), this.chips,
        h("div.row", {}, field(this.length, t("Duration")), field(this.end, t("Until")))),
      field(this.author, t("Your name")), field(this.comment, t("Comment")), this.fault,
      h("div.actions", {}, h("button", { type: "button", onclick: () => this.dialog.close() }, t("Cancel")), h("button.primary.write", { type: "submit" }, this.id ? t("Save") : t("Silence"))))]);
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
      this.fault.textContent = `${t("Not a filter")}: ${error.message}`;
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
          startsAt: (this.startsAt || new Date(now())).toISOString(), endsAt: endsAt.toISOString(),
        });
        toast(`${t("Silenced until")} ${when(endsAt)}`);
        this.dialog.close();
        refresh("alerts", "silences");
      } catch (error) {
        this.isSent = false;
        this.fault.textContent = error.message;
      }
    }
  }
}
