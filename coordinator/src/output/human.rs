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

/// An estimate, no more exact than estimates are: `12 s`, `1 min 35 s`, `25 min`, `3 h 02 min`.
pub(crate) fn about(seconds: f64) -> String {
    let seconds = if seconds.is_finite() { seconds.max(0.0) } else { 0.0 };
    match seconds {
        s if s < 59.5 => format!("{:.0} s", s.ceil()),
        s if s < 597.5 => {
            let fives = (s / 5.0).round() as u64 * 5;
            format!("{} min {:02} s", fives / 60, fives % 60)
        }
        s if s < 3_570.0 => format!("{:.0} min", s / 60.0),
        s => self::seconds(s),
    }
}

/// `813,008/s`; with a fraction where it is below ten, by the minute or the hour where it is slow.
pub(crate) fn rate(per_second: f64) -> String {
    let per_second = if per_second.is_finite() { per_second.max(0.0) } else { 0.0 };
    let units = [(1.0, "s"), (60.0, "min"), (3_600.0, "h")];
    let (factor, unit) =
        units.into_iter().find(|(factor, _)| per_second * factor >= 0.95).unwrap_or((1.0, "s"));
    match per_second * factor {
        few if few < 0.05 => format!("0/{unit}"),
        few if few < 9.95 => format!("{few:.1}/{unit}"),
        many => format!("{}/{unit}", count(many.round() as u64)),
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
        assert_eq!(rate(f64::INFINITY), "0/s");
        assert_eq!(about(f64::NAN), "0 s");
        assert_eq!(rate(813_008.13), "813,008/s");
        assert_eq!(rate(2.5), "2.5/s");
    }

    #[test]
    fn a_slow_rate_is_told_by_the_minute_or_the_hour_and_never_as_nothing() {
        for (per_second, expected) in [
            (0.0, "0/s"),
            (0.00001, "0/s"),
            (0.001, "3.6/h"),
            (0.01, "36/h"),
            (0.03, "1.8/min"),
            (0.5, "30/min"),
            (9.9, "9.9/s"),
            (9.97, "10/s"),
        ] {
            assert_eq!(rate(per_second), expected, "{per_second}");
        }
    }

    #[test]
    fn an_estimate_is_not_more_exact_than_it_can_be() {
        for (seconds, expected) in [
            (0.2, "1 s"),
            (4.5, "5 s"),
            (90.56, "1 min 30 s"),
            (65.0, "1 min 05 s"),
            (599.0, "10 min"),
            (1_500.0, "25 min"),
            (10_920.0, "3 h 02 min"),
        ] {
            assert_eq!(about(seconds), expected);
        }
    }
}
