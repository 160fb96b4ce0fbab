//! The pipeline as a whole: posts and time in, attempts out.

mod acknowledge;
mod answers;
mod attempts;
mod behind;
mod bounds;
mod budget;
mod declared;
mod fallback;
mod kept;
mod large;
mod late;
mod look;
mod meanwhile;
mod owed;
mod quiet;
mod rate_limit;
mod step;
mod sweep;
mod turns;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::config::{Config, GroupBy, Route};
use crate::core::deliver::turn::Flock;
use crate::core::nflog::Logged;
use crate::core::silences::SilenceDraft;
use crate::core::testing::{config, inhibit_rule, matchers, route};
use crate::core::{Core, Intake, Options, Progress, Reload};
use crate::effect::{AttemptId, Cx, Effect};
use crate::limits::{
    ALERT_BYTES_MAX, GROUPS_BYTES_MAX, GROUPS_MAX, INHIBIT_SOURCES_MAX, MEMBERSHIPS_MAX,
    SILENCE_BYTES_MAX,
};
use crate::model::time_interval::{Period, TimeInterval};
use crate::model::{Fingerprint, LogEntry, Report, SilenceId};
use crate::notify::{Cause, Draft, Outgoing, Reply};
use crate::time::{Mono, Now, Wall};

/// A mind under virtual time, whose `log` receivers take what they are told.
struct World {
    core: Core,
    now: Now,
    rng: StdRng,
    told: Vec<(u64, String)>,
    open: Vec<AttemptId>,
    /// The drafts of the attempts under way, in an order of no meaning.
    drafts: Vec<(AttemptId, Rc<Draft>)>,
    looks: Vec<AttemptId>,
    answers: bool,
}

