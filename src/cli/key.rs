//! `bellwether key new`: a key for the flock to share.

use std::io::{self, Write};

use crate::wire::key;

const HELP: &str = "\
usage: bellwether key new > FILE
  new  prints a fresh key; give the file to every member of the flock: --cluster.key-file=FILE

To change the key of a running flock, reload each member (SIGHUP) after each step: add the new file as the second one on
all members, then make it the first one on all, then remove the old one from all.
";

/// Runs a `key` subcommand; `args` come after the word `key`, `secret` is random, or why there is none. Returns the exit
/// code: 0, 1 failed, 2 usage.
pub fn run(
    args: &[String],
    secret: io::Result<&[u8]>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match (words.as_slice(), secret) {
        (["new"], Ok(secret)) => writeln!(out, "{}", key::print(secret)).map(|()| 0),
        (["new"], Err(why)) => {
            writeln!(err, "error: no key is made without entropy from the system: {why}")
                .map(|()| 1)
        }
        (["--help" | "-h"], _) => out.write_all(HELP.as_bytes()).map(|()| 0),
        _ => err.write_all(HELP.as_bytes()).map(|()| 2),
    };
    done.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(word: &str, secret: io::Result<&[u8]>) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(&[word.to_owned()], secret, &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn a_new_key_is_one_that_is_accepted() {
        let secret: Vec<u8> = (0..32).map(|number: u8| number.wrapping_mul(99)).collect();
        let (code, out, err) = told("new", Ok(&secret));
        assert_eq!((code, &*err), (0, ""));
        assert_eq!(key::parse(&out).unwrap(), secret);
        let (code, out, err) = told("old", Ok(&secret));
        assert_eq!((code, &*out), (2, ""));
        assert!(err.starts_with("usage: bellwether key new"), "{err}");
    }

    #[test]
    fn without_entropy_no_key_is_made() {
        let (code, out, err) = told("new", Err(io::Error::other("not seeded yet")));
        assert_eq!((code, &*out), (1, ""));
        assert!(err.contains("entropy") && err.contains("not seeded yet"), "{err}");
    }
}
