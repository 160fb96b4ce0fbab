"""Keeps books on what an agent acknowledged, to compare with what it still knows after it was cut off.

Every alert and silence is a key with a history of states; what was answered with 200 is at `acked`, what follows was
asked for and not (yet) answered. After a cut the agent must be in the acknowledged state or in a later one.
"""

import http.client
import threading
import time

from oracle import timestamp

GONE = "gone"  # the state of an alert that never fired or has ended
ALERTS, INSTANCES, SILENCES = 5, 2, 4  # of each writer
FENCE_SECONDS = 0.2  # from a notification's answer until its log entry is surely queued
NEVER = float("inf")


class Ledger:
    """The books of one run; writers on several threads, each with keys of its own."""

    def __init__(self):
        self.lock = threading.Lock()
        self.history = {}  # key -> states
        self.acked = {}  # key -> index into its history
        self.fences = []  # when posts that changed something began and were acknowledged
        self.operations = 0

    def ask(self, states):
        """Note what is about to be asked for: states by key."""
        with self.lock:
            for key, state in states.items():
                self.history.setdefault(key, [GONE]).append(state)
                self.acked.setdefault(key, 0)

    def acknowledge(self, keys, began):
        with self.lock:
            for key in keys:
                self.acked[key] = len(self.history[key]) - 1
            self.fences.append((began, time.time()))
            self.operations += 1

    def now(self, key):
        return self.history.get(key, [GONE])[-1]

    def copy(self):
        """How far each key is acknowledged."""
        with self.lock:
            return dict(self.acked)

    def lost(self, seen, acked):
        """What is known of keys in a state older than acknowledged."""
        with self.lock:
            return [
                f"{key}: acknowledged {self.history[key][index]!r}, found {seen.get(key, GONE)!r}"
                for key, index in acked.items()
                if seen.get(key, GONE) not in self.history[key][index:]
            ]

    def settle(self, seen):
        """After a cut: what is there is what counts."""
        with self.lock:
            for key in self.history:
                self.history[key], self.acked[key] = [seen.get(key, GONE)], 0


def seen(api):
    """The states as the agent shows them."""
    states = {}
    for alert in api.alerts():
        labels = alert["labels"]
        states["alert", labels["alertname"], labels.get("i")] = alert["annotations"].get("v")
    for silence in api.get("/api/v2/silences").json:
        state = "expired" if silence["status"]["state"] == "expired" else silence["comment"]
        states["silence", silence["id"]] = state
    return states


def by_key(states, ledger):
    """What the agent shows, under the ledger's keys: a silence's has its writer's name too."""
    shown = ((key, key[:2] if key[0] == "silence" else key) for key in ledger.copy())
    return {key: states[under] for key, under in shown if under in states}


