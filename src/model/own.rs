//! The alerts of our own: the one table of their names.

/// The agent keeps nothing on flash, or not all.
pub const JOURNAL_FAILED: &str = "BellwetherJournalFailed";
/// The config was changed and not taken: the former one stays in force.
pub const CONFIG_REJECTED: &str = "BellwetherConfigRejected";
/// Alerts that came and went while a receiver was not reached are more than is kept; the rest is only counted.
pub const OWED_CUT: &str = "BellwetherOwedCut";
/// Notifications to a receiver fail.
pub const RECEIVER_FAILING: &str = "BellwetherReceiverFailing";
/// A member of the flock does not answer.
pub const MEMBER_DOWN: &str = "BellwetherMemberDown";
/// A peer of the flock has another key.
pub const KEY_MISMATCH: &str = "BellwetherKeyMismatch";
/// Something that is expected again and again stays away.
pub const EXPECTED_MISSING: &str = "BellwetherExpectedMissing";
