//! Sources with switches: a copy of this package in which single rules are broken, or mechanisms missing, each under a name.
//! The product has none of them. The environment variable `SWITCH` names the one that is on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A place that the copy has otherwise: the name of the switch, the file, the text that is replaced, the text instead. That
/// asks `crate::switched(NAME)`.
pub type Edit = (&'static str, &'static str, &'static str, &'static str);

/// The end of the copy's `src/lib.rs`.
const SWITCHED: &str = r#"
/// Whether this switch is on.
#[allow(clippy::disallowed_methods, reason = "never in what ships")]
pub(crate) fn switched(name: &str) -> bool {
    static ON: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    ON.get_or_init(|| std::env::var("SWITCH").ok()).as_deref() == Some(name)
}
"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The edits whose text is not found exactly once in the sources, as a line each; nothing is built.
pub fn misplaced(edits: &[Edit]) -> Vec<String> {
    let places = |(name, file, old, new): &Edit| {
        let text = fs::read_to_string(root().join(file)).unwrap_or_default();
        let count = text.matches(old).count();
        let asks = new.contains(&format!("crate::switched({name:?})"));
        (count != 1 || !asks).then(|| {
            format!("{name}: {file} has this text {count} times, asks for its name: {asks}: {old}")
        })
    };
    edits.iter().filter_map(places).collect()
}

/// Builds one target of a copy with these edits in `target/switched`, optimised a little, since what it does takes minutes.
/// Returns the program.
pub fn build(copy: &str, edits: &[Edit], target: &[&str]) -> PathBuf {
    let misplaced = misplaced(edits);
    assert!(misplaced.is_empty(), "edits that do not fit the sources:\n{}", misplaced.join("\n"));
    let out = root().join("target/switched");
    let tree = out.join(copy);
    if tree.exists() {
        fs::remove_dir_all(&tree).unwrap();
    }
    for name in ["Cargo.toml", "Cargo.lock", "configs", "src", "tests"] {
        copy_all(&root().join(name), &tree.join(name));
    }
    for (_, file, old, new) in edits {
        let text = fs::read_to_string(tree.join(file)).unwrap();
        fs::write(tree.join(file), text.replacen(old, new, 1)).unwrap();
    }
    let lib = fs::read_to_string(tree.join("src/lib.rs")).unwrap();
    fs::write(tree.join("src/lib.rs"), lib + SWITCHED).unwrap();
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--locked", "--message-format=json-render-diagnostics"])
        .args(["--config", "profile.dev.opt-level=1"])
        .args(target)
        .arg("--target-dir")
        .arg(out.join("build"))
        .current_dir(&tree)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(built.status.success(), "the copy in {} was not built", tree.display());
    let told = String::from_utf8(built.stdout).unwrap();
    let programs = told.split("\"executable\":\"").skip(1);
    programs.filter_map(|rest| rest.split('"').next()).last().unwrap().into()
}

fn copy_all(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        return;
    }
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if !["corpus", "target"].contains(&&*entry.file_name().to_string_lossy()) {
            copy_all(&entry.path(), &to.join(entry.file_name()));
        }
    }
}
