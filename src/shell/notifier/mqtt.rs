//! Connections to MQTT brokers: one a broker, held by a task. [`Session`] has the words; here are the connection, TLS and
//! the time.
//!
//! A connection with a will is kept, and opened again when it is lost, so that others see whether this agent is there. One
//! without is opened for what is to be published, and closed when all of it is delivered.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use log::{info, warn};
use smol::channel::{self, Receiver, Sender};
use smol::future::or;
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use smol::{LocalExecutor, Task, Timer};

use crate::limits::{MQTT_QUEUE_MAX, MQTT_RECONNECT_INTERVAL, MQTT_REPLY_TIME_MAX};
use crate::notify::{Broker, Mqtt, Reply};
use crate::shell::clock;
use crate::shell::notifier::stream::{self, Stream, in_time};
use crate::shell::socket::note_moved;
use crate::shell::tls::Clients;
use crate::wire::mqtt::{MqttMessage, Session, SessionEvent};

/// The connections, by host, port and client.
#[derive(Debug)]
pub(super) struct Links {
    executor: Rc<LocalExecutor<'static>>,
    tls: Rc<Clients>,
    /// The name of this agent.
    node: String,
    open: RefCell<Vec<Link>>,
}

#[derive(Debug)]
struct Link {
    broker: Broker,
    orders: Sender<Order>,
    is_open: Rc<Cell<bool>>,
    _task: Task<()>,
}

/// Messages to publish, and where to say what came of it.
struct Order {
    messages: Vec<MqttMessage>,
    outcome: Sender<Result<(), String>>,
}

impl Links {
    pub(super) fn new(
        executor: &Rc<LocalExecutor<'static>>,
        tls: &Rc<Clients>,
        node: &str,
    ) -> Self {
        let open = RefCell::default();
        Self { executor: Rc::clone(executor), tls: Rc::clone(tls), node: node.to_owned(), open }
    }

    /// Publishes messages; done when the broker has all of them.
    pub(super) async fn publish(&self, mqtt: Mqtt) -> Reply {
        let (outcome, told) = channel::bounded(1);
        // A kept connection is no attempt's own.
        note_moved(mqtt.messages.iter().map(|it| it.topic.len() + it.payload.len()).sum());
        let orders = self.open(mqtt.broker);
        let order = Order { messages: mqtt.messages, outcome };
        if orders.try_send(order).is_err() {
            return Reply::failed("too many notifications wait for the broker");
        }
        match told.recv().await {
            Ok(Ok(())) => Reply::Done,
            Ok(Err(why)) => Reply::failed(why),
            Err(_) => Reply::failed("the connection to the broker was given up"),
        }
    }

    /// Keeps connections to these brokers, and to no others.
    pub(super) fn keep(&self, brokers: Vec<Broker>) {
        let kept: Vec<_> = brokers.into_iter().map(|broker| broker.named(&self.node)).collect();
        self.open.borrow_mut().retain(|link| kept.contains(&link.broker));
        for broker in kept {
            self.open(broker);
        }
    }

    /// The connection to a broker. One to the same broker with other settings is replaced, unless it is open: a password
    /// that has changed is good for the next one, and one of an older config must not end it.
    fn open(&self, broker: Broker) -> Sender<Order> {
        let broker = broker.named(&self.node);
        let is_same = |link: &Link| {
            let ids = (&link.broker.client.id, &broker.client.id);
            link.broker.port == broker.port && link.broker.host == broker.host && ids.0 == ids.1
        };
        let mut links = self.open.borrow_mut();
        let known = links.iter().find(|it| is_same(it));
        if let Some(link) = known.filter(|it| it.broker == broker || it.is_open.get()) {
            return link.orders.clone();
        }
        links.retain(|it| !is_same(it));
        let (orders, received) = channel::bounded(MQTT_QUEUE_MAX);
        let is_open = Rc::new(Cell::new(false));
        let task = self.executor.spawn(run(
            broker.clone(),
            Rc::clone(&self.tls),
            received,
            Rc::clone(&is_open),
        ));
        links.push(Link { broker, orders: orders.clone(), is_open, _task: task });
        orders
    }
}

/// Holds a connection for as long as anybody may give orders.
async fn run(
    broker: Broker,
    clients: Rc<Clients>,
    orders: Receiver<Order>,
    is_open: Rc<Cell<bool>>,
) {
    let mut failures = 0_u32;
    loop {
        let first = if broker.is_kept() && failures == 0 {
            None
        } else if broker.is_kept() {
            let pause = async {
                Timer::after(MQTT_RECONNECT_INTERVAL).await;
                Ok(None)
            };
            match or(async { orders.recv().await.map(Some) }, pause).await {
                Ok(first) => first,
                Err(_) => return,
            }
        } else {
            match orders.recv().await {
                Ok(first) => Some(first),
                Err(_) => return,
            }
        };
        let why = match connect(&broker, &clients).await {
            Ok(stream) => {
                let mut talk = Talk::new(&broker, &is_open);
                if let Some(order) = first {
                    talk.take(order);
                }
                talk.run(stream, &orders, &mut failures).await
            }
            Err(why) => {
                if let Some(order) = first {
                    order.outcome.try_send(Err(why.clone())).ok();
                }
                Err(why)
            }
        };
        if let Err(why) = why {
            // The first of several in a row is worth a line.
            if failures == 0 && broker.is_kept() {
                warn!("MQTT broker {}:{}: {why}", broker.host, broker.port);
            }
            failures = failures.saturating_add(1);
            while let Ok(order) = orders.try_recv() {
                order.outcome.try_send(Err(why.clone())).ok();
            }
        }
    }
}

