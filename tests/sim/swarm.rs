//! A history drawn from a seed: first everything goes wrong, then all is well and must come to rest.

use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bellwether::config::Config;
use bellwether::model::SilenceId;
use bellwether::node::Node;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, IteratorRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use crate::checkers::muted::Muted;
use crate::checkers::overdue::Overdue;
use crate::checkers::repeat::Repeat;
use crate::checkers::timers::{self, Waits};
use crate::checkers::versions::Growing;
use crate::checkers::{self, Alert, Silence, Truth, by};
use crate::newer::Newer;
use crate::receiver::Manner;
use crate::seat::EPOCH_MS;
use crate::seat::WallClock;
use crate::site::{self, Site};
use crate::support::flash::Faults;
use crate::world::{CONFIG, Posted, Setup, World, config_of_two, ends, fires, load, with_route};

const MINUTE_MS: i64 = 60_000;
/// How long after all is well something may be told once more.
const RECOVERY_MS: u64 = 100_000;

/// After how long a sender comes again that was not answered.
const RETRY: Option<Duration> = Some(Duration::from_secs(5));

/// How the wall clocks of a world are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clocks {
    Right,
    Apart,
    Drifting,
    /// By up to two seconds in a hundred: no crystal is so bad, a clock that NTP slews back may be.
    DriftingFar,
    Past2038,
    /// Some have no battery: after each power cut it is 1970 until they are set.
    Unset,
    /// They are stepped, back and forth.
    Stepping,
}

/// Whom seats are told of in their config, where there is no multicast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peers {
    /// Each of all others.
    All,
    /// The first of none, the others of the first.
    First,
    /// Each of one that comes before it in some order, and of some more.
    Some,
}

impl Peers {
    fn draw(self, dice: &mut StdRng, seats: usize) -> Option<Vec<Vec<usize>>> {
        if self != Self::Some {
            return None;
        }
        let mut order: Vec<usize> = (0..seats).collect();
        order.shuffle(dice);
        let mut peers = vec![Vec::new(); seats];
        for (place, seat) in order.iter().enumerate() {
            peers[*seat].extend(order[..place].choose(dice));
            for other in order.iter().filter(|other| *other != seat) {
                if dice.random_bool(0.2) && !peers[*seat].contains(other) {
                    peers[*seat].push(*other);
                }
            }
        }
        Some(peers)
    }
}

/// How a seat is that stays broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    /// It dies again and again.
    Loops,
    /// Nobody hears it.
    Mute,
    /// It hears nobody.
    Deaf,
    /// Its flash can be read only.
    ReadOnly,
    /// No receiver can be reached from it.
    NoWay,
}

/// The odds that are drawn once a seed; a chance is in thousandths a step of a second.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a list of what may be switched on")]
struct Options {
    seats: usize,
    multicast: bool,
    peers: Peers,
    /// Whether some start for the first time amid the history.
    join_late: bool,
    sealed: bool,
    loss: f64,
    repeat: f64,
    late: f64,
    delay_ms: u64,
    split: u32,
    one_way: u32,
    deaf: u32,
    crash: u32,
    power: bool,
    wipe: bool,
    leave: u32,
    /// One is gone for good when all is well.
    one_gone: bool,
    /// One stays broken when all is well, so.
    broken: Option<Broken>,
    /// Whether a receiver has two integrations.
    two: bool,
    receivers: u32,
    flash: u32,
    slow_flash: bool,
    /// Whether so few commits a day are allowed that records wait to share one.
    lean: bool,
    posts: u32,
    /// Whether senders post what fires again and again.
    repeats: bool,
    /// Whether some posts bring several alerts.
    batches: bool,
    end: u32,
    again: u32,
    silence: u32,
    reload: u32,
    /// Whether another config may also have another integration, or another route for some groups.
    reload_more: bool,
    clocks: Clocks,
    /// Whether some are away for minutes.
    long: bool,
    secs: u64,
}

