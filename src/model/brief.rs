//! Text for the log, and for errors, whose length somebody else chooses.

use std::fmt;

use crate::limits::LOGGED_TEXT_BYTES_MAX;
use crate::model::labels::Quoted;

/// Prints the beginning of a text, [`LOGGED_TEXT_BYTES_MAX`] bytes at most, and how much of it there is.
#[derive(Clone, Copy, Debug)]
pub struct Brief<'a>(pub &'a str);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0;
        let shown = cut(text, LOGGED_TEXT_BYTES_MAX);
        f.write_str(shown)?;
        if shown.len() < text.len() { write!(f, "... ({} bytes)", text.len()) } else { Ok(()) }
    }
}

/// Prints a value in an error: the beginning of it, as Go's `strconv.Quote` does, and how much of it there is.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0;
        let shown = cut(text, LOGGED_TEXT_BYTES_MAX);
        Quoted(shown).fmt(f)?;
        if shown.len() < text.len() { write!(f, "... ({} bytes)", text.len()) } else { Ok(()) }
    }
}

/// As much of the beginning of a text as fits into `max` bytes.
pub fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let max = LOGGED_TEXT_BYTES_MAX;
        let print = |text: &str| Brief(text).to_string();
        assert_eq!(print(""), "");
        assert_eq!(print(&"x".repeat(max)), "x".repeat(max));
        let expected = format!("x{}... ({} bytes)", "é".repeat((max - 1) / 2), 2 * max + 1);
        assert_eq!(print(&format!("x{}", "é".repeat(max))), expected);
        assert_eq!(Shown("a\"").to_string(), r#""a\"""#);
        let expected = format!("\"{}\"... ({} bytes)", "x".repeat(max), 8 << 20);
        assert_eq!(Shown(&"x".repeat(8 << 20)).to_string(), expected);
    }
}
