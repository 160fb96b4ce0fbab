//! Bounded reads of files: of size, of time, and of threads. The loop's thread reads no file itself: a file may be on a
//! network that is gone, a dying card, or be a pipe that nobody writes to.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use smol::Timer;
use smol::lock::{self, Semaphore};

use crate::limits::{CONFIG_READS_MAX, FILE_TIME_MAX};
use crate::shell::clock;

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContent {
    /// Everything in it.
    pub bytes: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
    /// The user whose it is.
    pub uid: u32,
}

/// Reads a regular file on this thread. A file of more than `bytes_max` bytes is an error, and so is everything that is
/// no regular file: it is not even opened.
pub fn read_regular(path: &Path, bytes_max: usize) -> io::Result<FileContent> {
    check_regular(path)?;
    read(path, bytes_max)
}

/// Reads as [`read_regular`] does, and keeps nothing: `take` gets the bytes piece by piece. After an error it may have got some.
pub(super) fn scan_regular(
    path: &Path,
    bytes_max: usize,
    take: &mut dyn FnMut(&[u8]),
) -> io::Result<()> {
    check_regular(path)?;
    scan(open(path)?, bytes_max, take)
}

fn check_regular(path: &Path) -> io::Result<()> {
    let kind = std::fs::metadata(path)?.file_type();
    if !kind.is_file() {
        let kind = match () {
            () if kind.is_dir() => "a directory",
            () if kind.is_fifo() => "a pipe",
            () if kind.is_socket() => "a socket",
            () => "a device",
        };
        let why =
            format!("it is {kind}, no regular file: nothing else is read while the agent runs");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    Ok(())
}

/// Reads whatever it is on this thread, before the agent runs: a pipe too, if somebody writes to it within
/// [`FILE_TIME_MAX`]. More than `bytes_max` bytes are an error.
pub fn read_any(path: &Path, bytes_max: usize) -> io::Result<FileContent> {
    read(path, bytes_max)
}

fn open(path: &Path) -> io::Result<File> {
    // Else opening a pipe waits until somebody writes to it.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits();
    OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)
}

fn read(path: &Path, bytes_max: usize) -> io::Result<FileContent> {
    let file = open(path)?;
    let metadata = file.metadata()?;
    let (mode, uid) = (metadata.mode(), metadata.uid());
    // A vector that grows leaves as much again behind in the heap.
    let size = usize::try_from(metadata.size()).unwrap_or(bytes_max);
    let mut bytes = Vec::with_capacity(size.min(bytes_max));
    scan(file, bytes_max, &mut |piece| bytes.extend_from_slice(piece))?;
    Ok(FileContent { bytes, mode, uid })
}

fn scan(mut file: File, bytes_max: usize, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let deadline = clock::boot_time() + FILE_TIME_MAX;
    let mut piece = [0; 4096];
    let mut total = 0;
    loop {
        wait_until_readable(&file, deadline)?;
        let length = match file.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            outcome => outcome?,
        };
        if length == 0 {
            return Ok(());
        }
        total += length;
        if total > bytes_max {
            let why = format!("it is larger than {bytes_max} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        take(piece.get(..length).unwrap_or_default());
    }
}

/// A regular file is readable at once.
fn wait_until_readable(file: &File, deadline: Duration) -> io::Result<()> {
    let left = deadline.saturating_sub(clock::boot_time());
    let left = Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    };
    match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&left)) {
        Ok(0) => Err(too_late("nobody has written to its end", FILE_TIME_MAX)),
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn too_late(why: &str, time_max: Duration) -> io::Error {
    let why = format!("{why} within {time_max:?}");
    io::Error::new(io::ErrorKind::TimedOut, why)
}

/// Reads the config and what it names.
pub(super) static CONFIG_READERS: Readers = Readers::new(CONFIG_READS_MAX);

/// Threads that read files while the agent runs. A read that hangs keeps its thread until the kernel gives up; each file
/// has at most one, so that a file that hangs does not take the threads of the others.
#[derive(Debug)]
pub(super) struct Readers {
    places: Semaphore,
    /// The files that are being read.
    turns: Mutex<Vec<(PathBuf, Turn)>>,
}

type Turn = Arc<lock::Mutex<()>>;

impl Readers {
    /// As many threads at most.
    pub(super) const fn new(threads: usize) -> Self {
        Self { places: Semaphore::new(threads), turns: Mutex::new(Vec::new()) }
    }

    /// Reads a regular file of at most `bytes_max` bytes, within [`FILE_TIME_MAX`].
    pub(super) async fn read(
        &'static self,
        path: &Path,
        bytes_max: usize,
    ) -> io::Result<FileContent> {
        let file = path.to_owned();
        self.run(path, FILE_TIME_MAX, move || read_regular(&file, bytes_max)).await?
    }

    /// Does `job`, which reads `path`, or the files that this stands for, and no other. The error says that it took longer
    /// than `time_max`.
    pub(super) async fn run<T: Send + 'static>(
        &'static self,
        path: &Path,
        time_max: Duration,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let turn = self.turn(path);
        within(time_max, async {
            let turn = turn.lock_arc().await;
            let place = self.places.acquire().await;
            blocking::unblock(move || {
                let done = job();
                drop((turn, place));
                done
            })
            .await
        })
        .await
    }

    fn turn(&self, path: &Path) -> Turn {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|(_, turn)| Arc::strong_count(turn) > 1);
        if let Some((_, turn)) = turns.iter().find(|it| it.0 == path) {
            return Arc::clone(turn);
        }
        let turn = Turn::default();
        turns.push((path.to_owned(), Arc::clone(&turn)));
        turn
    }
}

