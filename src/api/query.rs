//! Query parameters, read as Go's `url.ParseQuery` and go-openapi read them, and the filters they hold.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

use crate::api::{Request, Response};
use crate::config::Receiver;
use crate::limits::{MATCHERS_MAX, PIECE_STEPS};
use crate::model::matcher::{Grammar, Pattern, bounded, parse_one};
use crate::model::{Labels, Matcher, Matchers, Muted};
use crate::node::Node;

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
    fn matchers(&self, name: &str, grammar: Grammar) -> Result<Vec<Matcher>, String> {
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

/// The parameters `receiver` and `receiver_matchers`: which receivers are wanted.
#[derive(Debug)]
pub(super) enum ReceiverFilter {
    /// All of them.
    All,
    /// Those of these names.
    Named(BTreeSet<Arc<str>>),
}

impl ReceiverFilter {
    pub(super) fn new(params: &Params<'_>, node: &Node) -> Result<Self, Response> {
        let refused = |name: &str, error: &dyn Display| {
            Response::string(400, &format!("failed to parse {name} param: {error}"))
        };
        let pattern = params
            .last("receiver")
            .map(Pattern::new)
            .transpose()
            .map_err(|error| refused("receiver", &error))?;
        let matchers = params
            .matchers("receiver_matchers", node.options().grammar)
            .map_err(|error| refused("receiver_matchers", &error))?;
        if pattern.is_none() && matchers.is_empty() {
            return Ok(Self::All);
        }
        let is_wanted = |receiver: &&Arc<Receiver>| {
            let value = |name: &str| match name {
                "name" => &receiver.name,
                name => receiver.labels.get(name).unwrap_or(""),
            };
            pattern
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(&receiver.name, &mut 0) == Some(true))
                && matchers
                    .iter()
                    .all(|matcher| matcher.matches_value(value(matcher.name()), &mut 0))
        };
        let wanted = node.config().receivers.iter().filter(is_wanted);
        Ok(Self::Named(wanted.map(|receiver| Arc::clone(&receiver.name)).collect()))
    }

    pub(super) fn takes(&self, receiver: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(receiver),
        }
    }
}

/// The query of `GET /alerts` and `GET /alerts/groups`.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a parameter of the API")]
pub(super) struct AlertFilter {
    pub(super) active: bool,
    pub(super) inhibited: bool,
    pub(super) muted: bool,
    pub(super) silenced: bool,
    pub(super) receivers: ReceiverFilter,
    matchers: Matchers,
}

impl AlertFilter {
    pub(super) fn new(request: &Request<'_>, node: &Node) -> Result<Self, Response> {
        let params = Params::new(request.query);
        Ok(Self {
            active: params.flag("active"),
            inhibited: params.flag("inhibited"),
            muted: params.flag("muted"),
            silenced: params.flag("silenced"),
            matchers: params.filter(node.options().grammar)?.into_iter().collect(),
            receivers: ReceiverFilter::new(&params, node)?,
        })
    }

    /// Whether alerts of these labels are asked for; nothing if `steps`, to which what it takes is added, come to
    /// [`PIECE_STEPS`] before it is known: then the next call goes on. `at` is the alert's own, 0 at first.
    pub(super) fn takes_labels(
        &self,
        labels: &Labels,
        at: &mut usize,
        steps: &mut u64,
    ) -> Option<bool> {
        self.matchers.compare(labels, at, steps, PIECE_STEPS)
    }

    /// Whether alerts that are muted so are asked for.
    pub(super) fn takes(&self, muted: &Muted) -> bool {
        let is_active = muted.silenced_by.is_empty() && muted.inhibited_by.is_empty();
        (self.active || !is_active)
            && (self.silenced || muted.silenced_by.is_empty())
            && (self.inhibited || muted.inhibited_by.is_empty())
    }
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
