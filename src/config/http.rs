//! `http_config`, checked: how a receiver is reached by HTTP.

use crate::config::Secret;
use crate::config::proxy::Proxy;
use crate::model::Url;

/// A whole `http_config`. A receiver's own replaces the global one; nothing is merged but `msteamsv2`'s `proxy_url`.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// How we authenticate to the other side.
    pub authorization: Authorization,
    /// Headers to add to each request, in order.
    pub headers: Vec<(String, Secret)>,
    /// How https is spoken.
    pub tls: Tls,
    /// Through what requests go.
    pub proxy: Proxy,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// The file's `enable_http2`; only shown, since HTTP/1.1 is spoken in any case.
    pub enable_http2: bool,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            authorization: Authorization::None,
            headers: Vec::new(),
            tls: Tls::default(),
            proxy: Proxy::default(),
            follow_redirects: true,
            enable_http2: true,
        }
    }
}

/// `http_config`'s ways to authenticate.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Authorization {
    /// Nothing said; a user in the URL is told as `basic_auth` would.
    #[default]
    None,
    /// `basic_auth`
    Basic {
        /// The user.
        username: Secret,
        /// The password.
        password: Secret,
    },
    /// `authorization`: the scheme, `Bearer` by default, and what follows it.
    Scheme(String, Secret),
    /// `oauth2`
    OAuth2(Box<OAuth2>),
}

/// `oauth2`: a token is fetched with client credentials (RFC 6749, section 4.4) or a refresh token (section 6), kept until
/// it ends, and fetched anew when it is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct OAuth2 {
    /// How we authenticate to the token's server.
    pub client_id: String,
    /// The proof of it.
    pub client_secret: Secret,
    /// Stands for a user who has once agreed; none: the token is the client's own.
    pub refresh_token: Option<Secret>,
    /// The scopes of the token.
    pub scopes: Vec<String>,
    /// Where tokens are.
    pub token_url: Url,
    /// Further parameters of the request for a token, in order.
    pub endpoint_params: Vec<(String, String)>,
    /// How https is spoken with the token's server.
    pub tls: Tls,
    /// Through what requests for a token go.
    pub proxy: Proxy,
}

/// `tls_config`: the authorities to trust, and our own certificate. Certificates and keys are PEM, in the config or in files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tls {
    /// The authorities to trust; none: the system's bundle.
    pub ca: Option<Secret>,
    /// Our certificate and its key.
    pub identity: Option<Identity>,
    /// The name that the server's certificate must have; none: the URL's host.
    pub server_name: Option<String>,
    /// Whether any certificate will do. With `pins`, these alone decide.
    pub insecure_skip_verify: bool,
    /// The least version of TLS; none: 1.2.
    pub min_version: Option<TlsVersion>,
    /// The greatest; none: 1.3.
    pub max_version: Option<TlsVersion>,
    /// SHA-256 of public keys (`SubjectPublicKeyInfo`). If there are any, the server's certificate has one of these keys.
    pub pins: Vec<[u8; 32]>,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The certificate, followed by those between it and an authority.
    pub cert: Secret,
    /// The private key.
    pub key: Secret,
}

/// A version of TLS that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// `TLS12`
    V12,
    /// `TLS13`
    V13,
}

impl TlsVersion {
    /// As `tls_config` has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V12 => "TLS12",
            Self::V13 => "TLS13",
        }
    }
}
