//! The answers of the API, written straight into bytes, escaped as Go escapes.

use std::fmt::Display;
use std::io::Write;
use std::sync::Arc;

use crate::model::{Alert, Fingerprint, Labels, Matcher, Silence, SilenceId};
use crate::time::Wall;
use crate::wire::json::plain::plain_length;
use crate::wire::rfc3339;

/// Appends a JSON string.
pub fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some((plain, special)) = rest.split_at_checked(plain_length(rest, *b"\"\\<>&\xE2")) {
        out.extend_from_slice(plain);
        let Some((byte, after)) = special.split_first() else { break };
        rest = after;
        // U+2028 and U+2029 are E2 80 A8 and E2 80 A9.
        match (byte, after) {
            (b'"' | b'\\', _) => out.extend_from_slice(&[b'\\', *byte]),
            (b'\n', _) => out.extend_from_slice(b"\\n"),
            (b'\r', _) => out.extend_from_slice(b"\\r"),
            (b'\t', _) => out.extend_from_slice(b"\\t"),
            (0xE2, [0x80, last @ (0xA8 | 0xA9), after @ ..]) => {
                out.extend_from_slice(&[b'\\', b'u', b'2', b'0', b'2', *last - 0xA8 + b'8']);
                rest = after;
            }
            (0xE2, _) => out.push(0xE2),
            _ => out.extend_from_slice(&control(*byte)),
        }
    }
    out.push(b'"');
}

const fn hex(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
}

fn control(byte: u8) -> [u8; 6] {
    [b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]
}

/// Appends `[`, each item by `push`, commas between, `]`.
pub fn array<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}

/// Appends an object of strings.
pub fn labels(out: &mut Vec<u8>, labels: &Labels) {
    out.push(b'{');
    for (i, (name, value)) in labels.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        string(out, name);
        out.push(b':');
        string(out, value);
    }
    out.push(b'}');
}

/// Appends a timestamp in quotes.
pub fn time(out: &mut Vec<u8>, wall: Wall) {
    out.push(b'"');
    rfc3339::push_ms(out, wall);
    out.push(b'"');
}

/// Appends a fingerprint in quotes.
fn fingerprint(out: &mut Vec<u8>, Fingerprint(bits): Fingerprint) {
    let mut text = *b"\"0000000000000000\"";
    let (pairs, _) = text[1..].as_chunks_mut();
    for (pair, byte) in pairs.iter_mut().zip(bits.to_be_bytes()) {
        *pair = [hex(byte >> 4), hex(byte & 15)];
    }
    out.extend_from_slice(&text);
}

/// Appends a value that prints without anything to escape, in quotes.
fn quoted(out: &mut Vec<u8>, value: impl Display) {
    // A Vec takes every byte.
    write!(out, "\"{value}\"").ok();
}

fn key(out: &mut Vec<u8>, key: &str) {
    out.extend_from_slice(key.as_bytes());
}

/// An alert as the API shows it.
#[derive(Clone, Copy, Debug)]
pub struct GettableAlert<'a> {
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// Itself.
    pub alert: &'a Alert,
    /// Where its routes lead.
    pub receivers: &'a [&'a str],
    /// The silences that mute it.
    pub silenced_by: &'a [SilenceId],
    /// The alerts that mute it.
    pub inhibited_by: &'a [Fingerprint],
    /// The time intervals that mute its group.
    pub muted_by: &'a [Arc<str>],
}

impl GettableAlert<'_> {
    /// Whether nothing mutes it.
    pub fn is_active(&self) -> bool {
        self.silenced_by.is_empty() && self.inhibited_by.is_empty() && self.muted_by.is_empty()
    }
}

