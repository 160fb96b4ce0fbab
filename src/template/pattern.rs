//! Regular expressions of templates, which search and replace: the seam to the engine.

use std::rc::Rc;

use regex_lite::{Captures, Regex, RegexBuilder};

use crate::limits::TEMPLATE_PATTERNS_MAX;

use crate::model::matcher::Pattern;
use crate::template::budget::Budget;

/// Sizes of compiled patterns that are tried, one after the other. Policy: a larger one is refused.
const COMPILED_BYTES: [usize; 4] = [4 * 1024, 16 * 1024, 64 * 1024, 256 * 1024];

/// Bytes of a compiled pattern for each step that a byte of the text may take.
const BYTES_PER_STEP: usize = 1024;

/// Bytes of a compiled pattern for each step that it takes to compile it.
const COMPILED_PER_STEP: usize = 16;

/// Whether the pattern is found anywhere in the text.
pub(super) fn is_match(pattern: &str, text: &str, budget: &Budget) -> Result<bool, String> {
    Ok(compile(pattern, text, budget)?.is_match(text))
}

/// The text with each match replaced; `$1`, `$name` and `${name}` stand for what a group matched.
pub(super) fn replace(
    pattern: &str,
    with: &str,
    text: &str,
    budget: &Budget,
) -> Result<String, String> {
    let regex = compile(pattern, text, budget)?;
    let mut made = 0;
    let mut fault = Ok(());
    let replaced = regex.replace_all(text, |captures: &Captures<'_>| {
        let expanded = expand(with, captures);
        made += expanded.len();
        if fault.is_ok() {
            fault = budget.take_bytes(expanded.len());
        }
        if fault.is_ok() { expanded } else { String::new() }
    });
    fault.map(|()| replaced.into_owned())
}

/// The pattern, compiled once, after the steps that it may take on the text were taken.
fn compile(pattern: &str, text: &str, budget: &Budget) -> Result<Rc<Regex>, String> {
    let known = budget.patterns.borrow().get(pattern).cloned();
    let (regex, each) = if let Some(known) = known {
        known
    } else {
        let fresh = compiled(pattern, budget)?;
        let mut patterns = budget.patterns.borrow_mut();
        if patterns.len() >= TEMPLATE_PATTERNS_MAX {
            patterns.clear();
        }
        patterns.insert(pattern.to_owned(), fresh.clone());
        fresh
    };
    budget.take_steps(text.len().saturating_mul(each))?;
    Ok(regex)
}

fn compiled(pattern: &str, budget: &Budget) -> Result<(Rc<Regex>, usize), String> {
    budget.take_steps(pattern.len())?;
    // Patterns that Go refuses are refused in Go's words.
    Pattern::new(pattern).map_err(|error| error.to_string())?;
    let spelled = without_quotations(pattern);
    let mut last = String::new();
    for bytes in COMPILED_BYTES {
        budget.take_steps(bytes / COMPILED_PER_STEP)?;
        match RegexBuilder::new(&spelled).size_limit(bytes).build() {
            Ok(regex) => return Ok((Rc::new(regex), bytes.div_ceil(BYTES_PER_STEP))),
            Err(error) => last = error.to_string(),
        }
    }
    Err(format!("error parsing regexp: {last}: `{pattern}`"))
}

/// `\Q...\E` in the engine's spelling.
fn without_quotations(pattern: &str) -> String {
    let mut spelled = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        spelled.push_str(before);
        if let Some(quoted) = from.strip_prefix("\\Q") {
            let (literal, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            spelled.push_str(&regex_lite::escape(literal));
            rest = after;
            continue;
        }
        let escape = from.chars().nth(1).map_or(1, |c| 1 + c.len_utf8());
        let (escape, after) = from.split_at(escape);
        spelled.push_str(escape);
        rest = after;
    }
    spelled + rest
}

/// The text that replaces one match.
fn expand(with: &str, captures: &Captures<'_>) -> String {
    let mut expanded = String::new();
    let mut rest = with;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            rest = after;
            continue;
        }
        let Some((name, after)) = group_name(after) else {
            expanded.push('$');
            rest = after;
            continue;
        };
        let is_number = name.bytes().all(|c| c.is_ascii_digit());
        let group = match name.parse::<usize>() {
            Ok(number) if is_number => captures.get(number),
            _ => captures.name(name),
        };
        expanded.push_str(group.map_or("", |group| group.as_str()));
        rest = after;
    }
    expanded + rest
}

/// The name behind a dollar sign, in braces or not, and what follows it.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let is_name = |c: char| c == '_' || c.is_alphanumeric();
    if let Some(inside) = text.strip_prefix('{') {
        let (name, after) = inside.split_once('}')?;
        return (!name.is_empty() && name.chars().all(is_name)).then_some((name, after));
    }
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_patterns_stay_compiled_and_others_are_compiled_again() {
        let budget = Budget::new();
        for _ in 0..2 {
            for number in 0..=TEMPLATE_PATTERNS_MAX {
                let replaced = replace(&format!("x{number}$"), "y", &format!("x{number}"), &budget);
                assert_eq!(replaced.unwrap(), "y");
            }
            let kept = budget.patterns.borrow().len();
            assert!((1..=TEMPLATE_PATTERNS_MAX).contains(&kept), "{kept} are kept");
        }
    }
}
