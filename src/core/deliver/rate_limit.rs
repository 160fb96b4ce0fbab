//! Rate limits: the budget of notifications that each integration of a receiver has, and the digest of what was held back.
//!
//! A receiver's `rate_limit` allows each of its integrations so many notifications within any time of a given length. Without
//! room in the budget a delivery is held back: it stays open until the oldest notification has left that time, or until its
//! flush ends and the next one takes it up in its newest state. When there is room, one notification, the digest, tells of
//! every group that was held back, and the log has each of them as told. A group whose alerts have all ended meanwhile is told
//! of, too.
//!
//! The budget is the flock's. Each notification is counted in a log entry of the integration, the ledger: members hear of it,
//! and a restart remembers it, as with any other log entry. All groups of such an integration have one order of turns, and one
//! attempt runs at a time. So one member spends the budget, and the next one after its death knows what was spent.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use log::info;

use crate::box_map::BoxMap;
use crate::config::{Integration, RateLimit, Receiver};
use crate::core::deliver::budget::{self, Stage, Used, ms, signed};
use crate::core::deliver::content::Content;
use crate::core::deliver::dedup::Reason;
use crate::core::deliver::delivery::{self, Delivery};
use crate::core::deliver::flushing::Flush;
use crate::core::deliver::history::Outcome;
use crate::core::deliver::machine::{Action, Input, State};
use crate::core::deliver::reach::{self, IntegrationKey};
use crate::core::route::Routes;
use crate::core::step::Step;
use crate::core::timers::Timer;
use crate::core::which::{GroupId, Which};
use crate::core::{Change, Core};
use crate::effect::Cx;
use crate::limits::{
    HELD_BACK_MAX, LOG_FACT_BYTES_MAX, PIECE_STEPS, RATE_LIMIT_DIGEST_ALERTS_MAX,
    RATE_LIMIT_NOTIFICATIONS_MAX,
};
use crate::model::hash::fnv128_bytes;
use crate::model::order::in_order;
use crate::model::{GroupKey, Labels, LogEntry, LogKey};
use crate::notify::{HeldBack, Notification};
use crate::time::{Mono, Now, Wall};

/// How long a digest waits for groups whose flush ends and begins anew at the moment when there is room.
const GATHER: Duration = Duration::from_millis(200);

/// The time that an attempt needs: if less is left of its flush when a digest is due, the next flush sends it.
const ATTEMPT_TIME_MIN: Duration = Duration::from_secs(5);

/// The group key of ledgers; those of groups begin with a brace.
const LEDGER: &str = "rate_limit";

/// The budgets of the integrations whose receiver has a `rate_limit`.
#[derive(Debug, Default)]
pub struct Budgets {
    spent: BoxMap<IntegrationKey, VecDeque<i64>>,
    held: BTreeMap<(IntegrationKey, u128), Held>,
    pub(super) used: BoxMap<IntegrationKey, Used>,
}

/// A group that an integration was not told of.
#[derive(Clone, Copy, Debug)]
struct Held {
    group: GroupId,
    /// Since when.
    since: Wall,
    /// How many notifications would have been sent.
    notifications: u64,
    /// The state that was to be told last, as a hash.
    state: u128,
}

impl Budgets {
    /// How long until an integration may be notified; zero if it may be now.
    fn wait(&self, key: &IntegrationKey, limit: RateLimit, now: Mono) -> Duration {
        let Some(spent) = self.spent.get(key) else { return Duration::ZERO };
        let oldest = spent.len().checked_sub(limit.notifications).and_then(|at| spent.get(at));
        let Some(oldest) = oldest else { return Duration::ZERO };
        let room_at = oldest.saturating_add(ms(limit.per + GATHER));
        Duration::from_millis(u64::try_from(room_at.saturating_sub(signed(now))).unwrap_or(0))
    }

