//! `incidentio_configs`: an alert source of incident.io.

use serde_json::Value as Json;

use crate::config::schema::{Around, Origin};
use crate::config::{Authorization, Key, Schema, Takes, Values};
use crate::notify::json::{bearer, post, post_with};
use crate::notify::{Message, Outgoing, Type, Verdict, payload};

/// The limit of incident.io.
const PAYLOAD_BYTES_MAX: usize = 512 * 1024;

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "incidentio",
        section: "incidentio_configs",
        incidents: true,
        origin: Origin::Newer,
        address: "url",
        keys: &[
            Key::secret_url("url", "url_file").required(),
            Key::secret("alert_source_token", "alert_source_token_file").in_header(),
            Key::new("metadata", Takes::Map),
            Key::new("max_alerts", Takes::Number).or("0"),
            Key::new("timeout", Takes::GoDuration).or("0s"),
        ],
        check: has_one_token,
        ..Schema::HTTP
    },
    request,
    each: None,
    judge: |_, reply| Verdict::of(reply, &[429]),
};

fn has_one_token(values: &mut Values, around: &Around<'_>) -> Vec<String> {
    match (values.has("alert_source_token"), &around.http.authorization) {
        (true, Authorization::Scheme(..)) => vec![
            "alert_source_token and http_config.authorization cannot both be set".to_owned(),
        ],
        (false, Authorization::None) => vec![
            "one of alert_source_token, alert_source_token_file and http_config.authorization must be set"
                .to_owned(),
        ],
        _ => Vec::new(),
    }
}

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let whole = (!message.tells_more_than(PAYLOAD_BYTES_MAX))
        .then(|| encoded(message, values.number("max_alerts")))
        .filter(|body| body.to_string().len() <= PAYLOAD_BYTES_MAX);
    // One alert is made of a group there, so the first says the most.
    let body = whole.unwrap_or_else(|| encoded(message, 1));
    if values.has("alert_source_token") {
        let token = bearer(values.text("alert_source_token"));
        return post_with(message, values.text("url"), [token], &body);
    }
    post(message, values.text("url"), &body)
}

/// Alertmanager's payload, as version 1, with the metadata.
fn encoded(message: &Message<'_>, alerts_max: i64) -> Json {
    let mut body = payload::json(message.notification, alerts_max);
    body["version"] = Json::from("1");
    let metadata = message.values.map("metadata");
    let metadata: serde_json::Map<_, _> =
        metadata.map(|(key, text)| (key.to_owned(), Json::from(text))).collect();
    if !metadata.is_empty() {
        body["metadata"] = Json::Object(metadata);
    }
    body
}
