"""Bad input, each with a clear answer, after which the service answers and nothing is lost."""

import os
import re
import resource
import socket
import subprocess
import time
from pathlib import Path

from agent import Agent, free_port
from api import JSON, Api

ALONE = True  # ten thousand sockets and a hundred megabytes disturb the others' timing

CONFIG = """
route: {receiver: root, group_by: [alertname], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}
receivers:
- {name: root, webhook_configs: [{url: "SINK/root"}]}
"""
ANSWERS_WITHIN = 3.0  # seconds, for a fresh POST under any of this
IDLE_CONNECTIONS = 10_000
BIG_BODY = 100 << 20
GROWTH_MAX_KIB = 64 << 10  # resident memory that a refused body may cost
SLOW_CONNECTIONS = 300
SLOW_BODIES = 256  # as many as it has connections
SLOW_SECONDS = 8
TABLE = 20_000  # alerts, as many as there may be
UNREAD = 10  # lists that are asked for and not read
STUCK = 6  # bodies of which the end does not come
STUCK_BODY = 7 << 20
MEMORY_SHARE_MAX = 0.5  # of the unit's MemoryMax: the rest is for the kernel's buffers
UNIT = Path(__file__).resolve().parents[3] / "systemd/bellwether.service"
HEADER_SECONDS_MAX = 45  # a head that never ends is given up before this


class Watched:
    """An agent that holds one alert from the start, and is asked again and again whether it still does."""

    def __init__(self, world):
        self.sink = world.sink()
        self.agent = world.subject(CONFIG.replace("SINK", self.sink.url))
        self.api = self.agent.api
        self.count = 0
        self.still_well()

    def still_well(self):
        """A fresh alert is taken, listed and notified, and all earlier ones are still there."""
        self.count += 1
        began = time.monotonic()
        self.api.post_alerts({"labels": {"alertname": f"kept-{self.count}"}})
        took = time.monotonic() - began
        assert took < ANSWERS_WITHIN, f"a fresh POST took {took:.1f} s"
        kept = {alert["labels"]["alertname"] for alert in self.api.alerts(("filter", 'alertname=~"kept-.*"'))}
        assert kept == {f"kept-{number + 1}" for number in range(self.count)}, f"kept: {sorted(kept)}"
        self.sink.wait("/root", self.count, 10)

    def memory_kib(self):
        status = open(f"/proc/{self.agent.process.pid}/status").read()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))

    def open(self, data=b""):
        connection = socket.create_connection(("127.0.0.1", self.agent.port), timeout=10)
        connection.sendall(data)
        return connection


def bodies(world):
    """Broken JSON, a wrong type, no labels, a mixed batch, an unknown path, a wrong method, over one kept connection each."""
    watched = Watched(world)
    for path, method, body, status, text in (
        ("/api/v2/alerts", "POST", "{broken", 400, "parsing alerts body"),
        ("/api/v2/alerts", "POST", '{"labels": {}}', 400, "parsing alerts body"),
        ("/api/v2/alerts", "POST", '[{"labels": {"a": 1}}]', 400, "parsing alerts body"),
        ("/api/v2/alerts", "POST", '[{"annotations": {}}]', 422, "0.labels in body is required"),
        ("/api/v2/alerts", "POST", '[{"labels": {}}]', 400, "at least one label pair required"),
        ("/api/v2/alerts", "POST", b"\xff\xfe", 400, "parsing alerts body"),
        ("/api/v1/alerts", "POST", "{broken", 400, "bad_data"),
        ("/api/v2/nothing", "GET", None, 404, "/api/v2/nothing was not found"),
        ("/nothing", "GET", None, 404, "404 page not found"),
        ("/api/v2/alerts", "DELETE", None, 405, "method DELETE is not allowed"),
        ("/api/v2/silence/x", "GET", None, 422, "must be of type uuid"),
        ("/" + "x" * 6000, "GET", None, 404, "404 page not found"),
        ("/api/v2/alerts?" + "filter=bad&" * 500, "GET", None, 400, "bad matcher format"),
        ("/api/v2/alerts?" + "filter=a%3Db&" * 500, "GET", None, 400, "500 matchers, at most 64 are taken"),
    ):
        answer = watched.api.request(method, path, body, JSON if body else {})
        assert (answer.status, text in answer.text) == (status, True), f"{method} {path[:40]} {body!r}: {answer.status} {answer.text[:200]!r}"
    assert "a post of alerts from 127.0.0.1 was refused: " in watched.agent.log()
    watched.still_well()


