"""Alerts of our own, in real processes: a certificate that ends."""

import shutil
import signal
from datetime import datetime, timedelta, timezone

from agent import until
from authority import Authority

CONFIG = """
route: {receiver: hook, group_by: [alertname], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}
receivers:
- name: hook
  webhook_configs: [{url: "%s/hook", http_config: {tls_config: {ca_file: "%s"}}}]
"""


def cases(_settings):
    yield "own/certificates", certificates


def certificates(world):
    """An authority's certificate that ends in two days is an alert, and the alert ends once the file is renewed."""
    authority = Authority(world.directory / "authority")
    stamp = lambda days: (datetime.now(timezone.utc) + timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")
    soon = authority.issue("soon", valid=(stamp(-90), stamp(2)))
    file = world.directory / "trusted.pem"
    shutil.copy(soon, file)
    sink = world.sink()
    agent = world.subject(CONFIG % (sink.url, file))
    (told,) = sink.wait("/hook", 1, 60)
    (alert,) = told["alerts"]
    labels = alert["labels"]
    assert (labels["alertname"], labels["certificate"]) == ("BellwetherCertificateEnds", str(file)), labels
    assert "ends at" in alert["annotations"]["summary"], alert
    assert agent.metric("bellwether_troubles", alertname="BellwetherCertificateEnds") == 1
    shutil.copy(authority.issue("fresh", valid=(stamp(-1), stamp(90))), file)
    agent.signal(signal.SIGHUP)
    until("it is over", lambda: sink.payloads("/hook")[-1]["status"] == "resolved", 120)
    return "told, and its end"
