//! The hot paths, each alone and the same to the instruction in every run: `tests/bench/instructions` counts them.
//!
//! Without an argument it lists the paths. `instructions PATH` prepares one and runs it, within [`counted`].

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for developers")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bellwether::api::{self, Access, Answer, Request, Site};
use bellwether::config::{self, Config, Environment, Flags, Language, Settings};
use bellwether::effect::{Attempt, Cx, Effect};
use bellwether::gossip::{self, KeyRing, Via};
use bellwether::node::{Node, Options};
use bellwether::notify::{Outgoing, Reply, SCHEMAS};
use bellwether::store::{Journal, JournalOptions, Medium};
use bellwether::template::Templates;
use bellwether::time::{Mono, Now, Wall};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// A path: its name, what is counted of it and how much of that a run does, and how it is prepared.
type Path = (&'static str, &'static str, usize, fn() -> Run);
type Run = Box<dyn FnMut()>;

const BATCH: usize = 64;
const MANY: usize = 10_000;
const GROUPS: usize = 50;
const TEXTS: usize = 20;
const MINUTES: usize = 20;

const PATHS: [Path; 9] = [
    ("ingest", "new alert of a post of 64", 16 * BATCH, || repost(0)),
    ("re-post", "known alert of a post of 64", 16 * BATCH, || repost(16)),
    ("post", "post of one known alert", 200, post_of_one),
    ("flush", "notification of three alerts", GROUPS, flush),
    ("template", "mail of three alerts", TEXTS, template),
    ("listing", "alert of a list of 10,000", MANY, listing),
    ("replay", "alert of a journal of 10,000", MANY, replay),
    ("merge", "new alert from another member", 4 * BATCH, merge),
    ("digest", "minute of two members that know the same 1,024 alerts", MINUTES, digest),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let Some(name) = args.first() else {
        for (name, unit, units, _) in PATHS {
            println!("{name}\t{unit}\t{units}");
        }
        return ExitCode::SUCCESS;
    };
    let Some(path) = PATHS.iter().find(|path| path.0 == name) else {
        println!("usage: instructions [PATH]");
        return ExitCode::from(2);
    };
    let mut run = path.3();
    counted(&mut run);
    // Nothing is dropped: that takes as long again.
    std::mem::forget(run);
    ExitCode::SUCCESS
}

/// Only what runs in here is counted.
#[inline(never)]
fn counted(run: &mut Run) {
    run();
}

/// Posts batches of which so many are known.
fn repost(known: usize) -> Run {
    let mut agent = Agent::alone(QUIET);
    let bodies: Vec<String> =
        (0..32).map(|batch| body(batch * BATCH..(batch + 1) * BATCH)).collect();
    bodies.iter().take(16).for_each(|body| agent.post(body));
    agent.pass(Duration::from_secs(60));
    Box::new(move || {
        bodies.iter().skip(16 - known).take(16).for_each(|body| agent.post(body));
        assert_eq!(agent.node.alerts().count(), (32 - known) * BATCH);
    })
}

fn post_of_one() -> Run {
    let mut agent = Agent::alone(QUIET);
    let bodies: Vec<String> = (0..200).map(|number| body([number])).collect();
    for body in &bodies {
        agent.post(body);
    }
    agent.pass(Duration::from_secs(60));
    Box::new(move || {
        for body in &bodies {
            agent.post(body);
        }
    })
}

fn flush() -> Run {
    let mut agent = Agent::alone(PROMPT);
    agent.post(&body(0..3 * GROUPS));
    Box::new(move || {
        agent.pass(Duration::from_secs(10));
        assert_eq!(agent.told, GROUPS);
    })
}

