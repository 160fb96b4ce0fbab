//! Between the socket and hyper: requests as small devices and people write them, in the strict form that hyper reads.
//!
//! Input with one meaning alone is rewritten to it: raw characters in a target, folded headers, an empty `Content-Length`
//! where no body is expected, `Transfer-Encoding` under HTTP/1.0, lines and chunks that end with LF. A request that could be read
//! in two ways is refused: another server on the way might read the other. A refusal goes to hyper as a request of its own,
//! with the answer in the header [`REFUSED`], so that each one has a text. Pure: bytes in, bytes out.

use crate::limits::{HTTP_CHUNK_LINE_BYTES_MAX, HTTP_HEADER_BYTES_MAX, HTTP_HEADERS_MAX};

use super::head::{self, Body, REFUSED};

/// The first byte of a TLS connection.
const TLS_HANDSHAKE: u8 = 0x16;

/// Where in the bytes of a connection we are.
#[derive(Debug, Default)]
enum Place {
    /// In a head, or before one.
    #[default]
    Head,
    /// In a body that has so many bytes left.
    Fixed(u64),
    /// In the line before a chunk.
    ChunkSize,
    /// In a chunk that has so many bytes left.
    Chunk(u64),
    /// In the line end after a chunk.
    ChunkEnd,
    /// In the lines after the last chunk.
    Trailers,
    /// Behind a refusal: what comes is dropped.
    Refused,
    /// In a body that makes no sense: it has ended, and with it the connection.
    Broken,
}

/// The requests of one connection on their way to hyper; the default stands at the beginning of a connection.
#[derive(Debug, Default)]
pub struct Lenient {
    place: Place,
    /// A line or a head that has not come whole.
    held: Vec<u8>,
}

impl Lenient {
    /// Whether nothing more is to be read: what was read last makes no sense.
    pub const fn is_broken(&self) -> bool {
        matches!(self.place, Place::Broken)
    }

    /// Takes what was read; appends to `out` what hyper is to read.
    pub fn push(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        while !input.is_empty() {
            input = match self.place {
                Place::Head => self.head(input, out),
                Place::Fixed(left) => {
                    let (now, later) = split(input, left);
                    out.extend_from_slice(now);
                    let left = left - now.len() as u64;
                    self.place = if left == 0 { Place::Head } else { Place::Fixed(left) };
                    later
                }
                Place::Chunk(left) => {
                    let (now, later) = split(input, left);
                    out.extend_from_slice(now);
                    let left = left - now.len() as u64;
                    self.place = if left == 0 { Place::ChunkEnd } else { Place::Chunk(left) };
                    later
                }
                Place::ChunkSize | Place::ChunkEnd | Place::Trailers => self.line(input, out),
                Place::Refused | Place::Broken => return,
            };
        }
    }

