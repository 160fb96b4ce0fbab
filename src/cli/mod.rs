//! The subcommands: thin clients of the HTTP API, and offline checks.

pub mod check;
pub mod client;
pub mod flock;
pub mod history;
pub mod journal;
pub mod key;
mod table;

use std::ffi::OsString;
use std::io::Write;

use rand::Rng as _;

use crate::limits::GOSSIP_KEY_BYTES_MIN;
use crate::shell::clock;

/// Runs the subcommand that the first argument names, on the arguments that follow it, and returns the exit code; none
/// if it names no subcommand, as with the daemon's own flags.
pub fn run(args: &[OsString], out: &mut dyn Write) -> Option<u8> {
    let (name, rest) = args.split_first()?;
    match name.to_str()? {
        "check-config" => Some(check::run(rest.iter().cloned(), out)),
        "flock" => Some(flock::run(&texts(rest), out)),
        "history" => Some(history::run(&texts(rest), out)),
        "journal" => {
            let salt = clock::rng().map_or(0, |mut rng| rng.next_u64());
            Some(journal::run(&texts(rest), salt, out))
        }
        "key" => {
            let mut secret = [0; GOSSIP_KEY_BYTES_MIN];
            // A generator without entropy makes no key.
            clock::rng().ok()?.fill_bytes(&mut secret);
            Some(key::run(&texts(rest), &secret, out))
        }
        _ => None,
    }
}

fn texts(args: &[OsString]) -> Vec<String> {
    args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect()
}
