"""Every table, queue and reader filled at once: the process keeps below its one limit of memory, and goes on alerting."""

import json
import re
import socket
import threading
import time
from pathlib import Path

from api import JSON
from world import Skip

ALONE = True  # it fills some hundred megabytes

LIMITS = Path(__file__).resolve().parents[3] / "src/limits.rs"
ALERTS = 20_000
LARGE = 90  # alerts whose texts take what is left of the room for texts
SILENCES = 10_000
UNREAD = 20
STUCK = 20
STUCK_BODY = 7 << 20
SMALL = 180  # connections that send the beginning of a small body
TURNS = 30  # posts of new texts
WITHIN = 10.0  # seconds, for a post amid all this: lists of everything for all readers are made at the same time
CONFIG = """
route:
  receiver: all
  group_by: [site]
  group_wait: 1s
  group_interval: 10s
  repeat_interval: 1h
  routes:
  - {receiver: each, group_by: ['...'], continue: true}
  - {receiver: all, group_by: [site], continue: true}
  - {receiver: all, group_by: []}
inhibit_rules:
- {source_matchers: ['alertname=~"full-[0-4]"'], target_matchers: ['alertname=~"none.*"'], equal: [instance]}
- {source_matchers: ['alertname=~"full-.*"'], target_matchers: ['instance=~".*x"'], equal: [site]}
receivers:
- {name: all, webhook_configs: [{url: "SINK/a"}, {url: "SINK/b"}, {url: "SINK/c"}]}
- {name: each, webhook_configs: [{url: "SINK/each"}]}
"""


def limit(name):
    """A constant of the limits, in bytes."""
    return eval(re.search(rf"{name}: usize = ([0-9 *_]+);", LIMITS.read_text()).group(1))


def peak(agent):
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{agent.process.pid}/status").read_text()).group(1)) << 10


def fill_alerts(api):
    statuses = []
    for first in range(0, ALERTS, 1000):
        labels = ({"alertname": f"full-{number % 100}", "instance": f"gw-{number}", "site": f"{number % 50:0150}"} for number in range(first, first + 1000))
        posted = [{"labels": it, "annotations": {"summary": f"{it['instance']:y>120}"}} for it in labels]
        statuses.append(api.request("POST", "/api/v2/alerts", json.dumps(posted), JSON).status)
    large = [{"labels": {"alertname": "large", "i": str(number)}, "annotations": {"s": f"{number:046000}"}} for number in range(LARGE)]
    statuses.append(api.request("POST", "/api/v2/alerts", json.dumps(large), JSON).status)
    assert statuses.count(200) >= ALERTS // 1000 - 2, statuses


def fill_silences(api):
    statuses = set()
    for number in range(SILENCES):
        matcher = {"name": "instance", "value": f"(gw|host)-[0-9]*{number}x?[a-z]{{1,3}}", "isRegex": True}
        silence = {"matchers": [matcher], "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "memory", "comment": "y" * 250}
        statuses.add(api.request("POST", "/api/v2/silences", json.dumps(silence), JSON).status)
        if 400 in statuses:
            break
    assert statuses <= {200, 400}, statuses


def post_new_texts(api, answers):
    for turn in range(TURNS):
        large = [{"labels": {"alertname": "large", "i": str(number)}, "annotations": {"s": f"{turn:06}{number:046000}"}} for number in range(LARGE)]
        answers.append(api.request("POST", "/api/v2/alerts", json.dumps(large), JSON).status)


def everything(world):
    sink = world.sink()
    for path in ("/a", "/b", "/c", "/each"):
        sink.behave(path, delay=86_400)
    agent = world.subject(CONFIG.replace("SINK", sink.url), "--web.get-concurrency=50")
    if not agent.newer:
        raise Skip("Alertmanager has no limit of memory")
    api = agent.api
    fill_silences(api)
    fill_alerts(api)
    held = []

    def open_with(request):
        connection = socket.create_connection(("127.0.0.1", agent.port))
        connection.settimeout(5)
        held.append(connection)
        try:
            connection.sendall(request)
        except OSError:
            pass  # refused with a text is fine

    for _ in range(UNREAD):
        open_with(b"GET /api/v2/alerts/groups HTTP/1.1\r\nHost: localhost\r\n\r\n")
    head = f"POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {STUCK_BODY + 1}\r\n\r\n"
    for _ in range(STUCK):
        open_with(head.encode() + b" " * STUCK_BODY)
    for _ in range(SMALL):
        open_with(head.encode() + b" " * 60_000)
    answers = []
    poster = threading.Thread(target=post_new_texts, args=(api, answers), daemon=True)
    poster.start()
    values = '{"labels":{"":""}}'
    body = "[" + ",".join([values] * ((STUCK_BODY - 2) // (len(values) + 1))) + "]"
    assert api.request("POST", "/api/v2/alerts", body, JSON).status in (400, 503)
    began = time.monotonic()
    assert api.request("POST", "/api/v2/alerts", json.dumps([{"labels": {"alertname": "full-0", "instance": "gw-0", "site": f"{0:0150}"}}]), JSON).status == 200
    took = time.monotonic() - began
    assert api.get("/-/healthy").status == 200
    poster.join(120)
    assert set(answers) <= {200, 503}, answers
    found, allowed = peak(agent), limit("MEMORY_BYTES_MAX")
    assert found < allowed, f"{found >> 20} MiB of {allowed >> 20}"
    assert took < WITHIN, f"a post took {took:.1f} s"
    for connection in held:
        connection.close()
    assert agent.process.poll() is None
    return f"peak {found >> 20} MiB of {allowed >> 20}, a post took {took:.1f} s"


def cases(_settings):
    return [("memory/everything", everything)]
