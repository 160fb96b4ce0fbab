//! The agent's own settings: our own sections of the file, each key of which is a flag too. The flag wins over
//! the file, the file over the default. Defaults stand in this file, and the table of keys and flags in `keys`.

mod keys;
mod value;
mod visitors;

use core::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

pub use keys::{KEYS, SettingKey};
pub use value::{
    Address, Durability, Feature, Listen, Listener, LogFormat, LogLevel, Mode, SettingValue, Shape,
};
pub use visitors::{AllowedHost, Origin};

use crate::config::table::{Item, Table};
use crate::config::tree;
use crate::config::web::Admission;
use crate::limits::MEMBER_NAME_BYTES_MAX;
use crate::model::matcher::Grammar;

/// All sections.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// `[web]`
    pub web: Web,
    /// `[storage]`
    pub storage: Storage,
    /// `[cluster]`
    pub cluster: ClusterSettings,
    /// `[alerts]`
    pub alerts: AlertSettings,
    /// `[silences]`
    pub silences: SilenceSettings,
    /// `[dispatch]`
    pub dispatch: Dispatch,
    /// `[log]`
    pub log: Log,
    /// `[features]`
    pub features: Features,
}

/// `[web]`: the HTTP side.
#[derive(Clone, Debug, PartialEq)]
pub struct Web {
    /// Where HTTP is served. 127.0.0.1:9093.
    pub listen_addresses: Vec<Listener>,
    /// Whether HTTP is served at the sockets that systemd passes, and nowhere else.
    pub systemd_socket: bool,
    /// Permissions of a Unix socket that is listened on. 0660.
    pub socket_mode: Mode,
    /// The group of such a socket, a name or a number; empty: the agent's own.
    pub socket_group: String,
    /// Alertmanager's `web.config.file`, which is read anew when it changes; none: what `admission` says.
    pub config_file: Option<PathBuf>,
    /// The keys of a `web.config.file` that stand in the section itself.
    pub admission: Admission,
    /// By which URL users reach this node; empty: made from the host's name and the port.
    pub external_url: String,
    /// The prefix of every path; empty: the path of the external URL.
    pub route_prefix: String,
    /// How many GETs are answered at a time; 0: as many as Alertmanager, 8.
    pub get_concurrency: u64,
    /// How long a request may take; zero: no limit.
    pub timeout: Duration,
    /// Whether the page and the API change nothing; alerts are taken.
    pub read_only: bool,
    /// Names by which browsers may reach this agent, besides its addresses and its own names.
    pub allowed_hosts: Vec<AllowedHost>,
    /// Pages of other sites that may use the API.
    pub allowed_origins: Vec<Origin>,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen_addresses: vec![Listener::Tcp(Address {
                host: "127.0.0.1".to_owned(),
                port: 9093,
            })],
            systemd_socket: false,
            socket_mode: Mode::default(),
            socket_group: String::new(),
            config_file: None,
            admission: Admission::default(),
            external_url: String::new(),
            route_prefix: String::new(),
            get_concurrency: 0,
            timeout: Duration::ZERO,
            read_only: false,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
        }
    }
}

/// `[storage]`: the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// Its directory. `data/`.
    pub path: PathBuf,
    /// How long ended silences and log entries are kept. 120 h.
    pub retention: Duration,
    /// When what is written becomes durable.
    pub durability: Durability,
    /// Between two commits when durability is by interval. 1 s.
    pub interval: Duration,
    /// How many commits a day the flash is good for; when they are used up, commits are coalesced. 0: no budget.
    pub daily_commits: u64,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            path: PathBuf::from("data/"),
            retention: hours(120),
            durability: Durability::Sync,
            interval: Duration::from_secs(1),
            daily_commits: 0,
        }
    }
}

/// `[cluster]`: the flock.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterSettings {
    /// The UDP port of the gossip.
    pub listen_address: Listen,
    /// The address that the others are told to send to; none: the source of our datagrams.
    pub advertise_address: Option<Address>,
    /// This node's name; empty: its id, made once and kept in the journal.
    pub name: String,
    /// Datagrams of flocks with another label are dropped.
    pub label: String,
    /// Peers that are known from the start; names are resolved again and again.
    pub peers: Vec<Address>,
    /// How often the names of peers are resolved. 15 s.
    pub peers_resolve_timeout: Duration,
    /// Files with shared keys, one key each; the first one seals, all of them open.
    pub key_files: Vec<PathBuf>,
    /// Whether peers are looked for by multicast; needs a key.
    pub multicast: bool,
    /// The multicast group.
    pub multicast_group: IpAddr,
    /// Interfaces that multicast uses; none: all that can.
    pub interfaces: Vec<String>,
    /// Between two probes. 25 s: Alertmanager's 1 s costs a hundred bytes a second.
    pub probe_interval: Duration,
    /// How long a probe waits for its answer. 5 s.
    pub probe_timeout: Duration,
    /// How long a node that starts waits at most to hear the flock before it notifies. 60 s.
    pub settle_timeout: Duration,
    /// How often a peer that is not reached is tried, once the first tries were in vain. 10 s.
    pub reconnect_interval: Duration,
    /// How long a member that is gone is remembered. 6 h.
    pub reconnect_timeout: Duration,
}

