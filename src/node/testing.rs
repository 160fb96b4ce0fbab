//! A few whole nodes, the network between them and a receiver, without flash, for the tests of this room.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::config::{self, Config, Flags, Language};
use crate::effect::{Cx, Effect};
use crate::gossip::{self, KeyRing, Via};
use crate::model::Report;
use crate::node::{Node, Options};
use crate::notify::{Cause, Failure, Outgoing, Reply};
use crate::store::Op;
use crate::time::{Mono, Now, Wall};

/// Bodies of records by kind and key.
type Flash = BTreeMap<(u16, Vec<u8>), Vec<u8>>;

pub(super) struct World {
    pub(super) nodes: Vec<Node>,
    pub(super) now: Now,
    keys: Vec<Option<[u8; 32]>>,
    rng: StdRng,
    /// Whether the receivers answer.
    pub(super) works: bool,
    /// Nodes that are cut off.
    pub(super) dead: Vec<usize>,
    /// Nodes that can send but not receive.
    pub(super) receives_nothing: Vec<usize>,
    /// URLs that were asked, by whom, and whether that was answered.
    pub(super) asked: Vec<(usize, String, bool)>,
    /// Records that were written to flash.
    pub(super) writes: usize,
    /// Bodies that were taken, of all.
    pub(super) bodies: Vec<String>,
    /// The flash of each.
    pub(super) flash: Vec<Flash>,
}

pub(super) const CONFIG: &str = r#"
[route]
receiver = "r"
group_wait = "1s"
group_interval = "10s"
[[receivers]]
name = "r"
webhook_configs = [{ url = "http://127.0.0.1:1/" }]
"#;

pub(super) fn addr(at: usize) -> SocketAddr {
    ([10, 0, 0, u8::try_from(at).unwrap()], 9094).into()
}

fn load(config: &str) -> Arc<Config> {
    let (file, flags) = ("test.toml".as_ref(), &Flags::default());
    let language = Language::Toml;
    let environment = &config::Environment::default();
    let schemas = crate::notify::SCHEMAS;
    let options = config::LoadOptions { file, language, flags, environment, schemas };
    Arc::new(Config::load(config.as_bytes(), &options).unwrap().config)
}

impl World {
    pub(super) fn new(keys: &[Option<[u8; 32]>]) -> Self {
        Self::with(keys, CONFIG)
    }

    /// The same with another config.
    pub(super) fn with(keys: &[Option<[u8; 32]>], config: &str) -> Self {
        let now = Now { mono: Mono::ZERO, wall: Wall::from_secs(1_800_000_000) };
        let mut world = Self {
            nodes: Vec::new(),
            now,
            keys: keys.to_vec(),
            rng: StdRng::seed_from_u64(1),
            works: true,
            dead: Vec::new(),
            receives_nothing: Vec::new(),
            asked: Vec::new(),
            writes: 0,
            bodies: Vec::new(),
            flash: vec![BTreeMap::new(); keys.len()],
        };
        for at in 0..keys.len() {
            let node = Node::new(load(config), Options::default(), None, now);
            world.nodes.push(node);
            world.start(at);
        }
        world
    }

    /// Starts a member with what its flash has.
    pub(super) fn start(&mut self, at: usize) {
        let secrets: Vec<[u8; 32]> = self.keys[at].iter().copied().collect();
        let flock = gossip::Config {
            keys: KeyRing::new(&secrets).unwrap(),
            expects_peers: true,
            ..gossip::Config::new(0, &format!("node-{at}"))
        };
        self.begin(at, Arc::clone(self.nodes[at].core.config()), Some(flock));
        let peers: Vec<_> = (0..self.keys.len()).filter(|it| *it != at).map(addr).collect();
        self.step(at, |node, cx| node.handle_peers(cx, &peers));
    }

    fn begin(&mut self, at: usize, config: Arc<Config>, flock: Option<gossip::Config>) {
        let options = self.nodes[at].options().clone();
        self.nodes[at] = Node::new(config, options, flock, self.now);
        for ((kind, key), body) in self.flash[at].clone() {
            self.nodes[at].handle_record(kind, &key, &body).unwrap();
        }
        self.dead.retain(|it| *it != at);
        self.step(at, Node::handle_restored);
    }

