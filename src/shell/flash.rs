//! The state directory as the journal's medium: plain files, `pread`, `pwrite` and `fdatasync`. It decides nothing.
//! No symbolic link in it is followed: whoever may write there must not have the agent change other files.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{fmt, process};

use rustix::fs::{Advice, FallocateFlags, OFlags, fadvise, fallocate, statfs, statvfs};
use rustix::io::Errno;

use crate::store::Medium;

/// The file whose lock says that a process owns the directory. It holds that process's id.
const LOCK: &str = "journal.lock";
const TMPFS_MAGIC: i128 = 0x0102_1994;
const RAMFS_MAGIC: i128 = 0x8584_58f6;
/// How much of a new file is written at a time.
const ZEROS_BYTES: usize = 16 * 1024;

/// A state directory, opened.
#[derive(Debug)]
pub struct FlashDir {
    path: PathBuf,
    writable: bool,
    volatile: bool,
    files: RefCell<Vec<(String, File)>>,
    /// Held as long as the directory is owned.
    _lock: Option<File>,
}

/// A state directory cannot be used. It may have been made, or its lock file; no record in it has changed.
#[derive(Debug)]
pub enum FlashError {
    /// Another process owns it; its id, if the lock file says so.
    Locked(PathBuf, Option<u32>),
    /// It is not there, not a directory, or not for us.
    Unusable(PathBuf, io::Error),
}

impl fmt::Display for FlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(path, Some(pid)) => {
                write!(f, "{}: in use by process {pid}; stop it first", path.display())
            }
            Self::Locked(path, None) => {
                write!(f, "{}: in use by another process; stop it first", path.display())
            }
            Self::Unusable(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for FlashError {}

impl FlashDir {
    /// Opens a directory as its only owner.
    pub fn own(path: &Path) -> Result<Self, FlashError> {
        let lock = lock(path)?;
        Ok(Self { writable: true, _lock: Some(lock), ..Self::look(path)? })
    }

    /// Opens a directory to read it, whoever owns it.
    pub fn look(path: &Path) -> Result<Self, FlashError> {
        let unusable = |error| FlashError::Unusable(path.to_owned(), error);
        fs::read_dir(path).map_err(unusable)?;
        let kind = i128::from(statfs(path).map_err(|e| unusable(e.into()))?.f_type);
        Ok(Self {
            path: path.to_owned(),
            writable: false,
            volatile: kind == TMPFS_MAGIC || kind == RAMFS_MAGIC,
            files: RefCell::default(),
            _lock: None,
        })
    }

    /// True if the directory is on tmpfs or ramfs: everything succeeds and nothing survives a reboot.
    pub fn volatile(&self) -> bool {
        self.volatile
    }

    /// An error unless it is ours to change.
    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(io::ErrorKind::ReadOnlyFilesystem.into()) }
    }

    fn with<T>(&self, name: &str, run: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        let mut files = self.files.borrow_mut();
        if let Some((_, file)) = files.iter().find(|it| it.0 == name) {
            return run(file);
        }
        let file = open(OpenOptions::new().read(true).write(self.writable), &self.path.join(name))?;
        let result = run(&file);
        files.push((name.to_owned(), file));
        result
    }

    fn forget(&self, name: &str) {
        self.files.borrow_mut().retain(|it| it.0 != name);
    }
}

