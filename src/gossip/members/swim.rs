//! Failure detection: foca (SWIM) with our identity, our encoding, and longer timeouts.
//!
//! Taking over a turn does not wait for a member to be found down, and links lose datagrams, so probing is slow and cheap: a
//! member that was heard recently, in any way, is not probed ([`RECENT`]). Records never travel in foca's broadcasts.
//!
//! So a member that goes silent is found down after at most [`RECENT`] + the rounds until one of the others probes it (each
//! probes one member a `probe_interval`) + [`SUSPICION`]: with ten members some two minutes, see `tests/gossip.rs`. The
//! suspicion is sent to all, and each pings the suspect itself, twice a second: one answer clears it. A node that can send
//! but not receive answers none of these pings: it is down, too, until it answers.

use std::collections::BTreeMap;
use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use bytes::{Buf as _, BufMut as _};
use foca::{
    Codec, Config, Foca, Header, Incarnation, Member, NoCustomBroadcast, Notification,
    PeriodicParams, Runtime, State, Timer,
};
use rand::Rng;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::codec::CborCodec;
use super::id::Id;
use crate::gossip::seal::MESSAGE_BYTES_MAX;
use crate::limits::{INTERVAL_MIN, MEMBERS_MAX, PROBE_TIMEOUT_MIN};
use crate::time::Mono;

/// A member that was heard within this time is up. Longer than the longest pause between two beacons, so that members that
/// hear one another by multicast need no probes.
pub(super) const RECENT: Duration = Duration::from_secs(40);
/// A suspect has so long to answer.
const SUSPICION: Duration = Duration::from_secs(20);
/// Until it has, it is pinged so often: a lossy link needs more than one ping.
const PING_SUSPECT_EVERY: Duration = Duration::from_millis(500);
/// A member that is down is remembered for so long.
const REMEMBERED: Duration = Duration::from_secs(6 * 3600);

/// Whether a member is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It answers.
    Alive,
    /// It did not answer a probe, and has some time left to answer.
    Suspect,
    /// It did not answer in that time.
    Down,
}

/// The outcome of a call to foca.
#[derive(Debug, Default)]
pub(super) struct SwimOutput {
    /// Datagrams, and the node they are for.
    pub(super) sends: Vec<(u64, Vec<u8>)>,
    /// Nodes that came up (`true`) or went down.
    pub(super) changes: Vec<(u64, bool)>,
    /// The sender addressed an earlier generation of ours: it must be told of this one.
    pub(super) outdated: bool,
}

/// Foca, its timers, and its time.
pub(super) struct Swim {
    config: Config,
    foca: Foca<Id, CborCodec, StdRng, NoCustomBroadcast>,
    timers: BTreeMap<(Mono, u64), Timer<Id>>,
    timers_made: u64,
    ping_at: Mono,
    /// Suspects, by when each is down: foca sets a time only for those that it has probed itself.
    suspicions: BTreeMap<(Mono, u64), (Id, Incarnation)>,
}

impl Swim {
    pub(super) fn new(
        node: u64,
        rng: &mut dyn Rng,
        probe_interval: Duration,
        probe_timeout: Duration,
    ) -> Self {
        let id = Id { node, generation: 0 };
        let rng = StdRng::seed_from_u64(rng.next_u64());
        let config = config(probe_interval, probe_timeout);
        let foca = Foca::new(id, config.clone(), rng, CborCodec);
        let (timers, suspicions) = (BTreeMap::new(), BTreeMap::new());
        Self { config, foca, timers, timers_made: 0, ping_at: Mono::ZERO, suspicions }
    }

    /// Our own generation.
    pub(super) const fn generation(&self) -> u32 {
        self.foca.identity().generation
    }

    /// Takes a generation greater than this one, for this one is spent.
    pub(super) fn outlive(&mut self, now: Mono, spent: u32) -> SwimOutput {
        let node = self.foca.identity().node;
        let Some(generation) = spent.checked_add(1).filter(|next| *next > self.generation()) else {
            return SwimOutput::default();
        };
        self.drive(now, |foca, runtime| foca.change_identity(Id { node, generation }, runtime))
    }

