//! The shape of the house, held by a test: which room may import which, how long files are, what no file says.
#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources fails")]

#[path = "bench/ablation/edits.rs"]
mod ablation;
#[path = "sim/faults/edits.rs"]
mod faults;
#[path = "tidy/limits.rs"]
mod limits;
#[path = "support/named.rs"]
mod named;
#[path = "tidy/rooms.rs"]
mod rooms;
#[path = "support/switches.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared between test programs")]
mod switches;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Characters of the name of a function.
const NAME_CHARS_MAX: usize = 70;

/// Each room, and the rooms it may import.
const ARROWS: &[(&str, &[&str])] = &[
    ("box_map", &[]),
    ("crc", &[]),
    ("time", &[]),
    ("limits", &[]),
    ("ui", &[]),
    ("version", &[]),
    ("model", &["box_map", "limits", "time"]),
    ("template", &["limits", "model", "time"]),
    ("config", &["limits", "model", "template"]),
    ("notify", &["config", "limits", "model", "template", "time", "wire"]),
    ("store", &["crc", "limits"]),
    ("gossip", &["box_map", "crc", "limits", "time"]),
    ("wire", &["limits", "model", "time"]),
    ("effect", &["notify", "store", "time"]),
    ("core", &["box_map", "config", "effect", "limits", "model", "notify", "time"]),
    (
        "node",
        &[
            "box_map", "config", "core", "effect", "gossip", "limits", "model", "notify", "store",
            "time", "wire",
        ],
    ),
    (
        "api",
        &[
            "config", "core", "effect", "gossip", "limits", "model", "node", "notify", "store",
            "time", "ui", "version", "wire",
        ],
    ),
    (
        "shell",
        &[
            "api", "box_map", "config", "effect", "gossip", "limits", "model", "node", "notify",
            "store", "template", "time", "wire",
        ],
    ),
    (
        "cli",
        &[
            "config", "core", "limits", "model", "notify", "shell", "store", "template", "time",
            "version", "wire",
        ],
    ),
];

struct Source {
    path: PathBuf,
    room: String,
    /// Everything before the tests at the bottom.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("tests") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.file_stem().unwrap().to_str().unwrap();
                let first = path.strip_prefix(&root).unwrap().components().next().unwrap();
                let room = first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
                if name.ends_with("tests") || name == "testing" {
                    continue;
                }
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
                found.push(Source { path, room, code });
            }
        }
    }
    assert!(found.len() > 30, "the sources were not found");
    found
}

#[test]
fn imports_follow_the_arrows() {
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for source in sources() {
        if ["main", "lib", "build"].contains(&&*source.room) {
            continue;
        }
        let allowed = ARROWS
            .iter()
            .find(|(room, _)| *room == source.room)
            .unwrap_or_else(|| panic!("room {} has no arrows", source.room))
            .1;
        for (number, line) in source.code.lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for piece in line.split("crate::").skip(1) {
                let room: String =
                    piece.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if room != source.room && !allowed.contains(&&*room) {
                    faults.push(format!("{}:{}: {room}", source.path.display(), number + 1));
                }
                used.insert((source.room.clone(), room));
            }
        }
    }
    assert!(faults.is_empty(), "imports against the arrows:\n{}", faults.join("\n"));
    for (room, imports) in ARROWS {
        for import in *imports {
            let is_used = used.contains(&((*room).to_owned(), (*import).to_owned()));
            assert!(is_used, "{room} may import {import}, and no file does");
        }
    }
}

#[test]
fn the_map_shows_every_room_behind_those_it_imports() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let map = text.split("```").nth(1).unwrap().strip_prefix("text").unwrap().replace("//!", "");
    let tiers = map.split("<-").enumerate();
    let places: BTreeMap<_, _> = tiers
        .flat_map(|(tier, rooms)| rooms.split(',').map(move |room| (room.trim(), tier)))
        .collect();
    for (room, imports) in ARROWS {
        for import in *imports {
            assert!(places[import] < places[room], "lib.rs: the map has {room} before {import}");
        }
    }
    let declared = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let declared: BTreeSet<_> = declared.chain(["main"]).collect();
    assert_eq!(places.into_keys().collect::<BTreeSet<_>>(), declared);
}

/// Every comment and every function, tests included.
#[test]
fn comments_begin_with_their_subject_and_names_of_functions_are_short() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut folders, mut files) = (vec![root.join("src"), root.join("tests")], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                files += 1;
                check_words(&path);
            }
        }
    }
    assert!(files > 300, "the sources were not found");
}

fn check_words(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    for (number, line) in text.lines().enumerate() {
        let place = format!("{}:{}", path.display(), number + 1);
        let comment =
            line.trim_start().strip_prefix("//").map(|it| it.trim_start_matches(['/', '!']));
        let first = comment.and_then(|it| it.split_whitespace().next()).unwrap_or_default();
        let headless = ["What", "Whatever", "Who", "Whoever"];
        let begins = |it: &&str| comment.is_some_and(|text| text.contains(&format!(". {it} ")));
        let is_headless = headless.contains(&first) || headless.iter().any(begins);
        assert!(!is_headless, "{place}: a sentence without a subject: {line}");
        for name in line.split("fn ").skip(1) {
            let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
            let length = name.chars().take_while(is_name).count();
            assert!(length <= NAME_CHARS_MAX, "{place}: a name of {length} characters");
            let is_headless = ["what_", "who_", "of_what_"].iter().any(|it| name.starts_with(it));
            assert!(!is_headless, "{place}: a name without a subject: {line}");
        }
    }
}

