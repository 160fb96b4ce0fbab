//! Where an agent is: a URL, or the path of its socket.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::config::Tls;
use crate::model::Url;
use crate::model::url::Scheme;
use crate::shell::tls;

/// An address of an agent. It is shown without its user, who may have a password.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `unix:PATH`
    Socket(String),
    /// `http://...` or `https://...`
    Web(Url),
}

/// A connection of any kind.
pub(super) trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

impl Target {
    /// Reads the value of `--url`. The error names it without its user.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let target = match text.strip_prefix("unix:") {
            Some(path) => Some(Self::Socket(path.to_owned())).filter(|_| !path.is_empty()),
            None => Url::parse(text).ok().map(Self::Web),
        };
        target.ok_or_else(|| {
            let shown = text.rsplit_once('@').map_or(text, |(_, place)| place);
            format!("--url={shown}: expected http://HOST[:PORT][/PATH], https://... or unix:PATH")
        })
    }

    /// Its URL, if it has one.
    pub(super) const fn url(&self) -> Option<&Url> {
        match self {
            Self::Socket(_) => None,
            Self::Web(url) => Some(url),
        }
    }

    /// The path before every other.
    pub(super) fn prefix(&self) -> &str {
        let path = self.url().and_then(|url| url.path().split('?').next());
        path.unwrap_or_default().trim_end_matches('/')
    }

    /// The header `Host`.
    pub(super) fn host(&self) -> String {
        self.url().map_or_else(|| "localhost".to_owned(), Url::authority)
    }

    /// Connects; each step may take so long. An error of the kind `InvalidData` stays.
    pub(super) fn connect(&self, tls: &Tls, time: Duration) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(time))?;
                stream.set_write_timeout(Some(time))?;
                Ok(Box::new(stream))
            }
            Self::Web(url) => {
                let stream = reach(url, time)?;
                stream.set_read_timeout(Some(time))?;
                stream.set_write_timeout(Some(time))?;
                match url.scheme() {
                    Scheme::Https => Ok(tls::wrap(tls, url.host(), stream)?),
                    _ => Ok(Box::new(stream)),
                }
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "unix:{path}"),
            Self::Web(url) => write!(f, "{url}{}", self.prefix()),
        }
    }
}

fn reach(url: &Url, time: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (url.host(), url.port()).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, time) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_a_prefix_and_perhaps_a_user_who_is_not_shown() {
        for (text, host, prefix, shown) in [
            ("http://gw", "gw", "", "http://gw"),
            ("https://gw/am", "gw", "/am", "https://gw/am"),
            ("http://[::1]:9093/", "[::1]:9093", "", "http://[::1]:9093"),
            ("http://gw:1/am/x/", "gw:1", "/am/x", "http://gw:1/am/x"),
            ("http://ann:p@gw:1/?x=y", "gw:1", "", "http://gw:1"),
            ("unix:/run/x.sock", "localhost", "", "unix:/run/x.sock"),
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!((&*target.host(), target.prefix()), (host, prefix), "{text}");
            assert_eq!(target.to_string(), shown);
        }
        for text in ["ftp://gw", "gw:9093", "http://", "http://user@", "unix:", "http://gw:x"] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }
}
