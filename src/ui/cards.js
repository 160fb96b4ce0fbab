// The cards of the node's view that are no facts of the node: its receivers, what they are owed, and signs of life.
import * as api from "./api.js";
import { h, show, table } from "./dom.js";
import { state } from "./live.js";
import { lasting, since } from "./time.js";
import { t } from "./words.js";

const BAD = ["failed", "refused", "expired", "surrendered"];

/** A card with every receiver. */
export function receiversCard(names) {
  return h("section.group.whole", {}, h("h2", {}, t("Receivers")), h("ul.told", {}, names.map(row)));
}

function row(name) {
  const of = state.history.filter((it) => it.receiver === name);
  const sent = of.find((it) => it.outcome === "sent");
  const failed = of.find((it) => BAD.includes(it.outcome));
  const fails = failed && (!sent || failed.at > sent.at);
  return h(`li.entry.${fails ? "failed" : sent ? "sent" : "held"}`, {},
    h("span.dot", { "aria-hidden": "true" }, "●"), h("b", {}, name),
    h("span.soft", {}, sent ? [`${t("last sent")} `, since(h, sent.at)] : t("nothing sent yet")),
    (state.status?.bellwether.receivers || []).filter((it) => it.receiver === name).map((it) => h("span.soft", {}, `${(it.bytesToday / 1e3).toFixed(1)} KB/24 h ${it.budget || ""}`)),
    failed ? h("span", { class: fails ? "fault" : "soft" }, `${t("last failure")} `, since(h, failed.at)) : null,
    h("button.write", { type: "button", "aria-label": `${t("Test")} ${name}`, onclick: () => openTest(name) }, t("Test")),
    failed?.why ? h("p.annotation", { dir: "auto" }, failed.why) : null);
}

/** Shows what a test would send; sends it when asked to, and shows the answers. */
function openTest(receiver) {
  const body = h("div.found.tall", { "aria-live": "polite", tabindex: "0" }, h("p", {}, "…"));
  const send = h("button.primary.write", { type: "button", disabled: true, onclick: () => run(false) }, t("Send the test"));
  const dialog = h("dialog", { "aria-labelledby": "test-title", onclose: () => dialog.remove() },
    h("h2", { id: "test-title" }, `${t("Test")}: ${receiver}`),
    h("p.note", {}, t("A sample alert that says that it is a test. Nothing is sent before you say so.")),
    body, h("div.actions", {}, h("button", { type: "button", onclick: () => dialog.close() }, t("Close")), send));
  document.body.append(dialog);
  dialog.showModal();
  const run = async (isDry) => {
    send.disabled = true;
    try {
      const answer = await api.test(receiver, isDry);
      show(body, answer.integrations.length ? answer.integrations.map((it) => outcome(it, isDry)) : [h("p.empty", {}, t("This receiver tells nobody."))]);
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
export function owedCard(debts, again) {
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
    `${debts.length} ${t("groups not told")}`,
    sum("late") && `${sum("late")} ${t("alerts came and went")}`,
    sum("cut") && `${sum("cut")} ${t("more are only counted")}`,
    waits.length && `${t("next try in")} ${lasting(Math.min(...waits))}`,
  ].filter(Boolean);
  return h("li.entry.failed", {}, h("b", {}, receiver), h("span.soft", {}, `${t("since")} `, since(h, first)), h("span", {}, facts.join(", ")),
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
  return h("span", {}, h("button.write", { type: "button", "aria-label": `${t(text)}: ${receiver}`, onclick }, t(text)), fault);
}

/** A card with a table each, if there is anything. */
export function expectedCard({ expected, heartbeats }) {
  return [
    listed("Expected", ["Name", "Each", "State", "Last sign", "From"], expected.map((it) => [
      it.name, it.period, it.missing ? h("b.fault", {}, t("missing")) : it.last ? h("b.good", {}, t("there")) : t("waiting"), it.last ? since(h, it.last) : "–", it.by,
    ])),
    listed("Heartbeats", ["Name", "Each", "Told", "Last told"], heartbeats.map((it) => [
      it.name, it.period, it.told === "fail" ? h("b.fault", {}, it.told) : it.told || "–", it.last ? since(h, it.last) : "–",
    ])),
  ];
}

function listed(title, heads, rows) {
  return rows.length ? h("section.group", {}, h("h2", {}, t(title)), table(t(title), heads.map(t), rows)) : null;
}