    /// A node has shown that it is alive.
    pub(super) fn alive(&mut self, now: Mono, node: u64, generation: u32) -> SwimOutput {
        self.apply(now, Member::alive(Id { node, generation }))
    }

    /// A node has said goodbye.
    pub(super) fn gone(&mut self, now: Mono, node: u64) -> SwimOutput {
        match self.find(node).map(|(generation, _)| generation) {
            // An earlier incarnation than is known would count for refuted.
            Some(generation) => {
                let id = Id { node, generation };
                self.apply(now, Member::new(id, self.incarnation(id), State::Down))
            }
            None => SwimOutput::default(),
        }
    }

    /// A node does not answer, or another is now at its address: it is down unless it answers soon.
    pub(super) fn suspect(&mut self, now: Mono, node: u64) -> SwimOutput {
        let known = self.foca.iter_members().find(|it| it.id().node == node);
        let Some(life) = known.map(|it| (*it.id(), it.incarnation())) else {
            return SwimOutput::default();
        };
        if self.suspicions.values().any(|suspected| *suspected == life) {
            return SwimOutput::default();
        }
        self.suspicions.insert((now + SUSPICION, node), life);
        self.apply(now, Member::new(life.0, life.1, State::Suspect))
    }

    /// A datagram of another's foca. A malformed one changes nothing.
    pub(super) fn handle_data(&mut self, now: Mono, data: &[u8]) -> SwimOutput {
        let header = CborCodec.decode_header(data);
        let Some((data, accused)) = self.without_hearsay(data) else {
            return SwimOutput::default();
        };
        let mut output = self.drive(now, |foca, runtime| foca.handle_data(&data, runtime));
        let own = *self.foca.identity();
        let is_active = |id: Id| self.foca.iter_members().any(|member| *member.id() == id);
        // Foca does not take datagrams of members that are down either.
        let is_heard = header.as_ref().is_ok_and(|it| it.dst == own && is_active(it.src));
        let accused = accused.into_iter().filter(|id| is_heard && is_active(*id));
        for id in accused.collect::<Vec<_>>() {
            output.sends.extend(self.suspect(now, id.node).sends);
        }
        self.time_suspects(now);
        output.outdated = header.is_ok_and(|Header { dst, .. }| {
            dst.node == own.node && dst.generation < own.generation
        });
        self.bound();
        output
    }

    /// A datagram without its reports that members are down that are up as far as we know, and these members. A member is
    /// not taken for down on another's report: a node that receives nothing takes all others for down. A report that was
    /// refuted already is dropped. Nothing is returned if the datagram is malformed.
    fn without_hearsay(&self, data: &[u8]) -> Option<(Vec<u8>, Vec<Id>)> {
        let (mut rest, mut codec) = (data, CborCodec);
        let src = codec.decode_header(&mut rest).ok()?.src;
        let mut kept = data.get(..data.len() - rest.len())?.to_vec();
        let (mut members, mut accused) = (Vec::new(), Vec::new());
        if rest.is_empty() {
            return Some((kept, accused));
        }
        let count = rest.try_get_u16().ok()?;
        for _ in 0..count {
            let member = codec.decode_member(&mut rest).ok()?;
            let id = *member.id();
            let known = self.foca.iter_members().find(|known| known.id().node == id.node);
            // Each member knows best about its own former generations.
            let known = known.filter(|_| member.state() == State::Down && id.node != src.node);
            match known.map(|known| (known.id().generation, known.incarnation())) {
                Some((generation, incarnation)) if generation == id.generation => {
                    if incarnation <= member.incarnation() {
                        accused.push(id);
                    }
                }
                Some((generation, _)) if generation < id.generation => {}
                _ => members.push(member),
            }
        }
        if !rest.is_empty() {
            return None;
        }
        kept.put_u16(u16::try_from(members.len()).ok()?);
        for member in &members {
            codec.encode_member(member, &mut kept).ok()?;
        }
        Some((kept, accused))
    }

