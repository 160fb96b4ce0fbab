//! Reading a segment from its first group to its last, whatever state it is in.

use std::fmt;

use super::medium::{Disk, Fault, Medium, name};
use super::record::{
    FRAME_HEADER_BYTES, Frame, Frames, GROUP_HEADER_BYTES, GROUPS_AT, GroupHeader, MAJOR,
    PAGE_BYTES, PageStart, SegmentHeader,
};
use crate::limits::{
    STORE_BODY_BYTES_MAX, STORE_CUTS_MAX, STORE_GROUP_BYTES_MAX, STORE_KEY_BYTES_MAX,
    STORE_SEGMENTS,
};

/// How much is read at once.
const READ_BYTES: u32 = 64 * 1024;

/// Frames of a group that can be: as many as one holds, or a single one of the largest.
const GROUP_BYTES_READ_MAX: usize = {
    let single = FRAME_HEADER_BYTES + STORE_KEY_BYTES_MAX + STORE_BODY_BYTES_MAX;
    if single > STORE_GROUP_BYTES_MAX { single } else { STORE_GROUP_BYTES_MAX }
};

/// Where a frame stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) slot: u8,
    pub(crate) offset: u32,
    pub(crate) bytes: u32,
}

/// A stretch of flash that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The file.
    pub name: String,
    /// Where it starts.
    pub offset: u64,
    /// Its length as far as it is known.
    pub bytes: u64,
    /// The error.
    pub why: Damage,
    /// Records in it, as far as headers say that are whole; none if there is one that does not.
    pub records: Option<u64>,
}

/// The damage of the part that was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A group that is not whole.
    Group,
    /// Both copies of the segment's header.
    Header,
    /// Groups that should be there and are not.
    Missing,
    /// The file is shorter than its header says.
    Truncated,
    /// The flash does not read.
    Unreadable,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, offset, bytes, why, records } = self;
        match why {
            Damage::Group => write!(f, "a damaged write skipped, ")?,
            Damage::Header => write!(f, "a segment without a whole header skipped, ")?,
            Damage::Missing => write!(f, "writes are missing, ")?,
            Damage::Truncated => write!(f, "the file is shorter than its header says, ")?,
            Damage::Unreadable => write!(f, "it cannot be read, ")?,
        }
        match records {
            Some(1) => write!(f, "up to 1 record lost")?,
            Some(records) => write!(f, "up to {records} records lost")?,
            None => write!(f, "some records may be lost")?,
        }
        write!(f, " ({name}, {bytes} bytes at {offset})")
    }
}

/// The content of one of the places for a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// No file.
    Empty,
    /// A segment that can be replayed.
    Segment {
        /// Its header.
        header: SegmentHeader,
        /// Bytes of the file.
        size: u64,
    },
    /// A segment of a major version that this one does not know.
    Foreign {
        /// Its header.
        header: SegmentHeader,
    },
    /// A file without a whole header.
    Unknown {
        /// Bytes of the file.
        size: u64,
        /// False if it is only zeros that a cut left behind.
        damaged: bool,
    },
    /// A file whose header could not be read, or on which a write or a sync failed: never written again, only replaced.
    Failed,
}

/// A segment that can be replayed, and where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) slot: u8,
    pub(crate) header: SegmentHeader,
    pub(crate) size: u64,
}

/// The result of a scan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    /// Just after the last whole group: where the next one goes.
    pub(crate) tail: u32,
    /// The number of the next group.
    pub(crate) next_seq: u32,
    /// Whole groups.
    pub(crate) groups: u32,
    /// Frames in them.
    pub(crate) records: u64,
    /// Whole groups of the base.
    base_groups: u32,
    /// The parts that were left out, the first [`STORE_CUTS_MAX`] of them.
    pub(crate) cuts: Vec<Cut>,
}

impl Scan {
    /// True if every group of the base is there.
    pub(crate) fn has_base(&self, header: &SegmentHeader) -> bool {
        self.base_groups == header.groups
    }

    /// True if something before the last group is damaged. The data after it may just be the commit that was cut.
    pub(crate) fn has_hole(&self) -> bool {
        self.cuts.iter().any(|cut| cut.offset < u64::from(self.tail))
    }

    fn cut(&mut self, source: &Source, offset: u32, bytes: u64, why: Damage, records: Option<u64>) {
        let offset = u64::from(offset);
        if let Some(last) = self.cuts.last_mut()
            && last.offset + last.bytes == offset
            && last.why == why
        {
            last.bytes += bytes;
            last.records = last.records.zip(records).map(|(some, more)| some + more);
        } else if self.cuts.len() < STORE_CUTS_MAX {
            self.cuts.push(Cut { name: name(source.slot), offset, bytes, why, records });
        }
    }
}

/// Looks at every slot. An error means that the directory itself does not answer.
pub(crate) fn look<M: Medium>(disk: &Disk<M>) -> Result<Vec<Slot>, Fault> {
    (0..STORE_SEGMENTS).map(|slot| look_at(disk, slot)).collect()
}

fn look_at<M: Medium>(disk: &Disk<M>, slot: u8) -> Result<Slot, Fault> {
    let Some(size) = disk.size(slot)? else { return Ok(Slot::Empty) };
    let (mut readable, mut damaged) = (false, false);
    for copy in [0, PAGE_BYTES] {
        let mut page = vec![0; PAGE_BYTES as usize];
        if size < u64::from(copy + PAGE_BYTES) {
            damaged = true;
            continue;
        }
        if disk.read(slot, copy, &mut page).is_err() {
            continue;
        }
        readable = true;
        damaged |= page.iter().any(|byte| *byte != 0);
        if let Some(header) = SegmentHeader::decode(&page) {
            return Ok(if header.major == MAJOR {
                Slot::Segment { header, size }
            } else {
                Slot::Foreign { header }
            });
        }
    }
    Ok(if readable || damaged { Slot::Unknown { size, damaged } } else { Slot::Failed })
}

