//! The packets, as bytes. Sources: MQTT 3.1.1 sections 2 and 3, MQTT 5 sections 2 and 3.

use std::fmt;

use crate::limits::MQTT_REPLY_BYTES_MAX;
use crate::model::brief::cut;
use crate::wire::mqtt::{Client, MqttMessage, MqttVersion, Qos};

/// A packet of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet {
    /// The answer to CONNECT.
    Connack {
        /// 0, or why we are refused.
        code: u8,
        /// The broker's bounds.
        terms: Terms,
    },
    /// A message was taken, or not.
    Puback {
        /// Which.
        id: u16,
        /// Less than 128, or why not.
        code: u8,
    },
    /// The answer to PINGREQ.
    Pingresp,
    /// The broker ends the connection: why.
    Disconnect(u8),
}

/// The bounds of a broker of version 5; one of 3.1.1 states none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Messages of `QoS` 1 that may wait for their acknowledgement.
    pub receive_max: u16,
    /// The highest `QoS`.
    pub qos_max: Qos,
    /// Whether messages can be retained.
    pub retains: bool,
    /// The largest packet.
    pub packet_bytes_max: u32,
    /// Its own idea of when we are gone, in seconds.
    pub keep_alive: Option<u16>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            receive_max: u16::MAX,
            qos_max: Qos::AtLeastOnce,
            retains: true,
            packet_bytes_max: u32::MAX,
            keep_alive: None,
        }
    }
}

/// Bytes that are no packet of a broker. The session cannot go on; nothing else has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketError {
    /// It ends in the midst of a field, or its length is none.
    Malformed,
    /// It is longer than an answer has reason to be.
    TooLong(usize),
    /// A publisher has no use for this type.
    Unexpected(u8),
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the broker sent a malformed packet"),
            Self::TooLong(bytes) => write!(f, "the broker sent a packet of {bytes} bytes"),
            Self::Unexpected(kind) => {
                write!(f, "the broker sent a packet of type {kind}, which answers nothing")
            }
        }
    }
}

const CONNECT: u8 = 0x10;
const PUBLISH: u8 = 0x30;
pub(super) const PINGREQ: [u8; 2] = [0xC0, 0];
pub(super) const DISCONNECT: [u8; 2] = [0xE0, 0];

const PROPERTY_PACKET_BYTES_MAX: u8 = 0x27;

/// CONNECT, for a session that forgets everything when it ends.
pub(super) fn connect(client: &Client) -> Vec<u8> {
    let v5 = client.version == MqttVersion::V5;
    // 3.1.1 allows no password without a user.
    let username = match (&client.username, &client.password) {
        (None, Some(_)) if !v5 => Some(""),
        (username, _) => username.as_deref(),
    };
    let mut flags = 0x02;
    if let Some(will) = &client.will {
        flags |= 0x04 | u8::from(will.qos == Qos::AtLeastOnce) << 3 | u8::from(will.retain) << 5;
    }
    flags |= u8::from(client.password.is_some()) << 6 | u8::from(username.is_some()) << 7;
    let mut body = Vec::new();
    text(&mut body, "MQTT");
    body.extend([if v5 { 5 } else { 4 }, flags]);
    body.extend(client.keep_alive.to_be_bytes());
    if v5 {
        body.extend([5, PROPERTY_PACKET_BYTES_MAX]);
        body.extend(u32::try_from(MQTT_REPLY_BYTES_MAX).unwrap_or(u32::MAX).to_be_bytes());
    }
    text(&mut body, &client.id);
    if let Some(will) = &client.will {
        if v5 {
            body.push(0);
        }
        text(&mut body, &will.topic);
        binary(&mut body, &will.payload);
    }
    if let Some(username) = username {
        text(&mut body, username);
    }
    if let Some(password) = &client.password {
        binary(&mut body, password.as_bytes());
    }
    framed(CONNECT, &body)
}

