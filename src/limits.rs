//! Every limit of the product, each with its policy: what happens when it is reached. The README's table says the same.

/// Payload of one gossip datagram. Policy: larger records travel in numbered parts. 1232 = IPv6's minimum MTU of 1280
/// less the IPv6 and UDP headers, so no datagram is ever fragmented.
pub const DATAGRAM_BYTES_MAX: usize = 1232;

// Matchers.

/// Text of one regular expression. Policy: refuse the matcher.
pub const PATTERN_BYTES_MAX: usize = 16 * 1024;
/// Memory of one compiled regular expression. Policy: refuse the matcher.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 512 * 1024;
/// Groups within groups in one regular expression. Policy: refuse the matcher.
pub const PATTERN_NEST_MAX: usize = 32;
