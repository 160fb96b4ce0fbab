//! The flock's port: one UDP socket that hears and sends unicast and sends multicast, and one more for each interface that
//! hears multicast.
//!
//! The others are bound to the group's address, so what they hear came by multicast and what the first hears did not. All
//! have the same port. A datagram that cannot be sent or read is counted and passed over: gossip expects loss.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs as _, UdpSocket,
};
use std::rc::Rc;

use log::{debug, info, warn};
use rustix::net::{SendFlags, sendto, sockopt};
use smol::channel::Sender;
use smol::{Async, LocalExecutor, Task, Timer};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

use crate::api::PortStats;
use crate::config::settings::{Address, ClusterSettings};
use crate::gossip::Via;
use crate::limits::{
    ACCEPT_RETRY_TIME, DATAGRAM_BYTES_MAX, MULTICAST_INTERFACES_MAX, REJOIN_INTERVAL,
    UDP_RECEIVE_BYTES,
};
use crate::shell::Event;
use crate::shell::interfaces::{self, Interface};

/// The port while it is open; it closes with this.
#[derive(Debug)]
pub(super) struct Port {
    shared: Rc<Shared>,
    _tasks: Vec<Task<()>>,
}

#[derive(Debug)]
struct Shared {
    executor: Rc<LocalExecutor<'static>>,
    events: Sender<Event>,
    unicast: Rc<Async<UdpSocket>>,
    /// It speaks IPv4 too, under mapped addresses.
    speaks_v6: bool,
    group: Option<Group>,
    stats: Rc<Cell<PortStats>>,
}

/// The multicast group.
#[derive(Debug)]
struct Group {
    to: SocketAddr,
    /// Names of interfaces that may be used; none is all.
    wanted: Vec<String>,
    joined: RefCell<Vec<Joined>>,
}

/// The socket that receives the group on one interface.
#[derive(Debug)]
struct Joined {
    interface: Interface,
    socket: Rc<Async<UdpSocket>>,
    _task: Task<()>,
}

impl Port {
    /// Opens the port at `address` and begins to listen.
    pub(super) fn open(
        executor: &Rc<LocalExecutor<'static>>,
        address: &Address,
        cluster: &ClusterSettings,
        events: &Sender<Event>,
    ) -> io::Result<Self> {
        let (unicast, local) = bind(address)?;
        let group =
            if cluster.multicast { Some(Group::new(&unicast, local, cluster)?) } else { None };
        let shared = Rc::new(Shared {
            executor: Rc::clone(executor),
            events: events.clone(),
            unicast: Rc::new(Async::new(unicast.into())?),
            speaks_v6: local.is_ipv6(),
            group,
            stats: Rc::default(),
        });
        info!(address:% = local; "The flock's port is open");
        let mut tasks = vec![shared.listen(Rc::clone(&shared.unicast), Via::Unicast)];
        if shared.group.is_some() {
            shared.join();
            tasks.push(executor.spawn(rejoin(Rc::clone(&shared))));
        }
        Ok(Self { shared, _tasks: tasks })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.shared.unicast.get_ref().local_addr().ok()
    }

    /// Whether it can send there at all.
    pub(super) fn reaches(&self, to: SocketAddr) -> bool {
        to.is_ipv4() || self.shared.speaks_v6
    }

    /// Sends a datagram to one address; `is_there` if the peer answered recently: then ARP is skipped.
    pub(super) fn send(&self, to: SocketAddr, bytes: &[u8], is_there: bool) {
        // The kernel would else ask for the link-layer address again, each half minute of each neighbour.
        self.shared.send(to, bytes, if is_there { SendFlags::CONFIRM } else { SendFlags::empty() });
    }

    /// Sends a datagram to the group, on every interface that is used.
    pub(super) fn multicast(&self, bytes: &[u8]) {
        self.shared.multicast(bytes);
    }

    /// The counters.
    pub(super) fn stats(&self) -> PortStats {
        self.shared.stats.get()
    }

    /// The names of the interfaces that multicast uses now.
    pub(super) fn interfaces(&self) -> Vec<String> {
        let Some(group) = &self.shared.group else { return Vec::new() };
        group.joined.borrow().iter().map(|one| one.interface.name.clone()).collect()
    }
}

