//! The UTF-8 grammar of matchers, strict: what Alertmanager's `matcher/parse` reads.
//!
//! ```text
//! input    = [ "{" ] [ matcher { "," matcher } [ "," ] ] [ "}" ]      both braces or none
//! matcher  = text ( "=" | "!=" | "=~" | "!~" ) text
//! text     = '"' ... '"' with Go's escapes | one or more characters that are not reserved
//! ```
//!
//! Errors say from which to which column, counted in characters from 0.

use std::fmt;
use std::str::Chars;

use crate::model::matcher::{MatchOp, Matcher, ParseError};

/// Whether the character has a meaning of its own, so that texts with it want quotes.
pub(super) fn is_reserved(c: char) -> bool {
    c.is_whitespace() || "{}!=~,\\\"'`".contains(c)
}

/// Reads matchers separated by commas.
pub(super) fn list(text: &str) -> Result<Vec<Matcher>, ParseError> {
    Parser { lexer: Lexer { rest: text, column: 0 } }.list()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    OpenBrace,
    CloseBrace,
    Comma,
    Operator(MatchOp),
    Quoted,
    Unquoted,
}

#[derive(Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    start: usize,
    end: usize,
}

impl Token<'_> {
    /// The token's place and text, with what is wrong about it between.
    fn fault(&self, found: &str, rule: impl fmt::Display) -> ParseError {
        let Self { start, end, text, .. } = self;
        ParseError::Syntax(format!("{start}:{end}: {found}{text}: {rule}"))
    }
}

#[derive(Clone)]
struct Lexer<'a> {
    rest: &'a str,
    column: usize,
}

impl<'a> Lexer<'a> {
    /// Takes the first `len` bytes, which end a character.
    fn take(&mut self, len: usize) -> (&'a str, usize, usize) {
        let (text, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        let start = self.column;
        self.column += text.chars().count();
        self.rest = rest;
        (text, start, self.column)
    }

    fn token(&mut self, kind: Kind, len: usize) -> Token<'a> {
        let (text, start, end) = self.take(len);
        Token { kind, text, start, end }
    }

    /// The next token, or nothing at the end of input.
    fn next(&mut self) -> Result<Option<Token<'a>>, String> {
        let blank = self.rest.len() - self.rest.trim_start().len();
        self.take(blank);
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        let token = match first {
            '{' => self.token(Kind::OpenBrace, 1),
            '}' => self.token(Kind::CloseBrace, 1),
            ',' => self.token(Kind::Comma, 1),
            '=' if self.rest.starts_with("=~") => self.token(Kind::Operator(MatchOp::Matches), 2),
            '=' => self.token(Kind::Operator(MatchOp::Equal), 1),
            '!' => self.negation()?,
            '"' => self.quoted()?,
            c if is_reserved(c) => {
                let (text, start, end) = self.take(c.len_utf8());
                return Err(format!("{start}:{end}: {text}: invalid input"));
            }
            _ => {
                let len = self.rest.find(is_reserved).unwrap_or(self.rest.len());
                self.token(Kind::Unquoted, len)
            }
        };
        Ok(Some(token))
    }

    fn negation(&mut self) -> Result<Token<'a>, String> {
        if self.rest.starts_with("!=") {
            return Ok(self.token(Kind::Operator(MatchOp::NotEqual), 2));
        }
        if self.rest.starts_with("!~") {
            return Ok(self.token(Kind::Operator(MatchOp::NotMatches), 2));
        }
        let (text, start, end) = self.take(1);
        Err(if self.rest.is_empty() {
            format!("{start}:{end}: unexpected end of input, expected one of '=~'")
        } else {
            format!("{start}:{end}: {text}: expected one of '=~'")
        })
    }

    fn quoted(&mut self) -> Result<Token<'a>, String> {
        let mut escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return Ok(self.token(Kind::Quoted, at + 1)),
                _ => {}
            }
        }
        let (text, start, end) = self.take(self.rest.len());
        Err(format!("{start}:{end}: {text}: missing end \""))
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
}

impl<'a> Parser<'a> {
    fn list(mut self) -> Result<Vec<Matcher>, ParseError> {
        let mut matchers = Vec::new();
        let braced = match self.peek().map_err(ParseError::Syntax)? {
            None => return Ok(matchers),
            Some(Token { kind: Kind::OpenBrace, .. }) => self.accept().is_some(),
            Some(_) => false,
        };
        let mut next = self.peek().map_err(ParseError::Syntax)?;
        while let Some(token) = next
            && token.kind != Kind::CloseBrace
        {
            matchers.push(self.matcher()?);
            next = self.after_matcher()?;
        }
        self.close(braced)?;
        match self.peek() {
            Ok(None) => Ok(matchers),
            Ok(Some(token)) => Err(token.fault("", "expected end of input")),
            Err(error) => Err(ParseError::Syntax(format!("{error}: expected end of input"))),
        }
    }

