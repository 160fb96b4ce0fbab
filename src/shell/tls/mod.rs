//! TLS around any stream, as a `tls_config` says: the authorities to trust, our certificate, the versions.
//!
//! Each setting has a client of its own with its own store of sessions, because a session that was begun under one trust
//! must not be resumed under another. Files are read again for each new connection, on the pool; when one has changed,
//! its client is made anew. The system's bundle is read when it is first needed and shared.

mod authorities;
mod refusal;
mod server;
mod signatures;
mod stream;
mod trust;

use std::cell::RefCell;
use std::convert::identity;
use std::fmt;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ring::digest;
use rustls::client::Resumption;
use rustls::crypto::ring as provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};
use smol::io::{AsyncRead, AsyncWrite};

use crate::config::{Secret, Tls, TlsVersion};
use crate::limits::{
    ATTEMPTS_MAX, FILE_TIME_MAX, TLS_CLIENTS_MAX, TLS_FILE_BYTES_MAX, TLS_SESSIONS_MAX,
};
use crate::shell::clock;
use crate::shell::files::Readers;
use crate::time::{SET_SINCE, Wall};

#[cfg(test)]
pub(in crate::shell) use authorities::AUTHORITY;
use authorities::Authorities;
pub(super) use refusal::Refusal;
pub(super) use server::{ServerTexts, accept, server_config};
pub(super) use stream::TlsStream;

static READERS: Readers = Readers::new(ATTEMPTS_MAX);

/// Where systems have the authorities that they trust.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// A stream has no TLS. Nothing of a request or an answer was sent over it.
#[derive(Debug)]
pub(super) enum Error {
    /// A file that `tls_config` names cannot be used: which key, and why.
    Config(&'static str, String),
    /// There are no authorities to trust.
    NoBundle,
    /// The other side's name is none that a certificate can have.
    Name(String),
    /// The other side was refused, or refused us: its name, and why.
    Refused(String, Refusal),
    /// The connection broke while TLS was being agreed on: with whom.
    Io(String, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(key, why) => write!(f, "tls_config: {key}: {why}"),
            Self::NoBundle => write!(
                f,
                "no authorities to trust: there is no {}, nor any of {}; install ca-certificates, or name a file with \
                 tls_config: ca_file",
                BUNDLES.first().unwrap_or(&""),
                BUNDLES.get(1..).unwrap_or_default().join(", ")
            ),
            Self::Name(host) => write!(
                f,
                "tls_config: server_name: {host:?} is no name that a certificate can have: set the one it has"
            ),
            Self::Refused(host, refusal) => write!(f, "TLS with {host}: {refusal}"),
            Self::Io(host, error) => write!(f, "TLS with {host}: {error}"),
        }
    }
}

/// The time that certificates are judged by. It is never before this version was built; and while nobody has set the wall
/// clock, never before what the journal and the flock know to have passed.
#[derive(Debug, Default)]
pub(super) struct Clock {
    floor_secs: AtomicU64,
}

/// When this version was built, as far as the build was told.
fn built_secs() -> u64 {
    let built = option_env!("SOURCE_DATE_EPOCH").and_then(|text| text.parse().ok());
    built.unwrap_or(0).max(secs(SET_SINCE))
}

fn secs(time: Wall) -> u64 {
    u64::try_from(time.as_ms() / 1000).unwrap_or(0)
}

impl Clock {
    /// Takes note that it is this late at least, if the wall clock is not set.
    pub(super) fn raise(&self, time: Wall) {
        self.floor_secs.store(secs(time), Ordering::Relaxed);
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let floor = self.floor_secs.load(Ordering::Relaxed);
        let now = judged_at(secs(clock::wall()), built_secs(), floor, clock::synced);
        Some(UnixTime::since_unix_epoch(Duration::from_secs(now)))
    }
}

/// When certificates are judged: not before this version was built, and not before `floor` while the clock is not set. A clock
/// that was once wrong may have left a time of the far future in the journal, so that a set clock wins over it.
fn judged_at(wall: u64, built: u64, floor: u64, is_set: impl Fn() -> bool) -> u64 {
    let wall = wall.max(built);
    if floor > wall && !is_set() { floor } else { wall }
}

/// Makes clients and keeps them.
#[derive(Debug, Default)]
pub(super) struct Clients {
    clock: Arc<Clock>,
    /// Most recently used last.
    made: RefCell<Vec<Rc<Client>>>,
    bundle: RefCell<Option<Bundle>>,
}

