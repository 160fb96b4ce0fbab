#!/usr/bin/env python3
"""Drives the machine that cross/machine.sh made: boots it, tests the service on it, and pulls its plug.

The machine has port 9093 (the agent) and port 7000 (a shell for root) forwarded to it, and reaches one address,
10.0.2.100:80, which is the webhook receiver of this script.
"""

import argparse
import atexit
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/bench"), str(ROOT / "tests/system")]
sys.dont_write_bytecode = True

from agent import free_port  # noqa: E402
from api import Api  # noqa: E402
from load import device_alert  # noqa: E402
from sink import Sink  # noqa: E402

MACHINES = {
    "arm64": ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53"],
    "amd64": ["qemu-system-x86_64", "-M", "q35", "-cpu", "max"],
}
CONSOLES = {"arm64": "ttyAMA0", "amd64": "ttyS0"}
BOOT_SECONDS = 600
SERVICE_SECONDS = 120
PANICS = 3
IDLE_SECONDS = 20  # from the last change to a measurement of memory
SEED = 7
ALERTS = 10_000
BATCH = 500
KIB_MAX = {"idle": {"Rss": 4096, "Pss": 2048}, f"{ALERTS} alerts": {"Rss": 12288}}


class Machine:
    """One machine; its disk outlives its boots."""

    def __init__(self, arch, directory):
        self.arch = arch
        self.directory = directory
        self.sink = Sink()
        self.process = None
        self.port = free_port()
        self.shell_port = free_port()
        self.api = Api(self.port)
        atexit.register(self.pull_the_plug)

    def boot(self, *flags):
        """Start it and wait until the agent serves; answers after how many seconds it did."""
        sink = self.sink.url.rpartition(":")[2]
        network = (
            f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:9093,hostfwd=tcp:127.0.0.1:{self.shell_port}-:7000,"
            f"guestfwd=tcp:10.0.2.100:80-tcp:127.0.0.1:{sink}"
        )
        command = [
            *MACHINES[self.arch], "-accel", os.environ.get("ACCEL", "tcg,thread=multi"), "-smp", "2", "-m", "512", "-nographic", "-no-reboot", "-monitor", "none",
            "-serial", f"file:{self.directory}/console",
            "-kernel", f"{self.directory}/vmlinuz", "-initrd", f"{self.directory}/initrd.gz",
            "-append", f"console={CONSOLES[self.arch]} panic=1 systemd.show_status=0",
            "-drive", f"file={self.directory}/disk,format=raw,if=none,id=disk,cache=writeback",
            "-device", "virtio-blk-pci,drive=disk", "-netdev", network, "-device", "virtio-net-pci,netdev=net", *flags,
        ]  # fmt: skip
        began = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.wait_ready(BOOT_SECONDS)
        return time.monotonic() - began

    def wait_ready(self, seconds):
        until(lambda: self.process.poll() is not None or self.is_ready(), seconds, "the agent does not serve")
        assert self.process.poll() is None, f"qemu ended with {self.process.returncode}"

    def is_ready(self):
        try:
            return self.api.request("GET", "/-/ready", timeout=5).status == 200
        except OSError:
            return False

    def run(self, script, seconds=SERVICE_SECONDS):
        """Run a shell script on it; answers what it printed."""
        with socket.create_connection(("127.0.0.1", self.shell_port), timeout=seconds) as connection:
            connection.sendall(script.encode())
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace").strip()

    def show(self, name, unit="bellwether.service"):
        return self.run(f"systemctl show --value --property={name} {unit}\n")

    def pull_the_plug(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def until(condition, seconds, failure):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.25)
    raise AssertionError(f"{failure} within {seconds} s")


def silence(number):
    matchers = [{"name": "alertname", "value": f"quiet-{number}", "isRegex": False}]
    ends = "2099-01-01T00:00:00Z"
    return {"matchers": matchers, "startsAt": "2020-01-01T00:00:00Z", "endsAt": ends, "createdBy": "test", "comment": "x"}


