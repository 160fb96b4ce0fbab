//! TLS as it is served. The public-key steps of a handshake run on the pool, so many at a time, and not on the loop.

use std::convert::identity;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    Connection, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    ServerConnection, SignatureScheme,
};
use smol::future::poll_fn;
use smol::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use smol::lock::Semaphore;

use super::signatures::check_signatures;
use super::stream::{TlsStream, poll_receive, poll_send};
use super::{Clock, Error, Refusal, certificates, provider, versions};
use crate::config::web::{ClientAuth, ServerTls};
use crate::limits::TLS_HANDSHAKES_MAX;

/// The texts that the keys of a `tls_server_config` stand for, all of them PEM.
#[derive(Debug)]
pub(in crate::shell) struct ServerTexts {
    /// `cert`
    pub(in crate::shell) cert: Vec<u8>,
    /// `key`
    pub(in crate::shell) key: Vec<u8>,
    /// `client_ca`
    pub(in crate::shell) client_ca: Option<Vec<u8>>,
}

/// Makes what connections are served with. Nothing is kept for one that has ended: a session is resumed by a ticket.
pub(in crate::shell) fn server_config(
    tls: &ServerTls,
    texts: &ServerTexts,
    clock: &Arc<Clock>,
) -> Result<Arc<ServerConfig>, Error> {
    let odd = |key, error: &dyn std::fmt::Display| Error::Config(key, error.to_string());
    let provider = Arc::new(chosen(tls));
    let key = PrivateKeyDer::from_pem_slice(&texts.key).map_err(|error| {
        odd("key_file", &format_args!("no private key in PEM without a password: {error}"))
    })?;
    let builder = ServerConfig::builder_with_details(Arc::clone(&provider), Arc::clone(clock) as _)
        .with_protocol_versions(&versions(tls.min_version, tls.max_version))
        .map_err(|error| odd("min_version", &error))?;
    let builder = match verifier(tls, texts, &provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(certificates("cert_file", &texts.cert, identity)?, key)
        .map_err(|error| odd("cert_file", &format_args!("not usable with its key: {error}")))?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer =
        rustls::crypto::ring::Ticketer::new().map_err(|error| odd("key_file", &error))?;
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

/// The provider with the suites and curves that were chosen.
fn chosen(tls: &ServerTls) -> CryptoProvider {
    let mut provider = provider::default_provider();
    let suites = &tls.cipher_suites;
    provider.cipher_suites.retain(|suite| {
        suite.tls13().is_some()
            || suites.is_empty()
            || suites.contains(&&*format!("{:?}", suite.suite()))
    });
    let curve = |group: &&dyn rustls::crypto::SupportedKxGroup| match group.name() {
        rustls::NamedGroup::secp256r1 => "CurveP256",
        rustls::NamedGroup::secp384r1 => "CurveP384",
        _ => "X25519",
    };
    provider.kx_groups.retain(|group| tls.curves.is_empty() || tls.curves.contains(&curve(group)));
    provider
}

fn verifier(
    tls: &ServerTls,
    texts: &ServerTexts,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, Error> {
    let algorithms = provider.signature_verification_algorithms;
    let any = |required| Some(Arc::new(Any { required, algorithms }) as _);
    Ok(match tls.client_auth {
        ClientAuth::None => None,
        ClientAuth::Request => any(false),
        ClientAuth::RequireAny => any(true),
        ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify => {
            let mut roots = RootCertStore::empty();
            let text = texts.client_ca.as_deref().unwrap_or_default();
            roots.add_parsable_certificates(certificates("client_ca_file", text, identity)?);
            let builder =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            let builder = match tls.client_auth {
                ClientAuth::VerifyIfGiven => builder.allow_unauthenticated(),
                _ => builder,
            };
            let verifier = builder
                .build()
                .map_err(|error| Error::Config("client_ca_file", error.to_string()))?;
            let names = tls.client_allowed_sans.iter().map(|name| {
                ServerName::try_from(name.clone()).map_err(|_| {
                    Error::Config(
                        "client_allowed_sans",
                        format!("{name:?} is no DNS name and no address"),
                    )
                })
            });
            let names: Vec<_> = names.collect::<Result<_, _>>()?;
            Some(if names.is_empty() { verifier } else { Arc::new(Named { verifier, names }) })
        }
    })
}

/// The handshakes that are computed with at a time.
static TURNS: Semaphore = Semaphore::new(TLS_HANDSHAKES_MAX);

/// Agrees on TLS with a client, as its caller's time allows.
pub(in crate::shell) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    config: Arc<ServerConfig>,
    mut io: S,
) -> io::Result<TlsStream<S>> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut connection = Connection::Server(connection);
    loop {
        poll_fn(|cx| poll_send(&mut connection, &mut io, cx)).await?;
        if !connection.is_handshaking() {
            poll_fn(|cx| Pin::new(&mut io).poll_flush(cx)).await?;
            return Ok(TlsStream::new(io, connection, String::new()));
        }
        if poll_fn(|cx| poll_receive(&mut connection, &mut io, cx)).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let turn = TURNS.acquire().await;
        let (back, outcome) = blocking::unblock(move || {
            let outcome = connection.process_new_packets().map(drop);
            drop(turn);
            (connection, outcome)
        })
        .await;
        connection = back;
        if let Err(error) = outcome {
            // The client is told why, as far as it still listens, in what it speaks.
            if Refusal::from(&error) == Refusal::NotTls {
                io.write_all(NOT_TLS).await?;
            } else {
                poll_fn(|cx| poll_send(&mut connection, &mut io, cx)).await?;
            }
            return Err(io::Error::new(io::ErrorKind::InvalidData, error.to_string()));
        }
    }
}

const NOT_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// Takes any certificate whose key the client has.
#[derive(Debug)]
struct Any {
    required: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for Any {
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    check_signatures!();
}

/// Takes certificates that are for one of these names, besides what the other verifier asks.
#[derive(Debug)]
struct Named {
    verifier: Arc<dyn ClientCertVerifier>,
    names: Vec<ServerName<'static>>,
}

impl ClientCertVerifier for Named {
    fn client_auth_mandatory(&self) -> bool {
        self.verifier.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        cert: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.verifier.verify_client_cert(cert, others, now)?;
        let parsed = ParsedCertificate::try_from(cert)?;
        if self.names.iter().any(|name| verify_server_name(&parsed, name).is_ok()) {
            return Ok(verified);
        }
        Err(rustls::CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use rustls::server::ResolvesServerCertUsingSni;
    use smol::{Async, Timer, future};

    use super::*;

    #[test]
    fn so_many_handshakes_are_computed_at_a_time_and_others_wait() {
        let config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        smol::block_on(async {
            let (client, server) = Async::<UnixStream>::pair().unwrap();
            (&client).write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            let mut held = Vec::new();
            for _ in 0..TLS_HANDSHAKES_MAX {
                held.push(TURNS.acquire().await);
            }
            let mut accepting = Box::pin(accept(Arc::new(config), server));
            let soon = async {
                Timer::after(Duration::from_millis(50)).await;
                None
            };
            let early = future::or(async { Some((&mut accepting).await) }, soon).await;
            assert!(early.is_none(), "it did not wait for its turn");
            held.pop();
            let error = accepting.await.map(drop).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        });
    }
}
