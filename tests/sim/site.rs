//! The place where a flock stands, as some seeds draw it: an uplink that is down for long or metered, someone outside who waits
//! for heartbeats, something that is expected to come, and alerts that are larger than a datagram.
//!
//! It is drawn from dice of its own, so a world without any of this is what it was before.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Takes what the budget allows, beside the receivers that all worlds have.
pub(crate) const METERED: usize = 1;
/// Waits for heartbeats.
pub(crate) const WATCHER: usize = 3;
/// From one heartbeat to the next.
pub(crate) const BEAT_MS: u64 = 10_000;
/// How long a sign of life may stay away.
pub(crate) const SIGN_MS: u64 = 30_000;
/// The name of what is expected.
pub(crate) const SIGN: &str = "sign";
/// Bytes of the metered receiver's budget.
pub(crate) const BUDGET_BYTES: u64 = 40_000;

/// The further things that a seed draws.
#[derive(Debug)]
pub(crate) struct Site {
    /// From which part of the bad weather on, in percent, no receiver is reached by anybody, if that happens.
    outage: Option<u64>,
    /// For how many more seconds the outage lasts when the rest is well.
    pub(crate) outage_secs: u64,
    /// Whether everything is told to a receiver with a budget, too.
    pub(crate) budget: bool,
    /// Whether somebody waits for heartbeats.
    pub(crate) heartbeat: bool,
    /// Whether something is expected to come again and again.
    pub(crate) expects: bool,
    /// Bytes of a text of some alerts, if some are large.
    large: Option<usize>,
    dice: StdRng,
}

impl Site {
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed ^ 0x7369_7465);
        let outage = dice.random_range(0..60);
        let outage_secs = if dice.random_bool(0.3) { dice.random_range(60..=400) } else { 0 };
        let outage = Some(outage).filter(|_| dice.random_bool(0.15));
        let bytes = dice.random_range(10_000..=20_000);
        Self {
            outage,
            outage_secs,
            budget: dice.random_bool(0.12),
            heartbeat: dice.random_bool(0.2),
            expects: dice.random_bool(0.15),
            large: Some(bytes).filter(|_| dice.random_bool(0.08)),
            dice,
        }
    }

    /// At which second of the bad weather the outage begins.
    pub(crate) fn outage_at(&self, secs: u64) -> Option<u64> {
        self.outage.map(|percent| secs * percent / 100)
    }

    /// A config with all of it.
    pub(crate) fn config(&self, config: &str) -> String {
        let mut config = config.to_owned();
        if self.budget {
            let first = "[[route.routes]]\nreceiver = \"r1\"\ncontinue = true\n[[route.routes]]";
            config = config.replacen("[[route.routes]]", first, 1);
            let last = "[[route.routes]]\nreceiver = \"r0\"\n\n[[receivers]]";
            config = config.replacen("[[receivers]]", last, 1);
            let budget = format!("name = \"r1\"\nbudget = {{ bytes = {BUDGET_BYTES} }}\n");
            config = config.replace("name = \"r1\"\n", &budget);
        }
        if self.heartbeat {
            let url = format!("http://{WATCHER}.receiver/");
            let period = BEAT_MS / 1_000;
            let keys = format!("name = \"watcher\"\nurl = \"{url}\"\nperiod = \"{period}s\"\n");
            config.extend(["\n[[heartbeat]]\n", &keys]);
        }
        if self.expects {
            let period = SIGN_MS / 1_000;
            let keys = format!("name = \"{SIGN}\"\nperiod = \"{period}s\"\n");
            config.extend(["\n[[expect]]\n", &keys]);
        }
        config
    }

    /// Bytes of the text of the next alert.
    pub(crate) fn text_bytes(&mut self) -> usize {
        match self.large {
            Some(bytes) if self.dice.random_bool(0.4) => bytes,
            _ => 0,
        }
    }

    /// Something below a bound, for what this alone draws.
    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.dice.random_range(0..most.max(1))
    }
}
