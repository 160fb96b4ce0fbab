//! Who is alive now, and where.
//!
//! A boot of a node is believed once it has echoed our nonce. The nonce changes every minute, so nothing that was recorded
//! can answer for it: what an unknown boot says is not heard, whoever sealed it, until it has echoed. So a recording of
//! yesterday's datagrams changes nothing, not even on a node that was installed today.
//!
//! ```text
//! a                                   b
//! | hello nonce=A                  -> |         to a candidate address, or by multicast
//! | <-        hello nonce=B echo=A    |         a believes b
//! | hello nonce=A echo=B sure      -> |         b believes a
//! ```
//!
//! Who has just come to be believed is told where the others were heard, and says hello to them too. Addresses are hints
//! and never identity: a member is answered where its last datagram came from. A member that is down is tried now and then
//! by somebody of those who live, so that halves of a flock find together within seconds.

use std::net::SocketAddr;
use std::time::Duration;

use rand::Rng;

use super::limiter::Bucket;
use super::member::{Liveness, SPARED_FOR};
use super::message::{AROUND_BYTES, Address, Hello, Message, pack};
use super::peer::{Peer, Peers};
use super::seal::Header;
use super::settle::Settle;
use super::stats::Cause;
use super::sync::TOLD_FOR;
use super::{Gossip, Output, Via, choose, jitter};
use crate::limits::{CANDIDATES_MAX, MEMBER_NAME_BYTES_MAX, MEMBERS_MAX};
use crate::time::{Mono, Now};

/// A nonce is handed out for so long, and answered to for as long again.
const NONCE_FOR: Duration = Duration::from_secs(60);
/// The first try of a candidate is repeated after this, then ever more rarely.
const RETRY_FIRST: Duration = Duration::from_millis(250);
/// Tries of an address that a member told of; after them one each [`ASK_LAST`] while who is there is not met.
const HINT_TRIES_MAX: u32 = 6;
/// Hello by multicast: so often, and after the start at these times.
const BEACON_EVERY: Duration = Duration::from_secs(32);
const BEACONS_FIRST_MS: [u64; 4] = [0, 300, 1_000, 3_000];
/// Beacons after which members are told again that their multicast is not heard.
const BEACONS_TO_TELL_EAR: u32 = 5;
/// Some member of the flock tries some member that is down so often; where more are down than there, each of them does,
/// so that a half of a flock is never silent for longer.
const POKE_EVERY: Duration = Duration::from_secs(2);
/// Members that were lost are asked for their digest, so many of them each time.
const POKED_MAX: usize = 4;
/// A member is asked where the others are so soon after one has come, then ever more rarely: news of members is told some
/// times and then no more, so it may have passed somebody by. Seldom at rest, and not so seldom while there are members
/// that we have heard of but not met.
const ASK_FIRST: Duration = Duration::from_secs(2);
const ASK_LAST: Duration = Duration::from_secs(60);
const ASK_AT_REST: Duration = Duration::from_secs(10 * 60);
/// Hellos a second, and the burst, in answer to those who are not believed.
const CHALLENGES_PER_SECOND: u64 = 50;
const CHALLENGES_BURST: u64 = 100;

/// What is going on to find members.
#[derive(Debug)]
pub(super) struct Join {
    nonce: u64,
    nonce_before: u64,
    nonce_since: Mono,
    candidates: Vec<Candidate>,
    doors: u16,
    beacons: u32,
    beacon_at: Option<Mono>,
    poke_at: Mono,
    poked: u64,
    ask_at: Mono,
    ask_every: Duration,
    challenges: Bucket,
    started: bool,
}

/// An address at which there may be a member.
#[derive(Debug)]
struct Candidate {
    addr: SocketAddr,
    /// Its number in our hellos, by which answers are told apart.
    door: u16,
    /// A static peer: tried without end.
    lasting: bool,
    /// It is our own address.
    own: bool,
    /// Who was reached there.
    node: Option<u64>,
    /// Who is there, as a member told.
    told: Option<u64>,
    tries: u32,
    next: Mono,
}

