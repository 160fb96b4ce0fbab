//! The kinds of record, one file each: everything that differs from kind to kind. The bytes of their bodies are in
//! [`crate::wire::record`]; loops over records are in the other files of this room, and their versions in
//! [`crate::gossip`].

mod alert;
mod beat;
mod claim;
mod debt;
mod group;
mod identity;
mod log;
mod member;
mod past;
mod sign;
mod silence;

use std::fmt;
use std::time::Duration;

pub(in crate::node) use group::timer;
pub(in crate::node) use identity::identity;
pub(in crate::node) use member::{member, member_gone};
pub(in crate::node) use past::past;
pub(in crate::node) use sign::{sign, sign_gone};

use crate::core::deliver::turn::Claim;
use crate::core::restore::GroupTimers;
use crate::core::step::Step;
use crate::core::{Change, Core};
use crate::gossip::{self, Key, Stamp};
use crate::limits::RECORD_LIFE_MAX;
use crate::model::LogKey;
use crate::node::Node;
use crate::store::JournalRecord;
use crate::time::{Now, Wall};
use crate::wire::record::{Kind, Malformed, Stamped};

/// The outcome of [`Rules::read`]: what is to be put in force later, if anything.
pub(in crate::node) type Read = Result<Option<Box<dyn Restored>>, Malformed>;

/// The rules of a kind of record.
pub(in crate::node) trait Rules {
    /// How long from now on a record may mean something.
    fn life_max(&self) -> Duration {
        RECORD_LIFE_MAX
    }

    /// Whether the core holds everything in a body. If not, the whole body is held beside it.
    fn is_in_core(&self) -> bool {
        true
    }

    /// Every record of the kind that the core holds, as if it had just changed.
    fn changes(&self, _core: &Core) -> Vec<Change> {
        Vec::new()
    }

    /// Every record of the kind that is stored without a change of the core.
    fn records(&self, _node: &Node) -> Vec<JournalRecord> {
        Vec::new()
    }

    /// Whether the core holds the record of this key.
    fn is_held(&self, _core: &Core, _key: &[u8]) -> bool {
        false
    }

    /// The body of the record of this key, as the core holds it.
    fn body(&self, _core: &Core, _now: Now, _key: &[u8]) -> Option<Vec<u8>> {
        None
    }

    /// Notes that the flock is told of the record of this key, which expires at this time by our clock.
    fn note_published(&self, _core: &mut Core, _key: &[u8], _expires: Wall) {}

    /// When the record of this key should expire as the flock knows it, where it expires at `expires` as the core holds it.
    /// Nothing, if its life begins whenever it is written.
    fn known_end(&self, _core: &Core, _key: &[u8], expires: Wall) -> Option<Wall> {
        Some(expires)
    }

    /// A body that is held beside the core, with its times moved to another clock.
    fn stepped(&self, _body: &[u8], _step: Step) -> Option<Vec<u8>> {
        None
    }

    /// Takes a record of another member into the core; `known_expires_ms` is the end of the version that is known. An error
    /// has changed nothing. A kind that is not shared refuses each.
    fn merge(
        &self,
        _merging: &mut Merging<'_>,
        _now: Now,
        _record: &gossip::Record,
        _known_expires_ms: i64,
    ) -> Result<Merged, Refusal> {
        Err(Malformed("a record that is not shared".to_owned()).into())
    }

    /// Reads a record that flash has stored. Returns it if it is to be put in force with all others, once these are read;
    /// nothing if the node has it then, or does not need it after a restart.
    fn read(&self, _node: &mut Node, _key: &[u8], _body: &[u8]) -> Read {
        Ok(None)
    }
}

/// The rules of this kind.
pub(in crate::node) const fn rules(kind: Kind) -> &'static dyn Rules {
    match kind {
        Kind::Alert => &alert::AlertRules,
        Kind::Silence => &silence::SilenceRules,
        Kind::Log => &log::LogRules,
        Kind::Group => &group::GroupRules,
        Kind::Claim => &claim::ClaimRules,
        Kind::Identity => &identity::IdentityRules,
        Kind::Beat => &beat::BeatRules,
        Kind::Debt => &debt::DebtRules,
        Kind::Past => &past::PastRules,
        Kind::Member => &member::MemberRules,
        Kind::Sign => &sign::SignRules,
    }
}

/// How long from now on a record may mean something; of a kind that only a newer version knows too.
pub(in crate::node) fn life_max(kind: Option<Kind>) -> Duration {
    kind.map_or(RECORD_LIFE_MAX, |kind| rules(kind).life_max())
}

/// Everything that the core holds, as if it had just changed.
pub(in crate::node) fn everything(core: &Core) -> Vec<Change> {
    let kinds = [Kind::Silence, Kind::Log, Kind::Alert, Kind::Group, Kind::Debt];
    kinds.into_iter().flat_map(|kind| rules(kind).changes(core)).collect()
}

/// Everything that is stored without a change of the core.
pub(in crate::node) fn others(node: &Node) -> Vec<JournalRecord> {
    let kinds = [Kind::Identity, Kind::Past, Kind::Member, Kind::Sign];
    kinds.into_iter().flat_map(|kind| rules(kind).records(node)).collect()
}

