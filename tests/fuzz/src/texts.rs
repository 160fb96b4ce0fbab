//! Short texts that stand in configs, answers and requests: URLs, times, addresses, keys, base64, escapes, credentials,
//! profiles of AWS, the data of a template; and the kernel's messages on links.

use bellwether::model::mail::check_domain;
use bellwether::model::{MailAddress, Mailbox, Url, base64, url};
use bellwether::template::Data;
use bellwether::time::Wall;
use bellwether::wire::credentials::Credentials;
use bellwether::wire::{aws_profile, key, netlink, oauth2, rfc3339};

use crate::input::{Input, utf8};

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let choice = input.byte();
    let text = utf8(input.rest());
    match choice {
        b'P' => profile(text),
        b'N' => drop(netlink::has_come(&bytes[1..])),
        _ => by_kind(choice % 8, text, bytes),
    }
}

fn by_kind(kind: u8, text: &str, bytes: &[u8]) {
    match kind {
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
        5 => {
            assert_eq!(url::unescape(&url::escape_component(text)), text);
            url::unescape(text);
        }
        6 => access(text),
        _ => drop(Data::from_json(text, Wall::from_secs(1_800_000_000))),
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

/// A client's header, and the answer of a token server, whose token becomes a header.
fn access(text: &str) {
    match Credentials::read(text) {
        Some(Credentials::Basic(name, password)) => {
            let (_, encoded) = text.split_once(' ').unwrap();
            let pair = format!("{name}:{password}");
            assert_eq!(base64::decode(encoded.trim()).as_deref(), Some(pair.as_bytes()));
            assert!(!name.contains(':'));
        }
        Some(Credentials::Bearer(token)) => assert!(text.trim_end().ends_with(&token)),
        None => {}
    }
    if let Some(granted) = oauth2::granted(text.as_bytes()) {
        assert!(granted.header.contains(' ') && granted.life.is_none_or(|life| !life.is_zero()));
    }
    assert!(oauth2::refused(401, text.as_bytes()).starts_with("status 401"));
}

/// The section and the key that are looked for stand in the first two lines.
fn profile(text: &str) {
    let mut parts = text.splitn(3, '\n');
    let [section, key, file] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    if let Some(value) = aws_profile::entry(file, section, key) {
        assert!(value == value.trim() && !value.contains('\n') && file.contains(value));
        let is_of_key = |line: &str| {
            line.split_once('=').is_some_and(|it| it.0.trim() == key && it.1.trim() == value)
        };
        assert!(file.lines().any(is_of_key), "{key:?} {value:?}");
    }
}

fn keys(text: &str) {
    if let Ok(read) = key::parse(text) {
        assert_eq!(key::parse(&key::print(&read)), Ok(read));
    }
}
