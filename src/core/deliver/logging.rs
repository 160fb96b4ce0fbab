//! The log entries of deliveries: that this node has notified, joined with entries of others that came meanwhile.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Integration, Receiver};
use crate::core::deliver::content::Flushed;
use crate::core::deliver::flushing::Flush;
use crate::core::which::{GroupId, Which};
use crate::core::{Change, Core};
use crate::effect::Cx;
use crate::limits::{OWED_AGE_MAX, RECORD_LIFE_MAX};
use crate::model::{Fingerprint, GroupKey, LogEntry, LogKey};
use crate::time::Now;

/// A log entry lives at least this long, as in Alertmanager, which drops expired ones only each 15 minutes.
pub(in crate::core) const ENTRY_LIFE_MIN: Duration = Duration::from_secs(15 * 60);

/// An entry of which so little life is left is given more while its receiver is owed something.
const LITTLE_LEFT: Duration = Duration::from_secs(5 * 60);

/// The steps to prolong the life of an entry.
const PROLONGED_STEPS: u64 = 5_000;

/// Where many datagrams are lost, the log entry of a member may come so long before the alerts that it names.
const NEWS_LATE: Duration = Duration::from_secs(60);

impl Core {
    /// Logs a delivery that was made, with the ends of its alerts, and gives up its turn.
    pub(in crate::core) fn log_delivery(&mut self, cx: &Cx<'_>, (id, at): Which) {
        let Some(flush) = self.groups.get(id).and_then(|it| it.flush.as_ref()) else { return };
        let Some(delivery) = flush.deliveries.get(at) else { return };
        let (key, now) = (delivery.key.clone(), cx.now.wall);
        let content = &delivery.content;
        let firing = Rc::clone(&content.firing);
        let resolved = self.ends_to_tell(&key, content, now);
        // A member that is away may owe the same, and is to hear that it was told.
        let is_late = !self.missed(&key, content, now).is_empty();
        let life = if is_late { OWED_AGE_MAX } else { self.entry_life(flush) };
        // Later than the entry that it replaces, also if the clock has gone back since.
        let after = |entry: &LogEntry| entry.timestamp + Duration::from_nanos(1);
        let known = self.nflog.get(&key, now);
        let timestamp = known.map_or(now, |entry| now.max(after(entry)));
        let notified_by = match self.turns.flock.me {
            0 => Rc::default(),
            me => LogEntry::notified_by_after(known, me),
        };
        let expires_at = known.map_or(now, |it| it.expires_at).max(now + life);
        // If another member has logged since this was sent, neither entry knew of the other.
        let meanwhile = known.filter(|it| it.notified_by != delivery.notified_by);
        // A group of which no alert fired is told of anew: the facts of its last message are of no use.
        let before = known.filter(|it| !it.firing.is_empty()).map(|it| Rc::clone(&it.facts));
        let facts = delivery.facts.clone().or(before).unwrap_or_default();
        let entry = LogEntry { timestamp, firing, resolved, expires_at, notified_by, facts };
        let mut entry = entry.with_ends(&self.ends_told(known));
        if let Some(other) = meanwhile {
            entry = other.joined(&entry);
        } else if let Some(it) = known {
            entry = entry.with_firing(&self.later_alerts(id, &key, it), it);
        }
        if let Some(it) = known {
            entry = entry.with_unsure(&self.quiet_in(id, it));
        }
        // Where a member has just restarted an alert may still fire: it must hear of the end no later than of the log.
        let is_new = |it: &&Flushed| !flush.ended.contains(&it.fingerprint) && self.has_lapsed(it);
        let ended = delivery.content.alerts.iter().filter(is_new).map(|it| it.fingerprint);
        let ended: Vec<_> = ended.collect();
        if let Some(flush) = self.flush_of(id) {
            flush.ended.extend(&ended);
        }
        let told = |fingerprint| Change::AlertEnded { fingerprint, told: true };
        self.changes.extend(ended.into_iter().map(told));
        self.release_turn(cx.now.mono, id, key.id());
        if self.put_log(cx.now, &key, entry) {
            self.changes.push(Change::Log(key));
        }
    }