async fn within<T>(time_max: Duration, step: impl Future<Output = T>) -> io::Result<T> {
    smol::future::or(async { Ok(step.await) }, async {
        Timer::after(time_max).await;
        Err(too_late("it was not read", time_max))
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::sync::mpsc;

    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use smol::block_on;

    use super::*;
    use crate::limits::ACCESS_READS_MAX;

    /// A directory that is removed at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("bellwether-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn pipe(&self) -> PathBuf {
            let path = self.0.join("pipe");
            mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
            path
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn only_regular_files_of_the_allowed_size_are_read_while_the_agent_runs() {
        let scratch = Scratch::new("regular");
        let file = scratch.0.join("file");
        fs::write(&file, "12345").unwrap();
        assert_eq!(read_regular(&file, 5).unwrap().bytes, b"12345");
        let why = |path: &Path, bytes_max| read_regular(path, bytes_max).unwrap_err().to_string();
        assert_eq!(why(&file, 4), "it is larger than 4 bytes");
        assert!(why(&scratch.pipe(), 5).starts_with("it is a pipe, no regular file"));
        assert!(why(&scratch.0, 5).starts_with("it is a directory, "));
        assert!(why(Path::new("/dev/zero"), 5).starts_with("it is a device, "));
        assert!(why(Path::new("/nonexistent"), 5).contains("No such file"));
    }

    #[test]
    fn a_pipe_is_read_to_its_end_at_the_start() {
        let scratch = Scratch::new("pipe");
        let path = scratch.pipe();
        let written = path.clone();
        let writer = blocking::unblock(move || {
            let mut pipe = OpenOptions::new().write(true).open(written).unwrap();
            pipe.write_all(b"half ").unwrap();
            pipe.write_all(b"and half").unwrap();
        });
        let content = read_any(&path, 100).unwrap();
        block_on(writer);
        assert_eq!(content.bytes, b"half and half");
        let unwritten = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let error = wait_until_readable(&unwritten, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
        assert_eq!(
            read_any(Path::new("/dev/zero"), 5).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
    }

    #[test]
    fn a_file_that_hangs_has_one_thread_and_the_others_are_read() {
        static READERS: Readers = Readers::new(2);
        let (held, other) = (Path::new("/held"), Path::new("/other"));
        let (go, wait) = mpsc::channel::<()>();
        let executor = smol::LocalExecutor::new();
        let hanging = executor.spawn(READERS.run(held, FILE_TIME_MAX, move || wait.recv().is_ok()));
        let waiting = executor.spawn(READERS.run(held, FILE_TIME_MAX, || true));
        let others = async {
            for _ in 0..4 {
                assert!(READERS.run(other, FILE_TIME_MAX, || true).await.unwrap());
            }
        };
        block_on(executor.run(others));
        assert!(!hanging.is_finished() && !waiting.is_finished());
        go.send(()).unwrap();
        assert!(block_on(executor.run(async { hanging.await.unwrap() && waiting.await.unwrap() })));
        READERS.turn(other);
        assert_eq!(READERS.turns.lock().unwrap().len(), 1, "what is read is forgotten");
    }

    #[test]
    fn so_many_files_are_read_at_a_time_and_the_next_one_waits() {
        static OF_ACCESS: Readers = Readers::new(ACCESS_READS_MAX);
        static OF_CONFIG: Readers = Readers::new(CONFIG_READS_MAX);
        fill(&OF_ACCESS, ACCESS_READS_MAX);
        fill(&OF_CONFIG, CONFIG_READS_MAX);
    }

    fn fill(readers: &'static Readers, max: usize) {
        let executor = smol::LocalExecutor::new();
        let began = Arc::new(Mutex::new(0));
        let (go, wait) = mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let reads: Vec<_> = (0..=max)
            .map(|number| {
                let (began, wait) = (Arc::clone(&began), Arc::clone(&wait));
                let path = PathBuf::from(format!("/{number}"));
                executor.spawn(async move {
                    let job = move || {
                        *began.lock().unwrap() += 1;
                        wait.lock().unwrap().recv().is_ok()
                    };
                    readers.run(&path, FILE_TIME_MAX, job).await.unwrap()
                })
            })
            .collect();
        block_on(executor.run(async {
            while *began.lock().unwrap() < max {
                Timer::after(Duration::from_millis(1)).await;
            }
            // The last one has had its turn to ask, and has no place.
            Timer::after(Duration::from_millis(20)).await;
            assert_eq!(*began.lock().unwrap(), max);
            for _ in 0..=max {
                go.send(()).unwrap();
            }
            for read in reads {
                assert!(read.await);
            }
        }));
        assert_eq!(*began.lock().unwrap(), max + 1);
    }

    #[test]
    fn a_read_that_takes_too_long_is_an_error() {
        let error = block_on(within(Duration::ZERO, std::future::pending::<()>())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().starts_with("it was not read within"), "{error}");
    }
}
