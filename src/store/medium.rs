//! The operations that the journal needs of a directory on flash, and their errors.

use std::cell::Cell;
use std::{fmt, io};

use super::wear::Wear;

/// A segment in the making.
const NEW: &str = "journal.new";

/// A directory of files on flash. Names are plain file names. Nothing is durable before the call that says so.
pub trait Medium {
    /// Bytes of a file; none if there is no such file.
    fn size(&self, name: &str) -> io::Result<Option<u64>>;
    /// Fills `into` from `offset`. A file that ends before is an error.
    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Bytes that new files may take; none if nobody knows.
    fn room(&self) -> Option<u64>;
    /// Makes a new file, or empties the old one, of so many zeros, with its blocks allocated and written. A file that
    /// does not come to be is no longer than what was written of it.
    fn create(&self, name: &str, bytes: u64) -> io::Result<()>;
    /// Makes the content of a file durable: one `fdatasync`.
    fn sync(&self, name: &str) -> io::Result<()>;
    /// [`Medium::sync`], and then, also if that failed, forgets what is cached, so that what is read afterwards is what
    /// the flash holds: after a failed sync the page cache shows bytes that never reached it.
    fn settle(&self, name: &str) -> io::Result<()>;
    /// Gives a file another name, over any file that has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file; no error if there is none.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_dir(&self) -> io::Result<()>;
}

/// The journal could not do what it was asked. Each variant says what is on flash then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The live records need more room than the largest segment has. This commit is refused, the journal goes on.
    Full {
        /// Bytes needed.
        bytes: u64,
        /// Bytes of the largest segment.
        bytes_max: u64,
    },
    /// There is no room for another segment, however small. Nothing was written; what is on flash stays as it is.
    NoRoom {
        /// Bytes that must be free.
        needed: u64,
        /// Bytes that are.
        free: u64,
    },
    /// The medium failed. The segment in use was given up; see [`super::Journal::rewrite`].
    Medium {
        /// The operation, as a verb: `sync`, `write`, ...
        doing: &'static str,
        /// The file it was tried on.
        name: String,
        /// The kind of error.
        kind: io::ErrorKind,
        /// The system's words.
        error: String,
    },
    /// A key or body over its limit. The whole commit is refused, nothing was written.
    TooLarge {
        /// `key` or `body`.
        what: &'static str,
        /// Its bytes.
        bytes: usize,
        /// Its limit.
        bytes_max: usize,
    },
    /// Live records could not be read back from flash while they were copied; the owner of the state can
    /// [`super::Journal::rewrite`] it.
    Unreadable {
        /// How many records.
        records: usize,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { bytes, bytes_max } => write!(
                f,
                "journal full: the live records need {bytes} bytes, a segment has at most {bytes_max}"
            ),
            Self::NoRoom { needed, free } => {
                write!(f, "journal: no room: needs {}, {} free", Size(*needed), Size(*free))
            }
            Self::Medium { doing, name, error, .. } => {
                write!(f, "journal: cannot {doing} {name}: {error}")
            }
            Self::TooLarge { what, bytes, bytes_max } => {
                write!(f, "journal: a {what} of {bytes} bytes; at most {bytes_max} are kept")
            }
            Self::Unreadable { records } => {
                write!(f, "journal: {records} live records cannot be read back from flash")
            }
        }
    }
}

impl std::error::Error for Fault {}

impl Fault {
    /// Whether we may not do it, whatever state the flash is in.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::Medium { kind: io::ErrorKind::PermissionDenied, .. })
    }

    /// Whether there was less room than was thought.
    pub(crate) fn is_out_of_room(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::NoRoom { .. } | Self::Medium { kind: StorageFull | QuotaExceeded, .. })
    }
}

/// Bytes as people read them.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KIB: u64 = 1024;
        const MIB: u64 = 1024 * KIB;
        if self.0 < MIB {
            return write!(f, "{} KiB", self.0.div_ceil(KIB));
        }
        let tenths = (self.0 * 10).div_ceil(MIB);
        write!(f, "{}.{} MiB", tenths / 10, tenths % 10)
    }
}

