//! Through which proxy a request goes, if any: the rules of Go's `httpproxy`, which Alertmanager has.

use std::net::IpAddr;

use crate::config::Secret;
use crate::model::Url;
use crate::model::url::Scheme;

/// The proxies of an `http_config`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proxy {
    /// For `http` URLs.
    pub http: Option<Url>,
    /// For `https` URLs.
    pub https: Option<Url>,
    /// The hosts that are reached directly.
    pub no_proxy: NoProxy,
    /// Whether these are the environment's.
    pub from_environment: bool,
    /// Headers of `CONNECT` requests.
    pub connect_headers: Vec<(String, Secret)>,
}

impl Proxy {
    /// The proxy for requests to `url`.
    pub fn of(&self, url: &Url) -> Option<&Url> {
        let proxy = match url.scheme() {
            Scheme::Http => self.http.as_ref(),
            Scheme::Https => self.https.as_ref(),
            Scheme::Socks5 => None,
        };
        proxy.filter(|_| !self.no_proxy.covers(url))
    }
}

/// A host that is reached without a proxy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NoProxy {
    list: String,
    /// Whether this machine is: so unless `proxy_url` stands alone.
    local: bool,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    place: Place,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq)]
enum Place {
    Any,
    Address(IpAddr),
    Net(IpAddr, u8),
    /// The domain, and whether the domain itself is meant beside its subdomains.
    Domain(String, bool),
}

impl NoProxy {
    /// The rules of a list with commas between. A rule that makes no sense is left out, as Go does.
    pub fn new(list: &str) -> Self {
        Self {
            list: list.to_owned(),
            local: true,
            rules: list.split(',').filter_map(rule).collect(),
        }
    }

    /// The list as it was given.
    pub fn list(&self) -> &str {
        &self.list
    }

    fn covers(&self, url: &Url) -> bool {
        let address: Option<IpAddr> = url.host().parse().ok();
        if self.local
            && (url.host() == "localhost" || address.is_some_and(|address| address.is_loopback()))
        {
            return true;
        }
        let host = url.host().trim_end_matches('.');
        self.rules.iter().any(|rule| {
            let is_there = match &rule.place {
                Place::Any => true,
                Place::Address(own) => address == Some(*own),
                Place::Net(net, bits) => address.is_some_and(|it| is_in(it, *net, *bits)),
                Place::Domain(domain, itself) => match host.strip_suffix(domain.as_str()) {
                    Some("") => *itself,
                    Some(rest) => rest.ends_with('.'),
                    None => false,
                },
            };
            is_there && rule.port.is_none_or(|port| port == url.port())
        })
    }
}

fn rule(text: &str) -> Option<Rule> {
    let text = text.trim().to_ascii_lowercase();
    if text == "*" {
        return Some(Rule { place: Place::Any, port: None });
    }
    if let Some((net, bits)) = text.split_once('/') {
        let (net, bits): (IpAddr, u8) = (net.parse().ok()?, bits.parse().ok()?);
        let most = if net.is_ipv4() { 32 } else { 128 };
        return (bits <= most).then_some(Rule { place: Place::Net(net, bits), port: None });
    }
    let bare = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>();
    if let Ok(address) = bare(&text) {
        return Some(Rule { place: Place::Address(address), port: None });
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (text.as_str(), None),
    };
    if let Ok(address) = bare(host) {
        return Some(Rule { place: Place::Address(address), port });
    }
    let (domain, itself) = match host.strip_prefix("*.").or_else(|| host.strip_prefix('.')) {
        Some(domain) => (domain, false),
        None => (host, true),
    };
    let domain = domain.to_owned();
    (!domain.is_empty()).then_some(Rule { place: Place::Domain(domain, itself), port })
}

fn is_in(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    let bits = u32::from(bits);
    match (address, net) {
        (IpAddr::V4(address), IpAddr::V4(net)) => {
            (address.to_bits() ^ net.to_bits()).leading_zeros() >= bits
        }
        (IpAddr::V6(address), IpAddr::V6(net)) => {
            (address.to_bits() ^ net.to_bits()).leading_zeros() >= bits
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_covers_hosts_domains_nets_and_ports() {
        let covers = |list: &str, url: &str| NoProxy::new(list).covers(&Url::parse(url).unwrap());
        for (list, url) in [
            ("*", "http://x/"),
            ("", "http://localhost:1/"),
            ("", "http://127.0.0.9/"),
            ("", "http://[::1]/"),
            ("a.example", "http://a.example/"),
            ("a.example", "http://b.a.example:1/"),
            (" x , A.example:8080 ", "http://a.example:8080/"),
            (".a.example", "http://b.a.example/"),
            ("*.a.example", "http://b.a.example/"),
            ("10.0.0.1", "http://10.0.0.1:1/"),
            ("10.0.0.1:80", "http://10.0.0.1/"),
            ("10.1.0.0/15", "http://10.0.9.9/"),
            ("0.0.0.0/0", "http://10.0.0.1/"),
            ("fd00::/8", "http://[fd12::1]/"),
            ("[fd12::1]:443", "https://[fd12::1]/"),
        ] {
            assert!(covers(list, url), "{list} {url}");
        }
        for (list, url) in [
            ("", "http://x/"),
            ("a.example", "http://ba.example/"),
            ("a.example:81", "http://a.example/"),
            (".a.example", "http://a.example/"),
            ("10.0.0.1:81", "http://10.0.0.1/"),
            ("10.0.0.0/24", "http://10.0.1.1/"),
            ("10.0.0.0/33", "http://10.0.0.1/"),
            ("a.example:x", "http://a.example/"),
            ("fd00::/8", "http://10.0.0.1/"),
        ] {
            assert!(!covers(list, url), "{list} {url}");
        }
    }

    #[test]
    fn a_proxy_that_stands_alone_takes_everything() {
        let url = |text| Url::parse(text).unwrap();
        let proxy = Proxy { http: Some(url("http://p/")), ..Proxy::default() };
        assert_eq!(proxy.of(&url("http://localhost/")), proxy.http.as_ref());
        assert_eq!(proxy.of(&url("https://x/")), None);
    }
}
