//! HTTP/1.1 as a client speaks it. Requests are written strictly; answers are read leniently, because receivers may be
//! microcontrollers: once a final status line is there, the notification was taken or refused, whatever follows that line.

use std::fmt::Write as _;
use std::time::Duration;

use crate::limits::{ANSWER_HEAD_BYTES_MAX, REPLY_BYTES_MAX};
use crate::time::Wall;
use crate::wire::rfc3339;

/// A request's line and headers. None if a name or a value cannot stand in a header: its name.
pub fn head(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body_bytes: Option<usize>,
) -> Result<Vec<u8>, String> {
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    for (name, value) in headers {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let is_fine = !name.is_empty() && name.bytes().all(is_token);
        if !is_fine || value.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control()) {
            return Err((*name).to_owned());
        }
        for piece in [name, ": ", value, "\r\n"] {
            head.push_str(piece);
        }
    }
    if let Some(bytes) = body_bytes {
        // Writing to a String cannot fail.
        write!(head, "Content-Length: {bytes}\r\n").ok();
    }
    head.push_str("\r\n");
    Ok(head.into_bytes())
}

/// An answer: what of it a receiver may need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// `Retry-After` as it was said.
    pub retry_after: Option<String>,
    /// The body, at most [`REPLY_BYTES_MAX`] of it.
    pub body: Vec<u8>,
    /// How long the connection may be kept, if it may be: as long as we like if the other side does not say.
    pub keep: Option<Duration>,
}

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// After so many more bytes.
    Length(u64),
    /// In chunks: so many bytes of this one are still to come.
    Chunk(u64),
    /// The end of a chunk's data is to come, then its size line.
    ChunkEnd,
    /// The size line of a chunk is to come.
    ChunkSize,
    /// The last chunk was there; trailers are to come, up to an empty line.
    Trailers,
    /// With the connection.
    Close,
}

#[derive(Debug)]
enum State {
    StatusLine,
    Headers,
    Body(Framing),
    Done,
}

/// Reads one answer, piece by piece.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that was told or not")]
pub struct HttpReader {
    state: State,
    /// The part of a line that was read.
    line: Vec<u8>,
    head_bytes: usize,
    /// The last header, which a folded line goes on.
    header: Option<(String, String)>,
    is_http_1_0: bool,
    is_connect: bool,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    keep_for: Option<Duration>,
    answer: HttpAnswer,
    is_whole: bool,
}

/// Why there is no answer: the other side closed, or what came is not HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The connection ended before a status line.
    Closed,
    /// The first line is no status line.
    NotHttp,
}

impl Default for HttpReader {
    fn default() -> Self {
        Self {
            state: State::StatusLine,
            line: Vec::new(),
            head_bytes: 0,
            header: None,
            is_http_1_0: false,
            is_connect: false,
            length: None,
            chunked: false,
            close: false,
            keep_alive: false,
            keep_for: None,
            answer: HttpAnswer::default(),
            is_whole: false,
        }
    }
}

impl HttpReader {
    /// Reads the answer to `CONNECT`, which has no body if that was done.
    pub fn of_connect() -> Self {
        Self { is_connect: true, ..Self::default() }
    }

    /// The status, once a final status line was read.
    pub const fn status(&self) -> Option<u16> {
        match self.state {
            State::StatusLine => None,
            _ if is_interim(self.answer.status) => None,
            _ => Some(self.answer.status),
        }
    }

