#!/usr/bin/env python3
"""Measures how long an agent keeps others waiting while it gets input that is meant to hurt.

    tests/bench/hostile [--before BINARY] [--only WORD] [--list]

BELLWETHER names a built binary; without it a release build is made. The gap is the longest time that `/-/healthy` took to
answer when asked every 10 ms, from before the input until 2 s after its answer; "answer" is when the input itself was
answered. `--before` measures an older binary too. A gap ends at 60 s.
"""

import argparse
import importlib.machinery
import importlib.util
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

HERE = Path(__file__).resolve().parent
SYSTEM = HERE.parent / "system"
sys.path[:0] = [str(HERE), str(SYSTEM)]
sys.dont_write_bytecode = True

from agent import Agent  # noqa: E402
from load import post  # noqa: E402

SECONDS_MAX = 60
AFTER = 2
CONFIG = """
route:
  receiver: nobody
  group_by: [alertname]
  group_wait: %(wait)s
  group_interval: 1h
  repeat_interval: 4h
  routes: [%(routes)s]
receivers:
- {name: nobody}
"""
INPUTS = {}


def hostile(name):
    """Marks a function as an input of that name: given a `World`, it sends its input."""
    def mark(function):
        INPUTS[name] = function
        return function
    return mark


class Pulse:
    """Asks `/-/healthy` every 10 ms on one connection and keeps the longest time to an answer."""

    def __init__(self, port):
        self.longest, self.over, self.port = 0.0, threading.Event(), port
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        asker = None
        while not self.over.is_set():
            began = time.perf_counter()
            try:
                if asker is None:
                    asker = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS_MAX)
                asker.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: bench\r\n\r\n")
                if not asker.recv(4096).startswith(b"HTTP/1.1 200"):
                    asker = None
            except OSError:
                asker = None
            self.longest = max(self.longest, time.perf_counter() - began)
            time.sleep(0.01)

    def close(self):
        self.over.set()
        self.thread.join(SECONDS_MAX)
        return self.longest


class World:
    """One agent, and what is sent to it."""

    def __init__(self, binary, directory):
        self.binary, self.directory, self.agent = binary, directory, None
        self.gap, self.took, self.answers = 0.0, 0.0, []

    def start(self, routes="", wait="1h"):
        config = CONFIG % {"routes": routes, "wait": wait}
        self.agent = Agent(self.binary, self.directory, config).start()

    def request(self, sent):
        """Send a request over a connection of its own; answers the head of the answer."""
        with socket.create_connection(("127.0.0.1", self.agent.port), timeout=SECONDS_MAX) as connection:
            connection.sendall(sent)
            head, size = b"", 0
            try:
                while b"\r\n\r\n" not in head:
                    data = connection.recv(1 << 16)
                    if not data:
                        return head.decode(errors="replace")
                    head += data
                lines = head.lower().split(b"\r\n")
                length = next((int(it.split(b":")[1]) for it in lines if it.startswith(b"content-length:")), 0)
                size = len(head) - head.index(b"\r\n\r\n") - 4
                while size < length:
                    data = connection.recv(1 << 20)
                    if not data:
                        break
                    size += len(data)
            except TimeoutError:
                return "no answer"
            return head.split(b"\r\n")[0].decode()

    def get(self, path):
        return self.request(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())

    def alerts(self, alerts, size=500):
        for first in range(0, len(alerts), size):
            self.request(post(alerts[first:first + size]))

    def silence(self, *patterns, name="instance", regex=True):
        matchers = [{"name": name, "value": pattern, "isRegex": regex} for pattern in patterns]
        times = {"startsAt": "2026-01-01T00:00:00Z", "endsAt": "2040-01-01T00:00:00Z"}
        return self.request(post({"matchers": matchers, **times, "createdBy": "bench", "comment": "bench"}, "silences"))

    def measured(self, run):
        """Runs what is measured: the gap of others and when it was done."""
        pulse = Pulse(self.agent.port)
        time.sleep(0.1)
        began = time.perf_counter()
        self.answers.append(run())
        self.took += time.perf_counter() - began
        time.sleep(AFTER)
        self.gap = max(self.gap, pulse.close())


def small(count, length=60):
    """Alerts whose label x is long, and another for each."""
    return [{"labels": {"alertname": f"a{n % 100}", "instance": f"gateway-{n}.example:9100", "x": f"{n:0{length}}"}} for n in range(count)]


