//! Every limit of the product, each with its policy: what happens when it is reached. The table in `src/README.md` says the same.

use std::time::Duration;

pub use owed::*;
pub use own::*;
pub use receivers::*;

/// Payload of one gossip datagram. Policy: larger records travel in numbered parts. 1232 = IPv6's minimum MTU of 1280
/// less the IPv6 and UDP headers, so no datagram is ever fragmented.
pub const DATAGRAM_BYTES_MAX: usize = 1232;

// The room `config`.

/// Bytes of a configuration file. Policy: refuse the file; what runs goes on with the old one.
pub const CONFIG_BYTES_MAX: usize = 1024 * 1024;
/// Nesting of a YAML file. Policy: refuse the file. TOML's is bounded by its parser, at 80.
pub const CONFIG_DEPTH_MAX: usize = 64;
/// Values of a YAML file, an alias counted as all that it stands for. Policy: refuse the file.
pub const CONFIG_NODES_MAX: usize = 100_000;
/// Texts in quotes of a YAML file that go on at the beginning of a line, less indented than the YAML around them. Policy: refuse
/// the file. Each costs a reading of the file.
pub const CONFIG_SHALLOW_TEXTS_MAX: usize = 100;
/// Routes of a configuration. Policy: refuse the file.
pub const ROUTES_MAX: usize = 10_000;
/// Routes of a configuration that say `continue`: an alert may belong to one group more for each. Policy: refuse the file.
pub const CONTINUING_ROUTES_MAX: usize = 1_000;
/// Bytes of the keys and paths of all routes: each has the matchers of all above it, too. Policy: refuse the file.
pub const ROUTE_KEYS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of the compiled regular expressions of routes, rules of inhibition and expectations, each with the table that it may
/// make: some three thousand. Policy: refuse the file.
pub const CONFIG_COMPILED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Errors of a configuration that are told. Policy: the rest is counted. Of its warnings: the rest is dropped.
pub const CONFIG_PROBLEMS_MAX: usize = 100;

// JSON and HTTP.

/// How deep JSON may nest. Policy: deeper bodies are refused with 400. No sender nests deeper than three.
pub const JSON_DEPTH_MAX: usize = 128;
/// Elements and members in all arrays and objects of a JSON text. Policy: a body with more is refused with 400. Each may
/// cost ten times what it is long; twenty for each of as many alerts as one post may have.
pub const JSON_VALUES_MAX: usize = 400_000;
/// Alerts of one post: as many as the table may hold. Policy: a body with more is refused with 400.
pub const POST_ALERTS_MAX: usize = ALERTS_MAX;
/// Open HTTP connections. Policy: the one that has been idle for longest is closed to make room for a new one; if all
/// are busy, one whose body is slow; else new ones wait in the kernel's backlog.
pub const HTTP_CONNECTIONS_MAX: usize = 256;
/// Bytes of a request's line and headers. Policy: refused with 431, the connection closed.
pub const HTTP_HEADER_BYTES_MAX: usize = 32 * 1024;
/// Bytes that are read of a connection at a time. Policy: the rest is read after the others have had their turn.
pub const HTTP_READ_BYTES: usize = 64 * 1024;
/// Bytes of a notification that are written at a time. Policy: the rest is written after others have had their turn.
pub const WRITTEN_BYTES_AT_ONCE: usize = 128 * 1024;
/// Bytes of a request to a receiver that are sent at a time. Policy: the rest is sent after others have had their turn.
pub const SENT_BYTES_AT_ONCE: usize = 256 * 1024;
/// Headers of a request. Policy: refused with 431, the connection closed.
pub const HTTP_HEADERS_MAX: usize = 128;
/// Bytes of a line between the chunks of a request's body. Policy: refused with 400, the connection closed.
pub const HTTP_CHUNK_LINE_BYTES_MAX: usize = 4096;
/// From a connection's opening to its first request. Policy: closed.
pub const HTTP_HEADER_TIME_MAX: Duration = Duration::from_secs(10);
/// From a request's headers to the end of its answer. Policy: the connection is closed.
pub const HTTP_REQUEST_TIME_MAX: Duration = Duration::from_secs(60);
/// How long the body of a request may take to come while others want its place. Policy: where all connections are busy,
/// the one that has been at it for longest is closed.
pub const HTTP_SLOW_BODY_TIME: Duration = Duration::from_secs(5);
/// From a request's last byte to its answer, which for a post may wait for flash. Policy: answered with 503; what was
/// posted is in force all the same.
pub const HTTP_ANSWER_TIME_MAX: Duration = Duration::from_secs(50);
/// Between two requests of a connection. Policy: closed.
pub const HTTP_IDLE_TIME_MAX: Duration = Duration::from_secs(180);
/// Bytes of a request's body: some 10,000 alerts. Policy: refused with 413, no more than this is held.
pub const HTTP_BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of all bodies that are being read; one of more than [`HTTP_READ_BYTES`] has room in half of them, so that there is
/// always room for small ones. Policy: refused with 503.
pub const HTTP_BODIES_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes of a refused body that are read and dropped, so that its sender hears the refusal instead of a reset. Policy:
/// the connection is closed.
pub const HTTP_DRAIN_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How long nothing of an answer may be taken while others want the reader's place. Policy: where all GETs or all
/// connections are taken, the one that has been stuck for longest is closed.
pub const HTTP_SLOW_READ_TIME: Duration = Duration::from_secs(5);
/// GETs that are answered at a time unless `--web.get-concurrency` says otherwise. Policy: refused with 503.
pub const HTTP_GETS_MAX: usize = 8;
/// Bytes of all answers to GETs that wait until they are read. Policy: a list of alerts, groups or silences that is larger
/// than what is left is refused with 503; where more than half is taken, a reader that has been stuck for
/// [`HTTP_SLOW_READ_TIME`] is closed first. Answers that are no lists always go.
pub const HTTP_ANSWERS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Lists that are made at a time while a further one is begun at once. Policy: begun when its turn comes.
pub const LISTS_BEGUN_MAX: usize = 4;
/// Pages that wait for news. Policy: the one that has waited for longest is answered at once.
pub const WATCHERS_MAX: usize = 32;
/// How long a page waits for news. Policy: answered that there is none.
pub const CHANGES_TIME_MAX: Duration = Duration::from_secs(45);
/// Bytes of all files of the page, compressed. Policy: a test refuses more.
pub const PAGE_BYTES_MAX: usize = 40 * 1024;
/// Bytes of the text of an error. Policy: cut.
pub const HTTP_ERROR_BYTES_MAX: usize = 64 * 1024;
/// Between two tries to accept a connection after one that failed. Policy: new connections wait in the backlog.
pub const ACCEPT_RETRY_TIME: Duration = Duration::from_millis(100);
/// Between two warnings of one kind that strangers can cause. Policy: those between are not logged.
pub const WARN_INTERVAL: Duration = Duration::from_secs(60);

