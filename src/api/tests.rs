//! Every endpoint and every family of errors, as Alertmanager answers.

use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::config::{Config, Flags, Language, Options as ConfigOptions};
use crate::effect::AttemptId;
use crate::node::Options;
use crate::notify::Reply;
use crate::time::{Mono, Now, Wall};

const CONFIG: &str = r#"
[route]
receiver = "default"
group_by = ["alertname"]
[[route.routes]]
receiver = "team-X"
matchers = ['team="x"']
continue = true
[[route.routes]]
receiver = "night"
matchers = ['team="x"']
mute_time_intervals = ["always"]
[[receivers]]
name = "default"
[[receivers]]
name = "team-X"
labels = { tier = "1" }
[[receivers]]
name = "night"
[[inhibit_rules]]
source_matchers = ['severity="critical"']
target_matchers = ['severity="warning"']
equal = ["instance"]
[[time_intervals]]
name = "always"
time_intervals = [{ years = ["1970:2200"] }]
"#;

/// A node behind the API, and the time.
struct World {
    node: Node,
    site: Site,
    rng: StdRng,
    now: Now,
}

impl World {
    fn new() -> Self {
        let flags = &Flags::default();
        let file = "test.toml".as_ref();
        let options =
            ConfigOptions { file, language: Language::Toml, flags, state_directory: None };
        let config = Config::load(CONFIG.as_bytes(), &options).unwrap().config;
        let now = Now { mono: Mono::from_ms(1000), wall: Wall::from_secs(1_800_000_000) };
        Self {
            node: Node::new(Rc::new(config), Options::default(), None, now),
            site: Site { started_at: now.wall, ..Site::default() },
            rng: StdRng::seed_from_u64(1),
            now,
        }
    }

    fn ask(&mut self, request: &Request<'_>) -> Response {
        let effects = &mut Vec::new();
        let cx = &mut Cx { now: self.now, rng: &mut self.rng, effects };
        match handle(&mut self.node, cx, &self.site, request) {
            Answer::Now(response) | Answer::WhenDurable(response) => response,
            Answer::Reload => reloaded(Ok(())),
        }
    }

