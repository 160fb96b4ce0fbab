//! Log entries: stored and replicated. Two whose authors did not know of each other are merged into a third.

use std::time::Duration;

use super::{
    Act, Draft, Merged, Merging, Read, Refusal, Restored, Rules, demand_key, step_from_sender,
};
use crate::core::nflog::Logged;
use crate::core::restore::GroupTimers;
use crate::core::step::Step;
use crate::core::{Change, Core};
use crate::gossip;
use crate::limits::{CLOCK_AHEAD_MS_MAX, RECORD_LIFE_MAX};
use crate::model::{LogEntry, LogKey};
use crate::node::Node;
use crate::time::{Now, Wall};
use crate::wire::record::{self, Kind};

pub(super) struct LogRules;

impl Rules for LogRules {
    fn changes(&self, core: &Core) -> Vec<Change> {
        core.nflog().iter().map(|(key, _)| Change::Log(key.clone())).collect()
    }

    fn is_held(&self, core: &Core, key: &[u8]) -> bool {
        key.try_into().is_ok_and(|id| core.nflog().find(u128::from_be_bytes(id)).is_some())
    }

    fn body(&self, core: &Core, _now: Now, key: &[u8]) -> Option<Vec<u8>> {
        let (log_key, entry) = core.nflog().find(u128::from_be_bytes(key.try_into().ok()?))?;
        Some(record::encode_log(log_key, entry))
    }

    /// All members that merge the same two entries hold the same version of the result.
    fn merge(
        &self,
        merging: &mut Merging<'_>,
        now: Now,
        record: &gossip::Record,
        known_expires_ms: i64,
    ) -> Result<Merged, Refusal> {
        let (log_key, mut entry) = record::decode_log(&record.body)?;
        demand_key(&record.key.id, record::log_key(&log_key))?;
        step_from_sender(record, now).entry(&mut entry);
        entry.expires_at = entry.expires_at.min(now.wall + RECORD_LIFE_MAX);
        // One that says to have told in a year's time would keep the group silent until then.
        let ahead = Duration::from_millis(CLOCK_AHEAD_MS_MAX.cast_unsigned());
        entry.timestamp = entry.timestamp.min(now.wall + ahead);
        let known = merging.core.nflog().find(log_key.id()).map(|(_, it)| &it.notified_by);
        // One that only lives longer tells of no delivery.
        let is_told = entry.notified_by.is_empty() || known != Some(&entry.notified_by);
        let mut stamp = record.stamp();
        match merging.core.merge_log(now, &log_key, entry) {
            Logged::Full => return Err(Refusal::Full("the notification log is full")),
            Logged::Taken => {}
            Logged::Joined { by } => {
                merging.joined.push((record.key.clone(), by));
                let held = merging.core.nflog().find(log_key.id());
                stamp.version = stamp.version.joined(by, held.map_or(0, |it| it.1.print()));
                stamp.expires_at_ms = stamp.expires_at_ms.max(known_expires_ms);
            }
        }
        if is_told {
            merging.logs.push((log_key, record.version.node));
        }
        let body = self.body(merging.core, now, &record.key.id).unwrap_or_default();
        Ok(Merged { stamp, ..Merged::of(record, body) })
    }

    fn read(&self, _node: &mut Node, _key: &[u8], body: &[u8]) -> Read {
        let (key, entry) = record::decode_log(body)?;
        Ok(Some(Box::new(StoredLog(key, entry))))
    }
}

/// The record of a log entry that has changed.
pub(super) fn act(core: &Core, now: Now, log_key: &LogKey) -> Act {
    let key = record::log_key(log_key).to_vec();
    let Some(entry) = core.nflog().get(log_key, now.wall) else {
        return Act::Delete(Kind::Log, key);
    };
    Act::Put(Draft {
        kind: Kind::Log,
        key,
        expires: entry.expires_at,
        body: record::encode_log(log_key, entry),
        stored: true,
        published: true,
    })
}

#[derive(Debug)]
struct StoredLog(LogKey, LogEntry);

impl Restored for StoredLog {
    fn written(&self) -> Wall {
        self.1.timestamp
    }

    fn step(&mut self, step: Step) {
        step.entry(&mut self.1);
    }

    fn restore(self: Box<Self>, core: &mut Core, now: Now, _timers: &mut GroupTimers) -> Vec<u8> {
        let Self(key, entry) = *self;
        core.restore_log(now, &key, entry);
        Vec::new()
    }
}