type Input = dyn FnOnce(&mut Core, &mut Cx<'_>);

/// 2027-02-26T22:13:20Z: before 2026 no clock is believed.
const START: i64 = 1_803_680_000;

impl World {
    fn new(config: Config) -> Self {
        let now = Now { mono: Mono::from_ms(0), wall: Wall::from_secs(START) };
        let core = Core::new(Arc::new(config), Options::default(), now);
        let rng = StdRng::seed_from_u64(1);
        let (told, open, looks) = (Vec::new(), Vec::new(), Vec::new());
        Self { core, now, rng, told, open, drafts: Vec::new(), looks, answers: true }
    }

    /// Lets all alerts be brought to their groups.
    fn fill(&mut self) {
        while self.core.next_timeout() == Some(Mono::ZERO) {
            self.step(Core::handle_timeout);
        }
    }

    fn step(&mut self, input: impl FnOnce(&mut Core, &mut Cx<'_>)) {
        let mut effects = Vec::new();
        let mut cx = Cx { now: self.now, rng: &mut self.rng, effects: &mut effects };
        input(&mut self.core, &mut cx);
        for effect in effects {
            match effect {
                Effect::Attempt(attempt) => {
                    let line = match attempt.draft.inline().unwrap() {
                        Outgoing::Log(line) => line,
                        Outgoing::Http(request) => {
                            let url = request.url.inline().unwrap();
                            format!("{url} {:?}", attempt.timeout)
                        }
                        other => panic!("no receiver of these tests sends {other:?}"),
                    };
                    self.told.push((self.now.mono.as_ms(), line));
                    self.open.push(attempt.id);
                    self.drafts.push((attempt.id, attempt.draft));
                }
                Effect::Look { id, .. } => self.looks.push(id),
                Effect::BeginAnew(_)
                | Effect::Persist(_)
                | Effect::Multicast(_)
                | Effect::Send { .. } => {}
                Effect::Cancel(id) => self.open.retain(|it| *it != id),
            }
        }
        if self.answers {
            for id in std::mem::take(&mut self.open) {
                self.answer(id);
            }
        }
    }

    fn answer(&mut self, id: AttemptId) {
        self.step(replying(id));
    }

    /// Lets time pass, stopping at each timer.
    fn pass(&mut self, secs: u64) {
        self.pass_until(self.now.mono + Duration::from_secs(secs));
    }

    fn pass_until(&mut self, end: Mono) {
        while let Some(at) = self.core.next_timeout().filter(|at| *at <= end) {
            self.move_to(at.max(self.now.mono));
            self.step(Core::handle_timeout);
        }
        self.move_to(end);
    }

    fn move_to(&mut self, at: Mono) {
        self.now.wall = self.now.wall + at.since(self.now.mono);
        self.now.mono = at;
    }

    /// Posts an alert `name` of instance `i`; `ends`: seconds from now.
    fn post(&mut self, name: &'static str, i: &'static str, ends: Option<i64>) {
        let pair = |name, value| (Cow::Borrowed(name), Cow::Borrowed(value));
        let ends = ends.map(|secs| Wall::from_ns(self.now.wall.as_ns() + secs * 1_000_000_000));
        let report =
            Report::new(vec![pair("alertname", name), pair("i", i)], vec![], None, ends, "".into());
        let now = self.now;
        self.step(|core, _| assert!(core.handle_reports(now, &[report]).invalid.is_empty()));
    }

    fn silence(&mut self, texts: &[&str], secs: i64) -> SilenceId {
        self.silence_with(texts, secs, vec![])
    }

    fn silence_with(
        &mut self,
        texts: &[&str],
        secs: i64,
        annotations: Vec<(String, String)>,
    ) -> SilenceId {
        let draft = SilenceDraft {
            id: None,
            matchers: matchers(texts),
            starts_at: None,
            ends_at: self.now.wall + Duration::from_secs(u64::try_from(secs).unwrap()),
            created_by: String::new(),
            comment: String::new(),
            annotations,
        };
        let mut id = None;
        self.step(|core, cx| id = core.handle_set_silence(cx, draft).ok());
        id.unwrap()
    }

    /// The notifications since this was last asked: when in ms, and the line up to its alerts.
    fn told(&mut self) -> Vec<(u64, String)> {
        let head = |line: String| {
            line.split_once("): ").map_or(String::new(), |(head, _)| format!("{head})"))
        };
        std::mem::take(&mut self.told).into_iter().map(|(at, line)| (at, head(line))).collect()
    }
}

/// Boxed, as answering may lead to further answers.
fn replying(id: AttemptId) -> Box<Input> {
    Box::new(move |core, cx| core.handle_reply(cx, id, &Reply::Done))
}

fn at(told: &[(u64, &str)]) -> Vec<(u64, String)> {
    told.iter().map(|(at, line)| (*at, (*line).to_owned())).collect()
}

#[test]
fn a_group_waits_flushes_throttles_and_tells_the_end() {
    let mut w = World::new(config(route("r", &[])));
    w.post("A", "1", None);
    w.pass(5);
    w.post("A", "2", None);
    w.pass(15);
    w.post("A", "1", Some(0));
    w.pass(10);
    w.post("A", "2", Some(0));
    w.pass(30);
    assert_eq!(
        w.told(),
        at(&[
            (1000, "[FIRING:1] A -> r (first notification)"),
            (11_000, "[FIRING:2] A -> r (new alerts added)"),
            (21_000, "[FIRING:1] A -> r (some alerts resolved)"),
            (31_000, "[RESOLVED] A -> r (all alerts resolved)"),
        ]),
    );
}

#[test]
fn an_alert_without_an_end_ends_after_resolve_timeout() {
    let mut w = World::new(config(route("r", &[])));
    w.post("A", "1", None);
    w.pass(290);
    assert_eq!(w.told().len(), 1);
    w.pass(30);
    assert_eq!(w.told(), at(&[(301_000, "[RESOLVED] A -> r (all alerts resolved)")]));
}

#[test]
fn one_that_ends_within_group_wait_is_not_told_of() {
    let mut w = World::new(config(route("r", &[])));
    w.post("A", "1", None);
    w.post("A", "1", Some(0));
    w.pass(60);
    assert_eq!(w.told(), []);
}

#[test]
fn a_notification_is_repeated_at_the_first_tick_after_repeat_interval() {
    let mut w = World::new(config(route("r", &[])));
    for _ in 0..37 {
        w.post("A", "1", None);
        w.pass(100);
    }
    assert_eq!(
        w.told(),
        at(&[
            (1000, "[FIRING:1] A -> r (first notification)"),
            (3_611_000, "[FIRING:1] A -> r (repeat interval elapsed)"),
        ])
    );
}

#[test]
fn a_group_that_empties_is_dropped_and_a_late_alert_is_flushed_at_once() {
    let mut w = World::new(config(route("r", &[])));
    w.post("A", "1", None);
    w.pass(2);
    w.post("A", "1", Some(0));
    w.pass(60);
    assert!(w.core.groups().is_empty());
    assert_eq!(w.told().len(), 2);
    let late = Report::new(
        vec![("alertname".into(), "B".into())],
        vec![],
        Some(w.now.wall - Duration::from_secs(60)),
        None,
        "".into(),
    );
    let now = w.now;
    w.step(|core, _| drop(core.handle_reports(now, &[late])));
    w.pass(0);
    assert_eq!(w.told(), at(&[(62_000, "[FIRING:1] B -> r (first notification)")]));
}

#[test]
fn inhibition_and_silences_mute_and_let_go() {
    let mut config = config(route("r", &[]));
    config.inhibit_rules = vec![inhibit_rule(&["alertname=S"], &["alertname=T"], &["i"])];
    let mut w = World::new(config);
    w.post("S", "1", None);
    w.post("T", "1", None);
    let id = w.silence(&["alertname=Q"], 1000);
    w.post("Q", "1", None);
    w.pass(20);
    assert_eq!(w.told(), at(&[(1000, "[FIRING:1] S -> r (first notification)")]));
    w.post("S", "1", Some(0));
    let now = w.now;
    w.step(|core, _| core.handle_expire_silence(now, id).unwrap());
    w.pass(20);
    let mut lines: Vec<String> = w.told().into_iter().map(|(_, line)| line).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "[FIRING:1] Q -> r (first notification)",
            "[FIRING:1] T -> r (first notification)",
            "[RESOLVED] S -> r (all alerts resolved)",
        ]
    );
    assert_eq!(w.core.stats().suppressed_inhibition, 2);
    assert_eq!(w.core.stats().suppressed_silence, 2);
}