#[derive(Debug)]
struct Client {
    tls: Tls,
    /// Of the texts that its settings stood for.
    digest: Vec<u8>,
    config: Arc<ClientConfig>,
}

/// The system's authorities, as they were read from this file.
#[derive(Debug)]
struct Bundle {
    file: &'static str,
    stamp: Stamp,
    authorities: Arc<Authorities>,
}

/// Changes whenever a file does.
pub(super) type Stamp = (u64, u64, i64, i64, u64);

/// The texts that a setting's keys stand for.
#[derive(Debug, Default)]
struct Texts {
    ca: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Texts {
    fn digest(&self) -> Vec<u8> {
        let mut context = digest::Context::new(&digest::SHA256);
        let (cert, key) = self.identity.as_ref().map(|(cert, key)| (cert, key)).unzip();
        for text in [self.ca.as_ref(), cert, key] {
            let text = text.map_or(&[][..], |text| text);
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text);
        }
        context.finish().as_ref().to_vec()
    }
}

impl Clients {
    /// The clock of all clients.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Agrees on TLS with `host`, which the certificate must name unless the settings say otherwise.
    pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        tls: &Tls,
        host: &str,
        io: S,
    ) -> Result<TlsStream<S>, Error> {
        let config = self.client(tls).await?;
        stream::connect(config, server_name(tls, host)?, host, io).await
    }

    /// The client of these settings: the same one as long as the files that they name are the same.
    pub(super) async fn client(&self, tls: &Tls) -> Result<Arc<ClientConfig>, Error> {
        let texts = texts(tls).await?;
        let digest = texts.digest();
        let bundle = match (&texts.ca, tls.insecure_skip_verify) {
            (None, false) => Some(self.bundle().await?),
            _ => None,
        };
        let mut made = self.made.borrow_mut();
        let place = made.iter().position(|client| client.tls == *tls);
        if let Some(client) = place.map(|place| made.remove(place)) {
            let is_current = client.digest == digest;
            let config = Arc::clone(&client.config);
            if is_current {
                made.push(client);
                return Ok(config);
            }
        }
        let config = Arc::new(client_config(tls, &texts, bundle, &self.clock)?);
        if made.len() >= TLS_CLIENTS_MAX {
            made.remove(0);
        }
        made.push(Rc::new(Client { tls: tls.clone(), digest, config: Arc::clone(&config) }));
        Ok(config)
    }

    /// The system's authorities, read anew where their file has changed.
    async fn bundle(&self) -> Result<Arc<Authorities>, Error> {
        let known = self.bundle.borrow().as_ref().map(|bundle| (bundle.file, bundle.stamp));
        let job = move || changed_bundle(&BUNDLES, known);
        if let Ok(Some(bundle)) = READERS.run(Path::new("authorities"), FILE_TIME_MAX, job).await {
            *self.bundle.borrow_mut() = Some(bundle);
            // Connections made with the old files trust the old certificates.
            self.made.borrow_mut().retain(|client| client.tls.ca.is_some());
        }
        let bundle = self.bundle.borrow();
        bundle.as_ref().map(|bundle| Arc::clone(&bundle.authorities)).ok_or(Error::NoBundle)
    }
}

/// Agrees on TLS with `host` over a connection that waits, for subcommands. The error says what to do; its kind is
/// [`io::ErrorKind::InvalidData`] where another try would end as this one.
pub fn wrap<S: io::Read + io::Write + 'static>(
    tls: &Tls,
    host: &str,
    stream: S,
) -> io::Result<Box<rustls::StreamOwned<ClientConnection, S>>> {
    let wrong = |error: Error| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
    let config = smol::block_on(Clients::default().client(tls)).map_err(wrong)?;
    let server = server_name(tls, host).map_err(wrong)?;
    let refused = |error: &rustls::Error| wrong(Error::Refused(host.to_owned(), error.into()));
    let connection = ClientConnection::new(config, server).map_err(|error| refused(&error))?;
    let mut stream = Box::new(rustls::StreamOwned::new(connection, stream));
    match stream.conn.complete_io(&mut stream.sock) {
        Ok(_) => Ok(stream),
        Err(error) => Err(match error.get_ref().and_then(|it| it.downcast_ref()) {
            Some(error) => refused(error),
            None => io::Error::new(error.kind(), Error::Io(host.to_owned(), error).to_string()),
        }),
    }
}