fn template() -> Run {
    let mut agent = Agent::alone(PROMPT);
    agent.post(&body([0, GROUPS, 2 * GROUPS]));
    agent.pass(Duration::from_secs(10));
    let notification = agent.last.unwrap().draft.notification().clone();
    assert_eq!(notification.alerts.len(), 3);
    let templates = Templates::builtin();
    Box::new(move || {
        for _ in 0..TEXTS {
            let data = notification.data();
            let text = templates.html(r#"{{ template "email.default.html" . }}"#, &data).unwrap();
            assert!(text.len() > 1000);
        }
    })
}

fn listing() -> Run {
    let mut agent = filled(MANY);
    Box::new(move || {
        let list = agent.ask("GET", "");
        assert!(list.len() > 300 * MANY);
    })
}

fn replay() -> Run {
    let agent = filled(MANY);
    agent.journal.unwrap();
    let (config, flash, now) = (load(QUIET), agent.flash, agent.now);
    Box::new(move || {
        let mut node = Node::new(Arc::clone(&config), Options::default(), None, now);
        let mut found = Vec::new();
        let mut deliver =
            |kind, key: &[u8], body: &[u8]| found.push((kind, key.to_vec(), body.to_vec()));
        let journal = Journal::open(flash.clone(), JournalOptions::new(2), &mut deliver).unwrap();
        for (kind, key, body) in &found {
            node.handle_record(*kind, key, body).unwrap();
        }
        let (mut rng, mut effects) = (StdRng::seed_from_u64(1), Vec::new());
        node.handle_restored(&mut Cx { now, rng: &mut rng, effects: &mut effects });
        assert_eq!(node.alerts().count(), MANY);
        std::mem::forget((node, journal));
    })
}

fn merge() -> Run {
    let mut both = pair();
    let (mut other, mut one) = (both.remove(1), both.remove(0));
    for batch in 0..4 {
        one.post(&body(batch * BATCH..(batch + 1) * BATCH));
        one.pass(Duration::from_millis(100));
    }
    let sent = std::mem::take(&mut one.sent);
    Box::new(move || {
        for bytes in &sent {
            other.hear(bytes);
        }
        assert_eq!(other.node.alerts().count(), 4 * BATCH);
    })
}

fn digest() -> Run {
    let mut both = pair();
    (0..16).for_each(|batch| both[0].post(&body(batch * BATCH..(batch + 1) * BATCH)));
    talk(&mut both, Duration::from_secs(120));
    assert!(both.iter().all(|it| it.node.alerts().count() == 16 * BATCH));
    Box::new(move || talk(&mut both, Duration::from_secs(60 * MINUTES as u64)))
}

fn filled(alerts: usize) -> Agent {
    let mut agent = Agent::alone(QUIET);
    for first in (0..alerts).step_by(BATCH) {
        agent.post(&body(first..alerts.min(first + BATCH)));
    }
    agent
}

/// Two members that have met.
fn pair() -> Vec<Agent> {
    let mut both = vec![Agent::new(QUIET, Some(0)), Agent::new(QUIET, Some(1))];
    both[0].with(|node, cx| node.handle_peers(cx, &[addr(1)]));
    talk(&mut both, Duration::from_secs(30));
    assert!(both.iter().all(|it| it.node.flock().unwrap().living().len() == 1));
    both
}

/// Lets two members talk for a while.
fn talk(both: &mut [Agent], time: Duration) {
    let end = both[0].now.mono + time;
    loop {
        for at in 0..2 {
            for bytes in std::mem::take(&mut both[at].sent) {
                both[1 - at].hear(&bytes);
            }
        }
        if both.iter().all(|it| it.sent.is_empty()) {
            let next = both.iter().filter_map(|it| it.node.next_timeout()).min().unwrap();
            if next > end {
                break;
            }
            for it in both.iter_mut() {
                it.pass_until(next);
            }
        }
    }
    for it in both.iter_mut() {
        it.pass_until(end);
    }
}

/// The alerts that `tests/bench/run` posts.
fn body(numbers: impl IntoIterator<Item = usize>) -> String {
    let mut text = String::from("[");
    for number in numbers {
        let comma = if text.len() > 1 { "," } else { "" };
        let severity = if number % 5 == 0 { "critical" } else { "warning" };
        let (name, site) = (number % GROUPS, number % 37);
        write!(
            text,
            r#"{comma}{{"labels":{{"alertname":"Alert{name}","instance":"gateway-{number}.example:9100","job":"node","severity":"{severity}","site":"site-{site}"}},"annotations":{{"summary":"Filesystem of gateway-{number} is almost full","description":"Less than 5 % of the space of /var is left, and at this rate it is full within 4 hours."}},"generatorURL":"http://127.0.0.1:9090/graph?g0.expr=node_filesystem_avail_bytes+%3C+0.05&g0.tab=1"}}"#
        )
        .unwrap();
    }
    text + "]"
}

const QUIET: &str = "
route: {receiver: nobody, group_by: [alertname], group_wait: 1h, group_interval: 1h, repeat_interval: 4h}
receivers: [{name: nobody}]
";
const PROMPT: &str = "
route: {receiver: hook, group_by: [alertname], group_wait: 5s, group_interval: 1h, repeat_interval: 4h}
receivers: [{name: hook, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}]
";

fn load(text: &str) -> Arc<Config> {
    let options = config::LoadOptions {
        file: "x.yml".as_ref(),
        language: Language::Yaml,
        flags: &Flags::default(),
        environment: &Environment::default(),
        schemas: SCHEMAS,
    };
    Arc::new(Config::load(text.as_bytes(), &options).unwrap().config)
}

fn addr(seat: u8) -> SocketAddr {
    ([10, 0, 0, seat], 9094).into()
}

/// A whole agent without the shell: a node, its journal in memory, and receivers that take everything.
struct Agent {
    seat: u8,
    node: Node,
    site: Site,
    rng: StdRng,
    now: Now,
    flash: Memory,
    journal: Option<Journal<Memory>>,
    /// Notifications that were sent, and the last of them.
    told: usize,
    last: Option<Attempt>,
    /// Datagrams to the other member.
    sent: Vec<Vec<u8>>,
}

impl Agent {
    fn alone(config: &str) -> Self {
        Self::new(config, None)
    }

    fn new(config: &str, seat: Option<u8>) -> Self {
        let now = Now { mono: Mono::from_ms(1000), wall: Wall::from_secs(1_800_000_000) };
        let flock = seat.map(|seat| gossip::Config {
            keys: KeyRing::new(&[[7; 32]]).unwrap(),
            expects_peers: true,
            ..gossip::Config::new(0, &format!("gateway-{seat}"))
        });
        let access = Access::new(&Settings::default().web, "http://gw.example:9093", "gw");
        let flash = Memory::default();
        let opened = Journal::open(flash.clone(), JournalOptions::new(1), &mut |_, _, _| ());
        let mut agent = Self {
            seat: seat.unwrap_or(0),
            node: Node::new(load(config), Options::default(), flock, now),
            site: Site { started_at: now.wall, access, ..Site::default() },
            rng: StdRng::seed_from_u64(1 + u64::from(seat.unwrap_or(0))),
            now,
            flash,
            journal: Some(opened.unwrap().0),
            told: 0,
            last: None,
            sent: Vec::new(),
        };
        agent.with(Node::handle_restored);
        agent
    }

    fn post(&mut self, body: &str) {
        assert_eq!(self.ask("POST", body), b"");
    }

    /// Asks for `/api/v2/alerts` and returns the answer's body.
    fn ask(&mut self, method: &str, body: &str) -> Vec<u8> {
        let (path, content_type) = ("/api/v2/alerts", Some("application/json"));
        let body = body.as_bytes();
        let request = Request { method, path, content_type, body, ..Request::default() };
        let mut effects = Vec::new();
        let cx = &mut Cx { now: self.now, rng: &mut self.rng, effects: &mut effects };
        let (node, site) = (&mut self.node, &self.site);
        let mut answer = api::handle(node, cx, site, &request);
        let response = loop {
            answer = match answer {
                Answer::Listing(list) => api::go_on_listing(node, cx.now, site, &request, list),
                Answer::Posting(post) => api::go_on_posting(node, cx, site, &request, post),
                Answer::Now(response) | Answer::WhenDurable(response) => break response,
                other => panic!("{other:?}"),
            };
        };
        assert_eq!(response.status, 200);
        self.perform(effects);
        response.body.clone()
    }

    fn hear(&mut self, bytes: &[u8]) {
        let from = addr(1 - self.seat);
        self.with(|node, cx| node.handle_datagram(cx, from, Via::Unicast, bytes));
    }

    fn pass(&mut self, time: Duration) {
        self.pass_until(self.now.mono + time);
    }

    /// Runs all that is due until then.
    fn pass_until(&mut self, end: Mono) {
        while let Some(at) = self.node.next_timeout().filter(|at| *at <= end) {
            self.wait(at);
            self.with(Node::handle_timeout);
        }
        self.wait(end);
    }

    fn wait(&mut self, at: Mono) {
        let by = at.since(self.now.mono);
        self.now = Now { mono: self.now.mono + by, wall: self.now.wall + by };
    }

    fn with(&mut self, input: impl FnOnce(&mut Node, &mut Cx<'_>)) {
        let mut effects = Vec::new();
        let cx = &mut Cx { now: self.now, rng: &mut self.rng, effects: &mut effects };
        input(&mut self.node, cx);
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Persist(records) => {
                    self.journal.as_mut().unwrap().commit(&records).unwrap();
                }
                Effect::Send { bytes, .. } => self.sent.push(bytes),
                Effect::Attempt(attempt) => {
                    let Ok(Outgoing::Http(request)) = attempt.draft.inline() else { panic!() };
                    assert!(request.body.inline().unwrap().len() > 1000);
                    self.told += 1;
                    self.with(|node, cx| {
                        node.handle_traffic(cx.now, attempt.id, 2_000);
                        node.handle_reply(cx, attempt.id, &Reply::status(200));
                    });
                    self.last = Some(attempt);
                }
                Effect::BeginAnew(_)
                | Effect::Cancel(_)
                | Effect::Look { .. }
                | Effect::Multicast(_) => {}
            }
        }
    }
}

/// Files in memory, which are as durable as the process; clones are handles to the same ones.
#[derive(Clone, Debug, Default)]
struct Memory(std::rc::Rc<RefCell<BTreeMap<String, Vec<u8>>>>);

impl Medium for Memory {
    fn size(&self, name: &str) -> io::Result<Option<u64>> {
        Ok(self.0.borrow().get(name).map(|bytes| bytes.len() as u64))
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        let end = at + into.len();
        into.copy_from_slice(&self.0.borrow()[name][at..end]);
        Ok(())
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let at = usize::try_from(offset).unwrap();
        self.0.borrow_mut().get_mut(name).unwrap()[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn room(&self) -> Option<u64> {
        None
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<()> {
        let zeros = vec![0; usize::try_from(bytes).unwrap()];
        self.0.borrow_mut().insert(name.to_owned(), zeros);
        Ok(())
    }

    fn sync(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn settle(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.0.borrow_mut();
        let file = files.remove(from).unwrap();
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.borrow_mut().remove(name);
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }
}
