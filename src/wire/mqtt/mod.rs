//! MQTT as a publisher speaks it, versions 3.1.1 and 5: the packets, and [`Session`], which says when to send which.
//!
//! A client that only publishes sends CONNECT, PUBLISH, PINGREQ and DISCONNECT, and reads CONNACK, PUBACK, PINGRESP and
//! DISCONNECT. Anything else from a broker is a protocol error and ends the connection.
//!
//! ```text
//!  byte 0       1 to 4 bytes        the rest
//! ┌───────────┬───────────────────┬──────────────────────────────────────────────┐
//! │ type/flags│ remaining length  │ variable header, (5: properties), payload    │
//! └───────────┴───────────────────┴──────────────────────────────────────────────┘
//! ```

mod packet;
mod session;

pub use packet::{Packet, PacketError};
pub use session::{Session, SessionError, SessionEvent};

use crate::limits::{MQTT_PAYLOAD_BYTES_MAX, MQTT_TOPIC_BYTES_MAX};

/// Which version of the protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MqttVersion {
    /// 3.1.1, which every broker speaks.
    V3,
    /// 5, whose brokers say why they refuse.
    V5,
}

/// How a message is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    /// 0: delivered when it is sent.
    AtMostOnce,
    /// 1: delivered when the broker has acknowledged it.
    AtLeastOnce,
}

/// A message to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttMessage {
    /// Where to: checked by [`MqttMessage::check`].
    pub topic: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// How it is delivered.
    pub qos: Qos,
    /// Whether the broker keeps it for those that subscribe later.
    pub retain: bool,
}

impl MqttMessage {
    /// Why no broker would take this message.
    pub fn check(&self) -> Result<(), &'static str> {
        check_topic(&self.topic)?;
        if self.payload.len() > MQTT_PAYLOAD_BYTES_MAX {
            return Err("the payload is longer than an MQTT payload may be");
        }
        Ok(())
    }
}

/// Whether a topic can be published to: not empty, not too long, without wildcards and control characters.
pub fn check_topic(topic: &str) -> Result<(), &'static str> {
    if topic.is_empty() {
        return Err("the topic is empty");
    }
    if topic.len() > MQTT_TOPIC_BYTES_MAX {
        return Err("the topic is too long");
    }
    if topic.contains(['+', '#']) {
        return Err("the topic has a wildcard");
    }
    if topic.contains(char::is_control) {
        return Err("the topic has control characters");
    }
    Ok(())
}

/// The client, and the message that the broker publishes when the client is gone.
#[derive(Clone, PartialEq, Eq)]
pub struct Client {
    /// The version that is spoken.
    pub version: MqttVersion,
    /// The client's identifier: a broker closes the older of two connections that share it.
    pub id: String,
    /// The user's name, if the broker wants one.
    pub username: Option<String>,
    /// The password, if the broker wants one.
    pub password: Option<String>,
    /// After how many seconds of silence the broker takes us for gone; 0 is never.
    pub keep_alive: u16,
    /// The message that the broker publishes when we are gone.
    pub will: Option<MqttMessage>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_no_wildcards_and_no_control_characters() {
        for (topic, is_fine) in [
            ("a/b", true),
            ("/", true),
            ("ä b", true),
            ("", false),
            ("a/+/b", false),
            ("a#", false),
            ("a\0b", false),
            ("a\nb", false),
            ("a\u{85}b", false),
        ] {
            assert_eq!(check_topic(topic).is_ok(), is_fine, "{topic:?}");
        }
        assert!(check_topic(&"x".repeat(MQTT_TOPIC_BYTES_MAX)).is_ok());
        assert!(check_topic(&"x".repeat(MQTT_TOPIC_BYTES_MAX + 1)).is_err());
    }
}
