//! The flock's promises, over a simulated network.
#![expect(
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    reason = "a test that does not hold may panic, and its numbers are small"
)]

#[path = "gossip/full.rs"]
mod full;
#[path = "support/net.rs"]
mod net;
#[path = "gossip/outside.rs"]
mod outside;

use std::collections::BTreeSet;
use std::time::Duration;

use std::net::SocketAddr;

use bellwether::gossip::{DropCause, Key, KeyRing, Output, Record, Version, Via};
use bellwether::limits::{REFUSED_MAX, REPAIR_BYTES_BURST, REPAIR_BYTES_PER_SECOND};
use bellwether::time::Mono;
use net::{Net, Reading, Seat};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How many worlds are tried: fewer by the slow code of a debug build.
const THOROUGH: u64 = if cfg!(debug_assertions) { 1 } else { 8 };
/// A silence, as the flock carries it.
const SILENCE_BYTES: usize = 280;

fn joined(seed: u64, seats: usize, multicast: bool) -> Net {
    let mut net = Net::flock(seed, seats, multicast);
    let ms = net.run_until(10 * SECOND, Net::all_joined);
    assert!(ms.is_some(), "{seats} nodes joined, multicast {multicast}");
    net
}

#[test]
fn three_static_peers_join_in_well_under_a_second() {
    for seed in 0..5 {
        let mut net = Net::flock(seed, 3, false);
        let ms = net.run_until(SECOND, Net::all_joined).expect("joined in a second");
        assert!(ms <= 100, "{ms} ms");
    }
}

#[test]
fn flocks_of_every_size_join_both_ways() {
    for multicast in [false, true] {
        for seats in [3, 10, 30] {
            let mut net = Net::flock(1, seats, multicast);
            let ms = net.run_until(10 * SECOND, Net::all_joined);
            println!(
                "join: N={seats} multicast={multicast}: {ms:?} ms, {} B/node",
                net.bytes() / seats as u64
            );
            assert!(ms.is_some_and(|ms| ms < 1_000));
        }
    }
}

/// All others are found by what members report.
#[test]
fn those_that_know_one_member_alone_meet_the_others() {
    for (loss, most_ms) in [(0.0, 1_000), (0.2, 60_000)] {
        for seats in [3, 10, 30] {
            let mut times = Vec::new();
            for seed in 0..4 * THOROUGH {
                let mut net = Net::new(seed, seats);
                net.loss = loss;
                for seat in 0..seats {
                    net.start_with(seat, net::config(seat), &[net::addr(0)]);
                }
                let met = |net: &Net| {
                    net.running()
                        .all(|it| it.gossip.as_ref().unwrap().living_addrs().len() == seats - 1)
                };
                times.push(net.run_until(60 * SECOND, met).expect("all are met"));
            }
            println!("by reports: N={seats}, {loss} lost: met after {times:?} ms");
            assert!(times.iter().all(|ms| *ms < most_ms));
        }
    }
}

#[test]
fn a_flock_at_rest_costs_a_few_bytes_a_second() {
    for (multicast, most) in [(false, 25), (true, 10)] {
        for seats in [3, 10, 30] {
            let mut net = joined(1, seats, multicast);
            net.publish(0, 1, SILENCE_BYTES, DAY);
            net.run_for(300 * SECOND);
            let before = net.bytes();
            net.run_for(600 * SECOND);
            let per_second = (net.bytes() - before) / 600 / seats as u64;
            println!("idle: N={seats} multicast={multicast}: {per_second} B/s a node");
            assert!(per_second <= most);
        }
    }
}

#[test]
fn a_silence_is_everywhere_at_once_and_costs_little() {
    for multicast in [false, true] {
        for seats in [3, 10, 30] {
            let mut net = joined(1, seats, multicast);
            net.run_for(300 * SECOND);
            let sent = |net: &Net| net.seats.iter().map(|seat| seat.sent_bytes).collect::<Vec<_>>();
            let before = sent(&net);
            net.run_for(600 * SECOND);
            let idle: Vec<_> = sent(&net).iter().zip(&before).map(|(b, a)| (b - a) / 60).collect();
            // Always by the same one: the mean of ten, so that what happened by chance weighs little.
            let before = sent(&net);
            for id in 0..10 {
                net.publish(1, id, SILENCE_BYTES, DAY);
                let ms = net.run_until(SECOND, |net| net.all_have(id));
                assert!(ms.is_some_and(|ms| ms <= 100), "{ms:?}");
                net.run_for(10 * SECOND);
            }
            let after = sent(&net);
            let costs = after.iter().zip(&before).zip(&idle);
            let costs: Vec<_> =
                costs.map(|((b, a), idle)| ((b - a) / 10).saturating_sub(*idle)).collect();
            let mean = costs.iter().sum::<u64>() / seats as u64;
            let most = costs.iter().max().unwrap();
            println!(
                "silence: N={seats} multicast={multicast}: {mean} B a node above idle, the costliest {most} B"
            );
            assert!(mean <= 600 && *most <= 1_000);
        }
    }
}

#[test]
fn a_thousand_records_are_on_ten_nodes_within_two_seconds() {
    for multicast in [false, true] {
        let mut net = joined(1, 10, multicast);
        net.run_for(60 * SECOND);
        let before = net.bytes();
        for id in 0..1_000 {
            net.publish(3, id, 300, DAY);
        }
        let ms = net.run_until(10 * SECOND, |net| net.all_have(999) && net.all_equal());
        let per_node = (net.bytes() - before) / 10;
        println!("1000 records: multicast={multicast}: {ms:?} ms, {per_node} B a node");
        assert!(ms.is_some_and(|ms| ms <= 2_000));
    }
}

