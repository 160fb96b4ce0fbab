//! The node as a member of its flock.

use std::net::SocketAddr;

use crate::effect::Cx;
use crate::gossip::{Gossip, KeyRing, Via};
use crate::node::Node;

impl Node {
    /// Takes a datagram of the flock's port.
    pub fn handle_datagram(&mut self, cx: &mut Cx<'_>, from: SocketAddr, via: Via, bytes: &[u8]) {
        let _ = (cx, from, via, bytes);
    }

    /// Takes the addresses that the names of static peers have now.
    pub fn handle_peers(&mut self, cx: &mut Cx<'_>, peers: &[SocketAddr]) {
        let _ = (cx, peers);
    }

    /// Says whether the wall clock is synchronised.
    pub fn handle_synced(&mut self, cx: &mut Cx<'_>, synced: bool) {
        let _ = (cx, synced);
    }

    /// Takes the flock's keys anew.
    pub fn handle_keys(&mut self, cx: &mut Cx<'_>, keys: KeyRing) {
        let _ = cx;
        if let Some(gossip) = &mut self.gossip {
            gossip.set_keys(keys);
        }
    }

    /// Says goodbye to the flock and gives up what it had claimed: the process is about to stop.
    pub fn handle_leave(&mut self, cx: &mut Cx<'_>) {
        let _ = cx;
    }

    /// The flock, if this node is a member of one.
    pub const fn flock(&self) -> Option<&Gossip> {
        self.gossip.as_ref()
    }
}
