//! The page at the root: how this node and its flock are, for whoever opens it in a browser.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::api::{Response, Site, flock, status};
use crate::model::SilenceState;
use crate::node::Node;
use crate::time::Now;
use crate::version;

const HEAD: &str = "<!DOCTYPE html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>Bellwether</title>
<style>body{font-family:sans-serif;margin:1em}th,td{text-align:left;vertical-align:top;padding:.2em 1em .2em 0}</style>
";

/// What a browser sees at the root.
pub(super) fn page(node: &Node, now: Now, site: &Site) -> Response {
    let firing = node.alerts().filter(|(_, alert, _)| !alert.resolved(now.wall)).count();
    let active = node.silences().filter(|it| it.state(now.wall) == SilenceState::Active).count();
    let mut html = format!("{HEAD}<h1>Bellwether {}</h1>\n<table>\n", version::VERSION);
    row(&mut html, &["Alerts", &format!("{firing} firing")]);
    row(&mut html, &["Silences", &format!("{active} active")]);
    row(&mut html, &["Config", config(site)]);
    row(&mut html, &["Journal", &journal(site, now)]);
    row(&mut html, &["Clock", clock(site)]);
    row(&mut html, &["Flock", &flock(node, site)]);
    if let Some((address, ago)) = flock::twin(now, site) {
        let text =
            format!("HAS ANOTHER NODE, at {address}, heard {ago} s ago: the log says what to do");
        row(&mut html, &["Our id", &text]);
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
    response
}

const fn config(site: &Site) -> &'static str {
    if site.reload.successful {
        "as it was loaded last"
    } else {
        "THE LAST RELOAD FAILED, the one before it is in force: the log says why"
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
