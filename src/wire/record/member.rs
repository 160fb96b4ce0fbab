//! The record of another member of the flock.

use std::net::SocketAddr;

use minicbor::{Decode, Encode};

use super::malformed::{Malformed, encode};
use crate::limits::MEMBER_NAME_BYTES_MAX;
use crate::time::Wall;

/// The elements of a body.
pub(super) const ELEMENTS: u64 = 3;

#[derive(Encode, Decode)]
#[cbor(array)]
struct MemberBody {
    #[n(0)]
    name: String,
    #[n(1)]
    addr: Option<String>,
    #[n(2)]
    gone: Option<i64>,
}

/// A member that has not said goodbye.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// The name it gave itself; empty if it was not met.
    pub name: String,
    /// Where it was last heard.
    pub addr: Option<SocketAddr>,
    /// Since when it has been down, if it is.
    pub gone: Option<Wall>,
}

/// The key of a member: its node id.
pub const fn member_key(node: u64) -> [u8; 8] {
    node.to_be_bytes()
}

/// The node id of a key.
pub fn member_of(key: &[u8]) -> Result<u64, Malformed> {
    let id = key.try_into().map_err(|_| Malformed("a node id is 8 bytes long".to_owned()))?;
    Ok(u64::from_be_bytes(id))
}

/// The body of a member.
pub fn encode_member(member: &Member) -> Vec<u8> {
    encode(MemberBody {
        name: member.name.clone(),
        addr: member.addr.map(|it| it.to_string()),
        gone: member.gone.map(Wall::as_ns),
    })
}

/// The member of a body; an address that makes no sense is left out.
pub fn decode_member(bytes: &[u8]) -> Result<Member, Malformed> {
    let MemberBody { name, addr, gone } = minicbor::decode(bytes)?;
    if name.len() > MEMBER_NAME_BYTES_MAX {
        return Err(Malformed("a member with too long a name".to_owned()));
    }
    let addr = addr.and_then(|it| it.parse().ok());
    Ok(Member { name, addr, gone: gone.map(Wall::from_ns) })
}
