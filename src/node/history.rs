//! The history: the outcomes of the latest deliveries, and the latest beginnings and ends of alerts.
//!
//! They are kept on flash, but make no commit of their own: what is new is written together with the next record that is
//! written anyway. A power cut may cost the last of them. On flash each takes the place of the oldest one, and so many bytes
//! are written a day.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};

use crate::core::deliver::history::{HistoryEntry, Muting, Outcome};
use crate::core::expect::Keep;
use crate::core::step::Step;
use crate::effect::{Cx, Effect};
use crate::gossip::Gossip;
use crate::limits::{
    HISTORY_BYTES_MAX, HISTORY_DAILY_BYTES_MAX, HISTORY_ENTRY_BYTES_MAX, HISTORY_KEPT_MAX,
    HISTORY_MAX,
};
use crate::model::{Fingerprint, Labels, LogKey};
use crate::node::Node;
use crate::node::kinds::past;
use crate::store::JournalRecord;
use crate::time::{Mono, Now, Wall};
use crate::wire::record::{self, Malformed};
use crate::wire::rfc3339;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The subject of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A delivery.
    Notifications,
    /// An alert.
    Alerts,
}

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEvent {
    /// Its number among those of its topic; a later one has a greater number.
    pub id: u64,
    /// When.
    pub at: Wall,
    /// The alert that it is about, if it is about one.
    subject: Option<Fingerprint>,
    content: Content,
    /// Whether flash has it, or is not to get it.
    is_done: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    /// A JSON object.
    Text(String),
    /// An alert has begun to fire, or has ended. Many do at once, and few of them are ever read.
    Turned { labels: Labels, starts_at: Wall, is_over: bool },
}

impl HistoryEvent {
    /// A JSON object.
    pub fn text(&self) -> Cow<'_, str> {
        let (labels, starts_at, is_over) = match &self.content {
            Content::Text(text) => return Cow::Borrowed(text),
            Content::Turned { labels, starts_at, is_over } => (labels, starts_at, is_over),
        };
        let Self { id, at, .. } = self;
        let (ends, status) = if *is_over {
            (format!(r#""endsAt":"{at}","#), "resolved")
        } else {
            (String::new(), "firing")
        };
        let labels = serde_json::to_string(labels).unwrap_or_default();
        Cow::Owned(format!(
            r#"{{"at":"{at}",{ends}"id":{id},"labels":{labels},"startsAt":"{starts_at}","status":"{status}"}}"#
        ))
    }

    /// The bytes of its texts.
    fn bytes(&self) -> usize {
        match &self.content {
            Content::Text(text) => text.len(),
            Content::Turned { labels, .. } => labels.bytes(),
        }
    }
}

/// The events of each topic, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Past {
    lists: [List; 2],
    /// When the day began, and the bytes that were written since.
    day: (Mono, usize),
}

#[derive(Debug, Default)]
struct List {
    events: VecDeque<HistoryEvent>,
    bytes: usize,
    /// When the latest event of each subject was.
    last: BTreeMap<Fingerprint, Wall>,
}

impl List {
    fn push(&mut self, event: HistoryEvent) {
        self.bytes += event.bytes();
        self.last.extend(event.subject.map(|subject| (subject, event.at)));
        self.events.push_back(event);
        while self.events.len() > HISTORY_MAX || self.bytes > HISTORY_BYTES_MAX {
            let Some(oldest) = self.events.pop_front() else { return };
            self.bytes -= oldest.bytes();
            if let Some(subject) = oldest.subject
                && self.last.get(&subject) == Some(&oldest.at)
            {
                self.last.remove(&subject);
            }
        }
    }

    /// Those that flash may have, the latest first.
    fn latest(&self) -> impl Iterator<Item = &HistoryEvent> {
        self.events.iter().rev().take(HISTORY_KEPT_MAX)
    }
}

impl Past {
    /// Adds an event; `content` is told its number.
    fn add(
        &mut self,
        topic: Topic,
        at: Wall,
        subject: Option<Fingerprint>,
        content: impl FnOnce(u64) -> Content,
    ) {
        let list = &mut self.lists[topic as usize];
        let id = list.events.back().map_or(1, |last| last.id + 1);
        list.push(HistoryEvent { id, at, subject, content: content(id), is_done: false });
    }

