//! The subcommands: thin clients of the HTTP API, and offline checks.

pub mod acknowledge;
pub mod check;
pub mod client;
pub mod deadman;
pub mod flock;
pub mod history;
pub mod journal;
pub mod key;
pub mod notify;
mod plain;
mod table;
pub mod template;

use std::ffi::OsString;
use std::io::Write;

use rand::Rng as _;

use crate::limits::GOSSIP_KEY_BYTES_MIN;
use crate::shell::clock;

use plain::Plain;

/// Runs the subcommand that the first argument names, on the arguments that follow it, and returns the exit code; none
/// if there is none, as with the daemon's own flags. What was asked for goes to `out`, why it failed to `err`.
pub fn run(args: &[OsString], out: &mut dyn Write, err: &mut dyn Write) -> Option<u8> {
    let (name, rest) = args.split_first()?;
    let (out, err) = (&mut Plain::new(out) as &mut dyn Write, &mut Plain::new(err));
    Some(match name.to_str()? {
        "ack" => acknowledge::run(&texts(rest), clock::wall(), out, err),
        "check-config" => check::run(rest.iter().cloned(), out, err),
        "deadman" => deadman::run(&texts(rest), out, err),
        "flock" => flock::run(&texts(rest), out, err),
        "history" => history::run(&texts(rest), out, err),
        "journal" => {
            let salt = clock::rng().map_or(0, |mut rng| rng.next_u64());
            journal::run(&texts(rest), salt, out, err)
        }
        "key" => {
            let mut secret = [0; GOSSIP_KEY_BYTES_MIN];
            let entropy = clock::rng().map(|mut rng| rng.fill_bytes(&mut secret));
            key::run(&texts(rest), entropy.map(|()| &secret[..]), out, err)
        }
        "notify" => notify::run(&texts(rest), out, err),
        "ping" => deadman::ping(&texts(rest), out, err),
        "template" => template::run(&texts(rest), out, err),
        flag if flag.starts_with('-') => return None,
        unknown => {
            let names = NAMES.join(", ");
            // Ignore a closed stderr.
            writeln!(err, "bellwether: unknown subcommand {unknown:?}; there are {names}").ok();
            2
        }
    })
}

/// The subcommands.
const NAMES: [&str; 10] = [
    "ack",
    "check-config",
    "deadman",
    "flock",
    "history",
    "journal",
    "key",
    "notify",
    "ping",
    "template",
];

fn texts(args: &[OsString]) -> Vec<String> {
    args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(args: &[&str]) -> (Option<u8>, String, String) {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(&args, &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn what_went_wrong_is_no_output() {
        for args in [
            &["check-config", "--nonsense"][..],
            &["flock", "--url=gw"],
            &["history", "nonsense"],
            &["journal", "check", "/nowhere/at/all"],
            &["journal"],
            &["key", "old"],
            &["notify", "test"],
            &["template", "render"],
        ] {
            let (code, out, err) = told(args);
            assert!(code.is_some_and(|code| code > 0), "{args:?}");
            assert!(out.is_empty() && !err.is_empty(), "{args:?}: {out:?}, {err:?}");
        }
        for name in NAMES {
            let (code, out, err) = told(&[name, "--help"]);
            assert!(out.starts_with("usage: bellwether "), "{name}: {out}");
            assert_eq!((code, err), (Some(0), String::new()), "{name}");
        }
    }

    #[test]
    fn an_unknown_subcommand_hears_which_there_are() {
        let (code, out, err) = told(&["silence", "add"]);
        let expected = "bellwether: unknown subcommand \"silence\"; there are ack, check-config, deadman, flock, history, journal, key, notify, ping, template\n";
        assert_eq!((code, &*out, &*err), (Some(2), "", expected));
        assert_eq!(told(&["--log.level=info"]), (None, String::new(), String::new()));
    }
}
