//! The life of a process on a seat: it starts with what its flash holds, keeps what it learns, and ends, in good order or
//! not. The shell's work with flash is done here, as the keeper says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bellwether::effect::Cx;
use bellwether::gossip::{self, KeyRing};
use bellwether::limits::{STOP_TIME_MAX, STORE_SEGMENT_BYTES_MAX};
use bellwether::node::{Node, Options};
use bellwether::store::{self, Journal, JournalRecord, Keeper, KeeperStep, Kept, Opening};
use bellwether::wire::record::Kind;
use rand::{Rng as _, RngExt};

use crate::newer::{self, NEW_OWN};
use crate::seat::{self, Stopping};
use crate::support::rng::Rng;
use crate::world::{Event, World};

impl World {
    /// Switches a seat on: what its flash holds comes back, and it joins the flock.
    pub(crate) fn start(&mut self, seat: usize) {
        assert!(!self.seats[seat].is_up());
        if self.seats[seat].gone {
            return;
        }
        self.seats[seat].newer = self.newer.starts();
        let newer = self.seats[seat].newer;
        self.trace
            .line(self.now, || format!("n{seat} starts{}", if newer { ", newer" } else { "" }));
        let options = Options {
            external_url: format!("http://node-{seat}").into(),
            // An alert that a checker does not expect is told by none.
            own_alerts: false,
            ..Options::default()
        };
        let flock = self.setup.flock.then(|| self.flock_config(seat));
        let it = &mut self.seats[seat];
        it.started_at = self.now;
        let now = it.now(self.now);
        let config = Arc::clone(it.config.as_ref().unwrap_or(&self.config));
        let mut node = Node::new(config, options, flock, now);
        let mut found = Vec::new();
        let salt = it.rng.next_u64();
        let opened =
            Journal::open(it.flash.clone(), journal_options(salt), &mut |kind, key, body| {
                found.push((kind, key.to_vec(), body.to_vec()));
            });
        let holds_new = found.iter().any(|(kind, ..)| *kind == NEW_OWN);
        if it.holds_new && !holds_new {
            self.fault = Some(format!("newer: n{seat} has lost what a newer version kept"));
        }
        it.holds_new = holds_new;
        let mut effects = Vec::new();
        let mut cx = Cx { now, rng: &mut it.rng, effects: &mut effects };
        for (kind, key, body) in found {
            if let Err(error) = node.handle_record(kind, &key, &body) {
                self.fault = Some(format!("n{seat} cannot read what it wrote: {error:?}"));
            }
        }
        node.handle_restored(&mut cx);
        let in_force = node.silences().filter(|silence| now.wall < silence.ends_at);
        it.restored_silences = in_force.map(|silence| silence.id).collect();
        let fault = match &opened {
            Ok((journal, _)) => journal.fault().map(ToString::to_string),
            Err(error) => Some(error.to_string()),
        };
        node.handle_journal(&mut cx, fault.as_deref());
        it.journal = opened.ok().map(|(journal, _)| journal);
        let (is_open, boot_time) = (it.journal.is_some(), it.boot_time(self.now));
        it.flash_failed = fault.is_some();
        let opening = Opening { is_open, is_read: is_open, fault };
        it.keeper = Some(Keeper::new(boot_time, &it.keeping, opening));
        let id = node.flock().map(gossip::Gossip::node);
        it.ids.extend(id);
        it.node = Some(node);
        for effect in effects {
            self.perform(seat, effect);
        }
        let peers = self.peers_of(seat);
        self.trace.line(self.now, || format!("n{seat} is {id:x?}, its peers are {peers:?}"));
        self.call(seat, |node, cx| node.handle_peers(cx, &peers));
    }

    /// The static peers of a seat.
    fn peers_of(&self, seat: usize) -> Vec<SocketAddr> {
        if let Some(peers) = &self.setup.peers {
            return peers[seat].iter().copied().map(seat::addr).collect();
        }
        let known = match (self.setup.multicast, self.setup.star) {
            (true, _) => 0,
            (false, true) => seat.min(1),
            (false, false) => self.seats.len(),
        };
        (0..known).filter(|it| *it != seat).map(seat::addr).collect()
    }

    fn flock_config(&self, seat: usize) -> gossip::Config {
        let mut config = gossip::Config::new(0, &format!("n{seat}"));
        if self.setup.sealed || self.setup.multicast {
            config.keys = KeyRing::new(&[newer::SECRET]).expect("a key");
        }
        config.multicast = self.setup.multicast;
        config.expects_peers = !self.peers_of(seat).is_empty();
        config.synced = self.seats[seat].clock.synced;
        config
    }

