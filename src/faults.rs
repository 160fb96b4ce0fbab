//! Deliberate faults: each breaks one rule, so that a test can show that the simulator would notice. Without the feature
//! `faults`, which never ships, none can be switched on and nothing of them is in the binary.

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A rule that is broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault {
            $($(#[$doc])* $name,)*
        }

        /// Every fault.
        #[cfg(feature = "faults")]
        pub const ALL: &[Fault] = &[$(Fault::$name,)*];
    };
}

faults! {
    /// Alerts are not written to flash.
    AlertNotKept,
    /// Alerts are not told to the flock.
    AlertNotShared,
    /// Of two versions the one that comes last holds.
    AnyVersionHolds,
    /// Claims are not told to the flock.
    ClaimNotShared,
    /// Claims are told once and not renewed.
    ClaimToldOnce,
    /// Others' claims mean nothing.
    ClaimsIgnored,
    /// Others' times are taken as if all clocks agreed.
    ClockOffsetIgnored,
    /// Digests are not compared.
    DigestsIgnored,
    /// The directory is not synced.
    DirectoryNotSynced,
    /// What has ended does not come back after a restart, so that what is older may.
    EndedNotRestored,
    /// Ends that could not be told are forgotten.
    EndsForgotten,
    /// That a silence was expired is not told to the flock.
    ExpiryNotShared,
    /// The log is written before the receiver has answered.
    LogBeforeAnswer,
    /// There may be any number of groups.
    LimitIgnored,
    /// The log does not come back after a restart.
    LogNotRestored,
    /// The log is not told to the flock.
    LogNotShared,
    /// What a newer version has added to a record is forgotten.
    NewerForgotten,
    /// Records that only a newer version knows are refused.
    NewerRefused,
    /// News that was not acknowledged is not sent again.
    NewsNotResent,
    /// Each node ranks the members in an order of its own.
    RanksDiffer,
    /// Silences mute nothing.
    SilencesIgnored,
    /// Commits are not synced.
    SyncSkipped,
    /// A step of the wall clock moves when groups are flushed.
    WaitsByWall,
}

#[cfg(feature = "faults")]
thread_local! {
    /// The fault that is on, if any.
    pub static CURRENT: std::cell::Cell<Option<Fault>> = const { std::cell::Cell::new(None) };
}

/// Whether this fault is on.
#[cfg(feature = "faults")]
pub fn on(fault: Fault) -> bool {
    CURRENT.get() == Some(fault)
}

/// Whether this fault is on: never.
#[cfg(not(feature = "faults"))]
pub const fn on(_fault: Fault) -> bool {
    false
}
