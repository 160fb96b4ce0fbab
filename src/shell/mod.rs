//! The shell: the only room that is async, and the only one with sockets, files, clocks and signals. It has no opinions.
//!
//! One thread, one executor; the [`Node`] belongs to one loop, so there is no lock. The loop waits on one bounded
//! channel of [`Event`]s, and on nothing else. Into it send:
//!
//! - `http`: each connection is a task; it reads a request whole, sends it as an event and waits for the answer;
//! - `notifier`: each attempt is a task; it sends what came of it;
//! - `keeper`: the journal's task; it sends what has become durable, and answers that waited for it go out;
//! - the timer: a task that waits on one timer, which the loop sets to the node's next timeout after each event;
//! - the flock: `udp` sends the datagrams it hears, `resolver` the addresses of peers, `clock` whether it is set;
//! - signals, and the watchdog's beat, a task each.
//!
//! The loop gives each event to the node, then performs the effects. It never waits for anything but the channel, so
//! what fills the channel only waits for the node. Calls that may block run on other threads: files and name look-ups on
//! the blocking pool, so many at a time, and flash on a thread of its own.

pub mod admission;
mod answers;
mod certificates;
pub mod clock;
mod duplicate_id;
mod error;
pub mod files;
pub mod flash;
pub mod http;
mod interfaces;
mod keeper;
pub mod keys;
mod late_flash;
pub mod log;
mod netlink;
mod notifier;
mod opening;
mod pieces;
mod process;
pub mod reload;
mod resolver;
mod secrets;
mod signals;
mod socket;
pub mod source;
mod stop;
mod systemd;
pub mod templates;
#[cfg(test)]
mod testing;
pub mod tls;
mod troubles;
mod udp;
mod watchers;
mod worker;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::rc::Rc;
use std::sync::Arc;

use ::log::{info, warn};
use async_signal::Signal;
use rand::rngs::StdRng;
use smol::channel::{self, Receiver};
use smol::{Async, LocalExecutor, Task};

use crate::api::{self, List, Post, ReloadStatus, Site};
use crate::config::Config;
use crate::config::settings::{ClusterSettings, Storage, Web};
use crate::effect::{AttemptId, Cx, Effect};
use crate::gossip::{self, Via};
use crate::limits::EVENTS_MAX;
use crate::node::{Node, Options, Validity};
use crate::notify::Reply;
use crate::store::Kept;
use crate::time::{ClockTrust, Mono};

pub use error::Error;

use answers::Held;
use certificates::Certificates;
use duplicate_id::DuplicateIds;
use http::{Exchange, Server};
use keeper::JournalTask;
use notifier::Notifier;
use opening::{
    flock_sources, listen, local_sources, open_port, restore, site_cluster, site_journal,
};
use reload::{Reloader, Reloads};
use troubles::Troubles;
use udp::Port;
use watchers::Watchers;

/// The events of the loop.
#[derive(Debug)]
pub enum Event {
    /// When the certificates end that the config names.
    Certificates(Vec<Validity>),
    /// Somebody spoke at the flock's port.
    Datagram {
        /// The sender.
        from: SocketAddr,
        /// How.
        via: Via,
        /// The request.
        bytes: Vec<u8>,
    },
    /// A request was read.
    Http(Box<Exchange>),
    /// A source of events hears nothing more: which one, and why.
    SourceFailed(&'static str, io::Error),
    /// Records have become durable, or will not; and what a directory holds that could not be opened at the start.
    Kept(Kept, Option<keeper::Late>),
    /// A link, an address or a route of this machine has come.
    Link,
    /// The config was read anew.
    Loaded(Box<reload::Outcome>),
    /// The names of the static peers stand for these addresses now.
    Peers(Vec<SocketAddr>),
    /// An attempt has ended, and so many bytes went over its sockets.
    Reply(AttemptId, Reply, u64),
    /// The process was signalled.
    Signal(Signal),
    /// Whether the wall clock is synchronised.
    Synced(ClockTrust),
    /// The test of a receiver has ended: what each of its integrations tried.
    Tested(Vec<Vec<api::Tried>>),
    /// The node's next timeout has come.
    Timeout,
    /// systemd wants to know whether the loop is alive and its timer on time.
    Watchdog,
}

/// The parameters of the shell.
pub struct Setup {
    /// The config to begin with.
    pub config: Config,
    /// The options of the node.
    pub options: Options,
    /// The flock to be a member of, if any.
    pub flock: Option<gossip::Config>,
    /// The flock's keys, if it is for want of them that there is none.
    pub missing: Option<keys::MissingKeys>,
    /// This node's name while it is in no flock.
    pub name: String,
    /// `[cluster]`
    pub cluster: ClusterSettings,
    /// `[web]`
    pub web: Web,
    /// `[storage]`
    pub storage: Storage,
    /// The prefix of every path: empty or `/prefix`.
    pub prefix: String,
    /// Which requests are refused whatever they ask for.
    pub access: api::Access,
    /// Where the config comes from.
    pub config_file: String,
    /// Loads the config anew.
    pub reloader: Reloader,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("web", &self.web).finish_non_exhaustive()
    }
}

