//! A change is sent at once: by one multicast, or along a tree of unicasts, see [`super::tree`].
//!
//! News is acknowledged, by the counter of its datagram, and sent again until it is: that by multicast once more by
//! multicast, where many did not hear it, and then to each of the rest by unicast. The children of a member that stays
//! silent are taken over, another is asked to look after it, and from then on it is tried until it is heard (see
//! [`super::join`]). What is lost for all that the digests find: who has a record and hands it to nobody sends one within a
//! second, see [`super::sync`].
//!
//! No more than [`FLIGHT_MAX`] datagrams are on their way at a time, and fewer while some are lost, so that no receiver is
//! sent more than it can take. Who does not answer at all holds up nobody.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand::Rng;

use super::limiter::Bucket;
use super::message::{AROUND_BYTES, FIRST_HAND, Head, MENDED, Message, RELAYED, TOLD, pack};
use super::peer::Peer;
use super::record::{Merge, Record, Replica};
use super::seal::MESSAGE_BYTES_MAX;
use super::sync::Origin;
use super::tree::Trees;
use super::{Gossip, choose};
use crate::faults::{self, Fault};
use crate::limits::{
    NEWS_BYTES_BURST, NEWS_BYTES_MAX, NEWS_BYTES_PER_SECOND, NEWS_NAMES_MAX, UNACKNOWLEDGED_MAX,
};
use crate::time::{Mono, Now};

/// A record is news for so long.
const NEWS_FOR_MS: i64 = 10_000;
/// Bytes of records taken from the queue at a time, to be packed together.
const BATCH_BYTES: usize = 16 * 1024;
/// Acknowledgements wait so long for others to go with.
const ACKS_WAIT: Duration = Duration::from_millis(20);
/// How long an acknowledgement is waited for, each time.
const RESEND_AFTER_MS: [u64; 8] = [250, 250, 250, 250, 500, 1_000, 2_000, 2_000];
/// News by multicast is sent so often by multicast, and the second time only while more than so many members, and one in so
/// many, have not acknowledged it: for fewer unicast costs less.
const MULTICAST_TRIES: usize = 2;
const UNICAST_TO_MAX: usize = 2;
const UNICAST_TO_SHARE: usize = 4;
/// Datagrams that were sent and are neither acknowledged nor overdue: more wait. Half a receiver's replay window, and
/// a third of the smallest buffer that a kernel gives a socket.
const FLIGHT_MAX: usize = 64;
const FLIGHT_MIN: usize = 4;
/// Datagrams of repair that are not acknowledged: more wait.
const MENDED_MAX: usize = 16;
/// Losses are taken together for so long: they have one cause.
const FLIGHT_LESS_EVERY: Duration = Duration::from_millis(250);
/// Another is asked to look after a silent member no more often than this.
const CHECK_EVERY: Duration = Duration::from_millis(400);
/// A member that has let so many tries pass is taken for silent.
const SILENT_TRIES: usize = 2;

/// Records to be sent for the first time, and datagrams not yet acknowledged.
#[derive(Debug)]
pub(super) struct Broadcast {
    queue: VecDeque<Queued>,
    bytes: usize,
    /// What waits for room in the queue.
    names: VecDeque<(Head, bool)>,
    bucket: Bucket,
    /// Datagrams that may be on their way, and when that was last made less.
    flight: usize,
    flight_less_at: Mono,
    /// By counter of the datagram.
    unacknowledged: BTreeMap<u64, Unacknowledged>,
    /// Counters to acknowledge, by member.
    acks: BTreeMap<u64, Vec<u64>>,
    acks_at: Mono,
}

#[derive(Debug)]
struct Queued {
    record: Record,
    /// When it was queued: its `told_at` is of then.
    since: Mono,
    /// It travels along the tree, whatever else could be used.
    tree: bool,
}

#[derive(Debug)]
struct Unacknowledged {
    heads: Vec<Head>,
    mode: u8,
    /// Who has not acknowledged it.
    by: Vec<u64>,
    /// It was not acknowledged when it went by multicast.
    was_missed: bool,
    /// Those to whom it should have been handed on were told.
    replaced: bool,
    /// Some of them answer, as far as we know, so it is waited for.
    holds_up: bool,
    tries: usize,
    next: Mono,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum To {
    Multicast,
    /// To a member that has missed the multicast.
    Missed(u64),
    /// To a member, and whether it hands it on.
    Node(u64, u8),
}

impl Broadcast {
    pub(super) const fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            bytes: 0,
            names: VecDeque::new(),
            bucket: Bucket::new(NEWS_BYTES_PER_SECOND, NEWS_BYTES_BURST),
            flight: FLIGHT_MAX,
            flight_less_at: Mono::ZERO,
            unacknowledged: BTreeMap::new(),
            acks: BTreeMap::new(),
            acks_at: Mono::ZERO,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len() + self.names.len()
    }