impl Options {
    fn draw(dice: &mut StdRng) -> Self {
        let mut some =
            |most: u32| if dice.random_bool(0.5) { dice.random_range(1..=most) } else { 0 };
        let (split, one_way, deaf, crash, leave) =
            (some(20), some(15), some(10), some(25), some(10));
        let (receivers, flash, end, again, silence, reload) =
            (some(30), some(15), some(60), some(40), some(80), some(5));
        let posts = 30 + some(100);
        let one_of = |dice: &mut StdRng, of: &[f64]| {
            of[usize::try_from(dice.random_range(0..of.len() as u64)).unwrap()]
        };
        let sizes = [1_usize, 2, 3, 3, 3, 4, 5, 5, 6, 7, 8, 9];
        let clocks = [
            Clocks::Right,
            Clocks::Right,
            Clocks::Apart,
            Clocks::Drifting,
            Clocks::DriftingFar,
            Clocks::Past2038,
            Clocks::Unset,
            Clocks::Stepping,
        ];
        let pick = |dice: &mut StdRng, len: usize| {
            usize::try_from(dice.random_range(0..len as u64)).unwrap()
        };
        let long = dice.random_bool(0.15);
        let seats = sizes[pick(dice, sizes.len())];
        let multicast = dice.random_bool(0.4);
        let peers = [Peers::All, Peers::All, Peers::First, Peers::Some];
        let broken = [Broken::Loops, Broken::Mute, Broken::Deaf, Broken::ReadOnly, Broken::NoWay];
        let broken = broken[pick(dice, broken.len())];
        let broken = Some(broken).filter(|_| dice.random_bool(0.3) && seats > 2);
        Self {
            seats,
            broken,
            multicast,
            peers: peers[pick(dice, peers.len())],
            join_late: dice.random_bool(0.3),
            sealed: dice.random_bool(0.3),
            loss: one_of(dice, &[0.0, 0.0, 0.05, 0.1, 0.3]),
            repeat: one_of(dice, &[0.0, 0.0, 0.05]),
            late: one_of(dice, &[0.0, 0.0, 0.02, 0.1]),
            delay_ms: dice.random_range(1..=80),
            split,
            one_way,
            deaf,
            crash,
            power: dice.random_bool(0.7),
            wipe: dice.random_bool(0.2),
            leave,
            one_gone: dice.random_bool(0.2),
            two: dice.random_bool(0.3),
            receivers,
            flash,
            slow_flash: dice.random_bool(0.2),
            lean: dice.random_bool(0.1),
            posts,
            repeats: dice.random_bool(0.4),
            batches: dice.random_bool(0.4),
            end,
            again,
            silence,
            reload,
            reload_more: dice.random_bool(0.5),
            clocks: clocks[pick(dice, clocks.len())],
            long,
            secs: if long { dice.random_range(240..=420) } else { dice.random_range(60..=240) },
        }
    }
}

/// The outcome of a history.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) events: u64,
    pub(crate) ms: u64,
    pub(crate) told: usize,
    pub(crate) hash: u64,
}

struct History {
    world: World,
    truth: Truth,
    options: Options,
    site: Site,
    dice: StdRng,
    names: u64,
    muted: Muted,
    overdue: Overdue,
    repeat: Repeat,
    growing: Growing,
    waits: Waits,
}

/// Lives through the history of a seed.
pub(crate) fn run(seed: u64) -> Result<Outcome, String> {
    let mut dice = StdRng::seed_from_u64(seed ^ 0x5eed);
    let options = Options::draw(&mut dice);
    let site = Site::drawn(seed);
    let config = if options.two { config_of_two() } else { CONFIG.into() };
    let config = site.config(&config);
    let (multicast, sealed) = (options.multicast, options.sealed);
    let star = options.peers == Peers::First;
    let peers = options.peers.draw(&mut dice, options.seats).filter(|_| !multicast);
    let setup = Setup { multicast, sealed, star, peers, config, ..Setup::new(options.seats) };
    let mut world = World::new(seed, setup);
    world.trace.line(0, || format!("{options:?} {site:?}"));
    world.graded = site.budget;
    world.net.loss = options.loss;
    world.net.repeat = options.repeat;
    world.net.late = options.late;
    world.net.delay_ms = (1, options.delay_ms);
    world.newer = Newer::drawn(seed);
    let mut history = History {
        world,
        truth: Truth::default(),
        options,
        site,
        dice,
        names: 0,
        muted: Muted::default(),
        overdue: Overdue::default(),
        repeat: Repeat::default(),
        growing: Growing::default(),
        waits: Waits::default(),
    };
    let result = history.live();
    let History { options, site, world: World { events, now, told, trace, .. }, .. } = &history;
    let outcome = Outcome { events: *events, ms: *now, told: told.len(), hash: trace.hash };
    result.map(|()| outcome).map_err(|error| format!("at {now}: {error}\n    {options:?} {site:?}"))
}