#[test]
fn nothing_stays_undelivered_however_much_is_lost() {
    for multicast in [false, true] {
        for (loss, p99_ms) in [(0.1, 1_000), (0.3, 3_000), (0.5, 10_000)] {
            let mut times: Vec<u64> = Vec::new();
            let (mut downs, mut bytes, mut hours) = (0, 0, 0.0);
            for seed in 0..3 {
                let mut net = joined(seed, 10, multicast);
                (net.loss, net.repeat, net.delay_ms) = (loss, 0.05, (1, 20));
                let before = net.bytes();
                let begin = net.now_ms;
                for id in 0..50 {
                    net.run_for(Duration::from_millis(19_700));
                    net.publish(id as usize % 10, id, SILENCE_BYTES, DAY);
                    let ms = net.run_until(120 * SECOND, |net| net.all_have(id));
                    times.push(ms.expect("delivered"));
                }
                bytes += (net.bytes() - before) * 1000 / (net.now_ms - begin) / 10;
                hours += (net.now_ms - begin) as f64 / 3_600_000.0;
                let down = |event: &&(u64, Output)| matches!(event.1, Output::MemberDown(_));
                downs += net.seats.iter().flat_map(|seat| &seat.events).filter(down).count();
            }
            times.sort_unstable();
            let p = |q: usize| times[(times.len() - 1) * q / 100];
            println!(
                "loss {loss}: multicast={multicast}: p50 {} p90 {} p99 {} max {} ms; {} B/s a node; {downs} downs in {hours:.1} h",
                p(50),
                p(90),
                p(99),
                p(100),
                bytes / 3
            );
            assert!(p(99) <= p99_ms);
        }
    }
}

/// Parts a flock and joins it again; how long it took until all had the same.
fn part(seed: u64, seats: usize, multicast: bool, seconds: u32) -> u64 {
    let mut net = joined(seed, seats, multicast);
    net.run_for(Duration::from_millis(100_000 + seed * 3_777));
    let at = 1 + usize::try_from(seed).unwrap() % (seats - 1);
    let (one, other): (Vec<_>, Vec<_>) = (0..seats).partition(|seat| *seat < at);
    net.split(&one, &other, true);
    // A debug build takes long to try thirty nodes for each record.
    let most = if seats == 30 && cfg!(debug_assertions) { 10 } else { 60 };
    let every = seconds.div_ceil(most);
    for record in 0..seconds.div_ceil(every) {
        net.publish(0, record, SILENCE_BYTES, DAY);
        net.publish(seats - 1, 1_000 + record, SILENCE_BYTES, DAY);
        net.run_for(every * SECOND + Duration::from_millis(seed * 7));
    }
    net.split(&one, &other, false);
    let ms = net.run_until(60 * SECOND, Net::all_equal).unwrap();
    assert!(net.run_until(60 * SECOND, Net::all_joined).is_some());
    ms
}

#[test]
fn a_partition_of_any_length_heals_in_less_than_five_seconds() {
    for multicast in [false, true] {
        for (seats, seeds) in [(3, THOROUGH * 2), (10, THOROUGH), (30, THOROUGH.div_ceil(4))] {
            // A debug build takes seconds for each world of thirty.
            let few = seats == 30 && cfg!(debug_assertions);
            let lengths = if few { &[60][..] } else { &[3, 30, 60, 120, 300, 3_600] };
            for seconds in lengths.iter().copied() {
                let times = (0..seeds).map(|seed| part(seed, seats, multicast, seconds));
                let most = times.max().unwrap();
                println!(
                    "parted for {seconds} s: N={seats} multicast={multicast}: {most} ms at most"
                );
                assert!(most < 5_000);
            }
        }
    }
}

#[test]
#[ignore = "it prints the figures of tests/README.md"]
fn how_long_thirty_take_to_heal_after_an_hour() {
    let mut times: Vec<u64> = (0..200).map(|seed| part(seed, 30, false, 3_600)).collect();
    times.sort_unstable();
    println!("median {}, 99 % {}, most {} ms", times[99], times[197], times[199]);
}

/// Seats that know so many records from before, the last one excepted.
fn with_a_newcomer(seats: usize, records: u32) -> Net {
    let mut net = Net::new(1, seats);
    for id in 0..records {
        let key = Key::new(1, id.to_be_bytes());
        let version = Version { hlc: ((net::EPOCH_MS as u64) << 16) + u64::from(id), node: 1 };
        let expires_at_ms = net::EPOCH_MS + 86_400_000;
        let record = Record { key, version, expires_at_ms, body: vec![1; 300], sent_at: None };
        for seat in &mut net.seats[..seats - 1] {
            seat.toy.records.insert(record.key.clone(), record.clone());
        }
    }
    net
}

#[test]
fn a_node_that_lost_its_flash_gets_everything_back_at_a_bounded_rate() {
    for multicast in [false, true] {
        let mut net = with_a_newcomer(5, 10_000);
        for seat in 0..5 {
            net.start(seat, multicast);
        }
        let before = net.bytes();
        let ms = net.run_until(600 * SECOND, Net::all_equal).expect("repaired");
        let bytes = net.bytes() - before;
        println!("10000 records: multicast={multicast}: {ms} ms, {bytes} B in all");
        assert!(bytes / ms <= 5 * 80, "{} KB/s", bytes / ms);
        assert!(ms < 90_000);
        assert!(bytes < 2 * 10_000 * 350);
    }
}

