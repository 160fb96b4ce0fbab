//! `/api/v2/alerts/groups`, and `/bellwether/v1/groups`: the same with an id and a version of each group, by which the page
//! fetches only what has changed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::sync::Arc;

use crate::api::alerts::AlertFilter;
use crate::api::pages::{ALERT_STEPS, Pages};
use crate::api::query::Params;
use crate::api::{Request, Response, alerts};
use crate::limits::PIECE_STEPS;
use crate::model::{Alert, Fingerprint, Labels, Muted};
use crate::node::{GroupId, Node};
use crate::time::Now;
use crate::wire::json::write;

/// The steps to find the place of a group in their order.
const ORDER_STEPS: u64 = 300;
/// The steps to see that a group is not asked for.
const SKIP_STEPS: u64 = 10;

/// The shown part of a group.
type Shown = Vec<(Fingerprint, Muted)>;

/// A group by what the list is sorted by.
type Key = (Labels, Arc<str>, GroupId);

/// The part of the groups that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    /// All, as Alertmanager tells it.
    Theirs,
    /// All, with id and version.
    All,
    /// Ids and versions.
    Versions,
    /// The fingerprints of the alerts in them.
    Fingerprints,
}

/// The list of the groups with the alerts in them that are asked for; groups without any are left out.
#[derive(Debug)]
pub(super) struct List {
    filter: AlertFilter,
    show: Show,
    /// Those that are asked for, if not all.
    ids: BTreeSet<GroupId>,
    stage: Stage,
    /// The groups that were not yet looked at, in order.
    rest: BTreeSet<Key>,
    /// Those that are shown.
    shown: VecDeque<(Key, Shown, u64)>,
    /// The receivers of an alert are those of the groups that are shown.
    receivers: BTreeMap<Fingerprint, Vec<Arc<str>>>,
}

#[derive(Debug)]
enum Stage {
    /// The groups are brought into order: those from this one on are not yet.
    Sorts(GroupId),
    /// It is looked which alerts are shown.
    Looks(Option<Current>),
    /// The groups that are shown are written: so many alerts of the first one are.
    Writes(usize),
}

/// A group that is being looked at.
#[derive(Debug)]
struct Current {
    key: Key,
    /// The alerts that were not yet looked at.
    rest: VecDeque<Fingerprint>,
    /// How far the first of them was compared with the filter.
    at: usize,
    shown: Shown,
    /// Of what is shown, but for what each report of an alert moves on.
    version: DefaultHasher,
}

impl List {
    pub(super) fn new(node: &Node, request: &Request<'_>) -> Result<Self, Response> {
        Ok(Self {
            filter: AlertFilter::new(request, node)?,
            show: Show::Theirs,
            ids: BTreeSet::new(),
            stage: Stage::Sorts(GroupId::MIN),
            rest: BTreeSet::new(),
            shown: VecDeque::new(),
            receivers: BTreeMap::new(),
        })
    }

    /// With ids and versions, of these ids alone (`id`), or nothing but versions or fingerprints (`show`).
    pub(super) fn versioned(node: &Node, request: &Request<'_>) -> Result<Self, Response> {
        let params = Params::new(request.query);
        let refused = |why: String| Response::string(400, &why);
        let show = match params.last("show") {
            None => Show::All,
            Some("fingerprints") => Show::Fingerprints,
            Some("versions") => Show::Versions,
            Some(it) => {
                return Err(refused(format!("show: {it:?}: expected fingerprints or versions")));
            }
        };
        let id = |text: &str| {
            let number = text.parse().map(GroupId);
            number.map_err(|_| refused(format!("id: {text:?}: expected the number of a group")))
        };
        let ids = params.all("id").map(id).collect::<Result<_, _>>()?;
        Ok(Self { show, ids, ..Self::new(node, request)? })
    }

    /// Lists some more. Returns whether that are all.
    pub(super) fn go_on(&mut self, node: &Node, now: Now, pages: &mut Pages) -> bool {
        self.filter.receivers.go_on(node, &mut pages.steps)
            && self.sort(node, &mut pages.steps)
            && self.look(node, now, &mut pages.steps)
            && self.write(node, now, pages)
    }

    /// Brings the groups into order. Returns whether all are.
    fn sort(&mut self, node: &Node, steps: &mut u64) -> bool {
        let Stage::Sorts(next) = &mut self.stage else { return true };
        for (id, labels, receiver) in node.groups_from(*next) {
            *next = id;
            if *steps >= PIECE_STEPS {
                return false;
            }
            if !self.ids.is_empty() && !self.ids.contains(&id) {
                *steps += SKIP_STEPS;
                continue;
            }
            *steps += ORDER_STEPS;
            self.rest.insert((labels.clone(), Arc::clone(receiver), id));
        }
        self.stage = Stage::Looks(None);
        true
    }

