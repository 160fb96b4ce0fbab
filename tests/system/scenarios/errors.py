"""Bad requests: the same status, content type and text as Alertmanager, but where a newer one or Bellwether does better."""

import json

from api import JSON
from duel import NOBODY, Duel

CONFIG = """
route: {receiver: root, group_by: [alertname]}
receivers:
- {name: root, webhook_configs: [{url: "SINK/root"}]}
"""

# How much of the oracle's answer the subject must give.
EXACT = "exact"
PREFIX = "prefix"  # up to the last ": " or "because ": what follows are the words of Go's own parsers
STATUS = "status"  # status and content type: 0.34 words it otherwise

ALERTS, SILENCES = "/api/v2/alerts", "/api/v2/silences"
TIMES = '"startsAt":"2020-01-01T00:00:00Z","endsAt":"2099-01-01T00:00:00Z"'
WHO = '"createdBy":"me","comment":"c"'
MATCHERS = '"matchers":[{"name":"a","value":"b","isRegex":false}]'


def matcher(name="a", value="b", is_regex="false"):
    return f'"matchers":[{{"name":"{name}","value":"{value}","isRegex":{is_regex}}}]'


def alerts(body, headers=JSON):
    return "POST", ALERTS, body, headers


def silences(body):
    return "POST", SILENCES, body, JSON


def get(path, headers=None):
    return "GET", path, None, headers or {}


def other(method, path):
    return method, path, None, {}


