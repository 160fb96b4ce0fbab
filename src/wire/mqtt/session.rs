//! A connection to a broker without its socket: bytes in, bytes out, and the time as an argument.
//!
//! Call [`Session::handle_input`] with what was read and [`Session::handle_timeout`] when [`Session::next_timeout`] has
//! come; after each call send [`Session::take_output`], then read [`Session::poll_event`] until there is none.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use crate::limits::{MQTT_IN_FLIGHT_MAX, MQTT_QUEUE_MAX, MQTT_REPLY_TIME_MAX};
use crate::time::Mono;
use crate::wire::mqtt::packet::{self, Packet, PacketError, Terms};
use crate::wire::mqtt::{Client, MqttMessage, MqttVersion, Qos};

/// The outcome of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The broker has taken us in.
    Connected,
    /// The message of this number is delivered: sent, or acknowledged if it wants that.
    Delivered(u64),
    /// The broker will not take the message of this number: why. A message that it may take later has no such end.
    Refused(u64, String),
}

/// Why a session has ended. Every message that had no event is undelivered, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionError {
    /// The broker does not take us in: why, and whether that is worth another try.
    Refused(&'static str, u8),
    /// The broker has ended the connection: why.
    Disconnected(&'static str, u8),
    /// The broker broke the protocol.
    Packet(PacketError),
    /// The broker answered out of turn.
    OutOfTurn,
    /// The broker was silent for too long.
    Silent,
}

impl From<PacketError> for SessionError {
    fn from(error: PacketError) -> Self {
        Self::Packet(error)
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why, code) => {
                write!(f, "the broker refused the connection: {why} (code {code})")
            }
            Self::Disconnected(why, code) => {
                write!(f, "the broker ended the connection: {why} (code {code})")
            }
            Self::Packet(error) => error.fmt(f),
            Self::OutOfTurn => f.write_str("the broker answered what it was not asked"),
            Self::Silent => write!(f, "the broker was silent for {MQTT_REPLY_TIME_MAX:?}"),
        }
    }
}

/// A connection to a broker.
#[derive(Debug)]
pub struct Session {
    client: Client,
    /// The broker's bounds; none until it has accepted the connection.
    terms: Option<Terms>,
    input: Vec<u8>,
    output: Vec<u8>,
    events: VecDeque<SessionEvent>,
    /// Messages that are not sent yet, oldest first.
    queue: VecDeque<(u64, MqttMessage)>,
    /// Messages that wait for their acknowledgement, by their packet identifier.
    in_flight: BTreeMap<u16, u64>,
    last_id: u16,
    /// When we last sent something.
    spoke: Mono,
    /// Since when the broker owes us an answer.
    awaits: Option<Mono>,
}

impl Session {
    /// A connection that was just opened: CONNECT is in the output.
    pub fn new(client: Client, now: Mono) -> Self {
        let output = packet::connect(&client);
        Self {
            client,
            terms: None,
            input: Vec::new(),
            output,
            events: VecDeque::new(),
            queue: VecDeque::new(),
            in_flight: BTreeMap::new(),
            last_id: 0,
            spoke: now,
            awaits: Some(now),
        }
    }

