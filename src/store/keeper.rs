//! The way of records to the journal. They queue, share commits as the budget wants it, and are written
//! one group after the other, while the next group gathers.
//!
//! A commit that fails is followed at once by a new beginning: the whole state is asked for, gathered in pieces and written to a
//! fresh segment. Answers wait for the outcome of that. If it fails too, they go and the agent runs from memory. After a while
//! the directory is opened anew, as after a restart: it may be another file system by then.
//!
//! Records that find no room are kept in memory alone, the others go on to flash. That is told as a failure too, until a
//! new beginning, tried each [`KEEPER_FULL_RETRY`], has room for everything.
//!
//! Nothing here waits or writes: the owner of the journal asks [`Keeper::next`] what to do and reports the outcome. Times are
//! durations since any fixed moment, on a clock that does not step.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::limits::{
    KEEPER_BYTES_MAX, KEEPER_FULL_RETRY, KEEPER_RETRY_MAX, KEEPER_RETRY_MIN, KEEPER_STALL_TIME,
};
use crate::store::{Budget, Fault, JournalRecord, Op, Urgency, Wear, Work, Written};

/// Names a place in the queue; later ones are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// The events for the rest of the agent.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Everything up to here is durable, or is kept in memory alone: see `fault`.
    pub ticket: Ticket,
    /// Why not everything is written any more; none while all is well.
    pub fault: Option<String>,
    /// The room that is missing, if that is the cause.
    pub missing: Option<MissingRoom>,
    /// When it is tried again, from now; none while all is well or it is being tried.
    pub retry_in: Option<Duration>,
    /// Whether the journal is to be given the whole state, by [`Keeper::gather_state`] and [`Keeper::begin_anew`].
    pub wants_state: bool,
    /// The wear so far.
    pub wear: Wear,
    /// Records that were left out: too large, or no room.
    pub left_out: u64,
}

/// Room that is missing, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingRoom {
    /// The bytes that must be free.
    pub needed: u64,
    /// The bytes that are free.
    pub free: u64,
}

/// The result of opening the directory.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// Whether the journal is open, to be written.
    pub is_open: bool,
    /// Whether all that it held was read.
    pub is_read: bool,
    /// Why nothing can be written.
    pub fault: Option<String>,
}

impl Opening {
    /// It can be read and written.
    pub const fn sound() -> Self {
        Self { is_open: true, is_read: true, fault: None }
    }

    /// It can neither be read nor written.
    pub const fn failed(fault: String) -> Self {
        Self { is_open: false, is_read: false, fault: Some(fault) }
    }
}

/// The next step of the journal's owner.
#[derive(Debug)]
pub enum KeeperStep {
    /// Nothing before then, unless something is queued.
    Wait(Option<Duration>),
    /// It opens the journal, and says so by [`Keeper::opened`].
    Open,
    /// It writes, and says what came of it by [`Keeper::wrote`].
    Write(Work),
    /// It tells the rest of the agent.
    Tell(Kept),
}

/// How records are kept.
#[derive(Clone, Debug)]
pub struct Keeping {
    /// Commits a day; 0 means that there is no limit.
    pub commits_a_day: u32,
    /// How long a group gathers at least.
    pub interval: Duration,
}

/// The queue before the journal, and what is known of the journal.
#[derive(Debug)]
pub struct Keeper {
    queue: Queue,
    /// The ticket of the last group.
    last: Ticket,
    /// The ticket of the last group that is part of the whole state which was asked for last.
    gathered: Ticket,
    interval: Duration,
    budget: Budget,
    /// Whether there is no time left to gather more.
    hurried: bool,
    health: Health,
    /// Whether the journal is open.
    open: bool,
    /// Whether it was read once: what it held then is known.
    known: bool,
    writing: Option<Writing>,
    /// Why nothing is written.
    fault: Option<String>,
    missing: Option<MissingRoom>,
    /// Why some records are in memory alone.
    lacking: Option<String>,
    retry_at: Duration,
    pause: Duration,
    /// When something was told last, for what is lacking must be said again and again; none if a failure is still to be
    /// told.
    told_at: Option<Duration>,
    /// Everything up to here is durable or given up.
    done: Ticket,
    /// The same, as far as the rest of the agent has heard.
    heard: Ticket,
    /// The wear of journals that are closed.
    wear_before: Wear,
    wear: Wear,
    left_out: u64,
}