// The loop and the notifier.

/// Events that wait for the loop. Policy: their sources wait.
pub const EVENTS_MAX: usize = 256;
/// Attempts to notify and looks whether receivers are reached that run at a time, look-ups of their names, and reads of
/// their secrets. Policy: others wait, no more than there are deliveries; a place that is free goes to the integration
/// that has the fewest, and what waits for a receiver that is not reached is left to other members; a look is not made.
pub const ATTEMPTS_MAX: usize = 20;
/// Attempts and looks that run at a time for one integration. Policy: others wait, and the places that are left are for
/// the other integrations; a look is not made.
pub const ATTEMPTS_EACH_MAX: usize = 16;
/// Notifications that a `rate_limit` may allow within its time: each of them is remembered. Policy: a config with more is
/// refused.
pub const RATE_LIMIT_NOTIFICATIONS_MAX: usize = 100;
/// The shortest time of a `rate_limit`. Policy: a config with a shorter one is refused.
pub const RATE_LIMIT_TIME_MIN: Duration = Duration::from_secs(1);
/// The longest time of a `rate_limit`. Policy: a config with a longer one is refused.
pub const RATE_LIMIT_TIME_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Groups that rate limits hold back, an integration each. Policy: further ones are not held back but told.
pub const HELD_BACK_MAX: usize = 20_000;
/// Bytes of a day's `budget`. Policy: a config with fewer is refused.
pub const BUDGET_BYTES_MIN: u64 = 20_000;
/// Notifications of a day's `budget`. Policy: a config with fewer is refused.
pub const BUDGET_MESSAGES_MIN: u64 = 4;
/// Between two digests of a receiver that has used half of its budget. Policy: what comes meanwhile is held back.
pub const BUDGET_DIGEST_INTERVAL: Duration = Duration::from_secs(3600);
/// Notifications an hour of a receiver that has used half of its budget, before one that tells of what is kept waits, too. Policy:
/// held back.
pub const BUDGET_KEPT_NOTIFICATIONS_MAX: usize = 3;
/// Bytes that a notification may have though its receiver's budget has less than twice that left. Policy: alerts beyond that are
/// counted in it, not listed.
pub const BUDGET_MESSAGE_BYTES_MIN: usize = 2048;
/// Alerts in a digest before the last group. Policy: groups that were held back later are told in the next digest.
pub const RATE_LIMIT_DIGEST_ALERTS_MAX: usize = 1_000;
/// Bytes that all attempts that run may send, what is escaped counted as it is sent. Policy: others wait until there are fewer; one that is larger runs alone.
pub const ATTEMPTS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Between two looks whether the files of `[web]` have changed. Policy: until then what was read is in force.
pub const ACCESS_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Files of `[web]` that are read at a time. Policy: others wait.
pub const ACCESS_READS_MAX: usize = 2;

