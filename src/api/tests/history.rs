//! The history of notifications.

use super::*;
use crate::limits::{PENDING_SHOWN_MAX, STATUS_SHOWN_MAX};

#[test]
fn the_history_says_why_nobody_was_told() {
    let mut world = World::new();
    world.post("/api/v2/alerts", r#"[{"labels":{"alertname":"A","team":"x"}}]"#);
    world.silence(
        r#"{"name":"alertname","value":"A","isRegex":false}"#,
        "2027-01-01T00:00:00Z",
        "2099-01-01T00:00:00Z",
    );
    for _ in 0..9 {
        world.now.mono = world.now.mono + Duration::from_secs(100);
        world.now.wall = world.now.wall + Duration::from_secs(100);
        world.post("/api/v2/alerts", r#"[{"labels":{"alertname":"A","team":"x"}}]"#);
        world.step(Node::handle_timeout);
    }
    let history: Vec<serde_json::Value> =
        serde_json::from_str(&world.get("/bellwether/v1/history").1).unwrap();
    let told: Vec<_> = history
        .iter()
        .rev()
        .map(|it| {
            let of = |key: &str| it[key].as_str().unwrap().to_owned();
            (of("receiver"), of("outcome"))
        })
        .collect();
    let expected =
        [("team-X", "waiting"), ("night", "waiting"), ("team-X", "muted"), ("night", "muted")];
    let expected = expected.map(|(receiver, outcome)| (receiver.to_owned(), outcome.to_owned()));
    assert_eq!(told, expected, "and no more as long as nothing changes");
    assert_eq!((&history[1]["silenced"], &history[1]["alerts"]), (&1.into(), &1.into()));
    assert_eq!(history[0]["intervals"][0], "always");
}

#[test]
fn the_history_says_what_was_notified_and_why() {
    let mut world = World::new();
    assert_eq!(world.get("/bellwether/v1/history"), (200, "[]\n".to_owned()));
    let config = CONFIG.replacen("name = \"default\"", "name = \"default\"\nlog_configs = [{}]", 1);
    world.step(|node, cx| drop(node.handle_config(cx, loaded(&config)).unwrap()));
    world.post("/api/v2/alerts", r#"[{"labels":{"alertname":"A"}}]"#);
    world.now.mono = world.now.mono + Duration::from_secs(31);
    world.now.wall = world.now.wall + Duration::from_secs(31);
    world.step(Node::handle_timeout);
    world.step(|node, cx| node.handle_reply(cx, AttemptId(0), &Reply::Done));
    let (status, body) = world.get("/bellwether/v1/history");
    let expected = r#"[{"afterMs":0,"answer":"accepted","at":"2027-01-15T08:00:31Z","attempts":1,"content":"{alertname=\"A\"}\n","firing":1,"groupKey":"{}:{alertname=\"A\"}","#;
    assert!(status == 200 && body.starts_with(expected), "{body}");
    let expected = r#""groupLabels":{"alertname":"A"},"id":2,"integration":"log[0]","node":"","outcome":"sent","reason":"first notification","receiver":"default","resolved":0},{"#;
    assert!(body.contains(expected) && body.contains(r#""leftMs":30000"#), "{body}");
    assert_eq!(world.get("/bellwether/v1/pending"), (200, "[]\n".to_owned()));
    let mut ids = |query: &str| {
        let (status, body) = world.get(&format!("/bellwether/v1/history?{query}"));
        let ids = body.match_indices("\"id\":").map(|(at, _)| body[at + 5..].split(',').next());
        (status, ids.map(|it| it.unwrap().to_owned()).collect::<Vec<_>>().join(" "))
    };
    for (query, found) in [
        ("", "2 1"),
        ("after=1", "2"),
        ("after=2", ""),
        ("after=2027-01-15T08:00:00Z", "2"),
        ("after=2027-01-15T07:59:59Z", "2 1"),
        ("outcome=sent", "2"),
        ("receiver=defaul.", "2 1"),
        ("receiver=x", ""),
        ("filter=alertname%3DA&outcome=waiting", "1"),
        ("filter=alertname%3DB", ""),
        ("topic=alerts", "1"),
        ("topic=alerts&outcome=firing&filter=alertname%3DA", "1"),
        ("topic=alerts&outcome=resolved", ""),
    ] {
        assert_eq!(ids(query), (200, found.to_owned()), "{query}");
    }
    for query in ["after=x", "topic=x", "filter=x", "receiver=("] {
        assert_eq!(ids(query).0, 400, "{query}");
    }
}

#[test]
fn pending_deliveries_are_shown_up_to_a_bound() {
    let config = CONFIG.replacen("name = \"default\"", "name = \"default\"\nlog_configs = [{}]", 1);
    let mut world = World::of(&config, None);
    let alerts =
        (0..PENDING_SHOWN_MAX + 50).map(|at| format!(r#"{{"labels":{{"alertname":"A{at}"}}}}"#));
    world.post("/api/v2/alerts", &format!("[{}]", alerts.collect::<Vec<_>>().join(",")));
    world.now.mono = world.now.mono + Duration::from_secs(31);
    world.now.wall = world.now.wall + Duration::from_secs(31);
    while world.node.next_timeout().is_some_and(|at| at <= world.now.mono) {
        world.step(Node::handle_timeout);
    }
    assert!(world.node.pending().count() > PENDING_SHOWN_MAX);
    let (_, body) = world.get("/bellwether/v1/pending");
    let shown: Vec<serde_json::Value> = serde_json::from_str(&body).unwrap();
    assert_eq!(shown.len(), PENDING_SHOWN_MAX);
}

#[test]
fn troubles_and_uses_are_shown_up_to_a_bound() {
    let hooks = vec!["{ url = 'http://x/' }"; STATUS_SHOWN_MAX + 1].join(", ");
    let hooks = format!("name = \"default\"\nwebhook_configs = [{hooks}]");
    let mut world = World::of(&CONFIG.replacen("name = \"default\"", &hooks, 1), None);
    world.post("/api/v2/alerts", r#"[{"labels":{"alertname":"A"}}]"#);
    world.now.mono = world.now.mono + Duration::from_secs(31);
    world.now.wall = world.now.wall + Duration::from_secs(31);
    let mut effects = world.step(Node::handle_timeout);
    while let Some(effect) = effects.pop() {
        let Effect::Attempt(attempt) = effect else { continue };
        world.node.handle_traffic(world.now, attempt.id, 10);
        let no = Reply::failed("no");
        effects.extend(world.step(|node, cx| node.handle_reply(cx, attempt.id, &no)));
    }
    assert!(world.node.troubles().len() > STATUS_SHOWN_MAX);
    let (_, body) = world.get("/api/v2/status");
    let status: serde_json::Value = serde_json::from_str(&body).unwrap();
    for list in ["troubles", "receivers"] {
        assert_eq!(status["bellwether"][list].as_array().unwrap().len(), STATUS_SHOWN_MAX);
    }
    let (_, metrics) = world.get("/metrics");
    let lines = metrics.lines().filter(|it| it.starts_with("bellwether_receiver_bytes_total{"));
    assert_eq!(lines.count(), STATUS_SHOWN_MAX + 1);
}

#[test]
fn the_status_tells_when_a_receiver_was_told_and_failed_last() {
    let config = CONFIG.replacen(
        "name = \"default\"",
        "name = \"default\"\nwebhook_configs = [{ url = 'http://x/' }]",
        1,
    );
    let mut world = World::of(&config, None);
    let receivers = |world: &mut World| {
        let status: serde_json::Value =
            serde_json::from_str(&world.get("/api/v2/status").1).unwrap();
        status["bellwether"]["receivers"].clone()
    };
    assert_eq!(receivers(&mut world), serde_json::json!([]));
    world.post("/api/v2/alerts", r#"[{"labels":{"alertname":"A"}}]"#);
    let ok = Reply::Http { status: 200, retry_after: None, body: String::new() };
    let mut replies = [Reply::failed("no way"), ok].into_iter();
    let mut effects = Vec::new();
    for _ in 0..40 {
        world.now.mono = world.now.mono + Duration::from_secs(1);
        world.now.wall = world.now.wall + Duration::from_secs(1);
        effects.extend(world.step(Node::handle_timeout));
        while let Some(effect) = effects.pop() {
            let Effect::Attempt(attempt) = effect else { continue };
            let reply = replies.next().unwrap();
            effects.extend(world.step(|node, cx| node.handle_reply(cx, attempt.id, &reply)));
        }
    }
    let of = receivers(&mut world);
    let at = |key: &str| of[0][key].as_str().unwrap().to_owned();
    assert_eq!((&of[0]["receiver"], at("lastError")), (&"default".into(), "no way".to_owned()));
    assert!(at("lastSuccess") > at("lastFailure"), "{of}");
    // A step of the clock moves both along.
    let before = at("lastSuccess");
    world.now.wall = world.now.wall + Duration::from_secs(86_400);
    world.step(Node::handle_timeout);
    let of = receivers(&mut world);
    assert!(of[0]["lastSuccess"].as_str().unwrap()[..10] > before[..10], "{of}");
}

#[test]
fn a_costly_filter_of_the_history_is_compared_in_pieces() {
    let mut world = World::new();
    let alert = |n: usize| format!(r#"{{"labels":{{"a":"{n}","b":"{}"}}}}"#, "ab".repeat(250));
    let alerts: Vec<String> = (0..100).map(alert).collect();
    world.post("/api/v2/alerts", &format!("[{}]", alerts.join(",")));
    let path = "/bellwether/v1/history";
    let mut ask = |query: &str| {
        world.ask_in_pieces(&Request { method: "GET", path, query, ..Request::default() })
    };
    let (all, pieces) = ask("topic=alerts");
    assert_eq!(pieces, 1);
    let (filtered, pieces) = ask(&format!("topic=alerts{}", "&filter=b=~.*(a|b)b".repeat(60)));
    assert!(pieces > 1, "{pieces}");
    assert_eq!(filtered.body, all.body);
    let (filtered, _) = ask("topic=alerts&filter=a=~[0-9]&filter=b=~.*(a|b)b");
    assert_eq!(told(filtered).1.matches("\"status\"").count(), 10);
}
