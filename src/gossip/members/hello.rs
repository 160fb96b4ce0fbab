//! Hellos: a boot of a node is believed, greeted, and heard again.

use std::net::SocketAddr;

use rand::Rng;

use super::peer::Peer;
use super::swim::{Liveness, RECENT};
use super::{JUST_SENT, Members};
use crate::gossip::cause::DropCause;
use crate::gossip::message::{Hello, Message};
use crate::gossip::output::{Arrival, Via};
use crate::gossip::seal::Header;
use crate::gossip::shared::Shared;
use crate::limits::{MEMBER_NAME_BYTES_MAX, MEMBERS_MAX};
use crate::time::Now;

/// So many members, on average, answer a hello by multicast of a sender that has not proved where it receives.
const MULTICAST_ANSWERS: u32 = 4;

impl Members {
    pub(in crate::gossip) fn handle_hello(
        &mut self,
        shared: &mut Shared,
        now: Now,
        rng: &mut dyn Rng,
        (header, arrival): (Header, Arrival),
        hello: &Hello,
    ) {
        let (node, from) = (hello.node, arrival.from);
        if hello.name.len() > MEMBER_NAME_BYTES_MAX {
            return shared.outbox.stats.drop(DropCause::Malformed);
        }
        self.handshake.rotate(now.mono, rng);
        let proved = self.handshake.proves(hello.echo, from);
        if node == shared.config.node {
            return self.handle_duplicate(shared, now, arrival, hello, proved);
        }
        let spent = self.spent(node, hello.generation, header.boot);
        let known = self.node_of(header.boot) == Some(node);
        let believed = known || (proved && self.believe(shared, now, node, header, from));
        if !believed {
            if self.may_answer(now, rng, arrival) {
                let room = shared.outbox.room_within(arrival.bytes);
                self.send_hello(shared, now, (from, room), Some(hello), (None, spent));
            }
            return;
        }
        if proved {
            self.candidates.note_answer(hello.answers_candidate, node);
            if let Some(peer) = self.peers.0.get_mut(&node) {
                peer.addr = from;
            }
        }
        let is_there = self.note_heard(shared, now, node, (header, arrival));
        let ours_is_spent = hello.spent.filter(|spent| *spent >= self.swim.generation());
        let outlived = ours_is_spent.map(|spent| self.swim.outlive(now.mono, spent));
        let unicast = arrival.via == Via::Unicast;
        if let Some(peer) = self.peers.0.get_mut(&node) {
            // There may have been no room for it.
            if !hello.name.is_empty() {
                peer.name.clone_from(&hello.name);
            }
            peer.synced = hello.synced;
            if unicast {
                peer.hears_multicast = hello.hears_multicast;
            }
        }
        self.learn_time(shared, now, node, hello.at, hello.synced);
        let asks = !hello.believes || hello.spent.is_some() || spent.is_some() || !is_there;
        // Before anything else: by this it believes us, and takes nothing that was said earlier.
        if (unicast && asks) || !known {
            let room = if is_there { usize::MAX } else { shared.outbox.room_within(arrival.bytes) };
            self.send_hello(shared, now, (from, room), Some(hello), (Some(node), spent));
        }
        if !known {
            self.send_addresses(shared, node);
            self.send_digest(shared, now, node);
        }
        if let Some(output) = outlived {
            self.apply(shared, now, output);
        }
        let output = self.swim.alive(now.mono, node, hello.generation);
        self.apply(shared, now, output);
    }

    /// Takes a hello with our own node id: from a node whose flash was copied from ours, or from our own life before the
    /// restart, played back by somebody. Only the first can echo our nonce.
    fn handle_duplicate(
        &mut self,
        shared: &mut Shared,
        now: Now,
        arrival: Arrival,
        hello: &Hello,
        proved: bool,
    ) {
        if proved {
            shared.outbox.stats.id_conflicts += 1;
        }
        if (!proved || !hello.believes) && self.handshake.may_challenge(now.mono) {
            let mut answer = self.answer(shared, now, arrival.from, Some(hello));
            answer.believes = proved;
            let room = if proved { usize::MAX } else { shared.outbox.room_within(arrival.bytes) };
            if let Some(answer) = answer.within(room, 0) {
                shared.outbox.send(arrival.from, false, &answer);
            }
        }
    }

