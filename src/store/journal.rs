//! The journal itself: open, commit, copy to the next segment, rewrite.

use super::base::{BaseWriter, note, pages_for, place, segment_end};
use super::index::FrameIndex;
use super::medium::{Disk, Fault, Medium};
use super::record::{
    GROUPS_AT, GroupBuffer, JournalRecord, MAJOR, MINOR, PAGE_BYTES, SegmentHeader,
};
use super::replay::{Deliver, Replay, each_live, epoch_max, load};
use super::segment::{Slot, Source, look};
use super::size::{Room, SEGMENT_PAGES_MIN, SegmentSize, data_pages, full, pages_of};
use super::wear::Wear;
use crate::limits::{
    STORE_GROUP_BYTES_MAX, STORE_SEGMENT_BYTES_MAX, STORE_SEGMENT_BYTES_MIN, STORE_SEGMENTS,
};

/// How far the epoch jumps when a header did not read: further than that segment can be ahead.
const EPOCHS_UNSEEN: u32 = 1000;

/// The options of the caller.
#[derive(Clone, Copy, Debug)]
pub struct JournalOptions {
    /// Bytes of the smallest segment, rounded down to pages; six pages at least.
    pub segment_bytes_min: u32,
    /// Bytes of the largest segment, rounded down to pages.
    pub segment_bytes_max: u32,
    /// Random, and drawn anew for each opening, the store having no randomness of its own: it tells what is written now
    /// from what an interrupted attempt with the same epoch left, and nobody outside can guess it.
    pub salt: u64,
}

impl JournalOptions {
    /// The limits of [`crate::limits`].
    pub const fn new(salt: u64) -> Self {
        Self {
            segment_bytes_min: STORE_SEGMENT_BYTES_MIN,
            segment_bytes_max: STORE_SEGMENT_BYTES_MAX,
            salt,
        }
    }
}

impl JournalOptions {
    /// The smallest and the largest segment, in pages.
    fn bounds(&self) -> (u32, u32) {
        let min = (self.segment_bytes_min / PAGE_BYTES).max(SEGMENT_PAGES_MIN);
        (min, (self.segment_bytes_max / PAGE_BYTES).max(min))
    }
}

/// A commit that is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// True if anything was written; false if the records only deleted what is not there.
    pub wrote: bool,
    /// The fault that ended the segment in use, if one did: the state has moved to another one.
    pub survived: Option<Fault>,
}

/// The journal. One owner; every call may take as long as the flash does.
#[derive(Debug)]
pub struct Journal<M> {
    disk: Disk<M>,
    options: JournalOptions,
    slots: Vec<Slot>,
    /// The segments that live frames are in; the last one is the newest.
    sources: Vec<Source>,
    /// Where the next group goes; none before the first segment, and after a fault.
    next: Option<Next>,
    index: FrameIndex,
    epoch_next: u32,
    fault: Option<Fault>,
    wear: Wear,
}

/// Where the next group goes, in the newest segment.
#[derive(Clone, Copy, Debug)]
struct Next {
    source: Source,
    offset: u32,
    seq: u32,
}

impl<M: Medium> Journal<M> {
    /// Replays what is on the medium: `deliver` is called once for each live record, oldest first, with kind, key and
    /// body. Damage never stops it; [`Replay`] tells. If what was found has holes it is copied to a fresh segment at
    /// once; on an empty or healthy medium nothing is written.
    ///
    /// An error means that the directory does not answer, or that a segment is not for us: [`read`](super::read) takes
    /// what can be read. Go on from memory and open it again later.
    pub fn open(
        medium: M,
        options: JournalOptions,
        deliver: &mut Deliver,
    ) -> Result<(Self, Replay), Fault> {
        let disk = Disk::new(medium);
        // Bytes that a process before us wrote and did not sync, or failed to sync, is in the page cache all the same. It
        // must be on flash before anyone builds on it, or not be seen.
        let mut unsettled = Vec::new();
        for slot in 0..STORE_SEGMENTS {
            if disk.size(slot)?.is_none() {
                continue;
            }
            match disk.settle(slot) {
                // It may be the newest: writing beside a segment that cannot be read would lose one of the two.
                Err(fault) if fault.is_denied() => return Err(fault),
                Err(_) => unsettled.push(slot),
                Ok(()) => {}
            }
        }
        let slots = look(&disk)?;
        let loaded = load(&disk, &slots, options.salt);
        each_live(&disk, &loaded.sources, &loaded.index, &mut |frame| {
            deliver(frame.kind, frame.key, frame.body.unwrap_or_default());
        });
        // A segment that cannot be read may be newer. Nothing is added to what it would hide, should it read again one day.
        let unseen = slots.contains(&Slot::Failed);
        let wants_copy = loaded.wants_copy() || unseen;
        let step = if unseen { EPOCHS_UNSEEN } else { 1 };
        let epoch_next = epoch_max(&slots).saturating_add(step);
        let (offset, seq) = (loaded.scan.tail, loaded.scan.next_seq);
        let next = loaded.sources.last().map(|newest| Next { source: *newest, offset, seq });
        let mut journal = Self {
            disk,
            options,
            slots,
            sources: loaded.sources,
            next,
            index: loaded.index,
            epoch_next,
            fault: None,
            wear: Wear::default(),
        };
        for slot in unsettled {
            journal.give_up(slot);
        }
        if journal.sources.last().is_some() && (wants_copy || journal.next.is_none()) {
            // Whether it succeeded is in `fault`; the part that was replayed stays valid on flash either way.
            let _copied = journal.advance(&[]);
        }
        Ok((journal, loaded.replay))
    }

