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

/// `[FIRING:1] DiskFull → default (first notification): DiskFull{instance="gw1"} summary="…"`
pub(super) fn line(told: &Notification) -> String {
    let mut line = begin(told);
    told.alerts.iter().for_each(|view| add(view, &mut line));
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
        assert_eq!(
            line(&notification(&[("1", false)])),
            r#"[FIRING:1] B -> crit.hook (first notification): {alertname="B", instance="1"} {summary="s"}"#
        );
        assert_eq!(
            line(&notification(&[("1", true)])),
            r#"[RESOLVED] B -> crit.hook (first notification): resolved {alertname="B", instance="1"} {summary="s"}"#
        );
    }
}
