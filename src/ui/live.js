// Waits for the agent to say that something changed, then fetches that and no more.
import * as api from "./api.js";
import { now } from "./time.js";

/** What the agent told last. `at` is when; `fault` says why it could not be asked since. */
export const state = { groups: [], silences: [], history: [], pending: [], status: null, at: null, fault: null, isRead: false };

const FETCHES = {
  alerts: { groups: api.groups },
  silences: { silences: api.silences, groups: api.groups },
  history: { history: api.history, pending: api.pending },
};
/** Troubles are no change that is told: they are asked for with changes, at most so often. */
const LOOK_MS = 60e3;
const RETRY_MS_MAX = 15e3;
/** An agent is asked for lists for at most a hundredth of the time, but not less often than this. */
const REST_OF_FETCH = 99;
const REST_MS_MAX = 10e3;
/** A page that nobody sees only counts in its tab: the count may be a minute old. */
const HIDDEN_REST_MS = 60e3;

let listener = () => {};
let version = "";
let waiting = new Set(Object.keys(FETCHES));
let applied = Promise.resolve();
let isHeld = false;
let held = null;
let endTimer;

/** Starts; `onchange` is called after each change. */
export function start(onchange) {
  listener = onchange;
  run();
}

/** Fetches these kinds ("alerts", "silences", "history") now, after a write of ours. */
export function refresh(...kinds) {
  applied = applied.then(() => load(kinds.length ? kinds : Object.keys(FETCHES)));
  return applied;
}

let lookedAt = -Infinity;

/** Fetches the status, unless that was done less than so many milliseconds ago. */
export async function look(ms) {
  if (Date.now() - lookedAt < ms) return;
  lookedAt = Date.now();
  state.status = await api.status();
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
    try {
      const next = await api.changes(version, AbortSignal.timeout(90e3));
      newer(version, next).forEach((kind) => waiting.add(kind));
      version = next;
      if (waiting.size) {
        const began = Date.now();
        await refresh(...waiting);
        if (state.fault) throw state.fault;
        waiting = new Set();
        await rest(Math.min(REST_MS_MAX, Math.max(500, (Date.now() - began) * REST_OF_FETCH)));
      } else if (state.fault) {
        await refresh();
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

/** Waits so long; of a hidden page a minute, or until it is seen again. */
function rest(ms) {
  if (!document.hidden) return sleep(ms);
  const seen = new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
  return Promise.race([sleep(HIDDEN_REST_MS), seen]);
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
    if (got.history && !got.groups && tellsOfMuting(got.history)) got.groups = await api.groups();
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

/** Whether a mute time has begun or may have ended: of that the history alone tells. */
function tellsOfMuting(history) {
  const known = state.history[0]?.at || "";
  return history.some((it) => it.outcome === "muted" && it.at > known) || state.groups.some((group) => group.alerts.some((it) => it.status.mutedBy?.length));
}

/** Alerts and silences end by themselves, and the agent tells no change: look when the next one does. */
function wakeAtNextEnd() {
  clearTimeout(endTimer);
  let next = Infinity;
  for (const group of state.groups) for (const alert of group.alerts) next = sooner(next, alert.endsAt);
  for (const silence of state.silences) next = sooner(sooner(next, silence.endsAt), silence.startsAt);
  if (next < Infinity) endTimer = setTimeout(() => refresh("alerts", "silences"), Math.min(Math.max(next - now() + 1500, 30e3), 2 ** 31 - 1));
}

function sooner(next, time) {
  const at = Date.parse(time);
  return at > now() && at < next ? at : next;
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
