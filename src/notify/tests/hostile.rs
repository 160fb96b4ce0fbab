//! No text of an alert gets out of its place.

use super::*;

/// The keys that each type needs besides its required ones to be a right config.
fn needs(name: &str) -> &'static str {
    match name {
        "incidentio" => "alert_source_token: t",
        "pagerduty" => "routing_key: t",
        "slack" => "api_url: 'http://h.example/p'",
        "sns" => {
            "api_url: 'http://h.example/p', sigv4: {region: r, access_key: a, secret_key: s}, topic_arn: t"
        }
        "telegram" => "chat_id: 1, parse_mode: Markdown",
        "webex" => "http_config: {authorization: {credentials: t}}",
        _ => "",
    }
}

const EVIL: &str = "x\\r\\nX-Evil: 1\\\"}],\\u2028<&>{%0d%0a@evil.example/?#";

fn yaml(key: &Key) -> Option<String> {
    let name = key.name;
    Some(match key.takes {
        Takes::Url | Takes::SecretUrl(_) | Takes::UrlTemplate(_) => {
            format!("{name}: 'http://h.example/p'")
        }
        Takes::Template | Takes::Html => format!("{name}: \"{EVIL}\""),
        Takes::Templates | Takes::Texts => format!("{name}: [\"{EVIL}\"]"),
        Takes::Map => format!("{name}: {{k: \"{EVIL}\"}}"),
        Takes::Tree => format!("{name}: {{k: [\"{EVIL}\"]}}"),
        Takes::Secret(_) | Takes::SecretTemplate(_) if key.required => format!("{name}: t"),
        _ => return None,
    })
}

fn evil(schema: &Schema) -> String {
    let needed = needs(schema.name);
    let is_given =
        |key: &&Key| !needed.split(", ").any(|it| it.starts_with(&format!("{}:", key.name)));
    let is_fine = |key: &&Key| {
        !["phone_number", "target_arn", "topic_arn", "api_url_file"].contains(&key.name)
    };
    let keys = schema.keys.iter().filter(is_given).filter(is_fine).filter_map(yaml);
    let keys: Vec<String> = keys.chain([needed.to_owned()]).filter(|it| !it.is_empty()).collect();
    format!("{}: [{{{}}}]", schema.section, keys.join(", "))
}

#[test]
fn no_text_gets_into_a_header_another_host_or_out_of_its_json() {
    let mut sent = 0;
    for kind in TYPES.iter().filter(|it| it.schema.http && it.schema.name != "alertmanager") {
        let text = evil(&kind.schema);
        let draft = of(&text, firing());
        let mut steps = vec![RequestStep::default()];
        if kind.schema.name == "jira" {
            let state = vec!["P-1/../x".to_owned(), "done".to_owned()];
            steps.extend(
                ["create", "update", "transitions", "transition"]
                    .map(|name| RequestStep { name, state: state.clone() }),
            );
        }
        if kind.schema.name == "wechat" {
            steps.push(RequestStep { name: "send", state: vec!["t&x".to_owned()] });
        }
        for step in steps {
            // A value that a receiver type refuses does no harm.
            let Ok(Outgoing::Http(request)) = draft.at(step).inline() else { continue };
            sent += 1;
            for (name, value) in &request.headers {
                let value = value.inline().unwrap();
                assert!(
                    !value.contains(char::is_control) && !value.contains("Evil"),
                    "{name}: {value}"
                );
            }
            let url = url(&request);
            let parsed = Url::parse(&url).unwrap_or_else(|error| panic!("{text}: {error}: {url}"));
            let hosts = ["h.example", "api.pushover.net", "sns.r.amazonaws.com"];
            assert!(hosts.contains(&parsed.host()), "{url}");
            assert!(!parsed.path().contains("/../"), "{url}");
            let body = request.body.inline().unwrap();
            let is_json = request.headers.iter().any(|(name, _)| name == "Content-Type");
            let is_json = is_json && header(&request, "Content-Type") == "application/json";
            if !body.is_empty() && is_json {
                let json: Json = serde_json::from_str(&body).unwrap();
                assert_eq!(json.get("X-Evil"), None);
            }
        }
    }
    assert!(sent >= 20, "{sent}");
}
