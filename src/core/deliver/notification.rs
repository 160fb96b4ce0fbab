//! The content of an attempt: the notification of a delivery, and the faults of its templates.

use std::rc::Rc;
use std::sync::Arc;

use log::warn;

use crate::core::Core;
use crate::core::deliver::content::Flushed;
use crate::core::deliver::dedup::Reason;
use crate::core::deliver::delivery::Delivery;
use crate::core::deliver::history::Outcome;
use crate::core::which::Which;
use crate::model::Brief;
use crate::notify::{AlertView, Draft, Notification};
use crate::time::{Now, Wall};

impl Core {
    /// The content of an attempt.
    pub(in crate::core) fn notification(
        &self,
        which: Which,
        reason: Reason,
        now: Now,
    ) -> Option<Notification> {
        let group = self.groups.get(which.0)?;
        let delivery = self.delivery(which)?;
        let told = Notification {
            receiver: Arc::clone(&delivery.receiver.name),
            group_key: group.key.clone(),
            group_labels: group.labels.clone(),
            route_labels: self.routes.get(group.route).labels.to_labels(),
            reason: reason.as_str(),
            external_url: Arc::clone(&self.options.external_url),
            alerts: self.views(delivery, now.wall),
            cut: self.cut_of(&delivery.key) + self.cut_before(&delivery.key),
            remembered: match (reason, self.nflog.get(&delivery.key, now.wall)) {
                (Reason::First, _) | (_, None) => Rc::default(),
                (_, Some(entry)) => Rc::clone(&entry.facts),
            },
            held_back: None,
            now: now.wall,
        };
        Some(self.digest(told, which, now.mono))
    }

    /// Notes which templates of a delivery's first attempt have failed.
    pub(in crate::core) fn note_faults(&mut self, now: Now, which: Which, draft: &Draft) {
        if self.delivery(which).is_none_or(|it| it.attempts != 1) {
            return;
        }
        let schema = draft.schema();
        for fault in draft.faults() {
            warn!("{}/{}: {fault}", Brief(&draft.notification().receiver), schema.name);
            self.stats.integration(schema.name).template_faults += 1;
            self.note(now, which, Outcome::misrendered(fault));
        }
    }

    /// The alerts of a delivery as its integration is told of them. It is told of those that it missed whatever else it wants.
    /// An owed notification is sent by itself: with it come only ends of alerts that it was told to fire.
    pub(in crate::core) fn views(&self, delivery: &Delivery, now: Wall) -> Rc<[AlertView]> {
        let Delivery { key, content, .. } = delivery;
        let send_resolved = delivery.integration().is_some_and(|it| it.send_resolved);
        let missed = self.missed(key, content, now);
        let owes = self.owes(key);
        let known = self.nflog.get(key, now);
        let fires_there = |it: &AlertView| {
            known.is_some_and(|log| log.firing.binary_search(&it.fingerprint).is_ok())
        };
        let view = |it: &Flushed| AlertView {
            fingerprint: it.fingerprint,
            alert: Rc::clone(&it.alert),
            resolved: it.resolved,
            late: missed.binary_search(&it.fingerprint).is_ok(),
        };
        let is_told = |it: &AlertView| match (it.resolved, it.late) {
            (false, _) | (true, true) => true,
            (true, false) => send_resolved && (!owes || fires_there(it)),
        };
        content.alerts.iter().map(view).filter(is_told).collect()
    }
}
