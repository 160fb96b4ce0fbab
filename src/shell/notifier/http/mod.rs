//! Requests to receivers over HTTP/1.1: authorization, redirects, and connections that are kept for the next one. No error
//! says more of a URL than its host.
//!
//! A request is sent again at once in one case alone: the connection had been kept and broke before any byte of an
//! answer. The other side had closed it while it was idle, so nobody there has read the request. Everything else is a
//! failure that the brain judges: delivery is at least once.

pub(super) mod connection;
mod error;
mod kept;
mod oauth2;
mod proxy;
mod redirect;

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

use log::debug;
use smol::LocalExecutor;

use crate::config::{Authorization, Http, OAuth2, Proxy, Secret, Tls};
use crate::model::url::{Scheme, UserInfo};
use crate::model::{Url, base64};
use crate::notify::{HttpRequest, Part, Reply, SecretText};
use crate::shell::tls::Clients;
use crate::shell::{clock, secrets};
use crate::wire::http1::{self, HttpAnswer};

use connection::Connection;
pub(super) use error::Error;
use kept::{Kept, Route};
use oauth2::Tokens;

const AGENT: &str = concat!("Bellwether/", env!("CARGO_PKG_VERSION"));

/// Sends requests, and keeps what the next one can use: connections, sessions, tokens.
#[derive(Debug)]
pub(super) struct Client {
    tls: Rc<Clients>,
    kept: Kept,
    tokens: Tokens,
}

/// The status of an answer that is being read, once it says that the notification was taken.
pub(super) type Taken = Cell<Option<u16>>;

/// One request, its secrets filled in.
struct Call<'a> {
    method: &'a str,
    target: Url,
    headers: Vec<Header>,
    body: Option<&'a str>,
    tls: &'a Tls,
    proxy: &'a Proxy,
}

#[derive(Clone)]
struct Header {
    name: String,
    value: String,
    is_secret: bool,
}

impl Client {
    pub(super) fn new(executor: &Rc<LocalExecutor<'static>>, tls: &Rc<Clients>) -> Self {
        Self { tls: Rc::clone(tls), kept: Kept::new(executor), tokens: Tokens::default() }
    }

    /// Sends a request and follows redirects if that is asked for. `taken` is told as soon as it is known that the
    /// other side has the notification.
    pub(super) async fn send(&self, request: &HttpRequest, taken: &Taken) -> Result<Reply, Error> {
        let target = Url::parse(&written(&request.url).await?).map_err(Error::Url)?;
        let body = written(&request.body).await?;
        let mut headers = self.headers(request, target.user()).await?;
        let mut answer =
            self.follow(request, target.clone(), headers.clone(), &body, taken).await?;
        if let (401, Authorization::OAuth2(oauth2)) = (answer.status, &request.http.authorization) {
            // The token may have ended before its time.
            self.forget(oauth2).await;
            headers = self.headers(request, target.user()).await?;
            answer = self.follow(request, target, headers.clone(), &body, taken).await?;
        }
        // Of `Bearer x` the second word is secret.
        let secrets = headers.into_iter().filter(|it| it.is_secret);
        let secrets: Vec<String> =
            secrets.filter_map(|it| it.value.rsplit(' ').next().map(str::to_owned)).collect();
        let after = answer.retry_after.as_deref();
        let reply = Reply::Http {
            status: answer.status,
            retry_after: after.and_then(|text| http1::retry_after(text, clock::wall())),
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        };
        Ok(reply.without(&secrets))
    }

    /// Forgets a token that was refused.
    pub(super) async fn forget(&self, oauth2: &OAuth2) {
        self.tokens.forget(oauth2).await;
    }

    /// Opens a connection to where requests to `url` go, and closes it.
    pub(super) async fn look(&self, url: &SecretText, http: &Http) -> Result<(), Error> {
        let url = Url::parse(&written(url).await?).map_err(Error::Url)?;
        let place = http.proxy.of(&url).unwrap_or(&url);
        connection::connect(place.host(), place.port()).await.map(drop)
    }

