//! Who speaks at our port and cannot be heard: with another key, or as another cluster. Neither side hears the other, so
//! each must be told of it by its own node.

use std::net::SocketAddr;

use super::seal::KEY_ID_BYTES;
use super::stats::Cause;
use super::{Gossip, Output};

/// Somebody who is not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unheard {
    /// Where the datagram came from.
    pub from: SocketAddr,
    /// The id of the key that it is sealed with; 0 if it is not sealed.
    pub key_id: u16,
    /// Whether it is of another cluster; else the key is not in our ring.
    pub other_cluster: bool,
    /// Whether that is the address of a static peer of ours, so that it should be heard.
    pub is_peer: bool,
}

impl Gossip {
    /// Tells of a datagram that cannot be heard for what both sides are configured to.
    pub(super) fn note_unheard(&mut self, from: SocketAddr, cause: Cause, datagram: &[u8]) {
        let key_id = datagram.get(KEY_ID_BYTES).and_then(|id| id.try_into().ok());
        let Some(key_id) = key_id.map(u16::from_be_bytes) else { return };
        let other_cluster = cause == Cause::WrongCluster;
        // With a key that we have it is forged or damaged, which only its counter tells.
        let other_key = cause == Cause::WrongKey && !self.key_ids().contains(&key_id);
        if other_cluster || other_key {
            let is_peer = self.join.is_static(from);
            self.push(Output::Unheard(Unheard { from, key_id, other_cluster, is_peer }));
        }
    }
}
