//! The bytes on flash: segment headers, commit groups, record frames. All integers are little-endian.
//!
//! A segment is a file of whole 4 KiB pages. Pages 0 and 1 each hold a copy of its header; the groups follow, each on
//! a fresh page, so that writing one never touches a page that holds another. The rest of a group's last page is
//! zero; what follows the last group is zero or belongs to an older use of the file.
//!
//! ```text
//! segment header: 40 bytes, the same in every major version
//! 0          8       10      12      16       20       24       28       36      40
//! | "bwjournl" | major | minor | epoch | source | groups | pages  | salt   | check |
//!
//! group header: 28 bytes, at the start of a page
//! 0       4       8       12      16      20      24      28
//! | tag   | epoch | seq   | count | bytes | link  | check |
//!
//! record frame: 16 bytes, then the key, then the body
//! 0       2       4           8       12      16
//! | kind  | key   | body      | data  | link  | key ... | body ...
//!         | bytes | bytes     | check |       |
//! ```
//!
//! - `epoch` grows with each segment that is written; the highest with a whole header is the state. The first
//!   `groups` groups (the base) are the last state of the epoch `source`; 0 if there is no such epoch. A header is written
//!   when its base is durable, so a header says that the base was.
//! - `tag` is drawn from the salt and the epoch. Bytes that an older use of the file left behind carry another tag and
//!   another epoch, and nobody outside can make a body that passes for a group.
//! - `check` is the CRC-32 of the header's bytes before it. `data check` is the CRC-32 of key and body.
//! - Each `link` is the CRC-32 of the frame's 12 bytes before it, started from the link before; the first starts from
//!   the tag, epoch and seq. The group header repeats the last one. So a group is whole or it is not there.
//! - A body of `0xFFFF_FFFF` bytes is no body: the key is deleted.
//!
//! Compatibility: a reader keeps records whose kind it does not know. A new kind, or a new meaning for bytes that are
//! ignored today, raises `minor`; all else raises `major`, and a reader sets a file of another major aside, unread.

use crate::crc::crc32 as crc;

/// The alignment of a commit group, in bytes: the block that file systems and cards write at once.
pub const PAGE_BYTES: u32 = 4096;
/// Where the groups of a segment start: after the two copies of its header.
pub const GROUPS_AT: u32 = 2 * PAGE_BYTES;
/// Bytes of a segment header.
pub const SEGMENT_HEADER_BYTES: usize = 40;
/// Bytes of a group header.
pub const GROUP_HEADER_BYTES: usize = 28;
/// Bytes of a frame before its key.
pub const FRAME_HEADER_BYTES: usize = 16;
/// The format that this version writes, and the only major version that it reads.
pub const MAJOR: u16 = 1;
/// The newest additions that this version knows of.
pub const MINOR: u16 = 0;

const MAGIC: &[u8; 8] = b"bwjournl";
const DELETED: u32 = u32::MAX;

/// One change to the state that the journal keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRecord {
    /// The kind of the body; the caller's own numbering.
    pub kind: u16,
    /// Names the thing within its kind; at most [`crate::limits::STORE_KEY_BYTES_MAX`].
    pub key: Vec<u8>,
    /// The operation.
    pub op: Op,
}

/// The operation of a record on its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// The key is gone.
    Delete,
    /// The key has this body from now on; at most [`crate::limits::STORE_BODY_BYTES_MAX`].
    Put(Vec<u8>),
}

impl JournalRecord {
    /// A record that sets the body of a key.
    pub fn put(kind: u16, key: impl Into<Vec<u8>>, body: impl Into<Vec<u8>>) -> Self {
        Self { kind, key: key.into(), op: Op::Put(body.into()) }
    }

    /// A record that removes a key.
    pub fn delete(kind: u16, key: impl Into<Vec<u8>>) -> Self {
        Self { kind, key: key.into(), op: Op::Delete }
    }

    /// The body, if the record has one.
    pub fn body(&self) -> Option<&[u8]> {
        match &self.op {
            Op::Delete => None,
            Op::Put(body) => Some(body),
        }
    }

    /// Bytes of its frame on flash.
    pub fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.key.len() + self.body().map_or(0, <[u8]>::len)
    }
}

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Format version; only [`MAJOR`] is read.
    pub major: u16,
    /// Additions within the major version.
    pub minor: u16,
    /// Which generation of the state this is; from 1.
    pub epoch: u32,
    /// The epoch whose last state is this one's base; 0 if there is none.
    pub source: u32,
    /// How many groups the base has: those that were copied.
    pub groups: u32,
    /// Pages of the segment, headers included.
    pub pages: u32,
    /// Makes the tags of this segment unlike any other's.
    pub salt: u64,
}

