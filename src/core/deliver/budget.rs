//! Budgets: the bytes and messages that each integration of a receiver may use a day.
//!
//! Up to half of it everything is told as it comes. From then on there is one digest an hour, as with a rate limit. From three
//! quarters on the rest is for alerts that `budget_keeps` matches, in digests too: all others wait until the day is over. These
//! alerts do not wait for the digest of the hour, unless several notifications were sent within it or the whole budget is used. A
//! notification takes no more than half of what its part of the budget has left: alerts that do not fit are counted in it, and
//! alerts that are kept come first. Each change of part is told once, by the first notification after it.
//!
//! A day begins with the first notification after the last one was over. Bytes are those that went over the socket, in both
//! directions. The use is written into the ledger of the rate limit, so that the flock and a restart know it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use log::warn;

use crate::config::{DayBudget, Integration, RateLimit, Receiver};
use crate::core::Core;
use crate::core::deliver::content::Content;
use crate::core::deliver::reach::{self, IntegrationKey};
use crate::effect::AttemptId;
use crate::limits::{
    BUDGET_DIGEST_INTERVAL, BUDGET_KEPT_NOTIFICATIONS_MAX, BUDGET_MESSAGE_BYTES_MIN, PIECE_STEPS,
};
use crate::model::{Alert, Brief, Labels, LogKey};
use crate::notify::{AlertView, HeldBack};
use crate::time::{Mono, Now};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The part of a budget that attempts that failed may use before the ledger has it.
const WRITTEN_PART: u64 = 10;
/// Bytes around the alerts of a notification, roughly.
const AROUND_BYTES: usize = 1_000;
/// Bytes around the texts of an alert.
const AROUND_ALERT_BYTES: usize = 250;

/// How much an integration has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// When its day began, in milliseconds of this node's running time.
    began: i64,
    /// Bytes of the day.
    pub bytes: u64,
    /// Messages of the day.
    pub messages: u64,
    /// Bytes since the start.
    pub bytes_total: u64,
    /// Bytes of the day as the ledger has them.
    pub(super) written: u64,
    /// The part of the budget that was told last.
    told: Stage,
}

/// The part of its budget that an integration is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Everything is told as it comes.
    #[default]
    Free,
    /// In digests.
    Digests,
    /// Only what is kept, in digests.
    Kept,
}

impl Stage {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Digests => "digests",
            Self::Kept => "kept",
        }
    }

    /// Where this part of the budget ends, in quarters.
    const fn end(self) -> u64 {
        match self {
            Self::Free => 2,
            Self::Digests => 3,
            Self::Kept => 4,
        }
    }

    /// The note to people, when this part begins.
    const fn note(self) -> Option<&'static str> {
        match self {
            Self::Free => None,
            Self::Digests => {
                Some("Half of the day's budget is used: from now on there is one digest an hour.")
            }
            Self::Kept => Some(
                "Three quarters of the day's budget are used: until it is over only what budget_keeps matches is told.",
            ),
        }
    }
}

impl Used {
    /// The same at `now`: nothing, if the day is over.
    fn at(self, now: Mono) -> Self {
        if signed(now).saturating_sub(self.began) < ms(DAY) {
            return self;
        }
        let (bytes, messages, written) = (0, 0, 0);
        Self { began: signed(now), bytes, messages, written, told: Stage::Free, ..self }
    }

    /// Whether the whole budget is used.
    fn is_all(&self, budget: DayBudget) -> bool {
        budget.bytes.is_some_and(|all| self.bytes >= all)
            || budget.messages.is_some_and(|all| self.messages >= all)
    }

    fn part(&self, budget: DayBudget) -> Stage {
        let is_before = |part: &Stage| {
            let below = |used: u64, all: Option<u64>| {
                all.is_none_or(|all| used.saturating_mul(4) < all.saturating_mul(part.end()))
            };
            below(self.bytes, budget.bytes) && below(self.messages, budget.messages)
        };
        [Stage::Free, Stage::Digests].into_iter().find(is_before).unwrap_or(Stage::Kept)
    }

    /// The same, or more, as another member has it.
    pub(super) fn joined(self, ours: Self) -> Self {
        let (bytes, messages) = (self.bytes.max(ours.bytes), self.messages.max(ours.messages));
        Self {
            bytes,
            messages,
            told: self.told.max(ours.told),
            bytes_total: ours.bytes_total,
            ..self
        }
    }

    /// How long until the day is over.
    pub(super) fn left(&self, now: Mono) -> Duration {
        let age = signed(now).saturating_sub(self.began);
        DAY.saturating_sub(Duration::from_millis(u64::try_from(age).unwrap_or(0)))
    }
}

impl Core {
    /// How much an integration has used.
    pub fn used(&self, key: &IntegrationKey, now: Mono) -> Used {
        let fresh = Used { began: signed(now), ..Used::default() };
        self.budgets.used.get(key).copied().unwrap_or(fresh).at(now)
    }

