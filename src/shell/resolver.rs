//! The names of static peers, resolved again and again: an address may change, and a name may resolve late.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
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
        for name in &mut names {
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
        Timer::after(every.max(Duration::from_secs(1))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
