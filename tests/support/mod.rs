//! Code that several test programs share.

pub mod flash;
pub mod rng;
pub mod switches;
