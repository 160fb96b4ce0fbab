//! Shared keys from files.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use log::warn;

use crate::gossip::KeyRing;
use crate::limits::GOSSIP_KEY_FILE_BYTES_MAX;
use crate::wire::key;

/// Where files are that are named without a slash in front: systemd's credentials first, then `directory`.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// `$CREDENTIALS_DIRECTORY`
    pub credentials: Option<PathBuf>,
    /// The directory of the config file.
    pub directory: PathBuf,
}

impl Places {
    fn find(&self, file: &Path) -> PathBuf {
        let credential = self.credentials.as_ref().map(|credentials| credentials.join(file));
        credential.filter(|path| path.exists()).unwrap_or_else(|| self.directory.join(file))
    }
}

/// Keys that could not be read at the start: the agent is alone, and its port closed, rather than open without a seal.
#[derive(Clone, Debug)]
pub struct Missing {
    /// Why.
    pub why: String,
    /// Where they ought to be.
    pub files: Vec<PathBuf>,
    /// Where these are.
    pub places: Places,
    /// Whether somebody starts the agent anew when it stops.
    pub restarted: bool,
}

/// Why there are no keys. Nothing is said of what is in a file.
#[derive(Debug)]
pub enum Error {
    /// This file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// What is in a file is no key, or what is in all of them makes no ring: which file, and what is wrong.
    Wrong(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => {
                write!(f, "{} cannot be read: {error}", path.display())
            }
            Self::Wrong(what) => f.write_str(what),
        }
    }
}

/// Reads a key from each of the files.
pub fn read(files: &[PathBuf], places: &Places) -> Result<KeyRing, Error> {
    let mut secrets = Vec::new();
    for file in files {
        secrets.push(read_one(&places.find(file))?);
    }
    let names = || files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
    KeyRing::new(&secrets).map_err(|error| Error::Wrong(format!("{}: {error}", names().join(", "))))
}

fn read_one(path: &Path) -> Result<Vec<u8>, Error> {
    let wrong = |why: &str| Error::Wrong(format!("{} {why}", path.display()));
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::InvalidData => wrong("is no text: `bellwether key new` makes a key"),
        _ => Error::Unreadable(path.to_owned(), error),
    };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.mode() & 0o007 != 0 {
        warn!("{}: anybody on this machine can read this key: chmod o= it", path.display());
    }
    let mut text = String::new();
    file.take(GOSSIP_KEY_FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > GOSSIP_KEY_FILE_BYTES_MAX {
        let why = format!("is larger than {GOSSIP_KEY_FILE_BYTES_MAX} bytes: one key a file");
        return Err(wrong(&why));
    }
    key::parse(&text).map_err(|error| wrong(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_key_is_found_and_a_short_one_is_refused_by_the_name_of_its_file() {
        let directory =
            std::env::temp_dir().join(format!("bellwether-keys-{}", std::process::id()));
        fs::create_dir_all(directory.join("credentials")).unwrap();
        let secret: Vec<u8> = (0..32).map(|number: u8| number.wrapping_mul(77)).collect();
        fs::write(directory.join("credentials/flock"), key::print(&secret)).unwrap();
        fs::write(directory.join("short"), key::print(&secret[..16])).unwrap();
        let places = Places {
            credentials: Some(directory.join("credentials")),
            directory: directory.clone(),
        };
        let ring = read(&["flock".into()], &places).unwrap();
        assert_eq!(ring.ids().count(), 1);
        let error = read(&["flock".into(), "short".into()], &places).unwrap_err().to_string();
        assert!(error.contains("/short holds 16 bytes"), "{error}");
        let error = read(&["none".into()], &places).unwrap_err().to_string();
        assert!(error.contains("/none cannot be read"), "{error}");
        assert!(read(&["flock".into(), "flock".into()], &places).is_err());
        fs::write(directory.join("noise"), b"\xff").unwrap();
        let error = read(&["noise".into()], &places).unwrap_err().to_string();
        assert!(error.contains("/noise is no text"), "{error}");
        fs::remove_dir_all(directory).unwrap();
    }
}
