"""Every receiver type that Debian's Alertmanager has: from the same YAML and the same alerts come the same requests."""

import difflib
import hashlib
import hmac
import json
import subprocess
import time
import urllib.parse
from typing import NamedTuple

from agent import WAIT_SECONDS, until
from authority import Authority, server_context
from mailbox import Mailbox
from oracle import timestamp
from service import Service, marked

HOSTS = (
    "alert.victorops.com",
    "api.opsgenie.com",
    "api.pushover.net",
    "api.telegram.org",
    "discord.com",
    "events.pagerduty.com",
    "api.incident.io",
    "hooks.slack.com",
    "mattermost.com",
    "open.rocket.chat",
    "outlook.office.com",
    "prod.logic.azure.com",
    "qyapi.weixin.qq.com",
    "webexapis.com",
    "x.atlassian.net",
)
FLAGS = ("--web.external-url=http://am.example",)
ROUTE = {"receiver": "r", "group_by": ["alertname"], "group_wait": "2s", "repeat_interval": "1h"}
# What every client says in its own way.
OWN_HEADERS = ("accept-encoding", "connection", "content-length", "host", "proxy-connection", "user-agent")
STATUSES = (200, 201, 204, 300, 400, 401, 403, 404, 408, 409, 413, 429, 500, 502, 503, 504)

TEXT = "{{ .Status }} {{ .CommonAnnotations.summary }} {{ .GroupLabels.alertname }}"
MANY = "ä€😀<&'x " * 1500  # 21 kB, 12,000 characters
TOO_MUCH = {"text": MANY, **{str(number): '{{ printf "%099999d" 1 }}' for number in range(5)}}  # 521 kB
NO_TEXT = "{{ .CommonAnnotations.nothing }}"


def alert(name, instance, start, ended=False):
    """An alert whose times are given, so that both tell the same of it."""
    made = {
        "labels": {"alertname": name, "instance": instance, "severity": "critical", "site": "Hülfe & Sönne <1>"},
        "annotations": {"summary": "Die „Tür“ ist <offen> & 'kalt'"},
        "startsAt": timestamp(start),
        "generatorURL": "http://prometheus.example/graph?g0.expr=up&g0.tab=1",
    }
    return {**made, "endsAt": timestamp(start + 1.5)} if ended else made


SIGV4 = {"region": "us-east-2", "access_key": "AKID", "secret_key": "SECRET"}


class Type(NamedTuple):
    """A receiver type: its section, a body for each of the kinds of config, and what its service answers."""

    section: str
    bodies: dict  # name -> the keys
    answer: object  # request -> body of an answer with status 200
    answers: dict = {}  # name -> (status, body) that the type judges in a way of its own
    asked: int = 1  # requests that one notification takes
    direct: str = ""  # the key that has the service's URL, where there is no way through a proxy
    unmarked: str = ""  # in the URL of requests that are for no alert in particular


def plain(_request):
    return {}


def wechat(request):
    return {"errcode": 0, "access_token": "token"} if "gettoken" in request.url else {"errcode": 0, "errmsg": "ok"}


