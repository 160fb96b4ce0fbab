//! Counters of the traffic and of refused datagrams, for the metrics page.

use super::cause::DropCause;
use super::message::KINDS;

/// Datagrams and their bytes (of UDP payload).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many.
    pub datagrams: u64,
    /// How long, together.
    pub bytes: u64,
}

impl Traffic {
    pub(super) fn add(&mut self, bytes: usize) {
        self.datagrams += 1;
        self.bytes += bytes as u64;
    }
}

/// Counters since the start. They only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GossipStats {
    /// Sent, by kind of message, named by [`super::MESSAGE_KINDS`].
    pub sent: [Traffic; KINDS],
    /// Received and understood, by kind of message.
    pub received: [Traffic; KINDS],
    dropped: [u64; DropCause::ALL.len()],
    /// Datagrams looked into: the only ones that cost more than their header.
    pub opened: u64,
    /// Records that were new to us.
    pub merged: u64,
    /// Records that were known already.
    pub known: u64,
    /// Records refused: expired, too far ahead, or by the tables.
    pub refused: u64,
    /// Records of our own that are not replicated because the table of versions is full.
    pub index_full: u64,
    /// Records sent again in repair.
    pub repaired: u64,
    /// Records and datagrams not sent because a queue was full.
    pub overflowed: u64,
    /// Members that came, in all.
    pub joined: u64,
    /// Members that said goodbye or were found down, in all.
    pub left: u64,
    /// Hellos of another node with our node id.
    pub id_conflicts: u64,
}

impl GossipStats {
    /// Datagrams dropped for this cause.
    pub const fn dropped(&self, cause: DropCause) -> u64 {
        self.dropped[cause as usize]
    }

    pub(super) const fn drop(&mut self, cause: DropCause) {
        self.dropped[cause as usize] += 1;
    }
}
