//! YAML into TOML of the same meaning, with the comments.
//!
//! Comments are what `#` begins outside of every scalar. One that has its line to itself, but for brackets and dashes, belongs
//! to the next key or item of the text, any other to the last one before it. In TOML the plain keys of a table come before
//! its tables, so keys move; their comments move with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::config::problem::Errors;
use crate::config::read;
use crate::config::tree::{self, Entry, Node, Value};
use crate::config::{Config, Language, LoadOptions};

/// The TOML of a YAML text that loads without errors, and loads to the same.
pub(super) fn convert(text: &[u8], options: &LoadOptions<'_>) -> Result<String, Errors> {
    let (tree, typed, loaded) = read::load_typed(text, options)?;
    let text = String::from_utf8_lossy(text);
    let text = text.trim_start_matches('\u{feff}');
    let mut writer = Writer { typed, ..Writer::default() };
    writer.find_comments(text, &tree);
    writer.body(&tree, "", "");
    // The text that follows the last key, and what stands beside no key that is written.
    for (_, texts) in std::mem::take(&mut writer.above) {
        writer.lines(&texts);
    }
    for (_, comment) in std::mem::take(&mut writer.beside) {
        writer.lines(&[comment]);
    }
    let toml = writer.out.trim_start().to_owned();
    let again = LoadOptions { language: Language::Toml, ..*options };
    let mut same = Config::load(toml.as_bytes(), &again)?;
    // Where keys have moved, the text that the status shows has them in another order.
    same.config.original.clone_from(&loaded.config.original);
    same.warnings.clone_from(&loaded.warnings);
    if same == loaded {
        return Ok(toml);
    }
    let problem = tree::problem(0, "there is no TOML that means the same: run the YAML".to_owned());
    Err(Errors::new(&options.file.display().to_string(), vec![problem]))
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Paths of values that are read as numbers or booleans: all others are texts, whatever they look like.
    typed: BTreeSet<String>,
    /// Comments of their own lines, by the line of what follows them.
    above: BTreeMap<usize, Vec<String>>,
    /// Comments at the end of lines.
    beside: BTreeMap<usize, String>,
}

impl Writer {
    fn find_comments(&mut self, text: &str, tree: &Node) {
        let mut lines = BTreeSet::new();
        lines_of(tree, &mut lines);
        for (line, is_first, comment) in tree::comments(text) {
            // In the middle of a value, a comment is about what began before.
            let before = lines.range(..=line).next_back().filter(|_| !is_first);
            if let Some(before) = before {
                let beside = self.beside.entry(*before).or_default();
                let gap = if beside.is_empty() { "" } else { "  " };
                beside.extend([gap, &comment]);
            } else {
                let next = lines.range(line..).next().copied().unwrap_or(usize::MAX);
                self.above.entry(next).or_default().push(comment);
            }
        }
    }

    fn lines(&mut self, texts: &[String]) {
        for text in texts {
            self.out.push_str(text);
            self.out.push('\n');
        }
    }

    /// The comments above what stands on this line.
    fn above(&mut self, line: usize) {
        let texts = self.above.remove(&line).unwrap_or_default();
        self.lines(&texts);
    }

    /// The end of a line, with the comment that stands beside it.
    fn end(&mut self, line: usize) {
        if let Some(comment) = self.beside.remove(&line) {
            self.out.push_str("  ");
            self.out.push_str(&comment);
        }
        self.out.push('\n');
    }

