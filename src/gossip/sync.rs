//! Anti-entropy: what was lost on the way is found and mended.
//!
//! A digest is all a member knows in one number, along with its last changes. It is sent when [`super::trickle`] says so: to
//! all by multicast, or to one member at random. Who hears another number than its own asks for the changes it lacks; if
//! there are none, it tells its own; if that does not help, the two compare ranges: 64 fingerprints ([`Message::Sum`]), of
//! the ranges that differ again 64, until few enough heads remain to be listed ([`Message::Keys`]). Then each sends what
//! the other lacks: see [`super::repair`].
//!
//! Who has fewer records asks, and asks one member at a time, so one that has lost everything gets it once, at the rate at
//! which one member sends. Who is asked answers, unless it is being sent things itself or sends to others: that ends, so nobody
//! waits for ever, and those who were served first help to serve the rest.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::{Rng, RngExt as _};

use super::index::{Entry, PART_BITS, PARTS, RECENT_FOR, RECENT_MAX, in_range, part_prefix};
use super::message::{AROUND_BYTES, Digest, Head, Message, Part, Range, Sum, pack};
use super::parts::{Assembler, Unasked};
use super::record::{Merge, Record, Replica, Version};
use super::stats::Cause;
use super::trickle::Trickle;
use super::{Gossip, choose};
use crate::faults::{self, Fault};
use crate::limits::{RECORD_BYTES_MAX, RECORD_KEY_BYTES_MAX, WANTED_MAX};
use crate::time::{Mono, Now};

/// Digests: so soon after a change, so rarely while all agree, and not if so many others have said the same.
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(64);
const ENOUGH: u32 = 2;
/// Members that are told by unicast at once while members differ: so the news of it doubles, and doubles again.
const TOLD_AT_ONCE: usize = 3;
/// A range of no more entries than this is listed instead of divided.
const LISTED_MAX: usize = 24;
/// Datagrams in answer to one comparison.
const ANSWERS_MAX: usize = 24;
/// Without word from the member with which ranges are compared, another may be taken after this: later if it has sent so
/// many records that it is likely to be busy sending more.
const PARTNER_FOR: Duration = Duration::from_millis(300);
const BULK_PARTNER_FOR: Duration = Duration::from_secs(2);
const BULK: u32 = 512;
/// A member that was told our digest so recently need not be told it again.
pub(super) const TOLD_FOR: Duration = Duration::from_secs(1);
/// A record that was asked for is asked for again after this, of another, later after twice that and so on, so many times
/// in all.
const WANT_AGAIN: Duration = Duration::from_millis(300);
const WANT_TRIES: u32 = 6;
/// A comparison that is not answered is begun again after this, so many times in all.
const ASK_AGAIN: Duration = Duration::from_millis(200);
const ASK_TRIES: u32 = 3;

/// How a record came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// As news.
    News,
    /// In repair, from this member.
    Repair(u64),
    /// In parts, from this member, which was asked for them.
    Parts(u64),
}

/// What is going on to mend differences.
#[derive(Debug)]
pub(super) struct Sync {
    pub(super) trickle: Trickle,
    partner: Option<Partner>,
    /// A comparison that we began and that was not answered.
    asked: Option<Asked>,
    wanted: BTreeMap<u64, Wanted>,
    assembler: Assembler,
    pub(super) unasked: Unasked,
}

/// The member with which ranges are compared.
#[derive(Debug)]
struct Partner {
    node: u64,
    until: Mono,
    /// Records that it has sent.
    received: u32,
    /// Until when it is taken to be sending more.
    sends_until: Mono,
}

#[derive(Debug)]
struct Wanted {
    version: Version,
    from: u64,
    tries: u32,
    next: Mono,
}

#[derive(Debug)]
struct Asked {
    node: u64,
    tries: u32,
    next: Mono,
}

impl Sync {
    pub(super) fn new(now: Mono, rng: &mut dyn Rng) -> Self {
        Self {
            trickle: Trickle::new(now, rng, SHORTEST, LONGEST, ENOUGH),
            partner: None,
            asked: None,
            wanted: BTreeMap::new(),
            assembler: Assembler::default(),
            unasked: Unasked::default(),
        }
    }

