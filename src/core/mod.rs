//! The alerting mind: a file a table or a rule, in pipeline order.

use crate::model::{Fingerprint, SilenceId};

/// Why an alert is not notified, as asked at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Muted {
    /// The active silences that match it, sorted.
    pub silenced_by: Vec<SilenceId>,
    /// The alerts that inhibit it: at most one, the first hit.
    pub inhibited_by: Vec<Fingerprint>,
}
