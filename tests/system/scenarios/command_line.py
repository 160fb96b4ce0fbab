"""The command line: called as amtool it is Debian's amtool, and by its own name it is kinder."""

import json
import os
import re
import subprocess
import threading
import time
from pathlib import Path

from agent import Agent, free_port, spawn, until

from scenarios.amtool import CONFIG

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MORE = re.compile(r"^( - \d+ time intervals|Warning: .*)\n", re.M)  # what our check-config tells beside
TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?( UTC|Z)")
UNKNOWN = "0c7e5ef2-6d4d-4dc2-9f0f-0d6f0e2c0f11"
# The cases of amtool's manual and of its help, and their neighbours. ID is the first silence that there is; a file behind < is
# standard input.
COMMANDS = """
alert add alertname=foo node=bar
alert add foo node=baz --annotation=runbook=http://runbook.biz --annotation=summary=hot --annotation=description=d
alert add B site=1 severity=warning team=a --generator-url=http://x/y
alert add C severity=critical --end=2020-01-01T00:00:00Z
alert add D severity=critical site=1 --start=2020-01-01T00:00:00Z --end=2199-01-01T00:00:00Z
alert add E severity=low a1=x a=y
alert add Bad --generator-url=foo
alert add
alert add x y
alert add A --start=foo
alert add A --annotation=foo
alert
alert query
alert query alertname=foo node=bar
alert query foo node=bar
alert query alertname=~foo.*
alert query alertname!=foo severity!~warn.*
alert query A x
alert query -i
alert query -s
alert query -i -s -a
alert query -u
alert query -r team -i
alert query --receiver=crit.*
alert query -r (
alert query -o extended
alert query -o json
-o json alert query foo
alert query -o yaml
alert query --nope
alert foo
nope
silence add
silence add alertname=foo
silence add alertname=foo node=bar -c first -a me -d 1h
silence add foo node=baz -c second -a me -d 2h
silence add alertname=~foo.* --comment third --author you --duration 3d
silence add foo site!~x -c c -a me --start=2198-01-01T00:00:00Z --end=2199-01-02T00:00:00+02:00
silence add foo=bar -c c -d 1x
silence add foo=bar -c c -d 0
silence add foo=bar -c c --end=2020-01-02T00:00:00Z
silence add foo=bar -c c --start=foo
silence
silence query
silence query alertname=foo node=bar
silence query foo node=bar
silence query alertname=~foo.*
silence query nothing=such
silence query -o extended
silence query -o json
silence query -q
silence query --within 8h
silence query --within 2h --expired
silence query --expired
silence query --created-by=you
silence query --within=soon
silence expire
silence expire UNKNOWN
silence expire foo
silence update
silence update UNKNOWN -d 1h
silence update ID -d 2h -c longer
silence update ID -d 3h -c longer -o extended
silence update ID -d 3h -o json
silence update ID --end=2020-01-01T00:00:00Z
silence update ID -d 3z
silence expire ID
silence expire ID
silence query --expired
silence query --expired -q
silence import nofile.json
silence import nonsense.json
silence import silences.json
silence import -f silences.json
silence query -o extended
alert query -s
cluster show
cluster
cluster show -o extended
cluster show -o json
config
config show
config routes
config routes show
config routes show --config.file=routes.yml
config routes show --config.file=nofile.yml
config routes test severity=critical team=a
config routes test --config.file=routes.yml --verify.receivers=critical,root severity=critical
config routes test --tree other=xyz
config routes test --tree severity=critical team=a
config routes test --verify.receivers=root severity=critical
config routes test
config routes test foo
alert query Full!
alert query a~b
alert query a=~(
alert add Full! -o json --timeout=20s
silence add a~b -c odd -a me -o extended --date.format=2006
silence expire UNKNOWN -o json
silence import < silences.json
silence import < nonsense.json
config routes test severity=critical -o json
check-config < routes.yml
check-config < bad.yml
check-config
check-config routes.yml --alertmanager.url=http://127.0.0.1:1 -o json
check-config nofile.yml
check-config routes.yml bad.yml
check-config templates.yml
template render --template.glob=*.tmpl --template.text={{template"x".}}
template render --template.glob=*.tmpl --template.data=data.json --template.text={{template"x".}}
template render --template.glob=*.tmpl --template.data=data.json --template.text={{range.Alerts}}{{.StartsAt}},{{.Labels.instance}};{{end}}
template render --template.glob=*.tmpl --template.data=data.json --template.type=html --template.text=<b>{{.CommonAnnotations.summary}}</b>
template render --template.glob=*.tmpl --template.data=nofile.json --template.text={{template"x".}}
template render --template.glob=*.tmpl --template.text={{.Nope}}
template render --template.glob=*.tmpl --template.data=silences.json --template.text=x
template render --template.glob=[ --template.text=x
silence import silences.json silences.json
silence query --created-by=
silence query --within=0
silence add foo=bar -c c --duration=
silence update ID --duration= -c shorter
alert query -sia
template render --template.glob=. --template.text=x
config routes show --config.file=
config routes test --config.file= severity=critical
config routes test --config.file=bad.yml severity=critical
config routes test --verify.receivers= severity=critical
config routes test --verify.receivers=nope severity=critical
config routes test --verify.receivers=critical,critical --tree severity=critical
config routes test severity=critical,team=a
cluster show x
check-config routes.yml routes.yml
check-config alertmanager.conf
check-config data.json
check-config x.tmpl
silence update ID UNKNOWN -d 1h
silence expire ID UNKNOWN
alert add foo b=c b=d
alert add foo b!=c
--timeout=nope alert query
--alertmanager.url=nope alert query
help
help silence
alert --help
alert add --help
alert query --help
silence --help
silence add --help
silence expire --help
silence import --help
silence query --help
silence update --help
check-config --help
cluster show --help
config --help
config show --help
config routes --help
config routes show --help
config routes test --help
template render --help
""".strip().splitlines()
# What amtool's config file says, and a command that has its URL from there.
CONFIGURED = """
-> alert query
output: extended -> alert query
output: json -> silence query
output: nope -> cluster show
author: Ann -> silence add foo -c c
author: Ann -> silence query
comment_required: false -> silence add foo
comment_required: true -> silence add foo
require-comment: false -> silence add foo
comment: dull -> silence add foo
receiver: team -> alert query
date.format: 2006 -> silence query
duration: 5h -> silence add foo -c c
quiet: true -> silence query
silenced: true -> alert query
tree: true -> config routes test severity=critical
verify.receivers: root -> config routes test severity=critical
http.config.file: nofile.yml -> alert query
timeout: soon -> alert query
nonsense: 1 -> alert query -o json
tls.insecure.skip.verify: true -> alert query
- a -> alert query
: -> alert query
""".strip().splitlines()
# Of errors, the exit code and the outlet count: the words are mostly those of the library that amtool is made with.
AMTOOL = "/usr/bin/amtool"
DATA = Path(__file__).resolve().parents[2] / "template/data.json"
ROUTES = CONFIG.replace("match_re: {team: a|b}", "matchers: ['team=~\"a|b\"']")


