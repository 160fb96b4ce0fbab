//! The HTTP server, hyper behind a [`lenient`] reader: sockets to [`Exchange`]s and back. Each connection is a task; a request becomes an event for the
//! loop, its answer comes back over a channel that the connection keeps.

mod answer;
mod body;
mod connections;
mod exchange;
mod head;
pub mod lenient;
mod listen;
mod stream;

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Duration;

use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::HeaderMap;
use hyper::{Method, server::conn::http1, service::service_fn};
use log::{debug, info, warn};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit};
use smol::channel::{self, Receiver, Sender};
use smol::{Async, LocalExecutor, Task, Timer};

use crate::api::{self, Endpoint, HttpStats, Response};
use crate::config::settings::{Listener, Web};
use crate::limits::{
    ACCEPT_RETRY_TIME, HTTP_ANSWER_TIME_MAX, HTTP_ANSWERS_BYTES_MAX, HTTP_CONNECTIONS_MAX,
    HTTP_GETS_MAX, HTTP_HEADER_BYTES_MAX, HTTP_HEADER_TIME_MAX, HTTP_HEADERS_MAX, HTTP_READ_BYTES,
    STOP_TIME_MAX, WARN_INTERVAL,
};
use crate::shell::admission::Gate;
use crate::shell::socket::SharedSocket;
use crate::shell::{Event, clock, tls};
use crate::time::Mono;

use answer::{add_headers, built, refuse};
use body::{Outgoing, Share};
use connections::{Connections, Phase, State};
pub use exchange::Exchange;
use listen::ListenSocket;
use stream::{Scratch, Stream};

fn text_of<'a>(headers: &'a HeaderMap, name: &'static str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The state that all connections share.
#[derive(Debug)]
struct Shared {
    executor: Rc<LocalExecutor<'static>>,
    events: Sender<Event>,
    connections: RefCell<Connections>,
    /// When the sweep will look next.
    armed: Cell<Option<Mono>>,
    hurry: Sender<()>,
    bodies: Rc<Cell<usize>>,
    /// Bytes of answers to GETs that are not yet with the kernel.
    answers: Rc<Cell<usize>>,
    scratch: Scratch,
    gets: Rc<Cell<usize>>,
    gets_max: usize,
    gets_refused: Cell<u64>,
    /// `--web.timeout`; zero is none.
    timeout: Duration,
    /// The prefix of every path.
    prefix: String,
    gate: Gate,
}

impl Shared {
    /// How long an answer may take: `--web.timeout` is the operator's, zero if there is none.
    fn answer_time(&self) -> Duration {
        if self.timeout.is_zero() {
            HTTP_ANSWER_TIME_MAX
        } else {
            self.timeout.min(HTTP_ANSWER_TIME_MAX)
        }
    }

    /// The answer when that is over: `belated` if the time was ours.
    fn late(&self, belated: &str) -> Response {
        let timeout = self.answer_time();
        if timeout < HTTP_ANSWER_TIME_MAX {
            Response::text(503, &format!("Exceeded configured timeout of {timeout:?}.\n"))
        } else {
            Response::object(503, 503, belated)
        }
    }

    /// Sees to it that the sweep looks by then.
    fn sweep_by(&self, at: Mono) {
        if self.armed.get().is_none_or(|armed| armed > at) {
            // One that is in the channel already does as well.
            self.hurry.try_send(()).ok();
        }
    }

    /// Whether slow readers are to make room for another GET.
    fn is_crowded(&self) -> bool {
        self.gets.get() >= self.gets_max || self.answers.get() > HTTP_ANSWERS_BYTES_MAX / 2
    }
}

/// The sockets that listen, and their connections.
#[derive(Debug)]
pub(super) struct Server {
    shared: Rc<Shared>,
    tasks: Vec<Task<()>>,
}

