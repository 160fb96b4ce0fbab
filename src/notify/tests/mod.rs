//! The requests of each receiver type, how it judges answers, and that no text gets out of its place.

mod chat;
mod digest;
mod faults;
mod hostile;
mod incidents;
mod late;
mod newer;
mod push;
pub(crate) mod shown;
mod table;

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::table::TYPES;
use super::testing::{drafted, integration, notification, request};
use super::*;
use crate::config::{Key, Schema, Secret, Takes};
use crate::model::Url;

fn firing() -> Notification {
    notification(&[("i", false)])
}

fn resolved() -> Notification {
    notification(&[("i", true)])
}

fn of(receiver: &str, notification: Notification) -> Draft {
    drafted("", receiver, notification)
}

fn url(request: &HttpRequest) -> String {
    request.url.inline().unwrap()
}

fn body(request: &HttpRequest) -> Json {
    let text = request.body.inline().unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn header(request: &HttpRequest, name: &str) -> String {
    let found = request.headers.iter().find(|(other, _)| other == name);
    found.unwrap_or_else(|| panic!("no {name}")).1.inline().unwrap()
}

fn answer(status: u16, body: &str) -> Reply {
    Reply::Http { status, retry_after: None, body: body.to_owned() }
}

fn next(verdict: Verdict) -> RequestStep {
    match verdict {
        Verdict::Next(step) | Verdict::NextFor(step, _) => step,
        other => panic!("{other:?}"),
    }
}

fn group_hash() -> String {
    text::group_hash(&firing())
}
