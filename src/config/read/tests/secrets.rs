//! No message shows what stands where a secret may stand, however wrong it is.

use serde_json::{Value as Json, json};

use super::*;
use crate::config::{Key, Takes};
use crate::notify::SCHEMAS;

/// Parts of values that nobody may see again.
const MARKS: [&str; 2] = ["hunter2", "98765"];

/// Keys below `http_config` that may hold a secret, and the tables on the way to them.
const HTTP: &[&str] = &[
    "",
    "authorization",
    "authorization.type",
    "authorization.credentials",
    "basic_auth",
    "basic_auth.username",
    "basic_auth.password",
    "bearer_token",
    "oauth2",
    "oauth2.client_secret",
    "oauth2.endpoint_params",
    "oauth2.endpoint_params.X",
    "oauth2.tls_config.key",
    "oauth2.proxy_url",
    "http_headers",
    "http_headers.X",
    "http_headers.X.values",
    "http_headers.X.secrets",
    "proxy_url",
    "proxy_connect_header",
    "proxy_connect_header.X",
    "tls_config",
    "tls_config.ca",
    "tls_config.cert",
    "tls_config.key",
];

/// The same below `web`.
const WEB: &[&str] = &[
    "web",
    "web.basic_auth_users",
    "web.basic_auth_users.ann",
    "web.users",
    "web.users.0",
    "web.users.0.password_hash",
    "web.tokens",
    "web.tokens.0",
    "web.tokens.0.token",
    "web.tls_server_config",
    "web.tls_server_config.cert",
    "web.tls_server_config.key",
];

/// The paths of keys that may hold a secret, and of all tables and lists on the way to them.
fn places(keys: &[Key], before: &str) -> Vec<String> {
    let mut found = Vec::new();
    for key in keys {
        let path = format!("{before}.{}", key.name);
        let below = match key.takes {
            Takes::Short(keys) | Takes::Table(keys) => places(keys, &path),
            Takes::Tables(keys) => places(keys, &format!("{path}.0")),
            takes if takes.may_be_secret() => vec![path.clone()],
            _ => continue,
        };
        if !below.is_empty() {
            found.push(path);
            found.extend(below);
        }
    }
    found
}

fn all_places() -> Vec<String> {
    let mut all: Vec<String> = ["global", "receivers", "receivers.0"].map(str::to_owned).into();
    let http = |before: &str| {
        let dot = |path: &str| if path.is_empty() { String::new() } else { format!(".{path}") };
        HTTP.iter().map(|path| format!("{before}.http_config{}", dot(path))).collect::<Vec<_>>()
    };
    all.extend(http("global"));
    for schema in SCHEMAS {
        all.extend(places(schema.globals, "global"));
        let section = format!("receivers.0.{}", schema.section);
        all.extend([section.clone(), format!("{section}.0")]);
        all.extend(places(schema.keys, &format!("{section}.0")));
    }
    all.extend(["heartbeat", "heartbeat.0", "heartbeat.0.url"].map(str::to_owned));
    all.extend(http("heartbeat.0"));
    all.extend(WEB.iter().map(|path| (*path).to_owned()));
    // All of them are read by the same function.
    let schema = SCHEMAS.iter().find(|schema| schema.http).unwrap();
    all.extend(http(&format!("receivers.0.{}.0", schema.section)));
    all
}

/// Values that hold a mark: the right kind of value and every wrong one.
fn values() -> Vec<Json> {
    vec![
        json!("hunter2"),
        json!("Bearer hunter2"),
        json!("hunter2\u{1}"),
        json!("http://hunter2:hunter2@ x"),
        json!("ftp://hunter2"),
        json!("{{ .hunter2 }}"),
        json!("{{ hunter2 "),
        json!(98_765_432),
        json!(-98_765),
        json!(98_765.25),
        json!(["hunter2"]),
        json!([98_765, ["hunter2"]]),
        json!({"X": "hunter2"}),
        json!({"X": {"secrets": "hunter2"}}),
        json!({"type": "hunter2 hunter2", "credentials": ["hunter2"]}),
    ]
}

/// A config with `value` at `path`.
fn with(path: &str, value: &Json) -> Json {
    let mut config =
        json!({"route": {"receiver": "r"}, "receivers": [{"name": "r"}], "global": {}});
    put(&mut config, path, value);
    config
}

