//! Query parameters, read as Go's `url.ParseQuery` and go-openapi read them.

use std::borrow::Cow;

use crate::api::Response;
use crate::limits::MATCHERS_MAX;
use crate::model::Matcher;
use crate::model::matcher::{Grammar, bounded, parse_one};

/// The parameters of a request; what cannot be decoded is not there.
#[derive(Debug)]
pub(super) struct Params<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Params<'a> {
    pub(super) fn new(query: &'a str) -> Self {
        let pieces = query.split('&').filter(|piece| !piece.is_empty() && !piece.contains(';'));
        let decode = |piece: &'a str| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            Some((decoded(name)?, decoded(value)?))
        };
        Self(pieces.filter_map(decode).collect())
    }

    /// Every value of `name`.
    pub(super) fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// The last value of `name`, if it is not empty.
    pub(super) fn last<'b>(&'b self, name: &'b str) -> Option<&'b str> {
        self.all(name).last().filter(|value| !value.is_empty())
    }

    /// Whether `name` is true: as it is by default, and by go-openapi's many words for it.
    pub(super) fn flag(&self, name: &str) -> bool {
        const TRUTHS: [&str; 10] =
            ["true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"];
        let is = |value: &str| TRUTHS.iter().any(|truth| truth.eq_ignore_ascii_case(value));
        self.last(name).is_none_or(is)
    }

    /// The parameter `filter`: a matcher a value.
    pub(super) fn filter(&self, grammar: Grammar) -> Result<Vec<Matcher>, Response> {
        self.matchers("filter", grammar).map_err(|error| Response::string(400, &error))
    }

    /// A matcher for each value of `name`. Where the grammars differ, a filter harms nobody: no warning.
    pub(super) fn matchers(&self, name: &str, grammar: Grammar) -> Result<Vec<Matcher>, String> {
        let parse = |text| {
            let parsed = parse_one(grammar, text).map_err(|error| error.to_string())?;
            Ok(parsed.value)
        };
        let found = bounded(self.all(name).take(MATCHERS_MAX).map(parse), |refusal| refusal)?;
        let count = self.all(name).count();
        if count > MATCHERS_MAX {
            return Err(format!("{count} matchers, at most {MATCHERS_MAX} are taken"));
        }
        Ok(found)
    }
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_go_reads_them() {
        let params = Params::new("a=1&b=x%3Dy+z&a=2&bad=%zz&c;d=1&&e");
        assert_eq!(params.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(params.last("b"), Some("x=y z"));
        assert_eq!((params.last("bad"), params.last("c;d"), params.last("e")), (None, None, None));
    }

    #[test]
    fn flags_are_true_unless_a_value_says_otherwise() {
        for (query, is) in [
            ("", true),
            ("active=", true),
            ("active=YES", true),
            ("active=t&active=maybe", false),
            ("active=0", false),
        ] {
            assert_eq!(Params::new(query).flag("active"), is, "{query}");
        }
    }
}
