//! The API's JSON. Bodies are read without copies into reports and silences; answers are written straight into bytes.

pub mod body;
mod plain;
pub mod read;
pub mod uri;
pub mod write;
