//! The journal over flash that fails, and its bytes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test program")]

#[path = "support/mod.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "shared between test programs, not all of which use all of it"
)]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use bellwether::limits::{
    STORE_BODY_BYTES_MAX, STORE_COPY_BYTES, STORE_CUTS_MAX, STORE_SEGMENT_BYTES_MAX,
};
use bellwether::store::record::{PAGE_BYTES, SegmentHeader};
use bellwether::store::{
    Damage, Fault, Journal, JournalOptions, JournalRecord, Op, Replay, read, survey,
};
use support::flash::{Faults, Flash};
use support::rng::Rng;

type Model = BTreeMap<(u16, Vec<u8>), Vec<u8>>;

const PAGE: usize = PAGE_BYTES as usize;

fn options() -> JournalOptions {
    JournalOptions {
        segment_bytes_min: 6 * PAGE_BYTES,
        segment_bytes_max: 64 * PAGE_BYTES,
        salt: 1,
    }
}

fn open(flash: &Flash) -> (Journal<Flash>, Model, Replay) {
    let mut found = Model::new();
    let (journal, replay) = Journal::open(flash.clone(), options(), &mut |kind, key, body| {
        found.insert((kind, key.to_vec()), body.to_vec());
    })
    .unwrap();
    (journal, found, replay)
}

fn found(flash: &Flash) -> Model {
    open(&flash.copied()).1
}

fn model(records: &[JournalRecord]) -> Model {
    let mut model = Model::new();
    for record in records {
        let key = (record.kind, record.key.clone());
        match &record.op {
            Op::Put(body) => model.insert(key, body.clone()),
            Op::Delete => model.remove(&key),
        };
    }
    model
}

fn put(key: &str, bytes: usize) -> JournalRecord {
    let mut rng = Rng::new(bytes as u64);
    let body: Vec<u8> = (0..bytes).map(|_| rng.next().to_le_bytes()[0]).collect();
    JournalRecord::put(1, key, body)
}

#[test]
fn a_commit_is_one_page_and_one_sync() {
    let flash = Flash::new();
    let (mut journal, ..) = open(&flash);
    journal.commit(&[put("a", 200)]).unwrap();
    let (before, calls) = (journal.wear(), flash.calls());
    journal.commit(&(0..10).map(|n| put(&n.to_string(), 200)).collect::<Vec<_>>()).unwrap();
    let after = journal.wear();
    assert_eq!((after.bytes - before.bytes, after.syncs - before.syncs), (4096, 1));
    assert_eq!(flash.calls() - calls, 2);
    assert_eq!((after.commits, after.records), (2, 11));
}

#[test]
fn an_input_without_a_change_writes_nothing() {
    let flash = Flash::new();
    let (mut journal, ..) = open(&flash);
    assert!(!journal.commit(&[JournalRecord::delete(1, "never")]).unwrap().wrote);
    assert!(!journal.commit(&[]).unwrap().wrote);
    assert_eq!(flash.files(), []);
    journal.commit(&[put("a", 10)]).unwrap();
    drop(journal);
    let calls = flash.calls();
    drop(open(&flash));
    assert_eq!(flash.calls() - calls, 1, "a start settles the one segment and writes nothing");
}

#[test]
fn a_failed_sync_moves_the_state_and_keeps_the_commit() {
    let flash = Flash::new();
    let (mut journal, ..) = open(&flash);
    journal.commit(&[put("a", 10)]).unwrap();
    flash.set_faults(Faults { syncs: 1, ..Faults::default() });
    let done = journal.commit(&[put("b", 20)]).unwrap();
    assert!(matches!(done.survived, Some(Fault::Medium { doing: "sync", .. })));
    assert_eq!(journal.fault(), None);
    assert_eq!(journal.wear().faults, 1);
    let failed = flash.bytes("journal-0");
    journal.commit(&[put("c", 30)]).unwrap();
    assert_eq!(flash.bytes("journal-0"), failed, "what failed is never written again");
    let all_lost = flash.any_outcome(&mut Rng::new(0));
    let after = flash.after_cut(&all_lost);
    assert_eq!(found(&after), model(&[put("a", 10), put("b", 20), put("c", 30)]));
}

