"""Compares what two agents did with the same config and the same posts.

Everything that must differ between two runs is put apart first: ids become `silence-1`, `silence-2` in order of creation,
ports become PORT, `updatedAt` and `uptime` only have to be times, and every other time becomes whole seconds since the
run's start (the plans act on whole seconds, groups flush on half ones). What is left must be equal, but for NEWER.
"""

import difflib
import itertools
import json
import re
from datetime import datetime, timezone

ARRIVAL_SLACK = 0.8  # seconds between the same notification of the two sides
DIFF_LINES = 24
FRACTION = re.compile(r"\.(\d+)")
ZERO_TIME = "0001-01-01T00:00:00Z"


def seconds(text):
    """RFC 3339 -> seconds since 1970; Python 3.11 reads at most microseconds, so the fraction is cut to them."""
    text = FRACTION.sub(lambda found: "." + found.group(1)[:6].ljust(6, "0"), text)
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def timestamp(at):
    """Seconds since 1970 -> RFC 3339 in UTC."""
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


# The differences that are meant: where the subject follows Alertmanager 0.34 and the oracle is 0.25. Each function takes
# the newer shape, insists that it is there, and answers the older one.


def _status_without_muted_by(status):
    muted_by = status.pop("mutedBy")  # 0.28: always present
    if muted_by and not status["silencedBy"] and not status["inhibitedBy"]:
        assert status["state"] == "suppressed", f"mutedBy {muted_by} but state {status['state']}"
        status["state"] = "active"  # 0.25 knows no mute of an alert
    return status


def _group_without_route_labels(group):
    group.pop("routeLabels", None)  # 0.34; left out when empty
    return group


def _receiver_without_labels(receiver):
    assert receiver.pop("labels")["name"] == receiver["name"], "receiver labels must hold the name"  # 0.33
    return receiver


def _payload_without_reason(payload):
    payload.pop("routeLabels")  # 0.34
    reason = payload.pop("notification_reason")  # 0.32
    assert reason in REASONS, f"unknown notification_reason {reason!r}"
    return payload


def _status_without_journal(status):
    assert status.pop("journal")["status"] == "ready", "the journal must work"
    assert status.pop("clock") in ("synced", "unsynced")
    assert status.pop("bellwether")["version"], "our own version must be told"
    return status


REASONS = {
    "first notification",
    "new alerts added",
    "all alerts resolved",
    "some alerts resolved",
    "repeat interval elapsed",
}

NEWER = [  # (why, what it applies to, newer -> older)
    ("0.28 mutedBy of an alert's status", lambda v: "silencedBy" in v and "state" in v, _status_without_muted_by),
    ("ours: the journal, the clock and our version in /status", lambda v: "versionInfo" in v and "cluster" in v, _status_without_journal),
    ("0.34 routeLabels of a group", lambda v: "alerts" in v and "receiver" in v and "groupKey" not in v, _group_without_route_labels),
    ("0.33 labels of a receiver in /receivers", lambda v: set(v) == {"name", "labels"}, _receiver_without_labels),
    ("0.32 notification_reason, 0.34 routeLabels of a webhook", lambda v: "groupKey" in v, _payload_without_reason),
]


def _settled(silences):
    """Silences that end (when pending: begin) together, whose order is not defined, in the order of their names."""

    def place(silence):
        state = silence["status"]["state"]
        return state, silence["startsAt" if state == "pending" else "endsAt"]

    return [silence for _, tied in itertools.groupby(silences, place) for silence in sorted(tied, key=lambda s: s["id"])]


class Side:
    """One agent's run: what it was told, what it answered and whom it notified."""

    def __init__(self, agent, sink, start):
        self.agent = agent
        self.sink = sink
        self.start = start
        self.ids = {}
        self.answers = []

    def name_silence(self, identifier):
        """The name of a silence's id, given at its first sight."""
        return self.ids.setdefault(identifier, f"silence-{len(self.ids) + 1}")

    def record(self, label, answer):
        """Keep an answer of the API: status, content type and body, all comparable."""
        try:
            body = self.normal(answer.json) if answer.body else ""
        except ValueError:
            body = answer.text
        self.answers.append((label, {"status": answer.status, "type": answer.content_type, "body": body}))

    def normal(self, value, key=""):
        """The value with everything apart that may differ."""
        if isinstance(value, list):
            items = [self.normal(item, key) for item in value]
            if key == "silencedBy":
                return sorted(items)
            return _settled(items) if items and "matchers" in items[0] else items
        if isinstance(value, dict):
            if self.agent.newer:
                value = dict(value)
                for why, applies, older in NEWER:
                    if applies(value):
                        try:
                            value = older(value)
                        except KeyError as missing:
                            raise AssertionError(f"{why}: {missing} is missing in {value}") from missing
            return {name: self.normal(item, name) for name, item in value.items()}
        if key in ("updatedAt", "uptime"):
            seconds(value)
            return "a time"
        if key in ("startsAt", "endsAt"):
            return "never" if value == ZERO_TIME else f"{round(seconds(value) - self.start):+d} s"
        if key in ("id", "silenceID", "silencedBy"):
            return self.name_silence(value)
        if key == "externalURL":
            return re.sub(r":\d+", ":PORT", value)
        return value

    def delivered(self):
        """The notifications that the sink took."""
        return [request for request in self.sink.requests if request.delivered]

    def notifications(self):
        """Delivered notifications by path, receiver and group key, each a list of (arrival, payload) in order."""
        groups = {}
        for request in self.delivered():
            payload = self.normal(request.payload)
            of = f"{request.path} {payload['receiver']} {payload['groupKey']}"
            payload["content-type"] = request.headers.get("content-type")
            groups.setdefault(of, []).append((request.at - self.start, payload))
        return groups


def _pretty(value):
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).splitlines()


def _diff(ours, theirs):
    lines = list(difflib.unified_diff(_pretty(theirs), _pretty(ours), "oracle", "subject", lineterm="", n=3))[2:]
    return "\n".join(lines[:DIFF_LINES] + (["..."] if len(lines) > DIFF_LINES else []))


def _brief(entries):
    return [
        f"{at:5.1f} s {payload['status']} "
        + ", ".join("{}{}".format("-" if a["status"] == "resolved" else "+", sorted(a["labels"].items())) for a in payload["alerts"])
        for at, payload in entries
    ]


def compare_answers(subject, oracle):
    """The differences between the answers of the two sides, as text."""
    found = []
    for (label, ours), (_, theirs) in zip(subject.answers, oracle.answers, strict=True):
        if ours != theirs:
            found.append(f"{label}:\n{_diff(ours, theirs)}")
    return found


def compare_notifications(subject, oracle, slack=ARRIVAL_SLACK):
    """The differences between the notifications of the two sides, as text."""
    found = []
    ours, theirs = subject.notifications(), oracle.notifications()
    for of in sorted(set(ours) | set(theirs)):
        mine, his = ours.get(of, []), theirs.get(of, [])
        if len(mine) != len(his):
            found.append(f"{of}: {len(mine)} notifications, the oracle sent {len(his)}:\n{_diff(_brief(mine), _brief(his))}")
            continue
        for number, ((at, payload), (his_at, his_payload)) in enumerate(zip(mine, his), 1):
            if payload != his_payload:
                found.append(f"{of}, notification {number} at {at:.1f} s:\n{_diff(payload, his_payload)}")
            elif abs(at - his_at) > slack:
                found.append(f"{of}, notification {number}: came at {at:.1f} s, the oracle's at {his_at:.1f} s")
    return found