def normal(text):
    """A text without what no two runs share, JSON in one order."""
    lines = []
    for line in text.splitlines():
        if line.startswith(("{", "[")):
            try:
                line = json.dumps(json.loads(line), sort_keys=True)
            except ValueError:
                pass
        lines.append(line)
    return TIME.sub("TIME", ID.sub("ID", "\n".join(lines)))


class Side:
    """One amtool, pointed at an agent of its own."""

    def __init__(self, agent, binary):
        self.agent = agent
        self.binary = binary
        self.directory = self.agent.directory
        (self.directory / "routes.yml").write_text(ROUTES)
        (self.directory / "templates.yml").write_text(ROUTES + "templates: ['*.tmpl']\n")
        (self.directory / "data.json").write_bytes(DATA.read_bytes())
        (self.directory / "alertmanager.conf").write_text(ROUTES)
        (self.directory / "bad.yml").write_text("route: {receiver: x}\n")
        (self.directory / "nonsense.json").write_text("nope\n")
        (self.directory / "x.tmpl").write_text('{{ define "x" }}[{{ len .Receiver }}]{{ end }}')
        silence = {"matchers": [{"name": "imported", "value": "1", "isRegex": False}], "startsAt": "2020-01-01T00:00:00Z"}
        silence.update({"endsAt": "2199-01-01T00:00:00Z", "createdBy": "me", "comment": "c", "id": UNKNOWN})
        (self.directory / "silences.json").write_text(json.dumps([silence]))
        self.first = UNKNOWN

    def run(self, line):
        config, arrow, line = line.rpartition("-> ")
        line, _, file = line.partition(" < ")
        url = f"http://127.0.0.1:{self.agent.port}"
        configured = self.directory / ".config/prometheus/amtool.yml"  # where Debian's looks
        configured.parent.mkdir(parents=True, exist_ok=True)
        configured.write_text(f"alertmanager.url: {url}\n{config}\n" if arrow else "")
        words = [word.replace("UNKNOWN", UNKNOWN) if word != "ID" else self.first for word in line.split(" ")]
        flags = [] if arrow or line.startswith("check-config") or "--config.file" in line or "template" in line else [f"--alertmanager.url={url}"]
        # Debian's tells on stderr of a server of another version.
        flags.append("--no-version-check")
        env = {"HOME": str(self.directory), "PATH": os.environ["PATH"], "USER": "root"}
        with open(self.directory / file if file else os.devnull, "rb") as stdin:
            done = subprocess.run([self.binary, *flags, *words], capture_output=True, text=True, check=False, cwd=self.directory, env=env, stdin=stdin)
        found = ID.search(done.stdout)
        if line.startswith("silence add") and found and self.first == UNKNOWN:
            self.first = found.group()
        return done


