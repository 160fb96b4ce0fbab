//! Everything in membership that is done by the clock: probes, candidates, beacons, retries, questions for addresses.

use rand::Rng;

use super::Members;
use super::peer::Peer;
use super::search::ASK_LAST;
use crate::gossip::message::NAMED_HELLO_BYTES;
use crate::gossip::shared::Shared;
use crate::limits::INTERVAL_MIN;
use crate::time::{Mono, Now};

impl Members {
    /// When [`Members::handle_timeout`] wants to be called next.
    pub(in crate::gossip) fn next_timeout(&self) -> Option<Mono> {
        let retries =
            self.peers.0.iter().any(|(node, peer)| peer.lost_at.is_some() || self.is_down(*node));
        let asks = self.peers.0.keys().any(|node| !self.is_down(*node));
        self.candidates
            .next_timeout(&self.peers)
            .into_iter()
            .chain(self.swim.next_timeout())
            .chain(self.beacon.next_timeout())
            .chain(self.reconnect.next_timeout(retries))
            .chain(self.search.next_timeout(asks))
            .min()
    }

    /// Does what is due.
    pub(in crate::gossip) fn handle_timeout(
        &mut self,
        shared: &mut Shared,
        now: Now,
        rng: &mut dyn Rng,
    ) {
        let peers = &self.peers;
        let heard = |node| peers.0.get(&node).and_then(Peer::heard);
        let output = self.swim.handle_timeout(now.mono, heard);
        self.apply(shared, now, output);
        self.handshake.rotate(now.mono, rng);
        self.try_candidates(shared, now);
        self.send_beacon(shared, now, rng);
        self.retry(shared, now, rng);
        self.ask_for_addresses(shared, now, rng);
    }

    fn try_candidates(&mut self, shared: &mut Shared, now: Now) {
        let (peers, swim) = (&self.peers, &self.swim);
        // The member that reported it may be gone by the time that there is a way to it.
        let is_expected = |node: u64| !peers.0.contains_key(&node) && swim.find(node).is_some();
        let longest = shared.config.reconnect_interval.max(INTERVAL_MIN);
        let handshake = &mut self.handshake;
        let may_try = || handshake.may_challenge(now.mono);
        let due = self.candidates.due(now.mono, (longest, ASK_LAST), peers, is_expected, may_try);
        for (addr, candidate) in due {
            let mut hello = self.own_hello(shared, now);
            hello.nonce = self.handshake.nonce(addr);
            hello.candidate = Some(candidate);
            // Long enough for an answer with any name.
            if let Some(hello) = hello.within(usize::MAX, NAMED_HELLO_BYTES) {
                shared.outbox.send(addr, false, &hello);
            }
        }
    }

    fn send_beacon(&mut self, shared: &mut Shared, now: Now, rng: &mut dyn Rng) {
        if !shared.config.multicast || !self.beacon.is_due(now.mono) {
            return;
        }
        if let Some(hello) = self.own_hello(shared, now).within(usize::MAX, 0) {
            shared.outbox.multicast(&hello);
        }
        let reports_again = self.beacon.note_sent(now.mono, rng);
        let to_report: Vec<u64> = self
            .peers
            .0
            .iter()
            .filter(|(node, peer)| {
                let hears = peer.is_heard_by_multicast(now.mono);
                let news = peer.reported_hearing != Some(hears) || (reports_again && !hears);
                !self.is_down(**node) && news
            })
            .map(|(node, _)| *node)
            .collect();
        for node in to_report {
            self.greet(shared, now, node, None);
        }
    }
}