    fn peek(&self) -> Result<Option<Token<'a>>, String> {
        self.lexer.clone().next()
    }

    /// Takes the token that was peeked at.
    fn accept(&mut self) -> Option<Token<'a>> {
        self.lexer.next().ok().flatten()
    }

    /// Takes the next token if `wanted` makes something of it.
    fn expect<T>(
        &mut self,
        wanted: impl Fn(Token<'a>) -> Option<T>,
        rule: &str,
    ) -> Result<T, ParseError> {
        match self.peek() {
            Ok(Some(token)) => {
                let made = wanted(token).ok_or_else(|| token.fault("unexpected ", rule))?;
                self.accept();
                Ok(made)
            }
            Ok(None) => Err(ParseError::Syntax(format!("end of input: {rule}"))),
            Err(error) => Err(ParseError::Syntax(format!("{error}: {rule}"))),
        }
    }

    fn text(&mut self, rule: &str) -> Result<String, ParseError> {
        let token = self.expect(
            |token| matches!(token.kind, Kind::Quoted | Kind::Unquoted).then_some(token),
            rule,
        )?;
        if token.kind == Kind::Unquoted {
            return Ok(token.text.to_owned());
        }
        unquote(token.text).ok_or_else(|| token.fault("", "invalid input"))
    }

    fn matcher(&mut self) -> Result<Matcher, ParseError> {
        let name = self.text("expected label name")?;
        let op = self.expect(
            |token| if let Kind::Operator(op) = token.kind { Some(op) } else { None },
            "expected an operator such as '=', '!=', '=~' or '!~'",
        )?;
        let value = self.text("expected label value")?;
        Matcher::new(&name, op, &value).map_err(ParseError::Utf8Pattern)
    }

    /// Takes a comma if there is one; what follows is a matcher, a closing brace or the end of input.
    fn after_matcher(&mut self) -> Result<Option<Token<'a>>, ParseError> {
        let rule = "expected a comma or close brace";
        let token = self.peek().map_err(|error| ParseError::Syntax(format!("{error}: {rule}")))?;
        match token {
            None | Some(Token { kind: Kind::CloseBrace, .. }) => return Ok(token),
            Some(Token { kind: Kind::Comma, .. }) => self.accept(),
            Some(token) => return Err(token.fault("unexpected ", rule)),
        };
        let rule = "expected a matcher or close brace after comma";
        let token = self.peek().map_err(|error| ParseError::Syntax(format!("{error}: {rule}")))?;
        match token {
            Some(token)
                if !matches!(token.kind, Kind::CloseBrace | Kind::Quoted | Kind::Unquoted) =>
            {
                Err(token.fault("unexpected ", rule))
            }
            next => Ok(next),
        }
    }

    fn close(&mut self, braced: bool) -> Result<(), ParseError> {
        let column = self.lexer.column;
        // An unclosed quote was reported where it stood, so here it is a brace or the end of input.
        match (braced, self.accept()) {
            (true, None) => {
                Err(ParseError::Syntax(format!("0:{column}: end of input: expected close brace")))
            }
            (false, Some(token)) => {
                Err(ParseError::Syntax(format!("0:{}: }}: expected opening brace", token.end)))
            }
            (true, Some(_)) | (false, None) => Ok(()),
        }
    }
}