/// Where a member has no room for more than it can remember to have refused, all ranges differ for ever: what it has room
/// for is found among that all the same.
#[test]
fn records_that_a_full_table_refuses_do_not_hold_up_others() {
    // The slow code of a debug build has fewer.
    let many = if cfg!(debug_assertions) { 12_000 } else { REFUSED_MAX + 4_000 };
    let mut net = with_a_newcomer(2, u32::try_from(many).unwrap());
    net.seats[1].toy.refuses = Some(1);
    for seat in 0..2 {
        net.start(seat, false);
    }
    net.run_for(Duration::from_secs(60));
    net.split(&[0], &[1], true);
    for id in 50_000..50_050 {
        net.publish(0, id, 100, Duration::from_secs(86_400));
        net.run_for(Duration::from_secs(1));
    }
    net.split(&[0], &[1], false);
    let all = |net: &Net| (50_000..50_050).all(|id| net.all_have(id));
    let ms = net.run_until(600 * SECOND, all).expect("repaired");
    println!("50 of {many} that differ: {ms} ms");
}

/// More than can be queued at a time, of late, and to slow readers: what is on its way is not asked for again.
#[test]
fn a_long_repair_is_not_compared_over_and_over() {
    let mut net = Net::new(1, 3);
    net.start(0, false);
    net.start(1, false);
    for id in 0..6_000 {
        net.publish(0, id, 200, DAY);
        if id % 250 == 249 {
            net.run_for(Duration::from_millis(100));
        }
    }
    assert!(net.run_until(60 * SECOND, Net::all_equal).is_some());
    net.run_for(10 * SECOND);
    net.reading =
        Some(Reading { waiting_max: 90, each_us: 300, stall: 0.005, stall_us_max: 400_000 });
    let before = net.bytes();
    net.start(2, false);
    assert!(net.run_until(60 * SECOND, Net::all_equal).is_some());
    let (sent, twice) = (net.bytes() - before, net.gossip(2).stats().known);
    println!("6000 records: {sent} B in all, {twice} records twice");
    assert!(sent < 6_000 * 290 && twice < 60);
}

#[test]
fn repair_keeps_to_its_rate_while_some_of_it_is_sent_again() {
    let mut net = with_a_newcomer(2, 3_000);
    net.start(0, false);
    net.start(1, false);
    assert!(net.run_until(SECOND, Net::all_joined).is_some());
    net.loss = 0.1;
    let before = net.seats[0].sent_bytes;
    let mut seconds = 0;
    while !net.all_equal() {
        net.run_for(SECOND);
        seconds += 1;
        // The allowance is counted without seals, headers and comparisons.
        let allowed = (REPAIR_BYTES_BURST + REPAIR_BYTES_PER_SECOND * seconds) * 120 / 100;
        let sent = net.seats[0].sent_bytes - before;
        assert!(sent <= allowed, "{sent} B in {seconds} s");
    }
    println!("3000 records, some lost: {seconds} s, {} B", net.seats[0].sent_bytes - before);
    assert!(seconds < 60);
}

#[test]
fn a_queue_of_thousands_of_records_is_no_clock_offset() {
    for multicast in [false, true] {
        let mut net = joined(1, 10, multicast);
        net.run_for(60 * SECOND);
        net.delay_ms = (100, 100);
        for id in 0..4_000 {
            net.publish(0, id, 300, DAY);
        }
        let ms = net.run_until(60 * SECOND, Net::all_equal).unwrap();
        let apart = net.running().map(|seat| seat.toy.apart).max().unwrap();
        println!("4000 at once: multicast={multicast}: {ms} ms, clocks look {apart:?} apart");
        assert!(ms > 3_000 && apart < SECOND);
    }
}

#[test]
fn thousands_of_records_reach_slow_readers_within_a_minute() {
    for multicast in [false, true] {
        let mut net = joined(1, 10, multicast);
        net.run_for(60 * SECOND);
        // Buffers that hold 90 datagrams, and processors that are away for some tenths of a second now and then.
        net.reading =
            Some(Reading { waiting_max: 90, each_us: 300, stall: 0.005, stall_us_max: 400_000 });
        let before = net.bytes();
        let records = 2_000 + u32::try_from(THOROUGH).unwrap() * 1_000;
        for id in 0..records {
            net.publish(0, id, 300, DAY);
            if id % 250 == 249 {
                net.run_for(Duration::from_millis(20));
            }
        }
        let ms = net.run_until(180 * SECOND, Net::all_equal);
        println!(
            "{records} at once: multicast={multicast}: {ms:?} ms, {} kB a node, {} spilt",
            (net.bytes() - before) / 10_000,
            net.spilt
        );
        assert!(ms.is_some_and(|ms| ms < 60_000));
    }
}

#[test]
fn a_log_entry_of_five_thousand_alerts_is_shared_whole() {
    for (multicast, loss) in [(false, 0.0), (true, 0.0), (false, 0.2), (true, 0.2)] {
        let mut net = joined(1, 5, multicast);
        net.loss = loss;
        net.publish(1, 1, 5_000 * 9, DAY);
        let ms = net.run_until(60 * SECOND, Net::all_equal);
        println!("45 kB record: multicast={multicast} loss={loss}: {ms:?} ms");
        assert!(ms.is_some_and(|ms| ms < 20_000));
    }
}

