//! Performs attempts to notify and reports what came of them. The brain makes the request and judges the answer.

mod exec;
mod file;
mod http;
mod mqtt;
mod smtp;
mod stream;
mod syslog;
mod test;

use std::cell::{Cell, RefCell};
use std::os::unix::net::UnixDatagram;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use log::{info, warn};
use smol::channel::Sender;
use smol::lock::Mutex;
use smol::{Async, LocalExecutor, Task, Timer};

use crate::box_map::BoxMap;
use crate::config::{Config, Secret};
use crate::effect::{Attempt, AttemptId};
use crate::limits::{CONNECT_TIME_MAX, HTTP_READ_BYTES};
use crate::notify::{self, Broker, Cause, Draft, Failure, Making, Outgoing, Place, Reply};
use crate::shell::pieces::come_in;
use crate::shell::socket::counted;
use crate::shell::tls::Clients;
use crate::shell::{Event, clock, secrets};
use crate::time::Wall;

use http::Taken;

/// Runs attempts.
#[derive(Debug)]
pub(super) struct Notifier {
    ways: Rc<Ways>,
    /// Reads what the connections that are kept need.
    keeping: Option<Task<()>>,
    executor: Rc<LocalExecutor<'static>>,
    events: Sender<Event>,
    attempts: Tasks,
    looks: Tasks,
    /// The test of a receiver that is under way.
    testing: Option<Task<()>>,
    closed: bool,
}

/// How what is outside is reached.
#[derive(Debug)]
struct Ways {
    tls: Rc<Clients>,
    http: http::Client,
    mqtt: mqtt::Links,
    /// Held by the attempt that writes a piece of its request.
    turn: Mutex<()>,
    /// A socket that can always be written to, see [`come_in`].
    outside: Rc<Async<UnixDatagram>>,
}

/// The attempts or looks that run, each with the bytes that it has moved.
type Tasks = Rc<RefCell<BoxMap<AttemptId, (Task<()>, Rc<Cell<u64>>)>>>;

impl Notifier {
    /// A notifier that reports over `events`; `node` is what this agent is called.
    pub(super) fn new(
        executor: &Rc<LocalExecutor<'static>>,
        events: &Sender<Event>,
        outside: &Rc<Async<UnixDatagram>>,
        node: &str,
    ) -> Self {
        let tls = Rc::new(Clients::default());
        let (http, mqtt) =
            (http::Client::new(executor, &tls), mqtt::Links::new(executor, &tls, node));
        Self {
            ways: Rc::new(Ways {
                tls,
                http,
                mqtt,
                turn: Mutex::new(()),
                outside: Rc::clone(outside),
            }),
            keeping: None,
            executor: Rc::clone(executor),
            events: events.clone(),
            attempts: Rc::default(),
            looks: Rc::default(),
            testing: None,
            closed: false,
        }
    }

    /// Begins an attempt, at a time that is no earlier than `floor`.
    pub(super) fn attempt(&self, attempt: Attempt, floor: Wall) {
        self.ways.tls.clock().raise(floor);
        let Attempt { id, draft, timeout } = attempt;
        let ways = Rc::clone(&self.ways);
        self.run(&self.attempts, id, async move {
            let taken = Taken::default();
            smol::future::or(attempt_of(&ways, draft, &taken), give_up(timeout, &taken)).await
        });
    }

    /// Keeps the connections that a config wants kept, and no others.
    pub(super) fn keep(&mut self, config: &Arc<Config>) {
        let config = Arc::clone(config);
        let ways = Rc::clone(&self.ways);
        self.keeping = Some(self.executor.spawn(async move {
            let mut brokers = Vec::new();
            let integrations = config.receivers.iter().flat_map(|it| &it.integrations);
            for integration in integrations.filter(|it| it.schema.name == "mqtt") {
                let secrets = notify::secrets(&integration.values);
                let broker = match read_all(&secrets).await {
                    Ok(texts) => Broker::new(&notify::with_secrets(&integration.values, texts)),
                    Err(why) => Err(why),
                };
                match broker {
                    Ok(broker) if broker.is_kept() => brokers.push(broker),
                    Ok(_) => {}
                    Err(why) => warn!("{}: {why}", integration.schema.section),
                }
            }
            ways.mqtt.keep(brokers);
        }));
    }

    /// Begins a look.
    pub(super) fn look(&self, id: AttemptId, place: Place) {
        let ways = Rc::clone(&self.ways);
        self.run(&self.looks, id, async move {
            let nothing = Taken::default();
            smol::future::or(look(&ways, place), give_up(CONNECT_TIME_MAX, &nothing)).await
        });
    }

