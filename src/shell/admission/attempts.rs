//! How often each address has been wrong: after so many times within a while it has to wait.

use std::net::{IpAddr, Ipv6Addr};

use crate::box_map::BoxMap;
use crate::limits::{ACCESS_ADDRESSES_MAX, ACCESS_FAILURES_MAX, ACCESS_FAILURES_TIME};
use crate::time::Mono;

/// The addresses that have been wrong lately.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// How often, and when first.
    failures: BoxMap<IpAddr, (u32, Mono)>,
}

impl Attempts {
    /// Lets a sender try, or says how many seconds it has to wait.
    pub(super) fn check(&self, sender: Option<IpAddr>, now: Mono) -> Result<(), u64> {
        match self.failures.get(&network(sender)) {
            Some((count, first)) if *count >= ACCESS_FAILURES_MAX => {
                let left = ACCESS_FAILURES_TIME.saturating_sub(now.since(*first));
                if left.is_zero() { Ok(()) } else { Err(left.as_secs() + 1) }
            }
            _ => Ok(()),
        }
    }

    /// Takes note that a sender was wrong.
    pub(super) fn failed(&mut self, sender: Option<IpAddr>, now: Mono) {
        let sender = network(sender);
        self.failures.retain(|_, (_, first)| now.since(*first) < ACCESS_FAILURES_TIME);
        if self.failures.len() >= ACCESS_ADDRESSES_MAX && !self.failures.contains_key(&sender) {
            let oldest = self.failures.iter().min_by_key(|(_, (_, first))| *first);
            if let Some(oldest) = oldest.map(|(sender, _)| *sender) {
                self.failures.remove(&oldest);
            }
        }
        self.failures.get_or_insert_with(sender, || (0, now)).0 += 1;
    }
}

impl Attempts {
    /// Takes one back that was right after all, or was not looked at.
    pub(super) fn forgive(&mut self, sender: Option<IpAddr>) {
        if let Some((count, _)) = self.failures.get_mut(&network(sender)) {
            *count = count.saturating_sub(1);
        }
    }
}

/// One machine has as many IPv6 addresses as it likes: what counts is the network. All clients of a Unix socket are one, whose address
/// nobody has.
pub(super) fn network(sender: Option<IpAddr>) -> IpAddr {
    match sender {
        Some(IpAddr::V6(address)) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        Some(address) => address,
        None => Ipv6Addr::from(u128::MAX).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_was_wrong_too_often_waits_and_the_others_do_not() {
        let mut attempts = Attempts::default();
        let (here, there) = ("10.0.0.1".parse().ok(), "10.0.0.2".parse().ok());
        let start = Mono::from_ms(1000);
        for _ in 0..ACCESS_FAILURES_MAX {
            assert_eq!(attempts.check(here, start), Ok(()));
            attempts.failed(here, start);
        }
        assert_eq!(attempts.check(here, start), Err(ACCESS_FAILURES_TIME.as_secs() + 1));
        assert_eq!(attempts.check(there, start), Ok(()));
        assert_eq!(attempts.check(None, start), Ok(()));
        attempts.forgive(here);
        attempts.forgive(there);
        assert_eq!(attempts.check(here, start), Ok(()));
        attempts.failed(here, start);
        assert!(attempts.check(here, start).is_err());
        assert_eq!(attempts.check(here, start + ACCESS_FAILURES_TIME), Ok(()));
    }

    #[test]
    fn addresses_of_one_network_count_together_and_the_table_is_bounded() {
        let mut attempts = Attempts::default();
        let now = Mono::from_ms(1000);
        for host in 0..ACCESS_FAILURES_MAX {
            attempts.failed(format!("2001:db8::{host:x}").parse().ok(), now);
        }
        assert!(attempts.check("2001:db8::ffff".parse().ok(), now).is_err());
        assert!(attempts.check("2001:db8:1::1".parse().ok(), now).is_ok());
        for number in 0..u32::try_from(2 * ACCESS_ADDRESSES_MAX).unwrap() {
            attempts.failed(Some(IpAddr::V4(number.into())), now + ACCESS_FAILURES_TIME / 2);
        }
        assert_eq!(attempts.failures.len(), ACCESS_ADDRESSES_MAX);
    }
}
