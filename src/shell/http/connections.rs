//! The table of open connections: who is idle, who has had its time, who makes room.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use smol::channel::{self, Receiver, Sender};
use smol::{Async, Task};

use crate::box_map::BoxMap;
use crate::limits::{
    HTTP_HEADER_TIME_MAX, HTTP_IDLE_TIME_MAX, HTTP_REQUEST_TIME_MAX, HTTP_SLOW_BODY_TIME,
    HTTP_SLOW_READ_TIME,
};
use crate::shell::clock;
use crate::time::Mono;

use super::Place;
use super::exchange::Answered;

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has not sent a request yet.
    Fresh,
    /// The body of a request is being read.
    Reading,
    /// A request is being answered.
    Busy,
    /// It has been answered.
    Idle,
}

impl Phase {
    const fn time_max(self) -> Duration {
        match self {
            Self::Fresh => HTTP_HEADER_TIME_MAX,
            Self::Reading | Self::Busy => HTTP_REQUEST_TIME_MAX,
            Self::Idle => HTTP_IDLE_TIME_MAX,
        }
    }
}

/// How a connection is, as its task has it.
#[derive(Debug)]
pub(super) struct State {
    /// Its state, and since when.
    pub(super) phase: Cell<(Phase, Mono)>,
    /// Since when nothing of its answer was taken.
    pub(super) stuck: Cell<Option<Mono>>,
    /// While the last bytes of an answer are on their way: what it has until they are gone.
    pub(super) leaving: RefCell<Option<Place>>,
    /// The address at its other end, if the system knows.
    pub(super) sender: Option<IpAddr>,
    /// By when its request is to be answered, if it has one.
    pub(super) answer_due: Cell<Option<Mono>>,
    /// Where the answer comes.
    pub(super) answer: Sender<Answered>,
    pub(super) answers: Receiver<Answered>,
    socket: Option<Rc<Async<TcpStream>>>,
}

impl State {
    pub(super) fn new(phase: Phase, now: Mono, socket: Option<Rc<Async<TcpStream>>>) -> Self {
        let (answer, answers) = channel::bounded(1);
        let peer = socket.as_ref().and_then(|socket| socket.get_ref().peer_addr().ok());
        Self {
            phase: Cell::new((phase, now)),
            stuck: Cell::new(None),
            leaving: RefCell::new(None),
            sender: peer.map(|peer| peer.ip().to_canonical()),
            answer_due: Cell::new(None),
            answer,
            answers,
            socket,
        }
    }

