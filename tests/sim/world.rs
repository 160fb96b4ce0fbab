//! The world: nodes, the network between them, flash, clocks, receivers and senders under one virtual time.
//!
//! Everything that happens is an [`Event`] in one heap, ordered by time and then by the order in which it was scheduled.
//! All that is random is drawn from one seed, so a seed is a whole history.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bellwether::config::{self, Config, Flags, Language};
use bellwether::effect::{Attempt, AttemptId, Cx, Effect};
use bellwether::gossip::Via;
use bellwether::model::{MatchOp, Matcher, Matchers, Report, SilenceId};
use bellwether::node::{Node, SilenceDraft};
use bellwether::notify::{Outgoing, Place, Reply, SecretText};
use bellwether::store::Keeper;
use bellwether::time::{ClockTrust, Wall};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt, SeedableRng};

use crate::net::Net;
use crate::newer::{self, Newer};
use crate::receiver::{self, Manner, Receiver, Told};
use crate::seat::{self, EPOCH_MS, Running, Seat, WallClock};
use crate::site;
use crate::trace::Trace;

/// An event.
#[derive(Debug)]
pub(crate) enum Event {
    /// An attempt reaches its receiver.
    Arrive(usize, u64, AttemptId),
    /// A datagram reaches a seat.
    Datagram(usize, usize, Via, Vec<u8>),
    /// A step that a scenario has planned.
    Plan(usize),
    /// A post reaches a seat, or is refused by one that is down.
    Post(usize),
    /// An attempt ends.
    Reply(usize, u64, AttemptId, Reply),
    /// The keeper's next timeout.
    Keeper(usize, u64),
    /// A write ends.
    Synced(usize, u64),
    /// A node's next timeout.
    Timer(usize, u64),
}

/// One alert in a post.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    pub(crate) name: Rc<str>,
    pub(crate) group: Rc<str>,
    /// Further labels.
    pub(crate) labels: Vec<(&'static str, String)>,
    /// Bytes of a text that it has beside.
    pub(crate) text_bytes: usize,
    /// Whether it has ended.
    pub(crate) ended: bool,
    /// How long it fires unless it is posted again; none leaves it to `resolve_timeout`.
    pub(crate) lease: Option<Duration>,
}

/// A post, and what its sender knows of it.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) seat: usize,
    pub(crate) alerts: Vec<Posted>,
    /// When a node first took it.
    pub(crate) taken_at: Option<u64>,
    /// When it was answered with 200.
    pub(crate) acked_at: Option<u64>,
    /// The life of the node that answered.
    pub(crate) life: u64,
    /// Whether memory alone holds it: flash had failed when it was answered, and no whole state was written since.
    pub(crate) from_memory: bool,
    /// The sender comes again after so long if it was not answered.
    pub(crate) retry: Option<Duration>,
    /// It comes again after so long though it was answered, with what has not ended meanwhile.
    pub(crate) again: Option<Duration>,
    /// The number that it says it has: the same sender says the same to all nodes.
    pub(crate) says: usize,
    /// Since when it says that its alerts fire: its own clock is right, but what a node would hold for the future it does
    /// not say. Else it leaves that to the node.
    pub(crate) since: Option<Wall>,
    /// Alerts of it that have ended.
    pub(crate) over: BTreeSet<Rc<str>>,
}

/// How the flock is set up.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a list of what may be switched on")]
pub(crate) struct Setup {
    pub(crate) seats: usize,
    pub(crate) multicast: bool,
    pub(crate) sealed: bool,
    /// Whether there is a flock at all.
    pub(crate) flock: bool,
    /// Whether the first has no static peers and the others have it alone, as in Alertmanager's tutorials.
    pub(crate) star: bool,
    /// The static peers of each, if they are neither all nor none nor the first.
    pub(crate) peers: Option<Vec<Vec<usize>>>,
    pub(crate) config: String,
}

