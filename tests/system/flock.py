"""Flocks of agents: on the loopback or in a network that can be broken."""

import datetime
import json
import math
import subprocess
import time

from agent import Agent, free_port
from api import Api
from netns import inside

CONFIG = """
route: {receiver: nobody, group_by: [alertname], group_wait: 1h, group_interval: 1h, repeat_interval: 4h}
receivers:
- {name: nobody}
"""
PORT = 9094


class NetApi(Api):
    """The API of an agent in a network namespace."""

    def __init__(self, port, namespace):
        super().__init__(port)
        self.namespace = namespace

    def connect(self, connection):
        with inside(self.namespace):
            super().connect(connection)


class Node(Agent):
    """An agent that may be in a network namespace; asks of it what tests of flocks want to know."""

    def __init__(self, *arguments, namespace=None, **options):
        self.namespace = namespace
        super().__init__(*arguments, **options)

    def command(self):
        enter = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        return enter + super().command()

    @property
    def api(self):
        return NetApi(self.port, self.namespace) if self.namespace else Api(self.port)

    @property
    def cluster(self):
        return self.api.get("/api/v2/status").json["cluster"]

    @property
    def members(self):
        """How many members it lists, itself too."""
        return len(self.cluster["peers"])

    @property
    def digest(self):
        """Its records' fingerprint and number."""
        flock = self.cluster["flock"]
        return flock["digest"], flock["records"]

    @property
    def drops(self):
        return self.cluster["flock"]["drops"]

    def silences(self):
        """State by id of each silence."""
        return {silence["id"]: silence["status"]["state"] for silence in self.api.get("/api/v2/silences").json}

    def silence(self, comment="works", hours=2):
        """Make a silence; answers its id."""
        now = datetime.datetime.now(datetime.timezone.utc)
        matcher = {"name": "instance", "value": comment, "isRegex": False, "isEqual": True}
        silence = {
            "matchers": [matcher],
            "startsAt": now.isoformat(),
            "endsAt": (now + datetime.timedelta(hours=hours)).isoformat(),
            "createdBy": "the night shift",
            "comment": comment,
        }
        answer = self.api.post("/api/v2/silences", silence)
        assert answer.status == 200, answer.text
        return answer.json["silenceID"]

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


class Flock:
    """Agents that are to find together; `net` is the network they are in, or None for the loopback."""

    def __init__(self, binary, directory, count, net=None, sealed=True, static=True, multicast=False, flags=(), config=CONFIG):
        self.net = net
        directory.mkdir(parents=True, exist_ok=True)
        self.key_file = directory / "flock.key"
        if sealed:
            new_key(binary, self.key_file)
        ports = [PORT if net else free_port() for _ in range(count)]
        hosts = [net.address(number) if net else "127.0.0.1" for number in range(1, count + 1)]
        places = [f"{host}:{port}" for host, port in zip(hosts, ports)]
        self.nodes = []
        for at in range(count):
            own = [f"--cluster.listen-address={f'0.0.0.0:{PORT}' if net else places[at]}", f"--cluster.peer-name=node-{at + 1}"]
            own += [f"--cluster.key-file={self.key_file}"] if sealed else []
            own += ["--cluster.multicast"] if multicast else []
            # The first is known to all, as in Alertmanager's tutorials.
            own += [f"--cluster.peer={places[0]}"] if static and at else []
            namespace = net.namespaces[at] if net else None
            self.nodes.append(Node(binary, directory / f"node-{at + 1}", config, *own, *flags, namespace=namespace))
        self.places = places

    def start(self):
        """Start all at once; answers after how many seconds each listed all."""
        began = time.monotonic()
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.await_ready()
        self.wait(lambda node: node.members == len(self.nodes), 30, "lists all members")
        return time.monotonic() - began

    def wait(self, is_so, seconds, what, nodes=None):
        """Wait until something is so on each node; answers after how many seconds it was."""
        began = time.monotonic()
        waiting = list(self.nodes if nodes is None else nodes)
        while waiting:
            waiting = [node for node in waiting if not is_so(node)]
            took = time.monotonic() - began
            names = ", ".join(node.directory.name for node in waiting)
            assert not waiting or took < seconds, f"after {seconds} s none of {names} {what}"
            if waiting:
                time.sleep(0.01)
        return took

    def agree(self, seconds):
        """Wait until all have the same records; answers after how many seconds they had."""
        try:
            return self.wait(lambda node: node.digest == self.nodes[0].digest, seconds, "has the records of node-1")
        except AssertionError as error:
            raise AssertionError(f"{error}: {[node.digest for node in self.nodes]}") from error

    def stop(self):
        for node in self.nodes:
            node.stop()


def new_key(binary, file):
    """Let the binary make a key."""
    file.write_bytes(subprocess.run([binary, "key", "new"], capture_output=True, check=True).stdout)
    file.chmod(0o600)


def percentile(values, percent):
    """The value that so many of a hundred do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def alerts(count, start=0, prefix="gateway", hours=None):
    """Alerts, each of a group of its own unless they share a name; they last so long, or while they are posted again."""
    ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours or 0)
    return [
        {
            "labels": {"alertname": f"Alert{number % 100}", "instance": f"{prefix}-{number}", "job": "node"},
            "annotations": {"summary": f"Filesystem of {prefix}-{number} is almost full"},
            **({"endsAt": ends.isoformat()} if hours else {}),
        }
        for number in range(start, start + count)
    ]


def post_alerts(node, count, batch=250, **kind):
    """Post so many different alerts to a node."""
    for start in range(0, count, batch):
        answer = node.api.post("/api/v2/alerts", alerts(min(batch, count - start), start, **kind))
        assert answer.status == 200, answer.text


def recorded(node):
    """How many alerts a node has."""
    return len(json.loads(node.api.get("/api/v2/alerts").body))
