//! Anti-entropy: records that were lost on the way are found and sent again.
//!
//! A digest is all that a member knows in one number, along with its last changes. It is sent when [`trickle`] says so: to
//! all by multicast, or to one member at random. A member that receives another number than its own asks for the changes
//! it lacks; if there are none, it sends its own digest; if that does not help, the two compare ranges: 64 fingerprints
//! ([`Message::Sum`]), of the ranges that differ again 64, until few enough heads remain to be listed ([`Message::Keys`]).
//! Then each sends the records that the other lacks, at a bounded rate: whole records packed into datagrams, or parts of a
//! large one.
//!
//! The member with fewer records asks, one member at a time, so one that has lost everything gets it once, at the rate at
//! which one member sends. A member that is asked answers, unless it is being sent records itself or sends to others: that
//! ends, so nobody waits for ever, and those that were served first help to serve the rest.
//!
//! Repair is told of digests, ranges, questions and parts, and of every record that has come ([`Repair::note_received`],
//! [`Repair::note_arrived`]). [`Repair::handle_part`] returns the record that is complete.

mod announced;
mod assembly;
mod comparison;
mod jobs;
mod trickle;
mod wanted;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::{Rng, RngExt as _};

use announced::Announcements;
use assembly::Assembler;
use comparison::Comparison;
use jobs::{Job, Jobs};
use trickle::Trickle;
use wanted::Wanted;

use super::cause::DropCause;
use super::delivery::{Delivery, Parcel, To};
use super::dice::choose;
use super::members::{JUST_SENT, Members};
use super::message::{AROUND_BYTES, Digest, Head, Message, Part, REPAIR, Range, Sum, pack};
use super::ranges::{PART_BITS, PARTS, in_range, overlap, part_prefix};
use super::record::{Record, Replica, Version};
use super::seal::MESSAGE_BYTES_MAX;
use super::shared::Shared;
use super::versions::{RECENT_FOR, RECENT_MAX, Versions};
use crate::limits::REPAIR_QUEUE_MAX;
use crate::time::{Mono, Now};

/// Digests: so soon after a change, so rarely while all agree, and not if so many others have sent the same.
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(64);
const ENOUGH: u32 = 2;
/// Members that are sent a digest by unicast at once while members differ: so the news of it doubles, and doubles again.
const SENT_AT_ONCE: usize = 3;
/// A range of no more entries than this is listed instead of divided.
const LISTED_MAX: usize = 24;
/// Datagrams in answer to one comparison.
const ANSWERS_MAX: usize = 24;
/// Parts of a large record sent before others have their turn.
const PARTS_AT_A_TIME: usize = 8;

/// The state of anti-entropy.
pub(super) struct Repair {
    trickle: Trickle,
    comparison: Comparison,
    wanted: Wanted,
    assembler: Assembler,
    announced: Announcements,
    jobs: Jobs,
}

impl Repair {
    pub(super) fn new(now: Mono, rng: &mut dyn Rng) -> Self {
        Self {
            trickle: Trickle::new(now, rng, SHORTEST, LONGEST, ENOUGH),
            comparison: Comparison::default(),
            wanted: Wanted::default(),
            assembler: Assembler::default(),
            announced: Announcements::default(),
            jobs: Jobs::default(),
        }
    }

    /// Records that wait to be sent.
    pub(super) fn queued(&self) -> usize {
        self.jobs.len()
    }

    /// When [`Repair::handle_timeout`] or [`Repair::send`] wants to be called next.
    pub(super) fn next_timeout(&self, delivery: &Delivery) -> Mono {
        let sooner = [
            self.wanted.next_timeout(),
            self.comparison.next_timeout(),
            self.assembler.next_timeout(),
            self.announced.next_timeout(),
            delivery.repair_ready_at().filter(|_| !self.jobs.is_empty()),
        ];
        sooner.into_iter().flatten().fold(self.trickle.next_timeout(), Mono::min)
    }

    // Events of other parts.

    /// Something has changed that others may not have got: a digest goes out soon.
    pub(super) fn hasten(&mut self, now: Mono, rng: &mut dyn Rng) {
        self.trickle.hasten(now, rng);
    }

    /// Members differ: digests go out at once.
    pub(super) fn reset(&mut self, now: Mono, rng: &mut dyn Rng) {
        self.trickle.reset(now, rng);
    }

    /// A member has sent a record in repair.
    pub(super) fn note_received(&mut self, now: Mono, node: u64, hash: u64) {
        self.comparison.note_received(now, node, self.wanted.contains(hash));
    }

    /// A record has come that is held, or refused, from now on.
    pub(super) fn note_arrived(&mut self, head: Head) {
        self.wanted.note_arrived(head);
    }

