"""The agent that hostile input meets, and how it is measured meanwhile."""

import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

from agent import Agent
from load import post

HERE = Path(__file__).resolve().parent
SECONDS_MAX = 60  # for one answer
AFTER = 2  # seconds that are measured after an input has been answered
JSON = {"Content-Type": "application/json"}
ROUTE = "route: {receiver: nobody, group_by: [alertname], group_wait: WAIT, group_interval: 1h, repeat_interval: 4h, routes: [ROUTES]}\n"
NOBODY = "receivers:\n- {name: nobody}\n"
INPUTS = {}


def hostile(name):
    """Marks a function as an input of that name: given a `Subject`, it starts it and sends its input."""

    def mark(function):
        INPUTS[name] = function
        return function

    return mark


def config(routes="", wait="1h", more=""):
    """A config that notifies nobody."""
    return ROUTE.replace("WAIT", wait).replace("ROUTES", routes) + NOBODY + more


class Subject:
    """One agent, what is sent to it, and what that did."""

    def __init__(self, binary, directory):
        self.binary, self.directory, self.agent = binary, Path(directory), None
        self.gap = self.loop = self.machine = self.peak = self.space = 0.0
        self.notes = []

    def start(self, text=None, *flags):
        self.agent = Agent(self.binary, self.directory, text or config(), *flags).start()

    def request(self, sent, timeout=SECONDS_MAX):
        """Send a request over a connection of its own; answers its status line."""
        with socket.create_connection(("127.0.0.1", self.agent.port), timeout=timeout) as connection:
            head, size = b"", 0
            try:
                connection.sendall(sent)
                while b"\r\n\r\n" not in head:
                    data = connection.recv(1 << 16)
                    if not data:
                        return "closed"
                    head += data
                lines = head.lower().split(b"\r\n")
                length = next((int(it.split(b":")[1]) for it in lines if it.startswith(b"content-length:")), 0)
                size = len(head) - head.index(b"\r\n\r\n") - 4
                while size < length:
                    data = connection.recv(1 << 20)
                    if not data:
                        break
                    size += len(data)
            except OSError as error:
                return "no answer" if isinstance(error, TimeoutError) else type(error).__name__
            return head.split(b"\r\n")[0].decode().removeprefix("HTTP/1.1 ")

    def get(self, path):
        return self.request(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def reload(self):
        return self.request(b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")

    def post(self, alerts):
        return self.request(post(alerts))

    def alerts(self, alerts, size=500):
        for first in range(0, len(alerts), size):
            self.post(alerts[first : first + size])

    def silence(self, *patterns, name="instance"):
        matchers = [{"name": name, "value": pattern, "isRegex": True} for pattern in patterns]
        times = {"startsAt": "2026-01-01T00:00:00Z", "endsAt": "2040-01-01T00:00:00Z"}
        return self.request(post({"matchers": matchers, **times, "createdBy": "bench", "comment": "bench"}, "silences"))

    def measured(self, run):
        """Runs what is measured, and asks /-/healthy meanwhile; notes what `run` answers."""
        command = [sys.executable, HERE / "beat.py", str(self.agent.port), str(self.agent.process.pid)]
        beat = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        time.sleep(0.2)
        try:
            self.note(run())
            time.sleep(AFTER)
        finally:
            found = json.loads(beat.communicate(timeout=2 * SECONDS_MAX)[0])
            self.gap, self.loop = max(self.gap, found["gap"]), max(self.loop, found["loop"])
            self.machine = max(self.machine, found["machine"])

    def note(self, what):
        if what and str(what) not in self.notes:
            self.notes.append(str(what))

    def look_at_memory(self):
        """Takes note of the most memory and the most address space that the process has had, in MiB."""
        try:
            status = Path(f"/proc/{self.agent.process.pid}/status").read_text()
            self.peak, self.space = (int(re.search(rf"{name}:\s+(\d+)", status).group(1)) / 1024 for name in ("VmHWM", "VmPeak"))
        except (OSError, AttributeError):
            self.peak = self.space = float("nan")
