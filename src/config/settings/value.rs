//! The kinds of values that settings have: each is set from one text, be it a flag's or the file's, and shown as the
//! file would have it.

use core::net::IpAddr;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::duration::{Spelled, parse_duration, parse_go_duration};

/// The type that a value must have in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `true` or `false`; its flag needs no value.
    Bool,
    /// A whole number from 0.
    Number,
    /// A text.
    Text,
    /// A list of texts; its flag can be repeated.
    List,
}

/// A setting of any kind.
pub trait SettingValue {
    /// The type that it must have in the file.
    fn shape(&self) -> Shape;
    /// Takes the value of a text; a list appends it. On an error, which says what was expected, nothing has changed.
    fn set(&mut self, text: &str) -> Result<(), String>;
    /// Empties a list.
    fn clear(&mut self) {}
    /// The value as TOML.
    fn show(&self) -> String;
}

impl SettingValue for bool {
    fn shape(&self) -> Shape {
        Shape::Bool
    }

    fn set(&mut self, text: &str) -> Result<(), String> {
        *self = text.parse().map_err(|_| format!("expected true or false, found {text:?}"))?;
        Ok(())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl SettingValue for u64 {
    fn shape(&self) -> Shape {
        Shape::Number
    }

    fn set(&mut self, text: &str) -> Result<(), String> {
        // For Alertmanager's limits, a number below 0 is no limit, as 0 is.
        let is_negative = text.parse().is_ok_and(i64::is_negative);
        let text = if is_negative { "0" } else { text };
        *self = text.parse().map_err(|_| format!("expected a number from 0, found {text:?}"))?;
        Ok(())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// The value for which one text stands.
pub(super) trait FromText: Sized {
    fn from_text(text: &str) -> Result<Self, String>;
    fn to_text(&self) -> String;
}

impl<T: FromText> SettingValue for T {
    fn shape(&self) -> Shape {
        Shape::Text
    }

    fn set(&mut self, text: &str) -> Result<(), String> {
        *self = T::from_text(text)?;
        Ok(())
    }

    fn show(&self) -> String {
        format!("{:?}", self.to_text())
    }
}

/// Empty is none.
impl<T: FromText> SettingValue for Option<T> {
    fn shape(&self) -> Shape {
        Shape::Text
    }

    fn set(&mut self, text: &str) -> Result<(), String> {
        *self = if text.is_empty() { None } else { Some(T::from_text(text)?) };
        Ok(())
    }

    fn show(&self) -> String {
        format!("{:?}", self.as_ref().map(T::to_text).unwrap_or_default())
    }
}

impl<T: FromText> SettingValue for Vec<T> {
    fn shape(&self) -> Shape {
        Shape::List
    }

    fn set(&mut self, text: &str) -> Result<(), String> {
        self.push(T::from_text(text)?);
        Ok(())
    }

    fn clear(&mut self) {
        Vec::clear(self);
    }

    fn show(&self) -> String {
        format!("{:?}", self.iter().map(T::to_text).collect::<Vec<_>>())
    }
}

impl FromText for String {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn to_text(&self) -> String {
        self.clone()
    }
}

impl FromText for PathBuf {
    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("expected a path, found \"\"".to_owned()),
            text => Ok(Self::from(text)),
        }
    }

    fn to_text(&self) -> String {
        self.display().to_string()
    }
}

impl FromText for IpAddr {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("expected an IP address, found {text:?}"))
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// As configurations write them, `5d`, or as Go does, `1.5h`: no text means one thing here and another there. One below zero
/// is zero: no time at all, or no limit.
impl FromText for Duration {
    fn from_text(text: &str) -> Result<Self, String> {
        let (is_negative, amount) =
            text.strip_prefix('-').map_or((false, text), |amount| (true, amount));
        let duration = parse_duration(amount)
            .or_else(|_| parse_go_duration(amount))
            .map_err(|_| format!("expected a duration like 30s, 1h30m or 5d, found {text:?}"))?;
        Ok(if is_negative { Self::ZERO } else { duration })
    }

    fn to_text(&self) -> String {
        Spelled(*self).to_string()
    }
}

/// `host:port`. An empty host is every interface; a name is resolved when it is used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// A name, an IP address without brackets, or nothing.
    pub host: String,
    /// 0 lets the system choose.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromText for Address {
    fn from_text(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("expected an address like 127.0.0.1:9093, [::1]:9093 or :9093, found {text:?}")
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_clean = |host: &str| {
            let odd = |c: char| c.is_whitespace() || c.is_control() || "[]/@".contains(c);
            !host.contains(odd)
        };
        match bare {
            Some(host) if host.contains(':') && is_clean(host) => {
                Ok(Self { host: host.to_owned(), port })
            }
            None if !host.contains(':') && is_clean(host) => {
                Ok(Self { host: host.to_owned(), port })
            }
            _ => Err(wrong()),
        }
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// Where HTTP is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listener {
    /// On an address.
    Tcp(Address),
    /// On a socket with this path, `unix:PATH`.
    Unix(PathBuf),
}

impl Listener {
    /// The address, if it is one.
    pub const fn address(&self) -> Option<&Address> {
        match self {
            Self::Tcp(address) => Some(address),
            Self::Unix(_) => None,
        }
    }

    /// Whether this machine alone can connect.
    pub fn is_local(&self) -> bool {
        self.address().is_none_or(|address| {
            address.host == "localhost"
                || address.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
        })
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromText for Listener {
    fn from_text(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            // The kernel has room for that and a zero at its end.
            Some(path) if path.is_empty() || path.len() > 107 => {
                Err(format!("expected unix: and a path of 1 to 107 bytes, found {text:?}"))
            }
            Some(path) => Ok(Self::Unix(path.into())),
            None => Address::from_text(text).map(Self::Tcp),
        }
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// Permissions of a file, written in octal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

impl Default for Mode {
    fn default() -> Self {
        Self(0o660)
    }
}

impl FromText for Mode {
    fn from_text(text: &str) -> Result<Self, String> {
        let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
        mode.map(Self).ok_or_else(|| format!("expected permissions like 0660, found {text:?}"))
    }

    fn to_text(&self) -> String {
        format!("{:04o}", self.0)
    }
}

/// Whether the flock's port is opened, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Listen {
    /// On all interfaces, once there is somebody to listen to: peers or multicast.
    #[default]
    Auto,
    /// Nowhere: this node stays alone.
    Never,
    /// There, also without peers: others may know us.
    At(Address),
}

impl FromText for Listen {
    fn from_text(text: &str) -> Result<Self, String> {
        match text {
            "" => Ok(Self::Never),
            "auto" => Ok(Self::Auto),
            text => Address::from_text(text).map(Self::At),
        }
    }

    fn to_text(&self) -> String {
        match self {
            Self::Auto => "auto".to_owned(),
            Self::Never => String::new(),
            Self::At(address) => address.to_string(),
        }
    }
}

/// An enumeration whose values have names.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$value_doc])* $value,)+
        }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$value),+];

