//! A newer minor version of the formats, as some seats speak it: what it adds is put into datagrams and records on their
//! way out, where the formats say that it may be.

use std::collections::{BTreeMap, BTreeSet};

use bellwether::limits::DATAGRAM_BYTES_MAX;
use bellwether::node::DATED;
use bellwether::node::Node;
use bellwether::store::{JournalRecord, Op};
use bellwether::wire::record::{Kind, Stamped};
use bellwether::wire::rest::{rest, with_rest};
use minicbor::{Decoder, Encoder};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};

/// The secret of every sealed world.
pub(crate) const SECRET: [u8; 32] = [7; 32];
/// Kinds that no version has yet: kept and shared, shared alone, kept alone.
pub(crate) const NEW: u8 = 60;
/// Records of such kinds in a world: far fewer than a node carries.
const MADE_MAX: u32 = 2_000;
const NEW_FLEETING: u8 = 70;
pub(crate) const NEW_OWN: u16 = 200;

const HEADER_BYTES: usize = 19;
const NEWS: u64 = 2;
const PEERS: u64 = 9;

/// A record of a newer version: kind, key, hybrid clock and node.
type Written = (u8, Vec<u8>, u64, u64);

/// The changes that seats of a newer version make to records that leave them.
pub(crate) struct Newer {
    /// Whether some seats may be of a newer version.
    pub(crate) mixed: bool,
    /// How likely a seat is of a newer version each time it starts.
    pub(crate) chance: f64,
    /// How often it says something entirely new.
    pub(crate) strange: f64,
    /// Bodies that got a further element, and in which life of their author's seat.
    pub(crate) written: BTreeMap<Written, (usize, u64)>,
    /// Records that were written while their author was of an older version, by the version without its date: others may have
    /// dated what its author dates once it is of a newer version.
    plain: BTreeSet<Written>,
    rng: StdRng,
    made: u32,
}

impl Newer {
    /// No seat is of a newer version.
    pub(crate) fn none() -> Self {
        let rng = StdRng::seed_from_u64(0);
        let (written, plain) = (BTreeMap::new(), BTreeSet::new());
        Self { mixed: false, chance: 0.0, strange: 0.0, written, plain, rng, made: 0 }
    }

