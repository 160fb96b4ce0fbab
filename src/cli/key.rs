//! `bellwether key new`: a key for the flock to share.

use std::io::Write;

use crate::wire::key;

const HELP: &str = "\
usage: bellwether key new > FILE
  new  prints a fresh key; give the file to every member of the flock: --cluster.key-file=FILE

To change the key of a running flock, reload each member (SIGHUP) after each step: add the new file as the second one on
all members, then make it the first one on all, then remove the old one from all.
";

/// Runs a `key` subcommand; `args` come after the word `key`, `secret` is random. Returns the exit code: 0, 1 failed, 2
/// usage.
pub fn run(args: &[String], secret: &[u8], out: &mut dyn Write) -> u8 {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["new"] => writeln!(out, "{}", key::print(secret)).map(|()| 0),
        ["--help" | "-h"] => out.write_all(HELP.as_bytes()).map(|()| 0),
        _ => out.write_all(HELP.as_bytes()).map(|()| 2),
    };
    done.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_one_that_is_accepted() {
        let secret: Vec<u8> = (0..32).map(|number: u8| number.wrapping_mul(99)).collect();
        let mut out = Vec::new();
        assert_eq!(run(&["new".to_owned()], &secret, &mut out), 0);
        assert_eq!(key::parse(&String::from_utf8(out).unwrap()).unwrap(), secret);
        let mut out = Vec::new();
        assert_eq!(run(&["old".to_owned()], &secret, &mut out), 2);
        assert!(out.starts_with(b"usage: bellwether key new"));
    }
}