impl History {
    fn live(&mut self) -> Result<(), String> {
        self.set_clocks();
        for seat in 0..self.options.seats {
            if self.options.slow_flash {
                self.world.seats[seat].sync_ms = (50, 3_000);
            }
            if self.options.lean {
                self.world.seats[seat].keeping.commits_a_day = 20;
            }
            let late = self.options.join_late && self.chance(300);
            let most = if late { self.options.secs * 1_000 } else { 5_000 };
            let at = self.world.now + self.below(most);
            self.world.plan(at, move |world| {
                if !world.seats[seat].is_up() {
                    world.start(seat);
                }
            });
        }
        for second in 0..self.options.secs {
            self.step();
            if self.site.outage_at(self.options.secs).is_some_and(|at| second >= at) {
                self.cut_uplink();
            }
            self.pass(second)?;
        }
        self.heal();
        self.wait_for_uplink()?;
        let whole = self.world.now + RECOVERY_MS;
        for second in 0..200 {
            self.pass(second)?;
        }
        checkers::lost::check(&self.world, &self.truth).map_err(by("lost"))?;
        checkers::told::check(&self.world, &self.truth, self.receivers()).map_err(by("told"))?;
        checkers::owed::check(&self.world, &self.truth, self.receivers()).map_err(by("owed"))?;
        self.equal()?;
        checkers::newer::check(&self.world).map_err(by("newer"))?;
        self.calm(whole)
    }

    /// All is well, and some new alerts come.
    fn calm(&mut self, whole: u64) -> Result<(), String> {
        let from = self.world.told.len();
        if self.dice.random_bool(0.5) {
            self.world.receivers[0].manner = Manner::Fine(500, 12_000);
        }
        let mut groups: Vec<Rc<str>> = Vec::new();
        for n in 0..6 {
            let name: Rc<str> = format!("calm{n}").into();
            groups.push(Rc::clone(&name));
            let text_bytes = self.site.text_bytes();
            let up = self.world.core();
            let one = up[usize::try_from(self.below(up.len() as u64)).unwrap()];
            for seat in up {
                if n % 2 == 0 || seat == one {
                    let alert = Posted { text_bytes, ..fires(&name, &name) };
                    self.world.post(seat, vec![alert], None);
                }
            }
        }
        for second in 0..70 {
            self.pass(second)?;
        }
        checkers::quiet::check(&self.world, &self.truth, from, &groups, self.receivers())
            .map_err(by("quiet"))?;
        checkers::quiet::nothing_twice(&self.world, whole).map_err(by("quiet"))?;
        self.equal()?;
        checkers::budget::check(&self.world).map_err(by("budget"))?;
        if self.site.heartbeat {
            checkers::beats::check(&self.world, whole).map_err(by("beats"))?;
        }
        self.fall_silent()
    }

    /// The expected sign stays away: every node knows, and one tells.
    fn fall_silent(&mut self) -> Result<(), String> {
        if !self.site.expects {
            return Ok(());
        }
        checkers::missing::is_there(&self.world).map_err(by("missing"))?;
        self.site.expects = false;
        let from = self.world.told.len();
        for second in 0..site::SIGN_MS / 1_000 + 60 {
            self.pass(second)?;
        }
        checkers::missing::is_missed(&self.world, from).map_err(by("missing"))
    }

    /// From now on no receiver is reached by anybody.
    fn cut_uplink(&mut self) {
        self.world.uplink_lost_at.get_or_insert(self.world.now);
        for receiver in &mut self.world.receivers {
            receiver.unreachable_from = (0..self.options.seats).collect();
        }
    }

