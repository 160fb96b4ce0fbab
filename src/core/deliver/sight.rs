//! The sight of a delivery: the answers that [`machine::step`](crate::core::deliver::machine::step) asks for, from the tables
//! as they are. Nothing changes while it looks; the questions that have consequences are in [`Asked`].

use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Duration;

use crate::core::Core;
use crate::core::deliver::backoff::Permit;
use crate::core::deliver::content::{Content, Flushed};
use crate::core::deliver::dedup::{self, Reason};
use crate::core::deliver::delivery::Delivery;
use crate::core::deliver::flushing::Flush;
use crate::core::deliver::logging::notified_by;
use crate::core::deliver::machine::{Sees, State};
use crate::core::deliver::reach::{self, Advice};
use crate::core::deliver::turn::LISTEN;
use crate::core::which::{GroupId, Which};
use crate::notify;
use crate::time::{Mono, Now, Wall};

/// The alerts of a delivery as they have become, and the senders of the group's notifications until then.
pub(in crate::core) type Renewed = (Rc<[(u64, u64)]>, Rc<Content>);

/// Whether the alerts of a delivery are news.
#[derive(Debug, Default)]
pub(in crate::core) struct News {
    /// Why, if they are.
    pub(in crate::core) reason: Option<Reason>,
    /// Their newest state, if that was looked at.
    pub(in crate::core) renewed: Option<Renewed>,
}

/// The questions that were asked, as far as they have consequences: the newest state of the alerts is kept, and of all deliveries of an
/// integration the first that asks is the one that probes it.
#[derive(Debug)]
pub(in crate::core) struct Asked {
    pub(in crate::core) renewed: Option<Renewed>,
    pub(in crate::core) advice: Option<Advice>,
    /// Whether it may be attempted.
    pub(in crate::core) permit: Option<Permit>,
}

/// The tables, as one delivery sees them.
#[derive(Debug)]
pub(in crate::core) struct Sight<'a> {
    core: &'a Core,
    which: Which,
    now: Now,
    flush: &'a Flush,
    delivery: &'a Delivery,
    turn: OnceCell<u128>,
    news: OnceCell<News>,
    advice: OnceCell<Advice>,
    permit: OnceCell<Permit>,
}

impl<'a> Sight<'a> {
    /// The sight of this delivery, if there is such a delivery.
    pub(in crate::core) fn of(core: &'a Core, which: Which, now: Now) -> Option<Self> {
        let flush = core.groups.get(which.0)?.flush.as_ref()?;
        let delivery = flush.deliveries.get(which.1)?;
        Some(Self {
            core,
            which,
            now,
            flush,
            delivery,
            turn: OnceCell::new(),
            news: OnceCell::new(),
            advice: OnceCell::new(),
            permit: OnceCell::new(),
        })
    }

    /// The state of the delivery.
    pub(in crate::core) const fn state(&self) -> State {
        self.delivery.state
    }

    /// The questions that were asked.
    pub(in crate::core) fn asked(self) -> Asked {
        Asked {
            renewed: self.news.into_inner().and_then(|news| news.renewed),
            advice: self.advice.into_inner(),
            permit: self.permit.into_inner(),
        }
    }

    fn turn(&self) -> u128 {
        *self.turn.get_or_init(|| self.delivery.key.id())
    }

    fn look(&self) -> &News {
        self.news.get_or_init(|| self.core.dedup(self.which, self.now.wall))
    }
}

