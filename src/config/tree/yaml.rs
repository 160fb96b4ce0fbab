//! YAML into the tree, read as Go's yaml.v2 reads it where the versions of the language differ: `yes` and `on` are
//! true where a boolean is wanted, plain scalars are texts where a text is wanted, a key twice is an error.

use std::borrow::Cow;
use std::collections::BTreeSet;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput, Tag};

use super::{Entry, Node, Value, problem};
use crate::config::problem::Problem;
use crate::limits::{CONFIG_DEPTH_MAX, CONFIG_NODES_MAX, CONFIG_SHALLOW_TEXTS_MAX};

/// How the parser calls a text in quotes that goes on in a line which is indented less than the YAML around it.
const SHALLOW: &str = "invalid indentation in quoted scalar";

/// Reads the first document of a text; none is an empty table. Of a further one the second value says that it is ignored, as
/// in Alertmanager.
///
/// A text in quotes may go on at the beginning of a line. YAML forbids that, Go's reads it, and people write templates so.
pub(super) fn parse(text: &str) -> Result<(Node, Option<Problem>), Problem> {
    let text = &*line_fed(text);
    match read(text) {
        Err(problem) if problem.text.ends_with(SHALLOW) => read(&deepened(text)),
        read => read,
    }
}

/// The same YAML, each line of it ended by a line feed. A carriage return ends a line too (YAML 1.2, section 5.4), so all count
/// lines alike.
fn line_fed(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The same YAML, with the lines of texts in quotes indented as the parser wants them. Lines keep their numbers.
fn deepened(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..CONFIG_SHALLOW_TEXTS_MAX {
        let failed = Parser::new_from_str(&text).find_map(Result::err);
        let Some(error) = failed.filter(|error| error.info() == SHALLOW) else { break };
        text = Cow::Owned(indented(&text, error.marker()));
    }
    text
}

/// Indents the lines in which the text that opens at `start` goes on. Spaces there mean nothing.
fn indented(text: &str, start: &Marker) -> String {
    let before: usize = text.split_inclusive('\n').take(start.line() - 1).map(str::len).sum();
    let (done, rest) = text.split_at(before);
    let mut out = done.to_owned();
    let mut chars = rest.chars().enumerate().peekable();
    let mut quote = None;
    while let Some((column, c)) = chars.next() {
        out.push(c);
        let Some(open) = quote else {
            quote = Some(c).filter(|_| column == start.col());
            continue;
        };
        let next = chars.peek().map(|(_, next)| *next);
        if is_escape(open, c, next) {
            out.extend(next.filter(|next| *next != '\n'));
            if next != Some('\n') {
                chars.next();
            }
        } else if c == open {
            break;
        } else if c == '\n' {
            out.extend(std::iter::repeat_n(' ', start.col() + 1));
        }
    }
    out.extend(chars.map(|(_, c)| c));
    out
}

/// Whether `c` says that the sign behind it closes no text in quotes: a backslash, or a quote twice.
fn is_escape(open: char, c: char, next: Option<char>) -> bool {
    open == '"' && c == '\\' || open == '\'' && c == open && next == Some(open)
}

fn read(text: &str) -> Result<(Node, Option<Problem>), Problem> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        lines: text.split('\n').count(),
        anchors: Vec::new(),
        nodes: 0,
        depth: 0,
    };
    let mut root = Node { line: 1, value: Value::Table(Vec::new()), plain: None };
    let (mut documents, mut ignored) = (0, None);
    while let Some((event, line)) = reader.next()? {
        match event {
            Event::DocumentStart(_) if documents > 0 => {
                let text = "a second document is ignored: one file holds one configuration";
                ignored = Some(problem(line, text.to_owned()));
                break;
            }
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
            Event::StreamEnd | Event::Nothing => break,
            event => {
                let node = reader.node(event, line)?;
                documents += 1;
                match node.value {
                    Value::Null => {}
                    Value::Table(_) => root = node,
                    _ => {
                        let text = format!("expected a table of sections, found {}", node.kind());
                        return Err(problem(line, text));
                    }
                }
            }
        }
    }
    Ok((root, ignored))
}

