//! The record of a group's timer.

use minicbor::{Decode, Encode};

use super::labels::{flat, labels};
use super::malformed::{Malformed, encode};
use crate::model::hash::fnv128;
use crate::model::{Labels, Pool};
use crate::time::Wall;

/// The elements of a body.
pub(super) const ELEMENTS: u64 = 3;

/// The time at which a group is first flushed; the others follow at its interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTimer {
    /// The path of its route.
    pub path: String,
    /// The labels its alerts share.
    pub labels: Labels,
    /// Its first flush.
    pub first: Wall,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct GroupBody<'a> {
    #[b(0)]
    path: &'a str,
    #[b(1)]
    labels: Vec<&'a str>,
    #[n(2)]
    first: i64,
}

/// The key of a group's timer.
pub fn group_key(path: &str, labels: &Labels) -> [u8; 16] {
    let texts = std::iter::once(path).chain(labels.iter().flat_map(|(name, value)| [name, value]));
    fnv128(texts).to_be_bytes()
}

/// The body of a group's timer.
pub fn encode_group(timer: &GroupTimer) -> Vec<u8> {
    encode(GroupBody { path: &timer.path, labels: flat(&timer.labels), first: timer.first.as_ns() })
}

/// The group's timer of a body.
pub fn decode_group(bytes: &[u8]) -> Result<GroupTimer, Malformed> {
    let body: GroupBody<'_> = minicbor::decode(bytes)?;
    Ok(GroupTimer {
        path: body.path.to_owned(),
        labels: labels(&body.labels, &mut Pool::default())?,
        first: Wall::from_ns(body.first),
    })
}
