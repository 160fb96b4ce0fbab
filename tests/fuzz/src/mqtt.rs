//! Answers of an MQTT broker: packets are read the same whatever follows them; each message has one end at most.

use std::collections::BTreeSet;

use bellwether::time::Mono;
use bellwether::wire::mqtt::{Client, SessionEvent, MqttMessage, Packet, Qos, Session, MqttVersion};

use crate::input::Input;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let choices = input.byte();
    let version = if choices & 1 == 0 { MqttVersion::V3 } else { MqttVersion::V5 };
    let (piece, messages) = (usize::from(choices >> 1 & 3) * 5 + 1, u64::from(choices >> 3));
    let bytes = input.rest();
    packets(version, bytes);
    session(version, messages, &mut bytes.chunks(piece));
}

fn packets(version: MqttVersion, mut bytes: &[u8]) {
    while let Ok(Some((packet, length))) = Packet::read(version, bytes) {
        let (alone, rest) = bytes.split_at(length);
        assert_eq!(Packet::read(version, alone), Ok(Some((packet, length))));
        assert_eq!(Packet::read(version, &alone[..length - 1]), Ok(None));
        bytes = rest;
    }
}

fn session(version: MqttVersion, messages: u64, pieces: &mut dyn Iterator<Item = &[u8]>) {
    let client = Client {
        version,
        id: "gw".to_owned(),
        username: None,
        password: None,
        keep_alive: 30,
        will: None,
    };
    let now = Mono::from_ms(1000);
    let mut session = Session::new(client, now);
    for number in 0..messages {
        let qos = if number % 2 == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce };
        let message =
            MqttMessage { topic: "a/b".to_owned(), payload: vec![b'x'; 20], qos, retain: false };
        session.publish(number, message, now).unwrap();
    }
    let mut ended = BTreeSet::new();
    for piece in pieces {
        let outcome = session.handle_input(piece, now);
        session.take_output();
        while let Some(event) = session.poll_event() {
            if let SessionEvent::Delivered(number) | SessionEvent::Refused(number, _) = event {
                assert!(number < messages && ended.insert(number), "{number} ended twice");
            }
        }
        if outcome.is_err() {
            return;
        }
        assert!(
            !session.is_idle() || ended.len() as u64 == messages,
            "idle, but {} of {messages} ended",
            ended.len()
        );
    }
}
