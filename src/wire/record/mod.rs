//! The records that are stored on flash and replicated to the flock: one CBOR body for both.
//!
//! A record has a kind, a key and a body. Every body is a CBOR array whose elements have fixed places. In CDDL
//! (RFC 8610):
//!
//! ```text
//! alert   = [labels: [* tstr], annotations: [* tstr], starts: time, ends: time, updated: time, timeout: bool, url: tstr]
//! silence = [matchers: [+ matcher], starts: time, ends: time, updated: time, by: tstr, comment: tstr, annotations: [* tstr]]
//! matcher = [name: tstr, op: 0..3, value: tstr]          ; =  !=  =~  !~
//! log     = [group: tstr, receiver: tstr, integration: tstr, index: uint, timestamp: time, firing: bstr, resolved: bstr, expires: time,
//!            ? senders: [* [node: uint, times: uint]]]   ; the nodes that have sent it, the last one first
//! group   = [path: tstr, labels: [* tstr], first: time]  ; the time of its first flush
//! claim   = [lifetime: uint, surrendered: bool,         ; milliseconds from when it is heard
//!            ? given_up: [*uint]]                       ; the nodes that have given the turn up
//! node    = [id: uint, ? met: [* tstr]]                  ; addresses at which it met members
//! beat    = [name: tstr, at: time, said: tstr]           ; a sign of life, by the name of what is expected or told
//! sign    = beat                                         ; nothing is said: none has come since then
//! debt    = [group: tstr, receiver: tstr, integration: tstr, index: uint, since: time, cut: uint,
//!            ? late: uint]                              ; alerts that were cut, and that came and went
//! member  = [name: tstr, addr: tstr / null, ? gone: time]  ; another member, and since when it is down
//! past    = [topic: uint, id: uint, at: time, text: tstr]  ; an event of the history: a JSON object
//! time    = int                                          ; nanoseconds since 1970
//! stamped = [hlc: uint, node: uint, expires: int, body: bstr]  ; on flash: the body with its version around it
//! ```
//!
//! Labels are names and values in turn. Fingerprints are 8 bytes each, big-endian. Keys: an alert's is its fingerprint, a
//! silence's its id, that of an event its topic and its place, a member's its node id, those of log entries, debts, groups, beats and signs a 128-bit FNV-1a of their names.
//!
//! Versions that differ live in one flock, and follow each other over one flash. Fields that a newer one adds, an older one
//! stores and passes on as it came ([`super::rest`]), until it writes the record anew itself. So:
//!
//! - A body may get further elements, after the last and optional, that hold no wall times: an older version does not
//!   move them to its clock. `matcher`, `stamped` and the record of the flock around a body get none.
//! - A kind keeps its meaning, and the values that are valid in it stay those: a change that an older version could not
//!   read or would misread is a new kind.
//! - The number of a new kind tells an older version what to do with it. On flash it stands in `stamped`, under the key
//!   by which the flock knows it.
//!
//! | kinds | flash | flock |
//! |---|---|---|
//! | 1 to 63, but 5 and 6 | stored | replicated |
//! | 64 to 127, and 5 | not stored | replicated |
//! | 128 and on, and 6 | stored | not replicated |

mod alert;
mod beat;
mod claim;
mod debt;
mod group;
mod history;
mod identity;
mod labels;
mod log;
mod malformed;
mod member;
mod silence;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use minicbor::{Decode, Encode};

pub use alert::{alert_key, decode_alert, encode_alert, fingerprint_of};
pub use beat::{Beat, beat_key, decode_beat, encode_beat};
pub use claim::{decode_claim, encode_claim, turn_of};
pub use debt::{decode_debt, encode_debt};
pub use group::{GroupTimer, decode_group, encode_group, group_key};
pub use history::{decode_past, encode_past};
pub use identity::{decode_identity, encode_identity};
pub use log::{decode_log, encode_log, log_key};
pub use malformed::Malformed;
pub use member::{Member, decode_member, encode_member, member_key, member_of};
pub use silence::{decode_silence, encode_silence, silence_id_of, silence_key};

use malformed::encode;

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
    /// A claim: the node that is about to notify.
    Claim = 5,
    /// This node itself; stored, not replicated.
    Identity = 6,
    /// A sign of life; replicated, not stored.
    Beat = 65,
    /// The notification of a group that a receiver did not get; stored, not replicated.
    Debt = 129,
    /// An event of the history; stored, not replicated.
    Past = 130,
    /// Another member of the flock; stored, not replicated.
    Member = 131,
    /// The last sign of life of what is expected; stored, not replicated.
    Sign = 132,
}

/// Every kind.
const KINDS: [Kind; 11] = [
    Kind::Alert,
    Kind::Silence,
    Kind::Log,
    Kind::Group,
    Kind::Claim,
    Kind::Identity,
    Kind::Beat,
    Kind::Debt,
    Kind::Past,
    Kind::Member,
    Kind::Sign,
];

impl Kind {
    /// The kind of this number, if this version knows it.
    pub fn from_number(number: u16) -> Option<Self> {
        KINDS.into_iter().find(|kind| u16::from(kind.number()) == number)
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The name of its records.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// How many elements a body of this kind has, as far as this version knows.
    pub(super) const fn elements(self) -> u64 {
        self.row().1
    }

    const fn row(self) -> (&'static str, u64) {
        match self {
            Self::Alert => ("alert", alert::ELEMENTS),
            Self::Silence => ("silence", silence::ELEMENTS),
            Self::Log => ("log entry", log::ELEMENTS),
            Self::Group => ("group", group::ELEMENTS),
            Self::Claim => ("claim", claim::ELEMENTS),
            Self::Identity => ("node", identity::ELEMENTS),
            Self::Beat => ("beat", beat::ELEMENTS),
            Self::Debt => ("debt", debt::ELEMENTS),
            Self::Past => ("event", history::ELEMENTS),
            Self::Member => ("member", member::ELEMENTS),
            Self::Sign => ("sign", beat::ELEMENTS),
        }
    }
}

/// The name of records of a kind, also of one that this version does not know.
pub fn kind_name(number: u16) -> Cow<'static, str> {
    match Kind::from_number(number) {
        Some(kind) => kind.as_str().into(),
        None => format!("kind {number} (newer)").into(),
    }
}

/// Whether records of a kind that this version does not know are replicated to the flock.
pub const fn is_shared(kind: u16) -> bool {
    1 <= kind && kind < 128
}

/// Whether records of a kind that this version does not know are stored on flash.
pub const fn is_kept(kind: u16) -> bool {
    kind < 64 || 128 <= kind
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
