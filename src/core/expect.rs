//! Expectations: signs of life that are to come again and again. One that stays away for its period is missing, and an alert
//! of ours says so ([`crate::node`] raises it).
//!
//! A sign is a ping under the expectation's name, or an alert that fires and matches. Each member of a flock knows those
//! that came to any: a sign is told to the flock at once, but no more often than four times a period.
//!
//! Flash gets the last sign together with other writes. A sign alone causes no write, but for one in each half of a long period:
//! such a period goes on after a restart. A short period begins anew, since the sign on flash may be old.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::box_map::BoxMap;
use crate::config::Expectation;
use crate::core::step::Step;
use crate::core::{Change, Core};
use crate::limits::{BEAT_TEXT_BYTES_MAX, PIECE_STEPS};
use crate::model::{Fingerprint, Labels, brief};
use crate::time::{Mono, Now, Wall};

/// How the names of their records begin.
const PREFIX: &str = "expect/";
/// The flock is told of signs so often in a period at most.
const TOLD_PER_PERIOD: u32 = 4;

/// A period that is longer than there may be power: it goes on after a restart.
const LONG: Duration = Duration::from_secs(6 * 3600);
/// After a restart whoever gives signs has so long to be heard.
const HEARD_WITHIN: Duration = Duration::from_secs(5 * 60);
/// With other records flash gets a sign if the one that it has is older by this part of the period, and by so much.
const KEPT_PART: u32 = 8;
const KEPT_EVERY: Duration = Duration::from_secs(10 * 60);

/// A sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// When it came.
    pub at: Wall,
    /// Whence: `a ping of 10.0.0.7`, or the labels of an alert.
    pub by: Arc<str>,
}

/// The state of an expectation.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When it is missing unless another sign comes.
    pub due: Mono,
    /// The last sign to any member.
    pub last: Option<Sign>,
    /// When it was first waited for.
    pub since: Wall,
    /// Whether it was missing when that was looked at last.
    pub missing: bool,
    period: Duration,
    /// Whether a sign has come since the start.
    is_heard: bool,
    /// The time of what flash has, and whether that is a sign; if not, one has been waited for since then.
    kept: Option<(Wall, bool)>,
    /// When the flock was told of a sign last.
    told: Option<Mono>,
    /// Whether the flock does not know the last sign yet.
    is_news: bool,
}

impl Seen {
    fn new(period: Duration, now: Now) -> Self {
        Self {
            due: now.mono + period,
            last: None,
            since: now.wall,
            missing: false,
            period,
            is_heard: false,
            kept: None,
            told: None,
            is_news: false,
        }
    }

    /// The time of the last sign; while there is none, that since which one is waited for.
    fn at(&self) -> Wall {
        self.last.as_ref().map_or(self.since, |it| it.at)
    }

    /// Whether flash is to get the last sign now.
    fn is_to_keep(&self, keep: Keep) -> bool {
        let at = self.at();
        let kept = self.kept.filter(|(_, is_sign)| *is_sign == self.last.is_some());
        let age = kept.map_or(Duration::MAX, |(kept, _)| at.since(kept));
        match keep {
            Keep::Alone => self.period >= LONG && age >= self.period / 2,
            Keep::WithOthers => age >= KEPT_EVERY.max(self.period / KEPT_PART),
            Keep::All => self.kept != Some((at, self.last.is_some())),
        }
    }

    /// When the flock is to be told.
    fn tell_at(&self) -> Option<Mono> {
        let after = |told| told + self.period / TOLD_PER_PERIOD;
        self.is_news.then(|| self.told.map_or(Mono::ZERO, after))
    }
}

/// Which signs flash is to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Those for which it is written though there is nothing else.
    Alone,
    /// Those that are worth their bytes.
    WithOthers,
    /// All: the process is about to stop.
    All,
}

/// The expectations of the config, by name.
#[derive(Debug, Default)]
pub struct Expected {
    seen: BoxMap<Arc<str>, Seen>,
    /// When they are to be looked at.
    look: Option<Mono>,
    /// Alerts that take long to compare with what is expected, and how far each is compared.
    late: BTreeMap<Fingerprint, Comparing>,
    /// Names that flash has, and that are expected no more.
    gone: Vec<Arc<str>>,
}

/// How far an alert is compared with the expectations.
#[derive(Debug)]
struct Comparing {
    labels: Labels,
    /// The expectation that is being compared.
    expectation: usize,
    /// How many of its conditions are known to hold.
    condition: usize,
}

