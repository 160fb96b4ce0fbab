"""The way to receivers: https with every kind of certificate, kept connections, proxies, OAuth 2, redirects, odd answers."""

import base64
import json
import select
import socket
import ssl
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agent import until
from authority import EXPIRED, NOT_YET, Authority, pin, server_context

CONFIG = """
route: {receiver: hook, group_by: [alertname], group_wait: 50ms, group_interval: %s, repeat_interval: 1h}
receivers:
- name: hook
  webhook_configs:
  - {url: "%s", http_config: %s}
"""
SECONDS = 60


class Connection:
    """What a server has seen of one connection."""

    def __init__(self, resumed, version):
        self.resumed = resumed
        self.version = version
        self.requests = 0
        self.is_open = True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        # Here, in a thread of its own: whoever else connects to this port and says nothing keeps nobody waiting.
        if self.server.owner.context:
            self.request = self.server.owner.context.wrap_socket(self.request, server_side=True)
        super().setup()
        version = self.connection.version() if hasattr(self.connection, "version") else None
        self.seen = Connection(getattr(self.connection, "session_reused", None), version)
        self.server.owner.connections.append(self.seen)

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.seen.requests += 1
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, more = self.server.owner.answer(self, self.command, self.path, headers, body)
        content = more.pop("body", b"")
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        if more.get("Connection") == "close" or self.server.owner.hangs_up:
            self.close_connection = True

    do_GET = do_POST = handle_any

    def finish(self):
        super().finish()
        if self.server.owner.context:
            self.server.shutdown_request(self.request)
        self.seen.is_open = False

    def log_message(self, *_):
        pass


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that refuses us is what is tested."""



class Server:
    """Records requests and answers them by `answers[path]`: a status and headers, or a function that says both."""

    def __init__(self, context=None, address="127.0.0.1"):
        self.requests, self.connections, self.answers, self.hangs_up = [], [], {}, False
        self.context = context
        self._server = Quiet((address, 0), Handler)
        self._server.owner = self
        self.port = self._server.server_port
        self.url = f"{'https' if context else 'http'}://{address}:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, _handler, method, path, headers, body):
        self.requests.append((method, path, headers, body))
        answer = self.answers.get(path, (200, {}))
        status, more = answer(headers, body) if callable(answer) else answer
        return status, dict(more)

    def paths(self):
        return [(method, path) for method, path, _, _ in list(self.requests)]


class Proxy:
    """An HTTP proxy for both kinds of requests, and a SOCKS 5 one; wants user and password of each. What lies at hook.example, it alone knows."""

    def __init__(self, context=None):
        self.asked, self._context = [], context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client):
        if self._context:
            client = self._context.wrap_socket(client, server_side=True)
        with client:
            first = b"" if self._context else client.recv(1, socket.MSG_PEEK)
            other = self._socks(client) if first == b"\5" else self._http(client)
            if other:
                with other:
                    pump(client, other)

    def _http(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(65536)
            if not piece:
                return None
            head += piece
        head, rest = head.split(b"\r\n\r\n", 1)
        line, *headers = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (header.split(": ", 1) for header in headers)}
        self.asked.append((line, headers))
        if headers.get("proxy-authorization") != "Basic " + base64.b64encode(b"me:p w").decode():
            client.sendall(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n")
            return None
        method, target, version = line.split(" ")
        if method == "CONNECT":
            host, port = target.rsplit(":", 1)
            other = socket.create_connection(("127.0.0.1" if host == "hook.example" else host, int(port)))
            client.sendall(b"HTTP/1.1 200 Go\r\n\r\n")
            return other
        url = urllib.parse.urlsplit(target)
        other = socket.create_connection((url.hostname, url.port))
        passed = {name: value for name, value in headers.items() if name != "proxy-authorization"}
        lines = [f"{method} {url.path} {version}", *(f"{name}: {value}" for name, value in passed.items())]
        other.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + rest)
        return other

    def _socks(self, client):
        _, count = client.recv(2)
        assert client.recv(count) == b"\2"
        client.sendall(b"\5\2")
        _, length = client.recv(2)
        user = client.recv(length)
        password = client.recv(client.recv(1)[0])
        good = (user, password) == (b"me", b"p w")
        client.sendall(bytes([1, 0 if good else 1]))
        _, _, _, kind = client.recv(4)
        host = socket.inet_ntoa(client.recv(4)) if kind == 1 else client.recv(client.recv(1)[0]).decode()
        port = int.from_bytes(client.recv(2), "big")
        self.asked.append((f"SOCKS {host}:{port}", {}))
        other = socket.create_connection((host, port))
        client.sendall(b"\5\0\0\1\0\0\0\0\0\0")
        return other


def pump(one, other):
    """Pass on what either says until both have said everything."""
    ends = {one: other, other: one}
    while ends:
        waiting = [source for source in ends if isinstance(source, ssl.SSLSocket) and source.pending()]
        for source in waiting or select.select(list(ends), [], [])[0]:
            try:
                piece = source.recv(65536)
                if piece:
                    ends[source].sendall(piece)
            except OSError:
                return
            if not piece:
                return


def agent_for(world, url, http_config=None, interval="10s"):
    config = CONFIG % (interval, url, json.dumps(http_config or {}))
    return world.subject(config)


def post(agent, name):
    agent.api.post_alerts({"labels": {"alertname": name}, "startsAt": "2024-01-01T00:00:00Z"})


def told(server, count, path=None):
    def enough():
        return sum(1 for _, at, _, _ in list(server.requests) if path in (None, at)) >= count

    until(f"{count} requests", enough, SECONDS)


def failures(agent):
    return agent.metric("alertmanager_notification_requests_failed_total")


def with_certificate(world):
    """A server that asks for a certificate of ours, and an agent that has one."""
    authority = Authority(world.directory / "ca")
    server = Server(server_context(authority.issue("server"), clients=authority.certificate))
    own = authority.issue("client")
    tls = {"ca_file": str(authority.certificate), "cert_file": str(own), "key_file": str(own)}
    return authority, server, own, agent_for(world, server.url, {"tls_config": tls})


def private_authority(world):
    """A private authority, a certificate of ours that the server asks for, and one connection for all of it."""
    _, server, _, agent = with_certificate(world)
    for number in range(3):
        post(agent, f"A{number}")
        told(server, number + 1)
        agent.await_outcomes(number + 1)
    assert [seen.requests for seen in server.connections] == [3], "a connection that was kept is not used"
    assert failures(agent) == 0


def without_a_certificate(world):
    """A server that asks for a certificate of ours, which has none, says so; what to do is in the log."""
    authority = Authority(world.directory / "ca")
    server = Server(server_context(authority.issue("server"), clients=authority.certificate))
    agent = agent_for(world, server.url, {"tls_config": {"ca_file": str(authority.certificate)}})
    post(agent, "A")
    until("the log says what to do", lambda: "set tls_config: cert_file and key_file" in agent.log())


def resumption(newest):
    def case(world):
        """The second connection resumes the first one's session, and none does under another trust."""
        authority = Authority(world.directory / "ca")
        server = Server(server_context(authority.issue("server"), newest=newest))
        server.hangs_up = True
        tls = {"ca_file": str(authority.certificate)}
        agent = agent_for(world, server.url, {"tls_config": tls})
        for number in range(2):
            post(agent, f"A{number}")
            told(server, number + 1)
            agent.await_outcomes(number + 1)
        assert [seen.resumed for seen in server.connections] == [False, True]
        agent.write_config(agent.config_file.read_text().replace(json.dumps(tls), json.dumps({"insecure_skip_verify": True})))
        agent.reload()
        post(agent, "B")
        told(server, 3)
        assert [seen.resumed for seen in server.connections] == [False, True, False], "a session crosses to another trust"

    return case


