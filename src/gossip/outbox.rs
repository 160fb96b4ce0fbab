//! The outbox: messages are sealed and counted here, and wait for the shell.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::message::Message;
use super::output::Output;
use super::seal::Seal;
use super::stats::GossipStats;
use crate::limits::GOSSIP_OUTPUTS_MAX;

/// Outputs that wait to be taken, the seal of every datagram, and the counters.
pub(super) struct Outbox {
    pub(super) seal: Seal,
    pub(super) stats: GossipStats,
    outputs: VecDeque<Output>,
}

impl Outbox {
    pub(super) fn new(seal: Seal) -> Self {
        Self { seal, stats: GossipStats::default(), outputs: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.outputs.len()
    }

    pub(super) fn pop(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Queues an event. Members that come and go are never dropped: their number is bounded.
    pub(super) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Queues a message to an address; `is_there` if a member has answered from there. Returns the counter of its
    /// datagram, or nothing if it was dropped because too many wait.
    pub(super) fn send(
        &mut self,
        to: SocketAddr,
        is_there: bool,
        message: &Message,
    ) -> Option<u64> {
        let bytes = self.seal(message)?;
        self.push(Output::Send { to, bytes, is_there });
        Some(self.seal.counter())
    }

    /// How long a message may be whose datagram is no longer than one of so many bytes.
    pub(super) const fn room_within(&self, datagram_bytes: usize) -> usize {
        datagram_bytes.saturating_sub(self.seal.around())
    }

    /// Queues a message to all by multicast. Returns as [`Outbox::send`] does.
    pub(super) fn multicast(&mut self, message: &Message) -> Option<u64> {
        let bytes = self.seal(message)?;
        self.push(Output::Multicast { bytes });
        Some(self.seal.counter())
    }

    fn seal(&mut self, message: &Message) -> Option<Vec<u8>> {
        let full = self.outputs.len() >= GOSSIP_OUTPUTS_MAX;
        let Some(bytes) = (!full).then(|| self.seal.seal(&message.encode())).flatten() else {
            self.stats.overflowed += 1;
            return None;
        };
        self.stats.sent[message.kind()].add(bytes.len());
        Some(bytes)
    }
}
