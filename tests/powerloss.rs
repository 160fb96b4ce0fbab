//! Power cuts at every write and every sync, with every end that the flash allows.
//!
//! The oracle: what is replayed is the state after some prefix of the commits, and the prefix includes everything that
//! was acknowledged. `Sin` shows that the test can fail: each broken promise of the medium is caught.
//!
//! `BELLWETHER_SEEDS=100000 cargo test --profile long --test powerloss` runs so many random histories, and the exhaustive
//! ones with every subset of up to 12 sectors; `BELLWETHER_SEED=7` runs one and prints its steps.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test program")]

#[path = "support/mod.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "shared between test programs, not all of which use all of it"
)]
mod support;

use std::collections::BTreeMap;

use bellwether::store::{Fault, Journal, JournalOptions, JournalRecord, Medium as _, Op, survey};
use support::flash::{Faults, Flash, Outcome, Sin};
use support::rng::Rng;

type Model = BTreeMap<(u16, Vec<u8>), Vec<u8>>;

/// A kind that the caller does not know: it must survive everything, untouched.
const UNKNOWN: u16 = 99;

fn env(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "how a developer asks for a longer run")]
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {value}")))
}

/// The calls so far stand in for randomness: no two openings between which anything changed have the same salt.
fn options(flash: &Flash) -> JournalOptions {
    let same = flash.sin() == Some(Sin::SameSalt);
    let salt = if same { 1 } else { Rng::new(flash.calls() as u64).next() };
    JournalOptions { segment_bytes_min: 6 * 4096, segment_bytes_max: 64 * 4096, salt }
}

/// The states that may be on flash: the one after each commit so far, from the last acknowledged one on.
#[derive(Clone, Debug)]
struct Ledger {
    versions: Vec<Model>,
    acknowledged: usize,
}

impl Ledger {
    fn new() -> Self {
        Self { versions: vec![Model::new()], acknowledged: 0 }
    }

    fn of(state: Model) -> Self {
        Self { versions: vec![state], acknowledged: 0 }
    }

    /// The caller's state in memory.
    fn memory(&self) -> &Model {
        self.versions.last().unwrap()
    }

    fn asked(&mut self, records: &[JournalRecord]) {
        let mut state = self.memory().clone();
        for record in records {
            let key = (record.kind, record.key.clone());
            match &record.op {
                Op::Put(body) => state.insert(key, body.clone()),
                Op::Delete => state.remove(&key),
            };
        }
        self.versions.push(state);
    }

    fn acknowledged(&mut self) {
        self.acknowledged = self.versions.len() - 1;
    }

    fn allows(&self, state: &Model) -> bool {
        self.versions[self.acknowledged..].contains(state)
    }

    fn known_records(&self) -> Vec<JournalRecord> {
        let known = self.memory().iter().filter(|((kind, _), _)| *kind != UNKNOWN);
        known
            .map(|((kind, key), body)| JournalRecord::put(*kind, key.clone(), body.clone()))
            .collect()
    }
}

fn open(flash: &Flash) -> Result<(Journal<Flash>, Model), Fault> {
    let mut state = Model::new();
    let (journal, _) = Journal::open(flash.clone(), options(flash), &mut |kind, key, body| {
        let twice = state.insert((kind, key.to_vec()), body.to_vec());
        assert!(twice.is_none(), "a live record was handed out twice");
    })?;
    Ok((journal, state))
}

/// Replays and compares; the state that was found is what the caller builds on from here.
fn recover(flash: &Flash, ledger: &Ledger) -> Result<(Journal<Flash>, Ledger), String> {
    let (journal, state) = open(flash).map_err(|fault| fault.to_string())?;
    if !ledger.allows(&state) {
        let keys: Vec<_> = state.iter().map(|((k, key), b)| (k, key.clone(), b.len())).collect();
        return Err(format!("found a state that never was or is too old: {keys:?}"));
    }
    Ok((journal, Ledger::of(state)))
}

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<JournalRecord>),
    Compact,
}

fn play(journal: &mut Journal<Flash>, ledger: &mut Ledger, step: &Step) {
    match step {
        Step::Compact => {
            // It changes nothing but where things are.
            let _compacted = journal.compact();
        }
        Step::Commit(records) => {
            ledger.asked(records);
            if journal.commit(records).is_ok() {
                ledger.acknowledged();
            }
        }
    }
}