/// A holder of the key can say anything: the datagrams of members, each damaged in a way of its own and numbered anew.
#[test]
fn a_member_that_talks_nonsense_breaks_nothing() {
    let mut net = Net::new(1, 3);
    for seat in 0..3 {
        let mut config = net::config(seat);
        config.keys = KeyRing::default();
        net.start_with(seat, config, &[net::addr(0), net::addr(1), net::addr(2)]);
    }
    net.recording = Some(Vec::new());
    net.loss = 0.2;
    net.run_for(3 * SECOND);
    for apart in [true, false] {
        net.split(&[0], &[1, 2], apart);
        for id in 0..120 {
            net.publish(usize::from(id % 2 == 0), id, 300, DAY);
        }
        net.publish(1, 990, 9_000, DAY);
        net.run_for(20 * SECOND);
    }
    net.loss = 0.0;
    let said = net.recording.take().unwrap();
    let header = said.iter().find(|it| it.0 == 1).unwrap().1[..19].to_vec();
    // A message is an array of its kind and its fields.
    let kinds: BTreeSet<u8> = said.iter().map(|it| it.1[20]).collect();
    assert!(kinds.len() >= 10, "{kinds:?}");
    let understood =
        |net: &Net| -> u64 { net.gossip(0).stats().received.iter().map(|it| it.datagrams).sum() };
    let (before, sent) = (understood(&net), net.seats[0].sent_datagrams);
    let mut rng = StdRng::seed_from_u64(1);
    for number in 0..10_000_u64 {
        let message = &said[rng.random_range(0..said.len())].1;
        let mut datagram = [&header, &message[19..message.len() - 4]].concat();
        datagram[13..19].copy_from_slice(&(1_000_000 + number).to_be_bytes()[2..]);
        for _ in 0..rng.random_range(1..=3) {
            let at = rng.random_range(19..datagram.len().min(19 + 80));
            datagram[at] = if rng.random_bool(0.5) { rng.random() } else { datagram[at] ^ 1 };
        }
        let check = crc32fast::hash(&datagram).to_be_bytes();
        datagram.extend_from_slice(&check);
        net.inject(0, net::addr(1), Via::Unicast, &datagram);
        if number % 20 == 0 {
            net.run_for(Duration::from_millis(10));
        }
    }
    net.run_for(10 * SECOND);
    let (after, sent) = (understood(&net) - before, net.seats[0].sent_datagrams - sent);
    println!("{after} of 10,000 made some sense, {sent} datagrams in return");
    assert!(after > 1_000 && net.gossip(0).stats().dropped(DropCause::Malformed) > 1_000);
    assert!(sent < 10_000);
    assert!(net.gossip(0).records() < 5_000);
}

/// 20,000 alerts are 160 kB; a group of long labels may add as much.
#[test]
fn a_log_entry_of_all_alerts_there_may_be_is_shared_whole() {
    for (seed, multicast, loss, bytes) in [
        (1, false, 0.0, 160_000_u32),
        (1, true, 0.0, 160_000),
        (1, false, 0.3, 160_000),
        (1, true, 0.3, 400_000),
        (2, true, 0.3, 400_000),
        (7, true, 0.3, 400_000),
    ] {
        let mut net = joined(seed, 5, multicast);
        net.loss = loss;
        let before = net.bytes();
        net.publish(1, 1, bytes as usize, DAY);
        let ms = net.run_until(120 * SECOND, Net::all_equal);
        let sent = net.bytes() - before;
        println!("{bytes} B: multicast={multicast} loss={loss}: {ms:?} ms, {sent} B in all");
        // As long as its author's claim may hold, which for a group of such labels is not long enough.
        assert!(ms.is_some_and(|ms| ms < 26_000 * u64::from(bytes) / 160_000));
        // Four copies, what is lost once more, and little beside.
        assert!((sent as f64) < 4.0 * f64::from(bytes) / (1.0 - loss) * 1.25);
    }
}

#[test]
fn a_late_joiner_has_all_within_a_second_and_a_restarted_one_too() {
    let mut net = Net::new(1, 3);
    net.start(0, false);
    net.start(1, false);
    net.run_for(SECOND);
    for id in 0..100 {
        net.publish(0, id, 300, DAY);
    }
    net.run_for(100 * SECOND);
    net.start(2, false);
    let ms = net.run_until(5 * SECOND, |net| net.all_equal() && net.all_joined());
    println!("late joiner, 100 records: {ms:?} ms");
    assert!(ms.is_some_and(|ms| ms < 1_500));
    net.kill(2);
    net.run_for(5 * SECOND);
    net.publish(0, 500, 300, DAY);
    net.run_for(5 * SECOND);
    net.start(2, false);
    let ms = net.run_until(5 * SECOND, |net| net.all_equal() && net.all_joined());
    println!("restarted: {ms:?} ms");
    assert!(ms.is_some_and(|ms| ms < 1_000));
}

#[test]
fn a_dead_member_is_down_in_tens_of_seconds_and_a_leaving_one_at_once() {
    for (seats, multicast, most_ms) in
        [(3, false, 120_000), (10, false, 120_000), (3, true, 150_000), (10, true, 150_000)]
    {
        let mut net = joined(1, seats, multicast);
        net.run_for(60 * SECOND);
        net.kill(1);
        let gone = |net: &Net| {
            net.running().all(|seat| seat.gossip.as_ref().unwrap().living().len() == seats - 2)
        };
        let ms = net.run_until(300 * SECOND, gone);
        println!("dead: N={seats} multicast={multicast}: {ms:?} ms");
        assert!(ms.is_some_and(|ms| ms < most_ms));
        let (_, node) = (0, net.gossip(2).node());
        net.with(2, |gossip, now, _, _| gossip.leave(now));
        net.kill(2);
        net.run_for(Duration::from_millis(100));
        for seat in net.running() {
            assert_eq!(seat.events.last().map(|event| &event.1), Some(&Output::MemberLeft(node)));
        }
    }
}

