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

/// The HTTP API without HTTP: a request in, an answer out. A file an endpoint; `route`, `access` (hosts and pages that may not write),
/// `cors` and `content_type` come before. A page that asks for `changes` waits in `shell/watchers`.
pub mod api;
/// A map for few entries, whose code all such maps share: a smaller binary.
pub mod box_map;
/// The subcommands: thin clients of the HTTP API, and offline checks (`check` is check-config).
pub mod cli;
/// Text, TOML or YAML of one schema, to a checked config; all errors at once. `tree` reads the languages, `read` has a file a section,
/// `settings` the agent's own sections, `web` what users and TLS of the HTTP side are (`read/web` reads and checks them, TLS versions
/// too), `proxy` with NO_PROXY, `environment` systemd's credentials.
pub mod config;
/// The alerting mind: the tables and rules (`alerts`, `intake` of reports, where one without an end gets resolve_timeout, `route`,
/// `intervals`, `group`, `silences`, `acknowledge`, `inhibit`, `nflog`, the `sweep` of what has ended; `expect` for signs of life of
/// others, `heartbeat` for the flock's own), and in `deliver` what happens to a due group: `flush`, `dedup`, turns, attempts, `backoff`,
/// the `budget` and the `rate_limit` of receivers, what is `owed` (`owed/bounds` cut it).
pub mod core;
/// The checksum of the journal and of datagrams in clear.
pub mod crc;
/// The requests of the brain to the shell.
pub mod effect;
/// The flock: `members` (SWIM; `candidates` to join, `reconnect` to the lost), the clock `hlc`, `news` and their `delivery` (what is
/// acknowledged, and sent again), `repair` by digests with the `assembly` of parts, `seal` with its keys and the window of replays (one
/// file), `unheard` datagrams of another key. Its payloads are key, version and bytes.
pub mod gossip;
/// Every limit, with its policy.
pub mod limits;
/// The nouns, valid by construction: labels, durations, `matcher` (`matcher/pattern` compiles and anchors), alerts, silences,
/// `time_interval` with its calendar, `group_key` as Alertmanager writes it, `log_entry`.
pub mod model;
/// The whole brain: `handle_*` in, effects out, one `next_timeout`. `kinds` has a file for each kind of record: key, life, merging.
/// `members` decides which are missing; `faults` and `troubles` are those of this node and around it, `own` the alerts of these; the
/// `history` on flash.
pub mod node;
/// A receiver type per file: config and notification to request. `signing` is a webhook's HMAC.
pub mod notify;
/// The only room with sockets, files and clocks: `http` (connections, and how many GETs at a time), `admission` of users and tokens
/// (`admission/password`), tls, udp, netlink, flash, `signals` (SIGHUP asks for a `reload`), `systemd` with the watchdog, the loop. In
/// `notifier`, `http` has `redirect`, `proxy`, `kept` connections and `oauth2`. `duplicate_id` warns of another node with our id, which
/// gossip's `members/hello` finds.
pub mod shell;
/// The journal over a `Medium`: `journal` appends and compacts, `segment` reads one and finds the torn end, `replay` reads them again;
/// the `budget` of commits, `wear`.
pub mod store;
/// Go's template language over typed values; its regular expressions are in `pattern`. `functions` has Go's own and, in
/// `functions/alertmanager`, the others; `html` escapes by context (`html/escapers`). The default texts are in `default.tmpl`.
pub mod template;
/// The two clocks: `Mono` for what waits, `Wall` for what is compared across nodes or reboots.
pub mod time;
/// The page, compressed at build time.
pub mod ui;
/// The version, and the Alertmanager whose API it speaks.
pub mod version;
/// Bytes to nouns and back: JSON, CBOR, RFC 3339, SMTP (`smtp/auth` logs in), MQTT, the answers of receivers (`http1`); each decoder is
/// total.
pub mod wire;
