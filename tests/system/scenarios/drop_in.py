"""The parts of Alertmanager that dashboards, rules and programs rely on: names of metrics, queries, the published API."""

import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from agent import free_port, until
from api import JSON, Api
from command import run
from duel import NOBODY

ROOT = Path(__file__).resolve().parents[3]
CONFIG = """
route: {receiver: root, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers:
- {name: root, webhook_configs: [{url: "SINK/root"}]}
- {name: unused, webhook_configs: [{url: "SINK/unused"}]}
"""
# Names of metrics that came after 0.25, up to 0.34, without the `alertmanager_` before them.
LATER = """
alerts_limited_total alerts_per_alert_limit alerts_subscriber_channel_writes_total inhibition_rules notifications_suppressed_total
cluster_peer_name_conflicts_total cluster_pings_seconds dispatcher_aggregation_group_creation_given_up_total
dispatcher_aggregation_group_creation_retries_total dispatcher_aggregation_group_limit_reached_total
event_kafka_produce_errors_total event_output_drops_total event_recorder_bytes_written_total event_recorder_queue_length
event_serialize_errors_total events_dropped_total events_recorded_total nflog_maintenance_errors_total nflog_maintenance_total
silences_gc_errors_total silences_maintenance_errors_total silences_maintenance_total silences_matcher_compile_errors_total
silences_matcher_index_size silences_query_silences_scanned_total silences_query_silences_skipped_total silences_state_size
silences_version_index_size tls_transport_packet_bytes_received_total tls_transport_packet_bytes_sent_total tls_transport_read_errors_total
tls_transport_stream_connections_received_total tls_transport_stream_connections_sent_total tls_transport_write_errors_total
""".split()
SPECIFICATION = "golang-github-prometheus-alertmanager-dev"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# What the tester calls: a status that is not described, no content type, a body of another kind.
STATUS, NO_TYPE, KIND = "ST103", "ST104", "ST108"
NO_BODY, OBJECT = "it has no body", "what cannot be read as JSON of the right types is told as an object, not as a string"
UNREAD = "a field is missing or is not what it should be"
# Every answer of ours beyond the published description, by operation and status. Debian's Alertmanager gives all of them.
UNDESCRIBED = {
    ("POST /alerts", "200", NO_TYPE): NO_BODY,
    ("POST /alerts", "400", KIND): OBJECT,
    ("POST /alerts", "422", STATUS): UNREAD,
    ("POST /silences", "400", KIND): OBJECT,
    ("POST /silences", "422", STATUS): UNREAD,
    ("GET /silence/{silenceID}", "404", NO_TYPE): NO_BODY,
    ("GET /silence/{silenceID}", "422", STATUS): UNREAD,
    ("DELETE /silence/{silenceID}", "404", NO_TYPE): NO_BODY,
    ("DELETE /silence/{silenceID}", "422", STATUS): UNREAD,
}
# The 404 is of 0.26: 0.25 answers 500 instead. By it one sees that the tester finds anything.
NEWER, FAULT = ("DELETE /silence/{silenceID}", "404", NO_TYPE), ("DELETE /silence/{silenceID}", "500", "ST101")
EXAMPLES = 60  # inputs for each operation
MATCHERS = {"type": "array", "collectionFormat": "multi", "items": {"type": "string"}}
SWITCH = {"type": "boolean"}
# What every path is asked with, described or not.
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
HEADERS = [JSON, {}, {"Content-Type": "text/plain"}, {**JSON, "Accept": "text/html"}, {**JSON, "Host": "elsewhere.example"}]
# Statuses that are not described, and come where Alertmanager answers the same.
SAME = {405: "the path has no such method", 406: "no JSON is accepted", 415: "the body is not said to be JSON"}
# Those that are ours alone, as README.md says where it differs.
OURS = {("HEAD", 200), ("HEAD", 404), ("HEAD", 406), ("any", 403)}
# Parameters of lists that came after 0.25.
NEWER_PARAMETERS = {
    "/alerts": {"receiver_matchers": MATCHERS},
    "/alerts/groups": {"muted": SWITCH, "receiver_matchers": MATCHERS},
    "/receivers": {"receiver_matchers": MATCHERS},
    "/silences": {"active": SWITCH, "expired": SWITCH, "pending": SWITCH},
}
# Of Alertmanager's mixin, in which an alert's condition is turned round so that it holds where all is well.
MIXIN = """
max_over_time(alertmanager_config_last_reload_successful{OURS}[5m]) == 1
max_over_time(alertmanager_cluster_members{OURS}[5m]) >= on (job) group_left count by (job) (max_over_time(alertmanager_cluster_members{OURS}[5m]))
rate(alertmanager_notifications_failed_total{OURS}[15m]) / ignoring (reason) group_left rate(alertmanager_notifications_total{OURS}[15m]) <= 0.01
min by (job, integration) (rate(alertmanager_notifications_failed_total{OURS, integration=~`.*`}[15m]) / ignoring (reason) group_left rate(alertmanager_notifications_total{OURS, integration=~`.*`}[15m]) >= 0)
count by (job) (count_values by (job) ("config_hash", alertmanager_config_hash{OURS})) == 1
count by (job) (avg_over_time(up{OURS}[5m]) > 0.5) / count by (job) (up{OURS}) >= 0.5
count by (job) (changes(process_start_time_seconds{OURS}[10m]) <= 4) / count by (job) (up{OURS}) >= 0.5
max_over_time(alertmanager_cluster_failed_peers{OURS}[5m]) == 0
sum(alertmanager_alerts{OURS}) by (job, instance)
sum(rate(alertmanager_alerts_received_total{OURS}[10s])) by (job, instance)
sum(rate(alertmanager_alerts_invalid_total{OURS}[10s])) by (job, instance)
sum(rate(alertmanager_notifications_total{OURS, integration="webhook"}[10s])) by (integration, job, instance)
sum(rate(alertmanager_notifications_failed_total{OURS, integration="webhook"}[10s])) by (integration, job, instance)
histogram_quantile(0.99, sum(rate(alertmanager_notification_latency_seconds_bucket{OURS, integration="webhook"}[10s])) by (le, job, instance))
sum(rate(alertmanager_notification_latency_seconds_sum{OURS, integration="webhook"}[10s])) by (job, instance) / sum(rate(alertmanager_notification_latency_seconds_count{OURS, integration="webhook"}[10s])) by (job, instance)
"""


