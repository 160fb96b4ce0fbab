//! Ranges of the hashes of keys: all that begin with the same bits. Each is divided into 64 parts.

use std::ops::RangeInclusive;

use super::message::Range;

/// Parts into which a range is divided, and the bits that number them.
pub(super) const PARTS: usize = 64;
pub(super) const PART_BITS: u8 = 6;

/// The prefix of one of the 64 parts of a range.
pub(super) const fn part_prefix(prefix: u64, bits: u8, number: usize) -> u64 {
    prefix | ((number as u64) << (64 - bits - PART_BITS))
}

/// All hashes whose first `bits` bits are those of `prefix`.
pub(super) fn bounds(prefix: u64, bits: u8) -> RangeInclusive<u64> {
    let rest = u64::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
    (prefix & !rest)..=(prefix | rest)
}

/// Whether a hash is in a range.
pub(super) fn in_range(prefix: u64, bits: u8, hash: u64) -> bool {
    bounds(prefix, bits).contains(&hash)
}

/// Whether some of these ranges have the same keys: each is looked through, and all together are no more than the table.
pub(super) fn overlap(ranges: &[Range]) -> bool {
    ranges.iter().enumerate().any(|(at, one)| {
        let before = ranges.iter().take(at);
        let mut bits = before.map(|it| (it.prefix, it.bits.min(one.bits)));
        bits.any(|(prefix, bits)| in_range(prefix, bits, one.prefix))
    })
}

/// Which part of a range of so many bits a hash is in.
pub(super) fn number(bits: u8, hash: u64) -> usize {
    let shift = 64_u32.saturating_sub(u32::from(bits) + u32::from(PART_BITS));
    usize::try_from(hash >> shift).unwrap_or(0) % PARTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_overlap_when_one_is_in_the_other() {
        let overlaps = |all: &[(u64, u8)]| {
            let range =
                |(prefix, bits): &(u64, u8)| Range { prefix: *prefix, bits: *bits, heads: vec![] };
            overlap(&all.iter().map(range).collect::<Vec<_>>())
        };
        assert!(!overlaps(&[]) && !overlaps(&[(0, 0)]));
        assert!(!overlaps(&[(0, 1), (1 << 63, 2), (3 << 62, 2)]));
        assert!(overlaps(&[(0, 0), (0, 0)]) && overlaps(&[(3 << 62, 2), (1 << 63, 1)]));
        assert!(overlaps(&[(1 << 63, 1), (3 << 62, 2)]) && overlaps(&[(7, 64), (5, 0)]));
    }
}
