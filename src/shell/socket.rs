//! A connection's socket that two hold: the stream around it, and whoever looks after the connection. Bytes on it are counted
//! for the work that moves them.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::net::TcpStream;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use smol::Async;
use smol::future::poll_fn;
use smol::io::{AsyncRead, AsyncWrite};

thread_local! {
    /// Bytes that were moved on this thread.
    static MOVED: Cell<u64> = const { Cell::new(0) };
}

/// Counts bytes that were moved.
pub(super) fn note_moved(bytes: usize) {
    MOVED.set(MOVED.get() + bytes as u64);
}

/// Does a step, and adds the bytes that it moves to `moved`.
pub(super) async fn counted<T>(step: impl Future<Output = T>, moved: &Cell<u64>) -> T {
    let mut step = pin!(step);
    poll_fn(|cx| {
        let before = MOVED.get();
        let polled = step.as_mut().poll(cx);
        moved.set(moved.get() + MOVED.get() - before);
        polled
    })
    .await
}

/// Counts what an operation has moved.
fn noted(done: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
    if let Poll::Ready(Ok(bytes)) = &done {
        note_moved(*bytes);
    }
    done
}

/// The socket, to read from and write to.
#[derive(Debug)]
pub(super) struct SharedSocket(pub(super) Rc<Async<TcpStream>>);

impl AsyncRead for SharedSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        noted(Pin::new(&mut &*self.0).poll_read(cx, buffer))
    }
}

impl AsyncWrite for SharedSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        noted(Pin::new(&mut &*self.0).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        noted(Pin::new(&mut &*self.0).poll_write_vectored(cx, slices))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut &*self.0).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use smol::block_on;
    use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[test]
    fn bytes_are_counted_for_the_work_that_moves_them() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let here = listener.accept().unwrap().0;
        let socket = |it| SharedSocket(Rc::new(Async::new(it).unwrap()));
        let (mut here, mut there) = (socket(here), socket(there));
        let moved = [const { Cell::new(0) }; 3];
        let send = counted(async move { here.write_all(b"0123456789").await.unwrap() }, &moved[0]);
        let receive =
            counted(async move { there.read_exact(&mut [0; 10]).await.unwrap() }, &moved[1]);
        let nothing = counted(async { 7 }, &moved[2]);
        block_on(smol::future::zip(send, smol::future::zip(receive, nothing)));
        assert_eq!(moved.each_ref().map(Cell::get), [10, 10, 0]);
        note_moved(5);
        block_on(counted(async { note_moved(3) }, &moved[2]));
        assert_eq!(moved[2].get(), 3);
    }
}
