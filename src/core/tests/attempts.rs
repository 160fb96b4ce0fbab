//! Attempts that wait for a place: more groups are due than attempts may run.

use super::*;
use crate::core::Change;
use crate::core::deliver::history::{Outcome, Told};
use crate::core::deliver::machine::State;
use crate::core::deliver::places::STEPPED_AT_ONCE;
use crate::core::pending::Waits;
use crate::limits::{ATTEMPTS_EACH_MAX, ATTEMPTS_MAX, REQUESTS_PER_ATTEMPT_MAX};
use crate::notify::{Cause, Failure, testing};

/// Webhooks `a`, and `b` for alerts that say so.
pub(super) fn webhooks() -> Config {
    let mut root = route("a", &[]);
    root.routes = vec![route("b", &["to=b"])];
    let mut config = config(root);
    for receiver in &mut config.receivers {
        let webhook = format!("webhook_configs: [{{url: 'http://{}/'}}]", receiver.name);
        let webhook = testing::integration("", &webhook).expect("a config");
        let receiver = Arc::get_mut(receiver).unwrap();
        receiver.integrations = vec![webhook];
    }
    config
}

/// A node that has nobody, or one other, and whose receivers do not answer.
pub(super) fn world(config: Config, others: &[u64]) -> World {
    let mut w = World::new(config);
    w.core.set_flock(Flock { me: 7, others: others.to_vec(), settling: false });
    w.answers = false;
    w
}

/// Posts one alert each of so many groups to a receiver.
pub(super) fn post(w: &mut World, to: &'static str, count: usize) {
    let report = |n: usize| {
        let name = Cow::Owned(format!("{to}{n}"));
        let labels = vec![(Cow::Borrowed("alertname"), name), ("to".into(), to.into())];
        Report::new(labels, vec![], None, None, "".into())
    };
    let now = w.now;
    let reports: Vec<_> = (0..count).map(report).collect();
    w.step(|core, _| drop(core.handle_reports(now, &reports)));
}

pub(super) fn reply(w: &mut World, id: AttemptId, reply: &Reply) {
    w.open.retain(|it| *it != id);
    w.step(|core, cx| core.handle_reply(cx, id, reply));
}

const fn fine() -> Reply {
    Reply::status(200)
}

fn outcomes(w: &World, like: impl Fn(&Outcome) -> bool) -> usize {
    w.core.history().iter().filter(|it| like(&it.outcome)).count()
}

/// How many turns were given up since this was last asked.
fn surrendered(w: &mut World) -> usize {
    let changes = w.core.take_changes();
    changes.iter().filter(|it| matches!(it, Change::Claim { surrendered: true, .. })).count()
}

#[test]
fn no_more_attempts_run_than_may_and_each_end_begins_the_next() {
    let mut w = world(webhooks(), &[]);
    post(&mut w, "a", 20);
    w.pass(3);
    assert_eq!(w.open.len(), ATTEMPTS_EACH_MAX);
    for left in (0..20).rev() {
        let first = w.open[0];
        reply(&mut w, first, &fine());
        assert_eq!(w.open.len(), ATTEMPTS_EACH_MAX.min(left));
    }
    assert_eq!((w.told.len(), w.core.nflog().len()), (20, 20));
    // The time of an attempt that has waited is what is left to the flush.
    assert!(w.told[0].1.ends_with(" 10s") && w.told[19].1.ends_with(" 8s"), "{:?}", w.told);
}

#[test]
fn a_receiver_that_does_not_answer_leaves_places_to_another() {
    let mut w = world(webhooks(), &[]);
    post(&mut w, "a", 40);
    w.pass(2);
    post(&mut w, "b", 10);
    w.pass(2);
    let of_b = |w: &World| w.told.iter().filter(|it| it.1.contains("//b/")).count();
    assert_eq!((w.open.len(), of_b(&w)), (ATTEMPTS_MAX, ATTEMPTS_MAX - ATTEMPTS_EACH_MAX));
    for told in 5..=10 {
        let first = w.open[ATTEMPTS_EACH_MAX];
        reply(&mut w, first, &fine());
        assert_eq!(of_b(&w), told, "a place goes to who has fewest");
    }
}

