//! Why the other side was refused, or refused us, in words that say what to do.

use std::fmt;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use crate::shell::clock;
use crate::time::Wall;
use crate::wire::x509::Certificate;

/// Why there is no TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::shell) enum Refusal {
    /// The certificate ended then.
    Expired(Option<Wall>),
    /// The certificate begins then.
    NotYetValid(Option<Wall>),
    /// The certificate is for these names.
    Name(Vec<String>),
    /// The certificate was signed by its own key, which is not trusted.
    SelfSigned,
    /// No trusted authority has signed the certificate; how many certificates came with it.
    UnknownIssuer(usize),
    /// The public key, whose hash this is, is not pinned.
    Pin(String),
    /// The certificate cannot be read.
    Unreadable,
    /// The other side wants a certificate of ours, or another one.
    Ours,
    /// No version of TLS is common.
    Version,
    /// The other side does not speak TLS.
    NotTls,
    /// Anything else, in rustls's words.
    Other(String),
}

impl Refusal {
    /// The meaning of a verifier's error for the certificate.
    pub(super) fn of(error: &Error, own: Option<&Certificate<'_>>, others: usize) -> Self {
        let Error::InvalidCertificate(error) = error else { return Self::Other(error.to_string()) };
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Self::Expired(own.map(|own| own.not_after))
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid(own.map(|own| own.not_before))
            }
            CertificateError::NotValidForName => Self::Name(Vec::new()),
            CertificateError::NotValidForNameContext { presented, .. } => {
                Self::Name(presented.clone())
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature
                if own.is_some_and(|own| own.issuer == own.subject) =>
            {
                Self::SelfSigned
            }
            // The latter is of an authority of the same name with another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Self::UnknownIssuer(others)
            }
            CertificateError::BadEncoding => Self::Unreadable,
            CertificateError::Other(inner) => Self::Other(inner.0.to_string()),
            error => Self::Other(format!("the certificate is refused: {error}")),
        }
    }
}

impl From<&Error> for Refusal {
    fn from(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(CertificateError::Other(other)) => {
                other.0.downcast_ref().cloned().unwrap_or(Self::Unreadable)
            }
            Error::InvalidCertificate(_) => Self::of(error, None, 0),
            Error::AlertReceived(
                AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnknownCA
                | AlertDescription::CertificateUnknown
                | AlertDescription::CertificateExpired
                | AlertDescription::UnsupportedCertificate,
            ) => Self::Ours,
            Error::AlertReceived(AlertDescription::ProtocolVersion)
            | Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => Self::Version,
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            error => Self::Other(error.to_string()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(at) => {
                write!(f, "its certificate ended{}: renew it there", At(*at))?;
                f.write_str(&clock_note(clock::wall(), clock::synced()))
            }
            Self::NotYetValid(at) => {
                write!(f, "its certificate is not valid before{}", At(*at))?;
                f.write_str(&clock_note(clock::wall(), clock::synced()))
            }
            Self::Name(names) if names.is_empty() => f.write_str(
                "its certificate is for another name: use that name in the URL, or set tls_config: server_name",
            ),
            Self::Name(names) => write!(
                f,
                "its certificate is for {}, not for this name: use one of them in the URL, or set tls_config: server_name",
                names.join(", ")
            ),
            Self::SelfSigned => f.write_str(
                "its certificate is self-signed: to trust it, name it with tls_config: ca_file, or pin its key with \
                 pin_sha256 and insecure_skip_verify",
            ),
            Self::UnknownIssuer(others) => {
                f.write_str("nobody we trust has signed its certificate")?;
                let hint = if *others == 0 { ", or have it send the certificates in between" } else { "" };
                write!(f, ": name its authority with tls_config: ca_file{hint}")
            }
            Self::Pin(found) => write!(
                f,
                "its key is not pinned: found {found}; if that is right, add it to tls_config: pin_sha256"
            ),
            Self::Unreadable => f.write_str("its certificate cannot be read"),
            Self::Ours => f.write_str(
                "it does not accept our certificate: set tls_config: cert_file and key_file to one that it knows",
            ),
            Self::Version => f.write_str(
                "no common version of TLS: 1.2 and 1.3 are spoken here, as far as min_version and max_version allow",
            ),
            Self::NotTls => f.write_str(
                "it does not speak TLS on this port: write http:// instead of https://, or another port",
            ),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Refusal {}

/// ` 2026-01-01T00:00:00Z`, if it is known.
struct At(Option<Wall>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => write!(f, " {at}"),
            None => Ok(()),
        }
    }
}

/// The time here, and whether it is to be believed.
fn clock_note(now: Wall, is_set: bool) -> String {
    if is_set {
        format!(" (this machine's clock shows {now})")
    } else {
        format!(
            "; this machine's clock shows {now} and is not set: give it a time server; the notification is kept and \
             tried again"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_not_set_is_told_with_what_to_do() {
        assert_eq!(
            clock_note(Wall::EPOCH, false),
            "; this machine's clock shows 1970-01-01T00:00:00Z and is not set: give it a time server; the notification is \
             kept and tried again"
        );
        let set = clock_note(Wall::from_secs(1_800_000_000), true);
        assert_eq!(set, " (this machine's clock shows 2027-01-15T08:00:00Z)");
        for refusal in [Refusal::Expired(None), Refusal::NotYetValid(None)] {
            assert!(refusal.to_string().contains("this machine's clock shows "), "{refusal}");
        }
    }
}