/// The comments of a text that parses: each begins with `#` outside of every scalar.
pub(super) fn comments(text: &str) -> Vec<(usize, bool, String)> {
    let text = line_fed(text);
    let text = &*deepened(&text);
    // Lines and columns. The end of a scalar is the first column behind it; of one in quotes, the end of its line.
    let (mut plain, mut quoted) = (Vec::new(), BTreeSet::new());
    for (event, span) in Parser::new_from_str(text).map_while(Result::ok) {
        let Event::Scalar(_, style, ..) = event else { continue };
        let start = (span.start.line(), span.start.col());
        let end = (span.end.line(), span.end.col());
        if matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) {
            quoted.insert(start);
        } else if start < end {
            plain.push((start, end));
        }
    }
    let mut comments = Vec::new();
    let mut quote = None;
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        let mut before = ' ';
        let mut chars = line.char_indices().enumerate().peekable();
        while let Some((column, (at, c))) = chars.next() {
            let place = (number, column);
            if let Some(open) = quote {
                let next = chars.peek().map(|(_, (_, next))| *next);
                if is_escape(open, c, next) {
                    chars.next();
                } else if c == open {
                    quote = None;
                }
            } else if quoted.contains(&place) {
                quote = Some(c);
            } else if c == '#' && before.is_whitespace() {
                // The last scalar that begins before this place.
                let of = plain.partition_point(|(start, _)| *start <= place);
                if of == 0 || plain.get(of - 1).is_some_and(|(_, end)| *end <= place) {
                    let (ahead, comment) = line.split_at(at);
                    let is_first = ahead.chars().all(|c| c.is_whitespace() || "-[{".contains(c));
                    comments.push((number, is_first, comment.trim_end().to_owned()));
                    break;
                }
            }
            before = c;
        }
    }
    comments
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// How many lines the text has: where it ends too early the parser may count one more.
    lines: usize,
    /// Anchors by their number, with how many nodes each is.
    anchors: Vec<Option<(Node, usize)>>,
    nodes: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, usize)>, Problem> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, span.start.line().min(self.lines)))),
            Some(Err(error)) => {
                let line = error.marker().line().min(self.lines);
                Err(problem(line, format!("YAML: {}", error.info())))
            }
        }
    }

    /// The next event inside a list or table: the text may not end there.
    fn inner(&mut self, line: usize) -> Result<(Event<'t>, usize), Problem> {
        self.next()?.ok_or_else(|| problem(line, "YAML: the text ends too early".to_owned()))
    }

    fn node(&mut self, event: Event<'t>, line: usize) -> Result<Node, Problem> {
        let before = self.nodes;
        self.count(1, line)?;
        let (anchor, value, plain) = match event {
            Event::Alias(anchor) => return self.alias(anchor, line),
            Event::Scalar(text, style, anchor, tag) => {
                let (value, plain) = scalar(&text, style, tag.as_deref(), line)?;
                (anchor, value, plain)
            }
            Event::SequenceStart(anchor, tag) => {
                no_tag(tag.as_deref(), line)?;
                (anchor, self.deeper(line, Self::list)?, None)
            }
            Event::MappingStart(anchor, tag) => {
                no_tag(tag.as_deref(), line)?;
                (anchor, self.deeper(line, Self::table)?, None)
            }
            _ => return Err(problem(line, "YAML: a value is missing".to_owned())),
        };
        let node = Node { line, value, plain };
        if anchor > 0 {
            if self.anchors.len() <= anchor {
                self.anchors.resize(anchor + 1, None);
            }
            if let Some(slot) = self.anchors.get_mut(anchor) {
                *slot = Some((node.clone(), self.nodes - before));
            }
        }
        Ok(node)
    }

    fn count(&mut self, nodes: usize, line: usize) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > CONFIG_NODES_MAX {
            let text = format!("more than {CONFIG_NODES_MAX} values, aliases counted in full");
            return Err(problem(line, text));
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, line: usize) -> Result<Node, Problem> {
        match self.anchors.get(anchor).cloned().flatten() {
            None => Err(problem(line, "an alias inside of what it stands for".to_owned())),
            Some((node, nodes)) => {
                self.count(nodes, line)?;
                Ok(node)
            }
        }
    }

    fn deeper(
        &mut self,
        line: usize,
        read: fn(&mut Self, usize) -> Result<Value, Problem>,
    ) -> Result<Value, Problem> {
        self.depth += 1;
        if self.depth > CONFIG_DEPTH_MAX {
            return Err(problem(line, format!("nested deeper than {CONFIG_DEPTH_MAX} levels")));
        }
        let value = read(self, line)?;
        self.depth -= 1;
        Ok(value)
    }

    fn list(&mut self, line: usize) -> Result<Value, Problem> {
        let mut items = Vec::new();
        loop {
            match self.inner(line)? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, line) => items.push(self.node(event, line)?),
            }
        }
    }

    fn table(&mut self, line: usize) -> Result<Value, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut keys = BTreeSet::new();
        let mut merged = Vec::new();
        loop {
            let (key, line) = match self.inner(line)? {
                (Event::MappingEnd, _) => break,
                (event, line) => (self.node(event, line)?, line),
            };
            let (event, at) = self.inner(line)?;
            let node = self.node(event, at)?;
            let key = match (key.plain, key.value) {
                (Some(plain), _) if &*plain == "<<" => {
                    merged.push(node);
                    continue;
                }
                (Some(text), _) | (None, Value::Text(text)) => text,
                _ => return Err(problem(line, "a key must be a text".to_owned())),
            };
            if !keys.insert(key.clone()) {
                return Err(problem(line, format!("the key {key:?} stands here twice")));
            }
            entries.push(Entry { key, line, node });
        }
        for node in merged {
            merge(&mut entries, node)?;
        }
        Ok(Value::Table(entries))
    }
}