            /// As it is written.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }

        impl FromText for $name {
            fn from_text(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$value),)+
                    text => Err(format!("expected one of {}, found {text:?}", [$($text),+].join(", "))),
                }
            }

            fn to_text(&self) -> String {
                self.as_str().to_owned()
            }
        }
    };
}

choice! {
    /// When what is written becomes durable.
    #[derive(Default)]
    Durability {
        /// Before it is acknowledged.
        #[default]
        Sync = "sync",
        /// Once an interval: a power cut costs what was acknowledged since.
        Interval = "interval",
        /// When the system likes.
        Off = "off",
    }
}

choice! {
    /// The least severe messages that are logged.
    #[derive(Default)]
    LogLevel {
        /// Everything.
        Debug = "debug",
        /// Normal events.
        #[default]
        Info = "info",
        /// Events that may need somebody.
        Warn = "warn",
        /// Events that need somebody.
        Error = "error",
    }
}

choice! {
    /// How messages are printed.
    #[derive(Default)]
    LogFormat {
        /// `key=value` pairs.
        #[default]
        Logfmt = "logfmt",
        /// An object a line.
        Json = "json",
    }
}

choice! {
    /// The features that `--enable-feature` turns on.
    Feature {
        /// Matchers by the classic grammar alone.
        ClassicMode = "classic-mode",
        /// Matchers by the UTF-8 grammar alone.
        Utf8StrictMode = "utf8-strict-mode",
        /// Of no effect here.
        AlertNamesInMetrics = "alert-names-in-metrics",
        /// Of no effect here.
        ReceiverNameInMetrics = "receiver-name-in-metrics",
        /// Of no effect here.
        GroupKeyInMetrics = "group-key-in-metrics",
        /// Of no effect here.
        AutoGomemlimit = "auto-gomemlimit",
        /// Of no effect here.
        EventRecorder = "event-recorder",
    }
}