    /// Asks a sender that has not proved that it receives there to echo a nonce.
    pub(in crate::gossip) fn challenge(
        &mut self,
        shared: &mut Shared,
        now: Now,
        rng: &mut dyn Rng,
        arrival: Arrival,
    ) {
        self.handshake.rotate(now.mono, rng);
        let challenge = Message::Challenge(self.handshake.nonce(arrival.from));
        let room = shared.outbox.room_within(arrival.bytes);
        if challenge.encode().len() <= room && self.may_answer(now, rng, arrival) {
            shared.outbox.send(arrival.from, false, &challenge);
        }
    }

    /// Echoes the nonce of a node that does not believe us, or not at this address.
    pub(in crate::gossip) fn handle_challenge(
        &mut self,
        shared: &mut Shared,
        now: Now,
        rng: &mut dyn Rng,
        (header, arrival): (Header, Arrival),
        nonce: u64,
    ) {
        self.handshake.rotate(now.mono, rng);
        let node = self.node_of(header.boot);
        let is_met = self.peers.is_met_at(arrival.from);
        let room = if is_met { usize::MAX } else { shared.outbox.room_within(arrival.bytes) };
        let mut hello = self.answer(shared, now, arrival.from, None);
        (hello.echo, hello.believes) = (Some(nonce), node.is_some());
        if let Some(hello) = hello.within(room, 0)
            && self.may_answer(now, rng, arrival)
        {
            shared.outbox.send(arrival.from, false, &hello);
        }
        // It takes nothing of what is said before the echo.
        if let Some(node) = node {
            self.note_heard(shared, now, node, (header, arrival));
        }
    }

    /// Whether a sender that has not proved that it receives there may be answered; if so, it counts as done. Static peers may
    /// be at any time, so that nobody's recordings keep them out. A datagram by multicast may be a recording with a source
    /// that was made up, and all members have it: some of them answer.
    fn may_answer(&mut self, now: Now, rng: &mut dyn Rng, arrival: Arrival) -> bool {
        if arrival.via != Via::Unicast {
            let members = u32::try_from(self.living().len()).unwrap_or(u32::MAX).max(1);
            if rng.next_u32() % members >= MULTICAST_ANSWERS {
                return false;
            }
        }
        self.candidates.is_static(arrival.from) || self.handshake.may_challenge(now.mono)
    }

    /// Notes that a member was heard just now. Returns whether it is met where the datagram came from, or need not be: members
    /// are not looked for where their multicast comes from.
    pub(in crate::gossip) fn note_heard(
        &mut self,
        shared: &mut Shared,
        now: Now,
        node: u64,
        (header, arrival): (Header, Arrival),
    ) -> bool {
        let Some(peer) = self.peers.0.get_mut(&node) else { return false };
        let missed = arrival.via != Via::Unicast
            && peer.heard_multicast.is_some_and(|at| now.mono.since(at) > RECENT);
        let returned = peer.lost_at.is_some() || missed;
        let is_there = peer.addr == arrival.from;
        peer.is_there |= is_there;
        peer.key_id = header.key_id;
        match arrival.via {
            Via::Unicast => peer.heard_unicast = Some(now.mono),
            Via::Multicast(_) => peer.heard_multicast = Some(now.mono),
        }
        let unreported =
            peer.is_heard_by_multicast(now.mono) && peer.reported_hearing != Some(true);
        if shared.config.multicast && unreported {
            self.greet(shared, now, node, None);
        }
        // A member that is heard but held for down must take another generation, or foca does not believe it.
        if let Some((spent, Liveness::Down)) = self.swim.find(node)
            && self.handshake.may_challenge(now.mono)
        {
            self.greet(shared, now, node, Some(spent));
        } else if returned {
            self.handle_returned(shared, now, node);
        }
        if let Some(peer) = self.peers.0.get_mut(&node) {
            peer.lost_at = None;
        }
        is_there || arrival.via != Via::Unicast
    }

    /// Asks a member that was lost for the members we have missed meanwhile, and sends it our digest. Sends the digest to
    /// the other lost members too: the way to them may be back as well.
    fn handle_returned(&mut self, shared: &mut Shared, now: Now, node: u64) {
        self.send(shared, node, &Message::Peers(true, Vec::new(), None));
        self.send_digest(shared, now, node);
        let just_sent =
            |peer: &Peer| peer.sent_digest.is_some_and(|(at, _)| now.mono.since(at) < JUST_SENT);
        let lost = self.peers.0.iter().filter(|(_, it)| it.lost_at.is_some() && !just_sent(it));
        for node in lost.map(|(node, _)| *node).collect::<Vec<_>>() {
            self.send_digest(shared, now, node);
        }
    }

