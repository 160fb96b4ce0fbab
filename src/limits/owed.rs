//! Limits of what receivers are owed.

use std::time::Duration;

/// Debts: groups of which an integration was not told. Policy: a further one is not noted; its alerts that come and go are
/// not told late.
pub const OWED_MAX: usize = 10_000;
/// Alerts that came and went and are owed to one receiver. Policy: the one that ended first is cut, and counted.
pub const OWED_ALERTS_MAX: usize = 1_000;
/// Bytes of their texts, of one receiver. Policy: as for [`OWED_ALERTS_MAX`].
pub const OWED_BYTES_MAX: usize = 512 * 1024;
/// How long an alert that came and went is owed. Policy: as for [`OWED_ALERTS_MAX`].
pub const OWED_AGE_MAX: Duration = Duration::from_secs(14 * 24 * 3600);