    /// Takes input up to the end of the head, at most; returns what follows.
    fn head<'a>(&mut self, input: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let from = self.held.len().saturating_sub(3);
        let room = (HTTP_HEADER_BYTES_MAX + 1).saturating_sub(self.held.len());
        let before = self.held.len();
        self.held.extend_from_slice(input.get(..room).unwrap_or(input));
        let skipped = self.held.iter().take_while(|byte| b"\r\n".contains(byte)).count();
        // A client that speaks TLS waits for an answer, and its hello need not have a line end.
        if self.held.get(skipped) == Some(&TLS_HANDSHAKE) {
            self.refuse(400, "TLS is not spoken at this port: use http://", out);
            return &[];
        }
        let Some(end) = head::end(&self.held, from.max(skipped)) else {
            if self.held.len() > HTTP_HEADER_BYTES_MAX {
                let max = HTTP_HEADER_BYTES_MAX;
                self.refuse(431, &format!("the headers are larger than {max} bytes"), out);
            }
            return &[];
        };
        let read = end - before;
        let start = out.len();
        let outcome =
            head::read(self.held.get(skipped..end).unwrap_or_default(), HTTP_HEADERS_MAX, out);
        let outcome = outcome.and_then(|body| {
            let fits = out.len() - start <= HTTP_HEADER_BYTES_MAX;
            if fits {
                Ok(body)
            } else {
                Err((431, "the headers are too large once they are encoded".to_owned()))
            }
        });
        match outcome {
            Ok(body) => {
                self.place = match body {
                    Body::Chunked => Place::ChunkSize,
                    Body::Fixed(0) => Place::Head,
                    Body::Fixed(length) => Place::Fixed(length),
                };
                self.held = Vec::new();
            }
            Err((status, why)) => {
                out.truncate(start);
                self.refuse(status, &why, out);
            }
        }
        input.get(read..).unwrap_or_default()
    }

    fn refuse(&mut self, status: u16, why: &str, out: &mut Vec<u8>) {
        // Of the client's text only what a header can hold.
        let why: String =
            why.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect();
        let request =
            format!("GET / HTTP/1.1\r\n{REFUSED}: {status} {why}\r\nconnection: close\r\n\r\n");
        out.extend_from_slice(request.as_bytes());
        self.held = Vec::new();
        self.place = Place::Refused;
    }

    /// Takes input up to the end of a line between chunks; returns what follows.
    fn line<'a>(&mut self, input: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let length = input.iter().position(|byte| *byte == b'\n').map_or(input.len(), |at| at + 1);
        let (now, later) = input.split_at(length);
        self.held.extend_from_slice(now);
        if self.held.len() > HTTP_CHUNK_LINE_BYTES_MAX {
            self.place = Place::Broken;
        } else if self.held.ends_with(b"\n") {
            let held = std::mem::take(&mut self.held);
            let line = held.trim_ascii_end();
            self.place = match self.place {
                Place::ChunkSize => chunk(line, out),
                Place::ChunkEnd if line.is_empty() => {
                    out.extend_from_slice(b"\r\n");
                    Place::ChunkSize
                }
                Place::Trailers if line.is_empty() => {
                    out.extend_from_slice(b"\r\n");
                    Place::Head
                }
                Place::Trailers => Place::Trailers,
                _ => Place::Broken,
            };
        }
        later
    }
}

/// Reads the line before a chunk; what extends it is left out.
fn chunk(line: &[u8], out: &mut Vec<u8>) -> Place {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|text| is_hex && text.len() <= 15);
    let Some(size) = text.and_then(|text| u64::from_str_radix(text, 16).ok()) else {
        return Place::Broken;
    };
    out.extend_from_slice(format!("{size:x}\r\n").as_bytes());
    if size == 0 { Place::Trailers } else { Place::Chunk(size) }
}

