//! Bellwether: an alerting agent for gateways.
//!
//! The map of the house. A room imports from those before it alone; from which of them, `tests/tidy.rs` says:
//!
//! ```text
//! time, limits, version, ui <- model <- template, wire <- config <- notify, store,
//!   gossip <- effect <- core <- node <- api <- shell <- cli <- main
//! ```
//!
//! Two laws shape it. The brain (everything but `shell`, `cli` and `main`) has no senses: it is given the time and
//! randomness as arguments and returns [`effect::Effect`]s. The shell has no opinions: it turns bytes into calls and
//! effects into system calls. The third law, a limit and a policy for everything, is [`limits`].

pub mod api;
pub mod cli;
pub mod config;
pub mod core;
pub mod effect;
pub mod gossip;
pub mod limits;
pub mod model;
pub mod node;
pub mod notify;
pub mod shell;
pub mod store;
pub mod template;
pub mod time;
pub mod ui;
pub mod version;
pub mod wire;