    /// Takes what was read. True once the answer is whole, or nothing more of it is of use.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<bool, NoAnswer> {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Done => {
                    // Nobody asked for more: what else comes on this connection is not an answer of ours.
                    self.is_whole = false;
                    return Ok(true);
                }
                State::Body(framing) => self.body(framing, bytes),
                State::StatusLine | State::Headers => self.head(bytes)?,
            };
        }
        Ok(matches!(self.state, State::Done))
    }

    /// The answer, however far it was read; `closed` if the connection has ended.
    pub fn finish(mut self, closed: bool) -> Result<HttpAnswer, NoAnswer> {
        if self.status().is_none() {
            // A status line may end with the connection.
            let line = std::mem::take(&mut self.line);
            if closed && matches!(self.state, State::StatusLine) && !line.is_empty() {
                self.status_line(&line)?;
            }
            if self.status().is_none() {
                return Err(NoAnswer::Closed);
            }
        }
        self.end_header();
        let stays = if self.is_http_1_0 { self.keep_alive } else { !self.close };
        let keeps = self.is_whole && stays && !closed && !self.close;
        self.answer.keep = keeps.then(|| self.keep_for.unwrap_or(Duration::MAX));
        Ok(self.answer)
    }

    /// Takes bytes of lines; the rest.
    fn head<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], NoAnswer> {
        let Some((line, rest)) = self.take_line(bytes) else {
            if self.head_bytes > ANSWER_HEAD_BYTES_MAX {
                if matches!(self.state, State::StatusLine) {
                    return Err(NoAnswer::NotHttp);
                }
                self.state = State::Done;
            } else if matches!(self.state, State::StatusLine) && !may_be_status(&self.line) {
                return Err(NoAnswer::NotHttp);
            }
            return Ok(&[]);
        };
        if matches!(self.state, State::StatusLine) {
            // Some send empty lines first.
            if !line.is_empty() {
                self.status_line(&line)?;
            }
        } else if line.is_empty() {
            self.end_of_head();
        } else {
            self.header_line(&line);
        }
        Ok(rest)
    }

    /// A line without its end, if `bytes` complete one, and what follows it.
    fn take_line<'b>(&mut self, bytes: &'b [u8]) -> Option<(Vec<u8>, &'b [u8])> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let piece = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        self.head_bytes = self.head_bytes.saturating_add(piece.len() + 1);
        if self.head_bytes <= ANSWER_HEAD_BYTES_MAX {
            self.line.extend_from_slice(piece);
        }
        let rest = bytes.get(end? + 1..).unwrap_or_default();
        let mut line = std::mem::take(&mut self.line);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Some((line, rest))
    }

    fn status_line(&mut self, line: &[u8]) -> Result<(), NoAnswer> {
        if !may_be_status(line) {
            return Err(NoAnswer::NotHttp);
        }
        let text = String::from_utf8_lossy(line);
        let mut words = text.split_ascii_whitespace();
        let version = words.next().filter(|word| word.starts_with("HTTP/"));
        let status = words.next().and_then(|word| word.parse().ok());
        let (Some(version), Some(status @ 100..=999)) = (version, status) else {
            return Err(NoAnswer::NotHttp);
        };
        self.is_http_1_0 = version == "HTTP/1.0";
        self.answer.status = status;
        self.state = State::Headers;
        Ok(())
    }

    fn header_line(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        if text.starts_with([' ', '\t']) {
            if let Some((_, value)) = &mut self.header {
                value.push(' ');
                value.push_str(text.trim());
            }
            return;
        }
        self.end_header();
        let pair = text.split_once(':');
        self.header =
            pair.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }

    /// Draws the conclusions from a header whose last line was there.
    fn end_header(&mut self) {
        let Some((name, value)) = self.header.take() else { return };
        match name.as_str() {
            "connection" | "proxy-connection" => {
                self.close |= has_token(&value, "close");
                self.keep_alive |= has_token(&value, "keep-alive");
            }
            "content-length" => {
                let length = value.split(',').next().and_then(|text| text.trim().parse().ok());
                // A body that cannot be trusted ends with the connection.
                self.close |= length.is_none() || self.length.is_some_and(|it| Some(it) != length);
                self.length = length;
            }
            "keep-alive" => {
                let timeout =
                    value.split(',').find_map(|part| part.trim().strip_prefix("timeout="));
                let seconds = timeout.and_then(|text| text.trim().parse().ok());
                self.keep_for = seconds.map(Duration::from_secs);
            }
            "location" => self.answer.location = Some(value),
            "retry-after" => self.answer.retry_after = Some(value),
            "transfer-encoding" => self.chunked |= has_token(&value, "chunked"),
            _ => {}
        }
    }

    fn end_of_head(&mut self) {
        self.end_header();
        let status = self.answer.status;
        if is_interim(status) {
            // An interim answer: the real one follows.
            let (head_bytes, is_connect) = (self.head_bytes, self.is_connect);
            *self = Self { head_bytes, is_connect, ..Self::default() };
            return;
        }
        self.head_bytes = 0;
        self.close |= self.chunked && self.length.is_some();
        let framing = match self.length {
            _ if matches!(status, 101 | 204 | 304) => Framing::Length(0),
            _ if self.is_connect && status / 100 == 2 => Framing::Length(0),
            _ if self.chunked => Framing::ChunkSize,
            Some(length) => Framing::Length(length),
            None => Framing::Close,
        };
        self.close |= status == 101;
        self.enter(framing);
    }

    fn enter(&mut self, framing: Framing) {
        self.state = State::Body(framing);
        if framing == Framing::Length(0) {
            self.whole();
        }
    }

    fn whole(&mut self) {
        self.is_whole = true;
        self.state = State::Done;
    }

    /// Takes bytes of the body; the rest.
    fn body<'b>(&mut self, framing: Framing, bytes: &'b [u8]) -> &'b [u8] {
        match framing {
            Framing::Close => self.take(bytes, u64::MAX).0,
            Framing::Length(left) => {
                let (rest, left) = self.take(bytes, left);
                if !matches!(self.state, State::Done) {
                    self.enter(Framing::Length(left));
                }
                rest
            }
            Framing::Chunk(left) => {
                let (rest, left) = self.take(bytes, left);
                if !matches!(self.state, State::Done) {
                    let next = if left == 0 { Framing::ChunkEnd } else { Framing::Chunk(left) };
                    self.state = State::Body(next);
                }
                rest
            }
            Framing::ChunkEnd | Framing::ChunkSize | Framing::Trailers => {
                let Some((line, rest)) = self.take_line(bytes) else {
                    if self.head_bytes > ANSWER_HEAD_BYTES_MAX {
                        self.state = State::Done;
                    }
                    return &[];
                };
                self.head_bytes = 0;
                self.chunk_line(framing, &line);
                rest
            }
        }
    }

    fn chunk_line(&mut self, framing: Framing, line: &[u8]) {
        let next = match framing {
            Framing::ChunkEnd if line.is_empty() => Framing::ChunkSize,
            Framing::Trailers if line.is_empty() => return self.whole(),
            Framing::Trailers => Framing::Trailers,
            _ => {
                let text = String::from_utf8_lossy(line);
                let size = text.split(';').next().unwrap_or_default().trim();
                match u64::from_str_radix(size, 16) {
                    Ok(0) => Framing::Trailers,
                    Ok(size) => Framing::Chunk(size),
                    // The rest makes no sense, and the status is known.
                    Err(_) => {
                        self.state = State::Done;
                        return;
                    }
                }
            }
        };
        self.state = State::Body(next);
    }

    /// Takes up to `left` bytes of the body; what follows them, and how many are still to come.
    fn take<'b>(&mut self, bytes: &'b [u8], left: u64) -> (&'b [u8], u64) {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let (taken, rest) = bytes.split_at(count);
        let room = REPLY_BYTES_MAX - self.answer.body.len();
        self.answer.body.extend_from_slice(taken.get(..room).unwrap_or(taken));
        if taken.len() > room {
            self.state = State::Done;
            return (&[], 0);
        }
        (rest, left - count as u64)
    }
}

