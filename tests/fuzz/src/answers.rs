//! Answers of receivers over HTTP: the same in any pieces, and bounded.

use bellwether::limits::REPLY_BYTES_MAX;
use bellwether::time::Wall;
use bellwether::wire::http1::{HttpReader, retry_after};

use crate::input::{Input, in_pieces, utf8};

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let choices = input.byte();
    let (is_connect, closed) = (choices & 1 == 1, choices & 2 == 2);
    in_pieces(input.rest(), |pieces| {
        let mut reader = if is_connect { HttpReader::of_connect() } else { HttpReader::default() };
        for piece in pieces {
            match reader.feed(piece) {
                Ok(false) => {}
                Ok(true) => break,
                Err(why) => return Err(why),
            }
        }
        let told = reader.status();
        let answer = reader.finish(closed)?;
        assert!(told.is_none_or(|status| status == answer.status));
        assert!(answer.body.len() <= REPLY_BYTES_MAX);
        // Where pieces end decides whether what follows an answer was seen in time.
        Ok((answer.status, answer.location, answer.retry_after, answer.body))
    });
    retry_after(utf8(bytes), Wall::from_secs(1_800_000_000));
}
