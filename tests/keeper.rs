//! Records on their way to flash: groups, failures, new beginnings, with a virtual clock and simulated flash.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test program")]

#[path = "support/mod.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "shared between test programs, not all of which use all of it"
)]
mod support;

use std::time::Duration;

use bellwether::limits::{
    KEEPER_FULL_RETRY, KEEPER_RETRY_MAX, KEEPER_RETRY_MIN, KEEPER_STALL_TIME, STORE_BODY_BYTES_MAX,
    STORE_CRITICAL_DELAY_MAX, STORE_DELAY_MAX,
};
use bellwether::store::{
    Journal, JournalOptions, JournalRecord, Keeper, KeeperStep, Keeping, Kept, MissingRoom,
    Opening, Work,
};
use support::flash::{Faults, Flash};

const KINDS: &dyn Fn(u16) -> bool = &|_| true;

fn open(flash: &Flash, salt: u64) -> (Journal<Flash>, Vec<Vec<u8>>) {
    let mut keys = Vec::new();
    let options = JournalOptions { segment_bytes_max: 64 * 4096, segment_bytes_min: 0, salt };
    let deliver = &mut |_: u16, key: &[u8], _: &[u8]| keys.push(key.to_vec());
    let opened = Journal::open(flash.clone(), options, deliver);
    keys.sort();
    (opened.unwrap().0, keys)
}

/// The records on flash after the power was cut and came back.
fn on_flash(flash: &Flash) -> Vec<Vec<u8>> {
    open(&flash.after_kill(), 99).1
}

fn put(key: u16) -> JournalRecord {
    JournalRecord::put(1, key.to_be_bytes(), vec![7; 1000])
}

/// The owner of a journal: each write takes a second.
struct Owner {
    keeper: Keeper,
    flash: Flash,
    journal: Option<Journal<Flash>>,
    now: Duration,
    state: Vec<JournalRecord>,
    opened: u64,
    /// The events for the rest of the agent, and their times.
    told: Vec<(Duration, Kept)>,
}

impl Owner {
    fn new(keeping: &Keeping) -> Self {
        let flash = Flash::new();
        let journal = Some(open(&flash, 1).0);
        let now = Duration::from_secs(100);
        let keeper = Keeper::new(now, keeping, Opening::sound());
        Self { keeper, flash, journal, now, state: vec![], opened: 1, told: vec![] }
    }

    fn sound() -> Self {
        Self::new(&Keeping { commits_a_day: 0, interval: Duration::ZERO })
    }

    fn hear(&mut self, kept: Kept) {
        self.keeper.heard(kept.ticket);
        if kept.wants_state {
            self.keeper.gather_state();
            self.keeper.begin_anew(self.state.clone());
        }
        self.told.push((self.now, kept));
    }

    fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now <= end {
            match self.keeper.next(self.now) {
                KeeperStep::Wait(Some(until)) if until <= end => self.now = until,
                KeeperStep::Wait(_) => break,
                KeeperStep::Open => {
                    self.opened += 1;
                    self.journal = Some(open(&self.flash, self.opened).0);
                    assert!(
                        !self.keeper.opened(self.now, Opening::sound()),
                        "what it held is known"
                    );
                }
                KeeperStep::Write(work) => {
                    self.now += Duration::from_secs(1);
                    let written = work.perform(self.journal.as_mut().unwrap(), KINDS);
                    let kept = self.keeper.wrote(self.now, written);
                    if !self.keeper.is_open() {
                        self.journal = None;
                    }
                    self.hear(kept);
                }
                KeeperStep::Tell(kept) => self.hear(kept),
            }
        }
        self.now = self.now.max(end);
    }

    fn last_fault(&self) -> Option<&str> {
        self.told.last().and_then(|(_, kept)| kept.fault.as_deref())
    }
}

#[test]
fn records_that_queue_during_a_commit_share_the_next() {
    let mut it = Owner::sound();
    it.keeper.keep(vec![put(1)]);
    let first = it.keeper.ticket().unwrap();
    let KeeperStep::Write(work) = it.keeper.next(it.now) else { panic!("to be written at once") };
    it.keeper.keep(vec![put(2)]);
    it.keeper.keep(vec![put(3)]);
    let third = it.keeper.ticket().unwrap();
    assert!(first < third);
    assert!(matches!(it.keeper.next(it.now), KeeperStep::Wait(Some(_))), "one after the other");
    let kept = it.keeper.wrote(it.now, work.perform(it.journal.as_mut().unwrap(), KINDS));
    assert_eq!((kept.ticket, kept.fault.as_deref()), (first, None));
    it.hear(kept);
    assert!(!it.keeper.is_idle());
    it.run_for(Duration::from_secs(5));
    assert_eq!(it.told.last().unwrap().1.ticket, third);
    assert_eq!(it.told.last().unwrap().1.wear.commits, 2);
    assert!(it.keeper.is_idle() && it.keeper.ticket().is_none());
}

