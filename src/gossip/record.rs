//! The unit of replication: a record is a key, a version, a time after which it means nothing, and bytes.
//!
//! Of two records with one key the one with the greater [`Version`] holds, in whatever order they arrive: the merge is
//! commutative, associative and idempotent, so datagrams may be lost, repeated and reordered.

use std::time::Duration;

use minicbor::{CborLen, Decode, Encode};

/// Names a record: its kind, and which of the kind it is. `gossip` gives the kind no meaning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, CborLen)]
pub struct Key {
    /// The kind: silence, log entry, alert, claim.
    #[n(0)]
    pub kind: u8,
    /// Which one: at most [`crate::limits::RECORD_KEY_BYTES_MAX`] bytes.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub id: Vec<u8>,
}

impl Key {
    /// The key's place in digests: 64 bits, spread evenly.
    pub(super) fn hash(&self) -> u64 {
        hash64(&[&[self.kind], &self.id])
    }
}

/// When a record was written, and by which node: the greater one holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, CborLen)]
pub struct Version {
    /// A reading of the author's [`super::Hlc`]: wall milliseconds << 16 | counter.
    #[n(0)]
    pub hlc: u64,
    /// The author's node id; it decides between equal clocks.
    #[n(1)]
    pub node: u64,
}

impl Version {
    /// The version of a record that no member has published: older than every published one.
    pub const UNPUBLISHED: Self = Self { hlc: 0, node: 0 };

    /// The first version of a time, in wall milliseconds, by nobody.
    pub const fn at(wall_ms: i64) -> Self {
        Self { hlc: super::hlc::from_wall_ms(wall_ms), node: 0 }
    }

    /// The version of the record that results when one of this version is merged with an older one that `node` had: newer by
    /// as little as possible. `print` distinguishes it from other results.
    #[must_use]
    pub const fn joined(self, node: u64, print: u16) -> Self {
        let hlc = super::hlc::from_wall_ms(self.wall_ms().saturating_add(1));
        Self { hlc: hlc | print as u64, node }
    }

    /// The wall clock's milliseconds in it.
    pub const fn wall_ms(self) -> i64 {
        (self.hlc >> 16).cast_signed()
    }
}

/// One thing that the flock replicates.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct Record {
    /// Its key.
    #[n(0)]
    pub key: Key,
    /// Decides which of two with the same key holds.
    #[n(1)]
    pub version: Version,
    /// Wall milliseconds from which on it means nothing: it is refused, forgotten and never sent. A newer version never
    /// expires before an older one, or the older one could come back from a node that was away.
    #[n(2)]
    pub expires_at_ms: i64,
    /// The thing itself, as its room encodes it: at most [`crate::limits::RECORD_BYTES_MAX`] bytes.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// The sender's wall clock at the moment of sending, in nanoseconds: the times in the body are of this clock. `gossip`
    /// advances it while the record waits, and finds by it that a sender has set its clock between two parts.
    #[n(4)]
    pub sent_at: Option<i64>,
}

impl Record {
    /// Advances `sent_at` by the time that this record has waited: the receiver must not take the wait for a difference of
    /// clocks.
    pub(super) fn age(&mut self, by: Duration) {
        let by = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
        self.sent_at = self.sent_at.map(|at| at.saturating_add(by));
    }
}

/// The outcome of [`Replica::merge`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// It is new, and holds now.
    Changed,
    /// It was known already, or older than what is known.
    Same,
    /// It cannot be held (a full table, a malformed body). It is not offered again for some minutes.
    Refused(&'static str),
}

/// The state that is replicated: the node's tables.
pub trait Replica {
    /// Takes a record that another member has sent. `gossip` has checked that it is neither stale nor expired as far as it
    /// knows; the outcome decides whether it is passed on.
    fn merge(&mut self, now: crate::time::Now, record: Record) -> Merge;

    /// The record of this key as it is now, or nothing if it is not held.
    fn fetch(&self, key: &Key) -> Option<Record>;
}

/// FNV-1a over all the pieces, its bits then mixed so that any of them can choose a bucket.
pub(super) fn hash64(pieces: &[&[u8]]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in pieces.iter().copied().flatten() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix64(hash)
}

/// The finaliser of `SplitMix64`: a change of any bit changes half of them.
pub(super) const fn mix64(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_part_of_the_wire_format() {
        assert_eq!(Key { kind: 1, id: b"abc".to_vec() }.hash(), 0x571c_7ae9_d4f3_894a);
    }

    #[test]
    fn the_later_clock_wins_then_the_greater_node() {
        let version = |hlc, node| Version { hlc, node };
        assert!(version(2, 1) > version(1, 9));
        assert!(version(2, 2) > version(2, 1));
    }
}
