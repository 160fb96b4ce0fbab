//! What happened: a hash of every datagram that arrived and every notification, and a line each of much else if asked for.
//!
//! Lines: milliseconds since the world began, then what happened. `nX` is a node, `rX` a receiver, `+A` an alert that
//! fires, `-A` one that has ended.

use std::cell::Cell;

thread_local! {
    /// Whether worlds print their lines.
    pub(crate) static LINES: Cell<bool> = const { Cell::new(false) };
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

/// Has worlds print their lines, and their nodes' logs.
pub(crate) fn print_lines() {
    LINES.set(true);
    if log::set_logger(&Logger).is_ok() {
        log::set_max_level(log::LevelFilter::Debug);
    }
}

pub(crate) struct Trace {
    /// FNV-1a of everything that happened.
    pub(crate) hash: u64,
    lines: bool,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: LINES.get() }
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn datagram(&mut self, at: u64, from: usize, to: usize, bytes: &[u8]) {
        self.add(&at.to_be_bytes());
        self.add(&(from as u64).to_be_bytes());
        self.add(&(to as u64).to_be_bytes());
        self.add(bytes);
    }

    pub(crate) fn told(&mut self, at: u64, seat: usize, receiver: usize, body: &[u8]) {
        self.datagram(at, seat, receiver + 100, body);
    }

    #[expect(clippy::print_stdout, reason = "asked for")]
    pub(crate) fn line(&mut self, at: u64, text: impl FnOnce() -> String) {
        if self.lines {
            println!("{at:>9} {}", text());
        }
    }
}
