//! The node as a member of its flock.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::core::Core;
use crate::core::turn::{Claim, Flock};
use crate::effect::{Cx, Effect};
use crate::faults::{self, Fault};
use crate::gossip::{self, Gossip, Key, Merge, Output, Replica, Version, Via};
use crate::model::{Alert, LogEntry, LogKey, Silence};
use crate::node::Node;
use crate::node::carried::{self, Carried};
use crate::node::keep::{as_told, identity, stored};
use crate::node::stamps::{Stamp, Stamps, beyond};
use crate::store::Record;
use crate::time::{Now, Wall};
use crate::wire::record::{self, GroupTimer, Kind, Malformed};
use crate::wire::rest::with_rest;

/// Clocks that differ by less are taken as equal: the way of a datagram is part of what is measured.
const OFFSET_MS_MIN: i64 = 2000;

impl Node {
    /// Takes a datagram of the flock's port.
    pub fn handle_datagram(&mut self, cx: &mut Cx<'_>, from: SocketAddr, via: Via, bytes: &[u8]) {
        self.handle_clock(cx);
        self.with_gossip(cx, |gossip, cx, tables| {
            gossip.handle_datagram(cx.now, cx.rng, from, via, bytes, tables);
        });
    }

    /// Takes the addresses that the names of static peers have now.
    pub fn handle_peers(&mut self, cx: &mut Cx<'_>, peers: &[SocketAddr]) {
        self.with_gossip(cx, |gossip, cx, _| gossip.set_peers(cx.now, peers));
    }

    /// Takes another key ring.
    pub fn handle_keys(&mut self, cx: &mut Cx<'_>, keys: gossip::KeyRing) {
        self.with_gossip(cx, |gossip, _, _| gossip.set_keys(keys));
    }

    /// Says whether the wall clock is synchronised.
    pub fn handle_synced(&mut self, cx: &mut Cx<'_>, synced: bool) {
        self.with_gossip(cx, |gossip, _, _| gossip.set_synced(synced));
    }

    /// Gives up what this node has claimed and says goodbye to the flock: the process is about to stop.
    pub fn handle_leave(&mut self, cx: &mut Cx<'_>) {
        self.core.surrender(cx.now.mono);
        self.spread(cx);
        self.with_gossip(cx, |gossip, cx, _| gossip.leave(cx.now));
    }

    /// The flock, if this node is a member of one.
    pub const fn flock(&self) -> Option<&Gossip> {
        self.gossip.as_ref()
    }

    /// Whether this node is or is about to be a member of a flock: alone it needs no stamps.
    pub(super) const fn is_member(&self) -> bool {
        self.gossip.is_some() || self.flock_config.is_some()
    }

    /// The wall clock as the flock counts it.
    pub(super) fn flock_wall(&self, now: Now) -> Wall {
        self.gossip.as_ref().map_or(now.wall, |gossip| Wall::from_ms(gossip.wall_ms(now)))
    }

    /// Becomes a member, under the id that was kept or a new one.
    pub(super) fn join(&mut self, cx: &mut Cx<'_>) {
        let Some(mut config) = self.flock_config.take() else { return };
        // They know what has been told while this node was away.
        config.expects_peers |= !self.met.is_empty();
        let id = self.identity.unwrap_or_else(|| {
            let id = cx.rng.next_u64();
            cx.effects.push(Effect::Persist(vec![identity(id, &[])]));
            id
        });
        self.identity = Some(id);
        config.node = id;
        config.last_hlc = self.last_hlc;
        if config.name.is_empty() {
            config.name = format!("{id:016x}");
        }
        let mut gossip = Gossip::new(cx.now, cx.rng, config);
        gossip.hint(cx.now, &self.met);
        for (key, stamp) in self.stamps.iter() {
            let (version, expires_at_ms) = (stamp.version, stamp.expires_at_ms);
            let record = gossip::Record { key, version, expires_at_ms, body: Vec::new() };
            // An index that is full mends nothing for what does not fit, and tells so in its counters.
            gossip.note(cx.now, &record).ok();
        }
        for record in self.carried.iter() {
            gossip.note(cx.now, &record).ok();
        }
        self.gossip = Some(gossip);
        self.look_at_flock(cx.now);
    }

    /// Runs what of the flock is due.
    pub(super) fn handle_flock_timeout(&mut self, cx: &mut Cx<'_>) {
        if self.gossip.as_ref().is_some_and(|gossip| gossip.next_timeout() <= cx.now.mono) {
            self.with_gossip(cx, |gossip, cx, tables| {
                gossip.handle_timeout(cx.now, cx.rng, tables);
            });
            let now_ms = self.flock_wall(cx.now).as_ms();
            self.stamps.sweep_claims(now_ms);
            let gone = self.carried.sweep(now_ms);
            if !gone.is_empty() {
                cx.effects.push(Effect::Persist(gone));
            }
        }
    }