impl Setup {
    pub(crate) fn new(seats: usize) -> Self {
        Self {
            seats,
            multicast: false,
            sealed: false,
            flock: true,
            star: false,
            peers: None,
            config: CONFIG.into(),
        }
    }
}

/// Groups by `group`, waits 5 s, flushes each 30 s, repeats after 4 h; `severity=second` goes to a second receiver.
pub(crate) const CONFIG: &str = r#"
[route]
receiver = "r0"
group_by = ["group"]
group_wait = "5s"
group_interval = "30s"
repeat_interval = "4h"
[[route.routes]]
receiver = "r1"
matchers = ['severity="second"']

[[receivers]]
name = "r0"
webhook_configs = [{ url = "http://0.receiver/" }]
[[receivers]]
name = "r1"
webhook_configs = [{ url = "http://1.receiver/" }]
"#;

/// The same with a second integration of `r0`.
pub(crate) fn config_of_two() -> String {
    let one = r#"{ url = "http://0.receiver/" }"#;
    CONFIG.replace(one, &format!("{one}, {}", one.replace('0', "2")))
}

/// How the names of groups begin that some configs give a route of their own.
pub(crate) const REROUTED: &str = "k";

/// The same with a route for those groups.
pub(crate) fn with_route(config: &str) -> String {
    let route = "[[route.routes]]\nreceiver = \"r0\"\nmatchers = ['group=~\"k.*\"']\n\n[[receivers]]\nname = \"r0\"";
    config.replace("[[receivers]]\nname = \"r0\"", route)
}

/// The last is told of heartbeats alone.
pub(crate) const RECEIVERS: usize = 4;

type Plan = Box<dyn FnOnce(&mut World)>;

/// The bytes of an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    /// When the node was told.
    pub(crate) at: u64,
    pub(crate) seat: usize,
    pub(crate) life: u64,
    pub(crate) receiver: usize,
    pub(crate) bytes: u64,
}

/// A heartbeat that came.
#[derive(Clone, Debug)]
pub(crate) struct Beat {
    pub(crate) at: u64,
    pub(crate) seat: usize,
    /// `start`, `fail`, or nothing if all is well.
    pub(crate) word: String,
}

pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) seats: Vec<Seat>,
    pub(crate) net: Net,
    pub(crate) newer: Newer,
    pub(crate) receivers: Vec<Receiver>,
    pub(crate) told: Vec<Told>,
    pub(crate) posts: Vec<Post>,
    /// The heartbeats that came.
    pub(crate) beats: Vec<Beat>,
    /// The bytes of attempts, as nodes were told of them.
    pub(crate) moved: Vec<Moved>,
    /// Whether alerts have a severity.
    pub(crate) graded: bool,
    /// When the ways from all seats to all receivers were lost, and when they came back.
    pub(crate) uplink_lost_at: Option<u64>,
    pub(crate) uplink_back_at: Option<u64>,
    /// Until when some of the groups whose names begin with [`REROUTED`] may be of another route than before.
    pub(crate) rerouted: Option<u64>,
    /// Silences that were set, and are on flash where that was done.
    pub(crate) kept_silences: BTreeSet<SilenceId>,
    /// Silences whose expiry is on flash where it was asked for.
    pub(crate) kept_expiries: BTreeSet<SilenceId>,
    pub(crate) events: u64,
    /// Bytes of all datagrams that were sent, a multicast one counted for each receiver.
    pub(crate) sent_bytes: usize,
    pub(crate) rng: StdRng,
    pub(crate) trace: Trace,
    pub(crate) setup: Setup,
    pub(crate) config: Arc<Config>,
    queue: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    plans: Vec<Option<Plan>>,
    /// When a clock was last stepped so that no node could see it: while its node was off, or by very little.
    pub(crate) unseen_step_at: Option<u64>,
    /// The finding of a checker.
    pub(crate) fault: Option<String>,
    /// Events of this very moment, to find a loop.
    burst: u64,
    burst_at: u64,
}

