//! The shape of rooms: no circle of files, short files, short functions, one name for one type.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Source, sources};

/// Lines of a file without its tests; the table of limits may be longer.
const FILE_LINES_MAX: usize = 500;
/// Lines of a function.
const FUNCTION_LINES_MAX: usize = 70;

type Module = Vec<String>;

/// `src/gossip/members/peer.rs` is `[gossip, members, peer]`, `src/gossip/mod.rs` is `[gossip]`.
fn module_of(source: &Source) -> Module {
    let path = source.path.to_str().unwrap().rsplit_once("/src/").unwrap().1;
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

/// `a::{b, c::{d, e}}` is `a::b`, `a::c::d` and `a::c::e`.
fn expanded(path: &str) -> Vec<String> {
    let inner =
        path.split_once('{').and_then(|(before, rest)| Some((before, rest.rsplit_once('}')?)));
    let Some((before, (inner, _))) = inner else { return vec![path.trim().to_owned()] };
    let (mut items, mut depth) = (vec![String::new()], 0);
    for c in inner.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            items.push(String::new());
        } else {
            items.last_mut().unwrap().push(c);
        }
    }
    let items = items.iter().map(|it| it.trim()).filter(|it| !it.is_empty());
    items.flat_map(|it| expanded(&format!("{}{it}", before.trim()))).collect()
}

/// The paths that begin with `super` or `crate` in a file.
fn paths_of(code: &str) -> Vec<String> {
    let code: String = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let before = code[..at].rsplit('\n').next().unwrap().trim();
        if before.is_empty() || before.starts_with("pub") {
            paths.extend(code[at + 4..].split(';').next().map(expanded).unwrap_or_default());
        }
    }
    for start in ["super::", "crate::"] {
        for (at, _) in code.match_indices(start) {
            if !code[..at].ends_with("::") {
                let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
                paths.push(code[at..].chars().take_while(|c| is_path(*c)).collect());
            }
        }
    }
    paths
}

/// The module that a path in the file `from` means, as far as it has a file.
fn resolved(path: &str, from: &Module, modules: &BTreeSet<Module>) -> Option<Module> {
    let mut base = from.clone();
    let mut target = Vec::new();
    for (place, name) in path.split("::").enumerate() {
        match name.trim() {
            "crate" if place == 0 => base.clear(),
            "super" => drop(base.pop()),
            _ if place == 0 => return None,
            name => target.push(name.to_owned()),
        }
    }
    base.extend(target);
    while !base.is_empty() && !modules.contains(&base) {
        base.pop();
    }
    (!base.is_empty()).then_some(base)
}

/// A circle that begins at `at`, if there is one.
fn circle(
    imports: &BTreeMap<String, BTreeSet<String>>,
    at: &str,
    way: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(first) = way.iter().position(|it| it == at) {
        return Some(way[first..].to_vec());
    }
    if !done.insert(at.to_owned()) {
        return None;
    }
    way.push(at.to_owned());
    let found = imports.get(at).into_iter().flatten().find_map(|it| circle(imports, it, way, done));
    way.pop();
    found
}

/// In each folder the files and folders in it import one another in one direction. A file may import from the `mod.rs` of
/// its folder.
#[test]
fn no_circle_of_files() {
    let sources = sources();
    let modules: BTreeSet<Module> = sources.iter().map(module_of).collect();
    let mut folders: BTreeMap<Module, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for source in &sources {
        let from = module_of(source);
        for path in paths_of(&source.code) {
            let Some(to) = resolved(&path, &from, &modules) else { continue };
            let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if let (Some(one), Some(other)) = (from.get(same), to.get(same)) {
                let imports = folders.entry(to[..same].to_vec()).or_default();
                imports.entry(one.clone()).or_default().insert(other.clone());
            }
        }
    }
    folders.remove(&Module::new());
    assert!(folders.len() > 5, "the imports were not found");
    for (folder, imports) in &folders {
        let mut done = BTreeSet::new();
        for file in imports.keys() {
            let found = circle(imports, file, &mut Vec::new(), &mut done);
            assert!(found.is_none(), "{}: a circle of files: {found:?}", folder.join("/"));
        }
    }
}

#[test]
fn files_have_at_most_500_lines() {
    for source in sources().into_iter().filter(|it| it.room != "limits") {
        let lines = source.code.lines().count();
        let path = source.path.display();
        assert!(lines <= FILE_LINES_MAX, "{path}: {lines} lines; at most {FILE_LINES_MAX}");
    }
}

/// rustfmt puts the brace that ends a function under its first word.
#[test]
fn functions_have_at_most_70_lines() {
    let mut functions = 0;
    for source in sources() {
        let mut begun: Vec<(usize, usize, &str)> = Vec::new();
        for (number, line) in source.code.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let words = line.trim_start().split("fn ").next().unwrap();
            let is_prefix = |it: &str| {
                it.starts_with("pub")
                    || it.starts_with("in ")
                    || ["async", "const", "unsafe"].contains(&it)
            };
            let is_function = line.contains("fn ")
                && words.split_whitespace().all(|it| is_prefix(it) || it.ends_with(')'));
            if is_function && !line.trim_end().ends_with(';') && !line.ends_with('}') {
                begun.push((indent, number, line.trim()));
            } else if line.trim() == "}" && begun.last().is_some_and(|it| it.0 == indent) {
                let (_, first, name) = begun.pop().unwrap();
                let lines = number + 1 - first;
                functions += 1;
                let path = source.path.display();
                assert!(lines <= FUNCTION_LINES_MAX, "{path}: {lines} lines: {name}");
            } else if line.trim_end().ends_with(';')
                && begun.last().is_some_and(|it| it.0 == indent)
            {
                // A method without a body, over several lines.
                begun.pop();
            }
        }
    }
    assert!(functions > 300, "the functions were not found: {functions}");
}

/// The names that two public types have, and why neither is renamed. Both are written with their room.
const SHARED: [(&str, &str); 4] = [
    ("Config", "the config file, and the settings that a member of the flock is made with"),
    ("Key", "Alertmanager's word for a key of the config, and the field's for that of a record"),
    ("Origin", "the HTTP header, and where a key of the schema comes from"),
    ("Route", "a route as it is written, and the same in the tree that alerts are matched with"),
];

#[test]
fn a_public_type_has_a_name_of_its_own() {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources() {
        for line in source.code.lines() {
            let mut words = line.split_whitespace();
            let is_type = words.next() == Some("pub")
                && words.next().is_some_and(|it| ["enum", "struct", "trait", "type"].contains(&it));
            if let Some(name) = words.next().filter(|_| is_type) {
                let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                files.entry(name.to_owned()).or_default().push(source.path.display().to_string());
            }
        }
    }
    assert!(files.len() > 300, "the types were not found: {}", files.len());
    for (name, files) in files {
        let is_shared = SHARED.iter().any(|it| it.0 == name);
        assert_eq!(files.len() > 1, is_shared, "{name}: {files:?}");
    }
}

/// The table of limits keeps its name, and the folder of the page has no code.
#[test]
fn a_folder_has_its_code_in_mod_rs() {
    for source in sources() {
        let is_beside = source.path.with_extension("").is_dir();
        let is_exempt = ["limits", "ui"].contains(&&*source.room);
        assert!(!is_beside || is_exempt, "{}: belongs into its folder", source.path.display());
    }
}
