//! A list while it is written, in pieces.

use crate::limits::PIECE_STEPS;

/// Steps to look at one alert.
pub(super) const ALERT_STEPS: u64 = 500;

/// Where a piece of a list is written, and what it took so far.
pub(super) struct Pages<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// Bytes that the whole list may have.
    pub(super) room: usize,
    /// Steps of this piece.
    pub(super) steps: u64,
}

impl Pages<'_> {
    /// Appends an item.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.out.len();
        self.out.push(if before == 0 { b'[' } else { b',' });
        write(self.out);
        self.steps += (self.out.len() - before) as u64;
    }

    /// Appends to the last item.
    pub(super) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.out.len();
        write(self.out);
        self.steps += (self.out.len() - before) as u64;
    }

    /// Whether this piece has taken enough, or the list has become too large.
    pub(super) fn is_over(&self) -> bool {
        self.steps >= PIECE_STEPS || self.out.len() > self.room
    }
}
