"""Flash that fails: the agent alerts on from memory, says so everywhere, and keeps everything again once it can."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from agent import WAIT_SECONDS, until
from disk import Disk
from ledger import Ledger, Writer, by_key, seen
from world import Skip

CONFIG = """
route: {receiver: sink, group_by: [alertname], group_wait: 0s, group_interval: 500ms, repeat_interval: 1h}
receivers:
- {name: sink, webhook_configs: [{url: "SINK/sink"}]}
"""
GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "journal-1.0"
ONE_GROUP = CONFIG.replace("[alertname]", "[]")
OWN = "BellwetherJournalFailed"
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
STALL_SECONDS, ANSWER_SECONDS = 10, 50
SILENCE = {
    "matchers": [{"name": "alertname", "value": "never", "isRegex": False}],
    "startsAt": "2020-01-01T00:00:00Z",
    "endsAt": "2099-01-01T00:00:00Z",
    "createdBy": "me",
    "comment": "c",
}


def alert(name, **annotations):
    return {"labels": {"alertname": name}, "annotations": annotations, "endsAt": "2099-01-01T00:00:00Z"}


def begin(world, *flags, name="subject", config=CONFIG, **options):
    """An agent that notifies a sink at once: both."""
    sink = world.sink()
    return world.subject(config.replace("SINK", sink.url), *flags, name=name, **options), sink


def journal(agent):
    return agent.api.get("/api/v2/status").json["journal"]


def metric(agent, name):
    found = re.search(rf"^bellwether_journal_{name} (\S+)$", agent.api.get("/metrics").text, re.MULTILINE)
    assert found, f"there is no metric bellwether_journal_{name}"
    return float(found.group(1))


def said(sink, name):
    """How the alert was reported, in order: firing, resolved."""
    return [a["status"] for payload in sink.payloads("/sink") for a in payload["alerts"] if a["labels"]["alertname"] == name]


def alerts_on(agent, sink, name):
    """A post is answered and notified."""
    agent.api.post_alerts(alert(name))
    until(f"{name} is notified", lambda: said(sink, name) == ["firing"])


def says_failed(agent, sink, why):
    """Status, metrics, log and an alert of its own say that the journal fails."""
    status = until("the status says failed", lambda: (found := journal(agent))["status"] == "failed" and found)
    assert re.search(why, status["fault"]), status
    assert metric(agent, "failed") == 1
    assert re.search(f"level=(WARN|ERROR).*({why})", agent.log()), "the log does not say it"
    until("an alert of its own fires", lambda: said(sink, OWN)[-1:] == ["firing"])


def says_recovered(agent, sink):
    until("the status says ready", lambda: journal(agent)["status"] == "ready")
    assert metric(agent, "failed") == 0
    assert "everything is kept on flash again" in agent.log(), "the log does not say it"
    until("its own alert is resolved", lambda: said(sink, OWN)[-1:] == ["resolved"])


def knows(agent, *names):
    """After a cut, the agent still has these alerts, and tells nobody of them again."""
    agent.kill()
    agent.start()
    known = {found["labels"]["alertname"] for found in agent.api.alerts()}
    assert set(names) <= known, f"lost {set(names) - known}"


def settle(agent, sink, before=0):
    """Wait until what was notified is in the log, and the log on flash; `before` requests were a process's before it."""
    agent.await_outcomes(len(sink.requests) - before)
    agent.api.post_alerts(alert("behind"))


def no_space(world):
    """ENOSPC at the first commit, and again when a larger segment is wanted."""
    disk = Disk(world, "small", world.directory / "subject" / "data", megabytes=24)
    ballast = disk.fill()
    agent, sink = begin(world)
    alerts_on(agent, sink, "A")
    says_failed(agent, sink, "no room: needs .* free")
    ballast.unlink()
    says_recovered(agent, sink)
    alerts_on(agent, sink, "B")
    ballast = disk.fill()
    for number in range(24):
        agent.api.post_alerts(alert(f"large-{number}", text="x" * 40_000))
    says_failed(agent, sink, "no room: needs .* free")
    alerts_on(agent, sink, "C")
    ballast.unlink()
    says_recovered(agent, sink)
    settle(agent, sink)
    knows(agent, "A", "B", "C", *(f"large-{number}" for number in range(24)))
    time.sleep(1)
    assert [said(sink, name) for name in "ABC"] == [["firing"]] * 3, "a notification was repeated"


