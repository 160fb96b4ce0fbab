//! Limits of the silences that a config declares, and of what receivers are told later: what they are owed, and what ended while
//! it was muted.

use std::time::Duration;

/// Silences that a config may declare. Policy: a config with more is refused.
pub const DECLARED_SILENCES_MAX: usize = 64;
/// How long the end of an alert that was told to fire, and ended while it was muted, waits to be told, with
/// `resolved_after_quiet`. Policy: it is forgotten, as in Alertmanager.
pub const QUIET_END_AGE_MAX: Duration = Duration::from_secs(14 * 24 * 3600);
/// Debts: groups of which an integration was not told. Policy: a further one is not noted; its alerts that come and go are
/// counted.
pub const OWED_MAX: usize = 10_000;
/// Alerts that came and went and are owed to one receiver. Policy: the one that ended first is cut, and counted.
pub const OWED_ALERTS_MAX: usize = 1_000;
/// Bytes of their texts, of one receiver. Policy: as for [`OWED_ALERTS_MAX`].
pub const OWED_BYTES_MAX: usize = 512 * 1024;
/// How long an alert that came and went is owed. Policy: as for [`OWED_ALERTS_MAX`].
pub const OWED_AGE_MAX: Duration = Duration::from_secs(14 * 24 * 3600);
