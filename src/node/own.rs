//! Alerts of our own: what goes wrong with the agent itself travels the same way as everything else.

use std::borrow::Cow;
use std::time::Duration;

use crate::effect::Cx;
use crate::model::{Alert, Report};
use crate::node::Node;

/// How long an alert of our own fires that nobody ends: as long as the process may live.
const LONG: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Fires while the journal does not work.
const JOURNAL_FAILED: &str = "BellwetherJournalFailed";

/// Whether it is an alert that the node of this URL has raised, which means nothing once that process has ended.
pub(super) fn is_own(alert: &Alert, external_url: &str) -> bool {
    alert.labels.get("alertname") == Some(JOURNAL_FAILED)
        && alert.labels.get("instance") == Some(external_url)
}

impl Node {
    /// Says whether the journal works: `BellwetherJournalFailed` fires while it does not.
    pub fn handle_journal(&mut self, cx: &mut Cx<'_>, fault: Option<&str>) {
        let instance = self.options().external_url.to_string();
        let report = |ends_at, summary: &str| {
            let own = |text: &str| Cow::<'static, str>::Owned(text.to_owned());
            Report::new(
                vec![
                    ("alertname".into(), JOURNAL_FAILED.into()),
                    ("instance".into(), own(&instance)),
                    ("severity".into(), "critical".into()),
                ],
                vec![("summary".into(), own(summary))],
                None,
                Some(ends_at),
                own(&instance),
            )
        };
        let report = match fault {
            Some(fault) => Report {
                starts_at: Some(cx.now.wall),
                ..report(cx.now.wall + LONG, &format!("Nothing is kept on flash any more: {fault}"))
            },
            None if self.journal_failed => report(cx.now.wall, "Everything is kept on flash again"),
            None => return,
        };
        self.journal_failed = fault.is_some();
        self.handle_reports(cx, &[report]);
    }
}