/// Undoes Go's `strconv.Quote`: nothing if an escape is unknown, a line break stands bare, or the bytes are not UTF-8.
fn unquote(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\n' => return None,
            '\\' => unescape(&mut chars, &mut bytes)?,
            c => push(c, &mut bytes),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Reads what follows a backslash.
fn unescape(chars: &mut Chars<'_>, bytes: &mut Vec<u8>) -> Option<()> {
    let byte = match chars.next()? {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        '"' => b'"',
        'x' => u8::try_from(number(chars, 0, 16, 2)?).ok()?,
        c @ '0'..='7' => u8::try_from(number(chars, c.to_digit(8)?, 8, 2)?).ok()?,
        'u' => {
            push(char::from_u32(number(chars, 0, 16, 4)?)?, bytes);
            return Some(());
        }
        'U' => {
            push(char::from_u32(number(chars, 0, 16, 8)?)?, bytes);
            return Some(());
        }
        _ => return None,
    };
    bytes.push(byte);
    Some(())
}

/// Reads exactly `len` more digits behind those that make `value`.
fn number(chars: &mut Chars<'_>, value: u32, radix: u32, len: usize) -> Option<u32> {
    (0..len).try_fold(value, |value, _| {
        value.checked_mul(radix)?.checked_add(chars.next()?.to_digit(radix)?)
    })
}

fn push(c: char, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Name, operator and value.
    type Parts<'a> = (&'a str, &'a str, &'a str);

    fn parts(matcher: &Matcher) -> Parts<'_> {
        (matcher.name(), matcher.op().as_str(), matcher.value())
    }

    #[test]
    fn matchers_read_as_alertmanager_reads_them() {
        let cases: [(&str, &[Parts]); 46] = [
            ("", &[]),
            (" \t\n", &[]),
            ("{}", &[]),
            (" { } ", &[]),
            ("{foo=bar}", &[("foo", "=", "bar")]),
            ("{foo=bar,}", &[("foo", "=", "bar")]),
            ("{foo!=bar}", &[("foo", "!=", "bar")]),
            ("{foo=~[a-z]+}", &[("foo", "=~", "[a-z]+")]),
            ("{foo!~[a-z]+}", &[("foo", "!~", "[a-z]+")]),
            ("{foo=🙂}", &[("foo", "=", "🙂")]),
            ("{foo=🙂bar}", &[("foo", "=", "🙂bar")]),
            ("foo=bar", &[("foo", "=", "bar")]),
            ("foo=bar,", &[("foo", "=", "bar")]),
            ("foo!=bar", &[("foo", "!=", "bar")]),
            ("foo=~[a-z]+", &[("foo", "=~", "[a-z]+")]),
            ("foo!~[a-z]+", &[("foo", "!~", "[a-z]+")]),
            (r#"{"foo"="bar"}"#, &[("foo", "=", "bar")]),
            (r#"{"foo"="bar",}"#, &[("foo", "=", "bar")]),
            (r#"{"foo"!="bar"}"#, &[("foo", "!=", "bar")]),
            (r#"{"foo"=~"[a-z]+"}"#, &[("foo", "=~", "[a-z]+")]),
            (r#"{"foo"!~"[a-z]+"}"#, &[("foo", "!~", "[a-z]+")]),
            (r#"{"foo"="🙂"}"#, &[("foo", "=", "🙂")]),
            (r#"{"foo"="\xf0\x9f\x99\x82"}"#, &[("foo", "=", "🙂")]),
            (r#"{"foo"="\360\237\231\202"}"#, &[("foo", "=", "🙂")]),
            (r#"{"foo"="\U0001f642"}"#, &[("foo", "=", "🙂")]),
            (r#"{"foo"="\u00e9"}"#, &[("foo", "=", "é")]),
            (r#"{"foo"="bar\n"}"#, &[("foo", "=", "bar\n")]),
            (r#"{"foo"="bar\t"}"#, &[("foo", "=", "bar\t")]),
            ("foo=\"a\tb\"", &[("foo", "=", "a\tb")]),
            (r#"foo="\a\b\f\r\v""#, &[("foo", "=", "\x07\x08\x0c\r\x0b")]),
            (r#"{"foo"="\"bar\""}"#, &[("foo", "=", "\"bar\"")]),
            (r#"{"foo"="bar\\"}"#, &[("foo", "=", "bar\\")]),
            (r#""foo"="bar""#, &[("foo", "=", "bar")]),
            (r#""foo"="bar","#, &[("foo", "=", "bar")]),
            ("{foo=bar,bar!=baz}", &[("foo", "=", "bar"), ("bar", "!=", "baz")]),
            (r#"{foo="bar",bar!="baz"}"#, &[("foo", "=", "bar"), ("bar", "!=", "baz")]),
            ("foo=bar,bar!=baz", &[("foo", "=", "bar"), ("bar", "!=", "baz")]),
            (r#"foo="bar",bar!~"b.z","#, &[("foo", "=", "bar"), ("bar", "!~", "b.z")]),
            (" foo = bar , bar\u{202f}=~\tbaz ", &[("foo", "=", "bar"), ("bar", "=~", "baz")]),
            (r#"foo="""#, &[("foo", "=", "")]),
            (r#""a b"="{}!=~,\\'`""#, &[("a b", "=", "{}!=~,\\'`")]),
            (r#"{"{}"=bar}"#, &[("{}", "=", "bar")]),
            ("foo🙂=bar", &[("foo🙂", "=", "bar")]),
            ("0-a.b/c:d=1$2", &[("0-a.b/c:d", "=", "1$2")]),
            ("foo=:bar", &[("foo", "=", ":bar")]),
            ("foo=bar,foo=bar", &[("foo", "=", "bar"), ("foo", "=", "bar")]),
        ];
        for (text, expected) in cases {
            let matchers = list(text).unwrap();
            assert_eq!(matchers.iter().map(parts).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn errors_name_the_columns_and_the_rule_as_alertmanager_does() {
        let operator = "expected an operator such as '=', '!=', '=~' or '!~'";
        let cases = [
            (",", "0:1: unexpected ,: expected label name"),
            ("{,}", "1:2: unexpected ,: expected label name"),
            ("{", "0:1: end of input: expected close brace"),
            ("}", "0:1: }: expected opening brace"),
            ("{{", "1:2: unexpected {: expected label name"),
            ("foo=bar}", "0:8: }: expected opening brace"),
            ("{foo=bar", "0:8: end of input: expected close brace"),
            ("{foo=bar, ", "0:9: end of input: expected close brace"),
            ("{🙂=bar ", "0:6: end of input: expected close brace"),
            (r#"{foo=:"bar"}"#, r#"6:11: unexpected "bar": expected a comma or close brace"#),
            (r#"{foo="bar\w"}"#, r#"5:12: "bar\w": invalid input"#),
            (r"{foo=bar\n}", r"8:9: \: invalid input: expected a comma or close brace"),
            (r#"{"foo"="\xf0\x9f"}"#, r#"7:17: "\xf0\x9f": invalid input"#),
            (r#"{"\xff"=a}"#, r#"1:7: "\xff": invalid input"#),
            (r#"foo="\ud800""#, r#"4:12: "\ud800": invalid input"#),
            (r#"foo="\U00110000""#, r#"4:16: "\U00110000": invalid input"#),
            (r#"foo="\400""#, r#"4:10: "\400": invalid input"#),
            (r#"foo="\08""#, r#"4:9: "\08": invalid input"#),
            (r#"foo="\x4""#, r#"4:9: "\x4": invalid input"#),
            (r#"foo="\'""#, r#"4:8: "\'": invalid input"#),
            ("foo=\"a\nb\"", "4:9: \"a\nb\": invalid input"),
            (r#""foo"#, "0:4: \"foo: missing end \""),
            (r#"{"foo"#, "1:5: \"foo: missing end \""),
            (r#"foo="bar"#, "4:8: \"bar: missing end \": expected label value"),
            (r#"foo="bar\""#, "4:10: \"bar\\\": missing end \": expected label value"),
            (r"\n", r"0:1: \: invalid input"),
            ("'foo'=bar", "0:1: ': invalid input"),
            ("`", "0:1: `: invalid input"),
            ("~", "0:1: ~: invalid input"),
            (r"{\", r"1:2: \: invalid input"),
            ("!", "0:1: unexpected end of input, expected one of '=~'"),
            ("!a", "0:1: !: expected one of '=~'"),
            ("=bar", "0:1: unexpected =: expected label name"),
            ("=~~~", "0:2: unexpected =~: expected label name"),
            ("foo", &format!("end of input: {operator}")),
            ("foo bar", &format!("4:7: unexpected bar: {operator}")),
            ("foo!bar", &format!("3:4: !: expected one of '=~': {operator}")),
            ("foo!", &format!("3:4: unexpected end of input, expected one of '=~': {operator}")),
            ("foo=", "end of input: expected label value"),
            ("foo=,", "4:5: unexpected ,: expected label value"),
            ("foo==bar", "4:5: unexpected =: expected label value"),
            ("foo=~~~", "5:6: ~: invalid input: expected label value"),
            ("foo={bar}", "4:5: unexpected {: expected label value"),
            ("foo=bar baz=qux", "8:11: unexpected baz: expected a comma or close brace"),
            (
                "foo=bar,,bar=baz",
                "8:9: unexpected ,: expected a matcher or close brace after comma",
            ),
            ("foo=bar,'", "8:9: ': invalid input: expected a matcher or close brace after comma"),
            ("foo=bar,}", "0:9: }: expected opening brace"),
            ("{foo=bar}}", "9:10: }: expected end of input"),
            ("{}foo", "2:5: foo: expected end of input"),
            ("{}'", "2:3: ': invalid input: expected end of input"),
            (
                "foo=~\"[a\"",
                "failed to create matcher: error parsing regexp: missing closing ]: `[a)$`",
            ),
        ];
        for (text, error) in cases {
            assert_eq!(list(text).unwrap_err().to_string(), error, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_value_reads_back(
            name in ".{1,8}|[a-z_]{1,8}",
            value in ".{0,8}|[\\\\\"\n a-z]{0,8}",
            equal: bool,
        ) {
            let matcher = Matcher::new(&name, MatchOp::from_flags(equal, false), &value).unwrap();
            prop_assert_eq!(list(&matcher.to_string()), Ok(vec![matcher.clone()]));
            prop_assert_eq!(list(&format!("{{{matcher},{matcher}}}")), Ok(vec![matcher; 2]));
        }

        #[test]
        fn no_text_breaks_the_reader(text in "[{}!=~,\\\\\"'` a🙂\n.*(\\[x0u]{0,16}|.{0,16}") {
            let matchers = list(&text);
            prop_assert!(matchers.map_or(true, |m| m.len() <= text.len()));
        }
    }
}
