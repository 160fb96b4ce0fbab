//! Whether the other side is the one that it should be.

use std::sync::Arc;

use ring::digest;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, OtherError};

use super::authorities::Authorities;
use super::refusal::Refusal;
use super::signatures::check_signatures;
use crate::config::Tls;
use crate::model::base64;
use crate::time::Wall;
use crate::wire::x509::Certificate;

/// Judges certificates as one `tls_config` says.
#[derive(Debug)]
pub(super) struct Verifier {
    /// None: any certificate will do, as far as its pin allows.
    authorities: Option<Arc<Authorities>>,
    /// Hashes of the certificates of `ca_file`: the server's own may be one of them.
    known: Vec<Hash>,
    pins: Vec<Hash>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(
        authorities: Option<Arc<Authorities>>,
        known: Vec<Hash>,
        tls: &Tls,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Self {
        let authorities = authorities.filter(|_| !tls.insecure_skip_verify);
        Self { authorities, known, pins: tls.pins.clone(), algorithms }
    }

    fn judge(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Refusal> {
        let parsed = Certificate::parse(own.as_ref());
        if let Some(authorities) = &self.authorities {
            let verdict = if self.known.contains(&sha256(own)) {
                // Trusted by itself, as `openssl req -x509` makes it: only its name and its time are judged.
                verify_alone(own, parsed.as_ref(), name, now)
            } else {
                verify_chain(authorities, own, others, self.algorithms, now)
                    .and_then(|own| verify_server_name(&own, name))
            };
            verdict.map_err(|error| Refusal::of(&error, parsed.as_ref(), others.len()))?;
        }
        if self.pins.is_empty() {
            return Ok(());
        }
        let hash = sha256(parsed.ok_or(Refusal::Unreadable)?.public_key);
        if self.pins.contains(&hash) {
            return Ok(());
        }
        Err(Refusal::Pin(base64::encode(&hash)))
    }
}

type Hash = [u8; 32];

pub(super) fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = Hash::default();
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// Judges a certificate by those that came with it and an authority at their end. Its name is not looked at.
fn verify_chain<'a>(
    authorities: &Authorities,
    own: &'a CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    algorithms: WebPkiSupportedAlgorithms,
    now: UnixTime,
) -> Result<ParsedCertificate<'a>, Error> {
    let chain = std::iter::once(own).chain(others);
    let issuers: Vec<_> =
        chain.filter_map(|it| Certificate::parse(it)).map(|it| it.issuer).collect();
    let roots = authorities.named(&issuers);
    let own = ParsedCertificate::try_from(own)?;
    verify_server_cert_signed_by_trust_anchor(&own, &roots, others, now, algorithms.all)?;
    Ok(own)
}

/// Judges a certificate that is itself one of those that are trusted.
fn verify_alone(
    own: &CertificateDer<'_>,
    parsed: Option<&Certificate<'_>>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), Error> {
    verify_server_name(&ParsedCertificate::try_from(own)?, name)?;
    let parsed = parsed.ok_or(CertificateError::BadEncoding)?;
    let wall = Wall::from_secs(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    if wall < parsed.not_before {
        return Err(CertificateError::NotValidYet.into());
    }
    if wall > parsed.not_after {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.judge(end_entity, intermediates, server_name, now) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(refusal) => Err(CertificateError::Other(OtherError(Arc::new(refusal))).into()),
        }
    }

    check_signatures!();
}