#[derive(Debug, Default)]
struct Queue {
    records: Vec<JournalRecord>,
    /// Their bytes.
    bytes: usize,
    /// Whether they were too many, and are left to the whole state.
    overflowed: bool,
    /// The whole state, to begin anew with.
    state: Option<Vec<JournalRecord>>,
    /// Whether an answer waits.
    awaited: bool,
    /// By when it is written: if an answer waits, and else.
    gathers_until: Option<(Duration, Duration)>,
}

/// The state of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    /// It is committed.
    Sound,
    /// It waits for the whole state, to begin anew with.
    Asked,
    /// Nothing is written until the next beginning.
    Failed,
}

/// A write that is under way.
#[derive(Debug)]
struct Writing {
    ticket: Ticket,
    /// Whether it begins anew.
    anew: bool,
    /// When to say that it takes too long.
    late_at: Duration,
}

impl Keeper {
    /// A keeper whose journal was opened so.
    pub fn new(now: Duration, keeping: &Keeping, opening: Opening) -> Self {
        let Opening { is_open, is_read, fault } = opening;
        Self {
            queue: Queue::default(),
            last: Ticket(0),
            gathered: Ticket(0),
            interval: keeping.interval,
            budget: Budget::new(keeping.commits_a_day, now),
            hurried: false,
            health: if is_open && fault.is_none() { Health::Sound } else { Health::Failed },
            open: is_open,
            known: is_read,
            writing: None,
            fault,
            missing: None,
            lacking: None,
            retry_at: now + KEEPER_RETRY_MIN,
            pause: KEEPER_RETRY_MIN,
            told_at: Some(now),
            done: Ticket(0),
            heard: Ticket(0),
            wear_before: Wear::default(),
            wear: Wear::default(),
            left_out: 0,
        }
    }

    /// Queues a group, unless nothing is in it.
    pub fn keep(&mut self, records: Vec<JournalRecord>) {
        if records.is_empty() {
            return;
        }
        self.queue.add(records);
        self.last.0 += 1;
    }

    /// The place of the last group that was queued.
    pub const fn last(&self) -> Ticket {
        self.last
    }

    /// The commit that an answer must wait for that says that everything queued so far is stored: none if it is already.
    pub fn ticket(&mut self) -> Option<Ticket> {
        let waits = !self.is_idle();
        self.queue.awaited |= waits && !self.queue.is_empty();
        waits.then_some(self.last)
    }

    /// The rest of the agent has heard what has become durable.
    pub fn heard(&mut self, ticket: Ticket) {
        self.heard = self.heard.max(ticket);
    }

    /// Whether everything queued is durable or given up, and the rest of the agent knows.
    pub fn is_idle(&self) -> bool {
        self.last <= self.heard
    }

    /// The whole state is being gathered: everything that is queued until now is part of it.
    pub fn gather_state(&mut self) {
        let awaited = self.queue.awaited;
        self.queue = Queue { awaited, ..Queue::default() };
        self.gathered = self.last;
    }

    /// Gives the journal the whole state to begin anew with. Records that were queued while it was gathered come on top.
    pub fn begin_anew(&mut self, state: Vec<JournalRecord>) {
        self.queue.state = Some(state);
    }

    /// From now on nothing is held back so that more can share its commit.
    pub const fn hurry(&mut self) {
        self.hurried = true;
    }

