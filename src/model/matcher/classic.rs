//! The classic grammar of matchers, tolerant: what Alertmanager's `pkg/labels` reads.

use crate::model::matcher::{MatchOp, Matcher, ParseError};

/// Reads matchers separated by commas. A leading `{` and a trailing `}` are dropped, each for itself, and so is a
/// trailing comma.
pub(super) fn list(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let text = text.strip_prefix('{').unwrap_or(text);
    let text = text.strip_suffix('}').unwrap_or(text);
    split(text).into_iter().map(one).collect()
}

/// The parts between commas that stand outside double quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            ',' if !quoted => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            // A comma leaves an escape pending, in quotes and out.
            ',' => {}
            '"' if escaped => escaped = false,
            '"' => quoted = !quoted,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    parts.extend(text.get(start..).map(str::trim).filter(|last| !last.is_empty()));
    parts
}

/// Reads one matcher: a name, an operator, a value in quotes or not, which may be empty.
pub(super) fn one(text: &str) -> Result<Matcher, ParseError> {
    let (name, op, raw) = parts(text).ok_or_else(|| ParseError::Format(text.to_owned()))?;
    let value = unescape(raw).ok_or_else(|| ParseError::Quote(raw.to_owned()))?;
    Matcher::new(name, op, &value).map_err(ParseError::Pattern)
}

/// RE2's `\s`.
fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ')
}

fn parts(text: &str) -> Option<(&str, MatchOp, &str)> {
    let text = text.trim_matches(is_space);
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let (name, rest) = text.split_at_checked(end?)?;
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let rest = rest.trim_start_matches(is_space);
    let mut longest_first =
        [MatchOp::Matches, MatchOp::NotMatches, MatchOp::NotEqual, MatchOp::Equal].into_iter();
    let (op, value) = longest_first.find_map(|op| Some((op, rest.strip_prefix(op.as_str())?)))?;
    Some((name, op, value.trim_start_matches(is_space)))
}

/// The value without its quotes and escapes, or nothing if a double quote is out of place. A backslash before anything
/// but `n`, `"` and `\` stands for itself.
fn unescape(raw: &str) -> Option<String> {
    let opened = raw.strip_prefix('"');
    let mut value = String::with_capacity(raw.len());
    let mut chars = opened.unwrap_or(raw).chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return (opened.is_some() && chars.as_str().is_empty()).then_some(value),
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some(c @ ('"' | '\\')) => value.push(c),
                other => {
                    value.push('\\');
                    value.extend(other);
                }
            },
            c => value.push(c),
        }
    }
    opened.is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let matchers = list(text).map_err(|error| error.to_string())?;
        Ok(matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn matchers_read_as_alertmanager_reads_them() {
        let cases = [
            ("", ""),
            ("{}", ""),
            (" \u{a0}", ""),
            (r#"{foo="bar"}"#, r#"foo="bar""#),
            (r#"{foo=~"bar.*"}"#, r#"foo=~"bar.*""#),
            (r#"{foo!="bar"}"#, r#"foo!="bar""#),
            (r#"{foo!~"bar.*"}"#, r#"foo!~"bar.*""#),
            (r#"{foo="bar", baz!~".*quux"}"#, r#"foo="bar",baz!~".*quux""#),
            (r#"{foo="bar,quux", job="job1"}"#, r#"foo="bar,quux",job="job1""#),
            (r#"{foo = "bar", dings != "bums", }"#, r#"foo="bar",dings!="bums""#),
            ("foo=bar,dings!=bums", r#"foo="bar",dings!="bums""#),
            (r#"{quote="\"Hi, ladies! It's…\""}"#, r#"quote="\"Hi, ladies! It's…\"""#),
            ("tricky=~~~", r#"tricky=~"~~""#),
            (r#"trickier==\\=\=\""#, r#"trickier="=\\=\\=\"""#),
            (r#"a != "\"" , b !~ "c,d" , "#, r#"a!="\"",b!~"c,d""#),
            ("foo=", r#"foo="""#),
            ("foo=,bar=x", r#"foo="",bar="x""#),
            ("foo=bar}", r#"foo="bar""#),
            ("{foo=bar", r#"foo="bar""#),
            ("foo={bar}", r#"foo="{bar""#),
            ("foo='bar'", r#"foo="'bar'""#),
            ("foo=\u{a0}x,b=c", "foo=\"\u{a0}x\",b=\"c\""),
            ("\tfoo \n=\r a\nb ", r#"foo="a\nb""#),
            (r"foo=bar\", r#"foo="bar\\""#),
            (r#"foo="\xf0\t""#, r#"foo="\\xf0\\t""#),
            (r#"foo=a\,b="x,y""#, r#"foo="a\\",b="x,y""#),
            (":a:0=b", r#":a:0="b""#),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn errors_are_alertmanagers() {
        let quote = "matcher value contains unescaped double quote";
        let cases = [
            ("foo", "bad matcher format: foo"),
            (",", "bad matcher format: "),
            ("foo=bar,,", "bad matcher format: "),
            ("foo!bar", "bad matcher format: foo!bar"),
            ("0a=b", "bad matcher format: 0a=b"),
            ("é=b", "bad matcher format: é=b"),
            (r#"{bad-name = "x"}"#, r#"bad matcher format: bad-name = "x""#),
            (r#""foo"=bar"#, r#"bad matcher format: "foo"=bar"#),
            ("\u{b}foo=bar,a=b", "bad matcher format: \u{b}foo=bar"),
            (r#"job=""#, &format!("{quote}: \"")),
            (r#"job="value"#, &format!("{quote}: \"value")),
            (r#"job=value""#, &format!("{quote}: value\"")),
            (r#"job=a"b"#, &format!("{quote}: a\"b")),
            (r#"job="a"b""#, &format!("{quote}: \"a\"b\"")),
            (r#"job="a\""#, &format!("{quote}: \"a\\\"")),
            ("foo=~a[b", "error parsing regexp: missing closing ]: `[b)$`"),
        ];
        for (text, error) in cases {
            assert_eq!(read(text), Err(error.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_value_reads_back(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,8}",
            value in ".{0,8}|[\\\\\"\n a-z]{0,8}",
            equal: bool,
        ) {
            let matcher = Matcher::new(&name, MatchOp::from_flags(equal, false), &value).unwrap();
            prop_assert_eq!(list(&format!("{{{matcher},{matcher}}}")), Ok(vec![matcher; 2]));
        }

        #[test]
        fn no_text_breaks_the_reader(text in "[{}!=~,\\\\\"'` a🙂\n.*(\\[x0]{0,16}|.{0,16}") {
            let matchers = list(&text);
            prop_assert!(matchers.map_or(true, |m| m.len() <= text.len()));
        }
    }
}
