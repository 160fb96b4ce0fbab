"""Reloads: of large configs, and of files that never answer."""

import os
import time

from load import post
from patterns import small
from subject import config, hostile


def reloaded(subject, text):
    subject.agent.config_file.write_text(text)
    subject.measured(subject.reload)


@hostile("a reload with 9,500 regex routes, 10,000 alerts")
def regex_routes(subject):
    subject.start()
    subject.alerts(small(10_000))
    reloaded(subject, config(", ".join(f"{{receiver: nobody, matchers: ['x=~\".*[x-z]{n}\"']}}" for n in range(9_500))))


@hostile("a reload to 40,000 groups, 20,000 alerts")
def other_groups(subject):
    subject.start()
    subject.alerts(small(20_000))
    routes = "{receiver: nobody, group_by: ['...'], continue: true}, {receiver: nobody, group_by: [instance]}"
    reloaded(subject, config(routes))


@hostile("a reload that drops the routes of 40,000 groups, 20,000 alerts")
def no_groups(subject):
    routes = "{receiver: nobody, group_by: ['...'], continue: true}, {receiver: nobody, group_by: [instance]}"
    subject.start(config(routes))
    subject.alerts(small(20_000))
    reloaded(subject, config())


@hostile("a reload with 1,000 regex rules of inhibition, 10,000 alerts; GET; a post")
def inhibition(subject):
    subject.start()
    subject.alerts(small(10_000))
    rules = "\n".join(f"- {{source_matchers: ['x=~\".*[0-9]{n}\"'], target_matchers: ['x=~\".*[0-9]{n + 1}x?\"'], equal: [alertname]}}" for n in range(1_000))
    reloaded(subject, config(more=f"inhibit_rules:\n{rules}\n"))
    subject.measured(lambda: subject.get("/api/v2/alerts"))
    body = post(small(20_000)[10_000:])
    subject.measured(lambda: subject.request(body))


@hostile("inhibition: 20,000 sources of equal labels that all end, 20,000 targets")
def sources(subject):
    subject.start(config(wait="4s", more="inhibit_rules: [{source_matchers: ['x=~\"0.*\"'], target_matchers: ['instance=~\"g.*\"']}]\n"))
    subject.alerts(small(20_000), 5000)
    subject.measured(lambda: subject.get("/api/v2/alerts"))
    subject.measured(lambda: time.sleep(5))


@hostile("a reload whose key file is a FIFO")
def key_pipe(subject):
    subject.start()
    os.mkfifo(subject.directory / "key")
    reloaded(subject, config(more=f"cluster: {{key_files: [{subject.directory / 'key'}]}}\n"))
