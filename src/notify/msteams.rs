//! `msteams_configs`: a connector of a Microsoft Teams channel, which takes message cards. Microsoft has replaced them by
//! workflows: `msteamsv2_configs`.

use serde_json::json;

use crate::config::schema::Origin;
use crate::config::{Key, Schema};
use crate::notify::json::post;
use crate::notify::{Message, Outgoing, Type, Verdict};

const RED: &str = "8C1A1A";
const GREEN: &str = "2DC72D";

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "msteams",
        section: "msteams_configs",
        origin: Origin::Newer,
        address: "webhook_url",
        body: "text",
        keys: &[
            Key::secret_url("webhook_url", "webhook_url_file").required(),
            Key::template("title", r#"{{ template "msteams.default.title" . }}"#),
            Key::template("summary", r#"{{ template "msteams.default.summary" . }}"#),
            Key::template("text", r#"{{ template "msteams.default.text" . }}"#),
        ],
        ..Schema::HTTP
    },
    request,
    each: None,
    judge: |_, reply| Verdict::of(reply, &[]),
};

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let body = json!({
        "@context": "http://schema.org/extensions",
        "type": "MessageCard",
        "title": values.text("title"),
        "summary": values.text("summary"),
        "text": values.text("text"),
        "themeColor": if message.notification.resolved() { GREEN } else { RED },
    });
    post(message, values.text("webhook_url"), &body)
}
