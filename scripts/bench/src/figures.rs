//! Numbers: medians, ratios round by round, and how they are written.

use crate::comparison::{Metric, Unit};

/// The middle one, or the mean of the two in the middle; none of nothing.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((sorted.get(sorted.len() / 2 - 1)? + upper) / 2.0)
}

/// By how much the first side is better: the median of the ratios, round by round, so that what disturbs one side in a
/// round disturbs the other as well. Rounds that only one of them has count for nothing.
pub(crate) fn better_by(first: &[f64], other: &[f64], more: bool) -> Option<f64> {
    let pairs = first.iter().zip(other).filter(|(ours, theirs)| **ours != 0.0 && **theirs != 0.0);
    let ratios: Vec<f64> =
        pairs.map(|(ours, theirs)| if more { ours / theirs } else { theirs / ours }).collect();
    median(&ratios)
}

/// A figure with its unit, in three digits.
pub(crate) fn text(value: f64, metric: &Metric) -> String {
    let text = match metric.unit {
        Unit::Share => format!("{:.1} %", value * 100.0),
        Unit::Bytes if value >= 1024.0 * 1024.0 => format!("{:.1} MiB", value / 1024.0 / 1024.0),
        Unit::Bytes => format!("{value:.2} B"),
        Unit::GigabytesPerSecond => format!("{} GB/s", short(value)),
        Unit::Micros => format!("{} µs", short(value)),
        Unit::Nanos => format!("{value:.3} ns"),
        Unit::Count => short(value),
        Unit::Seconds if value >= 1.0 => format!("{value:.2} s"),
        Unit::Seconds => format!("{} ms", digits(value * 1e3)),
        Unit::Rate => rate(value),
    };
    match metric.bytes {
        Some(bytes) if value > 0.0 => format!("{text} ({:.1} GB/s)", bytes as f64 / value / 1e9),
        _ => text,
    }
}

/// Two places behind the point for small numbers, none for large ones.
fn short(value: f64) -> String {
    let places = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.places$}")
}

fn rate(value: f64) -> String {
    let sizes = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    match sizes.into_iter().find(|(size, _)| value >= *size) {
        Some((size, letter)) => format!("{} {letter}/s", digits(value / size)),
        None => format!("{} /s", digits(value)),
    }
}

/// At most three digits that mean something, without zeros at the end.
pub(crate) fn digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let places = (2 - value.abs().log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // Both were slow in the second round: the ratio is the same, though the medians alone would say otherwise.
        assert_eq!(better_by(&[10.0, 5.0, 10.0], &[5.0, 2.5, 5.0], true), Some(2.0));
        assert_eq!(better_by(&[1.0, 2.0], &[2.0, 4.0], false), Some(2.0));
        assert_eq!(better_by(&[1.0, 2.0, 3.0], &[2.0], false), Some(2.0));
        assert_eq!(better_by(&[0.0], &[1.0], true), None);
    }

    #[test]
    fn figures_have_three_digits_and_a_unit() {
        let with = |unit, value| text(value, &Metric::more("x", unit));
        assert_eq!(with(Unit::Rate, 33_456_789.0), "33.5 M/s");
        assert_eq!(with(Unit::Rate, 217.4), "217 /s");
        assert_eq!(with(Unit::Rate, 2_000.0), "2 k/s");
        assert_eq!(with(Unit::Seconds, 0.003_264), "3.26 ms");
        assert_eq!(with(Unit::Seconds, 1.5), "1.50 s");
        assert_eq!(with(Unit::Micros, 42.71), "42.7 µs");
        assert_eq!(with(Unit::Share, 0.974), "97.4 %");
        assert_eq!(with(Unit::Bytes, 3.0 * 1024.0 * 1024.0), "3.0 MiB");
        assert_eq!(with(Unit::Bytes, 1.114), "1.11 B");
        assert_eq!(with(Unit::Nanos, 0.2091), "0.209 ns");
        assert_eq!(with(Unit::GigabytesPerSecond, 10.0), "10.0 GB/s");
        assert_eq!(with(Unit::Seconds, 0.0), "0 ms");
        let sum = Metric::less("x", Unit::Seconds).on_bytes(1_600_000_000);
        assert_eq!(text(0.088, &sum), "88 ms (18.2 GB/s)");
    }
}
