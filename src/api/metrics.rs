//! `/metrics`, under Alertmanager's names where they mean the same.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::api::{Response, Site, deadman, flock, owed};
use crate::config::Route;
use crate::core::stats::{IntegrationStats, LATENCY_BUCKETS};
use crate::limits::CARD_ENDURANCE_BYTES;
use crate::model::own::TROUBLES;
use crate::model::{Fingerprint, SilenceState};
use crate::node::Node;
use crate::notify::Cause;
use crate::store::card_days;
use crate::time::{Now, Wall};
use crate::version;
use crate::wire::metrics::MetricsText;

/// Writes everything that is counted.
pub(super) fn metrics(node: &Node, now: Now, site: &Site) -> Response {
    let mut text = MetricsText::default();
    alerts(&mut text, node, now);
    notifications(&mut text, node);
    receivers(&mut text, node, now);
    silences(&mut text, node, now);
    deadman::metrics(&mut text, node, now);
    owed::metrics(&mut text, node, now);
    config(&mut text, node, site);
    flock::metrics(&mut text, node, now, site);
    journal(&mut text, now, site);
    http(&mut text, site);
    process(&mut text, site);
    let mut response = Response::text(200, "");
    response.headers = vec![("Content-Type", "text/plain; version=0.0.4; charset=utf-8".into())];
    response.body = text.into_bytes();
    response
}

fn alerts(text: &mut MetricsText, node: &Node, now: Now) {
    let (mut active, mut suppressed) = (0, 0);
    let mut steps = 0;
    let alerts = node.alerts().filter(|(_, alert, _)| alert.ends_at >= now.wall);
    for (fingerprint, ..) in alerts {
        let is_muted = node.is_muted(now, fingerprint, &mut steps);
        *(if is_muted { &mut suppressed } else { &mut active }) += 1;
    }
    let stats = node.stats();
    text.family("alertmanager_alerts", "gauge", "How many alerts by state.")
        .count(&[("state", "active")], active)
        .count(&[("state", "suppressed")], suppressed)
        .count(&[("state", "unprocessed")], 0)
        .family("alertmanager_alerts_received_total", "counter", "How many reports were taken.")
        .count(&[("status", "firing"), ("version", "v2")], stats.received_firing)
        .count(&[("status", "resolved"), ("version", "v2")], stats.received_resolved)
        .family("alertmanager_alerts_invalid_total", "counter", "How many reports were invalid.")
        .count(&[("version", "v2")], stats.invalid)
        .family(
            "alertmanager_alerts_limited_total",
            "counter",
            "How many reports were dropped by --alerts.per-alertname-limit.",
        )
        .count(&[], stats.limited)
        .family(
            "bellwether_alerts_refused_total",
            "counter",
            "How many reports were refused because a table was full.",
        )
        .count(&[], stats.refused)
        .family(
            "bellwether_alerts_late_total",
            "counter",
            "How many reports had ended when they came, of alerts that nobody knew or of senders whose clock is behind.",
        )
        .count(&[], stats.late)
        .family(
            "bellwether_troubles",
            "gauge",
            "What goes wrong now, by the alert of our own that tells of it.",
        );
    let troubles = node.troubles();
    for name in TROUBLES {
        let count = troubles.iter().filter(|it| it.name == name).count();
        text.count(&[("alertname", name)], count as u64);
    }
    text.family(
        "alertmanager_dispatcher_aggregation_groups",
        "gauge",
        "How many aggregation groups there are.",
    )
    .count(&[], node.groups_len() as u64);
}

type Count = fn(&IntegrationStats) -> u64;

fn notifications(text: &mut MetricsText, node: &Node) {
    let stats = node.stats();
    let families: [(_, _, Count); 5] = [
        ("alertmanager_notifications_total", "How many notifications ended.", |it| it.sent),
        ("bellwether_template_faults_total", "How many templates failed.", |it| it.template_faults),
        (
            "bellwether_notifications_held_back_total",
            "How many notifications were held back by a rate_limit.",
            |it| it.held_back,
        ),
        ("alertmanager_notification_requests_total", "How many attempts were made.", |it| {
            it.requests
        }),
        ("alertmanager_notification_requests_failed_total", "How many attempts failed.", |it| {
            it.requests_failed
        }),
    ];
    for (name, help, value) in families {
        text.family(name, "counter", help);
        for (kind, integration) in stats.integrations() {
            text.count(&[("integration", kind)], value(integration));
        }
    }
    text.family(
        "alertmanager_notifications_failed_total",
        "counter",
        "How many notifications ended undelivered.",
    );
    for (kind, integration) in stats.integrations() {
        for cause in Cause::ALL {
            let count = integration.failed.get(&cause).copied().unwrap_or(0);
            text.count(&[("integration", kind), ("reason", cause.as_str())], count);
        }
    }
    text.family(
        "alertmanager_notification_latency_seconds",
        "histogram",
        "How long attempts took.",
    );
    for (kind, integration) in stats.integrations() {
        let bounds = LATENCY_BUCKETS.iter().map(|bound| Duration::from_secs(*bound).as_secs_f64());
        let buckets = bounds.zip(integration.latency_buckets);
        let (count, sum) = (integration.latency_count, integration.latency_sum.as_secs_f64());
        text.histogram(&[("integration", kind)], buckets, count, sum);
    }
    text.family(
        "alertmanager_notifications_suppressed_total",
        "counter",
        "How many alerts were kept from a notification.",
    )
    .count(&[("reason", "active_time_interval")], stats.suppressed_active_interval)
    .count(&[("reason", "inhibition")], stats.suppressed_inhibition)
    .count(&[("reason", "mute_time_interval")], stats.suppressed_mute_interval)
    .count(&[("reason", "silence")], stats.suppressed_silence);
    own_notifications(text, node);
}