impl ClusterSettings {
    /// Where the flock's port is to be opened, if at all: nothing listens that was not asked for.
    pub fn port(&self) -> Option<Address> {
        match &self.listen_address {
            Listen::At(address) => Some(address.clone()),
            Listen::Auto if self.multicast || !self.peers.is_empty() => {
                Some(Address { host: String::new(), port: 9094 })
            }
            Listen::Auto | Listen::Never => None,
        }
    }
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            listen_address: Listen::Auto,
            advertise_address: None,
            name: String::new(),
            label: String::new(),
            peers: Vec::new(),
            peers_resolve_timeout: Duration::from_secs(15),
            key_files: Vec::new(),
            multicast: false,
            multicast_group: IpAddr::V4(Ipv4Addr::new(239, 255, 90, 94)),
            interfaces: Vec::new(),
            probe_interval: Duration::from_secs(25),
            probe_timeout: Duration::from_secs(5),
            settle_timeout: Duration::from_secs(60),
            reconnect_interval: Duration::from_secs(10),
            reconnect_timeout: hours(6),
        }
    }
}

/// `[alerts]`: the table of alerts.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertSettings {
    /// Between two clearings of resolved alerts. 30 m.
    pub gc_interval: Duration,
    /// How many alerts may share an alertname; more are dropped with a warning. 0: no limit of its own.
    pub per_alertname_limit: u64,
    /// Whether the agent raises alerts of its own: of receivers that fail, members that are down, peers with another key.
    pub own: bool,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self { gc_interval: Duration::from_secs(30 * 60), per_alertname_limit: 0, own: true }
    }
}

/// `[silences]`: the table of silences.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SilenceSettings {
    /// How many there may be, ended ones counted; more are refused. 0: [`crate::limits::SILENCES_MAX`].
    pub max_silences: u64,
    /// How large one may be; larger ones are refused. 0: [`crate::limits::SILENCE_BYTES_MAX`].
    pub max_silence_size_bytes: u64,
}

/// `[dispatch]`: the groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dispatch {
    /// How long after the start the first flush waits at least.
    pub start_delay: Duration,
}

/// `[log]`: what is told to the operator.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// The least severe messages that are printed.
    pub level: LogLevel,
    /// How they are printed.
    pub format: LogFormat,
    /// Whether every change of a silence is logged.
    pub silences: bool,
    /// Whether times are printed in the machine's zone, not in UTC.
    pub local_time: bool,
}

/// `[features]`: what `--enable-feature` turns on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    /// The features.
    pub enable: Vec<Feature>,
}

impl Settings {
    /// The grammar of matchers and label names that the features choose.
    pub fn grammar(&self) -> Grammar {
        if self.features.enable.contains(&Feature::ClassicMode) {
            Grammar::Classic
        } else if self.features.enable.contains(&Feature::Utf8StrictMode) {
            Grammar::Utf8
        } else {
            Grammar::Fallback
        }
    }

    /// The keys, as `section.name`, whose values are others in `other` and take effect after a restart only. A reload
    /// takes `cluster.key_files`, and of these sections nothing else.
    pub fn needing_restart(&self, other: &Self) -> Vec<String> {
        let (mut ours, mut theirs) = (self.clone(), other.clone());
        let differ =
            |key: &&SettingKey| (key.value)(&mut ours).show() != (key.value)(&mut theirs).show();
        let names = KEYS.iter().filter(differ).map(|key| format!("{}.{}", key.section, key.name));
        names.filter(|name| name != "cluster.key_files").collect()
    }

