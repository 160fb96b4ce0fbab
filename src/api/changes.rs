//! `GET /bellwether/v1/changes`: lets the page wait for news instead of asking for lists again and again.
//! Its requests wait in `shell/watchers`.

use crate::api::query::Params;
use crate::api::{Answer, Request, Response, Site};
use crate::node::Node;
use crate::store::JournalRecord;
use crate::wire::record::Kind;

/// How often each list that the page shows has changed since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    alerts: u64,
    silences: u64,
    history: u64,
}

impl Changes {
    /// Takes note of how many deliveries have come to something.
    pub fn note_history(&mut self, node: &Node) {
        self.history = node.history_count();
    }

    /// Counts the changes that these records keep.
    pub fn count(&mut self, records: &[JournalRecord]) {
        for record in records {
            match Kind::from_number(record.kind) {
                Some(Kind::Alert) => self.alerts += 1,
                Some(Kind::Silence) => self.silences += 1,
                _ => {}
            }
        }
    }
}

/// Answers the version at once if it is not the one asked for (`after`), else as soon as it is another.
pub(super) fn wait(site: &Site, request: &Request<'_>) -> Answer {
    if Params::new(request.query).last("after") == Some(&version(site)) {
        Answer::WhenChanged
    } else {
        Answer::Now(changed(site))
    }
}

/// The answer that tells the version of the lists, which the page sends back.
pub fn changed(site: &Site) -> Response {
    Response::text(200, &version(site)).with("Cache-Control", "no-store")
}

/// `start.alerts.silences.history`: no other run of the agent has the same start.
fn version(site: &Site) -> String {
    let Changes { alerts, silences, history } = site.changes;
    format!("{}.{alerts}.{silences}.{history}", site.started_at.as_ns())
}
