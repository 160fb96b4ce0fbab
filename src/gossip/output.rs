//! The outputs of [`super::Gossip`], and the way on which a datagram came in.

use std::fmt;
use std::net::SocketAddr;

use super::unheard::Unheard;
use crate::limits::{RECORD_BYTES_MAX, RECORD_KEY_BYTES_MAX};

/// How a datagram came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// By multicast, on the interface of this index.
    Multicast(u32),
    /// To our own address.
    Unicast,
}

/// The arrival of a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    /// Where it says that it came from: a sender can make that up.
    pub(super) from: SocketAddr,
    pub(super) via: Via,
    /// How many it had: no more are sent to `from` before it has proved that it receives.
    pub(super) bytes: usize,
}

/// An effect of the gossip, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A member has not answered for some time.
    MemberDown(u64),
    /// A member said goodbye.
    MemberLeft(u64),
    /// A member is up.
    MemberUp(u64),
    /// Send to the multicast groups, on every interface.
    Multicast {
        /// At most [`crate::limits::DATAGRAM_BYTES_MAX`].
        bytes: Vec<u8>,
    },
    /// Send to one address.
    Send {
        /// Where a member was last heard, or may be.
        to: SocketAddr,
        /// At most [`crate::limits::DATAGRAM_BYTES_MAX`].
        bytes: Vec<u8>,
        /// The member answered recently from there: skip ARP.
        is_there: bool,
    },
    /// A datagram was dropped because its sender has another key or another label.
    Unheard(Unheard),
}

/// A record cannot be replicated. This node holds it all the same, and nothing else has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// The body has more bytes than any member takes.
    BodyTooLong(usize),
    /// The table of versions is full: the record would be sent once and never repaired.
    Full,
    /// The key has more bytes than any member takes.
    KeyTooLong(usize),
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BodyTooLong(bytes) => {
                write!(
                    f,
                    "a record of {bytes} bytes cannot be shared: the most is {RECORD_BYTES_MAX}"
                )
            }
            Self::Full => f.write_str("the flock's index is full: let some records expire"),
            Self::KeyTooLong(bytes) => {
                write!(
                    f,
                    "a key of {bytes} bytes cannot be shared: the most is {RECORD_KEY_BYTES_MAX}"
                )
            }
        }
    }
}

impl std::error::Error for PublishError {}