    /// Whether the other side has sent its last byte: it may have gone.
    fn is_half_closed(&self) -> bool {
        let Some(socket) = &self.socket else { return false };
        match socket.get_ref().peek(&mut [0]) {
            Ok(length) => length == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// Takes note that all that was to be written has been.
    pub(super) fn flushed(&self) {
        if self.leaving.take().is_some() {
            self.phase.set((Phase::Idle, clock::mono()));
        }
    }

    /// Since when its answer has been stuck, if for too long.
    fn slow_reader(&self, now: Mono) -> Option<Mono> {
        self.stuck.get().filter(|at| now.since(*at) >= HTTP_SLOW_READ_TIME)
    }
}

/// Open connections. Dropping a task closes its connection.
#[derive(Debug)]
pub(super) struct Connections {
    max: usize,
    open: BoxMap<u64, (Rc<State>, Task<()>)>,
    opened: u64,
    evicted: u64,
}

impl Connections {
    /// None yet, and so many at most.
    pub(super) const fn new(max: usize) -> Self {
        Self { max, open: BoxMap::new(), opened: 0, evicted: 0 }
    }

    /// Makes room for one more; returns false if all are busy.
    pub(super) fn make_room(&mut self, now: Mono) -> bool {
        if self.open.len() < self.max {
            return true;
        }
        let idle = self.open.iter().filter_map(|(id, (state, _))| match state.phase.get() {
            (Phase::Fresh | Phase::Idle, at) => Some((false, at, *id)),
            (Phase::Reading, at) => {
                (now.since(at) >= HTTP_SLOW_BODY_TIME).then_some((true, at, *id))
            }
            (Phase::Busy, at) if state.is_half_closed() => Some((true, at, *id)),
            (Phase::Busy, _) => state.slow_reader(now).map(|at| (true, at, *id)),
        });
        let longest = idle.min().map(|(.., id)| id);
        self.evict(longest)
    }

    /// Closes the connection that has been idle for longest; returns false if none is.
    pub(super) fn close_longest_idle(&mut self) -> bool {
        let idle = self.open.iter().filter_map(|(id, (state, _))| match state.phase.get() {
            (Phase::Fresh | Phase::Idle, at) => Some((at, *id)),
            _ => None,
        });
        let longest = idle.min().map(|(_, id)| id);
        self.evict(longest)
    }

    /// Closes the connection whose answer has been stuck for longest; returns false if none has been for long.
    pub(super) fn cut_slow_reader(&mut self, now: Mono) -> bool {
        let stuck =
            |(id, (state, _)): (&u64, &(Rc<State>, _))| Some((state.slow_reader(now)?, *id));
        let longest = self.open.iter().filter_map(stuck).min().map(|(_, id)| id);
        self.evict(longest)
    }

    fn evict(&mut self, id: Option<u64>) -> bool {
        let found = id.is_some_and(|id| self.open.remove(&id).is_some());
        self.evicted += u64::from(found);
        found
    }

    /// The id of the next connection.
    pub(super) fn next_id(&mut self) -> u64 {
        self.opened += 1;
        self.opened
    }

    pub(super) fn insert(&mut self, id: u64, state: Rc<State>, task: Task<()>) {
        self.open.insert(id, (state, task));
    }

    /// Forgets a connection that has ended.
    pub(super) fn ended(&mut self, id: u64) {
        if let Some((_, task)) = self.open.remove(&id) {
            task.detach();
        }
    }

    /// When the next one will have had its time, or is to be told that its answer does not come.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        let due =
            |state: &Rc<State>| state.answer_due.get().into_iter().chain([deadline(state)]).min();
        self.open.values().filter_map(|(state, _)| due(state)).min()
    }

    /// Closes those that have had their time. One whose answer does not come is told first.
    pub(super) fn close_overdue(&mut self, now: Mono) {
        for (state, _) in self.open.values() {
            if state.answer_due.get().is_some_and(|due| due <= now) {
                state.answer_due.set(None);
                // Where it is full the answer has come.
                state.answer.try_send(None).ok();
            }
        }
        self.open.retain(|_, (state, _)| deadline(state) > now);
    }

    /// Closes those that wait for nothing; returns how many are still busy.
    pub(super) fn close_idle(&mut self) -> usize {
        self.open
            .retain(|_, (state, _)| matches!(state.phase.get().0, Phase::Reading | Phase::Busy));
        self.open.len()
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }
}

fn deadline(state: &State) -> Mono {
    let (phase, at) = state.phase.get();
    at + phase.time_max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::HTTP_CONNECTIONS_MAX;

    fn with(phases: &[(Phase, u64)]) -> Connections {
        let mut connections = Connections::new(HTTP_CONNECTIONS_MAX);
        let executor = smol::LocalExecutor::new();
        for &(phase, at) in phases {
            let id = connections.next_id();
            let state = Rc::new(State::new(phase, Mono::from_ms(at), None));
            connections.insert(id, state, executor.spawn(async {}));
        }
        connections
    }

    #[test]
    fn the_one_idle_for_longest_makes_room() {
        let mut phases = vec![(Phase::Busy, 1), (Phase::Idle, 3), (Phase::Fresh, 2)];
        phases.resize(HTTP_CONNECTIONS_MAX, (Phase::Busy, 0));
        let mut connections = with(&phases);
        assert!(connections.make_room(Mono::ZERO));
        assert!(!connections.open.contains_key(&3));
        assert_eq!((connections.len(), connections.evicted()), (HTTP_CONNECTIONS_MAX - 1, 1));
        assert!(connections.make_room(Mono::ZERO));
        assert_eq!(connections.len(), HTTP_CONNECTIONS_MAX - 1);
    }

    #[test]
    fn a_slow_body_makes_room_after_all_others() {
        let mut phases = vec![(Phase::Reading, 0), (Phase::Reading, 1), (Phase::Idle, 2)];
        phases.resize(HTTP_CONNECTIONS_MAX, (Phase::Busy, 0));
        let mut connections = with(&phases);
        let slow = Mono::from_ms(1) + HTTP_SLOW_BODY_TIME;
        for (now, gone) in [(slow, 3), (slow, 1)] {
            assert!(connections.make_room(now));
            assert!(!connections.open.contains_key(&gone), "{gone}");
            let state = Rc::new(State::new(Phase::Busy, now, None));
            let task = smol::LocalExecutor::new().spawn(async {});
            connections.insert(1000 + gone, state, task);
        }
        assert!(!connections.make_room(Mono::from_ms(2)), "the other has only begun");
        assert!(connections.make_room(slow));
    }

    #[test]
    fn a_client_that_takes_no_answer_makes_room_for_others() {
        let mut connections = with(&[(Phase::Busy, 0); HTTP_CONNECTIONS_MAX]);
        for (id, at) in [(3, 20), (5, 10), (7, 30)] {
            connections.open.get(&id).unwrap().0.stuck.set(Some(Mono::from_ms(at)));
        }
        let slow = |ms| Mono::from_ms(ms) + HTTP_SLOW_READ_TIME;
        assert!(!connections.cut_slow_reader(slow(9)));
        assert!(connections.cut_slow_reader(slow(20)));
        assert!(!connections.open.contains_key(&5));
        connections.insert(
            1000,
            Rc::new(State::new(Phase::Busy, Mono::ZERO, None)),
            smol::LocalExecutor::new().spawn(async {}),
        );
        assert!(connections.make_room(slow(20)));
        assert!(!connections.open.contains_key(&3));
        assert!(!connections.cut_slow_reader(slow(20)), "the other has not been for long");
        assert_eq!(connections.evicted(), 2);
    }

    #[test]
    fn of_idle_connections_the_one_idle_for_longest_is_closed() {
        let mut connections = with(&[(Phase::Busy, 0), (Phase::Idle, 3), (Phase::Fresh, 2)]);
        for gone in [3, 2] {
            assert!(connections.close_longest_idle());
            assert!(!connections.open.contains_key(&gone));
        }
        assert!(!connections.close_longest_idle());
        assert_eq!(connections.evicted(), 2);
    }

    #[test]
    fn a_client_that_has_gone_makes_room_while_its_answer_is_awaited() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = Rc::new(Async::new(listener.accept().unwrap().0).unwrap());
        let mut connections = Connections::new(1);
        let state = Rc::new(State::new(Phase::Busy, Mono::ZERO, Some(socket)));
        connections.insert(1, Rc::clone(&state), smol::LocalExecutor::new().spawn(async {}));
        assert!(!connections.make_room(Mono::ZERO));
        drop(client);
        smol::block_on(state.socket.as_ref().unwrap().readable()).unwrap();
        assert!(connections.make_room(Mono::ZERO));
    }

