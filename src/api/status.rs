//! `/api/v2/status`.

use std::collections::BTreeMap;

use serde_json::json;

use crate::api::{JournalStatus, Response, Site, flock};
use crate::limits::{CARD_ENDURANCE_BYTES, MEMORY_BYTES_MAX, STATUS_SHOWN_MAX};
use crate::node::{Node, Stage, TroubleView, Used};
use crate::store::card_days;
use crate::time::Now;
use crate::version;
use crate::wire::json::write;

/// The version, the time of the start, the config and the peers.
pub(super) fn status(node: &Node, now: Now, site: &Site) -> Response {
    let mut out = br#"{"cluster":"#.to_vec();
    flock::status(&mut out, node, now, site);
    // Ours: whether the times can be believed.
    out.extend_from_slice(br#","clock":"#);
    write::string(&mut out, if site.synced { "synced" } else { "unsynced" });
    out.extend_from_slice(br#","config":{"original":"#);
    write::string(&mut out, &node.config().original);
    out.extend_from_slice(br#"},"journal":"#);
    journal(&mut out, &site.journal, now);
    out.extend_from_slice(br#","uptime":"#);
    write::time(&mut out, site.started_at);
    out.extend_from_slice(br#","versionInfo":{"branch":"","buildDate":"","buildUser":"","#);
    out.extend_from_slice(br#""goVersion":"","revision":"","version":"#);
    write::string(&mut out, version::ALERTMANAGER);
    // Ours: what really runs.
    out.extend_from_slice(br#"},"bellwether":{"version":"#);
    write::string(&mut out, version::VERSION);
    out.extend_from_slice(br#","commit":"#);
    write::string(&mut out, version::COMMIT);
    let read_only = site.access.is_read_only();
    // The memory of the process, and the most that it is planned to have.
    let (memory, max) = (site.process.resident_bytes, MEMORY_BYTES_MAX);
    out.extend_from_slice(
        format!(r#","memory":{{"residentBytes":{memory},"maxBytes":{max}}},"readOnly":{read_only},"troubles":"#)
            .as_bytes(),
    );
    write::array(&mut out, node.troubles().into_iter().take(STATUS_SHOWN_MAX), |out, it| {
        let TroubleView { name, what, trouble } = it;
        let seconds = trouble.lasted(now.mono).as_secs();
        let (times, why) = (trouble.times, &trouble.why);
        let value = json!({"alertname": name, "what": what, "seconds": seconds, "times": times, "why": why});
        out.extend_from_slice(value.to_string().as_bytes());
    });
    out.extend_from_slice(br#","receivers":"#);
    receivers(&mut out, node, now);
    out.extend_from_slice(b"}}");
    Response::json(200, out)
}

/// Ours: the integrations that were told, or failed, of something: when so last, and what that took.
fn receivers(out: &mut Vec<u8>, node: &Node, now: Now) {
    let mut used: BTreeMap<_, _> =
        node.used(now.mono).map(|(key, used, part)| (key, (used, part))).collect();
    let last: BTreeMap<_, _> = node.last().collect();
    for key in last.keys() {
        used.entry(key).or_default();
    }
    write::array(out, used.into_iter().take(STATUS_SHOWN_MAX), |out, (key, (used, part))| {
        let (receiver, kind, index) = key;
        let Used { bytes, messages, bytes_total, .. } = used;
        let last = last.get(key);
        let failed = last.and_then(|it| it.failed.as_ref());
        let value = json!({
            "receiver": &**receiver,
            "integration": format!("{kind}[{index}]"),
            "lastSuccess": last.and_then(|it| it.told),
            "lastFailure": failed.map(|it| it.0),
            "lastError": failed.map(|it| &it.1),
            "bytesToday": bytes,
            "messagesToday": messages,
            "bytesTotal": bytes_total,
            "budget": part.map(Stage::as_str),
        });
        out.extend_from_slice(value.to_string().as_bytes());
    });
}

/// How the journal stands, in a word.
pub(super) fn journal_state(journal: &JournalStatus) -> &'static str {
    match (&journal.fault, journal.chosen, journal.volatile) {
        (Some(_), _, _) => "failed",
        (None, "off", _) => "off",
        (None, _, true) => "volatile",
        (None, _, false) => "ready",
    }
}

/// Ours: whether what was answered is kept, and what that costs the card.
fn journal(out: &mut Vec<u8>, journal: &JournalStatus, now: Now) {
    out.extend_from_slice(br#"{"status":"#);
    write::string(out, journal_state(journal));
    out.extend_from_slice(br#","path":"#);
    write::string(out, &journal.path);
    out.extend_from_slice(br#","durability":"#);
    write::string(out, journal.chosen);
    if let Some(fault) = &journal.fault {
        out.extend_from_slice(br#","fault":"#);
        write::string(out, fault);
    }
    if let Some(missing) = &journal.missing {
        let text = format!(r#","neededBytes":{},"freeBytes":{}"#, missing.needed, missing.free);
        out.extend_from_slice(text.as_bytes());
    }
    if let Some(seconds) = journal.retry_secs(now.mono) {
        out.extend_from_slice(format!(r#","nextTrySeconds":{seconds}"#).as_bytes());
    }
    let wear = &journal.wear;
    out.extend_from_slice(
        format!(
            r#","commits":{},"bytes":{},"leftOut":{},"commitsPerDay":{}"#,
            wear.commits,
            wear.bytes,
            journal.left_out,
            journal.commits_a_day()
        )
        .as_bytes(),
    );
    if let Some(days) = card_days(CARD_ENDURANCE_BYTES, journal.commits_a_day()) {
        out.extend_from_slice(format!(r#","cardDays":{days}"#).as_bytes());
    }
    out.push(b'}');
}
