//! Records that flash has stored become the node's state again.

use crate::core::clock::LastShown;
use crate::core::expect::Sign;
use crate::core::restore::GroupTimers;
use crate::core::step::Step;
use crate::effect::Cx;
use crate::gossip::Version;
use crate::node::Node;
use crate::node::carried;
use crate::node::kinds::{Restored, rules};
use crate::node::stamps::{Extra, Stamp};
use crate::time::Now;
use crate::wire::record::{self, Kind, Malformed, Stamped};
use crate::wire::rest::rest;

/// A record that flash has stored.
#[derive(Debug)]
pub(super) struct Saved {
    kind: Kind,
    key: Vec<u8>,
    version: Version,
    expires_at_ms: i64,
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
        if kind == Kind::Identity {
            let (id, met) = record::decode_identity(&stamped.body)?;
            if self.identity.is_none() {
                (self.identity, self.met) = (Some(id), met);
            }
            return Ok(());
        }
        if kind == Kind::Past {
            return self.past.restore(&stamped.body);
        }
        if kind == Kind::Sign {
            self.signs.push(record::decode_beat(&stamped.body)?);
            return Ok(());
        }
        if kind == Kind::Member {
            let member = record::decode_member(&stamped.body)?;
            self.around.members.restore(record::member_of(key)?, member);
            return Ok(());
        }
        let Some(object) = rules(kind).read(&mut self.core, key, &stamped.body)? else {
            return Ok(());
        };
        self.restoring.push(Saved {
            kind,
            key: key.to_vec(),
            version: Version { hlc: stamped.hlc, node: stamped.node },
            expires_at_ms: stamped.expires_at_ms,
            object,
            newer: rest(kind, &stamped.body).map(Into::into),
        });
        Ok(())
    }

    /// Takes back a record of a kind that only a newer version knows. One that is not replicated stays on flash, unread.
    fn carry(&mut self, kind: u16, key: &[u8], body: &[u8]) {
        if let Some(record) = carried::kept(kind, key, body).filter(|_| self.is_member()) {
            self.last_hlc = self.last_hlc.max(record.version.hlc);
            self.carried.take(&record);
        }
    }

    /// Says that every stored record has been taken back: the flock is joined, groups and timers start.
    pub fn handle_restored(&mut self, cx: &mut Cx<'_>) {
        self.past.restored(cx.now);
        let stored = std::mem::take(&mut self.restoring);
        let mut shown = LastShown::default();
        for it in stored.iter().filter(|it| it.object.is_of_the_past()) {
            shown.see(it.object.written());
        }
        let signs = std::mem::take(&mut self.signs);
        for sign in &signs {
            shown.see(sign.at);
        }
        for it in signs {
            let at = shown.step(it.at, cx.now.wall).time(it.at);
            self.core.restore_sign(cx.now, &it.name, Sign { at, by: it.said.into() });
        }
        let mut timers = GroupTimers::new();
        let mut stepped = false;
        for mut it in stored {
            // A record that came while flash could not be read is newer.
            if self.holds_newer(it.kind, &it.key, it.version) {
                continue;
            }
            let step = shown.step(it.object.written(), cx.now.wall);
            stepped |= step != Step::NONE;
            it.object.step(step);
            self.take_back(cx.now, it, &mut timers);
        }
        // Records that are found late.
        if self.gossip.is_some() {
            self.note_all(cx.now);
        }
        self.join(cx);
        self.await_members(cx.now.mono);
        self.resume_failing(cx.now);
        // Alerts of ours that fired are to be renewed before they lapse.
        self.look_soon(cx.now.mono);
        self.core.restore_groups(cx, timers, stepped);
        self.core.look_at_expected(cx.now.mono);
        self.rewrite(cx, stepped);
        self.spread(cx);
    }

    fn take_back(&mut self, now: Now, saved: Saved, timers: &mut GroupTimers) {
        let Saved { kind, key, version, expires_at_ms, object, newer } = saved;
        let (lease_end, body) = object.restore(&mut self.core, now, timers);
        if self.is_member() {
            let extra = Extra::of(kind, &body, newer.as_deref());
            self.stamps.put(kind, &key, Stamp { version, expires_at_ms, lease_end, extra });
        }
    }

    /// Whether a newer version than the stored one is held.
    fn holds_newer(&self, kind: Kind, key: &[u8], version: Version) -> bool {
        if self.is_member() {
            return self.stamps.get(kind, key).is_some_and(|known| known.version >= version);
        }
        rules(kind).is_held(&self.core, key)
    }
}
