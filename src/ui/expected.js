// Expected alerts and pings, and heartbeats.
import { h } from "./dom.js";
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
  if (!rows.length) return null;
  return h("section.group", {}, h("h2", {}, t(title)),
    h("div.scroll", { tabindex: "0", role: "region", "aria-label": t(title) }, h("table", {},
      h("thead", {}, h("tr", {}, heads.map((it) => h("th", { scope: "col" }, t(it))))),
      h("tbody", {}, rows.map(([name, ...cells]) => h("tr", {}, h("th", { scope: "row" }, name), cells.map((it) => h("td", {}, it))))))));
}
