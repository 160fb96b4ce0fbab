//! News: a change is sent at once, by one multicast or along a tree of unicasts, see [`super::members`].
//!
//! News that was sent by multicast and is not acknowledged is sent once more by multicast where many members did not acknowledge
//! it, and then to each of the rest by unicast. The children of a member that stays silent are taken over, another member is
//! asked to check it, and from then on it is retried until it is heard. The digests find whatever is still missing: a node that
//! forwards a record to no member sends a digest within a second, see [`super::repair`].
//!
//! News is told which records to send ([`News::queue`]) and returns which large records it has announced by a digest
//! instead, because they do not fit a datagram.

use std::collections::{BTreeMap, VecDeque};

use rand::Rng;

use super::delivery::{Delivery, Parcel, Sent, TRIES_MAX, To};
use super::members::Members;
use super::message::{AROUND_BYTES, DIRECT, Head, MULTICAST, Message, RELAYED};
use super::record::{Record, Replica};
use super::seal::MESSAGE_BYTES_MAX;
use super::shared::Shared;
use crate::limits::{NEWS_BYTES_MAX, NEWS_NAMES_MAX};
use crate::time::{Mono, Now};

/// A record is news for so long.
const NEWS_FOR_MS: i64 = 10_000;
/// Bytes of records taken from the queue at a time, to be packed together.
const BATCH_BYTES: usize = 16 * 1024;
/// News by multicast is sent so often by multicast, and the second time only while more than so many members, and one in so
/// many, have not acknowledged it: for fewer unicast costs less.
const MULTICAST_TRIES: usize = 2;
const UNICAST_TO_MAX: usize = 2;
const UNICAST_TO_SHARE: usize = 4;
/// A member that has let so many tries pass is taken for silent.
const SILENT_TRIES: usize = 2;

/// Members, and the large records that were announced to each.
pub(super) type Announced = Vec<(u64, Vec<u64>)>;

/// Records to be sent for the first time.
#[derive(Debug, Default)]
pub(super) struct News {
    queue: VecDeque<Queued>,
    bytes: usize,
    /// Records that wait for room in the queue, and whether each travels along the tree.
    names: VecDeque<(Head, bool)>,
}

#[derive(Debug)]
struct Queued {
    record: Record,
    /// When it was queued: its `sent_at` is of then.
    since: Mono,
    /// It travels along the tree, even where multicast could be used.
    tree: bool,
}

impl News {
    pub(super) fn len(&self) -> usize {
        self.queue.len() + self.names.len()
    }

    /// When [`News::handle_timeout`] wants to be called next.
    pub(super) fn next_timeout(&self, delivery: &Delivery) -> Option<Mono> {
        let ready = delivery.news_ready_at().filter(|_| !self.queue.is_empty());
        let room = (!self.names.is_empty() && self.has_room()).then_some(Mono::ZERO);
        ready.into_iter().chain(room).chain(delivery.next_timeout()).min()
    }

    /// Queues a record, to be sent along the tree or as its author sends it. Returns whether there was room.
    pub(super) fn queue(&mut self, now: Mono, record: Record, tree: bool) -> bool {
        if self.bytes + size(&record) <= NEWS_BYTES_MAX {
            self.push(now, record, tree);
        } else if self.names.len() < NEWS_NAMES_MAX {
            self.names.push_back((Head::of(&record), tree));
        } else {
            return false;
        }
        true
    }

    /// Whether a record that came by repair is so new that the members that should have had it from us cannot have it: it is
    /// passed on as if it had come as news.
    pub(super) fn is_recent(shared: &Shared, now: Now, record: &Record) -> bool {
        let age_ms = shared.clock.wall_ms(now).saturating_sub(record.version.wall_ms());
        !shared.config.multicast && age_ms.saturating_abs() < NEWS_FOR_MS
    }

