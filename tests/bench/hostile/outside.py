"""Inputs that a first search tried beyond the inputs of the other files: the page's long poll, HTTP itself, receivers' answers,
datagrams, journals and templates."""

import os
import random
import socket
import subprocess
import threading
import time

from agent import free_port
from load import post
from patterns import small
from subject import config, hostile

GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"


@hostile("300 pages that wait for news, and news every 10 ms")
def pages(subject):
    subject.start()
    held = []

    def run():
        for _ in range(240):
            connection = socket.create_connection(("127.0.0.1", subject.agent.port))
            connection.sendall(GET % b"/bellwether/v1/changes?since=18446744073709551615")
            held.append(connection)
        for number in range(200):
            subject.post([{"labels": {"alertname": f"A{number}"}}])
            time.sleep(0.01)

    subject.measured(run)


@hostile("2,000 requests in one packet, answers not read")
def pipelined(subject):
    subject.start()
    subject.alerts(small(2_000))

    def run():
        connection = socket.create_connection(("127.0.0.1", subject.agent.port))
        connection.settimeout(3)
        try:
            connection.sendall(GET % b"/api/v2/alerts" * 2_000)
        except OSError:
            pass
        time.sleep(2)
        connection.close()

    subject.measured(run)


@hostile("heads and chunks that make no sense")
def heads(subject):
    subject.start()
    rng = random.Random(1)
    begins = [b"GET / HTTP/1.1\r\n", b"POST /api/v2/alerts HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", b"PRI * HTTP/2.0\r\n", b"GET " + b"/a" * 20_000 + b" HTTP/1.1\r\n"]
    ends = [b"\r\n", b"\r\nffffffffffffffff\r\n", b"\r\n-1\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n", b"Content-Length: 99999999999999999999\r\n\r\n", b"X: " + b"y" * 40_000 + b"\r\n\r\n", b"X: y\r\n" * 3_000]

    def run():
        for number in range(600):
            with socket.create_connection(("127.0.0.1", subject.agent.port)) as connection:
                connection.settimeout(0.02)
                try:
                    connection.sendall(begins[number % len(begins)] + rng.choice(ends) + rng.randbytes(rng.randrange(200)))
                    connection.recv(4096)
                except OSError:
                    pass

    subject.measured(run)


