// What the page asks of the agent. Paths are relative, so that a prefix before them does no harm.
import { learn, now } from "./time.js";

/** If more groups than these have changed all are fetched. */
const FETCHED_MAX = 100;

async function ask(path, options, read = JSON.parse) {
  const response = await fetch(path, { cache: "no-store", ...options });
  learn(response.headers.get("Date"));
  const text = await response.text();
  if (response.ok) return text ? read(text) : null;
  let why = text;
  try {
    const parsed = JSON.parse(text);
    why = parsed.message || parsed;
  } catch { /* plain text */ }
  throw Object.assign(new Error(`${response.status}: ${String(why).trim() || response.statusText}`), { status: response.status });
}

const post = (path, body) => ask(path, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

export const silences = () => ask("api/v2/silences");
export const status = () => ask("api/v2/status");
export const receivers = () => ask("api/v2/receivers");
export const deadman = () => ask("bellwether/v1/deadman");
export const pending = () => ask("bellwether/v1/pending");
export const owed = () => ask("bellwether/v1/owed");

let known = [];

/** The groups. Of those that this page has only what has changed is fetched; nothing new is the same list. */
export async function groups() {
  const versions = new Map(known.length ? await ask("bellwether/v1/groups?show=versions") : []);
  const old = new Map(known.map((it) => [it.id, it]));
  const stale = [...versions].filter(([id, version]) => old.get(id)?.version !== version);
  if (!stale.length && versions.size && versions.size === old.size) return known;
  const isAll = !versions.size || stale.length > FETCHED_MAX;
  const query = new URLSearchParams(isAll ? [] : stale.map(([id]) => ["id", id]));
  const came = isAll || stale.length ? await ask(`bellwether/v1/groups?${query}`) : [];
  came.forEach((it) => old.set(it.id, it));
  known = isAll ? came : [...versions.keys()].map((id) => old.get(id)).filter(Boolean);
  return known;
}

export const fingerprints = (matchers) => ask(`bellwether/v1/groups?${filter(matchers, ["show", "fingerprints"])}`);

/** The history, newest first: what came after the event of this id. */
export const history = (after) => ask(`bellwether/v1/history?after=${after}`);

export const retryOwed = (receiver) => post("bellwether/v1/owed/retry", { receiver });

/** Forgets what came and went, of which a receiver was not told. */
export const dropOwed = (receiver) => post("bellwether/v1/owed/drop", { receiver });

/** Sends a marked sample to a receiver, or shows what it would send. */
export const test = (receiver, isDry) => post("bellwether/v1/notify/test", { receiver, dry_run: isDry });

export const alertsOf = (matchers) => ask(`api/v2/alerts?${filter(matchers)}`);

const filter = (matchers, ...rest) => new URLSearchParams([...rest, ...matchers.map((it) => ["filter", it])]);

/** Sets a silence, or changes the one of its id; answers the id that it has now. */
export const setSilence = (silence) => post("api/v2/silences", silence).then((it) => it.silenceID);

export const expireSilence = (id) => ask(`api/v2/silence/${id}`, { method: "DELETE" });

/** Sets a silence that ends when nothing it matches fires, a month later at most; `same`: for the severities of now. */
export const acknowledge = (silence, same) => setSilence({
  ...silence, annotations: { ends: same ? "when resolved or severity changes" : "when resolved" },
  startsAt: new Date(now()).toISOString(), endsAt: new Date(now() + 30 * 864e5).toISOString(),
});

/** Waits until something is newer than `version`, or for some time; answers the version now. Without `version` at once. */
export const changes = (version, signal) => ask(`bellwether/v1/changes?after=${version}`, { signal }, (it) => it.trim());