    /// All is well but the uplink, perhaps for a while; then that is, too.
    fn wait_for_uplink(&mut self) -> Result<(), String> {
        if self.world.uplink_lost_at.is_none() {
            return Ok(());
        }
        let ways: Vec<_> =
            self.world.receivers.iter().map(|it| it.unreachable_from.clone()).collect();
        self.cut_uplink();
        for second in 0..self.site.outage_secs {
            if self.chance(self.options.posts) {
                self.post();
            }
            if self.chance(self.options.end) {
                self.end();
            }
            self.pass(second)?;
        }
        let world = &mut self.world;
        world.trace.line(world.now, || "the uplink is back".into());
        world.uplink_back_at = Some(world.now);
        for (receiver, ways) in world.receivers.iter_mut().zip(ways) {
            receiver.unreachable_from = ways;
        }
        for seat in world.up() {
            world.call(seat, Node::handle_link);
        }
        Ok(())
    }

    /// An alert that is notified, or ends, just now may still be on its way.
    fn equal(&mut self) -> Result<(), String> {
        for second in 0..5 {
            if checkers::equal::check(&self.world).is_ok() {
                return Ok(());
            }
            self.pass(second)?;
        }
        checkers::equal::check(&self.world).map_err(by("equal"))
    }

    fn pass(&mut self, second: u64) -> Result<(), String> {
        if self.site.expects && second.is_multiple_of(5) {
            self.ping();
        }
        self.world.run_for(1_000);
        if let Some(fault) = self.world.fault.take() {
            return Err(fault);
        }
        self.muted.look(&self.world, &self.truth).map_err(by("muted"))?;
        self.overdue.look(&self.world, &self.truth, self.receivers()).map_err(by("overdue"))?;
        self.repeat.look(&self.world).map_err(by("repeat"))?;
        self.waits.look(&self.world).map_err(by("timers"))?;
        if second.is_multiple_of(20) {
            self.growing.look(&self.world).map_err(by("versions"))?;
            checkers::bounds::check(&self.world).map_err(by("bounds"))?;
        }
        Ok(())
    }

    /// A sign of life comes to some node.
    fn ping(&mut self) {
        let up = self.world.core();
        if up.is_empty() {
            return;
        }
        let seat = up[self.site.below(up.len())];
        self.world.call(seat, |node, cx| node.handle_ping(cx, site::SIGN, None));
    }

    fn below(&mut self, most: u64) -> u64 {
        self.dice.random_range(0..most.max(1))
    }

    fn seat(&mut self) -> usize {
        let seats = self.options.seats as u64;
        usize::try_from(self.below(seats)).unwrap()
    }

    fn chance(&mut self, thousandths: u32) -> bool {
        self.dice.random_range(0..1000_u32) < thousandths
    }

    fn set_clocks(&mut self) {
        for seat in 0..self.options.seats {
            let minutes = self.dice.random_range(-5..=5_i64);
            let clock = &mut self.world.seats[seat].clock;
            match self.options.clocks {
                Clocks::Apart => clock.ahead_ms = minutes * MINUTE_MS / 2,
                Clocks::Drifting => clock.drift_ppm = minutes * 40,
                Clocks::DriftingFar => clock.drift_ppm = minutes * 4_000,
                // Amid the history the seconds since 1970 no longer fit 31 bits.
                Clocks::Past2038 => {
                    let half = i64::try_from(self.options.secs * 500).unwrap();
                    clock.ahead_ms = (1_i64 << 31) * 1_000 - EPOCH_MS - half;
                }
                Clocks::Unset if minutes > 0 => {
                    clock.battery = false;
                    self.set_later(seat);
                }
                Clocks::Stepping => self.step_later(seat),
                Clocks::Right | Clocks::Unset => {}
            }
        }
    }

    /// A clock without a battery shows 1970 until it is set.
    fn set_later(&mut self, seat: usize) {
        self.world.seats[seat].clock.forget(self.world.now);
        let secs = self.options.secs;
        let at = self.world.now + self.below(secs * 500);
        let right = WallClock { battery: false, ..WallClock::default() };
        self.world.plan(at, move |world| world.set_clock(seat, right));
    }

    /// A clock is stepped some times, by seconds or by minutes.
    fn step_later(&mut self, seat: usize) {
        for _ in 0..self.below(4) {
            let most = if self.chance(500) { 10_000 } else { 5 * MINUTE_MS };
            let ahead_ms = self.dice.random_range(-most..=most);
            let at = self.world.now + self.below(self.options.secs * 1_000);
            let clock = WallClock { ahead_ms, ..WallClock::default() };
            self.world.plan(at, move |world| timers::step(world, seat, clock));
        }
    }

