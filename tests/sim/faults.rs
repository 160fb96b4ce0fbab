//! Deliberate faults: each breaks one rule in a copy of the sources, and the checker or story that is there to notice it must,
//! whatever others do; and every checker is there for one. `cargo test --test sim -- --faults` builds the copy and runs it.

mod edits;

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::switches;
use crate::{scenarios, swarm, text, workers};

/// Seeds that a fault may survive.
const SEEDS_MAX: u64 = 400;

/// Which part of the simulator is to notice a fault.
#[derive(Clone, Copy, Debug)]
enum By {
    /// A checker, in some seed.
    Checker(&'static str),
    /// A story.
    Story(&'static str),
    /// A checker that a story asks.
    CheckerOf(&'static str, &'static str),
}

use By::{Checker, CheckerOf, Story};

const NOTICED_BY: &[(&str, &[By])] = &[
    ("AlertNotPublished", &[Checker("equal")]),
    ("AlertNotStored", &[Checker("lost")]),
    ("AnyVersionWins", &[Checker("versions")]),
    ("BudgetIgnored", &[Checker("budget")]),
    ("ClaimNotPublished", &[Checker("quiet")]),
    ("ClaimNotRenewed", &[Checker("quiet")]),
    ("ClaimsIgnored", &[Checker("quiet")]),
    ("ClockOffsetIgnored", &[Checker("equal")]),
    ("DebtNotKept", &[Story("all_that_is_owed_survives_a_power_cut_and_is_told_at_a_pace")]),
    ("DigestsIgnored", &[Checker("equal")]),
    ("DirectoryNotSynced", &[Checker("lost")]),
    ("EndedNotRestored", &[Checker("lost")]),
    ("EndsForgotten", &[Checker("told")]),
    ("ExpectationIgnored", &[Checker("missing")]),
    ("ExpiryNotPublished", &[Checker("equal")]),
    ("HeartbeatByAll", &[Checker("beats")]),
    ("HistoryNotKept", &[Story("the_history_is_there_after_a_power_cut")]),
    (
        "KeepsIgnored",
        &[CheckerOf("the_last_quarter_of_a_budget_is_for_alerts_that_it_keeps", "budget")],
    ),
    ("LateNotSaid", &[Story("all_that_is_owed_survives_a_power_cut_and_is_told_at_a_pace")]),
    (
        "LimitIgnored",
        &[CheckerOf("two_halves_that_need_more_groups_than_there_may_be_keep_their_own", "bounds")],
    ),
    ("LogBeforeAnswer", &[Checker("told"), Checker("overdue")]),
    ("LogNotPublished", &[Checker("quiet")]),
    ("LogNotRestored", &[Checker("repeat")]),
    ("MembersForgotten", &[Story("a_member_that_does_not_come_back_after_a_power_cut_is_missed")]),
    ("NewerForgotten", &[Checker("newer")]),
    ("NewerRefused", &[Checker("newer")]),
    ("NewsNotResent", &[Story("a_flock_tells_each_group_once_though_much_is_lost")]),
    (
        "NothingOwed",
        &[Checker("owed"), Story("alerts_that_came_and_went_without_uplink_are_told_once")],
    ),
    ("PaceIgnored", &[Story("all_that_is_owed_survives_a_power_cut_and_is_told_at_a_pace")]),
    ("RanksDiffer", &[Checker("quiet")]),
    ("SignsNotTold", &[Checker("missing")]),
    ("SilencesIgnored", &[Checker("muted")]),
    ("SizeIgnored", &[Story("a_large_alert_is_told_in_time_by_a_node_that_has_it")]),
    ("SyncSkipped", &[Checker("lost")]),
    ("WaitsByWall", &[Checker("timers")]),
];

/// The checkers: each has a file.
fn checkers() -> BTreeSet<&'static str> {
    let name = |line: &'static str| line.strip_prefix("pub(crate) mod ")?.strip_suffix(';');
    include_str!("checkers/mod.rs").lines().filter_map(name).collect()
}

/// Every fault has a place in the sources and something that is to notice it, and every checker notices one.
pub(crate) fn every_fault_has_a_checker_and_every_checker_a_fault() {
    let made: BTreeSet<_> = edits::EDITS.iter().map(|it| it.0).collect();
    let noticed: BTreeSet<_> = NOTICED_BY.iter().map(|it| it.0).collect();
    assert_eq!(made, noticed);
    let mut idle = checkers();
    for by in NOTICED_BY.iter().flat_map(|it| it.1) {
        if let Checker(name) | CheckerOf(_, name) = by {
            idle.remove(name);
        }
    }
    assert!(idle.is_empty(), "checkers that notice no fault: {idle:?}");
}

/// Builds the copy, and has each fault whose name contains one of these words noticed.
pub(crate) fn every_fault_is_noticed(words: &[String]) {
    let program = switches::build("faults", edits::EDITS, &["--test", "sim"]);
    let wanted = |fault: &str| words.is_empty() || words.iter().any(|it| fault.contains(&**it));
    let all = NOTICED_BY.iter().filter(|it| wanted(it.0));
    let all = all.flat_map(|(fault, by)| by.iter().map(|by| (*fault, *by)));
    let noticed = workers::each(all.collect::<Vec<_>>(), |(fault, by)| {
        let seeds = match by {
            Checker(name) => noticed_by_checker(&program, fault, name).map(Some),
            Story(story) => noticed_by_story(&program, fault, story, "").then_some(None),
            CheckerOf(story, name) => {
                noticed_by_story(&program, fault, story, &format!("{name}: ")).then_some(None)
            }
        };
        (fault, by, seeds)
    });
    let unnoticed: Vec<_> = noticed.iter().filter(|(_, _, seeds)| seeds.is_none()).collect();
    assert!(unnoticed.is_empty(), "not noticed as they should be: {unnoticed:?}");
    let most = noticed.iter().filter_map(|(_, _, seeds)| seeds.flatten()).max().unwrap_or_default();
    let count = noticed.iter().map(|it| it.0).collect::<BTreeSet<_>>().len();
    println!("  {count} faults, those that seeds show each noticed within {most} of them");
}

fn run(program: &Path, fault: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).env("SWITCH", fault).output().expect("the copy runs")
}

