//! Inhibition: while a source alert fires, target alerts that equal it on certain labels are muted.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::config::InhibitRule;
use crate::core::alerts::{AlertEntry, Alerts};
use crate::core::bits::Bits;
use crate::core::index::MatcherIndex;
use crate::core::targets::{Looked, Targets};
use crate::limits::INHIBIT_SOURCES_MAX;
use crate::model::{Fingerprint, Labels};
use crate::time::Wall;

/// The steps to look whether a source fires.
const SOURCE_STEPS: u64 = 25;

/// The steps to find the sources of a rule that equal an alert on its labels.
const EQUAL_STEPS: u64 = 70;

/// Every rule with its sources. A rule keeps all sources of equal labels, not one: when one of them ends, the others
/// still mute.
#[derive(Debug, Default)]
pub struct Inhibitor {
    rules: Vec<Rule>,
    by_source: MatcherIndex<usize>,
    by_target: MatcherIndex<usize>,
    /// The rules that have sources.
    with_sources: Bits,
    /// Of which rules each alert is a source, and its values of their equal labels.
    by_alert: BTreeMap<Fingerprint, Vec<(usize, Fingerprint)>>,
    /// The sources of all rules.
    sources: usize,
    /// How many times a source has come.
    revision: u64,
}

/// How far it was found of which rules an alert is a source.
#[derive(Debug, Default)]
pub struct Adding {
    /// The rule that is being compared.
    rule: usize,
    /// How many conditions of its source side are known to hold, and of its target side.
    source: usize,
    target: usize,
}

#[derive(Debug)]
struct Rule {
    config: InhibitRule,
    /// Known alerts that match the source side, by their values of the equal labels.
    sources: BTreeMap<Fingerprint, Sources>,
}

/// The sources of a rule with equal labels.
#[derive(Debug, Default)]
struct Sources {
    /// Each, and whether it also matches the target side; sorted.
    all: Vec<(Fingerprint, bool)>,
    found: Cell<Option<Found>>,
}

/// Which of some sources fired when that was looked at.
#[derive(Clone, Copy, Debug)]
struct Found {
    revision: u64,
    at: Wall,
    /// The first of all.
    first: Option<Fingerprint>,
    /// The first that does not also match the target side.
    first_one_sided: Option<Fingerprint>,
}

impl Rule {
    /// A missing label equals an empty one.
    fn equal_values(&self, labels: &Labels) -> Fingerprint {
        let value = |name| labels.get(name).unwrap_or("");
        Fingerprint::of(self.config.equal.iter().map(|name| (&**name, value(name))))
    }
}

impl Sources {
    fn place(&self, fingerprint: Fingerprint) -> Result<usize, usize> {
        self.all.binary_search_by_key(&fingerprint, |it| it.0)
    }

    /// The first source that fires at `now`. The source of the last time is asked first: thousands may have ended.
    fn firing(
        &self,
        two_sided: bool,
        alerts: &Alerts,
        now: Wall,
        steps: &mut u64,
    ) -> Option<Fingerprint> {
        let fires = |it: &Option<Fingerprint>| it.is_none_or(|it| alerts.fires(it, now));
        let known = self.found.get().filter(|found| {
            found.revision == alerts.revision()
                && found.at <= now
                && fires(&found.first)
                && fires(&found.first_one_sided)
        });
        let found = known.unwrap_or_else(|| {
            let mut firing = self.all.iter().filter(|(source, _)| {
                *steps += SOURCE_STEPS;
                alerts.fires(*source, now)
            });
            let first = firing.next();
            let first_one_sided = first.into_iter().chain(firing).find(|(_, also)| !*also);
            let (first, first_one_sided) = (first.map(|it| it.0), first_one_sided.map(|it| it.0));
            Found { revision: alerts.revision(), at: now, first, first_one_sided }
        });
        self.found.set(Some(found));
        if two_sided { found.first_one_sided } else { found.first }
    }
}

impl Inhibitor {
    /// The rules, without sources: every alert that is already known must be added.
    pub fn new(rules: &[InhibitRule]) -> Self {
        let mut inhibitor = Self::default();
        for (id, config) in rules.iter().enumerate() {
            inhibitor.by_source.insert(&config.source, id);
            inhibitor.by_target.insert(&config.target, id);
            inhibitor.rules.push(Rule { config: config.clone(), sources: BTreeMap::new() });
        }
        inhibitor
    }