#[test]
fn alerts_that_intervals_mute_are_counted_by_the_kind_of_interval() {
    for (mute, active, counted) in [
        (["always"].as_slice(), [].as_slice(), (1, 0)),
        (&[], &["never"], (0, 1)),
        (&["always"], &["never"], (0, 1)),
        (&["always"], &["always"], (1, 0)),
        (&["never"], &["always"], (0, 0)),
    ] {
        let names = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
        let mut root = route("r", &[]);
        (root.mute_time_intervals, root.active_time_intervals) = (names(mute), names(active));
        let mut config = config(root);
        config.time_intervals = [("always", vec![Period::default()]), ("never", Vec::new())]
            .map(|(name, periods)| Arc::new(TimeInterval { name: name.into(), periods }))
            .into();
        let mut w = World::new(config);
        w.post("A", "1", None);
        w.pass(2);
        let stats = w.core.stats();
        let found = (stats.suppressed_mute_interval, stats.suppressed_active_interval);
        assert_eq!(found, counted, "mute {mute:?}, active {active:?}");
    }
}

#[test]
fn a_failing_receiver_is_retried_until_the_deadline_and_at_the_next_flush() {
    let mut w = World::new(config(route("r", &[])));
    w.answers = false;
    w.post("A", "1", None);
    w.pass(1);
    let first = w.open.pop().unwrap();
    // `log` takes everything; what is tested is an attempt of which nothing is heard.
    w.pass(9);
    assert_eq!(w.told.len(), 1);
    w.pass(1);
    assert_eq!(w.told.len(), 2, "cancelled at the deadline, which is the next flush");
    assert!(!w.open.contains(&first));
    let second = w.open[0];
    w.answer(first);
    assert_eq!(w.core.nflog().len(), 0, "a reply to a cancelled attempt counts for nothing");
    w.answer(second);
    assert_eq!(w.core.nflog().len(), 1);
    w.pass(60);
    assert_eq!(w.told.len(), 2);
    assert_eq!(
        w.core
            .stats()
            .integrations()
            .map(|(_, it)| (it.sent, it.failed.clone()))
            .collect::<Vec<_>>(),
        [(2, [(Cause::Timeout, 1)].into())]
    );
}