impl Expected {
    /// The state of an expectation.
    pub fn get(&self, name: &str) -> Option<&Seen> {
        self.seen.get(name)
    }

    /// Whether alerts are still to be compared with them.
    pub(super) fn is_at_work(&self) -> bool {
        !self.late.is_empty()
    }

    /// When they are to be looked at, or the flock is to be told.
    pub fn next(&self) -> Option<Mono> {
        self.look.into_iter().chain(self.seen.values().filter_map(Seen::tell_at)).min()
    }

    /// Moves all times along when the clock steps.
    pub(super) fn step(&mut self, step: Step) {
        for seen in self.seen.values_mut() {
            let times = seen.last.as_mut().map(|it| &mut it.at).into_iter();
            let times = times.chain(seen.kept.as_mut().map(|it| &mut it.0));
            let times = times.chain([&mut seen.since]);
            times.for_each(|at| *at = step.time(*at));
        }
    }

    /// The signs that flash is to get now; the names that it is to forget have none.
    pub fn take_signs(&mut self, keep: Keep) -> Vec<(Arc<str>, Option<Sign>)> {
        let mut signs = Vec::new();
        for (name, seen) in self.seen.iter_mut().filter(|(_, it)| it.is_to_keep(keep)) {
            seen.kept = Some((seen.at(), seen.last.is_some()));
            signs.push((Arc::clone(name), Some(kept(seen))));
        }
        if keep != Keep::Alone {
            signs.extend(std::mem::take(&mut self.gone).into_iter().map(|name| (name, None)));
        }
        signs
    }

    /// The signs that flash has, as they are now.
    pub fn signs(&self) -> impl Iterator<Item = (&Arc<str>, Sign)> {
        let signs = self.seen.iter().filter(|(_, it)| it.kept.is_some());
        signs.map(|(name, seen)| (name, kept(seen)))
    }
}

/// The sign for flash: one of nobody says since when one is waited for.
fn kept(seen: &Seen) -> Sign {
    let by = seen.last.as_ref().map_or_else(|| "".into(), |it| Arc::clone(&it.by));
    Sign { at: seen.at(), by }
}

impl Core {
    /// The expectations.
    pub const fn expected(&self) -> &Expected {
        &self.expected
    }

    /// The same, of which flash is to get some.
    pub const fn expected_mut(&mut self) -> &mut Expected {
        &mut self.expected
    }

    /// Takes back a sign that flash has kept, unless a later one has come.
    pub fn restore_sign(&mut self, now: Now, name: &str, sign: Sign) {
        let Some(seen) = self.expected.seen.get_mut(name) else {
            self.expected.gone.push(name.into());
            return;
        };
        let at = sign.at.min(now.wall);
        seen.kept = Some((at, !sign.by.is_empty()));
        if seen.is_heard {
            return;
        }
        if sign.by.is_empty() {
            seen.since = at;
        } else {
            seen.last = Some(Sign { at, ..sign });
        }
        if seen.period >= LONG {
            let left = seen.period.saturating_sub(now.wall.since(at));
            seen.due = now.mono + left.max(HEARD_WITHIN);
        }
    }

    /// Begins to wait for what the config expects, and goes on where that was expected before.
    pub(super) fn expect(&mut self, now: Now) {
        let mut before = std::mem::take(&mut self.expected.seen);
        for Expectation { name, period, .. } in &self.config.expect {
            let known = before.remove(name).filter(|it| it.period == *period);
            let seen = known.unwrap_or_else(|| Seen::new(*period, now));
            self.expected.seen.insert(Arc::clone(name), seen);
        }
        let gone = before.into_iter().filter(|(_, it)| it.kept.is_some()).map(|(name, _)| name);
        self.expected.gone.extend(gone);
        for comparing in self.expected.late.values_mut() {
            (comparing.expectation, comparing.condition) = (0, 0);
        }
        self.look_at_expected(now.mono);
    }

    /// Sees to it that they are looked at by then.
    pub fn look_at_expected(&mut self, by: Mono) {
        let look = self.expected.look.map_or(by, |at| at.min(by));
        self.expected.look = Some(look).filter(|_| !self.expected.seen.is_empty());
    }

    /// Takes note of a ping. Returns whether one of this name is expected.
    pub fn handle_ping(&mut self, now: Now, name: &str, by: &str) -> bool {
        let is_expected = self.expected.seen.contains_key(name);
        if is_expected {
            self.meet(now, name, by);
        }
        is_expected
    }

