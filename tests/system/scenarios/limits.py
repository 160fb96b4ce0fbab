"""Limits that only a running agent reaches, in real time: each is filled, and its policy holds."""

import json
import select
import socket
import subprocess
import sys
import threading
import time

import netns
from agent import until
from authority import Authority, server_context
from command import run
from flock import CONFIG as QUIET
from flock import Flock, Node
from scenarios.https import Server, agent_for, failures, post, told

MIB = 2**20
# The limits, as the table in src/README.md has them.
DRAIN_BYTES, CLI_ANSWER_BYTES = 256 * MIB, 64 * MIB
BUFFERS_BYTES = 32 * MIB  # what the kernel may hold of a connection at both ends, and more
KEPT, REDIRECTS, SESSIONS_SERVERS, INTERFACES = 4, 10, 8, 16
GETS = 8
TEST_SECONDS, CLI_SECONDS = 40, 30
# Of a kept connection that nobody acknowledges; an attempt has 60 s.
SILENCE_SECONDS_MAX = 45


def told_by_many(servers, **keys):
    """A config with one receiver that has a webhook for each of these servers."""
    hooks = [{"url": server.url + "/", **keys} for server in servers]
    route = {"receiver": "all", "group_by": ["alertname"], "group_wait": "50ms", "group_interval": "1h"}
    return json.dumps({"route": route, "receivers": [{"name": "all", "webhook_configs": hooks}]})


def redirects(world):
    """Of a chain of redirects without an end so many are followed, and the attempt has failed."""
    server = Server()
    server.answers = {f"/{number}": (307, {"Location": f"/{number + 1}"}) for number in range(50)}
    agent = agent_for(world, server.url + "/0")
    post(agent, "A")
    until("the attempt has failed", lambda: failures(agent) >= 1)
    assert set(server.paths()) == {("POST", f"/{number}") for number in range(REDIRECTS + 1)}, server.paths()
    assert "redirect" in json.dumps(agent.api.get("/bellwether/v1/history").json)


def kept(world):
    """Connections to so many receivers are kept, and each for a minute at most."""
    servers = [Server() for _ in range(KEPT + 2)]
    agent = world.subject(told_by_many(servers))
    post(agent, "A")
    for server in servers:
        told(server, 1)
    is_open = lambda: sum(connection.is_open for server in servers for connection in server.connections)  # noqa: E731
    until("the connections of the others are closed", lambda: is_open() <= KEPT)
    time.sleep(3)
    assert is_open() == KEPT, is_open()
    until("no connection is kept", lambda: is_open() == 0, 90)
    post(agent, "B")
    for server in servers:
        told(server, 2)


def silent(world):
    """A kept connection that leads nowhere any more is given up long before the attempt's time is over."""
    net = netns.Net(1, uplink=True)
    world.at_end(net.close)
    sink = world.sink(net.receivers, net.hub)
    config = f'{{"route": {{"receiver": "r", "group_by": ["alertname"], "group_wait": "50ms"}}, "receivers": [{{"name": "r", "webhook_configs": [{{"url": "{sink.url}/r"}}]}}]}}'
    agent = Node(world.settings.subject, world.directory / "node", config, namespace=net.namespaces[0]).start()
    world.at_end(agent.stop)
    post(agent, "A")
    sink.wait("/r", 1, 30)
    net.swallow(1)
    post(agent, "B")
    until("the attempt has failed", lambda: failures(agent) >= 1, SILENCE_SECONDS_MAX)
    run("ip", "-n", net.namespaces[0], "neigh", "del", net.receivers, "dev", "eth1")
    sink.wait("/r", 2, 60)


def sessions(world):
    """TLS sessions of so many servers are remembered; with the others the keys are agreed upon anew."""
    addresses = [f"127.0.0.{number}" for number in range(1, SESSIONS_SERVERS + 5)]
    authority = Authority(world.directory / "ca")
    context = server_context(authority.issue("servers", ",".join(f"IP:{address}" for address in addresses)))
    servers = [Server(context, address) for address in addresses]
    for server in servers:
        server.hangs_up = True
    agent = world.subject(told_by_many(servers, http_config={"tls_config": {"ca_file": str(authority.certificate)}}))
    for number, name in enumerate(("A", "B"), 1):
        post(agent, name)
        for server in servers:
            told(server, number)
    resumed = sum(connection.resumed for server in servers for connection in server.connections)
    assert resumed <= SESSIONS_SERVERS, f"{resumed} of {len(servers)} sessions were remembered"
    assert failures(agent) == 0


def drained(world):
    """Of a body that was refused so much is read and dropped, then the connection is closed."""
    agent = agent_for(world, "http://127.0.0.1:1")
    piece, sent, answer = b"x" * MIB, 0, b""
    with socket.create_connection(("127.0.0.1", agent.port), timeout=60) as connection:
        connection.sendall(f"POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {1024 * MIB}\r\n\r\n".encode())
        try:
            while sent < 1024 * MIB and not select.select([connection], [], [], 0)[0]:
                connection.sendall(piece)
                sent += len(piece)
            answer = connection.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            pass  # what it had not read yet was thrown away with the answer
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413 "), answer
    assert DRAIN_BYTES - MIB <= sent <= DRAIN_BYTES + BUFFERS_BYTES, sent
    post(agent, "A")
    assert len(agent.api.alerts()) == 1
    return f"closed after {sent // MIB} MiB"


