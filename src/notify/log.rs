//! `log_configs`: a notification as one line of the log.

use std::fmt::Write as _;

use crate::config::Schema;
use crate::config::schema::{Origin, no_rules};
use crate::notify::{AlertView, Each, Notification, Outgoing, Type, Verdict};

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "log",
        section: "log_configs",
        origin: Origin::Ours,
        send_resolved: true,
        http: false,
        instant: true,
        incidents: false,
        address: "",
        body: "",
        keys: &[],
        globals: &[],
        check: no_rules,
    },
    request: |message| Ok(Outgoing::Log(message.written().text)),
    each: Some(EACH),
    judge: |_, _| Verdict::Sent,
};

const EACH: Each =
    Each { begin: |message| begin(message.notification), add: |_, view, line| add(view, line) };

/// `[FIRING:1] DiskFull -> default (first notification): {instance="gw1"} {summary="…"}`, with alerts until
/// it has `bytes`, and the number of the others.
pub(super) fn short_line(told: &Notification, bytes: usize) -> String {
    let mut line = begin(told);
    for (number, view) in told.alerts.iter().enumerate() {
        if number > 0 && line.len() >= bytes {
            // Writing to a String cannot fail.
            write!(line, ", and {} more", told.alerts.len() - number).ok();
            break;
        }
        add(view, &mut line);
    }
    line
}

fn begin(told: &Notification) -> String {
    let firing = told.alerts.iter().filter(|it| !it.resolved).count();
    let mut line = if firing > 0 { format!("[FIRING:{firing}]") } else { "[RESOLVED]".to_owned() };
    let group = told.group_labels.iter().map(|(_, value)| value).collect::<Vec<_>>().join(" ");
    // Writing to a String cannot fail.
    write!(line, " {group} -> {} ({}):", told.receiver, told.reason).ok();
    line
}

fn add(it: &AlertView, line: &mut String) {
    let comma = if line.ends_with(':') { "" } else { "," };
    let ended = match (it.resolved, it.late) {
        (true, true) => " late: came and went:",
        (true, false) => " resolved",
        _ => "",
    };
    // Writing to a String cannot fail.
    write!(line, "{comma}{ended} {} {}", it.alert.labels, it.alert.annotations).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::notification;

    #[test]
    fn a_line_tells_status_group_receiver_reason_and_alerts() {
        let line = |told: &Notification| short_line(told, 1_000);
        assert_eq!(
            line(&notification(&[("1", false)])),
            r#"[FIRING:1] B -> crit.hook (first notification): {alertname="B", instance="1"} {summary="s"}"#
        );
        assert_eq!(
            line(&notification(&[("1", true)])),
            r#"[RESOLVED] B -> crit.hook (first notification): resolved {alertname="B", instance="1"} {summary="s"}"#
        );
    }

    #[test]
    fn a_short_line_tells_of_one_alert_at_least_and_counts_the_others() {
        let told = notification(&[("1", false), ("2", false), ("3", false)]);
        assert_eq!(
            short_line(&told, 10),
            r#"[FIRING:3] B -> crit.hook (first notification): {alertname="B", instance="1"} {summary="s"}, and 2 more"#
        );
    }
}
