//! The seal of a datagram: only nodes with a key can read or write datagrams; one that was changed or repeated is refused.
//!
//! Each boot of each node seals under a key of its own, derived (HKDF-SHA256) from the shared key and the boot id, which
//! is random. So the counter may start at zero after a power cut and a nonce is never used twice, with nothing stored.
//!
//! ```text
//!  0         1         3         5               13              19                   n-16
//! +---------+---------+---------+---------------+---------------+--------------------+----------+
//! | version | key id  | label   | boot id       | counter       | message (CBOR)     | tag      |
//! | u8      | u16     | u16     | u64           | u48           | sealed             | 16 bytes |
//! +---------+---------+---------+---------------+---------------+--------------------+----------+
//! ```
//!
//! All numbers are big endian. The first 19 bytes are in clear and authenticated. The nonce is the counter, padded with
//! zeros in front. Key id 0 means unsealed: the message is in clear and a CRC-32 over the flock's label and all before it
//! stands for the tag.
//!
//! `label` is a hash of the flock's label, by which most datagrams of others are told apart at no cost. Two labels may have
//! the same hash, so the whole label is part of the key that is derived, or of the CRC. The version is 1 for a flock without
//! a label and 2 for one with a label. Before version 2 the label was not part of the seal, so members of a flock with a
//! label hear each other only if all of them have version 2. A flock without a label is the same in both.

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Prk, Salt};

use super::cause::DropCause;
use super::record::hash64;
use crate::box_map::BoxMap;
use crate::crc::crc32;
use crate::limits::{DATAGRAM_BYTES_MAX, GOSSIP_KEYS_MAX, MEMBERS_MAX};

/// The version of datagrams of a flock without a label.
const UNLABELLED: u8 = 1;
/// The version of datagrams of a flock with a label.
const LABELLED: u8 = 2;
const HEADER_BYTES: usize = 19;
/// Where the key id is in a datagram.
pub(super) const KEY_ID_BYTES: std::ops::Range<usize> = 1..3;
const TAG_BYTES: usize = 16;
const CRC_BYTES: usize = 4;
const COUNTER_MAX: u64 = (1 << 48) - 1;
const SECRET_BYTES_MIN: usize = 32;

/// Bytes of a datagram around its message, at least and at most: unsealed and sealed.
pub(super) const SEAL_BYTES: [usize; 2] = [HEADER_BYTES + CRC_BYTES, HEADER_BYTES + TAG_BYTES];

/// Bytes of the longest message that fits a datagram.
pub(super) const MESSAGE_BYTES_MAX: usize = DATAGRAM_BYTES_MAX - HEADER_BYTES - TAG_BYTES;

/// A key is of no use. Changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Two keys in the ring look the same.
    SameKey(u16),
    /// The secret has too few bytes; it says how many.
    TooShort(usize),
    /// More keys than the ring holds.
    TooMany(usize),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameKey(id) => write!(f, "gossip key {id:04x} is in the ring twice: remove one"),
            Self::TooShort(bytes) => write!(
                f,
                "a gossip key of {bytes} bytes is too short: use at least {SECRET_BYTES_MIN} random bytes"
            ),
            Self::TooMany(keys) => {
                write!(f, "{keys} gossip keys are too many: use at most {GOSSIP_KEYS_MAX}")
            }
        }
    }
}

impl std::error::Error for KeyError {}

/// The keys a node knows: it opens with any of them and seals with the first. Without a key nothing is sealed.
#[derive(Clone, Default)]
pub struct KeyRing {
    keys: Vec<(u16, Prk)>,
}

impl KeyRing {
    /// A ring of these secrets, each of at least 32 bytes; the first seals.
    pub fn new<S: AsRef<[u8]>>(secrets: &[S]) -> Result<Self, KeyError> {
        if secrets.len() > GOSSIP_KEYS_MAX {
            return Err(KeyError::TooMany(secrets.len()));
        }
        let mut ring = Self::default();
        for secret in secrets.iter().map(AsRef::as_ref) {
            if secret.len() < SECRET_BYTES_MIN {
                return Err(KeyError::TooShort(secret.len()));
            }
            let key = Salt::new(HKDF_SHA256, b"bellwether gossip 1").extract(secret);
            let id = key_id(&key);
            if ring.find(id).is_some() {
                return Err(KeyError::SameKey(id));
            }
            ring.keys.push((id, key));
        }
        Ok(ring)
    }

