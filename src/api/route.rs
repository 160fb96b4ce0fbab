//! From a path to an endpoint, and what is refused before an endpoint sees it.

use std::borrow::Cow;

use crate::api::{Access, Request, Response, content_type, cors};
use crate::config::web::Need;

/// The target of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint<'a> {
    /// `/api/v2/alerts`
    Alerts,
    /// `/api/v2/alerts/groups`
    Groups,
    /// `/api/v2/receivers`
    Receivers,
    /// `/api/v2/silences`
    Silences,
    /// `/api/v2/silence/{silenceID}`
    Silence(&'a str),
    /// `/api/v2/status`
    Status,
    /// Below `/api/v2/`, but nothing.
    UnknownV2(&'a str),
    /// `/assets/{name}`, a file of the page.
    Asset(&'a str),
    /// `/bellwether/v1/changes`
    Changes,
    /// `/api/v1/alerts`
    AlertsV1,
    /// Any other path that version 1 had.
    GoneV1,
    /// `/-/healthy`
    Healthy,
    /// `/bellwether/v1/deadman`: what is expected, and what is told of the flock itself.
    DeadMan,
    /// `/bellwether/v1/history`
    History,
    /// `/metrics`
    Metrics,
    /// `/bellwether/v1/notify/test`
    NotifyTest,
    /// `/`
    Page,
    /// `/bellwether/v1/owed`
    Owed,
    /// `/bellwether/v1/owed/drop`
    OwedDrop,
    /// `/bellwether/v1/owed/retry`
    OwedRetry,
    /// `/bellwether/v1/pending`
    Pending,
    /// `/bellwether/v1/ping/{name}`
    Ping(&'a str),
    /// `/plain`, the page for browsers without JavaScript.
    Plain,
    /// `/` where a prefix is set.
    Prefix,
    /// `/-/ready`
    Ready,
    /// `/-/reload`
    Reload,
    /// `/ui/...`: where newer versions of Alertmanager have their page.
    Ui(&'a str),
    /// Nothing.
    Unknown,
    /// `/bellwether/v1/groups`
    Versioned,
}

impl<'a> Endpoint<'a> {
    /// The target of a [`cleaned`] path behind `prefix`.
    pub fn find(prefix: &str, path: &'a str) -> Self {
        let Some(path) = path.strip_prefix(prefix).filter(|rest| rest.starts_with('/')) else {
            return if path == "/" { Self::Prefix } else { Self::Unknown };
        };
        match path {
            "/" => Self::Page,
            "/-/healthy" => Self::Healthy,
            "/-/ready" => Self::Ready,
            "/-/reload" => Self::Reload,
            "/metrics" => Self::Metrics,
            "/bellwether/v1/changes" => Self::Changes,
            "/bellwether/v1/deadman" => Self::DeadMan,
            "/bellwether/v1/groups" => Self::Versioned,
            "/bellwether/v1/history" => Self::History,
            "/bellwether/v1/notify/test" => Self::NotifyTest,
            "/bellwether/v1/owed" => Self::Owed,
            "/bellwether/v1/owed/drop" => Self::OwedDrop,
            "/bellwether/v1/owed/retry" => Self::OwedRetry,
            "/bellwether/v1/pending" => Self::Pending,
            "/plain" => Self::Plain,
            "/ui" => Self::Ui(""),
            "/api/v1/alerts" => Self::AlertsV1,
            "/api/v1/receivers" | "/api/v1/silences" | "/api/v1/status" => Self::GoneV1,
            "/api/v2" => Self::UnknownV2(path),
            _ if path.starts_with("/api/v1/silence/") => Self::GoneV1,
            _ if path.starts_with("/assets/") => Self::Asset(path.trim_start_matches("/assets/")),
            _ if path.starts_with("/bellwether/v1/ping/") => {
                Self::Ping(path.trim_start_matches("/bellwether/v1/ping/"))
            }
            _ if path.starts_with("/ui/") => Self::Ui(path.trim_start_matches("/ui/")),
            _ => path.strip_prefix("/api/v2/").map_or(Self::Unknown, |rest| Self::v2(path, rest)),
        }
    }

    fn v2(path: &'a str, rest: &'a str) -> Self {
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        match rest.split_once('/') {
            None if rest == "alerts" => Self::Alerts,
            None if rest == "receivers" => Self::Receivers,
            None if rest == "silences" => Self::Silences,
            None if rest == "status" => Self::Status,
            Some(("alerts", "groups")) => Self::Groups,
            Some(("silence", id)) if !id.contains('/') => Self::Silence(id),
            _ => Self::UnknownV2(path),
        }
    }

    /// Its name in metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Alerts => "/api/v2/alerts",
            Self::Groups => "/api/v2/alerts/groups",
            Self::Receivers => "/api/v2/receivers",
            Self::Silences => "/api/v2/silences",
            Self::Silence(_) => "/api/v2/silence/{silenceID}",
            Self::Status => "/api/v2/status",
            Self::AlertsV1 | Self::GoneV1 => "/api/v1",
            Self::DeadMan => "/bellwether/v1/deadman",
            Self::Healthy => "/-/healthy",
            Self::History => "/bellwether/v1/history",
            Self::Metrics => "/metrics",
            Self::NotifyTest => "/bellwether/v1/notify/test",
            Self::Asset(_) => "/assets/{name}",
            Self::Changes => "/bellwether/v1/changes",
            Self::Page => "/",
            Self::Owed => "/bellwether/v1/owed",
            Self::OwedDrop => "/bellwether/v1/owed/drop",
            Self::OwedRetry => "/bellwether/v1/owed/retry",
            Self::Pending => "/bellwether/v1/pending",
            Self::Ping(_) => "/bellwether/v1/ping/{name}",
            Self::Plain => "/plain",
            Self::Ui(_) => "/ui",
            Self::Ready => "/-/ready",
            Self::Reload => "/-/reload",
            Self::Versioned => "/bellwether/v1/groups",
            Self::Prefix | Self::Unknown | Self::UnknownV2(_) => "other",
        }
    }

    /// Whether it is a question after the process alone, which no state of the node answers.
    pub const fn asks_for_health(&self) -> bool {
        matches!(self, Self::Healthy | Self::Ready)
    }

    pub(super) const fn is_v2(&self) -> bool {
        matches!(
            self,
            Self::Alerts
                | Self::Groups
                | Self::Receivers
                | Self::Silences
                | Self::Silence(_)
                | Self::Status
                | Self::UnknownV2(_)
        )
    }

    /// The methods it knows, in the order in which refusals list them; empty is any. Where GET is known, HEAD is too.
    const fn methods(&self) -> &'static [&'static str] {
        match self {
            Self::Alerts | Self::Silences => &["POST", "GET"],
            Self::Silence(_) => &["DELETE", "GET"],
            Self::Groups | Self::Receivers | Self::Status => &["GET"],
            Self::AlertsV1 => &["GET", "OPTIONS", "POST"],
            Self::Asset(_)
            | Self::Changes
            | Self::DeadMan
            | Self::Healthy
            | Self::History
            | Self::Metrics
            | Self::Owed
            | Self::Page
            | Self::Pending
            | Self::Plain
            | Self::Ready
            | Self::Ui(_)
            | Self::Versioned => &["GET", "HEAD", "OPTIONS"],
            Self::NotifyTest | Self::OwedDrop | Self::OwedRetry | Self::Ping(_) | Self::Reload => {
                &["OPTIONS", "POST"]
            }
            Self::GoneV1 | Self::Prefix | Self::Unknown | Self::UnknownV2(_) => &[],
        }
    }
}

/// The right that a request needs. Health and readiness need none, so that whatever watches the agent needs no password;
/// they tell nothing but that it runs. Nor does a browser's question before a request, which carries no password.
pub fn need(prefix: &str, method: &str, path: &str) -> Need {
    let path = cleaned(path);
    match (Endpoint::find(prefix, &path), method) {
        (Endpoint::Healthy | Endpoint::Ready, "GET" | "HEAD") | (_, "OPTIONS") => Need::Nothing,
        (Endpoint::Alerts | Endpoint::AlertsV1 | Endpoint::Ping(_), "POST") => Need::Post,
        (_, "GET" | "HEAD") => Need::Read,
        _ => Need::Write,
    }
}

/// The path without double slashes and dots. Alertmanager redirects such a path, which makes a GET of a POST; it is served
/// as what it means.
pub fn cleaned(path: &str) -> Cow<'_, str> {
    let dots = |part: &str| part == "." || part == "..";
    if !path.contains("//") && !path.split('/').any(dots) {
        return Cow::Borrowed(path);
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let slash = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    Cow::Owned(format!("/{}{slash}", parts.join("/")))
}

/// The answer to a request that its endpoint need not see.
pub(super) fn refuse(
    access: &Access,
    endpoint: &Endpoint<'_>,
    request: &Request<'_>,
) -> Option<Response> {
    let methods = endpoint.methods();
    let asks = if endpoint.is_v2() { request.cors_method.is_some() } else { !methods.is_empty() };
    if request.method == "OPTIONS" && asks {
        let response = Response::empty(200);
        return Some(match endpoint {
            Endpoint::AlertsV1 => response,
            _ if endpoint.is_v2() => cors::preflight(response, access, methods, request),
            _ => response.with("Allow", methods.join(", ")),
        });
    }
    let method = if request.method == "HEAD" { "GET" } else { request.method };
    if !methods.is_empty() && !methods.contains(&method) {
        return Some(if endpoint.is_v2() {
            let (method, allowed) = (request.method, methods.join(","));
            let message = format!("method {method} is not allowed, but [{allowed}] are");
            Response::object(405, 405, &message).with("Allow", allowed)
        } else {
            Response::text(405, "Method Not Allowed\n").with("Allow", methods.join(", "))
        });
    }
    // A page of another origin can post no JSON without asking first. Version 1 takes any text, of programs.
    let takes_json = match endpoint {
        Endpoint::NotifyTest | Endpoint::OwedDrop | Endpoint::OwedRetry => true,
        Endpoint::AlertsV1 => request.origin.is_some(),
        _ => endpoint.is_v2(),
    };
    content_type::refuse(request, takes_json, endpoint.is_v2())
}

/// Adds the headers that every answer of an endpoint carries.
pub(super) fn finish(
    response: Response,
    access: &Access,
    endpoint: &Endpoint<'_>,
    request: &Request<'_>,
) -> Response {
    let response = match endpoint {
        Endpoint::AlertsV1 => response.with("Cache-Control", "no-cache, no-store, must-revalidate"),
        _ if endpoint.is_v2() => response.with("Cache-Control", "no-store").with("Vary", "Origin"),
        _ => return response,
    };
    if endpoint.is_v2() { cors::allow(response, access, request) } else { response }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::web::Rights;

    /// Every endpoint by a path, and the rights that reading and posting there need.
    const ENDPOINTS: [(&str, Need, Need); 29] = [
        ("/api/v2/alerts", Need::Read, Need::Post),
        ("/api/v2/alerts/groups", Need::Read, Need::Write),
        ("/api/v2/receivers", Need::Read, Need::Write),
        ("/api/v2/silences", Need::Read, Need::Write),
        ("/api/v2/silence/x", Need::Read, Need::Write),
        ("/api/v2/status", Need::Read, Need::Write),
        ("/api/v2/nothing", Need::Read, Need::Write),
        ("/assets/app.js", Need::Read, Need::Write),
        ("/bellwether/v1/changes", Need::Read, Need::Write),
        ("/api/v1/alerts", Need::Read, Need::Post),
        ("/api/v1/silences", Need::Read, Need::Write),
        ("/-/healthy", Need::Nothing, Need::Write),
        ("/bellwether/v1/deadman", Need::Read, Need::Write),
        ("/bellwether/v1/history", Need::Read, Need::Write),
        ("/metrics", Need::Read, Need::Write),
        ("/bellwether/v1/notify/test", Need::Read, Need::Write),
        ("/", Need::Read, Need::Write),
        ("/bellwether/v1/owed", Need::Read, Need::Write),
        ("/bellwether/v1/owed/drop", Need::Read, Need::Write),
        ("/bellwether/v1/owed/retry", Need::Read, Need::Write),
        ("/bellwether/v1/pending", Need::Read, Need::Write),
        ("/bellwether/v1/ping/x", Need::Read, Need::Post),
        ("/plain", Need::Read, Need::Write),
        ("", Need::Read, Need::Write),
        ("/-/ready", Need::Nothing, Need::Write),
        ("/-/reload", Need::Read, Need::Write),
        ("/ui/x", Need::Read, Need::Write),
        ("/nothing", Need::Read, Need::Write),
        ("/bellwether/v1/groups", Need::Read, Need::Write),
    ];

    /// The row of an endpoint: one that is new does not compile before it has a row.
    fn row(endpoint: &Endpoint<'_>) -> usize {
        match endpoint {
            Endpoint::Alerts => 0,
            Endpoint::Groups => 1,
            Endpoint::Receivers => 2,
            Endpoint::Silences => 3,
            Endpoint::Silence(_) => 4,
            Endpoint::Status => 5,
            Endpoint::UnknownV2(_) => 6,
            Endpoint::Asset(_) => 7,
            Endpoint::Changes => 8,
            Endpoint::AlertsV1 => 9,
            Endpoint::GoneV1 => 10,
            Endpoint::Healthy => 11,
            Endpoint::DeadMan => 12,
            Endpoint::History => 13,
            Endpoint::Metrics => 14,
            Endpoint::NotifyTest => 15,
            Endpoint::Page => 16,
            Endpoint::Owed => 17,
            Endpoint::OwedDrop => 18,
            Endpoint::OwedRetry => 19,
            Endpoint::Pending => 20,
            Endpoint::Ping(_) => 21,
            Endpoint::Plain => 22,
            Endpoint::Prefix => 23,
            Endpoint::Ready => 24,
            Endpoint::Reload => 25,
            Endpoint::Ui(_) => 26,
            Endpoint::Unknown => 27,
            Endpoint::Versioned => 28,
        }
    }

    #[test]
    fn each_endpoint_and_method_needs_its_right() {
        for (number, (path, read, post)) in ENDPOINTS.into_iter().enumerate() {
            // Only behind a prefix is there something before it.
            let served = if path.is_empty() { "/".to_owned() } else { format!("/gw{path}") };
            assert_eq!(row(&Endpoint::find("/gw", &served)), number, "{served}");
            let doubled = format!("//.{}", served.replace('/', "//"));
            let is_whole = |path: &str| !path.ends_with("//");
            for path in [&served, &doubled].into_iter().filter(|path| is_whole(path)) {
                for (method, expected) in [
                    ("GET", read),
                    ("HEAD", read),
                    ("OPTIONS", Need::Nothing),
                    ("POST", post),
                    ("PUT", Need::Write),
                    ("DELETE", Need::Write),
                    ("PATCH", Need::Write),
                    ("get", Need::Write),
                    ("", Need::Write),
                ] {
                    assert_eq!(need("/gw", method, path), expected, "{method} {path}");
                }
            }
        }
        // The right to post alerts is good there alone, whatever else a path looks like.
        for path in ["/gw/api/v2/alerts/../silences", "/gw/api/v2/alerts/x", "/api/v2/alerts"] {
            assert_eq!(need("/gw", "POST", path), Need::Write, "{path}");
        }
    }

    #[test]
    fn rights_allow_what_they_say() {
        let allowed = |rights: Rights| {
            [Need::Nothing, Need::Post, Need::Read, Need::Write].map(|need| rights.allow(need))
        };
        assert_eq!(allowed(Rights::ReadWrite), [true; 4]);
        assert_eq!(allowed(Rights::ReadOnly), [true, false, true, false]);
        assert_eq!(allowed(Rights::PostOnly), [true, true, false, false]);
    }
}
