//! Characters that are not to reach a terminal or a log as they are: whoever chooses a name could move the cursor, hide
//! a line or turn the order of what is read.

use std::fmt::{self, Write as _};

/// Whether a character controls what is shown instead of showing something: controls of both sets, the separators of
/// lines and paragraphs, and the controls of the direction of writing.
pub fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// Prints a text with each control as an escape: `\n`, `\x1b`, `\u202e`. Of JSON, whose writer has escaped all before the
/// space, it makes JSON of the same meaning.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c < ' ' => write!(f, "\\x{:02x}", u32::from(c))?,
                c if is_control(c) => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_json_of_the_same_meaning() {
        let all: String = (0..=0x2070).filter_map(char::from_u32).collect();
        let value = serde_json::Value::from(all);
        let printed = Printable(&value.to_string()).to_string();
        assert!(!printed.contains(is_control));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), value);
    }

    #[test]
    fn control_characters_are_escaped_and_all_others_stay() {
        let printed = |text| Printable(text).to_string();
        assert_eq!(printed("a\n\t\u{1b}[2J\u{7f}"), "a\\n\\t\\x1b[2J\\u007f");
        assert_eq!(
            printed("\u{85}\u{9b}\u{202e}\u{2066}\u{200f}\u{61c}"),
            "\\u0085\\u009b\\u202e\\u2066\\u200f\\u061c"
        );
        let plain = "grün 山 👍 \"a\\b\" שלום";
        assert_eq!(printed(plain), plain);
    }
}
