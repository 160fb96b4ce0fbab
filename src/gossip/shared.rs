//! The things that all parts of the gossip work with. Each call of a part borrows them.

use super::cause::DropCause;
use super::config::Config;
use super::hlc::Hlc;
use super::message::{Digest, Head};
use super::outbox::Outbox;
use super::output::PublishError;
use super::record::{Key, Merge, Record, Replica, Stamp, Version};
use super::versions::{Known, Put, RECENT_FOR, State, Versions};
use crate::limits::{CLOCK_AHEAD_MS_MAX, RECORD_BYTES_MAX, RECORD_KEY_BYTES_MAX};
use crate::time::Now;

/// The settings, the clock, the versions of all records, and the outbox.
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) clock: Hlc,
    pub(super) versions: Versions,
    pub(super) outbox: Outbox,
}

impl Shared {
    /// All that we know, in one number, as of our clock.
    pub(super) fn digest(&self, now: Now) -> Digest {
        let at = self.clock.wall_ms(now);
        let (root, count) = self.versions.root(at);
        let recent = self.versions.recent(now.mono, RECENT_FOR, at);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Digest { at, synced: self.clock.knows_time(), root, count, recent }
    }

    /// Takes the version of a record that this node holds. An error says why the flock is not told of it.
    pub(super) fn note(
        &mut self,
        now: Now,
        hash: u64,
        record: &Record,
    ) -> Result<(), PublishError> {
        let (key, stamp) = (record.key.clone(), record.stamp());
        let why = if key.id.len() > RECORD_KEY_BYTES_MAX {
            PublishError::KeyTooLong(key.id.len())
        } else if record.body.len() > RECORD_BYTES_MAX {
            PublishError::BodyTooLong(record.body.len())
        } else {
            return self.hold(now, hash, key, stamp);
        };
        self.versions.set_aside(hash, key, stamp);
        Err(why)
    }

    fn hold(&mut self, now: Now, hash: u64, key: Key, stamp: Stamp) -> Result<(), PublishError> {
        // Our next version is greater, also than one that no other member has.
        self.clock.observe(now, stamp.version.hlc).ok();
        match self.versions.hold(now.mono, hash, key, stamp) {
            Put::Full => {
                self.versions.aside.note_full(now.mono);
                self.outbox.stats.index_full += 1;
                Err(PublishError::Full)
            }
            Put::Newer | Put::Stale => Ok(()),
        }
    }

    /// Offers the index so many of the records for which it had no room, if it is time to.
    pub(super) fn offer_aside(&mut self, now: Now, count: usize) {
        let ended = self.clock.wall_ms(now).saturating_sub(CLOCK_AHEAD_MS_MAX);
        for (key, stamp) in self.versions.aside.take_offered(now.mono, count) {
            let is_over = stamp.version == Version::UNPUBLISHED || stamp.expires_at_ms <= ended;
            if !is_over && self.hold(now, key.hash(), key, stamp).is_err() {
                break;
            }
        }
    }

    /// Whether a record of another member may be offered to the tables: the error says why not.
    pub(super) fn admit(
        &mut self,
        now: Now,
        head: Head,
        record: &Record,
    ) -> Result<(), &'static str> {
        if record.key.id.len() > RECORD_KEY_BYTES_MAX || record.body.len() > RECORD_BYTES_MAX {
            return Err("too long");
        }
        if record.expires_at_ms <= self.clock.wall_ms(now) {
            return Err("expired");
        }
        if self.versions.get(head.hash).is_none() && self.versions.is_full() {
            self.versions.overflow(now.mono);
            return Err("the index is full");
        }
        if self.clock.observe(now, record.version.hlc).is_err() {
            self.outbox.stats.drop(DropCause::TooFarAhead);
            return Err("its clock is too far ahead");
        }
        Ok(())
    }

    /// Offers a record to the tables, and knows its version from then on, also if they refuse it.
    pub(super) fn offer(&mut self, now: Now, record: Record, replica: &mut dyn Replica) -> Merge {
        let (key, stamp) = (record.key.clone(), record.stamp());
        let (hash, held) = (key.hash(), self.versions.held(&key));
        let merge = replica.merge(now, record, held);
        match (merge, held) {
            (Merge::Changed(stamp), _) => {
                self.hold(now, hash, key, stamp).ok();
            }
            (Merge::Same, Some(held)) if held.version >= stamp.version => {
                self.hold(now, hash, key, held.max(stamp)).ok();
            }
            (Merge::Same, _) => {
                self.versions.put(now.mono, hash, Known { key, stamp, state: State::Gone });
            }
            (Merge::Refused(_), _) => {
                let state = State::Refused(now.mono);
                self.versions.put(now.mono, hash, Known { key, stamp, state });
            }
        }
        merge
    }

    /// The record as the tables have it. A record that the tables no longer have is forgotten.
    pub(super) fn fetch(&mut self, now: Now, hash: u64, replica: &dyn Replica) -> Option<Record> {
        let wall_ms = self.clock.wall_ms(now);
        let Known { key, stamp, state } = self.versions.get(hash)?;
        let Stamp { version, expires_at_ms } = *stamp;
        if matches!(state, State::Refused(_)) || expires_at_ms <= wall_ms {
            return None;
        }
        let is_held = *state == State::Held;
        let Some((body, sent_at)) = is_held.then(|| replica.fetch(key)).flatten() else {
            self.versions.remove(hash);
            return None;
        };
        Some(Record { key: key.clone(), version, expires_at_ms, body, sent_at })
    }
}
