//! `pagerduty_configs`: an event, by the service's API of version 2, or of version 1 with a `service_key`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::config::schema::Around;
use crate::config::{Key, Schema, Takes, Value, Values};
use crate::notify::json::{object, post, tree};
use crate::notify::text::{cut, group_hash};
use crate::notify::{Message, Notification, Outgoing, Reply, Type, Verdict, payload};

const URL_V1: &str = "https://events.pagerduty.com/generic/2010-04-15/create_event.json";

/// The limit of a summary, in characters.
const SUMMARY_CHARS_MAX: usize = 1024;
/// The limit of an event.
const EVENT_BYTES_MAX: usize = 512_000;
const TOO_LARGE: &str =
    "Custom details have been removed because the original event exceeds the maximum size of 512KB";

const IMAGES: &[Key] =
    &[Key::template("src", ""), Key::template("alt", ""), Key::template("href", "")];
const LINKS: &[Key] = &[Key::template("href", ""), Key::template("text", "")];

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "pagerduty",
        section: "pagerduty_configs",
        incidents: true,
        address: "url",
        body: "description",
        keys: &[
            Key::new("service_key", Takes::SecretTemplate("service_key_file")),
            Key::new("routing_key", Takes::SecretTemplate("routing_key_file")),
            Key::new("url", Takes::Url).or_global("pagerduty_url").required(),
            Key::template("client", r#"{{ template "pagerduty.default.client" . }}"#),
            Key::template("client_url", r#"{{ template "pagerduty.default.clientURL" . }}"#),
            Key::template("description", r#"{{ template "pagerduty.default.description" .}}"#),
            Key::new("details", Takes::Tree),
            Key::new("images", Takes::Tables(IMAGES)),
            Key::new("links", Takes::Tables(LINKS)),
            Key::template("source", "").newer(),
            Key::template("severity", "error"),
            Key::template("class", ""),
            Key::template("component", ""),
            Key::template("group", ""),
            Key::new("timeout", Takes::GoDuration).or("0s").newer(),
        ],
        globals: &[
            Key::new("pagerduty_url", Takes::Url).or("https://events.pagerduty.com/v2/enqueue")
        ],
        check: settle,
        ..Schema::HTTP
    },
    request,
    each: None,
    judge,
};

fn settle(values: &mut Values, _: &Around<'_>) -> Vec<String> {
    let mut errors = Vec::new();
    if !values.has("service_key") && !values.has("routing_key") {
        errors.push(
            "one of routing_key, routing_key_file, service_key and service_key_file must be set"
                .to_owned(),
        );
    }
    if values.get("details").is_some_and(|it| !matches!(it, Value::Map(_))) {
        errors.push("details: expected a table".to_owned());
    }
    if values.text("severity").is_empty()
        && !matches!(values.get("severity"), Some(Value::Template(_)))
    {
        values.set("severity", Value::from_text("error"));
    }
    // The reporting agent is the source.
    if !values.has("source")
        && let Some(client) = values.get("client").cloned()
    {
        values.set("source", client);
    }
    errors
}

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let is_v1 = values.has("service_key") || !values.has("routing_key");
    let (key, url) =
        if is_v1 { ("service_key", URL_V1) } else { ("routing_key", values.text("url")) };
    if values.text(key).is_empty() {
        return Err(format!("{key} is empty"));
    }
    let event = if is_v1 { event_v1 } else { event_v2 };
    let whole = (!message.tells_more_than(EVENT_BYTES_MAX))
        .then(|| event(message, details(message)))
        .filter(|body| body.to_string().len() <= EVENT_BYTES_MAX);
    let body = whole.unwrap_or_else(|| event(message, json!({ "error": TOO_LARGE })));
    post(message, url, &body)
}

fn event_v1(message: &Message<'_>, details: Json) -> Json {
    let values = message.values;
    let resolved = message.notification.resolved();
    let client = |key: &str| if resolved { Json::Null } else { values.text(key).into() };
    let mut body = object([
        ("service_key", values.text("service_key").into()),
        ("incident_key", group_hash(message.notification).into()),
        ("event_type", if resolved { "resolve" } else { "trigger" }.into()),
        ("description", cut(values.text("description"), SUMMARY_CHARS_MAX).into()),
        ("details", details),
        ("client", client("client")),
        ("client_url", client("client_url")),
    ]);
    // Alertmanager's events of version 1 have these, empty.
    body["event_action"] = "".into();
    body["payload"] = Json::Null;
    body
}

fn event_v2(message: &Message<'_>, details: Json) -> Json {
    let values = message.values;
    let text = |key: &str| Json::from(values.text(key));
    let mut payload = object([
        ("class", text("class")),
        ("component", text("component")),
        ("group", text("group")),
        ("custom_details", details),
    ]);
    payload["summary"] = cut(values.text("description"), SUMMARY_CHARS_MAX).into();
    payload["source"] = text("source");
    payload["severity"] = text("severity");
    let with = |key: &str, needed: &str, keys: &[&str]| -> Json {
        let items = values.tables(key).filter(|it| it.has(needed));
        items
            .map(|it| keys.iter().map(|key| (*key, it.text(key))).collect::<BTreeMap<_, _>>())
            .map(|texts| json!(texts))
            .collect()
    };
    let mut body = object([
        ("routing_key", text("routing_key")),
        ("dedup_key", group_hash(message.notification).into()),
        ("client", text("client")),
        ("client_url", text("client_url")),
        ("images", with("images", "src", &["src", "alt", "href"])),
        ("links", with("links", "href", &["href", "text"])),
    ]);
    let action = if message.notification.resolved() { "resolve" } else { "trigger" };
    body["event_action"] = action.into();
    body["payload"] = payload;
    body
}

/// The value of the config, or else of the alerts.
fn details(message: &Message<'_>) -> Json {
    let mut details = match message.values.get("details").map(tree) {
        Some(Json::Object(details)) => details,
        _ => Map::new(),
    };
    for (key, value) in alerts(message.notification) {
        details.entry(key).or_insert(value);
    }
    Json::Object(details)
}

fn alerts(notification: &Notification) -> [(&'static str, Json); 4] {
    let of = |resolved: bool| -> Vec<Json> {
        let alerts = notification.alerts.iter().filter(|it| it.resolved == resolved);
        alerts.map(payload::alert_json).collect()
    };
    let (firing, resolved) = (of(false), of(true));
    [
        ("num_firing", firing.len().into()),
        ("num_resolved", resolved.len().into()),
        ("firing", firing.into()),
        ("resolved", resolved.into()),
    ]
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<String>,
}

/// Too many requests are 429 in version 2 and 403 in version 1.
fn judge(message: &Message<'_>, reply: &Reply) -> Verdict {
    let retried = if message.values.has("service_key") { 403 } else { 429 };
    match (Verdict::of(reply, &[retried]), reply) {
        (Verdict::Refused(mut failure), Reply::Http { status: 400, body, .. }) => {
            if let Ok(answer) = serde_json::from_str::<Answer>(body) {
                let errors = answer.errors.join(",");
                failure.why = format!("unexpected status code 400: {}: {errors}", answer.message);
            }
            Verdict::Refused(failure)
        }
        (verdict, _) => verdict,
    }
}