impl Shared {
    fn listen(&self, socket: Rc<Async<UdpSocket>>, via: Via) -> Task<()> {
        let (stats, events) = (Rc::clone(&self.stats), self.events.clone());
        self.executor.spawn(receive(socket, via, stats, events))
    }

    fn send(&self, to: SocketAddr, bytes: &[u8], flags: SendFlags) {
        let to = match to {
            SocketAddr::V4(v4) if self.speaks_v6 => {
                SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
            }
            to => to,
        };
        // Where the socket is full, waiting would only make the news old.
        match sendto(&*self.unicast, bytes, flags, &to) {
            Ok(_) => count(&self.stats, |stats| stats.sent += 1),
            Err(error) => {
                debug!("sending to {to} failed: {error}");
                count(&self.stats, |stats| stats.send_failures += 1);
            }
        }
    }

    fn multicast(&self, bytes: &[u8]) {
        let Some(group) = &self.group else { return };
        for Joined { interface, .. } in &*group.joined.borrow() {
            match group.to {
                SocketAddr::V6(to) => {
                    let to = SocketAddrV6::new(*to.ip(), to.port(), 0, interface.index);
                    self.send(to.into(), bytes, SendFlags::empty());
                }
                SocketAddr::V4(_) => {
                    let (index, none) = (interface.index, Ipv4Addr::UNSPECIFIED);
                    let unicast = (*self.unicast).get_ref();
                    match sockopt::set_ip_multicast_if_with_ifindex(unicast, &none, &none, index) {
                        Ok(()) => self.send(group.to, bytes, SendFlags::empty()),
                        Err(error) => {
                            debug!("{}: multicast cannot leave: {error}", interface.name);
                            count(&self.stats, |stats| stats.send_failures += 1);
                        }
                    }
                }
            }
        }
    }

    /// Joins the group on every interface that can and may, also where it has been joined before.
    fn join(&self) {
        let Some(group) = &self.group else { return };
        let mut found = interfaces::multicast();
        found.retain(|it| group.wanted.is_empty() || group.wanted.contains(&it.name));
        found.truncate(MULTICAST_INTERFACES_MAX);
        let mut joined = group.joined.borrow_mut();
        let names = |joined: &[Joined]| {
            let names: Vec<_> = joined.iter().map(|one| one.interface.name.as_str()).collect();
            names.join(",")
        };
        let before = names(&joined);
        joined.retain(|one| found.contains(&one.interface) && group.rejoin(one).is_ok());
        for interface in found {
            if joined.iter().any(|one| one.interface == interface) {
                continue;
            }
            match group.open(self.unicast.get_ref(), interface.index) {
                Ok(socket) => {
                    let socket = Rc::new(socket);
                    let via = Via::Multicast(interface.index);
                    let task = self.listen(Rc::clone(&socket), via);
                    joined.push(Joined { interface, socket, _task: task });
                }
                Err(error) => {
                    debug!("{}: joining {} failed: {error}", interface.name, group.to.ip());
                }
            }
        }
        match names(&joined) {
            now if now == before && !now.is_empty() => {}
            now if now.is_empty() => {
                warn!("multicast is on, and no interface can do it: tried again each minute");
            }
            now => info!(interfaces = now, group:% = group.to.ip(); "Multicast in use"),
        }
    }
}