#[test]
fn when_nothing_can_be_written_it_keeps_the_fault_until_it_is_rewritten() {
    for faults in [
        Faults { read_only: true, ..Faults::default() },
        Faults { syncs: 99, ..Faults::default() },
        Faults { writes: 99, ..Faults::default() },
    ] {
        let flash = Flash::new();
        let (mut journal, ..) = open(&flash);
        journal
            .commit(&[JournalRecord::put(77, "unknown", "kept"), put("a", 10), put("b", 20)])
            .unwrap();
        flash.set_faults(faults);
        let fault = journal.commit(&[put("c", 30)]).unwrap_err();
        assert_eq!(journal.fault(), Some(&fault));
        let calls = flash.calls();
        assert_eq!(journal.commit(&[JournalRecord::delete(1, "a")]), Err(fault));
        assert_eq!(flash.calls(), calls, "a refused commit does not touch the medium");
        let state = [put("b", 20), put("c", 30)];
        assert!(journal.rewrite(&state, &|kind| kind == 1).is_err());
        flash.set_faults(Faults::default());
        journal.rewrite(&state, &|kind| kind == 1).unwrap();
        assert_eq!(journal.fault(), None);
        journal.commit(&[put("d", 40)]).unwrap();
        let kept = JournalRecord::put(77, "unknown", "kept");
        assert_eq!(found(&flash), model(&[kept, put("b", 20), put("c", 30), put("d", 40)]));
    }
}

#[test]
fn without_space_for_a_third_segment_it_overwrites_the_oldest() {
    let flash = Flash::new();
    let (mut journal, ..) = open(&flash);
    for n in 1..10 {
        journal.commit(&[put("a", n)]).unwrap();
    }
    assert_eq!(flash.files().len(), 3);
    flash.set_faults(Faults { no_space: true, ..Faults::default() });
    for n in 10..30 {
        journal.commit(&[put("a", n)]).unwrap();
    }
    assert_eq!(found(&flash), model(&[put("a", 29)]));
}

/// The part that can be read without opening it.
fn read_only(flash: &Flash) -> (Model, Replay) {
    let mut found = Model::new();
    let replay = read(flash.clone(), &mut |kind, key, body| {
        found.insert((kind, key.to_vec()), body.to_vec());
    });
    (found, replay.unwrap())
}

#[test]
fn a_journal_that_cannot_be_written_is_read() {
    let (flash, records) = history();
    flash.set_faults(Faults { read_only: true, ..Faults::default() });
    let (found, replay) = read_only(&flash);
    assert_eq!(found, model(&records));
    assert!(replay.is_all() && replay.cuts.is_empty());
}

#[test]
fn a_segment_that_is_not_for_us_is_left_alone_and_the_others_are_read() {
    let (flash, records) = history();
    let newest = newest(&flash);
    let denied = ["journal-0", "journal-1", "journal-2"].into_iter().find(|name| *name == newest);
    let calls = flash.calls();
    flash.set_faults(Faults { denied, ..Faults::default() });
    let fault = Journal::open(flash.clone(), options(), &mut |_, _, _| {}).unwrap_err();
    assert!(fault.to_string().contains(&newest), "{fault}");
    let (found, replay) = read_only(&flash);
    assert!(!found.is_empty(), "the generation before it");
    assert!(!replay.is_all(), "{:?}", replay.cuts);
    flash.set_faults(Faults::default());
    assert_eq!(open(&flash).1, model(&records), "after {} calls", flash.calls() - calls);
}

#[test]
fn records_survive_a_newer_segment_that_is_unreadable_for_a_while() {
    let (flash, _) = history();
    let newest = newest(&flash);
    let reads_of = ["journal-0", "journal-1", "journal-2"].into_iter().find(|name| *name == newest);
    flash.set_faults(Faults { reads_of, ..Faults::default() });
    let (mut journal, mut state, _) = open(&flash);
    journal.commit(&[put("after", 500)]).unwrap();
    flash.set_faults(Faults::default());
    state.extend(model(&[put("after", 500)]));
    assert_eq!(found(&flash), state);
}

#[test]
fn without_room_nothing_is_touched_and_what_is_missing_is_told() {
    let flash = Flash::new();
    flash.set_capacity(40 * PAGE);
    let (mut journal, ..) = open(&flash);
    let large: Vec<JournalRecord> = (0..7).map(|n| put(&n.to_string(), 20_000)).collect();
    journal.commit(&large).unwrap_err();
    let fault = journal.rewrite(&large, &|_| true).unwrap_err();
    let Fault::NoRoom { needed, free } = fault else { panic!("{fault}") };
    assert_eq!(free, 40 * PAGE as u64);
    assert_eq!((journal.wear().bytes, flash.files()), (0, vec![]));
    flash.set_capacity(usize::try_from(needed).unwrap());
    journal.rewrite(&large, &|_| true).unwrap();
    assert_eq!(found(&flash), model(&large));
}

