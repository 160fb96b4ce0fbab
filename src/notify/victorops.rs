//! `victorops_configs`: the REST endpoint of Splunk On-Call, which had this name once.

use serde_json::{Map, Value as Json};

use crate::config::schema::Around;
use crate::config::{Key, Schema, Takes, Values};
use crate::model::url::escape_component;
use crate::notify::json::post;
use crate::notify::text::{at, cut, group_hash};
use crate::notify::{Message, Outgoing, Type, Verdict};

/// Its limit, in characters.
const STATE_MESSAGE_CHARS_MAX: usize = 20_480;

/// Names that custom fields cannot have.
const RESERVED: [&str; 7] = [
    "routing_key",
    "message_type",
    "state_message",
    "entity_display_name",
    "monitoring_tool",
    "entity_id",
    "entity_state",
];

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "victorops",
        section: "victorops_configs",
        incidents: true,
        address: "api_url",
        body: "state_message",
        keys: &[
            Key::secret("api_key", "api_key_file").or_global("victorops_api_key").required(),
            Key::new("api_url", Takes::Url).or_global("victorops_api_url").required(),
            Key::template("routing_key", "").required(),
            Key::template("message_type", "CRITICAL"),
            Key::template("state_message", r#"{{ template "victorops.default.state_message" . }}"#),
            Key::template(
                "entity_display_name",
                r#"{{ template "victorops.default.entity_display_name" . }}"#,
            ),
            Key::template(
                "monitoring_tool",
                r#"{{ template "victorops.default.monitoring_tool" . }}"#,
            ),
            Key::new("custom_fields", Takes::Map),
        ],
        globals: &[
            Key::new("victorops_api_url", Takes::Url)
                .or("https://alert.victorops.com/integrations/generic/20131114/alert/"),
            Key::secret("victorops_api_key", "victorops_api_key_file"),
        ],
        check: fields_are_free,
        ..Schema::HTTP
    },
    request,
    each: None,
    judge: |_, reply| Verdict::of(reply, &[]),
};

fn fields_are_free(values: &mut Values, _: &Around<'_>) -> Vec<String> {
    let taken = values.names("custom_fields").filter(|name| RESERVED.contains(name));
    taken.map(|name| format!("custom_fields: {name} is a field of its own: rename it")).collect()
}

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let message_type = match values.text("message_type") {
        _ if message.notification.resolved() => "RECOVERY",
        known @ ("INFO" | "WARNING" | "CRITICAL") => known,
        _ => "CRITICAL",
    };
    let mut body = Map::new();
    let mut put = |key: &str, text: &str| body.insert(key.to_owned(), Json::from(text));
    put("message_type", message_type);
    put("entity_id", &group_hash(message.notification));
    put("entity_display_name", values.text("entity_display_name"));
    put("state_message", &cut(values.text("state_message"), STATE_MESSAGE_CHARS_MAX));
    put("monitoring_tool", values.text("monitoring_tool"));
    for (key, text) in values.map("custom_fields") {
        put(key, text);
    }
    let parts = values.text("routing_key").split('/').map(escape_component);
    // As in Alertmanager, a slash in the routing key stays one.
    let routing_key = parts.collect::<Vec<_>>().join("/");
    let path = format!("{}/{routing_key}", escape_component(values.text("api_key")));
    post(message, &at(values.text("api_url"), &path), &Json::Object(body))
}