async fn connect(broker: &Broker, clients: &Clients) -> Result<Stream, String> {
    let stream = stream::connect(&broker.host, broker.port).await?;
    match &broker.tls {
        Some(tls) => stream::encrypt(stream, clients, tls, &broker.host).await,
        None => Ok(stream),
    }
}

/// The events that wake a connection.
enum Wake {
    Read(std::io::Result<usize>),
    Order(Order),
    Closed,
    Timeout,
}

/// One connection, and what is published over it.
struct Talk<'a> {
    broker: &'a Broker,
    /// Whether the broker has taken us in.
    is_open: &'a Cell<bool>,
    session: Session,
    made: u64,
    /// The attempt of each message that is under way.
    open: BTreeMap<u64, Rc<Pending>>,
}

/// An order of which messages are under way.
struct Pending {
    left: Cell<usize>,
    outcome: Sender<Result<(), String>>,
}

impl<'a> Talk<'a> {
    fn new(broker: &'a Broker, is_open: &'a Cell<bool>) -> Self {
        let session = Session::new(broker.client.clone(), clock::now().mono);
        Self { broker, is_open, session, made: 0, open: BTreeMap::new() }
    }

    fn take(&mut self, order: Order) {
        let left = Cell::new(order.messages.len());
        let pending = Rc::new(Pending { left, outcome: order.outcome });
        for message in order.messages {
            self.made += 1;
            match self.session.publish(self.made, message, clock::now().mono) {
                Ok(()) => drop(self.open.insert(self.made, Rc::clone(&pending))),
                Err(why) => drop(pending.outcome.try_send(Err(why.to_owned()))),
            }
        }
    }

    /// Until the connection is lost, or has nothing more to do.
    async fn run(
        &mut self,
        stream: Stream,
        orders: &Receiver<Order>,
        failures: &mut u32,
    ) -> Result<(), String> {
        let end = self.talk(stream, orders, failures).await;
        self.is_open.set(false);
        if let Err(why) = &end {
            for pending in std::mem::take(&mut self.open).into_values() {
                pending.outcome.try_send(Err(why.clone())).ok();
            }
        }
        end
    }

    async fn talk(
        &mut self,
        mut stream: Stream,
        orders: &Receiver<Order>,
        failures: &mut u32,
    ) -> Result<(), String> {
        let mut bytes = [0; 2048];
        loop {
            let output = self.session.take_output();
            let sent = async {
                stream.write_all(&output).await?;
                stream.flush().await
            };
            in_time(MQTT_REPLY_TIME_MAX, sent).await.map_err(|error| error.to_string())?;
            self.tell(failures);
            if !self.broker.is_kept() && self.session.is_idle() && orders.is_empty() {
                self.session.disconnect();
                let goodbye = self.session.take_output();
                let sent = async {
                    stream.write_all(&goodbye).await?;
                    stream.close().await
                };
                // Everything is delivered.
                in_time(MQTT_REPLY_TIME_MAX, sent).await.ok();
                return Ok(());
            }
            match self.wake(&mut stream, &mut bytes, orders).await {
                Wake::Read(Ok(0)) => return Err("the broker closed the connection".to_owned()),
                Wake::Read(Err(error)) => return Err(error.to_string()),
                Wake::Read(Ok(read)) => {
                    let input = bytes.get(..read).unwrap_or_default();
                    let handled = self.session.handle_input(input, clock::now().mono);
                    self.tell(failures);
                    handled.map_err(|error| error.to_string())?;
                }
                Wake::Order(order) => self.take(order),
                Wake::Closed => return Err("nobody needs the connection any more".to_owned()),
                Wake::Timeout => self
                    .session
                    .handle_timeout(clock::now().mono)
                    .map_err(|error| error.to_string())?,
            }
        }
    }

    async fn wake(&self, stream: &mut Stream, bytes: &mut [u8], orders: &Receiver<Order>) -> Wake {
        let timeout = async {
            match self.session.next_timeout() {
                Some(at) => {
                    let left = at.since(clock::now().mono);
                    Timer::after(left.max(Duration::from_millis(1))).await;
                    Wake::Timeout
                }
                None => std::future::pending().await,
            }
        };
        let order = async { orders.recv().await.map_or(Wake::Closed, Wake::Order) };
        or(or(async { Wake::Read(stream.read(bytes).await) }, order), timeout).await
    }

    /// Passes on what has come of messages.
    fn tell(&mut self, failures: &mut u32) {
        while let Some(event) = self.session.poll_event() {
            match event {
                SessionEvent::Connected => {
                    if *failures > 0 {
                        info!("MQTT broker {}:{}: connected", self.broker.host, self.broker.port);
                    }
                    *failures = 0;
                    self.is_open.set(true);
                    for message in &self.broker.birth {
                        self.made += 1;
                        // One that is refused is not worth the connection.
                        self.session.publish(self.made, message.clone(), clock::now().mono).ok();
                    }
                }
                SessionEvent::Delivered(number) => {
                    if let Some(pending) = self.open.remove(&number) {
                        pending.left.set(pending.left.get() - 1);
                        if pending.left.get() == 0 {
                            pending.outcome.try_send(Ok(())).ok();
                        }
                    }
                }
                SessionEvent::Refused(number, why) => {
                    if let Some(pending) = self.open.remove(&number) {
                        pending.outcome.try_send(Err(why)).ok();
                    }
                }
            }
        }
    }
}
