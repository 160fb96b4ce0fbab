//! The world around the brain, as the API shows it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::api::{Access, Changes};
use crate::store::{MissingRoom, Wear};
use crate::time::{Mono, Wall};
use crate::wire::metrics::Histogram;

/// The world around the brain, as the API shows it: the shell keeps it up to date.
#[derive(Debug, Default)]
pub struct Site {
    /// The prefix of every path: empty or `/prefix`.
    pub prefix: String,
    /// Which requests are refused whatever they ask for.
    pub access: Access,
    /// Where the config comes from.
    pub config_file: String,
    /// When the process started.
    pub started_at: Wall,
    /// Whether the machine's wall clock is synchronised.
    pub synced: bool,
    /// The flock as this node sees it.
    pub cluster: ClusterStatus,
    /// How the last reload went.
    pub reload: ReloadStatus,
    /// The resources that the process uses; needs to be fresh for `/metrics` and the status.
    pub process: ProcessStatus,
    /// How the journal stands.
    pub journal: JournalStatus,
    /// How often what the page shows has changed.
    pub changes: Changes,
    /// Counters of HTTP.
    pub http: HttpStats,
}

/// The part of the flock that the node does not know.
#[derive(Clone, Debug, Default)]
pub struct ClusterStatus {
    /// Whether this node may have company: not with `--cluster.listen-address=`.
    pub enabled: bool,
    /// Why it is alone where it ought to have company.
    pub fault: Option<String>,
    /// This node's name while it is in no flock.
    pub name: String,
    /// Where others reach this node; empty if its port is closed.
    pub address: String,
    /// The interfaces that multicast uses.
    pub interfaces: Vec<String>,
    /// The address that last used our id, and when.
    pub duplicate: Option<(SocketAddr, Mono)>,
    /// Counters of the port.
    pub port: PortStats,
}

/// Counters of the flock's port since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Datagrams that came.
    pub received: u64,
    /// Times that reading failed.
    pub receive_failures: u64,
    /// Datagrams that the kernel took; one to a group counts once an interface.
    pub sent: u64,
    /// Datagrams that it did not take.
    pub send_failures: u64,
}

/// How the journal stands.
#[derive(Clone, Debug, Default)]
pub struct JournalStatus {
    /// Its directory.
    pub path: String,
    /// `sync`, `interval` or `off`
    pub chosen: &'static str,
    /// Whether it survives no reboot.
    pub volatile: bool,
    /// Why nothing is written, if that was not chosen.
    pub fault: Option<String>,
    /// The bytes that are missing, if room is.
    pub missing: Option<MissingRoom>,
    /// When it is tried again to write.
    pub retry_at: Option<Mono>,
    /// Records that were left out: too large, or no room.
    pub left_out: u64,
    /// The cost since the start.
    pub wear: Wear,
    /// How long that took.
    pub age: Duration,
    /// When it was opened, on the clock of [`JournalStatus::count`].
    pub opened_at: Duration,
}

impl JournalStatus {
    /// Takes note of what it has cost by `now`, a time since any fixed moment.
    pub fn count(&mut self, wear: &Wear, now: Duration) {
        self.wear = *wear;
        self.age = now.saturating_sub(self.opened_at);
    }

    /// Seconds until it is tried again to write, rounded up.
    pub(super) fn retry_secs(&self, now: Mono) -> Option<u64> {
        self.retry_at
            .map(|at| at.since(now).as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
    }

    /// Commits a day, at the pace since the start.
    pub fn commits_a_day(&self) -> u64 {
        // The first hour counts as an hour: a burst at the start says nothing of the days to come.
        let hours = (self.age.as_secs() / 3600).max(1);
        self.wear.commits * 24 / hours
    }
}

/// How the last reload went.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReloadStatus {
    /// Whether the config in force is the one in the file.
    pub successful: bool,
    /// When a config was last taken.
    pub success_at: Wall,
}

/// The resources that the process uses.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessStatus {
    /// Of the user and of the system for it, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory.
    pub resident_bytes: u64,
    /// Address space.
    pub virtual_bytes: u64,
    /// Open files.
    pub open_fds: u64,
    /// How many it may open.
    pub max_fds: u64,
}

/// Counters of HTTP since the start.
#[derive(Debug, Default)]
pub struct HttpStats {
    /// Seconds per [`Endpoint::label`](super::Endpoint::label), method and status.
    pub durations: BTreeMap<(&'static str, &'static str, u16), Histogram>,
    /// GETs that are being answered.
    pub gets_in_flight: usize,
    /// GETs that were refused because of too many others.
    pub gets_refused: u64,
    /// Requests that were refused for want of a right password, token or right.
    pub access_refused: u64,
    /// Bytes of answers to GETs that wait until they are read; needs to be fresh for lists.
    pub unread_bytes: usize,
    /// Lists that are being made; needs to be fresh for lists.
    pub lists: usize,
    /// Open connections.
    pub connections: usize,
    /// Connections that were closed to make room for others.
    pub connections_evicted: u64,
}
