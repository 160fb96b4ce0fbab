//! Senders whose clock is behind: each of their alerts has already ended when it comes, so Alertmanager never notifies. Here an
//! `endsAt` that moves on at the pace of time, but stays in the past, is treated as the end of a lease by a slow clock.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use log::warn;

use crate::core::step::Step;
use crate::limits::BEHIND_SENDERS_MAX;
use crate::model::duration::Spelled;
use crate::model::{Alert, Brief, Report};
use crate::time::{Mono, Now, Wall};

/// The annotation that says that an alert fires by our word and not by its sender's.
pub const MARK: &str = "bellwether_clock";
/// An end is a past one when it has passed for so long: less is the way of a report that ends an alert now.
const PAST: Duration = Duration::from_secs(60);
/// Reports in a shorter time say nothing of the pace of a clock.
const PACE_TIME: Duration = Duration::from_secs(1);

/// The state of an alert whose first report had ended when it came.
#[derive(Clone, Debug)]
pub struct Behind {
    /// When that one came.
    since: Wall,
    /// The end that was named last, by the clock of its sender.
    ends_at: Wall,
    /// When that came.
    at: Mono,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// It may be an alert that has ended.
    Unproved,
    /// It fires; this is its mark.
    Fires(String),
    /// It fired, and its sender ended it.
    Ended,
}

/// How a report is to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Its word holds.
    AsSaid,
    /// It fires, since then and with this mark, as long as reports go on.
    Fires(Wall, String),
    /// It ends now.
    Ends,
    /// It says what was said before.
    Repeats,
}

/// The log line about reports that had ended when they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateReport {
    /// The alert's name.
    name: String,
    /// How long before.
    by: Duration,
    /// Whether it is taken to fire.
    fires: bool,
}

/// Whether the end of a report has passed for longer than its way can have taken.
pub fn is_late(report: &Report<'_>, now: Now) -> bool {
    report.ends_at.is_some_and(|ends_at| ends_at + PAST < now.wall)
}

impl Behind {
    /// After the first report, of an alert that nobody knew.
    pub const fn new(ends_at: Wall, now: Now) -> Self {
        Self { since: now.wall, ends_at, at: now.mono, state: State::Unproved }
    }

    /// Of an alert that is known to fire by our word, after a restart or by another member.
    pub fn marked(alert: &Alert, ends_at: Wall, now: Now) -> Option<Self> {
        let mark = alert.annotations.get(MARK).filter(|_| !alert.resolved(now.wall))?;
        let state = State::Fires(mark.to_owned());
        // Before the end of this report, so that it moves on.
        let ends_at = ends_at - Duration::from_nanos(1);
        Some(Self { since: alert.starts_at, ends_at, at: now.mono, state })
    }

    /// Takes a further report of the alert, whose end has passed.
    pub fn hear(&mut self, ends_at: Wall, now: Now) -> Taken {
        if ends_at <= self.ends_at {
            let goes_back = ends_at < self.ends_at;
            (self.ends_at, self.at) = (ends_at, now.mono);
            return match self.state {
                State::Unproved => Taken::AsSaid,
                State::Fires(_) if goes_back => {
                    self.state = State::Ended;
                    Taken::Ends
                }
                State::Fires(_) | State::Ended => Taken::Repeats,
            };
        }
        let (passed, moved) = (now.mono.since(self.at), ends_at.since(self.ends_at));
        let fires = matches!(self.state, State::Fires(_));
        if passed < PACE_TIME && !fires {
            return self.unproved();
        }
        (self.ends_at, self.at) = (ends_at, now.mono);
        let at_pace = moved * 2 >= passed && moved <= passed * 2 + PACE_TIME;
        if !fires && !at_pace {
            return self.unproved();
        }
        if !fires {
            if self.state == State::Ended {
                self.since = now.wall;
            }
            self.state = State::Fires(mark(now.wall.since(ends_at)));
        }
        match &self.state {
            State::Fires(mark) => Taken::Fires(self.since, mark.clone()),
            State::Unproved | State::Ended => self.unproved(),
        }
    }

    /// Moves along with our clock when that steps.
    pub fn step(&mut self, step: Step) {
        self.since = step.time(self.since);
    }

    fn unproved(&self) -> Taken {
        if self.state == State::Unproved { Taken::AsSaid } else { Taken::Repeats }
    }
}

fn mark(by: Duration) -> String {
    let by = Spelled(Duration::from_secs(by.as_secs() / 60 * 60));
    format!("its sender's clock is {by} or more behind; taken to fire while its reports go on")
}

