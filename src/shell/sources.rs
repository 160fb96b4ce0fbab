//! The sources of events for the loop besides connections, attempts and the journal: a task each.

use std::io;
use std::time::Duration;

use async_signal::Signal;
use log::warn;
use smol::Timer;
use smol::channel::Sender;
use smol::stream::{Stream, StreamExt as _};

use crate::limits::REJOIN_INTERVAL;
use crate::shell::keys::{self, MissingKeys};
use crate::shell::{Event, clock};

/// Tells each time that the timer has gone off: when `wait` ends.
pub(super) async fn send_timeouts(wait: impl AsyncFn() -> io::Result<()>, events: Sender<Event>) {
    loop {
        let waited = wait().await;
        let is_deaf = waited.is_err();
        let event = match waited {
            Ok(()) => Event::Timeout,
            Err(error) => Event::Deaf("waiting for the timer", error),
        };
        if events.send(event).await.is_err() || is_deaf {
            return;
        }
    }
}

pub(super) async fn send_signals(
    mut signals: impl Stream<Item = io::Result<Signal>> + Unpin,
    events: Sender<Event>,
) {
    while let Some(signal) = signals.next().await {
        let is_deaf = signal.is_err();
        let event = match signal {
            Ok(signal) => Event::Signal(signal),
            Err(error) => Event::Deaf("waiting for signals", error),
        };
        if events.send(event).await.is_err() || is_deaf {
            return;
        }
    }
}

pub(super) async fn send_synced(events: Sender<Event>) {
    while events.send(Event::Synced(clock::trust())).await.is_ok() {
        Timer::after(REJOIN_INTERVAL).await;
    }
}

/// Looks now and then for keys that could not be read at the start. To take part the agent has to start anew: it stops
/// if somebody sees to that, and says it once if not.
pub(super) async fn send_found(missing: MissingKeys, events: Sender<Event>) {
    loop {
        Timer::after(REJOIN_INTERVAL).await;
        if keys::read_again(&missing.files, &missing.places).await.is_ok() {
            break;
        }
    }
    if missing.restarted {
        let why = io::Error::other("can be read now, stopping to be started anew as a member");
        events.send(Event::Deaf("the flock's key", why)).await.ok();
    } else {
        warn!("the flock's key can be read now: restart to take part");
    }
}

pub(super) async fn send_beats(interval: Duration, events: Sender<Event>) {
    while events.send(Event::Watchdog).await.is_ok() {
        Timer::after(interval).await;
    }
}

#[cfg(test)]
mod tests {
    use smol::{block_on, channel, stream};

    use super::*;

    #[test]
    fn a_source_that_is_deaf_says_so_and_ends() {
        let broken = || io::Error::other("broken");
        let (sender, events) = channel::bounded(4);
        block_on(send_timeouts(async || Err(broken()), sender.clone()));
        block_on(send_signals(stream::iter([Ok(Signal::Hup), Err(broken())]), sender));
        let told: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).collect();
        assert!(
            matches!(
                &*told,
                [
                    Event::Deaf("waiting for the timer", _),
                    Event::Signal(Signal::Hup),
                    Event::Deaf("waiting for signals", _)
                ]
            ),
            "{told:?}"
        );
    }
}