#[test]
fn nobody_waits_for_a_group_of_nothing() {
    let mut it = Owner::sound();
    it.keeper.keep(vec![]);
    assert!(it.keeper.is_idle() && it.keeper.ticket().is_none());
}

#[test]
fn waiting_for_a_commit_hurries_nothing_else() {
    let mut it = Owner::new(&Keeping { commits_a_day: 1, interval: Duration::ZERO });
    it.keeper.keep(vec![put(1)]);
    let KeeperStep::Write(work) = it.keeper.next(it.now) else { panic!("there is budget") };
    assert!(it.keeper.ticket().is_some());
    let kept = it.keeper.wrote(it.now, work.perform(it.journal.as_mut().unwrap(), KINDS));
    it.hear(kept);
    it.keeper.keep(vec![put(2)]);
    let KeeperStep::Wait(Some(until)) = it.keeper.next(it.now) else { panic!("overspent") };
    assert_eq!(until, it.now + STORE_DELAY_MAX);
}

#[test]
fn a_commit_that_fails_is_followed_at_once_by_the_whole_state() {
    let mut it = Owner::sound();
    it.state = vec![put(1), put(2)];
    it.keeper.keep(vec![put(2)]);
    let ticket = it.keeper.ticket().unwrap();
    let KeeperStep::Write(work) = it.keeper.next(it.now) else { panic!("to be written") };
    it.flash.set_faults(Faults { read_only: true, ..Faults::default() });
    let kept = it.keeper.wrote(it.now, work.perform(it.journal.as_mut().unwrap(), KINDS));
    assert!(kept.wants_state && kept.ticket < ticket, "answers wait for the outcome");
    it.flash.set_faults(Faults::default());
    it.hear(kept);
    it.run_for(Duration::from_secs(2));
    let (_, written) = it.told.last().unwrap();
    assert_eq!((written.ticket, written.fault.as_deref()), (ticket, None));
    assert_eq!(on_flash(&it.flash).len(), 2);
}

#[test]
fn without_flash_answers_go_on_and_retries_grow_rarer() {
    let mut it = Owner::sound();
    it.state = vec![put(1), put(2)];
    it.flash.set_faults(Faults { read_only: true, ..Faults::default() });
    it.keeper.keep(vec![put(1)]);
    let ticket = it.keeper.ticket().unwrap();
    it.run_for(Duration::from_secs(2));
    assert!(it.last_fault().is_some());
    assert!(it.keeper.is_idle(), "nobody waits for {ticket:?}");
    it.keeper.keep(vec![put(2)]);
    it.run_for(Duration::ZERO);
    assert!(it.keeper.is_idle(), "memory has it");
    it.run_for(Duration::from_secs(3_600));
    let tries = it.opened - 1;
    let pauses = 3_600 / KEEPER_RETRY_MAX.as_secs();
    assert!((pauses - 5..pauses + 10).contains(&tries), "{tries} tries in an hour");
    let silence = it.told.windows(2).map(|two| two[1].0.saturating_sub(two[0].0)).max().unwrap();
    assert!(silence <= KEEPER_RETRY_MAX + Duration::from_secs(2), "{silence:?}");
    assert!(KEEPER_RETRY_MIN < KEEPER_RETRY_MAX);
    it.flash.set_faults(Faults::default());
    it.run_for(KEEPER_RETRY_MAX + Duration::from_secs(2));
    assert_eq!(it.last_fault(), None);
    assert_eq!(on_flash(&it.flash).len(), 2, "with all that came meanwhile");
}

#[test]
fn a_directory_that_could_not_be_opened_brings_what_it_holds_once_it_can() {
    let keeping = Keeping { commits_a_day: 0, interval: Duration::ZERO };
    let opening = Opening::failed("not there".into());
    let mut keeper = Keeper::new(Duration::ZERO, &keeping, opening);
    assert!(matches!(keeper.next(Duration::ZERO), KeeperStep::Wait(Some(_))));
    let later = KEEPER_RETRY_MIN;
    assert!(matches!(keeper.next(later), KeeperStep::Open));
    assert!(!keeper.opened(later, Opening::failed("still not there".into())));
    let KeeperStep::Tell(kept) = keeper.next(later) else { panic!("a failure is told") };
    assert_eq!(kept.fault.as_deref(), Some("still not there"));
    let later = later + KEEPER_RETRY_MIN;
    assert!(matches!(keeper.next(later), KeeperStep::Open));
    assert!(keeper.opened(later, Opening::sound()));
    let KeeperStep::Tell(kept) = keeper.next(later) else { panic!("the state is asked for") };
    assert!(kept.wants_state);
    keeper.gather_state();
    keeper.begin_anew(vec![put(1)]);
    assert!(matches!(keeper.next(later), KeeperStep::Write(Work { state: Some(_), .. })));
}