    pub(super) fn next_timeout(&self) -> Option<Mono> {
        let resend = self.unacknowledged.values().map(|sent| sent.next).min();
        let resend = resend.map(|at| at.max(self.bucket.ready_at()));
        let acks = (!self.acks.is_empty()).then_some(self.acks_at);
        let may = !self.queue.is_empty() && self.may_fly();
        let news = may.then(|| self.bucket.ready_at());
        let room = (!self.names.is_empty() && self.has_room()).then_some(Mono::ZERO);
        [resend, acks, news, room].into_iter().flatten().min()
    }

    /// Whether records that wait by name may be fetched.
    fn has_room(&self) -> bool {
        self.bytes < NEWS_BYTES_MAX / 2
    }

    /// Whether there is something to be sent for the first time, and it may be.
    fn may_send(&mut self, now: Mono) -> bool {
        !self.queue.is_empty() && self.bucket.ready(now) && self.may_fly()
    }

    /// Whether another datagram may be on its way.
    fn may_fly(&self) -> bool {
        self.unacknowledged.values().filter(|sent| sent.holds_up).count() < self.flight
    }

    /// Whether more may be sent in repair: not while much of it is unacknowledged, for it would only be sent again.
    pub(super) fn may_mend(&self) -> bool {
        self.unacknowledged.values().filter(|sent| sent.mode == MENDED).count() < MENDED_MAX
    }

    /// Takes note of a datagram that was lost.
    fn fly_less(&mut self, now: Mono) {
        if now.since(self.flight_less_at) >= FLIGHT_LESS_EVERY {
            self.flight_less_at = now;
            self.flight = (self.flight / 2).max(FLIGHT_MIN);
        }
    }

    fn push(&mut self, now: Mono, record: Record, tree: bool) {
        self.bytes += size(&record);
        self.queue.push_back(Queued { record, since: now, tree });
    }

    /// Records to be packed together, each with whether it travels along the tree.
    fn pop_batch(&mut self, now: Mono) -> Vec<(Record, bool)> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH_BYTES
            && let Some(Queued { mut record, since, tree }) = self.queue.pop_front()
        {
            bytes += size(&record);
            record.age(now.since(since));
            batch.push((record, tree));
        }
        self.bytes -= bytes;
        batch
    }
}

impl Gossip {
    /// Queues a record to be sent to those who have it from us: along the tree, or as its author does.
    pub(super) fn spread(&mut self, now: Now, rng: &mut dyn Rng, record: Record, tree: bool) {
        if self.broadcast.bytes + size(&record) <= NEWS_BYTES_MAX {
            self.broadcast.push(now.mono, record, tree);
        } else if self.broadcast.names.len() < NEWS_NAMES_MAX {
            let head = Head { hash: record.key.hash(), version: record.version };
            self.broadcast.names.push_back((head, tree));
        } else {
            self.stats.overflowed += 1;
            self.sync.trickle.hasten(now.mono, rng);
        }
    }

    /// Whether a record that came by repair is so new that those who should have had it from us cannot have it: it is handed
    /// on as if it had come as news.
    pub(super) fn is_news(&self, now: Now, record: &Record) -> bool {
        let age_ms = self.hlc.wall_ms(now).saturating_sub(record.version.wall_ms());
        !self.config.multicast && age_ms.saturating_abs() < NEWS_FOR_MS
    }

    /// Fetches what waits by name, as far as there is room. What has changed since waits for itself.
    fn fetch_named(&mut self, now: Now, rng: &mut dyn Rng, replica: &mut dyn Replica) {
        while self.broadcast.has_room()
            && let Some((head, tree)) = self.broadcast.names.pop_front()
        {
            let fetched = self.fetch(now, head.hash, replica);
            if let Some(record) = fetched.filter(|record| record.version == head.version) {
                self.spread(now, rng, record, tree);
            }
        }
    }

