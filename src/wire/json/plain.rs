//! How far a text can be copied as it stands: most of all JSON that is read or written goes through here.

/// How many bytes there are before the first control character or one of `stops`. Eight at a time.
#[inline]
pub(super) fn plain_length<const N: usize>(bytes: &[u8], stops: [u8; N]) -> usize {
    const ONES: u64 = u64::MAX / 0xFF;
    const HIGHS: u64 = ONES << 7;
    // The high bit of the first byte below `limit` is set; of later bytes it may be too.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let mut length = 0;
    while let Some(chunk) = bytes.get(length..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*chunk);
        let found = stops.iter().fold(below(word, u64::from(b' ')), |found, stop| {
            found | below(word ^ (ONES * u64::from(*stop)), 1)
        });
        if found != 0 {
            return length + found.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let rest = bytes.get(length..).unwrap_or_default();
    let stop = |byte: &u8| *byte < b' ' || stops.contains(byte);
    length + rest.iter().position(stop).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn eight_at_a_time_stop_where_one_at_a_time_stops(bytes in any::<Vec<u8>>()) {
            let length = |stops: &[u8]| {
                let stop = |byte: &u8| *byte < b' ' || stops.contains(byte);
                bytes.iter().position(stop).unwrap_or(bytes.len())
            };
            prop_assert_eq!(plain_length(&bytes, *b"\"\\"), length(b"\"\\"));
            prop_assert_eq!(plain_length(&bytes, *b"<\xE2&\""), length(b"<\xE2&\""));
        }
    }
}