impl SegmentHeader {
    /// The bytes as they stand at the start of pages 0 and 1.
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(SEGMENT_HEADER_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.major.to_le_bytes());
        bytes.extend_from_slice(&self.minor.to_le_bytes());
        for field in [self.epoch, self.source, self.groups, self.pages] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        bytes.extend_from_slice(&crc(0, &bytes).to_le_bytes());
        let mut out = [0; SEGMENT_HEADER_BYTES];
        out.copy_from_slice(&bytes);
        out
    }

    /// The header at the start of `bytes`, of any version, if it is whole.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..SEGMENT_HEADER_BYTES)?;
        let (checked, check) = header.split_last_chunk::<4>()?;
        if crc(0, checked) != u32::from_le_bytes(*check) {
            return None;
        }
        let mut rest = checked.strip_prefix(MAGIC)?;
        Some(Self {
            major: u16::from_le_bytes(take(&mut rest)?),
            minor: u16::from_le_bytes(take(&mut rest)?),
            epoch: u32::from_le_bytes(take(&mut rest)?),
            source: u32::from_le_bytes(take(&mut rest)?),
            groups: u32::from_le_bytes(take(&mut rest)?),
            pages: u32::from_le_bytes(take(&mut rest)?),
            salt: u64::from_le_bytes(take(&mut rest)?),
        })
    }

    /// The start of every group of this segment.
    fn tag(&self) -> u32 {
        crc(crc(0, &self.salt.to_le_bytes()), &self.epoch.to_le_bytes())
    }

    /// Where the links of a group start.
    fn first_link(&self, seq: u32) -> u32 {
        crc(crc(self.tag(), &self.epoch.to_le_bytes()), &seq.to_le_bytes())
    }
}

/// The header of a group, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupHeader {
    /// The group's number within its segment, from 0.
    pub seq: u32,
    /// How many frames it has.
    pub count: u32,
    /// Bytes of its frames.
    pub bytes: u32,
    link: u32,
}

/// The finding at the start of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStart {
    /// Something that was written as a group of this segment and is not whole.
    Damaged,
    /// A group of this segment.
    Group(GroupHeader),
    /// Nothing of this segment: zeros, the middle of a group, or what an older use of the file left.
    Other,
}

impl GroupHeader {
    /// Judges the first bytes of a page of the segment `of`.
    pub fn decode(of: &SegmentHeader, page: &[u8]) -> PageStart {
        Self::fields(page).map_or(PageStart::Other, |(tag, epoch, checks, header)| {
            let (tag_fits, epoch_fits) = (tag == of.tag(), epoch == of.epoch);
            match (checks && tag_fits && epoch_fits, tag_fits || epoch_fits) {
                (true, _) => PageStart::Group(header),
                (false, true) => PageStart::Damaged,
                (false, false) => PageStart::Other,
            }
        })
    }

    fn fields(page: &[u8]) -> Option<(u32, u32, bool, Self)> {
        let (checked, check) = page.get(..GROUP_HEADER_BYTES)?.split_last_chunk::<4>()?;
        let checks = crc(0, checked) == u32::from_le_bytes(*check);
        let mut rest = checked;
        let tag = u32::from_le_bytes(take(&mut rest)?);
        let epoch = u32::from_le_bytes(take(&mut rest)?);
        let seq = u32::from_le_bytes(take(&mut rest)?);
        let count = u32::from_le_bytes(take(&mut rest)?);
        let bytes = u32::from_le_bytes(take(&mut rest)?);
        let link = u32::from_le_bytes(take(&mut rest)?);
        Some((tag, epoch, checks, Self { seq, count, bytes, link }))
    }

    /// Bytes that the group takes on flash, to the end of its last page. 64 bits: `bytes` may be anything.
    pub fn span(&self) -> u64 {
        let page = u64::from(PAGE_BYTES);
        (GROUP_HEADER_BYTES as u64 + u64::from(self.bytes)).div_ceil(page) * page
    }

    /// The frames in `bytes` (what follows this header, cut to `self.bytes`), if every one of them is whole.
    pub fn frames<'a>(&self, of: &SegmentHeader, bytes: &'a [u8]) -> Option<Frames<'a>> {
        let all = Frames { rest: bytes };
        let (mut link, mut count) = (of.first_link(self.seq), 0u32);
        let mut rest = all.clone();
        while !rest.rest.is_empty() {
            let head = rest.rest.get(..FRAME_HEADER_BYTES - 4)?;
            let frame = rest.next()?;
            link = crc(link, head);
            count += 1;
            let whole = frame.link == link && frame.data_check == frame.computed_data_check();
            if !whole {
                return None;
            }
        }
        (link == self.link && count == self.count).then_some(all)
    }
}

