"""The same config and the same posts to Alertmanager and to Bellwether: the same notifications, the same answers.

What newer Alertmanagers do otherwise than 0.25 is left out here and asked of Bellwether alone in newer.py.
"""

import random
import time

from duel import alert, fight, lasting, silence

SECOND_TIMERS = "group_wait: 1s500ms, group_interval: 2s, repeat_interval: 1h"


def routes(world):
    """Nested routes with continue; grouping by some, none and all labels."""
    config = f"""
route:
  {{receiver: root, group_by: [], {SECOND_TIMERS}, routes: [
    {{receiver: team.a, matchers: [team="a"], continue: true, group_by: [site, alertname], routes: [
      {{receiver: critical, match: {{severity: critical}}, group_by: [alertname]}},
      {{receiver: warning, match_re: {{severity: "warn.*|minor"}}, group_interval: 3s}}]}},
    {{receiver: everyone, matchers: ['team=~"a|b"'], group_by: ['...'], continue: true}},
    {{receiver: last, matchers: [team!~"a|b", 'team!=""'], group_by: [nothing, team], group_wait: 500ms}},
    {{matchers: ['note="=, \\"quoted\\" \\\\ {{}}"'], receiver: quoted}}]}}
receivers:
{webhooks("root", "team.a", "critical", "warning", "everyone", "last", "quoted")}
"""
    odd = alert("alertname=A", summary="odd")
    odd["labels"]["note"] = '=, "quoted" \\ {}'
    plan = [
        (0, "post", alert("alertname=A site=1 team=a severity=critical", summary="s", runbook="http://r/<&>"), alert("alertname=A site=2 team=a severity=warning")),
        (0, "post", alert("alertname=B site=1 team=b severity=minor"), alert("alertname=B site=1 team=c job=j instance=i2")),
        (1, "post", alert("alertname=B site=1 team=c job=j instance=i1"), alert("alertname=C"), odd),
        (1, "post", alert("alertname=C site=2 team=a"), alert("alertname=A site=1 team=a severity=minor")),
        (2, "look"),
        (4, "post", alert("alertname=A site=1 team=a severity=critical", ends=4), alert("alertname=C", ends=4)),
        (5, "post", alert("alertname=C site=3 team=a"), alert("alertname=B site=1 team=b severity=minor", summary="changed")),
        (6, "look"),
        (8, "post", *(alert(f"alertname=D site={n} team=a severity=critical") for n in range(12))),
        (11, "look"),
    ]
    fight(world, config, plan, 13, at_least=12)


def inhibition(world):
    """Source and target, equal labels, both directions, and un-inhibition when the source resolves."""
    config = f"""
route: {{receiver: root, group_by: [alertname], {SECOND_TIMERS}}}
inhibit_rules:
- {{source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [site, unit]}}
- {{source_match: {{alertname: Uplink}}, target_match_re: {{alertname: "Cloud.*|Uplink"}}}}
- {{source_match: {{alertname: Both}}, target_match: {{alertname: Both}}, equal: [site]}}
receivers:
{webhooks("root")}
"""
    plan = [
        (0, "post", alert("alertname=A severity=critical site=1"), alert("alertname=B severity=warning site=1")),
        (0, "post", alert("alertname=B severity=warning site=2"), alert("alertname=B severity=warning site=1 unit=u")),
        (0, "post", alert("alertname=Both site=1 n=1"), alert("alertname=Both site=1 n=2")),
        (1, "post", alert("alertname=CloudLost site=1")),
        (2, "look"),
        (3, "post", alert("alertname=Uplink site=1")),
        (4, "post", alert("alertname=CloudLost site=2")),
        (6, "look"),
        (7, "post", alert("alertname=A severity=critical site=1", ends=7)),
        (8, "post", alert("alertname=CloudLost site=1", ends=8)),
        (9, "look"),
        (11, "post", alert("alertname=Uplink site=1", ends=11)),
        (12, "post", alert("alertname=A severity=critical site=2")),
        (14, "look"),
        (15, "post", alert("alertname=A severity=critical site=2", ends=15), alert("alertname=B severity=warning site=2", ends=15)),
        (18, "look"),
    ]
    fight(world, config, plan, 20, at_least=8)


