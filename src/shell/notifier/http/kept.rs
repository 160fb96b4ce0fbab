//! Connections that are kept for the next request along the same route: a handshake costs more bytes than a notification.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use smol::{LocalExecutor, Task, Timer};

use super::connection::Connection;
use super::{Call, Error, basic, read};
use crate::limits::{HTTP_READ_BYTES, KEPT_CONNECTIONS_MAX, KEPT_TIME_MAX};
use crate::model::Url;
use crate::model::url::Scheme;
use crate::shell::tls::Clients;
use crate::wire::http1;

/// The properties that a connection must share with a request to carry it.
#[derive(Clone)]
pub(super) struct Route {
    /// Whose connection it is; none: the proxy's, which carries requests to any host.
    target: Option<(Scheme, String, u16)>,
    proxy: Option<Url>,
    connect_headers: Vec<(String, String)>,
    /// Its TLS settings, which are made anew when a file that they name has changed; none without TLS.
    tls: Option<Arc<ClientConfig>>,
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        let own = |it: &Self| it.tls.as_ref().map(Arc::as_ptr);
        (&self.target, &self.proxy, &self.connect_headers, own(self))
            == (&other.target, &other.proxy, &other.connect_headers, own(other))
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Route {
    /// The route of a request.
    pub(super) async fn new(call: &Call<'_>, clients: &Clients) -> Result<Self, Error> {
        let (url, proxy) = (&call.target, call.proxy.of(&call.target));
        let is_https = |url: &Url| url.scheme() == Scheme::Https;
        let is_tunnel = is_https(url) || proxy.is_none_or(|proxy| proxy.scheme() == Scheme::Socks5);
        let mut connect_headers = Vec::new();
        if is_tunnel && proxy.is_some() {
            for (name, secret) in &call.proxy.connect_headers {
                connect_headers.push((name.clone(), read(secret).await?));
            }
        }
        let tls = if is_https(url) || proxy.is_some_and(is_https) {
            Some(clients.client(call.tls).await?)
        } else {
            None
        };
        Ok(Self {
            target: is_tunnel.then(|| (url.scheme(), url.host().to_owned(), url.port())),
            proxy: proxy.cloned(),
            connect_headers,
            tls,
        })
    }

    /// The proxy on the way.
    pub(super) const fn proxy(&self) -> Option<&Url> {
        self.proxy.as_ref()
    }

    /// The proxy that reads the requests itself and passes them on, if there is one.
    pub(super) fn carrier(&self) -> Option<&Url> {
        self.proxy.as_ref().filter(|_| self.target.is_none())
    }

    /// The request to a proxy that opens a tunnel.
    pub(super) fn connect_headers(&self) -> &[(String, String)] {
        &self.connect_headers
    }

    /// A request as it is sent along this route. A short body stands behind the head: both are one packet then.
    pub(super) fn request<'a>(&self, call: &Call<'a>) -> Result<(Vec<u8>, &'a [u8]), Error> {
        let host = call.target.authority();
        let mut headers = vec![("Host", host.as_str())];
        let authorization = self.proxy.as_ref().and_then(Url::user).map(basic);
        let mut path = call.target.path().to_owned();
        if self.target.is_none() {
            headers.extend(authorization.as_deref().map(|it| ("Proxy-Authorization", it)));
            path.insert_str(0, &call.target.to_string());
        }
        headers.extend(call.headers.iter().map(|header| (&*header.name, &*header.value)));
        let length = call.body.map(str::len);
        let mut head = http1::head(call.method, &path, &headers, length).map_err(Error::Header)?;
        let body = call.body.unwrap_or_default().as_bytes();
        if body.len() > HTTP_READ_BYTES {
            return Ok((head, body));
        }
        head.extend_from_slice(body);
        Ok((head, &[]))
    }
}

/// The connections that are kept, longest idle first.
pub(super) struct Kept {
    executor: Rc<LocalExecutor<'static>>,
    idle: Rc<RefCell<Idle>>,
}

#[derive(Default)]
struct Idle {
    kept: u64,
    connections: Vec<One>,
}

struct One {
    number: u64,
    route: Route,
    connection: Connection,
    /// Closes it when its time is over.
    _end: Task<()>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle = self.idle.borrow().connections.len();
        f.debug_struct("Kept").field("idle", &idle).finish_non_exhaustive()
    }
}

impl Kept {
    pub(super) fn new(executor: &Rc<LocalExecutor<'static>>) -> Self {
        Self { executor: Rc::clone(executor), idle: Rc::default() }
    }

    /// A connection of this route that is still open, if one is kept.
    pub(super) async fn take(&self, route: &Route) -> Option<Connection> {
        loop {
            let mut one = {
                let connections = &mut self.idle.borrow_mut().connections;
                let place = connections.iter().rposition(|one| one.route == *route)?;
                connections.remove(place)
            };
            if one.connection.is_idle().await {
                one.connection.expect_life();
                return Some(one.connection);
            }
        }
    }

    /// Keeps a connection after its answer, as long as the other side allows and [`KEPT_TIME_MAX`] at most.
    pub(super) fn put(&self, route: Route, connection: Connection, keep: Option<Duration>) {
        // A little less than the other side says: its clock runs since it sent the answer.
        let keep = keep.map(|keep| keep.min(KEPT_TIME_MAX).saturating_sub(Duration::from_secs(1)));
        let Some(keep) = keep.filter(|keep| !keep.is_zero()) else { return };
        let mut idle = self.idle.borrow_mut();
        if idle.connections.len() >= KEPT_CONNECTIONS_MAX {
            idle.connections.remove(0);
        }
        idle.kept += 1;
        let (number, all) = (idle.kept, Rc::downgrade(&self.idle));
        let end = self.executor.spawn(async move {
            Timer::after(keep).await;
            let Some(all) = all.upgrade() else { return };
            let place = all.borrow().connections.iter().position(|one| one.number == number);
            let one = place.map(|place| all.borrow_mut().connections.remove(place));
            // This task is part of it.
            if let Some(One { _end: end, .. }) = one {
                end.detach();
            }
        });
        idle.connections.push(One { number, route, connection, _end: end });
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{Proxy, Secret, Tls};
    use crate::shell::tls::AUTHORITY;

    #[test]
    fn a_connection_is_not_used_again_once_a_file_of_its_tls_has_changed() {
        let file = std::env::temp_dir().join(format!("bellwether-kept-{}", std::process::id()));
        let tls = Tls { ca: Some(Secret::File(file.clone())), ..Tls::default() };
        let (clients, proxy) = (Clients::default(), Proxy::default());
        let route_to = |url: &str| {
            let target = Url::parse(url).unwrap();
            let (headers, tls, proxy) = (Vec::new(), &tls, &proxy);
            let call = Call { method: "POST", target, headers, body: None, tls, proxy };
            smol::block_on(Route::new(&call, &clients)).unwrap()
        };
        fs::write(&file, AUTHORITY).unwrap();
        let route = route_to("https://a/");
        assert!(route == route_to("https://a/b") && route != route_to("https://b/"));
        fs::write(&file, format!("renewed\n{AUTHORITY}")).unwrap();
        let renewed = route_to("https://a/");
        assert!(route != renewed && renewed == route_to("https://a/"));
        fs::remove_file(&file).unwrap();
        assert!(route_to("http://a/") == route_to("http://a/c"), "no TLS, no file");
    }
}
