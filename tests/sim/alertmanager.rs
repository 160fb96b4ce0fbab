//! A model of Alertmanager's rule, to be compared in the same weather: each node has the alerts that were posted to it,
//! in memory; it waits its position times 15 s, then tells what its notification log does not know; the log is gossiped
//! at once and exchanged each minute.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::table::{GROUP_INTERVAL_MS, GROUP_WAIT_MS, Happens, SEATS, Weather};

const PEER_TIMEOUT_MS: u64 = 15_000;
/// memberlist takes about so long to find a member dead, or back.
const DETECT_MS: u64 = 5_000;
const PUSH_PULL_MS: u64 = 60_000;
/// A message is sent so often: gossip fans out to three and repeats.
const TRIES: i32 = 4;

enum Event {
    Answered(usize, u64, usize),
    Exchange,
    Flush(usize, u64, usize),
    Heard(usize, u64, usize),
    Tell(usize, u64, usize),
    Weather(usize),
}

#[derive(Default)]
struct Node {
    up: bool,
    life: u64,
    alerts: BTreeSet<usize>,
    log: BTreeSet<usize>,
}

struct Model<'a> {
    weather: &'a Weather,
    now: u64,
    nodes: Vec<Node>,
    apart: BTreeSet<(usize, usize)>,
    /// Since when a member is reached, or is not, from another.
    since: BTreeMap<(usize, usize), u64>,
    queue: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    dice: StdRng,
    told: Vec<usize>,
}

/// How often each group was told.
pub(crate) fn run(weather: &Weather, seed: u64) -> Vec<usize> {
    let mut model = Model {
        weather,
        now: 0,
        nodes: (0..SEATS).map(|_| Node { up: true, ..Node::default() }).collect(),
        apart: BTreeSet::new(),
        since: BTreeMap::new(),
        queue: BTreeMap::new(),
        scheduled: 0,
        dice: StdRng::seed_from_u64(seed),
        told: vec![0; weather.groups],
    };
    for (number, (at, _)) in weather.happens.iter().enumerate() {
        model.schedule(*at, Event::Weather(number));
    }
    model.schedule(PUSH_PULL_MS, Event::Exchange);
    while let Some(((at, _), event)) = model.queue.pop_first()
        && at <= weather.end_ms
    {
        model.now = at;
        model.happen(&event);
    }
    model.told
}

impl Model<'_> {
    fn schedule(&mut self, at: u64, event: Event) {
        self.scheduled += 1;
        self.queue.insert((at, self.scheduled), event);
    }

    fn reaches(&self, a: usize, b: usize) -> bool {
        self.nodes[a].up && self.nodes[b].up && !self.apart.contains(&(a, b))
    }

    /// Whether `a` holds `b` for alive: it notices what has changed after a while.
    fn believes(&self, a: usize, b: usize) -> bool {
        let old = self.since.get(&(a, b)).is_none_or(|since| since + DETECT_MS <= self.now);
        self.reaches(a, b) == old
    }

    fn position(&self, seat: usize) -> u64 {
        (0..seat).filter(|other| self.believes(seat, *other)).count() as u64
    }

    fn changed(&mut self, pairs: impl Iterator<Item = (usize, usize)>) {
        for pair in pairs {
            self.since.insert(pair, self.now);
        }
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Weather(number) => self.weather(number),
            Event::Flush(seat, life, group) if self.lives(seat, life) => {
                self.schedule(self.now + GROUP_INTERVAL_MS, Event::Flush(seat, life, group));
                let wait = self.position(seat) * PEER_TIMEOUT_MS;
                self.schedule(self.now + wait, Event::Tell(seat, life, group));
            }
            Event::Tell(seat, life, group)
                if self.lives(seat, life) && !self.nodes[seat].log.contains(&group) =>
            {
                self.told[group] += 1;
                let (least, most) = self.weather.receiver_ms;
                let took = self.dice.random_range(least..=most);
                self.schedule(self.now + took, Event::Answered(seat, life, group));
            }
            Event::Answered(seat, life, group) if self.lives(seat, life) => {
                self.nodes[seat].log.insert(group);
                for other in (0..SEATS).filter(|other| *other != seat) {
                    let lost = self.weather.loss.powi(TRIES);
                    if self.reaches(seat, other) && !self.dice.random_bool(lost) {
                        let after = self.dice.random_range(200..=800);
                        let life = self.nodes[other].life;
                        self.schedule(self.now + after, Event::Heard(other, life, group));
                    }
                }
            }
            Event::Heard(seat, life, group) if self.lives(seat, life) => {
                self.nodes[seat].log.insert(group);
            }
            Event::Exchange => {
                for (a, b) in pairs().filter(|(a, b)| a < b) {
                    if self.reaches(a, b) {
                        let both: BTreeSet<usize> =
                            self.nodes[a].log.union(&self.nodes[b].log).copied().collect();
                        self.nodes[a].log.clone_from(&both);
                        self.nodes[b].log = both;
                    }
                }
                self.schedule(self.now + PUSH_PULL_MS, Event::Exchange);
            }
            _ => {}
        }
    }

    fn lives(&self, seat: usize, life: u64) -> bool {
        self.nodes[seat].up && self.nodes[seat].life == life
    }

    fn weather(&mut self, number: usize) {
        match &self.weather.happens[number].1 {
            Happens::Post(group, seats) => {
                for seat in
                    seats.iter().filter(|seat| self.nodes[**seat].up).copied().collect::<Vec<_>>()
                {
                    self.nodes[seat].alerts.insert(*group);
                    let life = self.nodes[seat].life;
                    self.schedule(self.now + GROUP_WAIT_MS, Event::Flush(seat, life, *group));
                }
            }
            Happens::Crash(seat) => {
                let life = self.nodes[*seat].life + 1;
                self.nodes[*seat] = Node { life, ..Node::default() };
                self.changed(pairs().filter(|(a, b)| a == seat || b == seat));
            }
            Happens::Start(seat) => {
                self.nodes[*seat].up = true;
                self.changed(pairs().filter(|(a, b)| a == seat || b == seat));
            }
            Happens::Split(side) => {
                let apart: Vec<(usize, usize)> =
                    pairs().filter(|(a, b)| side.contains(a) != side.contains(b)).collect();
                self.changed(apart.iter().copied());
                self.apart.extend(apart);
            }
            Happens::Heal => {
                let apart = std::mem::take(&mut self.apart);
                self.changed(apart.into_iter());
            }
        }
    }
}

fn pairs() -> impl Iterator<Item = (usize, usize)> {
    (0..SEATS).flat_map(|a| (0..SEATS).map(move |b| (a, b))).filter(|(a, b)| a != b)
}
