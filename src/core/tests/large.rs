//! Large flushes: they are done in pieces, and the inputs that come between two of these change nothing that is told.

use super::turns::Member;
use super::*;
use crate::config::Integration;
use crate::core::deliver::flushing::Stage;
use crate::core::deliver::logging::log_key;
use crate::core::group::Group;
use crate::model::Alert;

/// A world at whose time one group of this many alerts is due.
fn due(count: usize) -> World {
    let mut root = route("r", &[]);
    root.group_by = GroupBy::Labels(Vec::new());
    due_under(config(root), count)
}

fn due_under(config: Config, count: usize) -> World {
    let mut w = World::new(config);
    w.core.handle_reports(w.now, &reports(0..count, None));
    w.move_to(w.core.next_timeout().unwrap());
    w
}

fn is_due(w: &World) -> bool {
    w.core.next_timeout().is_some_and(|at| at <= w.now.mono)
}

/// The stage of the flush of the one group; nothing if there is none.
fn stage(w: &World) -> Option<&Stage> {
    Some(&w.core.groups().iter().next()?.1.flush.as_ref()?.stage)
}

/// The names of the alerts that were told last, and whether each had ended.
fn told_last(w: &World) -> Vec<(String, bool)> {
    let alerts = &w.drafts.last().unwrap().1.notification().alerts;
    let name = |alert: &Alert| alert.labels.get("alertname").unwrap().to_owned();
    alerts.iter().map(|it| (name(&it.alert), it.resolved)).collect()
}

#[test]
fn a_large_flush_is_done_in_pieces_and_its_deliveries_begin_in_turn() {
    let mut root = route("r", &[]);
    root.group_by = GroupBy::Labels(Vec::new());
    let mut all = config(root);
    let mut receiver = (*all.receivers[0]).clone();
    let first = receiver.integrations[0].clone();
    receiver.integrations.extend((1..5).map(|index| Integration { index, ..first.clone() }));
    all.receivers = vec![Arc::new(receiver)];
    let mut w = due_under(all, 2_000);
    let mut told = Vec::new();
    while is_due(&w) {
        w.step(Core::handle_timeout);
        told.push(w.told.len());
    }
    told.retain(|count| *count > 0);
    assert_eq!(told, [1, 2, 3, 4, 5]);
    let flushed = |it: (_, &Group)| it.1.flush.is_none();
    assert!(w.core.groups().iter().all(flushed), "it ends when all are told");
}

#[test]
fn the_alerts_of_a_large_flush_are_looked_at_in_pieces() {
    const COUNT: usize = 12_000;
    let mut w = due(COUNT);
    let (mut looking, mut last) = (0, 0);
    while w.told.is_empty() {
        w.step(Core::handle_timeout);
        match stage(&w) {
            Some(Stage::Looking(looked)) => {
                assert!(looked.count - last < COUNT / 3, "{} after {last}", looked.count);
                (looking, last) = (looking + 1, looked.count);
            }
            Some(Stage::Gathered | Stage::Sorted | Stage::FannedOut) | None => {}
        }
    }
    assert!(looking > 2, "{looking}");
    let mut names: Vec<String> = (0..COUNT).map(|n| format!("A{n}")).collect();
    names.sort();
    assert_eq!(told_last(&w).into_iter().map(|it| it.0).collect::<Vec<_>>(), names);
}

#[test]
fn alerts_and_silences_between_two_pieces_change_nothing_that_is_told() {
    let run = |is_disturbed: bool| {
        let mut w = due(6_000);
        w.silence(&["alertname=~A.*7"], 3600);
        let silence = w.silence(&["alertname=~A.*8"], 3600);
        let mut pieces = 0;
        while w.told.is_empty() {
            w.step(Core::handle_timeout);
            pieces += 1;
            if is_disturbed {
                w.move_to(w.now.mono + Duration::from_millis(1));
                let now = w.now;
                w.core.handle_reports(now, &reports(0..2_000, Some(now.wall)));
                w.core.handle_reports(now, &reports(6_000..6_100, None));
                w.silence(&["alertname=~A.*[13]"], 3600);
                w.step(|core, _| drop(core.handle_expire_silence(now, silence)));
            }
        }
        assert!(pieces > 3, "{pieces}");
        (told_last(&w), w.core.stats().suppressed_silence)
    };
    let (told, silenced) = run(false);
    assert_eq!((told.len(), silenced), (4_800, 1_200));
    assert_eq!(run(true), (told, silenced));
}

