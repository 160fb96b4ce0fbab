//! The rules of inhibition of which an alert is a target, and the source that inhibits it.

use std::cell::RefCell;

use crate::core::bits::Bits;
use crate::model::Fingerprint;
use crate::time::Wall;

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
    /// The source that was looked for, if there are any that match: most alerts are no target.
    pub(super) look: Option<Box<Look>>,
}

#[derive(Debug, Default)]
pub(super) struct Look {
    /// The source that was found last.
    pub(super) looked: Looked,
    /// Those rules that were looked at in vain for another one: every rule before this, since that revision and time.
    pub(super) looking: Option<(u64, Wall, usize)>,
}

/// The result of the last look for a source.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Looked {
    /// At which revision of all sources and when, if ever.
    pub(super) at: Option<(u64, Wall)>,
    /// The alert that inhibits this one.
    pub(super) source: Option<Fingerprint>,
}
