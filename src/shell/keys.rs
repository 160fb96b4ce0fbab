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

/// Why there are no keys: it names the file, and says nothing of what is in it.
#[derive(Debug)]
pub enum KeysError {
    /// A file cannot be read, which may be otherwise in a while.
    Unreadable(String),
    /// What was read is no key.
    Wrong(String),
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unreadable(why) | Self::Wrong(why)) = self;
        f.write_str(why)
    }
}

/// Reads a key from each of the files.
pub fn read(files: &[PathBuf], places: &Places) -> Result<KeyRing, KeysError> {
    let mut secrets = Vec::new();
    for file in files {
        let path = places.find(file);
        let text = read_one(&path).map_err(|error| {
            KeysError::Unreadable(format!("{} cannot be read: {error}", path.display()))
        })?;
        let wrong = |why| KeysError::Wrong(format!("{} {why}", path.display()));
        secrets.push(parse(&text).map_err(wrong)?);
    }
    let names = || files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
    KeyRing::new(&secrets)
        .map_err(|error| KeysError::Wrong(format!("{}: {error}", names().join(", "))))
}

/// One byte more than is allowed at most.
fn read_one(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.mode() & 0o007 != 0 {
        warn!("{}: anybody on this machine can read this key: chmod o= it", path.display());
    }
    let mut text = Vec::new();
    file.take(GOSSIP_KEY_FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
    Ok(text)
}

fn parse(text: &[u8]) -> Result<Vec<u8>, String> {
    if text.len() as u64 > GOSSIP_KEY_FILE_BYTES_MAX {
        return Err(format!("is larger than {GOSSIP_KEY_FILE_BYTES_MAX} bytes: one key a file"));
    }
    let text = str::from_utf8(text).map_err(|_| "is no text: expected one key".to_owned())?;
    key::parse(text).map_err(|error| error.to_string())
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
        let error = read(&["flock".into(), "short".into()], &places).unwrap_err();
        assert!(
            matches!(&error, KeysError::Wrong(why) if why.contains("/short holds 16 bytes")),
            "{error}"
        );
        let error = read(&["none".into()], &places).unwrap_err();
        assert!(
            matches!(&error, KeysError::Unreadable(why) if why.contains("/none cannot be read")),
            "{error}"
        );
        assert!(read(&["flock".into(), "flock".into()], &places).is_err());
        fs::remove_dir_all(directory).unwrap();
    }
}
