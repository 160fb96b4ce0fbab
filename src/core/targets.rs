//! The rules of inhibition of which an alert is a target.

use std::cell::RefCell;

use crate::core::bits::Bits;

/// Which rules an alert is a target of. It is remembered with the alert, so that it is compared with each rule once; to
/// compare is work that can be done in parts.
#[derive(Debug, Default)]
pub struct Targets(pub(super) RefCell<Compared>);

#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Every rule before this one was compared; `usize::MAX` when all are.
    pub(super) until: usize,
    /// How many of that one's conditions are known to hold.
    pub(super) at: usize,
    /// Those that match.
    pub(super) matching: Bits,
}