    /// Takes note of an alert that is new in the table, until `steps`, to which what is done is added, come to `most`. Returns
    /// whether that is done; if not, the next call goes on. `adding` is the alert's own.
    pub fn add(
        &mut self,
        fingerprint: Fingerprint,
        labels: &Labels,
        adding: &mut Adding,
        steps: &mut u64,
        most: u64,
    ) -> bool {
        let first = adding.rule;
        let candidates = self.by_source.candidates(labels, steps);
        for id in candidates.into_iter().filter(|id| *id >= first) {
            let Some(rule) = self.rules.get_mut(id) else { continue };
            if id != adding.rule {
                *adding = Adding { rule: id, ..Adding::default() };
            }
            let Some(matches) = rule.config.source.compare(labels, &mut adding.source, steps, most)
            else {
                return false;
            };
            if matches {
                let Some(also_target) =
                    rule.config.target.compare(labels, &mut adding.target, steps, most)
                else {
                    return false;
                };
                *steps += EQUAL_STEPS;
                let values = rule.equal_values(labels);
                let sources = rule.sources.entry(values).or_default();
                if let Err(place) = sources.place(fingerprint) {
                    sources.all.insert(place, (fingerprint, also_target));
                    self.by_alert.entry(fingerprint).or_default().push((id, values));
                    self.with_sources.set(id, true);
                    self.sources += 1;
                    self.revision += 1;
                }
                sources.found.set(None);
            }
        }
        true
    }

    /// Forgets an alert that leaves the table.
    pub fn remove(&mut self, fingerprint: Fingerprint) {
        for (id, values) in self.by_alert.remove(&fingerprint).unwrap_or_default() {
            let Some(rule) = self.rules.get_mut(id) else { continue };
            let Some(sources) = rule.sources.get_mut(&values) else { continue };
            if let Ok(place) = sources.place(fingerprint) {
                sources.all.remove(place);
                self.sources -= 1;
            }
            sources.found.set(None);
            if sources.all.is_empty() {
                rule.sources.remove(&values);
            }
            self.with_sources.set(id, !rule.sources.is_empty());
        }
    }

    /// Compares an alert of these labels with the target sides of the rules, until `steps`, to which what is done is added,
    /// come to `most`. Returns whether all are compared; if not, the next call goes on. `targets` is the alert's own.
    pub fn compare(&self, labels: &Labels, targets: &Targets, steps: &mut u64, most: u64) -> bool {
        let compared = &mut *targets.0.borrow_mut();
        if compared.until == usize::MAX {
            return true;
        }
        let candidates = self.by_target.candidates(labels, steps);
        let first = compared.until;
        for id in candidates.into_iter().filter(|id| *id >= first) {
            let Some(rule) = self.rules.get(id) else { continue };
            if id != compared.until {
                (compared.until, compared.at) = (id, 0);
            }
            match rule.config.target.compare(labels, &mut compared.at, steps, most) {
                None => return false,
                Some(true) => compared.matching.set(id, true),
                Some(false) => {}
            }
        }
        compared.until = usize::MAX;
        true
    }

    /// Changes whenever a source may have begun to fire.
    pub const fn revision(&self, alerts: &Alerts) -> u64 {
        self.revision + alerts.revision()
    }

    /// Goes on from the revisions of the rules that were in force before these.
    pub const fn follow(&mut self, old: &Self) {
        self.revision += old.revision + 1;
    }

    /// Looks which alert inhibits one at `now`: the first of the first rule that has any, of those that it was compared with.
    /// An alert that matches both sides of a rule is not inhibited by another that does. The answer is kept with the alert,
    /// for [`Inhibitor::source`]; one of revision `least` or later is not sought anew. Looks until `steps`, to which what
    /// is done is added, come to `most`. Returns whether it is known; if not, the next call goes on.
    pub fn look(
        &self,
        (fingerprint, entry): (Fingerprint, &AlertEntry),
        (alerts, now): (&Alerts, Wall),
        least: u64,
        steps: &mut u64,
        most: u64,
    ) -> bool {
        let compared = &mut *entry.targets.0.borrow_mut();
        if compared.matching.iter().next().is_none() {
            return true;
        }
        let look = compared.look.get_or_insert_default();
        let fires = |source| alerts.fires(source, now);
        let holds = |(revision, at): (u64, Wall)| revision >= least && at <= now;
        if look.looked.at.is_some_and(holds) && look.looked.source.is_none_or(fires) {
            return true;
        }
        let begun = look.looking.take().filter(|(revision, at, _)| holds((*revision, *at)));
        let (revision, at, first) = begun.unwrap_or((self.revision(alerts), now, 0));
        let mut source = None;
        for id in compared.matching.common(&self.with_sources).filter(|id| *id >= first) {
            if *steps >= most {
                look.looking = Some((revision, at, id));
                return false;
            }
            let Some(rule) = self.rules.get(id) else { continue };
            *steps += EQUAL_STEPS;
            let values = rule.equal_values(&entry.alert.labels);
            let Some(sources) = rule.sources.get(&values) else { continue };
            let two_sided = sources.place(fingerprint).is_ok();
            source = sources.firing(two_sided, alerts, now, steps);
            if source.is_some() {
                break;
            }
        }
        look.looked = Looked { at: Some((revision, at)), source };
        true
    }