impl Server {
    /// A server that listens nowhere yet.
    pub(super) fn new(
        executor: &Rc<LocalExecutor<'static>>,
        events: &Sender<Event>,
        web: &Web,
        prefix: &str,
        gate: Gate,
    ) -> Self {
        let (hurry, hurried) = channel::bounded(1);
        let gets_max = usize::try_from(web.get_concurrency).unwrap_or(usize::MAX);
        let shared = Rc::new(Shared {
            executor: Rc::clone(executor),
            events: events.clone(),
            connections: RefCell::new(Connections::new(connections_max(getrlimit(
                Resource::Nofile,
            )))),
            armed: Cell::default(),
            hurry,
            bodies: Rc::default(),
            answers: Rc::default(),
            scratch: Rc::new(RefCell::new(vec![0; HTTP_READ_BYTES].into())),
            gets: Rc::default(),
            gets_max: if gets_max == 0 { HTTP_GETS_MAX } else { gets_max },
            gets_refused: Cell::default(),
            timeout: web.timeout,
            prefix: prefix.to_owned(),
            gate,
        });
        let tasks = vec![executor.spawn(sweep(Rc::clone(&shared), hurried))];
        Self { shared, tasks }
    }

    /// Listens at one more place; an empty host is every interface, IPv4 and IPv6.
    pub(super) fn listen(&mut self, listener: &Listener, web: &Web) -> io::Result<()> {
        let socket = match listener {
            Listener::Tcp(address) => {
                let listener = listen::bind(address)?;
                info!(address:% = listener.local_addr()?; "Listening on");
                ListenSocket::Tcp(Async::new(listener)?)
            }
            Listener::Unix(path) => {
                let socket = listen::listen_unix(path, web.socket_mode.0, &web.socket_group)?;
                info!(address:% = listener; "Listening on");
                socket
            }
        };
        self.open(socket);
        Ok(())
    }

    /// Serves the sockets that systemd has passed.
    pub(super) fn take_passed(&mut self) -> io::Result<()> {
        for (socket, address) in listen::passed()? {
            info!(address:%; "Listening on");
            self.open(socket);
        }
        Ok(())
    }

    fn open(&mut self, socket: ListenSocket) {
        let shared = Rc::clone(&self.shared);
        self.tasks.push(self.shared.executor.spawn(accept(shared, socket)));
    }

    /// The rules by which requests are let in.
    pub(super) fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// Bytes of answers to GETs that wait until they are read.
    pub(super) fn unread(&self) -> usize {
        self.shared.answers.get()
    }

    /// Writes what was counted into `stats`.
    pub(super) fn count(&self, stats: &mut HttpStats) {
        let connections = self.shared.connections.borrow();
        stats.connections = connections.len();
        stats.connections_evicted = connections.evicted();
        stats.gets_in_flight = self.shared.gets.get();
        stats.gets_refused = self.shared.gets_refused.get();
        stats.access_refused = self.shared.gate.refused();
    }

    /// Stops to listen, and waits a little for answers that are on their way.
    pub(super) async fn stop(mut self) {
        self.tasks.clear();
        let step = Duration::from_millis(10);
        let mut left = STOP_TIME_MAX;
        while self.shared.connections.borrow_mut().close_idle() > 0 && !left.is_zero() {
            Timer::after(step).await;
            left = left.saturating_sub(step);
        }
    }
}

/// How many connections there may be: half of the open files that the process may have, so that attempts, the journal and
/// secrets have theirs.
fn connections_max(files: Rlimit) -> usize {
    let half =
        files.current.map_or(usize::MAX, |files| usize::try_from(files / 2).unwrap_or(usize::MAX));
    half.clamp(1, HTTP_CONNECTIONS_MAX)
}

/// Takes connections as long as there is room. No error ends it.
async fn accept(shared: Rc<Shared>, socket: ListenSocket) {
    let mut warned: Option<Mono> = None;
    loop {
        match socket.accept().await {
            Ok(stream) => {
                while !shared.connections.borrow_mut().make_room(clock::mono()) {
                    Timer::after(ACCEPT_RETRY_TIME).await;
                }
                open(&shared, stream, socket.is_unix());
            }
            Err(error) => {
                let now = clock::mono();
                if is_lack_of_files(&error) && shared.connections.borrow_mut().close_longest_idle()
                {
                    // Its socket is closed before this task goes on.
                    smol::future::yield_now().await;
                    continue;
                }
                if warned.is_none_or(|at| now.since(at) >= WARN_INTERVAL) {
                    warned = Some(now);
                    warn!("accept failed, retrying: {error}");
                }
                Timer::after(ACCEPT_RETRY_TIME).await;
            }
        }
    }
}