TYPES = {
    "webhook": Type(
        "webhook_configs",
        {
            "minimal": {"url": "http://hook.example/a/b?c=d&e=f"},
            "full": {"url": "https://discord.com/x", "max_alerts": 1, "send_resolved": False},
            "basic": {"url": "http://us%20er:p%40ss@hook.example/"},
            "bearer": {"url": "http://hook.example/", "http_config": {"authorization": {"type": "Odd", "credentials": "se cret"}}},
            "login": {"url": "http://hook.example/", "http_config": {"basic_auth": {"username": "ü:s", "password": "p:w"}}},
        },
        plain,
    ),
    "slack": Type(
        "slack_configs",
        {
            "minimal": {"api_url": "https://hooks.slack.com/services/T/B/X"},
            "full": {
                "api_url": "https://hooks.slack.com/services/T/B/X",
                "send_resolved": True,
                "channel": "#{{ .CommonLabels.severity }}",
                "username": "u",
                "color": "{{ if eq .Status `firing` }}#f00{{ end }}",
                "title": TEXT,
                "title_link": "{{ .ExternalURL }}",
                "pretext": TEXT,
                "text": "{{ range .Alerts.Firing }}{{ .Labels.instance }} {{ .StartsAt }}\n{{ end }}" + TEXT,
                "short_fields": True,
                "fields": [{"title": TEXT, "value": TEXT}, {"title": "b", "value": "c", "short": False}],
                "footer": TEXT,
                "fallback": TEXT,
                "callback_id": TEXT,
                "icon_emoji": ":fire:",
                "icon_url": "http://icon.example/",
                "image_url": "http://image.example/{{ .Status }}",
                "thumb_url": "http://thumb.example/",
                "link_names": True,
                "mrkdwn_in": ["text"],
                "actions": [
                    {"type": "button", "text": TEXT, "url": "http://go.example/", "style": "danger"},
                    {"type": "button", "text": "b", "name": "n", "value": "v", "confirm": {"text": TEXT, "title": "t", "ok_text": "o", "dismiss_text": "d"}},
                    {"type": "button", "text": "b", "name": "n"},
                ],
            },
            "empty": {"api_url": "https://hooks.slack.com/x", "title": NO_TEXT, "text": NO_TEXT, "color": NO_TEXT, "fallback": NO_TEXT, "fields": [{"title": "a", "value": "b"}]},
            "limits": {"api_url": "https://hooks.slack.com/x", "title": MANY, "text": MANY, "fallback": MANY, "pretext": MANY},
        },
        lambda _request: "ok",
        {
            "invalid": (200, "invalid_token"),
            "refused": (200, {"ok": False, "error": "channel_not_found"}),
            "taken": (200, {"ok": True}),
            "refused400": (400, "invalid_blocks"),
            "limited": (429, {"ok": False, "error": "rate_limited"}),
        },
    ),
    "pagerduty": Type(
        "pagerduty_configs",
        {
            "minimal": {"routing_key": "K"},
            "full": {
                "routing_key": "K",
                "client": TEXT,
                "client_url": "{{ .ExternalURL }}/x",
                "description": TEXT,
                "severity": "{{ .CommonLabels.severity }}",
                "details": {"summary": TEXT, "firing": "mine"},
                "images": [{"src": "http://a.example", "alt": TEXT, "href": "http://b.example"}, {"alt": "no source"}],
                "links": [{"href": "http://c.example", "text": TEXT}, {"text": "no link"}],
                "component": TEXT,
                "group": TEXT,
                "class": TEXT,
            },
            "empty": {"routing_key": "K", "description": NO_TEXT, "severity": NO_TEXT, "client": NO_TEXT, "client_url": NO_TEXT},
            "limits": {"routing_key": "K", "description": MANY, "details": {"firing": MANY}},
            "too-large": {"routing_key": "K", "details": TOO_MUCH},
            "service-key": {"service_key": "S", "description": TEXT, "details": {"summary": TEXT}},
            "service-key-limits": {"service_key": "S", "description": MANY, "details": TOO_MUCH},
        },
        lambda _request: {"status": "success"},
        {"invalid": (400, {"status": "invalid event", "message": "Event object is invalid", "errors": ["length is too long"]})},
    ),
    "pagerduty-v1": Type(
        "pagerduty_configs",
        {"service-key": {"service_key": "S", "description": TEXT}},
        lambda _request: {"status": "success"},
        {"invalid": (400, {"status": "invalid event", "message": "Event object is invalid", "errors": ["length is too long"]})},
    ),
    "opsgenie": Type(
        "opsgenie_configs",
        {
            "minimal": {"api_key": "K"},
            "full": {
                "api_key": "K",
                "api_url": "http://opsgenie.example/jsm/",
                "message": TEXT,
                "description": TEXT,
                "source": TEXT,
                "details": {"summary": TEXT, "alertname": "mine"},
                "entity": TEXT,
                "responders": [{"name": "a,b,,c", "type": "teams"}, {"id": "7", "type": "{{ if true }}user{{ end }}"}, {"username": "u", "type": "escalation"}],
                "actions": "a,b,,c",
                "tags": "x,{{ .Status }}, y",
                "note": TEXT,
                "priority": "P1",
            },
            "empty": {"api_key": "K", "message": NO_TEXT, "description": NO_TEXT, "source": NO_TEXT},
            "limits": {"api_key": "K", "message": MANY, "description": MANY},
        },
        lambda _request: {"result": "Request will be processed"},
    ),
    "opsgenie-updates": Type(
        "opsgenie_configs",
        {"update": {"api_key": "K", "update_alerts": True, "message": TEXT, "description": TEXT}},
        lambda _request: {"result": "Request will be processed"},
        asked=3,
    ),
    "victorops": Type(
        "victorops_configs",
        {
            "minimal": {"api_key": "K", "routing_key": "r"},
            "full": {
                "api_key": "K",
                "api_url": "http://victorops.example/a/",
                "routing_key": "{{ .CommonLabels.severity }}/x",
                "message_type": "INFO",
                "state_message": TEXT,
                "entity_display_name": TEXT,
                "monitoring_tool": TEXT,
                "custom_fields": {"summary": TEXT},
            },
            "unknown-type": {"api_key": "K", "routing_key": "r", "message_type": "odd"},
            "limits": {"api_key": "K", "routing_key": "r", "state_message": MANY * 2, "entity_display_name": MANY},
        },
        lambda _request: {"result": "success"},
    ),
    "pushover": Type(
        "pushover_configs",
        {
            "minimal": {"user_key": "U", "token": "T"},
            "full": {
                "user_key": "U",
                "token": "T",
                "title": TEXT,
                "message": TEXT,
                "url": "{{ .ExternalURL }}",
                "sound": "siren",
                "priority": "1",
                "retry": "90s",
                "expire": "2h",
            },
            "html": {"user_key": "U", "token": "T", "html": True, "message": "<b>{{ .CommonAnnotations.summary }}</b> {{ .CommonLabels.site }}"},
            "empty": {"user_key": "U", "token": "T", "title": NO_TEXT, "message": NO_TEXT, "url": NO_TEXT},
            "limits": {"user_key": "U", "token": "T", "title": MANY, "message": MANY, "url": MANY},
        },
        lambda _request: {"status": 1},
    ),
    "telegram": Type(
        "telegram_configs",
        {
            "minimal": {"bot_token": "1:B", "chat_id": -7},
            "full": {"bot_token": "1:B", "chat_id": 12345678901, "api_url": "http://telegram.example/x", "message": TEXT, "disable_notifications": True, "parse_mode": "MarkdownV2"},
            "plain": {"bot_token": "1:B", "chat_id": -7, "message": TEXT, "parse_mode": ""},
            "html": {"bot_token": "1:B", "chat_id": -7, "message": "<b>{{ .CommonAnnotations.summary }}</b>", "parse_mode": "HTML"},
            "limits": {"bot_token": "1:B", "chat_id": -7, "message": MANY, "parse_mode": "Markdown"},
        },
        lambda _request: {"ok": True, "result": {"message_id": 1, "chat": {"id": -7}}},
        {
            "refused": (400, {"ok": False, "error_code": 400, "description": "Bad Request: can't parse entities"}),
            "blocked": (403, {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}),
        },
    ),
    "discord": Type(
        "discord_configs",
        {
            "minimal": {"webhook_url": "https://discord.com/api/webhooks/1/x"},
            "full": {"webhook_url": "https://discord.com/api/webhooks/1/x?wait=true", "title": TEXT, "message": TEXT},
            "limits": {"webhook_url": "https://discord.com/x", "title": MANY, "message": MANY},
        },
        plain,
    ),
    "webex": Type(
        "webex_configs",
        {
            "minimal": {"room_id": "R", "http_config": {"authorization": {"credentials": "T"}}},
            "full": {"room_id": "{{ .CommonLabels.severity }}", "api_url": "http://webex.example/v1", "message": TEXT, "http_config": {"authorization": {"credentials": "T"}}},
            "limits": {"room_id": "R", "message": MANY, "http_config": {"authorization": {"credentials": "T"}}},
        },
        plain,
    ),
    "wechat": Type(
        "wechat_configs",
        {
            "minimal": {"api_secret": "S", "corp_id": "C", "send_resolved": True},
            "full": {
                "api_secret": "S+/ s",
                "corp_id": "C&c",
                "api_url": "http://wechat.example/cgi/",
                "send_resolved": True,
                "message": TEXT,
                "message_type": "markdown",
                "to_user": "u|{{ .Status }}",
                "to_party": "p",
                "to_tag": "t",
                "agent_id": "7",
            },
            "limits": {"api_secret": "S", "corp_id": "C", "send_resolved": True, "message": MANY},
        },
        wechat,
        {
            # Alertmanager looks for other names than the service has, and so takes each refusal for a delivery.
            "refused": (200, {"errcode": 40003, "errmsg": "invalid openid", "code": 40003, "error": "invalid openid"}),
            "expired": (200, {"errcode": 42001, "errmsg": "access_token expired", "code": 42001, "error": "access_token expired"}),
        },
        unmarked="gettoken",
    ),
    "sns": Type(
        "sns_configs",
        {
            "minimal": {"topic_arn": "arn:aws:sns:us-east-2:1:topic"},
            "full": {"topic_arn": "arn:aws:sns:us-east-2:1:topic.fifo", "subject": TEXT, "message": TEXT, "attributes": {"b": TEXT, "a": "x"}},
            "phone": {"phone_number": "+49123", "message": TEXT},
            "target": {"target_arn": "arn:aws:sns:us-east-2:1:{{ .Status }}", "message": TEXT},
            "limits": {"topic_arn": "arn:aws:sns:us-east-2:1:topic", "subject": MANY, "message": MANY * 14},
            "phone-limits": {"phone_number": "+49123", "message": MANY},
        },
        lambda _request: "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>",
        direct="api_url",
    ),
}


