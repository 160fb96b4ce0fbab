"""Inputs that ask for memory, for slots, or for files that never answer."""

import http.client
import json
import os
import resource
import socket
import time

from load import Connection, alert, post

MIB = 1 << 20
JSON = {"Content-Type": "application/json"}


def new_annotations(agent):
    """170 alerts, posted 60 times, each time with another annotation of 46 KB."""
    agent_connection = Connection(agent.port)
    refused = 0
    for turn in range(60):
        text = f"{turn:06}" + "x" * (46 * 1024)
        posted = [{"labels": {"alertname": "A", "i": str(number)}, "annotations": {"s": f"{number:06}{text}"}} for number in range(170)]
        try:
            agent_connection.send(post(posted))
        except AssertionError:
            refused += 1
            agent_connection = Connection(agent.port)
    return f"{refused} posts of 60 refused" if refused else ""


def new_values(agent):
    """10,000 alerts with a value in the annotation, posted 30 times."""
    connection = Connection(agent.port)
    for turn in range(30):
        for first in range(0, 10_000, 1000):
            posted = [alert(number) for number in range(first, first + 1000)]
            for number, it in enumerate(posted):
                it["annotations"]["summary"] += f": {turn * 10_000 + number}"
            connection.send(post(posted))


def wrong_time(agent):
    """A startsAt and an endsAt of 8 MiB."""
    api = agent.api
    long = "x" * (8 * MIB - 1000)
    assert api.request("POST", "/api/v2/alerts", json.dumps([{"labels": {"a": "b"}, "startsAt": long}]), JSON).status == 400
    silence = {"matchers": [{"name": "a", "value": "b", "isRegex": False}], "startsAt": "2030-01-01T00:00:00Z", "endsAt": long, "createdBy": "", "comment": ""}
    assert api.request("POST", "/api/v2/silences", json.dumps(silence), JSON).status == 400
    assert api.request("POST", "/api/v2/alerts", json.dumps([{"labels": {"a": "b"}, "generatorURL": long}]), JSON).status == 400
    assert api.request("POST", "/api/v2/alerts", json.dumps([{"labels": {"a-b" + long: "b"}}]), JSON).status == 400


def announced_bodies(agent):
    """250 connections that announce 8 MiB each and send a little of it."""
    head = f"POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {8 * MIB}\r\n\r\n"
    held = [socket.create_connection(("127.0.0.1", agent.port)) for _ in range(250)]
    for number in range(250):
        held[number].sendall(head.encode() + b"[" + b" " * 1000)
    time.sleep(0.3)
    for connection in held:
        connection.sendall(b" " * 1000)
    time.sleep(1)
    size = int(next(line for line in open(f"/proc/{agent.process.pid}/status") if line.startswith("VmPeak")).split()[1]) >> 10
    return f"address space {size} MiB"


def long_interval(agent):
    """Distinct alerts of 20 KB, ended and replaced, while the journal gathers for an hour."""
    connection = Connection(agent.port)
    for turn in range(120):
        posted = [{"labels": {"alertname": "A", "i": str(number)}, "annotations": {"s": f"{turn:06}" + "x" * 20_000}} for number in range(200)]
        connection.send(post(posted))


long_interval.flags = ("--storage.durability=interval", "--storage.interval=1h")


def secret_pipes(agent):
    """A receiver whose URL is in a pipe that nobody writes to, and 600 groups; then a post that waits for flash."""
    connection = Connection(agent.port)
    connection.send(post([{"labels": {"alertname": f"A{number}"}} for number in range(600)]))
    time.sleep(40)
    began = time.monotonic()
    connection.send(post([{"labels": {"alertname": "last"}}]))
    threads = len(os.listdir(f"/proc/{agent.process.pid}/task"))
    return f"{threads} threads, the post took {time.monotonic() - began:.1f} s"


def _pipe(agent):
    path = agent.directory / "url"
    os.mkfifo(path)
    agent.write_config(
        f"route: {{receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}}\n"
        f"receivers:\n- {{name: hook, webhook_configs: [{{url_file: {path}, timeout: 1s}}]}}\n"
    )


secret_pipes.prepare = _pipe


def key_pipe(agent):
    """A reload whose key file is a pipe that nobody writes to."""
    os.mkfifo(agent.directory / "key")
    agent.config_file.write_text(agent.config_file.read_text() + f"\ncluster: {{key_files: [{agent.directory / 'key'}]}}\n")
    began = time.monotonic()
    try:
        status = agent.api.request("POST", "/-/reload", timeout=15).status
    except OSError as error:
        status = type(error).__name__
    return f"answered {status} after {time.monotonic() - began:.1f} s"


def unsent_bodies(agent):
    """Eight GETs that announce a body and do not send it, then GETs of others for five seconds."""
    held = [socket.create_connection(("127.0.0.1", agent.port)) for _ in range(8)]
    for connection in held:
        connection.sendall(b"GET /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
    time.sleep(0.3)
    statuses = []
    for _ in range(10):
        statuses.append(agent.api.get("/api/v2/alerts").status)
        time.sleep(0.5)
    for connection in held:
        connection.close()
    return f"{statuses.count(200)} of 10 answered"


def few_files(agent):
    """40 open files at most, 60 idle connections, and a post."""
    resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE, (40, 40))
    held = [socket.create_connection(("127.0.0.1", agent.port)) for _ in range(60)]
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=30)
    connection.request("POST", "/api/v2/alerts", json.dumps([{"labels": {"a": "b"}}]), JSON)
    status = connection.getresponse().status
    took = time.monotonic() - began
    for idle in held:
        idle.close()
    return f"{status} after {took:.1f} s"


def half_closed(agent):
    """40 posts by clients that close their side at once, with durability sync."""
    body = b'[{"labels":{"alertname":"A","i":"%d"}}]'
    answered = 0
    for number in range(40):
        posted = body % number
        connection = socket.create_connection(("127.0.0.1", agent.port))
        connection.sendall(b"POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(posted) + posted)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(10)
        answered += connection.recv(100).startswith(b"HTTP/1.1 200")
        connection.close()
    return f"{answered} of 40 answered"


INPUTS = [
    new_annotations, new_values, wrong_time, announced_bodies, long_interval, secret_pipes, key_pipe, unsent_bodies, few_files, half_closed,
]