/// Visits every frame of every whole group, in the order in which they were written. A group that is damaged is left
/// out and the next page that starts a later group goes on: nothing is written after a group that was not durable, so
/// what follows damage was acknowledged.
pub(crate) fn scan<M: Medium>(
    disk: &Disk<M>,
    source: &Source,
    visit: &mut dyn FnMut(Place, &Frame),
) -> Scan {
    let said = u64::from(source.header.pages) * u64::from(PAGE_BYTES);
    let end = u32::try_from(said.min(source.size)).unwrap_or(u32::MAX) / PAGE_BYTES * PAGE_BYTES;
    let mut found = Scan { tail: GROUPS_AT, ..Scan::default() };
    let mut reader = Reader { disk, slot: source.slot, end, start: 0, bytes: Vec::new() };
    let mut at = GROUPS_AT;
    while at < end {
        let span = match read_group(&mut reader, &source.header, at) {
            GroupRead::Whole(header, frames) if header.seq >= found.next_seq => {
                let gap = header.seq > found.next_seq;
                let base_cut = found.cuts.last().is_some_and(|c| c.offset >= found.tail.into());
                if gap && !base_cut {
                    let from = found.tail;
                    found.cut(source, from, u64::from(at - from), Damage::Missing, None);
                }
                found.groups += 1;
                found.base_groups += u32::from(header.seq < source.header.groups);
                visit_group(source, frames, at, &mut found, visit);
                found.next_seq = header.seq + 1;
                let span = u32::try_from(header.span()).unwrap_or(PAGE_BYTES);
                found.tail = at + span;
                span
            }
            GroupRead::Torn(span, records) => {
                found.cut(source, at, u64::from(span), Damage::Group, records);
                span
            }
            GroupRead::Unreadable => {
                found.cut(source, at, u64::from(PAGE_BYTES), Damage::Unreadable, None);
                PAGE_BYTES
            }
            GroupRead::Other | GroupRead::Whole(..) => PAGE_BYTES,
        };
        at = at.saturating_add(span);
    }
    if u64::from(end) < said {
        found.cut(source, end, said - u64::from(end), Damage::Truncated, None);
    }
    found
}

fn visit_group(
    source: &Source,
    frames: Frames<'_>,
    at: u32,
    found: &mut Scan,
    visit: &mut dyn FnMut(Place, &Frame),
) {
    let mut offset = at + u32::try_from(GROUP_HEADER_BYTES).unwrap_or(0);
    for frame in frames {
        let frame_bytes = u32::try_from(frame.bytes()).unwrap_or(u32::MAX);
        visit(Place { slot: source.slot, offset, bytes: frame_bytes }, &frame);
        offset = offset.saturating_add(frame_bytes);
        found.records += 1;
    }
}

enum GroupRead<'a> {
    Other,
    /// So many bytes, and the records that its header tells of.
    Torn(u32, Option<u64>),
    Unreadable,
    Whole(GroupHeader, Frames<'a>),
}

fn read_group<'a, M: Medium>(
    reader: &'a mut Reader<'_, M>,
    of: &SegmentHeader,
    at: u32,
) -> GroupRead<'a> {
    let Some(page) = reader.get(at, PAGE_BYTES) else { return GroupRead::Unreadable };
    let header = match GroupHeader::decode(of, page) {
        PageStart::Group(header) => header,
        PageStart::Damaged => return GroupRead::Torn(PAGE_BYTES, None),
        PageStart::Other => return GroupRead::Other,
    };
    let (end, span) = (reader.end, header.span());
    // A checked header does not lie; this is for the one that was made to.
    let fits = header.bytes as usize <= GROUP_BYTES_READ_MAX;
    let Some(span) = u32::try_from(span).ok().filter(|s| fits && *s <= end - at) else {
        return GroupRead::Torn(PAGE_BYTES, None);
    };
    let Some(group) = reader.get(at, span) else { return GroupRead::Unreadable };
    let frames = GROUP_HEADER_BYTES..GROUP_HEADER_BYTES + header.bytes as usize;
    match group.get(frames).and_then(|bytes| header.frames(of, bytes)) {
        Some(frames) => GroupRead::Whole(header, frames),
        None => GroupRead::Torn(span, Some(u64::from(header.count))),
    }
}

/// Reads ahead, so that small groups do not cost a system call each.
struct Reader<'a, M> {
    disk: &'a Disk<M>,
    slot: u8,
    end: u32,
    start: u32,
    bytes: Vec<u8>,
}

impl<M: Medium> Reader<'_, M> {
    fn get(&mut self, at: u32, len: u32) -> Option<&[u8]> {
        let held = self.bytes.len() as u64;
        let wanted_end = u64::from(at) + u64::from(len);
        if at < self.start || wanted_end > u64::from(self.start) + held {
            self.fill(at, len)?;
        }
        let from = (at - self.start) as usize;
        self.bytes.get(from..from + len as usize)
    }

    fn fill(&mut self, at: u32, len: u32) -> Option<()> {
        let ahead = len.max(READ_BYTES).min(self.end.checked_sub(at)?);
        // One bad page must not take the good ones around it along: read again just what was asked for.
        for len in [ahead, len] {
            self.start = at;
            self.bytes.resize(len as usize, 0);
            if self.disk.read(self.slot, at, &mut self.bytes).is_ok() {
                return Some(());
            }
        }
        self.bytes.clear();
        None
    }
}
