//! The classes of characters that Go's syntax names.

use crate::model::matcher::node::Class;

/// The single-letter lower and upper case of a letter, but for itself.
pub(super) fn other_cases(c: char) -> impl Iterator<Item = char> {
    let (mut lower, mut upper) = (c.to_lowercase(), c.to_uppercase());
    let lower = if lower.len() == 1 { lower.next() } else { None };
    let upper = if upper.len() == 1 { upper.next() } else { None };
    lower.into_iter().chain(upper).filter(move |case| *case != c)
}

/// The class that a letter stands for behind a backslash: ASCII, as in Go.
pub(super) fn perl_class(letter: char) -> Option<Class> {
    let class = match letter.to_ascii_lowercase() {
        'd' => Class::of(&[('0', '9')]),
        's' => Class::of(&[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')]),
        'w' => word_class(),
        _ => return None,
    };
    Some(if letter.is_ascii_uppercase() { class.not() } else { class })
}

/// The characters of words, to `\b` too.
pub(super) fn word_class() -> Class {
    Class::of(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')])
}

/// The class of `[:name:]`: ASCII.
pub(super) fn posix_class(name: &str) -> Option<Class> {
    Some(Class::of(match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7f')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => return Some(word_class()),
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    }))
}