#[test]
fn a_reload_keeps_timers_flights_and_what_was_told() {
    let mut w = World::new(config(route("r", &[])));
    w.post("A", "1", None);
    w.pass(2);
    w.answers = false;
    w.post("B", "1", None);
    w.pass(1);
    assert_eq!(w.told().len(), 2);
    let flying = w.open[0];
    w.step(|core, cx| drop(core.handle_config(cx, Arc::new(config(route("r", &[])))).unwrap()));
    assert_eq!(w.open, [flying], "nothing in flight is stopped");
    w.answers = true;
    w.answer(flying);
    w.pass(60);
    assert_eq!(w.told(), [], "nothing is told twice");
    let mut other = route("r", &[]);
    other.routes = vec![route("s", &["alertname=A"])];
    w.step(|core, cx| drop(core.handle_config(cx, Arc::new(config(other))).unwrap()));
    w.pass(60);
    assert_eq!(w.told(), at(&[(63_000, "[FIRING:1] A -> s (first notification)")]));
    assert_eq!(w.core.groups().len(), 2);
}

/// Three routes that every alert ends at, each with a group an alert.
fn three_groups_an_alert() -> Config {
    let mut root = route("r", &[]);
    root.group_by = GroupBy::All;
    root.routes = (0..3).map(|_| Route { continue_: true, ..root.clone() }).collect();
    config(root)
}

/// One report each of so many alerts.
fn reports(range: std::ops::Range<usize>, ends_at: Option<Wall>) -> Vec<Report<'static>> {
    let label = |n: usize| (Cow::Borrowed("alertname"), Cow::Owned(format!("A{n}")));
    range.map(|n| Report::new(vec![label(n)], vec![], None, ends_at, "".into())).collect()
}

/// So many routes at which every alert ends, each of them one group.
fn continued(routes: usize) -> Config {
    let mut root = route("r", &[]);
    let mut child = route("r", &[]);
    child.continue_ = true;
    child.group_by = GroupBy::Labels(Vec::new());
    root.routes = vec![child; routes];
    config(root)
}

#[test]
fn reports_of_known_alerts_cost_what_their_routes_and_integrations_do() {
    let pieces = |config: Config, ends: Option<i64>| {
        let mut w = World::new(config);
        w.core.handle_reports(w.now, &reports(0..100, None));
        let ends = ends.map(|secs| w.now.wall + Duration::from_secs(secs.unsigned_abs()));
        w.pass(2);
        let (mut reports, mut pieces) = (reports(0..100, ends).into_iter(), 1);
        let mut intake = Intake::default();
        while w.core.handle_some_reports(w.now, &mut reports, &mut intake) == Progress::More {
            pieces += 1;
        }
        pieces
    };
    let wide = || {
        let mut config = continued(0);
        let receiver = Arc::get_mut(&mut config.receivers[0]).unwrap();
        receiver.integrations = vec![receiver.integrations[0].clone(); 200];
        config
    };
    assert_eq!((pieces(continued(0), None), pieces(continued(0), Some(1))), (1, 1));
    let known = pieces(continued(300), None);
    assert!(known > 3, "{known}");
    assert_eq!(pieces(wide(), None), 1);
    let ended = pieces(wide(), Some(1));
    assert!(ended > 15, "{ended}");
}

#[test]
fn reports_are_taken_in_pieces_by_what_they_cost() {
    let mut root = route("r", &[]);
    root.routes = (0..300).map(|n| route("r", &[&format!("alertname=~.*[x-z]{n}.*")])).collect();
    let pieces = |w: &mut World| {
        let (mut reports, mut pieces) = (reports(0..2_000, None).into_iter(), 1);
        let mut intake = Intake::default();
        while w.core.handle_some_reports(w.now, &mut reports, &mut intake) == Progress::More {
            pieces += 1;
        }
        assert_eq!((intake, w.core.alerts().len()), (Intake::default(), 2_000));
        pieces
    };
    let plain = pieces(&mut World::new(config(route("r", &[]))));
    let with_patterns = pieces(&mut World::new(config(root)));
    let mut ruled = config(route("r", &[]));
    ruled.inhibit_rules = (0..300)
        .map(|n| inhibit_rule(&[&format!("alertname=~.*[x-z]{n}.*")], &["t=1"], &[]))
        .collect();
    let with_rules = pieces(&mut World::new(ruled));
    assert!(
        plain > 1 && with_patterns > plain && with_rules > plain,
        "{plain} {with_patterns} {with_rules}"
    );
}