    /// A record is not to be asked for again.
    pub(super) fn give_up(&mut self, hash: u64) {
        self.wanted.give_up(hash);
    }

    /// Large records were announced to a member.
    pub(super) fn note_announced(&mut self, now: Mono, node: u64, hashes: &[u64]) {
        self.announced.put(now, node, hashes);
    }

    // Inputs.

    pub(super) fn handle_timeout(
        &mut self,
        shared: &mut Shared,
        members: &mut Members,
        now: Now,
        rng: &mut dyn Rng,
    ) {
        let receives_much = self.comparison.receives_much(now.mono);
        if self.trickle.next_timeout() <= now.mono
            && self.trickle.handle_timeout(now.mono, rng)
            && !receives_much
        {
            self.send_digests(shared, members, now, rng);
        }
        if let Some(node) = self.comparison.due(now.mono) {
            let sum = self.own_sum(&shared.versions, shared.clock.wall_ms(now), 0, 0);
            members.send(shared, node, &Message::Sum(sum));
        }
        if self.wanted.next_timeout().is_some_and(|at| at <= now.mono) {
            let (living, sender) = (members.living(), self.comparison.sender(now.mono));
            let is_coming = |hash, version| self.assembler.holds(hash, version);
            for (node, hashes) in self.wanted.due(now.mono, rng, &living, sender, is_coming) {
                for hashes in pack(hashes, AROUND_BYTES) {
                    members.send(shared, node, &Message::Want(hashes));
                }
            }
        }
        for node in self.announced.handle_timeout(now.mono) {
            members.send_digest(shared, now, node);
        }
        for (node, question) in self.assembler.handle_timeout(now.mono) {
            members.send(shared, node, &question);
        }
    }

    pub(super) fn handle_digest(
        &mut self,
        shared: &mut Shared,
        members: &mut Members,
        now: Now,
        rng: &mut dyn Rng,
        node: u64,
        digest: &Digest,
    ) {
        members.learn_time(shared, now, node, digest.at, digest.synced);
        if !shared.clock.is_near(now, digest.at) {
            return shared.outbox.stats.drop(DropCause::TooFarAhead);
        }
        let (root, count) = shared.versions.root(digest.at);
        let Some(peer) = members.peer_mut(node) else { return };
        let agreed = root == digest.root;
        peer.agreed = Some(agreed);
        peer.compared = now.mono;
        if agreed {
            self.announced.agreed(node);
            self.comparison.note_agreement(node);
            return self.trickle.note_agreement();
        }
        let sent = peer.sent_digest;
        // A node without room does not make others send what it cannot take.
        let is_overfull = shared.versions.is_overfull(now.mono);
        if !is_overfull {
            self.trickle.reset(now.mono, rng);
        }
        let mut lacking = 0;
        for head in digest.recent.iter().filter(|head| !shared.versions.knows(**head)) {
            lacking += 1;
            self.wanted.add(now.mono, node, *head);
        }
        // If we lack every change that a digest can name, we lack more; and if we lack more than these, they are not enough.
        let theirs = usize::try_from(digest.count).unwrap_or(usize::MAX);
        if (1..RECENT_MAX).contains(&lacking) && theirs <= count + lacking {
            return;
        }
        // A record that we lack is being put together: with many parts, it takes longer than a digest names it.
        if shared.versions.root_with(digest.at, self.assembler.heads()) == digest.root {
            return;
        }
        let just_sent = sent.is_some_and(|(at, it)| it == root && now.mono.since(at) < JUST_SENT);
        let recent = shared.versions.recent(now.mono, RECENT_FOR, digest.at);
        if lacking == 0 && !just_sent && recent.iter().any(|head| !digest.recent.contains(head)) {
            return members.send_digest(shared, now, node);
        }
        if count > theirs {
            if !just_sent && !self.jobs.serves(node) {
                members.send_digest(shared, now, node);
            }
        } else if !is_overfull {
            self.comparison.begin(now.mono, node);
        }
    }

