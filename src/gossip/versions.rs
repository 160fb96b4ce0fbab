//! The versions of all records that the flock replicates, by hash of the key and without the bodies: enough to tell which
//! member lacks which record. It is also the one table of the versions and ends of all that the tables hold: those that the
//! flock is not told of stand [aside](super::aside).
//!
//! Two members compare fingerprints of all they know, then of ranges of it. Clocks differ, so records do not end at the
//! same moment everywhere: every comparison is made as of the asking member's clock, and an entry stays for as long as
//! clocks may differ after it has ended. So a record that ends makes no difference and costs nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound::{Excluded, Included};
use std::time::Duration;

use super::aside::Aside;
use super::message::Head;
use super::ranges::{PARTS, bounds, in_range, number};
use super::record::{Key, Stamp, Version, mix64};
use crate::limits::{CLOCK_AHEAD_MS_MAX, GOSSIP_RECORDS_MAX, REFUSED_MAX};
use crate::time::Mono;

/// Changes sent along with a digest, and for how long.
pub(super) const RECENT_MAX: usize = 8;
pub(super) const RECENT_FOR: Duration = Duration::from_secs(20);
/// A record that was refused is not asked for again for so long, nor before something has left the tables behind.
const REFUSED_FOR: Duration = Duration::from_secs(5 * 60);
/// But after this in any case: there may be room for other reasons.
const REFUSED_FOR_LONG: Duration = Duration::from_secs(3600);
/// The records that are forgotten at once; tens of thousands may end in one moment.
const EXPIRED_AT_ONCE: usize = 1_000;

/// The version of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) key: Key,
    pub(super) stamp: Stamp,
    pub(super) state: State,
}

/// Where the record of a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// In the tables.
    Held,
    /// In the tables no more: the version is known so that it does not come back.
    Gone,
    /// The tables refused it at this time: it is not asked for again for some time.
    Refused(Mono),
}

impl Known {
    /// Whether the tables refused it.
    pub(super) const fn is_refused(&self) -> bool {
        matches!(self.state, State::Refused(_))
    }
}

/// The outcome of [`Versions::put`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// It is in, and newer than what was known, or the same for longer.
    Newer,
    /// A version as new or newer is known.
    Stale,
    /// The table is full.
    Full,
}

/// Keys and versions, by hash of the key.
#[derive(Debug, Default)]
pub(super) struct Versions {
    entries: BTreeMap<u64, Known>,
    by_expiry: BTreeSet<(i64, u64)>,
    /// The fingerprints of all entries, combined by exclusive or.
    print: u64,
    /// Of the entries that had ended when that was looked at last: the time, their fingerprints combined, and their number.
    ended: (i64, u64, usize),
    /// The records that changed last, the last one first.
    recent: VecDeque<(Mono, u64)>,
    /// Entries that were refused, by when they were.
    by_refusal: BTreeSet<(Mono, u64)>,
    /// Whether something has left the tables since that was last looked at, and when it last was seen to have.
    has_left: bool,
    left_at: Mono,
    /// When something was last refused that cannot be remembered.
    overfull_at: Option<Mono>,
    /// Entries that are gone, by when they expire.
    gone: BTreeSet<(i64, u64)>,
    /// The versions that the tables hold and that are no entries.
    pub(super) aside: Aside,
}