    /// Makes the records durable, in order, as one group: after a power cut all of them are there or none. Only when
    /// they exceed [`STORE_GROUP_BYTES_MAX`] do they become several groups, each durable before the next.
    ///
    /// On [`Fault::TooLarge`] and [`Fault::Full`] nothing of it was written and the journal is as it was. On any other
    /// fault, and from then on, memory and flash differ: commits are refused with that fault, at no cost, until
    /// [`Journal::rewrite`] succeeds. Refused records may still be found after a restart.
    pub fn commit(&mut self, records: &[JournalRecord]) -> Result<Committed, Fault> {
        records.iter().try_for_each(JournalRecord::check_size)?;
        // Also for what would write nothing: a put that was refused may be on flash all the same.
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let changes: Vec<&JournalRecord> =
            records.iter().filter(|record| self.changes_something(record, records)).collect();
        self.check_room(&changes)?;
        let mut done = Committed::default();
        let mut rest = changes.as_slice();
        while !rest.is_empty() {
            let (group, later) = rest.split_at(group_len(rest));
            done.survived = self.commit_group(group)?.or(done.survived);
            done.wrote = true;
            rest = later;
        }
        Ok(done)
    }

    /// Writes the whole state anew, to a fresh segment: `state` has every live record of the kinds that the caller
    /// `knows`; records of other kinds are copied from flash. The way back after a fault, and the only one.
    pub fn rewrite(
        &mut self,
        state: &[JournalRecord],
        knows: &dyn Fn(u16) -> bool,
    ) -> Result<(), Fault> {
        state.iter().try_for_each(JournalRecord::check_size)?;
        let mut kept_bytes = 0;
        let keep = |kind: u16| !knows(kind);
        each_live(&self.disk, &self.sources, &self.index, &mut |frame| {
            kept_bytes += if keep(frame.kind) { frame.bytes() as u64 } else { 0 };
        });
        let state: Vec<&JournalRecord> = state.iter().collect();
        self.write_anywhere(&Content { keep: &keep, all: false, kept_bytes, added: &state })
    }

    /// Copies the live records to a fresh segment now.
    pub fn compact(&mut self) -> Result<(), Fault> {
        match &self.fault {
            Some(fault) => Err(fault.clone()),
            None => self.advance(&[]),
        }
    }

    /// The fault that the journal waits to be rewritten after; none while it is healthy.
    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// The wear accounts since it was opened.
    pub fn wear(&self) -> Wear {
        let mut wear = self.wear;
        self.disk.add_wear(&mut wear);
        wear
    }

    /// Live records, and bytes of their frames.
    pub fn live(&self) -> (usize, u64) {
        (self.index.len(), self.index.bytes())
    }

    /// The generation in use, and the bytes of its segment that are taken; zeros before the first commit.
    pub fn position(&self) -> (u32, u32) {
        self.next.map_or((0, 0), |next| (next.source.header.epoch, next.offset))
    }

    /// A delete of what is neither on flash nor among the records before it changes nothing.
    fn changes_something(&self, record: &JournalRecord, records: &[JournalRecord]) -> bool {
        record.body().is_some()
            || self.index.contains(record.kind, &record.key)
            || records
                .iter()
                .any(|r| r.body().is_some() && r.kind == record.kind && r.key == record.key)
    }

    /// Returns the fault that it survived, if there was one.
    fn commit_group(&mut self, records: &[&JournalRecord]) -> Result<Option<Fault>, Fault> {
        let mut survived = None;
        if let Some(next) = self.next {
            match self.append(next, records) {
                Ok(true) => return Ok(None),
                Ok(false) => {}
                Err(fault) => {
                    self.give_up(next.source.slot);
                    survived = Some(fault);
                }
            }
        }
        self.advance(records)?;
        self.wear.commits += 1;
        self.wear.records += records.len() as u64;
        Ok(survived)
    }