    /// The alert that inhibits one, as it was found last.
    pub fn source(entry: &AlertEntry) -> Option<Fingerprint> {
        entry.targets.0.borrow().look.as_ref()?.looked.source
    }

    /// Whether there are more sources than there may be.
    pub const fn is_overfull(&self) -> bool {
        self.sources > INHIBIT_SOURCES_MAX
    }

    /// The number of rules.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// Every source of every rule; for tests of its bound.
#[cfg(test)]
fn sources(inhibitor: &Inhibitor) -> Vec<Fingerprint> {
    inhibitor
        .rules
        .iter()
        .flat_map(|rule| {
            rule.sources.values().flat_map(|sources| sources.all.iter().map(|it| it.0))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::inhibit_rule;
    use crate::model::Alert;

    struct World {
        inhibitor: Inhibitor,
        alerts: Alerts,
    }

    impl World {
        fn new(rules: &[InhibitRule]) -> Self {
            Self { inhibitor: Inhibitor::new(rules), alerts: Alerts::default() }
        }

        fn fire(&mut self, pairs: &[(&str, &str)], ends: i64) -> Fingerprint {
            let labels: Labels = pairs.iter().copied().collect();
            let fingerprint = labels.fingerprint();
            self.inhibitor.add(fingerprint, &labels, &mut Adding::default(), &mut 0, u64::MAX);
            let alert = Alert {
                labels,
                annotations: Labels::empty(),
                starts_at: Wall::from_secs(0),
                ends_at: Wall::from_secs(ends),
                updated_at: Wall::from_secs(0),
                timeout: false,
                generator_url: "".into(),
            };
            self.alerts.put(fingerprint, alert, Wall::from_secs(0));
            fingerprint
        }

        fn source(&self, pairs: &[(&str, &str)], now: i64) -> Option<Fingerprint> {
            self.source_in(pairs, now, &mut 0)
        }

        fn source_in(
            &self,
            pairs: &[(&str, &str)],
            now: i64,
            steps: &mut u64,
        ) -> Option<Fingerprint> {
            let labels: Labels = pairs.iter().copied().collect();
            let (fingerprint, now) = (labels.fingerprint(), Wall::from_secs(now));
            let mut target = World::new(&[]);
            target.fire(pairs, 1000);
            let entry = target.alerts.get(fingerprint).unwrap();
            assert!(self.inhibitor.compare(&labels, &entry.targets, steps, u64::MAX));
            self.look((fingerprint, entry), now, steps, u64::MAX)
        }

        fn look_at(&self, target: Fingerprint, now: i64, steps: &mut u64) -> Option<Fingerprint> {
            let entry = self.alerts.get(target).unwrap();
            self.look((target, entry), Wall::from_secs(now), steps, u64::MAX)
        }

        fn look(
            &self,
            alert: (Fingerprint, &AlertEntry),
            now: Wall,
            steps: &mut u64,
            most: u64,
        ) -> Option<Fingerprint> {
            let least = self.inhibitor.revision(&self.alerts);
            assert!(self.inhibitor.look(alert, (&self.alerts, now), least, steps, most));
            Inhibitor::source(alert.1)
        }
    }

    #[test]
    fn a_target_is_muted_while_any_source_of_equal_labels_fires() {
        let mut world = World::new(&[inhibit_rule(&["s=1"], &["t=1"], &["n"])]);
        let first = world.fire(&[("s", "1"), ("n", "x"), ("i", "1")], 100);
        let second = world.fire(&[("s", "1"), ("n", "x"), ("i", "2")], 50);
        let target: &[(&str, &str)] = &[("t", "1"), ("n", "x")];
        assert_eq!(world.source(target, 10), Some(first.min(second)));
        assert_eq!(world.source(target, 60), Some(first));
        assert_eq!(world.source(target, 100), None);
        assert_eq!(world.source(&[("t", "1"), ("n", "y")], 10), None);
        assert_eq!(world.source(&[("t", "2"), ("n", "x")], 10), None);
    }

    #[test]
    fn a_missing_label_equals_an_empty_one() {
        let mut world = World::new(&[inhibit_rule(&["s=1"], &["t=1"], &["n"])]);
        let source = world.fire(&[("s", "1")], 100);
        assert_eq!(world.source(&[("t", "1")], 10), Some(source));
    }

    #[test]
    fn alerts_on_both_sides_do_not_inhibit_each_other_or_themselves() {
        let mut world = World::new(&[inhibit_rule(&["s=1"], &["t=1"], &[])]);
        let both: &[(&str, &str)] = &[("s", "1"), ("t", "1")];
        world.fire(both, 100);
        assert_eq!(world.source(both, 10), None);
        let one_sided = world.fire(&[("s", "1"), ("x", "y")], 50);
        assert_eq!(world.source(both, 10), Some(one_sided));
        assert!(world.source(&[("t", "1")], 60).is_some());
    }

    #[test]
    fn an_empty_rule_mutes_nothing_but_what_lacks_both_sides() {
        let mut world = World::new(&[inhibit_rule(&[], &[], &[])]);
        world.fire(&[("a", "1")], 100);
        world.fire(&[("b", "1")], 100);
        // Every alert matches both sides of it.
        assert_eq!(world.source(&[("b", "1")], 10), None);
    }

    #[test]
    fn sources_that_have_all_ended_are_looked_at_once() {
        let mut world = World::new(&[inhibit_rule(&["s=1"], &["t=1"], &[])]);
        for n in 0..1000 {
            world.fire(&[("s", "1"), ("i", &n.to_string())], 50);
        }
        let target: &[(&str, &str)] = &[("t", "1")];
        let mut steps = 0;
        assert_eq!(world.source_in(target, 60, &mut steps), None);
        assert!(steps > 1000, "{steps}");
        steps = 0;
        assert_eq!(world.source_in(target, 61, &mut steps), None);
        assert!(steps < 1000, "{steps}");
        assert!(world.source(target, 40).is_some(), "the clock has gone back");
        let again = world.fire(&[("s", "1"), ("i", "7")], 100);
        assert_eq!(world.source(target, 60), Some(again));
        assert_eq!(world.source(target, 100), None);
    }

    #[test]
    fn rules_are_compared_in_parts_and_once() {
        let rules: Vec<_> = (0..500)
            .map(|n| {
                let target = if n % 100 == 99 { "t=~.?[bd].?" } else { "t=~.?[cd].?" };
                inhibit_rule(&[&format!("s={n}")], &[target], &[])
            })
            .collect();
        let mut world = World::new(&rules);
        let source = world.fire(&[("s", "299")], 100);
        world.fire(&[("s", "298")], 100);
        let target = world.fire(&[("t", "b")], 100);
        let entry = world.alerts.get(target).unwrap();
        let (labels, mut parts) = (&entry.alert.labels, 1);
        loop {
            let mut steps = 0;
            let is_done = world.inhibitor.compare(labels, &entry.targets, &mut steps, 1000);
            assert!(steps < 1100, "{steps}");
            if is_done {
                break;
            }
            parts += 1;
        }
        assert!(parts > 1);
        assert_eq!(world.look_at(target, 10, &mut 0), Some(source));
        let mut steps = 0;
        assert!(world.inhibitor.compare(labels, &entry.targets, &mut steps, 0));
        assert_eq!(steps, 0);
    }

    #[test]
    fn a_removed_alert_is_no_source() {
        let mut world = World::new(&[inhibit_rule(&["s=1"], &["t=1"], &[])]);
        let source = world.fire(&[("s", "1")], 100);
        world.inhibitor.remove(source);
        assert_eq!(world.source(&[("t", "1")], 10), None);
        assert!(sources(&world.inhibitor).is_empty());
        assert!(world.inhibitor.by_alert.is_empty());
        assert_eq!(world.inhibitor.with_sources.iter().count(), 0);
    }

    #[test]
    fn a_removed_alert_is_looked_up_in_its_own_rules_alone() {
        let rules: Vec<_> = (0..1000)
            .map(|n| inhibit_rule(&["s=1", &format!("n={n}")], &["t=1"], &["e"]))
            .collect();
        let mut world = World::new(&rules);
        let alert = world.fire(&[("s", "1"), ("n", "7"), ("e", "x")], 100);
        let values = Fingerprint::of([("e", "x")]);
        assert_eq!(world.inhibitor.by_alert.get(&alert), Some(&vec![(7, values)]));
    }

    /// A world of as many rules, each of which has a source that fires and does not equal the target, and the target.
    fn unrelated(rules: usize) -> (World, Fingerprint) {
        let rules: Vec<_> =
            (0..rules).map(|n| inhibit_rule(&[&format!("s={n}")], &["t=1"], &["e"])).collect();
        let mut world = World::new(&rules);
        for n in 0..rules.len() {
            world.fire(&[("s", &n.to_string()), ("e", "x")], 100);
        }
        let target = world.fire(&[("t", "1"), ("e", "y")], 1000);
        let entry = world.alerts.get(target).unwrap();
        assert!(world.inhibitor.compare(&entry.alert.labels, &entry.targets, &mut 0, u64::MAX));
        (world, target)
    }

    /// Looks for the source of an alert in small parts, and does something after each; how many there were.
    fn parts(
        world: &mut World,
        target: Fingerprint,
        mut after: impl FnMut(&mut World, u64),
    ) -> u64 {
        let (now, least) = (Wall::from_secs(10), world.inhibitor.revision(&world.alerts));
        let mut parts = 1;
        loop {
            let (at, entry) = ((&world.alerts, now), world.alerts.get(target).unwrap());
            if world.inhibitor.look((target, entry), at, least, &mut 0, 7_000) {
                return parts;
            }
            after(world, parts);
            parts += 1;
        }
    }

    #[test]
    fn a_source_is_looked_for_in_parts_and_once() {
        let (mut world, target) = unrelated(1000);
        assert_eq!(parts(&mut world, target, |_, _| {}), 1000 * EQUAL_STEPS / 7_000);
        // Reports that repeat what is known, alerts that are no sources and time change nothing.
        world.fire(&[("other", "1")], 100);
        world.fire(&[("other", "1")], 200);
        let mut steps = 0;
        assert_eq!(world.look_at(target, 99, &mut steps), None);
        assert_eq!(steps, 0);
        let source = world.fire(&[("s", "999"), ("e", "y")], 100);
        assert_eq!(world.look_at(target, 10, &mut 0), Some(source));
        assert_eq!(world.look_at(target, 11, &mut steps), Some(source));
        assert_eq!(steps, 0);
        assert_eq!(world.look_at(target, 100, &mut 0), None);
    }

    #[test]
    fn new_sources_do_not_let_a_look_begin_anew_that_has_begun_before() {
        let (mut world, target) = unrelated(1000);
        let add = |world: &mut World, n: u64| {
            world.fire(&[("s", "1"), ("e", &n.to_string())], 100);
        };
        assert_eq!(parts(&mut world, target, add), 1000 * EQUAL_STEPS / 7_000);
    }

    #[test]
    fn ended_sources_are_not_looked_at_anew_for_reports_that_begin_nothing() {
        let mut world = World::new(&[inhibit_rule(&["s=1"], &["t=1"], &[])]);
        for n in 0..1000 {
            world.fire(&[("s", "1"), ("i", &n.to_string())], 50);
        }
        let other = world.fire(&[("a", "1")], 100);
        let target: &[(&str, &str)] = &[("t", "1")];
        assert_eq!(world.source(target, 60), None);
        world.fire(&[("a", "1")], 200);
        world.fire(&[("b", "1")], 200);
        let mut steps = 0;
        assert_eq!(world.source_in(target, 61, &mut steps), None);
        assert!(steps < 1000, "{steps}");
        // One that fires again may be one of them.
        let alert = world.alerts.get(other).unwrap().alert.as_ref().clone();
        let ended = Alert { ends_at: Wall::from_secs(62), ..alert.clone() };
        world.alerts.replace(other, ended, Wall::from_secs(62));
        world.alerts.replace(other, alert, Wall::from_secs(63));
        assert_eq!(world.source_in(target, 64, &mut steps), None);
        assert!(steps > 1000, "{steps}");
    }
}
