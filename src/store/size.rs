//! How large the next segment is: by what is live, and by the room that there is. How large a record may be.

use super::base::pages_for;
use super::medium::Fault;
use super::record::{GROUPS_AT, JournalRecord, PAGE_BYTES};
use crate::limits::{STORE_BODY_BYTES_MAX, STORE_KEY_BYTES_MAX, STORE_SEGMENTS, STORE_SPARE_BYTES};

/// Two headers, a base, and room for a few groups.
pub(super) const SEGMENT_PAGES_MIN: u32 = 6;

/// The pages that a segment should have, and with how few it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentSize {
    /// Live records should fill no more than half, or copying them would wear the flash more than committing them did.
    wanted: u32,
    /// Room for what is live, and for an eighth more to work in.
    pub(super) least: u32,
}

/// The room that there is for one segment, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// The bytes that are free.
    pub(super) free: u64,
    /// The bytes of the file that the segment replaces.
    pub(super) slot: u64,
    /// The bytes of all segments.
    pub(super) segments: u64,
}

impl Room {
    /// As long as nobody knows better, there is enough.
    pub(super) const UNKNOWN: Self = Self { free: u64::MAX, slot: 0, segments: 0 };
}

impl SegmentSize {
    /// The size for so many bytes that are copied and added; `before` is the pages of the segment in use, `bounds` the
    /// smallest and the largest there may be.
    pub(super) fn new(
        (min, max): (u32, u32),
        before: Option<u32>,
        kept: u64,
        added: u64,
    ) -> Result<Self, Fault> {
        let needed = pages_for(kept) + pages_for(added);
        if needed > data_pages(max) {
            return Err(full(needed, max));
        }
        let mut wanted = before.unwrap_or(min).clamp(min, max);
        // Halved only when far too large: resizing a segment costs writing all of it.
        while wanted / 2 >= min && needed * 16 < data_pages(wanted) {
            wanted /= 2;
        }
        while wanted < max && needed * 2 > data_pages(wanted) {
            wanted = wanted.saturating_mul(2).min(max);
        }
        let least = needed + needed / 8 + u64::from(SEGMENT_PAGES_MIN);
        Ok(Self { wanted, least: u32::try_from(least).unwrap_or(wanted).min(wanted) })
    }

    /// The pages that the segment gets, where a segment of `there` pages is that can be overwritten as it is. Where
    /// there is little room three segments share it, or two if three are too small; so there is always room for the
    /// next one, as long as it can be.
    pub(super) fn fit(self, room: &Room, there: u32) -> Result<u32, Fault> {
        let free = room.free.saturating_sub(STORE_SPARE_BYTES);
        let of_all = pages_of(free.saturating_add(room.segments));
        let shares = [of_all / u32::from(STORE_SEGMENTS), of_all / 2];
        let share = shares.into_iter().find(|share| *share >= self.least).unwrap_or(self.least);
        let pages = self.wanted.min(share);
        // To make it a little larger or smaller costs writing all of it.
        if there == self.wanted
            || (pages < self.wanted && (self.least..=self.wanted).contains(&there))
        {
            return Ok(there);
        }
        let available = pages_of(free.saturating_add(room.slot));
        if available < self.least {
            let needed = u64::from(self.least) * u64::from(PAGE_BYTES) + STORE_SPARE_BYTES;
            return Err(Fault::NoRoom {
                needed: needed.saturating_sub(room.slot),
                free: room.free,
            });
        }
        Ok(pages.min(available))
    }
}

/// Whole pages in so many bytes.
pub(super) fn pages_of(bytes: u64) -> u32 {
    u32::try_from(bytes / u64::from(PAGE_BYTES)).unwrap_or(u32::MAX)
}

/// Pages of a segment that hold groups.
pub(super) fn data_pages(pages: u32) -> u64 {
    u64::from(pages.saturating_sub(GROUPS_AT / PAGE_BYTES))
}

/// The live records need more pages than the largest segment has.
pub(super) fn full(needed: u64, max: u32) -> Fault {
    let page = u64::from(PAGE_BYTES);
    Fault::Full { bytes: needed * page, bytes_max: data_pages(max) * page }
}

impl JournalRecord {
    /// Whether its key and body are within their limits; the error is [`Fault::TooLarge`].
    pub fn check_size(&self) -> Result<(), Fault> {
        let body = self.body().map_or(0, <[u8]>::len);
        for (what, bytes, bytes_max) in
            [("key", self.key.len(), STORE_KEY_BYTES_MAX), ("body", body, STORE_BODY_BYTES_MAX)]
        {
            if bytes > bytes_max {
                return Err(Fault::TooLarge { what, bytes, bytes_max });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: (u32, u32) = (256, 4096);
    const MIB: u64 = 1 << 20;

    fn size(kept: u64) -> SegmentSize {
        SegmentSize::new(BOUNDS, None, kept, 0).unwrap()
    }

    fn room(free: u64, slot: u64, segments: u64) -> Room {
        Room { free, slot, segments }
    }

    #[test]
    fn where_there_is_room_live_records_fill_at_most_half() {
        for (kept, pages) in [(0, 256), (400_000, 256), (600_000, 512), (3_000_000, 2048)] {
            assert_eq!(size(kept).fit(&Room::UNKNOWN, 0), Ok(pages), "{kept}");
        }
    }

    #[test]
    fn where_there_is_little_three_segments_share_it_then_two() {
        let spare = STORE_SPARE_BYTES;
        assert_eq!(size(100_000).fit(&room(spare + MIB, 0, 0), 0), Ok(85));
        assert_eq!(size(350_000).fit(&room(spare + MIB, 0, 0), 0), Ok(128));
        let least = size(700_000).least;
        assert_eq!(size(700_000).fit(&room(spare + MIB, 0, 0), 0), Ok(least));
    }

    #[test]
    fn a_segment_that_is_large_enough_is_overwritten_as_it_is() {
        let full = room(0, 400_000, 1_200_000);
        assert_eq!(size(100_000).fit(&full, 97), Ok(97));
        assert_eq!(size(100_000).fit(&room(100 * MIB, 0, 0), 97), Ok(256), "there is room again");
        assert_eq!(size(100_000).fit(&full, 256), Ok(256));
    }

    #[test]
    fn missing_room_is_computed() {
        let size = size(3_000_000);
        let least = u64::from(size.least) * 4096;
        let fault = size.fit(&room(MIB, 2 * MIB, 4 * MIB), 512).unwrap_err();
        let needed = least + STORE_SPARE_BYTES - 2 * MIB;
        assert_eq!(fault, Fault::NoRoom { needed, free: MIB });
        assert_eq!(fault.to_string(), "journal: no room: needs 2.2 MiB, 1.0 MiB free");
        let enough = room(needed, 2 * MIB, 4 * MIB);
        assert!(size.fit(&enough, 512).is_ok(), "as much as was asked for is enough");
    }
}
