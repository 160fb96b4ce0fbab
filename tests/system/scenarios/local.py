"""Receivers of gateways with real parts: mosquitto, rsyslog, programs, files, and an Alertmanager upstream."""

import json
import os
import socket
import subprocess
import threading

import paho.mqtt.client as paho
from agent import WAIT_SECONDS, free_port, until
from authority import Authority, server_context

CONFIG = """
route: {{receiver: r, group_by: [alertname], group_wait: 200ms, group_interval: 1s, repeat_interval: 1h}}
receivers:
- name: r
  webhook_configs: [{{url: "{sink}/hook"}}]
  {more}
"""
EVIL = "a\n<0>1 - - - - - - root: evil\r\n+/#\0$(touch /tmp/evil);`id`|../../etc/passwd"


def config(sink, more):
    return CONFIG.format(sink=sink.url, more=more)


def alert(name, **labels):
    return {"labels": {"alertname": name, **labels}, "startsAt": "2024-01-01T00:00:00Z"}


def ended(name, **labels):
    return {**alert(name, **labels), "endsAt": "2024-01-01T01:00:00Z"}


class Subscriber:
    """Another client library, which hears everything of a broker."""

    def __init__(self, port, user=None, password=None, authority=None):
        self.messages = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        if user:
            self._client.username_pw_set(user, password)
        if authority:
            self._client.tls_set(str(authority))
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_message = lambda _client, _data, it: self.messages.append((it.topic, it.payload, bool(it.retain)))
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def payloads(self, topic):
        return [payload for name, payload, _ in list(self.messages) if name == topic]

    def close(self):
        self._client.loop_stop()


