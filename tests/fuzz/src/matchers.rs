//! Matchers: what is read is printed and read again, by all grammars.

use bellwether::model::matcher::{Grammar, parse_list, parse_one};
use bellwether::model::{Matcher, Matchers};

use crate::input::{Input, utf8};

pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let length = usize::from(input.byte() % 32);
    let value = utf8(input.take(length));
    let text = utf8(input.rest());
    for grammar in [Grammar::Classic, Grammar::Fallback, Grammar::Utf8] {
        // An empty name is printed as nothing, which no grammar reads; no label has it.
        let has_no_name = |matcher: &Matcher| matcher.name().is_empty();
        if let Ok(one) = parse_one(grammar, text)
            && !has_no_name(&one.value)
        {
            let printed = one.value.to_string();
            let again = parse_one(Grammar::Utf8, &printed)
                .unwrap_or_else(|error| panic!("{printed:?}: {error}"));
            assert_eq!(again.value, one.value, "{printed:?}");
        }
        let Ok(list) = parse_list(grammar, text) else { continue };
        if list.value.iter().any(has_no_name) {
            continue;
        }
        let matchers: Matchers = list.value.into_iter().collect();
        let printed = matchers.to_string();
        let again = parse_list(Grammar::Utf8, &printed)
            .unwrap_or_else(|error| panic!("{printed:?}: {error}"));
        let again: Matchers = again.value.into_iter().collect();
        assert_eq!(again, matchers, "{printed:?}");
        for (one, other) in matchers.iter().zip(&again) {
            let (mut steps, mut others) = (0, 0);
            assert_eq!(
                one.matches_value(value, &mut steps),
                other.matches_value(value, &mut others)
            );
            assert_eq!(steps, others);
        }
    }
}
