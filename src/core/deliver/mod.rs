//! A due group is flushed, and each integration of its receiver gets a delivery: over the tables of alerts, groups, routes,
//! silences, inhibition, intervals and the log.
//!
//! | file | |
//! |---|---|
//! | `flush` | the pipeline on one screen: snapshot, muting, fan-out, end |
//! | `flushing`, `delivery` | the state of a flush, and of its deliveries |
//! | `looking` | which alerts of a flush are muted |
//! | `machine`, `sight`, `act` | what a delivery does next: the pure step, what it sees, and the doing |
//! | `content`, `dedup`, `notification` | the alerts of a delivery, whether they are news, and the notification of them |
//! | `turn`, `claims` | whose turn it is, and how a delivery claims it and gives it up |
//! | `attempts`, `places`, `kept` | attempts and what follows from replies, the places for them, the values that one keeps for the next |
//! | `reach`, `look` | which receivers this node reaches |
//! | `failing`, `backoff`, `fallback` | the receivers that fail: since when, the pauses until they are tried again, and their fallbacks |
//! | `owed` | what a receiver was not told because it was not reached: until it is told, cut, or dropped |
//! | `budget` | the bytes and messages that a receiver may use a day |
//! | `rate_limit` | the budget of a receiver, and the digest of groups that were held back |
//! | `logging`, `history` | the log entries of deliveries, and their outcomes for people |
//!
//! A delivery goes on by one method alone, `step` in `act`: it asks the machine, with the answers of `sight`, and takes the action.
//! The log has each step at debug, with the states before and after. The files that call it each bring inputs:
//!
//! | file | inputs |
//! |---|---|
//! | `flush`, `fallback` | a delivery begins; the digest that was to tell of it ends with its group |
//! | `act` | its timer is due; the part of an action is done that the next step depends on |
//! | `attempts` | a reply |
//! | `claims` | another member has claimed the turn, given it up, or notified |
//! | `places` | a place is free; it is known whether the receiver can be reached (from `look`) |
//! | `rate_limit` | a digest tells of it, and was delivered or not |
//!
//! All other files are called by these and by the actions, and bring no inputs. That the timer of a claim is due is an input of
//! [`Core::handle_timeout`](crate::core::Core::handle_timeout), which runs all timers.

pub(in crate::core) mod act;
pub(in crate::core) mod attempts;
pub mod backoff;
pub mod budget;
pub(in crate::core) mod claims;
pub mod content;
pub mod dedup;
pub mod delivery;
pub mod failing;
pub(in crate::core) mod fallback;
pub mod flush;
pub(in crate::core) mod flushing;
pub mod history;
pub(in crate::core) mod kept;
pub(in crate::core) mod logging;
pub(in crate::core) mod look;
pub(in crate::core) mod looking;
pub(in crate::core) mod machine;
pub(in crate::core) mod notification;
pub mod owed;
pub(in crate::core) mod places;
pub mod rate_limit;
pub mod reach;
pub(in crate::core) mod sight;
pub mod turn;
