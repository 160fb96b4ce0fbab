//! Which silences mute an alert. Which match it is remembered with the alert, so that each pair is compared once and not at
//! every flush and every GET. To compare is work that can be done in parts.

use std::cell::{Ref, RefCell};
use std::ops::Range;
use std::time::Duration;

use crate::core::bits::Bits;
use crate::core::silences::{Serial, Silences};
use crate::limits::ALERT_SILENCES_MAX;
use crate::model::{Labels, Silence, SilenceId, SilenceState};
use crate::time::Wall;

/// With more changes than this since an alert was last compared, the index is asked which of them might match.
const CATCH_UP_MAX: Serial = 64;

/// The state that is stored with one alert.
#[derive(Debug, Default)]
pub struct Memo(RefCell<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Every silence up to this serial was compared.
    serial: Serial,
    /// Up to which serial silences are being compared, in which slot to go on, and how many of the conditions there are
    /// known to hold; nothing between two rounds.
    round: Option<Box<(Serial, usize, usize)>>,
    /// The slots of those that match. Silences that have left their slots since may be among them.
    matching: Bits,
}

/// The silences that were in force when that was asked last, by slot: thousands that have expired are kept for days.
#[derive(Debug, Default)]
pub(super) struct InForce {
    slots: Bits,
    /// While no silence begins or ends.
    times: Option<Range<Wall>>,
}

impl Silences {
    /// Compares an alert of these labels with the silences that it was not yet compared with, until `steps`, to which what is
    /// done is added, come to `most`. Returns whether all are compared; if not, the next call goes on. `memo` is the
    /// alert's own.
    pub fn compare(&self, labels: &Labels, memo: &Memo, steps: &mut u64, most: u64) -> bool {
        let seen = &mut *memo.0.borrow_mut();
        while seen.serial != self.serial {
            if *steps >= most {
                return false;
            }
            let round = seen.round.take().map(|it| *it);
            let (until, from, mut at) = round.unwrap_or_else(|| {
                let gone = |slot: &usize| self.in_slot(*slot).is_none_or(|it| it.0 > seen.serial);
                let gone: Vec<usize> = seen.matching.iter().filter(gone).collect();
                for slot in gone {
                    seen.matching.set(slot, false);
                }
                (self.serial, 0, 0)
            });
            let slots = self.to_compare(seen.serial, labels, steps);
            for slot in slots.into_iter().filter(|slot| *slot >= from) {
                // Of the slot where the last part ended.
                let mut at = if slot == from { std::mem::take(&mut at) } else { 0 };
                let Some((serial, silence)) = self.in_slot(slot) else { continue };
                if *serial <= seen.serial {
                    continue;
                }
                match silence.matchers.compare(labels, &mut at, steps, most) {
                    None => {
                        seen.round = Some(Box::new((until, slot, at)));
                        return false;
                    }
                    Some(true) => seen.matching.set(slot, true),
                    Some(false) => {}
                }
            }
            seen.serial = until;
        }
        true
    }

    /// The slots of the silences that came or were changed after `serial` and might match, sorted.
    fn to_compare(&self, serial: Serial, labels: &Labels, steps: &mut u64) -> Vec<usize> {
        if self.serial - serial <= CATCH_UP_MAX {
            let mut slots: Vec<usize> =
                self.by_serial.range(serial + 1..).map(|it| *it.1).collect();
            slots.sort_unstable();
            return slots;
        }
        self.index.candidates(labels, steps)
    }

    /// Whether a silence mutes an alert at `now`, of those that it was compared with.
    pub fn mutes(&self, memo: &Memo, now: Wall) -> bool {
        let (seen, in_force) = (memo.0.borrow(), self.in_force(now));
        self.compared(&seen, &in_force).next().is_some()
    }

    /// The silences that mute an alert at `now`, sorted: those among what it was compared with. Where many do,
    /// [`ALERT_SILENCES_MAX`] of them.
    pub fn muting(&self, memo: &Memo, now: Wall) -> Vec<SilenceId> {
        let (seen, in_force) = (memo.0.borrow(), self.in_force(now));
        let muting = self.compared(&seen, &in_force);
        let mut ids: Vec<SilenceId> = muting.map(|it| it.id).take(ALERT_SILENCES_MAX).collect();
        ids.sort_unstable();
        ids
    }

    /// The silences in force that match an alert. A silence that came into a slot later was not compared.
    fn compared(&self, seen: &Seen, in_force: &InForce) -> impl Iterator<Item = &Silence> {
        let slots = seen.matching.common(&in_force.slots).filter_map(|slot| self.in_slot(slot));
        slots.filter(|(serial, _)| *serial <= seen.serial).map(|(_, silence)| silence)
    }

    /// The silences in force at `now`: found anew when one came, changed, began or ended since the last time.
    fn in_force(&self, now: Wall) -> Ref<'_, InForce> {
        if !self.in_force.borrow().times.as_ref().is_some_and(|times| times.contains(&now)) {
            let known = &mut *self.in_force.borrow_mut();
            let (mut from, mut until) = (Wall::MIN, Wall::MAX);
            known.slots.clear();
            for (slot, it) in self.slots.iter().enumerate() {
                let Some((_, silence)) = it else { continue };
                // The last moment is one of those in which it mutes.
                for time in [silence.starts_at, silence.ends_at + Duration::from_nanos(1)] {
                    if time <= now {
                        from = from.max(time);
                    } else {
                        until = until.min(time);
                    }
                }
                if silence.state(now) == SilenceState::Active {
                    known.slots.set(slot, true);
                }
            }
            known.times = Some(from..until);
        }
        self.in_force.borrow()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::testing::matchers;

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

