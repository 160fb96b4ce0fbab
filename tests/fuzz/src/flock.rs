//! Two members of a flock in memory, and datagrams between them that are made by hand.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bellwether::gossip::{Config, Gossip, Key, KeyRing, Merge, Output, Record, Replica, Stamp, Via};
use bellwether::limits::DATAGRAM_BYTES_MAX;
use bellwether::time::{Mono, Now, Wall};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// Bytes of a datagram before its message, see the seal.
const HEADER_BYTES: usize = 19;
const COUNTER_BYTES: usize = 6;
const CRC_BYTES: usize = 4;

/// Records by key, the newest of each.
#[derive(Default)]
pub struct Table(pub BTreeMap<Key, Record>);

impl Replica for Table {
    fn merge(&mut self, _: Now, record: Record, _: Option<Stamp>) -> Merge {
        match self.0.get(&record.key) {
            Some(known) if known.version >= record.version => Merge::Same,
            _ => {
                let stamp = record.stamp();
                self.0.insert(record.key.clone(), record);
                Merge::Changed(stamp)
            }
        }
    }

    fn fetch(&self, key: &Key) -> Option<(Vec<u8>, Option<i64>)> {
        self.0.get(key).map(|record| (record.body.clone(), record.sent_at))
    }
}

/// One member.
pub struct Member {
    pub gossip: Gossip,
    pub table: Table,
    pub rng: StdRng,
    pub addr: SocketAddr,
}

pub fn at(ms: u64) -> Now {
    Now {
        mono: Mono::from_ms(1000 + ms),
        wall: Wall::from_secs(1_800_000_000) + Duration::from_millis(ms),
    }
}

impl Member {
    pub fn new(node: u64, keys: &KeyRing, label: &str) -> Self {
        let mut rng = StdRng::seed_from_u64(node);
        let config = Config {
            keys: keys.clone(),
            label: label.to_owned(),
            expects_peers: true,
            settle_timeout: Duration::ZERO,
            ..Config::new(node, "n")
        };
        let addr = SocketAddr::from(([10, 0, 0, u8::try_from(node).unwrap()], 9094));
        Self { gossip: Gossip::new(at(0), &mut rng, config), table: Table::default(), rng, addr }
    }

    /// Everything that is to be sent now.
    pub fn sent(&mut self, now: Now) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut sent = Vec::new();
        while let Some(output) = self.gossip.poll_output(now) {
            if let Output::Send { to, bytes, .. } = output {
                assert!(bytes.len() <= DATAGRAM_BYTES_MAX);
                sent.push((to, bytes));
            }
            assert!(sent.len() < 10_000, "it sends without end");
        }
        sent
    }

    pub fn hear(&mut self, now: Now, from: SocketAddr, bytes: &[u8]) {
        self.hear_by(Via::Unicast, now, from, bytes);
    }

    pub fn hear_by(&mut self, via: Via, now: Now, from: SocketAddr, bytes: &[u8]) {
        self.gossip.handle_datagram(now, &mut self.rng, from, via, bytes, &mut self.table);
    }

    /// Does what is due.
    pub fn wake(&mut self, now: Now) {
        if self.gossip.next_timeout() <= now.mono {
            self.gossip.handle_timeout(now, &mut self.rng, &mut self.table);
            assert!(self.gossip.next_timeout() > now.mono, "the same timer again and again");
        }
    }

    /// Datagrams that were understood.
    pub fn understood(&self) -> u64 {
        self.gossip.stats().received.iter().map(|kind| kind.datagrams).sum()
    }
}

/// The flock's label: every other input is of a flock that has one.
pub fn label(bytes: &[u8]) -> &'static str {
    if bytes.len() % 2 == 1 { "site-87" } else { "" }
}

/// The way of a datagram by a byte of the input.
pub fn via(byte: u8) -> Via {
    if byte >= 128 { Via::Multicast(2) } else { Via::Unicast }
}

/// Two members that have met, the time, and the last datagram of the second.
pub fn met(keys: &KeyRing, label: &str) -> (Member, Member, u64, Vec<u8>) {
    let (mut one, mut two) = (Member::new(1, keys, label), Member::new(2, keys, label));
    one.gossip.set_peers(at(0), &[two.addr]);
    two.gossip.set_peers(at(0), &[one.addr]);
    let mut last = Vec::new();
    for step in 0..40 {
        let now = at(step * 100);
        one.wake(now);
        two.wake(now);
        for (_, bytes) in one.sent(now) {
            two.hear(now, one.addr, &bytes);
        }
        for (_, bytes) in two.sent(now) {
            one.hear(now, two.addr, &bytes);
            last = bytes;
        }
    }
    assert_eq!((one.gossip.living(), two.gossip.living()), (vec![2], vec![1]), "they have not met");
    (one, two, 4000, last)
}

/// The datagram in clear that the sender of `like` would send next but `ahead` with this message.
pub fn forged(label: &str, like: &[u8], ahead: u64, message: &[u8]) -> Vec<u8> {
    let (fixed, counter) = like[..HEADER_BYTES].split_at(HEADER_BYTES - COUNTER_BYTES);
    let counter = counter.iter().fold(0, |counter, byte| counter << 8 | u64::from(*byte)) + ahead;
    let counter = counter.to_be_bytes();
    let mut datagram = [fixed, &counter[8 - COUNTER_BYTES..], message].concat();
    let mut crc = crc32fast::Hasher::new();
    [label.as_bytes(), &datagram].iter().for_each(|piece| crc.update(piece));
    datagram.extend_from_slice(&crc.finalize().to_be_bytes());
    datagram
}

/// The message of a datagram in clear.
pub fn message(datagram: &[u8]) -> &[u8] {
    &datagram[HEADER_BYTES..datagram.len() - CRC_BYTES]
}