def broker(world, port, name="mosquitto", password=None):
    """Mosquitto on that port; with a password it lets only gw in."""
    conf = [f"listener {port} 127.0.0.1", "persistence false", "log_dest stderr"]
    if password:
        file = world.directory / "passwords"
        subprocess.run(["mosquitto_passwd", "-b", "-c", str(file), "gw", password], check=True)
        file.chmod(0o644)
        world.directory.chmod(0o755)
        conf += ["allow_anonymous false", f"password_file {file}"]
    else:
        conf += ["allow_anonymous true"]
    path = world.directory / f"{name}.conf"
    path.write_text("\n".join(conf) + "\n")
    process = world.spawn(name, "mosquitto", "-c", str(path))
    until("mosquitto listens", lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
    return process


def mqtt(world):
    """Both versions: a message, a retained state, Home Assistant's discovery, and a will when the agent is killed."""
    for version in ("3.1.1", "5"):
        port, sink = free_port(), world.sink()
        broker(world, port, f"mosquitto-{version}")
        heard = Subscriber(port)
        world.at_end(heard.close)
        more = f"mqtt_configs: [{{broker: 'mqtt://127.0.0.1:{port}', version: '{version}', client_id: gw, discovery_prefix: ha, availability_topic: 'at/{{node}}', topic: 'alerts/{{{{ .CommonLabels.evil }}}}'}}]"
        agent = world.subject(config(sink, more), "--cluster.peer-name=site 1", name=version)
        until("the agent says that it is there", lambda heard=heard: heard.payloads("at/site_1") == [b"online"])
        agent.api.post_alerts(alert("Door", evil=EVIL))
        topic = "alerts/a_<0>1 - - - - - - root: evil___/__$(touch /tmp/evil);`id`|../../etc/passwd"
        until("the alert arrives, in a topic without wildcards", lambda heard=heard: heard.payloads(topic))
        payload = json.loads(heard.payloads(topic)[0])
        assert payload["alerts"][0]["labels"]["evil"] == EVIL, payload
        found = next(json.loads(it) for topic, it, _ in heard.messages if topic.startswith("ha/binary_sensor/bellwether_") and b"problem" in it)
        assert [json.loads(it)["status"] for it in heard.payloads(found["state_topic"])] == ["firing"]
        agent.api.post_alerts(ended("Door", evil=EVIL))
        until("the end arrives", lambda heard=heard, found=found: len(heard.payloads(found["state_topic"])) == 2)
        late = Subscriber(port)
        world.at_end(late.close)
        until("the state is retained", lambda late=late, found=found: late.payloads(found["state_topic"]))
        assert json.loads(late.payloads(found["state_topic"])[0])["status"] == "resolved"
        agent.kill()
        until("the will says that it is gone", lambda heard=heard: heard.payloads("at/site_1")[-1] == b"offline")


def mqtt_broker_restarts(world):
    """With QoS 1 no alert is lost while the broker is away, and a wrong password is told in the log."""
    port, sink = free_port(), world.sink()
    process = broker(world, port, password="hunter2")
    more = f"mqtt_configs: [{{broker: 'mqtt://127.0.0.1:{port}', username: gw, password: PASSWORD}}]"
    agent = world.subject(config(sink, more.replace("PASSWORD", "wrong")))
    agent.api.post_alerts(alert("First"))
    sink.wait("/hook", 1, WAIT_SECONDS)
    until("the password is refused", lambda: "not authorised" in agent.log() or "wrong user name" in agent.log())
    agent.write_config(config(sink, more.replace("PASSWORD", "hunter2")))
    agent.reload()
    heard = Subscriber(port, "gw", "hunter2")
    world.at_end(heard.close)
    until("the first alert arrives", lambda: any(b"First" in it for it in heard.payloads("bellwether/alerts")))
    process.terminate()
    process.wait()
    agent.api.post_alerts(alert("Second"))
    sink.wait("/hook", 2, WAIT_SECONDS)
    broker(world, port, "mosquitto-again", password="hunter2")
    # Its message may come before the subscriber is back; the state is retained.
    until("the second alert arrives", lambda: any(b"Second" in payload for _, payload, _ in list(heard.messages)))
    assert "hunter2" not in agent.log()


def mqtt_encrypted(world):
    """Over TLS, with mosquitto."""
    port, sink, authority = free_port(), world.sink(), Authority(world.directory / "authority")
    authority.issue("broker")
    conf = world.directory / "mosquitto.conf"
    crt, key = (authority.directory / f"broker.{end}" for end in ("crt", "key"))
    conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nlog_dest stderr\nuser root\ncertfile {crt}\nkeyfile {key}\ncafile {authority.certificate}\n")
    world.spawn("mosquitto", "mosquitto", "-c", str(conf))
    until("mosquitto listens", lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
    heard = Subscriber(port, authority=authority.certificate)
    world.at_end(heard.close)
    more = f"mqtt_configs: [{{broker: 'mqtts://127.0.0.1:{port}', tls_config: {{ca_file: {authority.certificate}}}}}]"
    agent = world.subject(config(sink, more))
    agent.api.post_alerts(alert("Door"))
    until("the alert arrives", lambda: heard.payloads("bellwether/alerts"))


RSYSLOG = """
module(load="imtcp")
module(load="imudp")
input(type="imtcp" port="{port}" address="127.0.0.1")
input(type="imudp" port="{port}" address="127.0.0.1")
template(name="all" type="string" string="%syslogfacility-text% %syslogseverity-text% %app-name% %protocol-version%|%msg%\\n")
action(type="omfile" file="{file}" template="all")
"""


def syslog(world):
    """Rsyslog takes what comes by TCP and UDP, each notification as one message; a socket stands in for /dev/log."""
    port, sink = free_port(), world.sink()
    file = world.directory / "syslog.txt"
    conf = world.directory / "rsyslog.conf"
    conf.write_text(RSYSLOG.format(port=port, file=file))
    world.spawn("rsyslogd", "rsyslogd", "-n", "-f", str(conf), "-i", str(world.directory / "rsyslog.pid"))
    until("rsyslog listens", lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
    local = world.directory / "log"
    device = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    device.bind(str(local))
    device.settimeout(WAIT_SECONDS)
    world.at_end(device.close)
    more = f"syslog_configs: [{{address: 'tcp://127.0.0.1:{port}', facility: local3}}, {{address: 'udp://127.0.0.1:{port}', facility: local4}}, {{address: 'unix://{local}'}}]"
    agent = world.subject(config(sink, more))
    agent.api.post_alerts(alert("Door", severity="critical", evil=EVIL))
    lines = until("both messages are there", lambda: file.exists() and len(file.read_text().splitlines()) >= 2 and file.read_text().splitlines())
    heads = sorted(line.split("|")[0] for line in lines)
    assert heads == ["local3 crit bellwether 1", "local4 crit bellwether 1"], lines
    assert all("root: evil" in line and line.split("|", 1)[1].lstrip().startswith("[FIRING:1] Door") for line in lines), lines
    message = device.recv(65536)
    assert message.startswith(b"<26>bellwether: [FIRING:1] Door") and b"\n" not in message, message


def syslog_encrypted(world):
    """Over TLS with a client certificate, each notification is a message with its length before it (RFC 5425)."""
    sink, authority = world.sink(), Authority(world.directory / "authority")
    context = server_context(authority.issue("syslog"), clients=authority.certificate)
    gateway = authority.issue("gateway")
    server = socket.create_server(("127.0.0.1", 0))
    world.at_end(server.close)
    taken = []

    def serve():
        while True:
            try:
                connection, _ = server.accept()
                with context.wrap_socket(connection, server_side=True) as stream, stream.makefile("rb") as lines:
                    while length := b"".join(iter(lambda: lines.read(1).strip(), b"")):
                        taken.append((dict(it[0] for it in stream.getpeercert()["subject"])["commonName"], lines.read(int(length))))
            except OSError:
                if server.fileno() < 0:
                    return

    threading.Thread(target=serve, daemon=True).start()
    address = f"tls://127.0.0.1:{server.getsockname()[1]}"
    known = f"ca_file: {authority.certificate}, cert_file: {gateway}, key_file: {gateway}"
    agent = world.subject(config(sink, f"syslog_configs: [{{address: '{address}', tls_config: {{{known}}}}}]"))
    agent.api.post_alerts(alert("Door", evil=EVIL))
    until("the message is there", lambda: taken)
    (name, message) = taken[0]
    assert name == "gateway" and b"[FIRING:1] Door" in message and b"\n" not in message, taken
    # A server that nobody vouches for hears nothing.
    stranger = world.subject(config(sink, f"syslog_configs: [{{address: '{address}'}}]"), name="stranger")
    stranger.api.post_alerts(alert("Other"))
    until("the certificate is refused", lambda: "TLS with 127.0.0.1" in stranger.log())
    assert len(taken) == 1, taken


def log(world):
    """An alert writes into the line of the log that tells it, and into no other."""
    sink = world.sink()
    agent = world.subject(config(sink, "log_configs: [{}]").replace("group_by: [alertname]", "group_by: [evil]"))
    forged = "x\ntime=2026-01-01T00:00:00Z level=ERROR msg=forged\r\u2028\x1b[2J\x07\x9b"
    agent.api.post_alerts(alert("Door", evil=forged))
    sink.wait("/hook", 1, WAIT_SECONDS)
    until("it is in the log", lambda: "[FIRING:1]" in agent.log())
    lines = agent.log_file.read_bytes().split(b"\n")
    assert not any(line.startswith((b"time=2026-01-01", b"x")) for line in lines), lines
    controls = {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))} & set(agent.log())
    assert not controls, controls


def programs(world):
    """A program that hangs, forks and floods is ended with all it started, others are told meanwhile; no alert runs anything."""
    sink = world.sink()
    script, out = world.directory / "buzz", world.directory / "out"
    script.write_text(f"#!/bin/sh\necho \"$ALERT_STATUS $ALERT_LABEL_alertname $#\" >> {out}\ncat >> {out}\n")
    hang, pids = world.directory / "hang", world.directory / "pids"
    hang.write_text(f"#!/bin/sh\nfor i in 1 2 3; do sleep 600 & echo $! >> {pids}; done\nyes flood &\nsleep 600\n")
    for file in (script, hang):
        file.chmod(0o755)
    more = f"exec_configs: [{{command: ['{script}']}}, {{command: ['{hang}'], run_timeout: 1s}}, {{command: [/bin/false]}}]"
    text = config(sink, more)
    agent = world.subject(text)
    agent.api.post_alerts(alert("Door", evil=EVIL.replace("\0", "")))
    sink.wait("/hook", 1, WAIT_SECONDS)
    until("the program has run", lambda: out.exists() and out.read_text().count("\n") >= 2)
    first, payload = out.read_text().split("\n")[:2]
    assert first == "firing Door 0" and json.loads(payload)["alerts"][0]["labels"]["alertname"] == "Door", (first, payload)
    assert not os.path.exists("/tmp/evil")
    until("the one that hangs is ended", lambda: "ended after 1s" in agent.log())
    until("the one that fails is told", lambda: "exit status 1" in agent.log())

    def alive(pid):
        try:
            return ") Z " not in open(f"/proc/{pid}/stat").read()
        except OSError:
            return False

    begun = pids.read_text().split()[:3]
    until("all that it started is ended", lambda: not any(map(alive, begun)))
    agent.stop()
    agent.config_file.chmod(0o666)
    refused = subprocess.run(agent.command(), capture_output=True, text=True, check=False, timeout=WAIT_SECONDS)
    assert refused.returncode == 78 and "exec_configs: refused" in refused.stderr, refused


def files(world):
    """Each notification is a line of JSON; a full file makes room."""
    sink, path = world.sink(), world.directory / "alerts.json"
    agent = world.subject(config(sink, f"file_configs: [{{path: '{path}', max_bytes: 1500}}]"))
    for number in range(4):
        agent.api.post_alerts(alert(f"Door{number}", evil=EVIL))
        sink.wait("/hook", number + 1, WAIT_SECONDS)
    older = world.directory / "alerts.json.1"
    until("the file was rotated", older.exists)
    lines = [json.loads(line) for file in (older, path) for line in file.read_text().splitlines()]
    assert lines and all(line["alerts"][0]["labels"]["evil"] == EVIL for line in lines), lines
    assert path.stat().st_size <= 1500


def upstream(world):
    """Alerts are posted to an Alertmanager, again while they fire, and end there when they end here."""
    sink = world.sink()
    oracle = world.oracle("route: {receiver: none}\nreceivers: [{name: none}]\n")
    more = f"alertmanager_configs: [{{url: 'http://127.0.0.1:{oracle.port}', resend_interval: 1s}}]"
    agent = world.subject(config(sink, more))
    agent.api.post_alerts(alert("Door", site="1"))
    (there,) = until("the alert is upstream", oracle.api.alerts)
    assert there["labels"] == {"alertname": "Door", "site": "1"} and there["startsAt"] == "2024-01-01T00:00:00.000Z", there
    until("it is posted again", lambda: [it["endsAt"] for it in oracle.api.alerts()] not in ([there["endsAt"]], []))
    agent.api.post_alerts(ended("Door", site="1"))
    until("it ends upstream", lambda: not oracle.api.alerts())


def cases(_settings):
    return [
        ("local/mqtt", mqtt),
        ("local/mqtt-restart", mqtt_broker_restarts),
        ("local/mqtt-encrypted", mqtt_encrypted),
        ("local/syslog", syslog),
        ("local/syslog-encrypted", syslog_encrypted),
        ("local/log", log),
        ("local/exec", programs),
        ("local/file", files),
        ("local/upstream", upstream),
    ]
