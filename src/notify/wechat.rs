//! `wechat_configs`: a message in an application of the service. A token is fetched first, and used for two hours.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::config::{Key, Schema, Takes};
use crate::notify::json::{post, send};
use crate::notify::text::{at, pairs};
use crate::notify::{
    Cause, Failure, Message, Outgoing, Reply, RequestStep, SecretText, Type, Verdict,
};

/// How long a token is good for.
const TOKEN_LIFE: Duration = Duration::from_secs(2 * 3600);
/// The codes for a token that is not, or no longer, right: the next attempt fetches another.
const WRONG_TOKEN: [i64; 2] = [40_014, 42_001];

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "wechat",
        section: "wechat_configs",
        send_resolved: false,
        address: "api_url",
        body: "message",
        keys: &[
            Key::new("api_secret", Takes::SecretTemplate("api_secret_file"))
                .or_global("wechat_api_secret")
                .required(),
            Key::template("corp_id", "").or_global("wechat_api_corp_id").required(),
            Key::template("message", r#"{{ template "wechat.default.message" . }}"#),
            Key::new("api_url", Takes::Url).or_global("wechat_api_url").required(),
            Key::template("to_user", r#"{{ template "wechat.default.to_user" . }}"#),
            Key::template("to_party", r#"{{ template "wechat.default.to_party" . }}"#),
            Key::template("to_tag", r#"{{ template "wechat.default.to_tag" . }}"#),
            Key::template("agent_id", r#"{{ template "wechat.default.agent_id" . }}"#),
            Key::new("message_type", Takes::Choice(&["text", "markdown"])).or("text"),
        ],
        globals: &[
            Key::new("wechat_api_url", Takes::Url).or("https://qyapi.weixin.qq.com/cgi-bin/"),
            Key::new("wechat_api_secret", Takes::SecretTemplate("wechat_api_secret_file")),
            Key::template("wechat_api_corp_id", ""),
        ],
        ..Schema::HTTP
    },
    request,
    each: None,
    judge,
};

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let Some(token) = message.step.state.first() else {
        let query =
            pairs([("corpid", values.text("corp_id")), ("corpsecret", values.text("api_secret"))]);
        return send(
            message,
            "GET",
            &at(values.text("api_url"), &format!("gettoken?{query}")),
            Vec::new(),
            SecretText::default(),
        );
    };
    let text = values.text("message");
    let (kind, content) = (values.text("message_type"), json!({ "content": text }));
    let mut body = json!({
        "msgtype": kind,
        "safe": "0",
        "text": { "content": "" },
        "markdown": { "content": "" },
    });
    body[kind] = content;
    for (name, key) in [
        ("touser", "to_user"),
        ("toparty", "to_party"),
        ("totag", "to_tag"),
        ("agentid", "agent_id"),
    ] {
        if values.has(key) {
            body[name] = Json::from(values.text(key));
        }
    }
    let query = pairs([("access_token", token.as_str())]);
    post(message, &at(values.text("api_url"), &format!("message/send?{query}")), &body)
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    errcode: i64,
    #[serde(default)]
    errmsg: String,
    #[serde(default)]
    access_token: String,
}

fn judge(message: &Message<'_>, reply: &Reply) -> Verdict {
    let Reply::Http { status, body, retry_after } = reply else { return Verdict::of(reply, &[]) };
    let is_token = message.step.name.is_empty();
    let failure = |cause, why: String| Failure { cause, why: format!("wechat: {why}") };
    let Ok(answer) = serde_json::from_str::<Answer>(body) else {
        let why = format!("unexpected answer with status code {status}: {body}");
        let failure = failure(Cause::of_status(*status), why);
        let is_final = is_token && *status == 200;
        return if is_final {
            Verdict::Refused(failure)
        } else {
            Verdict::Retry(failure, *retry_after)
        };
    };
    match (is_token, *status, answer.errcode) {
        (true, ..) if !answer.access_token.is_empty() => {
            let step = RequestStep { name: "send", state: vec![answer.access_token] };
            Verdict::NextFor(step, TOKEN_LIFE)
        }
        (true, ..) => {
            let why = format!("no token for this corp_id and api_secret: {}", answer.errmsg);
            Verdict::Refused(failure(Cause::Auth, why))
        }
        (false, 200, 0) => Verdict::Sent,
        (false, 200, code) if WRONG_TOKEN.contains(&code) => {
            Verdict::Retry(failure(Cause::Auth, answer.errmsg), None)
        }
        (false, 200, _) => Verdict::Refused(failure(Cause::Client, answer.errmsg)),
        (false, status, _) => {
            let why = format!("unexpected status code {status}");
            Verdict::Retry(failure(Cause::of_status(status), why), *retry_after)
        }
    }
}