    /// Whether the journal is to stay open: one that failed is closed, so that the file system can be mended.
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// The next step at `now`. To be asked again whenever that is done, when its time is over, and when something is queued.
    pub fn next(&mut self, now: Duration) -> KeeperStep {
        if let Some(writing) = &mut self.writing {
            if now < writing.late_at {
                return KeeperStep::Wait(Some(writing.late_at));
            }
            writing.late_at = now + KEEPER_RETRY_MAX;
            let seconds = KEEPER_STALL_TIME.as_secs();
            let fault = Some(format!("the flash has not answered for {seconds} s"));
            return KeeperStep::Tell(Kept { fault, retry_in: None, ..self.tell(now, false) });
        }
        let due = now >= self.retry_at;
        match self.health {
            Health::Sound if self.queue.overflowed => self.ask(now),
            Health::Sound if self.lacking.is_some() && due => self.ask(now),
            Health::Sound if self.queue.records.is_empty() => self.rest(now, None),
            Health::Sound => match self.gather(now) {
                until if until > now => self.rest(now, Some(until)),
                _ => self.write(now),
            },
            Health::Asked if self.queue.state.is_none() => KeeperStep::Wait(None),
            Health::Asked => self.write(now),
            Health::Failed if due => self.ask(now),
            Health::Failed if self.told_at.is_none() || self.done < self.last => {
                self.give_up();
                KeeperStep::Tell(self.tell(now, false))
            }
            Health::Failed => KeeperStep::Wait(Some(self.retry_at)),
        }
    }

    /// The directory was opened, or could not be. Returns whether what it holds was read and was not
    /// known before.
    pub fn opened(&mut self, now: Duration, opening: Opening) -> bool {
        self.open = opening.is_open;
        if let Some(fault) = opening.fault.filter(|_| !opening.is_open) {
            self.missing = None;
            self.fail(now, fault);
        }
        let news = opening.is_read && !self.known;
        self.known |= news;
        news
    }

    /// The work was done, or failed.
    pub fn wrote(&mut self, now: Duration, written: Written) -> Kept {
        let Written { fault, wrote, left, wear } = written;
        let Some(Writing { ticket, anew, .. }) = self.writing.take() else {
            return self.tell(now, false);
        };
        if wrote {
            self.budget.spend(now);
        }
        self.wear = self.wear_before + wear;
        self.left_out += left.records;
        if (anew && fault.is_none()) || (left.first.is_some() && self.lacking.is_none()) {
            self.retry_at = now + KEEPER_FULL_RETRY;
            self.lacking = left.first.map(|why| why.to_string());
        }
        match fault {
            None => {
                self.health = Health::Sound;
                self.fault = None;
                self.missing = None;
                self.pause = KEEPER_RETRY_MIN;
            }
            Some(fault) if anew => {
                self.wear_before = self.wear;
                self.open = false;
                self.missing = match fault {
                    Fault::NoRoom { needed, free } => Some(MissingRoom { needed, free }),
                    _ => None,
                };
                self.fail(now, fault.to_string());
            }
            Some(_) => {
                self.health = Health::Asked;
                return self.tell(now, true);
            }
        }
        self.done = ticket;
        self.tell(now, false)
    }

    /// While nothing is to be written, or not before then.
    fn rest(&mut self, now: Duration, until: Option<Duration>) -> KeeperStep {
        if self.lacking.is_none() {
            return KeeperStep::Wait(until);
        }
        let again_at = self.told_at.unwrap_or(now) + KEEPER_RETRY_MAX;
        if now < again_at {
            return KeeperStep::Wait([again_at, self.retry_at].into_iter().chain(until).min());
        }
        KeeperStep::Tell(self.tell(now, false))
    }

    /// Until when the budget and the interval want more records to share the commit.
    fn gather(&mut self, now: Duration) -> Duration {
        let (critical, relaxed) = *self.queue.gathers_until.get_or_insert_with(|| {
            let mut until = |urgency| now + self.budget.wait(now, urgency).max(self.interval);
            (until(Urgency::Critical), until(Urgency::Relaxed))
        });
        match (self.hurried || self.queue.is_large(), self.queue.awaited) {
            (true, _) => now,
            (false, true) => critical,
            (false, false) => relaxed,
        }
    }

