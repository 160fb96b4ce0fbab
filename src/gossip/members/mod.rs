//! Membership: which members are up, and at which address each is reached.
//!
//! Membership is told of every datagram of a member ([`Members::note_heard`]), of hellos, of foca's datagrams, of addresses
//! and goodbyes, and of datagrams that were not acknowledged. It sends what these ask for, and queues
//! [`Output::MemberUp`], [`Output::MemberDown`] and [`Output::MemberLeft`]. The other parts ask it who is up, how a member
//! is reached, and along which tree news goes.
//!
//! A member that has just been believed is sent the addresses of the others, and says hello to them too. Addresses are
//! hints and never identity: a member is reached where it last proved that it receives, see [`handshake`]. Some member of the flock retries each
//! member that is down now and then, so that two halves of a flock find each other within seconds.

mod beacon;
mod candidates;
mod codec;
mod handshake;
mod hello;
mod id;
mod peer;
mod reconnect;
mod search;
mod status;
mod swim;
mod timers;
mod tree;

use std::net::{IpAddr, SocketAddr};

use rand::Rng;

pub use status::MemberStatus;
pub use swim::Liveness;

use beacon::Beacon;
use candidates::{Candidates, TRY_BYTES};
use handshake::Handshake;
pub(super) use peer::Peer;
use peer::Peers;
use reconnect::Reconnect;
use search::Search;
use swim::{Swim, SwimOutput};
use tree::{Churn, Trees};

use super::config::Config;
use super::dice::choose;
use super::limiter::Sender;
use super::message::{AROUND_BYTES, Address, Message, pack};
use super::output::Output;
use super::shared::Shared;
use crate::time::{Mono, Now};

/// A member that was sent our digest so recently need not be sent it again.
pub(super) const JUST_SENT: std::time::Duration = std::time::Duration::from_secs(1);
/// A report of where members are has bytes for so many tries: the first may be lost.
const TRIES_OF_A_REPORT: usize = 4;

/// The members, and the search for more.
pub(super) struct Members {
    swim: Swim,
    peers: Peers,
    churn: Churn,
    handshake: Handshake,
    candidates: Candidates,
    beacon: Beacon,
    reconnect: Reconnect,
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
            reconnect: Reconnect::new(now),
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

    /// Whose address this is, as far as a datagram that is still sealed can show.
    pub(super) fn sender(&self, ip: IpAddr) -> Sender {
        if self.peers.is_at(ip) {
            Sender::Member
        } else if self.candidates.is_at(ip) {
            Sender::Candidate
        } else {
            Sender::Stranger
        }
    }

    /// Whether a member that is up was met at this address.
    pub(super) fn is_living_at(&self, addr: SocketAddr) -> bool {
        self.peers.0.iter().any(|(node, peer)| peer.addr == addr && !self.is_down(*node))
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
            self.candidates.add_known(now, *addr, &self.peers);
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
                self.reconnect.hurry(now.mono);
            }
            !std::mem::take(&mut peer.is_there)
        });
        silent
    }

    // Inputs.

    /// Takes a datagram of another member's foca.
    pub(super) fn handle_swim(&mut self, shared: &mut Shared, now: Now, node: u64, data: &[u8]) {
        let output = self.swim.handle_data(now.mono, data);
        if output.outdated {
            self.greet(shared, now, node, None);
        }
        self.apply(shared, now, output);
    }

    /// Takes the addresses at which a member has heard others, in so many bytes, or its question for ours.
    pub(super) fn handle_peers(
        &mut self,
        shared: &mut Shared,
        now: Now,
        (from, bytes): (u64, usize),
        (ask, addresses): (bool, &[Address]),
    ) {
        let Some(reporter) = self.peer(from).map(|peer| peer.addr) else { return };
        if ask {
            return self.send_addresses(shared, from);
        }
        let is_met = |node| self.peers.0.contains_key(&node) && !self.is_down(node);
        let unmet = addresses.iter().filter(|it| it.node != shared.config.node && !is_met(it.node));
        let unmet = unmet.filter_map(|it| Some((it.socket_addr(reporter)?, it.node))).collect();
        self.candidates.add_reported(now.mono, unmet, bytes, &self.peers);
    }

    pub(super) fn handle_bye(&mut self, shared: &mut Shared, now: Now, node: u64) {
        if let Some(peer) = self.peer(node) {
            let boot = peer.boot;
            self.handshake.end(now.mono, boot);
        }
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
        if !output.changes.is_empty() {
            self.forget_renewed(shared);
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
                self.reconnect.hurry(now.mono);
                let met = self.peers.0.contains_key(&node);
                let down = if met { Output::MemberDown(node) } else { Output::MemberLeft(node) };
                shared.outbox.push(down);
            }
        }
    }

    /// Forgets members that are down if one of the same name lives where they were: a machine that has lost its flash.
    fn forget_renewed(&mut self, shared: &mut Shared) {
        let (down, living): (Vec<_>, Vec<_>) =
            self.peers.0.iter().partition(|(node, _)| self.is_down(**node));
        let lives_on = |it: &Peer| {
            !it.name.is_empty()
                && living.iter().any(|(_, peer)| (&peer.name, peer.addr) == (&it.name, it.addr))
        };
        let renewed = down.iter().filter(|(_, it)| lives_on(it)).map(|(node, _)| **node);
        for node in renewed.collect::<Vec<_>>() {
            self.forget(shared, node);
        }
    }

    /// Forgets a member altogether.
    fn forget(&mut self, shared: &mut Shared, node: u64) {
        if let Some(peer) = self.peers.0.remove(&node) {
            shared.outbox.seal.forget(peer.boot);
        }
        self.candidates.note_forgotten(node);
    }

    /// Sends a member the addresses of the others, in datagrams that have the bytes to try some.
    fn send_addresses(&self, shared: &mut Shared, to: u64) {
        let least = shared.outbox.room_within(TRIES_OF_A_REPORT * TRY_BYTES);
        let others = self.peers.0.iter().filter(|(node, _)| **node != to && !self.is_down(**node));
        let addresses: Vec<_> = others.map(|(node, peer)| Address::new(*node, peer.addr)).collect();
        for addresses in pack(addresses, AROUND_BYTES) {
            self.send(shared, to, &Message::report(addresses, least));
        }
    }
}