#[test]
fn a_silent_receiver_is_retried_within_the_flush() {
    let mut config = webhooks();
    config.route.group_interval = Duration::from_secs(300);
    let mut w = world(config, &[]);
    post(&mut w, "a", 1);
    w.pass(2);
    for seconds in [60, 120] {
        let (_, line) = w.told.pop().unwrap();
        assert!(line.ends_with(&format!(" {seconds}s")), "{line}");
        w.pass(seconds);
        let silent = Failure { cause: Cause::Timeout, why: "no answer".to_owned() };
        let open = w.open[0];
        reply(&mut w, open, &Reply::Failed(silent));
        w.pass(5);
    }
    assert_eq!(w.told.len(), 1, "the third attempt is under way in the first flush");
}

#[test]
fn a_delivery_that_waits_until_its_deadline_has_failed() {
    let mut w = world(webhooks(), &[]);
    post(&mut w, "a", 20);
    w.pass(10);
    assert_eq!(w.told.len(), ATTEMPTS_EACH_MAX);
    w.pass(1);
    assert_eq!(outcomes(&w, |it| *it == Outcome::Expired { attempts: 0 }), 4);
    assert_eq!(outcomes(&w, |it| *it == Outcome::Expired { attempts: 1 }), 16);
    let failed = w.core.stats().integrations().map(|(_, it)| it.failed.clone()).collect::<Vec<_>>();
    assert_eq!(
        (failed, w.open.len()),
        (vec![[(Cause::Timeout, 20)].into()], ATTEMPTS_EACH_MAX),
        "the next flush has begun"
    );
}

#[test]
fn deliveries_waiting_for_an_unreachable_receiver_go_to_others_at_once() {
    let mut w = world(webhooks(), &[8]);
    post(&mut w, "a", 60);
    w.pass(1);
    w.core.take_changes();
    let first = w.open[0];
    let waiting = outcomes(&w, |it| !matches!(it, Outcome::Waiting { .. }));
    assert_eq!((w.open.len(), waiting), (ATTEMPTS_EACH_MAX, 0));
    let open = w.core.open.len();
    w.pass_until(Mono::from_ms(1_900));
    assert_eq!(surrendered(&mut w), 0);
    let held = w.core.open.keys().filter(|key| w.core.turns.mine(**key)).count();
    assert!(held > ATTEMPTS_EACH_MAX, "those that wait are claimed too: {held}");
    reply(&mut w, first, &Reply::failed("no way there"));
    assert_eq!(surrendered(&mut w), 1 + held - ATTEMPTS_EACH_MAX);
    assert_eq!(outcomes(&w, |it| matches!(it, Outcome::Surrendered { .. })), 1 + held - 16);
    assert_eq!(w.core.open.len(), open, "they are tried if nobody else does");
}

#[test]
fn alone_a_node_tries_deliveries_to_an_unreachable_receiver() {
    let mut w = world(webhooks(), &[]);
    post(&mut w, "a", 20);
    w.pass(1);
    let first = w.open[0];
    reply(&mut w, first, &Reply::failed("no way there"));
    assert_eq!((w.told.len(), w.open.len()), (ATTEMPTS_EACH_MAX + 1, ATTEMPTS_EACH_MAX));
}

#[test]
fn a_waiting_delivery_that_another_member_makes_is_not_begun() {
    let mut w = world(webhooks(), &[]);
    post(&mut w, "a", ATTEMPTS_EACH_MAX + 1);
    w.pass(1);
    let waiting = w.core.open.values().copied().find(|(id, at)| {
        let flush = w.core.groups.get(*id).unwrap().flush.as_ref().unwrap();
        flush.deliveries[*at].state == State::Waiting
    });
    let (id, at) = waiting.unwrap();
    let flush = w.core.groups.get(id).unwrap().flush.as_ref().unwrap();
    let key = flush.deliveries[at].key.clone();
    let entry = LogEntry {
        timestamp: w.now.wall,
        firing: Rc::clone(&flush.deliveries[at].content.firing),
        resolved: [].into(),
        expires_at: w.now.wall + Duration::from_secs(3600),
        notified_by: [(8, 1)].into(),
        facts: [].into(),
    };
    let now = w.now;
    w.step(|core, cx| {
        core.merge_log(now, &key, entry);
        core.handle_peer_log(cx, &key, 8);
    });
    let first = w.open[0];
    reply(&mut w, first, &fine());
    assert_eq!((w.told.len(), w.open.len()), (ATTEMPTS_EACH_MAX, ATTEMPTS_EACH_MAX - 1));
}

