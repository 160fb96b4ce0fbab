//! Log lines about a journal that fails: when it begins, when it becomes another failure, rarely while it lasts,
//! and when it ends.

use std::time::Duration;

use log::{error, info, warn};

use crate::limits::JOURNAL_SAID_INTERVAL;

/// The last line.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    lasting: Option<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    fault: String,
    since: Duration,
    said_at: Duration,
}

/// The line to be logged.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Begins,
    Changes,
    /// Since when.
    Lasts(Duration),
    /// After so long.
    Ends(Duration),
}

impl Troubles {
    /// Begins with what the start has told. Times are durations since any fixed moment.
    pub(super) fn new(fault: Option<String>, now: Duration) -> Self {
        Self { lasting: fault.map(|fault| Trouble { fault, since: now, said_at: now }) }
    }

    /// Tells the log how the journal at `path` stands, if that is worth a line.
    pub(super) fn say(
        &mut self,
        path: &str,
        fault: Option<&str>,
        retry_in: Option<Duration>,
        now: Duration,
    ) {
        let Some(word) = self.word(fault, now) else { return };
        let fault = fault.unwrap_or_default();
        let retry = retry_in.map_or(String::new(), |after| {
            format!("; next try in {} s", after.as_millis().div_ceil(1000))
        });
        let memory = "going on from memory, what is new does not survive a restart";
        match word {
            Word::Begins => error!("--storage.path={path}: {fault}{retry}; {memory}"),
            Word::Changes => warn!("--storage.path={path}: now {fault}{retry}; {memory}"),
            Word::Lasts(time) => warn!(
                "--storage.path={path}: for {} min now: {fault}{retry}; {memory}",
                time.as_secs() / 60
            ),
            Word::Ends(time) => info!(
                "--storage.path={path}: everything is kept on flash again, after {} s",
                time.as_secs()
            ),
        }
    }

    fn word(&mut self, fault: Option<&str>, now: Duration) -> Option<Word> {
        let (Some(fault), Some(lasting)) = (fault, &mut self.lasting) else {
            let before = std::mem::replace(
                &mut self.lasting,
                fault.map(|fault| Trouble { fault: fault.to_owned(), since: now, said_at: now }),
            );
            return match (before, fault) {
                (None, Some(_)) => Some(Word::Begins),
                (Some(before), _) => Some(Word::Ends(now.saturating_sub(before.since))),
                (None, None) => None,
            };
        };
        let word = if !same_but_for_numbers(&lasting.fault, fault) {
            Word::Changes
        } else if now.saturating_sub(lasting.said_at) >= JOURNAL_SAID_INTERVAL {
            Word::Lasts(now.saturating_sub(lasting.since))
        } else {
            return None;
        };
        fault.clone_into(&mut lasting.fault);
        lasting.said_at = now;
        Some(word)
    }
}

/// Whether two texts tell of the same, the amounts aside.
fn same_but_for_numbers(one: &str, other: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let is_word = |word: &&str| !word.is_empty() && *word != "KiB" && *word != "MiB";
        let split = text.split(|c: char| !c.is_alphabetic());
        split.filter(is_word).map(str::to_owned).collect()
    };
    words(one) == words(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_ROOM: &str = "journal: no room: needs 2.1 MiB, 1.0 MiB free";

    #[test]
    fn a_failure_is_told_when_it_begins_changes_lasts_and_ends() {
        let mut troubles = Troubles::default();
        let at = |secs| JOURNAL_SAID_INTERVAL + Duration::from_secs(secs);
        assert_eq!(troubles.word(None, at(0)), None);
        assert_eq!(troubles.word(Some(NO_ROOM), at(1)), Some(Word::Begins));
        let other = "journal: no room: needs 2.3 MiB, 900 KiB free";
        assert_eq!(troubles.word(Some(other), at(2)), None, "the amounts alone are no news");
        assert_eq!(troubles.word(Some("Read-only file system"), at(3)), Some(Word::Changes));
        let later = at(3) + JOURNAL_SAID_INTERVAL;
        let lasts = Word::Lasts(later.saturating_sub(at(1)));
        assert_eq!(troubles.word(Some("Read-only file system"), later), Some(lasts));
        let ends = Word::Ends(later.saturating_sub(at(1)));
        assert_eq!(troubles.word(None, later), Some(ends));
        assert_eq!(troubles.word(None, later), None);
    }

    #[test]
    fn troubles_reported_at_the_start_do_not_begin_again() {
        let mut troubles = Troubles::new(Some(NO_ROOM.to_owned()), Duration::ZERO);
        assert_eq!(troubles.word(Some(NO_ROOM), Duration::from_secs(1)), None);
    }
}