    pub(super) fn next_timeout(&self) -> Mono {
        let wanted = self.wanted.values().map(|wanted| wanted.next).min();
        let asked = self.asked.as_ref().map(|asked| asked.next);
        let parts =
            self.assembler.next_timeout().into_iter().chain(self.unasked.next_timeout()).min();
        let sooner = [wanted, asked, parts];
        sooner.into_iter().flatten().fold(self.trickle.next_timeout(), Mono::min)
    }

    /// Whether ranges may be compared with this member now; then it is the one.
    fn take_partner(&mut self, now: Mono, node: u64) -> bool {
        self.partner.take_if(|partner| partner.node != node && partner.until <= now);
        let partner =
            self.partner.get_or_insert(Partner { node, until: now, received: 0, sends_until: now });
        if partner.node == node {
            let bulk = partner.received >= BULK;
            partner.until = now + if bulk { BULK_PARTNER_FOR } else { PARTNER_FOR };
        }
        partner.node == node
    }

    /// Notes a record that a member has sent in repair. Who sends but what was asked for by name has little to send, and is
    /// not taken for the one with which ranges are compared.
    fn receive(&mut self, now: Mono, node: u64, hash: u64) {
        let is_partner = self.partner.as_ref().is_some_and(|partner| partner.node == node);
        if (is_partner || !self.wanted.contains_key(&hash))
            && self.take_partner(now, node)
            && let Some(partner) = &mut self.partner
        {
            partner.received += 1;
            partner.sends_until = partner.until;
            self.asked.take_if(|asked| asked.node == node);
        }
    }

    /// The member that is sending us what we lack. One that is only asked is none, or three members that each wait for
    /// the next would wait for ever.
    fn sender(&self, now: Mono) -> Option<&Partner> {
        self.partner.as_ref().filter(|partner| partner.sends_until > now)
    }

    fn want(&mut self, now: Mono, from: u64, head: Head) {
        let known = self.wanted.get(&head.hash).map(|wanted| wanted.version);
        let full = known.is_none() && self.wanted.len() >= WANTED_MAX;
        if !full && known.is_none_or(|known| known < head.version) {
            let wanted = Wanted { version: head.version, from, tries: 0, next: now };
            self.wanted.insert(head.hash, wanted);
        }
    }
}

impl Gossip {
    /// All we know, as of our clock.
    pub(super) fn own_digest(&mut self, now: Now) -> Digest {
        let at = self.hlc.wall_ms(now);
        let (root, count) = self.index.root(at);
        let recent = self.index.recent(now.mono, RECENT_FOR, at);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Digest { at, synced: self.hlc.knows_time(), root, count, recent }
    }

    /// Tells one member our digest.
    pub(super) fn tell_digest(&mut self, now: Now, node: u64) {
        let mut digest = self.own_digest(now);
        if let Some(peer) = self.peers.0.get_mut(&node) {
            if let Some(since) = peer.lost_at {
                let since = now.mono.since(since) + RECENT_FOR;
                digest.recent = self.index.recent(now.mono, since, digest.at);
            }
            peer.told_digest = Some((now.mono, digest.root));
            peer.compared = now.mono;
        }
        self.send(node, &Message::Digest(digest));
    }

    pub(super) fn handle_sync_timeout(&mut self, now: Now, rng: &mut dyn Rng) {
        // While much is being sent to us, others that heard how much we lack could not help.
        let told = self.sync.sender(now.mono).is_some_and(|sender| sender.received >= BULK);
        if self.sync.trickle.next_timeout() <= now.mono
            && self.sync.trickle.handle_timeout(now.mono, rng)
            && !told
        {
            self.send_digest(now, rng);
        }
        self.ask_for_ranges(now);
        self.ask_for_wanted(now, rng);
        for node in self.sync.unasked.handle_timeout(now.mono) {
            self.tell_digest(now, node);
        }
        for (node, question) in self.sync.assembler.handle_timeout(now.mono) {
            self.send(node, &question);
        }
    }

