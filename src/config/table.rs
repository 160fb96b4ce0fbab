//! A cursor over the tree: typed access by key, every error noted with its line and key path, and keys that nobody
//! asked for reported with the nearest that somebody did.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

use crate::config::problem::Problem;
use crate::config::tree::{Entry, Node, Value};
use crate::limits::CONFIG_PROBLEMS_MAX;
use crate::model::duration::parse_duration;

/// The notes of a reading while it goes over the tree.
#[derive(Default)]
pub(super) struct Notes {
    errors: RefCell<Vec<Problem>>,
    /// How many errors there are for which there was no room.
    more: Cell<usize>,
    warnings: RefCell<Vec<Problem>>,
    /// The paths of numbers and booleans, if they are wanted.
    types: Option<RefCell<BTreeSet<String>>>,
    /// Keys that were asked for and are not there, so that a test can hold the reference file complete.
    #[cfg(test)]
    missing: RefCell<Vec<String>>,
}

impl Notes {
    /// The errors, how many more there are, and the warnings.
    pub(super) fn into_parts(self) -> (Vec<Problem>, usize, Vec<Problem>) {
        (self.errors.into_inner(), self.more.get(), self.warnings.into_inner())
    }

    /// Notes that keep the paths of numbers and booleans.
    pub(super) fn with_types() -> Self {
        Self { types: Some(RefCell::default()), ..Self::default() }
    }

    /// The paths of numbers and booleans so far.
    pub(super) fn types(&self) -> BTreeSet<String> {
        self.types.as_ref().map(RefCell::take).unwrap_or_default()
    }

    /// Notes an error, whose text is made only if there is room for it.
    fn error(&self, problem: impl FnOnce() -> Problem) {
        let mut errors = self.errors.borrow_mut();
        if errors.len() < CONFIG_PROBLEMS_MAX {
            errors.push(problem());
        } else {
            self.more.set(self.more.get() + 1);
        }
    }

    #[cfg(test)]
    pub(super) fn missing(&self) -> Vec<String> {
        self.missing.borrow().clone()
    }
}

/// A value, and the path of keys to it.
#[derive(Clone)]
pub(super) struct Item<'a> {
    notes: &'a Notes,
    pub(super) node: &'a Node,
    path: String,
    /// Whether this may be a secret, or hold one: no message shows what stands here or below.
    hidden: bool,
}

impl<'a> Item<'a> {
    pub(super) fn root(notes: &'a Notes, node: &'a Node) -> Self {
        Self { notes, node, path: String::new(), hidden: false }
    }

    /// The same, and no message shows what stands here or below.
    pub(super) fn hide(self) -> Self {
        Self { hidden: true, ..self }
    }

    pub(super) fn error(&self, text: impl Display) {
        self.notes.error(|| self.problem(&text));
    }

    pub(super) fn warn(&self, text: impl Display) {
        self.note_warning(self.problem(&text));
    }

    /// Whether no error has been noted so far, here or elsewhere.
    pub(super) fn all_is_well(&self) -> bool {
        self.notes.errors.borrow().is_empty()
    }

    /// The keys that lead here.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether it is YAML's nothing.
    pub(super) fn is_null(&self) -> bool {
        self.node.value == Value::Null
    }

    /// Whether this says no more than if it were not there.
    pub(super) fn is_empty(&self) -> bool {
        is_empty(self.node)
    }

    fn problem(&self, text: &dyn Display) -> Problem {
        Problem { line: self.node.line, path: self.path.clone(), text: text.to_string() }
    }

    pub(super) fn note(&self, error: Problem) {
        self.notes.error(|| error);
    }

    pub(super) fn note_warning(&self, warning: Problem) {
        let mut warnings = self.notes.warnings.borrow_mut();
        if warnings.len() < CONFIG_PROBLEMS_MAX {
            warnings.push(warning);
        }
    }

    fn expected(&self, what: &str) {
        if self.hidden {
            self.expected_kind(what);
        } else {
            self.error(format_args!("expected {what}, found {}", self.node.found()));
        }
    }

    /// The same without the value: a secret that was to stand one level deeper may stand here.
    fn expected_kind(&self, what: &str) {
        self.error(format_args!("expected {what}, found {}", self.node.kind()));
    }

