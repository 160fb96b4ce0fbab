//! Steps of the wall clock, and a flock whose time differs from ours.

use crate::effect::Cx;
use crate::gossip::{Stamp, Version};
use crate::limits::{CLOCK_AHEAD_MS_MAX, RECORD_LIFE_MAX};
use crate::node::Node;
use crate::node::extras::Extra;
use crate::node::keep::whole;
use crate::node::kinds::{Draft, flash_record, rules};
use crate::store::JournalRecord;
use crate::time::{Now, SET_SINCE, Wall};
use crate::wire::record::Kind;

/// 2020-01-01: a record with a version of before was written in 1970, and gets one of this year.
pub const DATED: Wall = Wall::from_secs(1_577_836_800);

impl Node {
    /// Checks whether a clock has stepped since the last input: all times are moved along, and stored again. Every input does
    /// so; to be called before a getter whose answer depends on the time.
    pub fn handle_clock(&mut self, cx: &mut Cx<'_>) {
        let step = self.core.handle_clock(cx.now);
        if let Some(step) = step {
            self.extras.step(step);
            self.past.step(step);
            self.around.members.step(step);
            self.note_step(cx.now, step);
        }
        let flock = Now { mono: cx.now.mono, wall: self.flock_wall(cx.now) };
        if self.flock_watch.look(flock).is_some() || step.is_some() {
            self.rewrite(cx, step.is_some());
            if let Some(gossip) = &mut self.gossip {
                gossip.share_again();
            }
        }
    }

    /// Whether the time is known by which records of a wrong clock can be dated.
    pub(super) fn can_date(&self, now: Now) -> bool {
        self.is_member() && self.flock_wall(now) >= SET_SINCE
    }

    /// Publishes a record again that was written by a wrong clock, once the time is known: for all others it would have
    /// expired long ago, or will too early. A version of 1970 is replaced, by every member with the same one, which is older
    /// than all that was written by a clock that was set; any other version stays. Returns the record for flash, if it was one.
    pub(super) fn date(&mut self, cx: &mut Cx<'_>, draft: &Draft) -> Option<JournalRecord> {
        if !self.can_date(cx.now) {
            return None;
        }
        let Draft { kind, key, expires, body, .. } = draft;
        let (kind, expires) = (*kind, *expires);
        let known = self.held(kind, key).filter(|it| it.version != Version::UNPUBLISHED)?;
        let version = dated(known.version);
        if version == known.version && !self.expires_early(cx.now, kind, key, known, expires) {
            return None;
        }
        let newer = self.extras.get(kind, key).and_then(|extra| extra.newer(kind));
        let extra = Extra::of(kind, body, newer);
        let body = whole(kind, body.clone(), newer);
        let stamp = Stamp { version, expires_at_ms: self.end_of(cx.now, kind, key, expires) };
        self.publish(cx, kind, key, expires, stamp, &body);
        self.extras.put(kind, key, extra);
        Some(flash_record(kind, key.clone(), stamp, body))
    }

    /// Whether the flock expects a record, which expires at a time by our clock, to expire earlier.
    pub(super) fn expires_early(
        &self,
        now: Now,
        kind: Kind,
        key: &[u8],
        known: Stamp,
        expires: Wall,
    ) -> bool {
        let expires = rules(kind).known_end(&self.core, key, expires);
        let Some(expires) = expires else { return known.expires_at_ms < SET_SINCE.as_ms() };
        // A record that ends in a far future is published again once half of its life has passed.
        let far = self.flock_wall(now) + RECORD_LIFE_MAX / 2;
        let expires = self.flock_time(now, expires).min(far);
        expires.as_ms() - known.expires_at_ms > CLOCK_AHEAD_MS_MAX
    }
}

/// The version that replaces one of a clock that was not set and began in 1970. A clock of another wrong time has versions
/// of its own, which stay: they are older than those of the right time all the same.
pub(super) fn dated(version: Version) -> Version {
    let hlc = version.hlc.saturating_add(Version::at(DATED.as_ms()).hlc);
    if hlc < Version::at(SET_SINCE.as_ms()).hlc { Version { hlc, ..version } } else { version }
}
