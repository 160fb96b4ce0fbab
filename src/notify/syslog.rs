//! `syslog_configs`: a notification as a message of RFC 5424.
use std::sync::Arc;

use crate::config::schema::{Around, Origin};
use crate::config::{Key, Schema, Takes, Tls, Values};
use crate::limits::SYSLOG_MESSAGE_BYTES_MAX;
use crate::model::brief::cut;
use crate::model::printable;
use crate::notify::{Message, Notification, Outgoing, Type, Verdict, log, tls};
use crate::time::{SET_SINCE, Wall};

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

const SEVERITIES: [&str; 8] =
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

pub(super) const TYPE: Type = Type {
    schema: Schema {
        name: "syslog",
        section: "syslog_configs",
        origin: Origin::Ours,
        send_resolved: true,
        http: false,
        instant: false,
        incidents: false,
        address: "address",
        body: "message",
        keys: &[
            Key::text("address", "unix:///dev/log"),
            Key::new("facility", Takes::Choice(&FACILITIES)).or("daemon"),
            Key::template("severity", ""),
            Key::text("app_name", "bellwether"),
            Key::template("message", ""),
            Key::new("tls_config", Takes::Table(tls::KEYS)),
        ],
        globals: &[],
        check,
    },
    request,
    each: None,
    judge: |_, reply| Verdict::of(reply, &[]),
};

/// A message for a syslog server.
#[derive(Clone, Debug)]
pub struct Syslog {
    /// Where to.
    pub target: Target,
    /// One message, without the frame that a stream puts around it.
    pub message: String,
}

/// How a syslog server is reached.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A datagram each (RFC 5426).
    Udp(String, u16),
    /// Behind its length, on a connection (RFC 6587).
    Tcp(String, u16),
    /// The same, encrypted (RFC 5425).
    Tls(String, u16, Arc<Tls>),
    /// A datagram each to a socket of this machine.
    Unix(String),
}

impl Target {
    fn parse(text: &str, tls: Arc<Tls>) -> Result<Self, &'static str> {
        const FORMS: &str =
            "write udp://host:514, tcp://host:514, tls://host:6514 or unix:///dev/log";
        let (scheme, rest) = text.split_once("://").ok_or(FORMS)?;
        if scheme == "unix" {
            let is_path = rest.starts_with('/') && rest.len() < 108 && !rest.contains('\0');
            return if is_path { Ok(Self::Unix(rest.to_owned())) } else { Err(FORMS) };
        }
        let port = if scheme == "tls" { 6514 } else { 514 };
        let (host, port) = host_and_port(rest, port).ok_or(FORMS)?;
        match scheme {
            "udp" => Ok(Self::Udp(host, port)),
            "tcp" => Ok(Self::Tcp(host, port)),
            "tls" => Ok(Self::Tls(host, port, tls)),
            _ => Err(FORMS),
        }
    }
}

/// `host`, `host:port` or `[v6]:port`.
pub(super) fn host_and_port(text: &str, default: u16) -> Option<(String, u16)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(port) => port.parse().ok()?,
        None if rest.is_empty() => default,
        None => return None,
    };
    let is_name = |c: char| c.is_alphanumeric() || "-._:%".contains(c);
    (!host.is_empty() && host.chars().all(is_name)).then(|| (host.to_owned(), port))
}

fn check(values: &mut Values, _: &Around<'_>) -> Vec<String> {
    let target = Target::parse(values.text("address"), Arc::default());
    let wrong = target.err().map(|why| format!("address: {why}"));
    tls::check(values, "tls_config").into_iter().chain(wrong).collect()
}