def kept_and_closed(world):
    """A connection that the other side has closed meanwhile costs neither a failure nor a second notification."""
    authority = Authority(world.directory / "ca")
    server = Server(server_context(authority.issue("server")))
    agent = agent_for(world, server.url, {"tls_config": {"ca_file": str(authority.certificate)}})
    for number in range(3):
        server.hangs_up = number < 2  # it says nothing of it before
        post(agent, f"A{number}")
        told(server, number + 1)
        agent.await_outcomes(number + 1)
    assert (len(server.requests), failures(agent)) == (3, 0)


def renewed(world):
    """A certificate of ours that is renewed is shown at once: a connection that was kept with the old one is not used again."""
    authority, server, own, agent = with_certificate(world)
    for number in range(3):
        if number == 2:
            own.write_bytes(authority.issue("other").read_bytes())
        post(agent, f"A{number}")
        told(server, number + 1)
        agent.await_outcomes(number + 1)
    assert [seen.requests for seen in server.connections] == [2, 1]
    assert failures(agent) == 0


def refused(kind, says):
    def case(world):
        authority = Authority(world.directory / "ca")
        other = Authority(world.directory / "other")
        certificate = {
            "expired": lambda: authority.issue("server", valid=EXPIRED),
            "not-yet-valid": lambda: authority.issue("server", valid=NOT_YET),
            "wrong-name": lambda: authority.issue("server", alternative="DNS:other.example"),
            "self-signed": lambda: authority.issue("server", signed_by="itself"),
            "unknown-authority": lambda: other.issue("server"),
        }[kind]()
        server = Server(server_context(certificate))
        agent = agent_for(world, server.url, {"tls_config": {"ca_file": str(authority.certificate)}})
        post(agent, "A")
        until("a refusal that says what to do", lambda: says in agent.log())
        assert not server.requests
        # The notification is kept and tried again: once the certificate is trusted, it is told.
        agent.write_config(agent.config_file.read_text().replace('"tls_config": {', '"tls_config": {"insecure_skip_verify": true, '))
        agent.reload()
        told(server, 1)

    return case