    /// Moves all times along when the clock steps.
    pub(super) fn step(&mut self, step: Step) {
        for list in &mut self.lists {
            for event in &mut list.events {
                event.at = step.time(event.at);
                list.bytes -= event.bytes();
                match &mut event.content {
                    Content::Text(text) => step_text(text, step),
                    Content::Turned { starts_at, .. } => *starts_at = step.time(*starts_at),
                }
                list.bytes += event.bytes();
            }
            list.last.values_mut().for_each(|at| *at = step.time(*at));
        }
    }

    /// The records of what flash does not have yet, as many as it is to get.
    fn fresh(&mut self, now: Mono) -> Vec<JournalRecord> {
        if now.since(self.day.0) >= DAY {
            self.day = (now, 0);
        }
        let mut records = Vec::new();
        for (topic, list) in (0..).zip(&mut self.lists) {
            for event in list.latest().take_while(|it| !it.is_done) {
                // The first event that does not fit uses up what is left, so that the texts of those after it need not be made.
                if self.day.1 >= HISTORY_DAILY_BYTES_MAX {
                    break;
                }
                let Some((bytes, record)) = record_of(topic, event) else { continue };
                self.day.1 += bytes;
                records.extend((self.day.1 <= HISTORY_DAILY_BYTES_MAX).then_some(record));
            }
            let fresh = list.events.iter_mut().rev().take_while(|it| !it.is_done);
            fresh.for_each(|it| it.is_done = true);
        }
        records
    }

    /// The records of everything that flash may have.
    pub(super) fn records(&self) -> impl Iterator<Item = JournalRecord> {
        let lists = (0..).zip(&self.lists);
        let each = lists
            .flat_map(|(topic, list)| list.latest().filter_map(move |it| record_of(topic, it)));
        each.map(|(_, record)| record)
    }

    /// Takes back what flash has stored.
    pub(super) fn restore(&mut self, body: &[u8]) -> Result<(), Malformed> {
        let (topic, id, at, text) = record::decode_past(body)?;
        let malformed = || Malformed("an event that makes no sense".to_owned());
        let value: Value = serde_json::from_str(&text).map_err(|_| malformed())?;
        let list = self.lists.get_mut(usize::from(topic)).filter(|_| value.is_object());
        let list = list.ok_or_else(malformed)?;
        let subject = value.get("labels").and_then(Value::as_object).map(|labels| {
            let pairs = labels.iter().filter_map(|(name, it)| Some((name.as_str(), it.as_str()?)));
            Fingerprint::of(pairs)
        });
        // Those that came before flash could be read are later.
        let place = list.events.partition_point(|it| it.is_done && it.id < id);
        if list.events.get(place).is_none_or(|it| !it.is_done || it.id != id) {
            let content = Content::Text(text);
            list.events.insert(place, HistoryEvent { id, at, subject, content, is_done: true });
        }
        Ok(())
    }

    /// All were taken back. Events that came before flash was read get later numbers. Those of the last day have cost this day's bytes,
    /// as far as no later one has taken their place.
    pub(super) fn restored(&mut self, now: Now) {
        let all = self.lists.iter().flat_map(|list| &list.events);
        // A clock that is behind tells nothing of their age.
        let is_of_the_day = |at: Wall| at <= now.wall && now.wall.since(at) < DAY;
        let of_the_day = all.filter(|it| it.is_done && is_of_the_day(it.at));
        self.day = (now.mono, of_the_day.map(HistoryEvent::bytes).sum());
        for list in &mut self.lists {
            let mut last = 0;
            list.bytes = 0;
            list.last.clear();
            for mut event in std::mem::take(&mut list.events) {
                event.id = event.id.max(last + 1);
                last = event.id;
                list.push(event);
            }
        }
    }
}

/// Moves the times of a JSON object.
fn step_text(text: &mut String, step: Step) {
    let Ok(mut value) = serde_json::from_str::<Value>(text) else { return };
    for name in ["at", "startsAt", "endsAt"] {
        let Some(it) = value.get_mut(name) else { continue };
        let time = it.as_str().and_then(|it| rfc3339::parse(it).ok().flatten());
        *it = time.map_or_else(|| it.take(), |time| json!(step.time(time)));
    }
    *text = value.to_string();
}

/// The record of an event, and the bytes of its text; none if these are too many.
fn record_of(topic: u8, event: &HistoryEvent) -> Option<(usize, JournalRecord)> {
    let text = event.text();
    if text.len() > HISTORY_ENTRY_BYTES_MAX {
        return None;
    }
    Some((text.len(), past(topic, event.id, event.at, &text)))
}

impl Node {
    /// The latest events of a topic, oldest first.
    pub fn history(&self, topic: Topic) -> impl DoubleEndedIterator<Item = &HistoryEvent> {
        self.past.lists[topic as usize].events.iter()
    }