    /// Sets a time by which each suspect is down: each node decides that for itself.
    fn time_suspects(&mut self, now: Mono) {
        let lives = self.suspects().map(|it| (*it.id(), it.incarnation()));
        let timed =
            |life: &(Id, Incarnation)| self.suspicions.values().any(|suspected| suspected == life);
        let lives: Vec<_> = lives.filter(|life| !timed(life)).collect();
        let due = lives.into_iter().map(|life| ((now + SUSPICION, life.0.node), life));
        self.suspicions.extend(due);
    }

    /// The generation and liveness of a node, as far as foca knows it.
    pub(super) fn find(&self, node: u64) -> Option<(u32, Liveness)> {
        let member = self.foca.iter_membership_state().find(|member| member.id().node == node)?;
        let liveness = match member.state() {
            State::Alive => Liveness::Alive,
            State::Suspect => Liveness::Suspect,
            State::Down => Liveness::Down,
        };
        Some((member.id().generation, liveness))
    }

    /// The nodes that are up, this node not among them, in order.
    pub(super) fn living(&self) -> Vec<u64> {
        let mut nodes: Vec<_> = self.foca.iter_members().map(|member| member.id().node).collect();
        nodes.sort_unstable();
        nodes
    }

    /// The nodes that are up but suspected.
    pub(super) fn suspected(&self) -> Vec<u64> {
        self.suspects().map(|member| member.id().node).collect()
    }

    pub(super) fn next_timeout(&self) -> Option<Mono> {
        let idle = self.foca.updates_backlog() == 0;
        let parked = |timer: &Timer<Id>| idle && matches!(timer, Timer::PeriodicGossip(_));
        let timer = self.timers.iter().find(|(_, timer)| !parked(timer)).map(|((at, _), _)| *at);
        let ping = self.suspects().next().map(|_| self.ping_at);
        let suspicion = self.suspicions.first_key_value().map(|((at, _), _)| *at);
        timer.into_iter().chain(ping).chain(suspicion).min()
    }