#[test]
fn a_reload_without_the_route_frees_places_for_others() {
    let mut w = world(webhooks(), &[]);
    post(&mut w, "b", 20);
    w.pass(1);
    post(&mut w, "a", 20);
    w.pass(1);
    assert_eq!(w.open.len(), ATTEMPTS_MAX);
    let mut config = webhooks();
    config.route.routes.clear();
    w.step(|core, cx| drop(core.handle_config(cx, Arc::new(config)).unwrap()));
    assert_eq!(w.open.len(), ATTEMPTS_EACH_MAX);
    while let Some(first) = w.open.first().copied() {
        reply(&mut w, first, &fine());
    }
    let told: Vec<_> = w.told[ATTEMPTS_MAX..].iter().map(|it| it.1.contains("//a/")).collect();
    assert_eq!(told, [true; 16], "of b nothing more");
}

#[test]
fn deliveries_under_way_are_shown_and_their_content_and_answer_stay() {
    let mut w = world(webhooks(), &[]);
    let waits = |w: &World| w.core.pending().map(|it| (it.waits, it.attempts)).collect::<Vec<_>>();
    post(&mut w, "a", 1);
    assert_eq!(waits(&w), []);
    w.pass(2);
    assert_eq!(waits(&w), [(Waits::Answer, 1)]);
    let refused =
        |status, body: &str| Reply::Http { status, retry_after: None, body: body.to_owned() };
    let open = w.open[0];
    reply(&mut w, open, &refused(503, "closed"));
    assert_eq!(waits(&w), [(Waits::Retry, 1)]);
    w.pass(2);
    let open = w.open[0];
    reply(&mut w, open, &refused(200, "thanks"));
    assert_eq!(waits(&w), []);
    let told: Vec<_> = w
        .core
        .history()
        .iter()
        .filter_map(|it| Some((it.outcome.as_str(), it.told.clone()?)))
        .collect();
    let content = "{alertname=\"a0\", to=\"a\"}\n".to_owned();
    let of = |answer: &str| Told {
        firing: 1,
        resolved: 0,
        content: content.clone(),
        answer: answer.to_owned(),
    };
    assert_eq!(told, [("failed", of("")), ("sent", of("status 200\n\nthanks"))]);
}

#[test]
fn one_attempt_makes_so_many_requests_and_no_more() {
    // An answer to the first request always asks for another.
    let opsgenie = "opsgenie_configs: [{api_key: k, api_url: 'http://a/', update_alerts: true}]";
    for (before, goes_on) in
        [(REQUESTS_PER_ATTEMPT_MAX - 1, true), (REQUESTS_PER_ATTEMPT_MAX, false)]
    {
        let mut config = webhooks();
        let receiver = Arc::get_mut(&mut config.receivers[0]).unwrap();
        receiver.integrations = vec![testing::integration("", opsgenie).expect("a config")];
        let mut w = world(config, &[]);
        post(&mut w, "a", 1);
        w.pass(2);
        let which = *w.core.open.values().next().unwrap();
        w.core.delivery_mut(which).unwrap().requests = before;
        let first = w.open[0];
        reply(&mut w, first, &fine());
        assert_eq!(w.open.len(), usize::from(goes_on));
        let refused = outcomes(
            &w,
            |it| matches!(it, Outcome::Refused { why, .. } if why.contains("no end after 16 requests")),
        );
        assert_eq!(refused, usize::from(!goes_on));
    }
}

/// How many deliveries are there.
pub(super) fn count(w: &World, waits: Waits) -> usize {
    w.core.pending().filter(|it| it.waits == waits).count()
}

#[test]
fn many_that_wait_for_a_place_are_left_to_others_in_pieces() {
    let mut w = world(webhooks(), &[8]);
    post(&mut w, "a", 1_000);
    w.pass(2);
    let mut before = count(&w, Waits::Place);
    assert!(before > 4 * STEPPED_AT_ONCE, "{before}");
    let first = w.open[0];
    reply(&mut w, first, &Reply::failed("no way there"));
    let mut pieces = 1;
    loop {
        let left = count(&w, Waits::Place);
        assert!(before - left <= 2 * STEPPED_AT_ONCE, "{before} {left}");
        if left == 0 {
            break;
        }
        assert_eq!(w.core.next_timeout(), Some(w.now.mono));
        w.step(Core::handle_timeout);
        (before, pieces) = (left, pieces + 1);
    }
    assert!(pieces > 2, "{pieces}");
    assert_eq!(w.told.len(), ATTEMPTS_EACH_MAX, "none was given a place meanwhile");
}