/// Each finds out for itself which members are dead, and some miss a goodbye: until all know, they hand on news to different members.
#[test]
fn news_reaches_all_at_once_while_they_do_not_agree_who_is_there() {
    let seats = 12;
    let mut slowest = Vec::new();
    for (seed, goodbye) in (1..=8).flat_map(|seed| [(seed, false), (seed, true)]) {
        let mut net = joined(seed, seats, false);
        net.run_for(60 * SECOND);
        net.cut.extend([(1, 2), (1, 5)].into_iter().filter(|_| goodbye));
        if goodbye {
            net.with(1, |gossip, now, _, _| gossip.leave(now));
        }
        net.kill(1);
        let know = |net: &Net| {
            let know = |seat: &&Seat| seat.gossip.as_ref().unwrap().living().len() == seats - 2;
            net.running().filter(know).count()
        };
        net.run_until(300 * SECOND, |net| know(net) > 0).expect("one finds out");
        for id in 0..500 {
            if know(&net) == seats - 1 {
                break;
            }
            net.publish(2 + id as usize % (seats - 2), id, 300, DAY);
            let ms = net.run_until(10 * SECOND, |net| net.all_have(id)).expect("delivered");
            slowest.push(ms);
            net.run_for(Duration::from_millis(100));
        }
        assert_eq!(know(&net), seats - 1, "all find out");
    }
    slowest.sort_unstable();
    let (count, most) = (slowest.len(), slowest.last().copied());
    let median = slowest[count / 2];
    println!("some do not know that one is gone: {count} news after {median} ms, {most:?} at most");
    // As long as it takes to try a dead member before others are sent to in its stead.
    assert!(count > 100 && median < 50 && most.is_some_and(|ms| ms < 1_000));
}

#[test]
fn news_reaches_the_others_past_a_member_that_was_never_met() {
    let mut net = Net::flock(1, 3, false);
    net.split(&[0], &[2], true);
    net.run_for(5 * SECOND);
    let unmet = net.gossip(2).node();
    assert!(net.gossip(0).living().contains(&unmet), "another tells of it");
    for id in 0..10 {
        net.cut.insert((0, 1));
        net.publish(0, id, 300, DAY);
        net.run_for(Duration::from_millis(50));
        net.cut.remove(&(0, 1));
        let ms = net.run_until(10 * SECOND, |net| net.seats[1].has(id)).expect("delivered");
        println!("one is not met: news after {ms} ms");
        assert!(ms < 300);
        net.run_for(SECOND);
    }
}

/// A node that was apart with a send-only one takes it for a member still, for no other was there to tell of it.
#[test]
fn news_reaches_all_while_one_returns_that_counts_a_send_only_member() {
    let seats = 7;
    let mut slowest = Vec::new();
    for (seed, deaf) in (1..=4).flat_map(|seed| (1..seats).map(move |deaf| (seed, deaf))) {
        let mut net = joined(seed, seats, false);
        let others: Vec<usize> = (0..seats).filter(|seat| *seat != deaf).collect();
        net.split(&[0, deaf], &others[1..], true);
        net.run_for(60 * SECOND);
        net.cut.extend(others.iter().map(|seat| (*seat, deaf)));
        net.run_for(150 * SECOND);
        net.split(&[0, deaf], &others[1..], false);
        net.cut.extend(others.iter().map(|seat| (*seat, deaf)));
        let met = |net: &Net| {
            others[1..].iter().all(|seat| {
                let node = net.gossip(*seat).node();
                net.gossip(0).living().contains(&node)
                    && net.gossip(*seat).living().contains(&net.gossip(0).node())
            })
        };
        net.run_until(60 * SECOND, met).expect("they meet again");
        for id in 0..40 {
            net.publish(others[id as usize % others.len()], id, 300, DAY);
            let all = |net: &Net| others.iter().all(|seat| net.seats[*seat].has(id));
            slowest.push(net.run_until(10 * SECOND, all).expect("delivered"));
            net.run_for(SECOND / 2);
        }
    }
    slowest.sort_unstable();
    let (median, most) = (slowest[slowest.len() / 2], slowest[slowest.len() - 1]);
    println!("one takes the deaf for a member: news after {median} ms, {most} at most");
    assert!(median < 50 && most < 1_500);
}

/// A node that has just been met does not know the others yet.
#[test]
fn news_reaches_all_soon_though_a_member_has_just_come_back() {
    let seats = 12;
    let mut slowest = Vec::new();
    for seed in 7..=12 {
        let mut net = joined(seed, seats, false);
        net.loss = 0.2;
        for id in 0..120 {
            if id % 8 == 0 {
                net.run_for(5 * SECOND);
                net.kill(1);
                net.start(1, false);
            }
            net.publish(2 + id as usize % (seats - 2), id, 300, DAY);
            let others = |net: &Net| net.seats.iter().skip(2).all(|seat| seat.has(id));
            slowest.push(net.run_until(30 * SECOND, others).expect("delivered"));
        }
    }
    slowest.sort_unstable();
    let (median, most) = (slowest[slowest.len() / 2], slowest[slowest.len() - 1]);
    println!("a member has just come back: news after {median} ms, {most} at most");
    assert!(median < 500 && most < 1_500);
}

#[test]
fn the_former_self_of_a_node_with_a_new_card_is_down_within_half_a_minute() {
    for (seats, multicast) in [(3, false), (10, false), (3, true), (10, true)] {
        let mut net = joined(1, seats, multicast);
        net.run_for(60 * SECOND);
        let former = net.gossip(1).node();
        net.kill(1);
        net.run_for(5 * SECOND);
        let mut renewed = net::config(1);
        (renewed.node, renewed.multicast) = (424_242, multicast);
        net.start_with(1, renewed, &[net::addr(0), net::addr(2)][..if multicast { 0 } else { 2 }]);
        let ms = net.run_until(300 * SECOND, |net| {
            let whole = |seat: &Seat| {
                let living = seat.gossip.as_ref().unwrap().living();
                living.len() == seats - 1 && !living.contains(&former)
            };
            net.running().all(whole)
        });
        println!("new card: N={seats} multicast={multicast}: {ms:?} ms");
        assert!(ms.is_some_and(|ms| ms < 30_000));
    }
}