impl Group {
    fn new(unicast: &Socket, local: SocketAddr, cluster: &ClusterSettings) -> io::Result<Self> {
        let to = SocketAddr::new(cluster.multicast_group, local.port());
        if to.is_ipv6() && local.is_ipv4() {
            let why = "an IPv6 multicast group needs --cluster.listen-address=[::]:PORT";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        // Of what we send ourselves we know.
        sockopt::set_ip_multicast_loop(unicast, false)?;
        if local.is_ipv6() {
            unicast.set_multicast_loop_v6(false)?;
        }
        Ok(Self { to, wanted: cluster.interfaces.clone(), joined: RefCell::default() })
    }

    /// A socket that hears the group on this interface.
    fn open(&self, unicast: &UdpSocket, index: u32) -> io::Result<Async<UdpSocket>> {
        let socket = Socket::new(Domain::for_address(self.to), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        prepare(&socket, self.to.is_ipv6())?;
        let at = match self.to {
            SocketAddr::V4(_) => self.to,
            SocketAddr::V6(to) => SocketAddrV6::new(*to.ip(), to.port(), 0, index).into(),
        };
        // It is let onto the unicast socket's port, and nobody else is.
        let unicast = SockRef::from(unicast);
        unicast.set_reuse_address(true)?;
        let bound = socket.bind(&SockAddr::from(at));
        unicast.set_reuse_address(false)?;
        bound?;
        let socket = Async::new(UdpSocket::from(socket))?;
        self.add(socket.get_ref(), index)?;
        Ok(socket)
    }

    fn add(&self, socket: &UdpSocket, index: u32) -> io::Result<()> {
        let none = Ipv4Addr::UNSPECIFIED;
        match self.to.ip() {
            IpAddr::V4(to) => {
                sockopt::set_ip_add_membership_with_ifindex(socket, &to, &none, index)?;
            }
            IpAddr::V6(to) => sockopt::set_ipv6_add_membership(socket, &to, index)?,
        }
        Ok(())
    }

    /// Leaves and joins, so that switches and routers hear of it again.
    fn rejoin(&self, one: &Joined) -> io::Result<()> {
        let (socket, index) = ((*one.socket).get_ref(), one.interface.index);
        let none = Ipv4Addr::UNSPECIFIED;
        match self.to.ip() {
            IpAddr::V4(to) => {
                sockopt::set_ip_drop_membership_with_ifindex(socket, &to, &none, index).ok();
            }
            IpAddr::V6(to) => {
                sockopt::set_ipv6_drop_membership(socket, &to, index).ok();
            }
        }
        self.add(socket, index)
    }
}

fn count(stats: &Cell<PortStats>, count: impl FnOnce(&mut PortStats)) {
    let mut counted = stats.get();
    count(&mut counted);
    stats.set(counted);
}

/// A socket bound there; an empty host is every interface, IPv4 and IPv6.
fn bind(address: &Address) -> io::Result<(Socket, SocketAddr)> {
    if address.host.is_empty() {
        let any = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), address.port);
        // Where there is no IPv6, IPv4 is every interface.
        return bind_to("", any)
            .or_else(|_| bind_to("", SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port)));
    }
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for candidate in (address.host.as_str(), address.port).to_socket_addrs()? {
        match bind_to(&address.host, candidate) {
            Ok(bound) => return Ok(bound),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_to(host: &str, address: SocketAddr) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    prepare(&socket, address.is_ipv6())?;
    interfaces::bind(&socket, host, address)?;
    let local = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok((socket, local))
}

fn prepare(socket: &Socket, is_v6: bool) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    // The kernel may allow less.
    socket.set_recv_buffer_size(UDP_RECEIVE_BYTES).ok();
    // No socket hears what another one has joined.
    socket.set_multicast_all_v4(false)?;
    if is_v6 {
        socket.set_multicast_all_v6(false)?;
    }
    Ok(())
}

async fn receive(
    socket: Rc<Async<UdpSocket>>,
    via: Via,
    stats: Rc<Cell<PortStats>>,
    events: Sender<Event>,
) {
    // One byte more than any datagram of ours: what is longer stays too long.
    let mut buffer = [0; DATAGRAM_BYTES_MAX + 1];
    loop {
        let (length, from) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                debug!("reading the flock's port failed: {error}");
                count(&stats, |stats| stats.receive_failures += 1);
                Timer::after(ACCEPT_RETRY_TIME).await;
                continue;
            }
        };
        count(&stats, |stats| stats.received += 1);
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        if events.send(Event::Datagram { from: plain(from), via, bytes }).await.is_err() {
            return;
        }
    }
}

/// IPv4 as IPv4, whatever socket it came by.
fn plain(from: SocketAddr) -> SocketAddr {
    match from.ip().to_canonical() {
        IpAddr::V4(v4) => SocketAddr::new(v4.into(), from.port()),
        IpAddr::V6(_) => from,
    }
}

async fn rejoin(shared: Rc<Shared>) {
    loop {
        Timer::after(REJOIN_INTERVAL).await;
        shared.join();
    }
}