def compare(ours, theirs, commands=COMMANDS):
    """Run every command at both sides: the same words and exit codes."""
    differing = []
    for line in commands:
        mine, his = ours.run(line), theirs.run(line)
        if line.startswith("silence import"):
            # 0.25 counts its own failures in a race with its end.
            same = bool(mine.stdout) == bool(his.stdout)
        elif "help" in line:
            words = line.replace("--help", "").replace("help", "").strip()
            same = all(it.stdout.startswith(f"usage: amtool {words}") for it in (mine, his))
        elif line.startswith(("check-config", "template")) and his.returncode:
            same = True  # every error is told here
        elif line.startswith("check-config"):
            same = MORE.sub("", mine.stdout) == his.stdout
        elif line.startswith("template") and "--template.data" not in line:
            same = bool(mine.stdout) == bool(his.stdout)  # each has a sample of its own
        elif line in ("config", "config show") and ours.agent.binary != theirs.agent.binary:
            same = "receivers:" in mine.stdout  # each shows its own defaults
        else:
            same = normal(mine.stdout) == normal(his.stdout)
        is_told = bool(mine.stderr) == bool(his.stderr)
        starts = not his.stderr.startswith("amtool: error: ") or mine.stderr.startswith("amtool: error: ")
        if not same or not is_told or not starts or mine.returncode != his.returncode:
            differing.append(f"$ amtool {line}\nours {mine.returncode}:\n{mine.stdout}{mine.stderr}theirs {his.returncode}:\n{his.stdout}{his.stderr}")
    assert not differing, "\n".join(differing)


def amtool(world):
    """Called as amtool, against Debian's Alertmanager: the same words and exit codes as Debian's amtool."""
    link = world.directory / "amtool"
    link.symlink_to(world.settings.subject)
    ours, theirs = (world.oracle(ROUTES, name=name) for name in ("ours", "theirs"))
    compare(Side(ours, link), Side(theirs, AMTOOL))


def config_file(world):
    """Called as amtool: with amtool's config file, and without a URL on the command line."""
    link = world.directory / "amtool"
    link.symlink_to(world.settings.subject)
    ours, theirs = (world.oracle(ROUTES, name=name) for name in ("ours", "theirs"))
    compare(Side(ours, link), Side(theirs, AMTOOL), CONFIGURED)


def server(world):
    """Debian's amtool, against our agent: the same words and exit codes as against Debian's Alertmanager."""
    # A time zone that was given comes back from Alertmanager until it restarts; here times are of UTC.
    commands = [line.replace("+02:00", "Z") for line in COMMANDS]
    compare(Side(world.subject(ROUTES), AMTOOL), Side(world.oracle(ROUTES), AMTOOL), commands)


