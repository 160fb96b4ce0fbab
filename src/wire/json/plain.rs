//! How far a text can be copied as it stands: most of all JSON that is read or written goes through here.

const ONES: u64 = u64::MAX / 0xFF;
const HIGHS: u64 = ONES << 7;
const BLANKS: u64 = ONES * b' ' as u64;

/// How many bytes there are before the first control character or one of `stops`, of which there are six at most, and no
/// blank. Eight at a time.
#[inline]
pub(super) fn plain_length<const N: usize>(bytes: &[u8], stops: [u8; N]) -> usize {
    const { assert!(N <= 6) };
    let (words, rest) = bytes.as_chunks();
    let mut length = 0;
    for word in words {
        if let Some(at) = first_stop(u64::from_le_bytes(*word), &stops) {
            return length + at;
        }
        length += 8;
    }
    let word = rest.iter().rev().fold(BLANKS, |word, byte| (word << 8) | u64::from(*byte));
    length + first_stop(word, &stops).unwrap_or(rest.len())
}

/// The place of the first control character or stop among eight bytes.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "the stops are constants, of which nothing is left to compute"
)]
fn first_stop<const N: usize>(word: u64, stops: &[u8; N]) -> Option<usize> {
    // Of eight ASCII characters, one that is the stop borrows from its high bit. The stops are told one by one: a build for
    // size would not unroll a loop.
    let near = |at: usize| match stops.get(at) {
        Some(stop) if stop.is_ascii() => (word ^ (ONES * u64::from(*stop))).wrapping_sub(ONES),
        _ => 0,
    };
    let some = near(0) | near(1) | near(2) | near(3) | near(4) | near(5);
    if (some | word.wrapping_sub(BLANKS) | word) & HIGHS == 0 {
        return None;
    }
    // Exact for the first one found, which may stand after others than ASCII.
    let below = |word: u64, limit: u64| word.wrapping_sub(limit) & !word & HIGHS;
    let found = stops.iter().fold(below(word, BLANKS), |found, stop| {
        found | below(word ^ (ONES * u64::from(*stop)), ONES)
    });
    (found != 0).then(|| found.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn eight_at_a_time_stop_where_one_at_a_time_stops(
            bytes in any::<Vec<u8>>(),
            text in "[a-z<&\\x00-\\x7fé€\u{2028}\"\\\\]{0,40}",
        ) {
            for bytes in [&*bytes, text.as_bytes()] {
                let length = |stops: &[u8]| {
                    let stop = |byte: &u8| *byte < b' ' || stops.contains(byte);
                    bytes.iter().position(stop).unwrap_or(bytes.len())
                };
                prop_assert_eq!(plain_length(bytes, [0x7F]), length(&[0x7F]));
                prop_assert_eq!(plain_length(bytes, *b"\"\\"), length(b"\"\\"));
                prop_assert_eq!(plain_length(bytes, *b"\"\\<>&\xE2"), length(b"\"\\<>&\xE2"));
            }
        }
    }
}