/// The traffic of receivers.
fn receivers(text: &mut MetricsText, node: &Node, now: Now) {
    text.family(
        "bellwether_receiver_bytes_total",
        "counter",
        "How many bytes went over the sockets to a receiver, both ways.",
    );
    for ((receiver, kind, index), used, _) in node.used(now.mono) {
        let integration = format!("{kind}[{index}]");
        text.count(&[("receiver", receiver), ("integration", &integration)], used.bytes_total);
    }
}

/// The metrics of notifications that Alertmanager has not.
fn own_notifications(text: &mut MetricsText, node: &Node) {
    let stats = node.stats();
    text.family(
        "bellwether_log_entries_dropped_total",
        "counter",
        "How many entries of the notification log gave way to others: what they were about may be told again.",
    )
    .count(&[], stats.log_dropped)
    .family(
        "bellwether_fallbacks_total",
        "counter",
        "How often the fallback of a receiver was told because that had failed for too long.",
    )
    .count(&[], stats.fallbacks)
    .family(
        "bellwether_digests_total",
        "counter",
        "How many notifications told of several groups that a rate_limit had held back.",
    )
    .count(&[], stats.digests)
    .family(
        "bellwether_held_back_groups",
        "gauge",
        "How many groups a rate_limit holds back now, an integration each.",
    )
    .count(&[], node.held_back_len() as u64);
}

fn silences(text: &mut MetricsText, node: &Node, now: Now) {
    text.family("alertmanager_silences", "gauge", "How many silences by state.");
    for state in [SilenceState::Active, SilenceState::Expired, SilenceState::Pending] {
        let count = node.silences().filter(|silence| silence.state(now.wall) == state).count();
        text.count(&[("state", state.as_str())], count as u64);
    }
}

/// Adds the receivers that a route names, and those below it.
fn add_used<'a>(route: &'a Route, used: &mut BTreeSet<&'a str>) {
    used.insert(&route.receiver);
    route.routes.iter().for_each(|below| add_used(below, used));
}

fn config(text: &mut MetricsText, node: &Node, site: &Site) {
    let config = node.config();
    // Prometheus holds floating point numbers: 48 bits arrive whole.
    let hash = Fingerprint::of([(config.original.as_str(), "")]).0 >> 16;
    let fallbacks = config.receivers.iter().filter_map(|it| it.fallback.as_ref());
    let mut used: BTreeSet<&str> = fallbacks.map(|it| &*it.receiver).collect();
    add_used(&config.route, &mut used);
    let receivers = config.receivers.iter().filter(|it| used.contains(&*it.name));
    let integrations: usize = receivers.map(|it| it.integrations.len()).sum();
    let spoken = [("version", version::ALERTMANAGER), ("revision", ""), ("branch", "")];
    let ours = [("version", version::VERSION), ("commit", version::COMMIT)];
    text.family("alertmanager_build_info", "gauge", "Which Alertmanager's API is spoken.")
        .count(&spoken, 1)
        .family("bellwether_build_info", "gauge", "What runs.")
        .count(&ours, 1)
        .family("alertmanager_config_hash", "gauge", "Hash of the config in force.")
        .count(&[], hash)
        .family("alertmanager_config_last_reload_successful", "gauge", "Whether it was taken.")
        .count(&[], site.reload.successful.into())
        .family(
            "alertmanager_config_last_reload_success_timestamp_seconds",
            "gauge",
            "When a config was last taken.",
        )
        .sample(&[], seconds(site.reload.success_at))
        .family("alertmanager_receivers", "gauge", "How many receivers can be notified.")
        .count(&[], used.len() as u64)
        .family("alertmanager_integrations", "gauge", "How many integrations these have.")
        .count(&[], integrations as u64)
        .family("alertmanager_inhibition_rules", "gauge", "How many inhibition rules it has.")
        .count(&[], config.inhibit_rules.len() as u64);
}

