//! `webhook_configs`: Alertmanager's webhook payload, version 4.

use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;

use crate::config::Webhook;
use crate::model::Labels;
use crate::notify::{HttpRequest, Notification, Outgoing, Reply, Text, Verdict};
use crate::time::Wall;

/// What Go prints for a time that is not set: an alert that still fires has no end.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

#[derive(Serialize)]
struct Payload<'a> {
    receiver: String,
    status: &'static str,
    alerts: Vec<PayloadAlert<'a>>,
    notification_reason: &'static str,
    #[serde(rename = "groupLabels")]
    group_labels: &'a Labels,
    #[serde(rename = "commonLabels")]
    common_labels: Labels,
    #[serde(rename = "commonAnnotations")]
    common_annotations: Labels,
    #[serde(rename = "routeLabels")]
    route_labels: &'a Labels,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    version: &'static str,
    #[serde(rename = "groupKey")]
    group_key: &'a str,
    #[serde(rename = "truncatedAlerts")]
    truncated_alerts: usize,
}

#[derive(Serialize)]
struct PayloadAlert<'a> {
    status: &'static str,
    labels: &'a Labels,
    annotations: &'a Labels,
    #[serde(rename = "startsAt")]
    starts_at: Wall,
    #[serde(rename = "endsAt")]
    ends_at: End,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: String,
}

struct End(Option<Wall>);

impl Serialize for End {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(at) => at.serialize(serializer),
            None => serializer.serialize_str(NO_TIME),
        }
    }
}

/// The request to make, and how long it may take if the config says so.
pub(super) fn request(config: &Webhook, told: &Notification<'_>) -> (Outgoing, Option<Duration>) {
    let max = if config.max_alerts == 0 { told.alerts.len() } else { config.max_alerts };
    let sent = told.alerts.get(..max).unwrap_or(&told.alerts);
    let request = HttpRequest {
        method: "POST",
        url: Text::from(&config.url),
        headers: vec![("Content-Type".to_owned(), Text::from("application/json"))],
        body: Text::from(payload(told, sent)),
        http: Rc::clone(&config.http),
    };
    (Outgoing::Http(request), Some(config.timeout).filter(|timeout| !timeout.is_zero()))
}

fn payload(told: &Notification<'_>, sent: &[super::AlertView<'_>]) -> String {
    let common = |labels: fn(&crate::model::Alert) -> &Labels| {
        let mut rest = sent.iter().map(|it| labels(it.alert));
        let first = rest.next().cloned().unwrap_or_else(Labels::empty);
        rest.fold(first, |common, labels| common.common(labels))
    };
    let payload = Payload {
        receiver: quote_meta(told.receiver),
        status: status(told.alerts.iter().all(|it| it.resolved)),
        alerts: sent
            .iter()
            .map(|it| PayloadAlert {
                status: status(it.resolved),
                labels: &it.alert.labels,
                annotations: &it.alert.annotations,
                starts_at: it.alert.starts_at,
                ends_at: End(it.resolved.then_some(it.alert.ends_at)),
                generator_url: &it.alert.generator_url,
                fingerprint: it.fingerprint.to_string(),
            })
            .collect(),
        notification_reason: told.reason,
        group_labels: told.group_labels,
        common_labels: common(|alert| &alert.labels),
        common_annotations: common(|alert| &alert.annotations),
        route_labels: told.route_labels,
        external_url: told.external_url,
        version: "4",
        group_key: told.group_key.as_str(),
        truncated_alerts: told.alerts.len() - sent.len(),
    };
    // Serializing structs of strings into memory cannot fail.
    let mut body = serde_json::to_string(&payload).unwrap_or_default();
    body.push('\n');
    body
}

const fn status(resolved: bool) -> &'static str {
    if resolved { "resolved" } else { "firing" }
}

