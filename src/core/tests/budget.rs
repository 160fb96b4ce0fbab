//! Receivers with a budget: a storm, what is kept, and the day after.

use super::attempts::{reply, world};
use super::*;
use crate::core::Change;
use crate::core::deliver::budget::Stage;
use crate::core::deliver::reach::IntegrationKey;
use crate::limits::BUDGET_KEPT_NOTIFICATIONS_MAX;
use crate::notify::{AlertView, HeldBack, Outgoing, Reply, testing};

const CONFIG: &str = "
route: {receiver: a, group_by: [alertname], group_wait: 1s, group_interval: 5m, repeat_interval: 5d}
receivers: [{name: a, budget: BUDGET, webhook_configs: [{url: 'http://a/'}]}]
";
/// TLS and headers of a request and its answer.
const AROUND: u64 = 1_500;
const HOUR: u64 = 3600;

fn budgeted(budget: &str) -> World {
    let config = testing::load(&CONFIG.replace("BUDGET", budget)).unwrap().config;
    world(config, &[])
}

fn key() -> IntegrationKey {
    ("a".into(), "webhook".into(), 0)
}

fn post(w: &mut World, names: impl Iterator<Item = (String, String)>, severity: &'static str) {
    let ends = Some(w.now.wall + Duration::from_secs(5 * 24 * HOUR));
    let report = |(name, instance): (String, String)| {
        let labels = vec![
            ("alertname".into(), name.into()),
            ("instance".into(), instance.into()),
            ("severity".into(), severity.into()),
        ];
        let summary = vec![("summary".into(), "the disk of this host is nearly full".into())];
        Report::new(labels, summary, None, ends, "".into())
    };
    let (now, reports) = (w.now, names.map(report).collect::<Vec<_>>());
    w.step(|core, _| assert!(core.handle_reports(now, &reports).invalid.is_empty()));
}

struct Heard {
    at: u64,
    bytes: u64,
    alerts: Vec<AlertView>,
    held_back: HeldBack,
}

impl Heard {
    fn has(&self, severity: &str) -> bool {
        self.alerts.iter().any(|it| it.alert.labels.get("severity") == Some(severity))
    }
}

/// Lets time pass while the receiver takes what it is told, and the bytes are counted.
fn serve(w: &mut World, secs: u64) -> Vec<Heard> {
    answer(w, secs, 200)
}

/// The same with this status for an answer.
fn answer(w: &mut World, secs: u64, status: u16) -> Vec<Heard> {
    let mut heard = Vec::new();
    let end = w.now.mono + Duration::from_secs(secs);
    while w.now.mono < end {
        w.pass(20);
        while let Some((id, draft)) = w.drafts.pop() {
            if !w.open.contains(&id) {
                continue;
            }
            let Ok(Outgoing::Http(request)) = draft.inline() else { panic!("a webhook") };
            let bytes = request.body.inline().unwrap().len() as u64 + AROUND;
            let (now, told) = (w.now.mono, draft.notification());
            w.step(|core, _| core.handle_traffic(now, id, bytes));
            heard.push(Heard {
                at: now.as_ms() / 1000,
                bytes,
                alerts: told.alerts.to_vec(),
                held_back: told.held_back.unwrap_or_default(),
            });
            reply(w, id, &Reply::status(status));
        }
    }
    heard
}