/// The report as it is taken.
pub fn as_taken<'a>(report: &Report<'a>, taken: Taken, now: Wall) -> Report<'a> {
    let mut report = report.clone();
    match taken {
        Taken::AsSaid | Taken::Repeats => {}
        Taken::Fires(since, mark) => {
            (report.starts_at, report.ends_at) = (Some(since), None);
            let (labels, mut annotations) = (report.labels, report.annotations);
            annotations.push((MARK.into(), mark.into()));
            return Report::new(labels, annotations, Some(since), None, report.generator_url);
        }
        Taken::Ends => (report.starts_at, report.ends_at) = (None, Some(now)),
    }
    report
}

impl LateReport {
    /// Of a report whose end has passed.
    pub fn new(report: &Report<'_>, now: Now, fires: bool) -> Self {
        let name = report.labels.iter().find(|(name, _)| name == "alertname");
        let by = now.wall.since(report.ends_at.unwrap_or(now.wall));
        Self { name: name.map_or(String::new(), |(_, value)| value.to_string()), by, fires }
    }
}

/// Senders that the log has been told of.
#[derive(Clone, Debug, Default)]
pub struct BehindSenders {
    told: VecDeque<(Option<IpAddr>, bool)>,
}

impl BehindSenders {
    /// Tells the log of a sender's late report, once for each sender, and once more when it is taken to fire.
    pub fn tell(&mut self, sender: Option<IpAddr>, late: &LateReport) {
        if !self.is_news(sender, late.fires) {
            return;
        }
        let who = sender.map_or_else(|| "somebody".to_owned(), |sender| sender.to_string());
        let (name, by) = (Brief(&late.name), Spelled(Duration::from_secs(late.by.as_secs())));
        if late.fires {
            warn!(
                "the clock of {who} is behind: the ends of its alerts move on and stay {by} in the past ({name}); they are taken to fire while its reports go on, and marked ({MARK}); set its clock"
            );
        } else {
            warn!(
                "{who} reports alerts that ended {by} ago and that nobody knew ({name}): nobody is told of them; if they fire, its clock is behind (told once a sender; bellwether_alerts_late_total counts them)"
            );
        }
    }

    fn is_news(&mut self, sender: Option<IpAddr>, fires: bool) -> bool {
        if self.told.contains(&(sender, fires)) {
            return false;
        }
        if self.told.len() >= BEHIND_SENDERS_MAX {
            self.told.pop_front();
        }
        self.told.push_back((sender, fires));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn now(secs: u64) -> Now {
        let wall = Wall::from_secs(100 * HOUR) + Duration::from_secs(secs);
        Now { mono: Mono::from_ms(secs * 1000), wall }
    }

    /// An end by a clock that is three hours behind.
    fn end(secs: i64) -> Wall {
        Wall::from_secs(97 * HOUR + secs)
    }

    fn fires(taken: &Taken) -> bool {
        matches!(taken, Taken::Fires(since, mark) if *since == now(0).wall && mark.contains("3h"))
    }

    #[test]
    fn an_end_that_moves_on_as_the_time_does_is_a_lease() {
        let mut it = Behind::new(end(-5), now(0));
        for n in 1..10_i64 {
            let taken = it.hear(end(n * 60 - 5), now(n.unsigned_abs() * 60));
            assert!(fires(&taken), "{n}: {taken:?}");
        }
    }

    #[test]
    fn an_end_that_goes_back_is_one_and_its_repeats_say_nothing() {
        let mut it = Behind::new(end(0), now(0));
        assert!(fires(&it.hear(end(60), now(60))));
        assert_eq!(it.hear(end(60), now(61)), Taken::Repeats);
        assert_eq!(it.hear(end(30), now(120)), Taken::Ends);
        assert_eq!(it.hear(end(30), now(180)), Taken::Repeats);
        assert_eq!(it.hear(end(600), now(240)), Taken::Repeats, "a jump is no pace");
        assert!(matches!(it.hear(end(660), now(300)), Taken::Fires(..)), "it fires again");
    }

    #[test]
    fn a_queue_that_is_emptied_proves_no_clock() {
        let mut it = Behind::new(end(0), now(0));
        for n in 1..100 {
            assert_eq!(it.hear(end(n * 60), now(n.unsigned_abs() / 20)), Taken::AsSaid, "{n}");
        }
    }

    #[test]
    fn an_end_that_stays_is_one() {
        let mut it = Behind::new(end(0), now(0));
        for n in 1..20 {
            assert_eq!(it.hear(end(0), now(n * 60)), Taken::AsSaid);
        }
    }

    #[test]
    fn each_sender_is_told_of_once() {
        let mut senders = BehindSenders::default();
        let sender = |n: u8| Some(IpAddr::from([10, 0, 0, n]));
        assert!(senders.is_news(sender(1), false) && !senders.is_news(sender(1), false));
        assert!(senders.is_news(sender(1), true) && senders.is_news(None, false));
        for n in 0..=u8::MAX {
            senders.is_news(sender(n), true);
        }
        assert_eq!(senders.told.len(), BEHIND_SENDERS_MAX);
    }
}
