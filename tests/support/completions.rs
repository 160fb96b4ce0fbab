//! Completions for bash, zsh and fish, made of the table of subcommands and the daemon's keys.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bellwether::cli::commands::{COMMANDS, Command, Flag};
use bellwether::config::settings::{KEYS, Settings, Shape};

const HEAD: &str = "made of the table of subcommands by tests/command_line.rs";

/// The values that a shell offers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Values {
    Nothing,
    Files,
    Directories,
    Words(Vec<String>),
}

/// A flag as shells need it.
#[derive(Clone, Debug)]
struct Completed {
    names: Vec<String>,
    /// None of a switch.
    values: Option<Values>,
    help: String,
}

/// The words of `one of: a, b or c.` at the end of a text.
fn listed(help: &str) -> Option<Vec<String>> {
    let list = help.rsplit(": ").next()?.trim_end_matches('.').replace(" or ", ", ");
    let words: Vec<String> = list.split(", ").map(ToOwned::to_owned).collect();
    let is_word = |word: &String| word.chars().all(|c| c.is_ascii_lowercase());
    (words.len() > 1 && words.iter().all(is_word)).then_some(words)
}

fn of_flag(flag: Flag) -> Completed {
    let values = flag.value().map(|value| match value {
        "FILE" | "GLOB" => Values::Files,
        "DIR" => Values::Directories,
        "FORMAT" => Values::Words(["simple", "extended", "json"].map(str::to_owned).to_vec()),
        "TYPE" => Values::Words(["text", "html"].map(str::to_owned).to_vec()),
        _ => Values::Nothing,
    });
    let names = flag.names().map(str::to_owned).collect();
    Completed { names, values, help: flag.help.to_owned() }
}

fn own_flags(command: &Command) -> Vec<Completed> {
    command.flags().map(of_flag).collect()
}

fn daemon_flags() -> Vec<Completed> {
    let mut defaults = Settings::default();
    let mut flags: Vec<Completed> = KEYS
        .iter()
        .map(|key| {
            let is_switch = (key.value)(&mut defaults).shape() == Shape::Bool;
            let values = match key.flag {
                _ if is_switch => None,
                "storage.path" => Some(Values::Directories),
                flag if flag.ends_with("file") => Some(Values::Files),
                _ => Some(listed(key.help).map_or(Values::Nothing, Values::Words)),
            };
            Completed { names: vec![format!("--{}", key.flag)], values, help: key.help.to_owned() }
        })
        .collect();
    let more = [("--config.file", Some(Values::Files)), ("--help", None), ("--version", None)];
    for (name, values) in more {
        flags.push(Completed { names: vec![name.to_owned()], values, help: String::new() });
    }
    flags
}

/// The words of a subcommand, and those of amtool if it has others. They are understood whichever name the program has.
fn names(command: &Command) -> impl Iterator<Item = &'static str> {
    [command.name, command.also].into_iter().filter(|name| !name.is_empty())
}

/// Every beginning of a subcommand's words, and the words that may follow.
fn words() -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut words: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
    for name in COMMANDS.iter().flat_map(names) {
        let mut path = String::new();
        for word in name.split(' ') {
            words.entry(path.clone()).or_default().insert(word);
            path = if path.is_empty() { word.to_owned() } else { format!("{path} {word}") };
        }
        words.entry(path).or_default();
    }
    words
}

/// The subcommand whose flags are offered after these words.
fn meant(path: &str) -> Option<&'static Command> {
    let is_begun = |name: &str| name == path || name.starts_with(&format!("{path} "));
    let is_meant = |it: &&Command| names(it).any(is_begun);
    COMMANDS.iter().find(is_meant).filter(|_| !path.is_empty())
}

fn flags_after(path: &str) -> Vec<Completed> {
    meant(path).map_or_else(daemon_flags, own_flags)
}

/// The words that follow the flags of a subcommand.
fn arguments(path: &str) -> Values {
    match meant(path).filter(|it| names(it).any(|name| name == path)).map(|it| it.arguments) {
        Some("FILE" | "[FILE]" | "[FILE]...") => Values::Files,
        Some("DIR") => Values::Directories,
        _ => Values::Nothing,
    }
}

