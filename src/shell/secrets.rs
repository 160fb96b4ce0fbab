//! Secrets of receivers. One that is in a file is read at each use, so that a new one needs no reload.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::config::Secret;
use crate::limits::{ATTEMPTS_MAX, SECRET_BYTES_MAX};
use crate::shell::files::Readers;

static READERS: Readers = Readers::new(ATTEMPTS_MAX);

/// The file of a secret could not be read. Changes nothing. Says nothing of what is in it.
#[derive(Debug)]
pub(super) struct Error {
    file: PathBuf,
    why: io::Error,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reading the secret in {}: {}", self.file.display(), self.why)
    }
}

impl std::error::Error for Error {}

/// The text of a secret, without white space around it if it is from a file.
pub(super) async fn read(secret: &Secret) -> Result<String, Error> {
    let file = match secret {
        Secret::Inline(text) => return Ok(text.as_ref().to_owned()),
        Secret::File(file) => file,
    };
    let text = READERS.read(file, SECRET_BYTES_MAX).await.and_then(|content| {
        String::from_utf8(content.bytes)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))
    });
    match text {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(why) => Err(Error { file: file.clone(), why }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use smol::block_on;

    use super::*;

    #[test]
    fn a_secret_file_is_trimmed_and_errors_name_it_without_the_secret() {
        let path = std::env::temp_dir().join(format!("bellwether-secret-{}", std::process::id()));
        fs::write(&path, " token\n").unwrap();
        let secret = Secret::File(path.clone());
        assert_eq!(block_on(read(&secret)).unwrap(), "token");
        fs::write(&path, "x".repeat(SECRET_BYTES_MAX)).unwrap();
        assert_eq!(block_on(read(&secret)).unwrap().len(), SECRET_BYTES_MAX);
        fs::write(&path, "renewed").unwrap();
        assert_eq!(block_on(read(&secret)).unwrap(), "renewed", "it is read at each use");
        for (content, why) in [
            (b"token\xff".to_vec(), "it is not text in UTF-8"),
            (b"x".repeat(SECRET_BYTES_MAX + 1), "it is larger than 65536 bytes"),
        ] {
            fs::write(&path, content).unwrap();
            let error = block_on(read(&secret)).unwrap_err().to_string();
            assert_eq!(error, format!("reading the secret in {}: {why}", path.display()));
        }
        fs::remove_file(path).unwrap();
        let directory = Secret::File("/".into());
        let error = block_on(read(&directory)).unwrap_err().to_string();
        assert!(
            error.starts_with("reading the secret in /: it is a directory, no regular file"),
            "{error}"
        );
    }
}