def read_only(world):
    """An ext4 that goes read-only after an error of its own, and is mounted anew."""
    disk = Disk(world, "errors", world.directory / "subject" / "data")
    trigger = Path("/sys/fs/ext4") / Path(disk.loop).name / "trigger_fs_error"
    if not trigger.exists():
        raise Skip("this kernel cannot break an ext4 on request")
    disk.remount("errors=remount-ro")
    agent, sink = begin(world)
    alerts_on(agent, sink, "A")
    trigger.write_text("1")
    alerts_on(agent, sink, "B")
    says_failed(agent, sink, "Read-only file system")
    disk.mend()
    says_recovered(agent, sink)
    knows(agent, "A", "B")


def io_error(world):
    """A device that fails every write: what was posted meanwhile is kept when it comes back."""
    disk = Disk(world, "broken", world.directory / "subject" / "data")
    agent, sink = begin(world)
    alerts_on(agent, sink, "A")
    disk.shrink()
    alerts_on(agent, sink, "B")
    says_failed(agent, sink, "Input/output error|Read-only file system|Structure needs cleaning")
    alerts_on(agent, sink, "C")
    disk.grow()
    disk.mend()
    says_recovered(agent, sink)
    knows(agent, "A", "B", "C")


def unwritable(world):
    """No directory for us at the start; when there is one, what it holds comes back and what is new is kept."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise Skip("needs root, to become somebody who may not write")
    world.directory.chmod(0o755)
    data = world.directory / "subject" / "data"
    data.mkdir(parents=True)
    shutil.chown(data, 65534)
    agent, sink = begin(world, prefix=NOBODY)
    silence = agent.api.post("/api/v2/silences", SILENCE).json["silenceID"]
    alerts_on(agent, sink, "A")
    agent.stop()
    data.chmod(0)
    agent.start()
    says_failed(agent, sink, "Permission denied")
    alerts_on(agent, sink, "B")
    assert agent.api.get(f"/api/v2/silence/{silence}").status == 404
    data.chmod(0o700)
    says_recovered(agent, sink)
    assert agent.api.get(f"/api/v2/silence/{silence}").status == 200, "what the directory held did not come back"
    knows(agent, "A", "B")
    assert agent.api.get(f"/api/v2/silence/{silence}").status == 200
    agent.stop()
    shutil.move(data, data.with_name("moved"))
    agent.start()
    says_failed(agent, sink, "Permission denied|No such file")
    alerts_on(agent, sink, "C")
    assert said(sink, "A") == ["firing"], "a notification was repeated"


def found_while_stopping(world):
    """What a directory holds that can be read only while the agent stops is there after the next start."""
    hanging = socket.create_server(("127.0.0.1", 0))
    agent = world.subject(CONFIG.replace("SINK", f"http://127.0.0.1:{hanging.getsockname()[1]}"))
    silence = agent.api.post("/api/v2/silences", SILENCE).json["silenceID"]
    agent.stop()
    data = world.directory / "subject" / "data"
    away = data.with_name("away")
    data.rename(away)
    data.write_text("no directory")
    logged = len(agent.log())
    agent.start()
    agent.api.post_alerts(alert("A"))
    hanging.settimeout(WAIT_SECONDS)
    attempt = hanging.accept()  # and no answer: the stop waits for it
    agent.signal(signal.SIGTERM)
    data.unlink()
    away.rename(data)
    agent.process.wait(WAIT_SECONDS)
    attempt[0].close()
    log = agent.log()[logged:]
    assert re.search("stopping[^$]*journal .*: [1-9][0-9]* records", log), f"it was not read while the agent stopped: {log}"
    agent.start()
    assert agent.api.get(f"/api/v2/silence/{silence}").status == 200, "the silence is lost"


def kept(world, agent, sink):
    """An alert that was notified and a silence, on flash; the agent is stopped. Answers the silence's id."""
    silence = agent.api.post("/api/v2/silences", SILENCE).json["silenceID"]
    alerts_on(agent, sink, "A")
    settle(agent, sink)
    agent.stop()
    return silence


