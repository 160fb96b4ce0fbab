"""Input that asks for memory."""

import json
import socket
import time

from load import Connection, alert, post
from subject import config, hostile

MIB = 1 << 20


@hostile("170 alerts with a new annotation of 46 KB, posted 60 times")
def new_annotations(subject):
    subject.start()

    def run():
        answers = []
        for turn in range(60):
            text = f"{turn:06}" + "x" * (46 * 1024)
            posted = [{"labels": {"alertname": "A", "i": str(number)}, "annotations": {"s": f"{number:06}{text}"}} for number in range(170)]
            answers.append(subject.post(posted))
            if answers[-1] in ("closed", "no answer"):
                break
        return f"{answers.count('200 OK')} of {len(answers)} taken"

    subject.measured(run)


@hostile("10,000 alerts with a value in the annotation, posted 30 times")
def new_values(subject):
    subject.start()

    def run():
        connection = Connection(subject.agent.port)
        for turn in range(30):
            for first in range(0, 10_000, 1000):
                posted = [alert(number) for number in range(first, first + 1000)]
                for number, it in enumerate(posted):
                    it["annotations"]["summary"] += f": {turn * 10_000 + number}"
                connection.send(post(posted))

    subject.measured(run)


@hostile("times, a link and a name of 8 MiB that are wrong")
def wrong_values(subject):
    subject.start()
    long = "x" * (8 * MIB - 1000)
    silence = {"matchers": [{"name": "a", "value": "b", "isRegex": False}], "startsAt": "2030-01-01T00:00:00Z", "createdBy": "", "comment": ""}
    posts = [
        post([{"labels": {"a": "b"}, "startsAt": long}]),
        post({**silence, "endsAt": long}, "silences"),
        post([{"labels": {"a": "b"}, "generatorURL": long}]),
        post([{"labels": {"a-b" + long: "b"}}]),
    ]
    for sent in posts:
        subject.measured(lambda sent=sent: subject.request(sent))


@hostile("250 connections that announce 8 MiB each")
def announced_bodies(subject):
    subject.start()
    head = f"POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {8 * MIB}\r\n\r\n"
    held = []

    def run():
        held.extend(socket.create_connection(("127.0.0.1", subject.agent.port)) for _ in range(250))
        for connection in held:
            connection.sendall(head.encode() + b"[" + b" " * 1000)
        time.sleep(0.3)
        for connection in held:
            connection.sendall(b" " * 1000)
        time.sleep(1)

    subject.measured(run)


@hostile("24,000 alerts of 20 KB while the journal gathers for an hour")
def long_interval(subject):
    subject.start(config(), "--storage.durability=interval", "--storage.interval=1h")

    def run():
        connection = Connection(subject.agent.port)
        for turn in range(120):
            posted = [{"labels": {"alertname": "A", "i": str(number)}, "annotations": {"s": f"{turn:06}" + "x" * 20_000}} for number in range(200)]
            connection.send(post(posted))

    subject.measured(run)


@hostile("10,000 silences with a pattern each")
def patterns(subject):
    subject.start()
    connection = Connection(subject.agent.port)

    def run():
        taken = 0
        for number in range(10_000):
            matcher = {"name": "instance", "value": f"(gw|host)-[0-9]*{number}x?[a-z]{{1,3}}", "isRegex": True}
            times = {"startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z"}
            sent = post({"matchers": [matcher], **times, "createdBy": "bench", "comment": "y" * 250}, "silences")
            connection.socket.sendall(sent)
            taken += connection.socket.recv(4096).startswith(b"HTTP/1.1 200")
        return f"{taken} of 10000 taken"

    subject.measured(run)


@hostile("many small values in one post of 8 MiB")
def small_values(subject):
    subject.start()
    for value in ('{"labels":{"":""}}', "0", "[]", "{}", '"\\u0041"', '{"labels":{"a":"b"}}'):
        body = "[" + ",".join([value] * ((8 * MIB - 10) // (len(value) + 1))) + "]"
        sent = f"POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        subject.measured(lambda sent=sent: subject.request(sent.encode()))


@hostile("20 readers of a long list that read nothing")
def unread(subject):
    subject.start(None, "--web.get-concurrency=50")
    subject.alerts([alert(number) for number in range(20_000)], 1000)

    def run():
        held = [socket.create_connection(("127.0.0.1", subject.agent.port)) for _ in range(20)]
        for connection in held:
            connection.sendall(b"GET /api/v2/alerts/groups HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(4)
        return ", ".join(sorted({connection.recv(12)[9:].decode() for connection in held}))

    subject.measured(run)


@hostile("a body of JSON that nests as deep as 8 MiB")
def deep(subject):
    subject.start()
    for opened in ("[", '{"a":', '[{"labels":{"a":['):
        body = json.dumps(opened)[1:-1].replace("\\", "") * (8 * MIB // len(opened))
        sent = f"POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        subject.measured(lambda sent=sent: subject.request(sent.encode()))


@hostile("one notification of 8 MiB of control characters, to a receiver that does not read")
def control_characters(subject):
    listener = socket.create_server(("127.0.0.1", 0))
    hooks = ", ".join(f"{{url: 'http://127.0.0.1:{listener.getsockname()[1]}/{number}'}}" for number in range(3))
    subject.start("route: {receiver: hook, group_by: [], group_wait: 3s}\n" + f"receivers: [{{name: hook, webhook_configs: [{hooks}]}}]\n")

    def run():
        for first in range(0, 180, 30):
            subject.post([{"labels": {"alertname": f"A{number}"}, "annotations": {"s": "\x01" * 46_000}} for number in range(first, first + 30)])
        time.sleep(4)
        return subject.get("/api/v2/alerts")

    subject.measured(run)
    listener.close()