/// Go's `regexp.QuoteMeta`, which Alertmanager applies to the receiver's name.
fn quote_meta(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

/// 2xx is delivered; 5xx and no answer are worth another try; anything else is final.
pub(super) fn judge(reply: &Reply) -> Verdict {
    match reply {
        Reply::Done => Verdict::Sent,
        Reply::Failed(failure) => Verdict::Retry(failure.why.clone()),
        Reply::Http { status, .. } if status / 100 == 2 => Verdict::Sent,
        Reply::Http { status, body, .. } => {
            let why = format!("unexpected status code {status}: {body}");
            if status / 100 == 5 { Verdict::Retry(why) } else { Verdict::Refused(why) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::model::{Alert, GroupKey};
    use crate::notify::AlertView;

    fn webhook() -> Webhook {
        Webhook {
            url: Secret::Inline("http://x/".into()),
            max_alerts: 0,
            timeout: Duration::ZERO,
            http: Rc::default(),
        }
    }

    fn alert(instance: &str) -> Alert {
        Alert {
            labels: [("alertname", "B"), ("instance", instance)].into_iter().collect(),
            annotations: [("summary", "s")].into_iter().collect(),
            starts_at: Wall::from_ns(1_700_000_000_120_000_000),
            ends_at: Wall::from_secs(1_700_000_300),
            updated_at: Wall::from_secs(1_700_000_000),
            timeout: true,
            generator_url: "http://p/g".into(),
        }
    }

    fn body(config: &Webhook, alerts: &[(Alert, bool)]) -> String {
        let group_labels: Labels = [("alertname", "B")].into_iter().collect();
        let route_labels = Labels::empty();
        let told = Notification {
            receiver: &"crit.hook".into(),
            group_key: &GroupKey::new("{}", &group_labels),
            group_labels: &group_labels,
            route_labels: &route_labels,
            reason: "first notification",
            external_url: "http://vm:9093",
            alerts: alerts
                .iter()
                .map(|(alert, resolved)| AlertView {
                    fingerprint: alert.labels.fingerprint(),
                    alert,
                    resolved: *resolved,
                })
                .collect(),
        };
        let (Outgoing::Http(request), _) = request(config, &told) else {
            panic!("an HTTP request")
        };
        request.body.inline().unwrap()
    }

    #[test]
    fn the_payload_is_version_4() {
        let fingerprint = alert("i1").labels.fingerprint();
        assert_eq!(
            body(&webhook(), &[(alert("i1"), false)]),
            format!(
                concat!(
                    r#"{{"receiver":"crit\\.hook","status":"firing","alerts":[{{"status":"firing","#,
                    r#""labels":{{"alertname":"B","instance":"i1"}},"annotations":{{"summary":"s"}},"#,
                    r#""startsAt":"2023-11-14T22:13:20.12Z","endsAt":"0001-01-01T00:00:00Z","#,
                    r#""generatorURL":"http://p/g","fingerprint":"{}"}}],"#,
                    r#""notification_reason":"first notification","groupLabels":{{"alertname":"B"}},"#,
                    r#""commonLabels":{{"alertname":"B","instance":"i1"}},"#,
                    r#""commonAnnotations":{{"summary":"s"}},"routeLabels":{{}},"#,
                    r#""externalURL":"http://vm:9093","version":"4","#,
                    r#""groupKey":"{{}}:{{alertname=\"B\"}}","truncatedAlerts":0}}"#,
                    "\n"
                ),
                fingerprint
            )
        );
    }

    #[test]
    fn an_ended_alert_has_its_end_and_one_that_fires_makes_the_whole_fire() {
        let ended = body(&webhook(), &[(alert("i1"), true)]);
        assert!(ended.contains(r#""status":"resolved","alerts":[{"status":"resolved""#), "{ended}");
        assert!(ended.contains(r#""endsAt":"2023-11-14T22:18:20Z""#), "{ended}");
        let mixed = body(&webhook(), &[(alert("i1"), true), (alert("i2"), false)]);
        assert!(mixed.contains(r#""status":"firing","alerts":[{"status":"resolved""#), "{mixed}");
        assert!(mixed.contains(r#""commonLabels":{"alertname":"B"}"#), "{mixed}");
    }

    #[test]
    fn max_alerts_cuts_and_counts_and_what_is_common_is_of_the_rest() {
        let config = Webhook { max_alerts: 1, ..webhook() };
        let cut = body(&config, &[(alert("i1"), true), (alert("i2"), false), (alert("i3"), false)]);
        assert!(cut.contains(r#""truncatedAlerts":2"#), "{cut}");
        assert!(cut.contains(r#""commonLabels":{"alertname":"B","instance":"i1"}"#), "{cut}");
        assert!(cut.contains(r#""status":"firing","alerts":[{"status":"resolved""#), "{cut}");
    }

    #[test]
    fn server_errors_and_silence_are_tried_again_and_the_rest_is_final() {
        let http = |status| judge(&Reply::status(status));
        assert_eq!(http(200), Verdict::Sent);
        assert_eq!(http(204), Verdict::Sent);
        assert!(matches!(http(500), Verdict::Retry(_)) && matches!(http(503), Verdict::Retry(_)));
        for status in [301, 400, 404, 429] {
            assert!(matches!(http(status), Verdict::Refused(_)), "{status}");
        }
        assert!(matches!(judge(&Reply::failed("refused")), Verdict::Retry(_)));
    }
}
