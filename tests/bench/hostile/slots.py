"""Input that takes places from others, or waits for files that never answer."""

import http.client
import json
import os
import resource
import socket
import time

from subject import JSON, config, hostile


@hostile("600 groups whose receiver's URL is in a pipe; then a post that waits for flash")
def secret_pipes(subject):
    pipe = subject.directory / "url"
    route = "route: {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}\n"
    os.mkfifo(pipe)
    subject.start(route + f"receivers:\n- {{name: hook, webhook_configs: [{{url_file: {pipe}, timeout: 1s}}]}}\n")

    def run():
        subject.post([{"labels": {"alertname": f"A{number}"}} for number in range(600)])
        time.sleep(40)
        began = time.monotonic()
        subject.post([{"labels": {"alertname": "last"}}])
        threads = len(os.listdir(f"/proc/{subject.agent.process.pid}/task"))
        return f"{threads} threads, the post took {time.monotonic() - began:.1f} s"

    subject.measured(run)


@hostile("eight GETs that announce a body and do not send it")
def unsent_bodies(subject):
    subject.start()

    def run():
        held = [socket.create_connection(("127.0.0.1", subject.agent.port)) for _ in range(8)]
        for connection in held:
            connection.sendall(b"GET /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
        time.sleep(0.3)
        answers = [subject.get("/api/v2/alerts") for _ in range(10)]
        for connection in held:
            connection.close()
        return f"{answers.count('200 OK')} of 10 others answered"

    subject.measured(run)


@hostile("60 idle connections where 40 files may be open, and a post")
def few_files(subject):
    subject.start()
    resource.prlimit(subject.agent.process.pid, resource.RLIMIT_NOFILE, (40, 40))

    def run():
        held = [socket.create_connection(("127.0.0.1", subject.agent.port)) for _ in range(60)]
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", subject.agent.port, timeout=30)
        connection.request("POST", "/api/v2/alerts", json.dumps([{"labels": {"a": "b"}}]), JSON)
        status, took = connection.getresponse().status, time.monotonic() - began
        for idle in held:
            idle.close()
        return f"{status} after {took:.1f} s"

    subject.measured(run)


@hostile("40 posts by clients that close their side at once, durability sync")
def half_closed(subject):
    subject.start(config(), "--storage.durability=sync")

    def run():
        answered = 0
        for number in range(40):
            posted = b'[{"labels":{"alertname":"A","i":"%d"}}]' % number
            head = b"POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(posted)
            with socket.create_connection(("127.0.0.1", subject.agent.port)) as connection:
                connection.sendall(head + posted)
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(10)
                answered += connection.recv(100).startswith(b"HTTP/1.1 200")
        return f"{answered} of 40 answered"

    subject.measured(run)
