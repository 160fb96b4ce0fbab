//! Short texts that stand in configs, answers and requests: URLs, times, addresses, keys, base64, escapes.

use bellwether::model::mail::check_domain;
use bellwether::model::{MailAddress, Mailbox, Url, base64, url};
use bellwether::wire::{key, rfc3339};

use crate::input::{Input, utf8};

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let choice = input.byte();
    let text = utf8(input.rest());
    match choice % 6 {
        0 => urls(text),
        1 => times(text),
        2 => mail(text),
        3 => keys(text),
        4 => {
            if let Some(read) = base64::decode(text) {
                assert_eq!(base64::decode(&base64::encode(&read)), Some(read));
            }
            assert_eq!(base64::decode(&base64::encode(bytes)).as_deref(), Some(bytes));
        }
        _ => {
            assert_eq!(url::unescape(&url::escape_component(text)), text);
            url::unescape(text);
        }
    }
}

fn urls(text: &str) {
    let (first, second) = text.split_once('\n').unwrap_or((text, ""));
    Url::parse_proxy(first).ok();
    let Ok(read) = Url::parse(first) else { return };
    for url in [Ok(read.clone()), read.join(second)].into_iter().flatten() {
        let is_clean = |text: &str| !text.contains(|c: char| c.is_ascii_control() || c == ' ');
        assert!(url.path().starts_with('/') && is_clean(url.path()), "{:?}", url.path());
        assert!(
            is_clean(&url.authority()) && !url.authority().contains(['/', '@', '?', '#']),
            "{:?}",
            url.authority()
        );
        // It is shown without its path, which may be a secret.
        let printed = format!("{url}{}", url.path());
        let again = Url::parse(&printed).unwrap_or_else(|error| panic!("{printed:?}: {error}"));
        assert_eq!(
            (again.host(), again.path(), again.authority()),
            (url.host(), url.path(), url.authority()),
            "{printed:?}"
        );
    }
}

fn times(text: &str) {
    let Ok(Some(read)) = rfc3339::parse(text) else { return };
    if text.is_empty() {
        return;
    }
    // Go takes some that the other does not, and times beyond ours are the last ones.
    let second: Result<jiff::Timestamp, _> = text.replace(',', ".").parse();
    if let Ok(second) = second
        && let Ok(ns) = i64::try_from(second.as_nanosecond())
    {
        assert_eq!(read.as_ns(), ns, "{text:?}");
    }
    let mut printed = Vec::new();
    rfc3339::push_ms(&mut printed, read);
    if let Ok(Some(again)) = rfc3339::parse(utf8(&printed)) {
        assert_eq!(again.as_ms(), read.as_ms(), "{:?}", utf8(&printed));
    }
}

fn mail(text: &str) {
    check_domain(text).ok();
    if let Ok(address) = MailAddress::parse(text) {
        // Blanks and brackets stand in quotes alone.
        let is_quoted = address.as_str().starts_with('"');
        assert!(
            !address
                .as_str()
                .contains(|c: char| c.is_control() || (!is_quoted && "<> ".contains(c))),
            "{text:?}"
        );
        assert_eq!(MailAddress::parse(address.as_str()).as_ref(), Ok(&address));
    }
    if let Ok(list) = Mailbox::list(text) {
        assert!(list.len() <= text.split(',').count());
    }
}

fn keys(text: &str) {
    if let Ok(read) = key::parse(text) {
        assert_eq!(key::parse(&key::print(&read)), Ok(read));
    }
}
