//! The flock, as the status and the metrics show it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::Site;
use crate::gossip::{DropCause, Gossip, Liveness, MESSAGE_KINDS, MemberStatus, Traffic};
use crate::node::Node;
use crate::time::Now;
use crate::wire::json::write;
use crate::wire::metrics::MetricsText;

/// `cluster` of the status: Alertmanager's `name`, `peers` and `status`, then what is ours.
pub(super) fn status(out: &mut Vec<u8>, node: &Node, now: Now, site: &Site) {
    if !site.cluster.enabled {
        out.extend_from_slice(br#"{"peers":[],"status":"disabled"}"#);
        return;
    }
    let flock = node.flock();
    out.extend_from_slice(br#"{"name":"#);
    write::string(out, &own_name(flock, site));
    out.extend_from_slice(br#","peers":"#);
    write::array(out, peers(flock, now, site), |out, (name, address)| {
        out.extend_from_slice(br#"{"address":"#);
        write::string(out, &address);
        out.extend_from_slice(br#","name":"#);
        write::string(out, &name);
        out.push(b'}');
    });
    let ready = flock.is_none_or(Gossip::ready);
    out.extend_from_slice(br#","status":"#);
    write::string(out, if ready { "ready" } else { "settling" });
    if let Some(flock) = flock {
        out.extend_from_slice(br#","flock":"#);
        out.extend_from_slice(details(flock, now, site).to_string().as_bytes());
    }
    if let Some(fault) = &site.cluster.fault {
        out.extend_from_slice(br#","fault":"#);
        write::string(out, fault);
    }
    out.push(b'}');
}

/// This node's name.
pub(super) fn own_name(flock: Option<&Gossip>, site: &Site) -> String {
    flock.map_or_else(|| site.cluster.name.clone(), |flock| flock.name().to_owned())
}

/// Name and address of each member that is there, this one too, sorted.
fn peers(flock: Option<&Gossip>, now: Now, site: &Site) -> Vec<(String, String)> {
    let members = flock.map(|flock| flock.members(now.mono)).unwrap_or_default();
    let there = members.iter().filter(|member| member.liveness != Liveness::Down);
    let mut peers: Vec<_> = there.map(|member| (name(member), address(member))).collect();
    peers.push((own_name(flock, site), site.cluster.address.clone()));
    peers.sort_unstable();
    peers
}

/// Name, address and state of this node, then of each member, those that are down too.
pub(super) fn seats(flock: &Gossip, now: Now, site: &Site) -> Vec<(String, String, &'static str)> {
    let own = (own_name(Some(flock), site), site.cluster.address.clone(), "this node");
    let members = flock.members(now.mono);
    let others = members.iter().map(|it| (name(it), address(it), state(it.liveness)));
    std::iter::once(own).chain(others).collect()
}

/// The names of this node and the members, by id.
pub(super) fn names(flock: &Gossip, now: Now) -> BTreeMap<u64, String> {
    let own = (flock.node(), flock.name().to_owned());
    flock.members(now.mono).iter().map(|member| (member.node, name(member))).chain([own]).collect()
}

fn name(member: &MemberStatus) -> String {
    if member.name.is_empty() { id(member.node) } else { member.name.clone() }
}

fn address(member: &MemberStatus) -> String {
    member.addr.map(|addr| addr.to_string()).unwrap_or_default()
}

pub(super) fn id(node: u64) -> String {
    format!("{node:016x}")
}

/// Where another node with our id is, and how many seconds ago it was heard.
pub(super) fn duplicate(now: Now, site: &Site) -> Option<(String, u64)> {
    site.cluster.duplicate.map(|(addr, at)| (addr.to_string(), now.mono.since(at).as_secs()))
}

fn details(flock: &Gossip, now: Now, site: &Site) -> Value {
    let (fingerprint, records) = flock.digest(now);
    let drops: serde_json::Map<_, _> = DropCause::ALL
        .iter()
        .map(|(cause, name)| ((*name).to_owned(), flock.stats().dropped(*cause).into()))
        .collect();
    let keys: Vec<_> = flock.key_ids().iter().map(|key| format!("{key:04x}")).collect();
    json!({
        "id": id(flock.node()),
        "sealed": !keys.is_empty(),
        "keys": keys,
        "interfaces": site.cluster.interfaces,
        "synced": flock.knows_time(),
        "digest": format!("{fingerprint:016x}"),
        "records": records,
        "drops": drops,
        "duplicate": duplicate(now, site).map(|(addr, ago)| json!({"address": addr, "heardSecondsAgo": ago})),
        "members": flock.members(now.mono).iter().map(member).collect::<Vec<_>>(),
    })
}

fn member(member: &MemberStatus) -> Value {
    let ago = |ago: Option<Duration>| ago.map(|ago| ago.as_secs());
    json!({
        "id": id(member.node),
        "name": name(member),
        "address": address(member),
        "state": state(member.liveness),
        "heardUnicastSecondsAgo": ago(member.heard_unicast),
        "heardMulticastSecondsAgo": ago(member.heard_multicast),
        "hearsMulticast": member.hears_multicast,
        "clockOffsetMs": member.clock_offset_ms,
        "synced": member.synced,
        "agreed": member.agreed,
        "key": format!("{:04x}", member.key_id),
    })
}

const fn state(liveness: Liveness) -> &'static str {
    match liveness {
        Liveness::Alive => "alive",
        Liveness::Suspect => "suspect",
        Liveness::Down => "down",
    }
}

/// `alertmanager_cluster_*`, which dashboards know, and what is ours.
pub(super) fn metrics(text: &mut MetricsText, node: &Node, now: Now, site: &Site) {
    let flock = node.flock();
    text.family("alertmanager_cluster_enabled", "gauge", "Whether there is a flock.")
        .count(&[], flock.is_some().into())
        .family("bellwether_flock_failed", "gauge", "Whether there is none for want of its key.")
        .count(&[], site.cluster.fault.is_some().into());
    let Some(flock) = flock else { return };
    let peers = peers(Some(flock), now, site);
    members(text, flock, &peers);
    let own = own_name(Some(flock), site);
    let position = peers.iter().position(|(name, _)| *name == own).unwrap_or(0);
    text.family("alertmanager_peer_position", "gauge", "Place among the members, by name.")
        .count(&[], position as u64)
        .family("alertmanager_cluster_health_score", "gauge", "0 is well.")
        .count(&[], u64::from(!flock.ready()));
    traffic(text, flock);
    ours(text, flock, now, site);
}

fn members(text: &mut MetricsText, flock: &Gossip, peers: &[(String, String)]) {
    let stats = flock.stats();
    text.family("alertmanager_cluster_members", "gauge", "How many members are there.")
        .count(&[], peers.len() as u64)
        .family("alertmanager_cluster_peer_info", "gauge", "This node and each member.");
    let mut names: Vec<_> = peers.iter().map(|(name, _)| name).collect();
    names.dedup();
    for name in names {
        text.count(&[("peer", name)], 1);
    }
    text.family("alertmanager_cluster_failed_peers", "gauge", "How many are not reached.")
        .count(&[], flock.failed_peers() as u64)
        .family("alertmanager_cluster_peers_joined_total", "counter", "How many came.")
        .count(&[], stats.joined)
        .family("alertmanager_cluster_peers_left_total", "counter", "How many went.")
        .count(&[], stats.left)
        .family(
            "alertmanager_cluster_peer_name_conflicts_total",
            "counter",
            "Times another node spoke with our id.",
        )
        .count(&[], stats.id_conflicts);
}

fn traffic(text: &mut MetricsText, flock: &Gossip) {
    type Of = fn(&Traffic) -> u64;
    let stats = flock.stats();
    let families: [(_, _, &[Traffic], Of); 4] = [
        ("alertmanager_cluster_messages_sent_total", "Datagrams sent.", &stats.sent, |it| {
            it.datagrams
        }),
        (
            "alertmanager_cluster_messages_sent_size_total",
            "Bytes of the datagrams sent.",
            &stats.sent,
            |it| it.bytes,
        ),
        (
            "alertmanager_cluster_messages_received_total",
            "Datagrams received and understood.",
            &stats.received,
            |it| it.datagrams,
        ),
        (
            "alertmanager_cluster_messages_received_size_total",
            "Bytes of the datagrams received.",
            &stats.received,
            |it| it.bytes,
        ),
    ];
    for (name, help, kinds, value) in families {
        text.family(name, "counter", help);
        for (kind, traffic) in MESSAGE_KINDS.iter().zip(kinds) {
            text.count(&[("msg_type", kind)], value(traffic));
        }
    }
    text.family("alertmanager_cluster_messages_queued", "gauge", "Waiting to be sent.")
        .count(&[], flock.queued() as u64)
        .family("alertmanager_cluster_messages_pruned_total", "counter", "A queue was full.")
        .count(&[], stats.overflowed);
}

fn ours(text: &mut MetricsText, flock: &Gossip, now: Now, site: &Site) {
    let (stats, port) = (flock.stats(), &site.cluster.port);
    text.family("bellwether_flock_dropped_total", "counter", "Datagrams not heard, by cause.");
    for (cause, name) in DropCause::ALL {
        text.count(&[("cause", name)], stats.dropped(cause));
    }
    text.family("bellwether_flock_sealed", "gauge", "Whether datagrams are sealed with a key.")
        .count(&[], u64::from(!flock.key_ids().is_empty()))
        .family("bellwether_flock_records", "gauge", "Records that the flock shares.")
        .count(&[], flock.digest(now).1 as u64)
        .family("bellwether_flock_port_failures_total", "counter", "Reads and sends that failed.")
        .count(&[("operation", "receive")], port.receive_failures)
        .count(&[("operation", "send")], port.send_failures)
        .family("bellwether_flock_records_total", "counter", "Records, by what came of them.")
        .count(&[("outcome", "index_full")], stats.index_full)
        .count(&[("outcome", "known")], stats.known)
        .count(&[("outcome", "merged")], stats.merged)
        .count(&[("outcome", "refused")], stats.refused)
        .count(&[("outcome", "repaired")], stats.repaired);
    text.family("bellwether_flock_agreed", "gauge", "Whether a member had the same records.");
    let members = flock.members(now.mono);
    for member in &members {
        if let Some(agreed) = member.agreed {
            text.count(&[("id", &id(member.node)), ("peer", &name(member))], agreed.into());
        }
    }
    text.family("bellwether_flock_clock_offset_seconds", "gauge", "Its wall clock less ours.");
    for member in &members {
        if let Some(offset_ms) = member.clock_offset_ms {
            #[expect(clippy::cast_precision_loss, reason = "offsets that large are wrong anyway")]
            let seconds = offset_ms as f64 / 1000.0;
            text.sample(&[("id", &id(member.node)), ("peer", &name(member))], seconds);
        }
    }
}