def silences(world):
    """Silences created, edited, replaced, expired and pending while groups live."""
    config = f"""
route: {{receiver: root, group_by: [alertname], {SECOND_TIMERS}}}
receivers:
{webhooks("root")}
"""
    plan = [
        (0, "post", *(alert(f"alertname=A site={n}") for n in (1, 2, 3))),
        (0, "silence", silence("first", "alertname=A site=1", 0, 400, "one")),
        (0, "silence", silence("early", "alertname=B", 3, 7, "pending")),
        (1, "look"),
        (2, "silence", silence("first", "alertname=A site=1", 0, 300, "longer comment")),
        (2, "post", alert("alertname=B site=1")),
        (3, "silence", silence("second", "alertname=~A|B site!=1 site!~[45]", 3, 200)),
        (4, "post", alert("alertname=A site=4"), alert("alertname=B site=2")),
        (4, "look"),
        (5, "silence", silence("first", "alertname=A site=3", 0, 310)),
        (6, "silence", silence("future", "alertname=C", 100, 110)),
        (7, "silence", silence("future", "alertname=C", 120, 130, "moved")),
        (7, "post", alert("alertname=A site=2", ends=7)),
        (8, "look"),
        (8, "expire", "second"),
        (8, "post", alert("alertname=A site=5")),
        (9, "expire", "future"),
        (9, "expire", "second"),
        (10, "silence", silence("second", "alertname=~A|B site!=1 site!~[45]", 3, 210, "again")),
        (11, "post", alert("alertname=A site=1", ends=11)),
        (12, "look"),
        (13, "silence", silence("first", "alertname=A site=3", 5, 13)),
        (13, "silence", silence("bad", "alertname=A", 20, 19)),
        (14, "silence", silence("short", "site=~.+", 14, 17)),
        (14, "post", alert("alertname=A site=6")),
        (16, "look"),
        (19, "look"),
    ]
    fight(world, config, plan, 20, at_least=6)


def lifecycle(world):
    """Re-fire after resolve, send_resolved false, max_alerts, repeat_interval, resolution by timeout, merges."""
    config = f"""
global: {{resolve_timeout: 5s250ms}}
route:
  {{receiver: root, group_by: [alertname], {SECOND_TIMERS}, routes: [
    {{receiver: once, matchers: [alertname="Quiet"]}},
    {{receiver: few, matchers: [alertname="Many"], group_by: [job]}},
    {{receiver: nagging, matchers: [alertname="Nag"], repeat_interval: 3s}}]}}
receivers:
{webhooks("root")}
- {{name: once, webhook_configs: [{{url: "SINK/once", send_resolved: false}}, {{url: "SINK/once-both"}}]}}
- {{name: few, webhook_configs: [{{url: "SINK/few", max_alerts: 2}}]}}
- {{name: nagging, webhook_configs: [{{url: "SINK/nagging"}}]}}
"""
    plan = [
        (0, "post", lasting("alertname=A site=1", summary="first")),
        (0, "post", lasting("alertname=Quiet site=1"), lasting("alertname=Quiet site=2")),
        (0, "post", *(lasting(f"alertname=Many instance=i{n} job=j", n=str(n % 2)) for n in (5, 3, 4, 1, 2))),
        (0, "post", lasting("alertname=Nag")),
        (0, "post", alert("alertname=Timeout site=1"), alert("alertname=Timeout site=2")),
        (2, "look"),
        (3, "post", alert("alertname=A site=1", ends=3), alert("alertname=Quiet site=1", ends=3)),
        (3, "post", alert("alertname=Timeout site=2", changed="yes")),
        (3, "post", alert("alertname=Many instance=i1 job=j", ends=3)),
        (5, "post", lasting("alertname=A site=1", summary="again")),
        (6, "look"),
        (7, "post", alert("alertname=Quiet site=2", ends=7)),
        (7, "post", alert("alertname=Merged", starts=6, ends=60), alert("alertname=Merged", ends=50)),
        (9, "post", lasting("alertname=Quiet site=2")),
        (9, "post", alert("alertname=Merged", starts=8, ends=40, summary="younger")),
        (9, "post", alert("alertname=Brief"), alert("alertname=Blip")),
        (10, "post", alert("alertname=Brief", ends=10), alert("alertname=Dead", starts=-10, ends=-5)),
        (10, "look"),
        (11, "post", alert("alertname=Nag", ends=11), alert("alertname=A site=1", starts=4, ends=11)),
        (12, "post", alert("alertname=Merged", ends=12)),
        (13, "post", alert("alertname=Merged", ends=13)),
        (14, "look"),
        (16, "look"),
    ]
    fight(world, config, plan, 18, at_least=14)


