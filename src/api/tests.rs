//! Every endpoint and every family of errors, as Alertmanager answers.

mod alerts;
mod notify;
mod page;
mod silences;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::config::{Config, Flags, Language, Options as ConfigOptions};
use crate::effect::{AttemptId, Effect};
use crate::gossip::{self, Via};
use crate::node::Options;
use crate::notify::Reply;
use crate::time::{Mono, Now, Wall};
use crate::version;

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
[[route.routes]]
receiver = "night"
matchers = ['team="y"']
labels = { page = "{{ .GroupLabels.alertname }}", wrong = "{{ .Nope }}" }
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
        Self::in_flock(None)
    }

    fn in_flock(flock: Option<gossip::Config>) -> Self {
        let flags = &Flags::default();
        let file = "test.toml".as_ref();
        let options = ConfigOptions {
            file,
            language: Language::Toml,
            flags,
            environment: &crate::config::Environment::default(),
            schemas: crate::notify::SCHEMAS,
        };
        let config = Config::load(CONFIG.as_bytes(), &options).unwrap().config;
        let now = Now { mono: Mono::from_ms(1000), wall: Wall::from_secs(1_800_000_000) };
        Self {
            node: Node::new(Rc::new(config), Options::default(), flock, now),
            site: Site { started_at: now.wall, ..Site::default() },
            rng: StdRng::seed_from_u64(1),
            now,
        }
    }

    fn ask(&mut self, request: &Request<'_>) -> Response {
        self.ask_in_pieces(request).0
    }

    /// The answer, and of how many pieces it was made.
    fn ask_in_pieces(&mut self, request: &Request<'_>) -> (Response, usize) {
        let effects = &mut Vec::new();
        let cx = &mut Cx { now: self.now, rng: &mut self.rng, effects };
        let mut answer = handle(&mut self.node, cx, &self.site, request);
        for pieces in 1.. {
            let response = match answer {
                Answer::Now(response) | Answer::WhenDurable(response) => response,
                Answer::Listing(list) => {
                    answer = go_on_listing(&self.node, self.now, &self.site, request, list);
                    continue;
                }
                Answer::Posting(post) => {
                    answer = go_on_posting(&mut self.node, cx, &self.site, request, post);
                    continue;
                }
                Answer::Reload => reloaded(Ok(())),
                Answer::Test(test) => test.answer(&[]),
                Answer::WhenChanged => Response::text(202, "waits"),
            };
            return (response, pieces);
        }
        unreachable!()
    }

    fn step(&mut self, input: impl FnOnce(&mut Node, &mut Cx<'_>)) -> Vec<Effect> {
        let mut effects = Vec::new();
        let cx = &mut Cx { now: self.now, rng: &mut self.rng, effects: &mut effects };
        input(&mut self.node, cx);
        effects
    }

    /// Hears what was sent at `from`, lets a while pass, and returns what it sends itself.
    fn hear(&mut self, from: SocketAddr, sent: Vec<Effect>) -> Vec<Effect> {
        self.now = Now {
            mono: self.now.mono + Duration::from_millis(100),
            wall: self.now.wall + Duration::from_millis(100),
        };
        self.step(|node, cx| {
            for effect in sent {
                if let Effect::Send { bytes, .. } = effect {
                    node.handle_datagram(cx, from, Via::Unicast, &bytes);
                }
            }
            node.handle_timeout(cx);
        })
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
fn status_receivers_and_pages_tell_what_runs() {
    let mut world = World::new();
    let (status, body) = world.get("/api/v2/status");
    let json: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    assert_eq!(json["cluster"], serde_json::json!({"peers": [], "status": "disabled"}));
    assert!(json["config"]["original"].as_str().unwrap().contains("receiver: team-X"));
    assert_eq!(json["clock"], "unsynced");
    assert_eq!(json["uptime"], "2027-01-15T08:00:00.000Z");
    assert_eq!(json["versionInfo"]["version"], version::ALERTMANAGER);
    assert_eq!(json["bellwether"]["version"], version::VERSION);
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
fn the_page_tells_how_it_goes() {
    let mut world = World::new();
    world.site.journal.path = "a&b".to_owned();
    world.post("/api/v2/alerts", ALERTS);
    world.silence(
        r#"{"name":"a","value":"b","isRegex":false}"#,
        "2027-01-15T07:00:00Z",
        "2027-01-15T09:00:00Z",
    );
    let page = world.get("/").1;
    for part in [
        "<th>Alerts</th><td>4 firing, 1 of them silenced or inhibited</td>",
        "<th>Silences</th><td>1 active</td>",
        "<td>THE LAST RELOAD FAILED, ",
        "<td>keeps in a&amp;b, ",
        "<td>NOT SET: ",
        "<td>alone, as configured</td>",
        "name=\"viewport\"",
        "href=\"/bellwether/v1/history\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("Members"), "{page}");
    world.site.synced = true;
    world.site.reload.successful = true;
    world.site.journal.fault = Some("<no space>".to_owned());
    let page = world.get("/").1;
    assert!(page.contains("FAILED: a&amp;b: &lt;no space&gt;; "), "{page}");
    assert!(page.contains("<th>Clock</th><td>set</td>") && !page.contains("RELOAD"), "{page}");
}

#[test]
fn the_page_shows_every_member() {
    let [here, there]: [SocketAddr; 2] =
        ["10.0.0.1:9094", "10.0.0.2:9094"].map(|address| address.parse().unwrap());
    let mut world = World::in_flock(Some(gossip::Config::new(1, "gw-'1'")));
    world.site.cluster = Cluster { enabled: true, address: here.to_string(), ..Cluster::default() };
    let mut other = World::in_flock(Some(gossip::Config::new(2, "<gw-2>")));
    // Ids are drawn.
    other.rng = StdRng::seed_from_u64(2);
    other.step(Node::handle_restored);
    let mut said = world.step(|node, cx| {
        node.handle_restored(cx);
        node.handle_peers(cx, &[there]);
    });
    for _ in 0..50 {
        said = other.hear(here, said);
        said = world.hear(there, said);
    }
    assert!(!world.get("/").1.contains("Our id"));
    world.site.cluster.twin = Some((there, world.now.mono));
    assert!(
        world
            .get("/api/v2/status")
            .1
            .contains(r#""twin":{"address":"10.0.0.2:9094","heardSecondsAgo":0}"#)
    );
    let page = world.get("/").1;
    for part in [
        "<th>Our id</th><td>HAS ANOTHER NODE, at 10.0.0.2:9094, heard 0 s ago",
        "<th>Flock</th><td>NOT SEALED: ",
        "<tr><th>gw-&#39;1&#39;</th><td>10.0.0.1:9094</td><td>this node</td></tr>",
        "<tr><th>&lt;gw-2&gt;</th><td>10.0.0.2:9094</td><td>alive</td></tr>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn a_key_that_is_missing_is_told_wherever_the_flock_is() {
    let mut world = World::new();
    let missing = Some("cluster.key_files: flock.key cannot be read: <x>".to_owned());
    world.site.cluster = Cluster { enabled: true, fault: missing, ..Cluster::default() };
    let page = world.get("/").1;
    assert!(
        page.contains("ALONE, its port closed: cluster.key_files: flock.key cannot be read: &lt;")
    );
    let status = world.get("/api/v2/status").1;
    assert!(
        status.contains(r#""status":"ready","fault":"cluster.key_files: flock.key "#),
        "{status}"
    );
    assert!(world.get("/metrics").1.contains("\nbellwether_flock_failed 1\n"));
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
        ("POST", "/api/v2/status", "GET"),
        ("POST", "/-/healthy", "GET, HEAD, OPTIONS"),
        ("GET", "/-/reload", "OPTIONS, POST"),
        ("POST", "/", "GET, HEAD, OPTIONS"),
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
fn clients_are_told_the_version_of_alertmanager_that_is_spoken() {
    let mut world = World::new();
    let spoken = version::ALERTMANAGER;
    let numbers: Vec<u32> = spoken.split('.').map(|it| it.parse().unwrap()).collect();
    assert!(numbers.as_slice() >= [0, 22, 0].as_slice(), "karma wants no less: {spoken}");
    let metrics = world.get("/metrics").1;
    let line =
        format!("alertmanager_build_info{{version=\"{spoken}\",revision=\"\",branch=\"\"}} 1");
    assert!(metrics.contains(&line), "{metrics}");
    let ours = format!("bellwether_build_info{{version=\"{}\",commit=\"", version::VERSION);
    assert!(metrics.contains(&ours), "{metrics}");
    let readme = include_str!("../../README.md");
    let (minor, _) = spoken.rsplit_once('.').unwrap();
    assert!(readme.contains(&format!("| of Alertmanager {minor} |")), "{minor}");
}

#[test]
fn paths_written_otherwise_are_served() {
    let mut world = World::new();
    for (path, status) in [
        ("//api/v2/alerts", 200),
        ("/api/v2//alerts/", 200),
        ("/api/./v2/../v2/alerts", 200),
        ("/..", 200),
        ("/api/v2", 404),
    ] {
        assert_eq!(world.get(path).0, status, "{path}");
    }
    for (n, path) in ["//api/v2/alerts", "/api/v2//alerts"].into_iter().enumerate() {
        let body = format!(r#"[{{"labels":{{"a":"{n}"}}}}]"#);
        assert_eq!(world.post(path, &body).0, 200, "{path}");
    }
    assert_eq!(world.listed("/api/v2/alerts"), ["0", "1"]);
}

#[test]
fn what_can_be_got_can_be_asked_for_with_head() {
    let mut world = World::new();
    for path in ["/", "/metrics", "/-/ready", "/api/v2/alerts", "/api/v2/status"] {
        let response = world.ask(&Request { method: "HEAD", path, ..Request::default() });
        assert_eq!(response.status, 200, "{path}");
    }
    let response = world.ask(&Request { method: "HEAD", path: "/-/reload", ..Request::default() });
    assert_eq!(response.status, 405);
}

#[test]
fn a_compressed_body_is_refused_as_one() {
    let mut world = World::new();
    let (content_type, body) = (Some("application/json"), b"[]".as_slice());
    for path in ["/api/v1/alerts", "/api/v2/alerts", "/api/v2/silences"] {
        let (method, content_encoding) = ("POST", Some("gzip"));
        let packed =
            Request { method, path, content_encoding, content_type, body, ..Request::default() };
        let response = world.ask(&packed);
        assert_eq!(header(&response, "Accept-Encoding"), ["identity"]);
        let why = "Content-Encoding \"gzip\" is not supported: send the body uncompressed";
        assert_eq!(told(response), (415, object(415, why)), "{path}");
    }
    for (body, format) in
        [(&b"\x1f\x8b\x08"[..], "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\x78\x9c", "zlib")]
    {
        for content_encoding in [None, Some("identity")] {
            let path = "/api/v1/alerts";
            let unsaid =
                Request { method: "POST", path, content_encoding, body, ..Request::default() };
            let why = format!("the body is compressed with {format}: send it uncompressed");
            assert_eq!(told(world.ask(&unsaid)), (415, object(415, &why)));
        }
    }
    let (method, path, content_encoding) = ("POST", "/api/v2/alerts", Some("Identity"));
    let plain =
        Request { method, path, content_encoding, content_type, body, ..Request::default() };
    assert_eq!(world.ask(&plain).status, 200);
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
fn browsers_are_told_which_pages_may_use_the_api() {
    let mut world = World::new();
    let get = Request { method: "GET", path: "/api/v2/alerts", ..Request::default() };
    let response = world.ask(&get);
    assert_eq!(header(&response, "Cache-Control"), ["no-store"]);
    assert_eq!(header(&response, "Vary"), ["Origin"]);
    let allowed = |response: &Response| {
        ["Access-Control-Allow-Origin", "Access-Control-Allow-Methods"]
            .map(|name| header(response, name).join(","))
    };
    let none = [String::new(), String::new()];
    assert_eq!(allowed(&response), none);
    let read = Request { origin: Some("http://karma"), ..get };
    assert_eq!(allowed(&world.ask(&read)), none);
    let preflight = |path, method| Request {
        method: "OPTIONS",
        path,
        cors_method: Some(method),
        cors_headers: Some("Content-Type"),
        ..read
    };
    let response = world.ask(&preflight("/api/v2/silences", "POST"));
    assert_eq!((response.status, allowed(&response)), (200, none.clone()));

    let mut web = crate::config::Settings::default().web;
    crate::config::settings::Value::set(&mut web.allowed_origins, "http://karma").unwrap();
    world.site.access = Access::new(&web, "http://gw1:9093", "gw1");
    assert_eq!(allowed(&world.ask(&read)), ["http://karma".to_owned(), String::new()]);
    for (path, method) in [
        ("/api/v2/silences", "POST"),
        ("/api/v2/silence/x", "DELETE"),
        ("/api/v2/alerts", "GET"),
        ("/api/v2/alerts", "HEAD"),
    ] {
        let response = world.ask(&preflight(path, method));
        assert_eq!((response.status, response.body.len()), (200, 0));
        assert_eq!(allowed(&response), ["http://karma", method], "{path}");
        assert_eq!(header(&response, "Access-Control-Allow-Headers"), ["Content-Type"]);
        assert_eq!(header(&response, "Vary").len(), 3);
    }
    let response = world.ask(&preflight("/api/v2/alerts", "DELETE"));
    assert_eq!(allowed(&response)[1], "", "no such method");
    let response = world
        .ask(&Request { origin: Some("http://evil"), ..preflight("/api/v2/silences", "POST") });
    assert_eq!(allowed(&response), none);
    let response = world.ask(&Request {
        cors_method: None,
        origin: None,
        ..preflight("/api/v2/silences", "POST")
    });
    assert_eq!(response.status, 405);
    let post = Request { method: "POST", path: "/-/reload", ..read };
    assert_eq!(told(world.ask(&post)).0, 403);
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
fn the_page_counts_what_is_muted_and_names_the_config() {
    let mut world = World::new();
    world.site.config_file = "/etc/b.toml".to_owned();
    world.post("/api/v2/alerts", r#"[{"labels":{"a":"1"}},{"labels":{"a":"2"}}]"#);
    world.silence(
        r#"{"name":"a","value":"1","isRegex":false}"#,
        "2027-01-01T00:00:00Z",
        "2099-01-01T00:00:00Z",
    );
    let page = world.get("/").1;
    assert!(page.contains("2 firing, 1 of them silenced or inhibited"), "{page}");
    assert!(page.contains("/etc/b.toml, loaded "), "{page}");
}

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
    let flags = &Flags::default();
    let file = "test.toml".as_ref();
    let options = ConfigOptions {
        file,
        language: Language::Toml,
        flags,
        environment: &crate::config::Environment::default(),
        schemas: crate::notify::SCHEMAS,
    };
    let config = Config::load(config.as_bytes(), &options).unwrap().config;
    world.step(|node, cx| node.handle_config(cx, Rc::new(config)).unwrap());
    world.post("/api/v2/alerts", r#"[{"labels":{"alertname":"A"}}]"#);
    world.now.mono = world.now.mono + Duration::from_secs(31);
    world.now.wall = world.now.wall + Duration::from_secs(31);
    world.step(Node::handle_timeout);
    world.step(|node, cx| node.handle_reply(cx, AttemptId(0), &Reply::Done));
    let (status, body) = world.get("/bellwether/v1/history");
    let expected = r#"[{"afterMs":0,"answer":"accepted","at":"2027-01-15T08:00:31Z","attempts":1,"content":"{alertname=\"A\"}\n","firing":1,"groupKey":"{}:{alertname=\"A\"}","#;
    assert!(status == 200 && body.starts_with(expected), "{body}");
    let expected = r#""groupLabels":{"alertname":"A"},"integration":"log[0]","node":"","outcome":"sent","reason":"first notification","receiver":"default","resolved":0},{"#;
    assert!(body.contains(expected) && body.contains(r#""leftMs":30000"#), "{body}");
    assert_eq!(world.get("/bellwether/v1/pending"), (200, "[]\n".to_owned()));
}