    pub(super) fn handle_sum(
        &mut self,
        shared: &mut Shared,
        members: &Members,
        now: Now,
        rng: &mut dyn Rng,
        node: u64,
        sum: &Sum,
    ) {
        let malformed = sum.prints.len() != PARTS * 4 || sum.bits > 64 - 2 * PART_BITS;
        if malformed || !shared.clock.is_near(now, sum.at) {
            return shared.outbox.stats.drop(DropCause::Malformed);
        }
        self.trickle.reset(now.mono, rng);
        let receives = self.comparison.sender(now.mono).is_some_and(|sender| sender != node);
        // A member that is being served gets our digest when that has ended, and asks again.
        let premature = sum.bits == 0 && self.jobs.serves_much(node);
        if receives || premature || self.jobs.serves_enough(node) {
            return;
        }
        self.comparison.note_answer(node);
        let ours = self.own_parts(&shared.versions, sum.prefix, sum.bits, sum.at);
        let (bits, mut ranges, mut answers) = (sum.bits + PART_BITS, Vec::new(), Vec::new());
        for (number, (theirs, (print, count))) in sum.prints.chunks_exact(4).zip(ours).enumerate() {
            let theirs = u32::from_be_bytes(theirs.try_into().unwrap_or_default());
            if theirs == print {
                continue;
            }
            let prefix = part_prefix(sum.prefix, sum.bits, number);
            let divisible = bits <= 64 - 2 * PART_BITS;
            if theirs == 0 {
                let range = Range { prefix, bits, heads: Vec::new() };
                self.queue_lacking(shared, now, node, sum.at, &range);
            } else if count <= LISTED_MAX || !divisible {
                ranges.push(self.own_range(&shared.versions, sum.at, prefix, bits));
            } else {
                answers.push(Message::Sum(self.own_sum(&shared.versions, sum.at, prefix, bits)));
            }
        }
        let lists = pack(ranges, AROUND_BYTES).into_iter();
        answers.extend(lists.map(|ranges| Message::Keys(sum.at, ranges)));
        if answers.len() > ANSWERS_MAX {
            // A range that differs for ever, as where a table is full, must not always come before the rest.
            let first = rng.random_range(0..answers.len());
            answers.rotate_left(first);
        }
        for answer in answers.into_iter().take(ANSWERS_MAX) {
            members.send(shared, node, &answer);
        }
    }

    pub(super) fn handle_keys(
        &mut self,
        shared: &mut Shared,
        now: Now,
        node: u64,
        at: i64,
        ranges: &[Range],
    ) {
        let is_wrong = ranges.iter().any(|range| range.bits > 64) || overlap(ranges);
        if is_wrong || !shared.clock.is_near(now, at) {
            return shared.outbox.stats.drop(DropCause::Malformed);
        }
        self.comparison.note_answer(node);
        for range in ranges {
            self.queue_lacking(shared, now, node, at, range);
            for head in range.heads.iter().filter(|head| !shared.versions.knows(**head)) {
                self.wanted.add(now.mono, node, *head);
            }
        }
    }

    pub(super) fn handle_want(&mut self, shared: &mut Shared, node: u64, hashes: &[u64]) {
        self.announced.asked(node, hashes);
        self.jobs.push_all(node, hashes, &mut shared.outbox.stats);
    }

    pub(super) fn handle_want_parts(
        &mut self,
        shared: &mut Shared,
        node: u64,
        hash: u64,
        version: Version,
        numbers: Vec<u16>,
    ) {
        self.announced.asked(node, &[hash]);
        if shared.versions.get(hash).is_some_and(|known| known.stamp.version == version) {
            let job = Job { to: node, hash, parts: Some(numbers) };
            self.jobs.push(job, &mut shared.outbox.stats);
        }
    }

    /// Takes a part of a large record. Returns the record once it is complete.
    pub(super) fn handle_part(
        &mut self,
        versions: &Versions,
        now: Mono,
        node: u64,
        part: &Part,
    ) -> Option<Record> {
        if versions.knows(Head { hash: part.hash, version: part.version }) {
            return None;
        }
        self.assembler.accept(now, node, part)
    }

    /// Sends the records that members lack, as fast as allowed.
    pub(super) fn send(
        &mut self,
        shared: &mut Shared,
        members: &mut Members,
        delivery: &mut Delivery,
        now: Now,
        replica: &dyn Replica,
    ) {
        while !self.jobs.is_empty() && delivery.may_send_repair(now.mono) {
            let Some(job) = self.jobs.pop() else { return };
            let to = job.to;
            let records = self.next_records(shared, members, delivery, now, job, replica);
            let sent = records.len();
            if sent > 0 {
                let (to, by) = (To::Node(to, REPAIR), &[to]);
                let parcel = Parcel { to, by, records, tries: 0, replaced: false };
                delivery.send(shared, members, now.mono, parcel);
            }
            if self.jobs.note_sent(sent) {
                members.send_digest(shared, now, to);
            }
        }
    }