/// Whether another answer follows. After 101 none does.
const fn is_interim(status: u16) -> bool {
    status < 200 && status != 101
}

/// Whether a line that has begun so may become a status line.
fn may_be_status(line: &[u8]) -> bool {
    let begun = b"HTTP/".iter().zip(line);
    begun.clone().all(|(expected, found)| expected == found) || line == b"\r"
}

/// Whether a list of words with commas between has this one.
fn has_token(list: &str, token: &str) -> bool {
    list.split(',').any(|word| word.trim().eq_ignore_ascii_case(token))
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How long to wait as `Retry-After` says it: seconds, or a date.
pub fn retry_after(text: &str, now: Wall) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    // `Sun, 06 Nov 1994 08:49:37 GMT`
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [_, day, month, year, time, "GMT"] = *words else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let text = format!("{year}-{month:02}-{day:0>2}T{time}Z");
    rfc3339::parse(&text).ok().flatten().map(|at| at.since(now))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The result for an answer that comes in pieces of this size.
    fn read_by(size: usize, text: &str, closed: bool) -> Result<HttpAnswer, NoAnswer> {
        let mut reader = HttpReader::default();
        for piece in text.as_bytes().chunks(size) {
            if reader.feed(piece)? && closed {
                break;
            }
        }
        reader.finish(closed)
    }

    fn read(text: &str) -> HttpAnswer {
        let whole = read_by(usize::MAX, text, false).unwrap();
        for size in 1..8 {
            assert_eq!(read_by(size, text, false).as_ref(), Ok(&whole), "{text:?} by {size}");
        }
        whole
    }

    #[test]
    fn a_usual_answer_is_read_and_its_connection_kept() {
        let answer =
            read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=5\r\n\r\nok");
        assert_eq!((answer.status, &*answer.body), (200, &b"ok"[..]));
        assert_eq!(answer.keep, Some(Duration::from_secs(5)));
        let chunked = read(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\nRetry-After: 7\r\n\r\n\
             3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nTrailer: x\r\n\r\n",
        );
        assert_eq!((chunked.status, &*chunked.body), (503, &b"abcd"[..]));
        assert_eq!(
            (chunked.retry_after.as_deref(), chunked.keep),
            (Some("7"), Some(Duration::MAX))
        );
        let empty = read("HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!((empty.status, empty.keep), (204, Some(Duration::MAX)));
    }

    #[test]
    fn a_status_line_is_an_answer_whatever_follows_it() {
        let many = "X-Header: y\r\n".repeat(150);
        for text in [
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
            &format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 2\r\n\r\nok"),
            "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
            "\r\nHTTP/1.1 200\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nno colon\r\n: no name\r\nContent-Length: 2, 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok",
        ] {
            let answer = read(text);
            assert_eq!((answer.status, &*answer.body), (200, &b"ok"[..]), "{text:?}");
        }
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Le",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
            "HTTP/2 200\r\n",
        ] {
            assert_eq!((read(text).status, read(text).keep), (200, None), "{text:?}");
        }
        assert_eq!(read_by(1, "HTTP/1.1 200 OK", true).unwrap().status, 200);
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(2 * ANSWER_HEAD_BYTES_MAX));
        assert_eq!(read(&endless).status, 200);
    }

    #[test]
    fn without_a_status_line_there_is_no_answer() {
        for (text, why) in [
            ("", NoAnswer::Closed),
            ("HTTP/1.1 100 Continue\r\n\r\n", NoAnswer::Closed),
            ("SSH-2.0-OpenSSH\r\n", NoAnswer::NotHttp),
            ("\x15\x03\x01\x00\x02\x02\x16", NoAnswer::NotHttp),
            ("HTTP/1.1 abc\r\n", NoAnswer::NotHttp),
            ("HTTP/1.1 20", NoAnswer::NotHttp),
            (" HTTP/1.1 200 OK\r\n\r\n", NoAnswer::NotHttp),
        ] {
            assert_eq!(read_by(1, text, true), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_connection_is_kept_only_after_a_whole_answer_of_one_that_stays() {
        let keep = |text| read(text).keep.is_some();
        assert!(keep("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"));
        for text in [
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 101 Switching\r\n\r\n",
        ] {
            assert!(!keep(text), "{text:?}");
        }
    }

    #[test]
    fn a_long_body_is_cut() {
        let body = "x".repeat(REPLY_BYTES_MAX + 1);
        for head in ["", "Content-Length: 1000000\r\n"] {
            let answer = read_by(4096, &format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}"), false);
            let answer = answer.unwrap();
            assert_eq!((answer.body.len(), answer.keep), (REPLY_BYTES_MAX, None));
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Wall::from_secs(784_111_777 - 60);
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(retry_after(date, now), Some(Duration::from_secs(60)));
        assert_eq!(retry_after(date, Wall::from_secs(784_111_778)), Some(Duration::ZERO));
        for text in ["", "soon", "-1", "Sun, 06 Nox 1994 08:49:37 GMT"] {
            assert_eq!(retry_after(text, now), None, "{text}");
        }
    }

    #[test]
    fn a_header_that_would_end_its_line_is_refused() {
        assert_eq!(
            head("POST", "/a", &[("Host", "h"), ("X-A", "ü")], Some(2)).unwrap(),
            "POST /a HTTP/1.1\r\nHost: h\r\nX-A: ü\r\nContent-Length: 2\r\n\r\n".as_bytes()
        );
        assert_eq!(head("GET", "/", &[("X-A", "a\r\nb")], None), Err("X-A".to_owned()));
        assert_eq!(head("GET", "/", &[("X A", "a")], None), Err("X A".to_owned()));
    }

    proptest! {
        #[test]
        fn noise_never_panics(
            text in "(HTTP/1.1 200 OK\r\n)?(Content-Length: 5\r\n|Transfer-Encoding: chunked\r\n)?(\r\n)?[0-9a-f\r\n]{0,40}",
            noise in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut reader = HttpReader::default();
            if reader.feed(text.as_bytes()).is_ok() && reader.feed(&noise).is_ok() {
                let knows = reader.status().is_some();
                prop_assert!(!knows || reader.finish(true).is_ok());
            }
        }
    }
}
