#!/usr/bin/env python3
"""Writes cross/order.txt: the functions that an idle agent runs, in the order of their first call.

    cross/order.py [BINARY]

BINARY is one of cross/build.sh for x86_64, its symbols beside it. It runs under qemu, which tells what it translates:
first with a silence to keep, then with a TOML config and an alert to notify of, then with two receivers by https, whose functions
stand together behind those of the others. qemu knows too little of UDP for a flock: gdb tells what a member of one calls.
Run it before a release: an order that is out of date costs memory, half a MiB for one, and nothing else.
"""

import bisect
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/system"))
sys.dont_write_bytecode = True

from agent import Agent, free_port, until  # noqa: E402
from authority import Authority, server_context  # noqa: E402
from scenarios import https  # noqa: E402
from sink import Sink  # noqa: E402

HASH = re.compile(r"\[[0-9a-f]*\]")
# What ring and crc32fast choose on a processor of today, which qemu's is not.
NEWER = re.compile("vaes|clmul")
SETTLE_SECONDS = 5  # until what is done now and then is due
FLOCK_SECONDS = 20  # until each has probed, and compared what it knows with others
ALONE = "route: {receiver: nobody}\nreceivers:\n- {name: nobody}\n"
GATEWAY = """
[route]
receiver = "hook"
group_wait = "1s"
[[receivers]]
name = "hook"
webhook_configs = [{ url = "URL/" }]
"""
# The second trusts the system's authorities, of which none has signed the server's certificate: their bundle is read, no more.
HTTPS = """
route: {receiver: hook, group_by: [alertname], group_wait: 50ms}
receivers:
- name: hook
  webhook_configs:
  - {url: "%s", http_config: {tls_config: {ca_file: "%s"}}}
  - {url: "%s"}
"""
# Tells of each function when it is called first.
GDB = """
import gdb, re
for setting in "confirm off", "pagination off", "breakpoint always-inserted on":
    gdb.execute(f"set {setting}")
gdb.execute("starti", to_string=True)
base = int(re.search("AT_ENTRY.*0x([0-9a-f]+)", gdb.execute("info auxv", to_string=True)).group(1), 16) - ENTRY
for at in FUNCTIONS:
    gdb.Breakpoint(f"*{base + at}", internal=True, temporary=True)
with open(LOG, "w", buffering=1) as log:
    while True:
        gdb.execute("continue", to_string=True)
        print(gdb.newest_frame().pc() - base, file=log)
"""
SILENCE = {
    "matchers": [{"name": "a", "value": "b", "isRegex": False}], "startsAt": "2024-01-01T00:00:00Z",
    "endsAt": "2099-01-01T00:00:00Z", "createdBy": "me", "comment": "none",
}  # fmt: skip


def functions(binary):
    """The names of the functions at each address, without the compiler's hashes."""
    listed = subprocess.run(["nm", f"{binary}.debug"], capture_output=True, text=True, check=True).stdout
    plain = HASH.sub("", subprocess.run(["c++filt"], input=listed, capture_output=True, text=True, check=True).stdout)
    found = {}
    for line in plain.splitlines():
        address, kind, name = line[:16], line[17], line[19:]
        if kind in "tTwW" and address.strip():
            found.setdefault(int(address, 16), []).append(name)
    return found


def code_start(binary):
    """Where the file says that its code begins."""
    segments = subprocess.run(["readelf", "-lW", binary], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"LOAD +\S+ 0x(\w+) .* R E ", segments).group(1), 16)


def ran(log, start, found):
    """The names of the functions that qemu's log tells of, in its order."""
    text = log.read_text()
    base = int(re.search(r"^start_code +0x([0-9a-f]+)", text, re.M).group(1), 16) - start
    addresses = sorted(found)
    for line in re.findall(r"^0x([0-9a-f]+):", text, re.M):
        at = bisect.bisect_right(addresses, int(line, 16) - base) - 1
        if at >= 0:
            yield from found[addresses[at]]


def work(binary, directory):
    """Lets agents do what an idle one does; answers qemu's logs."""
    logs = [directory / name for name in ("alone", "gateway", "https")]
    # ring and the standard library choose by what the processor can do.
    emulated = [("qemu-x86_64-static", "-cpu", "max", "-d", "in_asm,page", "-D", str(log)) for log in logs]
    agent = Agent(binary, directory / "a", ALONE, prefix=emulated[0]).start()
    assert agent.api.post("/api/v2/silences", SILENCE).status == 200
    agent.stop()

    sink = Sink()
    agent = Agent(binary, directory / "b", "", prefix=emulated[1])
    agent.config_file = agent.config_file.with_suffix(".toml")
    agent.write_config(GATEWAY.replace("URL", sink.url))
    agent.start()
    agent.api.post_alerts({"labels": {"alertname": "A"}})
    sink.wait("/", 1, 60)
    agent.stop()

    authority = Authority(directory / "authority")
    server = https.Server(server_context(authority.issue("server")))
    config = HTTPS % (server.url, authority.certificate, server.url)
    agent = Agent(binary, directory / "c", config, prefix=emulated[2]).start()
    time.sleep(SETTLE_SECONDS)
    agent.api.post_alerts({"labels": {"alertname": "A", "device": "a"}, "annotations": {"summary": "none"}})
    until("the notification by https", lambda: server.requests and "nobody we trust" in agent.log())
    time.sleep(SETTLE_SECONDS)
    agent.stop()
    return logs


def in_a_flock(binary, directory, found):
    """Lets agents meet, one of them under gdb; answers the names of those functions found that it calls."""
    header = subprocess.run(["readelf", "-hW", binary], capture_output=True, text=True, check=True).stdout
    entry = int(re.search(r"Entry point address: +0x(\w+)", header).group(1), 16)
    log, script = directory / "calls", directory / "calls.py"
    script.write_text(f"ENTRY, FUNCTIONS, LOG = {entry}, {sorted(found)}, {str(log)!r}\n{GDB}")
    ports = [free_port() for _ in range(3)]
    agents = []
    for port in ports:
        peers = [f"--cluster.peer=127.0.0.1:{other}" for other in ports if other != port]
        prefix = () if agents else ("gdb", "-q", "-batch", "-x", str(script), "--args")
        agents.append(Agent(binary, directory / str(port), ALONE, f"--cluster.listen-address=127.0.0.1:{port}", *peers, prefix=prefix))
        agents[-1].start()
    assert agents[1].api.post("/api/v2/silences", SILENCE).status == 200
    until("the flock has met", lambda: len(agents[0].api.get("/api/v2/status").json["cluster"].get("peers", [])) == len(ports))
    time.sleep(FLOCK_SECONDS)
    called = log.read_text().split()
    for agent in agents:
        agent.stop()
    return [name for at in called for name in found[int(at)]]


def main():
    binary = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/cross/bellwether-x86_64-unknown-linux-musl").resolve()
    found = functions(binary)
    with tempfile.TemporaryDirectory(prefix="bellwether-order-") as directory:
        order = dict.fromkeys(name for log in work(str(binary), Path(directory)) for name in ran(log, code_start(binary), found))
        order.update(dict.fromkeys(name for names in found.values() for name in names if NEWER.search(name)))
        rest = {at: names for at, names in found.items() if not order.keys() & set(names)}
        order.update(dict.fromkeys(in_a_flock(str(binary), Path(directory), rest)))
    (ROOT / "cross/order.txt").write_text("".join(f"{name}\n" for name in order))
    print(f"{len(order)} of {sum(map(len, found.values()))} functions")


if __name__ == "__main__":
    main()