/// Flags that take values, by what is offered for them. The same name has the same values everywhere.
fn by_values() -> BTreeMap<Values, BTreeSet<String>> {
    let mut flags: BTreeMap<Values, BTreeSet<String>> = BTreeMap::new();
    let all = COMMANDS.iter().flat_map(own_flags).chain(daemon_flags());
    for flag in all {
        let long = flag.names.into_iter().filter(|name| name.starts_with("--") || name == "-o");
        flags.entry(flag.values.unwrap_or(Values::Nothing)).or_default().extend(long);
    }
    flags
}

/// `case` arms of a path, for bash and zsh: what may follow it.
fn follow(path: &str, next: &BTreeSet<&'static str>) -> String {
    let mut offered: Vec<String> = next.iter().map(|word| (*word).to_owned()).collect();
    offered.extend(flags_after(path).into_iter().flat_map(|flag| flag.names));
    offered.join(" ")
}

fn shell(head: &str, values: impl Fn(&Values) -> &'static str, end: &str) -> String {
    let mut out = head.to_owned();
    for (kind, names) in by_values() {
        let names: Vec<String> = names.into_iter().collect();
        let line = match &kind {
            Values::Nothing => continue,
            Values::Words(words) => format!("words=\"{}\"", words.join(" ")),
            kind => format!("kind={}", values(kind)),
        };
        writeln!(out, "    {}) {line} ;;", names.join(" | ")).unwrap();
    }
    let valued: BTreeSet<String> = COMMANDS
        .iter()
        .flat_map(own_flags)
        .chain(daemon_flags())
        .filter(|flag| flag.values == Some(Values::Nothing))
        .flat_map(|flag| flag.names)
        .filter(|name| name.starts_with("--"))
        .collect();
    writeln!(out, "    {}) ;;", valued.into_iter().collect::<Vec<_>>().join(" | ")).unwrap();
    out.push_str("    *)\n        case $at in\n");
    for (path, next) in words() {
        let kind = match arguments(&path) {
            Values::Nothing => String::new(),
            kind => format!(" kind={}", values(&kind)),
        };
        writeln!(out, "        \"{path}\") words=\"{}\"{kind} ;;", follow(&path, &next)).unwrap();
    }
    out.push_str(end);
    out
}

/// A pattern of every beginning of a subcommand.
fn paths() -> String {
    let paths: Vec<String> = words()
        .into_keys()
        .filter(|path| !path.is_empty())
        .map(|path| format!("\"{path}\""))
        .collect();
    paths.join(" | ")
}

pub(crate) fn bash() -> String {
    let head = format!(
        r#"# bash completion for bellwether                           -*- shell-script -*-
# {HEAD}

_bellwether() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} at= words= kind= i
    # `--flag=value` comes as three words.
    [[ $word == = ]] && word=
    [[ $before == = ]] && before=${{COMP_WORDS[COMP_CWORD - 2]}}
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${{at:+$at }}${{COMP_WORDS[i]}}" in
        {}) at="${{at:+$at }}${{COMP_WORDS[i]}}" ;;
        esac
    done
    case $before in
