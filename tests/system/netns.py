"""Networks to break: each node in a network namespace of its own, all on two bridges that a trunk joins.

    node 1 (10.77.0.1)  node 3 ...        node 2 (10.77.0.2)  node 4 ...
          \\            /                        \\            /
           bridge west  --------- trunk ---------  bridge east

With an uplink each node has a second card (10.78.0.1 ...) on a bridge of its own, where the receivers are (10.78.0.254):
what parts the site leaves it whole. Needs root, `ip` and, for loss and filters, `nft`. Everything carries this process's id in its name and is gone at close.
"""

import contextlib
import ctypes
import itertools
import os
import shutil
import subprocess

from command import run

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


def missing():
    """What is missing here to make networks, or None."""
    if os.geteuid() != 0:
        return "root"
    programs = [program for program in ("ip", "nft") if not shutil.which(program)]
    return " and ".join(programs) or None


@contextlib.contextmanager
def inside(namespace):
    """Within, what this thread opens is in the namespace, and stays there."""
    with open("/proc/self/ns/net", "rb") as home, open(f"/run/netns/{namespace}", "rb") as there:
        assert _libc.setns(there.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        try:
            yield
        finally:
            assert _libc.setns(home.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


class Net:
    """`count` namespaces on two bridges. IPv6 is off unless asked for, so that its own chatter is not counted."""

    receivers = "10.78.0.254"

    def __init__(self, count, ipv6=False, uplink=False):
        self.prefix = f"bw{os.getpid()}-{next(_numbers)}"
        self.hub = f"{self.prefix}-hub"
        self.count = count
        self.ipv6 = ipv6
        self.has_uplink = uplink
        self.namespaces = [f"{self.prefix}-{number}" for number in range(1, count + 1)]
        try:
            self._make()
        except Exception:
            self.close()
            raise

    def address(self, number):
        """The address of node `number`, from 1."""
        return f"10.77.0.{number}"

    def _make(self):
        lines = []
        for namespace in (self.hub, *self.namespaces):
            run("ip", "netns", "add", namespace)
            if not self.ipv6:
                run("ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
                run("ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        lines += ["link add west type bridge", "link add east type bridge"]
        lines += ["link add trunk0 type veth peer name trunk1"]
        lines += ["link set trunk0 master west", "link set trunk1 master east"]
        for number, namespace in enumerate(self.namespaces, 1):
            lines += [f"link add v{number} type veth peer name eth0 netns {namespace}"]
            lines += [f"link set v{number} master {'west' if number % 2 else 'east'} up"]
        lines += [f"link set {name} up" for name in ("west", "east", "trunk0", "trunk1")]
        if self.has_uplink:
            lines += ["link add sky type bridge", f"addr add {self.receivers}/24 dev sky", "link set sky up", "link set lo up"]
            for number, namespace in enumerate(self.namespaces, 1):
                lines += [f"link add u{number} type veth peer name eth1 netns {namespace}"]
                lines += [f"link set u{number} master sky up"]
        run("ip", "-n", self.hub, "-batch", "-", input="\n".join(lines))
        for number, namespace in enumerate(self.namespaces, 1):
            lines = [f"addr add {self.address(number)}/24 dev eth0", "link set eth0 up", "link set lo up"]
            if self.has_uplink:
                lines += [f"addr add 10.78.0.{number}/24 dev eth1", "link set eth1 up"]
            run("ip", "-n", namespace, "-batch", "-", input="\n".join(lines))

    def join(self, is_whole):
        """Join or part the two halves: odd and even nodes."""
        run("ip", "-n", self.hub, "link", "set", "trunk0", "up" if is_whole else "down")

    def plug(self, number, is_in):
        """Put one node's cable in or out."""
        run("ip", "-n", self.hub, "link", "set", f"v{number}", "up" if is_in else "down")

    def refuse(self, number):
        """Let one node's connections to the receivers be refused: it has their address itself, and nobody listens."""
        run("ip", "-n", self.namespaces[number - 1], "addr", "add", f"{self.receivers}/32", "dev", "lo")

    def swallow(self, number):
        """Let what one node sends to the receivers vanish: it goes to a card that nobody has."""
        neighbour = ["neigh", "replace", self.receivers, "lladdr", "02:00:00:00:00:99", "dev", "eth1", "nud", "permanent"]
        run("ip", "-n", self.namespaces[number - 1], *neighbour)

    def rules(self, *rules):
        """Let the bridges follow these nft rules, and no others, on what they forward."""
        script = "table bridge t {}\ndelete table bridge t\nadd table bridge t\n"
        script += "add chain bridge t forward { type filter hook forward priority 0; }\n"
        script += "".join(f"add rule bridge t forward {rule}\n" for rule in rules)
        run("ip", "netns", "exec", self.hub, "nft", "-f", "-", input=script)

    def lose(self, percent):
        """Lose so many of a hundred IPv4 packets on their way into each node."""
        # The copies of a multicast are lost each by itself, as on the air.
        self.rules(*([f'oifname "v*" ip protocol udp numgen random mod 100 < {percent} drop'] if percent else []))

    def filter_multicast(self):
        """Forward no multicast, as many a switch and access point does; broadcast goes through."""
        self.rules("meta pkttype multicast drop")

    def one_way(self, from_number, to_number):
        """Let nothing but ARP pass from one node to another."""
        source, target = self.address(from_number), self.address(to_number)
        self.rules(f"ip saddr {source} ip daddr {target} drop")

    def close(self):
        for namespace in (*self.namespaces, self.hub):
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)


def traffic(pid):
    """Bytes and packets that a process's eth0 has sent and received."""
    with open(f"/proc/{pid}/net/dev", encoding="ascii") as lines:
        fields = next(line for line in lines if line.lstrip().startswith("eth0:")).split(":")[1].split()
    return {"sent": int(fields[8]), "received": int(fields[0]), "packets": int(fields[9])}
