//! What the journal is asked to do on the blocking pool. A record that cannot be kept is left out: it must not cost the
//! others their place.

use crate::store::{Fault, Journal, Medium, Record};
use crate::wire::record::Kind;

/// What is to be written.
#[derive(Debug)]
pub(super) struct Work {
    /// What has changed.
    pub(super) records: Vec<Record>,
    /// The whole state before that, if the journal is to begin anew, the most precious first.
    pub(super) state: Option<Vec<Record>>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// What the flash failed with.
    pub(super) fault: Option<String>,
    /// Whether a commit was made.
    pub(super) wrote: bool,
    /// What was left out.
    pub(super) left: Left,
}

/// Records that were left out.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// How many.
    pub(super) records: u64,
    /// Why the first one was.
    pub(super) first: Option<Fault>,
}

impl Left {
    fn add(&mut self, records: usize, why: Fault) {
        self.records += records as u64;
        self.first.get_or_insert(why);
    }
}

/// Commits, or begins anew with the whole state.
pub(super) fn write<M: Medium>(journal: &mut Journal<M>, work: Work) -> Written {
    let mut written = Written::default();
    let left = &mut written.left;
    let Work { mut records, state } = work;
    let begun = match state {
        Some(state) => begin_anew(journal, state, left),
        None => Ok(()),
    };
    keep_sized(&mut records, left);
    match begun.and_then(|()| commit(journal, &records, left)) {
        Ok(wrote) => written.wrote = wrote,
        Err(fault) => written.fault = Some(fault.to_string()),
    }
    written
}

fn keep_sized(records: &mut Vec<Record>, left: &mut Left) {
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
    mut state: Vec<Record>,
    left: &mut Left,
) -> Result<(), Fault> {
    keep_sized(&mut state, left);
    loop {
        match journal.rewrite(&state, &|kind| Kind::from_number(kind).is_some()) {
            Err(full @ Fault::Full { .. }) if !state.is_empty() => {
                let stays = state.len() * 7 / 8;
                left.add(state.len() - stays, full);
                state.truncate(stays);
            }
            outcome => return outcome,
        }
    }
}

/// Returns whether anything was written. What finds no room is left out; halving finds out what does.
fn commit<M: Medium>(
    journal: &mut Journal<M>,
    records: &[Record],
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

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::limits::STORE_BODY_BYTES_MAX;
    use crate::shell::flash::FlashDir;
    use crate::store::Options;

    fn fresh(name: &str) -> PathBuf {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-keeper").join(name);
        if path.exists() {
            std::fs::remove_dir_all(&path).unwrap();
        }
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    fn open(path: &Path) -> (Journal<FlashDir>, Vec<Vec<u8>>) {
        let mut keys = Vec::new();
        let options = Options { segment_bytes_max: 64 * 4096, segment_bytes_min: 0, salt: 1 };
        let dir = FlashDir::own(path).unwrap();
        let opened = Journal::open(dir, options, &mut |_, key, _| keys.push(key.to_vec()));
        keys.sort();
        (opened.unwrap().0, keys)
    }

    fn records(records: Vec<Record>) -> Work {
        Work { records, state: None }
    }

    #[test]
    fn a_record_that_is_too_large_costs_the_others_nothing() {
        let path = fresh("large");
        let (mut journal, _) = open(&path);
        let large = || Record::put(1, "large", vec![0; STORE_BODY_BYTES_MAX + 1]);
        let work = records(vec![Record::put(1, "a", "1"), large(), Record::put(1, "b", "2")]);
        let written = write(&mut journal, work);
        assert_eq!((written.fault, written.wrote, written.left.records), (None, true, 1));
        let state = Some(vec![large(), Record::put(1, "c", "3")]);
        let written = write(&mut journal, Work { records: vec![], state });
        assert_eq!((written.fault, written.left.records), (None, 1));
        drop(journal);
        assert_eq!(open(&path).1, [b"c"]);
    }

    #[test]
    fn a_full_journal_takes_what_fits_and_stays_sound() {
        let path = fresh("full");
        let (mut journal, _) = open(&path);
        let put = |n: u16| Record::put(1, n.to_be_bytes(), vec![7; 1000]);
        let written = write(&mut journal, records((0..400).map(put).collect()));
        assert_eq!((written.fault, written.wrote), (None, true));
        let left = written.left.records;
        assert!((100..300).contains(&left), "{left} of 400 KB were left out of 256 KiB");
        let deletes = (0..50u16).map(|n| Record::delete(1, n.to_be_bytes()));
        let written = write(&mut journal, records(deletes.chain([put(999)]).collect()));
        assert_eq!((written.fault, written.left.records), (None, 0));
        let written =
            write(&mut journal, Work { records: vec![], state: Some((0..400).map(put).collect()) });
        assert_eq!(written.fault, None);
        assert!((100..300).contains(&written.left.records));
        drop(journal);
        assert!(open(&path).1.contains(&vec![0, 0]), "the first are the precious ones");
    }
}