def begins_with(agent, sink, silence):
    """It starts and knows what was kept, and tells nobody of it again."""
    logged, agent.told_before = len(agent.log()), len(sink.requests)
    agent.start()
    assert agent.api.get(f"/api/v2/silence/{silence}").json["status"]["state"] == "active"
    assert "A" in {found["labels"]["alertname"] for found in agent.api.alerts()}
    alerts_on(agent, sink, "B")
    agent.api.post_alerts(alert("never"))
    time.sleep(1)
    assert said(sink, "A") == ["firing"], "a notification was repeated"
    assert said(sink, "never") == [], "what is silenced was notified"
    log = agent.log()[logged:]
    assert re.search("level=INFO.*journal .*: [1-9][0-9]* records", log), log
    return log


def read_only_start(world):
    """A card that is read-only at the start: what it holds is in force; the rest is kept once it can be written."""
    disk = Disk(world, "protected", world.directory / "subject" / "data")
    agent, sink = begin(world)
    silence = kept(world, agent, sink)
    disk.remount("ro")
    log = begins_with(agent, sink, silence)
    says_failed(agent, sink, "Read-only file system")
    assert "level=ERROR" not in log, "a start on a read-only card shouts"
    time.sleep(4)  # several tries
    log = agent.log()
    assert len(re.findall("journal .*: [0-9]+ records", log)) == 2, "each try tells what it read"
    assert len(re.findall("Read-only file system", log)) <= 2, log
    disk.remount("rw")
    says_recovered(agent, sink)
    settle(agent, sink, agent.told_before)
    knows(agent, "A", "B")


