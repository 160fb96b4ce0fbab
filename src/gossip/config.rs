//! The settings of a member.

use std::time::Duration;

use super::seal::KeyRing;

/// The settings of a member, fixed at its start but for the keys.
#[derive(Clone, Debug)]
pub struct Config {
    /// This node's id: random, kept for as long as its disk.
    pub node: u64,
    /// The name that other members show: at most [`crate::limits::MEMBER_NAME_BYTES_MAX`] bytes, cut if longer.
    pub name: String,
    /// The flock's label. Datagrams of another label are dropped.
    pub label: String,
    /// The keys. Without a key nothing is sealed.
    pub keys: KeyRing,
    /// Whether other members are expected from the start: static peers are configured, or members were met before a
    /// restart. If so, notifications wait until the flock has settled.
    pub expects_peers: bool,
    /// Whether to use multicast. It is not used without a key.
    pub multicast: bool,
    /// How often a member is probed (`--cluster.probe-interval`). A shorter interval finds a dead member sooner and costs
    /// traffic: Alertmanager's 1 s costs about a hundred bytes a second.
    pub probe_interval: Duration,
    /// How long a probe may take (`--cluster.probe-timeout`). Choose at least three round trips of the slowest link; a
    /// third of the interval is used if this is longer.
    pub probe_timeout: Duration,
    /// The longest wait between two tries of a static peer that was not reached (`--cluster.reconnect-interval`).
    pub reconnect_interval: Duration,
    /// A member that is down for so long is forgotten (`--cluster.reconnect-timeout`). Choose longer than the longest
    /// outage after which it should be found again without static peers.
    pub reconnect_timeout: Duration,
    /// How often the number of members is compared while the flock settles: ten times `--cluster.gossip-interval`.
    pub settle_interval: Duration,
    /// The longest time the flock may take to settle (`--cluster.settle-timeout`). Zero: do not wait.
    pub settle_timeout: Duration,
    /// The greatest version's clock in our tables, 0 if none.
    pub last_hlc: u64,
    /// Whether our wall clock is synchronised.
    pub synced: bool,
}

impl Config {
    /// The defaults, for this node.
    pub fn new(node: u64, name: &str) -> Self {
        Self {
            node,
            name: name.into(),
            label: String::new(),
            keys: KeyRing::default(),
            expects_peers: false,
            multicast: false,
            probe_interval: Duration::from_secs(25),
            probe_timeout: Duration::from_secs(5),
            reconnect_interval: Duration::from_secs(10),
            reconnect_timeout: Duration::from_secs(6 * 3600),
            settle_interval: Duration::from_secs(2),
            settle_timeout: Duration::from_secs(60),
            last_hlc: 0,
            synced: true,
        }
    }
}
