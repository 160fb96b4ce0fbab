//! Whole configurations as they are read, and the errors of wrong ones.

mod http;
mod reference;
mod secrets;
mod wrong;

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::{
    Authorization, DEFAULT, Environment, Flags, GroupBy, Integration, Language, Secret, Value,
    flags,
};
use crate::limits::{CONTINUING_ROUTES_MAX, EXPECT_PERIOD_MIN, HEARTBEAT_PERIOD_MIN, ROUTES_MAX};

fn load_as(language: Language, text: &str, flags: &Flags) -> Result<Loaded, Errors> {
    let file = match language {
        Language::Toml => Path::new("etc/x.toml"),
        Language::Yaml => Path::new("etc/x.yml"),
    };
    Config::load(
        text.as_bytes(),
        &LoadOptions {
            file,
            language,
            flags,
            environment: &Environment::default(),
            schemas: crate::notify::SCHEMAS,
        },
    )
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

fn webhook(loaded: &Loaded, receiver: usize, index: usize) -> Integration {
    loaded.config.receivers[receiver].integrations[index].clone()
}

/// Follows a minimal configuration, at line 6.
const MINIMAL: &str = "route:\n  receiver: default\nreceivers:\n- name: default\n\n";

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
    assert_eq!(ops.labels.to_labels().to_string(), r#"{team="edge", tier="1"}"#);
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
    assert!(!inherits.http.follow_redirects);
    let secret = |text: &str| Secret::Inline(text.into());
    let header = |secret| ("X-Site".to_owned(), secret);
    let file = header(Secret::File("etc/c".into()));
    assert_eq!(inherits.http.headers, [header(secret("a")), header(secret("b")), file]);
    let url = match inherits.values.get("url") {
        Some(Value::Template(template)) => template.source.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(url, "http://user:pw@10.0.0.1:8080/hook");
    assert_eq!(inherits.values.number("max_alerts"), 5);
    assert_eq!(inherits.values.duration("timeout"), Some(Duration::from_millis(1500)));

    assert!(own.http.follow_redirects && own.http.headers.is_empty());
    let file = Value::Secret(Secret::File("etc/hook.url".into()));
    assert_eq!(own.values.get("url"), Some(&file));
    let bearer = Authorization::Scheme("Bearer".to_owned(), Secret::File("etc/token".into()));
    assert_eq!(own.http.authorization, bearer);
    assert_eq!(loaded.templates, [Path::new("etc/t/*.tmpl"), Path::new("/abs/*.tmpl")]);
}

#[test]
fn msteamsv2_alone_keeps_the_global_proxy_beside_its_own_http_config() {
    let proxy = |section: &str, global: &str, own: &str| {
        let loaded = yaml(&format!(
            "{MINIMAL}  {section}: [{{{}: 'http://x', http_config: {{{own}}}}}]\nglobal: {{http_config: {{{global}}}}}\n",
            if section == "webhook_configs" { "url" } else { "webhook_url" }
        ));
        webhook(&loaded, 0, 0).http.proxy.https.as_ref().map(ToString::to_string)
    };
    let (global, own) = ("proxy_url: 'http://all', no_proxy: x", "follow_redirects: false");
    assert_eq!(proxy("msteamsv2_configs", global, own).as_deref(), Some("http://all"));
    assert_eq!(proxy("msteams_configs", global, own), None);
    assert_eq!(proxy("webhook_configs", global, own), None);
    let named = proxy("msteamsv2_configs", global, "proxy_url: 'http://own'");
    assert_eq!(named.as_deref(), Some("http://own"));
    for (global, own) in
        [(global, "proxy_from_environment: true"), ("proxy_from_environment: true", own)]
    {
        assert_eq!(proxy("msteamsv2_configs", global, own), None, "{global} {own}");
    }
}

#[test]
fn a_doubtful_setting_is_a_warning() {
    let told: Vec<String> = toml(BOTH_TOML).warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
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
fn sections_without_effect_are_accepted_and_told() {
    let loaded = yaml(
        "route: {receiver: a}\nreceivers: [{name: a}]\ntracing: {endpoint: x}\nevent_recorder: {stdout_outputs: [{name: b}]}\n",
    );
    let told: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    for (line, section) in [(3, "tracing"), (4, "event_recorder")] {
        let begin = format!("{line}: {section}: has no effect here: no ");
        assert!(told.iter().any(|text| text.starts_with(&begin)), "{told:?}");
    }
}

#[test]
fn features_without_effect_are_told_once() {
    let enabled = "--enable-feature=alert-names-in-metrics,classic-mode,receiver-name-in-metrics";
    let loaded = load_as(Language::Yaml, MINIMAL, &flags(&[enabled])).unwrap();
    let told: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    let note = |feature| format!("--enable-feature: {feature}: has no effect here: metrics ");
    let expected = ["alert-names-in-metrics", "receiver-name-in-metrics"].map(note);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().zip(&expected).all(|(told, note)| told.starts_with(note)), "{told:?}");
    let text = format!("{MINIMAL}features: {{enable: [group-key-in-metrics]}}\n");
    let loaded = load_as(Language::Yaml, &text, &flags(&[])).unwrap();
    let (place, line) = (loaded.warnings[0].to_string(), text.lines().count());
    let expected = format!("{line}: features.enable: group-key-in-metrics: has no effect here: ");
    assert!(place.starts_with(&expected), "{place}");
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
    assert_eq!(settings.web.listen_addresses[0].to_string(), ":3");
    assert_eq!(settings.web.timeout, Duration::from_secs(5));
    assert_eq!(settings.cluster.label, "north");
    assert_eq!(settings.storage.path, Path::new("/var/x"));
    assert_eq!(settings.storage.retention, Duration::from_secs(120 * 3600));
    assert_eq!(settings.grammar(), Grammar::Classic);
}

#[test]
fn systemds_state_directory_is_the_default_of_the_storage() {
    let environment = &Environment {
        state_directory: Some("/var/lib/bellwether".into()),
        ..Environment::default()
    };
    let path = |text: &str, args: &[&str]| {
        let flags = &flags(args);
        let options = LoadOptions {
            file: Path::new("x.yml"),
            language: Language::Yaml,
            flags,
            environment,
            schemas: crate::notify::SCHEMAS,
        };
        Config::load(text.as_bytes(), &options).unwrap().settings.storage.path
    };
    assert_eq!(path(MINIMAL, &[]), Path::new("/var/lib/bellwether"));
    let in_file = format!("{MINIMAL}storage: {{path: x}}");
    assert_eq!(path(&in_file, &[]), Path::new("x"));
    assert_eq!(path(&in_file, &["--storage.path=y"]), Path::new("y"));
}

#[test]
fn flags_that_break_a_rule_are_errors_too_and_stand_in_no_file() {
    for (flag, told) in [
        ("--cluster.multicast", "--cluster.multicast: multicast needs a key"),
        ("--web.external-url=gw", "--web.external-url: unsupported scheme"),
        ("--enable-feature=classic-mode,utf8-strict-mode", "--enable-feature: classic-mode and"),
    ] {
        let errors = load_as(Language::Yaml, MINIMAL, &flags(&[flag])).unwrap_err();
        assert!(errors.to_string().starts_with(told), "{errors}");
    }
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
    assert_eq!(loaded.config.receivers[0].integrations[0].name(), "log");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), is_toml: bool) {
        let language = if is_toml { Language::Toml } else { Language::Yaml };
        let flags = &Flags::default();
        let options = LoadOptions { file: Path::new("x"), language, flags, environment: &Environment::default(), schemas: crate::notify::SCHEMAS };
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
        let options = LoadOptions { file: Path::new("x"), language, flags, environment: &Environment::default(), schemas: crate::notify::SCHEMAS };
        if let Err(errors) = Config::load(&bytes, &options) {
            prop_assert!(!errors.problems.is_empty());
        }
    }
}