class Side:
    """An agent and its services, one for each body of a type."""

    def __init__(self, world, start, kind, bodies, context, answer, interval):
        self.services = {}
        entries = []
        for name, keys in bodies.items():
            service = self.services[name] = Service(context, answer)
            world.at_end(service.close)
            entry = {"send_resolved": True, **keys} if name == "empty" else dict(keys)
            if kind.direct:
                entry |= {kind.direct: service.url + "/", "sigv4": SIGV4}
            else:
                entry["http_config"] = {**entry.get("http_config", {}), "proxy_url": service.url, "tls_config": {"ca_file": "ca.pem"}}
            entries.append(entry)
        route = {**ROUTE, "group_interval": interval}
        text = json.dumps({"route": route, "receivers": [{"name": "r", kind.section: entries}]}, ensure_ascii=False)
        self.agent = start(text.replace('"ca.pem"', json.dumps(str(world.directory / "authority/ca.pem"))), *FLAGS)


def sides(world, kind, bodies, answer, interval):
    authority = Authority(world.directory / "authority")
    context = server_context(authority.issue("services", ",".join(f"DNS:{host}" for host in HOSTS)))
    return [Side(world, start, kind, bodies, context, answer, interval) for start in (world.subject, world.oracle)]


def same_requests(kind):
    def case(world):
        """What fires, what has ended in part, and what has ended is told by the same requests, whatever the config says."""
        both = sides(world, kind, kind.bodies, lambda request: (200, kind.answer(request)), "1s")
        # Groups of alerts that have begun long ago are told at once, maybe before the second alert is there.
        start = time.time()
        steps = (
            [alert("Door", "a", start), alert("Door", "b", start)],
            [alert("Door", "a", start, ended=True)],
            [alert("Door", "b", start, ended=True)],
        )
        told = dict.fromkeys(kind.bodies, 0)
        for number, posted in enumerate(steps, 1):
            for side in both:
                side.agent.api.post_alerts(*posted)
            for name, keys in kind.bodies.items():
                if number > 1 and not sends_resolved(kind, name, keys):
                    continue
                told[name] += 1 if number == 3 else kind.asked
                for side in both:
                    side.services[name].wait(f"{name}: notification {number}", lambda all_, n=told[name]: len(of_alerts(kind, all_)) >= n, WAIT_SECONDS)
        found = []
        for name in kind.bodies:
            ours, theirs = ([comparable(it) for it in of_alerts(kind, side.services[name].requests)] for side in both)
            for why, take_out in DIFFERENT.get(kind.section, ()):
                for mine, his in zip(ours, theirs):
                    try:
                        take_out(mine, his)
                    except (KeyError, ValueError) as missing:
                        raise AssertionError(f"{name}: {why}: {missing} is missing in {mine}, {his}") from missing
            if ours != theirs:
                found.append(f"{name}:\n{difference(ours, theirs)}")
        assert not found, "\n".join(found)

    return case


