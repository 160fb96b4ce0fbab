//! Hidden alerts: every flush that found them firing found them muted. If they end like that, nobody was to be told of them, and
//! they are not owed, however long their receiver was not reached.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::core::Core;
use crate::core::alerts::Visibility;
use crate::core::deliver::content::Flushed;
use crate::core::which::GroupId;
use crate::model::{Fingerprint, GroupKey};

impl Core {
    /// Notes which alerts at these places of a group's flush are hidden; the `shown` ones, which are in the flush's order, are not
    /// muted.
    pub(in crate::core::deliver) fn note_hidden(
        &mut self,
        id: GroupId,
        places: Range<usize>,
        shown: &[Flushed],
    ) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let Some(flush) = &group.flush else { return };
        let (hidden, mut shown) = (&mut group.hidden, shown.iter().peekable());
        let is_last = places.end == flush.snapshot.len();
        for it in flush.snapshot.get(places).unwrap_or_default() {
            let is_shown = shown.next_if(|shown| shown.fingerprint == it.fingerprint).is_some();
            let entry = self.alerts.get_mut(it.fingerprint).filter(|_| !it.resolved);
            let Some(entry) = entry else { continue };
            if is_shown {
                entry.visibility = Visibility::Shown;
                hidden.remove(&it.fingerprint);
            } else if entry.visibility != Visibility::Shown {
                entry.visibility = Visibility::Hidden;
                hidden.insert(it.fingerprint);
            }
        }
        if is_last {
            hidden.retain(|it| group.alerts.contains(it));
        }
    }

    /// The alerts that a group hides, if there are any.
    pub(super) fn hidden_in(&self, key: &GroupKey) -> Option<&BTreeSet<Fingerprint>> {
        let group = self.groups.find_key(key).and_then(|id| self.groups.get(id));
        group.map(|it| &it.hidden).filter(|it| !it.is_empty())
    }

    /// Whether an alert is among those that its group hides. One that has begun to fire anew since is not.
    pub(super) fn is_hidden(
        &self,
        hidden: Option<&BTreeSet<Fingerprint>>,
        fingerprint: Fingerprint,
    ) -> bool {
        hidden.is_some_and(|it| it.contains(&fingerprint))
            && self.alerts.get(fingerprint).is_some_and(|it| it.visibility != Visibility::Unknown)
    }
}
