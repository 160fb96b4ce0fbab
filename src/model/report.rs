//! A report: what a client posts of an alert, before defaults, borrowed from the request's body.

use std::borrow::Cow;

use crate::time::Wall;

/// A name and a value, borrowed where the body had no escapes.
pub type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// One element of a `POST /api/v2/alerts`, made regular by [`Report::new`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// Sorted by name, no name twice, no empty value.
    pub labels: Vec<Pair<'a>>,
    /// Sorted by name, no name twice.
    pub annotations: Vec<Pair<'a>>,
    /// When it began to fire, if the sender said so.
    pub starts_at: Option<Wall>,
    /// When it ends or ended, if the sender said so.
    pub ends_at: Option<Wall>,
    /// A link to where it came from, or empty.
    pub generator_url: Cow<'a, str>,
}

impl<'a> Report<'a> {
    /// Sorts both sets (of equal names the last one stays) and drops labels of empty value, as Alertmanager does.
    pub fn new(
        mut labels: Vec<Pair<'a>>,
        mut annotations: Vec<Pair<'a>>,
        starts_at: Option<Wall>,
        ends_at: Option<Wall>,
        generator_url: Cow<'a, str>,
    ) -> Self {
        sort(&mut labels);
        labels.retain(|(_, value)| !value.is_empty());
        sort(&mut annotations);
        Self { labels, annotations, starts_at, ends_at, generator_url }
    }

    /// Bytes of its text.
    pub fn bytes(&self) -> usize {
        let pairs = self.labels.iter().chain(&self.annotations);
        pairs.map(|(name, value)| name.len() + value.len()).sum::<usize>()
            + self.generator_url.len()
    }
}

impl Report<'_> {
    /// The number of its labels and annotations.
    pub fn pairs(&self) -> usize {
        self.labels.len() + self.annotations.len()
    }
}

fn sort(pairs: &mut Vec<Pair<'_>>) {
    if pairs.is_sorted_by(|a, b| a.0 < b.0) {
        return;
    }
    // Reversed before a stable sort, so that of equal names the last one leads.
    pairs.reverse();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs.dedup_by(|later, first| later.0 == first.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_sorted_the_last_of_equal_names_stays_and_empty_labels_go() {
        let pair = |name, value| (Cow::Borrowed(name), Cow::Borrowed(value));
        let pairs = vec![pair("b", "1"), pair("a", "x"), pair("b", "2"), pair("c", "")];
        let report = Report::new(pairs.clone(), pairs, None, None, Cow::Borrowed(""));
        assert_eq!(report.labels, [pair("a", "x"), pair("b", "2")]);
        assert_eq!(report.annotations, [pair("a", "x"), pair("b", "2"), pair("c", "")]);
    }
}
