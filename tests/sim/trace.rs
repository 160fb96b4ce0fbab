//! The trace of a world: a hash of every datagram that arrived, every notification and every record that was kept, and a line
//! each of all that happens if asked for.
//!
//! Lines: milliseconds since the world began, then what happened. `nX` is a node, `rX` a receiver, `+A` an alert that
//! fires, `-A` one that has ended.

use std::sync::OnceLock;

use bellwether::store::{JournalRecord, Op};

/// The events that are printed line by line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lines {
    None,
    /// All but what comes in masses.
    Most,
    /// Datagrams and timers too.
    All,
}

static LINES: OnceLock<Lines> = OnceLock::new();

/// Which lines worlds print.
pub(crate) fn lines() -> Lines {
    LINES.get().copied().unwrap_or(Lines::None)
}

/// Prints what nodes log.
struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    #[expect(clippy::print_stdout, reason = "asked for")]
    fn log(&self, record: &log::Record<'_>) {
        println!("          . {}", record.args());
    }

    fn flush(&self) {}
}

/// Has worlds print these lines, and their nodes' logs.
pub(crate) fn print_lines(lines: Lines) {
    if LINES.set(lines).is_ok() && log::set_logger(&Logger).is_ok() {
        log::set_max_level(log::LevelFilter::Debug);
    }
}

pub(crate) struct Trace {
    /// FNV-1a of everything that happened.
    pub(crate) hash: u64,
    lines: Lines,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: lines() }
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn passed(&mut self, at: u64, from: usize, to: usize, bytes: &[u8]) {
        self.add(&at.to_be_bytes());
        self.add(&(from as u64).to_be_bytes());
        self.add(&(to as u64).to_be_bytes());
        self.add(bytes);
    }

    pub(crate) fn datagram(&mut self, at: u64, from: usize, to: usize, bytes: &[u8]) {
        self.passed(at, from, to, bytes);
        self.detail(at, || format!("n{to} hears {} bytes of n{from}", bytes.len()));
    }

    pub(crate) fn told(&mut self, at: u64, seat: usize, receiver: usize, body: &[u8]) {
        self.passed(at, seat, receiver + 100, body);
    }

    /// The records that a node gives to its flash.
    pub(crate) fn kept(&mut self, at: u64, seat: usize, records: &[JournalRecord]) {
        for record in records {
            self.passed(at, seat, usize::from(record.kind), &record.key);
            match &record.op {
                Op::Put(body) => self.add(body),
                Op::Delete => self.add(b"deleted"),
            }
        }
        self.line(at, || format!("n{seat} gives its flash {} records", records.len()));
    }

    /// A line of what comes in masses.
    pub(crate) fn detail(&mut self, at: u64, text: impl FnOnce() -> String) {
        if self.lines == Lines::All {
            self.line(at, text);
        }
    }

    #[expect(clippy::print_stdout, reason = "asked for")]
    pub(crate) fn line(&mut self, at: u64, text: impl FnOnce() -> String) {
        if self.lines > Lines::None {
            println!("{at:>9} {}", text());
        }
    }
}
