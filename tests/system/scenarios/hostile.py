"""Everything at once: what is posted reaches its receiver in time, memory stays bounded, no watchdog beat is missed.

HOSTILE_SECONDS says for how long; ten minutes by hand, less than one as a case of every run.
"""

import contextlib
import itertools
import os
import re
import socket
import threading
import time
from pathlib import Path

from agent import free_port, until
from pulse import Pulse
from world import Busy

SECONDS = float(os.environ.get("HOSTILE_SECONDS", "30"))
GROUP_WAIT = 1.0
LATE_SECONDS = 1.0  # how late a notification may be
WATCHDOG_SECONDS = 3.0
# What a machine that stands still excuses: it is measured beside.
STANDSTILL_SECONDS = 0.4
CONFIG = """
global: {resolve_timeout: 10m}
route:
  receiver: nobody
  group_by: [alertname]
  group_wait: 30s
  routes:
  - {receiver: probe, matchers: ['alertname=~"probe-.*"'], group_wait: 1s, group_interval: 1h}
  - {receiver: nobody, matchers: ['host=~"(alpha|beta|gamma)-[0-9]{1,3}"'], continue: true}
receivers:
- {name: probe, webhook_configs: [{url: "SINK/probe"}]}
- {name: nobody}
"""
UNIT = Path(__file__).resolve().parents[3] / "systemd" / "bellwether.service"
REGEXES = ("(y?){60}", ".*[x-z].*", ".*.*.*b", "(a|b|ab)*c", ".*[0-9]Nx", "host-(1|2|3)[0-9]+")


class Crowd:
    """Those that hurt: each in a thread of its own, again and again, until the end."""

    def __init__(self):
        self.over = threading.Event()
        self.counts = {}
        self._threads = []

    def add(self, name, act, pause):
        def run():
            for turn in itertools.count():
                if self.over.is_set():
                    return
                with contextlib.suppress(OSError):  # to be refused is an answer
                    act(turn)
                    self.counts[name] = turn + 1
                self.over.wait(pause)

        self._threads.append(threading.Thread(target=run, daemon=True))
        self._threads[-1].start()

    def close(self):
        self.over.set()
        for thread in self._threads:
            thread.join(30)


class Beats:
    """systemd's end of the notification socket: when the agent said that it is alive."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.times = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                if "WATCHDOG=1" in self._socket.recv(4096).decode():
                    self.times.append(time.monotonic())

    def longest(self):
        """The longest time without a beat, in seconds."""
        times = [*self.times, time.monotonic()]
        return max(after - before for before, after in zip(times, times[1:]))

    def close(self):
        self._socket.close()


class Answers:
    """How long `/-/healthy` takes while everything goes on."""

    def __init__(self, agent):
        self.longest, self.refused = 0.0, 0
        self._agent = agent

    def look(self, _turn):
        began = time.monotonic()
        answer = self._agent.api.request("GET", "/-/healthy", timeout=30)
        self.longest = max(self.longest, time.monotonic() - began)
        self.refused += answer.status != 200


def memory_max():
    """The unit's MemoryMax, in bytes."""
    return int(re.search(r"^MemoryMax=(\d+)M$", UNIT.read_text(), re.MULTILINE).group(1)) << 20