    /// Counts a notification that was sent at `at`, in milliseconds of this node's running time: negative before its boot.
    pub(super) fn spend(&mut self, key: &IntegrationKey, at: i64) {
        let spent = self.spent.get_or_default(key.clone());
        spent.insert(spent.partition_point(|it| *it <= at), at);
        while spent.len() > RATE_LIMIT_NOTIFICATIONS_MAX {
            spent.pop_front();
        }
    }

    /// Takes note that a group is held back. `None` if there is no room for that, else whether it is news.
    fn hold(
        &mut self,
        of: (IntegrationKey, u128),
        group: GroupId,
        state: u128,
        now: Wall,
    ) -> Option<bool> {
        if let Some(held) = self.held.get_mut(&of) {
            let news = held.state != state;
            *held =
                Held { group, state, notifications: held.notifications + u64::from(news), ..*held };
            return Some(news);
        }
        if self.held.len() >= HELD_BACK_MAX {
            return None;
        }
        self.held.insert(of, Held { group, since: now, notifications: 1, state });
        Some(true)
    }

    /// Whether there is room to hold a group back.
    fn can_hold(&self, log: &LogKey) -> bool {
        self.held.len() < HELD_BACK_MAX || self.holds(log)
    }

    /// Whether an integration was not told of a group, so that its end is news.
    pub(in crate::core) fn holds(&self, log: &LogKey) -> bool {
        !self.held.is_empty() && self.held.contains_key(&(reach::key(log), log.id()))
    }

    /// Whether an integration was not told of some group.
    fn holds_any(&self, key: &IntegrationKey) -> bool {
        let mut from_first = self.held.range((key.clone(), 0)..);
        from_first.next().is_some_and(|((of, _), _)| of == key)
    }

    /// Since when an integration has not been told of a group.
    pub(in crate::core) fn held_since(&self, log: &LogKey) -> Option<Wall> {
        self.held.get(&(reach::key(log), log.id())).map(|it| it.since)
    }

    /// Takes note that there is nothing more to tell of a group.
    pub(in crate::core) fn release(&mut self, log: &LogKey) {
        if !self.held.is_empty() {
            self.held.remove(&(reach::key(log), log.id()));
        }
    }

    /// Forgets groups that have gone.
    pub(in crate::core) fn retain(&mut self, is_known: impl Fn(GroupId) -> bool) {
        self.held.retain(|_, held| is_known(held.group));
    }

    /// Forgets integrations that no rate limit holds any more.
    pub(in crate::core) fn retain_limited(
        &mut self,
        routes: &Routes,
        is_beat: impl Fn(&str) -> bool,
    ) {
        self.spent.retain(|key, _| is_limited(routes, key));
        self.held.retain(|(key, _), _| is_limited(routes, key));
        self.used.retain(|key, _| routes.receiver(&key.0).is_some() || is_beat(&key.0));
    }

    /// Moves all times along when the clock steps.
    pub(in crate::core) fn step(&mut self, step: Step) {
        self.held.values_mut().for_each(|held| held.since = step.time(held.since));
    }

    /// How many groups are held back, counted for each integration.
    pub fn held_len(&self) -> usize {
        self.held.len()
    }
}

fn is_limited(routes: &Routes, key: &IntegrationKey) -> bool {
    routes.receiver(&key.0).is_some_and(|it| it.is_limited())
}

/// Where an integration's notifications are counted.
fn ledger(log: &LogKey) -> LogKey {
    let LogKey { receiver, integration, index, .. } = log.clone();
    LogKey::new(GroupKey::from_stored(LEDGER), receiver, integration, index)
}

/// A number that is the same for the same alerts in the same state.
fn state_of(content: &Content) -> u128 {
    let lists = [&content.firing, &content.resolved].into_iter();
    fnv128_bytes(lists.flat_map(|list| {
        let all = std::iter::once(list.len() as u64).chain(list.iter().map(|it| it.0));
        all.flat_map(u64::to_be_bytes)
    }))
}

impl Core {
    /// The budgets of rate limits.
    pub const fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// The order of turns that all groups of an integration share, if its receiver has a rate limit.
    pub(in crate::core) fn shared_order(&self, log: &LogKey) -> Option<u128> {
        is_limited(&self.routes, &reach::key(log)).then(|| ledger(log).id())
    }

