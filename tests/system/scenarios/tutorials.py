"""The commands our users' tutorials begin with work with the binary's name changed."""

import os
import subprocess
import time

from agent import LISTENING, free_port
from api import Api

CONFIG = """
global:
  resolve_timeout: 5m

route:
  group_by: ['alertname']
  group_wait: 1s
  group_interval: 10s
  repeat_interval: 1h
  receiver: 'web.hook'
receivers:
- name: 'web.hook'
  webhook_configs:
  - url: 'SINK/'
inhibit_rules:
  - source_match:
      severity: 'critical'
    target_match:
      severity: 'warning'
    equal: ['alertname', 'dev', 'instance']
"""
ALERTS = """[
  {
    "labels": {
       "alertname": "DiskRunningFull",
       "dev": "sda1",
       "instance": "example1"
     },
     "annotations": {
        "info": "The disk sda1 is running full",
        "summary": "please check the instance example1",
        "runbook": "the following link http://test-url should be clickable"
      }
  },
  {
    "labels": {
       "alertname": "DiskRunningFull",
       "dev": "sda2",
       "instance": "example1"
     },
     "annotations": {
        "info": "The disk sda2 is running full",
        "summary": "please check the instance example1"
      }
  }
]"""


def curl_to_webhook(world):
    """A YAML file with a webhook, `--web.listen-address=":PORT"`, and curl without a content type to the first API."""
    sink = world.sink()
    port = free_port()
    (world.directory / "simple.yml").write_text(CONFIG.replace("SINK", sink.url))
    # As typed, but for the data: Debian's Alertmanager keeps it in /var/lib, and would remember an earlier run.
    agent = world.spawn(
        "agent", world.settings.subject, f"--web.listen-address=:{port}", "--config.file=simple.yml", "--log.level=debug", "--storage.path=data",
        "--cluster.listen-address=",
    )
    log = world.directory / "agent.log"
    deadline = time.monotonic() + 60
    while not LISTENING.search(log.read_text()):
        assert agent.poll() is None and time.monotonic() < deadline, f"it did not start:\n{log.read_text()}"
        time.sleep(0.02)

    command = f'curl -sS -XPOST -d"$alerts1" http://localhost:{port}/api/v1/alerts'
    done = subprocess.run(command, shell=True, env={**os.environ, "alerts1": ALERTS}, capture_output=True, text=True, check=False)
    assert done.stdout == '{"status":"success"}', f"{command} said {done.stdout!r} {done.stderr!r}"

    (payload,) = sink.wait("/", 1, 60)
    assert payload["receiver"] == "web\\.hook", payload
    assert payload["groupKey"] == '{}:{alertname="DiskRunningFull"}', payload
    assert [alert["labels"]["dev"] for alert in payload["alerts"]] == ["sda1", "sda2"], payload
    assert payload["alerts"][0]["annotations"]["runbook"] == "the following link http://test-url should be clickable"
    assert payload["commonAnnotations"] == {"summary": "please check the instance example1"}, payload
    assert payload["version"] == "4" and payload["status"] == "firing" and payload["truncatedAlerts"] == 0, payload
    assert len(Api(port).alerts()) == 2


def curl_to_second_api(world):
    """The same body to the second API, which wants to be told that it is JSON; and `--flag value` in two words."""
    sink = world.sink()
    agent = world.subject(CONFIG.replace("SINK", sink.url), "--log.level", "debug")
    url = f"http://localhost:{agent.port}/api/v2/alerts"
    for command in (f"curl -sS -XPOST -H 'Content-Type: application/json' -d \"$alerts1\" {url}", f"curl -sS --json \"$alerts1\" {url}"):
        done = subprocess.run(command, shell=True, env={**os.environ, "alerts1": ALERTS}, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, ""), f"{command} said {done.stdout!r} {done.stderr!r}"
    (payload,) = sink.wait("/", 1, 60)
    assert len(payload["alerts"]) == 2, payload


def cases(_settings):
    return [("tutorials/first-api", curl_to_webhook), ("tutorials/second-api", curl_to_second_api)]
