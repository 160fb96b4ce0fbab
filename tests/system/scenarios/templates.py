"""Texts rendered by Debian's amtool and by Bellwether: equal bytes, or refused by both, but for differences that are known.

tests/template/golden.json has the texts and says of each that differs why. The default texts are asked by name.
"""

import ast
import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from world import Skip

FOLDER = Path(__file__).resolve().parents[3] / "tests/template"
DEFAULTS = "/usr/share/prometheus/alertmanager/*.tmpl"
# Names that 0.25 has. The HTML mail is a design of our own.
NAMES = """__alertmanager __alertmanagerURL __subject __description slack.default.title slack.default.username slack.default.fallback
slack.default.callbackid slack.default.pretext slack.default.titlelink slack.default.iconemoji slack.default.iconurl slack.default.text
slack.default.footer pagerduty.default.description pagerduty.default.client pagerduty.default.clientURL opsgenie.default.message
opsgenie.default.description opsgenie.default.source wechat.default.message wechat.default.to_user wechat.default.to_party
wechat.default.to_tag wechat.default.agent_id victorops.default.state_message victorops.default.entity_display_name
victorops.default.monitoring_tool pushover.default.title pushover.default.message pushover.default.url sns.default.subject
sns.default.message telegram.default.message discord.default.title discord.default.message webex.default.message
email.default.subject""".split()
LISTS = ("__text_alert_list", "pagerduty.default.instances")


def render(program, kind, text, data, *globs):
    """What a program makes of a text; None if it refuses it."""
    flags = [f"--template.type={kind}", f"--template.data={data}", f"--template.text={text}"]
    flags += [f"--template.glob={glob}" for glob in globs]
    done = subprocess.run([program, "template", "render", *flags], capture_output=True, check=False, timeout=60)
    assert done.returncode in (0, 1), f"{program} exited with {done.returncode} on {text!r}: {done.stderr!r}"
    return done.stdout if done.returncode == 0 else None


def compare(world, rows, data):
    """Render all rows with both; answers those that are not as they should be."""
    subject = world.settings.subject

    def one(row):
        kind, text = row["type"], row["text"]
        theirs = render("amtool", kind, text, data, DEFAULTS)
        ours = render(subject, kind, text, data)
        return None if (theirs == ours) != ("differs" in row) else f"{kind}: {text}\n  amtool {theirs!r}\n  ours   {ours!r}"

    with ThreadPoolExecutor(2) as pool:
        wrong = [line for line in pool.map(one, rows) if line]
    assert not wrong, f"{len(wrong)} of {len(rows)} texts are not as the table says:\n" + "\n".join(wrong)
    return f"{len(rows)} texts, {sum('differs' in row for row in rows)} known to differ"


def golden(world):
    """Every text of the table."""
    return compare(world, json.loads((FOLDER / "golden.json").read_text()), FOLDER / "data.json")


def defaults(world):
    """Every default text: firing, resolved, both, of one alert, of none, and of labels that group all."""
    data = json.loads((FOLDER / "data.json").read_text())
    firing, resolved = data["alerts"]
    variants = [
        data,
        {**data, "alerts": [firing]},
        {**data, "alerts": [resolved], "status": "resolved"},
        {**data, "alerts": [], "commonLabels": {}, "groupLabels": {}, "commonAnnotations": {}},
        {**data, "groupLabels": data["commonLabels"]},
        {**data, "groupLabels": {}},
    ]
    rows = [{"type": "text", "text": f'{{{{ template "{name}" . }}}}'} for name in NAMES]
    rows += [{"type": "text", "text": f'{{{{ template "{name}" .Alerts }}}}'} for name in LISTS]
    for number, variant in enumerate(variants):
        path = world.directory / f"{number}.json"
        path.write_text(json.dumps(variant))
        compare(world, rows, path)
    return f"{len(rows)} default texts of {len(variants)} notifications"