def becomes_active(machine):
    assert machine.show("ActiveState") == "active" and machine.show("Type") == "notify"
    started, ready = (int(machine.show(name)) for name in ("ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic"))
    assert machine.api.post("/api/v2/silences", silence(0)).status == 200
    time.sleep(IDLE_SECONDS)
    process = "/proc/$(systemctl show --value -p MainPID bellwether)"
    tasks = machine.run(f"grep -hE '^(Threads|Uid|Rss:|Pss:|Private_Dirty)' {process}/status {process}/smaps_rollup\n")
    exposure = machine.run("systemd-analyze security --no-pager bellwether.service | tail -1\n")
    complaints = machine.run("systemd-analyze verify --man=no bellwether.service bellwether-onfailure@x.service\n")
    assert not complaints, complaints
    return f"ready {(ready - started) / 1000:.0f} ms after its start; {' '.join(tasks.split())}; {exposure}"


def memory(machine, pid):
    """What is resident, its proportional share, and what is private of it, in KiB."""
    lines = machine.run(f"grep -E '^(Rss|Pss|Private_Dirty):' /proc/{pid}/smaps_rollup\n").splitlines()
    return {name: int(value.split()[0]) for name, value in (line.split(":") for line in lines)}


def takes_little_memory(machine, say):
    """Run each binary that this machine can run, alone and without a receiver: idle, then with many alerts."""
    machine.run("systemctl stop bellwether.service\n")
    binaries = machine.run("ls /usr/bin/bellwether /opt/bellwether-* 2>/dev/null\n").split()
    for binary in binaries:
        machine.run(f"""systemd-run --quiet --unit=measured {binary} --config.file=/etc/bellwether/quiet.toml \
            --storage.path=/tmp/{os.path.basename(binary)} --web.listen-address=:9093\n""")
        machine.wait_ready(SERVICE_SECONDS)
        pid = machine.show("MainPID", "measured.service")
        # Something to keep: idle is who has worked.
        assert machine.api.post("/api/v2/silences", silence(0)).status == 200
        time.sleep(IDLE_SECONDS)
        found = {"idle": memory(machine, pid)}
        for first in range(0, ALERTS, BATCH):
            machine.api.post_alerts(*map(device_alert, range(first, first + BATCH)))
        time.sleep(IDLE_SECONDS)
        found[f"{ALERTS} alerts"] = memory(machine, pid)
        for what, taken in found.items():
            say(f"  {binary}, {what}: " + ", ".join(f"{name} {kib} KiB" for name, kib in taken.items()))
            missed = [name for name, most in KIB_MAX[what].items() if taken[name] > most]
            assert not missed, f"{missed} of {binary}, {what}: more than {KIB_MAX[what]}"
        machine.run("systemctl stop measured.service\n")
    machine.run("systemctl start bellwether.service\n")
    machine.wait_ready(SERVICE_SECONDS)
    return f"{len(binaries)} binaries"


def survives_a_kill(machine):
    restarts = int(machine.show("NRestarts"))
    machine.run("systemctl kill --signal=KILL bellwether.service\n")
    until(lambda: int(machine.show("NRestarts")) > restarts and machine.is_ready(), SERVICE_SECONDS, "not restarted")
    return "restarted"


