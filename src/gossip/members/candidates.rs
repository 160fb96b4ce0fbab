//! Addresses at which there may be a member: static peers, addresses from before a restart, and addresses that other members
//! have reported.
//!
//! A member may report any address, also one of somebody who is no member. So an address is sent no more bytes than its reports
//! had, until it answers: each brings it a share of its bytes, and each try costs some. Reports are padded for a few tries, and
//! what they bring is kept for the time when the member that made them is gone. Those of members of before this rule are not
//! padded: it takes a few of them for a try.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::peer::Peers;
use crate::gossip::message::NAMED_HELLO_BYTES;
use crate::gossip::seal::SEAL_BYTES;
use crate::limits::CANDIDATES_MAX;
use crate::time::Mono;

/// The first try of a candidate is repeated after this, then ever more rarely.
const RETRY_FIRST: Duration = Duration::from_millis(250);
/// Tries of an address that is no static peer. After them only the address of a member that is not met yet is tried, and
/// rarely.
const HINT_TRIES_MAX: u32 = 6;
/// Bytes of a try at most: the datagram of a hello that can be answered by one with any name.
pub(super) const TRY_BYTES: usize = SEAL_BYTES[1] + NAMED_HELLO_BYTES;

/// The addresses that are tried.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    all: Vec<Candidate>,
    numbers: u16,
}

#[derive(Debug)]
pub(super) struct Candidate {
    addr: SocketAddr,
    /// Its number in our hellos, by which answers are told apart.
    number: u16,
    /// A static peer: tried without end.
    is_static: bool,
    /// The node that was reached there.
    node: Option<u64>,
    /// The node that is there according to a member.
    reported: Option<u64>,
    /// Bytes that may be sent there; of an address that we know ourselves any number.
    credit: Option<usize>,
    tries: u32,
    next: Mono,
}

impl Candidate {
    fn is_reached(&self, peers: &Peers) -> bool {
        self.node.is_some_and(|node| peers.0.contains_key(&node))
    }

    /// Whether there are bytes for a try.
    fn is_paid(&self) -> bool {
        self.credit.is_none_or(|bytes| bytes >= TRY_BYTES)
    }
}

impl Candidates {
    /// Takes the static peers' addresses, instead of those from before.
    pub(super) fn set_static(&mut self, now: Mono, addresses: &[SocketAddr], peers: &Peers) {
        self.all.retain(|it| !it.is_static || addresses.contains(&it.addr));
        for addr in addresses {
            if let Some(candidate) = self.add_known(now, *addr, peers) {
                candidate.is_static = true;
            }
        }
    }

    /// Adds an address that we know ourselves; when there are too many, in the place of a reported one.
    pub(super) fn add_known(
        &mut self,
        now: Mono,
        addr: SocketAddr,
        peers: &Peers,
    ) -> Option<&mut Candidate> {
        if self.all.len() >= CANDIDATES_MAX && self.all.iter().all(|it| it.addr != addr) {
            let reported = self.all.iter().enumerate().filter(|(_, it)| it.credit.is_some());
            if let Some((at, _)) = reported.max_by_key(|(_, it)| it.tries) {
                self.all.swap_remove(at);
            }
        }
        let candidate = self.add(now, addr, peers)?;
        candidate.credit = None;
        Some(candidate)
    }

    /// Adds an address, or finds it; when there are too many, it is left out.
    fn add(&mut self, now: Mono, addr: SocketAddr, peers: &Peers) -> Option<&mut Candidate> {
        let known = self.all.iter().position(|it| it.addr == addr);
        let at = known.unwrap_or(self.all.len());
        if at >= CANDIDATES_MAX {
            return None;
        }
        if known.is_none() {
            let node = peers.0.iter().find(|(_, peer)| peer.addr == addr).map(|(node, _)| *node);
            self.numbers = self.numbers.wrapping_add(1);
            self.all.push(Candidate {
                addr,
                number: self.numbers,
                is_static: false,
                node,
                reported: None,
                credit: Some(0),
                tries: 0,
                next: now,
            });
        }
        self.all.get_mut(at)
    }

    /// Takes a report of so many bytes: addresses at which a member has heard others. They share its bytes, in shares that are
    /// enough for a try. If these are too few for all, the addresses that were tried least come first.
    pub(super) fn add_reported(
        &mut self,
        now: Mono,
        mut addresses: Vec<(SocketAddr, u64)>,
        mut bytes: usize,
        peers: &Peers,
    ) {
        let Some(share) = bytes.checked_div(addresses.len()) else { return };
        addresses.sort_by_key(|(addr, _)| {
            self.all.iter().find(|it| it.addr == *addr).map(|it| it.tries)
        });
        for (addr, node) in addresses {
            let Some(candidate) = self.add(now, addr, peers) else { continue };
            candidate.reported = Some(node);
            if let Some(credit) = &mut candidate.credit {
                let share = share.max(TRY_BYTES).min(bytes);
                bytes -= share;
                *credit = credit.saturating_add(share);
            }
            if bytes == 0 {
                return;
            }
        }
    }

