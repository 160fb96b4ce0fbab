//! The flock: members find one another, replicate records, and agree on them over datagrams that may be lost.
//!
//! Pure: datagrams and the time go in by `handle_*`, everything to be sent comes out of [`Gossip::poll_output`], and
//! [`Gossip::next_timeout`] says when to call again. Payloads are a key, a version and bytes; the tables that hold the
//! records are reached through [`Replica`].
//!
//! The gossip has parts. Each owns its state and says in its file what it is told and what it returns; this file only joins
//! them. A part uses those above it:
//!
//! | File | Idea |
//! |---|---|
//! | `record`, `hlc` | records and their versions, and why any order of arrival gives the same state |
//! | `message`, `seal`, `limiter` | the datagrams, their seal, and a limit on what they may cost |
//! | `versions`, `ranges`, `aside` | the versions of all records, equal on members that agree; ranges of them; those of which the flock is not told |
//! | `outbox`, `shared` | what is to be sent, and the things that all parts work with |
//! | `members/` | which members are up: handshake, failure detection (foca), addresses, the trees of news |
//! | `delivery` | datagrams with records are acknowledged, and sent again until they are |
//! | `news` | a change is sent at once, by multicast or along a tree |
//! | `repair/` | digests find records that were lost, ranges find the differences, parts carry large records |
//! | `settle` | whether the flock has settled after the start |
//! | `unheard`, `stats` | reports of other keys and labels, and counters |
//!
//! Threats. A stranger (no key) can cost us a bounded number of decryptions a second and changes nothing. An attacker that
//! records datagrams and plays them back, even days later to a node that was just installed, is asked for an echo and
//! cannot give it. An address that has not echoed what was sent to it is never sent more bytes than came from it and than
//! other members' reports of it had, so nobody can turn members on a third party. A member is trusted: with the key it can
//! publish anything, within the limits of every table.
//!
//! A datagram does not say for whom it is. So what was said to another member, or held back on its way, can be played back
//! once, while it is among the last that its sender has sent since the two shook hands (see `seal`): it is taken for late. An
//! acknowledgement alone would do harm then, so it names its receiver.

mod aside;
mod cause;
mod config;
mod delivery;
mod dice;
mod hlc;
mod limiter;
mod members;
mod message;
mod news;
mod outbox;
mod output;
mod ranges;
mod receive;
mod record;
mod repair;
mod seal;
mod settle;
mod shared;
mod stats;
mod unheard;
mod versions;

use std::fmt;
use std::net::SocketAddr;

use rand::Rng;

pub use cause::DropCause;
pub use config::Config;
pub use hlc::{Hlc, TooFarAhead};
pub use members::{Liveness, MemberStatus};
pub use message::MESSAGE_KINDS;
pub use output::{Output, PublishError, Via};
pub use record::{Id, Key, Merge, Record, Replica, Stamp, Version};
pub use seal::{KeyError, KeyRing};
pub use stats::{GossipStats, Traffic};
pub use unheard::Unheard;

use delivery::Delivery;
use limiter::Limiter;
use members::Members;
use message::Message;
use news::News;
use outbox::Outbox;
use output::Arrival;
use repair::Repair;
use seal::Seal;
use settle::Settle;
use shared::Shared;
use versions::Versions;

use crate::limits::MEMBER_NAME_BYTES_MAX;
use crate::time::{Mono, Now};

/// How many of the records that were set aside are offered to the index in one piece.
const OFFERED_AT_ONCE: usize = 1_000;

/// One member of the flock: this node.
///
/// Methods are of four kinds. *Inputs* are `handle_datagram` for each datagram and `handle_timeout` no later than
/// `next_timeout` says. *Commands* (`publish`, `share`, `set_peers`, `leave`, ...) say what this node has done or wants.
/// After each input and each command, take `poll_output` until it is empty, then ask `next_timeout` again. *Getters* take
/// `&self` and change nothing.
pub struct Gossip {
    shared: Shared,
    limiter: Limiter,
    members: Members,
    delivery: Delivery,
    news: News,
    repair: Repair,
    settle: Settle,
}

impl fmt::Debug for Gossip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gossip").field("node", &self.node()).finish_non_exhaustive()
    }
}

