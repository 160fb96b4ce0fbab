//! The checksum of the journal and of datagrams in clear.

/// The CRC-32 of Ethernet and gzip, going on from that of the bytes before; from 0 at first.
#[cfg(not(target_arch = "arm"))]
pub fn crc32(start: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(start);
    hasher.update(bytes);
    hasher.finalize()
}

/// The CRC-32 of Ethernet and gzip, going on from that of the bytes before; from 0 at first.
#[cfg(target_arch = "arm")]
pub fn crc32(start: u32, bytes: &[u8]) -> u32 {
    small::crc32(start, bytes)
}

/// For 32-bit ARM, where the tables of the quick one weigh 16 KiB.
#[cfg(any(target_arch = "arm", test))]
mod small {
    const POLYNOMIAL: u32 = 0xedb8_8320;

    static TABLE: [u32; 256] = table();

    const fn table() -> [u32; 256] {
        let mut table = [0; 256];
        let (mut place, mut byte) = (0, 0);
        while place < table.len() {
            let (mut crc, mut bit) = (byte, 0);
            while bit < 8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
                bit += 1;
            }
            table[place] = crc;
            (place, byte) = (place + 1, byte + 1);
        }
        table
    }

    pub(super) fn crc32(start: u32, bytes: &[u8]) -> u32 {
        let step = |crc: u32, byte: &u8| {
            let [low, ..] = crc.to_le_bytes();
            TABLE[usize::from(low ^ byte)] ^ (crc >> 8)
        };
        !bytes.iter().fold(!start, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_checksum_is_the_quick_one() {
        let bytes: Vec<u8> = (0..=255_u8).cycle().step_by(7).take(1_000).collect();
        for length in [0, 1, 7, 256, 1_000] {
            for start in [0, 1, 0xdead_beef] {
                assert_eq!(small::crc32(start, &bytes[..length]), crc32(start, &bytes[..length]));
            }
        }
        assert_eq!(small::crc32(0, b"123456789"), 0xcbf4_3926);
    }
}
