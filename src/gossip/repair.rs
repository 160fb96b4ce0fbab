//! What other members lack is sent to them, at a bounded rate: whole records packed into datagrams, or parts of a large one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Gossip;
use super::index::RECENT_MAX;
use super::limiter::Bucket;
use super::message::{AROUND_BYTES, Message, Range};
use super::parts;
use super::record::{Record, Replica, Version};
use super::seal::MESSAGE_BYTES_MAX;
use super::stats::Stats;
use crate::limits::{REPAIR_BYTES_BURST, REPAIR_BYTES_PER_SECOND, REPAIR_QUEUE_MAX};
use crate::time::{Mono, Now};

/// Members with which ranges are compared at a time.
const SERVED_MAX: usize = 2;
/// Parts of a large record sent before others have their turn.
const PARTS_AT_A_TIME: usize = 8;

/// What is to be sent, and how fast it may be.
#[derive(Debug)]
pub(super) struct Repair {
    outbox: VecDeque<Job>,
    jobs: BTreeSet<(u64, u64)>,
    /// Records sent since the outbox was empty.
    burst: usize,
    bucket: Bucket,
}

/// A record to send, or some parts of it.
#[derive(Debug)]
struct Job {
    to: u64,
    hash: u64,
    parts: Option<Vec<u16>>,
}

impl Repair {
    pub(super) const fn new() -> Self {
        Self {
            outbox: VecDeque::new(),
            jobs: BTreeSet::new(),
            burst: 0,
            bucket: Bucket::new(REPAIR_BYTES_PER_SECOND, REPAIR_BYTES_BURST),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.outbox.len()
    }

    pub(super) fn next_timeout(&self) -> Option<Mono> {
        (!self.outbox.is_empty()).then(|| self.bucket.ready_at())
    }

    /// Notes bytes that are sent in repair, for the first time or again: what is sent again is not held back, for it is
    /// little, but what waits is.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.bucket.spend(bytes);
    }

    /// Whether something is to be sent to this member.
    pub(super) fn serves(&self, node: u64) -> bool {
        self.outbox.iter().any(|job| job.to == node)
    }

    /// Whether so much is to be sent to this member that another comparison would find little but that.
    pub(super) fn serves_much(&self, node: u64) -> bool {
        self.outbox.iter().filter(|job| job.to == node).nth(RECENT_MAX).is_some()
    }

    /// Whether so much is to be sent to others that this member had better ask one of them later.
    pub(super) fn serves_enough(&self, node: u64) -> bool {
        let served: BTreeSet<u64> = self.outbox.iter().map(|job| job.to).collect();
        served.len() - usize::from(served.contains(&node)) >= SERVED_MAX
    }

    /// Queues records for a member that lacks them.
    pub(super) fn queue_all(&mut self, to: u64, hashes: &[u64], stats: &mut Stats) {
        for hash in hashes {
            self.queue(Job { to, hash: *hash, parts: None }, stats);
        }
    }

    fn queue(&mut self, job: Job, stats: &mut Stats) {
        if self.outbox.len() >= REPAIR_QUEUE_MAX {
            stats.overflowed += 1;
        } else if self.jobs.insert((job.to, job.hash)) {
            self.outbox.push_back(job);
        }
    }
}

impl Gossip {
    /// Queues for a member all that it lacks in a range of which it has told all.
    pub(super) fn queue_lacking(&mut self, now: Now, node: u64, at: i64, range: &Range) {
        let theirs: BTreeMap<u64, Version> =
            range.heads.iter().map(|head| (head.hash, head.version)).collect();
        let wall_ms = self.hlc.wall_ms(now);
        let lacking: Vec<u64> = self
            .index
            .range(range.prefix, range.bits, at.max(wall_ms))
            .filter(|(hash, entry)| {
                entry.held && theirs.get(hash).is_none_or(|version| *version < entry.version)
            })
            .map(|(hash, _)| hash)
            .take(REPAIR_QUEUE_MAX)
            .collect();
        self.repair.queue_all(node, &lacking, &mut self.stats);
    }

