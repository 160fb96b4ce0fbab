//! A look at a journal from outside, for whoever holds the card: reads only, whatever state it is in.

use std::collections::BTreeMap;

use super::medium::{Disk, Fault, Medium, name};
use super::replay::{Replay, each_live, load};
use super::segment::{Cut, Slot, Source, look, scan};

/// Everything there is to say about a journal without opening it.
#[derive(Clone, Debug)]
pub struct Survey {
    /// One for each place that a segment can be in.
    pub segments: Vec<SegmentSurvey>,
    /// The live records of each kind, in order.
    pub kinds: Vec<KindCount>,
    /// The records that opening it would replay, and the damage that it would cut and repair.
    pub replay: Replay,
}

/// One place that a segment can be in.
#[derive(Clone, Debug)]
pub struct SegmentSurvey {
    /// The file.
    pub name: String,
    /// Its kind.
    pub slot: Slot,
    /// Whole groups in it.
    pub groups: u32,
    /// Records in them, live or not.
    pub records: u64,
    /// Where the next group would go.
    pub tail: u32,
    /// Its damage.
    pub cuts: Vec<Cut>,
}

/// The live records of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindCount {
    /// The kind.
    pub kind: u16,
    /// How many.
    pub records: usize,
    /// Bytes of their frames.
    pub bytes: u64,
}

/// Looks at every segment and at what a replay would keep. Writes nothing.
pub fn survey<M: Medium>(medium: M) -> Result<Survey, Fault> {
    let disk = Disk::new(medium);
    let slots = look(&disk)?;
    let segments = (0u8..).zip(&slots).map(|(slot, found)| look_into(&disk, slot, found)).collect();
    let loaded = load(&disk, &slots, 0);
    let mut kinds: BTreeMap<u16, KindCount> = BTreeMap::new();
    each_live(&disk, &loaded.sources, &loaded.index, &mut |frame| {
        let empty = KindCount { kind: frame.kind, records: 0, bytes: 0 };
        let count = kinds.entry(frame.kind).or_insert(empty);
        count.records += 1;
        count.bytes += frame.bytes() as u64;
    });
    Ok(Survey { segments, kinds: kinds.into_values().collect(), replay: loaded.replay })
}

fn look_into<M: Medium>(disk: &Disk<M>, slot: u8, found: &Slot) -> SegmentSurvey {
    let scan = match found {
        Slot::Segment { header, size } => {
            let source = Source { slot, header: *header, size: *size };
            scan(disk, &source, &mut |_, _| {})
        }
        Slot::Empty | Slot::Foreign { .. } | Slot::Unknown { .. } | Slot::Failed => {
            super::segment::Scan::default()
        }
    };
    SegmentSurvey {
        name: name(slot),
        slot: *found,
        groups: scan.groups,
        records: scan.records,
        tail: scan.tail,
        cuts: scan.cuts,
    }
}
