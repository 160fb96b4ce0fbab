"""The least that a build must do, quick enough for an emulated processor: post, notify, silence, restart.

cross/smoke.sh runs this with the binaries of other machines.
"""

import signal
import time

from authority import Authority, server_context
from scenarios.https import Server, agent_for, post, told

CONFIG = """
route: {receiver: hook, group_by: [alertname], group_wait: 200ms, group_interval: 1s, repeat_interval: 1h}
receivers:
- {name: hook, webhook_configs: [{url: "SINK/hook", send_resolved: true}]}
"""
SECONDS = 20  # an emulated processor is slow


def alert(name, **labels):
    return {"labels": {"alertname": name, **labels}, "startsAt": "2024-01-01T00:00:00Z"}


def silence(name):
    matchers = [{"name": "alertname", "value": name, "isRegex": False}]
    return {"matchers": matchers, "startsAt": "2024-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "me", "comment": "smoke"}


def state(agent, name):
    return [found["status"]["state"] for found in agent.api.alerts(("filter", f'alertname="{name}"'))]


def smoke(world):
    """A notification, a silence that holds it back, both after a stop, a start, and a kill."""
    sink = world.sink()
    agent = world.subject(CONFIG.replace("SINK", sink.url))
    answer = agent.api.post("/api/v2/silences", silence("Quiet"))
    assert answer.status == 200, answer
    agent.api.post_alerts(alert("Loud", site="1"), alert("Quiet"))
    (payload,) = sink.wait("/hook", 1, SECONDS)
    assert payload["groupLabels"] == {"alertname": "Loud"} and payload["status"] == "firing", payload
    agent.await_outcomes(1)
    for end in (agent.stop, agent.kill):
        end()
        agent.start()
        assert [found["id"] for found in agent.api.get("/api/v2/silences").json] == [answer.json["silenceID"]]
        agent.api.post_alerts(alert("Loud", site="1"), alert("Quiet"))
        time.sleep(2)
        assert len(sink.payloads("/hook")) == 1, "a restart repeats what was notified, or forgets a silence"
        assert (state(agent, "Loud"), state(agent, "Quiet")) == (["active"], ["suppressed"])
    agent.api.post_alerts({**alert("Loud", site="1"), "endsAt": "2024-01-01T01:00:00Z"})
    assert sink.wait("/hook", 2, SECONDS)[1]["status"] == "resolved"
    agent.signal(signal.SIGTERM)
    assert agent.stop() == 0


def https(world):
    """One notification over https, to a server that a private authority has signed for."""
    authority = Authority(world.directory / "ca")
    server = Server(server_context(authority.issue("server")))
    agent = agent_for(world, server.url, {"tls_config": {"ca_file": str(authority.certificate)}})
    post(agent, "A")
    told(server, 1)
    agent.await_outcomes(1)


def cases(_settings):
    return [("smoke/smoke", smoke), ("smoke/https", https)]
