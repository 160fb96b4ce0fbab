//! URLs of receivers, proxies and redirects, read by the rules of the URL Standard (WHATWG) for its special schemes, so
//! that a URL that the config accepts is one that can be requested.
//!
//! Deviations, each on purpose: the two slashes after the scheme must be there; an IPv4 address in a short form is left to
//! the resolver; an IPv6 address may have a zone (`[fe80::1%25eth0]`), which link-local receivers need; and names are
//! lower-cased and turned into Punycode without the tables of UTS 46.

mod punycode;

use std::fmt::{self, Write as _};
use std::net::Ipv6Addr;

/// How to speak to the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
    /// `socks5` and `socks5h`, of proxies alone: the proxy resolves the names.
    Socks5,
}

impl Scheme {
    /// As a URL has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
        }
    }

    /// The port if the URL has none.
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Socks5 => 1080,
        }
    }
}

/// User and password of a URL, decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct UserInfo {
    /// The part before the colon.
    pub name: String,
    /// The part behind it, or nothing.
    pub password: String,
}

/// An absolute URL without its fragment. Path, query and user may be secret, so `Display` and `Debug` show only scheme,
/// host and port.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    scheme: Scheme,
    user: Option<UserInfo>,
    host: String,
    port: u16,
    path: String,
}

/// A text that is no URL. Changes nothing. Never holds the text itself, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// It starts otherwise than with `http://` or `https://`.
    Scheme,
    /// No host, or one with a character that no host has.
    Host,
    /// The port is no number up to 65535.
    Port,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "unsupported scheme: a URL starts with http:// or https://",
            Self::Host => "missing host for URL, or a character that no host name has",
            Self::Port => "the port of a URL is a number from 0 to 65535",
        })
    }
}

impl std::error::Error for UrlError {}

impl Url {
    /// Reads an absolute URL of a receiver.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let url = Self::parse_any(text)?;
        if url.scheme == Scheme::Socks5 { Err(UrlError::Scheme) } else { Ok(url) }
    }

    /// Reads the URL of a proxy, whose scheme may be `socks5` too.
    pub fn parse_proxy(text: &str) -> Result<Self, UrlError> {
        Self::parse_any(text)
    }

    /// The text of a URL, or of its beginning, with `xxxxx` for its user's password; none if it has no password.
    pub fn without_password(text: &str) -> Option<String> {
        let text = stripped(text);
        let rest = after_slashes(text.split_once(':')?.1)?;
        let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
        let (user, place) = rest[..end].rsplit_once('@')?;
        let (name, password) = user.split_once(':')?;
        let before = &text[..text.len() - rest.len()];
        (!password.is_empty()).then(|| format!("{before}{name}:xxxxx@{place}{}", &rest[end..]))
    }

    fn parse_any(text: &str) -> Result<Self, UrlError> {
        let text = stripped(text);
        let (scheme, rest) = text.split_once(':').ok_or(UrlError::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            "socks5" | "socks5h" => Scheme::Socks5,
            _ => return Err(UrlError::Scheme),
        };
        Self::of_authority(scheme, after_slashes(rest).ok_or(UrlError::Scheme)?)
    }

    /// From what follows the two slashes.
    fn of_authority(scheme: Scheme, rest: &str) -> Result<Self, UrlError> {
        let end = rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user_info(user)), place),
            None => (None, authority),
        };
        let (host, port) = host_and_port(place)?;
        let port = if port.is_empty() {
            scheme.port()
        } else if port.bytes().all(|byte| byte.is_ascii_digit()) {
            port.parse().map_err(|_| UrlError::Port)?
        } else {
            return Err(UrlError::Port);
        };
        Ok(Self { scheme, user, host, port, path: path_and_query("", path) })
    }

    /// The URL to which a redirect from here to `location` leads.
    pub fn join(&self, location: &str) -> Result<Self, UrlError> {
        let location = stripped(location);
        let scheme = location.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c));
        if scheme.is_some_and(|at| at > 0 && location[at..].starts_with(':')) {
            return Self::parse(&location);
        }
        if let Some(rest) = after_slashes(&location) {
            return Self::of_authority(self.scheme, rest);
        }
        let (own_path, _) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let path = match location.chars().next() {
            None | Some('#') => self.path.clone(),
            Some('/' | '\\') => path_and_query("", &location),
            Some('?') => {
                let query = location.split('#').next().unwrap_or_default();
                format!("{own_path}{}", escaped(query))
            }
            Some(_) => {
                let folder = own_path.rsplit_once('/').map_or("", |(folder, _)| folder);
                path_and_query(folder, &location)
            }
        };
        Ok(Self { path, ..self.clone() })
    }

    /// The scheme.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// A name in lower case, or an address; one of IPv6 without brackets, with its zone.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's if the URL has none.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, escaped: what a request names. Starts with a slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// User and password, if the URL has any.
    pub const fn user(&self) -> Option<&UserInfo> {
        self.user.as_ref()
    }

    /// `host` or `host:port`, as the header `Host` has it: without the scheme's own port and without a zone.
    pub fn authority(&self) -> String {
        let bare = self.host.split('%').next().unwrap_or_default();
        let mut text = if bare.contains(':') { format!("[{bare}]") } else { bare.to_owned() };
        if self.port != self.scheme.port() {
            // Writing to a String cannot fail.
            write!(text, ":{}", self.port).ok();
        }
        text
    }
}

