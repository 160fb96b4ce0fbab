//! Records that flash has stored become the node's state again.

use std::vec;

use crate::core::clock::LastShown;
use crate::core::expect::Sign;
use crate::core::restore::GroupTimers;
use crate::core::step::Step;
use crate::effect::Cx;
use crate::gossip::{self, Stamp, Version};
use crate::node::Node;
use crate::node::carried;
use crate::node::extras::Extra;
use crate::node::kinds::{Restored, rules};
use crate::time::Now;
use crate::wire::record::{Beat, Kind, Malformed, Stamped};
use crate::wire::rest::rest;

/// The records that flash has stored, as far as they are not in force.
#[derive(Debug, Default)]
pub(super) struct Restoring {
    saved: Vec<Saved>,
    /// Those of kinds that only a newer version knows.
    carried: Vec<gossip::Record>,
    /// Signs of life.
    pub(super) signs: Vec<Beat>,
    /// Those that are still to be put in force, once all are read.
    rest: Option<Rest>,
}

/// Records that are being put in force.
#[derive(Debug)]
struct Rest {
    saved: vec::IntoIter<Saved>,
    shown: LastShown,
    timers: GroupTimers,
    /// Whether their times have changed since they were stored.
    stepped: bool,
}

/// A record that flash has stored.
#[derive(Debug)]
struct Saved {
    kind: Kind,
    key: Vec<u8>,
    stamp: Stamp,
    object: Box<dyn Restored>,
    /// The elements of its body that only a newer version knows.
    newer: Option<Vec<u8>>,
}

impl Node {
    /// Takes back one record that flash has stored; [`Node::handle_restored`] then puts all of them in force. Both may come
    /// again when flash could not be read at first. An error says why this one was left out; it changes nothing else.
    pub fn handle_record(&mut self, kind: u16, key: &[u8], body: &[u8]) -> Result<(), Malformed> {
        let Some(kind) = Kind::from_number(kind) else {
            self.carry(kind, key, body);
            return Ok(());
        };
        let stamped = Stamped::decode(body)?;
        self.last_hlc = self.last_hlc.max(stamped.hlc);
        let Some(object) = rules(kind).read(self, key, &stamped.body)? else { return Ok(()) };
        self.restoring.saved.push(Saved {
            kind,
            key: key.to_vec(),
            stamp: Stamp {
                version: Version { hlc: stamped.hlc, node: stamped.node },
                expires_at_ms: stamped.expires_at_ms,
            },
            object,
            newer: rest(kind, &stamped.body).map(Into::into),
        });
        Ok(())
    }

    /// Takes back a record of a kind that only a newer version knows. One that is not replicated stays on flash, unread.
    fn carry(&mut self, kind: u16, key: &[u8], body: &[u8]) {
        if let Some(record) = carried::kept(kind, key, body).filter(|_| self.is_member()) {
            self.last_hlc = self.last_hlc.max(record.version.hlc);
            self.restoring.carried.push(record);
        }
    }

    /// Says that every stored record has been taken back: the flock is joined, groups and timers start.
    pub fn handle_restored(&mut self, cx: &mut Cx<'_>) {
        while !self.restore_some(cx, usize::MAX) {}
    }

    /// The same in pieces, of so many records each. Returns whether all are in force. Until they are, no other input may come,
    /// which would meet half of a state; and each piece has the same `now`.
    pub fn restore_some(&mut self, cx: &mut Cx<'_>, count: usize) -> bool {
        let mut rest = match self.restoring.rest.take() {
            Some(rest) => rest,
            None => self.begin_restoring(cx),
        };
        for mut it in rest.saved.by_ref().take(count) {
            // A record that came while flash could not be read is newer.
            if self.holds_newer(it.kind, &it.key, it.stamp) {
                continue;
            }
            let step = rest.shown.step(it.object.written(), cx.now.wall);
            rest.stepped |= step != Step::NONE;
            it.object.step(step);
            self.take_back(cx.now, it, &mut rest.timers);
        }
        if rest.saved.len() > 0 {
            self.restoring.rest = Some(rest);
            return false;
        }
        let Rest { timers, stepped, .. } = rest;
        self.share(cx.now);
        self.await_members(cx.now.mono);
        self.resume_failing(cx.now);
        // Alerts of ours that fired are to be renewed before they lapse.
        self.look_soon(cx.now.mono);
        self.core.restore_groups(cx, timers, stepped);
        self.core.look_at_expected(cx.now.mono);
        self.rewrite(cx, stepped);
        self.publish_some(cx);
        true
    }

    /// Begins to put all in force: from their times together follows how far each has to be moved.
    fn begin_restoring(&mut self, cx: &mut Cx<'_>) -> Rest {
        let now = cx.now;
        self.past.restored(now);
        let Restoring { saved, carried, signs, .. } = std::mem::take(&mut self.restoring);
        let mut shown = LastShown::default();
        for it in saved.iter().filter(|it| it.object.is_of_the_past()) {
            shown.see(it.object.written());
        }
        for sign in &signs {
            shown.see(sign.at);
        }
        for it in signs {
            let at = shown.step(it.at, now.wall).time(it.at);
            self.core.restore_sign(now, &it.name, Sign { at, by: it.said.into() });
        }
        self.join(cx);
        for it in carried {
            self.take_back_carried(&it);
        }
        Rest { saved: saved.into_iter(), shown, timers: GroupTimers::new(), stepped: false }
    }

    fn take_back(&mut self, now: Now, saved: Saved, timers: &mut GroupTimers) {
        let Saved { kind, key, stamp, object, newer } = saved;
        let body = object.restore(&mut self.core, now, timers);
        if self.is_member() {
            self.extras.put(kind, &key, Extra::of(kind, &body, newer.as_deref()));
            self.set_aside(kind, &key, stamp);
        }
    }

    /// Takes back a record of a kind that only a newer version knows, unless a newer one of it is held.
    fn take_back_carried(&mut self, record: &gossip::Record) {
        let Some(gossip) = &mut self.gossip else { return };
        let is_newer = gossip.held(&record.key).is_none_or(|it| it.version < record.version);
        if is_newer && self.carried.take(&record.key, &record.body).is_ok() {
            gossip.set_aside(record.key.clone(), record.stamp());
        }
    }

    /// Whether a newer version than the stored one is held.
    fn holds_newer(&self, kind: Kind, key: &[u8], stamp: Stamp) -> bool {
        if self.is_member() {
            return self.held(kind, key).is_some_and(|known| known.version >= stamp.version);
        }
        rules(kind).is_held(&self.core, key)
    }
}
