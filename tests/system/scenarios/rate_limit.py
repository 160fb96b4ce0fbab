"""Rate limits: a flock sends a receiver so many notifications within a time, and tells what it held back in one digest."""

import time
from datetime import datetime, timedelta, timezone

from agent import until
from flock import Flock

ALLOWED = 3
PER = 30  # seconds
GROUPS = 8
CONFIG = f"""
route: {{receiver: ops, group_by: [instance], group_wait: 1s, group_interval: 10s, repeat_interval: 1h}}
receivers:
- name: ops
  rate_limit: {{notifications: {ALLOWED}, per: {PER}s}}
  webhook_configs: [{{url: "URL/ops"}}]
"""


def cases(_settings):
    yield "rate_limit/digest", digest


def alert(number, ends=timedelta(hours=1)):
    end = datetime.now(timezone.utc) + ends
    return {"labels": {"alertname": "Down", "instance": f"gw{number}"}, "endsAt": end.isoformat()}


def metric(node, name):
    lines = [line for line in node.api.get("/metrics").text.splitlines() if line.startswith(name)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def digest(world):
    """Three of eight groups are told at once; the node that told them dies; one digest tells of the others when there is room."""
    sink = world.sink()
    flock = Flock(world.settings.subject, world.directory, 3, config=CONFIG.replace("URL", sink.url))
    world.at_end(flock.stop)
    flock.start()
    flock.wait(lambda node: node.members == 3 and node.cluster["status"] == "ready", 60, "is ready")

    def told():
        return [request for request in sink.requests if request.delivered]

    for node in flock.nodes:
        node.api.post_alerts(*(alert(number) for number in range(GROUPS)))
    sink.wait("/ops", ALLOWED, 30)
    first = told()[0].at
    time.sleep(5)
    assert len(told()) == ALLOWED, [request.payload["groupKey"] for request in told()]
    held = GROUPS - ALLOWED
    until("what is held back is pending", lambda: all(waiting(node) == held for node in flock.nodes))
    histories = [[it["outcome"] for it in node.api.get("/bellwether/v1/history").json] for node in flock.nodes]
    spender = next(at for at, outcomes in enumerate(histories) if "sent" in outcomes)
    assert all(outcomes.count("held back") == held for outcomes in histories), histories
    assert metric(flock.nodes[spender], "bellwether_notifications_held_back_total") == held
    assert metric(flock.nodes[spender], "bellwether_held_back_groups") == held
    flock.nodes[spender].kill()
    others = [node for at, node in enumerate(flock.nodes) if at != spender]
    others[0].api.post_alerts(alert(GROUPS - 1, timedelta(seconds=-1)))
    sink.wait("/ops", ALLOWED + 1, PER + 30)
    time.sleep(12)
    assert len(told()) == ALLOWED + 1, [request.payload["groupKey"] for request in told()]
    last = told()[-1]
    payload = last.payload
    names = {it["labels"]["instance"] for request in told() for it in request.payload["alerts"]}
    assert names == {f"gw{number}" for number in range(GROUPS)}, names
    assert len(payload["alerts"]) == held and payload["heldBack"]["groups"] == held, payload
    assert payload["groupKey"] == "rate_limit:{}" and payload["notification_reason"] == "held back by rate_limit", payload
    assert last.at - first >= PER, f"told again after {last.at - first:.1f} s"
    assert sum(metric(node, "bellwether_digests_total") for node in others) == 1
    until("nothing is held back", lambda: all(waiting(node) == 0 for node in others))
    return f"one digest of {held} groups after {last.at - first:.1f} s, by another node than the one that had sent"


def waiting(node):
    return sum(it["waits"] == "for room in rate_limit" for it in node.api.get("/bellwether/v1/pending").json)