/// PUBLISH; `id` is used for `QoS` 1 alone.
pub(super) fn publish(version: MqttVersion, message: &MqttMessage, id: u16) -> Vec<u8> {
    let acknowledged = message.qos == Qos::AtLeastOnce;
    let mut body = Vec::with_capacity(message.topic.len() + message.payload.len() + 5);
    text(&mut body, &message.topic);
    if acknowledged {
        body.extend(id.to_be_bytes());
    }
    if version == MqttVersion::V5 {
        body.push(0);
    }
    body.extend_from_slice(&message.payload);
    framed(PUBLISH | u8::from(acknowledged) << 1 | u8::from(message.retain), &body)
}

/// A string of at most 65,535 bytes; what is longer is cut between characters.
fn text(out: &mut Vec<u8>, text: &str) {
    binary(out, cut(text, usize::from(u16::MAX)).as_bytes());
}

fn binary(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend(length.to_be_bytes());
    out.extend_from_slice(bytes.get(..usize::from(length)).unwrap_or(bytes));
}

fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(body.len() + 5);
    packet.push(first);
    let mut rest = body.len();
    loop {
        let digit = u8::try_from(rest & 0x7F).unwrap_or(0);
        rest >>= 7;
        if rest == 0 {
            packet.push(digit);
            break;
        }
        packet.push(digit | 0x80);
    }
    packet.extend_from_slice(body);
    packet
}

impl Packet {
    /// Reads the first packet of `bytes` and how many bytes it has; none while it is not there whole.
    pub fn read(version: MqttVersion, bytes: &[u8]) -> Result<Option<(Self, usize)>, PacketError> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        let kind = first >> 4;
        if !matches!((kind, version), (2 | 4 | 13, _) | (14, MqttVersion::V5)) {
            return Err(PacketError::Unexpected(kind));
        }
        let Some((length, digits)) = variable(rest)? else { return Ok(None) };
        if length > MQTT_REPLY_BYTES_MAX {
            return Err(PacketError::TooLong(length));
        }
        let all = 1 + digits + length;
        let Some(body) = bytes.get(1 + digits..all) else { return Ok(None) };
        let packet = Self::read_body(kind, version, body).ok_or(PacketError::Malformed)?;
        Ok(Some((packet, all)))
    }

    fn read_body(kind: u8, version: MqttVersion, body: &[u8]) -> Option<Self> {
        let v5 = version == MqttVersion::V5;
        match kind {
            2 => {
                let (&[_, code], properties) = body.split_first_chunk()?;
                // A broker that does not know version 5 answers as one of 3.1.1.
                let terms = if v5 && !properties.is_empty() {
                    terms(properties)?
                } else {
                    Terms::default()
                };
                Some(Self::Connack { code, terms })
            }
            4 => {
                let (id, rest) = body.split_first_chunk()?;
                let code = if v5 { rest.first().copied().unwrap_or(0) } else { 0 };
                Some(Self::Puback { id: u16::from_be_bytes(*id), code })
            }
            13 => Some(Self::Pingresp),
            _ => Some(Self::Disconnect(body.first().copied().unwrap_or(0))),
        }
    }
}

/// A variable byte integer and how many bytes it has; none while it is not there whole.
fn variable(bytes: &[u8]) -> Result<Option<(usize, usize)>, PacketError> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(4) {
        value |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((value, at + 1)));
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(PacketError::Malformed) }
}

