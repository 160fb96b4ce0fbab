//! The subcommands: thin clients of the HTTP API, and offline checks.

pub mod check;
pub mod journal;

use std::ffi::OsString;
use std::io::Write;

use rand::Rng as _;

use crate::shell::clock;

/// Runs the subcommand that the first argument names, on the arguments that follow it, and returns the exit code; none
/// if it names no subcommand, as with the daemon's own flags.
pub fn run(args: &[OsString], out: &mut dyn Write) -> Option<u8> {
    let (name, rest) = args.split_first()?;
    match name.to_str()? {
        "check-config" => Some(check::run(rest.iter().cloned(), out)),
        "journal" => {
            let rest: Vec<String> =
                rest.iter().map(|it| it.to_string_lossy().into_owned()).collect();
            let salt = clock::rng().map_or(0, |mut rng| rng.next_u64());
            Some(journal::run(&rest, salt, out))
        }
        _ => None,
    }
}
