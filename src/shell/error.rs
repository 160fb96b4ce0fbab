//! Why the shell does not start, or does not go on.

use std::fmt;
use std::io;

use crate::config::settings::{Address, Listener};
use crate::shell::admission;
use crate::shell::flash::FlashError;

/// The shell did not start, or does not go on: the process ends with it. Flash stays as it is.
#[derive(Debug)]
pub enum Error {
    /// The system refused something that nothing works without: what.
    System(&'static str, io::Error),
    /// Another process owns the state directory.
    Storage(FlashError),
    /// An address cannot be listened on.
    Listen(Listener, io::Error),
    /// The sockets that systemd passes cannot be served, or there are none.
    Passed(io::Error),
    /// The rules of the HTTP side cannot be read, or are wrong.
    Admission(admission::AdmissionError),
    /// The flock's port cannot be opened there.
    Port(Address, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => write!(f, "--storage.path: {error}"),
            Self::System(what, error) => write!(f, "{what}: {error}"),
            Self::Listen(address, error) => {
                write!(f, "--web.listen-address={address}: cannot listen there: {error}")
            }
            Self::Passed(error) => write!(f, "--web.systemd-socket: {error}"),
            Self::Admission(error) => error.fmt(f),
            Self::Port(address, error) => {
                write!(f, "--cluster.listen-address={address}: cannot listen there: {error}")
            }
        }
    }
}