/// Wrong passwords and tokens from one address, or from one network of IPv6, within [`ACCESS_FAILURES_TIME`]. Policy: further
/// ones are refused with 429 unseen; what was right before from the same address is let in.
pub const ACCESS_FAILURES_MAX: u32 = 10;

/// How long an address that was wrong too often waits, from the first time. Policy: then it may try again.
pub const ACCESS_FAILURES_TIME: Duration = Duration::from_secs(60);

/// Addresses whose wrong passwords are counted. Policy: the one that was wrong longest ago is forgotten.
pub const ACCESS_ADDRESSES_MAX: usize = 256;

/// Passwords that wait to be checked, one at a time. Policy: refused with 503.
pub const ACCESS_WAITING_MAX: usize = 8;

/// Passwords and tokens that were right from an address: those passwords are not hashed again. Policy: the oldest is forgotten, and
/// hashed when it comes.
pub const ACCESS_REMEMBERED_MAX: usize = 64;

/// Users and tokens of `[web]`. Policy: refuse the config.
pub const WEB_NAMES_MAX: usize = 64;

/// Characters of a token at least. Policy: refused; one of a file lets nobody in.
pub const TOKEN_BYTES_MIN: usize = 16;

/// The cost of a password's hash, each step twice the time. Policy: refuse the config.
pub const BCRYPT_COST_MAX: u32 = 14;

/// TLS handshakes of clients whose keys are computed with at a time. Policy: others wait, as long as a connection may take
/// to its first request.
pub const TLS_HANDSHAKES_MAX: usize = 2;

/// How long one attempt may take if its config does not say; twice as long after each that was not answered. Policy: the
/// attempt fails and is made again while the flush has time.
pub const ATTEMPT_TIME: Duration = Duration::from_secs(60);
/// How long a receiver's name may take to look up, and each of its addresses to connect: three SYNs of the kernel's.
/// Policy: the attempt fails and is made again; in a flock another member takes the turn at once.
pub const CONNECT_TIME_MAX: Duration = Duration::from_secs(4);
/// Bytes of a receiver's answer. Policy: the rest is not read.
pub const REPLY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of the lines of a receiver's answer before its body, and of a line between two chunks. Policy: the rest is not
/// read; the status counts.
pub const ANSWER_HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long the rest of a receiver's answer may take after its status line. Policy: the rest is not read; the status
/// counts.
pub const ANSWER_REST_TIME_MAX: Duration = Duration::from_secs(2);
/// Connections to receivers that are kept for the next notification. Policy: the one that has been idle for longest is
/// closed.
pub const KEPT_CONNECTIONS_MAX: usize = 4;
/// How long a connection to a receiver is kept. Policy: closed; the next notification opens another.
pub const KEPT_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a kept connection may leave what was sent over it unacknowledged. Policy: it is closed, and the notification
/// sent over a new one.
pub const KEPT_SILENCE_MAX: Duration = Duration::from_secs(10);
/// Different `tls_config`s with a client of their own. Policy: the one used least recently is made anew when it is used,
/// without its sessions.
pub const TLS_CLIENTS_MAX: usize = 16;
/// TLS sessions that a client remembers, eight for each server. Policy: the oldest server's are forgotten; the next
/// handshake with it is a whole one.
pub const TLS_SESSIONS_MAX: usize = 64;
/// Bytes of a file with certificates or a key: twice those of a distribution's authorities. Policy: the attempt fails.
pub const TLS_FILE_BYTES_MAX: usize = 512 * 1024;
/// Bytes that wait inside a TLS connection to be sent. Policy: the rest waits outside.
pub const TLS_WRITE_BYTES_MAX: usize = 32 * 1024;
/// Tokens of OAuth 2 that are kept. Policy: the one used least recently is forgotten, and fetched when it is needed.
pub const TOKENS_MAX: usize = 64;
/// How long before its end a token of OAuth 2 is no longer used. Policy: a new one is fetched.
pub const TOKEN_MARGIN: Duration = Duration::from_secs(10);
/// How long a line of the log waits until the reader of the log takes it. Policy: lost, as are those after it until
/// somebody reads again; how many is told then.
pub const LOG_WAIT_MAX: Duration = Duration::from_millis(40);
/// Bytes of a value from outside in a line of the log or in an error. Policy: cut.
pub const LOGGED_TEXT_BYTES_MAX: usize = 1024;
/// Redirects that one attempt follows. Policy: the attempt fails.
pub const REDIRECTS_MAX: usize = 10;
/// Bytes of a file that holds a secret. Policy: the attempt fails.
pub const SECRET_BYTES_MAX: usize = 64 * 1024;
/// How long the reading of a file may take: a secret, a key, the config. Policy: the attempt fails and is made again; a
/// reload is refused; a start fails.
pub const FILE_TIME_MAX: Duration = Duration::from_secs(4);
/// Files of the config that are read at a time: its text, keys. Policy: others wait; a reload that waits for too long is
/// refused.
pub const CONFIG_READS_MAX: usize = 4;
/// How long a reload may take until everything is read and checked. Policy: refused, the old config stays.
pub const RELOAD_TIME_MAX: Duration = Duration::from_secs(40);
/// How long attempts, news for the flock, commits and requests that are under way at the stop may take, each. Policy:
/// attempts are cut off and may be told again, news and commits are waited for no longer, connections are closed.
pub const STOP_TIME_MAX: Duration = Duration::from_secs(2);