    /// Does what is due. `heard` says when a node was last heard in any way.
    pub(super) fn handle_timeout(
        &mut self,
        now: Mono,
        heard: impl Fn(u64) -> Option<Mono>,
    ) -> SwimOutput {
        let mut all = SwimOutput::default();
        while let Some(entry) = self.timers.first_entry().filter(|entry| entry.key().0 <= now) {
            let timer = entry.remove();
            let mut one = self.drive(now, |foca, runtime| foca.handle_timer(timer, runtime));
            self.answer_for_recent(now, &mut one, &heard);
            all.sends.extend(one.sends);
            all.changes.extend(one.changes);
        }
        while let Some(entry) = self.suspicions.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((_, node), life) = entry.remove_entry();
            if !self.suspects().any(|it| (*it.id(), it.incarnation()) == life) {
                continue;
            }
            let one = self.gone(now, node);
            all.sends.extend(one.sends);
            all.changes.extend(one.changes);
        }
        if self.ping_at <= now {
            self.ping_at = now + PING_SUSPECT_EVERY;
            all.sends.extend(self.suspect_pings());
        }
        all
    }

    /// Answers pings in the place of members that were heard recently, unless there is news to send with the pings.
    fn answer_for_recent(
        &mut self,
        now: Mono,
        output: &mut SwimOutput,
        heard: &impl Fn(u64) -> Option<Mono>,
    ) {
        if self.foca.updates_backlog() > 0 {
            return;
        }
        let mut answers = Vec::new();
        output.sends.retain(|(node, data)| {
            let lately = heard(*node).is_some_and(|at| now.since(at) < RECENT);
            let header = CborCodec.decode_header(data.as_slice()).ok().filter(|_| lately);
            let Some(Header { src, dst, message: foca::Message::Ping(probe), .. }) = header else {
                return true;
            };
            let incarnation = self.incarnation(dst);
            let message = foca::Message::Ack(probe);
            answers.push(Header { src: dst, src_incarnation: incarnation, dst: src, message });
            false
        });
        for header in answers {
            let mut answer = Vec::new();
            if CborCodec.encode_header(&header, &mut answer).is_ok() {
                let one = self.drive(now, |foca, runtime| foca.handle_data(&answer, runtime));
                output.sends.extend(one.sends);
                output.changes.extend(one.changes);
            }
        }
    }

    fn incarnation(&self, id: Id) -> Incarnation {
        let known = self.foca.iter_membership_state().find(|member| *member.id() == id);
        known.map_or(0, Member::incarnation)
    }

    /// A ping for each suspect that names the suspicion: the suspect answers in a new incarnation, which clears it.
    fn suspect_pings(&self) -> Vec<(u64, Vec<u8>)> {
        let (mut codec, mut pings) = (CborCodec, Vec::new());
        for suspect in self.suspects() {
            let header = Header {
                src: *self.foca.identity(),
                src_incarnation: 0,
                dst: *suspect.id(),
                message: foca::Message::Ping(0),
            };
            let mut ping = Vec::new();
            if codec.encode_header(&header, &mut ping).is_ok() {
                ping.put_u16(1);
                if codec.encode_member(suspect, &mut ping).is_ok() {
                    pings.push((suspect.id().node, ping));
                }
            }
        }
        pings
    }

    fn suspects(&self) -> impl Iterator<Item = &Member<Id>> {
        self.foca.iter_members().filter(|member| member.state() == State::Suspect)
    }

    fn apply(&mut self, now: Mono, member: Member<Id>) -> SwimOutput {
        if self.find(member.id().node).is_none() && self.is_full() {
            return SwimOutput::default();
        }
        self.drive(now, |foca, runtime| foca.apply_many(std::iter::once(member), true, runtime))
    }

    /// Starts foca over if it knows more nodes than there may be. Only a faulty member can report so many.
    fn bound(&mut self) {
        if self.foca.iter_membership_state().len() > 2 * MEMBERS_MAX {
            let rng = StdRng::seed_from_u64(u64::from(self.generation()) ^ self.timers_made);
            let generation = self.generation().saturating_add(1);
            let id = Id { node: self.foca.identity().node, generation };
            self.foca = Foca::new(id, self.config.clone(), rng, CborCodec);
            self.timers.clear();
            self.suspicions.clear();
        }
    }

    fn is_full(&self) -> bool {
        self.foca.iter_membership_state().len() >= MEMBERS_MAX
    }

    fn schedule(&mut self, at: Mono, timer: Timer<Id>) {
        self.timers_made += 1;
        self.timers.insert((at, self.timers_made), timer);
    }

    fn drive<E>(
        &mut self,
        now: Mono,
        act: impl FnOnce(
            &mut Foca<Id, CborCodec, StdRng, NoCustomBroadcast>,
            &mut Collector,
        ) -> Result<(), E>,
    ) -> SwimOutput {
        let mut collector = Collector::default();
        // Foca's errors are about malformed input, which changes nothing, and about states that it repairs by itself.
        let _ignored = act(&mut self.foca, &mut collector);
        for (after, timer) in collector.timers {
            self.schedule(now + after, timer);
        }
        collector.output
    }
}

fn config(probe_interval: Duration, probe_timeout: Duration) -> Config {
    let size = NonZeroUsize::new(MESSAGE_BYTES_MAX - 8).unwrap_or(NonZeroUsize::MIN);
    let three = NonZeroUsize::MIN.saturating_add(2);
    let probe_period = probe_interval.max(INTERVAL_MIN);
    Config {
        probe_period,
        probe_rtt: probe_timeout.min(probe_period / 3).max(PROBE_TIMEOUT_MIN),
        num_indirect_probes: three,
        max_transmissions: NonZeroU8::MIN.saturating_add(7),
        suspect_to_down_after: SUSPICION,
        remove_down_after: Some(REMEMBERED),
        max_packet_size: size,
        notify_down_members: true,
        periodic_announce: None,
        periodic_announce_to_down_members: None,
        periodic_gossip: Some(PeriodicParams {
            frequency: Duration::from_secs(1),
            num_members: NonZeroUsize::MIN.saturating_add(1),
        }),
    }
}

