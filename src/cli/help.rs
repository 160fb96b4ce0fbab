//! `--help`: the table of subcommands as text.

use std::fmt::Write as _;

use super::commands::{COMMANDS, Command};
use super::parse::named;
use crate::version;

/// The text of `--help`: the subcommands, and the daemon's own flags, which are given.
pub fn daemon(flags: &str) -> String {
    let list = list("bellwether", COMMANDS.iter());
    format!(
        "Bellwether: an alerting agent for gateways.\n\nusage: bellwether [FLAG]...\n       bellwether SUBCOMMAND ...\n\n\
         Subcommands; each tells more with --help:\n{list}\nFlags of the agent:\n{flags}"
    )
}

/// Exit codes, for every subcommand; amtool has fewer.
const EXIT_CODES: &str = "\
Leaves with 0 if all went well, with 1 if it failed or if what was asked about is not as it should be, and with 2 if the
command line makes no sense.
";

/// The help of the subcommands whose names begin with these words: of one, everything; of several, a line each.
pub(super) fn help(program: &str, words: &str) -> String {
    let commands: Vec<&Command> = named(words).collect();
    match commands.as_slice() {
        [command] => whole(program, command),
        commands => {
            let mut text = format!("usage: {program} {words}{}SUBCOMMAND\n\n", gap(words));
            text.push_str(&list(program, commands.iter().copied()));
            text.push_str("\nEach tells more with --help.\n");
            text
        }
    }
}

/// The text of a flag that stands without a subcommand: amtool's `--version`, and all help.
pub(super) fn alone(program: &str, flag: &str) -> String {
    match flag {
        "--version" => {
            format!("amtool, version {} ({})\n", version::ALERTMANAGER, version::text().trim())
        }
        _ => COMMANDS.iter().map(|it| whole(program, it)).collect::<Vec<_>>().join("\n"),
    }
}

/// A line for each subcommand: its name, and the first line of what there is to say.
fn list<'a>(program: &str, commands: impl Iterator<Item = &'a Command>) -> String {
    let mut list = String::new();
    for command in commands {
        let about = command.about.lines().next().unwrap_or_default();
        // Writing to a String cannot fail.
        writeln!(list, "  {:18} {about}", command.name_of(program)).ok();
    }
    list
}

/// The line of usage.
pub(super) fn usage(program: &str, command: &Command) -> String {
    let (name, arguments) = (command.name_of(program), command.arguments);
    let flags =
        if command.flags.is_empty() && command.shared.is_empty() { "" } else { " [FLAG]..." };
    format!("usage: {program} {name}{flags}{}{arguments}\n", gap(arguments))
}

fn gap(text: &str) -> &'static str {
    if text.is_empty() { "" } else { " " }
}

fn whole(program: &str, command: &Command) -> String {
    let codes = if program == "amtool" {
        "Leaves with 0 if all went well, and with 1 if not.\n"
    } else {
        EXIT_CODES
    };
    let mut text = format!("{}\n{}\n\n{codes}", usage(program, command), command.about);
    let own = ("Flags", command.flags);
    for &(title, flags) in [own].iter().chain(command.shared) {
        if !flags.is_empty() {
            text.extend(["\n", title, ":\n", flags]);
        }
    }
    text
}
