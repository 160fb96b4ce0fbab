"""A site to show: a flock of three gateways with alerts of every kind, silences, and a receiver that fails."""

import subprocess
from datetime import datetime, timedelta, timezone

from agent import free_port, until

CONFIG = """
route:
  receiver: on-call
  group_by: [alertname, site]
  group_wait: 1s
  group_interval: 5s
  repeat_interval: 4h
  routes:
  - {receiver: office, matchers: [severity="info"], mute_time_intervals: [nights]}
  - {receiver: maintenance, matchers: [team="plant"]}
time_intervals:
- {name: nights, time_intervals: [{times: [{start_time: "00:00", end_time: "24:00"}]}]}
expect:
- {name: backup, period: 1d}
- {name: prometheus, period: 5m}
- {name: meter-readout, period: 2s, labels: {site: tower}}
heartbeat:
- {name: healthchecks, period: 1m, url: "SINK/heartbeat"}
inhibit_rules:
- {source_matchers: [alertname="UplinkDown"], target_matchers: [severity="warning"], equal: [site]}
receivers:
- name: on-call
  webhook_configs: [{url: "SINK/on-call"}]
- name: office
  webhook_configs: [{url: "SINK/office"}]
- name: maintenance
  webhook_configs: [{url: "http://127.0.0.1:1/plant"}]
"""
NAMES = ["gw-north", "gw-quay", "gw-tower"]


def ago(**past):
    return (datetime.now(timezone.utc) - timedelta(**past)).isoformat().replace("+00:00", "Z")


def alert(name, summary, since, **labels):
    annotations = {"summary": summary, "runbook": f"https://wiki.example.org/{name}"}
    return {"labels": {"alertname": name, **labels}, "annotations": annotations, "startsAt": since, "endsAt": "2099-01-01T00:00:00Z"}


def alerts():
    return [
        alert("BatteryLow", "Battery of the emergency light at 11 %", ago(minutes=12), site="quay", instance="ups-2", severity="critical"),
        alert("BatteryLow", "Battery of the barrier at 17 %", ago(minutes=4), site="quay", instance="ups-4", severity="critical"),
        alert("UplinkDown", "No uplink: LTE modem has lost its network", ago(hours=2, minutes=5), site="tower", instance="lte0", severity="critical"),
        alert("SensorStale", "Wind sensor is silent", ago(hours=2), site="tower", instance="wind-1", severity="warning"),
        alert("DiskFillsUp", "/var/log is full in 6 hours", ago(minutes=48), site="north", instance="gw-north", severity="warning"),
        alert("TemperatureHigh", "Cabinet at 61 °C", ago(hours=5), site="north", instance="cabinet-3", severity="warning"),
        alert("PumpPressure", "Pressure of pump 7 at 0.8 bar", ago(minutes=25), site="quay", instance="pump-7", severity="critical", team="plant"),
        alert("CameraDown", "Camera 2 sends no picture", ago(hours=3), site="quay", instance="cam-2", severity="warning"),
        alert("DoorOpen", "Cabinet door is open", ago(minutes=33), site="north", instance="door-1", severity="info"),
    ]


def opened(world):
    """The agents of the site, the first one with all its alerts told."""
    sink = world.sink()
    ports = [free_port() for _ in NAMES]
    agents = []
    key = world.directory / "flock.key"
    key.write_bytes(subprocess.run([world.settings.subject, "key", "new"], check=True, capture_output=True).stdout)
    key.chmod(0o600)
    for name, port in zip(NAMES, ports):
        peers = [f"--cluster.peer=127.0.0.1:{it}" for it in ports if it != port]
        flags = [f"--cluster.listen-address=127.0.0.1:{port}", f"--cluster.peer-name={name}", f"--cluster.key-file={key}", *peers]
        agents.append(world.subject(CONFIG.replace("SINK", sink.url), *flags, name=name))
    api = agents[0].api
    api.post_alerts(*alerts())
    for name in ("backup", "prometheus"):
        assert api.post(f"/bellwether/v1/ping/{name}", "").status == 200
    for matchers, comment, author, hours in (
        ({"alertname": "TemperatureHigh", "site": "north"}, "Fan is ordered, arrives on Tuesday", "Ana", 30),
        ({"site": "quay", "instance": "cam-2"}, "The quay is being painted", "Ben", 6),
    ):
        body = [{"name": name, "value": value, "isRegex": False} for name, value in matchers.items()]
        end = (datetime.now(timezone.utc) + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")
        answer = api.post("/api/v2/silences", {"matchers": body, "startsAt": ago(minutes=1), "endsAt": end, "createdBy": author, "comment": comment})
        assert answer.status == 200, answer
    told = lambda: sum(it["outcome"] == "sent" for agent in agents for it in agent.api.get("/bellwether/v1/history").json)  # noqa: E731
    until("the notifications are told", lambda: told() >= 3)
    return agents
