//! Membership: which members are up, and at which address each is reached.
//!
//! Membership is told of every datagram of a member ([`Members::note_heard`]), of hellos, of foca's datagrams, of addresses
//! and goodbyes, and of datagrams that were not acknowledged. It sends what these ask for, and queues
//! [`Output::MemberUp`], [`Output::MemberDown`] and [`Output::MemberLeft`]. The other parts ask it who is up, how a member
//! is reached, and along which tree news goes.
//!
//! A member that has just been believed is sent the addresses of the others, and says hello to them too. Addresses are
//! hints and never identity: a member is answered where its last datagram came from. Some member of the flock retries each
//! member that is down now and then, so that two halves of a flock find each other within seconds.

mod beacon;
mod candidates;
mod codec;
mod handshake;
mod id;
mod peer;
mod search;
mod status;
mod swim;
mod tree;

use std::net::{IpAddr, SocketAddr};

use rand::Rng;

pub use status::MemberStatus;
pub use swim::Liveness;

use beacon::Beacon;
use candidates::Candidates;
use handshake::Handshake;
pub(super) use peer::Peer;
use peer::Peers;
use search::{ASK_LAST, LOST_RETRIED_MAX, Search};
use swim::{RECENT, Swim, SwimOutput};
use tree::{Churn, Trees};

use super::cause::Cause;
use super::config::Config;
use super::dice::choose;
use super::message::{AROUND_BYTES, Address, Hello, Message, pack};
use super::output::{Output, Via};
use super::seal::Header;
use super::shared::Shared;
use crate::limits::{MEMBER_NAME_BYTES_MAX, MEMBERS_MAX};
use crate::time::{Mono, Now};

/// A member that was sent our digest so recently need not be sent it again.
pub(super) const JUST_SENT: std::time::Duration = std::time::Duration::from_secs(1);

/// The members, and the search for more.
pub(super) struct Members {
    swim: Swim,
    peers: Peers,
    churn: Churn,
    handshake: Handshake,
    candidates: Candidates,
    beacon: Beacon,
    search: Search,
}

impl Members {
    pub(super) fn new(now: Mono, rng: &mut dyn Rng, config: &Config) -> Self {
        Self {
            swim: Swim::new(config.node, rng, config.probe_interval, config.probe_timeout),
            peers: Peers::default(),
            churn: Churn::default(),
            handshake: Handshake::new(now, rng),
            candidates: Candidates::default(),
            beacon: Beacon::new(config.multicast.then_some(now)),
            search: Search::new(now),
        }
    }

    // Getters.

    /// The members that are up, this node not among them, in order.
    pub(super) fn living(&self) -> Vec<u64> {
        self.swim.living()
    }

    /// The addresses of those of them that were met, in order of their ids.
    pub(super) fn living_addrs(&self) -> Vec<SocketAddr> {
        let met = |node| self.peers.0.get(&node).map(|peer| peer.addr);
        self.living().into_iter().filter_map(met).collect()
    }

    pub(super) fn is_down(&self, node: u64) -> bool {
        matches!(self.swim.find(node), None | Some((_, Liveness::Down)))
    }

    pub(super) fn peer(&self, node: u64) -> Option<&Peer> {
        self.peers.0.get(&node)
    }

    pub(super) fn peer_mut(&mut self, node: u64) -> Option<&mut Peer> {
        self.peers.0.get_mut(&node)
    }

    /// The node of a boot that is believed.
    pub(super) fn node_of(&self, boot: u64) -> Option<u64> {
        self.peers.node_of(boot)
    }

    /// Whether a member was last heard from this address.
    pub(super) fn is_at(&self, ip: IpAddr) -> bool {
        self.peers.is_at(ip)
    }

    /// Whether that is the address of a static peer.
    pub(super) fn is_static(&self, addr: SocketAddr) -> bool {
        self.candidates.is_static(addr)
    }

    /// Static peers that were never reached, and members that are down.
    pub(super) fn failed(&self) -> usize {
        let down = self.peers.0.keys().filter(|node| self.is_down(**node)).count();
        down + self.candidates.unreached(&self.peers)
    }

