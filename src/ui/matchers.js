// Matchers as Alertmanager writes them: {a="b", c=~"d.*"}.

const MATCHER = /^\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"'`=!~,{}]+))\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,{}"]*))\s*/;
const ESCAPES = { n: "\n", t: "\t", r: "\r", '"': '"', "\\": "\\" };

/** Matchers of a text, with or without braces; an Error says where it is wrong. */
export function parse(text) {
  let rest = text.replaceAll("&quot;", '"').trim().replace(/^\{/, "").replace(/\}$/, "");
  const matchers = [];
  while (rest.trim()) {
    const found = MATCHER.exec(rest);
    if (!found) throw new Error(rest.trim());
    const [whole, quotedName, name, op, quotedValue, value] = found;
    matchers.push({
      name: quotedName === undefined ? name : unquote(quotedName),
      op,
      value: quotedValue === undefined ? value : unquote(quotedValue),
    });
    rest = rest.slice(whole.length);
    if (rest && !rest.startsWith(",")) throw new Error(rest.trim());
    rest = rest.slice(1);
  }
  return matchers;
}

/** As in Alertmanager's classic grammar a backslash before anything else stays: "\d" is a digit to a pattern. */
const unquote = (text) => text.replace(/\\(.)/g, (all, c) => ESCAPES[c] || all);

const quoted = (text) => JSON.stringify(text).replace(/\\u00([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));

/** One matcher as text. */
export function format({ name, op, value }) {
  return `${/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : quoted(name)}${op}${quoted(value)}`;
}

/** Several as text. */
export const formatAll = (matchers) => `{${matchers.map(format).join(", ")}}`;

/** A matcher for exactly this label. */
export const equal = (name, value) => ({ name, op: "=", value });

/** A matcher as the API of silences has it. */
export const toApi = ({ name, op, value }) => ({ name, value, isRegex: op.endsWith("~"), isEqual: op[0] === "=" });

/** A matcher of the API's. */
export const fromApi = (it) => ({
  name: it.name,
  value: it.value,
  op: (it.isEqual === false ? "!" : "=") + (it.isRegex ? "~" : it.isEqual === false ? "=" : ""),
});

/** A test for labels. A pattern that this browser cannot read matches everything, and `unread` tells it. */
export function compile(matchers) {
  const tests = matchers.map(({ name, op, value }) => {
    const isNot = op[0] === "!";
    if (!op.endsWith("~")) return (labels) => ((labels[name] ?? "") === value) !== isNot;
    const pattern = regex(value);
    return pattern ? (labels) => pattern.test(labels[name] ?? "") !== isNot : () => true;
  });
  const test = (labels) => tests.every((it) => it(labels));
  test.unread = matchers.filter(({ op, value }) => op.endsWith("~") && !regex(value)).map(format);
  return test;
}

/** What RE2 allows and JavaScript reads as something else. */
const OTHERWISE = /\[:\^?[a-z]+:]|\\x\{|\\[ACQzpP]|\(\?[PU]/;

function regex(text) {
  if (OTHERWISE.test(text)) return null;
  const inline = /^\(\?([ims]+)\)/.exec(text);
  const body = inline ? text.slice(inline[0].length) : text;
  // Without "u" this reads escapes that RE2 allows and JavaScript's strict mode does not.
  for (const flags of ["u", ""]) {
    try {
      return new RegExp(`^(?:${body})$`, flags + (inline ? inline[1] : ""));
    } catch { /* the next way */ }
  }
  return null;
}