    /// The keys of a table, plain ones first. `header` leads to it in TOML, `path` in messages.
    fn body(&mut self, table: &Node, header: &str, path: &str) {
        let Value::Table(entries) = &table.value else { return };
        let (tables, plain): (Vec<&Entry>, Vec<&Entry>) =
            entries.iter().partition(|entry| is_section(entry));
        for entry in plain {
            self.above(entry.line);
            let path = joined(path, &entry.key);
            // A key without a value stands for none.
            if let Some(value) = self.inline(&entry.node, &path, entry.line) {
                let line = format!("{} = {value}", key(&entry.key));
                self.out.push_str(&line);
            } else if !self.beside.contains_key(&entry.line) {
                continue;
            }
            self.end(entry.line);
        }
        for entry in tables {
            let (header, path) = (joined(header, &key(&entry.key)), joined(path, &entry.key));
            let Value::List(items) = &entry.node.value else {
                self.header(&format!("[{header}]"), Some(entry.line), None);
                self.body(&entry.node, &header, &path);
                continue;
            };
            for (place, item) in items.iter().enumerate() {
                let key = (place == 0).then_some(entry.line);
                self.header(&format!("[[{header}]]"), key, Some(item.line));
                self.body(item, &header, &format!("{path}[{place}]"));
            }
        }
    }

    /// A section's header. `key` is the line of its key, of an item after the first none; `item` that of an item.
    fn header(&mut self, header: &str, key: Option<usize>, item: Option<usize>) {
        self.out.push('\n');
        for line in [key, item].into_iter().flatten() {
            self.above(line);
        }
        self.out.push_str(header);
        match key {
            Some(line) if item != key => self.end(line),
            // A comment beside `- name: x` belongs to the name.
            _ => self.out.push('\n'),
        }
    }

    /// A value in one line, or a list with comments in several; none of nothing. Its key stands on `line`.
    fn inline(&mut self, node: &Node, path: &str, line: usize) -> Option<String> {
        let is_typed = self.typed.contains(path);
        Some(match (&node.value, &node.plain) {
            (Value::Null, _) => return None,
            (Value::Bool(is), _) if is_typed => is.to_string(),
            (Value::Int(number), _) if is_typed => number.to_string(),
            (Value::Float(text), _) if is_typed => text.to_string(),
            (_, Some(text)) | (Value::Text(text) | Value::Float(text), None) => quoted(text),
            (Value::Bool(is), None) => is.to_string(),
            (Value::Int(number), None) => number.to_string(),
            (Value::List(items), None) => self.list(items, path, line),
            (Value::Table(entries), None) => {
                let mut pairs = Vec::new();
                for entry in entries {
                    let value = self.inline(&entry.node, &joined(path, &entry.key), line);
                    pairs.extend(value.map(|value| format!("{} = {value}", key(&entry.key))));
                }
                if pairs.is_empty() {
                    "{}".to_owned()
                } else {
                    format!("{{ {} }}", pairs.join(", "))
                }
            }
        })
    }

    fn list(&mut self, items: &[Node], path: &str, line: usize) -> String {
        let mut is_long = false;
        let mut lines = String::new();
        let mut values = Vec::new();
        for (place, item) in items.iter().enumerate() {
            // A list has no place for nothing; as an item it is the empty text, or an empty table.
            let value = self.inline(item, &format!("{path}[{place}]"), line);
            let value = value.unwrap_or_else(|| "\"\"".to_owned());
            for comment in self.above.remove(&item.line).unwrap_or_default() {
                is_long = true;
                lines.extend(["  ", &comment, "\n"]);
            }
            lines.extend(["  ", &value, ","]);
            // Beside a list in one line, it stands behind the list.
            if item.line != line
                && let Some(comment) = self.beside.remove(&item.line)
            {
                is_long = true;
                lines.extend(["  ", &comment]);
            }
            lines.push('\n');
            values.push(value);
        }
        if is_long { format!("[\n{lines}]") } else { format!("[{}]", values.join(", ")) }
    }
}

/// Whether a key is written as sections of its own: a table, or a list of tables.
fn is_section(entry: &Entry) -> bool {
    let is_table = |node: &Node| matches!(node.value, Value::Table(_));
    match &entry.node.value {
        Value::List(items) => {
            let is_nothing = |node: &Node| node.value == Value::Null;
            let holds_tables = is_list_of_tables(&entry.key) && items.iter().all(is_nothing);
            !items.is_empty()
                && (holds_tables || items.iter().any(is_table))
                && items.iter().all(|item| is_table(item) || is_nothing(item))
        }
        Value::Table(entries) => !entries.is_empty(),
        _ => false,
    }
}