class Command:
    """Our command line, pointed at one agent."""

    def __init__(self, world, url):
        self.binary, self.url, self.directory = world.settings.subject, f"--url={url}", world.directory

    def run(self, *words, status=0):
        env = {"HOME": str(self.directory), "TZ": "UTC"}
        done = subprocess.run([self.binary, *words, self.url], capture_output=True, text=True, check=False, env=env)
        assert done.returncode == status, f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout


def own(world):
    """Alerts, silences, routes, acknowledgement and health by our own words."""
    agent = world.subject(CONFIG)
    command = Command(world, f"http://127.0.0.1:{agent.port}")
    command.run("healthy")
    command.run("alert", "add", "Door", "site=north", "--for", "10m", "--annotation", "summary=open")
    (alert,) = json.loads(command.run("alert", "query", "-o", "json"))
    assert alert["annotations"] == {"summary": "open"}, alert
    silence = command.run("silence", "add", "Door", "-c", "busy", "-a", "ann").strip()
    assert command.run("silence", "query", "-q").strip() == silence
    assert "busy" in command.run("silence", "show", silence)
    assert "suppressed" in command.run("alert", "-s")
    command.run("silence", "expire", silence)
    assert "busy" in command.run("silence", "show", silence), "an ended silence is not shown"
    acknowledged = command.run("ack", "Door", "-a", "ann").strip()
    assert acknowledged in command.run("alert", "-s", "-o", "json")
    assert command.run("routes", "test", "severity=critical", "team=a") == "critical,team\n"
    night = command.run("routes", "test", "note=z", "other=xyz", "--at=2026-11-30T22:30:00Z")
    assert night == "quoted: #1\nquoted: #1  muted by night\n", night
    command.run("routes", "test", "--verify.receivers=root", "severity=critical", status=1)
    assert "receivers:" in command.run("config", "show")
    told = command.run("history")
    assert re.search(r'\{alertname="Door"\}  root +grouped, waits \d+ s for the group\'s next flush\n', told), told
    assert json.loads(command.run("flock", "-o", "json"))["cluster"]["status"] == "disabled"
    command.run("routes", "show", "-o", "json", status=2)
    command.run("alert", "query", "--nonsense", status=2)
    agent.stop()
    command.run("healthy", status=1)


def starting(world):
    """`alert add` waits for an agent that starts a second later."""
    port = free_port()
    agent = Agent(world.settings.subject, world.directory / "late", CONFIG, listen=f"127.0.0.1:{port}")
    world._agents.append(agent)
    command = Command(world, f"http://127.0.0.1:{port}")
    answers = []
    asking = threading.Thread(target=lambda: answers.append(command.run("alert", "add", "Early")))
    asking.start()
    time.sleep(1)
    assert not answers, "nobody was there to take it"
    agent.start()
    asking.join(60)
    assert answers == [""], answers
    assert [alert["labels"]["alertname"] for alert in json.loads(command.run("alert", "-o", "json"))] == ["Early"]


def watch(world):
    """Watched alerts are shown again as they change, a watched history goes on, and both do after a restart."""
    agent = world.subject(CONFIG)
    url = f"http://127.0.0.1:{agent.port}"
    command = Command(world, url)
    outputs = {}
    for words in (("alert", "query", "--watch"), ("history", "--watch")):
        outputs[words[0]] = world.directory / f"{words[0]}.out"
        process = spawn([world.settings.subject, *words, f"--url={url}"], outputs[words[0]])
        world._processes.append(process)
    until("the empty list is shown", lambda: "Alertname" in outputs["alert"].read_text())
    command.run("alert", "add", "Door")
    until("the alert is shown", lambda: "Door" in outputs["alert"].read_text())
    until("the wait for the group is told", lambda: "Door" in outputs["history"].read_text())
    agent.listen = f"127.0.0.1:{agent.port}"
    agent.kill()
    until("both wait for it", lambda: all("waiting for the agent" in it.read_text() for it in outputs.values()))
    agent.start()
    command.run("alert", "add", "Window")
    until("both go on", lambda: all("Window" in it.read_text() for it in outputs.values()))


def cases(_settings):
    return [(f"command_line/{case.__name__}", case) for case in (amtool, config_file, server, own, starting, watch)]
