//! One hash for all that must be named alike on every node, and a quick one for tables in memory.

/// FNV-1a of 128 bits over the texts, each followed by 0xFF.
pub fn fnv128<'a>(texts: impl IntoIterator<Item = &'a str>) -> u128 {
    let mut hash = BASIS;
    for text in texts {
        for byte in text.as_bytes() {
            hash = step(hash, *byte);
        }
        hash = step(hash, 0xFF);
    }
    hash
}

/// FNV-1a of 128 bits over the bytes.
pub fn fnv128_bytes(bytes: impl IntoIterator<Item = u8>) -> u128 {
    bytes.into_iter().fold(BASIS, step)
}

/// Bits that differ for most texts, eight bytes at a time. Anybody can make texts of equal bits.
pub fn quick(text: &str) -> u32 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: [u8; 8]| {
        let mixed = (hash ^ u64::from_le_bytes(word)).wrapping_mul(ODD);
        mixed ^ (mixed >> 32)
    };
    let (words, rest) = text.as_bytes().as_chunks();
    let hash = words.iter().copied().fold(text.len() as u64, mix);
    // The last eight bytes, some of them once more, unless there are fewer.
    let last = text.as_bytes().last_chunk().copied().unwrap_or_else(|| {
        let mut last = [0; 8];
        rest.iter().zip(&mut last).for_each(|(byte, place)| *place = *byte);
        last
    });
    (mix(hash, last) & 0xffff_ffff) as u32
}

const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;

/// The prime is 2^88 + 0x13B: small machines multiply by it in two parts.
const fn step(hash: u128, byte: u8) -> u128 {
    let hash = hash ^ byte as u128;
    (hash << 88).wrapping_add(hash.wrapping_mul(0x13B))
}
