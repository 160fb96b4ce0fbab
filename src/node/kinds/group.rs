//! Timers of groups: the time of each group's first flush, stored and replicated, so that all members flush at about the same
//! time. The body is held beside the core, because a timer may be known before its group.

use std::time::Duration;

use super::{Act, Draft, Merged, Merging, Read, Refusal, Restored, Rules, demand_key};
use crate::core::restore::GroupTimers;
use crate::core::step::Step;
use crate::core::which::GroupId;
use crate::core::{Change, Core};
use crate::gossip;
use crate::model::Labels;
use crate::node::Node;
use crate::time::{Now, Wall};
use crate::wire::record::{self, GroupTimer, Kind};

/// How long the time of a group's first flush is replicated.
const LIFE: Duration = Duration::from_secs(24 * 3600);

pub(super) struct GroupRules;

impl Rules for GroupRules {
    fn life_max(&self) -> Duration {
        LIFE
    }

    fn is_in_core(&self) -> bool {
        false
    }

    fn changes(&self, core: &Core) -> Vec<Change> {
        core.groups().iter().map(|(id, _)| Change::Group { id, merged: false }).collect()
    }

    /// Its life begins whenever it is written.
    fn known_end(&self, _core: &Core, _key: &[u8], _expires: Wall) -> Option<Wall> {
        None
    }

    fn stepped(&self, body: &[u8], step: Step) -> Option<Vec<u8>> {
        let timer = record::decode_group(body).ok()?;
        let first = step.time(timer.first);
        Some(record::encode_group(&GroupTimer { first, ..timer }))
    }

    fn merge(
        &self,
        merging: &mut Merging<'_>,
        now: Now,
        record: &gossip::Record,
        _known_expires_ms: i64,
    ) -> Result<Merged, Refusal> {
        let timer = record::decode_group(&record.body)?;
        demand_key(&record.key.id, record::group_key(&timer.path, &timer.labels))?;
        // Members whose ticks are a second apart would not get each other's claims in time.
        let exact = record.sent_at.map(|at| Step::exact(Wall::from_ns(at), now.wall));
        let first = exact.unwrap_or(Step::NONE).time(timer.first);
        merging.core.merge_group(now, &timer.path, &timer.labels, first);
        Ok(Merged::of(record, record::encode_group(&GroupTimer { first, ..timer })))
    }

    fn read(&self, _node: &mut Node, _key: &[u8], body: &[u8]) -> Read {
        Ok(Some(Box::new(StoredGroup(record::decode_group(body)?))))
    }
}

/// The record of a group that was made; `merged` if by an alert of another member.
pub(super) fn act(core: &Core, now: Now, id: GroupId, merged: bool) -> Option<Act> {
    let group = core.groups().get(id)?;
    let path = &core.routes().get(group.route).path;
    let draft = timer(now, path, &group.labels, group.first_flush);
    Some(Act::Put(Draft { published: !merged, ..draft }))
}

/// The record of the time of a group's first flush.
pub(in crate::node) fn timer(now: Now, path: &str, labels: &Labels, first: Wall) -> Draft {
    let timer = GroupTimer { path: path.to_owned(), labels: labels.clone(), first };
    Draft {
        kind: Kind::Group,
        key: record::group_key(path, labels).to_vec(),
        expires: now.wall + LIFE,
        body: record::encode_group(&timer),
        stored: true,
        published: true,
    }
}

/// A group was removed.
pub(super) fn gone(path: &str, labels: &Labels) -> Act {
    Act::Delete(Kind::Group, record::group_key(path, labels).to_vec())
}

#[derive(Debug)]
struct StoredGroup(GroupTimer);

impl Restored for StoredGroup {
    fn written(&self) -> Wall {
        self.0.first
    }

    fn is_of_the_past(&self) -> bool {
        false
    }

    fn step(&mut self, step: Step) {
        self.0.first = step.time(self.0.first);
    }

    fn restore(self: Box<Self>, _core: &mut Core, _now: Now, timers: &mut GroupTimers) -> Vec<u8> {
        let body = record::encode_group(&self.0);
        timers.insert((self.0.path.into(), self.0.labels), self.0.first);
        body
    }
}
