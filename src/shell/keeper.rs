//! The journal's owner: a task that does what [`store::Keeper`] says, on a thread of its own. Flash may take seconds:
//! only requests that wait for an answer wait for it.

use std::cell::RefCell;
use std::fs::DirBuilder;
use std::future;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use log::{info, warn};
use rand::Rng as _;
use smol::channel::{self, Receiver, Sender};
use smol::{LocalExecutor, Task, Timer};

use crate::config::settings::{Durability, Storage};
use crate::shell::flash::{FlashDir, FlashError};
use crate::shell::worker::Worker;
use crate::shell::{Event, clock};
use crate::store::{
    self, Fault, Journal, JournalOptions, JournalRecord, KeeperStep, Keeping, Kept, Left, Opening,
    Replay, Ticket, Work, Written,
};
use crate::wire::record::Kind;

/// How often, and after which pauses, a directory is asked for that another process owns.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// One record as it was found: kind, key and body.
pub(super) type Found = (u16, Vec<u8>, Vec<u8>);

/// The result of opening a directory.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// None where it cannot be written.
    journal: Option<Journal<FlashDir>>,
    /// The stored records.
    pub(super) found: Vec<Found>,
    replay: Option<Replay>,
    /// Why nothing is written, if that was not chosen.
    pub(super) fault: Option<String>,
    /// Whether it survives no reboot.
    pub(super) volatile: bool,
}

impl Opened {
    fn opening(&self) -> Opening {
        Opening {
            is_open: self.journal.is_some(),
            is_read: self.journal.is_some() || self.replay.as_ref().is_some_and(Replay::is_all),
            fault: self.fault.clone(),
        }
    }
}

/// Opens the journal of `storage`. Only a directory that another process owns is an error; whatever else is wrong is
/// logged and told, and the agent runs from memory, with what can be read.
pub(super) fn open(storage: &Storage) -> Result<Opened, FlashError> {
    if storage.durability == Durability::Off {
        return Ok(Opened::default());
    }
    let path = &storage.path;
    let opened = match open_dir(path) {
        Ok(opened) => opened,
        Err(FlashError::Locked(path, pid)) => return Err(FlashError::Locked(path, pid)),
        Err(error) => Opened { fault: Some(error.to_string()), ..Opened::default() },
    };
    tell(path, &opened);
    if let Some(fault) = &opened.fault {
        warn!(
            "--storage.path={}: {fault}; going on from memory, what is new does not survive a restart; trying again",
            path.display()
        );
    }
    if opened.volatile {
        warn!("--storage.path={}: it is on tmpfs, nothing survives a reboot", path.display());
    }
    Ok(opened)
}

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

/// Makes the directory where there is none: nobody else is to read what it holds.
fn make_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    DirBuilder::new().mode(0o700).create(path)
}

/// Opens the directory, or reads what can be read where it cannot be written. An error means that it tells nothing.
fn open_dir(path: &Path) -> Result<Opened, FlashError> {
    let made = make_dir(path);
    let fault = match own(path) {
        Ok(medium) => match open_journal(path, medium)? {
            Ok(opened) => return Ok(opened),
            Err(fault) => fault.to_string(),
        },
        Err(locked @ FlashError::Locked(..)) => return Err(locked),
        Err(refused) => match made {
            Err(error) if !path.exists() => {
                return Err(FlashError::Unusable(path.into(), error));
            }
            _ => refused.to_string(),
        },
    };
    let medium = FlashDir::look(path)?;
    let mut opened = Opened { volatile: medium.volatile(), ..Opened::default() };
    match store::read(medium, &mut deliver(&mut opened.found)) {
        Ok(replay) => opened.replay = Some(replay),
        Err(error) => warn!("--storage.path={}: {error}", path.display()),
    }
    opened.fault = Some(fault);
    Ok(opened)
}

