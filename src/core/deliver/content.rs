//! The content of a notification of one flush to one integration: the alerts that were not muted at its tick.

use std::rc::Rc;

use crate::core::alerts::Alerts;
use crate::model::{Alert, Fingerprint};
use crate::time::Wall;

/// An alert as it was when it was looked at.
#[derive(Clone, Debug)]
pub struct Flushed {
    /// Which alert.
    pub fingerprint: Fingerprint,
    /// As it was.
    pub alert: Rc<Alert>,
    /// Whether it had ended.
    pub resolved: bool,
}

/// The alerts, and which of them fire.
#[derive(Clone, Debug)]
pub struct Content {
    /// In the order of notifications.
    pub(in crate::core) alerts: Vec<Flushed>,
    /// Those that fire, sorted.
    pub(in crate::core) firing: Rc<[Fingerprint]>,
    /// Those that have ended, sorted.
    pub(in crate::core) resolved: Rc<[Fingerprint]>,
}

impl Content {
    pub(in crate::core) fn new(alerts: Vec<Flushed>) -> Self {
        let (firing, resolved) = (sorted(&alerts, false), sorted(&alerts, true));
        Self { alerts, firing, resolved }
    }

    /// The same alerts as they are at `now`.
    pub(in crate::core) fn renewed(&self, table: &Alerts, now: Wall) -> Self {
        let renewed = |it: &Flushed| match table.get(it.fingerprint) {
            Some(entry) => Flushed {
                fingerprint: it.fingerprint,
                alert: Rc::clone(&entry.alert),
                resolved: entry.alert.resolved(now),
            },
            None => it.clone(),
        };
        Self::new(self.alerts.iter().map(renewed).collect())
    }
}

fn sorted(alerts: &[Flushed], resolved: bool) -> Rc<[Fingerprint]> {
    let some = alerts.iter().filter(|it| it.resolved == resolved);
    let mut found: Vec<Fingerprint> = some.map(|it| it.fingerprint).collect();
    found.sort_unstable();
    found.into()
}