#[test]
fn a_storm_keeps_to_the_budget_critical_first() {
    let mut w = budgeted("{bytes: 100KB}");
    let mut heard = Vec::new();
    for wave in 0..10 {
        // 25 groups of 20 alerts each time; of those of two groups one is critical.
        let names = (0..500).map(|n| (format!("W{wave}-{:02}", n / 20), format!("host-{n}")));
        post(&mut w, names.filter(|(_, host)| host != "host-0" && host != "host-250"), "warning");
        let critical = [("00", "host-0"), ("12", "host-250")].into_iter();
        post(
            &mut w,
            critical.map(|(g, host)| (format!("W{wave}-{g}"), host.to_owned())),
            "critical",
        );
        heard.extend(serve(&mut w, 2 * HOUR));
    }
    heard.extend(serve(&mut w, 3 * HOUR));
    let bytes: u64 = heard.iter().map(|it| it.bytes).sum();
    assert!(bytes <= 100_000 && bytes > 60_000, "{bytes}");
    let used = w.core.used(&key(), w.now.mono);
    assert_eq!((used.bytes, used.messages), (bytes, heard.len() as u64));
    let mut critical = BTreeSet::new();
    for it in &heard {
        let severities: Vec<_> =
            it.alerts.iter().map(|it| it.alert.labels.get("severity")).collect();
        let place = severities.iter().rposition(|it| *it == Some("critical"));
        let is_cut = it.held_back.left_out > 0;
        assert!(
            !is_cut
                || place.is_none_or(|at| severities[..at].iter().all(|it| *it == Some("critical")))
        );
        let these =
            it.alerts.iter().filter(|it| it.alert.labels.get("severity") == Some("critical"));
        critical.extend(these.map(|it| it.fingerprint));
    }
    assert_eq!(critical.len(), 20, "every critical alert is told by its name");
    let switches: Vec<_> = heard.iter().filter_map(|it| it.held_back.budget).collect();
    assert!(
        switches.len() == 2 && switches[0].starts_with("Half") && switches[1].starts_with("Three")
    );
    let from = heard.iter().position(|it| it.held_back.budget == Some(switches[1])).unwrap();
    assert!(heard[from..].iter().all(|it| it.has("critical")), "then only what is kept");
    let from = heard.iter().position(|it| it.held_back.budget == Some(switches[0])).unwrap();
    assert!(heard[from..].iter().all(|it| it.has("critical")), "all others come along");
    let hours = heard[from..].windows(BUDGET_KEPT_NOTIFICATIONS_MAX + 1);
    let hours = hours.map(|it| it[BUDGET_KEPT_NOTIFICATIONS_MAX].at - it[0].at);
    assert!(hours.min() >= Some(HOUR), "a few an hour");
    // All that is left is told, in a few digests, when the day is over.
    let rest = serve(&mut w, 4 * HOUR);
    let listed: usize = rest.iter().map(|it| it.alerts.len() + it.held_back.left_out).sum();
    assert!(listed > 1_000, "{listed}");
    assert_eq!(w.core.budgets().held_len(), 0);
}

#[test]
fn alerts_that_are_kept_do_not_wait_for_the_digest_of_the_hour() {
    let mut w = budgeted("{bytes: 100KB}");
    post(&mut w, [("W".into(), "host".into())].into_iter(), "warning");
    assert_eq!(serve(&mut w, 60).len(), 1);
    let (now, key) = (w.now.mono, key());
    w.core.use_up(now, &key, 55_000, 0);
    let names = |name: &str| [(name.to_owned(), "host".to_owned())].into_iter();
    post(&mut w, names("X"), "warning");
    assert_eq!(serve(&mut w, 60).len(), 0, "it waits for the digest");
    for (name, count) in [("A", 1), ("B", 1), ("C", 0)] {
        post(&mut w, names(name), "critical");
        let heard = serve(&mut w, 60);
        assert_eq!(heard.len(), count, "{name}");
    }
    let rest = serve(&mut w, HOUR);
    assert!(rest[0].has("critical") && rest[0].at >= HOUR, "the third within the hour");
    w.core.use_up(now, &key, 50_000, 0);
    post(&mut w, names("D"), "critical");
    assert_eq!(serve(&mut w, 60).len(), 0, "nothing is left");
    assert_eq!(serve(&mut w, HOUR).len(), 1);
}

#[test]
fn a_receivers_own_limit_holds_for_what_is_kept_too() {
    let mut w = budgeted("{bytes: 100KB}, rate_limit: {notifications: 1, per: 30m}");
    let (now, key) = (w.now.mono, key());
    w.core.use_up(now, &key, 55_000, 0);
    for (name, count) in [("A", 1), ("B", 0)] {
        post(&mut w, [(name.to_owned(), "host".to_owned())].into_iter(), "critical");
        assert_eq!(serve(&mut w, 60).len(), count, "{name}");
    }
}

