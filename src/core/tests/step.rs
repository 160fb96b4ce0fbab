//! The clock steps: what has happened stays as long ago as it is.

use super::attempts::world;
use super::*;
use crate::notify::{Reply, testing};

const CONFIG: &str = "
route: {receiver: a, group_by: [alertname], group_wait: 1s, group_interval: 1m}
receivers:
- {name: a, rate_limit: {notifications: 1, per: 1h}, webhook_configs: [{url: 'http://a/'}]}
heartbeat:
- {name: site, period: 1m, url: 'http://site/'}
";

/// A node that was started in 1970.
fn unset() -> World {
    let config = testing::load(CONFIG).unwrap().config;
    let mut w = world(config.clone(), &[]);
    w.now.wall = Wall::from_secs(60);
    w.core = Core::new(Arc::new(config), Options::default(), w.now);
    w.core.set_flock(Flock { me: 7, others: vec![], settling: false });
    w
}

fn answer_all(w: &mut World) {
    while let Some(id) = w.open.pop() {
        w.step(|core, cx| core.handle_reply(cx, id, &Reply::status(200)));
    }
}

/// The clock is set, to what it should have shown at the start and a minute.
fn set(w: &mut World) {
    w.now.wall = Wall::from_secs(START) + Duration::from_secs(60) + w.now.mono.since(Mono::ZERO);
    let now = w.now;
    w.step(|core, _| assert!(core.handle_clock(now).is_some()));
}

#[test]
fn the_times_of_digests_heartbeats_and_the_history_step_along() {
    let mut w = unset();
    w.post("A", "1", Some(90_000));
    w.post("B", "1", Some(90_000));
    for _ in 0..10 {
        w.pass(1);
        answer_all(&mut w);
    }
    set(&mut w);
    let first = Wall::from_secs(START) + Duration::from_secs(60);
    let history: Vec<_> = w.core.history().iter().map(|it| it.at).collect();
    assert!(!history.is_empty() && history.iter().all(|it| *it >= first), "{history:?}");
    let told = w.core.heartbeats().get("site").unwrap().told.unwrap();
    assert!(told.1 >= first && told.1 <= w.now.wall, "{told:?}");
    w.drafts.clear();
    w.pass(3700);
    let digests = w.drafts.iter().filter_map(|it| it.1.notification().held_back);
    let since: Vec<_> = digests.map(|it| it.since).collect();
    assert!(!since.is_empty() && since.iter().all(|it| *it >= first), "{since:?}");
}

#[test]
fn alerts_of_a_sender_with_a_slow_clock_began_when_they_did() {
    let mut w = unset();
    w.now.wall = Wall::from_secs(START - 90 * 24 * 3600);
    let now = w.now;
    w.step(|core, _| assert!(core.handle_clock(now).is_some()));
    w.post("A", "1", Some(-3 * 3600));
    w.pass(60);
    let by: i64 = 90 * 24 * 3600;
    w.now.wall = w.now.wall + Duration::from_secs(by.unsigned_abs());
    let now = w.now;
    w.step(|core, _| assert!(core.handle_clock(now).is_some()));
    // Its clock stays as it is.
    w.post("A", "1", Some(-3 * 3600 - by));
    let (_, entry) = w.core.alerts().iter().next().unwrap();
    assert!(!entry.alert.resolved(w.now.wall));
    assert_eq!(entry.alert.starts_at, Wall::from_secs(START));
}
