//! The journal's owner. Records queue here; a task makes all that has queued durable as one group, on the blocking pool,
//! while the next group gathers. Flash may take seconds: nobody waits for it but who waits for an answer.
//!
//! A commit that fails is followed at once by a new beginning: the loop gives the whole state, which is written to a
//! fresh segment. Answers wait for the outcome of that. If it fails too, they go and the agent runs from memory. After a
//! while the directory is opened anew, as after a restart: it may be another file system by then.
//!
//! Records that find no room are kept in memory alone, the others go on to flash. That is told as a failure too, until a
//! new beginning, tried each [`KEEPER_FULL_RETRY`], has room for everything.

mod write;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use log::{info, warn};
use rand::Rng as _;
use smol::channel::{self, Receiver, Sender};
use smol::{LocalExecutor, Task, Timer};

use crate::config::settings::{Durability, Storage};
use crate::limits::{
    KEEPER_FULL_RETRY, KEEPER_RECORDS_MAX, KEEPER_RETRY_MAX, KEEPER_RETRY_MIN, KEEPER_STALL_TIME,
};
use crate::shell::flash::{FlashDir, FlashError};
use crate::shell::{Event, clock};
use crate::store::{Budget, Journal, Options, Record, Replay, Urgency, Wear};

use write::{Left, Work, Written};

/// How often, and after which pauses, a directory is asked for that another process owns.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// Names a place in the queue; later ones are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// What the loop is told after each group.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Everything up to here is durable, or is kept in memory alone: see `fault`.
    pub(super) ticket: Ticket,
    /// Why not everything is written any more; none while all is well.
    pub(super) fault: Option<String>,
    /// Whether the journal is to be given the whole state.
    pub(super) wants_state: bool,
    /// What it has cost so far.
    pub(super) wear: Wear,
    /// Records that were left out: too large, or no room.
    pub(super) left_out: u64,
    /// What a directory holds that could not be opened at the start, and whether it is volatile.
    pub(super) late: Option<(Vec<Found>, bool)>,
}

/// One record as it was found: kind, key and body.
pub(super) type Found = (u16, Vec<u8>, Vec<u8>);

/// What opening found.
#[derive(Debug)]
pub(super) struct Opened {
    journal: Option<Journal<FlashDir>>,
    /// What was kept.
    pub(super) found: Vec<Found>,
    /// Why nothing is written, if that was not chosen.
    pub(super) fault: Option<String>,
    /// Whether it survives no reboot.
    pub(super) volatile: bool,
}

/// Opens the journal of `storage`. Only a directory that another process owns is an error; whatever else is wrong is
/// logged and told, and the agent runs from memory.
pub(super) fn open(storage: &Storage) -> Result<Opened, FlashError> {
    let mut opened = Opened { journal: None, found: Vec::new(), fault: None, volatile: false };
    if storage.durability == Durability::Off {
        return Ok(opened);
    }
    let path = &storage.path;
    match open_dir(path) {
        Ok((journal, volatile, found)) => {
            opened.fault = journal.fault().map(ToString::to_string);
            opened.volatile = volatile;
            opened.found = found;
            opened.journal = Some(journal);
        }
        Err(FlashError::Locked(path, pid)) => return Err(FlashError::Locked(path, pid)),
        Err(error) => opened.fault = Some(error.to_string()),
    }
    if let Some(fault) = &opened.fault {
        warn!(
            "--storage.path={}: {fault}; going on from memory, nothing survives a restart",
            path.display()
        );
    }
    if opened.volatile {
        warn!("--storage.path={}: it is on tmpfs, nothing survives a reboot", path.display());
    }
    Ok(opened)
}

type Dir = (Journal<FlashDir>, bool, Vec<Found>);

/// Takes the directory. A process that was killed a moment ago may still be dying with it in its hands.
fn own(path: &Path) -> Result<FlashDir, FlashError> {
    let mut outcome = FlashDir::own(path);
    for _ in 0..LOCK_TRIES {
        if !matches!(outcome, Err(FlashError::Locked(..))) {
            break;
        }
        std::thread::sleep(LOCK_PAUSE);
        outcome = FlashDir::own(path);
    }
    outcome
}

fn open_dir(path: &Path) -> Result<Dir, FlashError> {
    let unusable = |error| FlashError::Unusable(path.into(), error);
    // No two openings share one.
    let salt = clock::rng().map_err(unusable)?.next_u64();
    // If it cannot be made, opening it says why.
    std::fs::create_dir_all(path).ok();
    let medium = own(path)?;
    let volatile = medium.volatile();
    let mut found = Vec::new();
    let mut deliver =
        |kind: u16, key: &[u8], body: &[u8]| found.push((kind, key.to_vec(), body.to_vec()));
    let (journal, replay) = Journal::open(medium, Options::new(salt), &mut deliver)
        .map_err(|fault| unusable(std::io::Error::other(fault.to_string())))?;
    tell(path, &replay);
    Ok((journal, volatile, found))
}