    /// Publishes a message as soon as the broker lets us; `number` names it in events. An error says why no broker would
    /// take it, or that too many wait; it is not published then.
    pub fn publish(
        &mut self,
        number: u64,
        message: MqttMessage,
        now: Mono,
    ) -> Result<(), &'static str> {
        message.check()?;
        if self.queue.len() >= MQTT_QUEUE_MAX {
            return Err("too many messages wait for the broker");
        }
        self.queue.push_back((number, message));
        self.pump(now);
        Ok(())
    }

    /// Takes bytes of the broker. After an error the connection is to be closed.
    pub fn handle_input(&mut self, bytes: &[u8], now: Mono) -> Result<(), SessionError> {
        self.input.extend_from_slice(bytes);
        let mut read = 0;
        while let Some((packet, length)) =
            Packet::read(self.client.version, self.input.get(read..).unwrap_or_default())?
        {
            read += length;
            self.handle_packet(packet)?;
            self.awaits = (!self.in_flight.is_empty()).then_some(now);
        }
        self.input.drain(..read);
        self.pump(now);
        Ok(())
    }

    /// Sends a ping where one is due. After an error the connection is to be closed.
    pub fn handle_timeout(&mut self, now: Mono) -> Result<(), SessionError> {
        if self.awaits.is_some_and(|since| now >= since + MQTT_REPLY_TIME_MAX) {
            return Err(SessionError::Silent);
        }
        if self.ping_at().is_some_and(|at| now >= at) {
            self.send(&packet::PINGREQ, now);
            self.awaits.get_or_insert(now);
        }
        Ok(())
    }

    /// When to call [`Session::handle_timeout`] next.
    pub fn next_timeout(&self) -> Option<Mono> {
        let silent = self.awaits.map(|since| since + MQTT_REPLY_TIME_MAX);
        [silent, self.ping_at()].into_iter().flatten().min()
    }

    /// The bytes to send now.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// Whether everything that was published has an event.
    pub fn is_idle(&self) -> bool {
        self.terms.is_some() && self.queue.is_empty() && self.in_flight.is_empty()
    }

    /// Says goodbye: the broker forgets the will.
    pub fn disconnect(&mut self) {
        self.output.extend(packet::DISCONNECT);
    }

    fn handle_packet(&mut self, packet: Packet) -> Result<(), SessionError> {
        match (packet, self.terms) {
            (Packet::Connack { code: 0, terms }, None) => {
                self.terms = Some(terms);
                self.events.push_back(SessionEvent::Connected);
            }
            (Packet::Connack { code, .. }, None) => {
                return Err(SessionError::Refused(self.refusal(code), code));
            }
            (Packet::Puback { id, code }, Some(_)) => {
                let number = self.in_flight.remove(&id).ok_or(SessionError::OutOfTurn)?;
                self.events.push_back(if code < 0x80 {
                    SessionEvent::Delivered(number)
                } else {
                    SessionEvent::Refused(number, format!("{} (code {code})", reason(code)))
                });
            }
            (Packet::Pingresp, Some(_)) => {}
            (Packet::Disconnect(code), _) => {
                return Err(SessionError::Disconnected(reason(code), code));
            }
            _ => return Err(SessionError::OutOfTurn),
        }
        Ok(())
    }

    /// Sends of what waits as much as the broker allows.
    fn pump(&mut self, now: Mono) {
        let Some(terms) = self.terms else { return };
        let room = usize::from(terms.receive_max).min(MQTT_IN_FLIGHT_MAX);
        while self.in_flight.len() < room {
            let Some((number, mut message)) = self.queue.pop_front() else { return };
            message.qos = message.qos.min(terms.qos_max);
            message.retain &= terms.retains;
            let id = if message.qos == Qos::AtLeastOnce { self.next_id() } else { 0 };
            let packet = packet::publish(self.client.version, &message, id);
            if u32::try_from(packet.len()).is_ok_and(|bytes| bytes > terms.packet_bytes_max) {
                let why = format!(
                    "the message has {} bytes, the broker takes {}",
                    packet.len(),
                    terms.packet_bytes_max
                );
                self.events.push_back(SessionEvent::Refused(number, why));
                continue;
            }
            self.send(&packet, now);
            match message.qos {
                Qos::AtMostOnce => self.events.push_back(SessionEvent::Delivered(number)),
                Qos::AtLeastOnce => {
                    self.in_flight.insert(id, number);
                    self.awaits.get_or_insert(now);
                }
            }
        }
    }

    /// A packet identifier that is in no message under way; there are far fewer than identifiers.
    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.in_flight.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }

    fn send(&mut self, packet: &[u8], now: Mono) {
        self.output.extend_from_slice(packet);
        self.spoke = now;
    }

    /// When a ping keeps the broker from taking us for gone.
    fn ping_at(&self) -> Option<Mono> {
        let keep_alive = self.terms?.keep_alive.unwrap_or(self.client.keep_alive);
        (keep_alive > 0).then(|| self.spoke + Duration::from_secs(keep_alive.into()) * 3 / 4)
    }

    fn refusal(&self, code: u8) -> &'static str {
        match (self.client.version, code) {
            // A broker that knows 3.1.1 alone answers with its codes.
            (_, 1) => "it does not speak this version of MQTT",
            (_, 2) => "it refuses the client_id",
            (_, 3) => "it is not available",
            (_, 4) => "wrong user name or password",
            (_, 5) => "not authorised",
            (MqttVersion::V5, code) => reason(code),
            (MqttVersion::V3, _) => "for a reason unknown",
        }
    }
}