class Mute:
    """Listens, reads what comes, and never answers."""

    def __init__(self, world):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.ended = 0  # connections that the other side has closed
        world.at_end(self._listener.close)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        with connection:
            try:
                while connection.recv(65536):
                    pass
            except OSError:
                pass
        self.ended += 1


def gets(world):
    """So many GETs are answered at a time: while clients hold them, one more is refused and counted. Posts and health are not."""
    agent = world.subject(QUIET)
    # A list that no socket holds.
    agent.api.post_alerts(*({"labels": {"alertname": "A", "number": str(number)}, "annotations": {"text": "x" * 3500}} for number in range(1000)))
    held = []
    for _ in range(GETS):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(10)
        client.connect(("127.0.0.1", agent.port))
        client.sendall(b"GET /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        held.append(client)
    refused = agent.api.get("/api/v2/receivers")
    assert refused.status == 503 and f"({GETS})" in refused.text, refused.text
    assert agent.api.get("/-/healthy").status == 200
    agent.api.post_alerts({"labels": {"alertname": "B"}})
    for client in held:
        client.close()
    counted = 1

    def answered():
        nonlocal counted
        answer = agent.api.get("/metrics")
        counted += answer.status == 503
        return answer.status == 200 and answer.text

    told = until("GETs are answered again", answered)
    assert f'alertmanager_http_concurrency_limit_exceeded_total{{method="get"}} {counted}\n' in told


def tested(world):
    """A test of a receiver that never answers ends in time, and says so; meanwhile another one is refused."""
    mute = Mute(world)
    agent = agent_for(world, mute.url)
    began, answers = time.monotonic(), []
    first = threading.Thread(target=lambda: answers.append(agent.api.post("/bellwether/v1/notify/test", {"receiver": "hook"})))
    first.start()
    until("another test is refused", lambda: agent.api.post("/bellwether/v1/notify/test", {"receiver": "hook"}).status == 409, 10)
    first.join(TEST_SECONDS + 60)
    took = time.monotonic() - began
    (answer,) = answers
    assert answer.status == 200 and answer.json["delivered"] is False, answer
    assert answer.json["integrations"][0]["error"], answer.json
    assert took >= TEST_SECONDS - 1, f"it ended after {took} s"


def heartbeat(world):
    """A service that takes a heartbeat and never answers is given up, counted as failed, and told again."""
    mute = Mute(world)
    config = QUIET + f'heartbeat:\n- {{name: outside, period: 1h, url: "{mute.url}/"}}\n'
    agent = world.subject(config)
    until("the heartbeat has failed", lambda: agent.metric("bellwether_heartbeats_failed_total") >= 1, 90)
    until("its connection is closed", lambda: mute.ended >= 1)
    until("it was tried again", lambda: agent.metric("bellwether_heartbeats_failed_total") >= 2, 120)


def interfaces(world):
    """Of very many interfaces so many are used for multicast."""
    net = netns.Net(1)
    world.at_end(net.close)
    space = net.namespaces[0]
    for number in range(1, INTERFACES + 5):
        for command in (f"link add many{number} type veth peer name other{number}", f"link set other{number} up", f"addr add 10.90.{number}.1/24 dev many{number}", f"link set many{number} up multicast on"):
            run("ip", "-n", space, *command.split())
    flock = Flock(world.settings.subject, world.directory / "flock", 1, net=net, multicast=True)
    world.at_end(flock.stop)
    flock.nodes[0].start()
    joined = lambda: run("ip", "-n", space, "maddr", "show").count("inet  239.255.90.94")  # noqa: E731
    until(f"it listens on {INTERFACES} interfaces, not on {joined()}", lambda: joined() == INTERFACES)
    time.sleep(2)
    assert joined() == INTERFACES, joined()


def endless_answer(world):
    """A subcommand reads so much of an answer, and then says that it makes no sense."""
    listener = socket.create_server(("127.0.0.1", 0))
    world.at_end(listener.close)
    sent = [0]

    def serve():
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n[")
            try:
                while sent[0] < 4 * CLI_ANSWER_BYTES:
                    connection.sendall(b" " * MIB)
                    sent[0] += MIB
                connection.sendall(b"]")
            except OSError:
                pass

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    done = subprocess.run([world.settings.subject, "alert", "query", f"--url={url}"], capture_output=True, text=True, check=False, timeout=120)
    server.join(60)
    assert done.returncode == 1 and done.stderr and not done.stdout, done
    assert sent[0] <= CLI_ANSWER_BYTES + BUFFERS_BYTES, sent
    return done.stderr.strip()


def mute_agent(world):
    """A subcommand waits so long for an agent that never answers, and no longer where it is told so."""
    mute = Mute(world)
    for flags, least in (([], CLI_SECONDS), (["--timeout=1s"], 1)):
        began = time.monotonic()
        done = subprocess.run([world.settings.subject, "alert", "query", f"--url={mute.url}", *flags], capture_output=True, text=True, check=False, timeout=120)
        took = time.monotonic() - began
        assert done.returncode == 1 and mute.url in done.stderr, done
        assert took >= least * 0.95, f"it gave up after {took} s"


def cases(_settings):
    all_ = [redirects, gets, kept, sessions, drained, tested, heartbeat, endless_answer, mute_agent]
    if netns.missing():
        print(f"limits: no networks are made, that needs {netns.missing()}", file=sys.stderr)
    else:
        all_ += [silent, interfaces]
    return [(f"limits/{case.__name__}", case) for case in all_]
