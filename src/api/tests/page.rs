//! The page, its files, and waiting for news.

use super::*;

fn get<'a>(path: &'a str, query: &'a str) -> Request<'a> {
    Request { method: "GET", path, query, accept_encoding: Some("gzip, br"), ..Request::default() }
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|(it, _)| *it == name).map(|(_, value)| &**value)
}

#[test]
fn a_browser_gets_the_page_and_its_files_compressed_and_guarded() {
    let mut world = World::new();
    for (path, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/assets/app.js", "text/javascript; charset=utf-8"),
        ("/assets/style.css", "text/css; charset=utf-8"),
    ] {
        let response = world.ask(&get(path, ""));
        assert_eq!(response.status, 200, "{path}");
        assert!(response.body.starts_with(&[0x1f, 0x8b]), "{path} is not gzip");
        assert_eq!(header(&response, "Content-Type"), Some(media_type));
        assert_eq!(header(&response, "Content-Encoding"), Some("gzip"));
        let policy = header(&response, "Content-Security-Policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        let tag = header(&response, "ETag");
        let again = world.ask(&Request { if_none_match: tag, ..get(path, "") });
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
    }
    assert_eq!(world.ask(&get("/assets/none.js", "")).status, 404);
}

#[test]
fn a_client_that_does_not_take_gzip_gets_the_plain_page() {
    let mut world = World::new();
    for codings in [None, Some("br"), Some("gzip;q=0")] {
        let response = world.ask(&Request { accept_encoding: codings, ..get("/", "") });
        assert!(response.body.starts_with(b"<!DOCTYPE html>"), "{codings:?}");
        let file = world.ask(&Request { accept_encoding: codings, ..get("/assets/app.js", "") });
        assert_eq!(file.status, 406, "{codings:?}");
    }
    assert!(world.ask(&get("/plain", "")).body.starts_with(b"<!DOCTYPE html>"));
}

#[test]
fn the_plain_page_is_guarded_and_only_its_own_style_is_taken() {
    let mut world = World::new();
    for (path, codings) in [("/plain", Some("gzip")), ("/", None)] {
        let response = world.ask(&Request { accept_encoding: codings, ..get(path, "") });
        let html = String::from_utf8(response.body.clone()).unwrap();
        let (_, rest) = html.split_once("<style>").unwrap();
        let (style, _) = rest.split_once("</style>").unwrap();
        let hash = ring::digest::digest(&ring::digest::SHA256, style.as_bytes());
        let hash = crate::model::base64::encode(hash.as_ref());
        let policy = header(&response, "Content-Security-Policy").unwrap();
        assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{hash}: {policy}");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(header(&response, "X-Content-Type-Options"), Some("nosniff"));
    }
}

#[test]
fn a_group_has_another_version_when_what_is_shown_of_it_is_different() {
    const PATH: &str = "/bellwether/v1/groups";
    let mut world = World::new();
    let json = |world: &mut World, query: &str| -> serde_json::Value {
        let (status, body) = world.get(&format!("{PATH}?{query}"));
        assert_eq!(status, 200, "{query}: {body}");
        serde_json::from_str(&body).unwrap()
    };
    let post = |world: &mut World, name: &str, more: &str| {
        let body = format!(r#"[{{"labels":{{"alertname":"{name}","severity":"x"}}{more}}}]"#);
        world.now.wall = world.now.wall + Duration::from_secs(1);
        world.now.mono = world.now.mono + Duration::from_secs(1);
        assert_eq!(world.post("/api/v2/alerts", &body).0, 200);
        json(world, "show=versions")
    };
    post(&mut world, "A", "");
    let first = post(&mut world, "B", "");
    assert_eq!(first.as_array().unwrap().len(), 2);
    assert_eq!(post(&mut world, "B", ""), first, "only its lease has moved on");
    let noted = post(&mut world, "B", r#","annotations":{"summary":"s"}"#);
    assert_eq!((&noted[0], &noted[1][0]), (&first[0], &first[1][0]));
    assert_ne!(noted[1][1], first[1][1], "it has another annotation");
    let silence = r#"{"matchers":[{"name":"alertname","value":"A","isRegex":false}],"startsAt":"2027-01-01T00:00:00Z",
        "endsAt":"2099-01-01T00:00:00Z","createdBy":"me","comment":"c"}"#;
    assert_eq!(world.post("/api/v2/silences", silence).0, 200);
    let silenced = json(&mut world, "show=versions");
    assert_ne!(silenced[0][1], noted[0][1], "it is silenced");
    assert_eq!(silenced[1], noted[1]);
    let one = json(&mut world, &format!("id={}", silenced[1][0]));
    assert_eq!(one.as_array().unwrap().len(), 1);
    assert_eq!([&one[0]["id"], &one[0]["version"]], [&silenced[1][0], &silenced[1][1]]);
    assert_eq!(one[0]["alerts"][0]["labels"]["alertname"], "B");
    let all = json(&mut world, "");
    assert_eq!(all[1], one[0]);
    let found = json(&mut world, "show=fingerprints&filter=alertname%3D~%22B%7CC%22");
    assert_eq!(found, serde_json::json!([one[0]["alerts"][0]["fingerprint"]]));
    for query in ["show=x", "id=x", "id=-1", "filter=x"] {
        assert_eq!(world.get(&format!("{PATH}?{query}")).0, 400, "{query}");
    }
}

#[test]
fn links_to_the_newer_page_of_alertmanager_lead_to_ours() {
    let mut world = World::new();
    let response = world.ask(&get("/ui/alerts", "filter=a%3Db"));
    assert_eq!(header(&response, "Location"), Some("/#/alerts?filter=a%3Db"));
    assert_eq!(header(&world.ask(&get("/ui", "")), "Location"), Some("/#/"));
}

#[test]
fn a_page_waits_only_while_nothing_has_changed() {
    let mut world = World::new();
    let version = |world: &mut World, after: &str| {
        let query = format!("after={after}");
        let response = world.ask(&get("/bellwether/v1/changes", &query));
        (response.status, String::from_utf8(response.body).unwrap())
    };
    let (status, first) = version(&mut world, "");
    assert_eq!(status, 200);
    assert_eq!(version(&mut world, &first).0, 202, "nothing has changed");
    let records = [crate::store::JournalRecord {
        kind: u16::from(crate::wire::record::Kind::Silence.number()),
        key: Vec::new(),
        op: crate::store::Op::Delete,
    }];
    world.site.changes.count(&records);
    let (status, second) = version(&mut world, &first);
    assert_eq!(status, 200);
    let [old, new] = [&first, &second].map(|it| it.split('.').collect::<Vec<_>>());
    assert_eq!((old[1], old[3]), (new[1], new[3]), "alerts and history are as they were");
    assert_ne!(old[2], new[2], "silences have changed");
}