/// Runs until a signal says to stop, or until nothing wakes it any more: a restart is better than to be half dead.
pub fn run(setup: Setup) -> Result<(), Error> {
    let executor = Rc::new(LocalExecutor::new());
    let (mut shell, events) = Shell::start(&executor, setup)?;
    // A task like the others, so that a request is read, handled and answered in one turn of the executor.
    let serving = executor.spawn(async move {
        let outcome = shell.serve(&events).await;
        Box::pin(shell.stop(&events)).await;
        outcome
    });
    smol::block_on(executor.run(serving))
}

struct Shell {
    node: Node,
    site: Site,
    rng: StdRng,
    effects: Vec<Effect>,
    timer: Rc<clock::LoopTimer>,
    timer_at: Option<Mono>,
    server: Server,
    notifier: Notifier,
    keeper: JournalTask,
    /// The journal's troubles that were logged.
    troubles: Troubles,
    /// Answers that wait until what they promise is durable, oldest first.
    held: VecDeque<Held>,
    /// Events that came while a flash was read that was not readable before.
    waiting: VecDeque<Event>,
    watchers: Watchers,
    /// The test of a receiver that is under way, and the client that waits for it.
    testing: Option<(Exchange, api::Test)>,
    /// Lists that are being made.
    lists: VecDeque<(Exchange, List)>,
    /// Large posts that are being taken, one after the other.
    posts: VecDeque<(Exchange, Post)>,
    reloading: Option<pieces::Reloading>,
    /// Events since the last piece of all this.
    handled_since: usize,
    /// Of which kind the last piece was.
    kind: usize,
    /// A socket that can always be written to: to wait for that is to let everything come in that is there.
    outside: Rc<Async<UnixDatagram>>,
    port: Option<Port>,
    duplicates: DuplicateIds,
    reloads: Reloads,
    certificates: Certificates,
    _sources: Vec<Task<()>>,
}