def trusted_itself(world):
    """A self-signed certificate in ca_file is trusted, as openssl makes it."""
    authority = Authority(world.directory / "ca")
    certificate = authority.issue("server", signed_by="itself")
    server = Server(server_context(certificate))
    agent = agent_for(world, server.url, {"tls_config": {"ca_file": str(certificate.with_suffix(".crt"))}})
    post(agent, "A")
    told(server, 1)


def pins(world):
    """A pinned key is enough with insecure_skip_verify, another key is refused, and its hash is said."""
    authority = Authority(world.directory / "ca")
    certificate = authority.issue("server", alternative="DNS:whatever")
    server = Server(server_context(certificate))
    wrong = base64.b64encode(bytes(32)).decode()
    agent = agent_for(world, server.url, {"tls_config": {"insecure_skip_verify": True, "pin_sha256": wrong}})
    post(agent, "A")
    until("the key is refused", lambda: f"its key is not pinned: found {pin(certificate)}" in agent.log())
    assert not server.requests
    agent.write_config(agent.config_file.read_text().replace(wrong, pin(certificate)))
    agent.reload()
    told(server, 1)


def settings(world):
    """Settings of tls_config with which it works: a name, PEM in the config itself, versions. A server too old for them is refused."""
    authority = Authority(world.directory / "ca")
    ca, certificate = {"ca_file": str(authority.certificate)}, authority.issue("server")
    own = authority.issue("client").read_text()
    own = {"ca": authority.certificate.read_text(), "cert": own, "key": own}
    for number, (context, tls, version) in enumerate((
        (server_context(authority.issue("other", alternative="DNS:other.example")), {**ca, "server_name": "other.example"}, "TLSv1.3"),
        (server_context(certificate, clients=authority.certificate), own, "TLSv1.3"),
        (server_context(certificate), {**ca, "max_version": "TLS12"}, "TLSv1.2"),
        (server_context(certificate), {**ca, "min_version": "TLS13"}, "TLSv1.3"),
    )):
        server = Server(context)
        agent = agent_for(world, server.url, {"tls_config": tls})
        post(agent, f"A{number}")
        told(server, 1)
        assert server.connections[-1].version == version, (number, server.connections[-1].version)
        agent.stop()
    server = Server(server_context(certificate, newest=ssl.TLSVersion.TLSv1_2))
    agent = agent_for(world, server.url, {"tls_config": {**ca, "min_version": "TLS13"}})
    post(agent, "B")
    until("the server is refused", lambda: "no common version of TLS" in agent.log())
    assert not server.requests


def not_tls(world):
    """https to a port that speaks http says so."""
    server = Server()
    agent = agent_for(world, server.url.replace("http:", "https:"))
    post(agent, "A")
    until("the log says what to do", lambda: "write http:// instead of https://" in agent.log())


