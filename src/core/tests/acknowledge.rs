//! Acknowledgements: silences that end when what they match resolves.

use super::*;
use crate::core::silences::SilenceError;
use crate::model::{ENDS_WHEN_RESOLVED, OR_SEVERITY_CHANGES, SilenceState};

impl World {
    fn acknowledge(&mut self, texts: &[&str]) -> SilenceId {
        let (name, value) = ENDS_WHEN_RESOLVED;
        self.silence_with(texts, 30 * 24 * 3600, vec![(name.to_owned(), value.to_owned())])
    }

    fn is_active(&self, id: SilenceId) -> bool {
        self.core
            .silences()
            .get(id)
            .is_some_and(|it| it.state(self.now.wall) == SilenceState::Active)
    }
}

#[test]
fn an_acknowledgement_ends_when_the_last_alert_it_matches_resolves() {
    let mut w = World::new(config(route("r", &[])));
    w.post("A", "1", Some(3600));
    w.post("A", "2", Some(3600));
    let id = w.acknowledge(&["alertname=A"]);
    w.pass(60);
    assert!(w.told().is_empty(), "it mutes");
    w.post("A", "1", Some(-1));
    w.pass(60);
    assert!(w.is_active(id), "another alert that it matches fires");
    w.post("A", "2", Some(-1));
    w.pass(60);
    assert!(!w.is_active(id));
}

#[test]
fn an_acknowledgement_ends_soon_though_its_alert_resolves_at_once() {
    let mut w = World::new(config(route("r", &[])));
    w.post("A", "1", Some(3600));
    let id = w.acknowledge(&["alertname=A"]);
    w.post("A", "1", Some(-1));
    w.pass(20);
    assert!(!w.is_active(id));
}

#[test]
fn an_alert_that_fires_again_after_its_acknowledgement_has_ended_is_told() {
    let mut w = World::new(config(route("r", &[])));
    w.post("A", "1", Some(3600));
    w.acknowledge(&["alertname=A"]);
    w.pass(20);
    w.post("A", "1", Some(-1));
    w.pass(60);
    w.post("A", "1", Some(3600));
    w.pass(60);
    let told = w.told();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn acknowledging_an_unseen_alert_waits_for_the_resolve_timeout() {
    let mut w = World::new(config(route("r", &[])));
    let id = w.acknowledge(&["alertname=A"]);
    w.pass(290);
    assert!(w.is_active(id), "its alert may still be reported");
    w.pass(60);
    assert!(!w.is_active(id));
}

#[test]
fn every_one_of_many_acknowledgements_is_looked_at() {
    const NAMES: [&str; 12] = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"];
    let mut w = World::new(config(route("r", &[])));
    for name in NAMES {
        w.post(name, "1", Some(3600));
    }
    let ids = NAMES.map(|name| w.acknowledge(&[&format!("alertname={name}")]));
    w.pass(30);
    for name in NAMES {
        w.post(name, "1", Some(-1));
    }
    w.pass(30);
    assert!(ids.iter().all(|id| !w.is_active(*id)));
}

#[test]
fn a_silence_that_is_no_acknowledgement_stays() {
    let mut w = World::new(config(route("r", &[])));
    w.post("A", "1", Some(3600));
    let id = w.silence(&["alertname=A"], 3600);
    w.post("A", "1", Some(-1));
    w.pass(600);
    assert!(w.is_active(id));
}

/// Posts an alert that fires, of a severity.
fn post_of(w: &mut World, severity: &str, fires: bool) {
    let labels =
        vec![("alertname".into(), "A".into()), ("severity".into(), severity.to_owned().into())];
    let ends = if fires { w.now.wall + Duration::from_secs(3600) } else { w.now.wall };
    let report = Report::new(labels, vec![], None, Some(ends), "".into());
    w.step(|core, cx| drop(core.handle_reports(cx.now, &[report])));
}

fn draft_of(w: &World) -> SilenceDraft {
    let annotation = (ENDS_WHEN_RESOLVED.0.to_owned(), OR_SEVERITY_CHANGES.to_owned());
    SilenceDraft {
        id: None,
        matchers: matchers(&["alertname=A"]),
        starts_at: None,
        ends_at: w.now.wall + Duration::from_secs(30 * 24 * 3600),
        created_by: "me".into(),
        comment: "c".into(),
        annotations: vec![annotation],
    }
}

#[test]
fn an_acknowledgement_of_a_severity_lets_another_one_through_at_once() {
    let mut w = World::new(config(route("r", &[])));
    post_of(&mut w, "warn.ing", true);
    let draft = draft_of(&w);
    let mut id = None;
    w.step(|core, cx| id = core.handle_set_silence(cx, draft).ok());
    let id = id.unwrap();
    assert_eq!(
        w.core.silences().get(id).unwrap().matchers.to_string(),
        r#"{alertname="A",severity=~"warn\\.ing"}"#
    );
    w.pass(60);
    assert!(w.told().is_empty(), "it mutes");
    post_of(&mut w, "warn.ing", false);
    post_of(&mut w, "critical", true);
    w.pass(60);
    let told = w.told();
    assert!(told.len() == 1 && told[0].1.contains('A'), "{told:?}");
    assert!(!w.is_active(id), "the severity of before has resolved");
}

#[test]
fn an_acknowledgement_of_a_severity_needs_an_alert_that_fires() {
    let mut w = World::new(config(route("r", &[])));
    let draft = draft_of(&w);
    let mut outcome = Ok(SilenceId::MIN);
    w.step(|core, cx| outcome = core.handle_set_silence(cx, draft));
    assert!(
        matches!(outcome, Err(SilenceError::Invalid(why)) if why.contains("no alert that it matches fires"))
    );
}
