"""An HTTP client for the agents' API: one request, one answer, nothing hidden."""

import http.client
import json
import urllib.parse
from typing import NamedTuple

JSON = {"Content-Type": "application/json"}


class Answer(NamedTuple):
    """What came back. `dropped` answers (status 0) are connections closed without a word."""

    status: int
    headers: dict
    body: bytes

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def content_type(self):
        return self.headers.get("content-type")


class Api:
    """The API of the agent that listens on 127.0.0.1:`port`."""

    def __init__(self, port, prefix=""):
        self.port = port
        self.prefix = prefix

    def connect(self, connection):
        """Open a connection; where, others may choose."""
        connection.connect()

    def request(self, method, path, body=None, headers=None, timeout=60):
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            self.connect(connection)
            connection.request(method, self.prefix + path, body, headers or {})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        except http.client.RemoteDisconnected:
            return Answer(0, {}, b"")
        finally:
            connection.close()

    def get(self, path, *params):
        """GET `path` with query parameters given as pairs, so that a name may come twice."""
        query = "?" + urllib.parse.urlencode(params) if params else ""
        return self.request("GET", path + query)

    def post(self, path, value, headers=None):
        """POST `value` as JSON."""
        return self.request("POST", path, json.dumps(value), headers or JSON)

    def delete(self, path):
        return self.request("DELETE", path)

    def post_alerts(self, *alerts):
        """POST alerts to v2 and insist on success."""
        answer = self.post("/api/v2/alerts", list(alerts))
        assert answer.status == 200, f"POST /api/v2/alerts answered {answer.status}: {answer.text}"

    def alerts(self, *params):
        """The alerts as GET /api/v2/alerts lists them."""
        answer = self.get("/api/v2/alerts", *params)
        assert answer.status == 200, f"GET /api/v2/alerts answered {answer.status}: {answer.text}"
        return answer.json
