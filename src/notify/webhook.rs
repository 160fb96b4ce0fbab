//! `webhook_configs`: posts the whole notification as JSON.

use crate::config::{Key, Schema, Takes};
use crate::notify::json::{self, send};
use crate::notify::signing::Signing;
use crate::notify::{Message, Outgoing, SecretText, Type, Verdict, payload};

/// The header of a signature: `t=1700000000,v1=` and 64 hex digits.
const SIGNATURE: &str = "X-Bellwether-Signature";

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "webhook",
        section: "webhook_configs",
        address: "url",
        keys: &[
            Key::new("url", Takes::UrlTemplate("url_file")).required(),
            Key::new("max_alerts", Takes::Number).or("0"),
            Key::new("timeout", Takes::GoDuration).or("0s").newer(),
            Key::new("payload", Takes::Tree).newer(),
            Key::secret("hmac_secret", "hmac_secret_file").ours(),
        ],
        ..Schema::HTTP
    },
    request,
    each: Some(payload::EACH),
    judge: |_, reply| Verdict::of(reply, &[]),
};

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let begun = message.signing();
    let mut body = match values.get("payload") {
        Some(tree) => json::tree(tree).to_string(),
        None => payload::text(message),
    };
    body.push('\n');
    let mut headers = vec![("Content-Type".to_owned(), SecretText::from("application/json"))];
    if values.has("hmac_secret") {
        let signing =
            begun.unwrap_or_else(|| Signing::new(values.text("hmac_secret"), message.now));
        headers.push((SIGNATURE.to_owned(), SecretText::from(signing.finish(&body))));
    }
    send(message, "POST", values.text("url"), headers, SecretText::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::Reply;
    use crate::notify::testing::{drafted, notification, request as sent};
    use crate::time::Wall;

    fn signature(secret: &str, now: Wall, body: &str) -> String {
        Signing::new(secret, now).finish(body)
    }

    #[test]
    fn the_payload_is_posted_as_json() {
        let one =
            drafted("", "webhook_configs: [{url: 'http://x/y'}]", notification(&[("i", false)]));
        let sent = sent(&one);
        assert_eq!((sent.method, sent.url.inline().unwrap()), ("POST", "http://x/y".to_owned()));
        let body = sent.body.inline().unwrap();
        assert!(
            body.starts_with(r#"{"receiver":"crit\\.hook""#) && body.ends_with("}\n"),
            "{body}"
        );
    }

    #[test]
    fn a_payload_is_any_tree_of_templates() {
        let one = drafted(
            "",
            "webhook_configs: [{url: 'http://x', payload: {text: 'a \"b\"', n: 1, on: true, list: [x, 1.5, null, {y: ''}]}}]",
            notification(&[("i", false)]),
        );
        assert_eq!(
            sent(&one).body.inline().unwrap(),
            "{\"list\":[\"x\",1.5,null,{\"y\":\"\"}],\"n\":1,\"on\":true,\"text\":\"a \\\"b\\\"\"}\n"
        );
    }

    #[test]
    fn names_in_a_payload_are_templates_too_but_never_what_an_alert_says() {
        let payload = "{'{{ .Status }}': 1, list: [{'{{ len .Alerts }} alerts': '{{ .CommonLabels.instance }}'}], '{{ .Nope }}': 2}";
        let own = format!("webhook_configs: [{{url: 'http://x', payload: {payload}}}]");
        let draft = drafted("", &own, notification(&[(r#"{"{{ .Status }}": "x"}"#, false)]));
        let body: serde_json::Value =
            serde_json::from_str(&sent(&draft).body.inline().unwrap()).unwrap();
        let expected = serde_json::json!({
            "firing": 1, "list": [{ "1 alerts": { "{{ .Status }}": "x" } }], "{{ .Nope }}": 2,
        });
        assert_eq!(body, expected);
        assert!(draft.faults()[0].contains("a key of payload"), "{:?}", draft.faults());
    }

    #[test]
    fn a_text_of_a_payload_that_is_json_is_what_it_says() {
        let body = |payload: &str| {
            let text =
                format!("webhook_configs: [{{url: 'http://x', payload: {{it: {payload}}}}}]");
            let body = sent(&drafted("", &text, notification(&[("5", false)]))).body;
            let body: serde_json::Value = serde_json::from_str(&body.inline().unwrap()).unwrap();
            body["it"].to_string()
        };
        assert_eq!(body("'{{ len .Alerts }}'"), "1");
        assert_eq!(body("'{{ .CommonLabels | toJson }}'"), r#"{"alertname":"B","instance":"5"}"#);
        assert_eq!(body(r#"'[1.5, {"a": null}, true, "x"]'"#), r#"[1.5,{"a":null},true,"x"]"#);
        for (text, shown) in [
            ("'Door: open'", r#""Door: open""#),
            ("yes it is", r#""yes it is""#),
            ("'\"x\"'", r#""\"x\"""#),
            ("'12345678901234567890'", r#""12345678901234567890""#),
            ("''", r#""""#),
            ("'{{ `{{ .Status }}` }}'", r#""{{ .Status }}""#),
        ] {
            assert_eq!(body(text), shown, "{text}");
        }
    }

    #[test]
    fn a_signature_is_of_the_time_and_the_body() {
        // echo -n '1700000000.{}' | openssl dgst -sha256 -hmac key
        assert_eq!(
            signature("key", Wall::from_secs(1_700_000_000), "{}"),
            "t=1700000000,v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
        );
        let one =
            drafted("", "webhook_configs: [{url: 'http://x', hmac_secret: k}]", notification(&[]));
        let sent = sent(&one);
        let (name, value) = sent.headers.last().unwrap();
        assert_eq!(name, SIGNATURE);
        let body = sent.body.inline().unwrap();
        let expected = signature("k", one.notification().now, &body);
        assert_eq!(value.inline().unwrap(), expected);
    }

    #[test]
    fn server_errors_and_silence_are_tried_again_and_the_rest_is_final() {
        let http = |status| Verdict::of(&Reply::status(status), &[]);
        assert_eq!(http(200), Verdict::Sent);
        assert_eq!(http(204), Verdict::Sent);
        assert!(matches!(http(500), Verdict::Retry(..)) && matches!(http(503), Verdict::Retry(..)));
        for status in [301, 400, 404, 429] {
            assert!(matches!(http(status), Verdict::Refused(_)), "{status}");
        }
        assert!(matches!(Verdict::of(&Reply::failed("refused"), &[]), Verdict::Retry(..)));
    }
}