#[test]
fn read_only_flash_is_read_and_written_once_it_can_be() {
    let keeping = Keeping { commits_a_day: 0, interval: Duration::ZERO };
    let read_only = || Opening { is_open: false, is_read: true, fault: Some("read-only".into()) };
    let mut keeper = Keeper::new(Duration::ZERO, &keeping, read_only());
    keeper.keep(vec![put(1)]);
    let KeeperStep::Tell(kept) = keeper.next(Duration::ZERO) else { panic!("memory has it") };
    assert_eq!(kept.retry_in, Some(KEEPER_RETRY_MIN));
    let later = KEEPER_RETRY_MIN;
    assert!(matches!(keeper.next(later), KeeperStep::Open));
    assert!(!keeper.opened(later, read_only()), "it was read at the start");
    assert!(matches!(keeper.next(later), KeeperStep::Tell(_)));
    let later = later + KEEPER_RETRY_MIN;
    assert!(matches!(keeper.next(later), KeeperStep::Open));
    assert!(!keeper.opened(later, Opening::sound()));
    let KeeperStep::Tell(kept) = keeper.next(later) else { panic!("the state is asked for") };
    assert!(kept.wants_state && kept.retry_in.is_none());
}

#[test]
fn records_read_later_are_news_also_if_flash_cannot_be_written() {
    let keeping = Keeping { commits_a_day: 0, interval: Duration::ZERO };
    let opening = Opening::failed("not for us".into());
    let mut keeper = Keeper::new(Duration::ZERO, &keeping, opening);
    let later = KEEPER_RETRY_MIN;
    assert!(matches!(keeper.next(later), KeeperStep::Open));
    let read = Opening { is_open: false, is_read: true, fault: Some("read-only".into()) };
    assert!(keeper.opened(later, read));
    let KeeperStep::Tell(kept) = keeper.next(later) else { panic!("a failure is told") };
    assert_eq!(kept.fault.as_deref(), Some("read-only"));
}

#[test]
fn room_that_is_missing_is_told_and_no_try_writes() {
    let mut it = Owner::sound();
    it.flash.set_capacity(30 * 4096);
    it.state = (0..100).map(put).collect();
    it.keeper.keep(it.state.clone());
    it.run_for(Duration::from_secs(2));
    let (_, first) = it.told.last().unwrap().clone();
    let Some(MissingRoom { needed, free }) = first.missing else { panic!("{first:?}") };
    assert!(first.fault.unwrap().contains("no room: needs"));
    assert_eq!((free, first.retry_in), (30 * 4096, Some(KEEPER_RETRY_MIN)));
    it.run_for(KEEPER_RETRY_MAX * 5);
    let (_, last) = it.told.last().unwrap();
    assert!(it.opened > 5 && last.retry_in == Some(KEEPER_RETRY_MAX), "{last:?}");
    assert_eq!(last.wear.bytes, 0, "{} tries", it.opened);
    it.flash.set_capacity(usize::try_from(needed).unwrap());
    it.run_for(KEEPER_RETRY_MAX + Duration::from_secs(2));
    let (_, kept) = it.told.last().unwrap();
    assert_eq!((it.last_fault(), kept.missing, kept.retry_in), (None, None, None));
    assert_eq!(on_flash(&it.flash).len(), 100);
}

#[test]
fn missing_room_is_reported_until_there_is_room() {
    let mut it = Owner::sound();
    it.keeper.keep((0..400).map(put).collect());
    it.state = (0..400).map(put).collect();
    it.run_for(Duration::from_secs(2));
    let (_, first) = it.told.last().unwrap();
    let fault = first.fault.clone().unwrap();
    assert!(fault.starts_with("journal full: ") && first.left_out > 0, "{fault}");
    it.keeper.keep(vec![JournalRecord::delete(1, [0, 0])]);
    it.run_for(Duration::from_secs(2));
    assert_eq!(it.last_fault(), Some(&*fault), "what was left out is still not there");
    let told = it.told.len();
    it.run_for(KEEPER_RETRY_MAX * 3);
    assert!(it.told.len() - told >= 3, "said again and again");
    it.run_for(KEEPER_FULL_RETRY);
    assert!(it.last_fault().is_some());
    it.state.truncate(100);
    it.run_for(KEEPER_FULL_RETRY);
    assert_eq!(it.last_fault(), None);
    assert_eq!(on_flash(&it.flash).len(), 100);
}

