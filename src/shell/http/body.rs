//! Bodies: those that come in are bounded, each and in all; those that go out keep what they hold until they are sent.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};

use crate::limits::{
    HTTP_BODIES_BYTES_MAX, HTTP_BODY_BYTES_MAX, HTTP_DRAIN_BYTES_MAX, HTTP_READ_BYTES,
};

/// A number that goes back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    total: Rc<Cell<usize>>,
    taken: usize,
}

impl Share {
    /// Nothing of `total` yet.
    pub(super) fn new(total: &Rc<Cell<usize>>) -> Self {
        Self { total: Rc::clone(total), taken: 0 }
    }

    /// Takes `amount` more unless the total would pass `max`.
    pub(super) fn take(&mut self, amount: usize, max: usize) -> bool {
        let total = self.total.get().saturating_add(amount);
        if total <= max {
            self.taken += amount;
            self.total.set(total);
        }
        total <= max
    }

    /// Gives back what it has taken.
    fn clear(&mut self) {
        self.total.set(self.total.get() - std::mem::take(&mut self.taken));
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is larger than one may be.
    TooLarge,
    /// All bodies together are larger than they may be.
    Busy,
    /// The connection ended.
    Gone,
}

/// Reads a body. One that comes in one piece, the usual case, is not copied.
pub(super) async fn read(
    mut body: Incoming,
    expects: bool,
    share: &mut Share,
) -> Result<Bytes, Refusal> {
    let size = body.size_hint().lower();
    if size > HTTP_BODY_BYTES_MAX as u64 {
        // A client that asks before it sends needs no draining.
        if !expects {
            drain(body).await;
        }
        return Err(Refusal::TooLarge);
    }
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let mut gathered = Gathered::default();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::Gone)?.into_data() else { continue };
        if let Err(refusal) = gathered.add(data, size, share) {
            drop(gathered);
            share.clear();
            drain(body).await;
            return Err(refusal);
        }
    }
    Ok(gathered.into_bytes())
}

/// The part of a body that has come. Memory is counted before it is taken: as much as has come, and as much again at most.
#[derive(Debug, Default)]
struct Gathered {
    /// The first piece, as long as it is the only one.
    first: Bytes,
    whole: Vec<u8>,
}

impl Gathered {
    /// Adds a piece of a body that announced `size` bytes in all, or 0.
    fn add(&mut self, data: Bytes, size: usize, share: &mut Share) -> Result<(), Refusal> {
        let length = self.first.len() + self.whole.len() + data.len();
        if length > HTTP_BODY_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        if self.first.is_empty() && self.whole.is_empty() {
            if !share.take(length, room_for(length)) {
                return Err(Refusal::Busy);
            }
            self.first = data;
            return Ok(());
        }
        if length > self.whole.capacity() {
            let capacity = if size >= length { size.min(2 * length) } else { 2 * length };
            let counted = self.first.len() + self.whole.capacity();
            if !share.take(capacity - counted, room_for(length)) {
                return Err(Refusal::Busy);
            }
            self.whole.reserve_exact(capacity - self.whole.len());
        }
        self.whole.extend_from_slice(&std::mem::take(&mut self.first));
        self.whole.extend_from_slice(&data);
        Ok(())
    }

    fn into_bytes(self) -> Bytes {
        if self.whole.is_empty() { self.first } else { self.whole.into() }
    }
}

/// How many bytes all bodies may have for one of `size` to be read.
const fn room_for(size: usize) -> usize {
    if size > HTTP_READ_BYTES { HTTP_BODIES_BYTES_MAX / 2 } else { HTTP_BODIES_BYTES_MAX }
}

/// Reads and drops what is left of a body.
async fn drain(mut body: Incoming) {
    let mut drained = 0;
    while let Some(Ok(frame)) = body.frame().await {
        drained += frame.data_ref().map_or(0, Bytes::len);
        if drained > HTTP_DRAIN_BYTES_MAX {
            break;
        }
    }
}

/// A body that goes out in one piece. `H` is dropped when it is about to be written, or given up.
#[derive(Debug)]
pub(super) struct Outgoing<H> {
    pub(super) bytes: Option<Bytes>,
    #[expect(dead_code, reason = "it is there to be dropped")]
    pub(super) held: H,
}

impl<H: Unpin> Body for Outgoing<H> {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.get_mut().bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::HTTP_CONNECTIONS_MAX;

    #[test]
    fn however_many_large_bodies_there_are_small_ones_have_room() {
        let total = Rc::new(Cell::new(0));
        let mut large = Share::new(&total);
        while large.take(HTTP_READ_BYTES, room_for(HTTP_READ_BYTES + 1)) {}
        let mut small: Vec<Share> = (1..HTTP_CONNECTIONS_MAX).map(|_| Share::new(&total)).collect();
        let size = HTTP_READ_BYTES;
        assert!(small.iter_mut().all(|share| share.take(size, room_for(size))));
        assert!(large.taken > HTTP_BODY_BYTES_MAX);
    }

    #[test]
    fn a_body_is_counted_as_it_comes_and_not_as_it_is_announced() {
        let total = Rc::new(Cell::new(0));
        let mut share = Share::new(&total);
        let mut gathered = Gathered::default();
        let piece = Bytes::from(vec![b'x'; HTTP_READ_BYTES]);
        for number in 1..=HTTP_BODY_BYTES_MAX / HTTP_READ_BYTES {
            gathered.add(piece.clone(), HTTP_BODY_BYTES_MAX, &mut share).unwrap();
            assert!(total.get() >= gathered.first.len() + gathered.whole.capacity());
            assert!(total.get() <= 2 * number * HTTP_READ_BYTES, "{number}");
        }
        assert_eq!(total.get(), HTTP_BODY_BYTES_MAX);
        let more = gathered.add(piece, HTTP_BODY_BYTES_MAX, &mut share);
        assert_eq!(more, Err(Refusal::TooLarge));
        assert_eq!(gathered.into_bytes().len(), HTTP_BODY_BYTES_MAX);
    }

    #[test]
    fn a_share_never_passes_the_limit_and_goes_back() {
        let total = Rc::new(Cell::new(0));
        let mut share = Share::new(&total);
        assert!(share.take(3, 4));
        assert!(!share.take(2, 4));
        assert!(!Share::new(&total).take(usize::MAX, 4));
        assert_eq!(total.get(), 3);
        drop(share);
        assert_eq!(total.get(), 0);
    }
}
