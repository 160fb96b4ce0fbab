//! The sample that a test of a receiver sends: one alert that is marked, in a group of its own, so that no service takes it
//! for a real one.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Receiver;
use crate::model::{Alert, GroupKey, Labels};
use crate::notify::{AlertView, Notification};
use crate::time::Wall;

/// The label that marks the alert of a test; no test goes without it.
pub const TEST_LABEL: (&str, &str) = ("bellwether_test", "true");
/// Labels and annotations that the alert has unless others are given.
const LABELS: [(&str, &str); 2] = [("alertname", "NotifyTest"), ("severity", "info")];
const ANNOTATIONS: [(&str, &str); 2] = [
    ("summary", "This is a test of the receiver: nothing is wrong"),
    ("description", "Somebody ran \"bellwether notify test\" or pressed its button on the page."),
];
/// How long the alert has been firing.
const AGE: Duration = Duration::from_secs(60);
/// Its end, if the test does not say that it has ended: a forwarded one ends by itself.
const LIFE: Duration = Duration::from_secs(300);

/// The notification of a test. `labels` and `annotations` win over those of the sample; one with an empty value is left out.
pub fn sample(
    receiver: &Receiver,
    (labels, annotations): (&Labels, &Labels),
    resolved: bool,
    external_url: &Arc<str>,
    now: Wall,
) -> Notification {
    let labels: Labels =
        over(&LABELS, labels).chain([TEST_LABEL]).filter(|(_, value)| !value.is_empty()).collect();
    let annotations: Labels =
        over(&ANNOTATIONS, annotations).filter(|(_, value)| !value.is_empty()).collect();
    let group_labels: Labels =
        labels.iter().filter(|(name, _)| *name == "alertname" || *name == TEST_LABEL.0).collect();
    let alert = Alert {
        annotations,
        starts_at: now - AGE,
        ends_at: if resolved { now } else { now + LIFE },
        updated_at: now,
        timeout: true,
        generator_url: "".into(),
        labels,
    };
    Notification {
        receiver: Arc::clone(&receiver.name),
        group_key: GroupKey::new("{}/{bellwether_test=\"true\"}", &group_labels),
        group_labels,
        route_labels: Labels::empty(),
        reason: "first notification",
        external_url: Arc::clone(external_url),
        alerts: Rc::from([AlertView {
            fingerprint: alert.labels.fingerprint(),
            alert: Rc::new(alert),
            resolved,
            late: false,
        }]),
        cut: 0,
        remembered: Rc::default(),
        held_back: None,
        now,
    }
}

/// The defaults that `given` does not name, and all that it gives; the mark is not for it to give.
fn over<'a>(
    defaults: &'a [(&'static str, &'static str)],
    given: &'a Labels,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let rest = defaults.iter().copied().filter(|(name, _)| given.get(name).is_none());
    rest.chain(given.iter().filter(|(name, _)| *name != TEST_LABEL.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(labels: &[(&str, &str)], resolved: bool) -> Notification {
        let receiver = Receiver::without_integrations(&"ops".into());
        let labels: Labels = labels.iter().copied().collect();
        let given = (&labels, &Labels::empty());
        sample(&receiver, given, resolved, &"http://gw:9093".into(), Wall::from_secs(1_000_000))
    }

    #[test]
    fn a_sample_is_marked_and_takes_the_labels_that_are_given() {
        let it =
            sampled(&[("alertname", "Disk"), ("bellwether_test", "no"), ("severity", "")], false);
        let alert = &it.alerts[0].alert;
        assert_eq!(alert.labels.to_string(), r#"{alertname="Disk", bellwether_test="true"}"#);
        assert!(alert.annotations.get("summary").unwrap().contains("test"));
        assert!(!it.resolved() && sampled(&[], true).resolved());
    }

    #[test]
    fn a_sample_is_in_no_group_of_real_alerts() {
        let real: Labels = [("alertname", "Disk")].into_iter().collect();
        let it = sampled(&[("alertname", "Disk")], false);
        assert_ne!(it.group_key, GroupKey::new("{}", &real));
        assert!(it.group_key.as_str().contains("bellwether_test"));
    }
}
