//! Alerts of our own: a fault of the agent itself is an alert like any other.

use std::borrow::Cow;
use std::time::Duration;

use crate::core::alerts::fingerprint;
use crate::effect::Cx;
use crate::gossip::Gossip;
use crate::model::{Report, own};
use crate::node::Node;
use crate::time::Wall;

/// How long an alert of our own fires unless it is said again: it ends with the node that says it.
const LEASE: Duration = Duration::from_secs(5 * 60);

/// Labels of an alert of our own.
pub(super) type Labels = Vec<(&'static str, String)>;

/// An alert of our own that is to fire.
pub(super) struct Wanted {
    pub(super) labels: Labels,
    pub(super) summary: String,
    /// Whether no other node raises the same.
    pub(super) ours: bool,
}

impl Node {
    fn handle_own_report(&mut self, cx: &mut Cx<'_>, report: &Report<'_>) {
        self.handle_clock(cx);
        self.core.handle_own_report(cx.now, report);
        self.publish_some(cx);
    }

    /// Raises an alert of our own, or renews it before it lapses. Where another member has just done so, nothing is said.
    pub(super) fn raise_own(
        &mut self,
        cx: &mut Cx<'_>,
        labels: &[(impl AsRef<str>, String)],
        summary: &str,
    ) {
        let report = self.own_report(labels, summary, cx.now.wall + LEASE);
        let known = self.core.alerts().get(fingerprint(&report)).map(|entry| &entry.alert);
        let lasts = known.is_some_and(|alert| {
            alert.ends_at >= cx.now.wall + LEASE / 2
                && alert.annotations.get("summary") == Some(summary)
        });
        if !lasts {
            self.handle_own_report(cx, &report);
        }
    }

    /// The same with the summary that was raised first: a text that changes with each renewal would be a change each time.
    pub(super) fn keep_own(
        &mut self,
        cx: &mut Cx<'_>,
        labels: &[(impl AsRef<str>, String)],
        summary: &str,
    ) {
        let report = self.own_report(labels, summary, cx.now.wall);
        let known = self.core.alerts().get(fingerprint(&report)).map(|entry| &entry.alert);
        let told = known.filter(|it| !it.resolved(cx.now.wall));
        let told = told.and_then(|it| it.annotations.get("summary")).unwrap_or(summary).to_owned();
        self.raise_own(cx, labels, &told);
    }

    /// Ends an alert of our own, if it fires.
    pub(super) fn end_own(&mut self, cx: &mut Cx<'_>, labels: &[(impl AsRef<str>, String)]) {
        let report = self.own_report(labels, "", cx.now.wall);
        let known = self.core.alerts().get(fingerprint(&report));
        let Some(alert) = known.map(|entry| &entry.alert).filter(|it| !it.resolved(cx.now.wall))
        else {
            return;
        };
        let summary = alert.annotations.get("summary").unwrap_or_default().to_owned();
        let report = self.own_report(labels, &summary, cx.now.wall);
        self.handle_own_report(cx, &report);
    }

    fn own_report(
        &self,
        labels: &[(impl AsRef<str>, String)],
        summary: &str,
        ends_at: Wall,
    ) -> Report<'static> {
        let owned = |text: &str| Cow::<'static, str>::Owned(text.to_owned());
        let labels = labels.iter().map(|(name, value)| (owned(name.as_ref()), owned(value)));
        let annotations = vec![("summary".into(), owned(summary))];
        let url = owned(&self.options().external_url);
        Report::new(labels.collect(), annotations, None, Some(ends_at), url)
    }

    /// Says whether the journal works: `BellwetherJournalFailed` fires while it does not. A fault must be said again
    /// and again, each [`crate::limits::KEEPER_RETRY_MAX`] at least.
    pub fn handle_journal(&mut self, cx: &mut Cx<'_>, fault: Option<&str>) {
        let labels = [
            ("alertname", own::JOURNAL_FAILED.to_owned()),
            ("instance", self.options().external_url.to_string()),
            ("severity", "critical".to_owned()),
        ];
        if let Some(fault) = fault {
            let summary = format!("Not everything is kept on flash: {fault}");
            self.raise_own(cx, &labels, &summary);
            self.ends_fault = false;
        } else {
            // It may be one that the process before us raised.
            self.end_own(cx, &labels);
            self.ends_fault = !self.is_settled();
        }
    }

    /// Ends the fault that the process before us had with the journal, once the flock has told of it.
    pub(super) fn end_former_fault(&mut self, cx: &mut Cx<'_>) {
        if self.ends_fault && self.is_settled() {
            self.handle_journal(cx, None);
        }
    }

    fn is_settled(&self) -> bool {
        self.gossip.as_ref().is_some_and(Gossip::ready)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::core::testing::{config, route};
    use crate::effect::Effect;
    use crate::limits::ALERTS_MAX;
    use crate::node::{Options, testing};
    use crate::notify::{Outgoing, Reply};
    use crate::time::{Mono, Now, Wall};
    use crate::wire::record::Kind;

    /// A node under virtual time; `step` returns the log lines that it wants printed.
    struct World {
        node: Node,
        now: Now,
        rng: StdRng,
    }

    impl World {
        fn new() -> Self {
            let now = Now { mono: Mono::ZERO, wall: Wall::from_secs(1_700_000_000) };
            let config = Arc::new(config(route("r", &[])));
            let node = Node::new(config, Options::default(), None, now);
            Self { node, now, rng: StdRng::seed_from_u64(1) }
        }

        fn step(&mut self, input: impl FnOnce(&mut Node, &mut Cx<'_>)) -> Vec<String> {
            let mut effects = Vec::new();
            let cx = &mut Cx { now: self.now, rng: &mut self.rng, effects: &mut effects };
            input(&mut self.node, cx);
            let mut told = Vec::new();
            for effect in effects {
                let Effect::Attempt(attempt) = effect else { continue };
                let Ok(Outgoing::Log(line)) = attempt.draft.inline() else { panic!("a log line") };
                told.push(line);
                let cx = &mut Cx { now: self.now, rng: &mut self.rng, effects: &mut Vec::new() };
                self.node.handle_reply(cx, attempt.id, &Reply::Done);
            }
            told
        }

        fn pass(&mut self, secs: u64) -> Vec<String> {
            let by = Duration::from_secs(secs);
            self.now = Now { mono: self.now.mono + by, wall: self.now.wall + by };
            self.step(Node::handle_timeout)
        }

        fn fault(&mut self, fault: Option<&str>) {
            self.step(|node, cx| node.handle_journal(cx, fault));
        }
    }

    #[test]
    fn a_failing_journal_is_told_until_it_works_again() {
        let mut world = World::new();
        world.fault(Some("EIO"));
        let told = world.pass(1);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("[FIRING:1] BellwetherJournalFailed"), "{told:?}");
        assert!(told[0].contains("Not everything is kept on flash: EIO"), "{told:?}");
        world.pass(9);
        let mut told = Vec::new();
        for _ in 0..24 * 60 {
            world.fault(Some("EIO"));
            told.extend(world.pass(60));
        }
        assert!((22..=24).contains(&told.len()), "repeated each hour of a day: {}", told.len());
        assert!(told.iter().all(|line| line.starts_with("[FIRING:1]")), "and never ended");
        world.fault(None);
        let told = world.pass(10);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("[RESOLVED] BellwetherJournalFailed"), "{told:?}");
    }

    #[test]
    fn another_fault_goes_on_with_the_same_alert() {
        let mut world = World::new();
        world.fault(Some("EIO"));
        world.pass(1);
        world.fault(Some("ENOSPC"));
        assert!(world.pass(10).is_empty(), "known to be firing");
        let alerts: Vec<_> = world.node.alerts().collect();
        assert_eq!(alerts.len(), 1);
        assert_eq!(alerts[0].1.starts_at, Wall::from_secs(1_700_000_000));
        assert!(alerts[0].1.annotations.get("summary").unwrap().ends_with("ENOSPC"));
    }

    #[test]
    fn an_alert_of_our_own_finds_room_in_a_full_table() {
        let mut world = World::new();
        let others: Vec<Report<'_>> = (0..=ALERTS_MAX)
            .map(|n| {
                let labels = vec![("n".into(), n.to_string().into())];
                Report::new(labels, vec![], None, None, "".into())
            })
            .collect();
        world.step(|node, cx| assert_eq!(node.handle_reports(cx, &others).refused, 1));
        world.fault(Some("EIO"));
        let mut told = world.pass(1);
        // The flush of the others is done in pieces of its own.
        for _ in 0..100 {
            told.extend(world.pass(0));
        }
        assert!(told.iter().any(|line| line.contains("BellwetherJournalFailed")), "{}", told.len());
        world.step(|node, cx| assert_eq!(node.handle_reports(cx, &others).refused, 1));
    }

    #[test]
    fn a_restart_ends_the_fault_that_the_flock_alone_knows_of() {
        let mut flock = testing::World::new(&[None, None]);
        flock.pass(20);
        flock.step(0, |node, cx| node.handle_journal(cx, Some("EIO")));
        flock.pass(2);
        assert_eq!(flock.firing(1), [own::JOURNAL_FAILED]);
        flock.flash[0].retain(|(kind, _), _| *kind != u16::from(Kind::Alert.number()));
        flock.start(0);
        flock.step(0, |node, cx| node.handle_journal(cx, None));
        flock.pass(20);
        assert_eq!([flock.firing(0), flock.firing(1)], [[""; 0]; 2]);
    }

    #[test]
    fn a_journal_that_works_is_no_news() {
        let mut world = World::new();
        world.fault(None);
        assert_eq!(world.node.alerts().count(), 0);
    }
}
