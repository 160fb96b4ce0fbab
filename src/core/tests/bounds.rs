//! Groups, sources of inhibition and places in groups are bounded, also after a reload and a restart.

use super::*;

#[test]
fn groups_are_bounded_also_after_a_reload_and_a_restart() {
    let mut w = World::new(config(route("r", &[])));
    w.core.handle_reports(w.now, &reports(0..GROUPS_MAX / 3 + 1, None));
    let before = w.core.groups().len();
    w.step(|core, cx| {
        let error = core.handle_config(cx, Arc::new(three_groups_an_alert())).unwrap_err().0;
        assert!(error.to_string().contains("would need 40002 groups, at most 40000"), "{error}");
    });
    assert_eq!((w.core.groups().len(), w.core.config().route.routes.len()), (before, 0));
    let kept = std::mem::replace(
        &mut w.core,
        Core::new(Arc::new(three_groups_an_alert()), Options::default(), w.now),
    );
    for (fingerprint, entry) in kept.alerts().iter() {
        w.core.restore_alert(w.now, fingerprint, (*entry.alert).clone());
    }
    w.step(|core, cx| core.restore_groups(cx, BTreeMap::new(), false));
    w.fill();
    assert_eq!(w.core.groups().len(), GROUPS_MAX + 2, "a little is left for alerts of our own");
    assert_eq!(w.core.handle_reports(w.now, &reports(90_000..90_001, None)).refused, 1);
}

#[test]
fn the_bytes_of_groups_are_bounded_also_after_a_reload_and_a_restart() {
    let all = || {
        let mut root = route("r", &[]);
        root.group_by = GroupBy::All;
        let mut again = route("r", &[]);
        (root.group_by, again.group_by) = (GroupBy::All, GroupBy::All);
        again.continue_ = true;
        root.routes = vec![again.clone(), again.clone(), again];
        Arc::new(config(root))
    };
    let large = |n: usize| {
        let pair = (Cow::Borrowed("x"), Cow::Owned(format!("{n:045000}")));
        Report::new(vec![pair], vec![], None, None, "".into())
    };
    let mut w = World::new(config(route("r", &[])));
    let posted: Vec<Report<'_>> = (0..170).map(large).collect();
    assert_eq!(w.core.handle_reports(w.now, &posted), Intake::default());
    w.step(|core, cx| {
        let error = core.handle_config(cx, all()).unwrap_err().0.to_string();
        assert!(error.contains("at most 16777216: group by fewer labels"), "{error}");
    });
    assert_eq!(w.core.groups().len(), 1);
    let kept = std::mem::replace(&mut w.core, Core::new(all(), Options::default(), w.now));
    for (fingerprint, entry) in kept.alerts().iter() {
        w.core.restore_alert(w.now, fingerprint, (*entry.alert).clone());
    }
    w.step(|core, cx| core.restore_groups(cx, BTreeMap::new(), false));
    w.fill();
    let (groups, bytes) = (w.core.groups().len(), w.core.groups().bytes());
    assert!(groups > 300 && bytes <= GROUPS_BYTES_MAX, "{groups} {bytes}");
}

#[test]
fn sources_of_inhibition_are_bounded_also_after_a_reload_and_a_restart() {
    let ruled = |rules: usize| {
        let mut config = config(route("r", &[]));
        let rule = |n: usize| inhibit_rule(&["alertname=~A.*"], &[&format!("t={n}")], &[]);
        config.inhibit_rules = (0..rules).map(rule).collect();
        config
    };
    let rules = INHIBIT_SOURCES_MAX / 100;
    let mut w = World::new(ruled(rules));
    assert_eq!(w.core.handle_reports(w.now, &reports(0..150, None)).refused, 50);
    assert_eq!(w.core.alerts().len(), 100);
    w.step(|core, cx| {
        core.handle_config(cx, Arc::new(ruled(1))).unwrap();
        assert_eq!(core.handle_reports(cx.now, &reports(0..150, None)).refused, 0);
        let error = core.handle_config(cx, Arc::new(ruled(rules))).unwrap_err().0.to_string();
        assert!(error.contains("matches the source side of a rule"), "{error}");
    });
    let core = Core::new(Arc::new(ruled(rules)), Options::default(), w.now);
    let kept = std::mem::replace(&mut w.core, core);
    for (fingerprint, entry) in kept.alerts().iter() {
        w.core.restore_alert(w.now, fingerprint, (*entry.alert).clone());
    }
    w.step(|core, cx| core.restore_groups(cx, BTreeMap::new(), false));
    w.fill();
    assert_eq!(w.core.alerts().len(), 100);
}

#[test]
fn places_in_groups_are_bounded_also_after_a_reload_and_a_restart() {
    let routes = MEMBERSHIPS_MAX / 100;
    let mut w = World::new(continued(routes));
    assert_eq!(w.core.handle_reports(w.now, &reports(0..110, None)).refused, 10);
    assert_eq!((w.core.alerts().len(), w.core.alerts().memberships()), (100, MEMBERSHIPS_MAX));
    assert_eq!(w.core.handle_reports(w.now, &reports(0..1, None)).refused, 0, "it is known");
    w.step(|core, cx| {
        core.handle_config(cx, Arc::new(continued(1))).unwrap();
        assert_eq!(core.handle_reports(cx.now, &reports(0..110, None)).refused, 0);
        assert_eq!(core.alerts().memberships(), 110);
        let error = core.handle_config(cx, Arc::new(continued(routes))).unwrap_err().0.to_string();
        assert!(error.contains("would end at 110000 routes together"), "{error}");
    });
    let core = Core::new(Arc::new(continued(routes)), Options::default(), w.now);
    let kept = std::mem::replace(&mut w.core, core);
    for (fingerprint, entry) in kept.alerts().iter() {
        w.core.restore_alert(w.now, fingerprint, (*entry.alert).clone());
    }
    w.step(|core, cx| core.restore_groups(cx, BTreeMap::new(), false));
    w.fill();
    assert_eq!((w.core.alerts().len(), w.core.alerts().memberships()), (100, MEMBERSHIPS_MAX));
}
