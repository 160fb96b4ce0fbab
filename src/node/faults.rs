//! Faults of this node itself, each under the name of the alert of our own that tells of it: a clock that is not set or has
//! stepped, flash that wears, a flock that is split, a certificate that ends, a config that was not taken.

use std::time::Duration;

use log::{info, warn};

use crate::core::step::Step;
use crate::effect::Cx;
use crate::limits::{
    CARD_ENDURANCE_BYTES, CERTIFICATE_END_TIME, CERTIFICATES_MAX, CLOCK_STEP_MIN, CLOCK_STEP_TIME,
    CLOCK_UNSET_TIME, FLASH_DAYS_MIN, FLOCK_SPLIT_TIME, OWN_ALERTS_OF_A_KIND_MAX,
};
use crate::model::own::{
    CERTIFICATE_ENDS, CLOCK_STEPPED, CLOCK_UNSET, CONFIG_REJECTED, FLASH_WEARING, FLOCK_SPLIT,
    OWED_CUT,
};
use crate::model::{Brief, Trouble, Word};
use crate::node::Node;
use crate::node::own::Wanted;
use crate::store::card_days;
use crate::time::{Mono, Now, SET_SINCE, Wall};

/// The name of its alert, and its object, if there can be several.
pub(super) type Fault = (&'static str, String);

/// From when to when a certificate is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Where it stands: the path of its file, or the key of the config.
    pub what: String,
    /// When it begins.
    pub begins: Wall,
    /// When it ends.
    pub ends: Wall,
}

impl Node {
    /// Takes note that a changed config was not taken, and why, or that it was.
    pub fn handle_rejected(&mut self, cx: &mut Cx<'_>, why: Option<&str>) {
        self.note_fault(cx.now, CONFIG_REJECTED, "", why);
        self.look_around(cx);
    }

    /// Takes note of how many commits the journal has made in how long.
    pub fn handle_wear(&mut self, cx: &mut Cx<'_>, commits: u64, age: Duration) {
        let hours = (age.as_secs() / 3600).max(24);
        let days = card_days(CARD_ENDURANCE_BYTES, commits * 24 / hours);
        let days = days.filter(|it| *it < FLASH_DAYS_MIN);
        let why = days.map(|days| {
            format!("{commits} commits in {hours} h: at this pace a card lasts for {days} days")
        });
        self.note_fault(cx.now, FLASH_WEARING, "", why.as_deref());
        self.look_around(cx);
    }

    /// Takes note of when the certificates end that the config names.
    pub fn handle_certificates(&mut self, cx: &mut Cx<'_>, all: &[Validity]) {
        let known = self.around.ours.lasting().map(|(it, _)| it.clone());
        let gone = known.filter(|(name, what)| {
            *name == CERTIFICATE_ENDS && all.iter().all(|it| it.what != *what)
        });
        for (name, what) in gone.collect::<Vec<_>>() {
            self.note_fault(cx.now, name, &what, None);
        }
        for it in all.iter().take(CERTIFICATES_MAX) {
            let Validity { what, begins, ends } = it;
            let soon = CERTIFICATE_END_TIME.min(ends.since(*begins) / 4);
            let why = (ends.since(cx.now.wall) < soon).then(|| {
                let word = if *ends > cx.now.wall { "ends" } else { "has ended" };
                format!("the certificate in {what} {word} at {ends}")
            });
            self.note_fault(cx.now, CERTIFICATE_ENDS, what, why.as_deref());
        }
        self.look_around(cx);
    }

    /// Takes note of whether the wall clock is synchronised.
    pub(super) fn note_synced(&mut self, now: Now, synced: bool) {
        let why = (!synced).then_some("the wall clock is not synchronised: times may be wrong");
        self.note_fault(now, CLOCK_UNSET, "", why);
    }

    /// Takes note of a step of the wall clock. That of a clock that nobody had set is its setting.
    pub(super) fn note_step(&mut self, now: Now, step: Step) {
        let (from, to) = (step.from, step.to);
        let was_set = from >= SET_SINCE && self.fault(CLOCK_UNSET).is_none();
        let has_settled = now.mono.since(Mono::ZERO) >= CLOCK_UNSET_TIME;
        if was_set && has_settled && step.size() >= CLOCK_STEP_MIN {
            let why = format!("the clock stepped from {from} to {to}, though it was set");
            self.note_fault(now, CLOCK_STEPPED, "", Some(&why));
        }
    }