/// `<<`: the entries of another table, or of several, that the table does not have itself.
fn merge(entries: &mut Vec<Entry>, node: Node) -> Result<(), Problem> {
    match node.value {
        Value::Table(others) => {
            for other in others {
                if entries.iter().all(|entry| entry.key != other.key) {
                    entries.push(other);
                }
            }
            Ok(())
        }
        Value::List(tables) => tables.into_iter().try_for_each(|table| merge(entries, table)),
        _ => Err(problem(node.line, "`<<` takes a table or a list of tables".to_owned())),
    }
}

fn no_tag(tag: Option<&Tag>, line: usize) -> Result<(), Problem> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema() => {
            let text = "tags are not supported: put a text that begins with ! in quotes";
            Err(problem(line, text.to_owned()))
        }
        _ => Ok(()),
    }
}

fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    line: usize,
) -> Result<(Value, Option<Box<str>>), Problem> {
    no_tag(tag, line)?;
    if style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str") {
        return Ok((Value::Text(text.into()), None));
    }
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok((Value::Null, None)),
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => {
            Value::Bool(true)
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => {
            Value::Bool(false)
        }
        text => number(text).unwrap_or_else(|| Value::Text(text.into())),
    };
    Ok((value, Some(text.into())))
}

/// A number in the notations of Go's YAML: decimal, `0x1f`, `0b11`, `0o17` and `017`, with underscores between digits.
fn number(text: &str) -> Option<Value> {
    if !text.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let plain = text.replace('_', "");
    let digits = plain.strip_prefix(['-', '+']).unwrap_or(&plain);
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] if digits.bytes().all(|byte| byte.is_ascii_digit()) => (8, &digits[1..]),
        _ => (10, digits),
    };
    if radix != 10 || digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let sign = if plain.starts_with('-') { "-" } else { "" };
        // No sign between the prefix and the digits.
        let digits =
            Some(digits).filter(|it| it.starts_with(|c: char| c.is_ascii_alphanumeric()))?;
        return i64::from_str_radix(&format!("{sign}{digits}"), radix).ok().map(Value::Int);
    }
    plain.parse::<f64>().is_ok().then(|| Value::Float(plain.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<Entry> {
        match parse(text).unwrap().0.value {
            Value::Table(entries) => entries,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keys_and_values_know_their_lines() {
        let entries = entries("# c\na: 1\nb:\n- x\n-  y: z\n");
        assert_eq!((entries[0].line, entries[1].line), (2, 3));
        let Value::List(items) = &entries[1].node.value else { panic!() };
        assert_eq!((items[0].line, items[1].line), (4, 5));
    }

    #[test]
    fn plain_scalars_are_read_as_go_reads_them() {
        for (text, value) in [
            ("yes", Value::Bool(true)),
            ("off", Value::Bool(false)),
            ("'yes'", Value::Text("yes".into())),
            ("!!str yes", Value::Text("yes".into())),
            ("-12", Value::Int(-12)),
            ("1.5", Value::Float("1.5".into())),
            ("010", Value::Int(8)),
            ("0x1F", Value::Int(31)),
            ("-0b11", Value::Int(-3)),
            ("0o17", Value::Int(15)),
            ("1_000", Value::Int(1000)),
            ("1_0.5", Value::Float("10.5".into())),
            ("089", Value::Text("089".into())),
            ("0x-1", Value::Text("0x-1".into())),
            ("+-1", Value::Text("+-1".into())),
            ("09:00", Value::Text("09:00".into())),
            ("~", Value::Null),
            ("", Value::Null),
        ] {
            assert_eq!(entries(&format!("k: {text}"))[0].node.value, value, "{text}");
        }
        assert_eq!(entries("k: 5m")[0].node.plain.as_deref(), Some("5m"));
    }

    #[test]
    fn a_text_in_quotes_may_go_on_anywhere_as_go_reads_it() {
        for (text, value) in [
            ("a:\n  b:\n  - c: 'x {{ it }}\n\nHost: y\nz'\n    d: 2\n", "x {{ it }}\nHost: y z"),
            ("a:\n  b:\n  - c: 'it''s\nhis'' x'\n    d: 2\n", "it's his' x"),
            ("a:\n  b:\n  - c: \"x \\\"y\\\\\nz \\\nw\"\n    d: 2\n", "x \"y\\ z w"),
            ("a:\n  b:\n  - {c: '€\nx', d: 2}\n", "€ x"),
        ] {
            let Value::Table(a) = &entries(text)[0].node.value else { panic!() };
            let Value::List(b) = &a[0].node.value else { panic!() };
            let Value::Table(both) = &b[0].value else { panic!() };
            assert_eq!(both[0].node.value, Value::Text(value.into()), "{text}");
            assert_eq!(both[1].node.value, Value::Int(2), "{text}");
            assert_eq!(both[1].line, text.trim_end().split('\n').count(), "{text}");
        }
    }

    #[test]
    fn carriage_returns_end_lines() {
        for end in ["\n", "\r\n", "\r"] {
            let text = |text: &str| text.replace('\n', end);
            let known = entries(&text("a: 1 # one\nb:\n  - 'x\n\ny'\n  - |\n    z\n    z\nc: 2\n"));
            let Value::List(items) = &known[1].node.value else { panic!() };
            assert_eq!(items[0].value, Value::Text("x\ny".into()), "{end:?}");
            assert_eq!(items[1].value, Value::Text("z\nz\n".into()), "{end:?}");
            assert_eq!((known[1].line, known[2].line), (2, 9), "{end:?}");
            let two = text("a: 1 # one\nb: 2 # two\n");
            assert_eq!(comments(&two).iter().map(|it| it.0).collect::<Vec<_>>(), [1, 2]);
            assert_eq!(parse(&text("a: 1\n\nrec\n")).unwrap_err().line, 4, "{end:?}");
        }
    }

    #[test]
    fn so_many_texts_may_go_on_anywhere_and_no_more() {
        let text = |count: usize| "- - 'a\nb'\n".repeat(count).replace("- -", "  -");
        assert!(parse(&format!("a:\n{}", text(CONFIG_SHALLOW_TEXTS_MAX))).is_ok());
        let problem = parse(&format!("a:\n{}", text(CONFIG_SHALLOW_TEXTS_MAX + 1))).unwrap_err();
        assert!(problem.text.contains(SHALLOW), "{problem:?}");
    }

    #[test]
    fn anchors_aliases_and_merge_keys_work() {
        let entries = entries("a: &x {b: 1, c: 2}\nd: *x\ne: {<<: *x, b: 3}\n");
        assert_eq!(entries[0].node.value, entries[1].node.value);
        let Value::Table(e) = &entries[2].node.value else { panic!() };
        let seen: Vec<_> = e.iter().map(|e| (&*e.key, e.node.value.clone())).collect();
        assert_eq!(seen, [("b", Value::Int(3)), ("c", Value::Int(2))]);
    }

    #[test]
    fn aliases_that_explode_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..9 {
            let before = format!("*a{},", i - 1).repeat(10);
            text = format!("{text}a{i}: &a{i} [{before}]\n");
        }
        assert!(parse(&text).unwrap_err().text.contains("aliases counted in full"));
    }

    #[test]
    fn a_text_that_ends_too_early_has_its_error_in_the_last_line() {
        for text in ["route: {receiver: n}\nrec", "route: {receiver: n}\nrec\n"] {
            let lines = text.split('\n').count();
            assert_eq!(parse(text).unwrap_err().line, lines, "{text:?}");
        }
        // An empty key, which the parser finds behind the end.
        assert_eq!(parse("? ").unwrap_err().line, 1);
    }

    #[test]
    fn a_malformed_configuration_is_refused_with_its_line() {
        for (text, line, part) in [
            ("a: 1\na: 2", 2, "stands here twice"),
            ("- a", 1, "expected a table of sections, found a list"),
            ("a: [", 1, "YAML: "),
            ("a: &x [*x]", 1, "alias inside"),
            ("[a]: b", 1, "a key must be a text"),
            ("a: !!binary x\nb: !foo x", 2, "not supported"),
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.text.contains(part), "{text}: {problem:?}");
            assert_eq!(problem.line, line, "{text}: {problem:?}");
        }
        let deep = "[".repeat(10_000);
        assert!(parse(&format!("a: {deep}")).is_err());
        assert!(parse("a: 1\n---\n").is_ok());
        assert!(parse("").is_ok());
    }
}