impl Candidate {
    fn is_reached(&self, peers: &Peers) -> bool {
        self.own || self.node.is_some_and(|node| peers.0.contains_key(&node))
    }
}

impl Join {
    pub(super) fn new(now: Mono, rng: &mut dyn Rng, multicast: bool) -> Self {
        Self {
            nonce: rng.next_u64(),
            nonce_before: rng.next_u64(),
            nonce_since: now,
            candidates: Vec::new(),
            doors: 0,
            beacons: 0,
            beacon_at: multicast.then_some(now),
            poke_at: now,
            poked: 0,
            ask_at: now,
            ask_every: ASK_FIRST,
            challenges: Bucket::new(CHALLENGES_PER_SECOND, CHALLENGES_BURST),
            started: false,
        }
    }

    /// A hello of ours came back to us.
    pub(super) fn found_ourselves(&mut self, door: Option<u16>) {
        if let Some(candidate) = self.candidates.iter_mut().find(|c| Some(c.door) == door) {
            candidate.own = true;
        }
    }

    /// Static peers at which nobody was reached.
    pub(super) fn unreached(&self, peers: &Peers) -> usize {
        self.candidates.iter().filter(|c| c.lasting && !c.is_reached(peers)).count()
    }

    /// Whether that is the address of a static peer.
    pub(super) fn is_static(&self, addr: SocketAddr) -> bool {
        self.candidates.iter().any(|c| c.lasting && c.addr == addr)
    }

    /// Somebody has just fallen silent: the next try must not wait for long.
    pub(super) fn hurry(&mut self, now: Mono) {
        self.poke_at = self.poke_at.min(now + POKE_EVERY);
    }

    /// Somebody has just come: others may have too, of whom we have not heard.
    pub(super) fn ask_soon(&mut self, now: Mono) {
        self.ask_every = ASK_FIRST;
        self.ask_at = self.ask_at.min(now + ASK_FIRST);
    }

    fn rotate(&mut self, now: Mono, rng: &mut dyn Rng) {
        let age = now.since(self.nonce_since);
        if age >= NONCE_FOR {
            self.nonce_before = if age >= NONCE_FOR * 2 { rng.next_u64() } else { self.nonce };
            self.nonce = rng.next_u64();
            self.nonce_since = now;
        }
    }

    fn add(&mut self, now: Mono, addr: SocketAddr, lasting: bool, peers: &Peers) {
        if let Some(known) = self.candidates.iter_mut().find(|c| c.addr == addr) {
            known.lasting |= lasting;
            return;
        }
        if self.candidates.len() >= CANDIDATES_MAX {
            return;
        }
        let node = peers.0.iter().find(|(_, peer)| peer.addr == addr).map(|(node, _)| *node);
        self.doors = self.doors.wrapping_add(1);
        let door = self.doors;
        let told = None;
        let candidate =
            Candidate { addr, door, lasting, own: false, node, told, tries: 0, next: now };
        self.candidates.push(candidate);
    }
}

impl Gossip {
    /// The static peers' addresses, as their names resolve now. Those that are gone are no longer tried; members met at
    /// them stay members.
    pub fn set_peers(&mut self, now: Now, addresses: &[SocketAddr]) {
        let settled = self.settle.ready() && !self.config.settle_timeout.is_zero();
        if !self.join.started && !addresses.is_empty() && settled && !self.config.expects_peers {
            let (every, at_most) = (self.config.settle_interval, self.config.settle_timeout);
            self.settle = Settle::new(now.mono, every, at_most);
        }
        self.join.started = true;
        self.join.candidates.retain(|c| !c.lasting || addresses.contains(&c.addr));
        for addr in addresses {
            self.join.add(now.mono, *addr, true, &self.peers);
        }
    }

    /// Addresses at which members were met before the restart: each is tried a few times.
    pub fn hint(&mut self, now: Now, addresses: &[SocketAddr]) {
        for addr in addresses {
            self.join.add(now.mono, *addr, false, &self.peers);
        }
    }

