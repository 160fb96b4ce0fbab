//! The only room with senses: it turns bytes into calls and effects into system calls.

pub mod flash;
