"""Turns: one notification from many nodes, and none missing. Five nodes with a site network that can be parted and an
uplink to the receivers that can be cut for each by itself; tests/sim/scenarios/turns.rs has the same under virtual time.

What is counted decides; how long a take-over took is printed (tests/bench/turns measures it beside Alertmanager's). Clocks
that are apart are the simulator's alone: the kernel has one wall clock for all namespaces, and the agent asks it without
libc, where faketime would lie to it.
"""

import statistics
import sys
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

import netns
from agent import until
from flock import Flock
from pulse import Pulse
from world import Busy

ALONE = {"turns/thousand"}  # it keeps both processors busy

GROUP_WAIT = 2.0
CONFIG = """
route: {receiver: hook, group_by: [instance], group_wait: 2s, group_interval: INTERVAL, repeat_interval: 1h}
receivers:
- {name: hook, webhook_configs: [{url: "URL/"}]}
"""
STALL_SECONDS = 1.0  # for which a node may stand still before another takes its turn, with a margin
LATE = 0.4  # seconds after which a notification was not its first member's


def cases(_settings):
    if netns.missing():
        print(f"turns: no networks are made, that needs {netns.missing()}", file=sys.stderr)
        return
    yield "turns/failing", failing
    yield "turns/slow", slow
    yield "turns/restarts", restarts
    yield "turns/answered", answered
    yield "turns/parted", parted
    yield "turns/singles", singles
    yield "turns/vanishing", lambda world: one_reaches(world, netns.Net.swallow)
    yield "turns/refused", lambda world: one_reaches(world, netns.Net.refuse)
    yield "turns/queued", queued
    yield "turns/waiting", waiting
    yield "turns/sending", sending
    yield "turns/thousand", thousand


class Site:
    """A flock of five, the network it is in, and the receiver of its notifications."""

    def __init__(self, world, interval):
        self.net = netns.Net(5, uplink=True)
        world.at_end(self.net.close)
        self.sink = world.sink(self.net.receivers, self.net.hub)
        config = self.configured(world, interval)
        self.flock = Flock(world.settings.subject, world.directory, 5, self.net, config=config)
        world.at_end(self.flock.stop)
        self.nodes = self.flock.nodes
        self.flock.start()
        self.flock.wait(lambda node: node.cluster["status"] == "ready", 60, "is ready")
        self.pulse = Pulse()
        world.at_end(self.pulse.close)

    def configured(self, _world, interval):
        """The config of each member."""
        return CONFIG.replace("INTERVAL", f"{interval}s").replace("URL", self.sink.url)

    def post(self, prefix, count, nodes=None):
        """Post so many groups of one alert to each of these nodes; answers when they are due."""
        began = time.time()
        for start in range(0, count, 100):
            some = [firing(f"{prefix}-{number}") for number in range(start, min(start + 100, count))]
            for node in self.nodes if nodes is None else nodes:
                node.api.post_alerts(*some)
        return began + GROUP_WAIT

    def told(self, prefix):
        """The deliveries of the groups of this prefix, in the order of arrival: group and request."""
        return [
            (request.payload["groupLabels"]["instance"], request)
            for request in self.sink.requests
            if request.delivered and request.payload["groupLabels"]["instance"].startswith(f"{prefix}-")
        ]

    def wait(self, prefix, count, seconds):
        """Wait until so many groups of this prefix were told of."""
        deadline = time.monotonic() + seconds
        while len({group for group, _ in self.told(prefix)}) < count and time.monotonic() < deadline:
            time.sleep(0.1)

    def once_each(self, prefix, count):
        """Insist that each group of this prefix was told of once and no more; answers when each was."""
        told = self.told(prefix)
        counts = Counter(group for group, _ in told)
        assert len(counts) == count, f"{prefix}: {len(counts)} of {count} told of"
        self.allow_twice((), counts)
        return [request.at for _, request in told]

    def allow_twice(self, groups, counts):
        """Insist that no others were told of more than once, unless nodes stood still: when in doubt they notify."""
        twice = {group: times for group, times in counts.items() if times > 1}
        if twice.keys() <= set(groups):
            return
        failure = f"told of more than once: {twice}"
        if self.pulse.latest > STALL_SECONDS:
            raise Busy(f"this machine stood still for {self.pulse.latest:.1f} s: {failure}")
        raise AssertionError(failure)

    def settle(self, count):
        """Wait until all was told of `count` times, and longer, for more would be too much."""
        until(f"{count} notifications came", lambda: len(self.told("a")) >= count)
        time.sleep(6)

    def spread(self, prefix):
        """How many notifications each node has sent."""
        counts = Counter(request.sender for _, request in self.told(prefix))
        return [counts[f"10.78.0.{number}"] for number in range(1, 6)]


