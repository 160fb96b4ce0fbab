//! The files in `configs/` load as they are, and the gateway's does what its comments say.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bellwether::config::{Config, Environment, Flags, Language, LoadOptions, Loaded};
use bellwether::effect::{AttemptId, Cx, Effect};
use bellwether::model::Report;
use bellwether::node::Node;
use bellwether::notify::{Outgoing, Reply};
use bellwether::time::{Mono, Now, Wall};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("configs").join(name)
}

fn load(file: &Path) -> Loaded {
    let text = std::fs::read(file).unwrap();
    let (flags, language) = (&Flags::default(), Language::of(file));
    let options = LoadOptions {
        file,
        language,
        flags,
        environment: &Environment::default(),
        schemas: bellwether::notify::SCHEMAS,
    };
    Config::load(&text, &options).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The configs among the files; the page about them is none.
fn shipped_files() -> impl Iterator<Item = PathBuf> {
    let files = shipped("").read_dir().unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.is_file() && file.extension().is_none_or(|ending| ending != "md"))
}

#[test]
fn the_shipped_yaml_has_a_toml_with_every_comment() {
    let file = shipped("alertmanager.yml");
    let text = std::fs::read_to_string(&file).unwrap();
    let options = LoadOptions {
        file: &file,
        language: Language::Yaml,
        flags: &Flags::default(),
        environment: &Environment::default(),
        schemas: bellwether::notify::SCHEMAS,
    };
    let toml = bellwether::config::convert(text.as_bytes(), &options).unwrap();
    let comments: Vec<&str> =
        text.lines().filter_map(|line| Some(line.split_once("# ")?.1)).collect();
    assert!(comments.len() > 3, "{text}");
    for comment in comments {
        assert_eq!(toml.matches(comment).count(), 1, "{comment}: {toml}");
    }
}

#[test]
fn every_shipped_file_loads_without_a_warning() {
    let mut names = BTreeSet::new();
    for file in shipped_files() {
        assert_eq!(load(&file).warnings, [], "{}", file.display());
        names.insert(file.file_name().unwrap().to_owned());
    }
    for name in [
        "alertmanager.yml",
        "default.toml",
        "gateway.toml",
        "minimal.toml",
        "reference.toml",
        "static-peers.toml",
    ] {
        assert!(names.contains(std::ffi::OsStr::new(name)), "{name}");
    }
}

/// A process that goes on after a panic has half a mind.
#[test]
fn a_panic_ends_the_process_and_systemd_starts_it_again() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let release = manifest.split("[profile.release]").nth(1).unwrap().split("\n[").next().unwrap();
    assert!(release.contains("\npanic = \"abort\""), "{release}");
    let unit = std::fs::read_to_string(root.join("systemd/bellwether.service")).unwrap();
    for line in ["Restart=always", "StartLimitIntervalSec=0"] {
        assert!(unit.lines().any(|given| given == line), "the unit lacks {line}");
    }
}

/// Every client that reaches the API may do anything.
#[test]
fn no_shipped_file_serves_beyond_its_machine() {
    for file in shipped_files() {
        let addresses = load(&file).settings.web.listen_addresses;
        let hosts: Vec<_> = addresses.iter().filter_map(|it| Some(&*it.address()?.host)).collect();
        assert_eq!(hosts, ["127.0.0.1"], "{}", file.display());
    }
}

/// One node under virtual time; every notification succeeds.
struct Site {
    node: Node,
    now: Now,
    rng: StdRng,
    /// Which alert, where to.
    told: Vec<(String, String)>,
    /// Attempts that wait for their reply.
    taken: Vec<AttemptId>,
}

impl Site {
    fn new(config: Config, wall: Wall) -> Self {
        let now = Now { mono: Mono::ZERO, wall };
        let node = Node::new(Arc::new(config), bellwether::node::Options::default(), None, now);
        let mut it =
            Self { node, now, rng: StdRng::seed_from_u64(1), told: Vec::new(), taken: Vec::new() };
        it.input(Node::handle_restored);
        it
    }

