//! From a path to an endpoint, and what is refused before an endpoint sees it.

use std::borrow::Cow;

use crate::api::{Access, Request, Response, content_type};
use crate::config::admission::Need;

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
            Self::Prefix | Self::Unknown | Self::UnknownV2(_) => "other",
        }
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
            | Self::Ui(_) => &["GET", "HEAD", "OPTIONS"],
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
            _ if endpoint.is_v2() => preflight(response, access, methods, request),
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

/// The answer to a browser that asks before it sends: whether a page of this origin may.
fn preflight(
    mut response: Response,
    access: &Access,
    methods: &[&str],
    request: &Request<'_>,
) -> Response {
    for header in ["Access-Control-Request-Method", "Access-Control-Request-Headers"] {
        response = response.with("Vary", header);
    }
    let method = request.cors_method.unwrap_or_default();
    let is_known = methods.contains(&method) || (method == "HEAD" && methods.contains(&"GET"));
    if !is_known || !access.allows_origin(request) {
        return response;
    }
    if let Some(headers) = request.cors_headers.filter(|headers| !headers.is_empty()) {
        response = response.with("Access-Control-Allow-Headers", headers.to_owned());
    }
    response.with("Access-Control-Allow-Methods", method.to_owned())
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
    match request.origin {
        Some(origin) if endpoint.is_v2() && access.allows_origin(request) => {
            response.with("Access-Control-Allow-Origin", origin.to_owned())
        }
        _ => response,
    }
}
