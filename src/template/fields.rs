//! The fields of the data of a template, as Go has them.

use std::rc::Rc;

use crate::template::data::{AlertData, Data};
use crate::template::value::{List, Value};

impl Data {
    /// Its fields as Go has them, in their order.
    pub(super) fn fields(&self) -> [(&'static str, Value); 10] {
        self.fields_with(self.listed())
    }

    /// The field of this name. The list of alerts is made for itself alone: others are asked for at each alert.
    pub(super) fn field(&self, name: &str) -> Option<Value> {
        let alerts = if name == "Alerts" { self.listed() } else { Value::Nil };
        self.fields_with(alerts).into_iter().find(|(field, _)| *field == name).map(|it| it.1)
    }

    fn listed(&self) -> Value {
        let alerts = self.alerts.iter().map(|alert| Value::Alert(Rc::clone(alert))).collect();
        Value::List(List::Alerts, alerts)
    }

    fn fields_with(&self, alerts: Value) -> [(&'static str, Value); 10] {
        [
            ("Receiver", Value::text(Rc::clone(&self.receiver))),
            ("Status", Value::text(Rc::clone(&self.status))),
            ("Alerts", alerts),
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

impl AlertData {
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
