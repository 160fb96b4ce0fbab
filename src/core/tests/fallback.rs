//! A receiver that fails for longer than a time, and the one that is told instead.

use super::attempts::{reply, webhooks, world};
use super::*;
use crate::config::Fallback;
use crate::core::deliver::history::Outcome;

/// Receiver `a`, whose fallback `b` is told after 15 s.
fn fallback_config() -> Config {
    let mut config = webhooks();
    let first = Arc::get_mut(&mut config.receivers[0]).unwrap();
    first.fallback = Some(Fallback { receiver: "b".into(), after: Duration::from_secs(15) });
    config
}

/// Lets time pass while the receivers answer so, and returns which of them was notified when, in seconds.
fn serve(w: &mut World, secs: u64, answer: impl Fn(&str) -> u16) -> Vec<(u64, char)> {
    let mut told = Vec::new();
    for _ in 0..secs {
        w.pass(1);
        while let Some(id) = w.open.first().copied() {
            let (at, line) = w.told[w.told.len() - w.open.len()].clone();
            let status = answer(&line);
            told.push((at / 1000, line.chars().nth("http://".len()).unwrap()));
            reply(w, id, &Reply::status(status));
        }
    }
    told
}

/// `a` refuses what it is told.
fn refusing(line: &str) -> u16 {
    if line.starts_with("http://a/") { 400 } else { 200 }
}

#[test]
fn a_fallback_is_told_once_when_its_receiver_has_refused_for_long_enough() {
    let mut w = world(fallback_config(), &[]);
    w.post("A", "1", Some(3600));
    assert_eq!(serve(&mut w, 15, refusing), [(1, 'a'), (11, 'a')]);
    assert_eq!(serve(&mut w, 10, refusing), [(21, 'a'), (21, 'b')]);
    assert_eq!(
        serve(&mut w, 20, refusing),
        [(31, 'a'), (41, 'a')],
        "it knows, and the rest stays owed"
    );
    let fell = w.core.history().iter().filter(|it| matches!(it.outcome, Outcome::FellBack { .. }));
    assert_eq!((fell.count(), w.core.stats().fallbacks), (1, 1));
}

#[test]
fn a_fallback_gets_news_while_the_receiver_fails_and_the_end_always() {
    let mut w = world(fallback_config(), &[]);
    w.post("A", "1", Some(3600));
    serve(&mut w, 25, refusing);
    w.post("A", "2", Some(3600));
    assert_eq!(serve(&mut w, 10, refusing), [(31, 'a'), (31, 'b')]);
    let fine = |_: &str| 200;
    assert_eq!(serve(&mut w, 10, fine), [(41, 'a')], "what is owed");
    w.post("A", "3", Some(3600));
    assert_eq!(serve(&mut w, 10, fine), [(51, 'a')], "its receiver works again");
    for instance in ["1", "2", "3"] {
        w.post("A", instance, Some(0));
    }
    assert_eq!(serve(&mut w, 10, fine), [(61, 'a'), (61, 'b')], "the end");
    assert_eq!(serve(&mut w, 30, fine), []);
}

#[test]
fn a_fallback_is_told_when_attempts_fail_and_nobody_else_can_try() {
    let down = |line: &str| if line.starts_with("http://a/") { 503 } else { 200 };
    let mut w = world(fallback_config(), &[]);
    w.post("A", "1", Some(3600));
    let told = serve(&mut w, 60, down);
    let others: Vec<_> = told.iter().filter(|it| it.1 == 'b').collect();
    assert_eq!(others.len(), 1, "{told:?}");
    assert!((16..=31).contains(&others[0].0), "{told:?}");
}

#[test]
fn a_fallback_that_another_member_notified_is_not_notified_again() {
    let mut w = world(fallback_config(), &[]);
    w.post("A", "1", Some(3600));
    serve(&mut w, 12, refusing);
    let fallback = w.core.config().receivers[1].clone();
    let (id, group) = w.core.groups().iter().next().map(|(id, it)| (id, it.key.clone())).unwrap();
    let alerts = w.core.groups().get(id).unwrap().alerts.iter().copied().collect::<Vec<_>>();
    let key = crate::core::deliver::logging::log_key(group, &fallback, &fallback.integrations[0]);
    let entry = LogEntry {
        timestamp: w.now.wall,
        firing: alerts.into(),
        resolved: Rc::default(),
        expires_at: w.now.wall + Duration::from_secs(3600),
        notified_by: Rc::from([(8, 1)]),
        facts: [].into(),
    };
    let now = w.now;
    w.step(|core, _| assert!(core.put_log(now, &key, entry)));
    let told = serve(&mut w, 30, refusing);
    assert!(told.iter().all(|it| it.1 == 'a'), "{told:?}");
}