/// The name that the certificate of `host` must have.
fn server_name(tls: &Tls, host: &str) -> Result<ServerName<'static>, Error> {
    let name = tls.server_name.as_deref().unwrap_or(host);
    let bare = name.split('%').next().unwrap_or_default().trim_end_matches('.').to_owned();
    ServerName::try_from(bare).map_err(|_| Error::Name(name.to_owned()))
}

/// The bundle of the first file that has one, unless it is the known one.
fn changed_bundle(files: &[&'static str], known: Option<(&'static str, Stamp)>) -> Option<Bundle> {
    for &file in files {
        let path = Path::new(file);
        let Ok(stamp) = stamp(path) else { continue };
        if known == Some((file, stamp)) {
            return None;
        }
        let size = usize::try_from(stamp.4).unwrap_or(0);
        if let Some(authorities) = Authorities::read_file(path, size) {
            return Some(Bundle { file, stamp, authorities: Arc::new(authorities) });
        }
    }
    None
}

/// The stamp of a file.
pub(super) fn stamp(file: &Path) -> io::Result<Stamp> {
    use std::os::unix::fs::MetadataExt as _;
    let it = std::fs::metadata(file)?;
    Ok((it.dev(), it.ino(), it.mtime(), it.mtime_nsec(), it.size()))
}

async fn texts(tls: &Tls) -> Result<Texts, Error> {
    let ca = match &tls.ca {
        Some(ca) => Some(text("ca_file", ca).await?),
        None => None,
    };
    let identity = match &tls.identity {
        Some(it) => Some((text("cert_file", &it.cert).await?, text("key_file", &it.key).await?)),
        None => None,
    };
    Ok(Texts { ca, identity })
}

async fn text(key: &'static str, secret: &Secret) -> Result<Vec<u8>, Error> {
    match secret {
        Secret::Inline(text) => Ok(text.as_bytes().to_vec()),
        Secret::File(file) => {
            let content = READERS.read(file, TLS_FILE_BYTES_MAX).await;
            let why = |error| Error::Config(key, format!("reading {}: {error}", file.display()));
            Ok(content.map_err(why)?.bytes)
        }
    }
}

fn client_config(
    tls: &Tls,
    texts: &Texts,
    bundle: Option<Arc<Authorities>>,
    clock: &Arc<Clock>,
) -> Result<ClientConfig, Error> {
    let odd = |key, error: &dyn fmt::Display| Error::Config(key, error.to_string());
    let provider = Arc::new(provider::default_provider());
    let (authorities, known) = match &texts.ca {
        Some(text) => {
            let known = certificates("ca_file", text, |it| trust::sha256(&it))?;
            let read = Authorities::read(text).map(Arc::new);
            let none = || odd("ca_file", &"none of its certificates can be read");
            (Some(read.ok_or_else(none)?), known)
        }
        None => (bundle, Vec::new()),
    };
    let algorithms = provider.signature_verification_algorithms;
    let verifier = trust::Verifier::new(authorities, known, tls, algorithms);
    let builder = ClientConfig::builder_with_details(provider, Arc::clone(clock) as _)
        .with_protocol_versions(&versions(tls.min_version, tls.max_version))
        .map_err(|error| odd("min_version", &error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &texts.identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
                odd("key_file", &format_args!("no private key in PEM without a password: {error}"))
            })?;
            builder.with_client_auth_cert(certificates("cert_file", cert, identity)?, key).map_err(
                |error| odd("cert_file", &format_args!("not usable with its key: {error}")),
            )?
        }
    };
    config.resumption = Resumption::in_memory_sessions(TLS_SESSIONS_MAX);
    Ok(config)
}

/// An answer for each certificate of a text, of which all are to be good.
fn certificates<T>(
    key: &'static str,
    text: &[u8],
    mut of: impl FnMut(CertificateDer<'static>) -> T,
) -> Result<Vec<T>, Error> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(text).map(|it| it.map(&mut of)).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(Error::Config(key, "no certificate in PEM (BEGIN CERTIFICATE)".to_owned())),
        Err(error) => Err(Error::Config(key, format!("broken PEM: {error}"))),
    }
}

