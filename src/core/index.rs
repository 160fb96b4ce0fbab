//! Finds those that might match a label set without comparing all: by one equality that each has, or else by a text that the
//! value of a label must begin or end with, or have inside.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::matcher::Needed;
use crate::model::{Labels, MatchOp, Matcher, Matchers};

/// The steps to look an end of a value up.
const LOOK_STEPS: u64 = 16;
/// The steps to look for texts inside a value. If it would take more, the values are compared later, in parts.
const INSIDE_STEPS_MAX: u64 = 50_000;

/// Ids of matcher lists (routes, silences, rules), found by a label that each of them demands. Those that demand neither a
/// value nor a text of one are always candidates.
#[derive(Debug)]
pub struct MatcherIndex<T> {
    by_label: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Vec<T>>>,
    by_text: BTreeMap<Arc<str>, Texts<T>>,
    rest: Vec<T>,
}

/// Ids by what the value of one label must begin or end with or have inside, by the length of that.
#[derive(Debug)]
struct Texts<T> {
    heads: ByLength<T>,
    tails: ByLength<T>,
    insides: ByLength<T>,
}

type ByLength<T> = BTreeMap<usize, BTreeMap<Box<str>, Vec<T>>>;

/// The demand of a list of matchers on one label.
enum Demand<'a> {
    /// One of these values.
    Values(&'a str, Vec<&'a str>),
    /// That its value has this text.
    Text(&'a str, Needed<'a>),
}

impl<T> Default for MatcherIndex<T> {
    fn default() -> Self {
        Self { by_label: BTreeMap::new(), by_text: BTreeMap::new(), rest: Vec::new() }
    }
}

impl<T> Default for Texts<T> {
    fn default() -> Self {
        Self { heads: BTreeMap::new(), tails: BTreeMap::new(), insides: BTreeMap::new() }
    }
}

impl<T> Texts<T> {
    /// Where the ids of this kind of text are, and the text.
    fn of<'e>(&mut self, needed: Needed<'e>) -> (&mut ByLength<T>, &'e str) {
        match needed {
            Needed::Head(text) => (&mut self.heads, text),
            Needed::Tail(text) => (&mut self.tails, text),
            Needed::Inside(text) => (&mut self.insides, text),
        }
    }

    fn is_empty(&self) -> bool {
        self.heads.is_empty() && self.tails.is_empty() && self.insides.is_empty()
    }
}

/// Puts an id into a sorted list, unless it is there.
fn put<T: Ord>(ids: &mut Vec<T>, id: T) {
    if let Err(place) = ids.binary_search(&id) {
        ids.insert(place, id);
    }
}

/// Takes an id out of a sorted list. Returns whether the list is empty then.
fn take<T: Ord>(ids: &mut Vec<T>, id: &T) -> bool {
    if let Ok(place) = ids.binary_search(id) {
        ids.remove(place);
    }
    ids.is_empty()
}

impl<T: Copy + Ord> MatcherIndex<T> {
    /// Adds `id`, whose conditions are `matchers`.
    pub fn insert(&mut self, matchers: &Matchers, id: T) {
        match demand(matchers) {
            None => put(&mut self.rest, id),
            Some(Demand::Values(name, values)) => {
                let by_value = self.by_label.entry(name.into()).or_default();
                for value in values {
                    put(by_value.entry(value.into()).or_default(), id);
                }
            }
            Some(Demand::Text(name, needed)) => {
                let (by_length, text) = self.by_text.entry(name.into()).or_default().of(needed);
                let by_text = by_length.entry(text.len()).or_default();
                put(by_text.entry(text.into()).or_default(), id);
            }
        }
    }

    /// Takes `id` out again, whose conditions are `matchers`.
    pub fn remove(&mut self, matchers: &Matchers, id: T) {
        match demand(matchers) {
            None => {
                take(&mut self.rest, &id);
            }
            Some(Demand::Values(name, values)) => {
                let Some(by_value) = self.by_label.get_mut(name) else { return };
                for value in values {
                    if by_value.get_mut(value).is_some_and(|ids| take(ids, &id)) {
                        by_value.remove(value);
                    }
                }
                if by_value.is_empty() {
                    self.by_label.remove(name);
                }
            }
            Some(Demand::Text(name, needed)) => {
                let Some(texts) = self.by_text.get_mut(name) else { return };
                let (by_length, text) = texts.of(needed);
                let Some(by_text) = by_length.get_mut(&text.len()) else { return };
                if by_text.get_mut(text).is_some_and(|ids| take(ids, &id)) {
                    by_text.remove(text);
                }
                if by_text.is_empty() {
                    by_length.remove(&text.len());
                }
                if texts.is_empty() {
                    self.by_text.remove(name);
                }
            }
        }
    }

    /// The ids of all that might match `labels`, sorted; what is left out does not match. Adds what it took to `steps`.
    pub fn candidates(&self, labels: &Labels, steps: &mut u64) -> Vec<T> {
        let mut found = self.rest.clone();
        for (name, by_value) in &self.by_label {
            if let Some(ids) = labels.get(name).and_then(|value| by_value.get(value)) {
                found.extend_from_slice(ids);
            }
        }
        for (name, texts) in &self.by_text {
            let Some(value) = labels.get(name) else { continue };
            let heads = texts.heads.iter().map(|(length, ids)| (value.get(..*length), ids));
            let tails = texts.tails.iter().map(|(length, ids)| {
                (value.len().checked_sub(*length).and_then(|from| value.get(from..)), ids)
            });
            for (end, by_text) in heads.chain(tails) {
                *steps += LOOK_STEPS;
                if let Some(ids) = end.and_then(|end| by_text.get(end)) {
                    found.extend_from_slice(ids);
                }
            }
            let insides = || texts.insides.values().flatten();
            let count: usize = texts.insides.values().map(BTreeMap::len).sum();
            let cost = (LOOK_STEPS + value.len() as u64 / 16) * count as u64;
            let looks = cost <= INSIDE_STEPS_MAX;
            *steps += if looks { cost } else { 0 };
            for (_, ids) in insides().filter(|(text, _)| !looks || value.contains(&***text)) {
                found.extend_from_slice(ids);
            }
        }
        *steps += found.len() as u64;
        found.sort_unstable();
        found
    }
}