    pub(super) fn handle_digest(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        node: u64,
        digest: &Digest,
    ) {
        self.learn_time(now, node, digest.at, digest.synced);
        if !self.comparable(now, digest.at) {
            return self.stats.drop(Cause::TooFarAhead);
        }
        let (root, count) = self.index.root(digest.at);
        let Some(peer) = self.peers.0.get_mut(&node) else { return };
        let agreed = root == digest.root;
        peer.agreed = Some(agreed);
        peer.compared = now.mono;
        if agreed || faults::on(Fault::DigestsIgnored) {
            self.sync.unasked.agreed(node);
            self.sync.partner.take_if(|partner| partner.node == node);
            self.sync.asked.take_if(|asked| asked.node == node);
            return self.sync.trickle.hear_agreement();
        }
        let told = peer.told_digest;
        // Who has no room is not made to talk by what it cannot have.
        let is_overfull = self.index.is_overfull(now.mono);
        if !is_overfull {
            self.sync.trickle.reset(now.mono, rng);
        }
        let mut lacking = 0;
        for head in digest.recent.iter().filter(|head| !self.index.knows(**head)) {
            lacking += 1;
            self.sync.want(now.mono, node, *head);
        }
        // Who lacks all that a digest can tell lacks more, and who has so few that these do not make up for it.
        let theirs = usize::try_from(digest.count).unwrap_or(usize::MAX);
        if (1..RECENT_MAX).contains(&lacking) && theirs <= count + lacking {
            return;
        }
        // What we lack is being put together: of many parts, it is longer on its way than a digest names it.
        if self.index.root_with(digest.at, self.sync.assembler.heads()) == digest.root {
            return;
        }
        let just_told =
            told.is_some_and(|(at, what)| what == root && now.mono.since(at) < TOLD_FOR);
        let recent = self.index.recent(now.mono, RECENT_FOR, digest.at);
        if lacking == 0 && !just_told && recent.iter().any(|head| !digest.recent.contains(head)) {
            return self.tell_digest(now, node);
        }
        if count > theirs {
            if !just_told && !self.repair.serves(node) {
                self.tell_digest(now, node);
            }
        } else if !is_overfull && self.sync.take_partner(now.mono, node) {
            self.sync.asked = Some(Asked { node, tries: 0, next: now.mono });
        }
    }

    /// Begins a comparison, or begins it again while it is not answered.
    fn ask_for_ranges(&mut self, now: Now) {
        let Some(asked) = self.sync.asked.as_mut().filter(|asked| asked.next <= now.mono) else {
            return;
        };
        (asked.tries, asked.next) = (asked.tries + 1, now.mono + ASK_AGAIN);
        let (node, tries) = (asked.node, asked.tries);
        if tries > ASK_TRIES {
            self.sync.asked = None;
            self.sync.partner.take_if(|partner| partner.node == node && partner.received == 0);
        } else if self.sync.take_partner(now.mono, node) {
            let sum = self.own_sum(self.hlc.wall_ms(now), 0, 0);
            self.send(node, &Message::Sum(sum));
        }
    }

    pub(super) fn handle_sum(&mut self, now: Now, rng: &mut dyn Rng, node: u64, sum: &Sum) {
        let malformed = sum.prints.len() != PARTS * 4 || sum.bits > 64 - 2 * PART_BITS;
        if malformed || !self.comparable(now, sum.at) {
            return self.stats.drop(Cause::Malformed);
        }
        self.sync.trickle.reset(now.mono, rng);
        let receives = self.sync.sender(now.mono).is_some_and(|sender| sender.node != node);
        // Who is being served hears our digest when that has ended, and asks again.
        let premature = sum.bits == 0 && self.repair.serves_much(node);
        if receives || premature || self.repair.serves_enough(node) {
            return;
        }
        self.sync.asked.take_if(|asked| asked.node == node);
        let ours = self.own_parts(sum.prefix, sum.bits, sum.at);
        let (bits, mut ranges, mut answers) = (sum.bits + PART_BITS, Vec::new(), Vec::new());
        for (number, (theirs, (print, count))) in sum.prints.chunks_exact(4).zip(ours).enumerate() {
            let theirs = u32::from_be_bytes(theirs.try_into().unwrap_or_default());
            if theirs == print {
                continue;
            }
            let prefix = part_prefix(sum.prefix, sum.bits, number);
            let divisible = bits <= 64 - 2 * PART_BITS;
            if theirs == 0 {
                self.queue_lacking(now, node, sum.at, &Range { prefix, bits, heads: Vec::new() });
            } else if count <= LISTED_MAX || !divisible {
                ranges.push(self.own_range(sum.at, prefix, bits));
            } else {
                answers.push(Message::Sum(self.own_sum(sum.at, prefix, bits)));
            }
        }
        let lists = pack(ranges, AROUND_BYTES).into_iter();
        answers.extend(lists.map(|ranges| Message::Keys(sum.at, ranges)));
        if answers.len() > ANSWERS_MAX {
            // What differs for ever, as where a table is full, must not always come before the rest.
            let first = rng.random_range(0..answers.len());
            answers.rotate_left(first);
        }
        for answer in answers.into_iter().take(ANSWERS_MAX) {
            self.send(node, &answer);
        }
    }

