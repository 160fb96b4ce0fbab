//! Datagrams of another key or another label. Neither side can read the other, so each node reports it on its own.

use std::net::SocketAddr;

use super::cause::DropCause;
use super::seal::KEY_ID_BYTES;

/// The sender of a datagram that cannot be read because of how one of the two sides is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unheard {
    /// Where the datagram came from.
    pub from: SocketAddr,
    /// The id of the key that it is sealed with; 0 if it is not sealed.
    pub key_id: u16,
    /// Whether it is of another cluster; else the key is not in our ring.
    pub other_cluster: bool,
    /// Whether that is the address of a static peer of ours, so that its datagrams should be readable.
    pub is_peer: bool,
}

impl Unheard {
    /// The report of a datagram that was dropped for `cause`, if the cause is in the configuration. `keys` are the ids of
    /// our own keys.
    pub(super) fn of(
        from: SocketAddr,
        cause: DropCause,
        datagram: &[u8],
        keys: &[u16],
    ) -> Option<Self> {
        let key_id = datagram.get(KEY_ID_BYTES).and_then(|id| id.try_into().ok());
        let key_id = key_id.map(u16::from_be_bytes)?;
        let other_cluster = cause == DropCause::WrongCluster;
        // With a key that we have it is forged or damaged, and the counter of that cause is enough.
        let other_key = cause == DropCause::WrongKey && !keys.contains(&key_id);
        (other_cluster || other_key).then_some(Self { from, key_id, other_cluster, is_peer: false })
    }
}