/// The properties of a CONNACK; those that do not matter to a publisher are skipped.
fn terms(bytes: &[u8]) -> Option<Terms> {
    let (length, digits) = variable(bytes).ok()??;
    let mut rest = bytes.get(digits..digits + length)?;
    let mut terms = Terms::default();
    while let Some((&name, value)) = rest.split_first() {
        let bytes = match name {
            0x24 | 0x25 | 0x28 | 0x29 | 0x2A => 1,
            0x13 | 0x21 | 0x22 => 2,
            0x11 | 0x27 => 4,
            0x12 | 0x15 | 0x16 | 0x1A | 0x1C | 0x1F => prefixed(value)?,
            0x26 => {
                let name = prefixed(value)?;
                name + prefixed(value.get(name..)?)?
            }
            _ => return None,
        };
        let (value, after) = value.split_at_checked(bytes)?;
        rest = after;
        match (name, value) {
            (0x24, [0]) => terms.qos_max = Qos::AtMostOnce,
            (0x25, [retains]) => terms.retains = *retains != 0,
            (0x13, &[high, low]) => terms.keep_alive = Some(u16::from_be_bytes([high, low])),
            (0x21, &[high, low]) => terms.receive_max = u16::from_be_bytes([high, low]).max(1),
            (0x27, &[a, b, c, d]) => terms.packet_bytes_max = u32::from_be_bytes([a, b, c, d]),
            _ => {}
        }
    }
    Some(terms)
}

