//! The record of an entry of the history.

use minicbor::{Decode, Encode};

use super::malformed::{Malformed, encode};
use crate::time::Wall;

/// The elements of a body.
pub(super) const ELEMENTS: u64 = 4;

#[derive(Encode, Decode)]
#[cbor(array)]
struct PastBody<'a> {
    #[n(0)]
    topic: u8,
    #[n(1)]
    id: u64,
    #[n(2)]
    at: i64,
    #[b(3)]
    text: &'a str,
}

/// The body of an entry: its topic, its number there, when it happened, and its text.
pub fn encode_past(topic: u8, id: u64, at: Wall, text: &str) -> Vec<u8> {
    encode(PastBody { topic, id, at: at.as_ns(), text })
}

/// The entry of a body.
pub fn decode_past(bytes: &[u8]) -> Result<(u8, u64, Wall, String), Malformed> {
    let PastBody { topic, id, at, text } = minicbor::decode(bytes)?;
    Ok((topic, id, Wall::from_ns(at), text.to_owned()))
}