fn request(message: &Message<'_>) -> Result<Outgoing, String> {
    let values = message.values;
    let target = Target::parse(values.text("address"), tls::read(values, "tls_config"))?;
    let place = |names: &[&str], name: &str| names.iter().position(|known| *known == name);
    let facility = place(&FACILITIES, values.text("facility")).unwrap_or(3);
    let severity = match values.text("severity").trim() {
        "" => severity(message.notification),
        text => text,
    };
    let severity = place(&SEVERITIES, severity).unwrap_or(4);
    let priority = facility * 8 + severity;
    let app = word(values.text("app_name"), 48);
    let told = message.notification;
    let text = match values.text("message") {
        "" => log::short_line(told, SYSLOG_MESSAGE_BYTES_MAX),
        text => text.to_owned(),
    };
    let text = one_line(&text);
    let whole = if matches!(target, Target::Unix(_)) {
        // As syslog(3) writes it, but for the time, which the daemon of this machine knows.
        format!("<{priority}>{app}: {text}")
    } else {
        let host = word(host_of(&told.external_url), 255);
        format!("<{priority}>1 {} {host} {app} - - - {text}", time(message.now))
    };
    Ok(Outgoing::Syslog(Syslog {
        target,
        message: cut(&whole, SYSLOG_MESSAGE_BYTES_MAX).to_owned(),
    }))
}

/// From the label that most rules set.
fn severity(told: &Notification) -> &'static str {
    let data = told.data();
    match data.common_labels.get("severity") {
        _ if told.resolved() => "notice",
        Some("critical") => "crit",
        Some("info") => "info",
        _ => "warning",
    }
}

/// The name of this machine, as far as the URL of this node knows it.
fn host_of(url: &str) -> &str {
    let authority = url.split("://").nth(1).unwrap_or(url).split('/').next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// A field of the header: printable ASCII without spaces, or `-`.
fn word(text: &str, max: usize) -> String {
    let word: String = text.chars().filter(char::is_ascii_graphic).take(max).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

/// At most six digits behind the point, as RFC 5424 has it; `-` while the clock was never set.
fn time(now: Wall) -> String {
    if now < SET_SINCE {
        return "-".to_owned();
    }
    Wall::from_ms(now.as_ms()).to_string()
}

/// A text that cannot be taken for several messages.
fn one_line(text: &str) -> String {
    text.trim().replace("\r\n", " ").replace(printable::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{drafted, notification};

    fn sent(config: &str, instance: &str) -> Syslog {
        let draft = drafted(
            "",
            &format!("syslog_configs: [{{{config}}}]"),
            notification(&[(instance, false)]),
        );
        match draft.inline() {
            Ok(Outgoing::Syslog(syslog)) => syslog,
            other => panic!("no syslog message: {other:?}"),
        }
    }

    #[test]
    fn a_message_is_as_rfc_5424_has_it() {
        let it = sent("address: 'udp://h', facility: local0, message: hi, severity: crit", "i");
        assert_eq!(it.target, Target::Udp("h".into(), 514));
        assert_eq!(it.message, "<130>1 - vm bellwether - - - hi");
        let local = sent("message: hi", "i");
        assert_eq!(local.target, Target::Unix("/dev/log".into()));
        assert_eq!(local.message, "<28>bellwether: hi");
    }

    #[test]
    fn the_default_message_is_one_line_whatever_an_alert_says() {
        let it =
            sent("address: 'tcp://h:601'", "a\n<0>1 - - - - - - root: evil\r\nb\0\u{202e}\u{2028}");
        assert!(!it.message.contains(printable::is_control), "{}", it.message);
        assert!(
            it.message.starts_with("<28>1 - vm bellwether - - - [FIRING:1] B"),
            "{}",
            it.message
        );
    }

    #[test]
    fn a_long_message_is_cut() {
        let it = sent("address: 'tcp://h:601'", &"x".repeat(20_000));
        assert_eq!(it.message.len(), SYSLOG_MESSAGE_BYTES_MAX);
    }

    #[test]
    fn a_severity_that_is_none_is_a_warning() {
        let it = sent("message: hi, severity: loud", "i");
        assert!(it.message.starts_with("<28>"), "{}", it.message);
    }

    #[test]
    fn addresses_say_how_a_server_is_reached() {
        let parse = |text| Target::parse(text, Arc::default());
        assert_eq!(parse("tcp://[::1]:601"), Ok(Target::Tcp("::1".into(), 601)));
        assert_eq!(parse("tls://h"), Ok(Target::Tls("h".into(), 6514, Arc::default())));
        for wrong in ["", "h:514", "http://h", "unix://dev/log", "udp://", "udp://h:x", "udp://a b"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
