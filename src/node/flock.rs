//! The node as a member of its flock.

use std::net::SocketAddr;

use crate::core::deliver::turn::Flock;
use crate::core::step::Step;
use crate::effect::{Cx, Effect};
use crate::gossip::{self, Gossip, Key, Output, Version, Via};
use crate::limits::CLOCK_AHEAD_MS_MAX;
use crate::node::Node;
use crate::node::carried;
use crate::node::kinds::Merging;
use crate::node::kinds::{flash_deletion, identity};
use crate::node::tables::Tables;
use crate::time::{ClockTrust, Now, Wall};
use crate::wire::record::Kind;

impl Node {
    /// Takes a datagram of the flock's port.
    pub fn handle_datagram(&mut self, cx: &mut Cx<'_>, from: SocketAddr, via: Via, bytes: &[u8]) {
        self.handle_clock(cx);
        self.with_gossip(cx, |gossip, cx, tables| {
            gossip.handle_datagram(cx.now, cx.rng, from, via, bytes, tables);
        });
    }

    /// Takes the addresses that the names of static peers have now.
    pub fn handle_peers(&mut self, cx: &mut Cx<'_>, peers: &[SocketAddr]) {
        self.handle_clock(cx);
        self.with_gossip(cx, |gossip, cx, _| gossip.set_peers(cx.now, peers));
    }

    /// Takes another key ring.
    pub fn handle_keys(&mut self, cx: &mut Cx<'_>, keys: gossip::KeyRing) {
        self.handle_clock(cx);
        self.with_gossip(cx, |gossip, _, _| gossip.set_keys(keys));
    }

    /// Says how far the wall clock is to be believed.
    pub fn handle_synced(&mut self, cx: &mut Cx<'_>, trust: ClockTrust) {
        self.handle_clock(cx);
        self.core.handle_calendar(cx.now, trust != ClockTrust::Unset);
        let synced = trust == ClockTrust::Synced;
        self.with_gossip(cx, |gossip, _, _| gossip.set_synced(synced));
        self.note_synced(cx.now, synced);
        self.look_around(cx);
    }

    /// Gives up the turns that this node has claimed and says goodbye to the flock: the process is about to stop.
    /// Before that, wait some time for [`Node::is_heard`].
    pub fn handle_leave(&mut self, cx: &mut Cx<'_>) {
        self.handle_clock(cx);
        self.core.surrender(cx.now.mono);
        self.publish_all(cx);
        self.handle_rewrite(cx);
        self.persist_past(cx);
        self.with_gossip(cx, |gossip, cx, _| gossip.leave(cx.now));
    }

    /// Whether the flock has all that this node has said: it may leave without anything being done twice.
    pub fn is_heard(&self) -> bool {
        !self.core.has_changes() && self.gossip.as_ref().is_none_or(Gossip::is_heard)
    }

    /// The flock, if this node is a member of one.
    pub const fn flock(&self) -> Option<&Gossip> {
        self.gossip.as_ref()
    }

    /// Whether this node is a member of a flock, or is about to be: alone it needs no versions.
    pub(super) const fn is_member(&self) -> bool {
        self.gossip.is_some() || self.flock_config.is_some()
    }

    /// The wall clock as the flock counts it.
    pub(super) fn flock_wall(&self, now: Now) -> Wall {
        self.gossip.as_ref().map_or(now.wall, |gossip| Wall::from_ms(gossip.wall_ms(now)))
    }

    /// A time that has passed, as far as the flock and the journal tell: for a machine whose clock is not set.
    pub fn time_floor(&self, now: Now) -> Wall {
        let journal = Version { hlc: self.last_hlc, node: 0 };
        self.flock_wall(now).max(Wall::from_ms(journal.wall_ms()))
    }

    /// A time by our clock as the flock counts it.
    pub(super) fn flock_time(&self, now: Now, time: Wall) -> Wall {
        Step::new(now.wall, self.flock_wall(now)).shift(time)
    }

    /// Becomes a member, under the id that was kept or a new one.
    pub(super) fn join(&mut self, cx: &mut Cx<'_>) {
        let Some(mut config) = self.flock_config.take() else { return };
        // These members know what was sent while this node was away.
        config.expects_peers |= !self.met.is_empty();
        let id = self.identity.unwrap_or_else(|| {
            let id = cx.rng.next_u64();
            cx.effects.push(Effect::Persist(vec![identity(id, &[])]));
            id
        });
        self.identity = Some(id);
        config.node = id;
        config.last_hlc = self.last_hlc;
        if config.name.is_empty() {
            config.name = format!("{id:016x}");
        }
        let mut gossip = Gossip::new(cx.now, cx.rng, config);
        gossip.hint(cx.now, &self.met);
        self.gossip = Some(gossip);
    }

    /// Has the flock be told of all records that were taken back, as far as there is room.
    pub(super) fn share(&mut self, now: Now) {
        let Some(gossip) = &mut self.gossip else { return };
        gossip.share(now);
        self.update_members();
    }

