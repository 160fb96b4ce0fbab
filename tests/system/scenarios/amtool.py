"""Debian's amtool works against Bellwether as against Alertmanager."""

import json
import subprocess

CONFIG = """
route:
  receiver: root
  group_by: [alertname]
  routes:
  - {receiver: critical, matchers: ['severity="critical"'], continue: true, routes: [{receiver: critical}]}
  - receiver: team
    match_re: {team: a|b}
    routes:
    - {receiver: nested, match: {kind: "it's"}, group_by: ['...']}
  - {receiver: "quoted: #1", matchers: ['note!="a, b"', 'other=~"x.*"'], mute_time_intervals: [night]}
time_intervals:
- {name: night, time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}], weekdays: ['monday:friday']}]}
inhibit_rules:
- {source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [site]}
receivers:
- {name: root, webhook_configs: [{url: "http://127.0.0.1:9/"}]}
- {name: critical}
- {name: team, webhook_configs: [{url: "http://127.0.0.1:9/", send_resolved: false, max_alerts: 3}]}
- {name: nested}
- {name: "quoted: #1"}
"""
IMPORTED = [
    {"matchers": [{"name": "imported", "value": value, "isRegex": False}], "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "me", "comment": "c"}
    for value in ("1", "2")
]


class Amtool:
    """amtool, pointed at one agent."""

    def __init__(self, agent):
        self.url = f"--alertmanager.url=http://127.0.0.1:{agent.port}"
        self.directory = agent.directory

    def run(self, *arguments, status=0):
        """Run a command; answers what it printed, and fails if it exits otherwise than expected (None: either way)."""
        done = subprocess.run(["amtool", self.url, "--no-version-check", *arguments], capture_output=True, text=True, check=False, cwd=self.directory)
        assert status in (None, done.returncode), f"amtool {' '.join(arguments)} exited with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "-o", "json"))


def alerts(world):
    """alert add and query."""
    amtool = Amtool(world.subject(CONFIG))
    amtool.run("alert", "add", "alertname=A", "site=1", "severity=critical", "--annotation=summary=too hot")
    amtool.run("alert", "add", "B", "site=1", "severity=warning", "team=a", "--generator-url=http://x/y")
    amtool.run("alert", "add", "Gone", "--end=2020-01-01T00:00:00Z")
    amtool.run("alert", "add", "Bad", "--generator-url=foo", status=1)

    def names(*query):
        return [alert["labels"]["alertname"] for alert in amtool.json("alert", "query", *query)]

    assert names() == ["A"], names()
    assert names("-i") == ["B"], names("-i")
    assert names("A") == ["A"], names("A")
    assert names("site=~.*", "-i", "-r", "team") == ["B"]
    assert names("-r", "critical") == ["A"]
    assert names("-s") == []
    assert "too hot" in amtool.run("alert", "query", "A")
    assert 'site="1"' in amtool.run("alert", "query", "A", "-o", "extended")


def silences(world):
    """silence add, query, update, expire and import."""
    agent = world.subject(CONFIG)
    amtool = Amtool(agent)
    amtool.run("alert", "add", "A", "site=1")
    one = amtool.run("silence", "add", "alertname=A", "site=~1|2", "-c", "because", "-a", "me", "-d", "1h").strip()
    assert [alert["status"]["silencedBy"] for alert in amtool.json("alert", "query", "-s")] == [[one]]
    (shown,) = amtool.json("silence", "query")
    assert (shown["id"], shown["comment"], shown["createdBy"], shown["status"]) == (one, "because", "me", {"state": "active"}), shown
    assert amtool.run("silence", "query", "-q", "alertname=A").strip() == one
    assert amtool.run("silence", "query", "-q", "alertname=B").strip() == ""

    (updated,) = json.loads(amtool.run("silence", "update", "-d", "2h", "-c", "longer", one, "-o", "json"))
    assert updated["id"] == one, "a later end made another silence"
    (shown,) = amtool.json("silence", "query")
    assert (shown["comment"], shown["id"]) == ("longer", one), shown
    assert amtool.run("silence", "query", "-q", "--within=3h").strip() == one
    assert amtool.run("silence", "query", "-q", "--within=1h").strip() == ""

    amtool.run("silence", "expire", one)
    amtool.run("silence", "expire", one)
    assert amtool.json("silence", "query") == []
    assert [shown["id"] for shown in amtool.json("silence", "query", "--expired")] == [one]
    amtool.run("silence", "expire", "0c7e5ef2-6d4d-4dc2-9f0f-0d6f0e2c0f11", status=1)
    amtool.run("silence", "add", "alertname=A", status=1)  # amtool itself asks for a comment

    (amtool.directory / "import.json").write_text(json.dumps(IMPORTED))
    assert len(amtool.run("silence", "import", "import.json").split()) == 2
    assert len(amtool.json("silence", "query", "imported=~.*")) == 0  # a filter is compared as text
    assert len(amtool.json("silence", "query", "imported=1")) == 1
    (amtool.directory / "import.json").write_text(json.dumps([{**IMPORTED[0], "endsAt": "2020-01-02T00:00:00Z"}]))
    # 0.25 prints that it was refused, and counts that in a race with its own end: it exits with 0 or 1.
    amtool.run("silence", "import", "import.json", status=None)
    assert len(amtool.json("silence", "query")) == 2


def config(world):
    """config show, routes show and routes test read the config from /status: the same tree as Alertmanager's."""
    ours, theirs = Amtool(world.subject(CONFIG)), Amtool(world.oracle(CONFIG))
    shown = ours.run("config", "show")
    assert "route:" in shown and "receivers:" in shown, shown
    (ours.directory / "shown.yml").write_text(shown)
    ours.run("check-config", "shown.yml")
    ours.run("check-config", str(ours.directory / "agent.yml"))
    for command in (
        ["config", "routes", "show"],
        ["config", "routes", "test", "severity=critical", "team=a"],
        ["config", "routes", "test", "team=b", "kind=it's"],
        ["config", "routes", "test", "--tree", "other=xyz"],
        ["config", "routes", "test", "--verify.receivers=critical,team", "severity=critical", "team=a"],
        ["cluster", "show"],
    ):
        mine, his = ours.run(*command), theirs.run(*command)
        assert mine == his, f"amtool {' '.join(command)} prints\n{mine}\nand for Alertmanager\n{his}"
    ours.run("config", "routes", "test", "--verify.receivers=root", "severity=critical", status=1)


def declared(world):
    """A silence of the config mutes, is listed as what it is, and cannot be expired; a reload takes it away."""
    agent = world.subject(CONFIG + "silence:\n- {name: backups, matchers: ['alertname=\"Busy\"'], comment: the backups run}\n")
    amtool = Amtool(agent)
    amtool.run("alert", "add", "Busy")
    [silence] = amtool.json("silence", "query")
    assert (silence["createdBy"], silence["comment"]) == ("config", "the backups run"), silence
    [alert] = amtool.json("alert", "query", "--silenced")
    assert alert["status"]["silencedBy"] == [silence["id"]], alert
    answer = agent.api.delete(f"/api/v2/silence/{silence['id']}")
    assert answer.status == 400 and "declared in the config, as backups" in answer.text, answer
    assert agent.api.get(f"/api/v2/silence/{silence['id']}").json["annotations"] == {"declared": "backups"}
    assert "# silence backups:" in agent.api.get("/api/v2/status").json["config"]["original"]
    agent.write_config(CONFIG)
    agent.reload()
    assert amtool.json("silence", "query") == []


def version(world):
    """With its version check on, amtool may warn, but works."""
    agent = world.subject(CONFIG)
    done = subprocess.run(["amtool", f"--alertmanager.url=http://127.0.0.1:{agent.port}", "alert", "query", "-o", "json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.strip().endswith("[]"), (done.stdout, done.stderr)


def cases(_settings):
    return [(f"amtool/{case.__name__}", case) for case in (alerts, silences, config, declared, version)]
