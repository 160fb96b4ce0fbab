//! Matchers: what is read is printed and read again, by all grammars; the classic one beside a second reading.

use std::sync::LazyLock;

use bellwether::model::matcher::{Grammar, MatchOp, parse_list, parse_one};
use bellwether::model::{Matcher, Matchers};
use regex_lite::Regex;

use crate::input::{Input, utf8};

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let length = usize::from(input.byte() % 32);
    let value = utf8(input.take(length));
    let text = utf8(input.rest());
    let first = parse_one(Grammar::Classic, text).ok().map(|read| read.value);
    assert_eq!(first, second(text), "{text:?}");
    for grammar in [Grammar::Classic, Grammar::Fallback, Grammar::Utf8] {
        // An empty name is printed as nothing, which no grammar reads; no label has it.
        let has_no_name = |matcher: &Matcher| matcher.name().is_empty();
        if let Ok(one) = parse_one(grammar, text)
            && !has_no_name(&one.value)
        {
            let printed = one.value.to_string();
            let again = parse_one(Grammar::Utf8, &printed)
                .unwrap_or_else(|error| panic!("{printed:?}: {error}"));
            assert_eq!(again.value, one.value, "{printed:?}");
        }
        let Ok(list) = parse_list(grammar, text) else { continue };
        if list.value.iter().any(has_no_name) {
            continue;
        }
        let matchers: Matchers = list.value.into_iter().collect();
        let printed = matchers.to_string();
        let again = parse_list(Grammar::Utf8, &printed)
            .unwrap_or_else(|error| panic!("{printed:?}: {error}"));
        let again: Matchers = again.value.into_iter().collect();
        assert_eq!(again, matchers, "{printed:?}");
        for (one, other) in matchers.iter().zip(&again) {
            let (mut steps, mut others) = (0, 0);
            assert_eq!(
                one.matches_value(value, &mut steps),
                other.matches_value(value, &mut others)
            );
            assert_eq!(steps, others);
        }
    }
}

/// One matcher as the expression reads it that Alertmanager has for it, whose blanks are RE2's.
fn second(text: &str) -> Option<Matcher> {
    static FORM: LazyLock<Regex> = LazyLock::new(|| {
        let blanks = r"[\t\n\x0C\r ]*";
        let form = format!(
            "^{blanks}([a-zA-Z_:][a-zA-Z0-9_:]*){blanks}(=~|=|!=|!~){blanks}((?s:.)*?){blanks}$"
        );
        Regex::new(&form).unwrap()
    });
    let found = FORM.captures(text)?;
    let op = match &found[2] {
        "=" => MatchOp::Equal,
        "!=" => MatchOp::NotEqual,
        "=~" => MatchOp::Matches,
        _ => MatchOp::NotMatches,
    };
    // A quote stands at both ends or nowhere, unless it is escaped.
    let raw: Vec<char> = found[3].chars().collect();
    let is_quoted = raw.first() == Some(&'"');
    let (mut value, mut at, mut is_closed) = (String::new(), usize::from(is_quoted), !is_quoted);
    while at < raw.len() {
        let is_last = at + 1 == raw.len();
        match raw[at] {
            '"' if is_quoted && is_last => is_closed = true,
            '"' => return None,
            '\\' if !is_last => {
                at += 1;
                match raw[at] {
                    'n' => value.push('\n'),
                    plain @ ('"' | '\\') => value.push(plain),
                    other => value.extend(['\\', other]),
                }
            }
            other => value.push(other),
        }
        at += 1;
    }
    if is_closed { Matcher::new(&found[1], op, &value).ok() } else { None }
}
