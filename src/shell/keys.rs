//! Shared keys from files.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use log::warn;
use smol::Timer;
use smol::channel::Sender;

use crate::gossip::KeyRing;
use crate::limits::{FILE_TIME_MAX, GOSSIP_KEY_FILE_BYTES_MAX, REJOIN_INTERVAL};
use crate::shell::Event;
use crate::shell::files::{self, CONFIG_READERS, FileContent};
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
pub struct MissingKeys {
    /// Why.
    pub why: String,
    /// Where they ought to be.
    pub files: Vec<PathBuf>,
    /// Where these are.
    pub places: Places,
    /// Whether somebody starts the agent anew when it stops.
    pub restarted: bool,
}

/// The keys of the flock were not read: those in force stay. Nothing is said of what is in a file.
#[derive(Debug)]
pub enum KeysError {
    /// This file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// A file has no valid key, or all of them make no ring: which file, and the error.
    Wrong(String),
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => {
                write!(f, "{} cannot be read: {error}", path.display())
            }
            Self::Wrong(what) => f.write_str(what),
        }
    }
}

/// Reads a key from each of the files, on this thread: before the agent runs.
pub fn read(files: &[PathBuf], places: &Places) -> Result<KeyRing, KeysError> {
    let secrets = files.iter().map(|file| {
        let path = places.find(file);
        let content = files::read_any(&path, GOSSIP_KEY_FILE_BYTES_MAX);
        parse(&path, content)
    });
    ring(files, &secrets.collect::<Result<Vec<_>, _>>()?)
}

/// Reads a key from each of the files while the agent runs.
pub(super) async fn read_again(files: &[PathBuf], places: &Places) -> Result<KeyRing, KeysError> {
    let mut secrets = Vec::new();
    for file in files {
        let (places, name) = (places.clone(), file.clone());
        let read = move || {
            let path = places.find(&name);
            let content = files::read_regular(&path, GOSSIP_KEY_FILE_BYTES_MAX);
            parse(&path, content)
        };
        let read = CONFIG_READERS.run(file, FILE_TIME_MAX, read).await;
        secrets.push(read.map_err(|error| KeysError::Unreadable(file.clone(), error))??);
    }
    ring(files, &secrets)
}

/// Looks now and then for keys that could not be read at the start. To take part the agent has to start anew: it stops
/// if somebody sees to that, and says it once if not.
pub(super) async fn send_found(missing: MissingKeys, events: Sender<Event>) {
    loop {
        Timer::after(REJOIN_INTERVAL).await;
        if read_again(&missing.files, &missing.places).await.is_ok() {
            break;
        }
    }
    if missing.restarted {
        let why = io::Error::other("can be read now, stopping to be started anew as a member");
        events.send(Event::SourceFailed("the flock's key", why)).await.ok();
    } else {
        warn!("the flock's key can be read now: restart to take part");
    }
}

fn ring(files: &[PathBuf], secrets: &[Vec<u8>]) -> Result<KeyRing, KeysError> {
    let names = || files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
    KeyRing::new(secrets)
        .map_err(|error| KeysError::Wrong(format!("{}: {error}", names().join(", "))))
}

/// The key in a file.
fn parse(path: &Path, content: io::Result<FileContent>) -> Result<Vec<u8>, KeysError> {
    let wrong = |why: &str| KeysError::Wrong(format!("{} {why}", path.display()));
    let FileContent { bytes, mode, .. } = content.map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => {
            wrong(&format!("is larger than {GOSSIP_KEY_FILE_BYTES_MAX} bytes: one key a file"))
        }
        _ => KeysError::Unreadable(path.to_owned(), error),
    })?;
    if mode & 0o007 != 0 {
        warn!("{}: anybody on this machine can read this key: chmod o= it", path.display());
    }
    let text = str::from_utf8(&bytes)
        .map_err(|_| wrong("is no text: `bellwether key new` makes a key"))?;
    key::parse(text).map_err(|error| wrong(&error.to_string()))
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
        fs::write(directory.join("large"), [b'0'; GOSSIP_KEY_FILE_BYTES_MAX + 1]).unwrap();
        let error = read(&["large".into()], &places).unwrap_err().to_string();
        assert!(error.contains("/large is larger than 4096 bytes"), "{error}");
        let again = |file: &str| smol::block_on(read_again(&[file.into()], &places));
        assert_eq!(again("flock").unwrap().ids().count(), 1);
        assert!(matches!(again("short").unwrap_err(), KeysError::Wrong(_)));
        let error = again("credentials").unwrap_err().to_string();
        assert!(error.contains("/credentials cannot be read: it is a directory"), "{error}");
        fs::remove_dir_all(directory).unwrap();
    }
}
