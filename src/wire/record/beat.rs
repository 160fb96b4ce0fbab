//! The record of a beat: a sign of life under a name.

use minicbor::{Decode, Encode};

use super::malformed::{Malformed, encode};
use crate::limits::BEAT_TEXT_BYTES_MAX;
use crate::model::brief;
use crate::model::hash::fnv128;
use crate::time::Wall;

/// The elements of a body.
pub(super) const ELEMENTS: u64 = 3;

/// A sign of life: of something that the flock expects, or of the flock itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// `expect/backup`, `heartbeat/office`.
    pub name: String,
    /// When it came or was told.
    pub at: Wall,
    /// Whence it came, or the word that was told.
    pub said: String,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct BeatBody<'a> {
    #[b(0)]
    name: &'a str,
    #[n(1)]
    at: i64,
    #[b(2)]
    said: &'a str,
}

/// The key of a beat.
pub fn beat_key(name: &str) -> [u8; 16] {
    fnv128(["beat", name]).to_be_bytes()
}

/// The body of a beat.
pub fn encode_beat(beat: &Beat) -> Vec<u8> {
    encode(BeatBody { name: &beat.name, at: beat.at.as_ns(), said: &beat.said })
}

/// The beat of a body.
pub fn decode_beat(bytes: &[u8]) -> Result<Beat, Malformed> {
    let BeatBody { name, at, said } = minicbor::decode(bytes)?;
    let said = brief::cut(said, BEAT_TEXT_BYTES_MAX).to_owned();
    Ok(Beat { name: name.to_owned(), at: Wall::from_ns(at), said })
}
