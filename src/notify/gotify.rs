//! `gotify_configs`: a message of an application of a Gotify server. Bellwether's own.

use serde_json::json;

use crate::config::schema::Origin;
use crate::config::{Key, Schema, Takes};
use crate::notify::json::post_with;
use crate::notify::text::{at, number};
use crate::notify::{Message, Outgoing, SecretText, Type, Verdict};

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "gotify",
        section: "gotify_configs",
        origin: Origin::Ours,
        address: "url",
        body: "message",
        keys: &[
            Key::new("url", Takes::Url).required(),
            Key::secret("token", "token_file").required().in_header(),
            Key::template("title", r#"{{ template "__subject" . }}"#),
            Key::template("message", r#"{{ template "pushover.default.message" . }}"#),
            Key::template("priority", r#"{{ if eq .Status "firing" }}8{{ else }}4{{ end }}"#),
            Key::bool("markdown", "false"),
            Key::template("click", ""),
        ],
        ..Schema::HTTP
    },
    request,
    each: None,
    judge: |_, reply| Verdict::of(reply, &[429]),
};

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let priority = number(values.text("priority"), 5);
    let kind = if values.is("markdown") { "text/markdown" } else { "text/plain" };
    let mut extras = json!({ "client::display": { "contentType": kind } });
    if values.has("click") {
        extras["client::notification"] = json!({ "click": { "url": values.text("click") } });
    }
    let text = Some(values.text("message").trim()).filter(|text| !text.is_empty());
    let body = json!({
        "title": values.text("title"),
        // An empty message is refused.
        "message": text.unwrap_or("(no details)"),
        "priority": priority.min(10),
        "extras": extras,
    });
    let credentials = [("X-Gotify-Key", SecretText::secret(values.text("token")))];
    post_with(message, &at(values.text("url"), "message"), credentials, &body)
}