/// The output of Alertmanager's `amtool check-config` for the same texts.
#[test]
fn odd_texts_are_taken_and_refused_as_alertmanager_does() {
    let base = "route: {receiver: r, routes: [ROUTES]}\nreceivers: [{name: r}]\n";
    let of = |routes: &str, more: &str| format!("{}{more}", base.replace("ROUTES", routes));
    let interval =
        |field: &str| of("", &format!("time_intervals: [{{name: a, time_intervals: [{field}]}}]"));
    let load = |text: &str| load_as(Language::Yaml, text, &Flags::default());
    for (text, part) in [
        (of("{match_re: {a: null}}", ""), "invalid regexp value for \"a\""),
        (
            of("", "inhibit_rules: [{source_match_re: {severity: }, target_match: {a: b}}]"),
            "invalid regexp value for \"severity\"",
        ),
        (of("null", ""), "route.routes[0]: expected a route, found nothing"),
        (interval("{location: utc}"), "unknown time zone utc"),
        (of("{group_by: [a, null]}", ""), "invalid label name"),
    ] {
        let errors = load(&text).unwrap_err().to_string();
        assert!(errors.contains(part), "{text}: {errors}");
    }
    for (text, warning) in [
        (of("", "inhibit_rules: [{source_matchers: [s=x], target_matchers: [a=b], equal: [a, null]}]"), None),
        (of("{match_re: {a: ''}}", ""), Some("matches every alert without the label \"a\"")),
        (interval("{times: [null]}"), Some("never holds")),
        (interval("null"), None),
        (interval("{weekdays: [null]}"), Some("is nothing")),
        (interval("{days_of_month: [null]}"), Some("never holds")),
        (interval("{months: [null]}"), Some("never holds")),
        (interval("{years: [null]}"), Some("never holds")),
        (interval("{years: ['2027'], months: ['2'], days_of_month: ['29']}"), Some("never holds")),
        (interval("{years: ['2025:2028'], months: ['2'], days_of_month: ['29']}"), None),
        (of("", "time_intervals: [null]"), Some("is nothing")),
        (interval("{years: ['2147483648']}"), None),
        (interval("{years: ['1990']}"), Some("never holds")),
        (interval("{months: ['13']}"), Some("never holds")),
        (interval("{months: ['february'], days_of_month: ['30:31']}"), Some("never holds")),
        (interval("{months: ['february'], days_of_month: ['29']}"), None),
        (interval("{months: ['february'], days_of_month: ['-29:-28']}"), None),
        (of("", "---\nfoo: bar\n"), Some("a second document is ignored")),
        (
            "route: {receiver: r}\nreceivers: [{name: r, webhook_configs: [{url: 'http://a/', max_alerts: 1e3}]}]".to_owned(),
            None,
        ),
    ] {
        let loaded = load(&text).unwrap_or_else(|errors| panic!("{text}: {errors}"));
        let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        match warning {
            Some(part) => assert!(warnings.iter().any(|it| it.contains(part)), "{text}: {warnings:?}"),
            None => assert_eq!(warnings, Vec::<String>::new(), "{text}"),
        }
    }
}

