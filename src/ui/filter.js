// How a view is filtered: by counts that can be tapped, and by matchers.
import { h, show } from "./dom.js";
import { format, parse } from "./matchers.js";
import { t } from "./words.js";

export const countsBar = () => h("div.counts", { role: "group", "aria-label": t("Show") });

/** Buttons with a number each that filter what is shown: [name, text, number, whether it is on]. */
export const counts = (all, onclick) => all.map(([name, text, number, isOn]) => h(`button.count.${name}`, { "data-key": name, "aria-pressed": String(isOn), onclick: () => onclick(name) }, h("b", {}, number), " ", text));

/** A button for the rest of a list, if there is one. */
export const more = (rest, onclick) => rest > 0 && h("button", { onclick }, `${t("More")}: ${rest}`);

/** A matcher as a chip that goes away when it is pressed. */
export const removable = (matcher, onclick) => h("button.chip.on", { title: t("Remove"), onclick }, format(matcher), h("span", { "aria-hidden": "true" }, " ×"));

/** The matchers of a link's query, and what is wrong with them. */
export function read(query) {
  try {
    return { matchers: query.getAll("filter").flatMap(parse), wrong: "" };
  } catch (error) {
    return { matchers: [], wrong: error.message };
  }
}

/** Of what was read; `known` answers the matchers that are offered, `change` takes those that shall filter from now on. */
export function filterBar({ matchers, wrong }, known, change, ...chips) {
  const offered = h("datalist", { id: "known" });
  let typing;
  const input = h("input", {
    type: "search", id: "filter", list: "known", autocomplete: "off", autocapitalize: "none", spellcheck: "false", enterkeyhint: "search",
    placeholder: `${t("Filter")}: severity="critical"`, "aria-label": t("Filter by label"), "aria-describedby": "filter-fault",
    oninput: () => { clearTimeout(typing); typing = setTimeout(complete, 150, input, offered, known); },
  });
  const fault = h("span.fault", { id: "filter-fault", role: "alert" }, wrong);
  const form = h("form.find", {
    onsubmit: (event) => {
      event.preventDefault();
      // The keyboard of a phone would cover what is found.
      if (matchMedia("(hover: none)").matches) input.blur();
      try {
        const typed = parse(input.value);
        if (typed.length) change([...matchers, ...typed]);
      } catch (error) {
        fault.textContent = error.message;
      }
    },
  }, input, offered, h("button", { type: "submit" }, t("Filter")));
  const held = matchers.map((it) => removable(it, () => change(matchers.filter((other) => other !== it))));
  return h("div.filters", {}, form, fault, h("div.chips", {}, held, matchers.length > 0 && chips));
}

/** Offers label names, then the values of the one that was typed. */
function complete(input, offered, known) {
  const [before] = /^(?:.*,)?\s*/.exec(input.value);
  const [, name, op] = /^([^\s"=!~{}]+)\s*(=~|!~|!=|=)/.exec(input.value.slice(before.length)) || [];
  const options = new Set();
  for (const it of known()) {
    if (!name) options.add(`${before}${it.name}=`);
    else if (name === it.name) options.add(before + format({ ...it, op }));
    if (options.size >= 50) break;
  }
  show(offered, [...options].map((value) => h("option", { value })));
}
