//! Attackers without a key, or in a flock without one: they record, play back, and make up where datagrams come from.

use std::net::SocketAddr;
use std::time::Duration;

use bellwether::gossip::{DropCause, KeyRing, Via};
use bellwether::limits::CANDIDATES_MAX;
use minicbor::bytes::ByteVec;

use crate::net::{self, Net};
use crate::{DAY, SECOND, joined};

/// An address at which nobody is.
fn victim() -> SocketAddr {
    "192.0.2.1:9094".parse().unwrap()
}

/// The datagrams that `seat` has sent so far, since [`Net::recording`] was set.
fn sent_by(net: &Net, seat: usize) -> Vec<Vec<u8>> {
    let recorded = net.recording.iter().flatten();
    recorded.filter(|(from, _)| *from == seat).map(|(_, bytes)| bytes.clone()).collect()
}

fn start(net: &mut Net, seat: usize, keys: &KeyRing, peers: &[usize]) {
    let mut config = net::config(seat);
    config.keys = keys.clone();
    let peers: Vec<_> = peers.iter().map(|peer| net::addr(*peer)).collect();
    net.start_with(seat, config, &peers);
}

/// It is tried each 10 s.
const SOON: Duration = Duration::from_secs(12);

#[test]
fn our_own_hello_played_back_keeps_nobody_out() {
    for keys in [net::secret(), KeyRing::default()] {
        let mut net = Net::new(1, 2);
        net.recording = Some(Vec::new());
        start(&mut net, 0, &keys, &[1]);
        net.run_for(30 * SECOND);
        for hello in sent_by(&net, 0) {
            for from in [net::addr(1), net::addr(0), victim()] {
                net.inject(0, from, Via::Unicast, &hello);
            }
        }
        // It does not know of us.
        start(&mut net, 1, &keys, &[]);
        assert!(net.run_until(SOON, Net::all_joined).is_some());
    }
}

#[test]
fn another_members_old_answer_played_back_keeps_nobody_out() {
    let keys = net::secret();
    let mut net = Net::new(1, 3);
    net.recording = Some(Vec::new());
    // The hellos to the second address have the second number: it is seat 2 at first, and seat 1 later.
    start(&mut net, 2, &keys, &[]);
    start(&mut net, 0, &keys, &[1, 2]);
    assert!(net.run_until(SECOND, Net::all_joined).is_some());
    let answers = sent_by(&net, 2);
    (0..3).for_each(|seat| net.kill(seat));
    start(&mut net, 2, &keys, &[]);
    start(&mut net, 0, &keys, &[2, 1]);
    assert!(net.run_until(SECOND, Net::all_joined).is_some());
    assert!(!answers.is_empty());
    for answer in answers {
        net.inject(0, net::addr(1), Via::Unicast, &answer);
    }
    start(&mut net, 1, &keys, &[]);
    assert!(net.run_until(SOON, Net::all_joined).is_some());
}

#[test]
fn our_own_hello_of_before_the_restart_is_no_twin_and_a_twin_is_one() {
    let keys = net::secret();
    let mut net = Net::new(1, 2);
    net.recording = Some(Vec::new());
    start(&mut net, 0, &keys, &[1]);
    net.run_for(10 * SECOND);
    let hellos = sent_by(&net, 0);
    net.kill(0);
    start(&mut net, 0, &keys, &[]);
    for hello in hellos {
        net.inject(0, net::addr(1), Via::Unicast, &hello);
    }
    net.run_for(10 * SECOND);
    assert_eq!(net.gossip(0).stats().id_conflicts, 0);
    let config = net::config(0);
    net.start_with(1, config, &[net::addr(0)]);
    net.run_for(SECOND);
    let conflicts = [0, 1].map(|seat| net.gossip(seat).stats().id_conflicts);
    assert!(conflicts.iter().all(|conflicts| *conflicts > 0), "{conflicts:?}");
}

/// An address of nobody, another each time.
fn invented(n: u32) -> SocketAddr {
    let [_, a, b, c] = n.to_be_bytes();
    SocketAddr::from(([172, 16 | a & 15, b, c], 9094))
}