impl Gossip {
    /// A node that knows no other member yet. `rng` must be seeded from the system's entropy: the boot id is drawn from it.
    pub fn new(now: Now, rng: &mut dyn Rng, mut config: Config) -> Self {
        while config.name.len() > MEMBER_NAME_BYTES_MAX {
            config.name.pop();
        }
        config.multicast &= !config.keys.is_empty();
        let boot = rng.next_u64();
        let seal = Seal::new(config.keys.clone(), &config.label, boot);
        Self {
            limiter: Limiter::new(),
            members: Members::new(now.mono, rng, &config),
            delivery: Delivery::new(),
            news: News::default(),
            repair: Repair::new(now.mono, rng),
            settle: Settle::new(now.mono, &config),
            shared: Shared {
                clock: Hlc::new(config.last_hlc, config.synced, boot),
                versions: Versions::default(),
                outbox: Outbox::new(seal),
                config,
            },
        }
    }

    // Inputs and outputs.

    /// The next effect. Call until it returns nothing.
    pub fn poll_output(&mut self, now: Now) -> Option<Output> {
        self.send_news(now);
        self.shared.outbox.pop()
    }

    /// The latest time at which [`Gossip::handle_timeout`] must be called.
    pub fn next_timeout(&self) -> Mono {
        let sooner = [
            self.members.next_timeout(),
            self.news.next_timeout(&self.delivery),
            self.settle.next_timeout(),
        ];
        let repair = self.repair.next_timeout(&self.delivery);
        sooner.into_iter().flatten().fold(repair, Mono::min)
    }

    /// Does everything that is due.
    pub fn handle_timeout(&mut self, now: Now, rng: &mut dyn Rng, replica: &mut dyn Replica) {
        self.shared.offer_aside(now, OFFERED_AT_ONCE);
        self.shared.versions.expire(now.mono, self.shared.clock.wall_ms(now));
        self.members.handle_timeout(&mut self.shared, now, rng);
        self.delivery.send_acks(&mut self.shared, &self.members, now.mono);
        if self.news.next_timeout(&self.delivery).is_some_and(|at| at <= now.mono) {
            let Self { shared, members, delivery, news, .. } = self;
            let announced = news.handle_timeout(shared, members, delivery, now, rng, replica);
            self.note_announced(now, announced);
        }
        self.send_repair(now, rng, replica);
        self.settle.handle_timeout(now.mono, self.members.living().len() + 1);
    }

    /// Takes a datagram. One that is dropped is counted by cause and changes nothing.
    pub fn handle_datagram(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        from: SocketAddr,
        via: Via,
        bytes: &[u8],
        replica: &mut dyn Replica,
    ) {
        match self.open(now, from, bytes) {
            Ok((header, message)) => {
                let arrival = Arrival { from, via, bytes: bytes.len() };
                self.handle_message(now, rng, (header, arrival), message, replica);
            }
            Err(Some(cause)) => {
                self.shared.outbox.stats.drop(cause);
                // Anybody can make up where a datagram comes from: of a member that is heard there, nothing else is believed.
                if !self.members.is_living_at(from)
                    && let Some(unheard) = Unheard::of(from, cause, bytes, &self.key_ids())
                {
                    let is_peer = self.members.is_static(from);
                    self.shared.outbox.push(Output::Unheard(Unheard { is_peer, ..unheard }));
                }
            }
            Err(None) => {}
        }
    }

    // Commands.

    /// Replicates a record that this node has just written: it is sent at once. It must not expire before the version that is
    /// known: see [`Gossip::expires_at_ms`]. After an error it is held and not replicated.
    pub fn publish(
        &mut self,
        now: Now,
        rng: &mut dyn Rng,
        record: Record,
    ) -> Result<(), PublishError> {
        let hash = record.key.hash();
        self.shared.note(now, hash, &record)?;
        self.shared.versions.changed(now.mono, hash);
        self.queue_news(now, rng, record, false);
        Ok(())
    }

    /// Sends a record that the tables hold, and have taken from others, to all members at once.
    pub fn send(&mut self, now: Now, rng: &mut dyn Rng, key: &Key, replica: &dyn Replica) {
        let hash = key.hash();
        if let Some(record) = self.shared.fetch(now, hash, replica) {
            self.shared.versions.changed(now.mono, hash);
            self.queue_news(now, rng, record, false);
        }
    }

    /// Takes the stamp of a record that the tables hold and of which the flock is not told: one that is not to be shared, or
    /// one from the journal until [`Gossip::share`].
    pub fn set_aside(&mut self, key: Key, stamp: Stamp) {
        self.shared.versions.set_aside(key.hash(), key, stamp);
    }

