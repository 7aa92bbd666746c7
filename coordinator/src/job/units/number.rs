//! The number in front of a unit.

/// Why a text is no value of its type. Completes the sentence "`VALUE` is …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub String);

impl ValueError {
    /// An error from the end of a sentence: `not a whole number`.
    pub fn new(predicate: impl Into<String>) -> Self {
        Self(predicate.into())
    }
}

/// Splits `text` behind its leading digits and points.
pub(super) fn split_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.split_at(end)
}

/// `number` (digits, with a fraction or without) times `factor`, rounded down; `None` where it is no number
/// or far too large.
pub(super) fn scaled(number: &str, factor: u64) -> Option<u128> {
    // More digits than these are below a billionth of the smallest unit.
    const FRACTION_DIGITS: usize = 18;
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole, fraction),
        None => (number, ""),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let factor = u128::from(factor);
    let whole = u128::from(whole.parse::<u64>().ok()?) * factor;
    let mut part = 0;
    let mut denominator: u128 = 1;
    for digit in fraction.bytes().take(FRACTION_DIGITS) {
        part = part * 10 + u128::from(digit - b'0');
        denominator *= 10;
    }
    Some(whole + part * factor / denominator)
}