/// Sends a node datagrams from addresses that are made up, so many each millisecond, until something is so; whether it was.
fn flood(
    net: &mut Net,
    seat: usize,
    (each_ms, datagrams): (usize, &[Vec<u8>]),
    at_most: Duration,
    done: impl Fn(&Net) -> bool,
) -> bool {
    let mut sources = 0..;
    (0..at_most.as_millis()).any(|_| {
        for (n, datagram) in sources.by_ref().zip(datagrams.iter().cycle()).take(each_ms) {
            net.inject(seat, invented(n), Via::Unicast, datagram);
        }
        net.run_for(Duration::from_millis(1));
        done(net)
    })
}

#[test]
fn a_flood_from_invented_sources_keeps_no_static_peer_out() {
    let keys = net::secret();
    let mut net = Net::new(1, 2);
    net.recording = Some(Vec::new());
    start(&mut net, 0, &keys, &[1]);
    start(&mut net, 1, &keys, &[0]);
    assert!(net.run_until(SECOND, Net::all_joined).is_some());
    let recorded = sent_by(&net, 1);
    // Sealed by nobody, where all that is in clear is right; and sealed by a member before it was restarted.
    let mut forged = recorded[0].clone();
    *forged.last_mut().unwrap() ^= 1;
    for (each_ms, datagrams) in [(20, vec![forged]), (1, recorded)] {
        (0..2).for_each(|seat| net.kill(seat));
        start(&mut net, 0, &keys, &[1]);
        flood(&mut net, 0, (each_ms, &datagrams), 20 * SECOND, |_| false);
        start(&mut net, 1, &keys, &[0]);
        assert!(
            flood(&mut net, 0, (each_ms, &datagrams), 2 * SECOND, Net::all_joined),
            "{each_ms}"
        );
    }
}

#[test]
fn a_members_answer_to_another_played_back_keeps_nobody_out() {
    let keys = net::secret();
    let mut net = Net::new(1, 4);
    // Number 1 of both is tried: seat 2, which is away, by one, and seat 1 by the other.
    start(&mut net, 0, &keys, &[2, 1]);
    start(&mut net, 1, &keys, &[]);
    assert!(net.run_until(SECOND, Net::all_joined).is_some());
    net.cut.extend([(0, 3), (3, 0)]);
    net.recording = Some(Vec::new());
    start(&mut net, 3, &keys, &[1]);
    net.run_for(SECOND);
    net.kill(3);
    let answers = sent_by(&net, 1);
    assert!(!answers.is_empty());
    for answer in answers {
        net.inject(0, net::addr(1), Via::Unicast, &answer);
    }
    start(&mut net, 2, &keys, &[]);
    let met = |net: &Net| net.gossip(2).living().len() >= 2;
    assert!(net.run_until(SOON, met).is_some());
}

#[test]
fn an_acknowledgement_for_one_node_is_none_for_another() {
    let keys = net::secret();
    let mut net = Net::new(1, 3);
    for seat in 0..3 {
        start(&mut net, seat, &keys, &[0, 1, 2]);
    }
    assert!(net.run_until(SECOND, Net::all_joined).is_some());
    net.recording = Some(Vec::new());
    for id in 0..20 {
        net.publish(0, id, 400, DAY);
        net.run_for(Duration::from_millis(50));
    }
    let replays = net.gossip(2).stats().dropped(DropCause::Replay);
    for datagram in sent_by(&net, 1) {
        net.inject(2, net::addr(1), Via::Unicast, &datagram);
    }
    let refused = net.gossip(2).stats().dropped(DropCause::Replay) - replays;
    assert!(refused >= 15, "{refused}");
}

#[test]
fn a_beacon_that_is_played_back_is_answered_by_few() {
    let mut net = Net::new(1, 30);
    net.recording = Some(Vec::new());
    net.start(29, true);
    net.run_for(SECOND);
    let beacon = sent_by(&net, 29).remove(0);
    net.recording = None;
    net.kill(29);
    (0..29).for_each(|seat| net.start(seat, true));
    assert!(net.run_until(60 * SECOND, Net::all_joined).is_some());
    let before = net.astray;
    for _ in 0..20 {
        for seat in 0..29 {
            net.inject(seat, victim(), Via::Multicast(0), &beacon);
        }
        net.run_for(SECOND);
    }
    let answered = (net.astray - before) / beacon.len();
    assert!((20..=160).contains(&answered), "{answered} times its bytes for 20 times");
}

