//! Numbers as people read them.

/// `1,000,000`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12 ms`, `1.23 s`, `4 min 05 s`, `3 h 02 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    let seconds = if seconds.is_finite() { seconds.max(0.0) } else { 0.0 };
    // Thresholds lie where rounding would give the next unit's first value.
    match seconds {
        s if s < 0.000_999_5 => format!("{:.0} µs", s * 1e6),
        s if s < 0.099_95 => format!("{:.1} ms", s * 1e3),
        s if s < 0.999_5 => format!("{:.0} ms", s * 1e3),
        s if s < 99.995 => format!("{s:.2} s"),
        s if s < 3_599.5 => {
            let whole = s.round() as u64;
            format!("{} min {:02} s", whole / 60, whole % 60)
        }
        s => {
            let minutes = (s / 60.0).round() as u64;
            format!("{} h {:02} min", minutes / 60, minutes % 60)
        }
    }
}

/// `813,008/s`; with a fraction where it is below ten.
pub(crate) fn rate(per_second: f64) -> String {
    let per_second = if per_second.is_finite() { per_second.max(0.0) } else { 0.0 };
    if per_second < 9.95 {
        format!("{per_second:.1}/s")
    } else {
        format!("{}/s", count(per_second.round() as u64))
    }
}

/// `5 tasks`, `1 task`.
pub(crate) fn counted(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn times_have_a_unit_that_fits() {
        assert_eq!(seconds(0.000_004), "4 µs");
        assert_eq!(seconds(0.012_34), "12.3 ms");
        assert_eq!(seconds(0.5), "500 ms");
        assert_eq!(seconds(0.999_9), "1.00 s");
        assert_eq!(seconds(1.234), "1.23 s");
        assert_eq!(seconds(245.0), "4 min 05 s");
        assert_eq!(seconds(3_599.9), "1 h 00 min");
        assert_eq!(seconds(10_920.0), "3 h 02 min");
    }

    #[test]
    fn nonsense_is_not_printed() {
        assert_eq!(seconds(f64::NAN), "0 µs");
        assert_eq!(seconds(-1.0), "0 µs");
        assert_eq!(rate(f64::INFINITY), "0.0/s");
        assert_eq!(rate(813_008.13), "813,008/s");
        assert_eq!(rate(2.5), "2.5/s");
    }
}