#[test]
fn where_there_is_little_room_segments_are_small_and_it_goes_on() {
    let flash = Flash::new();
    flash.set_capacity(16 * PAGE + 60 * PAGE);
    let (mut journal, ..) = open(&flash);
    let mut rng = Rng::new(5);
    let mut kept = Vec::new();
    for n in 0..400 {
        // Up to some twenty pages, so that now three segments find room and now two.
        let record = put(&rng.below(20).to_string(), rng.below(if n < 200 { 1500 } else { 4000 }));
        journal.commit(std::slice::from_ref(&record)).unwrap();
        kept.push(record);
    }
    let used: usize = flash.files().iter().map(|(_, size)| size).sum();
    assert!(used <= 60 * PAGE, "{used}");
    assert_eq!(found(&flash), model(&kept));
    flash.set_capacity(1000 * PAGE);
    for n in 0..200 {
        journal.commit(&[put("a", n)]).unwrap();
    }
    let used: usize = flash.files().iter().map(|(_, size)| size).sum();
    assert!(used > 60 * PAGE, "there is room again: {used}");
}

#[test]
fn the_other_segments_give_way_where_one_more_finds_room_only_then() {
    let flash = Flash::new();
    let (mut journal, ..) = open(&flash);
    for n in 0..30 {
        journal.commit(&[put("a", n)]).unwrap();
    }
    let used: usize = flash.files().iter().map(|(_, size)| size).sum();
    assert_eq!(used, 18 * PAGE);
    flash.set_capacity(16 * PAGE + used);
    let larger: Vec<JournalRecord> = (0..3).map(|n| put(&n.to_string(), 6000)).collect();
    for record in &larger {
        journal.commit(std::slice::from_ref(record)).unwrap();
    }
    assert_eq!(found(&flash), model(&[&[put("a", 29)], &larger[..]].concat()));
}

#[test]
fn only_what_was_written_is_counted() {
    let flash = Flash::new();
    let (mut journal, ..) = open(&flash);
    journal.commit(&[put("a", 10)]).unwrap();
    let before = journal.wear();
    flash.set_faults(Faults { no_space: true, ..Faults::default() });
    let large: Vec<JournalRecord> = (0..9).map(|n| put(&n.to_string(), 20_000)).collect();
    for _ in 0..5 {
        journal.rewrite(&large, &|_| true).unwrap_err();
    }
    assert_eq!(journal.wear().bytes, before.bytes);
}

#[test]
fn live_records_that_do_not_read_back_are_a_fault_and_not_a_loss() {
    let flash = Flash::new();
    let (mut journal, ..) = open(&flash);
    journal.commit(&[put("a", 10)]).unwrap();
    flash.set_faults(Faults { reads_of: Some("journal-0"), ..Faults::default() });
    assert_eq!(journal.compact(), Err(Fault::Unreadable { records: 1 }));
    journal.rewrite(&[put("a", 10)], &|_| true).unwrap();
    flash.set_faults(Faults::default());
    assert_eq!(found(&flash), model(&[put("a", 10)]));
}

#[test]
fn a_batch_that_is_too_large_is_refused_whole() {
    let flash = Flash::new();
    let (mut journal, ..) = open(&flash);
    let refused = journal.commit(&[put("a", 10), put("b", STORE_BODY_BYTES_MAX + 1)]).unwrap_err();
    assert!(matches!(refused, Fault::TooLarge { what: "body", .. }));
    let refused = journal.commit(&[JournalRecord::put(1, vec![0; 1025], "")]).unwrap_err();
    assert!(matches!(refused, Fault::TooLarge { what: "key", bytes: 1025, bytes_max: 1024 }));
    assert_eq!((journal.live(), journal.fault()), ((0, 0), None));
    journal.commit(&[put("b", 64 * 1024)]).unwrap();
    assert_eq!(found(&flash), model(&[put("b", 64 * 1024)]));
}