def proxies(world):
    """Plain requests and CONNECT through a proxy that requires authentication, and SOCKS 5; no_proxy goes by."""
    authority = Authority(world.directory / "ca")
    plain, secure = Server(), Server(server_context(authority.issue("server")))
    proxy = Proxy()
    tls = {"ca_file": str(authority.certificate)}
    number = 0
    for scheme, server, asked in (
        ("http", plain, f"POST {plain.url}/a HTTP/1.1"),
        ("http", secure, f"CONNECT 127.0.0.1:{secure.port} HTTP/1.1"),
        ("socks5", secure, f"SOCKS 127.0.0.1:{secure.port}"),
    ):
        number += 1
        url = f"{scheme}://me:p%20w@127.0.0.1:{proxy.port}"
        header = {} if scheme == "socks5" else {"proxy_connect_header": {"X-Way": ["this"]}}
        agent = agent_for(world, server.url + "/a", {"tls_config": tls, "proxy_url": url, **header})
        before = len(server.requests)
        post(agent, f"A{number}")
        told(server, before + 1)
        line, headers = proxy.asked[-1]
        assert line == asked, (line, asked)
        assert headers.get("x-way") == ("this" if line.startswith("CONNECT") else None), headers
        assert "proxy-authorization" not in server.requests[-1][2]
        agent.stop()
    agent = agent_for(world, plain.url, {"proxy_url": f"http://127.0.0.1:{proxy.port}"})
    post(agent, "B")
    until("the proxy's refusal is said", lambda: "set user and password in proxy_url" in agent.log())
    agent.stop()
    asked = len(proxy.asked)
    agent = agent_for(world, plain.url, {"proxy_url": f"http://127.0.0.1:{proxy.port}", "no_proxy": "127.0.0.0/8"})
    before = len(plain.requests)
    post(agent, "C")
    told(plain, before + 1)
    assert len(proxy.asked) == asked


def proxies_by_other_ways(world):
    """The proxy of the environment, which alone knows the receiver's address; one that is reached by https; one that is told who we are by a header."""
    authority = Authority(world.directory / "ca")
    server = Server(server_context(authority.issue("server", alternative="DNS:hook.example,IP:127.0.0.1")))
    tls = {"ca_file": str(authority.certificate)}
    proxy = Proxy()
    config = CONFIG % ("10s", f"https://hook.example:{server.port}/a", json.dumps({"tls_config": tls, "proxy_from_environment": True}))
    agent = world.subject(config, prefix=("env", f"HTTPS_PROXY=http://me:p%20w@127.0.0.1:{proxy.port}"))
    post(agent, "A")
    told(server, 1)
    assert proxy.asked[0][0] == f"CONNECT hook.example:{server.port} HTTP/1.1", proxy.asked
    agent.stop()
    secure = Proxy(server_context(authority.issue("proxy")))
    agent = agent_for(world, server.url, {"tls_config": tls, "proxy_url": f"https://me:p%20w@127.0.0.1:{secure.port}"})
    post(agent, "B")
    told(server, 2)
    assert secure.asked[0][0] == f"CONNECT 127.0.0.1:{server.port} HTTP/1.1", secure.asked
    agent.stop()
    header = {"Proxy-Authorization": ["Basic " + base64.b64encode(b"me:p w").decode()]}
    agent = agent_for(world, server.url, {"tls_config": tls, "proxy_url": f"http://127.0.0.1:{proxy.port}", "proxy_connect_header": header})
    post(agent, "C")
    told(server, 3)


def oauth2(world):
    """A token is fetched once, kept, and fetched anew when it is refused; no secret is in the log."""
    server, tokens = Server(), []

    def grant(headers, body):
        form = urllib.parse.parse_qs(body.decode())
        assert form == {"grant_type": ["client_credentials"], "scope": ["a b"], "audience": ["x y"]}, form
        assert headers["authorization"] == "Basic " + base64.b64encode(b"me:ge%20heim").decode()
        tokens.append(f"token{len(tokens)}")
        content = json.dumps({"access_token": tokens[-1], "token_type": "bearer", "expires_in": 3600}).encode()
        return 200, {"body": content}

    def hook(headers, _body):
        return (200 if headers.get("authorization") == f"Bearer {tokens[-1]}" else 401), {}

    server.answers = {"/token": grant, "/hook": hook}
    oauth2 = {"client_id": "me", "client_secret": "ge heim", "scopes": ["a", "b"], "token_url": server.url + "/token", "endpoint_params": {"audience": "x y"}}
    agent = agent_for(world, server.url + "/hook", {"oauth2": oauth2})
    for number in range(2):
        post(agent, f"A{number}")
        told(server, number + 1, "/hook")
        agent.await_outcomes(number + 1)
    assert len(tokens) == 1, "a token that is good is not kept"
    tokens.append("other")  # the one that was kept is no longer good
    server.answers["/token"] = lambda headers, body: (tokens.pop(), grant(headers, body))[1]
    post(agent, "A2")
    told(server, 4, "/hook")
    agent.await_outcomes(3)
    assert failures(agent) == 0
    assert "heim" not in agent.log() and "token0" not in agent.log()


