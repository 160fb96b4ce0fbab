"""A stand-in for the services of the internet: a proxy behind which it is every host, with TLS where that is asked for.

It records each request as it arrived and answers as it is told.
"""

import json
import re
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


NO_ANSWER = 0  # a status: the connection is closed instead


class Request(NamedTuple):
    """One request: `url` without its query, which is in `query` as sorted pairs; `status` is what it was answered, and when."""

    method: str
    url: str
    query: list
    headers: dict
    text: str
    status: int = 0
    at: float = 0.0

    @property
    def body(self):
        """The body as its content type says: of JSON the value, of a form the sorted pairs."""
        kind = self.headers.get("content-type", "").split(";")[0]
        if kind == "application/json":
            return json.loads(self.text)
        if kind == "application/x-www-form-urlencoded":
            return pairs(self.text)
        return self.text


def pairs(text):
    return sorted(urllib.parse.parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    origin = ""

    def do_CONNECT(self):
        self.send_response(200)
        self.end_headers()
        self.origin = "https://" + self.path.removesuffix(":443")
        self.connection = self.server.service.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

    def _any(self):
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        # A proxy is told the whole URL of what is not encrypted.
        host = "" if "://" in self.path else self.origin or "http://" + self.headers["Host"]
        url, _, query = (host + self.path).partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, body, *more = self.server.service.take(Request(self.command, url, pairs(query), headers, text))
        if status == NO_ANSWER:
            self.close_connection = True
            return
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in more:
            self.send_header(name, value)
        self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status != 204:
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = _any

    def log_message(self, *_):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """A client that hangs up is its own affair."""


class Service:
    """Listens on a free port of 127.0.0.1.

    `answer` says a request's status and body (a text, or a value for JSON), and then maybe more headers, a pair each.
    """

    def __init__(self, context, answer):
        self.context, self.answer = context, answer
        self._requests = []
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.service = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, request):
        with self._changed:
            answer = self.answer(request)
            self._requests.append(request._replace(status=answer[0], at=time.monotonic()))
            self._changed.notify_all()
        return answer

    @property
    def requests(self):
        with self._changed:
            return list(self._requests)

    def wait(self, what, holds, seconds):
        """Wait until `holds` of all requests so far."""
        with self._changed:
            done = self._changed.wait_for(lambda: holds(self._requests), seconds)
            assert done, f"not within {seconds} s: {what}; there are {len(self._requests)} requests: {[it.url for it in self._requests]}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def marked(request, mark=re.compile(r"answer[0-9]+")):
    """The first word of that kind which the request has anywhere."""
    found = mark.search(request.url) or mark.search(str(request.query)) or mark.search(request.text)
    return found and found.group()