    #[test]
    fn where_all_are_busy_there_is_no_room() {
        let mut connections = with(&[(Phase::Busy, 0); HTTP_CONNECTIONS_MAX]);
        assert!(!connections.make_room(Mono::from_ms(60_000)));
        assert_eq!(connections.close_idle(), HTTP_CONNECTIONS_MAX);
    }

    #[test]
    fn one_whose_answer_does_not_come_is_told() {
        let mut connections = with(&[(Phase::Busy, 0), (Phase::Busy, 0)]);
        let state = |id: u64, open: &Connections| Rc::clone(&open.open.get(&id).unwrap().0);
        let (late, other) = (state(1, &connections), state(2, &connections));
        late.answer_due.set(Some(Mono::from_ms(5)));
        assert_eq!(connections.next_deadline(), Some(Mono::from_ms(5)));
        connections.close_overdue(Mono::from_ms(5));
        assert!(matches!(late.answers.try_recv(), Ok(None)) && other.answers.is_empty());
        assert_eq!(connections.len(), 2);
        assert_eq!(connections.next_deadline(), Some(Mono::ZERO + HTTP_REQUEST_TIME_MAX));
    }

    #[test]
    fn each_phase_has_its_time() {
        let mut connections = with(&[(Phase::Fresh, 0), (Phase::Busy, 0), (Phase::Idle, 0)]);
        let fresh = Mono::ZERO + HTTP_HEADER_TIME_MAX;
        assert_eq!(connections.next_deadline(), Some(fresh));
        connections.close_overdue(fresh);
        assert_eq!(connections.next_deadline(), Some(Mono::ZERO + HTTP_REQUEST_TIME_MAX));
        connections.close_overdue(Mono::ZERO + HTTP_IDLE_TIME_MAX);
        assert_eq!(connections.next_deadline(), None);
    }
}
