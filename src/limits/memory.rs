//! The sum of all limits: the memory of the whole process.

use super::*;

const MIB: usize = 1024 * 1024;
/// Records that full tables hold.
const HELD_MAX: usize = ALERTS_MAX + SILENCES_MAX + LOG_ENTRIES_MAX + GROUPS_MAX + OWED_MAX;

/// The bytes that each part may hold, and its own: a table's entries with all that the allocator adds.
const PARTS: &[(&str, usize)] = &[
    ("the program, its threads and its buffers", 16 * MIB),
    ("strings of alerts", TEXTS_BYTES_MAX),
    ("labels and annotations of alerts", ALERTS_PAIRS_MAX * 16),
    ("entries of alerts", ALERTS_MAX * 680),
    // A bit each, and a quarter more by the allocator.
    (
        "which silences and rules of inhibition hold for alerts",
        ALERTS_MAX * (SILENCES_MAX + INHIBIT_RULES_MAX) / 8 * 5 / 4,
    ),
    ("sources of inhibition", INHIBIT_SOURCES_MAX * 250),
    ("silences", SILENCES_BYTES_MAX + SILENCES_COMPILED_BYTES_MAX + SILENCES_MAX * 600),
    ("groups and their timers", GROUPS_BYTES_MAX + GROUPS_MAX * 500),
    // In the alert and in the group; the first of each is counted with the entry.
    ("places of alerts in groups", (MEMBERSHIPS_MAX - ALERTS_MAX) * 48),
    ("debts", OWED_MAX * 600),
    ("the notification log", LOG_BYTES_MAX + LOG_ENTRIES_MAX * 150),
    ("connections", HTTP_CONNECTIONS_MAX * (HTTP_READ_BYTES + 8 * 1024)),
    // A record that comes in, and keys; what waits to be sent is counted with the answers.
    ("connections by TLS", HTTP_CONNECTIONS_MAX * 24 * 1024),
    ("bodies that come in", HTTP_BODIES_BYTES_MAX),
    ("answers that wait to be read", HTTP_ANSWERS_BYTES_MAX),
    // One at a time: the body that is no UTF-8, each byte of it replaced by three, and what of a post is being taken.
    ("what the loop works on", 3 * HTTP_BODY_BYTES_MAX + 4 * MIB),
    // Those that run, and one more that is larger: every byte escaped.
    ("attempts to notify", ATTEMPTS_BYTES_MAX + 6 * ALERTS_BYTES_MAX + ALERTS_MAX * 300),
    (
        "attempts' answers and secrets",
        ATTEMPTS_MAX * (REPLY_BYTES_MAX + ANSWER_HEAD_BYTES_MAX + SECRET_BYTES_MAX),
    ),
    (
        "connections of attempts by TLS",
        (ATTEMPTS_MAX + KEPT_CONNECTIONS_MAX) * (TLS_WRITE_BYTES_MAX + 48 * 1024),
    ),
    (
        "authorities and sessions of TLS",
        TLS_CLIENTS_MAX * (2 * TLS_FILE_BYTES_MAX + TLS_SESSIONS_MAX * 2048)
            + TOKENS_MAX * SECRET_BYTES_MAX,
    ),
    (
        "mail",
        ATTEMPTS_MAX
            * (SMTP_REPLY_BYTES_MAX
                + SMTP_CHUNK_BYTES
                + MAIL_RECIPIENTS_MAX * MAIL_ADDRESS_BYTES_MAX
                + 2 * MAIL_HEADER_BYTES_MAX),
    ),
    ("MQTT", ATTEMPTS_MAX * (MQTT_REPLY_BYTES_MAX + MQTT_TOPIC_BYTES_MAX + MQTT_PAYLOAD_BYTES_MAX)),
    (
        "programs and syslog",
        EXEC_RUNNING_MAX * (EXEC_OUTPUT_BYTES_MAX + EXEC_ENVIRONMENT_BYTES_MAX)
            + ATTEMPTS_MAX * SYSLOG_MESSAGE_BYTES_MAX,
    ),
    // Twice during a reload.
    ("templates", 2 * 5 * TEMPLATES_BYTES_MAX + 2 * TEMPLATE_OUTPUT_BYTES_MAX),
    // Twice during a reload.
    ("the config", 2 * (CONFIG_NODES_MAX * 100 + CONFIG_COMPILED_BYTES_MAX + ROUTE_KEYS_BYTES_MAX)),
    // Each text once as it stands and once as a tree.
    ("the config's texts, parsed", 5 * CONFIG_BYTES_MAX),
    ("a test of a receiver", NOTIFY_TEST_INTEGRATIONS_MAX * 2 * REPLY_BYTES_MAX),
    ("pages that wait for news", WATCHERS_MAX * HTTP_HEADER_BYTES_MAX),
    ("records that wait for the journal", KEEPER_BYTES_MAX),
    // The whole state, or a queue as large as one may be.
    (
        "records that are being written",
        ALERTS_BYTES_MAX + SILENCES_BYTES_MAX + LOG_BYTES_MAX + 12 * MIB,
    ),
    ("the flock's index", GOSSIP_RECORDS_MAX * 170),
    // All records of full tables but those that the index has room for.
    ("versions that the flock is not told of", (HELD_MAX - GOSSIP_RECORDS_MAX) * 130),
    (
        "the flock's queues",
        GOSSIP_OUTPUTS_MAX * DATAGRAM_BYTES_MAX
            + NEWS_BYTES_MAX
            + ASSEMBLY_BYTES_MAX
            + 2 * NEWER_BYTES_MAX
            + 3 * MIB,
    ),
    ("the history", 3 * HISTORY_BYTES_MAX + HISTORY_MAX * 1024),
];

#[test]
fn the_limit_of_memory_is_the_sum_of_its_parts() {
    let sum: usize = PARTS.iter().map(|(_, bytes)| bytes).sum();
    let told: Vec<_> = PARTS.iter().map(|(name, bytes)| (name, bytes / MIB)).collect();
    assert!(sum <= MEMORY_BYTES_MAX, "{} MiB: {told:#?}", sum / MIB);
    assert!(sum > MEMORY_BYTES_MAX - 16 * MIB, "{} MiB: {told:#?}", sum / MIB);
}

#[test]
fn the_unit_has_room_for_the_limit_of_memory() {
    let unit = include_str!("../../systemd/bellwether.service");
    let line = format!("MemoryMax={}M", (MEMORY_BYTES_MAX + MEMORY_KERNEL_BYTES) / MIB);
    assert!(unit.lines().any(|given| given == line), "the unit lacks {line}");
}