    /// One request and its answer, over a connection that was kept or a new one.
    async fn exchange(&self, call: &Call<'_>, taken: &Taken) -> Result<HttpAnswer, Error> {
        let route = Route::new(call, &self.tls).await?;
        let (head, body) = route.request(call)?;
        if let Some(mut connection) = self.kept.take(&route).await {
            match connection.talk([&head, body], taken).await {
                Ok(answer) => {
                    self.kept.put(route.clone(), connection, answer.keep);
                    return Self::of_receiver(&route, answer);
                }
                Err(broken) if broken.before_any_byte => {
                    debug!("the connection to {} was closed while it was kept", call.target);
                }
                Err(broken) => return Err(broken.error(&call.target)),
            }
        }
        let mut connection = self.open(&route, call).await?;
        let answer = connection
            .talk([&head, body], taken)
            .await
            .map_err(|broken| broken.error(&call.target))?;
        self.kept.put(route.clone(), connection, answer.keep);
        Self::of_receiver(&route, answer)
    }

    /// The meaning of an answer: a proxy that carries plain requests may answer for itself.
    fn of_receiver(route: &Route, answer: HttpAnswer) -> Result<HttpAnswer, Error> {
        match route.carrier() {
            Some(proxy) if answer.status == 407 => Err(proxy::unknown(proxy)),
            _ => Ok(answer),
        }
    }

    /// A new connection along a route: through the proxy, and with TLS, if these are on it.
    async fn open(&self, route: &Route, call: &Call<'_>) -> Result<Connection, Error> {
        let target = &call.target;
        let mut connection = match route.proxy() {
            None => Connection::open(target.host(), target.port()).await?,
            Some(proxy) => {
                let mut connection = Connection::open(proxy.host(), proxy.port()).await?;
                if proxy.scheme() == Scheme::Https {
                    // Name and pins are those of the receiver.
                    let tls = Tls { server_name: None, pins: Vec::new(), ..call.tls.clone() };
                    connection = connection.with_tls(&self.tls, &tls, proxy.host()).await?;
                }
                proxy::pass(&mut connection, proxy, target, route.connect_headers()).await?;
                connection
            }
        };
        if target.scheme() == Scheme::Https {
            connection = connection.with_tls(&self.tls, call.tls, target.host()).await?;
        }
        Ok(connection)
    }

    async fn headers(
        &self,
        request: &HttpRequest,
        user: Option<&UserInfo>,
    ) -> Result<Vec<Header>, Error> {
        let mut headers = vec![Header {
            name: "User-Agent".to_owned(),
            value: AGENT.to_owned(),
            is_secret: false,
        }];
        for (name, text) in &request.headers {
            let (value, is_secret) = (written(text).await?.into_owned(), text.has_secrets());
            headers.push(Header { name: name.clone(), value, is_secret });
        }
        let authorization = match &request.http.authorization {
            Authorization::None => user.map(basic),
            Authorization::Basic { username, password } => {
                let (name, password) = (read(username).await?, read(password).await?);
                Some(basic(&UserInfo { name, password }))
            }
            Authorization::Scheme(scheme, credentials) => {
                Some(format!("{scheme} {}", read(credentials).await?))
            }
            Authorization::OAuth2(oauth2) => Some(self.token(oauth2).await?),
        };
        // A type that has said who asks is not contradicted.
        let is_said = |name: &str| headers.iter().any(|it| it.name.eq_ignore_ascii_case(name));
        if let Some(value) = authorization.filter(|_| !is_said("Authorization")) {
            headers.push(Header { name: "Authorization".to_owned(), value, is_secret: true });
        }
        for (name, secret) in &request.http.headers {
            headers.push(Header {
                name: name.clone(),
                value: read(secret).await?,
                is_secret: true,
            });
        }
        Ok(headers)
    }
}

fn basic(user: &UserInfo) -> String {
    let pair = format!("{}:{}", user.name, user.password);
    format!("Basic {}", base64::encode(pair.as_bytes()))
}

/// The text with its secrets filled in.
async fn written(text: &SecretText) -> Result<Cow<'_, str>, Error> {
    if let [Part::Plain(text)] = text.parts() {
        return Ok(Cow::Borrowed(text));
    }
    let mut whole = String::new();
    for part in text.parts() {
        match part {
            Part::Plain(text) => whole.push_str(text),
            Part::Secret(secret, escape) => whole.push_str(&escape.apply(&read(secret).await?)),
        }
    }
    Ok(Cow::Owned(whole))
}

async fn read(secret: &Secret) -> Result<String, Error> {
    secrets::read(secret).await.map_err(Error::Secret)
}
