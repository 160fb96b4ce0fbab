//! The command line in one table: every subcommand with its help. The parser of flags, `--help`, the man page and the
//! completions of the shells read nothing else, so none of them can know a flag that the others do not.
//!
//! A flag is a line of help: `  -r, --receiver REGEX   ...`. Of several names the first long one is the flag's own and the
//! others mean the same. A word in capitals says that it takes a value.

use super::{Cx, Outcome};
use super::{
    acknowledge, alert, check, config, deadman, flock, healthy, history, journal, key, notify, owed,
};
use super::{routes, silence, template};

/// A subcommand.
#[derive(Debug)]
pub struct Command {
    /// Its words. Of a group, such as `alert`, the first in the table is meant where the second word is missing.
    pub name: &'static str,
    /// The arguments that follow.
    pub arguments: &'static str,
    /// One line, then whatever else there is to say.
    pub about: &'static str,
    /// Lines of help of its own flags.
    pub flags: &'static str,
    /// Titles and flags that it shares with others.
    pub shared: &'static [(&'static str, &'static str)],
    /// The name that amtool has for it, if that is another.
    pub also: &'static str,
    pub(super) run: fn(&mut Cx<'_>) -> Outcome,
}

impl Command {
    /// Its words, as this program has them.
    pub(super) fn name_of(&self, program: &str) -> &'static str {
        if program == "amtool" && !self.also.is_empty() { self.also } else { self.name }
    }

    /// Every line of help that is a flag's, its own first.
    pub fn flag_lines(&self) -> impl Iterator<Item = &'static str> {
        let shared = self.shared.iter().map(|(_, flags)| *flags).chain([EVERY]);
        [self.flags].into_iter().chain(shared).flat_map(str::lines)
    }

    /// Its flags.
    pub fn flags(&self) -> impl Iterator<Item = Flag> {
        self.flag_lines().filter_map(Flag::of_line)
    }
}

/// A flag, as its line of help shows it.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// `-r, --receiver REGEX`
    pub shown: &'static str,
    /// The text beside it.
    pub help: &'static str,
}

impl Flag {
    /// The flag of a line of help; none if the line goes on with the text of the one before.
    pub fn of_line(line: &'static str) -> Option<Self> {
        let line = line.trim_start();
        let (shown, help) = line.split_once("  ").unwrap_or((line, ""));
        shown.starts_with('-').then_some(Self { shown, help: help.trim_start() })
    }

    /// `-r` and `--receiver`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.shown.split([',', ' ']).filter(|word| word.starts_with('-'))
    }

    /// Its own name, without dashes.
    pub fn name(self) -> &'static str {
        let mut names = self.names().filter_map(|name| name.strip_prefix("--"));
        names.next().unwrap_or_default()
    }

    /// The word that stands for its value, if it takes one.
    pub fn value(self) -> Option<&'static str> {
        self.shown.rsplit(' ').next().filter(|word| !word.starts_with('-'))
    }
}

/// How the agent is found and spoken with.
const AGENT: (&str, &str) = (
    "The agent",
    "      --url, --alertmanager.url URL
                           http://, https:// or unix:PATH of its socket; http://127.0.0.1:9093.
                           https://NAME:PASSWORD@HOST is understood, but others can read the command line
      --user NAME          user to be, with --password-file
      --password-file FILE
                           file with the password
      --token-file FILE    file with a token, instead of a user
      --ca-file FILE       authority of the agent's certificate, in PEM; the system's if not given
      --cert-file FILE     certificate to show, with --key-file
      --key-file FILE      key of that certificate
      --http.config.file FILE
                           all of these in one file, an http_config as Alertmanager has it; without a proxy
      --timeout TIME       how long to wait for an answer; 30s
",
);
/// How answers are printed.
const FORMAT: (&str, &str) = (
    "Output",
    "  -o, --output FORMAT      simple, extended or json; simple
",
);
/// How lists with times are printed.
const OUTPUT: (&str, &str) = (
    "Output",
    "  -o, --output FORMAT      simple, extended or json; simple
      --date.format LAYOUT
                           how times are written, as Go has it; 2006-01-02 15:04:05 MST
",
);
/// Flags that amtool takes with every subcommand, whether they mean something there or not; only the link does so, too.
pub(super) fn everywhere() -> impl Iterator<Item = Flag> {
    [OUTPUT, AGENT].into_iter().flat_map(|(_, lines)| lines.lines()).filter_map(Flag::of_line)
}

/// Flags of every subcommand.
const EVERY: &str = "  -h, --help               show this
  -v, --verbose            accepted, as amtool has it
      --version-check      accepted, as amtool has it; versions are not compared
      --enable-feature NAME
                           accepted, as amtool has it; matchers of both grammars are read
";
/// Where routes come from.
const CONFIG_FILE: &str = "      --config.file FILE   look at this file, not at a running agent\n";

const fn command(
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&mut Cx<'_>) -> Outcome,
) -> Command {
    Command { name, arguments, about, flags: "", shared: &[], also: "", run }
}

