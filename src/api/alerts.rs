//! `/api/v2/alerts`.

use std::sync::Arc;

use crate::api::outcome::Outcome;
use crate::api::pages::{ALERT_STEPS, Pages};
use crate::api::query::Params;
use crate::api::receivers::ReceiverFilter;
use crate::api::{Request, Response};
use crate::core::Intake;
use crate::limits::PIECE_STEPS;
use crate::model::{Alert, Fingerprint, Labels, Matchers, Muted};
use crate::node::Node;
use crate::time::Now;
use crate::wire::json::write::{self, GettableAlert};

/// The answer to a post of alerts.
pub(super) fn posted(outcome: &Outcome) -> Response {
    match outcome {
        Outcome::Empty => Response::object(422, 602, "alerts in body is required"),
        Outcome::Wrong(error) => Response::refused_body("alerts", error),
        Outcome::Taken(intake) => match fault(intake) {
            None => Response::empty(200),
            Some((status, text)) => Response::string(status, &text),
        },
    }
}

/// The answer for reports that were refused, if there are any: the status and a text. Where a table was
/// full, the status makes the sender come again.
pub(super) fn fault(intake: &Intake) -> Option<(u16, String)> {
    let mut lines = intake.invalid.clone();
    if intake.refused > 0 {
        let refused = intake.refused;
        lines.push(format!(
            "{refused} alerts were not taken, the tables of alerts and groups have no room for them: try again later, or group by fewer labels"
        ));
        return Some((503, lines.join("\n")));
    }
    (!lines.is_empty()).then(|| (400, lines.join("\n")))
}

/// The query of `GET /alerts` and `GET /alerts/groups`.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a parameter of the API")]
pub(super) struct AlertFilter {
    pub(super) active: bool,
    pub(super) inhibited: bool,
    pub(super) muted: bool,
    pub(super) silenced: bool,
    pub(super) receivers: ReceiverFilter,
    matchers: Matchers,
}

impl AlertFilter {
    pub(super) fn new(request: &Request<'_>, node: &Node) -> Result<Self, Response> {
        let params = Params::new(request.query);
        Ok(Self {
            active: params.flag("active"),
            inhibited: params.flag("inhibited"),
            muted: params.flag("muted"),
            silenced: params.flag("silenced"),
            matchers: params.filter(node.options().grammar)?.into_iter().collect(),
            receivers: ReceiverFilter::new(&params, node)?,
        })
    }

    /// Whether alerts of these labels are asked for; nothing if `steps`, to which what it takes is added, come to
    /// [`PIECE_STEPS`] before it is known: then the next call goes on. `at` is the alert's own, 0 at first.
    pub(super) fn takes_labels(
        &self,
        labels: &Labels,
        at: &mut usize,
        steps: &mut u64,
    ) -> Option<bool> {
        self.matchers.compare(labels, at, steps, PIECE_STEPS)
    }

    /// Whether alerts that are muted so are asked for.
    pub(super) fn takes(&self, muted: &Muted) -> bool {
        let is_active = muted.silenced_by.is_empty() && muted.inhibited_by.is_empty();
        (self.active || !is_active)
            && (self.silenced || muted.silenced_by.is_empty())
            && (self.inhibited || muted.inhibited_by.is_empty())
    }
}

/// The list of the alerts that have not ended, in the order of fingerprints.
#[derive(Debug)]
pub(super) struct List {
    filter: AlertFilter,
    /// The first that was not yet looked at.
    next: Fingerprint,
    /// How far it was compared with the filter.
    at: usize,
}

impl List {
    pub(super) fn new(node: &Node, request: &Request<'_>) -> Result<Self, Response> {
        Ok(Self { filter: AlertFilter::new(request, node)?, next: Fingerprint::MIN, at: 0 })
    }

    /// Lists some more. Returns whether that are all.
    pub(super) fn go_on(&mut self, node: &Node, now: Now, pages: &mut Pages) -> bool {
        if !self.filter.receivers.go_on(node, &mut pages.steps) {
            return false;
        }
        let filter = &self.filter;
        for (fingerprint, alert, receivers) in node.alerts_from(self.next) {
            if self.next != fingerprint {
                (self.next, self.at) = (fingerprint, 0);
            }
            if pages.is_over() {
                return false;
            }
            pages.steps += ALERT_STEPS;
            if alert.ends_at < now.wall {
                continue;
            }
            match filter.takes_labels(&alert.labels, &mut self.at, &mut pages.steps) {
                None => return false,
                Some(false) => continue,
                Some(true) => {}
            }
            let receivers: Vec<&str> = receivers.map(|name| &**name).collect();
            if !receivers.iter().any(|receiver| filter.receivers.takes(receiver)) {
                continue;
            }
            let Some(muted) = node.muted(now, fingerprint, &mut pages.steps) else { return false };
            if filter.takes(&muted) {
                let view = view(fingerprint, alert, &receivers, &muted, &[]);
                pages.push(|out| write::alert(out, &view));
            }
        }
        true
    }
}

pub(super) fn view<'a>(
    fingerprint: Fingerprint,
    alert: &'a Alert,
    receivers: &'a [&'a str],
    muted: &'a Muted,
    muted_by: &'a [Arc<str>],
) -> GettableAlert<'a> {
    let (silenced_by, inhibited_by) = (&*muted.silenced_by, &*muted.inhibited_by);
    GettableAlert { fingerprint, alert, receivers, silenced_by, inhibited_by, muted_by }
}