    /// Every rule that spans keys and that these values break: the key, as section and name, and what to do.
    pub fn conflicts(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let cluster = &self.cluster;
        if cluster.multicast && cluster.key_files.is_empty() {
            let text = "multicast needs a key: name a file that holds one in cluster.key_files";
            found.push(("cluster.multicast", text.to_owned()));
        }
        if cluster.listen_address == Listen::Never
            && (cluster.multicast || !cluster.peers.is_empty())
        {
            let text =
                "is empty, so this node stays alone, yet cluster.peers or cluster.multicast is set";
            found.push(("cluster.listen_address", text.to_owned()));
        }
        if let Some(address) = &cluster.advertise_address
            && address.host.parse::<IpAddr>().is_err()
        {
            let text = format!("{address}: the host must be an IP address");
            found.push(("cluster.advertise_address", text));
        }
        if cluster.name.len() > MEMBER_NAME_BYTES_MAX {
            let (bytes, most) = (cluster.name.len(), MEMBER_NAME_BYTES_MAX);
            let text =
                format!("{bytes} bytes are too many for a member's name: use at most {most}");
            found.push(("cluster.name", text));
        }
        if !cluster.multicast_group.is_multicast() {
            let text = format!("{} is no multicast address", cluster.multicast_group);
            found.push(("cluster.multicast_group", text));
        }
        let has = |feature| self.features.enable.contains(&feature);
        if has(Feature::ClassicMode) && has(Feature::Utf8StrictMode) {
            let text = "classic-mode and utf8-strict-mode exclude each other";
            found.push(("features.enable", text.to_owned()));
        }
        if self.web.config_file.is_some() && self.web.admission != Admission::default() {
            let text = "a file is named, and its keys stand beside it too: write all of them there, or all of them here";
            found.push(("web.config_file", text.to_owned()));
        }
        if self.web.listen_addresses.is_empty() {
            found.push(("web.listen_addresses", "no address to serve HTTP on".to_owned()));
        }
        found
    }
}

const fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

/// Reads our own sections of the file over the defaults. `others` reads what each section has besides.
pub(super) fn read(
    root: &Table<'_>,
    settings: &mut Settings,
    others: &mut dyn FnMut(&str, &Table<'_>),
) {
    for section in keys::sections() {
        let Some(table) = root.get(section).and_then(|item| item.table()) else { continue };
        for key in KEYS.iter().filter(|key| key.section == section) {
            if let Some(item) = table.get(key.name) {
                set(&item, (key.value)(settings));
            }
        }
        others(section, &table);
        table.finish();
    }
    if let Some(edge) = root.get("edge").and_then(|item| item.table()) {
        for (_, item) in edge.entries() {
            item.error("section edge is reserved: this version has no keys for it");
        }
    }
}

fn set(item: &Item<'_>, value: &mut dyn SettingValue) {
    match value.shape() {
        Shape::Bool => {
            if let Some(is) = item.boolean() {
                item.check(value.set(if is { "true" } else { "false" }));
            }
        }
        Shape::Number => {
            if let Some(number) = item.number() {
                item.check(value.set(&number.to_string()));
            }
        }
        Shape::List => {
            value.clear();
            for (item, text) in item.texts() {
                item.check(value.set(text));
            }
        }
        Shape::Text => {
            // Zero is the one duration without a unit.
            let text = match item.node.value {
                tree::Value::Int(0) => Some("0"),
                _ => item.text(),
            };
            if let Some(text) = text {
                item.check(value.set(text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_break_no_rule() {
        assert_eq!(Settings::default().conflicts(), []);
    }

    #[test]
    fn keys_that_need_a_restart_are_named_as_in_the_file() {
        let mut settings = Settings::default();
        assert_eq!(settings.needing_restart(&Settings::default()), [] as [String; 0]);
        settings.cluster.key_files.push("key".into());
        assert_eq!(settings.needing_restart(&Settings::default()), [] as [String; 0]);
        settings.cluster.peers.push(Address { host: "a".to_owned(), port: 1 });
        settings.web.timeout = Duration::from_secs(1);
        settings.features.enable.push(Feature::ClassicMode);
        let expected = ["web.timeout", "cluster.peers", "features.enable"];
        assert_eq!(settings.needing_restart(&Settings::default()), expected);
        assert_eq!(Settings::default().needing_restart(&settings), expected);
    }

    #[test]
    fn no_port_is_opened_that_nobody_asked_for() {
        let mut cluster = ClusterSettings::default();
        assert_eq!(cluster.port(), None);
        cluster.multicast = true;
        assert_eq!(cluster.port().unwrap().to_string(), ":9094");
        cluster.listen_address = Listen::Never;
        assert_eq!(cluster.port(), None);
        let address = Address { host: "127.0.0.1".to_owned(), port: 8001 };
        let cluster = ClusterSettings {
            listen_address: Listen::At(address.clone()),
            ..ClusterSettings::default()
        };
        assert_eq!(cluster.port(), Some(address));
    }

    #[test]
    fn rules_that_span_keys_are_held() {
        let mut settings = Settings::default();
        settings.cluster.multicast = true;
        settings.cluster.listen_address = Listen::Never;
        settings.cluster.multicast_group = IpAddr::V4(Ipv4Addr::LOCALHOST);
        settings.features.enable = vec![Feature::ClassicMode, Feature::Utf8StrictMode];
        settings.web.listen_addresses.clear();
        let keys: Vec<_> = settings.conflicts().into_iter().map(|(key, _)| key).collect();
        assert_eq!(
            keys,
            [
                "cluster.multicast",
                "cluster.listen_address",
                "cluster.multicast_group",
                "features.enable",
                "web.listen_addresses"
            ]
        );
    }
}
