//! Which requests are refused whatever they ask for: those of pages of other sites, and writes where the agent is read-only.
//!
//! A browser in the operator's network sends what any page tells it to. Two headers give such a page away, and no page can
//! choose them: `Host` names the site that the browser believes to speak to (a name of the page's own that was pointed at
//! this machine), and `Origin`, which every browser adds to whatever is not a plain read, names the page's site.
//! Programs (curl, Prometheus, amtool) send no `Origin`.

use std::net::{IpAddr, Ipv6Addr};

use crate::api::{Endpoint, Request, Response};
use crate::config::settings::{AllowedHost, Origin, Web};
use crate::model::{Url, brief};

/// Bytes of a header that a refusal repeats.
const SHOWN_BYTES_MAX: usize = 128;

/// Which requests are refused whatever they ask for.
#[derive(Debug, Default)]
pub struct Access {
    read_only: bool,
    hosts: Vec<AllowedHost>,
    /// Of the page at the external URL, which a proxy may serve.
    own_origin: Option<Origin>,
    origins: Vec<Origin>,
}

impl Access {
    /// By the settings, the URL by which users reach this node, and the machine's name.
    pub fn new(web: &Web, external_url: &str, machine: &str) -> Self {
        let external = Url::parse(external_url).ok();
        let short = machine.split('.').next().unwrap_or_default();
        let local = format!("{short}.local");
        let own = ["localhost", machine, short, &local];
        let of_url = external.as_ref().map(Url::host);
        let names = own.into_iter().chain(of_url).filter(|name| !name.is_empty());
        Self {
            read_only: web.read_only,
            hosts: names.map(AllowedHost::exactly).chain(web.allowed_hosts.clone()).collect(),
            own_origin: external.as_ref().map(Origin::of),
            origins: web.allowed_origins.clone(),
        }
    }

    /// Whether nothing can be changed over HTTP.
    pub const fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether a page of the origin that a request tells, if it tells one, may use the API.
    pub(super) fn allows_origin(&self, request: &Request<'_>) -> bool {
        request.origin.is_some_and(|it| self.origins.iter().any(|origin| origin.is(it)))
    }

    /// The refusal of a request, if it is to be refused.
    pub(super) fn refuse(
        &self,
        endpoint: &Endpoint<'_>,
        request: &Request<'_>,
    ) -> Option<Response> {
        let reads = ["GET", "HEAD", "OPTIONS"].contains(&request.method);
        let why = self
            .foreign_host(endpoint, request)
            .or_else(|| if reads { None } else { self.foreign_origin(endpoint, request) })
            .or_else(|| if reads { None } else { self.write(endpoint) })?;
        Some(if endpoint.is_v2() {
            Response::object(403, 403, &why)
        } else {
            Response::text(403, &format!("{why}\n"))
        })
    }

    /// Refuses a name that is not ours. Health is told under any, for there is nothing in it. Alerts and pings of programs are
    /// taken under any: no browser posts without an origin, and a refusal would lose them.
    fn foreign_host(&self, endpoint: &Endpoint<'_>, request: &Request<'_>) -> Option<String> {
        let is_harmless = match endpoint {
            Endpoint::Healthy | Endpoint::Ready => true,
            Endpoint::Alerts | Endpoint::AlertsV1 | Endpoint::Ping(_) => {
                request.method == "POST" && request.origin.is_none()
            }
            _ => false,
        };
        let host = request.host.filter(|host| !is_harmless && !self.is_ours(host))?;
        Some(format!(
            "host {:?} is no name of this agent: use its address or its own name, or allow this one with web.allowed_hosts \
             (--web.allowed-host)",
            brief::cut(host, SHOWN_BYTES_MAX)
        ))
    }

    /// Whether the value of a header `Host` names this machine: no page can make a name of its own out of an address.
    fn is_ours(&self, host: &str) -> bool {
        if let Some((address, port)) = host.strip_prefix('[').and_then(|it| it.split_once(']')) {
            return address.parse::<Ipv6Addr>().is_ok()
                && (port.is_empty() || port.starts_with(':'));
        }
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        name.is_empty()
            || name.parse::<IpAddr>().is_ok()
            || self.hosts.iter().any(|allowed| allowed.allows(&name))
    }

    /// Refuses what a page of another site sends.
    fn foreign_origin(&self, endpoint: &Endpoint<'_>, request: &Request<'_>) -> Option<String> {
        let origin = request.origin?;
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        let is_same = request.host.is_some_and(|host| host.eq_ignore_ascii_case(authority));
        let is_own = is_same || self.own_origin.as_ref().is_some_and(|it| it.is(origin));
        if is_own || (endpoint.is_v2() && self.allows_origin(request)) {
            return None;
        }
        let origin = brief::cut(origin, SHOWN_BYTES_MAX);
        Some(if endpoint.is_v2() {
            format!(
                "a page of {origin:?} may not write here: set web.external_url if it is this agent's behind a proxy, or allow \
                 it with web.allowed_origins (--web.allowed-origin)"
            )
        } else {
            format!("a page of {origin:?} may not write here: only this agent's own page may")
        })
    }

