//! The names of static peers, resolved again and again: an address may change, and a name may resolve late. What is an
//! address already is looked up once: each look-up takes a thread, which wakes an idle processor some twenty times.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use log::{info, warn};
use smol::Timer;
use smol::channel::Sender;

use crate::config::settings::Address;
use crate::shell::Event;

/// One peer, and what its name was last found to stand for.
struct Name {
    peer: Address,
    addresses: Vec<SocketAddr>,
    failed: bool,
}

impl Name {
    /// What it stands for may change.
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

/// Tells the addresses of all peers at once, and whenever they change.
pub(super) async fn resolve(peers: Vec<Address>, every: Duration, events: Sender<Event>) {
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
        if told.as_ref() != Some(&addresses) {
            if events.send(Event::Peers(addresses.clone())).await.is_err() {
                return;
            }
            told = Some(addresses);
        }
        if !names.iter().any(Name::may_change) {
            return;
        }
        Timer::after(every.max(Duration::from_secs(1))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_once_and_need_no_second_look() {
        let peer = |host: &str| Address { host: host.to_owned(), port: 9094 };
        let (sender, events) = smol::channel::bounded(4);
        let resolving = resolve(vec![peer("10.0.0.1"), peer("::1")], Duration::MAX, sender);
        let told = async {
            while events.is_empty() {
                smol::future::yield_now().await;
            }
            panic!("it waits for addresses to change");
        };
        smol::block_on(smol::future::or(resolving, told));
        let expected = ["10.0.0.1:9094", "[::1]:9094"].map(|text| text.parse().unwrap());
        assert!(matches!(events.try_recv(), Ok(Event::Peers(found)) if found == expected));
        assert!(events.try_recv().is_err());
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
