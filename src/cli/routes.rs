//! `bellwether routes show`, `bellwether routes test`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use super::words::{pairs, time_flag};
use super::{Cx, Fault, Outcome};
use crate::config::{Config, Environment, Flags, Language, LoadOptions, Route};
use crate::core::route::{RouteId, Routes};
use crate::limits::CONFIG_BYTES_MAX;
use crate::model::Labels;
use crate::notify::SCHEMAS;
use crate::time::Wall;

/// The routing tree of `--config.file`, or of a running agent.
fn load(cx: &mut Cx<'_>) -> Result<Config, Fault> {
    let (file, text) = if let Some(file) = cx.args.get("config.file") {
        if !Path::new(file).exists() {
            return Err(format!("path '{file}' does not exist").into());
        }
        if cx.is_amtool {
            let warning = "Warning: --config.file flag overrides the --alertmanager.url.";
            writeln!(cx.err, "{warning}")?;
        }
        (file, super::read("", file, CONFIG_BYTES_MAX)?)
    } else {
        let status = cx.agent()?.get("/api/v2/status")?;
        let original = status.get("config").and_then(|it| it.get("original"));
        let text = original.and_then(|it| it.as_str()).unwrap_or_default();
        ("status.yml", text.as_bytes().to_vec())
    };
    let (file, flags) = (Path::new(file), &Flags::default());
    let language = Language::of(file);
    let environment = &Environment::default();
    let options = LoadOptions { file, language, flags, environment, schemas: SCHEMAS };
    Ok(Config::load_routes(&text, &options).map_err(|errors| errors.to_string())?)
}

pub(super) fn show(cx: &mut Cx<'_>) -> Outcome {
    let config = load(cx)?;
    let tree = Tree { matched: None, muted: &|_| String::new() };
    writeln!(cx.out, "Routing tree:\n.\n{}", tree.text(&config.route))?;
    Ok(0)
}

pub(super) fn test(cx: &mut Cx<'_>) -> Outcome {
    let config = load(cx)?;
    let labels = pairs(cx, cx.args.words.iter().map(String::as_str), false)?;
    let labels: Labels =
        labels.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect();
    let at = time_flag(cx, "at")?.map(|time| Wall::from_secs(time.secs));
    let routes = Routes::new(&config);
    let matched = routes.matching(&labels, &mut 0);
    let muted = |place: usize| {
        let names = routes.intervals.muted_by(&routes.at(place).intervals, at);
        if names.is_empty() { String::new() } else { format!("  muted by {}", names.join(", ")) }
    };
    if cx.args.is("tree") {
        let places = matched.iter().copied().map(RouteId::place).collect();
        let tree = Tree { matched: Some(places), muted: &muted };
        writeln!(cx.out, "Matching routes:\n.\n{}\n", tree.text(&config.route))?;
    }
    let names: Vec<&str> = matched.iter().map(|id| &*routes.get(*id).receiver.name).collect();
    writeln!(cx.out, "{}", names.join(","))?;
    if at.is_some() && !cx.args.is("tree") {
        for id in &matched {
            let (name, muted) = (&routes.get(*id).receiver.name, muted(id.place()));
            if !muted.is_empty() {
                writeln!(cx.out, "{name}{muted}")?;
            }
        }
    }
    let expected = cx.args.get("verify.receivers").filter(|names| !names.is_empty());
    let spaces: &[char] = if cx.is_amtool { &[] } else { &[' '] };
    let is_other = |expected: &str| expected.split(',').map(|it| it.trim_matches(spaces)).ne(names);
    if expected.is_some_and(is_other) {
        writeln!(cx.out, "WARNING: Expected receivers did not match resolved receivers.")?;
        return Ok(1);
    }
    Ok(0)
}

/// How a routing tree is drawn: all of it, or the way to the routes that match, by their places in the tree.
struct Tree<'a> {
    matched: Option<BTreeSet<usize>>,
    muted: &'a dyn Fn(usize) -> String,
}