    /// Seats of some versions in a world of this seed, perhaps.
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed ^ 0x6e65_7765);
        let (mixed, chance) = (rng.random_bool(0.3), rng.random_range(0.2..0.8));
        Self { mixed, chance, strange: 0.02, rng, ..Self::none() }
    }

    /// Whether a seat that starts is of a newer version.
    pub(crate) fn starts(&mut self) -> bool {
        self.mixed && self.rng.random_bool(self.chance)
    }

    /// Notes what a seat of an older version says of its own: it stays as it is.
    pub(crate) fn note(&mut self, node: u64, datagram: &[u8]) {
        let message = open(datagram).expect("a datagram that can be opened");
        let [number, fields] = elements(&message)[..] else { panic!("no message") };
        if uint(number) == NEWS {
            let own = elements(elements(fields)[0]).into_iter().map(|it| parts(it).0);
            self.plain.extend(own.filter(|it| it.3 == node).map(undated));
        }
    }

    /// Notes what a seat of an older version keeps of its own: it stays as it is.
    pub(crate) fn note_kept(&mut self, node: u64, records: &[JournalRecord]) {
        let own = records.iter().filter_map(|record| {
            let stamped = Stamped::decode(record.body()?).ok().filter(|it| it.node == node)?;
            Some((u8::try_from(record.kind).ok()?, record.key.clone(), stamped.hlc, node))
        });
        self.plain.extend(own.map(undated));
    }

    /// A seat's datagram, as a newer version would write it.
    pub(crate) fn speak(&mut self, by: (usize, u64), node: u64, datagram: Vec<u8>) -> Vec<u8> {
        let message = open(&datagram).expect("a datagram that can be opened");
        let said = if self.rng.random_bool(self.strange) {
            // [40, [1, "new"]]
            b"\x82\x18\x28\x82\x01\x63new".to_vec()
        } else {
            self.message(by, node, &message)
        };
        let longer = seal(&datagram, &said);
        if longer.len() <= DATAGRAM_BYTES_MAX { longer } else { datagram }
    }

    fn message(&mut self, by: (usize, u64), node: u64, message: &[u8]) -> Vec<u8> {
        let [number, fields] = elements(message)[..] else { panic!("no message") };
        let mut fields: Vec<Vec<u8>> = elements(fields).iter().map(|it| it.to_vec()).collect();
        let mut known = 0;
        match uint(number) {
            NEWS => {
                let mut records: Vec<Vec<u8>> =
                    elements(&fields[0]).iter().map(|it| self.record(by, node, it)).collect();
                records.extend(self.new_record(node, message.len(), &records));
                fields[0] = array(&records);
            }
            // Hello, digest, sum and part are arrays themselves.
            0 => fields[0] = appended(&fields[0], 13),
            3 | 4 => fields[0] = appended(&fields[0], 0),
            7 => fields[0] = appended(&fields[0], 6),
            PEERS => known = 3,
            _ => {}
        }
        array(&[number, &appended(&array(&fields), known)])
    }

    /// A record of a known kind; its author's further element is the same wherever it is seen.
    fn record(&mut self, by: (usize, u64), node: u64, record: &[u8]) -> Vec<u8> {
        let (written, body) = parts(record);
        let (number, _, hlc, author) = written;
        let ours = author == node && !self.plain.contains(&undated(written.clone()));
        let kind = Kind::from_number(number.into()).filter(|_| ours);
        let Some(kind) = kind.filter(|kind| rest(*kind, body).is_none()) else {
            return record.to_vec();
        };
        self.written.insert(written, by);
        let body = minicbor::bytes::ByteVec::from(with_rest(kind, body, &[added(hlc, author)]));
        let body = minicbor::to_vec(body).unwrap();
        let mut all = elements(record);
        all[3] = &body;
        array(&all)
    }

    /// Now and then a record of a kind that nobody else knows, if it fits.
    fn new_record(&mut self, node: u64, bytes: usize, records: &[Vec<u8>]) -> Option<Vec<u8>> {
        if !self.rng.random_bool(self.strange * 5.0) || bytes > 1_000 || self.made >= MADE_MAX {
            return None;
        }
        self.made += 1;
        let kind = if self.rng.random_bool(0.7) { NEW } else { NEW_FLEETING };
        let [_, version, expires, ..] = elements(records.first()?)[..] else { panic!("no record") };
        let [hlc, _] = elements(version)[..] else { panic!("no version") };
        let mut key = Encoder::new(Vec::new());
        key.array(2).unwrap().u8(kind).unwrap().bytes(&self.made.to_be_bytes()).unwrap();
        let version = minicbor::to_vec((uint(hlc), node)).unwrap();
        let later = Decoder::new(expires).i64().unwrap() + 24 * 3_600_000;
        let expires = minicbor::to_vec(later).unwrap();
        Some(array(&[&*key.into_writer(), &version, &expires, b"\x43new"]))
    }

    /// A seat's records for flash, as a newer version would write them.
    pub(crate) fn write(&mut self, node: u64, now_ms: i64, records: &mut Vec<JournalRecord>) {
        for record in records.iter_mut() {
            let Some(kind) = Kind::from_number(record.kind) else { continue };
            let Op::Put(body) = &mut record.op else { continue };
            let Ok(mut stamped) = Stamped::decode(body) else { continue };
            let written = (kind.number(), record.key.clone(), stamped.hlc, stamped.node);
            let ours = stamped.node == node && !self.plain.contains(&undated(written));
            if ours && rest(kind, &stamped.body).is_none() {
                let added = added(stamped.hlc, stamped.node);
                stamped.body = with_rest(kind, &stamped.body, &[added]);
                *body = stamped.encode();
            }
        }
        if self.rng.random_bool(self.strange * 2.0) {
            self.made += 1;
            records.push(JournalRecord::put(NEW_OWN, "own", "of a newer version"));
            let hlc = now_ms.cast_unsigned() << 16;
            let expires_at_ms = now_ms + 24 * 3_600_000;
            let body = b"kept".to_vec();
            let stamped = Stamped { hlc, node, expires_at_ms, body };
            let key = self.made.to_be_bytes();
            records.push(JournalRecord::put(NEW.into(), key, stamped.encode()));
        }
    }
}

