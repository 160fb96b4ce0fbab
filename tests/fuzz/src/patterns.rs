//! Regular expressions, beside a second engine, and within their steps.

use bellwether::limits::PATTERN_STEPS_MAX;
use bellwether::model::matcher::Pattern;

use crate::input::{Input, utf8};

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let length = usize::from(input.byte() % 64);
    let value = utf8(input.take(length));
    let text = utf8(input.rest());
    let Ok(pattern) = Pattern::new(text) else { return };
    let mut steps = 0;
    let found = pattern.is_match(value, &mut steps);
    // To find a step follows jumps too, which the bound of a comparison does not count.
    assert!(steps < 10 * PATTERN_STEPS_MAX as u64, "{steps} steps");
    if let (Some(found), Some(second)) = (found, second(text)) {
        assert_eq!(found, second.is_match(value), "{text:?} on {value:?}");
    }
}

/// The same for the other engine, if it has a spelling for it that means the same.
fn second(text: &str) -> Option<regex_lite::Regex> {
    // Quotations, octal escapes, bounds of words, sets of sets, and letters beyond ASCII that have two cases.
    let other = [
        r"\Q", r"\E", r"\0", r"\1", r"\2", r"\3", r"\4", r"\5", r"\6", r"\7", r"\<", r"\>", r"\b{",
        r"\B{", "&&", "~~", "--", "[[", "(?",
    ];
    // To Go other braces stand for themselves.
    let counts = regex_lite::Regex::new(r"^\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\}").unwrap();
    let fits = text.is_ascii()
        && !other.iter().any(|it| text.contains(it))
        && text.match_indices('{').all(|(at, _)| counts.is_match(&text[at..]));
    let second =
        regex_lite::RegexBuilder::new(&format!("^(?:{text})$")).size_limit(1 << 20).build();
    second.ok().filter(|_| fits)
}
