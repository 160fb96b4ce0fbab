//! The things that all parts of the gossip work with. Each call of a part borrows them.

use super::cause::DropCause;
use super::config::Config;
use super::hlc::Hlc;
use super::message::{Digest, Head};
use super::outbox::Outbox;
use super::output::PublishError;
use super::record::{Merge, Record, Replica};
use super::versions::{Known, Put, RECENT_FOR, State, Versions};
use crate::limits::{RECORD_BYTES_MAX, RECORD_KEY_BYTES_MAX};
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

    /// Takes the version of a record that this node holds.
    pub(super) fn note(&mut self, now: Now, record: &Record) -> Result<(), PublishError> {
        if record.key.id.len() > RECORD_KEY_BYTES_MAX {
            return Err(PublishError::KeyTooLong(record.key.id.len()));
        }
        if record.body.len() > RECORD_BYTES_MAX {
            return Err(PublishError::BodyTooLong(record.body.len()));
        }
        // Our next version is greater, also than one that no other member has.
        self.clock.observe(now, record.version.hlc).ok();
        match self.versions.put(now.mono, record.key.hash(), Known::of(record, State::Held)) {
            Put::Full => {
                self.outbox.stats.index_full += 1;
                Err(PublishError::Full)
            }
            Put::Newer | Put::Stale => Ok(()),
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
        let mut known = Known::of(&record, State::Held);
        let merge = replica.merge(now, record);
        if matches!(merge, Merge::Refused(_)) {
            known.state = State::Refused(now.mono);
        }
        self.versions.put(now.mono, known.key.hash(), known);
        merge
    }

    /// The record as the tables have it. A record that the tables no longer have is forgotten.
    pub(super) fn fetch(&mut self, now: Now, hash: u64, replica: &dyn Replica) -> Option<Record> {
        let wall_ms = self.clock.wall_ms(now);
        let known = self.versions.get(hash)?;
        if known.is_refused() || known.expires_at_ms <= wall_ms {
            return None;
        }
        let fetched = replica.fetch(&known.key).filter(|record| record.version >= known.version);
        if fetched.is_none() {
            self.versions.remove(hash);
        }
        fetched
    }
}