    /// Notes the error of `result` here.
    pub(super) fn check<T, E: Display>(&self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.error(error)).ok()
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        match (&self.node.plain, &self.node.value) {
            (Some(plain), _) => Some(plain),
            (None, Value::Text(text)) => Some(text),
            // As an item of a list or a value of the user's own keys: Go's decoder reads it so.
            (None, Value::Null) => Some(""),
            _ => {
                self.expected("a text");
                None
            }
        }
    }

    /// A text, or a whole number as its text.
    pub(super) fn word(&self) -> Option<Cow<'a, str>> {
        match self.node.value {
            Value::Int(number) => Some(number.to_string().into()),
            _ => self.text().map(Cow::from),
        }
    }

    /// Notes that this is read as a number or boolean: in YAML, a text may look like one.
    pub(super) fn note_type(&self) {
        if let Some(types) = &self.notes.types {
            types.borrow_mut().insert(self.path.clone());
        }
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        self.note_type();
        if let Value::Bool(is) = self.node.value {
            return Some(is);
        }
        self.expected("true or false");
        None
    }

    pub(super) fn number(&self) -> Option<u64> {
        self.note_type();
        match &self.node.value {
            Value::Int(number) if *number >= 0 => number.unsigned_abs().into(),
            // `1e3`
            Value::Float(text) if whole(text).is_some() => whole(text),
            _ => {
                self.expected("a number from 0");
                None
            }
        }
    }

    /// A duration as configurations write them, `1h30m`.
    pub(super) fn duration(&self) -> Option<Duration> {
        if let Value::Int(number) = self.node.value
            && number != 0
            && !self.hidden
        {
            self.error(format_args!(
                "expected a duration with its unit, found the number {number}; write \"{number}s\" for seconds"
            ));
            return None;
        }
        // A TOML zero needs no unit either.
        let text = if self.node.value == Value::Int(0) { Some("0") } else { self.text() };
        self.check(parse_duration(text?))
    }

    /// The items of a list.
    pub(super) fn list(&self) -> Vec<Self> {
        let Value::List(items) = &self.node.value else {
            self.expected_kind("a list");
            return Vec::new();
        };
        let item = |(i, node)| Self { node, path: format!("{}[{i}]", self.path), ..self.clone() };
        items.iter().enumerate().map(item).collect()
    }

    /// The texts of a list, each with its place.
    pub(super) fn texts(&self) -> Vec<(Self, &'a str)> {
        self.list().into_iter().filter_map(|item| item.text().map(|text| (item, text))).collect()
    }

    /// The keys of a table; nothing has none.
    pub(super) fn table(&self) -> Option<Table<'a>> {
        let entries = match &self.node.value {
            Value::Table(entries) => entries.as_slice(),
            Value::Null => &[],
            _ => {
                self.expected_kind("a table");
                return None;
            }
        };
        Some(Table { item: self.clone(), entries, known: RefCell::default() })
    }

    fn below(&self, entry: &'a Entry) -> Self {
        // A key that is no name may be a secret in the wrong place: `authorization: {Bearer x}`.
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        let key = if self.hidden && !entry.key.chars().all(is_name) { "..." } else { &*entry.key };
        let path = match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        };
        Self { node: &entry.node, path, ..self.clone() }
    }
}

/// The whole number that a number with a fraction or an exponent is, if it is one that a float holds exactly.
fn whole(text: &str) -> Option<u64> {
    let number: f64 = text.replace('_', "").parse().ok()?;
    let is_whole = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
    is_whole.then(|| format!("{number:.0}").parse().ok()).flatten()
}

