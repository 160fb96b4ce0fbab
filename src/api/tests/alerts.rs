//! Alerts: what is taken, listed and filtered.

use super::*;
use crate::limits::HTTP_ANSWERS_BYTES_MAX;

#[test]
fn bad_posts_of_alerts_are_told_in_the_right_family() {
    let parsing =
        |why: &str| object(400, &format!("parsing alerts body from \"\" failed, because {why}"));
    let cases = [
        ("", 422, object(602, "alerts in body is required")),
        (" \n", 422, object(602, "alerts in body is required")),
        ("bad", 400, parsing("invalid character 'b' looking for beginning of value")),
        (
            "{}",
            400,
            parsing(
                "json: cannot unmarshal object into Go value of type models.PostableAlerts: expected a list [{...}], found an object",
            ),
        ),
        ("[{}]", 422, object(602, "0.labels in body is required")),
        (
            r#"[{"labels":{"a":"b"},"generatorURL":"not a url"}]"#,
            422,
            object(601, "0.generatorURL in body must be of type uri: \"not a url\""),
        ),
        (r#"[{"labels":{}}]"#, 400, string("at least one label pair required")),
        (
            r#"[{"labels":{"a":"b"},"startsAt":"2030-01-02T00:00:00Z","endsAt":"2030-01-01T00:00:00Z"}]"#,
            400,
            string("start time must be before end time"),
        ),
    ];
    for (body, status, answer) in cases {
        assert_eq!(World::new().post("/api/v2/alerts", body), (status, answer), "{body}");
    }
}

#[test]
fn every_refused_body_and_alert_is_counted() {
    let mut world = World::new();
    let counted = |world: &mut World| {
        let metrics = world.get("/metrics").1;
        let name = "alertmanager_alerts_invalid_total{version=\"v2\"} ";
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.parse::<u64>().unwrap()
    };
    for (body, count) in [("bad", 1), ("", 2), ("[{}]", 3), (r#"[{"labels":{}},{"labels":{}}]"#, 5)]
    {
        world.post("/api/v2/alerts", body);
        assert_eq!(counted(&mut world), count, "{body}");
    }
    world.post("/api/v1/alerts", "bad");
    world.post("/api/v2/silences", "bad");
    assert_eq!(counted(&mut world), 6);
}

#[test]
fn nothing_is_an_empty_answer_and_nothing_posted_is_nothing_wrong() {
    let mut world = World::new();
    assert_eq!(world.post("/api/v2/alerts", "[]"), (200, String::new()));
    assert_eq!(world.post("/api/v2/alerts", "null"), (200, String::new()));
    assert_eq!(world.get("/api/v2/alerts"), (200, "[]\n".to_owned()));
    assert_eq!(world.get("/api/v2/alerts/groups"), (200, "[]\n".to_owned()));
    assert_eq!(world.get("/api/v2/silences"), (200, "[]\n".to_owned()));
}

#[test]
fn the_valid_alerts_of_a_mixed_batch_are_stored() {
    let mut world = World::new();
    let body = r#"[{"labels":{"a":"good"}},{"labels":{}},{"labels":{"a":""}}]"#;
    let text = string("at least one label pair required\nat least one label pair required");
    assert_eq!(world.post("/api/v2/alerts", body), (400, text));
    assert_eq!(world.listed("/api/v2/alerts"), ["good"]);
}

#[test]
fn a_list_that_is_larger_than_what_is_left_for_answers_is_refused() {
    let mut world = World::new();
    world.post("/api/v2/alerts", r#"[{"labels":{"alertname":"a"}},{"labels":{"alertname":"b"}}]"#);
    let silence = r#"{"matchers":[{"name":"a","value":"b","isRegex":false}],"createdBy":"x","comment":"x",
        "startsAt":"2027-01-01T00:00:00Z","endsAt":"2099-01-01T00:00:00Z"}"#;
    world.post("/api/v2/silences", silence);
    for path in ["/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/silences"] {
        world.site.http.unread_bytes = 0;
        let (status, text) = world.get(path);
        assert_eq!(status, 200, "{text}");
        // The newline at the end is not counted.
        world.site.http.unread_bytes = HTTP_ANSWERS_BYTES_MAX + 1 - text.len();
        assert_eq!(world.get(path).0, 200, "{path}");
        world.site.http.unread_bytes += 1;
        let (status, text) = world.get(path);
        assert!(status == 503 && text.contains("bytes that are left for answers"), "{text}");
    }
    world.site.http.unread_bytes = usize::MAX;
    for path in ["/-/healthy", "/api/v2/status", "/metrics", "/"] {
        assert_eq!(world.get(path).0, 200, "{path}");
    }
}

#[test]
fn the_text_of_an_error_is_bounded() {
    let body = format!("[{}]", vec![r#"{"labels":{}}"#; 10_000].join(","));
    for path in ["/api/v1/alerts", "/api/v2/alerts"] {
        let (status, text) = World::new().post(path, &body);
        assert!(status == 400 && text.contains("one label pair required"), "{text}");
        assert!((60_000..70_000).contains(&text.len()), "{}", text.len());
    }
    let url = format!(r#"[{{"labels":{{"a":"b"}},"generatorURL":"{}"}}]"#, "é ".repeat(100_000));
    let (status, text) = World::new().post("/api/v2/alerts", &url);
    assert!(status == 422 && text.len() < 70_000, "{}", text.len());
}

#[test]
fn a_batch_that_breaks_the_schema_is_not_stored_at_all() {
    let mut world = World::new();
    assert_eq!(world.post("/api/v2/alerts", r#"[{"labels":{"a":"good"}},{}]"#).0, 422);
    assert_eq!(world.get("/api/v2/alerts").1, "[]\n");
}

#[test]
fn an_alert_is_listed_with_all_that_alertmanager_tells() {
    let mut world = World::new();
    let body = r#"[{"labels":{"alertname":"A"},"annotations":{"s":"<x>"},"generatorURL":"http://p/g",
        "startsAt":"2027-01-15T07:00:00.5Z","endsAt":"2027-01-15T10:00:00+02:00"}]"#;
    assert_eq!(world.post("/api/v2/alerts", body).0, 200);
    let expected = concat!(
        r#"[{"annotations":{"s":"\u003cx\u003e"},"endsAt":"2027-01-15T08:00:00.000Z","fingerprint":"d2c6efc389df0927","#,
        r#""receivers":[{"name":"default"}],"startsAt":"2027-01-15T07:00:00.500Z","#,
        r#""status":{"inhibitedBy":[],"mutedBy":[],"silencedBy":[],"state":"active"},"#,
        r#""updatedAt":"2027-01-15T08:00:00.000Z","generatorURL":"http://p/g","labels":{"alertname":"A"}}]"#,
        "\n"
    );
    assert_eq!(world.get("/api/v2/alerts"), (200, expected.to_owned()));
    let groups = world.get("/api/v2/alerts/groups").1;
    let tail = r#"],"labels":{"alertname":"A"},"receiver":{"name":"default"}}]"#;
    assert!(groups.starts_with(r#"[{"alerts":[{"annotations""#), "{groups}");
    assert!(groups.ends_with(&format!("{tail}\n")), "{groups}");
    world.now.wall = world.now.wall + Duration::from_millis(1);
    assert_eq!(world.get("/api/v2/alerts").1, "[]\n");
}

#[test]
fn alerts_are_filtered_by_state_labels_and_receivers() {
    let mut world = World::new();
    assert_eq!(world.post("/api/v2/alerts", ALERTS).0, 200);
    let silence = r#"{"name":"foo","value":"bar","isRegex":false}"#;
    world.silence(silence, "2027-01-15T07:00:00Z", "2027-01-15T09:00:00Z");
    let all = ["plain", "source", "target", "team"];
    let cases: [(&str, &[&str]); 22] = [
        ("", &all),
        ("active=false", &["plain", "target"]),
        ("active=maybe", &["plain", "target"]),
        ("active=", &all),
        ("silenced=false", &["source", "target", "team"]),
        ("inhibited=FALSE", &["plain", "source", "team"]),
        ("unprocessed=false", &all),
        ("unknown=1&receiver=", &all),
        ("filter=foo=bar", &["plain"]),
        ("filter=baz%3D%22%22", &all),
        ("filter=foo=~%22bar|x%22&filter=a=plain", &["plain"]),
        ("filter=foo!=%22bar%22", &["source", "target", "team"]),
        ("filter=foo!~%22b.*%22", &["source", "target", "team"]),
        ("filter=foo=%zz", &all),
        ("receiver=team-X", &["team"]),
        ("receiver=team", &[]),
        ("receiver=team.*", &["team"]),
        ("receiver=def.*", &["plain", "source", "target"]),
        ("receiver_matchers=tier%3D1", &["team"]),
        ("receiver_matchers=name%3Dnight", &["team"]),
        ("receiver_matchers=name%3Dnight&receiver=team.*", &[]),
        ("receiver_matchers=tier!%3D1&filter=foo=bar", &["plain"]),
    ];
    for (query, names) in cases {
        assert_eq!(world.listed(&format!("/api/v2/alerts?{query}")), names, "{query}");
    }
    let cases: [(&str, &[&str]); 8] = [
        ("", &["plain", "source", "target", "team", "team"]),
        ("receiver_matchers=tier%3D1", &["team"]),
        ("receiver_matchers=tier!%3D1", &["plain", "source", "target", "team"]),
        ("receiver_matchers=tier%3D2", &[]),
        ("muted=false", &["plain", "source", "target", "team"]),
        ("inhibited=false&silenced=false", &["source", "team", "team"]),
        ("receiver=night", &["team"]),
        ("filter=foo=bar", &["plain"]),
    ];
    for (query, names) in cases {
        assert_eq!(world.listed(&format!("/api/v2/alerts/groups?{query}")), names, "{query}");
    }
    for (query, names) in [
        ("receiver_matchers=tier%3D1", &["team-X"][..]),
        ("receiver_matchers=tier!%3D1", &["default", "night"]),
        ("receiver_matchers=tier!%3D1&receiver_matchers=name=~%22n.*%22", &["night"]),
    ] {
        let found: serde_json::Value =
            serde_json::from_str(&world.get(&format!("/api/v2/receivers?{query}")).1).unwrap();
        let found: Vec<&str> =
            found.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(found, names, "{query}");
    }
    let night = world.get("/api/v2/alerts/groups?receiver=night").1;
    assert!(
        night.contains(r#""mutedBy":["always"],"silencedBy":[],"state":"suppressed""#),
        "{night}"
    );
}

#[test]
fn bad_filters_are_told() {
    let mut world = World::new();
    for path in ["/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/silences"] {
        let (status, body) = world.get(&format!("{path}?filter=bad"));
        assert_eq!((status, &*body), (400, &*string("bad matcher format: bad")));
    }
    for (query, start) in [
        ("receiver=(", "\"failed to parse receiver param: "),
        ("receiver_matchers=x", "\"failed to parse receiver_matchers param: "),
    ] {
        for path in ["/api/v2/alerts", "/api/v2/alerts/groups"] {
            let (status, body) = world.get(&format!("{path}?{query}"));
            assert!(status == 400 && body.starts_with(start) && body.ends_with("\"\n"), "{body}");
        }
    }
}

#[test]
fn version_1_takes_alerts_and_nothing_else() {
    let mut world = World::new();
    let mut post = |body: &str| {
        let content_type = Some("application/x-www-form-urlencoded");
        let (path, body) = ("/api/v1/alerts", body.as_bytes());
        world.ask(&Request { method: "POST", path, content_type, body, ..Request::default() })
    };
    let bad = |error: &str| {
        let error = serde_json::to_string(error).unwrap();
        (400, format!(r#"{{"status":"error","errorType":"bad_data","error":{error}}}"#))
    };
    let taken = post(r#"[{"labels":{"a":"v1"},"generatorURL":"no url"}]"#);
    assert_eq!(header(&taken, "Access-Control-Allow-Origin"), [""; 0]);
    assert_eq!(told(taken), (200, r#"{"status":"success"}"#.to_owned()));
    assert_eq!(told(post("")), bad("EOF"));
    assert_eq!(told(post("bad")), bad("invalid character 'b' looking for beginning of value"));
    assert_eq!(
        told(post("{}")),
        bad(
            "json: cannot unmarshal object into Go value of type []*types.Alert: expected a list [{...}], found an object"
        )
    );
    assert_eq!(told(post("[{}]")), bad("at least one label pair required"));
    assert_eq!(world.listed("/api/v2/alerts"), ["v1"]);
    for path in ["alerts", "silences", "status", "receivers", "silence/x"] {
        let (status, body) = world.get(&format!("/api/v1/{path}"));
        assert!(status == 410 && body.starts_with(r#"{"status":"deprecated""#), "{path}: {body}");
    }
    assert_eq!(world.get("/api/v1/nope").0, 404);
    let of_a_page = Request {
        method: "POST",
        path: "/api/v1/alerts",
        host: Some("127.0.0.1:9093"),
        origin: Some("http://127.0.0.1:9093"),
        content_type: Some("text/plain"),
        body: br#"[{"labels":{"a":"page"}}]"#,
        ..Request::default()
    };
    assert_eq!(world.ask(&of_a_page).status, 415, "a page has to ask before it posts JSON");
    let as_json = Request { content_type: Some("application/json"), ..of_a_page };
    assert_eq!(world.ask(&as_json).status, 200);
}

/// A batch of `count` alerts, after them `last`, and some text beside it that makes it a large one.
fn large(count: usize, last: &str) -> String {
    let alert = |n| format!(r#"{{"labels":{{"alertname":"a{n:05}","x":"{}"}}}}"#, "y".repeat(100));
    let mut alerts: Vec<String> = (0..count).map(alert).collect();
    alerts.push(last.to_owned());
    format!("[{}", alerts.join(","))
}

#[test]
fn a_large_post_is_taken_in_pieces_and_all_of_it() {
    for (path, answer) in [("/api/v2/alerts", ""), ("/api/v1/alerts", r#"{"status":"success"}"#)] {
        let mut world = World::new();
        let body = large(3_000, r#"{"labels":{"a":"b"}}]"#);
        let content_type = Some("application/json");
        let body = body.as_bytes();
        let request = Request { method: "POST", path, content_type, body, ..Request::default() };
        let (response, pieces) = world.ask_in_pieces(&request);
        assert!(pieces > 3, "{pieces}");
        assert_eq!((response.status, told(response).1.trim()), (200, answer));
        assert_eq!(world.node.alerts().count(), 3_001);
    }
}

#[test]
fn a_large_post_is_answered_as_a_small_one() {
    let ends = [
        "]",
        "{}]",
        "null]",
        r#"{"labels":{}},{"labels":{"a":""}}]"#,
        r#"{"labels":{"a":"b"},"generatorURL":"not a url"}]"#,
        r#"{"labels":{"a":"b"},"startsAt":"2030-01-02T00:00:00Z","endsAt":"2030-01-01T00:00:00Z"}]"#,
        r#"{"labels":{"a":1}}]"#,
        r#"{"labels":{"a":"b"}"#,
        r#"{"labels":{"a":"b"}}"#,
        "x]",
    ];
    for path in ["/api/v2/alerts", "/api/v1/alerts"] {
        for end in ends {
            let (mut small, mut large_one) = (World::new(), World::new());
            let (few, many) = (large(1, end), large(1_000, end));
            // The error names the place in the batch.
            let place = |(status, text): (u16, String)| (status, text.replace("1000", "1"));
            assert_eq!(place(large_one.post(path, &many)), small.post(path, &few), "{path} {end}");
            let taken = (small.node.alerts().count(), large_one.node.alerts().count());
            assert!(taken == (0, 0) || taken.0 + 999 == taken.1, "{path} {end}: {taken:?}");
        }
        let (mut small, mut large_one) = (World::new(), World::new());
        assert_eq!(large_one.post(path, &" ".repeat(100_000)), small.post(path, " "));
    }
}

#[test]
fn a_small_post_of_slow_to_route_alerts_is_taken_in_pieces() {
    use std::fmt::Write as _;
    let mut config = "[route]\nreceiver = \"r\"\n[[receivers]]\nname = \"r\"\n".to_owned();
    for n in 0..100 {
        writeln!(config, "[[route.routes]]\nmatchers = ['x=~\".*[x-z][w-z]{{{n}}}.*\"']").unwrap();
    }
    let mut world = World::of(&config, None);
    let alert = |n: usize| format!(r#"{{"labels":{{"n":"{n}","x":"{}"}}}}"#, "ab".repeat(500));
    let alerts: Vec<String> = (0..50).map(alert).collect();
    let body = format!("[{}, {{\"labels\":{{\"bad name\":\"\"}}}}]", alerts.join(","));
    assert!(body.len() < crate::limits::HTTP_READ_BYTES);
    let content_type = Some("application/json");
    let (path, body) = ("/api/v2/alerts", body.as_bytes());
    let request = Request { method: "POST", path, content_type, body, ..Request::default() };
    let (response, pieces) = world.ask_in_pieces(&request);
    assert_eq!((response.status, world.node.alerts().count()), (400, 50));
    assert!(pieces > 3, "{pieces}");
}

#[test]
fn a_large_post_that_is_no_utf_8_is_taken_as_a_small_one() {
    let mut world = World::new();
    let mut body = large(1_000, r#"{"labels":{"a":"b?"}}]"#).into_bytes();
    let at = body.iter().position(|byte| *byte == b'?').unwrap();
    body[at] = 0xFF;
    let content_type = Some("application/json");
    let (path, body) = ("/api/v2/alerts", &body[..]);
    let request = Request { method: "POST", path, content_type, body, ..Request::default() };
    assert_eq!(world.ask(&request).status, 200);
    assert!(world.node.alerts().any(|(_, alert, _)| alert.labels.get("a") == Some("b\u{FFFD}")));
}

#[test]
fn a_group_has_the_labels_of_its_route_rendered() {
    let mut world = World::new();
    world.post("/api/v2/alerts", r#"[{"labels":{"alertname":"Disk","team":"y"}}]"#);
    let groups = world.get("/api/v2/alerts/groups").1;
    assert!(groups.contains(r#""routeLabels":{"page":"Disk"}"#), "{groups}");
}

#[test]
fn groups_are_whole_wherever_a_piece_of_their_list_ends() {
    let mut world = World::new();
    let alerts = (0..400).map(|at| format!(r#"{{"labels":{{"alertname":"B{at:03}"}}}}"#));
    world.post("/api/v2/alerts", &format!("[{}]", alerts.collect::<Vec<_>>().join(",")));
    for length in (0..600).step_by(5) {
        let alert = format!(
            r#"[{{"labels":{{"alertname":"A"}},"annotations":{{"a":"{}"}}}}]"#,
            "x".repeat(length)
        );
        world.post("/api/v2/alerts", &alert);
        for path in ["/api/v2/alerts/groups", "/bellwether/v1/groups"] {
            let groups: Vec<serde_json::Value> = serde_json::from_str(&world.get(path).1).unwrap();
            assert_eq!(groups.len(), 401, "{path}, {length}");
        }
    }
}

#[test]
fn a_costly_filter_of_receivers_is_compared_in_pieces() {
    let named = |n: usize| format!("[[receivers]]\nname = \"{n}{}\"\n", "ab".repeat(250));
    let receivers: String = (0..100).map(named).collect();
    let mut world = World::of(&format!("{CONFIG}{receivers}"), None);
    let mut ask = |path, query: &str| {
        world.ask_in_pieces(&Request { method: "GET", path, query, ..Request::default() })
    };
    let query = format!("receiver=[0-9].*&{}", "receiver_matchers=name=~.*(a|b)b&".repeat(60));
    let (found, pieces) = ask("/api/v2/receivers", &query);
    assert!(pieces > 1, "{pieces}");
    let found: Vec<serde_json::Value> = serde_json::from_str(&told(found).1).unwrap();
    assert_eq!(found.len(), 100);
    for path in ["/api/v2/alerts", "/api/v2/alerts/groups", "/bellwether/v1/history"] {
        let (found, pieces) = ask(path, &query);
        assert!(pieces > 1, "{path}: {pieces}");
        assert_eq!(told(found), (200, "[]\n".to_owned()), "{path}");
    }
}

#[test]
fn groups_with_templated_route_labels_cost_what_it_takes_to_render_them() {
    let pieces = |team: &str| {
        let mut world = World::new();
        let alert = |n| format!(r#"{{"labels":{{"alertname":"A{n}","team":"{team}"}}}}"#);
        let alerts: Vec<String> = (0..300).map(alert).collect();
        world.post("/api/v2/alerts", &format!("[{}]", alerts.join(",")));
        let path = "/api/v2/alerts/groups";
        world.ask_in_pieces(&Request { method: "GET", path, ..Request::default() }).1
    };
    let (plain, templated) = (pieces("z"), pieces("y"));
    assert!(templated >= plain + 3, "{plain} {templated}");
}
