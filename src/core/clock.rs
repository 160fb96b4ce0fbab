//! Clocks differ and step: a gateway without a battery boots in 1970 or last week and learns the time later, and the clocks
//! of two members may be minutes apart. Every node keeps all times by its own clock as it is now; what comes from another
//! clock, be it another member's or its own before a step, is moved on its way in. So an alert of a minute ago is still
//! one of a minute ago.

use std::rc::Rc;

use log::warn;

use crate::core::Core;
use crate::core::deliver::content::Content;
use crate::core::deliver::delivery::Delivery;
use crate::core::fill::Filling;
use crate::core::step::Step;
use crate::time::{Now, SET_SINCE, Wall};

/// Watches a wall clock against the one that never steps.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    last: Now,
}

impl Watch {
    /// Begins to watch.
    pub const fn new(now: Now) -> Self {
        Self { last: now }
    }

    /// Looks again: from what the clock should show to what it does, if it has stepped.
    pub fn look(&mut self, now: Now) -> Option<Step> {
        let expected = self.last.wall + now.mono.since(self.last.mono);
        self.last = now;
        Some(Step::new(expected, now.wall)).filter(|step| *step != Step::NONE)
    }
}

/// The last time that the clock showed before a restart. No time passes while it is not known how much: that is so if the clock
/// has gone back, and for what was written while it was not set.
#[derive(Clone, Copy, Debug, Default)]
pub struct LastShown {
    unset: Wall,
    set: Wall,
}

impl LastShown {
    /// Takes note of when something was written.
    pub fn see(&mut self, written: Wall) {
        let last = if written < SET_SINCE { &mut self.unset } else { &mut self.set };
        *last = written.max(*last);
    }

    /// From the clock by which something was written to that of `now`.
    pub fn step(self, written: Wall, now: Wall) -> Step {
        match written < SET_SINCE {
            true => Step::new(self.unset, now),
            false if now < self.set => Step::new(self.set, now),
            false => Step::NONE,
        }
    }
}

impl Core {
    /// Says whether somebody has set the wall clock since the boot. Until then no time interval holds: in doubt it notifies.
    pub fn handle_calendar(&mut self, now: Now, is_set: bool) {
        if self.has_calendar != is_set {
            self.has_calendar = is_set;
            self.declare_anew(now);
        }
    }

    /// The time that time intervals are compared with; none while none is known.
    pub fn calendar(&self, now: Wall) -> Option<Wall> {
        (self.has_calendar && now >= SET_SINCE).then_some(now)
    }

    /// Sees whether the wall clock has stepped since the last input, and moves all that is held by the old time.
    pub fn handle_clock(&mut self, now: Now) -> Option<Step> {
        let step = self.watch.look(now)?;
        warn!("the clock stepped from {} to {}: what is held is moved along", step.from, step.to);
        self.alerts.step(step);
        self.silences.for_each(|silence| step.silence(silence));
        self.nflog.for_each(|entry| step.entry(entry));
        self.expected.step(step);
        self.owed.step(step);
        self.budgets.step(step);
        self.heartbeats.step(step);
        self.history.step(step);
        self.failing.step(step);
        self.declare_anew(now);
        self.groups.for_each(|group| {
            group.first_flush = step.time(group.first_flush);
            if let Some(flush) = &mut group.flush {
                flush.tick.wall = step.time(flush.tick.wall);
                for flushed in flush.alerts_mut() {
                    step.alert(Rc::make_mut(&mut flushed.alert));
                }
                step_contents(step, &mut flush.deliveries);
            }
        });
        let kept = self.filling.iter_mut().flat_map(Filling::times);
        self.first_flushes.values_mut().chain(kept).for_each(|first| *first = step.time(*first));
        Some(step)
    }
}

/// Most deliveries of a flush share their content, and go on to.
fn step_contents(step: Step, deliveries: &mut [Delivery]) {
    let mut last: Option<(Rc<Content>, Rc<Content>)> = None;
    for delivery in deliveries {
        let before = Rc::clone(&delivery.content);
        delivery.content = match &last {
            Some((old, new)) if Rc::ptr_eq(old, &before) => Rc::clone(new),
            _ => {
                let mut content = Content::clone(&before);
                content.alerts.iter_mut().for_each(|it| step.alert(Rc::make_mut(&mut it.alert)));
                Rc::new(content)
            }
        };
        last = Some((before, Rc::clone(&delivery.content)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Mono;

    const DAY: i64 = 24 * 3600;

    #[test]
    fn a_step_is_told_from_time_that_passes() {
        let at =
            |ms: u64, wall_ms: i64| Now { mono: Mono::from_ms(ms), wall: Wall::from_ms(wall_ms) };
        let mut watch = Watch::new(at(0, 1000));
        assert_eq!(watch.look(at(60_000, 61_000)), None);
        assert_eq!(watch.look(at(120_000, 122_900)), None, "drift");
        let there = watch.look(at(120_001, 1_000_122_901)).unwrap();
        assert_eq!(there.time(Wall::from_ms(122_901)), Wall::from_ms(1_000_122_901));
        assert_eq!(watch.look(at(120_002, 1_000_122_902)), None);
        assert!(watch.look(at(120_003, 122_903)).is_some());
    }

    #[test]
    fn times_learnt_from_a_right_clock_stay_when_the_own_clock_is_set() {
        let at = Wall::from_secs;
        let set = 21_000 * DAY;
        let step = Step::new(at(60), at(set));
        assert_eq!(step.time(at(50)), at(set - 10), "told by ours");
        assert_eq!(step.time(at(60 + DAY)), at(set + DAY));
        assert_eq!(step.time(at(set + DAY)), at(set + DAY), "told by a right one");
        let back = Step::new(at(set), at(60));
        assert_eq!(back.time(at(set - 10)), at(50));
        let near = Step::new(at(set), at(set + 300));
        assert_eq!(near.time(at(set + DAY)), at(set + DAY + 300), "both are set");
    }

    #[test]
    fn a_restart_is_a_step_for_records_of_an_unset_or_later_clock() {
        let at = Wall::from_secs;
        let set = 21_000 * DAY;
        let mut shown = LastShown::default();
        for secs in [60, 100, set, set + 50] {
            shown.see(at(secs));
        }
        let of = |written, now| shown.step(at(written), at(now)).time(at(written));
        assert_eq!(of(60, set + 90), at(set + 50));
        assert_eq!(of(60, 10), at(-30));
        assert_eq!(of(set, set + 90), at(set), "time has passed");
        assert_eq!(of(set, 10), at(-40));
        assert_eq!(of(set, set + 20), at(set - 30));
    }
}
