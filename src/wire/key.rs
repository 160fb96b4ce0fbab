//! The text of a shared key, as `bellwether key new` prints it and key files hold it: the bytes in hex or in base64.

use std::fmt;

use crate::limits::GOSSIP_KEY_BYTES_MIN;

/// Fewer different bytes than this are a pattern, and no random key: among 32 random bytes there are some thirty.
const DIFFERENT_BYTES_MIN: usize = 12;

/// A text that is no key. Changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyTextError {
    /// It is neither hex nor base64.
    Malformed,
    /// Its bytes are no random bytes.
    Pattern,
    /// It holds so few bytes.
    TooShort(usize),
}

impl fmt::Display for KeyTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("is neither hex nor base64")?,
            Self::Pattern => f.write_str("is a pattern and no random key")?,
            Self::TooShort(bytes) => {
                write!(f, "holds {bytes} bytes, at least {GOSSIP_KEY_BYTES_MIN} are needed")?;
            }
        }
        f.write_str(": make one with `bellwether key new`")
    }
}

impl std::error::Error for KeyTextError {}

/// The bytes of a key; white space around its text is ignored.
pub fn parse(text: &str) -> Result<Vec<u8>, KeyTextError> {
    let text = text.trim_ascii();
    // Hex digits are base64 too: what can be read as hex is hex.
    let bytes = hex(text).or_else(|| base64(text)).ok_or(KeyTextError::Malformed)?;
    if bytes.len() < GOSSIP_KEY_BYTES_MIN {
        return Err(KeyTextError::TooShort(bytes.len()));
    }
    let mut different = bytes.clone();
    different.sort_unstable();
    different.dedup();
    if different.len() < DIFFERENT_BYTES_MIN { Err(KeyTextError::Pattern) } else { Ok(bytes) }
}

/// The text of a key.
pub fn print(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from_digit(digit.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if padding > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        (bits, held) = (bits << 6 | u32::from(value), held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xFF).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Vec<u8> {
        (0..32).map(|number: u8| number.wrapping_mul(151) ^ 0xA5).collect()
    }

    #[test]
    fn a_key_is_read_as_it_was_printed() {
        let text = print(&key());
        assert_eq!(text.len(), 64);
        assert_eq!(parse(&format!("{text}\n")).unwrap(), key());
        assert_eq!(parse(&text.to_uppercase()).unwrap(), key());
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        assert_eq!(base64("YmVsbA==").unwrap(), b"bell");
        assert_eq!(base64("YmVsbA").unwrap(), b"bell");
        assert_eq!(base64("YmVsbHc=").unwrap(), b"bellw");
        assert_eq!(base64("-_-_").unwrap(), base64("+/+/").unwrap());
        assert_eq!(base64("Y"), None);
        let text = "3q2+7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs=";
        assert_eq!(parse(text).unwrap()[..5], [0xDE, 0xAD, 0xBE, 0xEF, 0]);
    }

    #[test]
    fn weak_keys_are_refused() {
        assert_eq!(parse("secret!"), Err(KeyTextError::Malformed));
        assert_eq!(parse(""), Err(KeyTextError::TooShort(0)));
        assert_eq!(parse(&print(&key()[1..])), Err(KeyTextError::TooShort(31)));
        assert_eq!(parse(&"0".repeat(64)), Err(KeyTextError::Pattern));
        assert_eq!(parse(&"0123456789abcdef".repeat(4)), Err(KeyTextError::Pattern));
    }
}
