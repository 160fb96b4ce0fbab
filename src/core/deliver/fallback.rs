//! Fallbacks: a receiver's fallback is told of a group while the receiver refuses or fails for longer than a time.
//!
//! To tell a fallback is a delivery like any other, in the same flush, with log entries of its own. So one member of a flock
//! tells it, once, and a restart repeats nothing. The debts of the receiver itself stay. A fallback that was told
//! of a group hears its end, too, and what else is new of it while the receiver still fails. The fallback of a fallback is not
//! followed.

use std::rc::Rc;
use std::sync::Arc;

use log::warn;

use crate::config::Receiver;
use crate::core::Core;
use crate::core::deliver::content::Content;
use crate::core::deliver::history::Outcome;
use crate::core::deliver::logging::log_key;
use crate::core::deliver::machine::Input;
use crate::core::deliver::reach;
use crate::core::which::Which;
use crate::effect::Cx;
use crate::model::{Brief, GroupKey, LogKey};
use crate::time::Now;

impl Core {
    /// The fallback of a receiver, if it has one.
    pub(in crate::core) fn fallback_of(&self, receiver: &Receiver) -> Option<Arc<Receiver>> {
        let name = &receiver.fallback.as_ref()?.receiver;
        self.routes.receiver(name).cloned()
    }

    /// Whether the fallback is notified of a flush from its beginning: it was sent alerts that fire, and either none fires any
    /// more or the receiver still fails.
    pub(in crate::core) fn falls_back(
        &self,
        group: &GroupKey,
        receiver: &Receiver,
        fallback: &Receiver,
        content: &Content,
        now: Now,
    ) -> bool {
        let keys = |it: &Receiver| -> Vec<LogKey> {
            it.integrations.iter().map(|one| log_key(group.clone(), it, one)).collect()
        };
        let knows = |key: &LogKey| {
            self.nflog.get(key, now.wall).is_some_and(|entry| !entry.firing.is_empty())
        };
        let fails = || keys(receiver).iter().any(|key| self.fails_for_long(receiver, key, now));
        keys(fallback).iter().any(knows) && (content.firing.is_empty() || fails())
    }

    /// Whether an integration has refused or failed for so long that its receiver's fallback is told.
    fn fails_for_long(&self, receiver: &Receiver, key: &LogKey, now: Now) -> bool {
        receiver.fallback.as_ref().is_some_and(|fallback| {
            let lasted = self.failing.lasted(&reach::key(key), now.mono);
            lasted.is_some_and(|lasted| lasted >= fallback.after)
        })
    }

    /// Tells the fallback of what a delivery could not tell, if that is due and not yet under way.
    pub(in crate::core) fn fall_back(&mut self, cx: &mut Cx<'_>, (id, at): Which) {
        let Some(group) = self.groups.get(id) else { return };
        let Some(flush) = group.flush.as_ref() else { return };
        let Some(delivery) = flush.deliveries.get(at) else { return };
        let (receiver, content) = (Arc::clone(&flush.receiver), Rc::clone(&delivery.content));
        let is_primary = delivery.receiver.name == receiver.name;
        let Some(fallback) = self.fallback_of(&receiver).filter(|_| is_primary) else { return };
        let is_told = flush.deliveries.iter().any(|it| it.receiver.name == fallback.name);
        if is_told || !self.fails_for_long(&receiver, &delivery.key, cx.now) {
            return;
        }
        let fresh = self.deliveries(&group.key, &fallback, &content, cx.now);
        let (from, to) = (Brief(&receiver.name), Brief(&fallback.name));
        warn!(
            "receiver {from} has failed for too long: its fallback {to} is told of {}",
            group.key
        );
        self.stats.fallbacks += 1;
        self.note(cx.now, (id, at), Outcome::FellBack { to: Arc::clone(&fallback.name) });
        let Some(flush) = self.flush_of(id) else { return };
        let first = flush.deliveries.len();
        flush.deliveries.extend(fresh);
        for at in first..first + fallback.integrations.len() {
            self.step(cx, (id, at), Input::Begin);
        }
    }
}