    /// Whether there is no key, so nothing is sealed.
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The ids of the keys, the one that seals first. They may be shown: they give nothing away.
    pub fn ids(&self) -> impl Iterator<Item = u16> + '_ {
        self.keys.iter().map(|(id, _)| *id)
    }

    fn find(&self, id: u16) -> Option<&Prk> {
        self.keys.iter().find(|(known, _)| *known == id).map(|(_, key)| key)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

/// The part of a datagram that is in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) key_id: u16,
    pub(super) boot: u64,
    pub(super) counter: u64,
}

/// Seals the datagrams of this boot of this node, and opens those of others.
pub(super) struct Seal {
    ring: KeyRing,
    label: Box<str>,
    boot: u64,
    counter: u64,
    own: Option<LessSafeKey>,
    /// Derived keys of the boots that are believed, so that each is derived once.
    derived: BoxMap<u64, (u16, LessSafeKey)>,
}

impl Seal {
    /// `boot` must be fresh from a good source of randomness: nonces depend on it.
    pub(super) fn new(ring: KeyRing, label: &str, boot: u64) -> Self {
        let own = ring.keys.first().and_then(|(_, key)| derive(key, boot, label));
        Self { ring, label: label.into(), boot, counter: 0, own, derived: BoxMap::new() }
    }

    const fn version(&self) -> u8 {
        if self.label.is_empty() { UNLABELLED } else { LABELLED }
    }

    fn label_hash(&self) -> u16 {
        let hash = hash64(&[self.label.as_bytes()]).to_be_bytes();
        u16::from_be_bytes([hash[0], hash[1]])
    }

    /// Bytes of a datagram around its message.
    pub(super) const fn around(&self) -> usize {
        SEAL_BYTES[!self.ring.is_empty() as usize]
    }

    pub(super) const fn boot(&self) -> u64 {
        self.boot
    }

    /// The counter of the last datagram.
    pub(super) const fn counter(&self) -> u64 {
        self.counter
    }

    pub(super) const fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Takes another ring from now on; counters go on, because the same key may still be in it.
    pub(super) fn set_ring(&mut self, ring: KeyRing) {
        self.own = ring.keys.first().and_then(|(_, key)| derive(key, self.boot, &self.label));
        self.derived.clear();
        self.ring = ring;
    }

    /// The datagram with `message`; nothing when the message is too long or this boot has no counter left.
    pub(super) fn seal(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        if message.len() > MESSAGE_BYTES_MAX || self.counter >= COUNTER_MAX {
            return None;
        }
        self.counter += 1;
        let key_id = self.ring.ids().next().unwrap_or(0);
        let mut datagram = Vec::with_capacity(HEADER_BYTES + message.len() + TAG_BYTES);
        datagram.push(self.version());
        datagram.extend_from_slice(&key_id.to_be_bytes());
        datagram.extend_from_slice(&self.label_hash().to_be_bytes());
        datagram.extend_from_slice(&self.boot.to_be_bytes());
        datagram.extend_from_slice(&self.counter.to_be_bytes()[2..]);
        let header: [u8; HEADER_BYTES] = datagram.as_slice().try_into().ok()?;
        datagram.extend_from_slice(message);
        if let Some(key) = &self.own {
            let body = &mut datagram[HEADER_BYTES..];
            let tag = key
                .seal_in_place_separate_tag(nonce(self.counter), Aad::from(header), body)
                .ok()?;
            datagram.extend_from_slice(tag.as_ref());
        } else {
            let crc = self.crc(&datagram, &[]);
            datagram.extend_from_slice(&crc);
        }
        Some(datagram)
    }

