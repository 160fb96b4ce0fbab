//! The result of a post of alerts, before it is put in the words of a version of the API.

use crate::core::Intake;
use crate::wire::json::body::BodyError;

/// The result of a post of alerts.
#[derive(Debug)]
pub(super) enum Outcome {
    /// There was nothing in it.
    Empty,
    /// It could not be read.
    Wrong(BodyError),
    /// Its valid alerts were taken.
    Taken(Intake),
}
