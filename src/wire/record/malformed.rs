//! Encoding, and the error of a decoder.

use std::fmt;

use minicbor::Encode;

/// Bytes that are not a record of the expected kind, with the reason. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed record: {}", self.0)
    }
}

impl From<minicbor::decode::Error> for Malformed {
    fn from(error: minicbor::decode::Error) -> Self {
        Self(error.to_string())
    }
}

/// Bytes that most records need not exceed while they are encoded.
const MOST_BYTES: usize = 1024;

/// `body` in CBOR.
pub(super) fn encode(body: impl Encode<()>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(MOST_BYTES);
    // Writing to memory cannot fail.
    minicbor::encode(body, &mut bytes).ok();
    bytes.shrink_to_fit();
    bytes
}
