//! The encoding of foca's headers and members in datagrams.

use bytes::{Buf, BufMut};
use foca::{Codec, Header, Incarnation, Member, State};
use minicbor::{Decode, Encode};

use super::id::Id;
use crate::gossip::message::encode;

/// Foca's items in CBOR:
///
/// ```cddl
/// header = [src: id, incarnation: uint, dst: id, kind: uint, probe: uint, id / null]
/// member = [id, incarnation: uint, state: 0..2]     ; alive, suspect, down
/// id     = [node: uint, generation: uint]
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct CborCodec;

/// The bytes make no sense, or do not fit. Changes nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct CodecError;

impl std::fmt::Display for CodecError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a membership item")
    }
}

impl std::error::Error for CodecError {}

#[derive(Encode, Decode)]
struct HeaderItem {
    #[n(0)]
    src: Id,
    #[n(1)]
    incarnation: Incarnation,
    #[n(2)]
    dst: Id,
    #[n(3)]
    kind: u8,
    #[n(4)]
    probe: u8,
    #[n(5)]
    about: Option<Id>,
}

#[derive(Encode, Decode)]
struct MemberItem {
    #[n(0)]
    id: Id,
    #[n(1)]
    incarnation: Incarnation,
    #[n(2)]
    state: u8,
}

impl Codec<Id> for CborCodec {
    type Error = CodecError;

    fn encode_header(&mut self, header: &Header<Id>, buf: impl BufMut) -> Result<(), CodecError> {
        use foca::Message as M;
        let (kind, probe, about) = match &header.message {
            M::Ping(probe) => (0, *probe, None),
            M::Ack(probe) => (1, *probe, None),
            M::PingReq { target, probe_number } => (2, *probe_number, Some(*target)),
            M::IndirectPing { origin, probe_number } => (3, *probe_number, Some(*origin)),
            M::IndirectAck { target, probe_number } => (4, *probe_number, Some(*target)),
            M::ForwardedAck { origin, probe_number } => (5, *probe_number, Some(*origin)),
            M::Announce => (6, 0, None),
            M::Feed => (7, 0, None),
            M::Gossip => (8, 0, None),
            M::Broadcast => (9, 0, None),
            M::TurnUndead => (10, 0, None),
        };
        let (src, incarnation, dst) = (header.src, header.src_incarnation, header.dst);
        put(&HeaderItem { src, incarnation, dst, kind, probe, about }, buf)
    }

    fn decode_header(&mut self, buf: impl Buf) -> Result<Header<Id>, CodecError> {
        use foca::Message as M;
        let HeaderItem { src, incarnation, dst, kind, probe: probe_number, about } = take(buf)?;
        let message = match (kind, about) {
            (0, None) => M::Ping(probe_number),
            (1, None) => M::Ack(probe_number),
            (2, Some(target)) => M::PingReq { target, probe_number },
            (3, Some(origin)) => M::IndirectPing { origin, probe_number },
            (4, Some(target)) => M::IndirectAck { target, probe_number },
            (5, Some(origin)) => M::ForwardedAck { origin, probe_number },
            (6, None) => M::Announce,
            (7, None) => M::Feed,
            (8, None) => M::Gossip,
            (9, None) => M::Broadcast,
            (10, None) => M::TurnUndead,
            _ => return Err(CodecError),
        };
        Ok(Header { src, src_incarnation: incarnation, dst, message })
    }

    fn encode_member(&mut self, member: &Member<Id>, buf: impl BufMut) -> Result<(), CodecError> {
        let state = match member.state() {
            State::Alive => 0,
            State::Suspect => 1,
            State::Down => 2,
        };
        put(&MemberItem { id: *member.id(), incarnation: member.incarnation(), state }, buf)
    }

    fn decode_member(&mut self, buf: impl Buf) -> Result<Member<Id>, CodecError> {
        let MemberItem { id, incarnation, state } = take(buf)?;
        let state = match state {
            0 => State::Alive,
            1 => State::Suspect,
            2 => State::Down,
            _ => return Err(CodecError),
        };
        Ok(Member::new(id, incarnation, state))
    }
}

fn put<T: Encode<()>>(item: &T, mut buf: impl BufMut) -> Result<(), CodecError> {
    let bytes = encode(item);
    if bytes.len() > buf.remaining_mut() {
        return Err(CodecError);
    }
    buf.put_slice(&bytes);
    Ok(())
}

fn take<T: for<'b> Decode<'b, ()>>(mut buf: impl Buf) -> Result<T, CodecError> {
    let mut decoder = minicbor::Decoder::new(buf.chunk());
    let item = decoder.decode().map_err(|_| CodecError)?;
    let read = decoder.position();
    buf.advance(read);
    Ok(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_reads_back() {
        use foca::Message as M;
        let id = |node| Id { node, generation: 3 };
        let (target, origin, probe_number) = (id(7), id(8), 9);
        let messages = [
            M::Ping(1),
            M::Ack(2),
            M::PingReq { target, probe_number },
            M::IndirectPing { origin, probe_number },
            M::IndirectAck { target, probe_number },
            M::ForwardedAck { origin, probe_number },
            M::Announce,
            M::Feed,
            M::Gossip,
            M::Broadcast,
            M::TurnUndead,
        ];
        for message in messages {
            let header = Header { src: id(1), src_incarnation: 4, dst: id(2), message };
            let mut buf = Vec::new();
            CborCodec.encode_header(&header, &mut buf).unwrap();
            assert_eq!(CborCodec.decode_header(buf.as_slice()).unwrap(), header);
        }
        for state in [State::Alive, State::Suspect, State::Down] {
            let member = Member::new(id(1), 5, state);
            let mut buf = Vec::new();
            CborCodec.encode_member(&member, &mut buf).unwrap();
            assert_eq!(CborCodec.decode_member(buf.as_slice()).unwrap(), member);
        }
    }
}
