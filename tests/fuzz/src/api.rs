//! Requests to a whole node, one after the other: each is answered, JSON answers are JSON, and limits hold.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bellwether::api::{
    Access, Answer, Request, Response, Site, go_on_listing, go_on_posting, handle,
};
use bellwether::config::{Config, Environment, Flags, Language, LoadOptions, Settings};
use bellwether::effect::{AttemptId, Cx, Effect};
use bellwether::limits::{ALERTS_MAX, SILENCES_MAX};
use bellwether::node::{Node, Options};
use bellwether::notify::{Reply, SCHEMAS};
use bellwether::time::{Mono, Now, Wall};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::input::{Input, utf8};

const CONFIG: &str = r#"
route: {receiver: a, group_by: [alertname], group_wait: 1s, routes: [{receiver: b, matchers: ['x=~"y.*"'], continue: true}]}
receivers: [{name: a, webhook_configs: [{url: 'http://x/'}]}, {name: b}]
expect: [{name: x, period: 1m}]
inhibit_rules: [{source_matchers: ['s="1"'], target_matchers: ['s="2"'], equal: [i]}]
"#;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut agent = Agent::new();
    agent.begin();
    while let Some(line) = input.line() {
        // The bits of the first character say which headers the query is, too: a blank none.
        if line.is_empty() {
            continue;
        }
        let (marks, line) = line.split_at_checked(1).unwrap_or_default();
        let marks = marks.bytes().next().unwrap_or_default();
        let (method, rest) = line.split_once(' ').unwrap_or((line, "/"));
        let (target, length) = rest.rsplit_once(' ').unwrap_or((rest, ""));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let body = input.take(length.parse().unwrap_or(0));
        // Others do not come through the reader of requests.
        if target.bytes().any(|byte| byte <= b' ' || byte == 127) {
            continue;
        }
        let marked = |bit: u8| (marks & bit != 0).then_some(query);
        agent.ask(&Request {
            method,
            path,
            query,
            accept: marked(1),
            origin: marked(2),
            host: marked(4),
            content_type: marked(8).or(Some("application/json")),
            cors_method: marked(16).map(|_| "POST"),
            cors_headers: marked(16),
            if_none_match: marked(64),
            accept_encoding: marked(64),
            body,
            ..Request::default()
        });
    }
}

/// A whole node whose receivers refuse everything.
struct Agent {
    node: Node,
    site: Site,
    rng: StdRng,
    now: Now,
    /// Attempts that wait for an answer.
    attempts: Vec<AttemptId>,
}

impl Agent {
    fn new() -> Self {
        let now = Now { mono: Mono::from_ms(1000), wall: Wall::from_secs(1_800_000_000) };
        let access = Access::new(&Settings::default().web, "http://gw.example:9093", "gw");
        Self {
            node: Node::new(config(), Options::default(), None, now),
            site: Site { started_at: now.wall, access, ..Site::default() },
            rng: StdRng::seed_from_u64(1),
            now,
            attempts: Vec::new(),
        }
    }

    /// Sees that requests come through to their decoders: a target that refuses them all finds nothing.
    fn begin(&mut self) {
        let json = Some("application/json");
        let body = br#"[{"labels":{"alertname":"first","x":"y"}}]"#;
        let post = Request { method: "POST", content_type: json, body, ..Request::default() };
        let post = Request { path: "/api/v2/alerts", ..post };
        assert_eq!(self.ask(&post), Some((200, Vec::new())));
        let (status, list) =
            self.ask(&Request { method: "GET", body: b"", ..post }).unwrap_or_default();
        assert!(status == 200 && utf8(&list).contains("first"), "{}", utf8(&list));
    }

    /// Asks once, and lets a second go by.
    fn ask(&mut self, request: &Request<'_>) -> Option<(u16, Vec<u8>)> {
        let request = &Request { sender: Some(IpAddr::from([127, 0, 0, 1])), ..*request };
        let mut effects = Vec::new();
        let cx = &mut Cx { now: self.now, rng: &mut self.rng, effects: &mut effects };
        let (node, site) = (&mut self.node, &self.site);
        let mut answer = handle(node, cx, site, request);
        let mut pieces = 0;
        let response = loop {
            pieces += 1;
            assert!(pieces < 1000, "a small list in a thousand pieces");
            answer = match answer {
                Answer::Listing(list) => go_on_listing(node, cx.now, site, request, list),
                Answer::Posting(post) => go_on_posting(node, cx, site, request, post),
                Answer::Now(response) | Answer::WhenDurable(response) => break Some(response),
                Answer::Test(test) => {
                    let tried = test.drafts().into_iter().map(|draft| vec![(draft, refusal())]);
                    break Some(test.answer(&tried.collect::<Vec<_>>()));
                }
                Answer::Reload | Answer::WhenChanged => break None,
            };
        };
        for id in self.attempts.drain(..) {
            node.handle_reply(cx, id, &refusal());
        }
        self.now.mono = self.now.mono + Duration::from_secs(1);
        self.now.wall = self.now.wall + Duration::from_secs(1);
        cx.now = self.now;
        node.handle_timeout(cx);
        assert!(node.silences().count() <= SILENCES_MAX && node.groups_len() <= ALERTS_MAX);
        let next = node.next_timeout();
        assert!(next.is_none_or(|at| at > self.now.mono), "the same timer again and again");
        self.attempts.extend(effects.iter().filter_map(|effect| match effect {
            Effect::Attempt(attempt) => Some(attempt.id),
            _ => None,
        }));
        let response = response?;
        check(&response);
        Some((response.status, response.body.to_vec()))
    }
}

fn refusal() -> Reply {
    Reply::Http { status: 503, retry_after: None, body: "<busy>".to_owned() }
}

fn config() -> Arc<Config> {
    thread_local! {
        static CONFIG_READ: Arc<Config> = {
            let options = LoadOptions {
                file: "x.yml".as_ref(),
                language: Language::Yaml,
                flags: &Flags::default(),
                environment: &Environment::default(),
                schemas: SCHEMAS,
            };
            Arc::new(Config::load(CONFIG.as_bytes(), &options).unwrap().config)
        };
    }
    CONFIG_READ.with(Arc::clone)
}

fn check(response: &Response) {
    assert!((200..600).contains(&response.status));
    let has = |known: &str, text: &str| {
        let mut headers = response.headers.iter();
        headers.any(|(name, value)| name.eq_ignore_ascii_case(known) && value.contains(text))
    };
    let is_json = has("content-type", "json") && !has("content-encoding", "");
    if is_json && !response.body.is_empty() {
        let read: Result<serde_json::Value, _> = serde_json::from_slice(&response.body);
        assert!(read.is_ok(), "no JSON: {}", utf8(&response.body));
    }
    for (name, value) in &response.headers {
        assert!(!value.contains(['\r', '\n', '\0']), "{name}: {value:?}");
    }
}