class Writer(threading.Thread):
    """Posts alerts and silences of its own, at random, until it is told to stop or nobody answers."""

    def __init__(self, api, ledger, rng, name):
        super().__init__(daemon=True)
        self.api = api
        self.ledger = ledger
        self.rng = rng
        self.prefix = name
        self.over = threading.Event()
        self.fault = None
        self.start()

    def run(self):
        acts = (self.fire, self.fire, self.repeat, self.resolve, self.make_silence, self.edit_silence, self.expire_silence)
        while not self.over.is_set():
            try:
                self.rng.choice(acts)()
            except (OSError, http.client.HTTPException):
                return  # the agent was cut off
            except AssertionError as fault:
                self.fault = fault
                return

    def end(self):
        """Stop it, if it was not cut off; fails with what it found."""
        self.over.set()
        self.join()
        if self.fault:
            raise self.fault

    def _keys(self):
        names = self.rng.sample(range(ALERTS), self.rng.randint(1, 3))
        return [("alert", f"{self.prefix}-{name}", str(self.rng.randrange(INSTANCES))) for name in names]

    def _post(self, path, value, states):
        self.ledger.ask(states)
        began = time.time()
        answer = self.api.post(path, value)
        if answer.status == 200:
            self.ledger.acknowledge(states, began)
        elif answer.status == 503 and "stopping" in answer.text:
            self.over.set()
        elif answer.status:
            raise AssertionError(f"POST {path} answered {answer.status}: {answer.text}")
        return answer

    def _alerts(self, states, starts, ends):
        alerts = [
            {"labels": {"alertname": name, "i": i}, "annotations": {"v": state}, "startsAt": timestamp(starts), "endsAt": timestamp(ends)}
            for (_, name, i), state in states.items()
        ]
        self._post("/api/v2/alerts", alerts, {key: state if ends > time.time() else GONE for key, state in states.items()})

    def fire(self):
        now = time.time()
        self._alerts({key: f"{now:.6f}" for key in self._keys()}, now, now + 3600)

    def repeat(self):
        states = {key: self.ledger.now(key) for key in self._keys()}
        states = {key: state for key, state in states.items() if state != GONE}
        if states:
            self._alerts(states, time.time() - 1, time.time() + 3600)

    def resolve(self):
        now = time.time()
        self._alerts({key: "ended" for key in self._keys()}, now - 0.001, now)

    def _silences(self, active):
        known = [key for key in self.ledger.copy() if key[0] == "silence" and key[2] == self.prefix]
        return [key for key in known if (self.ledger.now(key) != "expired") == active]

    def make_silence(self):
        if len(self._silences(True)) >= SILENCES:
            return
        now = time.time()
        value = {
            "matchers": [{"name": "alertname", "value": f"never-{self.prefix}", "isRegex": False}],
            "startsAt": timestamp(now),
            "endsAt": timestamp(now + 3600),
            "createdBy": self.prefix,
            "comment": f"{now:.6f}",
        }
        answer = self._post("/api/v2/silences", value, {})
        if answer.status == 200:
            key = ("silence", answer.json["silenceID"], self.prefix)
            self.ledger.ask({key: value["comment"]})
            self.ledger.acknowledge([key], now)

    def edit_silence(self):
        for key in self._silences(True)[:1]:
            value = self.api.get(f"/api/v2/silence/{key[1]}")
            if value.status != 200:
                return
            value = {**value.json, "comment": f"{time.time():.6f}"}
            answer = self._post("/api/v2/silences", value, {key: value["comment"]})
            assert answer.status != 200 or answer.json["silenceID"] == key[1], "an edit of the comment gave another silence"

    def expire_silence(self):
        for key in self._silences(True)[-1:]:
            self.ledger.ask({key: "expired"})
            began = time.time()
            answer = self.api.delete(f"/api/v2/silence/{key[1]}")
            if answer.status == 200:
                self.ledger.acknowledge([key], began)


class Story:
    """The notifications of each group, over the lives of one agent.

    Each life has an external URL of its own, `http://life-N`, so that a request tells which life sent it, however late
    it is read. `cuts` are the ends of lives.
    """

    def __init__(self, sink, fences, cuts, wanted=lambda _: True):
        self.fences = fences
        self.cuts = cuts
        self.groups = {}
        for number, request in enumerate(sink.requests):
            if not wanted(request):
                continue
            payload = request.payload
            life = int(payload["externalURL"].rpartition("-")[2])
            content = frozenset((a["labels"].get("i"), a["status"]) for a in payload["alerts"])
            note = (life, request.at, sink.answered.get(number, NEVER), content)
            self.groups.setdefault(payload["groupKey"], []).append(note)
        for notes in self.groups.values():
            notes.sort(key=lambda note: note[:2])

    def may_be_forgotten(self, life, answered):
        """Whether the next life may not know of a notification that was answered at that time.

        It must if a later post was acknowledged in the same life: what was queued before it is then on flash.
        """
        cut = self.cuts.get(life)
        return cut is not None and not any(answered + FENCE_SECONDS < began and acknowledged < cut for began, acknowledged in self.fences)

    def repeats(self):
        """(those that a cut between send and sync explains, those that nothing does)"""
        explained, faults = 0, []
        for group, notes in self.groups.items():
            for (life, at, answered, content), (later, again, _, same) in zip(notes, notes[1:]):
                if content != same:
                    continue
                if life < later and self.may_be_forgotten(life, answered):
                    explained += 1
                else:
                    faults.append(f"{group}: {sorted(content)} in life {life} at {at:.3f}, answered {answered:.3f}, and in life {later} at {again:.3f}")
        return explained, faults

    def last_said(self):
        """What was said last of each alert: (life, when answered, status) by (alertname, instance)."""
        said = {}
        for group, notes in self.groups.items():
            name = group.split('"')[1]
            for life, _, answered, content in notes:
                for instance, status in content:
                    said[name, instance] = (life, answered, status)
        return said