    fn input<T>(&mut self, input: impl FnOnce(&mut Node, &mut Cx<'_>) -> T) -> T {
        let mut effects = Vec::new();
        let cx = &mut Cx { now: self.now, rng: &mut self.rng, effects: &mut effects };
        let outcome = input(&mut self.node, cx);
        for effect in effects {
            let Effect::Attempt(attempt) = effect else { continue };
            let Ok(Outgoing::Http(request)) = attempt.draft.inline() else { panic!("a webhook") };
            let url = request.url.inline().unwrap();
            let body = request.body.inline().unwrap();
            let name = body.split(r#""alertname":""#).nth(1).unwrap().split('"').next().unwrap();
            self.told.push((name.to_owned(), url));
            self.taken.push(attempt.id);
        }
        outcome
    }

    fn answer(&mut self) {
        let reply = Reply::status(200);
        for id in std::mem::take(&mut self.taken) {
            self.input(|node, cx| node.handle_reply(cx, id, &reply));
        }
    }

    fn post(&mut self, name: &str, severity: &str, until: Wall) {
        let labels = vec![("alertname".into(), name.into()), ("severity".into(), severity.into())];
        let report = Report::new(labels, Vec::new(), None, Some(until), "".into());
        self.input(|node, cx| node.handle_reports(cx, &[report]));
    }

    fn run_until(&mut self, wall: Wall) {
        let end = self.now.mono + wall.since(self.now.wall);
        while let Some(at) = self.node.next_timeout().filter(|at| *at <= end) {
            let passed = at.since(self.now.mono);
            self.now = Now { mono: at, wall: self.now.wall + passed };
            self.input(Node::handle_timeout);
            self.answer();
        }
        self.now = Now { mono: end, wall };
    }
}

#[test]
fn the_gateways_panel_is_quiet_at_night_and_operations_are_not() {
    let zone = TimeZone::try_system().unwrap_or(TimeZone::UTC);
    let at = |day: i8, hour: i8, minute: i8| {
        let local = DateTime::constant(2026, 6, day, hour, minute, 0, 0);
        Wall::from_ms(zone.to_timestamp(local).unwrap().as_millisecond())
    };
    let mut site = Site::new(load(&shipped("gateway.toml")).config, at(1, 21, 0));
    let (panel, operations) =
        ("http://192.168.10.5:8080/alerts", "http://192.168.10.1:8081/operations");
    let told = |site: &mut Site, wall| -> BTreeSet<(String, String)> {
        site.run_until(wall);
        std::mem::take(&mut site.told).into_iter().collect()
    };
    let these = |pairs: &[(&str, &str)]| -> BTreeSet<(String, String)> {
        pairs.iter().map(|(name, url)| ((*name).to_owned(), (*url).to_owned())).collect()
    };
    site.post("Evening", "warning", at(3, 0, 0));
    assert_eq!(told(&mut site, at(1, 21, 59)), these(&[("Evening", panel)]));
    site.run_until(at(1, 22, 1));
    site.post("Night", "warning", at(3, 0, 0));
    site.post("Fire", "critical", at(3, 0, 0));
    let urgent = these(&[("Fire", operations), ("Fire", panel)]);
    assert_eq!(told(&mut site, at(2, 5, 59)), urgent);
    assert_eq!(told(&mut site, at(2, 6, 10)), these(&[("Night", panel)]));
}

/// The sizes in the documentation are those that `cross/build.sh --record` has written.
#[test]
fn documented_sizes_are_the_recorded_ones() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let (readme, sizes) = (read("cross/README.md"), read("cross/sizes.tsv"));
    let rows: Vec<(&str, u64)> = sizes
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(target, bytes)| (target, bytes.trim().parse().unwrap()))
        .collect();
    assert_eq!(rows.len(), 4, "{sizes}");
    for (target, bytes) in rows {
        let row = format!("| `{target}` | {} KiB |", (bytes + 512) / 1024);
        assert!(readme.contains(&row), "cross/README.md has no row {row}");
    }
}
