//! `msteamsv2_configs`: a workflow of a Microsoft Teams channel, which takes adaptive cards.

use serde_json::json;

use crate::config::schema::Origin;
use crate::config::{Key, Schema};
use crate::notify::json::post;
use crate::notify::{Message, Outgoing, Type, Verdict};

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "msteamsv2",
        section: "msteamsv2_configs",
        origin: Origin::Newer,
        address: "webhook_url",
        body: "text",
        keys: &[
            Key::secret_url("webhook_url", "webhook_url_file").required(),
            Key::template("title", r#"{{ template "msteamsv2.default.title" . }}"#),
            Key::template("text", r#"{{ template "msteamsv2.default.text" . }}"#),
        ],
        ..Schema::HTTP
    },
    request,
    each: None,
    judge: |_, reply| Verdict::of(reply, &[]),
};

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let color = if message.notification.resolved() { "Good" } else { "Attention" };
    let title = json!({
        "type": "TextBlock",
        "text": values.text("title"),
        "weight": "Bolder",
        "size": "Medium",
        "wrap": true,
        "style": "heading",
        "color": color,
    });
    let text = json!({ "type": "TextBlock", "text": values.text("text"), "wrap": true });
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": [title, text],
        "msteams": { "width": "full" },
    });
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": card,
    });
    let body = json!({ "type": "message", "attachments": [attachment] });
    post(message, values.text("webhook_url"), &body)
}
