//! One hash for all that must be named alike on every node.

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

const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;

/// The prime is 2^88 + 0x13B: small machines multiply by it in two parts.
const fn step(hash: u128, byte: u8) -> u128 {
    let hash = hash ^ byte as u128;
    (hash << 88).wrapping_add(hash.wrapping_mul(0x13B))
}
