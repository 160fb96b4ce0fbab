//! Debts: stored only, for each member notes what it could not tell itself.

use super::{Act, Draft, Read, Restored, Rules, demand_key};
use crate::core::restore::GroupTimers;
use crate::core::step::Step;
use crate::core::{Change, Core};
use crate::limits::OWED_AGE_MAX;
use crate::model::LogKey;
use crate::node::Node;
use crate::time::{Now, Wall};
use crate::wire::record::{self, Kind};

pub(super) struct DebtRules;

impl Rules for DebtRules {
    fn changes(&self, core: &Core) -> Vec<Change> {
        core.owed().kept().map(|debt| Change::Owed(debt.key.clone())).collect()
    }

    fn is_held(&self, core: &Core, key: &[u8]) -> bool {
        record::turn_of(key).is_ok_and(|id| core.owed().find(id).is_some())
    }

    fn read(&self, _node: &mut Node, key: &[u8], body: &[u8]) -> Read {
        let (log_key, since, counts) = record::decode_debt(body)?;
        demand_key(key, record::log_key(&log_key))?;
        Ok(Some(Box::new(StoredDebt(log_key, since, counts))))
    }
}

/// The record of a debt that has changed.
pub(super) fn act(core: &Core, now: Now, log_key: &LogKey) -> Act {
    let key = record::log_key(log_key).to_vec();
    let Some(debt) = core.owed().find(log_key.id()) else {
        return Act::Delete(Kind::Debt, key);
    };
    Act::Put(Draft {
        kind: Kind::Debt,
        key,
        expires: now.wall + OWED_AGE_MAX,
        body: record::encode_debt(log_key, debt.since, debt.counts()),
        stored: true,
        published: false,
    })
}

#[derive(Debug)]
struct StoredDebt(LogKey, Wall, (u64, u64));

impl Restored for StoredDebt {
    fn written(&self) -> Wall {
        self.1
    }

    fn step(&mut self, step: Step) {
        self.1 = step.time(self.1);
    }

    fn restore(self: Box<Self>, core: &mut Core, now: Now, _timers: &mut GroupTimers) -> Vec<u8> {
        let Self(key, since, counts) = *self;
        core.restore_debt(now, key, since, counts);
        Vec::new()
    }
}
