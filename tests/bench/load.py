"""A load generator that costs little: request bytes made beforehand, sent over one kept connection, answers hardly read."""

import json
import selectors
import socket
import time

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

    def get(self, path):
        """GET a path; answers the length of the body."""
        return self.exchange(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def exchange(self, request):
        """Send a request; answers the length of the answer's body, which must be announced or chunked to its end."""
        self.socket.sendall(request)
        received = bytearray()
        while b"\r\n\r\n" not in received:
            received += self.socket.recv(1 << 20)
        head, _, body = bytes(received).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        lines = head.lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), None)
        size, tail = len(body), body[-5:]
        while size < length if length is not None else tail != b"0\r\n\r\n":
            data = self.socket.recv(1 << 20)
            assert data, "the connection was closed within the answer"
            size, tail = size + len(data), (tail + data)[-5:]
        return size

    def close(self):
        self.socket.close()


class Receiver:
    """A webhook receiver within the measuring thread, so that no thread switch is measured."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.pending = {}

    def wait(self, seconds):
        """Wait for the next notification; answers when its first bytes came (perf_counter), having answered it."""
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            for key, _ in self.selector.select(0.5):
                arrived = time.perf_counter()
                if key.fileobj is self.listener:
                    connection, _ = self.listener.accept()
                    self.selector.register(connection, selectors.EVENT_READ)
                elif self._read(key.fileobj, arrived):
                    return self.pending.pop(key.fileobj)[0]
        raise AssertionError(f"no notification within {seconds} s")

    def _read(self, connection, arrived):
        """Read what is there; answers whether a request is complete, which is then answered."""
        data = connection.recv(65536)
        if not data:
            self.selector.unregister(connection)
            connection.close()
            self.pending.pop(connection, None)
            return False
        began, received = self.pending.get(connection, (arrived, b""))
        received += data
        self.pending[connection] = (began, received)
        head, found, body = received.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), None)
        complete = found and (len(body) >= length if length is not None else body.endswith(b"0\r\n\r\n"))
        if complete:
            connection.sendall(OK_ANSWER)
        return bool(complete)

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()