def families(agent):
    """The names of metrics by which an agent tells how it is, those of its language left out."""
    found = re.findall(r"^# TYPE (\S+)", agent.api.get("/metrics").text, re.M)
    return {name for name in found if not name.startswith(("go_", "promhttp_"))}


def absent():
    """The names of the table in configs/README.md of metrics that are not here; `*` stands for any end."""
    table = (ROOT / "configs/README.md").read_text().split("<!-- metrics that are not here -->")[1].split("<!-- end -->")[0]
    return re.findall(r"`([a-z_*]+)`", "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `")))


def metrics(world):
    """Each name of Debian's Alertmanager, and each that came later, is ours, with its labels, or stands in the table of those that are not here."""
    sink = world.sink()
    config = CONFIG.replace("SINK", sink.url)
    ours = world.subject(config, f"--cluster.listen-address=127.0.0.1:{free_port()}", "--cluster.peer=127.0.0.1:9")
    theirs = world.oracle(config, f"--cluster.listen-address=127.0.0.1:{free_port()}")
    # What fails first is a rate only if it was 0 before.
    for agent in (ours, theirs):
        assert '\nalertmanager_notifications_total{integration="webhook"} 0\n' in agent.api.get("/metrics").text
        agent.api.post("/api/v2/alerts", [{"labels": {"alertname": "A"}}])
        agent.await_outcomes(1)
    mine, his, listed = families(ours), families(theirs), absent()
    patterns = [re.compile(name.replace("*", ".*")) for name in listed]
    later = {f"alertmanager_{name}" for name in LATER}
    assert not later & his, f"not later than 0.25: {sorted(later & his)}"
    missing = {name for name in (his | later) - mine if not any(pattern.fullmatch(name) for pattern in patterns)}
    assert not missing, f"neither here nor in the table: {sorted(missing)}"
    named = {name for name in mine if any(pattern.fullmatch(name) for pattern in patterns)}
    assert not named, f"in the table, and here: {sorted(named)}"
    kinds = [dict(re.findall(r"^# TYPE (\S+) (\S+)", agent.api.get("/metrics").text, re.M)) for agent in (ours, theirs)]
    differing = {name for name in mine & his if kinds[0][name] != kinds[1][name]}
    assert not differing, f"of another type: {sorted(differing)}"

    def labels(agent):
        found = {}
        for name, text in re.findall(r"^([a-z_]+)\{([^}]*)\}", agent.api.get("/metrics").text, re.M):
            found.setdefault(name, set()).update(re.findall(r"(\w+)=", text))
        return found

    for name in ("alertmanager_receivers", "alertmanager_integrations"):
        values = [agent.metric(name) for agent in (ours, theirs)]
        assert values == [1, 1], f"{name}: {values}"
    own, other = labels(ours), labels(theirs)
    build = {"goversion", "goos", "goarch", "tags"}  # it is not Go
    lost = {name: other[name] - own.get(name, set()) - build for name in other if name in own or name in mine}
    lost = {name: names for name, names in lost.items() if names}
    assert not lost, f"labels that are not here: {lost}"


