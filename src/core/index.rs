//! Finds who might match a label set without asking everybody: by one equality that each demands.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::model::{Labels, MatchOp, Matcher, Matchers};

/// Ids of matcher lists (routes, silences, rules), found by a label that each of them demands. Those that demand no
/// particular value are always candidates.
#[derive(Debug)]
pub struct Index<T> {
    by_label: BTreeMap<Rc<str>, BTreeMap<Rc<str>, Vec<T>>>,
    rest: Vec<T>,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self { by_label: BTreeMap::new(), rest: Vec::new() }
    }
}

impl<T: Copy + Ord> Index<T> {
    /// Adds `id`, whose conditions are `matchers`.
    pub fn insert(&mut self, matchers: &Matchers, id: T) {
        match demand(matchers) {
            None => self.rest.push(id),
            Some((name, values)) => {
                let by_value = self.by_label.entry(name.into()).or_default();
                for value in values {
                    let ids = by_value.entry(value.into()).or_default();
                    if !ids.contains(&id) {
                        ids.push(id);
                    }
                }
            }
        }
    }

    /// Takes `id` out again, whose conditions are `matchers`.
    pub fn remove(&mut self, matchers: &Matchers, id: T) {
        match demand(matchers) {
            None => self.rest.retain(|other| *other != id),
            Some((name, values)) => {
                let Some(by_value) = self.by_label.get_mut(name) else { return };
                for value in values {
                    if let Some(ids) = by_value.get_mut(value) {
                        ids.retain(|other| *other != id);
                        if ids.is_empty() {
                            by_value.remove(value);
                        }
                    }
                }
                if by_value.is_empty() {
                    self.by_label.remove(name);
                }
            }
        }
    }

    /// Everyone who might match `labels`, sorted; whoever is left out does not match.
    pub fn candidates(&self, labels: &Labels) -> Vec<T> {
        let mut found = self.rest.clone();
        for (name, by_value) in &self.by_label {
            if let Some(ids) = labels.get(name).and_then(|value| by_value.get(value)) {
                found.extend_from_slice(ids);
            }
        }
        found.sort_unstable();
        found
    }
}

/// A label name and the values of which one is demanded, if a matcher demands any.
fn demand(matchers: &Matchers) -> Option<(&str, Vec<&str>)> {
    matchers.iter().find_map(|matcher| {
        let values = values(matcher)?;
        (!values.is_empty() && values.iter().all(|value| !value.is_empty()))
            .then_some((matcher.name(), values))
    })
}

fn values(matcher: &Matcher) -> Option<Vec<&str>> {
    match matcher.op() {
        MatchOp::Equal => Some(vec![matcher.value()]),
        MatchOp::Matches => matcher.literals().map(|literals| literals.map(|l| &**l).collect()),
        MatchOp::NotEqual | MatchOp::NotMatches => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_that_might_match_are_candidates() {
        let matchers = |op, value| -> Matchers {
            Matchers::from_iter([Matcher::new("a", op, value).unwrap()])
        };
        let lists = [
            matchers(MatchOp::Equal, "x"),
            matchers(MatchOp::Equal, "y"),
            matchers(MatchOp::Equal, ""),
            matchers(MatchOp::Matches, "x|z"),
            matchers(MatchOp::Matches, "|x"),
            matchers(MatchOp::NotEqual, "x"),
            Matchers::default(),
        ];
        let mut index = Index::default();
        for (id, list) in lists.iter().enumerate() {
            index.insert(list, id);
        }
        let with = |value| Labels::from_iter([("a", value), ("b", "x")]);
        assert_eq!(index.candidates(&with("x")), [0, 2, 3, 4, 5, 6]);
        assert_eq!(index.candidates(&with("z")), [2, 3, 4, 5, 6]);
        for (id, list) in lists.iter().enumerate() {
            index.remove(list, id);
        }
        assert_eq!(index.candidates(&with("x")), [0_usize; 0]);
        assert!(index.by_label.is_empty());
    }
}