def newer(world):
    """Functions that amtool of Debian does not know: Go's own packages make the table that the unit test compares."""
    if not shutil.which("go"):
        raise Skip("Go is not installed")
    environment = {**os.environ, "GOCACHE": str(world.directory / "cache"), "GO111MODULE": "off", "GOTOOLCHAIN": "local"}
    done = subprocess.run(["go", "run", FOLDER / "newer.go"], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


DURATIONS = """0 1 59 60 61 3599 3600 86399 86400 90061 -1 -0.5 -3661.7 1.5 59.99 0.1 0.0123 0.000001 1e-9 1e-15 1e-24 1e-30 1e18 1234567.891
"0" "1.5" "-7200" "1e3" "+Inf" "-Inf" "NaN" "0x10" "" "x" "1_000" true 86400.5 604800 31536000 999.9999 0.9999 0.99999""".split()


def durations(world):
    """humanizeDuration, which is no function of Go's library, as Debian's promtool renders it."""

    def ours(value):
        return render(world.settings.subject, "text", f"{{{{ humanizeDuration {value} }}}}", FOLDER / "data.json")

    texts = {f"d{number}": (value, ours(value)) for number, value in enumerate(DURATIONS)}
    annotations = {name: f"{{{{ humanizeDuration {value} }}}}" for name, (value, _) in texts.items()}
    # An error of the template is the annotation's text there.
    refused = {name for name, (_, text) in texts.items() if text is None}
    expected = {name: text.decode() for name, (_, text) in texts.items() if name not in refused}
    (world.directory / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "vector(1)", "annotations": annotations}]}]}))
    alerts = [{"exp_labels": {}, "exp_annotations": {}}]
    test = {"eval_time": "1m", "alertname": "A", "exp_alerts": alerts}
    suite = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [{"interval": "1m", "input_series": [], "alert_rule_test": [test]}]}
    (world.directory / "test.yml").write_text(json.dumps(suite))
    # Nothing is expected, so that it tells everything that it has.
    done = subprocess.run(["promtool", "test", "rules", "test.yml"], cwd=world.directory, capture_output=True, text=True, check=False)
    theirs = dict(re.findall(r'\b(d\d+)="((?:[^"\\]|\\.)*)"', done.stdout + done.stderr))
    assert theirs.keys() == texts.keys(), done.stdout + done.stderr
    for name, (value, _) in texts.items():
        assert (name in refused) == ("error" in theirs[name]), f"{value}: {theirs[name]}"
        assert name in refused or theirs[name] == expected[name], f"{value}: {theirs[name]!r}, here {expected[name]!r}"
    return f"{len(texts)} values, {len(refused)} refused"


