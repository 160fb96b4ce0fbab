//! The files of `templates`: found by globs and read. Blocks: call it off the loop.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::limits::{TEMPLATE_BYTES_MAX, TEMPLATE_FILES_MAX, TEMPLATES_BYTES_MAX};
use crate::shell::files;
use crate::template::Templates;

/// Reads and parses the files that the globs name, in the order of the globs, within each in the order of their names. A
/// glob that names no file is fine, as in Alertmanager. The error is a line for each thing that is wrong.
pub fn load(globs: &[PathBuf]) -> Result<Templates, String> {
    let (mut files, mut bytes) = (Vec::new(), 0);
    for glob in globs {
        if !glob.iter().all(|part| is_pattern(&part.to_string_lossy())) {
            let why = "is no pattern: a bracket is not closed, or nothing follows a backslash";
            return Err(format!("{}: {why}", glob.display()));
        }
        for file in find(glob) {
            if files.len() == TEMPLATE_FILES_MAX {
                return Err(format!("more than {TEMPLATE_FILES_MAX} files"));
            }
            let text = read(&file)?;
            bytes += text.len();
            if bytes > TEMPLATES_BYTES_MAX {
                return Err(format!(
                    "the template files have more than {TEMPLATES_BYTES_MAX} bytes in all"
                ));
            }
            files.push((file.display().to_string(), text));
        }
    }
    Templates::new(&files)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn read(file: &Path) -> Result<String, String> {
    let fault = |why: String| format!("{}: {why}", file.display());
    let content = files::read_regular(file, TEMPLATE_BYTES_MAX)
        .map_err(|error| fault(format!("cannot be read: {error}")))?;
    String::from_utf8(content.bytes).map_err(|_| fault("is not UTF-8".to_owned()))
}

/// The files that a glob names, sorted.
fn find(glob: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in glob.components() {
        let pattern = match part {
            Component::Normal(part) => part.to_string_lossy(),
            other => {
                for path in &mut found {
                    path.push(other);
                }
                continue;
            }
        };
        if !pattern.contains(['*', '?', '[', '\\']) {
            for path in &mut found {
                path.push(&*pattern);
            }
            continue;
        }
        found = found.iter().flat_map(|folder| entries(folder, &pattern)).collect();
    }
    // Of what a pattern finds files are meant; a directory that is named alone is a mistake that reading it tells.
    found.retain(|path| path.is_file() || (path == glob && path.exists()));
    found
}

fn entries(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let place = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // A folder that is not there holds nothing.
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut paths: Vec<_> = names
        .filter(|name| matches(pattern, name))
        .take(TEMPLATE_FILES_MAX + 1)
        .map(|name| folder.join(name))
        .collect();
    paths.sort_unstable();
    paths
}

/// Whether a name is as a glob's part says: `*` any text, `?` any character, `[a-z]` and `[^a]` one of a set.
fn matches(pattern: &str, name: &str) -> bool {
    let mut chars = pattern.chars();
    let Some(first) = chars.next() else { return name.is_empty() };
    let rest = chars.as_str();
    if first == '*' {
        let rest = rest.trim_start_matches('*');
        let mut places = name.char_indices().map(|(at, _)| at).chain([name.len()]);
        return places.any(|at| matches(rest, &name[at..]));
    }
    let mut chars = name.chars();
    let Some(c) = chars.next() else { return false };
    let (fits, rest) = match first {
        '?' => (true, rest),
        '[' => match set(rest, c) {
            Some(found) => found,
            None => return false,
        },
        '\\' => {
            let mut escaped = rest.chars();
            (escaped.next() == Some(c), escaped.as_str())
        }
        first => (first == c, rest),
    };
    fits && matches(rest, chars.as_str())
}

/// Whether a glob's part can be read to its end.
fn is_pattern(part: &str) -> bool {
    let mut chars = part.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.next().is_none() => return false,
            '[' => match set(chars.as_str(), ' ') {
                Some((_, rest)) => chars = rest.chars(),
                None => return false,
            },
            _ => {}
        }
    }
    true
}