    /// Writes records to flash, and with them what has happened.
    pub(super) fn persist(&mut self, cx: &mut Cx<'_>, mut records: Vec<JournalRecord>) {
        let keep = if records.is_empty() { Keep::Alone } else { Keep::WithOthers };
        records.extend(self.fresh_signs(keep));
        if !records.is_empty() {
            records.extend(self.past.fresh(cx.now.mono));
            cx.effects.push(Effect::Persist(records));
        }
    }

    /// Writes what has happened and is not on flash: the process is about to stop.
    pub(super) fn persist_past(&mut self, cx: &mut Cx<'_>) {
        let mut records = self.fresh_signs(Keep::All);
        records.extend(self.past.fresh(cx.now.mono));
        self.persist(cx, records);
    }

    /// Takes note of what has happened in the core.
    pub(super) fn note_past(&mut self, now: Now) {
        let (entries, turned) = self.core.take_history();
        // There is no room for the first of very many.
        let first = turned.len().saturating_sub(HISTORY_MAX);
        for fingerprint in turned.into_iter().skip(first) {
            self.note_turned(now.wall, fingerprint);
        }
        if entries.is_empty() {
            return;
        }
        let members = self.gossip.as_ref().map(|it| it.members(now.mono)).unwrap_or_default();
        let me = self.gossip.as_ref().map_or(0, Gossip::node);
        let name = |node: u64| {
            let known = members.iter().find(|it| it.node == node && !it.name.is_empty());
            known.map_or_else(|| format!("{node:016x}"), |it| it.name.clone())
        };
        let own = self.gossip.as_ref().map_or(&*self.core.options().name, Gossip::name).to_owned();
        let name = |node: u64| if node == me { own.clone() } else { name(node) };
        for it in entries {
            let mut value = shown(&it, &own, name);
            self.past.add(Topic::Notifications, it.at, None, |id| {
                value["id"] = id.into();
                // `to_string` of the value itself takes three times as long.
                Content::Text(serde_json::to_string(&value).unwrap_or_default())
            });
        }
    }

    /// Takes note that an alert has begun to fire, or has ended.
    pub(super) fn note_turned(&mut self, now: Wall, fingerprint: Fingerprint) {
        let Some(alert) = self.alert(fingerprint) else { return };
        let is_over = alert.resolved(now);
        let at = if is_over { alert.ends_at } else { now };
        // Each of an alert's groups tells of its end.
        if self.past.lists[Topic::Alerts as usize].last.get(&fingerprint) == Some(&at) {
            return;
        }
        let (labels, starts_at) = (alert.labels.clone(), alert.starts_at);
        let turned = Content::Turned { labels, starts_at, is_over };
        self.past.add(Topic::Alerts, at, Some(fingerprint), |_| turned);
    }
}

/// The fields that every entry has, and those of its outcome alone.
fn shown(entry: &HistoryEntry, own: &str, name: impl Fn(u64) -> String) -> Value {
    let key = &entry.key;
    let mut value = json!({
        "at": entry.at,
        "afterMs": u64::try_from(entry.after.as_millis()).unwrap_or(u64::MAX),
        "receiver": &*key.receiver,
        "integration": integration(key),
        "groupKey": key.group.as_str(),
        "groupLabels": entry.labels,
        "outcome": entry.outcome.as_str(),
    });
    if let Some(told) = &entry.told {
        value["node"] = own.into();
        value["firing"] = told.firing.into();
        value["resolved"] = told.resolved.into();
        value["content"] = told.content.as_str().into();
        value["answer"] = told.answer.as_str().into();
    }
    let (own, of): (&str, Value) = match &entry.outcome {
        Outcome::Expired { attempts } => ("attempts", (*attempts).into()),
        Outcome::Failed { why }
        | Outcome::Misrendered { why }
        | Outcome::Refused { why }
        | Outcome::Surrendered { why } => ("why", why.as_str().into()),
        Outcome::FellBack { to } => ("to", (**to).into()),
        Outcome::Held { by: node }
        | Outcome::Told { by: node }
        | Outcome::TookOver { from: node } => ("node", name(*node).into()),
        Outcome::Muted(muting) => {
            let Muting { alerts, inhibited, silenced, intervals } = muting;
            value["alerts"] = (*alerts).into();
            value["inhibited"] = (*inhibited).into();
            value["silenced"] = (*silenced).into();
            ("intervals", intervals.iter().map(|name| &**name).collect())
        }
        Outcome::HeldBack { left } | Outcome::Waiting { left } => {
            ("leftMs", u64::try_from(left.as_millis()).unwrap_or(u64::MAX).into())
        }
        Outcome::Sent { reason, attempts } => {
            value["reason"] = reason.as_str().into();
            ("attempts", (*attempts).into())
        }
    };
    value[own] = of;
    value
}

