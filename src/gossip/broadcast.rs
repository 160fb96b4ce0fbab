//! A change is sent at once: by one multicast, or along a tree of unicasts, in which each member hands it to at most two.
//!
//! The tree of a record is the same on all members that agree on who is there: the living in order of their ids, counted
//! from the author on, form a heap. So a record crosses each link once. News by unicast is acknowledged, by the counter
//! of its datagram, and sent again until it is; the children of a member that stays silent are taken over, and another is
//! asked to look after it. News by multicast is repeated twice. What is lost for all that the digests find, the first of
//! which follow within a second: see [`super::sync`].

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand::Rng;

use super::limiter::Bucket;
use super::message::{AROUND_BYTES, FIRST_HAND, Head, MENDED, Message, RELAYED, TOLD, pack};
use super::record::{Merge, Record, Replica};
use super::seal::MESSAGE_BYTES_MAX;
use super::sync::Origin;
use super::{Gossip, choose};
use crate::limits::{NEWS_BYTES_BURST, NEWS_BYTES_MAX, NEWS_BYTES_PER_SECOND, UNACKNOWLEDGED_MAX};
use crate::time::{Mono, Now};

/// Bytes of records taken from the queue at a time, to be packed together.
const BATCH_BYTES: usize = 16 * 1024;
/// Acknowledgements wait so long for others to go with.
const ACKS_WAIT: Duration = Duration::from_millis(20);
/// How long an acknowledgement is waited for, each time.
const RESEND_AFTER_MS: [u64; 8] = [250, 250, 250, 250, 500, 1_000, 2_000, 4_000];
/// News by multicast is sent so often, unless there is so much of it that repeating would crowd the air.
const MULTICAST_TRIES: usize = 3;
const REPEATED_MAX: usize = 16;
/// A member that has let so many tries pass is taken for silent.
const SILENT_TRIES: usize = 2;

/// Records to be sent for the first time, and datagrams not yet acknowledged.
#[derive(Debug)]
pub(super) struct Broadcast {
    /// Each with whether it travels along the tree, whatever else could be used.
    queue: VecDeque<(Record, bool)>,
    bytes: usize,
    bucket: Bucket,
    /// By member and counter of the datagram.
    unacknowledged: BTreeMap<(u64, u64), Unacknowledged>,
    /// Counters to acknowledge, by member.
    acks: BTreeMap<u64, Vec<u64>>,
    acks_at: Mono,
}

#[derive(Debug)]
struct Unacknowledged {
    heads: Vec<Head>,
    mode: u8,
    tries: usize,
    next: Mono,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum To {
    Multicast,
    /// To a member, and whether it hands it on.
    Node(u64, u8),
}

impl Broadcast {
    pub(super) const fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            bytes: 0,
            bucket: Bucket::new(NEWS_BYTES_PER_SECOND, NEWS_BYTES_BURST),
            unacknowledged: BTreeMap::new(),
            acks: BTreeMap::new(),
            acks_at: Mono::ZERO,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn next_timeout(&self) -> Option<Mono> {
        let resend = self.unacknowledged.values().map(|sent| sent.next).min();
        let acks = (!self.acks.is_empty()).then_some(self.acks_at);
        let news = (!self.queue.is_empty()).then(|| self.bucket.ready_at());
        [resend, acks, news].into_iter().flatten().min()
    }

    fn pop_batch(&mut self) -> Vec<(Record, bool)> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH_BYTES
            && let Some((record, tree)) = self.queue.pop_front()
        {
            bytes += size(&record);
            batch.push((record, tree));
        }
        self.bytes -= bytes;
        batch
    }
}

impl Gossip {
    /// Queues a record to be sent to those who have it from us: along the tree, or as its author does.
    pub(super) fn spread(&mut self, record: Record, tree: bool) {
        if self.broadcast.bytes + size(&record) > NEWS_BYTES_MAX {
            self.stats.overflowed += 1;
            return;
        }
        self.broadcast.bytes += size(&record);
        self.broadcast.queue.push_back((record, tree));
    }

