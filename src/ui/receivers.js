// The receivers: when each was last told, when it last failed, and a test of it.
import * as api from "./api.js";
import { h, show } from "./dom.js";
import { state } from "./live.js";
import { since } from "./time.js";
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