    /// Takes note of an alert that fires, if it is expected. Adds what it took to `steps`; once they come to
    /// [`PIECE_STEPS`] the rest is left to [`Core::meet_late`].
    pub(super) fn meet_by(&mut self, now: Now, labels: &Labels, steps: &mut u64) {
        if self.config.expect.is_empty() {
            return;
        }
        let comparing = Comparing { labels: labels.clone(), expectation: 0, condition: 0 };
        if let Some(late) = self.compare_expected(now, comparing, steps) {
            self.expected.late.entry(labels.fingerprint()).or_insert(late);
        }
    }

    /// Goes on with the alerts that take long to compare with what is expected, until `steps` come to [`PIECE_STEPS`].
    pub(super) fn meet_late(&mut self, now: Now, steps: &mut u64) {
        while *steps < PIECE_STEPS
            && let Some((fingerprint, comparing)) = self.expected.late.pop_first()
        {
            if let Some(late) = self.compare_expected(now, comparing, steps) {
                self.expected.late.insert(fingerprint, late);
            }
        }
    }

    /// Compares an alert with what is expected. Returns how far, if `steps` come to [`PIECE_STEPS`] before the end.
    fn compare_expected(
        &mut self,
        now: Now,
        mut comparing: Comparing,
        steps: &mut u64,
    ) -> Option<Comparing> {
        let config = Arc::clone(&self.config);
        let Comparing { labels, expectation, condition } = &mut comparing;
        while let Some(Expectation { name, matchers, .. }) = config.expect.get(*expectation) {
            if !matchers.is_empty() {
                match matchers.compare(labels, condition, steps, PIECE_STEPS) {
                    None => return Some(comparing),
                    Some(true) => self.meet(now, name, &labels.to_string()),
                    Some(false) => {}
                }
            }
            (*expectation, *condition) = (*expectation + 1, 0);
        }
        None
    }

    fn meet(&mut self, now: Now, name: &str, by: &str) {
        let Some(seen) = self.expected.seen.get_mut(name) else { return };
        let by = brief::cut(by, BEAT_TEXT_BYTES_MAX).into();
        seen.last = Some(Sign { at: now.wall, by });
        seen.due = now.mono + seen.period;
        (seen.is_heard, seen.is_news) = (true, true);
        if seen.missing {
            self.look_at_expected(now.mono);
        }
        self.tell_signs(now);
    }

    /// Takes a sign of life that came to another member, or that another has told of the flock.
    pub fn merge_beat(&mut self, now: Now, name: &str, at: Wall, said: &str) {
        let Some(name) = name.strip_prefix(PREFIX) else {
            self.merge_heartbeat(now, name, at, said);
            return;
        };
        let Some(seen) = self.expected.seen.get_mut(name) else { return };
        let at = at.min(now.wall);
        let known = seen.last.as_ref().map(|it| it.at);
        if known > Some(at) || (known == Some(at) && seen.is_heard) {
            return;
        }
        let left = seen.period.saturating_sub(now.wall.since(at));
        seen.last = Some(Sign { at, by: said.into() });
        seen.due = now.mono + left;
        seen.is_heard = true;
        (seen.told, seen.is_news) = (Some(now.mono), false);
        self.look_at_expected(now.mono);
    }

    /// Tells the flock of signs that it does not know, as often as it is to be told.
    pub fn tell_signs(&mut self, now: Now) {
        for (name, seen) in self.expected.seen.iter_mut() {
            if seen.tell_at().is_none_or(|at| at > now.mono) {
                continue;
            }
            (seen.told, seen.is_news) = (Some(now.mono), false);
            let Some(Sign { at, by }) = &seen.last else { continue };
            self.changes.push(Change::Beat {
                name: format!("{PREFIX}{name}").into(),
                at: *at,
                said: Arc::clone(by),
                period: seen.period,
            });
        }
    }

    /// Notes which are missing by now: those whose period has passed, and those that `fires` says were before the start,
    /// unless a sign has come since. Returns their names; they are looked at again after `again` at the latest.
    pub fn note_missing(
        &mut self,
        now: Mono,
        again: Duration,
        fires: impl Fn(&Expectation) -> bool,
    ) -> Vec<Arc<str>> {
        let mut missing = Vec::new();
        for expectation in &self.config.expect {
            let Some(seen) = self.expected.seen.get_mut(&expectation.name) else { continue };
            seen.missing = seen.due <= now || (!seen.is_heard && fires(expectation));
            if seen.missing {
                missing.push(Arc::clone(&expectation.name));
            }
        }
        let wait = |seen: &Seen| if seen.missing { now + again } else { seen.due };
        self.expected.look = self.expected.seen.values().map(wait).min();
        missing
    }
}
