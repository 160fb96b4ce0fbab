//! Inhibition: while a source alert fires, target alerts that equal it on certain labels are muted.

use std::collections::BTreeMap;

use crate::config::InhibitRule;
use crate::core::alerts::Alerts;
use crate::core::index::Index;
use crate::model::{Fingerprint, Labels};
use crate::time::Wall;

/// Every rule with its sources. A rule keeps all sources of equal labels, not one: when one of them ends, the others
/// still mute.
#[derive(Debug, Default)]
pub struct Inhibitor {
    rules: Vec<Rule>,
    by_source: Index<usize>,
    by_target: Index<usize>,
}

#[derive(Debug)]
struct Rule {
    config: InhibitRule,
    /// Known alerts that match the source side, by their values of the equal labels; and whether each also matches the
    /// target side.
    sources: BTreeMap<Fingerprint, BTreeMap<Fingerprint, bool>>,
}

impl Rule {
    /// A missing label equals an empty one.
    fn equal_values(&self, labels: &Labels) -> Fingerprint {
        let value = |name| labels.get(name).unwrap_or("");
        Fingerprint::of(self.config.equal.iter().map(|name| (&**name, value(name))))
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

    /// Takes note of an alert that is new in the table. Adds what it took to `steps`.
    pub fn add(&mut self, fingerprint: Fingerprint, labels: &Labels, steps: &mut u64) {
        for id in self.by_source.candidates(labels) {
            let Some(rule) = self.rules.get_mut(id) else { continue };
            if rule.config.source.matches(labels, steps) {
                let also_target = rule.config.target.matches(labels, steps);
                let values = rule.equal_values(labels);
                rule.sources.entry(values).or_default().insert(fingerprint, also_target);
            }
        }
    }

    /// Forgets an alert that leaves the table.
    pub fn remove(&mut self, fingerprint: Fingerprint, labels: &Labels) {
        for id in self.by_source.candidates(labels) {
            let Some(rule) = self.rules.get_mut(id) else { continue };
            let values = rule.equal_values(labels);
            if let Some(sources) = rule.sources.get_mut(&values) {
                sources.remove(&fingerprint);
                if sources.is_empty() {
                    rule.sources.remove(&values);
                }
            }
        }
    }

    /// The alert that inhibits one of these labels at `now`: the first of the first rule that has any. An alert that
    /// matches both sides of a rule is not inhibited by another that does. Adds what it took to `steps`.
    pub fn source(
        &self,
        labels: &Labels,
        alerts: &Alerts,
        now: Wall,
        steps: &mut u64,
    ) -> Option<Fingerprint> {
        self.by_target.candidates(labels).into_iter().find_map(|id| {
            let rule = self.rules.get(id)?;
            if rule.sources.is_empty() || !rule.config.target.matches(labels, steps) {
                return None;
            }
            let sources = rule.sources.get(&rule.equal_values(labels))?;
            let two_sided = rule.config.source.matches(labels, steps);
            sources
                .iter()
                .find(|(source, also_target)| {
                    !(two_sided && **also_target) && alerts.fires(**source, now)
                })
                .map(|(source, _)| *source)
        })
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
        .flat_map(|rule| rule.sources.values().flat_map(|sources| sources.keys().copied()))
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
            self.inhibitor.add(fingerprint, &labels, &mut 0);
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
            let labels = pairs.iter().copied().collect();
            self.inhibitor.source(&labels, &self.alerts, Wall::from_secs(now), &mut 0)
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
        // Every alert matches both sides of it.
        assert_eq!(world.source(&[("b", "1")], 10), None);
    }

    #[test]
    fn a_removed_alert_is_no_source() {
        let mut world = World::new(&[inhibit_rule(&["s=1"], &["t=1"], &[])]);
        let source = world.fire(&[("s", "1")], 100);
        world.inhibitor.remove(source, &[("s", "1")].into_iter().collect());
        assert_eq!(world.source(&[("t", "1")], 10), None);
        assert!(sources(&world.inhibitor).is_empty());
    }
}