/// A medium that knows its segments by number, words its faults and counts its wear.
#[derive(Debug)]
pub(crate) struct Disk<M> {
    medium: M,
    bytes: Cell<u64>,
    syncs: Cell<u64>,
}

impl<M: Medium> Disk<M> {
    pub(crate) fn new(medium: M) -> Self {
        Self { medium, bytes: Cell::new(0), syncs: Cell::new(0) }
    }

    pub(crate) fn size(&self, slot: u8) -> Result<Option<u64>, Fault> {
        let name = name(slot);
        self.medium.size(&name).map_err(|e| fault("look at", &name, &e))
    }

    pub(crate) fn read(&self, slot: u8, offset: u32, into: &mut [u8]) -> Result<(), Fault> {
        let name = name(slot);
        self.medium.read_at(&name, u64::from(offset), into).map_err(|e| fault("read", &name, &e))
    }

    pub(crate) fn write(&self, slot: u8, offset: u32, bytes: &[u8]) -> Result<(), Fault> {
        let name = name(slot);
        let written = self.medium.write_at(&name, u64::from(offset), bytes);
        written.map_err(|e| fault("write", &name, &e))?;
        self.bytes.set(self.bytes.get() + bytes.len() as u64);
        Ok(())
    }

    pub(crate) fn sync(&self, slot: u8) -> Result<(), Fault> {
        let name = name(slot);
        self.syncs.set(self.syncs.get() + 1);
        self.medium.sync(&name).map_err(|e| fault("sync", &name, &e))
    }

    /// Bytes that new files may take, as far as anybody knows.
    pub(crate) fn room(&self) -> Option<u64> {
        self.medium.room()
    }

    pub(crate) fn settle(&self, slot: u8) -> Result<(), Fault> {
        let name = name(slot);
        self.medium.settle(&name).map_err(|e| fault("sync", &name, &e))
    }

    /// Replaces whatever the slot holds by a file of zeros that is durable, name and content.
    pub(crate) fn create(&self, slot: u8, bytes: u64) -> Result<(), Fault> {
        let name = name(slot);
        self.medium.remove(&name).map_err(|e| fault("remove", &name, &e))?;
        // It gets its name when its zeros are durable: until then its blocks may hold a segment that was removed.
        let create = || {
            let created = self.medium.create(NEW, bytes);
            let written = self.medium.size(NEW).ok().flatten().unwrap_or(0);
            self.bytes.set(self.bytes.get() + written);
            created?;
            self.syncs.set(self.syncs.get() + 1);
            self.medium.sync(NEW)?;
            self.medium.rename(NEW, &name)
        };
        if let Err(error) = create() {
            // A leftover only takes room; that it cannot be removed changes nothing.
            let _removed = self.medium.remove(NEW);
            return Err(fault("create", &name, &error));
        }
        self.sync_dir()
    }

    /// Removes the slot's file, so that others find room.
    pub(crate) fn remove(&self, slot: u8) -> Result<(), Fault> {
        let name = name(slot);
        self.medium.remove(&name).map_err(|e| fault("remove", &name, &e))
    }

    /// Keeps the slot's file under another name. A file that was set aside before from the same slot is replaced.
    pub(crate) fn set_aside(&self, slot: u8) -> Result<(), Fault> {
        let name = name(slot);
        self.medium.rename(&name, &aside(slot)).map_err(|e| fault("set aside", &name, &e))?;
        self.sync_dir()
    }

    fn sync_dir(&self) -> Result<(), Fault> {
        self.syncs.set(self.syncs.get() + 1);
        self.medium.sync_dir().map_err(|e| fault("sync", "the directory", &e))
    }

    /// Adds what was written and synced so far.
    pub(crate) fn add_wear(&self, wear: &mut Wear) {
        wear.bytes = self.bytes.get();
        wear.syncs = self.syncs.get();
    }
}

/// The file of a segment.
pub fn name(slot: u8) -> String {
    format!("journal-{slot}")
}

/// Where a segment of another major version is kept.
pub fn aside(slot: u8) -> String {
    format!("journal-{slot}.aside")
}

fn fault(doing: &'static str, name: &str, error: &io::Error) -> Fault {
    Fault::Medium { doing, name: name.to_owned(), kind: error.kind(), error: error.to_string() }
}
