//! An expectation whose sign of life stays away raises an alert of ours, until the next sign.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Expectation, Heartbeat};
use crate::core::expect::{Keep, Seen, Sign};
use crate::core::heartbeat::Beating;
use crate::effect::Cx;
use crate::model::duration::Spelled;
use crate::model::{Labels, own};
use crate::node::Node;
use crate::node::kinds::{sign, sign_gone};
use crate::store::JournalRecord;
use crate::time::{Mono, Now};

/// Between two looks at what is missing: its alert is renewed before it lapses.
const LOOK_EVERY: Duration = Duration::from_secs(60);

impl Node {
    /// Takes a ping under the name of an expectation. Returns whether there is one.
    pub fn handle_ping(&mut self, cx: &mut Cx<'_>, name: &str, sender: Option<IpAddr>) -> bool {
        self.handle_clock(cx);
        let by = sender.map_or_else(|| "a ping".to_owned(), |it| format!("a ping of {it}"));
        let is_expected = self.core.handle_ping(cx.now, name, &by);
        self.publish_all(cx);
        self.look_at_expected(cx);
        is_expected
    }

    /// Every expectation, and what is known of it.
    pub fn expected(&self) -> impl Iterator<Item = (&Expectation, &Seen)> {
        let seen = self.core.expected();
        self.config().expect.iter().filter_map(|it| Some((it, seen.get(&it.name)?)))
    }

    /// Every heartbeat, and what is known of it.
    pub fn heartbeats(&self) -> impl Iterator<Item = (&Heartbeat, &Beating)> {
        let beating = self.core.heartbeats();
        self.config().heartbeats.iter().filter_map(|it| Some((it, beating.get(&it.name)?)))
    }

    /// When [`Node::look_at_expected`] wants to be called.
    pub(super) fn expected_timeout(&self) -> Option<Mono> {
        self.core.expected().next()
    }

    /// The records of signs of life that flash is to get now.
    pub(super) fn fresh_signs(&mut self, keep: Keep) -> Vec<JournalRecord> {
        let signs = self.core.expected_mut().take_signs(keep).into_iter();
        let record = |(name, it): (Arc<str>, Option<Sign>)| match it {
            Some(it) => sign(&name, &it),
            None => sign_gone(&name),
        };
        signs.map(record).collect()
    }

    /// Raises the alerts of what is missing, ends those of what has come, and tells the flock of it.
    pub(super) fn look_at_expected(&mut self, cx: &mut Cx<'_>) {
        if self.expected_timeout().is_none_or(|at| at > cx.now.mono) {
            return;
        }
        self.core.tell_signs(cx.now);
        self.publish_some(cx);
        let config = Arc::clone(self.core.config());
        let firing: Vec<Arc<str>> = config
            .expect
            .iter()
            .filter(|it| self.core.alerts().fires(labels(it).fingerprint(), cx.now.wall))
            .map(|it| Arc::clone(&it.name))
            .collect();
        let fires = |it: &Expectation| firing.contains(&it.name);
        let missing = self.core.note_missing(cx.now.mono, LOOK_EVERY, fires);
        for expectation in &config.expect {
            let labels = labels(expectation);
            let labels: Vec<_> =
                labels.iter().map(|(name, value)| (name, value.to_owned())).collect();
            if missing.contains(&expectation.name) {
                let seen = self.core.expected().get(&expectation.name);
                let Some(seen) = seen else { continue };
                let summary = summary(expectation, seen, cx.now);
                self.keep_own(cx, &labels, &summary);
            } else if fires(expectation) {
                self.end_own(cx, &labels);
            }
        }
    }
}

/// The labels of the alert of what is missing: on every member the same.
fn labels(expectation: &Expectation) -> Labels {
    let ours = [
        ("alertname", own::EXPECTED_MISSING),
        ("expected", &expectation.name),
        ("severity", "critical"),
    ];
    ours.into_iter().chain(expectation.labels.iter()).collect()
}

fn summary(expectation: &Expectation, seen: &Seen, now: Now) -> String {
    let Expectation { name, period, .. } = expectation;
    let each = Spelled(*period);
    let Some(Sign { at, by }) = &seen.last else {
        let since = seen.since.whole_secs();
        return format!(
            "{name} is expected each {each} and has not come since it was first waited for, at {since}"
        );
    };
    let age = Spelled(Duration::from_secs(now.wall.since(*at).as_secs()));
    format!(
        "{name} is expected each {each} and has not come for {age}: last was {by} at {}",
        at.whole_secs()
    )
}