def survives_a_panic(machine):
    """SIGABRT, which is what a panic anywhere in a release build ends in: systemd starts the agent anew, and its state is whole."""
    posted, identities = [], []
    for number in range(PANICS):
        posted.append(f"Panic{number}")
        machine.api.post_alerts({"labels": {"alertname": posted[-1]}, "endsAt": "2099-01-01T00:00:00Z"})
        identities.append(machine.api.post("/api/v2/silences", silence(1000 + number)).json["silenceID"])
        restarts = int(machine.show("NRestarts"))
        machine.run("systemctl kill --signal=ABRT bellwether.service\n")
        until(lambda: int(machine.show("NRestarts")) > restarts and machine.is_ready(), SERVICE_SECONDS, "not restarted")
        alerts = {alert["labels"]["alertname"] for alert in machine.api.alerts()}
        silences = {found["id"] for found in machine.api.get("/api/v2/silences").json if found["status"]["state"] == "active"}
        assert set(posted) <= alerts and set(identities) <= silences, (alerts, silences)
    assert int(machine.run("journalctl --no-pager -u bellwether.service | grep -c 'status=6/ABRT'\n")) >= PANICS
    return f"restarted {PANICS} times, with {len(posted)} alerts and {len(identities)} silences"


def survives_the_watchdog(machine):
    restarts = int(machine.show("NRestarts"))
    machine.run("systemctl kill --signal=STOP bellwether.service\n")
    until(lambda: int(machine.show("NRestarts")) > restarts and machine.is_ready(), SERVICE_SECONDS, "not restarted")
    told = machine.run("journalctl --no-pager -u bellwether.service | grep -c 'Watchdog timeout'\n")
    assert int(told) >= 1, "systemd's watchdog was not what restarted it"
    return "a stopped agent was noticed and restarted"


def receivers(machine):
    return [receiver["name"] for receiver in machine.api.get("/api/v2/receivers").json]


def reloads(machine):
    pid = machine.show("MainPID")
    machine.run("sed -i 's/\"hook\"/\"renamed\"/' /etc/bellwether/bellwether.toml; systemctl reload bellwether.service\n")
    until(lambda: receivers(machine) == ["renamed"], SERVICE_SECONDS, "not reloaded")
    machine.run("sed -i 's/\"renamed\"/nobody/' /etc/bellwether/bellwether.toml; systemctl reload bellwether.service\n")
    assert receivers(machine) == ["renamed"], "a config with errors was taken"
    machine.run("sed -i 's/nobody/\"hook\"/' /etc/bellwether/bellwether.toml; systemctl reload bellwether.service\n")
    until(lambda: receivers(machine) == ["hook"], SERVICE_SECONDS, "not reloaded")
    assert machine.show("MainPID") == pid and machine.show("ActiveState") == "active"
    return "same process; a config with errors was refused"


def comes_back_from_a_wrong_config(machine):
    wrong, mended = (f"sed -i 's/{before}/{after}/' /etc/bellwether/bellwether.toml" for before, after in (('"hook"', "nobody"), ("nobody", '"hook"')))
    machine.run(f"{wrong}; systemctl restart bellwether.service\n")
    until(lambda: int(machine.show("NRestarts")) >= 2, SERVICE_SECONDS, "not tried again")
    assert not machine.is_ready()
    machine.run(f"{mended}\n")
    machine.wait_ready(SERVICE_SECONDS)
    machine.run("systemctl stop bellwether.service; systemctl reload-or-restart bellwether.service\n")
    machine.wait_ready(SERVICE_SECONDS)
    return "once it was mended, and by reload-or-restart"


def tells_of_a_failed_unit(machine):
    before = len(machine.sink.payloads("/hook"))
    machine.run("systemctl start fails.service\n")
    payload = machine.sink.wait("/hook", before + 1, SERVICE_SECONDS)[before]
    (alert,) = payload["alerts"]
    assert alert["labels"] == {"alertname": "UnitFailed", "unit": "fails.service", "instance": "sheep", "severity": "warning"}, alert
    return alert["annotations"]["summary"]


def write_silences(machine, acknowledged, failures):
    """Post silences until the machine is gone, noting each that was answered 200."""
    number = len(acknowledged)
    while True:
        try:
            answer = machine.api.request("POST", "/api/v2/silences", json.dumps(silence(number)), {"Content-Type": "application/json"})
        except OSError:
            return
        if answer.status == 0:
            return
        if answer.status != 200:
            failures.append(f"a silence was answered {answer.status}: {answer.text}")
            return
        acknowledged.add(answer.json["silenceID"])
        number += 1