    /// The part of its budget that an integration is in, if it has one.
    pub fn budget_part(
        &self,
        receiver: &Receiver,
        key: &IntegrationKey,
        now: Mono,
    ) -> Option<Stage> {
        Some(self.used(key, now).part(receiver.budget.as_ref()?.0))
    }

    /// How much each integration has used, and the part of its budget that it is in.
    pub fn all_used(
        &self,
        now: Mono,
    ) -> impl Iterator<Item = (&IntegrationKey, Used, Option<Stage>)> {
        self.budgets.used.keys().map(move |key| {
            let receiver = self.routes.receiver(&key.0);
            let part = receiver.and_then(|it| self.budget_part(it, key, now));
            (key, self.used(key, now), part)
        })
    }

    /// Counts bytes that an attempt has sent and received, also one that was stopped.
    pub fn handle_traffic(&mut self, now: Mono, attempt: AttemptId, bytes: u64) {
        let log = self.places.which(attempt).and_then(|it| self.log_key_of(it));
        let key = log.map(|it| reach::key(&it));
        let key = key.or_else(|| self.heartbeats.key_of(attempt));
        let key = key.or_else(|| self.places.end_stopped(attempt));
        if let Some(key) = key {
            self.use_up(now, &key, bytes, 0);
        }
    }

    /// Counts an attempt that has failed as a message of the hour once the whole budget is used: the next one waits as after a
    /// digest. The ledger hears of each tenth of the budget that failed attempts have used.
    pub(in crate::core) fn count_failed(&mut self, now: Now, log: &LogKey) {
        let key = reach::key(log);
        let Some(receiver) = self.routes.receiver(&key.0).cloned() else { return };
        let Some((budget, _)) = receiver.budget.as_ref() else { return };
        let used = self.used(&key, now.mono);
        if used.is_all(*budget) {
            self.budgets.spend(&key, signed(now.mono));
        }
        let unwritten = used.bytes.saturating_sub(used.written);
        if budget.bytes.is_some_and(|all| unwritten >= all / WRITTEN_PART) {
            self.write_ledger(now, log, &receiver);
        }
    }

    /// Counts what an integration uses.
    pub(in crate::core) fn use_up(
        &mut self,
        now: Mono,
        key: &IntegrationKey,
        bytes: u64,
        messages: u64,
    ) {
        let mut used = self.used(key, now);
        used.bytes += bytes;
        used.bytes_total += bytes;
        used.messages += messages;
        let receiver = self.routes.receiver(&key.0);
        let budget = receiver.and_then(|it| it.budget.as_ref());
        let before = budget.map(|it| self.used(key, now).part(it.0));
        let part = budget.map(|it| used.part(it.0));
        if part > before
            && let Some(note) = part.and_then(Stage::note)
        {
            warn!("{}/{}[{}]: {note}", Brief(&key.0), key.1, key.2);
        }
        self.budgets.used.insert(key.clone(), used);
    }

    /// How often an integration may be notified now, if it is of such content.
    pub(in crate::core) fn limit_now(
        &self,
        receiver: &Receiver,
        key: &IntegrationKey,
        content: &Content,
        now: Mono,
    ) -> Option<RateLimit> {
        let Some((budget, _)) = &receiver.budget else { return receiver.rate_limit };
        let used = self.used(key, now);
        if used.part(*budget) == Stage::Free {
            return receiver.rate_limit;
        }
        let is_urgent = !used.is_all(*budget) && keeps(receiver, content, &mut 0);
        let most = if is_urgent { BUDGET_KEPT_NOTIFICATIONS_MAX } else { 1 };
        let digests = RateLimit { notifications: most, per: BUDGET_DIGEST_INTERVAL };
        match receiver.rate_limit {
            Some(own) if own.per > digests.per => Some(own),
            // No more than its own limit would allow.
            Some(own) => Some(RateLimit { notifications: most.min(own.notifications), ..digests }),
            None => Some(digests),
        }
    }

    /// How long content that is not kept waits for another day.
    pub(in crate::core) fn waits_for_day(
        &self,
        receiver: &Receiver,
        key: &IntegrationKey,
        content: &Content,
        now: Mono,
    ) -> Duration {
        let is_short = self.budget_part(receiver, key, now) == Some(Stage::Kept);
        if is_short && !keeps(receiver, content, &mut 0) {
            self.used(key, now).left(now)
        } else {
            Duration::ZERO
        }
    }

