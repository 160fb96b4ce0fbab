"""Debian's Prometheus with a real rule posts to Bellwether: the alert fires, is notified, resolves, is notified resolved."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agent import free_port

CONFIG = """
route: {receiver: root, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h}
receivers:
- {name: root, webhook_configs: [{url: "SINK/root"}]}
"""
SCRAPES = """
global: {{scrape_interval: 1s, evaluation_interval: 1s, external_labels: {{gateway: "7"}}}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{agent}"]}}]}}]}}
scrape_configs:
- {{job_name: site, static_configs: [{{targets: ["127.0.0.1:{exporter}"]}}]}}
"""
RULES = """
groups:
- name: site
  rules:
  - alert: TooHot
    expr: site_temperature_celsius > 50
    labels: {severity: critical}
    annotations: {summary: "{{ $value }} degrees in room {{ $labels.room }}"}
"""
FIRES_WITHIN = 25  # seconds: Prometheus starts, scrapes, evaluates and sends
RESOLVES_WITHIN = 20


class Exporter:
    """One gauge that can be set, served as an exporter serves it."""

    def __init__(self, value):
        self.value = value
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = f'site_temperature_celsius{{room="1"}} {exporter.value}\n'.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def prometheus(world, agent, exporter):
    """Debian's Prometheus scrapes the exporter and posts to the agent."""
    (world.directory / "rules.yml").write_text(RULES)
    (world.directory / "prometheus.yml").write_text(SCRAPES.format(agent=agent.port, exporter=exporter.port))
    world.spawn(
        "prometheus", "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
        f"--web.listen-address=127.0.0.1:{free_port()}",
    )


def labels_of(exporter):
    return {
        "alertname": "TooHot", "gateway": "7", "instance": f"127.0.0.1:{exporter.port}", "job": "site", "room": "1", "severity": "critical",
    }


def rule_fires_and_resolves(world):
    sink = world.sink()
    agent = world.subject(CONFIG.replace("SINK", sink.url))
    exporter = Exporter(80)
    prometheus(world, agent, exporter)

    (fired,) = sink.wait("/root", 1, FIRES_WITHIN)
    labels = labels_of(exporter)
    assert fired["status"] == "firing", fired
    assert fired["commonLabels"] == labels, fired
    assert fired["commonAnnotations"] == {"summary": "80 degrees in room 1"}, fired
    assert "/graph?g0.expr=site_temperature_celsius+%3E+50" in fired["alerts"][0]["generatorURL"], fired
    assert [alert["labels"] for alert in agent.api.alerts()] == [labels]

    exporter.value = 20
    resolved = sink.wait("/root", 2, RESOLVES_WITHIN)[1]
    assert resolved["status"] == "resolved", resolved
    assert resolved["alerts"][0]["startsAt"] == fired["alerts"][0]["startsAt"], (fired, resolved)
    assert agent.api.alerts() == [], "a resolved alert is still listed"
    assert len(sink.payloads("/root")) == 2


def reaches_an_alertmanager_upstream(world):
    """An alert of Prometheus arrives whole at a real Alertmanager upstream, which tells of it and of its end."""
    sink = world.sink()
    oracle = world.oracle(CONFIG.replace("SINK", sink.url))
    upstream = f'[{{url: "http://127.0.0.1:{oracle.port}", resend_interval: 2s}}]'
    agent = world.subject(CONFIG.replace('webhook_configs: [{url: "SINK/root"}]', f"alertmanager_configs: {upstream}"))
    exporter = Exporter(80)
    prometheus(world, agent, exporter)

    (fired,) = sink.wait("/root", 1, FIRES_WITHIN)
    assert fired["commonLabels"] == labels_of(exporter), fired
    assert fired["commonAnnotations"] == {"summary": "80 degrees in room 1"}, fired
    (here,), (there,) = agent.api.alerts(), oracle.api.alerts()
    for key in ("labels", "annotations", "startsAt", "generatorURL", "fingerprint"):
        assert here[key] == there[key], (here, there)
    exporter.value = 20
    resolved = sink.wait("/root", 2, RESOLVES_WITHIN)[1]
    assert resolved["status"] == "resolved" and resolved["commonLabels"] == labels_of(exporter), resolved
    assert agent.api.alerts() == oracle.api.alerts() == []
    assert len(sink.payloads("/root")) == 2


def cases(_settings):
    return [("prometheus", rule_fires_and_resolves), ("prometheus/upstream", reaches_an_alertmanager_upstream)]
