//! The messages that members exchange, in CBOR: the text that [`super::seal`] seals.
//!
//! In CDDL (RFC 8610). Every message is an array of its number and its fields; readers skip fields they do not know and
//! drop messages whose number they do not know, so both can be added. Nulls at the end of an array are left out. `record`
//! and its parts are the exception: every node that passes a record on writes it anew, so they get no further fields. What
//! is added to a record goes into its body, or is a new kind: see [`crate::wire::record`].
//!
//! ```cddl
//! message = [0, [hello]] / [1, [bstr]] / [2, [[* record], mode: 0..3]] / [3, [digest]] / [4, [sum]]
//!         / [5, [at: int, [* range]]] / [6, [[* hash]]] / [7, [part]] / [8, [hash, version, [* uint]]]
//!         / [9, [bool, [* address], padding: bstr / null]] / [10, []] / [11, [[* counter: uint]]] / [12, [node: uint]]
//!         / [13, [nonce: uint]]
//! hello   = [node: uint, generation: uint, name: tstr, at: int, synced: bool, nonce: uint, echo: uint / null,
//!            believes: bool, spent: uint / null, hears_multicast: bool, candidate: uint / null,
//!            answers_candidate: uint / null, padding: bstr / null]
//! record  = [key, version, expires_at: int, body: bstr,      ; times are wall milliseconds
//!            ? sent_at: int]                                 ; nanoseconds: the clock of the times in the body
//! key     = [kind: uint, id: bstr]
//! version = [hlc: uint, node: uint]
//! digest  = [at: int, synced: bool, root: uint, count: uint, recent: [* head]]
//! head    = [hash, version]
//! hash    = uint                                            ; of a key, 64 bits
//! sum     = [at: int, prefix: uint, bits: uint, prints: bstr]  ; 64 fingerprints of 4 bytes, big endian
//! range   = [prefix: uint, bits: uint, [* head]]            ; all hashes whose first `bits` bits are those of prefix
//! part    = [hash, version, bytes: uint, number: uint, bstr, ; 1,141 bytes, the last fewer, of an encoded record of so many
//!            sent_at: int / null]                            ; that has no sent_at
//! address = [node: uint, ip: bstr, port: uint]              ; ip of 4 or 16 bytes
//! ```

use std::net::{IpAddr, SocketAddr};

use minicbor::{CborLen, Decode, Encode};

use super::record::{Record, Version};
use super::seal::MESSAGE_BYTES_MAX;
use crate::limits::MEMBER_NAME_BYTES_MAX;

/// How many kinds of message there are.
pub(super) const KINDS: usize = 14;

