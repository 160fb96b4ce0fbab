//! What sends events to the loop besides connections, attempts and the journal: a task each.

use std::rc::Rc;
use std::time::Duration;

use async_signal::Signals;
use log::error;
use smol::Timer;
use smol::channel::Sender;
use smol::stream::StreamExt as _;

use crate::limits::REJOIN_INTERVAL;
use crate::shell::{Event, clock};

pub(super) async fn send_timeouts(timer: Rc<clock::Timer>, events: Sender<Event>) {
    loop {
        if let Err(error) = timer.wait().await {
            error!("waiting for the timer failed: {error}");
            return;
        }
        if events.send(Event::Timeout).await.is_err() {
            return;
        }
    }
}

pub(super) async fn send_signals(mut signals: Signals, events: Sender<Event>) {
    while let Some(signal) = signals.next().await {
        let Ok(signal) = signal else { continue };
        if events.send(Event::Signal(signal)).await.is_err() {
            return;
        }
    }
}

pub(super) async fn send_synced(events: Sender<Event>) {
    while events.send(Event::Synced(clock::synced())).await.is_ok() {
        Timer::after(REJOIN_INTERVAL).await;
    }
}

pub(super) async fn send_beats(interval: Duration, events: Sender<Event>) {
    while events.send(Event::Watchdog).await.is_ok() {
        Timer::after(interval).await;
    }
}