    /// The events of a second of bad weather.
    fn step(&mut self) {
        self.weather();
        self.machines();
        if self.chance(self.options.receivers) {
            self.change_receiver();
        }
        if self.chance(self.options.posts) {
            self.post();
        }
        if self.chance(self.options.end) {
            self.end();
        }
        if self.chance(self.options.again) {
            self.again();
        }
        if self.chance(self.options.silence) {
            self.silence();
        }
        if self.chance(self.options.reload) {
            self.reload();
        }
    }

    /// Somebody gives all seats another config, one after the other.
    fn reload(&mut self) {
        let wait = if self.chance(500) { "5s" } else { "6s" };
        let mut text = if self.options.two || self.options.reload_more && self.chance(500) {
            config_of_two()
        } else {
            CONFIG.to_owned()
        };
        if self.options.reload_more && self.chance(500) {
            text = with_route(&text);
        }
        let text = text.replace("group_wait = \"5s\"", &format!("group_wait = \"{wait}\""));
        let text = self.site.config(&text);
        self.give_config(&load(&text), 20_000);
        if self.options.reload_more {
            self.world.rerouted = Some(self.world.now + 20_000);
        }
    }

    fn give_config(&mut self, config: &Arc<Config>, within_ms: u64) {
        for seat in 0..self.options.seats {
            let at = self.world.now + self.below(within_ms);
            let config = Arc::clone(config);
            self.world.plan(at, move |world| world.reload(seat, &config));
        }
    }

    fn weather(&mut self) {
        if self.options.seats < 2 {
            return;
        }
        if self.chance(self.options.split) {
            let sides = self.sides();
            self.cut_ways(sides);
        }
        if self.chance(self.options.one_way) {
            let way = self.way();
            self.cut_ways([way].into());
        }
        if self.chance(self.options.deaf) {
            let way = self.way();
            self.world.trace.line(self.world.now, || format!("no multicast {way:?}"));
            self.world.net.deaf.insert(way);
        }
    }

    /// A way from one seat to another.
    fn way(&mut self) -> (usize, usize) {
        let from = self.seat();
        let further = usize::try_from(self.below(self.options.seats as u64 - 1)).unwrap();
        (from, (from + 1 + further) % self.options.seats)
    }

    /// The ways between two groups that share the seats, none of them empty: both ways, or those to one of them.
    fn sides(&mut self) -> BTreeSet<(usize, usize)> {
        let (here, there) = self.way();
        let side: Vec<bool> = (0..self.options.seats)
            .map(|seat| seat == here || seat != there && self.dice.random_bool(0.5))
            .collect();
        let one_way = self.chance(250);
        let mut ways = BTreeSet::new();
        for from in 0..side.len() {
            for to in 0..side.len() {
                if side[from] != side[to] && (side[from] || !one_way) {
                    ways.insert((from, to));
                }
            }
        }
        ways
    }

    /// Cuts these ways for a time.
    fn cut_ways(&mut self, ways: BTreeSet<(usize, usize)>) {
        self.world.trace.line(self.world.now, || format!("cut {ways:?}"));
        let fault = self.world.net.break_ways(ways);
        let at = self.world.now + 1_000 + self.away_ms(60_000);
        self.world.plan(at, move |world| {
            world.trace.line(world.now, || format!("cut {fault} is mended"));
            world.net.mend(fault);
        });
    }

    /// For how long something is away: mostly at most so long, in some worlds now and then for minutes.
    fn away_ms(&mut self, most: u64) -> u64 {
        let long = self.options.long && self.chance(300);
        if long { 120_000 + self.below(180_000) } else { self.below(most) }
    }

