//! Signals: `SIGHUP` reloads the config, `SIGINT` and `SIGTERM` stop the agent.

use std::io;

use async_signal::{Signal, Signals};
use smol::channel::Sender;
use smol::stream::{Stream, StreamExt as _};

use crate::shell::Event;

/// Takes the signals from now on.
pub(super) fn listen() -> io::Result<Signals> {
    Signals::new([Signal::Hup, Signal::Int, Signal::Term])
}

/// Sends an event for each of them.
pub(super) async fn send(
    mut signals: impl Stream<Item = io::Result<Signal>> + Unpin,
    events: Sender<Event>,
) {
    while let Some(signal) = signals.next().await {
        let is_deaf = signal.is_err();
        let event = match signal {
            Ok(signal) => Event::Signal(signal),
            Err(error) => Event::SourceFailed("waiting for signals", error),
        };
        if events.send(event).await.is_err() || is_deaf {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use smol::{block_on, channel, stream};

    use super::*;
    use crate::shell::clock::send_timeouts;

    #[test]
    fn a_source_that_is_deaf_says_so_and_ends() {
        let broken = || io::Error::other("broken");
        let (sender, events) = channel::bounded(4);
        block_on(send_timeouts(async || Err(broken()), sender.clone()));
        block_on(send(stream::iter([Ok(Signal::Hup), Err(broken())]), sender));
        let told: Vec<_> = std::iter::from_fn(|| events.try_recv().ok()).collect();
        assert!(
            matches!(
                &*told,
                [
                    Event::SourceFailed("waiting for the timer", _),
                    Event::Signal(Signal::Hup),
                    Event::SourceFailed("waiting for signals", _)
                ]
            ),
            "{told:?}"
        );
    }
}
