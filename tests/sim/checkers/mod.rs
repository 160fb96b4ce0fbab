//! What must hold, judged from outside: a file a promise.

pub(crate) mod bounds;
pub(crate) mod equal;
pub(crate) mod lost;
pub(crate) mod muted;
pub(crate) mod newer;
pub(crate) mod quiet;
pub(crate) mod repeat;
pub(crate) mod timers;
pub(crate) mod told;
pub(crate) mod versions;

use std::collections::BTreeMap;
use std::rc::Rc;

use bellwether::model::SilenceId;

/// What an alert's sender knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Alert {
    pub(crate) group: Rc<str>,
    /// The posts that said that it fires; any that was answered counts.
    pub(crate) fires: Vec<usize>,
    /// The posts that said that it has ended, to the same seats.
    pub(crate) ends: Vec<usize>,
}

/// What an operator knows of a silence.
#[derive(Clone, Debug)]
pub(crate) struct Silence {
    pub(crate) id: SilenceId,
    pub(crate) group: Rc<str>,
    pub(crate) seat: usize,
    pub(crate) expired_at: Option<u64>,
}

/// The truth, as those outside know it.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    pub(crate) alerts: BTreeMap<Rc<str>, Alert>,
    pub(crate) silences: Vec<Silence>,
}
