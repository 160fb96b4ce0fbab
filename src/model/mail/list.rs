//! Lists of addresses as people write them: `a@x, Name <b@y>, "Last, First" <c@z>`.

use crate::limits::MAIL_RECIPIENTS_MAX;
use crate::model::mail::MailAddress;

/// An address and the name in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// The name, without quotes; empty if there is none.
    pub name: String,
    /// The address.
    pub address: MailAddress,
}

impl Mailbox {
    /// Reads a list of at least one mailbox. Comments and groups, which nobody writes in a configuration, are errors, as is
    /// a list that is too long.
    pub fn list(text: &str) -> Result<Vec<Self>, String> {
        let mut list = Vec::new();
        for part in split(text) {
            let part = part.trim();
            // As in Go: a comma too many is nothing.
            if part.is_empty() {
                continue;
            }
            list.push(Self::parse(part).map_err(|why| format!("{part:?}: {why}"))?);
            if list.len() > MAIL_RECIPIENTS_MAX {
                return Err(format!("more than {MAIL_RECIPIENTS_MAX} addresses"));
            }
        }
        if list.is_empty() { Err("no address".to_owned()) } else { Ok(list) }
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let Some(before) = text.strip_suffix('>') else {
            return Ok(Self { name: String::new(), address: MailAddress::parse(text)? });
        };
        let (name, address) = before.rsplit_once('<').ok_or("a > without a <")?;
        Ok(Self { name: unquoted(name.trim())?, address: MailAddress::parse(address.trim())? })
    }
}

/// The parts between commas that are in no quotes and no brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut in_quotes, mut in_brackets, mut escaped) = (false, false, false);
    text.split(|c| {
        let was_escaped = std::mem::take(&mut escaped);
        match c {
            '\\' if in_quotes && !was_escaped => escaped = true,
            '"' if !was_escaped => in_quotes = !in_quotes,
            '<' if !in_quotes => in_brackets = true,
            '>' if !in_quotes => in_brackets = false,
            ',' => return !in_quotes && !in_brackets,
            _ => {}
        }
        false
    })
    .collect()
}

/// A name without its quotes.
fn unquoted(name: &str) -> Result<String, &'static str> {
    if name.contains(char::is_control) {
        return Err("the name has control characters");
    }
    let Some(inner) = name.strip_prefix('"') else {
        return if name.contains(['"', '<', '>', '(', ')', ';']) {
            Err("a name with such characters stands in quotes")
        } else {
            Ok(name.to_owned())
        };
    };
    let inner = inner.strip_suffix('"').ok_or("a quote too many or too few")?;
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Err("a quote too many or too few"),
            '\\' => plain.push(chars.next().ok_or("a quote too many or too few")?),
            c => plain.push(c),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        let pair = |it: Mailbox| (it.name, it.address.as_str().to_owned());
        Mailbox::list(text).map(|list| list.into_iter().map(pair).collect())
    }

    #[test]
    fn lists_are_read_as_people_write_them() {
        for (text, expected) in [
            ("a@x", vec![("", "a@x")]),
            (" a@x , b@y,", vec![("", "a@x"), ("", "b@y")]),
            ("Ann Lee <a@x>, <b@y>", vec![("Ann Lee", "a@x"), ("", "b@y")]),
            (r#""Lee, \"Ann\"" <a@x>"#, vec![(r#"Lee, "Ann""#, "a@x")]),
            ("Jörg Müller <j@x>", vec![("Jörg Müller", "j@x")]),
            (r#""a,b"@x, c@y"#, vec![("", r#""a,b"@x"#), ("", "c@y")]),
        ] {
            let read = read(text).unwrap();
            let read: Vec<_> = read.iter().map(|(name, it)| (name.as_str(), it.as_str())).collect();
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn a_malformed_list_is_an_error() {
        for text in [
            "",
            " , ",
            "a",
            "a@x b@y",
            "Ann <a@x",
            "Ann a@x>",
            "Ann <a@x> more",
            "\"Ann <a@x>",
            "team: a@x, b@y;",
            "a@x\r\nBcc: b@y",
            "Ann\r\nBcc: <b@y>",
            "A <B> <a@x>",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let many = vec!["a@x"; MAIL_RECIPIENTS_MAX + 1].join(",");
        assert!(read(&many).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_name_and_no_address_ends_a_line(text: String) {
            for it in Mailbox::list(&text).unwrap_or_default() {
                proptest::prop_assert!(!it.name.contains(char::is_control));
                proptest::prop_assert!(!it.address.as_str().contains(char::is_control));
            }
        }
    }
}