    pub(super) fn handle_keys(&mut self, now: Now, node: u64, at: i64, ranges: &[Range]) {
        if ranges.iter().any(|range| range.bits > 64) || !self.comparable(now, at) {
            return self.stats.drop(Cause::Malformed);
        }
        self.sync.asked.take_if(|asked| asked.node == node);
        for range in ranges {
            self.queue_lacking(now, node, at, range);
            for head in range.heads.iter().filter(|head| !self.index.knows(**head)) {
                self.sync.want(now.mono, node, *head);
            }
        }
    }

    pub(super) fn handle_part(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        node: u64,
        part: &Part,
        replica: &mut dyn Replica,
    ) {
        if self.index.knows(Head { hash: part.hash, version: part.version }) {
            return;
        }
        let Some(record) = self.sync.assembler.accept(now.mono, node, part) else { return };
        self.take(now, rng, Origin::Parts(node), record, replica);
    }

    /// Takes a record that came from another member, if it is news.
    pub(super) fn take(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        origin: Origin,
        record: Record,
        replica: &mut dyn Replica,
    ) -> Merge {
        let head = Head { hash: record.key.hash(), version: record.version };
        if let Origin::Repair(node) | Origin::Parts(node) = origin {
            self.sync.receive(now.mono, node, head.hash);
        }
        if self.index.knows(head) && !faults::on(Fault::AnyVersionHolds) {
            self.stats.known += 1;
            return Merge::Same;
        }
        if let Err(why) = self.admissible(now, head, &record) {
            self.sync.wanted.remove(&head.hash);
            self.stats.refused += 1;
            return Merge::Refused(why);
        }
        let mut entry = Entry {
            key: record.key.clone(),
            version: record.version,
            expires_at_ms: record.expires_at_ms,
            held: true,
        };
        let leads_on = match origin {
            Origin::News => false,
            Origin::Repair(_) => self.is_news(now, &record),
            Origin::Parts(_) => true,
        };
        let copy = leads_on.then(|| record.clone());
        let merge = replica.merge(now, record);
        entry.held = !matches!(merge, Merge::Refused(_));
        self.index.put(now.mono, head.hash, entry);
        if self.sync.wanted.get(&head.hash).is_some_and(|wanted| wanted.version <= head.version) {
            self.sync.wanted.remove(&head.hash);
        }
        match merge {
            Merge::Changed => {
                self.stats.merged += 1;
                self.index.changed(now.mono, head.hash);
                if origin != Origin::News {
                    self.sync.trickle.reset(now.mono, rng);
                }
                if let Some(record) = copy {
                    self.spread(now, rng, record, !self.config.multicast);
                }
            }
            Merge::Same => self.stats.known += 1,
            Merge::Refused(_) => self.stats.refused += 1,
        }
        merge
    }