#[cfg(test)]
mod tests {
    use crate::wire::record::Kind;
    use std::collections::BTreeMap;

    use super::*;
    use crate::core::heartbeat::HeartbeatWord;
    use crate::limits::BEAT_TEXT_BYTES_MAX;
    use crate::model::{Alert, Report};
    use crate::node::testing::{CONFIG, World};
    use crate::time::Wall;

    const KEY: Option<[u8; 32]> = Some([7; 32]);

    const EXPECT: &str = r#"
[[expect]]
name = "backup"
period = "10m"
labels = { severity = "warning", site = "x" }
[[expect]]
name = "watchdog"
period = "10m"
matchers = ['alertname="Watchdog"']
"#;

    fn world(nodes: usize) -> World {
        World::with(&vec![KEY; nodes], &format!("{CONFIG}{EXPECT}"))
    }

    fn ping(world: &mut World, at: usize) {
        world.step(at, |node, cx| {
            let sender = Some([10, 9, 9, 9].into());
            assert!(node.handle_ping(cx, "backup", sender) && !node.handle_ping(cx, "x", sender));
        });
    }

    fn watchdog(world: &mut World, at: usize, ended: bool) {
        let ends = ended.then_some(world.now.wall);
        let labels = vec![("alertname".into(), "Watchdog".into())];
        let report = Report::new(labels, vec![], None, ends, "".into());
        world.step(at, |node, cx| drop(node.handle_reports(cx, &[report])));
    }

    /// Both signs of life each minute for so long, to the node `at`.
    fn alive(world: &mut World, at: usize, minutes: u64) {
        for _ in 0..minutes {
            ping(world, at);
            watchdog(world, at, false);
            world.pass(60);
        }
    }

    /// The expectations that a node misses, as its alerts say.
    fn missing(world: &World, at: usize) -> Vec<(String, String)> {
        let firing = world.nodes[at].alerts().filter(|it| !it.1.resolved(world.now.wall));
        let named = firing.filter_map(|(_, alert, _)| {
            let name = alert.labels.get("expected")?;
            Some((name.to_owned(), alert.annotations.get("summary").unwrap().to_owned()))
        });
        let mut missing: Vec<_> = named.collect();
        missing.sort();
        missing
    }

    #[test]
    fn missing_signs_are_an_alert_that_names_the_last_one_until_they_return() {
        let mut world = world(1);
        alive(&mut world, 0, 30);
        assert_eq!(missing(&world, 0), []);
        world.pass(9 * 60 + 1);
        let said = missing(&world, 0);
        assert_eq!(said.len(), 2);
        assert_eq!(
            said[0].1,
            "backup is expected each 10m and has not come for 10m: last was a ping of 10.9.9.9 at 2027-01-15T08:29:00Z"
        );
        assert!(said[1].1.contains("last was {alertname=\"Watchdog\"} at"), "{said:?}");
        let alert = world.nodes[0].alerts().find(|it| it.1.labels.get("site") == Some("x"));
        assert_eq!(alert.unwrap().1.labels.get("severity"), Some("warning"), "the config's wins");
        watchdog(&mut world, 0, true);
        assert_eq!(missing(&world, 0).len(), 2, "an end is no sign of life");
        world.pass(3600);
        assert_eq!(missing(&world, 0).len(), 2, "for as long as it stays away");
        ping(&mut world, 0);
        assert_eq!(missing(&world, 0).len(), 1);
        watchdog(&mut world, 0, false);
        world.pass(1);
        assert_eq!(missing(&world, 0), []);
    }

    #[test]
    fn signs_of_life_cost_no_write() {
        let mut world = world(3);
        alive(&mut world, 0, 10);
        let before = world.writes;
        alive(&mut world, 1, 60);
        // The repeated notification of the watchdog alone is logged, on each member.
        assert!(world.writes - before <= 3, "{}", world.writes - before);
    }

    #[test]
    fn a_sign_counts_for_all_members_and_a_missing_one_is_told_once() {
        let mut world = world(3);
        world.pass(30);
        for minute in 0..60 {
            alive(&mut world, minute % 3, 1);
        }
        alive(&mut world, 1, 30);
        for at in 0..3 {
            assert_eq!(missing(&world, at), [], "{at}");
        }
        world.asked.clear();
        world.pass(12 * 60);
        for at in 0..3 {
            assert_eq!(missing(&world, at).len(), 2, "{at}");
        }
        let told = world.asked.len();
        assert!((1..=2).contains(&told), "one group, told once or in two parts: {:?}", world.asked);
        alive(&mut world, 2, 1);
        for at in 0..3 {
            assert_eq!(missing(&world, at), [], "{at}");
        }
    }

