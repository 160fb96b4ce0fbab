//! A place for a node: its flash, its clocks, its randomness, and what the shell would do for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bellwether::config::Config;
use bellwether::effect::AttemptId;
use bellwether::model::SilenceId;
use bellwether::node::Node;
use bellwether::store::{Journal, Keeper, Keeping, Ticket, Work};
use bellwether::time::{Mono, Now, Wall};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::flash::Flash;

/// The right time when a world begins.
pub(crate) const EPOCH_MS: i64 = 1_800_000_000_000;

/// The wall clock of a seat, by what it differs from the right one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    /// How far it is ahead, at the beginning of the world.
    pub(crate) ahead_ms: i64,
    /// By how many millionths it runs faster.
    pub(crate) drift_ppm: i64,
    /// Whether the kernel says that it is synchronised.
    pub(crate) synced: bool,
    /// Whether it goes on while the power is out.
    pub(crate) battery: bool,
}

impl Default for WallClock {
    fn default() -> Self {
        Self { ahead_ms: 0, drift_ppm: 0, synced: true, battery: true }
    }
}

impl WallClock {
    /// It is 1970 again.
    pub(crate) const fn forget(&mut self, at: u64) {
        self.ahead_ms = -EPOCH_MS - at.cast_signed();
        self.synced = false;
    }
}

/// The answers and effects that wait for flash, as in the shell.
#[derive(Default)]
pub(crate) struct Waiting {
    /// Answers: a ticket and a post.
    pub(crate) answers: VecDeque<(Ticket, usize)>,
    /// Notifications whose log waits to become durable: a ticket, and which.
    pub(crate) logs: Vec<(Ticket, usize)>,
    /// Silences that wait to become durable: a ticket, and which.
    pub(crate) silences: Vec<(Ticket, SilenceId)>,
    /// Expiries that wait to become durable: a ticket, and of which.
    pub(crate) expiries: Vec<(Ticket, SilenceId)>,
}

/// How far a process has come that was asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopping {
    /// It hears its receivers out, until then at most.
    Attempts(u64),
    /// It waits until the flock has heard all of it, until then at most.
    News(u64),
    /// It has said goodbye and keeps what is left, until then at most.
    Flash(u64),
}

/// An attempt that is under way.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) receiver: usize,
    pub(crate) url: String,
    pub(crate) body: String,
    pub(crate) begun: u64,
    /// The alerts that the receiver took.
    pub(crate) told: Option<usize>,
    /// Bytes on the receiver's socket.
    pub(crate) moved: u64,
}

#[expect(clippy::struct_excessive_bools, reason = "each says something of its own")]
pub(crate) struct Seat {
    pub(crate) node: Option<Node>,
    pub(crate) journal: Option<Journal<Flash>>,
    pub(crate) flash: Flash,
    /// Of a node that runs.
    pub(crate) keeper: Option<Keeper>,
    pub(crate) waiting: Waiting,
    /// The records that are being written.
    pub(crate) work: Option<Work>,
    /// When the keeper is to be asked again.
    pub(crate) keeper_at: Option<u64>,
    /// Whether not everything is written.
    pub(crate) flash_failed: bool,
    pub(crate) keeping: Keeping,
    pub(crate) stopping: Option<Stopping>,
    pub(crate) rng: StdRng,
    /// Counts starts and stops; an event of an earlier life is nobody's.
    pub(crate) life: u64,
    pub(crate) started_at: u64,
    pub(crate) clock: WallClock,
    /// Its config, if it is not the world's.
    pub(crate) config: Option<Arc<Config>>,
    pub(crate) timer_at: Option<u64>,
    pub(crate) attempts: BTreeMap<AttemptId, Running>,
    /// How long a sync takes.
    pub(crate) sync_ms: (u64, u64),
    /// Whether it is of a newer version in this life.
    pub(crate) newer: bool,
    /// Whether its flash has shown what a newer version keeps for itself alone.
    pub(crate) holds_new: bool,
    /// Whether it is gone for good.
    pub(crate) gone: bool,
    /// Whether it stays broken in calm weather: the others must do without it.
    pub(crate) broken: bool,
    /// Since when it is so broken that it cannot agree with the others on which node notifies.
    pub(crate) apart_since: Option<u64>,
    /// When its card was last exchanged for an empty one, if ever.
    pub(crate) wiped_at: Option<u64>,
    /// The ids under which it was a member: each lasts as long as its flash.
    pub(crate) ids: BTreeSet<u64>,
    /// The silences in force that its flash brought back at its last start.
    pub(crate) restored_silences: BTreeSet<SilenceId>,
    /// Whether all that it knew at the end of its last life was on flash.
    pub(crate) left_in_order: bool,
    /// Whether its clock was ever set.
    pub(crate) clock_was_set: bool,
}