/// Requests of one attempt, of receivers that take several. Policy: the notification is taken for refused.
pub const REQUESTS_PER_ATTEMPT_MAX: u32 = 16;
/// Bytes of what a test of a receiver is asked for. Policy: refused with 413.
pub const NOTIFY_TEST_BYTES_MAX: usize = 64 * 1024;
/// Integrations of a receiver that is tested. Policy: refused with 400; one test at a time, another is refused with 409.
pub const NOTIFY_TEST_INTEGRATIONS_MAX: usize = 16;
/// How long a test of a receiver may take, all its integrations at a time. Policy: what was not answered has failed.
pub const NOTIFY_TEST_TIME_MAX: Duration = Duration::from_secs(40);
/// Template faults that one notification names. Policy: more are not named.
pub const TEMPLATE_FAULTS_MAX: usize = 8;
/// Bytes of the text of one. Policy: cut.
pub const TEMPLATE_FAULT_BYTES_MAX: usize = 512;
/// The length of one piece of long work before others have their turn, in steps of about 5 nanoseconds on a fast machine and
/// 50 on a slow one: lists that are asked for, large posts, comparisons with silences and rules of inhibition, flushes that
/// are due, a reload. Policy: the rest is done in further pieces.
pub const PIECE_STEPS: u64 = 500_000;

// The core.

/// Alerts in the table, resolved ones that were not yet dropped too. Policy: a report of a new alert is refused with
/// 503, so that its sender comes again; reports of known alerts are taken.
pub const ALERTS_MAX: usize = 20_000;
/// Bytes of an alert's labels, annotations and link. Policy: refused with 400, the others of its post are taken.
pub const ALERT_BYTES_MAX: usize = 48 * 1024;
/// Bytes of text in all alerts of the table, what they share counted for each. Policy: a report that would add to them
/// is refused with 503, so that its sender comes again; reports that add nothing are taken.
pub const ALERTS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Labels and annotations of all alerts of the table: 20 for each of as many alerts as there may be. Policy: as for
/// [`ALERTS_BYTES_MAX`].
pub const ALERTS_PAIRS_MAX: usize = 400_000;
/// The bytes of the strings of alerts that anybody holds, each once: the table, and deliveries that are under way and hold
/// what an alert said before. Policy: a report that says something new is refused with 503, so that its sender comes again.
pub const TEXTS_BYTES_MAX: usize = 24 * 1024 * 1024;
/// Silences in the table, expired ones too. Policy: a new one is refused with 400.
pub const SILENCES_MAX: usize = 10_000;
/// Bytes of text in one silence. Policy: refused with 400.
pub const SILENCE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of all compiled regular expressions of silences, each with the table that it may make. Policy: a new silence is
/// refused with 400.
pub const SILENCES_COMPILED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of text in all silences. Policy: a new one is refused with 400.
pub const SILENCES_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Silences of one alert that are remembered and told. Policy: an alert that more match is compared with all that are
/// in force each time, and the first of those that mute it are told.
pub const ALERT_SILENCES_MAX: usize = 32;
/// Senders of late reports that the log has been told of. Policy: the one told of longest ago may be told of again.
pub const BEHIND_SENDERS_MAX: usize = 64;
/// Alerts of our own beyond those of others. Policy: none, there are fewer.
pub const OWN_ALERTS_MAX: usize = 320;
/// Alerts of our own of one kind: receivers that fail, members that are down, peers with another key. Policy: of further
/// ones the log and the status tell.
pub const OWN_ALERTS_OF_A_KIND_MAX: usize = 16;
/// Addresses that speak at the flock's port and cannot be heard, of which the log and the status tell. Policy: further ones
/// are only counted.
pub const UNHEARD_MAX: usize = 8;
/// Groups of alerts of our own beyond those of others. Policy: an alert of ours
/// that needs more is only logged.
pub const OWN_GROUPS_MAX: usize = 320;
/// Aggregation groups. Policy: a report that might need more is refused as in a full table, a config that would is not
/// loaded; at the start, alerts that were kept and need more are left out, logged, and stay on flash.
pub const GROUPS_MAX: usize = 40_000;
/// Bytes of the keys and labels of all groups. Policy: as for [`GROUPS_MAX`].
pub const GROUPS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Alerts in all groups: an alert counts for each route at which it ends. Policy: a report of a new alert that would pass it
/// is refused as in a full table, a config that would is not loaded; at the start, alerts that were kept and would are left
/// out, logged, and stay on flash.
pub const MEMBERSHIPS_MAX: usize = 100_000;
/// Rules of inhibition. Policy: a config with more is refused.
pub const INHIBIT_RULES_MAX: usize = 1_024;
/// Expectations. Policy: a config with more is refused.
pub const EXPECT_MAX: usize = 128;
/// Heartbeats. Policy: a config with more is refused.
pub const HEARTBEATS_MAX: usize = 16;
/// Least period of an expectation: a shorter one would make an alert of each busy moment. Policy: a config with a shorter one is
/// refused.
pub const EXPECT_PERIOD_MIN: Duration = Duration::from_secs(1);
/// Least period of a heartbeat. Policy: a config with a shorter one is refused.
pub const HEARTBEAT_PERIOD_MIN: Duration = Duration::from_secs(10);
/// How long one attempt to tell a heartbeat may take. Policy: given up, and tried again.
pub const HEARTBEAT_TIME: Duration = Duration::from_secs(20);
/// Bytes of the name of an expectation or a heartbeat. Policy: the config is refused.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of what is kept of a sign of life: whence it came. Policy: cut.
pub const BEAT_TEXT_BYTES_MAX: usize = 256;
/// Sources of inhibition: an alert counts for each rule whose source side it matches. Policy: a report of a new alert that
/// would pass it is refused as in a full table, a config that would is not loaded; at the start, alerts that were kept and
/// would are left out, logged, and stay on flash.
pub const INHIBIT_SOURCES_MAX: usize = 100_000;
/// Entries of the notification log, which has one for each integration of each group, also of those that are gone.
/// Policy: of those that say that nothing fires the one that expires soonest is dropped, then of the others; what it was
/// about may be told again.
pub const LOG_ENTRIES_MAX: usize = 2 * GROUPS_MAX;
/// Bytes of all names and alerts in the notification log. Policy: as for [`LOG_ENTRIES_MAX`].
pub const LOG_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Members that a log entry names as senders of its group. Policy: the one that sent longest ago is left out; an end may be
/// sent again after a split.
pub const LOG_NOTIFIERS_MAX: usize = 16;
/// Facts of a receiver's answer that a log entry keeps, such as the message of Slack to be changed. Policy: none is kept, and
/// the next notification stands by itself.
pub const LOG_FACTS_MAX: usize = 4;
/// Bytes of one such fact. Policy: as for [`LOG_FACTS_MAX`].
pub const LOG_FACT_BYTES_MAX: usize = 256;