    impl Silences {
        fn muting_now(&self, memo: &Memo, now: Wall) -> Vec<SilenceId> {
            assert!(self.compare(&labels(), memo, &mut 0, u64::MAX));
            self.muting(memo, now)
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
        assert_eq!(s.muting_now(&memo, now), ids(&[0, 1, 2]));
        let to_compare = |s: &Silences| s.to_compare(memo.0.borrow().serial, &labels(), &mut 0);
        assert!(to_compare(&s).is_empty());
        s.replace(silence(1, "a=~c.?", 100, 200));
        s.replace(silence(100, "a=b", 100, 200));
        assert_eq!(to_compare(&s), [1, 100]);
        assert_eq!(s.muting_now(&memo, now), ids(&[0, 2, 100]));
    }

    #[test]
    fn a_text_that_very_many_match_is_compared_once_too() {
        let (mut s, memo) = (Silences::default(), Memo::default());
        let many = ALERT_SILENCES_MAX as u128 * 2;
        for id in 0..many {
            s.replace(silence(id, "a=~b.?", 100, if id < many / 2 { 120 } else { 200 }));
        }
        assert_eq!(s.muting_now(&memo, Wall::from_secs(110)).len(), ALERT_SILENCES_MAX);
        let mut steps = 0;
        assert!(s.compare(&labels(), &memo, &mut steps, 0));
        assert_eq!(steps, 0);
        let late = ids(&(many / 2..many).collect::<Vec<_>>());
        assert_eq!(s.muting(&memo, Wall::from_secs(150)), late);
        assert!(s.muting(&memo, Wall::from_secs(201)).is_empty());
    }

    #[test]
    fn to_compare_is_done_in_parts_and_each_part_counts() {
        let (mut s, memo, now) = (Silences::default(), Memo::default(), Wall::from_secs(150));
        for id in 0..1000 {
            s.replace(silence(
                id,
                if id % 100 == 99 { "a=~.?[bd].?" } else { "a=~.?[cd].?" },
                100,
                200,
            ));
        }
        let mut parts = 0;
        loop {
            let mut steps = 0;
            parts += 1;
            let done = s.compare(&labels(), &memo, &mut steps, 2000);
            assert!(steps < 2100, "{steps}");
            if done {
                break;
            }
            // Silences that change meanwhile are compared in a later round.
            s.replace(silence(0, "a=~b.?", 100, 200 + parts));
        }
        assert!(parts > 1);
        assert_eq!(s.muting(&memo, now), s.muting_now(&Memo::default(), now));
        assert_eq!(s.muting(&memo, now).len(), 11);
    }

    #[test]
    fn an_expired_silence_mutes_again_after_the_clock_has_gone_back() {
        let (mut s, memo) = (Silences::default(), Memo::default());
        s.replace(silence(1, "a=b", 100, 200));
        assert!(s.muting_now(&memo, Wall::from_secs(300)).is_empty());
        assert_eq!(s.muting_now(&memo, Wall::from_secs(150)), ids(&[1]));
    }

    #[test]
    fn silences_that_have_expired_are_looked_at_once_for_all_alerts() {
        let (mut s, memo) = (Silences::default(), Memo::default());
        for id in 0..1000 {
            s.replace(silence(id, "a=b", 100, if id < 999 { 120 } else { 200 }));
        }
        assert_eq!(s.muting_now(&memo, Wall::from_secs(150)), ids(&[999]));
        let after = |secs| Wall::from_secs(secs) + Duration::from_nanos(1);
        let times = Some(after(120)..after(200));
        assert_eq!(s.in_force.borrow().times, times, "until one ends, no silence is looked at");
        assert_eq!(s.in_force.borrow().slots.iter().collect::<Vec<_>>(), [999]);
        assert!(s.mutes(&memo, Wall::from_secs(199)) && !s.mutes(&memo, Wall::from_secs(201)));
        s.expire(SilenceId::from_bits(999), Wall::from_secs(160)).unwrap();
        assert!(!s.mutes(&memo, Wall::from_secs(170)));
    }

    proptest! {
        #[test]
        fn a_remembered_comparison_changes_nothing(
            steps in prop::collection::vec((0..6_u128, 0..4_usize, 0..20_i64, 0..20_i64), 1..200),
        ) {
            let (mut s, memo) = (Silences::default(), Memo::default());
            for (step, (id, kind, starts, lasts)) in (0_i64..).zip(steps) {
                let now = Wall::from_secs(step);
                match kind {
                    0 => { s.expire(SilenceId::from_bits(id), now).ok(); }
                    1 => { s.sweep(Duration::from_secs(5), now, 9_999); }
                    kind => {
                        let text = ["a=b", "a=~b|c", "a=~b.?", "a=c"][usize::from(kind == 3) + 2 * usize::from(id > 3)];
                        s.replace(silence(id, text, step - 5 + starts, step - 5 + starts + lasts));
                    }
                }
                // Not at each step, so that there is something to catch up on.
                if step % 3 == 0 {
                    let found = s.muting_now(&memo, now);
                    prop_assert_eq!(found, s.muting_now(&Memo::default(), now));
                }
            }
        }
    }
}
