//! The data of a template: one notification, as Alertmanager's `template.Data` has it.

use std::rc::Rc;

use crate::model::Labels;
use crate::template::time::Time;
use crate::template::value::{List, Value};
use crate::time::Wall;

/// The data of one notification. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Data {
    /// `.Receiver`: the receiver's name, quoted as a regular expression as Alertmanager does.
    pub receiver: Rc<str>,
    /// `.Status`: `firing` or `resolved`.
    pub status: Rc<str>,
    /// `.Alerts`, in their order.
    pub alerts: Rc<[Rc<Alert>]>,
    /// `.GroupLabels`
    pub group_labels: Labels,
    /// `.CommonLabels`: those that all alerts share.
    pub common_labels: Labels,
    /// `.CommonAnnotations`: those that all alerts share.
    pub common_annotations: Labels,
    /// `.RouteLabels`
    pub route_labels: Labels,
    /// Labels of the route that are templates and not rendered yet, see [`Templates::route_labels`](super::Templates).
    pub unrendered: Labels,
    /// `.ExternalURL`, without a trailing slash.
    pub external_url: Rc<str>,
    /// `.NotificationReason`, in Alertmanager's words.
    pub reason: Rc<str>,
    /// `.Cut`: how many more alerts came and went while the receiver was not reached than could be kept. Bellwether's own.
    pub cut: u64,
    /// The clock of `now` and `since`.
    pub now: Wall,
}

/// One alert of [`Data`].
#[derive(Clone, Debug)]
pub struct Alert {
    /// `.Status`: `firing` or `resolved`.
    pub status: Rc<str>,
    /// `.Labels`
    pub labels: Labels,
    /// `.Annotations`
    pub annotations: Labels,
    /// `.StartsAt`
    pub starts_at: Time,
    /// `.EndsAt`; [`Time::ZERO`] while it fires.
    pub ends_at: Time,
    /// `.GeneratorURL`
    pub generator_url: Rc<str>,
    /// `.Fingerprint`, 16 hex digits.
    pub fingerprint: Rc<str>,
    /// `.Late`: whether it came and went while the receiver was not reached. Bellwether's own.
    pub late: bool,
}

impl Data {
    /// The labels, or the annotations, that all alerts have alike.
    pub fn common(alerts: &[Rc<Alert>], pairs: fn(&Alert) -> &Labels) -> Labels {
        let mut rest = alerts.iter().map(|alert| pairs(alert));
        let first = rest.next().cloned().unwrap_or_else(Labels::empty);
        rest.fold(first, |common, labels| common.common(labels))
    }
}

impl Data {
    /// Its fields as Go has them, in their order.
    pub(super) fn fields(&self) -> [(&'static str, Value); 10] {
        let alerts = self.alerts.iter().map(|alert| Value::Alert(Rc::clone(alert))).collect();
        [
            ("Receiver", Value::text(Rc::clone(&self.receiver))),
            ("Status", Value::text(Rc::clone(&self.status))),
            ("Alerts", Value::List(List::Alerts, alerts)),
            ("NotificationReason", Value::text(Rc::clone(&self.reason))),
            ("GroupLabels", Value::Pairs(self.group_labels.clone())),
            ("CommonLabels", Value::Pairs(self.common_labels.clone())),
            ("CommonAnnotations", Value::Pairs(self.common_annotations.clone())),
            ("RouteLabels", Value::Pairs(self.route_labels.clone())),
            ("ExternalURL", Value::text(Rc::clone(&self.external_url))),
            // Of no use to a template, but Go prints it.
            ("routeLabelsRendered", Value::Bool(self.unrendered.is_empty())),
        ]
    }
}

impl Alert {
    /// Its fields as Go has them, in their order.
    pub(super) fn fields(&self) -> [(&'static str, Value); 7] {
        [
            ("Status", Value::text(Rc::clone(&self.status))),
            ("Labels", Value::Pairs(self.labels.clone())),
            ("Annotations", Value::Pairs(self.annotations.clone())),
            ("StartsAt", Value::Time(self.starts_at.clone())),
            ("EndsAt", Value::Time(self.ends_at.clone())),
            ("GeneratorURL", Value::text(Rc::clone(&self.generator_url))),
            ("Fingerprint", Value::text(Rc::clone(&self.fingerprint))),
        ]
    }
}
