//! Messages of a member that says anything: behind the seal, as if it had the key. Each is read by a whole member.

use bellwether::gossip::KeyRing;
use bellwether::limits::GOSSIP_RECORDS_MAX;

use crate::flock::{at, forged, label, message, met, via};
use crate::input::Input;

pub fn run(bytes: &[u8]) {
    let label = label(bytes);
    let (mut one, mut two, mut ms, like) = met(&KeyRing::default(), label);
    // A datagram made by hand is the same as a member's.
    let before = one.understood();
    one.hear(at(ms), two.addr, &forged(label, &like, 1, message(&like)));
    assert_eq!(one.understood(), before + 1, "the form of a datagram has changed: see flock.rs");
    let mut input = Input::new(bytes);
    let mut ahead = 2;
    while !input.is_empty() {
        let way = input.byte();
        ms += u64::from(way % 128) * 10;
        let length = usize::from(input.u16() % 1200);
        let datagram = forged(label, &like, ahead, input.take(length));
        one.hear_by(via(way), at(ms), two.addr, &datagram);
        ahead += 1;
        one.wake(at(ms));
        // The other one answers as it should, so that the talk goes on.
        for (_, bytes) in one.sent(at(ms)) {
            two.hear(at(ms), one.addr, &bytes);
        }
        for (_, bytes) in two.sent(at(ms)) {
            let answer = forged(label, &like, ahead, message(&bytes));
            ahead += 1;
            one.hear(at(ms), two.addr, &answer);
        }
        assert!(one.gossip.records() <= GOSSIP_RECORDS_MAX);
    }
}
