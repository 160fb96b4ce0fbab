//! The journal's owner. Records queue here; a task makes all that has queued durable as one group, on the blocking pool,
//! while the next group gathers. Flash may take seconds: nobody waits for it but who waits for an answer.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use log::{info, warn};
use smol::channel::{self, Receiver, Sender};
use smol::{LocalExecutor, Task, Timer};

use crate::config::settings::{Durability, Storage};
use crate::limits::{KEEPER_RECORDS_MAX, KEEPER_RETRY_INTERVAL};
use crate::shell::flash::{FlashDir, FlashError};
use crate::shell::{Event, clock};
use crate::store::{Budget, Journal, Options, Record, Replay, Urgency, Wear};
use crate::wire::record::Kind;

/// Names a place in the queue; later ones are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// What the loop is told after each group.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Everything up to here is durable, or is kept in memory alone: see `fault`.
    pub(super) ticket: Ticket,
    /// Why nothing is written any more; none while all is well.
    pub(super) fault: Option<String>,
    /// Whether the journal could be tried again, if it were given the whole state.
    pub(super) wants_state: bool,
    /// What it has cost so far.
    pub(super) wear: Wear,
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
pub(super) fn open(storage: &Storage, salt: u64) -> Result<Opened, FlashError> {
    let mut opened = Opened { journal: None, found: Vec::new(), fault: None, volatile: false };
    if storage.durability == Durability::Off {
        return Ok(opened);
    }
    let path = &storage.path;
    match open_dir(path, salt) {
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

fn open_dir(path: &Path, salt: u64) -> Result<Dir, FlashError> {
    // If it cannot be made, opening it says why.
    std::fs::create_dir_all(path).ok();
    let medium = FlashDir::own(path)?;
    let volatile = medium.volatile();
    let mut found = Vec::new();
    let mut deliver =
        |kind: u16, key: &[u8], body: &[u8]| found.push((kind, key.to_vec(), body.to_vec()));
    let (journal, replay) =
        Journal::open(medium, Options::new(salt), &mut deliver).map_err(|fault| {
            FlashError::Unusable(path.into(), std::io::Error::other(fault.to_string()))
        })?;
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
}

impl Keeper {
    /// Starts to keep what is queued.
    pub(super) fn new(
        executor: &LocalExecutor<'static>,
        journal: Option<Journal<FlashDir>>,
        storage: &Storage,
        salt: u64,
        events: Sender<Event>,
    ) -> Self {
        let queue = Rc::new(RefCell::new(Queue::default()));
        let (wake, woken) = channel::bounded(1);
        let commits_a_day = u32::try_from(storage.daily_commits).unwrap_or(u32::MAX);
        let run = Run {
            journal,
            path: storage.path.clone(),
            salt,
            queue: Rc::clone(&queue),
            budget: Budget::new(commits_a_day, clock::boot_time()),
            interval: match storage.durability {
                Durability::Interval => storage.interval,
                Durability::Sync | Durability::Off => Duration::ZERO,
            },
            events,
        };
        let task = (storage.durability != Durability::Off).then(|| executor.spawn(run.run(woken)));
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
        Some(queue.last)
    }

    /// Takes note of what has become durable.
    pub(super) fn done(&mut self, ticket: Ticket) {
        self.done = self.done.max(ticket);
    }

    /// Gives the journal the whole state, to begin anew with.
    pub(super) fn begin_anew(&self, state: Vec<Record>) {
        self.queue.borrow_mut().state = Some(state);
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

struct Run {
    /// None while it could not be opened, and while a commit has it.
    journal: Option<Journal<FlashDir>>,
    path: PathBuf,
    salt: u64,
    queue: Rc<RefCell<Queue>>,
    budget: Budget,
    interval: Duration,
    events: Sender<Event>,
}

impl Run {
    async fn run(mut self, woken: Receiver<()>) {
        let mut healthy = self.journal.as_ref().is_some_and(|journal| journal.fault().is_none());
        let mut retry_at = clock::boot_time();
        loop {
            let go_on = async { woken.recv().await.is_ok() };
            let go_on = if healthy {
                go_on.await
            } else {
                let wait = retry_at.saturating_sub(clock::boot_time());
                let retry = async {
                    Timer::after(wait).await;
                    true
                };
                smol::future::or(go_on, retry).await
            };
            if !go_on {
                return;
            }
            if healthy {
                self.pace().await;
            }
            let (records, state, ticket) = {
                let mut queue = self.queue.borrow_mut();
                queue.awaited = false;
                (std::mem::take(&mut queue.records), queue.state.take(), queue.last)
            };
            let due = clock::boot_time() >= retry_at;
            let (fault, wear) = self.write(records, state).await;
            let wants_state = fault.is_some() && due;
            if wants_state {
                retry_at = clock::boot_time() + KEEPER_RETRY_INTERVAL;
            }
            healthy = fault.is_none();
            let kept = Kept { ticket, fault, wants_state, wear };
            if self.events.send(Event::Kept(kept)).await.is_err() {
                return;
            }
        }
    }

    /// Waits as long as the budget and the interval want more records to share the commit.
    async fn pace(&mut self) {
        let awaited = self.queue.borrow().awaited;
        let urgency = if awaited { Urgency::Critical } else { Urgency::Relaxed };
        let wait = self.budget.wait(clock::boot_time(), urgency).max(self.interval);
        if !wait.is_zero() {
            Timer::after(wait).await;
        }
    }

    /// Commits, or begins anew with the whole state. Returns what is wrong, and what it has cost.
    async fn write(
        &mut self,
        records: Vec<Record>,
        state: Option<Vec<Record>>,
    ) -> (Option<String>, Wear) {
        let (journal, path, salt) = (self.journal.take(), self.path.clone(), self.salt);
        let (journal, fault, wrote) =
            smol::unblock(move || write(journal, &path, salt, &records, state)).await;
        if wrote {
            self.budget.spend(clock::boot_time());
        }
        let wear = journal.as_ref().map(Journal::wear).unwrap_or_default();
        self.journal = journal;
        (fault, wear)
    }
}

type Written = (Option<Journal<FlashDir>>, Option<String>, bool);

fn write(
    journal: Option<Journal<FlashDir>>,
    path: &Path,
    salt: u64,
    records: &[Record],
    state: Option<Vec<Record>>,
) -> Written {
    let mut journal = match journal {
        Some(journal) => journal,
        None => match open_dir(path, salt) {
            // What it holds is older than what is in memory, which comes as the whole state.
            Ok((journal, _, _)) => journal,
            Err(error) => return (None, Some(error.to_string()), false),
        },
    };
    let outcome = match state {
        // What was queued meanwhile is part of neither: it comes after.
        Some(state) => journal
            .rewrite(&state, &|kind| Kind::from_number(kind).is_some())
            .and_then(|()| journal.commit(records).map(|_| true)),
        None => journal.commit(records).map(|done| done.wrote),
    };
    match outcome {
        Ok(wrote) => (Some(journal), None, wrote),
        Err(fault) => (Some(journal), Some(fault.to_string()), false),
    }
}

impl Opened {
    /// The journal, if it could be opened.
    pub(super) fn into_journal(self) -> Option<Journal<FlashDir>> {
        self.journal
    }
}
