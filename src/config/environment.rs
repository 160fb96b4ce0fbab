//! The environment of the process, as far as a config depends on it: systemd's directories and credentials, proxies, AWS.

use std::path::{Path, PathBuf};

/// The values that a config takes from the environment of the process, which main alone reads.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Where the journal is if neither flag nor text says it: systemd's state directory.
    pub state_directory: Option<PathBuf>,
    /// Where systemd's credentials are, `$CREDENTIALS_DIRECTORY`.
    pub credentials_directory: Option<PathBuf>,
    /// The names of the credentials: a file of a secret that is named so is that credential.
    pub credentials: Vec<String>,
    /// `$HTTP_PROXY`
    pub http_proxy: String,
    /// `$HTTPS_PROXY`
    pub https_proxy: String,
    /// `$NO_PROXY`
    pub no_proxy: String,
    /// Where AWS's tools look for credentials: `$HOME`, and the variables that start with `AWS_`.
    pub aws: Vec<(String, String)>,
}

impl Environment {
    /// Where a file is that a text in `directory` names: one of systemd's credentials if it is named as one is, else beside
    /// the text.
    pub fn place(&self, path: &str, directory: &Path) -> PathBuf {
        let is_credential = self.credentials.iter().any(|name| name == path);
        match &self.credentials_directory {
            Some(credentials) if is_credential => credentials.join(path),
            _ => directory.join(path),
        }
    }

    /// One of the variables that AWS's tools look at, unless it is empty.
    pub fn aws(&self, name: &str) -> Option<&str> {
        let variable = self.aws.iter().find(|(other, _)| other == name);
        variable.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}
