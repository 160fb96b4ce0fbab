//! Tests of receivers show all that is sent but its secrets.

use super::*;

/// Further keys that each type needs, secrets with `HIDDEN` in them.
pub(crate) fn needed(schema: &Schema) -> &'static str {
    match schema.name {
        "email" => {
            "to: a@b.example, from: c@d.example, smarthost: 'm.example:587', auth_username: u, auth_password: HIDDEN"
        }
        "exec" => "command: [/bin/true]",
        "file" => "path: /tmp/alerts",
        "incidentio" => "alert_source_token: HIDDEN, url: 'http://h.example/HIDDEN'",
        "mqtt" => {
            "broker: 'mqtt://h.example', topic: t, state_topic: s, retain: true, password: HIDDEN"
        }
        "pagerduty" => "routing_key: HIDDEN",
        "slack" => "api_url: 'http://h.example/HIDDEN'",
        "sns" => {
            "sigv4: {region: r, access_key: a, secret_key: HIDDEN}, topic_arn: 'arn:aws:sns:r:1:t'"
        }
        "syslog" => "address: 'udp://h.example'",
        "telegram" => "chat_id: 1, bot_token: HIDDEN",
        "webex" => "room_id: r, http_config: {authorization: {credentials: HIDDEN}}",
        _ => "",
    }
}

/// A right config of a type, in which each secret has `HIDDEN` in it.
fn secretive(schema: &Schema) -> String {
    let needed = needed(schema);
    let is_given = |key: &&Key| needed.contains(&format!("{}:", key.name));
    let keys = schema.keys.iter().filter(|key| !is_given(key));
    let keys = keys.filter_map(|key| {
        let name = key.name;
        Some(match key.takes {
            Takes::SecretUrl(_) | Takes::UrlTemplate(_) if needed.is_empty() => {
                format!("{name}: 'http://h.example/HIDDEN'")
            }
            Takes::Url if key.required => format!("{name}: 'http://h.example/p'"),
            Takes::Secret(_) | Takes::SecretTemplate(_) if needed.is_empty() => {
                format!("{name}: HIDDEN{name}")
            }
            Takes::Template | Takes::Text if key.required => format!("{name}: t"),
            _ => return None,
        })
    });
    let keys: Vec<String> = keys.chain([needed.to_owned()]).filter(|it| !it.is_empty()).collect();
    format!("{}: [{{{}}}]", schema.section, keys.join(", "))
}

#[test]
fn the_request_of_each_type_is_shown_without_its_secrets() {
    for kind in TYPES {
        let config = secretive(&kind.schema);
        let draft = of(&config, firing()).for_test();
        let shown = draft.shown().unwrap_or_else(|why| panic!("{config}: {why}"));
        assert!(!shown.contains("HIDDEN"), "{config}: {shown}");
        let hidden: Vec<_> =
            draft.all_secrets().iter().filter_map(Secret::inline).map(str::to_owned).collect();
        assert_eq!(hidden.is_empty(), !config.contains("HIDDEN"), "{config}");
        if kind.schema.http {
            let host = shown.lines().next().unwrap();
            assert!(host.contains("://"), "{config}: {shown}");
        }
        // These two ask something else first.
        if !matches!(kind.schema.name, "jira" | "wechat") {
            assert!(shown.contains('B'), "the alert is not in it: {shown}");
        }
    }
}

#[test]
fn a_url_shows_its_host_alone_and_http_config_its_names() {
    let text = "webhook_configs: [{url: 'https://u:p@h.example:8443/HIDDEN?k=HIDDEN', \
        http_config: {http_headers: {X-Key: {secrets: [HIDDEN]}}}}]";
    let shown = of(text, firing()).shown().unwrap();
    assert!(shown.starts_with("POST https://h.example:8443/<secret>\n"), "{shown}");
    assert!(shown.contains("\nX-Key: <secret>\n"), "{shown}");
    let text = "alertmanager_configs: [{url: 'http://user:HIDDEN@n.example'}]";
    let shown = of(text, firing()).shown().unwrap();
    assert!(shown.starts_with("POST http://<secret>@n.example/"), "{shown}");
}

#[test]
fn secrets_of_proxies_and_of_tokens_are_known() {
    let text = "webhook_configs: [{url: 'http://h', http_config: {proxy_url: 'http://u:geheim1@p', \
        oauth2: {client_id: c, client_secret: geheim2, token_url: 'http://t', \
        endpoint_params: {user_pwd: geheim3, scope: all}, proxy_url: 'http://u:geheim4@p'}}}]";
    let known = of(text, firing()).all_secrets();
    let known: Vec<_> = known.iter().filter_map(Secret::inline).collect();
    for secret in ["geheim1", "geheim2", "geheim3", "geheim4"] {
        assert!(known.contains(&secret), "{secret}: {known:?}");
    }
    assert!(!known.contains(&"all"), "{known:?}");
}

#[test]
fn a_secret_that_the_other_side_repeats_is_hidden() {
    let secrets = ["https://h/path-1".to_owned(), "token".to_owned(), "ab".to_owned()];
    let reply = answer(400, "no token for /path-1, absent").without(&secrets);
    assert_eq!(reply.shown().unwrap(), "status 400\n\nno <secret> for /<secret>, absent");
    let reply = Reply::failed("token").without(&secrets);
    assert_eq!(reply, Reply::failed("<secret>"));
    // As JSON quotes it, in base64, and of a URL the password.
    for (secret, told) in [
        ("ge\"heim", r#"{"got": "ge\"heim"}"#),
        ("geheim-7", "535 AUTH Z2VoZWltLTc= refused"),
        ("http://ann:geheim@h/x", "no user ann with geheim"),
    ] {
        let shown = answer(400, told).without(&[secret.to_owned()]).shown().unwrap();
        assert!(shown.contains("<secret>") && !shown.contains("heim"), "{shown}");
        assert!(!shown.contains("Z2Vo"), "{shown}");
    }
    let exit = Reply::Exit { code: Some(1), output: "token".to_owned() }.without(&secrets);
    assert_eq!(exit.shown().unwrap(), "exit status 1\n\n<secret>");
}

#[test]
fn a_test_leaves_nothing_with_a_broker() {
    let text = "mqtt_configs: [{broker: 'mqtt://h', topic: t, state_topic: s, discovery_prefix: homeassistant, retain: true}]";
    let sent = |draft: Draft| match draft.inline() {
        Ok(Outgoing::Mqtt(mqtt)) => mqtt.messages,
        other => panic!("{other:?}"),
    };
    assert_eq!(sent(of(text, firing())).len(), 3);
    let messages = sent(of(text, firing()).for_test());
    assert_eq!(
        messages.iter().map(|it| (&*it.topic, it.retain)).collect::<Vec<_>>(),
        [("t", false)]
    );
}