// The journal.

/// Key of one journal record. Policy: the commit is refused with an error. A group key of a few dozen labels fits.
pub const STORE_KEY_BYTES_MAX: usize = 1024;

/// Body of one journal record. Policy: the record is left out, said and alerted. The largest alert that is accepted
/// fits, and the log entry of a group that holds every alert there may be.
pub const STORE_BODY_BYTES_MAX: usize = 512 * 1024;

/// Frames of one commit group. Policy: more becomes several groups, each durable before the next; a record that is
/// larger has a group for itself.
pub const STORE_GROUP_BYTES_MAX: usize = 128 * 1024;

/// Frames after which a group of copied records is closed. Policy: the next group takes the rest; this bounds the
/// memory of a compaction, and what one damaged page can cost.
pub const STORE_COPY_BYTES: usize = 32 * 1024;

/// Segments on flash: the one in use, the generation before it, and the one that is written next. Policy: the oldest
/// is overwritten.
pub const STORE_SEGMENTS: u8 = 3;

/// Bytes that segments leave to others where there is little room. Policy: segments are made smaller; where even the
/// smallest that would do finds no room, said and alerted, and tried again.
pub const STORE_SPARE_BYTES: u64 = 64 * 1024;

/// The smallest segment where there is room. Policy: segments double when the live records fill half, and halve when they fill a sixteenth.
pub const STORE_SEGMENT_BYTES_MIN: u32 = 1024 * 1024;

/// The largest segment, so three times this on flash. Policy: records that need more are left out, said and alerted.
/// Room for every alert there may be, and as much again.
pub const STORE_SEGMENT_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// Places of damage that one replay reports one by one. Policy: more are only counted.
pub const STORE_CUTS_MAX: usize = 32;

/// The bytes that a card writes inside for one commit, at worst: a whole erase block. Policy: none, it prices the commits.
pub const STORE_INNER_WRITE_BYTES: u64 = 4_000_000;

/// How long the commit budget may hold back what somebody waits for. Policy: then it is written, over budget.
pub const STORE_CRITICAL_DELAY_MAX: Duration = Duration::from_secs(10);

/// How long the commit budget may hold back what nobody waits for. Policy: then it is written, over budget.
pub const STORE_DELAY_MAX: Duration = Duration::from_secs(15 * 60);

// Matchers.

