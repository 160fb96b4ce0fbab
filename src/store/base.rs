//! Writing the base of a new segment: the live records of the one before, and what comes on top of them.

use super::index::FrameIndex;
use super::medium::{Disk, Fault, Medium};
use super::record::{Frame, GROUP_HEADER_BYTES, GROUPS_AT, GroupBuffer, JournalRecord, PAGE_BYTES};
use super::segment::{Place, Source};
use crate::limits::STORE_COPY_BYTES;

/// Copies frames into the groups of a new base, through one buffer.
pub(super) struct BaseWriter<'a, M> {
    disk: &'a Disk<M>,
    to: Source,
    group: GroupBuffer,
    offset: u32,
    groups: u32,
    index: FrameIndex,
    failed: Option<Fault>,
}

impl<'a, M: Medium> BaseWriter<'a, M> {
    pub(super) fn new(disk: &'a Disk<M>, to: Source, index: FrameIndex) -> Self {
        let group = GroupBuffer::new(to.header, 0);
        Self { disk, to, group, offset: GROUPS_AT, groups: 0, index, failed: None }
    }

    /// Copies a frame that was read.
    pub(super) fn frame(&mut self, frame: &Frame) {
        self.make_room(frame.bytes());
        let place = place(self.to.slot, self.offset, self.group.copy(frame), frame.bytes());
        self.index.put(frame.kind, frame.key, place);
    }

    /// Adds a record.
    pub(super) fn record(&mut self, record: &JournalRecord) {
        self.make_room(record.frame_bytes());
        let bytes = record.frame_bytes();
        let place = place(self.to.slot, self.offset, self.group.push(record), bytes);
        note(&mut self.index, record, place);
    }

    fn make_room(&mut self, bytes: usize) {
        if !self.group.is_empty() && self.group.len() + bytes > STORE_COPY_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let bytes = self.group.seal();
        let end = u64::from(self.offset) + bytes.len() as u64;
        if self.failed.is_none() {
            let bytes_max = segment_end(&self.to);
            self.failed = if end > bytes_max {
                Some(Fault::Full { bytes: end, bytes_max })
            } else {
                self.disk.write(self.to.slot, self.offset, bytes).err()
            };
        }
        self.offset = u32::try_from(end).unwrap_or(u32::MAX);
        self.groups += 1;
        self.group.next_group();
    }

    /// Starts a new group for what comes next; returns how many there are before it.
    pub(super) fn close_group(&mut self) -> u32 {
        if !self.group.is_empty() {
            self.flush();
        }
        self.groups
    }

    /// The index of the copy, where the next group goes, and how many there are.
    pub(super) fn finish(mut self) -> Result<(FrameIndex, u32, u32), Fault> {
        self.close_group();
        match self.failed {
            Some(fault) => Err(fault),
            None => Ok((self.index, self.offset, self.groups)),
        }
    }
}

/// Pages that so many bytes of frames take at most, in groups of [`STORE_COPY_BYTES`].
pub(super) fn pages_for(bytes: u64) -> u64 {
    // A group is closed when the next frame does not fit, so two groups in a row hold more than one buffer.
    let groups = bytes * 2 / STORE_COPY_BYTES as u64 + u64::from(bytes > 0);
    let headers = groups * GROUP_HEADER_BYTES as u64;
    (bytes + headers).div_ceil(u64::from(PAGE_BYTES)) + groups.saturating_sub(1)
}

/// Where a segment ends, by its header and by its file.
pub(super) fn segment_end(source: &Source) -> u64 {
    source.size.min(u64::from(source.header.pages) * u64::from(PAGE_BYTES))
}

/// Brings the index up to date with a record that was written at `place`.
pub(super) fn note(index: &mut FrameIndex, record: &JournalRecord, place: Place) {
    match record.body() {
        Some(_) => index.put(record.kind, &record.key, place),
        None => index.delete(record.kind, &record.key),
    }
}

/// Where a frame stands that starts so far into the group at `group_at`.
pub(super) fn place(slot: u8, group_at: u32, start: usize, bytes: usize) -> Place {
    let offset = group_at + u32::try_from(start).unwrap_or(u32::MAX);
    Place { slot, offset, bytes: u32::try_from(bytes).unwrap_or(u32::MAX) }
}
