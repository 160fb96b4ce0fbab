//! The reference, `configs/reference.toml`, is equal to the code.

use std::collections::BTreeSet;

use super::super::*;
use crate::config::{Environment, Flags, Language};

const REFERENCE: &str = include_str!("../../../../configs/reference.toml");

fn options<'a>(flags: &'a Flags, environment: &'a Environment) -> LoadOptions<'a> {
    LoadOptions {
        file: Path::new("x"),
        language: Language::Toml,
        flags,
        environment,
        schemas: crate::notify::SCHEMAS,
    }
}

/// The reference without what it says of defaults.
const REFERENCE_BARE: &str = r#"
[route]
receiver = "default"
[[route.routes]]
receiver = "hooks"
matchers = ['severity="critical"']
[[receivers]]
name = "default"
log_configs = [{}]
[[receivers]]
name = "hooks"
webhook_configs = [{ url = "http://127.0.0.1:5001/" }]
email_configs = [{ to = "ann@example.org", from = "gateway@example.org", smarthost = "localhost:25" }]
[[receivers]]
name = "services"
slack_configs = [{ api_url = "http://127.0.0.1:5001/" }]
pagerduty_configs = [{ routing_key = "0123456789abcdef0123456789abcdef" }]
opsgenie_configs = [{ api_key = "key" }]
victorops_configs = [{ api_key = "key", routing_key = "gateways" }]
pushover_configs = [{ user_key = "key", token = "token" }]
telegram_configs = [{ bot_token = "1:token", chat_id = -1 }]
discord_configs = [{ webhook_url = "http://127.0.0.1:5001/" }]
msteams_configs = [{ webhook_url = "http://127.0.0.1:5001/" }]
msteamsv2_configs = [{ webhook_url = "http://127.0.0.1:5001/" }]
webex_configs = [{ room_id = "room", http_config = { authorization = { credentials = "token" } } }]
wechat_configs = [{ api_secret = "secret", corp_id = "corp" }]
sns_configs = [{ topic_arn = "arn:aws:sns:eu-central-1:1:alerts" }]
jira_configs = [{ api_url = "http://127.0.0.1:5001/rest/api/2", project = "OPS", issue_type = "Bug" }]
mattermost_configs = [{ webhook_url = "http://127.0.0.1:5001/" }]
rocketchat_configs = [{ token_id = "id", token = "token" }]
incidentio_configs = [{ url = "http://127.0.0.1:5001/", alert_source_token = "token" }]
ntfy_configs = [{ topic = "alerts" }]
gotify_configs = [{ url = "http://127.0.0.1:5001/", token = "token" }]
[[receivers]]
name = "here"
alertmanager_configs = [{ url = "http://127.0.0.1:9095/" }]
exec_configs = [{ command = ["/usr/local/bin/buzzer"] }]
file_configs = [{ path = "/run/alerts.json" }]
mqtt_configs = [{ broker = "mqtt://localhost" }]
syslog_configs = [{}]
[[expect]]
name = "watchdog"
matchers = ['alertname="Watchdog"']
period = "5m"
[[heartbeat]]
name = "healthchecks"
url = "http://127.0.0.1:5001/"
[[silence]]
name = "maintenance"
matchers = ['site="north"']
[[inhibit_rules]]
source_matchers = ['severity="critical"']
target_matchers = ['severity="warning"']
equal = ["alertname"]
[[time_intervals]]
name = "night"
[[time_intervals.time_intervals]]
times = [{ start_time = "22:00", end_time = "24:00" }]
"#;

#[test]
fn every_value_of_the_reference_is_the_default() {
    let (flags, environment) = (Flags::default(), Environment::default());
    let mut bare = Config::load(REFERENCE_BARE.as_bytes(), &options(&flags, &environment)).unwrap();
    let mut reference = Config::load(REFERENCE.as_bytes(), &options(&flags, &environment)).unwrap();
    assert_eq!(reference.warnings, []);
    bare.config.original.clear();
    reference.config.original.clear();
    assert_eq!(reference, bare);
    assert_eq!(reference.settings, Settings::default());
}

/// Keys that are known only to be refused or, being deprecated, to be warned of.
fn stays_out_of_the_reference(key: &str) -> bool {
    let refused = "tracing event_recorder edge rate_limit match match_re source_match source_match_re target_match target_match_re \
        bearer_token \
        bearer_token_file";
    refused.split_whitespace().any(|other| other == key)
}

#[test]
fn every_key_is_in_the_reference_set_or_commented_out() {
    let commented: BTreeSet<&str> = REFERENCE
        .lines()
        .filter_map(|line| line.strip_prefix("# ")?.split_once(" = "))
        .map(|(key, _)| key)
        .filter(|key| {
            key.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
        })
        .collect();

    let (tree, _) = parse(Language::Toml, REFERENCE.as_bytes()).unwrap();
    let notes = Notes::default();
    let (flags, environment) = (Flags::default(), Environment::default());
    sections(&Item::root(&notes, &tree).table().unwrap(), &options(&flags, &environment)).unwrap();
    let missing: BTreeSet<String> = notes.missing().iter().map(|path| section_path(path)).collect();
    let mut there = BTreeSet::new();
    key_paths(&tree, "", &mut there);

    let key = |path: &String| path.rsplit('.').next().unwrap_or_default().to_owned();
    for path in missing.difference(&there) {
        let key = key(path);
        let is_old_section = path == "mute_time_intervals";
        // A receiver's http_config is that of `global`, where its keys and tables are told.
        let is_told_in_global = |rest: &str| {
            there.contains(&format!("global.http_config{rest}"))
                || rest.split('.').any(|part| commented.contains(part))
        };
        let in_http = path.split_once("_configs.http_config").map(|(_, rest)| rest);
        let is_known = is_old_section
            || in_http.is_some_and(is_told_in_global)
            || commented.contains(key.as_str())
            || stays_out_of_the_reference(&key);
        assert!(is_known, "{path} is not in the reference");
    }
    let missing: BTreeSet<String> = missing.iter().map(key).collect();
    for key in commented {
        assert!(missing.contains(key), "{key} is commented out and nobody knows it");
    }
}

/// A key's path without the places in lists, and with the keys of all routes in one.
fn section_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let part = part.split('[').next().unwrap_or_default();
        if !(part == "routes" && path.contains("].")) {
            parts.push(part);
        }
    }
    parts.join(".")
}

fn key_paths(node: &Node, above: &str, paths: &mut BTreeSet<String>) {
    match &node.value {
        Value::Table(entries) => {
            for entry in entries {
                let path = format!("{above}.{}", entry.key);
                paths.insert(section_path(&path));
                key_paths(&entry.node, &path, paths);
            }
        }
        Value::List(items) => {
            for item in items {
                key_paths(item, &format!("{above}[0]"), paths);
            }
        }
        _ => {}
    }
}