fn journal(text: &mut MetricsText, now: Now, site: &Site) {
    let journal = &site.journal;
    let wear = &journal.wear;
    let families = [
        ("bellwether_journal_commits_total", "Groups of records made durable.", wear.commits),
        ("bellwether_journal_records_total", "Records in them.", wear.records),
        ("bellwether_journal_bytes_total", "Bytes written.", wear.bytes),
        ("bellwether_journal_syncs_total", "Syncs asked for.", wear.syncs),
        (
            "bellwether_journal_compactions_total",
            "Segments written because the one before was full or failed.",
            wear.compactions,
        ),
        ("bellwether_journal_faults_total", "Operations that the flash failed.", wear.faults),
        (
            "bellwether_journal_left_out_total",
            "Records that were not kept: too large, or no room.",
            journal.left_out,
        ),
    ];
    for (name, help, value) in families {
        text.family(name, "counter", help).count(&[], value);
    }
    text.family(
        "bellwether_journal_failed",
        "gauge",
        "Whether nothing is written because the flash fails.",
    )
    .count(&[], journal.fault.is_some().into())
    .family(
        "bellwether_journal_needed_bytes",
        "gauge",
        "Bytes that must be free for it to be written; 0 while no room is missing.",
    )
    .count(&[], journal.missing.map_or(0, |missing| missing.needed))
    .family(
        "bellwether_journal_free_bytes",
        "gauge",
        "Bytes that were free at the last try; 0 while no room is missing.",
    )
    .count(&[], journal.missing.map_or(0, |missing| missing.free))
    .family(
        "bellwether_journal_next_try_seconds",
        "gauge",
        "Until it is tried again to write; 0 while nothing fails.",
    )
    .count(&[], journal.retry_secs(now.mono).unwrap_or(0))
    .family(
        "bellwether_journal_commits_per_day",
        "gauge",
        "Commits a day at the pace since the start.",
    )
    .count(&[], journal.commits_a_day());
    if let Some(days) = card_days(CARD_ENDURANCE_BYTES, journal.commits_a_day()) {
        text.family(
            "bellwether_journal_card_days",
            "gauge",
            "Days that a consumer card lives at that pace.",
        )
        .count(&[], days);
    }
}

fn http(text: &mut MetricsText, site: &Site) {
    let http = &site.http;
    text.family(
        "alertmanager_http_requests_in_flight",
        "gauge",
        "How many requests are being answered.",
    )
    .count(&[("method", "get")], http.gets_in_flight as u64)
    .family(
        "alertmanager_http_concurrency_limit_exceeded_total",
        "counter",
        "How many requests were refused because of too many others.",
    )
    .count(&[("method", "get")], http.gets_refused)
    .family(
        "bellwether_http_access_refused_total",
        "counter",
        "How many requests were refused for want of a right password, token or right.",
    )
    .count(&[], http.access_refused)
    .family(
        "bellwether_http_unread_bytes",
        "gauge",
        "Bytes of answers that wait until they are read.",
    )
    .count(&[], http.unread_bytes as u64)
    .family("bellwether_http_connections", "gauge", "How many connections are open.")
    .count(&[], http.connections as u64)
    .family(
        "bellwether_http_connections_evicted_total",
        "counter",
        "How many connections were closed to make room for others.",
    )
    .count(&[], http.connections_evicted)
    .family(
        "alertmanager_http_request_duration_seconds",
        "histogram",
        "From a request's last byte to its answer.",
    );
    for ((handler, method, code), durations) in &http.durations {
        let code = code.to_string();
        let labels = [("handler", *handler), ("method", *method), ("code", &*code)];
        text.durations(&labels, durations);
    }
}

fn process(text: &mut MetricsText, site: &Site) {
    let process = &site.process;
    text.family(
        "process_cpu_seconds_total",
        "counter",
        "Of the user and of the system, in seconds.",
    )
    .sample(&[], process.cpu_seconds)
    .family("process_resident_memory_bytes", "gauge", "Resident memory.")
    .count(&[], process.resident_bytes)
    .family("process_virtual_memory_bytes", "gauge", "Address space.")
    .count(&[], process.virtual_bytes)
    .family("process_open_fds", "gauge", "Open files.")
    .count(&[], process.open_fds)
    .family("process_max_fds", "gauge", "How many files may be open.")
    .count(&[], process.max_fds)
    .family("process_start_time_seconds", "gauge", "When it started, in Unix time.")
    .sample(&[], seconds(site.started_at))
    .family("bellwether_clock_synced", "gauge", "Whether the machine's clock is synchronised.")
    .count(&[], site.synced.into());
}

fn seconds(wall: Wall) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "the format has floating point numbers alone")]
    let ms = wall.as_ms() as f64;
    ms / 1000.0
}
