//! A datagram, and the records in it, go to the parts that they are for.

use std::net::SocketAddr;

use rand::Rng;

use super::Gossip;
use super::cause::DropCause;
use super::message::{Head, Message, RELAYED, REPAIR, short};
use super::news::{Announced, News};
use super::output::{Arrival, Via};
use super::record::{Merge, Record, Replica};
use super::seal::Header;
use crate::time::Now;

/// How a record came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// As news.
    News,
    /// In repair, from this member.
    Repair(u64),
    /// In parts, from this member, which was asked for them.
    Parts(u64),
}

impl Gossip {
    /// Opens and reads a datagram. An error without a cause is a datagram of our own.
    pub(super) fn open(
        &mut self,
        now: Now,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Result<(Header, Message), Option<DropCause>> {
        let outbox = &mut self.shared.outbox;
        let header = outbox.seal.header(bytes)?;
        // It proves nothing that it came back, nor where from: it may be a replay.
        if header.boot == outbox.seal.boot() {
            return Err(None);
        }
        let node = self.members.node_of(header.boot);
        if !self.limiter.admit(now.mono, from.ip(), self.members.sender(from.ip())) {
            return Err(Some(DropCause::RateLimited));
        }
        outbox.stats.opened += 1;
        let mut datagram = bytes.to_vec();
        let message = outbox.seal.open(header, &mut datagram)?;
        if let Some(peer) = node.and_then(|node| self.members.peer_mut(node))
            && !peer.window.accept(header.counter)
        {
            return Err(Some(DropCause::Replay));
        }
        let message = Message::decode(message).ok_or(DropCause::Malformed)?;
        outbox.stats.received[message.kind()].add(bytes.len());
        Ok((header, message))
    }

    pub(super) fn handle_message(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        (header, arrival): (Header, Arrival),
        message: Message,
        replica: &mut dyn Replica,
    ) {
        let Self { shared, members, repair, .. } = self;
        if arrival.via != Via::Unicast && !message.is_for_all() {
            return shared.outbox.stats.drop(DropCause::Replay);
        }
        match &message {
            Message::Hello(hello) => {
                return members.handle_hello(shared, now, rng, (header, arrival), hello);
            }
            Message::Challenge(nonce) => {
                return members.handle_challenge(shared, now, rng, (header, arrival), *nonce);
            }
            _ => {}
        }
        let Some(node) = members.node_of(header.boot) else {
            shared.outbox.stats.drop(DropCause::Stranger);
            return members.challenge(shared, now, rng, arrival);
        };
        if !members.note_heard(shared, now, node, (header, arrival)) {
            members.challenge(shared, now, rng, arrival);
        }
        if message.is_answer()
            && let Some(peer) = members.peer_mut(node)
        {
            peer.unanswered_since = None;
        }
        match message {
            Message::Hello(_) | Message::Challenge(_) => {}
            Message::Swim(data) => members.handle_swim(shared, now, node, &data),
            Message::News(records, mode) => {
                self.handle_news(now, rng, (node, header.counter), (records, mode), replica);
            }
            Message::Check(other) => members.send_digest(shared, now, other),
            // One for another, played back to us, would have us take what was lost for received.
            Message::Ack(to, counters) if to == short(shared.outbox.seal.boot()) => {
                self.delivery.handle_ack(members, now.mono, node, &counters);
            }
            Message::Ack(..) => shared.outbox.stats.drop(DropCause::Replay),
            Message::Digest(digest) => {
                repair.handle_digest(shared, members, now, rng, node, &digest);
            }
            Message::Sum(sum) => repair.handle_sum(shared, members, now, rng, node, &sum),
            Message::Keys(at, ranges) => repair.handle_keys(shared, now, node, at, &ranges),
            Message::Want(hashes) => repair.handle_want(shared, node, &hashes),
            Message::Part(part) => {
                if let Some(record) = repair.handle_part(&shared.versions, now.mono, node, &part) {
                    self.accept(now, rng, Origin::Parts(node), record, replica);
                }
            }
            Message::WantParts(hash, version, numbers) => {
                repair.handle_want_parts(shared, node, hash, version, numbers);
            }
            Message::Peers(ask, addresses, _) => {
                let (from, report) = ((node, arrival.bytes), (ask, addresses.as_slice()));
                members.handle_peers(shared, now, from, report);
            }
            Message::Bye => members.handle_bye(shared, now, node),
        }
        self.send_repair(now, rng, replica);
    }

    /// Takes records that another member has sent, and passes on those that came along a tree.
    fn handle_news(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        (from, counter): (u64, u64),
        (records, mode): (Vec<Record>, u8),
        replica: &mut dyn Replica,
    ) {
        self.delivery.note_received(now.mono, from, counter);
        let origin = if mode == REPAIR { Origin::Repair(from) } else { Origin::News };
        let trees = (mode == RELAYED).then(|| self.members.trees(&self.shared, now));
        for record in records {
            let passes_on = trees.as_ref().is_some_and(|trees| {
                let (me, author) = (self.node(), record.version.node);
                !self.members.recipients(now, trees, me, author).is_empty()
            });
            let copy = passes_on.then(|| record.clone());
            let merge = self.accept(now, rng, origin, record, replica);
            let changed = matches!(merge, Merge::Changed(_));
            match copy {
                Some(record) if changed => self.queue_news(now, rng, record, true),
                // A node that passes a record on learns by the acknowledgement that it has arrived. If the record was known,
                // it may have come by repair, and was not passed on.
                Some(_) => self.repair.hasten(now.mono, rng),
                None if changed && mode != REPAIR => self.repair.hasten(now.mono, rng),
                None => {}
            }
        }
    }

    /// Takes a record that came from another member, if it is new.
    fn accept(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        origin: Origin,
        record: Record,
        replica: &mut dyn Replica,
    ) -> Merge {
        let head = Head::of(&record);
        if let Origin::Repair(node) | Origin::Parts(node) = origin {
            self.repair.note_received(now.mono, node, head.hash);
        }
        if self.shared.versions.knows(head) {
            self.shared.outbox.stats.known += 1;
            return Merge::Same;
        }
        if let Err(why) = self.shared.admit(now, head, &record) {
            self.repair.give_up(head.hash);
            self.shared.outbox.stats.refused += 1;
            return Merge::Refused(why);
        }
        let passes_on = match origin {
            Origin::News => false,
            Origin::Repair(_) => News::is_recent(&self.shared, now, &record),
            Origin::Parts(_) => true,
        };
        let copy = passes_on.then(|| record.clone());
        let merge = self.shared.offer(now, record, replica);
        self.repair.note_arrived(head);
        let stats = &mut self.shared.outbox.stats;
        match merge {
            Merge::Changed(_) => {
                stats.merged += 1;
                self.shared.versions.changed(now.mono, head.hash);
                if origin != Origin::News {
                    self.repair.reset(now.mono, rng);
                }
                if let Some(record) = copy {
                    self.queue_news(now, rng, record, !self.shared.config.multicast);
                }
            }
            Merge::Same => stats.known += 1,
            Merge::Refused(_) => stats.refused += 1,
        }
        merge
    }

    /// Queues a record to be sent, along the tree or as its author sends it. If there is no room, a digest names it soon.
    pub(super) fn queue_news(&mut self, now: Now, rng: &mut dyn Rng, record: Record, tree: bool) {
        if !self.news.queue(now.mono, record, tree) {
            self.shared.outbox.stats.overflowed += 1;
            self.repair.hasten(now.mono, rng);
        }
    }

    pub(super) fn note_announced(&mut self, now: Now, announced: Announced) {
        for (node, hashes) in announced {
            self.repair.note_announced(now.mono, node, &hashes);
        }
    }
}