/// Scheme, host and port.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}/...")
    }
}

/// Without what the standard cuts before it reads: white space around it, tabs and line ends anywhere.
fn stripped(text: &str) -> String {
    let ends = text.trim_matches(|c: char| c <= ' ');
    ends.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect()
}

/// The part that follows `//`; a backslash is as good as a slash.
fn after_slashes(text: &str) -> Option<&str> {
    let is_slash = |c: char| matches!(c, '/' | '\\');
    text.strip_prefix(is_slash)?.strip_prefix(is_slash)
}

fn user_info(text: &str) -> UserInfo {
    let (name, password) = text.split_once(':').unwrap_or((text, ""));
    UserInfo { name: unescape(name), password: unescape(password) }
}

/// The host, checked, and what follows its colon.
fn host_and_port(place: &str) -> Result<(String, &str), UrlError> {
    if let Some(rest) = place.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or(UrlError::Host)?;
        let (address, zone) = match address.split_once('%') {
            Some((address, zone)) => (address, Some(zone.strip_prefix("25").unwrap_or(zone))),
            None => (address, None),
        };
        let address: Ipv6Addr = address.parse().map_err(|_| UrlError::Host)?;
        let is_clean = |zone: &str| {
            !zone.is_empty()
                && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        let host = match zone {
            None => address.to_string(),
            Some(zone) if is_clean(zone) => format!("{address}%{zone}"),
            Some(_) => return Err(UrlError::Host),
        };
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, port)),
            None if after.is_empty() => Ok((host, "")),
            None => Err(UrlError::Host),
        };
    }
    let (host, port) = place.split_once(':').unwrap_or((place, ""));
    let host = punycode::to_ascii(&unescape(host).to_lowercase()).ok_or(UrlError::Host)?;
    let is_forbidden = |byte: u8| !byte.is_ascii_graphic() || b"#/:<>?@[\\]^|%".contains(&byte);
    if host.is_empty() || host.bytes().any(is_forbidden) {
        return Err(UrlError::Host);
    }
    Ok((host, port))
}

/// `folder` and the path and query of `text`, dot segments resolved, escaped, without a fragment.
fn path_and_query(folder: &str, text: &str) -> String {
    let text = text.split('#').next().unwrap_or_default();
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    let mut segments: Vec<&str> = folder.split('/').skip(1).collect();
    let path = path.strip_prefix(['/', '\\']).unwrap_or(path);
    let mut given = path.split(['/', '\\']).peekable();
    while let Some(segment) = given.next() {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        let is_last = given.peek().is_none();
        match plain.as_str() {
            ".." => drop(segments.pop()),
            "." => {}
            _ => {
                segments.push(segment);
                continue;
            }
        }
        if is_last {
            segments.push("");
        }
    }
    let mut whole = String::new();
    for segment in segments {
        whole.push('/');
        whole.push_str(&escaped(segment));
    }
    if let Some(query) = query {
        whole.push('?');
        whole.push_str(&escaped(query));
    }
    whole
}

/// Escapes what may not stand in a request line; what is escaped already stays.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(escaped, "%{byte:02X}").ok();
        }
    }
    escaped
}

/// Escapes whatever has a meaning in a path segment, a query or a form, so that it stands for itself there.
pub fn escape_component(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(escaped, "%{byte:02X}").ok();
        }
    }
    escaped
}

