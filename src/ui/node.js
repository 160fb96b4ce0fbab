// This node and its flock: members, clock, flash, receivers, the config as loaded.
import * as api from "./api.js";
import { h, show } from "./dom.js";
import { state } from "./live.js";
import { lasting, since, when } from "./time.js";
import { t } from "./words.js";

let parts;
let status = null;
let timer;

export function view(query) {
  parts = { body: h("div.node"), at: query.get("at") };
  load();
  return [h("h1.sr", {}, t("Node")), parts.body];
}

/** Stops asking when the view is left. */
export const leave = () => clearTimeout(timer);

async function load() {
  clearTimeout(timer);
  try {
    status = await api.status();
    drawStatus();
    if (parts.at) document.getElementById(parts.at)?.scrollIntoView();
    parts.at = null;
  } catch { /* the banner says that the agent is out of reach */ }
  timer = setTimeout(load, 60e3);
}

export function draw() {
  if (parts && status) drawStatus();
}

function drawStatus() {
  const { cluster, journal, versionInfo, config, uptime, clock } = status;
  const flock = cluster.flock;
  const rows = (pairs) => h("dl", {}, pairs.filter(([, value]) => value !== undefined && value !== null && value !== "").map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  show(parts.body, [
    h("section.group", {}, h("h2", {}, t("Node")), rows([
      [t("Name"), cluster.name],
      [t("Version"), [status.bellwether.version, status.bellwether.commit && ` (${status.bellwether.commit})`, `, Alertmanager API ${versionInfo.version}`]],
      [t("Started"), h("span", {}, when(uptime), " (", since(h, uptime), ")")],
      [t("Clock"), clock === "synced" ? t("set") : h("b.fault", {}, t("not set: silences and mute times follow it"))],
    ])),
    h("section.group", {}, h("h2", {}, t("Flash")), rows([
      [t("State"), journal.status === "ready" ? t("ready") : h("b.fault", {}, `${journal.status}${journal.fault ? `: ${journal.fault}` : ""}`)],
      [t("Directory"), journal.path],
      [t("Durability"), journal.durability],
      [t("Commits"), `${journal.commits} (${journal.commitsPerDay} ${t("a day")})`],
      [t("Card life at this pace"), journal.cardDays > 36500 ? t("over 100 years") : lasting(journal.cardDays * 864e5)],
    ])),
    flock ? members(cluster, flock) : h("section.group", {}, h("h2", {}, t("Flock")), h("p", {}, t("Alone: no peers and no multicast configured."))),
    receivers(),
    h("section.group", { id: "config" }, h("h2", {}, t("Config as loaded")), h("pre", { tabindex: "0" }, config.original)),
  ]);
}

function members(cluster, flock) {
  const all = flock.members || [];
  const drops = Object.entries(flock.drops || {}).filter(([, count]) => count > 0);
  return h("section.group", {}, h("h2", {}, t("Flock")),
    h("p", {}, flock.sealed ? `${t("Sealed with key")} ${flock.keys.join(", ")}` : h("b.fault", {}, t("Not sealed: anybody who reaches its port can read and take part."))),
    all.length ? picture(cluster.name, all) : null,
    h("div.scroll", { tabindex: "0", role: "region", "aria-label": t("Members") }, h("table", {}, h("thead", {}, h("tr", {}, ["Name", "Address", "State", "Heard", "Clock", "Records"].map((it) => h("th", { scope: "col" }, t(it))))),
      h("tbody", {}, all.map((it) => h("tr", {},
        h("th", { scope: "row" }, it.name || it.id), h("td", {}, it.address), h("td", {}, t(it.state)),
        h("td", {}, heard(it)), h("td", {}, it.synced === false ? t("not set") : it.clockOffsetMs ? `${it.clockOffsetMs} ms` : t("same")), h("td", {}, it.agreed ? t("same") : t("different"))))))),
    drops.length ? h("p.note", {}, `${t("Dropped datagrams")}: ${drops.map(([why, count]) => `${why} ${count}`).join(", ")}`) : null);
}

/** How a member was heard, and how long ago. */
const heard = (it) => [["unicast", it.heardUnicastSecondsAgo], ["multicast", it.heardMulticastSecondsAgo]]
  .filter(([, seconds]) => seconds !== null && seconds !== undefined)
  .map(([way, seconds]) => `${way} ${lasting(seconds * 1e3)}`).join(", ");

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
  const image = svg("svg", { viewBox: "0 0 320 200", class: "flock", role: "img", "aria-label": `${t("Flock")}: ${dots.map((it) => `${it.name} ${it.state === "self" ? "" : t(it.state)}`).join(", ")}` });
  const place = (at) => {
    const angle = Math.PI / 2 + (2 * Math.PI * at) / dots.length;
    return [160 + 110 * Math.cos(angle), 95 + 62 * Math.sin(angle)];
  };
  dots.forEach((it, at) => at && image.append(svg("line", { x1: place(0)[0], y1: place(0)[1], x2: place(at)[0], y2: place(at)[1], class: it.state })));
  dots.forEach((it, at) => {
    const [x, y] = place(at);
    image.append(svg("circle", { cx: x, cy: y, r: it.state === "self" ? 9 : 7, class: it.state }));
    if (dots.length <= 12) image.append(svg("text", { x, y: y + 22, "text-anchor": "middle" }, it.name.slice(0, 16)));
  });
  return image;
}

function receivers() {
  const last = new Map();
  for (const it of state.history) {
    const known = last.get(it.receiver) || {};
    if (it.outcome === "sent") known.sent ||= it;
    else if (["failed", "refused", "expired", "surrendered"].includes(it.outcome)) known.failed ||= it;
    last.set(it.receiver, known);
  }
  for (const group of state.groups) if (!last.has(group.receiver.name)) last.set(group.receiver.name, {});
  for (const [, name] of status.config.original.matchAll(/^- name: (.+)$/gm)) {
    const plain = name.replace(/^["']|["']$/g, "");
    if (receiverNames().includes(plain) && !last.has(plain)) last.set(plain, {});
  }
  return h("section.group", {}, h("h2", {}, t("Receivers")), h("ul.told", {}, [...last].map(([name, { sent, failed }]) => h("li.entry", {},
    h("b", {}, name),
    sent ? h("span", {}, `${t("last sent")} `, since(h, sent.at)) : h("span.note", {}, t("nothing sent yet")),
    failed ? h("span.fault", {}, `${t("last failure")} `, since(h, failed.at), failed.why ? `: ${failed.why}` : "") : null))));
}

/** Names below `receivers:` of the shown config. */
function receiverNames() {
  const section = /^receivers:\n([\s\S]*?)(?=^\S|(?![\s\S]))/m.exec(status.config.original);
  return section ? [...section[1].matchAll(/^- name: (.+)$/gm)].map(([, name]) => name.replace(/^["']|["']$/g, "")) : [];
}
