//! Messages to systemd, if it runs us, and its watchdog: nothing depends on them.

use std::io;
use std::time::Duration;

use log::debug;
use sd_notify::NotifyState;
use smol::Timer;
use smol::channel::Sender;

use crate::limits::TIMER_LATE_MAX;
use crate::shell::Event;
use crate::time::Mono;

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

/// Whether a timer set to `at` ought to have been handled by `now`: then [`alive`] is not said.
pub(super) fn is_late(at: Option<Mono>, now: Mono) -> bool {
    at.is_some_and(|at| at + TIMER_LATE_MAX < now)
}

/// Asks the loop for a sign of life each `interval`.
pub(super) async fn send_beats(interval: Duration, events: Sender<Event>) {
    while events.send(Event::Watchdog).await.is_ok() {
        Timer::after(interval).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_late_only_when_it_stays_overdue() {
        let at = Mono::from_ms(1000);
        assert!(!is_late(None, Mono::from_ms(u64::MAX)));
        assert!(!is_late(Some(at), Mono::ZERO));
        assert!(!is_late(Some(at), at + TIMER_LATE_MAX));
        assert!(is_late(Some(at), at + TIMER_LATE_MAX + Duration::from_millis(1)));
    }
}
