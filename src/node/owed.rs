//! Owed notifications, as users see them and act upon them.

use crate::core::deliver::owed::{DebtView, OwedDrop};
use crate::core::deliver::reach::IntegrationKey;
use crate::effect::Cx;
use crate::node::Node;
use crate::time::Now;

impl Node {
    /// Everything that is owed.
    pub fn owed(&self, now: Now) -> impl Iterator<Item = DebtView<'_>> {
        self.core.debts(now)
    }

    /// Does a piece of a drop of what came and went and is owed. Returns whether it was the last one.
    pub fn handle_owed_drop(&mut self, cx: &mut Cx<'_>, drop: &mut OwedDrop) -> bool {
        self.handle_clock(cx);
        let is_done = self.core.drop_owed(cx.now, drop);
        self.publish_all(cx);
        is_done
    }

    /// Tries a receiver that fails, or all, at once.
    pub fn handle_owed_retry(&mut self, cx: &mut Cx<'_>, receiver: Option<&str>) {
        self.handle_clock(cx);
        let is_meant = |(name, ..): &IntegrationKey| receiver.is_none_or(|it| **name == *it);
        self.core.try_all_again(cx.now.mono, is_meant);
    }

    /// A link, an address or a route of this machine has come: the way to the receivers may be back.
    pub fn handle_link(&mut self, cx: &mut Cx<'_>) {
        self.handle_owed_retry(cx, None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::limits::OWED_ALERTS_MAX;
    use crate::model::Report;
    use crate::model::own::OWED_CUT;
    use crate::node::testing::{CONFIG, World};

    const KEY: Option<[u8; 32]> = Some([7; 32]);

    fn post(world: &mut World, at: usize, name: &str, ended: bool) {
        let ends = ended.then_some(world.now.wall);
        let report =
            Report::new(vec![("alertname".into(), name.into())], vec![], None, ends, "".into());
        world.step(at, |node, cx| drop(node.handle_reports(cx, &[report])));
    }

    /// An alert of a minute.
    fn comes_and_goes(world: &mut World, at: usize, name: &str) {
        post(world, at, name, false);
        world.pass(60);
        post(world, at, name, true);
    }

    fn bodies(world: &mut World) -> Vec<Value> {
        let bodies = std::mem::take(&mut world.bodies);
        bodies.iter().map(|it| serde_json::from_str(it).unwrap()).collect()
    }

    /// Name, status and whether it is late, of each alert of a notification.
    fn alerts(body: &Value) -> Vec<(String, String, bool)> {
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        let alert = |it: &Value| {
            (text(&it["labels"]["alertname"]), text(&it["status"]), it["late"] == true)
        };
        body["alerts"].as_array().unwrap().iter().map(alert).collect()
    }

    fn late(name: &str) -> (String, String, bool) {
        (name.to_owned(), "resolved".to_owned(), true)
    }

    fn owed(world: &World, at: usize) -> Vec<usize> {
        world.nodes[at].owed(world.now).map(|it| it.late).collect()
    }

    #[test]
    fn alerts_that_came_and_went_unreported_are_told_once_with_both_times() {
        let mut world = World::new(&[None]);
        world.works = false;
        comes_and_goes(&mut world, 0, "A");
        world.pass(20);
        assert_eq!(owed(&world, 0), [1]);
        comes_and_goes(&mut world, 0, "B");
        world.pass(20);
        assert_eq!(owed(&world, 0), [2]);
        world.works = true;
        world.pass(60);
        let bodies = bodies(&mut world);
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        assert_eq!(alerts(&bodies[0]), [late("A"), late("B")]);
        assert_eq!(bodies[0]["notification_reason"], "alerts came and went unreported");
        assert_eq!(bodies[0]["alerts"][0]["startsAt"], "2027-01-15T08:00:00Z");
        assert_eq!(bodies[0]["alerts"][0]["endsAt"], "2027-01-15T08:01:00Z");
        assert!(owed(&world, 0).is_empty());
        world.pass(3600);
        assert_eq!(world.bodies.len(), 0);
        assert_eq!(world.nodes[0].stats().told_late, 2);
    }

    #[test]
    fn firing_alerts_are_told_as_they_are_and_told_ones_end_as_always() {
        let mut world = World::new(&[None]);
        post(&mut world, 0, "told", false);
        world.pass(30);
        assert_eq!(bodies(&mut world).len(), 1);
        assert!(owed(&world, 0).is_empty());
        world.works = false;
        comes_and_goes(&mut world, 0, "A");
        post(&mut world, 0, "fires", false);
        post(&mut world, 0, "told", true);
        world.pass(60);
        world.works = true;
        world.pass(60);
        let bodies = bodies(&mut world);
        let plain = |name: &str, status: &str| (name.to_owned(), status.to_owned(), false);
        let mut told = alerts(&bodies[0]);
        told.sort();
        assert_eq!(told, [late("A"), plain("fires", "firing"), plain("told", "resolved")]);
        assert_eq!(bodies.len(), 1);
    }

    #[test]
    fn a_receiver_that_works_is_owed_nothing_and_costs_no_write() {
        let mut world = World::new(&[None]);
        post(&mut world, 0, "A", false);
        world.pass(5);
        // Between two flushes: Alertmanager tells nothing of it either.
        post(&mut world, 0, "B", false);
        post(&mut world, 0, "B", true);
        world.pass(600);
        let told: Vec<_> = bodies(&mut world).iter().flat_map(alerts).collect();
        assert!(told.iter().all(|it| !it.2), "{told:?}");
        assert!(!world.flash[0].keys().any(|(kind, _)| *kind == 129));
    }

    #[test]
    fn debts_survive_a_restart_at_any_time() {
        for pause in [1, 15, 400] {
            let mut world = World::new(&[None]);
            world.works = false;
            post(&mut world, 0, "A", false);
            world.pass(60);
            world.restart(0);
            world.pass(pause);
            post(&mut world, 0, "A", true);
            world.restart(0);
            world.pass(pause);
            assert_eq!(owed(&world, 0), [1], "{pause}");
            world.restart(0);
            world.works = true;
            world.pass(60);
            let told: Vec<_> = bodies(&mut world).iter().flat_map(alerts).collect();
            assert_eq!(
                told.iter().filter(|it| it.0 == "A").collect::<Vec<_>>(),
                [&late("A")],
                "{pause}"
            );
            world.restart(0);
            world.pass(600);
            let told: Vec<_> = bodies(&mut world).iter().flat_map(alerts).collect();
            assert!(told.iter().all(|it| it.0 != "A"), "and is told once: {told:?}");
            assert!(!world.flash[0].keys().any(|(kind, _)| *kind == 129));
        }
    }

    #[test]
    fn a_flock_tells_what_is_owed_once_though_the_node_that_took_it_is_dead() {
        let mut world = World::new(&[KEY; 3]);
        world.pass(30);
        world.works = false;
        for at in 0..3 {
            comes_and_goes(&mut world, at, ["A", "B", "C"][at]);
            world.pass(15);
        }
        world.dead = vec![0];
        world.pass(600);
        for at in [1, 2] {
            // The member that is down is an alert that fires.
            assert_eq!(owed(&world, at), [3], "{at}");
        }
        world.works = true;
        world.bodies.clear();
        world.pass(600);
        let told: Vec<_> = bodies(&mut world).iter().flat_map(alerts).collect();
        for name in ["A", "B", "C"] {
            assert_eq!(told.iter().filter(|it| **it == late(name)).count(), 1, "{name}: {told:?}");
        }
        assert!(owed(&world, 1).is_empty() && owed(&world, 2).is_empty());
    }

    #[test]
    fn a_long_failing_receiver_is_tried_rarely_and_at_once_on_link_up() {
        let config =
            CONFIG.replace("receiver = \"r\"", "receiver = \"r\"\ngroup_by = [\"alertname\"]");
        let mut world = World::with(&[None], &config);
        world.works = false;
        let names: Vec<String> = (0..20).map(|n| format!("A{n}")).collect();
        for minute in 0..120 {
            for name in &names {
                post(&mut world, 0, name, false);
            }
            if minute == 60 {
                world.asked.clear();
            }
            world.pass(60);
        }
        let tries = world.asked.len();
        assert!((9..=20).contains(&tries), "{tries} attempts in an hour, for 20 groups");
        world.works = true;
        let before = world.now.mono;
        world.step(0, Node::handle_link);
        while world.bodies.len() < 20 && world.now.mono.since(before) < Duration::from_secs(60) {
            world.pass(1);
        }
        let time = world.now.mono.since(before);
        assert_eq!(world.bodies.len(), 20);
        assert!((3..=12).contains(&time.as_secs()), "one after the other: {time:?}");
    }

    #[test]
    fn an_early_link_hastens_an_attempt_of_each_receiver_that_fails() {
        let config = CONFIG.replace("\"10s\"", "\"30m\"\ngroup_by = [\"alertname\"]");
        let mut world = World::with(&[None], &config);
        world.works = false;
        for n in 0..5 {
            post(&mut world, 0, &format!("A{n}"), false);
        }
        world.pass(180);
        for _ in 0..100 {
            let before = world.asked.len();
            world.pass(4);
            if world.asked.len() == before {
                break;
            }
        }
        let before = world.asked.len();
        world.step(0, Node::handle_link);
        world.pass(1);
        assert_eq!(world.asked.len(), before + 1, "one, not all five");
        world.works = true;
        world.step(0, Node::handle_link);
        world.pass(4);
        assert_eq!(world.bodies.len(), 5, "the others follow");
    }

    #[test]
    fn deliveries_follow_one_after_the_other_though_their_flushes_end() {
        let config = CONFIG.replace("\"10s\"", "\"10s\"\ngroup_by = [\"alertname\"]");
        let mut world = World::with(&[None], &config);
        world.works = false;
        let names: Vec<String> = (0..100).map(|n| format!("A{n}")).collect();
        for _ in 0..4 {
            for name in &names {
                post(&mut world, 0, name, false);
            }
            world.pass(150);
        }
        assert!(world.bodies.is_empty());
        world.works = true;
        world.step(0, Node::handle_link);
        let mut seconds = Vec::new();
        while world.bodies.len() < 100 && seconds.len() < 120 {
            let before = world.bodies.len();
            world.pass(1);
            seconds.push(world.bodies.len() - before);
        }
        assert_eq!(world.bodies.len(), 100, "{seconds:?}");
        assert!(seconds.iter().all(|it| *it <= 5), "four a second: {seconds:?}");
        assert!(seconds.len() <= 40, "{seconds:?}");
        // Then all is as ever.
        for n in 0..20 {
            post(&mut world, 0, &format!("B{n}"), false);
        }
        world.pass(2);
        assert!(world.bodies.len() >= 120, "{}", world.bodies.len());
    }

    #[test]
    fn alerts_whose_group_another_config_does_not_have_are_counted() {
        let config = CONFIG.replace("\"10s\"", "\"10s\"\ngroup_by = [\"alertname\"]");
        let mut world = World::with(&[None], &config);
        world.works = false;
        for name in ["A", "B"] {
            comes_and_goes(&mut world, 0, name);
        }
        world.pass(120);
        assert_eq!(owed(&world, 0), [1, 1]);
        world.restart(0);
        world.pass(90);
        assert_eq!((owed(&world, 0), world.nodes[0].stats().owed_cut), (vec![1, 1], 0));
        world.restart_with(0, CONFIG);
        world.pass(90);
        assert_eq!(world.nodes[0].stats().owed_cut, 2);
        assert!(world.firing(0).contains(&OWED_CUT.to_owned()), "{:?}", world.firing(0));
    }

    #[test]
    fn the_oldest_of_what_is_owed_is_cut_and_counted() {
        let mut world = World::new(&[None]);
        world.works = false;
        post(&mut world, 0, "first", false);
        world.pass(30);
        let count = OWED_ALERTS_MAX + 99;
        for n in 0..count {
            post(&mut world, 0, &format!("A{n:04}"), false);
        }
        world.pass(30);
        let ended = world.now.wall - Duration::from_secs(2);
        for n in 0..count {
            // No two end at the same time.
            let ends = ended + Duration::from_millis(n as u64);
            let name = vec![("alertname".into(), format!("A{n:04}").into())];
            let report = Report::new(name, vec![], None, Some(ends), "".into());
            world.step(0, |node, cx| drop(node.handle_reports(cx, &[report])));
        }
        world.pass(1);
        post(&mut world, 0, "first", true);
        world.pass(150);
        assert_eq!(owed(&world, 0), [OWED_ALERTS_MAX]);
        world.restart(0);
        world.pass(90);
        assert_eq!(owed(&world, 0)[0], OWED_ALERTS_MAX, "a power cut loses and adds nothing");
        world.pass(300);
        assert!(world.firing(0).contains(&OWED_CUT.to_owned()), "{:?}", world.firing(0));
        world.works = true;
        world.pass(400);
        let bodies = bodies(&mut world);
        let told: Vec<_> = bodies.iter().flat_map(alerts).collect();
        let (late_ones, others): (Vec<_>, Vec<_>) = told.iter().partition(|it| it.2);
        assert_eq!(late_ones.len(), OWED_ALERTS_MAX);
        assert!(others.iter().all(|it| it.0.starts_with("Bellwether")), "{others:?}");
        assert_eq!(bodies[0]["cut"], 100);
        assert!(told.contains(&late("first")), "the newest are kept");
        assert_eq!(world.nodes[0].stats().owed_cut, 0, "none was cut since the restart");
    }

    #[test]
    fn a_service_of_incidents_gets_no_end_of_one_that_it_never_opened() {
        let pagerduty =
            r#"pagerduty_configs = [{ routing_key = "k", url = "http://127.0.0.1:1/" }]"#;
        let webhook = CONFIG.lines().find(|it| it.starts_with("webhook_configs")).unwrap();
        let mut world = World::with(&[None], &CONFIG.replace(webhook, pagerduty));
        world.works = false;
        post(&mut world, 0, "fires", false);
        comes_and_goes(&mut world, 0, "A");
        world.pass(20);
        assert_eq!(owed(&world, 0), [0], "what fires is to be told");
        world.works = true;
        world.pass(60);
        assert_eq!(bodies(&mut world).len(), 1, "of what fires");
        world.works = false;
        post(&mut world, 0, "B", false);
        world.pass(30);
        post(&mut world, 0, "B", true);
        post(&mut world, 0, "fires", true);
        world.pass(30);
        world.works = true;
        world.pass(60);
        let bodies = bodies(&mut world);
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        assert_eq!(bodies[0]["event_action"], "resolve");
        comes_and_goes(&mut world, 0, "C");
        assert!(owed(&world, 0).is_empty());
    }

    #[test]
    fn an_end_before_the_first_failed_attempt_is_owed() {
        let mut world = World::new(&[None]);
        post(&mut world, 0, "fires", false);
        world.pass(30);
        assert_eq!(bodies(&mut world).len(), 1);
        world.works = false;
        // It came and went between two flushes.
        post(&mut world, 0, "B", false);
        world.pass(1);
        post(&mut world, 0, "B", true);
        world.pass(30);
        world.works = true;
        world.pass(60);
        let told: Vec<_> = bodies(&mut world).iter().map(alerts).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        let names: Vec<_> = told[0].iter().map(|it| (it.0.as_str(), it.1.as_str())).collect();
        assert_eq!(names, [("B", "resolved"), ("fires", "firing")]);
    }

    #[test]
    fn owed_alerts_can_be_dropped_but_firing_ones_stay() {
        let mut world = World::new(&[KEY; 2]);
        world.pass(30);
        world.works = false;
        comes_and_goes(&mut world, 0, "A");
        post(&mut world, 0, "fires", false);
        world.pass(30);
        world.step(1, |node, cx| {
            let mut dropped = |receiver: &str| {
                let mut drop = OwedDrop::of(Some(receiver.into()));
                assert!(node.handle_owed_drop(cx, &mut drop));
                drop.dropped
            };
            assert_eq!((dropped("other"), dropped("r")), (0, 1));
        });
        world.pass(30);
        world.works = true;
        world.pass(60);
        let told: Vec<_> = bodies(&mut world).iter().flat_map(alerts).collect();
        assert_eq!(told, [("fires".to_owned(), "firing".to_owned(), false)]);
    }

    /// A log entry lives 15 minutes.
    fn short_lived(receiver: &str) -> World {
        let webhook = CONFIG.lines().find(|it| it.starts_with("webhook_configs")).unwrap();
        let config = CONFIG.replace(webhook, receiver);
        let config = config.replace("group_wait", "group_by = ['alertname']\ngroup_wait");
        World::with(
            &[None],
            &config.replace("[[receivers]]", "repeat_interval = '5m'\n[[receivers]]"),
        )
    }

    const WEBHOOK: &str = r#"webhook_configs = [{ url = "http://127.0.0.1:1/" }]"#;
    const PAGERDUTY: &str =
        r#"pagerduty_configs = [{ routing_key = "k", url = "http://127.0.0.1:1/" }]"#;

    #[test]
    fn the_end_of_what_was_told_is_told_however_long_nothing_got_through() {
        for (receiver, secs, restarts) in [
            (WEBHOOK, 2_000, 0),
            (PAGERDUTY, 2_000, 0),
            (WEBHOOK, 2_000, 3),
            (PAGERDUTY, 2_000, 3),
            (PAGERDUTY, 0, 1),
        ] {
            let mut world = short_lived(receiver);
            post(&mut world, 0, "A", false);
            world.pass(30);
            let of_group = |it: &Value| {
                it["dedup_key"].as_str().or(it["groupKey"].as_str()).map(str::to_owned)
            };
            let first = of_group(&bodies(&mut world)[0]);
            world.works = false;
            post(&mut world, 0, "A", true);
            world.pass(20 + secs);
            for _ in 0..restarts {
                // The power is out for an hour.
                world.now.wall = world.now.wall + Duration::from_secs(3600);
                world.restart(0);
                world.pass(20 + secs);
            }
            world.works = true;
            world.step(0, Node::handle_link);
            world.pass(60);
            let all = bodies(&mut world);
            let [told] = &all.iter().filter(|it| of_group(it) == first).collect::<Vec<_>>()[..]
            else {
                panic!("{receiver} {secs}: {all:?}");
            };
            let is_end = told["event_action"] == "resolve"
                || alerts(told) == [("A".to_owned(), "resolved".to_owned(), false)];
            assert!(is_end, "{receiver} {secs}: {told}");
        }
    }

    #[test]
    fn an_alert_that_time_has_ended_stays_ended_at_each_power_cut() {
        let mut world = World::new(&[None]);
        world.works = false;
        post(&mut world, 0, "A", false);
        world.pass(700);
        assert_eq!(owed(&world, 0)[0], 1);
        let writes = world.writes;
        world.pass(300);
        assert_eq!(world.writes, writes, "flash is told once");
        for _ in 0..2 {
            world.now.wall = world.now.wall + Duration::from_secs(3600);
            world.restart(0);
            world.pass(60);
        }
        world.works = true;
        world.step(0, Node::handle_link);
        world.pass(60);
        let bodies = bodies(&mut world);
        let told: Vec<_> = bodies.iter().flat_map(alerts).filter(|it| it.0 == "A").collect();
        assert_eq!(told, [late("A")]);
        let all = bodies.iter().flat_map(|it| it["alerts"].as_array().unwrap());
        let ends: Vec<_> = all.filter(|it| it["late"] == true).map(|it| &it["endsAt"]).collect();
        assert_eq!(ends, ["2027-01-15T08:05:00Z"]);
    }
}
