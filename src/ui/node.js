// This node and its flock.
import * as api from "./api.js";
import { apart, h, heading, show, table } from "./dom.js";
import { look, state } from "./live.js";
import { lasting, moment, now, since, when } from "./time.js";
import { t } from "./words.js";

/** Each member's first words are not heard until it has joined. */
const CAUSES = { stranger: "before joining" };

const LOOK_MS = 300e3;
/** A sign of life, and a try of what is owed, is no change that the agent tells. */
const SIGNS_MS = 60e3;
const RETRY_MS = 15e3;

let parts;
let timer;

export function view(query) {
  parts = { body: h("div.node"), interval: query.get("interval"), receivers: [], owed: [], deadman: { expected: [], heartbeats: [] } };
  load();
  return [heading(t("Node")), parts.body];
}

export function leave() {
  clearTimeout(timer);
  parts = null;
}

/** Asks anew for what this view alone shows, and for the status if that is older than `oldest`, which it is when this comes again. */
async function load(oldest = 0) {
  clearTimeout(timer);
  const mine = parts;
  mine.seen = state.history;
  let ms = RETRY_MS;
  try {
    const [receivers, deadman, owed] = await Promise.all([api.receivers(), api.deadman(), api.owed(), look(oldest)]);
    const isFirst = !mine.at;
    Object.assign(mine, { receivers: receivers.map((it) => it.name), deadman, owed, at: now() });
    ms = oldest || (deadman.expected.length || deadman.heartbeats.length || owed.length ? SIGNS_MS : LOOK_MS);
    if (parts !== mine) return;
    draw();
    if (mine.interval && isFirst) document.querySelector("mark")?.scrollIntoView({ block: "center" });
  } catch { /* the banner says that the agent is out of reach */ }
  clearTimeout(timer);
  if (parts === mine) timer = setTimeout(load, ms);
}

export function draw() {
  if (!parts || !state.status) return;
  // A delivery has come to something, or the agent is back.
  if (parts.seen !== state.history) load(SIGNS_MS / 2);
  const { cluster, config } = state.status;
  show(parts.body, [
    troublesCard(), owedCard(parts.owed, () => load()), nodeCard(), flashCard(), ...expectedCard(parts.deadman),
    cluster.flock ? flockCard(cluster) : h("section.group", {}, h("h2", {}, t("Flock")), h("p", {}, t("Alone: no peers, no multicast."))),
    receiversCard(parts.receivers),
    h("section.group.whole", { id: "config" }, h("h2", {}, t("Config as loaded")), h("pre", { tabindex: "0" }, marked(config.original))),
  ]);
}

/** The config, with the time interval marked that a link names. */
function marked(text) {
  const names = parts.interval && new Set([parts.interval, JSON.stringify(parts.interval), `'${parts.interval}'`]);
  const lines = text.split("\n");
  const from = names ? lines.findIndex((line, at) => at > lines.indexOf("time_intervals:") && names.has(/^- name: (.*)$/.exec(line)?.[1])) : -1;
  if (from < 0) return text;
  const length = lines.slice(from + 1).findIndex((line) => !line.startsWith(" "));
  const to = length < 0 ? lines.length : from + 1 + length;
  const join = (begin, end) => lines.slice(begin, end).map((line) => `${line}\n`).join("");
  return [join(0, from), h("mark", {}, join(from, to)), join(to)];
}

const KINDS = { BellwetherConfigRejected: "Config not taken", BellwetherReceiverFailing: "Receiver fails", BellwetherMemberDown: "Member down", BellwetherKeyMismatch: "Another key", BellwetherClockUnset: "Clock" };

/** The troubles: each with its subject, since when if that is known, and why. */
export function troubles() {
  if (!state.status) return [];
  const { bellwether, cluster, journal } = state.status;
  const duplicate = cluster.flock?.duplicate;
  return [
    ...bellwether.troubles.map((it) => ({ kind: KINDS[it.alertname] || it.alertname, what: it.what, why: it.why, seconds: it.seconds, times: it.times })),
    journal.fault && { kind: "Flash", what: journal.path, why: journal.fault },
    cluster.fault && { kind: "Flock", what: "", why: cluster.fault },
    duplicate && { kind: "Another node has our id", what: duplicate.address, why: "" },
  ].filter(Boolean);
}

