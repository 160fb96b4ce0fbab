//! The output of subcommands: lines and tabs, colours of our own on a terminal, and nothing else that controls one, whoever
//! chose the names in it.

use std::io::{self, Write};
use std::str;

use crate::cli::table::{lines, widths};
use crate::model::printable::{Printable, is_control};

/// A writer that lets no control through but the ends of lines and tabs: each other one becomes an escape.
pub(super) struct Screen<'a> {
    out: &'a mut dyn Write,
    /// The terminal's width; none if this is no terminal.
    pub(super) columns: Option<usize>,
    /// Whether colours are wanted.
    pub(super) has_colour: bool,
    /// Whether lines of tables are filled with spaces, as amtool's are.
    pub(super) is_padded: bool,
    /// The beginning of a character whose rest has not come yet.
    begun: Vec<u8>,
}

impl<'a> Screen<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, columns: None, has_colour: false, is_padded: false, begun: Vec::new() }
    }

    /// Empties the terminal, if it is one.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        if self.columns.is_some() { self.out.write_all(b"\x1b[H\x1b[2J\x1b[3J") } else { Ok(()) }
    }

    /// Writes a text that is for a file, or for another program, as it is; on a terminal its controls are escaped, too.
    pub(super) fn exactly(&mut self, text: &str) -> io::Result<()> {
        if self.columns.is_some() { self.text(text) } else { self.out.write_all(text.as_bytes()) }
    }

    /// Prints a table whose first row is a heading. It fits a terminal, and rows have the colour of their state there.
    pub(super) fn table(&mut self, rows: &[Vec<String>]) -> io::Result<()> {
        let widths = widths(rows, self.columns);
        for (number, row) in rows.iter().enumerate() {
            let colour = match row {
                _ if !self.has_colour => "",
                _ if number == 0 => "1",
                row => row.iter().find_map(|cell| colour(cell)).unwrap_or(""),
            };
            for line in lines(row, &widths, self.is_padded) {
                if !colour.is_empty() {
                    write!(self.out, "\x1b[{colour}m")?;
                }
                self.text(&line)?;
                self.out.write_all(if colour.is_empty() { b"\n" } else { b"\x1b[0m\n" })?;
            }
        }
        Ok(())
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

/// The colour of a state, as terminals number them: red, yellow, grey.
fn colour(cell: &str) -> Option<&'static str> {
    match cell {
        "active" => Some("31"),
        "pending" => Some("33"),
        "suppressed" | "expired" => Some("90"),
        _ => None,
    }
}

impl Write for Screen<'_> {
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
        let mut plain = Screen::new(&mut out);
        writeln!(plain, "a\t\u{1b}]0;x\u{7}").unwrap();
        write!(plain, "\u{202e}b\u{9b}c\r\n").unwrap();
        assert_eq!(out, b"a\t\\x1b]0;x\\x07\n\\u202eb\\u009bc\\r\n");
    }

    #[test]
    fn a_character_may_come_in_pieces_and_what_is_none_is_replaced() {
        let mut out = Vec::new();
        let mut plain = Screen::new(&mut out);
        let text = "ü\u{202e}山".as_bytes();
        for byte in text {
            plain.write_all(&[*byte]).unwrap();
        }
        plain.write_all(b"\xff!").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "ü\\u202e山\u{fffd}!");
    }

    #[test]
    fn tables_fit_a_terminal_and_have_colours_there_alone() {
        let rows = [["NAME", "STATE"], ["a long name", "active"], ["b", "odd"]];
        let rows = rows.map(|row| row.map(ToOwned::to_owned).to_vec());
        let mut out = Vec::new();
        Screen::new(&mut out).table(&rows).unwrap();
        assert_eq!(out, b"NAME         STATE\na long name  active\nb            odd\n");
        let mut out = Vec::new();
        let screen = Screen::new(&mut out);
        Screen { columns: Some(15), has_colour: true, ..screen }.table(&rows).unwrap();
        let expected = "\x1b[1mNAME     STATE\x1b[0m\n\x1b[31ma long   active\x1b[0m\n\x1b[31mname\x1b[0m\nb        odd\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let mut out = Vec::new();
        let screen = Screen::new(&mut out);
        Screen { is_padded: true, ..screen }.table(&rows[1..]).unwrap();
        assert_eq!(out, b"a long name  active  \nb            odd     \n");
    }
}