impl Versions {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no room for another, nor in the place of one that is gone or was refused.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= GOSSIP_RECORDS_MAX
            && self.gone.is_empty()
            && self.by_refusal.is_empty()
    }

    /// Notes that a record was refused that cannot be remembered.
    pub(super) const fn overflow(&mut self, now: Mono) {
        self.overfull_at = Some(now);
    }

    /// Whether that was so lately that a comparison would but find the same again.
    pub(super) fn is_overfull(&self, now: Mono) -> bool {
        self.overfull_at.is_some_and(|at| !self.may_fit(now, at))
    }

    /// Whether there may be room for what was refused then.
    fn may_fit(&self, now: Mono, refused_at: Mono) -> bool {
        let wait = if refused_at <= self.left_at { REFUSED_FOR } else { REFUSED_FOR_LONG };
        now.since(refused_at) >= wait
    }

    /// The stamp of the version that the tables hold.
    pub(super) fn held(&self, key: &Key) -> Option<Stamp> {
        match self.entries.get(&key.hash()) {
            Some(known) if known.state == State::Held && known.key == *key => Some(known.stamp),
            _ => self.aside.get(key),
        }
    }

    /// Takes the version of a record that the tables hold: in an entry, or aside if there is no room, or a newer one is known.
    pub(super) fn hold(&mut self, now: Mono, hash: u64, key: Key, stamp: Stamp) -> Put {
        let put = self.put(now, hash, Known { key: key.clone(), stamp, state: State::Held });
        if put == Put::Newer {
            self.aside.remove(&key);
        } else {
            self.set_aside(hash, key, stamp);
        }
        put
    }

    /// Takes the version of a record that the tables hold and the flock is not told of, unless one as new is held. An older one
    /// that was held is gone.
    pub(super) fn set_aside(&mut self, hash: u64, key: Key, stamp: Stamp) {
        let is_as_new =
            |known: &Known| known.state == State::Held && known.key == key && known.stamp >= stamp;
        if !self.entries.get(&hash).is_some_and(is_as_new) {
            self.mark_gone(&key);
            self.aside.put(key, stamp);
        }
    }

    /// Notes that the tables hold a record no more. Its version makes room for others when the table is full.
    pub(super) fn mark_gone(&mut self, key: &Key) {
        self.aside.remove(key);
        let hash = key.hash();
        if let Some(known) = self.entries.get_mut(&hash)
            && known.state == State::Held
            && known.key == *key
        {
            known.state = State::Gone;
            self.gone.insert((known.stamp.expires_at_ms, hash));
        }
    }

    /// Notes that something has left the tables: there may be room for what they refused.
    pub(super) const fn note_left(&mut self) {
        self.has_left = true;
    }

    pub(super) fn get(&self, hash: u64) -> Option<&Known> {
        self.entries.get(&hash)
    }

    /// Whether this version, or a newer one, is known.
    pub(super) fn knows(&self, head: Head) -> bool {
        self.entries.get(&head.hash).is_some_and(|known| known.stamp.version >= head.version)
    }

    /// Takes a version, unless one as new is known.
    pub(super) fn put(&mut self, now: Mono, hash: u64, known: Known) -> Put {
        let age = |it: &Known| (it.stamp, it.state == State::Held);
        match self.entries.get(&hash) {
            // Of two keys with one hash the first is replicated.
            Some(old) if old.key != known.key || age(old) >= age(&known) => return Put::Stale,
            None if self.is_full() => return Put::Full,
            None if self.entries.len() >= GOSSIP_RECORDS_MAX => match self.gone.first().copied() {
                Some((_, oldest)) => drop(self.remove(oldest)),
                None => self.forget_refused(now),
            },
            _ => {}
        }
        let Known { stamp, state, .. } = known;
        if let Some(old) = self.entries.insert(hash, known) {
            self.discount(hash, &old);
            if old.state == State::Held && state != State::Held {
                self.aside.put(old.key, old.stamp);
            }
        }
        if matches!(state, State::Refused(_)) && self.by_refusal.len() >= REFUSED_MAX {
            self.forget_refused(now);
        }
        self.count(hash, stamp, state);
        Put::Newer
    }

    pub(super) fn remove(&mut self, hash: u64) -> Option<Known> {
        let known = self.entries.remove(&hash)?;
        self.discount(hash, &known);
        Some(known)
    }

    /// Counts an entry in all that is known of all entries.
    fn count(&mut self, hash: u64, stamp: Stamp, state: State) {
        let Stamp { version, expires_at_ms } = stamp;
        self.print ^= print(hash, version);
        if expires_at_ms <= self.ended.0 {
            self.ended.1 ^= print(hash, version);
            self.ended.2 += 1;
        }
        self.by_expiry.insert((expires_at_ms, hash));
        match state {
            State::Held => {}
            State::Gone => drop(self.gone.insert((expires_at_ms, hash))),
            State::Refused(at) => drop(self.by_refusal.insert((at, hash))),
        }
    }

    /// Undoes [`Versions::count`].
    fn discount(&mut self, hash: u64, known: &Known) {
        let Stamp { version, expires_at_ms } = known.stamp;
        self.print ^= print(hash, version);
        if expires_at_ms <= self.ended.0 {
            self.ended.1 ^= print(hash, version);
            self.ended.2 -= 1;
        }
        self.by_expiry.remove(&(expires_at_ms, hash));
        match known.state {
            State::Held => {}
            State::Gone => drop(self.gone.remove(&(expires_at_ms, hash))),
            State::Refused(at) => drop(self.by_refusal.remove(&(at, hash))),
        }
    }

    /// Makes room in the place of the record that was refused longest ago.
    fn forget_refused(&mut self, now: Mono) {
        if let Some((_, oldest)) = self.by_refusal.first().copied() {
            self.remove(oldest);
            self.overflow(now);
        }
    }

    /// Notes that a record has changed just now: the next digests name it.
    pub(super) fn changed(&mut self, now: Mono, hash: u64) {
        self.recent.retain(|(_, other)| *other != hash);
        self.recent.push_front((now, hash));
        self.recent.truncate(RECENT_MAX);
    }

    /// The records that changed within this time, the last one first.
    pub(super) fn recent(&self, now: Mono, within: Duration, at_ms: i64) -> Vec<Head> {
        let lately = self.recent.iter().filter(|(at, _)| now.since(*at) < within);
        let heads = lately.filter_map(|(_, hash)| {
            let entry = self.entries.get(hash)?;
            (!entry.is_refused() && entry.stamp.expires_at_ms > at_ms)
                .then_some(Head { hash: *hash, version: entry.stamp.version })
        });
        heads.collect()
    }

    /// Forgets records that ended longer ago than clocks may differ, and refusals of some time ago, so that those records are
    /// asked for again. Versions that the tables still hold are set aside.
    pub(super) fn expire(&mut self, now: Mono, wall_ms: i64) {
        let (print, live) = self.root(wall_ms);
        self.ended = (wall_ms, self.print ^ print, self.entries.len() - live);
        let gone = wall_ms.saturating_sub(CLOCK_AHEAD_MS_MAX);
        for _ in 0..EXPIRED_AT_ONCE {
            let Some((at, hash)) = self.by_expiry.first().copied() else { break };
            if at > gone {
                break;
            }
            if let Some(Known { key, stamp, state: State::Held }) = self.remove(hash) {
                self.aside.put(key, stamp);
            }
        }
        if std::mem::take(&mut self.has_left) {
            self.left_at = now;
        }
        for _ in 0..EXPIRED_AT_ONCE {
            let Some((at, hash)) = self.by_refusal.first().copied() else { break };
            if !self.may_fit(now, at) {
                break;
            }
            self.remove(hash);
        }
    }

    /// The fingerprint and number of all that has not ended at `at_ms`.
    pub(super) fn root(&self, at_ms: i64) -> (u64, usize) {
        let (looked_at, ended, count) = self.ended;
        // Those that ended between the two times are the difference.
        let (from, to) = (looked_at.min(at_ms), looked_at.max(at_ms));
        let between = self.by_expiry.range((Excluded((from, u64::MAX)), Included((to, u64::MAX))));
        let (mut root, mut moved) = (self.print ^ ended, 0);
        for (_, hash) in between {
            if let Some(entry) = self.entries.get(hash) {
                root ^= print(*hash, entry.stamp.version);
                moved += 1;
            }
        }
        let count = if at_ms > looked_at { count + moved } else { count - moved };
        (root, self.entries.len() - count)
    }

    /// The fingerprint if these versions were here, at most one of a record.
    pub(super) fn root_with(&self, at_ms: i64, coming: impl Iterator<Item = Head>) -> u64 {
        coming.filter(|head| !self.knows(*head)).fold(self.root(at_ms).0, |root, head| {
            let known =
                self.entries.get(&head.hash).filter(|entry| entry.stamp.expires_at_ms > at_ms);
            let known = known.map_or(0, |known| print(head.hash, known.stamp.version));
            root ^ known ^ print(head.hash, head.version)
        })
    }

    /// The fingerprint and number of each of the 64 parts of a range.
    pub(super) fn parts(&self, prefix: u64, bits: u8, at_ms: i64) -> [(u32, usize); PARTS] {
        let mut parts = [(0, 0); PARTS];
        for (hash, entry) in self.range(prefix, bits, at_ms) {
            let part = &mut parts[number(bits, hash)];
            part.0 ^= short_print(hash, entry.stamp.version);
            part.1 += 1;
        }
        parts
    }

    /// Counts a version that is on its way as if it were here, in the [`Versions::parts`] of a range.
    pub(super) fn count_in(
        &self,
        parts: &mut [(u32, usize); PARTS],
        prefix: u64,
        bits: u8,
        at_ms: i64,
        head: Head,
    ) {
        if self.knows(head) || !in_range(prefix, bits, head.hash) {
            return;
        }
        let part = &mut parts[number(bits, head.hash)];
        match self.entries.get(&head.hash).filter(|entry| entry.stamp.expires_at_ms > at_ms) {
            Some(known) => part.0 ^= short_print(head.hash, known.stamp.version),
            None => part.1 += 1,
        }
        part.0 ^= short_print(head.hash, head.version);
    }

    /// All entries of a range that have not ended at `at_ms`.
    pub(super) fn range(
        &self,
        prefix: u64,
        bits: u8,
        at_ms: i64,
    ) -> impl Iterator<Item = (u64, &Known)> {
        let live = move |entry: &&Known| entry.stamp.expires_at_ms > at_ms;
        self.entries
            .range(bounds(prefix, bits))
            .map(|(hash, entry)| (*hash, entry))
            .filter(move |(_, entry)| live(entry))
    }
}

