// Expected alerts and pings, and heartbeats.
import { h, table } from "./dom.js";
import { since } from "./time.js";
import { t } from "./words.js";

/** A card with a table each, if there is anything. */
export function expectedCard({ expected, heartbeats }) {
  return [
    card("Expected", ["Name", "Each", "State", "Last sign", "From"], expected.map((it) => [
      it.name, it.period, it.missing ? h("b.fault", {}, t("missing")) : it.last ? h("b.good", {}, t("there")) : t("waiting"), it.last ? since(h, it.last) : "–", it.by,
    ])),
    card("Heartbeats", ["Name", "Each", "Told", "Last told"], heartbeats.map((it) => [
      it.name, it.period, it.told === "fail" ? h("b.fault", {}, it.told) : it.told || "–", it.last ? since(h, it.last) : "–",
    ])),
  ];
}

function card(title, heads, rows) {
  return rows.length ? h("section.group", {}, h("h2", {}, t(title)), table(t(title), heads.map(t), rows)) : null;
}
