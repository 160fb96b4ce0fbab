//! `http_config` whole.

use super::*;
use crate::config::{Http, TlsVersion};
use crate::model::Url;

const PIN: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A webhook's `http_config` as it is read, and how the whole is shown.
fn http(http_config: &str, environment: &Environment) -> (Http, String) {
    let text = format!(
        "route: {{receiver: d}}\nreceivers:\n- name: d\n  webhook_configs:\n  - {{url: 'https://x', http_config: {http_config}}}\n"
    );
    let (file, flags) = (Path::new("/etc/x.yml"), &Flags::default());
    let options = LoadOptions {
        file,
        language: Language::Yaml,
        flags,
        environment,
        schemas: crate::notify::SCHEMAS,
    };
    let loaded =
        Config::load(text.as_bytes(), &options).unwrap_or_else(|errors| panic!("{errors}"));
    let http = (*webhook(&loaded, 0, 0).http).clone();
    (http, loaded.config.original)
}

#[test]
fn tls_and_oauth2_are_read_and_shown_without_secrets() {
    let text = format!(
        "{{tls_config: {{ca_file: ca.pem, cert_file: c.pem, key: \"-----BEGIN geheim\", server_name: s, min_version: TLS13, \
         pin_sha256: ['{PIN}', 'sha256//{PIN}']}}, \
         oauth2: {{client_id: me, client_secret: geheim, grant_type: client_credentials, scopes: [a, b], token_url: 'https://t/token', \
         endpoint_params: {{audience: x}}, tls_config: {{insecure_skip_verify: true}}, proxy_url: 'http://u:geheim@p:3128'}}}}"
    );
    let (http, shown) = http(&text, &Environment::default());
    assert_eq!(http.tls.ca, Some(Secret::File("/etc/ca.pem".into())));
    assert_eq!(http.tls.min_version, Some(TlsVersion::V13));
    let expected: Vec<u8> = (0..32).collect();
    assert_eq!(http.tls.pins, vec![<[u8; 32]>::try_from(expected).unwrap(); 2]);
    let Authorization::OAuth2(oauth2) = http.authorization else { panic!("oauth2") };
    assert_eq!(oauth2.token_url, Url::parse("https://t/token").unwrap());
    assert_eq!(oauth2.endpoint_params, [("audience".to_owned(), "x".to_owned())]);
    assert!(oauth2.tls.insecure_skip_verify && oauth2.proxy.https.is_some());
    let expected = "\
    oauth2:
        client_id: me
        client_secret: <secret>
        scopes:
        - a
        - b
        token_url: https://t/token
        endpoint_params:
          audience: x
        tls_config:
          insecure_skip_verify: true
        proxy_url: http://u:xxxxx@p:3128
      tls_config:
        ca_file: /etc/ca.pem
        cert_file: /etc/c.pem
        key: <secret>
        server_name: s
        insecure_skip_verify: false
        min_version: TLS13
";
    assert!(shown.contains(expected), "{shown}");
    assert!(!shown.contains("geheim"), "{shown}");
}