#[test]
fn the_brain_has_no_senses() {
    let senses = [
        "std::fs",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "std::thread",
        "std::env",
        "smol::",
        "async_io",
        "async fn",
        "SystemTime",
    ];
    for source in sources() {
        if ["shell", "cli", "main", "lib", "build"].contains(&&*source.room) {
            continue;
        }
        for sense in senses {
            assert!(
                !source.code.contains(sense),
                "{}: {sense} in the brain",
                source.path.display()
            );
        }
    }
}

/// A fault or an ablation whose text has changed must be written anew.
#[test]
fn every_switch_of_the_tests_fits_the_sources() {
    let misplaced = switches::misplaced(&[faults::EDITS, ablation::EDITS].concat());
    assert!(misplaced.is_empty(), "{}", misplaced.join("\n"));
}

#[test]
fn no_deliberate_fault_is_in_the_product() {
    for source in sources() {
        let is_switch = |line: &str| line.contains("switched(") || line.contains("feature = \"");
        let path = source.path.display();
        assert!(!source.code.lines().any(is_switch), "{path}: a switch in the product");
    }
}

/// The front door, and the documentation of each folder.
const READMES: [&str; 6] = [
    "README.md",
    "configs/README.md",
    "cross/README.md",
    "src/README.md",
    "systemd/README.md",
    "tests/README.md",
];

/// Lines of the top README, so that a newcomer reads it to the end.
const FRONT_DOOR_LINES_MAX: usize = 150;

#[test]
fn the_top_readme_is_short() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lines = fs::read_to_string(root.join("README.md")).unwrap().lines().count();
    assert!(lines <= FRONT_DOOR_LINES_MAX, "README.md: {lines} lines, move some into a folder's");
}

/// The anchor that forges give a heading.
fn anchor_of(heading: &str) -> String {
    let kept =
        heading.to_lowercase().replace(|c: char| !c.is_alphanumeric() && c != ' ' && c != '-', "");
    kept.replace(' ', "-")
}

/// The headings of a page; a comment in an indented or fenced block is none.
fn headings_of(page: &str) -> BTreeSet<String> {
    let text: String = page.split("```").step_by(2).collect();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor_of(line.trim_start_matches('#').trim())).collect()
}

#[test]
fn every_link_of_the_readmes_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut links = 0;
    for readme in READMES {
        let page = fs::read_to_string(root.join(readme)).unwrap();
        let folder = root.join(readme).parent().unwrap().to_owned();
        for target in page.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if target.starts_with("http") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { root.join(readme) } else { folder.join(file) };
            assert!(file.exists(), "{readme}: nothing at {target}");
            if !anchor.is_empty() {
                let text = fs::read_to_string(&file).unwrap();
                assert!(headings_of(&text).contains(anchor), "{readme}: no heading for {target}");
            }
            links += 1;
        }
    }
    assert!(links > 30, "the links were not found");
}

#[test]
fn a_panic_ends_a_release_and_nothing_catches_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let profile = |name: &str| {
        let (_, rest) = manifest.split_once(&format!("\n[profile.{name}]\n")).unwrap();
        rest.split("\n[").next().unwrap().to_owned()
    };
    assert!(profile("release").contains("\npanic = \"abort\""), "{}", profile("release"));
    // Tests need to unwind; nothing of that profile is shipped.
    assert!(profile("long").contains("\npanic = \"unwind\""));
    assert_eq!(manifest.matches("\npanic = ").count(), 2, "another profile says what a panic does");
    let build = fs::read_to_string(root.join("cross/build.sh")).unwrap();
    assert!(build.contains(" --release ") && !build.contains("profile.release.panic"));
    assert!(!root.join(".cargo/config.toml").exists(), "settings that nobody looks for");
    for source in sources() {
        assert!(!source.code.contains("catch_unwind"), "{}", source.path.display());
    }
}

/// An error type says what it has left changed, for its callers have to go on.
#[test]
fn each_error_says_what_it_left_changed() {
    let says = [
        "hanges nothing",
        "chang",
        "stay",
        "othing has",
        "othing of",
        "othing else",
        "othing was",
        "in force",
        "undelivered",
        "may have",
        "says what is on",
    ];
    let mut errors = 0;
    for source in sources() {
        let lines: Vec<&str> = source.code.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let declared = line.split_once("enum ").or_else(|| line.split_once("struct "));
            let name = declared
                .filter(|it| it.0.is_empty() || it.0.starts_with("pub"))
                .map(|it| it.1.split(|c: char| !c.is_alphanumeric()).next().unwrap());
            let is_error = |it: &&str| it.ends_with("Error") || ["Errors", "Fault"].contains(it);
            let Some(name) = name.filter(is_error) else { continue };
            let before = lines[..at].iter().rev();
            let docs: Vec<&str> = before
                .take_while(|it| it.starts_with("///") || it.starts_with("#["))
                .filter(|it| it.starts_with("///"))
                .copied()
                .collect();
            let docs = docs.concat();
            errors += 1;
            let path = source.path.display();
            assert!(says.iter().any(|it| docs.contains(it)), "{path}: {name}: {docs}");
        }
    }
    assert!(errors > 20, "the errors were not found");
}