#[test]
fn groups_are_bounded_also_when_alerts_come_back_to_them() {
    let mut w = World::new(three_groups_an_alert());
    let ended = w.now.wall;
    assert_eq!(w.core.handle_reports(w.now, &reports(0..10_000, Some(ended))).refused, 0);
    w.pass(60);
    assert!(w.core.groups().is_empty() && w.core.alerts().len() == 10_000);
    assert_eq!(w.core.handle_reports(w.now, &reports(10_000..20_000, None)).refused, 0);
    assert_eq!(w.core.handle_reports(w.now, &reports(0..10_000, None)).refused, 6_667);
    assert_eq!(w.core.groups().len(), GROUPS_MAX);
}

#[test]
fn without_retention_nothing_is_repeated_at_each_flush_and_no_end_is_lost() {
    let mut w = World::new(config(route("r", &[])));
    let options = Options { retention: Duration::ZERO, ..Options::default() };
    w.core = Core::new(Arc::clone(w.core.config()), options, w.now);
    w.post("A", "1", None);
    w.pass(65);
    assert_eq!(w.told(), at(&[(1000, "[FIRING:1] A -> r (first notification)")]));
    w.post("A", "1", Some(0));
    w.pass(60);
    assert_eq!(w.told(), at(&[(71_000, "[RESOLVED] A -> r (all alerts resolved)")]));
}

#[test]
fn a_gc_interval_of_zero_sweeps_each_second_and_not_without_end() {
    let mut w = World::new(config(route("r", &[])));
    let options = Options { alerts_gc_interval: Duration::ZERO, ..Options::default() };
    w.core = Core::new(Arc::clone(w.core.config()), options, w.now);
    w.post("A", "1", Some(2));
    w.pass(30);
    assert!(w.core.alerts().is_empty());
}

#[test]
fn alerts_silences_and_log_entries_are_forgotten_in_time() {
    let mut w = World::new(config(route("r", &[])));
    w.post("A", "1", None);
    w.silence(&["a=b"], 60);
    w.pass(6 * 24 * 3600);
    assert!(w.core.alerts().is_empty() && w.core.groups().is_empty() && w.core.nflog().is_empty());
    assert_eq!(w.core.silences().iter().count(), 0);
    assert_eq!(w.core.next_timeout(), None, "an idle agent sleeps");
}

#[test]
fn a_clock_that_is_set_late_neither_ends_nor_repeats_nor_forgets() {
    let mut w = World::new(config(route("r", &[])));
    w.now.wall = Wall::from_secs(60);
    w.core = Core::new(Arc::new(config(route("r", &[]))), Options::default(), w.now);
    w.post("A", "1", None);
    let id = w.silence(&["alertname=B"], 600);
    w.pass(5);
    assert_eq!(w.told().len(), 1);
    w.now.wall = Wall::from_secs(START);
    let now = w.now;
    w.step(|core, _| assert!(core.handle_clock(now).is_some()));
    w.post("B", "1", None);
    w.pass(200);
    assert_eq!(w.told(), [], "the silence holds, A fires on");
    w.pass(100);
    assert_eq!(w.told(), at(&[(301_000, "[RESOLVED] A -> r (all alerts resolved)")]));
    assert_eq!(w.core.silences().get(id).unwrap().starts_at, Wall::from_secs(START - 5));
}

#[test]
fn an_attempt_under_way_when_the_clock_is_set_tells_the_right_time() {
    let mut w = World::new(config(route("r", &[])));
    w.now.wall = Wall::from_secs(60);
    w.core = Core::new(Arc::new(config(route("r", &[]))), Options::default(), w.now);
    w.answers = false;
    w.post("A", "1", None);
    w.pass(5);
    w.now.wall = Wall::from_secs(START);
    let now = w.now;
    w.step(|core, _| assert!(core.handle_clock(now).is_some()));
    let (_, group) = w.core.groups().iter().next().unwrap();
    let flushed = group.flush.as_ref().unwrap();
    for flushed in flushed.snapshot.iter().chain(&flushed.deliveries[0].content.alerts) {
        assert_eq!(flushed.alert.starts_at, Wall::from_secs(START - 5));
    }
}

