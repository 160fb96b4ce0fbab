// Times and durations in the visitor's zone and language.
import { h } from "./dom.js";
import { language } from "./words.js";

const MINUTE = 60e3;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365.25 * DAY;
const UNITS = [[YEAR, "year"], [DAY, "day"], [HOUR, "hour"], [MINUTE, "minute"], [1e3, "second"]];

/** A difference by which the gateway's clock has been set, and not only told late. */
const STEP_MS = MINUTE;

let ahead = 0;

/** How often that clock was set while this page was open: all times that the agent told were moved along. */
export let steps = 0;

/** The time by the gateway's clock: by that silences begin and end, and alerts began. */
export const now = () => Date.now() + ahead;

/** Learns it from the Date of an answer. */
export function learn(date) {
  const before = ahead;
  ahead = (Date.parse(date) || Date.now()) - Date.now();
  if (Math.abs(ahead - before) > STEP_MS) steps += 1;
}

/** The day and hour there is now in the visitor's zone: a time that is shown as one of today may need its date in the next. */
export const hour = () => new Date(now()).toString().slice(0, 18);

const made = new Map();

/** One formatter a language and kind: to make one costs far more than to use it. */
function intl(kind, options) {
  const key = `${language()} ${kind.name} ${JSON.stringify(options)}`;
  if (!made.has(key)) made.set(key, new kind(language(), options));
  return made.get(key);
}

/** "12 min ago", "in 3 hr". */
export function ago(time) {
  const away = new Date(time) - now();
  const [ms, unit] = UNITS.find(([ms]) => Math.abs(away) >= ms) || UNITS.at(-1);
  return intl(Intl.RelativeTimeFormat, { style: "short", numeric: "auto" }).format(away > 0 ? Math.round(away / ms) : Math.trunc(away / ms), unit);
}

/** A date and time in the visitor's zone; today's without the date. */
export function when(time) {
  const date = new Date(time);
  const isToday = date.toDateString() === new Date(now()).toDateString();
  return intl(Intl.DateTimeFormat, isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" }).format(date);
}

export const exact = (time) => intl(Intl.DateTimeFormat, { dateStyle: "full", timeStyle: "long" }).format(new Date(time));

/** "2 h 30 min" from milliseconds. */
export function lasting(ms) {
  const parts = [];
  let rest = Math.max(0, Math.round(ms / 1e3) * 1e3);
  for (const [size, unit] of UNITS) {
    const count = Math.floor(rest / size);
    if (count && parts.length < 2) parts.push(intl(Intl.NumberFormat, { style: "unit", unit, unitDisplay: "short" }).format(count));
    rest -= count * size;
  }
  return parts.join(" ") || intl(Intl.NumberFormat, { style: "unit", unit: "second", unitDisplay: "short" }).format(0);
}

/** Milliseconds of "1d 2h30m", as durations are written in the config; nothing if it is no duration. */
export function duration(text) {
  const units = { d: DAY, h: HOUR, m: MINUTE, s: 1e3, w: 7 * DAY };
  if (!/^\s*(\d+(\.\d+)?\s*[wdhms]\s*)+$/.test(text)) return null;
  return [...text.matchAll(/(\d+(?:\.\d+)?)\s*([wdhms])/g)].reduce((sum, [, count, unit]) => sum + count * units[unit], 0);
}

export function local(time) {
  const date = new Date(time);
  return new Date(date - date.getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
}

export function tomorrow() {
  const date = new Date(now());
  date.setDate(date.getDate() + 1);
  date.setHours(8, 0, 0, 0);
  return date;
}

/** An element that shows how long ago a time is; `tick` keeps it true. */
export const since = (time) => h("time", { datetime: new Date(time).toISOString(), title: exact(time) }, ago(time));

/** "10:05 (12 min ago)" */
export const moment = (time) => [when(time), " (", since(time), ")"];

/** Brings every "12 min ago" on the page up to date. */
export function tick() {
  for (const element of document.querySelectorAll("time")) {
    const text = ago(element.dateTime);
    if (element.textContent !== text) element.textContent = text;
  }
}
