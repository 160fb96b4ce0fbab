//! A limit on the datagrams of members, candidates and strangers: they are counted by source before any of them is decrypted.

use std::net::IpAddr;

use crate::box_map::BoxMap;
use crate::limits::{
    CANDIDATES_MAX, MEMBER_DATAGRAMS_PER_SECOND, MEMBERS_MAX, STRANGER_DATAGRAMS_BURST,
    STRANGER_DATAGRAMS_PER_SECOND, STRANGERS_DATAGRAMS_PER_SECOND, STRANGERS_MAX,
};
use crate::time::Mono;

/// A token bucket. It may be overdrawn by what is taken once; then it is not ready until that is paid back.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    per_second: u64,
    burst: u64,
    /// Thousandths of a token.
    level: i64,
    at: Mono,
}

impl Bucket {
    /// A full bucket.
    pub(super) const fn new(per_second: u64, burst: u64) -> Self {
        Self { per_second, burst, level: (burst * 1000).cast_signed(), at: Mono::ZERO }
    }

    /// Whether there is a token.
    pub(super) fn ready(&mut self, now: Mono) -> bool {
        let gained = (now.as_ms().saturating_sub(self.at.as_ms())).saturating_mul(self.per_second);
        self.at = now.max(self.at);
        self.level = self
            .level
            .saturating_add(i64::try_from(gained).unwrap_or(i64::MAX))
            .min((self.burst * 1000).cast_signed());
        self.level > 0
    }

    /// Takes so many tokens, even if there are not so many.
    pub(super) fn spend(&mut self, tokens: usize) {
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX / 1000);
        self.level = self.level.saturating_sub(tokens.saturating_mul(1000));
    }

    /// When there will be a token.
    pub(super) fn ready_at(&self) -> Mono {
        let missing = (1 - self.level).max(0).cast_unsigned();
        Mono::from_ms(self.at.as_ms().saturating_add(missing.div_ceil(self.per_second)))
    }

    fn full(&mut self, now: Mono) -> bool {
        self.ready(now) && self.level == (self.burst * 1000).cast_signed()
    }
}

/// Whose address a datagram came from, as far as that can be known before it is decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// A member was met there.
    Member,
    /// It is tried for a member: a static peer, or an address that was reported.
    Candidate,
    /// Nobody is known to be there.
    Stranger,
}

/// A bucket for each source.
#[derive(Debug)]
pub(super) struct Limiter {
    members: BoxMap<IpAddr, Bucket>,
    /// Apart from strangers, whose floods would keep a node out of its flock when it starts again.
    candidates: BoxMap<IpAddr, Bucket>,
    strangers: BoxMap<IpAddr, Bucket>,
    /// All strangers together.
    together: Bucket,
}

impl Limiter {
    pub(super) const fn new() -> Self {
        let all = STRANGERS_DATAGRAMS_PER_SECOND;
        Self {
            members: BoxMap::new(),
            candidates: BoxMap::new(),
            strangers: BoxMap::new(),
            together: Bucket::new(all, all),
        }
    }

    /// Whether a datagram from there may be looked into.
    pub(super) fn admit(&mut self, now: Mono, from: IpAddr, sender: Sender) -> bool {
        let limits = (STRANGER_DATAGRAMS_PER_SECOND, STRANGER_DATAGRAMS_BURST);
        match sender {
            Sender::Member => {
                let limits = (MEMBER_DATAGRAMS_PER_SECOND, MEMBER_DATAGRAMS_PER_SECOND);
                return admit(&mut self.members, now, from, MEMBERS_MAX, limits);
            }
            Sender::Candidate => {
                return admit(&mut self.candidates, now, from, CANDIDATES_MAX, limits);
            }
            Sender::Stranger => {}
        }
        if !self.together.ready(now)
            || !admit(&mut self.strangers, now, from, STRANGERS_MAX, limits)
        {
            return false;
        }
        self.together.spend(1);
        true
    }
}

fn admit(
    table: &mut BoxMap<IpAddr, Bucket>,
    now: Mono,
    from: IpAddr,
    max: usize,
    (rate, burst): (u64, u64),
) -> bool {
    if table.len() >= max && !table.contains_key(&from) {
        // A full bucket is the same as a new one.
        table.retain(|_, bucket| !bucket.full(now));
    }
    let from = if table.len() >= max && !table.contains_key(&from) {
        IpAddr::from([0, 0, 0, 0])
    } else {
        from
    };
    let bucket = table.get_or_insert_with(from, || Bucket::new(rate, burst));
    let ready = bucket.ready(now);
    if ready {
        bucket.spend(1);
    }
    ready
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::new(10, 5);
        let mut take = |ms| {
            let ready = bucket.ready(Mono::from_ms(ms));
            if ready {
                bucket.spend(1);
            }
            ready
        };
        assert_eq!((0..8).filter(|_| take(0)).count(), 5);
        assert!(!take(0));
        assert!(take(100) && !take(100));
    }

    #[test]
    fn an_overdrawn_bucket_says_when_it_is_ready_again() {
        let mut bucket = Bucket::new(1000, 1000);
        assert!(bucket.ready(Mono::from_ms(7)));
        bucket.spend(3000);
        let at = bucket.ready_at();
        assert!(!bucket.ready(Mono::from_ms(at.as_ms() - 1)));
        assert!(bucket.ready(at));
    }

    #[test]
    fn a_flood_from_one_stranger_is_cut_to_its_rate_and_hurts_no_member() {
        let mut limiter = Limiter::new();
        let admitted = (0..10_000)
            .filter(|i| limiter.admit(Mono::from_ms(i / 10), source(1), Sender::Stranger))
            .count();
        assert!(admitted <= 40 + 21, "{admitted} in a second");
        assert!(limiter.admit(Mono::from_ms(1000), source(2), Sender::Member));
    }

    #[test]
    fn a_flood_from_invented_sources_is_cut_as_a_whole_and_grows_nothing() {
        let mut limiter = Limiter::new();
        let admitted = (0..100_000)
            .filter(|i| limiter.admit(Mono::ZERO, source(*i), Sender::Stranger))
            .count();
        assert!(admitted <= 200, "{admitted} at once");
        assert!(limiter.admit(Mono::ZERO, source(1), Sender::Candidate));
        assert!(limiter.strangers.len() <= STRANGERS_MAX + 1);
    }
}