impl Tree<'_> {
    fn text(&self, root: &Route) -> String {
        let mut out = String::new();
        self.draw(root, 0, "", true, &mut out);
        out
    }

    /// How many routes there are from this one down.
    fn count(route: &Route) -> usize {
        1 + route.routes.iter().map(Self::count).sum::<usize>()
    }

    fn is_drawn(&self, route: &Route, place: usize) -> bool {
        let places = place..place + Self::count(route);
        self.matched.as_ref().is_none_or(|matched| matched.range(places).next().is_some())
    }

    fn draw(&self, route: &Route, place: usize, before: &str, is_last: bool, out: &mut String) {
        // As amtool has it, spaces that do not break.
        let (branch, below) =
            if is_last { ("└── ", "    ") } else { ("├── ", "│\u{a0}\u{a0} ") };
        let name = if route.matchers.is_empty() {
            "default-route".to_owned()
        } else {
            route.matchers.to_string()
        };
        let is_whole = self.matched.is_none();
        out.extend([before, branch, &name]);
        if is_whole && route.continue_ {
            out.push_str("  continue: true");
        }
        if self.matched.as_ref().is_none_or(|matched| matched.contains(&place)) {
            out.extend(["  receiver: ", &route.receiver, &(self.muted)(place)]);
        }
        out.push('\n');
        let mut children = Vec::new();
        let mut next = place + 1;
        for child in &route.routes {
            if self.is_drawn(child, next) {
                children.push((child, next));
            }
            next += Self::count(child);
        }
        let before = format!("{before}{below}");
        for (number, (child, place)) in children.iter().enumerate() {
            self.draw(child, *place, &before, number + 1 == children.len(), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Fake, called_by, told, told_by};

    const TEXT: &str = "\
route:
  receiver: root
  routes:
  - {receiver: critical, matchers: ['severity=\"critical\"'], continue: true}
  - receiver: team
    matchers: [team=~\"a|b\"]
    routes:
    - {receiver: nested, matchers: [kind=\"x\"], mute_time_intervals: [night]}
    - {receiver: rest}
time_intervals:
- {name: night, time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}]}]}
receivers:
- {name: root, webhook_configs: [{url: <secret>, unheard_of: 1}]}
- {name: critical}
- {name: team}
- {name: nested}
- {name: rest}
";

    fn ask(words: &[&str]) -> (u8, String, String) {
        let status = serde_json::json!({"config": {"original": TEXT}});
        told_by(&Fake::new(&[(200, &status.to_string())]), words)
    }

    #[test]
    fn the_tree_is_drawn_whatever_receivers_are_made_of() {
        let expected = "\
Routing tree:
.
└── default-route  receiver: root
    ├── {severity=\"critical\"}  continue: true  receiver: critical
    └── {team=~\"a|b\"}  receiver: team
        ├── {kind=\"x\"}  receiver: nested
        └── default-route  receiver: rest

";
        assert_eq!(ask(&["routes", "show"]), (0, expected.to_owned(), String::new()));
        assert_eq!(ask(&["config", "routes"]).1, expected);
    }

    #[test]
    fn receivers_are_those_that_the_daemon_would_tell() {
        let labels = ["routes", "test", "severity=critical", "team=a", "kind=x"];
        assert_eq!(ask(&labels), (0, "critical,nested\n".to_owned(), String::new()));
        assert_eq!(ask(&["routes", "test"]).1, "root\n");
        let with = |flag: &'static str| ask(&[&labels[..], &[flag]].concat());
        let tree = "\
Matching routes:
.
└── default-route
    ├── {severity=\"critical\"}  receiver: critical
    └── {team=~\"a|b\"}
        └── {kind=\"x\"}  receiver: nested


critical,nested
";
        assert_eq!(with("--tree").1, tree);
        assert_eq!(with("--verify.receivers=critical,nested").0, 0);
        let (code, out, _) = with("--verify.receivers=nested");
        assert!(code == 1 && out.contains("WARNING: Expected receivers did not match"), "{out}");
        let rest = ask(&["routes", "test", "--tree", "team=b"]).1;
        assert!(rest.contains("        └── default-route  receiver: rest\n"), "{rest}");
        // amtool compares the names as they are written.
        let spaced = ["--verify.receivers=critical, nested"];
        assert_eq!(ask(&[&labels[..], &spaced].concat()).0, 0);
        let status = serde_json::json!({"config": {"original": TEXT}}).to_string();
        let words = [&["config"], &labels[..], &spaced].concat();
        assert_eq!(called_by("amtool", &Fake::new(&[(200, &status)]), &words).0, 1);
        let night = "critical,nested\nnested  muted by night\n";
        assert_eq!(with("--at=2026-11-29T23:00:00Z").1, night);
        assert_eq!(with("--at=2026-11-29T21:00:00Z").1, "critical,nested\n");
        assert!(ask(&["routes", "test", "x"]).2.contains("\"x\": "));
    }

    #[test]
    fn a_file_needs_no_agent() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/gateway.toml");
        let (code, out, err) = told(&["routes", "show", "--config.file", file]);
        assert!(code == 0 && out.contains("default-route  receiver: "), "{out}{err}");
        let (code, _, err) = told(&["routes", "show", "--config.file=/nowhere.yml"]);
        assert_eq!((code, &*err), (1, "error: path '/nowhere.yml' does not exist\n"));
        // A variable of a script that is not set asks no other config instead.
        assert_eq!(
            told(&["routes", "show", "--config.file="]).2,
            "error: path '' does not exist\n"
        );
    }
}
