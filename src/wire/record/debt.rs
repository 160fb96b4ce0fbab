//! The record of a debt: what one integration is owed of one group.

use minicbor::{Decode, Encode};

use super::malformed::{Malformed, encode};
use crate::model::{GroupKey, LogKey};
use crate::time::Wall;

/// The elements of a body.
pub(super) const ELEMENTS: u64 = 7;

#[derive(Encode, Decode)]
#[cbor(array)]
struct DebtBody<'a> {
    #[b(0)]
    group: &'a str,
    #[b(1)]
    receiver: &'a str,
    #[b(2)]
    integration: &'a str,
    #[n(3)]
    index: u32,
    #[n(4)]
    since: i64,
    #[n(5)]
    cut: u64,
    #[n(6)]
    late: Option<u64>,
}

/// The body of what an integration is owed of a group since a time: so many alerts were cut, and so many came and went.
pub fn encode_debt(key: &LogKey, since: Wall, (cut, late): (u64, u64)) -> Vec<u8> {
    encode(DebtBody {
        group: key.group.as_str(),
        receiver: &key.receiver,
        integration: &key.integration,
        index: key.index,
        since: since.as_ns(),
        cut,
        late: Some(late).filter(|late| *late > 0),
    })
}

/// The debt of a body.
pub fn decode_debt(bytes: &[u8]) -> Result<(LogKey, Wall, (u64, u64)), Malformed> {
    let body: DebtBody<'_> = minicbor::decode(bytes)?;
    let group = GroupKey::from_stored(body.group);
    let key = LogKey::new(group, body.receiver.into(), body.integration.into(), body.index);
    Ok((key, Wall::from_ns(body.since), (body.cut, body.late.unwrap_or(0))))
}
