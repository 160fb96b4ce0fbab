//! What the flock shares: a record is a key, a version, a time after which it means nothing, and bytes.
//!
//! Of two records with one key the one with the greater [`Version`] holds, whoever hears of them in whatever order: the
//! merge is commutative, associative and idempotent, so datagrams may be lost, repeated and reordered.

use std::time::Duration;

use minicbor::{CborLen, Decode, Encode};

/// Names a record: what kind of thing it is, and which. `gossip` gives the kind no meaning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, CborLen)]
pub struct Key {
    /// The kind of thing: silence, log entry, alert, claim.
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

/// When a record was written, and by whom: the greater one holds.
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
    /// Of what nobody has told yet: older than all that anybody tells.
    pub const UNTOLD: Self = Self { hlc: 0, node: 0 };

    /// The first version of a time, in wall milliseconds, by nobody.
    pub const fn at(wall_ms: i64) -> Self {
        Self { hlc: super::hlc::from_wall_ms(wall_ms), node: 0 }
    }

    /// The version of what a record of this version was joined to with an older one that `node` had heard of: it is newer,
    /// by as little as can be, and `print` tells it from what others may have joined.
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

/// One thing the flock shares.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
pub struct Record {
    /// What it is about.
    #[n(0)]
    pub key: Key,
    /// Which of two with the same key holds.
    #[n(1)]
    pub version: Version,
    /// Wall milliseconds from which on it means nothing: it is refused, forgotten and never sent. A newer version never
    /// expires before an older one, or the older one could come back from a node that was away.
    #[n(2)]
    pub expires_at_ms: i64,
    /// The thing itself, as its room encodes it: at most [`crate::limits::RECORD_BYTES_MAX`] bytes.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub body: Vec<u8>,
    /// What the clock by which the times in the body are told shows as this is sent, in nanoseconds. `gossip` sets it on
    /// while the record waits, and sees by it that its sender has set its clock between two parts.
    #[n(4)]
    pub told_at: Option<i64>,
}

impl Record {
    /// Sets the clock on by the time that this record has waited: who receives it must not take the wait for a difference
    /// of clocks.
    pub(super) fn age(&mut self, by: Duration) {
        let by = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
        self.told_at = self.told_at.map(|at| at.saturating_add(by));
    }
}

/// What became of a record that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// It was news, and holds now.
    Changed,
    /// It was known already, or older than what is known.
    Same,
    /// It cannot be kept (a full table, a body that makes no sense). It is not offered again for some minutes.
    Refused(&'static str),
}

/// The state behind the gossip: the node's tables.
pub trait Replica {
    /// Takes a record that another member has sent. `gossip` has seen to it that it is not stale or expired by its own
    /// index; what this returns decides whether it travels on.
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
    fn hashes_are_part_of_the_wire_format_and_stay() {
        assert_eq!(Key { kind: 1, id: b"abc".to_vec() }.hash(), 0x571c_7ae9_d4f3_894a);
    }

    #[test]
    fn the_later_clock_holds_and_the_node_decides_between_equal_ones() {
        let version = |hlc, node| Version { hlc, node };
        assert!(version(2, 1) > version(1, 9));
        assert!(version(2, 2) > version(2, 1));
    }
}
