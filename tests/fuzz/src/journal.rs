//! The journal: written, damaged, opened. Every record that is found was written; those written afterwards are found.

#[allow(dead_code, reason = "shared with the tests, which use all of it")]
#[path = "../../support/flash.rs"]
mod flash;
#[path = "../../support/rng.rs"]
mod rng;

use std::collections::{BTreeMap, BTreeSet};

use bellwether::store::record::PAGE_BYTES;
use bellwether::store::{Fault, Journal, JournalOptions, JournalRecord, read, survey};

use crate::input::Input;
use flash::Flash;

type Found = BTreeMap<(u16, Vec<u8>), Vec<u8>>;

fn options(salt: u64) -> JournalOptions {
    JournalOptions { segment_bytes_min: 6 * PAGE_BYTES, segment_bytes_max: 16 * PAGE_BYTES, salt }
}

fn open(flash: &Flash, salt: u64) -> Option<(Journal<Flash>, Found)> {
    let mut found = Found::new();
    let opened = Journal::open(flash.clone(), options(salt), &mut |kind, key, body| {
        found.insert((kind, key.to_vec()), body.to_vec());
    });
    opened.ok().map(|(journal, _)| (journal, found))
}

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let flash = Flash::new();
    let (mut journal, _) = open(&flash, 1).unwrap();
    let mut written = BTreeSet::new();
    for _ in 0..input.byte() % 12 {
        let (key, length) = (input.byte() % 4, usize::from(input.u16() % 5000));
        let body = vec![input.byte(); length];
        let record = if length == 0 {
            JournalRecord::delete(1, [key])
        } else {
            JournalRecord::put(1, [key], body.clone())
        };
        if let Err(fault) = journal.commit(&[record]) {
            assert!(matches!(fault, Fault::Full { .. }), "on good flash: {fault:?}");
            break;
        }
        written.insert(((1, vec![key]), body));
    }
    drop(journal);
    for _ in 0..8 {
        if input.is_empty() {
            break;
        }
        damage(&flash, &mut input);
    }
    let looked = survey(flash.copied());
    let mut seen = Found::new();
    let only_read = read(flash.copied(), &mut |kind, key, body| {
        seen.insert((kind, key.to_vec()), body.to_vec());
    });
    let Some((mut journal, found)) = open(&flash, 2) else { return };
    for record in &found {
        let record = (record.0.clone(), record.1.clone());
        assert!(
            written.contains(&record),
            "never written: {:?}, {} bytes",
            record.0,
            record.1.len()
        );
    }
    let counted: usize = looked.unwrap().kinds.iter().map(|kind| kind.records).sum();
    assert_eq!(counted, found.len());
    assert!(only_read.is_ok() && seen == found);
    // It goes on, at the latest when it was written anew.
    let state: Vec<JournalRecord> = found
        .iter()
        .map(|((kind, key), body)| JournalRecord::put(*kind, key.clone(), body.clone()))
        .collect();
    let more = JournalRecord::put(2, *b"more", *b"more");
    if journal.commit(std::slice::from_ref(&more)).is_err() {
        journal.rewrite(&state, &|_| true).unwrap();
        journal.commit(&[more]).unwrap();
    }
    let mut expected = found;
    expected.insert((2, b"more".to_vec()), b"more".to_vec());
    let (_, again) = open(&flash, 3).unwrap();
    assert_eq!(again, expected);
}

fn damage(flash: &Flash, input: &mut Input<'_>) {
    let files = flash.files();
    let (choice, place) = (input.byte(), usize::from(input.u16()));
    let Some((name, length)) = files.get(usize::from(choice >> 4) % files.len().max(1)) else {
        return;
    };
    if *length == 0 {
        return;
    }
    // Near the beginning of a page most of what counts stands.
    let at = match choice & 1 {
        0 => place % length,
        _ => (place / 64 * PAGE_BYTES as usize + place % 64) % length,
    };
    match choice >> 1 & 3 {
        0 => flash.flip(name, at, input.byte()),
        1 => flash.truncate(name, at),
        _ => {
            let bytes = input.take(32);
            flash.overwrite(name, at, &bytes[..bytes.len().min(length - at)]);
        }
    }
}
