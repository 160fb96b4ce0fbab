// What the page asks of the agent. Paths are relative, so that a prefix before them does no harm.
import { learn, now } from "./time.js";

/** How much has come so far. */
export let bytes = 0;

async function ask(path, options, read = JSON.parse) {
  const response = await fetch(path, { cache: "no-store", ...options });
  learn(response.headers.get("Date"));
  const text = await response.text();
  bytes += text.length;
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

export const groups = () => ask("api/v2/alerts/groups");
export const silences = () => ask("api/v2/silences");
export const status = () => ask("api/v2/status");
export const receivers = () => ask("api/v2/receivers");
export const deadman = () => ask("bellwether/v1/deadman");
export const history = () => ask("bellwether/v1/history");
export const pending = () => ask("bellwether/v1/pending");
export const owed = () => ask("bellwether/v1/owed");

/** Tries a receiver that has failed for long at once. */
export const retryOwed = (receiver) => post("bellwether/v1/owed/retry", { receiver });

/** Forgets what came and went, of which a receiver was not told. */
export const dropOwed = (receiver) => post("bellwether/v1/owed/drop", { receiver });

/** Sends a marked sample to a receiver, or shows what it would send. */
export const test = (receiver, isDry) => post("bellwether/v1/notify/test", { receiver, dry_run: isDry });

/** The alerts that all these matchers match. */
export function alertsOf(matchers) {
  const query = new URLSearchParams(matchers.map((it) => ["filter", it]));
  return ask(`api/v2/alerts?${query}`);
}

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