    /// Adds a group to the segment in use; false if it does not fit.
    fn append(&mut self, next: Next, records: &[&JournalRecord]) -> Result<bool, Fault> {
        let Next { source, offset, seq } = next;
        let mut group = GroupBuffer::new(source.header, seq);
        let starts: Vec<usize> = records.iter().map(|record| group.push(record)).collect();
        let bytes = group.seal();
        let end = u64::from(offset) + bytes.len() as u64;
        if end > segment_end(&source) {
            return Ok(false);
        }
        self.disk.write(source.slot, offset, bytes)?;
        self.disk.sync(source.slot)?;
        for (record, start) in records.iter().zip(starts) {
            let bytes = record.frame_bytes();
            note(&mut self.index, record, place(source.slot, offset, start, bytes));
        }
        let offset = u32::try_from(end).unwrap_or(u32::MAX);
        self.next = Some(Next { source, offset, seq: seq + 1 });
        self.wear.commits += 1;
        self.wear.records += records.len() as u64;
        Ok(true)
    }

    /// Copies the live records and then `added` to a fresh segment, and switches to it.
    fn advance(&mut self, added: &[&JournalRecord]) -> Result<(), Fault> {
        let kept_bytes = self.index.bytes();
        self.write_anywhere(&Content { keep: &|_| true, all: true, kept_bytes, added })
    }

    /// Writes a generation to the first slot that takes it. The segment in use is not among them, and the generation
    /// before it is only overwritten when nothing else is left.
    fn write_anywhere(&mut self, content: &Content) -> Result<(), Fault> {
        let added: u64 = content.added.iter().map(|record| record.frame_bytes() as u64).sum();
        let before = self.sources.last().map(|source| source.header.pages);
        let size = SegmentSize::new(self.options.bounds(), before, content.kept_bytes, added)?;
        let slots = self.free_slots();
        let mut outcome = self.write_to(&slots, size, content);
        if matches!(outcome, Err(Fault::NoRoom { .. })) {
            outcome = self.clear(&slots, size).and_then(|()| self.write_to(&slots, size, content));
        }
        match &outcome {
            Ok(()) => {
                self.fault = None;
                self.wear.compactions += 1;
            }
            Err(fault) => {
                self.next = None;
                self.fault = Some(fault.clone());
            }
        }
        outcome
    }

    fn write_to(
        &mut self,
        slots: &[u8],
        size: SegmentSize,
        content: &Content,
    ) -> Result<(), Fault> {
        // Three slots, at most two of them sources: there is one to try.
        let mut outcome = Err(Fault::Unreadable { records: self.index.len() });
        for slot in slots {
            outcome = self.write_generation(*slot, size, content);
            match &outcome {
                Err(Fault::NoRoom { .. }) => {}
                Err(Fault::Medium { .. }) => self.give_up(*slot),
                _ => break,
            }
        }
        outcome
    }

    /// Removes the segments that are not in use, if one more finds room then that finds none in the place of any of them.
    fn clear(&mut self, slots: &[u8], size: SegmentSize) -> Result<(), Fault> {
        let mut room = Room::UNKNOWN;
        let mut replaced = 0;
        for slot in slots {
            room = self.room(*slot)?;
            replaced += room.slot;
        }
        size.fit(&Room { slot: replaced, ..room }, 0)?;
        for slot in slots {
            if !matches!(self.slots.get(usize::from(*slot)), Some(Slot::Foreign { .. })) {
                self.disk.remove(*slot)?;
            }
            if let Some(found @ Slot::Segment { .. }) = self.slots.get_mut(usize::from(*slot)) {
                *found = Slot::Empty;
            }
        }
        Ok(())
    }

    fn write_generation(
        &mut self,
        slot: u8,
        wanted: SegmentSize,
        content: &Content,
    ) -> Result<(), Fault> {
        let pages = self.prepare(slot, wanted)?;
        let size = u64::from(pages) * u64::from(PAGE_BYTES);
        let source =
            if content.all { self.sources.last().map_or(0, |s| s.header.epoch) } else { 0 };
        let mut header = SegmentHeader {
            major: MAJOR,
            minor: MINOR,
            epoch: self.epoch_next,
            source,
            groups: 0,
            pages,
            salt: self.options.salt,
        };
        // Each attempt has an epoch of its own: a switch that failed may still have reached the flash.
        self.epoch_next = self.epoch_next.saturating_add(1);
        let mut base =
            BaseWriter::new(&self.disk, Source { slot, header, size }, self.index.emptied());
        let copied = each_live(&self.disk, &self.sources, &self.index, &mut |frame| {
            if (content.keep)(frame.kind) {
                base.frame(frame);
            }
        });
        if content.all && copied < self.index.len() {
            return Err(Fault::Unreadable { records: self.index.len() - copied });
        }
        // Added records are not in the source, so it is not in the groups that the source can stand in for.
        header.groups = base.close_group();
        for record in content.added {
            base.record(record);
        }
        let (index, offset, seq) = base.finish()?;
        self.disk.sync(slot)?;
        self.write_header(slot, &header)?;
        let source = Source { slot, header, size };
        if let Some(found) = self.slots.get_mut(usize::from(slot)) {
            *found = Slot::Segment { header, size };
        }
        self.index = index;
        self.sources = vec![source];
        self.next = Some(Next { source, offset, seq });
        Ok(())
    }

