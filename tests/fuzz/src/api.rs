//! Requests to a whole node, one after the other: each is answered, JSON answers are JSON, and limits hold.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bellwether::api::{Answer, Request, Response, Site, go_on_listing, go_on_posting, handle};
use bellwether::config::{Config, Environment, Flags, Language, Options as ConfigOptions};
use bellwether::effect::Cx;
use bellwether::limits::{ALERTS_MAX, SILENCES_MAX};
use bellwether::node::{Node, Options};
use bellwether::notify::SCHEMAS;
use bellwether::time::{Mono, Now, Wall};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::input::{Input, utf8};

const CONFIG: &str = r#"
route: {receiver: a, group_by: [alertname], group_wait: 1s, routes: [{receiver: b, matchers: ['x=~"y.*"'], continue: true}]}
receivers: [{name: a, webhook_configs: [{url: 'http://x/'}]}, {name: b}]
inhibit_rules: [{source_matchers: ['s="1"'], target_matchers: ['s="2"'], equal: [i]}]
"#;

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut now = Now { mono: Mono::from_ms(1000), wall: Wall::from_secs(1_800_000_000) };
    let mut node = Node::new(config(), Options::default(), None, now);
    let site = Site { started_at: now.wall, ..Site::default() };
    let rng = &mut StdRng::seed_from_u64(1);
    while let Some(line) = input.line() {
        let (method, rest) = line.split_once(' ').unwrap_or((line, "/"));
        let (target, length) = rest.rsplit_once(' ').unwrap_or((rest, ""));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let body = input.take(length.parse().unwrap_or(0));
        // Others do not come through the reader of requests.
        if target.bytes().any(|byte| byte <= b' ' || byte == 127) {
            continue;
        }
        let request = Request {
            sender: Some(IpAddr::from([127, 0, 0, 1])),
            method,
            path,
            query,
            content_type: Some("application/json"),
            accept: Some(query),
            origin: Some(query),
            body,
            ..Request::default()
        };
        let mut effects = Vec::new();
        let cx = &mut Cx { now, rng, effects: &mut effects };
        let mut answer = handle(&mut node, cx, &site, &request);
        for pieces in 0.. {
            assert!(pieces < 1000, "a small list in a thousand pieces");
            match answer {
                Answer::Listing(list) => {
                    answer = go_on_listing(&node, now, &site, &request, list);
                }
                Answer::Posting(post) => {
                    let cx = &mut Cx { now, rng, effects: &mut effects };
                    answer = go_on_posting(&mut node, cx, &site, &request, post);
                }
                Answer::Now(response) | Answer::WhenDurable(response) => {
                    check(&response);
                    break;
                }
                Answer::Reload | Answer::WhenChanged | Answer::Test(_) => break,
            }
        }
        now = Now {
            mono: now.mono + Duration::from_secs(1),
            wall: now.wall + Duration::from_secs(1),
        };
        let cx = &mut Cx { now, rng, effects: &mut effects };
        node.handle_timeout(cx);
        assert!(node.silences().count() <= SILENCES_MAX && node.groups_len() <= ALERTS_MAX);
        assert!(
            node.next_timeout().is_none_or(|at| at > now.mono),
            "the same timer again and again"
        );
    }
}

fn config() -> Arc<Config> {
    thread_local! {
        static CONFIG_READ: Arc<Config> = {
            let options = ConfigOptions {
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
    let is_json = response
        .headers
        .iter()
        .any(|(name, value)| *name == "content-type" && value.contains("json"));
    if is_json && !response.body.is_empty() {
        let read: Result<serde_json::Value, _> = serde_json::from_slice(&response.body);
        assert!(read.is_ok(), "no JSON: {}", utf8(&response.body));
    }
    for (name, value) in &response.headers {
        assert!(!value.contains(['\r', '\n', '\0']), "{name}: {value:?}");
    }
}