def old_alert(world):
    """An alert that began long ago is notified at once; what joins its group waits for the interval."""
    config = f"""
route: {{receiver: root, group_by: [alertname], {SECOND_TIMERS}}}
receivers:
{webhooks("root")}
"""
    plan = [
        (0.5, "post", alert("alertname=A site=1", starts=-60, ends=600)),
        (1, "post", lasting("alertname=A site=2")),
        (2, "look"),
        (3, "post", alert("alertname=A site=1", starts=-60, ends=3)),
        (6, "look"),
    ]
    fight(world, config, plan, 8, at_least=3)


def intervals(world):
    """Mute and active intervals that hold now, or do not, by every kind of range."""
    config = f"""
time_intervals:
- {{name: now, time_intervals: [{around(0)}]}}
- {{name: not-now, time_intervals: [{around(6 * 3600)}]}}
- {{name: this-year, time_intervals: [{{years: ['{time.gmtime().tm_year}:2099']}}]}}
- {{name: last-year, time_intervals: [{{years: ['2001:{time.gmtime().tm_year - 1}']}}]}}
- {{name: weekend-or-week, time_intervals: [{{weekdays: ['monday:friday']}}, {{weekdays: [saturday, sunday]}}]}}
- {{name: whole-month, time_intervals: [{{days_of_month: ['1:31'], months: ['january:december'], location: UTC}}]}}
- {{name: day-past-the-end, time_intervals: [{{days_of_month: ['-1:-1'], months: [{another_month()}]}}]}}
mute_time_intervals:
- {{name: older-key, time_intervals: [{around(0)}]}}
route:
  {{receiver: root, group_by: [alertname], {SECOND_TIMERS}, routes: [
    {{receiver: muted, matchers: [alertname="MutedNow"], mute_time_intervals: [not-now, now]}},
    {{receiver: muted, matchers: [alertname="MutedOlderKey"], mute_time_intervals: [older-key]}},
    {{receiver: muted, matchers: [alertname="MutedLater"], mute_time_intervals: [not-now, last-year, day-past-the-end]}},
    {{receiver: muted, matchers: [alertname="MutedWeek"], mute_time_intervals: [weekend-or-week]}},
    {{receiver: active, matchers: [alertname="ActiveNow"], active_time_intervals: [last-year, now]}},
    {{receiver: active, matchers: [alertname="ActiveLater"], active_time_intervals: [not-now]}},
    {{receiver: active, matchers: [alertname="ActiveMonth"], active_time_intervals: [whole-month]}},
    {{receiver: both, matchers: [alertname="Both"], active_time_intervals: [this-year], mute_time_intervals: [now],
      routes: [{{receiver: child, matchers: [child="yes"]}}]}}]}}
receivers:
{webhooks("root", "muted", "active", "both", "child")}
"""
    names = "MutedNow MutedOlderKey MutedLater MutedWeek ActiveNow ActiveLater ActiveMonth Both Free".split()
    plan = [
        (0, "post", *(lasting(f"alertname={name}") for name in names), lasting("alertname=Both child=yes")),
        (2, "look"),
        (3, "post", *(alert(f"alertname={name}", ends=3) for name in names), alert("alertname=Both child=yes", ends=3)),
        (6, "look"),
    ]
    fight(world, config, plan, 8, at_least=10)


def interval_ends(world):
    """A mute interval that ends, and an active one that ends, while their groups live."""

    def config(minute):
        return f"""
time_intervals:
- {{name: until-the-minute, time_intervals: [{between(minute - 1800, minute)}]}}
route:
  {{receiver: root, group_by: [alertname], {SECOND_TIMERS}, routes: [
    {{receiver: muted, matchers: [alertname="Muted"], mute_time_intervals: [until-the-minute]}},
    {{receiver: active, matchers: [alertname="Active"], active_time_intervals: [until-the-minute]}}]}}
receivers:
{webhooks("root", "muted", "active")}
"""

    plan = [
        (0, "post", lasting("alertname=Muted n=1"), lasting("alertname=Active n=1")),
        (2, "look"),
        (3, "post", lasting("alertname=Active n=2"), lasting("alertname=Muted n=2")),
        (12, "look"),
        (13, "post", alert("alertname=Active n=1", ends=13), alert("alertname=Muted n=1", ends=13)),
    ]
    fight(world, config, plan, 17, at_least=4, before_minute=9.2)  # between the flushes at 7.5 s and 9.5 s