def mixed_batch(world):
    """The valid alerts of a batch are stored, and notified; the answer lists what was wrong with the others."""
    watched = Watched(world)
    batch = [
        {"labels": {"alertname": "valid-1"}},
        {"labels": {}},
        {"labels": {"alertname": "late"}, "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"},
        {"labels": {"alertname": "valid-2"}},
    ]
    answer = watched.api.post("/api/v2/alerts", batch)
    assert answer.status == 400, answer
    for text in ("at least one label pair required", "start time must be before end time"):
        assert text in answer.json, answer.text
    names = {alert["labels"]["alertname"] for alert in watched.api.alerts(("filter", 'alertname=~"valid.*|late"'))}
    assert names == {"valid-1", "valid-2"}, names
    payloads = watched.sink.wait("/root", 3, 5)
    assert {payload["groupLabels"]["alertname"] for payload in payloads} == {"kept-1", "valid-1", "valid-2"}
    watched.count += 2
    watched.api.post_alerts({"labels": {"alertname": "kept-2"}}, {"labels": {"alertname": "kept-3"}})
    watched.sink.wait("/root", 5, 5)


def big_body(world):
    """A body of 100 MB, announced or chunked: refused with 413, not held in memory, and nobody else waits for it."""
    watched = Watched(world)
    before = watched.memory_kib()
    pieces = [b'[{"labels":{"alertname":"', *[b"x" * (1 << 20)] * (BIG_BODY >> 20), b'"}}]']
    for head, frame, end in (
        (f"Content-Length: {sum(map(len, pieces))}", lambda data: data, b""),
        ("Transfer-Encoding: chunked", lambda data: b"%x\r\n%s\r\n" % (len(data), data), b"0\r\n\r\n"),
    ):
        connection = watched.open(f"POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{head}\r\n\r\n".encode())
        try:
            for piece in pieces:
                connection.sendall(frame(piece))
            connection.sendall(end)
            answer = connection.recv(65536)
            if watched.agent.newer:  # Alertmanager takes it all, whatever it costs
                assert answer.startswith(b"HTTP/1.1 413 "), f"{head}: answered {answer[:200]!r}"
        except (BrokenPipeError, ConnectionResetError):
            assert watched.agent.newer, "Alertmanager hung up"  # may be refused by closing
        finally:
            connection.close()
        if not watched.agent.newer:
            return
        watched.still_well()
    grown = watched.memory_kib() - before
    assert grown < GROWTH_MAX_KIB, f"resident memory grew by {grown} KiB"


def idle_connections(world):
    """10,000 connections that say nothing: a fresh POST is answered all the same, and after they are gone too."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = IDLE_CONNECTIONS + 500
    assert hard >= needed, f"this needs {needed} open files, the hard limit is {hard}"
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the agent inherits it
    watched = Watched(world)
    idle = []
    try:
        for number in range(IDLE_CONNECTIONS):
            connection = socket.socket()
            connection.settimeout(10)
            connection.connect(("127.0.0.1", watched.agent.port))
            idle.append(connection)
            if number % 2500 == 2499:
                watched.still_well()
        watched.still_well()
    finally:
        for connection in idle:
            connection.close()
    watched.still_well()


def slow_heads(world):
    """Connections that send their head a byte at a time hold up nobody, and are closed before long."""
    watched = Watched(world)
    slow = [watched.open(b"POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nX-Slow: ") for _ in range(SLOW_CONNECTIONS)]
    for _ in range(SLOW_SECONDS):
        for connection in slow:
            try:
                connection.send(b"a")
            except OSError:
                pass  # closed already: so much the better
        watched.still_well()
        time.sleep(1)
    if watched.agent.newer:
        first = slow[0]
        first.settimeout(HEADER_SECONDS_MAX)
        try:
            answer = first.recv(4096)
        except ConnectionResetError:
            answer = b""
        except TimeoutError:
            raise AssertionError(f"a head that never ends was not given up within {HEADER_SECONDS_MAX} s") from None
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408 "), answer
    for connection in slow:
        connection.close()
    watched.still_well()


FIVE_MISTAKES = """
global: {resolve_timeout: 5x}
route:
  receiver: nobody
  group_wiat: 30s
  routes:
  - {receiver: root, matchers: ['a=~"("']}
