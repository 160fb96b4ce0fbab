//! Labels in a body: names and values in turn.

use super::malformed::Malformed;
use crate::model::{Labels, Pool};

pub(super) fn flat(labels: &Labels) -> Vec<&str> {
    labels.iter().flat_map(|(name, value)| [name, value]).collect()
}

pub(super) fn labels(flat: &[&str], pool: &mut Pool) -> Result<Labels, Malformed> {
    let (pairs, rest) = flat.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Malformed("a label without a value".to_owned()));
    }
    Ok(pool.labels(pairs.iter().map(|[name, value]| (*name, *value))))
}
