//! `alertmanager_configs`: forwards alerts to an Alertmanager, or to another agent, by its API (version 2). An entry for each
//! of several: each has its own state.
//!
//! A firing alert is posted with an end that lies ahead, and posted again before that comes. So alerts of an agent that has died
//! end upstream by themselves, as those of a Prometheus do.

use std::sync::Arc;

use serde::Serialize;

use crate::config::schema::{Around, Origin};
use crate::config::{Key, Schema, Takes, Values};
use crate::model::Labels;
use crate::notify::{Each, HttpRequest, Message, Outgoing, SecretText, Type, Verdict};
use crate::time::Wall;

/// After how many missed postings an alert ends upstream, as with Prometheus.
const LEASES: u32 = 4;

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "alertmanager",
        section: "alertmanager_configs",
        origin: Origin::Ours,
        address: "url",
        keys: &[
            Key::new("url", Takes::Url).required(),
            Key::new("resend_interval", Takes::Duration).or("5m"),
        ],
        check,
        ..Schema::HTTP
    },
    request,
    each: Some(EACH),
    judge: |_, reply| Verdict::of(reply, &[429]),
};

fn check(values: &mut Values, _: &Around<'_>) -> Vec<String> {
    let is_zero = values.duration("resend_interval").is_none();
    is_zero.then(|| "resend_interval: more than 0".to_owned()).into_iter().collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Posted<'a> {
    labels: &'a Labels,
    annotations: &'a Labels,
    starts_at: Wall,
    ends_at: Wall,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: &'a str,
}

const EACH: Each = Each {
    begin: |_| "[".to_owned(),
    add: |message, it, text| {
        let lease = message.values.duration("resend_interval").unwrap_or_default() * LEASES;
        let posted = Posted {
            labels: &it.alert.labels,
            annotations: &it.alert.annotations,
            starts_at: it.alert.starts_at,
            ends_at: if it.resolved { it.alert.ends_at } else { message.now + lease },
            generator_url: &it.alert.generator_url,
        };
        if !text.ends_with('[') {
            text.push(',');
        }
        // Serializing a struct of strings into memory cannot fail.
        text.push_str(&serde_json::to_string(&posted).unwrap_or_default());
    },
};

#[expect(clippy::unnecessary_wraps, reason = "a line of the table of types")]
fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let mut body = message.written().text;
    body.push(']');
    Ok(Outgoing::Http(HttpRequest {
        method: "POST",
        url: SecretText::from(format!(
            "{}/api/v2/alerts",
            values.text("url").trim_end_matches('/')
        )),
        headers: vec![("Content-Type".to_owned(), SecretText::from("application/json"))],
        body: SecretText::from(body),
        http: Arc::clone(message.http),
    }))
}

#[cfg(test)]
mod tests {
    use crate::notify::testing::{drafted, integration, notification, request as sent};

    #[test]
    fn firing_alerts_have_an_end_that_lies_ahead_and_ended_ones_their_own() {
        let config = "alertmanager_configs: [{url: 'http://up:9093/am/', resend_interval: 1m}]";
        let it = sent(&drafted("", config, notification(&[("a", false), ("b", true)])));
        assert_eq!(it.url.inline().unwrap(), "http://up:9093/am/api/v2/alerts");
        let body: serde_json::Value = serde_json::from_str(&it.body.inline().unwrap()).unwrap();
        assert_eq!(body[0]["labels"]["instance"], "a");
        assert_eq!(body[0]["startsAt"], "2023-11-14T22:13:20.12Z");
        assert_eq!(body[1]["endsAt"], "2023-11-14T22:18:20Z");
        assert_eq!(body[0]["generatorURL"], "http://p/g");
    }

    #[test]
    fn alerts_have_to_be_sent_again() {
        let config = "alertmanager_configs: [{url: 'http://up', resend_interval: 0s}]";
        assert!(integration("", config).is_err());
    }
}