fn tell(path: &Path, replay: &Replay) {
    let path = path.display();
    info!("journal {path}: {} records, {} bytes", replay.records, replay.bytes);
    for cut in &replay.cuts {
        warn!("journal {path}: left out {cut}");
    }
    if let Some(major) = replay.foreign_major {
        warn!(
            "journal {path}: format {major} is newer than this version; set aside, starting empty"
        );
    }
}

/// The queue before the journal.
#[derive(Debug)]
pub(super) struct Keeper {
    durability: Durability,
    queue: Rc<RefCell<Queue>>,
    wake: Sender<()>,
    done: Ticket,
    _task: Option<Task<()>>,
}

#[derive(Debug, Default)]
struct Queue {
    records: Vec<Record>,
    /// The whole state, to begin anew with.
    state: Option<Vec<Record>>,
    /// The ticket of the last group.
    last: Ticket,
    /// Whether an answer waits.
    awaited: bool,
    /// Whether there is no time left to gather more.
    hurried: bool,
}

impl Queue {
    const fn is_empty(&self) -> bool {
        self.records.is_empty() && self.state.is_none()
    }
}

impl Keeper {
    /// Starts to keep what is queued.
    pub(super) fn new(
        executor: &LocalExecutor<'static>,
        opened: Opened,
        storage: &Storage,
        events: Sender<Event>,
    ) -> Self {
        let queue = Rc::new(RefCell::new(Queue::default()));
        let (wake, woken) = channel::bounded(1);
        let commits_a_day = u32::try_from(storage.daily_commits).unwrap_or(u32::MAX);
        let now = clock::boot_time();
        let run = Run {
            health: if opened.fault.is_some() { Health::Failed } else { Health::Sound },
            fault: opened.fault,
            lacking: None,
            known: opened.journal.is_some(),
            journal: opened.journal,
            path: storage.path.clone(),
            queue: Rc::clone(&queue),
            budget: Budget::new(commits_a_day, now),
            interval: match storage.durability {
                Durability::Interval => storage.interval,
                Durability::Sync | Durability::Off => Duration::ZERO,
            },
            retry_at: now + KEEPER_RETRY_MIN,
            pause: KEEPER_RETRY_MIN,
            done: Ticket(0),
            wear_before: Wear::default(),
            wear: Wear::default(),
            left_out: 0,
            events,
            woken,
        };
        let task = (storage.durability != Durability::Off).then(|| executor.spawn(run.run()));
        Self { durability: storage.durability, queue, wake, done: Ticket(0), _task: task }
    }

    /// Queues a group.
    pub(super) fn keep(&self, records: Vec<Record>) {
        if self.durability == Durability::Off {
            return;
        }
        let mut queue = self.queue.borrow_mut();
        queue.records.extend(records);
        if queue.records.len() > KEEPER_RECORDS_MAX {
            coalesce(&mut queue.records);
        }
        queue.last.0 += 1;
        self.wake();
    }

    /// What an answer must wait for that says that everything queued so far is kept: nothing if it is already, or if
    /// nobody asked for answers to wait.
    pub(super) fn ticket(&self) -> Option<Ticket> {
        let mut queue = self.queue.borrow_mut();
        if self.durability != Durability::Sync || queue.last <= self.done {
            return None;
        }
        queue.awaited = true;
        self.wake();
        Some(queue.last)
    }

    /// Takes note of what has become durable.
    pub(super) fn done(&mut self, ticket: Ticket) {
        self.done = self.done.max(ticket);
    }

    /// Gives the journal the whole state, everything that is queued included, to begin anew with.
    pub(super) fn begin_anew(&self, state: Vec<Record>) {
        let mut queue = self.queue.borrow_mut();
        queue.records.clear();
        queue.state = Some(state);
        self.wake();
    }

    /// From now on nothing is held back so that more can share its commit.
    pub(super) fn hurry(&self) {
        self.queue.borrow_mut().hurried = true;
        self.wake();
    }

    /// Whether everything queued is durable or given up.
    pub(super) fn idle(&self) -> bool {
        self.durability == Durability::Off || self.queue.borrow().last <= self.done
    }

    fn wake(&self) {
        // Full means that it has been woken already.
        self.wake.try_send(()).ok();
    }
}

