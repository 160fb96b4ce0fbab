//! The words of a notification about those that a rate limit has held back.

use super::*;

fn digest() -> Notification {
    let held_back = HeldBack {
        groups: 2,
        notifications: 3,
        since: Wall::from_secs(1_700_000_000),
        ..HeldBack::default()
    };
    Notification { held_back: Some(held_back), ..firing() }
}

const NOTE: &str = "Held back since 2023-11-14T22:13:20Z: 3 notifications of 2 groups.";

#[test]
fn a_text_begins_with_how_much_was_held_back() {
    for (own, pointer) in [
        ("discord_configs: [{webhook_url: 'http://d', message: m}]", "/embeds/0/description"),
        ("slack_configs: [{api_url: 'http://s', text: m}]", "/attachments/0/text"),
        ("ntfy_configs: [{topic: t, message: m}]", "/message"),
    ] {
        let sent = body(&request(&of(own, digest())));
        assert_eq!(sent.pointer(pointer), Some(&json!(format!("{NOTE}\nm"))), "{sent}");
    }
}

#[test]
fn a_payload_has_it_as_numbers_and_a_text_that_is_empty_stays_so() {
    let hook = body(&request(&of("webhook_configs: [{url: 'http://x'}]", digest())));
    let held_back = json!({ "groups": 2, "notifications": 3, "since": "2023-11-14T22:13:20Z" });
    assert_eq!(hook["heldBack"], held_back);
    let Ok(Outgoing::Mqtt(mqtt)) = of("mqtt_configs: [{broker: 'mqtt://b'}]", digest()).inline()
    else {
        panic!();
    };
    let told = mqtt.messages.last().unwrap();
    let payload: Json = serde_json::from_slice(&told.payload).unwrap();
    assert_eq!(payload["heldBack"], held_back);
    let none = body(&request(&of("webhook_configs: [{url: 'http://x'}]", firing())));
    assert_eq!(none.get("heldBack"), None);
}