    /// The switch: both copies of the header, one sync.
    fn write_header(&self, slot: u8, header: &SegmentHeader) -> Result<(), Fault> {
        let mut pages = vec![0; GROUPS_AT as usize];
        let bytes = header.encode();
        for page in pages.chunks_exact_mut(PAGE_BYTES as usize) {
            page.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
        }
        self.disk.write(slot, 0, &pages)?;
        self.disk.sync(slot)
    }

    /// Makes the slot's file ready to be overwritten; returns its pages.
    fn prepare(&self, slot: u8, wanted: SegmentSize) -> Result<u32, Fault> {
        let found = self.slots.get(usize::from(slot));
        let there = match found {
            Some(Slot::Segment { size, .. }) => pages_of(*size),
            _ => 0,
        };
        let pages = wanted.fit(&self.room(slot)?, there)?;
        if pages == there {
            return Ok(pages);
        }
        if matches!(found, Some(Slot::Foreign { .. })) {
            self.disk.set_aside(slot)?;
        }
        let create = |pages| self.disk.create(slot, u64::from(pages) * u64::from(PAGE_BYTES));
        match create(pages) {
            // A quota, or another process that was faster.
            Err(fault) if fault.is_out_of_room() && wanted.least < pages => {
                create(wanted.least).map(|()| wanted.least)
            }
            created => created.map(|()| pages),
        }
    }

    /// The room there is for the segment of a slot.
    fn room(&self, slot: u8) -> Result<Room, Fault> {
        let Some(free) = self.disk.room() else { return Ok(Room::UNKNOWN) };
        let mut room = Room { free, slot: 0, segments: 0 };
        for (other, found) in (0..).zip(&self.slots) {
            let size = self.disk.size(other)?.unwrap_or(0);
            room.segments += size;
            // A segment of another version is not removed.
            if other == slot && !matches!(found, Slot::Foreign { .. }) {
                room.slot = size;
            }
        }
        Ok(room)
    }

    /// The slots that may be written, in the order in which to try them: empty ones, useless ones, then the oldest.
    fn free_slots(&self) -> Vec<u8> {
        let newest = self.sources.last().map(|source| source.slot);
        let in_use = |slot: &u8| self.sources.iter().any(|source| source.slot == *slot);
        let rank = |slot: &u8| match self.slots.get(usize::from(*slot)) {
            Some(Slot::Segment { header, .. } | Slot::Foreign { header }) => header.epoch,
            _ => 0,
        };
        let mut free: Vec<u8> =
            (0..STORE_SEGMENTS).filter(|slot| Some(*slot) != newest && !in_use(slot)).collect();
        free.sort_by_key(rank);
        free
    }

    /// Never writes this file again; it is replaced when its turn comes.
    fn give_up(&mut self, slot: u8) {
        self.wear.faults += 1;
        if let Some(found) = self.slots.get_mut(usize::from(slot)) {
            *found = Slot::Failed;
        }
        if self.next.is_some_and(|next| next.source.slot == slot) {
            self.next = None;
        }
    }

    /// Refuses what would leave no room to work in: puts may fill seven eighths of the largest segment, deletes all.
    fn check_room(&self, records: &[&JournalRecord]) -> Result<(), Fault> {
        let puts = records.iter().filter(|record| record.body().is_some());
        let added: u64 = puts.map(|record| record.frame_bytes() as u64).sum();
        let needed = pages_for(self.index.bytes()) + pages_for(added);
        let (_, max) = self.options.bounds();
        if added > 0 && needed > data_pages(max) / 8 * 7 { Err(full(needed, max)) } else { Ok(()) }
    }
}

/// The content of a new generation.
struct Content<'a> {
    /// Which kinds are copied from flash.
    keep: &'a dyn Fn(u16) -> bool,
    /// True if everything is, so that not a record may be missing.
    all: bool,
    /// Bytes of what is copied.
    kept_bytes: u64,
    /// The records after it.
    added: &'a [&'a JournalRecord],
}

/// How many of the records make up one group; at least one.
fn group_len(records: &[&JournalRecord]) -> usize {
    let mut bytes = 0;
    let fits = records.iter().take_while(|record| {
        bytes += record.frame_bytes();
        bytes <= STORE_GROUP_BYTES_MAX
    });
    fits.count().max(1)
}