impl Feature {
    /// The reason that it has no effect here; none if it has one.
    pub const fn instead(self) -> Option<&'static str> {
        Some(match self {
            Self::ClassicMode | Self::Utf8StrictMode => return None,
            Self::AlertNamesInMetrics => {
                "metrics have no names of alerts; /api/v2/alerts lists the alerts"
            }
            Self::ReceiverNameInMetrics => {
                "metrics count by receiver type; bellwether history tells of each receiver, \
                 bellwether_receiver_bytes_total of its traffic"
            }
            Self::GroupKeyInMetrics => {
                "metrics have no keys of groups; /api/v2/alerts/groups lists the groups"
            }
            Self::AutoGomemlimit => "there is no garbage collector to limit",
            Self::EventRecorder => {
                "no events are written; bellwether history --watch -o json shows what becomes of notifications"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_printed_alike() {
        for text in
            ["127.0.0.1:9093", ":9093", "[::1]:0", "peer-1.example:9094", "[fe80::1%eth0]:1"]
        {
            assert_eq!(Address::from_text(text).unwrap().to_string(), text);
        }
        for text in
            ["", "9093", "127.0.0.1", "::1:9094", "a:65536", "a:", "[a]:1", "http://a:1", "a b:1"]
        {
            assert!(Address::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn http_is_served_on_addresses_and_unix_sockets() {
        for (text, is_local) in [
            ("127.0.0.1:9093", true),
            ("localhost:1", true),
            (":9093", false),
            ("unix:/run/x", true),
        ] {
            let listener = Listener::from_text(text).unwrap();
            assert_eq!((listener.to_string(), listener.is_local()), (text.to_owned(), is_local));
        }
        assert!(Listener::from_text("unix:").is_err());
        assert!(Listener::from_text(&format!("unix:/{}", "x".repeat(107))).is_err());
        assert_eq!(Mode::from_text("0600").unwrap().to_text(), "0600");
        assert!(Mode::from_text("rw").is_err() && Mode::from_text("7777").is_err());
    }

    #[test]
    fn a_value_that_is_wrong_changes_nothing() {
        let mut level = LogLevel::Warn;
        let error = level.set("loud").unwrap_err();
        assert_eq!(error, "expected one of debug, info, warn, error, found \"loud\"");
        assert_eq!(level, LogLevel::Warn);
    }

    #[test]
    fn durations_are_read_in_both_spellings() {
        let mut duration = Duration::ZERO;
        duration.set("5d").unwrap();
        assert_eq!(duration, Duration::from_secs(432_000));
        duration.set("1.5h").unwrap();
        assert_eq!(duration, Duration::from_secs(5400));
        assert!(duration.set("soon").is_err());
        assert_eq!(duration.show(), "\"1h30m\"");
    }
}