    fn write(&mut self, now: Duration) -> KeeperStep {
        let Queue { records, state, overflowed, .. } = std::mem::take(&mut self.queue);
        let (anew, late_at) = (state.is_some(), now + KEEPER_STALL_TIME);
        // Records that were too many while the state was gathered are part of the next one alone.
        self.queue.overflowed = overflowed;
        let ticket = if overflowed { self.gathered } else { self.last };
        self.writing = Some(Writing { ticket, anew, late_at });
        KeeperStep::Write(Work { records, state })
    }

    /// Asks for the whole state, once the directory is open.
    fn ask(&mut self, now: Duration) -> KeeperStep {
        if !self.open {
            return KeeperStep::Open;
        }
        self.health = Health::Asked;
        KeeperStep::Tell(self.tell(now, true))
    }

    fn fail(&mut self, now: Duration, fault: String) {
        self.health = Health::Failed;
        self.fault = Some(fault);
        self.told_at = None;
        self.retry_at = now + self.pause;
        self.pause = (self.pause * 2).min(KEEPER_RETRY_MAX);
    }

    /// Memory has what is queued; the next beginning brings it.
    fn give_up(&mut self) {
        self.queue = Queue::default();
        self.done = self.last;
    }

    fn tell(&mut self, now: Duration, wants_state: bool) -> Kept {
        self.told_at = Some(now);
        let failing = self.fault.is_some() || self.lacking.is_some();
        Kept {
            ticket: self.done,
            fault: self.fault.as_ref().or(self.lacking.as_ref()).cloned(),
            missing: self.missing,
            retry_in: (failing && !wants_state).then(|| self.retry_at.saturating_sub(now)),
            wants_state,
            wear: self.wear,
            left_out: self.left_out,
        }
    }
}

impl Queue {
    fn add(&mut self, records: Vec<JournalRecord>) {
        if self.overflowed {
            return;
        }
        self.bytes += records.iter().map(cost).sum::<usize>();
        self.records.extend(records);
        if self.bytes <= KEEPER_BYTES_MAX {
            return;
        }
        coalesce(&mut self.records);
        self.bytes = self.records.iter().map(cost).sum();
        // Half of it is to be free: else the next records would be compared with all these again.
        if self.is_large() {
            self.records = Vec::new();
            self.bytes = 0;
            self.overflowed = true;
        }
    }

    /// Whether it is written without waiting for more.
    const fn is_large(&self) -> bool {
        self.bytes > KEEPER_BYTES_MAX / 2
    }

    /// Whether there is nothing to write.
    const fn is_empty(&self) -> bool {
        self.records.is_empty() && !self.overflowed
    }
}

/// Bytes of a record in the queue, what it is held in included.
fn cost(record: &JournalRecord) -> usize {
    let body = match &record.op {
        Op::Put(body) => body.len(),
        Op::Delete => 0,
    };
    size_of::<JournalRecord>() + 2 * RECORD_COST + record.key.len() + body
}

/// The bytes that the allocator adds to each of a record's two texts.
const RECORD_COST: usize = 16;