    /// Looks which alerts are shown. Returns whether all were looked at.
    fn look(&mut self, node: &Node, now: Now, steps: &mut u64) -> bool {
        let Stage::Looks(current) = &mut self.stage else { return true };
        loop {
            if let Some(group) = current {
                if !group.look(&self.filter, node, now, steps) {
                    return false;
                }
                let Some(Current { key, shown, version, .. }) = current.take() else { break };
                for (fingerprint, _) in &shown {
                    let receivers = self.receivers.entry(*fingerprint).or_default();
                    receivers.push(Arc::clone(&key.1));
                }
                if !shown.is_empty() {
                    self.shown.push_back((key, shown, version.finish()));
                }
            }
            if *steps >= PIECE_STEPS {
                return false;
            }
            let Some(key) = self.rest.pop_first() else { break };
            *steps += ALERT_STEPS;
            let group = node.group(now, key.2, steps).filter(|group| {
                self.filter.receivers.takes(group.receiver)
                    && (self.filter.muted || group.muted_by.is_empty())
            });
            *current = group.map(|group| {
                let mut version = DefaultHasher::new();
                (&key.1, group.muted_by).hash(&mut version);
                hash_labels(&key.0, &mut version);
                let rest = node.alerts_of(key.2).into();
                Current { key, rest, at: 0, shown: Shown::new(), version }
            });
        }
        self.receivers.values_mut().for_each(|names| names.sort_unstable());
        self.stage = Stage::Writes(0);
        true
    }

    /// Writes what is shown. Returns whether all is written.
    fn write(&mut self, node: &Node, now: Now, pages: &mut Pages) -> bool {
        let Stage::Writes(written) = &mut self.stage else { return false };
        while let Some(((labels, receiver, id), shown, version)) = self.shown.front() {
            if pages.is_over() {
                return false;
            }
            match self.show {
                Show::Theirs | Show::All => {}
                Show::Versions => {
                    // Writing to a Vec cannot fail.
                    pages.push(|out| {
                        write!(out, r#"[{},"{version:016x}"]"#, id.0).ok();
                    });
                    self.shown.pop_front();
                    continue;
                }
                Show::Fingerprints => {
                    for (fingerprint, _) in shown.iter().skip(*written) {
                        if pages.is_over() {
                            return false;
                        }
                        *written += 1;
                        pages.push(|out| {
                            write!(out, "\"{fingerprint}\"").ok();
                        });
                    }
                    (_, *written) = (self.shown.pop_front(), 0);
                    continue;
                }
            }
            let group = node.group(now, *id, &mut pages.steps);
            // If it has gone meanwhile, what is begun of it has an end.
            let by = group.as_ref().map_or(&[][..], |group| &*group.muted_by);
            if *written == 0 {
                pages.push(|out| {
                    let version = (self.show == Show::All).then_some((id.0, *version));
                    write::group_begin(out, version);
                });
            }
            for (fingerprint, muted) in shown.iter().skip(*written) {
                // One that is begun has an alert at least, by which it is known that it is.
                if *written > 0 && pages.is_over() {
                    return false;
                }
                *written += 1;
                let Some(alert) = node.alert(*fingerprint) else { continue };
                let names = self.receivers.get(fingerprint).map_or(&[][..], Vec::as_slice);
                let names: Vec<&str> = names.iter().map(|name| &**name).collect();
                let view = alerts::view(*fingerprint, alert, &names, muted, by);
                pages.add(|out| write::group_alert(out, &view));
            }
            let route_labels = node.route_labels(now, *id, &mut pages.steps);
            pages.add(|out| write::group_end(out, labels, receiver, &route_labels));
            (_, *written) = (self.shown.pop_front(), 0);
        }
        true
    }
}

impl Current {
    /// Looks which alerts of the group are shown. Returns whether all were looked at.
    fn look(&mut self, filter: &AlertFilter, node: &Node, now: Now, steps: &mut u64) -> bool {
        while let Some(fingerprint) = self.rest.front().copied() {
            if *steps >= PIECE_STEPS {
                return false;
            }
            *steps += ALERT_STEPS;
            if let Some(alert) = node.alert(fingerprint).filter(|alert| alert.ends_at >= now.wall) {
                let Some(is_wanted) = filter.takes_labels(&alert.labels, &mut self.at, steps)
                else {
                    return false;
                };
                if is_wanted {
                    let Some(muted) = node.muted(now, fingerprint, steps) else { return false };
                    if filter.takes(&muted) {
                        hash_alert((fingerprint, alert, &muted), &mut self.version);
                        self.shown.push((fingerprint, muted));
                    }
                }
            }
            (_, self.at) = (self.rest.pop_front(), 0);
        }
        true
    }
}

/// All that the page shows of an alert, whose labels its fingerprint names. Each report moves `endsAt` and `updatedAt`, so these
/// are left out.
fn hash_alert(
    (fingerprint, alert, muted): (Fingerprint, &Alert, &Muted),
    version: &mut DefaultHasher,
) {
    (fingerprint, alert.starts_at, &muted.silenced_by, &muted.inhibited_by).hash(version);
    alert.generator_url.hash(version);
    hash_labels(&alert.annotations, version);
}

fn hash_labels(labels: &Labels, version: &mut DefaultHasher) {
    labels.iter().for_each(|pair| pair.hash(version));
    version.write_u8(0);
}
