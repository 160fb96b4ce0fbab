//! Datagrams with records: sent at a bounded rate, acknowledged by their counters, and sent again until they are.
//!
//! News and repair hand over what to send, and to whom. No more than [`FLIGHT_MAX`] datagrams are on their way at a time,
//! and fewer while some are lost, so that no receiver is sent more than it can take. A member that does not answer at all
//! holds up nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use super::limiter::Bucket;
use super::members::Members;
use super::message::{AROUND_BYTES, DIRECT, Head, MULTICAST, Message, REPAIR, pack, short};
use super::record::Record;
use super::shared::Shared;
use crate::box_map::BoxMap;
use crate::limits::{
    NEWS_BYTES_BURST, NEWS_BYTES_PER_SECOND, REPAIR_BYTES_BURST, REPAIR_BYTES_PER_SECOND,
    UNACKNOWLEDGED_MAX,
};
use crate::time::Mono;

/// Acknowledgements wait so long for others to go with.
const ACKS_WAIT: Duration = Duration::from_millis(20);
/// How long an acknowledgement is waited for, each time.
const RESEND_AFTER_MS: [u64; 8] = [250, 250, 250, 250, 500, 1_000, 2_000, 2_000];
/// A datagram is sent so many times, then given up.
pub(super) const TRIES_MAX: usize = RESEND_AFTER_MS.len();
/// Datagrams that were sent and are neither acknowledged nor overdue: more wait. Half a receiver's replay window, and
/// a third of the smallest buffer that a kernel gives a socket.
const FLIGHT_MAX: usize = 64;
const FLIGHT_MIN: usize = 4;
/// Datagrams of repair that are not acknowledged: more wait.
const REPAIR_FLIGHT_MAX: usize = 16;
/// Losses within this time count once: they have one cause.
const FLIGHT_LESS_EVERY: Duration = Duration::from_millis(250);

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum To {
    /// To all, by multicast.
    Multicast,
    /// To a member that has missed the multicast.
    Missed(u64),
    /// To a member, in this mode: see [`Message::News`].
    Node(u64, u8),
}

/// Records to send.
pub(super) struct Parcel<'a> {
    pub(super) to: To,
    /// The members that must acknowledge it.
    pub(super) by: &'a [u64],
    pub(super) records: Vec<Record>,
    /// How often it was sent before.
    pub(super) tries: usize,
    /// Whether the members to which it should be passed on were sent it in another way.
    pub(super) replaced: bool,
}

/// A datagram that was sent and is not acknowledged by all.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) heads: Vec<Head>,
    pub(super) mode: u8,
    /// The members that have not acknowledged it.
    pub(super) by: Vec<u64>,
    /// It was not acknowledged when it went by multicast.
    pub(super) was_missed: bool,
    /// The members to which it should be passed on were sent it in another way.
    pub(super) replaced: bool,
    /// How often it was sent.
    pub(super) tries: usize,
    /// As far as we know some of these members answer, so other datagrams wait for it.
    holds_up: bool,
    next: Mono,
}

/// The datagrams on their way, and the acknowledgements that we owe.
#[derive(Debug)]
pub(super) struct Delivery {
    news: Bucket,
    repair: Bucket,
    /// Datagrams that may be on their way, and when that was last lowered.
    flight: usize,
    flight_less_at: Mono,
    /// By counter of the datagram.
    unacknowledged: BoxMap<u64, Sent>,
    /// Counters to acknowledge, by member.
    acks: BTreeMap<u64, Vec<u64>>,
    acks_at: Mono,
}

impl Delivery {
    pub(super) const fn new() -> Self {
        Self {
            news: Bucket::new(NEWS_BYTES_PER_SECOND, NEWS_BYTES_BURST),
            repair: Bucket::new(REPAIR_BYTES_PER_SECOND, REPAIR_BYTES_BURST),
            flight: FLIGHT_MAX,
            flight_less_at: Mono::ZERO,
            unacknowledged: BoxMap::new(),
            acks: BTreeMap::new(),
            acks_at: Mono::ZERO,
        }
    }

    /// When an acknowledgement is due, or a datagram is overdue.
    pub(super) fn next_timeout(&self) -> Option<Mono> {
        let resend = self.unacknowledged.values().map(|sent| sent.next).min();
        let resend = resend.map(|at| at.max(self.news.ready_at()));
        let acks = (!self.acks.is_empty()).then_some(self.acks_at);
        resend.into_iter().chain(acks).min()
    }

    /// Whether another datagram of news may be sent.
    pub(super) fn may_send_news(&mut self, now: Mono) -> bool {
        self.news.ready(now) && self.has_flight()
    }

    /// When another datagram of news may be sent; nothing while too many are on their way.
    pub(super) fn news_ready_at(&self) -> Option<Mono> {
        self.has_flight().then(|| self.news.ready_at())
    }

    /// Whether more may be sent in repair. While many of its datagrams are unacknowledged, records would only be sent twice.
    pub(super) fn may_send_repair(&mut self, now: Mono) -> bool {
        self.repair.ready(now) && self.has_repair_flight()
    }

