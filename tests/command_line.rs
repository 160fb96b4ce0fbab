//! The man page, the completions and the documentation know the command line: they are made of its table. After a change
//! of the table, `cargo test --test command_line -- --ignored` writes them anew. And the program itself reads its standard input.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[path = "support/completions.rs"]
mod completions;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process;

use bellwether::cli::commands::{COMMANDS, Command, Flag};
use bellwether::config::flags;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A flag with the whole text beside it, which may go on over lines.
fn flags_of(text: &'static str) -> Vec<(Flag, String)> {
    let mut flags: Vec<(Flag, String)> = Vec::new();
    for line in text.lines() {
        if let Some(flag) = Flag::of_line(line) {
            flags.push((flag, flag.help.to_owned()));
        } else {
            let (_, help) = flags.last_mut().unwrap();
            if !help.is_empty() {
                help.push(' ');
            }
            help.push_str(line.trim());
        }
    }
    flags
}

/// A text as `man` takes it.
fn plain(text: &str) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        let shown = if line.is_empty() { ".sp".to_owned() } else { format!("{guard}{line}") };
        writeln!(lines, "{shown}").unwrap();
    }
    lines
}

fn man_flags(out: &mut String, text: &'static str) {
    for (flag, help) in flags_of(text) {
        write!(out, ".TP\n.B {}{}", plain(flag.shown), plain(&help)).unwrap();
    }
}

fn man_subcommands() -> String {
    let mut out = String::new();
    for command in COMMANDS {
        write!(out, ".SS {} {}", plain(command.name).trim(), plain(command.arguments)).unwrap();
        if command.arguments.is_empty() {
            out.push('\n');
        }
        out.push_str(&plain(command.about));
        man_flags(&mut out, command.flags);
        let shared: Vec<&str> = command.shared.iter().map(|(title, _)| *title).collect();
        if !shared.is_empty() {
            writeln!(out, ".PP\nFlags of \"{}\", too.", shared.join("\" and \"")).unwrap();
        }
    }
    out
}

/// Flags that several subcommands share, by title.
fn man_shared() -> String {
    let mut out = String::new();
    let mut seen = Vec::new();
    for (title, flags) in COMMANDS.iter().flat_map(|command| command.shared) {
        if !seen.contains(title) {
            seen.push(title);
            writeln!(out, ".SS {title}").unwrap();
            man_flags(&mut out, flags);
        }
    }
    out
}

fn man_daemon() -> String {
    let mut out = String::new();
    for line in flags::help().lines() {
        let text = line.trim_start();
        if text.starts_with('-') {
            write!(out, ".TP\n.B {}", plain(text)).unwrap();
        } else if line.starts_with(' ') {
            out.push_str(&plain(text));
        }
    }
    out
}

/// The rows of the table of subcommands.
fn rows() -> String {
    let row = |it: &Command| {
        let about = it.about.lines().next().unwrap();
        let name = format!("{} {}", it.name, it.arguments);
        format!("| `{}` | {about} |\n", name.trim())
    };
    format!("| subcommand | |\n|---|---|\n{}", COMMANDS.iter().map(row).collect::<String>())
}

/// The text with what is between the marks of this name replaced.
fn filled(text: &str, begin: &str, end: &str, content: &str) -> String {
    let start = text.find(begin).unwrap_or_else(|| panic!("no {begin}")) + begin.len();
    let stop = start + text[start..].find(end).unwrap();
    format!("{}\n{content}{}", &text[..start], &text[stop..])
}

/// Every file that is made, wholly or in parts, and its content as it has to be.
fn files() -> Vec<(PathBuf, String)> {
    let man = file("cross/package/bellwether.1");
    let mut page = fs::read_to_string(&man).unwrap();
    for (name, content) in [
        ("subcommands", man_subcommands()),
        ("shared flags", man_shared()),
        ("flags of the agent", man_daemon()),
    ] {
        page = filled(&page, &format!(".\\\" made: {name}"), ".\\\" end", &content);
    }
    let readme = file("configs/README.md");
    let text = fs::read_to_string(&readme).unwrap();
    let text = filled(&text, "<!-- made: subcommands -->", "<!-- end -->", &rows());
    vec![
        (man, page),
        (readme, text),
        (file("cross/package/bellwether.bash"), completions::bash()),
        (file("cross/package/bellwether.zsh"), completions::zsh()),
        (file("cross/package/bellwether.fish"), completions::fish()),
    ]
}

#[test]
fn man_page_completions_and_documentation_are_those_of_the_table() {
    for (file, content) in files() {
        let found = fs::read_to_string(&file).unwrap_or_default();
        let hint = "run cargo test --test command_line -- --ignored";
        assert!(found == content, "{} is not as the table has it: {hint}", file.display());
    }
}

#[test]
#[ignore = "writes the files that the test beside it compares"]
fn write_what_is_made_of_the_table() {
    for (file, content) in files() {
        fs::write(file, content).unwrap();
    }
}

/// Checks the config on standard input, called by this name.
fn checked_as(name: &str, file: &Path) -> (i32, String) {
    let mut command = process::Command::new(env!("CARGO_BIN_EXE_bellwether"));
    command.arg0(name).arg("check-config").stdin(File::open(file).unwrap());
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn a_file_on_standard_input_is_checked_by_its_name_or_not_at_all() {
    let (code, text) = checked_as("bellwether", &file("configs/alertmanager.yml"));
    assert!(code == 2 && text.contains("no FILE is named"), "{text}");
    let (code, text) = checked_as("bellwether", Path::new("/dev/null"));
    assert!(code == 0 && text.contains("SUCCESS"), "{text}");
}

#[test]
fn amtool_checks_the_config_on_standard_input() {
    let checked = |file: &Path| checked_as("amtool", file);
    let (code, text) = checked(&file("configs/alertmanager.yml"));
    assert!(code == 0 && text.starts_with("Checking '/dev/stdin'  SUCCESS\n"), "{text}");
    let (code, text) = checked(&file("Cargo.toml"));
    assert!(code == 1 && text.starts_with("Checking '/dev/stdin'  FAILED: "), "{text}");
    let (code, text) = checked(Path::new("/dev/null"));
    assert!(code == 1 && text.contains("standard input"), "{text}");
}
