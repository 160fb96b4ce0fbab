//! Limits of the alerts of our own that tell of this node itself: from when on something is worth one.

use std::time::Duration;

/// Days of card life, at the pace since the start. Policy: with fewer `BellwetherFlashWearing` fires. A first day counts as a
/// whole one.
pub const FLASH_DAYS_MIN: u64 = 365;
/// How long the wall clock may be unsynchronised. Policy: then `BellwetherClockUnset` fires.
pub const CLOCK_UNSET_TIME: Duration = Duration::from_secs(15 * 60);
/// A step of a synchronised clock that is worth an alert, not before this node has been up for
/// [`CLOCK_UNSET_TIME`]. Policy: `BellwetherClockStepped` fires; a smaller one is only logged.
pub const CLOCK_STEP_MIN: Duration = Duration::from_secs(60);
/// How long `BellwetherClockStepped` fires. Policy: then it ends.
pub const CLOCK_STEP_TIME: Duration = Duration::from_secs(15 * 60);
/// Members that are lost within this time are lost at once. Policy: if they are two or more, and half of the flock,
/// `BellwetherFlockSplit` fires until most are back.
pub const FLOCK_SPLIT_TIME: Duration = Duration::from_secs(10 * 60);
/// How long before its end a certificate is worth an alert; one of less than eight weeks in the last quarter of its life. Policy:
/// `BellwetherCertificateEnds` fires.
pub const CERTIFICATE_END_TIME: Duration = Duration::from_secs(14 * 24 * 3600);
/// Certificates whose end is looked at. Policy: further ones are not.
pub const CERTIFICATES_MAX: usize = 64;
/// Between two looks at certificates. Policy: none, it is a pace.
pub const CERTIFICATES_INTERVAL: Duration = Duration::from_secs(3600);
