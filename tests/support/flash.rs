//! A simulated state directory: a page cache in front of flash, and a plug that can be pulled.
//!
//! Bytes written and not synced are pending: 512-byte sectors, each with every version that it has had, and changes
//! of names in order. When the power is cut each pending sector is there or not, in any of its versions, in any order;
//! each pending change of names likewise. A sync that fails drops what was pending and leaves it readable from the
//! cache, and the next one succeeds, as Linux does it. `Sin` makes the medium break one promise, to show that the tests
//! would notice.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use bellwether::store::Medium;

use super::rng::Rng;

pub const SECTOR: usize = 512;
const PAGE: usize = 4096;
type Sector = [u8; SECTOR];

const EIO: i32 = 5;
const EACCES: i32 = 13;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

/// A promise that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sin {
    /// `sync` does nothing.
    SkipSync,
    /// `sync_dir` does nothing.
    SkipSyncDir,
    /// A failed `sync` says that all is well.
    HideSyncFailure,
    /// `settle` does nothing.
    SkipSettle,
    /// A write touches the page before it, as if it were shared.
    TouchPageBefore,
    /// `sync` answers before it is done; the next changing call finishes it.
    SyncAfterTheAnswer,
    /// The opener of the journal draws the same salt each time; the test does that.
    SameSalt,
}

/// The operations that fail from now on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// `write_at` and `create` of a file that needs new blocks.
    pub no_space: bool,
    /// Everything that writes.
    pub read_only: bool,
    /// The next so many syncs, of files and of the directory.
    pub syncs: u32,
    /// The next so many writes.
    pub writes: u32,
    /// Reads of this file.
    pub reads_of: Option<&'static str>,
    /// All operations on this file are denied.
    pub denied: Option<&'static str>,
}

#[derive(Clone, Debug, Default)]
struct File {
    cache: Vec<u8>,
    flash: Vec<u8>,
    /// The versions that each unsynced sector has had, oldest first.
    pending: BTreeMap<usize, Vec<Sector>>,
}

#[derive(Clone, Debug)]
enum Naming {
    Link(String, usize),
    Rename(String, String),
    Remove(String),
}

#[derive(Clone, Debug, Default)]
struct State {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    flash_names: BTreeMap<String, usize>,
    naming: Vec<Naming>,
    /// Calls that change something, so far.
    calls: usize,
    /// The call before which the power goes.
    cut_at: Option<usize>,
    faults: Faults,
    sin: Option<Sin>,
    /// Bytes of all files that there may be.
    capacity: Option<usize>,
    late: Vec<usize>,
    /// Decides whether new blocks come with what an older file left in them.
    old_blocks: Option<Rng>,
}

/// The medium; clones are handles to the same one.
#[derive(Clone, Debug, Default)]
pub struct Flash(Rc<RefCell<State>>);

/// One way in which a power cut can end: which version of each pending sector, and which changes of names, are there.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// For each pending sector, in order, 0 for the old content or the number of a version.
    pub sectors: Vec<usize>,
    /// For each pending change of names, in order.
    pub names: Vec<bool>,
}

impl Flash {
    pub fn new() -> Self {
        Self::default()
    }

    /// A second medium with the same content and nothing in common.
    pub fn copied(&self) -> Self {
        Self(Rc::new(RefCell::new(self.0.borrow().clone())))
    }

    pub fn commit_sin(&self, sin: Sin) {
        self.0.borrow_mut().sin = Some(sin);
    }

    pub fn sin(&self) -> Option<Sin> {
        self.0.borrow().sin
    }

    pub fn set_faults(&self, faults: Faults) {
        self.0.borrow_mut().faults = faults;
    }

    /// From now on all files together may have so many bytes.
    pub fn set_capacity(&self, bytes: usize) {
        self.0.borrow_mut().capacity = Some(bytes);
    }

    /// New blocks come, now and then, with what an older file left in them, as on FAT.
    pub fn reuse_old_blocks(&self, seed: u64) {
        self.0.borrow_mut().old_blocks = Some(Rng::new(seed));
    }

    /// Cuts the power before the changing call with this number, counted from now.
    pub fn cut_after(&self, calls: usize) {
        let mut state = self.0.borrow_mut();
        state.cut_at = Some(state.calls + calls);
    }

    pub fn calls(&self) -> usize {
        self.0.borrow().calls
    }

    /// How many versions each pending sector can have, the old content included; and how many changes of names.
    pub fn pending(&self) -> (Vec<usize>, usize) {
        let state = self.0.borrow();
        let sectors = state.files.iter().flat_map(|f| f.pending.values()).map(|v| v.len() + 1);
        (sectors.collect(), state.naming.len())
    }

