//! The record of this node itself.

use std::net::SocketAddr;

use minicbor::{Decode, Encode};

use super::malformed::{Malformed, encode};
use crate::limits::MET_MAX;

/// The elements of a body.
pub(super) const ELEMENTS: u64 = 2;

#[derive(Encode, Decode)]
#[cbor(array)]
struct IdentityBody {
    #[n(0)]
    id: u64,
    #[n(1)]
    met: Option<Vec<String>>,
}

/// The body of this node's identity: its id, and where it met members.
pub fn encode_identity(id: u64, met: &[SocketAddr]) -> Vec<u8> {
    let met: Vec<String> = met.iter().map(ToString::to_string).collect();
    encode(IdentityBody { id, met: Some(met).filter(|met| !met.is_empty()) })
}

/// The node id of a body, and where the node met members; addresses that make no sense are left out.
pub fn decode_identity(bytes: &[u8]) -> Result<(u64, Vec<SocketAddr>), Malformed> {
    let body: IdentityBody = minicbor::decode(bytes)?;
    let met = body.met.unwrap_or_default();
    Ok((body.id, met.iter().filter_map(|it| it.parse().ok()).take(MET_MAX).collect()))
}
