//! All errors of a config are reported, with place and reason.

use super::*;

#[test]
fn five_mistakes_are_five_messages() {
    let text = r#"
[route]
receiver = "default"
group_wait = "soon"
[[route.routes]]
recevier = "ops"
[[route.routes]]
receiver = "pager"
matchers = ["severity=~\"(\""]
[[receivers]]
name = "default"
[[receivers]]
name = "ops"
webhook_configs = [{ max_alerts = "many", url = "http://x/" }]
"#;
    let told = errors(Language::Toml, text);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(
        lines[0],
        "etc/x.toml:4: route.group_wait: not a valid duration string: \"soon\": write whole numbers with their units, \
         such as 1h30m, or 0"
    );
    assert_eq!(
        lines[1],
        "etc/x.toml:6: route.routes[0].recevier: unknown key \"recevier\"; did you mean \"receiver\"?"
    );
    assert_eq!(
        lines[2],
        "etc/x.toml:8: route.routes[1].receiver: undefined receiver \"pager\"; defined: default, ops"
    );
    assert!(lines[3].starts_with("etc/x.toml:9: route.routes[1].matchers[0]: "), "{told}");
    assert_eq!(
        lines[4],
        "etc/x.toml:14: receivers[1].webhook_configs[0].max_alerts: expected a number from 0, found \"many\""
    );
    assert_eq!(lines.len(), 5);
}