    fn step(&mut self, input: impl FnOnce(&mut Node, &mut Cx<'_>)) {
        let effects = &mut Vec::new();
        input(&mut self.node, &mut Cx { now: self.now, rng: &mut self.rng, effects });
    }

    fn get(&mut self, path_and_query: &str) -> (u16, String) {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        told(self.ask(&Request { method: "GET", path, query, ..Request::default() }))
    }

    fn post(&mut self, path: &str, body: &str) -> (u16, String) {
        let content_type = Some("application/json");
        let body = body.as_bytes();
        told(self.ask(&Request { method: "POST", path, content_type, body, ..Request::default() }))
    }

    fn delete(&mut self, path: &str) -> (u16, String) {
        told(self.ask(&Request { method: "DELETE", path, ..Request::default() }))
    }

    /// The values of the label `a` of the alerts that a GET lists.
    fn listed(&mut self, path_and_query: &str) -> Vec<String> {
        let (status, body) = self.get(path_and_query);
        assert_eq!(status, 200, "{body}");
        let list: Vec<serde_json::Value> = serde_json::from_str(&body).unwrap();
        let alerts = list.iter().flat_map(|item| match item["alerts"].as_array() {
            Some(alerts) => alerts.clone(),
            None => vec![item.clone()],
        });
        let mut names: Vec<String> =
            alerts.map(|alert| alert["labels"]["a"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    fn silence(&mut self, matcher: &str, starts: &str, ends: &str) -> String {
        let body = format!(
            r#"{{"matchers":[{matcher}],"startsAt":"{starts}","endsAt":"{ends}","createdBy":"me","comment":"c"}}"#
        );
        let (status, body) = self.post("/api/v2/silences", &body);
        assert_eq!(status, 200, "{body}");
        body.split('"').nth(3).unwrap().to_owned()
    }
}

fn told(response: Response) -> (u16, String) {
    (response.status, String::from_utf8(response.body).unwrap())
}

fn header<'a>(response: &'a Response, name: &str) -> Vec<&'a str> {
    let headers = response.headers.iter().filter(|(known, _)| *known == name);
    headers.map(|(_, value)| &**value).collect()
}

const ALERTS: &str = r#"[
    {"labels":{"a":"source","severity":"critical","instance":"i"}},
    {"labels":{"a":"target","severity":"warning","instance":"i"}},
    {"labels":{"a":"plain","foo":"bar"}},
    {"labels":{"a":"team","team":"x"}}]"#;

fn string(text: &str) -> String {
    format!("{}\n", serde_json::to_string(text).unwrap())
}

fn object(code: u16, message: &str) -> String {
    format!(r#"{{"code":{code},"message":{}}}"#, serde_json::to_string(message).unwrap())
}

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
            parsing("json: cannot unmarshal object into Go value of type models.PostableAlerts"),
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
    let cases: [(&str, &[&str]); 5] = [
        ("", &["plain", "source", "target", "team", "team"]),
        ("muted=false", &["plain", "source", "target", "team"]),
        ("inhibited=false&silenced=false", &["source", "team", "team"]),
        ("receiver=night", &["team"]),
        ("filter=foo=bar", &["plain"]),
    ];
    for (query, names) in cases {
        assert_eq!(world.listed(&format!("/api/v2/alerts/groups?{query}")), names, "{query}");
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
fn who_mutes_an_alert_is_told_and_chosen_by_in_both_lists() {
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
fn status_receivers_and_pages_tell_what_runs() {
    let mut world = World::new();
    let (status, body) = world.get("/api/v2/status");
    let json: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    assert_eq!(json["cluster"], serde_json::json!({"peers": [], "status": "disabled"}));
    assert!(json["config"]["original"].as_str().unwrap().contains("receiver: team-X"));
    assert_eq!(json["clock"], "unsynced");
    assert_eq!(json["uptime"], "2027-01-15T08:00:00.000Z");
    assert_eq!(json["versionInfo"]["version"], env!("CARGO_PKG_VERSION"));
    world.site.cluster = Cluster {
        enabled: true,
        name: "me".to_owned(),
        address: "127.0.0.1:9094".to_owned(),
        ..Cluster::default()
    };
    let body = world.get("/api/v2/status").1;
    let start = r#"{"cluster":{"name":"me","peers":[{"address":"127.0.0.1:9094","name":"me"}],"status":"ready"},"#;
    assert!(body.starts_with(start), "{body}");
    assert_eq!(
        world.get("/api/v2/receivers").1,
        concat!(
            r#"[{"labels":{"name":"default"},"name":"default"},"#,
            r#"{"labels":{"name":"team-X","tier":"1"},"name":"team-X"},"#,
            r#"{"labels":{"name":"night"},"name":"night"}]"#,
            "\n"
        )
    );
    assert_eq!(world.get("/-/healthy"), (200, "OK".to_owned()));
    assert_eq!(world.get("/-/ready"), (200, "OK".to_owned()));
    assert!(world.get("/").1.contains("/api/v2/status"));
    let metrics = world.get("/metrics").1;
    assert!(metrics.contains("\nalertmanager_receivers 3\n"), "{metrics}");
    assert!(metrics.contains("\nbellwether_clock_synced 0\n"), "{metrics}");
    world.site.synced = true;
    assert!(world.get("/api/v2/status").1.contains(r#","clock":"synced","#));
    assert!(world.get("/metrics").1.contains("\nbellwether_clock_synced 1\n"));
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let known = ["alertmanager_", "bellwether_", "process_"];
        assert!(known.iter().any(|prefix| line.starts_with(prefix)), "{line}");
    }
    assert!(metrics.contains("\nprocess_start_time_seconds 1800000000\n"), "{metrics}");
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
    assert_eq!(header(&taken, "Access-Control-Allow-Origin"), ["*"]);
    assert_eq!(told(taken), (200, r#"{"status":"success"}"#.to_owned()));
    assert_eq!(told(post("")), bad("EOF"));
    assert_eq!(told(post("bad")), bad("invalid character 'b' looking for beginning of value"));
    assert_eq!(
        told(post("{}")),
        bad("json: cannot unmarshal object into Go value of type []*types.Alert")
    );
    assert_eq!(told(post("[{}]")), bad("at least one label pair required"));
    assert_eq!(world.listed("/api/v2/alerts"), ["v1"]);
    for path in ["alerts", "silences", "status", "receivers", "silence/x"] {
        let (status, body) = world.get(&format!("/api/v1/{path}"));
        assert!(status == 410 && body.starts_with(r#"{"status":"deprecated""#), "{path}: {body}");
    }
    assert_eq!(world.get("/api/v1/nope").0, 404);
}

#[test]
fn paths_and_methods_that_do_not_exist_are_refused() {
    let mut world = World::new();
    for path in
        ["/api/v2/nope", "/api/v2/", "/api/v2/silence", "/api/v2/silence/", "/api/v2/alerts/x/y"]
    {
        let error = object(404, &format!("path {path} was not found"));
        assert_eq!(world.get(path), (404, error), "{path}");
    }
    for path in ["/nope", "/api/v3/x", "/api", "/apiv2"] {
        assert_eq!(world.get(path), (404, "404 page not found\n".to_owned()), "{path}");
    }
    assert_eq!(world.get("/api/v2/alerts/").0, 200);
    let options = Request { method: "OPTIONS", path: "/nope", ..Request::default() };
    assert_eq!(world.ask(&options).status, 404);
    assert_eq!(world.ask(&Request { path: "/-/ready", ..options }).status, 200);
    let cases = [
        ("PUT", "/api/v2/alerts", "POST,GET"),
        ("HEAD", "/api/v2/alerts", "POST,GET"),
        ("POST", "/api/v2/status", "GET"),
        ("POST", "/-/healthy", "GET, HEAD, OPTIONS"),
        ("GET", "/-/reload", "OPTIONS, POST"),
        ("POST", "/", "GET, OPTIONS"),
    ];
    for (method, path, allowed) in cases {
        let response = world.ask(&Request { method, path, ..Request::default() });
        assert_eq!(header(&response, "Allow"), [allowed], "{path}");
        let body = if path.starts_with("/api") {
            object(405, &format!("method {method} is not allowed, but [{allowed}] are"))
        } else {
            "Method Not Allowed\n".to_owned()
        };
        assert_eq!(told(response), (405, body));
    }
}

#[test]
fn paths_written_otherwise_are_redirected() {
    let mut world = World::new();
    for (path, to) in [
        ("/api/v2", "/api/v2/"),
        ("//api/v2/alerts", "/api/v2/alerts"),
        ("/api/v2//alerts/", "/api/v2/alerts/"),
        ("/api/./v2/../v2/x", "/api/v2/x"),
        ("/..", "/"),
    ] {
        let response = world.ask(&Request { method: "GET", path, ..Request::default() });
        assert_eq!((response.status, header(&response, "Location")), (301, vec![to]), "{path}");
    }
}

#[test]
fn a_prefix_goes_before_every_path() {
    let mut world = World::new();
    world.site.prefix = "/foo".to_owned();
    assert_eq!(world.get("/foo/api/v2/alerts").0, 200);
    assert_eq!(world.get("/foo/-/ready").0, 200);
    assert_eq!(world.get("/foo/").0, 200);
    assert_eq!(world.get("/api/v2/alerts").0, 404);
    assert_eq!(world.get("/foobar/-/ready").0, 404);
    let error = object(404, "path /api/v2/nope was not found");
    assert_eq!(world.get("/foo/api/v2/nope"), (404, error));
    let response = world.ask(&Request { method: "GET", path: "/", ..Request::default() });
    assert_eq!((response.status, header(&response, "Location")), (302, vec!["/foo/"]));
}

#[test]
fn only_json_is_taken_and_given() {
    let mut world = World::new();
    let mut post = |content_type| {
        let (path, body) = ("/api/v2/alerts", b"[]".as_slice());
        told(world.ask(&Request { method: "POST", path, content_type, body, ..Request::default() }))
    };
    let unsupported = |media: &str| {
        (
            415,
            object(
                415,
                &format!("unsupported media type \"{media}\", only [application/json] are allowed"),
            ),
        )
    };
    assert_eq!(post(None), unsupported("application/octet-stream"));
    assert_eq!(post(Some("text/plain; charset=x")), unsupported("text/plain"));
    assert_eq!(post(Some("application/JSON; charset=utf-8")).0, 200);
    let why = "parsing Content-Type header from \";;;\" failed, because mime: no media type";
    assert_eq!(post(Some(";;;")), (400, object(400, why)));
    let mut get = |accept| {
        let path = "/api/v2/status";
        told(world.ask(&Request {
            method: "GET",
            path,
            accept: Some(accept),
            ..Request::default()
        }))
    };
    let why = "unsupported media type requested, only [application/json] are available";
    assert_eq!(get("text/html"), (406, object(406, why)));
    assert_eq!(get("text/html, */*;q=0.1").0, 200);
    let empty = Request { method: "POST", path: "/api/v2/alerts", ..Request::default() };
    assert_eq!(world.ask(&empty).status, 422);
}

#[test]
fn browsers_of_any_origin_may_read_and_post() {
    let mut world = World::new();
    let get = Request { method: "GET", path: "/api/v2/alerts", ..Request::default() };
    let response = world.ask(&get);
    assert_eq!(header(&response, "Cache-Control"), ["no-store"]);
    assert_eq!(header(&response, "Vary"), ["Origin"]);
    assert_eq!(header(&response, "Access-Control-Allow-Origin"), Vec::<&str>::new());
    let response = world.ask(&Request { origin: Some("http://x"), ..get });
    assert_eq!(header(&response, "Access-Control-Allow-Origin"), ["*"]);
    let preflight = Request {
        method: "OPTIONS",
        origin: Some("http://x"),
        cors_method: Some("POST"),
        cors_headers: Some("Content-Type"),
        ..get
    };
    let response = world.ask(&preflight);
    assert_eq!((response.status, response.body.len()), (200, 0));
    assert_eq!(header(&response, "Access-Control-Allow-Origin"), ["*"]);
    assert_eq!(header(&response, "Access-Control-Allow-Methods"), ["POST"]);
    assert_eq!(header(&response, "Access-Control-Allow-Headers"), ["Content-Type"]);
    assert_eq!(header(&response, "Vary").len(), 3);
    let response = world.ask(&Request { cors_method: Some("DELETE"), ..preflight });
    assert_eq!(response.status, 200);
    assert_eq!(header(&response, "Access-Control-Allow-Origin"), Vec::<&str>::new());
    let response = world.ask(&Request { cors_method: None, origin: None, ..preflight });
    assert_eq!(response.status, 405);
}

#[test]
fn a_reload_is_the_shells_and_its_failure_is_told() {
    let mut world = World::new();
    assert_eq!(world.post("/-/reload", ""), (200, String::new()));
    let failed = reloaded(Err("x.yml:1: bad".to_owned()));
    assert_eq!(told(failed), (500, "failed to reload config: x.yml:1: bad\n".to_owned()));
}

#[test]
fn what_may_have_to_be_kept_waits_for_that() {
    let mut world = World::new();
    for (method, path, waits) in [
        ("POST", "/api/v2/alerts", true),
        ("POST", "/api/v1/alerts", true),
        ("POST", "/api/v2/silences", true),
        ("DELETE", "/api/v2/silence/x", true),
        ("GET", "/api/v2/alerts", false),
        ("GET", "/api/v2/silence/x", false),
    ] {
        let cx = &mut Cx { now: world.now, rng: &mut world.rng, effects: &mut Vec::new() };
        let request = Request { method, path, ..Request::default() };
        let answer = handle(&mut world.node, cx, &world.site, &request);
        assert_eq!(matches!(answer, Answer::WhenDurable(_)), waits, "{method} {path}");
    }
}

proptest! {
    #[test]
    fn no_request_makes_it_panic(
        method in "GET|POST|DELETE|OPTIONS|HEAD|[A-Z]{1,8}",
        path in "(/api/v[12]/(alerts|silences|silence|status|receivers|alerts/groups)(/[^/]{0,40})?)|/.{0,20}",
        query in "((filter|receiver|active|receiver_matchers)=.{0,12}&?){0,3}",
        content_type in proptest::option::of("application/json|.{0,10}"),
        body in any::<Vec<u8>>(),
    ) {
        let content_type = content_type.as_deref();
        let (method, path, query) = (&*method, &*path, &*query);
        let request = Request { method, path, query, content_type, body: &body, ..Request::default() };
        World::new().ask(&request);
    }
}

#[test]
fn the_history_says_what_was_notified_and_why() {
    let mut world = World::new();
    assert_eq!(world.get("/bellwether/v1/history"), (200, "[]\n".to_owned()));
    let config = CONFIG.replacen("name = \"default\"", "name = \"default\"\nlog_configs = [{}]", 1);
    let flags = &Flags::default();
    let file = "test.toml".as_ref();
    let options = ConfigOptions { file, language: Language::Toml, flags, state_directory: None };
    let config = Config::load(config.as_bytes(), &options).unwrap().config;
    world.step(|node, cx| node.handle_config(cx, Rc::new(config)).unwrap());
    world.post("/api/v2/alerts", r#"[{"labels":{"alertname":"A"}}]"#);
    world.now.mono = world.now.mono + Duration::from_secs(31);
    world.now.wall = world.now.wall + Duration::from_secs(31);
    world.step(Node::handle_timeout);
    world.step(|node, cx| node.handle_reply(cx, AttemptId(0), &Reply::Done));
    let (status, body) = world.get("/bellwether/v1/history");
    let expected = r#"[{"afterMs":0,"at":"2027-01-15T08:00:31Z","attempts":1,"groupKey":"{}:{alertname=\"A\"}","#;
    assert!(status == 200 && body.starts_with(expected), "{body}");
    let expected = r#""groupLabels":{"alertname":"A"},"integration":"log[0]","outcome":"sent","reason":"first notification","receiver":"default"}]"#;
    assert!(body.trim_end().ends_with(expected), "{body}");
}
