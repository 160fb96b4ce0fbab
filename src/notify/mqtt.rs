//! `mqtt_configs`: a notification as an MQTT message, with a retained message of each group's state, one that tells whether
//! this agent is there, and messages by which Home Assistant finds both.

use std::fmt;
use std::sync::Arc;

use serde_json::json;

use crate::config::schema::{Around, Origin};
use crate::config::{Key, Schema, Takes, Tls, Values};
use crate::limits::MQTT_TOPIC_BYTES_MAX;
use crate::model::brief::cut;
use crate::model::hash::fnv128;
use crate::notify::syslog::host_and_port;
use crate::notify::{Message, Notification, Outgoing, Type, Verdict, payload, status, tls};
use crate::wire::mqtt::{self, Client, MqttVersion, Qos, check_topic};

/// The placeholder of this agent's name in `client_id` and `availability_topic`.
const NODE: &str = "{node}";

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "mqtt",
        section: "mqtt_configs",
        origin: Origin::Ours,
        send_resolved: true,
        http: false,
        instant: false,
        incidents: false,
        address: "broker",
        body: "payload",
        keys: &[
            Key::text("broker", "").required(),
            Key::new("version", Takes::Choice(&["3.1.1", "5"])).or("3.1.1"),
            Key::text("client_id", "bellwether-{node}"),
            Key::text("username", ""),
            Key::secret("password", "password_file"),
            Key::new("keep_alive", Takes::Duration).or("1m"),
            Key::new("qos", Takes::Number).or("1"),
            Key::template("topic", "bellwether/alerts"),
            Key::template("payload", ""),
            Key::bool("retain", "false"),
            Key::text("state_topic", "bellwether/groups"),
            Key::text("availability_topic", "bellwether/agents/{node}"),
            Key::text("discovery_prefix", ""),
            Key::new("tls_config", Takes::Table(tls::KEYS)),
        ],
        globals: &[],
        check,
    },
    request,
    each: Some(payload::EACH),
    judge: |_, reply| Verdict::of(reply, &[]),
};

/// Messages to publish.
#[derive(Clone, Debug)]
pub struct Mqtt {
    /// Where to.
    pub broker: Broker,
    /// In order.
    pub messages: Vec<mqtt::MqttMessage>,
}

impl Mqtt {
    /// Keeps the message itself alone, and has the broker not retain it.
    pub(super) fn leave_no_traces(&mut self) {
        self.messages.drain(..self.messages.len().saturating_sub(1));
        self.messages.iter_mut().for_each(|message| message.retain = false);
    }
}

