//! How an answer is written: in JSON and for people.

use num_bigint::BigInt;
use serde_json::Value;

/// The value of a reduction.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Bool(bool),
    Integer(BigInt),
    Float(f64),
}

impl Answer {
    /// Integers that 64 bits with a sign can't hold are strings, and so are `NaN`, `inf` and `-inf`, which
    /// JSON has no numbers for; floats have the shortest digits that read back as the same float.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Bool(bool) => Value::Bool(*bool),
            Self::Integer(integer) => match i64::try_from(integer) {
                Ok(integer) => Value::from(integer),
                Err(_) => Value::String(integer.to_string()),
            },
            Self::Float(float) => match serde_json::Number::from_f64(*float) {
                Some(number) => Value::Number(number),
                None => Value::String(float.to_string()),
            },
        }
    }

    /// As in JSON without the quotes, in at most about 40 characters: for people and for the tree.
    pub(super) fn to_short_text(&self) -> String {
        // Writing a number of millions of digits takes seconds, for a line that shows forty.
        if let Self::Integer(integer) = self
            && integer.bits() > 4096
        {
            return format!("an integer of {} bits", integer.bits());
        }
        let text = match self.to_json() {
            Value::String(text) => text,
            value => value.to_string(),
        };
        if text.len() <= 40 {
            return text;
        }
        let (head, tail) =
            (text.get(..16).unwrap_or_default(), text.get(text.len() - 16..).unwrap_or_default());
        format!("{head}…{tail} ({} digits)", text.trim_start_matches('-').len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_beyond_64_bits_are_strings() {
        let json = |value: i128| Answer::Integer(value.into()).to_json().to_string();
        assert_eq!(json(i64::MAX.into()), "9223372036854775807");
        assert_eq!(json(i64::MIN.into()), "-9223372036854775808");
        assert_eq!(json(i128::from(i64::MAX) + 1), "\"9223372036854775808\"");
    }

    #[test]
    fn floats_have_the_shortest_digits_that_read_back() {
        let json = |value: f64| Answer::Float(value).to_json().to_string();
        assert_eq!(json(0.1 + 0.2), "0.30000000000000004");
        assert_eq!(json(3.0), "3.0");
        assert_eq!(json(f64::NAN), "\"NaN\"");
        assert_eq!(json(f64::INFINITY), "\"inf\"");
        assert_eq!(json(f64::NEG_INFINITY), "\"-inf\"");
        assert_eq!(json(-f64::NAN), "\"NaN\"");
        assert_eq!(json(5e-324), "5e-324");
    }

    #[test]
    fn long_integers_are_shortened_for_people() {
        let short = Answer::Integer(BigInt::from(7).pow(100)).to_short_text();
        assert_eq!(short, "3234476509624757…1459636928060001 (85 digits)");
        assert_eq!(Answer::Bool(true).to_short_text(), "true");
        assert!(Answer::Integer(BigInt::from(1) << 5000).to_short_text().contains("5001 bits"));
    }
}
