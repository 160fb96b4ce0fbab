//! The records on flash and in the flock: one CBOR body for both.
//!
//! A record has a kind, a key and a body. Every body is a CBOR array whose elements have fixed places. In CDDL
//! (RFC 8610):
//!
//! ```text
//! alert   = [labels: [* tstr], annotations: [* tstr], starts: time, ends: time, updated: time, timeout: bool, url: tstr]
//! silence = [matchers: [+ matcher], starts: time, ends: time, updated: time, by: tstr, comment: tstr, annotations: [* tstr]]
//! matcher = [name: tstr, op: 0..3, value: tstr]          ; =  !=  =~  !~
//! log     = [group: tstr, receiver: tstr, integration: tstr, index: uint, timestamp: time, firing: bstr, resolved: bstr, expires: time,
//!            ? tellers: [* [node: uint, times: uint]]]   ; who has told of it, the last one first
//! group   = [path: tstr, labels: [* tstr], first: time]  ; the time of its first flush
//! claim   = [lifetime: uint, surrendered: bool,         ; milliseconds from when it is heard
//!            ? given_up: [*uint]]                       ; the nodes that have given the turn up
//! node    = [id: uint, ? met: [* tstr]]                  ; addresses at which it met members
//! time    = int                                          ; nanoseconds since 1970
//! stamped = [hlc: uint, node: uint, expires: int, body: bstr]  ; on flash: the body with its version around it
//! ```
//!
//! Labels are names and values in turn. Fingerprints are 8 bytes each, big-endian. Keys: an alert's is its fingerprint, a
//! silence's its id, those of log entries and groups a 128-bit FNV-1a of what names them.
//!
//! Versions that differ live in one flock, and follow each other over one flash. What a newer one adds, an older one
//! keeps and passes on as it came ([`super::rest`]), until it writes the record anew itself. So:
//!
//! - A body may get further elements, after the last and optional, that hold no wall times: an older version does not
//!   move them to its clock. `matcher`, `stamped` and the record of the flock around a body get none.
//! - A kind keeps its meaning, and the values that are valid in it stay those: what an older version could not read or
//!   would misread is a new kind.
//! - The number of a new kind says what an older version does with it. On flash it stands in `stamped`, under the key
//!   by which the flock knows it.
//!
//! | kinds | flash | flock |
//! |---|---|---|
//! | 1 to 63, but 5 and 6 | kept | shared |
//! | 64 to 127, and 5 | not kept | shared |
//! | 128 and on, and 6 | kept | not shared |

mod body;

use std::borrow::Cow;
use std::fmt;

use minicbor::{Decode, Encode};

pub use body::*;

use crate::model::hash::fnv128;
use crate::model::{Fingerprint, Labels, LogKey, SilenceId};

/// The kind of a record. The numbers stand on flash and on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An alert.
    Alert = 1,
    /// A silence.
    Silence = 2,
    /// A log entry.
    Log = 3,
    /// The timer of a group.
    Group = 4,
    /// A claim: who is about to notify.
    Claim = 5,
    /// This node itself; kept, not shared.
    Identity = 6,
}

impl Kind {
    /// The kind of this number, if this version knows it.
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Alert),
            2 => Some(Self::Silence),
            3 => Some(Self::Log),
            4 => Some(Self::Group),
            5 => Some(Self::Claim),
            6 => Some(Self::Identity),
            _ => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The name of its records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Silence => "silence",
            Self::Log => "log entry",
            Self::Group => "group",
            Self::Claim => "claim",
            Self::Identity => "node",
        }
    }
}

/// The name of the records of a kind, also of one that this version does not know.
pub fn kind_name(number: u16) -> Cow<'static, str> {
    match Kind::from_number(number) {
        Some(kind) => kind.as_str().into(),
        None => format!("kind {number} (newer)").into(),
    }
}

/// Whether records of a kind that this version does not know are shared with the flock.
pub const fn is_shared(kind: u16) -> bool {
    1 <= kind && kind < 128
}

/// Whether records of a kind that this version does not know are kept on flash.
pub const fn is_kept(kind: u16) -> bool {
    kind < 64 || 128 <= kind
}

/// Bytes that are no record of the kind that was expected: what is wrong. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed record: {}", self.0)
    }
}

impl From<minicbor::decode::Error> for Malformed {
    fn from(error: minicbor::decode::Error) -> Self {
        Self(error.to_string())
    }
}

/// A body with its version around it, as it stands on flash.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Stamped {
    /// The reading of the author's hybrid logical clock.
    #[n(0)]
    pub hlc: u64,
    /// The author's node id.
    #[n(1)]
    pub node: u64,
    /// Wall milliseconds from which on the record means nothing.
    #[n(2)]
    pub expires_at_ms: i64,
    /// The body.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub body: Vec<u8>,
}

impl Stamped {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        Ok(minicbor::decode(bytes)?)
    }
}

/// The key of an alert.
pub const fn alert_key(fingerprint: Fingerprint) -> [u8; 8] {
    fingerprint.0.to_be_bytes()
}

/// The alert that an [`alert_key`] names.
pub fn fingerprint_of(key: &[u8]) -> Result<Fingerprint, Malformed> {
    let bytes = key.try_into().map_err(|_| Malformed("an alert's key is 8 bytes".to_owned()))?;
    Ok(Fingerprint(u64::from_be_bytes(bytes)))
}

/// The key of a silence.
pub const fn silence_key(id: SilenceId) -> [u8; 16] {
    id.as_bits().to_be_bytes()
}

/// The silence that a [`silence_key`] names.
pub fn silence_id_of(key: &[u8]) -> Result<SilenceId, Malformed> {
    let bytes = key.try_into().map_err(|_| Malformed("a silence's key is 16 bytes".to_owned()))?;
    Ok(SilenceId::from_bits(u128::from_be_bytes(bytes)))
}

/// The key of a log entry.
pub fn log_key(key: &LogKey) -> [u8; 16] {
    key.id().to_be_bytes()
}

/// The key of a group's timer.
pub fn group_key(path: &str, labels: &Labels) -> [u8; 16] {
    let texts = std::iter::once(path).chain(labels.iter().flat_map(|(name, value)| [name, value]));
    fnv128(texts).to_be_bytes()
}

/// The turn that the key of a claim names.
pub fn turn_of(key: &[u8]) -> Result<u128, Malformed> {
    let bytes = key.try_into().map_err(|_| Malformed("a claim's key is 16 bytes".to_owned()))?;
    Ok(u128::from_be_bytes(bytes))
}

fn encode(body: impl Encode<()>) -> Vec<u8> {
    // Writing to memory cannot fail.
    minicbor::to_vec(body).unwrap_or_default()
}