    fn admissible(&mut self, now: Now, head: Head, record: &Record) -> Result<(), &'static str> {
        if record.key.id.len() > RECORD_KEY_BYTES_MAX || record.body.len() > RECORD_BYTES_MAX {
            return Err("too long");
        }
        if record.expires_at_ms <= self.hlc.wall_ms(now) {
            return Err("expired");
        }
        if self.index.entry(head.hash).is_none() && self.index.is_full() {
            self.index.overflow(now.mono);
            return Err("the index is full");
        }
        if self.hlc.observe(now, record.version.hlc).is_err() {
            self.stats.drop(Cause::TooFarAhead);
            return Err("its clock is too far ahead");
        }
        Ok(())
    }

    /// Whether a clock is near enough to ours to compare what has ended.
    const fn comparable(&self, now: Now, at_ms: i64) -> bool {
        self.hlc.is_near(now, at_ms)
    }

    /// Sends our digest to all by multicast, and to that one of those whom it does not reach that was compared with longest
    /// ago, or to several.
    fn send_digest(&mut self, now: Now, rng: &mut dyn Rng) {
        let living = self.swim.living();
        let mut deaf: Vec<u64> =
            living.iter().copied().filter(|node| self.is_deaf(now, *node)).collect();
        let hears_multicast = deaf.len() < living.len();
        deaf.retain(|node| !self.repair.serves_much(*node));
        if hears_multicast {
            let digest = Message::Digest(self.own_digest(now));
            self.send_multicast(&digest);
        }
        for _ in 0..if self.sync.trickle.is_quick() { TOLD_AT_ONCE } else { 1 } {
            let compared = |node: &u64| self.peers.0.get(node).map(|peer| peer.compared);
            let longest_ago = deaf.iter().filter_map(compared).min();
            let oldest: Vec<u64> =
                deaf.iter().copied().filter(|node| compared(node) == longest_ago).collect();
            if let Some(node) = choose(rng, &oldest) {
                self.tell_digest(now, node);
            }
        }
    }

    fn own_sum(&self, at: i64, prefix: u64, bits: u8) -> Sum {
        let parts = self.own_parts(prefix, bits, at);
        let prints = parts.iter().flat_map(|(print, _)| print.to_be_bytes()).collect();
        Sum { at, prefix, bits, prints }
    }

    /// What we know of the parts of a range. What is being put together counts, so that no other member sends it too.
    fn own_parts(&self, prefix: u64, bits: u8, at: i64) -> [(u32, usize); PARTS] {
        let mut parts = self.index.parts(prefix, bits, at);
        for head in self.sync.assembler.heads() {
            self.index.count_in(&mut parts, prefix, bits, at, head);
        }
        parts
    }

    fn own_range(&self, at: i64, prefix: u64, bits: u8) -> Range {
        let coming = self.sync.assembler.heads().filter(|head| in_range(prefix, bits, head.hash));
        let here = self.index.range(prefix, bits, at);
        let here = here.map(|(hash, entry)| Head { hash, version: entry.version }).take(LISTED_MAX);
        Range { prefix, bits, heads: here.chain(coming.take(LISTED_MAX / 2)).collect() }
    }

    /// Asks for what is wanted and due: first whoever told of it, then others.
    fn ask_for_wanted(&mut self, now: Now, rng: &mut dyn Rng) {
        let living = self.swim.living();
        let mut asks: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let sender = self.sync.sender(now.mono).map(|sender| sender.node);
        self.sync.wanted.retain(|hash, wanted| {
            if wanted.next > now.mono {
                return true;
            }
            if wanted.tries >= WANT_TRIES {
                return false;
            }
            if wanted.tries > 0 && sender == Some(wanted.from) {
                // It is on its way, among others.
                wanted.next = now.mono + WANT_AGAIN;
                return true;
            }
            wanted.next = now.mono + WANT_AGAIN * (1 << (wanted.tries / 2));
            wanted.tries += 1;
            if self.sync.assembler.holds(*hash, wanted.version) {
                return true;
            }
            if wanted.tries > 1 {
                let mut others = living.clone();
                others.retain(|node| *node != wanted.from);
                wanted.from = choose(rng, &others).unwrap_or(wanted.from);
            }
            asks.entry(wanted.from).or_default().push(*hash);
            true
        });
        for (node, hashes) in asks {
            for hashes in pack(hashes, AROUND_BYTES) {
                self.send(node, &Message::Want(hashes));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_member_that_sends_no_more_keeps_nobody_waiting_however_often_it_is_asked() {
        let at = Mono::from_ms;
        let mut sync = Sync::new(at(0), &mut StdRng::seed_from_u64(1));
        sync.receive(at(0), 7, 1);
        assert_eq!(sync.sender(at(299)).map(|it| it.node), Some(7));
        assert!(sync.take_partner(at(200), 7), "asked again");
        assert_eq!(sync.sender(at(300)).map(|it| it.node), None);
        assert!(!sync.take_partner(at(499), 8), "it is compared with all the same");
        assert!(sync.take_partner(at(500), 8));
    }
}
