//! The output of subcommands: lines and tabs, and nothing else that controls a terminal, whoever chose the names in it.

use std::io::{self, Write};
use std::str;

use crate::model::printable::{Printable, is_control};

/// A writer that lets no control through but the ends of lines and tabs: each other one becomes an escape.
pub(super) struct Plain<'a> {
    out: &'a mut dyn Write,
    /// The beginning of a character whose rest has not come yet.
    begun: Vec<u8>,
}

impl<'a> Plain<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, begun: Vec::new() }
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        let is_harmful = |c: char| is_control(c) && c != '\n' && c != '\t';
        for piece in text.split_inclusive(is_harmful) {
            match piece.char_indices().next_back() {
                Some((at, last)) if is_harmful(last) => {
                    let (before, last) = piece.split_at(at);
                    write!(self.out, "{before}{}", Printable(last))?;
                }
                _ => self.out.write_all(piece.as_bytes())?,
            }
        }
        Ok(())
    }
}

impl Write for Plain<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut whole = std::mem::take(&mut self.begun);
        whole.extend_from_slice(bytes);
        for chunk in whole.utf8_chunks() {
            self.text(chunk.valid())?;
            let rest = chunk.invalid();
            // At the end, a character of which only the beginning has come.
            if whole.ends_with(rest)
                && str::from_utf8(rest).is_err_and(|it| it.error_len().is_none())
            {
                self.begun = rest.to_vec();
            } else if !rest.is_empty() {
                self.text("\u{fffd}")?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_but_ends_of_lines_and_tabs_gets_through() {
        let mut out = Vec::new();
        let mut plain = Plain::new(&mut out);
        writeln!(plain, "a\t\u{1b}]0;x\u{7}").unwrap();
        write!(plain, "\u{202e}b\u{9b}c\r\n").unwrap();
        assert_eq!(out, b"a\t\\x1b]0;x\\x07\n\\u202eb\\u009bc\\r\n");
    }

    #[test]
    fn a_character_may_come_in_pieces_and_what_is_none_is_replaced() {
        let mut out = Vec::new();
        let mut plain = Plain::new(&mut out);
        let text = "ü\u{202e}山".as_bytes();
        for byte in text {
            plain.write_all(&[*byte]).unwrap();
        }
        plain.write_all(b"\xff!").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "ü\\u202e山\u{fffd}!");
    }
}