#[test]
fn the_largest_record_is_kept_also_over_a_compaction() {
    let flash = Flash::new();
    let (mut journal, _) =
        Journal::open(flash.clone(), JournalOptions::new(1), &mut |_, _, _| {}).unwrap();
    let largest = put("b", STORE_BODY_BYTES_MAX);
    journal.commit(&[put("a", 10), largest.clone(), put("c", 20)]).unwrap();
    assert_eq!(found(&flash), model(&[put("a", 10), largest.clone(), put("c", 20)]));
    journal.compact().unwrap();
    journal.commit(&[JournalRecord::delete(1, "a")]).unwrap();
    assert_eq!(found(&flash), model(&[largest, put("c", 20)]));
}

#[test]
fn a_full_journal_refuses_puts_and_takes_deletes() {
    let flash = Flash::new();
    let (mut journal, ..) = open(&flash);
    let mut kept = Vec::new();
    let refused = loop {
        let record = put(&kept.len().to_string(), 5000);
        match journal.commit(std::slice::from_ref(&record)) {
            Ok(_) => kept.push(record),
            Err(fault) => break fault,
        }
    };
    assert!(matches!(refused, Fault::Full { .. }), "{refused}");
    assert!(kept.len() > 30, "only {} fitted into 256 KiB", kept.len());
    assert_eq!(found(&flash), model(&kept));
    for _ in 0..200 {
        journal.commit(&[put("0", 10)]).unwrap();
        journal.commit(&[JournalRecord::delete(1, "0")]).unwrap();
    }
    journal.commit(&[put("new", 3000)]).unwrap();
    kept[0] = put("new", 3000);
    assert_eq!(found(&flash), model(&kept));
}

#[test]
fn segments_grow_with_the_live_records_and_shrink_again() {
    let flash = Flash::new();
    let (mut journal, ..) = open(&flash);
    let size = |flash: &Flash| flash.files().iter().map(|(_, size)| *size).max().unwrap();
    for n in 0..20 {
        journal.commit(&[put(&n.to_string(), 4000)]).unwrap();
    }
    assert_eq!(size(&flash), 48 * PAGE);
    for n in 0..20 {
        journal.commit(&[JournalRecord::delete(1, n.to_string())]).unwrap();
    }
    for n in 0..300 {
        journal.commit(&[put("a", n)]).unwrap();
    }
    assert_eq!(size(&flash), 24 * PAGE, "halved while the live records fill a sixteenth");
}

#[test]
fn a_group_that_is_too_large_for_one_becomes_several() {
    let flash = Flash::new();
    let (mut journal, ..) = open(&flash);
    let records: Vec<JournalRecord> = (0..3).map(|n| put(&n.to_string(), 50_000)).collect();
    journal.commit(&records).unwrap();
    assert_eq!(journal.wear().commits, 2);
    assert_eq!(found(&flash), model(&records));
}

/// Commits with several generations behind them; the last segment has a base and two commits.
fn history() -> (Flash, Vec<JournalRecord>) {
    let flash = Flash::new();
    let (mut journal, ..) = open(&flash);
    let keys = ["a", "b", "c", "d"];
    let records: Vec<JournalRecord> = (0..13).map(|n| put(keys[n % 4], 100 + n * 37)).collect();
    for record in &records {
        journal.commit(std::slice::from_ref(record)).unwrap();
    }
    (flash, records)
}

/// The file of the newest segment.
fn newest(flash: &Flash) -> String {
    let survey = survey(flash.copied()).unwrap();
    let newest = survey.segments.iter().find(|segment| {
        matches!(segment.slot, bellwether::store::Slot::Segment { header, .. }
            if header.epoch == survey.replay.epoch)
    });
    newest.unwrap().name.clone()
}

#[test]
fn a_flipped_bit_costs_at_most_one_commit_and_never_invents_one() {
    let (flash, records) = history();
    let mut allowed = BTreeSet::from([model(&records)]);
    for n in 0..records.len() {
        let mut without = records.clone();
        without.remove(n);
        allowed.insert(model(&without));
    }
    let mut rng = Rng::new(3);
    let (mut losses, mut repairs) = (0, 0);
    for (name, size) in flash.files() {
        let mut at = 0;
        while at < size {
            let flipped = flash.copied();
            flipped.flip(&name, at, 1 << rng.below(8));
            let (journal, state, replay) = open(&flipped);
            assert!(allowed.contains(&state), "{name} byte {at}: {:?}", replay.cuts);
            let lost = state != model(&records);
            assert!(!(lost && replay.repaired), "{name} byte {at}: repaired and yet lost");
            repairs += usize::from(replay.repaired);
            losses += usize::from(lost);
            assert!(!lost || !replay.cuts.is_empty(), "{name} byte {at}: lost without a word");
            assert_eq!(journal.fault(), None);
            assert_eq!(found(&flipped), state, "{name} byte {at}: healed to something else");
            // Every byte that means something, and a sample of the rest.
            at += if at % PAGE < 1200 { 1 } else { 1 + rng.below(64) };
        }
    }
    assert!(losses > 0 && repairs > 0, "no flip hit a commit or a base: the test shows nothing");
}

