//! The text of a configuration as one tree of values, whether it was TOML or YAML. Every key and value knows its line.

mod toml;
mod yaml;

use std::path::Path;

use crate::config::problem::Problem;
use crate::limits::CONFIG_BYTES_MAX;

/// The language of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Ours.
    Toml,
    /// Alertmanager's.
    Yaml,
}

impl Language {
    /// By the ending of the file's name: `.toml` is TOML, and everything else is YAML, as Alertmanager has it.
    pub fn of(file: &Path) -> Self {
        if file.extension().is_some_and(|ending| ending == "toml") {
            Self::Toml
        } else {
            Self::Yaml
        }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// From 1.
    pub line: usize,
    /// The value itself.
    pub value: Value,
    /// A plain YAML scalar: as a text `5` and `yes` are themselves, as Go's decoder has it.
    pub plain: Option<Box<str>>,
}

/// A value of a config text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// YAML's nothing; stands for a key that is not there.
    Null,
    Bool(bool),
    Int(i64),
    /// As it is written: no key takes one.
    Float(Box<str>),
    Text(Box<str>),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub key: Box<str>,
    /// The line of the key.
    pub line: usize,
    pub node: Node,
}

impl Node {
    /// The words by which an error names this value. For a value that may be a secret, use [`Self::kind`].
    pub(super) fn found(&self) -> String {
        match &self.value {
            Value::Bool(is) => is.to_string(),
            Value::Int(number) => format!("the number {number}"),
            Value::Float(text) => format!("the number {text}"),
            Value::Text(text) => format!("{text:?}"),
            Value::Null | Value::List(_) | Value::Table(_) => self.kind().to_owned(),
        }
    }

    /// The words by which an error says what this is, without what stands there.
    pub(super) const fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// Reads a whole text into its root table. Errors are those of the language alone: every one that is found.
/// With it comes what is said of what was ignored.
pub(super) fn parse(
    language: Language,
    bytes: &[u8],
) -> Result<(Node, Option<Problem>), Vec<Problem>> {
    if bytes.len() > CONFIG_BYTES_MAX {
        let text =
            format!("the file has {} bytes; at most {CONFIG_BYTES_MAX} are read", bytes.len());
        return Err(vec![problem(0, text)]);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = valid.split(|byte| *byte == b'\n').count();
        vec![problem(line, "a byte that is not UTF-8: save the file as UTF-8".to_owned())]
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match language {
        Language::Toml => toml::parse(text).map(|node| (node, None)),
        Language::Yaml => yaml::parse(text).map_err(|problem| vec![problem]),
    }
}

pub(super) fn problem(line: usize, text: String) -> Problem {
    Problem { line, path: String::new(), text }
}

/// The comments of a YAML text: of each its line, whether nothing but brackets and dashes stand before it there, and its text from `#` on.
pub(super) fn comments(text: &str) -> Vec<(usize, bool, String)> {
    yaml::comments(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_tells_the_language() {
        assert_eq!(Language::of(Path::new("/etc/alertmanager.yml")), Language::Yaml);
        assert_eq!(Language::of(Path::new("a.yaml")), Language::Yaml);
        assert_eq!(Language::of(Path::new("a.toml")), Language::Toml);
        for name in ["alertmanager.conf", "alertmanager.json", "config", "toml", "/dev/fd/63"] {
            assert_eq!(Language::of(Path::new(name)), Language::Yaml, "{name}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error_with_a_line() {
        let problems = parse(Language::Yaml, b"a: b\nc: \xff").unwrap_err();
        assert_eq!(problems[0].line, 2);
        let problems = parse(Language::Toml, &vec![b'#'; CONFIG_BYTES_MAX + 1]).unwrap_err();
        assert!(problems[0].text.contains("at most"), "{problems:?}");
    }
}