    /// Looks whether half of the flock was lost at once, and whether it is back.
    pub(super) fn note_split(&mut self, now: Now) {
        let down = self.around.down.lasting();
        let lost: Vec<Wall> = down.filter_map(|(it, _)| self.around.members.gone(*it)).collect();
        let living = self.gossip.as_ref().map_or(0, |it| it.living().len());
        let all = lost.len() + living + 1;
        let last = lost.iter().max().copied().unwrap_or(Wall::EPOCH);
        let lasts = self.fault(FLOCK_SPLIT).is_some();
        let at_once = |it: &&Wall| lasts || last.since(**it) <= FLOCK_SPLIT_TIME;
        let count = lost.iter().filter(at_once).count();
        let why = (count >= 2 && count * 2 >= all).then(|| {
            format!("{count} of the flock's {all} members were lost at once: each side notifies")
        });
        self.note_fault(now, FLOCK_SPLIT, "", why.as_deref());
    }

    /// Ends what ends by itself.
    pub(super) fn sweep_faults(&mut self, now: Now) {
        let is_over = |it: &Trouble| now.mono.since(it.last) >= CLOCK_STEP_TIME;
        if self.fault(CLOCK_STEPPED).is_some_and(is_over) {
            self.note_fault(now, CLOCK_STEPPED, "", None);
        }
        self.around.ours.sweep(now.mono);
    }

    fn fault(&self, name: &'static str) -> Option<&Trouble> {
        self.around.ours.get(&(name, String::new()))
    }

    /// Takes note that something is wrong, and why, or that it is not.
    fn note_fault(&mut self, now: Now, name: &'static str, what: &str, why: Option<&str>) {
        let fault = (name, what.to_owned());
        // Others have logged these.
        let is_said = ![CLOCK_STEPPED, CLOCK_UNSET, CONFIG_REJECTED].contains(&name);
        let lasts = self.around.ours.get(&fault).is_some();
        match why {
            Some(why) => match self.around.ours.strike(&fault, why, now) {
                Some((Word::Begins, _)) if is_said => warn!("{}", Brief(why)),
                Some((Word::Lasts, it)) if is_said => {
                    warn!("for {}: {}", it.age(now.mono), Brief(why));
                }
                _ => {}
            },
            None => match self.around.ours.end(&fault, now.mono) {
                Some(it) if is_said => info!("over after {}: {}", it.age(now.mono), Brief(&it.why)),
                _ => {}
            },
        }
        if lasts != why.is_some() {
            self.look_soon(now.mono);
        }
    }