#[derive(Default)]
struct Collector {
    output: SwimOutput,
    timers: Vec<(Duration, Timer<Id>)>,
}

impl Runtime<Id> for Collector {
    fn notify(&mut self, notification: Notification<'_, Id>) {
        match notification {
            Notification::MemberUp(id) => self.output.changes.push((id.node, true)),
            Notification::MemberDown(id) => self.output.changes.push((id.node, false)),
            Notification::Rename(..)
            | Notification::Active
            | Notification::Idle
            | Notification::Defunct
            | Notification::Rejoin(_) => {}
        }
    }

    fn send_to(&mut self, to: Id, data: &[u8]) {
        self.output.sends.push((to.node, data.to_vec()));
    }

    fn submit_after(&mut self, event: Timer<Id>, after: Duration) {
        self.timers.push((after, event));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swim(node: u64) -> Swim {
        let rng = &mut StdRng::seed_from_u64(node);
        Swim::new(node, rng, Duration::from_secs(25), Duration::from_secs(5))
    }

    /// Runs until the given time; whether each change was up or down.
    fn run(swim: &mut Swim, until: Mono, heard: impl Fn(u64) -> Option<Mono>) -> Vec<(u64, bool)> {
        let mut changes = Vec::new();
        while let Some(at) = swim.next_timeout().filter(|at| *at <= until) {
            changes.extend(swim.handle_timeout(at, &heard).changes);
        }
        changes
    }

    #[test]
    fn a_silent_member_goes_down() {
        let mut swim = swim(1);
        assert_eq!(swim.alive(Mono::ZERO, 2, 0).changes, [(2, true)]);
        assert_eq!(run(&mut swim, Mono::from_ms(49_000), |_| None), []);
        assert_eq!(run(&mut swim, Mono::from_ms(71_000), |_| None), [(2, false)]);
        assert_eq!(swim.find(2), Some((0, Liveness::Down)));
    }

    #[test]
    fn a_suspect_that_does_not_answer_goes_down() {
        let mut swim = swim(1);
        swim.alive(Mono::ZERO, 2, 0);
        assert_eq!(swim.suspect(Mono::ZERO, 2).changes, []);
        let mut asked = 0;
        while let Some(at) = swim.next_timeout().filter(|at| at.as_ms() < 20_000) {
            let output = swim.handle_timeout(at, |_| Some(at));
            assert_eq!(output.changes, []);
            asked += output.sends.iter().filter(|(node, _)| *node == 2).count();
        }
        assert!(asked >= 39, "asked {asked} times");
        let changes = run(&mut swim, Mono::from_ms(20_000), |_| Some(Mono::from_ms(19_000)));
        assert_eq!(changes, [(2, false)]);
    }

    #[test]
    fn a_member_heard_recently_is_not_probed() {
        let mut swim = swim(1);
        swim.alive(Mono::ZERO, 2, 0);
        let mut pings = 0;
        while let Some(at) = swim.next_timeout().filter(|at| at.as_ms() < 600_000) {
            let output = swim.handle_timeout(at, |_| Some(at));
            assert_eq!(output.changes, []);
            // The news that it is alive is told to it first.
            pings += output.sends.iter().filter(|_| at.as_ms() > 60_000).count();
        }
        assert_eq!((pings, swim.find(2)), (0, Some((0, Liveness::Alive))));
    }

    #[test]
    fn a_greater_generation_brings_a_member_back() {
        let mut swim = swim(1);
        swim.alive(Mono::ZERO, 2, 0);
        assert_eq!(swim.gone(Mono::ZERO, 2).changes, [(2, false)]);
        assert_eq!(swim.alive(Mono::ZERO, 2, 0).changes, []);
        assert_eq!(swim.alive(Mono::ZERO, 2, 1).changes, [(2, true)]);
        swim.outlive(Mono::ZERO, 4);
        assert_eq!(swim.generation(), 5);
        swim.outlive(Mono::ZERO, 3);
        assert_eq!(swim.generation(), 5);
    }

    /// Node 2 gossips with node 1.
    const HEADER: Header<Id> = Header {
        src: Id { node: 2, generation: 0 },
        src_incarnation: 0,
        dst: Id { node: 1, generation: 0 },
        message: foca::Message::Gossip,
    };

    /// A datagram in which node 2 gossips of a member.
    fn word(member: &Member<Id>) -> Vec<u8> {
        let (mut buf, mut codec) = (Vec::new(), CborCodec);
        codec.encode_header(&HEADER, &mut buf).unwrap();
        buf.put_u16(1);
        codec.encode_member(member, &mut buf).unwrap();
        buf
    }

    #[test]
    fn a_report_that_a_member_is_down_only_suspects_it() {
        let id = Id { node: 3, generation: 0 };
        for answers in [true, false] {
            let mut swim = swim(1);
            swim.alive(Mono::ZERO, 2, 0);
            swim.alive(Mono::ZERO, 3, 0);
            let said = swim.handle_data(Mono::ZERO, &word(&Member::down(id)));
            assert_eq!(said.changes, []);
            assert_eq!(swim.find(3), Some((0, Liveness::Suspect)));
            let first = swim.handle_timeout(Mono::from_ms(500), |_| None);
            assert!(first.sends.iter().any(|(node, _)| *node == 3), "it is asked");
            if answers {
                let refuted = word(&Member::new(id, 1, State::Alive));
                swim.handle_data(Mono::from_ms(600), &refuted);
                swim.handle_data(Mono::from_ms(700), &word(&Member::down(id)));
                assert_eq!(swim.find(3), Some((0, Liveness::Alive)), "it was refuted");
            }
            let heard = |node| (node == 2 || answers).then_some(Mono::from_ms(21_000));
            let changes = run(&mut swim, Mono::from_ms(21_000), heard);
            assert_eq!(changes, if answers { vec![] } else { vec![(3, false)] });
        }
    }

    #[test]
    fn a_member_reports_its_own_former_generation() {
        let [former, later] = [0, 1].map(|generation| Id { node: 2, generation });
        let mut swim = swim(1);
        swim.alive(Mono::ZERO, 2, 0);
        swim.alive(Mono::ZERO, 3, 0);
        let refuted = Member::new(Id { node: 3, generation: 0 }, 4, State::Alive);
        swim.handle_data(Mono::ZERO, &word(&refuted));
        let goodbye = swim.gone(Mono::ZERO, 3);
        assert_eq!((goodbye.changes, swim.find(3)), (vec![(3, false)], Some((0, Liveness::Down))));
        assert_eq!(swim.incarnation(Id { node: 3, generation: 0 }), 4, "what others heard last");
        swim.handle_data(Mono::ZERO, &word(&Member::down(former)));
        assert_ne!(swim.find(2), Some((0, Liveness::Suspect)), "it says so itself");
        swim.alive(Mono::ZERO, 2, 1);
        let word = word(&Member::down(later));
        for nonsense in [&word[..word.len() - 1], &[&word[..], &[0]].concat()] {
            assert_eq!(swim.handle_data(Mono::ZERO, nonsense).changes, []);
        }
        assert_eq!(swim.find(2), Some((1, Liveness::Alive)));
    }

    #[test]
    fn the_number_of_members_is_bounded() {
        let mut swim = swim(1);
        let (mut buf, mut codec) = (Vec::new(), CborCodec);
        for round in 0..20_u64 {
            buf.clear();
            codec.encode_header(&HEADER, &mut buf).unwrap();
            buf.put_u16(40);
            for node in 0..40 {
                let id = Id { node: 10 + round * 40 + node, generation: 0 };
                codec.encode_member(&Member::alive(id), &mut buf).unwrap();
            }
            swim.handle_data(Mono::ZERO, &buf);
            assert!(swim.foca.iter_membership_state().len() <= 2 * MEMBERS_MAX);
        }
    }
}
