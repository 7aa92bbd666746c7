//! Numbers in text, most of them eight digits at a time.

use num_bigint::BigInt;

/// What a cell holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Small(i64),
    Big(BigInt),
    Float(f64),
    Bool(bool),
}

const LOW_BITS: u64 = 0x0101_0101_0101_0101;

/// The integer of at most 16 digits at the front of `bytes` and the bytes it takes, where it ends before the
/// last 8 of them: a fast way, not a judgement.
#[inline(always)]
pub(super) fn leading_integer(bytes: &[u8]) -> Option<(i64, usize)> {
    let negative = bytes.first() == Some(&b'-');
    let sign = usize::from(negative);
    let (first, digits) = eight_digits(bytes.get(sign..)?.first_chunk()?);
    let (value, used) = if digits < 8 {
        (first, digits)
    } else {
        let (second, more) = eight_digits(bytes.get(sign + 8..)?.first_chunk()?);
        if more == 8 {
            return None;
        }
        (first * POWERS[more & 7] + second, 8 + more)
    };
    if used == 0 {
        return None;
    }
    let value = value as i64;
    Some((if negative { -value } else { value }, sign + used))
}

/// The number with a fraction or an exponent at the front of `bytes` and the bytes it takes; `None` for
/// anything else, integers among it. Rounded as IEEE says.
pub(super) fn leading_float(bytes: &[u8]) -> Option<(f64, usize)> {
    let (value, len) = fast_float2::parse_partial(bytes).ok()?;
    let has_fraction = bytes.get(..len)?.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    has_fraction.then_some((value, len))
}

const POWERS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// The number that the leading digits of eight bytes make, and how many they are.
///
/// Source: D. Lemire, "Quickly parsing eight digits" (2018), and the test for digits of simdjson and
/// fast_float.
#[inline(always)]
fn eight_digits(bytes: &[u8; 8]) -> (u64, usize) {
    // The first character is the lowest byte. Digits become 0 … 9, anything else more.
    let values = u64::from_le_bytes(*bytes) ^ (LOW_BITS * u64::from(b'0'));
    // The high bit of each byte that is no digit; those above the first one may be wrong, and don't matter.
    let others = (values.wrapping_add(LOW_BITS * 0x76) | values) & (LOW_BITS * 0x80);
    let digits = (others.trailing_zeros() / 8) as usize;
    if digits == 0 {
        return (0, 0);
    }
    // Leading zeros take the place of what is no digit.
    let values = values << (64 - 8 * digits);
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let upper = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let lower = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    (upper.wrapping_add(lower) >> 32, digits)
}

/// The number, or true or false, in a cell; blanks around it don't count.
pub(super) fn cell(text: &[u8]) -> Option<Cell> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(match text.parse() {
            Ok(small) => Cell::Small(small),
            Err(_) => Cell::Big(text.parse().ok()?),
        });
    }
    if text.eq_ignore_ascii_case("true") {
        return Some(Cell::Bool(true));
    }
    if text.eq_ignore_ascii_case("false") {
        return Some(Cell::Bool(false));
    }
    text.parse().ok().map(Cell::Float)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_fast_way_stops_where_the_digits_do() {
        assert_eq!(leading_integer(b"1,rest......"), Some((1, 1)));
        assert_eq!(leading_integer(b"-12345678\n23456789"), Some((-12_345_678, 9)));
        assert_eq!(
            leading_integer(b"1234567890123456\n......"),
            None,
            "sixteen digits are left to the other way"
        );
        assert_eq!(leading_integer(b"123456789012345\n......."), Some((123_456_789_012_345, 15)));
        assert_eq!(leading_integer(b"x2345678"), None);
        assert_eq!(leading_integer(b"-x345678."), None);
        assert_eq!(leading_integer(b"1"), None, "too near the end");
    }

    #[test]
    fn cells_hold_integers_floats_and_booleans() {
        assert_eq!(cell(b" 42 "), Some(Cell::Small(42)));
        assert_eq!(cell(b"+7"), Some(Cell::Small(7)));
        assert_eq!(cell(b"-9223372036854775808"), Some(Cell::Small(i64::MIN)));
        assert_eq!(cell(b"9223372036854775808"), Some(Cell::Big(BigInt::from(i64::MAX) + 1)));
        assert_eq!(cell(b"1e3"), Some(Cell::Float(1000.0)));
        assert_eq!(cell(b"-inf"), Some(Cell::Float(f64::NEG_INFINITY)));
        assert_eq!(cell(b"TRUE"), Some(Cell::Bool(true)));
        for text in ["", " ", "-", "abc", "1 2", "1_000", "0x10", "--1", "\u{661}"] {
            assert_eq!(cell(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn only_floats_are_taken_for_floats() {
        assert_eq!(leading_float(b"1.5,x"), Some((1.5, 3)));
        assert_eq!(leading_float(b"-2e3\n"), Some((-2000.0, 4)));
        assert_eq!(leading_float(b".5"), Some((0.5, 2)));
        for text in ["123456789012345678901234567890,", "x", "", "-", "nan", "inf"] {
            assert_eq!(leading_float(text.as_bytes()), None, "{text:?}: left to the other way");
        }
    }

    proptest! {
        #[test]
        fn floats_are_read_as_the_library_reads_them(value in prop::num::f64::ANY) {
            prop_assume!(value.is_finite());
            let text = format!("{value:?}");
            prop_assert_eq!(leading_float(text.as_bytes()), Some((value, text.len())));
        }

        #[test]
        fn the_fast_way_reads_what_the_library_reads(value in -999_999_999_999_999_i64..=999_999_999_999_999, end in "[,;\n\r .x]") {
            let text = format!("{value}{end}            ");
            prop_assert_eq!(leading_integer(text.as_bytes()), Some((value, value.to_string().len())));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = (leading_integer(&bytes), leading_float(&bytes), cell(&bytes));
        }
    }
}