    /// Ends a process: with the power, or alone, so that the page cache stays.
    pub(crate) fn crash(&mut self, seat: usize, power: bool) {
        if !self.seats[seat].is_up() {
            return;
        }
        self.trace.line(self.now, || format!("n{seat} dies, power cut: {power}"));
        let mut dice = Rng::new(self.rng.next_u64());
        let it = &mut self.seats[seat];
        it.left_in_order = false;
        if let (Some(work), Some(mut journal)) = (it.work.take(), it.journal.take()) {
            // The write that was under way got so far and no further.
            it.flash.cut_after(dice.below(6));
            let _lost = work.perform(&mut journal, &is_known);
        }
        it.flash = if power {
            it.flash.after_cut(&it.flash.any_outcome(&mut dice))
        } else {
            it.flash.after_kill()
        };
        it.stop();
    }

    /// Stops a node as SIGTERM does: it hears its receivers out, leaves the flock, keeps what is left, and ends.
    pub(crate) fn leave(&mut self, seat: usize) {
        if self.seats[seat].stopping.is_some() {
            return;
        }
        self.trace.line(self.now, || format!("n{seat} is told to stop"));
        let until = self.now + stop_time_ms();
        self.seats[seat].stopping = Some(Stopping::Attempts(until));
        self.plan_life(seat, until, World::go_on_stopping);
        self.go_on_stopping(seat);
    }

    /// Does something at a later moment, unless the process has ended by then.
    fn plan_life(&mut self, seat: usize, at: u64, act: fn(&mut Self, usize)) {
        let life = self.seats[seat].life;
        self.plan(at, move |world| {
            if world.seats[seat].life == life {
                act(world, seat);
            }
        });
    }

    /// Goes on to stop, if it is told to, as far as it can at this moment.
    pub(crate) fn go_on_stopping(&mut self, seat: usize) {
        let it = &self.seats[seat];
        match it.stopping {
            Some(Stopping::Attempts(until)) if it.attempts.is_empty() || until <= self.now => {
                let until = self.now + stop_time_ms();
                self.seats[seat].stopping = Some(Stopping::News(until));
                self.plan_life(seat, until, World::go_on_stopping);
                self.go_on_stopping(seat);
            }
            Some(Stopping::News(until)) if self.node(seat).is_heard() || until <= self.now => {
                self.trace.line(self.now, || format!("n{seat} leaves"));
                self.call(seat, Node::handle_leave);
                let until = self.now + stop_time_ms();
                self.seats[seat].stopping = Some(Stopping::Flash(until));
                if let Some(keeper) = &mut self.seats[seat].keeper {
                    keeper.hurry();
                }
                self.plan_life(seat, until, World::go_on_stopping);
                self.drive(seat);
                self.go_on_stopping(seat);
            }
            Some(Stopping::Flash(until)) if it.keeper_is_idle() || until <= self.now => {
                self.trace.line(self.now, || format!("n{seat} ends"));
                let it = &mut self.seats[seat];
                it.left_in_order = it.is_kept();
                if let (Some(work), Some(mut journal)) = (it.work.take(), it.journal.take()) {
                    // A system call that has begun is not taken back.
                    let _unheard = work.perform(&mut journal, &is_known);
                }
                it.flash = it.flash.after_kill();
                it.stop();
            }
            _ => {}
        }
    }

    /// Starts a seat once it is off, unless it is on to stay.
    pub(crate) fn restart(&mut self, seat: usize) {
        if self.seats[seat].stopping.is_some() {
            self.plan(self.now + 200, move |world| world.restart(seat));
        } else if !self.seats[seat].is_up() {
            self.start(seat);
        }
    }

    /// Gives a seat that is off a new card.
    pub(crate) fn wipe(&mut self, seat: usize) {
        assert!(!self.seats[seat].is_up());
        self.trace.line(self.now, || format!("n{seat} loses its flash"));
        self.seats[seat].flash = crate::support::flash::Flash::new();
        self.seats[seat].holds_new = false;
        self.seats[seat].wiped_at = Some(self.now);
    }

    /// Queues records for flash.
    pub(crate) fn persist(&mut self, seat: usize, mut records: Vec<JournalRecord>) {
        self.write(seat, &mut records);
        self.trace.kept(self.now, seat, &records);
        if let Some(keeper) = &mut self.seats[seat].keeper {
            keeper.keep(records);
        }
        self.drive(seat);
    }

    /// Gives the journal the state to begin anew with.
    pub(crate) fn begin_anew(&mut self, seat: usize, mut state: Vec<JournalRecord>) {
        self.write(seat, &mut state);
        if let Some(keeper) = &mut self.seats[seat].keeper {
            keeper.begin_anew(state);
        }
        self.drive(seat);
    }

    /// A seat's records for flash, in the words of its version.
    fn write(&mut self, seat: usize, records: &mut Vec<JournalRecord>) {
        let it = &self.seats[seat];
        let node = newer::id(it.node.as_ref());
        if it.newer {
            self.newer.write(node, it.wall(self.now).as_ms(), records);
        } else if self.newer.mixed {
            self.newer.note_kept(node, records);
        }
    }

