"""Owed and dead man: what came and went while nobody answered is told later; what stays away is an alert, and others hear that we live."""

import time
from datetime import datetime, timedelta, timezone

from agent import free_port, until
from flock import Flock

CONFIG = """
route: {receiver: hook, group_by: [alertname], group_wait: 1s, group_interval: 5s, repeat_interval: 1h}
receivers:
- name: hook
  webhook_configs: [{url: "URL/hook"}]
"""
DEADMAN = """
expect:
- {name: backup, period: 4s}
- {name: prometheus, period: 4s, matchers: ['alertname="Watchdog"'], labels: {severity: warning}}
heartbeat:
- {name: checks, url: "URL/checks?a=b", period: 10s}
"""


def cases(_settings):
    yield "owed/killed_twice", killed_twice
    yield "owed/deadman", deadman
    yield "owed/dead_peer", dead_peer


def alert(name, ends):
    end = datetime.now(timezone.utc) + ends
    return {"labels": {"alertname": name}, "endsAt": end.isoformat()}


def killed_twice(world):
    """The receiver's port is closed, alerts come and go, the agent is killed twice; when the port opens, each is told once, late, with both times."""
    port = free_port()
    agent = world.subject(CONFIG.replace("URL", f"http://127.0.0.1:{port}"))
    owed = lambda: agent.api.get("/bellwether/v1/owed").json
    late = lambda: sum(it["late"] for it in owed())
    for count, name in enumerate("ABC", 1):
        agent.api.post_alerts(alert(name, timedelta(hours=1)))
        until(f"{name} could not be told", lambda: len(owed()) == count)
        agent.api.post_alerts(alert(name, timedelta(0)))
        if name != "C":
            agent.kill()
            agent.start()
        until(f"{name} came and went", lambda: late() == count)
    assert agent.metric("bellwether_owed_late_alerts") == 3
    time.sleep(12)  # the flush that knows C to fire tries until its deadline
    sink = world.sink("127.0.0.1", None, port)
    sink.wait("/hook", 3, 90)
    until("nothing is owed", lambda: owed() == [])
    assert agent.metric("bellwether_late_alerts_total") == 3
    time.sleep(12)  # two flushes: nothing comes again
    alerts = [it for payload in sink.payloads("/hook") for it in payload["alerts"]]
    assert sorted(it["labels"]["alertname"] for it in alerts) == ["A", "B", "C"], alerts
    for it in alerts:
        assert it["late"] is True and it["status"] == "resolved", it
        assert it["startsAt"] < it["endsAt"] < datetime.now(timezone.utc).isoformat(), it


def deadman(world):
    """A ping and an alert keep away the alerts of what is missing; a heartbeat is told, and fails with the agent."""
    sink = world.sink()
    agent = world.subject((CONFIG + DEADMAN).replace("URL", sink.url))
    watchdog = {"labels": {"alertname": "Watchdog"}}
    missing = lambda: sorted(it["labels"]["expected"] for it in agent.api.get("/api/v2/alerts?active=true").json if "expected" in it["labels"])
    for _ in range(6):
        assert agent.api.post("/bellwether/v1/ping/backup", None).status == 200
        agent.api.post_alerts(watchdog)
        time.sleep(1)
        assert missing() == []
    assert agent.api.post("/bellwether/v1/ping/nothing", None).status == 404
    until("both are missing", lambda: missing() == ["backup", "prometheus"])
    listed = agent.api.get("/bellwether/v1/deadman").json
    assert [it["missing"] for it in listed["expected"]] == [True, True] and "ping of 127.0.0.1" in listed["expected"][0]["by"], listed
    agent.api.post("/bellwether/v1/ping/backup", None)
    until("one is back", lambda: missing() == ["prometheus"])
    paths = lambda: [request.path for request in sink.requests if request.path.startswith("/checks")]
    until("the heartbeat is told", lambda: len(paths()) >= 3, 60)
    assert paths()[:2] == ["/checks/start?a=b", "/checks?a=b"], paths()
    assert agent.metric("bellwether_heartbeats_total") >= 3


def dead_peer(world):
    """One of three agents hears all signs of life and is killed: the others miss them within the period and five seconds, and one tells."""
    sink = world.sink()
    expect = "expect:\n- {name: backup, period: 12s}\n"
    flock = Flock(world.settings.subject, world.directory, 3, config=(CONFIG + expect).replace("URL", sink.url))
    missing = lambda node: [it for it in node.api.get("/api/v2/alerts?active=true").json if it["labels"].get("expected") == "backup"]
    try:
        flock.start()
        heard, *others = flock.nodes
        for _ in range(15):
            assert heard.api.post("/bellwether/v1/ping/backup", None).status == 200
            time.sleep(1)
        assert not any(missing(node) for node in flock.nodes)
        heard.kill()
        flock.wait(missing, 12 + 5, "misses the signs", others)
        summary = missing(others[0])[0]["annotations"]["summary"]
        assert "backup is expected each 12s and has not come for" in summary and "last was a ping of 127.0.0.1" in summary, summary
        time.sleep(10)  # two flushes
        told = [it["labels"].get("expected") for payload in sink.payloads("/hook") for it in payload["alerts"]]
        assert told.count("backup") == 1, told
    finally:
        flock.stop()