    /// Runs everything of the flock that is due.
    pub(super) fn handle_flock_timeout(&mut self, cx: &mut Cx<'_>) {
        if self.gossip.as_ref().is_some_and(|gossip| gossip.next_timeout() <= cx.now.mono) {
            self.with_gossip(cx, |gossip, cx, tables| {
                gossip.handle_timeout(cx.now, cx.rng, tables);
            });
            self.drop_ended(cx);
            self.end_former_fault(cx);
        }
    }

    /// Drops records that have ended and that the core does not hold.
    fn drop_ended(&mut self, cx: &mut Cx<'_>) {
        let now_ms = self.flock_wall(cx.now).as_ms();
        let Some(gossip) = &mut self.gossip else { return };
        let has_ended = |key: &Key| gossip.held(key).is_none_or(|it| it.expires_at_ms <= now_ms);
        let core = &self.core;
        let ended = self.extras.sweep(cx.now.mono, has_ended, |timer| {
            let route = core.routes().find(&timer.path);
            let made = route.and_then(|route| core.groups().find(route, &timer.labels));
            let unmade = || (timer.path.as_str().into(), timer.labels.clone());
            made.is_some() || core.unmade_group(&unmade()).is_some()
        });
        let mut records = Vec::new();
        for (kind, key) in ended {
            gossip.mark_ended(&key);
            if kind == Kind::Group {
                records.push(flash_deletion(kind, &*key.id));
            }
        }
        let gone_ms = now_ms.saturating_sub(CLOCK_AHEAD_MS_MAX);
        let has_ended = |key: &Key| gossip.held(key).is_none_or(|it| it.expires_at_ms <= gone_ms);
        for key in self.carried.sweep(cx.now.mono, has_ended) {
            gossip.mark_ended(&key);
            records.extend(carried::deleted(&key));
        }
        if !records.is_empty() {
            cx.effects.push(Effect::Persist(records));
        }
    }

    /// Lets the gossip work on the tables, then acts on the records that it brought.
    fn with_gossip(
        &mut self,
        cx: &mut Cx<'_>,
        input: impl FnOnce(&mut Gossip, &mut Cx<'_>, &mut Tables<'_>),
    ) {
        let Some(mut gossip) = self.gossip.take() else { return };
        let mut tables = Tables {
            now: cx.now,
            flock_wall: gossip.knows_time().then(|| Wall::from_ms(gossip.wall_ms(cx.now))),
            merging: Merging::new(&mut self.core),
            extras: &mut self.extras,
            carried: &mut self.carried,
            records: Vec::new(),
        };
        input(&mut gossip, cx, &mut tables);
        for (key, by) in std::mem::take(&mut tables.merging.joined) {
            // If that node is dead, repair finds the result on the others.
            if by == gossip.node() {
                gossip.send(cx.now, cx.rng, &key, &tables);
            }
        }
        let Tables { records, merging: Merging { logs, claims, .. }, .. } = tables;
        self.gossip = Some(gossip);
        if !records.is_empty() {
            cx.effects.push(Effect::Persist(records));
        }
        self.update_members();
        self.note_met(cx);
        for (key, claim) in claims {
            self.core.handle_peer_claim(cx, key, claim);
        }
        for (key, node) in logs {
            self.core.handle_peer_log(cx, &key, node);
        }
        self.publish_some(cx);
    }

    /// Hands the gossip's datagrams to the shell, and reports members that came and went.
    pub(super) fn send(&mut self, cx: &mut Cx<'_>) {
        let Some(gossip) = &mut self.gossip else { return };
        for node in self.core.take_doubted() {
            gossip.suspect(cx.now, node);
        }
        let (mut changes, mut unheard) = (Vec::new(), None);
        while let Some(output) = gossip.poll_output(cx.now) {
            match output {
                Output::Multicast { bytes } => cx.effects.push(Effect::Multicast(bytes)),
                Output::Send { to, bytes, is_there } => {
                    cx.effects.push(Effect::Send { to, bytes, is_there });
                }
                Output::MemberDown(node) => changes.push((node, false, false)),
                Output::MemberLeft(node) => changes.push((node, false, true)),
                Output::MemberUp(node) => changes.push((node, true, false)),
                Output::Unheard(it) => unheard = Some(it),
            }
        }
        for (node, up, left) in changes {
            if up {
                self.note_up(cx, node);
            } else {
                self.note_down(cx, node, left);
            }
        }
        if let Some(unheard) = unheard {
            self.note_unheard(cx.now, unheard);
        }
    }

    /// Tells the core which members are up.
    fn update_members(&mut self) {
        let Some(gossip) = &self.gossip else { return };
        let flock = Flock { me: gossip.node(), others: gossip.living(), settling: !gossip.ready() };
        self.core.set_flock(flock);
    }
}
