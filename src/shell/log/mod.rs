//! The log: a line a message on standard error, as `key=value` pairs like Alertmanager's or as JSON.

mod outlet;

use std::borrow::Cow;
use std::io::{self, Write};

use env_logger::fmt::Formatter;
use log::kv::{Key, Value, VisitSource};
use log::{Level, LevelFilter, Record};

use crate::config::settings::{Log, LogFormat, LogLevel};
use crate::model::printable::is_control;
use crate::shell::clock;
use crate::time::Wall;
use crate::wire::json::write;
use crate::wire::rfc3339;

/// Starts to log. `journal`: standard error is systemd's journal, which takes the severity from a prefix.
pub fn start(settings: &Log, journal: bool) {
    let (format, local) = (settings.format, settings.local_time);
    let print = move |out: &mut Formatter, record: &Record<'_>| {
        if journal {
            write!(out, "<{}>", priority(record.level()))?;
        }
        print(out, format, &time(clock::wall(), local), record)
    };
    let level = match settings.level {
        LogLevel::Debug => LevelFilter::Debug,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Warn => LevelFilter::Warn,
        LogLevel::Error => LevelFilter::Error,
    };
    let note = move |lost| lost_lines(format, &time(clock::wall(), local), lost);
    let outlet = outlet::Outlet::new(io::stderr(), note);
    let mut logger = env_logger::Builder::new();
    logger.target(env_logger::Target::Pipe(Box::new(outlet)));
    // Lines of libraries below a warning are of no use to an operator.
    logger.filter_level(level.min(LevelFilter::Warn));
    logger.filter_module("bellwether", level).filter_module("notification", level);
    if logger.format(print).try_init().is_err() {
        log::warn!("a logger runs already");
    }
}

fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// The line that stands for lines that nobody read.
fn lost_lines(format: LogFormat, time: &str, lost: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let text = format!("{lost} lines before this one are lost: nobody read the log");
    let record = &mut Record::builder();
    // Writing to a Vec cannot fail.
    print(&mut out, format, time, &record.level(Level::Warn).args(format_args!("{text}")).build())
        .ok();
    out
}

/// The time of a line, to the millisecond: in UTC, or in the machine's zone with its offset.
fn time(wall: Wall, local: bool) -> String {
    let mut text = Vec::new();
    match jiff::Timestamp::from_millisecond(wall.as_ms()) {
        Ok(timestamp) if local => {
            let offset = jiff::tz::TimeZone::system().to_offset(timestamp);
            rfc3339::push_ms_ahead(&mut text, wall, offset.seconds());
        }
        _ => rfc3339::push_ms(&mut text, wall),
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn print(
    out: &mut impl Write,
    format: LogFormat,
    time: &str,
    record: &Record<'_>,
) -> io::Result<()> {
    let mut line = Line { format, bytes: Vec::new() };
    line.pair("time", time);
    line.pair(
        "level",
        if record.level() == Level::Trace { "DEBUG" } else { record.level().as_str() },
    );
    let text =
        record.args().as_str().map_or_else(|| Cow::Owned(record.args().to_string()), Cow::Borrowed);
    line.pair("msg", &text);
    if record.target() == "notification" {
        line.pair("target", "notification");
    }
    record.key_values().visit(&mut line).map_err(io::Error::other)?;
    out.write_all(&line.finish())
}

struct Line {
    format: LogFormat,
    bytes: Vec<u8>,
}

impl Line {
    fn pair(&mut self, key: &str, value: &str) {
        match self.format {
            LogFormat::Json => {
                self.bytes.push(if self.bytes.is_empty() { b'{' } else { b',' });
                write::string(&mut self.bytes, key);
                self.bytes.push(b':');
                json_string(&mut self.bytes, value);
            }
            LogFormat::Logfmt => {
                if !self.bytes.is_empty() {
                    self.bytes.push(b' ');
                }
                self.bytes.extend_from_slice(key.as_bytes());
                self.bytes.push(b'=');
                let needs_quotes =
                    |c: char| c <= ' ' || c == '"' || c == '=' || c == '\u{fffd}' || is_control(c);
                if value.is_empty() || value.contains(needs_quotes) {
                    let quoted = crate::model::labels::Quoted(value).to_string();
                    self.bytes.extend_from_slice(quoted.as_bytes());
                } else {
                    self.bytes.extend_from_slice(value.as_bytes());
                }
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.format == LogFormat::Json {
            self.bytes.push(b'}');
        }
        self.bytes.push(b'\n');
        self.bytes
    }
}

/// Appends a JSON string that has no character in it that controls a terminal.
fn json_string(out: &mut Vec<u8>, text: &str) {
    // JSON itself escapes those of ASCII alone.
    let is_odd = |c: char| is_control(c) && (c == '\u{7f}' || !c.is_ascii());
    let begun = out.len();
    write::string(out, text);
    if !text.contains(is_odd) {
        return;
    }
    let written = String::from_utf8_lossy(&out.split_off(begun)).into_owned();
    for c in written.chars() {
        let plain = &mut [0; 4];
        let escape = format!("\\u{:04x}", u32::from(c));
        let piece = if is_odd(c) { escape.as_bytes() } else { c.encode_utf8(plain).as_bytes() };
        out.extend_from_slice(piece);
    }
}

impl<'kvs> VisitSource<'kvs> for Line {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        self.pair(key.as_str(), &value.to_string());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(format: LogFormat, text: std::fmt::Arguments<'_>) -> String {
        let pairs = [("address", "127.0.0.1:9093"), ("why", "a \"b\"")];
        let record = Record::builder().args(text).key_values(&pairs).level(Level::Info).build();
        let mut out = Vec::new();
        print(&mut out, format, "now", &record).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.split_once("level").unwrap().1.to_owned()
    }

    #[test]
    fn times_are_in_utc_or_have_their_offset() {
        let wall = Wall::from_ms(1_800_000_000_123);
        assert_eq!(time(wall, false), "2027-01-15T08:00:00.123Z");
        let local = time(wall, true);
        let offset = local.get(23..).unwrap();
        assert!(local.contains(":00.123") && offset.len() == "+00:00".len(), "{local}");
    }

    #[test]
    fn a_line_has_pairs_or_is_json() {
        assert_eq!(
            printed(LogFormat::Logfmt, format_args!("Listening on")),
            "=INFO msg=\"Listening on\" address=127.0.0.1:9093 why=\"a \\\"b\\\"\"\n"
        );
        let odd = "\u{1b}\u{7f}\u{85}\u{9b}\u{202e}\u{2066}";
        let escaped = "\\u001b\\u007f\\u0085\\u009b\\u202e\\u2066";
        let json = printed(LogFormat::Json, format_args!("{odd}"));
        assert!(json.contains(&format!("\"msg\":\"{escaped}\",")), "{json:?}");
        let logfmt = printed(LogFormat::Logfmt, format_args!("\u{202e}x"));
        assert!(logfmt.contains("msg=\"\\u202ex\" "), "{logfmt:?}");
        let forged = format_args!("x\r\ntime=now level=ERROR msg=\"y\"");
        for format in [LogFormat::Logfmt, LogFormat::Json] {
            let line = printed(format, forged);
            assert!(line.trim_end_matches('\n').contains("\\n"), "{line:?}");
            assert_eq!((line.matches('\n').count(), line.contains('\r')), (1, false), "{line:?}");
        }
        assert_eq!(
            printed(LogFormat::Json, format_args!("x\ny")),
            "\":\"INFO\",\"msg\":\"x\\ny\",\"address\":\"127.0.0.1:9093\",\"why\":\"a \\\"b\\\"\"}\n"
        );
    }
}
