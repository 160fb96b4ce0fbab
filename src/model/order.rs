//! The order of alerts in notifications and groups: by `job`, then `instance`, then by labels.

use crate::model::Labels;

/// By what alerts are ordered: those that lack `job` or `instance` come last.
type OrderKey<'a> = ((bool, Option<&'a str>), (bool, Option<&'a str>), &'a Labels);

/// Brings items, each of which has the labels of an alert, into the order of notifications and groups.
pub fn in_order<T>(items: Vec<T>, labels: impl Fn(&T) -> &Labels) -> Vec<T> {
    // The labels are looked up once for each alert, not for each comparison.
    let keys: Vec<OrderKey<'_>> = items.iter().map(|item| key(labels(item))).collect();
    let keys = beginnings(&keys).into_iter().zip(keys).enumerate();
    let mut order: Vec<_> = keys.map(|(at, (beginning, key))| (beginning, key, at)).collect();
    order.sort_unstable();
    let order: Vec<usize> = order.into_iter().map(|(_, _, at)| at).collect();
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| items.get_mut(at)?.take()).collect()
}

fn key(labels: &Labels) -> OrderKey<'_> {
    let (job, instance) = (labels.get("job"), labels.get("instance"));
    ((job.is_none(), job), (instance.is_none(), instance), labels)
}

/// A number for each key that decides most comparisons, so that texts are compared where it is equal alone: it is never
/// greater than that of a key that comes later. The alerts of a large group differ in one label, whose values begin alike.
fn beginnings(keys: &[OrderKey<'_>]) -> Vec<u64> {
    let Some((job, instance, labels)) = keys.first() else { return Vec::new() };
    if keys.iter().any(|it| it.0 != *job) {
        return numbers(keys.iter().map(|it| it.0.1), u64::MAX);
    }
    if keys.iter().any(|it| it.1 != *instance) {
        return numbers(keys.iter().map(|it| it.1.1), u64::MAX);
    }
    if keys.iter().any(|it| it.2.len() != labels.len()) {
        return keys.iter().map(|it| it.2.len() as u64).collect();
    }
    let shared = keys.iter().map(|it| it.2.shared(labels)).min().unwrap_or(0);
    let pairs = keys.iter().map(|it| it.2.iter().nth(shared));
    let mut names = pairs.clone().flatten().map(|(name, _)| name);
    let first = names.next();
    // Of different names none is less than another by itself.
    let of_one_name = names.all(|name| Some(name) == first);
    numbers(pairs.map(|pair| Some(pair?.1).filter(|_| of_one_name)), 0)
}

/// Of each text, eight bytes from the place on where not all are alike; `missing` for none.
fn numbers<'a>(texts: impl Iterator<Item = Option<&'a str>> + Clone, missing: u64) -> Vec<u64> {
    let mut all = texts.clone().flatten();
    let first = all.next().unwrap_or_default();
    let alike = all.fold(first.len(), |alike, text| {
        let pairs = first.bytes().take(alike).zip(text.bytes());
        pairs.take_while(|(one, other)| one == other).count()
    });
    let number = |text: &str| {
        let bytes = text.bytes().skip(alike).chain([0; 8]).take(8);
        bytes.fold(0, |number, byte| number << 8 | u64::from(byte))
    };
    texts.map(|text| text.map_or(missing, number)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ordered(all: &[&[(&str, &str)]]) -> Vec<String> {
        let all = all.iter().map(|pairs| pairs.iter().copied().collect()).collect();
        in_order(all, |labels: &Labels| labels).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn job_and_instance_lead_the_order_and_lacking_them_comes_last() {
        let ordered = ordered(&[
            &[("a", "1")],
            &[("instance", "i1")],
            &[("job", "b")],
            &[("instance", "i2"), ("job", "a")],
            &[("instance", "i1"), ("job", "a"), ("z", "z")],
        ]);
        assert_eq!(
            ordered,
            [
                r#"{instance="i1", job="a", z="z"}"#,
                r#"{instance="i2", job="a"}"#,
                r#"{job="b"}"#,
                r#"{instance="i1"}"#,
                r#"{a="1"}"#
            ]
        );
    }

    #[test]
    fn the_values_of_one_label_are_told_apart_by_numbers() {
        let all: Vec<Labels> = (0..1000)
            .map(|n| [("job", "a"), ("n", &*format!("host-{n:04}"))].into_iter().collect())
            .collect();
        let keys: Vec<_> = all.iter().map(key).collect();
        let numbers = beginnings(&keys);
        assert!(numbers.is_sorted_by(|one, next| one < next), "no text has to be compared");
    }

    proptest! {
        #[test]
        fn the_numbers_change_nothing_of_the_order(
            all in prop::collection::vec(prop::collection::btree_map("job|instance|a|b|bc", "x{0,2}[abé\u{0}]{0,3}", 0..4), 0..12)
        ) {
            let all: Vec<Labels> = all
                .iter()
                .map(|pairs| pairs.iter().map(|(name, value)| (&**name, &**value)).collect())
                .collect();
            let mut expected: Vec<_> = all.iter().map(key).collect();
            expected.sort();
            let found = in_order(all.iter().collect(), |labels: &&Labels| *labels);
            let found: Vec<_> = found.into_iter().map(key).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