    /// Every other member that is up, or was, in order.
    pub(super) fn all(&self) -> Vec<u64> {
        let mut nodes: Vec<_> = self.peers.0.keys().copied().chain(self.living()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    pub(super) fn status(&self, now: Mono, node: u64) -> MemberStatus {
        let liveness = self.swim.find(node).map_or(Liveness::Down, |(_, liveness)| liveness);
        MemberStatus::of(now, node, liveness, self.peer(node))
    }

    /// Whether a member must be sent to by unicast.
    pub(super) fn needs_unicast(&self, shared: &Shared, now: Now, node: u64) -> bool {
        !shared.config.multicast || self.peer(node).is_none_or(|peer| peer.needs_unicast(now.mono))
    }

    /// Those of the living to whom multicast does not get through.
    pub(super) fn unicast_only(&self, shared: &Shared, now: Now) -> Vec<u64> {
        let mut nodes = self.living();
        nodes.retain(|node| self.needs_unicast(shared, now, *node));
        nodes
    }

    /// Whether a member passes news on, as far as we know.
    pub(super) fn passes_on(&self, now: Now, node: u64) -> bool {
        self.peer(node).is_some_and(|peer| peer.passes_on(now.mono))
    }

    /// The trees of now.
    pub(super) fn trees(&self, shared: &Shared, now: Now) -> Trees {
        let me = shared.config.node;
        let mut living = self.living();
        living.push(me);
        let suspects = self.swim.suspected();
        let passes_on = |node| node == me || self.passes_on(now, node);
        self.churn.trees(now.mono, living, |node| !passes_on(node) || suspects.contains(&node))
    }

    /// The members to which `member` passes the author's records, see [`Trees::recipients`].
    pub(super) fn recipients(&self, now: Now, trees: &Trees, member: u64, author: u64) -> Vec<u64> {
        trees.recipients((member, author), |node| self.passes_on(now, node))
    }

    // Commands.

    /// Sends a message to a member that was met. Returns the counter of the datagram, if one was queued.
    pub(super) fn send(&self, shared: &mut Shared, node: u64, message: &Message) -> Option<u64> {
        let peer = self.peer(node)?;
        shared.outbox.send(peer.addr, peer.is_there, message)
    }

    /// Sends our digest to one member: with all that has changed since it was lost, if it was.
    pub(super) fn send_digest(&mut self, shared: &mut Shared, now: Now, node: u64) {
        let mut digest = shared.digest(now);
        if let Some(peer) = self.peers.0.get_mut(&node) {
            if let Some(since) = peer.lost_at {
                let since = now.mono.since(since) + super::versions::RECENT_FOR;
                digest.recent = shared.versions.recent(now.mono, since, digest.at);
            }
            peer.sent_digest = Some((now.mono, digest.root));
            peer.compared = now.mono;
        }
        self.send(shared, node, &Message::Digest(digest));
    }

    /// Takes the addresses of the static peers, as their names resolve now. Addresses that are gone are no longer tried;
    /// members that were met at them stay members.
    pub(super) fn set_static(&mut self, now: Mono, addresses: &[SocketAddr]) {
        self.candidates.set_static(now, addresses, &self.peers);
    }

    /// Takes addresses at which members were met before a restart: each is tried a few times.
    pub(super) fn hint(&mut self, now: Mono, addresses: &[SocketAddr]) {
        for addr in addresses {
            self.candidates.add(now, *addr, false, &self.peers);
        }
    }

    /// Stops the beacons: multicast is off from now on.
    pub(super) const fn stop_beacons(&mut self) {
        self.beacon.stop();
    }

    /// Suspects a member: it is down unless it answers soon.
    pub(super) fn suspect(&mut self, shared: &mut Shared, now: Now, node: u64) {
        let output = self.swim.suspect(now.mono, node);
        self.apply(shared, now, output);
    }

    /// Has another member compare itself with one that does not answer us.
    pub(super) fn ask_to_check(
        &mut self,
        shared: &mut Shared,
        now: Now,
        rng: &mut dyn Rng,
        silent: u64,
    ) {
        if !self.peers.0.get_mut(&silent).is_some_and(|peer| peer.may_check(now.mono)) {
            return;
        }
        let mut others = self.living();
        others.retain(|node| *node != silent);
        if let Some(other) = choose(rng, &others) {
            self.send(shared, other, &Message::Check(silent));
        }
    }

    /// Notes that these members have not acknowledged a datagram; `given_up` if it is not sent again. Returns those of them
    /// that have not sent anything else either since the last time.
    pub(super) fn note_unanswered(&mut self, now: Now, nodes: &[u64], given_up: bool) -> Vec<u64> {
        let mut silent = nodes.to_vec();
        silent.retain(|node| {
            let Some(peer) = self.peers.0.get_mut(node) else { return false };
            peer.unanswered_since.get_or_insert(now.mono);
            if given_up {
                peer.lost_at = Some(now.mono);
                self.search.hurry(now.mono);
            }
            !std::mem::take(&mut peer.is_there)
        });
        silent
    }

    /// Says hello to a member that is believed; `spent` is a generation of it that it must replace.
    pub(super) fn greet(&mut self, shared: &mut Shared, now: Now, node: u64, spent: Option<u32>) {
        if let Some(addr) = self.peer(node).map(|peer| peer.addr) {
            self.send_hello(shared, now, addr, None, (Some(node), spent));
        }
    }

    // Timers.

    pub(super) fn next_timeout(&self) -> Option<Mono> {
        let retries =
            self.peers.0.iter().any(|(node, peer)| peer.lost_at.is_some() || self.is_down(*node));
        let asks = self.peers.0.keys().any(|node| !self.is_down(*node));
        self.candidates
            .next_timeout(&self.peers)
            .into_iter()
            .chain(self.swim.next_timeout())
            .chain(self.beacon.next_timeout())
            .chain(self.search.next_timeout(retries, asks))
            .min()
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, shared: &mut Shared, now: Now, rng: &mut dyn Rng) {
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
        let longest = shared.config.reconnect_interval;
        let due = self.candidates.due(now.mono, (longest, ASK_LAST), peers, is_expected);
        for (addr, candidate) in due {
            let mut hello = self.own_hello(shared, now);
            hello.candidate = Some(candidate);
            shared.outbox.send(addr, false, &Message::Hello(hello));
        }
    }

    fn send_beacon(&mut self, shared: &mut Shared, now: Now, rng: &mut dyn Rng) {
        if !shared.config.multicast || !self.beacon.is_due(now.mono) {
            return;
        }
        let hello = Message::Hello(self.own_hello(shared, now));
        shared.outbox.multicast(&hello);
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

    /// Retries members that have missed something, and one of those that are down.
    fn retry(&mut self, shared: &mut Shared, now: Now, rng: &mut dyn Rng) {
        if self.search.retry_at > now.mono {
            return;
        }
        let (down, mut lost): (Vec<u64>, Vec<u64>) =
            self.peers.0.keys().partition(|node| self.is_down(**node));
        lost.retain(|node| self.peers.0.get_mut(node).is_some_and(|peer| peer.is_lost(now.mono)));
        let here = self.living().len() + 1;
        let share = if lost.is_empty() { here.div_ceil(down.len().clamp(1, here)) } else { 1 };
        self.search.plan_retry(now.mono, rng, share);
        let last = self.search.last_retried;
        lost.sort_by_key(|node| (*node <= last, *node));
        lost.truncate(LOST_RETRIED_MAX);
        for node in lost {
            self.search.last_retried = node;
            self.send(shared, node, &Message::Check(shared.config.node));
            self.ask_to_check(shared, now, rng, node);
        }
        for node in &down {
            let heard = self.peer(*node).and_then(Peer::heard).unwrap_or_default();
            if now.mono.since(heard) > shared.config.reconnect_timeout {
                self.forget(shared, *node);
            }
        }
        if let Some(node) = choose(rng, &down) {
            let spent = self.swim.find(node).map(|(generation, _)| generation);
            self.greet(shared, now, node, spent);
        }
    }

    fn ask_for_addresses(&mut self, shared: &mut Shared, now: Now, rng: &mut dyn Rng) {
        if self.search.ask_at > now.mono {
            return;
        }
        let all_met = self.living().iter().all(|node| self.peers.0.contains_key(node));
        self.search.plan_ask(now.mono, all_met);
        let met: Vec<u64> =
            self.peers.0.keys().copied().filter(|node| !self.is_down(*node)).collect();
        if let Some(node) = choose(rng, &met) {
            self.send(shared, node, &Message::Peers(true, Vec::new()));
        }
    }

    // Inputs.

    /// Is told that a hello of ours came back to us.
    pub(super) fn note_own_hello(&mut self, hello: &Hello) {
        self.candidates.note_own(hello.candidate);
    }

    pub(super) fn handle_hello(
        &mut self,
        shared: &mut Shared,
        now: Now,
        rng: &mut dyn Rng,
        header: Header,
        (from, via): (SocketAddr, Via),
        hello: &Hello,
    ) {
        let node = hello.node;
        if node == shared.config.node {
            shared.outbox.stats.id_conflicts += 1;
            return;
        }
        if hello.name.len() > MEMBER_NAME_BYTES_MAX {
            return shared.outbox.stats.drop(Cause::Malformed);
        }
        self.handshake.rotate(now.mono, rng);
        self.candidates.note_answer(hello.answers_candidate, node);
        let spent = self.spent(node, hello.generation, header.boot);
        let known = self.node_of(header.boot) == Some(node);
        let believed = known
            || (self.handshake.is_fresh(hello.echo)
                && self.believe(shared, now, node, header, from));
        if !believed {
            if self.handshake.may_challenge(now.mono) {
                self.send_hello(shared, now, from, Some(hello), (None, spent));
            }
            return;
        }
        self.note_heard(shared, now, node, header, (from, via));
        let ours_is_spent = hello.spent.filter(|spent| *spent >= self.swim.generation());
        if let Some(spent) = ours_is_spent {
            let output = self.swim.outlive(now.mono, spent);
            self.apply(shared, now, output);
        }
        let unicast = via == Via::Unicast;
        if let Some(peer) = self.peers.0.get_mut(&node) {
            peer.name.clone_from(&hello.name);
            peer.synced = hello.synced;
            if unicast {
                peer.hears_multicast = hello.hears_multicast;
            }
        }
        self.learn_time(shared, now, node, hello.at, hello.synced);
        let output = self.swim.alive(now.mono, node, hello.generation);
        self.apply(shared, now, output);
        if (unicast && (!hello.believes || hello.spent.is_some() || spent.is_some())) || !known {
            self.send_hello(shared, now, from, Some(hello), (Some(node), spent));
        }
    }

    /// Answers a sender that is not believed with a hello for it to echo.
    pub(super) fn challenge(
        &mut self,
        shared: &mut Shared,
        now: Now,
        rng: &mut dyn Rng,
        from: SocketAddr,
    ) {
        self.handshake.rotate(now.mono, rng);
        if self.handshake.may_challenge(now.mono) {
            self.send_hello(shared, now, from, None, (None, None));
        }
    }

    /// Notes that a member was heard just now.
    pub(super) fn note_heard(
        &mut self,
        shared: &mut Shared,
        now: Now,
        node: u64,
        header: Header,
        (from, via): (SocketAddr, Via),
    ) {
        let Some(peer) = self.peers.0.get_mut(&node) else { return };
        let missed = via != Via::Unicast
            && peer.heard_multicast.is_some_and(|at| now.mono.since(at) > RECENT);
        let returned = peer.lost_at.is_some() || missed;
        peer.addr = from;
        peer.is_there = true;
        peer.key_id = header.key_id;
        match via {
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
    }

    /// Asks a member that was lost for the members we have missed meanwhile, and sends it our digest. Sends the digest to
    /// the other lost members too: the way to them may be back as well.
    fn handle_returned(&mut self, shared: &mut Shared, now: Now, node: u64) {
        self.send(shared, node, &Message::Peers(true, Vec::new()));
        self.send_digest(shared, now, node);
        let just_sent =
            |peer: &Peer| peer.sent_digest.is_some_and(|(at, _)| now.mono.since(at) < JUST_SENT);
        let lost = self.peers.0.iter().filter(|(_, it)| it.lost_at.is_some() && !just_sent(it));
        for node in lost.map(|(node, _)| *node).collect::<Vec<_>>() {
            self.send_digest(shared, now, node);
        }
    }

    /// Takes a datagram of another member's foca.
    pub(super) fn handle_swim(&mut self, shared: &mut Shared, now: Now, node: u64, data: &[u8]) {
        let output = self.swim.handle_data(now.mono, data);
        if output.outdated {
            self.greet(shared, now, node, None);
        }
        self.apply(shared, now, output);
    }

    /// Takes the addresses at which a member has heard others, or its question for ours.
    pub(super) fn handle_peers(
        &mut self,
        shared: &mut Shared,
        now: Now,
        from: u64,
        ask: bool,
        addresses: &[Address],
    ) {
        let Some(reporter) = self.peer(from).map(|peer| peer.addr) else { return };
        if ask {
            return self.send_addresses(shared, from);
        }
        for address in addresses {
            let met = self.peers.0.contains_key(&address.node) && !self.is_down(address.node);
            if !met
                && address.node != shared.config.node
                && let Some(addr) = address.socket_addr(reporter)
            {
                self.candidates.add_reported(now.mono, addr, address.node, &self.peers);
            }
        }
    }

    pub(super) fn handle_bye(&mut self, shared: &mut Shared, now: Now, node: u64) {
        self.forget(shared, node);
        let mut output = self.swim.gone(now.mono, node);
        let was_up = output.changes.contains(&(node, false));
        output.changes.retain(|(other, _)| *other != node);
        self.apply(shared, now, output);
        if was_up {
            shared.outbox.stats.left += 1;
            self.churn.note(now.mono, node, false);
            shared.outbox.push(Output::MemberLeft(node));
        }
    }

    /// Takes note of a member's clock.
    pub(super) fn learn_time(
        &mut self,
        shared: &mut Shared,
        now: Now,
        node: u64,
        at_ms: i64,
        synced: bool,
    ) {
        if let Some(peer) = self.peers.0.get_mut(&node) {
            peer.offset_ms = Some(at_ms.saturating_sub(now.wall.as_ms()));
            peer.synced = synced;
        }
        shared.clock.learn(now, at_ms, synced);
    }

    /// Does what foca asks for.
    fn apply(&mut self, shared: &mut Shared, now: Now, output: SwimOutput) {
        for (node, data) in output.sends {
            self.send(shared, node, &Message::Swim(data));
        }
        for (node, up) in output.changes {
            self.churn.note(now.mono, node, up);
            if up {
                shared.outbox.stats.joined += 1;
                self.search.ask_soon(now.mono);
                shared.outbox.push(Output::MemberUp(node));
                self.send_digest(shared, now, node);
            } else {
                shared.outbox.stats.left += 1;
                self.search.hurry(now.mono);
                let met = self.peers.0.contains_key(&node);
                let down = if met { Output::MemberDown(node) } else { Output::MemberLeft(node) };
                shared.outbox.push(down);
            }
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
        if self.peers.0.len() >= MEMBERS_MAX && !self.peers.0.contains_key(&node) {
            return false;
        }
        let mut peer = Peer::new(header, from);
        peer.window.accept(header.counter);
        if let Some(former) = self.peers.0.get(&node) {
            shared.outbox.seal.forget(former.boot);
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
        self.send_addresses(shared, node);
        self.send_digest(shared, now, node);
        true
    }

    /// Forgets a member altogether.
    fn forget(&mut self, shared: &mut Shared, node: u64) {
        if let Some(peer) = self.peers.0.remove(&node) {
            shared.outbox.seal.forget(peer.boot);
        }
        self.candidates.note_forgotten(node);
    }

    /// Sends a member the addresses of the others.
    fn send_addresses(&self, shared: &mut Shared, to: u64) {
        let others = self.peers.0.iter().filter(|(node, _)| **node != to && !self.is_down(**node));
        let addresses: Vec<_> = others.map(|(node, peer)| Address::new(*node, peer.addr)).collect();
        for addresses in pack(addresses, AROUND_BYTES) {
            self.send(shared, to, &Message::Peers(false, addresses));
        }
    }

    /// Says hello to an address: as the answer to `answers`, and to a member if `node` is one, with the generation of it
    /// that is spent.
    fn send_hello(
        &mut self,
        shared: &mut Shared,
        now: Now,
        to: SocketAddr,
        answers: Option<&Hello>,
        (node, spent): (Option<u64>, Option<u32>),
    ) {
        let mut hello = self.own_hello(shared, now);
        hello.echo = answers.map(|hello| hello.nonce);
        hello.answers_candidate = answers.and_then(|hello| hello.candidate);
        hello.spent = spent;
        if let Some(peer) = node.and_then(|node| self.peers.0.get_mut(&node)) {
            let hears = shared.config.multicast && peer.is_heard_by_multicast(now.mono);
            (hello.believes, hello.hears_multicast) = (true, hears);
            peer.reported_hearing = Some(hears);
        }
        shared.outbox.send(to, false, &Message::Hello(hello));
    }

    fn own_hello(&self, shared: &Shared, now: Now) -> Hello {
        Hello {
            node: shared.config.node,
            generation: self.swim.generation(),
            name: shared.config.name.clone(),
            at: shared.clock.wall_ms(now),
            synced: shared.clock.knows_time(),
            nonce: self.handshake.nonce(),
            echo: None,
            believes: false,
            spent: None,
            hears_multicast: false,
            candidate: None,
            answers_candidate: None,
        }
    }
}