def sends_resolved(kind, name, keys):
    return keys.get("send_resolved", name == "empty" or kind.section != "slack_configs")


def of_alerts(kind, requests):
    return [it for it in requests if not kind.unmarked or kind.unmarked not in it.url]


def comparable(request):
    headers = {name: value for name, value in request.headers.items() if name not in OWN_HEADERS}
    found = {"method": request.method, "url": request.url, "query": request.query, "headers": headers, "body": request.body}
    return {**found, "signature": signature(request)} if "x-amz-date" in headers else found


def difference(ours, theirs):
    ours, theirs = (json.dumps(it, indent=1, sort_keys=True, ensure_ascii=False).splitlines() for it in (ours, theirs))
    lines = [line if len(line) < 300 else line[:120] + f" ...{len(line)}... " + line[-120:] for line in difflib.unified_diff(theirs, ours, "alertmanager", "ours", lineterm="", n=3)]
    return "\n".join(lines[2:60])


# The differences that are meant. Each function takes a request of ours and Alertmanager's, insists on the difference, and takes it out.


def _newer_webhook(ours, _theirs):
    ours["body"].pop("routeLabels")
    ours["body"].pop("notification_reason")


def _newer_details(ours, theirs):
    def details(request):
        body = request["body"].get("payload") or request["body"]
        return body.get("custom_details") or body["details"]

    mine, his = details(ours), details(theirs)
    for key in ("num_firing", "num_resolved", "firing", "resolved"):
        if mine.get(key) != his.get(key):
            told = mine[key] if key.startswith("num") else len(mine[key])
            assert told == int(his[key]) if key.startswith("num") else told == his[key].count(" - alertname = "), (key, mine, his)
            mine[key] = his[key]


