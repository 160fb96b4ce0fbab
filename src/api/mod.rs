//! The HTTP API without HTTP: a request in, an answer out, Alertmanager's to the letter.
//!
//! Follow one request: [`handle`] finds its [`Endpoint`], [`Access`] refuses pages of other sites, `route` refuses what
//! go-openapi refuses before a handler runs, then the endpoint's function answers. No socket and no clock here.

mod access;
mod alerts;
mod changes;
mod content_type;
mod cors;
mod deadman;
mod flock;
mod groups;
mod history;
mod list;
mod metrics;
mod notify;
mod outcome;
mod owed;
mod page;
mod pages;
mod post;
mod query;
mod receivers;
mod response;
mod route;
mod silences;
mod site;
mod status;
#[cfg(test)]
mod tests;
mod v1;

use std::net::IpAddr;

use crate::effect::Cx;
use crate::limits::LISTS_BEGUN_MAX;
use crate::node::{Node, OwedDrop};
use crate::time::Now;
use crate::wire::json::body::PostSchema;

pub use access::Access;
pub use changes::{Changes, changed};
use list::{Kind, Made};
use post::Begun;

pub use list::List;
pub use notify::{Test, Tried, busy};
pub use post::AlertPost;
pub use response::{Response, reloaded};
pub use route::{Endpoint, cleaned, need};
pub use site::{
    ClusterStatus, HttpStats, JournalStatus, PortStats, ProcessStatus, ReloadStatus, Site,
};

/// An HTTP request, as far as the API looks at it. The body is whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// The client, if it is known.
    pub sender: Option<IpAddr>,
    /// `GET`
    pub method: &'a str,
    /// Begins with `/`.
    pub path: &'a str,
    /// The part after the `?`, or empty.
    pub query: &'a str,
    /// `Content-Encoding`
    pub content_encoding: Option<&'a str>,
    /// `Content-Type`
    pub content_type: Option<&'a str>,
    /// `Accept`
    pub accept: Option<&'a str>,
    /// `Accept-Encoding`
    pub accept_encoding: Option<&'a str>,
    /// `If-None-Match`
    pub if_none_match: Option<&'a str>,
    /// `Host`, or what the request's own URL names.
    pub host: Option<&'a str>,
    /// `Origin`
    pub origin: Option<&'a str>,
    /// `Access-Control-Request-Method`
    pub cors_method: Option<&'a str>,
    /// `Access-Control-Request-Headers`
    pub cors_headers: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// A post that is taken in pieces.
#[derive(Debug)]
pub enum Post {
    /// Of alerts.
    Alerts(AlertPost),
    /// That drops what is owed.
    OwedDrop(OwedDrop),
}

/// The task of the shell for a request.
#[derive(Debug)]
pub enum Answer {
    /// Send this.
    Now(Response),
    /// Send [`changed`] as soon as [`Site::changes`] differ, or after [`crate::limits::CHANGES_TIME_MAX`].
    WhenChanged,
    /// Let others have their turn, then [`go_on_listing`].
    Listing(List),
    /// Let others have their turn, then [`go_on_posting`].
    Posting(Post),
    /// Send this as soon as everything that the effects ask to be kept is durable.
    WhenDurable(Response),
    /// Send what these drafts say, and [`Test::answer`] with what came of it; [`busy`] while another is under way.
    Test(Test),
    /// Load the config anew and send what [`reloaded`] makes of the outcome.
    Reload,
}

/// Answers a request.
pub fn handle(node: &mut Node, cx: &mut Cx<'_>, site: &Site, request: &Request<'_>) -> Answer {
    let path = cleaned(request.path);
    let endpoint = Endpoint::find(&site.prefix, &path);
    if !endpoint.asks_for_health() {
        // Else what is shown would be judged by another clock than it was dated by.
        node.handle_clock(cx);
    }
    let refusal = site.access.refuse(&endpoint, request);
    let answer = match refusal.or_else(|| route::refuse(&site.access, &endpoint, request)) {
        Some(refusal) => Answer::Now(refusal),
        None => dispatch(node, cx, site, &endpoint, request),
    };
    finish(answer, site, &endpoint, request)
}

/// Goes on with a list that is made in pieces.
pub fn go_on_listing(
    node: &Node,
    now: Now,
    site: &Site,
    request: &Request<'_>,
    list: List,
) -> Answer {
    let path = cleaned(request.path);
    let endpoint = Endpoint::find(&site.prefix, &path);
    finish(made(list.go_on(node, now, site, request)), site, &endpoint, request)
}

