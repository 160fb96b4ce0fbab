//! The page at the root, its files, and a plain page for browsers without JavaScript.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::api::{Request, Response, Site, flock, status};
use crate::model::SilenceState;
use crate::model::own::{KEY_MISMATCH, MEMBER_DOWN, RECEIVER_FAILING};
use crate::node::{Node, TroubleView};
use crate::time::{Now, Wall};
use crate::ui;
use crate::version;

const HEAD: &str = "<!DOCTYPE html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>Bellwether</title>
<style>body{font-family:sans-serif;margin:1em}th,td{text-align:left;vertical-align:top;padding:.2em 1em .2em 0}</style>
";

/// No script and nothing from anywhere, in no frame; of styles that of [`HEAD`], by its hash.
const PLAIN_POLICY: &str = "default-src 'none'; style-src 'sha256-cyXYUtq0SSJVdvlK7H3YOnpfnscW9rb9GwkLm0T1hn8='; \
                            base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// No script but ours, nothing from elsewhere, in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page. Its files are compressed: a client that does not take gzip gets the plain page.
pub(super) fn page(node: &Node, now: Now, site: &Site, request: &Request<'_>) -> Response {
    if takes_gzip(request) { asset(request, "index.html") } else { plain(node, now, site) }
}

/// A file of the page, or that the browser's own copy is still right.
pub(super) fn asset(request: &Request<'_>, name: &str) -> Response {
    let Some(asset) = ui::asset(name) else {
        return Response::text(404, "404 page not found\n");
    };
    if !takes_gzip(request) {
        return Response::text(406, "this file is sent with Content-Encoding: gzip alone\n");
    }
    let is_known = request.if_none_match.is_some_and(|tags| tags.contains(asset.tag));
    let mut response = Response::empty(if is_known { 304 } else { 200 });
    if !is_known {
        response.body = asset.gzip.to_vec();
    }
    guarded(response, POLICY)
        .with("Content-Type", asset.media_type)
        .with("Content-Encoding", "gzip")
        .with("ETag", asset.tag)
        .with("Cache-Control", "no-cache")
        .with("Vary", "Accept-Encoding")
}

/// The view of our page that shows the same as a path below `/ui/`.
pub(super) fn moved(site: &Site, rest: &str, request: &Request<'_>) -> Response {
    let query = if request.query.is_empty() { "" } else { "?" };
    Response::moved(302, &format!("{}/#/{rest}{query}{}", site.prefix, request.query))
}

/// Whether the client takes gzip: named, and not with a weight of nothing.
fn takes_gzip(request: &Request<'_>) -> bool {
    request.accept_encoding.is_some_and(|codings| {
        codings.split(',').any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f64>);
            name.trim().eq_ignore_ascii_case("gzip") && weight.is_ok_and(|it| it > 0.0)
        })
    })
}

fn guarded(response: Response, policy: &'static str) -> Response {
    response
        .with("Content-Security-Policy", policy)
        .with("X-Content-Type-Options", "nosniff")
        .with("Referrer-Policy", "no-referrer")
}