/// The kinds of message, as metrics name them, in the order of their numbers.
pub const MESSAGE_KINDS: [&str; KINDS] = [
    "hello",
    "swim",
    "news",
    "digest",
    "sum",
    "keys",
    "want",
    "part",
    "want_parts",
    "peers",
    "bye",
    "ack",
    "check",
    "challenge",
];

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
pub(super) enum Message {
    /// The sender is alive now: see [`super::members`].
    #[n(0)]
    Hello(#[n(0)] Hello),
    /// A datagram of foca's.
    #[n(1)]
    Swim(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
    /// Records, and their mode: [`MULTICAST`], [`DIRECT`], [`RELAYED`] or [`REPAIR`].
    #[n(2)]
    News(#[n(0)] Vec<Record>, #[n(1)] u8),
    /// All that the sender knows, in one number: see [`super::repair`].
    #[n(3)]
    Digest(#[n(0)] Digest),
    /// All that the sender knows in 64 ranges.
    #[n(4)]
    Sum(#[n(0)] Sum),
    /// The versions of all records in some ranges, as of the sender's clock.
    #[n(5)]
    Keys(#[n(0)] i64, #[n(1)] Vec<Range>),
    /// Send these records, by hash of key.
    #[n(6)]
    Want(#[n(0)] Vec<u64>),
    /// A part of a record too large for a datagram.
    #[n(7)]
    Part(#[n(0)] Part),
    /// Send these parts again.
    #[n(8)]
    WantParts(#[n(0)] u64, #[n(1)] Version, #[n(2)] Vec<u16>),
    /// The addresses at which the sender has heard others; whether it asks for the receiver's. And zeros, see
    /// [`Message::report`].
    #[n(9)]
    Peers(
        #[n(0)] bool,
        #[n(1)] Vec<Address>,
        #[cbor(n(2), with = "minicbor::bytes")] Option<Vec<u8>>,
    ),
    /// The sender leaves.
    #[n(10)]
    Bye,
    /// The sender has received the records in the datagrams of these counters, of a boot with this end ([`short`]).
    #[n(11)]
    Ack(#[n(0)] u32, #[n(1)] Vec<u64>),
    /// Compare yourself with this node: it does not answer the sender.
    #[n(12)]
    Check(#[n(0)] u64),
    /// Echo this nonce in a hello: the sender does not know the receiver at this address.
    #[n(13)]
    Challenge(#[n(0)] u64),
}

/// As much of a boot as tells one node from another.
pub(super) const fn short(boot: u64) -> u32 {
    let [.., a, b, c, d] = boot.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// News by multicast: acknowledged.
pub(super) const MULTICAST: u8 = 0;
/// News from its author by unicast: acknowledged.
pub(super) const DIRECT: u8 = 1;
/// News along the tree: acknowledged and passed on.
pub(super) const RELAYED: u8 = 2;
/// Records in repair: acknowledged.
pub(super) const REPAIR: u8 = 3;

impl Message {
    pub(super) const fn kind(&self) -> usize {
        match self {
            Self::Hello(_) => 0,
            Self::Swim(_) => 1,
            Self::News(..) => 2,
            Self::Digest(_) => 3,
            Self::Sum(_) => 4,
            Self::Keys(..) => 5,
            Self::Want(_) => 6,
            Self::Part(_) => 7,
            Self::WantParts(..) => 8,
            Self::Peers(..) => 9,
            Self::Bye => 10,
            Self::Ack(..) => 11,
            Self::Check(_) => 12,
            Self::Challenge(_) => 13,
        }
    }

    /// Whether only a member that receives us sends this.
    pub(super) const fn is_answer(&self) -> bool {
        matches!(
            self,
            Self::Sum(_) | Self::Keys(..) | Self::Want(_) | Self::WantParts(..) | Self::Ack(..)
        )
    }

    /// Whether this is ever sent by multicast. Anything else that comes so was played to many by somebody else, and each of
    /// them would answer.
    pub(super) const fn is_for_all(&self) -> bool {
        matches!(
            self,
            Self::Hello(_) | Self::News(..) | Self::Part(_) | Self::Digest(_) | Self::Bye
        )
    }

    /// A report of where members are, of at least so many bytes: they are what its receiver may send to these addresses.
    pub(super) fn report(addresses: Vec<Address>, least: usize) -> Self {
        let bytes = minicbor::len(&addresses);
        let padding = least.checked_sub(bytes).map(|missing| vec![0; missing]);
        Self::Peers(false, addresses, padding)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// The message in these bytes, unless they are malformed or hold more.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut decoder = minicbor::Decoder::new(bytes);
        let message = decoder.decode().ok()?;
        (decoder.position() == bytes.len()).then_some(message)
    }
}

/// The sender, and the proof that it is alive now.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
pub(super) struct Hello {
    #[n(0)]
    pub(super) node: u64,
    /// The greater generation of a node is the later one.
    #[n(1)]
    pub(super) generation: u32,
    #[n(2)]
    pub(super) name: String,
    /// The sender's wall clock, milliseconds.
    #[n(3)]
    pub(super) at: i64,
    /// Whether that clock can be trusted.
    #[n(4)]
    pub(super) synced: bool,
    /// A number for the receiver to echo: one for each address.
    #[n(5)]
    pub(super) nonce: u64,
    /// The receiver's nonce: it proves that this was said after it, and that the sender receives where it was sent to.
    #[n(6)]
    pub(super) echo: Option<u64>,
    /// The sender believes the receiver already.
    #[n(7)]
    pub(super) believes: bool,
    /// The receiver's generation that is spent: it must take a greater one.
    #[n(8)]
    pub(super) spent: Option<u32>,
    /// The sender hears the receiver by multicast.
    #[n(9)]
    pub(super) hears_multicast: bool,
    /// The number of the sender's candidate address to which this was sent.
    #[n(10)]
    pub(super) candidate: Option<u16>,
    /// The receiver's `candidate` to which this is the answer.
    #[n(11)]
    pub(super) answers_candidate: Option<u16>,
    /// Zeros, so that the answer has room: see [`Hello::within`].
    #[cbor(n(12), with = "minicbor::bytes")]
    pub(super) padding: Option<Vec<u8>>,
}

impl Hello {
    /// The hello as a message of at most `room` bytes, and of at least as many of [`HELLO_BYTES`] and `least` as there is room
    /// for. If there is no room for the name, it is left out: a later hello tells it. Nothing if that is too long as well.
    pub(super) fn within(mut self, room: usize, least: usize) -> Option<Message> {
        self.padding = None;
        if self.bytes() > room {
            self.name.clear();
        }
        let least = least.max(HELLO_BYTES).min(room);
        self.padding = Some(Vec::new());
        match least.checked_sub(self.bytes()) {
            // A long byte string needs a byte more to say how long it is.
            Some(missing) if missing >= 24 => self.padding = Some(vec![0; missing - 1]),
            Some(missing) => self.padding = Some(vec![0; missing]),
            None => self.padding = None,
        }
        (self.bytes() <= room).then_some(Message::Hello(self))
    }

    /// Bytes of the message.
    fn bytes(&self) -> usize {
        HELLO_AROUND_BYTES + minicbor::len(self)
    }
}

/// Bytes of [`Message::Hello`] around its hello.
const HELLO_AROUND_BYTES: usize = 3;
/// Bytes of the longest message with a hello that has no name, so of the shortest that is sent: each hello can be answered
/// by one that is no longer.
const HELLO_BYTES: usize = 58;
/// The same with a name.
pub(super) const NAMED_HELLO_BYTES: usize = HELLO_BYTES + 1 + MEMBER_NAME_BYTES_MAX;

/// All a member knows, in one number.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
pub(super) struct Digest {
    #[n(0)]
    pub(super) at: i64,
    #[n(1)]
    pub(super) synced: bool,
    #[n(2)]
    pub(super) root: u64,
    #[n(3)]
    pub(super) count: u32,
    /// The last changes, so that the usual difference is repaired without comparing ranges.
    #[n(4)]
    pub(super) recent: Vec<Head>,
}

/// A record's key, by its hash, and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
pub(super) struct Head {
    #[n(0)]
    pub(super) hash: u64,
    #[n(1)]
    pub(super) version: Version,
}

impl Head {
    pub(super) fn of(record: &Record) -> Self {
        Self { hash: record.key.hash(), version: record.version }
    }
}

/// Fingerprints of all that a member knows in the 64 equal parts of a range.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
pub(super) struct Sum {
    #[n(0)]
    pub(super) at: i64,
    #[n(1)]
    pub(super) prefix: u64,
    #[n(2)]
    pub(super) bits: u8,
    #[cbor(n(3), with = "minicbor::bytes")]
    pub(super) prints: Vec<u8>,
}

/// All that a member knows in a range.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
pub(super) struct Range {
    #[n(0)]
    pub(super) prefix: u64,
    #[n(1)]
    pub(super) bits: u8,
    #[n(2)]
    pub(super) heads: Vec<Head>,
}

/// A part of an encoded record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
pub(super) struct Part {
    #[n(0)]
    pub(super) hash: u64,
    #[n(1)]
    pub(super) version: Version,
    /// The bytes of the whole record.
    #[n(2)]
    pub(super) bytes: u32,
    #[n(3)]
    pub(super) number: u16,
    #[cbor(n(4), with = "minicbor::bytes")]
    pub(super) data: Vec<u8>,
    /// As the record has it.
    #[n(5)]
    pub(super) sent_at: Option<i64>,
}

/// Where a member was heard.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
pub(super) struct Address {
    #[n(0)]
    pub(super) node: u64,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(super) ip: Vec<u8>,
    #[n(2)]
    pub(super) port: u16,
}

impl Address {
    pub(super) fn new(node: u64, addr: SocketAddr) -> Self {
        let ip = match addr.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        Self { node, ip, port: addr.port() }
    }

    /// The address, as reported by a member heard at `reporter`: a link-local one is on the same link.
    pub(super) fn socket_addr(&self, reporter: SocketAddr) -> Option<SocketAddr> {
        let ip = match self.ip.len() {
            4 => IpAddr::from(<[u8; 4]>::try_from(self.ip.as_slice()).ok()?),
            // One of IPv4 may be written as one of IPv6.
            16 => IpAddr::from(<[u8; 16]>::try_from(self.ip.as_slice()).ok()?).to_canonical(),
            _ => return None,
        };
        let usable = self.port != 0 && !ip.is_unspecified() && !ip.is_multicast();
        let mut addr = SocketAddr::new(ip, self.port);
        if let (SocketAddr::V6(addr), SocketAddr::V6(reporter)) = (&mut addr, reporter)
            && addr.ip().is_unicast_link_local()
        {
            addr.set_scope_id(reporter.scope_id());
        }
        usable.then_some(addr)
    }
}

/// `item` in CBOR.
pub(super) fn encode<T: Encode<()>>(item: &T) -> Vec<u8> {
    // A `Vec` takes any number of bytes: there is no error to have.
    minicbor::to_vec(item).unwrap_or_default()
}

/// Packs `items` in their order into as few lists as possible, each of which fits a message along with `around` bytes.
/// An item that fits no message on its own is left out.
pub(super) fn pack<T: CborLen<()>>(
    items: impl IntoIterator<Item = T>,
    around: usize,
) -> Vec<Vec<T>> {
    let room = MESSAGE_BYTES_MAX.saturating_sub(around);
    let mut lists: Vec<Vec<T>> = Vec::new();
    let mut left = 0;
    for item in items {
        let bytes = minicbor::len(&item);
        if bytes > room {
            continue;
        }
        match lists.last_mut() {
            Some(list) if bytes <= left => list.push(item),
            _ => {
                lists.push(vec![item]);
                left = room;
            }
        }
        left -= bytes;
    }
    lists
}

/// Bytes around the records of [`Message::News`], the heads of one range, and the like: array heads and small fields.
pub(super) const AROUND_BYTES: usize = 48;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::Key;
    use super::*;

    fn one_of_each_kind() -> Vec<Message> {
        let version = Version { hlc: 0x0001_0000, node: 7 };
        let record = Record {
            key: Key::new(1, b"id"),
            version,
            expires_at_ms: 1_000,
            body: b"body".to_vec(),
            sent_at: None,
        };
        let head = Head { hash: 42, version };
        vec![
            Message::Hello(Hello {
                node: 7,
                generation: 1,
                name: "a".into(),
                at: 1_000,
                synced: true,
                nonce: 5,
                echo: Some(6),
                believes: false,
                spent: None,
                hears_multicast: true,
                candidate: Some(2),
                answers_candidate: None,
                padding: None,
            }),
            Message::Swim(vec![1, 2, 3]),
            Message::News(vec![record], RELAYED),
            Message::Digest(Digest {
                at: 1_000,
                synced: true,
                root: 9,
                count: 1,
                recent: vec![head],
            }),
            Message::Sum(Sum { at: 1_000, prefix: 0, bits: 6, prints: vec![0, 0, 0, 1] }),
            Message::Keys(1_000, vec![Range { prefix: 1 << 63, bits: 1, heads: vec![head] }]),
            Message::Want(vec![42]),
            Message::Part(Part {
                hash: 42,
                version,
                bytes: 2,
                number: 1,
                data: vec![9],
                sent_at: Some(4),
            }),
            Message::WantParts(42, version, vec![1, 2]),
            Message::Peers(true, vec![Address::new(7, "10.0.0.1:9094".parse().unwrap())], None),
            Message::Bye,
            Message::Ack(5, vec![300]),
            Message::Check(7),
            Message::Challenge(5),
        ]
    }

    #[test]
    fn golden_bytes() {
        let hex = |bytes: Vec<u8>| -> String {
            let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap();
            bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
        };
        let all: Vec<_> = one_of_each_kind().iter().map(|m| hex(m.encode())).collect();
        assert_eq!(all, GOLDEN);
    }

    const GOLDEN: [&str; KINDS] = [
        "8200818b070161611903e8f50506f4f6f502",
        "82018143010203",
        "82028281848201426964821a00010000071903e844626f647902",
        "820381851903e8f509018182182a821a0001000007",
        "820481841903e800064400000001",
        "8205821903e881831b8000000000000000018182182a821a0001000007",
        "82068181182a",
        "82078186182a821a00010000070201410904",
        "820883182a821a0001000007820102",
        "820982f5818307440a000001192386",
        "820a80",
        "820b82058119012c",
        "820c8107",
        "820d8105",
    ];

    /// The hello with all that an answer may have, and numbers that need the most bytes.
    fn longest_answer(name: &str) -> Hello {
        Hello {
            node: u64::MAX,
            generation: u32::MAX,
            name: name.to_owned(),
            at: i64::MAX,
            synced: true,
            nonce: u64::MAX,
            echo: Some(u64::MAX),
            believes: true,
            spent: Some(u32::MAX),
            hears_multicast: true,
            candidate: None,
            answers_candidate: Some(u16::MAX),
            padding: None,
        }
    }

    #[test]
    fn every_hello_can_be_answered_by_one_that_is_no_longer() {
        let nameless = longest_answer("").within(usize::MAX, 0).unwrap();
        assert_eq!(nameless.encode().len(), HELLO_BYTES);
        let shortest =
            Hello { echo: None, spent: None, answers_candidate: None, ..longest_answer("") };
        let shortest = Hello { node: 1, generation: 0, at: 0, nonce: 1, ..shortest };
        assert_eq!(shortest.within(usize::MAX, 0).unwrap().encode().len(), HELLO_BYTES);
        // The name is left out first, then nothing is said.
        let answer = |room| longest_answer("gateway").within(room, 0);
        assert_eq!(answer(HELLO_BYTES + 7).unwrap().encode().len(), HELLO_BYTES + 7);
        assert_eq!(answer(HELLO_BYTES + 6), answer(HELLO_BYTES));
        assert_eq!(answer(HELLO_BYTES).unwrap(), nameless);
        assert_eq!(answer(HELLO_BYTES - 1), None);
    }

    #[test]
    fn every_kind_reads_back() {
        for (kind, message) in one_of_each_kind().into_iter().enumerate() {
            assert_eq!(message.kind(), kind);
            assert_eq!(Message::decode(&message.encode()), Some(message));
        }
    }

    #[test]
    fn fields_of_a_newer_version_are_skipped() {
        // A `Want` with a field more.
        let bytes = minicbor::to_vec((6_u8, (vec![42_u64], "new"))).unwrap();
        assert_eq!(Message::decode(&bytes), Some(Message::Want(vec![42])));
        assert_eq!(Message::decode(&minicbor::to_vec((99_u8, (1_u8,))).unwrap()), None);
    }

    #[test]
    fn a_link_local_address_is_on_the_reporters_link() {
        let address = Address::new(1, "[fe80::1]:9094".parse().unwrap());
        let reported = address.socket_addr("[fe80::2%3]:9094".parse().unwrap()).unwrap();
        assert_eq!(reported, "[fe80::1%3]:9094".parse().unwrap());
        assert_eq!(Address { node: 1, ip: vec![0; 5], port: 1 }.socket_addr(reported), None);
        assert_eq!(
            Address { node: 1, ip: vec![224, 0, 0, 1], port: 1 }.socket_addr(reported),
            None
        );
    }

    proptest! {
        #[test]
        fn random_and_cut_bytes_never_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 0_usize..KINDS, at in any::<usize>()
        ) {
            let _ignored = Message::decode(&bytes);
            let mut message = one_of_each_kind().swap_remove(kind).encode();
            let at = at % message.len();
            message[at] ^= bytes.first().copied().unwrap_or(1);
            let _ignored = Message::decode(&message);
            message.truncate(at);
            prop_assert_eq!(Message::decode(&message), None);
        }

        #[test]
        fn hellos_keep_to_their_room(name in ".{0,20}", echo: Option<u64>, spent: Option<u32>, room in 0_usize..200, least in 0_usize..200) {
            let hello = Hello { echo, spent, candidate: Some(3), ..longest_answer(&name) };
            let bytes = Hello { padding: None, ..hello.clone() }.bytes();
            match hello.within(room, least) {
                Some(message) => {
                    let length = message.encode().len();
                    prop_assert!(length <= room);
                    // Padding can't be shorter than what says its length.
                    prop_assert!(length + 4 >= least.max(HELLO_BYTES).min(room) || length >= bytes);
                    prop_assert_eq!(Message::decode(&message.encode()), Some(message));
                }
                None => prop_assert!(room < HELLO_BYTES + 3),
            }
        }

        #[test]
        fn packed_lists_fit_and_keep_their_order(lengths in proptest::collection::vec(0_usize..1500, 0..40)) {
            let items: Vec<String> = lengths.iter().map(|n| "x".repeat(*n)).collect();
            let lists = pack(items.clone(), AROUND_BYTES);
            for list in &lists {
                prop_assert!(minicbor::len(list) + AROUND_BYTES - 9 <= MESSAGE_BYTES_MAX);
            }
            let fit = |item: &String| minicbor::len(item) + AROUND_BYTES <= MESSAGE_BYTES_MAX;
            prop_assert_eq!(lists.concat(), items.into_iter().filter(fit).collect::<Vec<_>>());
        }
    }
}
