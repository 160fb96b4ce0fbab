"""Power cuts: what was acknowledged is there again, and no notification repeats that a cut does not explain."""

import json
import random
import signal
import subprocess
import time

from disk import Disk
from ledger import GONE, Ledger, Story, Writer, by_key, seen
from sink import Request

HEAVY = {"power/kills", "power/images"}

CONFIG = """
route: {receiver: sink, group_by: [alertname], group_wait: 0s, group_interval: 200ms, repeat_interval: 1h}
receivers:
- {name: sink, webhook_configs: [{url: "SINK/PATH"}]}
"""
KILLS = 200
SNAPSHOTS = 12
ABORTS = 5
WRITERS = 3
MUTED = [{"labels": {"alertname": f"muted-{n}"}} for n in range(3)]


def life(number):
    """The flag that makes notifications tell which life of the agent sent them."""
    return f"--web.external-url=http://life-{number}"


def mute(api):
    """Silence some alerts, then fire them: nobody must ever hear of them."""
    silence = {
        "matchers": [{"name": "alertname", "value": "muted-.*", "isRegex": True}],
        "startsAt": "2020-01-01T00:00:00Z",
        "endsAt": "2099-01-01T00:00:00Z",
        "createdBy": "me",
        "comment": "c",
    }
    assert api.post("/api/v2/silences", silence).status == 200
    api.post_alerts(*MUTED)


def judge(ledger, story):
    """Check all notifications of a run whose load has ended; answers the figures."""
    explained, faults = story.repeats()
    assert not faults, f"{len(faults)} repeats without a cause\n" + "\n".join(faults[:8])
    said, unsaid = story.last_said(), 0
    for (kind, name, instance), states in ledger.history.items():
        if kind != "alert":
            continue
        life, answered, status = said.get((name, instance), (0, 0, "resolved"))
        fires = states[-1] != GONE
        if fires == (status == "firing"):
            continue
        # An end whose beginning was sent and not yet logged when the power went is the end of what nobody knows of.
        assert not fires and story.may_be_forgotten(life, answered), f"{name}/{instance}: {states[-1]}, but last said {status} in life {life}"
        unsaid += 1
    assert not any("muted" in group for group in story.groups), "a silenced alert was notified"
    sent = sum(len(notes) for notes in story.groups.values())
    assert sent > 0 and ledger.operations > 0
    return f"{ledger.operations} acknowledged, {sent} notifications, {explained} repeated for a cut, {unsaid} ends of forgotten beginnings"


def wait_until_quiet(sink):
    """Until nothing has been notified for some group intervals."""
    count = -1
    while count != len(sink.requests):
        count = len(sink.requests)
        time.sleep(1.5)