receivers:
- {name: root, webhook_configs: [{max_alerts: 1}]}
"""
KEY_PATHS = [
    r"global\.resolve_timeout",
    r"route\.receiver",
    r"route\.group_wiat",
    r"route\.routes\W?0\W?\.matchers",
    r"receivers\W?0\W?\.webhook_configs\W?0\W?",
]


def five_mistakes(world):
    """A config with five mistakes is not started; each is named, with its key path, in one go."""
    agent = Agent(world.settings.subject, world.directory / "subject", FIVE_MISTAKES)
    done = subprocess.run(agent.command(), capture_output=True, text=True, check=False, timeout=10)
    assert done.returncode != 0, "it started"
    if agent.newer:
        lines = done.stderr.splitlines()
        for path in KEY_PATHS:
            named = [line for line in lines if re.search(path, line)]
            assert len(named) == 1, f"{len(named)} lines name {path}:\n{done.stderr}"
        assert "group_wait" in done.stderr, f"the nearest known key is not named:\n{done.stderr}"


def bad_reload(world):
    """The same five mistakes at a reload: 500 and why, and the old config goes on."""
    watched = Watched(world)
    watched.agent.write_config(FIVE_MISTAKES)
    answer = watched.api.request("POST", "/-/reload")
    assert answer.status == 500 and answer.text.startswith("failed to reload config: "), answer
    if watched.agent.newer:
        for path in KEY_PATHS:
            assert re.search(path, answer.text), f"{path} is not named: {answer.text}"
    watched.still_well()


def pipe_for_a_config(world):
    """A config that has become a pipe to which nobody writes is refused, not waited for."""
    watched = Watched(world)
    watched.agent.config_file.unlink()
    os.mkfifo(watched.agent.config_file)
    answer = watched.api.request("POST", "/-/reload")
    assert answer.status == 500 and "it is a pipe, no regular file" in answer.text, answer
    watched.still_well()


def answers(api):
    try:
        return api.get("/-/ready").status == 200
    except ConnectionRefusedError:
        return False


def unread_log(world):
    """Nobody reads the log: alerting goes on, and the agent stops when it is told to."""
    reader, writer = os.pipe()
    watched = Watched(world)
    agent = Agent(watched.agent.binary, world.directory / "unread", CONFIG.replace("SINK", watched.sink.url), listen=f"127.0.0.1:{free_port()}")
    process = subprocess.Popen(agent.command(), stderr=writer)
    try:
        api = Api(int(agent.listen.rpartition(":")[2]))
        deadline = time.monotonic() + 60
        while not answers(api):
            assert time.monotonic() < deadline, "it is not ready"
            time.sleep(0.02)
        for _ in range(1000):
            assert api.request("POST", "/-/reload").status == 200
        api.post_alerts({"labels": {"alertname": "unread"}})
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        os.close(writer)
    assert len(os.read(reader, 1 << 20)) > 30_000, "the log was not filled"
    os.close(reader)


def slow_bodies(world):
    """256 connections that send the beginning of a body: others are served within seconds."""
    watched = Watched(world)
    head = b"POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n["
    slow = [watched.open(head) for _ in range(SLOW_BODIES)]
    time.sleep(1)  # until all heads are read
    began = time.monotonic()
    assert watched.api.request("GET", "/-/healthy", timeout=30).status == 200
    assert time.monotonic() - began < 15, "slow bodies keep others out"
    for connection in slow:
        connection.close()
    watched.still_well()


def memory(world):
    """A full table, lists that nobody reads, bodies that do not end, posts of millions of values: it keeps within its unit's memory."""
    watched = Watched(world)
    for first in range(0, TABLE - 2, 2000):  # one was there, and one comes at the end
        numbers = range(first, min(first + 2000, TABLE - 2))
        labels = ({"alertname": f"full-{number % 100}", "instance": f"gw-{number}", "site": "x" * 150} for number in numbers)
        watched.api.post_alerts(*({"labels": it, "annotations": {"summary": "y" * 150}} for it in labels))
    get = b"GET /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = f"POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {STUCK_BODY + 1}\r\n\r\n"
    unread = [watched.open(get) for _ in range(UNREAD)]
    time.sleep(1)  # until all are answered, or refused
    refused = [b" 503 " in connection.recv(100) for connection in unread]
    stuck = []
    for _ in range(STUCK):
        stuck.append(watched.open(head.encode()))
        stuck[-1].sendall(b" " * STUCK_BODY)
    for path, item in (("/api/v1/alerts", "{}"), ("/api/v2/alerts", '{"labels":{}}'), ("/api/v2/alerts", '{"labels":{"":""}}'), ("/api/v2/silences", '""')):
        body = "[" + ",".join([item] * ((STUCK_BODY - 2) // (len(item) + 1))) + "]"
        assert watched.api.request("POST", path, body, JSON).status in (400, 503)
    if watched.agent.newer:
        status = open(f"/proc/{watched.agent.process.pid}/status").read()
        most = int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) >> 10
        limit = int(re.search(r"^MemoryMax=(\d+)M$", UNIT.read_text(), re.M).group(1))
        assert most < MEMORY_SHARE_MAX * limit, f"{most} MiB of {limit}"
        assert 0 < refused.count(True) < UNREAD, refused
    for connection in unread + stuck:
        connection.close()
    watched.still_well()


def cases(_settings):
    return [
        (f"bad_input/{case.__name__}", case)
        for case in (
            bodies, mixed_batch, five_mistakes, bad_reload, pipe_for_a_config, unread_log, slow_heads, slow_bodies, big_body, idle_connections, memory,
        )
    ]