/// The text that follows [`MINIMAL`], and the one error it causes.
const WRONG_SECTIONS: &[(&str, &str)] = &[
    ("globall: {}", "6: globall: unknown key \"globall\"; did you mean \"global\"?"),
    (
        "global: {resolve_timeout: 5}",
        "6: global.resolve_timeout: expected a duration with its unit, found the number 5; write \"5s\" for seconds",
    ),
    ("global: [a]", "6: global: expected a table, found a list"),
    (
        "global: {smtp_require_tls: maybe}",
        "6: global.smtp_require_tls: expected true or false, found \"maybe\"",
    ),
    (
        "global: {pagerduty_url: ftp://x}",
        "6: global.pagerduty_url: unsupported scheme: a URL starts with http:// or https://",
    ),
    (
        "global: {slack_api_url: http://a/, slack_api_url_file: b}",
        "6: global.slack_api_url_file: at most one of slack_api_url and slack_api_url_file can be set",
    ),
    (
        "global:\n  http_config: {proxy_url: 'ftp://p:1'}",
        "7: global.http_config.proxy_url: unsupported scheme: a URL starts with http:// or https://",
    ),
    (
        "global:\n  http_config: {no_proxy: x}",
        "7: global.http_config: no_proxy needs proxy_url: set it, or remove no_proxy",
    ),
    (
        "global:\n  http_config: {proxy_from_environment: true, no_proxy: x}",
        "7: global.http_config: with proxy_from_environment no_proxy has no place: set one of the two",
    ),
    (
        "global:\n  http_config: {proxy_connect_header: {X: [y]}}",
        "7: global.http_config: proxy_connect_header needs proxy_url: set it, or remove proxy_connect_header",
    ),
    (
        "global:\n  http_config: {tls_config: {cert_file: c}}",
        "7: global.http_config.tls_config: a client certificate needs its key: set key or key_file",
    ),
    (
        "global:\n  http_config: {tls_config: {key_file: c}}",
        "7: global.http_config.tls_config: a client key needs its certificate: set cert or cert_file",
    ),
    (
        "global:\n  http_config: {tls_config: {ca: /etc/x.pem}}",
        "7: global.http_config.tls_config.ca: expected PEM (-----BEGIN ...); a file is named by ca_file",
    ),
    (
        "global:\n  http_config: {tls_config: {min_version: TLS14}}",
        "7: global.http_config.tls_config.min_version: expected TLS12 or TLS13, found \"TLS14\"",
    ),
    (
        "global:\n  http_config: {tls_config: {max_version: TLS11}}",
        "7: global.http_config.tls_config.max_version: expected TLS12 or TLS13, found \"TLS11\"",
    ),
    (
        "global:\n  http_config: {tls_config: {min_version: TLS13, max_version: TLS12}}",
        "7: global.http_config.tls_config: min_version TLS13 is greater than max_version TLS12",
    ),
    (
        "global:\n  http_config: {oauth2: {client_secret: s, token_url: 'http://t'}}",
        "7: global.http_config.oauth2: missing client_id",
    ),
    (
        "global:\n  http_config: {oauth2: {client_id: x, token_url: 'http://t'}}",
        "7: global.http_config.oauth2: one of client_secret and client_secret_file must be set",
    ),
    (
        "global:\n  http_config: {oauth2: {client_id: x, client_secret: s}}",
        "7: global.http_config.oauth2: missing token_url",
    ),
    (
        "global:\n  http_config: {oauth2: {client_id: x, client_secret: s, token_url: 'http://t', grant_type: password}}",
        "7: global.http_config.oauth2.grant_type: only client_credentials is spoken here: leave grant_type out, and give a client_secret",
    ),
    (
        "global:\n  http_config: {oauth2: {client_id: x, client_secret: s, token_url: 'http://t', audience: a}}",
        "7: global.http_config.oauth2.audience: is for tokens that the client signs (RFC 7523), which are not spoken here: give a client_secret; what the \
         server asks for beside it, such as an audience, goes into endpoint_params",
    ),
    (
        "global:\n  http_config: {basic_auth: {username: u}, authorization: {credentials: c}}",
        "7: global.http_config.authorization: at most one of basic_auth and authorization can be set",
    ),
    (
        "global:\n  http_config: {authorization: {type: Basic, credentials: c}}",
        "7: global.http_config.authorization: the type cannot be \"basic\": use basic_auth instead",
    ),
    (
        "global:\n  http_config: {basic_auth: {password: p, password_file: f}}",
        "7: global.http_config.basic_auth.password_file: at most one of password and password_file can be set",
    ),
    (
        "global:\n  http_config: {http_headers: {Host: {values: [x]}}}",
        "7: global.http_config.http_headers.Host: the header Host is set by the agent itself: remove it",
    ),
    (
        "global:\n  http_config: {http_headers: {Accept-Encoding: {values: [gzip]}}}",
        "7: global.http_config.http_headers.Accept-Encoding: the header Accept-Encoding is set by the agent itself: remove it",
    ),
    (
        "global:\n  http_config: {http_headers: {x-amz-date: {values: [x]}}}",
        "7: global.http_config.http_headers.x-amz-date: the header x-amz-date is set by the agent itself: remove it",
    ),
    (
        "global:\n  http_config: {http_headers: {'a b': {values: [x]}}}",
        "7: global.http_config.http_headers....: a name that no header can have: letters, digits and - alone",
    ),
    (
        "global:\n  http_config: {authorization: {credentials: \"a\\nb\"}}",
        "7: global.http_config.authorization.credentials: has control characters, which no header can carry",
    ),
    (
        "global: {smtp_smarthost: mail}",
        "6: global.smtp_smarthost: \"mail\" has no port: write host:port",
    ),
    (
        "global: {slack_api_url: geheim}",
        "6: global.slack_api_url: unsupported scheme: a URL starts with http:// or https://",
    ),
    ("templates: x", "6: templates: expected a list, found a text"),
    (
        "inhibit_rules:\n- source_match: {a-b: c}",
        "7: inhibit_rules[0].source_match.a-b: invalid label name \"a-b\"",
    ),
    (
        "inhibit_rules:\n- equal: ['']",
        "7: inhibit_rules[0].equal[0]: invalid label name \"\": it must not be empty",
    ),
    (
        "inhibit_rules:\n- target_macher: [a=b]",
        "7: inhibit_rules[0].target_macher: unknown key \"target_macher\"; did you mean \"target_matchers\"?",
    ),
    ("inhibit_rules: {a: b}", "6: inhibit_rules: expected a list, found a table"),
    ("time_intervals:\n- time_intervals: []", "7: time_intervals[0]: missing name"),
    (
        "time_intervals:\n- name: n\n- name: n",
        "8: time_intervals[1]: time interval \"n\" is not unique",
    ),
    (
        "time_intervals:\n- name: n\n  time_intervals: [{weekdays: [friday:monday]}]",
        "8: time_intervals[0].time_intervals[0].weekdays[0]: range \"friday:monday\" ends before it begins: write two ranges, one up to the end and one from the start",
    ),
    (
        "time_intervals:\n- name: n\n  time_intervals: [{days_of_month: [32]}]",
        "8: time_intervals[0].time_intervals[0].days_of_month[0]: 32 is not a valid day of the month: out of range: write 1 to 31, or -31 to -1 from the end",
    ),
    (
        "time_intervals:\n- name: n\n  time_intervals: [{times: [{start_time: 09:00}]}]",
        "8: time_intervals[0].time_intervals[0].times[0]: both start_time and end_time must be set",
    ),
    (
        "time_intervals:\n- name: n\n  time_intervals: [{location: Mars/Base}]",
        "8: time_intervals[0].time_intervals[0].location: unknown time zone Mars/Base: write a name of the time zone database such as Europe/Berlin, UTC or Local",
    ),
    (
        "web: {listen_addresses: [here]}",
        "6: web.listen_addresses[0]: expected an address like 127.0.0.1:9093, [::1]:9093 or :9093, found \"here\"",
    ),
    (
        "web: {listen_address: ':1'}",
        "6: web.listen_address: unknown key \"listen_address\"; did you mean \"listen_addresses\"?",
    ),
    (
        "web: {external_url: gateway.example}",
        "6: web.external_url: unsupported scheme: a URL starts with http:// or https://",
    ),
    ("web: {listen_addresses: []}", "6: web.listen_addresses: no address to serve HTTP on"),
    (
        "storage: {durability: perhaps}",
        "6: storage.durability: expected one of sync, interval, off, found \"perhaps\"",
    ),
    (
        "cluster:\n  multicast: true",
        "7: cluster.multicast: multicast needs a key: name a file that holds one in cluster.key_files",
    ),
    (
        "cluster: {advertise_address: 'gw:9094'}",
        "6: cluster.advertise_address: gw:9094: the host must be an IP address",
    ),
    ("log: {level: 3}", "6: log.level: expected one of debug, info, warn, error, found \"3\""),
    (
        "features: {enable: [classic-mode, utf8-strict-mode]}",
        "6: features.enable: classic-mode and utf8-strict-mode exclude each other",
    ),
    ("edge: {x: 1}", "6: edge.x: section edge is reserved: this version has no keys for it"),
    ("route: {}", "6: the key \"route\" stands here twice"),
];