/// The keys of a section.
pub(super) struct Table<'a> {
    /// The section itself.
    pub(super) item: Item<'a>,
    entries: &'a [Entry],
    known: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Table<'a> {
    /// The value of `key`; a YAML null is as good as none.
    pub(super) fn get(&self, key: &'static str) -> Option<Item<'a>> {
        self.known.borrow_mut().insert(key);
        let entry = self.entries.iter().find(|entry| *entry.key == *key);
        #[cfg(test)]
        if entry.is_none() {
            self.item.notes.missing.borrow_mut().push(format!("{}.{key}", self.item.path));
        }
        entry.filter(|entry| entry.node.value != Value::Null).map(|entry| self.item.below(entry))
    }

    pub(super) fn text(&self, key: &'static str) -> Option<&'a str> {
        self.get(key)?.text()
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        self.get(key)?.boolean()
    }

    pub(super) fn duration(&self, key: &'static str) -> Option<Duration> {
        self.get(key)?.duration()
    }

    pub(super) fn list(&self, key: &'static str) -> Vec<Item<'a>> {
        self.get(key).map(|item| item.list()).unwrap_or_default()
    }

    pub(super) fn texts(&self, key: &'static str) -> Vec<(Item<'a>, &'a str)> {
        self.get(key).map(|item| item.texts()).unwrap_or_default()
    }

    /// Whether any of these keys says something.
    pub(super) fn says(&self, keys: &[&'static str]) -> bool {
        keys.iter().any(|key| self.get(key).is_some_and(|item| !item.is_empty()))
    }

    /// Of keys that exclude each other the one that is there.
    pub(super) fn one_of(&self, keys: &[&'static str]) -> Option<(&'static str, Item<'a>)> {
        let mut there = keys.iter().filter_map(|key| self.get(key).map(|item| (*key, item)));
        let first = there.next()?;
        if let Some((second, item)) = there.next() {
            item.error(format_args!("at most one of {} and {second} can be set", first.0));
        }
        Some(first)
    }

    /// Every entry, for tables whose keys are the user's.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, Item<'a>)> {
        self.entries.iter().map(|entry| (&*entry.key, self.item.below(entry)))
    }

    /// Reports every key that was not asked for.
    pub(super) fn finish(&self) {
        let known = self.known.borrow();
        for entry in self.entries.iter().filter(|entry| !known.contains(&*entry.key)) {
            self.item.notes.error(|| {
                let known = known.iter().copied();
                let (item, text) = match nearest(&entry.key, known.clone()) {
                    None if self.item.hidden => {
                        let known = known.collect::<Vec<_>>().join(", ");
                        (self.item.clone(), format!("an unknown key; known: {known}"))
                    }
                    _ => (self.item.below(entry), unknown("key", &entry.key, known)),
                };
                Problem { line: entry.line, ..item.problem(&text) }
            });
        }
    }
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null | Value::Bool(false) => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.iter().all(is_empty),
        Value::Table(entries) => entries.iter().all(|entry| is_empty(&entry.node)),
        Value::Bool(true) | Value::Int(_) | Value::Float(_) => false,
    }
}

/// `unknown key "x"; did you mean "y"?`, or the list of what is known.
pub fn unknown<'k>(what: &str, name: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(near) => format!("unknown {what} {name:?}; did you mean {near:?}?"),
        None if known.clone().next().is_none() => format!("unknown {what} {name:?}; there is none"),
        None => format!("unknown {what} {name:?}; known: {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// So many of `known`, the nearest by edits first.
pub fn nearest_few<'k>(
    name: &str,
    known: impl Iterator<Item = &'k str>,
    count: usize,
) -> Vec<&'k str> {
    let mut by_edits: Vec<_> = known.map(|key| (edits(name, key), key)).collect();
    by_edits.sort_unstable();
    by_edits.into_iter().take(count).map(|(_, key)| key).collect()
}

/// The nearest of `known` by edits, if it is near enough to be meant.
pub(super) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let near_enough = (name.chars().count() / 3).max(2);
    // A longer text is no misspelling; this bounds the work.
    if name.len() > 64 {
        return None;
    }
    known
        .map(|key| (edits(name, key), key))
        .filter(|(edits, _)| *edits <= near_enough)
        .min()?
        .1
        .into()
}

/// Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((to, pair), left) in b.iter().zip(row.windows(2)).zip(0..) {
            let &[diagonal, above] = pair else { continue };
            let before = next.get::<usize>(left).copied().unwrap_or(usize::MAX);
            let replaced = diagonal + usize::from(from != *to);
            next.push(replaced.min(above + 1).min(before.saturating_add(1)));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (a, b, distance) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("recevier", "receiver", 2),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(edits(a, b), distance, "{a} {b}");
            assert_eq!(edits(b, a), distance, "{b} {a}");
        }
    }

    #[test]
    fn an_unknown_name_is_told_its_nearest_or_all() {
        let known = ["receiver", "routes"];
        assert_eq!(
            unknown("key", "recevier", known.into_iter()),
            "unknown key \"recevier\"; did you mean \"receiver\"?"
        );
        assert_eq!(
            unknown("key", "url", known.into_iter()),
            "unknown key \"url\"; known: receiver, routes"
        );
        assert_eq!(unknown("key", "url", [].into_iter()), "unknown key \"url\"; there is none");
    }
}