    /// When more may be sent in repair; nothing while too many of its datagrams are on their way.
    pub(super) fn repair_ready_at(&self) -> Option<Mono> {
        self.has_repair_flight().then(|| self.repair.ready_at())
    }

    /// Counts bytes that are sent in repair and need no acknowledgement.
    pub(super) fn spend_repair(&mut self, bytes: usize) {
        self.repair.spend(bytes);
    }

    /// Whether news is on its way to members that answer.
    pub(super) fn has_news(&self) -> bool {
        self.unacknowledged.values().any(|sent| sent.holds_up && sent.mode != REPAIR)
    }

    fn has_flight(&self) -> bool {
        self.unacknowledged.values().filter(|sent| sent.holds_up).count() < self.flight
    }

    fn has_repair_flight(&self) -> bool {
        let repair = self.unacknowledged.values().filter(|sent| sent.mode == REPAIR);
        repair.count() < REPAIR_FLIGHT_MAX
    }

    /// Notes that a datagram with records was received: it is acknowledged soon.
    pub(super) fn note_received(&mut self, now: Mono, from: u64, counter: u64) {
        if self.acks.is_empty() {
            self.acks_at = now + ACKS_WAIT;
        }
        self.acks.entry(from).or_default().push(counter);
    }

    /// Sends the acknowledgements that are due.
    pub(super) fn send_acks(&mut self, shared: &mut Shared, members: &Members, now: Mono) {
        if self.acks.is_empty() || self.acks_at > now {
            return;
        }
        for (node, counters) in std::mem::take(&mut self.acks) {
            let Some(boot) = members.peer(node).map(|peer| peer.boot) else { continue };
            for counters in pack(counters, AROUND_BYTES) {
                members.send(shared, node, &Message::Ack(short(boot), counters));
            }
        }
    }

    /// Takes a member's acknowledgements.
    pub(super) fn handle_ack(
        &mut self,
        members: &mut Members,
        now: Mono,
        from: u64,
        counters: &[u64],
    ) {
        for counter in counters {
            let Some(sent) = self.unacknowledged.get_mut(counter) else { continue };
            let (awaited, by_multicast) = (sent.by.len(), sent.mode == MULTICAST);
            sent.by.retain(|node| *node != from);
            if (by_multicast || sent.was_missed)
                && sent.by.len() < awaited
                && let Some(peer) = members.peer_mut(from)
            {
                peer.note_ack(now, by_multicast);
            }
            if sent.by.is_empty() {
                self.unacknowledged.remove(counter);
                self.flight = (self.flight + 1).min(FLIGHT_MAX);
            }
        }
    }

    /// The datagrams that are overdue, each by its counter: take them one by one by [`Delivery::take_overdue`].
    pub(super) fn overdue(&self, now: Mono) -> Vec<u64> {
        let overdue = self.unacknowledged.iter().filter(|(_, sent)| sent.next <= now);
        overdue.map(|(counter, _)| *counter).collect()
    }

    /// Takes back an overdue datagram, to be sent again or given up. Nothing, if the rate does not allow that now.
    pub(super) fn take_overdue(&mut self, now: Mono, counter: u64) -> Option<Sent> {
        if !self.news.ready(now) {
            return None;
        }
        let sent = self.unacknowledged.remove(&counter)?;
        if sent.holds_up && now.since(self.flight_less_at) >= FLIGHT_LESS_EVERY {
            self.flight_less_at = now;
            self.flight = (self.flight / 2).max(FLIGHT_MIN);
        }
        Some(sent)
    }

    /// Sends records, packed into as few datagrams as possible.
    pub(super) fn send(
        &mut self,
        shared: &mut Shared,
        members: &Members,
        now: Mono,
        parcel: Parcel<'_>,
    ) {
        let Parcel { to, by, records, tries, replaced } = parcel;
        let mode = match to {
            To::Multicast => MULTICAST,
            To::Missed(_) => DIRECT,
            To::Node(_, mode) => mode,
        };
        for records in pack(records, AROUND_BYTES) {
            let heads: Vec<Head> = records.iter().map(Head::of).collect();
            let message = Message::News(records, mode);
            let bytes = minicbor::len(&message);
            if mode == REPAIR {
                self.repair.spend(bytes);
            } else {
                self.news.spend(bytes);
            }
            let counter = match to {
                To::Multicast => shared.outbox.multicast(&message),
                To::Missed(node) | To::Node(node, _) => members.send(shared, node, &message),
            };
            // Nothing went out to a member that is not met yet, or when the outbox is full.
            let Some(counter) = counter else { continue };
            if self.unacknowledged.len() < UNACKNOWLEDGED_MAX {
                let haste = if mode == REPAIR { 2 } else { 1 };
                let wait = RESEND_AFTER_MS.get(tries).copied().unwrap_or_default() * haste;
                let answers = |node: &u64| members.peer(*node).is_some_and(|peer| peer.is_there);
                let sent = Sent {
                    heads,
                    mode,
                    by: by.to_vec(),
                    was_missed: matches!(to, To::Missed(_)),
                    replaced,
                    tries,
                    holds_up: by.iter().any(answers),
                    next: now + Duration::from_millis(wait),
                };
                self.unacknowledged.insert(counter, sent);
            }
        }
    }
}