    /// The flash after a power cut that ended so; the plug is back in and nothing fails any more.
    pub fn after_cut(&self, outcome: &Outcome) -> Self {
        let mut state = self.0.borrow().clone();
        let mut choices = outcome.sectors.iter();
        for file in &mut state.files {
            for (sector, versions) in std::mem::take(&mut file.pending) {
                let choice = choices.next().copied().unwrap_or(0);
                if let Some(version) = choice.checked_sub(1).and_then(|n| versions.get(n)) {
                    put(&mut file.flash, sector, version);
                }
            }
            file.cache.clone_from(&file.flash);
        }
        let mut names = state.flash_names.clone();
        for (naming, there) in std::mem::take(&mut state.naming).iter().zip(&outcome.names) {
            if *there {
                apply(&mut names, naming);
            }
        }
        state.names.clone_from(&names);
        state.flash_names = names;
        Self::restarted(state)
    }

    /// A random end of a power cut.
    pub fn any_outcome(&self, rng: &mut Rng) -> Outcome {
        let (sectors, names) = self.pending();
        let bias = rng.below(5);
        let mut draw = |n: usize| match bias {
            0 => 0,
            1 => n - 1,
            _ => rng.below(n),
        };
        Outcome {
            sectors: sectors.into_iter().map(&mut draw).collect(),
            names: (0..names).map(|_| draw(2) == 1).collect(),
        }
    }

    /// The process is killed and started again: the page cache stays.
    pub fn after_kill(&self) -> Self {
        Self::restarted(self.0.borrow().clone())
    }

    fn restarted(mut state: State) -> Self {
        state.cut_at = None;
        state.faults = Faults::default();
        state.late.clear();
        Self(Rc::new(RefCell::new(state)))
    }

    /// Every file on flash.
    pub fn files(&self) -> Vec<(String, usize)> {
        let state = self.0.borrow();
        state.names.iter().map(|(n, i)| (n.clone(), state.files[*i].cache.len())).collect()
    }

    /// Flips bits of one byte, on flash and in the cache.
    pub fn flip(&self, name: &str, at: usize, mask: u8) {
        let mut state = self.0.borrow_mut();
        let inode = state.names[name];
        state.files[inode].cache[at] ^= mask;
        state.files[inode].flash[at] ^= mask;
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let state = self.0.borrow();
        state.files[state.names[name]].cache.clone()
    }

    pub fn overwrite(&self, name: &str, at: usize, bytes: &[u8]) {
        let mut state = self.0.borrow_mut();
        let inode = state.names[name];
        state.files[inode].cache[at..at + bytes.len()].copy_from_slice(bytes);
        state.files[inode].flash[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub fn truncate(&self, name: &str, len: usize) {
        let mut state = self.0.borrow_mut();
        let inode = state.names[name];
        state.files[inode].cache.truncate(len);
        state.files[inode].flash.truncate(len);
    }

    fn check_denied(&self, name: &str) -> io::Result<()> {
        let denied = self.0.borrow().faults.denied == Some(name);
        if denied { Err(io::Error::from_raw_os_error(EACCES)) } else { Ok(()) }
    }

    /// Counts a changing call and says whether it happens.
    fn change(&self) -> io::Result<std::cell::RefMut<'_, State>> {
        let mut state = self.0.borrow_mut();
        if state.cut_at.is_some_and(|cut| state.calls >= cut) {
            return Err(io::Error::other("the power is off"));
        }
        state.calls += 1;
        if state.sin == Some(Sin::SyncAfterTheAnswer) {
            for inode in std::mem::take(&mut state.late) {
                state.files[inode].sync();
            }
        }
        if state.faults.read_only {
            return Err(io::Error::from_raw_os_error(EROFS));
        }
        Ok(state)
    }
}

impl State {
    /// Bytes that new files may take.
    fn room(&self) -> Option<usize> {
        let used: usize = self.names.values().map(|inode| self.files[*inode].cache.len()).sum();
        self.capacity.map(|capacity| capacity.saturating_sub(used))
    }
}

impl File {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        if self.cache.len() < end {
            self.cache.resize(end, 0);
        }
        self.cache[at..end].copy_from_slice(bytes);
        for sector in at / SECTOR..end.div_ceil(SECTOR) {
            let now: Sector = take(&self.cache, sector);
            if self.pending.contains_key(&sector) || take(&self.flash, sector) != now {
                self.pending.entry(sector).or_default().push(now);
            }
        }
    }

    fn sync(&mut self) {
        self.pending.clear();
        self.flash.clone_from(&self.cache);
    }
}

fn take(bytes: &[u8], sector: usize) -> Sector {
    let mut out = [0; SECTOR];
    let from = (sector * SECTOR).min(bytes.len());
    let to = (from + SECTOR).min(bytes.len());
    out[..to - from].copy_from_slice(&bytes[from..to]);
    out
}

fn put(bytes: &mut Vec<u8>, sector: usize, content: &Sector) {
    let end = (sector + 1) * SECTOR;
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[end - SECTOR..end].copy_from_slice(content);
}