    /// Does what the keeper says, until it is to be waited for.
    pub(crate) fn drive(&mut self, seat: usize) {
        loop {
            let it = &mut self.seats[seat];
            let boot_time = it.boot_time(self.now);
            let Some(keeper) = &mut it.keeper else { return };
            match keeper.next(boot_time) {
                KeeperStep::Wait(until) => return self.wait(seat, until),
                KeeperStep::Open => self.open(seat),
                KeeperStep::Tell(kept) => self.kept(seat, &kept, false),
                KeeperStep::Write(work) => {
                    it.work = Some(work);
                    let after = self.rng.random_range(it.sync_ms.0..=it.sync_ms.1);
                    let life = it.life;
                    self.schedule(self.now + after, Event::Synced(seat, life));
                }
            }
        }
    }

    fn wait(&mut self, seat: usize, until: Option<Duration>) {
        let it = &self.seats[seat];
        let left = until.map(|until| until.saturating_sub(it.boot_time(self.now)));
        let at = left.map(|left| self.now + u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
        if let Some(at) = at.filter(|_| at != it.keeper_at) {
            let life = it.life;
            self.schedule(at, Event::Keeper(seat, life));
        }
        self.seats[seat].keeper_at = at;
    }

    fn open(&mut self, seat: usize) {
        let it = &mut self.seats[seat];
        let salt = it.rng.next_u64();
        let mut found = Vec::new();
        let mut deliver =
            |kind: u16, key: &[u8], body: &[u8]| found.push((kind, key.to_vec(), body.to_vec()));
        let opened = Journal::open(it.flash.clone(), journal_options(salt), &mut deliver);
        let boot_time = it.boot_time(self.now);
        let opening = match opened {
            Ok((journal, _)) => {
                it.journal = Some(journal);
                Opening::sound()
            }
            Err(fault) => Opening::failed(fault.to_string()),
        };
        let news = it.keeper.as_mut().is_some_and(|keeper| keeper.opened(boot_time, opening));
        if news {
            self.call(seat, |node, cx| {
                for (kind, key, body) in &found {
                    node.handle_record(*kind, key, body).expect("it was written by a node");
                }
                node.handle_restored(cx);
            });
        }
    }

    /// A write has ended.
    pub(crate) fn synced(&mut self, seat: usize) {
        let it = &mut self.seats[seat];
        let boot_time = it.boot_time(self.now);
        let (Some(work), Some(journal), Some(keeper)) =
            (it.work.take(), &mut it.journal, &mut it.keeper)
        else {
            return;
        };
        let whole = work.state.is_some();
        let kept = keeper.wrote(boot_time, work.perform(journal, &is_known));
        if !keeper.is_open() {
            it.journal = None;
        }
        self.kept(seat, &kept, whole);
        self.drive(seat);
    }

    /// The work of the loop when records have become durable, or will not; `whole` says that the whole state was written.
    fn kept(&mut self, seat: usize, kept: &Kept, whole: bool) {
        let Kept { ticket, fault, wants_state, .. } = kept;
        self.trace.line(self.now, || format!("n{seat} flash up to {ticket:?}: {fault:?}"));
        let it = &mut self.seats[seat];
        if let Some(keeper) = &mut it.keeper {
            keeper.heard(*ticket);
        }
        let was = std::mem::replace(&mut it.flash_failed, fault.is_some());
        let durable = fault.is_none();
        let waiting = &mut it.waiting;
        for (_, id) in waiting.silences.extract_if(.., |(waits_for, _)| *waits_for <= *ticket) {
            if durable {
                self.kept_silences.insert(id);
            }
        }
        for (_, id) in waiting.expiries.extract_if(.., |(waits_for, _)| *waits_for <= *ticket) {
            if durable {
                self.kept_expiries.insert(id);
            }
        }
        for (_, told) in waiting.logs.extract_if(.., |(waits_for, _)| *waits_for <= *ticket) {
            self.told[told].kept = durable;
        }
        if durable && whole {
            let life = self.seats[seat].life;
            for post in self.posts.iter_mut().filter(|it| it.seat == seat && it.life == life) {
                post.from_memory = false;
            }
        }
        while self.seats[seat].waiting.answers.front().is_some_and(|held| held.0 <= *ticket)
            && let Some((_, post)) = self.seats[seat].waiting.answers.pop_front()
        {
            self.acknowledge(post);
        }
        if *wants_state {
            if let Some(keeper) = &mut self.seats[seat].keeper {
                keeper.gather_state();
            }
            self.call(seat, Node::handle_state_wanted);
        }
        if was || fault.is_some() {
            self.call(seat, |node, cx| node.handle_journal(cx, fault.as_deref()));
        }
        self.go_on_stopping(seat);
    }
}

fn is_known(kind: u16) -> bool {
    Kind::from_number(kind).is_some()
}

fn stop_time_ms() -> u64 {
    u64::try_from(STOP_TIME_MAX.as_millis()).unwrap_or(u64::MAX)
}

/// Small segments, so that histories compact.
fn journal_options(salt: u64) -> store::JournalOptions {
    store::JournalOptions {
        segment_bytes_min: 16 * 4096,
        segment_bytes_max: STORE_SEGMENT_BYTES_MAX,
        salt,
    }
}
