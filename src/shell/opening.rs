//! The shell opens its sockets and its journal, and starts the tasks that send events.

use std::net::SocketAddr;
use std::rc::Rc;

use ::log::{debug, warn};
use rand::Rng as _;
use rand::rngs::StdRng;
use smol::channel::Sender;
use smol::{LocalExecutor, Task};

use crate::api;
use crate::config::settings::{Listen, Storage};
use crate::effect::Cx;
use crate::node::Node;
use crate::shell::admission::Gate;
use crate::shell::http::Server;
use crate::shell::resolver::Own;
use crate::shell::udp::Port;
use crate::shell::{
    Error, Event, Setup, admission, clock, keeper, keys, netlink, resolver, signals, systemd,
};
use crate::wire::record::kind_name;

/// Tasks that tell of the machine itself: timeouts, signals, when the watchdog wants a beat, links that come up,
/// and whether the clock is synchronised.
pub(super) fn local_sources(
    executor: &Rc<LocalExecutor<'static>>,
    timer: &Rc<clock::LoopTimer>,
    sender: &Sender<Event>,
) -> Result<Vec<Task<()>>, Error> {
    let system = |what| move |error| Error::System(what, error);
    let signals = signals::listen().map_err(system("listening to signals"))?;
    let waiting = Rc::clone(timer);
    let mut sources = vec![
        executor.spawn(clock::send_timeouts(async move || waiting.wait().await, sender.clone())),
        executor.spawn(signals::send(signals, sender.clone())),
        executor.spawn(clock::send_synced(sender.clone())),
    ];
    if let Some(interval) = systemd::watchdog_interval() {
        sources.push(executor.spawn(systemd::send_beats(interval, sender.clone())));
    }
    match netlink::listen() {
        Ok(socket) => sources.push(executor.spawn(netlink::send(socket, sender.clone()))),
        Err(error) => debug!("links are not listened to: {error}"),
    }
    Ok(sources)
}

/// Serves HTTP wherever that was asked for.
pub(super) fn listen(
    executor: &Rc<LocalExecutor<'static>>,
    events: &Sender<Event>,
    setup: &Setup,
    rng: &mut StdRng,
) -> Result<Server, Error> {
    let web = &setup.web;
    let mut secret = [0; 32];
    rng.fill_bytes(&mut secret);
    let gate = Gate::new(admission::RuleSource::of(web), &secret).map_err(Error::Admission)?;
    let mut server = Server::new(executor, events, web, &setup.prefix, gate);
    if web.systemd_socket {
        server.take_passed().map_err(Error::Passed)?;
        return Ok(server);
    }
    server.gate().warn_if_open(web);
    for listener in &web.listen_addresses {
        server.listen(listener, web).map_err(|error| Error::Listen(listener.clone(), error))?;
    }
    Ok(server)
}

/// Opens the flock's port, if there is to be one.
pub(super) fn open_port(
    executor: &Rc<LocalExecutor<'static>>,
    setup: &Setup,
    events: &Sender<Event>,
) -> Result<Option<Port>, Error> {
    let Some(address) = setup.cluster.port().filter(|_| setup.flock.is_some()) else {
        return Ok(None);
    };
    match Port::open(executor, &address, &setup.cluster, events) {
        Ok(port) => Ok(Some(port)),
        Err(error) => Err(Error::Port(address, error)),
    }
}

/// The events of the flock besides its port.
pub(super) fn flock_sources(
    executor: &LocalExecutor<'static>,
    setup: &Setup,
    port: Option<&Port>,
    events: &Sender<Event>,
) -> Vec<Task<()>> {
    let mut sources = Vec::new();
    if let Some(local) = port.and_then(Port::address) {
        let (peers, every) = (setup.cluster.peers.clone(), setup.cluster.peers_resolve_timeout);
        let advertised = setup.cluster.advertise_address.as_ref();
        let advertised =
            advertised.and_then(|it| Some(SocketAddr::new(it.host.parse().ok()?, it.port)));
        let own = Own { local, advertised };
        sources.push(executor.spawn(resolver::resolve(peers, own, every, events.clone())));
    }
    if let Some(missing) = &setup.missing {
        sources.push(executor.spawn(keys::send_found(missing.clone(), events.clone())));
    }
    sources
}

/// The facts of the flock that the API tells and the node does not know.
pub(super) fn site_cluster(setup: &Setup, port: Option<&Port>) -> api::ClusterStatus {
    let local = || port.and_then(Port::address).map(|address| address.to_string());
    let advertised = setup.cluster.advertise_address.as_ref().map(ToString::to_string);
    api::ClusterStatus {
        fault: setup.missing.as_ref().map(|missing| missing.why.clone()),
        enabled: setup.cluster.listen_address != Listen::Never,
        name: setup.name.clone(),
        address: advertised.or_else(local).unwrap_or_default(),
        ..api::ClusterStatus::default()
    }
}

/// The facts of the journal that the API tells when it has just been opened.
pub(super) fn site_journal(storage: &Storage, opened: &keeper::Opened) -> api::JournalStatus {
    api::JournalStatus {
        path: storage.path.display().to_string(),
        chosen: storage.durability.as_str(),
        volatile: opened.volatile,
        fault: opened.fault.clone(),
        opened_at: clock::boot_time(),
        ..api::JournalStatus::default()
    }
}

/// Gives the node what was kept, and puts it in force.
pub(super) fn restore(node: &mut Node, cx: &mut Cx<'_>, found: &[keeper::Found]) {
    read_back(node, found);
    node.handle_restored(cx);
}

/// Gives the node these records. One that makes no sense is left out and said.
pub(super) fn read_back(node: &mut Node, found: &[keeper::Found]) {
    for (kind, key, body) in found {
        if let Err(error) = node.handle_record(*kind, key, body) {
            warn!("journal: left out a record ({}): {error}", kind_name(*kind));
        }
    }
}