def _newer_device(ours, _theirs):
    ours["query"].remove(("device", ""))


def _templated_room(ours, theirs):
    if theirs["body"]["roomId"].startswith("{{"):
        assert ours["body"]["roomId"] == "critical", ours
        ours["body"]["roomId"] = theirs["body"]["roomId"]


def _limits_of_discord(ours, theirs):
    for key, limit in (("title", 256), ("description", 4096)):
        mine, his = (request["body"]["embeds"][0] for request in (ours, theirs))
        if len(his[key]) > limit:
            assert mine[key] == his[key][: limit - 1] + "…", mine
            mine[key] = his[key]


def _client_of_aws(ours, theirs):
    for request in (ours, theirs):
        headers = request["headers"]
        assert headers.pop("content-type").startswith("application/x-www-form-urlencoded"), headers
        assert headers.pop("authorization").endswith(request.pop("signature")), "the signature is wrong"
        del headers["x-amz-date"], request["url"]
    form = dict(theirs["body"])
    if form.get("MessageAttributes") == "":
        theirs["body"].remove(("MessageAttributes", ""))
    if form["Message"].endswith("\ufffd"):
        theirs["body"] = sorted({**form, "Message": form["Message"].rstrip("\ufffd")}.items())


DIFFERENT = {  # section -> why, and the function
    "webhook_configs": [("0.32 notification_reason, 0.34 routeLabels", _newer_webhook)],
    "pagerduty_configs": [("0.30: the alerts of the details are JSON, and no text", _newer_details)],
    "pushover_configs": [("0.27 device", _newer_device)],
    "webex_configs": [("0.29: room_id is a template", _templated_room)],
    "discord_configs": [("0.28: what is longer than Discord takes is cut", _limits_of_discord)],
    "sns_configs": [("the SDK signs more headers, sends an empty MessageAttributes, and cuts within a character", _client_of_aws)],
}