    /// Sends what is queued, as fast as allowed.
    pub(super) fn send(
        &mut self,
        shared: &mut Shared,
        members: &mut Members,
        delivery: &mut Delivery,
        now: Now,
    ) -> Announced {
        let mut announced = Announced::new();
        if self.queue.is_empty() || !delivery.may_send_news(now.mono) {
            return announced;
        }
        let living = members.living();
        let trees = members.trees(shared, now);
        let unicast = members.unicast_only(shared, now);
        while !self.queue.is_empty() && delivery.may_send_news(now.mono) {
            let mut small: BTreeMap<To, Vec<Record>> = BTreeMap::new();
            let mut large: BTreeMap<To, Vec<u64>> = BTreeMap::new();
            for (record, tree) in self.pop_batch(now.mono) {
                let to: Vec<To> = if tree || unicast.len() == living.len() {
                    let (me, author) = (shared.config.node, record.version.node);
                    let nodes = members.recipients(now, &trees, me, author);
                    nodes.into_iter().map(|node| To::Node(node, RELAYED)).collect()
                } else {
                    let direct = unicast.iter().map(|node| To::Node(*node, DIRECT));
                    direct.chain([To::Multicast]).collect()
                };
                let is_large = minicbor::len(&record) + AROUND_BYTES > MESSAGE_BYTES_MAX;
                for to in to {
                    if is_large {
                        large.entry(to).or_default().push(record.key.hash());
                    } else {
                        small.entry(to).or_default().push(record.clone());
                    }
                }
            }
            for (to, records) in small {
                send_first(shared, members, delivery, now, to, records);
            }
            for (to, hashes) in large {
                let nodes = announce(shared, members, now, to);
                announced.extend(nodes.into_iter().map(|node| (node, hashes.clone())));
            }
        }
        announced
    }

    /// Fetches records that wait for room, sends again what was not acknowledged, then sends what is queued.
    pub(super) fn handle_timeout(
        &mut self,
        shared: &mut Shared,
        members: &mut Members,
        delivery: &mut Delivery,
        now: Now,
        rng: &mut dyn Rng,
        replica: &dyn Replica,
    ) -> Announced {
        self.fetch_named(shared, now, replica);
        for counter in delivery.overdue(now.mono) {
            let Some(sent) = delivery.take_overdue(now.mono, counter) else { break };
            send_again(shared, members, delivery, now, rng, sent, replica);
        }
        self.send(shared, members, delivery, now)
    }

    /// Fetches records that wait for room, as far as there is room. One that has changed since waits for itself.
    fn fetch_named(&mut self, shared: &mut Shared, now: Now, replica: &dyn Replica) {
        while self.has_room()
            && let Some((head, tree)) = self.names.pop_front()
        {
            let fetched = shared.fetch(now, head.hash, replica);
            if let Some(record) = fetched.filter(|record| record.version == head.version) {
                self.queue(now.mono, record, tree);
            }
        }
    }

