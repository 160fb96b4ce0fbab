//! From segments to live records: which generation counts, and what to do when its base is damaged.

use super::index::FrameIndex;
use super::medium::{Disk, Fault, Medium, name};
use super::record::{Frame, SegmentHeader};
use super::segment::{Cut, Damage, Place, Scan, Slot, Source, look, scan};
use crate::limits::STORE_SEGMENTS;

/// Takes a live record: its kind, key and body.
pub type Deliver<'a> = dyn FnMut(u16, &[u8], &[u8]) + 'a;

/// The result of a replay, for the log and the status page.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// The epoch that was replayed; 0 if there was nothing.
    pub epoch: u32,
    /// Live records handed out.
    pub records: usize,
    /// Bytes of their frames.
    pub bytes: u64,
    /// The parts that were left out. Damage at the very end is most likely the commit that a power cut interrupted, which nobody
    /// was told of.
    pub cuts: Vec<Cut>,
    /// True if the base was damaged and the generation before it was whole and took its place: nothing is lost.
    pub repaired: bool,
    /// The major version of the newest segment if this version cannot read it: the journal starts empty, and sets the
    /// file aside, as `journal-N.aside`, before it writes there.
    pub foreign_major: Option<u16>,
}

/// The live state and where it stands.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The segments that live frames are in, oldest first; the last is the newest.
    pub(crate) sources: Vec<Source>,
    pub(crate) index: FrameIndex,
    /// The scan of the newest segment.
    pub(crate) scan: Scan,
    pub(crate) replay: Replay,
}

impl Loaded {
    fn nothing(salt: u64) -> Self {
        Self {
            sources: Vec::new(),
            index: FrameIndex::new(salt),
            scan: Scan::default(),
            replay: Replay::default(),
        }
    }

    /// True if it should be copied to a fresh segment before anything is added: it has holes, or needs two segments.
    pub(crate) fn wants_copy(&self) -> bool {
        self.replay.repaired
            || self.scan.has_hole()
            || self.scan.cuts.iter().any(|cut| cut.why == Damage::Truncated)
            || self.sources.last().is_some_and(|newest| !self.scan.has_base(&newest.header))
    }
}

/// Replays a journal that can be read and not written: `deliver` is called once for each live record, as in
/// [`Journal::open`](super::Journal::open). An error means that the directory does not answer.
pub fn read<M: Medium>(medium: M, deliver: &mut Deliver) -> Result<Replay, Fault> {
    let disk = Disk::new(medium);
    for slot in 0..STORE_SEGMENTS {
        if disk.size(slot)?.is_some() {
            // Bytes that only the page cache holds cannot be told apart. Unreadable segments are reported below.
            disk.settle(slot).ok();
        }
    }
    let loaded = load(&disk, &look(&disk)?, 0);
    each_live(&disk, &loaded.sources, &loaded.index, &mut |frame| {
        deliver(frame.kind, frame.key, frame.body.unwrap_or_default());
    });
    Ok(loaded.replay)
}

impl Replay {
    /// Whether everything could be read, be it damaged or not: nothing more can be found there later.
    pub fn is_all(&self) -> bool {
        self.cuts.iter().all(|cut| cut.why != Damage::Unreadable)
    }
}

/// The highest epoch in any header that could be read, of any version.
pub(crate) fn epoch_max(slots: &[Slot]) -> u32 {
    slots.iter().filter_map(header_of).map(|h| h.epoch).max().unwrap_or(0)
}

fn header_of(slot: &Slot) -> Option<&SegmentHeader> {
    match slot {
        Slot::Segment { header, .. } | Slot::Foreign { header } => Some(header),
        Slot::Empty | Slot::Unknown { .. } | Slot::Failed => None,
    }
}

/// Finds the newest generation and indexes it. Reads only.
pub(crate) fn load<M: Medium>(disk: &Disk<M>, slots: &[Slot], salt: u64) -> Loaded {
    let mut loaded = Loaded::nothing(salt);
    loaded.replay.cuts = header_cuts(slots);
    let newest = slots.iter().filter_map(header_of).max_by_key(|header| header.epoch);
    let Some(newest) = newest else { return loaded };
    let Some(active) = source_of(slots, newest.epoch) else {
        loaded.replay.foreign_major = Some(newest.major);
        return loaded;
    };
    let (mut index, scan) = indexed(disk, &active, FrameIndex::new(salt));
    let mut sources = vec![active];
    // The base is a copy of the last state of its source. If the copy is damaged and the source is not, the source
    // followed by what was committed after the copy is the whole state.
    if !scan.has_base(&active.header)
        && let Some(older) = source_of(slots, active.header.source)
    {
        let (older_index, older_scan) = indexed(disk, &older, FrameIndex::new(salt));
        if older_scan.has_base(&older.header) && !older_scan.has_hole() {
            (index, _) = indexed(disk, &active, older_index);
            sources = vec![older, active];
            loaded.replay.repaired = true;
        }
    }
    loaded.replay.epoch = active.header.epoch;
    loaded.replay.records = index.len();
    loaded.replay.bytes = index.bytes();
    loaded.replay.cuts.extend(scan.cuts.iter().cloned());
    Loaded { sources, index, scan, ..loaded }
}

/// Visits each live frame once, in the order in which they were written. Returns how many there were.
pub(crate) fn each_live<M: Medium>(
    disk: &Disk<M>,
    sources: &[Source],
    index: &FrameIndex,
    visit: &mut dyn FnMut(&Frame),
) -> usize {
    let mut records = 0;
    for source in sources {
        scan(disk, source, &mut |place, frame| {
            if frame.body.is_some() && index.is_live(frame.kind, frame.key, place) {
                records += 1;
                visit(frame);
            }
        });
    }
    records
}

fn indexed<M: Medium>(
    disk: &Disk<M>,
    source: &Source,
    mut index: FrameIndex,
) -> (FrameIndex, Scan) {
    let found = scan(disk, source, &mut |place: Place, frame: &Frame| match frame.body {
        Some(_) => index.put(frame.kind, frame.key, place),
        None => index.delete(frame.kind, frame.key),
    });
    (index, found)
}

fn source_of(slots: &[Slot], epoch: u32) -> Option<Source> {
    (0u8..).zip(slots).find_map(|(slot, found)| match found {
        Slot::Segment { header, size } if header.epoch == epoch => {
            Some(Source { slot, header: *header, size: *size })
        }
        _ => None,
    })
}

fn header_cuts(slots: &[Slot]) -> Vec<Cut> {
    (0u8..)
        .zip(slots)
        .filter_map(|(slot, found)| {
            let (bytes, why) = match found {
                Slot::Unknown { size, damaged: true } => (*size, Damage::Header),
                Slot::Failed => (0, Damage::Unreadable),
                _ => return None,
            };
            Some(Cut { name: name(slot), offset: 0, bytes, why, records: None })
        })
        .collect()
}