fn short_print(hash: u64, version: Version) -> u32 {
    let [a, b, c, d, ..] = print(hash, version).to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

fn print(hash: u64, version: Version) -> u64 {
    mix64(mix64(hash ^ version.hlc).wrapping_add(version.node))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gossip::ranges::{PART_BITS, part_prefix};

    fn known(key: Key, version: Version, expires_at_ms: i64) -> Known {
        Known { key, stamp: Stamp { version, expires_at_ms }, state: State::Held }
    }

    fn entry(id: u8, hlc: u64, expires_at_ms: i64) -> (u64, Known) {
        let key = Key::new(1, [id]);
        let version = Version { hlc, node: 1 };
        (key.hash(), known(key, version, expires_at_ms))
    }

    fn versions(entries: &[(u8, u64, i64)]) -> Versions {
        let mut versions = Versions::default();
        for (id, hlc, expires_at_ms) in entries.iter().copied() {
            let (hash, entry) = entry(id, hlc, expires_at_ms);
            versions.put(Mono::ZERO, hash, entry);
        }
        versions
    }

    #[test]
    fn differing_clocks_agree_on_what_has_ended() {
        let (mut fast, slow) =
            (versions(&[(1, 1, 1_000), (2, 1, 9_000)]), versions(&[(1, 1, 1_000), (2, 1, 9_000)]));
        fast.expire(Mono::ZERO, 5_000);
        assert_eq!(fast.root(500), slow.root(500), "as of the slow clock");
        assert_eq!(fast.root(5_000), slow.root(5_000), "as of the fast one");
        assert_ne!(fast.root(500), fast.root(5_000));
        fast.expire(Mono::ZERO, 1_000 + CLOCK_AHEAD_MS_MAX);
        assert_eq!(fast.len(), 1);
    }

    #[test]
    fn so_many_records_expire_at_once_and_the_others_later() {
        let mut versions = Versions::default();
        for id in 0..=EXPIRED_AT_ONCE {
            let key = Key::new(1, id.to_be_bytes());
            let version = Version { hlc: 1, node: 1 };
            let known = known(key, version, 5);
            versions.put(Mono::ZERO, known.key.hash(), known);
        }
        versions.expire(Mono::ZERO, 5 + CLOCK_AHEAD_MS_MAX);
        assert_eq!((versions.len(), versions.root(5)), (1, (0, 0)));
        versions.expire(Mono::ZERO, 5 + CLOCK_AHEAD_MS_MAX);
        assert_eq!(versions.len(), 0);
    }

    proptest! {
        #[test]
        fn the_root_is_that_of_all_that_has_not_ended(
            steps in prop::collection::vec((0..4_u8, 0..20_u8, 1..50_u64, -20..60_i64), 1..100),
        ) {
            let mut versions = Versions::default();
            for (kind, id, hlc, at) in steps {
                let (hash, entry) = entry(id, hlc, at);
                match kind {
                    0 => drop(versions.remove(hash)),
                    1 => versions.expire(Mono::ZERO, at),
                    _ => { versions.put(Mono::ZERO, hash, entry); }
                }
                for at in [-21, 0, at, 60] {
                    let live = versions.range(0, 0, at).map(|(hash, it)| print(hash, it.stamp.version));
                    let live = live.fold((0, 0), |(all, count), it| (all ^ it, count + 1));
                    prop_assert_eq!(versions.root(at), live);
                }
            }
        }
    }

    #[test]
    fn parts_of_a_part_are_found_under_its_prefix() {
        let all: Vec<_> = (0..=255).map(|id| (id, 1, 9)).collect();
        let versions = versions(&all);
        let mut count = 0;
        for (number, (print, entries)) in versions.parts(0, 0, 0).into_iter().enumerate() {
            let prefix = part_prefix(0, 0, number);
            let within = versions.parts(prefix, PART_BITS, 0);
            assert_eq!(within.iter().fold(0, |all, part| all ^ part.0), print);
            assert_eq!(versions.range(prefix, PART_BITS, 0).count(), entries);
            count += entries;
        }
        assert_eq!(count, 256);
        assert_eq!(versions.parts(u64::MAX, 255, 0).iter().map(|part| part.1).sum::<usize>(), 0);
    }

    #[test]
    fn records_on_their_way_count_as_here() {
        let (old, new) =
            (versions(&[(1, 1, 9), (2, 1, 9)]), versions(&[(1, 2, 9), (2, 1, 9), (3, 1, 9)]));
        let coming = [(1, 2), (3, 1), (2, 1)].map(|(id, hlc)| {
            let (hash, entry) = entry(id, hlc, 9);
            Head { hash, version: entry.stamp.version }
        });
        for (prefix, bits) in [(0, 0), (entry(3, 1, 9).0, 6)] {
            let mut parts = old.parts(prefix, bits, 0);
            for head in coming {
                old.count_in(&mut parts, prefix, bits, 0, head);
            }
            assert_eq!(parts, new.parts(prefix, bits, 0));
        }
        assert_eq!(old.root_with(0, coming.into_iter()), new.root(0).0);
        // An ended record is not counted, so it is not subtracted either.
        let ended = versions(&[(1, 1, 5), (2, 1, 9)]);
        assert_eq!(ended.root_with(5, coming.into_iter()), new.root(5).0);
    }

    #[test]
    fn a_full_table_takes_new_versions_but_no_new_keys() {
        let mut versions = Versions::default();
        for n in 0..=u32::try_from(GOSSIP_RECORDS_MAX).unwrap() {
            let key = Key::new(1, n.to_be_bytes());
            let version = Version { hlc: 1, node: 1 };
            let full = n as usize >= GOSSIP_RECORDS_MAX;
            let put = versions.put(Mono::ZERO, key.hash(), known(key, version, 9));
            assert_eq!(put == Put::Full, full);
        }
        let key = Key::new(1, 0_u32.to_be_bytes());
        let version = Version { hlc: 2, node: 1 };
        let put = versions.put(Mono::ZERO, key.hash(), known(key, version, 9));
        assert_eq!(put, Put::Newer);
    }

    #[test]
    fn a_full_table_replaces_gone_records() {
        let mut versions = Versions::default();
        let of = |n: usize, hlc| {
            let key = Key::new(1, n.to_be_bytes());
            let version = Version { hlc, node: 1 };
            (key.hash(), known(key, version, 9))
        };
        let put = |versions: &mut Versions, n, hlc| {
            let (hash, entry) = of(n, hlc);
            versions.put(Mono::ZERO, hash, entry)
        };
        for n in 0..GOSSIP_RECORDS_MAX {
            put(&mut versions, n, 1);
        }
        for n in [0, 1] {
            versions.mark_gone(&of(n, 1).1.key);
        }
        assert_eq!(put(&mut versions, 1, 2), Put::Newer);
        assert!(!versions.is_full());
        assert_eq!(put(&mut versions, GOSSIP_RECORDS_MAX, 1), Put::Newer);
        assert!(versions.is_full() && versions.get(of(0, 1).0).is_none());
        assert!(versions.get(of(1, 2).0).is_some());
        // So does what was refused.
        versions.mark_gone(&of(1, 2).1.key);
        refuse(&mut versions, Mono::ZERO, u32::MAX, 1);
        assert!(!versions.is_full());
        assert_eq!(put(&mut versions, GOSSIP_RECORDS_MAX + 1, 1), Put::Newer);
        assert_eq!((versions.is_full(), versions.len()), (true, GOSSIP_RECORDS_MAX));
    }

    #[test]
    fn refused_records_are_asked_for_again() {
        for (leaves, wait) in [(true, REFUSED_FOR), (false, REFUSED_FOR_LONG)] {
            let mut versions = Versions::default();
            let at = Mono::from_ms(1);
            refuse(&mut versions, at, 1, 1);
            let moment = Duration::from_millis(1);
            if leaves {
                versions.note_left();
            }
            versions.expire(at + wait - moment, 0);
            assert_eq!(versions.len(), 1);
            versions.expire(at + wait, 0);
            assert_eq!(versions.len(), 0);
            // A record that left before makes no room for one that is refused after.
            refuse(&mut versions, at + wait, 1, 1);
            versions.expire(at + wait + REFUSED_FOR_LONG - moment, 0);
            assert_eq!(versions.len(), 1);
        }
    }

    fn refuse(versions: &mut Versions, now: Mono, id: u32, hlc: u64) {
        let key = Key::new(1, id.to_be_bytes());
        let version = Version { hlc, node: 1 };
        let entry = Known { state: State::Refused(now), ..known(key, version, i64::MAX) };
        versions.put(now, entry.key.hash(), entry);
    }

    #[test]
    fn versions_of_one_refused_record_count_once() {
        let mut versions = Versions::default();
        let last = Mono::from_ms(100);
        for hlc in 1..=100 {
            refuse(&mut versions, Mono::from_ms(hlc), 1, hlc);
        }
        assert_eq!(versions.by_refusal.len(), 1);
        versions.expire(Mono::from_ms(99) + REFUSED_FOR_LONG, 0);
        assert_eq!(versions.len(), 1);
        versions.expire(last + REFUSED_FOR_LONG, 0);
        assert_eq!((versions.len(), versions.by_refusal.len()), (0, 0));
    }

    #[test]
    fn the_oldest_of_too_many_refusals_is_forgotten() {
        let mut versions = Versions::default();
        let most = u32::try_from(REFUSED_MAX).unwrap();
        for id in 0..=most {
            assert!(!versions.is_overfull(Mono::from_ms(id.into())));
            refuse(&mut versions, Mono::from_ms(id.into()), id, 1);
        }
        let last = Mono::from_ms(most.into());
        assert!(versions.is_overfull(last) && !versions.is_overfull(last + REFUSED_FOR_LONG));
        assert_eq!((versions.len(), versions.by_refusal.len()), (REFUSED_MAX, REFUSED_MAX));
        assert_eq!(versions.by_refusal.first().map(|(at, _)| *at), Some(Mono::from_ms(1)));
        let get = |id: u32| versions.get(Key::new(1, id.to_be_bytes()).hash());
        assert!(get(0).is_none() && get(1).is_some() && get(most).is_some());
    }

    #[test]
    fn a_refused_record_that_is_held_later_stays() {
        let mut versions = Versions::default();
        refuse(&mut versions, Mono::ZERO, 1, 1);
        let key = Key::new(1, 1_u32.to_be_bytes());
        let version = Version { hlc: 2, node: 1 };
        let held = known(key, version, i64::MAX);
        versions.put(Mono::ZERO, held.key.hash(), held);
        versions.expire(Mono::ZERO + REFUSED_FOR_LONG, 0);
        assert_eq!((versions.len(), versions.by_refusal.len()), (1, 0));
    }

    proptest! {
        #[test]
        fn any_order_and_repetition_gives_the_same_table(
            mut puts in proptest::collection::vec((0_u8..20, 1_u64..9), 0..60), at in any::<usize>()
        ) {
            // A version says all of a record, so also when it ends.
            let with_expiry = |puts: &[(u8, u64)]| {
                versions(&puts.iter().map(|(id, hlc)| (*id, *hlc, i64::from(*id) + 100)).collect::<Vec<_>>())
            };
            let one = with_expiry(&puts);
            let again = puts.clone();
            let count = puts.len().max(1);
            puts.rotate_left(at % count);
            puts.extend(again);
            let two = with_expiry(&puts);
            prop_assert_eq!(one.entries, two.entries);
            prop_assert_eq!((one.print, one.by_expiry), (two.print, two.by_expiry));
        }

        #[test]
        fn the_root_leaves_out_what_has_ended(
            puts in proptest::collection::vec((0_u8..50, 1_u64..9), 0..60), at_ms in 0_i64..60
        ) {
            let all: Vec<_> = puts.iter().map(|(id, hlc)| (*id, *hlc, i64::from(*id))).collect();
            let live: Vec<_> = all.iter().copied().filter(|(_, _, expires)| *expires > at_ms).collect();
            prop_assert_eq!(versions(&all).root(at_ms), versions(&live).root(i64::MIN));
        }
    }
}