    /// How long a delivery is held back, if there is no room in its budget.
    pub(in crate::core) fn held_back(
        &self,
        flush: &Flush,
        delivery: &Delivery,
        now: Mono,
    ) -> Option<Duration> {
        let receiver = &delivery.receiver;
        if !receiver.is_limited() {
            return None;
        }
        let key = reach::key(&delivery.key);
        let limit = self.limit_now(receiver, &key, &delivery.content, now);
        let mut left = limit.map_or(Duration::ZERO, |limit| self.budgets.wait(&key, limit, now));
        left = left.max(self.waits_for_day(receiver, &key, &delivery.content, now));
        if self.budgets.holds_any(&key) {
            left = left.max((flush.tick.mono + GATHER).since(now));
        }
        let rest = flush.deadline.since(now);
        if rest < ATTEMPT_TIME_MIN && self.budgets.holds(&delivery.key) {
            left = left.max(rest);
        }
        let can_hold = || self.budgets.can_hold(&delivery.key);
        (!left.is_zero() && can_hold()).then_some(left)
    }

    /// Holds a delivery back until there is room in its budget.
    pub(in crate::core) fn hold_back(&mut self, cx: &Cx<'_>, which: Which, left: Duration) {
        let Some(delivery) = self.delivery(which) else { return };
        let (log, state) = (delivery.key.clone(), state_of(&delivery.content));
        let kind = delivery.integration().map(Integration::name);
        let of = (reach::key(&log), log.id());
        let is_news = self.budgets.hold(of, which.0, state, cx.now.wall) == Some(true);
        self.timers.cancel(Timer::Claim(which.0, which.1));
        self.surrender_turn(cx.now.mono, which);
        self.set_timer(which, cx.now.mono + left);
        if is_news {
            let secs = left.as_secs();
            info!("{}: held back for {secs} s at most", delivery::name(&log));
            if let Some(kind) = kind {
                self.stats.integration(kind).held_back += 1;
            }
            self.note(cx.now, which, Outcome::HeldBack { left });
        }
    }

    /// Joins to a delivery that is about to be attempted, as a digest, what its integration was not told of other groups.
    pub(in crate::core) fn gather(&mut self, cx: &mut Cx<'_>, which: Which) {
        let Some(log) = self.log_key_of(which) else { return };
        let key = reach::key(&log);
        let first = (key.clone(), 0);
        let mut held: Vec<(Wall, u128)> = self
            .budgets
            .held
            .range(first..)
            .take_while(|((of, _), _)| *of == key)
            .map(|((_, turn), held)| (held.since, *turn))
            .filter(|(_, turn)| *turn != log.id())
            .collect();
        held.extend(self.left_over(&key, &log, cx.now));
        // Groups for which a budget keeps room come first, then those that have waited longest.
        let mut steps = 0;
        held.sort_by_cached_key(|it| (!self.is_kept_turn(it.1, &mut steps), *it));
        let (mut carries, mut alerts) = (Vec::new(), self.entry_len(which.0));
        let open: Vec<Which> =
            held.iter().filter_map(|(_, turn)| self.open.get(turn).copied()).collect();
        // Others may be at thousands of them.
        for other in open.into_iter().take(RATE_LIMIT_DIGEST_ALERTS_MAX) {
            if alerts >= RATE_LIMIT_DIGEST_ALERTS_MAX {
                break;
            }
            if let Some(count) = self.carry(cx, other) {
                alerts += count;
                carries.push(other);
            }
        }
        if let Some(delivery) = self.delivery_mut(which) {
            delivery.carries = carries;
        }
    }

