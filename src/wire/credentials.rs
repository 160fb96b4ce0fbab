//! The header `Authorization` of a request: a name and its password, or a token.

use std::fmt;

use crate::model::base64;

/// The secret that a client gives.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A name and its password (RFC 7617).
    Basic(String, String),
    /// A token (RFC 6750).
    Bearer(String),
}

impl Credentials {
    /// Reads the value of the header; nothing where it is of another scheme or broken.
    pub fn read(header: &str) -> Option<Self> {
        let (scheme, rest) = header.split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::Bearer(rest.to_owned()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(base64::decode(rest)?).ok()?;
        let (name, password) = text.split_once(':')?;
        Some(Self::Basic(name.to_owned(), password.to_owned()))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic(..) => "Basic",
            Self::Bearer(_) => "Bearer",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_or_a_token_is_read_and_nothing_else_is() {
        let basic = |name: &str, password: &str| {
            Some(Credentials::Basic(name.to_owned(), password.to_owned()))
        };
        let ann = base64::encode(b"ann:a:b");
        for (header, credentials) in [
            (format!("Basic {ann}"), basic("ann", "a:b")),
            (format!("bASIC   {ann} "), basic("ann", "a:b")),
            (format!("Basic {}", base64::encode(b":")), basic("", "")),
            ("Bearer  token ".to_owned(), Some(Credentials::Bearer("token".to_owned()))),
            (String::new(), None),
            ("Basic".to_owned(), None),
            ("Basic !".to_owned(), None),
            (format!("Basic {}", base64::encode(b"ann")), None),
            (format!("Basic {}", base64::encode(b"\xff:x")), None),
            (format!("Digest {ann}"), None),
        ] {
            assert_eq!(Credentials::read(&header), credentials, "{header}");
        }
    }

    #[test]
    fn nothing_of_them_is_shown() {
        let credentials = Credentials::Basic("ann".to_owned(), "secret".to_owned());
        assert_eq!(format!("{credentials:?}"), "Basic");
    }
}