#[test]
fn a_flock_forms_by_unicast_where_multicast_is_filtered() {
    let mut net = Net::new(1, 5);
    net.no_multicast = (0..5).collect();
    for seat in 0..5 {
        let mut config = net::config(seat);
        config.multicast = true;
        net.start_with(seat, config, &[net::addr(0)]);
    }
    assert!(net.run_until(5 * SECOND, Net::all_joined).is_some());
    net.publish(0, 1, 300, DAY);
    assert!(net.run_until(SECOND, |net| net.all_have(1)).is_some_and(|ms| ms < 100));
    // The filter goes, and multicast is used; it comes back for one, and that one is sent to by unicast.
    net.no_multicast.clear();
    net.run_for(100 * SECOND);
    let heard = |net: &Net| {
        net.running().all(|seat| {
            seat.gossip
                .as_ref()
                .unwrap()
                .members(Mono::from_ms(net.now_ms))
                .iter()
                .all(|m| m.hears_multicast)
        })
    };
    assert!(heard(&net));
    net.no_multicast.insert(4);
    net.run_for(200 * SECOND);
    net.publish(0, 2, 300, DAY);
    assert!(net.run_until(SECOND, |net| net.all_have(2)).is_some_and(|ms| ms < 100));
    net.publish(4, 3, 300, DAY);
    assert!(net.run_until(SECOND, |net| net.all_have(3)).is_some_and(|ms| ms < 100));
}

#[test]
fn when_multicast_dies_news_falls_back_to_unicast_within_a_second() {
    for seats in [3, 10] {
        let mut net = joined(1, seats, true);
        net.run_for(100 * SECOND);
        net.publish(0, 0, SILENCE_BYTES, DAY);
        assert!(net.run_until(SECOND, |net| net.all_have(0)).is_some_and(|ms| ms < 10));
        net.no_multicast = (0..seats).collect();
        let mut times = Vec::new();
        for id in 1..60 {
            net.publish(id as usize % seats, id, SILENCE_BYTES, DAY);
            times.push(net.run_until(60 * SECOND, |net| net.all_have(id)).expect("delivered"));
            net.run_for(5 * SECOND);
        }
        println!("multicast dies: N={seats}: {times:?} ms");
        assert!(times.iter().all(|ms| *ms <= 1_000));
        assert!(times.iter().rev().take(20).all(|ms| *ms <= 100), "by unicast at once");
        // It comes back, and is used again.
        net.no_multicast.clear();
        net.run_for(200 * SECOND);
        let before = net.seats[0].sent_bytes;
        net.publish(0, 99, SILENCE_BYTES, DAY);
        assert!(net.run_until(SECOND, |net| net.all_have(99)).is_some_and(|ms| ms < 10));
        assert!(net.seats[0].sent_bytes - before < 500, "one multicast");
    }
}

#[test]
fn one_way_links_delay_and_lose_nothing() {
    for multicast in [false, true] {
        let mut net = joined(1, 4, multicast);
        for pair in [(0, 1), (2, 0), (3, 2)] {
            net.cut.insert(pair);
        }
        for id in 0..20 {
            net.publish(id as usize % 4, id, 300, DAY);
            let ms = net.run_until(30 * SECOND, |net| net.all_have(id));
            assert!(ms.is_some_and(|ms| ms < 10_000), "{ms:?}");
            net.run_for(30 * SECOND);
        }
    }
}

/// As behind a firewall that lets nothing in: it takes all others for dead and says so, and is handed what others wait for.
#[test]
fn a_member_that_hears_nobody_makes_nobody_dead_and_holds_up_no_news() {
    for multicast in [false, true] {
        let mut net = joined(1, 9, multicast);
        let deaf = 4;
        net.cut.extend((0..9).filter(|seat| *seat != deaf).map(|seat| (seat, deaf)));
        let others: Vec<usize> = (0..9).filter(|seat| *seat != deaf).collect();
        net.publish(others[0], 1_000, 300, DAY);
        net.run_for(35 * SECOND);
        // Nothing can be agreed on with it.
        assert!(others.iter().all(|seat| net.gossip(*seat).living().len() == 7));
        let mut slowest = Vec::new();
        for id in 0..60 {
            net.publish(others[id as usize % others.len()], id, 300, DAY);
            let all = |net: &Net| others.iter().all(|seat| net.seats[*seat].has(id));
            let ms = net.run_until(30 * SECOND, all);
            slowest.push(ms.expect("delivered"));
            net.run_for(10 * SECOND);
        }
        let itself = net.gossip(deaf).node();
        let died =
            |event: &&(u64, Output)| matches!(event.1, Output::MemberDown(node) if node != itself);
        let of_others = others.iter().flat_map(|seat| &net.seats[*seat].events);
        let deaths = of_others.filter(died).count();
        slowest.sort_unstable();
        println!(
            "one hears nobody: multicast={multicast}: news after {slowest:?} ms, {deaths} downs"
        );
        assert_eq!(deaths, 0);
        assert!(slowest[50] < 200 && slowest[59] < 2_000);
        assert!(others.iter().all(|seat| net.gossip(*seat).living().len() == 7));
    }
}