/// A record as it stands on flash.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The record's kind.
    pub kind: u16,
    /// The record's key.
    pub key: &'a [u8],
    /// The body; none if the record deletes the key.
    pub body: Option<&'a [u8]>,
    data_check: u32,
    link: u32,
}

impl Frame<'_> {
    /// Bytes of the frame on flash.
    pub fn bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.key.len() + self.body.map_or(0, <[u8]>::len)
    }

    fn computed_data_check(&self) -> u32 {
        crc(crc(0, self.key), self.body.unwrap_or_default())
    }
}

/// The frames of a group, one after the other.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let mut rest = self.rest;
        let kind = u16::from_le_bytes(take(&mut rest)?);
        let key_bytes = u16::from_le_bytes(take(&mut rest)?);
        let body_bytes = u32::from_le_bytes(take(&mut rest)?);
        let data_check = u32::from_le_bytes(take(&mut rest)?);
        let link = u32::from_le_bytes(take(&mut rest)?);
        let (key, rest) = rest.split_at_checked(usize::from(key_bytes))?;
        let (body, rest) = match body_bytes {
            DELETED => (None, rest),
            bytes => {
                let (body, rest) = rest.split_at_checked(usize::try_from(bytes).ok()?)?;
                (Some(body), rest)
            }
        };
        self.rest = rest;
        Some(Frame { kind, key, body, data_check, link })
    }
}

/// A group in the making.
#[derive(Debug)]
pub struct GroupBuffer {
    of: SegmentHeader,
    seq: u32,
    count: u32,
    link: u32,
    bytes: Vec<u8>,
}

impl GroupBuffer {
    /// An empty group of the segment `of`, with the number `seq`.
    pub fn new(of: SegmentHeader, seq: u32) -> Self {
        let link = of.first_link(seq);
        Self { of, seq, count: 0, link, bytes: vec![0; GROUP_HEADER_BYTES] }
    }

    /// Bytes so far, the header included.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True if no record was added.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a record; returns where its frame starts, in bytes from the start of the group.
    pub fn push(&mut self, record: &JournalRecord) -> usize {
        let check = crc(crc(0, &record.key), record.body().unwrap_or_default());
        self.push_frame(record.kind, &record.key, record.body(), check)
    }

    /// Copies a frame that was read; its data check goes along, so that what rotted on the way is not made good.
    /// Returns where the frame starts.
    pub fn copy(&mut self, frame: &Frame) -> usize {
        self.push_frame(frame.kind, frame.key, frame.body, frame.data_check)
    }

    fn push_frame(&mut self, kind: u16, key: &[u8], body: Option<&[u8]>, check: u32) -> usize {
        let at = self.bytes.len();
        // The journal has refused longer keys and bodies before this.
        let key_bytes = u16::try_from(key.len()).unwrap_or(u16::MAX);
        let body_bytes = body.map_or(DELETED, |b| u32::try_from(b.len()).unwrap_or(DELETED));
        self.bytes.extend_from_slice(&kind.to_le_bytes());
        self.bytes.extend_from_slice(&key_bytes.to_le_bytes());
        self.bytes.extend_from_slice(&body_bytes.to_le_bytes());
        self.bytes.extend_from_slice(&check.to_le_bytes());
        self.link = crc(self.link, self.bytes.get(at..).unwrap_or_default());
        self.bytes.extend_from_slice(&self.link.to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(body.unwrap_or_default());
        self.count += 1;
        at
    }

    /// Writes the header, fills the last page with zeros and hands out the bytes to write.
    pub fn seal(&mut self) -> &[u8] {
        let frames = u32::try_from(self.bytes.len() - GROUP_HEADER_BYTES).unwrap_or(u32::MAX);
        let fields = [self.of.tag(), self.of.epoch, self.seq, self.count, frames, self.link];
        let mut header = Vec::with_capacity(GROUP_HEADER_BYTES);
        for field in fields {
            header.extend_from_slice(&field.to_le_bytes());
        }
        header.extend_from_slice(&crc(0, &header).to_le_bytes());
        if let Some(start) = self.bytes.get_mut(..GROUP_HEADER_BYTES) {
            start.copy_from_slice(&header);
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(PAGE_BYTES as usize), 0);
        &self.bytes
    }

    /// Empties the buffer for the next group, and keeps its memory.
    pub fn next_group(&mut self) {
        self.seq += 1;
        self.count = 0;
        self.link = self.of.first_link(self.seq);
        self.bytes.clear();
        self.bytes.resize(GROUP_HEADER_BYTES, 0);
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}
