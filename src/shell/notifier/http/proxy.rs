//! The way through a proxy: `CONNECT` (RFC 9110, section 9.3.6) and SOCKS 5 (RFC 1928, RFC 1929).

use std::io;
use std::net::IpAddr;

use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::connection::Connection;
use super::{AGENT, Error, basic};
use crate::model::Url;
use crate::model::url::Scheme;
use crate::wire::http1;

/// Asks `proxy` to pass everything on to `target`. For plain HTTP an HTTP proxy needs not be asked.
pub(super) async fn pass(
    connection: &mut Connection,
    proxy: &Url,
    target: &Url,
    headers: &[(String, String)],
) -> Result<(), Error> {
    let failed = |why| Error::Proxy(proxy.authority(), why);
    match (proxy.scheme(), target.scheme()) {
        (Scheme::Socks5, _) => socks(connection, proxy, target)
            .await
            .map_err(|error: io::Error| failed(error.to_string())),
        (_, Scheme::Https) => tunnel(connection, proxy, target, headers).await,
        _ => Ok(()),
    }
}

async fn tunnel(
    connection: &mut Connection,
    proxy: &Url,
    target: &Url,
    headers: &[(String, String)],
) -> Result<(), Error> {
    let failed = |why| Error::Proxy(proxy.authority(), why);
    let host = target.host();
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let place = format!("{host}:{}", target.port());
    let authorization = proxy.user().map(basic);
    let mut all = vec![("Host", place.as_str()), ("User-Agent", AGENT)];
    all.extend(authorization.as_deref().map(|it| ("Proxy-Authorization", it)));
    // A user of the URL wins over the same header, as in Go.
    let is_said = |name: &str| all.iter().any(|(said, _)| said.eq_ignore_ascii_case(name));
    let more = headers.iter().filter(|(name, _)| !is_said(name));
    let more: Vec<_> = more.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    all.extend(more);
    let request = http1::head("CONNECT", &place, &all, None).map_err(Error::Header)?;
    let answer = connection.ask(&request).await.map_err(|broken| failed(broken.why()))?;
    match answer.status {
        200..300 => Ok(()),
        407 => Err(unknown(proxy)),
        status => Err(failed(format!("it does not connect us to {place}: status {status}"))),
    }
}

/// The proxy does not know us.
pub(super) fn unknown(proxy: &Url) -> Error {
    let why = "it requires authentication (407): set user and password in proxy_url";
    Error::Proxy(proxy.authority(), why.to_owned())
}

async fn socks(connection: &mut Connection, proxy: &Url, target: &Url) -> io::Result<()> {
    const VERSION: u8 = 5;
    const NO_AUTHENTICATION: u8 = 0;
    const PASSWORD: u8 = 2;
    let odd = |why: &str| io::Error::other(why.to_owned());
    let stream = connection.stream();
    let user = proxy.user();
    let method = if user.is_some() { PASSWORD } else { NO_AUTHENTICATION };
    stream.write_all(&[VERSION, 1, method]).await?;
    stream.flush().await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    if chosen != [VERSION, method] {
        return Err(odd("it does not take our kind of authentication: check user and password"));
    }
    if let Some(user) = user {
        let mut says = vec![1];
        for text in [&user.name, &user.password] {
            says.push(u8::try_from(text.len()).map_err(|_| odd("user or password is too long"))?);
            says.extend_from_slice(text.as_bytes());
        }
        stream.write_all(&says).await?;
        stream.flush().await?;
        let mut verdict = [0; 2];
        stream.read_exact(&mut verdict).await?;
        if verdict != [1, 0] {
            return Err(odd("it refuses user and password"));
        }
    }
    let mut asks = vec![VERSION, 1, 0];
    match target.host().parse() {
        Ok(IpAddr::V4(address)) => {
            asks.push(1);
            asks.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            asks.push(4);
            asks.extend_from_slice(&address.octets());
        }
        Err(_) => {
            let name = target.host().as_bytes();
            asks.push(3);
            asks.push(u8::try_from(name.len()).map_err(|_| odd("the host's name is too long"))?);
            asks.extend_from_slice(name);
        }
    }
    asks.extend_from_slice(&target.port().to_be_bytes());
    stream.write_all(&asks).await?;
    stream.flush().await?;
    let mut reply = [0; 5];
    stream.read_exact(&mut reply).await?;
    let [VERSION, code, _, kind, first] = reply else {
        return Err(odd("it does not speak SOCKS 5"));
    };
    if code != 0 {
        return Err(odd(&format!("it does not connect us to {target}: code {code}")));
    }
    // Its own address, whose first byte was read, and its port.
    let rest = match kind {
        1 => 3 + 2,
        4 => 15 + 2,
        _ => usize::from(first) + 2,
    };
    stream.read_exact(vec![0; rest].as_mut_slice()).await
}