/// Text of one regular expression: an alternation of a thousand host names fits. Policy: refuse the matcher.
pub const PATTERN_BYTES_MAX: usize = 32 * 1024;
/// Matchers of one silence, and filters of one request. Policy: refused with 400.
pub const MATCHERS_MAX: usize = 64;
/// Bytes of the compiled regular expressions of one silence, or of the filters of one request. Policy: refused with 400,
/// the rest is not compiled.
pub const MATCHERS_COMPILED_BYTES_MAX: usize = 1024 * 1024;
/// States of one regular expression, repetitions written out: an alternation of a thousand host names fits. Policy: refuse
/// the matcher, before it is compiled.
pub const PATTERN_STATES_MAX: usize = 32 * 1024;
/// The steps of a regular expression on one value: states, summed over the value's characters. Policy: the matcher does
/// not hold, neither `=~` nor `!~`.
pub const PATTERN_STEPS_MAX: usize = 512 * 1024;
/// Memory of the table that a regular expression makes while it is used; a large one has room for two steps of all its
/// states. Policy: the table is begun anew.
pub const PATTERN_TABLE_BYTES_MIN: usize = 2048;
/// Groups within groups in one regular expression. Policy: refuse the matcher.
pub const PATTERN_NEST_MAX: usize = 32;

// Templates.

/// Bytes of one template's source: a text of the configuration, or a file. Policy: refused with an error.
pub const TEMPLATE_BYTES_MAX: usize = 256 * 1024;
/// Bytes of all template files. Policy: a configuration with more is refused.
pub const TEMPLATES_BYTES_MAX: usize = 1024 * 1024;
/// Files that `templates` names. Policy: a configuration with more is refused.
pub const TEMPLATE_FILES_MAX: usize = 256;
/// Texts of a configuration that are kept parsed. Policy: all are forgotten, and parsed when they are rendered again.
pub const TEMPLATE_TEXTS_MAX: usize = 512;
/// Patterns that are kept compiled while one notification is rendered. Policy: all are forgotten, and compiled anew.
pub const TEMPLATE_PATTERNS_MAX: usize = 16;
/// Blocks, definitions and parentheses within each other in one template, and lists within lists. Policy: the template is
/// refused, or its rendering fails.
pub const TEMPLATE_NEST_MAX: usize = 64;
/// Blocks, calls and parentheses that are under way at a time while a template runs. Policy: its rendering fails.
pub const TEMPLATE_DEPTH_MAX: usize = 200;
/// Steps of all templates of one notification: a few milliseconds. Policy: what is left fails, and the notification goes
/// out with a fallback text.
pub const TEMPLATE_STEPS_MAX: usize = 200_000;
/// Bytes that all templates of one notification make, those of texts on the way counted. Policy: as for
/// [`TEMPLATE_STEPS_MAX`].
pub const TEMPLATE_OUTPUT_BYTES_MAX: usize = 1024 * 1024;

// The history.

/// Events of the history, of deliveries and of alerts each. Policy: the oldest is dropped.
pub const HISTORY_MAX: usize = 256;
/// Bytes of the texts in the history, of deliveries and of alerts each. Policy: the oldest are dropped.
pub const HISTORY_BYTES_MAX: usize = 256 * 1024;
/// Bytes of what was told, in one entry of the history. Policy: the rest is cut.
pub const HISTORY_CONTENT_BYTES_MAX: usize = 512;
/// Events of the history that flash has, of deliveries and of alerts each: the latest ones. Policy: the oldest is dropped.
pub const HISTORY_KEPT_MAX: usize = 128;
/// Bytes of an event of the history that flash gets. Policy: a larger one is in memory alone.
pub const HISTORY_ENTRY_BYTES_MAX: usize = 2048;
/// Bytes of events of the history that are written to flash a day, and only together with other records. Policy: further ones are in
/// memory alone.
pub const HISTORY_DAILY_BYTES_MAX: usize = 256 * 1024;
/// Deliveries under way that a status page shows. Policy: others are not shown; metrics count all.
pub const PENDING_SHOWN_MAX: usize = 100;
/// Troubles, and integrations with what they used, that the status shows. Policy: others are not shown; metrics count all.
pub const STATUS_SHOWN_MAX: usize = 500;
/// Bytes of what went wrong, and of what the receiver answered, in one entry of the history. Policy: the rest is cut.
pub const HISTORY_WHY_BYTES_MAX: usize = 256;

// The journal's owner.

