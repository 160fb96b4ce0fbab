// Matchers as Alertmanager writes them: {a="b", c=~"d.*"}.
import { t } from "./words.js";

const MATCHER = /^\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"'`=!~,{}]+))\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,{}"]*))\s*/;
const ESCAPES = { n: "\n", t: "\t", r: "\r", '"': '"', "\\": "\\" };

/** Matchers of a text, with or without braces; an Error says where it is wrong. */
export function parse(text) {
  let rest = text.replaceAll("&quot;", '"').trim().replace(/^\{/, "").replace(/\}$/, "");
  const matchers = [];
  while (rest.trim()) {
    const found = MATCHER.exec(rest);
    if (!found) throw new Error(`${t("Not a filter")}: ${rest.trim()}`);
    const [whole, quotedName, name, op, quotedValue, value] = found;
    matchers.push({
      name: quotedName === undefined ? name : unquote(quotedName),
      op,
      value: quotedValue === undefined ? value : unquote(quotedValue),
    });
    rest = rest.slice(whole.length);
    if (rest && !rest.startsWith(",")) throw new Error(`${t("Not a filter")}: ${rest.trim()}`);
    rest = rest.slice(1);
  }
  return matchers;
}

/** As in Alertmanager's classic grammar a backslash before anything else stays: "\d" is a digit to a pattern. */
const unquote = (text) => text.replace(/\\(.)/g, (all, c) => ESCAPES[c] || all);

const quoted = (text) => JSON.stringify(text).replace(/\\u00([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));

export function format({ name, op, value }) {
  return `${/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : quoted(name)}${op}${quoted(value)}`;
}

export const formatAll = (matchers) => `{${matchers.map(format).join(", ")}}`;

/** A matcher for exactly this label. */
export const equal = (name, value) => ({ name, op: "=", value });

/** A matcher as the API of silences has it. */
export const toApi = ({ name, op, value }) => ({ name, value, isRegex: isPattern({ op }), isEqual: op[0] === "=" });

export const fromApi = (it) => ({
  name: it.name,
  value: it.value,
  op: (it.isEqual === false ? "!" : "=") + (it.isRegex ? "~" : it.isEqual === false ? "=" : ""),
});

export const isPattern = ({ op }) => op.endsWith("~");
