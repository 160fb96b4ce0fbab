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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    use std::rc::Rc;
    use std::{fs, thread};

    use async_signal::Signal;
    use smol::LocalExecutor;

    use super::*;
    use crate::shell::testing::setup;
    use crate::wire::record::Kind;

    const BODY: &str = r#"[{"labels":{"alertname":"A"}}]"#;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the client of the test")]
    fn a_post_that_waits_behind_a_signal_to_stop_is_answered_and_kept() {
        let folder = std::env::temp_dir().join(format!("bellwether-behind-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let setup = setup(&folder);
        let (storage, socket) = (setup.storage.clone(), folder.join("socket"));
        let executor = Rc::new(LocalExecutor::new());
        let (mut shell, events) = Shell::start(&executor, setup).unwrap();
        let client = thread::spawn(move || {
            let mut stream = UnixStream::connect(socket).unwrap();
            let head =
                "POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
            write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{BODY}", BODY.len()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        let serving = executor.spawn(async move {
            shell.waiting.push_back(Event::Signal(Signal::Term));
            while !matches!(shell.waiting.back(), Some(Event::Http(_))) {
                shell.waiting.push_back(events.recv().await.unwrap());
            }
            shell.serve(&events).await.unwrap();
            assert!(!shell.waiting.is_empty(), "the post waits until the stop has begun");
            Box::pin(shell.stop(&events)).await;
        });
        smol::block_on(executor.run(serving));
        let answer = client.join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        drop(executor);
        let found = keeper::open(&storage).unwrap().found;
        assert!(found.iter().any(|it| it.0 == u16::from(Kind::Alert.number())), "{found:?}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
