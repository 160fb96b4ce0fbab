//! `pushover_configs`: a push notification on phones.

use crate::config::schema::Around;
use crate::config::{Key, Schema, Takes, Template, Value, Values};
use crate::notify::json::send;
use crate::notify::text::{cut, pairs};
use crate::notify::{Message, Outgoing, SecretText, Type, Verdict};

const URL: &str = "https://api.pushover.net/1/messages.json";

/// Pushover's limits, in characters.
const TITLE_CHARS_MAX: usize = 250;
const MESSAGE_CHARS_MAX: usize = 1024;
const URL_CHARS_MAX: usize = 512;

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "pushover",
        section: "pushover_configs",
        address: "",
        body: "message",
        keys: &[
            Key::secret("user_key", "user_key_file").required(),
            Key::secret("token", "token_file").required(),
            Key::template("title", r#"{{ template "pushover.default.title" . }}"#),
            Key::template("message", r#"{{ template "pushover.default.message" . }}"#),
            Key::template("url", r#"{{ template "pushover.default.url" . }}"#),
            Key::template("url_title", "").newer(),
            Key::template("device", "").newer(),
            Key::template("sound", ""),
            Key::template("priority", r#"{{ if eq .Status "firing" }}2{{ else }}0{{ end }}"#),
            Key::new("retry", Takes::GoDuration).or("1m"),
            Key::new("expire", Takes::GoDuration).or("1h"),
            Key::new("ttl", Takes::GoDuration).newer(),
            Key::bool("html", "false"),
            Key::bool("monospace", "false").newer(),
        ],
        check: settle,
        ..Schema::HTTP
    },
    request,
    each: None,
    judge: |_, reply| Verdict::of(reply, &[]),
};

/// With `html` the message is rendered as HTML.
fn settle(values: &mut Values, _: &Around<'_>) -> Vec<String> {
    if values.is("html") && values.is("monospace") {
        return vec!["at most one of monospace and html can be set".to_owned()];
    }
    if let (true, Some(Value::Template(template))) = (values.is("html"), values.get("message")) {
        let template = Template { html: true, ..template.clone() };
        values.set("message", Value::Template(template));
    }
    Vec::new()
}

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let secs = |key: &str| values.duration(key).unwrap_or_default().as_secs();
    let title = cut(values.text("title"), TITLE_CHARS_MAX);
    let text = cut(values.text("message"), MESSAGE_CHARS_MAX);
    let url = cut(values.text("url"), URL_CHARS_MAX);
    let (retry, expire) = (secs("retry").to_string(), secs("expire").to_string());
    let ttl = secs("ttl").to_string();
    let mut query = vec![
        ("token", values.text("token")),
        ("user", values.text("user_key")),
        ("title", &title),
        // An empty message is refused.
        ("message", Some(text.trim()).filter(|text| !text.is_empty()).unwrap_or("(no details)")),
        ("url", &url),
        ("url_title", values.text("url_title")),
        ("priority", values.text("priority")),
        ("retry", &retry),
        ("expire", &expire),
        ("device", values.text("device")),
        ("sound", values.text("sound")),
    ];
    for key in ["html", "monospace"] {
        if values.is(key) {
            query.push((key, "1"));
        }
    }
    if ttl != "0" {
        query.push(("ttl", &ttl));
    }
    send(
        message,
        "POST",
        &format!("{URL}?{}", pairs(query)),
        vec![("Content-Type".to_owned(), SecretText::from("text/plain"))],
        SecretText::default(),
    )
}