fn versions(
    min: Option<TlsVersion>,
    max: Option<TlsVersion>,
) -> Vec<&'static SupportedProtocolVersion> {
    let all = [(TlsVersion::V12, &TLS12), (TlsVersion::V13, &TLS13)];
    let is_wanted = |version: TlsVersion| {
        min.is_none_or(|min| version >= min) && max.is_none_or(|max| version <= max)
    };
    all.into_iter().filter(|(version, _)| is_wanted(*version)).map(|(_, it)| it).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_the_clock_is_unset_certificates_are_judged_by_build_and_floor() {
        const BUILT: u64 = 1000;
        const FLOOR: u64 = 2000;
        let (set, unset) = (|| true, || false);
        assert_eq!(judged_at(0, BUILT, 0, unset), BUILT, "1970, and nothing kept");
        assert_eq!(
            judged_at(0, BUILT, FLOOR, unset),
            FLOOR,
            "1970, and what the journal or the flock knows"
        );
        assert_eq!(judged_at(3000, BUILT, FLOOR, unset), 3000, "it runs on");
        assert_eq!(judged_at(1500, BUILT, FLOOR, set), 1500, "a set clock wins");
        assert_eq!(judged_at(0, BUILT, FLOOR, set), BUILT);
    }

    #[test]
    fn so_many_clients_are_kept_and_the_one_used_longest_ago_goes() {
        let of = |number: usize| Tls {
            server_name: Some(format!("s{number}.example")),
            insecure_skip_verify: true,
            ..Tls::default()
        };
        let clients = Clients::default();
        let client = |number| smol::block_on(clients.client(&of(number))).unwrap();
        let first = client(0);
        for number in 1..TLS_CLIENTS_MAX {
            client(number);
        }
        assert!(Arc::ptr_eq(&first, &client(0)), "all have room");
        client(TLS_CLIENTS_MAX);
        assert_eq!(clients.made.borrow().len(), TLS_CLIENTS_MAX);
        let is_kept = |number| clients.made.borrow().iter().any(|it| it.tls == of(number));
        assert!(is_kept(0) && !is_kept(1) && is_kept(TLS_CLIENTS_MAX));
    }

    #[test]
    fn the_first_file_with_authorities_is_taken_and_again_when_it_has_changed() {
        let folder =
            std::env::temp_dir().join(format!("bellwether-bundles-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let name = |name: &str| &*folder.join(name).display().to_string().leak();
        let files: [&str; 3] = [name("first"), name("second"), name("third")];
        let taken = |known| changed_bundle(&files, known).map(|it| (it.file, it.stamp));
        assert_eq!(taken(None), None);
        std::fs::write(files[0], "no certificate").unwrap();
        std::fs::write(files[1], AUTHORITY).unwrap();
        std::fs::write(files[2], AUTHORITY).unwrap();
        let second = taken(None);
        assert_eq!(second.map(|it| it.0), Some(files[1]));
        assert_eq!(taken(second), None, "it is the same");
        std::fs::write(files[1], AUTHORITY.repeat(2)).unwrap();
        let changed = taken(second);
        assert!(changed.is_some_and(|it| it.0 == files[1]) && changed != second);
        std::fs::remove_file(files[1]).unwrap();
        assert_eq!(taken(changed).map(|it| it.0), Some(files[2]));
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(taken(changed), None, "and what is known stays");
    }

    #[test]
    fn a_certificate_is_for_server_name_if_that_is_set_else_for_the_host() {
        let name = |set: Option<&str>, host| {
            let tls = Tls { server_name: set.map(ToOwned::to_owned), ..Tls::default() };
            server_name(&tls, host).map(|name| name.to_str().into_owned()).ok()
        };
        assert_eq!(name(Some("gw.example"), "127.0.0.1").as_deref(), Some("gw.example"));
        assert_eq!(name(None, "gw.example.").as_deref(), Some("gw.example"));
        assert_eq!(name(None, "fe80::1%eth0").as_deref(), Some("fe80::1"));
        assert_eq!(name(None, "a b"), None);
    }

    #[test]
    fn the_floor_of_an_attempt_is_what_its_certificates_are_judged_by() {
        let clock = Clock::default();
        let far = Wall::from_secs(4_000_000_000);
        clock.raise(far);
        let seen = clock.current_time().map(|time| time.as_secs());
        let expected = if clock::synced() { secs(clock::wall()) } else { secs(far) };
        assert!(seen.is_some_and(|seen| seen.abs_diff(expected) <= 1), "{seen:?}");
    }
}
