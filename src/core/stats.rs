//! The counters, for `/metrics`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::Config;
use crate::notify::Cause;

/// Upper bounds of the latency histogram's buckets, in seconds (Alertmanager's).
pub const LATENCY_BUCKETS: [u64; 5] = [1, 5, 10, 15, 20];

/// Counters that only grow.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Reports of firing alerts.
    pub received_firing: u64,
    /// Reports of resolved alerts.
    pub received_resolved: u64,
    /// Reports that were refused as invalid.
    pub invalid: u64,
    /// Reports that were refused because a table was full.
    pub refused: u64,
    /// Reports that had ended when they came: of alerts that nobody knew, or taken to fire.
    pub late: u64,
    /// Reports that were dropped by `--alerts.per-alertname-limit`.
    pub limited: u64,
    /// Alerts that an inhibition kept from a notification.
    pub suppressed_inhibition: u64,
    /// Alerts that a mute time interval kept from a notification.
    pub suppressed_mute_interval: u64,
    /// Alerts that came while none of a route's active time intervals held.
    pub suppressed_active_interval: u64,
    /// Alerts that a silence kept from a notification.
    pub suppressed_silence: u64,
    /// Log entries that gave way to others.
    pub log_dropped: u64,
    /// Notifications that told of several groups that a rate limit had held back.
    pub digests: u64,
    /// Times that a receiver's fallback was begun to be told.
    pub fallbacks: u64,
    /// Alerts that came and went, were owed to a receiver, and were cut by the bounds.
    pub owed_cut: u64,
    /// Alerts that were told late, after they had come and gone.
    pub told_late: u64,
    integrations: BTreeMap<&'static str, IntegrationStats>,
}

impl Stats {
    /// Has counters of each receiver type that is configured: what grows from nothing at all is no rate in Prometheus.
    pub(in crate::core) fn begin(&mut self, config: &Config) {
        for integration in config.receivers.iter().flat_map(|it| &it.integrations) {
            self.integration(integration.name());
        }
    }

    /// The counters of a receiver type.
    pub fn integration(&mut self, kind: &'static str) -> &mut IntegrationStats {
        self.integrations.entry(kind).or_default()
    }

    /// The counters of each receiver type that is or was configured.
    pub fn integrations(&self) -> impl Iterator<Item = (&'static str, &IntegrationStats)> {
        self.integrations.iter().map(|(kind, stats)| (*kind, stats))
    }
}

/// Counters of one receiver type.
#[derive(Clone, Debug, Default)]
pub struct IntegrationStats {
    /// Notifications that ended, delivered or not.
    pub sent: u64,
    /// Notifications that ended undelivered, by cause.
    pub failed: BTreeMap<Cause, u64>,
    /// Notifications that a rate limit has held back.
    pub held_back: u64,
    /// Templates that failed.
    pub template_faults: u64,
    /// Attempts.
    pub requests: u64,
    /// Attempts that failed.
    pub requests_failed: u64,
    /// Attempts that ended within each of [`LATENCY_BUCKETS`].
    pub latency_buckets: [u64; LATENCY_BUCKETS.len()],
    /// Attempts that ended.
    pub latency_count: u64,
    /// How long they took in all.
    pub latency_sum: Duration,
}

impl IntegrationStats {
    /// Counts a notification that ended undelivered.
    pub fn fail(&mut self, cause: Cause) {
        self.sent += 1;
        *self.failed.entry(cause).or_default() += 1;
    }

    /// Counts an attempt that took `took`.
    pub fn latency(&mut self, took: Duration) {
        self.latency_count += 1;
        self.latency_sum += took;
        for (bucket, bound) in self.latency_buckets.iter_mut().zip(LATENCY_BUCKETS) {
            if took <= Duration::from_secs(bound) {
                *bucket += 1;
            }
        }
    }
}