    /// The turns of other groups that are about to be told to an integration, and would have to wait for the next digest.
    fn left_over(&self, key: &IntegrationKey, log: &LogKey, now: Now) -> Vec<(Wall, u128)> {
        let receiver = self.routes.receiver(&key.0);
        let part = receiver.and_then(|it| self.budget_part(it, key, now.mono));
        if part.is_none_or(|it| it == Stage::Free) {
            return Vec::new();
        }
        let is_other = |(turn, which): &(&u128, &Which)| {
            let delivery = self.delivery(**which).filter(|it| reach::key(&it.key) == *key);
            **turn != log.id() && delivery.is_some_and(|it| !self.budgets.holds(&it.key))
        };
        let open = self.open.iter().take(HELD_BACK_MAX);
        open.filter(is_other).map(|(turn, _)| (now.wall, *turn)).collect()
    }

    /// Whether the open delivery of a turn tells of something that its receiver's budget keeps room for, as far as that is found
    /// before `steps`, to which what is done is added, come to [`PIECE_STEPS`].
    fn is_kept_turn(&self, turn: u128, steps: &mut u64) -> bool {
        let delivery = self.open.get(&turn).and_then(|which| self.delivery(*which));
        delivery.is_some_and(|it| {
            it.receiver.budget.is_some()
                && *steps < PIECE_STEPS
                && budget::keeps(&it.receiver, &it.content, steps)
        })
    }

    /// Takes a delivery into a digest, in its newest state, unless another member is at it or there is nothing to tell.
    /// Returns how many alerts it tells of.
    fn carry(&mut self, cx: &mut Cx<'_>, which: Which) -> Option<usize> {
        let waiting = self.delivery(which)?;
        let (receiver, key) = (&waiting.receiver, reach::key(&waiting.key));
        if !self.waits_for_day(receiver, &key, &waiting.content, cx.now.mono).is_zero() {
            return None;
        }
        if self.step(cx, which, Input::Gather) != Action::Renew {
            return None;
        }
        let delivery = self.delivery(which)?;
        let (state, count) = (delivery.state, delivery.content.alerts.len());
        if state == State::Done {
            self.finish(cx, which.0);
        }
        (state == State::Carried).then_some(count)
    }

    /// The notification of a delivery as the digest that it is, if it carries others or was held back itself.
    pub(in crate::core) fn digest(
        &self,
        told: Notification,
        which: Which,
        now: Mono,
    ) -> Notification {
        let Some(delivery) = self.delivery(which) else { return told };
        let key = reach::key(&delivery.key);
        let (mut alerts, mut labels) = (told.alerts.to_vec(), told.group_labels.clone());
        let mut cut = told.cut;
        let mut of_all = HeldBack { since: told.now, ..HeldBack::default() };
        let mut count = |turn: u128| {
            if let Some(held) = self.budgets.held.get(&(key.clone(), turn)) {
                of_all.groups += 1;
                of_all.notifications += held.notifications;
                of_all.since = of_all.since.min(held.since);
            }
        };
        count(delivery.key.id());
        for which in &delivery.carries {
            let Some(group) = self.groups.get(which.0) else { continue };
            let Some(other) = self.delivery(*which) else { continue };
            count(other.key.id());
            cut += self.cut_of(&other.key);
            labels = labels.common(&group.labels);
            alerts.extend(self.views(other, told.now).iter().cloned());
        }
        let alerts = in_order(alerts, |it| &it.alert.labels);
        let alerts = self.fit(&delivery.receiver, &key, alerts, &mut of_all, now).into();
        let held_back = Some(of_all).filter(HeldBack::is_any);
        if delivery.carries.is_empty() {
            return Notification { alerts, held_back, ..told };
        }
        Notification {
            group_key: GroupKey::new(LEDGER, &Labels::empty()),
            group_labels: labels,
            alerts,
            cut,
            remembered: Rc::default(),
            held_back,
            reason: Reason::HeldBack.as_str(),
            ..told
        }
    }