/// Of the records of one key the last one says it all.
fn coalesce(records: &mut Vec<Record>) {
    let mut seen = BTreeSet::new();
    let mut kept: Vec<Record> = std::mem::take(records)
        .into_iter()
        .rev()
        .filter(|record| seen.insert((record.kind, record.key.clone())))
        .collect();
    kept.reverse();
    *records = kept;
}

/// What becomes of what is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    /// It is committed.
    Sound,
    /// It waits for the whole state, to begin anew with.
    Asked,
    /// Nothing is written until the next beginning.
    Failed,
}

struct Run {
    health: Health,
    /// Why nothing is written.
    fault: Option<String>,
    /// Why some records are in memory alone.
    lacking: Option<String>,
    /// None while it could not be opened, and while a commit has it.
    journal: Option<Journal<FlashDir>>,
    /// Whether it was open once: what it held then is known.
    known: bool,
    path: PathBuf,
    queue: Rc<RefCell<Queue>>,
    budget: Budget,
    interval: Duration,
    retry_at: Duration,
    pause: Duration,
    done: Ticket,
    /// What journals have cost that are closed.
    wear_before: Wear,
    wear: Wear,
    left_out: u64,
    events: Sender<Event>,
    woken: Receiver<()>,
}

impl Run {
    async fn run(mut self) {
        while self.wait().await {
            if let Some(kept) = self.step().await
                && self.events.send(Event::Kept(kept)).await.is_err()
            {
                return;
            }
        }
    }

    /// Until there is something to do; false if nobody is there any more.
    async fn wait(&self) -> bool {
        let woken = async { self.woken.recv().await.is_ok() };
        let left = self.retry_at.saturating_sub(clock::boot_time());
        let left = match self.health {
            Health::Failed => left,
            // What is lacking must be said again and again.
            _ if self.lacking.is_some() => left.min(KEEPER_RETRY_MAX),
            Health::Asked | Health::Sound => return woken.await,
        };
        let retry = async {
            Timer::after(left).await;
            true
        };
        smol::future::or(woken, retry).await
    }

    async fn step(&mut self) -> Option<Kept> {
        let due = clock::boot_time() >= self.retry_at;
        match self.health {
            Health::Sound if self.lacking.is_some() && due => return Some(self.ask().await),
            Health::Sound if self.lacking.is_some() && self.queue.borrow().is_empty() => {
                return Some(self.kept(false));
            }
            Health::Sound => self.pace().await,
            Health::Asked if self.queue.borrow().state.is_none() => return None,
            Health::Asked => {}
            Health::Failed if due => return Some(self.ask().await),
            // Memory has it; the next beginning brings it.
            Health::Failed => {
                self.done = self.take().2;
                return Some(self.kept(false));
            }
        }
        let (records, state, ticket) = self.take();
        let anew = state.is_some();
        let (fault, lacking) = self.write(Work { records, state }).await;
        if (anew && fault.is_none()) || (lacking.is_some() && self.lacking.is_none()) {
            self.retry_at = clock::boot_time() + KEEPER_FULL_RETRY;
            self.lacking = lacking;
        }
        match fault {
            None => {
                self.health = Health::Sound;
                self.fault = None;
                self.pause = KEEPER_RETRY_MIN;
            }
            Some(fault) if anew => {
                self.wear_before = self.wear;
                // Closes its files, so that the file system can be mended.
                self.journal = None;
                self.failed(fault);
            }
            Some(fault) => {
                warn!("{fault}; beginning anew");
                self.health = Health::Asked;
                return Some(self.kept(true));
            }
        }
        self.done = ticket;
        Some(self.kept(false))
    }

    /// Asks for the whole state, once the directory is open.
    async fn ask(&mut self) -> Kept {
        let mut late = None;
        if self.journal.is_none() {
            let path = self.path.clone();
            match blocking::unblock(move || open_dir(&path)).await {
                Ok((journal, volatile, found)) => {
                    self.journal = Some(journal);
                    // Memory is newer than what it was read from.
                    late = (!self.known).then_some((found, volatile));
                    self.known = true;
                }
                Err(error) => {
                    self.failed(error.to_string());
                    self.done = self.take().2;
                    return self.kept(false);
                }
            }
        }
        self.health = Health::Asked;
        Kept { late, ..self.kept(true) }
    }

    fn failed(&mut self, fault: String) {
        self.health = Health::Failed;
        self.fault = Some(fault);
        self.retry_at = clock::boot_time() + self.pause;
        self.pause = (self.pause * 2).min(KEEPER_RETRY_MAX);
    }

    fn take(&self) -> (Vec<Record>, Option<Vec<Record>>, Ticket) {
        let mut queue = self.queue.borrow_mut();
        queue.awaited = false;
        (std::mem::take(&mut queue.records), queue.state.take(), queue.last)
    }

