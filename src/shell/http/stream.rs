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

use super::connections::State;
use super::lenient::Lenient;
use crate::shell::clock;

/// Where all connections read into, one after the other; hyper copies it to where it belongs.
pub(super) type Scratch = Rc<RefCell<Box<[u8]>>>;

/// One connection.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Rc<Async<TcpStream>>,
    scratch: Scratch,
    drained: bool,
    state: Rc<State>,
    lenient: Lenient,
    /// What hyper has not taken yet.
    pending: Vec<u8>,
}

impl Stream {
    pub(super) fn new(socket: Rc<Async<TcpStream>>, scratch: &Scratch, state: &Rc<State>) -> Self {
        Self {
            socket,
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
            match self.socket.get_ref().read(buffer) {
                // The end of the stream stays readable.
                Ok(0) => return Poll::Ready(Ok(())),
                Ok(length) => {
                    let this = &mut *self;
                    this.drained = length < room;
                    this.lenient.push(buffer.get(..length).unwrap_or_default(), &mut this.pending);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.drained = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |socket| socket.write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |socket| socket.write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Called when everything has been written.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.socket.get_ref().shutdown(Shutdown::Write) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }
}