def firing(instance):
    """An alert that fires for an hour."""
    end = datetime.now(timezone.utc) + timedelta(hours=1)
    return {"labels": {"alertname": "Down", "instance": instance}, "endsAt": end.isoformat()}


def timing(times, due):
    """Median and latest of what came after it was due."""
    late = [at - due for at in times]
    return f"{statistics.median(late):.2f} s, at most {max(late):.2f} s"


def taken_over(times, due):
    """The same of those that another than the first member told."""
    late = [at for at in times if at - due > LATE]
    return f"{len(late)} taken over after {timing(late, due)}" if late else "none taken over"


def thousand(world):
    """1,000 groups that all were told of, then 1,000 that one was, twice: each is notified once, by all nodes alike."""
    site = Site(world, 15)
    lines = []
    rounds = {"all": None, "one": site.nodes[3:4], "all again": None, "one again": site.nodes[3:4]}
    for prefix, nodes in rounds.items():
        due = site.post(prefix, 1000, nodes)
        site.wait(prefix, 1000, 60)
        lines.append(f"posted to {prefix}: {timing(site.once_each(prefix, 1000), due)}, by node {site.spread(prefix)}")
    # Two flushes more of each.
    time.sleep(32)
    for prefix in rounds:
        site.once_each(prefix, 1000)
    sent = [sum(counts) for counts in zip(*(site.spread(prefix) for prefix in rounds))]
    assert all(abs(count - 800) <= 160 for count in sent), f"not within 20 % of even: {sent}"
    return "; ".join(lines)


def waiting(world):
    """A node dies within group_wait: others notify of all that it would have."""
    site = Site(world, 15)
    due = site.post("a", 100)
    time.sleep(max(0, due - 1.5 - time.time()))
    site.nodes[0].kill()
    if time.time() > due - 0.3:
        raise Busy("the alerts were posted too slowly for a kill before they are due")
    site.wait("a", 100, 60)
    times = site.once_each("a", 100)
    time.sleep(16)
    site.once_each("a", 100)
    return taken_over(times, due)


def sending(world):
    """A node dies while a slow receiver takes its notifications: only what had reached the receiver is told again."""
    site = Site(world, 15)
    site.sink.behave("/", delay=3)
    due = site.post("a", 50)
    time.sleep(max(0, due + 0.6 - time.time()))
    site.nodes[0].kill()
    site.wait("a", 50, 60)
    time.sleep(20)
    told = site.told("a")
    reached = {group for group, request in told if request.sender == "10.78.0.1"}
    counts = Counter(group for group, _ in told)
    assert len(counts) == 50, f"{len(counts)} of 50 told of"
    site.allow_twice(reached, counts)
    assert max(counts.values()) <= 2, f"told of more than twice: {counts}"
    again = [request.at for group, request in told if group in reached and request.sender != "10.78.0.1"]
    return f"{len(reached)} had reached the receiver; told again after {timing(again, due)}" if again else None


def answered(world):
    """An alert that only one node was told of, which dies as soon as it has answered: ten of ten are notified."""
    site = Site(world, 15)
    for number in range(10):
        node = site.nodes[number % 5]
        node.api.post_alerts(firing(f"a{number}-0"))
        node.kill()
        site.wait(f"a{number}", 1, 30)
        site.once_each(f"a{number}", 1)
        node.start()
        site.flock.wait(lambda node: node.members == 5 and node.cluster["status"] == "ready", 30, "lists all")
    time.sleep(16)
    for number in range(10):
        site.once_each(f"a{number}", 1)


def slow(world):
    """A receiver that takes 30 s to answer hears of each group once."""
    site = Site(world, 60)
    site.sink.behave("/", delay=30)
    site.post("a", 30)
    site.wait("a", 30, 60)
    time.sleep(65)
    site.once_each("a", 30)


def failing(world):
    """A receiver that fails for two minutes hears of each group once when it is well again."""
    site = Site(world, 30)
    site.sink.behave("/", status=503)
    site.post("a", 30)
    time.sleep(120)
    site.sink.behave("/")
    well = time.time()
    site.wait("a", 30, 60)
    times = site.once_each("a", 30)
    time.sleep(31)
    site.once_each("a", 30)
    return f"told after {timing(times, well)}"


