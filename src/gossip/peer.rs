//! The members we have met: a table by node id of where each was last heard and what it said of itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::seal::{Header, Window};
use crate::time::Mono;

/// A member that is not heard by multicast for so long (three beacons lost) is not within its reach.
const MULTICAST_HEARD: Duration = Duration::from_secs(200);

/// A member we have met. It has shown that this boot of it is alive: see [`super::join`].
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) boot: u64,
    pub(super) window: Window,
    /// The key it seals with.
    pub(super) key_id: u16,
    pub(super) name: String,
    /// Where its last datagram came from.
    pub(super) addr: SocketAddr,
    pub(super) heard_unicast: Option<Mono>,
    pub(super) heard_multicast: Option<Mono>,
    /// It says that it hears our multicast.
    pub(super) hears_us: bool,
    /// What we said last of hearing its multicast.
    pub(super) told_ear: Option<bool>,
    /// Its wall clock less ours, and whether it can be trusted.
    pub(super) offset_ms: Option<i64>,
    pub(super) synced: bool,
    /// Whether its last digest was ours.
    pub(super) agreed: Option<bool>,
    /// When it was last sent our digest, and which.
    pub(super) told_digest: Option<(Mono, u64)>,
    /// When digests last went either way between us.
    pub(super) compared: Mono,
}

impl Peer {
    pub(super) fn new(header: Header, addr: SocketAddr) -> Self {
        Self {
            boot: header.boot,
            window: Window::default(),
            key_id: header.key_id,
            name: String::new(),
            addr,
            heard_unicast: None,
            heard_multicast: None,
            hears_us: false,
            told_ear: None,
            offset_ms: None,
            synced: false,
            agreed: None,
            told_digest: None,
            compared: Mono::ZERO,
        }
    }

    /// When it was last heard in any way.
    pub(super) fn heard(&self) -> Option<Mono> {
        self.heard_unicast.max(self.heard_multicast)
    }

    /// Whether its multicast reaches us.
    pub(super) fn ear(&self, now: Mono) -> bool {
        self.heard_multicast.is_some_and(|at| now.since(at) < MULTICAST_HEARD)
    }
}

/// The members we have met, by node id.
#[derive(Debug, Default)]
pub(super) struct Peers(pub(super) BTreeMap<u64, Peer>);

impl Peers {
    /// The node of this boot, if it is believed.
    pub(super) fn node_of(&self, boot: u64) -> Option<u64> {
        self.0.iter().find(|(_, peer)| peer.boot == boot).map(|(node, _)| *node)
    }

    /// Whether a member was last heard from there.
    pub(super) fn is_at(&self, ip: IpAddr) -> bool {
        self.0.values().any(|peer| peer.addr.ip() == ip)
    }
}
