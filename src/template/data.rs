//! The data of a template: one notification, as Alertmanager's `template.Data` has it.

use std::rc::Rc;

use crate::model::Labels;
use crate::template::time::Time;
use crate::time::Wall;

/// The data of one notification. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Data {
    /// `.Receiver`: the receiver's name, quoted as a regular expression as Alertmanager does.
    pub receiver: Rc<str>,
    /// `.Status`: `firing` or `resolved`.
    pub status: Rc<str>,
    /// `.Alerts`, in their order.
    pub alerts: Rc<[Rc<AlertData>]>,
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
pub struct AlertData {
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
    pub fn common(alerts: &[Rc<AlertData>], pairs: fn(&AlertData) -> &Labels) -> Labels {
        let mut rest = alerts.iter().map(|alert| pairs(alert));
        let first = rest.next().cloned().unwrap_or_else(Labels::empty);
        rest.fold(first, |common, labels| common.common(labels))
    }
}