    fn machines(&mut self) {
        if self.chance(self.options.crash) {
            let seat = self.seat();
            let power = self.options.power && self.dice.random_bool(0.7);
            let safe = self.others_hold_all_of(seat);
            let wipe = self.options.wipe && safe && self.chance(300);
            self.world.crash(seat, power);
            if wipe && !self.world.seats[seat].is_up() {
                self.world.wipe(seat);
            }
            if power && !self.world.seats[seat].clock.battery {
                self.set_later(seat);
            }
            self.restart_later(seat);
        }
        if self.chance(self.options.leave) {
            let seat = self.seat();
            if self.world.seats[seat].is_up() {
                self.world.leave(seat);
                self.restart_later(seat);
            }
        }
        if self.chance(self.options.flash) {
            let seat = self.seat();
            let faults = match self.below(3) {
                0 => Faults { no_space: true, ..Faults::default() },
                1 => Faults { syncs: 1, ..Faults::default() },
                _ => Faults { read_only: true, ..Faults::default() },
            };
            self.world.trace.line(self.world.now, || format!("n{seat} flash: {faults:?}"));
            self.world.seats[seat].flash.set_faults(faults);
            let at = self.world.now + 1_000 + self.below(30_000);
            self.world.plan(at, move |world| {
                if !world.seats[seat].broken {
                    world.trace.line(world.now, || format!("n{seat} flash is well"));
                    world.seats[seat].flash.set_faults(Faults::default());
                }
            });
        }
    }

    /// Whether some other node that runs knows every record that this one knows, and has it on flash.
    fn others_hold_all_of(&self, seat: usize) -> bool {
        let digest = |seat: usize| {
            let node = self.world.seats[seat].node.as_ref()?;
            Some(node.flock()?.digest(self.world.seats[seat].now(self.world.now)))
        };
        let ours = digest(seat);
        ours.is_some()
            && self.world.seats[seat].waiting.answers.is_empty()
            && (0..self.options.seats).any(|other| {
                other != seat && self.world.seats[other].is_kept() && digest(other) == ours
            })
    }

    fn restart_later(&mut self, seat: usize) {
        let at = self.world.now + 100 + self.away_ms(30_000);
        self.world.plan(at, move |world| world.restart(seat));
    }

