//! The limits of the gossip, filled: what does not fit is counted and dropped, and nothing grows.

use std::net::SocketAddr;
use std::time::Duration;

use bellwether::gossip::{DropCause, Gossip, Key, Output, PublishError, Record, Via};
use bellwether::limits::{
    CANDIDATES_MAX, CHALLENGES_BURST, CHALLENGES_PER_SECOND, GOSSIP_OUTPUTS_MAX,
    MEMBER_DATAGRAMS_PER_SECOND, NEWS_BYTES_BURST, NEWS_BYTES_MAX, NEWS_BYTES_PER_SECOND,
    NEWS_NAMES_MAX, RECORD_BYTES_MAX, RECORD_KEY_BYTES_MAX, REPAIR_BYTES_BURST,
    REPAIR_BYTES_PER_SECOND,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::net::{self, Net};
use crate::{DAY, SECOND, joined};

/// An address of which there are many.
fn somebody(number: u32) -> SocketAddr {
    SocketAddr::from(((0x0A01_0000 + number).to_be_bytes(), 9094))
}

#[test]
fn a_key_and_a_body_have_so_many_bytes_and_no_more() {
    let mut net = joined(1, 2, false);
    net.with(0, |gossip, now, rng, _| {
        let mut record = |id: usize, body: usize| {
            let record = Record {
                key: Key::new(1, vec![7; id]),
                version: gossip.stamp(now),
                expires_at_ms: i64::MAX,
                body: vec![0; body],
                sent_at: Some(now.wall.as_ns()),
            };
            gossip.publish(now, rng, record)
        };
        assert_eq!(record(RECORD_KEY_BYTES_MAX, RECORD_BYTES_MAX), Ok(()));
        let refused = record(RECORD_KEY_BYTES_MAX + 1, 1);
        assert_eq!(refused, Err(PublishError::KeyTooLong(RECORD_KEY_BYTES_MAX + 1)));
        let refused = record(1, RECORD_BYTES_MAX + 1);
        assert_eq!(refused, Err(PublishError::BodyTooLong(RECORD_BYTES_MAX + 1)));
    });
}

#[test]
fn so_many_addresses_are_tried_and_no_more() {
    let mut net = Net::new(1, 1);
    let now = net.now(0);
    let peers: Vec<_> = (0..1000).map(somebody).collect();
    let rng = &mut StdRng::seed_from_u64(1);
    let mut gossip = Gossip::new(now, rng, net::config(0));
    gossip.set_peers(now, &peers);
    let toy = &mut net.seats[0].toy;
    gossip.handle_timeout(now, rng, toy);
    let tried = std::iter::from_fn(|| gossip.poll_output(now));
    assert_eq!(tried.filter(|it| matches!(it, Output::Send { .. })).count(), CANDIDATES_MAX);
}

#[test]
fn so_many_datagrams_wait_for_the_socket_and_no_more() {
    let mut net = joined(1, 3, false);
    let now = net.now(0);
    let said = {
        net.recording = Some(Vec::new());
        net.publish(1, 1, 100, DAY);
        net.recording.take().unwrap().swap_remove(0).1
    };
    // Hellos of nobody's: nothing is taken from the queue meanwhile.
    let (toy, rng) = (&mut net::Toy::default(), &mut StdRng::seed_from_u64(1));
    let gossip = net.seats[0].gossip.as_mut().unwrap();
    for id in 0..20_000_u32 {
        let record = Record {
            key: Key::new(1, id.to_be_bytes()),
            version: gossip.stamp(now),
            expires_at_ms: i64::MAX,
            body: vec![0; 1000],
            sent_at: Some(now.wall.as_ns()),
        };
        // More than the queues of news hold is left to repair.
        gossip.publish(now, rng, record).unwrap();
        gossip.handle_datagram(now, rng, net::addr(1), Via::Unicast, &said, toy);
        gossip.handle_timeout(now, rng, toy);
    }
    let most = GOSSIP_OUTPUTS_MAX + NEWS_NAMES_MAX + NEWS_BYTES_MAX / 1000 + 1;
    assert!(gossip.queued() <= most, "{} wait, at most {most}", gossip.queued());
    assert!(gossip.stats().overflowed > 0);
    let outputs = std::iter::from_fn(|| gossip.poll_output(now)).count();
    assert!(outputs <= GOSSIP_OUTPUTS_MAX + 64, "{outputs} outputs");
}

#[test]
fn first_sendings_keep_to_their_rate() {
    let mut net = joined(1, 2, false);
    net.run_for(10 * SECOND);
    let before = net.seats[0].sent_bytes;
    let begin = net.now_ms;
    for id in 0..4_000 {
        net.publish(0, id, 1_000, DAY);
    }
    // More than the queue of records has room for, so the rest waits by name.
    for seconds in 1..=3_u64 {
        net.run_for(SECOND);
        assert_eq!(net.now_ms - begin, seconds * 1000);
        let sent = net.seats[0].sent_bytes - before;
        // Some goes as repair meanwhile; headers and seals are not counted.
        let rates = NEWS_BYTES_PER_SECOND + REPAIR_BYTES_PER_SECOND;
        let allowed = (NEWS_BYTES_BURST + REPAIR_BYTES_BURST + rates * seconds) * 115 / 100;
        assert!(sent <= allowed, "{sent} of {allowed} B in {seconds} s");
    }
    assert!(net.run_until(60 * SECOND, Net::all_equal).is_some());
}

#[test]
fn a_member_that_floods_is_heard_so_often_and_no_more() {
    let mut net = joined(1, 2, false);
    net.run_for(10 * SECOND);
    let (opened, dropped) =
        (net.gossip(0).stats().opened, net.gossip(0).stats().dropped(DropCause::RateLimited));
    net.recording = Some(Vec::new());
    net.publish(1, 1, 100, DAY);
    let said = net.recording.take().unwrap().swap_remove(0).1;
    for _ in 0..MEMBER_DATAGRAMS_PER_SECOND * 2 {
        net.inject(0, net::addr(1), Via::Unicast, &said);
    }
    let stats = net.gossip(0).stats();
    assert!(stats.opened - opened <= MEMBER_DATAGRAMS_PER_SECOND + 1);
    assert!(stats.dropped(DropCause::RateLimited) - dropped >= MEMBER_DATAGRAMS_PER_SECOND - 1);
}

#[test]
fn strangers_are_answered_so_often_and_no_more() {
    let mut net = Net::new(1, 2);
    net.recording = Some(Vec::new());
    net.start_with(1, net::config(1), &[somebody(0)]);
    net.run_for(SECOND);
    let hello = net.recording.take().unwrap().swap_remove(0).1;
    net.start_with(0, net::config(0), &[]);
    let before = net.seats[0].sent_datagrams;
    for number in 0..1000 {
        net.inject(0, somebody(number), Via::Unicast, &hello);
    }
    let sent = net.seats[0].sent_datagrams - before;
    assert_eq!(sent, CHALLENGES_BURST);
    let before = net.seats[0].sent_datagrams;
    for number in 0..2000 {
        net.inject(0, somebody(1000 + number), Via::Unicast, &hello);
        net.run_for(Duration::from_millis(5));
    }
    // The limit on all strangers lets more in.
    let sent = net.seats[0].sent_datagrams - before;
    assert!(sent <= CHALLENGES_PER_SECOND * 11, "{sent} in 10 s");
}
