"""SIGHUP and POST /-/reload: the new config holds, nothing is notified twice, a bad config changes nothing."""

import signal
import time

from agent import until

ROOT = """
route: {receiver: root, group_by: [alertname], group_wait: 500ms, group_interval: 1s, repeat_interval: 1h}
receivers:
- {name: root, webhook_configs: [{url: "SINK/root"}]}
"""
OTHER = ROOT.replace("root", "other")
BAD = ROOT.replace("receiver: root", "receiver: nobody")


def alert(name, **labels):
    return {"labels": {"alertname": name, **labels}}


def by_signal(agent):
    agent.reload()


def by_post(agent):
    answer = agent.api.request("POST", "/-/reload")
    assert (answer.status, answer.body) == (200, b""), answer


def no_duplicate(world):
    """A reload starts the groups anew, but the notification log knows what was sent; silences stay."""
    sink = world.sink()
    agent = world.subject(ROOT.replace("SINK", sink.url))
    agent.api.post_alerts(alert("A"), alert("B"))
    silence = {"matchers": [{"name": "alertname", "value": "C", "isRegex": False}], "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "me", "comment": "c"}
    assert agent.api.post("/api/v2/silences", silence).status == 200
    sink.wait("/root", 2, 60)
    agent.await_outcomes(2)
    for reload in (by_signal, by_post, by_post, by_signal):
        reload(agent)
    agent.api.post_alerts(alert("C"))
    time.sleep(2.5)
    assert len(sink.payloads("/root")) == 2, [payload["groupKey"] for payload in sink.payloads("/root")]
    assert len(agent.api.alerts()) == 3
    assert len(agent.api.alerts(("silenced", "false"))) == 2

    agent.api.post_alerts(alert("A", site="2"))
    payload = sink.wait("/root", 3, 60)[2]
    assert len(payload["alerts"]) == 2, payload


def new_config(world):
    """What is still firing goes to the new receiver, and later reloads take effect too."""
    sink = world.sink()
    agent = world.subject(ROOT.replace("SINK", sink.url))
    agent.api.post_alerts(alert("A"))
    sink.wait("/root", 1, 60)
    agent.await_outcomes(1)
    for config, path, reload in ((OTHER, "/other", by_post), (ROOT.replace("root", "third"), "/third", by_signal)):
        agent.write_config(config.replace("SINK", sink.url))
        reload(agent)
        (payload,) = sink.wait(path, 1, 60)
        assert payload["alerts"][0]["labels"] == {"alertname": "A"}, payload
        assert agent.api.get("/api/v2/receivers").json[0]["name"] == path[1:]
    assert len(sink.payloads("/root")) == 1


def bad_config(world):
    """A bad config is refused, with the reason, an alert of our own says so, and the old one goes on; so it is with no file, and
    with no YAML."""
    sink = world.sink()
    agent = world.subject(ROOT.replace("SINK", sink.url))
    agent.api.post_alerts(alert("A"))
    sink.wait("/root", 1, 60)
    for text, reason in ((BAD, "nobody"), ("route: [", ""), ("", "")):
        agent.write_config(text.replace("SINK", sink.url))
        answer = agent.api.request("POST", "/-/reload")
        assert answer.status == 500, f"a bad config was answered {answer.status}"
        assert answer.text.startswith("failed to reload config: ") and reason in answer.text, answer.text
    logged = len(agent.log())
    agent.write_config(BAD.replace("SINK", sink.url))
    agent.signal(signal.SIGHUP)
    until("the log says why the config was refused", lambda: "nobody" in agent.log()[logged:])
    agent.config_file.unlink()
    assert agent.api.request("POST", "/-/reload").status == 500

    agent.api.post_alerts(alert("B"))
    keys = {it["groupKey"] for it in sink.wait("/root", 3, 60)}
    assert keys == {f'{{}}:{{alertname="{name}"}}' for name in ("A", "B", "BellwetherConfigRejected")}, keys
    assert agent.api.get("/api/v2/receivers").json[0]["name"] == "root"


def cases(_settings):
    return [(f"reload/{case.__name__}", case) for case in (no_duplicate, new_config, bad_config)]
