//! A network of gossip engines in one process: seeded loss, delay, repetition and cuts, under virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use bellwether::gossip::{
    Config, Gossip, Key, KeyRing, Merge, Output, Record, Replica, Stamp, Via,
};
use bellwether::time::{Mono, Now, Wall};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// Bytes of the Ethernet, IPv4 and UDP headers, as an interface counts them.
pub(crate) const HEADERS: u64 = 14 + 28;
/// The wall clock when a test begins.
pub(crate) const EPOCH_MS: i64 = 1_800_000_000_000;

/// A table without opinions, but that it may have no room for what begins with some byte: the newest version holds.
#[derive(Default)]
pub(crate) struct Toy {
    pub(crate) records: BTreeMap<Key, Record>,
    pub(crate) refuses: Option<u8>,
    /// The greatest difference from another's clock that a record has shown.
    pub(crate) apart: Duration,
    wall: Wall,
}

impl Replica for Toy {
    fn merge(&mut self, now: Now, mut record: Record, _: Option<Stamp>) -> Merge {
        let sent_at = record.sent_at.take().unwrap();
        self.apart = self.apart.max(Duration::from_nanos(now.wall.as_ns().abs_diff(sent_at)));
        match self.records.get(&record.key) {
            _ if self.refuses.is_some() && self.refuses == record.body.first().copied() => {
                Merge::Refused("there is no room")
            }
            Some(known) if known.version >= record.version => Merge::Same,
            _ => {
                let stamp = record.stamp();
                self.records.insert(record.key.clone(), record);
                Merge::Changed(stamp)
            }
        }
    }

    fn fetch(&self, key: &Key) -> Option<(Vec<u8>, Option<i64>)> {
        Some((self.records.get(key)?.body.clone(), Some(self.wall.as_ns())))
    }
}

/// A member, or the place of one that is switched off.
pub(crate) struct Seat {
    pub(crate) gossip: Option<Gossip>,
    pub(crate) toy: Toy,
    pub(crate) addr: SocketAddr,
    /// Its wall clock less the right one.
    pub(crate) clock_ms: i64,
    pub(crate) events: Vec<(u64, Output)>,
    pub(crate) sent_bytes: u64,
    pub(crate) sent_datagrams: u64,
    rng: StdRng,
    timeout: Mono,
    /// Datagrams in its receive buffer, and when it will have read them, in microseconds.
    waiting: usize,
    free_at_us: u64,
}

impl Seat {
    /// Whether it holds this record.
    pub(crate) fn has(&self, id: u32) -> bool {
        let key = Key::new(1, id.to_be_bytes());
        self.toy.records.contains_key(&key)
    }
}

/// How fast members read, and how much their receive buffers hold.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    /// Datagrams that wait at most; further ones are lost.
    pub(crate) waiting_max: usize,
    /// The time that one takes.
    pub(crate) each_us: u64,
    /// How likely it is, each time, that the processor does something else first, and for how long at most.
    pub(crate) stall: f64,
    pub(crate) stall_us_max: u64,
}

struct Packet {
    is_read: bool,
    from: SocketAddr,
    to: usize,
    via: Via,
    bytes: Vec<u8>,
}

pub(crate) struct Net {
    pub(crate) now_ms: u64,
    pub(crate) seats: Vec<Seat>,
    pub(crate) loss: f64,
    /// Directed pairs that lose another share than [`Net::loss`].
    pub(crate) loss_between: BTreeMap<(usize, usize), f64>,
    pub(crate) repeat: f64,
    pub(crate) delay_ms: (u64, u64),
    /// Without it members read at once.
    pub(crate) reading: Option<Reading>,
    /// Bytes sent to addresses at which nobody is.
    pub(crate) astray: usize,
    /// Datagrams lost in full receive buffers.
    pub(crate) spilt: u64,
    /// Directed pairs between which nothing passes.
    pub(crate) cut: BTreeSet<(usize, usize)>,
    /// Seats that multicast does not reach, nor leave.
    pub(crate) no_multicast: BTreeSet<usize>,
    /// A hash of all that was sent, and when.
    pub(crate) trace: u64,
    /// All datagrams that were sent, if wanted.
    pub(crate) recording: Option<Vec<(usize, Vec<u8>)>>,
    packets: BTreeMap<(u64, u64), Packet>,
    sent: u64,
    rng: StdRng,
}

pub(crate) fn secret() -> KeyRing {
    KeyRing::new(&[[7_u8; 32]]).unwrap()
}

pub(crate) fn addr(seat: usize) -> SocketAddr {
    format!("10.0.0.{}:9094", seat + 1).parse().unwrap()
}

pub(crate) fn config(seat: usize) -> Config {
    let mut config = Config::new(1000 + seat as u64 * 7919, &format!("gateway-{seat}"));
    config.keys = secret();
    config
}

