//! `/api/v2/alerts/groups`.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use crate::api::list::{ALERT_STEPS, Pages};
use crate::api::query::AlertFilter;
use crate::api::{Request, Response, alerts};
use crate::limits::PIECE_STEPS;
use crate::model::{Fingerprint, Muted};
use crate::node::{GroupId, Node};
use crate::time::Now;
use crate::wire::json::write;

/// The shown part of a group.
type Shown = Vec<(Fingerprint, Muted)>;

/// The list of the groups with the alerts in them that are asked for; groups without any are left out.
#[derive(Debug)]
pub(super) struct List {
    filter: AlertFilter,
    /// The groups that were not yet looked at.
    rest: VecDeque<GroupId>,
    /// The one that is being looked at, with the alerts that were not yet.
    current: Option<(GroupId, VecDeque<Fingerprint>, Shown)>,
    /// Those that are shown.
    shown: VecDeque<(GroupId, Shown)>,
    /// The receivers of an alert are those of the groups that are shown.
    receivers: BTreeMap<Fingerprint, Vec<Rc<str>>>,
}

impl List {
    pub(super) fn new(node: &Node, request: &Request<'_>) -> Result<Self, Response> {
        Ok(Self {
            filter: AlertFilter::new(request, node)?,
            rest: node.groups().into(),
            current: None,
            shown: VecDeque::new(),
            receivers: BTreeMap::new(),
        })
    }

    /// Lists some more. Returns whether that are all.
    pub(super) fn go_on(&mut self, node: &Node, now: Now, pages: &mut Pages) -> bool {
        self.look(node, now, &mut pages.steps) && self.write(node, now, pages)
    }

    /// Looks which alerts are shown. Returns whether all were looked at.
    fn look(&mut self, node: &Node, now: Now, steps: &mut u64) -> bool {
        loop {
            if let Some((id, alerts, shown)) = &mut self.current {
                if !look_at(&self.filter, node, now, alerts, shown, steps) {
                    return false;
                }
                if let Some(group) = node.group(now, *id).filter(|_| !shown.is_empty()) {
                    for (fingerprint, _) in &*shown {
                        let receivers = self.receivers.entry(*fingerprint).or_default();
                        receivers.push(Rc::clone(group.receiver));
                    }
                    self.shown.push_back((*id, std::mem::take(shown)));
                }
            }
            let Some(id) = self.rest.pop_front() else { break };
            *steps += ALERT_STEPS;
            let is_wanted = node.group(now, id).is_some_and(|group| {
                self.filter.receivers.takes(group.receiver)
                    && (self.filter.muted || group.muted_by.is_empty())
            });
            self.current = is_wanted.then(|| (id, node.alerts_of(id).into(), Shown::new()));
        }
        if self.current.take().is_some() {
            self.receivers.values_mut().for_each(|names| names.sort_unstable());
        }
        true
    }

    /// Writes what is shown. Returns whether all is written.
    fn write(&mut self, node: &Node, now: Now, pages: &mut Pages) -> bool {
        while let Some((id, shown)) = self.shown.pop_front() {
            let Some(group) = node.group(now, id) else { continue };
            let route_labels = node.route_labels(now, id);
            let room = pages.room;
            pages.push(|out| {
                write::group(out, group.labels, group.receiver, &route_labels, |out| {
                    let known =
                        shown.iter().filter_map(|(it, muted)| Some((it, node.alert(*it)?, muted)));
                    write::array(out, known, |out, (fingerprint, alert, muted)| {
                        if out.len() > room {
                            return;
                        }
                        let names = self.receivers.get(fingerprint).map_or(&[][..], Vec::as_slice);
                        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
                        let by = &group.muted_by;
                        write::alert(out, &alerts::view(*fingerprint, alert, &names, muted, by));
                    });
                });
            });
            if pages.is_over() {
                return false;
            }
        }
        true
    }
}

/// Looks which alerts of a group are shown. Returns whether all were looked at.
fn look_at(
    filter: &AlertFilter,
    node: &Node,
    now: Now,
    alerts: &mut VecDeque<Fingerprint>,
    shown: &mut Shown,
    steps: &mut u64,
) -> bool {
    while let Some(fingerprint) = alerts.front().copied() {
        if *steps >= PIECE_STEPS {
            return false;
        }
        *steps += ALERT_STEPS;
        let alert = node.alert(fingerprint).filter(|alert| alert.ends_at >= now.wall);
        if alert.is_some_and(|alert| filter.takes_labels(&alert.labels, steps)) {
            let Some(muted) = node.muted(now, fingerprint, steps) else { return false };
            if filter.takes(&muted) {
                shown.push((fingerprint, muted));
            }
        }
        alerts.pop_front();
    }
    true
}