/// Opens the journal of a directory that is ours.
fn open_journal(path: &Path, medium: FlashDir) -> Result<Result<Opened, Fault>, FlashError> {
    // No two openings share one.
    let salt = clock::rng().map_err(|error| FlashError::Unusable(path.into(), error))?.next_u64();
    let mut opened = Opened { volatile: medium.volatile(), ..Opened::default() };
    let outcome = Journal::open(medium, JournalOptions::new(salt), &mut deliver(&mut opened.found));
    Ok(outcome.map(|(journal, replay)| Opened {
        fault: journal.fault().map(ToString::to_string),
        journal: Some(journal),
        replay: Some(replay),
        ..opened
    }))
}

fn deliver(found: &mut Vec<Found>) -> impl FnMut(u16, &[u8], &[u8]) {
    |kind, key, body| found.push((kind, key.to_vec(), body.to_vec()))
}

/// Says what was read.
fn tell(path: &Path, opened: &Opened) {
    let Some(replay) = &opened.replay else { return };
    let path = path.display();
    info!("journal {path}: {} records, {} bytes", replay.records, replay.bytes);
    for cut in &replay.cuts {
        warn!("journal {path}: {cut}");
    }
    if let Some(major) = replay.foreign_major {
        warn!(
            "journal {path}: format {major} is newer than this version; set aside, starting empty"
        );
    }
}

/// The queue before the journal, and the task that empties it.
#[derive(Debug)]
pub(super) struct JournalTask {
    inner: Rc<RefCell<store::Keeper>>,
    /// Whether answers wait until what they promise is durable.
    answers_wait: bool,
    wake: Sender<()>,
    /// None where nothing is to be kept.
    task: Option<Task<Option<()>>>,
}

impl JournalTask {
    /// Starts to keep what is queued. The error says that there is no thread for it.
    pub(super) fn new(
        executor: &LocalExecutor<'static>,
        opened: Opened,
        storage: &Storage,
        events: Sender<Event>,
    ) -> io::Result<Self> {
        let keeping = Keeping {
            commits_a_day: u32::try_from(storage.daily_commits).unwrap_or(u32::MAX),
            interval: match storage.durability {
                Durability::Interval => storage.interval,
                Durability::Sync | Durability::Off => Duration::ZERO,
            },
        };
        let keeper = store::Keeper::new(clock::boot_time(), &keeping, opened.opening());
        let keeper = Rc::new(RefCell::new(keeper));
        let (wake, woken) = channel::bounded(1);
        let answers_wait = storage.durability == Durability::Sync;
        if storage.durability == Durability::Off {
            return Ok(Self { inner: keeper, answers_wait, wake, task: None });
        }
        let owner = Owner {
            keeper: Rc::clone(&keeper),
            worker: Worker::start("flash")?,
            journal: opened.journal,
            writing: None,
            late: None,
            path: storage.path.clone(),
            events,
            woken,
        };
        let task = Some(executor.spawn(owner.run()));
        Ok(Self { inner: keeper, answers_wait, wake, task })
    }

    /// Queues a group.
    pub(super) fn keep(&self, records: Vec<JournalRecord>) {
        if self.task.is_some() {
            self.inner.borrow_mut().keep(records);
            self.wake();
        }
    }

    /// The commit that an answer must wait for that says that everything queued so far is stored, if any.
    pub(super) fn ticket(&self) -> Option<Ticket> {
        let ticket = self.answers_wait.then(|| self.inner.borrow_mut().ticket()).flatten();
        if ticket.is_some() {
            self.wake();
        }
        ticket
    }

    /// Takes note that the loop has heard what has become durable.
    pub(super) fn heard(&self, ticket: Ticket) {
        self.inner.borrow_mut().heard(ticket);
    }

    /// The whole state is being gathered: everything that is queued until now is part of it.
    pub(super) fn gather_state(&self) {
        self.inner.borrow_mut().gather_state();
    }

    /// Gives the journal the whole state to begin anew with. Records that were queued while it was gathered come on top.
    pub(super) fn begin_anew(&self, state: Vec<JournalRecord>) {
        self.inner.borrow_mut().begin_anew(state);
        self.wake();
    }

    /// From now on nothing is held back so that more can share its commit.
    pub(super) fn hurry(&self) {
        self.inner.borrow_mut().hurry();
        self.wake();
    }

    /// Whether everything queued is durable or given up.
    pub(super) fn is_idle(&self) -> bool {
        self.inner.borrow().is_idle()
    }