    /// Has the flock be told of all published records that were set aside, as far as there is room. They travel when members
    /// next compare what they know.
    pub fn share(&mut self, now: Now) {
        self.shared.versions.aside.offer_all();
        while self.shared.versions.aside.is_offering() {
            self.shared.offer_aside(now, OFFERED_AT_ONCE);
        }
    }

    /// The same in pieces, with the next timeouts: the time has changed, and what was over may not be.
    pub fn share_again(&mut self) {
        self.shared.versions.aside.offer_all();
    }

    /// Says that the record of this key was removed from the tables. Its version stays known until it has expired, so that it
    /// does not come back, as long as there is room.
    pub fn mark_removed(&mut self, key: &Key) {
        self.shared.versions.mark_gone(key);
        self.shared.versions.note_left();
    }

    /// The same of a record that was dropped because it had ended, which makes no room for others in the tables.
    pub fn mark_ended(&mut self, key: &Key) {
        self.shared.versions.mark_gone(key);
    }

    /// A version greater than every one written or seen before.
    pub fn stamp(&mut self, now: Now) -> Version {
        Version { hlc: self.shared.clock.tick(now), node: self.node() }
    }

    /// Suspects a member at once, because another has just done its work: it is down unless it answers soon.
    pub fn suspect(&mut self, now: Now, node: u64) {
        self.members.suspect(&mut self.shared, now, node);
    }

    /// Takes the static peers' addresses, as their names resolve now, without this node's own: a node can't tell that it
    /// answers itself from a replay. Those that are gone are no longer tried; members met
    /// at them stay members.
    pub fn set_peers(&mut self, now: Now, addresses: &[SocketAddr]) {
        self.settle.note_peers(now.mono, !addresses.is_empty());
        self.members.set_static(now.mono, addresses);
    }

    /// Takes addresses at which members were met before the restart: each is tried a few times.
    pub fn hint(&mut self, now: Now, addresses: &[SocketAddr]) {
        self.members.hint(now.mono, addresses);
    }

    /// Says whether our own wall clock is synchronised.
    pub const fn set_synced(&mut self, synced: bool) {
        self.shared.clock.set_synced(synced);
    }

    /// Takes another key ring from now on. Members are met again under their new keys. Without a key multicast stops.
    pub fn set_keys(&mut self, keys: KeyRing) {
        self.shared.config.multicast &= !keys.is_empty();
        if !self.shared.config.multicast {
            self.members.stop_beacons();
        }
        self.shared.outbox.seal.set_ring(keys);
    }

    /// Whether members have acknowledged all news that this node has sent or passed on, as far as they answer. Records that are
    /// larger than a datagram are asked for by members, so nothing tells of them.
    pub fn is_heard(&self) -> bool {
        self.news.len() == 0 && !self.delivery.has_news()
    }

    /// Says goodbye to all members: once [`Gossip::is_heard`], or nobody tells what they have missed. Take the outputs, then drop
    /// this.
    pub fn leave(&mut self, now: Now) {
        self.send_news(now);
        for _ in 0..2 {
            for node in self.members.living() {
                self.members.send(&mut self.shared, node, &Message::Bye);
            }
            if self.shared.config.multicast {
                self.shared.outbox.multicast(&Message::Bye);
            }
        }
    }

    // Getters.

    /// This node's id.
    pub const fn node(&self) -> u64 {
        self.shared.config.node
    }

    /// The name that members show for this node.
    pub fn name(&self) -> &str {
        &self.shared.config.name
    }

    /// The other members that are up, by node id, in order.
    pub fn living(&self) -> Vec<u64> {
        self.members.living()
    }

    /// The addresses of those of them that were met, in order of their ids.
    pub fn living_addrs(&self) -> Vec<SocketAddr> {
        self.members.living_addrs()
    }

    /// Whether the flock has settled since the start, so that notifications may go out.
    pub const fn ready(&self) -> bool {
        self.settle.ready()
    }

    /// Every other member that is up, or was.
    pub fn members(&self, now: Mono) -> Vec<MemberStatus> {
        self.members.all().into_iter().map(|node| self.members.status(now, node)).collect()
    }

    /// Static peers that were never reached, and members that are down.
    pub fn failed_peers(&self) -> usize {
        self.members.failed()
    }

