//! What whole configurations become, and what is said of those that are wrong.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::{
    Authorization, DEFAULT, Flags, GroupBy, IntegrationKind, Language, Secret, Webhook, flags,
};

fn load_as(language: Language, text: &str, flags: &Flags) -> Result<Loaded, Errors> {
    let file = match language {
        Language::Toml => Path::new("etc/x.toml"),
        Language::Yaml => Path::new("etc/x.yml"),
    };
    Config::load(text.as_bytes(), &Options { file, language, flags, state_directory: None })
}

fn toml(text: &str) -> Loaded {
    load_as(Language::Toml, text, &Flags::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn yaml(text: &str) -> Loaded {
    load_as(Language::Yaml, text, &Flags::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn errors(language: Language, text: &str) -> String {
    load_as(language, text, &Flags::default()).unwrap_err().to_string()
}

fn flags(args: &[&str]) -> Flags {
    match flags::parse(args.iter().map(std::ffi::OsString::from)) {
        Ok(flags::Invocation::Run(flags)) => flags,
        other => panic!("{other:?}"),
    }
}

fn webhook(loaded: &Loaded, receiver: usize, index: usize) -> Webhook {
    match &loaded.config.receivers[receiver].integrations[index].kind {
        IntegrationKind::Webhook(webhook) => webhook.clone(),
        IntegrationKind::Log => panic!("not a webhook"),
    }
}

/// Follows a minimal configuration, at line 6.
const MINIMAL: &str = "route:\n  receiver: default\nreceivers:\n- name: default\n\n";

#[test]
fn five_mistakes_are_five_messages() {
    let text = r#"
[route]
receiver = "default"
group_wait = "soon"
[[route.routes]]
recevier = "ops"
[[route.routes]]
receiver = "pager"
matchers = ["severity=~\"(\""]
[[receivers]]
name = "default"
[[receivers]]
name = "ops"
webhook_configs = [{ max_alerts = "many", url = "http://x/" }]
"#;
    let told = errors(Language::Toml, text);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines[0],
        "etc/x.toml:4: route.group_wait: not a valid duration string: \"soon\": write whole numbers with their units, \
         such as 1h30m, or 0"
    );
    assert_eq!(
        lines[1],
        "etc/x.toml:6: route.routes[0].recevier: unknown key \"recevier\"; did you mean \"receiver\"?"
    );
    assert_eq!(
        lines[2],
        "etc/x.toml:8: route.routes[1].receiver: undefined receiver \"pager\"; defined: default, ops"
    );
    assert!(lines[3].starts_with("etc/x.toml:9: route.routes[1].matchers[0]: "), "{told}");
    assert_eq!(
        lines[4],
        "etc/x.toml:14: receivers[1].webhook_configs[0].max_alerts: expected a number from 0, found \"many\""
    );
    assert_eq!(lines.len(), 5);
}

/// The text that follows [`MINIMAL`], and the one error it causes.
const WRONG_SECTIONS: &[(&str, &str)] = &[
    ("globall: {}", "6: globall: unknown key \"globall\"; did you mean \"global\"?"),
    (
        "global: {resolve_timeout: 5}",
        "6: global.resolve_timeout: expected a duration with its unit, found the number 5; write \"5s\" for seconds",
    ),
    ("global: [a]", "6: global: expected a table, found a list"),
    (
        "global: {smtp_require_tls: maybe}",
        "6: global.smtp_require_tls: expected true or false, found \"maybe\"",
    ),
    (
        "global: {pagerduty_url: ftp://x}",
        "6: global.pagerduty_url: unsupported scheme: a URL starts with http:// or https://",
    ),
    (
        "global: {slack_api_url: http://a/, slack_api_url_file: b}",
        "6: global.slack_api_url_file: at most one of slack_api_url and slack_api_url_file can be set",
    ),
    (
        "global:\n  http_config: {proxy_url: http://p:1}",
        "7: global.http_config.proxy_url: proxy_url is not available in this version: remove it",
    ),
    (
        "global:\n  http_config: {tls_config: {insecure_skip_verify: true}}",
        "7: global.http_config.tls_config: tls_config is not available in this version: remove it",
    ),
    (
        "global:\n  http_config: {oauth2: {client_id: x}}",
        "7: global.http_config.oauth2: oauth2 is not available in this version: remove it",
    ),
    (
        "global:\n  http_config: {basic_auth: {username: u}, authorization: {credentials: c}}",
        "7: global.http_config.authorization: at most one of basic_auth and authorization can be set",
    ),
    (
        "global:\n  http_config: {authorization: {type: Basic, credentials: c}}",
        "7: global.http_config.authorization: the type cannot be \"basic\": use basic_auth instead",
    ),
    (
        "global:\n  http_config: {basic_auth: {password: p, password_file: f}}",
        "7: global.http_config.basic_auth.password_file: at most one of password and password_file can be set",
    ),
    (
        "global:\n  http_config: {http_headers: {Host: {values: [x]}}}",
        "7: global.http_config.http_headers.Host: the header Host is set by the agent itself: remove it",
    ),
    (
        "global:\n  http_config: {http_headers: {'a b': {values: [x]}}}",
        "7: global.http_config.http_headers.a b: \"a b\" is no name of a header",
    ),
    (
        "global:\n  http_config: {authorization: {credentials: \"a\\nb\"}}",
        "7: global.http_config.authorization.credentials: has control characters, which no header can carry",
    ),
    (
        "tracing: {endpoint: x}",
        "6: tracing: tracing is not available in this version: remove the section",
    ),
    (
        "event_recorder: {stdout_outputs: [{a: b}]}",
        "6: event_recorder: event_recorder is not available in this version: remove the section",
    ),
    (
        "global: {smtp_smarthost: mail}",
        "6: global.smtp_smarthost: \"mail\" has no port: write host:port",
    ),
    (
        "global: {slack_api_url: geheim}",
        "6: global.slack_api_url: unsupported scheme: a URL starts with http:// or https://",
    ),
    ("templates: x", "6: templates: expected a list, found \"x\""),
    (
        "inhibit_rules:\n- source_match: {a-b: c}",
        "7: inhibit_rules[0].source_match.a-b: invalid label name \"a-b\"",
    ),
    (
        "inhibit_rules:\n- equal: ['']",
        "7: inhibit_rules[0].equal[0]: invalid label name \"\": it must not be empty",
    ),
    (
        "inhibit_rules:\n- target_macher: [a=b]",
        "7: inhibit_rules[0].target_macher: unknown key \"target_macher\"; did you mean \"target_matchers\"?",
    ),
    ("inhibit_rules: {a: b}", "6: inhibit_rules: expected a list, found a table"),
    ("time_intervals:\n- time_intervals: []", "7: time_intervals[0]: missing name"),
    (
        "time_intervals:\n- name: n\n- name: n",
        "8: time_intervals[1]: time interval \"n\" is not unique",
    ),
    (
        "time_intervals:\n- name: n\n  time_intervals: [{weekdays: [friday:monday]}]",
        "8: time_intervals[0].time_intervals[0].weekdays[0]: range \"friday:monday\" ends before it begins: write two ranges, one up to the end and one from the start",
    ),
    (
        "time_intervals:\n- name: n\n  time_intervals: [{days_of_month: [32]}]",
        "8: time_intervals[0].time_intervals[0].days_of_month[0]: 32 is not a valid day of the month: out of range: write 1 to 31, or -31 to -1 from the end",
    ),
    (
        "time_intervals:\n- name: n\n  time_intervals: [{times: [{start_time: 09:00}]}]",
        "8: time_intervals[0].time_intervals[0].times[0]: both start_time and end_time must be set",
    ),
    (
        "time_intervals:\n- name: n\n  time_intervals: [{location: Mars/Base}]",
        "8: time_intervals[0].time_intervals[0].location: unknown time zone Mars/Base: write a name of the time zone database such as Europe/Berlin, UTC or Local",
    ),
    (
        "web: {listen_addresses: [here]}",
        "6: web.listen_addresses[0]: expected an address like 127.0.0.1:9093, [::1]:9093 or :9093, found \"here\"",
    ),
    (
        "web: {listen_address: ':1'}",
        "6: web.listen_address: unknown key \"listen_address\"; did you mean \"listen_addresses\"?",
    ),
    (
        "web: {external_url: gateway.example}",
        "6: web.external_url: unsupported scheme: a URL starts with http:// or https://",
    ),
    ("web: {listen_addresses: []}", "6: web.listen_addresses: no address to serve HTTP on"),
    (
        "storage: {durability: perhaps}",
        "6: storage.durability: expected one of sync, interval, off, found \"perhaps\"",
    ),
    (
        "cluster:\n  multicast: true",
        "7: cluster.multicast: multicast needs a key: name a file that holds one in cluster.key_files",
    ),
    (
        "cluster: {advertise_address: 'gw:9094'}",
        "6: cluster.advertise_address: gw:9094: the host must be an IP address",
    ),
    ("log: {level: 3}", "6: log.level: expected one of debug, info, warn, error, found \"3\""),
    (
        "features: {enable: [classic-mode, utf8-strict-mode]}",
        "6: features.enable: classic-mode and utf8-strict-mode exclude each other",
    ),
    ("edge: {x: 1}", "6: edge.x: section edge is reserved: this version has no keys for it"),
    ("route: {}", "6: the key \"route\" stands here twice"),
];

#[test]
fn wrong_yaml_is_told_where_and_why() {
    for (text, expected) in WRONG_SECTIONS {
        let told = errors(Language::Yaml, &format!("{MINIMAL}{text}\n"));
        assert_eq!(told, format!("etc/x.yml:{expected}"), "{text}");
    }
}

/// The entries of the root route, the receivers, and the one error they cause.
const WRONG_ROUTES: &[(&str, &str, &str)] = &[
    (
        "group_by: [a]",
        "[{name: d}]",
        "1: route: the root route must have a receiver: it takes what no other route takes",
    ),
    (
        "receiver: d, matchers: [a=b]",
        "[{name: d}]",
        "1: route.matchers: not allowed in the root route, which is for all alerts: move it to a route in routes",
    ),
    (
        "receiver: d, continue: yes",
        "[{name: d}]",
        "1: route.continue: not allowed in the root route: nothing follows it",
    ),
    ("receiver: e", "[{name: d}]", "1: route.receiver: undefined receiver \"e\"; defined: d"),
    ("receiver: e", "[]", "1: route.receiver: undefined receiver \"e\"; none is defined"),
    (
        "receiver: d, group_by: ['...', a]",
        "[{name: d}]",
        "1: route.group_by: cannot have \"...\", which is every label, and other labels at the same time",
    ),
    (
        "receiver: d, group_by: [a, a]",
        "[{name: d}]",
        "1: route.group_by[1]: duplicated label \"a\" in group_by",
    ),
    (
        "receiver: d, group_interval: 0s",
        "[{name: d}]",
        "1: route.group_interval: group_interval cannot be zero",
    ),
    (
        "receiver: d, routes: [{repeat_interval: 0}]",
        "[{name: d}]",
        "1: route.routes[0].repeat_interval: repeat_interval cannot be zero",
    ),
    (
        "receiver: d, routes: [{mute_time_intervals: [n]}]",
        "[{name: d}]",
        "1: route.routes[0].mute_time_intervals[0]: undefined time interval \"n\"; none is defined",
    ),
    (
        "receiver: d, routes: [{routes: [{receiver: x}]}]",
        "[{name: d}]",
        "1: route.routes[0].routes[0].receiver: undefined receiver \"x\"; defined: d",
    ),
    (
        "receiver: d, routes: [{match: {a: [b]}}]",
        "[{name: d}]",
        "1: route.routes[0].match.a: expected a text, found a list",
    ),
    (
        "receiver: d, routes: [{matchers: a=b}]",
        "[{name: d}]",
        "1: route.routes[0].matchers: expected a list, found \"a=b\"",
    ),
    (
        "receiver: d, labels: {'': x}",
        "[{name: d}]",
        "1: route.labels.: invalid label name \"\": it must not be empty",
    ),
    ("receiver: d", "[{name: d}, {name: d}]", "2: receivers[1]: receiver name \"d\" is not unique"),
    ("receiver: d", "[{name: d}, {}]", "2: receivers[1]: missing name"),
    (
        "receiver: d",
        "[{name: d, slack_configs: [{}]}]",
        "2: receivers[0].slack_configs: this version cannot notify by slack_configs, it can by webhook_configs and log_configs: change or remove it",
    ),
    (
        "receiver: d",
        "[{name: d, labels: {name: x}}]",
        "2: receivers[0].labels.name: the label name is the receiver's name by itself: remove it",
    ),
    (
        "receiver: d",
        "[{name: d, slack_configs: [{channel: x}]}]",
        "2: receivers[0].slack_configs: this version cannot notify by slack_configs, it can by webhook_configs and log_configs: change or remove it",
    ),
    (
        "receiver: d",
        "[{name: d, webhook_config: []}]",
        "2: receivers[0].webhook_config: unknown key \"webhook_config\"; did you mean \"webhook_configs\"?",
    ),
    (
        "receiver: d",
        "[{name: d, webhook_configs: [{}]}]",
        "2: receivers[0].webhook_configs[0]: one of url and url_file must be set",
    ),
    (
        "receiver: d",
        "[{name: d, webhook_configs: [{url: 'http://x', url_file: y}]}]",
        "2: receivers[0].webhook_configs[0].url_file: at most one of url and url_file can be set",
    ),
    (
        "receiver: d",
        "[{name: d, webhook_configs: [{url: 'https://x'}]}]",
        "2: receivers[0].webhook_configs[0].url: this version has no TLS: use an http URL, for instance of a proxy on this machine",
    ),
    (
        "receiver: d",
        "[{name: d, webhook_configs: [{url: 'http://'}]}]",
        "2: receivers[0].webhook_configs[0].url: missing host for URL, or a port that is no number",
    ),
    (
        "receiver: d",
        "[{name: d, webhook_configs: [{url: 'http://x/{{ .GroupLabels.a }}'}]}]",
        "2: receivers[0].webhook_configs[0].url: this version has no templates in URLs: write the URL out",
    ),
    (
        "receiver: d",
        "[{name: d, webhook_configs: [{url: 'http://x', timeout: 1d}]}]",
        "2: receivers[0].webhook_configs[0].timeout: unknown unit \"d\" in duration \"1d\": the units are h, m, s, ms, us and ns",
    ),
    (
        "receiver: d",
        "[{name: d, webhook_configs: [{url: 'http://x', payload: {a: b}}]}]",
        "2: receivers[0].webhook_configs[0].payload: payload is not available in this version: remove it",
    ),
    (
        "receiver: d",
        "[{name: d, webhook_configs: [{url: 'http://x', max_alerts: -1}]}]",
        "2: receivers[0].webhook_configs[0].max_alerts: expected a number from 0, found the number -1",
    ),
    (
        "receiver: d",
        "[{name: d, log_configs: [{sendresolved: no}]}]",
        "2: receivers[0].log_configs[0].sendresolved: unknown key \"sendresolved\"; did you mean \"send_resolved\"?",
    ),
];

#[test]
fn wrong_routes_and_receivers_are_told_where_and_why() {
    for (route, receivers, expected) in WRONG_ROUTES {
        let text = format!("route: {{{route}}}\nreceivers: {receivers}\n");
        let told = errors(Language::Yaml, &text);
        assert_eq!(told, format!("etc/x.yml:{expected}"), "{text}");
    }
    assert_eq!(
        errors(Language::Yaml, ""),
        "etc/x.yml:1: no route provided: add a section route with a receiver"
    );
    assert_eq!(
        errors(
            Language::Yaml,
            "features: {enable: [classic-mode]}\nroute: {receiver: d, group_by: [a-b]}\nreceivers: [{name: d}]"
        ),
        "etc/x.yml:2: route.group_by[0]: invalid label name \"a-b\": letters, digits and _, no digit first"
    );
}

#[test]
fn a_flood_of_errors_is_cut_and_counted() {
    let flood: Vec<String> = (0..150).map(|i| format!("unknown{i}: 1")).collect();
    let told = errors(Language::Yaml, &format!("{MINIMAL}{}", flood.join("\n")));
    assert_eq!(told.lines().count(), 101);
    assert!(told.ends_with("etc/x.yml: and 50 more"), "{told}");
}

const BOTH_TOML: &str = r#"
templates = ["t/*.tmpl", "/abs/*.tmpl"]
[global]
resolve_timeout = "90s"
[global.http_config]
follow_redirects = false
http_headers = { X-Site = { values = ["a"], secrets = ["b"], files = ["c"] } }
[route]
receiver = "default"
group_by = ["alertname", "site"]
group_wait = "0s"
labels = { team = "edge" }
[[route.routes]]
receiver = "ops"
match = { severity = "critical" }
match_re = { site = "a|b" }
matchers = ["x=y,z!~\"w\""]
continue = true
repeat_interval = "5d"
labels = { tier = "1" }
mute_time_intervals = ["night"]
[[route.routes.routes]]
group_by = ["..."]
[[route.routes]]
group_by = []
active_time_intervals = ["night"]
[[receivers]]
name = "default"
labels = { owner = "me" }
log_configs = [{ send_resolved = false }]
[[receivers]]
name = "ops"
webhook_configs = [
  { url = "http://user:pw@10.0.0.1:8080/hook", max_alerts = 5, timeout = "1.5s" },
  { url_file = "hook.url", http_config = { authorization = { credentials_file = "token" } } },
]
[[inhibit_rules]]
name = "crit over warn"
source_matchers = ["severity=critical"]
target_match = { severity = "warning" }
equal = ["site"]
[[time_intervals]]
name = "night"
[[time_intervals.time_intervals]]
times = [{ start_time = "22:00", end_time = "24:00" }, { start_time = "00:00", end_time = "06:00" }]
weekdays = ["monday:friday", "Sunday"]
days_of_month = [1, "-3:-1"]
months = [1, "may:august"]
years = [2030, "2040:2041"]
location = "UTC"
"#;

const BOTH_YAML: &str = r#"
templates: [t/*.tmpl, /abs/*.tmpl]
global:
  resolve_timeout: 90s
  http_config:
    follow_redirects: no
    http_headers:
      X-Site: {values: [a], secrets: [b], files: [c]}
route:
  receiver: default
  group_by: [alertname, site]
  group_wait: 0s
  labels: {team: edge}
  routes:
  - receiver: ops
    match: {severity: critical}
    match_re: {site: a|b}
    matchers: ['x=y,z!~"w"']
    continue: yes
    repeat_interval: 5d
    labels: {tier: 1}
    mute_time_intervals: [night]
    routes:
    - group_by: ['...']
  - group_by: []
    active_time_intervals: [night]
receivers:
- name: default
  labels: {owner: me}
  log_configs: [{send_resolved: off}]
- name: ops
  webhook_configs:
  - url: http://user:pw@10.0.0.1:8080/hook
    max_alerts: 5
    timeout: 1.5s
  - url_file: hook.url
    http_config: {authorization: {credentials_file: token}}
inhibit_rules:
- name: crit over warn
  source_matchers: [severity=critical]
  target_match: {severity: warning}
  equal: [site]
time_intervals:
- name: night
  time_intervals:
  - times: [{start_time: "22:00", end_time: "24:00"}, {start_time: 00:00, end_time: 06:00}]
    weekdays: [monday:friday, Sunday]
    days_of_month: [1, '-3:-1']
    months: [1, may:august]
    years: [2030, "2040:2041"]
    location: UTC
"#;

#[test]
fn toml_and_yaml_of_the_same_configuration_are_equal() {
    let (mut toml, mut yaml) = (toml(BOTH_TOML), yaml(BOTH_YAML));
    toml.warnings.clear();
    yaml.warnings.clear();
    assert_eq!(toml, yaml);
}

#[test]
fn children_inherit_what_they_do_not_set() {
    let loaded = toml(BOTH_TOML);
    let root = &loaded.config.route;
    let (ops, other) = (&root.routes[0], &root.routes[1]);
    assert_eq!(root.group_wait, Duration::ZERO);
    assert_eq!(root.group_interval, Duration::from_secs(300));
    assert_eq!((ops.group_wait, ops.group_interval), (root.group_wait, root.group_interval));
    assert_eq!(ops.repeat_interval, Duration::from_secs(432_000));
    assert_eq!(ops.group_by, GroupBy::Labels(vec!["alertname".into(), "site".into()]));
    assert_eq!(ops.labels.to_string(), r#"{team="edge", tier="1"}"#);
    assert_eq!(ops.matchers.to_string(), r#"{severity="critical",site=~"^(?:a|b)$",x="y",z!~"w"}"#);

    let inner = &ops.routes[0];
    assert_eq!((&*inner.receiver, &inner.group_by), ("ops", &GroupBy::All));
    assert_eq!(inner.repeat_interval, ops.repeat_interval);
    assert!(inner.matchers.is_empty() && inner.mute_time_intervals.is_empty() && !inner.continue_);

    assert_eq!((&*other.receiver, &other.group_by), ("default", &GroupBy::Labels(Vec::new())));
}

#[test]
fn a_receiver_has_the_global_http_config_or_its_own_whole() {
    let loaded = toml(BOTH_TOML);
    let (inherits, own) = (webhook(&loaded, 1, 0), webhook(&loaded, 1, 1));
    assert!(!inherits.follow_redirects);
    let secret = |text: &str| Secret::Inline(text.into());
    let header = |secret| ("X-Site".to_owned(), secret);
    let file = header(Secret::File("etc/c".into()));
    assert_eq!(inherits.headers, [header(secret("a")), header(secret("b")), file]);
    assert_eq!(inherits.url, secret("http://10.0.0.1:8080/hook"));
    let basic = Authorization::Basic { username: secret("user"), password: secret("pw") };
    assert_eq!(inherits.authorization, basic);
    assert_eq!((inherits.max_alerts, inherits.timeout), (5, Duration::from_millis(1500)));

    assert!(own.follow_redirects && own.headers.is_empty());
    assert_eq!(own.url, Secret::File("etc/hook.url".into()));
    let bearer = Authorization::Scheme("Bearer".to_owned(), Secret::File("etc/token".into()));
    assert_eq!(own.authorization, bearer);
    assert_eq!(loaded.templates, [Path::new("etc/t/*.tmpl"), Path::new("/abs/*.tmpl")]);
}

#[test]
fn what_is_doubtful_is_a_warning() {
    let told: Vec<String> = toml(BOTH_TOML).warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "2: templates: has no effect: this version has no templates, and no receiver that uses them",
            "15: route.routes[0].match: match is deprecated: write matchers with \"severity=\\\"critical\\\"\"",
            "16: route.routes[0].match_re: match_re is deprecated: write matchers with \"site=~\\\"^(?:a|b)$\\\"\"",
            "40: inhibit_rules[0].target_match: target_match is deprecated: write target_matchers with \
             \"severity=\\\"warning\\\"\"",
        ]
    );
    let text = "mute_time_intervals: [{name: n}]\n\
        storage: {retention: 1h}\n\
        route: {receiver: d, routes: [{repeat_interval: 1m}, {matchers: ['a=\"\\xf0\\x9f\\x99\\x82\"']}]}\n\
        receivers: [{name: d}]\n\
        global: {http_config: {bearer_token: x}}\n";
    let told: Vec<String> = yaml(text).warnings.iter().map(ToString::to_string).collect();
    for (line, part) in [
        (
            1,
            "mute_time_intervals: mute_time_intervals is deprecated: call the section time_intervals",
        ),
        (3, "route: repeat_interval 4h is greater than the retention 1h"),
        (3, "route.routes[0]: repeat_interval 1m is less than group_interval 5m"),
        (3, "route.routes[1].matchers[0]: matchers"),
        (5, "global.http_config.bearer_token: bearer_token is deprecated"),
    ] {
        let found = told.iter().any(|text| text.starts_with(&format!("{line}: {part}")));
        assert!(found, "{part}: {told:#?}");
    }
}

#[test]
fn features_without_effect_are_told_once() {
    let enabled = "--enable-feature=alert-names-in-metrics,classic-mode,receiver-name-in-metrics";
    let loaded = load_as(Language::Yaml, MINIMAL, &flags(&[enabled])).unwrap();
    let told: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    let note = |feature| format!(" --enable-feature={feature}: has no effect here");
    let expected = ["alert-names-in-metrics", "receiver-name-in-metrics"].map(note);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().zip(&expected).all(|(told, note)| told.ends_with(note)), "{told:?}");
}

#[test]
fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
    let text =
        format!("{MINIMAL}web: {{listen_addresses: [':1', ':2'], timeout: 5s}}\ndata: {{}}\n")
            .replace("data: {}\n", "storage: {path: /var/x}\n");
    let given = flags(&[
        "--web.listen-address=:3",
        "--cluster.label=north",
        "--enable-feature=classic-mode",
    ]);
    let settings = load_as(Language::Yaml, &text, &given).unwrap().settings;
    assert_eq!(settings.web.listen_addresses.len(), 1);
    assert_eq!(settings.web.listen_addresses[0].port, 3);
    assert_eq!(settings.web.timeout, Duration::from_secs(5));
    assert_eq!(settings.cluster.label, "north");
    assert_eq!(settings.storage.path, Path::new("/var/x"));
    assert_eq!(settings.storage.retention, Duration::from_secs(120 * 3600));
    assert_eq!(settings.grammar(), Grammar::Classic);
}

#[test]
fn systemds_state_directory_is_the_default_of_the_storage() {
    let state_directory = Some(Path::new("/var/lib/bellwether"));
    let path = |text: &str, args: &[&str]| {
        let flags = &flags(args);
        let options =
            Options { file: Path::new("x.yml"), language: Language::Yaml, flags, state_directory };
        Config::load(text.as_bytes(), &options).unwrap().settings.storage.path
    };
    assert_eq!(path(MINIMAL, &[]), Path::new("/var/lib/bellwether"));
    let in_file = format!("{MINIMAL}storage: {{path: x}}");
    assert_eq!(path(&in_file, &[]), Path::new("x"));
    assert_eq!(path(&in_file, &["--storage.path=y"]), Path::new("y"));
}

#[test]
fn flags_that_break_a_rule_are_errors_too() {
    let told = load_as(Language::Yaml, MINIMAL, &flags(&["--cluster.multicast"])).unwrap_err();
    assert!(
        told.to_string().starts_with("etc/x.yml: cluster.multicast: multicast needs a key"),
        "{told}"
    );
}

#[test]
fn an_existing_files_globals_load() {
    let text = format!(
        "{MINIMAL}global:\n  smtp_from: a@b\n  smtp_smarthost: mail:submission\n  smtp_auth_password: geheim\n  \
         slack_api_url: https://hooks.slack.com/x\n  pagerduty_url: https://example.org/\n  smtp_tls_config: {{}}\n"
    );
    let original = yaml(&text).config.original;
    assert!(original.contains("  smtp_auth_password: <secret>\n"), "{original}");
    assert!(original.contains("  slack_api_url: <secret>\n"), "{original}");
    assert!(!original.contains("geheim") && !original.contains("hooks.slack.com"), "{original}");
}

#[test]
fn the_default_prints_to_the_log() {
    let loaded = toml(DEFAULT);
    assert_eq!(loaded.settings, Settings::default());
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.receivers[0].integrations[0].kind, IntegrationKind::Log);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), is_toml: bool) {
        let language = if is_toml { Language::Toml } else { Language::Yaml };
        let flags = &Flags::default();
        let options = Options { file: Path::new("x"), language, flags, state_directory: None };
        if let Err(errors) = Config::load(&bytes, &options) {
            prop_assert!(!errors.problems.is_empty());
        }
    }

    /// A good configuration with some of its bytes changed reaches further than noise.
    #[test]
    fn a_damaged_configuration_never_panics(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        is_toml: bool,
    ) {
        let (language, text) =
            if is_toml { (Language::Toml, BOTH_TOML) } else { (Language::Yaml, BOTH_YAML) };
        let mut bytes = text.as_bytes().to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let flags = &Flags::default();
        let options = Options { file: Path::new("x"), language, flags, state_directory: None };
        if let Err(errors) = Config::load(&bytes, &options) {
            prop_assert!(!errors.problems.is_empty());
        }
    }
}
