//! Lengths of time: `30s`, `1.5s`, `500ms`, `1h30m`, or a bare number of seconds.

use std::fmt::Write as _;
use std::time::Duration;

use super::number::{ValueError, scaled, split_number};

/// Longer ones are mistakes, and sums of them with a clock must not overflow.
const LONGEST: Duration = Duration::from_secs(10_000 * 86_400);

const SECOND: u64 = 1_000_000_000;

/// Names and nanoseconds.
const UNITS: [(&str, u64); 9] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("min", 60 * SECOND),
    ("h", 3_600 * SECOND),
    ("d", 86_400 * SECOND),
];

/// Reads a length of time, to the nanosecond.
///
/// # Errors
/// It is none, or longer than 10,000 days.
pub fn parse_duration(text: &str) -> Result<Duration, ValueError> {
    let wrong = || {
        let examples = "for example 30s, 1.5s, 500ms, 1h30m, or a number of seconds";
        ValueError::new(format!("not a length of time; {examples}"))
    };
    let text = text.trim();
    let nanos = match scaled(text, SECOND) {
        Some(nanos) => nanos,
        None => sum_of_parts(text).ok_or_else(wrong)?,
    };
    if nanos > LONGEST.as_nanos() {
        return Err(ValueError::new("too long: at most 10000d"));
    }
    u64::try_from(nanos).map(Duration::from_nanos).map_err(|_| wrong())
}

/// `1h30m` in nanoseconds.
fn sum_of_parts(text: &str) -> Option<u128> {
    let mut rest = text;
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (number, after) = split_number(rest);
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        let (_, factor) = UNITS.iter().find(|(unit, _)| *unit == name)?;
        total = total.checked_add(scaled(number, *factor)?)?;
        rest = after.trim_start();
    }
    (!text.is_empty()).then_some(total)
}

/// Writes a length of time so that [`parse_duration`] reads the same back: `1h30m`, `1.5s`, `500ms`.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let nanos = u64::from(duration.subsec_nanos());
    if seconds == 0 && nanos > 0 {
        let (name, factor) = match nanos {
            1_000_000.. => ("ms", 1_000_000),
            1_000.. => ("us", 1_000),
            _ => ("ns", 1),
        };
        return format!("{}{name}", decimal(nanos / factor, nanos % factor, factor));
    }
    let mut text = String::new();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    for (count, name) in [(hours, "h"), (minutes, "m")] {
        if count > 0 {
            // Writing to a String can't fail.
            let _ = write!(text, "{count}{name}");
        }
    }
    if text.is_empty() || seconds > 0 || nanos > 0 {
        let _ = write!(text, "{}s", decimal(seconds, nanos, SECOND));
    }
    text
}

/// `whole` + `part` / `denominator` in decimal digits, without trailing zeros; `denominator` is a power of ten.
fn decimal(whole: u64, part: u64, denominator: u64) -> String {
    if part == 0 {
        return whole.to_string();
    }
    let digits = denominator.ilog10() as usize;
    let text = format!("{whole}.{part:0digits$}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_spellings_of_the_documentation_are_read() {
        let read = |text| parse_duration(text).unwrap().as_nanos();
        assert_eq!(read("30s"), 30_000_000_000);
        assert_eq!(read("1.5s"), 1_500_000_000);
        assert_eq!(read("500ms"), 500_000_000);
        assert_eq!(read("2m"), 120_000_000_000);
        assert_eq!(read("2min"), 120_000_000_000);
        assert_eq!(read("1h30m"), 5_400_000_000_000);
        assert_eq!(read("1h 30m"), 5_400_000_000_000);
        assert_eq!(read("7"), 7_000_000_000);
        assert_eq!(read("0.25"), 250_000_000);
        assert_eq!(read("3 µs"), 3_000);
        assert_eq!(read("0"), 0);
    }

    #[test]
    fn what_is_no_length_of_time_is_refused() {
        for text in
            ["", " ", "s", "1x", "-1s", "1..5s", "1.s", ".5s", "1s2", "1,5s", "inf", "1e3", "30 seconds"]
        {
            let error = parse_duration(text).unwrap_err();
            assert!(error.0.starts_with("not a length of time"), "{text}: {error}");
        }
    }

    #[test]
    fn absurd_lengths_are_refused() {
        assert!(parse_duration("10000d").is_ok());
        assert_eq!(parse_duration("10001d").unwrap_err().0, "too long: at most 10000d");
        assert!(parse_duration("99999999999999999999999999999999h").is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(nanos in 0..=LONGEST.as_nanos() as u64) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn small_and_round_ones_are_read_back_too(count in 0u64..2_000, shift in 0u32..10) {
            let duration = Duration::from_nanos(count * 10u64.pow(shift));
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,20}") {
            let _ = parse_duration(&text);
        }
    }
}