    /// The ids of our keys, the one that seals first; none if nothing is sealed.
    pub fn key_ids(&self) -> Vec<u16> {
        self.shared.outbox.seal.ring().ids().collect()
    }

    /// The stamp of the version that the tables hold.
    pub fn held(&self, key: &Key) -> Option<Stamp> {
        self.shared.versions.held(key)
    }

    /// When the known version of this key expires, in wall milliseconds, also if the tables hold it no more.
    pub fn expires_at_ms(&self, key: &Key) -> Option<i64> {
        let versions = &self.shared.versions;
        let known = versions.get(key.hash()).map(|known| known.stamp.expires_at_ms);
        known.max(versions.held(key).map(|held| held.expires_at_ms))
    }

    /// How many records are known.
    pub fn records(&self) -> usize {
        self.shared.versions.len()
    }

    /// The fingerprint and number of all records that have not ended: equal on members that agree.
    pub fn digest(&self, now: Now) -> (u64, usize) {
        self.shared.versions.root(self.wall_ms(now))
    }

    /// Messages and records waiting to be sent.
    pub fn queued(&self) -> usize {
        self.shared.outbox.len() + self.news.len() + self.repair.queued()
    }

    /// The wall clock's milliseconds as the flock counts them: ours when synchronised, else as learned from others.
    pub const fn wall_ms(&self, now: Now) -> i64 {
        self.shared.clock.wall_ms(now)
    }

    /// Whether that time can be trusted.
    pub const fn knows_time(&self) -> bool {
        self.shared.clock.knows_time()
    }

    /// Counters since the start.
    pub const fn stats(&self) -> &GossipStats {
        &self.shared.outbox.stats
    }

    // How the parts are joined.

    fn send_news(&mut self, now: Now) {
        let Self { shared, members, delivery, news, .. } = self;
        let announced = news.send(shared, members, delivery, now);
        self.note_announced(now, announced);
    }

    fn send_repair(&mut self, now: Now, rng: &mut dyn Rng, replica: &dyn Replica) {
        let Self { shared, members, delivery, repair, .. } = self;
        repair.handle_timeout(shared, members, now, rng);
        repair.send(shared, members, delivery, now, replica);
    }
}

