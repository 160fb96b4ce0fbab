//! A reader of JSON text that hands out borrowed strings, as strict as Go's `encoding/json` and with its messages: what
//! clients of Alertmanager see.

use std::borrow::Cow;

use crate::limits::{JSON_DEPTH_MAX, JSON_VALUES_MAX};
use crate::wire::json::plain::plain_length;

/// Walks over one JSON value. After an error it is of no further use.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    values: usize,
}

/// Where a reader stands in its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaderPlace {
    at: usize,
    depth: usize,
    values: usize,
}

impl ReaderPlace {
    /// Bytes that lie before it.
    pub const fn bytes(self) -> usize {
        self.at
    }
}

/// The kind of the next value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// Digits.
    Number,
    /// `"`
    String,
    /// `[`
    Array,
    /// `{`
    Object,
}

impl ValueKind {
    /// Go's word in type errors.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    /// Its name in errors.
    const fn in_words(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "a list",
            Self::Object => "an object",
        }
    }
}

/// A text was not read, in Go's words. Changes nothing but the place of the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It is no JSON.
    Syntax(String),
    /// It is, but a value is not of the kind that belongs there.
    Type(String),
}

impl<'a> Reader<'a> {
    /// Starts at the beginning of `text`.
    pub const fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0, values: 0 }
    }

    /// The kind of the value that comes next; nothing but blanks is consumed.
    pub fn kind(&mut self) -> Result<ValueKind, ReadError> {
        self.blanks();
        match self.peek() {
            Some(b'"') => Ok(ValueKind::String),
            Some(b'{') => Ok(ValueKind::Object),
            Some(b'[') => Ok(ValueKind::Array),
            Some(b'n') => Ok(ValueKind::Null),
            Some(b't' | b'f') => Ok(ValueKind::Bool),
            Some(b'-' | b'0'..=b'9') => Ok(ValueKind::Number),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    /// Consumes a `null` if one comes next, and says whether it did.
    pub fn null(&mut self) -> Result<bool, ReadError> {
        let null = self.kind()? == ValueKind::Null;
        if null {
            self.literal("null")?;
        }
        Ok(null)
    }

    /// Consumes a value of any kind.
    pub fn skip(&mut self) -> Result<(), ReadError> {
        match self.kind()? {
            ValueKind::Null => self.literal("null"),
            ValueKind::Bool if self.peek() == Some(b't') => self.literal("true"),
            ValueKind::Bool => self.literal("false"),
            ValueKind::Number => self.number(),
            ValueKind::String => self.quoted().map(|_| ()),
            ValueKind::Array => self.elements(|reader, _| reader.skip()),
            ValueKind::Object => self.members(|reader, _| reader.skip()),
        }
    }

    /// Consumes a string. `target` is what Go calls the place it is meant for.
    pub fn string(&mut self, target: &str) -> Result<Cow<'a, str>, ReadError> {
        self.expect(ValueKind::String, target)?;
        self.quoted()
    }

    /// Consumes `true` or `false`.
    pub fn bool(&mut self, target: &str) -> Result<bool, ReadError> {
        self.expect(ValueKind::Bool, target)?;
        let value = self.peek() == Some(b't');
        self.literal(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Consumes an array: `element` is called before each, with its index, and consumes it.
    pub fn array(
        &mut self,
        target: &str,
        element: impl FnMut(&mut Self, usize) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.expect(ValueKind::Array, target)?;
        self.elements(element)
    }

    /// Consumes an object: `member` is called after each name and consumes its value.
    pub fn object(
        &mut self,
        target: &str,
        member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.expect(ValueKind::Object, target)?;
        self.members(member)
    }

    fn expect(&mut self, kind: ValueKind, target: &str) -> Result<(), ReadError> {
        let found = self.kind()?;
        if found == kind {
            return Ok(());
        }
        // Go looks for the syntax of the whole text first.
        Reader::new(self.text).skip()?;
        let expected = match kind {
            ValueKind::Array => "a list [{...}]",
            ValueKind::Object => "an object {...}",
            kind => kind.in_words(),
        };
        // Go's words stay, for clients that search for them; plain ones follow.
        Err(ReadError::Type(format!(
            "json: cannot unmarshal {} into Go {target}: expected {expected}, found {}",
            found.as_str(),
            found.in_words()
        )))
    }

    fn elements(
        &mut self,
        mut element: impl FnMut(&mut Self, usize) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.enter()?;
        let mut index = 0;
        while self.next_element(index == 0)? {
            element(self, index)?;
            index += 1;
        }
        Ok(())
    }

    /// Consumes the bracket that opens an array; [`Reader::next_element`] then goes from one element to the next.
    pub fn open_array(&mut self, target: &str) -> Result<(), ReadError> {
        self.expect(ValueKind::Array, target)?;
        self.enter()
    }

    /// Consumes what is before the next element of an array that is open, or the bracket that closes it. Returns whether an
    /// element comes.
    pub fn next_element(&mut self, is_first: bool) -> Result<bool, ReadError> {
        if self.eats(b']') {
            self.depth -= 1;
            return Ok(false);
        }
        if !is_first && !self.eats(b',') {
            return Err(self.unexpected("after array element"));
        }
        self.count()?;
        Ok(true)
    }

    /// Where it stands.
    pub const fn place(&self) -> ReaderPlace {
        ReaderPlace { at: self.at, depth: self.depth, values: self.values }
    }

    /// Goes on in `text` where another reader of it stood.
    pub const fn resume(text: &'a str, place: ReaderPlace) -> Self {
        let ReaderPlace { at, depth, values } = place;
        Self { text, at, depth, values }
    }

    /// Consumes an object that begins here, as [`Reader::kind`] has found; `member` as in [`Reader::object`].
    pub(super) fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.enter()?;
        if !self.eats(b'}') {
            loop {
                self.count()?;
                self.blanks();
                if self.peek() != Some(b'"') {
                    return Err(self.unexpected("looking for beginning of object key string"));
                }
                let name = self.quoted()?;
                if !self.eats(b':') {
                    return Err(self.unexpected("after object key"));
                }
                member(self, name)?;
                if self.eats(b'}') {
                    break;
                }
                if !self.eats(b',') {
                    return Err(self.unexpected("after object key:value pair"));
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Consumes the bracket that opens an array or an object.
    fn enter(&mut self) -> Result<(), ReadError> {
        self.depth += 1;
        if self.depth > JSON_DEPTH_MAX {
            return Err(self.unexpected("exceeded max depth"));
        }
        self.at += 1;
        Ok(())
    }

    /// Takes note of one more element or member.
    fn count(&mut self) -> Result<(), ReadError> {
        self.values += 1;
        if self.values > JSON_VALUES_MAX {
            let text = format!("it has more than {JSON_VALUES_MAX} values: send it in parts");
            return Err(ReadError::Syntax(text));
        }
        Ok(())
    }

    /// Consumes a string that begins here, as [`Reader::kind`] has found.
    pub(super) fn quoted(&mut self) -> Result<Cow<'a, str>, ReadError> {
        self.at += 1;
        let plain = self.plain();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => {
                    self.at += 1;
                    let c = self.escape()?;
                    text.push(c);
                }
                _ => return Err(self.unexpected("in string literal")),
            }
            text.push_str(self.plain());
        }
    }

    /// Consumes what needs no unescaping.
    fn plain(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = plain_length(rest.as_bytes(), *b"\"\\");
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// Consumes what follows a backslash. Half a surrogate pair becomes U+FFFD.
    fn escape(&mut self) -> Result<char, ReadError> {
        let c = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.at += 1;
        Ok(c)
    }

    fn unicode(&mut self) -> Result<char, ReadError> {
        let first = self.hex()?;
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        let after_first = self.at;
        if first < 0xDC00 && self.text.get(self.at..self.at + 2) == Some("\\u") {
            self.at += 1;
            let second = self.hex()?;
            if (0xDC00..0xE000).contains(&second) {
                let c = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return Ok(char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = after_first;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    /// Consumes `uXXXX`.
    fn hex(&mut self) -> Result<u32, ReadError> {
        self.at += 1;
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.unexpected("in \\u hexadecimal character escape"));
            };
            value = value * 16 + digit;
            self.at += 1;
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<(), ReadError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn digits(&mut self, place: &str) -> Result<(), ReadError> {
        let first = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == first { Err(self.unexpected(place)) } else { Ok(()) }
    }

    fn literal(&mut self, word: &str) -> Result<(), ReadError> {
        for expected in word.bytes() {
            if self.peek() != Some(expected) {
                let expected = char::from(expected);
                return Err(self.unexpected(&format!("in literal {word} (expecting '{expected}')")));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn eats(&mut self, byte: u8) -> bool {
        self.blanks();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "asked of every byte, and smaller than a call")]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self, place: &str) -> ReadError {
        ReadError::Syntax(match self.peek() {
            None => "unexpected EOF".to_owned(),
            Some(b'\'') => format!(r"invalid character '\'' {place}"),
            Some(b'"') => format!(r#"invalid character '"' {place}"#),
            Some(byte) => {
                let quoted =
                    crate::model::labels::Quoted(char::from(byte).encode_utf8(&mut [0; 4]))
                        .to_string();
                format!("invalid character '{}' {place}", quoted.trim_matches('"'))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn skip(text: &str) -> Result<(), String> {
        Reader::new(text).skip().map_err(|error| match error {
            ReadError::Syntax(text) | ReadError::Type(text) => text,
        })
    }

    #[test]
    fn syntax_errors_read_as_gos() {
        for (text, error) in [
            ("bad", "invalid character 'b' looking for beginning of value"),
            ("", "unexpected EOF"),
            ("[\"a", "unexpected EOF"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("{'a':1}", r"invalid character '\'' looking for beginning of object key string"),
            ("{\"a\"{", "invalid character '{' after object key"),
            ("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"),
            ("[{}{}]", "invalid character '{' after array element"),
            (r#"["\q"]"#, "invalid character 'q' in string escape code"),
            (r#"["\u12x4"]"#, r"invalid character 'x' in \u hexadecimal character escape"),
            ("[\"a\n\"]", r"invalid character '\n' in string literal"),
            ("[trux]", "invalid character 'x' in literal true (expecting 'e')"),
            ("[-]", "invalid character ']' in numeric literal"),
            ("[1.]", "invalid character ']' after decimal point in numeric literal"),
            ("[1e]", "invalid character ']' in exponent of numeric literal"),
            ("[01]", "invalid character '1' after array element"),
        ] {
            assert_eq!(skip(text).unwrap_err(), error, "{text}");
        }
        let deep = "[".repeat(JSON_DEPTH_MAX + 1);
        assert_eq!(skip(&deep).unwrap_err(), "invalid character '[' exceeded max depth");
    }

    #[test]
    fn of_values_there_are_so_many_and_no_more() {
        let array = |count| format!("[{}{{\"a\":0}}]", "0,".repeat(count - 2));
        assert_eq!(skip(&array(JSON_VALUES_MAX)), Ok(()));
        let error = skip(&array(JSON_VALUES_MAX + 1)).unwrap_err();
        assert!(error.contains("more than 400000 values"), "{error}");
    }

    #[test]
    fn strings_are_unescaped_and_borrowed_where_they_can_be() {
        let read = |text| Reader::new(text).string("").unwrap();
        assert!(matches!(read("\"a b\""), Cow::Borrowed("a b")));
        assert_eq!(read(r#""\"\\\/\b\f\n\r\té\u00e9\ud83d\ude00""#), "\"\\/\u{8}\u{c}\n\r\téé😀");
        assert_eq!(read(r#""\ud83dx\ude00\ud83d\u0041""#), "\u{fffd}x\u{fffd}\u{fffd}A");
    }

    #[test]
    fn a_syntax_error_anywhere_goes_before_a_wrong_type() {
        let read =
            |text| Reader::new(text).array("value", |reader, _| reader.string("value").map(|_| ()));
        let wrong =
            "json: cannot unmarshal number into Go value: expected a string, found a number"
                .to_owned();
        assert_eq!(read("[1, 2]"), Err(ReadError::Type(wrong)));
        assert!(matches!(read("[1, x]"), Err(ReadError::Syntax(_))));
    }

    proptest! {
        #[test]
        fn it_takes_what_serde_json_takes(text in r#"([\[\]{}:,"\\ntrue0-9.eE+a \n-]|null|"a"|\{"a":1\}){0,12}"#) {
            // Go reads `00` as 0 and what follows it; serde_json as a number that is wrong.
            prop_assume!(!text.trim_start().trim_start_matches('-').starts_with('0'));
            let ours = skip(&text);
            let mut theirs = serde_json::Deserializer::from_str(&text).into_iter::<serde::de::IgnoredAny>();
            let theirs = theirs.next().unwrap_or_else(|| serde_json::from_str(""));
            // Numbers that run into letters are the next value's fault there.
            if ours.is_err() && theirs.is_ok() || ours.is_ok() && theirs.is_err() {
                prop_assert!(ours.is_ok() && theirs.is_err_and(|error| error.to_string().contains("trailing")), "{:?}", text);
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in any::<String>()) {
            drop(skip(&text));
            drop(skip(&format!("[{text}")));
            drop(skip(&format!("\"{text}")));
        }
    }
}
