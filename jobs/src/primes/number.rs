//! Numbers as people write them and as payloads carry them.

use crate::BadValue;
use crate::spec::{Item, SpecError};

/// The most digits a number may have. A prime of 1,000 digits takes a tenth of a second, and ten times the
/// digits take a thousand times as long; most numbers that are not prime are found out far sooner.
pub(super) const MAX_DIGITS: usize = 20_000;

/// An integer of any size and sign; canonical, so that equal numbers look the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number<'a> {
    /// From 0 to 2⁶⁴ − 1.
    Small(u64),
    /// From 2⁶⁴ on: decimal digits without leading zeros.
    Big(&'a str),
    /// Below 0: the decimal digits of its opposite, without leading zeros.
    Negative(&'a str),
}

/// Why a text is no number that can be tested.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadNumber {
    /// There is something else than a sign and digits.
    #[error("{0} is not an integer")]
    NoInteger(String),
    /// There are more than [`MAX_DIGITS`] digits.
    #[error("has {0} digits, and numbers of at most {MAX_DIGITS} digits are tested")]
    TooLong(usize),
}

/// The first byte of a payload: how many bytes of a small number follow, or one of these with digits.
const BIG: u8 = 0xFF;
const NEGATIVE: u8 = 0xFE;

impl<'a> Number<'a> {
    /// Reads an optional sign and decimal digits.
    pub(super) fn parse(text: &'a str) -> Result<Self, BadNumber> {
        let (negative, digits) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let shown: String = text.chars().take(60).collect();
            return Err(BadNumber::NoInteger(format!("{shown:?}")));
        }
        let digits = digits.trim_start_matches('0');
        if digits.len() > MAX_DIGITS {
            return Err(BadNumber::TooLong(digits.len()));
        }
        Ok(match digits.parse() {
            _ if digits.is_empty() => Self::Small(0),
            _ if negative => Self::Negative(digits),
            Ok(small) => Self::Small(small),
            Err(_) => Self::Big(digits),
        })
    }

    /// A number of a job file.
    pub(super) fn from_item(item: &'a Item) -> Result<Self, SpecError> {
        Self::parse(item.integer()?).map_err(|bad| item.error(bad.to_string()))
    }

    /// Appends the number as a payload: a few bytes where it is small, digits where it is not.
    pub(super) fn write(self, payload: &mut Vec<u8>) {
        match self {
            Self::Small(small) => {
                payload.push(byte_length(small));
                write_short(small, payload);
            }
            Self::Big(digits) => {
                payload.push(BIG);
                payload.extend_from_slice(digits.as_bytes());
            }
            Self::Negative(digits) => {
                payload.push(NEGATIVE);
                payload.extend_from_slice(digits.as_bytes());
            }
        }
    }

    /// Reads a payload; whatever [`write`](Self::write) does not make is refused.
    pub(super) fn read(payload: &'a [u8]) -> Result<Self, BadValue> {
        let bad = || BadValue("the payload is not a number".into());
        let (tag, rest) = payload.split_first().ok_or_else(bad)?;
        if *tag <= 8 {
            let fits = usize::from(*tag) == rest.len();
            return read_short(rest).filter(|_| fits).map(Self::Small).ok_or_else(bad);
        }
        let text = std::str::from_utf8(rest).ok().filter(|text| !text.starts_with(['0', '-', '+']));
        match (*tag, text.map(Self::parse)) {
            (BIG, Some(Ok(Self::Big(digits)))) => Ok(Self::Big(digits)),
            (NEGATIVE, Some(Ok(Self::Small(_) | Self::Big(_)))) => text.map(Self::Negative).ok_or_else(bad),
            _ => Err(bad()),
        }
    }

    /// Appends the number in decimal.
    pub(super) fn print(self, text: &mut String) {
        match self {
            Self::Small(small) => text.push_str(itoa::Buffer::new().format(small)),
            Self::Big(digits) => text.push_str(digits),
            Self::Negative(digits) => {
                text.push('-');
                text.push_str(digits);
            }
        }
    }
}

fn byte_length(number: u64) -> u8 {
    // At most 8.
    (64 - number.leading_zeros()).div_ceil(8) as u8
}

/// Appends a number's bytes, lowest first, without the zeros at the end: nothing for 0.
pub(super) fn write_short(number: u64, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&number.to_le_bytes()[..usize::from(byte_length(number))]);
}

/// Reads what [`write_short`] writes, and nothing else.
pub(super) fn read_short(bytes: &[u8]) -> Option<u64> {
    let mut whole = [0; 8];
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    (bytes.last() != Some(&0)).then(|| u64::from_le_bytes(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_their_payload() {
        for text in [
            "0",
            "1",
            "255",
            "256",
            "18446744073709551615",
            "18446744073709551616",
            "-1",
            "-340282366920938463463374607431768211456",
        ] {
            let number = Number::parse(text).unwrap();
            let mut payload = Vec::new();
            number.write(&mut payload);
            assert_eq!(Number::read(&payload), Ok(number));
            let mut printed = String::new();
            number.print(&mut printed);
            assert_eq!(printed, text);
        }
    }

    #[test]
    fn numbers_are_canonical() {
        for (text, number) in [
            ("007", Number::Small(7)),
            ("-0", Number::Small(0)),
            ("+5", Number::Small(5)),
            ("-07", Number::Negative("7")),
        ] {
            assert_eq!(Number::parse(text), Ok(number), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", "+", "--1", "12x", "1.5", "1e3", "0x10", "1_000", " 1", "٣", "-é"] {
            assert!(matches!(Number::parse(text), Err(BadNumber::NoInteger(_))), "{text:?}");
        }
        let long = "1".repeat(MAX_DIGITS + 1);
        assert_eq!(Number::parse(&long), Err(BadNumber::TooLong(MAX_DIGITS + 1)));
        assert!(Number::parse(&long[1..]).is_ok());
        assert_eq!(Number::parse(&format!("000{}", &long[1..])), Number::parse(&long[1..]));
    }

    #[test]
    fn payloads_that_no_plan_makes_are_refused() {
        let bad: [&[u8]; 12] = [
            b"",
            b"\x01",
            b"\x01\0",
            b"\x02\x01",
            b"\x01\x01\x01",
            b"\x09123456789",
            b"\xFF",
            b"\xFF17",
            b"\xFF018446744073709551616",
            b"\xFE",
            b"\xFE-1",
            b"\xFE\xFF",
        ];
        for payload in bad {
            assert!(Number::read(payload).is_err(), "{payload:?}");
        }
    }
}