/// The page for browsers without JavaScript: how this node and its flock are.
pub(super) fn plain(node: &Node, now: Now, site: &Site) -> Response {
    let firing = node.alerts().filter(|(_, alert, _)| !alert.resolved(now.wall)).count();
    let active = node.silences().filter(|it| it.state(now.wall) == SilenceState::Active).count();
    let mut html = format!("{HEAD}<h1>Bellwether {}</h1>\n<table>\n", version::VERSION);
    let mut steps = 0;
    let fires = node.alerts().filter(|(_, alert, _)| !alert.resolved(now.wall));
    let muted = fires.filter(|it| node.is_muted(now, it.0, &mut steps)).count();
    let muted =
        if muted > 0 { format!(", {muted} of them silenced or inhibited") } else { String::new() };
    row(&mut html, &["Alerts", &format!("{firing} firing{muted}")]);
    row(&mut html, &["Silences", &format!("{active} active")]);
    row(&mut html, &["Config", &config(site)]);
    row(&mut html, &["Journal", &journal(site, now)]);
    row(&mut html, &["Clock", clock(site)]);
    row(&mut html, &["Flock", &flock(node, site)]);
    if let Some((address, ago)) = flock::duplicate(now, site) {
        let text =
            format!("HAS ANOTHER NODE, at {address}, heard {ago} s ago: the log says what to do");
        row(&mut html, &["Our id", &text]);
    }
    for TroubleView { name, what, trouble } in node.troubles() {
        let (age, times, why) = (trouble.age(now.mono), trouble.times, &trouble.why);
        let what = match name {
            RECEIVER_FAILING => {
                format!("RECEIVER {what} FAILS for {age}, {times} attempts: {why}")
            }
            MEMBER_DOWN => format!("MEMBER DOWN for {age}: {why}"),
            KEY_MISMATCH => format!("NOT HEARD for {age}: {why}"),
            name => format!("{name} for {age}: {why}"),
        };
        row(&mut html, &["Trouble", &what]);
    }
    let owed: Vec<usize> = node.owed(now).map(|it| it.late).collect();
    if !owed.is_empty() {
        let (groups, late) = (owed.len(), owed.iter().sum::<usize>());
        let text = format!("{groups} groups could not be told, {late} alerts came and went");
        row(&mut html, &["Owed", &text]);
    }
    html.push_str("</table>\n");
    if let Some(flock) = node.flock() {
        html.push_str("<h2>Members</h2>\n<table>\n");
        for (name, address, state) in flock::seats(flock, now, site) {
            row(&mut html, &[&name, &address, state]);
        }
        html.push_str("</table>\n");
    }
    html.push_str("<p>\n");
    for (path, name) in [
        ("/api/v2/alerts", "alerts"),
        ("/api/v2/silences", "silences"),
        ("/bellwether/v1/history", "history"),
        ("/api/v2/status", "status"),
        ("/metrics", "metrics"),
    ] {
        // Writing to a String cannot fail.
        writeln!(html, "<a href=\"{}{path}\">{name}</a>", escaped(&site.prefix)).ok();
    }
    html.push_str("</p>\n");
    let mut response = Response::text(200, &html);
    response.headers = vec![
        ("Content-Type", "text/html; charset=utf-8".into()),
        ("Cache-Control", "no-cache, no-store, must-revalidate".into()),
    ];
    guarded(response, PLAIN_POLICY)
}

fn config(site: &Site) -> String {
    let at = Wall::from_secs(site.reload.success_at.as_ms() / 1000);
    let loaded = format!("{}, loaded {at}", site.config_file);
    if site.reload.successful {
        loaded
    } else {
        format!("THE LAST RELOAD FAILED, the log says why; in force: {loaded}")
    }
}

fn journal(site: &Site, now: Now) -> String {
    let journal = &site.journal;
    let path = &journal.path;
    match (status::journal_state(journal), &journal.fault) {
        (_, Some(fault)) => {
            let retry = journal.retry_secs(now.mono);
            let retry = retry.map_or(String::new(), |secs| format!("; next try in {secs} s"));
            format!("FAILED: {path}: {fault}{retry}; what is new does not survive a restart")
        }
        ("off", None) => "off: nothing is kept".to_owned(),
        ("volatile", None) => format!("{path} is in memory: nothing survives a reboot"),
        (_, None) => format!("keeps in {path}, durability {}", journal.chosen),
    }
}

const fn clock(site: &Site) -> &'static str {
    if site.synced { "set" } else { "NOT SET: silences and mute times follow it" }
}

fn flock(node: &Node, site: &Site) -> Cow<'static, str> {
    if let Some(fault) = &site.cluster.fault {
        return format!("ALONE, its port closed: {fault}; restart when it can be read").into();
    }
    let told = match node.flock() {
        None if site.cluster.enabled => "alone: neither peers nor multicast are configured",
        None => "alone, as configured",
        Some(flock) if flock.key_ids().is_empty() => {
            "NOT SEALED: whoever reaches its port can read along and take part"
        }
        Some(flock) if flock.ready() => "sealed with a key",
        Some(_) => "sealed with a key, still looking for its members",
    };
    told.into()
}

/// A row of a table, the first cell its head.
fn row(html: &mut String, cells: &[&str]) {
    html.push_str("<tr>");
    for (at, cell) in cells.iter().enumerate() {
        let tag = if at == 0 { "th" } else { "td" };
        // Writing to a String cannot fail.
        write!(html, "<{tag}>{}</{tag}>", escaped(cell)).ok();
    }
    html.push_str("</tr>\n");
}

/// Text that is nothing else to a browser, in quotes too.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