fn split(input: &[u8], left: u64) -> (&[u8], &[u8]) {
    input.split_at(usize::try_from(left).map_or(input.len(), |left| left.min(input.len())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The requests that hyper reads of `input`, which comes in pieces of `size`.
    fn pushed(input: &[u8], size: usize) -> (Lenient, Vec<u8>) {
        let (mut lenient, mut out) = (Lenient::default(), Vec::new());
        input.chunks(size).for_each(|piece| lenient.push(piece, &mut out));
        (lenient, out)
    }

    fn is_read_as(input: &str, expected: &str) {
        for size in [1, 2, 3, 7, input.len()] {
            let (lenient, out) = pushed(input.as_bytes(), size);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{input:?} by {size}");
            assert!(!lenient.is_broken(), "{input:?}");
        }
    }

    fn is_refused(input: &str, why: &str) {
        let (_, out) = pushed(input.as_bytes(), 5);
        let out = String::from_utf8(out).unwrap();
        let told = out.split(&format!("{REFUSED}: ")).nth(1).unwrap_or_else(|| panic!("{out:?}"));
        assert!(told.starts_with(why), "{input:?}: {told:?}");
    }

    #[test]
    fn a_strict_request_stays_as_it_is() {
        let post = "POST /api/v2/alerts HTTP/1.1\r\nHost: gw\r\nContent-Length: 2\r\n\r\n[]";
        let chunked = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n";
        for input in [post, chunked, &format!("{post}{chunked}{post}")] {
            is_read_as(input, input);
        }
    }

    #[test]
    fn queries_as_people_type_them_are_encoded() {
        is_read_as(
            "GET /api/v2/alerts?filter=alertname=\"A<b>\"&filter=x=~\"ä|^{1}\\\\ y\" HTTP/1.1\r\nHost: gw\r\n\r\n",
            "GET /api/v2/alerts?filter=alertname=%22A%3Cb%3E%22&filter=x=~%22%C3%A4%7C%5E%7B1%7D%5C%5C%20y%22 HTTP/1.1\r\nHost: gw\r\n\r\n",
        );
        is_refused("GET /a b HTTP/1.1\r\n\r\n", "400 the request line \"GET /a b HTTP/1.1\"");
    }

    #[test]
    fn requests_of_small_clients_are_read_as_they_mean_them() {
        let chunked = "transfer-encoding: chunked\r\n";
        is_read_as(
            "\r\nPOST /x HTTP/1.0\nTransfer-Encoding: chunked\n\n3 ; ext=1\nabc\n1\r\nd\n0\nTrailer: x\n\n",
            &format!(
                "POST /x HTTP/1.1\r\n{chunked}connection: close\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"
            ),
        );
        is_read_as(
            "GET / HTTP/1.1\r\nA: b\r\n  c\r\n\td\r\nContent-Length:\r\nHost: gw\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b c d\r\nHost: gw\r\n\r\n",
        );
        is_read_as(
            "POST / HTTP/1.1\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\n[]GET / HTTP/1.0\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]GET / HTTP/1.0\r\n\r\n",
        );
    }

    #[test]
    fn many_headers_are_taken_and_too_many_refused() {
        let many = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "X-A: 1\r\n".repeat(count));
        is_read_as(&many(HTTP_HEADERS_MAX), &many(HTTP_HEADERS_MAX));
        is_refused(&many(HTTP_HEADERS_MAX + 1), "431 more than");
        let long = format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(HTTP_HEADER_BYTES_MAX));
        is_refused(&long, "431 the headers are larger than");
    }

    #[test]
    fn a_client_that_speaks_tls_is_answered_at_once() {
        is_refused("\x16\x03", "400 TLS is not spoken at this port");
        let (mut lenient, mut out) = (Lenient::default(), Vec::new());
        lenient.push(b"\r\nGET /\x16 HTTP/1.1", &mut out);
        assert!(out.is_empty(), "only the first byte tells");
    }

    #[test]
    fn an_ambiguous_request_is_refused_with_a_text() {
        for (head, why) in [
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2", "400 Content-Length"),
            ("POST / HTTP/1.1\r\nContent-Length: 0x2", "400 Content-Length"),
            ("POST / HTTP/1.1\r\nContent-Length: +2", "400 Content-Length"),
            ("POST / HTTP/1.1\r\nContent-Length:", "411 Content-Length is empty"),
            ("POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked", "400 both"),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked", "501 Transfer-Encoding"),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding : chunked",
                "400 the header \"Transfer-Encoding \"",
            ),
            ("GET / HTTP/1.1\r\n Host: gw", "400 the first header"),
            ("GET / HTTP/1.1\r\nHost gw", "400 the header \"Host gw\""),
            ("GET / HTTP/1.1\r\nA: b\rc", "400 the header \"A\""),
            ("GET /\x01 HTTP/1.1", "400 the request line"),
            ("GET /", "400 the request line"),
            ("POST T/api/v2/alerts HTTP/1.1", "400 the request line"),
            ("PRI * HTTP/2.0", "505 HTTP/2.0"),
        ] {
            is_refused(&format!("{head}\r\n\r\n"), why);
        }
        for target in ["*", "gw:9093", "http://gw:9093/x?a=b"] {
            let request = format!("OPTIONS {target} HTTP/1.1\r\n\r\n");
            is_read_as(&request, &request);
        }
        is_read_as("GET / HTTP/1.1\r\nBellwether-Refused: 200 x\r\n\r\n", "GET / HTTP/1.1\r\n\r\n");
    }

    #[test]
    fn a_body_whose_chunks_make_no_sense_ends_the_connection() {
        for body in ["x\r\n", "-1\r\n", "\r\n", "1\r\nab", "ffffffffffffffff\r\n"] {
            let input = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
            assert!(pushed(input.as_bytes(), 4).0.is_broken() || body == "1\r\nab", "{body:?}");
        }
        let (lenient, _) =
            pushed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 4);
        assert!(lenient.is_broken());
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_mean_the_same_and_are_held_within_bounds(
            input in "(GET|POST) /[ -~]{0,9} HTTP/1.[01](\r?\n(A|Content-Length|Transfer-Encoding)[ -~]{0,9}){0,3}(\r?\n){1,3}.{0,40}",
            size in 1..50_usize,
        ) {
            let whole = pushed(input.as_bytes(), input.len()).1;
            let (lenient, pieces) = pushed(input.as_bytes(), size);
            prop_assert!(lenient.held.len() <= input.len());
            prop_assert_eq!(whole, pieces);
        }
    }
}