/// Appends a `gettableAlert`.
pub fn alert(out: &mut Vec<u8>, view: &GettableAlert<'_>) {
    let alert = view.alert;
    key(out, r#"{"annotations":"#);
    labels(out, &alert.annotations);
    key(out, r#","endsAt":"#);
    time(out, alert.ends_at);
    key(out, r#","fingerprint":"#);
    fingerprint(out, view.fingerprint);
    key(out, r#","receivers":"#);
    array(out, view.receivers, |out, name| receiver(out, name));
    key(out, r#","startsAt":"#);
    time(out, alert.starts_at);
    key(out, r#","status":{"inhibitedBy":"#);
    array(out, view.inhibited_by, |out, it| fingerprint(out, *it));
    key(out, r#","mutedBy":"#);
    array(out, view.muted_by, |out, name| string(out, name));
    key(out, r#","silencedBy":"#);
    array(out, view.silenced_by, quoted);
    key(out, if view.is_active() { r#","state":"active"}"# } else { r#","state":"suppressed"}"# });
    key(out, r#","updatedAt":"#);
    time(out, alert.updated_at);
    if !alert.generator_url.is_empty() {
        key(out, r#","generatorURL":"#);
        string(out, &alert.generator_url);
    }
    key(out, r#","labels":"#);
    labels(out, &alert.labels);
    out.push(b'}');
}

/// Appends the begin of an `alertGroup`; ours with its id and its version.
pub fn group_begin(out: &mut Vec<u8>, version: Option<(u64, u64)>) {
    if let Some((id, version)) = version {
        // A Vec takes every byte.
        write!(out, r#"{{"id":{id},"version":"{version:016x}","alerts":["#).ok();
    } else {
        key(out, r#"{"alerts":["#);
    }
}

/// Appends an alert of a group that was begun.
pub fn group_alert(out: &mut Vec<u8>, view: &GettableAlert<'_>) {
    if out.last() != Some(&b'[') {
        out.push(b',');
    }
    alert(out, view);
}

/// Appends the end of a group.
pub fn group_end(
    out: &mut Vec<u8>,
    group_labels: &Labels,
    receiver_name: &str,
    route_labels: &Labels,
) {
    key(out, r#"],"labels":"#);
    labels(out, group_labels);
    key(out, r#","receiver":"#);
    receiver(out, receiver_name);
    if !route_labels.is_empty() {
        key(out, r#","routeLabels":"#);
        labels(out, route_labels);
    }
    out.push(b'}');
}

/// Appends a receiver as alerts and groups name it.
pub fn receiver(out: &mut Vec<u8>, name: &str) {
    key(out, r#"{"name":"#);
    string(out, name);
    out.push(b'}');
}

/// Appends a receiver as the list of receivers has it: its name is one of its labels.
pub fn labelled_receiver(out: &mut Vec<u8>, name: &str, others: &Labels) {
    key(out, r#"{"labels":"#);
    labels(out, &others.iter().chain([("name", name)]).collect());
    key(out, r#","name":"#);
    string(out, name);
    out.push(b'}');
}

/// Appends a `gettableSilence`.
pub fn silence(out: &mut Vec<u8>, silence: &Silence, now: Wall) {
    key(out, r#"{"id":"#);
    quoted(out, silence.id);
    key(out, r#","status":{"state":"#);
    quoted(out, silence.state(now).as_str());
    key(out, r#"},"updatedAt":"#);
    time(out, silence.updated_at);
    if !silence.annotations.is_empty() {
        key(out, r#","annotations":"#);
        labels(out, &silence.annotations);
    }
    key(out, r#","comment":"#);
    string(out, &silence.comment);
    key(out, r#","createdBy":"#);
    string(out, &silence.created_by);
    key(out, r#","endsAt":"#);
    time(out, silence.ends_at);
    key(out, r#","matchers":"#);
    array(out, &silence.matchers, matcher);
    key(out, r#","startsAt":"#);
    time(out, silence.starts_at);
    out.push(b'}');
}

fn matcher(out: &mut Vec<u8>, matcher: &Matcher) {
    let flag = |value: bool| if value { "true" } else { "false" };
    key(out, r#"{"isEqual":"#);
    key(out, flag(matcher.op().is_equal()));
    key(out, r#","isRegex":"#);
    key(out, flag(matcher.op().is_regex()));
    key(out, r#","name":"#);
    string(out, matcher.name());
    key(out, r#","value":"#);
    string(out, matcher.value());
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MatchOp;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_as_go_escapes() {
        let text = "a\"\\\n\r\t\u{1}<&>\u{2028}é\u{2029}\u{7f}€";
        assert_eq!(
            written(|out| string(out, text)),
            "\"a\\\"\\\\\\n\\r\\t\\u0001\\u003c\\u0026\\u003e\\u2028é\\u2029\u{7f}€\""
        );
    }

    #[test]
    fn an_alert_is_written_as_alertmanager_writes_it() {
        let alert = Alert {
            labels: [("alertname", "A")].into_iter().collect(),
            annotations: [("s", "x")].into_iter().collect(),
            starts_at: Wall::from_ms(1),
            ends_at: Wall::from_ms(2),
            updated_at: Wall::from_ms(3),
            timeout: false,
            generator_url: "http://p/g".into(),
        };
        let view = GettableAlert {
            fingerprint: Fingerprint(9),
            alert: &alert,
            receivers: &["default"],
            silenced_by: &[],
            inhibited_by: &[Fingerprint(10)],
            muted_by: &[],
        };
        let expected = concat!(
            r#"{"annotations":{"s":"x"},"endsAt":"1970-01-01T00:00:00.002Z","fingerprint":"0000000000000009","#,
            r#""receivers":[{"name":"default"}],"startsAt":"1970-01-01T00:00:00.001Z","#,
            r#""status":{"inhibitedBy":["000000000000000a"],"mutedBy":[],"silencedBy":[],"state":"suppressed"},"#,
            r#""updatedAt":"1970-01-01T00:00:00.003Z","generatorURL":"http://p/g","labels":{"alertname":"A"}}"#
        );
        assert_eq!(written(|out| super::alert(out, &view)), expected);
    }

    #[test]
    fn a_silence_is_written_as_alertmanager_writes_it() {
        let silence = Silence {
            id: SilenceId::from_bits(1),
            matchers: [Matcher::new("a", MatchOp::NotMatches, "b.").unwrap()].into_iter().collect(),
            starts_at: Wall::EPOCH,
            ends_at: Wall::from_secs(2),
            updated_at: Wall::EPOCH,
            created_by: "me".into(),
            comment: "c".into(),
            annotations: Labels::empty(),
        };
        let expected = concat!(
            r#"{"id":"00000000-0000-0000-0000-000000000001","status":{"state":"active"},"#,
            r#""updatedAt":"1970-01-01T00:00:00.000Z","comment":"c","createdBy":"me","#,
            r#""endsAt":"1970-01-01T00:00:02.000Z","matchers":[{"isEqual":false,"isRegex":true,"#,
            r#""name":"a","value":"b."}],"startsAt":"1970-01-01T00:00:00.000Z"}"#
        );
        assert_eq!(written(|out| super::silence(out, &silence, Wall::from_secs(1))), expected);
    }

    proptest! {
        #[test]
        fn every_string_reads_back(text in any::<String>()) {
            let json = written(|out| string(out, &text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