#[test]
fn wrong_yaml_is_told_where_and_why() {
    for (text, expected) in WRONG_SECTIONS {
        let told = errors(Language::Yaml, &format!("{MINIMAL}{text}\n"));
        assert_eq!(told, format!("etc/x.yml:{expected}"), "{text}");
    }
}

/// The entries of the root route, the receivers, and the one error they cause.
const WRONG_ROUTES: &[(&str, &str, &str)] = &[
    (
        "group_by: [a]",
        "[{name: d}]",
        "1: route: the root route must have a receiver: it takes what no other route takes",
    ),
    (
        "receiver: d, matchers: [a=b]",
        "[{name: d}]",
        "1: route.matchers: not allowed in the root route, which is for all alerts: move it to a route in routes",
    ),
    (
        "receiver: d, continue: yes",
        "[{name: d}]",
        "1: route.continue: not allowed in the root route: nothing follows it",
    ),
    ("receiver: e", "[{name: d}]", "1: route.receiver: undefined receiver \"e\"; defined: d"),
    ("receiver: e", "[]", "1: route.receiver: undefined receiver \"e\"; none is defined"),
    (
        "receiver: d, group_by: ['...', a]",
        "[{name: d}]",
        "1: route.group_by: cannot have \"...\", which is every label, and other labels at the same time",
    ),
    (
        "receiver: d, group_by: [a, a]",
        "[{name: d}]",
        "1: route.group_by[1]: duplicated label \"a\" in group_by",
    ),
    (
        "receiver: d, group_interval: 0s",
        "[{name: d}]",
        "1: route.group_interval: group_interval cannot be zero",
    ),
    (
        "receiver: d, routes: [{repeat_interval: 0}]",
        "[{name: d}]",
        "1: route.routes[0].repeat_interval: repeat_interval cannot be zero",
    ),
    (
        "receiver: d, routes: [{mute_time_intervals: [n]}]",
        "[{name: d}]",
        "1: route.routes[0].mute_time_intervals[0]: undefined time interval \"n\"; none is defined",
    ),
    (
        "receiver: d, routes: [{routes: [{receiver: x}]}]",
        "[{name: d}]",
        "1: route.routes[0].routes[0].receiver: undefined receiver \"x\"; defined: d",
    ),
    (
        "receiver: d, routes: [{match: {a: [b]}}]",
        "[{name: d}]",
        "1: route.routes[0].match.a: expected a text, found a list",
    ),
    (
        "receiver: d, routes: [{matchers: a=b}]",
        "[{name: d}]",
        "1: route.routes[0].matchers: expected a list, found a text",
    ),
    (
        "receiver: d, labels: {'': x}",
        "[{name: d}]",
        "1: route.labels.: invalid label name \"\": it must not be empty",
    ),
    ("receiver: d", "[{name: d}, {name: d}]", "2: receivers[1]: receiver name \"d\" is not unique"),
    ("receiver: d", "[{name: d}, {}]", "2: receivers[1]: missing name"),
    (
        "receiver: d",
        "[{name: d, fallback: opps}, {name: ops}]",
        "2: receivers[0].fallback: unknown receiver \"opps\"; did you mean \"ops\"?",
    ),
    (
        "receiver: d",
        "[{name: d, fallback: d}]",
        "2: receivers[0].fallback: a receiver cannot be its own fallback: name another one",
    ),
    (
        "receiver: d",
        "[{name: d, rate_limit: {notifications: 5}}]",
        "2: receivers[0].rate_limit: notifications and per are needed: {notifications: 10, per: 1h}",
    ),
    (
        "receiver: d",
        "[{name: d, rate_limit: {notifications: 101, per: 1h}}]",
        "2: receivers[0].rate_limit.notifications: 101: expected 1 to 100; for more, shorten per",
    ),
    (
        "receiver: d",
        "[{name: d, rate_limit: {notifications: 0, per: 1h}}]",
        "2: receivers[0].rate_limit.notifications: 0: expected 1 to 100; for more, shorten per",
    ),
    (
        "receiver: d",
        "[{name: d, rate_limit: {notifications: 1, per: 8d}}]",
        "2: receivers[0].rate_limit.per: 8d: expected 1s to 1w",
    ),
    (
        "receiver: d",
        "[{name: d, rate_limit: {notifications: 1, per: 1h, burst: 3}}]",
        "2: receivers[0].rate_limit.burst: unknown key \"burst\"; known: notifications, per",
    ),
    (
        "receiver: d",
        "[{name: d, rate_limit: 10}]",
        "2: receivers[0].rate_limit: expected a table, found a number",
    ),
    (
        "receiver: d",
        "[{name: d, labels: {name: x}}]",
        "2: receivers[0].labels.name: the label name is the receiver's name by itself: remove it",
    ),
    (
        "receiver: d",
        "[{name: d, webhook_config: []}]",
        "2: receivers[0].webhook_config: unknown key \"webhook_config\"; did you mean \"webhook_configs\"?",
    ),
    (
        "receiver: d",
        "[{name: d, webhook_configs: [{}]}]",
        "2: receivers[0].webhook_configs[0]: one of url and url_file must be set",
    ),
    (
        "receiver: d",
        "[{name: d, webhook_configs: [{url: 'http://x', url_file: y}]}]",
        "2: receivers[0].webhook_configs[0].url_file: at most one of url and url_file can be set",
    ),
    (
        "receiver: d",
        "[{name: d, webhook_configs: [{url: 'http://'}]}]",
        "2: receivers[0].webhook_configs[0].url: missing host for URL, or a character that no host name has",
    ),
    (
        "receiver: d",
        "[{name: d, webhook_configs: [{url: 'http://x', timeout: 1d}]}]",
        "2: receivers[0].webhook_configs[0].timeout: unknown unit \"d\" in duration \"1d\": the units are h, m, s, ms, us and ns",
    ),
    (
        "receiver: d",
        "[{name: d, webhook_configs: [{url: 'http://x', max_alerts: -1}]}]",
        "2: receivers[0].webhook_configs[0].max_alerts: expected a number from 0, found the number -1",
    ),
    (
        "receiver: d",
        "[{name: d, log_configs: [{sendresolved: no}]}]",
        "2: receivers[0].log_configs[0].sendresolved: unknown key \"sendresolved\"; did you mean \"send_resolved\"?",
    ),
];

#[test]
fn wrong_routes_and_receivers_are_told_where_and_why() {
    for (route, receivers, expected) in WRONG_ROUTES {
        let text = format!("route: {{{route}}}\nreceivers: {receivers}\n");
        let told = errors(Language::Yaml, &text);
        assert_eq!(told, format!("etc/x.yml:{expected}"), "{text}");
    }
    assert_eq!(
        errors(Language::Yaml, ""),
        "etc/x.yml:1: no route provided: add a section route with a receiver"
    );
    assert_eq!(
        errors(
            Language::Yaml,
            "features: {enable: [classic-mode]}\nroute: {receiver: d, group_by: [a-b]}\nreceivers: [{name: d}]"
        ),
        "etc/x.yml:2: route.group_by[0]: invalid label name \"a-b\": letters, digits and _, no digit first"
    );
}

#[test]
fn a_flood_of_errors_is_cut_and_counted() {
    let flood: Vec<String> = (0..150).map(|i| format!("unknown{i}: 1")).collect();
    let told = errors(Language::Yaml, &format!("{MINIMAL}{}", flood.join("\n")));
    assert_eq!(told.lines().count(), 101);
    assert!(told.ends_with("etc/x.yml: and 50 more"), "{told}");
}