    /// Reads the part in clear and refuses datagrams that cannot be for us, before anything costs time.
    pub(super) fn header(&self, datagram: &[u8]) -> Result<Header, DropCause> {
        let (header, _) =
            datagram.split_first_chunk::<HEADER_BYTES>().ok_or(DropCause::Malformed)?;
        if datagram.len() > DATAGRAM_BYTES_MAX {
            return Err(DropCause::Malformed);
        }
        let [version, k0, k1, l0, l1, b0, b1, b2, b3, b4, b5, b6, b7, n0, n1, n2, n3, n4, n5] =
            *header;
        if ![UNLABELLED, LABELLED].contains(&version) {
            return Err(DropCause::WrongVersion);
        }
        if u16::from_be_bytes([l0, l1]) != self.label_hash() {
            return Err(DropCause::WrongCluster);
        }
        if version != self.version() {
            return Err(DropCause::WrongVersion);
        }
        let key_id = u16::from_be_bytes([k0, k1]);
        if self.ring.find(key_id).is_none() && !(key_id == 0 && self.ring.is_empty()) {
            return Err(DropCause::WrongKey);
        }
        Ok(Header {
            key_id,
            boot: u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7]),
            counter: u64::from_be_bytes([0, 0, n0, n1, n2, n3, n4, n5]),
        })
    }

    /// Opens a datagram whose header was read, in place.
    pub(super) fn open<'a>(
        &self,
        header: Header,
        datagram: &'a mut [u8],
    ) -> Result<&'a [u8], DropCause> {
        let (clear, body) =
            datagram.split_at_mut_checked(HEADER_BYTES).ok_or(DropCause::Malformed)?;
        let Some(key) = self.ring.find(header.key_id) else {
            let (message, crc) =
                body.split_last_chunk::<CRC_BYTES>().ok_or(DropCause::Malformed)?;
            let intact = self.crc(clear, message) == *crc;
            return if intact { Ok(message) } else { Err(DropCause::Malformed) };
        };
        let opened =
            match self.derived.get(&header.boot) {
                Some((id, key)) if *id == header.key_id => {
                    key.open_in_place(nonce(header.counter), Aad::from(&*clear), body)
                }
                _ => derive(key, header.boot, &self.label)
                    .ok_or(DropCause::WrongKey)?
                    .open_in_place(nonce(header.counter), Aad::from(&*clear), body),
            };
        opened.map(|message| &*message).map_err(|_| DropCause::WrongKey)
    }

    /// Keeps the derived key of a boot that has come to be believed.
    pub(super) fn remember(&mut self, header: Header) {
        if self.derived.len() < MEMBERS_MAX
            && let Some(key) =
                self.ring.find(header.key_id).and_then(|key| derive(key, header.boot, &self.label))
        {
            self.derived.insert(header.boot, (header.key_id, key));
        }
    }

    /// The CRC of a datagram in clear: over the label, and over the datagram up to the CRC in two pieces.
    fn crc(&self, clear: &[u8], message: &[u8]) -> [u8; CRC_BYTES] {
        let pieces = [self.label.as_bytes(), clear, message];
        pieces.into_iter().fold(0, crc32).to_be_bytes()
    }

    /// Forgets the derived key of a boot.
    pub(super) fn forget(&mut self, boot: u64) {
        self.derived.remove(&boot);
    }
}

/// The last 128 counters of one boot, so that each of its datagrams counts once: a burst of news is shorter, so it may
/// come in any order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    highest: u64,
    /// Bit `n` says that `highest - n` has been seen.
    seen: u128,
}

impl Window {
    /// The window of a boot that has just proved by this counter that it is alive: all that it has said before counts as seen,
    /// for it may be a recording of any age.
    pub(super) const fn since(counter: u64) -> Self {
        Self { highest: counter, seen: u128::MAX }
    }

    /// Whether this counter is new; from then on it is not. Older than the window counts as seen.
    pub(super) const fn accept(&mut self, counter: u64) -> bool {
        if counter > self.highest {
            let by = counter - self.highest;
            self.seen = if by < 128 { (self.seen << by) | 1 } else { 1 };
            self.highest = counter;
            return true;
        }
        let age = self.highest - counter;
        if age >= 128 || self.seen & (1 << age) != 0 {
            return false;
        }
        self.seen |= 1 << age;
        true
    }
}

fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// The key of one boot of a member of the flock of this label.
fn derive(key: &Prk, boot: u64, label: &str) -> Option<LessSafeKey> {
    let boot = boot.to_be_bytes();
    let info: [&[u8]; 3] = [b"boot", &boot, label.as_bytes()];
    let okm = key.expand(&info, &CHACHA20_POLY1305).ok()?;
    Some(LessSafeKey::new(UnboundKey::from(okm)))
}

/// Never 0, which means unsealed.
fn key_id(key: &Prk) -> u16 {
    let mut id = [0; 32];
    let filled = key.expand(&[b"id"], HKDF_SHA256).and_then(|okm| okm.fill(&mut id));
    debug_assert!(filled.is_ok(), "HKDF gives 32 bytes");
    u16::from_be_bytes([id[0], id[1]]).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: [u8; 32] = [7; 32];
    const OTHER: [u8; 32] = [8; 32];

    fn seal(secrets: &[[u8; 32]], label: &str, boot: u64) -> Seal {
        Seal::new(KeyRing::new(secrets).unwrap(), label, boot)
    }

    fn read(by: &Seal, datagram: &[u8]) -> Result<Vec<u8>, DropCause> {
        let header = by.header(datagram)?;
        by.open(header, &mut datagram.to_vec()).map(<[u8]>::to_vec)
    }

    #[test]
    fn the_bytes_of_a_sealed_and_of_an_unsealed_datagram_stay() {
        let hex = |bytes: Vec<u8>| -> String {
            let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap();
            bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
        };
        for (label, sealed, open) in GOLDEN {
            for (secrets, expected) in [(&[SECRET][..], sealed), (&[], open)] {
                let datagram = seal(secrets, label, 0x0102_0304_0506_0708).seal(b"baa").unwrap();
                assert_eq!(hex(datagram), expected, "{label:?}");
            }
        }
    }

    /// Labels, and the same datagram sealed and unsealed.
    const GOLDEN: [(&str, &str, &str); 2] = [
        (
            "",
            "013f70f52a010203040506070800000000000168ce5e499ce21c0ddf0d7483a81198c3a336f9",
            "010000f52a010203040506070800000000000162616159026786",
        ),
        (
            "home",
            "023f70bf4b0102030405060708000000000001595a9f237d4c5ecc83e27284d1d348416dd65f",
            "020000bf4b0102030405060708000000000001626161d661910b",
        ),
    ];

    /// Found by search: their hashes in clear are equal.
    #[test]
    fn flocks_whose_labels_have_one_hash_do_not_hear_each_other() {
        for secrets in [&[SECRET][..], &[]] {
            let (one, mut other) = (seal(secrets, "site-87", 1), seal(secrets, "site-150", 2));
            assert_eq!(one.label_hash(), other.label_hash());
            let datagram = other.seal(b"baa").unwrap();
            assert!(one.header(&datagram).is_ok(), "told apart by the hash alone");
            assert!(read(&one, &datagram).is_err());
            assert_eq!(read(&seal(secrets, "site-150", 3), &datagram).unwrap(), b"baa");
        }
    }

    #[test]
    fn a_datagram_has_so_many_bytes_and_no_more() {
        let (mut one, other) = (seal(&[SECRET], "", 1), seal(&[SECRET], "", 2));
        assert!(one.seal(&[0; MESSAGE_BYTES_MAX + 1]).is_none());
        let mut datagram = one.seal(&[0; MESSAGE_BYTES_MAX]).unwrap();
        assert_eq!(datagram.len(), DATAGRAM_BYTES_MAX);
        assert!(read(&other, &datagram).is_ok());
        datagram.push(0);
        assert_eq!(other.header(&datagram).unwrap_err(), DropCause::Malformed);
    }

    /// As of a member whose seal does not have the label.
    #[test]
    fn a_labelled_flock_hears_no_version_that_leaves_the_label_out() {
        let mut datagram = seal(&[SECRET], "home", 1).seal(b"baa").unwrap();
        datagram[0] = UNLABELLED;
        assert_eq!(read(&seal(&[SECRET], "home", 2), &datagram), Err(DropCause::WrongVersion));
        let unlabelled = seal(&[SECRET], "", 1).seal(b"baa").unwrap();
        assert_eq!(read(&seal(&[SECRET], "home", 2), &unlabelled), Err(DropCause::WrongCluster));
    }

    #[test]
    fn any_key_of_the_ring_opens_and_the_first_seals() {
        let (old, both, new) = (
            seal(&[SECRET], "", 1),
            seal(&[OTHER, SECRET], "", 2).seal(b"baa").unwrap(),
            seal(&[OTHER], "", 3),
        );
        assert_eq!(read(&new, &both).unwrap(), b"baa");
        assert_eq!(read(&old, &both), Err(DropCause::WrongKey));
        let rolling = seal(&[OTHER, SECRET], "", 4);
        let from_old = seal(&[SECRET], "", 1).seal(b"baa").unwrap();
        assert_eq!(read(&rolling, &from_old).unwrap(), b"baa");
    }

    #[test]
    fn wrong_version_cluster_and_key_are_told_apart() {
        let mut datagram = seal(&[SECRET], "home", 1).seal(b"baa").unwrap();
        assert_eq!(read(&seal(&[SECRET], "barn", 2), &datagram), Err(DropCause::WrongCluster));
        assert_eq!(read(&seal(&[OTHER], "home", 2), &datagram), Err(DropCause::WrongKey));
        assert_eq!(read(&seal(&[], "home", 2), &datagram), Err(DropCause::WrongKey));
        datagram[0] = 3;
        assert_eq!(read(&seal(&[SECRET], "home", 2), &datagram), Err(DropCause::WrongVersion));
    }

    #[test]
    fn a_short_key_a_double_key_and_too_many_keys_are_refused() {
        assert_eq!(KeyRing::new(&[[1_u8; 31]]).unwrap_err(), KeyError::TooShort(31));
        assert!(matches!(KeyRing::new(&[SECRET, SECRET]).unwrap_err(), KeyError::SameKey(_)));
        assert_eq!(KeyRing::new(&[[1_u8; 32]; 9]).unwrap_err(), KeyError::TooMany(9));
    }

    #[test]
    fn each_counter_counts_once() {
        let mut window = Window::default();
        assert!(window.accept(5) && !window.accept(5));
        assert!(window.accept(3) && !window.accept(3));
        assert!(window.accept(200) && !window.accept(72));
        assert!(window.accept(73) && window.accept(199));
        assert!(!window.accept(0));
    }

    #[test]
    fn counters_of_before_the_proof_are_seen() {
        let mut window = Window::since(200);
        assert!([200, 199, 73, 72, 0].iter().all(|counter| !window.accept(*counter)));
        assert!(window.accept(202) && window.accept(201) && !window.accept(199));
    }

    proptest! {
        #[test]
        fn no_change_of_any_byte_is_accepted(
            message in proptest::collection::vec(any::<u8>(), 0..100), at in any::<usize>(), by in 1_u8..
        ) {
            for secrets in [&[SECRET][..], &[]] {
                let mut datagram = seal(secrets, "", 1).seal(&message).unwrap();
                let reader = seal(secrets, "", 2);
                prop_assert_eq!(read(&reader, &datagram).unwrap(), message.clone());
                let at = at % datagram.len();
                datagram[at] ^= by;
                prop_assert!(read(&reader, &datagram).is_err());
                datagram[at] ^= by;
                datagram.truncate(at);
                prop_assert!(read(&reader, &datagram).is_err());
            }
        }

        #[test]
        fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..1500)) {
            prop_assert!(read(&seal(&[SECRET], "", 1), &bytes).is_err());
        }

        #[test]
        fn the_window_agrees_with_a_set(counters in proptest::collection::vec(1_u64..400, 1..200)) {
            let mut window = Window::default();
            let mut seen = std::collections::BTreeSet::new();
            for counter in counters {
                let highest = seen.last().copied().unwrap_or(0);
                let fresh = counter + 128 > highest && !seen.contains(&counter);
                prop_assert_eq!(window.accept(counter), fresh);
                if fresh {
                    seen.insert(counter);
                }
            }
        }
    }
}
