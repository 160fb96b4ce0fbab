//! Lines to the end of files, which are rotated. On the blocking pool, one line at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use smol::lock::Semaphore;

use crate::notify::FileLine;

/// Appends a line.
pub(super) async fn append(line: FileLine) -> Result<(), String> {
    static TURN: Semaphore = Semaphore::new(1);
    let turn = TURN.acquire().await;
    blocking::unblock(move || {
        let appended = write(&line);
        drop(turn);
        appended.map_err(|error| format!("{}: {error}", line.path.display()))
    })
    .await
}

fn write(line: &FileLine) -> io::Result<()> {
    let mut file = open(&line.path)?;
    let mut length = file.metadata()?.len();
    if length > 0 && length + line.line.len() as u64 > line.bytes_max {
        rotate(&line.path, line.files_max)?;
        file = open(&line.path)?;
        length = file.metadata()?.len();
    }
    let written = file.write_all(&line.line);
    if written.is_err() {
        // Half a line would spoil the next one.
        file.set_len(length)?;
    }
    written
}

/// The file itself: no link, which would lead elsewhere, and no pipe, which would wait for a reader.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    Ok(file)
}

/// `path` becomes `path.1`, that `path.2`, and the last is gone.
fn rotate(path: &Path, files_max: u32) -> io::Result<()> {
    let older = |number: u32| -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        if number > 0 {
            name.push(format!(".{number}"));
        }
        name.into()
    };
    for number in (0..files_max).rev() {
        match fs::rename(older(number), older(number + 1)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
    }
    if files_max == 0 { fs::remove_file(path) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("bellwether-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn line(path: &Path, text: &str, files_max: u32) -> FileLine {
        FileLine { path: path.to_owned(), line: text.into(), bytes_max: 10, files_max }
    }

    #[test]
    fn a_file_is_rotated_before_it_grows_beyond_its_bound() {
        let directory = directory("file");
        let path = directory.join("alerts");
        for text in ["one\n", "two\n", "three\n", "four\n", "five5555\n"] {
            smol::block_on(append(line(&path, text, 2))).unwrap();
        }
        let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
        assert_eq!(read("alerts"), "five5555\n");
        assert_eq!(read("alerts.1"), "four\n");
        assert_eq!(read("alerts.2"), "three\n");
        assert!(!directory.join("alerts.3").exists());
        smol::block_on(append(line(&path, "six\n", 0))).unwrap();
        assert_eq!(read("alerts"), "six\n");
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn links_pipes_and_directories_are_not_written_to() {
        let directory = directory("file-odd");
        let target = directory.join("target");
        let link = directory.join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let pipe = directory.join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        for path in [&link, &pipe, &directory, &directory.join("none/x")] {
            let error = smol::block_on(append(line(path, "x\n", 1))).unwrap_err();
            assert!(error.starts_with(&path.display().to_string()), "{error}");
        }
        assert!(!target.exists());
        fs::remove_dir_all(directory).unwrap();
    }
}
