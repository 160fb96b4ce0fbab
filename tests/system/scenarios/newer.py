"""What Bellwether takes from Alertmanagers newer than the oracle's 0.25, asked of it alone."""

import time

from agent import is_alertmanager, until
from oracle import timestamp

ROOT = """
route: {receiver: root, group_by: [alertname], group_wait: 500ms, group_interval: 1s, repeat_interval: 6s}
receivers:
- {name: root, webhook_configs: [{url: "SINK/root"}]}
"""


def alert(name, starts=None, ends=None, **labels):
    body = {"labels": {"alertname": name, **labels}}
    if starts is not None:
        body["startsAt"] = timestamp(time.time() + starts)
    if ends is not None:
        body["endsAt"] = timestamp(time.time() + ends)
    return body


def reasons(agent, sink):
    """0.32: each notification says why it was sent; 0.34: and the labels of its route."""
    agent.api.post_alerts(alert("A", site="1"))
    sink.wait("/root", 1, 30)
    agent.api.post_alerts(alert("A", site="2"))
    sink.wait("/root", 2, 30)
    agent.api.post_alerts(alert("A", site="2", ends=0))
    sink.wait("/root", 3, 30)
    sink.wait("/root", 4, 30)
    agent.api.post_alerts(alert("A", site="1", ends=0))
    payloads = sink.wait("/root", 5, 30)
    told = [payload["notification_reason"] for payload in payloads]
    assert told == ["first notification", "new alerts added", "some alerts resolved", "repeat interval elapsed", "all alerts resolved"], told
    assert all(payload["routeLabels"] == {} for payload in payloads), payloads[0]


def muted_by(agent, sink):
    """0.28: a group says which intervals mute it, its alerts are suppressed, and `muted=false` leaves it out."""
    agent.api.post_alerts(alert("A"), alert("Free"))
    sink.wait("/root", 1, 30)

    def status(name):
        (found,) = [group for group in agent.api.get("/api/v2/alerts/groups").json if group["labels"]["alertname"] == name]
        return found["alerts"][0]["status"]

    muted = until("A is muted", lambda: (found := status("A"))["mutedBy"] and found)
    assert (muted["mutedBy"], muted["state"]) == (["always"], "suppressed"), muted
    free = status("Free")
    assert (free["mutedBy"], free["state"]) == ([], "active"), free
    left = agent.api.get("/api/v2/alerts/groups", ("muted", "false")).json
    assert [group["labels"] for group in left] == [{"alertname": "Free"}], left
    assert len(agent.api.alerts()) == 2
    assert len(sink.requests) == 1


MUTED = ROOT.replace("repeat_interval: 6s", "routes: [{matchers: [alertname=A], mute_time_intervals: [always]}]") + """
time_intervals:
- {name: always, time_intervals: [{years: ['2000:2999']}]}
"""


def group_by_nothing(agent, sink):
    """0.31: an empty group_by overrides the parent's."""
    agent.api.post_alerts(alert("A", team="x"), alert("B", team="x"))
    (payload,) = sink.wait("/root", 1, 30)
    assert payload["groupKey"] == '{}/{team="x"}:{}' and len(payload["alerts"]) == 2, payload


GROUPS_NOTHING = ROOT.replace("repeat_interval: 6s", "routes: [{matchers: [team=x], group_by: []}]")


def late_joiner(agent, sink):
    """0.30: only the alert that creates a group can bring its first flush forward, not an old one that joins it."""
    agent.api.post_alerts(alert("A", site="1"))
    agent.api.post_alerts(alert("A", site="2", starts=-600))
    (payload,) = sink.wait("/root", 1, 30)
    assert len(payload["alerts"]) == 2, payload
    assert len(sink.payloads("/root")) == 1


WAITS = ROOT.replace("group_wait: 500ms", "group_wait: 5s")


def silence_states(agent, sink):
    """0.34: silences are listed by state."""
    ids = {}
    for name, starts, ends in (("active", 0, 600), ("pending", 300, 600), ("expired", 0, 600)):
        body = {
            "matchers": [{"name": "a", "value": name, "isRegex": False}],
            "startsAt": timestamp(time.time() + starts), "endsAt": timestamp(time.time() + ends),
            "createdBy": "me", "comment": "c",
        }
        ids[name] = agent.api.post("/api/v2/silences", body).json["silenceID"]
    assert agent.api.delete(f"/api/v2/silence/{ids['expired']}").status == 200

    def listed(*params):
        return [silence["status"]["state"] for silence in agent.api.get("/api/v2/silences", *params).json]

    assert listed() == ["active", "pending", "expired"]
    assert listed(("expired", "false")) == ["active", "pending"]
    assert listed(("active", "false"), ("expired", "false")) == ["pending"]
    assert listed(("pending", "false")) == ["active", "expired"]


def receiver_labels(agent, sink):
    """0.33: receivers have labels, their name among them."""
    assert agent.api.get("/api/v2/receivers").json == [{"name": "root", "labels": {"name": "root"}}]


def utf8(agent, sink):
    """0.27: label names are any text, in alerts, filters and silences."""
    agent.api.post_alerts({"labels": {"alertname": "A", "größe.in-m": "1 🐏"}})
    (payload,) = sink.wait("/root", 1, 30)
    assert payload["commonLabels"] == {"alertname": "A", "größe.in-m": "1 🐏"}, payload
    assert len(agent.api.alerts(("filter", '"größe.in-m"="1 🐏"'))) == 1
    assert len(agent.api.alerts(("filter", '"größe.in-m"=~"2.*"'))) == 0
    silence = {
        "matchers": [{"name": "größe.in-m", "value": "1.*", "isRegex": True}], "createdBy": "me", "comment": "c",
        "startsAt": timestamp(time.time()), "endsAt": timestamp(time.time() + 60),
    }
    assert agent.api.post("/api/v2/silences", silence).status == 200
    assert agent.api.alerts(("silenced", "false")) == []


def webhook_timeout(agent, sink):
    """0.28: a webhook's timeout gives up a receiver that hangs, and it is asked again."""
    sink.behave("/root", 200, 3600)
    agent.api.post_alerts(alert("A"))
    until("a receiver that hangs is given up and asked again", lambda: len(sink.requests) >= 2)


HANGS = ROOT.replace('/root"', '/root", timeout: 500ms')


def case(check, config):
    """The check, on a fresh agent; an Alertmanager in Bellwether's place is not asked."""

    def run(world):
        sink = world.sink()
        if not is_alertmanager(world.settings.subject):
            check(world.subject(config.replace("SINK", sink.url)), sink)

    return run


def cases(_settings):
    checks = {
        reasons: ROOT, muted_by: MUTED, group_by_nothing: GROUPS_NOTHING, late_joiner: WAITS, silence_states: ROOT,
        receiver_labels: ROOT, utf8: ROOT, webhook_timeout: HANGS,
    }
    return [(f"newer/{check.__name__}", case(check, config)) for check, config in checks.items()]