#[test]
fn an_address_that_has_not_answered_is_sent_no_more_than_came_from_it() {
    for keys in [net::secret(), KeyRing::default()] {
        let mut net = Net::new(1, 3);
        net.recording = Some(Vec::new());
        for seat in 0..3 {
            start(&mut net, seat, &keys, &[0, 1, 2]);
        }
        assert!(net.run_until(SECOND, Net::all_joined).is_some());
        for id in 0..20 {
            net.publish(id as usize % 3, id, 400, DAY);
            net.run_for(SECOND);
        }
        let all = net.recording.take().unwrap();
        let mut sent = 0;
        // Whole, cut and short, of members that are believed and of others, as news is what it was, or not any more.
        for restarted in [false, true] {
            if restarted {
                net.kill(0);
                start(&mut net, 0, &keys, &[]);
            }
            for (_, datagram) in &all {
                for length in [datagram.len(), datagram.len() - 1, 26.min(datagram.len())] {
                    net.inject(0, victim(), Via::Unicast, &datagram[..length]);
                    sent += length;
                    assert!(net.astray <= sent, "{} bytes for {sent}", net.astray);
                }
                net.run_for(Duration::from_millis(20));
                assert!(net.astray <= sent, "{} bytes for {sent}", net.astray);
            }
        }
        assert!(net.astray > 0, "nothing was asked for an echo");
    }
}

/// A member that makes up where its datagrams come from, without a key or with one: it can't turn the others on somebody.
#[test]
fn a_member_that_lies_about_its_address_makes_nobody_send_there() {
    for keys in [net::secret(), KeyRing::default()] {
        // When it has just heard a nonce of ours, and when it has been a member for long.
        for (is_member, first) in [(false, 1), (true, 2)] {
            let mut net = Net::new(1, 2);
            start(&mut net, 0, &keys, &[]);
            for id in 0..50 {
                net.publish(0, id, 1_000, DAY);
            }
            if is_member {
                start(&mut net, 1, &keys, &[0]);
                assert!(net.run_until(10 * SECOND, Net::all_equal).is_some());
            }
            net.recording = Some(Vec::new());
            net.cut.insert((1, 0));
            if !is_member {
                start(&mut net, 1, &keys, &[0]);
            }
            let (mut told, mut sent) = (0, 0);
            for id in 100..130 {
                if is_member {
                    net.publish(1, id, 100, DAY);
                }
                net.run_for(Duration::from_millis(500));
                let said = sent_by(&net, 1);
                for (index, datagram) in said.iter().enumerate().skip(told) {
                    // The first hello comes from where it is, so that it is sent a nonce.
                    let is_true = index + 1 < first;
                    let from = if is_true { net::addr(1) } else { victim() };
                    net.inject(0, from, Via::Unicast, datagram);
                    sent += if is_true { 0 } else { datagram.len() };
                }
                told = said.len();
                assert!(net.astray <= sent, "member={is_member}: {} bytes for {sent}", net.astray);
            }
            assert!(told > 1);
        }
    }
}

/// A report in clear of where members are, of the boot that has sent `heard` and is silent from now on.
fn report(heard: &[u8], counter: u64, members: &[(u64, SocketAddr)]) -> Vec<u8> {
    let address = |(node, addr): &(u64, SocketAddr)| {
        let SocketAddr::V4(addr) = addr else { panic!("{addr}") };
        (*node, ByteVec::from(addr.ip().octets().to_vec()), addr.port())
    };
    let addresses: Vec<_> = members.iter().map(address).collect();
    let mut datagram = heard[..13].to_vec();
    datagram.extend_from_slice(&((1 << 40) + counter).to_be_bytes()[2..]);
    datagram.extend(minicbor::to_vec((9_u8, (false, addresses))).unwrap());
    let crc = crc32fast::hash(&datagram);
    datagram.extend_from_slice(&crc.to_be_bytes());
    datagram
}

/// Two members without a key, and a third that the first has heard of and not met. Returns a datagram of the second.
fn reporter_of(third: usize) -> (Net, Vec<u8>) {
    let mut net = Net::new(1, 3);
    net.split(&[0], &[third], true);
    net.recording = Some(Vec::new());
    for seat in 0..3 {
        start(&mut net, seat, &KeyRing::default(), &[1]);
    }
    net.run_for(10 * SECOND);
    assert_eq!(net.gossip(0).living().len(), 2);
    let heard = sent_by(&net, 1).swap_remove(0);
    (net, heard)
}