    fn wake(&self) {
        // Full means that it has been woken already.
        self.wake.try_send(()).ok();
    }
}

/// The records of a directory that could not be opened at the start, and whether it is volatile.
pub(super) type Late = (Vec<Found>, bool);

/// The owner of the journal.
struct Owner {
    keeper: Rc<RefCell<store::Keeper>>,
    worker: Worker,
    /// None while it could not be opened, and while a write has it.
    journal: Option<Journal<FlashDir>>,
    writing: Option<Receiver<(Journal<FlashDir>, Written)>>,
    /// To be told along with the next thing.
    late: Option<Late>,
    path: PathBuf,
    events: Sender<Event>,
    woken: Receiver<()>,
}

impl Owner {
    /// Ends when nobody is there any more.
    async fn run(mut self) -> Option<()> {
        loop {
            let step = self.keeper.borrow_mut().next(clock::boot_time());
            match step {
                KeeperStep::Wait(until) => self.wait(until).await?,
                KeeperStep::Open => self.open().await,
                KeeperStep::Write(work) => self.begin(work),
                KeeperStep::Tell(kept) => self.tell(kept).await?,
            }
        }
    }

    async fn tell(&mut self, kept: Kept) -> Option<()> {
        self.events.send(Event::Kept(kept, self.late.take())).await.ok()
    }

    /// Until a write has ended, a time is over, or something was queued.
    async fn wait(&mut self, until: Option<Duration>) -> Option<()> {
        let woken = async { self.woken.recv().await.ok().map(|()| None) };
        let over = async {
            match until {
                Some(at) => Timer::after(at.saturating_sub(clock::boot_time())).await,
                None => future::pending().await,
            };
            Some(None)
        };
        let written = async {
            match &mut self.writing {
                Some(writing) => Some(Some(writing.recv().await.ok()?)),
                None => future::pending().await,
            }
        };
        let first = smol::future::or(written, smol::future::or(woken, over)).await?;
        let Some((journal, written)) = first else { return Some(()) };
        self.writing = None;
        say_left(&written.left);
        let fault = written.fault.clone();
        let kept = self.keeper.borrow_mut().wrote(clock::boot_time(), written);
        if let Some(fault) = fault.filter(|_| kept.wants_state) {
            warn!("{fault}; beginning anew");
        }
        // A closed journal can be mended.
        self.journal = Some(journal).filter(|_| self.keeper.borrow().is_open());
        self.tell(kept).await
    }

    fn begin(&mut self, work: Work) {
        let journal = self.journal.take();
        let known = |kind| Kind::from_number(kind).is_some();
        self.writing = journal.map(|mut journal| {
            self.worker.run(move || {
                let written = work.perform(&mut journal, &known);
                (journal, written)
            })
        });
    }

    async fn open(&mut self) {
        let path = self.path.clone();
        let opened = self.worker.run(move || open_dir(&path)).recv().await;
        let failed = |fault: String| Opened { fault: Some(fault), ..Opened::default() };
        let mut opened = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => failed(error.to_string()),
            Err(error) => failed(error.to_string()),
        };
        let news = self.keeper.borrow_mut().opened(clock::boot_time(), opened.opening());
        // Else memory is newer than what was read.
        if news && opened.replay.is_some() {
            tell(&self.path, &opened);
            self.late = Some((std::mem::take(&mut opened.found), opened.volatile));
        }
        self.journal = opened.journal;
    }
}

fn say_left(left: &Left) {
    if let Some(first) = &left.first {
        warn!("{first}; left out, kept in memory alone: {} records", left.records);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn nobody_else_may_read_a_directory_that_the_agent_makes() {
        let above = std::env::temp_dir().join(format!("bellwether-made-{}", std::process::id()));
        let path = above.join("data");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        make_dir(&path).unwrap();
        assert_eq!(mode(), 0o700);
        // One that is there keeps the mode that its owner gave it.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o750)).unwrap();
        make_dir(&path).unwrap();
        assert_eq!(mode(), 0o750);
        std::fs::remove_dir_all(above).unwrap();
    }
}