fn play_all(journal: &mut Journal<Flash>, ledger: &mut Ledger, steps: &[Step]) {
    for step in steps {
        play(journal, ledger, step);
    }
}

/// All ends of a cut if there are no more than `most`; else none, all, each sector and pair alone and missing, and some
/// random ones.
fn outcomes(flash: &Flash, most: usize) -> Vec<Outcome> {
    let (sectors, names) = flash.pending();
    let bounds: Vec<usize> = sectors.iter().copied().chain(vec![2; names]).collect();
    let outcome = |choice: &[usize]| Outcome {
        sectors: choice[..sectors.len()].to_vec(),
        names: choice[sectors.len()..].iter().map(|there| *there == 1).collect(),
    };
    let all = bounds.iter().try_fold(1usize, |all, n| all.checked_mul(*n)).unwrap_or(usize::MAX);
    if all <= most {
        return (0..all)
            .map(|mut n| {
                let mut digit = |bound: &usize| {
                    let digit = n % bound;
                    n /= bound;
                    digit
                };
                outcome(&bounds.iter().map(&mut digit).collect::<Vec<_>>())
            })
            .collect();
    }
    let last: Vec<usize> = bounds.iter().map(|bound| bound - 1).collect();
    let mut found = vec![outcome(&vec![0; bounds.len()]), outcome(&last)];
    for i in 0..bounds.len() {
        for j in i..bounds.len() {
            let only = |n: usize| if n == i || n == j { last[n] } else { 0 };
            let without = |n: usize| if n == i || n == j { 0 } else { last[n] };
            found.push(outcome(&(0..bounds.len()).map(only).collect::<Vec<_>>()));
            found.push(outcome(&(0..bounds.len()).map(without).collect::<Vec<_>>()));
        }
    }
    let mut rng = Rng::new(most as u64);
    found.extend((0..64).map(|_| flash.any_outcome(&mut rng)));
    found
}

fn body(seed: usize, bytes: usize) -> Vec<u8> {
    let mut rng = Rng::new(seed as u64);
    (0..bytes).map(|_| rng.next().to_le_bytes()[0] | 1).collect()
}

/// Short histories that between them append, delete, span pages, create, compact, switch, reuse and grow.
fn stories() -> Vec<(&'static str, Vec<Step>)> {
    let put = |kind, key: &str, n, bytes| JournalRecord::put(kind, key, body(n, bytes));
    let commit = |records: &[JournalRecord]| Step::Commit(records.to_vec());
    vec![
        (
            "append",
            vec![
                commit(&[put(1, "a", 1, 900)]),
                commit(&[put(1, "b", 2, 300), put(1, "a", 3, 700)]),
                commit(&[JournalRecord::delete(1, "a")]),
            ],
        ),
        (
            "groups over several pages",
            vec![
                commit(&[put(1, "a", 1, 100)]),
                commit(&[put(1, "b", 2, 4050), put(2, "c", 3, 600)]),
            ],
        ),
        (
            "compact and switch",
            vec![
                commit(&[put(UNKNOWN, "u", 9, 100), put(1, "a", 1, 500)]),
                commit(&[put(1, "a", 2, 600)]),
                Step::Compact,
                commit(&[put(1, "b", 3, 400)]),
                Step::Compact,
                commit(&[JournalRecord::delete(1, "a")]),
                Step::Compact,
                commit(&[put(1, "c", 4, 300)]),
            ],
        ),
        ("full and switch", (0..8).map(|n| commit(&[put(1, "a", n, 700 + n)])).collect()),
        (
            "grow",
            vec![
                commit(&[put(1, "a", 1, 3000)]),
                commit(&[put(1, "b", 2, 5000)]),
                commit(&[put(1, "c", 3, 6000)]),
                commit(&[put(1, "d", 4, 200)]),
            ],
        ),
    ]
}