    /// Runs an input of node `at`; what it wants done is added to `effects`.
    pub(super) fn call(
        &mut self,
        at: usize,
        effects: &mut VecDeque<(usize, Effect)>,
        input: impl FnOnce(&mut Node, &mut Cx<'_>),
    ) {
        let mut own = Vec::new();
        let mut cx = Cx { now: self.now, rng: &mut self.rng, effects: &mut own };
        input(&mut self.nodes[at], &mut cx);
        effects.extend(own.into_iter().map(|effect| (at, effect)));
    }

    pub(super) fn step(&mut self, at: usize, input: impl FnOnce(&mut Node, &mut Cx<'_>)) {
        let mut effects = VecDeque::new();
        self.call(at, &mut effects, input);
        while let Some((at, effect)) = effects.pop_front() {
            match effect {
                Effect::Attempt(attempt) => {
                    let failed = || {
                        let why = "connection refused".to_owned();
                        Reply::Failed(Failure { cause: Cause::Other, why })
                    };
                    let works = self.works && !self.dead.contains(&at);
                    let reply = if self.works { Reply::Done } else { failed() };
                    if let Ok(Outgoing::Http(request)) = attempt.draft.inline() {
                        let url = request.url.inline().unwrap_or_default();
                        if works && let Some(body) = request.body.inline() {
                            self.bodies.push(body);
                        }
                        self.asked.push((at, url, works));
                    }
                    self.call(at, &mut effects, |node, cx| {
                        node.handle_traffic(cx.now, attempt.id, 1_000);
                        node.handle_reply(cx, attempt.id, &reply);
                    });
                }
                Effect::Send { to, bytes, .. } => {
                    let to = (0..self.nodes.len()).find(|it| addr(*it) == to);
                    let is_cut = |it: &usize| {
                        self.receives_nothing.contains(it)
                            || [*it, at].iter().any(|it| self.dead.contains(it))
                    };
                    if let Some(to) = to.filter(|it| !is_cut(it)) {
                        self.call(to, &mut effects, |node, cx| {
                            node.handle_datagram(cx, addr(at), Via::Unicast, &bytes);
                        });
                    }
                }
                Effect::Persist(records) => {
                    self.writes += records.len();
                    for record in records {
                        let key = (record.kind, record.key);
                        match record.op {
                            Op::Put(body) => self.flash[at].insert(key, body),
                            Op::Delete => self.flash[at].remove(&key),
                        };
                    }
                }
                _ => {}
            }
        }
    }

    /// Pulls the plug of a node and starts it again, alone.
    pub(super) fn restart(&mut self, at: usize) {
        self.begin(at, Arc::clone(self.nodes[at].core.config()), None);
    }

    /// The same with another config.
    pub(super) fn restart_with(&mut self, at: usize, config: &str) {
        self.begin(at, load(config), None);
    }

    pub(super) fn pass(&mut self, secs: u64) {
        for _ in 0..secs * 10 {
            let by = Duration::from_millis(100);
            self.now = Now { mono: self.now.mono + by, wall: self.now.wall + by };
            for at in 0..self.nodes.len() {
                if self.nodes[at].next_timeout().is_some_and(|at| at <= self.now.mono) {
                    self.step(at, Node::handle_timeout);
                }
            }
        }
    }

    pub(super) fn post(&mut self, name: &'static str) {
        let report =
            Report::new(vec![("alertname".into(), name.into())], vec![], None, None, "".into());
        self.step(0, |node, cx| {
            node.handle_reports(cx, &[report]);
        });
    }

    /// Names of the alerts of node `at` that fire.
    pub(super) fn firing(&self, at: usize) -> Vec<String> {
        let firing = self.nodes[at].alerts().filter(|it| !it.1.resolved(self.now.wall));
        firing.map(|it| it.1.labels.get("alertname").unwrap().to_owned()).collect()
    }

    pub(super) fn troubles(&self, at: usize) -> Vec<(&'static str, String)> {
        self.nodes[at].troubles().into_iter().map(|it| (it.name, it.what)).collect()
    }
}
