//! Records of a flash that could be read only after the start are taken back in pieces. Questions after the health of the agent
//! and the watchdog are answered between two pieces, as long as no more than [`EVENTS_MAX`] other events wait: each of these would
//! meet half of a state.

use smol::channel::Receiver;

use crate::api::{self, Endpoint};
use crate::effect::Cx;
use crate::limits::EVENTS_MAX;
use crate::shell::http::Exchange;
use crate::shell::opening::read_back;
use crate::shell::pieces::come_in;
use crate::shell::{Event, Shell, clock, keeper, systemd};

/// Records of a piece: some milliseconds of a slow processor.
const PIECE_RECORDS: usize = 250;

impl Shell {
    /// Takes these records back. The events that came meanwhile are waiting then.
    pub(super) async fn take_back(&mut self, found: &[keeper::Found], events: &Receiver<Event>) {
        let now = clock::now();
        let mut pieces = found.chunks(PIECE_RECORDS);
        loop {
            let cx = &mut Cx { now, rng: &mut self.rng, effects: &mut self.effects };
            match pieces.next() {
                Some(piece) => read_back(&mut self.node, piece),
                None if self.node.restore_some(cx, PIECE_RECORDS) => break,
                None => {}
            }
            come_in(&self.outside).await;
            self.answer_health(events);
        }
    }

    /// Handles what has come, or lets it wait.
    fn answer_health(&mut self, events: &Receiver<Event>) {
        while self.waiting.len() < EVENTS_MAX
            && let Ok(event) = events.try_recv()
        {
            match event {
                Event::Http(exchange) if self.asks_for_health(&exchange) => self.answer(*exchange),
                Event::Watchdog => systemd::alive(),
                event => self.waiting.push_back(event),
            }
        }
    }

    fn asks_for_health(&self, exchange: &Exchange) -> bool {
        let path = api::cleaned(exchange.request().path);
        Endpoint::find(&self.site.prefix, &path).asks_for_health()
    }
}