/// Cuts a story before each of its calls and tries every end; recovers, goes on, and cuts that everywhere too.
/// Returns how many recoveries it checked.
fn cut_everywhere(steps: &[Step], most: usize, sin: Option<Sin>) -> Result<usize, String> {
    let start = |cut: usize| {
        let flash = Flash::new();
        if let Some(sin) = sin {
            flash.commit_sin(sin);
        }
        flash.cut_after(cut);
        let mut ledger = Ledger::new();
        if let Ok((mut journal, _)) = open(&flash) {
            play_all(&mut journal, &mut ledger, steps);
        }
        (flash, ledger)
    };
    let calls = start(usize::MAX / 2).0.calls();
    let mut checked = 0;
    for cut in 0..=calls {
        let (flash, ledger) = start(cut);
        let outcomes = outcomes(&flash, most);
        // Where there are too many ends to cut the recovery of each, every so many is cut again.
        let stride = outcomes.len().div_ceil(most.min(256));
        for (n, outcome) in outcomes.iter().enumerate() {
            let after = flash.after_cut(outcome);
            let checks = if n % stride == 0 {
                recover_and_cut_again(&after, &ledger, most.min(64))
            } else {
                recover(&after, &ledger).map(|_| 1)
            };
            checked += checks.map_err(|e| format!("cut before call {cut}, {outcome:?}: {e}"))?;
        }
    }
    Ok(checked)
}

fn recover_and_cut_again(flash: &Flash, ledger: &Ledger, most: usize) -> Result<usize, String> {
    let steps = &[Step::Commit(vec![JournalRecord::put(1, "after", body(77, 600))]), Step::Compact];
    let whole = flash.copied();
    let before = whole.calls();
    let (mut journal, found) = recover(&whole, ledger)?;
    let mut later = found.clone();
    play_all(&mut journal, &mut later, steps);
    let calls = whole.calls() - before;
    drop(journal);
    recover(&whole, &later).map_err(|error| format!("restarted after recovery: {error}"))?;
    let mut checked = 2;
    for cut in 0..calls {
        let cut_again = flash.copied();
        cut_again.cut_after(cut);
        let mut ledger = found.clone();
        if let Ok((mut journal, _)) = open(&cut_again) {
            play_all(&mut journal, &mut ledger, steps);
        }
        for outcome in outcomes(&cut_again, most) {
            recover(&cut_again.after_cut(&outcome), &ledger)
                .map_err(|error| format!("second cut before call {cut}, {outcome:?}: {error}"))?;
            checked += 1;
        }
    }
    Ok(checked)
}

#[test]
fn a_cut_anywhere_leaves_a_prefix_with_everything_acknowledged() {
    let most = if env("BELLWETHER_SEEDS").is_some() { 1 << 12 } else { 32 };
    for (name, steps) in stories() {
        let checked = cut_everywhere(&steps, most, None)
            .unwrap_or_else(|error| panic!("story \"{name}\": {error}"));
        println!("{name}: {checked} recoveries");
    }
}

/// One random history: commits, compactions, faults, kills and cuts, with everything drawn from the seed.
fn history(seed: u64, sin: Option<Sin>, log: bool) -> Result<(), String> {
    history_on(Flash::new(), seed, sin, log)
}

/// The same on a card that is full, or nearly.
fn tight_history(seed: u64) -> Result<(), String> {
    let flash = Flash::new();
    flash.set_capacity((20 + usize::try_from(seed % 60).unwrap()) * 4096);
    history_on(flash, seed, None, false)
}

fn history_on(mut flash: Flash, seed: u64, sin: Option<Sin>, log: bool) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    if let Some(sin) = sin {
        flash.commit_sin(sin);
    }
    if rng.once_in(2) {
        flash.reuse_old_blocks(seed);
    }
    let big = rng.once_in(4);
    let faulty = rng.once_in(2);
    let unknown = JournalRecord::put(UNKNOWN, "kept", body(5, 300));
    let mut ledger = Ledger::new();
    let (mut journal, _) = open(&flash).map_err(|fault| fault.to_string())?;
    play(&mut journal, &mut ledger, &Step::Commit(vec![unknown]));
    let mut lives = 1 + rng.below(4);
    while lives > 0 {
        if rng.once_in(3) {
            flash.cut_after(rng.below(30));
        }
        for _ in 0..rng.below(25) {
            if faulty && rng.once_in(6) {
                let faults = random_faults(&mut rng);
                if log {
                    println!("{faults:?}");
                }
                flash.set_faults(faults);
            }
            let step = if rng.once_in(12) {
                Step::Compact
            } else {
                Step::Commit(random_records(&mut rng, big))
            };
            play(&mut journal, &mut ledger, &step);
            if log {
                print_step(&step, &journal, &ledger);
            }
            if journal.fault().is_some()
                && rng.once_in(2)
                && journal.rewrite(&ledger.known_records(), &|kind| kind != UNKNOWN).is_ok()
            {
                ledger.acknowledged();
            }
        }
        flash = if rng.once_in(2) {
            flash.after_kill()
        } else {
            flash.after_cut(&flash.any_outcome(&mut rng))
        };
        if log {
            println!("restart with {:?}", survey(flash.copied()));
        }
        (journal, ledger) = recover(&flash, &ledger)?;
        match journal.fault() {
            Some(Fault::NoRoom { .. }) if flash.room().is_some() => {}
            Some(fault) => return Err(format!("a healthy medium, and yet: {fault}")),
            None => {}
        }
        lives -= 1;
    }
    Ok(())
}