    /// Sends what is queued, as fast as allowed.
    pub(super) fn send_news(&mut self, now: Now) {
        if !self.broadcast.may_send(now.mono) {
            return;
        }
        let living = self.swim.living();
        let trees = self.trees(now);
        let deaf: Vec<u64> =
            living.iter().copied().filter(|node| self.is_deaf(now, *node)).collect();
        while self.broadcast.may_send(now.mono) {
            let mut routes: BTreeMap<To, Vec<Record>> = BTreeMap::new();
            let mut told: BTreeMap<To, Vec<u64>> = BTreeMap::new();
            for (record, tree) in self.broadcast.pop_batch(now.mono) {
                let to: Vec<To> = if tree || deaf.len() == living.len() {
                    self.heirs(now, &trees, self.config.node, record.version.node)
                        .into_iter()
                        .map(|node| To::Node(node, RELAYED))
                        .collect()
                } else {
                    let deaf = deaf.iter().map(|node| To::Node(*node, FIRST_HAND));
                    deaf.chain([To::Multicast]).collect()
                };
                if minicbor::len(&record) + AROUND_BYTES > MESSAGE_BYTES_MAX {
                    // Too large for a datagram: tell of it, and whoever lacks it asks for its parts.
                    for to in to {
                        told.entry(to).or_default().push(record.key.hash());
                    }
                    continue;
                }
                for to in to {
                    routes.entry(to).or_default().push(record.clone());
                }
            }
            for (to, records) in routes {
                self.send_first(now, to, records);
            }
            for (to, hashes) in told {
                let digest = Message::Digest(self.own_digest(now));
                let nodes = match to {
                    To::Multicast => {
                        self.send_multicast(&digest);
                        living.iter().copied().filter(|node| !deaf.contains(node)).collect()
                    }
                    To::Missed(node) | To::Node(node, _) => {
                        self.send(node, &digest);
                        vec![node]
                    }
                };
                for node in nodes {
                    self.sync.unasked.put(now.mono, node, &hashes);
                }
            }
        }
    }

    pub(super) fn handle_broadcast_timeout(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        replica: &mut dyn Replica,
    ) {
        if !self.broadcast.acks.is_empty() && self.broadcast.acks_at <= now.mono {
            for (node, counters) in std::mem::take(&mut self.broadcast.acks) {
                for counters in pack(counters, AROUND_BYTES) {
                    self.send(node, &Message::Ack(counters));
                }
            }
        }
        if self.broadcast.next_timeout().is_none_or(|at| at > now.mono) {
            return;
        }
        self.fetch_named(now, rng, replica);
        let unacknowledged = &mut self.broadcast.unacknowledged;
        let due = |sent: &Unacknowledged| sent.next <= now.mono;
        let late: Vec<_> =
            unacknowledged.iter().filter(|(_, sent)| due(sent)).map(|(id, _)| *id).collect();
        for id in late {
            if !self.broadcast.bucket.ready(now.mono) {
                break;
            }
            if let Some(sent) = self.broadcast.unacknowledged.remove(&id) {
                self.send_again(now, rng, sent, replica);
            }
        }
        self.send_news(now);
    }

    pub(super) fn handle_news(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        (from, counter): (u64, u64),
        (records, mode): (Vec<Record>, u8),
        replica: &mut dyn Replica,
    ) {
        if self.broadcast.acks.is_empty() {
            self.broadcast.acks_at = now.mono + ACKS_WAIT;
        }
        self.broadcast.acks.entry(from).or_default().push(counter);
        let origin = if mode == MENDED { Origin::Repair(from) } else { Origin::News };
        let trees = (mode == RELAYED).then(|| self.trees(now));
        for record in records {
            let leads_on = trees.as_ref().is_some_and(|trees| {
                !self.heirs(now, trees, self.config.node, record.version.node).is_empty()
            });
            let copy = leads_on.then(|| record.clone());
            let changed = self.take(now, rng, origin, record, replica) == Merge::Changed;
            match copy {
                Some(record) if changed => self.spread(now, rng, record, true),
                // Whoever hands it on will hear whether it has arrived. If it was known, it may have come by repair, and
                // was not handed on.
                Some(_) => self.sync.trickle.hasten(now.mono, rng),
                None if changed && mode != MENDED => self.sync.trickle.hasten(now.mono, rng),
                None => {}
            }
        }
    }

    pub(super) fn handle_ack(&mut self, now: Now, from: u64, counters: &[u64]) {
        for counter in counters {
            let Some(sent) = self.broadcast.unacknowledged.get_mut(counter) else { continue };
            let (awaited, by_multicast) = (sent.by.len(), sent.mode == TOLD);
            sent.by.retain(|node| *node != from);
            if (by_multicast || sent.was_missed)
                && sent.by.len() < awaited
                && let Some(peer) = self.peers.0.get_mut(&from)
            {
                peer.hear_ack(now.mono, by_multicast);
            }
            if sent.by.is_empty() {
                self.broadcast.unacknowledged.remove(counter);
                self.broadcast.flight = (self.broadcast.flight + 1).min(FLIGHT_MAX);
            }
        }
    }