    fn run(&self, tasks: &Tasks, id: AttemptId, step: impl Future<Output = Reply> + 'static) {
        if self.closed {
            return;
        }
        let events = self.events.clone();
        let running = Rc::clone(tasks);
        let moved = Rc::<Cell<u64>>::default();
        let count = Rc::clone(&moved);
        let task = self.executor.spawn(async move {
            let reply = counted(step, &count).await;
            // Only a loop that has ended does not take it. A loop that does finds the task gone: nothing runs between the two.
            events.send(Event::Reply(id, reply, count.get())).await.ok();
            if let Some((task, _)) = running.borrow_mut().remove(&id) {
                task.detach();
            }
        });
        tasks.borrow_mut().insert(id, (task, moved));
    }

    /// Stops an attempt or a look if it still runs; nothing is reported of it. Returns how many bytes it has moved.
    pub(super) fn cancel(&self, id: AttemptId) -> u64 {
        let tasks = [&self.attempts, &self.looks].into_iter();
        tasks.filter_map(|it| it.borrow_mut().remove(&id)).map(|(_, moved)| moved.get()).sum()
    }

    /// From now on nothing begins.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// How many attempts are under way.
    pub(super) fn attempts(&self) -> usize {
        self.attempts.borrow().len()
    }
}

/// Reads the secrets of a draft and sends it. Many are shown the answer: secrets that it repeats are left out.
async fn attempt_of(ways: &Ways, draft: Rc<Draft>, taken: &Taken) -> Reply {
    let mut texts = match read_all(&draft.secrets()).await {
        Ok(texts) => texts.into_iter(),
        Err(why) => return Reply::failed(why),
    };
    let mut read = |_: &Secret| texts.next().unwrap_or_default();
    let outgoing = match draft.begin(clock::wall(), &mut read) {
        Ok(making) if draft.bytes() > HTTP_READ_BYTES => ways.make(making).await,
        Ok(making) => making.finish(),
        Err(why) => Err(why),
    };
    match outgoing {
        Ok(outgoing) => match perform(ways, outgoing, taken).await {
            reply if reply.has_text() => reply.without(&known(&draft).await),
            reply => reply,
        },
        Err(why) => Reply::Unsendable(why),
    }
}

/// The secrets of a draft and of its `http_config`, as far as they can be read.
async fn known(draft: &Draft) -> Vec<String> {
    let mut texts = Vec::new();
    for secret in &draft.all_secrets() {
        texts.extend(secrets::read(secret).await.ok());
    }
    texts
}

impl Ways {
    /// Makes a large request. Between two pieces everything that has come in has its turn, and so have other attempts, one at
    /// a time: hundreds of them may be asked for at once.
    async fn make(&self, mut making: Making<'_>) -> Result<Outgoing, String> {
        loop {
            let turn = self.turn.lock().await;
            come_in(&self.outside).await;
            let is_all = making.go_on();
            drop(turn);
            if is_all {
                return making.finish();
            }
        }
    }
}

async fn read_all(secrets: &[Secret]) -> Result<Vec<String>, String> {
    let mut texts = Vec::new();
    for secret in secrets {
        texts.push(secrets::read(secret).await.map_err(|error| error.to_string())?);
    }
    Ok(texts)
}

async fn perform(ways: &Ways, outgoing: Outgoing, taken: &Taken) -> Reply {
    let sent = |sent: Result<(), String>| sent.map_or_else(Reply::failed, |()| Reply::Done);
    match outgoing {
        Outgoing::Log(line) => {
            info!(target: "notification", "{line}");
            Reply::Done
        }
        Outgoing::Http(request) => {
            let sent = ways.http.send(&request, taken).await;
            sent.unwrap_or_else(|error| Reply::failed(error.to_string()))
        }
        Outgoing::Mail(mail) => sent(smtp::send(*mail, &ways.tls, &ways.http).await),
        Outgoing::Mqtt(mqtt) => ways.mqtt.publish(*mqtt).await,
        Outgoing::Exec(exec) => exec::run(exec).await,
        Outgoing::Syslog(syslog) => sent(syslog::send(syslog, &ways.tls).await),
        Outgoing::File(line) => sent(file::append(line).await),
    }
}

async fn look(ways: &Ways, place: Place) -> Reply {
    let reached = match place {
        Place::Http { url, http } => {
            ways.http.look(&url, &http).await.map_err(|error| error.to_string())
        }
        Place::Tcp { host, port } => stream::connect(&host, port).await.map(drop),
    };
    reached.map_or_else(Reply::failed, |()| Reply::Done)
}

/// Ends an attempt that takes too long. The other side keeps all it has taken, though the answer's rest never came.
async fn give_up(timeout: Duration, taken: &Taken) -> Reply {
    Timer::after(timeout).await;
    if let Some(status) = taken.get() {
        return Reply::status(status);
    }
    Reply::Failed(Failure { cause: Cause::Timeout, why: format!("no answer within {timeout:?}") })
}
