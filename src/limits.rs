//! Every limit of the product, each with its policy: what happens when it is reached. The README's table says the same.

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