def oauth2_in_the_body(world):
    """A server that wants the secret in the body gets it there."""
    server = Server()

    def grant(headers, body):
        form = urllib.parse.parse_qs(body.decode())
        if "authorization" in headers or form.get("client_secret") != ["s"]:
            return 401, {"body": b'{"error":"invalid_client"}'}
        return 200, {"body": b'{"access_token":"t"}'}

    server.answers = {"/token": grant}
    agent = agent_for(world, server.url + "/hook", {"oauth2": {"client_id": "me", "client_secret": "s", "token_url": server.url + "/token"}})
    post(agent, "A")
    told(server, 1, "/hook")
    assert server.requests[-1][2]["authorization"] == "Bearer t"


def oauth2_by_its_own_way(world):
    """The token's server has an authority and a proxy of its own, which the receiver's requests do not take."""
    authority = Authority(world.directory / "ca")
    tokens, hook, proxy = Server(server_context(authority.issue("tokens"))), Server(), Proxy()
    tokens.answers = {"/token": (200, {"body": b'{"access_token":"t"}'})}
    own = {"tls_config": {"ca_file": str(authority.certificate)}, "proxy_url": f"http://me:p%20w@127.0.0.1:{proxy.port}"}
    agent = agent_for(world, hook.url, {"oauth2": {"client_id": "me", "client_secret": "s", "token_url": tokens.url + "/token", **own}})
    post(agent, "A")
    told(hook, 1)
    assert hook.requests[0][2]["authorization"] == "Bearer t"
    assert [line for line, _ in proxy.asked] == [f"CONNECT 127.0.0.1:{tokens.port} HTTP/1.1"], proxy.asked


def redirects(world):
    """Redirects are resolved as the standard says, and lose every secret on the way to another host."""
    server, other = Server(), Server()
    elsewhere = other.url.replace("127.0.0.1", "localhost")
    server.answers = {
        "/?token=x": (307, {"Location": "?y=1"}),
        "/?y=1": (307, {"Location": "a/./b/../%C3%A4"}),
        "/a/%C3%A4": (308, {"Location": elsewhere + "?z=1"}),
    }
    http = {"basic_auth": {"username": "u", "password": "p"}, "http_headers": {"X-Secret": {"secrets": ["s"]}}}
    agent = agent_for(world, server.url + "?token=x", http)
    post(agent, "A")
    told(other, 1)
    assert [path for _, path in server.paths()] == ["/?token=x", "/?y=1", "/a/%C3%A4"]
    assert all("authorization" in headers and "x-secret" in headers for _, _, headers, _ in server.requests)
    method, path, headers, body = other.requests[0]
    assert (method, path) == ("POST", "/?z=1") and json.loads(body)["status"] == "firing"
    assert "authorization" not in headers and "x-secret" not in headers, headers


def redirects_that_lose(world):
    """What was said under TLS is not said in the clear, and with follow_redirects: false a redirect is a failure."""
    secure, plain = Server(server_context(Authority(world.directory / "ca").issue("server"))), Server()
    secure.answers = {"/": (307, {"Location": plain.url + "/clear"})}
    http = {"basic_auth": {"username": "u", "password": "p"}, "tls_config": {"insecure_skip_verify": True}}
    agent = agent_for(world, secure.url, http)
    post(agent, "A")
    told(plain, 1)
    assert "authorization" in secure.requests[0][2] and "authorization" not in plain.requests[0][2]
    agent.stop()
    agent = agent_for(world, secure.url, {**http, "follow_redirects": False})
    post(agent, "B")
    until("the redirect is a failure", lambda: failures(agent) > 0)
    assert (len(secure.requests), len(plain.requests)) == (2, 1)


ODD_ANSWERS = {
    "chunks-in-1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "space-before-colon": b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "folded-header": b"HTTP/1.1 200 OK\r\nX-Folded: a\r\n  b\r\nContent-Length: 0\r\n\r\n",
    "many-headers": b"HTTP/1.1 200 OK\r\n" + b"X-Header: y\r\n" * 150 + b"\r\n",
    "no-end": b"HTTP/1.1 200 OK\r\nContent-",
    "broken-chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "stalls": b"HTTP/1.1 200 OK\r\n",
}