/// Whether an open file less would help.
fn is_lack_of_files(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE].iter().any(|it| error.raw_os_error() == Some(it.raw_os_error()))
}

fn open(shared: &Rc<Shared>, stream: Async<TcpStream>, is_unix: bool) {
    if let (false, Err(error)) = (is_unix, stream.get_ref().set_nodelay(true)) {
        debug!("setting TCP_NODELAY failed: {error}");
    }
    let now = clock::mono();
    let stream = Rc::new(stream);
    let state = Rc::new(State::new(Phase::Fresh, now, Some(Rc::clone(&stream))));
    let id = shared.connections.borrow_mut().next_id();
    let task =
        shared.executor.spawn(serve(Rc::clone(shared), stream, is_unix, id, Rc::clone(&state)));
    shared.connections.borrow_mut().insert(id, state, task);
    shared.sweep_by(now + HTTP_HEADER_TIME_MAX);
}

/// Closes connections that have had their time, and tells those whose answer does not come. Sleeps while there is none.
async fn sweep(shared: Rc<Shared>, hurried: Receiver<()>) {
    loop {
        let next = shared.connections.borrow().next_deadline();
        shared.armed.set(next);
        let hurried = async { hurried.recv().await.is_ok() };
        let go_on = match next {
            None => hurried.await,
            Some(at) => {
                let wait = at.since(clock::mono());
                let overdue = async {
                    Timer::after(wait).await;
                    true
                };
                smol::future::or(overdue, hurried).await
            }
        };
        if !go_on {
            return;
        }
        shared.connections.borrow_mut().close_overdue(clock::mono());
    }
}

/// Serves one connection to its end.
async fn serve(
    shared: Rc<Shared>,
    socket: Rc<Async<TcpStream>>,
    is_unix: bool,
    id: u64,
    state: Rc<State>,
) {
    match secured(&shared, &socket, is_unix).await {
        Ok(tls) => {
            let stream = Stream::new(socket, tls, &shared.scratch, &state);
            serve_http(&shared, stream, &state).await;
        }
        Err(why) => debug!("a connection without TLS was closed: {why}"),
    }
    shared.connections.borrow_mut().ended(id);
}

/// Agrees on TLS where it is served. The time that a connection has until its first request bounds this too.
async fn secured(
    shared: &Shared,
    socket: &Rc<Async<TcpStream>>,
    is_unix: bool,
) -> Result<Option<Box<tls::TlsStream<SharedSocket>>>, String> {
    let config = if is_unix { None } else { shared.gate.tls().await };
    let Some(config) = config.transpose()? else { return Ok(None) };
    let stream = tls::accept(config, SharedSocket(Rc::clone(socket))).await;
    stream.map(|stream| Some(Box::new(stream))).map_err(|error| error.to_string())
}

async fn serve_http(shared: &Rc<Shared>, stream: Stream, state: &Rc<State>) {
    let service = service_fn(|request| {
        let (shared, state) = (Rc::clone(shared), Rc::clone(state));
        async move {
            state.phase.set((Phase::Reading, clock::mono()));
            let mut response = respond(&shared, request, &state).await;
            add_headers(&mut response, &shared.gate.headers());
            Ok::<_, Infallible>(response.map(|(bytes, place)| {
                let held = Leaving { state, place: Some(place) };
                Outgoing { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()), held }
            }))
        }
    });
    if let Err(error) = builder().serve_connection(stream, service).await {
        debug!("a connection ended: {error}");
    }
}

/// The bounds and habits of every connection.
pub fn builder() -> http1::Builder {
    let mut http = http1::Builder::new();
    // A script that closes its side once it has asked still reads the answer.
    http.half_close(true)
        .title_case_headers(true)
        .max_buf_size(HTTP_READ_BYTES)
        .max_header_size(HTTP_HEADER_BYTES_MAX)
        // One may be added on the way.
        .max_headers(HTTP_HEADERS_MAX + 1);
    http
}

/// The resources of an answer until it is written: a place among the GETs if it is one's, and its share of the bytes.
type Place = [Share; 2];

/// Dropped once the whole answer is in hyper's hands: the connection is idle, and its place free, when that has written it.
#[derive(Debug)]
struct Leaving {
    state: Rc<State>,
    place: Option<Place>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.state.leaving.replace(self.place.take());
    }
}

type Held = (Bytes, Place);