    pub(super) fn next_join_timeout(&self) -> Option<Mono> {
        let candidates = self.join.candidates.iter().filter(|c| !c.is_reached(&self.peers));
        let poke =
            self.peers.0.iter().any(|(node, peer)| peer.lost_at.is_some() || self.is_down(*node));
        let ask = self.peers.0.keys().any(|node| !self.is_down(*node));
        candidates
            .map(|candidate| candidate.next)
            .chain(self.join.beacon_at)
            .chain(poke.then_some(self.join.poke_at))
            .chain(ask.then_some(self.join.ask_at))
            .min()
    }

    pub(super) fn handle_join_timeout(&mut self, now: Now, rng: &mut dyn Rng) {
        self.join.rotate(now.mono, rng);
        self.try_candidates(now);
        self.send_beacon(now, rng);
        self.poke(now, rng);
        self.ask_for_peers(now, rng);
    }

    pub(super) fn handle_hello(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        header: Header,
        (from, via): (SocketAddr, Via),
        hello: &Hello,
    ) {
        let node = hello.node;
        if node == self.config.node {
            self.stats.id_conflicts += 1;
            return;
        }
        if hello.name.len() > MEMBER_NAME_BYTES_MAX {
            return self.stats.drop(Cause::Malformed);
        }
        self.join.rotate(now.mono, rng);
        if let Some(candidate) =
            self.join.candidates.iter_mut().find(|c| Some(c.door) == hello.from_door)
        {
            candidate.node = Some(node);
        }
        let nonces = [self.join.nonce, self.join.nonce_before];
        let fresh = hello.echo.is_some_and(|echo| nonces.contains(&echo));
        let spent = self.spent(node, hello.generation, header.boot);
        let known = self.peers.node_of(header.boot) == Some(node);
        let believed = known || (fresh && self.believe(now, node, header, from));
        if !believed {
            if self.join.challenges.ready(now.mono) {
                self.join.challenges.spend(1);
                self.send_hello(now, from, Some(hello), (None, spent));
            }
            return;
        }
        self.note_heard(now, node, header, (from, via));
        let renewed = hello.known.filter(|known| *known >= self.swim.generation());
        if let Some(spent) = renewed {
            let outcome = self.swim.outlive(now.mono, spent);
            self.apply(now, outcome);
        }
        let unicast = via == Via::Unicast;
        if let Some(peer) = self.peers.0.get_mut(&node) {
            peer.name.clone_from(&hello.name);
            peer.synced = hello.synced;
            if unicast {
                peer.hears_us = hello.ear;
            }
        }
        self.learn_time(now, node, hello.at, hello.synced);
        let outcome = self.swim.alive(now.mono, node, hello.generation);
        self.apply(now, outcome);
        if (unicast && (!hello.sure || hello.known.is_some() || spent.is_some())) || !known {
            self.send_hello(now, from, Some(hello), (Some(node), spent));
        }
    }

    /// Answers somebody who is not believed with a hello to echo.
    pub(super) fn challenge(&mut self, now: Now, rng: &mut dyn Rng, from: SocketAddr) {
        self.join.rotate(now.mono, rng);
        if self.join.challenges.ready(now.mono) {
            self.join.challenges.spend(1);
            self.send_hello(now, from, None, (None, None));
        }
    }