impl Seat {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            node: None,
            journal: None,
            flash: Flash::new(),
            keeper: None,
            waiting: Waiting::default(),
            work: None,
            keeper_at: None,
            flash_failed: false,
            keeping: Keeping { commits_a_day: 0, interval: Duration::ZERO },
            stopping: None,
            rng: StdRng::seed_from_u64(seed),
            life: 0,
            started_at: 0,
            clock: WallClock::default(),
            config: None,
            timer_at: None,
            attempts: BTreeMap::new(),
            sync_ms: (2, 20),
            newer: false,
            holds_new: false,
            gone: false,
            broken: false,
            apart_since: None,
            wiped_at: None,
            ids: BTreeSet::new(),
            restored_silences: BTreeSet::new(),
            left_in_order: false,
            clock_was_set: false,
        }
    }

    /// Both clocks at a moment of the world.
    pub(crate) fn now(&self, at: u64) -> Now {
        let mono = at.saturating_add_signed(self.zero());
        Now { mono: Mono::from_ms(mono), wall: self.wall(at) }
    }

    /// The monotonic clock of this life when the world begins: it says nothing about any other clock.
    fn zero(&self) -> i64 {
        7_000 + (self.life * 13).cast_signed() - self.started_at.cast_signed()
    }

    pub(crate) fn wall(&self, at: u64) -> Wall {
        let at = at.cast_signed();
        let drift = at * self.clock.drift_ppm / 1_000_000;
        Wall::from_ms(EPOCH_MS + at + drift + self.clock.ahead_ms)
    }

    /// The moment of the world at which a monotonic clock of this life shows `mono`.
    pub(crate) fn moment(&self, mono: Mono) -> u64 {
        mono.as_ms().saturating_add_signed(-self.zero())
    }

    pub(crate) fn is_up(&self) -> bool {
        self.node.is_some()
    }

    /// Whether it does more than write what is left.
    pub(crate) fn is_there(&self) -> bool {
        self.is_up() && !matches!(self.stopping, Some(Stopping::Flash(_)))
    }

    /// Time since the boot, for the keeper.
    pub(crate) fn boot_time(&self, at: u64) -> Duration {
        Duration::from_millis(self.now(at).mono.as_ms())
    }

    /// Whether nothing waits for flash any more.
    pub(crate) fn keeper_is_idle(&self) -> bool {
        self.keeper.as_ref().is_none_or(Keeper::is_idle)
    }

    /// Whether everything that it knows is on flash.
    pub(crate) fn is_kept(&self) -> bool {
        !self.flash_failed && self.keeper.as_ref().is_some_and(Keeper::is_idle)
    }

    /// The ticket of what was queued last.
    pub(crate) fn ticket(&self) -> Ticket {
        self.keeper.as_ref().map(Keeper::last).unwrap_or_default()
    }

    /// Forgets everything that lived in memory alone.
    pub(crate) fn stop(&mut self) {
        self.node = None;
        self.journal = None;
        self.keeper = None;
        self.waiting = Waiting::default();
        self.work = None;
        self.keeper_at = None;
        self.stopping = None;
        self.life += 1;
        self.timer_at = None;
        self.attempts.clear();
    }
}

pub(crate) fn addr(seat: usize) -> SocketAddr {
    let last = u8::try_from(seat + 1).unwrap();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), 9094)
}

pub(crate) fn seat_at(addr: SocketAddr) -> Option<usize> {
    match addr.ip() {
        IpAddr::V4(ip) => usize::from(ip.octets()[3]).checked_sub(1),
        IpAddr::V6(_) => None,
    }
}