#[test]
fn records_of_a_member_keep_to_the_limits() {
    let mut w = World::new(config(route("r", &[])));
    w.post("A", "1", None);
    let now = w.now;
    let mut alert = (*w.core.alerts().iter().next().unwrap().1.alert).clone();
    let before = alert.clone();
    alert.generator_url = "x".repeat(ALERT_BYTES_MAX).as_str().into();
    let fingerprint = alert.labels.fingerprint();
    assert!(!w.core.merge_alert(now, fingerprint, alert));
    assert_eq!(*w.core.alerts().get(fingerprint).unwrap().alert, before);
    let id = w.silence(&["a=b"], 60);
    let mut silence = w.core.silences().get(id).unwrap().clone();
    silence.comment = "x".repeat(SILENCE_BYTES_MAX).into();
    assert!(!w.core.merge_silence(now, silence.clone()));
    silence.comment = "x".into();
    assert!(w.core.merge_silence(now, silence));
}

#[test]
fn a_log_whose_author_did_not_know_what_was_told_here_is_joined_with_it() {
    for (notified_by, firing) in [(&[(9, 1)][..], 2), (&[(9, 1), (7, 1)], 1)] {
        let mut w = World::new(config(route("r", &[])));
        w.core.set_flock(Flock { me: 7, others: vec![], settling: false });
        w.post("A", "1", None);
        w.pass(5);
        let (key, ours) = w.core.nflog().iter().next().unwrap();
        let (key, now) = (key.clone(), w.now);
        assert_eq!(ours.told_by(7), 1);
        let entry = LogEntry {
            timestamp: now.wall,
            firing: [Fingerprint(1)].into(),
            resolved: [].into(),
            expires_at: now.wall + Duration::from_secs(3600),
            notified_by: notified_by.into(),
            facts: [].into(),
        };
        let logged = w.core.merge_log(now, &key, entry);
        assert_eq!(logged, if firing == 2 { Logged::Joined { by: 7 } } else { Logged::Taken });
        let held = w.core.nflog().get(&key, now.wall).unwrap();
        assert_eq!((held.firing.len(), held.told_by(7), held.told_by(9)), (firing, 1, 1));
    }
}

#[test]
fn all_due_work_is_done_in_pieces() {
    let mut root = route("r", &[]);
    root.group_by = GroupBy::All;
    let mut w = World::new(config(root));
    for n in 0..400 {
        w.silence(&[&format!("alertname=~.*[b-d]{n}x?")], 3600);
    }
    w.core.handle_reports(w.now, &reports(0..400, None));
    let due = w.core.next_timeout().unwrap();
    w.move_to(due);
    w.answers = false;
    let mut pieces = 0;
    while w.core.next_timeout().is_some_and(|at| at <= w.now.mono) {
        w.step(Core::handle_timeout);
        pieces += 1;
    }
    assert!(pieces > 1);
    assert_eq!(w.core.groups().iter().filter(|(_, group)| group.flushed).count(), 400);
}

#[test]
fn a_config_is_taken_in_pieces_and_what_comes_meanwhile_is_routed_too() {
    let other = || {
        let mut root = route("r", &[]);
        let child = |n: usize| route("r", &[&format!("alertname=~.*[x-z]{n}.*")]);
        root.routes = (0..300).map(child).collect();
        root.routes.push(route("r", &["alertname=~A.*[0-4]"]));
        root.group_by = GroupBy::All;
        Arc::new(config(root))
    };
    let mut whole = World::new(config(route("r", &[])));
    whole.core.handle_reports(whole.now, &reports(0..1001, None));
    whole.step(|core, cx| drop(core.handle_config(cx, other()).unwrap()));
    let mut w = World::new(config(route("r", &[])));
    w.core.handle_reports(w.now, &reports(0..1000, None));
    let mut reload = Reload::from(other());
    let mut pieces = 1;
    while !w.core.prepare(&mut reload) {
        pieces += 1;
    }
    assert!(pieces > 1);
    w.core.handle_reports(w.now, &reports(1000..1001, None));
    w.step(|core, cx| drop(core.handle_config(cx, reload).unwrap()));
    let keys = |w: &World| {
        let mut keys: Vec<String> = w.core.groups().iter().map(|it| it.1.key.to_string()).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&w), keys(&whole));
}