    /// Notes that a member was heard just now, there and so.
    pub(super) fn note_heard(
        &mut self,
        now: Now,
        node: u64,
        header: Header,
        (from, via): (SocketAddr, Via),
    ) {
        let Some(peer) = self.peers.0.get_mut(&node) else { return };
        let missed = via != Via::Unicast
            && peer.heard_multicast.is_some_and(|at| now.mono.since(at) > SPARED_FOR);
        let returned = peer.lost_at.is_some() || missed;
        peer.addr = from;
        peer.is_there = true;
        peer.key_id = header.key_id;
        match via {
            Via::Unicast => peer.heard_unicast = Some(now.mono),
            Via::Multicast(_) => peer.heard_multicast = Some(now.mono),
        }
        let ear = peer.ear(now.mono);
        if self.config.multicast && ear && peer.told_ear != Some(true) {
            self.greet(now, node, None);
        }
        // Whoever is heard and held for dead must take another life to be believed alive by foca.
        if let Some((spent, Liveness::Down)) = self.swim.find(node)
            && self.join.challenges.ready(now.mono)
        {
            self.join.challenges.spend(1);
            self.greet(now, node, Some(spent));
        } else if returned {
            self.tell_returned(now, node);
        }
        if let Some(peer) = self.peers.0.get_mut(&node) {
            peer.lost_at = None;
        }
    }

    /// Asks a member that was lost whom we have missed meanwhile, and tells it what we know, and the others too: the way to
    /// them may be back as well.
    fn tell_returned(&mut self, now: Now, node: u64) {
        self.send(node, &Message::Peers(true, Vec::new()));
        self.tell_digest(now, node);
        let just_told =
            |peer: &Peer| peer.told_digest.is_some_and(|(at, _)| now.mono.since(at) < TOLD_FOR);
        let lost: Vec<u64> = self
            .peers
            .0
            .iter()
            .filter(|(_, peer)| peer.lost_at.is_some() && !just_told(peer))
            .map(|(node, _)| *node)
            .collect();
        for node in lost {
            self.tell_digest(now, node);
        }
    }

    pub(super) fn handle_peers(&mut self, now: Now, from: u64, ask: bool, addresses: &[Address]) {
        let Some(teller) = self.peers.0.get(&from).map(|peer| peer.addr) else { return };
        if ask {
            return self.tell_peers(from);
        }
        for address in addresses {
            let met = self.peers.0.contains_key(&address.node) && !self.is_down(address.node);
            if !met
                && address.node != self.config.node
                && let Some(addr) = address.socket_addr(teller)
            {
                self.join.add(now.mono, addr, false, &self.peers);
                if let Some(candidate) = self.join.candidates.iter_mut().find(|c| c.addr == addr) {
                    candidate.told = Some(address.node);
                }
            }
        }
    }

    pub(super) fn handle_bye(&mut self, now: Now, node: u64) {
        self.forget(node);
        let mut outcome = self.swim.gone(now.mono, node);
        let there = outcome.changes.contains(&(node, false));
        outcome.changes.retain(|(other, _)| *other != node);
        self.apply(now, outcome);
        if there {
            self.stats.left += 1;
            self.changes.note(now.mono, node, false);
            self.push(Output::MemberLeft(node));
        }
    }

    /// Takes note of a member's clock.
    pub(super) fn learn_time(&mut self, now: Now, node: u64, at_ms: i64, synced: bool) {
        if let Some(peer) = self.peers.0.get_mut(&node) {
            peer.offset_ms = Some(at_ms.saturating_sub(now.wall.as_ms()));
            peer.synced = synced;
        }
        self.hlc.learn(now, at_ms, synced);
    }

    /// The generation of a node that it cannot go on with: it was declared down, or is an earlier boot's.
    fn spent(&self, node: u64, generation: u32, boot: u64) -> Option<u32> {
        let (known, liveness) = self.swim.find(node)?;
        let restarted = self.peers.0.get(&node).is_some_and(|peer| peer.boot != boot);
        (known >= generation && (restarted || liveness == Liveness::Down)).then_some(known)
    }

