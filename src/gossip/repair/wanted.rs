//! Records that we lack and know by name: each is asked for, first of the member that named it, then of others.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng;

use crate::gossip::dice::choose;
use crate::gossip::message::Head;
use crate::gossip::record::Version;
use crate::limits::WANTED_MAX;
use crate::time::Mono;

/// A record is asked for again after this, of another member, later after twice that and so on, so many times in all.
const WANT_AGAIN: Duration = Duration::from_millis(300);
const WANT_TRIES: u32 = 6;

/// The records that are asked for, by hash.
#[derive(Debug, Default)]
pub(super) struct Wanted(BTreeMap<u64, Want>);

#[derive(Debug)]
struct Want {
    version: Version,
    from: u64,
    tries: u32,
    next: Mono,
}

impl Wanted {
    pub(super) fn next_timeout(&self) -> Option<Mono> {
        self.0.values().map(|want| want.next).min()
    }

    pub(super) fn contains(&self, hash: u64) -> bool {
        self.0.contains_key(&hash)
    }

    /// Asks for a record that a member has named, unless a version as new is asked for.
    pub(super) fn add(&mut self, now: Mono, from: u64, head: Head) {
        let known = self.0.get(&head.hash).map(|want| want.version);
        let full = known.is_none() && self.0.len() >= WANTED_MAX;
        if !full && known.is_none_or(|known| known < head.version) {
            self.0.insert(head.hash, Want { version: head.version, from, tries: 0, next: now });
        }
    }

    /// A record has come: an older version is no longer wanted.
    pub(super) fn note_arrived(&mut self, head: Head) {
        if self.0.get(&head.hash).is_some_and(|want| want.version <= head.version) {
            self.0.remove(&head.hash);
        }
    }

    /// Does not ask for a record any more.
    pub(super) fn give_up(&mut self, hash: u64) {
        self.0.remove(&hash);
    }

    /// The members to ask now, and the records to ask for. `sender` is sending us many records: whatever was asked of it is
    /// likely to be among them. A record of which parts are coming is not asked for.
    pub(super) fn due(
        &mut self,
        now: Mono,
        rng: &mut dyn Rng,
        living: &[u64],
        sender: Option<u64>,
        is_coming: impl Fn(u64, Version) -> bool,
    ) -> BTreeMap<u64, Vec<u64>> {
        let mut asks: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        self.0.retain(|hash, want| {
            if want.next > now {
                return true;
            }
            if want.tries >= WANT_TRIES {
                return false;
            }
            if want.tries > 0 && sender == Some(want.from) {
                want.next = now + WANT_AGAIN;
                return true;
            }
            want.next = now + WANT_AGAIN * (1 << (want.tries / 2));
            want.tries += 1;
            if is_coming(*hash, want.version) {
                return true;
            }
            if want.tries > 1 {
                let mut others = living.to_vec();
                others.retain(|node| *node != want.from);
                want.from = choose(rng, &others).unwrap_or(want.from);
            }
            asks.entry(want.from).or_default().push(*hash);
            true
        });
        asks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_asked_for_so_many_at_a_time_and_no_more() {
        let mut wanted = Wanted::default();
        let head = |hash: u64, hlc: u64| Head { hash, version: Version { hlc, node: 7 } };
        let max = WANTED_MAX as u64;
        for hash in 0..max + 3 {
            wanted.add(Mono::ZERO, 7, head(hash, 1));
        }
        assert_eq!(wanted.0.len(), WANTED_MAX);
        assert!(wanted.contains(max - 1) && !wanted.contains(max));
        // A newer version of one that is asked for needs no room.
        wanted.add(Mono::ZERO, 8, head(0, 2));
        assert_eq!((wanted.0.len(), wanted.0[&0].version.hlc), (WANTED_MAX, 2));
        wanted.note_arrived(head(1, 1));
        wanted.add(Mono::ZERO, 7, head(max, 1));
        assert!(wanted.contains(max));
    }
}
