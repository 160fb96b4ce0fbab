//! `telegram_configs`: a message by a bot.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::config::schema::Around;
use crate::config::{Key, Schema, Takes, Template, Value, Values};
use crate::notify::json::post;
use crate::notify::text::{at, cut};
use crate::notify::{Cause, Failure, Message, Outgoing, Reply, Type, Verdict};

/// Telegram's limit, in characters.
const MESSAGE_CHARS_MAX: usize = 4096;

/// HTML cannot be cut: a tag that is open at the end is refused.
const TOO_LONG: &str = "Alertmanager notification could not be sent: message length exceeds Telegram limits.\n\t\t\t\
     Please check the template used for producing the message content.";

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "telegram",
        section: "telegram_configs",
        address: "api_url",
        body: "message",
        keys: &[
            Key::new("api_url", Takes::Url).or_global("telegram_api_url").required(),
            Key::secret("bot_token", "bot_token_file").or_global("telegram_bot_token").required(),
            Key::text("chat_id", ""),
            Key::new("chat_id_file", Takes::File).newer(),
            Key::new("message_thread_id", Takes::Number).newer(),
            Key::template("message", r#"{{ template "telegram.default.message" . }}"#),
            Key::bool("disable_notifications", "false"),
            Key::new("parse_mode", Takes::Choice(&["", "Markdown", "MarkdownV2", "HTML"]))
                .or("HTML"),
        ],
        globals: &[
            Key::new("telegram_api_url", Takes::Url).or("https://api.telegram.org"),
            Key::secret("telegram_bot_token", "telegram_bot_token_file").newer(),
        ],
        check: settle,
        ..Schema::HTTP
    },
    request,
    each: None,
    judge,
};

/// With the parse mode HTML the message is rendered as HTML.
fn settle(values: &mut Values, _: &Around<'_>) -> Vec<String> {
    if let ("HTML", Some(Value::Template(template))) =
        (values.text("parse_mode"), values.get("message"))
    {
        let template = Template { html: true, ..template.clone() };
        values.set("message", Value::Template(template));
    }
    let chat = values.text("chat_id").to_owned();
    match (chat.as_str(), values.get("chat_id_file")) {
        ("" | "0", None) => vec!["one of chat_id and chat_id_file must be set".to_owned()],
        ("" | "0", Some(_)) => Vec::new(),
        (_, Some(_)) => vec!["at most one of chat_id and chat_id_file can be set".to_owned()],
        (chat, None) => match chat.parse::<i64>() {
            Ok(number) => {
                values.set("chat_id", Value::Number(number));
                Vec::new()
            }
            Err(_) => vec![format!("chat_id: expected a whole number, found {chat:?}")],
        },
    }
}

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let chat = match values.text("chat_id_file") {
        "" => values.number("chat_id"),
        chat => {
            chat.parse().map_err(|_| "the file of chat_id_file has no whole number".to_owned())?
        }
    };
    let (mode, text) = (values.text("parse_mode"), values.text("message"));
    let text = match mode {
        "HTML" if text.chars().count() > MESSAGE_CHARS_MAX => TOO_LONG.to_owned(),
        "HTML" => text.to_owned(),
        _ => cut(text, MESSAGE_CHARS_MAX),
    };
    let mut body =
        json!({ "chat_id": chat.to_string(), "text": text, "disable_web_page_preview": "true" });
    let mut put = |key: &str, value: &str| body[key] = Json::from(value);
    if !mode.is_empty() {
        put("parse_mode", mode);
    }
    if values.is("disable_notifications") {
        put("disable_notification", "true");
    }
    if values.number("message_thread_id") != 0 {
        put("message_thread_id", &values.number("message_thread_id").to_string());
    }
    let path = format!("bot{}/sendMessage", values.text("bot_token"));
    post(message, &at(values.text("api_url"), &path), &body)
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    error_code: u16,
    #[serde(default)]
    description: String,
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
}

/// Every failure is worth another try, as in Alertmanager.
fn judge(_: &Message<'_>, reply: &Reply) -> Verdict {
    let Reply::Http { status, body, retry_after } = reply else { return Verdict::of(reply, &[]) };
    match serde_json::from_str::<Answer>(body) {
        // An ok with the status of an error is not of Telegram.
        Ok(Answer { ok: true, .. }) if *status < 300 => Verdict::Sent,
        Ok(answer) => {
            let code = if answer.error_code == 0 { *status } else { answer.error_code };
            let after = answer.parameters.and_then(|it| it.retry_after).map(Duration::from_secs);
            let why = format!("telegram: {} ({code})", answer.description);
            let failure = Failure { cause: Cause::of_status(code), why };
            Verdict::Retry(failure, after.or(*retry_after))
        }
        Err(_) => {
            let why = format!("unexpected answer with status code {status}: {body}");
            Verdict::Retry(Failure { cause: Cause::of_status(*status), why }, *retry_after)
        }
    }
}
