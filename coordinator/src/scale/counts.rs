//! Which numbers of workers, and in which order.

use std::num::NonZeroU32;

use crate::job::units::ValueError;
use crate::job::values::{Workers, workers};

/// More runs than this are a typing mistake.
const MOST: usize = 256;

/// Reads `1..4` (both ends included), `1,2,4,8`, or both mixed; each of them may be `auto`. Ascending, each once.
///
/// # Errors
/// A part is no number of workers, a range is empty, or there are too many.
pub fn parse_counts(text: &str) -> Result<Vec<NonZeroU32>, ValueError> {
    let mut counts = Vec::new();
    for part in text.split(',') {
        let one = |text: &str| workers(text.trim()).map(Workers::count);
        let (first, last) = match part.split_once("..") {
            Some((first, last)) => (one(first)?, one(last.strip_prefix('=').unwrap_or(last))?),
            None => (one(part)?, one(part)?),
        };
        if first > last {
            return Err(ValueError::new(format!(
                "no range from {first} to {last}: the smaller number first"
            )));
        }
        counts.extend((first.get()..=last.get()).filter_map(NonZeroU32::new).take(MOST + 1));
    }
    counts.sort_unstable();
    counts.dedup();
    if counts.len() > MOST {
        return Err(ValueError::new(format!("too many: at most {MOST} numbers of workers")));
    }
    Ok(counts)
}

/// The runs in order, as number of workers and repetition: interleaved, and every other repetition backwards, so
/// that a machine that gets slower or faster meanwhile favours none.
pub fn order(counts: &[NonZeroU32], repeats: u32) -> Vec<(NonZeroU32, u32)> {
    let forth = |repeat| counts.iter().map(move |count| (*count, repeat)).collect::<Vec<_>>();
    let back_and_forth = |repeat: u32| {
        let mut runs = forth(repeat);
        if repeat.is_multiple_of(2) {
            runs.reverse();
        }
        runs
    };
    (1..=repeats).flat_map(back_and_forth).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> Vec<u32> {
        parse_counts(text).unwrap().into_iter().map(NonZeroU32::get).collect()
    }

    #[test]
    fn ranges_include_both_ends_and_lists_are_sorted() {
        assert_eq!(counts("1..4"), [1, 2, 3, 4]);
        assert_eq!(counts("1..=2"), [1, 2]);
        assert_eq!(counts("8,1, 2,1..3"), [1, 2, 3, 8]);
        assert_eq!(counts("3"), [3]);
        assert!(!counts("1..auto").is_empty());
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for (text, why) in [
            ("", "not a number of workers"),
            ("0..2", "too small"),
            ("4..2", "the smaller number first"),
            ("1..", "not a number of workers"),
            ("1..4096", "too many"),
            ("1..99999", "too large"),
        ] {
            let said = parse_counts(text).unwrap_err().0;
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn every_other_repetition_goes_backwards() {
        let runs: Vec<_> =
            order(&parse_counts("1..3").unwrap(), 2).into_iter().map(|(n, r)| (n.get(), r)).collect();
        assert_eq!(runs, [(1, 1), (2, 1), (3, 1), (3, 2), (2, 2), (1, 2)]);
    }
}
