//! Durations as configs write them: `1h30m`.
