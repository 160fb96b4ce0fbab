//! What the API tells of the world around the brain.

use std::collections::BTreeMap;

use crate::time::Wall;
use crate::wire::metrics::Histogram;

/// What the API tells of the world around the brain: the shell keeps it up to date.
#[derive(Debug, Default)]
pub struct Site {
    /// What every path starts with: empty or `/prefix`.
    pub prefix: String,
    /// When the process started.
    pub started_at: Wall,
    /// The flock as this node sees it.
    pub cluster: Cluster,
    /// How the last reload went.
    pub reload: Reload,
    /// What the process uses; needs to be fresh for `/metrics` alone.
    pub process: Process,
    /// What HTTP has done.
    pub http: HttpStats,
}

/// The flock as the status shows it.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// This node's name; `None` while there is no flock.
    pub name: Option<String>,
    /// `disabled`, `settling` or `ready`
    pub status: &'static str,
    /// Name and address of each member, this node too, sorted by name.
    pub peers: Vec<(String, String)>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self { name: None, status: "disabled", peers: Vec::new() }
    }
}

/// How the last reload went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reload {
    /// Whether the config in force is the one in the file.
    pub successful: bool,
    /// When a config was last taken.
    pub success_at: Wall,
}

/// What the process uses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process {
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

/// What HTTP has done since the start.
#[derive(Debug, Default)]
pub struct HttpStats {
    /// Seconds per [`Endpoint::label`](super::Endpoint::label), method and status.
    pub durations: BTreeMap<(&'static str, &'static str, u16), Histogram>,
    /// GETs that are being answered.
    pub gets_in_flight: usize,
    /// GETs that were refused because of too many others.
    pub gets_refused: u64,
    /// Open connections.
    pub connections: usize,
    /// Connections that were closed to make room for others.
    pub connections_evicted: u64,
}
