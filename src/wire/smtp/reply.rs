//! Replies: lines of a code, a hyphen where more follow, and text.

use std::fmt;

use crate::limits::SMTP_REPLY_BYTES_MAX;

/// A reply of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpReply {
    /// Three digits, the first of 2 to 5.
    pub code: u16,
    /// The texts of its lines.
    pub lines: Vec<String>,
}

/// Bytes that are no reply. The dialogue cannot go on; nothing else has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyError {
    /// A line does not begin with a code.
    NotAReply,
    /// Its lines have different codes.
    Mixed,
    /// It does not end.
    TooLong,
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAReply => "the server's answer is no SMTP reply",
            Self::Mixed => "the server's reply has lines of different codes",
            Self::TooLong => "the server's reply does not end",
        })
    }
}

impl fmt::Display for SmtpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text())
    }
}

impl SmtpReply {
    /// Reads the first reply of `bytes` and how many bytes it has; none while it is not there whole.
    pub fn read(bytes: &[u8]) -> Result<Option<(Self, usize)>, ReplyError> {
        let mut reply: Option<Self> = None;
        let mut read = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !line.ends_with(b"\n") {
                break;
            }
            read += line.len();
            if read > SMTP_REPLY_BYTES_MAX {
                return Err(ReplyError::TooLong);
            }
            let (code, last, text) = parts(line).ok_or(ReplyError::NotAReply)?;
            let reply = reply.get_or_insert(Self { code, lines: Vec::new() });
            if reply.code != code {
                return Err(ReplyError::Mixed);
            }
            reply.lines.push(text);
            if last {
                return Ok(Some((reply.clone(), read)));
            }
        }
        Ok(None)
    }

    /// Its lines, joined.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// Whether the command was carried out.
    pub const fn is_success(&self) -> bool {
        self.code / 100 == 2
    }
}

/// A line's code, whether it is the last, and its text without control characters.
fn parts(line: &[u8]) -> Option<(u16, bool, String)> {
    let (digits, rest) = line.split_first_chunk::<3>()?;
    let code = digits.iter().try_fold(0, |code, digit| {
        digit.is_ascii_digit().then(|| code * 10 + u16::from(digit - b'0'))
    })?;
    if !(200..600).contains(&code) {
        return None;
    }
    let text = |bytes| {
        let text = String::from_utf8_lossy(bytes);
        text.trim_end().replace(|c: char| c.is_control(), " ")
    };
    match rest {
        [b'-', more @ ..] => Some((code, false, text(more))),
        [b' ', more @ ..] => Some((code, true, text(more))),
        [b'\r', b'\n'] | [b'\n'] => Some((code, true, String::new())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, lines: &[&str]) -> SmtpReply {
        SmtpReply { code, lines: lines.iter().map(|line| (*line).to_owned()).collect() }
    }

    #[test]
    fn replies_of_one_and_several_lines_are_read() {
        for (bytes, expected) in [
            ("220 ready\r\n", reply(220, &["ready"])),
            ("250\r\n", reply(250, &[""])),
            ("250-a\r\n250-SIZE 1\r\n250 b\r\nmore", reply(250, &["a", "SIZE 1", "b"])),
            ("550-5.7.1 no\r\n550 5.7.1 really\r\n", reply(550, &["5.7.1 no", "5.7.1 really"])),
            ("354 go\n", reply(354, &["go"])),
        ] {
            let (read, length) = SmtpReply::read(bytes.as_bytes()).unwrap().unwrap();
            assert_eq!(read, expected);
            assert_eq!(
                bytes.get(length..),
                Some(if bytes.ends_with("more") { "more" } else { "" })
            );
        }
        assert_eq!(reply(550, &["a", "b"]).to_string(), "550 a b");
    }

    #[test]
    fn the_rest_of_a_part_is_waited_for() {
        for bytes in ["", "2", "220 rea", "250-a\r\n", "250-a\r\n250 b"] {
            assert_eq!(SmtpReply::read(bytes.as_bytes()), Ok(None), "{bytes}");
        }
    }

    #[test]
    fn a_malformed_reply_is_an_error() {
        for bytes in ["HTTP/1.1 400\r\n", "22 x\r\n", "120 x\r\n", "600 x\r\n", "220_x\r\n", "\n"] {
            assert_eq!(SmtpReply::read(bytes.as_bytes()), Err(ReplyError::NotAReply), "{bytes}");
        }
        assert_eq!(SmtpReply::read(b"250-a\r\n550 b\r\n"), Err(ReplyError::Mixed));
    }

    #[test]
    fn an_endless_reply_is_an_error() {
        let endless = "250-more\r\n".repeat(SMTP_REPLY_BYTES_MAX / 10 + 1);
        assert_eq!(SmtpReply::read(endless.as_bytes()), Err(ReplyError::TooLong));
    }

    #[test]
    fn a_reply_has_no_control_characters() {
        let (reply, _) = SmtpReply::read(b"550 a\x1b[31m\x07b\r\n").unwrap().unwrap();
        assert_eq!(reply.text(), "a [31m b");
    }
}