    /// A member has answered the hello that was sent to the candidate of this number. The answer must have proved that it is
    /// no replay: else an old one of another member would keep us from this candidate.
    pub(super) fn note_answer(&mut self, number: Option<u16>, node: u64) {
        if let Some(candidate) = self.all.iter_mut().find(|it| Some(it.number) == number) {
            candidate.node = Some(node);
        }
    }

    /// A node was met at an address: no other hint of where it may be is needed.
    pub(super) fn note_met(&mut self, node: u64, from: SocketAddr) {
        self.all.retain_mut(|candidate| {
            if candidate.addr == from {
                candidate.node = Some(node);
            }
            candidate.is_static || candidate.node != Some(node)
        });
    }

    /// A member was forgotten: where it was met, it is searched for again.
    pub(super) fn note_forgotten(&mut self, node: u64) {
        for candidate in self.all.iter_mut().filter(|it| it.node == Some(node)) {
            (candidate.node, candidate.tries) = (None, 0);
        }
    }

    /// How many static peers were never reached.
    pub(super) fn unreached(&self, peers: &Peers) -> usize {
        self.all.iter().filter(|it| it.is_static && !it.is_reached(peers)).count()
    }

    /// Whether an address there is tried, at any port.
    pub(super) fn is_at(&self, ip: IpAddr) -> bool {
        self.all.iter().any(|it| it.addr.ip() == ip)
    }

    /// Whether that is the address of a static peer.
    pub(super) fn is_static(&self, addr: SocketAddr) -> bool {
        self.all.iter().any(|it| it.is_static && it.addr == addr)
    }

    pub(super) fn next_timeout(&self, peers: &Peers) -> Option<Mono> {
        self.all.iter().filter(|it| it.is_paid() && !it.is_reached(peers)).map(|it| it.next).min()
    }

    /// The addresses to try now in [`TRY_BYTES`] each, with their numbers. A static peer is tried after `longest` at the latest,
    /// an address that was tried in vain each `rarely`, as long as the node that was reported there `is_expected`; other
    /// addresses are dropped, also those that are not reported again. An address of no static peer waits until it `may_try`.
    pub(super) fn due(
        &mut self,
        now: Mono,
        (longest, rarely): (Duration, Duration),
        peers: &Peers,
        is_expected: impl Fn(u64) -> bool,
        mut may_try: impl FnMut() -> bool,
    ) -> Vec<(SocketAddr, u16)> {
        let mut due = Vec::new();
        self.all.retain_mut(|candidate| {
            if candidate.next > now || candidate.is_reached(peers) {
                return true;
            }
            let tried = !candidate.is_static && candidate.tries >= HINT_TRIES_MAX;
            let is_late = !candidate.is_paid() && now.since(candidate.next) > rarely;
            if (tried || is_late) && !candidate.reported.is_some_and(&is_expected) {
                return false;
            }
            if !candidate.is_paid() {
                return true;
            }
            if !candidate.is_static && !may_try() {
                candidate.next = now + RETRY_FIRST;
                return true;
            }
            candidate.credit = candidate.credit.map(|bytes| bytes.saturating_sub(TRY_BYTES));
            due.push((candidate.addr, candidate.number));
            let wait = RETRY_FIRST * (1 << candidate.tries.min(10));
            candidate.tries += 1;
            candidate.next = now + if tried { rarely } else { wait.min(longest) };
            true
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_peer_takes_the_place_of_one_reported_address() {
        let addr = |port| SocketAddr::from(([192, 0, 2, 1], port));
        let (mut candidates, peers) = (Candidates::default(), Peers::default());
        let most = u16::try_from(CANDIDATES_MAX).unwrap();
        let reported = (1..=most + 9).map(|port| (addr(port), 7)).collect();
        candidates.add_reported(Mono::ZERO, reported, 1 << 20, &peers);
        assert_eq!(candidates.all.len(), CANDIDATES_MAX);
        // It is said again each time that the names of peers are looked up.
        for _ in 0..3 {
            candidates.set_static(Mono::ZERO, &[addr(1), addr(5000)], &peers);
            assert_eq!(candidates.all.len(), CANDIDATES_MAX);
            assert_eq!(candidates.all.iter().filter(|it| it.is_static).count(), 2);
        }
    }
}