#[test]
fn kept_alerts_are_sent_beyond_the_budget_in_short() {
    let mut w = budgeted("{bytes: 20KB}");
    let one = |name: &str| std::iter::once((name.to_owned(), "x".repeat(100)));
    post(&mut w, one("A"), "warning");
    w.pass(2);
    let (id, _) = w.drafts.pop().unwrap();
    let now = w.now.mono;
    w.step(|core, _| core.handle_traffic(now, id, 30_000));
    reply(&mut w, id, &Reply::status(200));
    assert_eq!(
        w.core.budget_part(&w.core.config().receivers[0].clone(), &key(), now),
        Some(Stage::Kept)
    );
    post(&mut w, one("B"), "warning");
    post(&mut w, (0..50).map(|n| ("C".to_owned(), format!("host-{n}"))), "critical");
    let heard = serve(&mut w, 2 * HOUR);
    let [it] = &heard[..] else { panic!("{}", heard.len()) };
    assert!(it.has("critical") && !it.has("warning") && it.bytes < 4_000, "{}", it.bytes);
    assert_eq!(it.alerts.len() + it.held_back.left_out, 50);
    let heard = serve(&mut w, 23 * HOUR);
    assert!(heard.len() == 1 && heard[0].has("warning"), "the day after: {}", heard.len());
}

#[test]
fn a_receiver_that_fails_all_day_costs_little_more_than_its_budget() {
    let mut w = budgeted("{bytes: 100KB}");
    let names = (0..500).map(|n| (format!("W{:02}", n / 20), format!("host-{n}")));
    post(&mut w, names, "critical");
    let heard = answer(&mut w, 24 * HOUR - 60, 503);
    let bytes: u64 = heard.iter().map(|it| it.bytes).sum();
    // Then one in short each hour: 2 KB of alerts, and what is around them.
    assert!((100_000..100_000 + 24 * 4_500).contains(&bytes), "{bytes}");
    assert!(heard.len() < 70, "{}", heard.len());
}

#[test]
fn bytes_of_a_stopped_attempt_are_counted() {
    let mut w = budgeted("{bytes: 100KB}");
    post(&mut w, std::iter::once(("A".to_owned(), "i".to_owned())), "warning");
    w.pass(2);
    let (id, _) = w.drafts.pop().unwrap();
    // Its flush ends, and nobody has answered.
    w.pass(400);
    assert!(!w.open.contains(&id));
    let now = w.now.mono;
    w.step(|core, _| core.handle_traffic(now, id, 700));
    w.step(|core, _| core.handle_traffic(now, id, 700));
    assert_eq!(w.core.used(&key(), now).bytes, 700, "once");
}

#[test]
fn the_first_message_after_half_of_a_budget_is_a_digest_of_all_the_rest() {
    let mut w = budgeted("{bytes: 100KB}");
    let names = || (0..100).map(|n| (format!("W{:02}", n / 20), format!("host-{n}")));
    post(&mut w, names().filter(|it| it.1 != "host-99"), "warning");
    post(&mut w, names().filter(|it| it.1 == "host-99"), "critical");
    w.pass(2);
    let (id, _) = w.drafts.pop().unwrap();
    assert!(w.drafts.is_empty(), "one at a time");
    let now = w.now.mono;
    w.step(|core, _| core.handle_traffic(now, id, 60_000));
    reply(&mut w, id, &Reply::status(503));
    let heard = serve(&mut w, 120);
    let [it] = &heard[..] else { panic!("{}", heard.len()) };
    assert_eq!(it.alerts.len() + it.held_back.left_out, 100, "all five groups");
    assert!(it.held_back.left_out > 0 && it.has("critical"));
    assert!(it.held_back.budget.unwrap().starts_with("Half"));
}

