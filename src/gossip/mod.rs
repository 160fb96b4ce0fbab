//! The flock: members find one another, share records, and agree on them over datagrams that may be lost.
//!
//! Pure: datagrams and the time go in by `handle_*`, what is to be sent comes out of [`Gossip::poll_output`], and
//! [`Gossip::next_timeout`] says when to call again. Payloads are a key, a version and bytes; the tables behind them are
//! reached through [`Replica`].
//!
//! | File | Idea |
//! |---|---|
//! | `unheard` | who speaks and is not heard: another key, another cluster |
//! | `join` | who is alive now: a handshake that no recording can answer; candidates, beacons, ways to reach a member |
//! | `member`, `peer` | foca's view of who is alive; what we know of each member we have met |
//! | `broadcast`, `tree` | a change is sent at once, by multicast or along a tree |
//! | `sync`, `index`, `trickle` | digests find what was lost, ranges find what differs |
//! | `repair` | what a member lacks is sent to it, at a bounded rate |
//! | `parts` | records larger than a datagram |
//! | `seal`, `limiter`, `message` | what a datagram looks like, and what it may cost |
//! | `settle`, `status`, `stats` | when all is ready, and what pages and metrics show |
//! | `record`, `hlc` | versions, and why any order of arrival gives the same state |
//!
//! Threats. A stranger (no key) can cost us a bounded number of decryptions a second and changes nothing. Who records
//! datagrams and plays them back, even days later to a node that was just installed, is asked for an echo and cannot give
//! it. A member is trusted: with the key it can publish what it likes, within the limits of every table.

mod broadcast;
mod codec;
mod hlc;
mod index;
mod join;
mod limiter;
mod member;
mod message;
mod parts;
mod peer;
mod record;
mod repair;
mod seal;
mod settle;
mod stats;
mod status;
mod sync;
mod tree;
mod trickle;
mod unheard;

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use rand::Rng;

pub use hlc::{Hlc, TooFarAhead};
pub use member::Liveness;
pub use message::MESSAGE_KINDS;
pub use record::{Key, Merge, Record, Replica, Version};
pub use seal::{KeyError, KeyRing};
pub use stats::{Cause, Stats, Traffic};
pub use status::MemberStatus;
pub use unheard::Unheard;

use broadcast::Broadcast;
use index::{Entry, Index, Put};
use join::Join;
use limiter::Limiter;
use member::{Swim, Upshot};
use message::Message;
use peer::Peers;
use repair::Repair;
use seal::{Header, Seal};
use settle::Settle;
use sync::Sync;
use tree::Changes;

use crate::limits::{
    GOSSIP_OUTPUTS_MAX, MEMBER_NAME_BYTES_MAX, RECORD_BYTES_MAX, RECORD_KEY_BYTES_MAX,
};
use crate::time::{Mono, Now};

/// What a member is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// This node's id: random, kept for as long as its disk.
    pub node: u64,
    /// The name members show: at most [`MEMBER_NAME_BYTES_MAX`] bytes, cut if longer.
    pub name: String,
    /// The cluster's name: members of another are not heard.
    pub cluster_name: String,
    /// The keys; without one nothing is sealed.
    pub keys: KeyRing,
    /// Whether others are expected from the start: static peers are configured, or members were met before a
    /// restart.
    pub expects_peers: bool,
    /// Whether to use multicast. It is not used without a key.
    pub multicast: bool,
    /// How often a member is probed (`--cluster.probe-interval`). Alertmanager's 1 s is a hundred bytes a second.
    pub probe_interval: Duration,
    /// How long a probe may take (`--cluster.probe-timeout`).
    pub probe_timeout: Duration,
    /// How often a static peer that was not reached is tried (`--cluster.reconnect-interval`).
    pub reconnect_interval: Duration,
    /// For how long a member that is down is tried (`--cluster.reconnect-timeout`).
    pub reconnect_timeout: Duration,
    /// How often the flock is looked at while it settles: ten times `--cluster.gossip-interval`.
    pub settle_interval: Duration,
    /// For how long it may settle (`--cluster.settle-timeout`).
    pub settle_timeout: Duration,
    /// The greatest version's clock in our tables, 0 if none.
    pub last_hlc: u64,
    /// Whether our wall clock is synchronised.
    pub synced: bool,
}