fn apply(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    match naming {
        Naming::Link(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        Naming::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        Naming::Remove(name) => {
            names.remove(name);
        }
    }
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Medium for Flash {
    fn size(&self, name: &str) -> io::Result<Option<u64>> {
        let state = self.0.borrow();
        Ok(state.names.get(name).map(|inode| state.files[*inode].cache.len() as u64))
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.check_denied(name)?;
        let state = self.0.borrow();
        if state.faults.reads_of == Some(name) {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let inode = *state.names.get(name).ok_or_else(not_found)?;
        let from = usize::try_from(offset).expect("offsets fit");
        let bytes = state.files[inode].cache.get(from..from + into.len());
        into.copy_from_slice(bytes.ok_or(io::Error::from(io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn room(&self) -> Option<u64> {
        self.0.borrow().room().map(|bytes| bytes as u64)
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check_denied(name)?;
        let mut state = self.change()?;
        if state.faults.writes > 0 {
            state.faults.writes -= 1;
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let inode = *state.names.get(name).ok_or_else(not_found)?;
        let at = usize::try_from(offset).expect("offsets fit");
        let touches_before = state.sin == Some(Sin::TouchPageBefore) && at >= PAGE;
        let file = &mut state.files[inode];
        if touches_before {
            let before = file.cache[at - PAGE..at].to_vec();
            file.write(at - PAGE, &[0; PAGE]);
            file.write(at - PAGE, &before);
        }
        file.write(at, bytes);
        Ok(())
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<()> {
        let mut state = self.change()?;
        let wanted = usize::try_from(bytes).expect("sizes fit");
        if state.faults.no_space || state.room().is_some_and(|room| room < wanted) {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        let cache = vec![0; usize::try_from(bytes).expect("sizes fit")];
        let mut file = File { cache, ..File::default() };
        // Then the zeros are pending like any write.
        if let Some(mut rng) = state.old_blocks.take() {
            if rng.once_in(2) && !state.files.is_empty() {
                let old = rng.below(state.files.len());
                file.flash.clone_from(&state.files[old].flash);
                file.flash.resize(file.cache.len(), 0);
                let zeros = vec![0; file.cache.len()];
                file.write(0, &zeros);
            }
            state.old_blocks = Some(rng);
        }
        state.files.push(file);
        let inode = state.files.len() - 1;
        let naming = Naming::Link(name.to_owned(), inode);
        apply(&mut state.names, &naming);
        state.naming.push(naming);
        Ok(())
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        let mut state = self.change()?;
        let inode = *state.names.get(name).ok_or_else(not_found)?;
        if state.faults.syncs > 0 {
            state.faults.syncs -= 1;
            // Linux marks the pages clean all the same: the next sync has nothing to write and succeeds.
            state.files[inode].pending.clear();
            return match state.sin {
                Some(Sin::HideSyncFailure) => Ok(()),
                _ => Err(io::Error::from_raw_os_error(EIO)),
            };
        }
        match state.sin {
            Some(Sin::SkipSync) => {}
            Some(Sin::SyncAfterTheAnswer) => state.late.push(inode),
            _ => state.files[inode].sync(),
        }
        Ok(())
    }

    fn settle(&self, name: &str) -> io::Result<()> {
        self.check_denied(name)?;
        let mut state = self.change()?;
        let inode = *state.names.get(name).ok_or_else(not_found)?;
        if state.sin == Some(Sin::SkipSettle) {
            return Ok(());
        }
        let fails = state.faults.syncs > 0;
        let file = &mut state.files[inode];
        if !fails {
            // Only what is pending is dirty; what a failed sync dropped is clean and never written.
            let pending = std::mem::take(&mut file.pending);
            for (sector, versions) in pending {
                put(&mut file.flash, sector, versions.last().expect("a version"));
            }
        }
        file.pending.clear();
        let len = file.cache.len();
        file.cache.clone_from(&file.flash);
        file.cache.resize(len, 0);
        if fails {
            state.faults.syncs -= 1;
            return Err(io::Error::from_raw_os_error(EIO));
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.change()?;
        if !state.names.contains_key(from) {
            return Err(not_found());
        }
        let naming = Naming::Rename(from.to_owned(), to.to_owned());
        apply(&mut state.names, &naming);
        state.naming.push(naming);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.change()?;
        if state.names.contains_key(name) {
            let naming = Naming::Remove(name.to_owned());
            apply(&mut state.names, &naming);
            state.naming.push(naming);
        }
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.change()?;
        if state.faults.syncs > 0 {
            state.faults.syncs -= 1;
            return Err(io::Error::from_raw_os_error(EIO));
        }
        if state.sin != Some(Sin::SkipSyncDir) {
            state.naming.clear();
            state.flash_names = state.names.clone();
            // A file without a name is nobody's.
            let named: Vec<usize> = state.names.values().copied().collect();
            for (inode, file) in state.files.iter_mut().enumerate() {
                if !named.contains(&inode) {
                    *file = File { flash: std::mem::take(&mut file.flash), ..File::default() };
                }
            }
        }
        Ok(())
    }
}