    /// The generation of a node that it cannot go on with: it was declared down, or is an earlier boot's.
    fn spent(&self, node: u64, generation: u32, boot: u64) -> Option<u32> {
        let (known, liveness) = self.swim.find(node)?;
        let restarted = self.peer(node).is_some_and(|peer| peer.boot != boot);
        (known >= generation && (restarted || liveness == Liveness::Down)).then_some(known)
    }

    /// Believes this boot of a node from now on, and no earlier one.
    fn believe(
        &mut self,
        shared: &mut Shared,
        now: Now,
        node: u64,
        header: Header,
        from: SocketAddr,
    ) -> bool {
        let is_full = self.peers.0.len() >= MEMBERS_MAX && !self.peers.0.contains_key(&node);
        if is_full || self.handshake.is_over(now.mono, header.boot) {
            return false;
        }
        let mut peer = Peer::new(header, from);
        if let Some(former) = self.peers.0.get(&node) {
            shared.outbox.seal.forget(former.boot);
            self.handshake.end(now.mono, former.boot);
            // It knows as little of the others as a new member. Foca sees it as new only if it was down meanwhile.
            peer.back_at = Some(now.mono);
            self.churn.note(now.mono, node, true);
        }
        self.peers.0.insert(node, peer);
        shared.outbox.seal.remember(header);
        self.candidates.note_met(node, from);
        // A node that has lost its flash comes back as another, and nobody says goodbye for the one it was.
        let others =
            self.peers.0.iter().filter(|(other, peer)| **other != node && peer.addr == from);
        for former in others.map(|(other, _)| *other).collect::<Vec<_>>() {
            self.suspect(shared, now, former);
        }
        self.search.ask_soon(now.mono);
        true
    }

    /// Says hello to a member that is believed; `spent` is a generation of it that it must replace.
    pub(super) fn greet(&mut self, shared: &mut Shared, now: Now, node: u64, spent: Option<u32>) {
        if let Some(addr) = self.peer(node).map(|peer| peer.addr) {
            self.send_hello(shared, now, (addr, usize::MAX), None, (Some(node), spent));
        }
    }

    /// Sends a hello of at most so many bytes to an address. `answers` is the hello that it replies to. `node` is the member
    /// there, if any, and its generation that is spent.
    fn send_hello(
        &mut self,
        shared: &mut Shared,
        now: Now,
        (to, room): (SocketAddr, usize),
        answers: Option<&Hello>,
        (node, spent): (Option<u64>, Option<u32>),
    ) {
        let mut hello = self.answer(shared, now, to, answers);
        hello.spent = spent;
        if let Some(peer) = node.and_then(|node| self.peers.0.get_mut(&node)) {
            let hears = shared.config.multicast && peer.is_heard_by_multicast(now.mono);
            (hello.believes, hello.hears_multicast) = (true, hears);
            peer.reported_hearing = Some(hears);
        }
        if let Some(hello) = hello.within(room, 0) {
            shared.outbox.send(to, false, &hello);
        }
    }

    /// Our hello to this address, as the answer to `answers`.
    fn answer(&self, shared: &Shared, now: Now, to: SocketAddr, answers: Option<&Hello>) -> Hello {
        Hello {
            nonce: self.handshake.nonce(to),
            echo: answers.map(|hello| hello.nonce),
            answers_candidate: answers.and_then(|hello| hello.candidate),
            ..self.own_hello(shared, now)
        }
    }

    /// Our hello to nobody in particular: its nonce can't be echoed.
    pub(super) fn own_hello(&self, shared: &Shared, now: Now) -> Hello {
        Hello {
            node: shared.config.node,
            generation: self.swim.generation(),
            name: shared.config.name.clone(),
            at: shared.clock.wall_ms(now),
            synced: shared.clock.knows_time(),
            nonce: 0,
            echo: None,
            believes: false,
            spent: None,
            hears_multicast: false,
            candidate: None,
            answers_candidate: None,
            padding: None,
        }
    }
}
