//! The resources that this process uses, as `/proc` tells them. A figure that cannot be read is zero.

use std::fs;

use crate::api::ProcessStatus;
use crate::shell::clock;

/// Reads it now.
pub(super) fn usage() -> ProcessStatus {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    ProcessStatus {
        cpu_seconds: clock::cpu_time().as_secs_f64(),
        resident_bytes: number(&status, "VmRSS:") * 1024,
        virtual_bytes: number(&status, "VmSize:") * 1024,
        open_fds: fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64),
        max_fds: number(&limits, "Max open files"),
    }
}

/// The number that follows `key`.
fn number(text: &str, key: &str) -> u64 {
    let rest = text.split_once(key).map_or("", |(_, rest)| rest);
    rest.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_behind_its_key() {
        let text = "VmSize:\t  10 kB\nVmRSS:\t   4 kB\nMax open files   1024   4096   files\n";
        assert_eq!(number(text, "VmRSS:"), 4);
        assert_eq!(number(text, "Max open files"), 1024);
        assert_eq!(number(text, "Threads:"), 0);
    }
}
