"""Fallbacks: a flock whose receiver refuses for longer than a time tells another, once, and what is owed stays owed."""

import time
from datetime import datetime, timedelta, timezone

from agent import until
from flock import Flock

CONFIG = """
route: {receiver: ops, group_by: [instance], group_wait: 1s, group_interval: 3s, repeat_interval: 1h}
receivers:
- name: ops
  fallback: on-call
  fallback_after: 5s
  webhook_configs: [{url: "URL/ops"}]
- name: on-call
  webhook_configs: [{url: "URL/on-call"}]
"""
FLUSHES = 8  # seconds in which two flushes come


def cases(_settings):
    yield "fallback/told_once", told_once


def alert(ends):
    end = datetime.now(timezone.utc) + ends
    return {"labels": {"alertname": "Down", "instance": "gw1"}, "endsAt": end.isoformat()}


def told_once(world):
    """Refused by ops: on-call is told once by three nodes and across a restart; ops is told when it works, and both hear the end."""
    sink = world.sink()
    sink.behave("/ops", status=400)
    flock = Flock(world.settings.subject, world.directory, 3, config=CONFIG.replace("URL", sink.url))
    world.at_end(flock.stop)
    flock.start()
    flock.wait(lambda node: node.cluster["status"] == "ready", 60, "is ready")

    def paths(path):
        return [request.payload["status"] for request in sink.requests if request.path == path and request.delivered]

    for node in flock.nodes:
        node.api.post_alerts(alert(timedelta(hours=1)))
    sink.wait("/on-call", 1, 60)
    refused = sum(request.path == "/ops" for request in sink.requests)
    assert refused >= 2, f"told at the first refusal: {refused}"
    time.sleep(FLUSHES)
    histories = [node.api.get("/bellwether/v1/history").json for node in flock.nodes]
    fell = [entry for entries in histories for entry in entries if entry["outcome"] == "fell back"]
    assert fell and all(entry["to"] == "on-call" for entry in fell), histories
    for node in flock.nodes:
        node.stop()
        node.start()
    flock.wait(lambda node: node.members == 3 and node.cluster["status"] == "ready", 60, "is ready again")
    time.sleep(FLUSHES)
    assert paths("/on-call") == ["firing"], paths("/on-call")
    sink.behave("/ops")
    sink.wait("/ops", 1, 60)
    for node in flock.nodes:
        node.api.post_alerts(alert(timedelta(seconds=-1)))
    until("both hear the end", lambda: [paths(path)[-1] for path in ("/ops", "/on-call")] == ["resolved"] * 2)
    time.sleep(FLUSHES)
    assert paths("/ops") == paths("/on-call") == ["firing", "resolved"], (paths("/ops"), paths("/on-call"))