    /// How long an entry lives. Under every config it outlives the next flush: else that would tell the same again, and no
    /// end; and also the flush that repeats the notification, which may fail until its deadline.
    pub(in crate::core) fn entry_life(&self, flush: &Flush) -> Duration {
        let life = self.options.retention.min(flush.repeat_interval * 2);
        life.max(flush.group_interval * 6).max(ENTRY_LIFE_MIN).min(RECORD_LIFE_MAX)
    }

    /// Extends the life of a log entry, on flash and in the flock, while its receiver is owed something. Without the entry, the
    /// end of an alert that was sent as firing would not be sent. Adds the steps that this takes.
    pub(in crate::core) fn prolong_log(&mut self, now: Now, key: &LogKey, steps: &mut u64) {
        let Some(known) = self.nflog.get(key, now.wall) else { return };
        if known.expires_at > now.wall + LITTLE_LEFT {
            return;
        }
        *steps += PROLONGED_STEPS;
        let entry = LogEntry { expires_at: now.wall + OWED_AGE_MAX, ..known.clone() };
        if self.put_log(now, key, entry) {
            self.changes.push(Change::Log(key.clone()));
        }
    }

    /// Resolved alerts that the log reports already and that the table still has. A part of the flock that was cut off may report
    /// them as firing.
    fn ends_told(&self, known: Option<&LogEntry>) -> Vec<Fingerprint> {
        let Some(known) = known.filter(|_| self.turns.flock.me != 0) else { return Vec::new() };
        let told = known.resolved.iter().copied();
        told.filter(|fingerprint| self.alerts.get(*fingerprint).is_some()).collect()
    }

    /// Alerts that the log reports as firing, sent by any member a moment ago, and that are not in this flush: they came after
    /// its tick, or have not come yet. A later flush sends them.
    pub(in crate::core) fn later_alerts(
        &self,
        id: GroupId,
        key: &LogKey,
        known: &LogEntry,
    ) -> Vec<Fingerprint> {
        let Some(group) = self.groups.get(id) else { return Vec::new() };
        let Some(flush) = &group.flush else { return Vec::new() };
        let another = known.notified_by.iter().any(|it| it.0 != self.turns.flock.me);
        let told_lately = known.timestamp >= flush.tick.wall - NEWS_LATE;
        let heard_at = self.nflog.heard_at(key.id());
        let heard_lately = heard_at.is_some_and(|at| at + NEWS_LATE >= flush.tick.mono);
        if !another || !(told_lately || heard_lately) {
            return Vec::new();
        }
        let ours: BTreeSet<_> = flush.snapshot.iter().map(|it| it.fingerprint).collect();
        // One that this node has told as firing and that has left the group since has ended, and was muted then.
        let own = known.notified_by.first().is_some_and(|it| it.0 == self.turns.flock.me);
        let left =
            |it: &Fingerprint| own && self.alerts.get(*it).is_some() && !group.alerts.contains(it);
        known.firing.iter().filter(|it| !ours.contains(it) && !left(it)).copied().collect()
    }

    /// Whether time has ended an alert, and nothing has changed about it since it was looked at.
    fn has_lapsed(&self, flushed: &Flushed) -> bool {
        let alert = &flushed.alert;
        let current = self.alerts.get(flushed.fingerprint);
        flushed.resolved
            && alert.updated_at < alert.ends_at
            && current.is_none_or(|entry| entry.alert.updated_at == alert.updated_at)
    }

    /// Takes a log entry as it is. Entries that give way to it are changes, too. Returns whether there was room for it.
    pub(in crate::core) fn put_log(&mut self, now: Now, key: &LogKey, entry: LogEntry) -> bool {
        self.note_logged(key, entry.timestamp);
        let gone = self.nflog.put(key.clone(), entry);
        let stays = !gone.contains(key);
        self.stats.log_dropped += gone.len() as u64;
        self.changes.extend(gone.into_iter().map(Change::Log));
        self.arm_records(now);
        stays
    }
}

/// The senders of a group's notifications, as its log entry says.
pub(in crate::core) fn notified_by(entry: Option<&LogEntry>) -> Rc<[(u64, u64)]> {
    entry.map(|it| Rc::clone(&it.notified_by)).unwrap_or_default()
}

pub(in crate::core) fn log_key(
    group: GroupKey,
    receiver: &Receiver,
    integration: &Integration,
) -> LogKey {
    LogKey::new(group, Arc::clone(&receiver.name), integration.name().into(), integration.index)
}