/// Bytes of records that wait for the journal. Policy: half of it is written without waiting for more to share the commit;
/// beyond it, of the records of one key the last alone is kept; if that is more than half still, they are dropped, and once
/// flash answers again the whole state is written from memory.
pub const KEEPER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// From a failed try to write again to the next one. Each pause is twice as long as the one before, up to
/// [`KEEPER_RETRY_MAX`]. Policy: until then the agent runs from memory and says so.
pub const KEEPER_RETRY_MIN: Duration = Duration::from_secs(1);
/// The longest pause between two tries to write again. Policy: as for [`KEEPER_RETRY_MIN`].
pub const KEEPER_RETRY_MAX: Duration = Duration::from_secs(60);
/// Between two lines of the log about a failure of the journal that lasts. Policy: those between are not logged.
pub const JOURNAL_SAID_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// Between two tries to bring to flash what found no room there: each writes everything. Policy: until then it is in
/// memory alone, said and alerted.
pub const KEEPER_FULL_RETRY: Duration = Duration::from_secs(15 * 60);
/// How long flash may take for one commit before that is called a failure. Policy: said and alerted, waited on; what
/// was posted is in force.
pub const KEEPER_STALL_TIME: Duration = Duration::from_secs(10);
/// Bytes that a consumer card can be written in its life: 8 GB, each cell 1,000 times. Policy: none, it is what card
/// life is told by.
pub const CARD_ENDURANCE_BYTES: u64 = 8_000_000_000_000;

/// Connections that wait to be accepted. Policy: the kernel lets further ones try again after a second.
pub const HTTP_BACKLOG_MAX: i32 = 4096;

/// The shortest time between two flushes of a group. Policy: a shorter `group_interval` is taken for this.
pub const GROUP_INTERVAL_MIN: Duration = Duration::from_millis(100);

// The flock.

/// Members a node keeps in its tables, and on flash. Policy: further ones are not let in, counted; state still reaches them by
/// others.
pub const MEMBERS_MAX: usize = 128;
/// Hellos and challenges a second to addresses that have not proved that they receive, static peers not counted. Policy:
/// not sent; the peer tries again.
pub const CHALLENGES_PER_SECOND: u64 = 50;
/// Hellos and challenges at once to such addresses. Policy: as for [`CHALLENGES_PER_SECOND`].
pub const CHALLENGES_BURST: u64 = 100;
/// The shortest time between two tries of a static peer, two probes, two look-ups of peers' names and two sweeps of
/// resolved alerts. Policy: a shorter setting is taken for this.
pub const INTERVAL_MIN: Duration = Duration::from_secs(1);
/// The shortest time that a probe waits for its answer. Policy: a shorter setting is taken for this.
pub const PROBE_TIMEOUT_MIN: Duration = Duration::from_millis(100);
/// Members' coming and going that a node remembers, for a minute. Policy: the first is forgotten, so news may go along a
/// tree that not all members know, and what is left out comes by repair.
pub const MEMBER_CHANGES_MAX: usize = 512;
/// Members whose addresses a node keeps on flash, to find its flock by itself when it comes back. Policy: those that live
/// come first, the rest is not kept.
pub const MET_MAX: usize = 8;
/// Bytes of a member's name. Policy: a longer name is a configuration error; from the network it is malformed.
pub const MEMBER_NAME_BYTES_MAX: usize = 64;
/// Gossip keys in the ring. Policy: more is a configuration error.
pub const GOSSIP_KEYS_MAX: usize = 8;
/// Records in the index of what the flock shares. Policy: those that are gone, or refused, and only known so that they do
/// not come back give way; further ones are refused, counted, and looked for again some minutes later.
pub const GOSSIP_RECORDS_MAX: usize = 65_536;
/// Records in the index that the tables behind have refused, known so that they are not asked for again: more than one
/// full table of alerts has too many of another. Policy: the one refused longest ago is forgotten, and nothing is looked
/// for by comparison until there may be room.
pub const REFUSED_MAX: usize = GOSSIP_RECORDS_MAX / 2;
/// Bytes of a record's key. Policy: refused.
pub const RECORD_KEY_BYTES_MAX: usize = 256;
/// Bytes of a record's body. Policy: refused when published, malformed when received.
pub const RECORD_BYTES_MAX: usize = 512 * 1024;
/// Bytes of records of kinds that only newer versions know, and again of what they have added to the known kinds.
/// Policy: further records are refused; of a record of a known kind what was added is left out.
pub const NEWER_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of records waiting to be sent for the first time. Policy: further ones wait by name, and are fetched when there
/// is room.
pub const NEWS_BYTES_MAX: usize = 1024 * 1024;
/// Records waiting by name to be sent for the first time. Policy: further ones are left to repair, counted.
pub const NEWS_NAMES_MAX: usize = 16_384;
/// Bytes a second of records sent for the first time, and the burst. Policy: the rest waits its turn.
pub const NEWS_BYTES_PER_SECOND: u64 = 1024 * 1024;
/// Bytes of first sendings at once, less than a socket's default receive buffer. Policy: the rest waits its turn.
pub const NEWS_BYTES_BURST: u64 = 32 * 1024;
/// Datagrams of news of which it is known that they were not acknowledged. Policy: further ones are left to repair.
pub const UNACKNOWLEDGED_MAX: usize = 2048;
/// Bytes a second of repair a node sends. Policy: the rest waits its turn.
pub const REPAIR_BYTES_PER_SECOND: u64 = 64 * 1024;
/// Bytes of repair at once. Policy: the rest waits its turn.
pub const REPAIR_BYTES_BURST: u64 = 32 * 1024;
/// Records (or parts of one) waiting to be sent in repair. Policy: further ones are found again by the next digest.
pub const REPAIR_QUEUE_MAX: usize = 4096;
/// Records a node has asked for and not yet got. Policy: further ones are found again by the next digest.
pub const WANTED_MAX: usize = 512;
/// Records being put together from parts, and their bytes. Policy: the one longest without progress is dropped.
pub const ASSEMBLIES_MAX: usize = 16;
/// Bytes of all records being put together from parts. Policy: the one longest without progress is dropped.
pub const ASSEMBLY_BYTES_MAX: usize = 1024 * 1024;
/// Datagrams waiting for the socket. Policy: further ones are dropped, counted; gossip expects loss.
pub const GOSSIP_OUTPUTS_MAX: usize = 4096;
/// Addresses that are tried for members: static peers and what members have told. Policy: further ones are ignored.
pub const CANDIDATES_MAX: usize = 256;
/// Sources that are not members whose rate is counted. Policy: further ones share one bucket.
pub const STRANGERS_MAX: usize = 256;
/// Datagrams a second, and the burst, decrypted for one source that is no member. Policy: dropped, counted.
pub const STRANGER_DATAGRAMS_PER_SECOND: u64 = 20;
/// Datagrams at once that are decrypted for one source that is no member. Policy: dropped, counted.
pub const STRANGER_DATAGRAMS_BURST: u64 = 40;
/// Datagrams a second that are decrypted for all sources that are not members, together. Policy: dropped, counted.
pub const STRANGERS_DATAGRAMS_PER_SECOND: u64 = 200;
/// Datagrams a second that are decrypted for one member, more than it ever sends. Policy: dropped, counted.
pub const MEMBER_DATAGRAMS_PER_SECOND: u64 = 4000;
/// How long another member's claim on a turn holds from when it is heard. Policy: a longer one holds for so long. Room
/// for the claim of a group that holds every alert there may be, in a flock of all the members there may be.
pub const CLAIM_TIME_MAX: Duration = Duration::from_secs(800);
/// How long from now a record may be shared or kept for the flock, and a log entry live, whatever flags and ends say; claims
/// and group timers have less. Policy: own ones end then, and are told anew before; another member's that would be kept for
/// longer is refused while the time is known.
pub const RECORD_LIFE_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
/// How far ahead of our synchronised clock a version may be. Policy: refused, counted, shown.
pub const CLOCK_AHEAD_MS_MAX: i64 = 10 * 60 * 1000;
/// The latest time, in milliseconds since 1970, that is learned from other members: of the year 2255, a little before
/// nanoseconds end. Policy: a later one is taken for it, one before 1970 for 1970.
pub const FLOCK_TIME_MS_MAX: i64 = 9_000_000_000_000;