def keeps_silences(machine, kills, say):
    """Pull the plug while silences are written; all that was acknowledged is there after the next boot."""
    chance = random.Random(SEED)
    acknowledged, failures = set(), []
    for kill in range(kills):
        writer = threading.Thread(target=write_silences, args=(machine, acknowledged, failures))
        before = len(acknowledged)
        writer.start()
        time.sleep(chance.uniform(0.5, 3))
        machine.pull_the_plug()
        writer.join()
        assert not failures, failures
        seconds = machine.boot()
        kept = {found["id"] for found in machine.api.get("/api/v2/silences").json}
        lost = acknowledged - kept
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged silences are lost: {sorted(lost)[:3]}"
        cut = machine.run("journalctl --no-pager -b -u bellwether.service | grep -ci 'cut'\n")
        say(f"  kill {kill + 1}: {len(acknowledged) - before} written, {len(acknowledged)} kept; cut told {cut} times; up in {seconds:.0f} s")
    assert len(acknowledged) >= kills, "hardly anything was written"
    return f"{len(acknowledged)} silences over {kills} kills"


def starts_without_a_clock(machine):
    machine.run("systemctl poweroff\n")
    machine.process.wait(SERVICE_SECONDS)
    machine.boot("-rtc", "base=1990-01-01T00:00:00")
    day = machine.run("date -u +%F\n").strip()
    assert machine.show("ActiveState") == "active"
    assert day < time.strftime("%Y-%m-%d", time.gmtime(time.time() - 2 * 86400)), f"its clock is right: {day}"
    # systemd believes no time before its own making: what no one sets is younger than that.
    machine.run("date -s 2001-01-01; systemctl restart bellwether.service\n")
    until(machine.is_ready, SERVICE_SECONDS, "not restarted")
    assert machine.api.get("/api/v2/status").json["clock"] == "unsynced"
    warnings = machine.run("journalctl --no-pager -o cat -u bellwether.service | grep 'clock not set' | tail -1\n").strip()
    assert warnings, "it does not say that its clock is not set"
    return f"serves, believing that it is {day}, then 2001; {warnings}; {is_set_later(machine)}"


def is_set_later(machine):
    """Its clock is set while an alert fires and a silence is in force: all of them stay as long ago as they were."""
    iso = lambda secs: datetime.fromtimestamp(secs, timezone.utc).isoformat()
    secs = lambda text: datetime.fromisoformat(text).timestamp()
    told = lambda: [alert for payload in machine.sink.payloads("/hook") for alert in payload["alerts"]]
    ends_of = lambda name: [alert for alert in told() if alert["labels"]["alertname"] == name and alert["status"] == "resolved"]
    post = lambda *names, **more: machine.api.post("/api/v2/alerts", [{"labels": {"alertname": name}, **more} for name in names])
    begun, wrong = time.time(), int(machine.run("date +%s\n"))
    quiet = {**silence(1), "startsAt": iso(wrong), "endsAt": iso(wrong + 7200)}
    assert machine.api.post("/api/v2/silences", quiet).status == 200
    post("fires", "quiet-1")
    until(lambda: any(alert["labels"]["alertname"] == "fires" for alert in told()), SERVICE_SECONDS, "not told before the clock is set")
    machine.run(f"date -s @{time.time():.0f}\n")
    (kept,) = [it for it in machine.api.get("/api/v2/silences").json if it["matchers"][0]["value"] == "quiet-1"]
    assert kept["status"]["state"] == "active" and abs(secs(kept["endsAt"]) - begun - 7200) < 60, kept
    post("later", "quiet-1")
    until(lambda: any(alert["labels"]["alertname"] == "later" for alert in told()), 20, "not told after the clock was set")
    post("fires", endsAt=iso(time.time()))
    until(lambda: ends_of("fires"), 6 * 60, "its end is not told")
    (end,) = ends_of("fires")
    assert abs(secs(end["startsAt"]) - begun) < 60 and abs(secs(end["endsAt"]) - time.time()) < 6 * 60, end
    assert not any(alert["labels"]["alertname"] == "quiet-1" for alert in told())
    return f"set to {iso(begun)[:10]}, it has the right times of what began before"


