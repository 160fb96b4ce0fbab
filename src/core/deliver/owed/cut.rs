//! Cut alerts: those that came and went, and of which the bounds leave nothing but their number. The next notification says it.

use std::collections::BTreeMap;

use crate::core::Core;
use crate::core::deliver::owed::{Debt, Owed};
use crate::core::deliver::reach;
use crate::core::which::Which;
use crate::limits::OWED_MAX;
use crate::model::{GroupKey, LogKey};
use crate::time::Now;

impl Owed {
    /// How many alerts the bounds have cut and nobody was told of, by receiver. One that several integrations of a receiver were
    /// owed is one.
    pub fn cut(&self) -> BTreeMap<&str, u64> {
        let of_debts = self.debts.values().filter(|debt| debt.cut > 0);
        let of_debts =
            of_debts.map(|Debt { key, cut, .. }| (&*key.receiver, Some(&key.group), *cut));
        let before = self.cut_before.iter().map(|((receiver, ..), cut)| (&**receiver, None, *cut));
        let mut of_groups = BTreeMap::<(&str, Option<&GroupKey>), u64>::new();
        for (receiver, group, cut) in of_debts.chain(before) {
            let most = of_groups.entry((receiver, group)).or_default();
            *most = cut.max(*most);
        }
        let mut all = BTreeMap::new();
        for ((receiver, _), cut) in of_groups {
            *all.entry(receiver).or_default() += cut;
        }
        all
    }
}

impl Core {
    /// How many alerts the bounds have cut of what a delivery owes; they are told of once.
    pub(in crate::core) fn cut_of(&self, key: &LogKey) -> u64 {
        self.owed.due(key.id()).map_or(0, |debt| debt.cut)
    }

    /// How many were cut of debts of an integration that are no more, or for which there was no room.
    pub(in crate::core) fn cut_before(&self, key: &LogKey) -> u64 {
        self.owed.cut_before.get(&reach::key(key)).copied().unwrap_or(0)
    }

    /// The cut alerts of a debt, and those of debts that are no more, were told of.
    pub(in crate::core) fn told_cut(&mut self, key: &LogKey) {
        if !self.owed.cut_before.is_empty() {
            self.owed.cut_before.remove(&reach::key(key));
        }
        if let Some(debt) = self.owed.debts.get_mut(&key.id()) {
            debt.cut = 0;
            self.keep_cut(key.id(), &mut 0);
        }
    }

    /// Goes on to count the alerts that were cut of a debt that ends untold.
    pub(super) fn keep_count(&mut self, key: &LogKey, cut: u64) {
        if cut > 0 {
            *self.owed.cut_before.get_or_default(reach::key(key)) += cut;
        }
    }

    /// Counts the alerts that have ended during a flush that is over, and for whose debts there was no room: those of a delivery
    /// and of what its digest carried. The next flush leaves them out.
    pub(in crate::core::deliver) fn count_unowed(&mut self, now: Now, which: Which) {
        if self.owed.len() < OWED_MAX {
            return;
        }
        let carried = self.delivery(which).map(|it| it.carries.clone()).unwrap_or_default();
        for which in std::iter::once(which).chain(carried) {
            self.count_unowed_one(now, which);
        }
    }

    fn count_unowed_one(&mut self, now: Now, (id, at): Which) {
        let Some(flush) = self.groups.get(id).and_then(|it| it.flush.as_ref()) else { return };
        let Some(delivery) = flush.deliveries.get(at) else { return };
        if self.owed.find(delivery.key.id()).is_some() {
            return;
        }
        let debt = Debt::new(delivery.key.clone(), flush.tick.wall);
        let ended = self.ended_in(id, now.wall);
        let count = self.missed_of(&debt, &ended, now.wall).count() as u64;
        self.stats.owed_cut += count;
        self.keep_count(&debt.key, count);
    }
}