#[test]
fn an_address_that_is_reported_is_sent_no_more_than_its_reports_had() {
    // A member that nobody knows, and one that is looked for as long as it is not met.
    for unmet in [7, net::config(2).node] {
        let (mut net, heard) = reporter_of(2);
        let victims: Vec<_> =
            (1..=60).map(|port| (unmet, SocketAddr::new(victim().ip(), port))).collect();
        let (mut sent, mut counter) = (0, 0);
        for (addresses, seconds) in [(1, 0), (1, 1), (60, 0), (60, 1), (1, 600)] {
            for _ in 0..20 {
                counter += 1;
                let datagram = report(&heard, counter, &victims[..addresses]);
                net.inject(0, net::addr(1), Via::Unicast, &datagram);
                sent += datagram.len();
                net.run_for(seconds * SECOND);
                assert!(net.astray <= sent, "{} bytes for {sent}", net.astray);
            }
        }
        assert!(net.astray > 100, "no address that is reported is tried");
    }
}

#[test]
fn a_report_that_is_played_to_many_has_none_of_them_say_hello() {
    let (mut net, heard) = reporter_of(2);
    let victims: Vec<_> = (1..=7).map(|port| (7, SocketAddr::new(victim().ip(), port))).collect();
    for counter in 0..20 {
        net.inject(0, net::addr(1), Via::Multicast(1), &report(&heard, counter, &victims));
        net.run_for(SECOND);
    }
    assert_eq!(net.astray, 0);
}

/// As of a member whose reports bring fewer bytes than a hello has.
#[test]
fn a_member_is_met_once_short_reports_have_brought_the_bytes_of_a_hello() {
    let (mut net, heard) = reporter_of(2);
    net.cut.remove(&(0, 2));
    net.cut.remove(&(2, 0));
    let met = |net: &Net| net.gossip(0).living_addrs().contains(&net::addr(2));
    assert!(!met(&net));
    for counter in 0..4 {
        let datagram = report(&heard, counter, &[(net::config(2).node, net::addr(2))]);
        net.inject(0, net::addr(1), Via::Unicast, &datagram);
        net.run_for(2 * SECOND);
    }
    assert!(met(&net));
}

#[test]
fn addresses_that_are_made_up_keep_no_member_out() {
    let (mut net, heard) = reporter_of(2);
    for counter in 0..20 {
        let nobody: Vec<_> = (0..60).map(|n| (7, invented(60 * counter + n))).collect();
        let datagram = report(&heard, counter.into(), &nobody);
        net.inject(0, net::addr(1), Via::Unicast, &datagram);
    }
    net.cut.clear();
    net.run_for(60 * SECOND);
    assert!(net.gossip(0).living_addrs().contains(&net::addr(2)));
    assert!(net.astray > CANDIDATES_MAX / 8, "{} bytes astray", net.astray);
}

/// All that is said earlier is lost, and found by repair only.
#[test]
fn members_that_meet_prove_themselves_first() {
    for seats in [2, 5] {
        let mut net = Net::new(1, seats);
        net.delay_ms = (2, 2);
        for seat in 0..seats {
            start(&mut net, seat, &net::secret(), &[0]);
        }
        assert!(net.run_until(SECOND, Net::all_joined).is_some());
        net.run_for(SECOND);
        for seat in 0..seats {
            let stats = net.gossip(seat).stats();
            let lost = [DropCause::Stranger, DropCause::Replay].map(|cause| stats.dropped(cause));
            assert_eq!(lost, [0, 0], "n{seat} of {seats}");
        }
    }
}

#[test]
fn datagrams_of_before_a_restart_played_back_after_it_are_refused() {
    let keys = net::secret();
    let mut net = Net::new(1, 3);
    net.recording = Some(Vec::new());
    for seat in 0..3 {
        start(&mut net, seat, &keys, &[0, 1, 2]);
    }
    assert!(net.run_until(SECOND, Net::all_joined).is_some());
    for id in 0..5 {
        net.publish(1, id, 300, DAY);
        net.run_for(SECOND);
    }
    let said = sent_by(&net, 1);
    // Minutes later, to a node whose clock is not set.
    net.run_for(240 * SECOND);
    net.kill(0);
    net.seats[0].clock_ms = -1_700_000_000_000;
    let config = bellwether::gossip::Config { synced: false, ..net::config(0) };
    net.start_with(0, config, &[1, 2].map(net::addr));
    assert!(net.run_until(10 * SECOND, Net::all_joined).is_some());
    net.run_for(SECOND);
    let wall_ms = |net: &Net| net.gossip(0).wall_ms(net.now(0));
    let before = wall_ms(&net);
    assert!(before > net::EPOCH_MS, "it has not learned the time");
    let refused = net.gossip(0).stats().dropped(DropCause::Replay);
    for datagram in &said {
        net.inject(0, net::addr(1), Via::Unicast, datagram);
    }
    let refused = net.gossip(0).stats().dropped(DropCause::Replay) - refused;
    assert_eq!((refused, wall_ms(&net)), (said.len() as u64, before));
}