/// The meaning of a reason code of version 5.
const fn reason(code: u8) -> &'static str {
    match code {
        0x00 => "normally",
        0x80 => "unspecified error",
        0x81 => "malformed packet",
        0x82 => "protocol error",
        0x83 => "implementation specific error",
        0x84 => "it does not speak this version of MQTT",
        0x85 => "it refuses the client_id",
        0x86 => "wrong user name or password",
        0x87 => "not authorised",
        0x88 => "it is not available",
        0x89 => "it is busy",
        0x8A => "banned",
        0x8B => "it is shutting down",
        0x8C => "bad authentication method",
        0x8D => "it heard nothing from us in time",
        0x8E => "another client connected with the same client_id",
        0x90 => "it refuses the topic",
        0x93 => "too many messages at once",
        0x95 => "packet too large",
        0x96 => "too many messages",
        0x97 => "quota exceeded",
        0x98 => "by an administrator",
        0x99 => "it refuses the format of the payload",
        0x9A => "it retains no messages",
        0x9B => "it does not support this QoS",
        0x9C | 0x9D => "another broker is to be used",
        0x9F => "too many connections",
        _ => "for a reason unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(version: MqttVersion) -> Session {
        let client = Client {
            version,
            id: "c".into(),
            username: None,
            password: None,
            keep_alive: 60,
            will: None,
        };
        let mut session = Session::new(client, at(0));
        assert_eq!(session.take_output().first(), Some(&0x10));
        session
    }

    fn connected(version: MqttVersion, connack: &[u8]) -> Session {
        let mut session = session(version);
        session.handle_input(connack, at(0)).unwrap();
        assert_eq!(session.poll_event(), Some(SessionEvent::Connected));
        session
    }

    fn message(qos: Qos) -> MqttMessage {
        MqttMessage { topic: "t".into(), payload: b"p".to_vec(), qos, retain: true }
    }

    fn at(secs: u64) -> Mono {
        Mono::from_ms(secs * 1000)
    }

    const TAKEN: &[u8] = b"\x20\x02\0\0";

    #[test]
    fn nothing_is_published_before_the_broker_has_taken_us_in() {
        let mut session = session(MqttVersion::V3);
        session.publish(1, message(Qos::AtMostOnce), at(0)).unwrap();
        assert!(session.take_output().is_empty() && !session.is_idle());
        session.handle_input(TAKEN, at(0)).unwrap();
        assert_eq!(session.take_output(), b"\x31\x04\0\x01tp");
        assert_eq!(session.poll_event(), Some(SessionEvent::Connected));
        assert_eq!(session.poll_event(), Some(SessionEvent::Delivered(1)));
        assert!(session.is_idle());
    }

    #[test]
    fn a_message_of_qos_1_is_delivered_when_it_is_acknowledged() {
        let mut session = connected(MqttVersion::V3, TAKEN);
        session.publish(7, message(Qos::AtLeastOnce), at(1)).unwrap();
        assert_eq!(session.take_output(), b"\x33\x06\0\x01t\0\x01p");
        assert_eq!(session.poll_event(), None);
        // Byte by byte.
        for byte in b"\x40\x02\0" {
            session.handle_input(&[*byte], at(1)).unwrap();
        }
        assert_eq!(session.poll_event(), None);
        session.handle_input(b"\x01", at(1)).unwrap();
        assert_eq!(session.poll_event(), Some(SessionEvent::Delivered(7)));
        assert_eq!(session.handle_input(b"\x40\x02\0\x01", at(1)), Err(SessionError::OutOfTurn));
    }

    #[test]
    fn a_broker_of_version_5_says_which_message_it_refuses() {
        let mut session = connected(MqttVersion::V5, b"\x20\x03\0\0\0");
        session.publish(7, message(Qos::AtLeastOnce), at(1)).unwrap();
        session.handle_input(b"\x40\x03\0\x01\x87", at(1)).unwrap();
        assert_eq!(
            session.poll_event(),
            Some(SessionEvent::Refused(7, "not authorised (code 135)".into()))
        );
    }

    #[test]
    fn the_maximum_in_flight_of_the_broker_is_kept() {
        // At most one message at once, QoS 0, nothing retained, 16 bytes.
        let connack = b"\x20\x0f\0\0\x0c\x21\0\x01\x24\0\x25\0\x27\0\0\0\x10";
        let mut session = connected(MqttVersion::V5, connack);
        session.publish(1, message(Qos::AtLeastOnce), at(0)).unwrap();
        assert_eq!(session.take_output(), b"\x30\x05\0\x01t\0p");
        assert_eq!(session.poll_event(), Some(SessionEvent::Delivered(1)));
        let long = MqttMessage { payload: vec![0; 20], ..message(Qos::AtMostOnce) };
        session.publish(2, long, at(0)).unwrap();
        assert!(matches!(session.poll_event(), Some(SessionEvent::Refused(2, _))));
        assert!(session.take_output().is_empty());

        let mut session = connected(MqttVersion::V5, b"\x20\x06\0\0\x03\x21\0\x01");
        for number in 0..3 {
            session.publish(number, message(Qos::AtLeastOnce), at(0)).unwrap();
        }
        assert_eq!(session.take_output().len(), 9, "one of three");
        session.handle_input(b"\x40\x02\0\x01", at(0)).unwrap();
        assert_eq!(session.take_output(), b"\x33\x07\0\x01t\0\x02\0p");

        // One that allows more than we do.
        let mut session = connected(MqttVersion::V5, b"\x20\x03\0\0\0");
        for number in 0..MQTT_IN_FLIGHT_MAX as u64 + 3 {
            session.publish(number, message(Qos::AtLeastOnce), at(0)).unwrap();
        }
        assert_eq!(session.take_output().len(), 9 * MQTT_IN_FLIGHT_MAX);
    }

    #[test]
    fn a_broker_that_is_silent_is_given_up() {
        let mut session = session(MqttVersion::V3);
        let due = session.next_timeout().unwrap();
        assert_eq!(due, at(0) + MQTT_REPLY_TIME_MAX);
        assert_eq!(session.handle_timeout(due), Err(SessionError::Silent));

        let mut session = connected(MqttVersion::V3, TAKEN);
        session.publish(1, message(Qos::AtLeastOnce), at(5)).unwrap();
        assert_eq!(session.next_timeout(), Some(at(5) + MQTT_REPLY_TIME_MAX));
        assert_eq!(session.handle_timeout(at(5) + MQTT_REPLY_TIME_MAX), Err(SessionError::Silent));
    }

    #[test]
    fn pings_keep_an_idle_connection() {
        let mut session = connected(MqttVersion::V3, TAKEN);
        session.publish(1, message(Qos::AtMostOnce), at(10)).unwrap();
        session.take_output();
        assert_eq!(session.next_timeout(), Some(at(55)));
        session.handle_timeout(at(55)).unwrap();
        assert_eq!(session.take_output(), b"\xc0\0");
        assert_eq!(session.next_timeout(), Some(at(55) + MQTT_REPLY_TIME_MAX));
        session.handle_input(b"\xd0\0", at(56)).unwrap();
        assert_eq!(session.next_timeout(), Some(at(100)));
        session.disconnect();
        assert_eq!(session.take_output(), b"\xe0\0");
    }

    #[test]
    fn a_refusal_says_why() {
        for (version, connack, why) in [
            (MqttVersion::V3, &b"\x20\x02\0\x05"[..], "not authorised"),
            (MqttVersion::V3, b"\x20\x02\0\x04", "wrong user name or password"),
            (MqttVersion::V5, b"\x20\x03\0\x86\0", "wrong user name or password"),
            (MqttVersion::V5, b"\x20\x02\0\x01", "does not speak this version"),
        ] {
            let error = session(version).handle_input(connack, at(0)).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        let mut session = connected(MqttVersion::V5, b"\x20\x03\0\0\0");
        let error = session.handle_input(b"\xe0\x01\x8e", at(0)).unwrap_err().to_string();
        assert!(error.contains("same client_id"), "{error}");
    }

    #[test]
    fn answers_out_of_turn_end_the_session() {
        assert!(session(MqttVersion::V3).handle_input(b"\xd0\0", at(0)).is_err());
        assert!(connected(MqttVersion::V3, TAKEN).handle_input(TAKEN, at(0)).is_err());
    }

    #[test]
    fn the_queue_is_bounded_and_bad_topics_are_not_published() {
        let mut session = session(MqttVersion::V3);
        let bad = MqttMessage { topic: "a/#".into(), ..message(Qos::AtMostOnce) };
        assert!(session.publish(0, bad, at(0)).is_err());
        for number in 0..MQTT_QUEUE_MAX as u64 {
            session.publish(number, message(Qos::AtMostOnce), at(0)).unwrap();
        }
        assert!(session.publish(0, message(Qos::AtMostOnce), at(0)).is_err());
    }
}
