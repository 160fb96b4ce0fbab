//! The wear that the journal causes on its card. Commits are the budget, not bytes: each makes the card write a whole inner unit.

use std::ops::Add;

use crate::limits::STORE_INNER_WRITE_BYTES as INNER_WRITE_BYTES;

/// The wear accounts since the journal was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wear {
    /// Commit groups made durable.
    pub commits: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes written: groups, copies, headers and the zeros of new segments.
    pub bytes: u64,
    /// Syncs asked for, of files and of the directory.
    pub syncs: u64,
    /// Segments written because the one before was full or had failed.
    pub compactions: u64,
    /// Operations that the medium failed.
    pub faults: u64,
}

impl Add for Wear {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            commits: self.commits + other.commits,
            records: self.records + other.records,
            bytes: self.bytes + other.bytes,
            syncs: self.syncs + other.syncs,
            compactions: self.compactions + other.compactions,
            faults: self.faults + other.faults,
        }
    }
}

/// Days that a card lives on so many commits a day, if each costs a whole inner write unit
/// ([`crate::limits::STORE_INNER_WRITE_BYTES`]) of the bytes that the card can be written in its life. None with no
/// commits: such a card does not die of this.
pub fn card_days(endurance_bytes: u64, commits_a_day: u64) -> Option<u64> {
    endurance_bytes.checked_div(commits_a_day.saturating_mul(INNER_WRITE_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_of_8_tb_lives_55_years_on_100_commits_a_day() {
        let days = card_days(8_000_000_000_000, 100).unwrap();
        assert_eq!(days / 365, 54);
        assert_eq!(card_days(8_000_000_000_000, 86_400), Some(23));
        assert_eq!(card_days(8_000_000_000_000, 0), None);
    }
}