// The flock's port, its keys, and the command line.

/// Bytes of a shared key. Policy: a shorter one is a configuration error.
pub const GOSSIP_KEY_BYTES_MIN: usize = 32;
/// Bytes of a file with a shared key. Policy: a longer one is a configuration error.
pub const GOSSIP_KEY_FILE_BYTES_MAX: usize = 4096;
/// Bytes that the kernel is asked to hold until the loop reads them. Policy: it drops more; gossip expects loss.
pub const UDP_RECEIVE_BYTES: usize = 1024 * 1024;
/// Interfaces that multicast uses. Policy: further ones are left out; members behind them are found by unicast.
pub const MULTICAST_INTERFACES_MAX: usize = 16;
/// Between two times that the multicast groups are joined: switches forget them, and interfaces come and go. The clock
/// is asked as often whether it is synchronised, and a key that is missing is looked for. Policy: none, it is a pace.
pub const REJOIN_INTERVAL: Duration = Duration::from_secs(60);
/// Bytes of an answer that a subcommand reads, and of silences to import. Policy: the rest is not read, and what was read makes
/// no sense; nothing is imported.
pub const CLI_ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a subcommand waits for the agent to connect, and for each piece of its answer, and how long `alert add` tries to
/// reach one that may be starting, unless `--timeout` says. Policy: it fails.
pub const CLI_TIME_MAX: Duration = Duration::from_secs(30);

// The watchdog.

/// How late the loop's timer may be. Policy: systemd's watchdog is not fed while it is later, so that the agent is
/// started anew.
pub const TIMER_LATE_MAX: Duration = Duration::from_secs(5);

// The whole process.

/// Resident memory of the whole process: the sum of what all limits allow, see `limits/memory.rs`. Policy: none of its own,
/// each part has one.
pub const MEMORY_BYTES_MAX: usize = 576 * 1024 * 1024;
/// The memory that the kernel holds for the process beyond that, such as buffers of sockets. Policy: systemd's `MemoryMax` is the sum
/// of both; what needs more is ended and started anew.
pub const MEMORY_KERNEL_BYTES: usize = 32 * 1024 * 1024;

#[cfg(test)]
mod memory;
mod owed;
mod own;
mod receivers;