    /// The records of this job and of those after it for the same member, as far as they fit a datagram. Parts of a large
    /// record are sent at once.
    fn next_records(
        &mut self,
        shared: &mut Shared,
        members: &Members,
        delivery: &mut Delivery,
        now: Now,
        first: Job,
        replica: &dyn Replica,
    ) -> Vec<Record> {
        let to = first.to;
        let (mut records, mut bytes) = (Vec::new(), AROUND_BYTES);
        let mut next = Some(first);
        while let Some(Job { hash, parts, .. }) = next.take() {
            let Some(record) = shared.fetch(now, hash, replica) else {
                next = self.jobs.pop_for(to);
                continue;
            };
            let size = minicbor::len(&record);
            if parts.is_some() || size + AROUND_BYTES > MESSAGE_BYTES_MAX {
                self.send_parts(shared, members, delivery, (to, hash), record, parts.as_deref());
                break;
            }
            if bytes + size > MESSAGE_BYTES_MAX {
                self.jobs.push_front(Job { to, hash, parts });
                break;
            }
            bytes += size;
            shared.outbox.stats.repaired += 1;
            records.push(record);
            next = self.jobs.pop_for(to);
        }
        records
    }

    fn send_parts(
        &mut self,
        shared: &mut Shared,
        members: &Members,
        delivery: &mut Delivery,
        (to, hash): (u64, u64),
        record: Record,
        numbers: Option<&[u16]>,
    ) {
        let mut parts = assembly::split(hash, record, numbers);
        let later = parts.split_off(PARTS_AT_A_TIME.min(parts.len()));
        delivery.spend_repair(parts.iter().map(minicbor::len).sum());
        for part in parts {
            members.send(shared, to, &part);
        }
        let number = |part: &Message| {
            if let Message::Part(part) = part { Some(part.number) } else { None }
        };
        let later: Vec<u16> = later.iter().filter_map(number).collect();
        if later.is_empty() {
            shared.outbox.stats.repaired += 1;
        } else {
            self.jobs.push(Job { to, hash, parts: Some(later) }, &mut shared.outbox.stats);
        }
    }

    /// Sends our digest by multicast, and to the least recently compared of the members that multicast does not reach; to several
    /// of these while digests differ.
    fn send_digests(
        &self,
        shared: &mut Shared,
        members: &mut Members,
        now: Now,
        rng: &mut dyn Rng,
    ) {
        let mut unicast = members.unicast_only(shared, now);
        let by_multicast = unicast.len() < members.living().len();
        unicast.retain(|node| !self.jobs.serves_much(*node));
        if by_multicast {
            let digest = Message::Digest(shared.digest(now));
            shared.outbox.multicast(&digest);
        }
        for _ in 0..if self.trickle.is_quick() { SENT_AT_ONCE } else { 1 } {
            let compared = |node: &u64| members.peer(*node).map(|peer| peer.compared);
            let longest_ago = unicast.iter().filter_map(compared).min();
            let oldest: Vec<u64> =
                unicast.iter().copied().filter(|node| compared(node) == longest_ago).collect();
            if let Some(node) = choose(rng, &oldest) {
                members.send_digest(shared, now, node);
            }
        }
    }

    /// Queues for a member the records that it lacks in a range of which it has listed all.
    fn queue_lacking(&mut self, shared: &mut Shared, now: Now, node: u64, at: i64, range: &Range) {
        let theirs: BTreeMap<u64, Version> =
            range.heads.iter().map(|head| (head.hash, head.version)).collect();
        let wall_ms = shared.clock.wall_ms(now);
        let lacking: Vec<u64> = shared
            .versions
            .range(range.prefix, range.bits, at.max(wall_ms))
            .filter(|(hash, known)| {
                !known.is_refused()
                    && theirs.get(hash).is_none_or(|version| *version < known.stamp.version)
            })
            .map(|(hash, _)| hash)
            .take(REPAIR_QUEUE_MAX)
            .collect();
        self.jobs.push_all(node, &lacking, &mut shared.outbox.stats);
    }

    fn own_sum(&self, versions: &Versions, at: i64, prefix: u64, bits: u8) -> Sum {
        let parts = self.own_parts(versions, prefix, bits, at);
        let prints = parts.iter().flat_map(|(print, _)| print.to_be_bytes()).collect();
        Sum { at, prefix, bits, prints }
    }

    /// The fingerprints of the parts of a range. Records that are being put together count, so that no other member sends
    /// them too.
    fn own_parts(
        &self,
        versions: &Versions,
        prefix: u64,
        bits: u8,
        at: i64,
    ) -> [(u32, usize); PARTS] {
        let mut parts = versions.parts(prefix, bits, at);
        for head in self.assembler.heads() {
            versions.count_in(&mut parts, prefix, bits, at, head);
        }
        parts
    }

    fn own_range(&self, versions: &Versions, at: i64, prefix: u64, bits: u8) -> Range {
        let coming = self.assembler.heads().filter(|head| in_range(prefix, bits, head.hash));
        let here = versions.range(prefix, bits, at);
        let here = here.map(|(hash, known)| Head { hash, version: known.stamp.version });
        let heads = here.take(LISTED_MAX).chain(coming.take(LISTED_MAX / 2)).collect();
        Range { prefix, bits, heads }
    }
}