#[test]
fn a_member_that_has_left_is_not_believed_again_by_what_it_said() {
    let mut net = Net::new(1, 2);
    net.recording = Some(Vec::new());
    for seat in 0..2 {
        start(&mut net, seat, &net::secret(), &[0, 1]);
    }
    assert!(net.run_until(SECOND, Net::all_joined).is_some());
    let said = sent_by(&net, 1);
    net.with(1, |gossip, now, _, _| gossip.leave(now));
    net.kill(1);
    net.run_for(SECOND);
    assert!(net.gossip(0).living_addrs().is_empty());
    for datagram in &said {
        net.inject(0, net::addr(1), Via::Unicast, datagram);
    }
    assert!(net.gossip(0).living_addrs().is_empty(), "it is met again");
    start(&mut net, 1, &net::secret(), &[0]);
    assert!(net.run_until(10 * SECOND, Net::all_joined).is_some());
}

#[test]
fn a_member_that_moves_is_met_where_it_is() {
    for keys in [net::secret(), KeyRing::default()] {
        let mut net = Net::new(1, 4);
        for seat in 0..4 {
            start(&mut net, seat, &keys, &[0, 1, 2, 3]);
        }
        assert!(net.run_until(SECOND, Net::all_joined).is_some());
        net.run_for(60 * SECOND);
        net.seats[3].addr = "10.0.7.7:9094".parse().unwrap();
        net.publish(3, 1, 300, DAY);
        assert!(net.run_until(SECOND, |net| net.all_have(1)).is_some());
        net.publish(0, 2, 300, DAY);
        assert!(net.run_until(SECOND, |net| net.all_have(2)).is_some());
        let known = net.gossip(0).members(bellwether::time::Mono::from_ms(net.now_ms));
        assert!(known.iter().any(|member| member.addr == Some(net.seats[3].addr)));
    }
}

#[test]
fn every_interval_has_a_floor() {
    let mut net = Net::new(1, 3);
    for seat in 0..2 {
        let mut config = net::config(seat);
        config.reconnect_interval = Duration::ZERO;
        config.reconnect_timeout = Duration::ZERO;
        config.probe_interval = Duration::ZERO;
        config.probe_timeout = Duration::ZERO;
        // The third is not there.
        net.start_with(seat, config, &[0, 1, 2].map(net::addr));
    }
    assert!(net.run_until(SECOND, Net::all_joined).is_some());
    net.run_for(60 * SECOND);
    let sent = |net: &Net| net.seats.iter().map(|seat| seat.sent_datagrams).sum::<u64>();
    let before = sent(&net);
    net.run_for(60 * SECOND);
    let a_second = (sent(&net) - before) / 60 / 2;
    println!("all intervals zero: {a_second} datagrams a second");
    assert!(a_second <= 10, "{a_second}");
    assert_eq!(net.gossip(0).living().len(), 1);
}

/// Their hashes in clear are equal, so that the seal alone tells them apart.
#[test]
fn flocks_with_one_key_and_labels_of_one_hash_stay_apart() {
    for keys in [net::secret(), KeyRing::default()] {
        let mut net = joined(1, 2, false);
        for (seat, label) in ["site-87", "site-150"].into_iter().enumerate() {
            let mut config = net::config(seat);
            (config.keys, config.label) = (keys.clone(), label.to_owned());
            net.kill(seat);
            net.start_with(seat, config, &[0, 1].map(net::addr));
        }
        net.publish(0, 1, 300, DAY);
        net.run_for(30 * SECOND);
        assert!((0..2).all(|seat| net.gossip(seat).living().is_empty()));
        assert!(!net.seats[1].has(1));
    }
}
