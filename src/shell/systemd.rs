//! Messages to systemd, if it runs us: nothing depends on them.

use std::io;
use std::time::Duration;

use log::debug;
use sd_notify::NotifyState;

fn tell(result: io::Result<()>) {
    if let Err(error) = result {
        debug!("telling systemd failed: {error}");
    }
}

/// The agent serves.
pub(super) fn ready() {
    tell(sd_notify::notify(&[NotifyState::Ready]));
}

/// The agent loads its config anew; [`ready`] ends it.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(sd_notify::notify(&[NotifyState::Reloading, now])),
        Err(error) => tell(Err(error)),
    }
}

/// The agent stops.
pub(super) fn stopping() {
    tell(sd_notify::notify(&[NotifyState::Stopping]));
}

/// The loop is alive and its timer is on time.
pub(super) fn alive() {
    tell(sd_notify::notify(&[NotifyState::Watchdog]));
}

/// How often [`alive`] is to be said: three times in the time after which systemd would give us up, so that it may once
/// be left out.
pub(super) fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|timeout| timeout / 3)
}