/// A broker, and how we log in to it.
#[derive(Clone, PartialEq)]
pub struct Broker {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How TLS is spoken, if it is.
    pub tls: Option<Arc<Tls>>,
    /// The start of a connection. Its will says that we are gone.
    pub client: Client,
    /// The message that is published on each new connection.
    pub birth: Vec<mqtt::MqttMessage>,
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Broker {
    /// The broker of an integration, its secrets read. The agent's name is still to be filled in, by [`Broker::named`].
    pub fn new(values: &Values) -> Result<Self, String> {
        let (encrypted, host, port) = place(values.text("broker"))?;
        let availability = |payload: &str| mqtt::MqttMessage {
            topic: values.text("availability_topic").to_owned(),
            payload: payload.into(),
            qos: Qos::AtLeastOnce,
            retain: true,
        };
        let is_told = values.has("availability_topic");
        let mut birth = Vec::new();
        if is_told {
            birth.push(availability("online"));
            if values.has("discovery_prefix") {
                birth.push(agent_discovery(values));
            }
        }
        let text = |key| Some(values.text(key).to_owned()).filter(|text| !text.is_empty());
        let keep_alive = values.duration("keep_alive").map_or(0, |it| it.as_secs());
        Ok(Self {
            host,
            port,
            tls: encrypted.then(|| tls::read(values, "tls_config")),
            client: Client {
                version: if values.text("version") == "5" {
                    MqttVersion::V5
                } else {
                    MqttVersion::V3
                },
                id: values.text("client_id").to_owned(),
                username: text("username"),
                password: text("password"),
                keep_alive: u16::try_from(keep_alive).unwrap_or(u16::MAX),
                will: is_told.then(|| availability("offline")),
            },
            birth,
        })
    }

    /// The same with the name of this agent, of which letters, digits and `-_.` stay.
    #[must_use]
    pub fn named(mut self, node: &str) -> Self {
        let node: String = node
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
            .collect();
        self.client.id = self.client.id.replace(NODE, &node);
        for message in self.client.will.iter_mut().chain(&mut self.birth) {
            message.topic = message.topic.replace(NODE, &node);
            let payload = String::from_utf8_lossy(&message.payload).replace(NODE, &node);
            message.payload = payload.into_bytes();
        }
        self
    }

    /// Whether the connection is kept while there is nothing to tell.
    pub fn is_kept(&self) -> bool {
        self.client.will.is_some()
    }
}

/// `mqtt://host:1883` or `mqtts://host:8883`: whether it is encrypted, host and port.
fn place(text: &str) -> Result<(bool, String, u16), String> {
    let encrypted = text.starts_with("mqtts://");
    let rest = text.strip_prefix("mqtts://").or_else(|| text.strip_prefix("mqtt://"));
    let place = rest.and_then(|rest| {
        host_and_port(rest.trim_end_matches('/'), if encrypted { 8883 } else { 1883 })
    });
    match place {
        Some((host, port)) => Ok((encrypted, host, port)),
        None => Err("broker: write mqtt://host:1883 or mqtts://host:8883".to_owned()),
    }
}

fn check(values: &mut Values, _: &Around<'_>) -> Vec<String> {
    let mut wrong = tls::check(values, "tls_config");
    wrong.extend(place(values.text("broker")).err());
    if !(0..=1).contains(&values.number("qos")) {
        wrong.push("qos: 0 or 1".to_owned());
    }
    let fixed = ["state_topic", "availability_topic", "discovery_prefix"];
    for key in fixed.into_iter().filter(|key| values.has(key)) {
        if let Err(why) = check_topic(values.text(key)) {
            wrong.push(format!("{key}: {why}"));
        }
    }
    let topic = values.source("topic").unwrap_or_default();
    if !topic.contains("{{")
        && let Err(why) = check_topic(topic)
    {
        wrong.push(format!("topic: {why}"));
    }
    wrong
}

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let (values, told) = (message.values, message.notification);
    let qos = if values.number("qos") == 0 { Qos::AtMostOnce } else { Qos::AtLeastOnce };
    let publish = |topic: String, payload: String, retain| mqtt::MqttMessage {
        topic,
        payload: payload.into_bytes(),
        qos,
        retain,
    };
    let mut messages = Vec::new();
    if values.has("state_topic") {
        let id =
            format!("{:016x}", fnv128([told.receiver.as_ref(), told.group_key.as_str()]) >> 64);
        let topic = format!("{}/{id}", values.text("state_topic"));
        if values.has("discovery_prefix") {
            let (place, found) =
                group_discovery(values.text("discovery_prefix"), &id, &topic, told);
            messages.push(publish(place, found, true));
        }
        messages.push(publish(topic, state(told), true));
    }
    let payload = match values.text("payload") {
        "" => payload::text(message),
        text => text.to_owned(),
    };
    messages.push(publish(topic(values.text("topic")), payload, values.is("retain")));
    for message in &messages {
        message.check()?;
    }
    Ok(Outgoing::Mqtt(Box::new(Mqtt { broker: Broker::new(values)?, messages })))
}

/// The topic that a template gave, with `_` for what no topic may have. Topics with `$` in front are the broker's own.
fn topic(text: &str) -> String {
    let is_fine = |c: char| !matches!(c, '+' | '#') && !c.is_control();
    let topic: String = text.trim().chars().map(|c| if is_fine(c) { c } else { '_' }).collect();
    let topic = topic.strip_prefix('$').map_or_else(|| topic.clone(), |rest| format!("_{rest}"));
    cut(&topic, MQTT_TOPIC_BYTES_MAX).to_owned()
}

/// The retained message of a group.
fn state(told: &Notification) -> String {
    let firing = told.alerts.iter().filter(|it| !it.resolved).count();
    let data = told.data();
    json!({
        "status": status(told.resolved()),
        "firing": firing,
        "receiver": &*told.receiver,
        "reason": told.reason,
        "groupLabels": &told.group_labels,
        "commonLabels": &data.common_labels,
        "commonAnnotations": &data.common_annotations,
        "externalURL": &*told.external_url,
        "updatedAt": told.now,
    })
    .to_string()
}

/// Topic and payload by which Home Assistant makes a sensor of a group.
fn group_discovery(
    prefix: &str,
    id: &str,
    state_topic: &str,
    told: &Notification,
) -> (String, String) {
    let labels: Vec<&str> = told.group_labels.iter().map(|(_, value)| value).collect();
    let name = if labels.is_empty() { told.receiver.to_string() } else { labels.join(" ") };
    let payload = json!({
        "name": cut(&name, 128),
        "unique_id": format!("bellwether_{id}"),
        "device_class": "problem",
        "state_topic": state_topic,
        "value_template": "{{ value_json.status }}",
        "payload_on": "firing",
        "payload_off": "resolved",
        "json_attributes_topic": state_topic,
        "device": device(),
        "origin": origin(),
    });
    (format!("{prefix}/binary_sensor/bellwether_{id}/config"), payload.to_string())
}

