"""Owed and dead man: what came and went while nobody answered is told later; what stays away is an alert, and others hear that we live."""

import os
import subprocess
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
GROUPS = 8
SECONDS = float(os.environ.get("OWED_SECONDS", "20"))
EVERY = max(1, SECONDS / 900)  # from one alert to the next: a receiver is owed 1,000 at most
DEADMAN = """
expect:
- {name: backup, period: 4s}
- {name: prometheus, period: 4s, matchers: ['alertname="Watchdog"'], labels: {severity: warning}}
heartbeat:
- {name: checks, url: "URL/checks?a=b", period: 10s}
"""


def cases(_settings):
    yield "owed/killed_twice", killed_twice
    yield "owed/commands", commands
    yield "owed/port_closed", port_closed
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


def commands(world):
    """What came and went is shown, and forgotten by `owed drop`; what fires stays, and is told by `owed retry` once the port is open; the history is there after a kill."""
    port = free_port()
    agent = world.subject(CONFIG.replace("URL", f"http://127.0.0.1:{port}"))

    def run(*words):
        done = subprocess.run([agent.binary, *words, f"--url=http://127.0.0.1:{agent.port}"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    late = lambda: sum(it["late"] for it in agent.api.get("/bellwether/v1/owed").json)
    agent.api.post_alerts(alert("gone", timedelta(hours=1)), alert("fires", timedelta(hours=1)))
    until("both are owed", lambda: len(agent.api.get("/bellwether/v1/owed").json) == 2)
    agent.api.post_alerts(alert("gone", timedelta(0)))
    until("one came and went", lambda: late() == 1)
    assert "gone" in run("owed", "query")
    agent.kill()
    agent.start()
    assert "gone" in run("history"), "written with the end of the alert"
    until("it is owed still", lambda: late() == 1)
    run("owed", "drop", "hook")
    assert late() == 0 and "gone" not in run("owed", "query")
    sink = world.sink("127.0.0.1", None, port)
    run("owed", "retry", "hook")
    (payload,) = sink.wait("/hook", 1, 30)
    assert [it["labels"]["alertname"] for it in payload["alerts"]] == ["fires"], payload
    time.sleep(12)  # two flushes: nothing comes again
    assert len(sink.requests) == 1, sink.payloads("/hook")


def port_closed(world):
    """Three agents reach no receiver for OWED_SECONDS, alerts come and go, and the one that tries to tell is killed twice; when the port opens, each alert is told once, in order for each group, and those that are over as late."""
    port = free_port()
    config = CONFIG.replace("[alertname]", "[group]").replace("URL", f"http://127.0.0.1:{port}")
    flock = Flock(world.settings.subject, world.directory, 3, config=config)
    labels = lambda number: {"alertname": f"a{number}", "group": f"g{number % GROUPS}"}
    count, ends = int(SECONDS / EVERY), {}
    failed = lambda node: node.metric("alertmanager_notification_requests_failed_total")
    try:
        flock.start()
        start = time.monotonic()
        for number in range(count):
            now = datetime.now(timezone.utc)
            over = number - 3  # fires for three steps; the last ones fire when the port opens
            posted = [{"labels": labels(number), "endsAt": (now + timedelta(hours=2)).isoformat()}]
            if over >= 0:
                ends[f"a{over}"] = now
                posted.append({"labels": labels(over), "endsAt": now.isoformat()})
            answer = flock.nodes[number % 3].api.post("/api/v2/alerts", posted)
            assert answer.status == 200, answer.text
            if number in (count // 3, count * 2 // 3):
                until("one tries to tell", lambda: any(map(failed, flock.nodes)))
                busiest = max(flock.nodes, key=failed)
                busiest.kill()
                busiest.start()
            time.sleep(max(0, start + (number + 1) * EVERY - time.monotonic()))
        time.sleep(12)  # flushes that know alerts to fire that are over try until their deadline
        sink = world.sink("127.0.0.1", None, port)
        opened = time.time()
        told = lambda: [it for payload in sink.payloads("/hook") for it in payload["alerts"] if it["labels"]["alertname"] in names]
        names = {f"a{number}" for number in range(count)}
        missing = lambda: names - {it["labels"]["alertname"] for it in told()}
        while missing():
            assert time.time() < opened + 120 + SECONDS / 6, f"not told: {sorted(missing())}"
            time.sleep(0.1)
        last = max(request.at for request in sink.requests) - opened
        until("nothing is owed", lambda: all(node.api.get("/bellwether/v1/owed").json == [] for node in flock.nodes))
        time.sleep(12)  # two flushes: nothing comes again
        late = [it["labels"]["alertname"] for it in told() if it.get("late")]
        assert sorted(late) == sorted(ends), f"{len(late)} late for {len(ends)} that are over"
        for it in told():
            name = it["labels"]["alertname"]
            assert (it["status"], it.get("late", False)) == (("resolved", True) if name in ends else ("firing", False)), it
            if name in ends:
                apart = datetime.fromisoformat(it["endsAt"]) - ends[name]
                assert abs(apart) < timedelta(seconds=1) and it["startsAt"] < it["endsAt"], (it, ends[name])
        newest = {}
        for payload in sink.payloads("/hook"):
            for end in sorted(it["endsAt"] for it in payload["alerts"] if it["labels"]["alertname"] in ends):
                group = payload["groupLabels"]["group"]
                assert newest.get(group, "") <= end, f"{group}: {end} after {newest[group]}"
                newest[group] = end
        print(f"  {count} alerts in {SECONDS:.0f} s, {len(sink.requests)} notifications, the last {last:.0f} s after the port opened", flush=True)
    finally:
        flock.stop()


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