def large(count, text="ab", label="x"):
    """Alerts with a label of 45 KB."""
    return [{"labels": {"alertname": f"a{n}", label: text * (45_000 // len(text))}} for n in range(count)]


def filters(pattern, count=1):
    return "&".join([f"filter={urllib.parse.quote(f'x=~{json.dumps(pattern)}')}"] * count)


@hostile("GET (y?){1000}, 20,000 alerts")
def counted(world):
    world.start()
    world.alerts(small(20_000))
    world.measured(lambda: world.get(f"/api/v2/alerts?{filters('(y?){1000}')}"))


@hostile("GET 64 filters .*[0-9].*, 20,000 alerts")
def many_filters(world):
    world.start()
    world.alerts(small(20_000))
    world.measured(lambda: world.get(f"/api/v2/alerts?{filters('.*[0-9].*', 64)}"))
    world.measured(lambda: world.get(f"/api/v2/alerts/groups?{filters('.*[0-9].*', 64)}"))


@hostile("GET .* x 4,000 then b, eight alerts of 45 KB")
def stars(world):
    world.start()
    world.alerts(large(8, "ac"))
    world.measured(lambda: world.get(f"/api/v2/alerts?{filters('.*' * 4000 + 'b')}"))


@hostile("GET .*b[ab]{900}, 170 alerts of 45 KB")
def explosion(world):
    world.start()
    world.alerts(large(170), 50)
    world.measured(lambda: world.get(f"/api/v2/alerts?{filters('.*b[ab]{900}')}"))


@hostile("GET after 1,000 silences .*[0-9]Nx, 10,000 alerts")
def silences(world):
    world.start()
    world.alerts(small(10_000))
    for n in range(1000):
        world.silence(f".*[0-9]{n}x")
    world.measured(lambda: world.get("/api/v2/alerts"))
    world.measured(lambda: world.get("/metrics"))


@hostile("flush after 1,000 silences .*[a-z]N.*, 10,000 alerts in one group")
def flush(world):
    world.start(wait="5s")
    for n in range(1000):
        world.silence(f".*[a-z]{n}x.*")
    alerts = [{"labels": {**it["labels"], "alertname": "one"}} for it in small(10_000)]
    world.alerts(alerts, 5000)
    world.measured(lambda: time.sleep(6))


@hostile("12 regex routes, one post of 8 MiB")
def routes(world):
    world.start(", ".join(f"{{receiver: nobody, matchers: ['x=~\".*[x-z]{n}.*\"']}}" for n in range(12)))
    body = post(large(177))
    world.measured(lambda: world.request(body))


@hostile("a post of 8 MiB, 20,000 alerts")
def big_post(world):
    world.start()
    body = post(small(20_000, 200))
    world.measured(lambda: world.request(body))
    world.measured(lambda: world.request(body))


@hostile("a silence of 64 expensive patterns that is refused")
def refused(world):
    world.start()
    world.measured(lambda: world.silence(*["[a-z]{1000}" * 60] * 64))
    world.measured(lambda: world.silence(*["(a[bc]?){1000}" * 20] * 64))


@hostile("GET, 33 silences that match 10,000 alerts")
def remembered(world):
    world.start()
    world.alerts(small(10_000))
    for n in range(33):
        world.silence(f".*(example|{n}):.*")
    for n in range(1000):
        world.silence(f".*[x-z]{n}.*")
    world.get("/api/v2/alerts")
    world.measured(lambda: world.get("/api/v2/alerts"))


@hostile("a reload with 9,500 regex routes, 10,000 alerts")
def reload(world):
    world.start()
    world.alerts(small(10_000))
    routes = ", ".join(f"{{receiver: nobody, matchers: ['x=~\".*[x-z]{n}\"']}}" for n in range(9_500))
    world.agent.config_file.write_text(CONFIG % {"routes": routes, "wait": "1h"})
    world.measured(lambda: world.request(b"POST /-/reload HTTP/1.1\r\nHost: bench\r\nContent-Length: 0\r\n\r\n"))


@hostile("a restart after one silence and four alerts of 45 KB")
def restart(world):
    world.start(wait="1s")
    world.silence("(a?b?){500}.*(a|b){400}c", name="x")
    world.alerts(large(4))
    time.sleep(2)
    world.agent.stop()
    began = time.perf_counter()
    world.agent.start(poll=0.002)
    world.took = world.gap = time.perf_counter() - began
    world.answers.append("listens")


def measure(name, binary):
    directory = Path(tempfile.mkdtemp(prefix="bellwether-hostile-"))
    world = World(binary, directory)
    try:
        INPUTS[name](world)
        return world
    finally:
        if world.agent:
            world.agent.process.kill()
            world.agent.process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def runner():
    """The system tests' runner, which builds the binary."""
    loader = importlib.machinery.SourceFileLoader("system_run", str(SYSTEM / "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("system_run", loader))
    loader.exec_module(module)
    return module


def main():
    parser = argparse.ArgumentParser(description="Measure the gaps that hostile input makes.")
    parser.add_argument("--before", metavar="BINARY", help="measure this binary too")
    parser.add_argument("--only", metavar="WORD", default="", help="inputs whose name has this word")
    parser.add_argument("--list", action="store_true", help="list the inputs and end")
    settings = parser.parse_args()
    names = [name for name in INPUTS if settings.only in name]
    if settings.list:
        print("\n".join(names))
        return
    binaries = [binary for binary in (settings.before, runner().build()) if binary]
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}. Gap and answer in ms; a Pi 3 takes about ten times as long.\n")
    print("| input | " + " | ".join(f"{head}gap | {head}answer" for head in (["before: ", "after: "][-len(binaries):])) + " | answered |")
    print("|---" + "|---:|---:" * len(binaries) + "|---|")
    for name in names:
        worlds = [measure(name, binary) for binary in binaries]
        figures = " | ".join(f"{world.gap * 1e3:.0f} | {world.took * 1e3:.0f}" for world in worlds)
        print(f"| {name} | {figures} | {', '.join(worlds[-1].answers)} |", flush=True)


if __name__ == "__main__":
    main()