impl Net {
    pub(crate) fn new(seed: u64, seats: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let seats = (0..seats)
            .map(|seat| Seat {
                gossip: None,
                toy: Toy::default(),
                addr: addr(seat),
                clock_ms: 0,
                events: Vec::new(),
                sent_bytes: 0,
                sent_datagrams: 0,
                rng: StdRng::seed_from_u64(rng.next_u64()),
                timeout: Mono::from_ms(u64::MAX),
                waiting: 0,
                free_at_us: 0,
            })
            .collect();
        Self {
            now_ms: 1_000,
            seats,
            loss: 0.0,
            loss_between: BTreeMap::new(),
            repeat: 0.0,
            delay_ms: (1, 4),
            reading: None,
            astray: 0,
            spilt: 0,
            cut: BTreeSet::new(),
            no_multicast: BTreeSet::new(),
            trace: 0,
            recording: None,
            packets: BTreeMap::new(),
            sent: 0,
            rng,
        }
    }

    /// A flock with static peers (all know the first three) or by multicast, all started at once.
    pub(crate) fn flock(seed: u64, seats: usize, multicast: bool) -> Self {
        let mut net = Self::new(seed, seats);
        for seat in 0..seats {
            net.start(seat, multicast);
        }
        net
    }

    pub(crate) fn start(&mut self, seat: usize, multicast: bool) {
        let peers: Vec<_> =
            if multicast { Vec::new() } else { (0..3.min(self.seats.len())).map(addr).collect() };
        let mut config = config(seat);
        config.multicast = multicast;
        self.start_with(seat, config, &peers);
    }

    pub(crate) fn start_with(&mut self, seat: usize, config: Config, peers: &[SocketAddr]) {
        let now = self.now(seat);
        let it = &mut self.seats[seat];
        let mut gossip = Gossip::new(now, &mut it.rng, config);
        for record in it.toy.records.values() {
            gossip.set_aside(record.key.clone(), record.stamp());
        }
        gossip.share(now);
        // A node is not told its own address.
        let peers: Vec<_> = peers.iter().copied().filter(|peer| *peer != it.addr).collect();
        gossip.set_peers(now, &peers);
        it.gossip = Some(gossip);
        self.drain(seat);
    }

    /// Power off.
    pub(crate) fn kill(&mut self, seat: usize) {
        self.seats[seat].gossip = None;
        self.seats[seat].timeout = Mono::from_ms(u64::MAX);
    }

    pub(crate) fn now(&self, seat: usize) -> Now {
        let ms = i64::try_from(self.now_ms).unwrap();
        let clock_ms = self.seats[seat].clock_ms;
        Now { mono: Mono::from_ms(self.now_ms), wall: Wall::from_ms(EPOCH_MS + ms + clock_ms) }
    }

    pub(crate) fn gossip(&self, seat: usize) -> &Gossip {
        self.seats[seat].gossip.as_ref().unwrap()
    }

    /// Calls into a member, then delivers what it wants sent.
    pub(crate) fn with<T>(
        &mut self,
        seat: usize,
        call: impl FnOnce(&mut Gossip, Now, &mut StdRng, &mut Toy) -> T,
    ) -> T {
        let now = self.now(seat);
        let it = &mut self.seats[seat];
        it.toy.wall = now.wall;
        let result = call(it.gossip.as_mut().unwrap(), now, &mut it.rng, &mut it.toy);
        self.drain(seat);
        result
    }

    /// A member writes a record of so many bytes that lives for so long.
    pub(crate) fn publish(&mut self, seat: usize, id: u32, bytes: usize, lives: Duration) {
        self.with(seat, |gossip, now, rng, toy| {
            let lives_ms = i64::try_from(lives.as_millis()).unwrap();
            let record = Record {
                key: Key::new(1, id.to_be_bytes()),
                version: gossip.stamp(now),
                expires_at_ms: now.wall.as_ms() + lives_ms,
                body: vec![u8::try_from(seat).unwrap(); bytes],
                sent_at: None,
            };
            toy.records.insert(record.key.clone(), record.clone());
            let sent_at = Some(now.wall.as_ns());
            gossip.publish(now, rng, Record { sent_at, ..record }).unwrap();
        });
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        self.run_until(duration, |_| false);
    }

    /// Runs until something is so, at most for a time; how long it took, in milliseconds.
    pub(crate) fn run_until(
        &mut self,
        at_most: Duration,
        done: impl Fn(&Self) -> bool,
    ) -> Option<u64> {
        let begin = self.now_ms;
        let end = begin + u64::try_from(at_most.as_millis()).unwrap();
        loop {
            if done(self) {
                return Some(self.now_ms - begin);
            }
            let packet = self.packets.first_key_value().map_or(u64::MAX, |((at, _), _)| *at);
            let timer = self.seats.iter().map(|seat| seat.timeout.as_ms()).min().unwrap();
            let next = packet.min(timer).max(self.now_ms);
            if next > end {
                self.now_ms = end;
                return None;
            }
            self.now_ms = next;
            if packet <= next {
                let (_, packet) = self.packets.pop_first().unwrap();
                self.deliver(packet);
            } else {
                let seat = self.seats.iter().position(|seat| seat.timeout.as_ms() <= next).unwrap();
                self.with(seat, |gossip, now, rng, toy| gossip.handle_timeout(now, rng, toy));
            }
        }
    }

