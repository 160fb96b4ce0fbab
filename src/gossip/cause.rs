//! The reasons for which datagrams are dropped.

/// Why a datagram was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum DropCause {
    /// It is malformed.
    Malformed,
    /// Its source sends too much.
    RateLimited,
    /// It was received before, or is too old to tell.
    Replay,
    /// Its sender has not yet shown that it is alive now.
    Stranger,
    /// Its sender's clock, or a version in it, is too far ahead.
    TooFarAhead,
    /// It is from a flock of another label.
    WrongCluster,
    /// It is sealed with a key that is not in the ring, forged, or from a flock whose label has the same hash as ours.
    WrongKey,
    /// It is of another version of the datagram format: see [`super::seal`].
    WrongVersion,
}

impl DropCause {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_counter_of_its_own() {
        for (index, (cause, _)) in DropCause::ALL.iter().enumerate() {
            assert_eq!(*cause as usize, index);
        }
    }
}
