//! Deliberate faults: whoever is there to notice one must, whatever else does; and every checker is there for one.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bellwether::faults::{ALL, CURRENT, Fault};

use crate::{scenarios, swarm, text, workers};

/// Seeds that a fault may survive.
const SEEDS_MAX: u64 = 400;

/// Who is to notice a fault.
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

const fn noticed_by(fault: Fault) -> &'static [By] {
    match fault {
        Fault::AlertNotKept
        | Fault::DirectoryNotSynced
        | Fault::EndedNotRestored
        | Fault::SyncSkipped => &[Checker("lost")],
        Fault::AlertNotShared
        | Fault::ClockOffsetIgnored
        | Fault::DigestsIgnored
        | Fault::ExpiryNotShared => &[Checker("equal")],
        Fault::AnyVersionHolds => &[Checker("versions")],
        Fault::ClaimNotShared
        | Fault::ClaimToldOnce
        | Fault::ClaimsIgnored
        | Fault::LogNotShared
        | Fault::RanksDiffer => &[Checker("quiet")],
        Fault::EndsForgotten => &[Checker("told")],
        Fault::LimitIgnored => &[CheckerOf(
            "two_halves_that_need_more_groups_than_there_may_be_keep_their_own",
            "bounds",
        )],
        Fault::LogBeforeAnswer => &[Checker("told"), Checker("overdue")],
        Fault::LogNotRestored => &[Checker("repeat")],
        Fault::NewerForgotten | Fault::NewerRefused => &[Checker("newer")],
        Fault::NewsNotResent => &[Story("a_flock_tells_each_group_once_though_much_is_lost")],
        Fault::SilencesIgnored => &[Checker("muted")],
        Fault::WaitsByWall => &[Checker("timers")],
    }
}

/// The checkers: each has a file.
fn checkers() -> BTreeSet<&'static str> {
    let name = |line: &'static str| line.strip_prefix("pub(crate) mod ")?.strip_suffix(';');
    include_str!("checkers/mod.rs").lines().filter_map(name).collect()
}

pub(crate) fn every_fault_is_noticed() {
    let all = ALL.iter().flat_map(|fault| noticed_by(*fault).iter().map(|by| (*fault, *by)));
    let noticed = workers::each(all.collect::<Vec<_>>(), |(fault, by)| {
        let seeds = match by {
            Checker(name) => noticed_by_checker(fault, name).map(Some),
            Story(story) => noticed_by_story(fault, story, "").then_some(None),
            CheckerOf(story, name) => {
                noticed_by_story(fault, story, &format!("{name}: ")).then_some(None)
            }
        };
        (fault, by, seeds)
    });
    let unnoticed: Vec<_> = noticed.iter().filter(|(_, _, seeds)| seeds.is_none()).collect();
    assert!(unnoticed.is_empty(), "not noticed by whom they should be: {unnoticed:?}");
    let mut idle = checkers();
    for (_, by, _) in &noticed {
        if let Checker(name) | CheckerOf(_, name) = by {
            idle.remove(name);
        }
    }
    assert!(idle.is_empty(), "checkers that notice no fault: {idle:?}");
    let most = noticed.iter().filter_map(|(_, _, seeds)| seeds.flatten()).max().unwrap_or_default();
    println!("  {} faults, those that seeds show each noticed within {most} of them", ALL.len());
}

/// How many seeds it takes until one that is clean without the fault fails in the words of a checker. What others say
/// before does not count, and neither does a seed that fails by itself.
fn noticed_by_checker(fault: Fault, checker: &str) -> Option<u64> {
    let mut others = BTreeSet::new();
    let seeds = (0..SEEDS_MAX).position(|seed| {
        let Some(error) = live(Some(fault), seed) else { return false };
        let found = error.split(": ").nth(1) == Some(checker);
        if found && let Some(own) = live(None, seed) {
            println!("  seed {seed} fails by itself: {own}");
            return false;
        }
        if !found {
            others.insert(error.split(": ").nth(1).unwrap_or("a panic").to_owned());
        }
        found
    });
    println!("  {fault:?}: others that noticed it until then: {others:?}");
    let seeds = seeds? as u64 + 1;
    println!("  {fault:?}: noticed by {checker} after {seeds} seeds");
    Some(seeds)
}

/// Whether a story that is well without the fault fails with it, and says these words.
fn noticed_by_story(fault: Fault, name: &str, words: &str) -> bool {
    let (_, story) = scenarios::ALL.iter().find(|(it, _)| *it == name).expect("there is the story");
    let said = |fault: Option<Fault>| {
        CURRENT.set(fault);
        let outcome = catch_unwind(story);
        CURRENT.set(None);
        outcome.err().map(|panic| text(&*panic).to_owned())
    };
    let error = said(Some(fault)).filter(|error| error.contains(words) && said(None).is_none());
    if let Some(error) = &error {
        println!("  {fault:?}: noticed by {name}: {error}");
    }
    error.is_some()
}

/// What is wrong with the history of a seed.
fn live(fault: Option<Fault>, seed: u64) -> Option<String> {
    CURRENT.set(fault);
    let outcome = catch_unwind(AssertUnwindSafe(|| swarm::run(seed)));
    CURRENT.set(None);
    outcome.unwrap_or_else(|panic| Err(format!("a panic: {}", text(&*panic)))).err()
}
