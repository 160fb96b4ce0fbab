"""An agent on a gateway: it starts whatever the machine lacks, and whatever ran there before."""

import os
import re
import shutil
import signal
import socket
import time
from pathlib import Path

from agent import Agent, free_port
from command import run
from world import Skip

ROOT = Path(__file__).resolve().parent.parent.parent.parent
CONFIG = """
route: {receiver: nothing}
receivers:
- {name: nothing}
"""

TOLD = """
route: {receiver: hook, group_by: [alertname], group_wait: 200ms, group_interval: 1s, repeat_interval: 1h}
receivers:
- {name: hook, webhook_configs: [{url: "SINK/hook", send_resolved: true}]}
"""


def downgrade(world):
    """What one revision keeps, an earlier one reads, and the other way round: nothing is lost, damaged or told twice."""
    old = os.environ.get("BELLWETHER_OLD")
    if not old:
        raise Skip("BELLWETHER_OLD names no binary of an earlier revision")
    sink = world.sink()
    config = TOLD.replace("SINK", sink.url)
    agent = Agent(world.settings.subject, world.directory / "revisions", config)
    journal = agent.directory / "data"

    def state():
        # A start gives an alert as long as it had when it was reported.
        alerts = [{key: value for key, value in alert.items() if key not in ("endsAt", "updatedAt")} for alert in agent.api.alerts()]
        return sorted(alerts, key=lambda alert: alert["fingerprint"]), sorted(agent.api.get("/api/v2/silences").json, key=lambda silence: silence["id"])

    def alert(name, ends="2099-01-01T00:00:00Z"):
        labels = {"alertname": name, "path": "C:\\é", "instance": "gw1"}
        return {"labels": labels, "annotations": {"summary": f"{name} é"}, "startsAt": "2024-01-01T00:00:00Z", "endsAt": ends, "generatorURL": "http://x/y"}

    def silence(name, **more):
        matchers = [{"name": "alertname", "value": f"{name}.*", "isRegex": True}, {"name": "path", "value": "x", "isRegex": False, "isEqual": False}]
        return {"matchers": matchers, "startsAt": "2024-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "mé", "comment": name, **more}

    before = ([], [])
    turns = [world.settings.subject, old, world.settings.subject, old, world.settings.subject]
    for turn, agent.binary in enumerate(turns):
        agent.start()
        try:
            assert state() == before, f"{agent.binary} lists\n{state()}\nafter\n{before}"
            chosen = agent.api.post("/api/v2/silences", silence(f"Quiet{turn}")).json["silenceID"]
            ended = agent.api.post("/api/v2/silences", silence(f"Ended{turn}")).json["silenceID"]
            agent.api.delete(f"/api/v2/silence/{ended}")
            changed = agent.api.post("/api/v2/silences", silence(f"Quiet{turn}", id=chosen, comment="changed"))
            assert changed.status == 200, changed
            agent.api.post_alerts(*[alert(f"Loud{known}") for known in range(turn + 1)], alert(f"Quiet{turn}"))
            sink.wait("/hook", turn + 1, 10)
            time.sleep(2)  # whatever would be told again
            told = [payload["groupLabels"]["alertname"] for payload in sink.payloads("/hook")]
            assert told == [f"Loud{known}" for known in range(turn + 1)], f"{agent.binary}: {told}"
            before = state()
            assert (len(before[0]), len(before[1])) == (2 * (turn + 1), 3 * (turn + 1)), before
        finally:
            (agent.kill if turn % 2 else agent.stop)()
        assert "left out" not in agent.log() and "damage" not in agent.log(), agent.log()
        for reader in (world.settings.subject, old):
            run(reader, "journal", "check", journal)
        if turn > 1:
            run(agent.binary, "journal", "compact", journal)
    # Of what either has told the end is told too.
    agent.binary = old
    agent.start()
    try:
        agent.api.post_alerts(*[alert(f"Loud{known}", "2024-01-01T01:00:00Z") for known in range(len(turns))])
        payloads = sink.wait("/hook", 2 * len(turns), 10)[len(turns) :]
        ended = sorted((payload["groupLabels"]["alertname"], payload["status"]) for payload in payloads)
        assert ended == [(f"Loud{known}", "resolved") for known in range(len(turns))], ended
    finally:
        agent.stop()


def failed_unit(world):
    """A unit that failed becomes an alert with its name, whatever systemd allows in one."""
    sink = world.sink()
    agent = world.subject(CONFIG.replace("{name: nothing}", f'{{name: nothing, webhook_configs: [{{url: "{sink.url}/hook"}}]}}'))
    settings = {
        **os.environ, "BELLWETHER_URL": f"http://127.0.0.1:{agent.port}", "MONITOR_SERVICE_RESULT": "exit-code",
        "MONITOR_EXIT_CODE": "exited", "MONITOR_EXIT_STATUS": "3", "BELLWETHER_LABELS": '"severity":"critical","site":"north"',
    }  # fmt: skip
    unit = r"mnt-usb\x2ddisk@a.service"
    run(ROOT / "systemd/unit-failed", unit, env=settings)
    (alert,) = agent.api.alerts()
    labels = {"alertname": "UnitFailed", "unit": unit, "instance": os.uname().nodename, "severity": "critical", "site": "north"}
    assert alert["labels"] == labels, alert
    assert alert["annotations"]["summary"].endswith("failed: exit-code, exited 3"), alert

    # The agent is not there yet, and the clock is set before the second attempt.
    stubs = world.directory / "stubs"
    stubs.mkdir()
    for name, lines in {
        "curl": f'echo "$*" >>"{stubs}/posted"; [ $(wc -l <"{stubs}/posted") -gt 1 ]',
        "date": f'[ "$1" = +%s ] || exec {shutil.which("date")} "$@"; if [ -e "{stubs}/posted" ]; then echo 1800000000; else echo 1000; fi',
        "sleep": ":",
    }.items():
        (stubs / name).write_text(f"#!/bin/sh\n{lines}\n")
        (stubs / name).chmod(0o755)
    run(ROOT / "systemd/unit-failed", unit, env={**settings, "PATH": f"{stubs}:{os.environ['PATH']}"})
    ends = re.findall(r'"endsAt":"([^"]*)"', (stubs / "posted").read_text())
    assert ends == ["1970-01-01T01:16:40Z", "2027-01-15T09:00:00Z"], ends


def no_writable_directory(world):
    """It starts and serves from memory, and says that nothing is kept."""
    directory = world.directory / "read-only"
    directory.mkdir()
    agent = Agent(world.settings.subject, directory, CONFIG)
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    agent.command = lambda: ["unshare", "--mount", "--propagation=slave", "sh", "-c", mount, str(directory), *Agent.command(agent)]
    agent.log_file = world.directory / "read-only.log"
    agent.start()
    try:
        agent.api.post_alerts({"labels": {"alertname": "A"}})
        summaries = {alert["labels"]["alertname"]: alert["annotations"].get("summary") for alert in agent.api.alerts()}
        assert summaries.pop("A", "") is None, summaries
        assert [text for text in summaries.values() if "Not everything is kept on flash" in text], summaries
        assert "going on from memory" in agent.log(), agent.log()
    finally:
        agent.stop()


def no_network(world):
    """With no network but the loopback, and peers and receivers with names that nobody can look up, it serves."""
    config = world.directory / "no-network.yml"
    config.write_text(CONFIG.replace("{name: nothing}", '{name: nothing, webhook_configs: [{url: "http://nowhere.example/"}]}'))
    script = f"""
        ip link set lo up
        "{world.settings.subject}" --config.file="{config}" --storage.path="{world.directory}/data" \\
            --cluster.peer=nobody.example:9094 &
        agent=$!
        for wait in $(seq 100); do curl -sf http://127.0.0.1:9093/-/ready >/dev/null && break; sleep 0.1; done
        curl -sf -H 'Content-Type: application/json' -d '[{{"labels":{{"alertname":"A"}}}}]' http://127.0.0.1:9093/api/v2/alerts
        curl -sf http://127.0.0.1:9093/api/v2/alerts | grep -c '"alertname":"A"'
        kill $agent
        wait $agent
    """
    began = time.monotonic()
    run("unshare", "--net", "sh", "-ec", script)
    assert time.monotonic() - began < 15, "it waits for the network"


def address_later(world):
    """Told to listen on an address that nobody has given the machine yet, it waits for it; a port that is taken is an error."""
    config = world.directory / "later.yml"
    config.write_text(CONFIG)
    data = world.directory / "data"
    script = f"""
        # No capability is needed.
        agent="setpriv --bounding-set=-all {world.settings.subject} --config.file={config} --storage.path={data}"
        web=--web.listen-address cluster=--cluster.listen-address
        ip link set lo up
        for address in 192.0.2.9 '[2001:db8::9]'; do
            $agent-1 $web=$address:9093 $cluster=$address:9094 2>"{data}-log" &
            for wait in $(seq 100); do grep -q 'Listening on' "{data}-log" && break; sleep 0.1; done
            grep -c 'does not have the address' "{data}-log"
            curl -sf http://$address:9093/-/ready && exit 1
            ip address add $(echo $address | tr -d '[]') dev lo nodad
            curl -sf --retry 20 --retry-all-errors --retry-delay 1 http://$address:9093/-/ready >/dev/null
            $agent-2 $web=$address:9093 $cluster= 2>&1 && exit 1
            $agent-3 $web=127.0.0.1:0 $cluster=$address:9094 2>&1 && exit 1
            kill $!
            wait $!
            ip address del $(echo $address | tr -d '[]') dev lo
        done
    """
    told = run("unshare", "--net", "sh", "-ec", script).splitlines()
    counts = [line for line in told if len(line) == 1]
    assert counts == ["2", "2"], told
    assert len([line for line in told if "Address already in use" in line]) == 4, told


def bare_machine(world):
    """A root that is read-only, nowhere to write, a clock that nobody set, no network: it serves, and says each of them."""
    key = world.directory / "flock.key"
    key.write_text(run(world.settings.subject, "key", "new"))
    key.chmod(0o600)
    config = world.directory / "bare.yml"
    config.write_text(CONFIG + f"cluster: {{multicast: true, key_files: ['{key}'], peers: ['nobody.example:9094']}}\n")
    script = f"""
        mount --make-rprivate /
        mount -t tmpfs none /run
        mkdir -p /run/systemd/timesync
        mount -o remount,bind,ro /
        touch /var/lib/x 2>/dev/null && exit 1
        "{world.settings.subject}" --config.file="{config}" --storage.path=/var/lib/bellwether-test 2>/run/log &
        agent=$!
        ip link set lo up
        for wait in $(seq 100); do curl -sf http://127.0.0.1:9093/-/ready >/dev/null && break; sleep 0.1; done
        curl -sf -H 'Content-Type: application/json' -d '[{{"labels":{{"alertname":"A"}}}}]' http://127.0.0.1:9093/api/v2/alerts
        for wait in $(seq 300); do grep -q 'not resolve' /run/log && break; sleep 0.1; done
        curl -sf http://127.0.0.1:9093/api/v2/alerts
        curl -sf http://127.0.0.1:9093/api/v2/status
        kill $agent
        wait $agent
        cat /run/log
    """
    told = run("unshare", "--mount", "--propagation=slave", "--net", "sh", "-ec", script)
    for said in (
        '"alertname":"A"', "Not everything is kept on flash", '"clock":"unsynced"', '"status":"failed"', "going on from memory",
        "clock not set", "no interface can do it", "--cluster.peer=nobody.example:9094: the name does not resolve",
    ):  # fmt: skip
        assert said in told, f"it does not say {said}:\n{told}"


def clock_not_set(world):
    """A machine whose clock nobody has set yet: it serves, says so, and says when that has changed."""
    seen = world.directory / "run"
    inside = 'mount --bind "$0" /run && exec "$@"'
    (seen / "systemd/timesync").mkdir(parents=True)
    prefix = ("unshare", "--mount", "--propagation=slave", "sh", "-c", inside, str(seen))
    agent = world.subject(CONFIG, name="clock", prefix=prefix)

    def told():
        (line,) = [line for line in agent.api.get("/metrics").text.splitlines() if line.startswith("bellwether_clock_synced ")]
        return agent.api.get("/api/v2/status").json["clock"], line.split()[1]

    assert told() == ("unsynced", "0"), told()
    assert agent.log().count("clock not set") == 1, agent.log()
    (seen / "systemd/timesync/synchronized").touch()
    assert told() == ("synced", "1"), told()
    assert "clock synchronised" in agent.log(), agent.log()


def late_key(world):
    """A flock's key that is not there at the start: it serves, its port closed, and under systemd stops to join once it is."""
    notify = world.directory / "notify"
    key = world.directory / "flock.key"
    flags = (f"--cluster.listen-address=127.0.0.1:{free_port()}", f"--cluster.key-file={key}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hears:
        hears.bind(str(notify))
        agent = Agent(world.settings.subject, world.directory / "late", CONFIG, *flags, prefix=("env", f"NOTIFY_SOCKET={notify}"))
        command = [it for it in Agent.command(agent) if it != "--cluster.listen-address="]
        agent.command = lambda: command
        agent.start()
        try:
            agent.api.post_alerts({"labels": {"alertname": "A"}})
            cluster = agent.api.get("/api/v2/status").json["cluster"]
            assert "flock.key cannot be read" in cluster["fault"] and "flock" not in cluster, cluster
            key.write_text(run(world.settings.subject, "key", "new"))
            key.chmod(0o600)
            assert agent.process.wait(75) == 1, agent.log()
            assert "stopping to be started anew as a member" in agent.log(), agent.log()
            agent.start()
            cluster = agent.api.get("/api/v2/status").json["cluster"]
            assert cluster["flock"]["sealed"] and "fault" not in cluster, cluster
            assert [alert["labels"] for alert in agent.api.alerts()] == [{"alertname": "A"}]
        finally:
            agent.stop()


def beats(notify, seconds):
    """How often the watchdog is fed within some seconds."""
    until, count = time.monotonic() + seconds, 0
    while (left := until - time.monotonic()) > 0:
        notify.settimeout(left)
        try:
            count += b"WATCHDOG=1" in notify.recv(4096)
        except TimeoutError:
            break
    return count


def is_fed(notify):
    """Whether it is fed three times a second; a busy machine may be late now and then."""
    return any(beats(notify, 2) >= 6 for _ in range(3))


def watchdog(world):
    """It is fed three times in its time by a loop that runs, and not by one that stands."""
    path = world.directory / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        agent = world.subject(CONFIG, prefix=("env", f"NOTIFY_SOCKET={path}", "WATCHDOG_USEC=600000"))
        assert is_fed(notify)
        agent.signal(signal.SIGSTOP)
        beats(notify, 0.1)
        assert beats(notify, 1) == 0
        agent.signal(signal.SIGCONT)
        assert is_fed(notify)


def cases(_settings):
    found = (downgrade, failed_unit, no_writable_directory, no_network, address_later, bare_machine, clock_not_set, late_key, watchdog)
    return [(f"gateway/{case.__name__}", case) for case in found]
