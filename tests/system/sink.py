"""A webhook receiver that records every request with its arrival time, and misbehaves on demand."""

import contextlib
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from netns import inside


class Request(NamedTuple):
    """One request as it arrived; `status` is what it was answered, `sender` its address."""

    at: float
    path: str
    headers: dict
    body: bytes
    status: int
    sender: str

    @property
    def payload(self):
        return json.loads(self.body)

    @property
    def delivered(self):
        return 200 <= self.status < 300


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        at = time.time()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, delay, more = self.server.sink.manners.get(self.path, (200, 0, {}))
        headers = {name.lower(): value for name, value in self.headers.items()}
        number = self.server.sink.record(Request(at, self.path, headers, body, status, self.client_address[0]))
        self.server.sink.over.wait(delay)
        self.send_response(status)
        for name, value in {"Content-Length": "0", **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.server.sink.answered[number] = time.time()

    def log_message(self, *_):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, address):
        """A sender that hangs up is its own affair; all else is told."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, address)


class Sink:
    """Listens on a free port of 127.0.0.1 or a given one, or of an address in a network namespace; each path may behave in its own way."""

    def __init__(self, address="127.0.0.1", namespace=None, port=0):
        self.manners = {}
        self.answered = {}  # when each request was answered, by its number
        self.over = threading.Event()
        self._requests = []
        self._changed = threading.Condition()
        with inside(namespace) if namespace else contextlib.nullcontext():
            self._server = _Server((address, port), _Handler)
        self._server.sink = self
        self.url = f"http://{address}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def behave(self, path, status=200, delay=0, more=None):
        """From now on answer requests for `path` with `status` and the headers `more`, after `delay` seconds (a day: it hangs)."""
        self.manners[path] = (status, delay, more or {})

    def record(self, request):
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()
            return len(self._requests) - 1

    @property
    def requests(self):
        with self._changed:
            return list(self._requests)

    def payloads(self, path):
        """The payloads delivered to `path`, in order of arrival."""
        with self._changed:
            return self._delivered(path)

    def wait(self, path, count, seconds):
        """Wait until `count` payloads were delivered to `path`; answers them."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._delivered(path)) >= count, seconds)
            payloads = self._delivered(path)
        assert len(payloads) >= count, f"{path}: {len(payloads)} of {count} notifications within {seconds} s"
        return payloads

    def _delivered(self, path):
        return [request.payload for request in self._requests if request.path == path and request.delivered]

    def close(self):
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
