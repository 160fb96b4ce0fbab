//! Lets requests in: TLS, users and tokens, as `[web]` or its file says. The files they name are read anew when they have changed,
//! looked at once in a while as long as somebody asks; nothing is looked at while nobody does.

mod attempts;
mod password;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use log::{info, warn};
use ring::hmac;
use rustls::ServerConfig;

use crate::api::Response;
use crate::config::settings::Web;
use crate::config::web::{Admission, Need, Rights, ServerTls, User};
use crate::config::{Errors, Problem, Secret, open_door};
use crate::limits::{
    ACCESS_CHECK_INTERVAL, ACCESS_READS_MAX, CONFIG_BYTES_MAX, FILE_TIME_MAX, SECRET_BYTES_MAX,
    TLS_FILE_BYTES_MAX, TOKEN_BYTES_MIN,
};
use crate::shell::clock;
use crate::shell::files::Readers;
use crate::shell::tls::{self, ServerTexts, Stamp};
use crate::time::{Mono, Wall};
use crate::wire::credentials::Credentials;

use attempts::{Attempts, network};
use password::Passwords;

static READERS: Readers = Readers::new(ACCESS_READS_MAX);

/// Where the rules stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleSource {
    /// `web.config.file`, if there is one.
    pub file: Option<PathBuf>,
    /// The rules of `[web]`, if there is none.
    pub admission: Admission,
}

impl RuleSource {
    /// As `[web]` has it.
    pub(super) fn of(web: &Web) -> Self {
        Self { file: web.config_file.clone(), admission: web.admission.clone() }
    }
}

/// Lets requests in, or not.
#[derive(Debug)]
pub(super) struct Gate {
    source: RefCell<RuleSource>,
    rules: RefCell<Rc<Rules>>,
    /// When the files were last looked at.
    looked_at: Cell<Option<Mono>>,
    is_looking: Cell<bool>,
    clock: Arc<tls::Clock>,
    key: hmac::Key,
    attempts: RefCell<Attempts>,
    passwords: Passwords,
    refused: Cell<u64>,
}

/// The rules as the files had them.
#[derive(Debug, Default)]
struct Rules {
    admission: Admission,
    /// None where plain HTTP is served; why there is nothing, where TLS cannot be.
    tls: Option<Result<Arc<ServerConfig>, String>>,
    /// A tag of each token, and what it is good for.
    tokens: Vec<(hmac::Tag, Rights)>,
    /// The files that were read.
    files: Vec<(PathBuf, Option<Stamp>)>,
}

/// The rules of access were not loaded: those in force stay.
#[derive(Debug)]
pub enum AdmissionError {
    /// The file cannot be read; later it may be.
    Unreadable(PathBuf, std::io::Error),
    /// Every mistake in it.
    Wrong(Errors),
}

impl fmt::Display for AdmissionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(file, error) => {
                write!(f, "--web.config.file={}: cannot be read: {error}", file.display())
            }
            Self::Wrong(errors) => errors.fmt(f),
        }
    }
}

impl Gate {
    /// A gate with the rules of `source`, which are read on this thread's time. `secret` is random.
    pub(super) fn new(source: RuleSource, secret: &[u8]) -> Result<Self, AdmissionError> {
        let gate = Self {
            source: RefCell::new(source),
            rules: RefCell::default(),
            looked_at: Cell::new(Some(clock::mono())),
            is_looking: Cell::default(),
            clock: Arc::default(),
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
            attempts: RefCell::default(),
            passwords: Passwords::default(),
            refused: Cell::default(),
        };
        let source = gate.source.borrow().clone();
        let rules = smol::block_on(gate.read(&source))?;
        gate.rules.replace(Rc::new(rules));
        Ok(gate)
    }

    /// Warns where anybody is let in from elsewhere, or passwords can be read.
    pub(super) fn warn_if_open(&self, web: &Web) {
        if let Some(why) = open_door(web, &self.rules.borrow().admission) {
            warn!("web.listen_addresses: {why}");
        }
    }

    /// Takes rules from elsewhere, as a reload has it.
    pub(super) fn set_source(&self, source: RuleSource) {
        if *self.source.borrow() != source {
            self.source.replace(source);
            self.looked_at.set(None);
            self.rules.replace_with(|rules| Rc::new(Rules { files: Vec::new(), ..rules.copied() }));
        }
    }

    /// Takes note that it is this late at least, for clients' certificates.
    pub(super) fn raise(&self, floor: Wall) {
        self.clock.raise(floor);
    }

    /// How many requests were refused.
    pub(super) fn refused(&self) -> u64 {
        self.refused.get()
    }

    /// How TLS is served, as the rules in force have it.
    pub(super) fn served(&self) -> Option<ServerTls> {
        self.rules.borrow().admission.tls.clone()
    }

    /// The config of TLS connections; none where HTTP is plain, an error where there can be none now.
    pub(super) async fn tls(&self) -> Option<Result<Arc<ServerConfig>, String>> {
        self.look().await;
        self.rules.borrow().tls.clone()
    }

