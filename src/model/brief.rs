//! Text for the log whose length somebody else chooses.

use std::fmt;

use crate::limits::LOGGED_TEXT_BYTES_MAX;

/// Prints the beginning of a text, [`LOGGED_TEXT_BYTES_MAX`] bytes at most, and how much of it there is.
#[derive(Clone, Copy, Debug)]
pub struct Brief<'a>(pub &'a str);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0;
        let fits = |at: &usize| text.is_char_boundary(*at);
        let end = (0..=LOGGED_TEXT_BYTES_MAX.min(text.len())).rev().find(fits).unwrap_or(0);
        f.write_str(text.get(..end).unwrap_or_default())?;
        if end < text.len() { write!(f, "... ({} bytes)", text.len()) } else { Ok(()) }
    }
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
    }
}