def not_ours(world):
    """A journal that belongs to somebody else and can be read; then one of whose segments only some can be."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise Skip("needs root, to become somebody who may not write")
    world.directory.chmod(0o755)
    data = world.directory / "subject" / "data"
    data.mkdir(parents=True)
    shutil.chown(data, 65534)
    agent, sink = begin(world, prefix=NOBODY)
    silence = kept(world, agent, sink)
    files = [data, *data.iterdir()]
    for file in files:
        shutil.chown(file, 0)
        file.chmod(0o755)
    begins_with(agent, sink, silence)
    says_failed(agent, sink, "Permission denied")
    for file in files:
        shutil.chown(file, 65534)
    says_recovered(agent, sink)
    settle(agent, sink, agent.told_before)
    agent.stop()
    newest = max(data.glob("journal-[0-9]"), key=lambda file: file.stat().st_mtime_ns)
    newest.chmod(0)
    before = newest.read_bytes()
    agent.start()
    says_failed(agent, sink, f"{newest.name}.*Permission denied")
    assert newest.read_bytes() == before, "it wrote beside what it may not read"
    newest.chmod(0o600)
    says_recovered(agent, sink)
    assert agent.api.get(f"/api/v2/silence/{silence}").status == 200
    knows(agent, "A", "B")


def full_start(world):
    """A disk without a byte left at the start, not even for the lock: what it holds is in force and it goes on."""
    disk = Disk(world, "full", world.directory / "subject" / "data", megabytes=24)
    agent, sink = begin(world)
    for number in range(600):  # until each segment has been used
        agent.api.post_alerts(alert("many", text=str(number)))
    silence = kept(world, agent, sink)
    ballast = disk.fill()
    begins_with(agent, sink, silence)
    assert journal(agent)["status"] == "ready", "segments that are there need no room"
    for number in range(400):  # some compactions
        agent.api.post_alerts(alert("many", text=str(number)))
    assert journal(agent)["status"] == "ready", journal(agent)
    settle(agent, sink, agent.told_before)
    knows(agent, "A", "B", "many")
    ballast.unlink()


def little_room(world):
    """An ext4 of 7.5 MB and 1,200 alerts of 3 KB: it tells what is missing, writes nothing in vain, and goes on."""
    disk = Disk(world, "little", world.directory / "subject" / "data", megabytes=7.5)
    ballast = disk.fill(leave=300_000)
    agent, sink = begin(world, config=ONE_GROUP)
    alerts_on(agent, sink, "A")
    assert journal(agent)["status"] == "ready", "a small segment has room"
    before = metric(agent, "bytes_total")
    many = [{"labels": {"alertname": "many", "i": str(number)}, "annotations": {"text": "x" * 3000}} for number in range(1200)]
    agent.api.post_alerts(*many)
    # A large post is taken in pieces: after the first there are only some of them to keep.
    says_failed(agent, sink, r"no room: needs [0-9.]+ [KM]iB, [0-9]+ KiB free")
    time.sleep(5)  # several tries
    status = journal(agent)
    room = os.statvfs(disk.mount)
    assert abs(status["freeBytes"] - room.f_bavail * room.f_bsize) < 65_536, status
    assert status["nextTrySeconds"] <= 60 and metric(agent, "needed_bytes") == status["neededBytes"], status
    assert re.search(r"level=ERROR.*needs [0-9.]+ [KM]iB, [0-9]+ KiB free; next try in [0-9]+ s", agent.log()), agent.log()
    assert metric(agent, "bytes_total") - before < 1_000_000, "it counts what it did not write"
    ballast.unlink()
    says_recovered(agent, sink)
    written = metric(agent, "bytes_total") - before
    assert written < 2 * 7.5e6, f"{written} bytes for 4 MB of alerts"
    settle(agent, sink)
    knows(agent, "A", "many")
    assert len(agent.api.alerts()) >= 1201
    return f"needed {status['neededBytes'] / 1e6:.1f} MB, wrote {written / 1e6:.1f} MB"


def volatile(world):
    """tmpfs under the state directory: it works, and warns."""
    data = world.directory / "subject" / "data"
    data.mkdir(parents=True)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", data], capture_output=True, check=False).returncode != 0:
        raise Skip("needs root, to mount a tmpfs")
    world.at_end(lambda: subprocess.run(["umount", data], capture_output=True, check=False))
    agent, sink = begin(world)
    alerts_on(agent, sink, "A")
    assert journal(agent)["status"] == "volatile", journal(agent)
    assert re.search("level=WARN.*tmpfs, nothing survives a reboot", agent.log())
    knows(agent, "A")


def second_process(world):
    """A second process on the same directory is refused with the pid of the first, which goes on."""
    agent, sink = begin(world)
    refused = subprocess.run(agent.command(), capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
    assert refused.returncode == 1, refused
    assert f"in use by process {agent.process.pid}; stop it first" in refused.stderr, refused.stderr
    compacted = subprocess.run([agent.binary, "journal", "compact", agent.directory / "data"], capture_output=True, text=True, check=False)
    assert compacted.returncode == 1 and "in use by process" in compacted.stderr, compacted
    alerts_on(agent, sink, "A")
    knows(agent, "A")


def damaged(world):
    """Segments with flipped bits, cut short, full of noise: it starts, says what it cut, and keeps anew."""
    rng = random.Random(world.settings.seeds[0])
    agent, sink = begin(world)
    for number in range(40):
        agent.api.post_alerts(alert(f"A{number}"))
    agent.kill()
    segment = agent.directory / "data" / "journal-0"
    sound = segment.read_bytes()
    groups = [at for at in range(2 * 4096, len(sound), 4096) if any(sound[at : at + 4])]
    flipped = bytearray(sound)
    for at in groups[5:8]:
        flipped[at + 30 + rng.randrange(40)] ^= 1 << rng.randrange(8)
    for what, content, least in (
        ("flipped", bytes(flipped), 30),
        ("cut short", sound[: groups[20]], 5),
        ("without headers", b"\xff" * 8192 + sound[8192:], 0),
        ("noise", rng.randbytes(len(sound)), 0),
        ("empty", b"", 0),
    ):
        for file in segment.parent.glob("journal-*"):
            file.unlink()
        segment.write_bytes(content)
        checked = subprocess.run([agent.binary, "journal", "check", segment.parent], capture_output=True, text=True, check=False)
        assert checked.returncode == 1 and re.search("^cut: .*journal-0, ", checked.stdout, re.MULTILINE), f"{what}: {checked.stdout}"
        logged = len(agent.log())
        agent.start()
        log = agent.log()[logged:]
        assert re.search("level=WARN.*(skipped|missing|shorter).*journal-0, ", log), f"{what}: {log}"
        known = [found["labels"]["alertname"] for found in agent.api.alerts()]
        assert len(known) >= least, f"{what}: {len(known)} alerts left"
        assert journal(agent)["status"] == "ready"
        agent.api.post_alerts(alert("after"))
        knows(agent, "after", *known)
        agent.kill()


def frozen(world):
    """A sync that takes a minute: it alerts on and answers GETs; a POST waits, is refused with reasons or kept."""
    disk = Disk(world, "frozen", world.directory / "subject" / "data")
    agent, sink = begin(world)
    alerts_on(agent, sink, "before")
    answers = {}

    def post(name):
        began = time.monotonic()
        answer = agent.api.request("POST", "/api/v2/alerts", f'[{{"labels":{{"alertname":"{name}"}}}}]', {"Content-Type": "application/json"}, timeout=90)
        answers[name] = (time.monotonic() - began, answer)

    disk.freeze()
    try:
        early = threading.Thread(target=post, args=("early",))
        early.start()
        until("early is notified", lambda: said(sink, "early") == ["firing"])
        for _ in range(20):
            began = time.monotonic()
            assert len(agent.api.alerts()) == 2
            assert time.monotonic() - began < 5, "a GET waited for flash"
        assert not answers, "a POST was answered that is not on flash"
        says_failed(agent, sink, f"not answered for {STALL_SECONDS} s")
        early.join(90)
        took, answer = answers["early"]
        assert answer.status == 503 and "in force" in answer.json["message"], answer
        assert ANSWER_SECONDS - 1 < took < ANSWER_SECONDS + 10, took
        late = threading.Thread(target=post, args=("late",))
        late.start()
        until("late is notified", lambda: said(sink, "late") == ["firing"])
        assert "late" not in answers
    finally:
        disk.thaw()
    late.join(WAIT_SECONDS)
    assert answers["late"][1].status == 200, answers["late"]
    says_recovered(agent, sink)
    knows(agent, "before", "early", "late")


def interval(world):
    """Durability by interval: no answer waits, a cut costs the last interval at most, a stop costs nothing."""
    agent, sink = begin(world, "--storage.durability=interval", "--storage.interval=1s")
    began, before = time.monotonic(), metric(agent, "commits_total")
    while time.monotonic() - began < 3:
        agent.api.post_alerts(alert(f"A{time.monotonic()}"))
        time.sleep(0.02)
    commits, took = metric(agent, "commits_total") - before, time.monotonic() - began
    assert took - 2 <= commits <= took + 1, f"{commits} commits in {took} s"
    assert journal(agent)["durability"] == "interval"
    for name in ("kept", "behind"):  # the first commit may have begun before the post
        before = metric(agent, "commits_total")
        agent.api.post_alerts(alert(name))
        until("there is a commit", lambda before=before: metric(agent, "commits_total") > before)
    knows(agent, "kept")
    agent.stop()
    agent.flags = ("--storage.durability=interval", "--storage.interval=1h")
    agent.start()
    agent.api.post_alerts(alert("stopped"))
    began = time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - began < 8, "the stop waited for the interval"
    agent.start()
    knows(agent, "kept", "stopped")


def off(world):
    """Durability off: nothing is kept, it was chosen so, and nobody is alarmed."""
    agent, sink = begin(world, "--storage.durability=off")
    alerts_on(agent, sink, "A")
    assert journal(agent)["status"] == "off", journal(agent)
    assert metric(agent, "commits_total") == 0 and metric(agent, "failed") == 0
    agent.kill()
    agent.start()
    assert agent.api.alerts() == []
    assert said(sink, OWN) == []


def stopped(world):
    """SIGTERM under load: what was answered is there, and what was queued too."""
    rng = random.Random(world.settings.seeds[0])
    agent, _ = begin(world)
    ledger, slowest = Ledger(), 0
    for _ in range(10):
        writers = [Writer(agent.api, ledger, random.Random(rng.random()), f"w{writer}") for writer in range(3)]
        time.sleep(0.3)
        agent.signal(signal.SIGTERM)
        began = time.monotonic()
        assert agent.process.wait(WAIT_SECONDS) == 0
        slowest = max(slowest, time.monotonic() - began)
        for writer in writers:
            writer.end()
        acked = ledger.copy()
        agent.start()
        states = by_key(seen(agent.api), ledger)
        lost = ledger.lost(states, acked)
        assert not lost, lost[:8]
        ledger.settle(states)
    return f"10 stops, {slowest:.1f} s at most, {ledger.operations} acknowledged"


def budget(world):
    """A daily budget of commits: when it is used up, posts share a commit; none is dropped."""
    agent, sink = begin(world, "--storage.daily-commits=20")
    for number in range(30):
        if metric(agent, "commits_total") >= 20:
            break
        agent.api.post_alerts(alert(f"A{number}"))  # the last may have to wait already
    before, took = metric(agent, "commits_total"), []

    def post(name):
        began = time.monotonic()
        agent.api.request("POST", "/api/v2/alerts", f'[{{"labels":{{"alertname":"{name}"}}}}]', {"Content-Type": "application/json"}, timeout=WAIT_SECONDS)
        took.append(time.monotonic() - began)

    posts = [threading.Thread(target=post, args=(f"B{number}",)) for number in range(20)]
    for thread in posts:
        thread.start()
    until("all are notified, whatever flash costs", lambda: all(said(sink, f"B{number}") for number in range(20)))
    for thread in posts:
        thread.join(WAIT_SECONDS)
    commits = metric(agent, "commits_total") - before
    assert len(took) == 20 and max(took) < 21, took
    assert commits <= 3, f"20 posts cost {commits} commits"
    knows(agent, *(f"B{number}" for number in range(20)))
    return f"20 posts over budget: {commits:.0f} commits, {max(took):.0f} s at most"


def too_large(world):
    """An alert that no record could hold is refused, alone; a group of 10,000 alerts has a log entry that is kept."""
    agent, sink = begin(world, config=ONE_GROUP)
    answer = agent.api.post("/api/v2/alerts", [alert("large", text="x" * 50_000), alert("small")])
    assert answer.status == 400 and "at most 49152 are kept" in answer.text, answer
    until("the others are taken", lambda: said(sink, "small") == ["firing"])
    many = [alert("many", number="x") | {"labels": {"alertname": "many", "i": str(number)}} for number in range(10_000)]
    agent.api.post_alerts(*many)
    # A large post is taken in pieces, and a group that is due between two is told twice.
    told = lambda: {a["labels"]["i"] for payload in sink.payloads("/sink") for a in payload["alerts"] if "i" in a["labels"]}  # noqa: E731
    until("all are notified", lambda: len(told()) == 10_000)
    agent.await_outcomes(len(sink.requests))
    agent.api.post_alerts(alert("small", text="changed"))  # what was queued before it is on flash now
    sent = len(sink.requests)
    knows(agent, "small", "many")
    time.sleep(1.5)
    assert len(agent.api.alerts()) == 10_001
    assert len(sink.requests) == sent, "a notification was repeated"
    assert journal(agent)["leftOut"] == 0 and journal(agent)["status"] == "ready"


def older_version(world):
    """A directory of format 1.0 with a record of a kind that nobody knows: all is taken back, and that one is kept."""
    data = world.directory / "subject" / "data"
    shutil.copytree(GOLDEN, data)
    agent, sink = begin(world)
    (found,) = agent.api.alerts()
    assert found["labels"] == {"alertname": "Golden", "instance": "gw-1", "ort": "K\u00f6ln"}, found
    (silence,) = agent.api.get("/api/v2/silences").json
    assert silence["comment"] == "golden" and silence["annotations"] == {"ticket": "1"}, silence
    for number in range(30):
        agent.api.post_alerts(alert("New", text=f"{number}" * 20_000))
    assert metric(agent, "compactions_total") > 0, "nothing was compacted, so this shows nothing"
    knows(agent, "Golden", "New")
    assert said(sink, "Golden") == [], "what the older version had notified was notified again"
    agent.stop()
    for words, shows in ((("compact",), "records"), (("inspect",), "kind 99 (newer): 1 records"), (("check",), "sound")):
        done = subprocess.run([agent.binary, "journal", *words, data], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and shows in done.stdout, done


def cases(_settings):
    every = (no_space, read_only, read_only_start, not_ours, full_start, little_room, io_error, unwritable, found_while_stopping, volatile, second_process, damaged, frozen, interval, off, stopped, budget, too_large, older_version)
    return [(f"flash/{case.__name__}", case) for case in every]