impl Config {
    /// The defaults, for this node.
    pub fn new(node: u64, name: &str) -> Self {
        Self {
            node,
            name: name.into(),
            cluster_name: String::new(),
            keys: KeyRing::default(),
            expects_peers: false,
            multicast: false,
            probe_interval: Duration::from_secs(25),
            probe_timeout: Duration::from_secs(5),
            reconnect_interval: Duration::from_secs(10),
            reconnect_timeout: Duration::from_secs(6 * 3600),
            settle_interval: Duration::from_secs(2),
            settle_timeout: Duration::from_secs(60),
            last_hlc: 0,
            synced: true,
        }
    }
}

/// How a datagram came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// By multicast, on the interface of this index.
    Multicast(u32),
    /// To our own address.
    Unicast,
}

/// What the flock wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A member was not heard of for some time.
    MemberDown(u64),
    /// A member said goodbye.
    MemberLeft(u64),
    /// A member is there.
    MemberUp(u64),
    /// Send to the multicast groups, on every interface.
    Multicast {
        /// At most [`crate::limits::DATAGRAM_BYTES_MAX`].
        bytes: Vec<u8>,
    },
    /// Send to one address.
    Send {
        /// Where a member was last heard, or may be.
        to: SocketAddr,
        /// At most [`crate::limits::DATAGRAM_BYTES_MAX`].
        bytes: Vec<u8>,
        /// A member has answered from there: its link-layer address need not be asked for again.
        is_there: bool,
    },
    /// Somebody spoke who is not heard.
    Unheard(Unheard),
}

/// A record cannot be shared. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// The body has more bytes than any member takes.
    BodyTooLong(usize),
    /// The index is full: the record would be shared once and never repaired.
    Full,
    /// The key has more bytes than any member takes.
    KeyTooLong(usize),
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BodyTooLong(bytes) => {
                write!(
                    f,
                    "a record of {bytes} bytes cannot be shared: the most is {RECORD_BYTES_MAX}"
                )
            }
            Self::Full => f.write_str("the flock's index is full: let some records expire"),
            Self::KeyTooLong(bytes) => {
                write!(
                    f,
                    "a key of {bytes} bytes cannot be shared: the most is {RECORD_KEY_BYTES_MAX}"
                )
            }
        }
    }
}

impl std::error::Error for PublishError {}

/// One member of the flock: this node.
///
/// Call `handle_datagram` for each datagram, `handle_timeout` no later than `next_timeout` says, and after each of them and
/// after each command take `poll_output` until it is empty.
pub struct Gossip {
    config: Config,
    hlc: Hlc,
    seal: Seal,
    limiter: Limiter,
    swim: Swim,
    peers: Peers,
    join: Join,
    index: Index,
    changes: Changes,
    broadcast: Broadcast,
    sync: Sync,
    repair: Repair,
    settle: Settle,
    outputs: VecDeque<Output>,
    stats: Stats,
}

impl fmt::Debug for Gossip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gossip").field("node", &self.config.node).finish_non_exhaustive()
    }
}