    fn kept(&self, wants_state: bool) -> Kept {
        Kept {
            ticket: self.done,
            fault: self.fault.as_ref().or(self.lacking.as_ref()).cloned(),
            wants_state,
            wear: self.wear,
            left_out: self.left_out,
            late: None,
        }
    }

    /// Waits as long as the budget and the interval want more records to share the commit.
    async fn pace(&mut self) {
        let start = clock::boot_time();
        let mut until = |urgency| start + self.budget.wait(start, urgency).max(self.interval);
        let (critical, relaxed) = (until(Urgency::Critical), until(Urgency::Relaxed));
        loop {
            let due = match &*self.queue.borrow() {
                Queue { hurried: true, .. } => return,
                Queue { awaited: true, .. } => critical,
                Queue { .. } => relaxed,
            };
            let left = due.saturating_sub(clock::boot_time());
            if left.is_zero() {
                return;
            }
            let waited = async {
                Timer::after(left).await;
                true
            };
            // Who is woken looks again: by now an answer may wait.
            let woken = async { self.woken.recv().await.is_ok() };
            if !smol::future::or(woken, waited).await {
                return;
            }
        }
    }

    /// Returns what is wrong, and why some records were left out, if any were. Says so while it takes too long.
    async fn write(&mut self, work: Work) -> (Option<String>, Option<String>) {
        let Some(mut journal) = self.journal.take() else {
            return (Some("the journal is not open".to_owned()), None);
        };
        let mut writing = blocking::unblock(move || {
            let written = write::write(&mut journal, work);
            (journal, written)
        });
        let mut pause = KEEPER_STALL_TIME;
        let (journal, Written { fault, wrote, left }) = loop {
            let late = async {
                Timer::after(pause).await;
                None
            };
            let done = smol::future::or(async { Some((&mut writing).await) }, late).await;
            if let Some(done) = done {
                break done;
            }
            pause = KEEPER_RETRY_MAX;
            self.say_stalled().await;
        };
        if wrote {
            self.budget.spend(clock::boot_time());
        }
        self.wear = self.wear_before + journal.wear();
        self.journal = Some(journal);
        (fault, self.note(left))
    }

    async fn say_stalled(&self) {
        let seconds = KEEPER_STALL_TIME.as_secs();
        let fault = format!("{}: the flash has not answered for {seconds} s", self.path.display());
        let kept = Kept { fault: Some(fault), ..self.kept(false) };
        // If nobody listens any more, nobody asks for the outcome either.
        self.events.send(Event::Kept(kept)).await.ok();
    }

    fn note(&mut self, left: Left) -> Option<String> {
        self.left_out += left.records;
        let first = left.first?;
        warn!("{first}; left out, kept in memory alone: {} records", left.records);
        Some(first.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_told_until_there_is_room() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-keeper/lacking");
        std::fs::remove_dir_all(&path).ok();
        std::fs::create_dir_all(&path).unwrap();
        let options = Options { segment_bytes_max: 64 * 4096, segment_bytes_min: 0, salt: 1 };
        let dir = FlashDir::own(&path).unwrap();
        let journal = Some(Journal::open(dir, options, &mut |_, _, _| ()).unwrap().0);
        let opened = Opened { journal, found: Vec::new(), fault: None, volatile: false };
        let executor = LocalExecutor::new();
        let (sender, events) = channel::bounded(1);
        let storage = Storage { path, ..Storage::default() };
        let keeper = Keeper::new(&executor, opened, &storage, sender);
        let put = |n: u16| Record::put(1, n.to_be_bytes(), vec![7; 1000]);
        let kept = || {
            smol::block_on(executor.run(async {
                let Ok(Event::Kept(kept)) = events.recv().await else { panic!("a group") };
                kept
            }))
        };
        keeper.keep((0..400).map(put).collect());
        let first = kept();
        let fault = first.fault.unwrap();
        assert!(fault.starts_with("journal full: ") && first.left_out > 0, "{fault}");
        keeper.keep(vec![Record::delete(1, [0, 0])]);
        assert_eq!(kept().fault, Some(fault), "what was left out is still not there");
        keeper.begin_anew((0..400).map(put).collect());
        assert!(kept().fault.is_some());
        keeper.begin_anew((0..100).map(put).collect());
        assert_eq!(kept().fault, None);
    }

    #[test]
    fn of_the_records_of_one_key_the_last_stays() {
        let mut records = vec![
            Record::put(1, "a", "1"),
            Record::put(2, "a", "2"),
            Record::put(1, "b", "3"),
            Record::delete(1, "a"),
        ];
        let kept = records[1..].to_vec();
        coalesce(&mut records);
        assert_eq!(records, kept);
    }
}
