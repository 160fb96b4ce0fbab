//! The silence.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::model::{Labels, Matchers};
use crate::time::Wall;

/// A version 4 UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SilenceId(u128);

impl SilenceId {
    /// Before all others.
    pub const MIN: Self = Self(0);

    /// An id of 128 random bits, six of which are overwritten with the UUID's version and variant.
    pub const fn from_random(bits: u128) -> Self {
        Self(bits & !(0xF000 << 64) & !(0xC000 << 48) | 0x4000 << 64 | 0x8000 << 48)
    }

    /// The id of these bits, as it was stored.
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// Its bits.
    pub const fn as_bits(self) -> u128 {
        self.0
    }
}

impl fmt::Display for SilenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        let part = |from, to| hex.get(from..to).unwrap_or_default();
        write!(
            f,
            "{}-{}-{}-{}-{}",
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32)
        )
    }
}

impl fmt::Debug for SilenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SilenceId {
    type Err = ();

    /// Takes the 36-character form, in either case.
    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = text.as_bytes();
        let dashes = [8, 13, 18, 23];
        if bytes.len() != 36 || dashes.iter().any(|&at| bytes.get(at) != Some(&b'-')) {
            return Err(());
        }
        let hex: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        if hex.len() == 32 {
            u128::from_str_radix(&hex, 16).map(Self).map_err(|_| ())
        } else {
            Err(())
        }
    }
}

/// The annotation, name and value, of a silence that ends as soon as no alert that it matches fires: an acknowledgement.
pub const ENDS_WHEN_RESOLVED: (&str, &str) = ("ends", "when resolved");

/// The value of the same annotation of an acknowledgement that leaves alerts of another severity than now alone.
pub const OR_SEVERITY_CHANGES: &str = "when resolved or severity changes";

/// The annotation of a silence that the config declares; its value is the name there.
pub const DECLARED: &str = "declared";

/// Alerts that match every matcher are not notified between the two times.
#[derive(Clone, Debug, PartialEq)]
pub struct Silence {
    /// Its name for ever: a changed silence that would rewrite history gets a new one.
    pub id: SilenceId,
    /// At least one, of which at least one does not match the empty string.
    pub matchers: Matchers,
    /// From when.
    pub starts_at: Wall,
    /// Until when.
    pub ends_at: Wall,
    /// When it was last set or expired: the later one wins a merge.
    pub updated_at: Wall,
    /// The author.
    pub created_by: Arc<str>,
    /// Why.
    pub comment: Arc<str>,
    /// The author's comment.
    pub annotations: Labels,
}

/// Where in its life a silence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SilenceState {
    /// It mutes now.
    Active,
    /// It will mute.
    Pending,
    /// It has muted.
    Expired,
}

impl SilenceState {
    /// The word that the API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Expired => "expired",
        }
    }
}

impl Silence {
    /// Bytes of its text.
    pub fn bytes(&self) -> usize {
        let pairs = self.annotations.iter().map(|(name, value)| name.len() + value.len());
        self.created_by.len() + self.comment.len() + self.matchers.bytes() + pairs.sum::<usize>()
    }

    /// Whether it ends as soon as no alert that it matches fires.
    pub fn ends_when_resolved(&self) -> bool {
        let (name, value) = ENDS_WHEN_RESOLVED;
        matches!(self.annotations.get(name), Some(it) if it == value || it == OR_SEVERITY_CHANGES)
    }

    /// Where in its life it is at `now`: pending before its start, expired after its end.
    pub fn state(&self, now: Wall) -> SilenceState {
        if now < self.starts_at {
            SilenceState::Pending
        } else if now > self.ends_at {
            SilenceState::Expired
        } else {
            SilenceState::Active
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_and_parses_as_a_version_4_uuid() {
        let id = SilenceId::from_random(u128::MAX);
        assert_eq!(id.to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        for bad in [
            "",
            "notauuid",
            "ffffffff-ffff-4fff-bfff-fffffffffffg",
            "ffffffffffff4fffbfffffffffffffffffff",
        ] {
            assert_eq!(bad.parse::<SilenceId>(), Err(()), "{bad}");
        }
    }
}
