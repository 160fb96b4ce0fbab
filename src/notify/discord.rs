//! `discord_configs`: a webhook of a Discord channel.

use serde_json::{Value as Json, json};

use crate::config::{Key, Schema};
use crate::notify::json::post;
use crate::notify::text::cut;
use crate::notify::{Message, Outgoing, Type, Verdict};

/// Discord's limits, in characters.
const TITLE_CHARS_MAX: usize = 256;
const DESCRIPTION_CHARS_MAX: usize = 4096;
const CONTENT_CHARS_MAX: usize = 2000;

const RED: u32 = 0x99_2d_22;
const GREEN: u32 = 0x2e_cc_71;

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "discord",
        section: "discord_configs",
        address: "webhook_url",
        body: "message",
        keys: &[
            Key::secret_url("webhook_url", "webhook_url_file").required(),
            Key::template("content", "").newer(),
            Key::template("title", r#"{{ template "discord.default.title" . }}"#),
            Key::template("message", r#"{{ template "discord.default.message" . }}"#),
            Key::text("username", "").newer(),
            Key::text("avatar_url", "").newer(),
        ],
        ..Schema::HTTP
    },
    request,
    each: None,
    judge: |_, reply| Verdict::of(reply, &[]),
};

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let color = if message.notification.resolved() { GREEN } else { RED };
    let mut body = json!({
        "content": cut(values.text("content"), CONTENT_CHARS_MAX),
        "embeds": [{
            "title": cut(values.text("title"), TITLE_CHARS_MAX),
            "description": cut(values.text("message"), DESCRIPTION_CHARS_MAX),
            "color": color,
        }],
    });
    for key in ["username", "avatar_url"] {
        if values.has(key) {
            body[key] = Json::from(values.text(key));
        }
    }
    post(message, values.text("webhook_url"), &body)
}
