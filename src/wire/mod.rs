//! Bytes to nouns and back. Each decoder is total: whatever it is given, it answers with a noun or an error.

pub mod record;