def rules(world):
    """The rules for a fleet are right and raise their alerts, says promtool."""
    fleet = ROOT / "configs/fleet"
    told = run("promtool", "check", "rules", fleet / "rules.yml")
    assert "10 rules found" in told, told
    run("promtool", "test", "rules", fleet / "rules-test.yml", cwd=world.directory)
    tested = (fleet / "rules-test.yml").read_text()
    for name in re.findall(r"- alert: (\w+)", (fleet / "rules.yml").read_text()):
        assert f"- alertname: {name}\n" in tested, f"{name} is never raised in rules-test.yml"


def conditions():
    """The conditions of the rules, each with its comparison made a value, so that it finds something where all is well, too."""
    for rule in (ROOT / "configs/fleet/rules.yml").read_text().split("- alert: ")[1:]:
        condition = re.search(r"^ +expr: (?:\|\n)?(.*?)\n    (?:for|labels):", rule, re.M | re.S).group(1)
        query, count = re.subn(r" (==|<|>) ", r" \1 bool ", " ".join(condition.split()))
        assert count == 1, f"one comparison was expected: {condition}"
        yield rule.split("\n")[0], query


def queries():
    """The queries of the dashboard, its variables filled in, those of the rules, and those of Alertmanager's mixin."""
    yield from conditions()
    for query in MIXIN.strip().splitlines():
        yield "the mixin", query.replace("OURS", 'job="bellwether"')
    dashboard = json.loads((ROOT / "configs/fleet/dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            query = target["expr"].replace("$site", ".*").replace("$instance", ".*").replace("$__rate_interval", "10s")
            assert "$" not in query, query
            yield panel["title"], query
    for variable in dashboard["templating"]["list"]:
        for series in re.findall(r"label_values\((.*), \w+\)", variable["query"].get("query", "") if isinstance(variable["query"], dict) else ""):
            yield variable["name"], series.replace("$site", ".*")


def dashboard(world):
    """Each query of the dashboard, of the rules and of Alertmanager's mixin, finds something where a real Prometheus scrapes a flock of two."""
    sink = world.sink()
    config = CONFIG.replace("SINK", sink.url)
    ports = [free_port(), free_port()]
    flock = [
        world.subject(config, f"--cluster.listen-address=127.0.0.1:{mine}", f"--cluster.peer=127.0.0.1:{other}", name=f"node-{mine}")
        for mine, other in (ports, ports[::-1])
    ]
    targets = ", ".join(f'"127.0.0.1:{agent.port}"' for agent in flock)
    (world.directory / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: bellwether\n  static_configs: [{{targets: [{targets}], labels: {{site: s}}}}]\n"
    )
    port = free_port()
    place = ["--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", f"--web.listen-address=127.0.0.1:{port}"]
    world.spawn("prometheus", "/usr/bin/prometheus", *place)
    number = 0

    def ask(query):
        answer = Api(port).get("/api/v1/query", ("query", query))
        assert answer.status == 200, f"{query}: {answer.text}"
        return answer.json["data"]["result"]

    def is_ready():
        try:
            return Api(port).get("/-/ready").status == 200
        except OSError:
            return False

    until("Prometheus is ready", is_ready)

    def answers():
        nonlocal number
        number += 1
        flock[0].api.post("/api/v2/alerts", [{"labels": {"alertname": f"A{number}"}}])
        return len(ask("alertmanager_cluster_members == 2")) == 2 and not [query for _, query in queries() if not ask(query)]

    try:
        until("every query finds something", answers)
    except AssertionError:
        raise AssertionError(f"nothing found by {[(title, query) for title, query in queries() if not ask(query)]}") from None


def schema(world):
    """The published description of the API, of Debian's package of the source."""
    run("apt-get", "download", SPECIFICATION, cwd=world.directory)
    (package,) = world.directory.glob(f"{SPECIFICATION}*.deb")
    run("dpkg-deb", "-x", package, world.directory / "source")
    (source,) = (world.directory / "source").rglob("embedded_spec.go")
    text = re.search(r"SwaggerJSON = json\.RawMessage\(\[\]byte\(`(.*?)`\)\)", source.read_text(), re.S).group(1)
    file = world.directory / "swagger.json"
    file.write_text(json.dumps(json.loads(text)))
    return file


def newer(file):
    """The description with the parameters and the answer that came later, for an agent that knows them."""
    described = json.loads(file.read_text())
    for path, parameters in NEWER_PARAMETERS.items():
        listing = described["paths"][path]["get"]
        listing.setdefault("parameters", []).extend({"name": name, "in": "query", **kind} for name, kind in parameters.items())
        listing["responses"].setdefault("400", {"description": "Bad request", "schema": {"type": "string"}})
    described["paths"]["/silence/{silenceID}"]["delete"]["responses"]["404"] = {"description": "A silence with this id was not found"}
    described["definitions"]["silence"]["properties"]["annotations"] = {"$ref": "#/definitions/labelSet"}
    other = file.with_name("newer.json")
    other.write_text(json.dumps(described))
    return other


def failures(world, agent, file, name):
    """The findings of a property-based tester: (operation, status, code) of each failure, and its whole report."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(file), "-u", f"http://127.0.0.1:{agent.port}/api/v2", "-c", CHECKS]
    command += ["--phases", "examples,coverage,fuzzing", "-n", str(EXAMPLES), "--seed", "7", "--no-color", "--continue-on-failure", "--request-timeout", "5", "--no-shrink", "--generation-database", "none"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=world.directory)
    (world.directory / f"{name}.out").write_text(done.stdout + done.stderr)
    assert "Test cases:" in done.stdout, done.stdout + done.stderr
    found = Counter()
    operation = ""
    for block in re.split(r"^_{3,} (.+?) _{3,}$", done.stdout, flags=re.M)[1:]:
        if re.fullmatch(r"[A-Z]+ /\S*", block):
            operation = block
            continue
        for case in re.split(r"^\d+\. Test Case ID: \w+$", block, flags=re.M)[1:]:
            status = re.search(r"^\[(\d+)\]", case, re.M)
            for code in re.findall(r"^- (ST\d+)", case, re.M):
                found[(operation, status.group(1) if status else "none", code)] += 1
    return found, done.stdout


def conformance(world):
    """No input makes an answer 500, and none an answer that is not described, but for those that Alertmanager gives, too."""
    file = schema(world)
    config = CONFIG.replace("SINK", world.sink().url)
    mine, told = failures(world, world.subject(config), newer(file), "ours")
    his, report = failures(world, world.oracle(config), file, "theirs")
    assert FAULT in his, f"what 0.25 is known for was not found, so nothing may have been: {sorted(his)}"
    more, fewer = set(mine) - set(UNDESCRIBED), set(UNDESCRIBED) - set(mine)
    assert not more, f"neither described nor in the table: {sorted(more)}\n{told}"
    assert not fewer, f"in the table, and never answered: {sorted(fewer)}"
    alone = set(UNDESCRIBED) - {NEWER} - set(his)
    assert not alone, f"Alertmanager does not answer so: {sorted(alone)}\n{report}"
    print(f"answers beyond the description: {len(mine)}, Alertmanager 0.25: {len(his)}")


def undescribed(world):
    """Methods, content types and hosts of which the description says nothing are answered as by Alertmanager, but for those that README.md
    names."""
    paths = json.loads(newer(schema(world)).read_text())["paths"]
    config = CONFIG.replace("SINK", world.sink().url)
    agents = [start(config) for start in (world.subject, world.oracle)]
    same, ours = set(), set()
    for path, operations in paths.items():
        place = "/api/v2" + path.replace("{silenceID}", NOBODY)
        for method, headers in itertools.product(METHODS, HEADERS):
            described = operations.get(method.lower(), {}).get("responses", {})
            body = "[]" if method == "POST" else None
            mine, his = (agent.api.request(method, place, body, headers).status for agent in agents)
            if str(mine) in described:
                continue
            if mine == his:
                same.add(mine)
            else:
                ours.add(("HEAD" if method == "HEAD" and mine != 403 else "any", mine))
    assert same == set(SAME), f"answered as by Alertmanager: {sorted(same)}, and in the table: {sorted(SAME)}"
    assert ours == OURS, f"answered otherwise: {sorted(ours)}, and in the table: {sorted(OURS)}"


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
SILENCE = {
    "matchers": [{"name": "site", "value": "n.*", "isRegex": True, "isEqual": True}], "startsAt": "2020-01-01T00:00:00.000Z",
    "endsAt": "2199-01-01T00:00:00.000Z", "createdBy": "ann@example.net", "comment": "busy",
}  # fmt: skip


def fits(value, shape):
    """Whether a value has at least what a shape has: a type, a pattern, the fields of an object, what each item of a list is."""
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(name in value and fits(value[name], inner) for name, inner in shape.items())
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(item, shape[0]) for item in value)
    if isinstance(shape, re.Pattern):
        return isinstance(value, str) and shape.fullmatch(value) is not None
    return isinstance(value, shape)


# What karma reads without looking whether it is there.
MATCHER = {"name": str, "value": str, "isRegex": bool, "isEqual": bool}
LISTED = {"id": str, "startsAt": TIME, "endsAt": TIME, "updatedAt": TIME, "createdBy": str, "comment": str, "matchers": [MATCHER], "status": {"state": str}}
ALERT = {
    "fingerprint": re.compile("[0-9a-f]{16}"), "startsAt": TIME, "endsAt": TIME, "updatedAt": TIME, "labels": dict, "annotations": dict,
    "receivers": [{"name": str}], "status": {"state": re.compile("active|suppressed|unprocessed"), "silencedBy": [str], "inhibitedBy": [str]},
}  # fmt: skip
SHAPES = {
    "/api/v2/status": {"cluster": {"name": str, "status": str, "peers": [{"name": str, "address": str}]}, "versionInfo": {"version": str}},
    "/api/v2/silences": [LISTED],
    "/api/v2/alerts/groups": [{"receiver": {"name": str}, "labels": dict, "alerts": [ALERT]}],
}


def karma(world):
    """The requests of karma, in its order, and the fields that it takes for granted, of both. The program itself is in no registry."""
    config = CONFIG.replace("SINK", world.sink().url)
    for start in (world.subject, world.oracle):
        agent = start(config, f"--cluster.listen-address=127.0.0.1:{free_port()}")
        agent.api.post_alerts(*({"labels": {"alertname": "A", "site": site}} for site in ("north", "south")))
        made = agent.api.request("POST", "/api/v2/silences", json.dumps(SILENCE), {"Accept": "application/json", "Content-Type": "application/json"})
        assert made.status == 200 and fits(made.json, {"silenceID": str}), made
        silence = made.json["silenceID"]
        version = re.search(r'^alertmanager_build_info\{.*\bversion="(\d+)\.(\d+)\.\d+"', agent.api.get("/metrics").text, re.M)
        assert (0, 22) <= tuple(map(int, version.groups())), version
        told = {}
        for path, shape in SHAPES.items():
            answer = agent.api.request("GET", path, None, {"Accept": "application/json"})
            assert answer.status == 200 and answer.content_type == "application/json", answer
            told[path] = answer.json
            assert answer.json and fits(answer.json, shape), f"{path}: {answer.text}"
        (group,) = told["/api/v2/alerts/groups"]
        assert {alert["labels"]["site"]: alert["status"]["silencedBy"] for alert in group["alerts"]} == {"north": [silence], "south": []}, group
        (listed,) = told["/api/v2/silences"]
        assert listed["id"] == silence and listed["matchers"] == SILENCE["matchers"], listed
        assert agent.api.delete(f"/api/v2/silence/{silence}").status == 200
        (ended,) = agent.api.get("/api/v2/silences").json
        assert ended["status"]["state"] == "expired", ended


def cases(_settings):
    return [(f"drop_in/{case.__name__}", case) for case in (metrics, rules, dashboard, conformance, undescribed, karma)]