# (request, how much must be equal)
REQUESTS = [
    # Alerts: bodies that are no alerts.
    (alerts(""), EXACT),
    (alerts("  \n"), EXACT),
    (alerts("broken"), PREFIX),
    (alerts('[{"labels":'), PREFIX),
    (alerts('[{"labels":{"a":"b"}},]'), PREFIX),
    (alerts("{}"), STATUS),  # ours says in plain words what it expected, too
    (alerts('"x"'), STATUS),
    (alerts("[1]"), STATUS),
    (alerts('[{"labels":{"a":1}}]'), PREFIX),
    (alerts('[{"labels":[]}]'), PREFIX),
    (alerts('[{"labels":{"a":"b"},"startsAt":12}]'), PREFIX),
    (alerts('[{"labels":{"a":"b"},"startsAt":"yesterday"}]'), PREFIX),
    (alerts('[{"labels":{"a":"b"},"endsAt":"2030-01-02"}]'), PREFIX),
    (alerts('[{"labels":{"a":"b"},"generatorURL":1}]'), PREFIX),
    (alerts("[" * 20000), PREFIX),
    # Alerts: well formed but not valid.
    (alerts("[]"), EXACT),
    (alerts("null"), EXACT),
    (alerts("[{}]"), EXACT),
    (alerts('[{"labels":null}]'), EXACT),
    (alerts('[{"labels":{}}]'), EXACT),
    (alerts('[{"labels":{"a":""}}]'), EXACT),
    (alerts('[{"labels":{"a":null}}]'), EXACT),
    (alerts('[{"labels":{"":"x"}}]'), EXACT),
    (alerts('[{"labels":{"a":"x"},"annotations":{"":"x"}}]'), EXACT),
    (alerts('[{"labels":{"a":"b"},"generatorURL":"not a url"}]'), EXACT),
    (alerts('[{"labels":{"a":"b"},"generatorURL":"a/b"}]'), EXACT),
    (alerts('[{"labels":{"a":"b"}},{}]'), EXACT),
    (alerts('[{"labels":{"a":"b"},"startsAt":"2026-01-02T00:00:00Z","endsAt":"2026-01-01T00:00:00Z"}]'), EXACT),
    (alerts('[{"labels":{"a":"b"},"startsAt":"2099-01-02T00:00:00Z"}]'), EXACT),
    # Alerts: what is lenient stays lenient.
    (alerts('[{"labels":{"lenient":"trailing"}}] and more'), EXACT),
    (alerts('[{"labels":{"lenient":"unknown"},"status":{"x":[1]},"fingerprint":3}]'), EXACT),
    (alerts('[{"labels":{"lenient":"nulls"},"startsAt":null,"endsAt":null,"annotations":null,"generatorURL":""}]'), EXACT),
    (alerts('[{"labels":{"lenient":"path"},"generatorURL":"/graph"}]'), EXACT),
    (alerts('[{"labels":{"lenient":"no zone"},"startsAt":"2020-01-02 03:04:05"}]'), EXACT),
    (alerts('[{"labels":{"lenient":"minutes"},"startsAt":"2020-01-02T03:04Z"}]'), EXACT),
    (alerts('[{"labels":{"lenient":"zone"},"startsAt":"2020-01-02T03:04:05.123456789+02:00"}]'), EXACT),
    (alerts('[{"labels":{"lenient":"text"},"annotations":{"t":"<&>\\u2028\\u0000 \\ud83d \\"\\\\\\n"}}]'), EXACT),
    (alerts('[{"labels":{"lenient":"charset"}}]', {"Content-Type": "application/json; charset=utf-8"}), EXACT),
    # Content types.
    (alerts("[]", {"Content-Type": "text/plain"}), EXACT),
    (alerts("[]", {"Content-Type": "application/x-www-form-urlencoded"}), EXACT),
    (alerts("[]", {}), EXACT),
    (alerts("[]", {"Content-Type": ";;;"}), PREFIX),
    (alerts("[]", {**JSON, "Accept": "text/html"}), EXACT),
    (get("/api/v2/status", {"Accept": "text/html"}), EXACT),
    # Silences.
    (silences(""), EXACT),
    (silences("null"), EXACT),
    (silences("{}"), EXACT),
    (silences("[]"), STATUS),
    (silences("broken"), PREFIX),
    (silences(f"{{{MATCHERS},{TIMES}}}"), EXACT),
    (silences(f'{{{MATCHERS},{TIMES},"comment":""}}'), EXACT),
    (silences(f"{{{TIMES},{WHO}}}"), EXACT),
    (silences(f'{{"matchers":[],{TIMES},{WHO}}}'), EXACT),
    (silences(f'{{"matchers":[{{}}],{TIMES},{WHO}}}'), EXACT),
    (silences(f'{{"matchers":[{{"isRegex":false}}],{TIMES},{WHO}}}'), EXACT),
    (silences(f'{{"matchers":[{{"isRegex":false,"name":"a"}}],{TIMES},{WHO}}}'), EXACT),
    (silences(f'{{"matchers":{{}},{TIMES},{WHO}}}'), PREFIX),
    (silences(f'{{{MATCHERS},"endsAt":"2099-01-01T00:00:00Z",{WHO}}}'), EXACT),
    (silences(f'{{{MATCHERS},"startsAt":"2020-01-01T00:00:00Z",{WHO}}}'), EXACT),
    (silences(f'{{{MATCHERS},"startsAt":"x","endsAt":"2099-01-01T00:00:00Z",{WHO}}}'), PREFIX),
    (silences(f'{{{MATCHERS},"startsAt":"2099-01-02T00:00:00Z","endsAt":"2099-01-01T00:00:00Z",{WHO}}}'), EXACT),
    (silences(f'{{{MATCHERS},"startsAt":"2099-01-01T00:00:00Z","endsAt":"2099-01-01T00:00:00Z",{WHO}}}'), EXACT),
    (silences(f'{{{MATCHERS},"startsAt":"2020-01-02T00:00:00Z","endsAt":"2021-01-01T00:00:00Z",{WHO}}}'), EXACT),
    (silences(f'{{"id":"{NOBODY}",{MATCHERS},{TIMES},{WHO}}}'), EXACT),
    (silences(f'{{"id":"notauuid",{MATCHERS},{TIMES},{WHO}}}'), EXACT),
    (silences(f'{{{matcher(value="")},{TIMES},{WHO}}}'), STATUS),
    (silences(f'{{{matcher(value=".*", is_regex="true")},{TIMES},{WHO}}}'), STATUS),
    (silences(f'{{{matcher(value="(", is_regex="true")},{TIMES},{WHO}}}'), STATUS),
    (silences(f'{{{matcher(name="")},{TIMES},{WHO}}}'), STATUS),
    (get("/api/v2/silence/notauuid"), EXACT),
    (get(f"/api/v2/silence/{NOBODY}"), EXACT),
    (other("DELETE", "/api/v2/silence/notauuid"), EXACT),
    # Query parameters.
    (get(f"{ALERTS}?filter=bad"), EXACT),
    (get(f"{ALERTS}?filter="), EXACT),
    (get(f"{ALERTS}?filter=a%3D~("), PREFIX),
    (get(f"{ALERTS}?filter=%7Ba%3D%22b%22%7D"), STATUS),
    (get(f"{ALERTS}?receiver=("), PREFIX),
    (get(f"{ALERTS}?active=maybe"), EXACT),
    (get(f"{ALERTS}?active=&filter=nobody%3Dme"), EXACT),
    (get(f"{ALERTS}?unknown=1&filter=nobody%3Dme"), EXACT),
    (get("/api/v2/alerts/groups?filter=bad"), EXACT),
    (get("/api/v2/alerts/groups?receiver=("), PREFIX),
    (get(f"{SILENCES}?filter=bad"), EXACT),
    # Paths and methods.
    (get("/api/v2/nope"), EXACT),
    (get("/api/v2/"), EXACT),
    (get("/api/v2/silence"), EXACT),
    (get("/api/v2/silence/"), EXACT),
    (get("/nope"), EXACT),
    (get("/api/v3/status"), EXACT),
    (get("/api/v1/nope"), EXACT),
    (other("PUT", ALERTS), EXACT),
    (other("POST", "/api/v2/status"), EXACT),
    (other("DELETE", "/api/v2/receivers"), EXACT),
    (other("POST", "/api/v2/alerts/groups"), EXACT),
    (other("PUT", f"/api/v2/silence/{NOBODY}"), EXACT),
    (other("GET", "/-/reload"), EXACT),
    (other("POST", "/-/healthy"), EXACT),
    (other("GET", "/-/healthy"), EXACT),
    # The first API, as old senders speak it.
    (("POST", "/api/v1/alerts", "[]", {}), EXACT),
    (("POST", "/api/v1/alerts", "", {}), PREFIX),
    (("POST", "/api/v1/alerts", "broken", {}), PREFIX),
    (("POST", "/api/v1/alerts", "{}", {}), STATUS),
    (("POST", "/api/v1/alerts", "[{}]", {"Content-Type": "text/plain"}), EXACT),
    (("POST", "/api/v1/alerts", '[{"labels":{"v":"1"}},{"labels":{}}]', {}), EXACT),
    (("POST", "/api/v1/alerts", '[{"labels":{"v":"1"},"startsAt":"yesterday"}]', {}), PREFIX),
]