#[test]
fn routes_their_keys_and_compiled_patterns_are_bounded() {
    let config = |routes: &str, more: &str| {
        format!("route: {{receiver: r, routes: [{routes}]}}\nreceivers: [{{name: r}}]\n{more}")
    };
    let many = |count: usize, route: &dyn Fn(usize) -> String| -> String {
        (0..count).map(route).collect::<Vec<_>>().join(", ")
    };
    let plain = |n: usize| format!("{{matchers: [a={n}]}}");
    yaml(&config(&many(ROUTES_MAX - 1, &plain), ""));
    let error = errors(Language::Yaml, &config(&many(ROUTES_MAX, &plain), ""));
    assert!(error.contains("more than 10000 routes: write several as one"), "{error}");
    let below = many(400, &plain);
    let above = format!("{{matchers: ['a=~\"{}\"'], routes: [{below}]}}", "x|".repeat(8_000));
    let error = errors(Language::Yaml, &config(&above, ""));
    assert!(error.contains("of all above each need more than 8388608 bytes"), "{error}");
    let pattern = |n: usize| format!("'a=~\".*[x-z]{n}\"'");
    let regexes = many(5_000, &|n| format!("{{matchers: [{}]}}", pattern(n)));
    let error = errors(Language::Yaml, &config(&regexes, ""));
    assert!(
        error.contains("routes, inhibit_rules, expect and silence need")
            && error.contains("at most"),
        "{error}"
    );
    let matchers = many(5, &pattern);
    let rule = format!("{{source_matchers: [{matchers}], target_matchers: [{matchers}]}}");
    let rules = format!("inhibit_rules: [{}]", many(1_000, &|_| rule.clone()));
    let error = errors(Language::Yaml, &config("", &rules));
    assert!(error.contains("routes, inhibit_rules, expect and silence need"), "{error}");
    let matchers = many(50, &pattern);
    let expected = many(100, &|n| format!("{{name: e{n}, period: 1h, matchers: [{matchers}]}}"));
    let error = errors(Language::Yaml, &config("", &format!("expect: [{expected}]")));
    assert!(error.contains("routes, inhibit_rules, expect and silence need"), "{error}");
    yaml(&config(&many(2_000, &|n| format!("{{matchers: [{}]}}", pattern(n))), ""));
}

#[test]
fn so_many_routes_may_say_continue() {
    let config = |count: usize| {
        let route = "{matchers: [a=b], continue: true}, ".repeat(count);
        format!(
            "route: {{receiver: r, routes: [{route}{{matchers: [c=d]}}]}}\nreceivers: [{{name: r}}]"
        )
    };
    yaml(&config(CONTINUING_ROUTES_MAX));
    let error = errors(Language::Yaml, &config(CONTINUING_ROUTES_MAX + 1));
    let said = "more than 1000 routes say continue: write several as one";
    assert_eq!(error.matches(said).count(), 1, "{error}");
}

#[test]
fn a_period_is_so_long_at_least() {
    let config =
        |section: &str| format!("route: {{receiver: r}}\nreceivers: [{{name: r}}]\n{section}\n");
    yaml(&config("expect: [{name: a, period: 1s}]"));
    yaml(&config("heartbeat: [{name: a, url: 'http://x/', period: 10s}]"));
    for (section, least) in [
        ("expect: [{name: a, period: 999ms}]", EXPECT_PERIOD_MIN),
        ("heartbeat: [{name: a, url: 'http://x/', period: 9999ms}]", HEARTBEAT_PERIOD_MIN),
    ] {
        let error = errors(Language::Yaml, &config(section));
        assert!(error.contains(&format!("period must be at least {least:?}")), "{error}");
    }
}