fn random_faults(rng: &mut Rng) -> Faults {
    let mut faults = Faults::default();
    match rng.below(6) {
        0 => faults.no_space = true,
        1 => faults.read_only = true,
        2 => faults.writes = 1 + u32::from(rng.once_in(2)),
        3 => faults.syncs = 1 + u32::from(rng.once_in(2)) * 2,
        _ => {}
    }
    faults
}

fn random_records(rng: &mut Rng, big: bool) -> Vec<JournalRecord> {
    let count = 1 + rng.below(3);
    (0..count)
        .map(|_| {
            let kind = 1 + u16::from(rng.once_in(3));
            let key = [b'a' + u8::try_from(rng.below(6)).unwrap()];
            let bytes = if big && rng.once_in(4) { 9000 } else { 1200 };
            if rng.once_in(4) {
                JournalRecord::delete(kind, key)
            } else {
                JournalRecord::put(kind, key, body(rng.below(1 << 30), rng.below(bytes)))
            }
        })
        .collect()
}

fn print_step(step: &Step, journal: &Journal<Flash>, ledger: &Ledger) {
    if let Step::Commit(records) = step {
        for r in records {
            let bytes = r.body().map_or(0, <[u8]>::len);
            print!("{}/{}:{bytes} ", r.kind, r.key.escape_ascii());
        }
    } else {
        print!("compact ");
    }
    let (epoch, offset) = journal.position();
    let (version, sure) = (ledger.versions.len() - 1, ledger.acknowledged);
    println!("-> version {version}, sure of {sure}, epoch {epoch} at {offset}");
    if let Some(fault) = journal.fault() {
        println!("   {fault}");
    }
}

#[test]
fn random_histories_of_cuts_kills_and_faults_lose_nothing_acknowledged() {
    if let Some(seed) = env("BELLWETHER_SEED") {
        history(seed, None, true).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        return;
    }
    let seeds = env("BELLWETHER_SEEDS").unwrap_or(2_000);
    for seed in 0..seeds {
        history(seed, None, false)
            .unwrap_or_else(|error| panic!("BELLWETHER_SEED={seed} replays this: {error}"));
    }
    println!("{seeds} histories");
}

#[test]
fn random_histories_on_a_full_card_lose_nothing_acknowledged() {
    for seed in 0..env("BELLWETHER_SEEDS").unwrap_or(2_000) {
        tight_history(seed).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

#[test]
fn each_broken_promise_of_the_medium_is_noticed() {
    for sin in [
        Sin::SkipSync,
        Sin::SkipSyncDir,
        Sin::HideSyncFailure,
        Sin::SkipSettle,
        Sin::TouchPageBefore,
        Sin::SyncAfterTheAnswer,
        Sin::SameSalt,
    ] {
        let caught = (0..3_000).find(|seed| history(*seed, Some(sin), false).is_err());
        println!("{sin:?}: caught by seed {caught:?}");
        assert!(caught.is_some(), "{sin:?} went unnoticed in random histories");
    }
    for sin in [Sin::SkipSync, Sin::SkipSyncDir, Sin::TouchPageBefore, Sin::SyncAfterTheAnswer] {
        let caught =
            stories().iter().any(|(_, steps)| cut_everywhere(steps, 64, Some(sin)).is_err());
        assert!(caught, "{sin:?} went unnoticed in the exhaustive stories");
    }
}
