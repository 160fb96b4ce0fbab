//! `/api/v2/alerts/groups`.

use std::collections::BTreeMap;

use crate::api::query::AlertFilter;
use crate::api::response::room;
use crate::api::{Request, Response, Site, alerts};
use crate::model::Muted;
use crate::model::{Alert, Fingerprint};
use crate::node::{GroupView, Node};
use crate::time::Now;
use crate::wire::json::write;

type Shown<'a> = (Fingerprint, &'a Alert, Muted);

/// Lists the groups with the alerts in them that are asked for; groups without any are left out.
pub(super) fn list(node: &Node, now: Now, site: &Site, request: &Request<'_>) -> Response {
    let filter = match AlertFilter::new(request, node) {
        Ok(filter) => filter,
        Err(refusal) => return refusal,
    };
    let all = node.groups(now);
    let mut groups: Vec<(&GroupView<'_>, Vec<Shown<'_>>)> = Vec::new();
    // The receivers of an alert are those of the groups that are shown.
    let mut receivers: BTreeMap<Fingerprint, Vec<&str>> = BTreeMap::new();
    for group in &all {
        if !filter.receivers.takes(group.receiver) || !filter.muted && !group.muted_by.is_empty() {
            continue;
        }
        let shown = shown(node, now, &filter, group);
        for (fingerprint, ..) in &shown {
            receivers.entry(*fingerprint).or_default().push(group.receiver);
        }
        if !shown.is_empty() {
            groups.push((group, shown));
        }
    }
    for names in receivers.values_mut() {
        names.sort_unstable();
    }
    let room = room(site);
    Response::list(site, groups, |out, (group, shown)| {
        write::group(out, group.labels, group.receiver, group.route_labels, |out| {
            write::array(out, shown, |out, (fingerprint, alert, muted)| {
                if out.len() > room {
                    return;
                }
                let receivers = receivers.get(&fingerprint).map_or(&[][..], Vec::as_slice);
                let view = alerts::view(fingerprint, alert, receivers, &muted, &group.muted_by);
                write::alert(out, &view);
            });
        });
    })
}

fn shown<'a>(node: &Node, now: Now, filter: &AlertFilter, group: &GroupView<'a>) -> Vec<Shown<'a>> {
    let wanted = group.alerts.iter().filter_map(|&(fingerprint, alert)| {
        if alert.ends_at < now.wall || !filter.takes_labels(&alert.labels) {
            return None;
        }
        let muted = node.muted(now, fingerprint);
        alerts::takes(filter, &muted).then_some((fingerprint, alert, muted))
    });
    wanted.collect()
}
