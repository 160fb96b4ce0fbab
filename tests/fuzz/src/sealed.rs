//! Datagrams before the seal: whatever comes is not understood unless it is what the other one has sealed, and that once.

use std::cell::OnceCell;

use bellwether::gossip::KeyRing;

use crate::flock::{Member, at, label, met, via};
use crate::input::Input;

pub fn run(bytes: &[u8]) {
    thread_local! {
        static KEYS: OnceCell<KeyRing> = const { OnceCell::new() };
    }
    let keys =
        KEYS.with(|keys| keys.get_or_init(|| KeyRing::new(&[[7; 32], [9; 32]]).unwrap()).clone());
    let label = label(bytes);
    let (mut one, mut two, mut ms, last) = met(&keys, label);
    let mut input = Input::new(bytes);
    // As it comes.
    let raw = usize::from(input.u16() % 1300);
    let raw = input.take(raw);
    // A fuzzer that learns from comparisons gets to know what the other one has sealed.
    two.gossip.leave(at(ms));
    let leaving = two.sent(at(ms));
    if leaving.iter().any(|(_, sealed)| sealed == raw) {
        return;
    }
    let before = one.understood();
    let way = via(raw.last().copied().unwrap_or_default());
    one.hear_by(way, at(ms), two.addr, raw);
    one.hear_by(way, at(ms), "10.9.9.9:1".parse().unwrap(), raw);
    assert_eq!(one.understood(), before, "understood without the key");
    // Of a flock with the same key and another label.
    let other = if label.is_empty() { "site-87" } else { "site-150" };
    let mut stranger = Member::new(3, &keys, other);
    stranger.gossip.set_peers(at(ms), &[one.addr]);
    stranger.wake(at(ms));
    let strange = stranger.sent(at(ms));
    assert!(!strange.is_empty(), "a stranger says nothing");
    for (_, bytes) in strange {
        one.hear_by(way, at(ms), stranger.addr, &bytes);
    }
    assert_eq!(one.understood(), before, "understood a flock with another label");
    // Heard before.
    one.hear_by(way, at(ms), two.addr, &last);
    assert_eq!(one.understood(), before, "understood twice");
    // Changed on the way.
    for (_, sealed) in leaving {
        ms += 10;
        let mut changed = sealed.clone();
        for _ in 0..input.byte() % 4 {
            let place = usize::from(input.u16()) % changed.len();
            changed[place] ^= input.byte();
        }
        changed.truncate(changed.len() - usize::from(input.byte() % 3));
        changed.extend_from_slice(input.take(0));
        let before = one.understood();
        one.hear_by(way, at(ms), two.addr, &changed);
        let is_whole = changed == sealed;
        assert_eq!(one.understood(), before + u64::from(is_whole), "whole: {is_whole}");
    }
}
