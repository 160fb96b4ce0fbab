//! Every endpoint and every family of errors, as Alertmanager answers.

mod alerts;
mod history;
mod http;
mod notify;
mod page;
mod silences;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::config::{Config, Flags, Language, LoadOptions};
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

fn loaded(config: &str) -> Arc<Config> {
    let options = LoadOptions {
        file: "test.toml".as_ref(),
        language: Language::Toml,
        flags: &Flags::default(),
        environment: &crate::config::Environment::default(),
        schemas: crate::notify::SCHEMAS,
    };
    Arc::new(Config::load(config.as_bytes(), &options).unwrap().config)
}

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
        Self::of(CONFIG, flock)
    }

    fn of(config: &str, flock: Option<gossip::Config>) -> Self {
        let now = Now { mono: Mono::from_ms(1000), wall: Wall::from_secs(1_800_000_000) };
        Self {
            node: Node::new(loaded(config), Options::default(), flock, now),
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
fn each_configured_receiver_type_is_counted_from_nothing() {
    let config = "route.receiver = 'r'\n[[receivers]]\nname = 'r'\nwebhook_configs = [{ url = 'http://r' }]\n";
    let metrics = World::of(config, None).get("/metrics").1;
    for series in [
        r#"alertmanager_notifications_total{integration="webhook"}"#,
        r#"alertmanager_notifications_failed_total{integration="webhook",reason="serverError"}"#,
        r#"alertmanager_notification_requests_total{integration="webhook"}"#,
        r#"alertmanager_notification_latency_seconds_count{integration="webhook"}"#,
        r#"alertmanager_notifications_suppressed_total{reason="active_time_interval"}"#,
        r#"alertmanager_notifications_suppressed_total{reason="mute_time_interval"}"#,
    ] {
        assert!(metrics.contains(&format!("\n{series} 0\n")), "{series}: {metrics}");
    }
}

#[test]
fn receivers_that_nothing_names_are_not_counted() {
    let receiver = |name: &str, more: &str| {
        format!(
            "[[receivers]]\nname = '{name}'\n{more}\nwebhook_configs = [{{ url = 'http://r' }}]\n"
        )
    };
    let config = format!(
        "route.receiver = 'r'\nroute.routes = [{{ receiver = 'r' }}, {{ routes = [{{ receiver = 's' }}] }}]\n{}{}{}{}",
        receiver("r", "fallback = 'f'"),
        receiver("s", ""),
        receiver("f", ""),
        receiver("unused", ""),
    );
    let metrics = World::of(&config, None).get("/metrics").1;
    for family in ["alertmanager_receivers", "alertmanager_integrations"] {
        assert!(metrics.contains(&format!("\n{family} 3\n")), "{family}: {metrics}");
    }
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
    world.site.cluster = ClusterStatus {
        enabled: true,
        name: "me".to_owned(),
        address: "127.0.0.1:9094".to_owned(),
        ..ClusterStatus::default()
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
    world.site.cluster =
        ClusterStatus { enabled: true, address: here.to_string(), ..ClusterStatus::default() };
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
    world.site.cluster.duplicate = Some((there, world.now.mono));
    assert!(
        world
            .get("/api/v2/status")
            .1
            .contains(r#""duplicate":{"address":"10.0.0.2:9094","heardSecondsAgo":0}"#)
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
    world.site.cluster =
        ClusterStatus { enabled: true, fault: missing, ..ClusterStatus::default() };
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
fn a_reload_is_the_shells_and_its_failure_is_told() {
    let mut world = World::new();
    assert_eq!(world.post("/-/reload", ""), (200, String::new()));
    let failed = reloaded(Err("x.yml:1: bad".to_owned()));
    assert_eq!(told(failed), (500, "failed to reload config: x.yml:1: bad\n".to_owned()));
}

#[test]
fn an_answer_waits_until_its_records_are_stored() {
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
