//! Limits of `limits.rs` that no test of their room reaches: each is filled, and its policy holds.
#![expect(clippy::unwrap_used, reason = "a test that does not hold may panic")]

use bellwether::config::{Config, Environment, Flags, Language, LoadOptions};
use bellwether::core::route::Routes;
use bellwether::limits::{
    BCRYPT_COST_MAX, CONFIG_DEPTH_MAX, DECLARED_SILENCES_MAX, EXPECT_MAX, GROUP_INTERVAL_MIN,
    HEARTBEATS_MAX, HTTP_CHUNK_LINE_BYTES_MAX, INHIBIT_RULES_MAX, MAIL_ADDRESS_BYTES_MAX,
    MEMBER_NAME_BYTES_MAX, MQTT_PAYLOAD_BYTES_MAX, MQTT_REPLY_BYTES_MAX, NAME_BYTES_MAX,
    NOTIFICATION_FILES_MAX, RATE_LIMIT_NOTIFICATIONS_MAX, RATE_LIMIT_TIME_MAX, RATE_LIMIT_TIME_MIN,
    TEMPLATE_BYTES_MAX, TEMPLATE_OUTPUT_BYTES_MAX, TEMPLATE_STEPS_MAX, TOKEN_BYTES_MIN,
    WEB_NAMES_MAX,
};
use bellwether::model::Labels;
use bellwether::model::mail::MailAddress;
use bellwether::notify::SCHEMAS;
use bellwether::shell::http::lenient::Lenient;
use bellwether::template::{Data, Templates};
use bellwether::time::Wall;
use bellwether::wire::mqtt::{MqttMessage, MqttVersion, Packet, PacketError, Qos};

const QUIET: &str = "route: {receiver: r}\nreceivers: [{name: r}]\n";

fn load(text: &str) -> Result<Config, String> {
    let options = LoadOptions {
        file: "x.yml".as_ref(),
        language: Language::Yaml,
        flags: &Flags::default(),
        environment: &Environment::default(),
        schemas: SCHEMAS,
    };
    Config::load(text.as_bytes(), &options)
        .map(|loaded| loaded.config)
        .map_err(|errors| errors.to_string())
}

/// The config that `of` makes of a number is taken up to `most`, and beyond it refused in these words.
fn up_to(most: usize, of: impl Fn(usize) -> String, refusal: &str) {
    load(&of(most)).unwrap();
    let told = load(&of(most + 1)).unwrap_err();
    assert!(told.contains(refusal), "{told}");
}

#[test]
fn a_config_nests_so_deep_and_no_deeper() {
    let nested = |depth: usize| {
        let lists = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        load(&format!("{QUIET}x: {lists}\n")).unwrap_err()
    };
    // The key is wrong either way, and only the second is not looked into.
    assert!(!nested(CONFIG_DEPTH_MAX - 2).contains("deep"), "{}", nested(CONFIG_DEPTH_MAX - 2));
    assert!(nested(CONFIG_DEPTH_MAX + 1).contains("deep"), "{}", nested(CONFIG_DEPTH_MAX + 1));
}

#[test]
fn users_and_tokens_are_so_many_and_no_more() {
    let tokens = |count: usize| {
        let tokens = (0..count).map(|n| format!("{{name: t{n}, token: 0123456789abcdef{n}}}"));
        format!("{QUIET}web: {{tokens: [{}]}}\n", tokens.collect::<Vec<_>>().join(", "))
    };
    up_to(WEB_NAMES_MAX, tokens, "users and tokens");
}

#[test]
fn short_tokens_and_expensive_hashes_are_refused() {
    let token = |length: usize| {
        format!("{QUIET}web: {{tokens: [{{name: t, token: {}}}]}}\n", "x".repeat(length))
    };
    load(&token(TOKEN_BYTES_MIN)).unwrap();
    assert!(load(&token(TOKEN_BYTES_MIN - 1)).unwrap_err().contains("fewer than"));
    let hash = |cost: usize| {
        let hash = format!("$2y${cost:02}$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2");
        format!("{QUIET}web: {{users: [{{name: ann, password_hash: '{hash}'}}]}}\n")
    };
    let most = usize::try_from(BCRYPT_COST_MAX).unwrap();
    up_to(most, hash, "cost");
}

#[test]
fn rules_of_inhibition_are_so_many_and_no_more() {
    let rules = |count: usize| {
        let rule = "{source_matchers: [a=b], target_matchers: [c=d]}";
        format!("{QUIET}inhibit_rules: [{}]\n", vec![rule; count].join(", "))
    };
    up_to(INHIBIT_RULES_MAX, rules, "rules, at most");
}

#[test]
fn expectations_and_heartbeats_are_so_many_of_names_so_long_and_no_more() {
    let expected = |count: usize| {
        let all: Vec<_> = (0..count).map(|n| format!("{{name: n{n}, period: 1h}}")).collect();
        format!("{QUIET}expect: [{}]\n", all.join(", "))
    };
    up_to(EXPECT_MAX, expected, "are expected, at most");
    let beating = |count: usize| {
        let all: Vec<_> = (0..count).map(|n| format!("{{name: n{n}, url: 'http://x/'}}")).collect();
        format!("{QUIET}heartbeat: [{}]\n", all.join(", "))
    };
    up_to(HEARTBEATS_MAX, beating, "heartbeats, at most");
    let named =
        |length: usize| format!("{QUIET}expect: [{{name: {}, period: 1h}}]\n", "x".repeat(length));
    up_to(NAME_BYTES_MAX, named, "invalid name");
}

#[test]
fn silences_are_declared_so_many_and_no_more() {
    let declared = |count: usize| {
        let all: Vec<_> = (0..count).map(|n| format!("{{name: n{n}, matchers: [a=b]}}")).collect();
        format!("{QUIET}silence: [{}]\n", all.join(", "))
    };
    up_to(DECLARED_SILENCES_MAX, declared, "silences are declared, at most");
}