#[test]
fn an_alert_larger_than_a_budgets_rest_is_told_without_annotations() {
    let mut w = budgeted("{bytes: 20KB}");
    let labels = vec![("alertname".into(), "A".into())];
    let report = Report::new(
        labels,
        vec![("text".into(), "x".repeat(15_000).into())],
        None,
        None,
        "".into(),
    );
    let now = w.now;
    w.step(|core, _| drop(core.handle_reports(now, &[report])));
    let heard = serve(&mut w, 20);
    let [it] = &heard[..] else { panic!("{}", heard.len()) };
    assert!(it.bytes < 4_000 && it.held_back.left_out == 0, "{}", it.bytes);
    assert_eq!(it.alerts[0].alert.labels.get("alertname"), Some("A"));
}

#[test]
fn a_day_begins_with_its_first_message() {
    let mut w = budgeted("{bytes: 100KB}");
    w.pass(23 * HOUR);
    post(&mut w, std::iter::once(("A".to_owned(), "i".to_owned())), "warning");
    assert_eq!(serve(&mut w, 23 * HOUR).len(), 1);
    assert_eq!(w.core.used(&key(), w.now.mono).messages, 1);
    w.pass(2 * HOUR);
    assert_eq!(w.core.used(&key(), w.now.mono).messages, 0);
}

#[test]
fn messages_are_counted_and_a_restart_knows_what_was_used() {
    let mut w = budgeted("{messages: 8}");
    for n in 0..6 {
        post(&mut w, std::iter::once((format!("A{n}"), "i".to_owned())), "warning");
        serve(&mut w, 600);
    }
    serve(&mut w, HOUR);
    let before = w.core.used(&key(), w.now.mono);
    assert_eq!(before.messages, 5, "four, and a digest");
    let log: Vec<_> = w.core.nflog().iter().map(|(key, it)| (key.clone(), it.clone())).collect();
    let mut other = budgeted("{messages: 8}");
    other.now = w.now;
    let now = other.now;
    for (key, entry) in log {
        other.step(|core, _| core.restore_log(now, &key, entry));
    }
    let after = other.core.used(&key(), now.mono);
    assert_eq!((after.messages, after.bytes_total), (5, 0));
}

#[test]
fn a_restart_knows_what_attempts_that_failed_have_used() {
    let mut w = budgeted("{bytes: 100KB}");
    let names = (0..100).map(|n| (format!("W{:02}", n / 20), format!("host-{n}")));
    post(&mut w, names, "critical");
    w.core.take_changes();
    answer(&mut w, HOUR / 2, 503);
    let used = w.core.used(&key(), w.now.mono).bytes;
    let log: Vec<_> = w.core.nflog().iter().map(|(key, it)| (key.clone(), it.clone())).collect();
    let is_log = |it: &Change| matches!(it, Change::Log(_));
    let writes = w.core.take_changes().iter().filter(|it| is_log(it)).count();
    let mut other = budgeted("{bytes: 100KB}");
    other.now = w.now;
    let now = other.now;
    for (key, entry) in log {
        other.step(|core, _| core.restore_log(now, &key, entry));
    }
    let known = other.core.used(&key(), now.mono).bytes;
    assert!(used > 30_000 && known <= used && known + 10_000 > used, "{known} of {used}");
    assert!(writes <= 10, "{writes} writes for a tenth of the budget each");
}

#[test]
fn a_wrong_budget_is_refused() {
    for (budget, part) in [
        ("{}", "bytes or messages are needed"),
        ("{bytes: 19999}", "expected 20000 or more"),
        ("{bytes: 20 XB}", "expected 20000 or more"),
        ("{messages: 3}", "expected 4 or more"),
        ("{messages: 5, per: 1h}", "unknown key \"per\""),
        ("{bytes: 1MB}, budget_keeps: ['a=~(']", "budget_keeps"),
        ("5", "expected a table"),
    ] {
        let told = testing::load(&CONFIG.replace("BUDGET", budget)).unwrap_err();
        assert!(told.contains(part), "{budget}: {told}");
    }
    let config =
        testing::load(&CONFIG.replace("BUDGET", "{bytes: 1MB, messages: 9}")).unwrap().config;
    let (budget, keeps) = config.receivers[0].budget.clone().unwrap();
    assert_eq!((budget.bytes, budget.messages), (Some(1_000_000), Some(9)));
    assert_eq!(keeps.to_string(), r#"{severity="critical"}"#);
}