/// Resolves `%41`; what is no escape stays.
pub fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let value = match (*first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => u8::try_from(high << 4 | low).ok(),
            _ => None,
        };
        bytes.push(value.unwrap_or(*first));
        rest = if value.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_password_of_a_url_can_be_hidden() {
        let hidden = |text| Url::without_password(text);
        for (text, expected) in [
            ("https://ann:pw@x.example/a?b=c", "https://ann:xxxxx@x.example/a?b=c"),
            ("http:\\\\ann:p:w@b@x", "http:\\\\ann:xxxxx@x"),
            ("ht\ttp://ann:p\nw@x", "http://ann:xxxxx@x"),
            ("{{ .Scheme }}://:pw@x", "{{ .Scheme }}://:xxxxx@x"),
        ] {
            assert_eq!(hidden(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "x:y@z", "http://x/a:b@c", "http://ann@x", "http://ann:@x", "//a:b@x"] {
            assert_eq!(hidden(text), None, "{text}");
        }
    }

    use super::*;

    fn whole(url: &Url) -> String {
        format!("{url}{}", url.path())
    }

    #[test]
    fn urls_are_told_from_other_texts() {
        for text in ["http://x", "http://x:1/y?z#a", "HTTPS://[::1]:80/", "http://u:p@x/@"] {
            assert!(Url::parse(text).is_ok(), "{text}");
        }
        for (text, error) in [
            ("", UrlError::Scheme),
            ("x", UrlError::Scheme),
            ("/a", UrlError::Scheme),
            ("ftp://x", UrlError::Scheme),
            ("socks5://x", UrlError::Scheme),
            ("http:x", UrlError::Scheme),
            ("http:/x", UrlError::Scheme),
            ("http://", UrlError::Host),
            ("http:///x", UrlError::Host),
            ("http://:80/", UrlError::Host),
            ("http://x:y/", UrlError::Port),
            ("http://x:+1/", UrlError::Port),
            ("http://x:99999/", UrlError::Port),
            ("http://a b", UrlError::Host),
            ("http://a%20b", UrlError::Host),
            ("http://[::1", UrlError::Host),
            ("http://[::1]x", UrlError::Host),
            ("http://[x]/", UrlError::Host),
            ("http://[fe80::1%25]/", UrlError::Host),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
        assert_eq!(Url::parse_proxy("socks5h://p").unwrap().port(), 1080);
    }

    #[test]
    fn parts_are_as_the_standard_has_them() {
        for (text, expected) in [
            ("http://H", "http://h/"),
            (" http://h/a\n", "http://h/a"),
            ("http://h:80/", "http://h/"),
            ("https://h:80", "https://h:80/"),
            ("http://h:/", "http://h/"),
            ("http://h:1?token=x", "http://h:1/?token=x"),
            ("http://h#f", "http://h/"),
            ("http://h/a/../g", "http://h/g"),
            ("http://h/a/./b/%2E%2e/", "http://h/a/"),
            ("http://h/../..", "http://h/"),
            ("http://h/a//b", "http://h/a//b"),
            (r"http:\\h\a\b?c\d", "http://h/a/b?c%5Cd"),
            ("http://h/a b?c d", "http://h/a%20b?c%20d"),
            ("http://h/ä/{x}?<a>&b=%20|", "http://h/%C3%A4/%7Bx%7D?%3Ca%3E&b=%20%7C"),
            ("http://h/?a=/../b", "http://h/?a=/../b"),
            ("http://bücher.Example/", "http://xn--bcher-kva.example/"),
            ("http://[2001:DB8:0:0::1]:8080", "http://[2001:db8::1]:8080/"),
        ] {
            assert_eq!(whole(&Url::parse(text).unwrap()), expected, "{text}");
        }
        let zone = Url::parse("http://[fe80::1%25eth0]:1/").unwrap();
        assert_eq!((zone.host(), &*zone.authority()), ("fe80::1%eth0", "[fe80::1]:1"));
    }

    #[test]
    fn a_user_is_decoded_and_shown_nowhere() {
        let url = Url::parse("http://us%40er:p%3a@x:1/a@b?token").unwrap();
        let user = url.user().unwrap();
        assert_eq!((&*user.name, &*user.password), ("us@er", "p:"));
        assert_eq!((url.path(), &*url.authority()), ("/a@b?token", "x:1"));
        assert_eq!(format!("{url} {url:?}"), "http://x:1 http://x:1/...");
    }

    #[test]
    fn redirects_are_resolved_as_the_standard_says() {
        let from = Url::parse("http://h:1/a/b/c?d").unwrap();
        for (location, expected) in [
            ("http://x/y", "http://x/y"),
            ("https://x", "https://x/"),
            ("//x/y", "http://x/y"),
            ("/y?z", "http://h:1/y?z"),
            ("/in", "http://h:1/in"),
            ("y", "http://h:1/a/b/y"),
            ("?y=1", "http://h:1/a/b/c?y=1"),
            ("../x", "http://h:1/a/x"),
            ("./z", "http://h:1/a/b/z"),
            ("..", "http://h:1/a/"),
            ("../../../../x", "http://h:1/x"),
            ("http://h:1/a/../g", "http://h:1/g"),
            ("http://h?x=1", "http://h/?x=1"),
            ("/größe", "http://h:1/gr%C3%B6%C3%9Fe"),
            ("y:1", ""),
            ("./y:1", "http://h:1/a/b/y:1"),
            ("", "http://h:1/a/b/c?d"),
            ("#f", "http://h:1/a/b/c?d"),
            ("mailto:x", ""),
            ("http:///", ""),
        ] {
            let found = from.join(location).as_ref().map(whole).unwrap_or_default();
            assert_eq!(found, expected, "{location}");
        }
    }

    #[test]
    fn components_are_escaped_and_resolved() {
        assert_eq!(escape_component("a b/c?d&e=ü~"), "a%20b%2Fc%3Fd%26e%3D%C3%BC~");
        assert_eq!(unescape("%41%zz%4"), "A%zz%4");
        assert_eq!(unescape("%+1"), "%+1");
    }
}