    fn has_room(&self) -> bool {
        self.bytes < NEWS_BYTES_MAX / 2
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

/// Sends a digest that names large records; the members that lack them ask for their parts. Returns the members to which it
/// was sent.
fn announce(shared: &mut Shared, members: &Members, now: Now, to: To) -> Vec<u64> {
    let digest = Message::Digest(shared.digest(now));
    match to {
        To::Multicast => {
            shared.outbox.multicast(&digest);
            by_multicast(shared, members, now)
        }
        To::Missed(node) | To::Node(node, _) => {
            members.send(shared, node, &digest);
            vec![node]
        }
    }
}

/// The living members to which multicast gets through.
fn by_multicast(shared: &Shared, members: &Members, now: Now) -> Vec<u64> {
    let mut nodes = members.living();
    nodes.retain(|node| !members.needs_unicast(shared, now, *node));
    nodes
}

fn send_first(
    shared: &mut Shared,
    members: &Members,
    delivery: &mut Delivery,
    now: Now,
    to: To,
    records: Vec<Record>,
) {
    let by = match to {
        To::Multicast => by_multicast(shared, members, now),
        To::Missed(node) | To::Node(node, _) => vec![node],
    };
    // The members to which these should pass it on are sent it as well: see `Trees::recipients`.
    let replaced = !by.iter().all(|node| members.passes_on(now, *node));
    delivery.send(shared, members, now.mono, Parcel { to, by: &by, records, tries: 0, replaced });
}

/// Sends again, or gives up, what was not acknowledged.
fn send_again(
    shared: &mut Shared,
    members: &mut Members,
    delivery: &mut Delivery,
    now: Now,
    rng: &mut dyn Rng,
    mut sent: Sent,
    replica: &dyn Replica,
) {
    let tries = sent.tries + 1;
    let gone: Vec<u64> = sent.by.extract_if(.., |node| members.is_down(*node)).collect();
    let given_up = sent.mode != MULTICAST && tries >= TRIES_MAX;
    let silent = members.note_unanswered(now, &sent.by, given_up);
    // Whether a member that is not heard is down, the prober finds out.
    for node in sent.by.iter().filter(|_| given_up) {
        if members.peer(*node).is_some_and(super::members::Peer::sends_only) {
            members.suspect(shared, now, *node);
        }
    }
    if tries >= TRIES_MAX {
        return;
    }
    let mut records = Vec::new();
    for head in &sent.heads {
        let known = shared.versions.get(head.hash).map(|known| known.stamp.version);
        if known == Some(head.version) {
            records.extend(shared.fetch(now, head.hash, replica));
        }
    }
    if sent.mode == MULTICAST {
        return send_multicast_again(shared, members, delivery, now, tries, &sent.by, records);
    }
    let leads_on = sent.mode == RELAYED && !sent.replaced;
    for node in gone.into_iter().filter(|_| leads_on) {
        take_over(shared, members, delivery, now, node, &records);
    }
    for node in sent.by {
        let is_silent = tries >= SILENT_TRIES && silent.contains(&node);
        if is_silent {
            members.ask_to_check(shared, now, rng, node);
        }
        let lost = is_silent || !members.passes_on(now, node);
        if lost && leads_on {
            take_over(shared, members, delivery, now, node, &records);
        }
        let replaced = sent.replaced || lost;
        let to = if sent.was_missed { To::Missed(node) } else { To::Node(node, sent.mode) };
        let parcel = Parcel { to, by: &[node], records: records.clone(), tries, replaced };
        delivery.send(shared, members, now.mono, parcel);
    }
}

/// Sends once more by multicast, or to each that has missed it by unicast.
fn send_multicast_again(
    shared: &mut Shared,
    members: &Members,
    delivery: &mut Delivery,
    now: Now,
    tries: usize,
    by: &[u64],
    records: Vec<Record>,
) {
    let few = UNICAST_TO_MAX.max(members.living().len() / UNICAST_TO_SHARE);
    if tries < MULTICAST_TRIES && by.len() > few {
        let parcel = Parcel { to: To::Multicast, by, records, tries, replaced: false };
        return delivery.send(shared, members, now.mono, parcel);
    }
    for node in by {
        let (to, records) = (To::Missed(*node), records.clone());
        let parcel = Parcel { to, by: &[*node], records, tries: 0, replaced: false };
        delivery.send(shared, members, now.mono, parcel);
    }
}

/// Sends records to the members to which a silent one, or one that is gone, should have passed them on.
fn take_over(
    shared: &mut Shared,
    members: &Members,
    delivery: &mut Delivery,
    now: Now,
    silent: u64,
    records: &[Record],
) {
    let mut routes: BTreeMap<To, Vec<Record>> = BTreeMap::new();
    let trees = members.trees(shared, now);
    for record in records {
        for child in members.recipients(now, &trees, silent, record.version.node) {
            if child != shared.config.node {
                routes.entry(To::Node(child, RELAYED)).or_default().push(record.clone());
            }
        }
    }
    for (to, records) in routes {
        send_first(shared, members, delivery, now, to, records);
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
    fn sent_at_grows_by_the_wait_in_the_queue() {
        let record = |sent_at| Record {
            key: Key::new(1, [1]),
            version: Version { hlc: 1, node: 1 },
            expires_at_ms: 1,
            body: vec![0; 300],
            sent_at,
        };
        let mut news = News::default();
        news.push(Mono::from_ms(1_000), record(Some(5)), true);
        news.push(Mono::from_ms(4_000), record(None), false);
        let sent_at = |(record, tree): (Record, bool)| (record.sent_at, tree);
        let sent: Vec<_> = news.pop_batch(Mono::from_ms(4_000)).into_iter().map(sent_at).collect();
        assert_eq!(sent, [(Some(3_000_000_005), true), (None, false)]);
        assert_eq!((news.bytes, news.len()), (0, 0));
    }
}
