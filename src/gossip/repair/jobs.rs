//! The queue of records that are to be sent in repair.

use std::collections::{BTreeSet, VecDeque};

use crate::gossip::stats::GossipStats;
use crate::gossip::versions::RECENT_MAX;
use crate::limits::REPAIR_QUEUE_MAX;

/// Members with which ranges are compared at a time.
const SERVED_MAX: usize = 2;

/// A record to send, or some parts of it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) to: u64,
    pub(super) hash: u64,
    pub(super) parts: Option<Vec<u16>>,
}

/// The jobs, in order.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    queue: VecDeque<Job>,
    /// The member and record of each job.
    queued: BTreeSet<(u64, u64)>,
    /// Records sent since the queue was empty.
    burst: usize,
}

impl Jobs {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether something is to be sent to this member.
    pub(super) fn serves(&self, node: u64) -> bool {
        self.queue.iter().any(|job| job.to == node)
    }

    /// Whether so much is to be sent to this member that another comparison would find little but that.
    pub(super) fn serves_much(&self, node: u64) -> bool {
        self.queue.iter().filter(|job| job.to == node).nth(RECENT_MAX).is_some()
    }

    /// Whether so much is to be sent to others that this member had better ask one of them later.
    pub(super) fn serves_enough(&self, node: u64) -> bool {
        let served: BTreeSet<u64> = self.queue.iter().map(|job| job.to).collect();
        served.len() - usize::from(served.contains(&node)) >= SERVED_MAX
    }

    /// Queues a job. If one of the same member and record is queued already, or there is no room, nothing changes.
    pub(super) fn push(&mut self, job: Job, stats: &mut GossipStats) {
        if self.queue.len() >= REPAIR_QUEUE_MAX {
            stats.overflowed += 1;
        } else if self.queued.insert((job.to, job.hash)) {
            self.queue.push_back(job);
        }
    }

    /// Queues records for a member that lacks them.
    pub(super) fn push_all(&mut self, to: u64, hashes: &[u64], stats: &mut GossipStats) {
        for hash in hashes {
            self.push(Job { to, hash: *hash, parts: None }, stats);
        }
    }

    /// Puts a job back: it is the next one again.
    pub(super) fn push_front(&mut self, job: Job) {
        self.queued.insert((job.to, job.hash));
        self.queue.push_front(job);
    }

    pub(super) fn pop(&mut self) -> Option<Job> {
        let job = self.queue.pop_front()?;
        self.queued.remove(&(job.to, job.hash));
        Some(job)
    }

    /// The next job, if it is for this member.
    pub(super) fn pop_for(&mut self, to: u64) -> Option<Job> {
        let next = self.queue.front()?;
        (next.to == to).then(|| self.pop()).flatten()
    }

    /// Counts records that were sent. Returns whether these were the last ones of many.
    pub(super) fn note_sent(&mut self, records: usize) -> bool {
        self.burst += records;
        self.queue.is_empty() && std::mem::take(&mut self.burst) >= RECENT_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_wait_to_be_sent_are_so_many_and_no_more() {
        let (mut jobs, mut stats) = (Jobs::default(), GossipStats::default());
        let hashes: Vec<u64> = (0..REPAIR_QUEUE_MAX as u64).collect();
        jobs.push_all(7, &hashes, &mut stats);
        jobs.push_all(7, &hashes[..3], &mut stats);
        assert_eq!(jobs.len(), REPAIR_QUEUE_MAX);
        let before = stats.overflowed;
        jobs.push_all(8, &hashes[..3], &mut stats);
        assert_eq!((jobs.len(), stats.overflowed - before), (REPAIR_QUEUE_MAX, 3));
        assert!(jobs.serves(7) && !jobs.serves(8));
    }
}