    /// The receivers that are to be told.
    fn receivers(&self) -> &'static [usize] {
        if self.options.two { &[0, 2] } else { &[0] }
    }

    fn change_receiver(&mut self) {
        let receiver = *self.receivers().choose(&mut self.dice).unwrap();
        let manner = match self.below(6) {
            0 => Manner::Fails(503),
            5 => Manner::Fails(400),
            1 => Manner::Silent,
            2 => Manner::Fine(2_000, 12_000),
            _ => Manner::Fine(5, 40),
        };
        let some: Vec<usize> =
            (0..self.options.seats).filter(|_| self.dice.random_bool(0.3)).collect();
        let line = || format!("r{receiver} {manner:?}, no way from {some:?}");
        self.world.trace.line(self.world.now, line);
        self.world.receivers[receiver].manner = manner;
        self.world.receivers[receiver].unreachable_from = some.into_iter().collect();
    }

    fn post(&mut self) {
        let many = if self.options.batches { 1 + self.below(5) } else { 1 };
        let alerts: Vec<(Rc<str>, Rc<str>, usize)> = (0..many)
            .map(|_| {
                self.names += 1;
                let letter = if self.options.reload_more && self.chance(200) { "k" } else { "g" };
                let group = format!("{letter}{}", self.below(self.names / 2 + 1));
                (format!("a{}", self.names).into(), group.into(), self.site.text_bytes())
            })
            .collect();
        let one = self.seat();
        let to_all = self.dice.random_bool(0.4);
        let mut posts = Vec::new();
        for seat in 0..self.options.seats {
            if seat == one || (to_all && self.dice.random_bool(0.9)) {
                let said = alerts
                    .iter()
                    .map(|(name, group, text_bytes)| Posted {
                        text_bytes: *text_bytes,
                        ..fires(name, group)
                    })
                    .collect();
                posts.push(self.world.post(seat, said, RETRY));
            }
        }
        // Nodes whose clocks are apart never agree on since when such an alert fires, and change it with each post.
        let agree = matches!(self.options.clocks, Clocks::Right | Clocks::Past2038);
        if self.options.repeats && agree && self.chance(500) {
            let again = Duration::from_secs(15 + self.below(46));
            for post in &posts {
                self.world.posts[*post].again = Some(again);
                self.world.posts[*post].says = posts[0];
            }
        }
        for (name, group, _) in alerts {
            let (fires, ends, before) = (posts.clone(), Vec::new(), Vec::new());
            self.truth.alerts.insert(name, Alert { group, fires, ends, before });
        }
    }

    /// An alert of which every post was answered and that has ended fires again, where it was posted.
    fn again(&mut self) {
        let answered = |post: &usize| self.world.posts[*post].acked_at.is_some();
        let ended = |it: &Alert| !it.ends.is_empty() && it.ends.iter().all(answered);
        let some = self.truth.alerts.iter().filter(|(_, alert)| ended(alert));
        let some: Vec<Rc<str>> = some.map(|(name, _)| Rc::clone(name)).collect();
        let Some(name) = some.choose(&mut self.dice) else { return };
        let Some(alert) = self.truth.alerts.get_mut(name) else { return };
        let ends = std::mem::take(&mut alert.ends);
        let fired = std::mem::take(&mut alert.fires);
        for post in &ends {
            let seat = self.world.posts[*post].seat;
            let again = fired.first().and_then(|post| self.world.posts[*post].again);
            let post = self.world.post(seat, vec![fires(name, &alert.group)], RETRY);
            alert.fires.push(post);
            self.world.posts[post].again = again;
            if again.is_some() {
                self.world.posts[post].says = alert.fires[0];
            }
        }
        alert.before.extend(fired.into_iter().chain(ends));
    }

    /// An alert of which every post was answered ends, where it was posted.
    fn end(&mut self) {
        let answered = |world: &World, alert: &Alert| {
            alert.ends.is_empty()
                && alert.fires.iter().all(|post| world.posts[*post].acked_at.is_some())
        };
        let some: Vec<Rc<str>> = self
            .truth
            .alerts
            .iter()
            .filter(|(_, alert)| answered(&self.world, alert))
            .map(|(name, _)| Rc::clone(name))
            .collect();
        if some.is_empty() {
            return;
        }
        let at = usize::try_from(self.below(some.len() as u64)).unwrap();
        let name = &some[at];
        let Some(alert) = self.truth.alerts.get_mut(name) else { return };
        for post in alert.fires.clone() {
            let seat = self.world.posts[post].seat;
            self.world.posts[post].over.insert(Rc::clone(name));
            alert.ends.push(self.world.post(seat, vec![ends(name, &alert.group)], RETRY));
        }
    }

    /// An operator at any node sets a silence, or changes or ends one, be it that it has ended already.
    fn silence(&mut self) {
        let seat = self.seat();
        let old = (0..self.truth.silences.len()).choose(&mut self.dice);
        match (old, self.below(10)) {
            (Some(old), 0..4) => self.edit(seat, old),
            (Some(old), 4..7) => self.expire(seat, old),
            _ => {
                let group: Rc<str> = format!("g{}", self.below(self.names / 2 + 1)).into();
                let ms = self.silence_ms();
                if let Some(id) = self.world.silence(seat, &group, ms) {
                    self.note_silence(seat, id, group, ms);
                }
            }
        }
    }

    /// How long a silence is to last: it runs out amid the history or never.
    fn silence_ms(&mut self) -> u64 {
        if self.chance(500) { 20_000 + self.below(40_000) } else { 36_000_000 }
    }

    fn note_silence(&mut self, seat: usize, id: SilenceId, group: Rc<str>, ms: u64) {
        self.truth.silences.push(Silence {
            id,
            group,
            seats: [seat].into(),
            untils: vec![self.world.now + ms],
            expired_at: None,
            expired_by: Vec::new(),
            contested: false,
            stepped: matches!(self.options.clocks, Clocks::Unset | Clocks::Stepping),
        });
    }

    /// Whether an operator at this seat sees a silence as it was last set or ended by any; none if it is not known there.
    fn sees(&self, seat: usize, silence: &Silence) -> Option<bool> {
        let it = self.world.seats[seat].node.as_ref()?.silence(silence.id)?;
        let now = self.world.seats[seat].now(self.world.now).wall;
        let ended = silence.expired_at.is_some() && it.ends_at <= now;
        let last = silence.untils.last().copied().unwrap_or(0);
        let as_set = silence.expired_at.is_none() && *it.comment == *format!("until {last}");
        // Near to its end it may have ended here and not there.
        Some(ended || as_set && self.world.now + 15_000 < last)
    }

    fn edit(&mut self, seat: usize, old: usize) {
        let silence = &self.truth.silences[old];
        let Some(sees) = self.sees(seat, silence) else { return };
        let (id, group) = (silence.id, Rc::clone(&silence.group));
        let ms = self.silence_ms();
        let Some(set) = self.world.edit(seat, id, &group, ms) else { return };
        let silence = &mut self.truth.silences[old];
        silence.contested |= !sees;
        silence.seats.insert(seat);
        if set == id {
            silence.untils.push(self.world.now + ms);
        } else {
            self.note_silence(seat, set, group, ms);
        }
    }

    fn expire(&mut self, seat: usize, old: usize) {
        let silence = &self.truth.silences[old];
        let Some(sees) = self.sees(seat, silence) else { return };
        let id = silence.id;
        let life = self.world.seats[seat].life;
        let silence = &mut self.truth.silences[old];
        silence.contested |= !sees;
        silence.seats.insert(seat);
        silence.expired_at.get_or_insert(self.world.now);
        silence.expired_by.push((seat, life));
        self.world.expire(seat, id);
    }

    /// All is well from now on.
    fn heal(&mut self) {
        let seat = self.seat();
        // Where not all know all, the others may know each other through that one alone.
        let known = matches!(self.options.peers, Peers::All) || self.options.multicast;
        let one_gone = self.options.one_gone && self.options.broken.is_none() && known;
        if one_gone && self.others_hold_all_of(seat) {
            self.world.crash(seat, true);
            self.world.seats[seat].gone = true;
        }
        let world = &mut self.world;
        world.trace.line(world.now, || "all is well".into());
        world.net.loss = 0.0;
        world.net.late = 0.0;
        world.net.repeat = 0.0;
        world.net.delay_ms = (1, 20);
        world.net.heal();
        world.net.deaf.clear();
        world.newer.strange = 0.0;
        let config = load(&world.setup.config);
        for seat in (0..world.seats.len()).filter(|_| self.options.reload > 0) {
            // Events that were planned before come sooner.
            let config = Arc::clone(&config);
            world.plan(world.now + 20_000, move |world| world.reload(seat, &config));
        }
        if self.options.reload_more {
            world.rerouted = Some(world.now + 20_000);
        }
        for receiver in &mut world.receivers {
            *receiver = crate::receiver::Receiver::default();
        }
        for seat in 0..world.seats.len() {
            world.seats[seat].flash.set_faults(Faults::default());
            world.seats[seat].sync_ms = (2, 20);
            world.restart(seat);
        }
        let apart = |how: &Broken| !matches!(how, Broken::ReadOnly | Broken::NoWay);
        if let Some(how) = self.options.broken.filter(|how| known || !apart(how)) {
            let one = self.seat();
            // Nobody else may hold what one did whose card was exchanged.
            let mut others = (0..self.options.seats).filter(|seat| *seat != one);
            let wiped = others.any(|seat| self.world.seats[seat].wiped_at.is_some());
            if !wiped || self.others_hold_all_of(one) {
                self.stay_broken(one, how);
            }
        }
    }

    /// One stays broken: the others are the healthy core.
    fn stay_broken(&mut self, one: usize, how: Broken) {
        let world = &mut self.world;
        world.trace.line(world.now, || format!("but n{one} stays broken: {how:?}"));
        world.seats[one].broken = true;
        let apart = !matches!(how, Broken::ReadOnly | Broken::NoWay);
        world.seats[one].apart_since = apart.then_some(world.now);
        let others = (0..world.seats.len()).filter(|it| *it != one);
        match how {
            Broken::Loops => die_again(world, one),
            Broken::Mute => world.net.cut.extend(others.map(|it| (one, it))),
            Broken::Deaf => world.net.cut.extend(others.map(|it| (it, one))),
            Broken::ReadOnly => {
                let faults = Faults { read_only: true, ..Faults::default() };
                world.seats[one].flash.set_faults(faults);
            }
            Broken::NoWay => {
                for receiver in &mut world.receivers {
                    receiver.unreachable_from.insert(one);
                }
            }
        }
    }
}

/// A seat dies some seconds from now, starts again, and so on.
fn die_again(world: &mut World, seat: usize) {
    let after = world.rng.random_range(2_000..20_000);
    world.plan(world.now + after, move |world| {
        world.crash(seat, false);
        let after = world.rng.random_range(500..5_000);
        world.plan(world.now + after, move |world| {
            world.restart(seat);
            die_again(world, seat);
        });
    });
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} events, {} s, {} told, trace {:016x}",
            self.events,
            self.ms / 1000,
            self.told,
            self.hash
        )
    }
}
