//! The requests of the brain to the shell.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::notify::{Draft, Place};
use crate::store::JournalRecord;
use crate::time::Now;

/// The context of every input to the brain: the time, randomness, and a list for the effects.
pub struct Cx<'a> {
    /// The time of the input.
    pub now: Now,
    /// Randomness: silence ids, jitter.
    pub rng: &'a mut dyn rand::Rng,
    /// The effects, in order.
    pub effects: &'a mut Vec<Effect>,
}

/// Something to be done by the shell.
#[derive(Debug)]
pub enum Effect {
    /// Try once to deliver a notification and report with `Node::handle_reply`.
    Attempt(Attempt),
    /// The reply of this attempt is no longer wanted: stop it if it still runs.
    Cancel(AttemptId),
    /// Connect to a receiver as an attempt would, say nothing, and report with `Node::handle_reply`: done, or why not.
    Look {
        /// Its name, none of an attempt's.
        id: AttemptId,
        /// Where to.
        place: Place,
    },
    /// Send a datagram to the flock's multicast groups, on every interface that is used.
    Multicast(Vec<u8>),
    /// Send a datagram to one address.
    Send {
        /// Where to.
        to: SocketAddr,
        /// The bytes.
        bytes: Vec<u8>,
        /// The peer there has answered of late: its link-layer address need not be asked for again.
        is_there: bool,
    },
    /// Give the journal the whole state to begin anew with, the most precious first: what `Node::handle_state_wanted` asked for.
    BeginAnew(Vec<JournalRecord>),
    /// Keep these records, as one group; what was answered before it is durable may be lost.
    Persist(Vec<JournalRecord>),
}

/// Names one attempt or look; never used twice by a running node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptId(pub u64);

/// One attempt to deliver a notification.
#[derive(Debug)]
pub struct Attempt {
    /// Its name.
    pub id: AttemptId,
    /// The request, and where it goes.
    pub draft: Rc<Draft>,
    /// When to give up.
    pub timeout: Duration,
}
