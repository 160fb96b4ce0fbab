//! A member as status pages and metrics show it.

use std::net::SocketAddr;
use std::time::Duration;

use super::peer::Peer;
use super::swim::Liveness;
use crate::time::Mono;

/// A member as status pages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStatus {
    /// Its node id.
    pub node: u64,
    /// The name it gave itself; empty if it was not met.
    pub name: String,
    /// Where it was last heard; nothing if it was not met.
    pub addr: Option<SocketAddr>,
    /// Whether it is up.
    pub liveness: Liveness,
    /// How long ago it was last heard by unicast.
    pub heard_unicast: Option<Duration>,
    /// How long ago it was last heard by multicast.
    pub heard_multicast: Option<Duration>,
    /// Whether it says that it hears our multicast; if not, it is sent to by unicast.
    pub hears_multicast: bool,
    /// Its wall clock less ours, milliseconds, the way of the datagram included.
    pub clock_offset_ms: Option<i64>,
    /// Whether it says that its clock is synchronised.
    pub synced: bool,
    /// Whether it had the same records when it was last compared.
    pub agreed: Option<bool>,
    /// The id of the key it seals with; 0 is none.
    pub key_id: u16,
}

impl MemberStatus {
    pub(super) fn of(now: Mono, node: u64, liveness: Liveness, peer: Option<&Peer>) -> Self {
        let ago = |at: Option<Mono>| at.map(|at| now.since(at));
        Self {
            node,
            name: peer.map(|peer| peer.name.clone()).unwrap_or_default(),
            addr: peer.map(|peer| peer.addr),
            liveness,
            heard_unicast: ago(peer.and_then(|peer| peer.heard_unicast)),
            heard_multicast: ago(peer.and_then(|peer| peer.heard_multicast)),
            hears_multicast: peer.is_some_and(|peer| peer.hears_multicast),
            clock_offset_ms: peer.and_then(|peer| peer.offset_ms),
            synced: peer.is_some_and(|peer| peer.synced),
            agreed: peer.and_then(|peer| peer.agreed),
            key_id: peer.map_or(0, |peer| peer.key_id),
        }
    }
}
