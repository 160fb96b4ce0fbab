//! By which names browsers may reach this agent, and which pages of other sites may use its API.

use super::value::FromText;
use crate::model::Url;

/// A host name that is allowed: `gw1.example.net`, all below a domain (`*.example.net`), or any (`*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost(String);

impl AllowedHost {
    /// Exactly this name.
    pub fn exactly(name: &str) -> Self {
        Self(name.trim_end_matches('.').to_ascii_lowercase())
    }

    /// Whether `host`, in lower case and without port and last dot, is one of these.
    pub fn allows(&self, host: &str) -> bool {
        match self.0.strip_prefix('*') {
            None => self.0 == host,
            Some("") => true,
            Some(domain) => host.strip_suffix(domain).is_some_and(|rest| !rest.is_empty()),
        }
    }
}

impl FromText for AllowedHost {
    fn from_text(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let in_name = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "-._".contains(c);
        if text == "*" || (!name.is_empty() && !name.starts_with('.') && name.chars().all(in_name))
        {
            return Ok(Self::exactly(text));
        }
        Err(format!("expected a host name without a port, *.DOMAIN or *, found {text:?}"))
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}

/// The origin of a page, as browsers tell it: `https://karma.example.net:8443`, without the scheme's own port; `*` is any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin of pages at `url`.
    pub fn of(url: &Url) -> Self {
        Self(url.to_string())
    }

    /// Whether the header `Origin` of a request tells this one.
    pub fn is(&self, header: &str) -> bool {
        self.0 == "*" || self.0.eq_ignore_ascii_case(header)
    }
}

impl FromText for Origin {
    fn from_text(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self(text.to_owned()));
        }
        let wrong =
            || format!("expected http://HOST[:PORT], https://HOST[:PORT] or *, found {text:?}");
        let url = Url::parse(text.trim_end_matches('/')).map_err(|_| wrong())?;
        let rest = text.split_once("://").map_or("", |(_, rest)| rest.trim_end_matches('/'));
        if rest.contains(['/', '?', '#', '@', '\\']) { Err(wrong()) } else { Ok(Self::of(&url)) }
    }

    fn to_text(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_allowed_by_name_by_domain_or_all() {
        for (allowed, host, is_allowed) in [
            ("gw1.example.net", "gw1.example.net", true),
            ("GW1.example.net.", "gw1.example.net", true),
            ("gw1.example.net", "gw2.example.net", false),
            ("gw1.example.net", "evil-gw1.example.net", false),
            ("*.example.net", "gw1.example.net", true),
            ("*.example.net", "a.b.example.net", true),
            ("*.example.net", "example.net", false),
            ("*.example.net", ".example.net", false),
            ("*.example.net", "evilexample.net", false),
            ("*", "anything", true),
        ] {
            assert_eq!(
                AllowedHost::from_text(allowed).unwrap().allows(host),
                is_allowed,
                "{allowed} {host}"
            );
        }
        for text in ["", "*.", "*x", "a:80", "http://a", "a/b", "a b", "..", "[::1]"] {
            assert!(AllowedHost::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn origins_are_read_as_browsers_tell_them() {
        for (text, told) in [
            ("http://karma.example.net", "http://karma.example.net"),
            ("https://Karma.example.net:443/", "https://karma.example.net"),
            ("http://karma:80", "http://karma"),
            ("http://karma:8080", "http://karma:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("*", "*"),
        ] {
            assert_eq!(Origin::from_text(text).unwrap().to_text(), told);
        }
        for text in [
            "",
            "karma",
            "karma:8080",
            "ftp://karma",
            "http://karma/x",
            "http://a@karma",
            "null",
            "http://",
        ] {
            assert!(Origin::from_text(text).is_err(), "{text}");
        }
        assert!(Origin::from_text("http://a:1").unwrap().is("http://A:1"));
        assert!(!Origin::from_text("http://a:1").unwrap().is("http://a:10"));
    }
}
