//! The journal: a log of keyed records on flash that survives a power cut at any write. It has no idea what a silence
//! is: the newest body of each (kind, key) is the state, and it keeps that.
//!
//! - Three segments, preallocated and zero-filled, overwritten in turn. The newest whole one is the state; the one
//!   before it stays until the one after it is durable, so two generations are always on flash.
//! - A commit is one group of records on fresh pages and one `fdatasync`. It is whole or it is not there.
//! - When a segment is full, or a write or sync on it failed, the live records are copied to the next one, synced, and
//!   only then its header is written and synced: that is the switch. A segment that failed is never written or synced again.
//! - Where there is little room segments are smaller, so that there is room for the next; if there is none even for the
//!   smallest that would do, nothing is touched and [`Fault::NoRoom`] says what is missing.
//! - If that fails too the journal keeps the fault and refuses commits, without touching the medium, until
//!   [`Journal::rewrite`] brings it the whole state. The agent goes on from memory.
//! - Replay leaves out what is damaged, says so, and keeps all else, also what follows the damage; a damaged base is
//!   taken from the generation before.
//!
//! The journal is synchronous and may take as long as the flash does: it runs on the blocking pool, with one owner, which
//! does as [`keeper`] says. [`record`] has the bytes, [`medium`] the requests to the file system.

mod base;
mod budget;
mod index;
mod journal;
pub mod keeper;
pub mod medium;
pub mod record;
mod replay;
mod segment;
mod size;
mod survey;
mod wear;
mod work;

pub use budget::{Budget, Urgency};
pub use journal::{Committed, Journal, JournalOptions};
pub use keeper::{Keeper, KeeperStep, Keeping, Kept, MissingRoom, Opening, Ticket};
pub use medium::{Fault, Medium};
pub use record::{JournalRecord, Op};
pub use replay::{Deliver, Replay, read};
pub use segment::{Cut, Damage, Slot};
pub use survey::{KindCount, SegmentSurvey, Survey, survey};
pub use wear::{Wear, card_days};
pub use work::{Left, Work, Written};
