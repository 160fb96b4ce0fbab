//! One hash for all that must be named alike on every node.

/// FNV-1a of 128 bits over the texts, each followed by 0xFF.
pub fn fnv128<'a>(texts: impl IntoIterator<Item = &'a str>) -> u128 {
    let bytes = texts.into_iter().flat_map(|text| text.bytes().chain(std::iter::once(0xFF)));
    fnv128_bytes(bytes)
}

/// FNV-1a of 128 bits over the bytes.
pub fn fnv128_bytes(bytes: impl IntoIterator<Item = u8>) -> u128 {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in bytes {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b);
    }
    hash
}