def failing_receiver(world):
    """A receiver that answers 503 and recovers: nothing is lost or doubled, there or at its neighbours."""
    config = f"""
route:
  {{receiver: root, group_by: [alertname], group_wait: 500ms, group_interval: 2s, repeat_interval: 1h, routes: [
    {{receiver: pair, matchers: [alertname="Pair"]}}]}}
receivers:
{webhooks("root")}
- {{name: pair, webhook_configs: [{{url: "SINK/well"}}, {{url: "SINK/ill"}}]}}
"""
    plan = [
        (0, "receiver", "/root", 503),
        (0, "receiver", "/ill", 503),
        (0, "post", lasting("alertname=A site=1"), lasting("alertname=Pair site=1")),
        (2, "post", lasting("alertname=Pair site=2")),
        (3, "receiver", "/root", 200),
        (3, "receiver", "/ill", 200),
        (12, "post", alert("alertname=A site=1", ends=12), alert("alertname=Pair site=1", ends=12)),
        (18, "look"),
    ]
    duel = fight(world, config, plan, 19, slack=4, at_least=7)
    for path in ("/root", "/ill"):
        tries = duel.attempts(path)
        assert min(tries) >= 4, f"{path}: {tries} attempts: a 503 must be tried again before the next flush"


def refusing_receiver(world):
    """A receiver that answers 400 or 301 is asked once a flush, not retried within it; it may change its mind."""
    config = """
route: {receiver: root, group_by: [alertname], group_wait: 1s500ms, group_interval: 3s, repeat_interval: 1h}
receivers:
- {name: root, webhook_configs: [{url: "SINK/root"}]}
"""
    plan = [
        (0, "receiver", "/root", 400),
        (0, "post", lasting("alertname=A site=1")),
        (6, "receiver", "/root", 429),
        (9, "receiver", "/root", 200),
        (12, "post", alert("alertname=A site=1", ends=12)),
        (12, "look"),
    ]
    duel = fight(world, config, plan, 15, at_least=5)
    tries = duel.attempts("/root")
    assert tries[0] == tries[1], f"attempts: subject {tries[0]}, oracle {tries[1]}"


def slow_receiver(world):
    """A receiver that takes longer than group_interval delays its group, and doubles nothing."""
    config = """
route: {receiver: root, group_by: [alertname], group_wait: 500ms, group_interval: 1s, repeat_interval: 1h}
receivers:
- {name: root, webhook_configs: [{url: "SINK/root"}]}
"""
    plan = [
        (0, "receiver", "/root", 200, 3),
        (0, "post", lasting("alertname=A site=1")),
        (1, "post", lasting("alertname=A site=2"), lasting("alertname=B")),
        (8, "receiver", "/root", 200, 0),
        (9, "post", alert("alertname=A site=1", ends=9), alert("alertname=A site=2", ends=9)),
    ]
    fight(world, config, plan, 13, slack=1.5, at_least=4)


def sweep(world):
    """An empty group lives until the half-minute sweep: before it a re-fired alert waits for the interval, after it for group_wait."""
    config = """
route: {receiver: root, group_by: [alertname], group_wait: 1s500ms, group_interval: 7s, repeat_interval: 1h}
receivers:
- {name: root, webhook_configs: [{url: "SINK/root"}]}
"""
    plan = [
        (0, "post", lasting("alertname=A"), lasting("alertname=B")),
        (3, "post", alert("alertname=A", ends=3), alert("alertname=B", ends=3)),
        (11, "post", lasting("alertname=A")),
        (12, "look"),
        (18, "post", alert("alertname=A", ends=18)),
        (33, "post", lasting("alertname=A"), lasting("alertname=B")),
        (35, "look"),
    ]
    fight(world, config, plan, 37, at_least=7)


