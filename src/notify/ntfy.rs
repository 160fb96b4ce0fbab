//! `ntfy_configs`: a message on a topic of ntfy.sh or of a server of one's own. Bellwether's own.

use serde_json::Value as Json;

use crate::config::schema::Origin;
use crate::config::{Key, Schema, Takes};
use crate::notify::json::{bearer, object, post, post_with};
use crate::notify::text::{cut_bytes, list, number};
use crate::notify::{Message, Outgoing, Type, Verdict};

/// The longest text that ntfy shows as a message; it turns a longer one into a file.
const MESSAGE_BYTES_MAX: usize = 4096;
const TITLE_BYTES_MAX: usize = 250;

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "ntfy",
        section: "ntfy_configs",
        origin: Origin::Ours,
        address: "url",
        body: "message",
        keys: &[
            Key::new("url", Takes::Url).or("https://ntfy.sh"),
            Key::template("topic", "").required(),
            Key::secret("token", "token_file").in_header(),
            Key::template("title", r#"{{ template "__subject" . }}"#),
            Key::template("message", r#"{{ template "pushover.default.message" . }}"#),
            Key::template("priority", r#"{{ if eq .Status "firing" }}4{{ else }}3{{ end }}"#),
            Key::template(
                "tags",
                r#"{{ if eq .Status "firing" }}rotating_light{{ else }}white_check_mark{{ end }}"#,
            ),
            Key::template("click", ""),
            Key::template("icon", ""),
            Key::bool("markdown", "false"),
        ],
        ..Schema::HTTP
    },
    request,
    each: None,
    judge: |_, reply| Verdict::of(reply, &[429]),
};

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let text = |key: &str| Json::from(values.text(key));
    let topic = values.text("topic");
    if topic.is_empty()
        || !topic.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
    {
        return Err(format!(
            "the topic {topic:?} has other characters than letters, digits, - and _"
        ));
    }
    let priority = number(values.text("priority"), 3);
    let body = object([
        ("topic", topic.into()),
        ("title", cut_bytes(values.text("title"), TITLE_BYTES_MAX).into()),
        ("message", cut_bytes(values.text("message").trim(), MESSAGE_BYTES_MAX).into()),
        ("priority", priority.clamp(1, 5).into()),
        ("tags", list(values.text("tags")).into()),
        ("click", text("click")),
        ("icon", text("icon")),
        ("markdown", values.is("markdown").into()),
    ]);
    if values.has("token") {
        return post_with(message, values.text("url"), [bearer(values.text("token"))], &body);
    }
    post(message, values.text("url"), &body)
}