    pub(super) fn handle_want_parts(
        &mut self,
        node: u64,
        hash: u64,
        version: Version,
        numbers: Vec<u16>,
    ) {
        self.sync.unasked.asked(node, &[hash]);
        let holds = self.index.entry(hash).is_some_and(|entry| entry.version == version);
        if holds {
            self.repair.queue(Job { to: node, hash, parts: Some(numbers) }, &mut self.stats);
        }
    }

    /// Sends what members lack, as fast as allowed.
    pub(super) fn send_repair(&mut self, now: Now, replica: &mut dyn Replica) {
        while !self.repair.outbox.is_empty()
            && self.repair.bucket.ready(now.mono)
            && self.broadcast.may_mend()
        {
            let Some(job) = self.next_job() else { return };
            let to = job.to;
            let (mut records, mut bytes) = (Vec::new(), AROUND_BYTES);
            let mut job = Some(job);
            while let Some(Job { hash, parts, .. }) = job.take() {
                let Some(record) = self.fetch(now, hash, replica) else {
                    job = self.next_job_to(to);
                    continue;
                };
                let size = minicbor::len(&record);
                if parts.is_some() || size + AROUND_BYTES > MESSAGE_BYTES_MAX {
                    self.send_parts(to, hash, record, parts.as_deref());
                    break;
                }
                if bytes + size > MESSAGE_BYTES_MAX {
                    self.repair.jobs.insert((to, hash));
                    self.repair.outbox.push_front(Job { to, hash, parts });
                    break;
                }
                bytes += size;
                self.stats.repaired += 1;
                records.push(record);
                job = self.next_job_to(to);
            }
            self.repair.burst += records.len();
            if !records.is_empty() {
                self.send_mended(now, to, records);
            }
            if self.repair.outbox.is_empty() && std::mem::take(&mut self.repair.burst) >= RECENT_MAX
            {
                self.tell_digest(now, to);
            }
        }
    }

    fn send_parts(&mut self, to: u64, hash: u64, record: Record, numbers: Option<&[u16]>) {
        let mut parts = parts::split(hash, record, numbers);
        let later = parts.split_off(PARTS_AT_A_TIME.min(parts.len()));
        let bytes: usize = parts.iter().map(minicbor::len).sum();
        self.repair.spend(bytes);
        for part in parts {
            self.send(to, &part);
        }
        let later: Vec<u16> = later
            .iter()
            .filter_map(
                |part| if let Message::Part(part) = part { Some(part.number) } else { None },
            )
            .collect();
        if later.is_empty() {
            self.stats.repaired += 1;
        } else {
            self.repair.queue(Job { to, hash, parts: Some(later) }, &mut self.stats);
        }
    }

    fn next_job(&mut self) -> Option<Job> {
        let job = self.repair.outbox.pop_front()?;
        self.repair.jobs.remove(&(job.to, job.hash));
        Some(job)
    }

    fn next_job_to(&mut self, to: u64) -> Option<Job> {
        let next = self.repair.outbox.front()?;
        (next.to == to).then(|| self.next_job()).flatten()
    }

    /// The record as the tables have it, with the time at which the flock knows it to end. What the tables no longer have
    /// leaves the index.
    pub(super) fn fetch(
        &mut self,
        now: Now,
        hash: u64,
        replica: &mut dyn Replica,
    ) -> Option<Record> {
        let wall_ms = self.hlc.wall_ms(now);
        let entry = self.index.entry(hash)?;
        if !entry.held || entry.expires_at_ms <= wall_ms {
            return None;
        }
        let fetched = replica.fetch(&entry.key).filter(|record| record.version >= entry.version);
        let Some(mut record) = fetched else {
            self.index.remove(hash);
            return None;
        };
        record.expires_at_ms = record.expires_at_ms.max(entry.expires_at_ms);
        Some(record)
    }
}
