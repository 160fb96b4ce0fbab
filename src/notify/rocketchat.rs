//! `rocketchat_configs`: a message by Rocket.Chat's API.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::config::schema::Origin;
use crate::config::{Key, Schema, Takes, Values};
use crate::notify::json::{is_short, object, post_with};
use crate::notify::text::{at, cut};
use crate::notify::{Cause, Failure, Message, Outgoing, Reply, SecretText, Type, Verdict};

/// Rocket.Chat's limit, in characters.
const TITLE_CHARS_MAX: usize = 1024;

const FIELDS: &[Key] =
    &[Key::new("short", Takes::Bool), Key::template("title", ""), Key::template("value", "")];

/// Buttons. Keys without a template are read and not sent, as in Alertmanager, whose decoder of YAML made their names.
const ACTIONS: &[Key] = &[
    Key::text("type", ""),
    Key::template("text", ""),
    Key::template("url", ""),
    Key::template("msg", ""),
    Key::text("imageurl", ""),
    Key::new("iswebview", Takes::Bool),
    Key::text("webviewheightratio", ""),
    Key::new("msginchatwindow", Takes::Bool),
    Key::text("msgprocessingtype", ""),
];

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "rocketchat",
        section: "rocketchat_configs",
        origin: Origin::Newer,
        send_resolved: false,
        address: "api_url",
        body: "text",
        keys: &[
            Key::new("api_url", Takes::Url).or_global("rocketchat_api_url").required(),
            Key::secret("token_id", "token_id_file")
                .or_global("rocketchat_token_id")
                .required()
                .in_header(),
            Key::secret("token", "token_file").or_global("rocketchat_token").required().in_header(),
            Key::template("channel", ""),
            Key::template("color", r#"{{ if eq .Status "firing" }}red{{ else }}green{{ end }}"#),
            Key::template("title", r#"{{ template "rocketchat.default.title" . }}"#),
            Key::template("title_link", r#"{{ template "rocketchat.default.titlelink" . }}"#),
            Key::template("text", r#"{{ template "rocketchat.default.text" . }}"#),
            Key::new("fields", Takes::Tables(FIELDS)),
            Key::bool("short_fields", "false"),
            Key::template("emoji", r#"{{ template "rocketchat.default.emoji" . }}"#),
            Key::template("icon_url", r#"{{ template "rocketchat.default.iconurl" . }}"#),
            Key::template("image_url", ""),
            Key::template("thumb_url", ""),
            Key::bool("link_names", "false"),
            Key::new("actions", Takes::Tables(ACTIONS)),
        ],
        globals: &[
            Key::new("rocketchat_api_url", Takes::Url).or("https://open.rocket.chat/").newer(),
            Key::secret("rocketchat_token", "rocketchat_token_file").in_header().newer(),
            Key::secret("rocketchat_token_id", "rocketchat_token_id_file").in_header().newer(),
        ],
        ..Schema::HTTP
    },
    request,
    each: None,
    judge,
};

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let text = |key: &str| Json::from(values.text(key));
    let attachment = object([
        ("title", cut(values.text("title"), TITLE_CHARS_MAX).into()),
        ("title_link", text("title_link")),
        ("text", text("text")),
        ("image_url", text("image_url")),
        ("thumb_url", text("thumb_url")),
        ("color", text("color")),
        ("fields", values.tables("fields").map(|it| field(values, it)).collect()),
        ("actions", values.tables("actions").map(action).collect()),
    ]);
    let body = object([
        ("channel", text("channel")),
        ("emoji", text("emoji")),
        ("avatar", text("icon_url")),
        ("attachments", vec![attachment].into()),
    ]);
    let secret = |key: &str| SecretText::secret(values.text(key));
    let credentials = [("X-Auth-Token", secret("token")), ("X-User-Id", secret("token_id"))];
    post_with(message, &at(values.text("api_url"), "api/v1/chat.postMessage"), credentials, &body)
}

fn field(values: &Values, field: &Values) -> Json {
    let mut json =
        object([("title", field.text("title").into()), ("value", field.text("value").into())]);
    json["short"] = is_short(values, field).into();
    json
}

fn action(action: &Values) -> Json {
    let mut json = object([
        ("type", "button".into()),
        ("text", action.text("text").into()),
        ("url", action.text("url").into()),
        ("msg", action.text("msg").into()),
    ]);
    json["is_webview"] = false.into();
    json["msg_in_chat_window"] = false.into();
    json
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    error: String,
}

/// A refusal may come with a status 200.
fn judge(_: &Message<'_>, reply: &Reply) -> Verdict {
    let verdict = Verdict::of(reply, &[]);
    let (Verdict::Sent, Reply::Http { body, .. }) = (&verdict, reply) else { return verdict };
    let failure = |why: String| Failure { cause: Cause::Client, why };
    match serde_json::from_str::<Answer>(body) {
        Ok(answer) if answer.success => Verdict::Sent,
        Ok(answer) => Verdict::Refused(failure(format!("rocketchat: {}", answer.error))),
        Err(_) => Verdict::Retry(failure(format!("rocketchat: unexpected answer: {body}")), None),
    }
}