/// A block of YAML ends with a line break.
#[test]
fn only_what_goes_into_a_header_may_have_no_line_break() {
    let config = |receiver: &str| format!("{MINIMAL}  {receiver}\n");
    for right in [
        "webhook_configs: [{url: 'http://x', http_config: {basic_auth: {username: u, password: \"a\\nb\"}}}]",
        "webhook_configs: [{url: 'http://x', hmac_secret: \"a\\nb\"}]",
        "webhook_configs: [{url: 'http://x', http_config: {oauth2: {client_id: a, client_secret: \"a\\n\", token_url: 'http://t'}}}]",
        "email_configs: [{to: a@b, from: a@b, smarthost: 'm:25', auth_password: \"multiline\\nmysecret\"}]",
        "email_configs: [{to: a@b, from: a@b, smarthost: 'm:25', tls_config: {ca: \"-----BEGIN x\\n\"}}]",
        "pagerduty_configs: [{routing_key: \"a\\n\"}]",
        "webhook_configs: [{url: 'http://x', http_config: {proxy_url: 'http://p', proxy_connect_header: {Proxy-Authorization: [Bearer x]}}}]",
    ] {
        yaml(&config(right));
    }
    for wrong in [
        "webhook_configs: [{url: 'http://x', http_config: {authorization: {credentials: \"a\\nb\"}}}]",
        "webhook_configs: [{url: 'http://x', http_config: {bearer_token: \"a\\nb\"}}]",
        "webhook_configs: [{url: 'http://x', http_config: {proxy_url: 'http://p', proxy_connect_header: {X: [\"a\\nb\"]}}}]",
        "webhook_configs: [{url: 'http://x', http_config: {http_headers: {X: {secrets: [\"a\\nb\"]}}}}]",
        "opsgenie_configs: [{api_key: \"a\\nb\"}]",
        "ntfy_configs: [{topic: t, token: \"a\\nb\"}]",
        "gotify_configs: [{url: 'http://x', token: \"a\\nb\"}]",
        "slack_configs: [{app_token: \"a\\nb\"}]",
        "rocketchat_configs: [{token_id: a, token: \"a\\nb\"}]",
        "incidentio_configs: [{url: 'http://x', alert_source_token: \"a\\nb\"}]",
    ] {
        let told = errors(Language::Yaml, &config(wrong));
        assert!(
            told.contains("has control characters, which no header can carry"),
            "{wrong}: {told}"
        );
    }
}

#[test]
fn proxies_are_of_the_config_or_of_the_environment() {
    let environment = Environment {
        http_proxy: "p:1".to_owned(),
        https_proxy: "socks5://q".to_owned(),
        no_proxy: "inside.example".to_owned(),
        ..Environment::default()
    };
    let url = |text| Url::parse(text).unwrap();
    let via = |http: &Http, to| http.proxy.of(&url(to)).map(ToString::to_string);
    let (given, shown) = http("{proxy_url: 'http://p', no_proxy: 'a.example'}", &environment);
    assert_eq!(via(&given, "http://x/").as_deref(), Some("http://p"));
    assert_eq!(via(&given, "https://a.example/"), None);
    assert!(shown.contains("      proxy_url: http://p\n      no_proxy: a.example\n"), "{shown}");
    let (given, shown) = http("{proxy_from_environment: true}", &environment);
    assert_eq!(via(&given, "http://x/").as_deref(), Some("http://p:1"));
    assert_eq!(via(&given, "https://x/").as_deref(), Some("socks5://q"));
    assert_eq!(via(&given, "https://inside.example/"), None);
    assert!(shown.contains("      proxy_from_environment: true\n"), "{shown}");
    assert_eq!(via(&http("{}", &environment).0, "http://x/"), None);
}

#[test]
fn a_file_named_as_a_credential_is_that_credential() {
    let environment = Environment {
        credentials_directory: Some("/run/credentials/x".into()),
        credentials: vec!["token".to_owned()],
        ..Environment::default()
    };
    let file = |name: &str| {
        let text = format!("{{authorization: {{credentials_file: {name}}}}}");
        match http(&text, &environment).0.authorization {
            Authorization::Scheme(_, Secret::File(path)) => path,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(file("token"), Path::new("/run/credentials/x/token"));
    assert_eq!(file("other"), Path::new("/etc/other"));
    assert_eq!(file("/abs/token"), Path::new("/abs/token"));
}

#[test]
fn headers_are_shown_by_name_and_neither_their_values_nor_pins_are() {
    let text = format!(
        "{{http_headers: {{X-Key: {{values: [geheim1], secrets: [geheim2], files: [key.txt]}}}}, \
         proxy_url: 'http://p:3128', proxy_connect_header: {{X-Pass: [geheim3]}}, tls_config: {{pin_sha256: '{PIN}'}}}}"
    );
    let (http, shown) = http(&text, &Environment::default());
    assert_eq!((http.headers.len(), http.tls.pins.len()), (3, 1));
    assert!(shown.contains("X-Key:") && shown.contains("X-Pass:"), "{shown}");
    for hidden in ["geheim", PIN] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}