impl Gossip {
    /// A node that knows nobody yet. `rng` must be seeded from the system's entropy: the boot id is drawn from it.
    pub fn new(now: Now, rng: &mut dyn Rng, mut config: Config) -> Self {
        while config.name.len() > MEMBER_NAME_BYTES_MAX {
            config.name.pop();
        }
        config.multicast &= !config.keys.is_empty();
        let waits = config.multicast || config.expects_peers;
        let settle = if waits && !config.settle_timeout.is_zero() {
            Settle::new(now.mono, config.settle_interval, config.settle_timeout)
        } else {
            Settle::settled()
        };
        let boot = rng.next_u64();
        Self {
            hlc: Hlc::new(config.last_hlc, config.synced, boot),
            seal: Seal::new(config.keys.clone(), &config.cluster_name, boot),
            limiter: Limiter::new(),
            swim: Swim::new(config.node, rng, config.probe_interval, config.probe_timeout),
            peers: Peers::default(),
            join: Join::new(now.mono, rng, config.multicast),
            index: Index::default(),
            changes: Changes::default(),
            broadcast: Broadcast::new(),
            sync: Sync::new(now.mono, rng),
            repair: Repair::new(),
            settle,
            outputs: VecDeque::new(),
            stats: Stats::default(),
            config,
        }
    }

    /// What is to be done next.
    pub fn poll_output(&mut self, now: Now) -> Option<Output> {
        self.send_news(now);
        self.outputs.pop_front()
    }

    /// When to call [`Gossip::handle_timeout`] at the latest.
    pub fn next_timeout(&self) -> Mono {
        let sooner = [
            self.swim.next_timeout(),
            self.next_join_timeout(),
            self.broadcast.next_timeout(),
            self.repair.next_timeout().filter(|_| self.broadcast.may_mend()),
            self.settle.next_timeout(),
        ];
        sooner.into_iter().flatten().fold(self.sync.next_timeout(), Mono::min)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now, rng: &mut dyn Rng, replica: &mut dyn Replica) {
        self.index.expire(now.mono, self.hlc.wall_ms(now));
        let peers = &self.peers;
        let heard = |node| peers.0.get(&node).and_then(peer::Peer::heard);
        let upshot = self.swim.handle_timeout(now.mono, heard);
        self.apply(now, upshot);
        self.handle_join_timeout(now, rng);
        self.handle_broadcast_timeout(now, rng, replica);
        self.handle_sync_timeout(now, rng);
        self.send_repair(now, replica);
        self.settle.handle_timeout(now.mono, self.swim.living().len() + 1);
    }

    /// Hears a datagram. What is refused is counted by cause and changes nothing.
    pub fn handle_datagram(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        from: SocketAddr,
        via: Via,
        bytes: &[u8],
        replica: &mut dyn Replica,
    ) {
        match self.hear(now, from, via, bytes) {
            Ok((header, message)) => {
                self.handle_message(now, rng, header, (from, via), message, replica);
            }
            Err(Some(cause)) => {
                self.stats.drop(cause);
                self.note_unheard(from, cause, bytes);
            }
            Err(None) => {}
        }
    }

    /// Asks a member at once whether it is there, for another has just done its work: it is down unless it says so soon.
    pub fn doubt(&mut self, now: Now, node: u64) {
        let upshot = self.swim.doubt(now.mono, node);
        self.apply(now, upshot);
    }

    /// Shares a record that this node has just written: it is sent at once. If an older version of it was to be kept for
    /// longer, so is this one.
    pub fn publish(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        mut record: Record,
    ) -> Result<(), PublishError> {
        let hash = record.key.hash();
        if let Some(known) = self.index.entry(hash) {
            record.expires_at_ms = record.expires_at_ms.max(known.expires_at_ms);
        }
        self.note(now, &record)?;
        self.index.changed(now.mono, hash);
        self.spread(now, rng, record, false);
        Ok(())
    }