    /// Lets the gossip work on the tables, then does what follows from what it brought.
    fn with_gossip(
        &mut self,
        cx: &mut Cx<'_>,
        input: impl FnOnce(&mut Gossip, &mut Cx<'_>, &mut Tables<'_>),
    ) {
        let Some(mut gossip) = self.gossip.take() else { return };
        let mut tables = Tables {
            now: cx.now,
            core: &mut self.core,
            stamps: &mut self.stamps,
            carried: &mut self.carried,
            offsets: &self.offsets,
            records: Vec::new(),
            logs: Vec::new(),
            claims: Vec::new(),
        };
        input(&mut gossip, cx, &mut tables);
        let Tables { records, logs, claims, .. } = tables;
        self.gossip = Some(gossip);
        if !records.is_empty() {
            cx.effects.push(Effect::Persist(records));
        }
        self.look_at_flock(cx.now);
        self.note_met(cx);
        for (key, claim) in claims {
            self.core.handle_peer_claim(cx, key, claim);
        }
        for (key, node) in logs {
            self.core.handle_peer_log(cx, &key, node);
        }
        self.spread(cx);
    }

    /// Hands the flock's datagrams to the shell.
    pub(super) fn send(&mut self, cx: &mut Cx<'_>) {
        let Some(gossip) = &mut self.gossip else { return };
        while let Some(output) = gossip.poll_output(cx.now) {
            match output {
                Output::Multicast { bytes } => cx.effects.push(Effect::Multicast(bytes)),
                Output::Send { to, bytes, is_there } => {
                    cx.effects.push(Effect::Send { to, bytes, is_there });
                }
                Output::MemberDown(_) | Output::MemberLeft(_) | Output::MemberUp(_) => {}
            }
        }
    }

    /// Tells the core who is there, and learns whose clock says what.
    fn look_at_flock(&mut self, now: Now) {
        let Some(gossip) = &self.gossip else { return };
        let flock = Flock { me: gossip.node(), others: gossip.living(), settling: !gossip.ready() };
        for node in &flock.others {
            if self.offsets.contains_key(node) {
                continue;
            }
            let offset = gossip.members(now.mono).into_iter().find(|it| it.node == *node);
            if let Some(offset) = offset.and_then(|it| it.clock_offset_ms) {
                let offset = if offset.abs() < OFFSET_MS_MIN { 0 } else { offset };
                self.offsets.insert(*node, offset);
            }
        }
        self.core.set_flock(flock);
    }
}

/// The tables as the gossip sees them.
struct Tables<'a> {
    now: Now,
    core: &'a mut Core,
    stamps: &'a mut Stamps,
    carried: &'a mut Carried,
    /// Of each member: its clock less ours, zero if they agree.
    offsets: &'a BTreeMap<u64, i64>,
    /// What is to be kept.
    records: Vec<Record>,
    /// Log entries that were taken, and whose they are.
    logs: Vec<(LogKey, u64)>,
    /// Claims that were taken.
    claims: Vec<(u128, Claim)>,
}

impl Replica for Tables<'_> {
    fn merge(&mut self, now: Now, record: gossip::Record) -> Merge {
        let Some(kind) = Kind::from_number(record.key.kind.into()) else {
            return self.carry(&record);
        };
        let known = self.stamps.get(kind, &record.key.id);
        let any = faults::on(Fault::AnyVersionHolds);
        if known.is_some_and(|stamp| stamp.version >= record.version) && !any {
            return Merge::Same;
        }
        match self.take(now, kind, &record) {
            Ok(Ok(())) => Merge::Changed,
            Ok(Err(full)) => Merge::Refused(full),
            Err(Malformed(why)) => {
                log::debug!(
                    "a record of member {:016x} makes no sense: {why}",
                    record.version.node
                );
                Merge::Refused("a body that makes no sense")
            }
        }
    }

    fn fetch(&self, key: &Key) -> Option<gossip::Record> {
        let Some(kind) = Kind::from_number(key.kind.into()) else {
            return self.carried.fetch(key);
        };
        let stamp = self.stamps.get(kind, &key.id)?;
        let body = match (kind, &stamp.beyond) {
            (Kind::Claim | Kind::Group, body) => body.as_ref()?.to_vec(),
            (_, None) => self.body(kind, &key.id, stamp.offset_ms)?,
            (_, Some(rest)) => with_rest(kind, &self.body(kind, &key.id, stamp.offset_ms)?, rest),
        };
        let (version, expires_at_ms) = (stamp.version, stamp.expires_at_ms);
        Some(gossip::Record { key: key.clone(), version, expires_at_ms, body })
    }
}