    /// The alerts of this node's own faults that are to fire.
    pub(super) fn wanted_of_us(&self, now: Mono, instance: &str) -> Vec<Wanted> {
        let wanted = |name: &str, more: Option<(&'static str, &str)>, summary: String| {
            let labels = [("alertname", name), ("instance", instance), ("severity", "warning")];
            let labels = labels.into_iter().chain(more);
            let labels = labels.map(|(name, value)| (name, value.to_owned())).collect();
            Wanted { labels, summary, ours: true }
        };
        let is_due = |name: &str, it: &Trouble| {
            name != CLOCK_UNSET || now.since(it.since) >= CLOCK_UNSET_TIME
        };
        let faults = self.around.ours.lasting().filter(|((name, _), it)| is_due(name, it));
        let max = OWN_ALERTS_OF_A_KIND_MAX;
        let mut faults: Vec<Wanted> = faults
            .take(max)
            .map(|((name, what), it)| match *name {
                CERTIFICATE_ENDS => {
                    wanted(name, Some(("certificate", what)), format!("Renew it: {}", it.why))
                }
                CONFIG_REJECTED => {
                    let text = "The config was not taken, the former one stays";
                    wanted(name, None, format!("{text}: {}", it.why))
                }
                _ => wanted(name, None, it.why.clone()),
            })
            .collect();
        let cut = self.core.owed().cut().into_iter().take(max);
        faults.extend(cut.map(|(receiver, count)| {
            let summary = format!(
                "{receiver} was not reached for so long that alerts that came and went are only counted: {count} so far"
            );
            wanted(OWED_CUT, Some(("receiver", receiver)), summary)
        }));
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::testing::World;
    use crate::time::ClockTrust;

    const KEY: Option<[u8; 32]> = Some([7; 32]);
    const HOUR: Duration = Duration::from_secs(3600);

    fn wears(world: &mut World, commits: u64, age: Duration) {
        world.step(0, |node, cx| node.handle_wear(cx, commits, age));
    }

    #[test]
    fn a_config_that_is_not_taken_is_an_alert_until_one_is() {
        let mut world = World::new(&[None]);
        world.step(0, |node, cx| node.handle_rejected(cx, Some("line 3: no receiver")));
        world.pass(600);
        assert_eq!(world.firing(0), [CONFIG_REJECTED]);
        assert_eq!(world.troubles(0), [(CONFIG_REJECTED, String::new())]);
        let summary = world.nodes[0].alerts().next().unwrap().1.annotations.clone();
        assert!(summary.get("summary").unwrap().ends_with("line 3: no receiver"), "{summary}");
        world.step(0, |node, cx| node.handle_rejected(cx, None));
        assert_eq!((world.firing(0).len(), world.troubles(0).len()), (0, 0));
    }

    #[test]
    fn flash_that_wears_out_within_a_year_is_an_alert_while_it_does() {
        // 8 TB are 2,000,000 writes of 4 MB: 5,479 a day for a year.
        let mut world = World::new(&[None]);
        wears(&mut world, 5_479, HOUR);
        assert_eq!(world.firing(0), Vec::<String>::new());
        wears(&mut world, 5_480, HOUR);
        assert_eq!(world.firing(0), [FLASH_WEARING], "on its first day");
        wears(&mut world, 5_480, HOUR * 20);
        assert_eq!(world.firing(0), [FLASH_WEARING], "the same, and no further alert");
        wears(&mut world, 5_300, HOUR * 48);
        assert_eq!((world.firing(0).len(), world.troubles(0).len()), (0, 0), "at another pace");
    }

    #[test]
    fn a_clock_that_is_not_set_for_minutes_is_an_alert_until_it_is() {
        let mut world = World::new(&[None]);
        for minute in 0..20 {
            world.step(0, |node, cx| node.handle_synced(cx, ClockTrust::Unset));
            let is_due = minute >= 15;
            assert_eq!(world.firing(0).len(), usize::from(is_due), "after {minute} min");
            world.pass(60);
        }
        assert_eq!(world.troubles(0), [(CLOCK_UNSET, String::new())]);
        world.step(0, |node, cx| node.handle_synced(cx, ClockTrust::Synced));
        world.pass(1);
        assert_eq!((world.firing(0).len(), world.troubles(0).len()), (0, 0));
    }

    #[test]
    fn a_step_of_a_clock_that_was_set_is_an_alert_for_some_minutes() {
        let steps = |world: &mut World, secs: u64| {
            world.now.wall = world.now.wall + Duration::from_secs(secs);
            world.step(0, Node::handle_timeout);
            world.pass(1);
            world.firing(0).len()
        };
        let mut world = World::new(&[None]);
        assert_eq!(steps(&mut world, 3600), 0, "soon after the boot");
        world.pass(900);
        assert_eq!((steps(&mut world, 50), steps(&mut world, 70)), (0, 1));
        assert_eq!(world.firing(0), [CLOCK_STEPPED]);
        world.pass(15 * 60 + 60);
        assert_eq!((world.firing(0).len(), world.troubles(0).len()), (0, 0));
        world.step(0, |node, cx| node.handle_synced(cx, ClockTrust::Unset));
        assert_eq!(steps(&mut world, 3600), 0, "one that nobody had set");
    }

    #[test]
    fn half_of_a_flock_that_is_lost_at_once_is_an_alert_until_most_are_back() {
        let mut world = World::new(&[KEY; 4]);
        world.pass(30);
        world.dead = vec![3];
        world.pass(200);
        assert!(!world.firing(0).contains(&FLOCK_SPLIT.to_owned()), "one alone is down");
        world.dead = vec![2, 3];
        world.pass(200);
        assert!(world.firing(0).contains(&FLOCK_SPLIT.to_owned()), "{:?}", world.firing(0));
        world.dead.clear();
        world.pass(200);
        assert!(!world.firing(0).contains(&FLOCK_SPLIT.to_owned()), "{:?}", world.firing(0));
    }

    #[test]
    fn a_certificate_that_ends_soon_is_an_alert_until_it_is_renewed() {
        let mut world = World::new(&[None]);
        let day = HOUR * 24;
        let now = world.now.wall;
        let of = |what: &str, age: u32, left: u32| {
            let (begins, ends) = (now - day * age, now + day * left);
            Validity { what: what.to_owned(), begins, ends }
        };
        let look = |world: &mut World, all: &[Validity]| {
            world.step(0, |node, cx| node.handle_certificates(cx, all));
            let troubles = world.troubles(0).into_iter().map(|it| it.1);
            troubles.collect::<Vec<_>>()
        };
        let all = [of("a", 76, 14), of("b", 77, 13), of("c", 5, 2), of("d", 6, 1)];
        assert_eq!(
            look(&mut world, &all),
            ["b", "d"],
            "a short life is told of in its last quarter"
        );
        assert_eq!(world.firing(0), [CERTIFICATE_ENDS; 2]);
        assert_eq!(look(&mut world, &[of("b", 0, 90)]), Vec::<String>::new(), "renewed, and gone");
        assert_eq!(world.firing(0), Vec::<String>::new());
        let many: Vec<_> = (0..80).map(|it| of(&format!("{it:02}"), 80, 1)).collect();
        assert_eq!(look(&mut world, &many).len(), CERTIFICATES_MAX);
        assert_eq!(world.firing(0).len(), OWN_ALERTS_OF_A_KIND_MAX);
    }
}
