//! Every limit of the product, each with its policy: what happens when it is reached. The README's table says the same.

use std::time::Duration;

/// Payload of one gossip datagram. Policy: larger records travel in numbered parts. 1232 = IPv6's minimum MTU of 1280
/// less the IPv6 and UDP headers, so no datagram is ever fragmented.
pub const DATAGRAM_BYTES_MAX: usize = 1232;

// The core.

/// Alerts in the table, resolved ones that were not yet dropped too. Policy: a report of a new alert is refused with
/// 503, so that its sender comes again; reports of known alerts are taken.
pub const ALERTS_MAX: usize = 50_000;
/// Silences in the table, expired ones too. Policy: a new one is refused with 400.
pub const SILENCES_MAX: usize = 10_000;
/// Bytes of text in one silence. Policy: refused with 400.
pub const SILENCE_BYTES_MAX: usize = 64 * 1024;
/// Aggregation groups. Policy: a report of a new alert that might need more is refused as in a full table.
pub const GROUPS_MAX: usize = 100_000;

// The journal.

/// Key of one journal record. Policy: the commit is refused with an error. A group key of a few dozen labels fits.
pub const STORE_KEY_BYTES_MAX: usize = 1024;

/// Body of one journal record. Policy: the commit is refused with an error. The largest alert that is accepted fits.
pub const STORE_BODY_BYTES_MAX: usize = 64 * 1024;

/// Frames of one commit group. Policy: more becomes several groups, each durable before the next.
pub const STORE_GROUP_BYTES_MAX: usize = 128 * 1024;

/// Frames after which a group of copied records is closed. Policy: the next group takes the rest; this bounds the
/// memory of a compaction, and what one damaged page can cost.
pub const STORE_COPY_BYTES: usize = 32 * 1024;

/// Segments on flash: the one in use, the generation before it, and the one that is written next. Policy: the oldest
/// is overwritten.
pub const STORE_SEGMENTS: u8 = 3;

/// The smallest segment. Policy: segments double when the live records fill half, and halve when they fill a sixteenth.
pub const STORE_SEGMENT_BYTES_MIN: u32 = 1024 * 1024;

/// The largest segment, so three times this on flash. Policy: a commit that needs more is refused with an error. Room
/// for 30,000 alerts of 400 bytes.
pub const STORE_SEGMENT_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// Places of damage that one replay reports one by one. Policy: more are only counted.
pub const STORE_CUTS_MAX: usize = 32;

/// What a card writes inside for one commit, at worst: a whole erase block. Policy: none, it prices the commits.
pub const STORE_INNER_WRITE_BYTES: u64 = 4_000_000;

/// How long the commit budget may hold back what somebody waits for. Policy: then it is written, over budget.
pub const STORE_CRITICAL_DELAY_MAX: Duration = Duration::from_secs(10);

/// How long the commit budget may hold back what nobody waits for. Policy: then it is written, over budget.
pub const STORE_DELAY_MAX: Duration = Duration::from_secs(15 * 60);

// Matchers.

/// Text of one regular expression. Policy: refuse the matcher.
pub const PATTERN_BYTES_MAX: usize = 16 * 1024;
/// Memory of one compiled regular expression. Policy: refuse the matcher.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 512 * 1024;
/// Groups within groups in one regular expression. Policy: refuse the matcher.
pub const PATTERN_NEST_MAX: usize = 32;
