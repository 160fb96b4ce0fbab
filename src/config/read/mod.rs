//! From the tree to the checked configuration: a file a section. Reading goes on after an error, so that all are told.

mod expect;
mod global;
mod heartbeat;
mod http;
mod inhibit;
mod intervals;
mod matchers;
mod proxy;
mod receivers;
mod route;
mod secret;
mod silence;
mod tls;
mod values;
pub(super) mod web;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::config::problem::{Errors, Problem};
use crate::config::table::{Item, Notes, Table};
use crate::config::tree::{Node, Value, parse};
use crate::config::{
    Admission, Config, Environment, Http, Language, LoadOptions, Loaded, Route, Schema, Settings,
    render, settings, tree,
};
use crate::limits::CONFIG_COMPILED_BYTES_MAX;
use crate::model::Url;
use crate::model::duration::Spelled;
use crate::model::matcher::Grammar;
use crate::template::Templates;

/// Names that an error lists.
const NAMES_SHOWN_MAX: usize = 100;

/// The parts of the whole that every section may need.
struct Cx<'a> {
    grammar: Grammar,
    settings: &'a Settings,
    /// Where relative paths start.
    directory: &'a Path,
    schemas: &'static [&'static Schema],
    environment: &'a Environment,
}

impl Cx<'_> {
    /// A file that the config names: one of systemd's credentials if it is named as one is, else it is looked for beside
    /// the config.
    fn path(&self, text: &str) -> PathBuf {
        self.environment.place(text, self.directory)
    }
}

pub(super) fn check(
    tree: &Node,
    ignored: Option<&Problem>,
    options: &LoadOptions<'_>,
) -> Result<Loaded, Errors> {
    load_tree(tree, ignored, options, Notes::default()).map(|(loaded, _)| loaded)
}

/// The tree too, and the paths of the values in it that are numbers or booleans.
pub(super) fn load_typed(
    text: &[u8],
    options: &LoadOptions<'_>,
) -> Result<(Node, BTreeSet<String>, Loaded), Errors> {
    let file = options.file.display().to_string();
    let (tree, ignored) =
        parse(options.language, text).map_err(|problems| Errors::new(&file, problems))?;
    let (loaded, typed) = load_tree(&tree, ignored.as_ref(), options, Notes::with_types())?;
    Ok((tree, typed, loaded))
}

/// The routes alone; of receivers, their names.
pub(super) fn load_routes(text: &[u8], options: &LoadOptions<'_>) -> Result<Config, Errors> {
    const SECTIONS: [&str; 5] =
        ["route", "receivers", "time_intervals", "mute_time_intervals", "features"];
    let file = options.file.display().to_string();
    let (mut tree, _) =
        parse(options.language, text).map_err(|problems| Errors::new(&file, problems))?;
    keep(&mut tree, &SECTIONS);
    if let Value::Table(sections) = &mut tree.value {
        for section in sections.iter_mut().filter(|section| *section.key == *"receivers") {
            if let Value::List(receivers) = &mut section.node.value {
                for receiver in receivers {
                    keep(receiver, &["name"]);
                }
            }
        }
    }
    load_tree(&tree, None, options, Notes::default()).map(|(loaded, _)| loaded.config)
}

/// Takes every other key out of a table.
fn keep(node: &mut Node, keys: &[&str]) {
    if let Value::Table(entries) = &mut node.value {
        entries.retain(|entry| keys.contains(&&*entry.key));
    }
}

pub(super) fn load_http(text: &[u8], file: &Path) -> Result<Http, Errors> {
    let name = file.display().to_string();
    let (tree, _) = parse(Language::Yaml, text).map_err(|problems| Errors::new(&name, problems))?;
    let notes = Notes::default();
    let cx = Cx {
        grammar: Grammar::default(),
        settings: &Settings::default(),
        directory: file.parent().unwrap_or(Path::new("")),
        schemas: &[],
        environment: &Environment::default(),
    };
    let http = http::read(&Item::root(&notes, &tree), &cx);
    let (errors, more, _) = notes.into_parts();
    if errors.is_empty() { Ok(http) } else { Err(Errors { more, ..Errors::new(&name, errors) }) }
}