    /// Makes a record known that is not worth sending at once: one from the journal, or a lease a little longer. It
    /// travels when members next compare what they know.
    pub fn note(&mut self, now: Now, record: &Record) -> Result<(), PublishError> {
        if record.key.id.len() > RECORD_KEY_BYTES_MAX {
            return Err(PublishError::KeyTooLong(record.key.id.len()));
        }
        if record.body.len() > RECORD_BYTES_MAX {
            return Err(PublishError::BodyTooLong(record.body.len()));
        }
        let entry = Entry {
            key: record.key.clone(),
            version: record.version,
            expires_at_ms: record.expires_at_ms,
            held: true,
        };
        // Our next version is greater, also than one that was not heard from anybody.
        self.hlc.observe(now, record.version.hlc).ok();
        match self.index.put(now.mono, record.key.hash(), entry) {
            Put::Full => {
                self.stats.index_full += 1;
                Err(PublishError::Full)
            }
            Put::Newer | Put::Stale => Ok(()),
        }
    }

    /// Says that the tables hold the record of this key no more. Its version stays known until it has expired, so that it
    /// does not come back, as long as there is room.
    pub fn mark_gone(&mut self, key: &Key) {
        self.index.mark_gone(key.hash());
    }

    /// A version greater than every one written or heard of before.
    pub fn stamp(&mut self, now: Now) -> Version {
        Version { hlc: self.hlc.tick(now), node: self.config.node }
    }

    /// The wall clock's milliseconds as the flock counts them: ours when synchronised, else what was learned.
    pub fn wall_ms(&self, now: Now) -> i64 {
        self.hlc.wall_ms(now)
    }

    /// Whether that time can be trusted.
    pub const fn knows_time(&self) -> bool {
        self.hlc.knows_time()
    }

    /// Says whether our own wall clock is synchronised.
    pub const fn set_synced(&mut self, synced: bool) {
        self.hlc.set_synced(synced);
    }

    /// Takes another key ring from now on. Members are met again under their new keys.
    pub fn set_keys(&mut self, keys: KeyRing) {
        self.config.multicast &= !keys.is_empty();
        self.seal.set_ring(keys);
    }

    /// Says goodbye to all members. Take the outputs, then drop this.
    pub fn leave(&mut self, now: Now) {
        self.send_news(now);
        for _ in 0..2 {
            for node in self.swim.living() {
                self.send(node, &Message::Bye);
            }
            if self.config.multicast {
                self.send_multicast(&Message::Bye);
            }
        }
    }

    fn is_down(&self, node: u64) -> bool {
        matches!(self.swim.find(node), None | Some((_, Liveness::Down)))
    }

    /// Opens and reads a datagram; an error without a cause is our own datagram.
    fn hear(
        &mut self,
        now: Now,
        from: SocketAddr,
        via: Via,
        bytes: &[u8],
    ) -> Result<(Header, Message), Option<Cause>> {
        let header = self.seal.header(bytes)?;
        let own = header.boot == self.seal.boot();
        if own && via != Via::Unicast {
            return Err(None);
        }
        let node = self.peers.node_of(header.boot);
        if !self.limiter.admit(now.mono, from.ip(), self.peers.is_at(from.ip())) {
            return Err(Some(Cause::RateLimited));
        }
        self.stats.opened += 1;
        let mut datagram = bytes.to_vec();
        let message = self.seal.open(header, &mut datagram)?;
        if let Some(peer) = node.and_then(|node| self.peers.0.get_mut(&node))
            && !peer.window.accept(header.counter)
        {
            return Err(Some(Cause::Replay));
        }
        let message = Message::decode(message).ok_or(Cause::Malformed)?;
        if own {
            if let Message::Hello(hello) = message {
                self.join.found_ourselves(hello.door);
            }
            return Err(None);
        }
        self.stats.received[message.kind()].add(bytes.len());
        Ok((header, message))
    }

