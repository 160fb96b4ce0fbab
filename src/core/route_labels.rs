//! The labels of a group's route, as the API shows them: their values are templates that see the group's alerts.

use std::rc::Rc;

use std::sync::Arc;

use crate::core::Core;
use crate::core::which::GroupId;
use crate::model::Labels;
use crate::model::order::in_order;
use crate::notify::{AlertView, Notification};
use crate::time::Wall;

/// The steps to render templates, and for each alert that they see.
const RENDER_STEPS: u64 = 5_000;
const ALERT_STEPS: u64 = 400;

impl Core {
    /// The labels of a group's route, rendered for the alerts that it has now; none, if there is no such group. Those that
    /// fail are missing, as in Alertmanager 0.34.
    /// Adds what it took to `steps`.
    pub fn route_labels(&self, now: Wall, id: GroupId, steps: &mut u64) -> Labels {
        let Some(group) = self.groups.get(id) else { return Labels::empty() };
        let route = self.routes.get(group.route);
        if route.labels.iter().all(|(_, text)| !text.contains("{{")) {
            return route.labels.to_labels();
        }
        *steps += RENDER_STEPS + ALERT_STEPS * group.alerts.len() as u64;
        let alerts = group.alerts.iter().filter_map(|it| Some((*it, self.alerts.get(*it)?)));
        let views: Vec<AlertView> = alerts
            .map(|(fingerprint, entry)| AlertView {
                fingerprint,
                alert: Rc::clone(&entry.alert),
                resolved: entry.alert.resolved(now),
                late: false,
            })
            .collect();
        let views = in_order(views, |it| &it.alert.labels);
        let notification = Notification {
            receiver: Arc::clone(&route.receiver.name),
            group_key: group.key.clone(),
            group_labels: group.labels.clone(),
            route_labels: Labels::empty(),
            reason: "unknown",
            external_url: Arc::clone(&self.options.external_url),
            alerts: views.into(),
            remembered: Rc::default(),
            cut: 0,
            held_back: None,
            now,
        };
        self.config.templates.route_labels(&route.labels.to_labels(), &notification.data()).0
    }
}
