//! Which silences mute an alert. What was found is remembered with the alert, so that each pair is compared once and
//! not at every flush and every GET.

use std::cell::RefCell;

use crate::core::silences::{Serial, Silences};
use crate::limits::ALERT_SILENCES_MAX;
use crate::model::{Labels, SilenceId, SilenceState};
use crate::time::Wall;

/// With more changes than this since an alert was last compared, the index is asked anew.
const CATCH_UP_MAX: Serial = 64;

/// What is remembered with one alert.
#[derive(Debug, Default)]
pub struct Memo(RefCell<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Every silence up to this serial was compared.
    serial: Serial,
    /// Those that match, sorted; among them may be some that are gone.
    matching: Vec<SilenceId>,
}

impl Silences {
    /// The silences that mute an alert of these labels at `now`, sorted, [`ALERT_SILENCES_MAX`] at most. `memo` is the
    /// alert's own.
    pub fn muting(&self, labels: &Labels, memo: &Memo, now: Wall) -> Vec<SilenceId> {
        let is_active = |id: &SilenceId| self.state(*id, now) == Some(SilenceState::Active);
        let mut seen = memo.0.take();
        if self.catch_up(&mut seen, labels, now) {
            let muting = seen.matching.iter().copied().filter(is_active).collect();
            memo.0.replace(seen);
            return muting;
        }
        let candidates = self.index.candidates(labels).into_iter();
        let muting = candidates.filter(|id| is_active(id) && self.matches(*id, labels));
        muting.take(ALERT_SILENCES_MAX).collect()
    }

    /// Has every alert compared with every silence anew: the clock has stepped, so what had expired may be in force.
    pub fn forget_comparisons(&mut self) {
        self.serial += CATCH_UP_MAX + 1;
    }

    /// Compares what was not yet compared. Returns false if more match than are remembered.
    fn catch_up(&self, seen: &mut Seen, labels: &Labels, now: Wall) -> bool {
        if seen.serial == self.serial {
            return true;
        }
        let lives = |id: &SilenceId| {
            self.state(*id, now).is_some_and(|state| state != SilenceState::Expired)
        };
        let changed = self.to_compare(seen, labels);
        // What has expired comes back only by a change.
        seen.matching.retain(|id| lives(id) && !changed.contains(id));
        for id in changed {
            if lives(&id) && self.matches(id, labels) {
                if seen.matching.len() == ALERT_SILENCES_MAX {
                    return false;
                }
                seen.matching.push(id);
            }
        }
        seen.matching.sort_unstable();
        seen.serial = self.serial;
        true
    }

    /// Those that were not compared and might match.
    fn to_compare(&self, seen: &mut Seen, labels: &Labels) -> Vec<SilenceId> {
        if self.serial - seen.serial <= CATCH_UP_MAX {
            return self.by_serial.range(seen.serial + 1..).map(|(_, id)| *id).collect();
        }
        seen.matching.clear();
        self.index.candidates(labels)
    }

    fn matches(&self, id: SilenceId, labels: &Labels) -> bool {
        self.get(id).is_some_and(|silence| silence.matchers.matches(labels, &mut 0))
    }

    fn state(&self, id: SilenceId, now: Wall) -> Option<SilenceState> {
        self.get(id).map(|silence| silence.state(now))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::testing::matchers;
    use crate::model::Silence;

    fn silence(id: u128, text: &str, starts: i64, ends: i64) -> Silence {
        Silence {
            id: SilenceId::from_bits(id),
            matchers: matchers(&[text]),
            starts_at: Wall::from_secs(starts),
            ends_at: Wall::from_secs(ends),
            updated_at: Wall::from_secs(0),
            created_by: "me".into(),
            comment: "".into(),
            annotations: Labels::empty(),
        }
    }

    fn labels() -> Labels {
        [("a", "b")].into_iter().collect()
    }

    fn ids(ids: &[u128]) -> Vec<SilenceId> {
        ids.iter().copied().map(SilenceId::from_bits).collect()
    }

    #[test]
    fn a_silence_is_compared_with_an_alert_once() {
        let (mut s, memo, now) = (Silences::default(), Memo::default(), Wall::from_secs(150));
        for id in 0..100 {
            s.replace(silence(id, if id < 3 { "a=~b.?" } else { "a=~c.?" }, 100, 200));
        }
        assert_eq!(s.muting(&labels(), &memo, now), ids(&[0, 1, 2]));
        let mut seen = memo.0.take();
        assert_eq!(s.to_compare(&mut seen, &labels()), ids(&[]));
        s.replace(silence(1, "a=~c.?", 100, 200));
        s.replace(silence(100, "a=b", 100, 200));
        assert_eq!(s.to_compare(&mut seen, &labels()), ids(&[1, 100]));
        memo.0.replace(seen);
        assert_eq!(s.muting(&labels(), &memo, now), ids(&[0, 2, 100]));
    }

    #[test]
    fn an_alert_that_very_many_match_is_muted_all_the_same() {
        let (mut s, memo, now) = (Silences::default(), Memo::default(), Wall::from_secs(150));
        let many = ALERT_SILENCES_MAX as u128 * 2;
        for id in 0..many {
            s.replace(silence(id, "a=~b.?", 100, if id < many / 2 { 120 } else { 200 }));
        }
        let found = s.muting(&labels(), &memo, Wall::from_secs(110));
        assert_eq!(found.len(), ALERT_SILENCES_MAX);
        assert_eq!(s.muting(&labels(), &memo, now), ids(&(many / 2..many).collect::<Vec<_>>()));
        assert!(s.muting(&labels(), &memo, Wall::from_secs(201)).is_empty());
    }

    #[test]
    fn what_had_expired_mutes_again_after_the_clock_has_gone_back() {
        let (mut s, memo) = (Silences::default(), Memo::default());
        s.replace(silence(1, "a=b", 100, 200));
        assert!(s.muting(&labels(), &memo, Wall::from_secs(300)).is_empty());
        s.forget_comparisons();
        assert_eq!(s.muting(&labels(), &memo, Wall::from_secs(150)), ids(&[1]));
    }

    proptest! {
        #[test]
        fn what_is_remembered_changes_nothing(
            steps in prop::collection::vec((0..6_u128, 0..4_usize, 0..20_i64, 0..20_i64), 1..200),
        ) {
            let (mut s, memo) = (Silences::default(), Memo::default());
            for (step, (id, kind, starts, lasts)) in (0_i64..).zip(steps) {
                let now = Wall::from_secs(step);
                match kind {
                    0 => { s.expire(SilenceId::from_bits(id), now).ok(); }
                    1 => { s.sweep(std::time::Duration::from_secs(5), now); }
                    kind => {
                        let text = ["a=b", "a=~b|c", "a=~b.?", "a=c"][usize::from(kind == 3) + 2 * usize::from(id > 3)];
                        s.replace(silence(id, text, step - 5 + starts, step - 5 + starts + lasts));
                    }
                }
                // Not at each step, so that there is something to catch up on.
                if step % 3 == 0 {
                    let found = s.muting(&labels(), &memo, now);
                    prop_assert_eq!(found, s.muting(&labels(), &Memo::default(), now));
                }
            }
        }
    }
}
