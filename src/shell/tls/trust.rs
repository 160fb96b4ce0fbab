//! Whether the other side is the one that it should be.

use std::sync::Arc;

use ring::digest;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, OtherError};

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
    chains: Option<Arc<WebPkiServerVerifier>>,
    /// The certificates of `ca_file`: the server's own may be one of them.
    anchors: Vec<CertificateDer<'static>>,
    pins: Vec<[u8; 32]>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(
        chains: Option<Arc<WebPkiServerVerifier>>,
        anchors: Vec<CertificateDer<'static>>,
        tls: &Tls,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Self {
        let chains = chains.filter(|_| !tls.insecure_skip_verify);
        Self { chains, anchors, pins: tls.pins.clone(), algorithms }
    }

    fn judge(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), Refusal> {
        let parsed = Certificate::parse(own.as_ref());
        if let Some(chains) = &self.chains {
            let verdict = if self.anchors.contains(own) {
                // Trusted by itself, as `openssl req -x509` makes it: only its name and its time are judged.
                verify_alone(own, parsed.as_ref(), name, now)
            } else {
                chains.verify_server_cert(own, others, name, ocsp, now).map(drop)
            };
            verdict.map_err(|error| Refusal::of(&error, parsed.as_ref(), others.len()))?;
        }
        if self.pins.is_empty() {
            return Ok(());
        }
        let key = parsed.ok_or(Refusal::Unreadable)?.public_key;
        let hash = digest::digest(&digest::SHA256, key);
        if self.pins.iter().any(|pin| pin == hash.as_ref()) {
            return Ok(());
        }
        Err(Refusal::Pin(base64::encode(hash.as_ref())))
    }
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
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.judge(end_entity, intermediates, server_name, ocsp_response, now) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(refusal) => Err(CertificateError::Other(OtherError(Arc::new(refusal))).into()),
        }
    }

    check_signatures!();
}