/// The same for this agent itself.
fn agent_discovery(values: &Values) -> mqtt::MqttMessage {
    let payload = json!({
        "name": format!("Agent {NODE}"),
        "unique_id": format!("bellwether_agent_{NODE}"),
        "device_class": "connectivity",
        "state_topic": values.text("availability_topic"),
        "payload_on": "online",
        "payload_off": "offline",
        "device": device(),
        "origin": origin(),
    });
    mqtt::MqttMessage {
        topic: format!(
            "{}/binary_sensor/bellwether_agent_{NODE}/config",
            values.text("discovery_prefix")
        ),
        payload: payload.to_string().into_bytes(),
        qos: Qos::AtLeastOnce,
        retain: true,
    }
}

fn device() -> serde_json::Value {
    json!({ "identifiers": ["bellwether"], "name": "Bellwether" })
}

fn origin() -> serde_json::Value {
    json!({ "name": "Bellwether", "sw_version": env!("CARGO_PKG_VERSION") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{drafted, integration, notification};

    fn sent(config: &str, alerts: &[(&str, bool)]) -> Mqtt {
        let config = format!("mqtt_configs: [{{broker: 'mqtt://b', {config}}}]");
        match drafted("", &config, notification(alerts)).inline() {
            Ok(Outgoing::Mqtt(mqtt)) => *mqtt,
            other => panic!("no MQTT message: {other:?}"),
        }
    }

    fn value(message: &mqtt::MqttMessage) -> serde_json::Value {
        serde_json::from_slice(&message.payload).unwrap()
    }

    #[test]
    fn a_notification_is_a_message_and_a_retained_state() {
        let it = sent("", &[("a", false), ("b", true)]);
        let [state, message] = it.messages.as_slice() else { panic!("{:?}", it.messages) };
        assert!(state.retain && state.topic.starts_with("bellwether/groups/"), "{}", state.topic);
        assert_eq!(
            (&value(state)["status"], &value(state)["firing"]),
            (&json!("firing"), &json!(1))
        );
        assert_eq!((message.topic.as_str(), message.retain), ("bellwether/alerts", false));
        assert_eq!(value(message)["alerts"][0]["labels"]["instance"], "a");
        let ended = sent("", &[("a", true)]);
        assert_eq!(ended.messages[0].topic, state.topic, "one topic for each group");
        assert_eq!(value(&ended.messages[0])["status"], "resolved");
        assert_eq!(sent("state_topic: ''", &[("a", false)]).messages.len(), 1);
    }

    #[test]
    fn home_assistant_is_told_where_the_state_is() {
        let it = sent("discovery_prefix: homeassistant", &[("a", false)]);
        let found = value(&it.messages[0]);
        assert!(it.messages[0].topic.starts_with("homeassistant/binary_sensor/bellwether_"));
        assert_eq!(found["state_topic"], json!(it.messages[1].topic));
        assert_eq!((&found["name"], &found["payload_on"]), (&json!("B"), &json!("firing")));
        let broker = it.broker.named("gw 1");
        assert_eq!(
            broker.birth[1].topic,
            "homeassistant/binary_sensor/bellwether_agent_gw_1/config"
        );
        assert_eq!(value(&broker.birth[1])["state_topic"], "bellwether/agents/gw_1");
    }

    #[test]
    fn the_will_says_that_the_agent_is_gone() {
        let broker = sent("", &[("a", false)]).broker.named("gw/+#");
        assert_eq!(broker.client.id, "bellwether-gw___");
        let will = broker.client.will.as_ref().unwrap();
        assert_eq!((will.topic.as_str(), will.retain), ("bellwether/agents/gw___", true));
        assert_eq!((&*will.payload, &*broker.birth[0].payload), (&b"offline"[..], &b"online"[..]));
        assert!(broker.is_kept());
        assert!(!sent("availability_topic: ''", &[("a", false)]).broker.is_kept());
    }

    #[test]
    fn no_alert_puts_a_wildcard_into_a_topic() {
        for (text, expected) in
            [("site/a", "site/a"), ("site/+/#", "site/_/_"), ("site/a\0b\nc", "site/a_b_c")]
        {
            assert_eq!(topic(text), expected);
        }
        assert_eq!(topic("$SYS/x"), "_SYS/x");
        assert!(topic(&"x".repeat(70_000)).len() <= MQTT_TOPIC_BYTES_MAX);
    }

    #[test]
    fn wrong_settings_are_refused() {
        for wrong in [
            "broker: 'http://b'",
            "broker: 'mqtt://'",
            "broker: 'mqtt://b', qos: 2",
            "broker: 'mqtt://b', topic: 'a/#'",
            "broker: 'mqtt://b', state_topic: 'a/+'",
            "broker: 'mqtt://b', availability_topic: \"a\\n\"",
            "broker: 'mqtt://b', version: '4'",
        ] {
            assert!(integration("", &format!("mqtt_configs: [{{{wrong}}}]")).is_err(), "{wrong}");
        }
    }
}
