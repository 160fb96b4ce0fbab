//! Silences: set, shown, expired, and whom they mute.

use super::*;

#[test]
fn bad_silences_are_told_in_the_right_family() {
    let whole = r#"{"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2027-01-15T07:00:00Z",
        "endsAt":"2027-01-15T09:00:00Z","createdBy":"","comment":""}"#;
    let with = |from: &str, to: &str| whole.replace(from, to);
    let failed = |why: &str| string(&format!("Failed to create silence: {why}"));
    let cases = [
        (String::new(), 422, object(602, "silence in body is required")),
        ("null".to_owned(), 422, object(602, "comment in body is required")),
        (with("isRegex", "x"), 422, object(602, "matchers.0.isRegex in body is required")),
        (with("09:00", "07:00"), 400, failed("start time must be before end time")),
        (
            with("15T09", "15T08").replace("15T08:00:00Z", "15T07:59:59Z"),
            400,
            failed("end time can't be in the past"),
        ),
        (with("{\"matchers", "{\"id\":\"nonsense\",\"matchers"), 404, string("silence not found")),
        (
            with("{\"matchers", "{\"id\":\"1db1594e-46b1-43eb-8b4b-cf49816480b3\",\"matchers"),
            404,
            string("silence not found"),
        ),
    ];
    for (body, status, answer) in cases {
        assert_eq!(World::new().post("/api/v2/silences", &body), (status, answer), "{body}");
    }
    let regex = with("\"b\",\"isRegex\":false", "\"(\",\"isRegex\":true");
    let rule = "invalid regular expression \"(\": error parsing regexp: missing closing ): `(`";
    let text = string(&format!("invalid silence: invalid label matcher 0 in set 0: {rule}"));
    assert_eq!(World::new().post("/api/v2/silences", &regex), (400, text));
    let name = with("\"a\"", "\"\"");
    let text = string("invalid silence: invalid label matcher 0 in set 0: invalid label name \"\"");
    assert_eq!(World::new().post("/api/v2/silences", &name), (400, text));
    let (status, body) = World::new().post("/api/v2/silences", "[]");
    assert!(status == 400 && body.contains("parsing silence body from \\\"\\\" failed"), "{body}");
}