    #[test]
    fn a_restart_neither_alarms_nor_forgets() {
        let mut world = world(1);
        let mut records = Vec::new();
        let restart = |world: &mut World, records: Vec<JournalRecord>| {
            let config = Arc::clone(world.nodes[0].core.config());
            world.nodes[0] = Node::new(config, crate::node::Options::default(), None, world.now);
            for record in records {
                let body = record.body().unwrap_or_default().to_vec();
                world.nodes[0].handle_record(record.kind, &record.key, &body).unwrap();
            }
            world.step(0, Node::handle_restored);
        };
        alive(&mut world, 0, 5);
        world.pass(9 * 60 - 60);
        records.extend(world.nodes[0].records(world.now));
        restart(&mut world, records);
        world.pass(9 * 60);
        assert_eq!(missing(&world, 0), [], "the period begins anew");
        world.pass(61);
        assert_eq!(missing(&world, 0).len(), 2);
        assert!(missing(&world, 0)[0].1.contains("last was a ping of 10.9.9.9 at 2027"));
        let records = world.nodes[0].records(world.now);
        restart(&mut world, records);
        for _ in 0..8 {
            world.pass(60);
            assert_eq!(missing(&world, 0).len(), 2, "one that was missing goes on");
        }
        alive(&mut world, 0, 1);
        assert_eq!(missing(&world, 0), []);
    }

    const LONG: &str = r#"
[[expect]]
name = "backup"
period = "1d"
[[expect]]
name = "report"
period = "1d"
"#;

    /// Time passes at once: all that is due in between is done at its end.
    fn hours(world: &mut World, count: u32) {
        let by = Duration::from_secs(3600) * count;
        world.now = Now { mono: world.now.mono + by, wall: world.now.wall + by };
        world.pass(1);
    }

    #[test]
    fn a_long_period_goes_on_however_often_the_power_is_cut() {
        let mut world = World::with(&[KEY], &format!("{CONFIG}{LONG}"));
        world.pass(60);
        ping(&mut world, 0);
        for _ in 0..3 {
            hours(&mut world, 5);
            // The power is off.
            world.now.wall = world.now.wall + Duration::from_secs(3600);
            world.start(0);
            world.pass(400);
            assert_eq!(missing(&world, 0), []);
        }
        hours(&mut world, 5);
        world.now.wall = world.now.wall + Duration::from_secs(3600);
        world.start(0);
        world.pass(290);
        assert_eq!(missing(&world, 0), [], "whoever gives signs has minutes to be heard");
        world.pass(20);
        let said = missing(&world, 0);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].1.contains("has not come for 1d"), "{said:?}");
        assert!(said[0].1.contains("last was a ping of 10.9.9.9 at 2027-01-15T08:01:00Z"));
        assert!(said[1].1.contains("since it was first waited for, at 2027-01-15T08:00:00Z"));
        world.start(0);
        world.pass(60);
        assert_eq!(missing(&world, 0).len(), 2, "one that was missing goes on");
        ping(&mut world, 0);
        assert_eq!(missing(&world, 0).len(), 1);
    }

    #[test]
    fn a_boot_without_a_clock_does_not_end_a_period() {
        let mut world = World::with(&[KEY], &format!("{CONFIG}{LONG}"));
        world.pass(60);
        ping(&mut world, 0);
        hours(&mut world, 20);
        world.post("A");
        world.pass(10);
        let before = world.now.wall;
        world.now.wall = Wall::from_secs(100);
        world.start(0);
        world.pass(400);
        assert_eq!(missing(&world, 0), []);
        world.now.wall = before + Duration::from_secs(3600);
        world.pass(60);
        assert_eq!(missing(&world, 0), []);
        hours(&mut world, 4);
        let said = missing(&world, 0);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].1.contains("last was a ping of 10.9.9.9 at 2027-01-15T0"), "{said:?}");
    }

    #[test]
    fn signs_of_a_long_period_are_written_once_in_half_of_it() {
        let mut world = World::with(&[None], &format!("{CONFIG}{LONG}"));
        world.pass(60);
        let before = world.writes;
        for hour in 0..24 {
            for name in ["backup", "report"] {
                world.step(0, |node, cx| assert!(node.handle_ping(cx, name, None)));
            }
            let written = if hour < 12 { 2 } else { 4 };
            assert_eq!(world.writes - before, written, "the first, and that of hour 12: {hour}");
            hours(&mut world, 1);
        }
        world.step(0, Node::handle_leave);
        assert_eq!(world.writes - before, 6, "and the last when the agent stops");
    }

    #[test]
    fn the_sign_of_what_is_expected_no_more_leaves_flash_with_the_next_commit() {
        let mut world = World::with(&[None], &format!("{CONFIG}{LONG}"));
        world.pass(60);
        let signs = |world: &World| {
            let is_sign = |it: &&(u16, Vec<u8>)| it.0 == u16::from(Kind::Sign.number());
            world.flash[0].keys().filter(is_sign).count()
        };
        assert_eq!(signs(&world), 2);
        world.restart_with(0, CONFIG);
        world.pass(60);
        assert_eq!(signs(&world), 2, "for that alone nothing is written");
        world.post("A");
        assert_eq!(signs(&world), 0);
    }

    #[test]
    fn signs_that_a_dead_member_heard_are_missed_by_its_peers_in_time() {
        let mut world = world(3);
        world.pass(30);
        alive(&mut world, 0, 30);
        let cut = world.now.mono;
        world.dead = vec![0];
        let mut late = BTreeMap::new();
        while world.now.mono.since(cut) < Duration::from_secs(700) {
            world.pass(1);
            for at in [1, 2].into_iter().filter(|at| missing(&world, *at).len() == 2) {
                late.entry(at).or_insert(world.now.mono.since(cut));
            }
        }
        // The last sign came a minute before the power was cut.
        for at in [1, 2] {
            let secs = late[&at].as_secs();
            assert!((360..=605).contains(&secs), "{at}: {late:?}");
        }
    }

    const HEARTBEAT: &str = r#"
