//! Records of other members of the flock: they are taken as they are. The caller has seen to it that they are the newest.

use std::rc::Rc;
use std::sync::Arc;

use crate::core::deliver::logging::log_key;
use crate::core::heartbeat::is_fault;
use crate::core::intake::Sender;
use crate::core::nflog::Logged;
use crate::core::restore::{Phase, until_flush};
use crate::core::route::RouteId;
use crate::core::timers::Timer;
use crate::core::{Change, Core};
use crate::limits::{ALERT_BYTES_MAX, GROUPS_MAX};
use crate::model::{Alert, Fingerprint, GroupKey, Labels, LogEntry, LogKey, Pool, Silence};
use crate::time::{Now, Wall};

impl Core {
    /// Takes an alert. Returns whether there was room for it.
    pub fn merge_alert(&mut self, now: Now, fingerprint: Fingerprint, alert: Alert) -> bool {
        let bytes = alert.bytes();
        if bytes > ALERT_BYTES_MAX
            || !self.alerts.has_room_for(fingerprint, 0)
            || !self.alerts.has_bytes_for(fingerprint, bytes, alert.pairs())
        {
            return false;
        }
        let fired = self.alerts.fires(fingerprint, now.wall);
        let fires = !alert.resolved(now.wall);
        let tells_of_us = is_fault(&alert.labels);
        self.travels.end(fingerprint);
        let new = self.alerts.replace(fingerprint, alert, now.wall);
        let admitted = self.admit(now, (fingerprint, Sender::Member), new, 0, &mut 0);
        if !new {
            self.keep_debts(now, fingerprint);
        }
        if fired != fires {
            self.note_turned(fingerprint);
            if tells_of_us {
                self.hasten_heartbeats(now.mono);
            }
        }
        // A known one has changed, whether or not its groups can be made again.
        admitted || !new
    }

    /// Notes the end of an alert that the flock knows.
    pub fn note_known_end(&mut self, fingerprint: Fingerprint, end: Wall) {
        if let Some(entry) = self.alerts.get_mut(fingerprint) {
            entry.known_end = end;
        }
    }

    /// Takes a silence. Returns whether there was room for it.
    pub fn merge_silence(&mut self, now: Now, silence: Silence) -> bool {
        self.arm_records(now);
        let id = silence.id;
        if silence.ends_when_resolved() {
            // A datagram may bring many: each is compared with all alerts later, at its turn.
            self.arm_acknowledgements(now);
        }
        let taken = self.silences.replace(silence);
        if taken {
            self.tell_silence(id);
        }
        taken
    }

    /// Takes a log entry, merged with the one that is held; [`Core::handle_peer_log`] then looks at the delivery that it may end.
    pub fn merge_log(&mut self, now: Now, key: &LogKey, entry: LogEntry) -> Logged {
        let (logged, entry) = self.nflog.merged(now.wall, key, entry);
        self.read_ledger(now, key, &entry);
        let (firing, told) = (Rc::clone(&entry.firing), entry.clone());
        let known = self.nflog.get(key, now.wall).map(|ours| Rc::clone(&ours.resolved));
        if !self.put_log(now, key, entry) {
            return Logged::Full;
        }
        self.nflog.note_heard(key.id(), now.mono);
        self.end_restored(now, known.as_deref().unwrap_or_default(), &told);
        // Of what it says that fires, an end that is known has still to be told.
        for fingerprint in firing.iter().copied() {
            if !self.alerts.fires(fingerprint, now.wall) {
                self.rejoin_groups(now, (fingerprint, Sender::Client), 0);
            }
        }
        logged
    }

    /// Ends alerts that flash has restored as firing and that the log reports as resolved: the flock may have forgotten that end.
    /// One that our log has `known` before is carried along, and says nothing of an alert that has fired anew. Nor does one of a
    /// notification that may have been made before: it waits for its turn for an interval of its group at most.
    fn end_restored(&mut self, now: Now, known: &[Fingerprint], told: &LogEntry) {
        let ended = told.resolved.iter().filter(|it| {
            told.firing.binary_search(it).is_err() && known.binary_search(it).is_err()
        });
        let ended: Vec<Fingerprint> = ended.copied().filter(|it| self.is_restored(*it)).collect();
        if ended.is_empty() {
            return;
        }
        let at = told.timestamp.min(now.wall);
        let made = at - self.routes.group_interval_max();
        for fingerprint in ended {
            let Some(entry) = self.alerts.get(fingerprint) else { continue };
            if entry.is_restored && entry.kept_at < made && !entry.alert.resolved(now.wall) {
                let alert = Alert { ends_at: at, updated_at: at, ..(*entry.alert).clone() };
                self.merge_alert(now, fingerprint, alert);
                self.changes.push(Change::AlertEnded { fingerprint, told: false });
            }
        }
    }

    fn is_restored(&self, fingerprint: Fingerprint) -> bool {
        self.alerts.get(fingerprint).is_some_and(|it| it.is_restored)
    }

    /// Whether an alert of these routes that another member tells of has anything to tell to receivers: it fires, some log says
    /// that it does, or its end is owed. An end that was sent is not sent again.
    pub(super) fn is_news(&self, now: Now, fingerprint: Fingerprint, routes: &[RouteId]) -> bool {
        let Some(entry) = self.alerts.get(fingerprint) else { return false };
        if !entry.alert.resolved(now.wall) {
            return true;
        }
        let labels = &entry.alert.labels;
        routes.iter().any(|id| {
            let route = self.routes.get(*id);
            let group = GroupKey::new(&route.key, &route.group_labels(labels));
            route.receiver.integrations.iter().any(|integration| {
                let key = log_key(group.clone(), &route.receiver, integration);
                let logged = self.nflog.get(&key, now.wall);
                logged.is_some_and(|it| it.firing.binary_search(&fingerprint).is_ok())
                    || self.owes_end(&key, fingerprint, now.wall)
            })
        })
    }

    /// Takes the time of a group's first flush, so that all members flush it at about the same time.
    pub fn merge_group(&mut self, now: Now, path: &str, labels: &Labels, first: Wall) {
        let Some(route_id) = self.routes.find(path) else { return };
        let Some(id) = self.groups.find(route_id, labels) else {
            if self.first_flushes.len() < GROUPS_MAX {
                self.first_flushes.insert((path.into(), labels.clone()), first);
                self.arm_records(now);
            }
            return;
        };
        let route = self.routes.get(route_id);
        let Some(group) = self.groups.get_mut(id) else { return };
        group.first_flush = first;
        group.next_flush = None;
        let wait = match until_flush(first, route.group_interval, now.wall) {
            Phase::Waiting(wait) => wait.min(route.group_wait),
            Phase::Flushing(_) if !group.flushed => std::time::Duration::ZERO,
            Phase::Flushing(wait) => wait,
        };
        self.timers.set(Timer::Flush(id), now.mono + wait);
    }

    /// The strings that all alerts share.
    pub const fn pool(&mut self) -> &mut Pool {
        self.alerts.pool()
    }

    /// The first flush that another member has told of a group that this one has not made yet.
    pub(super) fn take_first_flush(&mut self, path: &Arc<str>, labels: &Labels) -> Option<Wall> {
        self.first_flushes.remove(&(Arc::clone(path), labels.clone()))
    }
}