#[test]
fn missing_room_is_reported_while_the_budget_holds_records_back() {
    let mut it = Owner::new(&Keeping { commits_a_day: 1, interval: Duration::ZERO });
    it.keeper.keep((0..400).map(put).collect());
    it.state = (0..400).map(put).collect();
    it.run_for(Duration::from_secs(2));
    it.keeper.keep(vec![put(1)]);
    let told = it.told.len();
    it.run_for(KEEPER_RETRY_MAX * 3);
    assert!(it.told.len() - told >= 3 && it.last_fault().is_some());
}

#[test]
fn an_overspent_budget_holds_back_what_nobody_waits_for_much_longer() {
    let mut it = Owner::new(&Keeping { commits_a_day: 1, interval: Duration::ZERO });
    it.keeper.keep(vec![put(1)]);
    it.run_for(Duration::from_secs(2));
    assert!(it.keeper.is_idle(), "there is budget");
    it.keeper.keep(vec![put(2)]);
    let KeeperStep::Wait(Some(relaxed)) = it.keeper.next(it.now) else { panic!("overspent") };
    assert_eq!(relaxed, it.now + STORE_DELAY_MAX);
    assert!(it.keeper.ticket().is_some());
    let KeeperStep::Wait(Some(critical)) = it.keeper.next(it.now) else { panic!("overspent") };
    assert_eq!(critical, it.now + STORE_CRITICAL_DELAY_MAX);
    it.keeper.hurry();
    assert!(matches!(it.keeper.next(it.now), KeeperStep::Write(_)), "at the end nothing waits");
}

#[test]
fn flash_that_does_not_answer_is_told_while_it_is_waited_for() {
    let mut it = Owner::sound();
    it.keeper.keep(vec![put(1)]);
    let KeeperStep::Write(work) = it.keeper.next(it.now) else { panic!("to be written") };
    let KeeperStep::Wait(Some(late)) = it.keeper.next(it.now) else { panic!("it is waited for") };
    assert_eq!(late, it.now + KEEPER_STALL_TIME);
    let KeeperStep::Tell(kept) = it.keeper.next(late) else { panic!("it takes too long") };
    assert!(kept.fault.is_some_and(|fault| fault.contains("has not answered")));
    assert!(matches!(it.keeper.next(late), KeeperStep::Wait(Some(_))));
    let kept = it.keeper.wrote(late, work.perform(it.journal.as_mut().unwrap(), KINDS));
    assert_eq!(kept.fault, None);
}

#[test]
fn a_record_that_is_too_large_costs_the_others_nothing() {
    let flash = Flash::new();
    let (mut journal, _) = open(&flash, 1);
    let large = || JournalRecord::put(1, "large", vec![0; STORE_BODY_BYTES_MAX + 1]);
    let records = vec![JournalRecord::put(1, "a", "1"), large(), JournalRecord::put(1, "b", "2")];
    let written = Work { records, state: None }.perform(&mut journal, KINDS);
    assert_eq!((written.fault, written.wrote, written.left.records), (None, true, 1));
    let state = Some(vec![large(), JournalRecord::put(1, "c", "3")]);
    let written = Work { records: vec![], state }.perform(&mut journal, KINDS);
    assert_eq!((written.fault, written.left.records), (None, 1));
    assert_eq!(on_flash(&flash), [b"c"]);
}

#[test]
fn a_full_journal_takes_what_fits_and_stays_sound() {
    let flash = Flash::new();
    let (mut journal, _) = open(&flash, 1);
    let mut write = |records, state| Work { records, state }.perform(&mut journal, KINDS);
    let written = write((0..400).map(put).collect(), None);
    assert_eq!((written.fault, written.wrote), (None, true));
    let left = written.left.records;
    assert!((100..300).contains(&left), "{left} of 400 KB were left out of 256 KiB");
    let deletes = (0..50u16).map(|n| JournalRecord::delete(1, n.to_be_bytes()));
    let written = write(deletes.chain([put(999)]).collect(), None);
    assert_eq!((written.fault, written.left.records), (None, 0));
    let written = write(vec![], Some((0..400).map(put).collect()));
    assert_eq!(written.fault, None);
    assert!((100..300).contains(&written.left.records));
    assert!(on_flash(&flash).contains(&vec![0, 0]), "the first are the precious ones");
}
