//! Text and actions into tokens, one at a time.

/// The kind of a token. Its text is its range of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Open,
    Close,
    Space,
    Assign,
    Declare,
    Pipe,
    Quoted,
    Raw,
    Rune,
    Number,
    Variable,
    Field,
    Dot,
    Word,
    Keyword,
    LeftParen,
    RightParen,
    Comma,
    Fault(String),
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

const KEYWORDS: [&str; 11] = [
    "block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with",
];

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

pub(super) struct Lexer<'a> {
    source: &'a str,
    at: usize,
    inside: bool,
    parens: usize,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(source: &'a str) -> Self {
        Self { source, at: 0, inside: false, parens: 0 }
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn token(&mut self, kind: Kind, bytes: usize) -> Token {
        let start = self.at;
        self.at += bytes;
        Token { kind, start, end: self.at }
    }

    fn fault(&mut self, text: impl Into<String>) -> Token {
        self.token(Kind::Fault(text.into()), 0)
    }

    /// The next token; after the end, or a fault, there is nothing more.
    pub(super) fn next(&mut self) -> Token {
        if self.inside { self.action() } else { self.text() }
    }

    fn text(&mut self) -> Token {
        loop {
            let rest = self.rest();
            let Some(open) = rest.find("{{") else {
                return self
                    .token(if rest.is_empty() { Kind::End } else { Kind::Text }, rest.len());
            };
            let (before, after) = (&rest[..open], &rest[open + 2..]);
            let trims = after.starts_with('-') && after[1..].starts_with(SPACES);
            let kept = if trims { before.trim_end_matches(SPACES) } else { before };
            if !kept.is_empty() {
                let token = self.token(Kind::Text, kept.len());
                self.at += open - kept.len();
                return token;
            }
            self.at += open;
            let marker = if trims { 2 } else { 0 };
            let Some(comment) = after[marker..].strip_prefix("/*") else {
                let token = self.token(Kind::Open, 2);
                self.at += marker;
                (self.inside, self.parens) = (true, 0);
                return token;
            };
            let Some(end) = comment.find("*/") else { return self.fault("unclosed comment") };
            self.at += 2 + marker + 2 + end + 2;
            if !self.close() {
                return self.fault("comment ends before closing delimiter");
            }
        }
    }

    /// Whether an action ends here, and whether it trims what follows.
    fn at_close(&self) -> Option<bool> {
        let rest = self.rest();
        if rest.starts_with(SPACES) && rest[1..].starts_with("-}}") {
            return Some(true);
        }
        rest.starts_with("}}").then_some(false)
    }

    /// Goes behind the end of an action if it is here.
    fn close(&mut self) -> bool {
        let Some(trims) = self.at_close() else { return false };
        self.at += if trims { 4 } else { 2 };
        if trims {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches(SPACES).len();
        }
        true
    }

    fn action(&mut self) -> Token {
        let start = self.at;
        if self.at_close().is_some() {
            if self.parens > 0 {
                return self.fault("unclosed left paren");
            }
            self.close();
            self.inside = false;
            return Token { kind: Kind::Close, start, end: self.at };
        }
        let Some(c) = self.peek() else { return self.fault("unclosed action") };
        match c {
            c if SPACES.contains(&c) => self.spaces(),
            '=' => self.token(Kind::Assign, 1),
            ':' if self.rest().starts_with(":=") => self.token(Kind::Declare, 2),
            ':' => self.fault("expected :="),
            '|' => self.token(Kind::Pipe, 1),
            '"' => self.quoted('"', Kind::Quoted, "unterminated quoted string"),
            '\'' => self.quoted('\'', Kind::Rune, "unterminated character constant"),
            '`' => match self.rest()[1..].find('`') {
                Some(end) => self.token(Kind::Raw, end + 2),
                None => self.fault("unterminated raw quoted string"),
            },
            '$' => self.name(1, Kind::Variable),
            '.' if !self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                if self.ends_after(1) {
                    self.token(Kind::Dot, 1)
                } else {
                    self.name(1, Kind::Field)
                }
            }
            '.' | '+' | '-' | '0'..='9' => self.number(),
            '(' => {
                self.parens += 1;
                self.token(Kind::LeftParen, 1)
            }
            ')' if self.parens == 0 => self.fault("unexpected right paren"),
            ')' => {
                self.parens -= 1;
                self.token(Kind::RightParen, 1)
            }
            ',' => self.token(Kind::Comma, 1),
            c if is_name(c) => self.word(),
            c => self.fault(format!("unexpected {c:?} in an action")),
        }
    }

    fn spaces(&mut self) -> Token {
        let rest = self.rest();
        let mut bytes = rest.len() - rest.trim_start_matches(SPACES).len();
        if bytes > 1 && rest[bytes..].starts_with("-}}") {
            bytes -= 1;
        }
        self.token(Kind::Space, bytes)
    }

    fn quoted(&mut self, quote: char, kind: Kind, fault: &str) -> Token {
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' if chars.next().is_none_or(|(_, c)| c == '\n') => break,
                '\\' => {}
                '\n' => break,
                c if c == quote => return self.token(kind, at + 1),
                _ => {}
            }
        }
        self.fault(fault)
    }

    fn name_bytes(&self, skip: usize) -> usize {
        let name = &self.rest()[skip..];
        skip + name.find(|c: char| !is_name(c)).unwrap_or(name.len())
    }

    /// Whether a name may end so many bytes from here.
    fn ends_after(&self, bytes: usize) -> bool {
        let rest = &self.rest()[bytes..];
        rest.is_empty()
            || rest.starts_with("}}")
            || rest.starts_with(|c| SPACES.contains(&c) || ".,|:()".contains(c))
    }

    fn name(&mut self, skip: usize, kind: Kind) -> Token {
        let bytes = self.name_bytes(skip);
        if !self.ends_after(bytes) {
            let bad = self.rest()[bytes..].chars().next().unwrap_or_default();
            self.at += bytes;
            return self.fault(format!("bad character {bad:?}"));
        }
        self.token(kind, bytes)
    }

    fn word(&mut self) -> Token {
        let word = &self.rest()[..self.name_bytes(0)];
        self.name(0, if KEYWORDS.contains(&word) { Kind::Keyword } else { Kind::Word })
    }

    /// Takes what looks like a number; the parser says whether it is one.
    fn number(&mut self) -> Token {
        let rest = self.rest().as_bytes();
        let is_hex =
            rest.iter().skip_while(|c| b"+-".contains(c)).nth(1).is_some_and(|c| b"xX".contains(c));
        let mut bytes = 0;
        while let Some(c) = rest.get(bytes) {
            let last = bytes.checked_sub(1).and_then(|last| rest.get(last));
            let exponent: &[u8] = if is_hex { b"pP" } else { b"eE" };
            let sign = b"+-".contains(c) && last.is_none_or(|last| exponent.contains(last));
            if !sign && !c.is_ascii_alphanumeric() && !b"._".contains(c) {
                break;
            }
            bytes += 1;
        }
        let followed_by_name =
            self.rest()[bytes..].starts_with(|c: char| is_name(c) || "+-".contains(c));
        if followed_by_name {
            return self.fault(format!("bad number syntax: {:?}", &self.rest()[..bytes]));
        }
        self.token(Kind::Number, bytes)
    }
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}