/// As of a weak antenna: the node receives all, and hardly anything of it arrives.
#[test]
fn links_that_lose_most_in_one_direction_delay_and_lose_nothing() {
    for multicast in [false, true] {
        let mut net = joined(1, 4, multicast);
        for (from, to) in [(0, 1), (0, 2), (0, 3), (2, 1)] {
            net.loss_between.insert((from, to), 0.8);
        }
        let mut most = 0;
        for id in 0..20 {
            net.publish(id as usize % 4, id, 300, DAY);
            most = most.max(net.run_until(30 * SECOND, |net| net.all_have(id)).expect("delivered"));
            net.run_for(30 * SECOND);
        }
        let down = |event: &&(u64, Output)| matches!(event.1, Output::MemberDown(_));
        let downs = net.seats.iter().flat_map(|seat| &seat.events).filter(down).count();
        println!("most lost one way: multicast={multicast}: {most} ms at most, {downs} downs");
        assert!(most < 10_000 && downs == 0);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = |seed| {
        let mut net = joined(seed, 5, seed % 2 == 0);
        (net.loss, net.repeat) = (0.2, 0.1);
        for id in 0..20 {
            net.publish(id as usize % 5, id, 100, DAY);
            net.run_for(SECOND);
        }
        net.trace
    };
    assert_eq!(run(1), run(1));
    assert_eq!(run(2), run(2));
    assert_ne!(run(1), run(3));
}

/// The state that must not change when strangers talk.
fn state(net: &Net, seat: usize) -> (usize, usize, usize, usize) {
    let gossip = net.gossip(seat);
    (
        net.seats[seat].toy.records.len(),
        gossip.records(),
        gossip.members(Mono::from_ms(net.now_ms)).len(),
        gossip.queued(),
    )
}

#[test]
fn forged_cut_oversized_and_random_datagrams_change_nothing() {
    let mut net = joined(1, 3, true);
    net.recording = Some(Vec::new());
    for id in 0..20 {
        net.publish(id as usize % 3, id, 400, DAY);
        net.run_for(SECOND);
    }
    net.publish(0, 99, 20_000, DAY);
    net.run_for(30 * SECOND);
    let recording = net.recording.take().unwrap();
    let before = state(&net, 0);
    let rng = &mut StdRng::seed_from_u64(3);
    let bad: SocketAddr = "192.0.2.1:666".parse().unwrap();
    for (_, datagram) in &recording {
        let mut forged = datagram.clone();
        let at = rng.random_range(0..forged.len());
        forged[at] ^= 1 << rng.random_range(0..8);
        let cut = &datagram[..at];
        let mut long = datagram.clone();
        long.resize(2_000, 0);
        let random: Vec<u8> = (0..at).map(|_| rng.random()).collect();
        for bytes in [&forged, cut, &long, &random] {
            for from in [bad, net::addr(1)] {
                net.inject(0, from, Via::Unicast, bytes);
                net.inject(0, from, Via::Multicast(1), bytes);
            }
        }
    }
    assert_eq!(state(&net, 0), before);
    let stats = net.gossip(0).stats();
    for cause in [
        DropCause::Malformed,
        DropCause::WrongKey,
        DropCause::WrongVersion,
        DropCause::WrongCluster,
        DropCause::RateLimited,
    ] {
        assert!(stats.dropped(cause) > 0, "{cause:?}");
    }
}

/// Forgets what has ended, as tables do.
fn sweep(net: &mut Net) {
    for seat in 0..net.seats.len() {
        let wall_ms = net.now(seat).wall.as_ms();
        net.seats[seat].toy.records.retain(|_, record| record.expires_at_ms > wall_ms);
    }
}

/// A day of silences, of which each second one is ended early, and all are forgotten two hours after they were made.
fn recorded_day(net: &mut Net) -> Vec<(usize, Vec<u8>)> {
    let begin_ms = net.now_ms;
    net.recording = Some(Vec::new());
    for hour in 0..24 {
        net.publish(hour as usize % 3, hour, SILENCE_BYTES, 7_200 * SECOND);
        net.run_for(1_800 * SECOND);
        if hour % 2 == 0 {
            net.publish((hour as usize + 1) % 3, hour, 1, 7_200 * SECOND);
        }
        net.run_for(1_800 * SECOND);
        sweep(net);
    }
    assert_eq!(net.now_ms - begin_ms, 24 * 3_600_000);
    net.recording.take().unwrap()
}

fn tables(net: &Net) -> Vec<Vec<Record>> {
    net.seats.iter().map(|seat| seat.toy.records.values().cloned().collect()).collect()
}

/// Plays the datagrams to a member, in one instant so that nobody can object, or in step with the flock.
fn replay(net: &mut Net, seat: usize, recording: &[(usize, Vec<u8>)], in_step: bool) {
    for (from, datagram) in recording {
        let via = if in_step { Via::Multicast(1) } else { Via::Unicast };
        net.inject(seat, net::addr(*from), via, datagram);
        if in_step {
            net.run_for(Duration::from_millis(1));
        }
    }
}

#[test]
fn a_replay_of_a_recorded_day_resurrects_nothing_not_even_on_a_new_node() {
    for multicast in [false, true] {
        let mut net = Net::new(1, 4);
        for seat in 0..3 {
            net.start(seat, multicast);
        }
        net.run_for(SECOND);
        let recording = recorded_day(&mut net);
        assert!(recording.len() > 5_000, "{} datagrams", recording.len());
        assert!((1..=2).contains(&net.seats[0].toy.records.len()), "the last two hours' silences");
        // To members that received it all, and to the same after a power cut: boot ids and replay windows are new.
        for restarted in [false, true] {
            for seat in (0..3).filter(|_| restarted) {
                net.kill(seat);
                net.start(seat, multicast);
            }
            assert!(net.run_until(10 * SECOND, Net::all_joined).is_some());
            let before = tables(&net);
            for seat in 0..3 {
                replay(&mut net, seat, &recording, false);
                replay(&mut net, seat, &recording, true);
            }
            net.run_for(60 * SECOND);
            assert_eq!(tables(&net), before, "restarted={restarted} multicast={multicast}");
            assert!(net.all_joined());
        }
        // To nodes that lost all, one of which was never there: nothing but the handshake stands against it.
        for seat in 0..4 {
            net.kill(seat);
            net.seats[seat].toy.records.clear();
        }
        for seat in 0..4 {
            net.start(seat, multicast);
        }
        assert!(net.run_until(10 * SECOND, Net::all_joined).is_some());
        replay(&mut net, 0, &recording, false);
        replay(&mut net, 2, &recording, true);
        replay(&mut net, 3, &recording, true);
        net.run_for(60 * SECOND);
        assert!(net.running().all(|seat| seat.toy.records.is_empty()), "multicast={multicast}");
        assert!(net.all_joined());
        let stats = net.gossip(0).stats();
        assert!(stats.dropped(DropCause::Stranger) + stats.dropped(DropCause::Replay) > 100);
    }
}

#[test]
fn a_flood_from_strangers_costs_no_more_than_the_limiter_lets_in() {
    let mut net = joined(1, 3, false);
    net.run_for(60 * SECOND);
    net.recording = Some(Vec::new());
    net.publish(1, 1, 300, DAY);
    let datagram = net.recording.take().unwrap().swap_remove(0).1;
    let (opened, before) = (net.gossip(0).stats().opened, state(&net, 0));
    for n in 0..20_000_u32 {
        let from = SocketAddr::from(((0xC000_0200 + n % 1_000).to_be_bytes(), 666));
        let mut forged = datagram.clone();
        forged[20] ^= 1;
        net.inject(0, from, Via::Unicast, &forged);
        if n % 20 == 0 {
            net.run_for(Duration::from_millis(1));
        }
    }
    let opened = net.gossip(0).stats().opened - opened;
    println!("flood: {opened} of 20000 opened in a second");
    assert!(opened <= 500);
    assert_eq!(state(&net, 0).2, before.2);
    // Members are heard all the same.
    net.publish(2, 2, 300, DAY);
    assert!(net.run_until(SECOND, |net| net.all_have(2)).is_some_and(|ms| ms <= 100));
}

#[test]
fn without_a_key_static_peers_form_a_flock_and_multicast_stays_off() {
    let mut net = Net::new(1, 3);
    for seat in 0..3 {
        let mut config = net::config(seat);
        (config.keys, config.multicast) = (KeyRing::default(), true);
        net.start_with(seat, config, &[net::addr(0), net::addr(seat)]);
    }
    assert!(net.run_until(SECOND, Net::all_joined).is_some());
    net.publish(0, 1, 300, DAY);
    assert!(net.run_until(SECOND, |net| net.all_have(1)).is_some());
    assert_eq!((net.gossip(0).key_ids(), net.gossip(1).failed_peers()), (Vec::new(), 0));
    // One with a key, and one of another cluster, stay outside and are counted.
    let mut net = joined(1, 3, false);
    let mut config = net::config(2);
    config.label = "barn".into();
    net.kill(2);
    net.start_with(2, config, &[net::addr(0)]);
    net.run_for(5 * SECOND);
    assert!(net.gossip(0).stats().dropped(DropCause::WrongCluster) > 0);
    assert_eq!(net.gossip(2).failed_peers(), 1);
}

#[test]
fn clocks_minutes_apart_change_nothing_and_short_lives_cost_nothing() {
    let mut net = Net::new(1, 5);
    for (seat, minutes) in [-5, -2, 0, 2, 4].into_iter().enumerate() {
        net.seats[seat].clock_ms = minutes * 60_000;
    }
    for seat in 0..5 {
        net.start(seat, false);
    }
    net.run_for(100 * SECOND);
    for id in 0..5 {
        net.publish(id as usize, id, 300, DAY);
        net.run_for(SECOND);
    }
    assert!(net.all_equal());
    // Leases of 20 s by the author's own clock end minutes apart, and that is no difference to mend.
    let wall_ms = net.gossip(4).wall_ms(net.now(4));
    for id in 100..200 {
        net.publish(4, id, 200, 20 * SECOND);
    }
    net.run_for(300 * SECOND);
    assert!(wall_ms > 0);
    let before = net.bytes();
    net.run_for(300 * SECOND);
    let per_second = (net.bytes() - before) / 300 / 5;
    println!("clocks apart, 100 leases ended: {per_second} B/s a node");
    assert!(per_second <= 25);
    let offset = net
        .gossip(0)
        .members(Mono::from_ms(net.now_ms))
        .iter()
        .filter_map(|m| m.clock_offset_ms)
        .max();
    assert!((539_000..=541_000).contains(&offset.unwrap()), "{offset:?}");
}

#[test]
fn a_clock_far_ahead_is_refused_and_an_unset_clock_learns() {
    let mut net = Net::new(1, 3);
    net.seats[1].clock_ms = 3_600_000;
    net.seats[2].clock_ms = -1_700_000_000_000;
    for seat in 0..3 {
        let mut config = net::config(seat);
        config.synced = seat != 2;
        net.start_with(seat, config, &[net::addr(0)]);
    }
    net.run_for(SECOND);
    net.publish(1, 1, 300, DAY);
    net.run_for(60 * SECOND);
    assert_eq!(net.seats[0].toy.records.len(), 0);
    assert!(net.gossip(0).stats().dropped(DropCause::TooFarAhead) > 0);
    let (learned, right) = (net.gossip(2).wall_ms(net.now(2)), net.gossip(0).wall_ms(net.now(0)));
    assert!((learned - right).abs() < 3_700_000, "{}", learned - right);
}
