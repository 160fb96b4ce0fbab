//! The unit of replication: a record is a key, a version, a time after which it means nothing, and bytes.
//!
//! Of two records with one key the one with the greater [`Version`] holds, in whatever order they arrive: the merge is
//! commutative, associative and idempotent, so datagrams may be lost, repeated and reordered.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use minicbor::bytes::ByteSlice;
use minicbor::encode::Write;
use minicbor::{CborLen, Decode, Decoder, Encode, Encoder, decode, encode};

/// Names a record: its kind, and which of the kind it is. `gossip` gives the kind no meaning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, CborLen)]
pub struct Key {
    /// The kind: silence, log entry, alert, claim.
    #[n(0)]
    pub kind: u8,
    /// Which one: at most [`crate::limits::RECORD_KEY_BYTES_MAX`] bytes.
    #[n(1)]
    pub id: Id,
}

impl Key {
    /// The key of a record.
    pub fn new(kind: u8, id: impl AsRef<[u8]>) -> Self {
        Self { kind, id: Id::new(id.as_ref()) }
    }

    /// The key's place in digests: 64 bits, spread evenly.
    pub(super) fn hash(&self) -> u64 {
        hash64(&[&[self.kind], &self.id])
    }
}

/// The bytes that tell a record from the others of its kind. As many as all kinds of today have stand where the key stands,
/// and take no memory of their own.
#[derive(Clone)]
pub struct Id(Bytes);

/// The most bytes of the ids of today.
const SHORT_BYTES: usize = 16;

#[derive(Clone)]
enum Bytes {
    Short(u8, [u8; SHORT_BYTES]),
    Long(Box<[u8]>),
}

impl Id {
    fn new(id: &[u8]) -> Self {
        let mut bytes = [0; SHORT_BYTES];
        match (bytes.get_mut(..id.len()), u8::try_from(id.len())) {
            (Some(short), Ok(length)) => {
                short.copy_from_slice(id);
                Self(Bytes::Short(length, bytes))
            }
            _ => Self(Bytes::Long(id.into())),
        }
    }
}

impl Deref for Id {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Short(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or(bytes),
            Bytes::Long(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Id {}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Id {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl<C> Encode<C> for Id {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(self)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Id {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.bytes().map(Self::new)
    }
}

impl<C> CborLen<C> for Id {
    fn cbor_len(&self, ctx: &mut C) -> usize {
        <&ByteSlice>::from(&**self).cbor_len(ctx)
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

/// The version of a record, and its end: of two with one key the greater one holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// Its version.
    pub version: Version,
    /// Wall milliseconds, by the flock's time, from which on the record means nothing.
    pub expires_at_ms: i64,
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
    /// Its version and its end.
    pub const fn stamp(&self) -> Stamp {
        Stamp { version: self.version, expires_at_ms: self.expires_at_ms }
    }

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
    /// It is new, and held from now on with this stamp: its own, or that of the result where it was merged with the version
    /// that was held.
    Changed(Stamp),
    /// It was known already, or older than what is held.
    Same,
    /// It cannot be held (a full table, a malformed body). It is not offered again for some minutes.
    Refused(&'static str),
}

/// The state that is replicated: the node's tables. Which versions they hold, and until when, `gossip` knows.
pub trait Replica {
    /// Takes a record that another member has sent; `held` is the stamp of the version that the tables hold. `gossip` has
    /// checked that the record is neither stale nor expired as far as it knows; the outcome decides whether it is passed on.
    fn merge(&mut self, now: crate::time::Now, record: Record, held: Option<Stamp>) -> Merge;

    /// The body of the record of this key as it is now, and [`Record::sent_at`]; nothing if it is not held.
    fn fetch(&self, key: &Key) -> Option<(Vec<u8>, Option<i64>)>;
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
        assert_eq!(Key::new(1, b"abc").hash(), 0x571c_7ae9_d4f3_894a);
    }

    #[test]
    fn an_id_of_any_length_is_its_bytes() {
        let all: Vec<u8> = (0..=255).collect();
        let id = |bytes: &[u8]| Id::new(bytes);
        for length in [0, 1, SHORT_BYTES, SHORT_BYTES + 1, 256] {
            let bytes = &all[..length];
            assert_eq!(&*id(bytes), bytes);
            let encoded = minicbor::to_vec(id(bytes)).unwrap();
            assert_eq!(encoded, minicbor::to_vec(<&ByteSlice>::from(bytes)).unwrap());
            assert_eq!(minicbor::len(id(bytes)), encoded.len());
            assert_eq!(decode::<Id>(&encoded).unwrap(), id(bytes));
        }
        assert!(id(&[1; 16]) < id(&[1; 17]) && id(&[1; 17]) < id(&[2]) && id(&[]) < id(&[0]));
    }

    #[test]
    fn the_later_clock_wins_then_the_greater_node() {
        let version = |hlc, node| Version { hlc, node };
        assert!(version(2, 1) > version(1, 9));
        assert!(version(2, 2) > version(2, 1));
    }
}