    /// Adds the headers that every answer has.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        self.rules.borrow().admission.headers.clone()
    }

    /// Lets a request with this `Authorization` in, or says why not.
    pub(super) async fn admit(
        &self,
        authorization: Option<&str>,
        sender: Option<IpAddr>,
        need: Need,
    ) -> Result<(), Response> {
        self.look().await;
        let rules = Rc::clone(&self.rules.borrow());
        if rules.admission.is_open() || need == Need::Nothing {
            return Ok(());
        }
        let admitted = self
            .rights(&rules, authorization, sender)
            .await
            .and_then(|rights| if rights.allow(need) { Ok(()) } else { Err(forbidden(rights)) });
        self.refused.set(self.refused.get() + u64::from(admitted.is_err()));
        admitted
    }

    async fn rights(
        &self,
        rules: &Rules,
        authorization: Option<&str>,
        sender: Option<IpAddr>,
    ) -> Result<Rights, Response> {
        let Some(credentials) = authorization.and_then(Credentials::read) else {
            return Err(unauthorized(rules));
        };
        let now = clock::mono();
        match credentials {
            Credentials::Bearer(token) => {
                let tag = hmac::sign(&self.key, token.as_bytes());
                let id = self.id(sender, &[tag.as_ref()]);
                // Tags change in every byte with the token: how far two are equal tells nothing of it.
                let found = rules.tokens.iter().find(|(known, _)| known.as_ref() == tag.as_ref());
                if found.is_none() || !self.passwords.is_known(&id) {
                    self.attempt(sender, now)?;
                    if found.is_some() {
                        self.attempts.borrow_mut().forgive(sender);
                        self.passwords.remember(id);
                    }
                }
                if let Some((_, rights)) = found {
                    return Ok(*rights);
                }
            }
            Credentials::Basic(name, password) => {
                let user = rules.admission.users.iter().find(|user| user.name == name);
                let id = user.map(|user| self.id_of_user(sender, user, &password));
                if let (Some(user), Some(id)) = (user, id)
                    && self.passwords.is_known(&id)
                {
                    return Ok(user.rights);
                }
                self.attempt(sender, now)?;
                // An unknown user takes as long as a known one.
                if let Some(hash) = user.or(rules.admission.users.first()).map(|user| &user.hash) {
                    let fits = self.passwords.fits(hash, password).await;
                    if fits.is_none() {
                        self.attempts.borrow_mut().forgive(sender);
                        return Err(busy());
                    }
                    if let (Some(true), Some(user), Some(id)) = (fits, user, id) {
                        self.attempts.borrow_mut().forgive(sender);
                        self.passwords.remember(id);
                        return Ok(user.rights);
                    }
                }
            }
        }
        Err(unauthorized(rules))
    }

    /// Counts an attempt as wrong before it is looked at, so that many at a time are not more.
    fn attempt(&self, sender: Option<IpAddr>, now: Mono) -> Result<(), Response> {
        let mut attempts = self.attempts.borrow_mut();
        attempts.check(sender, now).map_err(too_many)?;
        attempts.failed(sender, now);
        Ok(())
    }

    /// A tag that only this user with this password has, by these rules and from this address: nothing else of the password is
    /// kept. Another address may try as often as if the password had never been right.
    fn id_of_user(&self, sender: Option<IpAddr>, user: &User, password: &str) -> [u8; 32] {
        let User { name, hash, .. } = user;
        self.id(sender, &[name.as_bytes(), &hash.salt, &hash.digest, password.as_bytes()])
    }

    fn id(&self, sender: Option<IpAddr>, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        let sender = network(sender).to_string();
        for part in std::iter::once(sender.as_bytes()).chain(parts.iter().copied()) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign().as_ref().try_into().unwrap_or_default()
    }

    /// Looks whether files have changed, unless that was done a moment ago; reads them if so.
    async fn look(&self) {
        let now = clock::mono();
        let is_fresh = self.looked_at.get().is_some_and(|at| now.since(at) < ACCESS_CHECK_INTERVAL);
        if is_fresh || self.is_looking.replace(true) {
            return;
        }
        let looking = Looking(&self.is_looking);
        let source = self.source.borrow().clone();
        let known = self.rules.borrow().files.clone();
        if source != RuleSource::default()
            || !known.is_empty()
            || self.rules.borrow().admission != Admission::default()
        {
            let is_new = self.looked_at.get().is_none();
            if is_new || has_changed(known).await {
                self.renew(&source).await;
            }
        }
        // Rules that were set meanwhile are looked at next.
        if *self.source.borrow() == source {
            self.looked_at.set(Some(now));
        }
        drop(looking);
    }

    async fn renew(&self, source: &RuleSource) {
        match self.read(source).await {
            Ok(rules) => {
                info!("web: TLS, users and tokens were read anew");
                if *self.source.borrow() == *source {
                    self.rules.replace(Rc::new(rules));
                }
            }
            Err(error) => {
                warn!("web: {error}; the rules of before stay in force");
                // Each mistake is told once.
                let known: Vec<_> =
                    self.rules.borrow().files.iter().map(|(file, _)| file.clone()).collect();
                let files = stamps(known).await;
                self.rules.replace_with(|rules| Rc::new(Rules { files, ..rules.copied() }));
            }
        }
    }

    async fn read(&self, source: &RuleSource) -> Result<Rules, AdmissionError> {
        let mut paths: Vec<PathBuf> = source.file.iter().cloned().collect();
        let before = stamps(paths.clone()).await;
        let admission = match &source.file {
            None => source.admission.clone(),
            Some(file) => {
                let content = READERS.read(file, CONFIG_BYTES_MAX).await;
                let content =
                    content.map_err(|error| AdmissionError::Unreadable(file.clone(), error))?;
                let (admission, warnings) =
                    Admission::load(&content.bytes, file).map_err(AdmissionError::Wrong)?;
                tell(file, &warnings);
                admission
            }
        };
        paths = admission.files();
        let mut files = before;
        files.extend(stamps(paths).await);
        let tls = match &admission.tls {
            None => None,
            Some(tls) => Some(self.server_config(tls).await),
        };
        if let Some(Err(why)) = &tls {
            warn!(
                "web: tls_server_config: {why}; until that is mended no TLS connection is served"
            );
        }
        let tokens = self.tokens(&admission).await;
        Ok(Rules { admission, tls, tokens, files })
    }

    async fn server_config(&self, tls: &ServerTls) -> Result<Arc<ServerConfig>, String> {
        let texts = ServerTexts {
            cert: text(&tls.cert, TLS_FILE_BYTES_MAX).await?,
            key: text(&tls.key, TLS_FILE_BYTES_MAX).await?,
            client_ca: match &tls.client_ca {
                Some(ca) => Some(text(ca, TLS_FILE_BYTES_MAX).await?),
                None => None,
            },
        };
        tls::server_config(tls, &texts, &self.clock).map_err(|error| error.to_string())
    }

    /// A token whose file cannot be used lets nobody in.
    async fn tokens(&self, admission: &Admission) -> Vec<(hmac::Tag, Rights)> {
        let mut tokens = Vec::new();
        for token in &admission.tokens {
            match text(&token.secret, SECRET_BYTES_MAX).await {
                Ok(text) if text.trim_ascii().len() >= TOKEN_BYTES_MIN => {
                    tokens.push((hmac::sign(&self.key, text.trim_ascii()), token.rights));
                }
                Ok(_) => warn!(
                    "web: the token {:?} is not used: its file has fewer than {TOKEN_BYTES_MIN} characters",
                    token.name
                ),
                Err(why) => warn!("web: the token {:?} is not used: {why}", token.name),
            }
        }
        tokens
    }
}