/// Every subcommand. The first of a group is the group's default.
pub const COMMANDS: &[Command] = &[
    Command {
        flags: "  -a, --active             active alerts; these alone if no state is asked for
  -s, --silenced           silenced alerts
  -i, --inhibited          inhibited alerts
  -u, --unprocessed        accepted, as amtool has it; there are none
  -r, --receiver REGEX     alerts that go to a receiver of this name
      --watch              show them again whenever something has changed
",
        shared: &[OUTPUT, AGENT],
        ..command(
            "alert query",
            "[MATCHER]...",
            "Shows alerts.\n\nMatchers are alertname=DiskFull, site!=north, instance=~gw.*, job!~test.*; all have to match. A first word
without an operator is the alertname. A word in braces may have several: '{site=\"north\", job=~\"a|b\"}'.",
            alert::query,
        )
    },
    Command {
        flags: "      --annotation NAME=VALUE
                           an annotation; repeatable
      --for TIME           end after this time, 10m for example; else after the agent's resolve_timeout
      --start TIME         when it begins: 2026-11-29T09:00:00Z; now
      --end TIME           when it ends; now resolves it
      --generator-url URL  what raised it
",
        shared: &[AGENT],
        ..command(
            "alert add",
            "NAME [LABEL=VALUE]...",
            "Posts an alert.\n\nFor scripts and timers: an agent that is just starting is waited for, as long as --timeout says. To resolve an alert,
post the same labels with --end now.",
            alert::add,
        )
    },
    Command {
        flags: "      --expired            silences that have ended, and no others
  -q, --quiet              print ids alone
      --created-by NAME    silences of this author
      --id ID              the silence of this id; repeatable
      --within TIME        silences that end, or have ended, within this time
",
        shared: &[OUTPUT, AGENT],
        ..command(
            "silence query",
            "[MATCHER]...",
            "Shows silences that have all these matchers, as they are written.",
            silence::query,
        )
    },
    Command {
        flags: "  -d, --duration TIME      how long it lasts; 1h
      --start TIME         when it begins: 2026-11-29T09:00:00Z; now
      --end TIME           when it ends, instead of --duration
  -a, --author NAME        author; the user who asks
  -c, --comment TEXT       comment, which is required
      --require-comment, --comment_required
                           refuse a silence without a comment; --no-require-comment takes it
      --annotation NAME=VALUE
                           an annotation; repeatable
",
        shared: &[AGENT],
        ..command(
            "silence add",
            "MATCHER...",
            "Silences the alerts that all matchers match, and prints the id.\n\nA first word without an operator is the alertname.",
            silence::add,
        )
    },
    Command {
        flags: "  -d, --duration TIME      how long it lasts, from its beginning
      --start TIME         when it begins
      --end TIME           when it ends, instead of --duration
  -c, --comment TEXT       comment
  -q, --quiet              print ids alone
",
        shared: &[OUTPUT, AGENT],
        ..command("silence update", "ID...", "Changes silences.", silence::update)
    },
    Command {
        shared: &[AGENT],
        ..command("silence expire", "ID...", "Ends silences.", silence::expire)
    },
    Command {
        flags: "  -f, --force              make new silences even where ids are known
  -w, --worker COUNT       accepted, as amtool has it; one after the other is made
",
        shared: &[AGENT],
        ..command(
            "silence import",
            "[FILE]",
            "Makes the silences of a file, or of standard input, as silence query -o json prints them.",
            silence::import,
        )
    },
    Command {
        shared: &[OUTPUT, AGENT],
        ..command("silence show", "ID...", "Shows silences by their ids, ended ones too.", silence::show)
    },
    Command {
        flags: "  -a, --author NAME        author; the user who asks
  -c, --comment TEXT       comment; Acknowledged
      --same-severity      tell of another severity than fires now
",
        shared: &[AGENT],
        ..command(
            "ack",
            "MATCHER...",
            "Acknowledges alerts: quiets them until they are resolved, for 30 days at most.\n\nMakes a silence that ends as soon as no alert that it matches fires any more, and prints its id. Fails where no such
alert fires, and where no Bellwether answers: nothing there would end it.",
            acknowledge::run,
        )
    },
    Command {
        shared: &[FORMAT, AGENT],
        ..command("config show", "", "Shows the configuration that an agent runs, without secrets.", config::show)
    },
    command(
        "config convert",
        "FILE",
        "Prints an alertmanager.yml as TOML of the same meaning, with its comments.",
        config::convert,
    ),
    Command {
        flags: CONFIG_FILE,
        shared: &[AGENT],
        also: "config routes show",
        ..command("routes show", "", "Shows the routing tree.", routes::show)
    },
    Command {
        flags: "      --tree               show the matching routes as a tree, too
      --verify.receivers NAMES
                           fail unless these receivers, with commas between, are the ones
      --at TIME            say which time intervals mute at this time: 2026-11-29T09:00:00Z
      --config.file FILE   look at this file, not at a running agent
",
        shared: &[AGENT],
        also: "config routes test",
        ..command(
            "routes test",
            "[LABEL=VALUE]...",
            "Tells which receivers an alert of these labels goes to.",
            routes::test,
        )
    },
    command(
        "check-config",
        "[FILE]...",
        "Checks each file as the daemon would, and says every error.

Without a file: the one that the daemon would find in this directory, else the one that is built in; as amtool, what stands on
standard input, which is /dev/stdin by name, and needs it here. The files of
cluster.key_files, web.config_file and templates are read too, here and as this user, and every template of a receiver is
rendered for a sample that fires and for one that is resolved. Files of receivers' secrets are not opened.

Warns of doors that are left open: files of secrets that others may read, secrets in the text itself, HTTP for all without
users or tokens, a flock without a key. Warnings do not change the exit code.",
        check::run,
    ),
    Command {
        flags: "      --template.text TEXT
                           text to render
      --template.glob GLOB
                           files of templates; repeatable
      --template.type TYPE
                           text or html; text
      --template.data FILE
                           JSON with the fields of Alertmanager's template data; a sample that fires if not given
",
        ..command(
            "template render",
            "",
            "Renders a template and prints what it makes.\n\nThe default templates exist, and those of the files that --template.glob names.",
            template::run,
        )
    },
    Command {
        flags: "      --annotation NAME=VALUE
                           an annotation; repeatable
      --resolved           an alert that has ended
      --dry-run            send nothing
",
        shared: &[AGENT],
        ..command(
            "notify test",
            "RECEIVER [LABEL=VALUE]...",
            "Sends a sample to each integration of a receiver.\n\nShows the requests and the answers, without secrets. The sample is an alert with the label bellwether_test=\"true\" and
those that are given. Fails unless all have taken it.",
            notify::run,
        )
    },
    Command {
        shared: &[FORMAT, AGENT],
        ..command(
            "flock",
            "",
            "Shows the members that an agent knows, and what goes wrong.\n\nOf each member: when it was last heard by unicast and multicast, its clock less ours, whether it has the same records, and
the id of the key it seals with. Then receivers that fail, members that are down, peers that cannot be heard; and the bytes and
messages of each receiver today.",
            flock::run,
        )
    },
    Command {
        shared: &[FORMAT, AGENT],
        ..command("cluster show", "", "Shows the members of a flock as amtool does.", flock::cluster)
    },
    Command {
        flags: "      --watch              go on with what comes, oldest first
      --alerts             show which alerts began and ended
      --after TIME         only what came after a time, or after the entry of an id
      --outcome WORD       only those of an outcome, or of a status of alerts
  -r, --receiver PATTERN   only those of receivers whose whole name matches
",
        shared: &[FORMAT, AGENT],
        ..command(
            "history",
            "[MATCHER...]",
            "Shows what became of the latest notifications, newest first, and why.\n\nSent, held for a member or told by it, taken over, left to other nodes, failed; and why nobody was told: grouped and
waiting, silenced, inhibited, muted by a time interval. The latest 128 survive a restart. Times are in the zone of this machine, or of TZ.",
            history::run,
        )
    },
    Command {
        shared: &[AGENT],
        ..command("ping", "NAME", "Tells an agent that what it expects under this name, an [[expect]] of its config, is alive.", deadman::ping)
    },
    Command {
        shared: &[FORMAT, AGENT],
        ..command(
            "deadman",
            "",
            "Shows what an agent expects to hear of again and again, what came last, and what is missing.\n\nThen the heartbeats that it tells others, and what was told last.",
            deadman::run,
        )
    },
    Command {
        shared: &[FORMAT, AGENT],
        ..command(
            "owed query",
            "",
            "Shows what an agent could not tell its receivers: by group, since when, and how many alerts came and went since.\n\nCUT counts those that the bounds left no room for; NEXT TRY is the earliest.",
            owed::query,
        )
    },
    Command {
        shared: &[AGENT],
        ..command("owed retry", "[RECEIVER]", "Tries a receiver, or all, at once.", owed::retry)
    },
    Command {
        shared: &[AGENT],
        ..command(
            "owed drop",
            "[RECEIVER]",
            "Forgets the alerts that came and went of which a receiver, or all, was not told.\n\nAlerts that still fire stay to be told.",
            owed::forget,
        )
    },
    command(
        "journal inspect",
        "DIR",
        "Shows the segments of a journal, its live records by kind, and what a start would leave out.\n\nWorks on the files alone, for a card out of its machine, and changes nothing.",
        journal::inspect,
    ),
    command("journal check", "DIR", "Says only what is damaged in a journal; fails if anything is.", journal::check),
    command(
        "journal compact",
        "DIR",
        "Copies the live records of a journal to a fresh segment; the agent must be stopped.",
        journal::compact,
    ),
    command(
        "key new",
        "",
        "Prints a fresh key for a flock; every member is given the same one.

Write it to a file, and name it with --cluster.key-file. To change the key of a running flock, reload each member (SIGHUP)
after each step: add the new file as the second one on all members, then make it the first one on all, then remove the old
one from all.",
        key::run,
    ),
    Command {
        shared: &[AGENT],
        ..command("healthy", "", "Asks whether an agent runs; for health checks of containers.", healthy::run)
    },
];
