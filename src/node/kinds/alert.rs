//! Alerts: stored and replicated. A lease that goes on is replicated only.

use super::{Act, Draft, Merged, Merging, Read, Refusal, Restored, Rules, step_from_sender};
use crate::core::restore::GroupTimers;
use crate::core::step::Step;
use crate::core::{Change, Core};
use crate::gossip;
use crate::model::{Alert, Fingerprint};
use crate::node::Node;
use crate::time::{Now, Wall};
use crate::wire::record::{self, Kind, Malformed};

pub(super) struct AlertRules;

impl Rules for AlertRules {
    fn changes(&self, core: &Core) -> Vec<Change> {
        let change = |fingerprint| Change::Alert { fingerprint, lease: false };
        core.alerts().iter().map(|(fingerprint, _)| change(fingerprint)).collect()
    }

    fn is_held(&self, core: &Core, key: &[u8]) -> bool {
        record::fingerprint_of(key).is_ok_and(|it| core.alerts().get(it).is_some())
    }

    fn body(&self, core: &Core, now: Now, key: &[u8]) -> Option<Vec<u8>> {
        let entry = core.alerts().get(record::fingerprint_of(key).ok()?)?;
        Some(record::encode_alert(&as_sent(&entry.alert, now.wall)))
    }

    fn note_published(&self, core: &mut Core, key: &[u8], expires: Wall) {
        let ends_at = expires - core.options().alerts_gc_interval;
        if let Ok(fingerprint) = record::fingerprint_of(key) {
            core.note_known_end(fingerprint, ends_at);
        }
    }

    /// The flock may know less of a lease than the core.
    fn known_end(&self, core: &Core, key: &[u8], _expires: Wall) -> Option<Wall> {
        let entry = core.alerts().get(record::fingerprint_of(key).ok()?)?;
        Some(entry.known_end + core.options().alerts_gc_interval)
    }

    fn merge(
        &self,
        merging: &mut Merging<'_>,
        now: Now,
        record: &gossip::Record,
        _known_expires_ms: i64,
    ) -> Result<Merged, Refusal> {
        let fingerprint = record::fingerprint_of(&record.key.id)?;
        let mut alert = record::decode_alert(&record.body, merging.core.pool())?;
        if alert.labels.fingerprint() != fingerprint {
            return Err(Malformed("an alert under another's key".to_owned()).into());
        }
        step_from_sender(record, now).alert(&mut alert);
        let (body, ends_at) = (record::encode_alert(&alert), alert.ends_at);
        // A lease that goes on is not worth a write.
        let stored = merging.core.alerts().get(fingerprint).is_none_or(|known| {
            known.alert.starts_at != alert.starts_at
                || known.alert.annotations != alert.annotations
                || known.alert.resolved(now.wall) != alert.resolved(now.wall)
        });
        if !merging.core.merge_alert(now, fingerprint, alert) {
            return Err(Refusal::Full("the table of alerts is full"));
        }
        merging.core.note_known_end(fingerprint, ends_at);
        Ok(Merged { stored, ..Merged::of(record, body) })
    }

    fn read(&self, node: &mut Node, key: &[u8], body: &[u8]) -> Read {
        let fingerprint = record::fingerprint_of(key)?;
        Ok(Some(Box::new(StoredAlert(fingerprint, record::decode_alert(body, node.core.pool())?))))
    }
}

/// The record of an alert that has changed; `lease` if only its end has moved.
pub(super) fn act(core: &Core, now: Now, fingerprint: Fingerprint, lease: bool) -> Act {
    let key = record::alert_key(fingerprint).to_vec();
    let Some(entry) = core.alerts().get(fingerprint) else {
        return Act::Delete(Kind::Alert, key);
    };
    let alert = as_sent(&entry.alert, now.wall);
    Act::Put(Draft {
        kind: Kind::Alert,
        key,
        expires: alert.ends_at + core.options().alerts_gc_interval,
        body: record::encode_alert(&alert),
        stored: !lease,
        published: true,
    })
}

/// An alert as flash and flock get it.
fn as_sent(alert: &Alert, now: Wall) -> Alert {
    let mut alert = alert.clone();
    if alert.resolved(now) {
        // It has ended, also when no report said so: it gets no lease when it comes back.
        alert.updated_at = alert.updated_at.max(alert.ends_at);
    }
    alert
}

#[derive(Debug)]
struct StoredAlert(Fingerprint, Alert);

impl Restored for StoredAlert {
    fn written(&self) -> Wall {
        self.1.updated_at
    }

    fn step(&mut self, step: Step) {
        step.alert(&mut self.1);
    }

    fn restore(self: Box<Self>, core: &mut Core, now: Now, _timers: &mut GroupTimers) -> Vec<u8> {
        let Self(fingerprint, alert) = *self;
        core.restore_alert(now, fingerprint, alert);
        Vec::new()
    }
}
