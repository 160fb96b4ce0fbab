//! The content of an attempt: the notification of a delivery, and the faults of its templates.

use std::rc::Rc;

use log::warn;

use crate::core::Core;
use crate::core::content::Content;
use crate::core::dedup::Reason;
use crate::core::delivery::Delivery;
use crate::core::group::GroupId;
use crate::core::history::Outcome;
use crate::model::Brief;
use crate::notify::{AlertView, Draft, Notification};
use crate::time::Now;

impl Core {
    /// The content of an attempt.
    pub(super) fn notification(
        &self,
        id: GroupId,
        at: usize,
        reason: Reason,
        now: Now,
    ) -> Option<Notification> {
        let group = self.groups.get(id)?;
        let delivery = group.flush.as_ref()?.deliveries.get(at)?;
        let told = Notification {
            receiver: Rc::clone(&delivery.receiver.name),
            group_key: group.key.clone(),
            group_labels: group.labels.clone(),
            route_labels: self.routes.get(group.route).labels.clone(),
            reason: reason.as_str(),
            external_url: Rc::clone(&self.options.external_url),
            alerts: views(&delivery.content, delivery.integration()?.send_resolved),
            remembered: match (reason, self.nflog.get(&delivery.key, now.wall)) {
                (Reason::First, _) | (_, None) => Rc::default(),
                (_, Some(entry)) => Rc::clone(&entry.facts),
            },
            held_back: None,
            now: now.wall,
        };
        Some(self.digest(told, id, at))
    }

    /// Notes which templates of a delivery's first attempt have failed.
    pub(super) fn note_faults(&mut self, now: Now, id: GroupId, at: usize, draft: &Draft) {
        let is_first = |it: &Delivery| it.attempts == 1;
        if !self.flush_of(id).and_then(|flush| flush.deliveries.get(at)).is_some_and(is_first) {
            return;
        }
        let schema = draft.schema();
        for fault in draft.faults() {
            warn!("{}/{}: {fault}", Brief(&draft.notification().receiver), schema.name);
            self.stats.integration(schema.name).template_faults += 1;
            self.note(now, id, at, Outcome::misrendered(fault));
        }
    }
}

/// The alerts of a flush as one integration is told of them.
pub(super) fn views(content: &Content, send_resolved: bool) -> Rc<[AlertView]> {
    let told = content.alerts.iter().filter(|it| send_resolved || !it.resolved);
    told.map(|it| AlertView {
        fingerprint: it.fingerprint,
        alert: Rc::clone(&it.alert),
        resolved: it.resolved,
    })
    .collect()
}
