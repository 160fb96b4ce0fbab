"""Plays one plan to two agents at once, in real time, and compares what came of it.

A plan is a list of steps `(second, verb, argument...)`. Steps are on whole seconds and groups flush on half ones
(`group_wait: 1s500ms`, intervals of whole seconds), so that some delay changes nothing. Where a busy machine delays a
step, this process or the oracle by more than that, the two sides may rightly differ: such a run proves nothing either way
and is played again.
"""

import contextlib
import copy
import time
from concurrent.futures import ThreadPoolExecutor

import oracle
from oracle import Side, timestamp
from pulse import Pulse
from world import Busy

LOOK_AFTER = 0.7  # a look follows the flush of its second
LATE_MAX = 0.2  # seconds a step may be late: resolve timeouts end a quarter of a second after one, flushes are half of one away
LOOK_LATE_MAX = 0.3  # then the second turns
FLUSH_LATE_MAX = 0.35  # seconds from the half second until the oracle's notification arrives
LAST_SECONDS = 1.0  # that one side's last notification may follow the other's
START_SECONDS = 20  # that two agents may take to start
TRIES = 4
NOBODY = "0c7e5ef2-6d4d-4dc2-9f0f-0d6f0e2c0f11"


def alert(labels, starts=None, ends=None, **annotations):
    """An alert to post; `labels` like "alertname=A site=1", times in seconds of the plan."""
    return {"labels": dict(pair.split("=", 1) for pair in labels.split()), "starts": starts, "ends": ends, "annotations": annotations}


def lasting(labels, **annotations):
    """An alert that begins when it is posted and fires until long after the plan."""
    return alert(labels, "now", 600, **annotations)


def silence(name, matchers, starts, ends, comment="", **more):
    """A silence to post, kept under `name`; `matchers` like "a=b c=~d", times in seconds of the plan."""
    return {"name": name, "matchers": [_matcher(text) for text in matchers.split()], "starts": starts, "ends": ends, "comment": comment, **more}


def _matcher(text):
    for operator, is_equal, is_regex in (("!=", False, False), ("!~", False, True), ("=~", True, True), ("=", True, False)):
        name, found, value = text.partition(operator)
        if found and not name.endswith(("!", "=")):
            return {"name": name, "value": value, "isEqual": is_equal, "isRegex": is_regex}
    raise ValueError(text)


ALERT_QUERIES = [
    (),
    (("active", "false"),),
    (("silenced", "false"),),
    (("inhibited", "false"),),
    (("unprocessed", "false"),),
    (("silenced", "false"), ("inhibited", "false")),
    (("active", "false"), ("silenced", "false")),
    (("filter", 'alertname="A"'),),
    (("filter", "alertname=~A|B"), ("filter", "severity!=critical")),
    (("filter", "nothing="),),
    (("filter", "site!~1.*"),),
    (("receiver", "root"),),
    (("receiver", "ro.*|none"),),
    (("receiver", "none"), ("receiver", "root")),
    (("silenced", "FALSE"), ("inhibited", "1")),
    (("active", "yes"),),
    (("limit", "1"), ("offset", "1"), ("nextToken", "x"), ("sort", "")),
]
SILENCE_QUERIES = [(), (("filter", "alertname=A"),), (("filter", 'alertname=~"A|B"'),), (("filter", "site!=1"),), (("limit", "1"), ("page", "2"))]


def whole_start(at):
    """A start at least at `at`, none of whose steps is near the turn of a second: silences are compared by the second."""
    return at if 0.1 <= at % 1 <= 0.6 else at + 0.5


