//! HTTP requests: through the lenient reader to hyper. The same in any pieces, and hyper takes all that comes through.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bellwether::shell::http::builder;
use bellwether::shell::http::lenient::Lenient;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper::{Request, Response};

use crate::input::in_pieces;

pub fn run(bytes: &[u8]) {
    in_pieces(bytes, |pieces| {
        let (mut lenient, mut out) = (Lenient::default(), Vec::new());
        for piece in pieces {
            lenient.push(piece, &mut out);
            if lenient.is_broken() {
                break;
            }
        }
        // Where the next head begins without an end, pieces hold back the same.
        (lenient.is_broken(), out)
    });
    let (mut lenient, mut out) = (Lenient::default(), Vec::new());
    lenient.push(bytes, &mut out);
    let refused = out.windows(20).filter(|it| it == b"bellwether-refused: ").count();
    assert!(refused <= 1, "one connection is refused once");
    served(out);
}

/// Serves what came through, and sees that hyper itself refuses no head of it.
fn served(input: Vec<u8>) {
    let answers = Rc::new(RefCell::new(Vec::new()));
    let socket = Socket { input, at: 0, answers: Rc::clone(&answers) };
    let service = service_fn(|request: Request<Incoming>| async {
        // A body that ends too soon is the client's fault, and no answer is due.
        request.into_body().collect().await.ok();
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"ok"))))
    });
    let served = builder().serve_connection(socket, service);
    let outcome = pin!(served).poll(&mut Context::from_waker(Waker::noop()));
    let answers = answers.borrow();
    for status in [&b"HTTP/1.1 400"[..], b"HTTP/1.1 414", b"HTTP/1.1 431", b"HTTP/1.1 505"] {
        let is_refused = answers.windows(status.len()).any(|window| window == status);
        assert!(!is_refused, "hyper refused what came through: {outcome:?}");
    }
}

struct Socket {
    input: Vec<u8>,
    at: usize,
    answers: Rc<RefCell<Vec<u8>>>,
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.input[self.at..];
        let length = rest.len().min(into.remaining());
        into.put_slice(&rest[..length]);
        self.at += length;
        Poll::Ready(Ok(()))
    }
}

impl Write for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.answers.borrow_mut().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
