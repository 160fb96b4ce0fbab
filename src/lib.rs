//! Bellwether: an alerting agent for gateways.
//!
//! The map of the house. A room imports from those before it alone; from which of them, `tests/tidy.rs` says:
//!
//! ```text
//! box_map, crc, time, limits, version, ui <- model <- template, wire <- config <- notify, store,
//!   gossip <- effect <- core <- node <- api <- shell <- cli <- main
//! ```
//!
//! Two laws shape it. The brain (everything but `shell`, `cli` and `main`) has no senses: it is given the time and
//! randomness as arguments and returns [`effect::Effect`]s. The shell has no opinions: it turns bytes into calls and
//! effects into system calls. The third law, a limit and a policy for everything, is [`limits`].

/// The HTTP API without HTTP: a request in, an answer out. A file an endpoint; `route`, `access` and `content_type` come before.
pub mod api;
/// A map for few entries, whose code all such maps share: a smaller binary.
pub mod box_map;
/// The subcommands: thin clients of the HTTP API, and offline checks.
pub mod cli;
/// Text, TOML or YAML of one schema, to a checked config; all errors at once. `tree` reads the languages.
pub mod config;
/// The alerting mind: the tables and rules (`route`, `group`, `silences`, `acknowledge`, `inhibit`, `nflog`, `expect`), and in `deliver`
/// what happens to a due group: `flush`, `dedup`, turns, attempts, `backoff`, what is owed.
pub mod core;
/// The checksum of the journal and of datagrams in clear.
pub mod crc;
/// The requests of the brain to the shell.
pub mod effect;
/// The flock: `members` (SWIM), the clock `hlc`, `news`, `repair` with the `assembly` of parts, `seal`. Its payloads are key, version and bytes.
pub mod gossip;
/// Every limit, with its policy.
pub mod limits;
/// The nouns, valid by construction: labels, durations, `matcher` with its patterns, alerts, silences, `log_entry` and how two merge.
pub mod model;
/// The whole brain: `handle_*` in, effects out, one `next_timeout`. `kinds` has a file for each kind of record: key, life, merging.
pub mod node;
/// A receiver type per file: config and notification to request.
pub mod notify;
/// The only room with sockets, files and clocks: http, `admission` of clients by password or certificate, tls, udp, flash, systemd,
/// the loop; `twin` notices another node with the id of this one.
pub mod shell;
/// The journal over a `Medium`: append, replay, compact; the `budget` of commits.
pub mod store;
/// Go's template language over typed values, with its `functions`.
pub mod template;
/// The two clocks: `Mono` for what waits, `Wall` for what is compared across nodes or reboots.
pub mod time;
/// The page, compressed at build time.
pub mod ui;
/// The version, and the Alertmanager whose API it speaks.
pub mod version;
/// Bytes to nouns and back: JSON, CBOR, RFC 3339, SMTP, MQTT, HTTP; each decoder is total.
pub mod wire;