class Duel:
    """Two agents with the same config, told the same things at the same moments; from `start` on, or as soon as they can."""

    def __init__(self, world, config, *flags, other_config=None, number=1, start=None):
        sinks = [world.sink(), world.sink()]
        begins = [
            lambda: world.subject((other_config or config).replace("SINK", sinks[0].url), *flags, name=f"subject-{number}"),
            lambda: world.oracle(config.replace("SINK", sinks[1].url), *flags, name=f"oracle-{number}"),
        ]
        with ThreadPoolExecutor(2) as pool:
            agents = list(pool.map(lambda begin: begin(), begins))
        self.start = start or whole_start(time.time() + 0.1)
        self.sides = [Side(agent, sink, self.start) for agent, sink in zip(agents, sinks)]
        self.names = [{}, {}]
        self.disturbed = []  # what was so late that differences prove nothing

    def play(self, plan, seconds):
        """Play the plan, each step at its second, and wait until `seconds` are over."""
        with contextlib.closing(Pulse()) as pulse:
            for at, verb, *arguments in sorted(plan, key=lambda step: (step[0] + LOOK_AFTER * (step[1] == "look"))):
                due = at + LOOK_AFTER * (verb == "look")
                self._wait_until(due)
                getattr(self, verb)(at, *copy.deepcopy(arguments))
                late_max = LOOK_LATE_MAX if verb == "look" else LATE_MAX
                self._judge(f"{verb} at {at} s", time.time() - self.start - due, late_max)
            self._wait_until(seconds)
            while len({len(side.delivered()) for side in self.sides}) > 1 and time.time() < self.start + seconds + LAST_SECONDS:
                time.sleep(0.02)
        self._judge("this process", pulse.latest, LATE_MAX)

    def judge_oracle(self):
        """Judge how late the oracle flushed, where all it flushes is due on half seconds."""
        for request in self.sides[1].delivered():
            second = request.at - self.start
            self._judge(f"the oracle's flush before {second:.1f} s", (second - 0.5) % 1, FLUSH_LATE_MAX)

    def _judge(self, what, late, late_max):
        if late > late_max:
            self.disturbed.append(f"{what} was {late:.1f} s late")

    def stop(self):
        """End both agents."""
        for side in self.sides:
            side.agent.stop()

    def _wait_until(self, second):
        time.sleep(max(0.0, self.start + second - time.time()))

    def _time(self, second):
        return timestamp(self.start + second)

    def _body(self, at, described):
        body = {key: described[key] for key in ("labels", "annotations") if described[key]}
        for key, second in (("startsAt", described["starts"]), ("endsAt", described["ends"])):
            if second is not None:
                body[key] = self._time(at if second == "now" else second)
        return body

    # The verbs of a plan.

    def post(self, at, *alerts):
        """POST alerts to v2."""
        body = [self._body(at, described) for described in alerts]
        for side in self.sides:
            side.record(f"POST alerts at {at} s", side.agent.api.post("/api/v2/alerts", body))

    def silence(self, at, described):
        """POST a silence; a name seen before is an edit of that silence."""
        name = described.pop("name")
        body = {"matchers": described["matchers"], "createdBy": "duel", "comment": described["comment"]}
        body.update(startsAt=self._time(described["starts"]), endsAt=self._time(described["ends"]))
        for side, names in zip(self.sides, self.names):
            answer = side.agent.api.post("/api/v2/silences", {**body, **({"id": names[name]} if name in names else {})})
            side.record(f"POST silence {name} at {at} s", answer)
            if answer.status == 200:
                names[name] = answer.json["silenceID"]

    def expire(self, at, name):
        """DELETE a silence."""
        for side, names in zip(self.sides, self.names):
            side.record(f"DELETE silence {name} at {at} s", side.agent.api.delete(f"/api/v2/silence/{names[name]}"))

    def receiver(self, _at, path, status=200, delay=0):
        """From now on the receiver at `path` answers so."""
        for side in self.sides:
            side.sink.behave(path, status, delay)

    def reload(self, at):
        """POST /-/reload."""
        for side in self.sides:
            side.record(f"reload at {at} s", side.agent.api.request("POST", "/-/reload"))

    def look(self, at):
        """GET everything there is to get, each from both sides at once."""
        gets = [("alerts", query) for query in ALERT_QUERIES]
        gets += [("alerts/groups", query) for query in ALERT_QUERIES]
        gets += [("silences", query) for query in SILENCE_QUERIES]
        gets += [("receivers", ()), (f"silence/{NOBODY}", ())]
        for what, query in gets:
            for side in self.sides:
                side.record(f"GET {what} {query} at {at} s", side.agent.api.get(f"/api/v2/{what}", *query))
        for name in self.names[0]:
            for side, names in zip(self.sides, self.names):
                side.record(f"GET silence {name} at {at} s", side.agent.api.get(f"/api/v2/silence/{names[name]}"))
        for side in self.sides:
            self._look_at_status(at, side, side.agent.api.get("/api/v2/status"))

    @staticmethod
    def _look_at_status(at, side, answer):
        """Of the status everything but versions and the config's text must be equal."""
        status = answer.json
        assert isinstance(status["config"].pop("original"), str)
        status["versionInfo"] = sorted(status["versionInfo"])
        side.answers.append((f"GET status at {at} s", side.normal(status)))

    def differences(self, slack=oracle.ARRIVAL_SLACK):
        """Everything in which the subject differs from the oracle."""
        return oracle.compare_answers(*self.sides) + oracle.compare_notifications(*self.sides, slack)

    def attempts(self, path):
        """How many requests each side sent to `path`."""
        return [sum(request.path == path for request in side.sink.requests) for side in self.sides]


def fight(world, config, plan, seconds, *flags, slack=oracle.ARRIVAL_SLACK, at_least=1, before_minute=None):
    """Play the plan; fail with every difference, or if fewer than `at_least` notifications show that it tests nothing.

    With `before_minute` the plan begins so many seconds before a minute turns, and `config` is a function of that minute.
    """
    for number in range(1, TRIES + 1):
        if before_minute is None:
            duel = Duel(world, config, *flags, number=number)
        else:
            soon = time.time() + START_SECONDS + before_minute
            minute = soon - soon % 60 + 60
            duel = Duel(world, config(minute), *flags, number=number, start=minute - before_minute)
        duel.play(plan, seconds)
        if slack == oracle.ARRIVAL_SLACK:
            duel.judge_oracle()
        found = duel.differences(slack)
        sent = len(duel.sides[1].sink.requests)
        if sent < at_least:
            found.append(f"the oracle sent {sent} notifications, the plan means to provoke {at_least}")
        if not found:
            return duel
        duel.stop()
        failure = f"{len(found)} differences\n" + "\n".join(found[:6])
        assert duel.disturbed, failure
    raise Busy(f"{duel.disturbed[0]} in try {TRIES} of {TRIES}, the machine is too busy: {failure}")