impl Shell {
    fn start(
        executor: &Rc<LocalExecutor<'static>>,
        setup: Setup,
    ) -> Result<(Self, Receiver<Event>), Error> {
        let system = |what| move |error| Error::System(what, error);
        let (now, mut effects) = (clock::now(), Vec::new());
        let (sender, events) = channel::bounded(EVENTS_MAX);
        let timer = Rc::new(clock::LoopTimer::new().map_err(system("making a timer"))?);
        let mut sources = local_sources(executor, &timer, &sender)?;
        let port = open_port(executor, &setup, &sender)?;
        let cluster = site_cluster(&setup, port.as_ref());
        sources.extend(flock_sources(executor, &setup, port.as_ref(), &sender));
        let outside =
            UnixDatagram::unbound().and_then(Async::new).map_err(system("making a socket"))?;
        let outside = Rc::new(outside);
        let mut rng = clock::rng().map_err(system("asking for entropy"))?;
        // To listen comes first: clients that ask meanwhile wait, but are not refused.
        let server = listen(executor, &sender, &setup, &mut rng)?;
        let mut opened = keeper::open(&setup.storage).map_err(Error::Storage)?;
        let options = Options { name: setup.name.as_str().into(), ..setup.options };
        let mut node = Node::new(Arc::new(setup.config), options, setup.flock, now);
        let cx = &mut Cx { now, rng: &mut rng, effects: &mut effects };
        restore(&mut node, cx, &std::mem::take(&mut opened.found));
        node.handle_journal(cx, opened.fault.as_deref());
        let journal = site_journal(&setup.storage, &opened);
        let troubles = Troubles::new(opened.fault.clone(), clock::boot_time());
        let keeper = JournalTask::new(executor, opened, &setup.storage, sender.clone());
        let keeper = keeper.map_err(system("starting the flash's thread"))?;
        let shell = Self {
            node,
            site: Site {
                prefix: setup.prefix,
                access: setup.access,
                config_file: setup.config_file,
                started_at: now.wall,
                reload: ReloadStatus { successful: true, success_at: now.wall },
                journal,
                cluster,
                // Until proved otherwise: only that is worth a line.
                synced: true,
                ..Site::default()
            },
            rng,
            effects,
            timer,
            timer_at: None,
            server,
            notifier: Notifier::new(executor, &sender, &outside, &setup.name),
            keeper,
            troubles,
            held: VecDeque::new(),
            waiting: VecDeque::new(),
            watchers: Watchers::default(),
            testing: None,
            lists: VecDeque::new(),
            posts: VecDeque::new(),
            reloading: None,
            handled_since: 0,
            kind: 0,
            outside,
            port,
            duplicates: DuplicateIds::default(),
            reloads: Reloads::new(executor, &sender, setup.reloader),
            certificates: Certificates::new(executor, &sender),
            _sources: sources,
        };
        Ok((shell, events))
    }

    /// The loop: ends with a signal to stop.
    async fn serve(&mut self, events: &Receiver<Event>) -> Result<(), Error> {
        systemd::ready();
        self.notifier.keep(self.node.config());
        // Before anything that is due follows the calendar.
        self.handle(Event::Synced(clock::trust()));
        self.perform();
        self.do_due();
        self.tell_watchers();
        self.set_timer()?;
        while let Ok(event) = self.next(events).await {
            match event {
                Some(Event::Signal(signal @ (Signal::Int | Signal::Term))) => {
                    let name = if signal == Signal::Int { "SIGINT" } else { "SIGTERM" };
                    info!("received {name}, stopping");
                    break;
                }
                Some(mut event) => {
                    if let Event::Kept(_, Some((found, _))) = &mut event {
                        let found = std::mem::take(found);
                        self.take_back(&found, events).await;
                    }
                    self.turn(event)?;
                }
                None => {}
            }
            self.go_on(events).await?;
        }
        Ok(())
    }