SEEDED = f"""
global: {{resolve_timeout: 6s250ms}}
route:
  {{receiver: root, group_by: [alertname], {SECOND_TIMERS}, routes: [
    {{receiver: critical, matchers: [severity="critical"], group_by: [site], continue: true}},
    {{receiver: nagging, matchers: [alertname=~"A|B"], repeat_interval: 5s, group_by: ['...'], continue: true}},
    {{receiver: silent, matchers: [site="3"], group_by: [nothing], routes: [{{receiver: nested, matchers: [severity!="info"]}}]}}]}}
inhibit_rules:
- {{source_matchers: [severity="critical"], target_matchers: [severity=~"warning|info"], equal: [alertname, site]}}
receivers:
- {{name: root, webhook_configs: [{{url: "SINK/root"}}]}}
- {{name: critical, webhook_configs: [{{url: "SINK/critical", send_resolved: false}}]}}
- {{name: nagging, webhook_configs: [{{url: "SINK/nagging", max_alerts: 1}}]}}
- {{name: silent, webhook_configs: [{{url: "SINK/silent"}}, {{url: "SINK/silent-two", send_resolved: false}}]}}
- {{name: nested, webhook_configs: [{{url: "SINK/nested"}}]}}
"""


def seeded(seed):
    """A random stream of posts, resolves, silences, edits and deletions."""

    def case(world):
        fight(world, SEEDED, random_plan(random.Random(seed), 22), 27, at_least=10)

    return case


def random_plan(dice, seconds):
    """Steps at each second, and a look now and then."""
    plan, kept = [], []
    for second in range(seconds):
        for _ in range(dice.choice((0, 1, 1, 2, 3))):
            batch = []
            for _ in range(dice.randint(1, 3)):
                labels = f"alertname={dice.choice('ABC')} site={dice.randint(1, 3)} severity={dice.choice(('critical', 'warning', 'info'))}"
                until = dice.choice((None, None, second, second, second + dice.randint(3, 8), 600))
                # Without a start, and with an end ahead, an alert of Alertmanager's begins when it ends; ours begins now.
                starts = "now" if until and until > second else None
                batch.append(alert(labels, starts, until, **dice.choice(({}, {}, {"summary": f"at {second}"}))))
            plan.append((second, "post", *{str(one["labels"]): one for one in batch}.values()))
        draw = dice.random()
        if draw < 0.12 or not kept and draw < 0.3:
            kept.append(f"s{second}")
            starts, until = second + dice.choice((0, 0, 3)), dice.choice((second + dice.randint(5, 9), dice.randint(100, 900)))
            matchers = dice.choice(("alertname=A", "site=1", "site=~[12] severity!=critical", "alertname=B site=3", "severity!~c.*|w.*"))
            plan.append((second, "silence", silence(kept[-1], matchers, starts, until, "random")))
        elif draw < 0.2:
            plan.append((second, "silence", silence(dice.choice(kept), dice.choice(("alertname=A", "site=2")), second, dice.randint(100, 900), "edited")))
        elif draw < 0.3:
            plan.append((second, "expire", dice.choice(kept)))
        if second % 4 == 2:
            plan.append((second, "look"))
    return plan


def webhooks(*names):
    return "\n".join(f'- {{name: {name}, webhook_configs: [{{url: "SINK/{name}"}}]}}' for name in names)


def around(offset):
    """A time range in UTC that begins five minutes before now + `offset` seconds and ends ten minutes after."""
    now = time.time() + offset
    return between(now - 300, now + 600)


def between(begin, end):
    """A time range in UTC, by the minute; split at midnight."""
    begin, end = time.gmtime(begin), time.gmtime(end)
    first, last = f"{begin.tm_hour:02}:{begin.tm_min:02}", f"{end.tm_hour:02}:{end.tm_min:02}"
    if first < last:
        return f"{{times: [{{start_time: '{first}', end_time: '{last}'}}]}}"
    tail = f", {{start_time: '00:00', end_time: '{last}'}}" if last > "00:00" else ""
    return f"{{times: [{{start_time: '{first}', end_time: '24:00'}}{tail}]}}"


def another_month():
    return "june" if time.gmtime().tm_mon != 6 else "may"


def cases(settings):
    stories = [
        interval_ends, sweep, silences, inhibition, failing_receiver, lifecycle, refusing_receiver, slow_receiver,
        routes, old_alert, intervals,
    ]
    return [
        *((f"differential/{story.__name__}", story) for story in stories),
        *((f"differential/seed-{seed}", seeded(seed)) for seed in settings.seeds),
    ]
