"""Debian's vmalert, unmodified, posts to Bellwether: the alert fires, is notified, and resolves."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agent import free_port, until

CONFIG = """
route: {receiver: root, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers:
- {name: root, webhook_configs: [{url: "SINK/root"}]}
"""
RULES = """
groups:
- name: site
  interval: 1s
  rules:
  - alert: TooHot
    expr: site_temperature_celsius > 50
    labels: {severity: critical}
    annotations: {summary: "{{ $value }} degrees in room {{ $labels.room }}"}
"""


class Source:
    """A data source of vmalert: one series that is above the limit, or none."""

    def __init__(self):
        self.is_hot = True
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                series = [{"metric": {"__name__": "site_temperature_celsius", "room": "1"}, "value": [0, "80"]}] if source.is_hot else []
                body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": series}}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def fires_and_resolves(world):
    sink = world.sink()
    agent = world.subject(CONFIG.replace("SINK", sink.url))
    source = Source()
    world.at_end(source.server.shutdown)
    (world.directory / "rules.yml").write_text(RULES)
    world.spawn(
        "vmalert",
        "/usr/bin/vmalert",
        "-rule=rules.yml",
        f"-datasource.url=http://127.0.0.1:{source.port}",
        f"-notifier.url=http://127.0.0.1:{agent.port}",
        f"-httpListenAddr=127.0.0.1:{free_port()}",
    )

    def told(status):
        payloads = [request.payload for request in sink.requests if request.delivered]
        return [payload for payload in payloads if payload["status"] == status]

    until("the firing alert is notified", lambda: told("firing"))
    (alert,) = told("firing")[0]["alerts"]
    assert (alert["labels"]["alertname"], alert["labels"]["room"], alert["labels"]["severity"]) == ("TooHot", "1", "critical"), alert
    assert "80" in alert["annotations"]["summary"], alert
    source.is_hot = False
    until("its end is notified", lambda: told("resolved"))


def cases(_settings):
    return [("vmalert/fires_and_resolves", fires_and_resolves)]
