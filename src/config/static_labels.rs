//! Labels that a config gives to a route, a receiver or an expectation.

use std::sync::Arc;

use crate::model::Labels;

/// Labels that a config gives, sorted by name, no name twice. Unlike those of alerts, which share their strings with each
/// other, they may go from thread to thread. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaticLabels(Arc<[(Box<str>, Box<str>)]>);

impl StaticLabels {
    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The pairs, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same as labels of an alert.
    pub fn to_labels(&self) -> Labels {
        self.iter().collect()
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for StaticLabels {
    /// Sorts; of equal names the last one stays.
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        let labels: Labels = pairs.into_iter().collect();
        Self(labels.iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}
