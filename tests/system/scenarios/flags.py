"""Alertmanager's flags of limits and times are meant: each has its effect on a running agent, and no other's."""

import re
import socket
import time

from agent import until

CONFIG = """
route: {receiver: nobody, group_wait: 0s, group_interval: 1s, repeat_interval: 4h, routes: [{receiver: hook, matchers: ['alertname="Door"']}]}
receivers:
- {name: nobody}
- {name: hook, webhook_configs: [{url: "SINK/hook"}]}
"""
START_DELAY = 4.0
TIMEOUT = 2.0
SILENCE_BYTES = 700
FLAGS = (
    "--alerts.per-alertname-limit=1",
    "--alerts.gc-interval=1s",
    f"--dispatch.start-delay={START_DELAY:.0f}s",
    "--silences.max-silences=2",
    f"--silences.max-silence-size-bytes={SILENCE_BYTES}",
    "--log.silences",
    "--web.get-concurrency=1",
    f"--web.timeout={TIMEOUT:.0f}s",
)


def silence(comment="c"):
    matchers = [{"name": "a", "value": "b", "isRegex": False}]
    return {"matchers": matchers, "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2199-01-01T00:00:00Z", "createdBy": "me", "comment": comment}


def notifies_late(agent, sink, began):
    """The first notification waits for the end of the delay of the start."""
    agent.api.post_alerts({"labels": {"alertname": "Door"}})
    sink.wait("/hook", 1, 60)
    after = sink.requests[0].at - began
    assert after >= START_DELAY, f"notified {after:.1f} s after the start"


def keeps_one_of_a_name(agent):
    """Of two alerts of one name the second is dropped and counted, until the first has ended and is cleared away."""
    north, south = ({"labels": {"alertname": "Window", "side": side}} for side in ("north", "south"))
    listed = lambda: [alert["labels"]["side"] for alert in agent.api.alerts(("filter", "alertname=Window"))]  # noqa: E731
    agent.api.post_alerts(north, south)
    assert listed() == ["north"] and agent.metric("alertmanager_alerts_limited_total") == 1
    agent.api.post_alerts({**north, "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2020-01-02T00:00:00Z"})

    def is_taken():
        agent.api.post_alerts(south)
        return listed() == ["south"]

    until("there is room for the other", is_taken)


def bounds_silences(agent):
    """A silence that is too large is refused, and one too many; each change is in the log."""
    post = lambda value: agent.api.post("/api/v2/silences", value)  # noqa: E731
    large = post(silence("c" * SILENCE_BYTES))
    assert large.status == 400 and f"(limit: {SILENCE_BYTES} bytes)" in large.text, large.text
    ids = [answer.json["silenceID"] for answer in (post(silence()), post(silence()))]
    more = post(silence())
    assert more.status == 400 and "number of silences: 2 (limit: 2)" in more.text, more.text
    for known in ids:
        assert re.search(rf"level=INFO.*silence {known} of", agent.log()), agent.log()


def answers_one_at_a_time(agent):
    """While a client holds a GET the next is refused, and an answer that does not come in time is given up."""
    texts = ({"labels": {"alertname": f"A{number}"}, "annotations": {"text": "x" * 3500}} for number in range(1000))
    agent.api.post_alerts(*texts)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(10)
        client.connect(("127.0.0.1", agent.port))
        client.sendall(b"GET /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        refused = agent.api.get("/api/v2/receivers")
        assert refused.status == 503 and "GET requests reached (1), try again later" in refused.text, refused.text
    until("GETs are answered again", lambda: agent.api.get("/api/v2/receivers").status == 200)
    version = agent.api.get("/bellwether/v1/changes").text.strip()
    began = time.monotonic()
    late = agent.api.get("/bellwether/v1/changes", ("after", version))
    took = time.monotonic() - began
    assert (late.status, late.text) == (503, f"Exceeded configured timeout of {TIMEOUT:.0f}s.\n"), late
    assert TIMEOUT <= took < 10 * TIMEOUT, took


def meant(world):
    """One agent with all of them."""
    sink = world.sink()
    began = time.time()
    agent = world.subject(CONFIG.replace("SINK", sink.url), *FLAGS)
    notifies_late(agent, sink, began)
    keeps_one_of_a_name(agent)
    bounds_silences(agent)
    answers_one_at_a_time(agent)


def cases(_settings):
    return [("flags/meant", meant)]
