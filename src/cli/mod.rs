//! The subcommands: thin clients of the HTTP API, and offline checks. Called as `amtool`, they are amtool.

mod acknowledge;
mod alert;
mod amtool;
mod args;
mod check;
mod client;
pub mod commands;
mod config;
mod deadman;
mod flock;
mod healthy;
pub mod help;
mod history;
mod journal;
mod key;
mod notify;
mod owed;
mod parse;
mod routes;
mod screen;
mod silence;
mod table;
mod target;
mod template;
mod watch;
mod words;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::shell::clock;
use crate::time::Wall;

use args::Args;
use client::Agent;
use parse::Wish;
use screen::Screen;

/// The part of the process that a subcommand sees.
#[derive(Debug, Default)]
pub struct Process {
    /// The name that it was called by: the last part of its path.
    pub name: String,
    /// `$HOME`
    pub home: Option<PathBuf>,
    /// The user who asks.
    pub user: String,
    /// The terminal's width; none if the output is none.
    pub columns: Option<usize>,
    /// Whether colours are wanted on a terminal.
    pub has_colour: bool,
    /// Whether times are shown in the zone of this machine, not in their own.
    pub is_local: bool,
}

/// A running subcommand.
struct Cx<'a> {
    args: Args,
    process: &'a Process,
    out: Screen<'a>,
    err: Screen<'a>,
    now: Wall,
    is_amtool: bool,
}

/// How a subcommand ends: with an exit code, or why not.
type Outcome = Result<u8, Fault>;

/// A subcommand did not do what was asked for. Where an agent did not answer, it may have done it all the same.
#[derive(Debug, PartialEq)]
enum Fault {
    /// The command line makes no sense.
    Usage(String),
    /// Something else did not work.
    Failed(String),
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl From<io::Error> for Fault {
    /// Nobody listens, and so nobody reads why.
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

fn usage(why: impl Into<String>) -> Fault {
    Fault::Usage(why.into())
}

impl Cx<'_> {
    fn agent(&self) -> Result<Agent, Fault> {
        Agent::new(&self.args)
    }
}

/// Runs the subcommand that the words name and returns the exit code; none if they are the daemon's own flags. The answer
/// goes to `out`, a failure to `err`.
pub fn run(
    args: &[OsString],
    process: &Process,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Option<u8> {
    let is_amtool = process.name == "amtool";
    let is_ours = |arg: &OsString| !arg.as_encoded_bytes().starts_with(b"-");
    if !is_amtool && !args.first().is_some_and(is_ours) {
        return None;
    }
    let program = if is_amtool { "amtool" } else { "bellwether" };
    let (mut out, mut err) = (Screen::new(out), Screen::new(err));
    out.is_padded = is_amtool;
    if !is_amtool {
        out.columns = process.columns;
        out.has_colour = process.has_colour && process.columns.is_some();
    }
    let (command, args) = match parse::parse(args, is_amtool) {
        Ok(Wish::Run(command, args)) => (command, args),
        Ok(wish) => {
            let text = match wish {
                Wish::Help(words) => help::help(program, &words),
                Wish::Print(flag) => help::alone(program, flag),
                Wish::Run(..) => String::new(),
            };
            return Some(out.write_all(text.as_bytes()).map_or(1, |()| 0));
        }
        Err((words, why)) => {
            let hint = format!("{program} {words}").trim_end().to_owned();
            let text = format!("{why}\nSee {hint} --help");
            return Some(tell(&mut err, is_amtool, &text, 2));
        }
    };
    let mut cx = Cx { args, process, out, err, now: clock::wall(), is_amtool };
    let outcome = amtool::read_defaults(&mut cx).and_then(|()| (command.run)(&mut cx));
    Some(match outcome {
        Ok(code) => code,
        Err(Fault::Failed(why)) => tell(&mut cx.err, is_amtool, &why, 1),
        Err(Fault::Usage(mut why)) => {
            // Writing to a String cannot fail.
            write!(why, "\n{}", help::usage(program, command).trim_end()).ok();
            tell(&mut cx.err, is_amtool, &why, 2)
        }
    })
}

/// Says why, and returns the exit code: amtool knows no other than 1.
fn tell(err: &mut Screen<'_>, is_amtool: bool, why: &str, code: u8) -> u8 {
    let (name, code) = if is_amtool { ("amtool: error", 1) } else { ("error", code) };
    // Nobody is left to hear of a closed stderr.
    writeln!(err, "{name}: {}", why.trim_end()).ok();
    code
}

/// The content of a file, for messages that name it.
fn read(flag: &str, file: &str, bytes_max: usize) -> Result<Vec<u8>, Fault> {
    let content = crate::shell::files::read_any(Path::new(file), bytes_max);
    content.map(|it| it.bytes).map_err(|error| Fault::Failed(format!("{flag}{file}: {error}")))
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
