//! Mail addresses, alone and in the lists of headers.

mod list;

use std::fmt;

pub use list::Mailbox;

use crate::limits::MAIL_ADDRESS_BYTES_MAX;

/// A mail address that can stand in an SMTP command and in a header: `local@domain`, without a comment, a route or anything
/// that would end the command.
#[derive(Clone, PartialEq, Eq)]
pub struct MailAddress(String);

impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl MailAddress {
    /// Checks an address. The local part may be quoted.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAIL_ADDRESS_BYTES_MAX {
            return Err("the address is too long");
        }
        let (local, domain) = text.rsplit_once('@').ok_or("the address has no @")?;
        check_local(local)?;
        check_domain(domain)?;
        Ok(Self(text.to_owned()))
    }

    /// `local@domain`
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// RFC 5322's dot-atom, or a quoted string; beyond ASCII as RFC 6531 has it.
fn check_local(local: &str) -> Result<(), &'static str> {
    const WRONG: &str = "the part before @ is not valid";
    if local.len() > 64 {
        return Err("the part before @ is longer than 64 bytes");
    }
    if let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        let mut chars = inner.chars();
        while let Some(c) = chars.next() {
            let c = if c == '\\' { chars.next() } else { Some(c).filter(|c| *c != '"') };
            if c.is_none_or(char::is_control) {
                return Err(WRONG);
            }
        }
        return Ok(());
    }
    let is_atom = |c: char| {
        c.is_ascii_alphanumeric()
            || "!#$%&'*+-/=?^_`{|}~".contains(c)
            || (!c.is_ascii() && c.is_alphanumeric())
    };
    let is_fine = local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom));
    if is_fine { Ok(()) } else { Err(WRONG) }
}

/// Whether a text is the name or the bracketed address of a host, as mail servers take it.
pub fn check_domain(domain: &str) -> Result<(), &'static str> {
    const WRONG: &str = "the name of the host is not valid";
    if domain.len() > 255 {
        return Err("the name of the host is longer than 255 bytes");
    }
    if let Some(inner) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let is_fine = |c: char| c.is_ascii_hexdigit() || ".:IPv".contains(c);
        return if !inner.is_empty() && inner.chars().all(is_fine) { Ok(()) } else { Err(WRONG) };
    }
    let is_fine = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let labels = domain.strip_suffix('.').unwrap_or(domain);
    if labels.split('.').all(|label| !label.is_empty() && label.chars().all(is_fine)) {
        Ok(())
    } else {
        Err(WRONG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked() {
        for good in [
            "a@b",
            "first.last+tag@example.org",
            "o'neil@x-y.example",
            "\"a b\"@example.org",
            "\"a\\\"b\"@example.org",
            "a@[192.0.2.1]",
            "a@[IPv6:2001:db8::1]",
            "jörg@bücher.example",
            "root@localhost",
        ] {
            assert!(MailAddress::parse(good).is_ok(), "{good}");
        }
        let long = format!("{}@b", "a".repeat(65));
        let longer = format!("a@{}", "b".repeat(300));
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a b@c",
            "a@b c",
            "a@b>",
            "<a@b>",
            "a@b\r\nRCPT TO:<x@y>",
            "a\n@b",
            "\"a\n\"@b",
            "\"a\"b\"@c",
            "\"a\\\"@b",
            ".a@b",
            "a..b@c",
            "a@.b",
            "a@b..c",
            "a,b@c",
            "a;b@c",
            "a@b\0",
            "a@[x]",
            "a@[]",
            "a@b@c",
            &long,
            &longer,
        ] {
            assert!(MailAddress::parse(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_address_ends_its_command(text: String) {
            if let Ok(address) = MailAddress::parse(&text) {
                proptest::prop_assert!(!address.as_str().contains(char::is_control));
                proptest::prop_assert!(address.as_str().starts_with('"') || !address.as_str().contains([' ', '<', '>']));
            }
        }
    }
}