#[test]
fn a_damaged_base_is_taken_from_the_generation_before() {
    let (flash, records) = history();
    flash.overwrite(&newest(&flash), 2 * PAGE, &[0xff; PAGE]);
    let (_, state, replay) = open(&flash);
    assert!(replay.repaired);
    assert!(state == model(&records));
    assert!(!open(&flash).2.repaired, "it was copied to a fresh segment at once");
}

#[test]
fn a_truncated_segment_is_replayed_as_far_as_it_goes() {
    let (flash, records) = history();
    let mut ever: Vec<Model> = (0..=records.len()).map(|n| model(&records[..n])).collect();
    ever.reverse();
    for (name, size) in flash.files() {
        for len in (0..size).step_by(997) {
            let cut = flash.copied();
            cut.truncate(&name, len);
            let (mut journal, state, _) = open(&cut);
            assert!(ever.contains(&state), "{name} cut to {len}");
            journal.commit(&[put("after", 500)]).unwrap();
            assert!(found(&cut).contains_key(&(1, b"after".to_vec())));
        }
    }
}

#[test]
fn of_very_much_damage_so_many_places_are_told_and_the_rest_is_replayed() {
    let flash = Flash::new();
    let bytes = 512 * PAGE_BYTES;
    let large = JournalOptions { segment_bytes_min: bytes, segment_bytes_max: bytes, ..options() };
    let (mut journal, _) = Journal::open(flash.clone(), large, &mut |_, _, _| {}).unwrap();
    let keys: Vec<String> = (0..3 * STORE_CUTS_MAX).map(|n| format!("key-{n}")).collect();
    for key in &keys {
        journal.commit(&[put(key, 100)]).unwrap();
    }
    let name = newest(&flash);
    let bytes = flash.bytes(&name);
    // Of every second commit, each of which has pages of its own, a byte of the record.
    for key in keys.iter().step_by(2) {
        let at = bytes.windows(key.len()).position(|it| it == key.as_bytes()).unwrap();
        flash.overwrite(&name, at, b"X");
    }
    let (state, replay) = read_only(&flash);
    assert_eq!(replay.cuts.len(), STORE_CUTS_MAX);
    let whole: Vec<JournalRecord> =
        keys.iter().skip(1).step_by(2).map(|key| put(key, 100)).collect();
    assert!(state == model(&whole), "{:?}", state.keys());
}

#[test]
fn a_damaged_page_of_a_copy_costs_one_group_of_records_at_most() {
    let flash = Flash::new();
    let large = JournalOptions { segment_bytes_max: 512 * PAGE_BYTES, ..options() };
    let (mut journal, _) = Journal::open(flash.clone(), large, &mut |_, _, _| {}).unwrap();
    let records: Vec<JournalRecord> = (0..600).map(|n| put(&format!("key-{n}"), 1000)).collect();
    journal.commit(&records).unwrap();
    journal.compact().unwrap();
    journal.compact().unwrap();
    let name = newest(&flash);
    let bytes = flash.bytes(&name);
    let at = bytes.windows(7).position(|it| it == b"key-300").unwrap();
    for name in flash.files().iter().map(|(name, _)| name).filter(|it| **it != name) {
        flash.truncate(name, 0);
    }
    flash.overwrite(&name, at, b"X");
    let (state, _) = read_only(&flash);
    let lost = records.len() - state.len();
    assert!((1..=STORE_COPY_BYTES / 1000).contains(&lost), "{lost} records are lost");
}

