//! `slack_configs`: an incoming webhook of Slack, or its API with the token of an app.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::config::schema::Around;
use crate::config::{Authorization, Key, Schema, Takes, Values};
use crate::notify::json::{bearer, is_short, object, post, post_with};
use crate::notify::text::cut;
use crate::notify::{Cause, Failure, Message, Outgoing, Reply, Type, Verdict};

/// Slack's limit, in characters.
const TITLE_CHARS_MAX: usize = 1024;
/// The method of Slack's API that makes a message, and the one that changes it.
const POST: &str = "chat.postMessage";
const UPDATE: &str = "chat.update";

const FIELDS: &[Key] = &[
    Key::template("title", "").required(),
    Key::template("value", "").required(),
    Key::new("short", Takes::Bool),
];

const CONFIRM: &[Key] = &[
    Key::template("title", ""),
    Key::template("text", "").required(),
    Key::template("ok_text", ""),
    Key::template("dismiss_text", ""),
];

const ACTIONS: &[Key] = &[
    Key::template("type", "").required(),
    Key::template("text", "").required(),
    Key::template("url", ""),
    Key::template("style", ""),
    Key::template("name", ""),
    Key::template("value", ""),
    Key::new("confirm", Takes::Table(CONFIRM)),
];

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "slack",
        section: "slack_configs",
        send_resolved: false,
        address: "api_url",
        body: "text",
        keys: &[
            Key::secret_url("api_url", "api_url_file").or_global("slack_api_url"),
            Key::secret("app_token", "app_token_file")
                .or_global("slack_app_token")
                .in_header()
                .not_with("api_url")
                .newer(),
            Key::new("app_url", Takes::Url).or_global("slack_app_url").newer(),
            Key::template("channel", ""),
            Key::template("username", r#"{{ template "slack.default.username" . }}"#),
            Key::template("color", r#"{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}"#),
            Key::template("title", r#"{{ template "slack.default.title" . }}"#),
            Key::template("title_link", r#"{{ template "slack.default.titlelink" . }}"#),
            Key::template("pretext", r#"{{ template "slack.default.pretext" . }}"#),
            Key::template("text", r#"{{ template "slack.default.text" . }}"#),
            Key::template("message_text", "").newer(),
            Key::new("fields", Takes::Tables(FIELDS)),
            Key::bool("short_fields", "false"),
            Key::template("footer", r#"{{ template "slack.default.footer" . }}"#),
            Key::template("fallback", r#"{{ template "slack.default.fallback" . }}"#),
            Key::template("callback_id", r#"{{ template "slack.default.callbackid" . }}"#),
            Key::template("icon_emoji", r#"{{ template "slack.default.iconemoji" . }}"#),
            Key::template("icon_url", r#"{{ template "slack.default.iconurl" . }}"#),
            Key::template("image_url", ""),
            Key::template("thumb_url", ""),
            Key::bool("link_names", "false"),
            Key::new("mrkdwn_in", Takes::Texts),
            Key::new("actions", Takes::Tables(ACTIONS)),
            Key::bool("update_message", "false").newer(),
            Key::new("timeout", Takes::GoDuration).or("0s").newer(),
        ],
        globals: &[
            Key::secret_url("slack_api_url", "slack_api_url_file"),
            Key::secret("slack_app_token", "slack_app_token_file")
                .not_with("slack_api_url")
                .in_header()
                .newer(),
            Key::new("slack_app_url", Takes::Url)
                .or("https://slack.com/api/chat.postMessage")
                .newer(),
        ],
        check: settle,
        ..Schema::HTTP
    },
    request,
    each: None,
    judge,
};

/// Either the webhook or the token stays: what the receiver says itself wins over what `global` says, and the token wins
/// over the webhook.
fn settle(values: &mut Values, around: &Around<'_>) -> Vec<String> {
    let is_authorized = !matches!(around.http.authorization, Authorization::None);
    let mut errors = Vec::new();
    if !values.is_own("app_token") && (values.is_own("api_url") || is_authorized) {
        values.clear("app_token");
    }
    if values.has("app_token") {
        values.clear("api_url");
        if is_authorized {
            errors.push("app_token and http_config.authorization cannot both be set".to_owned());
        }
    } else if !values.has("api_url") {
        errors.push(
            "one of api_url, api_url_file, app_token and app_token_file must be set, here or in global"
                .to_owned(),
        );
    }
    for action in values.tables("actions") {
        if !action.has("url") && !action.has("name") {
            errors.push("actions: one of url and name must be set".to_owned());
        }
    }
    if values.is("update_message") && !values.has("app_token") && !is_authorized {
        errors.push("update_message needs the token of an app: an incoming webhook cannot change what it has sent".to_owned());
    }
    errors
}

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let has_token = values.has("app_token");
    let url = if has_token { values.text("app_url") } else { values.text("api_url") };
    let mut body = json!({ "attachments": [attachment(values)] });
    let mut put = |key: &str, value: Json| {
        if value != "" && value != false {
            body[key] = value;
        }
    };
    put("channel", values.text("channel").into());
    put("username", values.text("username").into());
    put("icon_emoji", values.text("icon_emoji").into());
    put("icon_url", values.text("icon_url").into());
    put("link_names", values.is("link_names").into());
    put("text", values.text("message_text").into());
    let mut url = url.to_owned();
    if let (true, [ts, channel]) = (values.is("update_message"), message.remembered) {
        url = url.replace(POST, UPDATE);
        put("ts", ts.as_ref().into());
        put("channel", channel.as_ref().into());
    }
    if has_token {
        return post_with(message, &url, [bearer(values.text("app_token"))], &body);
    }
    post(message, &url, &body)
}

fn attachment(values: &Values) -> Json {
    let text = |key: &str| Json::from(values.text(key));
    let mrkdwn_in: Vec<&str> = values.texts("mrkdwn_in").collect();
    let mrkdwn_in =
        if mrkdwn_in.is_empty() { vec!["fallback", "pretext", "text"] } else { mrkdwn_in };
    let mut attachment = object([
        ("title", cut(values.text("title"), TITLE_CHARS_MAX).into()),
        ("title_link", text("title_link")),
        ("pretext", text("pretext")),
        ("fields", values.tables("fields").map(|it| field(values, it)).collect()),
        ("actions", values.tables("actions").map(action).collect()),
        ("image_url", text("image_url")),
        ("thumb_url", text("thumb_url")),
        ("color", text("color")),
        ("mrkdwn_in", mrkdwn_in.into()),
    ]);
    for key in ["text", "fallback", "callback_id", "footer"] {
        attachment[key] = text(key);
    }
    attachment
}

fn field(values: &Values, field: &Values) -> Json {
    json!({ "title": field.text("title"), "value": field.text("value"), "short": is_short(values, field) })
}

/// A link, or else a button of a name.
fn action(action: &Values) -> Json {
    let text = |key: &str| Json::from(action.text(key));
    let has_url = action.has("url");
    let named = |value: Json| if has_url { Json::Null } else { value };
    let confirm = action.table("confirm").map(|confirm| {
        let text = |key: &str| Json::from(confirm.text(key));
        object([
            ("title", text("title")),
            ("text", text("text")),
            ("ok_text", text("ok_text")),
            ("dismiss_text", text("dismiss_text")),
        ])
    });
    object([
        ("type", text("type")),
        ("text", text("text")),
        ("url", text("url")),
        ("style", text("style")),
        ("name", named(text("name"))),
        ("value", named(text("value"))),
        ("confirm", named(confirm.unwrap_or_default())),
    ])
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    ts: String,
}

/// The webhook answers `ok`, the API a JSON object; either may refuse with a status 200.
fn judge(message: &Message<'_>, reply: &Reply) -> Verdict {
    let verdict = Verdict::of(reply, &[]);
    let (Verdict::Sent, Reply::Http { body, .. }) = (&verdict, reply) else { return verdict };
    let refused = |why: String| Verdict::Refused(Failure { cause: Cause::Client, why });
    match serde_json::from_str::<Answer>(body) {
        Ok(Answer { ok: true, channel, ts, .. }) => {
            let is_kept = message.values.is("update_message");
            if is_kept && !ts.is_empty() && !channel.is_empty() {
                return Verdict::Remember(vec![ts, channel]);
            }
            Verdict::Sent
        }
        Ok(answer) => refused(format!("slack: {}", answer.error)),
        Err(_) if body == "ok" => Verdict::Sent,
        Err(_) => refused(format!("slack: {body}")),
    }
}