/// Whether the schema has a list of tables here: then nothing is an empty one.
fn is_list_of_tables(key: &str) -> bool {
    key.ends_with("_configs")
        || ["inhibit_rules", "routes", "receivers", "time_intervals"].contains(&key)
}

/// Every line on which a key or an item begins.
fn lines_of(node: &Node, lines: &mut BTreeSet<usize>) {
    match &node.value {
        Value::List(items) => {
            for item in items {
                lines.insert(item.line);
                lines_of(item, lines);
            }
        }
        Value::Table(entries) => {
            for entry in entries {
                lines.insert(entry.line);
                lines_of(&entry.node, lines);
            }
        }
        _ => {}
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A key as TOML has it.
fn key(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if !key.is_empty() && key.bytes().all(is_bare) { key.to_owned() } else { quoted(key) }
}

/// A text as TOML has it, with as few escapes as it needs.
fn quoted(text: &str) -> String {
    let is_control = |c: char| c.is_control() && c != '\n' && c != '\t';
    let has = |part: &str| text.contains(part);
    if has("\n") && !has("'''") && !text.ends_with('\'') && !text.contains(is_control) {
        return format!("'''\n{text}'''");
    }
    if (has("\"") || has("\\")) && !has("'") && !text.contains(|c: char| c.is_control()) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                // Writing to a String cannot fail.
                write!(quoted, "\\u{:04X}", u32::from(c)).ok();
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::bits;
    use proptest::prelude::*;

    use super::*;
    use crate::config::{Environment, Flags};

    fn toml(text: &str) -> Result<String, Errors> {
        let options = LoadOptions {
            file: Path::new("a.yml"),
            language: Language::Yaml,
            flags: &Flags::default(),
            environment: &Environment::default(),
            schemas: crate::notify::SCHEMAS,
        };
        convert(text.as_bytes(), &options)
    }

    #[test]
    fn comments_stay_with_what_they_are_about() {
        let yaml = "\
# The whole.
route: # the tree
  # Takes the rest.
  receiver: ops  # people
  routes:
  # First.
  - matchers: [severity=\"critical\"]  # both
    receiver: 'it''s # no comment'
  # Second.
  - receiver: ops
    continue: true
    group_by:
    # By name.
    - alertname
    - yes   # a label
    match: {on: 5}
  group_wait: 10s
receivers:
- name: ops  # the room
  webhook_configs:
  - url: http://x/#fragment
    send_resolved: off
    max_alerts: 3
    # nothing here
    http_config:
- name: \"it's # no comment\"
inhibit_rules:
-
# The end.
";
        let expected = "\
# The whole.
[route]  # the tree
# Takes the rest.
receiver = \"ops\"  # people
group_wait = \"10s\"

# First.
[[route.routes]]
matchers = ['severity=\"critical\"']  # both
receiver = \"it's # no comment\"

# Second.
[[route.routes]]
receiver = \"ops\"
continue = true
group_by = [
  # By name.
  \"alertname\",
  \"yes\",  # a label
]

[route.routes.match]
on = \"5\"

[[receivers]]
name = \"ops\"  # the room

[[receivers.webhook_configs]]
url = \"http://x/#fragment\"
send_resolved = false
max_alerts = 3
# nothing here

[[receivers]]
name = \"it's # no comment\"

[[inhibit_rules]]
# The end.
";
        let found = toml(yaml).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(found, expected, "{found}");
    }

    #[test]
    fn texts_of_several_lines_stay_as_they_are() {
        let yaml = "\
route: {receiver: a}
receivers:
- name: a
  slack_configs:
  - api_url: http://x
    text: |-
      # A heading, no comment
      {{ range .AlertSettings }}'{{ .Labels.alertname }}' \"\\n\"{{ end }}
    title: \"tab\\t and \\e escape 'x'\"
    # A comment.
    short_fields: true
    actions:
    - {type: button, text: \"a: b\", url: \"http://y\"}
";
        let found = toml(yaml).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(found.contains("text = '''\n# A heading, no comment\n"), "{found}");
        assert!(found.contains("\n# A comment.\nshort_fields = true\n"), "{found}");
        assert_eq!(found.matches('#').count(), 2, "{found}");
    }

    #[test]
    fn comments_inside_of_values_stay_with_them() {
        let yaml = "\u{feff}\
# All.
route:
  receiver:
    ops  # people
  routes:
  - # First.
    receiver: ops
    group_by: [ # These:
      a, # one
      b
    ]  # and no others
receivers:
- {name: ops}  # the room
inhibit_rules: []  # none yet
";
        let expected = "\
inhibit_rules = []  # none yet

# All.
[route]
receiver = \"ops\"  # people

# First.
[[route.routes]]
receiver = \"ops\"
group_by = [
  \"a\",  # one
  \"b\",  # and no others
]  # These:

[[receivers]]
name = \"ops\"  # the room
";
        let found = toml(yaml).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(found, expected, "{found}");
    }

    /// A config in every style of YAML. A comment may stand at each mark; at `§` on a line of its own before it, too.
    const STYLES: &str = "\
--- §
global: §
  resolve_timeout: 5m §
  slack_api_url: §
    http://x/#y §
  http_config: {follow_redirects: §
    false, §
    tls_config: {} §
  } §
route: §
  receiver: ops §
  group_by: [ §
    a, b, §
    c] §
  routes: §
  - matchers: §
    - a=b §
    - §
      'c=\"d # e\"' §
    - 'f=
      g' ¤
  - §
    receiver: ops §
    match: {a: b, §
      c: d} §
  - {receiver: ops, continue: true} §
  - receiver: ops §
    match_re: §
      a: b §
receivers: §
- name: ops §
  slack_configs: §
  - &first §
    channel: '#a' §
    text: |- §
      # No comment.
      b
    title: \"a
      b\" ¤
    actions: []  §
  - <<: *first §
    short_fields: on §
    http_config: §
- {name: other} §
inhibit_rules: §
- §
- {} §
templates: §
";

    proptest! {
        #[test]
        fn every_comment_is_kept(beside in bits::u64::ANY, alone in bits::u64::ANY) {
            let (mut yaml, mut comments) = (String::new(), Vec::new());
            let mut comment = |is_there: bool| {
                let text = if is_there { format!(" # c{};", comments.len()) } else { String::new() };
                comments.extend(is_there.then(|| text.trim().to_owned()));
                text
            };
            for (number, line) in STYLES.lines().enumerate() {
                let text = line.trim_end_matches([' ', '§', '¤']);
                let has = |bits: u64| (bits >> (number % 64)) & 1 == 1;
                if line.ends_with('§') && number > 0 && has(alone) {
                    yaml.extend([&comment(true), "\n"]);
                }
                yaml.extend([text, &comment(line.ends_with(['§', '¤']) && has(beside)), "\n"]);
            }
            let found = toml(&yaml).unwrap_or_else(|errors| panic!("{errors}\n{yaml}"));
            for comment in comments {
                prop_assert!(found.matches(&comment).count() == 1, "{comment}:\n{yaml}\n{found}");
            }
        }
    }

    #[test]
    fn errors_of_the_text_are_its_own() {
        let errors = toml("route: {receiver: a}\nreceivers: [{name: b}]\n").unwrap_err();
        assert!(
            errors.to_string().starts_with("a.yml:1: route.receiver: undefined receiver"),
            "{errors}"
        );
    }
}