pub(crate) fn load(text: &str) -> Arc<Config> {
    let options = config::LoadOptions {
        file: Path::new("sim.toml"),
        language: Language::Toml,
        flags: &Flags::default(),
        environment: &config::Environment::default(),
        schemas: bellwether::notify::SCHEMAS,
    };
    let loaded = Config::load(text.as_bytes(), &options);
    Arc::new(loaded.unwrap_or_else(|errors| panic!("{errors}")).config)
}

impl World {
    /// A world in which nothing runs yet.
    pub(crate) fn new(seed: u64, setup: Setup) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let seats = (0..setup.seats).map(|_| Seat::new(rng.next_u64())).collect();
        Self {
            now: 1_000,
            seats,
            net: Net::new(rng.next_u64()),
            newer: Newer::none(),
            receivers: (0..RECEIVERS).map(|_| Receiver::default()).collect(),
            told: Vec::new(),
            posts: Vec::new(),
            beats: Vec::new(),
            moved: Vec::new(),
            graded: false,
            uplink_lost_at: None,
            uplink_back_at: None,
            rerouted: None,
            kept_silences: BTreeSet::new(),
            kept_expiries: BTreeSet::new(),
            events: 0,
            sent_bytes: 0,
            trace: Trace::new(),
            config: load(&setup.config),
            setup,
            rng,
            queue: BTreeMap::new(),
            scheduled: 0,
            plans: Vec::new(),
            unseen_step_at: None,
            fault: None,
            burst: 0,
            burst_at: 0,
        }
    }

    /// A flock that has come together and settled.
    pub(crate) fn settled(seed: u64, setup: Setup) -> Self {
        let mut world = Self::new(seed, setup);
        for seat in 0..world.seats.len() {
            world.start(seat);
        }
        world.run_for(15_000);
        world
    }

    // Time.

    pub(crate) fn schedule(&mut self, at: u64, event: Event) {
        self.scheduled += 1;
        self.queue.insert((at.max(self.now), self.scheduled), event);
    }

    /// Does something at a later moment.
    pub(crate) fn plan(&mut self, at: u64, plan: impl FnOnce(&mut World) + 'static) {
        self.plans.push(Some(Box::new(plan)));
        self.schedule(at, Event::Plan(self.plans.len() - 1));
    }

    pub(crate) fn run_for(&mut self, ms: u64) {
        self.run_until(self.now + ms);
    }

    pub(crate) fn run_until(&mut self, end: u64) {
        while self.fault.is_none()
            && let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end)
        {
            self.now = entry.key().0;
            let event = entry.remove();
            self.events += 1;
            self.burst = if self.burst_at == self.now { self.burst + 1 } else { 0 };
            self.burst_at = self.now;
            if self.burst > 200_000 {
                self.fault = Some(format!("time stands still at {}: {event:?}", self.now));
            }
            self.happen(event);
        }
        self.now = end;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(seat, life, id) => self.arrive(seat, life, id),
            Event::Datagram(from, to, via, bytes) => {
                if self.seats[to].is_there() {
                    self.trace.datagram(self.now, from, to, &bytes);
                    self.call(to, |node, cx| {
                        node.handle_datagram(cx, seat::addr(from), via, &bytes);
                    });
                    self.go_on_stopping(to);
                }
            }
            Event::Plan(number) => {
                if let Some(plan) = self.plans[number].take() {
                    plan(self);
                }
            }
            Event::Post(post) => self.handle_post(post),
            Event::Reply(seat, life, id, reply) => self.handle_reply(seat, life, id, &reply),
            Event::Keeper(seat, life) => {
                let it = &mut self.seats[seat];
                if it.life == life && it.keeper_at == Some(self.now) {
                    it.keeper_at = None;
                    self.drive(seat);
                }
            }
            Event::Synced(seat, life) => {
                if self.seats[seat].life == life {
                    self.synced(seat);
                }
            }
            Event::Timer(seat, life) => {
                let it = &mut self.seats[seat];
                if it.life == life && it.timer_at == Some(self.now) && it.is_there() {
                    it.timer_at = None;
                    self.trace.detail(self.now, || format!("n{seat} looks at what is due"));
                    self.call(seat, Node::handle_timeout);
                    self.go_on_stopping(seat);
                }
            }
        }
    }

    // Nodes.

    /// Calls into a node, does what it asks for, and sets its timer.
    pub(crate) fn call<T>(
        &mut self,
        seat: usize,
        input: impl FnOnce(&mut Node, &mut Cx<'_>) -> T,
    ) -> Option<T> {
        let it = &mut self.seats[seat];
        let now = it.now(self.now);
        let mut effects = Vec::new();
        let node = it.node.as_mut()?;
        let result = input(node, &mut Cx { now, rng: &mut it.rng, effects: &mut effects });
        for effect in effects {
            self.perform(seat, effect);
        }
        self.set_timer(seat);
        Some(result)
    }

    fn set_timer(&mut self, seat: usize) {
        let it = &self.seats[seat];
        let next = it.node.as_ref().and_then(Node::next_timeout);
        let next = next.map(|at| it.moment(at).max(self.now));
        if next != it.timer_at
            && let Some(at) = next
        {
            let life = it.life;
            self.schedule(at, Event::Timer(seat, life));
        }
        self.seats[seat].timer_at = next;
    }

    pub(crate) fn perform(&mut self, seat: usize, effect: Effect) {
        match effect {
            Effect::Attempt(attempt) => self.attempt(seat, attempt),
            Effect::Cancel(id) => {
                self.count_traffic(seat, id);
                self.end_attempt(seat, id);
            }
            Effect::Look { id, place } => self.look(seat, id, &place),
            Effect::Multicast(bytes) => {
                let bytes = self.speak(seat, bytes);
                for to in (0..self.seats.len()).filter(|to| *to != seat) {
                    self.transmit(seat, to, Via::Multicast(1), &bytes);
                }
            }
            Effect::Send { to, bytes, .. } => {
                let bytes = self.speak(seat, bytes);
                if let Some(to) = seat::seat_at(to).filter(|to| *to < self.seats.len()) {
                    self.transmit(seat, to, Via::Unicast, &bytes);
                }
            }
            Effect::BeginAnew(state) => self.begin_anew(seat, state),
            Effect::Persist(records) => self.persist(seat, records),
        }
    }

    /// A seat's datagram, in the words of its version.
    fn speak(&mut self, seat: usize, bytes: Vec<u8>) -> Vec<u8> {
        let it = &self.seats[seat];
        if !self.newer.mixed {
            return bytes;
        }
        if !it.newer {
            self.newer.note(newer::id(it.node.as_ref()), &bytes);
            return bytes;
        }
        self.newer.speak((seat, it.life), newer::id(it.node.as_ref()), bytes)
    }

    fn transmit(&mut self, from: usize, to: usize, via: Via, bytes: &[u8]) {
        assert!(bytes.len() <= bellwether::limits::DATAGRAM_BYTES_MAX, "a datagram too long");
        self.sent_bytes += bytes.len();
        let arrives = self.net.pass(from, to, via != Via::Unicast);
        if arrives.is_empty() {
            let bytes = bytes.len();
            self.trace.detail(self.now, || format!("{bytes} bytes of n{from} to n{to} are lost"));
        }
        for after in arrives {
            self.schedule(self.now + after, Event::Datagram(from, to, via, bytes.to_vec()));
        }
    }

    /// Sets a seat's wall clock.
    pub(crate) fn set_clock(&mut self, seat: usize, clock: WallClock) {
        self.trace.line(self.now, || format!("n{seat} clock {clock:?}"));
        self.seats[seat].clock = clock;
        self.seats[seat].clock_was_set = true;
        let trust = if clock.synced { ClockTrust::Synced } else { ClockTrust::Unset };
        self.call(seat, |node, cx| node.handle_synced(cx, trust));
    }

    pub(crate) fn up(&self) -> Vec<usize> {
        (0..self.seats.len()).filter(|seat| self.seats[*seat].is_there()).collect()
    }

    /// Those that run and are not broken for good.
    pub(crate) fn core(&self) -> Vec<usize> {
        self.up().into_iter().filter(|seat| !self.seats[*seat].broken).collect()
    }

    /// Whether this came from one that knew nothing of the others: it may be of the past.
    pub(crate) fn is_apart(&self, told: &Told) -> bool {
        self.seats[told.seat].apart_since.is_some()
    }

    pub(crate) fn node(&self, seat: usize) -> &Node {
        self.seats[seat].node.as_ref().expect("it runs")
    }

    /// Gives a seat another config, now or when it starts.
    pub(crate) fn reload(&mut self, seat: usize, config: &Arc<Config>) {
        self.trace.line(self.now, || format!("n{seat} gets another config"));
        self.seats[seat].config = Some(Arc::clone(config));
        let loaded = self.call(seat, |node, cx| node.handle_config(cx, Arc::clone(config)));
        assert!(loaded.is_none_or(|loaded| loaded.is_ok()), "few groups");
    }

    // Receivers.

    fn attempt(&mut self, seat: usize, attempt: Attempt) {
        if self.seats[seat].stopping.is_some() {
            return;
        }
        let Attempt { id, draft, timeout } = attempt;
        let Ok(Outgoing::Http(request)) = draft.inline() else {
            unreachable!("every receiver here is a webhook")
        };
        let receiver = receiver_at(&request.url);
        self.trace.line(self.now, || {
            let body = request.body.inline().unwrap_or_default();
            let of_group = !body.is_empty() && receiver != site::WATCHER;
            let group = if of_group { receiver::read(&body).group } else { "".into() };
            format!("n{seat} sends to r{receiver}, attempt {}: {group}", id.0)
        });
        let it = &mut self.seats[seat];
        let (body, begun) = (request.body.inline().unwrap_or_default(), self.now);
        let url = request.url.inline().unwrap_or_default();
        it.attempts.insert(id, Running { receiver, url, body, begun, told: None, moved: 0 });
        let life = it.life;
        let late = Reply::failed("no answer in time");
        let at = self.now + u64::try_from(timeout.as_millis()).unwrap();
        self.schedule(at, Event::Reply(seat, life, id, late));
        self.connect(seat, receiver, id, Event::Arrive(seat, life, id));
    }

    /// A look is a connection that brings nothing.
    fn look(&mut self, seat: usize, id: AttemptId, place: &Place) {
        if self.seats[seat].stopping.is_some() {
            return;
        }
        let Place::Http { url, .. } = place else { panic!("no receiver here speaks but HTTP") };
        let receiver = receiver_at(url);
        self.trace.line(self.now, || format!("n{seat} looks at r{receiver}, attempt {}", id.0));
        let it = &mut self.seats[seat];
        let (url, body) = (String::new(), String::new());
        let begun = self.now;
        it.attempts.insert(id, Running { receiver, url, body, begun, told: None, moved: 0 });
        let reached = Event::Reply(seat, it.life, id, Reply::Done);
        self.connect(seat, receiver, id, reached);
    }

    fn connect(&mut self, seat: usize, receiver: usize, id: AttemptId, reached: Event) {
        let life = self.seats[seat].life;
        if self.receivers[receiver].unreachable_from.contains(&seat) {
            let (least, most) = self.receivers[receiver].unreachable_after;
            let after = self.rng.random_range(least..=most);
            let reply = Reply::failed("no way there");
            self.schedule(self.now + after, Event::Reply(seat, life, id, reply));
        } else {
            let after = self.rng.random_range(1..=8);
            self.schedule(self.now + after, reached);
        }
    }

    fn arrive(&mut self, seat: usize, life: u64, id: AttemptId) {
        let it = &self.seats[seat];
        let Some(running) = it.attempts.get(&id).filter(|_| it.life == life).cloned() else {
            return;
        };
        let manner = self.receivers[running.receiver].manner;
        if let Some(running) = self.seats[seat].attempts.get_mut(&id) {
            running.moved = running.body.len() as u64 + receiver::AROUND_BYTES;
        }
        if running.receiver == site::WATCHER {
            let word = running.url.rsplit('/').next().unwrap_or_default().to_owned();
            self.trace.line(self.now, || format!("n{seat} lives: {word:?} {:?}", running.body));
            self.beats.push(Beat { at: self.now, seat, word });
            let reply = Reply::status(200);
            return self.schedule(self.now + 3, Event::Reply(seat, life, id, reply));
        }
        if let Manner::Fails(status) = manner {
            let reply = Reply::status(status);
            return self.schedule(self.now + 3, Event::Reply(seat, life, id, reply));
        }
        let receiver::Payload { group, reason, firing, resolved, ends, of_budget, is_cut } =
            receiver::read(&running.body);
        self.trace.told(self.now, seat, running.receiver, running.body.as_bytes());
        self.trace.line(self.now, || {
            let receiver = running.receiver;
            format!("r{receiver} hears from n{seat}: {group}: {reason}: +{firing:?} -{resolved:?}")
        });
        self.told.push(Told {
            at: self.now,
            begun: running.begun,
            seat,
            life,
            receiver: running.receiver,
            group,
            reason,
            firing,
            resolved,
            ends,
            of_budget,
            is_cut,
            answered_at: None,
            kept: false,
        });
        let told = self.told.len() - 1;
        if let Some(running) = self.seats[seat].attempts.get_mut(&id) {
            running.told = Some(told);
        }
        if let Manner::Fine(least, most) = manner {
            let after = self.rng.random_range(least..=most);
            let reply = Reply::status(200);
            self.schedule(self.now + after, Event::Reply(seat, life, id, reply));
        }
    }

    fn handle_reply(&mut self, seat: usize, life: u64, id: AttemptId, reply: &Reply) {
        let told = self.seats[seat].attempts.get(&id).and_then(|running| running.told);
        if self.seats[seat].life == life {
            self.count_traffic(seat, id);
        }
        if self.seats[seat].life == life && self.end_attempt(seat, id) {
            self.trace.line(self.now, || format!("n{seat} attempt {} ends: {reply:?}", id.0));
            self.call(seat, |node, cx| node.handle_reply(cx, id, reply));
            if let Some(told) = told.filter(|_| matches!(reply, Reply::Http { .. })) {
                self.told[told].answered_at = Some(self.now);
                let ticket = self.seats[seat].ticket();
                self.seats[seat].waiting.logs.push((ticket, told));
            }
            self.go_on_stopping(seat);
        }
    }

    /// Tells a node how many bytes an attempt has moved.
    fn count_traffic(&mut self, seat: usize, id: AttemptId) {
        let it = &self.seats[seat];
        let Some(Running { receiver, moved, .. }) = it.attempts.get(&id).cloned() else { return };
        let (at, life) = (self.now, it.life);
        self.moved.extend((moved > 0).then_some(Moved { at, seat, life, receiver, bytes: moved }));
        self.call(seat, |node, cx| node.handle_traffic(cx.now, id, moved));
    }

    /// Ends an attempt. Returns whether it was under way.
    fn end_attempt(&mut self, seat: usize, id: AttemptId) -> bool {
        self.seats[seat].attempts.remove(&id).is_some()
    }

    // Senders and operators.

    pub(crate) fn post(
        &mut self,
        seat: usize,
        alerts: Vec<Posted>,
        retry: Option<Duration>,
    ) -> usize {
        self.posts.push(Post {
            seat,
            alerts,
            taken_at: None,
            acked_at: None,
            life: 0,
            from_memory: false,
            retry,
            again: None,
            since: None,
            says: self.posts.len(),
            over: BTreeSet::new(),
        });
        let post = self.posts.len() - 1;
        let after = self.rng.random_range(0..=3);
        self.schedule(self.now + after, Event::Post(post));
        post
    }

    fn handle_post(&mut self, number: usize) {
        let mut post = self.posts[number].clone();
        let seat = post.seat;
        let answered = post.acked_at.is_some();
        post.alerts.retain(|it| !post.over.contains(&it.name));
        if answered && post.again.is_none() || post.alerts.is_empty() {
            return;
        }
        // A sender that hears nothing comes again.
        if let Some(pause) = if answered { post.again } else { post.retry } {
            let at = self.now + u64::try_from(pause.as_millis()).unwrap();
            self.schedule(at, Event::Post(number));
        }
        if !self.seats[seat].is_there() {
            return;
        }
        self.trace.line(self.now, || {
            let names: Vec<_> = post
                .alerts
                .iter()
                .map(|it| format!("{}{}", if it.ended { "-" } else { "+" }, it.name))
                .collect();
            format!("n{seat} gets {}", names.join(" "))
        });
        let wall = self.seats[seat].wall(self.now);
        let right = Wall::from_ms(EPOCH_MS + self.now.cast_signed());
        let since = post.again.map(|_| *self.posts[number].since.get_or_insert(wall.min(right)));
        let since = since.map(|since| since.min(wall));
        let reports: Vec<Report<'_>> = post
            .alerts
            .iter()
            .map(|it| {
                let mut labels: Vec<(Cow<'_, str>, Cow<'_, str>)> = vec![
                    ("alertname".into(), (*it.name).into()),
                    ("group".into(), (*it.group).into()),
                ];
                labels.extend(it.labels.iter().map(|(n, v)| ((*n).into(), Cow::Borrowed(&**v))));
                let ends_at =
                    if it.ended { Some(wall) } else { it.lease.map(|lease| wall + lease) };
                if self.graded {
                    labels.push(("severity".into(), severity(&it.name).into()));
                }
                let mut annotations: Vec<(Cow<'_, str>, Cow<'_, str>)> =
                    vec![("post".into(), post.says.to_string().into())];
                if it.text_bytes > 0 {
                    annotations.push(("text".into(), "x".repeat(it.text_bytes).into()));
                }
                Report::new(labels, annotations, since, ends_at, "".into())
            })
            .collect();
        let intake = self.call(seat, |node, cx| node.handle_reports(cx, &reports));
        assert!(intake.is_some_and(|it| it.invalid.is_empty() && it.refused == 0));
        if answered {
            return;
        }
        self.posts[number].taken_at.get_or_insert(self.now);
        let keeper = self.seats[seat].keeper.as_mut();
        match keeper.and_then(Keeper::ticket) {
            None => self.acknowledge(number),
            Some(ticket) => {
                self.seats[seat].waiting.answers.push_back((ticket, number));
                self.drive(seat);
            }
        }
    }

    pub(crate) fn acknowledge(&mut self, post: usize) {
        let seat = self.posts[post].seat;
        self.trace.line(self.now, || format!("n{seat} answers 200 to post {post}"));
        self.posts[post].acked_at = Some(self.now);
        self.posts[post].life = self.seats[seat].life;
        self.posts[post].from_memory = self.seats[seat].flash_failed;
    }

    /// An operator silences a group for a time.
    pub(crate) fn silence(&mut self, seat: usize, group: &str, ms: u64) -> Option<SilenceId> {
        self.trace.line(self.now, || format!("n{seat} is told to silence {group} for {ms} ms"));
        self.set_silence(seat, None, group, ms)
    }

    /// An operator gives a silence another end and comment. Returns its id, another one if it had expired there.
    pub(crate) fn edit(
        &mut self,
        seat: usize,
        id: SilenceId,
        group: &str,
        ms: u64,
    ) -> Option<SilenceId> {
        self.trace.line(self.now, || format!("n{seat} is told to silence {group} on for {ms} ms"));
        self.set_silence(seat, Some(id), group, ms)
    }

    fn set_silence(
        &mut self,
        seat: usize,
        id: Option<SilenceId>,
        group: &str,
        ms: u64,
    ) -> Option<SilenceId> {
        let ends_at = self.seats[seat].wall(self.now) + Duration::from_millis(ms);
        let matchers: Matchers = [Matcher::new("group", MatchOp::Equal, group).expect("a matcher")]
            .into_iter()
            .collect();
        let draft = SilenceDraft {
            id,
            matchers,
            starts_at: id.and_then(|id| Some(self.node(seat).silence(id)?.starts_at)),
            ends_at,
            created_by: "sim".into(),
            comment: format!("until {}", self.now + ms),
            annotations: vec![],
        };
        let set = self.call(seat, |node, cx| node.handle_set_silence(cx, draft))?.ok()?;
        let ticket = self.seats[seat].ticket();
        self.seats[seat].waiting.silences.push((ticket, set));
        Some(set)
    }

    pub(crate) fn expire(&mut self, seat: usize, id: SilenceId) {
        self.trace.line(self.now, || format!("n{seat} is told to expire a silence"));
        let expired = self.call(seat, |node, cx| node.handle_expire_silence(cx, id));
        if expired.is_some_and(|outcome| outcome.is_ok()) {
            let ticket = self.seats[seat].ticket();
            self.seats[seat].waiting.expiries.push((ticket, id));
        }
    }

    /// Notifications of a group, in the order of arrival.
    pub(crate) fn told_of(&self, group: &str) -> Vec<&Told> {
        self.told.iter().filter(|told| &*told.group == group).collect()
    }

    /// Alerts that receivers were told of as firing, with how often.
    pub(crate) fn counts(&self) -> BTreeMap<Rc<str>, usize> {
        let mut counts = BTreeMap::new();
        for told in &self.told {
            for name in &told.firing {
                *counts.entry(Rc::clone(name)).or_default() += 1;
            }
        }
        counts
    }

    /// Whether any of these posts was answered with 200 and is on flash, and not with one that is broken for good alone.
    pub(crate) fn durable(&self, posts: &[usize]) -> bool {
        posts.iter().any(|post| {
            let post = &self.posts[*post];
            post.acked_at.is_some() && !post.from_memory && !self.seats[post.seat].broken
        })
    }

    /// The names of all alerts that were acknowledged.
    pub(crate) fn acknowledged(&self) -> BTreeSet<Rc<str>> {
        let posts = self.posts.iter().filter(|post| post.acked_at.is_some());
        posts.flat_map(|post| post.alerts.iter().map(|it| Rc::clone(&it.name))).collect()
    }
}

/// Which receiver a URL is of: they are numbered.
fn receiver_at(url: &SecretText) -> usize {
    let url = url.inline().unwrap_or_default();
    usize::from(url.bytes().find(u8::is_ascii_digit).map_or(0, |digit| digit - b'0'))
}

/// The severity of an alert of this name in a world where alerts have one.
pub(crate) fn severity(name: &str) -> &'static str {
    if name.ends_with(['0', '4', '8']) { "critical" } else { "warning" }
}

/// An alert that fires in a group for as long as nobody says that it has ended.
pub(crate) fn fires(name: &str, group: &str) -> Posted {
    Posted {
        name: name.into(),
        group: group.into(),
        labels: Vec::new(),
        text_bytes: 0,
        ended: false,
        lease: Some(Duration::from_secs(6 * 3600)),
    }
}

/// The end of an alert.
pub(crate) fn ends(name: &str, group: &str) -> Posted {
    Posted { ended: true, ..fires(name, group) }
}