def answering(subject, answer, seconds=8):
    """A receiver that answers each notification by `answer(connection)`."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve():
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=attend, args=(connection,), daemon=True).start()

    def attend(connection):
        try:
            connection.recv(65536)
            answer(connection)
        except OSError:
            pass
        finally:
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    port = listener.getsockname()[1]
    subject.start(
        "route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1s}\n"
        f"receivers: [{{name: hook, webhook_configs: [{{url: 'http://127.0.0.1:{port}/', timeout: 3s}}]}}]\n"
    )

    def run():
        subject.post([{"labels": {"alertname": f"A{number}"}} for number in range(40)])
        time.sleep(seconds)

    subject.measured(run)
    listener.close()


@hostile("receivers that answer without end")
def endless(subject):
    def answer(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"fffff\r\n" + b"x" * 0xFFFFF + b"\r\n")

    answering(subject, answer)


@hostile("receivers that answer with heads without end")
def endless_heads(subject):
    def answer(connection):
        connection.sendall(b"HTTP/1.1 500 No\r\n")
        while True:
            connection.sendall(b"X-Header: " + b"y" * 8000 + b"\r\n")

    answering(subject, answer)


@hostile("receivers that answer 100 Continue without end")
def continues(subject):
    def answer(connection):
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    answering(subject, answer)


@hostile("200,000 datagrams of noise at the flock's port")
def datagrams(subject):
    port = free_port()
    key = subject.directory / "key"
    subject.directory.mkdir(exist_ok=True)
    key.write_text(subprocess.run([subject.binary, "key", "new"], capture_output=True, text=True, check=True).stdout)
    key.chmod(0o600)
    subject.start(config(more=f"cluster: {{key_files: [{key}]}}\n"), f"--cluster.listen-address=127.0.0.1:{port}")
    rng = random.Random(1)

    def run():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            noise = [rng.randbytes(rng.randrange(1, 1400)) for _ in range(1000)]
            for number in range(200_000):
                sender.sendto(noise[number % 1000], ("127.0.0.1", port))

    subject.measured(run)


@hostile("a start with journals of noise, of zeros, cut, and of pipes")
def journals(subject):
    data = subject.directory / "data"
    rng = random.Random(1)
    subject.start()
    subject.alerts(small(2_000))
    subject.agent.stop()
    segments = [path for path in data.iterdir() if path.stat().st_size > 100_000]
    whole = {path: path.read_bytes() for path in segments}
    for kind in ("noise", "zeros", "cut", "flipped", "pipe"):
        for path, content in whole.items():
            path.unlink(missing_ok=True)
            if kind == "pipe":
                os.mkfifo(path)
                continue
            flipped = bytearray(content)
            for _ in range(200):
                flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
            made = {"noise": rng.randbytes(len(content)), "zeros": bytes(len(content)), "cut": content[: len(content) // 3], "flipped": bytes(flipped)}
            path.write_bytes(made[kind])
        began = time.perf_counter()
        subject.agent.start(poll=0.002)
        subject.gap = max(subject.gap, (time.perf_counter() - began) * 1e3)
        subject.note(f"{kind}: started")
        subject.agent.stop()
    subject.agent.start()


TEMPLATES = [
    '{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}',
    "{{ range .Alerts }}{{ range $.Alerts }}{{ range $.Alerts }}x{{ end }}{{ end }}{{ end }}",
    '{{ printf "%999999999d" 1 }}',
    '{{ reReplaceAll "(a*)*(a*)*(a*)*b" "x" (index .Alerts 0).Annotations.s }}',
    '{{ $x := "xxxxxxxxxxxxxxxx" }}' + "{{ $x = printf \"%s%s%s%s\" $x $x $x $x }}" * 30 + "{{ $x }}",
    '{{ range stringSlice ' + '"a" ' * 2000 + '}}{{ $.Alerts | toJson }}{{ end }}',
]


@hostile("templates that run without end, of 2,000 alerts")
def templates(subject):
    for number, text in enumerate(TEMPLATES):
        escaped = text.replace("'", "''")
        hook = f"{{url: 'http://127.0.0.1:9/', payload: {{text: '{escaped}'}}}}"
        if number == 0:
            subject.start()
        subject.agent.config_file.write_text(f"route: {{receiver: hook, group_by: [], group_wait: 0s, group_interval: 1s}}\nreceivers: [{{name: hook, webhook_configs: [{hook}]}}]\n")
        subject.note(subject.reload())
        alerts = [{"labels": {"alertname": f"A{number}-{n}"}, "annotations": {"s": "a" * 500}} for n in range(2_000)]
        body = post(alerts)
        subject.measured(lambda body=body: subject.request(body))


@hostile("silences and filters of odd shapes")
def shapes(subject):
    subject.start()
    subject.alerts(small(10_000))
    many = "&".join("filter=x%21~%22.%2A%22" for _ in range(1_400))

    def run():
        subject.note(subject.get(f"/api/v2/alerts?{many}"))
        subject.note(subject.get("/api/v2/silences?" + "&".join("filter=a%3Db" for _ in range(2_000))))
        subject.note(subject.get("/api/v2/alerts?receiver=" + "(a%7Cb)%2A" * 2_000))
        subject.note(subject.silence(*[f"(a{n}|b)*" for n in range(5_000)]))
        subject.note(subject.silence("(" * 30_000))
        subject.note(subject.silence("(?i)" + "k" * 30_000))
        subject.note(subject.silence("[^a]{1000}{1000}"))
        subject.note(subject.silence("\\p{L}{900}"))

    subject.measured(run)