impl Sees for Sight<'_> {
    fn now(&self) -> Mono {
        self.now.mono
    }

    fn is_past(&self) -> bool {
        self.now.mono >= self.flush.deadline
    }

    fn due(&self) -> Mono {
        self.delivery.due
    }

    fn attempts(&self) -> u32 {
        self.delivery.attempts
    }

    fn was_left(&self) -> bool {
        self.delivery.was_left
    }

    fn news(&self) -> Option<Reason> {
        self.look().reason
    }

    fn is_for_the_log(&self) -> bool {
        let Delivery { key, content, .. } = self.delivery;
        let content = self.look().renewed.as_ref().map_or(content, |it| &it.1);
        let sends_ends = self.delivery.integration().is_some_and(|it| it.send_resolved);
        content.firing.is_empty()
            && !sends_ends
            && self.core.missed(key, content, self.now.wall).is_empty()
    }

    fn is_settling(&self) -> bool {
        self.core.turns.flock.settling
    }

    fn began_settling(&self) -> bool {
        !self.flush.settled
    }

    fn rank(&self) -> u32 {
        self.core.turns.rank(self.turn())
    }

    fn is_on_its_way(&self) -> bool {
        let (travels, now) = (&self.core.travels, self.now.mono);
        let is_one = |it: &Flushed| travels.is_on_its_way(now, it.fingerprint);
        !travels.is_empty() && self.delivery.content.alerts.iter().any(is_one)
    }

    fn held(&self) -> Option<(u64, Mono)> {
        let turns = &self.core.turns;
        let claim = turns.held(self.turn(), self.now.mono)?;
        Some((claim.node, turns.challenge(self.turn(), &claim)))
    }

    fn is_mine(&self) -> bool {
        self.core.turns.mine(self.turn())
    }

    fn is_alone(&self) -> bool {
        self.core.turns.alone()
    }

    fn another_can(&self) -> bool {
        self.core.turns.another_can(self.turn())
    }

    fn is_handed_over(&self) -> bool {
        self.core.turns.handed_over(self.turn())
    }

    fn advice(&self) -> Advice {
        let key = || reach::key(&self.delivery.key);
        *self.advice.get_or_init(|| self.core.reach.advice(&key(), self.now.mono))
    }

    fn was_lost(&self) -> bool {
        let began = self.delivery.due - LISTEN;
        self.core.reach.lost_after(&reach::key(&self.delivery.key), began)
    }

    fn left_alone(&self) -> Option<Mono> {
        let key = || reach::key(&self.delivery.key);
        let permit = || self.core.backoff.permit(&key(), self.which, self.now.mono);
        match self.permit.get_or_init(permit) {
            Permit::Until(until) => Some(*until),
            Permit::At(at) => Some(*at).filter(|at| *at > self.now.mono),
            Permit::Free | Permit::Probe => None,
        }
    }

    fn held_back(&self) -> Option<Duration> {
        self.core.held_back(self.flush, self.delivery, self.now.mono)
    }

    fn takes_place(&self) -> bool {
        self.delivery.integration().is_some_and(|it| !it.schema.instant)
    }

    fn has_place(&self) -> bool {
        self.core.places.is_free(&reach::key(&self.delivery.key))
    }
}

impl Core {
    /// Whether an integration is to be told of the flush. If another member has notified since the alerts were looked at,
    /// they are looked at again: some may have ended between our tick and the other's.
    fn dedup(&self, which: Which, now: Wall) -> News {
        let Some(delivery) = self.delivery(which) else { return News::default() };
        let mut reason = self.compare(which.0, delivery, &delivery.content, now);
        let renewed = reason.and_then(|_| self.renewed(delivery, now));
        if let Some((_, content)) = &renewed {
            reason = self.compare(which.0, delivery, content, now);
        }
        News { reason, renewed }
    }

    /// The alerts of a delivery as they have become, if another has told since.
    fn renewed(&self, delivery: &Delivery, now: Wall) -> Option<Renewed> {
        let notified_by = notified_by(self.nflog.get(&delivery.key, now));
        // The log entry of another member may come before the alerts that it names.
        let another = notified_by.first().is_some_and(|it| it.0 != self.turns.flock.me);
        let fires = |it: &Flushed| it.resolved && self.alerts.fires(it.fingerprint, now);
        let revived = another && delivery.content.alerts.iter().any(fires);
        (delivery.notified_by != notified_by || revived)
            .then(|| (notified_by, Rc::new(delivery.content.renewed(&self.alerts, now))))
    }

    /// Why alerts are news to the integration of a delivery, if they are.
    fn compare(
        &self,
        id: GroupId,
        delivery: &Delivery,
        content: &Content,
        now: Wall,
    ) -> Option<Reason> {
        let flush = self.groups.get(id)?.flush.as_ref()?;
        let key = &delivery.key;
        let integration = delivery.integration()?;
        let logged = self.nflog.get(key, now);
        let quiet = logged.map_or_else(Vec::new, |it| self.quiet_in(id, it));
        let known = logged.map(|it| {
            let others = [self.later_alerts(id, key, it), quiet.clone()].concat();
            if others.is_empty() {
                Cow::Borrowed(it)
            } else {
                Cow::Owned(it.without_firing(others))
            }
        });
        let is_held_back = self.budgets.holds(key);
        let reason = dedup::reason(
            known.as_deref(),
            &content.firing,
            &self.ends_to_tell(key, content, now),
            integration.send_resolved,
            notify::resend_interval(integration).unwrap_or(flush.repeat_interval),
            flush.tick.wall,
        );
        // A quiet alert was notified, too.
        let reason = match reason {
            Some(Reason::First) if !quiet.is_empty() => Some(Reason::NewAlerts),
            reason => reason,
        };
        // It was to be told that these fire, and was not: it is told that they did.
        let ended = !content.resolved.is_empty() && integration.send_resolved;
        let reason = reason
            .or_else(|| (is_held_back && ended && known.is_none()).then_some(Reason::AllResolved));
        let is_late = || !self.missed(key, content, now).is_empty();
        reason.or_else(|| is_late().then_some(Reason::Late))
    }
}