/// Whether a set, whose bracket was read, holds a character, and what follows it; none if it is malformed.
fn set(pattern: &str, c: char) -> Option<(bool, &str)> {
    let (negated, inside) = match pattern.strip_prefix('^') {
        Some(inside) => (true, inside),
        None => (false, pattern),
    };
    let mut chars = inside.chars().peekable();
    let mut found = false;
    let mut bytes = 0;
    let mut is_first = true;
    loop {
        let mut take = || {
            let c = chars.next()?;
            bytes += c.len_utf8();
            Some(c)
        };
        let mut low = take()?;
        if low == ']' && !is_first {
            break;
        }
        if matches!(low, ']' | '-') {
            return None;
        }
        is_first = false;
        if low == '\\' {
            low = take()?;
        }
        let mut high = low;
        if chars.peek() == Some(&'-') {
            chars.next();
            high = chars.next()?;
            bytes += 1 + high.len_utf8();
        }
        found |= low <= c && c <= high;
    }
    Some((found != negated, inside.get(bytes..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_name_what_gos_name() {
        let cases = [
            ("*.tmpl", "a.tmpl", true),
            ("*.tmpl", ".tmpl", true),
            ("*.tmpl", "a.tmpl.bak", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "zx", true),
            ("[]x", "x", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("*a*b*", "xaybz", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        for pattern in ["[", "a[b", "[]", "[^]", "[-a]", "[a-", "a\\", "[a]["] {
            let wrong = load(&[Path::new("sub").join(pattern)]).unwrap_err();
            assert!(wrong.starts_with(&format!("sub/{pattern}: is no pattern: ")), "{wrong}");
        }
        for pattern in ["[a]", "[^a-c]", "\\[", "[\\]]", "a]", "**"] {
            assert!(is_pattern(pattern), "{pattern}");
        }
    }

    #[test]
    fn files_are_so_many_and_so_long_together_and_no_more() {
        let folder = std::env::temp_dir().join(format!("bellwether-many-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for number in 0..TEMPLATE_FILES_MAX {
            fs::write(folder.join(format!("{number}.tmpl")), "").unwrap();
        }
        let all = [folder.join("*.tmpl")];
        assert!(load(&all).is_ok());
        fs::write(folder.join("more.tmpl"), "").unwrap();
        assert!(load(&all).unwrap_err().contains("more than 256 files"));
        fs::remove_file(folder.join("more.tmpl")).unwrap();
        for number in 0..4 {
            let text = "x".repeat(TEMPLATES_BYTES_MAX / 4);
            fs::write(folder.join(format!("{number}.tmpl")), text).unwrap();
        }
        assert!(load(&all).is_ok());
        fs::write(folder.join("4.tmpl"), "x").unwrap();
        assert!(load(&all).unwrap_err().contains("bytes in all"));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn files_are_read_in_order_and_what_is_wrong_is_said() {
        let folder = std::env::temp_dir().join(format!("bellwether-tmpl-{}", std::process::id()));
        fs::create_dir_all(folder.join("sub")).unwrap();
        fs::write(folder.join("b.tmpl"), "{{ define \"x\" }}b{{ end }}").unwrap();
        fs::write(folder.join("a.tmpl"), "{{ define \"x\" }}a{{ end }}").unwrap();
        let data = crate::template::Data::sample(false, crate::time::Wall::EPOCH);
        let templates = load(&[folder.join("*.tmpl"), folder.join("nothing/*.tmpl")]).unwrap();
        assert_eq!(templates.text("{{ template \"x\" }}", &data).as_deref(), Ok("b"));
        fs::write(folder.join("sub/c.tmpl"), "line\n{{ if }}").unwrap();
        fs::write(folder.join("sub/d.tmpl"), [0xff]).unwrap();
        let wrong = load(&[folder.join("*/c.tmpl")]).unwrap_err();
        assert!(
            wrong.contains("/sub/c.tmpl:2:7: ") && wrong.contains("missing value for if"),
            "{wrong}"
        );
        assert!(load(&[folder.join("su*")]).is_ok());
        let wrong = load(&[folder.join("sub/")]).unwrap_err();
        assert!(wrong.contains("/sub: cannot be read: it is a directory"), "{wrong}");
        let wrong = load(&[folder.join("s*/d.tmpl")]).unwrap_err();
        assert!(wrong.ends_with("/sub/d.tmpl: is not UTF-8"), "{wrong}");
        fs::remove_dir_all(folder).unwrap();
    }
}
