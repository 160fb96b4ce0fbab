//! `opsgenie_configs`: an alert of Opsgenie, or of Jira Service Management by its `api_url`.

use serde_json::{Map, Value as Json, json};

use crate::config::schema::Around;
use crate::config::{Key, Schema, Takes, Value, Values};
use crate::notify::json::{object, send};
use crate::notify::text::{at, cut, group_hash, list};
use crate::notify::{Message, Outgoing, Reply, RequestStep, SecretText, Type, Verdict};

/// Opsgenie's limit, in characters.
const MESSAGE_CHARS_MAX: usize = 130;

const RESPONDER_TYPES: [&str; 5] = ["team", "teams", "user", "escalation", "schedule"];

const RESPONDERS: &[Key] = &[
    Key::template("id", ""),
    Key::template("name", ""),
    Key::template("username", ""),
    Key::template("type", ""),
];

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "opsgenie",
        section: "opsgenie_configs",
        incidents: true,
        address: "api_url",
        body: "description",
        keys: &[
            Key::new("api_key", Takes::SecretTemplate("api_key_file"))
                .or_global("opsgenie_api_key")
                .in_header()
                .required(),
            Key::new("api_url", Takes::Url).or_global("opsgenie_api_url").required(),
            Key::template("message", r#"{{ template "opsgenie.default.message" . }}"#),
            Key::template("description", r#"{{ template "opsgenie.default.description" . }}"#),
            Key::template("source", r#"{{ template "opsgenie.default.source" . }}"#),
            Key::new("details", Takes::Map),
            Key::template("entity", ""),
            Key::new("responders", Takes::Tables(RESPONDERS)),
            Key::template("actions", ""),
            Key::template("tags", ""),
            Key::template("note", ""),
            Key::template("priority", ""),
            Key::bool("update_alerts", "false"),
        ],
        globals: &[
            Key::new("opsgenie_api_url", Takes::Url).or("https://api.opsgenie.com/"),
            Key::new("opsgenie_api_key", Takes::SecretTemplate("opsgenie_api_key_file"))
                .in_header(),
        ],
        check: responders_are_named,
        ..Schema::HTTP
    },
    request,
    each: None,
    judge,
};

fn responders_are_named(values: &mut Values, _: &Around<'_>) -> Vec<String> {
    let mut errors = Vec::new();
    for responder in values.tables("responders") {
        if !["id", "name", "username"].iter().any(|key| responder.has(key)) {
            errors.push("responders: one of id, name and username must be set".to_owned());
        }
        let Some(Value::Template(kind)) = responder.get("type") else {
            errors.push("responders: missing type".to_owned());
            continue;
        };
        let is_known = RESPONDER_TYPES.contains(&kind.source.to_lowercase().as_str());
        if !is_known && !kind.source.contains("{{") {
            let known = RESPONDER_TYPES.join(", ");
            errors.push(format!(
                "responders: type: expected one of {known}, found {:?}",
                kind.source
            ));
        }
    }
    errors
}

/// The requests for firing alerts: the alert is made, and with `update_alerts` its texts are then set, since one that is open
/// already keeps those it has.
fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let alias = group_hash(message.notification);
    let text = cut(values.text("message"), MESSAGE_CHARS_MAX);
    let (method, path, body) = match message.step.name {
        "message" => (
            "PUT",
            format!("v2/alerts/{alias}/message?identifierType=alias"),
            object([("message", text.into())]),
        ),
        "description" => (
            "PUT",
            format!("v2/alerts/{alias}/description?identifierType=alias"),
            object([("description", values.text("description").into())]),
        ),
        _ if message.notification.resolved() => (
            "POST",
            format!("v2/alerts/{alias}/close?identifierType=alias"),
            json!({ "source": values.text("source") }),
        ),
        _ => ("POST", "v2/alerts".to_owned(), created(message, &alias, &text)),
    };
    let key = format!("GenieKey {}", values.text("api_key"));
    send(
        message,
        method,
        &at(values.text("api_url"), &path),
        vec![
            ("Content-Type".to_owned(), SecretText::from("application/json")),
            ("Authorization".to_owned(), SecretText::secret(&key)),
        ],
        SecretText::from(body.to_string()),
    )
}

fn created(message: &Message<'_>, alias: &str, text: &str) -> Json {
    let values = message.values;
    let of = |key: &str| Json::from(values.text(key));
    let common = message.notification.common_labels();
    let common = common.iter().map(|(name, value)| (name.to_owned(), Json::from(value)));
    let own = values.map("details").map(|(name, value)| (name.to_owned(), Json::from(value)));
    let details: Map<String, Json> = common.chain(own).collect();
    let mut body = object([
        ("description", of("description")),
        ("responders", responders(values).into()),
        ("tags", list(values.text("tags")).into()),
        ("note", of("note")),
        ("priority", of("priority")),
        ("entity", of("entity")),
        ("actions", list(values.text("actions")).into()),
    ]);
    body["alias"] = alias.into();
    body["message"] = text.into();
    body["details"] = Json::Object(details);
    body["source"] = of("source");
    body
}

/// Those that are not empty; `teams` is one responder for each name in a list.
fn responders(values: &Values) -> Vec<Json> {
    let mut responders = Vec::new();
    for it in values.tables("responders") {
        let (name, kind) = (it.text("name"), it.text("type"));
        if kind == "teams" {
            let teams = list(name).into_iter();
            responders.extend(teams.map(|team| json!({ "name": team, "type": "team" })));
        } else if ["id", "name", "username", "type"].iter().any(|key| it.has(key)) {
            let mut responder = object([
                ("id", it.text("id").into()),
                ("name", name.into()),
                ("username", it.text("username").into()),
            ]);
            responder["type"] = kind.into();
            responders.push(responder);
        }
    }
    responders
}

fn judge(message: &Message<'_>, reply: &Reply) -> Verdict {
    let verdict = Verdict::of(reply, &[429]);
    let updates = message.values.is("update_alerts") && !message.notification.resolved();
    let next = |name| Verdict::Next(RequestStep { name, state: Vec::new() });
    match (message.step.name, verdict) {
        ("", Verdict::Sent) if updates => next("message"),
        ("message", Verdict::Sent) => next("description"),
        (_, verdict) => verdict,
    }
}
