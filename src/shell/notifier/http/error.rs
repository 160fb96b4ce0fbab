//! Why no answer came.

use std::fmt;
use std::io;

use crate::model::url::UrlError;
use crate::shell::{secrets, tls};

/// No answer came. The receiver may have got the request, or a part of it. Names hosts and files, never what is secret.
#[derive(Debug)]
pub(in crate::shell::notifier) enum Error {
    /// The file of a secret was not read.
    Secret(secrets::Error),
    /// The URL is none that we can use.
    Url(UrlError),
    /// A redirect leads to what is no URL.
    Location(UrlError),
    /// There was one redirect too many.
    Redirects,
    /// A header's name or value cannot be sent: its name.
    Header(String),
    /// A host's name was not resolved.
    Resolve(String, io::Error),
    /// No connection to a host.
    Connect(String, io::Error),
    /// TLS was not agreed on.
    Tls(tls::Error),
    /// The proxy, which is named, did not let us through.
    Proxy(String, String),
    /// No token was got from the server, which is named.
    Token(String, String),
    /// The conversation with a host broke.
    Talk(String, String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(error) => error.fmt(f),
            Self::Url(why) => write!(f, "the URL cannot be used: {why}"),
            Self::Location(why) => write!(f, "following a redirect: {why}"),
            Self::Redirects => f.write_str("following a redirect: too many"),
            Self::Header(name) => write!(f, "header {name:?} cannot be sent as configured"),
            Self::Resolve(host, error) => write!(f, "looking up {host}: {error}"),
            Self::Connect(host, error) => write!(f, "connecting to {host}: {error}"),
            Self::Tls(error) => error.fmt(f),
            Self::Proxy(proxy, why) => write!(f, "proxy {proxy}: {why}"),
            Self::Token(server, why) => write!(f, "oauth2: token from {server}: {why}"),
            Self::Talk(host, why) => write!(f, "talking to {host}: {why}"),
        }
    }
}

impl From<tls::Error> for Error {
    fn from(error: tls::Error) -> Self {
        Self::Tls(error)
    }
}
