// Owed notifications, by receiver.
import * as api from "./api.js";
import { h } from "./dom.js";
import { lasting, since } from "./time.js";
import { t } from "./words.js";

/** A card of these receivers, if there are any. `again` is called after each write. */
export function owedCard(debts, again) {
  const receivers = [...new Set(debts.map((it) => it.receiver))];
  if (!receivers.length) return null;
  return h("section.group.critical.whole", {}, h("h2", {}, t("Owed")),
    h("ul.told", {}, receivers.map((name) => row(name, debts.filter((it) => it.receiver === name), again))));
}

/** A receiver, with the sums over all groups of which it was not told. */
function row(receiver, debts, again) {
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