def odd_answers(world):
    """Whatever follows a 2xx status line, the notification was taken: none is told twice."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken, kinds = [], list(ODD_ANSWERS)

    def serve():
        while True:
            client, _ = listener.accept()
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            kind = kinds[min(len(taken), len(kinds) - 1)]
            taken.append(kind)
            client.sendall(ODD_ANSWERS[kind])
            if kind == "stalls":
                open_ones.append(client)
            else:
                client.close()

    open_ones = []
    threading.Thread(target=serve, daemon=True).start()
    agent = agent_for(world, f"http://127.0.0.1:{listener.getsockname()[1]}/")
    for number in range(len(kinds)):
        post(agent, f"A{number}")
        agent.await_outcomes(number + 1)
    time.sleep(1)
    assert taken == kinds, taken
    assert (failures(agent), agent.metric("alertmanager_notifications_failed_total")) == (0, 0)


ECHOED = """
route:
  receiver: hook
  group_wait: 50ms
  routes: [{receiver: hook, continue: true}, {receiver: genie}]
receivers:
- name: hook
  webhook_configs:
  - url: "SERVER/hook/geheim-path"
    http_config: {authorization: {credentials: geheim-token}, http_headers: {X-Key: {secrets: [geheim-header]}}}
- name: genie
  opsgenie_configs: [{api_key: geheim-key, api_url: "SERVER/", http_config: {basic_auth: {username: me, password: geheim-word}}}]
"""


def echoed_secrets(world):
    """A receiver repeats all that it was sent: none of its secrets gets into log, history, status or metrics. It was told once who asks."""
    server = Server()
    echo = lambda path: lambda headers, _: (400, {"body": f"not {json.dumps(headers)} at {path}".encode()})  # noqa: E731
    server.answers = {path: echo(path) for path in ("/hook/geheim-path", "/v2/alerts")}
    agent = world.subject(ECHOED.replace("SERVER", server.url))
    post(agent, "A")
    told(server, 1, "/hook/geheim-path")
    told(server, 1, "/v2/alerts")
    until("both have failed", lambda: failures(agent) >= 2)
    sent = {path: headers for _, path, headers, _ in server.requests}
    assert sent["/hook/geheim-path"]["authorization"] == "Bearer geheim-token"
    assert sent["/v2/alerts"]["authorization"] == "GenieKey geheim-key", sent
    shown = agent.log() + "".join(agent.api.get(path).text for path in ("/bellwether/v1/history", "/api/v2/status", "/metrics", "/plain"))
    assert "x-key" in shown, "the answer is not shown at all"
    assert "geheim" not in shown, [shown[max(0, at - 80) : at + 40] for at in range(len(shown)) if shown.startswith("geheim", at)][:3]


def cases(_settings):
    return [
        ("https/private-authority", private_authority),
        ("https/without-a-certificate", without_a_certificate),
        ("https/resumption-1.3", resumption(ssl.TLSVersion.TLSv1_3)),
        ("https/resumption-1.2", resumption(ssl.TLSVersion.TLSv1_2)),
        ("https/kept-and-closed", kept_and_closed),
        ("https/renewed", renewed),
        ("https/expired", refused("expired", "its certificate ended 2020-02-01T00:00:00Z: renew it there")),
        ("https/not-yet-valid", refused("not-yet-valid", "its certificate is not valid before 2048-01-01T00:00:00Z")),
        ("https/wrong-name", refused("wrong-name", "set tls_config: server_name")),
        ("https/self-signed", refused("self-signed", "its certificate is self-signed: to trust it, name it with tls_config: ca_file")),
        ("https/unknown-authority", refused("unknown-authority", "nobody we trust has signed its certificate")),
        ("https/trusted-itself", trusted_itself),
        ("https/pins", pins),
        ("https/settings", settings),
        ("https/not-tls", not_tls),
        ("https/proxies", proxies),
        ("https/proxies-by-other-ways", proxies_by_other_ways),
        ("https/oauth2", oauth2),
        ("https/oauth2-in-the-body", oauth2_in_the_body),
        ("https/oauth2-by-its-own-way", oauth2_by_its_own_way),
        ("https/redirects", redirects),
        ("https/redirects-that-lose", redirects_that_lose),
        ("https/odd-answers", odd_answers),
        ("https/echoed-secrets", echoed_secrets),
    ]
