//! Debts are dropped where a user wants that: alerts that came and went are then logged as told.

use std::rc::Rc;
use std::time::Duration;

use log::info;

use crate::core::deliver::owed::DEBT_STEPS;
use crate::core::{Change, Core};
use crate::limits::{OWED_AGE_MAX, PIECE_STEPS};
use crate::model::{Fingerprint, LogEntry, LogKey};
use crate::time::Now;

/// The steps to drop a debt.
const DROPPED_STEPS: u64 = 5_000;

/// Drops what is owed, in pieces.
#[derive(Debug, Default)]
pub struct OwedDrop {
    /// To this receiver, or to all.
    receiver: Option<String>,
    /// The last debt that was looked at.
    after: Option<u128>,
    /// How many alerts that came and went are no longer owed.
    pub dropped: usize,
}

impl OwedDrop {
    /// Drops what is owed to a receiver, or to all.
    pub fn of(receiver: Option<String>) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl Core {
    /// Forgets what came and went and is owed, for as long as [`PIECE_STEPS`] take. Alerts that fire stay to be told. Returns
    /// whether all is done.
    pub fn drop_owed(&mut self, now: Now, drop: &mut OwedDrop) -> bool {
        let mut steps = 0;
        while let Some((id, debt)) = self.owed.next_after(drop.after) {
            if steps >= PIECE_STEPS {
                return false;
            }
            drop.after = Some(id);
            steps += DEBT_STEPS;
            if drop.receiver.as_deref().is_some_and(|it| *it != *debt.key.receiver) {
                continue;
            }
            let group = self.groups.find_key(&debt.key.group).filter(|_| debt.is_due);
            let ended = group.map_or_else(Vec::new, |id| self.ended_in(id, now.wall));
            let missed: Vec<Fingerprint> = self.missed_of(debt, &ended, now.wall).collect();
            steps += DROPPED_STEPS + group.map_or(0, |id| self.alerts_in(id)) * DEBT_STEPS / 2;
            drop.dropped += missed.len();
            let key = debt.key.clone();
            if !missed.is_empty() {
                self.log_as_told(now, &key, &missed);
            }
            self.end_debt(&key);
        }
        info!(
            "{} alerts that came and went are no longer owed to {}",
            drop.dropped,
            drop.receiver.as_deref().unwrap_or("any receiver")
        );
        true
    }

    /// Logs ends as told.
    fn log_as_told(&mut self, now: Now, key: &LogKey, ended: &[Fingerprint]) {
        let known = self.nflog.get(key, now.wall);
        let timestamp =
            known.map_or(now.wall, |it| now.wall.max(it.timestamp + Duration::from_nanos(1)));
        let notified_by = match self.turns.flock.me {
            0 => Rc::default(),
            me => LogEntry::notified_by_after(known, me),
        };
        // A member that is away may owe the same, and should find the entry when it is back.
        let expires_at = known.map_or(now.wall, |it| it.expires_at).max(now.wall + OWED_AGE_MAX);
        let nothing = LogEntry {
            timestamp,
            firing: Rc::default(),
            resolved: Rc::default(),
            expires_at,
            notified_by: Rc::default(),
            facts: Rc::default(),
        };
        let entry =
            LogEntry { timestamp, expires_at, notified_by, ..known.cloned().unwrap_or(nothing) };
        if self.put_log(now, key, entry.with_ends(ended)) {
            self.changes.push(Change::Log(key.clone()));
        }
    }
}
