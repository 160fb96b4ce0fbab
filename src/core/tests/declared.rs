//! Silences that the config declares.

use super::*;
use crate::core::silences::SilenceError;
use crate::model::Silence;
use crate::notify::testing;

const QUIET: &str = "
route: {receiver: r, group_by: [alertname], group_wait: 1s, group_interval: 10s}
receivers: [{name: r, log_configs: [{}]}]
";
/// The worlds of these tests begin at 22:13:20.
const DECLARED: &str = "
time_intervals: [{name: night, time_intervals: [{times: [{start_time: '22:00', end_time: '22:20'}]}]}]
silence:
- {name: backup, matchers: ['alertname=A'], time_intervals: [night], comment: the backup runs}
- {name: never, matchers: ['alertname=C']}
";

fn world() -> World {
    World::new(testing::load(&format!("{QUIET}{DECLARED}")).unwrap().config)
}

fn shown(w: &World) -> Vec<Silence> {
    w.core.silences().iter().cloned().collect()
}

#[test]
fn a_declared_silence_mutes_in_its_time_and_is_shown_as_declared() {
    let mut w = world();
    let backup = |w: &World| shown(w).into_iter().find(|it| &*it.comment == "the backup runs");
    let silence = backup(&w).unwrap();
    assert_eq!((silence.ends_at, &*silence.created_by), (Wall::from_secs(START + 400), "config"));
    assert_eq!(silence.annotations.get("declared"), Some("backup"));
    for name in ["A", "B", "C"] {
        w.post(name, "1", Some(10 * 24 * 3600));
    }
    w.pass(395);
    let names = |w: &mut World| -> Vec<String> {
        w.told().iter().map(|(_, line)| line.chars().nth(11).unwrap().into()).collect()
    };
    assert_eq!(names(&mut w), ["B"]);
    w.pass(20);
    assert_eq!(names(&mut w), ["A"], "its time is over");
    assert_eq!(backup(&w), None);
    w.pass(24 * 3600 - 600);
    assert!(backup(&w).is_some_and(|it| it.id == silence.id), "the next night it is back");
    assert!(names(&mut w).iter().all(|it| it != "C"), "without a time it always mutes");
    w.pass(2 * 24 * 3600);
    assert!(names(&mut w).iter().all(|it| it != "C"));
}

#[test]
fn a_declared_silence_is_changed_by_the_config_alone_and_kept_nowhere() {
    let mut w = world();
    let silences = shown(&w);
    let [silence, _] = &silences[..] else { panic!("{silences:?}") };
    let now = w.now;
    let id = silence.id;
    let draft = SilenceDraft {
        id: Some(id),
        matchers: silence.matchers.clone(),
        starts_at: None,
        ends_at: now.wall + Duration::from_secs(60),
        created_by: String::new(),
        comment: String::new(),
        annotations: Vec::new(),
    };
    w.step(|core, cx| {
        for refused in
            [core.handle_expire_silence(now, id), core.handle_set_silence(cx, draft).map(drop)]
        {
            let Err(SilenceError::Invalid(why)) = refused else { panic!("{refused:?}") };
            assert!(why.contains("is declared in the config, as "), "{why}");
        }
        assert!(core.is_declared(id));
    });
    assert_eq!(shown(&w), silences);
    let config = testing::load(QUIET).unwrap().config;
    w.step(|core, cx| drop(core.handle_config(cx, Arc::new(config)).unwrap()));
    assert_eq!(shown(&w).len(), 0);
}

#[test]
fn declared_silences_move_with_the_clock() {
    let mut w = world();
    assert_eq!(shown(&w).len(), 2);
    w.now.wall = w.now.wall + Duration::from_secs(3600);
    let now = w.now;
    w.step(|core, _| assert!(core.handle_clock(now).is_some()));
    assert_eq!(shown(&w).len(), 1, "by the new time the night is over");
}

#[test]
fn before_the_clock_is_set_no_time_interval_mutes() {
    let rest = "{receiver: r, group_by: [alertname], group_wait: 1s, group_interval: 10s, routes: [\
        {matchers: [alertname=B], mute_time_intervals: [night]}, \
        {matchers: [alertname=D], active_time_intervals: [day]}]}";
    let intervals = "time_intervals: [{name: day, time_intervals: [{times: [{start_time: '06:00', end_time: '22:00'}]}]}, ";
    let text = format!("{QUIET}{DECLARED}")
        .replace("{receiver: r, group_by: [alertname], group_wait: 1s, group_interval: 10s}", rest)
        .replace("time_intervals: [{name: night", &format!("{intervals}{{name: night"));
    let told = |w: &mut World| {
        let mut names: Vec<char> =
            w.told().iter().map(|(_, line)| line.chars().nth(11).unwrap()).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().collect::<String>()
    };
    let world = || World::new(testing::load(&text).unwrap().config);
    let post = |w: &mut World| {
        for name in ["A", "B", "C", "D"] {
            w.post(name, "1", Some(10 * 24 * 3600));
        }
        w.pass(30);
    };
    let mut known = world();
    post(&mut known);
    assert_eq!(told(&mut known), "", "it is night");
    // The clock may show any time.
    let mut unset = world();
    let now = unset.now;
    unset.step(|core, _| core.handle_calendar(now, false));
    post(&mut unset);
    assert_eq!(told(&mut unset), "ABD", "a silence without a time holds");
    // It has been set.
    let now = unset.now;
    unset.step(|core, _| core.handle_calendar(now, true));
    assert_eq!(shown(&unset).len(), 2);
    for name in ["A", "B", "D"] {
        unset.post(name, "2", Some(10 * 24 * 3600));
    }
    unset.pass(30);
    assert_eq!(told(&mut unset), "", "and it is night");
}

#[test]
fn errors_of_a_declared_silence_are_reported() {
    for (silence, part) in [
        ("{name: a, matchers: ['a=b'], time_intervals: [x]}", "undefined time interval \"x\""),
        ("{name: a}", "must not match the empty string"),
        ("{name: a, matchers: ['a=~.*']}", "must not match the empty string"),
        ("{matchers: ['a=b']}", "missing name"),
        ("{name: a, matchers: ['a=b'], times: []}", "times"),
        ("{name: a, matchers: ['a=b']}, {name: a, matchers: ['a=c']}", "is not unique"),
    ] {
        let told = testing::load(&format!("{QUIET}silence: [{silence}]\n")).unwrap_err();
        assert!(told.contains(part), "{silence}: {told}");
    }
}
