//! What the flock has cost and refused, for the metrics page.

use super::message::KINDS;

/// Why a datagram was not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Cause {
    /// It makes no sense.
    Malformed,
    /// Its source sends too much.
    RateLimited,
    /// It was heard before, or is too old to tell.
    Replay,
    /// Its sender has not yet shown that it is alive now.
    Stranger,
    /// Its sender's clock, or a version in it, is too far ahead.
    TooFarAhead,
    /// It is from a cluster of another name.
    WrongCluster,
    /// It is sealed with a key that is not in the ring, or forged.
    WrongKey,
    /// It is of another version of the datagram format.
    WrongVersion,
}

impl Cause {
    /// All causes, with the names they have in metrics.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Malformed, "malformed"),
        (Self::RateLimited, "rate_limited"),
        (Self::Replay, "replay"),
        (Self::Stranger, "stranger"),
        (Self::TooFarAhead, "too_far_ahead"),
        (Self::WrongCluster, "wrong_cluster"),
        (Self::WrongKey, "wrong_key"),
        (Self::WrongVersion, "wrong_version"),
    ];
}

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
pub struct Stats {
    /// Sent, by kind of message, named by [`super::MESSAGE_KINDS`].
    pub sent: [Traffic; KINDS],
    /// Received and understood, by kind of message.
    pub received: [Traffic; KINDS],
    dropped: [u64; Cause::ALL.len()],
    /// Datagrams looked into: the only ones that cost more than their header.
    pub opened: u64,
    /// Records that were news to us.
    pub merged: u64,
    /// Records that were known already.
    pub known: u64,
    /// Records refused: expired, too far ahead, or by the tables behind.
    pub refused: u64,
    /// Records of our own that are not shared because the index is full.
    pub index_full: u64,
    /// Records sent again in repair.
    pub repaired: u64,
    /// Records and datagrams not sent because a queue was full.
    pub overflowed: u64,
    /// Members that came, in all.
    pub joined: u64,
    /// Members that said goodbye or were found down, in all.
    pub left: u64,
    /// Times another node has spoken with our node id.
    pub id_conflicts: u64,
}

impl Stats {
    /// Datagrams not heard for this cause.
    pub const fn dropped(&self, cause: Cause) -> u64 {
        self.dropped[cause as usize]
    }

    pub(super) const fn drop(&mut self, cause: Cause) {
        self.dropped[cause as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_counter_of_its_own() {
        for (index, (cause, _)) in Cause::ALL.iter().enumerate() {
            assert_eq!(*cause as usize, index);
        }
    }
}