    /// Believes this boot of a node from now on, and no earlier one.
    fn believe(&mut self, now: Now, node: u64, header: Header, from: SocketAddr) -> bool {
        if self.peers.0.len() >= MEMBERS_MAX && !self.peers.0.contains_key(&node) {
            return false;
        }
        let mut peer = Peer::new(header, from);
        peer.window.accept(header.counter);
        if let Some(former) = self.peers.0.get(&node) {
            self.seal.forget(former.boot);
            // It knows as little of the others as who has come, which is how foca sees it only if it was down meanwhile.
            peer.back_at = Some(now.mono);
            self.changes.note(now.mono, node, true);
        }
        self.peers.0.insert(node, peer);
        self.seal.remember(header);
        self.join.candidates.retain_mut(|candidate| {
            if candidate.addr == from {
                candidate.node = Some(node);
            }
            candidate.lasting || candidate.node != Some(node)
        });
        // Who has lost its flash comes back as another, and nobody says goodbye for the one it was.
        let others =
            self.peers.0.iter().filter(|(other, peer)| **other != node && peer.addr == from);
        for former in others.map(|(other, _)| *other).collect::<Vec<_>>() {
            let doubts = self.swim.doubt(now.mono, former);
            self.apply(now, doubts);
        }
        self.join.ask_soon(now.mono);
        self.tell_peers(node);
        self.tell_digest(now, node);
        true
    }

    /// Forgets a member altogether.
    fn forget(&mut self, node: u64) {
        if let Some(peer) = self.peers.0.remove(&node) {
            self.seal.forget(peer.boot);
        }
        for candidate in &mut self.join.candidates {
            if candidate.node == Some(node) {
                (candidate.node, candidate.tries) = (None, 0);
            }
        }
    }

    /// Tells a member where the others were heard.
    fn tell_peers(&mut self, to: u64) {
        let others = self.peers.0.iter().filter(|(node, _)| **node != to && !self.is_down(**node));
        let addresses: Vec<_> = others.map(|(node, peer)| Address::new(*node, peer.addr)).collect();
        for addresses in pack(addresses, AROUND_BYTES) {
            self.send(to, &Message::Peers(false, addresses));
        }
    }

    /// Says hello to a member we believe, and that a generation of it is spent, if one is.
    pub(super) fn greet(&mut self, now: Now, node: u64, spent: Option<u32>) {
        if let Some(addr) = self.peers.0.get(&node).map(|peer| peer.addr) {
            self.send_hello(now, addr, None, (Some(node), spent));
        }
    }

    /// Says hello there: in answer to one, and to a member or to somebody unknown.
    fn send_hello(
        &mut self,
        now: Now,
        to: SocketAddr,
        answers: Option<&Hello>,
        (node, known): (Option<u64>, Option<u32>),
    ) {
        let mut hello = self.own_hello(now);
        hello.echo = answers.map(|hello| hello.nonce);
        hello.from_door = answers.and_then(|hello| hello.door);
        hello.known = known;
        if let Some(peer) = node.and_then(|node| self.peers.0.get_mut(&node)) {
            let ear = self.config.multicast && peer.ear(now.mono);
            (hello.sure, hello.ear) = (true, ear);
            peer.told_ear = Some(ear);
        }
        self.send_to(to, &Message::Hello(hello));
    }

    fn own_hello(&self, now: Now) -> Hello {
        Hello {
            node: self.config.node,
            generation: self.swim.generation(),
            name: self.config.name.clone(),
            at: self.hlc.wall_ms(now),
            synced: self.hlc.knows_time(),
            nonce: self.join.nonce,
            echo: None,
            sure: false,
            known: None,
            ear: false,
            door: None,
            from_door: None,
        }
    }

    fn try_candidates(&mut self, now: Now) {
        let mut hellos = Vec::new();
        let (peers, longest) = (&self.peers, self.config.reconnect_interval);
        // Who told of it may be gone by the time that there is a way to it.
        let unmet = |node: u64| !peers.0.contains_key(&node) && self.swim.find(node).is_some();
        self.join.candidates.retain_mut(|candidate| {
            if candidate.next > now.mono || candidate.is_reached(peers) {
                return true;
            }
            let tried = !candidate.lasting && candidate.tries >= HINT_TRIES_MAX;
            if tried && !candidate.told.is_some_and(unmet) {
                return false;
            }
            hellos.push((candidate.addr, candidate.door));
            let wait = RETRY_FIRST * (1 << candidate.tries.min(10));
            candidate.tries += 1;
            candidate.next = now.mono + if tried { ASK_LAST } else { wait.min(longest) };
            true
        });
        for (addr, door) in hellos {
            let mut hello = self.own_hello(now);
            hello.door = Some(door);
            self.send_to(addr, &Message::Hello(hello));
        }
    }

