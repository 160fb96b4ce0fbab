//! The record of a claim.

use std::time::Duration;

use minicbor::{Decode, Encode};

use super::malformed::{Malformed, encode};
use crate::limits::{CLAIM_TIME_MAX, MEMBERS_MAX};

/// The elements of a body.
pub(super) const ELEMENTS: u64 = 3;

#[derive(Encode, Decode)]
#[cbor(array)]
struct ClaimBody {
    #[n(0)]
    lifetime_ms: u64,
    #[n(1)]
    surrendered: bool,
    #[n(2)]
    given_up: Option<Vec<u64>>,
}

/// The turn that the key of a claim names.
pub fn turn_of(key: &[u8]) -> Result<u128, Malformed> {
    let bytes = key.try_into().map_err(|_| Malformed("a claim's key is 16 bytes".to_owned()))?;
    Ok(u128::from_be_bytes(bytes))
}

/// The body of a claim that holds for `lifetime` from when it is heard, or that gives the turn up; `given_up` are the
/// nodes that have done so.
pub fn encode_claim(lifetime: Duration, surrendered: bool, given_up: &[u64]) -> Vec<u8> {
    let lifetime_ms = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
    let given_up = Some(given_up.to_vec()).filter(|nodes| !nodes.is_empty());
    encode(ClaimBody { lifetime_ms, surrendered, given_up })
}

/// The lifetime of a claim, [`CLAIM_TIME_MAX`] at most, whether it gives the turn up, and the nodes that have.
pub fn decode_claim(bytes: &[u8]) -> Result<(Duration, bool, Vec<u64>), Malformed> {
    let body: ClaimBody = minicbor::decode(bytes)?;
    let mut given_up = body.given_up.unwrap_or_default();
    given_up.truncate(MEMBERS_MAX);
    let lifetime = Duration::from_millis(body.lifetime_ms).min(CLAIM_TIME_MAX);
    Ok((lifetime, body.surrendered, given_up))
}
