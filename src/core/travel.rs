//! Large alerts that a client posted a moment ago: the other members may not have them yet, since a record of many datagrams
//! takes seconds. This node does not wait for such members to notify.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::limits::REPAIR_BYTES_PER_SECOND;
use crate::model::Fingerprint;
use crate::time::Mono;

/// Smaller alerts are in one datagram.
const LARGE_BYTES: usize = 1000;
/// As long as news is announced again and again where datagrams are lost.
const ANNOUNCED_FOR: Duration = Duration::from_secs(4);
/// Until then it has arrived, or the flock is worse off than a turn can mend.
const TRAVEL_MAX: Duration = Duration::from_secs(30);
/// So many are kept before those that have arrived are looked for.
const SWEPT_MIN: usize = 64;

/// Until when each is on its way.
#[derive(Debug, Default)]
pub(super) struct Travels {
    until: BTreeMap<Fingerprint, Mono>,
    /// Until when the bytes of all of them take, one after another.
    busy: Mono,
    /// At how many to look for those that have arrived.
    swept_at: usize,
}

impl Travels {
    /// Takes note of a post of so many bytes, which goes to so many members.
    pub(super) fn begin(&mut self, now: Mono, fingerprint: Fingerprint, bytes: usize, to: usize) {
        if bytes < LARGE_BYTES || to == 0 {
            return;
        }
        if self.until.len() >= self.swept_at.max(SWEPT_MIN) {
            self.until.retain(|_, until| *until > now);
            self.swept_at = 2 * self.until.len();
        }
        let ms = bytes.saturating_mul(to).saturating_mul(1000) as u64 / REPAIR_BYTES_PER_SECOND;
        self.busy = (self.busy.max(now) + Duration::from_millis(ms)).min(now + TRAVEL_MAX);
        self.until.insert(fingerprint, (self.busy + ANNOUNCED_FOR).min(now + TRAVEL_MAX));
    }

    /// Another member has it: what it says of it has come.
    pub(super) fn end(&mut self, fingerprint: Fingerprint) {
        self.until.remove(&fingerprint);
    }

    /// Whether an alert may not have reached the others.
    pub(super) fn is_on_its_way(&self, now: Mono, fingerprint: Fingerprint) -> bool {
        self.until.get(&fingerprint).is_some_and(|until| *until > now)
    }

    /// Whether none is on its way, so far as that is known without a look.
    pub(super) fn is_empty(&self) -> bool {
        self.until.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_alert_is_on_its_way_for_as_long_as_its_bytes_take() {
        let at = Mono::from_ms;
        let mut travels = Travels::default();
        let mut begin = |n: u64, bytes, to| travels.begin(at(0), Fingerprint(n), bytes, to);
        begin(1, LARGE_BYTES - 1, 2);
        begin(2, LARGE_BYTES, 0);
        begin(3, LARGE_BYTES, 2);
        begin(4, 64 * 1024, 5);
        begin(5, LARGE_BYTES, 2);
        begin(6, usize::MAX, 127);
        let under_way = |travels: &Travels, ms: u64| {
            let all = 1..=6;
            all.filter(|n| travels.is_on_its_way(at(ms), Fingerprint(*n))).collect::<Vec<_>>()
        };
        assert_eq!(under_way(&travels, 3_999), [3, 4, 5, 6]);
        assert_eq!(under_way(&travels, 4_030), [4, 5, 6]);
        assert_eq!(under_way(&travels, 9_030), [5, 6], "it waits for the one before");
        assert_eq!(under_way(&travels, 29_999), [6]);
        assert_eq!(under_way(&travels, 30_000), [0; 0]);
        travels.end(Fingerprint(6));
        assert_eq!(under_way(&travels, 0), [3, 4, 5]);
    }

    #[test]
    fn those_that_have_arrived_are_forgotten() {
        let mut travels = Travels::default();
        for n in 0..10_000_u64 {
            travels.begin(Mono::from_ms(n * 1000), Fingerprint(n), 5_000, 2);
        }
        assert!(travels.until.len() < 3 * SWEPT_MIN, "{}", travels.until.len());
    }
}
