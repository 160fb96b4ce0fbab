//! Floating-point numbers as Go's `strconv.FormatFloat` writes them.

/// `%e`, `%f` or `%g` of a number, with as many digits as it needs if no precision is given; `keep` keeps the point and
/// the zeros behind it.
pub(in crate::template) fn text(
    value: f64,
    verb: char,
    precision: Option<usize>,
    keep: bool,
) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-Inf" } else { "+Inf" }.to_owned();
    }
    let text = match (verb, precision) {
        ('f', Some(precision)) => format!("{value:.precision$}"),
        ('f', None) => format!("{value}"),
        ('e' | 'E', Some(precision)) => exponent(&format!("{value:.precision$e}")),
        ('e' | 'E', None) => exponent(&format!("{value:e}")),
        _ => general(value, precision, keep),
    };
    let text = if keep && !text.contains('.') {
        let (digits, rest) = text.split_at(text.find('e').unwrap_or(text.len()));
        format!("{digits}.{rest}")
    } else {
        text
    };
    if verb.is_ascii_uppercase() { text.to_uppercase() } else { text }
}

/// Rust's `1.5e7` as `1.5e+07`.
fn exponent(text: &str) -> String {
    let (digits, power) = text.split_once('e').unwrap_or((text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}

fn general(value: f64, precision: Option<usize>, keep: bool) -> String {
    let wanted = precision.map(|precision| precision.max(1));
    let scientific = match wanted {
        Some(wanted) => format!("{value:.*e}", wanted - 1),
        None => format!("{value:e}"),
    };
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let trimmed = if mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        mantissa
    };
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    let narrow = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let shown = narrow(digits(trimmed));
    // Where no precision is asked for, six digits decide which form it takes.
    let limit = match wanted.map(narrow) {
        Some(wanted) if wanted > shown && shown > power => shown,
        Some(wanted) => wanted,
        None => 6,
    };
    let least = wanted.unwrap_or(6);
    if !(-4..limit).contains(&power) {
        let mantissa = if keep { pad_digits(mantissa, least) } else { trimmed.to_owned() };
        return exponent(&format!("{mantissa}e{power}"));
    }
    let shown = if keep { narrow(least).max(shown) } else { shown };
    let places = usize::try_from((shown - 1).saturating_sub(power)).unwrap_or(0);
    format!("{value:.places$}")
}

/// The mantissa with zeros up to so many digits.
fn pad_digits(mantissa: &str, wanted: usize) -> String {
    let count = mantissa.chars().filter(char::is_ascii_digit).count();
    let mut padded = mantissa.to_owned();
    if count < wanted {
        if !padded.contains('.') {
            padded.push('.');
        }
        padded.extend(std::iter::repeat_n('0', wanted - count));
    }
    padded
}