    fn handle_message(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        header: Header,
        (from, via): (SocketAddr, Via),
        message: Message,
        replica: &mut dyn Replica,
    ) {
        let message = match message {
            Message::Hello(hello) => {
                return self.handle_hello(now, rng, header, (from, via), &hello);
            }
            other => other,
        };
        let Some(node) = self.peers.node_of(header.boot) else {
            self.stats.drop(Cause::Stranger);
            return self.challenge(now, rng, from);
        };
        self.note_heard(now, node, header, (from, via));
        if message.is_answer()
            && let Some(peer) = self.peers.0.get_mut(&node)
        {
            peer.unanswered_since = None;
        }
        match message {
            Message::Hello(_) => {}
            Message::Swim(data) => {
                let upshot = self.swim.handle_data(now.mono, &data);
                if upshot.outdated {
                    self.greet(now, node, None);
                }
                self.apply(now, upshot);
            }
            Message::News(records, mode) => {
                let from = (node, header.counter);
                self.handle_news(now, rng, from, (records, mode), replica);
            }
            Message::Check(other) => self.tell_digest(now, other),
            Message::Ack(counters) => self.handle_ack(now, node, &counters),
            Message::Digest(digest) => self.handle_digest(now, rng, node, &digest),
            Message::Sum(sum) => self.handle_sum(now, rng, node, &sum),
            Message::Keys(at, ranges) => self.handle_keys(now, node, at, &ranges),
            Message::Want(hashes) => {
                self.sync.unasked.asked(node, &hashes);
                self.repair.queue_all(node, &hashes, &mut self.stats);
            }
            Message::Part(part) => self.handle_part(now, rng, node, &part, replica),
            Message::WantParts(hash, version, numbers) => {
                self.handle_want_parts(node, hash, version, numbers);
            }
            Message::Peers(ask, addresses) => self.handle_peers(now, node, ask, &addresses),
            Message::Bye => self.handle_bye(now, node),
        }
        self.handle_sync_timeout(now, rng);
        self.send_repair(now, replica);
    }

    /// Does what foca wants done.
    fn apply(&mut self, now: Now, upshot: Upshot) {
        for (node, data) in upshot.sends {
            self.send(node, &Message::Swim(data));
        }
        for (node, up) in upshot.changes {
            self.changes.note(now.mono, node, up);
            if up {
                self.stats.joined += 1;
                self.join.ask_soon(now.mono);
                self.push(Output::MemberUp(node));
                self.tell_digest(now, node);
            } else {
                self.stats.left += 1;
                self.join.hurry(now.mono);
                let met = self.peers.0.contains_key(&node);
                self.push(if met { Output::MemberDown(node) } else { Output::MemberLeft(node) });
            }
        }
    }

    fn send(&mut self, node: u64, message: &Message) {
        if let Some(peer) = self.peers.0.get(&node) {
            let (to, is_there) = (peer.addr, peer.is_there);
            if let Some(bytes) = self.seal(message) {
                self.push(Output::Send { to, bytes, is_there });
            }
        }
    }

    fn send_to(&mut self, to: SocketAddr, message: &Message) {
        if let Some(bytes) = self.seal(message) {
            self.push(Output::Send { to, bytes, is_there: false });
        }
    }

    fn send_multicast(&mut self, message: &Message) {
        if let Some(bytes) = self.seal(message) {
            self.push(Output::Multicast { bytes });
        }
    }

    fn seal(&mut self, message: &Message) -> Option<Vec<u8>> {
        let full = self.outputs.len() >= GOSSIP_OUTPUTS_MAX;
        let Some(bytes) = (!full).then(|| self.seal.seal(&message.encode())).flatten() else {
            self.stats.overflowed += 1;
            return None;
        };
        self.stats.sent[message.kind()].add(bytes.len());
        Some(bytes)
    }

    /// Members' coming and going is never dropped: it is bounded by their number.
    fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }
}

/// A random time below this one.
fn jitter(rng: &mut dyn Rng, below: Duration) -> Duration {
    let below = u64::try_from(below.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(rng.next_u64() % below)
}

/// One of these, at random.
fn choose<T: Copy>(rng: &mut dyn Rng, items: &[T]) -> Option<T> {
    let at = rng.next_u64() % (items.len() as u64).max(1);
    items.get(usize::try_from(at).unwrap_or(0)).copied()
}