#[test]
fn the_largest_segment_has_room_for_so_much_and_no_more() {
    let flash = Flash::new();
    let (mut journal, _) = Journal::open(flash, JournalOptions::new(1), &mut |_, _, _| {}).unwrap();
    let mut bytes = 0;
    let refused = (0..).find_map(|n| {
        let record = put(&n.to_string(), STORE_BODY_BYTES_MAX);
        bytes += STORE_BODY_BYTES_MAX;
        journal.commit(&[record]).err()
    });
    let most = STORE_SEGMENT_BYTES_MAX as usize;
    assert!(matches!(refused, Some(Fault::Full { bytes_max, .. }) if bytes_max <= most as u64));
    assert!((most / 2..=most + STORE_BODY_BYTES_MAX).contains(&bytes), "{bytes}");
}

#[test]
fn garbage_in_place_of_every_segment_does_not_stop_it() {
    let (flash, _) = history();
    let mut rng = Rng::new(11);
    for (name, size) in flash.files() {
        let noise: Vec<u8> = (0..size).map(|_| rng.next().to_le_bytes()[0]).collect();
        flash.overwrite(&name, 0, &noise);
    }
    let (mut journal, state, replay) = open(&flash);
    assert_eq!(state, Model::new());
    assert_eq!(replay.cuts.len(), 3);
    assert!(replay.cuts.iter().all(|cut| cut.why == Damage::Header));
    journal.commit(&[put("a", 10)]).unwrap();
    assert_eq!(found(&flash), model(&[put("a", 10)]));
}

/// Makes the newest segment one of another version.
fn with_version(flash: &Flash, major: u16, minor: u16) -> String {
    let newest = flash.files().into_iter().filter_map(|(name, _)| {
        SegmentHeader::decode(&flash.bytes(&name)).map(|header| (header.epoch, name, header))
    });
    let (_, name, header) = newest.max_by_key(|(epoch, ..)| *epoch).unwrap();
    let bytes = SegmentHeader { major, minor, ..header }.encode();
    flash.overwrite(&name, 0, &bytes);
    flash.overwrite(&name, PAGE, &bytes);
    name
}

#[test]
fn a_newer_minor_version_is_read() {
    let (flash, records) = history();
    with_version(&flash, 1, 9);
    assert_eq!(found(&flash), model(&records));
}

#[test]
fn another_major_version_is_set_aside_and_not_overwritten() {
    let (flash, _) = history();
    let name = with_version(&flash, 2, 0);
    let theirs = flash.bytes(&name);
    let (mut journal, state, replay) = open(&flash);
    assert_eq!((state, replay.foreign_major), (Model::new(), Some(2)));
    for n in 0..40 {
        journal.commit(&[put("a", n)]).unwrap();
    }
    assert_eq!(flash.bytes(&format!("{name}.aside")), theirs);
    assert_eq!(found(&flash), model(&[put("a", 39)]));
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// These bytes are on cards in the field. If this test fails, the format has changed: raise the version.
#[test]
fn the_bytes_on_flash_are_what_they_were() {
    let flash = Flash::new();
    let options = JournalOptions { salt: 0x0123_4567_89ab_cdef, ..options() };
    let (mut journal, _) = Journal::open(flash.clone(), options, &mut |_, _, _| {}).unwrap();
    journal
        .commit(&[JournalRecord::put(1, "key", "body"), JournalRecord::put(2, "k", "")])
        .unwrap();
    journal.commit(&[JournalRecord::delete(1, "key")]).unwrap();
    let bytes = flash.bytes("journal-0");
    let header = hex(&bytes[..40]);
    assert_eq!(
        header, "62776a6f75726e6c0100000001000000000000000000000006000000efcdab8967452301efd4aece",
        "segment header"
    );
    assert_eq!(hex(&bytes[PAGE..PAGE + 40]), header, "its copy");
    assert_eq!(
        hex(&bytes[2 * PAGE..2 * PAGE + 28]),
        "82b65e78010000000000000002000000280000001a9db016b5040f0e",
        "group header"
    );
    assert_eq!(
        hex(&bytes[2 * PAGE + 28..2 * PAGE + 51]),
        "0100030004000000980fca42b2df96d86b6579626f6479",
        "put frame"
    );
    assert_eq!(
        hex(&bytes[3 * PAGE..3 * PAGE + 47]),
        "82b65e78010000000100000001000000130000006bf5642b9419252701000300ffffffffa9ab908a6bf5642b6b6579",
        "delete group"
    );
    assert!(bytes[3 * PAGE + 47..].iter().all(|byte| *byte == 0));
}
