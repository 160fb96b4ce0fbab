//! What status pages and metrics show of the flock.

use std::net::SocketAddr;
use std::time::Duration;

use super::Gossip;
use super::member::Liveness;
use super::stats::Stats;
use crate::time::{Mono, Now};

/// A member as status pages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStatus {
    /// Its node id.
    pub node: u64,
    /// The name it gave itself; empty if we have only heard of it.
    pub name: String,
    /// Where it was last heard; nothing if we have only heard of it.
    pub addr: Option<SocketAddr>,
    /// Whether it is there.
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

impl Gossip {
    /// This node's id.
    pub const fn node(&self) -> u64 {
        self.config.node
    }

    /// The name that members show for this node.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The other members that are there, by node id, in order.
    pub fn living(&self) -> Vec<u64> {
        self.swim.living()
    }

    /// The addresses of those of them that have been met, in order of their ids.
    pub fn living_addrs(&self) -> Vec<SocketAddr> {
        let met = |node| self.peers.0.get(&node).map(|peer| peer.addr);
        self.swim.living().into_iter().filter_map(met).collect()
    }

    /// Whether the flock has settled since the start, so that notifications may go out.
    pub const fn ready(&self) -> bool {
        self.settle.ready()
    }

    /// Every other member that is there, or was.
    pub fn members(&self, now: Mono) -> Vec<MemberStatus> {
        let met = self.peers.0.keys().copied();
        let mut nodes: Vec<_> = met.chain(self.swim.living()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes.into_iter().map(|node| self.member(now, node)).collect()
    }

    /// Static peers that were never reached, and members that are down.
    pub fn failed_peers(&self) -> usize {
        let down = self.peers.0.keys().filter(|node| self.is_down(**node)).count();
        down + self.join.unreached(&self.peers)
    }

    /// The ids of our keys, the one that seals first; none if nothing is sealed.
    pub fn key_ids(&self) -> Vec<u16> {
        self.seal.ring().ids().collect()
    }

    /// How many records are known.
    pub fn records(&self) -> usize {
        self.index.len()
    }

    /// The fingerprint and number of all records that have not ended: equal on members that agree.
    pub fn digest(&self, now: Now) -> (u64, usize) {
        self.index.root(self.hlc.wall_ms(now))
    }

    /// Messages waiting to be sent.
    pub fn queued(&self) -> usize {
        self.outputs.len() + self.broadcast.len() + self.repair.len()
    }

    /// Counters since the start.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    fn member(&self, now: Mono, node: u64) -> MemberStatus {
        let peer = self.peers.0.get(&node);
        let ago = |at: Option<Mono>| at.map(|at| now.since(at));
        MemberStatus {
            node,
            name: peer.map(|peer| peer.name.clone()).unwrap_or_default(),
            addr: peer.map(|peer| peer.addr),
            liveness: self.swim.find(node).map_or(Liveness::Down, |(_, liveness)| liveness),
            heard_unicast: ago(peer.and_then(|peer| peer.heard_unicast)),
            heard_multicast: ago(peer.and_then(|peer| peer.heard_multicast)),
            hears_multicast: peer.is_some_and(|peer| peer.hears_us),
            clock_offset_ms: peer.and_then(|peer| peer.offset_ms),
            synced: peer.is_some_and(|peer| peer.synced),
            agreed: peer.and_then(|peer| peer.agreed),
            key_id: peer.map_or(0, |peer| peer.key_id),
        }
    }
}
