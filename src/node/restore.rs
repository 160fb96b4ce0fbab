//! Records that were kept become the node's state again.

use crate::core::clock::{Shown, Step};
use crate::core::restore::GroupTimers;
use crate::effect::{Cx, Effect};
use crate::faults::{self, Fault};
use crate::gossip::Version;
use crate::model::{Alert, LogEntry, LogKey, Silence};
use crate::node::Node;
use crate::node::carried;
use crate::node::stamps::{Stamp, beyond};
use crate::time::{Now, Wall};
use crate::wire::record::{self, GroupTimer, Kind, Malformed, Stamped};
use crate::wire::rest::rest;

/// A record that was kept.
#[derive(Debug)]
pub(super) struct Saved {
    kind: Kind,
    key: Vec<u8>,
    version: Version,
    expires_at_ms: i64,
    noun: Noun,
    /// What of its body only a newer version knows.
    rest: Option<Vec<u8>>,
}

#[derive(Debug)]
enum Noun {
    Alert(Alert),
    Group(GroupTimer),
    Log(LogKey, LogEntry),
    Silence(Silence),
}

impl Noun {
    /// When it was written, by the clock as it was then.
    const fn written(&self) -> Wall {
        match self {
            Self::Alert(alert) => alert.updated_at,
            Self::Group(timer) => timer.first,
            Self::Log(_, entry) => entry.timestamp,
            Self::Silence(silence) => silence.updated_at,
        }
    }

    /// Whether it was written because it had ended.
    fn has_ended(&self) -> bool {
        match self {
            Self::Alert(alert) => alert.ends_at <= alert.updated_at,
            Self::Silence(silence) => silence.ends_at <= silence.updated_at,
            Self::Group(_) | Self::Log(..) => false,
        }
    }
}

impl Node {
    /// Takes back one record that was kept; [`Node::handle_restored`] then puts all of them in force. Both may come again
    /// when flash could not be read at first. An error says why this one was left out.
    pub fn handle_record(&mut self, kind: u16, key: &[u8], body: &[u8]) -> Result<(), Malformed> {
        let Some(kind) = Kind::from_number(kind) else {
            self.carry(kind, key, body);
            return Ok(());
        };
        let stamped = Stamped::decode(body)?;
        self.last_hlc = self.last_hlc.max(stamped.hlc);
        let noun = match kind {
            Kind::Alert => {
                record::fingerprint_of(key)?;
                Noun::Alert(record::decode_alert(&stamped.body, self.core.pool())?)
            }
            Kind::Silence => {
                Noun::Silence(record::decode_silence(record::silence_id_of(key)?, &stamped.body)?)
            }
            Kind::Log if faults::on(Fault::LogNotRestored) => return Ok(()),
            Kind::Log => {
                let (key, entry) = record::decode_log(&stamped.body)?;
                Noun::Log(key, entry)
            }
            Kind::Group => Noun::Group(record::decode_group(&stamped.body)?),
            Kind::Identity => {
                let (id, met) = record::decode_identity(&stamped.body)?;
                if self.identity.is_none() {
                    (self.identity, self.met) = (Some(id), met);
                }
                return Ok(());
            }
            // Whoever claimed anything has long sent it or given it up.
            Kind::Claim => return Ok(()),
        };
        if faults::on(Fault::EndedNotRestored) && noun.has_ended() {
            return Ok(());
        }
        self.restoring.push(Saved {
            kind,
            key: key.to_vec(),
            version: Version { hlc: stamped.hlc, node: stamped.node },
            expires_at_ms: stamped.expires_at_ms,
            noun,
            rest: rest(kind, &stamped.body).map(Into::into),
        });
        Ok(())
    }

    /// Takes back a record of a kind that only a newer version knows. One that is of no flock stays on flash, unread.
    fn carry(&mut self, kind: u16, key: &[u8], body: &[u8]) {
        if let Some(record) = carried::kept(kind, key, body).filter(|_| self.is_member()) {
            self.last_hlc = self.last_hlc.max(record.version.hlc);
            self.carried.take(&record);
        }
    }

    /// Says that every record that was kept has been taken back: the flock is joined, groups and timers start.
    pub fn handle_restored(&mut self, cx: &mut Cx<'_>) {
        let kept = std::mem::take(&mut self.restoring);
        let mut shown = Shown::default();
        for it in kept.iter().filter(|it| it.kind != Kind::Group) {
            shown.see(it.noun.written());
        }
        let mut timers = GroupTimers::new();
        let mut stepped = false;
        for mut it in kept {
            // What came while flash could not be read is newer.
            if self.holds_newer(it.kind, &it.key, it.version) {
                continue;
            }
            let step = shown.step(it.noun.written(), cx.now.wall);
            stepped |= step != Step::NONE;
            match &mut it.noun {
                Noun::Alert(alert) => step.alert(alert),
                Noun::Group(timer) => timer.first = step.time(timer.first),
                Noun::Log(_, entry) => step.entry(entry),
                Noun::Silence(silence) => step.silence(silence),
            }
            self.take_back(cx.now, it, &mut timers);
        }
        // What is found late.
        if self.gossip.is_some() {
            self.note_all(cx.now);
        }
        self.join(cx);
        self.core.restore_groups(cx.now, timers, stepped);
        if stepped {
            cx.effects.push(Effect::Persist(self.records(cx.now)));
        }
        self.date(cx);
        self.spread(cx);
    }

    fn take_back(&mut self, now: Now, kept: Saved, timers: &mut GroupTimers) {
        let Saved { kind, key, version, expires_at_ms, noun, rest } = kept;
        let mut stamp = Stamp { version, expires_at_ms, ..Stamp::default() };
        stamp.beyond = beyond(kind, &[], rest.as_deref());
        match noun {
            Noun::Alert(alert) => {
                let Ok(fingerprint) = record::fingerprint_of(&key) else { return };
                stamp.shared_end = alert.ends_at;
                self.core.restore_alert(now, fingerprint, alert);
            }
            Noun::Group(timer) => {
                stamp.beyond = beyond(kind, &record::encode_group(&timer), rest.as_deref());
                timers.insert((timer.path.into(), timer.labels), timer.first);
            }
            Noun::Log(key, entry) => self.core.restore_log(now, &key, entry),
            Noun::Silence(silence) => self.core.restore_silence(now, silence),
        }
        if self.is_member() {
            self.stamps.put(kind, &key, stamp);
        }
    }

    /// Whether what is held is newer than what was kept.
    fn holds_newer(&self, kind: Kind, key: &[u8], version: Version) -> bool {
        if self.is_member() {
            return self.stamps.get(kind, key).is_some_and(|known| known.version >= version);
        }
        match kind {
            Kind::Alert => record::fingerprint_of(key)
                .is_ok_and(|fingerprint| self.core.alerts().get(fingerprint).is_some()),
            Kind::Silence => {
                record::silence_id_of(key).is_ok_and(|id| self.core.silences().get(id).is_some())
            }
            Kind::Log => key
                .try_into()
                .is_ok_and(|id| self.core.nflog().find(u128::from_be_bytes(id)).is_some()),
            // These are of before anything else.
            Kind::Claim | Kind::Group | Kind::Identity => false,
        }
    }
}