def peak(agent):
    """The most memory that the process has had, in bytes."""
    status = Path(f"/proc/{agent.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) << 10


def stall(agent, request, seconds):
    """A connection that sends this and then takes a byte now and then."""
    with socket.create_connection(("127.0.0.1", agent.port), 5) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(request)
        end = time.monotonic() + seconds
        connection.settimeout(0.5)
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                if not connection.recv(64):
                    return
            time.sleep(0.5)


def crowd(agent, peer):
    """Everything that hurts, against the agent."""

    def new_strings(turn):
        text = f"{turn} " + "x" * 8_000
        alerts = [{"labels": {"alertname": "strings", "i": str(i)}, "annotations": {"text": text + str(i)}} for i in range(60)]
        agent.api.post("/api/v2/alerts", alerts)

    def many(turn):
        alerts = [{"labels": {"alertname": f"many-{i % 40}", "host": f"alpha-{i}", "text": f"{'xyz' * 20}{i}"}} for i in range(1500)]
        agent.api.post("/api/v2/alerts", alerts)

    def regex(turn):
        pattern = REGEXES[turn % len(REGEXES)]
        agent.api.get("/api/v2/alerts", ("filter", f'text=~"{pattern}"'))

    def silence(turn):
        matchers = [{"name": "text", "value": f".*[0-9]N{turn % 200}", "isRegex": True}]
        value = {"matchers": matchers, "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "me", "comment": "c"}
        answer = agent.api.post("/api/v2/silences", value)
        if turn % 2 and answer.status == 200:
            agent.api.delete(f"/api/v2/silence/{answer.json['silenceID']}")

    def peers(turn):
        alerts = [{"labels": {"alertname": "peer", "i": str(i)}, "annotations": {"turn": f"{turn} {'p' * 300}"}} for i in range(100)]
        peer.api.post("/api/v2/alerts", alerts)

    reader = b"GET /api/v2/alerts HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    sender = b"POST /api/v2/alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 8000000\r\n\r\n["
    announcer = b"GET /api/v2/alerts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
    found = Crowd()
    found.add("posts of new strings", new_strings, 0.2)
    found.add("posts of many alerts", many, 2)
    found.add("GETs with a regex", regex, 0.2)
    found.add("silences", silence, 0.1)
    found.add("reloads", lambda _: agent.signal(1), 3)
    found.add("posts at the peer", peers, 0.3)
    for number, request in enumerate((reader, reader, sender, sender, announcer, announcer)):
        found.add(f"slow connections {number}", lambda _, request=request: stall(agent, request, 8), 0.1)
    return found


def probe(agent, sink, end):
    """Post an alert each half second; answers how late each was notified, in seconds; none for one that never was."""
    sent = {}
    for number in itertools.count():
        if time.monotonic() > end:
            break
        name = f"probe-{number}"
        sent[name] = time.time()
        agent.api.post_alerts({"labels": {"alertname": name}})
        time.sleep(0.5)
    arrived = lambda: {r.payload["groupLabels"]["alertname"]: r.at for r in reversed(sink.requests) if r.delivered}
    with contextlib.suppress(AssertionError):
        until("every probe has arrived", lambda: set(sent) <= set(arrived()), 30)
    times = arrived()
    return {name: times[name] - at - GROUP_WAIT if name in times else None for name, at in sent.items()}


def is_settled(node):
    cluster = node.api.get("/api/v2/status").json["cluster"]
    return cluster["status"] == "ready" and len(cluster["peers"]) == 2


def everything_at_once(world):
    sink = world.sink()
    config = CONFIG.replace("SINK", sink.url)
    beats = Beats(world.directory / "notify")
    world.at_end(beats.close)
    ports = free_port(), free_port()
    addresses = [f"--cluster.listen-address=127.0.0.1:{port}" for port in ports]
    watched = ("env", f"NOTIFY_SOCKET={world.directory / 'notify'}", f"WATCHDOG_USEC={WATCHDOG_SECONDS * 1e6:.0f}")
    agent = world.subject(config, addresses[0], "--web.external-url=http://subject", prefix=watched)
    peer = world.subject(config, addresses[1], f"--cluster.peer=127.0.0.1:{ports[0]}", "--web.external-url=http://peer", name="peer")
    # A member that has just come leaves its turns to others until it has settled.
    for node in (agent, peer):
        until("the two are a flock", lambda node=node: is_settled(node))
    pulse, hurts, answers = Pulse(), crowd(agent, peer), Answers(agent)
    hurts.add("looks", answers.look, 0.05)
    try:
        lateness = probe(agent, sink, time.monotonic() + SECONDS)
        silent = beats.longest()
    finally:
        hurts.close()
        pulse.close()
    missing = [name for name, late in lateness.items() if late is None]
    latest = max((late for late in lateness.values() if late is not None), default=0)
    figures = (
        f"{len(lateness)} probes, {latest:.2f} s late at most; /-/healthy {answers.longest * 1000:.0f} ms at most, {answers.refused} refused; "
        f"{silent:.1f} s without a beat at most; {peak(agent) / 2**20:.0f} MiB; machine {pulse.latest:.2f} s late"
    )
    did = ", ".join(f"{count} {name}" for name, count in sorted(hurts.counts.items()))
    assert all(hurts.counts.get(name) for name in ("posts of new strings", "GETs with a regex", "silences", "posts at the peer")), did
    assert peak(agent) < memory_max(), figures
    assert not missing, f"{missing} never arrived; {figures}"
    failure = None
    if latest > LATE_SECONDS:
        failure = f"a notification was late; {figures}; {did}"
    elif silent > WATCHDOG_SECONDS:
        failure = f"a beat was missed; {figures}; {did}"
    elif answers.refused:
        failure = f"/-/healthy was refused; {figures}; {did}"
    if failure and pulse.latest > STANDSTILL_SECONDS:
        raise Busy(failure)
    assert not failure, failure
    return figures


HEAVY = True


def cases(_settings):
    return [("hostile/everything_at_once", everything_at_once)]
