//! `bellwether key new`: a key for the flock to share.

use std::io::Write as _;

use rand::Rng as _;

use super::{Cx, Outcome};
use crate::limits::GOSSIP_KEY_BYTES_MIN;
use crate::shell::clock;
use crate::wire::key;

pub(super) fn run(cx: &mut Cx<'_>) -> Outcome {
    let mut secret = [0; GOSSIP_KEY_BYTES_MIN];
    let entropy = clock::rng().map(|mut rng| rng.fill_bytes(&mut secret));
    entropy.map_err(|why| format!("no key is made without entropy from the system: {why}"))?;
    writeln!(cx.out, "{}", key::print(&secret))?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::told;
    use super::*;

    #[test]
    fn a_new_key_is_one_that_is_accepted_and_no_other() {
        let (code, out, err) = told(&["key", "new"]);
        assert_eq!((code, &*err), (0, ""));
        assert_eq!(key::parse(&out).unwrap().len(), GOSSIP_KEY_BYTES_MIN);
        assert_ne!(told(&["key", "new"]).1, out);
        assert_eq!(told(&["key", "old"]).0, 2);
    }
}