/// Goes on with a post that is taken in pieces.
pub fn go_on_posting(
    node: &mut Node,
    cx: &mut Cx<'_>,
    site: &Site,
    request: &Request<'_>,
    mut post: Post,
) -> Answer {
    let path = cleaned(request.path);
    let endpoint = Endpoint::find(&site.prefix, &path);
    let response = match &mut post {
        Post::Alerts(post) => post.go_on(node, cx, request),
        Post::OwedDrop(drop) => owed::go_on_dropping(node, cx, drop),
    };
    finish(response.map_or(Answer::Posting(post), Answer::WhenDurable), site, &endpoint, request)
}

fn post(node: &mut Node, cx: &mut Cx<'_>, request: &Request<'_>, schema: PostSchema) -> Answer {
    match post::begin(node, cx, request, schema) {
        Begun::Done(response) => Answer::WhenDurable(response),
        Begun::Later(post) => Answer::Posting(Post::Alerts(post)),
    }
}

fn made(made: Made) -> Answer {
    match made {
        Made::Whole(response) => Answer::Now(response),
        Made::Part(list) => Answer::Listing(list),
    }
}

fn finish(answer: Answer, site: &Site, endpoint: &Endpoint<'_>, request: &Request<'_>) -> Answer {
    let finish = |response| route::finish(response, &site.access, endpoint, request);
    match answer {
        Answer::Now(response) => Answer::Now(finish(response)),
        Answer::WhenDurable(response) => Answer::WhenDurable(finish(response)),
        Answer::Listing(_)
        | Answer::Posting(_)
        | Answer::Reload
        | Answer::Test(_)
        | Answer::WhenChanged => answer,
    }
}

/// Begins a list, unless many are being made: then it waits for its turn.
fn list(kind: Kind, node: &Node, now: Now, site: &Site, request: &Request<'_>) -> Answer {
    let list = List::new(kind);
    if site.http.lists >= LISTS_BEGUN_MAX {
        return Answer::Listing(list);
    }
    made(list.go_on(node, now, site, request))
}

fn dispatch(
    node: &mut Node,
    cx: &mut Cx<'_>,
    site: &Site,
    endpoint: &Endpoint<'_>,
    request: &Request<'_>,
) -> Answer {
    let reads = request.method == "GET" || request.method == "HEAD";
    Answer::Now(match endpoint {
        Endpoint::Alerts if reads => {
            return list(Kind::Alerts, node, cx.now, site, request);
        }
        Endpoint::Alerts => return post(node, cx, request, PostSchema::V2),
        Endpoint::Groups => return list(Kind::Groups, node, cx.now, site, request),
        Endpoint::Receivers => return list(Kind::Receivers, node, cx.now, site, request),
        Endpoint::Silences if reads => {
            return list(Kind::Silences, node, cx.now, site, request);
        }
        Endpoint::Silences => return Answer::WhenDurable(silences::post(node, cx, request)),
        Endpoint::Silence(id) if reads => silences::get(node, cx.now, id),
        Endpoint::Silence(id) => return Answer::WhenDurable(silences::delete(node, cx, id)),
        Endpoint::Status => status::status(node, cx.now, site),
        Endpoint::UnknownV2(path) => {
            Response::object(404, 404, &format!("path {path} was not found"))
        }
        Endpoint::AlertsV1 if request.method == "POST" => {
            return post(node, cx, request, PostSchema::V1);
        }
        Endpoint::Asset(name) => page::asset(request, name),
        Endpoint::Changes => return changes::wait(site, request),
        Endpoint::AlertsV1 | Endpoint::GoneV1 => v1::gone(),
        Endpoint::Healthy | Endpoint::Ready => Response::text(200, "OK"),
        Endpoint::DeadMan => deadman::list(node),
        Endpoint::History => return list(Kind::History, node, cx.now, site, request),
        Endpoint::Pending => history::pending(node, cx.now),
        Endpoint::Metrics => metrics::metrics(node, cx.now, site),
        Endpoint::NotifyTest => return notify::test(node, cx.now, request),
        Endpoint::Owed => owed::list(node, cx.now),
        Endpoint::OwedDrop => return owed::forget(node, request),
        Endpoint::OwedRetry => owed::retry(node, cx, request),
        Endpoint::Page => page::page(node, cx.now, site, request),
        Endpoint::Ping(name) => deadman::ping(node, cx, request, name),
        Endpoint::Plain => page::plain(node, cx.now, site),
        Endpoint::Ui(rest) => page::moved(site, rest, request),
        Endpoint::Prefix => Response::moved(302, &format!("{}/", site.prefix)),
        Endpoint::Reload => return Answer::Reload,
        Endpoint::Unknown => Response::text(404, "404 page not found\n"),
        Endpoint::Versioned => return list(Kind::Versioned, node, cx.now, site, request),
    })
}
