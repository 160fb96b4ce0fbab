//! Resolved after quiet, an option of routes: a receiver that was told that an alert fires is told of its end too, if it ended
//! while it was silenced, inhibited or muted by a time interval: once nothing mutes it any more. Alertmanager forgets it.
//!
//! Such an alert stays in its group, and the log keeps that it was told to fire. If another alert of the group is sent meanwhile,
//! the log holds this one as uncertain: if it still fires when the quiet is over, it is sent as new, as in Alertmanager.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::core::deliver::content::Flushed;
use crate::core::deliver::flushing::Flush;
use crate::core::deliver::logging::log_key;
use crate::core::which::GroupId;
use crate::core::{Change, Core};
use crate::limits::QUIET_END_AGE_MAX;
use crate::model::{Fingerprint, LogEntry, LogKey};
use crate::time::Now;

impl Core {
    /// The alerts at these places of a group's flush that are not `told` of now and may be later.
    pub(super) fn quiet(
        &self,
        id: GroupId,
        places: Range<usize>,
        told: &[Flushed],
    ) -> BTreeSet<Fingerprint> {
        let group = self.groups.get(id);
        let group = group.filter(|it| self.routes.get(it.route).resolved_after_quiet);
        let Some(flush) = group.and_then(|it| it.flush.as_ref()) else { return BTreeSet::new() };
        let (told, now): (BTreeSet<_>, _) =
            (told.iter().map(|it| it.fingerprint).collect(), flush.tick.wall);
        let is_old = |it: &Flushed| it.resolved && now.since(it.alert.ends_at) > QUIET_END_AGE_MAX;
        let all = flush.snapshot.get(places).unwrap_or_default().iter();
        let quiet = all.filter(|it| !told.contains(&it.fingerprint) && !is_old(it));
        quiet.map(|it| it.fingerprint).collect()
    }

    /// The alerts that are quiet in a group's flush and that a log entry says to fire.
    pub(super) fn quiet_in(&self, id: GroupId, known: &LogEntry) -> Vec<Fingerprint> {
        let flush = self.groups.get(id).and_then(|group| group.flush.as_ref());
        let quiet = flush.map(|it| &it.quiet).filter(|it| !it.is_empty());
        quiet.map_or_else(Vec::new, |quiet| {
            known.firing.iter().filter(|it| quiet.contains(it)).copied().collect()
        })
    }

    /// The quiet alerts of a flush that some integration was told to fire, sorted; its log does not forget them.
    pub(super) fn keep_quiet(&mut self, now: Now, id: GroupId, flush: &Flush) -> Vec<Fingerprint> {
        let mut kept = Vec::new();
        for key in self.quiet_keys(id, flush) {
            let Some(known) = self.nflog.get(&key, now.wall) else { continue };
            let told = known.firing.iter().filter(|it| flush.quiet.contains(it));
            let before = kept.len();
            kept.extend(told.copied());
            let life = self.entry_life(flush);
            if kept.len() > before && known.expires_at <= now.wall + life / 2 {
                let entry = LogEntry { expires_at: now.wall + life, ..known.clone() };
                if self.put_log(now, &key, entry) {
                    self.changes.push(Change::Log(key));
                }
            }
        }
        kept.sort_unstable();
        kept
    }

    /// The log's keys of all integrations of a flush that has quiet alerts.
    fn quiet_keys(&self, id: GroupId, flush: &Flush) -> Vec<LogKey> {
        let group = self.groups.get(id).filter(|_| !flush.quiet.is_empty());
        group.map_or_else(Vec::new, |group| {
            let key = |it| log_key(group.key.clone(), &flush.receiver, it);
            flush.receiver.integrations.iter().map(key).collect()
        })
    }
}
