//! The record of a silence.

use minicbor::{Decode, Encode};

use super::labels::{flat, labels};
use super::malformed::{Malformed, encode};
use crate::model::matcher::bounded;
use crate::model::{MatchOp, Matcher, Matchers, Pool, Silence, SilenceId};
use crate::time::Wall;

/// The elements of a body.
pub(super) const ELEMENTS: u64 = 7;

#[derive(Encode, Decode)]
#[cbor(array)]
struct SilenceBody<'a> {
    #[b(0)]
    matchers: Vec<MatcherBody<'a>>,
    #[n(1)]
    starts: i64,
    #[n(2)]
    ends: i64,
    #[n(3)]
    updated: i64,
    #[b(4)]
    by: &'a str,
    #[b(5)]
    comment: &'a str,
    #[b(6)]
    annotations: Vec<&'a str>,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct MatcherBody<'a> {
    #[b(0)]
    name: &'a str,
    #[n(1)]
    op: u8,
    #[b(2)]
    value: &'a str,
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

/// The body of a silence.
pub fn encode_silence(silence: &Silence) -> Vec<u8> {
    encode(SilenceBody {
        matchers: silence
            .matchers
            .iter()
            .map(|it| MatcherBody { name: it.name(), op: it.op() as u8, value: it.value() })
            .collect(),
        starts: silence.starts_at.as_ns(),
        ends: silence.ends_at.as_ns(),
        updated: silence.updated_at.as_ns(),
        by: &silence.created_by,
        comment: &silence.comment,
        annotations: flat(&silence.annotations),
    })
}

/// The silence of a body.
pub fn decode_silence(id: SilenceId, bytes: &[u8]) -> Result<Silence, Malformed> {
    let body: SilenceBody<'_> = minicbor::decode(bytes)?;
    let matcher = |it: &MatcherBody<'_>| {
        let op = match it.op {
            0 => MatchOp::Equal,
            1 => MatchOp::NotEqual,
            2 => MatchOp::Matches,
            3 => MatchOp::NotMatches,
            other => return Err(Malformed(format!("matcher operator {other}; known: 0 to 3"))),
        };
        Matcher::new(it.name, op, it.value).map_err(|error| Malformed(error.to_string()))
    };
    let matchers = bounded(body.matchers.iter().map(matcher), Malformed)?;
    let matchers: Matchers = matchers.into_iter().collect();
    if matchers.iter().all(Matcher::matches_empty) {
        return Err(Malformed("a silence that matches everything".to_owned()));
    }
    Ok(Silence {
        id,
        matchers,
        starts_at: Wall::from_ns(body.starts),
        ends_at: Wall::from_ns(body.ends),
        updated_at: Wall::from_ns(body.updated),
        created_by: body.by.into(),
        comment: body.comment.into(),
        annotations: labels(&body.annotations, &mut Pool::default())?,
    })
}
