//! The names of static peers, resolved again and again: an address may change, and a name may resolve late. A peer that is
//! an address is looked up once: each look-up takes a thread, which wakes an idle processor some twenty times. This
//! node's own addresses are left out: many give all nodes one list of peers.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use log::{info, warn};
use smol::Timer;
use smol::channel::Sender;

use crate::config::settings::Address;
use crate::limits::{INTERVAL_MIN, REJOIN_INTERVAL};
use crate::shell::Event;
use crate::shell::interfaces;

/// The addresses of this node's own port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    /// Where it listens.
    pub(super) local: SocketAddr,
    /// Where others reach it, if that is set.
    pub(super) advertised: Option<SocketAddr>,
}

impl Own {
    /// Whether that is our own port, as the interfaces are now. Nothing that comes over the network has a say in it.
    fn is(&self, address: SocketAddr) -> bool {
        let is_here = || {
            address.port() == self.local.port()
                && self.local.ip().is_unspecified()
                && interfaces::has(address)
        };
        address == self.local || Some(address) == self.advertised || is_here()
    }
}

/// One peer, and what its name was last found to stand for.
struct Name {
    peer: Address,
    addresses: Vec<SocketAddr>,
    failed: bool,
}

impl Name {
    /// Its addresses may change.
    fn may_change(&self) -> bool {
        self.peer.host.parse::<IpAddr>().is_err()
    }

    fn found(&mut self, found: io::Result<Vec<SocketAddr>>) {
        match found {
            Ok(addresses) => {
                if self.failed {
                    info!("--cluster.peer={}: the name resolves again", self.peer);
                }
                self.failed = false;
                self.addresses = addresses;
            }
            // Where it was is where it may still be.
            Err(error) => {
                if !self.failed {
                    warn!("--cluster.peer={}: the name does not resolve: {error}", self.peer);
                }
                self.failed = true;
            }
        }
    }
}

/// Tells the addresses of all peers but our own at once, and whenever they change.
pub(super) async fn resolve(peers: Vec<Address>, own: Own, every: Duration, events: Sender<Event>) {
    let name = |peer| Name { peer, addresses: Vec::new(), failed: false };
    let mut names: Vec<Name> = peers.into_iter().map(name).collect();
    let mut told = None;
    loop {
        for name in names.iter_mut().filter(|name| told.is_none() || name.may_change()) {
            let (host, port) = (name.peer.host.clone(), name.peer.port);
            let look_up = move || Ok((host.as_str(), port).to_socket_addrs()?.collect());
            name.found(blocking::unblock(look_up).await);
        }
        let mut addresses: Vec<_> = names.iter().flat_map(|name| name.addresses.clone()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses.retain(|address| !own.is(*address));
        if told.as_ref() != Some(&addresses) {
            if events.send(Event::Peers(addresses.clone())).await.is_err() {
                return;
            }
            told = Some(addresses);
        }
        // Where no name may change, our own addresses may.
        let may_change = names.iter().any(Name::may_change);
        Timer::after(if may_change { every.max(INTERVAL_MIN) } else { REJOIN_INTERVAL }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(local: &str, advertised: Option<&str>) -> Own {
        Own {
            local: local.parse().unwrap(),
            advertised: advertised.map(|text| text.parse().unwrap()),
        }
    }

    #[test]
    fn addresses_are_told_at_once_and_our_own_is_not_among_them() {
        let peer = |host: &str| Address { host: host.to_owned(), port: 9094 };
        let (sender, events) = smol::channel::bounded(4);
        let peers = vec![peer("192.0.2.1"), peer("127.0.0.1"), peer("2001:db8::1")];
        let resolving = resolve(peers, own("[::]:9094", None), Duration::MAX, sender);
        let told = async {
            let Ok(Event::Peers(found)) = events.recv().await else { panic!("no peers") };
            let expected = ["192.0.2.1:9094", "[2001:db8::1]:9094"];
            assert_eq!(found, expected.map(|text| text.parse().unwrap()));
        };
        smol::block_on(smol::future::or(resolving, told));
    }

    #[test]
    fn an_address_is_our_own_if_the_machine_has_it_and_the_port_is_ours() {
        let is = |own: Own, address: &str| own.is(address.parse().unwrap());
        let any = own("0.0.0.0:9094", Some("192.0.2.7:19094"));
        assert!(is(any, "127.0.0.1:9094") && is(any, "192.0.2.7:19094"));
        assert!(!is(any, "127.0.0.1:9095") && !is(any, "192.0.2.7:9094"));
        let one = own("127.0.0.2:9094", None);
        assert!(is(one, "127.0.0.2:9094") && !is(one, "127.0.0.1:9094"));
    }

    #[test]
    fn a_name_may_change() {
        let named = |host: &str| Name {
            peer: Address { host: host.to_owned(), port: 9094 },
            addresses: Vec::new(),
            failed: false,
        };
        assert!(named("gw").may_change() && named("fe80::1%eth0").may_change());
        assert!(!named("10.0.0.1").may_change() && !named("fe80::1").may_change());
    }

    #[test]
    fn a_name_that_no_longer_resolves_keeps_its_addresses() {
        let peer = Address { host: "gw".to_owned(), port: 9094 };
        let mut name = Name { peer, addresses: Vec::new(), failed: false };
        let address = SocketAddr::from(([10, 0, 0, 1], 9094));
        name.found(Ok(vec![address]));
        name.found(Err(io::Error::other("no server")));
        assert!(name.failed);
        assert_eq!(name.addresses, [address]);
        name.found(Ok(vec![]));
        assert!(!name.failed && name.addresses.is_empty());
    }
}
