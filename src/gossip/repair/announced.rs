//! Large records are announced by a digest, and again until the member asks for their parts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::limits::UNACKNOWLEDGED_MAX;
use crate::time::Mono;

/// After so long a member that has not asked for an announced record is sent a digest again.
const ANNOUNCE_AFTER_MS: [u64; 5] = [250, 250, 500, 1_000, 2_000];

/// Large records that were announced to members that have not asked for them yet, by member and hash.
#[derive(Debug, Default)]
pub(super) struct Announcements(BTreeMap<(u64, u64), (Mono, usize)>);

impl Announcements {
    /// Large records were announced to a member.
    pub(super) fn put(&mut self, now: Mono, node: u64, hashes: &[u64]) {
        for hash in hashes.iter().take(UNACKNOWLEDGED_MAX.saturating_sub(self.0.len())) {
            self.0.insert((node, *hash), (now + Duration::from_millis(ANNOUNCE_AFTER_MS[0]), 1));
        }
    }

    /// A member has asked for these records.
    pub(super) fn asked(&mut self, node: u64, hashes: &[u64]) {
        for hash in hashes {
            self.0.remove(&(node, *hash));
        }
    }

    /// A member knows all we know.
    pub(super) fn agreed(&mut self, node: u64) {
        self.0.retain(|(other, _), _| *other != node);
    }

    pub(super) fn next_timeout(&self) -> Option<Mono> {
        self.0.values().map(|(at, _)| *at).min()
    }

    /// The members to which a digest is to be sent again.
    pub(super) fn handle_timeout(&mut self, now: Mono) -> BTreeSet<u64> {
        let mut nodes = BTreeSet::new();
        self.0.retain(|(node, _), (at, tries)| {
            if *at > now {
                return true;
            }
            nodes.insert(*node);
            let Some(wait) = ANNOUNCE_AFTER_MS.get(*tries) else { return false };
            (*at, *tries) = (now + Duration::from_millis(*wait), *tries + 1);
            true
        });
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_does_not_ask_is_announced_again_some_times() {
        let mut announced = Announcements::default();
        for node in 1..=3 {
            announced.put(Mono::ZERO, node, &[7]);
        }
        announced.asked(1, &[7]);
        announced.asked(2, &[8]);
        let at = announced.next_timeout().unwrap();
        assert_eq!(announced.handle_timeout(at), [2, 3].into());
        announced.agreed(3);
        let mut again = 0;
        while let Some(at) = announced.next_timeout() {
            again += announced.handle_timeout(at).len();
        }
        assert_eq!(again, 4);
    }

    #[test]
    fn so_many_records_are_announced_again_and_no_more() {
        let mut announced = Announcements::default();
        for node in 1..=3 {
            announced.put(Mono::ZERO, node, &(0..1500).collect::<Vec<_>>());
        }
        assert_eq!(announced.0.len(), UNACKNOWLEDGED_MAX);
        announced.asked(1, &[7]);
        announced.put(Mono::ZERO, 3, &[1, 2]);
        assert_eq!(announced.0.len(), UNACKNOWLEDGED_MAX, "one has gone, one has come");
    }
}
