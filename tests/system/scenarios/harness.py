"""The comparison itself: Alertmanager equals Alertmanager, and a deliberate difference is found."""

import argparse

from agent import ALERTMANAGER
from duel import Duel, fight, lasting

CONFIG = """
route: {receiver: root, group_by: [alertname], group_wait: 1s500ms, group_interval: 2s, repeat_interval: 1h}
receivers:
- {name: root, webhook_configs: [{url: "SINK/root"}]}
"""
PLAN = [
    (0, "post", lasting("alertname=A site=1"), lasting("alertname=A site=2")),
    (2, "look"),
]
ALERTMANAGERS = argparse.Namespace(subject=ALERTMANAGER)
DIFFERENT = {
    "groups by another label": CONFIG.replace("[alertname]", "[site]"),
    "sends no second alert": CONFIG.replace('/root"', '/root", max_alerts: 1'),
    "is two seconds late": CONFIG.replace("1s500ms", "3s500ms"),
    "has another receiver": CONFIG.replace("- {", "- {name: more}\n- {"),
}


def equal(world):
    world.settings = ALERTMANAGERS
    fight(world, CONFIG, PLAN, 5)


def different(what):
    def case(world):
        world.settings = ALERTMANAGERS
        duel = Duel(world, CONFIG, other_config=DIFFERENT[what])
        duel.play(PLAN, 5)
        assert duel.differences(), f"a side that {what} passed for equal"

    return case


def cases(_settings):
    return [
        ("harness/equal", equal),
        *((f"harness/{what.replace(' ', '-')}", different(what)) for what in DIFFERENT),
    ]