function troublesCard() {
  const all = troubles();
  if (!all.length) return h("p.calm.whole", {}, t("Nothing goes wrong."));
  return h("section.group.critical.whole", {}, h("h2", {}, t("Troubles")), h("ul.told", {}, all.map((it) => h("li.entry.failed", {},
    h("span.state", {}, t(it.kind)), it.what ? h("b", {}, it.what) : null,
    it.seconds === undefined ? null : h("span.when", {}, `${t("since")} `, moment(state.lookedAt - it.seconds * 1e3), it.times > 1 ? `, ${it.times} ${t("attempts")}` : ""),
    it.why ? h("p.annotation", { dir: "auto" }, it.why) : null))));
}

const rows = (pairs) => h("dl", {}, pairs.filter(([, value]) => value !== undefined && value !== null && value !== "").map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

function nodeCard() {
  const { cluster, versionInfo, uptime, clock, bellwether } = state.status;
  const { residentBytes, maxBytes } = bellwether.memory;
  return h("section.group", {}, h("h2", {}, t("Node")), rows([
    [t("Name"), cluster.name],
    [t("Version"), `${bellwether.version}${bellwether.commit ? ` (${bellwether.commit})` : ""}, Alertmanager API ${versionInfo.version}`],
    [t("Running"), [lasting(now() - Date.parse(uptime)), ` (${t("since")} ${when(uptime)})`]],
    [t("Memory"), residentBytes ? [`${mebi(residentBytes)} ${t("of")} ${mebi(maxBytes)} `, h("meter", { "aria-label": t("Memory"), max: maxBytes, high: maxBytes * 0.8, value: residentBytes })] : null],
    [t("Clock"), clock === "synced" ? t("set") : h("b.fault", {}, t("not set"))],
    [t("As of"), parts.at && moment(parts.at)],
  ]));
}

const mebi = (bytes) => `${(bytes / 1048576).toFixed(1)} MiB`;

function flashCard() {
  const { journal } = state.status;
  return h("section.group", {}, h("h2", {}, t("Flash")), rows([
    [t("State"), journal.status === "ready" ? t("ready") : h("b.fault", {}, t(journal.status))],
    [t("Directory"), journal.path],
    [t("Durability"), journal.durability],
    [t("Commits"), `${journal.commits} (${journal.commitsPerDay} ${t("a day")})`],
    [t("Written"), mebi(journal.bytes)],
    [t("Card life at this pace"), journal.cardDays === undefined ? null : `${journal.cardDays > 36525 ? "> " : ""}${lasting(Math.min(journal.cardDays, 36525) * 864e5)}`],
  ]));
}

function flockCard(cluster) {
  const { flock } = cluster;
  const all = flock.members || [];
  const drops = Object.entries(flock.drops || {}).filter(([, count]) => count > 0);
  const heads = ["Name", "Address", "State", "Heard", "Clock", "Records", "Key"];
  const cells = (it) => [it.name || it.id, it.address, t(it.state), heard(it), clockOf(it), it.agreed === null ? "–" : t(it.agreed ? "same" : "different"), h("code", {}, it.key)];
  return h("section.group.whole", {}, h("h2", {}, t("Flock")),
    flock.sealed ? null : h("p.fault", {}, t("Not sealed: anybody can read and take part.")),
    h("div.beside", {}, all.length ? picture(cluster.name, all) : h("p", {}, t("Members"), ": 0"),
    rows([
      [t("This node"), [h("bdi", {}, cluster.name), " ", h("code", {}, flock.id)]],
      [t("Sealed with key"), flock.sealed ? flock.keys.map((key, at) => [at ? ", " : "", h("code", {}, key)]) : null],
      [t("Records"), [`${flock.records}, ${t("digest")} `, h("code", {}, flock.digest)]],
      [t("Turns under way"), turns()],
      [t("Dropped datagrams"), drops.map(([why, count]) => `${t(CAUSES[why] || why.replaceAll("_", " "))} ${count}`).join(", ")],
    ])),
    all.length ? table(t("Members"), heads.map(t), all.map(cells)) : null);
}

/** Who has which turn now. */
function turns() {
  if (!state.pending.length) return t("none");
  const counts = new Map();
  for (const it of state.pending) {
    const who = it.waits === "for another member" ? it.node || t("another member") : t("This node");
    counts.set(who, (counts.get(who) || 0) + 1);
  }
  return apart([...counts].map(([who, count]) => [h("bdi", {}, who), `: ${count}`]));
}

const clockOf = (it) => (it.synced === false ? t("not set") : it.clockOffsetMs ? `${it.clockOffsetMs > 0 ? "+" : ""}${it.clockOffsetMs} ms` : t("same"));

/** How a member was heard, and how long ago. */
const heard = (it) => [["unicast", it.heardUnicastSecondsAgo], ["multicast", it.heardMulticastSecondsAgo]]
  .filter(([, seconds]) => seconds !== null && seconds !== undefined)
  .map(([way, seconds]) => `${way} ${lasting(seconds * 1e3)}`).join(", ");

function receiversCard(names) {
  return h("section.group.whole", {}, h("h2", {}, t("Receivers")), h("ul.told", {}, names.map(row)));
}

function row(name) {
  const all = state.status.bellwether.receivers.filter((it) => it.receiver === name);
  const [sent, failed] = ["lastSuccess", "lastFailure"].map((key) => all.map((it) => it[key]).filter(Boolean).sort().at(-1));
  const fails = failed > (sent || "");
  return h(`li.entry.${fails ? "failed" : sent ? "sent" : "held"}`, {},
    h("span.dot", { "aria-hidden": "true" }, "●"), h("b", {}, name),
    h("span.soft", {}, `${t("last sent")} `, sent ? since(sent) : "–"),
    failed ? h("span", { class: fails ? "fault" : "soft" }, `${t("last failure")} `, since(failed)) : null,
    all.map((it) => it.bytesToday > 0 && h("span.soft", {}, `${(it.bytesToday / 1e3).toFixed(1)} KB/24 h ${it.budget || ""}`)),
    h("button.write", { "aria-label": `${t("Test")} ${name}`, onclick: () => openTest(name) }, t("Test")),
    all.filter((it) => it.lastError).map((it) => h("p.annotation", { dir: "auto" }, it.lastError)));
}

/** Shows what a test would send; sends it when asked to, and shows the answers. */
function openTest(receiver) {
  const body = h("div.found.tall", { "aria-live": "polite", tabindex: "0" }, h("p", {}, "…"));
  const send = h("button.primary.write", { disabled: true, onclick: () => run(false) }, t("Send the test"));
  const dialog = h("dialog", { "aria-labelledby": "test-title", onclose: () => dialog.remove() },
    h("h2", { id: "test-title" }, `${t("Test")}: ${receiver}`),
    h("p.note", {}, t("Nothing is sent before you say so.")),
    body, h("div.actions", {}, h("button", { onclick: () => dialog.close() }, t("Close")), send));
  document.body.append(dialog);
  dialog.showModal();
  const run = async (isDry) => {
    send.disabled = true;
    try {
      const answer = await api.test(receiver, isDry);
      show(body, answer.integrations.length ? answer.integrations.map((it) => outcome(it, isDry)) : [h("p.empty", {}, t("none"))]);
      send.disabled = !answer.integrations.length;
    } catch (error) {
      show(body, [h("p.fault", { role: "alert" }, error.message)]);
      send.disabled = isDry;
    }
  };
  run(true);
}

function outcome(it, isDry) {
  const word = it.error ? h("b.fault", {}, t("failed")) : isDry ? t("would send") : h("b.good", {}, t("delivered"));
  return h("section", {}, h("h3", {}, `${it.integration}[${it.index}]: `, word),
    it.error ? h("p.fault", { dir: "auto" }, it.error) : null,
    (it.template_faults || []).map((fault) => h("p.fault", { dir: "auto" }, fault)),
    it.requests.map(({ request, answer }) => [h("pre", {}, request), answer ? h("p", {}, `${t("Answer")}: ${answer}`) : null]));
}

/** A card of these receivers, if there are any. `again` is called after each write. */
function owedCard(debts, again) {
  const receivers = [...new Set(debts.map((it) => it.receiver))];
  if (!receivers.length) return null;
  return h("section.group.critical.whole", {}, h("h2", {}, t("Owed")),
    h("ul.told", {}, receivers.map((name) => debt(name, debts.filter((it) => it.receiver === name), again))));
}

/** A receiver, with the sums over all groups of which it was not told. */
function debt(receiver, debts, again) {
  const sum = (key) => debts.reduce((total, it) => total + it[key], 0);
  const first = debts.map((it) => it.since).sort()[0];
  const waits = debts.map((it) => it.retryInMs).filter((it) => it);
  const facts = [
    `${t("groups not told")}: ${debts.length}`,
    sum("late") && `${t("alerts came and went")}: ${sum("late")}`,
    sum("cut") && `${t("more are only counted")}: ${sum("cut")}`,
    waits.length && `${t("next try in")} ${lasting(Math.min(...waits))}`,
  ].filter(Boolean);
  return h("li.entry.failed", {}, h("b", {}, receiver), h("span.soft", {}, `${t("since")} `, moment(first)), h("span", {}, facts.join(", ")),
    button("Try now", receiver, api.retryOwed, again), sum("late") ? button("Forget what came and went", receiver, api.dropOwed, again) : null);
}

/** A button that asks the agent to do something about a receiver, and shows why it did not. */
function button(text, receiver, ask, again) {
  const fault = h("span.fault", { role: "alert" });
  const onclick = async () => {
    try {
      await ask(receiver);
      again();
    } catch (error) {
      fault.textContent = error.message;
    }
  };
  return h("span", {}, h("button.write", { "aria-label": `${t(text)}: ${receiver}`, onclick }, t(text)), fault);
}

/** A card with a table each, if there is anything. */
function expectedCard({ expected, heartbeats }) {
  return [
    listed("Expected", ["Name", "Each", "State", "Last sign", "From"], expected.map((it) => [
      it.name, it.period, it.missing ? h("b.fault", {}, t("missing")) : it.last ? h("b.good", {}, t("there")) : t("waiting"), it.last ? since(it.last) : "–", it.by,
    ])),
    listed("Heartbeats", ["Name", "Each", "Told", "Last told"], heartbeats.map((it) => [
      it.name, it.period, it.told === "fail" ? h("b.fault", {}, it.told) : it.told || "–", it.last ? since(it.last) : "–",
    ])),
  ];
}

function listed(title, heads, rows) {
  return rows.length ? h("section.group", {}, h("h2", {}, t(title)), table(t(title), heads.map(t), rows)) : null;
}

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

/** The flock as a ring: this node below, each member a dot that tells its state by shape and colour. */
function picture(self, all) {
  const dots = [{ name: self, state: "self" }, ...all.filter((it) => it.name !== self)];
  const image = svg("svg", { viewBox: "0 0 320 180", class: "flock", role: "img", "aria-label": `${t("Flock")}: ${dots.map((it) => `${it.name} ${it.state === "self" ? "" : t(it.state)}`).join(", ")}` });
  const place = (at) => {
    const angle = Math.PI / 2 + (2 * Math.PI * at) / dots.length;
    return [160 + 110 * Math.cos(angle), 82 + 62 * Math.sin(angle)];
  };
  dots.forEach((it, at) => at && image.append(svg("line", { x1: place(0)[0], y1: place(0)[1], x2: place(at)[0], y2: place(at)[1], class: it.state })));
  dots.forEach((it, at) => {
    const [x, y] = place(at);
    image.append(svg("circle", { cx: x, cy: y, r: it.state === "self" ? 9 : 7, class: it.state }));
    if (dots.length <= 12) image.append(svg("text", { x, y: y + 22, "text-anchor": "middle" }, it.name.slice(0, 16)));
  });
  return image;
}
