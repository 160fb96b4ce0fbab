//! The alerts of our own: the one table of their names.

/// A certificate ends soon, or has ended.
pub const CERTIFICATE_ENDS: &str = "BellwetherCertificateEnds";
/// The wall clock has stepped while it counted as synchronised.
pub const CLOCK_STEPPED: &str = "BellwetherClockStepped";
/// The wall clock is not synchronised.
pub const CLOCK_UNSET: &str = "BellwetherClockUnset";
/// The config was changed and not taken: the former one stays in force.
pub const CONFIG_REJECTED: &str = "BellwetherConfigRejected";
/// Something that is expected again and again stays away.
pub const EXPECTED_MISSING: &str = "BellwetherExpectedMissing";
/// The flash wears out before its time.
pub const FLASH_WEARING: &str = "BellwetherFlashWearing";
/// Half of the flock, or more, was lost at once.
pub const FLOCK_SPLIT: &str = "BellwetherFlockSplit";
/// The agent keeps nothing on flash, or not all.
pub const JOURNAL_FAILED: &str = "BellwetherJournalFailed";
/// A peer of the flock has another key.
pub const KEY_MISMATCH: &str = "BellwetherKeyMismatch";
/// A member of the flock does not answer.
pub const MEMBER_DOWN: &str = "BellwetherMemberDown";
/// Alerts that came and went while a receiver was not reached are more than is kept; the rest is only counted.
pub const OWED_CUT: &str = "BellwetherOwedCut";
/// Notifications to a receiver fail.
pub const RECEIVER_FAILING: &str = "BellwetherReceiverFailing";

/// Every one of them.
pub const NAMES: [&str; 12] = [
    CERTIFICATE_ENDS,
    CLOCK_STEPPED,
    CLOCK_UNSET,
    CONFIG_REJECTED,
    EXPECTED_MISSING,
    FLASH_WEARING,
    FLOCK_SPLIT,
    JOURNAL_FAILED,
    KEY_MISMATCH,
    MEMBER_DOWN,
    OWED_CUT,
    RECEIVER_FAILING,
];

/// Those that the status, the page and the metrics show as troubles. Debts, expectations and the journal have
/// places of their own there.
pub const TROUBLES: [&str; 9] = [
    CERTIFICATE_ENDS,
    CLOCK_STEPPED,
    CLOCK_UNSET,
    CONFIG_REJECTED,
    FLASH_WEARING,
    FLOCK_SPLIT,
    KEY_MISMATCH,
    MEMBER_DOWN,
    RECEIVER_FAILING,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{EXPECT_MAX, OWN_ALERTS_MAX, OWN_ALERTS_OF_A_KIND_MAX, OWN_GROUPS_MAX};

    #[test]
    fn alerts_of_our_own_are_no_more_than_their_room() {
        // Of what is expected there is one each.
        let most = (NAMES.len() - 1) * OWN_ALERTS_OF_A_KIND_MAX + EXPECT_MAX;
        assert!(most <= OWN_ALERTS_MAX && most <= OWN_GROUPS_MAX, "{most}");
    }

    #[test]
    fn every_name_is_documented_and_no_other() {
        let names_in = |text: &str| -> Vec<String> {
            let words = text.split(|it: char| !it.is_ascii_alphanumeric());
            let mut names: Vec<String> = words
                .filter(|it| it.len() > 10 && it.starts_with("Bellwether"))
                .map(ToOwned::to_owned)
                .collect();
            names.sort();
            names.dedup();
            names
        };
        let rows = include_str!("../../systemd/README.md");
        let rows: String = rows.lines().filter(|it| it.starts_with("| `Bellwether")).collect();
        assert_eq!(names_in(&rows), NAMES, "systemd/README.md");
        let keys = include_str!("../../configs/reference.toml");
        let keys = keys.split("alerts of its own").nth(1).unwrap().split("own = ").next().unwrap();
        assert_eq!(names_in(keys), NAMES, "configs/reference.toml");
        assert!(TROUBLES.iter().all(|it| NAMES.contains(it)));
    }
}
