//! The names of groups and of deliveries.

/// Names a group; never used twice by a running node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupId(pub u64);

impl GroupId {
    /// Before all others.
    pub const MIN: Self = Self(0);
}

/// A delivery, by its group and its place in the flush.
pub(super) type Which = (GroupId, usize);