    /// Takes note that a delivery was sent: it is counted, and every group that it carried is logged as told.
    /// `switch` is what it has said of the budget.
    pub(in crate::core) fn spend(
        &mut self,
        cx: &mut Cx<'_>,
        which: Which,
        (attempts, switch): (u32, Option<&'static str>),
    ) {
        let Some(log) = self.log_key_of(which) else { return };
        let Some(delivery) = self.delivery_mut(which) else { return };
        let receiver = Arc::clone(&delivery.receiver);
        let carries = std::mem::take(&mut delivery.carries);
        self.note_message(cx.now.mono, &receiver, &log, switch);
        if !receiver.is_limited() {
            return;
        }
        if !carries.is_empty() {
            self.stats.digests += 1;
            info!("{}: the digest tells of {} more groups", delivery::name(&log), carries.len());
        }
        for which in carries {
            let other = self.delivery(which).filter(|it| it.state == State::Carried);
            let Some(key) = other.map(|it| it.key.clone()) else { continue };
            self.told_cut(&key);
            let reason = Reason::HeldBack;
            self.note(cx.now, which, Outcome::Sent { reason, attempts });
            self.timers.cancel(Timer::Claim(which.0, which.1));
            self.step(cx, which, Input::DigestDelivered);
            self.finish(cx, which.0);
        }
        self.budgets.spend(&reach::key(&log), signed(cx.now.mono));
        self.write_ledger(cx.now, &log, &receiver);
    }

    /// Lets the deliveries that a digest carried wait, after an attempt that failed: for its next attempt, or for another
    /// member.
    pub(in crate::core) fn put_back(&mut self, cx: &mut Cx<'_>, which: Which) {
        let carries = self.delivery_mut(which).map(|it| std::mem::take(&mut it.carries));
        for which in carries.unwrap_or_default() {
            self.step(cx, which, Input::DigestFailed);
        }
    }

    /// Tells the flock, and flash, how long ago the latest notifications were sent, and how much was used.
    pub(super) fn write_ledger(&mut self, now: Now, log: &LogKey, receiver: &Receiver) {
        let (key, integration) = (ledger(log), reach::key(log));
        let (count, per) = budget::remembered(receiver);
        let used = receiver.budget.is_some().then(|| self.used(&integration, now.mono));
        let life = used.map_or(per, |it| per.max(it.left(now.mono)));
        let known = self.nflog.find(key.id()).map(|(_, entry)| entry);
        let after = known.map(|it| it.timestamp + Duration::from_nanos(1));
        let notified_by = match self.turns.flock.me {
            0 => Rc::default(),
            me => LogEntry::notified_by_after(known, me),
        };
        let spent = self.budgets.spent.get(&integration).into_iter().flatten();
        let ages = spent.rev().take(count).map(|at| signed(now.mono) - at);
        let used = used.map(|it| budget::words(it, now.mono)).unwrap_or_default();
        let entry = LogEntry {
            timestamp: after.map_or(now.wall, |after| now.wall.max(after)),
            firing: Rc::default(),
            resolved: Rc::default(),
            expires_at: now.wall + life,
            notified_by,
            facts: ages_to_facts(used, ages),
        };
        if let Some(used) = self.budgets.used.get_mut(&integration) {
            used.written = used.bytes;
        }
        if self.put_log(now, &key, entry) {
            self.changes.push(Change::Log(key));
        }
    }

    /// Counts the notifications that a ledger tells of, before it is held: those that the one held so far does not; all of
    /// them, if there is none.
    pub(in crate::core) fn read_ledger(&mut self, now: Now, log: &LogKey, entry: &LogEntry) {
        let key = reach::key(log);
        if log.group.as_str() != LEDGER || !is_limited(&self.routes, &key) {
            return;
        }
        let sent_at = signed(now.mono) - ms(now.wall.since(entry.timestamp));
        let words = entry.facts.iter().flat_map(|it| it.split(' '));
        if let Some(used) = budget::of_words(words, sent_at) {
            self.budgets.used.insert(key.clone(), used.joined(self.used(&key, now.mono)));
        }
        let Some(known) = self.nflog.get(log, now.wall) else {
            for age in facts_to_ages(&entry.facts) {
                self.budgets.spend(&key, sent_at - age);
            }
            return;
        };
        let times = |(node, times): &(u64, u64)| times.saturating_sub(known.told_by(*node));
        let fresh: u64 = entry.notified_by.iter().map(times).sum();
        for _ in 0..fresh.min(RATE_LIMIT_NOTIFICATIONS_MAX as u64) {
            self.budgets.spend(&key, sent_at);
        }
    }
}

/// The use of a budget, and how long ago notifications were sent, in seconds, the latest first, as the facts of a ledger.
fn ages_to_facts(used: String, ages: impl Iterator<Item = i64>) -> Rc<[Arc<str>]> {
    let mut facts = vec![used];
    for age in ages {
        let text = (age / 1000).to_string();
        match facts.last_mut() {
            Some(last) if last.len() + text.len() < LOG_FACT_BYTES_MAX => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(&text);
            }
            _ => facts.push(text),
        }
    }
    LogEntry::facts_of(facts.iter().map(String::as_str))
}