    /// Whether a member must be sent to by unicast.
    pub(super) fn is_deaf(&self, now: Now, node: u64) -> bool {
        !self.config.multicast || self.peers.0.get(&node).is_none_or(|peer| peer.is_deaf(now.mono))
    }

    fn send_again(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        mut sent: Unacknowledged,
        replica: &mut dyn Replica,
    ) {
        let tries = sent.tries + 1;
        if sent.holds_up {
            self.broadcast.fly_less(now.mono);
        }
        let gone: Vec<u64> = sent.by.extract_if(.., |node| self.is_down(*node)).collect();
        let given_up = sent.mode != TOLD && tries >= RESEND_AFTER_MS.len();
        let silent = self.note_unanswered(now, &sent.by, given_up);
        // Who is silent is the prober's business.
        for node in sent.by.iter().filter(|_| given_up) {
            if self.peers.0.get(node).is_some_and(Peer::speaks_past_us) {
                let doubts = self.swim.doubt(now.mono, *node);
                self.apply(now, doubts);
            }
        }
        if tries >= RESEND_AFTER_MS.len() || faults::on(Fault::NewsNotResent) {
            return;
        }
        let mut records = Vec::new();
        for head in sent.heads {
            let known = self.index.entry(head.hash).map(|entry| entry.version);
            if known == Some(head.version) {
                records.extend(self.fetch(now, head.hash, replica));
            }
        }
        if sent.mode == TOLD {
            let few = UNICAST_TO_MAX.max(self.swim.living().len() / UNICAST_TO_SHARE);
            if tries < MULTICAST_TRIES && sent.by.len() > few {
                return self.send_records(now, To::Multicast, &sent.by, records, (tries, false));
            }
            for node in sent.by {
                self.send_records(now, To::Missed(node), &[node], records.clone(), (0, false));
            }
            return;
        }
        let leads_on = sent.mode == RELAYED && !sent.replaced;
        for node in gone.into_iter().filter(|_| leads_on) {
            self.replace_silent(now, node, &records);
        }
        for node in sent.by {
            let is_silent = silent.contains(&node);
            if tries >= SILENT_TRIES && is_silent {
                self.ask_to_check(now, rng, node);
            }
            let lost = (tries >= SILENT_TRIES && is_silent) || !self.hands_on(now, node);
            if lost && leads_on {
                self.replace_silent(now, node, &records);
            }
            let replaced = sent.replaced || lost;
            let to = if sent.was_missed { To::Missed(node) } else { To::Node(node, sent.mode) };
            self.send_records(now, to, &[node], records.clone(), (tries, replaced));
        }
    }

    /// Notes that these have not answered; which of them have not said anything else either since they last did not.
    fn note_unanswered(&mut self, now: Now, by: &[u64], given_up: bool) -> Vec<u64> {
        let mut silent = by.to_vec();
        silent.retain(|node| {
            let Some(peer) = self.peers.0.get_mut(node) else { return false };
            peer.unanswered_since.get_or_insert(now.mono);
            if given_up {
                peer.lost_at = Some(now.mono);
                self.join.hurry(now.mono);
            }
            !std::mem::take(&mut peer.is_there)
        });
        silent
    }

    /// Has another look after a member that does not answer us.
    pub(super) fn ask_to_check(&mut self, now: Now, rng: &mut dyn Rng, silent: u64) {
        let Some(peer) = self.peers.0.get_mut(&silent) else { return };
        if now.mono < peer.check_at {
            return;
        }
        peer.check_at = now.mono + CHECK_EVERY;
        let mut others = self.swim.living();
        others.retain(|node| *node != silent);
        if let Some(other) = choose(rng, &others) {
            self.send(other, &Message::Check(silent));
        }
    }

    /// Hands on what a member that does not answer, or is gone, should hand on.
    fn replace_silent(&mut self, now: Now, silent: u64, records: &[Record]) {
        let mut routes: BTreeMap<To, Vec<Record>> = BTreeMap::new();
        let trees = self.trees(now);
        for record in records {
            for child in self.heirs(now, &trees, silent, record.version.node) {
                if child != self.config.node {
                    routes.entry(To::Node(child, RELAYED)).or_default().push(record.clone());
                }
            }
        }
        for (to, records) in routes {
            self.send_first(now, to, records);
        }
    }