    /// Sends what is queued, as fast as allowed.
    pub(super) fn send_news(&mut self, now: Now) {
        if self.broadcast.queue.is_empty() {
            return;
        }
        let living = self.swim.living();
        let deaf: Vec<u64> = living.iter().copied().filter(|node| self.is_deaf(*node)).collect();
        while !self.broadcast.queue.is_empty() && self.broadcast.bucket.ready(now.mono) {
            let mut routes: BTreeMap<To, Vec<Record>> = BTreeMap::new();
            let mut told: BTreeMap<To, Vec<u64>> = BTreeMap::new();
            for (record, tree) in self.broadcast.pop_batch() {
                let to: Vec<To> = if tree || deaf.len() == living.len() {
                    children(&living, self.config.node, record.version.node)
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
                self.send_records(now, to, records, 0);
            }
            for (to, hashes) in told {
                let digest = Message::Digest(self.own_digest(now));
                let nodes = match to {
                    To::Multicast => {
                        self.send_multicast(&digest);
                        living.iter().copied().filter(|node| !deaf.contains(node)).collect()
                    }
                    To::Node(node, _) => {
                        self.send(node, &digest);
                        vec![node]
                    }
                };
                for node in nodes {
                    self.sync.told.put(now.mono, node, &hashes);
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
        let unacknowledged = &mut self.broadcast.unacknowledged;
        let due = |sent: &Unacknowledged| sent.next <= now.mono;
        let late: Vec<_> =
            unacknowledged.iter().filter(|(_, sent)| due(sent)).map(|(id, _)| *id).collect();
        for id in late {
            if let Some(sent) = self.broadcast.unacknowledged.remove(&id) {
                self.send_again(now, rng, id.0, sent, replica);
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
        if mode != TOLD {
            if self.broadcast.acks.is_empty() {
                self.broadcast.acks_at = now.mono + ACKS_WAIT;
            }
            self.broadcast.acks.entry(from).or_default().push(counter);
        }
        let origin = if mode == MENDED { Origin::Repair(from) } else { Origin::News };
        for record in records {
            let copy = (mode == RELAYED).then(|| record.clone());
            let changed = self.take(now, rng, origin, record, replica) == Merge::Changed;
            if let Some(record) = copy.filter(|_| changed) {
                self.spread(record, true);
            }
        }
    }

    pub(super) fn handle_ack(&mut self, from: u64, counters: &[u64]) {
        for counter in counters {
            self.broadcast.unacknowledged.remove(&(from, *counter));
        }
    }

    /// Whether a member must be sent to by unicast.
    pub(super) fn is_deaf(&self, node: u64) -> bool {
        !self.config.multicast || !self.peers.0.get(&node).is_some_and(|peer| peer.hears_us)
    }

    fn send_again(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        node: u64,
        sent: Unacknowledged,
        replica: &mut dyn Replica,
    ) {
        let tries = sent.tries + 1;
        let multicast = sent.mode == TOLD;
        let most = if multicast { MULTICAST_TRIES } else { RESEND_AFTER_MS.len() };
        if tries >= most || (!multicast && self.is_down(node)) {
            return;
        }
        let mut records = Vec::new();
        for head in sent.heads {
            let known = self.index.entry(head.hash).map(|entry| entry.version);
            if known == Some(head.version) {
                records.extend(self.fetch(now, head.hash, replica));
            }
        }
        if multicast {
            return self.send_records(now, To::Multicast, records, tries);
        }
        if tries == SILENT_TRIES {
            self.replace_silent(now, rng, node, sent.mode, &records);
        }
        self.send_records(now, To::Node(node, sent.mode), records, tries);
    }

    /// Does for a member that does not answer what it should do, and has another look after it.
    fn replace_silent(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        silent: u64,
        mode: u8,
        records: &[Record],
    ) {
        let living = self.swim.living();
        let others: Vec<u64> = living.iter().copied().filter(|node| *node != silent).collect();
        if let Some(other) = choose(rng, &others) {
            self.send(other, &Message::Check(silent));
        }
        let mut routes: BTreeMap<To, Vec<Record>> = BTreeMap::new();
        for record in records.iter().filter(|_| mode == RELAYED) {
            for child in children(&living, silent, record.version.node) {
                if child != self.config.node {
                    routes.entry(To::Node(child, RELAYED)).or_default().push(record.clone());
                }
            }
        }
        for (to, records) in routes {
            self.send_records(now, to, records, 0);
        }
    }

    /// Sends a member what it lacks.
    pub(super) fn send_mended(&mut self, now: Now, node: u64, records: Vec<Record>) {
        self.send_records(now, To::Node(node, MENDED), records, 0);
    }

    fn send_records(&mut self, now: Now, to: To, records: Vec<Record>, tries: usize) {
        for records in pack(records, AROUND_BYTES) {
            let heads: Vec<Head> = records
                .iter()
                .map(|record| Head { hash: record.key.hash(), version: record.version })
                .collect();
            let mode = if let To::Node(_, mode) = to { mode } else { TOLD };
            let message = Message::News(records, mode);
            self.broadcast.bucket.spend(minicbor::len(&message));
            let (node, most) = match to {
                To::Multicast => {
                    self.send_multicast(&message);
                    (self.config.node, REPEATED_MAX)
                }
                To::Node(node, _) => {
                    self.send(node, &message);
                    (node, UNACKNOWLEDGED_MAX)
                }
            };
            if self.broadcast.unacknowledged.len() < most {
                let wait = RESEND_AFTER_MS.get(tries).copied().unwrap_or_default();
                let next = now.mono + Duration::from_millis(wait);
                let sent = Unacknowledged { heads, mode, tries, next };
                self.broadcast.unacknowledged.insert((node, self.seal.counter()), sent);
            }
        }
    }
}

fn size(record: &Record) -> usize {
    record.body.len() + record.key.id.len() + 48
}

/// Whom `me` hands the author's records to, where `living` are all other members.
fn children(living: &[u64], me: u64, author: u64) -> impl Iterator<Item = u64> {
    let mut nodes: Vec<u64> = living.iter().copied().chain([me, author]).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let count = nodes.len();
    let place = |node: u64| nodes.binary_search(&node).unwrap_or(0);
    let root = place(author);
    let mine = (place(me) + count - root) % count;
    (2 * mine + 1..=2 * mine + 2)
        .filter(move |child| *child < count)
        .filter_map(move |child| nodes.get((root + child) % count).copied())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_member_gets_a_record_from_exactly_one_other(
            nodes in proptest::collection::btree_set(any::<u64>(), 1..40), at in any::<usize>()
        ) {
            let nodes: Vec<u64> = nodes.into_iter().collect();
            let author = nodes[at % nodes.len()];
            let mut got: Vec<u64> = vec![author];
            for me in &nodes {
                let living: Vec<u64> = nodes.iter().copied().filter(|node| node != me).collect();
                let next: Vec<u64> = children(&living, *me, author).collect();
                prop_assert!(next.len() <= 2);
                got.extend(next);
            }
            got.sort_unstable();
            prop_assert_eq!(got, nodes);
        }
    }
}
