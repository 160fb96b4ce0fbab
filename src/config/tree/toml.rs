//! TOML into the tree.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Entry, Node, Value, problem};
use crate::config::problem::Problem;

/// Reads a document. Nesting is bounded by the parser.
pub(super) fn parse(text: &str) -> Result<Node, Vec<Problem>> {
    let source = Source::new(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Node { line: 1, value: source.table(table.get_ref()), plain: None });
    }
    Err(errors
        .iter()
        .map(|error| {
            let line = source.line(error.span().unwrap_or_default().start);
            problem(line, format!("TOML: {}", error.message().replace('\n', ", ")))
        })
        .collect())
}

struct Source<'t> {
    text: &'t str,
    /// Where each line starts.
    lines: Vec<usize>,
}

impl<'t> Source<'t> {
    fn new(text: &'t str) -> Self {
        let after_newline = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, lines: std::iter::once(0).chain(after_newline).collect() }
    }

    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at)
    }

    fn table(&self, table: &DeTable<'_>) -> Value {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        Value::Table(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    key: Box::from(&**key.get_ref()),
                    line: self.line(key.span().start),
                    node: self.node(value),
                })
                .collect(),
        )
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let span = value.span();
        let line = self.line(span.start);
        let written = || Box::from(self.text.get(span.clone()).unwrap_or_default().trim());
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(Box::from(&**text)),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Value::Int(number),
                    Err(_) => Value::Float(written()),
                }
            }
            DeValue::Float(_) => Value::Float(written()),
            DeValue::Boolean(is) => Value::Bool(*is),
            // `start_time = 09:00` says what it seems to say.
            DeValue::Datetime(_) => Value::Text(written()),
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.node(item)).collect())
            }
            DeValue::Table(table) => self.table(table),
        };
        Node { line, value, plain: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_know_their_lines() {
        let root =
            parse("a = 1\n[b]\nc = [\n  'x',\n  09:00,\n]\n[[d]]\n[[d]]\ne = true\n").unwrap();
        let Value::Table(entries) = &root.value else { panic!("{root:?}") };
        let lines: Vec<(&str, usize)> = entries.iter().map(|e| (&*e.key, e.line)).collect();
        assert_eq!(lines, [("a", 1), ("b", 2), ("d", 7)]);
        let Value::Table(b) = &entries[1].node.value else { panic!("{root:?}") };
        let Value::List(c) = &b[0].node.value else { panic!("{root:?}") };
        assert_eq!((c[0].line, c[1].line), (4, 5));
        assert_eq!(c[1].value, Value::Text("09:00".into()));
    }

    #[test]
    fn every_error_of_the_language_is_told() {
        let problems = parse("a = \nb = 1\nb = 2\nc = 'x\n").unwrap_err();
        let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
        assert!(lines.len() >= 3 && lines.contains(&1) && lines.contains(&3), "{problems:?}");
    }
}
