//! The work of a journal, and its result. A record that cannot be kept is left out: it must not cost the
//! others their place.

use crate::store::{Fault, Journal, JournalRecord, Medium, Wear};

/// The records to be written.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// The records that have changed.
    pub records: Vec<JournalRecord>,
    /// The whole state before that, if the journal is to begin anew, the most precious first.
    pub state: Option<Vec<JournalRecord>>,
}

/// The result.
#[derive(Debug, Default)]
pub struct Written {
    /// The error of the flash.
    pub fault: Option<Fault>,
    /// Whether a commit was made.
    pub wrote: bool,
    /// The records that were left out.
    pub left: Left,
    /// The wear since the journal was opened.
    pub wear: Wear,
}

/// Records that were left out.
#[derive(Debug, Default)]
pub struct Left {
    /// How many.
    pub records: u64,
    /// Why the first one was.
    pub first: Option<Fault>,
}

impl Left {
    fn add(&mut self, records: usize, why: Fault) {
        self.records += records as u64;
        self.first.get_or_insert(why);
    }
}

impl Work {
    /// Commits, or begins anew with the whole state; `known` says which kinds of records that is. May take as long as
    /// the flash does.
    pub fn perform<M: Medium>(
        self,
        journal: &mut Journal<M>,
        known: &dyn Fn(u16) -> bool,
    ) -> Written {
        let mut written = Written::default();
        let left = &mut written.left;
        let Self { mut records, state } = self;
        let begun = match state {
            Some(state) => begin_anew(journal, state, known, left),
            None => Ok(()),
        };
        keep_sized(&mut records, left);
        match begun.and_then(|()| commit(journal, &records, left)) {
            Ok(wrote) => written.wrote = wrote,
            Err(fault) => written.fault = Some(fault),
        }
        written.wear = journal.wear();
        written
    }
}

fn keep_sized(records: &mut Vec<JournalRecord>, left: &mut Left) {
    records.retain(|record| match record.check_size() {
        Ok(()) => true,
        Err(why) => {
            left.add(1, why);
            false
        }
    });
}

fn begin_anew<M: Medium>(
    journal: &mut Journal<M>,
    mut state: Vec<JournalRecord>,
    known: &dyn Fn(u16) -> bool,
    left: &mut Left,
) -> Result<(), Fault> {
    keep_sized(&mut state, left);
    loop {
        match journal.rewrite(&state, known) {
            Err(full @ Fault::Full { .. }) if !state.is_empty() => {
                let stays = state.len() * 7 / 8;
                left.add(state.len() - stays, full);
                state.truncate(stays);
            }
            outcome => return outcome,
        }
    }
}

/// Returns whether anything was written. Records that find no room are left out; halving finds those that do.
fn commit<M: Medium>(
    journal: &mut Journal<M>,
    records: &[JournalRecord],
    left: &mut Left,
) -> Result<bool, Fault> {
    match journal.commit(records) {
        Ok(done) => Ok(done.wrote),
        Err(full @ Fault::Full { .. }) if journal.fault().is_none() => {
            if records.len() < 2 {
                left.add(records.len(), full);
                return Ok(false);
            }
            let (first, second) = records.split_at(records.len() / 2);
            Ok(commit(journal, first, left)? | commit(journal, second, left)?)
        }
        Err(fault) => Err(fault),
    }
}
