"""Patterns that a weak engine takes long over, and very many of them."""

import json
import time
import urllib.parse

from subject import config, hostile


def small(count, length=60):
    """Alerts whose label x is long, and another for each."""
    return [{"labels": {"alertname": f"a{n % 100}", "instance": f"gateway-{n}.example:9100", "x": f"{n:0{length}}"}} for n in range(count)]


def large(count, text="ab"):
    """Alerts with a label of 45 KB."""
    return [{"labels": {"alertname": f"a{n}", "x": text * (45_000 // len(text))}} for n in range(count)]


def filters(pattern, count=1):
    return "&".join([f"filter={urllib.parse.quote(f'x=~{json.dumps(pattern)}')}"] * count)


@hostile("GET (y?){1000}, 20,000 alerts")
def counted(subject):
    subject.start()
    subject.alerts(small(20_000))
    subject.measured(lambda: subject.get(f"/api/v2/alerts?{filters('(y?){1000}')}"))


@hostile("GET 64 filters .*[0-9].*, 20,000 alerts")
def many_filters(subject):
    subject.start()
    subject.alerts(small(20_000))
    subject.measured(lambda: subject.get(f"/api/v2/alerts?{filters('.*[0-9].*', 64)}"))
    subject.measured(lambda: subject.get(f"/api/v2/alerts/groups?{filters('.*[0-9].*', 64)}"))


@hostile("GET .* x 4,000 then b, eight alerts of 45 KB")
def stars(subject):
    subject.start()
    subject.alerts(large(8, "ac"))
    subject.measured(lambda: subject.get(f"/api/v2/alerts?{filters('.*' * 4000 + 'b')}"))


@hostile("GET .*b[ab]{900}, 170 alerts of 45 KB")
def explosion(subject):
    subject.start()
    subject.alerts(large(170), 50)
    subject.measured(lambda: subject.get(f"/api/v2/alerts?{filters('.*b[ab]{900}')}"))


@hostile("GET after 1,000 silences .*[0-9]Nx, 10,000 alerts")
def silences(subject):
    subject.start()
    subject.alerts(small(10_000))
    for n in range(1000):
        subject.silence(f".*[0-9]{n}x")
    subject.measured(lambda: subject.get("/api/v2/alerts"))
    subject.measured(lambda: subject.get("/metrics"))


@hostile("flush after 1,000 silences .*[a-z]Nx.*, 10,000 alerts in one group")
def flush(subject):
    subject.start(config(wait="5s"))
    for n in range(1000):
        subject.silence(f".*[a-z]{n}x.*")
    subject.alerts([{"labels": {**it["labels"], "alertname": "one"}} for it in small(10_000)], 5000)
    subject.measured(lambda: time.sleep(6))


@hostile("GET, 33 silences that match 10,000 alerts")
def remembered(subject):
    subject.start()
    subject.alerts(small(10_000))
    for n in range(33):
        subject.silence(f".*(example|{n}):.*")
    for n in range(1000):
        subject.silence(f".*[x-z]{n}.*")
    subject.get("/api/v2/alerts")
    subject.measured(lambda: subject.get("/api/v2/alerts"))


@hostile("a silence of 64 expensive patterns that is refused")
def refused(subject):
    subject.start()
    subject.measured(lambda: subject.silence(*["[a-z]{1000}" * 60] * 64))
    subject.measured(lambda: subject.silence(*["(a[bc]?){1000}" * 20] * 64))


@hostile("a restart after one silence and four alerts of 45 KB")
def restart(subject):
    subject.start(config(wait="1s"))
    subject.silence("(a?b?){500}.*(a|b){400}c", name="x")
    subject.alerts(large(4))
    time.sleep(2)
    subject.agent.stop()
    began = time.perf_counter()
    subject.agent.start(poll=0.002)
    subject.gap = (time.perf_counter() - began) * 1e3
    subject.note("gap: until it is ready")
    subject.measured(lambda: time.sleep(2))