#[test]
fn a_large_flush_is_looked_at_anew_under_another_config() {
    let with_rules = |rules| {
        let mut root = route("r", &[]);
        root.group_by = GroupBy::Labels(Vec::new());
        Config { inhibit_rules: rules, ..config(root) }
    };
    let mut w = due_under(with_rules(Vec::new()), 6_000);
    while !matches!(stage(&w), Some(Stage::Looking(looked)) if looked.count > 0) {
        w.step(Core::handle_timeout);
    }
    let rules = vec![inhibit_rule(&["alertname=A0"], &["alertname!=A0"], &[])];
    w.step(|core, cx| drop(core.handle_config(cx, Arc::new(with_rules(rules))).unwrap()));
    w.pass(1);
    assert_eq!(told_last(&w), [("A0".to_owned(), false)]);
    assert_eq!(w.core.stats().suppressed_inhibition, 5_999);
}

#[test]
fn a_large_flush_ends_with_the_route_of_its_group() {
    for pieces in 1..8 {
        let mut w = due(3_000);
        for _ in 0..pieces {
            w.step(Core::handle_timeout);
        }
        let told = w.told.len();
        w.step(|core, cx| drop(core.handle_config(cx, Arc::new(config(route("s", &[])))).unwrap()));
        w.fill();
        assert_eq!(w.told.len(), told);
        assert!(w.core.groups().iter().all(|(_, group)| group.flush.is_none()));
    }
}

#[test]
fn the_clock_steps_while_a_large_flush_is_under_way() {
    for pieces in 1..8 {
        let mut w = due(3_000);
        for _ in 0..pieces {
            w.step(Core::handle_timeout);
        }
        w.now.wall = w.now.wall + Duration::from_secs(100);
        let now = w.now;
        w.step(|core, _| assert!(core.handle_clock(now).is_some()));
        w.pass(1);
        let alerts = &w.drafts.last().unwrap().1.notification().alerts;
        let all = || alerts.iter().map(|it| it.alert.starts_at);
        assert_eq!((alerts.len(), all().min()), (3_000, all().max()), "after {pieces} pieces");
    }
}

#[test]
fn an_end_that_another_told_at_a_large_flush_is_not_told_as_firing() {
    // The group of the one alert of all members has many more of that name.
    let pair = |name, value| (Cow::Borrowed(name), value);
    let of_one_name = |n: usize| {
        let pairs = vec![pair("alertname", Cow::Borrowed("A")), pair("i", n.to_string().into())];
        Report::new(pairs, vec![], None, None, "".into())
    };
    let all: Vec<Report<'_>> = (1..=1_500).map(of_one_name).collect();
    let mut m = Member::new(1);
    m.w.core.handle_reports(m.w.now, &all);
    m.w.move_to(Mono::from_ms(1_000));
    m.w.step(Core::handle_timeout);
    assert!(matches!(stage(&m.w), Some(Stage::Gathered)));
    let key = m.w.core.groups().iter().next().unwrap().1.key.clone();
    let receiver = Arc::clone(&m.w.core.config().receivers[0]);
    let key = log_key(key, &receiver, &receiver.integrations[0]);
    let mut fingerprints: Vec<_> = m.w.core.alerts().iter().map(|(it, _)| it).collect();
    fingerprints.sort_unstable();
    let now = m.w.now;
    m.w.core.handle_reports(now, &[Report { ends_at: Some(now.wall), ..of_one_name(7) }]);
    let ended = Fingerprint::of([("alertname", "A"), ("i", "7")]);
    fingerprints.retain(|it| *it != ended);
    let entry = LogEntry {
        timestamp: now.wall,
        firing: fingerprints.into(),
        resolved: [ended].into(),
        expires_at: now.wall + Duration::from_secs(3600),
        notified_by: [(9, 1)].into(),
        facts: [].into(),
    };
    m.w.step(|core, cx| {
        assert_eq!(core.merge_log(now, &key, entry), Logged::Taken);
        core.handle_peer_log(cx, &key, 9);
    });
    m.run_until(9_000);
    assert_eq!(m.w.told, []);
}
