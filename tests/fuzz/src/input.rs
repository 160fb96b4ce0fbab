//! A fuzzer's bytes as choices, numbers and pieces. Texts stand in it as they are, so that corpora can be written by hand.

/// The bytes that are left.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte; 0 where there is none.
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// So many bytes, or what is left.
    pub fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// The next line without its end, as text.
    pub fn line(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let end = self.0.iter().position(|byte| *byte == b'\n').unwrap_or(self.0.len());
        let line = self.take(end);
        self.byte();
        Some(utf8(line))
    }

    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// As much of the bytes as is UTF-8.
pub fn utf8(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// Whether a byte ends a line of YAML.
pub fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Feeds the bytes whole and in pieces of a few sizes; `read` makes of each something that must be the same.
pub fn in_pieces<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    read: impl Fn(&mut dyn Iterator<Item = &[u8]>) -> T,
) {
    let whole = read(&mut std::iter::once(bytes));
    for size in [1, 7] {
        assert_eq!(read(&mut bytes.chunks(size)), whole, "in pieces of {size}");
    }
}
