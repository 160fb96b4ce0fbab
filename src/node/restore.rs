//! Records that flash has stored become the node's state again: at once at the start, and in pieces where flash could be read
//! only later.

use std::collections::VecDeque;
use std::vec;

use log::warn;

use crate::core::clock::LastShown;
use crate::core::expect::Sign;
use crate::core::restore::GroupTimers;
use crate::core::step::Step;
use crate::effect::Cx;
use crate::gossip::Version;
use crate::node::Node;
use crate::node::carried;
use crate::node::keep::SPREAD_TOGETHER;
use crate::node::kinds::{Restored, rules};
use crate::node::stamps::{Extra, Stamp};
use crate::time::{Mono, Now};
use crate::wire::record::{self, Beat, Kind, Malformed, Stamped, kind_name};
use crate::wire::rest::rest;

/// A record as flash has it: its kind, its key and its body.
pub type Found = (u16, Vec<u8>, Vec<u8>);

/// The records that flash has stored, as far as they are not in force.
#[derive(Debug, Default)]
pub(super) struct Restoring {
    /// Those that are not read yet, where flash could be read only later.
    found: VecDeque<Found>,
    /// Those that are read.
    saved: Vec<Saved>,
    /// Signs of life.
    signs: Vec<Beat>,
    /// The rest, once all are read.
    taking: Option<Taking>,
}

/// Records that are being put in force.
#[derive(Debug)]
struct Taking {
    saved: vec::IntoIter<Saved>,
    shown: LastShown,
    timers: GroupTimers,
    /// Whether their times have changed since they were stored.
    stepped: bool,
}

impl Restoring {
    /// When it is to go on: at once, while there is something to do.
    pub(super) fn due(&self) -> Option<Mono> {
        (self.taking.is_some() || !self.found.is_empty()).then_some(Mono::ZERO)
    }
}

/// A record that flash has stored.
#[derive(Debug)]
struct Saved {
    kind: Kind,
    key: Vec<u8>,
    version: Version,
    expires_at_ms: i64,
    object: Box<dyn Restored>,
    /// The elements of its body that only a newer version knows.
    newer: Option<Vec<u8>>,
}

impl Node {
    /// Takes back one record that flash has stored; [`Node::handle_restored`] then puts all of them in force. An error says why
    /// this one was left out; it changes nothing else.
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
            self.restoring.signs.push(record::decode_beat(&stamped.body)?);
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
        self.restoring.saved.push(Saved {
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

    /// Says that every stored record has been read: they are put in force, the flock is joined, groups and timers start.
    pub fn handle_restored(&mut self, cx: &mut Cx<'_>) {
        self.begin_taking_back(cx);
        self.take_some_back(cx, usize::MAX);
    }

    /// Takes back what flash had stored, in pieces: it could be read only now. Records that came meanwhile are newer and stay.
    /// A record that makes no sense is left out and said. Until all is in force nothing that is due is done, so that no group is
    /// notified whose log entry is still to come.
    pub fn handle_found_late(&mut self, cx: &mut Cx<'_>, found: Vec<Found>) {
        self.restoring.found.extend(found);
        self.go_on_restoring(cx);
    }

    /// Goes on with another piece of that.
    pub(super) fn go_on_restoring(&mut self, cx: &mut Cx<'_>) {
        if self.restoring.taking.is_some() {
            self.take_some_back(cx, SPREAD_TOGETHER);
            return;
        }
        for _ in 0..SPREAD_TOGETHER {
            let Some((kind, key, body)) = self.restoring.found.pop_front() else { break };
            self.restore(kind, &key, &body);
        }
        if self.restoring.found.is_empty() {
            self.begin_taking_back(cx);
        }
    }

    /// Takes back one record; one that makes no sense is left out and said.
    pub fn restore(&mut self, kind: u16, key: &[u8], body: &[u8]) {
        if let Err(error) = self.handle_record(kind, key, body) {
            warn!("journal: left out a record ({}): {error}", kind_name(kind));
        }
    }

    /// Everything is read: how far its times have to be moved follows from all of them.
    fn begin_taking_back(&mut self, cx: &mut Cx<'_>) {
        self.past.restored(cx.now);
        let saved = std::mem::take(&mut self.restoring.saved);
        let mut shown = LastShown::default();
        for it in saved.iter().filter(|it| it.object.is_of_the_past()) {
            shown.see(it.object.written());
        }
        let signs = std::mem::take(&mut self.restoring.signs);
        for sign in &signs {
            shown.see(sign.at);
        }
        for it in signs {
            let at = shown.step(it.at, cx.now.wall).time(it.at);
            self.core.restore_sign(cx.now, &it.name, Sign { at, by: it.said.into() });
        }
        let (saved, timers) = (saved.into_iter(), GroupTimers::new());
        self.restoring.taking = Some(Taking { saved, shown, timers, stepped: false });
    }

    /// Puts so many records in force; after the last one the flock is joined, groups and timers start.
    fn take_some_back(&mut self, cx: &mut Cx<'_>, count: usize) {
        let Some(mut taking) = self.restoring.taking.take() else { return };
        for mut it in taking.saved.by_ref().take(count) {
            // A record that came while flash could not be read is newer.
            if self.holds_newer(it.kind, &it.key, it.version) {
                continue;
            }
            let step = taking.shown.step(it.object.written(), cx.now.wall);
            taking.stepped |= step != Step::NONE;
            it.object.step(step);
            self.take_back(cx.now, it, &mut taking.timers);
        }
        if taking.saved.len() > 0 {
            self.restoring.taking = Some(taking);
            return;
        }
        // Records that are found late.
        if self.gossip.is_some() {
            self.note_all();
        }
        self.join(cx);
        self.await_members(cx.now.mono);
        self.resume_failing(cx.now);
        // Alerts of ours that fired are to be renewed before they lapse.
        self.look_soon(cx.now.mono);
        self.core.restore_groups(cx, taking.timers, taking.stepped);
        self.core.look_at_expected(cx.now.mono);
        self.rewrite(cx, taking.stepped);
        self.spread(cx);
        self.gather_if_wanted(cx);
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