#[test]
fn a_rate_limit_bounds_notifications_and_window() {
    let limited = |count: usize, seconds: u64| {
        let limit = format!("{{notifications: {count}, per: {seconds}s}}");
        format!("route: {{receiver: r}}\nreceivers: [{{name: r, rate_limit: {limit}}}]\n")
    };
    up_to(RATE_LIMIT_NOTIFICATIONS_MAX, |count| limited(count, 60), "expected 1 to");
    let (least, most) = (RATE_LIMIT_TIME_MIN.as_secs(), RATE_LIMIT_TIME_MAX.as_secs());
    load(&limited(1, least)).unwrap();
    load(&limited(1, most)).unwrap();
    assert!(load(&limited(1, least - 1)).unwrap_err().contains("expected"));
    assert!(load(&limited(1, most + 1)).unwrap_err().contains("expected"));
}

#[test]
fn older_files_are_so_many_and_no_more() {
    let files = |count: usize| {
        format!(
            "route: {{receiver: r}}\nreceivers: [{{name: r, file_configs: [{{path: /x, max_files: {count}}}]}}]\n"
        )
    };
    up_to(usize::try_from(NOTIFICATION_FILES_MAX).unwrap(), files, "max_files");
}

#[test]
fn a_members_name_is_so_long_and_no_longer() {
    let named = |length: usize| format!("{QUIET}cluster: {{name: {}}}\n", "x".repeat(length));
    up_to(MEMBER_NAME_BYTES_MAX, named, "cluster.name");
}

#[test]
fn a_shorter_group_interval_is_taken_for_the_floor() {
    let config =
        load("route: {receiver: r, group_interval: 1ms}\nreceivers: [{name: r}]\n").unwrap();
    let routes = Routes::new(&config);
    let root = routes.matching(&Labels::empty(), &mut 0)[0];
    assert_eq!(routes.get(root).group_interval, GROUP_INTERVAL_MIN);
    assert!(config.original.contains("1ms"), "the config is shown as it is");
}

#[test]
fn a_line_between_chunks_has_so_many_bytes_and_no_more() {
    let answered = |length: usize| {
        let (mut lenient, mut out) = (Lenient::default(), Vec::new());
        let extension = "x".repeat(length - 2);
        let head = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
        lenient.push(format!("{head}1;{extension}\r\na\r\n0\r\n\r\n").as_bytes(), &mut out);
        lenient.is_broken()
    };
    assert!(!answered(HTTP_CHUNK_LINE_BYTES_MAX - 2));
    assert!(answered(HTTP_CHUNK_LINE_BYTES_MAX + 2));
}

#[test]
fn a_template_has_so_many_bytes_and_no_more() {
    let file = |bytes: usize| Templates::new(&[("a.tmpl".to_owned(), "x".repeat(bytes))]);
    assert!(file(TEMPLATE_BYTES_MAX).is_ok());
    let told = file(TEMPLATE_BYTES_MAX + 1).unwrap_err()[0].to_string();
    assert!(told.contains("longer than"), "{told}");
}

#[test]
fn a_template_that_takes_too_long_or_makes_too_much_fails_and_says_which() {
    let data = Data::sample(false, Wall::from_secs(1_800_000_000));
    let text = |source: &str| Templates::builtin().text(source, &data);
    let ten = "{{ $ten := stringSlice `a` `b` `c` `d` `e` `f` `g` `h` `i` `j` }}";
    let mut source = "x".to_owned();
    for _ in 0..6 {
        source = format!("{{{{ range $ten }}}}{source}{{{{ end }}}}");
    }
    let source = format!("{ten}{source}");
    let told = text(&source).unwrap_err().to_string();
    assert!(told.contains(&format!("more than {TEMPLATE_STEPS_MAX} steps")), "{told}");
    let long = "y".repeat(TEMPLATE_BYTES_MAX / 2);
    let told = text(&format!("{ten}{{{{ range $ten }}}}{long}{{{{ end }}}}")).unwrap_err();
    let told = told.to_string();
    assert!(told.contains(&format!("more than {TEMPLATE_OUTPUT_BYTES_MAX} bytes")), "{told}");
}

#[test]
fn a_message_and_a_packet_of_mqtt_have_so_many_bytes_and_no_more() {
    let message = |bytes: usize| MqttMessage {
        topic: "a".to_owned(),
        payload: vec![0; bytes],
        qos: Qos::AtMostOnce,
        retain: false,
    };
    assert!(message(MQTT_PAYLOAD_BYTES_MAX).check().is_ok());
    assert!(message(MQTT_PAYLOAD_BYTES_MAX + 1).check().is_err());
    // A PUBACK that announces so many bytes.
    let announced = |length: usize| {
        let digits = [0, 7, 14].map(|by| u8::try_from(length >> by & 127).unwrap());
        [0x40, digits[0] | 128, digits[1] | 128, digits[2]]
    };
    let read = |length| Packet::read(MqttVersion::V5, &announced(length));
    assert!(matches!(read(MQTT_REPLY_BYTES_MAX), Ok(None)), "it waits for the rest");
    assert!(matches!(read(MQTT_REPLY_BYTES_MAX + 1), Err(PacketError::TooLong(_))));
}

#[test]
fn a_mail_address_is_so_long_and_no_longer() {
    let address = |bytes: usize| format!("{}@example.org", "x".repeat(bytes - 12));
    assert!(MailAddress::parse(&address(64)).is_ok());
    assert!(MailAddress::parse(&address(MAIL_ADDRESS_BYTES_MAX + 1)).is_err());
}
