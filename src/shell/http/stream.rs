//! A socket as hyper wants it, with as few system calls as there can be: after a read that did not fill the buffer there
//! is nothing left, so the next one waits for the reactor instead of asking the kernel in vain.

use std::cell::RefCell;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use smol::Async;
use smol::io::{AsyncRead as _, AsyncWrite as _};

use super::connections::State;
use super::lenient::Lenient;
use crate::shell::clock;
use crate::shell::socket::SharedSocket;
use crate::shell::tls::TlsStream;

/// Where all connections read into, one after the other; hyper copies it to where it belongs.
pub(super) type Scratch = Rc<RefCell<Box<[u8]>>>;

/// One connection.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Rc<Async<TcpStream>>,
    /// TLS around the socket, if it is served.
    tls: Option<Box<TlsStream<SharedSocket>>>,
    scratch: Scratch,
    drained: bool,
    state: Rc<State>,
    lenient: Lenient,
    /// The bytes that hyper has not taken yet.
    pending: Vec<u8>,
}

impl Stream {
    pub(super) fn new(
        socket: Rc<Async<TcpStream>>,
        tls: Option<Box<TlsStream<SharedSocket>>>,
        scratch: &Scratch,
        state: &Rc<State>,
    ) -> Self {
        Self {
            socket,
            tls,
            scratch: Rc::clone(scratch),
            drained: false,
            state: Rc::clone(state),
            lenient: Lenient::default(),
            pending: Vec::new(),
        }
    }

    fn poll_write_with(
        &self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(&mut &TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match write(&mut self.socket.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                outcome => {
                    self.state.stuck.set(None);
                    return Poll::Ready(outcome);
                }
            }
            self.state.stuck.set(self.state.stuck.get().or_else(|| Some(clock::now().mono)));
            ready!(self.socket.poll_writable(cx))?;
        }
    }
}

/// Reads from TLS, or from a socket without waiting.
fn read_some(
    socket: &Async<TcpStream>,
    tls: Option<&mut Box<TlsStream<SharedSocket>>>,
    cx: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    match tls {
        Some(tls) => Pin::new(&mut **tls).poll_read(cx, buffer),
        None => Poll::Ready(socket.get_ref().read(buffer)),
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if !self.pending.is_empty() {
                let length = self.pending.len().min(into.remaining());
                into.put_slice(self.pending.get(..length).unwrap_or_default());
                self.pending.drain(..length);
                if self.pending.is_empty() {
                    self.pending = Vec::new();
                }
                return Poll::Ready(Ok(()));
            }
            if self.lenient.is_broken() {
                return Poll::Ready(Ok(()));
            }
            if self.drained {
                ready!(self.socket.poll_readable(cx))?;
                self.drained = false;
            }
            let scratch = Rc::clone(&self.scratch);
            let mut scratch = scratch.borrow_mut();
            let room = into.remaining().min(scratch.len());
            let Some(buffer) = scratch.get_mut(..room) else { return Poll::Ready(Ok(())) };
            let this = &mut *self;
            match ready!(read_some(&this.socket, this.tls.as_mut(), cx, buffer)) {
                // The end of the stream stays readable.
                Ok(0) => return Poll::Ready(Ok(())),
                Ok(length) => {
                    this.drained = length < room && this.tls.is_none();
                    this.lenient.push(buffer.get(..length).unwrap_or_default(), &mut this.pending);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => this.drained = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Stream {
    /// Takes note of whether an answer is stuck.
    fn noted<T>(&self, written: Poll<T>) -> Poll<T> {
        let since = match written {
            Poll::Ready(_) => None,
            Poll::Pending => self.state.stuck.get().or_else(|| Some(clock::now().mono)),
        };
        self.state.stuck.set(since);
        written
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(tls) = &mut self.tls {
            let written = Pin::new(&mut **tls).poll_write(cx, bytes);
            return self.noted(written);
        }
        self.poll_write_with(cx, |socket| socket.write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(tls) = &mut self.tls {
            let written = Pin::new(&mut **tls).poll_write_vectored(cx, slices);
            return self.noted(written);
        }
        self.poll_write_with(cx, |socket| socket.write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        // In TLS one piece is one record.
        self.tls.is_none()
    }

    /// Called when everything has been written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(tls) = &mut self.tls {
            let flushed = Pin::new(&mut **tls).poll_flush(cx);
            ready!(self.noted(flushed))?;
        }
        self.state.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(tls) = &mut self.tls {
            // A client that has gone needs no goodbye.
            drop(ready!(Pin::new(&mut **tls).poll_close(cx)));
        }
        match self.socket.get_ref().shutdown(Shutdown::Write) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }
}