def files(world):
    """Files override the defaults and each other, by the order of the globs; a fault names its place."""
    subject, data = world.settings.subject, FOLDER / "data.json"
    (world.directory / "a.tmpl").write_text('{{ define "__subject" }}mine {{ .Status }}{{ end }}{{ define "x" }}a{{ end }}')
    (world.directory / "b.tmpl").write_text('{{ define "x" }}b{{ end }}{{ define "__alertmanager" }}{{ end }}')
    glob = f"{world.directory}/*.tmpl"
    for text in ('{{ template "x" }}', '{{ template "slack.default.title" . }}', '{{ template "slack.default.username" . }}', '{{ template "a.tmpl" . }}'):
        theirs = render("amtool", "text", text, data, DEFAULTS, glob)
        assert theirs == render(subject, "text", text, data, glob), text
    (world.directory / "c.tmpl").write_text('line\n{{ define "y" }}{{ .Nope | len }}{{ end }}')
    done = subprocess.run([subject, "template", "render", f"--template.glob={glob}", '--template.text={{ template "y" . }}'], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "c.tmpl:2:20: .Nope: can't evaluate field Nope in type template.Data" in done.stderr, done.stderr
    (world.directory / "c.tmpl").write_text("{{ if }}")
    done = subprocess.run([subject, "template", "render", f"--template.glob={glob}", "--template.text=x"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "c.tmpl:1:7: " in done.stderr, done.stderr


LITERAL = r'"(?:[^"\\\\]|\\\\.)*"|`[^`]*`'
NUMBER = r"-?\d[\d_]*|-?\d*\.\d+([eE][+-]?\d+)?|-?\d+(\.\d*)?[eE][+-]?\d+|0[xX][0-9a-fA-F]+"
PLAIN = re.compile(rf"{NUMBER}|{LITERAL}|true|false|nil|'(?:[^'\\\\]|\\\\.)+'")
# What differs from Go and from 0.25, and why; configs/README.md says the same.
KNOWN = {
    "complex numbers": re.compile(r"\d[ip]?\di\b|\d\.?\d*i\b"),
    "bytes that are no UTF-8": re.compile(r"\\\\x[89a-fA-F]"),
    "%x and %b of a floating-point number": re.compile(r'printf "%[^"]*[xXb]" -?\d*\.\d'),
    "how newer versions print labels": re.compile(r"\{\{(js )?\.\}\}|\{\{\$\}\}"),
}


def unquoted(literal):
    """The text of a Go literal; None if Python reads it otherwise."""
    if literal[0] == "`":
        return literal[1:-1]
    try:
        return ast.literal_eval(literal)
    except (SyntaxError, ValueError):
        return None


def go_texts():
    """The texts of Go's own tables that stand for themselves, as (type, text)."""
    source = next(iter(sorted(Path("/usr/share").glob("go-1.*/src"))), None)
    if source is None:
        raise Skip("Go's sources are not installed")

    def table(name, pattern):
        return re.finditer(pattern, (source / name).read_text(), re.M)

    texts = []
    for row in table("fmt/fmt_test.go", rf"^\t\{{({LITERAL}), (.+?), (?:{LITERAL})\}},"):
        if PLAIN.fullmatch(row[2]):
            texts.append(("text", f"{{{{ printf {row[1]} {row[2]} }}}}"))
    for name, tail in (("exec_test.go", r"[^\n]*, (?:true|false)\},"), ("parse/parse_test.go", r", (?:noError|hasError)")):
        for row in table(f"text/template/{name}", rf'^\t\{{"(?:[^"\\\\]|\\\\.)*", ({LITERAL}){tail}'):
            texts.append(("text", unquoted(row[1])))
    for row in table("html/template/escape_test.go", rf"^\t\t\t({LITERAL}),$"):
        texts.append(("html", unquoted(row[1])))
    return [(kind, text) for kind, text in dict.fromkeys(texts) if text and "\0" not in text and ("{{" in text or "<" in text)]


def go(world):
    """Go's own tables of formats, actions and escapes, on our data."""
    subject, data = world.settings.subject, FOLDER / "data.json"

    def one(row):
        kind, text = row
        theirs, ours = render("amtool", kind, text, data, DEFAULTS), render(subject, kind, text, data)
        why = next((why for why, pattern in KNOWN.items() if pattern.search(text)), None)
        return None if theirs == ours else (why, f"{kind}: {text}\n  amtool {theirs!r}\n  ours   {ours!r}")

    texts = go_texts()
    assert len(texts) > 800, f"only {len(texts)} texts were found"
    with ThreadPoolExecutor(2) as pool:
        differ = [found for found in pool.map(one, texts) if found]
    wrong = [line for why, line in differ if why is None]
    assert not wrong, f"{len(wrong)} of {len(texts)} texts differ:\n" + "\n".join(wrong)
    return f"{len(texts)} texts, {len(differ)} known to differ"


def cases(_settings):
    return [("templates/golden", golden), ("templates/defaults", defaults), ("templates/files", files), ("templates/go", go), ("templates/newer", newer), ("templates/durations", durations)]
