//! Host names in ASCII: RFC 3492, one label at a time.

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;

/// The name with each label that is not ASCII as `xn--...`. None if a label is too long to be one.
pub(super) fn to_ascii(name: &str) -> Option<String> {
    if name.is_ascii() {
        return Some(name.to_owned());
    }
    // The standard takes these for dots too.
    let name = name.replace(['\u{3002}', '\u{ff0e}', '\u{ff61}'], ".");
    let labels: Option<Vec<String>> = name.split('.').map(label).collect();
    Some(labels?.join("."))
}

fn label(label: &str) -> Option<String> {
    // DNS allows 63 bytes; this bounds the work.
    if label.len() > 256 {
        return None;
    }
    if label.is_ascii() {
        return Some(label.to_owned());
    }
    let basic: String = label.chars().filter(char::is_ascii).collect();
    let basics = u32::try_from(basic.len()).ok()?;
    let mut out = format!("xn--{basic}");
    if basics > 0 {
        out.push('-');
    }
    let (mut code, mut delta, mut bias, mut handled) = (128, 0_u32, 72, basics);
    let total = u32::try_from(label.chars().count()).ok()?;
    while handled < total {
        let next = label.chars().map(u32::from).filter(|c| *c >= code).min()?;
        delta = delta.checked_add((next - code).checked_mul(handled + 1)?)?;
        code = next;
        for c in label.chars().map(u32::from) {
            if c < code {
                delta = delta.checked_add(1)?;
            } else if c == code {
                push_number(&mut out, delta, bias)?;
                bias = adapt(delta, handled + 1, handled == basics);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        code += 1;
    }
    Some(out)
}

/// A number as digits of variable length, the least first.
fn push_number(out: &mut String, mut number: u32, bias: u32) -> Option<()> {
    let mut place = BASE;
    loop {
        let threshold = place.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if number < threshold {
            break;
        }
        out.push(digit(threshold + (number - threshold) % (BASE - threshold))?);
        number = (number - threshold) / (BASE - threshold);
        place += BASE;
    }
    out.push(digit(number)?);
    Some(())
}

/// `a` to `z`, then `0` to `9`.
fn digit(value: u32) -> Option<char> {
    char::from_digit((value + 10) % BASE, BASE).filter(|_| value < BASE)
}

fn adapt(delta: u32, points: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / 700 } else { delta / 2 };
    delta += delta / points;
    let mut steps = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        steps += BASE;
    }
    steps + (BASE - T_MIN + 1) * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_the_rfc_has_them() {
        for (name, expected) in [
            ("example.com", "example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("münchen。de", "xn--mnchen-3ya.de"),
            ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
            ("почемужеонинеговорятпорусски", "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l"),
        ] {
            assert_eq!(to_ascii(name).as_deref(), Some(expected));
        }
        assert_eq!(to_ascii(&"ü".repeat(300)), None);
    }
}