fn put(config: &mut Json, path: &str, value: &Json) {
    let mut at = config;
    for part in path.split('.') {
        let is_index = part.parse::<usize>().is_ok();
        if is_index && !at.is_array() {
            *at = json!([{}]);
        } else if !is_index && !at.is_object() {
            *at = json!({});
        }
        at = if is_index { &mut at[0] } else { &mut at[part] };
    }
    *at = value.clone();
}

/// The places that can hold a wrong value at a time: those beside each other.
fn neighbours() -> Vec<Vec<String>> {
    let mut groups = std::collections::BTreeMap::<String, Vec<String>>::new();
    for path in all_places() {
        let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent).to_owned();
        // The ways to authorise exclude each other.
        let alone = SHOWN.iter().any(|key| path.ends_with(key)) || parent.ends_with("http_config");
        groups.entry(if alone { path.clone() } else { parent }).or_default().push(path);
    }
    groups.into_values().collect()
}

fn as_toml(value: &Json) -> String {
    match value {
        Json::Array(items) => {
            format!("[{}]", items.iter().map(as_toml).collect::<Vec<_>>().join(", "))
        }
        Json::Object(entries) => {
            let entry = |(key, value): (&String, &Json)| format!("{key:?} = {}", as_toml(value));
            format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Keys beside secrets whose right values the status shows, as Alertmanager's does.
const SHOWN: [&str; 5] = ["username", "type", "endpoint_params", "endpoint_params.X", "X.values"];

/// Everything that is told of a config with something at `path`.
fn told(language: Language, path: &str, text: &str) -> String {
    match load_as(language, text, &Flags::default()) {
        Ok(loaded) if SHOWN.iter().any(|key| path.ends_with(key)) => {
            format!("{:?}", loaded.warnings)
        }
        Ok(loaded) => format!("{}\n{:?}", loaded.config.original, loaded.warnings),
        Err(errors) => errors.to_string(),
    }
}

fn assert_hidden(language: Language, path: &str, text: &str) {
    let told = told(language, path, text);
    for mark in MARKS {
        assert!(!told.contains(mark), "{path}: {text}\n{told}");
    }
}

#[test]
fn no_message_shows_what_stands_where_a_secret_may_stand() {
    let groups = neighbours();
    assert!(groups.iter().flatten().count() > 150, "{groups:#?}");
    for paths in &groups {
        for value in values() {
            let mut config = with("global", &json!({}));
            for path in paths {
                put(&mut config, path, &value);
            }
            let path = &paths[0];
            assert_hidden(Language::Yaml, path, &config.to_string());
            // Texts are the same in both languages.
            if value.is_string() {
                continue;
            }
            let Json::Object(sections) = &config else { panic!("{config}") };
            let lines = sections.iter().map(|(name, it)| format!("{name} = {}\n", as_toml(it)));
            assert_hidden(Language::Toml, path, &lines.collect::<String>());
        }
    }
}

#[test]
fn a_key_of_a_table_of_secrets_may_be_a_secret_in_the_wrong_place() {
    for path in all_places().iter().filter(|path| path.contains("http_config")) {
        for key in ["Bearer hunter2", "hunter2", "http://hunter2"] {
            // Keys of the user's own are names of headers and parameters.
            let is_own = ["http_headers", "endpoint_params", "proxy_connect_header"];
            if key == "hunter2" && is_own.iter().any(|own| path.contains(own)) {
                continue;
            }
            let config = with(&format!("{path}.K"), &json!(null)).to_string();
            assert_hidden(Language::Yaml, path, &config.replace("\"K\"", &format!("{key:?}")));
        }
    }
}

#[test]
fn no_error_of_the_language_shows_a_secret() {
    for value in [
        "!hunter2",
        "!!hunter2 x",
        "*hunter2",
        "&hunter2 *x",
        "%hunter2",
        "@hunter2",
        "`hunter2",
        "\"hunter2",
        "'hunter2",
        "{hunter2",
        "[hunter2",
        "|hunter2",
        "hunter2: x: y",
        "\"\\hunter2\"",
        "- hunter2",
        "\"hunter2\" hunter2",
        "\thunter2",
        "? hunter2",
        "}hunter2",
    ] {
        let yaml = format!("global:\n  smtp_auth_password: {value}\n  slack_api_url: x\n");
        assert_hidden(Language::Yaml, value, &yaml);
        let toml = format!("[global]\nsmtp_auth_password = {value}\nx = 1\n");
        assert_hidden(Language::Toml, value, &toml);
    }
}