def serves_on_a_read_only_root(machine):
    script = """
        systemctl stop bellwether.service
        mount -t tmpfs tmpfs /tmp
        sync; echo u >/proc/sysrq-trigger; sleep 3
        touch /var/lib/x 2>&1
        systemctl start bellwether.service
    """
    told = machine.run(script)
    assert "Read-only file system" in told, told
    machine.wait_ready(SERVICE_SECONDS)
    assert machine.show("ActiveState") == "active"
    assert machine.api.get("/api/v2/status").json["journal"]["status"] == "failed"
    script = """
        mkdir -p /run/systemd/system/bellwether.service.d
        cp /usr/share/doc/bellwether/examples/read-only-root.conf /run/systemd/system/bellwether.service.d/
        systemctl daemon-reload
        systemctl restart bellwether.service
    """
    machine.run(script)
    machine.wait_ready(SERVICE_SECONDS)
    assert machine.show("ActiveState") == "active"
    answer = machine.api.post("/api/v2/silences", silence(0))
    assert answer.status == 200, answer
    machine.run("systemctl restart bellwether.service\n")
    machine.wait_ready(SERVICE_SECONDS)
    kept = [found["id"] for found in machine.api.get("/api/v2/silences").json]
    assert kept == [answer.json["silenceID"]], kept
    return "as it is from memory; with read-only-root.conf a silence outlives the agent in /run"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--arch", choices=MACHINES, required=True)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--only", metavar="TEST,...", help="these tests, of all that are made")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--log", type=Path)
    asked = parser.parse_args()
    log = asked.log.open("w") if asked.log else None
    began = time.monotonic()

    def say(text):
        line = f"{time.monotonic() - began:7.1f} s  {text}"
        print(line, flush=True)
        if log:
            print(line, file=log, flush=True)

    machine = Machine(asked.arch, asked.directory)
    tests = {
        "becomes_active": lambda: becomes_active(machine),
        "survives_a_kill": lambda: survives_a_kill(machine),
        "survives_a_panic": lambda: survives_a_panic(machine),
        "survives_the_watchdog": lambda: survives_the_watchdog(machine),
        "reloads": lambda: reloads(machine),
        "comes_back_from_a_wrong_config": lambda: comes_back_from_a_wrong_config(machine),
        "tells_of_a_failed_unit": lambda: tells_of_a_failed_unit(machine),
        "takes_little_memory": lambda: takes_little_memory(machine, say),
        "keeps_silences": lambda: keeps_silences(machine, asked.kills, say),
        "starts_without_a_clock": lambda: starts_without_a_clock(machine),
        "serves_on_a_read_only_root": lambda: serves_on_a_read_only_root(machine),
    }
    chosen = asked.only.split(",") if asked.only else tests
    try:
        say(f"{asked.arch}: up in {machine.boot():.0f} s")
        for name in chosen:
            say(f"{name}: {tests[name]()}")
    except Exception as error:  # the log is to say it
        say(f"FAILED: {type(error).__name__}: {error}")
        if machine.process.poll() is None:
            say(machine.run("journalctl --no-pager -b -u bellwether.service | tail -40; systemctl status --no-pager -n 0 bellwether.service\n"))
        console = asked.directory / "console"
        say("the console's end:\n" + "\n".join(console.read_text(errors="replace").splitlines()[-30:] if console.exists() else []))
        return 1
    say(f"{len(chosen)} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
