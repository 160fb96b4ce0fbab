"""The tries of the receiver types that Debian's Alertmanager does not have, by the rules of their documentation; and of all
types, when a service says when to come again."""

import json
import time
from typing import NamedTuple

from agent import WAIT_SECONDS, until
from authority import Authority, server_context
from scenarios.receivers import FLAGS, HOSTS, NEWER, ROUTE, STATUSES, alert, all_services, ended
from service import NO_ANSWER, Service, marked

# A service that fails is asked again, and so is one that gives no answer; what else it says is final.
PLAIN = {NO_ANSWER, 500, 502, 503, 504}
PATIENT = PLAIN | {429}
REASONS = {401: "authError", 403: "authError", 429: "rateLimited", 300: "other", 200: "clientError"}
PAUSE_SECONDS = 2  # asked for by Retry-After


class Tries(NamedTuple):
    """A type: its section, its keys, what its service answers, which statuses are tried again, and which answers are judged
    by their body. `step` says which of a notification's requests are answered badly."""

    section: str
    keys: dict
    answer: object
    retried: set
    bodies: dict = {}  # name -> (answer with the status 200, the reason in the metrics, or none: it is tried again)
    step: object = lambda _request: True


def newer(name, retried, bodies=None, **more):
    keys, answer, _ = NEWER[f"{name}_configs"]
    step = more.pop("step", lambda _request: True)
    return Tries(f"{name}_configs", {**keys, **more}, answer, retried, bodies or {}, step)


# The project is all that each of Jira's requests says, so it is what tells the groups apart.
PROJECT = "{{ .GroupLabels.alertname }}"
OPEN_ISSUE = {"issues": [{"key": "P-1", "fields": {"status": {"statusCategory": {"key": "new"}}}}]}

TYPES = {
    "msteams": newer("msteams", PLAIN),
    "msteamsv2": newer("msteamsv2", PLAIN),
    "mattermost": newer("mattermost", PLAIN),
    "incidentio": newer("incidentio", PATIENT),
    "rocketchat": newer("rocketchat", PLAIN, {"refused": ({"success": False, "error": "invalid-channel"}, "clientError"), "odd": ("<html>", None)}),
    "jira-search": newer("jira", PATIENT, {"odd": ("<html>", "other")}, project=PROJECT, step=lambda it: "/search" in it.url),
    "jira-create": newer("jira", PATIENT, project=PROJECT, step=lambda it: it.url.endswith("/issue")),
    "ntfy": Tries("ntfy_configs", {"url": "http://ntfy.example", "topic": "t"}, lambda _request: {"id": "1"}, PATIENT),
    "gotify": Tries("gotify_configs", {"url": "http://gotify.example", "token": "T"}, lambda _request: {"id": 1}, PATIENT),
    "alertmanager": Tries("alertmanager_configs", {"url": "http://upstream.example"}, lambda _request: "", PATIENT),
}


def tries(kind):
    """How often the service is asked after each bad answer, twice the same, and how the notification ends."""

    def case(world):
        plans = {f"answer{status}": (status, "") for status in (NO_ANSWER, *STATUSES) if status // 100 != 2}
        plans |= {f"answer2000{number}": (200, body) for number, (body, _) in enumerate(kind.bodies.values())}
        ends = {mark: "sent" if status in kind.retried else REASONS.get(status, "clientError") for mark, (status, _) in plans.items()}
        ends |= {f"answer2000{number}": reason or "sent" for number, (_, reason) in enumerate(kind.bodies.values())}
        left = dict.fromkeys(plans, 2)

        def answer(request):
            mark = marked(request)
            if not kind.step(request) or not left.get(mark):
                return 200, kind.answer(request)
            left[mark] -= 1
            return plans[mark]

        authority = Authority(world.directory / "authority")
        context = server_context(authority.issue("services", ",".join(f"DNS:{host}" for host in HOSTS)))
        service = Service(context, answer)
        world.at_end(service.close)
        way = {"proxy_url": service.url, "tls_config": {"ca_file": str(authority.certificate)}}
        entry = {**kind.keys, "http_config": way}
        config = {"route": {**ROUTE, "group_interval": "1h"}, "receivers": [{"name": "r", kind.section: [entry]}]}
        agent = world.subject(json.dumps(config), *FLAGS)
        agent.api.post_alerts(*(alert(mark, "a", time.time()) for mark in plans))
        until("all groups are told or given up", lambda: ended(agent) == ended(agent) == len(plans))

        asked = {}
        for request in service.requests:
            if kind.step(request):
                asked.setdefault(marked(request), []).append(request.status)
        expected = {mark: [status] * 2 + [200] if ends[mark] == "sent" else [status] for mark, (status, _) in plans.items()}
        assert asked == expected, "\n".join(f"{mark}: {asked.get(mark)}, not {expected[mark]}" for mark in plans if asked.get(mark) != expected[mark])
        for reason in sorted(set(ends.values()) - {"sent"}):
            found = agent.metric("alertmanager_notifications_failed_total", integration=kind.section.removesuffix("_configs"), reason=reason)
            assert found == list(ends.values()).count(reason), (reason, found, ends)

    return case


def retry_after(world):
    """A service of any type that says when to come again is asked then, and not before, be it 429 or 503."""
    began = {}  # (section, mark) -> when it was asked for patience

    def answering(section, answer):
        def patience(request):
            mark = marked(request)
            if mark is None or (section, mark) in began:
                return 200, answer(request)
            began[section, mark] = time.monotonic()
            status = int(mark.removeprefix("answer"))
            if section == "telegram_configs":
                return status, {"ok": False, "error_code": status, "description": "later", "parameters": {"retry_after": PAUSE_SECONDS}}
            return status, "", ("Retry-After", str(PAUSE_SECONDS))

        return patience

    services, receiver = all_services(world, answering)
    receiver["jira_configs"][0]["project"] = PROJECT
    config = {"route": {**ROUTE, "group_interval": "1h"}, "receivers": [{"name": "r", **receiver}]}
    agent = world.subject(json.dumps(config), *FLAGS)
    marks = ("answer429", "answer503")
    agent.api.post_alerts(*(alert(mark, "a", time.time()) for mark in marks))
    until("all are told", lambda: ended(agent) == ended(agent) == len(marks) * len(services), WAIT_SECONDS)
    assert agent.metric("alertmanager_notifications_failed_total") == 0, agent.log()
    assert set(began) == {(section, mark) for section in services for mark in marks}, began
    for (section, mark), asked in began.items():
        after = [request.at - asked for request in services[section].requests if marked(request) == mark and request.at > asked + 0.01]
        assert after and after[0] >= PAUSE_SECONDS, (section, mark, after)


def cases(_settings):
    return [(f"tries/{name}", tries(kind)) for name, kind in TYPES.items()] + [("tries/retry-after", retry_after)]
