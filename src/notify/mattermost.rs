//! `mattermost_configs`: an incoming webhook of Mattermost.

use serde_json::{Value as Json, json};

use crate::config::schema::Origin;
use crate::config::{Key, Schema, Takes, Values};
use crate::notify::json::{object, post};
use crate::notify::text::cut;
use crate::notify::{Message, Outgoing, Type, Verdict};

/// Mattermost's limit of a message's text, in characters.
const TEXT_CHARS_MAX: usize = 16_383;

const FIELDS: &[Key] = &[
    Key::template("title", "").required(),
    Key::template("value", "").required(),
    Key::new("short", Takes::Bool),
];

/// The texts of an attachment.
const ATTACHMENT_TEXTS: [&str; 13] = [
    "fallback",
    "color",
    "pretext",
    "text",
    "author_name",
    "author_link",
    "author_icon",
    "title",
    "title_link",
    "thumb_url",
    "footer",
    "footer_icon",
    "image_url",
];

const ATTACHMENTS: &[Key] = &[
    Key::template("fallback", ""),
    Key::template("color", ""),
    Key::template("pretext", ""),
    Key::template("text", ""),
    Key::template("author_name", ""),
    Key::template("author_link", ""),
    Key::template("author_icon", ""),
    Key::template("title", ""),
    Key::template("title_link", ""),
    Key::template("thumb_url", ""),
    Key::template("footer", ""),
    Key::template("footer_icon", ""),
    Key::template("image_url", ""),
    Key::new("fields", Takes::Tables(FIELDS)),
];

const PROPS: &[Key] = &[Key::template("card", "")];

const PRIORITY: &[Key] = &[
    Key::template("priority", ""),
    Key::bool("requested_ack", "false"),
    Key::bool("persistent_notifications", "false"),
];

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "mattermost",
        section: "mattermost_configs",
        origin: Origin::Newer,
        address: "webhook_url",
        body: "text",
        keys: &[
            Key::secret_url("webhook_url", "webhook_url_file")
                .or_global("mattermost_webhook_url")
                .required(),
            Key::template("channel", ""),
            Key::template("username", r#"{{ template "mattermost.default.username" . }}"#),
            Key::template("text", r#"{{ template "mattermost.default.text" . }}"#),
            Key::template("fallback", r#"{{ template "mattermost.default.fallback" . }}"#),
            Key::template("color", r#"{{ template "mattermost.default.color" . }}"#),
            Key::template("pretext", ""),
            Key::template("author_name", ""),
            Key::template("author_link", ""),
            Key::template("author_icon", ""),
            Key::template("title", r#"{{ template "mattermost.default.title" . }}"#),
            Key::template("title_link", r#"{{ template "mattermost.default.titlelink" . }}"#),
            Key::new("fields", Takes::Tables(FIELDS)),
            Key::template("thumb_url", ""),
            Key::template("footer", ""),
            Key::template("footer_icon", ""),
            Key::template("image_url", ""),
            Key::template("icon_url", ""),
            Key::template("icon_emoji", ""),
            Key::new("attachments", Takes::Tables(ATTACHMENTS)),
            Key::template("type", ""),
            Key::new("props", Takes::Table(PROPS)),
            Key::new("priority", Takes::Table(PRIORITY)),
        ],
        globals: &[Key::secret_url("mattermost_webhook_url", "mattermost_webhook_url_file").newer()],
        ..Schema::HTTP
    },
    request,
    each: None,
    judge: |_, reply| Verdict::of(reply, &[]),
};

/// The text is that of the one attachment; where the config lists attachments, it stands above them.
fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let text = |key: &str| Json::from(values.text(key));
    let listed: Vec<Json> = values.tables("attachments").map(attachment).collect();
    let (above, attachments) = if listed.is_empty() {
        (String::new(), vec![attachment(values)])
    } else {
        (cut(values.text("text"), TEXT_CHARS_MAX), listed)
    };
    let card = values.table("props").map(|it| it.text("card")).unwrap_or_default();
    let body = object([
        ("text", above.into()),
        ("channel", text("channel")),
        ("username", text("username")),
        ("icon_url", text("icon_url")),
        ("icon_emoji", text("icon_emoji")),
        ("attachments", attachments.into()),
        ("type", text("type")),
        ("props", object([("card", card.into())])),
        ("priority", values.table("priority").map(priority).unwrap_or_default()),
    ]);
    post(message, values.text("webhook_url"), &body)
}

fn attachment(values: &Values) -> Json {
    let fields = values.tables("fields").map(|field| {
        let mut json = json!({ "title": field.text("title"), "value": field.text("value") });
        if field.get("short").is_some() {
            json["short"] = field.is("short").into();
        }
        json
    });
    let texts = ATTACHMENT_TEXTS.iter().map(|key| (*key, values.text(key).into()));
    object(texts.chain([("fields", fields.collect())]))
}

/// Mattermost takes an acknowledgement for what is important, and repeats what is urgent.
fn priority(values: &Values) -> Json {
    let level = values.text("priority").to_lowercase();
    if level.is_empty() {
        return Json::Null;
    }
    let level = match level.as_str() {
        "urgent" | "important" => level.as_str(),
        _ => "standard",
    };
    object([
        ("priority", level.into()),
        ("requested_ack", (values.is("requested_ack") && level != "standard").into()),
        (
            "persistent_notifications",
            (values.is("persistent_notifications") && level == "urgent").into(),
        ),
    ])
}
