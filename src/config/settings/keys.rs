//! The table of settings: where each stands in the file and which flag sets it.

use super::{SettingValue, Settings};

/// One setting.
pub struct SettingKey {
    /// The section of the file.
    pub section: &'static str,
    /// The key in the section.
    pub name: &'static str,
    /// The flag, without its dashes; Alertmanager's where it has one.
    pub flag: &'static str,
    /// Its description, for the help.
    pub help: &'static str,
    /// Where its value is.
    pub value: fn(&mut Settings) -> &mut dyn SettingValue,
}

impl std::fmt::Debug for SettingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.flag)
    }
}

impl SettingKey {
    /// The key of a flag.
    pub fn of_flag(flag: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.flag == flag)
    }
}

/// The sections, each once.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    let mut before = "";
    KEYS.iter().map(|key| key.section).filter(move |section| {
        let is_new = *section != before;
        before = section;
        is_new
    })
}

macro_rules! keys {
    ($($section:ident { $($name:ident = $flag:literal, $help:literal;)+ })+) => {
        /// Every setting, section by section.
        pub const KEYS: &[SettingKey] = &[$($(SettingKey {
            section: stringify!($section),
            name: stringify!($name),
            flag: $flag,
            help: $help,
            value: |settings| &mut settings.$section.$name,
        },)+)+];
    };
}

keys! {
    web {
        listen_addresses = "web.listen-address", "Address to serve HTTP on, or unix:PATH; only this machine reaches the default. Repeatable.";
        systemd_socket = "web.systemd-socket", "Serve HTTP at the sockets that systemd passes (a socket unit), and nowhere else.";
        socket_mode = "web.socket-mode", "Permissions of a Unix socket that is listened on.";
        socket_group = "web.socket-group", "Group of a Unix socket that is listened on; the agent's if empty.";
        config_file = "web.config.file", "File with TLS, users and tokens, Alertmanager's; read anew when it changes.";
        external_url = "web.external-url", "URL by which users reach this node.";
        route_prefix = "web.route-prefix", "What every path starts with; the path of the external URL if empty.";
        get_concurrency = "web.get-concurrency", "How many GETs are answered at a time; 0 is 8.";
        timeout = "web.timeout", "How long a request may take; 0 is no limit.";
        read_only = "web.read-only", "The page and the API change nothing: only reads, and posts of alerts.";
        allowed_hosts = "web.allowed-host", "Host name by which browsers may reach this node, also *.DOMAIN or *. Repeatable.";
        allowed_origins = "web.allowed-origin", "Origin whose pages may use the API, like http://karma.example.net. Repeatable.";
    }
    storage {
        path = "storage.path", "Directory of the journal.";
        retention = "data.retention", "How long ended silences and log entries are kept.";
        durability = "storage.durability", "When what is written becomes durable: sync, interval or off.";
        interval = "storage.interval", "Between commits with durability interval.";
        daily_commits = "storage.daily-commits", "Commits a day that the flash is good for; 0 is no budget.";
    }
    cluster {
        listen_address = "cluster.listen-address", "UDP address of the gossip; empty to stay alone; auto is :9094 where there are peers or multicast, else none.";
        advertise_address = "cluster.advertise-address", "Address that the others are told, ip:port.";
        name = "cluster.peer-name", "Name of this node; its id if empty.";
        label = "cluster.label", "Flocks with another label are not heard.";
        peers = "cluster.peer", "Peer to start with, host:port. Repeatable.";
        peers_resolve_timeout = "cluster.peers-resolve-timeout", "How often the names of peers are resolved.";
        key_files = "cluster.key-file", "File with a shared key; the first seals, all open. Repeatable.";
        multicast = "cluster.multicast", "Find peers by multicast; needs a key.";
        multicast_group = "cluster.multicast-group", "Multicast group.";
        interfaces = "cluster.interface", "Interface for multicast; all if none. Repeatable.";
        probe_interval = "cluster.probe-interval", "Between two probes of members.";
        probe_timeout = "cluster.probe-timeout", "How long a probe waits for its answer.";
        settle_timeout = "cluster.settle-timeout", "How long a starting node waits at most to hear the flock.";
        reconnect_interval = "cluster.reconnect-interval", "How often a peer that is not reached is tried.";
        reconnect_timeout = "cluster.reconnect-timeout", "How long a member that is gone is remembered.";
    }
    alerts {
        gc_interval = "alerts.gc-interval", "Between two clearings of resolved alerts.";
        per_alertname_limit = "alerts.per-alertname-limit", "How many alerts may share a name; 0 is no limit.";
        own = "alerts.own", "Raise alerts of failing receivers, members that are down and peers with another key.";
    }
    silences {
        max_silences = "silences.max-silences", "How many silences there may be, ended ones counted; 0 is 10000.";
        max_silence_size_bytes = "silences.max-silence-size-bytes", "How many bytes a silence may have; 0 is 65536.";
    }
    dispatch {
        start_delay = "dispatch.start-delay", "How long after the start the first flush waits at least.";
    }
    log {
        level = "log.level", "Least severe messages to print: debug, info, warn or error.";
        format = "log.format", "How messages are printed: logfmt or json.";
        silences = "log.silences", "Log every change of a silence.";
        local_time = "log.local-time", "Print times in the machine's zone, not in UTC.";
    }
    features {
        enable = "enable-feature", "Feature to turn on, or several with commas between. Repeatable.";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_key_and_no_flag_stands_twice() {
        let keys: BTreeSet<_> = KEYS.iter().map(|key| (key.section, key.name)).collect();
        let flags: BTreeSet<_> = KEYS.iter().map(|key| key.flag).collect();
        let sections: BTreeSet<_> = sections().collect();
        assert_eq!((keys.len(), flags.len()), (KEYS.len(), KEYS.len()));
        assert_eq!(sections.len(), super::sections().count());
    }
}