    fn trees(&self, now: Now) -> Trees {
        let mut living = self.swim.living();
        living.push(self.config.node);
        let suspects = self.swim.suspected();
        let hands_on = |node| node == self.config.node || self.hands_on(now, node);
        self.changes.trees(now.mono, living, |node| !hands_on(node) || suspects.contains(&node))
    }

    /// Whom a member hands the author's records to, and beside each of these that we have not met, or that does not hand on
    /// all it hears as far as we know, whom it would hand them to.
    fn heirs(&self, now: Now, trees: &Trees, member: u64, author: u64) -> Vec<u64> {
        trees.heirs((member, author), |node| self.hands_on(now, node))
    }

    fn hands_on(&self, now: Now, node: u64) -> bool {
        self.peers.0.get(&node).is_some_and(|peer| peer.hands_on(now.mono))
    }

    /// Sends a member what it lacks.
    pub(super) fn send_mended(&mut self, now: Now, node: u64, records: Vec<Record>) {
        self.send_first(now, To::Node(node, MENDED), records);
    }

    fn send_first(&mut self, now: Now, to: To, records: Vec<Record>) {
        let by = match to {
            To::Multicast => {
                let mut living = self.swim.living();
                living.retain(|node| !self.is_deaf(now, *node));
                living
            }
            To::Missed(node) | To::Node(node, _) => vec![node],
        };
        // Beside these those are told whom they should have handed it to: see `heirs`.
        let replaced = !by.iter().all(|node| self.hands_on(now, *node));
        self.send_records(now, to, &by, records, (0, replaced));
    }

    /// For the which time, counted from 0, and whether others were told in place of whom it is for.
    fn send_records(
        &mut self,
        now: Now,
        to: To,
        by: &[u64],
        records: Vec<Record>,
        (tries, replaced): (usize, bool),
    ) {
        for records in pack(records, AROUND_BYTES) {
            let heads: Vec<Head> = records
                .iter()
                .map(|record| Head { hash: record.key.hash(), version: record.version })
                .collect();
            let mode = match to {
                To::Multicast => TOLD,
                To::Missed(_) => FIRST_HAND,
                To::Node(_, mode) => mode,
            };
            let message = Message::News(records, mode);
            let bytes = minicbor::len(&message);
            if mode == MENDED {
                self.repair.spend(bytes);
            } else {
                self.broadcast.bucket.spend(bytes);
            }
            let counter = self.seal.counter();
            match to {
                To::Multicast => self.send_multicast(&message),
                To::Missed(node) | To::Node(node, _) => self.send(node, &message),
            }
            // To who is not met yet, or where there is no room, nothing went out.
            let is_sent = self.seal.counter() != counter;
            if is_sent && self.broadcast.unacknowledged.len() < UNACKNOWLEDGED_MAX {
                let haste = if mode == MENDED { 2 } else { 1 };
                let wait = RESEND_AFTER_MS.get(tries).copied().unwrap_or_default() * haste;
                let next = now.mono + Duration::from_millis(wait);
                let was_missed = matches!(to, To::Missed(_));
                let answers = |node| self.peers.0.get(node).is_some_and(|peer| peer.is_there);
                let (holds_up, by) = (by.iter().any(answers), by.to_vec());
                let sent =
                    Unacknowledged { heads, mode, by, was_missed, replaced, holds_up, tries, next };
                self.broadcast.unacknowledged.insert(self.seal.counter(), sent);
            }
        }
    }
}

fn size(record: &Record) -> usize {
    record.body.len() + record.key.id.len() + 48
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gossip::{Key, Version};

    #[test]
    fn what_the_senders_clock_showed_is_as_old_as_the_wait_in_the_queue() {
        let record = |told_at| Record {
            key: Key { kind: 1, id: vec![1] },
            version: Version { hlc: 1, node: 1 },
            expires_at_ms: 1,
            body: vec![0; 300],
            told_at,
        };
        let mut broadcast = Broadcast::new();
        broadcast.push(Mono::from_ms(1_000), record(Some(5)), true);
        broadcast.push(Mono::from_ms(4_000), record(None), false);
        let told_at = |(record, tree): (Record, bool)| (record.told_at, tree);
        let sent: Vec<_> =
            broadcast.pop_batch(Mono::from_ms(4_000)).into_iter().map(told_at).collect();
        assert_eq!(sent, [(Some(3_000_000_005), true), (None, false)]);
        assert_eq!((broadcast.bytes, broadcast.len()), (0, 0));
    }
}