    /// One turn of the loop.
    fn turn(&mut self, event: Event) -> Result<(), Error> {
        if let Event::SourceFailed(what, error) = event {
            return Err(Error::System(what, error));
        }
        // A request that only reads makes nothing due; its answer goes out before due work.
        let at_once = match &event {
            Event::Timeout => false,
            Event::Http(exchange) => !matches!(exchange.request().method, "GET" | "HEAD"),
            _ => true,
        };
        self.handle(event);
        self.perform();
        // Long work is done in pieces, and one is enough at a time.
        if at_once {
            self.do_due();
        }
        self.tell_watchers();
        self.set_timer()
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Certificates(all) => {
                self.with_node(|node, cx| node.handle_certificates(cx, &all));
            }
            Event::Datagram { from, via, bytes } => {
                self.with_node(|node, cx| node.handle_datagram(cx, from, via, &bytes));
                let (path, now) = (&self.site.journal.path, clock::mono());
                if self
                    .node
                    .flock()
                    .is_some_and(|flock| self.duplicates.heard(flock, from, path, now))
                {
                    self.site.cluster.duplicate = Some((from, now));
                }
            }
            // The loop is the one that ends of it.
            Event::SourceFailed(..) => {}
            Event::Http(exchange) => self.answer(*exchange),
            Event::Kept(kept, late) => self.kept(&kept, late.as_ref()),
            Event::Link => self.with_node(Node::handle_link),
            Event::Loaded(outcome) => self.loaded(*outcome),
            Event::Peers(mut peers) => {
                peers.retain(|peer| self.port.as_ref().is_some_and(|port| port.reaches(*peer)));
                self.with_node(|node, cx| node.handle_peers(cx, &peers));
            }
            Event::Reply(id, reply, moved) => self.with_node(|node, cx| {
                node.handle_traffic(cx.now, id, moved);
                node.handle_reply(cx, id, &reply);
            }),
            Event::Signal(_) => self.reloads.ask(None),
            Event::Synced(trust) => {
                self.note_clock(trust == ClockTrust::Synced);
                self.with_node(|node, cx| node.handle_synced(cx, trust));
                let (served, now) = (self.server.gate().served(), clock::now().mono);
                self.certificates.look(self.node.config(), served.as_ref(), now);
            }
            Event::Tested(tried) => self.tested(&tried),
            Event::Timeout => {
                self.timer_at = None;
                self.with_node(Node::handle_timeout);
            }
            // A timer that stays overdue is one that nobody handles.
            Event::Watchdog if systemd::is_late(self.timer_at, clock::mono()) => {}
            Event::Watchdog => systemd::alive(),
        }
    }

    fn with_node<T>(&mut self, input: impl FnOnce(&mut Node, &mut Cx<'_>) -> T) -> T {
        let cx = &mut Cx { now: clock::now(), rng: &mut self.rng, effects: &mut self.effects };
        input(&mut self.node, cx)
    }

    /// Takes note of whether the wall clock is synchronised, and says so where that has changed.
    fn note_clock(&mut self, synced: bool) {
        if self.site.synced == synced {
            return;
        }
        self.site.synced = synced;
        if synced {
            info!("clock synchronised");
        } else {
            warn!(
                "clock not set: the machine's wall clock is not synchronised; silences and mute times follow it"
            );
        }
    }

    fn perform(&mut self) {
        let floor = self.node.time_floor(clock::now());
        self.server.gate().raise(floor);
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Attempt(attempt) => self.notifier.attempt(attempt, floor),
                Effect::Cancel(id) => {
                    let moved = self.notifier.cancel(id);
                    self.node.handle_traffic(clock::now(), id, moved);
                }
                Effect::Look { id, place } => self.notifier.look(id, place),
                Effect::Multicast(bytes) => {
                    if let Some(port) = &self.port {
                        port.multicast(&bytes);
                    }
                }
                Effect::BeginAnew(state) => self.keeper.begin_anew(state),
                Effect::Persist(records) => {
                    self.site.changes.count(&records);
                    self.keeper.keep(records);
                }
                Effect::Send { to, bytes, is_there } => {
                    if let Some(port) = &self.port {
                        port.send(to, &bytes, is_there);
                    }
                }
            }
        }
    }

    /// Does a piece of what an event has made due: the way over the timer would only take time. Work that is due again after
    /// that, or was due before, goes that way, so that nothing can keep the loop from its events.
    fn do_due(&mut self) {
        let is_due = |at: Option<Mono>| at.is_some_and(|at| at <= clock::mono());
        if is_due(self.node.next_timeout()) && !is_due(self.timer_at) {
            self.with_node(Node::handle_timeout);
            self.perform();
        }
    }

    /// Sets the timer to the next time that the node or a watcher asks for. Due work needs no timer: the loop goes on with it by
    /// itself.
    fn set_timer(&mut self) -> Result<(), Error> {
        let next = self.node.next_timeout().into_iter().chain(self.watchers.next_deadline()).min();
        let now = clock::mono();
        // Work that is done in pieces is not late.
        let next = next.map(|at| at.max(now));
        if next == self.timer_at {
            return Ok(());
        }
        self.timer_at = next;
        if self.is_due(now) {
            return Ok(());
        }
        self.timer.set(next).map_err(|error| Error::System("setting the timer", error))
    }

    /// Whether the node wants something by `now`.
    fn is_due(&self, now: Mono) -> bool {
        self.timer_at.is_some_and(|at| at <= now)
    }
}