#[cfg(test)]
impl Gossip {
    /// Offers a record to the tables. Returns the outcome, and the record that they then have.
    pub(crate) fn offer(
        &mut self,
        now: Now,
        record: Record,
        replica: &mut dyn Replica,
    ) -> (Merge, Option<Record>) {
        let hash = record.key.hash();
        (self.shared.offer(now, record, replica), self.shared.fetch(now, hash, replica))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::time::Wall;

    #[test]
    fn without_a_key_no_beacon_is_due() {
        let now = Now { mono: Mono::from_ms(5), wall: Wall::from_secs(1_700_000_000) };
        let keys = KeyRing::new(&[[7; 32]]).unwrap();
        let config = Config { multicast: true, keys, ..Config::new(1, "a") };
        let mut gossip = Gossip::new(now, &mut StdRng::seed_from_u64(1), config);
        assert_eq!(gossip.next_timeout(), now.mono);
        gossip.set_keys(KeyRing::default());
        assert!(gossip.next_timeout() > now.mono);
    }

    /// A time, and a node that knows no other.
    fn alone() -> (Now, Gossip) {
        let now = Now { mono: Mono::ZERO, wall: Wall::from_secs(1_700_000_000) };
        (now, Gossip::new(now, &mut StdRng::seed_from_u64(1), Config::new(1, "a")))
    }

    /// Tables that take nothing and have nothing.
    struct Nothing;

    impl Replica for Nothing {
        fn merge(&mut self, _: Now, _: Record, _: Option<Stamp>) -> Merge {
            Merge::Refused("no room")
        }

        fn fetch(&self, _: &Key) -> Option<(Vec<u8>, Option<i64>)> {
            None
        }
    }

    #[test]
    fn records_without_room_in_the_index_are_offered_again_in_pieces() {
        let (now, mut gossip) = alone();
        let rng = &mut StdRng::seed_from_u64(1);
        let stamp = Stamp { version: Version { hlc: 1, node: 1 }, expires_at_ms: i64::MAX };
        for id in 0..2_500_u64 {
            gossip.set_aside(Key::new(1, id.to_be_bytes()), stamp);
        }
        let unpublished = Stamp { version: Version::UNPUBLISHED, ..stamp };
        gossip.set_aside(Key::new(2, [1]), unpublished);
        gossip.shared.versions.aside.note_full(now.mono);
        let mut known = Vec::new();
        for minute in 4..9 {
            let by = Duration::from_secs(60 * minute);
            let now = Now { mono: now.mono + by, wall: now.wall + by };
            gossip.handle_timeout(now, rng, &mut Nothing);
            known.push(gossip.records());
        }
        assert_eq!(known, [0, 999, 1_999, 2_500, 2_500]);
        assert_eq!(gossip.held(&Key::new(2, [1])), Some(unpublished));
    }

    /// Tables that merge each record with another.
    struct Merging;

    impl Replica for Merging {
        fn merge(&mut self, _: Now, record: Record, _: Option<Stamp>) -> Merge {
            Merge::Changed(Stamp { version: record.version.joined(2, 9), ..record.stamp() })
        }

        fn fetch(&self, _: &Key) -> Option<(Vec<u8>, Option<i64>)> {
            Some((Vec::new(), None))
        }
    }

    #[test]
    fn the_next_version_is_greater_than_that_of_a_merge() {
        let (now, mut gossip) = alone();
        let version = gossip.stamp(now);
        let (key, expires_at_ms) = (Key::new(3, [1]), i64::MAX);
        let record = Record { key, version, expires_at_ms, body: Vec::new(), sent_at: None };
        let merged = gossip.offer(now, record, &mut Merging).1.unwrap();
        assert!(version < merged.version && merged.version < gossip.stamp(now));
    }

    #[test]
    fn a_version_that_is_set_aside_replaces_an_older_one() {
        let (now, mut gossip) = alone();
        let rng = &mut StdRng::seed_from_u64(1);
        let (key, expires_at_ms) = (Key::new(2, [1]), i64::MAX);
        let stamp = |hlc| Stamp { version: Version { hlc, node: 1 }, expires_at_ms };
        let Stamp { version, .. } = stamp(2);
        let record =
            Record { key: key.clone(), version, expires_at_ms, body: Vec::new(), sent_at: None };
        gossip.publish(now, rng, record).unwrap();
        gossip.set_aside(key.clone(), stamp(1));
        assert_eq!(gossip.held(&key), Some(stamp(2)));
        // One that flash had, and could be read only later.
        gossip.set_aside(key.clone(), stamp(3));
        assert_eq!(gossip.held(&key), Some(stamp(3)));
        gossip.share(now);
        assert_eq!((gossip.held(&key), gossip.records()), (Some(stamp(3)), 1));
        let hash = key.hash();
        let fetched = gossip.shared.fetch(now, hash, &Merging).map(|it| it.stamp());
        assert_eq!(fetched, Some(stamp(3)));
    }

    #[test]
    fn the_version_that_is_held_outlives_its_entry() {
        let (now, mut gossip) = alone();
        let rng = &mut StdRng::seed_from_u64(1);
        let record = |hlc, minutes: i64| Record {
            key: Key::new(1, [1]),
            version: Version { hlc, node: 1 },
            expires_at_ms: now.wall.as_ms() + minutes * 60_000,
            body: Vec::new(),
            sent_at: None,
        };
        let (held, newer) = (record(1, 5), record(2, 10));
        gossip.publish(now, rng, held.clone()).unwrap();
        // A newer one is refused.
        assert_eq!(gossip.offer(now, newer.clone(), &mut Nothing).1, None);
        assert_eq!(gossip.held(&held.key), Some(held.stamp()));
        assert_eq!(gossip.expires_at_ms(&held.key), Some(newer.expires_at_ms));
        // Its entry has ended.
        let by = Duration::from_secs(3600);
        let later = Now { mono: now.mono + by, wall: now.wall + by };
        gossip.handle_timeout(later, rng, &mut Nothing);
        assert_eq!((gossip.records(), gossip.held(&held.key)), (0, Some(held.stamp())));
        gossip.mark_ended(&held.key);
        assert_eq!(gossip.held(&held.key), None);
        // Nobody has it any more.
        gossip.publish(later, rng, record(3, 90)).unwrap();
        assert_eq!(gossip.held(&held.key), Some(record(3, 90).stamp()));
        gossip.mark_removed(&held.key);
        assert_eq!((gossip.records(), gossip.held(&held.key)), (1, None));
    }
}
