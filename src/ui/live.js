// Waits for the agent to say that something changed, then fetches that and no more.
import * as api from "./api.js";
import { now, steps } from "./time.js";

/** What the agent told last. `at` is when; `fault` says why it could not be asked since. `lookedAt` is when of the status. */
export const state = { groups: [], silences: [], history: [], pending: [], status: null, lookedAt: 0, at: null, fault: null, isRead: false };

const FETCHES = {
  alerts: { groups: api.groups },
  silences: { silences: api.silences, groups: api.groups },
  // Of a mute time that begins or ends the history alone tells.
  history: { history: fetchHistory, pending: api.pending, groups: api.groups },
  pending: { pending: api.pending },
};
/** Troubles are no change that is told: they are asked for with changes, at most so often. */
const LOOK_MS = 60e3;
const RETRY_MS_MAX = 15e3;
/** An agent is asked for lists for at most a hundredth of the time, but not less often than this. */
const REST_OF_FETCH = 99;
const REST_MS_MAX = 10e3;
/** An answer that comes so soon and brings nothing is of an agent that has too many pages waiting. */
const SOON_MS = 5e3;
/** So many events the agent keeps. */
const HISTORY_MAX = 256;
/** Ends are looked for so often at most. */
const END_MS = 30e3;
/** Leases are moved on without a word, so most ends of alerts are none: a kilobyte of versions a minute is spent on them. */
const LEASE_MS_PER_GROUP = 1500;
/** A page that nobody sees only counts in its tab: the count may be a minute old. */
const HIDDEN_REST_MS = 60e3;

let listener = () => {};
let version = "";
let begun = "";
let events = [];
let waiting = new Set(Object.keys(FETCHES));
let applied = Promise.resolve();
let isHeld = false;
let held = null;
let endTimer;
let turn = () => {};

/** Starts; `onchange` is called after each change. */
export function start(onchange) {
  listener = onchange;
  document.addEventListener("visibilitychange", () => turn());
  run();
}

/** Fetches these kinds ("alerts", "silences", "history", "pending") now, after a write of ours. */
export function refresh(...kinds) {
  applied = applied.then(() => load(kinds.length ? kinds : Object.keys(FETCHES)));
  return applied;
}

/** Asks again for what waits, but takes nothing from under somebody who reads. */
export function lookAtPending() {
  if (!isHeld && !document.hidden) refresh("pending");
}

/** Fetches the status, unless that was done less than so many milliseconds ago. */
export async function look(ms) {
  if (Math.abs(now() - state.lookedAt) < ms) return;
  state.status = await api.status();
  state.lookedAt = now();
}

/** While held, what comes new is not shown; `listener` is told that there is some. */
export function hold(on) {
  isHeld = on;
  if (!on && held) {
    Object.assign(state, held);
    held = null;
    listener();
  }
}

/** Whether something new waits until the page is no longer held. */
export const hasHeld = () => held !== null;

async function run() {
  let retry = 1e3;
  for (;;) {
    const asked = Date.now();
    try {
      const next = await wait();
      if (!next) continue;
      newer(version, next).forEach((kind) => waiting.add(kind));
      version = next;
      if (waiting.size) {
        const began = Date.now();
        await refresh(...waiting);
        if (state.fault) throw state.fault;
        waiting = new Set();
        await rest(Math.min(REST_MS_MAX, Math.max(500, (Date.now() - began) * REST_OF_FETCH)));
      } else {
        if (state.fault) await refresh();
        if (!held) state.at = now();
        await rest(Date.now() - asked < SOON_MS ? SOON_MS : 0);
      }
      retry = 1e3;
    } catch (error) {
      state.fault = error;
      version = "";
      waiting = new Set(Object.keys(FETCHES));
      listener();
      await sleep(retry);
      retry = Math.min(RETRY_MS_MAX, retry * 2);
    }
  }
}

/** The version now: as soon as it is another one, if the page is seen, as browsers have few connections; nothing if that changes. */
async function wait() {
  const stop = new AbortController();
  let isTurned = false;
  turn = () => { isTurned = true; stop.abort(); };
  const timer = setTimeout(() => stop.abort(), 90e3);
  try {
    return await api.changes(document.hidden ? "" : version, stop.signal);
  } catch (error) {
    if (isTurned) return null;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Waits so long; of a hidden page a minute, or until it is seen again. */
function rest(ms) {
  return document.hidden ? Promise.race([sleep(HIDDEN_REST_MS), new Promise((done) => { turn = done; })]) : sleep(ms);
}

/** The kinds whose number differs: a version is "start.alerts.silences.history". */
function newer(before, after) {
  const [old, now] = [before.split("."), after.split(".")];
  return Object.keys(FETCHES).filter((_, at) => old[0] !== now[0] || old[at + 1] !== now[at + 1]);
}

async function load(kinds) {
  const got = {};
  try {
    const fetches = kinds.flatMap((kind) => Object.entries(FETCHES[kind]));
    await Promise.all([look(LOOK_MS), ...[...new Map(fetches)].map(async ([key, fetch]) => { got[key] = await fetch(); })]);
    // What came is read in one task and drawn in the next.
    await sleep(0);
    got.at = now();
    got.fault = null;
    got.isRead = true;
  } catch (error) {
    got.fault = error;
  }
  if (isHeld && state.isRead && !got.fault) {
    held = { ...held, ...got };
    state.fault = null;
  } else {
    Object.assign(state, held, got);
    held = null;
  }
  wakeAtNextEnd();
  listener();
}

/** The latest events, of which only the new ones are asked for, if their times and this run of the agent are still the same. */
async function fetchHistory() {
  const since = version.split(".")[0] + steps;
  if (begun !== since) [begun, events] = [since, []];
  events = [...await api.history(events[0]?.id || 0), ...events].slice(0, HISTORY_MAX);
  return events;
}

/** Alerts and silences end by themselves, and the agent tells no change: look when the next one does. */
function wakeAtNextEnd() {
  clearTimeout(endTimer);
  const at = now();
  let next = 2 ** 31 - 1;
  let kind = "alerts";
  const least = Math.max(END_MS, state.groups.length * LEASE_MS_PER_GROUP);
  for (const group of state.groups) for (const alert of group.alerts) next = Math.min(next, Math.max(least, Date.parse(alert.endsAt) - at));
  for (const silence of state.silences) {
    for (const time of [silence.startsAt, silence.endsAt]) {
      const ms = Math.max(END_MS, Date.parse(time) - at + 1500);
      if (Date.parse(time) > at && ms < next) [next, kind] = [ms, "silences"];
    }
  }
  endTimer = setTimeout(refresh, next, kind);
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
