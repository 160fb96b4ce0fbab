//! Where lines go out. Their reader may be stuck; nobody waits for it then: alerting goes on.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::limits::LOG_WAIT_MAX;

/// Bytes that a pipe takes without blocking when it says that it takes any.
const CHUNK_BYTES: usize = 4096;

/// A sink that never blocks for long. `N` makes the line that tells how many were lost.
pub(super) struct Outlet<W, N> {
    out: W,
    note: N,
    wait: Duration,
    lost: u64,
}

impl<W: Write + AsFd, N: Fn(u64) -> Vec<u8>> Outlet<W, N> {
    /// Lines go to `out`.
    pub(super) const fn new(out: W, note: N) -> Self {
        Self { out, note, wait: LOG_WAIT_MAX, lost: 0 }
    }

    /// Writes a whole line. Returns whether it went out, which it does in part at worst.
    fn line(&mut self, line: &[u8]) -> io::Result<bool> {
        for chunk in line.chunks(CHUNK_BYTES) {
            // A reader that was stuck is not waited for again until it reads.
            let wait = if self.lost == 0 { self.wait } else { Duration::ZERO };
            if !is_ready(&self.out, wait)? {
                return Ok(false);
            }
            self.out.write_all(chunk)?;
        }
        Ok(true)
    }
}

impl<W: Write + AsFd, N: Fn(u64) -> Vec<u8>> Write for Outlet<W, N> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lost > 0 {
            let note = (self.note)(self.lost);
            if self.line(&note)? {
                self.lost = 0;
            }
        }
        if self.lost > 0 || !self.line(line)? {
            self.lost += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_ready(out: &impl AsFd, wait: Duration) -> io::Result<bool> {
    let wait = Timespec::try_from(wait).unwrap_or_default();
    Ok(poll(&mut [PollFd::new(out, PollFlags::OUT)], Some(&wait))? > 0)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn unread_lines_are_lost_and_counted_once_somebody_reads() {
        let (mut reader, writer) = io::pipe().unwrap();
        let note = |lost| format!("{lost} lost\n").into_bytes();
        let mut outlet = Outlet { wait: Duration::ZERO, ..Outlet::new(writer, note) };
        let line = [b"x".repeat(2047), b"\n".to_vec()].concat();
        for _ in 0..100 {
            outlet.write_all(&line).unwrap();
        }
        let lost = outlet.lost;
        assert!((1..100).contains(&lost), "{lost}");
        let kept = line.len() * (100 - usize::try_from(lost).unwrap());
        let mut read = vec![0; kept];
        reader.read_exact(&mut read).unwrap();
        outlet.write_all(b"back\n").unwrap();
        assert_eq!(outlet.lost, 0);
        drop(outlet);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, format!("{lost} lost\nback\n"));
    }
}