/// The name of the integration: `webhook[0]`; empty where the group as a whole is meant.
pub fn integration(key: &LogKey) -> String {
    match &*key.integration {
        "" => String::new(),
        kind => format!("{kind}[{}]", key.index),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::node::testing::World;
    use crate::wire::record::Stamped;

    fn texts(world: &World, topic: Topic) -> Vec<String> {
        world.nodes[0].history(topic).map(|it| it.text().into_owned()).collect()
    }

    fn of(topic: Topic, past: &mut Past, count: u64, bytes: usize) {
        for _ in 0..count {
            past.add(topic, Wall::EPOCH, None, |id| {
                Content::Text(json!({"id": id, "x": "x".repeat(bytes)}).to_string())
            });
        }
    }

    #[test]
    fn the_history_is_known_after_a_restart() {
        let mut world = World::new(&[None]);
        world.post("A");
        world.pass(20);
        let both = |world: &World| [Topic::Alerts, Topic::Notifications].map(|it| texts(world, it));
        let before = both(&world);
        assert_eq!(before.each_ref().map(Vec::len), [1, 2], "{before:?}");
        assert!(before[0][0].contains(r#""status":"firing""#), "{before:?}");
        assert!(before[1][1].contains(r#""outcome":"sent""#), "{before:?}");
        let writes = world.writes;
        world.pass(200);
        assert_eq!(world.writes, writes, "nothing new");
        world.restart(0);
        assert_eq!(both(&world), before);
        world.pass(400);
        let after = both(&world);
        assert!(after[0].starts_with(&before[0]) && after[0].len() == 2, "{after:?}");
        assert!(
            after[0][1].contains(r#""id":2,"#) && after[0][1].contains(r#""status":"resolved""#)
        );
    }

    #[test]
    fn an_event_of_which_several_groups_tell_is_noted_once() {
        let mut world = World::new(&[None]);
        world.post("A");
        world.post("B");
        world.pass(20);
        let at = world.now.wall;
        let all: Vec<_> = world.nodes[0].alerts().map(|(fingerprint, ..)| fingerprint).collect();
        let note = |world: &mut World| {
            for fingerprint in all.iter().cycle().take(6) {
                world.nodes[0].note_turned(at, *fingerprint);
            }
            texts(world, Topic::Alerts).len()
        };
        assert_eq!((texts(&world, Topic::Alerts).len(), note(&mut world)), (2, 4));
        world.post("C");
        world.pass(20);
        world.restart(0);
        assert_eq!(note(&mut world), 5, "also after a restart");
    }

    #[test]
    fn subjects_are_known_as_long_as_their_latest_event_is() {
        let mut past = Past::default();
        let add = |past: &mut Past, subject: u64, at: i64| {
            let content = |_| Content::Text(String::new());
            past.add(Topic::Alerts, Wall::from_secs(at), Some(Fingerprint(subject)), content);
        };
        add(&mut past, 0, 1);
        add(&mut past, 1, 2);
        add(&mut past, 0, 3);
        (2..HISTORY_MAX as u64).for_each(|subject| add(&mut past, subject, 4));
        let last = |past: &Past, subject: u64| {
            past.lists[Topic::Alerts as usize].last.get(&Fingerprint(subject)).copied()
        };
        // The first event of the first subject has gone, not its latest.
        assert_eq!(last(&past, 0), Some(Wall::from_secs(3)));
        (1000..1000 + HISTORY_MAX as u64).for_each(|subject| add(&mut past, subject, 5));
        assert_eq!((last(&past, 0), last(&past, 1000)), (None, Some(Wall::from_secs(5))));
        assert_eq!(past.lists[Topic::Alerts as usize].last.len(), HISTORY_MAX);
    }

    #[test]
    fn flash_has_so_many_events_and_no_more() {
        let mut past = Past::default();
        of(Topic::Alerts, &mut past, 300, 1);
        let mut keys: Vec<_> = past.fresh(Mono::ZERO).into_iter().map(|it| it.key).collect();
        assert_eq!(keys.len(), HISTORY_KEPT_MAX);
        assert_eq!(past.fresh(Mono::ZERO).len(), 0);
        of(Topic::Alerts, &mut past, 300, 1);
        keys.extend(past.fresh(Mono::ZERO).into_iter().map(|it| it.key));
        keys.sort();
        keys.dedup();
        assert_eq!((keys.len(), past.records().count()), (HISTORY_KEPT_MAX, HISTORY_KEPT_MAX));
    }

    #[test]
    fn flash_gets_so_many_bytes_of_events_a_day_and_no_more() {
        let mut past = Past::default();
        of(Topic::Alerts, &mut past, 1, HISTORY_ENTRY_BYTES_MAX);
        assert_eq!((past.fresh(Mono::ZERO).len(), past.records().count()), (0, 0), "too large");
        let mut bytes = 0;
        for _ in 0..1000 {
            of(Topic::Notifications, &mut past, 1, 1000);
            let records = past.fresh(Mono::ZERO);
            bytes += records.iter().map(|it| it.body().unwrap().len()).sum::<usize>();
        }
        assert!(bytes > HISTORY_DAILY_BYTES_MAX / 2 && bytes < HISTORY_DAILY_BYTES_MAX * 11 / 10);
        of(Topic::Notifications, &mut past, 1, 1000);
        assert_eq!(past.fresh(Mono::ZERO + DAY).len(), 1, "another day");
    }

    #[test]
    fn a_restart_knows_what_the_events_on_flash_have_cost() {
        let mut flash: BTreeMap<_, Vec<u8>> = BTreeMap::new();
        let mut live = |hour: u64| {
            let mut past = Past::default();
            for body in flash.values() {
                past.restore(body).unwrap();
            }
            let wall = Wall::EPOCH + Duration::from_secs(hour * 3600);
            past.restored(Now { mono: Mono::ZERO, wall });
            let mut written = 0;
            for _ in 0..200 {
                of(Topic::Notifications, &mut past, 1, 1900);
                for it in past.fresh(Mono::ZERO) {
                    let body = Stamped::decode(it.body().unwrap()).unwrap().body.clone();
                    written += body.len();
                    flash.insert(it.key.clone(), body);
                }
            }
            written
        };
        let day = HISTORY_DAILY_BYTES_MAX;
        assert!((day * 9 / 10..day * 11 / 10).contains(&live(0)));
        assert!(live(8) + live(16) < day / 4, "as they are the latest, nearly all are known");
        assert!(live(24) > day * 9 / 10, "another day");
    }

    #[test]
    fn events_stay_as_long_ago_as_they_are_when_the_clock_is_set() {
        let mut past = Past::default();
        let at = Wall::from_secs(60);
        let text = |id| json!({"id": id, "at": at, "startsAt": at, "why": null}).to_string();
        past.add(Topic::Alerts, at, None, |id| Content::Text(text(id)));
        let labels = [("a", "b\"")].into_iter().collect();
        let turned = Content::Turned { labels, starts_at: at, is_over: true };
        past.add(Topic::Alerts, at, None, |_| turned);
        let set = Wall::from_secs(1_800_000_000);
        past.step(Step::new(at, set));
        let list = &past.lists[1];
        assert!(list.events.iter().all(|it| it.at == set));
        let time = "2027-01-15T08:00:00Z";
        let expected = [
            json!({"at": time, "id": 1, "startsAt": time, "why": null}),
            json!({"at": time, "endsAt": time, "id": 2, "labels": {"a": "b\""}, "startsAt": time, "status": "resolved"}),
        ];
        let texts: Vec<_> = list.events.iter().map(HistoryEvent::text).collect();
        assert_eq!(texts, expected.map(|it| it.to_string()));
        assert_eq!(list.bytes, list.events.iter().map(HistoryEvent::bytes).sum::<usize>());
    }

    #[test]
    fn events_before_flash_could_be_read_stay_the_latest() {
        let (mut old, mut past) = (Past::default(), Past::default());
        of(Topic::Alerts, &mut old, 3, 1);
        of(Topic::Alerts, &mut past, 2, 2);
        for event in &old.lists[1].events {
            past.restore(&record::encode_past(1, event.id, event.at, &event.text())).unwrap();
        }
        past.restored(Now { mono: Mono::ZERO, wall: Wall::EPOCH });
        let ids: Vec<_> = past.lists[1].events.iter().map(|it| (it.id, it.is_done)).collect();
        assert_eq!(ids, [(1, true), (2, true), (3, true), (4, false), (5, false)]);
        assert!(past.restore(&record::encode_past(2, 1, Wall::EPOCH, "{}")).is_err());
        assert!(past.restore(&record::encode_past(1, 1, Wall::EPOCH, "x")).is_err());
    }
}