[[heartbeat]]
name = "office"
url = "http://127.0.0.1:2/uuid"
period = "60s"
"#;

    fn told(world: &mut World) -> Vec<(usize, String, bool)> {
        let asked = std::mem::take(&mut world.asked);
        let path = |url: String| Some(url.strip_prefix("http://127.0.0.1:2/uuid")?.to_owned());
        asked.into_iter().filter_map(|(at, url, works)| Some((at, path(url)?, works))).collect()
    }

    #[test]
    fn a_heartbeat_is_told_by_one_member_and_by_another_when_that_dies() {
        let mut world = World::with(&[KEY; 3], &format!("{CONFIG}{HEARTBEAT}"));
        world.pass(120);
        let starts = told(&mut world).iter().filter(|it| it.1 == "/start").count();
        assert_eq!(starts, 1);
        world.pass(1800);
        let beats = told(&mut world);
        let oks = beats.iter().filter(|it| it.1.is_empty()).count();
        assert!((29..=30).contains(&oks), "{beats:?}");
        let teller = beats.last().unwrap().0;
        assert!(beats.iter().all(|it| it.0 == teller), "{beats:?}");
        assert_eq!(
            world.nodes[(teller + 1) % 3].heartbeats().next().unwrap().1.told.unwrap().0,
            HeartbeatWord::Ok
        );
        assert_eq!(
            world.nodes[teller].history(crate::node::Topic::Notifications).count(),
            0,
            "it is no alert"
        );
        let oks = oks as u64;
        let bytes = world.nodes[teller].used(world.now.mono).find_map(|(key, used, _)| {
            (*key == ("heartbeat/office".into(), "heartbeat".into(), 0)).then_some(used.bytes_total)
        });
        assert!((oks..=oks + 3).contains(&(bytes.unwrap() / 1_000)), "{bytes:?}");
        world.dead = vec![teller];
        world.pass(600);
        let beats = told(&mut world);
        let lived = beats.iter().filter(|it| it.2).count();
        assert!((9..=11).contains(&lived), "{beats:?}");
    }

    #[test]
    fn of_a_sign_so_many_bytes_are_kept_and_no_more() {
        let matchers = "matchers = ['alertname=\"Watchdog\"']";
        let config = format!("{CONFIG}[[expect]]\nname = \"it\"\nperiod = \"1h\"\n{matchers}\n");
        let mut world = World::with(&[None], &config);
        let labels =
            vec![("alertname".into(), "Watchdog".into()), ("z".into(), "é".repeat(500).into())];
        let report = Report::new(labels, vec![], None, None, "".into());
        world.step(0, |node, cx| {
            node.handle_reports(cx, &[report]);
        });
        let (_, seen) = world.nodes[0].expected().next().unwrap();
        let by = &seen.last.as_ref().unwrap().by;
        assert!(by.starts_with("{alertname=\"Watchdog\", z=\"éé"), "{by}");
        assert!((BEAT_TEXT_BYTES_MAX - 8..=BEAT_TEXT_BYTES_MAX).contains(&by.len()), "{by}");
    }

    #[test]
    fn a_heartbeat_says_when_something_is_wrong_with_the_agent_itself() {
        let mut world = World::with(&[KEY], &format!("{CONFIG}{HEARTBEAT}"));
        world.pass(90);
        assert_eq!(told(&mut world).last().unwrap().1, "");
        world.step(0, |node, cx| node.handle_journal(cx, Some("EIO")));
        world.pass(1);
        assert_eq!(told(&mut world), [(0, "/fail".to_owned(), true)], "at once");
        world.step(0, |node, cx| node.handle_journal(cx, None));
        world.pass(1);
        assert_eq!(told(&mut world), [(0, String::new(), true)]);
        world.works = false;
        world.pass(600);
        let tries = told(&mut world).len();
        assert!((10..=50).contains(&tries), "{tries}");
    }

    /// Three members, the one that tells the heartbeat, and another.
    fn told_by_one() -> (World, usize, usize) {
        let mut world = World::with(&[KEY; 3], &format!("{CONFIG}{HEARTBEAT}"));
        world.pass(90);
        let teller = told(&mut world).last().unwrap().0;
        (world, teller, (teller + 1) % 3)
    }

    /// Has a member alone know of another end of what is wrong with the agent.
    fn ends_at(world: &mut World, at: usize, fault: &Alert, ends_at: Wall) {
        let alert = Alert { ends_at, updated_at: world.now.wall, ..fault.clone() };
        let now = world.now;
        world.nodes[at].core.merge_alert(now, fault.labels.fingerprint(), alert);
    }

    fn fault(world: &World, at: usize) -> Alert {
        let fault = world.nodes[at].alerts().find(|(_, it, _)| {
            it.labels.get("alertname").is_some_and(|name| name == "BellwetherJournalFailed")
        });
        fault.unwrap().1.clone()
    }

    #[test]
    fn a_fault_that_others_do_not_know_of_is_told_once_a_period_by_one() {
        let (mut world, teller, other) = told_by_one();
        world.step(teller, |node, cx| node.handle_journal(cx, Some("EIO")));
        world.pass(5);
        assert_eq!(told(&mut world), [(teller, "/fail".to_owned(), true)], "at once");
        let fault = fault(&world, teller);
        let now = world.now.wall;
        ends_at(&mut world, other, &fault, now);
        ends_at(&mut world, (other + 1) % 3, &fault, now);
        world.pass(280);
        let beats = told(&mut world);
        assert!((4..=5).contains(&beats.len()), "{beats:?}");
        assert!(beats.iter().all(|it| *it == (teller, "/fail".to_owned(), true)), "{beats:?}");
        world.pass(120);
        let beats = told(&mut world);
        assert!((1..=2).contains(&beats.len()) && beats.iter().all(|it| it.1.is_empty()));
    }

    #[test]
    fn a_fault_is_told_by_a_member_that_knows_of_it() {
        let (mut world, teller, other) = told_by_one();
        world.step(teller, |node, cx| node.handle_journal(cx, Some("EIO")));
        world.pass(1);
        let fault = fault(&world, teller);
        world.step(teller, |node, cx| node.handle_journal(cx, None));
        world.pass(1);
        assert_eq!(told(&mut world).len(), 2, "it begins and ends");
        let ends = world.now.wall + Duration::from_secs(300);
        ends_at(&mut world, other, &fault, ends);
        world.pass(20);
        assert_eq!(told(&mut world), [(other, "/fail".to_owned(), true)]);
        world.pass(270);
        let beats = told(&mut world);
        assert!((4..=5).contains(&beats.len()), "{beats:?}");
        assert!(beats.iter().all(|it| *it == (other, "/fail".to_owned(), true)), "{beats:?}");
        world.pass(120);
        let beats = told(&mut world);
        assert!((1..=2).contains(&beats.len()), "{beats:?}");
        assert!(beats.iter().all(|it| *it == (other, String::new(), true)), "{beats:?}");
    }
}