/// The id of a node, if it is one of a flock.
pub(crate) fn id(node: Option<&Node>) -> u64 {
    node.and_then(Node::flock).map_or(0, bellwether::gossip::Gossip::node)
}

/// The element that a newer version adds to the body of this version of a record. It is the same for what was written
/// while the clock was not set and the version that this gets once the time is known: nobody writes it anew.
pub(crate) fn added(hlc: u64, node: u64) -> u8 {
    let (.., hlc, node) = undated((0, Vec::new(), hlc, node));
    u8::try_from(((hlc >> 16) ^ hlc ^ node) % 24).unwrap()
}

/// The version as it was before its author or another member knew the date.
fn undated((kind, key, hlc, node): Written) -> Written {
    (kind, key, hlc % (DATED.as_ms().cast_unsigned() << 16), node)
}

// CBOR, as far as it must be taken apart.

/// The content of a record of the flock, and its body.
fn parts(record: &[u8]) -> (Written, &[u8]) {
    let [key, version, _, body, ..] = elements(record)[..] else { panic!("no record") };
    let [number, id] = elements(key)[..] else { panic!("no key") };
    let [hlc, author] = elements(version)[..] else { panic!("no version") };
    let number = u8::try_from(uint(number)).unwrap();
    let id = Decoder::new(id).bytes().unwrap().to_vec();
    ((number, id, uint(hlc), uint(author)), Decoder::new(body).bytes().unwrap())
}

/// The elements of an array.
fn elements(bytes: &[u8]) -> Vec<&[u8]> {
    let mut decoder = Decoder::new(bytes);
    let count = decoder.array().unwrap().unwrap();
    let element = |_| {
        let from = decoder.position();
        decoder.skip().unwrap();
        &bytes[from..decoder.position()]
    };
    (0..count).map(element).collect()
}

fn array<T: AsRef<[u8]>>(elements: &[T]) -> Vec<u8> {
    let mut whole = Encoder::new(Vec::new());
    whole.array(elements.len() as u64).unwrap();
    for element in elements {
        whole.writer_mut().extend_from_slice(element.as_ref());
    }
    whole.into_writer()
}

/// An array with an element more, after at least so many; nulls at its end were left out.
fn appended(bytes: &[u8], after: usize) -> Vec<u8> {
    let mut all = elements(bytes);
    all.resize(all.len().max(after), &[0xf6]);
    all.push(&[0x81, 0x01]);
    array(&all)
}

fn uint(bytes: &[u8]) -> u64 {
    Decoder::new(bytes).u64().unwrap()
}

// The seal, as its format says.

fn key(header: &[u8]) -> Option<LessSafeKey> {
    if header[1..3] == [0, 0] {
        return None;
    }
    let shared = Salt::new(HKDF_SHA256, b"bellwether gossip 1").extract(&SECRET);
    let info: [&[u8]; 2] = [b"boot", &header[5..13]];
    let derived = shared.expand(&info, &CHACHA20_POLY1305).unwrap();
    Some(LessSafeKey::new(UnboundKey::from(derived)))
}

fn nonce(header: &[u8]) -> Nonce {
    let mut bytes = [0; 12];
    bytes[6..].copy_from_slice(&header[13..HEADER_BYTES]);
    Nonce::assume_unique_for_key(bytes)
}

fn open(datagram: &[u8]) -> Option<Vec<u8>> {
    let (header, sealed) = datagram.split_at(HEADER_BYTES);
    let mut sealed = sealed.to_vec();
    match key(header) {
        Some(key) => key
            .open_in_place(nonce(header), Aad::from(header), &mut sealed)
            .ok()
            .map(|it| it.to_vec()),
        None => Some(sealed[..sealed.len() - 4].to_vec()),
    }
}

/// Another message in the datagram's place.
fn seal(datagram: &[u8], message: &[u8]) -> Vec<u8> {
    let header = &datagram[..HEADER_BYTES];
    if let Some(key) = key(header) {
        let mut sealed = message.to_vec();
        key.seal_in_place_append_tag(nonce(header), Aad::from(header), &mut sealed).unwrap();
        return [header, &sealed].concat();
    }
    let clear = [header, message].concat();
    [&*clear, &crc32fast::hash(&clear).to_be_bytes()].concat()
}