pub(super) fn scalars(text: &[u8]) -> Result<Vec<(String, String)>, Problem> {
    let (tree, _) = parse(Language::Yaml, text).map_err(|mut problems| problems.swap_remove(0))?;
    let Value::Table(entries) = tree.value else { return Ok(Vec::new()) };
    let scalar = |entry: tree::Entry| {
        let ((Some(value), _) | (None, Value::Text(value))) = (entry.node.plain, entry.node.value)
        else {
            return None;
        };
        Some((entry.key.into(), value.into()))
    };
    Ok(entries.into_iter().filter_map(scalar).collect())
}

fn load_tree(
    tree: &Node,
    ignored: Option<&Problem>,
    options: &LoadOptions<'_>,
    notes: Notes,
) -> Result<(Loaded, BTreeSet<String>), Errors> {
    let file = options.file.display().to_string();
    let loaded = Item::root(&notes, tree).table().and_then(|root| sections(&root, options));
    let typed = notes.types();
    let (errors, more, mut warnings) = notes.into_parts();
    match loaded {
        Some(mut loaded) if errors.is_empty() => {
            warnings.extend(ignored.cloned());
            warnings.sort_by_key(|warning| warning.line);
            loaded.warnings = warnings;
            Ok((loaded, typed))
        }
        _ => Err(Errors { more, ..Errors::new(&file, errors) }),
    }
}

/// Sections of Alertmanager that change nothing here, and what happens instead.
const WITHOUT_EFFECT: [(&str, &str); 2] = [
    (
        "tracing",
        "no traces are sent; bellwether history says what became of each notification, and why",
    ),
    (
        "event_recorder",
        "no events are written; bellwether history --watch -o json shows what becomes of notifications",
    ),
];

/// None only if an error has been noted.
fn sections(root: &Table<'_>, options: &LoadOptions<'_>) -> Option<Loaded> {
    let settings = read_settings(root, options);
    let directory = options.file.parent().unwrap_or(Path::new(""));
    let (grammar, schemas) = (settings.grammar(), options.schemas);
    let environment = options.environment;
    let cx = Cx { grammar, settings: &settings, directory, schemas, environment };

    let global = global::read(root, &cx);
    let receivers = receivers::read(root, &global.globals, &cx);
    let intervals = intervals::read(root);
    let route = route::read(root, &receivers, &intervals.intervals, &cx);
    let inhibit_rules = inhibit::read(root, &cx);
    let expect = expect::read(root, &cx);
    let heartbeats = heartbeat::read(root, &global.globals, &cx);
    let silences = silence::read(root, &intervals.intervals, &cx);
    let rules =
        inhibit_rules.iter().map(|it| it.source.compiled_bytes() + it.target.compiled_bytes());
    let expected = expect.iter().map(|it| it.matchers.compiled_bytes());
    let declared = silences.iter().map(|it| it.matchers.compiled_bytes());
    let kept = receivers.iter().filter_map(|it| it.budget.as_ref()).map(|it| it.1.compiled_bytes());
    let compiled = rules.chain(expected).chain(declared).chain(kept).sum::<usize>()
        + route.as_ref().map_or(0, compiled_bytes);
    if compiled > CONFIG_COMPILED_BYTES_MAX {
        root.item.error(format_args!(
            "the regular expressions of routes, inhibit_rules, expect and silence need {compiled} bytes, at most {CONFIG_COMPILED_BYTES_MAX}: simplify them, or write several as one"
        ));
    }
    let templates: Vec<String> =
        root.texts("templates").into_iter().map(|(_, glob)| glob.to_owned()).collect();
    for (section, instead) in WITHOUT_EFFECT {
        if let Some(item) = root.get(section).filter(|item| !item.is_empty()) {
            item.warn(format_args!("has no effect here: {instead}"));
        }
    }
    root.finish();

    let mut config = Config {
        global: global.global,
        route: route?,
        receivers,
        inhibit_rules,
        time_intervals: intervals.intervals,
        expect,
        heartbeats,
        silences,
        templates: Templates::builtin(),
        original: String::new(),
    };
    config.original = render::original(&config, global.shown, &templates, &intervals.shown);
    let templates = templates.iter().map(|glob| cx.path(glob)).collect();
    Some(Loaded { config, templates, settings, warnings: Vec::new() })
}

