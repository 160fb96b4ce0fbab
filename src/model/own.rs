//! The alerts of our own: the one table of their names.

/// The agent keeps nothing on flash, or not all.
pub const JOURNAL_FAILED: &str = "BellwetherJournalFailed";
/// Notifications to a receiver fail.
pub const RECEIVER_FAILING: &str = "BellwetherReceiverFailing";
/// A member of the flock does not answer.
pub const MEMBER_DOWN: &str = "BellwetherMemberDown";
/// A peer of the flock has another key.
pub const KEY_MISMATCH: &str = "BellwetherKeyMismatch";
/// Something that is expected again and again stays away.
pub const EXPECTED_MISSING: &str = "BellwetherExpectedMissing";
