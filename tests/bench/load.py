"""The alerts and silences of the benches as bytes of requests, and those that send them and take notifications."""

import json
import selectors
import socket
import subprocess
import time
from pathlib import Path

CLIENT = Path(__file__).resolve().parent / "client.rs"

ALERTNAMES = 100
OK_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def alert(number):
    """An alert as an exporter's rule makes it, about 400 bytes."""
    return {
        "labels": {
            "alertname": f"Alert{number % ALERTNAMES}",
            "instance": f"gateway-{number}.example:9100",
            "job": "node",
            "severity": "critical" if number % 5 == 0 else "warning",
            "site": f"site-{number % 37}",
        },
        "annotations": {
            "summary": f"Filesystem of gateway-{number} is almost full",
            "description": "Less than 5 % of the space of /var is left, and at this rate it is full within 4 hours.",
        },
        "generatorURL": "http://127.0.0.1:9090/graph?g0.expr=node_filesystem_avail_bytes+%3C+0.05&g0.tab=1",
    }


def device_alert(number):
    """A smaller one, as a script on a gateway posts it; it fires until somebody ends it."""
    labels = {"alertname": f"alert-{number % ALERTNAMES}", "instance": f"device-{number}.site.example", "job": "exporter", "severity": "warning"}
    return {"labels": labels, "annotations": {"summary": f"device {number} does not answer"}, "endsAt": "2099-01-01T00:00:00Z"}


def silence(number):
    """The bytes of one POST of a silence by a pattern that matches no alert; each has another."""
    return post(
        {
            "matchers": [{"name": "instance", "value": f"[a-z]+-{number}[0-9]*[.]other[.]example:9[0-9]+", "isRegex": True}],
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "2040-01-01T00:00:00Z",
            "createdBy": "bench",
            "comment": "bench",
        },
        "silences",
    )


def post(posted, path="alerts"):
    """The bytes of one POST of alerts, or of what is posted elsewhere."""
    body = json.dumps(posted, separators=(",", ":")).encode()
    head = f"POST /api/v2/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def batches(count, size):
    """POSTs of `size` alerts each, `count` different alerts in all."""
    return [post([alert(number) for number in range(first, min(first + size, count))]) for first in range(0, count, size)]


def build(source, directory):
    """Compiles a program of one file into the directory; answers the program."""
    program = Path(directory) / source.stem
    subprocess.run(["rustc", "-O", "--edition", "2024", "-o", program, source], check=True)
    return program


def build_client(directory):
    """Compiles client.rs into the directory; answers the program, and a line that says which it is."""
    program = build(CLIENT, directory)
    version = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout
    return program, f"tests/bench/{CLIENT.name}, compiled with -O by {version.strip()}"


class Client:
    """The process of client.rs: it sends, receives and times, and nothing else of the bench runs meanwhile."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        (self.hook_port,) = self._answer("the port of notifications")

    def connect(self, port):
        """Keep one connection to this agent from now on."""
        self._ask(f"connect {port}")

    def send(self, requests):
        """Send POSTs one after the other; answers the nanoseconds of all."""
        return self._ask("posts", requests)[0]

    def get(self, path, count=1):
        """GET a path so many times; answers (bytes of the body, nanoseconds) of each."""
        found = self._ask(f"get {count} {path}")
        return list(zip(found[::2], found[1::2], strict=True))

    def notified(self, requests):
        """Send POSTs that lead to a notification each; answers the nanoseconds from each to the first bytes of its notification."""
        return self._ask("notified", requests)

    def close(self):
        self.process.kill()
        self.process.wait()

    def _ask(self, command, requests=()):
        line = " ".join([command, *(str(len(request)) for request in requests)])
        self.process.stdin.write(b"".join([line.encode(), b"\n", *requests]))
        self.process.stdin.flush()
        return self._answer(command)

    def _answer(self, command):
        line = self.process.stdout.readline()
        assert line, f"the client ended instead of answering: {command}; it says above why"
        return [int(word) for word in line.split()]


class Connection:
    """One kept connection to an agent."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request):
        """Send a POST and read its answer, which has no body."""
        self.socket.sendall(request)
        answer = self.socket.recv(4096)
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 "), answer


class Receiver:
    """A webhook receiver within the calling thread."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.pending = {}

    def wait(self, seconds):
        """Wait for the next notification; answers True, having answered it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for key, _ in self.selector.select(0.5):
                if key.fileobj is self.listener:
                    connection, _ = self.listener.accept()
                    self.selector.register(connection, selectors.EVENT_READ)
                elif self._read(key.fileobj):
                    return True
        raise AssertionError(f"no notification within {seconds} s")

    def _read(self, connection):
        """Read what is there; answers whether a request is complete, which is then answered."""
        data = connection.recv(65536)
        if not data:
            self.selector.unregister(connection)
            connection.close()
            self.pending.pop(connection, None)
            return False
        received = self.pending.pop(connection, b"") + data
        head, found, body = received.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), None)
        complete = found and (len(body) >= length if length is not None else body.endswith(b"0\r\n\r\n"))
        if complete:
            connection.sendall(OK_ANSWER)
        else:
            self.pending[connection] = received
        return bool(complete)

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()
