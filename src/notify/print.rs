//! `log_configs`: a notification as one line of the log.

use std::fmt::Write as _;

use crate::notify::Notification;

/// `[FIRING:1] DiskFull → default (first notification): DiskFull{instance="gw1"} summary="…"`
pub(super) fn line(told: &Notification<'_>) -> String {
    let firing = told.alerts.iter().filter(|it| !it.resolved).count();
    let mut line = if firing > 0 { format!("[FIRING:{firing}]") } else { "[RESOLVED]".to_owned() };
    let group = told.group_labels.iter().map(|(_, value)| value).collect::<Vec<_>>().join(" ");
    // Writing to a String cannot fail.
    write!(line, " {group} -> {} ({}):", told.receiver, told.reason).ok();
    for (i, it) in told.alerts.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let ended = if it.resolved { " resolved" } else { "" };
        write!(line, "{comma}{ended} {} {}", it.alert.labels, it.alert.annotations).ok();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Alert, GroupKey, Labels};
    use crate::notify::AlertView;
    use crate::time::Wall;

    #[test]
    fn a_line_tells_status_group_receiver_reason_and_alerts() {
        let labels: Labels = [("alertname", "A"), ("i", "1")].into_iter().collect();
        let alert = Alert {
            labels: labels.clone(),
            annotations: [("summary", "full")].into_iter().collect(),
            starts_at: Wall::EPOCH,
            ends_at: Wall::EPOCH,
            updated_at: Wall::EPOCH,
            timeout: false,
            generator_url: "".into(),
        };
        let group_labels: Labels = [("alertname", "A")].into_iter().collect();
        let told = |resolved| {
            line(&Notification {
                receiver: &"default".into(),
                group_key: &GroupKey::new("{}", &group_labels),
                group_labels: &group_labels,
                route_labels: &Labels::empty(),
                reason: "first notification",
                external_url: "",
                alerts: vec![AlertView {
                    fingerprint: labels.fingerprint(),
                    alert: &alert,
                    resolved,
                }],
            })
        };
        assert_eq!(
            told(false),
            r#"[FIRING:1] A -> default (first notification): {alertname="A", i="1"} {summary="full"}"#
        );
        assert_eq!(
            told(true),
            r#"[RESOLVED] A -> default (first notification): resolved {alertname="A", i="1"} {summary="full"}"#
        );
    }
}
