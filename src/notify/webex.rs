//! `webex_configs`: a message in a Webex room.

use serde_json::json;

use crate::config::schema::Around;
use crate::config::{Authorization, Key, Schema, Takes, Values};
use crate::notify::json::post;
use crate::notify::text::cut_bytes;
use crate::notify::{Message, Outgoing, Type, Verdict};

/// Webex's limit.
const MESSAGE_BYTES_MAX: usize = 7439;

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "webex",
        section: "webex_configs",
        address: "api_url",
        body: "message",
        keys: &[
            Key::new("api_url", Takes::Url).or_global("webex_api_url").required(),
            Key::template("message", r#"{{ template "webex.default.message" . }}"#),
            Key::template("room_id", "").required(),
        ],
        globals: &[Key::new("webex_api_url", Takes::Url).or("https://webexapis.com/v1/messages")],
        check: needs_authorization,
        ..Schema::HTTP
    },
    request,
    each: None,
    judge: |_, reply| Verdict::of(reply, &[]),
};

fn needs_authorization(_: &mut Values, around: &Around<'_>) -> Vec<String> {
    match around.http.authorization {
        Authorization::None => {
            vec!["missing http_config.authorization: it has the bot's token".to_owned()]
        }
        _ => Vec::new(),
    }
}

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let body = json!({
        "markdown": cut_bytes(values.text("message"), MESSAGE_BYTES_MAX),
        "roomId": values.text("room_id"),
    });
    post(message, values.text("api_url"), &body)
}
