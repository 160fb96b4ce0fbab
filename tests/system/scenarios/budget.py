"""Budgets: a storm over a metered way. The bytes are those that the receiver's socket has seen."""

import json
import select
import socket
import threading
import time
from datetime import datetime, timedelta, timezone

from agent import until
from authority import Authority, server_context
from browser import Browser
from command import run
from scenarios.https import Server

GROUPS, EACH, BATCH = 25, 200, 1_000
BUDGET = 100_000
CONFIG = """
route:
  receiver: nobody
  group_by: [alertname]
  group_wait: 2s
  group_interval: 5s
  repeat_interval: 4h
  routes:
  - {receiver: plain, continue: true}
  - {receiver: secure, continue: true}
  - {receiver: halved, continue: true}
  - {receiver: short, continue: true}
receivers:
- {name: nobody}
"""
RECEIVER = """
- name: %s
  budget: {bytes: 100KB}
  rate_limit: {notifications: %d, per: 5s}
  webhook_configs: [{url: "%s/%s", http_config: {tls_config: {ca_file: "%s"}}}]
"""


def cases(_settings):
    yield "budget/storm", storm


class Meter:
    """A way to a server that counts the bytes that pass, both ways."""

    def __init__(self, server):
        self.bytes, self._server = 0, server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = server.url.replace(str(server.port), str(self._listener.getsockname()[1]))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            here = self._listener.accept()[0]
            there = socket.create_connection(("127.0.0.1", self._server.port))
            threading.Thread(target=self._pass, args=({here: there, there: here},), daemon=True).start()

    def _pass(self, ends):
        while all(piece := [(source, source.recv(65536)) for source in select.select(list(ends), [], [])[0]]):
            for source, part in piece:
                if not part:
                    for end in ends:
                        end.close()
                    return
                self.bytes += len(part)
                ends[source].sendall(part)


class Receiver:
    """A webhook behind a meter. Until so many bytes have passed, a portal answers in its place, with a page of its own."""

    def __init__(self, name, context=None, portal_until=0, limit=100):
        self.name, self.portal_until, self.limit, self.told = name, portal_until, limit, []
        self.server = Server(context)
        self.server.answers[f"/{name}"] = self._answer
        self.meter = Meter(self.server)

    def _answer(self, _headers, body):
        if self.meter.bytes < self.portal_until:
            return 503, {"body": bytes(15_000)}
        self.told.append(json.loads(body))
        return 200, {}


def storm_alerts():
    """5,000 alerts in 25 groups; one of each of three groups is critical."""
    end = (datetime.now(timezone.utc) + timedelta(hours=5)).isoformat()
    for number in range(GROUPS * EACH):
        group, place = divmod(number, EACH)
        severity = "critical" if group < 3 and place == EACH - 1 else "warning"
        labels = {"alertname": f"G{group:02}", "instance": f"host-{place:03}", "severity": severity}
        yield {"labels": labels, "annotations": {"summary": "the disk of this host is nearly full"}, "endsAt": end}


def criticals(payload):
    return [it["labels"]["severity"] == "critical" for it in payload["alerts"]]


def used(agent, name):
    """The use of a receiver as the API, the metrics and the command tell it; they must agree."""
    listed = agent.api.get("/api/v2/status").json["bellwether"]["receivers"]
    [it] = [it for it in listed if it["receiver"] == name]
    assert agent.metric("bellwether_receiver_bytes_total", receiver=name) == it["bytesTotal"], it
    return it


def storm(world):
    """5,000 alerts, and 100 KB a day for each of four receivers: by http, by https, and two behind a portal that uses up half of it, and three quarters."""
    authority = Authority(world.directory / "ca")
    plain, secure = Receiver("plain", limit=1), Receiver("secure", server_context(authority.issue("server")), limit=1)
    halved, short = Receiver("halved", portal_until=54_000), Receiver("short", portal_until=81_000)
    all_four = [plain, secure, halved, short]
    config = CONFIG + "".join(RECEIVER % (it.name, it.limit, it.meter.url, it.name, authority.certificate) for it in all_four)
    agent = world.subject(config)
    alerts = list(storm_alerts())
    for begin in range(0, len(alerts), BATCH):
        agent.api.post_alerts(*alerts[begin : begin + BATCH])
    until("a group, and digests of others", lambda: len(plain.told) >= 3 and len(secure.told) >= 3)
    until("the first after half, and the first after three quarters", lambda: halved.told and short.told)
    time.sleep(7)  # a flush more: the two are told nothing for an hour
    for it in all_four:
        until(f"{it.name}: the receiver has seen {it.meter.bytes} bytes", lambda it=it: used(agent, it.name)["bytesToday"] == it.meter.bytes, 10)
        for payload in it.told:
            first = criticals(payload)
            assert first == sorted(first, reverse=True), f"{it.name}: what is critical comes first: {first}"
            assert len({alert["fingerprint"] for alert in payload["alerts"]}) == len(payload["alerts"]), payload
    for it in (plain, secure):
        assert it.meter.bytes <= BUDGET / 2, f"{it.name}: {it.meter.bytes} bytes without a word of the budget"
        group, *digests = it.told
        assert "G00" in group["groupKey"] and len(group["alerts"]) + group["heldBack"]["leftOut"] == EACH, group
        for digest in digests:
            held = digest["heldBack"]
            assert digest["groupKey"] == "rate_limit:{}" and held["groups"] > 1, digest
            assert len(digest["alerts"]) + held["leftOut"] == held["groups"] * EACH, held
        assert sum(sum(criticals(payload)) for payload in it.told) == 3, f"{it.name}: each critical alert once, by its name"
    [digest], [kept] = halved.told, short.told
    assert digest["heldBack"]["budget"].startswith("Half of") and sum(criticals(digest)) == 3, digest["heldBack"]
    assert kept["heldBack"]["budget"].startswith("Three quarters") and criticals(kept) == [True] * 3, kept
    assert halved.meter.bytes < BUDGET * 3 / 4 and short.meter.bytes < BUDGET, (halved.meter.bytes, short.meter.bytes)
    for words, count in (("Half of the day's budget", 2), ("Three quarters of the day's budget", 1)):
        assert agent.log().count(words) == count, f"the log says {agent.log().count(words)} times: {words}"
    shown = run(agent.binary, "flock", "--url", f"http://127.0.0.1:{agent.port}")
    line = f"halved/webhook[0]  {halved.meter.bytes} bytes, 1 messages, budget: digests"
    assert line in shown, shown
    browser = Browser(world)
    browser.open(f"http://127.0.0.1:{agent.port}/#/status")
    browser.find(".node .entry", f"{short.meter.bytes / 1000:.1f} KB/24 h kept")
    return ", ".join(f"{it.name} {it.meter.bytes} bytes" for it in all_four)
