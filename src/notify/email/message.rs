//! A mail as bytes: RFC 5322 headers, RFC 2047 words beyond ASCII, a `multipart/alternative` body of quoted-printable parts.
//!
//! Nothing that a value has in it can end its header: control characters become spaces before anything else.

use std::fmt::Write as _;

use crate::limits::MAIL_HEADER_BYTES_MAX;
use crate::model::Mailbox;
use crate::model::brief::cut;

/// A line of a header is at most so long, where its words allow that.
const LINE_MAX: usize = 76;
/// RFC 5322: no line may be longer.
const LINE_LIMIT: usize = 998;

/// The value of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Any text.
    Text(String),
    /// A list of addresses.
    Mailboxes(Vec<Mailbox>),
    /// Ours, and as it is to be: an identifier, a date.
    Raw(String),
}

/// Whether a text can be the name of a header.
pub(super) fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

/// The whole mail, with CR LF at the end of each line. `nonce` tells its boundary from others.
pub(super) fn build(
    headers: &[(String, Value)],
    parts: &[(&'static str, String)],
    nonce: u128,
) -> Vec<u8> {
    let mut out = String::new();
    for (name, value) in headers {
        header(&mut out, name, value);
    }
    // Quoted-printable never has an equals sign in front of an underscore.
    let boundary = format!("=_{nonce:032x}");
    // Writing to a String cannot fail.
    write!(
        out,
        "MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary=\"{boundary}\"\r\n\r\n"
    )
    .ok();
    for (kind, text) in parts {
        write!(
            out,
            "--{boundary}\r\nContent-Type: {kind}; charset=UTF-8\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        )
        .ok();
        quoted_printable(&mut out, text);
        out.push_str("\r\n");
    }
    write!(out, "--{boundary}--\r\n").ok();
    out.into_bytes()
}

fn header(out: &mut String, name: &str, value: &Value) {
    let start = out.len();
    out.push_str(name);
    out.push(':');
    match value {
        Value::Raw(text) => {
            out.push(' ');
            out.push_str(text);
        }
        Value::Text(text) => unstructured(out, start, text),
        Value::Mailboxes(list) => {
            for (at, mailbox) in list.iter().enumerate() {
                let comma = if at + 1 < list.len() { "," } else { "" };
                address(out, start, mailbox, comma);
            }
        }
    }
    out.push_str("\r\n");
}

/// How long the last line is.
fn column(out: &str, start: usize) -> usize {
    let header = out.get(start..).unwrap_or_default();
    header.rsplit_once('\n').map_or(header.len(), |(_, line)| line.len())
}

/// A word behind a space, on a new line where this one has no room.
fn word(out: &mut String, start: usize, word: &str) {
    let is_first = out.ends_with(':');
    if !is_first && column(out, start) + 1 + word.len() > LINE_MAX {
        out.push_str("\r\n");
    }
    out.push(' ');
    out.push_str(word);
}

fn unstructured(out: &mut String, start: usize, text: &str) {
    let text = clean(text);
    let is_plain = text.bytes().all(|byte| (b' '..0x7F).contains(&byte))
        && !text.contains("=?")
        && text.split(' ').all(|word| word.len() < LINE_LIMIT - 100);
    if is_plain {
        for piece in text.split(' ') {
            word(out, start, piece);
        }
        // A line of spaces alone would be obsolete syntax.
        out.truncate(out.trim_end_matches([' ', '\r', '\n']).len());
    } else {
        encoded(out, start, &text);
    }
}

/// One line without control characters, of a bounded length.
fn clean(text: &str) -> String {
    let text = text.trim().replace("\r\n", " ").replace(|c: char| c.is_control(), " ");
    cut(&text, MAIL_HEADER_BYTES_MAX).to_owned()
}

/// RFC 2047's encoded words of at most 75 characters, none of which cuts a character.
fn encoded(out: &mut String, start: usize, text: &str) {
    const OPEN: &str = "=?utf-8?q?";
    const CLOSE: &str = "?=";
    let mut piece = String::new();
    let mut room = LINE_MAX.saturating_sub(column(out, start) + 1 + OPEN.len() + CLOSE.len());
    for c in text.chars() {
        let mut bytes = [0; 4];
        let mut escaped = String::new();
        for byte in c.encode_utf8(&mut bytes).bytes() {
            match byte {
                b' ' => escaped.push('_'),
                byte if byte.is_ascii_alphanumeric() || b"!*+-/".contains(&byte) => {
                    escaped.push(char::from(byte));
                }
                byte => {
                    write!(escaped, "={byte:02X}").ok();
                }
            }
        }
        if piece.len() + escaped.len() > room {
            word(out, start, &format!("{OPEN}{piece}{CLOSE}"));
            piece.clear();
            room = LINE_MAX - 1 - OPEN.len() - CLOSE.len();
        }
        piece.push_str(&escaped);
    }
    word(out, start, &format!("{OPEN}{piece}{CLOSE}"));
}

fn address(out: &mut String, start: usize, mailbox: &Mailbox, comma: &str) {
    let name = clean(&mailbox.name);
    let address = mailbox.address.as_str();
    if name.is_empty() {
        return word(out, start, &format!("{address}{comma}"));
    }
    let is_atoms = |c: char| c.is_ascii_alphanumeric() || " !#$%&'*+-/=?^_`{|}~".contains(c);
    if !name.is_ascii() || name.contains("=?") {
        encoded(out, start, &name);
    } else if name.chars().all(is_atoms) {
        for piece in name.split(' ').filter(|piece| !piece.is_empty()) {
            word(out, start, piece);
        }
    } else {
        word(out, start, &format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")));
    }
    word(out, start, &format!("<{address}>{comma}"));
}

/// RFC 2045's quoted-printable of a text: lines of at most 76 characters.
fn quoted_printable(out: &mut String, text: &str) {
    let text = text.replace("\r\n", "\n");
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push_str("\r\n");
        }
        let mut column = 0;
        let last = line.len().saturating_sub(1);
        for (at, byte) in line.bytes().enumerate() {
            // White space at the end of a line gets lost.
            let is_plain = match byte {
                b' ' | b'\t' => at != last,
                byte => byte.is_ascii_graphic() && byte != b'=',
            };
            let width = if is_plain { 1 } else { 3 };
            if column + width > LINE_MAX - 1 {
                out.push_str("=\r\n");
                column = 0;
            }
            column += width;
            if is_plain {
                out.push(char::from(byte));
            } else {
                write!(out, "={byte:02X}").ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, value: &Value) -> String {
        let mut out = String::new();
        header(&mut out, name, value);
        out
    }

    fn text(name: &str, value: &str) -> String {
        of(name, &Value::Text(value.to_owned()))
    }

    #[test]
    fn a_header_is_folded_between_words() {
        assert_eq!(text("Subject", "[FIRING:1] A"), "Subject: [FIRING:1] A\r\n");
        let long = "word ".repeat(40);
        let folded = text("Subject", &long);
        assert!(folded.lines().count() > 2 && folded.lines().all(|line| line.len() <= LINE_MAX));
        assert_eq!(folded.replace("\r\n", ""), format!("Subject: {}", long.trim_end()));
    }

    #[test]
    fn text_beyond_ascii_is_encoded_in_words_that_cut_no_character() {
        assert_eq!(text("Subject", "Tür zu"), "Subject: =?utf-8?q?T=C3=BCr_zu?=\r\n");
        let folded = text("Subject", &"ä".repeat(60));
        for line in folded.trim_end().split("\r\n") {
            assert!(line.len() <= LINE_MAX, "{line}");
            let word = line.trim_start_matches("Subject:").trim();
            let inner = word.strip_prefix("=?utf-8?q?").unwrap().strip_suffix("?=").unwrap();
            assert_eq!(inner.replace("=C3=A4", ""), "");
        }
        // Text that only looks encoded is encoded.
        assert!(text("Subject", "=?utf-8?q?x?=").contains("=3D=3Futf"));
    }

    #[test]
    fn no_value_ends_its_header() {
        for evil in ["a\r\nBcc: x@y", "a\nBcc: x@y", "a\rBcc: x@y", "a\u{85}Bcc: x", "a\0b\x0bc"] {
            let header = text("Subject", evil);
            assert_eq!(header.matches('\n').count(), 1, "{header:?}");
            assert!(!header.contains("\nBcc") && !header.contains('\0'));
        }
        let endless = text("Subject", &"x".repeat(100_000));
        assert!(endless.lines().all(|line| line.len() <= LINE_LIMIT), "{}", endless.len());
        assert!(endless.len() < 2 * MAIL_HEADER_BYTES_MAX);
    }

    #[test]
    fn addresses_keep_their_names() {
        let list = r#"a@x, Ann Lee <b@x>, "Lee, \"Ann\"" <c@x>, Jörg <d@x>"#;
        assert_eq!(
            of("To", &Value::Mailboxes(Mailbox::list(list).unwrap())),
            "To: a@x, Ann Lee <b@x>, \"Lee, \\\"Ann\\\"\" <c@x>, =?utf-8?q?J=C3=B6rg?= <d@x>\r\n"
        );
        let many = vec!["someone@example.org"; 20].join(", ");
        let header = of("To", &Value::Mailboxes(Mailbox::list(&many).unwrap()));
        assert!(header.lines().all(|line| line.len() <= LINE_MAX));
        assert_eq!(header.replace("\r\n", ""), format!("To: {many}"));
    }

    fn printed(text: &str) -> String {
        let mut out = String::new();
        quoted_printable(&mut out, text);
        out
    }

    #[test]
    fn quoted_printable_is_as_its_standard() {
        for (plain, quoted) in [
            ("a=b", "a=3Db"),
            ("Tür", "T=C3=BCr"),
            ("a \nb\t", "a=20\r\nb=09"),
            ("a b", "a b"),
            ("a\r\nb\rc\n", "a\r\nb=0Dc\r\n"),
            ("\0", "=00"),
            (".\n..", ".\r\n.."),
        ] {
            assert_eq!(printed(plain), quoted, "{plain:?}");
        }
        let long = printed(&"=".repeat(100));
        assert!(long.split("\r\n").all(|line| line.len() <= LINE_MAX));
        assert_eq!(long.replace("=\r\n", ""), "=3D".repeat(100));
    }

    #[test]
    fn a_mail_has_its_parts() {
        let headers = [("Subject".to_owned(), Value::Text("s".into()))];
        let parts = [("text/plain", "t".to_owned()), ("text/html", "<b>".to_owned())];
        let mail = String::from_utf8(build(&headers, &parts, 0xAB)).unwrap();
        let boundary = "=_000000000000000000000000000000ab";
        assert_eq!(
            mail,
            format!(
                "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n \
                 boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\nContent-Type: text/plain; \
                 charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nt\r\n--{boundary}\r\n\
                 Content-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
                 <b>\r\n--{boundary}--\r\n"
            )
        );
    }

    proptest::proptest! {
        #[test]
        fn every_line_of_any_mail_is_short_enough(subject: String, body: String) {
            let headers = [("Subject".to_owned(), Value::Text(subject))];
            let mail = String::from_utf8(build(&headers, &[("text/plain", body)], 1)).unwrap();
            for line in mail.strip_suffix("\r\n").unwrap().split("\r\n") {
                proptest::prop_assert!(line.len() <= LINE_LIMIT && !line.contains(['\r', '\n']) && line.is_ascii());
            }
        }
    }
}