#[test]
fn a_silence_is_shown_as_active_right_after_the_clock_was_set() {
    let mut world = World::new();
    world.now.wall = Wall::from_secs(978_307_200);
    let body = r#"{"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2001-01-01T00:00:00Z",
        "endsAt":"2001-01-01T02:00:00Z","createdBy":"","comment":""}"#;
    assert_eq!(world.post("/api/v2/silences", body).0, 200);
    world.now.wall = Wall::from_secs(1_800_000_000);
    let (_, shown) = world.get("/api/v2/silences");
    assert!(shown.contains(r#""state":"active""#), "{shown}");
    assert!(shown.contains(r#""endsAt":"2027-01-15T10:00:00.000Z""#), "{shown}");
}

#[test]
fn very_many_matchers_are_refused_before_all_are_compiled() {
    let mut world = World::new();
    let many = vec![r#"{"name":"a","value":"(","isRegex":true}"#; 65].join(",");
    let body = format!(
        r#"{{"matchers":[{many}],"startsAt":"2027-01-15T07:00:00Z","endsAt":"2027-01-15T09:00:00Z","createdBy":"","comment":""}}"#
    );
    let text = string("invalid silence: 65 matchers, at most 64 are taken: split it");
    assert_eq!(world.post("/api/v2/silences", &body), (400, text));
    let filters = format!("{}&filter=a=~(", "&filter=a=~b.".repeat(64));
    let text = string("65 matchers, at most 64 are taken");
    assert_eq!(world.get(&format!("/api/v2/alerts?{filters}")), (400, text.clone()));
    assert_eq!(world.get(&format!("/api/v2/silences?{filters}")), (400, text));
}

#[test]
fn a_silence_is_set_shown_and_expired() {
    let mut world = World::new();
    let matcher = r#"{"name":"a","value":".+","isRegex":true,"isEqual":true}"#;
    let id = world.silence(matcher, "2027-01-15T07:00:00Z", "2027-01-15T09:00:00Z");
    let path = format!("/api/v2/silence/{id}");
    let (status, body) = world.get(&path);
    let expected = format!(
        concat!(
            r#"{{"id":"{}","status":{{"state":"active"}},"updatedAt":"2027-01-15T08:00:00.000Z","comment":"c","#,
            r#""createdBy":"me","endsAt":"2027-01-15T09:00:00.000Z","matchers":[{{"isEqual":true,"isRegex":true,"#,
            r#""name":"a","value":".+"}}],"startsAt":"2027-01-15T08:00:00.000Z"}}"#,
            "\n"
        ),
        id
    );
    assert_eq!((status, body), (200, expected));
    assert_eq!(
        world.get(&path.to_uppercase().replace("/API/V2/SILENCE", "/api/v2/silence")).0,
        200
    );
    assert_eq!(world.delete(&path), (200, String::new()));
    world.now.wall = world.now.wall + Duration::from_millis(1);
    assert!(world.get(&path).1.contains(r#""state":"expired""#));
    assert_eq!(world.delete(&path), (200, String::new()));
}

#[test]
fn muters_of_an_alert_are_shown_and_filtered_in_both_lists() {
    let mut world = World::new();
    assert_eq!(world.post("/api/v2/alerts", ALERTS).0, 200);
    let matcher = r#"{"name":"a","value":"target|plain","isRegex":true}"#;
    let id = world.silence(matcher, "2027-01-15T07:00:00Z", "2027-01-15T09:00:00Z");
    let pending = r#"{"name":"a","value":"team","isRegex":false}"#;
    world.silence(pending, "2027-01-15T08:30:00Z", "2027-01-15T09:00:00Z");

    let body = world.get("/api/v2/alerts").1;
    let list: Vec<serde_json::Value> = serde_json::from_str(&body).unwrap();
    let find = |name: &str| list.iter().find(|it| it["labels"]["a"] == name).unwrap();
    let status = |name: &str| find(name)["status"].clone();
    let (none, source) = (serde_json::json!([]), find("source")["fingerprint"].clone());
    let told = |by: &serde_json::Value, silences: &[&str], state: &str| {
        let inhibited = if by.is_null() { none.clone() } else { serde_json::json!([by]) };
        serde_json::json!({
            "inhibitedBy": inhibited, "mutedBy": [], "silencedBy": silences, "state": state
        })
    };
    let null = serde_json::Value::Null;
    assert_eq!(status("source"), told(&null, &[], "active"));
    assert_eq!(status("target"), told(&source, &[&id], "suppressed"));
    assert_eq!(status("plain"), told(&null, &[&id], "suppressed"));
    assert_eq!(status("team"), told(&null, &[], "active"), "its silence has not begun");

    for (query, names) in [
        ("active=false", ["plain", "target"].as_slice()),
        ("silenced=false", &["source", "team"]),
        ("inhibited=false", &["plain", "source", "team"]),
        ("active=false&inhibited=false", &["plain"]),
    ] {
        assert_eq!(world.listed(&format!("/api/v2/alerts?{query}")), names, "{query}");
        let groups = world.get(&format!("/api/v2/alerts/groups?{query}&receiver=default|team-X")).1;
        let groups: Vec<serde_json::Value> = serde_json::from_str(&groups).unwrap();
        let alerts = groups.iter().flat_map(|group| group["alerts"].as_array().unwrap());
        let mut shown: Vec<&str> =
            alerts.map(|alert| alert["labels"]["a"].as_str().unwrap()).collect();
        shown.sort_unstable();
        assert_eq!(shown, names, "groups, {query}");
    }

    assert_eq!(world.delete(&format!("/api/v2/silence/{id}")).0, 200);
    let ended = r#"[{"labels":{"a":"source","severity":"critical","instance":"i"},"endsAt":"2027-01-15T08:00:00Z"}]"#;
    assert_eq!(world.post("/api/v2/alerts", ended).0, 200);
    world.now.wall = world.now.wall + Duration::from_millis(1);
    assert_eq!(
        world.listed("/api/v2/alerts?silenced=false&inhibited=false"),
        ["plain", "target", "team"]
    );
}

#[test]
fn silences_that_do_not_exist_are_not_found() {
    let mut world = World::new();
    for id in ["1db1594e-46b1-43eb-8b4b-cf49816480b3", "1db1594e46b143eb8b4bcf49816480b3"] {
        assert_eq!(world.get(&format!("/api/v2/silence/{id}")), (404, String::new()));
        assert_eq!(world.delete(&format!("/api/v2/silence/{id}")), (404, String::new()));
    }
    let error = object(601, "silenceID in path must be of type uuid: \"notauuid\"");
    assert_eq!(world.get("/api/v2/silence/notauuid"), (422, error.clone()));
    assert_eq!(world.delete("/api/v2/silence/notauuid"), (422, error));
}

#[test]
fn silences_are_listed_by_state_and_time_and_filtered_by_their_text() {
    let mut world = World::new();
    let matcher = |value: &str| format!(r#"{{"name":"a","value":"{value}","isRegex":false}}"#);
    let mut ids = Vec::new();
    for (value, starts, ends) in [
        ("late", "07:00", "10:00"),
        ("soon", "07:00", "09:00"),
        ("later", "09:30", "12:00"),
        ("next", "08:30", "12:00"),
        ("gone", "07:00", "11:00"),
    ] {
        let time = |at| format!("2027-01-15T{at}:00Z");
        ids.push(world.silence(&matcher(value), &time(starts), &time(ends)));
    }
    assert_eq!(world.delete(&format!("/api/v2/silence/{}", ids[4])).0, 200);
    world.now.wall = world.now.wall + Duration::from_millis(1);
    let mut values = |query: &str| {
        let body = world.get(&format!("/api/v2/silences?{query}")).1;
        let list: Vec<serde_json::Value> = serde_json::from_str(&body).unwrap();
        let value =
            |item: &serde_json::Value| item["matchers"][0]["value"].as_str().unwrap().to_owned();
        list.iter().map(value).collect::<Vec<_>>()
    };
    assert_eq!(values(""), ["soon", "late", "next", "later", "gone"]);
    assert_eq!(values("expired=false&pending=0"), ["soon", "late"]);
    assert_eq!(values("active=false"), ["next", "later", "gone"]);
    assert_eq!(values("filter=a=%22gone%22"), ["gone"]);
    assert_eq!(values("filter=a=~%22gone%22"), Vec::<String>::new());
}

#[test]
fn a_silence_of_expensive_patterns_is_refused_before_all_are_compiled() {
    let mut world = World::new();
    let posted = |value: &str| {
        let many =
            vec![format!(r#"{{"name":"a","value":"{value}","isRegex":true}}"#); 64].join(",");
        format!(
            r#"{{"matchers":[{many}],"startsAt":"2027-01-15T07:00:00Z","endsAt":"2027-01-15T09:00:00Z","createdBy":"","comment":""}}"#
        )
    };
    let text = string(
        "invalid silence: the regular expressions need more than 1048576 bytes: simplify them",
    );
    let body = posted(&"[a-c]{1000}".repeat(32));
    assert_eq!(world.post("/api/v2/silences", &body), (400, text));
    let (status, text) = world.post("/api/v2/silences", &posted(&"a.".repeat(1000)));
    assert_eq!(status, 400);
    assert!(text.contains("silence exceeded maximum size: 128064 bytes"), "{text}");
}

#[test]
fn lists_are_made_in_pieces_and_are_the_same() {
    let mut world = World::new();
    let alerts: Vec<String> = (0..300)
        .map(|n| format!(r#"{{"labels":{{"a":"{n:05}","b":"{}"}}}}"#, "ab".repeat(250)))
        .collect();
    assert_eq!(world.post("/api/v2/alerts", &format!("[{}]", alerts.join(","))).0, 200);
    for n in 0..300 {
        let body = format!(
            r#"{{"matchers":[{{"name":"b","value":".*[b-d]{n}x?","isRegex":true}}],"startsAt":"2027-01-15T07:00:00Z",
            "endsAt":"2027-01-15T09:00:00Z","createdBy":"","comment":""}}"#
        );
        assert_eq!(world.post("/api/v2/silences", &body).0, 200);
    }
    let filter = "&filter=b=~.*(a|b)b".repeat(60);
    for path in ["/api/v2/alerts", "/api/v2/alerts/groups"] {
        let mut ask = |query| {
            world.ask_in_pieces(&Request { method: "GET", path, query, ..Request::default() })
        };
        let (plain, _) = ask("");
        let (again, pieces) = ask("");
        assert!(pieces <= 3, "{path}: {pieces}: what was compared is not compared again");
        assert_eq!(again.body, plain.body);
        let (filtered, pieces) = ask(&filter);
        assert!(pieces > 1, "{path}: {pieces}");
        assert_eq!(filtered.body, plain.body, "{path}");
        let list: Vec<serde_json::Value> = serde_json::from_slice(&plain.body).unwrap();
        let listed: usize = list.iter().map(|it| it["alerts"].as_array().map_or(1, Vec::len)).sum();
        assert_eq!(listed, 300);
    }
}

#[test]
fn of_many_lists_at_once_each_is_begun_in_its_turn() {
    let mut world = World::new();
    world.post("/api/v2/alerts", r#"[{"labels":{"a":"b"}}]"#);
    for path in ["/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/silences"] {
        for (query, status) in [("", 200), ("filter=a%3D~%22%5B%22", 400)] {
            let mut ask = |lists| {
                world.site.http.lists = lists;
                world.ask_in_pieces(&Request { method: "GET", path, query, ..Request::default() })
            };
            let (alone, pieces) = ask(0);
            assert_eq!((alone.status, pieces), (status, 1), "{path}");
            let (among_many, pieces) = ask(LISTS_BEGUN_MAX);
            assert_eq!((among_many.status, among_many.body, pieces), (status, alone.body, 2));
        }
    }
}
