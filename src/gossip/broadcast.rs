//! A change is sent at once: by one multicast, or along a tree of unicasts, in which each member hands it to at most two.
//!
//! The tree of a record is the same on all members that agree on who is there: the living in order of their ids, counted
//! from the author on, form a heap. So a record crosses each link once. What is lost on the way the digests find, the
//! first of which follow after 0.2 s: see [`super::sync`].

use std::collections::{BTreeMap, VecDeque};

use rand::Rng;

use super::limiter::Bucket;
use super::message::{AROUND_BYTES, Message, pack};
use super::record::{Merge, Record, Replica};
use super::seal::MESSAGE_BYTES_MAX;
use super::sync::Origin;
use super::Gossip;
use crate::limits::{NEWS_BYTES_BURST, NEWS_BYTES_MAX, NEWS_BYTES_PER_SECOND};
use crate::time::{Mono, Now};

/// Bytes of records taken from the queue at a time, to be packed together.
const BATCH_BYTES: usize = 16 * 1024;

/// Records to be sent for the first time.
#[derive(Debug)]
pub(super) struct Broadcast {
    queue: VecDeque<Record>,
    bytes: usize,
    bucket: Bucket,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum To {
    Multicast,
    Node(u64),
}

impl Broadcast {
    pub(super) const fn new() -> Self {
        let bucket = Bucket::new(NEWS_BYTES_PER_SECOND, NEWS_BYTES_BURST);
        Self { queue: VecDeque::new(), bytes: 0, bucket }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn next_timeout(&self) -> Option<Mono> {
        (!self.queue.is_empty()).then(|| self.bucket.ready_at())
    }

    fn pop_batch(&mut self) -> Vec<Record> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH_BYTES
            && let Some(record) = self.queue.pop_front()
        {
            bytes += size(&record);
            batch.push(record);
        }
        self.bytes -= bytes;
        batch
    }
}

impl Gossip {
    /// Queues a record to be sent to those who have it from us.
    pub(super) fn spread(&mut self, record: Record) {
        if self.broadcast.bytes + size(&record) > NEWS_BYTES_MAX {
            self.stats.overflowed += 1;
            return;
        }
        self.broadcast.bytes += size(&record);
        self.broadcast.queue.push_back(record);
    }

    /// Sends what is queued, as fast as allowed.
    pub(super) fn send_news(&mut self, now: Now) {
        if self.broadcast.queue.is_empty() {
            return;
        }
        let living = self.swim.living();
        let deaf: Vec<u64> = living.iter().copied().filter(|node| self.is_deaf(*node)).collect();
        let tree = deaf.len() == living.len();
        while !self.broadcast.queue.is_empty() && self.broadcast.bucket.ready(now.mono) {
            let mut routes: BTreeMap<To, Vec<Record>> = BTreeMap::new();
            let mut told: Vec<To> = Vec::new();
            for record in self.broadcast.pop_batch() {
                let to: Vec<To> = if tree {
                    children(&living, self.config.node, record.version.node).map(To::Node).collect()
                } else if record.version.node == self.config.node {
                    deaf.iter().copied().map(To::Node).chain([To::Multicast]).collect()
                } else {
                    Vec::new()
                };
                if minicbor::len(&record) + AROUND_BYTES > MESSAGE_BYTES_MAX {
                    // Too large for a datagram: tell of it, and whoever lacks it asks for its parts.
                    told.extend(to);
                    continue;
                }
                for to in to {
                    routes.entry(to).or_default().push(record.clone());
                }
            }
            for (to, records) in routes {
                for records in pack(records, AROUND_BYTES) {
                    self.send_news_to(to, &Message::News(records, tree));
                }
            }
            told.sort_unstable();
            told.dedup();
            for to in told {
                let digest = Message::Digest(self.own_digest(now));
                self.send_news_to(to, &digest);
            }
        }
    }

    pub(super) fn handle_news(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        from: u64,
        (records, tree): (Vec<Record>, bool),
        replica: &mut dyn Replica,
    ) {
        let origin = if tree { Origin::News } else { Origin::Repair(from) };
        for record in records {
            let copy = tree.then(|| record.clone());
            let changed = self.take(now, rng, origin, record, replica) == Merge::Changed;
            if let Some(record) = copy.filter(|_| changed) {
                self.spread(record);
            }
        }
    }

    /// Whether a member must be sent to by unicast.
    pub(super) fn is_deaf(&self, node: u64) -> bool {
        !self.config.multicast || !self.peers.0.get(&node).is_some_and(|peer| peer.hears_us)
    }

    fn send_news_to(&mut self, to: To, message: &Message) {
        self.broadcast.bucket.spend(minicbor::len(message));
        match to {
            To::Multicast => self.send_multicast(message),
            To::Node(node) => self.send(node, message),
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