    fn deliver(&mut self, mut packet: Packet) {
        if let Some(reading) = self.reading {
            let seat = &mut self.seats[packet.to];
            if !packet.is_read {
                if seat.waiting >= reading.waiting_max {
                    self.spilt += 1;
                    return;
                }
                seat.waiting += 1;
                seat.free_at_us = seat.free_at_us.max(self.now_ms * 1000) + reading.each_us;
                if self.rng.random_bool(reading.stall) {
                    seat.free_at_us += self.rng.random_range(0..=reading.stall_us_max);
                }
                self.sent += 1;
                packet.is_read = true;
                self.packets.insert((seat.free_at_us / 1000, self.sent), packet);
                return;
            }
            seat.waiting -= 1;
        }
        if self.seats[packet.to].gossip.is_some() {
            self.inject(packet.to, packet.from, packet.via, &packet.bytes);
        }
    }

    /// A datagram arrives, whoever sent it.
    pub(crate) fn inject(&mut self, to: usize, from: SocketAddr, via: Via, bytes: &[u8]) {
        self.with(to, |gossip, now, rng, toy| {
            gossip.handle_datagram(now, rng, from, via, bytes, toy);
        });
    }

    fn drain(&mut self, seat: usize) {
        let now = self.now(seat);
        while let Some(output) = self.seats[seat].gossip.as_mut().unwrap().poll_output(now) {
            match output {
                Output::Send { to, bytes, .. } => {
                    self.count(seat, &bytes);
                    if let Some(to) = self.seats.iter().position(|seat| seat.addr == to) {
                        self.transmit(seat, to, Via::Unicast, &bytes);
                    } else {
                        self.astray += bytes.len();
                    }
                }
                Output::Multicast { bytes } => {
                    self.count(seat, &bytes);
                    for to in 0..self.seats.len() {
                        let walled = |seat| self.no_multicast.contains(&seat);
                        if to != seat && !walled(to) && !walled(seat) {
                            self.transmit(seat, to, Via::Multicast(1), &bytes);
                        }
                    }
                }
                event => self.seats[seat].events.push((self.now_ms, event)),
            }
        }
        self.seats[seat].timeout = self.gossip(seat).next_timeout();
    }

    fn count(&mut self, seat: usize, bytes: &[u8]) {
        assert!(bytes.len() <= bellwether::limits::DATAGRAM_BYTES_MAX);
        self.seats[seat].sent_bytes += bytes.len() as u64 + HEADERS;
        self.seats[seat].sent_datagrams += 1;
        // Byte by byte would be a sixth of all that a debug build computes.
        let sent = u64::from(crc32fast::hash(bytes)) ^ self.now_ms.rotate_left(32);
        self.trace = (self.trace ^ sent).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        if let Some(recording) = &mut self.recording {
            recording.push((seat, bytes.to_vec()));
        }
    }

    fn transmit(&mut self, seat: usize, to: usize, via: Via, bytes: &[u8]) {
        if self.cut.contains(&(seat, to)) {
            return;
        }
        let loss = self.loss_between.get(&(seat, to)).copied().unwrap_or(self.loss);
        let copies = 1 + u32::from(self.rng.random_bool(self.repeat));
        for _ in 0..copies {
            if self.rng.random_bool(loss) {
                continue;
            }
            let (least, most) = self.delay_ms;
            let at = self.now_ms + self.rng.random_range(least..=most);
            self.sent += 1;
            let packet = Packet {
                is_read: false,
                from: self.seats[seat].addr,
                to,
                via,
                bytes: bytes.to_vec(),
            };
            self.packets.insert((at, self.sent), packet);
        }
    }

    /// Cuts or joins two groups, both ways.
    pub(crate) fn split(&mut self, one: &[usize], other: &[usize], apart: bool) {
        for a in one {
            for b in other {
                for pair in [(*a, *b), (*b, *a)] {
                    if apart {
                        self.cut.insert(pair);
                    } else {
                        self.cut.remove(&pair);
                    }
                }
            }
        }
    }

    /// Whether all that run hold this record.
    pub(crate) fn all_have(&self, id: u32) -> bool {
        self.running().all(|seat| seat.has(id))
    }

    /// Whether all that run hold the same.
    pub(crate) fn all_equal(&self) -> bool {
        let tables: Vec<_> = self.running().map(|seat| &seat.toy.records).collect();
        // Lengths first: this is asked after every step.
        tables.windows(2).all(|pair| pair[0].len() == pair[1].len())
            && tables.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// Whether all that run know one another.
    pub(crate) fn all_joined(&self) -> bool {
        let count = self.running().count();
        self.running().all(|seat| {
            let gossip = seat.gossip.as_ref().unwrap();
            let named = gossip
                .members(Mono::from_ms(self.now_ms))
                .iter()
                .filter(|m| !m.name.is_empty())
                .count();
            gossip.living().len() == count - 1 && named >= count - 1
        })
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter().filter(|seat| seat.gossip.is_some())
    }

    /// Bytes sent by all, headers included.
    pub(crate) fn bytes(&self) -> u64 {
        self.seats.iter().map(|seat| seat.sent_bytes).sum()
    }
}