def kills(world):
    """kill -9 at random moments under load."""
    rng = random.Random(world.settings.seeds[0])
    sink = world.sink()
    agent = world.subject(CONFIG.replace("SINK/PATH", f"{sink.url}/all"), life(0))
    mute(agent.api)
    ledger, cuts = Ledger(), {}
    for number in range(KILLS):
        writers = [Writer(agent.api, ledger, random.Random(rng.random()), f"w{writer}") for writer in range(WRITERS)]
        time.sleep(rng.uniform(0.02, 0.4))
        cuts[number] = time.time()
        agent.kill()
        for writer in writers:
            writer.end()
        acked = ledger.copy()
        agent.flags = (life(number + 1),)
        agent.start()
        states = by_key(seen(agent.api), ledger)
        lost = ledger.lost(states, acked)
        assert not lost, f"kill {number + 1}: {len(lost)} lost\n" + "\n".join(lost[:8])
        ledger.settle(states)
    wait_until_quiet(sink)
    checked = subprocess.run([world.settings.subject, "journal", "check", agent.directory / "data"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert {key: state for key, state in by_key(seen(agent.api), ledger).items()} == {key: states[-1] for key, states in ledger.history.items() if states[-1] != GONE}
    return f"{KILLS} kills, " + judge(ledger, Story(sink, ledger.fences, cuts))


def images(world):
    """An ext4 whose image is copied while the agent writes to it; a fresh agent reads each copy."""
    rng = random.Random(world.settings.seeds[0])
    sink = world.sink()
    disk = Disk(world, "live", world.directory / "subject" / "data")
    agent = world.subject(CONFIG.replace("SINK/PATH", f"{sink.url}/live"), life(0))
    mute(agent.api)
    ledger = Ledger()
    writers = [Writer(agent.api, ledger, random.Random(rng.random()), f"w{writer}") for writer in range(WRITERS)]
    repeated = 0
    for number in range(SNAPSHOTS):
        time.sleep(rng.uniform(0.1, 0.6))
        acked = {}
        image = world.directory / "copy.image"
        at = disk.snapshot(agent, image, lambda acked=acked: acked.update(ledger.copy()))
        copy = Disk(world, "copy", world.directory / f"fresh-{number}" / "data", image=image)
        checked = subprocess.run([world.settings.subject, "journal", "check", copy.mount], capture_output=True, text=True, check=False)
        # What was cut was being written when the power went.
        assert checked.returncode == 0 or checked.stdout.count("a commit group that is not whole") == len(checked.stdout.splitlines()), checked.stdout
        fresh = world.subject(CONFIG.replace("SINK/PATH", f"{sink.url}/fresh-{number}"), life(1), name=f"fresh-{number}")
        lost = ledger.lost(by_key(seen(fresh.api), ledger), acked)
        assert not lost, f"copy {number + 1}: {len(lost)} lost\n" + "\n".join(lost[:8])
        time.sleep(0.7)
        fresh.stop()
        copy.close()
        image.unlink()
        told = (lambda request, at=at, path=f"/fresh-{number}": request.path == path or (request.path == "/live" and request.at < at))
        story = Story(sink, ledger.fences, {0: at}, told)
        explained, faults = story.repeats()
        assert not faults, f"copy {number + 1}: {len(faults)} repeats without a cause\n" + "\n".join(faults[:8])
        assert not any("muted" in group for group in story.groups), "a silenced alert was notified"
        repeated += explained
    for writer in writers:
        writer.end()
    return f"{SNAPSHOTS} copies, {ledger.operations} acknowledged, {repeated} notifications repeated for a cut"


def judge_itself(world):
    """The judge of repeats sees one that nothing explains, and lets the others pass."""

    def story(*notes, fences=(), cuts=None):
        sink = world.sink()
        for number, (life, at, status) in enumerate(notes):
            alerts = [{"labels": {"i": "0"}, "status": status}]
            payload = {"groupKey": '{}:{alertname="A"}', "externalURL": f"http://life-{life}", "alerts": alerts}
            sink.record(Request(at, "/", {}, json.dumps(payload).encode(), 200, "127.0.0.1"))
            sink.answered[number] = at
        return Story(sink, fences, cuts or {})

    cases = [
        (story((0, 1, "firing"), (0, 2, "resolved"), (0, 3, "firing")), 0, 0),
        (story((0, 1, "firing"), (0, 3, "firing")), 0, 1),
        (story((0, 1, "firing"), (1, 3, "firing"), cuts={0: 2}), 1, 0),
        (story((0, 1, "firing"), (1, 3, "firing"), fences=[(1.05, 1.06)], cuts={0: 2}), 1, 0),
        (story((0, 1, "firing"), (1, 3, "firing"), fences=[(1.5, 1.6)], cuts={0: 2}), 0, 1),
        (story((0, 1, "firing"), (1, 3, "firing"), fences=[(1.5, 2.1)], cuts={0: 2}), 1, 0),
        (story((1, 3, "firing"), (0, 3.1, "firing"), cuts={0: 2}), 1, 0),
        (story((0, 1, "firing"), (1, 3, "firing"), (1, 4, "firing"), cuts={0: 2}), 1, 1),
    ]
    for number, (told, explained, faults) in enumerate(cases):
        found = told.repeats()
        assert (found[0], len(found[1])) == (explained, faults), f"case {number}: {found}"
    ledger = Ledger()
    ledger.ask({"a": 1})
    ledger.acknowledge(["a"], 0)
    ledger.ask({"a": 2})
    assert [ledger.lost({"a": state}, ledger.copy()) == [] for state in (GONE, 1, 2, 3)] == [False, True, True, False]


def aborts(world):
    """What a panic does to a release build, SIGABRT at any moment: the process ends at once, and the next start has everything."""
    sink = world.sink()
    agent = world.subject(CONFIG.replace("SINK/PATH", f"{sink.url}/aborts"))
    mute(agent.api)
    posted = []
    for life in range(ABORTS):
        posted.append({"labels": {"alertname": f"kept-{life}"}})
        agent.api.post_alerts(posted[-1])
        agent.signal(signal.SIGABRT)
        assert agent.process.wait(30) == -signal.SIGABRT
        agent.start()
        found = {alert["labels"]["alertname"] for alert in agent.api.alerts()}
        assert {alert["labels"]["alertname"] for alert in posted} <= found, (life, found)
        (silence,) = agent.api.get("/api/v2/silences").json
        assert silence["status"]["state"] == "active", silence


def cases(_settings):
    return [(f"power/{case.__name__}", case) for case in (kills, images, aborts, judge_itself)]