/// Of the records of one key the last one says it all.
fn coalesce(records: &mut Vec<JournalRecord>) {
    let mut seen = BTreeSet::new();
    let mut kept: Vec<JournalRecord> = std::mem::take(records)
        .into_iter()
        .rev()
        .filter(|record| seen.insert((record.kind, record.key.clone())))
        .collect();
    kept.reverse();
    *records = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_records_of_one_key_the_last_stays() {
        let mut records = vec![
            JournalRecord::put(1, "a", "1"),
            JournalRecord::put(2, "a", "2"),
            JournalRecord::put(1, "b", "3"),
            JournalRecord::delete(1, "a"),
        ];
        let kept = records[1..].to_vec();
        coalesce(&mut records);
        assert_eq!(records, kept);
    }

    fn keeper(interval: Duration) -> Keeper {
        let keeping = Keeping { commits_a_day: 0, interval };
        let opening = Opening { is_open: true, is_read: true, fault: None };
        Keeper::new(Duration::ZERO, &keeping, opening)
    }

    fn large(key: usize) -> Vec<JournalRecord> {
        vec![JournalRecord::put(1, key.to_be_bytes(), vec![0; 64 * 1024])]
    }

    #[test]
    fn an_overflow_while_the_state_is_gathered_is_part_of_the_next_state() {
        let mut keeper = keeper(Duration::ZERO);
        keeper.keep(large(0));
        keeper.health = Health::Asked;
        keeper.gather_state();
        let gathered = keeper.last();
        (0..1000).for_each(|key| keeper.keep(large(key)));
        let ticket = keeper.ticket().unwrap();
        keeper.begin_anew(large(0));
        let KeeperStep::Write(_) = keeper.next(Duration::ZERO) else { panic!("it writes") };
        let written = || Written { fault: None, wrote: true, ..Written::default() };
        let kept = keeper.wrote(Duration::ZERO, written());
        assert_eq!(kept.ticket, gathered, "no answer goes for what was dropped");
        keeper.heard(kept.ticket);
        assert!(!keeper.is_idle());
        let KeeperStep::Tell(kept) = keeper.next(Duration::ZERO) else { panic!("it asks") };
        assert!(kept.wants_state);
        keeper.gather_state();
        keeper.begin_anew(large(0));
        let KeeperStep::Write(_) = keeper.next(Duration::ZERO) else { panic!("it writes") };
        assert!(keeper.wrote(Duration::ZERO, written()).ticket >= ticket);
    }

    #[test]
    fn a_queue_that_has_grown_large_is_written_before_its_time() {
        let mut keeper = keeper(Duration::from_secs(3600));
        keeper.keep(large(0));
        assert!(matches!(keeper.next(Duration::ZERO), KeeperStep::Wait(Some(_))));
        (1..200).for_each(|key| keeper.keep(large(key)));
        let KeeperStep::Write(work) = keeper.next(Duration::ZERO) else { panic!("it waits") };
        assert_eq!(work.records.len(), 200);
    }

    #[test]
    fn while_flash_hangs_the_queue_is_bounded_then_the_state_is_written() {
        let mut keeper = keeper(Duration::ZERO);
        keeper.keep(large(0));
        assert!(matches!(keeper.next(Duration::ZERO), KeeperStep::Write(_)));
        // One thing again and again needs no more than one place.
        (0..1000).for_each(|_| keeper.keep(large(0)));
        assert!(!keeper.queue.overflowed && keeper.queue.bytes <= KEEPER_BYTES_MAX);
        for key in 0..1000 {
            keeper.keep(large(key));
            assert!(keeper.queue.bytes <= KEEPER_BYTES_MAX);
        }
        let ticket = keeper.ticket();
        let written = Written { fault: None, wrote: true, ..Written::default() };
        assert!(keeper.wrote(Duration::ZERO, written).ticket < ticket.unwrap());
        let KeeperStep::Tell(kept) = keeper.next(Duration::ZERO) else { panic!("it asks") };
        assert!(kept.wants_state && kept.fault.is_none());
        keeper.gather_state();
        keeper.keep(large(1));
        keeper.begin_anew(large(0));
        let KeeperStep::Write(work) = keeper.next(Duration::ZERO) else { panic!("it writes") };
        assert_eq!((work.state, work.records), (Some(large(0)), large(1)), "changed meanwhile");
        let written = Written { fault: None, wrote: true, ..Written::default() };
        assert!(Some(keeper.wrote(Duration::ZERO, written).ticket) > ticket);
    }
}
