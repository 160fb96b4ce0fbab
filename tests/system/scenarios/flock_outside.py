"""Attacks on the flock from outside, each with a real recorder and replayer between network namespaces; and a stolen gateway."""

import contextlib
import random
import signal
import socket
import struct
import sys
import threading
import time
import zlib

import netns
from agent import until
from flock import CONFIG, PORT, Flock, new_key, recorded
from scenarios.flock import configure, take, tap

ALONE = True  # it measures time
FLOOR = 12  # seconds: a static peer is tried each 10 s
MASK = (1 << 64) - 1
FLOOD = 200  # datagrams each 20 ms


def cases(_settings):
    yield "flock/stolen", stolen
    yield "flock/forged_log", forged_log
    if netns.missing():
        print(f"flock_outside: no networks are made, that needs {netns.missing()}", file=sys.stderr)
        return
    yield "flock/labels", labels
    yield "flock/reflected", reflected
    yield "flock/duplicate_replayed", duplicate_replayed
    yield "flock/restart_replayed", restart_replayed
    yield "flock/amplified", amplified
    yield "flock/reported", reported
    yield "flock/floors", floors
    yield "flock/flooded_start", flooded_start
    yield "flock/flooded_multicast", lambda world: flooded_start(world, multicast=True)


class Site:
    """A network of some namespaces with the first of them running nodes, a recorder and a replayer."""

    def __init__(self, world, count, spare, **options):
        self.net = netns.Net(count + spare)
        self.flock = Flock(world.settings.subject, world.directory, count, net=self.net, static=False, **options)
        self.taps = []

    def tap(self, number):
        """A recorder of, and player to, the card of namespace `number`."""
        self.taps.append(tap(self.net.namespaces[number - 1]))
        self.taps[-1].settimeout(0.2)
        return self.taps[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.flock.stop()
        for one in self.taps:
            one.close()
        self.net.close()


def start(node, *flags):
    """Start a node with more flags."""
    node.flags += flags
    node.start()


def swapped(frame):
    """The frame as if it came back: sender and receiver changed, to every card. The checksum of the header stays right."""
    return b"\xff" * 6 + frame[6:26] + frame[30:34] + frame[26:30] + frame[36:38] + frame[34:36] + frame[38:]


def sourced(frame, host):
    """The frame as if it came from another host."""
    head = frame[14:24] + b"\0\0" + socket.inet_aton(host) + frame[30:34]
    total = sum(struct.unpack(">10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return frame[:14] + head[:10] + struct.pack(">H", total) + head[12:] + frame[34:]


def payload_of(frame):
    """Bytes of the datagram in a frame."""
    return struct.unpack(">H", frame[38:40])[0] - 8


def labels(world):
    """Labels whose hashes are equal, one key: neither hears the other, whatever is tried; with one label they are a flock."""
    with Site(world, 3, 0) as site:
        one, other, third = site.flock.nodes
        places = site.flock.places
        start(one, "--cluster.label=site-87", f"--cluster.peer={places[1]}", f"--cluster.peer={places[2]}")
        start(other, "--cluster.label=site-150", f"--cluster.peer={places[0]}")
        start(third, "--cluster.label=site-87")
        until("those of one label have met", lambda: one.members == 2 and third.members == 2)
        made = one.silence("of site-87")
        site.flock.wait(lambda node: made in node.silences(), 30, "has the silence", [third])
        until("the other label is counted", lambda: one.drops["wrong_key"] > 0 and other.drops["wrong_key"] > 0)
        time.sleep(5)
        assert other.silences() == {} and other.members == 1 and one.members == 2, other.cluster


def reflected(world):
    """Hellos to a peer that is away, played back as if they came from it, keep it out no longer than one try."""
    with Site(world, 2, 1) as site:
        node, peer = site.flock.nodes
        tape, player = site.tap(2), site.tap(3)
        start(node, f"--cluster.peer={site.flock.places[1]}")
        time.sleep(3)
        hellos = list(take(tape))
        assert len(hellos) >= 3, f"{len(hellos)} frames on tape"
        for hello in hellos:
            for frame in (swapped(hello), sourced(swapped(hello), "10.77.0.1")):
                player.send(frame)
        time.sleep(0.5)
        # It does not know where the other one is.
        peer.start()
        took = site.flock.wait(lambda it: it.members == 2, 30, "has met the other")
        assert took < FLOOR, f"met after {took:.1f} s"
        return f"met after {took:.1f} s"


def duplicate_replayed(world):
    """A node's own hellos of before its restart, played back, are no other node with its id; nor do they keep a member out."""
    with Site(world, 2, 1) as site:
        node, peer = site.flock.nodes
        tape, player = site.tap(2), site.tap(3)
        start(node, f"--cluster.peer={site.flock.places[1]}")
        time.sleep(2)
        hellos = list(take(tape))
        node.stop()
        node.start()
        for hello in hellos:
            player.send(swapped(hello))
        time.sleep(1)
        assert node.cluster["flock"]["duplicate"] is None, node.cluster
        assert "has our id" not in node.log()
        peer.start()
        site.flock.wait(lambda it: it.members == 2, FLOOR, "has met the other")


def restart_replayed(world):
    """All that one member has said to another before that one's restart, played back after it, is refused."""
    with Site(world, 2, 1) as site:
        first, second = site.flock.nodes
        tape, player = site.tap(1), site.tap(3)
        start(first, f"--cluster.peer={site.flock.places[1]}")
        start(second, f"--cluster.peer={site.flock.places[0]}")
        site.flock.wait(lambda node: node.members == 2, 30, "has met the other")
        for number in range(5):
            second.silence(f"number {number}")
        time.sleep(1)
        first.kill()
        ways = [socket.inet_aton(site.net.address(number)) for number in (2, 1)]
        frames = [frame for frame in take(tape) if [frame[26:30], frame[30:34]] == ways]
        assert len(frames) > 5, f"{len(frames)} frames on tape"
        first.start()
        site.flock.wait(lambda node: node.members == 2, 30, "has met the other again")
        time.sleep(1)
        before = first.drops["replay"]
        for frame in frames:
            player.send(frame)
            time.sleep(0.005)
        time.sleep(0.5)
        refused = first.drops["replay"] - before
        assert refused == len(frames), f"of {len(frames)} that were played back {refused} were refused"
        return f"{refused} of {len(frames)} refused"


def label_hash(label):
    """The hash of a label as datagrams have it."""
    mixed = 0xCBF29CE484222325
    for byte in label:
        mixed = (mixed ^ byte) * 0x100000001B3 & MASK
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & MASK
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & MASK
    return (mixed ^ mixed >> 31) >> 48


def unsealed(boot, message, counter=1):
    """A datagram in clear of a flock without a label."""
    datagram = struct.pack(">BHHQ", 1, 0, label_hash(b""), boot) + counter.to_bytes(6, "big") + message
    return datagram + zlib.crc32(datagram).to_bytes(4, "big")


def amplified(world):
    """Without a key, and with made-up senders: an address that has not answered is sent no more bytes than came from it."""
    with Site(world, 2, 2, sealed=False) as site:
        first, second = site.flock.nodes
        tape, player, victim = site.tap(2), site.tap(3), site.tap(4)
        start(first)
        start(second, f"--cluster.peer={site.flock.places[0]}")
        site.flock.wait(lambda node: node.members == 2, 30, "has met the other")
        for number in range(10):
            first.silence(f"number {number}")
        time.sleep(2)
        with netns.inside(site.net.namespaces[2]):
            stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # Of unknown boots: a goodbye, a digest, a question for members, an empty list of news.
        kinds = ["820a80", "820381851903e8f509018182182a821a0001000007", "820982f580", "8202828001"]
        sent, back, least = 0, 0, None
        stranger.settimeout(0.05)
        for number in range(100):
            datagram = unsealed(1000 + number, bytes.fromhex(kinds[number % len(kinds)]))
            least = min(least or len(datagram), len(datagram))
            sent += stranger.sendto(datagram, (site.net.address(1), PORT))
            try:
                while True:
                    back += len(stranger.recv(2048))
                    assert back <= sent, f"{sent} bytes brought {back} back"
            except TimeoutError:
                pass
        assert least == 26 and back > 0, (least, back)
        stranger.close()
        # The second member's own datagrams, as if a third party had sent them, to the first one after a restart: it has heard none
        # of them, and the second one is silent.
        host = site.net.address(4)
        second.signal(signal.SIGSTOP)
        first.kill()
        first.start()
        frames = [frame for frame in take(tape) if frame[30:34] == socket.inet_aton(site.net.address(1))]
        assert len(frames) > 10, len(frames)
        list(take(victim))
        told = 0
        for frame in frames:
            player.send(sourced(frame, host))
            told += payload_of(frame)
            time.sleep(0.02)
        time.sleep(1)
        came = sum(payload_of(frame) for frame in take(victim) if frame[30:34] == socket.inet_aton(host))
        second.signal(signal.SIGCONT)
        assert 0 < came <= told, f"{told} bytes brought {came} to a third party"
        site.flock.wait(lambda node: node.members == 2, 60, "has met the other again")
        return f"{sent} bytes brought {back} back, {told} brought {came} to a third party"


def report(host, ports):
    """The message that says that a member was heard at each of these ports."""
    addresses = [b"\x83\x07\x44" + socket.inet_aton(host) + b"\x19" + struct.pack(">H", port) for port in ports]
    return b"\x82\x09\x82\xf4\x98" + bytes([len(addresses)]) + b"".join(addresses)


def reported(world):
    """Without a key: a third party is sent no more bytes than the datagrams had that reported it as a member."""
    with Site(world, 2, 2, sealed=False) as site:
        first, second = site.flock.nodes
        tape, victim = site.tap(1), site.tap(4)
        start(first)
        start(second, f"--cluster.peer={site.flock.places[0]}")
        site.flock.wait(lambda node: node.members == 2, 30, "has met the other")
        source, host = socket.inet_aton(site.net.address(2)), site.net.address(4)
        boot = next(frame[47:55] for frame in take(tape) if frame[26:30] == source)
        # From where the second one was, in its name.
        second.kill()
        with netns.inside(site.net.namespaces[1]):
            liar = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        liar.bind((site.net.address(2), PORT))
        told = 0
        for number in range(40):
            ports = range(1000, 1060) if number % 2 else [number]
            datagram = unsealed(int.from_bytes(boot, "big"), report(host, ports), (1 << 40) + number)
            told += liar.sendto(datagram, (site.net.address(1), PORT))
            time.sleep(0.05)
        liar.close()
        time.sleep(10)
        came = sum(payload_of(frame) for frame in take(victim) if frame[30:34] == socket.inet_aton(host))
        assert 0 < came <= told, f"{told} bytes of reports brought {came} to a third party"
        return f"{told} bytes of reports brought {came} to a third party"


def floors(world):
    """Every interval is set to nothing: a peer that is away costs a few datagrams a second, and so does one that is there."""
    zero = [f"--{name}=0s" for name in ("cluster.reconnect-interval", "cluster.reconnect-timeout", "cluster.probe-interval", "cluster.probe-timeout", "cluster.peers-resolve-timeout", "cluster.settle-timeout", "cluster.gossip-interval", "cluster.pushpull-interval", "alerts.gc-interval", "storage.interval")]
    with Site(world, 2, 1) as site:
        for node in site.flock.nodes:
            start(node, *zero, "--storage.durability=interval", *(f"--cluster.peer={host}:{PORT}" for host in (site.net.address(1), site.net.address(2), site.net.address(3), "nobody.invalid")))
        site.flock.wait(lambda node: node.members == 2, 30, "has met the other")
        time.sleep(5)
        count = lambda: sum(netns.traffic(node.process.pid)["packets"] for node in site.flock.nodes)
        ticks = lambda: sum(sum(map(int, open(f"/proc/{node.process.pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()[11:13])) for node in site.flock.nodes)
        before, used = count(), ticks()
        time.sleep(10)
        rate, busy = (count() - before) / 10 / 2, (ticks() - used) / 10 / 2
        assert rate < 30, f"{rate:.0f} packets a second"
        assert busy < 20, f"{busy:.0f} % of a processor"
        assert all(node.members == 2 for node in site.flock.nodes)
        return f"{rate:.1f} packets a second and {busy:.1f} % of a processor a node"


def flooded_start(world, multicast=False):
    """While a flood comes from made-up senders, of forged datagrams and of all that was said the day before, a member restarts: it is back soon."""
    with Site(world, 3, 2, multicast=multicast) as site:
        nodes, places = site.flock.nodes, site.flock.places
        tape, player = site.tap(4), site.tap(5)
        tape_of_first = site.tap(1)
        for node in nodes:
            start(node, *([] if multicast else [f"--cluster.peer={place}" for place in places]))
        site.flock.wait(lambda node: node.members == 3, 30, "has met the others")
        nodes[0].silence("of the day before")
        time.sleep(3)
        # A multicast comes to the card of everybody, the rest is between members.
        frames = [it for it in take(tape if multicast else tape_of_first) if not multicast or it[30] >= 224]
        assert len(frames) >= 2, f"{len(frames)} frames on tape"
        list(take(tape))
        # Each member had another life then.
        for node in nodes:
            node.kill()
        for node in nodes[:2]:
            node.start()
        site.flock.wait(lambda node: node.members == 2, 30, "has met the other", nodes[:2])
        with flood(player, [site.net.address(number) for number in (1, 2, 3)], frames, multicast) as sent:
            time.sleep(2)
            assert all(sum(node.drops.values()) > 500 for node in nodes[:2]), [node.drops for node in nodes[:2]]
            began, before = time.monotonic(), sum(sent)
            nodes[2].start()
            site.flock.wait(lambda node: node.members == 3, 30, "has met all in the flood")
            took = time.monotonic() - began
            assert sum(sent) > before, "the flood has ended too early"
            made = nodes[2].silence("in the flood")
            site.flock.wait(lambda node: made in node.silences(), 30, "has the silence")
        assert sum(sent) > 1000, f"{sum(sent)} datagrams"
        assert took < FLOOR, f"met after {took:.1f} s"
        return f"met after {took:.1f} s, {sum(sent)} datagrams"


@contextlib.contextmanager
def flood(player, hosts, frames, multicast):
    """Sends, until it is left, each frame of a recording from a made-up sender, whole and with other bytes behind its header."""
    ended, sent = threading.Event(), []

    def play():
        rng = random.Random(7)
        while not ended.is_set():
            began = time.monotonic()
            for _ in range(FLOOD):
                frame = rng.choice(frames)
                if not multicast:
                    frame = b"\xff" * 6 + frame[6:30] + socket.inet_aton(rng.choice(hosts)) + frame[34:]
                if rng.random() < 0.8:  # a header that is right, of a life that nobody had
                    frame = frame[:47] + rng.randbytes(len(frame) - 47)
                player.send(sourced(frame, f"10.77.{rng.randrange(1, 250)}.{rng.randrange(1, 250)}"))
            sent.append(FLOOD)
            time.sleep(max(0, 0.02 - (time.monotonic() - began)))

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield sent
    finally:
        ended.set()
        thread.join()


def stolen(world):
    """A thief with the key silences an alert and makes one up; once the others have another key, nothing that it says is heard."""
    flock = Flock(world.settings.subject, world.directory, 4, config=CONFIG)
    try:
        for node in flock.nodes:
            node.flags = tuple(flag for flag in node.flags if "key-file" not in flag)
            configure(node, flock.key_file)
        flock.start()
        thief, others = flock.nodes[3], flock.nodes[:3]
        bad = thief.silence("by the thief")
        flock.wait(lambda node: bad in node.silences(), 30, "has the silence of the thief", others)
        made_up = {"labels": {"alertname": "MadeUp"}}
        thief.api.post_alerts({**made_up, "endsAt": "2099-01-01T00:00:00Z"})
        fires = lambda node: "MadeUp" in {it["labels"]["alertname"] for it in node.api.alerts()}  # noqa: E731
        flock.wait(fires, 30, "has the alert of the thief", others)
        new = world.directory / "new.key"
        new_key(world.settings.subject, new)
        for node in others:
            configure(node, new)
            node.reload()
        flock.wait(lambda node: sum(peer["status"] == "alive" if "status" in peer else 1 for peer in node.cluster["peers"]) >= 3, 60, "has met the others again", others)
        others[0].api.delete(f"/api/v2/silence/{bad}")
        flock.wait(lambda node: node.silences()[bad] == "expired", 30, "has expired the silence", others)
        # By its labels, at any of the others.
        others[0].api.post_alerts({**made_up, "endsAt": "2024-01-01T00:00:00Z"})
        flock.wait(lambda node: not fires(node), 30, "has resolved the alert", others)
        again = thief.silence("by the thief again")
        good = others[1].silence("by us")
        flock.wait(lambda node: good in node.silences(), 30, "has our silence", others)
        until("the old key is counted", lambda: all(node.drops["wrong_key"] > 0 for node in others))
        time.sleep(5)
        assert all(again not in node.silences() for node in others)
        assert all(node.silences()[bad] == "expired" for node in others)
        assert good not in thief.silences(), "the thief hears us still"
    finally:
        flock.stop()


def forged_log(world):
    """A thief's entries in the notification log keep a group from being told; a new key and new names of receivers have it told at once."""
    sink = world.sink()
    rules = """
route: {{receiver: {name}, group_by: [alertname], group_wait: {wait}, group_interval: 1s, repeat_interval: 4h}}
receivers: [{{name: {name}, webhook_configs: [{{url: '{url}'}}]}}]
cluster: {{key_files: ['{key}']}}
"""
    flock = Flock(world.settings.subject, world.directory, 3)
    try:
        for node in flock.nodes:
            node.flags = tuple(flag for flag in node.flags if "key-file" not in flag)
        thief, others = flock.nodes[2], flock.nodes[:2]
        team = {"name": "team", "url": f"{sink.url}/team", "key": flock.key_file}
        for node in others:
            node.write_config(rules.format(wait="5s", **team))
        thief.write_config(rules.format(wait="0s", **{**team, "url": f"{sink.url}/thief"}))
        thief.launch()
        thief.await_ready()
        thief.api.post_alerts({"labels": {"alertname": "Door"}, "endsAt": "2099-01-01T00:00:00Z"})
        sink.wait("/thief", 1, 30)
        for node in others:
            node.launch()
            node.await_ready()
        flock.wait(lambda node: recorded(node) == 1, 30, "has the alert", others)
        time.sleep(10)
        assert not sink.payloads("/team"), "the entry did not hold"
        new = world.directory / "new.key"
        new_key(world.settings.subject, new)
        for node in others:
            node.write_config(rules.format(wait="5s", name="crew", url=f"{sink.url}/team", key=new))
            node.reload()
        sink.wait("/team", 1, 30)
        time.sleep(5)
        assert len(sink.payloads("/team")) == 1, sink.payloads("/team")
    finally:
        flock.stop()
