//! Alerts of our own: what goes wrong with the agent itself travels the same way as everything else.

use std::borrow::Cow;
use std::time::Duration;

use crate::core::alerts::fingerprint;
use crate::effect::Cx;
use crate::model::Report;
use crate::node::Node;

/// How long an alert of our own fires unless it is said again: it ends with who says it.
const LEASE: Duration = Duration::from_secs(5 * 60);

impl Node {
    /// Says whether the journal works: `BellwetherJournalFailed` fires while it does not. What fails must be said again
    /// and again, each [`crate::limits::KEEPER_RETRY_MAX`] at least.
    pub fn handle_journal(&mut self, cx: &mut Cx<'_>, fault: Option<&str>) {
        let instance = self.options().external_url.to_string();
        let own = |text: &str| Cow::<'static, str>::Owned(text.to_owned());
        let summary = match fault {
            Some(fault) => format!("Nothing is kept on flash any more: {fault}"),
            None => "Everything is kept on flash again".to_owned(),
        };
        let report = Report::new(
            vec![
                ("alertname".into(), "BellwetherJournalFailed".into()),
                ("instance".into(), own(&instance)),
                ("severity".into(), "critical".into()),
            ],
            vec![("summary".into(), own(&summary))],
            fault.map(|_| cx.now.wall),
            Some(if fault.is_some() { cx.now.wall + LEASE } else { cx.now.wall }),
            own(&instance),
        );
        // Also one that the process before us raised, or that the flock knows of.
        let known = self.core.alerts().fires(fingerprint(&report), cx.now.wall);
        if fault.is_some() || known {
            self.handle_reports(cx, &[report]);
        }
    }
}
