//! The notification log's entry: what was last sent for a group by one integration.

use std::fmt;
use std::rc::Rc;

use crate::model::hash::fnv128;
use crate::model::{Fingerprint, GroupKey};
use crate::time::Wall;

/// Whose entry it is: a group, a receiver, and one integration of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogKey {
    /// The group.
    pub group: GroupKey,
    /// The receiver's name.
    pub receiver: Rc<str>,
    /// The integration's type: `webhook`.
    pub integration: Rc<str>,
    /// Its place among those of its type in the receiver.
    pub index: u32,
}

impl LogKey {
    /// The same 128 bits on every node.
    pub fn id(&self) -> u128 {
        let index = self.index.to_string();
        fnv128([self.group.as_str(), &self.receiver, &self.integration, &index])
    }
}

/// `group:receiver/integration/index`, as Alertmanager prints it.
impl fmt::Display for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}/{}", self.group, self.receiver, self.integration, self.index)
    }
}

/// The last successful notification of a [`LogKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The flush tick at which it was decided: the later one wins a merge.
    pub timestamp: Wall,
    /// The alerts it reported as firing, sorted.
    pub firing: Rc<[Fingerprint]>,
    /// The alerts it reported as resolved, sorted.
    pub resolved: Rc<[Fingerprint]>,
    /// When it may be forgotten.
    pub expires_at: Wall,
}
