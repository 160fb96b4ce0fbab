//! The rules of the HTTP side: its users, their rights, and how it is served: Alertmanager's `web.config.file`, and the same under `[web]`.
//! `read/web` reads them.

use std::fmt;
use std::path::PathBuf;

use crate::config::{Secret, TlsVersion};
use crate::limits::BCRYPT_COST_MAX;

/// The rules of the HTTP side: its users, their rights, and how it is served. The default is plain HTTP, open to every client.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Admission {
    /// `tls_server_config`: TLS on every address but Unix sockets.
    pub tls: Option<ServerTls>,
    /// `http_server_config.headers`: added to each answer.
    pub headers: Vec<(String, String)>,
    /// `basic_auth_users`, then `users`; names are unique.
    pub users: Vec<User>,
    /// `tokens`; names are unique.
    pub tokens: Vec<Token>,
}

impl Admission {
    /// Whether clients need not authenticate.
    pub fn is_open(&self) -> bool {
        self.users.is_empty() && self.tokens.is_empty()
    }

    /// The files that it names, which are read anew when they change.
    pub fn files(&self) -> Vec<PathBuf> {
        let tls = self
            .tls
            .iter()
            .flat_map(|tls| [Some(&tls.cert), Some(&tls.key), tls.client_ca.as_ref()]);
        let secrets = tls.flatten().chain(self.tokens.iter().map(|token| &token.secret));
        let file = |secret: &Secret| match secret {
            Secret::File(path) => Some(path.clone()),
            Secret::Inline(_) => None,
        };
        secrets.filter_map(file).collect()
    }
}

/// `tls_server_config`
#[derive(Clone, Debug, PartialEq)]
pub struct ServerTls {
    /// The server's certificate, and those between it and its authority.
    pub cert: Secret,
    /// Its key.
    pub key: Secret,
    /// Whether clients show a certificate.
    pub client_auth: ClientAuth,
    /// The authorities of clients' certificates.
    pub client_ca: Option<Secret>,
    /// If there are any: a client's certificate is for one of these names or addresses.
    pub client_allowed_sans: Vec<String>,
    /// The oldest version that is spoken.
    pub min_version: Option<TlsVersion>,
    /// The newest one.
    pub max_version: Option<TlsVersion>,
    /// Suites of TLS 1.2 in the IANA's names; none: all that are known. Those of TLS 1.3 cannot be chosen, as in Go.
    pub cipher_suites: Vec<&'static str>,
    /// Curves in Go's names; none: all that are known.
    pub curves: Vec<&'static str>,
}

/// `client_auth_type`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// `NoClientCert`
    #[default]
    None,
    /// `RequestClientCert`: any certificate or none.
    Request,
    /// `RequireAnyClientCert`: any certificate.
    RequireAny,
    /// `VerifyClientCertIfGiven`
    VerifyIfGiven,
    /// `RequireAndVerifyClientCert`
    RequireAndVerify,
}

/// Suites of TLS 1.2 that are spoken.
pub const CIPHER_SUITES: [&str; 6] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// Curves that are spoken.
pub const CURVES: [&str; 3] = ["CurveP256", "CurveP384", "X25519"];

/// Somebody with a password.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// As HTTP's basic authentication has it.
    pub name: String,
    /// The password, hashed.
    pub hash: PasswordHash,
    /// Their rights.
    pub rights: Rights,
}

/// Somebody with a token.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// For the operator alone.
    pub name: String,
    /// The text that follows `Authorization: Bearer`.
    pub secret: Secret,
    /// Their rights.
    pub rights: Rights,
}

/// The rights of a user or a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rights {
    /// Everything.
    #[default]
    ReadWrite,
    /// Look at everything, change nothing.
    ReadOnly,
    /// Post alerts, and nothing else.
    PostOnly,
}

impl Rights {
    /// All of them, as they are written.
    pub const ALL: [Self; 3] = [Self::ReadWrite, Self::ReadOnly, Self::PostOnly];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::PostOnly => "post-only",
        }
    }

    /// Whether they are enough.
    pub const fn allow(self, need: Need) -> bool {
        match need {
            Need::Nothing => true,
            Need::Post => matches!(self, Self::ReadWrite | Self::PostOnly),
            Need::Read => matches!(self, Self::ReadWrite | Self::ReadOnly),
            Need::Write => matches!(self, Self::ReadWrite),
        }
    }
}

/// The right that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Anybody may ask it.
    Nothing,
    /// It posts alerts.
    Post,
    /// It changes nothing.
    Read,
    /// It changes something else.
    Write,
}

/// A hash of a password by bcrypt, `$2y$10$` and 53 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    /// 2 to the power of this many rounds.
    pub cost: u32,
    /// The salt.
    pub salt: [u8; 16],
    /// The hash.
    pub digest: [u8; 23],
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl PasswordHash {
    /// Reads a hash. The error, which does not show it, says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            "expected a hash by bcrypt, such as $2y$10$...: make one with htpasswd -nBC 10 NAME"
                .to_owned()
        };
        let rest = ["$2a$", "$2b$", "$2x$", "$2y$"].iter().find_map(|head| text.strip_prefix(head));
        let (cost, rest) = rest.and_then(|rest| rest.split_once('$')).ok_or_else(wrong)?;
        let cost: u32 = cost.parse().map_err(|_| wrong())?;
        let (salt, digest) = rest.split_at_checked(22).ok_or_else(wrong)?;
        let salt = decode(salt).and_then(|salt| salt.try_into().ok()).ok_or_else(wrong)?;
        let digest = decode(digest).and_then(|digest| digest.try_into().ok()).ok_or_else(wrong)?;
        if !(4..=BCRYPT_COST_MAX).contains(&cost) {
            return Err(format!(
                "bcrypt with cost {cost}: expected 4 to {BCRYPT_COST_MAX}, more takes a gateway too long; make the hash anew with htpasswd -nBC 10 NAME"
            ));
        }
        Ok(Self { cost, salt, digest })
    }
}

/// bcrypt's own base64, without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut count) = (0_u32, 0);
    let mut bytes = Vec::new();
    for c in text.bytes() {
        let value = match c {
            b'.' => 0,
            b'/' => 1,
            b'A'..=b'Z' => c - b'A' + 2,
            b'a'..=b'z' => c - b'a' + 28,
            b'0'..=b'9' => c - b'0' + 54,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap_or_default());
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";

    #[test]
    fn a_hash_is_read_and_not_shown() {
        let hash = PasswordHash::parse(HASH).unwrap();
        assert_eq!((hash.cost, hash.salt[0], hash.salt[15]), (6, 0x14, 0x9c));
        assert_eq!(format!("{hash:?}"), "<secret>");
        assert!(PasswordHash::parse(&HASH.replace("06", "31")).unwrap_err().contains("cost 31"));
        for text in
            ["", "hunter2", "$2y$10$", "$2y$1x$", &HASH[..59], &HASH.replace("DCq", "D\u{e9}q")]
        {
            let error = PasswordHash::parse(text).unwrap_err();
            assert!(
                error.starts_with("expected a hash by bcrypt") && !error.contains("hunter2"),
                "{error}"
            );
        }
    }

    #[test]
    fn rights_are_enough_for_what_their_name_says() {
        let enough = |rights: Rights| {
            [Need::Nothing, Need::Post, Need::Read, Need::Write].map(|need| rights.allow(need))
        };
        assert_eq!(enough(Rights::ReadWrite), [true, true, true, true]);
        assert_eq!(enough(Rights::ReadOnly), [true, false, true, false]);
        assert_eq!(enough(Rights::PostOnly), [true, true, false, false]);
    }
}