# Where the subject follows 0.34, or is meant to do better: (request, why, status and body of the newer side).
NEWER = [
    (other("HEAD", ALERTS), "a HEAD is answered as its GET, without the body", 200, ""),
    (other("HEAD", "/-/ready"), "a HEAD is answered as its GET, without the body", 200, ""),
    (other("DELETE", f"/api/v2/silence/{NOBODY}"), "0.26: an unknown silence is 404", 404, ""),
    (alerts('[{"labels":{"a-b":"x"}}]'), "0.27: UTF-8 label names", 200, ""),
    (alerts('[{"labels":{"utf8":"1"},"annotations":{"a-b":"x"}}]'), "0.27: UTF-8 annotation names", 200, ""),
    (
        alerts('[{"labels":{"mixed":"kept"}},{"labels":{}},{"labels":{"b":"b"},"startsAt":"2026-01-02T00:00:00Z","endsAt":"2026-01-01T00:00:00Z"}]'),
        "0.27: several errors are joined by a line break",
        400,
        "at least one label pair required\nstart time must be before end time",
    ),
]
DROPPED = [  # Alertmanager panics and closes the connection: an answer is due
    alerts("[null]"),
    silences(f'{{"matchers":[null],{TIMES},{WHO}}}'),
    ("POST", "/api/v1/alerts", "[null]", {}),
]


def content(answer):
    """Status, content type, allowed methods (in any order) and body; JSON bodies as values."""
    body = answer.text
    if answer.content_type == "application/json" and answer.body:
        body = json.loads(body)
    allow = answer.headers.get("allow")
    if allow:
        allow = sorted(method.strip() for method in allow.split(","))
        if isinstance(body, dict):
            body = {**body, "message": body["message"].split("[")[0]}
    return answer.status, answer.content_type, allow, body


def beginning(text):
    """The text up to where Go's parsers begin to speak."""
    for mark in ("because ", "parsing regexp: ", '"error":"'):
        if mark in text:
            return text[: text.index(mark) + len(mark)]
    return text


def error_bodies(world):
    """Each bad request to both sides."""
    duel = Duel(world, CONFIG)
    subject, reference = (side.agent for side in duel.sides)
    wrong = []
    for request, level in REQUESTS:
        ours, theirs = subject.api.request(*request), reference.api.request(*request)
        mine, his = content(ours), content(theirs)
        if level == STATUS:
            mine, his = mine[:2], his[:2]
        elif level == PREFIX:
            mine, his = (*mine[:2], beginning(ours.text)), (*his[:2], beginning(theirs.text))
        if mine != his:
            wrong.append(f"{describe(request)}\n  oracle  {his}\n  subject {mine}")
    if subject.newer:
        wrong += newer_answers(subject.api)
    assert not wrong, f"{len(wrong)} of {len(REQUESTS)} answers differ\n" + "\n".join(wrong)
    for side in duel.sides:
        side.record("what is kept", side.agent.api.get(ALERTS, ("filter", "lenient!=")))
    ours, theirs = ({a["fingerprint"]: (a["labels"], a["annotations"], a["startsAt"][:4]) for a in side.agent.api.alerts(("filter", "lenient!="))} for side in duel.sides)
    assert ours == theirs, f"kept after all that\n  oracle  {theirs}\n  subject {ours}"
    assert len(theirs) >= 8, f"the oracle kept only {len(theirs)}"


def newer_answers(api):
    wrong = []
    for request, why, status, body in NEWER:
        answer = api.request(*request)
        got = json.loads(answer.body) if answer.body else ""
        if (answer.status, got) != (status, body):
            wrong.append(f"{describe(request)} ({why})\n  expected {status} {body!r}\n  subject  {answer.status} {answer.text!r}")
    for request in DROPPED:
        answer = api.request(*request)
        if answer.status not in (400, 422):
            wrong.append(f"{describe(request)}\n  expected 400 or 422\n  subject  {answer.status} {answer.text!r}")
    kept = [a["labels"] for a in api.alerts(("filter", "mixed=kept"))]
    if len(kept) != 1:
        wrong.append("the valid alert of a mixed batch was not kept")
    return wrong


def describe(request):
    method, path, body, headers = request
    return f"{method} {path} {(body or '')[:90]!r} {headers.get('Content-Type', '')}"


def cases(_settings):
    return [("errors", error_bodies)]