/// The record that a change leads to.
pub(in crate::node) enum Act {
    /// The record is gone.
    Delete(Kind, Vec<u8>),
    /// There is a new version.
    Put(Draft),
}

/// A record before it has a version.
pub(in crate::node) struct Draft {
    pub(in crate::node) kind: Kind,
    pub(in crate::node) key: Vec<u8>,
    /// When it expires, by our clock.
    pub(in crate::node) expires: Wall,
    pub(in crate::node) body: Vec<u8>,
    /// Whether flash stores it.
    pub(in crate::node) stored: bool,
    /// Whether the flock is sent it.
    pub(in crate::node) published: bool,
}

/// The record that a change leads to; nothing if its object is gone without a trace.
pub(in crate::node) fn act(core: &Core, change: Change, now: Now) -> Option<Act> {
    Some(match change {
        Change::Alert { fingerprint, lease } => alert::act(core, now, fingerprint, lease),
        Change::AlertEnded { fingerprint, .. } => alert::act(core, now, fingerprint, false),
        Change::Beat { name, at, said, period } => beat::act(&name, at, &said, period),
        Change::Claim { key, lifetime, surrendered, given_up } => {
            claim::act(now, key, lifetime, surrendered, &given_up)
        }
        Change::Group { id, merged } => group::act(core, now, id, merged)?,
        Change::GroupGone { path, labels } => group::gone(&path, &labels),
        Change::Owed(key) => debt::act(core, now, &key),
        Change::Log(key) => log::act(core, now, &key),
        Change::Silence(id) => silence::act(core, id),
    })
}

/// The core, and what follows once the gossip has done its work.
pub(in crate::node) struct Merging<'a> {
    pub(in crate::node) core: &'a mut Core,
    /// Log entries that were taken, and the nodes that wrote them.
    pub(in crate::node) logs: Vec<(LogKey, u64)>,
    /// Log entries that were merged with others, and the node that is to publish the result.
    pub(in crate::node) joined: Vec<(Key, u64)>,
    /// Claims that were taken.
    pub(in crate::node) claims: Vec<(u128, Claim)>,
}

impl<'a> Merging<'a> {
    pub(in crate::node) const fn new(core: &'a mut Core) -> Self {
        Self { core, logs: Vec::new(), joined: Vec::new(), claims: Vec::new() }
    }
}

/// A record as it is held once it was taken.
pub(in crate::node) struct Merged {
    pub(in crate::node) stamp: Stamp,
    /// Its body, with all times of our clock.
    pub(in crate::node) body: Vec<u8>,
    /// Whether flash stores it.
    pub(in crate::node) stored: bool,
}

impl Merged {
    /// A record with its own version and end.
    fn of(record: &gossip::Record, body: Vec<u8>) -> Self {
        Self { stamp: record.stamp(), body, stored: true }
    }
}

/// A record was not taken. Nothing has changed.
pub(in crate::node) enum Refusal {
    /// This is full.
    Full(&'static str),
    /// Its bytes are malformed.
    Malformed(Malformed),
}

impl From<Malformed> for Refusal {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error)
    }
}

/// A record that was read from flash, and is not in force yet.
pub(in crate::node) trait Restored: fmt::Debug {
    /// When it was written, by the clock as it was then.
    fn written(&self) -> Wall;

    /// Whether that is a time that had passed when it was written.
    fn is_of_the_past(&self) -> bool {
        true
    }

    /// Moves its times to another clock.
    fn step(&mut self, step: Step);

    /// Puts it in force; the timers of groups are collected. Returns its body if the core does not hold that.
    fn restore(self: Box<Self>, core: &mut Core, now: Now, timers: &mut GroupTimers) -> Vec<u8>;
}

/// A record for flash.
pub(in crate::node) fn flash_record(
    kind: Kind,
    key: Vec<u8>,
    stamp: Stamp,
    body: Vec<u8>,
) -> JournalRecord {
    let stamped = Stamped {
        hlc: stamp.version.hlc,
        node: stamp.version.node,
        expires_at_ms: stamp.expires_at_ms,
        body,
    };
    JournalRecord::put(u16::from(kind.number()), key, stamped.encode())
}

/// A record of a kind that has no versions, for flash.
fn unversioned(kind: Kind, key: impl Into<Vec<u8>>, body: Vec<u8>) -> JournalRecord {
    flash_record(kind, key.into(), Stamp::default(), body)
}

/// The deletion of a record, for flash.
pub(in crate::node) fn flash_deletion(kind: Kind, key: impl Into<Vec<u8>>) -> JournalRecord {
    JournalRecord::delete(u16::from(kind.number()), key)
}

/// Refuses a record under another's key: it would hide that one, and nobody could ever find it to delete it.
fn demand_key(key: &[u8], own: [u8; 16]) -> Result<(), Malformed> {
    if key == own { Ok(()) } else { Err(Malformed("a record under another's key".to_owned())) }
}

/// The step from the clock of the sender of a record to ours.
fn step_from_sender(record: &gossip::Record, now: Now) -> Step {
    record.sent_at.map_or(Step::NONE, |at| Step::new(Wall::from_ns(at), now.wall))
}