/// How many seeds it takes until one that is clean without the fault fails in the words of a checker. Words of others
/// before do not count, and neither does a seed that fails by itself.
fn noticed_by_checker(program: &Path, fault: &str, checker: &str) -> Option<u64> {
    let mut from = 0;
    while from < SEEDS_MAX {
        let (first, count) = (from.to_string(), (SEEDS_MAX - from).to_string());
        let args = ["--from", &first, "--seeds", &count, "--until", checker];
        let told = run(program, fault, &args).stdout;
        let told = String::from_utf8_lossy(&told);
        let found = told.lines().find_map(|line| line.strip_prefix("noticed in seed "))?;
        let (seed, error) = found.split_once(": ")?;
        let seed: u64 = seed.parse().ok()?;
        match failure_of(seed) {
            None => {
                println!("  {fault}: noticed by {checker} after {} seeds: {error}", seed + 1);
                return Some(seed + 1);
            }
            Some(own) => println!("  seed {seed} fails by itself: {own}"),
        }
        from = seed + 1;
    }
    None
}

/// Whether a story that passes without the fault fails with it, and says these words.
fn noticed_by_story(program: &Path, fault: &str, name: &str, words: &str) -> bool {
    let (_, story) = scenarios::ALL.iter().find(|(it, _)| *it == name).expect("there is the story");
    let with = run(program, fault, &[name]);
    let told = String::from_utf8_lossy(&with.stdout);
    let error = told.split_once("... FAILED: ").map(|it| it.1).filter(|it| it.contains(words));
    let Some(error) = error.filter(|_| !with.status.success() && catch_unwind(story).is_ok())
    else {
        return false;
    };
    println!("  {fault}: noticed by {name}: {}", error.lines().next().unwrap_or_default());
    true
}

/// Runs seeds one after the other until one fails in the words of this checker.
pub(crate) fn print_first_noticed(from: u64, seeds: u64, checker: &str) {
    let noticed = (from..from + seeds).find_map(|seed| {
        let error = failure_of(seed)?;
        (error.split(": ").nth(1) == Some(checker)).then_some((seed, error))
    });
    if let Some((seed, error)) = noticed {
        println!("noticed in seed {seed}: {error}");
    }
}

/// How a seed fails, if it does.
fn failure_of(seed: u64) -> Option<String> {
    let outcome = catch_unwind(|| swarm::run(seed));
    outcome.unwrap_or_else(|panic| Err(format!("a panic: {}", text(&*panic)))).err()
}