impl Medium for FlashDir {
    fn size(&self, name: &str) -> io::Result<Option<u64>> {
        match fs::symlink_metadata(self.path.join(name)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.with(name, |file| file.read_exact_at(into, offset))
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check_writable()?;
        self.with(name, |file| file.write_all_at(bytes, offset))
    }

    fn room(&self) -> Option<u64> {
        let found = statvfs(&self.path).ok()?;
        found.f_bavail.checked_mul(found.f_frsize)
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<()> {
        self.check_writable()?;
        self.forget(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let file = open(&mut options, &self.path.join(name))?;
        // One extent if the file system can; the zeros below are what counts: an overwrite then changes no metadata.
        match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(error) => {
                // Some of it may have been allocated; nothing was written.
                file.set_len(0)?;
                return Err(error.into());
            }
        }
        // Not a constant: that would be 16 KiB of the binary.
        let zeros = vec![0; ZEROS_BYTES];
        let mut at = 0;
        while at < bytes {
            let left = usize::try_from(bytes - at).unwrap_or(usize::MAX);
            let piece = zeros.get(..left).unwrap_or(&zeros);
            file.write_all_at(piece, at)?;
            at += piece.len() as u64;
        }
        self.forget(name);
        self.files.borrow_mut().push((name.to_owned(), file));
        Ok(())
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        self.with(name, File::sync_data)
    }

    fn settle(&self, name: &str) -> io::Result<()> {
        self.with(name, |file| {
            let synced = if self.writable { file.sync_data() } else { Ok(()) };
            fadvise(file, 0, None, Advice::DontNeed)?;
            synced
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.check_writable()?;
        self.forget(from);
        self.forget(to);
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.check_writable()?;
        self.forget(name);
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// Opens a file that is no symbolic link, and no pipe that would be waited for.
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = options.custom_flags(flags.bits().cast_signed()).open(path);
    if let Ok(file) = &opened
        && !file.metadata()?.is_file()
    {
        let name = path.file_name().unwrap_or_default().display();
        let why = format!(
            "{name} is no file, and nothing else belongs into the state directory: remove it"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    opened.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::LOOP) => {
            let name = path.file_name().unwrap_or_default().display();
            let why = format!(
                "{name} is a symbolic link: none is followed in the state directory, remove it"
            );
            io::Error::new(io::ErrorKind::InvalidInput, why)
        }
        _ => error,
    })
}

/// Takes the lock of a directory that is ours to change. Somebody else's is found also where we may only read it.
fn lock(dir: &Path) -> Result<File, FlashError> {
    let path = dir.join(LOCK);
    let unusable = |error| FlashError::Unusable(path.clone(), error);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let (mut file, refused) = match open(&mut options, &path) {
        Ok(file) => (file, None),
        Err(error) => match open(OpenOptions::new().read(true), &path) {
            Ok(file) => (file, Some(error)),
            Err(_) => return Err(unusable(error)),
        },
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // The holder's name is a courtesy; that somebody holds it is known.
            let _read = file.read_to_string(&mut pid);
            return Err(FlashError::Locked(dir.to_owned(), pid.trim().parse().ok()));
        }
        Err(TryLockError::Error(error)) => return Err(unusable(error)),
    }
    if let Some(error) = refused {
        return Err(unusable(error));
    }
    // The lock is what counts: on a full disk the number may find no room.
    let _told = file.set_len(0).and_then(|()| writeln!(file, "{}", process::id()));
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::store::{Fault, Journal, JournalOptions, JournalRecord};

    /// A fresh directory under the target directory, so that it is on whatever disk the build is on.
    fn fresh(name: &str) -> PathBuf {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-flash").join(name);
        if path.exists() {
            fs::remove_dir_all(&path).unwrap();
        }
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn opened(path: &Path) -> (Journal<FlashDir>, Vec<Vec<u8>>) {
        let mut keys = Vec::new();
        let dir = FlashDir::own(path).unwrap();
        let opened =
            Journal::open(dir, JournalOptions::new(1), &mut |_, key, _| keys.push(key.to_vec()));
        (opened.unwrap().0, keys)
    }

    #[test]
    fn committed_bytes_are_there_again() {
        let path = fresh("again");
        let (mut journal, keys) = opened(&path);
        assert!(keys.is_empty());
        journal
            .commit(&[JournalRecord::put(1, "a", "one"), JournalRecord::put(1, "b", "two")])
            .unwrap();
        journal.commit(&[JournalRecord::delete(1, "a")]).unwrap();
        drop(journal);
        assert_eq!(opened(&path).1, [b"b"]);
    }

    #[test]
    fn a_second_owner_is_refused_with_the_pid_of_the_first() {
        let path = fresh("locked");
        let first = FlashDir::own(&path).unwrap();
        let refused = FlashDir::own(&path).unwrap_err();
        assert!(matches!(&refused, FlashError::Locked(_, Some(pid)) if *pid == process::id()));
        FlashDir::look(&path).unwrap();
        drop(first);
        FlashDir::own(&path).unwrap();
    }

    #[test]
    fn a_directory_that_is_only_looked_at_is_never_changed() {
        let path = fresh("looked-at");
        let (mut journal, _) = opened(&path);
        journal.commit(&[JournalRecord::put(1, "a", "one")]).unwrap();
        let before = fs::read(path.join("journal-0")).unwrap();
        drop(journal);
        let looked = FlashDir::look(&path).unwrap();
        let (mut journal, _) =
            Journal::open(looked, JournalOptions::new(2), &mut |_, _, _| {}).unwrap();
        journal.commit(&[JournalRecord::put(1, "b", "two")]).unwrap_err();
        assert_eq!(fs::read(path.join("journal-0")).unwrap(), before);
        assert!(!path.join("journal-1").exists() && !path.join("journal.new").exists());
    }

    #[test]
    fn room_is_what_the_file_system_has_for_us() {
        let room = FlashDir::look(&fresh("room")).unwrap().room().unwrap();
        assert!(room > 1 << 20, "{room}");
    }

    #[test]
    fn a_missing_directory_is_an_error_value() {
        let path = fresh("missing").join("not-there");
        assert!(matches!(FlashDir::own(&path), Err(FlashError::Unusable(..))));
        assert!(matches!(FlashDir::look(&path), Err(FlashError::Unusable(..))));
    }

    #[test]
    fn a_directory_that_vanishes_is_a_fault_and_not_a_panic() {
        let path = fresh("vanishes");
        let (mut journal, _) = opened(&path);
        fs::remove_dir_all(&path).unwrap();
        let fault = journal.commit(&[JournalRecord::put(1, "a", "one")]).unwrap_err();
        assert!(matches!(&fault, Fault::Medium { doing: "create", .. }), "{fault}");
        assert_eq!(journal.fault(), Some(&fault));
        fs::create_dir_all(&path).unwrap();
        journal.rewrite(&[JournalRecord::put(1, "a", "one")], &|_| true).unwrap();
        drop(journal);
        assert_eq!(opened(&path).1, [b"a"]);
    }

    #[test]
    fn no_symbolic_link_in_the_directory_is_followed() {
        let path = fresh("links");
        let target = path.join("precious");
        fs::write(&target, "precious").unwrap();
        symlink(&target, path.join(LOCK)).unwrap();
        let refused = FlashDir::own(&path).unwrap_err().to_string();
        assert!(refused.contains("journal.lock is a symbolic link"), "{refused}");
        fs::remove_file(path.join(LOCK)).unwrap();
        let dir = FlashDir::own(&path).unwrap();
        symlink(&target, path.join("journal-0")).unwrap();
        for outcome in [
            dir.create("journal-0", 4096),
            dir.write_at("journal-0", 0, b"x"),
            dir.read_at("journal-0", 0, &mut [0; 4]),
            dir.sync("journal-0"),
            dir.settle("journal-0"),
        ] {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains("journal-0 is a symbolic link"), "{error}");
        }
        assert_ne!(dir.size("journal-0").unwrap(), Some(8), "its own size, not the target's");
        // Renaming and removing act on the link itself.
        dir.create("journal.new", 4096).unwrap();
        dir.rename("journal.new", "journal-0").unwrap();
        assert_eq!(dir.size("journal-0").unwrap(), Some(4096));
        symlink(&target, path.join("journal-1")).unwrap();
        dir.remove("journal-1").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"precious");
    }

    #[test]
    fn a_pipe_in_the_directory_is_no_file_and_is_not_waited_for() {
        let path = fresh("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path.join("journal-0"),
            rustix::fs::FileType::Fifo,
            mode,
            0,
        )
        .unwrap();
        for dir in [FlashDir::look(&path).unwrap(), FlashDir::own(&path).unwrap()] {
            let error = dir.read_at("journal-0", 0, &mut [0; 4]).unwrap_err().to_string();
            assert!(error.contains("journal-0 is no file"), "{error}");
        }
    }

    #[test]
    fn tmpfs_is_noticed() {
        let shm = Path::new("/dev/shm");
        if shm.is_dir() {
            assert!(FlashDir::look(shm).unwrap().volatile());
        }
        assert!(!FlashDir::look(&fresh("disk")).unwrap().volatile());
    }
}