/// Bytes that the compiled patterns of a route and those below it take, at most.
fn compiled_bytes(route: &Route) -> usize {
    route.matchers.compiled_bytes() + route.routes.iter().map(compiled_bytes).sum::<usize>()
}

fn read_settings(root: &Table<'_>, options: &LoadOptions<'_>) -> Settings {
    let mut settings = Settings::default();
    if let Some(directory) = &options.environment.state_directory {
        directory.clone_into(&mut settings.storage.path);
    }
    let directory = options.file.parent().unwrap_or(Path::new(""));
    let place = |path: &str| options.environment.place(path, directory);
    let mut admission = Admission::default();
    settings::read(root, &mut settings, &mut |section, table| {
        if section == "web" {
            admission = web::read(table, &place);
        }
    });
    settings.web.admission = admission;
    for error in options.flags.apply(&mut settings) {
        root.item.error(error);
    }
    // A value that is wrong by itself needs no second message.
    let mut conflicts = if root.item.all_is_well() { settings.conflicts() } else { Vec::new() };
    let url = &settings.web.external_url;
    if let (false, Err(error)) = (url.is_empty(), Url::parse(url)) {
        conflicts.push(("web.external_url", error.to_string()));
    }
    let problem = |path: &str, text| {
        if let Some(flag) = options.flags.of_setting(path) {
            return Problem { line: 0, path: format!("--{flag}"), text };
        }
        let line = line_of(root.item.node, path).unwrap_or(0);
        Problem { line, path: path.to_owned(), text }
    };
    for (path, text) in conflicts {
        root.item.note(problem(path, text));
    }
    for feature in &settings.features.enable {
        if let Some(instead) = feature.instead() {
            let text = format!("{}: has no effect here: {instead}", feature.as_str());
            root.item.note_warning(problem("features.enable", text));
        }
    }
    settings
}

/// The line of a key of a section.
fn line_of(root: &Node, path: &str) -> Option<usize> {
    let mut line = None;
    let mut node = root;
    for name in path.split('.') {
        let Value::Table(entries) = &node.value else { return None };
        let entry = entries.iter().find(|entry| *entry.key == *name)?;
        line = Some(entry.line);
        node = &entry.node;
    }
    line
}

/// A reference to what is not defined: the error's text.
fn undefined(what: &str, name: &str, defined: &BTreeSet<&str>) -> String {
    let shown: Vec<&str> = defined.iter().copied().take(NAMES_SHOWN_MAX).collect();
    match (shown.as_slice(), defined.len().saturating_sub(NAMES_SHOWN_MAX)) {
        ([], _) => format!("undefined {what} {name:?}; none is defined"),
        (names, 0) => format!("undefined {what} {name:?}; defined: {}", names.join(", ")),
        (names, more) => {
            format!("undefined {what} {name:?}; defined: {} and {more} more", names.join(", "))
        }
    }
}

/// Warns where a route repeats at odd times.
fn check_timers(item: &Item<'_>, route: &Route, cx: &Cx<'_>) {
    let (repeat, group) = (route.repeat_interval, route.group_interval);
    if repeat < group {
        item.warn(format_args!(
            "repeat_interval {} is less than group_interval {}: notifications repeat every {}",
            Spelled(repeat),
            Spelled(group),
            Spelled(group)
        ));
    }
    let retention = cx.settings.storage.retention;
    if repeat > retention {
        item.warn(format_args!(
            "repeat_interval {} is greater than the retention {}: notifications repeat after the latter",
            Spelled(repeat),
            Spelled(retention)
        ));
    }
}

#[cfg(test)]
mod tests;