def one_reaches(world, cut):
    """Only one node reaches the receiver: it notifies of every group, once."""
    site = Site(world, 30)
    for number in (1, 2, 4, 5):
        cut(site.net, number)
    due = site.post("a", 30)
    site.wait("a", 30, 120)
    times = site.once_each("a", 30)
    assert site.spread("a") == [0, 0, 30, 0, 0], site.spread("a")
    explained(site)
    due_again = site.post("b", 30)
    site.wait("b", 30, 120)
    again = site.once_each("b", 30)
    time.sleep(35)
    site.once_each("a", 30)
    site.once_each("b", 30)
    return f"told after {timing(times, due)}; 30 more after {timing(again, due_again)}"


def queued(world):
    """One node's way to the receiver vanishes, and it has more groups to tell than attempts run: all are handed over at once."""
    site = Site(world, 30)
    site.net.swallow(1)
    due = site.post("a", 150)
    site.wait("a", 150, 60)
    times = site.once_each("a", 150)
    entries = site.nodes[0].api.get("/bellwether/v1/history").json
    given_up = [entry["why"] for entry in entries if entry["outcome"] == "surrendered"]
    tried = sum("connecting to" in why for why in given_up)
    late = [at for at in times if at - due > LATE]
    assert site.spread("a")[0] == 0 and len(given_up) > tried > 0, (site.spread("a"), given_up)
    # An attempt takes four seconds to fail: nobody has waited for a second batch of them.
    assert len(late) > tried and max(late) - due < 8, taken_over(times, due)
    time.sleep(32)
    site.once_each("a", 150)
    return f"{tried} tried, {taken_over(times, due)}"


def explained(site):
    """Insist that the nodes' histories say who notified, who gave up and whose turn was taken."""
    teller, other = site.nodes[2], site.nodes[0]


    def entries(node, outcome):
        return [entry for entry in node.api.get("/bellwether/v1/history").json if entry["outcome"] == outcome]

    def told():
        return {entry["groupLabels"]["instance"] for entry in entries(other, "told") if entry["node"] == "node-3"}

    until("node 1 has heard that node 3 told of all", lambda: len(told()) == 30)
    until("node 3 has heard the receiver's answers", lambda: len(entries(teller, "sent")) == 30)
    assert any("connecting to 10.78.0.254" in entry["why"] for entry in entries(other, "surrendered"))
    assert entries(teller, "took over")
    command = ["ip", "netns", "exec", teller.namespace, teller.binary, "history", f"--url=http://127.0.0.1:{teller.port}"]
    lines = netns.run(*command).splitlines()
    assert len(lines) == 1 + len(teller.api.get("/bellwether/v1/history").json) and lines[0].split() == ["AT", "GROUP", "RECEIVER", "OUTCOME"], lines


def parted(world):
    """A flock in two halves notifies once a side, and never again when it is one."""
    site = Site(world, 15)
    site.net.join(False)
    site.post("a", 30)
    site.settle(60)
    for side in ((1, 3, 5), (2, 4)):
        counts = Counter(group for group, request in site.told("a") if int(request.sender.split(".")[3]) in side)
        assert len(counts) == 30 and max(counts.values()) == 1, f"side {side}: {counts}"
    site.net.join(True)
    heal(site, 60)


def singles(world):
    """Five nodes that hear nobody notify once each, and never again when they hear each other."""
    site = Site(world, 15)
    for number in range(1, 6):
        site.net.plug(number, False)
    site.post("a", 30)
    site.settle(150)
    assert site.spread("a") == [30] * 5, site.spread("a")
    assert len({(group, request.sender) for group, request in site.told("a")}) == 150
    for number in range(1, 6):
        site.net.plug(number, True)
    heal(site, 150)


def heal(site, told):
    """Insist that nobody notifies of what was told of while the flock was not one."""
    site.flock.wait(lambda node: node.members == 5, 120, "lists all members")
    site.flock.agree(60)
    time.sleep(35)
    assert len(site.told("a")) == told, f"{len(site.told('a')) - told} notifications after it was one again"


def restarts(world):
    """Each node stops and starts, one after the other, while alerts come in: none is missed, none told of twice."""
    site = Site(world, 15)
    count = 0

    def load(seconds, nodes):
        nonlocal count
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            site.post(f"a{count}", 1, nodes)
            count += 1
            time.sleep(0.1)

    for node in site.nodes:
        others = [other for other in site.nodes if other is not node]
        load(2, site.nodes)
        node.process.terminate()
        load(3, others)
        node.stop()
        node.start()
        load(3, others)
        site.flock.wait(lambda node: node.members == 5, 30, "lists all members")
    load(2, site.nodes)
    time.sleep(20)
    told = Counter(request.payload["groupLabels"]["instance"] for request in site.sink.requests if request.delivered)
    assert len(told) == count, f"{len(told)} of {count} told of"
    site.allow_twice((), told)
    return f"{count} groups"