/// Reads a request, hands it to the loop and waits for the answer.
async fn respond(
    shared: &Shared,
    request: hyper::Request<Incoming>,
    state: &State,
) -> hyper::Response<Held> {
    let (head, body) = request.into_parts();
    let (mut place, share) = (Share::new(&shared.gets), Share::new(&shared.answers));
    if let Some(refused) = text_of(&head.headers, head::REFUSED) {
        let (status, why) = refused.split_once(' ').unwrap_or(("400", refused));
        let status = status.parse().unwrap_or(400);
        return built(Response::object(status, status, why), true, [place, share]);
    }
    let need = api::need(&shared.prefix, head.method.as_str(), head.uri.path());
    let authorization = text_of(&head.headers, "authorization");
    if let Err(refusal) = shared.gate.admit(authorization, state.sender, need).await {
        // A refused client sends little: it is not read.
        let closes = !body.is_end_stream();
        return built(refusal, closes, [place, share]);
    }
    let mut held = Share::new(&shared.bodies);
    let expects = head.headers.contains_key("expect");
    // Before there is a place for it: a body that does not come takes none.
    let body = match body::read(body, expects, &mut held).await {
        Ok(body) => body,
        Err(refusal) => return built(refuse(refusal), true, [place, share]),
    };
    if head.method == Method::GET && !is_always_answered(head.uri.path()) {
        while shared.is_crowded() && shared.connections.borrow_mut().cut_slow_reader(clock::mono())
        {
            // Its resources are given back before this task goes on.
            smol::future::yield_now().await;
        }
        if !place.take(1, shared.gets_max) {
            shared.gets_refused.set(shared.gets_refused.get() + 1);
            let max = shared.gets_max;
            let text =
                format!("Limit of concurrent GET requests reached ({max}), try again later.\n");
            return built(Response::text(503, &text), false, [place, share]);
        }
    }
    let belated = belated(&head.method, head.uri.path());
    let (now, read_at) = (clock::mono(), clock::boot_time());
    // Its time runs on.
    state.phase.set((Phase::Busy, state.phase.get().1));
    let due = now + shared.answer_time();
    state.answer_due.set(Some(due));
    shared.sweep_by(due);
    let (sender, answer) = (state.sender, state.answer.clone());
    let exchange = Exchange { sender, head, body, read_at, answer, share };
    let none = || Share::new(&shared.answers);
    if shared.events.send(Event::Http(Box::new(exchange))).await.is_err() {
        return built(Response::text(503, "stopping\n"), true, [place, none()]);
    }
    let outcome = state.answers.recv().await;
    state.answer_due.set(None);
    // Where the answer did not come, the channel may still get it: the connection must not serve another request.
    match outcome {
        Ok(Some((response, share))) => built(response, false, [place, share]),
        Ok(None) => built(shared.late(belated), true, [place, none()]),
        Err(_) => built(Response::text(503, "stopping\n"), true, [place, none()]),
    }
}

/// Whether a GET is answered however many others are: what watches the agent asks it, and the answer is small. A page
/// that waits for news takes nothing of what GETs share either.
fn is_always_answered(path: &str) -> bool {
    let free = ["/-/healthy", "/-/ready", "/metrics", Endpoint::Changes.label()];
    free.iter().any(|end| path.ends_with(end))
}

/// The answer to a client whose own does not come.
fn belated(method: &Method, path: &str) -> &'static str {
    if path.ends_with("/-/reload") {
        "the reload goes on: the log will say what came of it"
    } else if [Method::POST, Method::DELETE].contains(method) {
        "the flash does not answer: what was sent is in force, but is not kept yet and would not survive a restart; send it again later"
    } else {
        "the agent is busy with other events: ask again later"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_waits_for_flash_is_told_of_it() {
        let told = |method, path| belated(&method, path).split(':').next();
        let flash = Some("the flash does not answer");
        assert_eq!(told(Method::POST, "/x/api/v2/alerts"), flash);
        assert_eq!(told(Method::DELETE, "/api/v2/silence/1"), flash);
        assert_eq!(
            told(Method::GET, "/api/v2/alerts"),
            Some("the agent is busy with other events")
        );
        assert_eq!(told(Method::POST, "/x/-/reload"), Some("the reload goes on"));
    }
}