/// The length of a string with its length in front.
fn prefixed(bytes: &[u8]) -> Option<usize> {
    let (length, _) = bytes.split_first_chunk()?;
    Some(2 + usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(version: MqttVersion) -> Client {
        Client {
            version,
            id: "c".into(),
            username: None,
            password: None,
            keep_alive: 60,
            will: None,
        }
    }

    fn message(qos: Qos, retain: bool) -> MqttMessage {
        MqttMessage { topic: "a/b".into(), payload: b"hi".to_vec(), qos, retain }
    }

    #[test]
    fn connect_has_the_bytes_of_the_standard() {
        assert_eq!(connect(&client(MqttVersion::V3)), b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c");
        assert_eq!(
            connect(&client(MqttVersion::V5)),
            b"\x10\x13\0\x04MQTT\x05\x02\0\x3c\x05\x27\0\0\x40\0\0\x01c"
        );
        let full = Client {
            username: Some("u".into()),
            password: Some("p".into()),
            will: Some(message(Qos::AtLeastOnce, true)),
            ..client(MqttVersion::V3)
        };
        assert_eq!(
            connect(&full),
            b"\x10\x1c\0\x04MQTT\x04\xee\0\x3c\0\x01c\0\x03a/b\0\x02hi\0\x01u\0\x01p"
        );
        let full = Client { version: MqttVersion::V5, ..full };
        assert!(connect(&full).ends_with(b"\0\x01c\0\0\x03a/b\0\x02hi\0\x01u\0\x01p"));
    }

    #[test]
    fn a_password_alone_has_an_empty_user_where_the_standard_wants_one() {
        let client = Client { password: Some("p".into()), ..client(MqttVersion::V3) };
        assert_eq!(connect(&client).get(9), Some(&0xC2));
        assert!(connect(&client).ends_with(b"\0\x01c\0\0\0\x01p"));
        let client = Client { version: MqttVersion::V5, ..client };
        assert_eq!(connect(&client).get(9), Some(&0x42));
    }

    #[test]
    fn publish_has_the_bytes_of_the_standard() {
        let at_most = message(Qos::AtMostOnce, false);
        assert_eq!(publish(MqttVersion::V3, &at_most, 7), b"\x30\x07\0\x03a/bhi");
        let at_least = message(Qos::AtLeastOnce, true);
        assert_eq!(publish(MqttVersion::V3, &at_least, 7), b"\x33\x09\0\x03a/b\0\x07hi");
        assert_eq!(publish(MqttVersion::V5, &at_least, 0x102), b"\x33\x0a\0\x03a/b\x01\x02\0hi");
        let long = MqttMessage { payload: vec![b'x'; 300], ..at_most };
        assert_eq!(publish(MqttVersion::V3, &long, 0).get(..3), Some(&b"\x30\xb1\x02"[..]));
    }

    fn read(version: MqttVersion, bytes: &[u8]) -> Result<Option<(Packet, usize)>, PacketError> {
        Packet::read(version, bytes)
    }

    #[test]
    fn answers_are_read() {
        let terms = Terms::default();
        let v3 = [
            (&b"\x20\x02\0\0"[..], Packet::Connack { code: 0, terms }),
            (b"\x20\x02\0\x05", Packet::Connack { code: 5, terms }),
            (b"\x40\x02\x01\x02", Packet::Puback { id: 0x102, code: 0 }),
            (b"\xd0\0", Packet::Pingresp),
        ];
        for (bytes, packet) in v3 {
            assert_eq!(read(MqttVersion::V3, bytes), Ok(Some((packet, bytes.len()))), "{bytes:?}");
        }
        let limited = Terms {
            receive_max: 2,
            qos_max: Qos::AtMostOnce,
            retains: false,
            packet_bytes_max: 256,
            keep_alive: Some(10),
        };
        let v5 = [
            (&b"\x20\x02\0\x01"[..], Packet::Connack { code: 1, terms }),
            (b"\x20\x03\0\0\0", Packet::Connack { code: 0, terms }),
            (
                b"\x20\x19\0\0\x16\x21\0\x02\x24\0\x25\0\x27\0\0\x01\0\x13\0\x0a\x26\0\x01a\0\x01b",
                Packet::Connack { code: 0, terms: limited },
            ),
            (b"\x40\x02\0\x01", Packet::Puback { id: 1, code: 0 }),
            (b"\x40\x03\0\x01\x87", Packet::Puback { id: 1, code: 0x87 }),
            (b"\x40\x04\0\x01\x10\0", Packet::Puback { id: 1, code: 0x10 }),
            (b"\xe0\0", Packet::Disconnect(0)),
            (b"\xe0\x02\x8e\0", Packet::Disconnect(0x8e)),
        ];
        for (bytes, packet) in v5 {
            assert_eq!(read(MqttVersion::V5, bytes), Ok(Some((packet, bytes.len()))), "{bytes:?}");
        }
    }

    #[test]
    fn the_rest_of_a_part_is_waited_for() {
        let whole = b"\x20\x06\0\0\x03\x21\0\x02";
        for cut in 0..whole.len() {
            assert_eq!(read(MqttVersion::V5, &whole[..cut]), Ok(None), "{cut}");
        }
        assert!(matches!(read(MqttVersion::V5, whole), Ok(Some((_, 8)))));
    }

    #[test]
    fn a_packet_that_is_no_answer_is_an_error() {
        for (version, bytes, error) in [
            (MqttVersion::V3, &b"\x30\x00"[..], PacketError::Unexpected(3)),
            (MqttVersion::V3, b"\xe0\x00", PacketError::Unexpected(14)),
            (MqttVersion::V5, b"\xf0\x00", PacketError::Unexpected(15)),
            (MqttVersion::V3, b"\x20\x01\0", PacketError::Malformed),
            (MqttVersion::V3, b"\x40\x01\0", PacketError::Malformed),
            (MqttVersion::V3, b"\x20\xff\xff\xff\xff", PacketError::Malformed),
            (MqttVersion::V5, b"\x20\x04\0\0\x01\x99", PacketError::Malformed),
            (MqttVersion::V5, b"\x20\x04\0\0\x05\x21", PacketError::Malformed),
            (MqttVersion::V5, b"\x20\x06\0\0\x03\x1f\xff\xff", PacketError::Malformed),
            (MqttVersion::V3, b"\x20\xff\xff\x7f", PacketError::TooLong(0x1F_FFFF)),
        ] {
            assert_eq!(read(version, bytes), Err(error), "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, v5: bool) {
            let version = if v5 { MqttVersion::V5 } else { MqttVersion::V3 };
            if let Ok(Some((_, length))) = Packet::read(version, &bytes) {
                proptest::prop_assert!(length <= bytes.len());
            }
        }
    }
}