    fn send_beacon(&mut self, now: Now, rng: &mut dyn Rng) {
        if !self.config.multicast || self.join.beacon_at.is_none_or(|at| at > now.mono) {
            return;
        }
        let hello = Message::Hello(self.own_hello(now));
        self.send_multicast(&hello);
        let sent = self.join.beacons as usize;
        let wait = match (BEACONS_FIRST_MS.get(sent), BEACONS_FIRST_MS.get(sent + 1)) {
            (Some(this), Some(next)) => Duration::from_millis(next - this),
            _ => BEACON_EVERY * 7 / 8 + jitter(rng, BEACON_EVERY / 4),
        };
        self.join.beacon_at = Some(now.mono + wait);
        self.join.beacons = self.join.beacons.saturating_add(1);
        let again = self.join.beacons.is_multiple_of(BEACONS_TO_TELL_EAR);
        let tell: Vec<u64> = self
            .peers
            .0
            .iter()
            .filter(|(node, peer)| {
                let ear = peer.ear(now.mono);
                !self.is_down(**node) && (peer.told_ear != Some(ear) || (again && !ear))
            })
            .map(|(node, _)| *node)
            .collect();
        for node in tell {
            self.greet(now, node, None);
        }
    }

    fn poke(&mut self, now: Now, rng: &mut dyn Rng) {
        if self.join.poke_at > now.mono {
            return;
        }
        let (down, mut lost): (Vec<u64>, Vec<u64>) =
            self.peers.0.keys().partition(|node| self.is_down(**node));
        lost.retain(|node| self.peers.0.get_mut(node).is_some_and(|peer| peer.is_lost(now.mono)));
        let here = self.swim.living().len() + 1;
        let share = if lost.is_empty() { here.div_ceil(down.len().clamp(1, here)) } else { 1 };
        let every = POKE_EVERY * u32::try_from(share).unwrap_or(u32::MAX);
        self.join.poke_at = now.mono + every * 3 / 4 + jitter(rng, every / 2);
        let poked = self.join.poked;
        lost.sort_by_key(|node| (*node <= poked, *node));
        lost.truncate(POKED_MAX);
        for node in lost {
            self.join.poked = node;
            self.send(node, &Message::Check(self.config.node));
            self.ask_to_check(now, rng, node);
        }
        for node in &down {
            let heard = self.peers.0.get(node).and_then(Peer::heard).unwrap_or_default();
            if now.mono.since(heard) > self.config.reconnect_timeout {
                self.forget(*node);
            }
        }
        if let Some(node) = choose(rng, &down) {
            let spent = self.swim.find(node).map(|(generation, _)| generation);
            self.greet(now, node, spent);
        }
    }

    /// Members that live, as we have heard, but whom we have not met.
    fn unmet(&self) -> Vec<u64> {
        let mut living = self.swim.living();
        living.retain(|node| !self.peers.0.contains_key(node));
        living
    }

    fn ask_for_peers(&mut self, now: Now, rng: &mut dyn Rng) {
        if self.join.ask_at > now.mono {
            return;
        }
        let longest = if self.unmet().is_empty() { ASK_AT_REST } else { ASK_LAST };
        self.join.ask_at = now.mono + self.join.ask_every.min(longest);
        self.join.ask_every = (self.join.ask_every * 2).min(ASK_AT_REST);
        let met: Vec<u64> =
            self.peers.0.keys().copied().filter(|node| !self.is_down(*node)).collect();
        if let Some(node) = choose(rng, &met) {
            self.send(node, &Message::Peers(true, Vec::new()));
        }
    }
}
