//! A wrong template silences no alert: what goes out names the fault and the alert.

use super::shown::needed;
use super::*;
use crate::limits::{TEMPLATE_FAULT_BYTES_MAX, TEMPLATE_FAULTS_MAX};
use crate::template::Templates;

/// A right config of a type, in which the template of one key fails.
fn broken(schema: &Schema, wrong: &Key) -> String {
    let set = format!("{}: '{{{{ .Nope }}}}'", wrong.name);
    let given = needed(schema).split(", ").filter(|it| !it.is_empty());
    let given = given.filter(|it| !it.starts_with(&format!("{}:", wrong.name)));
    let address = format!("{}: 'http://h.example/x'", schema.address);
    let has_address = needed(schema).is_empty() && ![wrong.name, ""].contains(&schema.address);
    let address = Some(address.as_str()).filter(|_| has_address);
    let keys: Vec<&str> = given.chain(address).chain([set.as_str()]).collect();
    format!("{}: [{{{}}}]", schema.section, keys.join(", "))
}

#[test]
fn a_failing_template_is_named_and_the_alert_goes_out() {
    let mut tried = BTreeSet::new();
    for kind in TYPES {
        let schema = &kind.schema;
        let keys =
            schema.keys.iter().filter(|it| matches!(it.takes, Takes::Template | Takes::Html));
        for key in keys {
            let config = broken(schema, key);
            let Ok(integration) = integration("", &config) else { continue };
            let draft = draft(&integration, firing(), &Templates::builtin());
            let path = format!("{}[0].{}", schema.section, key.name);
            let fault = draft.faults().first().unwrap_or_else(|| panic!("{config}: no fault"));
            assert!(fault.contains(&path) && fault.contains("Nope"), "{fault}");
            // A key that the service needs and that has no default refuses by itself, in words of its own.
            let Ok(shown) = draft.shown() else { continue };
            tried.insert(schema.name);
            let is_asked_first = matches!(schema.name, "jira" | "wechat");
            if !schema.body.is_empty() && !is_asked_first {
                let is_named = shown.contains("is wrong") || shown.contains("is%20wrong");
                assert!(is_named, "{config}: {shown}");
                assert!(shown.contains('B'), "{config}: {shown}");
            }
        }
    }
    for name in ["email", "mqtt", "slack", "pagerduty", "telegram", "webhook", "discord", "syslog"]
    {
        let has_templates = TYPES.iter().any(|it| {
            it.schema.name == name
                && it.schema.keys.iter().any(|key| matches!(key.takes, Takes::Template))
        });
        assert!(tried.contains(name) || !has_templates, "{name} was not tried: {tried:?}");
    }
}

#[test]
fn a_failing_template_of_a_url_fails_the_attempt_in_words_that_name_it() {
    let draft = of("webhook_configs: [{url: 'http://h.example/{{ .Nope }}'}]", firing());
    let why = draft.inline().unwrap_err();
    assert!(why.contains("webhook_configs[0].url is wrong") && why.contains("Nope"), "{why}");
    assert_eq!(draft.faults().len(), 1);
    assert!(!why.contains("h.example"), "the URL is a secret: {why}");
}

#[test]
fn a_secret_that_is_no_template_is_not_shown() {
    for text in ["a{{ hunter2", "a{{ hunter2 }}", "{{ .hunter2 }}", "{{ template \"hunter2\" }}"] {
        let inline = of(&format!("pagerduty_configs: [{{routing_key: '{text}'}}]"), firing());
        let mut told = inline.faults().join(" ");
        told.extend(inline.inline().err());
        let of_file = of("pagerduty_configs: [{routing_key_file: /k}]", firing());
        let read = of_file.outgoing(firing().now, &mut |_| text.to_owned());
        told.extend(read.err());
        assert!(told.contains("it is a secret") && !told.contains("hunter2"), "{text}: {told}");
    }
}

#[test]
fn labels_of_the_route_are_rendered_once_and_a_wrong_one_is_named() {
    let labels = |wrong: &str| {
        let labels = [("desc", "{{ .CommonAnnotations.summary }}"), ("odd", wrong)];
        Notification { route_labels: labels.into_iter().collect(), ..firing() }
    };
    let config =
        "webhook_configs: [{url: 'http://h.example', payload: {a: '{{ routeLabels \"desc\" }}'}}]";
    let told = |notification| {
        draft(&integration("", config).unwrap(), notification, &Templates::builtin())
    };
    let draft = told(labels("x"));
    assert!(draft.faults().is_empty());
    assert_eq!(draft.notification().route_labels.get("desc"), Some("s"));
    assert!(draft.shown().unwrap().contains(r#""a":"s""#), "{:?}", draft.shown());
    let draft = told(labels("{{ .Nope }}"));
    assert_eq!(draft.notification().route_labels.get("odd"), None);
    let faults = draft.faults();
    assert!(
        faults[0].contains("the route's label odd is wrong") && faults[0].contains("Nope"),
        "{faults:?}"
    );
}

#[test]
fn so_many_faults_are_named_each_in_so_many_bytes() {
    let long = "e".repeat(2 * TEMPLATE_FAULT_BYTES_MAX);
    let keys = [
        "title",
        "title_link",
        "pretext",
        "text",
        "footer",
        "fallback",
        "color",
        "channel",
        "username",
        "icon_url",
    ];
    let wrong = keys.map(|key| format!("{key}: '{{{{ .Nop{long} }}}}'")).join(", ");
    let draft = of(&format!("slack_configs: [{{api_url: 'http://s/', {wrong}}}]"), firing());
    assert_eq!(draft.faults().len(), TEMPLATE_FAULTS_MAX);
    for fault in draft.faults() {
        assert!(fault.len() <= TEMPLATE_FAULT_BYTES_MAX && fault.contains("Nope"), "{fault}");
    }
    assert!(draft.shown().unwrap().contains("is wrong"), "and the message goes out");
}