/// The ages, in milliseconds, among the facts of a ledger.
fn facts_to_ages(facts: &[Arc<str>]) -> impl Iterator<Item = i64> {
    let words = facts.iter().flat_map(|it| it.split(' '));
    words.filter_map(|word| word.parse::<u32>().ok()).map(|secs| i64::from(secs) * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> IntegrationKey {
        ("r".into(), "webhook".into(), 0)
    }

    const LIMIT: RateLimit = RateLimit { notifications: 2, per: Duration::from_secs(10) };

    fn wait(budgets: &Budgets, now_ms: u64) -> u128 {
        budgets.wait(&key(), LIMIT, Mono::from_ms(now_ms)).as_millis()
    }

    #[test]
    fn a_budget_has_room_when_its_oldest_notification_leaves_the_window() {
        let mut budgets = Budgets::default();
        assert_eq!(wait(&budgets, 0), 0);
        budgets.spend(&key(), 1_000);
        assert_eq!(wait(&budgets, 1_000), 0);
        budgets.spend(&key(), 4_000);
        assert_eq!(
            (wait(&budgets, 4_000), wait(&budgets, 11_199), wait(&budgets, 11_200)),
            (7_200, 1, 0)
        );
        budgets.spend(&key(), -2_000);
        assert_eq!(wait(&budgets, 4_000), 7_200, "in the order in which they were sent");
        for at in 0..1_000 {
            budgets.spend(&key(), at);
        }
        assert_eq!(budgets.spent.get(&key()).unwrap().len(), RATE_LIMIT_NOTIFICATIONS_MAX);
    }

    #[test]
    fn held_back_groups_are_counted_by_their_states_and_bounded() {
        let mut budgets = Budgets::default();
        let mut hold = |turn, state| budgets.hold((key(), turn), GroupId(1), state, Wall::EPOCH);
        assert_eq!([hold(1, 5), hold(1, 5), hold(1, 6)], [Some(true), Some(false), Some(true)]);
        for turn in 0..HELD_BACK_MAX as u128 {
            hold(turn, 5);
        }
        assert_eq!((hold(u128::MAX, 5), hold(1, 6)), (None, Some(true)));
        assert_eq!(budgets.held[&(key(), 1)].notifications, 4);
        assert_eq!(budgets.held_len(), HELD_BACK_MAX);
    }

    #[test]
    fn as_many_notifications_as_a_limit_may_allow_fit_a_ledger() {
        let week = 7 * 24 * 3600 * 1000;
        let all: Vec<i64> = (0..i64::try_from(RATE_LIMIT_NOTIFICATIONS_MAX).unwrap())
            .map(|n| week - n * 1000)
            .collect();
        let facts = ages_to_facts("b9 m3".to_owned(), all.iter().copied());
        assert_eq!(facts_to_ages(&facts).collect::<Vec<_>>(), all);
        let odd: Vec<Arc<str>> = vec!["1 x -5".into(), "".into(), "99999999999 7".into()];
        assert_eq!(facts_to_ages(&odd).collect::<Vec<_>>(), [1_000, 7_000]);
    }
}
