//! Run ids: short, sorted by time, told apart by a prefix.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use super::StoreError;

/// Crockford's base 32, in lower case: no letter looks like a digit, and it sorts as the numbers do.
/// <https://www.crockford.com/base32.html>
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 45 bits of milliseconds last until the year 3084.
const TIME_DIGITS: u32 = 9;
/// 10 bits that tell runs of one millisecond apart; where two meet, the second draws again.
const RANDOM_DIGITS: u32 = 2;

const LONGEST: usize = 64;

/// What a run is called.
///
/// A generated id is eleven base-32 digits: nine of Unix time in milliseconds, two at random. One that a
/// user chose is 1 to 64 of `A-Z a-z 0-9 . _ -`, the first a letter or a digit, so that it can stand in a
/// file name and on a command line as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

impl RunId {
    /// An id for a run that starts `now`. Only the lowest ten bits of `random` are used.
    pub fn generate(now: SystemTime, random: u64) -> Self {
        let millis = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let random_bits = RANDOM_DIGITS * 5;
        let number = (millis << random_bits) | u128::from(random) & ((1 << random_bits) - 1);
        let digits = TIME_DIGITS + RANDOM_DIGITS;
        let text = (0..digits).rev().map(|place| char::from(digit(number >> (place * 5)))).collect();
        Self(text)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn digit(number: u128) -> u8 {
    // Five bits can't point outside of thirty-two digits.
    ALPHABET[usize::try_from(number & 31).unwrap_or_default()]
}

impl FromStr for RunId {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if starts_well && text.len() <= LONGEST && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(StoreError::BadRunId { id: text.to_owned() })
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ids_sort_by_time_and_can_be_given_back() {
        let at = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        let ids: Vec<_> = [0, 1, 31, 32, 1_700_000_000_000, 1_700_000_000_001]
            .into_iter()
            .map(|millis| RunId::generate(at(millis), !millis))
            .collect();
        assert!(ids.is_sorted(), "{ids:?}");
        for id in &ids {
            assert_eq!(id.as_str().len(), 11);
            assert_eq!(&RunId::from_str(id.as_str()).unwrap(), id);
        }
    }

    #[test]
    fn ids_of_one_millisecond_differ_by_what_was_drawn() {
        let at = UNIX_EPOCH + Duration::from_millis(1_700_000_000_000);
        assert_ne!(RunId::generate(at, 1), RunId::generate(at, 2));
        assert_eq!(RunId::generate(at, 1), RunId::generate(at, 1025));
    }

    #[test]
    fn a_clock_before_1970_still_gives_an_id() {
        let id = RunId::generate(UNIX_EPOCH - Duration::from_secs(1), 0);
        assert_eq!(id.as_str(), "00000000000");
    }

    #[test]
    fn an_id_that_could_not_be_a_file_name_is_refused() {
        let long = "x".repeat(65);
        for bad in ["", ".", "..", "-x", "a/b", "a b", "é", "a\n", &long] {
            assert!(RunId::from_str(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "nightly-2026.11.21", "A_b", &"x".repeat(64)] {
            assert!(RunId::from_str(good).is_ok(), "{good:?}");
        }
    }
}
