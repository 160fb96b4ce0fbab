//! Alertmanager's webhook payload, version 4: a whole notification as JSON.

use serde::Serialize;
use serde_json::Value as Json;

use crate::model::{Alert, Labels};
use crate::notify::making::Written;
use crate::notify::{AlertView, Each, HeldBack, Message, Notification, quote_meta, status};
use crate::time::Wall;

/// Go's text for a time that is not set: an alert that still fires has no end.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

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
    /// Ours, where it is so.
    #[serde(skip_serializing_if = "is_not")]
    late: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_none(cut: &u64) -> bool {
    *cut == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_not(late: &bool) -> bool {
    !*late
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

/// The text before the alerts of a payload.
#[derive(Serialize)]
struct Head {
    receiver: String,
    status: &'static str,
}

/// The text behind them.
#[derive(Serialize)]
struct Tail<'a> {
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
    #[serde(rename = "heldBack", skip_serializing_if = "Option::is_none")]
    held_back: Option<HeldBack>,
    /// Ours, where there is something to say.
    #[serde(skip_serializing_if = "is_none")]
    cut: u64,
}

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(flatten)]
    head: Head,
    alerts: Vec<PayloadAlert<'a>>,
    #[serde(flatten)]
    tail: Tail<'a>,
}

/// How a payload is written in pieces.
pub(super) const EACH: Each = Each {
    begin: |message| {
        let head = head(message.notification, message.told());
        // Serializing structs of strings into memory cannot fail.
        let mut text = serde_json::to_string(&head).unwrap_or_default();
        text.pop();
        text.push_str(r#","alerts":["#);
        text
    },
    add: |_, view, text| {
        if !text.ends_with('[') {
            text.push(',');
        }
        text.push_str(&serde_json::to_string(&alert(view)).unwrap_or_default());
    },
};

/// The payload of a message whose alerts are written.
pub(super) fn text(message: &Message<'_>) -> String {
    let truncated = message.notification.alerts.len() - message.told().len();
    finished(message.notification, message.written(), truncated)
}

/// The same of what was taken of it.
pub(super) fn finished(told: &Notification, written: Written, truncated: usize) -> String {
    let common = (written.common_labels(), written.common_annotations());
    let tail = serde_json::to_string(&tail(told, common, truncated)).unwrap_or_default();
    let mut text = written.text;
    text.push_str("],");
    text.push_str(tail.strip_prefix('{').unwrap_or_default());
    text
}

/// The payload of a notification with `alerts_max` of its alerts, for what it is a part of; 0 is all.
pub(super) fn json(notification: &Notification, alerts_max: i64) -> Json {
    let alerts = &notification.alerts;
    let max = usize::try_from(alerts_max).ok().filter(|max| *max > 0).unwrap_or(alerts.len());
    let sent = alerts.get(..max).unwrap_or(alerts);
    let common = |labels: fn(&Alert) -> &Labels| {
        let mut rest = sent.iter().map(|it| labels(&it.alert));
        let first = rest.next().cloned().unwrap_or_else(Labels::empty);
        rest.fold(first, |common, labels| common.common(labels))
    };
    let common = (common(|alert| &alert.labels), common(|alert| &alert.annotations));
    let payload = Payload {
        head: head(notification, sent),
        alerts: sent.iter().map(alert).collect(),
        tail: tail(notification, common, alerts.len() - sent.len()),
    };
    serde_json::to_value(&payload).unwrap_or_default()
}

fn head(told: &Notification, sent: &[AlertView]) -> Head {
    let status = status(sent.iter().all(|it| it.resolved));
    Head { receiver: quote_meta(&told.receiver), status }
}

fn tail(told: &Notification, common: (Labels, Labels), truncated: usize) -> Tail<'_> {
    Tail {
        notification_reason: told.reason,
        group_labels: &told.group_labels,
        common_labels: common.0,
        common_annotations: common.1,
        route_labels: &told.route_labels,
        external_url: &told.external_url,
        version: "4",
        group_key: told.group_key.as_str(),
        truncated_alerts: truncated,
        held_back: told.held_back,
        cut: told.cut,
    }
}

/// An alert, as the payload has it.
pub(super) fn alert_json(it: &AlertView) -> Json {
    serde_json::to_value(alert(it)).unwrap_or_default()
}

fn alert(it: &AlertView) -> PayloadAlert<'_> {
    PayloadAlert {
        status: status(it.resolved),
        labels: &it.alert.labels,
        annotations: &it.alert.annotations,
        starts_at: it.alert.starts_at,
        ends_at: End(it.resolved.then_some(it.alert.ends_at)),
        generator_url: &it.alert.generator_url,
        fingerprint: it.fingerprint.to_string(),
        late: it.late,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{drafted, notification, request};

    fn text(told: &Notification, alerts_max: usize) -> String {
        let config = format!("webhook_configs: [{{url: 'http://x', max_alerts: {alerts_max}}}]");
        let body = request(&drafted("", &config, told.clone())).body.inline().unwrap();
        body.trim_end().to_owned()
    }

    #[test]
    fn the_payload_is_version_4() {
        let notification = notification(&[("i1", false)]);
        assert_eq!(
            text(&notification, 0),
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
                    r#""groupKey":"{{}}:{{alertname=\"B\"}}","truncatedAlerts":0}}"#
                ),
                notification.alerts[0].fingerprint
            )
        );
    }

    #[test]
    fn a_resolved_alert_has_its_end_and_one_that_fires_makes_the_whole_fire() {
        let ended = text(&notification(&[("i1", true)]), 0);
        assert!(ended.contains(r#""status":"resolved","alerts":[{"status":"resolved""#), "{ended}");
        assert!(ended.contains(r#""endsAt":"2023-11-14T22:18:20Z""#), "{ended}");
        let mixed = text(&notification(&[("i1", true), ("i2", false)]), 0);
        assert!(mixed.contains(r#""status":"firing","alerts":[{"status":"resolved""#), "{mixed}");
        assert!(mixed.contains(r#""commonLabels":{"alertname":"B"}"#), "{mixed}");
    }

    #[test]
    fn max_alerts_cuts_and_counts_and_what_is_common_is_of_the_rest() {
        let cut = text(&notification(&[("i1", true), ("i2", false), ("i3", false)]), 1);
        assert!(cut.contains(r#""truncatedAlerts":2"#), "{cut}");
        assert!(cut.contains(r#""commonLabels":{"alertname":"B","instance":"i1"}"#), "{cut}");
        assert!(cut.contains(r#""status":"resolved","alerts":[{"status":"resolved""#), "{cut}");
    }
}
