//! The parts of a certificate that errors name, and its key for pins: as much DER as that takes.

use crate::time::Wall;
use crate::wire::rfc3339;

/// Fields of a certificate, as they are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// The issuer.
    pub issuer: &'a [u8],
    /// When it becomes valid.
    pub not_before: Wall,
    /// When it ends.
    pub not_after: Wall,
    /// Whose it is.
    pub subject: &'a [u8],
    /// The public key with its algorithm, `SubjectPublicKeyInfo`, whole.
    pub public_key: &'a [u8],
}

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;

impl<'a> Certificate<'a> {
    /// Reads a certificate. None if it is not one; whether anybody should trust it is not asked here.
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let mut fields = inner(inner(der, SEQUENCE)?, SEQUENCE)?;
        if fields.first() == Some(&VERSION) {
            fields = take(fields)?.1;
        }
        let (serial, fields) = take(fields)?;
        let (_algorithm, fields) = take(fields)?;
        let (issuer, fields) = take(fields)?;
        let (validity, fields) = take(fields)?;
        let (subject, fields) = take(fields)?;
        let (public_key, _) = take(fields)?;
        inner(serial, INTEGER)?;
        inner(public_key, SEQUENCE)?;
        let (not_before, rest) = take(inner(validity, SEQUENCE)?)?;
        let (not_after, _) = take(rest)?;
        let (not_before, not_after) = (time(not_before)?, time(not_after)?);
        Some(Self { issuer, not_before, not_after, subject, public_key })
    }
}

/// Splits one element, with its tag and length, from what follows it.
fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (start, length) = header(bytes)?;
    bytes.split_at_checked(start.checked_add(length)?)
}

/// The content of the first element, if it has this tag.
fn inner(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (start, length) = header(bytes)?;
    let content = bytes.get(start..start.checked_add(length)?)?;
    (bytes.first() == Some(&tag)).then_some(content)
}

/// Where the content of the first element starts, and how long it is.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = *bytes.get(1)?;
    if first < 0x80 {
        return Some((2, usize::from(first)));
    }
    let count = usize::from(first & 0x7f);
    let digits = bytes.get(2..2 + count).filter(|_| (1..=4).contains(&count))?;
    let length = digits.iter().fold(0_u64, |length, digit| length << 8 | u64::from(*digit));
    Some((2 + count, usize::try_from(length).ok()?))
}

/// `YYMMDDhhmmssZ` or, with another tag, `YYYYMMDDhhmmssZ`.
fn time(bytes: &[u8]) -> Option<Wall> {
    let text = match *bytes.first()? {
        UTC_TIME => {
            let text = std::str::from_utf8(inner(bytes, UTC_TIME)?).ok()?;
            let year: u32 = text.get(..2)?.parse().ok()?;
            format!("{}{text}", if year < 50 { "20" } else { "19" })
        }
        GENERALIZED_TIME => std::str::from_utf8(inner(bytes, GENERALIZED_TIME)?).ok()?.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| text.get(from..to);
    let (date, clock) = (part(0, 8)?, part(8, 14)?);
    let rest = part(14, text.len())?;
    if rest != "Z" || !text.get(..14)?.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) = (date.get(..4)?, date.get(4..6)?, date.get(6..)?);
    // Later than any `Wall`: certificates of devices end in 9999.
    if year > "2261" {
        return Some(Wall::MAX);
    }
    let (hour, minute, second) = (clock.get(..2)?, clock.get(2..4)?, clock.get(4..)?);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    rfc3339::parse(&text).ok().flatten()
}
