//! A record in parts over a network that loses, repeats, delays and changes: what arrives is what was sent, and once the
//! network is well again it arrives.

use bellwether::gossip::{Key, KeyRing, Record};

use crate::flock::{at, forged, label, message, met};
use crate::input::Input;

pub fn run(bytes: &[u8]) {
    let label = label(bytes);
    let (mut one, mut two, mut ms, _) = met(&KeyRing::default(), label);
    let mut input = Input::new(bytes);
    let length = usize::from(input.u16()) + 1;
    let key = Key::new(1, b"large");
    let now = at(ms);
    let body: Vec<u8> = (0..length).map(|n| (n * 31 % 251) as u8).collect();
    let record = Record {
        key: key.clone(),
        version: two.gossip.stamp(now),
        expires_at_ms: i64::MAX,
        body,
        sent_at: Some(now.wall.as_ns()),
    };
    two.table.0.insert(key.clone(), record.clone());
    two.gossip.publish(now, &mut two.rng, record.clone()).unwrap();
    let (mut late, mut is_changed) = (Vec::new(), false);
    // A minute beyond the trouble, within which it arrives.
    let mut steps_left = 600;
    while steps_left > 0 {
        let now = at(ms);
        one.wake(now);
        two.wake(now);
        for (_, bytes) in one.sent(now) {
            two.hear(now, one.addr, &bytes);
        }
        for (_, bytes) in two.sent(now) {
            match input.byte() {
                // Most arrive, and all once the input has ended.
                0..128 => one.hear(now, two.addr, &bytes),
                128..160 => {}
                160..192 => (0..2).for_each(|_| one.hear(now, two.addr, &bytes)),
                192..224 => late.push(bytes),
                _ => {
                    let mut message = message(&bytes).to_vec();
                    let place = usize::from(input.u16()) % message.len();
                    message[place] ^= input.byte();
                    is_changed = true;
                    one.hear(now, two.addr, &forged(label, &bytes, 0, &message));
                }
            }
        }
        if !input.is_empty() && input.byte() & 3 == 0 {
            late.drain(..).for_each(|bytes| one.hear(now, two.addr, &bytes));
        }
        if input.is_empty() {
            steps_left -= 1;
        }
        ms += 100;
        if one.table.0.contains_key(&key) && !is_changed {
            break;
        }
    }
    if is_changed {
        return;
    }
    let found = one
        .table
        .0
        .get(&key)
        .unwrap_or_else(|| panic!("{length} bytes have not arrived in a minute"));
    assert!(
        found.version == record.version && found.body == record.body,
        "something else has arrived"
    );
}
