//! The record of an alert.

use minicbor::{Decode, Encode};

use super::labels::{flat, labels};
use super::malformed::{Malformed, encode};
use crate::model::{Alert, Fingerprint, Pool};
use crate::time::Wall;

/// The elements of a body.
pub(super) const ELEMENTS: u64 = 7;

#[derive(Encode, Decode)]
#[cbor(array)]
struct AlertBody<'a> {
    #[b(0)]
    labels: Vec<&'a str>,
    #[b(1)]
    annotations: Vec<&'a str>,
    #[n(2)]
    starts: i64,
    #[n(3)]
    ends: i64,
    #[n(4)]
    updated: i64,
    #[n(5)]
    timeout: bool,
    #[b(6)]
    url: &'a str,
}

/// The key of an alert.
pub const fn alert_key(fingerprint: Fingerprint) -> [u8; 8] {
    fingerprint.0.to_be_bytes()
}

/// The alert that an [`alert_key`] names.
pub fn fingerprint_of(key: &[u8]) -> Result<Fingerprint, Malformed> {
    let bytes = key.try_into().map_err(|_| Malformed("an alert's key is 8 bytes".to_owned()))?;
    Ok(Fingerprint(u64::from_be_bytes(bytes)))
}

/// The body of an alert.
pub fn encode_alert(alert: &Alert) -> Vec<u8> {
    encode(AlertBody {
        labels: flat(&alert.labels),
        annotations: flat(&alert.annotations),
        starts: alert.starts_at.as_ns(),
        ends: alert.ends_at.as_ns(),
        updated: alert.updated_at.as_ns(),
        timeout: alert.timeout,
        url: &alert.generator_url,
    })
}

/// The alert of a body; its strings are shared with `pool`.
pub fn decode_alert(bytes: &[u8], pool: &mut Pool) -> Result<Alert, Malformed> {
    let body: AlertBody<'_> = minicbor::decode(bytes)?;
    let own = labels(&body.labels, pool)?;
    if own.is_empty() {
        return Err(Malformed("an alert without labels".to_owned()));
    }
    Ok(Alert {
        labels: own,
        annotations: labels(&body.annotations, pool)?,
        starts_at: Wall::from_ns(body.starts),
        ends_at: Wall::from_ns(body.ends),
        updated_at: Wall::from_ns(body.updated),
        timeout: body.timeout,
        generator_url: pool.intern(body.url),
    })
}
