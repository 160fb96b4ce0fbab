//! Everything that flash stores is written again: where the clock has stepped, where the time has become known, and where the
//! journal begins anew. That may be very much, so it is done in pieces. Changes that come meanwhile are written as always.

use std::sync::Arc;
use std::vec;

use crate::core::{Change, Core};
use crate::effect::{Cx, Effect};
use crate::model::Labels;
use crate::node::Node;
use crate::node::carried;
use crate::node::keep::PUBLISHED_TOGETHER;
use crate::node::kinds::{self, Act, Draft, act, everything, timer};
use crate::store::JournalRecord;
use crate::time::{Mono, Now};

/// The records that are still to be written again.
#[derive(Debug)]
struct Remaining {
    changes: vec::IntoIter<Change>,
    /// Groups that were not made yet, of which a timer was kept.
    unmade: vec::IntoIter<(Arc<str>, Labels)>,
}

impl Remaining {
    /// Everything that the core holds, the most precious first.
    fn of(core: &Core) -> Self {
        let unmade: Vec<_> = core.unmade_groups().map(|(it, _)| it.clone()).collect();
        Self { changes: everything(core).into_iter(), unmade: unmade.into_iter() }
    }

    fn is_empty(&self) -> bool {
        self.changes.len() + self.unmade.len() == 0
    }

    /// The next record, as the core holds it now.
    fn next(&mut self, core: &Core, now: Now) -> Option<Draft> {
        let put = |change| match act(core, change, now) {
            Some(Act::Put(draft)) => Some(draft),
            _ => None,
        };
        let unmade = |group: (Arc<str>, Labels)| {
            let (path, labels) = &group;
            let route = core.routes().find(path);
            match route.and_then(|route| core.groups().find(route, labels)) {
                Some(id) => put(Change::Group { id, merged: false }),
                None => Some(timer(now, path, labels, core.unmade_group(&group)?)),
            }
        };
        self.changes.by_ref().find_map(put).or_else(|| self.unmade.by_ref().find_map(unmade))
    }
}

/// Everything that is being written again.
#[derive(Debug, Default)]
pub(super) struct Rewrite {
    /// The records that are written again in place, and whether all are, or only those that a wrong clock has dated.
    in_place: Option<(Remaining, bool)>,
    /// The state that the journal is to begin anew with, as far as it is gathered.
    state: Option<(Remaining, Vec<JournalRecord>)>,
}

impl Rewrite {
    /// When it is to go on: at once, while there is something to do.
    pub(super) fn due(&self) -> Option<Mono> {
        (self.in_place.is_some() || self.state.is_some()).then_some(Mono::ZERO)
    }
}

impl Node {
    /// Writes everything again, in pieces: `each` record, or those that a wrong clock has dated.
    pub(super) fn rewrite(&mut self, cx: &mut Cx<'_>, each: bool) {
        let each = each || self.rewrite.in_place.as_ref().is_some_and(|(_, each)| *each);
        if each || self.can_date(cx.now) {
            self.rewrite.in_place = Some((Remaining::of(&self.core), each));
        }
        if each {
            self.persist(cx, self.others());
        }
        self.go_on_in_place(cx);
    }

    /// Gathers everything that flash is to store, in pieces: [`Effect::BeginAnew`] has all of it. Records that are stored from
    /// now on come on top.
    pub fn handle_state_wanted(&mut self, cx: &mut Cx<'_>) {
        self.rewrite.state = Some((Remaining::of(&self.core), Vec::new()));
        self.go_on_gathering(cx);
    }

    /// Writes again everything that is left, in one piece: the process is about to stop.
    pub fn handle_rewrite(&mut self, cx: &mut Cx<'_>) {
        while self.rewrite.due().is_some() {
            self.go_on_rewriting(cx);
        }
    }

    /// Goes on with another piece of both.
    pub(super) fn go_on_rewriting(&mut self, cx: &mut Cx<'_>) {
        self.go_on_in_place(cx);
        self.go_on_gathering(cx);
    }

    fn go_on_in_place(&mut self, cx: &mut Cx<'_>) {
        let Some((mut remaining, each)) = self.rewrite.in_place.take() else { return };
        let mut records = Vec::new();
        for _ in 0..PUBLISHED_TOGETHER {
            let Some(draft) = remaining.next(&self.core, cx.now) else { break };
            let dated = self.date(cx, &draft);
            records.extend(dated.or_else(|| each.then(|| self.stored_again(draft, cx.now))));
        }
        self.persist(cx, records);
        self.rewrite.in_place = Some((remaining, each)).filter(|(it, _)| !it.is_empty());
    }

    fn go_on_gathering(&mut self, cx: &mut Cx<'_>) {
        let Some((mut remaining, mut records)) = self.rewrite.state.take() else { return };
        for _ in 0..PUBLISHED_TOGETHER {
            let Some(draft) = remaining.next(&self.core, cx.now) else { break };
            records.push(self.stored_again(draft, cx.now));
        }
        if remaining.is_empty() {
            records.extend(self.others());
            cx.effects.push(Effect::BeginAnew(records));
        } else {
            self.rewrite.state = Some((remaining, records));
        }
    }

    /// Everything that flash stores, as records.
    pub fn records(&self, now: Now) -> Vec<JournalRecord> {
        let mut remaining = Remaining::of(&self.core);
        let drafts = std::iter::from_fn(|| remaining.next(&self.core, now));
        let mut records: Vec<JournalRecord> = drafts.map(|it| self.stored_again(it, now)).collect();
        records.extend(self.others());
        records
    }

    /// The records of what the core does not hold.
    fn others(&self) -> Vec<JournalRecord> {
        let mut records = kinds::others(self);
        records.extend(self.carried.iter().filter_map(|(key, body)| {
            carried::stored(key, self.gossip.as_ref()?.held(key)?, body)
        }));
        records
    }
}
