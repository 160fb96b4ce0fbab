//! From words to a subcommand and its flags.

use std::collections::BTreeSet;
use std::ffi::OsString;

use lexopt::{Arg, Parser};

use super::args::Args;
use super::commands::{COMMANDS, Command, Flag, everywhere};
use crate::config::{nearest_few, unknown};

/// The wish that the words express.
pub(super) enum Wish {
    /// Run this.
    Run(&'static Command, Args),
    /// Help of the subcommands whose names begin so.
    Help(String),
    /// The text of a flag that stands alone, such as `--version`.
    Print(&'static str),
}

/// So many flags are listed for one that is unknown.
const FLAGS_SHOWN: usize = 8;

/// Flags without a subcommand, which amtool has.
const ALONE: [&str; 2] = ["--version", "--help-long"];

/// The subcommands that these words name or begin to name.
pub(super) fn named(words: &str) -> impl Iterator<Item = &'static Command> + '_ {
    COMMANDS.iter().filter(move |command| {
        [command.name, command.also].iter().any(|name| {
            name.strip_prefix(words)
                .is_some_and(|rest| words.is_empty() || rest.is_empty() || rest.starts_with(' '))
        })
    })
}

/// Reads a whole command line, the program's name not among its words. The error says what is wrong, after the words of
/// the subcommand it belongs to.
pub(super) fn parse(args: &[OsString], is_amtool: bool) -> Result<Wish, (String, String)> {
    let (mut path, mut found) = (String::new(), Args::default());
    let mut is_help = false;
    let mut parser = Parser::from_args(args);
    loop {
        let wrong = |why: String| (path.clone(), why);
        let name = match parser.next().map_err(|error| wrong(error.to_string()))? {
            None => break,
            Some(Arg::Short(letter)) => format!("-{letter}"),
            Some(Arg::Long(name)) => format!("--{name}"),
            Some(Arg::Value(word)) => {
                let word = word
                    .into_string()
                    .map_err(|word| wrong(format!("{}: is no UTF-8", word.display())))?;
                if word == "help" && path.is_empty() && found.words.is_empty() {
                    is_help = true;
                    continue;
                }
                let longer = format!("{path} {word}").trim_start().to_owned();
                if found.words.is_empty() && named(&longer).next().is_some() {
                    path = longer;
                } else {
                    found.words.push(word);
                }
                continue;
            }
        };
        if let Some(flag) = ALONE.into_iter().find(|flag| *flag == name && path.is_empty()) {
            return Ok(Wish::Print(flag));
        }
        let (flag, is_on) = flag(&path, &name, is_amtool).map_err(wrong)?;
        let value = match flag.value() {
            None => switch(&mut parser, &name, is_on),
            Some(value) => {
                parser.value().map_err(|_| wrong(format!("{name}: needs a value, {value}")))?
            }
        };
        let value = value.into_string().map_err(|_| wrong(format!("{name}: is no UTF-8")))?;
        found.flags.push((flag.name(), value));
    }
    // Of a group the first is meant.
    let command = named(&path).next();
    match command {
        _ if is_help || found.is("help") => {
            let words = std::mem::take(&mut found.words);
            Ok(Wish::Help(if is_help && path.is_empty() { words.join(" ") } else { path }))
        }
        Some(command) if !path.is_empty() => {
            check(command, &found, is_amtool).map_err(|why| (path, why))?;
            Ok(Wish::Run(command, found))
        }
        _ => match found.words.first() {
            None => Ok(Wish::Help(path)),
            Some(word) => {
                let firsts = COMMANDS.iter().map(|it| it.name.split(' ').next().unwrap_or(it.name));
                let mut names: Vec<&str> = firsts.collect();
                names.dedup();
                Err((path, unknown("subcommand", word, names.into_iter())))
            }
        },
    }
}

/// Refuses an argument too many, and a flag of another command of the group: one before the last word of the command is looked
/// up among those of all.
fn check(command: &Command, found: &Args, is_amtool: bool) -> Result<(), String> {
    let count = command.arguments.split_whitespace().count();
    if let Some(more) = found.words.get(count).filter(|_| !command.arguments.contains("...")) {
        return Err(format!("unexpected argument {more:?}"));
    }
    let is_known = |name: &str| command.flags().any(|flag| flag.name() == name);
    match found.flags.iter().find(|(name, _)| !is_amtool && !is_known(name)) {
        Some((name, _)) => Err(format!("unknown flag \"--{name}\"")),
        None => Ok(()),
    }
}

/// The value of a switch: that of `--name=false`; the `i` of `-si` is another flag.
fn switch(parser: &mut Parser, name: &str, is_on: bool) -> OsString {
    let given = if name.starts_with("--") { parser.optional_value() } else { None };
    given.unwrap_or_else(|| is_on.to_string().into())
}

/// The flag of this name, and whether it is not switched off by `--no-`.
fn flag(path: &str, name: &str, is_amtool: bool) -> Result<(Flag, bool), String> {
    let flags = || named(path).flat_map(Command::flags);
    let more = || everywhere().filter(|_| is_amtool);
    let find = |name: &str| flags().chain(more()).find(|flag| flag.names().any(|it| it == name));
    if let Some(flag) = find(name) {
        return Ok((flag, true));
    }
    let off = name.strip_prefix("--no-").and_then(|rest| find(&format!("--{rest}")));
    if let Some(flag) = off.filter(|flag| flag.value().is_none()) {
        return Ok((flag, false));
    }
    let known: BTreeSet<&str> = flags().flat_map(Flag::names).collect();
    let told = unknown("flag", name, known.iter().copied());
    if known.len() <= FLAGS_SHOWN || told.contains("did you mean") {
        return Err(told);
    }
    let near = nearest_few(name, known.iter().copied(), FLAGS_SHOWN).join(", ");
    let all = if path.is_empty() { "; amtool --help-long lists all" } else { "" };
    Err(format!("unknown flag {name:?}; nearest of {}: {near}{all}", known.len()))
}