    /// Refuses what would change something, but for alerts and pings.
    fn write(&self, endpoint: &Endpoint<'_>) -> Option<String> {
        let is_sent = matches!(endpoint, Endpoint::Alerts | Endpoint::AlertsV1 | Endpoint::Ping(_));
        (self.read_only && !is_sent).then(|| {
            "this agent is read-only (web.read_only, --web.read-only): it takes alerts and changes nothing else over HTTP"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::SettingValue as _;
    use crate::config::settings::Settings;

    fn access(hosts: &[&str], origins: &[&str]) -> Access {
        let mut web = Settings::default().web;
        for it in hosts {
            web.allowed_hosts.set(it).unwrap();
        }
        for it in origins {
            web.allowed_origins.set(it).unwrap();
        }
        Access::new(&web, "https://alerts.example.net/gw1", "GW1.site87.example.net")
    }

    fn status(access: &Access, line: &str, host: &str, origin: &str) -> u16 {
        let (method, path) = line.split_once(' ').unwrap();
        let some = |text| Some(text).filter(|text: &&str| !text.is_empty());
        let request =
            Request { method, path, host: some(host), origin: some(origin), ..Request::default() };
        access.refuse(&Endpoint::find("", path), &request).map_or(200, |it| it.status)
    }

    #[test]
    fn only_hosts_of_ours_are_answered() {
        let access = access(&["gw.lan", "*.corp.example"], &[]);
        for host in [
            "",
            "localhost",
            "localhost:9093",
            "LOCALHOST.",
            "127.0.0.1:9093",
            "192.168.1.7",
            "[::1]",
            "[fe80::1]:9093",
            "gw1",
            "gw1:9093",
            "gw1.local:9093",
            "gw1.site87.example.net",
            "alerts.example.net",
            "gw.lan",
            "a.corp.example",
        ] {
            assert_eq!(status(&access, "GET /api/v2/alerts", host, ""), 200, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9093",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "gw1.evil.example",
            "corp.example",
            "notlocalhost",
            "[evil]",
            "[::1].evil",
            "1.2.3",
            "evil.example:127.0.0.1",
            "gw1.site87",
        ] {
            for line in [
                "GET /",
                "GET /plain",
                "GET /assets/app.js",
                "GET /api/v2/alerts",
                "GET /api/v2/status",
                "GET /metrics",
                "GET /bellwether/v1/history",
                "POST /api/v2/silences",
                "DELETE /api/v2/silence/x",
                "POST /-/reload",
                "OPTIONS /api/v2/silences",
                "GET /nothing",
            ] {
                assert_eq!(status(&access, line, host, ""), 403, "{line} {host}");
            }
        }
    }

    #[test]
    fn health_and_alerts_of_programs_need_no_name_of_ours() {
        let access = access(&[], &[]);
        for line in ["GET /-/healthy", "GET /-/ready", "POST /api/v2/alerts", "POST /api/v1/alerts"]
        {
            assert_eq!(status(&access, line, "gw.elsewhere.example:9093", ""), 200, "{line}");
        }
        for line in ["POST /api/v2/alerts", "POST /api/v1/alerts"] {
            let origin = "http://gw.elsewhere.example:9093";
            assert_eq!(status(&access, line, "gw.elsewhere.example:9093", origin), 403, "{line}");
        }
    }

    #[test]
    fn a_page_of_another_site_writes_nothing() {
        let access = access(&[], &[]);
        let writes = [
            "POST /api/v2/alerts",
            "POST /api/v1/alerts",
            "POST /bellwether/v1/ping/backup",
            "POST /api/v2/silences",
            "DELETE /api/v2/silence/x",
            "POST /-/reload",
            "POST /bellwether/v1/notify/test",
            "POST /bellwether/v1/owed/drop",
            "POST /bellwether/v1/owed/retry",
            "PUT /api/v2/silences",
            "POST /",
            "PATCH /nothing",
        ];
        for line in writes {
            let at = |origin| status(&access, line, "192.168.1.7:9093", origin);
            assert_eq!((at(""), at("http://192.168.1.7:9093")), (200, 200), "{line}");
            assert_eq!(at("https://alerts.example.net"), 200, "{line}: the page behind a proxy");
            for origin in [
                "http://evil.example",
                "null",
                "http://192.168.1.7",
                "http://192.168.1.7:80",
                "http://192.168.1.70:9093",
                "http://alerts.example.net",
                "https://alerts.example.net.evil.example",
                "192.168.1.7:9093",
                "file://",
                "*",
            ] {
                assert_eq!(at(origin), 403, "{line} {origin}");
            }
        }
        // A foreign page is not shown what it requests: no header allows that.
        assert_eq!(
            status(&access, "GET /api/v2/alerts", "192.168.1.7", "http://evil.example"),
            200
        );
    }

    #[test]
    fn an_allowed_origin_may_use_the_api_and_no_more() {
        let access = access(&[], &["http://karma.example:8080"]);
        let at = |line, origin| status(&access, line, "gw1:9093", origin);
        for line in ["POST /api/v2/silences", "DELETE /api/v2/silence/x", "POST /api/v2/alerts"] {
            assert_eq!(at(line, "http://karma.example:8080"), 200, "{line}");
            assert_eq!(at(line, "http://karma.example"), 403, "{line}");
        }
        assert_eq!(at("POST /-/reload", "http://karma.example:8080"), 403);
        let any = self::access(&["*"], &["*"]);
        assert_eq!(status(&any, "POST /api/v2/silences", "a.example", "http://b.example"), 200);
    }

    #[test]
    fn read_only_takes_alerts_and_nothing_else() {
        let mut access = access(&[], &[]);
        access.read_only = true;
        for line in [
            "POST /api/v2/silences",
            "DELETE /api/v2/silence/x",
            "POST /-/reload",
            "POST /bellwether/v1/test",
        ] {
            assert_eq!(status(&access, line, "gw1", ""), 403, "{line}");
        }
        for line in [
            "POST /api/v2/alerts",
            "POST /api/v1/alerts",
            "GET /api/v2/silences",
            "HEAD /",
            "OPTIONS /-/reload",
        ] {
            assert_eq!(status(&access, line, "gw1", ""), 200, "{line}");
        }
    }
}