def signature(request):
    """What an SNS request must be signed with, by what it says that it has signed (AWS's signatures, version 4)."""
    said = dict(part.split("=", 1) for part in request.headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(", "))
    scope, names = said["Credential"].removeprefix("AKID/"), said["SignedHeaders"].split(";")
    lines = "".join(f"{name}:{request.headers[name]}\n" for name in names)
    path = urllib.parse.urlsplit(request.url).path
    asked = f"{request.method}\n{path}\n\n{lines}\n{said['SignedHeaders']}\n{hashlib.sha256(request.text.encode()).hexdigest()}"
    text = f"AWS4-HMAC-SHA256\n{request.headers['x-amz-date']}\n{scope}\n{hashlib.sha256(asked.encode()).hexdigest()}"
    key = b"AWS4SECRET"
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def same_verdicts(kind):
    def case(world):
        """After each answer as many tries follow, and the receiver is told or given up."""
        body = kind.bodies.get("full") or next(iter(kind.bodies.values()))
        answers = {f"answer{status}": (status, "") for status in STATUSES if kind.section != "slack_configs" or status // 100 != 2}
        for number, answer in enumerate(kind.answers.values()):
            answers[f"answer{number}"] = answer
        failed = {}  # the service -> whom it has answered badly once

        def answer(_kind, request, of):
            mark = marked(request)
            if mark is None or mark in of:
                return 200, kind.answer(request)
            of.add(mark)
            return answers[mark]

        both = sides(world, kind, {"full": body}, None, "1h")
        start = time.time()
        for side in both:
            of = failed[side] = set()
            side.services["full"].answer = lambda request, of=of: answer(kind, request, of)
        for side in both:
            side.agent.api.post_alerts(*(alert(mark, "a", start) for mark in answers))
        tries = []
        for side in both:
            service = side.services["full"]

            until(f"all groups are told or given up by {side.agent.binary}", lambda side=side: ended(side.agent) == ended(side.agent) == len(answers))
            found = {}
            for request in of_alerts(kind, service.requests):
                found.setdefault(marked(request), []).append(request.status)
            tries.append(found)
        ours, theirs = tries
        meaning = {f"answer{number}": name for number, name in enumerate(kind.answers)}
        found = [f"{meaning.get(mark, mark)}: ours {ours.get(mark)}, Alertmanager's {theirs.get(mark)}" for mark in answers if ours.get(mark) != theirs.get(mark)]
        assert not found, "\n".join(found)

    return case


def ended(agent):
    """How many notifications were delivered or given up."""
    attempts, failed, given_up = (agent.metric(f"alertmanager_{name}_total") for name in ("notification_requests", "notification_requests_failed", "notifications_failed"))
    return attempts - failed + given_up


def jira(request):
    return {"issues": []} if "/search" in request.url else {"id": "1", "key": "P-1"}


NEWER = {  # section -> an entry, what its service answers, and what its documentation asks of the last request
    "msteams_configs": ({"webhook_url": "https://outlook.office.com/x"}, plain, lambda it: it.body["type"] == "MessageCard" and it.body["text"]),
    "msteamsv2_configs": ({"webhook_url": "https://prod.logic.azure.com/x"}, plain, lambda it: it.body["attachments"][0]["content"]["type"] == "AdaptiveCard"),
    "jira_configs": ({"api_url": "https://x.atlassian.net/rest/api/2", "project": "P", "issue_type": "Bug"}, jira, lambda it: it.url.endswith("/issue") and it.body["fields"]["project"] == {"key": "P"}),
    "mattermost_configs": ({"webhook_url": "https://mattermost.com/hooks/x"}, lambda _request: "ok", lambda it: it.body["attachments"]),
    "rocketchat_configs": (
        {"token": "T", "token_id": "I", "channel": "#c"},
        lambda _request: {"success": True},
        lambda it: it.url == "https://open.rocket.chat/api/v1/chat.postMessage" and it.headers["x-auth-token"] == "T" and it.headers["x-user-id"] == "I" and it.body["channel"] == "#c",
    ),
    "incidentio_configs": (
        {"url": "https://api.incident.io/v2/alert_events/alertmanager/1", "alert_source_token": "T"},
        lambda _request: {"status": "success"},
        lambda it: it.headers["authorization"] == "Bearer T" and it.body["alerts"],
    ),
}
ROUTING = [("severity=critical", "r"), ("team=a", "other"), ("team=a", "instance=x", "nested")]


def all_services(world, answering):
    """A service for each receiver type that speaks HTTP, and the receiver that tells them all.

    `answering` makes of a section and of what its service answers to a right request the answers of this test.
    """
    authority = Authority(world.directory / "authority")
    context = server_context(authority.issue("services", ",".join(f"DNS:{host}" for host in HOSTS)))
    services, receiver = {}, {}
    entries = {kind.section: (kind.bodies["full"], kind.answer) for kind in TYPES.values() if "full" in kind.bodies}
    for section, (keys, answer, *_) in {**entries, **NEWER}.items():
        service = services[section] = Service(context, answering(section, answer))
        world.at_end(service.close)
        way = {"proxy_url": service.url, "tls_config": {"ca_file": str(authority.certificate)}}
        own = {"api_url": service.url + "/", "sigv4": SIGV4} if section == "sns_configs" else {"http_config": {**keys.get("http_config", {}), **way}}
        receiver[section] = [{**keys, **own}]
    return services, receiver


def every_type(world):
    """One config with each receiver type of Alertmanager starts unchanged and tells all of them; amtool agrees about those that it knows."""
    box = Mailbox()
    world.at_end(box.close)
    services, receiver = all_services(world, lambda _section, answer: lambda request: (200, answer(request)))
    receiver["email_configs"] = [{"to": "ann@example.org"}]
    route = {**ROUTE, "group_interval": "1m", "routes": [{"receiver": "other", "match": {"team": "a"}, "routes": [{"receiver": "nested", "matchers": ["instance=x"]}]}]}
    others = [{"name": "other"}, {"name": "nested"}]
    config = {
        "global": {"smtp_smarthost": f"127.0.0.1:{box.port}", "smtp_from": "gw@example.org", "smtp_require_tls": False},
        "route": route,
        "receivers": [{"name": "r", **receiver}, *others],
    }
    agent = world.subject(json.dumps(config), *FLAGS)
    agent.api.post_alerts(alert("Door", "a", time.time()))
    for section, service in services.items():
        accepts = NEWER[section][2] if section in NEWER else lambda _request: True
        service.wait(section, lambda requests, accepts=accepts: requests and accepts(requests[-1]), WAIT_SECONDS)
    box.wait(1, WAIT_SECONDS)
    until("all are told", lambda: agent.metric("alertmanager_notification_requests_total") == len(services) + 1)
    assert agent.metric("alertmanager_notification_requests_failed_total") == 0, agent.log()

    known = {**config, "receivers": [{"name": "r", **{section: it for section, it in receiver.items() if section not in NEWER}}, *others]}
    (world.directory / "known.yml").write_text(json.dumps(known))

    def says(*command):
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=world.directory)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    for command in ([agent.binary, "check-config", str(agent.config_file)], [agent.binary, "check-config", "known.yml"], ["amtool", "check-config", "known.yml"]):
        said = says(*command)
        assert "SUCCESS" in said and "3 receivers" in said, said
    # amtool reads the config that the agent shows, with all that it has added.
    shows = world.subject(json.dumps(known), name="known")
    ways = ([f"--alertmanager.url=http://127.0.0.1:{shows.port}"], ["--config.file=known.yml"])
    for *labels, expected in ROUTING:
        said = [says("amtool", "config", "routes", "test", *way, *labels).split() for way in ways]
        assert said == [[expected]] * 2, (labels, said)
    trees = [says("amtool", "config", "routes", *way) for way in ways]
    assert trees[0] == trees[1], trees


def cases(_settings):
    same = [(f"receivers/{name}", same_requests(kind)) for name, kind in TYPES.items()]
    return [("receivers/every", every_type)] + same + [(f"receivers/{name}-answers", same_verdicts(kind)) for name, kind in TYPES.items()]
