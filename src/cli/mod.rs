//! The subcommands: thin clients of the HTTP API, and offline checks.

pub mod check;
pub mod journal;
