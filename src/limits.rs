//! Every limit of the product, each with its policy: what happens when it is reached. The README's table says the same.

/// Payload of one gossip datagram. Policy: larger records travel in numbered parts. 1232 = IPv6's minimum MTU of 1280
/// less the IPv6 and UDP headers, so no datagram is ever fragmented.
pub const DATAGRAM_BYTES_MAX: usize = 1232;

// The flock.

/// Members a node keeps in its tables. Policy: further ones are not let in, counted; state still reaches them by others.
pub const MEMBERS_MAX: usize = 128;
/// Bytes of a member's name. Policy: a longer name is a configuration error; from the network it is malformed.
pub const MEMBER_NAME_BYTES_MAX: usize = 64;
/// Gossip keys in the ring. Policy: more is a configuration error.
pub const GOSSIP_KEYS_MAX: usize = 8;
/// Records in the index of what the flock shares. Policy: further ones are refused, counted.
pub const GOSSIP_RECORDS_MAX: usize = 16_384;
/// Bytes of a record's key. Policy: refused.
pub const RECORD_KEY_BYTES_MAX: usize = 256;
/// Bytes of a record's body. Policy: refused when published, malformed when received.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;
/// Bytes of records waiting to be sent for the first time. Policy: further ones are left to repair, counted.
pub const NEWS_BYTES_MAX: usize = 1024 * 1024;
/// Bytes a second of records sent for the first time, and the burst. Policy: the rest waits its turn.
pub const NEWS_BYTES_PER_SECOND: u64 = 1024 * 1024;
/// See [`NEWS_BYTES_PER_SECOND`]: less than a socket's default receive buffer.
pub const NEWS_BYTES_BURST: u64 = 32 * 1024;
/// Datagrams of news of which it is known that they were not acknowledged. Policy: further ones are left to repair.
pub const UNACKNOWLEDGED_MAX: usize = 2048;
/// Bytes a second of repair a node sends. Policy: the rest waits its turn.
pub const REPAIR_BYTES_PER_SECOND: u64 = 64 * 1024;
/// The burst of [`REPAIR_BYTES_PER_SECOND`].
pub const REPAIR_BYTES_BURST: u64 = 32 * 1024;
/// Records (or parts of one) waiting to be sent in repair. Policy: further ones are found again by the next digest.
pub const REPAIR_QUEUE_MAX: usize = 4096;
/// Records a node has asked for and not yet got. Policy: further ones are found again by the next digest.
pub const WANTED_MAX: usize = 512;
/// Records being put together from parts, and their bytes. Policy: the one longest without progress is dropped.
pub const ASSEMBLIES_MAX: usize = 16;
/// See [`ASSEMBLIES_MAX`].
pub const ASSEMBLY_BYTES_MAX: usize = 1024 * 1024;
/// Datagrams waiting for the socket. Policy: further ones are dropped, counted; gossip expects loss.
pub const GOSSIP_OUTPUTS_MAX: usize = 4096;
/// Addresses that are tried for members: static peers and what members have told. Policy: further ones are ignored.
pub const CANDIDATES_MAX: usize = 256;
/// Sources that are not members whose rate is counted. Policy: further ones share one bucket.
pub const STRANGERS_MAX: usize = 256;
/// Datagrams a second, and the burst, decrypted for one source that is no member. Policy: dropped, counted.
pub const STRANGER_DATAGRAMS_PER_SECOND: u64 = 20;
/// See [`STRANGER_DATAGRAMS_PER_SECOND`].
pub const STRANGER_DATAGRAMS_BURST: u64 = 40;
/// The same for all sources that are not members, together.
pub const STRANGERS_DATAGRAMS_PER_SECOND: u64 = 200;
/// The same for one member's address: more than a member ever sends.
pub const MEMBER_DATAGRAMS_PER_SECOND: u64 = 4000;
/// How far ahead of our synchronised clock a version may be. Policy: refused, counted, shown.
pub const CLOCK_AHEAD_MS_MAX: i64 = 10 * 60 * 1000;