impl Rules {
    fn copied(&self) -> Self {
        Self {
            admission: self.admission.clone(),
            tls: self.tls.clone(),
            tokens: self.tokens.clone(),
            files: self.files.clone(),
        }
    }
}

/// Given back when it is dropped: a client that goes must not keep all others from looking.
struct Looking<'a>(&'a Cell<bool>);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

fn tell(file: &Path, warnings: &[Problem]) {
    for warning in warnings {
        warn!("{}", warning.in_file(&file.display()));
    }
}

async fn text(secret: &Secret, bytes_max: usize) -> Result<Vec<u8>, String> {
    match secret {
        Secret::Inline(text) => Ok(text.as_bytes().to_vec()),
        Secret::File(file) => {
            let content = READERS.read(file, bytes_max).await;
            Ok(content.map_err(|error| format!("reading {}: {error}", file.display()))?.bytes)
        }
    }
}

async fn has_changed(known: Vec<(PathBuf, Option<Stamp>)>) -> bool {
    let files = known.iter().map(|(file, _)| file.clone()).collect();
    stamps(files).await != known
}

/// The stamps of files as they are now; a file that is not there has none.
async fn stamps(files: Vec<PathBuf>) -> Vec<(PathBuf, Option<Stamp>)> {
    let Some(first) = files.first().cloned() else { return Vec::new() };
    let names = files.clone();
    let look = move || names.into_iter().map(|file| tls::stamp(&file).ok()).collect::<Vec<_>>();
    let stamps = READERS.run(&first, FILE_TIME_MAX, look).await.unwrap_or_default();
    let mut stamps = stamps.into_iter();
    files.into_iter().map(|file| (file, stamps.next().flatten())).collect()
}

fn unauthorized(rules: &Rules) -> Response {
    let mut response = Response::text(401, "Unauthorized\n");
    // A browser asks for a password only where there are any.
    let way = if rules.admission.users.is_empty() { "Bearer" } else { "Basic" };
    response.headers.push(("WWW-Authenticate", way.into()));
    response
}

fn forbidden(rights: Rights) -> Response {
    Response::text(403, &format!("Forbidden: these credentials are {}\n", rights.as_str()))
}

fn too_many(seconds: u64) -> Response {
    let text = "too many wrong passwords or tokens from this address: try again later\n";
    let mut response = Response::text(429, text);
    response.headers.push(("Retry-After", seconds.to_string().into()));
    response
}

fn busy() -> Response {
    let mut response =
        Response::text(503, "too many passwords are being checked: try again later\n");
    response.headers.push(("Retry-After", "1".into()));
    response
}

#[cfg(test)]
mod tests;
