"""Starts, signals and stops an agent: Debian's Alertmanager or Bellwether, by the same command line."""

import atexit
import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from api import Api

ALERTMANAGER = "/usr/bin/prometheus-alertmanager"
LISTENING = re.compile(r"Listening on.*?address=\"?(?:[0-9.]+|\[[0-9a-f:]+\]):(\d+)")
READY_SECONDS = 60
STOP_SECONDS = 30
FREE_PORT_MIN = 10_240  # above those of the services that a machine may have
WAIT_SECONDS = 60  # for what must come, however slow the machine is

_running = []


@atexit.register
def _end_all():
    for process in _running:
        if process.poll() is None:
            process.kill()


def spawn(arguments, log, **options):
    """Start a process whose output goes to the file `log`; it ends with this one at the latest."""
    with open(log, "ab") as out:
        process = subprocess.Popen(arguments, stdout=out, stderr=out, stdin=subprocess.DEVNULL, **options)
    _running.append(process)
    return process


def until(what, holds, seconds=WAIT_SECONDS):
    """Wait until `holds()` answers something that is true; answers it."""
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if found or time.monotonic() > deadline:
            assert found, f"not within {seconds} s: {what}"
            return found
        time.sleep(0.05)


def end(process):
    """Ask the process to stop, then insist. Answers its exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def free_port():
    """A TCP port of 127.0.0.1 that nobody uses now, and that the kernel gives to nobody who asks for any port: it may stay closed for long."""
    given_to_anybody = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(FREE_PORT_MIN, given_to_anybody)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def is_alertmanager(binary):
    """Whether the binary is Alertmanager itself (then nothing newer than 0.25 is expected of it)."""
    shown = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
    return (shown.stdout + shown.stderr).startswith("alertmanager, version")


class Agent:
    """One agent with its config file, its data directory and its log, all in `directory`."""

    def __init__(self, binary, directory, config, *flags, listen="127.0.0.1:0", prefix=()):
        self.binary = binary
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.config_file = self.directory / "agent.yml"
        self.log_file = self.directory / "agent.log"
        self.flags = flags
        self.listen = listen
        self.prefix = prefix  # what the command line starts with, such as setpriv
        self.newer = not is_alertmanager(binary)
        self.process = None
        self.port = None
        self.write_config(config)

    def write_config(self, text):
        self.config_file.write_text(text)

    def command(self):
        return [
            *self.prefix,
            self.binary,
            f"--config.file={self.config_file}",
            f"--storage.path={self.directory / 'data'}",
            f"--web.listen-address={self.listen}",
            # Alertmanager takes no flag twice.
            *([] if any("--cluster.listen-address" in flag for flag in self.flags) else ["--cluster.listen-address="]),
            *self.flags,
        ]

    def start(self, poll=0.02):
        """Start and wait until /-/ready answers 200, looking every `poll` seconds."""
        self.launch()
        return self.await_ready(poll)

    def launch(self):
        """Start, and wait for nothing."""
        self._logged = self.log_file.stat().st_size if self.log_file.exists() else 0
        self.process = spawn(self.command(), self.log_file)

    def await_ready(self, poll=0.02):
        """Wait until /-/ready answers 200, looking every `poll` seconds."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"{self.binary} exited with {self.process.returncode}:\n{self.log()}"
            found = LISTENING.search(self.log()[self._logged :])
            if found:
                self.port = int(found.group(1))
                if self.api.get("/-/ready").status == 200:
                    return self
            time.sleep(poll)
        raise AssertionError(f"{self.binary} was not ready within {READY_SECONDS} s:\n{self.log()}")

    @property
    def api(self):
        return Api(self.port)

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def metric(self, name, **labels):
        """The sum of a metric's samples that have these labels."""
        lines = self.api.get("/metrics").text.splitlines()
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name and all(it in line for it in wanted))

    def await_outcomes(self, count):
        """Wait until it has heard how `count` notifications ended: a receiver has recorded one before it answers."""
        until(f"{count} notifications have ended", lambda: self.metric("alertmanager_notifications_total") >= count)

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        """Let it read its config anew, and wait until it has taken it."""
        taken = "alertmanager_config_last_reload_success_timestamp_seconds"
        before = self.metric(taken)
        self.signal(signal.SIGHUP)
        until("the config is taken", lambda: self.metric(taken) > before)

    def stop(self):
        """Stop gracefully; answers the exit code."""
        return end(self.process) if self.process else None

    def kill(self):
        """Stop without warning, as a power cut does to a process."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