/// The demand of a list: values of one label if it can be, for they tell most apart, else a text.
fn demand(matchers: &Matchers) -> Option<Demand<'_>> {
    let demanded = matchers.iter().find_map(|matcher| {
        let values = values(matcher)?;
        (!values.is_empty() && values.iter().all(|value| !value.is_empty()))
            .then_some(Demand::Values(matcher.name(), values))
    });
    demanded.or_else(|| {
        matchers.iter().find_map(|matcher| Some(Demand::Text(matcher.name(), matcher.needed()?)))
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
    use proptest::prelude::*;

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
        let mut index = MatcherIndex::default();
        for (id, list) in lists.iter().enumerate() {
            index.insert(list, id);
        }
        let with = |value| Labels::from_iter([("a", value), ("b", "x")]);
        assert_eq!(index.candidates(&with("x"), &mut 0), [0, 2, 3, 4, 5, 6]);
        assert_eq!(index.candidates(&with("z"), &mut 0), [2, 3, 4, 5, 6]);
        for (id, list) in lists.iter().enumerate() {
            index.remove(list, id);
        }
        assert_eq!(index.candidates(&with("x"), &mut 0), [0_usize; 0]);
        assert!(index.by_label.is_empty());
    }
    #[test]
    fn a_thousand_patterns_are_told_apart_by_their_ends_in_few_steps() {
        let pattern = |n: usize| -> Matchers {
            let text = if n.is_multiple_of(2) {
                format!(".*[0-9]-{n}x")
            } else {
                format!("{n}-é?[a-z]+(x|y)")
            };
            Matchers::from_iter([Matcher::new("a", MatchOp::Matches, &text).unwrap()])
        };
        let mut index = MatcherIndex::default();
        for id in 0..1000 {
            index.insert(&pattern(id), id);
        }
        let mut steps = 0;
        let mut found =
            |value: &str| index.candidates(&Labels::from_iter([("a", value)]), &mut steps);
        assert_eq!(found("web1-400x"), [400]);
        assert_eq!(found("17-ax"), [17]);
        assert_eq!(found("17-éax-2x"), [2, 17]);
        assert_eq!(found("é"), [0_usize; 0]);
        assert_eq!(index.candidates(&Labels::from_iter([("b", "17-ax")]), &mut 0), [0_usize; 0]);
        assert!(steps < 1000, "{steps}");
        for id in 0..1000 {
            index.remove(&pattern(id), id);
        }
        assert!(index.by_text.is_empty() && index.rest.is_empty());
    }

    #[test]
    fn a_thousand_patterns_of_one_text_cost_one_look_a_value() {
        let pattern = |text: &str| -> Matchers {
            Matchers::from_iter([Matcher::new("a", MatchOp::Matches, text).unwrap()])
        };
        let mut index = MatcherIndex::default();
        for id in 0..1000 {
            index.insert(&pattern(&format!("[a-z]+-{id}[0-9]*[.]other[.]x:9[0-9]+")), id);
        }
        index.insert(&pattern(".*disk.*"), 1000);
        let labels = |value: &str| Labels::from_iter([("a", value)]);
        let mut steps = 0;
        assert_eq!(index.candidates(&labels("web-7.x:9100"), &mut steps), [0_usize; 0]);
        assert_eq!(index.candidates(&labels("sdisk"), &mut steps), [1000]);
        assert!(steps < 100, "{steps}");
        assert_eq!(index.candidates(&labels("web-7.other.x:9100"), &mut 0).len(), 1000);
        // The comparison looks at each, in parts.
        assert_eq!(index.candidates(&labels(&"x".repeat(1_000_000)), &mut 0).len(), 1001);
        index.remove(&pattern(".*disk.*"), 1000);
        assert_eq!(index.candidates(&labels("sdisk"), &mut 0), [0_usize; 0]);
    }

    proptest! {
        #[test]
        fn every_matching_entry_is_a_candidate(
            patterns in prop::collection::vec(r"(a|b|é|\.\*|\.\+|\[ab\]|\(a\|b\)|\||\.){0,5}", 1..8),
            value in "[abé]{0,5}",
        ) {
            let mut index = MatcherIndex::default();
            let labels = Labels::from_iter([("a", &*value)]);
            let mut matching = Vec::new();
            for (id, pattern) in patterns.iter().enumerate() {
                let Ok(matcher) = Matcher::new("a", MatchOp::Matches, pattern) else { continue };
                let matchers = Matchers::from_iter([matcher]);
                index.insert(&matchers, id);
                if matchers.matches(&labels, &mut 0) {
                    matching.push(id);
                }
            }
            let found = index.candidates(&labels, &mut 0);
            prop_assert!(matching.iter().all(|id| found.contains(id)), "{:?} {:?}", matching, found);
        }
    }
}
