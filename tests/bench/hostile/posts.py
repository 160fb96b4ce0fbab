"""Large posts, and what many alerts cost at once."""

import json
import time

from agent import until
from load import Receiver, post
from patterns import large, small
from subject import config, hostile


@hostile("a post of 8 MiB, 20,000 alerts, twice")
def big_post(subject):
    subject.start()
    body = post(small(20_000, 200))
    subject.measured(lambda: subject.request(body))
    subject.measured(lambda: subject.request(body))


@hostile("12 regex routes, one post of 8 MiB")
def routes(subject):
    subject.start(config(", ".join(f"{{receiver: nobody, matchers: ['x=~\".*[x-z]{n}.*\"']}}" for n in range(12))))
    body = post(large(177))
    subject.measured(lambda: subject.request(body))


@hostile("a post of 8 MiB, 400,000 labels")
def many_labels(subject):
    subject.start()
    alerts = [{"labels": {"alertname": f"a{n}", **{f"l{i}": "x" for i in range(999)}}} for n in range(390)]
    body = post(alerts)
    subject.measured(lambda: subject.request(body))


@hostile("a post of 8 MiB, escapes alone")
def escapes(subject):
    subject.start()
    alerts = [{"labels": {"alertname": f"a{n}"}, "annotations": {"x": "\u00e9" * 7900}} for n in range(170)]
    body = post(alerts)
    subject.measured(lambda: subject.request(body))


@hostile("a post of 8 MiB, all of it wrong")
def all_wrong(subject):
    subject.start()
    body = post([{"labels": {"a" * 200: ""}}] * 30_000)
    subject.measured(lambda: subject.request(body))
    body = post([{"labels": {"alertname": "x"}, "startsAt": "2030-01-01T00:00:00Z", "endsAt": "2029-01-01T00:00:00Z"}] * 19_999)
    subject.measured(lambda: subject.request(body))


@hostile("GET of 20,000 groups")
def groups(subject):
    subject.start("route: {receiver: nobody, group_by: ['...'], group_wait: 1h}\nreceivers: [{name: nobody}]\n")
    subject.alerts(small(20_000))
    subject.measured(lambda: subject.get("/api/v2/alerts/groups"))
    subject.measured(lambda: subject.get("/plain"))


@hostile("20,000 alerts end at once")
def end_at_once(subject):
    subject.start(config(wait="1s"), "--alerts.gc-interval=4s")
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 8))
    subject.alerts([{**it, "endsAt": end} for it in small(20_000)], 5000)
    subject.measured(lambda: time.sleep(14))


@hostile("one notification of 20,000 alerts")
def one_notification(subject):
    receiver = Receiver()
    text = "route: {receiver: hook, group_by: [], group_wait: 4s}\n"
    subject.start(text + f"receivers: [{{name: hook, webhook_configs: [{{url: 'http://127.0.0.1:{receiver.port}/'}}]}}]\n")
    subject.alerts(small(20_000), 5000)
    subject.measured(lambda: receiver.wait(30) and "")
    receiver.close()


@hostile("notifications of 20,000 alerts by templates: Slack's, and one that asks for a field at each alert")
def templates(subject):
    receiver = Receiver()
    url = f"http://127.0.0.1:{receiver.port}/"
    text = "route: {receiver: hook, group_by: [], group_wait: 4s}\n"
    hook = f"{{url: '{url}', payload: '{{{{ range .Alerts }}}}{{{{ $.Status }}}}{{{{ end }}}}'}}"
    subject.start(text + f"receivers: [{{name: hook, slack_configs: [{{api_url: '{url}'}}], webhook_configs: [{hook}]}}]\n")
    subject.alerts(small(20_000), 5000)
    subject.measured(lambda: receiver.wait(30) and receiver.wait(30) and "")
    receiver.close()


@hostile("one signed notification of 8 MiB")
def signed_notification(subject):
    receiver = Receiver()
    text = "route: {receiver: hook, group_by: [], group_wait: 4s}\n"
    hook = f"{{url: 'http://127.0.0.1:{receiver.port}/', hmac_secret: secret}}"
    subject.start(text + f"receivers: [{{name: hook, webhook_configs: [{hook}]}}]\n")
    subject.alerts(large(180), 20)
    subject.measured(lambda: receiver.wait(30) and "")
    receiver.close()


@hostile("a restart with 20,000 alerts and 5,000 silences")
def restart(subject):
    subject.start(config(wait="1s"))
    subject.alerts(small(20_000), 5000)
    for n in range(5000):
        subject.silence(f".*[0-9]{n}x")
    subject.agent.stop()
    began = time.perf_counter()
    subject.agent.start(poll=0.002)
    subject.gap = (time.perf_counter() - began) * 1e3
    subject.note("gap: until it is ready")
    subject.measured(lambda: time.sleep(4))
    subject.note(json.dumps(subject.gap)[:0])


@hostile("a flash of 20,000 alerts and 5,000 silences that can be read only after the start")
def late_flash(subject):
    subject.start(config(wait="1s"))
    subject.alerts(small(20_000), 5000)
    for n in range(5000):
        subject.silence(f"gateway-{n}x")
    subject.agent.stop()
    data, away = subject.directory / "data", subject.directory / "away"
    data.rename(away)
    data.write_text("")
    subject.agent.start()

    def mend():
        data.unlink()
        away.rename(data)
        until("all is back", lambda: subject.agent.metric("alertmanager_alerts") >= 20_000)

    subject.measured(mend)