impl Tables<'_> {
    /// Takes a record of a kind that only a newer version knows.
    fn carry(&mut self, record: &gossip::Record) -> Merge {
        if faults::on(Fault::NewerRefused) {
            return Merge::Refused("a deliberate fault");
        }
        let merge = self.carried.take(record);
        if merge == Merge::Changed {
            self.records.extend(carried::stored(record));
        }
        merge
    }

    /// Takes a record; the inner error says what is full.
    fn take(
        &mut self,
        now: Now,
        kind: Kind,
        record: &gossip::Record,
    ) -> Result<Result<(), &'static str>, Malformed> {
        let (key, bytes) = (&record.key.id, &record.body);
        let offset_ms = self.offset(record.version);
        let mut shared_end = Wall::EPOCH;
        let mut keep = true;
        let mut body = bytes.clone();
        match kind {
            Kind::Alert => {
                let fingerprint = record::fingerprint_of(key)?;
                let alert = record::decode_alert(bytes, self.core.pool())?;
                if alert.labels.fingerprint() != fingerprint {
                    return Err(Malformed("an alert under another's key".to_owned()));
                }
                let alert = alert_moved(alert, -offset_ms);
                shared_end = alert.ends_at;
                body = record::encode_alert(&alert);
                // A lease that goes on is not worth a write.
                keep = self.core.alerts().get(fingerprint).is_none_or(|known| {
                    known.alert.starts_at != alert.starts_at
                        || known.alert.annotations != alert.annotations
                        || known.alert.resolved(now.wall) != alert.resolved(now.wall)
                });
                if !self.core.merge_alert(now, fingerprint, alert) {
                    return Ok(Err("the table of alerts is full"));
                }
            }
            Kind::Silence => {
                let silence = record::decode_silence(record::silence_id_of(key)?, bytes)?;
                let silence = silence_moved(silence, -offset_ms);
                body = record::encode_silence(&silence);
                if !self.core.merge_silence(now, silence) {
                    return Ok(Err("the table of silences is full"));
                }
            }
            Kind::Log => {
                let (log_key, entry) = record::decode_log(bytes)?;
                let entry = entry_moved(entry, -offset_ms);
                body = record::encode_log(&log_key, &entry);
                self.core.merge_log(now, log_key.clone(), entry);
                self.logs.push((log_key, record.version.node));
            }
            Kind::Group => {
                let timer = record::decode_group(bytes)?;
                let first = moved(timer.first, -offset_ms);
                self.core.merge_group(now, &timer.path, &timer.labels, first);
                body = record::encode_group(&GroupTimer { first, ..timer });
            }
            Kind::Claim => {
                let (lifetime, surrendered, given_up) = record::decode_claim(bytes)?;
                let key: [u8; 16] = key
                    .as_slice()
                    .try_into()
                    .map_err(|_| Malformed("a claim's key is 16 bytes".to_owned()))?;
                let until = now.mono + lifetime;
                let claim = Claim { node: record.version.node, until, surrendered, given_up };
                self.claims.push((u128::from_be_bytes(key), claim));
                keep = false;
            }
            Kind::Identity => return Err(Malformed("an identity is not shared".to_owned())),
        }
        let stamp = Stamp {
            version: record.version,
            expires_at_ms: record.expires_at_ms,
            offset_ms,
            shared_end,
            beyond: beyond(kind, bytes),
        };
        if keep {
            self.records.push(stored(kind, key.clone(), &stamp, body));
        }
        self.stamps.put(kind, key, stamp);
        Ok(Ok(()))
    }

    /// The body of what the core holds, its times moved back to its author's clock.
    fn body(&self, kind: Kind, key: &[u8], offset_ms: i64) -> Option<Vec<u8>> {
        match kind {
            Kind::Alert => {
                let entry = self.core.alerts().get(record::fingerprint_of(key).ok()?)?;
                let alert = as_told(&entry.alert, self.now.wall);
                Some(record::encode_alert(&alert_moved(alert, offset_ms)))
            }
            Kind::Silence => {
                let silence = self.core.silences().get(record::silence_id_of(key).ok()?)?;
                Some(record::encode_silence(&silence_moved(silence.clone(), offset_ms)))
            }
            Kind::Log => {
                let id = u128::from_be_bytes(key.try_into().ok()?);
                let (log_key, entry) = self.core.nflog().find(id)?;
                Some(record::encode_log(log_key, &entry_moved(entry.clone(), offset_ms)))
            }
            Kind::Claim | Kind::Group | Kind::Identity => None,
        }
    }

    fn offset(&self, version: Version) -> i64 {
        if faults::on(Fault::ClockOffsetIgnored) {
            return 0;
        }
        self.offsets.get(&version.node).copied().unwrap_or(0)
    }
}

pub(super) fn moved(time: Wall, by_ms: i64) -> Wall {
    Wall::from_ns(time.as_ns().saturating_add(by_ms.saturating_mul(1_000_000)))
}

fn alert_moved(alert: Alert, by_ms: i64) -> Alert {
    Alert {
        starts_at: moved(alert.starts_at, by_ms),
        ends_at: moved(alert.ends_at, by_ms),
        updated_at: moved(alert.updated_at, by_ms),
        ..alert
    }
}

fn silence_moved(silence: Silence, by_ms: i64) -> Silence {
    Silence {
        starts_at: moved(silence.starts_at, by_ms),
        ends_at: moved(silence.ends_at, by_ms),
        updated_at: moved(silence.updated_at, by_ms),
        ..silence
    }
}

fn entry_moved(entry: LogEntry, by_ms: i64) -> LogEntry {
    LogEntry {
        timestamp: moved(entry.timestamp, by_ms),
        expires_at: moved(entry.expires_at, by_ms),
        ..entry
    }
}