    /// Leaves out of a notification those alerts for which its part of the budget has no room, and adds the note about the
    /// budget. Alerts that fire come first; among them, those that `budget_keeps` matches. The first is listed in any case: if it
    /// does not fit, without its annotations.
    pub(in crate::core) fn fit(
        &self,
        receiver: &Receiver,
        key: &IntegrationKey,
        mut alerts: Vec<AlertView>,
        held_back: &mut HeldBack,
        now: Mono,
    ) -> Vec<AlertView> {
        let Some((budget, _)) = &receiver.budget else { return alerts };
        let used = self.used(key, now);
        let part = used.part(*budget);
        held_back.budget = part.note().filter(|_| part > used.told);
        let whole = alerts.len();
        let mut steps = 0;
        if part == Stage::Kept {
            alerts.retain(|it| is_kept(receiver, &it.alert.labels, &mut steps));
        }
        held_back.left_out = whole - alerts.len();
        let Some(all) = budget.bytes else { return alerts };
        let left = (all / 4 * part.end()).saturating_sub(used.bytes) / 2;
        let room = usize::try_from(left).unwrap_or(usize::MAX).max(BUDGET_MESSAGE_BYTES_MIN);
        let cost = |it: &AlertView| AROUND_ALERT_BYTES + it.alert.bytes() * 6 / 5;
        if AROUND_BYTES + alerts.iter().map(cost).sum::<usize>() <= room {
            return alerts;
        }
        alerts.sort_by_cached_key(|it| {
            (it.resolved, !is_kept(receiver, &it.alert.labels, &mut steps))
        });
        let mut bytes = AROUND_BYTES;
        let fits = alerts.iter().take_while(|it| {
            bytes += cost(it);
            bytes <= room
        });
        let count = fits.count();
        alerts.truncate(count.max(1));
        if count == 0
            && let Some(it) = alerts.first_mut()
        {
            let short = Alert { annotations: Labels::empty(), ..(*it.alert).clone() };
            it.alert = Rc::new(short);
        }
        held_back.left_out = whole - alerts.len();
        alerts
    }

    /// Takes note that a notification was delivered, and of what it said of the budget.
    pub(in crate::core) fn note_message(
        &mut self,
        now: Mono,
        receiver: &Receiver,
        log: &LogKey,
        switch: Option<&'static str>,
    ) {
        let key = reach::key(log);
        self.use_up(now, &key, 0, 1);
        let told = [Stage::Digests, Stage::Kept].into_iter().find(|it| it.note() == switch);
        if receiver.budget.is_some()
            && let (Some(told), Some(used)) = (told, self.budgets.used.get_mut(&key))
        {
            used.told = told;
        }
    }
}

/// How many of the latest notifications of each of a receiver's integrations are to be remembered, and for how long.
pub(super) fn remembered(receiver: &Receiver) -> (usize, Duration) {
    let (count, per) =
        receiver.rate_limit.map_or((0, Duration::ZERO), |it| (it.notifications, it.per));
    match receiver.budget {
        Some(_) => (count.max(BUDGET_KEPT_NOTIFICATIONS_MAX), per.max(BUDGET_DIGEST_INTERVAL)),
        None => (count, per),
    }
}

/// Whether the last quarter of a receiver's budget is kept for one of the alerts.
/// Adds what it takes to `steps`.
pub(super) fn keeps(receiver: &Receiver, content: &Content, steps: &mut u64) -> bool {
    *steps += content.alerts.len() as u64;
    content.alerts.iter().any(|it| is_kept(receiver, &it.alert.labels, steps))
}

pub(super) fn signed(now: Mono) -> i64 {
    i64::try_from(now.as_ms()).unwrap_or(i64::MAX)
}

pub(super) fn ms(it: Duration) -> i64 {
    i64::try_from(it.as_millis()).unwrap_or(i64::MAX)
}

/// Whether an alert is one for which the last quarter of a budget is kept. Every further one is, once `steps`, to which this
/// adds what it takes, have come to [`PIECE_STEPS`].
fn is_kept(receiver: &Receiver, labels: &Labels, steps: &mut u64) -> bool {
    receiver
        .budget
        .as_ref()
        .is_some_and(|(_, keeps)| keeps.compare(labels, &mut 0, steps, PIECE_STEPS).unwrap_or(true))
}

/// The use, as words of a ledger; no number is among them.
pub(super) fn words(used: Used, now: Mono) -> String {
    let age = signed(now).saturating_sub(used.began) / 1000;
    format!("b{} m{} d{age} t{}", used.bytes, used.messages, used.told.end())
}

/// The use that the words of a ledger tell of, which was written at `at`.
pub(super) fn of_words<'a>(words: impl Iterator<Item = &'a str>, at: i64) -> Option<Used> {
    let mut used = Used::default();
    let mut is_there = false;
    for word in words {
        let split = word.split_at_checked(1);
        let Some((kind, Ok(number))) = split.map(|(kind, it)| (kind, it.parse::<u64>())) else {
            continue;
        };
        match kind {
            "b" => (used.bytes, used.written) = (number, number),
            "m" => used.messages = number,
            "d" => used.began = at.saturating_sub(i64::try_from(number).unwrap_or(0) * 1000),
            "t" if number == Stage::Digests.end() => used.told = Stage::Digests,
            "t" if number == Stage::Kept.end() => used.told = Stage::Kept,
            _ => continue,
        }
        is_there = true;
    }
    is_there.then_some(used)
}

/// The integrations of a receiver, by what budgets and limits know them.
pub fn key_of(receiver: &Receiver, it: &Integration) -> IntegrationKey {
    (Arc::clone(&receiver.name), it.name().into(), it.index)
}
