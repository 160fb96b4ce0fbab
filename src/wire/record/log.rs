//! The record of a log entry.

use minicbor::{Decode, Encode};

use super::malformed::{Malformed, encode};
use crate::limits::LOG_NOTIFIERS_MAX;
use crate::model::{Fingerprint, GroupKey, LogEntry, LogKey};
use crate::time::Wall;

/// The elements of a body.
pub(super) const ELEMENTS: u64 = 10;

#[derive(Encode, Decode)]
#[cbor(array)]
struct LogBody<'a> {
    #[b(0)]
    group: &'a str,
    #[b(1)]
    receiver: &'a str,
    #[b(2)]
    integration: &'a str,
    #[n(3)]
    index: u32,
    #[n(4)]
    timestamp: i64,
    #[cbor(n(5), with = "minicbor::bytes")]
    firing: Vec<u8>,
    #[cbor(n(6), with = "minicbor::bytes")]
    resolved: Vec<u8>,
    #[n(7)]
    expires: i64,
    #[n(8)]
    notified_by: Option<Vec<(u64, u64)>>,
    #[b(9)]
    facts: Option<Vec<&'a str>>,
}

/// The key of a log entry.
pub fn log_key(key: &LogKey) -> [u8; 16] {
    key.id().to_be_bytes()
}

/// The body of a log entry.
pub fn encode_log(key: &LogKey, entry: &LogEntry) -> Vec<u8> {
    let bytes = |fingerprints: &[Fingerprint]| -> Vec<u8> {
        fingerprints.iter().flat_map(|it| it.0.to_be_bytes()).collect()
    };
    encode(LogBody {
        group: key.group.as_str(),
        receiver: &key.receiver,
        integration: &key.integration,
        index: key.index,
        timestamp: entry.timestamp.as_ns(),
        firing: bytes(&entry.firing),
        resolved: bytes(&entry.resolved),
        expires: entry.expires_at.as_ns(),
        notified_by: Some(entry.notified_by.to_vec()).filter(|it| !it.is_empty()),
        facts: Some(entry.facts.iter().map(|it| &**it).collect::<Vec<_>>())
            .filter(|it| !it.is_empty()),
    })
}

/// The log entry of a body.
pub fn decode_log(bytes: &[u8]) -> Result<(LogKey, LogEntry), Malformed> {
    let body: LogBody<'_> = minicbor::decode(bytes)?;
    let fingerprints = |bytes: &[u8]| {
        let (chunks, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(Malformed("fingerprints are 8 bytes each".to_owned()));
        }
        let mut found: Vec<_> =
            chunks.iter().map(|chunk| Fingerprint(u64::from_be_bytes(*chunk))).collect();
        // Searched by halves: an order that another node got wrong must not hide any.
        found.sort_unstable();
        Ok(found.into())
    };
    let group = GroupKey::from_stored(body.group);
    let key = LogKey::new(group, body.receiver.into(), body.integration.into(), body.index);
    let entry = LogEntry {
        timestamp: Wall::from_ns(body.timestamp),
        firing: fingerprints(&body.firing)?,
        resolved: fingerprints(&body.resolved)?,
        expires_at: Wall::from_ns(body.expires),
        notified_by: body
            .notified_by
            .unwrap_or_default()
            .into_iter()
            .take(LOG_NOTIFIERS_MAX)
            .collect(),
        facts: LogEntry::facts_of(body.facts.unwrap_or_default()),
    };
    Ok((key, entry))
}