"#,
        paths()
    );
    shell(
        &head,
        |kind| if *kind == Values::Directories { "-d" } else { "-f" },
        r#"        esac
        # Flags are offered where one has begun, or where no word may follow.
        [[ $word == -* || -z $at ]] || words=$(printf '%s\n' $words | grep -v '^-')
        [[ $word != -* ]] || kind=
        # The agent's own are not amtool's.
        [[ -n $at || ${COMP_WORDS[0]##*/} != amtool ]] || words=$(printf '%s\n' $words | grep -v '^-')
        ;;
    esac
    COMPREPLY=()
    words=$(compgen ${kind:+$kind} ${words:+-W "$words"} -- "$word")
    [[ -z $words ]] || mapfile -t COMPREPLY <<<"$words"
}
complete -o default -F _bellwether bellwether
# A link that answers as amtool; Alertmanager's own has a completion of its own.
[[ $(readlink -f "$(type -P amtool)") != */bellwether ]] || complete -o default -F _bellwether amtool
"#,
    )
}

pub(crate) fn zsh() -> String {
    let head = format!(
        r#"#compdef bellwether amtool
# {HEAD}

_bellwether() {{
    # A link of that name answers as amtool; Alertmanager's own has other words.
    if [[ $service == amtool && ${{commands[amtool]:A:t}} != bellwether ]]; then
        _default
        return
    fi
    local word=${{words[CURRENT]}} before=${{words[CURRENT-1]}} at= kind= i
    local -a given=("${{words[@]}}")
    local words=
    if [[ $word == --*=* ]]; then
        before=${{word%%=*}}
        compset -P '*='
    fi
    for ((i = 2; i < CURRENT; i++)); do
        case "${{at:+$at }}${{given[i]}}" in
        {}) at="${{at:+$at }}${{given[i]}}" ;;
        esac
    done
    case $before in
"#,
        paths()
    );
    shell(
        &head,
        |kind| if *kind == Values::Directories { "directories" } else { "files" },
        r#"        esac
        ;;
    esac
    case $kind in
    files) _files ;;
    directories) _files -/ ;;
    esac
    local -a offered=(${=words})
    [[ $word == -* || -z $at ]] || offered=(${offered:#-*})
    [[ -n $at || $service != amtool ]] || offered=(${offered:#-*})
    (( ! $#offered )) || compadd -- $offered
}
# Loaded by its name it is asked at once; a script that is read only says what it is for.
if [[ ${funcstack[1]} == _bellwether ]]; then
    _bellwether "$@"
else
    compdef _bellwether bellwether amtool
fi
"#,
    )
}

fn fish_flag(out: &mut String, condition: &str, flag: &Completed) {
    write!(out, "complete -c bellwether -n \"{condition}\"").unwrap();
    for name in &flag.names {
        match name.strip_prefix("--") {
            Some(long) => write!(out, " -l {long}").unwrap(),
            None => write!(out, " -s {}", name.trim_start_matches('-')).unwrap(),
        }
    }
    match &flag.values {
        None => {}
        Some(Values::Files | Values::Directories) => out.push_str(" -r -F"),
        Some(Values::Words(words)) => write!(out, " -x -a \"{}\"", words.join(" ")).unwrap(),
        Some(Values::Nothing) => out.push_str(" -x"),
    }
    if !flag.help.is_empty() {
        let help = flag.help.replace('\\', "\\\\").replace('\'', "\\'");
        write!(out, " -d '{help}'").unwrap();
    }
    out.push('\n');
}

pub(crate) fn fish() -> String {
    let mut out = format!("# fish completion for bellwether: {HEAD}\n\n");
    out.push_str(
        "function __bellwether_at\n    set -l at\n    for word in (commandline -opc)[2..]\n        switch \"$at $word\"\n",
    );
    for path in words().into_keys().filter(|path| !path.is_empty()) {
        writeln!(out, "            case \" {path}\"\n                set at \" {path}\"").unwrap();
    }
    out.push_str(
        "        end\n    end\n    test \"$at\" = \"$argv[1]\"\nend\n\ncomplete -c bellwether -f\n",
    );
    for (path, next) in words() {
        let argument = if path.is_empty() { String::new() } else { format!(" {path}") };
        let condition = format!("__bellwether_at '{argument}'");
        for word in next {
            writeln!(out, "complete -c bellwether -n \"{condition}\" -a {word}").unwrap();
        }
        if arguments(&path) != Values::Nothing {
            writeln!(out, "complete -c bellwether -n \"{condition}\" -F").unwrap();
        }
        for flag in flags_after(&path) {
            fish_flag(&mut out, &condition, &flag);
        }
    }
    out.push_str(
        "\n# A link that answers as amtool.\nif string match -q '*/bellwether' -- (realpath (command -v amtool) 2>/dev/null)\n    \
         complete -c amtool -w bellwether\nend\n",
    );
    out
}
